//! The categories of notification, one row each, and the server through which the mail of each leaves.
//!
//! A new category is a row here and, each asked for by a failing test or type check: a key of `smtp_rules::packed`, a
//! template of its name in each language (`mail::templates` of `ownpost-core`), and its default in the form's
//! `draft.js`. The JSON Schema, the TypeScript types and the order of the form follow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// Declares each category as one row: its doc comment, variant and name in JSON.
macro_rules! categories {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)+) => {
        /// The kind of a notification.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Category {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl Category {
            /// All categories, in the order of the reference.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant,)+];

            /// The name in JSON.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

categories! {
    /// Real-time notifications: new comments, tasks.
    Notification = "notification";
    /// Exchanges about a data-subject rights request.
    RightsRequest = "rights-request";
    /// The invitation of a respondent to an audit.
    AuditInvitation = "audit-invitation";
    /// The invitation of a new user.
    UserInvitation = "user-invitation";
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
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

/// The rules of all categories: a map that has each of them. In JSON an object with a member for each category.
///
/// ```
/// use ownpost_domain::category::{Category, CategoryRoute, OnFailure, Routing, Via};
///
/// let platform = CategoryRoute { via: Via::Platform, on_failure: OnFailure::Hold };
/// let routing = Routing::from_iter([(Category::UserInvitation, platform)]);
/// assert_eq!(routing.of(Category::UserInvitation).via, Via::Platform);
/// assert_eq!(routing.of(Category::Notification).via, Via::Relay);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    routes: [CategoryRoute; Category::ALL.len()],
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

/// The rules of the categories named, and the default for the others.
impl FromIterator<(Category, CategoryRoute)> for Routing {
    fn from_iter<I: IntoIterator<Item = (Category, CategoryRoute)>>(rules: I) -> Self {
        let mut routing = Self::default();
        for (category, route) in rules {
            routing.set(category, route);
        }
        routing
    }
}

impl Serialize for Routing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Category::ALL.map(|category| (category, self.of(category))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_rules_know_the_same_categories() {
        let known = smtp_rules::packed::Key::CATEGORIES.map(smtp_rules::packed::Key::name);
        assert_eq!(known, Category::ALL.map(Category::name));
    }
}
