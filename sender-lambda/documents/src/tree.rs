//! JSON text as a tree of values: what `serde_json` reads as a `Value`, and where a member is there twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use zeroize::Zeroize as _;

/// What becomes of a member that an object has twice.
pub(crate) enum Twice {
    /// The last one counts.
    Last,
    /// It is refused, except below this member of the document; its place is noted.
    Refused { except: &'static str, place: String },
}

impl Twice {
    /// Puts a name or an index before the place.
    fn inside(&mut self, name: fmt::Arguments<'_>) {
        if let Self::Refused { place, .. } = self
            && !place.is_empty()
        {
            let dot = if place.starts_with('[') { "" } else { "." };
            *place = format!("{name}{dot}{place}");
        }
    }
}

/// Reads JSON text of at most 127 levels, which is the limit of `serde_json`.
pub(crate) fn read(text: &str, twice: &mut Twice) -> serde_json::Result<Value> {
    let mut json = serde_json::Deserializer::from_str(text);
    let refused = matches!(twice, Twice::Refused { .. });
    let value = Level { twice, refused, depth: 0 }.deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

/// Reads the values of one level.
struct Level<'a> {
    twice: &'a mut Twice,
    /// Whether a member may not be there twice here.
    refused: bool,
    depth: usize,
}

impl Level<'_> {
    fn below(&mut self, refused: bool) -> Level<'_> {
        Level { twice: self.twice, refused, depth: self.depth + 1 }
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
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            match items.next_element_seed(self.below(self.refused)) {
                Ok(Some(value)) => values.push(value),
                Ok(None) => return Ok(Value::Array(values)),
                Err(error) => {
                    self.twice.inside(format_args!("[{}]", values.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let mut refused = self.refused;
            if let Twice::Refused { except, place } = &mut *self.twice
                && refused
            {
                if values.contains_key(&name) {
                    let error = A::Error::custom(format_args!("duplicate field `{name}`"));
                    *place = name;
                    return Err(error);
                }
                refused = self.depth > 0 || name != *except;
            }
            match members.next_value_seed(self.below(refused)) {
                Ok(value) => {
                    if let Some(mut twice) = values.insert(name, value) {
                        wipe(&mut twice);
                    }
                }
                Err(error) => {
                    self.twice.inside(format_args!("{name}"));
                    return Err(error);
                }
            }
        }
        Ok(Value::Object(values))
    }
}

/// Overwrites every text, for any may be a secret.
pub fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        _ => {}
    }
}
