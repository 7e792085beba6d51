//! A secret that cannot be shown by accident.

use std::fmt;

use zeroize::Zeroizing;

/// A password, client secret or token. It has no `Serialize` and no `Display`, its `Debug` reveals nothing, and
/// its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text as it is: a secret is never altered.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The only way to the text; every call of it is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "<redacted>");
    }
}
