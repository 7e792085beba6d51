//! What is counted and timed, by its kind alone: no tenant, no address and no host, so that the numbers are few and say
//! nothing of anybody. A shell brings the meter that shows them: CloudWatch's on AWS, `/metrics` on one machine.

use std::time::Duration;

use ownpost_domain::category::{Category, Via};
use ownpost_domain::delivery::{Delivery, Status};
use ownpost_domain::tenant::Tenant;

/// A metric. docs/howto/operate.md and the alarms go by these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Mails that were recorded.
    Accepted,
    /// Events that were refused for good.
    Refused,
    /// Mails that a server has taken.
    Sent,
    /// Mails that were put off, each time.
    Deferred,
    /// Mails that were held, each time.
    Held,
    /// Mails that failed.
    Failed,
    /// Mails of which nobody knows whether they were taken.
    Unknown,
    /// The time from recorded to the first attempt.
    WaitingTime,
    /// The time of an attempt.
    RelayTime,
    /// Connectivity tests.
    Tests,
    /// Relays that have become unhealthy.
    BreakerOpened,
    /// Relays that work again.
    BreakerClosed,
}

/// What the value of a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things, to be added up.
    Count,
    /// A time.
    Time,
}

/// What divides a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// The event's category.
    Category,
    /// `relay`, `platform`, or `none` while no server was chosen.
    Route,
    /// `passed` or `failed`.
    Result,
}

impl Label {
    /// Its name in small letters, as Prometheus has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Route => "route",
            Self::Result => "result",
        }
    }

    /// All values that it takes.
    pub const fn values(self) -> &'static [&'static str] {
        match self {
            Self::Category => &["notification", "rights-request", "audit-invitation", "user-invitation"],
            Self::Route => &["relay", "platform", "none"],
            Self::Result => &["passed", "failed"],
        }
    }

    /// Its name as a dimension of CloudWatch.
    pub const fn dimension(self) -> &'static str {
        match self {
            Self::Category => "Category",
            Self::Route => "Route",
            Self::Result => "Result",
        }
    }
}

impl Metric {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::Accepted,
        Self::Refused,
        Self::Sent,
        Self::Deferred,
        Self::Held,
        Self::Failed,
        Self::Unknown,
        Self::WaitingTime,
        Self::RelayTime,
        Self::Tests,
        Self::BreakerOpened,
        Self::BreakerClosed,
    ];

    /// Its name in CloudWatch.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Refused => "Refused",
            Self::Sent => "Sent",
            Self::Deferred => "Deferred",
            Self::Held => "Held",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
            Self::WaitingTime => "WaitingTime",
            Self::RelayTime => "RelayTime",
            Self::Tests => "Tests",
            Self::BreakerOpened => "BreakerOpened",
            Self::BreakerClosed => "BreakerClosed",
        }
    }

    /// Its name in Prometheus, without the endings `_total` of counts and `_seconds` of times.
    pub const fn prometheus(self) -> &'static str {
        match self {
            Self::Accepted => "ownpost_accepted",
            Self::Refused => "ownpost_refused",
            Self::Sent => "ownpost_sent",
            Self::Deferred => "ownpost_deferred",
            Self::Held => "ownpost_held",
            Self::Failed => "ownpost_failed",
            Self::Unknown => "ownpost_unknown",
            Self::WaitingTime => "ownpost_waiting",
            Self::RelayTime => "ownpost_relay",
            Self::Tests => "ownpost_tests",
            Self::BreakerOpened => "ownpost_breaker_opened",
            Self::BreakerClosed => "ownpost_breaker_closed",
        }
    }

    /// Its meaning, for the operator.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Accepted => "mails that were recorded, a row for each; a repeated event counts once",
            Self::Refused => "events that were refused for good",
            Self::Sent => "mails that a server has taken",
            Self::Deferred => "mails that were put off, each time",
            Self::Held => "mails that were held, each time",
            Self::Failed => "mails that failed for good",
            Self::Unknown => "mails of which nobody knows whether they were taken: a person decides",
            Self::WaitingTime => "time from recorded to the begin of the first attempt",
            Self::RelayTime => "time of an attempt, from the begin of its batch at the server to its result",
            Self::Tests => {
                "connectivity tests: of drafts, of saved settings, and of relays that are looked at, the platform's among them"
            }
            Self::BreakerOpened => "relays that have become unhealthy: one outage counts once",
            Self::BreakerClosed => "relays that work again",
        }
    }

    /// What its value is.
    pub const fn unit(self) -> Unit {
        match self {
            Self::WaitingTime | Self::RelayTime => Unit::Time,
            _ => Unit::Count,
        }
    }

    /// What divides it.
    pub const fn labels(self) -> &'static [Label] {
        match self {
            Self::Accepted => &[Label::Category],
            Self::Refused => &[],
            Self::Tests => &[Label::Result],
            Self::BreakerOpened | Self::BreakerClosed => &[Label::Route],
            _ => &[Label::Category, Label::Route],
        }
    }
}

/// The labels of a measurement with their values, in the order of [`Metric::labels`].
pub type Labels = Vec<(Label, &'static str)>;

/// Takes measurements.
pub trait Meter: Send + Sync {
    /// One measurement. A count is a whole number, a time is in seconds.
    fn add(&self, metric: Metric, labels: Labels, value: f64);

    /// A piece of work is done: what was taken may be shown.
    fn flush(&self) {}
}

/// Shows nothing.
pub struct NoMeter;

impl Meter for NoMeter {
    fn add(&self, _: Metric, _: Labels, _: f64) {}
}

impl dyn Meter {
    fn one(&self, metric: Metric, values: &[&'static str], value: f64) {
        debug_assert_eq!(metric.labels().len(), values.len(), "{metric:?}");
        self.add(metric, metric.labels().iter().copied().zip(values.iter().copied()).collect(), value);
    }

    /// A mail was recorded.
    pub(crate) fn accepted(&self, category: Category) {
        self.one(Metric::Accepted, &[category.name()], 1.0);
    }

    /// An event was refused.
    pub(crate) fn refused(&self) {
        self.one(Metric::Refused, &[], 1.0);
    }

    /// A row was written with the status that came of its mail.
    pub(crate) fn settled(&self, row: &Delivery) {
        let metric = match row.status {
            Status::Queued | Status::Sending => return,
            Status::Sent => Metric::Sent,
            Status::Deferred => Metric::Deferred,
            Status::Held => Metric::Held,
            Status::Failed => Metric::Failed,
            Status::Unknown => Metric::Unknown,
        };
        self.one(metric, &[row.category.name(), route(row)], 1.0);
    }

    /// A mail was tried; `waited` is the time before its first try.
    pub(crate) fn tried(&self, row: &Delivery, waited: Option<Duration>, took: Duration) {
        let labels = [row.category.name(), route(row)];
        if let Some(waited) = waited {
            self.one(Metric::WaitingTime, &labels, waited.as_secs_f64());
        }
        self.one(Metric::RelayTime, &labels, took.as_secs_f64());
    }

    /// A test has ended.
    pub(crate) fn tested(&self, passed: bool) {
        self.one(Metric::Tests, &[if passed { "passed" } else { "failed" }], 1.0);
    }

    /// The health of a relay has changed.
    pub(crate) fn breaker(&self, relay_of: &Tenant, opened: bool) {
        let metric = if opened { Metric::BreakerOpened } else { Metric::BreakerClosed };
        let route = if *relay_of == Tenant::platform() { "platform" } else { "relay" };
        self.one(metric, &[route], 1.0);
    }
}

fn route(row: &Delivery) -> &'static str {
    match row.route {
        Some(Via::Relay) => "relay",
        Some(Via::Platform) => "platform",
        None => "none",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use ownpost_domain::category::{OnFailure, Via};
    use ownpost_domain::failure::{FailureCode, Stage};

    use super::*;
    use crate::functions::router;
    use crate::testing::world::{Act, World, settings};

    /// The sums of all measurements, by metric and labels as text.
    #[derive(Default)]
    struct Sums(Mutex<BTreeMap<String, f64>>);

    impl Meter for Sums {
        fn add(&self, metric: Metric, labels: Labels, value: f64) {
            let labels: Vec<_> =
                labels.iter().map(|(label, value)| format!("{}={value}", label.name())).collect();
            *self.0.lock().unwrap().entry(format!("{} {}", metric.name(), labels.join(" "))).or_default() +=
                value;
        }
    }

    #[test]
    fn every_category_is_a_value() {
        let names = Category::ALL.map(Category::name);
        assert_eq!(names, Label::Category.values());
    }

    #[test]
    fn names_differ_and_say_what_they_are() {
        let mut names: Vec<_> = Metric::ALL.iter().map(|metric| metric.name().to_ascii_lowercase()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Metric::ALL.len());
        for metric in Metric::ALL {
            assert!(metric.prometheus().starts_with("ownpost_"), "{metric:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_becomes_of_mails_is_counted_once_and_timed() {
        let mut world = World::new();
        let sums = Arc::new(Sums::default());
        world.app.meter = sums.clone();
        world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        world.accept("e1", &["jan@example.org", "ann@example.org"]).await;
        world.accept("e1", &["jan@example.org", "ann@example.org"]).await;
        assert!(router::accept(&world.app, b"{}", None).await.is_err());
        world.memory.pass(Duration::from_secs(5));
        while world.work().await > 0 {}
        world.accept("e2", &["jan@example.org"]).await;
        world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
        while world.work().await > 0 {}
        let found = sums.0.lock().unwrap().clone();
        // Whole numbers, which a sum of them keeps exactly.
        let of = |name: &str| found.get(name).map_or_else(|| "0".to_owned(), f64::to_string);
        assert_eq!(of("Accepted category=notification"), "3", "{found:?}");
        assert_eq!(of("Refused "), "1", "{found:?}");
        assert_eq!(of("Sent category=notification route=relay"), "2", "{found:?}");
        assert_eq!(of("Held category=notification route=relay"), "1", "{found:?}");
        assert_eq!(of("WaitingTime category=notification route=relay"), "10", "{found:?}");
        assert!(found.contains_key("RelayTime category=notification route=relay"), "{found:?}");
        assert_eq!(of("BreakerOpened route=relay"), "1", "{found:?}");
    }
}
