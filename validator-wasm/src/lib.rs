//! The browser surface of the rules: a packed hot path over the module's own memory, and an object API for what
//! is asked once. `js/index.js` is what people import.

use std::cell::RefCell;

use serde::Serialize;
use smtp_rules::catalogue::{Code, Param, Severity};
use smtp_rules::packed::{Key, MAX_DEPTH};
use smtp_rules::report::Report;
use smtp_rules::{Idn, Options, Shell};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/js/idn.js")]
extern "C" {
    /// A name as A-labels by the browser's URL parser.
    fn idn(name: &str) -> Option<String>;
}

struct Browser;

impl Shell for Browser {
    fn idn(&self, name: &str) -> Idn {
        // Of names in ASCII only the server looks at the A-labels: not every URL parser does.
        if name.is_ascii() {
            return Idn::Name(name.to_ascii_lowercase());
        }
        idn(name).map_or(Idn::Invalid, Idn::Name)
    }
}

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static REPORT: RefCell<Report> = const { RefCell::new(Report::new()) };
}

/// Makes room for this many bytes of input and says where. What was there stays, perhaps elsewhere.
#[wasm_bindgen]
pub fn input(length: usize) -> *const u8 {
    INPUT.with_borrow_mut(|input| {
        if input.len() < length {
            input.resize(length, 0);
        }
        input.as_ptr()
    })
}

/// Checks what the input holds: a packed document, the allowed ports and the allowed networks, of these lengths.
/// `only` is one more than the number of the field to check alone, or 0. Returns the length of the packed
/// issues.
#[wasm_bindgen]
pub fn run(document: usize, ports: usize, networks: usize, only: usize) -> usize {
    let report = |input: &[u8], report: &mut Report| {
        let (document, rest) = input.split_at_checked(document).unwrap_or_default();
        let (ports, rest) = rest.split_at_checked(ports).unwrap_or_default();
        let networks = rest.get(..networks).unwrap_or_default();
        let options = Options {
            allow_ports: str::from_utf8(ports).unwrap_or_default(),
            allow_networks: str::from_utf8(networks).unwrap_or_default(),
            allow_endpoints: &[],
            only: only.checked_sub(1).and_then(|number| Key::ALL.get(number).copied()),
        };
        smtp_rules::check(document, &options, &Browser, report);
        report.bytes().len()
    };
    INPUT.with_borrow(|input| REPORT.with_borrow_mut(|issues| report(input, issues)))
}

/// Where the packed issues are.
#[wasm_bindgen]
pub fn output() -> *const u8 {
    REPORT.with_borrow(|report| report.bytes().as_ptr())
}

/// What the façade packs and decodes by, so that it is written once.
#[derive(Serialize)]
struct Tables {
    /// The stable codes; a packed issue has the index.
    codes: &'static [&'static str],
    /// For each code, whether it is an error.
    errors: Vec<bool>,
    /// The names of the settings; packed members have the index.
    keys: &'static [&'static str],
    /// For each of the document's own fields, the fields its issues depend on, as a mask of indices.
    needs: Vec<u32>,
    /// The names of the params.
    params: &'static [&'static str],
    /// The deepest document.
    depth: usize,
}

/// The tables as a JavaScript object.
#[wasm_bindgen]
pub fn tables() -> JsValue {
    to_js(&Tables {
        codes: Code::NAMES,
        errors: Code::ALL.iter().map(|code| code.severity() == Severity::Error).collect(),
        keys: Key::NAMES,
        needs: Key::ALL.iter().take(Key::TOP).map(|key| smtp_rules::needs(*key)).collect(),
        params: Param::NAMES,
        depth: MAX_DEPTH,
    })
}

/// A fragment of SmtpSettings.
#[derive(Serialize)]
struct Fragment<'a> {
    host: &'a str,
    port: u16,
    security: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
}

/// The settings of the provider that an address or host belongs to, as an object, or null.
#[wasm_bindgen]
pub fn suggest(text: &str) -> JsValue {
    match smtp_rules::suggest(text) {
        Some(found) => to_js(&Fragment {
            host: &found.host,
            port: found.port,
            security: found.security,
            username: found.username,
        }),
        None => JsValue::NULL,
    }
}

fn to_js(value: &impl Serialize) -> JsValue {
    serde_wasm_bindgen::to_value(value).unwrap_or(JsValue::NULL)
}
