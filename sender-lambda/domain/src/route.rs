//! Through which server a mail leaves, and why. Fails closed: a tenant's mail leaves by the platform's server
//! only when the tenant has no settings of its own, or when its settings say so for that category.

use super::category::{Category, OnFailure, Routing, Via};

/// The state of a tenant's relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relay<'a> {
    /// The tenant has no settings, or has taken them away.
    None,
    /// The tenant has taken its settings away while this mail was held for its relay, and nobody has decided about it.
    Removed,
    /// Settings are stored, and they cannot be read.
    Unreadable,
    /// The ledger knows of settings that the secret store does not have: absent is not the same as unreadable.
    Missing,
    /// Settings are active for this server.
    Active {
        /// The server's host name.
        host: &'a str,
        /// The rules of the categories.
        routing: &'a Routing,
        /// Why no mail may go through it now; `None` when it may.
        fault: Option<&'a str>,
    },
}

/// The decision about a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Send the mail now.
    Send {
        /// The server to send it through.
        via: Via,
        /// Why, for a person.
        reason: String,
    },
    /// Try again later: what decides cannot be read now, and another way is never chosen for that.
    Defer {
        /// The reason, for a person.
        reason: String,
    },
    /// Keep the mail until the server works again that it waits for.
    Hold {
        /// The server that it waits for.
        waits_for: Via,
        /// Why, for a person.
        reason: String,
    },
}

/// The platform's own server, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformServer {
    /// Its settings are there.
    Available,
    /// The operator has set none up.
    NotConfigured,
    /// Its settings cannot be read now.
    Unreadable,
}

/// Decides the way of a mail of this category.
pub fn decide(category: Category, relay: &Relay<'_>, platform: PlatformServer) -> Route {
    let kind = category.name();
    let route = match relay {
        Relay::None => {
            let reason = "Sent through the platform's server: no mail server of your own is set up.";
            Route::Send { via: Via::Platform, reason: reason.to_owned() }
        }
        Relay::Removed => Route::Hold {
            waits_for: Via::Relay,
            reason: "Held: the settings of your own mail server were removed while this mail waited for it. It leaves by \
                     the platform's server as soon as you release it; if nobody does before its time is over, it fails."
                .to_owned(),
        },
        Relay::Unreadable => Route::Defer {
            reason: "The stored settings of your own mail server cannot be read. Nothing leaves by another way; the \
                     operator has to restore them, or you save them again."
                .to_owned(),
        },
        Relay::Missing => Route::Defer {
            reason: "The settings of your own mail server should be there and are not in the secret store. Nothing \
                     leaves by another way; the operator has to restore them, or you save them again."
                .to_owned(),
        },
        Relay::Active { host, routing, fault } => {
            let rule = routing.of(category);
            match (rule.via, fault, rule.on_failure) {
                (Via::Platform, ..) => Route::Send {
                    via: Via::Platform,
                    reason: format!(
                        "Sent through the platform's server: your settings route {kind} mail that way."
                    ),
                },
                (Via::Relay, None, _) => Route::Send {
                    via: Via::Relay,
                    reason: format!(
                        "Sent through your own server {host}, as your settings say for {kind} mail."
                    ),
                },
                (Via::Relay, Some(fault), OnFailure::Platform) => Route::Send {
                    via: Via::Platform,
                    reason: format!(
                        "Sent through the platform's server, as your settings say for {kind} mail while your own \
                         server {host} fails: {fault}"
                    ),
                },
                (Via::Relay, Some(fault), OnFailure::Hold) => Route::Hold {
                    waits_for: Via::Relay,
                    reason: format!(
                        "Held, as your settings say for {kind} mail while your own server {host} fails: {fault}"
                    ),
                },
            }
        }
    };
    match (&route, platform) {
        (Route::Send { via: Via::Platform, .. }, PlatformServer::NotConfigured) => Route::Hold {
            waits_for: Via::Platform,
            reason: "Held: this mail goes through the platform's server, and the platform has none set up."
                .to_owned(),
        },
        (Route::Send { via: Via::Platform, .. }, PlatformServer::Unreadable) => Route::Defer {
            reason: "This mail goes through the platform's server, whose settings cannot be read now. It is tried \
                     again; the operator has been told."
                .to_owned(),
        },
        _ => route,
    }
}

/// The alert that the tenant's own server fails: never through that server.
pub fn alert(platform: PlatformServer) -> Route {
    match decide(Category::Notification, &Relay::None, platform) {
        Route::Send { via, .. } => Route::Send {
            via,
            reason:
                "Sent through the platform's server: an alert about your own server never goes through it."
                    .to_owned(),
        },
        route => route,
    }
}

#[cfg(test)]
mod tests {
    use super::super::category::CategoryRoute;
    use super::*;

    #[test]
    fn routes() {
        let rule = |via, on_failure| {
            let mut routing = Routing::default();
            routing.set(Category::RightsRequest, CategoryRoute { via, on_failure });
            routing
        };
        let hold = rule(Via::Relay, OnFailure::Hold);
        let fall_back = rule(Via::Relay, OnFailure::Platform);
        let platform = rule(Via::Platform, OnFailure::Hold);
        let active = |routing, fault| Relay::Active { host: "smtp.acme.test", routing, fault };
        // Expected: the server or `None` for held, and what the reason must say.
        let check = |relay: Relay<'_>, has_platform: bool, expected: Option<Via>, says: &str| {
            let server = if has_platform { PlatformServer::Available } else { PlatformServer::NotConfigured };
            let (via, reason) = match decide(Category::RightsRequest, &relay, server) {
                Route::Send { via, reason } => (Some(via), reason),
                Route::Hold { reason, .. } | Route::Defer { reason } => (None, reason),
            };
            assert_eq!(via, expected, "{relay:?}");
            assert!(reason.contains(says) && !reason.contains("  "), "{reason}");
        };
        let broken = Some("it refused the password.");
        check(Relay::None, true, Some(Via::Platform), "no mail server of your own");
        check(Relay::None, false, None, "the platform has none");
        check(Relay::Unreadable, true, None, "cannot be read");
        check(Relay::Removed, true, None, "as soon as you release it");
        check(Relay::Missing, true, None, "Nothing leaves by another way");
        check(active(&hold, None), true, Some(Via::Relay), "your own server smtp.acme.test");
        check(active(&hold, None), false, Some(Via::Relay), "your own server");
        check(active(&hold, broken), true, None, "fails: it refused the password.");
        check(active(&fall_back, None), true, Some(Via::Relay), "your own server");
        check(
            active(&fall_back, broken),
            true,
            Some(Via::Platform),
            "while your own server smtp.acme.test fails",
        );
        check(active(&fall_back, broken), false, None, "the platform has none");
        check(active(&platform, None), true, Some(Via::Platform), "route rights-request mail");
        check(active(&platform, broken), true, Some(Via::Platform), "route rights-request mail");
    }

    #[test]
    fn what_cannot_be_read_defers_and_chooses_no_other_way() {
        let relay = Relay::Active { host: "h", routing: &Routing::default(), fault: None };
        for category in Category::ALL {
            let deferred = |relay: &Relay<'_>, platform| {
                matches!(decide(category, relay, platform), Route::Defer { .. })
            };
            assert!(deferred(&Relay::Missing, PlatformServer::Available));
            assert!(deferred(&Relay::Unreadable, PlatformServer::Available));
            assert!(deferred(&Relay::None, PlatformServer::Unreadable));
            assert!(!deferred(&relay, PlatformServer::Unreadable), "its own relay needs no platform");
        }
        assert!(matches!(alert(PlatformServer::Unreadable), Route::Defer { .. }));
    }

    #[test]
    fn without_the_policy_nothing_leaves_by_the_platform() {
        for category in Category::ALL {
            for fault in [None, Some("x")] {
                let relay = Relay::Active { host: "h", routing: &Routing::default(), fault };
                let route = decide(category, &relay, PlatformServer::Available);
                assert!(!matches!(route, Route::Send { via: Via::Platform, .. }), "{route:?}");
            }
        }
    }
}
