//! The types of mails that have texts of their own, and what each may say. Schema, reference page, preview data and the
//! checks of an operator's templates come from this list.

use ownpost_domain::category::Category;

/// How a member of `data` is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One line of text.
    Text,
    /// The name of a person: one that reads as a link is left out.
    Person,
    /// Text of several lines, shown as a quotation.
    Quotation,
    /// A web address.
    Url,
    /// An ISO 8601 date, written as each language does.
    Date,
    /// An ISO 8601 time in UTC, written as each language does.
    Time,
    /// A whole number.
    Number,
}

/// A member of `data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// How it is read.
    pub kind: Kind,
    /// What it says.
    pub meaning: &'static str,
    /// An example, also for previews.
    pub example: &'static str,
}

/// A type of mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailType {
    /// The name in `type`, and of the template.
    pub name: &'static str,
    /// The category that it belongs to.
    pub category: Category,
    /// What the text is much better with; without one of these a neutral sentence takes its place, and a warning says so.
    pub wanted: &'static [&'static str],
    /// What the text uses where it is there.
    pub optional: &'static [&'static str],
}

impl MailType {
    /// The type of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        TYPES.iter().find(|known| known.name == name)
    }

    /// Whether Ownpost itself sends it: an alert or a test mail.
    pub fn is_own(&self) -> bool {
        self.name.starts_with("ownpost.")
    }

    /// The fields, the wanted ones first.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.wanted.iter().chain(self.optional).filter_map(|name| Field::find(name))
    }
}

impl Field {
    /// The field of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|known| known.name == name)
    }
}

const fn field(name: &'static str, kind: Kind, meaning: &'static str, example: &'static str) -> Field {
    Field { name, kind, meaning, example }
}

/// Every member of `data` that a text uses.
pub const FIELDS: &[Field] = &[
    field("actor", Kind::Person, "the person who did it", "Noor Jansen"),
    field("title", Kind::Text, "the thing that it is about", "Treatment 42"),
    field(
        "excerpt",
        Kind::Quotation,
        "shown as a quotation",
        "Could you have a look?\n\nThe second paragraph is new.",
    ),
    field("url", Kind::Url, "where to read or answer", "https://app.example.com/treatments/42"),
    field("due", Kind::Date, "an ISO date", "2026-12-14"),
    field("controller", Kind::Text, "the organisation that answers for the data", "Acme Ltd"),
    field("reference", Kind::Text, "the number of the request", "DSR-2026-0042"),
    field(
        "deadline",
        Kind::Date,
        "an ISO date: until when the request is answered, or an answer is needed",
        "2026-12-30",
    ),
    field(
        "reason",
        Kind::Text,
        "why something is refused or needed",
        "The request does not say which data it means.",
    ),
    field("authority", Kind::Text, "where to complain", "Data Protection Authority, www.dpa.example"),
    field("host", Kind::Text, "the mail server", "smtp.acme.example"),
    field(
        "server",
        Kind::Text,
        "the mail server with port and TLS mode",
        "smtp.acme.example, port 587, STARTTLS",
    ),
    field("from", Kind::Text, "the sender", "noreply@acme.example"),
    field("when", Kind::Time, "a moment", "2026-11-30T08:05:00Z"),
    field("since", Kind::Time, "a moment", "2026-11-30T08:05:00Z"),
    field("cause", Kind::Text, "what happened, in the recipient's language", ""),
    field("remedy", Kind::Text, "what to do, in the recipient's language", ""),
    field("held", Kind::Number, "how many mails wait", "12"),
    field("more", Kind::Text, "`true` when more wait than were counted", ""),
    field("action", Kind::Text, "`save`, `rollback`, `remove` or `forget`", "save"),
    field("credential", Kind::Text, "`clientSecret` or `grant`", "clientSecret"),
    field("fields", Kind::Text, "the settings that were changed", "host, password"),
];

const fn mail(
    name: &'static str,
    category: Category,
    wanted: &'static [&'static str],
    optional: &'static [&'static str],
) -> MailType {
    MailType { name, category, wanted, optional }
}

use Category::{AuditInvitation, Notification, RightsRequest, UserInvitation};

/// All types, each category's own text first.
pub const TYPES: &[MailType] = &[
    mail("notification", Notification, &["title", "url"], &["actor", "excerpt"]),
    mail("comment.created", Notification, &["actor", "title", "url"], &["excerpt"]),
    mail("mention.created", Notification, &["actor", "title", "url"], &["excerpt"]),
    mail("task.assigned", Notification, &["title", "url"], &["actor", "excerpt", "due"]),
    mail("task.due", Notification, &["title", "url", "due"], &["excerpt"]),
    mail("rights-request", RightsRequest, &["controller", "reference"], &["title", "excerpt", "url"]),
    mail(
        "rights-request.received",
        RightsRequest,
        &["controller", "reference", "deadline"],
        &["title", "excerpt", "url", "due"],
    ),
    mail(
        "rights-request.message",
        RightsRequest,
        &["url"],
        &["actor", "title", "excerpt", "controller", "reference"],
    ),
    mail(
        "rights-request.identity-needed",
        RightsRequest,
        &["controller", "url"],
        &["title", "excerpt", "reference", "reason", "deadline", "due"],
    ),
    mail(
        "rights-request.completed",
        RightsRequest,
        &["controller", "reference"],
        &["title", "excerpt", "url", "authority"],
    ),
    mail(
        "rights-request.refused",
        RightsRequest,
        &["controller", "reference", "reason", "authority"],
        &["title", "excerpt", "url"],
    ),
    mail("audit-invitation", AuditInvitation, &["title", "url"], &["actor", "excerpt"]),
    mail("audit.invited", AuditInvitation, &["title", "url"], &["actor", "excerpt", "due"]),
    mail("audit.reminder", AuditInvitation, &["title", "url"], &["excerpt", "due"]),
    mail("audit.completed", AuditInvitation, &["title"], &["excerpt", "url"]),
    mail("user-invitation", UserInvitation, &["url"], &["actor", "title", "excerpt"]),
    mail("user.invited", UserInvitation, &["url"], &["actor", "title", "excerpt", "due"]),
    mail("user.reminder", UserInvitation, &["url"], &["title", "excerpt", "due"]),
    mail("ownpost.test", Notification, &["host", "server", "from", "when"], &["actor", "url"]),
    mail(
        "ownpost.relay-unhealthy",
        Notification,
        &["host", "since", "cause", "remedy"],
        &["held", "more", "url"],
    ),
    mail("ownpost.relay-recovered", Notification, &["host"], &["held", "url"]),
    mail("ownpost.certificate-expiring", Notification, &["host", "due"], &["url"]),
    mail("ownpost.credential-expiring", Notification, &["host", "due", "credential"], &["url"]),
    mail("ownpost.settings-changed", Notification, &["actor", "action", "when"], &["host", "fields", "url"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_type_is_known_and_every_field_is_used() {
        for known in TYPES {
            for name in known.wanted.iter().chain(known.optional) {
                assert!(Field::find(name).is_some(), "{}: {name}", known.name);
            }
        }
        for field in FIELDS {
            assert!(TYPES.iter().any(|known| known.fields().any(|used| used == field)), "{}", field.name);
        }
    }

    #[test]
    fn each_category_has_a_text_of_its_own() {
        for category in Category::ALL {
            assert!(MailType::find(category.name()).is_some_and(|own| own.category == category));
        }
    }
}
