//! The history of a tenant's settings: who changed them, when, which fields, and how it ended.

use jiff::Timestamp;
use ownpost_domain::delivery::Revision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smtp_rules::shown::deceives;

/// The most characters of a claim that the history keeps.
const MOST: usize = 256;

/// The person who changed the settings, by the claims of the token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct By {
    /// The claim `sub`: the person's id at the identity provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The claim `email`, unless the identity provider says that it is not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The claim `sid`: the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The claim `jti`, the token's own id, where there is no `sid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
}

impl By {
    /// From the claims as they came. Control characters and those that turn the direction of text are left out, because
    /// the history is shown in terminals and logs.
    pub fn new(sub: Option<&str>, email: Option<&str>, sid: Option<&str>, jti: Option<&str>) -> Self {
        let clean = |claim: Option<&str>| {
            let claim = claim?.chars().filter(|c| !deceives(*c));
            let claim: String = claim.take(MOST).collect();
            (!claim.is_empty()).then_some(claim)
        };
        let sid = clean(sid);
        let jti = if sid.is_none() { clean(jti) } else { None };
        Self { sub: clean(sub), email: clean(email), sid, jti }
    }
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// `PUT /smtp`.
    Save,
    /// `POST /smtp/rollback`.
    Rollback,
    /// `DELETE /smtp`.
    Remove,
    /// `DELETE /smtp?forget=1`.
    Forget,
}

impl Action {
    /// The name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Save => "save",
            Self::Rollback => "rollback",
            Self::Remove => "remove",
            Self::Forget => "forget",
        }
    }
}

/// How a change ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The change took effect.
    Done,
    /// The test did not pass, so nothing changed.
    TestFailed,
    /// Somebody else's change was faster, so nothing changed.
    Conflict,
    /// The store refused or was out of reach, so nothing changed.
    StoreFailed,
    /// The function ended in the middle. Whether the change took effect is seen by the active revision.
    Unfinished,
}

impl Ended {
    /// The name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::TestFailed => "test_failed",
            Self::Conflict => "conflict",
            Self::StoreFailed => "store_failed",
            Self::Unfinished => "unfinished",
        }
    }
}

/// One change of the settings, or an attempt to change them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingsChange")]
pub struct Change {
    /// When it was asked for.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Who asked for it.
    pub by: By,
    /// The kind of change.
    pub action: Action,
    /// How it ended.
    pub ended: Ended,
    /// The failure code of the test that did not pass.
    pub code: Option<String>,
    /// The revision that was to become active.
    pub revision: Option<Revision>,
    /// The host of that revision; null for the platform's server.
    pub host: Option<String>,
    /// The fields that differ from the settings active until then, by their names. Never a value.
    pub changed: Vec<String>,
}

/// `GET /smtp/history`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingsHistory")]
pub struct History {
    /// The changes, newest first.
    pub history: Vec<Change>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_kept_short_and_without_characters_that_deceive() {
        let long = "x".repeat(1_000);
        let by = By::new(Some("a\u{202e}b\nc\u{1b}[31m"), Some(""), Some(&long), Some("token"));
        assert_eq!(by.sub.as_deref(), Some("abc[31m"));
        assert_eq!((by.email, by.jti), (None, None), "an empty claim is none, and sid goes before jti");
        assert_eq!(by.sid.map(|sid| sid.len()), Some(MOST));
        assert_eq!(By::new(None, None, None, Some("token")).jti.as_deref(), Some("token"));
    }
}
