//! Why an event is not accepted: the stable codes, and a problem with its place.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// Declares the codes once: variant, stable code, meaning.
macro_rules! event_codes {
    ($($variant:ident = $code:literal $meaning:literal,)+) => {
        /// Why an event is not accepted. Codes are added, never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EventCode { $(#[doc = $meaning] $variant,)+ }
        impl EventCode {
            /// All codes, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
            /// The HTTP status of a call whose events are all refused, the first by this code.
            pub const fn status(self) -> u16 {
                match self {
                    Self::Unavailable => 503,
                    Self::NotJson => 400,
                    Self::TooLarge => 413,
                    Self::TenantForeign => 403,
                    _ => 422,
                }
            }
            /// What it means, for the developer of an event source.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }
    };
}

event_codes! {
    TooLarge = "event.too_large" "Larger than 1 MiB; with `ownpost send`, than 25 MiB.",
    NotJson = "event.not_json" "No JSON.",
    WrongShape = "event.wrong_shape" "A wrong type, a missing member or an unknown one.",
    IdInvalid = "event.id_invalid" "`id` is not 1 to 128 printable ASCII characters without spaces.",
    TenantInvalid = "event.tenant_invalid" "`tenant` is not 1 to 64 letters, digits, hyphens, underscores or dots that begin with a letter or digit.",
    CategoryUnknown = "event.category_unknown" "`category` is none of the four.",
    TypeInvalid = "event.type_invalid" "`type` is not 1 to 64 of `A-Z a-z 0-9 . _ -` that begin with a letter or digit, or it begins with `ownpost.`, which is reserved.",
    RecipientsEmpty = "event.recipients_empty" "No recipient.",
    RecipientsTooMany = "event.recipients_too_many" "More than 1000 recipients; send more events.",
    AddressInvalid = "event.address_invalid" "No mailbox address, or one of more than 254 octets. A recipient's is refused alone; only when none can be used, the event is.",
    TimeInvalid = "event.time_invalid" "`notAfter` is no time such as 2026-12-01T12:00:00Z.",
    ControlCharacter = "event.control_character" "A line break or another control character in a one-line member, or NUL anywhere.",
    LengthInvalid = "event.length_invalid" "A text that is too long, or empty where it must not be.",
    AttachmentsTooMany = "event.attachments_too_many" "More than 50 attachments.",
    ContentTypeInvalid = "event.content_type_invalid" "No MIME type of a file.",
    Base64Invalid = "event.base64_invalid" "The bytes of an attachment are no base64.",
    ContentEmpty = "event.content_empty" "`content` has neither `text` nor `html`.",
    UnsubscribeInvalid = "event.unsubscribe_invalid" "`unsubscribe.url` is no https address.",
    BrandInvalid = "event.brand_invalid" "A member of `brand` that a mail cannot carry.",
    TenantForeign = "event.tenant_foreign" "The event is of another tenant than the caller's.",
    IdReused = "event.id_reused" "The id was used for an event with another content; nothing of this one is kept.",
    Unavailable = "event.unavailable" "The store or the queue is out of reach; send the same event again.",
}

/// Why an event is not accepted, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventError {
    /// The stable code.
    pub code: EventCode,
    /// Where in the document: `recipients[0].address`; empty for the whole.
    pub path: String,
    /// The problem, for the developer of the event source.
    pub problem: String,
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "{}: {}", self.path, self.problem)
        }
    }
}

impl std::error::Error for EventError {}

impl EventError {
    pub(super) fn new(code: EventCode, path: &str, problem: impl Into<String>) -> Self {
        Self { code, path: path.to_owned(), problem: problem.into() }
    }
}

impl Serialize for EventCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl JsonSchema for EventCode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let codes = Self::ALL
            .iter()
            .map(|code| json!({"type": "string", "const": code.code(), "description": code.meaning()}));
        json_schema!({"description": "Why an event is not accepted.", "oneOf": codes.collect::<Vec<Value>>()})
    }
}
