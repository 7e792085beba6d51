//! The message that `router` puts on the queue and `sender` takes off: it names the row to send. The mail itself is in the
//! ledger, so that a message stays small however large the event is, and a copy of it reveals nothing of the mail.

use ownpost_domain::delivery::DeliveryId;
use ownpost_domain::tenant::Tenant;
use serde::{Deserialize, Serialize};

/// The body of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The tenant of the row.
    pub tenant: Tenant,
    /// The id of the row.
    pub delivery: DeliveryId,
}

impl Job {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// The body is not one of [`Job::encode`]; the message names the fault and its place, without quoting the body.
    pub fn decode(body: &str) -> Result<Self, String> {
        serde_json::from_str(body)
            .map_err(|error| format!("no body of ours ({:?} at column {})", error.classify(), error.column()))
    }

    /// Writes the body of a message, in JSON.
    pub fn encode(&self) -> String {
        serde_json::json!({"tenant": self.tenant, "delivery": self.delivery}).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_back_and_foreign_ones_refused() {
        let tenant = Tenant::new("acme").unwrap();
        let job = Job { delivery: DeliveryId::derive(&tenant, "e1", "jan@example.org"), tenant };
        assert_eq!(Job::decode(&job.encode()), Ok(job));
        for foreign in ["", "x", "[]", "{}", r#"{"tenant":"../x","delivery":"d"}"#, r#"{"tenant":"a"}"#] {
            assert!(Job::decode(foreign).is_err(), "{foreign}");
        }
    }
}
