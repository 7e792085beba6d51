//! Answers as JSON text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// An answer as JSON text.
pub(crate) fn json(document: &impl Serialize) -> String {
    let mut text = Vec::with_capacity(1024);
    // No document here has a number or a key that JSON lacks.
    let _ = document.serialize(&mut Serializer::with_formatter(&mut text, Compact));
    String::from_utf8(text).unwrap_or_default()
}

/// Without white space, and with the standard library's shortest decimals: `serde_json` brings tables for quicker ones, which
/// would be a tenth of the module, for the rare number with a fraction in the data of an event.
struct Compact;

impl Formatter for Compact {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        write!(writer, "{value}")
    }
}
