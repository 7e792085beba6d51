//! The four kinds of notification, and through which server each leaves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Real-time notifications: new comments, tasks.
    Notification,
    /// Exchanges about a data-subject rights request.
    RightsRequest,
    /// The invitation of a respondent to an audit.
    AuditInvitation,
    /// The invitation of a new user.
    UserInvitation,
}

impl Category {
    /// All four, in the order of the contract.
    pub const ALL: [Self; 4] =
        [Self::Notification, Self::RightsRequest, Self::AuditInvitation, Self::UserInvitation];

    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notification => "notification",
            Self::RightsRequest => "rights-request",
            Self::AuditInvitation => "audit-invitation",
            Self::UserInvitation => "user-invitation",
        }
    }
}

/// Which server carries a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// The tenant's own SMTP server.
    Relay,
    /// The platform's default SMTP service.
    Platform,
}

/// What happens to a category's mail while the tenant's relay is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Keep it until the relay works again. The default: mail never leaves by another way unasked.
    #[default]
    Hold,
    /// Send it through the platform's server.
    Platform,
}

/// The rule for one category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CategoryRoute {
    /// The server of choice.
    pub via: Via,
    /// What to do when that is the relay, and the relay is broken.
    pub on_failure: OnFailure,
}

impl Default for CategoryRoute {
    fn default() -> Self {
        Self { via: Via::Relay, on_failure: OnFailure::Hold }
    }
}

/// The rules for all four categories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    routes: [CategoryRoute; 4],
}

impl Routing {
    /// The rule for this category.
    pub fn of(&self, category: Category) -> CategoryRoute {
        self.routes[category as usize]
    }

    /// Sets the rule for this category.
    pub fn set(&mut self, category: Category, route: CategoryRoute) {
        self.routes[category as usize] = route;
    }
}
