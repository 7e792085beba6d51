//! The Message-IDs of mails and threads: pure functions, so that a mail sent again after a crash carries the
//! same id and the recipient's server can see that it has the mail already (RFC 5322 §3.6.4).

use ownpost_domain::delivery::{DeliveryId, hex};
use ownpost_domain::tenant::Tenant;
use sha2::{Digest, Sha256};

/// The right-hand side of a Message-ID as long as nobody knows through whose server the mail leaves: reserved by RFC 2606,
/// so that no real domain is named.
const NO_DOMAIN: &str = "ownpost.invalid";

/// The Message-ID of the mail of this row, without angle brackets, before its first attempt. [`named`] gives it the domain.
pub fn message_id(tenant: &Tenant, event: &str, recipient: &str) -> String {
    let id = DeliveryId::derive(tenant, event, recipient);
    // The row's own hash: one id leads from a mail to its row and back.
    format!("{}@{NO_DOMAIN}", id.as_str().trim_start_matches("dlv_"))
}

/// The Message-ID with the domain of the sender of the first attempt. It stays for all later ones, whichever way they go: a
/// server that has the mail already sees that it is the same.
pub fn named(message_id: &str, sender: &str) -> String {
    match message_id.strip_suffix(NO_DOMAIN) {
        Some(left) => format!("{left}{}", domain(sender)),
        None => message_id.to_owned(),
    }
}

/// The domain of an address, as it can stand in a Message-ID.
pub(crate) fn domain(address: &str) -> String {
    let domain = address.rsplit_once('@').map_or(NO_DOMAIN, |(_, domain)| domain);
    idna::domain_to_ascii(domain)
        .ok()
        .filter(|domain| !domain.is_empty())
        .unwrap_or_else(|| NO_DOMAIN.to_owned())
}

/// The id that all mails of a thread refer to, without angle brackets. No mail bears it: whichever mail of the
/// thread comes first, mail programs group the others with it.
pub fn thread_id(tenant: &Tenant, thread: &str, domain: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["thread", tenant.as_str(), thread] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("thread.{}@{domain}", hex(&hash.finalize()[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_nothing_but_what_they_name() {
        let acme = Tenant::new("acme").unwrap();
        let id = |event: &str, to: &str| message_id(&acme, event, to);
        assert_eq!(id("e1", "jan@example.org"), id("e1", "jan@EXAMPLE.org"));
        assert_ne!(id("e1", "jan@example.org"), id("e2", "jan@example.org"));
        let first = named(&id("e1", "jan@example.org"), "noreply@Größe.example");
        assert!(first.ends_with("@xn--gre-6ka8i.example"), "{first}");
        assert_eq!(named(&first, "noreply@platform.example"), first, "the first attempt's stays");
        let other = Tenant::new("other").unwrap();
        assert_ne!(thread_id(&acme, "t", "a.example"), thread_id(&other, "t", "a.example"));
        assert!(thread_id(&acme, "t\r\n", "a.example").ends_with("@a.example"));
    }
}
