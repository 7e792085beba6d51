//! The messages on the queue between the functions and `sender`. A message names the row to send or the task to do: the
//! mail itself is in the ledger, so that a message stays small however large the event is, and a copy of it reveals
//! nothing of the mail.

use jiff::Timestamp;
use ownpost_domain::category::Category;
use ownpost_domain::delivery::{DeliveryId, Status};
use ownpost_domain::tenant::Tenant;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The body of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Job {
    /// A mail to send.
    Mail(MailJob),
    /// A task that takes too long for the call that asked for it.
    Task(TaskJob),
}

/// A mail to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailJob {
    /// The tenant of the row.
    pub tenant: Tenant,
    /// The id of the row.
    pub delivery: DeliveryId,
    /// Whether a person has released it: held for settings that were removed, it leaves by the platform's server.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decided: bool,
    /// Whether the row was failed by the router, and its event is still to be emitted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub announce: bool,
}

/// A task for a tenant, or for the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskJob {
    /// The tenant it is for.
    #[serde(deserialize_with = "stored")]
    pub tenant: Tenant,
    /// What is to be done.
    pub task: Task,
}

/// A task that is worked off a piece at a time; each piece puts the next one on the queue. Doing a piece twice is harmless.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Task {
    /// Puts held mail on the queue, oldest first, in growing steps.
    Release {
        /// Where the list goes on; `None` at its beginning.
        #[serde(default)]
        after: Option<String>,
        /// How many mails of this step are still to come.
        left: usize,
        /// How many mails this step has.
        step: usize,
        /// Whether a person asked for it.
        #[serde(default)]
        decided: bool,
    },
    /// Sends mails again, newest first, by a person's decision.
    Resend {
        /// Where the list goes on; `None` at its beginning.
        #[serde(default)]
        after: Option<String>,
        /// Which mails.
        choice: Choice,
    },
    /// Erases what is kept of a recipient.
    Erase {
        /// The address in its canonical form.
        recipient: String,
    },
    /// Deletes everything that the ledger keeps of the tenant.
    Forget {},
    /// Looks at the tenant's relay: tests it when it is idle or due after a failure, and warns of its certificate. For the
    /// platform: warns of the operator's credentials.
    LookAtRelay {},
}

/// Which mails a person sends again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// `failed` or `unknown`; with any other status, only mail whose next action is an hour late.
    pub status: Status,
    /// Mail of events from this time on.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Timestamp,
    /// Mail of events before this time; all when absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// Mail of this category; of all when absent.
    #[serde(default)]
    pub category: Option<Category>,
}

/// Reads the name of a tenant or of the platform.
fn stored<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tenant, D::Error> {
    Tenant::stored(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

impl Job {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// The body is not one of [`Job::encode`]; the message names the fault and its place, without quoting the body.
    pub fn decode(body: &str) -> Result<Self, String> {
        serde_json::from_str(body).map_err(|error| {
            format!("no body of this queue ({:?} at column {})", error.classify(), error.column())
        })
    }

    /// Writes the body of a message, in JSON.
    pub fn encode(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// The tenant that it is for.
    pub fn tenant(&self) -> &Tenant {
        match self {
            Self::Mail(job) => &job.tenant,
            Self::Task(job) => &job.tenant,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_back_and_foreign_ones_refused() {
        let tenant = Tenant::new("acme").unwrap();
        let delivery = DeliveryId::derive(&tenant, "e1", "jan@example.org");
        let job = Job::Mail(MailJob { tenant: tenant.clone(), delivery, decided: false, announce: false });
        assert_eq!(Job::decode(&job.encode()), Ok(job));
        for task in [
            Task::Release { after: None, left: 7, step: 20, decided: false },
            Task::Release { after: Some("x".to_owned()), left: 7, step: 20, decided: true },
            Task::LookAtRelay {},
        ] {
            let job = Job::Task(TaskJob { tenant: tenant.clone(), task });
            assert_eq!(Job::decode(&job.encode()), Ok(job));
        }
        let operators = Job::Task(TaskJob { tenant: Tenant::platform(), task: Task::LookAtRelay {} });
        assert_eq!(Job::decode(&operators.encode()), Ok(operators));
        for foreign in [
            "",
            "x",
            "[]",
            "{}",
            r#"{"tenant":"../x","delivery":"d"}"#,
            r#"{"tenant":"-platform","delivery":"d"}"#,
            r#"{"tenant":"-other","task":{"lookAtRelay":{}}}"#,
            r#"{"tenant":"a"}"#,
            r#"{"tenant":"a","task":"release"}"#,
            r#"{"tenant":"a","task":{"format":{}}}"#,
            r#"{"tenant":"a","delivery":"d","task":{"release":{"left":1,"step":1}}}"#,
        ] {
            assert!(Job::decode(foreign).is_err(), "{foreign}");
        }
    }
}
