//! Settings from any data format, JavaScript objects among them.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use smtp_rules::packed::{
    ARRAY, FALSE, MAX_DEPTH, NULL, OBJECT, OTHER, Packer, TOO_DEEP, TRUE, Value as Packed,
};
use zeroize::Zeroizing;

/// A settings document, read with bounded depth and packed for the rules, where values keep that JSON does not have (they
/// come as bytes).
pub struct Given {
    pub(crate) packed: Zeroizing<Vec<u8>>,
}

impl Given {
    /// A document beyond a limit, by its tag ([`TOO_DEEP`] or [`smtp_rules::packed::TOO_LARGE`]).
    pub fn beyond(tag: u8) -> Self {
        Self { packed: Zeroizing::new(vec![tag]) }
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut packer, mut deep) = (Packer::default(), false);
        let seed = Level { packer: &mut packer, deep: &mut deep, depth: 0 };
        match seed.deserialize(deserializer) {
            Ok(()) => Ok(Self { packed: Zeroizing::new(packer.finish()) }),
            Err(_) if deep => Ok(Self::beyond(TOO_DEEP)),
            Err(error) => Err(error),
        }
    }
}

/// Reads the values of one level.
struct Level<'a> {
    packer: &'a mut Packer,
    /// Whether the document has more levels than it may.
    deep: &'a mut bool,
    depth: usize,
}

impl Level<'_> {
    fn below<E: Error>(&mut self) -> Result<Level<'_>, E> {
        if self.depth == MAX_DEPTH {
            *self.deep = true;
            return Err(E::custom("too deep"));
        }
        Ok(Level { packer: self.packer, deep: self.deep, depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.packer.tag(NULL);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.packer.tag(if value { TRUE } else { FALSE });
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "JavaScript's numbers are doubles")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "JavaScript's numbers are doubles")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.packer.number(value);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.packer.text(text);
        Ok(())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<(), E> {
        self.visit_str(&Zeroizing::new(text))
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<(), E> {
        self.packer.tag(OTHER);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        self.below::<A::Error>()?;
        let start = self.packer.open(ARRAY);
        while items.next_element_seed(self.below()?)?.is_some() {}
        self.packer.close(start);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.below::<A::Error>()?;
        let start = self.packer.open(OBJECT);
        while let Some(name) = members.next_key::<String>()? {
            self.packer.name(&name);
            members.next_value_seed(self.below()?)?;
        }
        self.packer.close(start);
        Ok(())
    }
}

/// The text of a packed member that has one.
pub(crate) fn text(value: Packed<'_>) -> Option<String> {
    match value {
        Packed::Text(text) => String::from_utf8(text.to_vec()).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer as _;
    use serde_json::json;

    use super::*;

    /// The same bytes as the server packs of JSON text.
    #[test]
    fn a_value_is_packed_as_from_text() {
        let deep = |levels: usize| (0..levels).fold(json!("x"), |inner, _| json!([inner]));
        for document in [
            json!({"host": "h", "port": 587, "x": [1.5, null, true, "é"], "password": {"set": "s"}}),
            json!("text"),
            json!([]),
            deep(32),
            deep(33),
            deep(500),
        ] {
            let given = Given::deserialize(document.clone().into_deserializer()).unwrap();
            assert_eq!(*given.packed, *crate::rules::pack(&document));
        }
    }
}
