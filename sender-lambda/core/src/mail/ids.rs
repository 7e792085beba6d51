//! The Message-IDs of mails and threads: pure functions, so that a mail sent again after a crash carries the
//! same id and the recipient's server can see that it has the mail already (RFC 5322 §3.6.4).

use ownpost_domain::delivery::{DeliveryId, hex};
use ownpost_domain::tenant::Tenant;
use sha2::{Digest, Sha256};

/// The right-hand side of a Message-ID when the operator has no name: reserved by RFC 2606, so that no real domain is named.
const NO_DOMAIN: &str = "ownpost.invalid";

/// The Message-ID of the mail of this row, without angle brackets.
pub fn message_id(tenant: &Tenant, event: &str, recipient: &str, ehlo_name: Option<&str>) -> String {
    let id = DeliveryId::derive(tenant, event, recipient);
    // The row's own hash: one id leads from a mail to its row and back.
    format!("{}@{}", id.as_str().trim_start_matches("dlv_"), ehlo_name.unwrap_or(NO_DOMAIN))
}

/// The id that all mails of a thread refer to, without angle brackets. No mail bears it: whichever mail of the
/// thread comes first, mail programs group the others with it.
pub fn thread_id(tenant: &Tenant, thread: &str, ehlo_name: Option<&str>) -> String {
    let mut hash = Sha256::new();
    for part in ["thread", tenant.as_str(), thread] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("thread.{}@{}", hex(&hash.finalize()[..16]), ehlo_name.unwrap_or(NO_DOMAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_nothing_but_what_they_name() {
        let acme = Tenant::new("acme").unwrap();
        let id = |event: &str, to: &str| message_id(&acme, event, to, Some("mail.example.com"));
        assert_eq!(id("e1", "jan@example.org"), id("e1", "jan@EXAMPLE.org"));
        assert_ne!(id("e1", "jan@example.org"), id("e2", "jan@example.org"));
        assert!(id("e1", "jan@example.org").ends_with("@mail.example.com"));
        let other = Tenant::new("other").unwrap();
        assert_ne!(thread_id(&acme, "t", None), thread_id(&other, "t", None));
        assert!(thread_id(&acme, "t\r\n", None).ends_with("@ownpost.invalid"));
    }
}
