//! What `router` puts on the queue and `sender` takes off: which row to send. The mail itself is in the
//! ledger, so that a message stays small however large the event is, and a copy of it tells nothing.

use ownpost_domain::delivery::DeliveryId;
use ownpost_domain::tenant::Tenant;
use serde::{Deserialize, Serialize};

/// The body of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Whose row.
    pub tenant: Tenant,
    /// Which row.
    pub delivery: DeliveryId,
}

impl Job {
    /// Reads a body.
    ///
    /// # Errors
    /// It is not one that we wrote; the message says what is wrong with it, without quoting it.
    pub fn decode(body: &str) -> Result<Self, String> {
        serde_json::from_str(body)
            .map_err(|error| format!("no body of ours ({:?} at column {})", error.classify(), error.column()))
    }

    /// The body.
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
