//! The browser surface of the rules: packed settings in, packed issues out, in the module's own memory.
//! `js/index.js` is what people import.
//!
//! For WASM this is a crate without the standard library: its allocator, its panic messages and its formatting
//! would be most of what a page downloads.

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;
use core::cell::OnceCell;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;
use core::{mem, slice};

use smtp_rules::packed::Key;
use smtp_rules::report::{Report, Suggestion};
use smtp_rules::{Destination, Directory, Idn, Options, Platform};
use wasm_bindgen::prelude::*;

mod memory;

#[wasm_bindgen(raw_module = "./idn.js")]
extern "C" {
    /// Replaces the name at this place, of this length and with so much room, by its A-labels as the browser's
    /// URL parser has them; the new length, 0 when it is no name.
    fn idn(place: usize, length: usize, room: usize) -> usize;
}

/// Room for any name in A-labels that the rules accept, and for many that they do not.
const ROOM: usize = 1 << 10;

struct Browser {
    directory: Directory,
}

impl Platform for Browser {
    fn idn(&self, name: &[u8]) -> Idn {
        // Of names in ASCII only the server looks at the A-labels: not every URL parser does.
        if name.is_ascii() {
            return Idn::Name(name.to_ascii_lowercase());
        }
        let mut text = name.to_vec();
        text.resize(ROOM.max(name.len()), 0);
        let length = idn(text.as_mut_ptr() as usize, name.len(), text.len());
        text.truncate(length);
        if text.is_empty() { Idn::Invalid } else { Idn::Name(text) }
    }

    fn directory(&self) -> &Directory {
        &self.directory
    }
}

/// What the page's one thread has.
struct Single<T>(OnceCell<T>);

#[expect(unsafe_code, reason = "WASM without threads: no other thread shares it")]
// SAFETY: a module instance is entered by the thread that made it, and by no other.
unsafe impl<T> Sync for Single<T> {}

static BROWSER: Single<Browser> = Single(OnceCell::new());

/// Where the input and the report are.
static INPUT: AtomicUsize = AtomicUsize::new(0);
static OUTPUT: AtomicUsize = AtomicUsize::new(0);

/// Makes room for this many bytes of input and says where; what was in the room before is not moved.
#[wasm_bindgen]
pub fn input(length: usize) -> usize {
    let place = Vec::leak(vec![0_u8; length]).as_ptr() as usize;
    INPUT.store(place, Relaxed);
    place
}

/// Checks what the input holds: a packed document, the allowed ports and the allowed networks, of these lengths.
/// `only` is one more than the number of the field to check alone, or 0. Returns the length of the packed issues,
/// which stay until the next call.
#[wasm_bindgen]
pub fn run(document: usize, ports: usize, networks: usize, only: usize) -> usize {
    ask(document + ports + networks, &|browser, input| {
        let (document, rest) = input.split_at_checked(document).unwrap_or_default();
        let (allow_ports, allow_networks) = rest.split_at_checked(ports).unwrap_or_default();
        let only = only.checked_sub(1).and_then(|number| Key::ALL.get(number).copied());
        let mut report = Report::new();
        smtp_rules::check(document, &Options { allow_ports, allow_networks, only }, browser, &mut report);
        leave(report, Report::bytes)
    })
}

/// Proposes the settings of the provider that the address or host in the input belongs to. Returns the length of the
/// packed changes, which stay until the next call; 0 when the provider is not known.
#[wasm_bindgen]
pub fn suggest(length: usize) -> usize {
    ask(length, &|browser, input| leave(browser.directory.suggest(input), Suggestion::bytes))
}

/// Reads the packed secret in the input and returns the length of its text as it is stored, which stays until the
/// next call.
#[wasm_bindgen]
pub fn secret(length: usize) -> usize {
    ask(length, &|_, input| leave(smtp_rules::secret_text(input), Vec::as_slice))
}

/// Whether a secret that is stored for the second of the packed documents in the input may be kept in the first.
#[wasm_bindgen]
pub fn same_destination(settings: usize, stored: usize) -> bool {
    let same = ask(settings + stored, &|browser, input| {
        let (settings, stored) = input.split_at_checked(settings).unwrap_or_default();
        let key = |document| Destination::read(document, browser).map(|read| read.key());
        let settings = key(settings);
        usize::from(settings.is_some() && settings == key(stored))
    });
    same != 0
}

/// Where the packed issues, the packed changes or the text are.
#[wasm_bindgen]
pub fn output() -> usize {
    OUTPUT.load(Relaxed)
}

/// Leaves the bytes where the façade reads them before it asks again; their length.
fn leave<T>(owner: T, bytes: fn(&T) -> &[u8]) -> usize {
    let bytes = bytes(&owner);
    let length = bytes.len();
    OUTPUT.store(bytes.as_ptr() as usize, Relaxed);
    mem::forget(owner);
    length
}

/// Answers a question about the input, of this length. Not generic, so that it is compiled once.
fn ask(length: usize, question: &dyn Fn(&Browser, &[u8]) -> usize) -> usize {
    let browser = BROWSER.0.get_or_init(|| Browser { directory: Directory::new() });
    let mark = memory::mark();
    #[expect(unsafe_code, reason = "the façade writes straight into the module's memory")]
    // SAFETY: the façade has asked for that much room, which is initialised and never given back, and writes
    // nothing while the rules run.
    let input = unsafe { slice::from_raw_parts(INPUT.load(Relaxed) as *const u8, length) };
    let answer = question(browser, input);
    // The memory that the rules have used is free again, and with it the bytes that `leave` has left.
    memory::release(mark);
    answer
}
