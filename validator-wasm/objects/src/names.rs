//! Names as A-labels, by the URL parser of the engine: tables of our own would be larger than the rest of the module.

use std::sync::OnceLock;

use smtp_rules::{Directory, Idn, Platform};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "./names.js")]
extern "C" {
    /// The name as A-labels; empty when it is none.
    fn ascii(name: &str) -> String;
}

/// A name beyond plain ASCII as A-labels, as [`ownpost_documents::event::ToAscii`] wants it.
pub(crate) fn to_ascii(name: &str) -> Option<String> {
    Some(ascii(name)).filter(|name| !name.is_empty())
}

/// What the rules need of this engine.
pub(crate) struct Names;

impl Platform for Names {
    fn idn(&self, name: &[u8]) -> Idn {
        // Of names in ASCII only the server looks at the A-labels: not every URL parser does.
        if name.is_ascii() {
            return Idn::Name(name.to_ascii_lowercase());
        }
        match str::from_utf8(name).ok().and_then(to_ascii) {
            Some(name) => Idn::Name(name.into_bytes()),
            None => Idn::Invalid,
        }
    }

    fn directory(&self) -> &Directory {
        static DIRECTORY: OnceLock<Directory> = OnceLock::new();
        DIRECTORY.get_or_init(Directory::new)
    }
}
