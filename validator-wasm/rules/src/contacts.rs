//! The addresses that hear of a broken relay. Each has issues of its own, at `contacts.0` and so on. A fix is the whole
//! list, because a merge patch cannot change an item.

use alloc::vec::Vec;

use crate::catalogue::{Code, Param};
use crate::host::MAX_TEXT;
use crate::mailbox::Codes;
use crate::packed::{Key, Value};
use crate::platform::Platform;
use crate::rules::Rules;

/// How many there may be.
const MAX_CONTACTS: usize = 5;

const CONTACTS: Codes = Codes {
    wrong_type: Code::ContactsWrongType,
    whitespace: Code::ContactsWhitespace,
    control_characters: Code::ContactsControlCharacters,
    invisible: Code::ContactsInvisibleCharacters,
    hyphen: Code::ContactsTypographicHyphen,
    display_name: Code::ContactsDisplayName,
    invalid: Code::ContactsInvalid,
    too_long: Code::ContactsTooLong,
    idn_refused: Code::ContactsIdnRefused,
    mixed_script: Code::ContactsMixedScript,
    non_ascii_local: Code::ContactsNonAsciiLocal,
    typo: Code::ContactsTypo,
    not_public: Code::ContactsNotPublic,
};

impl<S: Platform> Rules<'_, S> {
    pub(crate) fn contacts(&mut self) {
        let Value::Array(mut items) = self.field(Key::Contacts) else {
            if !matches!(self.field(Key::Contacts), Value::Null) {
                self.report.add(CONTACTS.wrong_type);
            }
            return;
        };
        while let Some(item) = items.next_value() {
            let Value::Text(text) = item else { return self.report.add(CONTACTS.wrong_type) };
            self.contacts.push(text);
        }
        if self.contacts.len() > MAX_CONTACTS {
            return self.too_long(Code::ContactsTooMany, &[], MAX_CONTACTS);
        }
        let issues = self.report.bytes().len();
        for at in 0..self.contacts.len() {
            self.contact = Some(at);
            let text = self.contacts.get(at).copied().unwrap_or_default();
            self.address(&CONTACTS, text, &mut Vec::new());
        }
        // The fix of a repeated one takes an item away: with it, the issues of the others would move.
        if self.report.bytes().len() == issues {
            self.repeated();
        }
    }

    /// The fix of one contact.
    #[inline(never)]
    pub(crate) fn set_contact(&mut self, at: usize, better: &[u8]) {
        let mut list = self.contacts.clone();
        // The list stands in each fix, so a long one has none.
        if list.iter().all(|text| text.len() <= MAX_TEXT)
            && let Some(text) = list.get_mut(at)
        {
            *text = better;
            self.report.set_list(Key::Contacts, &list);
        }
    }

    /// Reports an address that stands there twice, which the server leaves out.
    fn repeated(&mut self) {
        let mut repeated = None;
        let mut list: Vec<&[u8]> = Vec::new();
        for text in &self.contacts {
            if list.iter().any(|other| other.eq_ignore_ascii_case(text)) {
                repeated = Some(*text);
            } else {
                list.push(text);
            }
        }
        if let Some(address) = repeated {
            self.report.add(Code::ContactsDuplicate);
            self.report.param(Param::Address, address);
            self.report.set_list(Key::Contacts, &list);
        }
    }
}
