//! The one form in which a mailbox address is kept and compared.

use email_address::EmailAddress;

/// A name of letters beyond ASCII, or with A-labels, as A-labels in lower case (UTS 46, not strict, as a browser does it
/// for a URL); `None` when it is no name. The server and the npm package bring their own.
pub type ToAscii = fn(&str) -> Option<String>;

/// The address as it is kept and compared: the local part as it is, the domain in lower case and A-labels
/// (RFC 5890), so that it can be written in any SMTP command. `None` when it is no mailbox address of at most 254 octets
/// (RFC 5321 §4.5.3.1.3).
pub fn canonical_address(address: &str, to_ascii: ToAscii) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let domain = if domain.starts_with('[') {
        domain.to_owned()
    } else if domain.bytes().any(|b| b.is_ascii() && !b.is_ascii_alphanumeric() && !b"-._".contains(&b)) {
        // No domain has these, and a URL parser gives some of them a meaning.
        return None;
    } else if domain.is_ascii() && !has_a_label(domain) {
        domain.to_ascii_lowercase()
    } else {
        to_ascii(domain)?
    };
    let canonical = format!("{local}@{domain}");
    let usable = canonical.len() <= 254
        && !canonical.chars().any(char::is_control)
        && EmailAddress::is_valid_local_part(local)
        && EmailAddress::is_valid_domain(&domain);
    usable.then_some(canonical)
}

fn has_a_label(domain: &str) -> bool {
    domain.split('.').any(|label| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")))
}
