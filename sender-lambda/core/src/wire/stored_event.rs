//! An event's document as the ledger keeps it: as it came, or without the recipients whose data was erased.

use std::borrow::Cow;

use ownpost_domain::delivery::DeliveryId;
use ownpost_domain::event::Event;
use serde::Deserialize;
use serde_json::{Value, json};

use super::event::{self, EventError, address_meant, canonical_address};

/// The beginning of a document that something was erased from. No event begins so: it would have an unknown member.
const ERASED: &[u8] = br#"{"erased":["#;

/// A stored document, read.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// The event; `None` when nothing of it is left.
    pub event: Option<Event>,
    /// The rows whose recipients were erased.
    pub erased: Vec<DeliveryId>,
}

#[derive(Deserialize)]
struct Erased {
    erased: Vec<DeliveryId>,
    event: Option<Value>,
}

/// Reads a stored document.
///
/// # Errors
/// What makes the event unusable.
pub fn read(document: &[u8]) -> Result<StoredEvent, EventError> {
    let (erased, event) = parts(document);
    let event = event.map(|event| event::parse(&event, usize::MAX)).transpose()?;
    Ok(StoredEvent { event, erased })
}

/// The document without the recipients of this address; `None` when it does not name them.
pub fn without(document: &[u8], row: &DeliveryId, recipient: &str) -> Option<Vec<u8>> {
    let (mut erased, event) = parts(document);
    let mut event: Value = serde_json::from_slice(&event?).ok()?;
    let recipients = event.get_mut("recipients")?.as_array_mut()?;
    let before = recipients.len();
    recipients.retain(|entry| {
        let address = entry["address"].as_str().unwrap_or_default();
        address != recipient && address_meant(address) != recipient
    });
    if recipients.len() == before {
        return None;
    }
    erased.push(row.clone());
    let usable =
        recipients.iter().any(|entry| entry["address"].as_str().and_then(canonical_address).is_some());
    // Without anybody left to send it to, the content goes too.
    let event = if usable { event } else { Value::Null };
    let (erased, event) = (json!(erased), event.to_string());
    Some(format!(r#"{{"erased":{erased},"event":{event}}}"#).into_bytes())
}

fn parts(document: &[u8]) -> (Vec<DeliveryId>, Option<Cow<'_, [u8]>>) {
    if document.starts_with(ERASED)
        && let Ok(Erased { erased, event }) = serde_json::from_slice(document)
    {
        return (erased, event.map(|event| event.to_string().into_bytes().into()));
    }
    (Vec::new(), Some(document.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ownpost_domain::tenant::Tenant;

    #[test]
    fn a_recipient_goes_and_the_others_stay_until_nobody_is_left() {
        let document = json!({
            "id": "e1", "tenant": "acme", "category": "notification", "type": "comment.created",
            "recipients": [{"address": "jan@example.org"}, {"address": "ann@EXAMPLE.org", "name": "Ann"}],
            "data": {"excerpt": "hello"},
        });
        let document = document.to_string().into_bytes();
        let row = |to: &str| DeliveryId::derive(&Tenant::new("acme").unwrap(), "e1", to);
        assert_eq!(without(&document, &row("x@example.org"), "x@example.org"), None);
        let once = without(&document, &row("ann@example.org"), "ann@example.org").unwrap();
        assert!(!String::from_utf8_lossy(&once).to_lowercase().contains("ann"), "{once:?}");
        let read_once = read(&once).unwrap();
        assert_eq!(read_once.event.unwrap().recipients.len(), 1);
        assert_eq!(read_once.erased, [row("ann@example.org")]);
        let twice = without(&once, &row("jan@example.org"), "jan@example.org").unwrap();
        assert!(!String::from_utf8_lossy(&twice).contains("hello"), "{twice:?}");
        let nothing =
            StoredEvent { event: None, erased: vec![row("ann@example.org"), row("jan@example.org")] };
        assert_eq!(read(&twice), Ok(nothing));
        assert_eq!(without(&twice, &row("jan@example.org"), "jan@example.org"), None);
    }

    #[test]
    fn a_malformed_address_goes_with_the_person_it_means() {
        for (given, meant) in [
            ("Zoë <zoe@EXAMPLE.org>", "zoe@example.org"),
            (" zoe@example.org\t", "zoe@example.org"),
            ("mailto:zoe@example.org", "zoe@example.org"),
            ("<zoe@example.org>", "zoe@example.org"),
            ("zoe@EXAMPLE.org", "zoe@example.org"),
            ("zoe", "zoe"),
            ("<>", "<>"),
            ("", ""),
            ("a@b.org, c@d.org", "a@b.org, c@d.org"),
        ] {
            assert_eq!(address_meant(given), meant, "{given}");
            let document = json!({"recipients": [{"address": given}, {"address": "ann@example.org"}]});
            let row = DeliveryId::from_external("dlv_1");
            let left = without(document.to_string().as_bytes(), &row, meant).unwrap();
            let (_, event) = parts(&left);
            let event: Value = serde_json::from_slice(&event.unwrap()).unwrap();
            assert_eq!(event["recipients"], json!([{"address": "ann@example.org"}]), "{given}");
        }
    }
}
