//! Settings from any data format, JavaScript objects among them.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use smtp_rules::packed::{ARRAY, FALSE, MAX_DEPTH, NULL, OBJECT, OTHER, Packer, TOO_DEEP, TRUE};
use zeroize::{Zeroize as _, Zeroizing};

/// A settings document, read with bounded depth: packed for the rules, where values keep that JSON does not have (they
/// come as bytes), and as a value for the shape, where such are null.
pub struct Given {
    pub(crate) packed: Zeroizing<Vec<u8>>,
    pub(crate) value: Value,
}

impl Given {
    /// A document beyond a limit, by its tag ([`TOO_DEEP`] or [`smtp_rules::packed::TOO_LARGE`]).
    pub fn beyond(tag: u8) -> Self {
        Self { packed: Zeroizing::new(vec![tag]), value: Value::Null }
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut packer, mut deep) = (Packer::default(), false);
        let seed = Level { packer: &mut packer, deep: &mut deep, depth: 0 };
        match seed.deserialize(deserializer) {
            Ok(value) => Ok(Self { packed: Zeroizing::new(packer.finish()), value }),
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
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.packer.tag(NULL);
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.packer.tag(if value { TRUE } else { FALSE });
        Ok(Value::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "JavaScript's numbers are doubles")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.packer.number(value as f64);
        Ok(value.into())
    }

    #[expect(clippy::cast_precision_loss, reason = "JavaScript's numbers are doubles")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.packer.number(value as f64);
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.packer.number(value);
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.packer.text(text);
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        self.packer.text(&text);
        Ok(Value::String(text))
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Value, E> {
        self.packer.tag(OTHER);
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        self.below::<A::Error>()?;
        let start = self.packer.open(ARRAY);
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self.below()?)? {
            values.push(value);
        }
        self.packer.close(start);
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        self.below::<A::Error>()?;
        let start = self.packer.open(OBJECT);
        let mut values = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.packer.name(&name);
            let value = members.next_value_seed(self.below()?)?;
            if let Some(mut twice) = values.insert(name, value) {
                wipe(&mut twice);
            }
        }
        self.packer.close(start);
        Ok(Value::Object(values))
    }
}

/// Overwrites every text, for any may be a secret.
pub(crate) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        _ => {}
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
