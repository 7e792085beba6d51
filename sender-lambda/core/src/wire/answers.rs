//! The small answers of the HTTP API, and the shape of `GET /smtp`.

use ownpost_domain::delivery::DeliveryId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `POST /held/release`.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Released {
    /// The mails that are held at this moment; null for more than 500.
    pub released: Option<usize>,
}

/// `POST /deliveries/resend`.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct ResentMany {
    /// The mails that are sent again; null for more than 500.
    pub resent: Option<usize>,
}

/// `DELETE /deliveries`: nothing is known yet, since the erasing goes on after the answer.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Erasing {}

/// `GET /smtp?default=1` of a tenant without settings.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlatformInUse {
    /// Always `platform`.
    pub status: PlatformStatus,
    /// Whether there is something to roll back to.
    pub previous: bool,
    /// The providers that a mailbox can be connected with; absent without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Vec<ProviderOffer>>,
}

/// A provider that a mailbox can be connected with.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProviderOffer {
    /// Its id, for `POST /smtp/oauth/start`.
    pub provider: String,
    /// Its name, for a person.
    pub name: String,
    /// The host of its SMTP server, if it is known.
    pub host: Option<String>,
}

/// That the platform's server is in use.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlatformStatus {
    /// The platform's server is in use.
    Platform,
}

/// `POST /events`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EventsAnswer {
    /// One for each accepted event, in the order of the array.
    pub accepted: Vec<AcceptedEvent>,
    /// One for each refused event.
    pub refused: Vec<RefusedEvent>,
}

/// An event that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AcceptedEvent {
    /// A row for each recipient, in their order; an address named twice gets one mail.
    pub deliveries: Vec<DeliveryId>,
    /// Whether the event had been accepted before.
    pub repeated: bool,
    /// The recipients whose address cannot be used. Their rows are among the others, as failed ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedRecipient>,
}

/// A recipient whose address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RefusedRecipient {
    /// The place in the event's list.
    pub index: usize,
    /// The id of its failed row.
    pub delivery: DeliveryId,
    /// The stable code.
    pub code: &'static str,
    /// For the developer of the event source.
    pub detail: String,
}

/// An event that was refused.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RefusedEvent {
    /// The place in the array, from 0.
    pub index: usize,
    /// The stable code.
    pub code: &'static str,
    /// Why, for the developer of the event source; absent from the 101st refused event on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The body of `POST /smtp/oauth/start`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionStart {
    /// The provider, by its id in `connect` of `GET /smtp`.
    pub provider: String,
    /// The mailbox, for the provider's own form.
    pub username: Option<String>,
}

/// `POST /smtp/oauth/start`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ConnectionBegun {
    /// Names this connection in the message that the page gets when it is over.
    pub id: String,
    /// Where to send the browser.
    pub url: String,
}
