//! The name of a tenant.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One customer organisation of the SaaS product. The name is part of a Secrets Manager secret name, a
/// DynamoDB key and an SQS `MessageGroupId`, so it keeps to what all three take: 1 to 64 of
/// `A-Z a-z 0-9 - _ . `, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tenant(String);

/// The name of [`Tenant::platform`].
const PLATFORM: &str = "-platform";

/// The name cannot be a tenant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a tenant's name is 1 to 64 letters, digits, hyphens, underscores or dots, beginning with a letter or digit"
)]
pub struct UnusableTenant;

impl Tenant {
    /// Checks the name.
    ///
    /// ```
    /// use ownpost_domain::tenant::Tenant;
    ///
    /// assert_eq!(Tenant::new("acme").unwrap().as_str(), "acme");
    /// assert!(Tenant::new("../acme").is_err());
    /// ```
    ///
    /// # Errors
    /// The name has another length or other characters than a tenant's name may have.
    pub fn new(name: &str) -> Result<Self, UnusableTenant> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        let usable = (1..=64).contains(&name.len())
            && name.bytes().all(allowed)
            && name.as_bytes()[0].is_ascii_alphanumeric();
        if usable { Ok(Self(name.to_owned())) } else { Err(UnusableTenant) }
    }

    /// The owner of the shared states that concern no single tenant. A tenant's own name cannot begin with a hyphen.
    pub fn platform() -> Self {
        Self(PLATFORM.to_owned())
    }

    /// Reads back a name that [`Tenant::as_str`] gave: a tenant's, or that of [`Tenant::platform`]. For the queue alone: what
    /// comes from outside is read by [`Tenant::new`].
    ///
    /// # Errors
    /// The name is neither.
    pub fn stored(name: &str) -> Result<Self, UnusableTenant> {
        if name == PLATFORM { Ok(Self::platform()) } else { Self::new(name) }
    }

    /// The tenant's name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Tenant {
    type Error = UnusableTenant;
    fn try_from(name: String) -> Result<Self, UnusableTenant> {
        Self::new(&name)
    }
}

impl From<Tenant> for String {
    fn from(tenant: Tenant) -> Self {
        tenant.0
    }
}

#[cfg(test)]
mod tests {
    use super::Tenant;

    #[test]
    fn names() {
        for good in ["acme", "0a", "A.b-c_d", &"x".repeat(64)] {
            assert!(Tenant::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", ".", "../x", "a/b", "a b", "é", "a\n", &"x".repeat(65)] {
            assert!(Tenant::new(bad).is_err(), "{bad:?}");
            assert!(Tenant::stored(bad).is_err(), "{bad:?}");
        }
        let platform = Tenant::platform();
        assert!(Tenant::new(platform.as_str()).is_err(), "no token names it");
        assert_eq!(Tenant::stored(platform.as_str()), Ok(platform));
    }
}
