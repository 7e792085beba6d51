//! `/metrics` in Prometheus' text form (version 0.0.4), on a port of its own that only this machine reaches.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ownpost_core::measure::{Label, Labels, Meter, Metric, Unit};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit as PrometheusUnit};

use super::guard;

/// The bounds of a time, in seconds: a mail leaves within a second, waits for a retry for minutes, is held for days.
const BOUNDS: [f64; 14] =
    [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0];

type Named = Vec<(&'static str, &'static str)>;
type Times = Family<Named, Histogram, fn() -> Histogram>;

/// The metrics of this process since its start.
pub struct Metrics {
    registry: Registry,
    counts: HashMap<Metric, Family<Named, Counter>>,
    times: HashMap<Metric, Times>,
}

impl Default for Metrics {
    /// Every metric, without a measurement.
    fn default() -> Self {
        let mut metrics =
            Self { registry: Registry::default(), counts: HashMap::new(), times: HashMap::new() };
        for metric in Metric::ALL {
            let (name, help) = (metric.prometheus(), metric.meaning());
            match metric.unit() {
                Unit::Count => {
                    let family = Family::<Named, Counter>::default();
                    metrics.registry.register(name, help, family.clone());
                    // Shown as 0 from the beginning, so that the first one is an increase.
                    for labels in combinations(metric.labels()) {
                        let _ = family.get_or_create(&labels);
                    }
                    metrics.counts.insert(metric, family);
                }
                Unit::Time => {
                    let family = Times::new_with_constructor(histogram);
                    metrics.registry.register_with_unit(name, help, PrometheusUnit::Seconds, family.clone());
                    metrics.times.insert(metric, family);
                }
            }
        }
        metrics
    }
}

impl Metrics {
    /// The text that a scraper reads.
    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// All combinations of the values of these labels.
fn combinations(labels: &[Label]) -> Vec<Named> {
    labels.iter().fold(vec![Vec::new()], |shorter, label| {
        let with = |named: &Named, value| named.iter().copied().chain([(label.name(), value)]).collect();
        shorter.iter().flat_map(|named| label.values().iter().map(|value| with(named, *value))).collect()
    })
}

fn histogram() -> Histogram {
    Histogram::new(BOUNDS)
}

impl Meter for Metrics {
    fn add(&self, metric: Metric, labels: Labels, value: f64) {
        let labels: Named = labels.iter().map(|(label, value): &(Label, _)| (label.name(), *value)).collect();
        if let Some(times) = self.times.get(&metric) {
            times.get_or_create(&labels).observe(value);
        } else if let Some(counts) = self.counts.get(&metric) {
            counts.get_or_create(&labels).inc();
        }
    }
}

/// The one route, on this port. It asks for no token: only this machine reaches it, and the numbers name nobody. A page that
/// makes its own name point here (DNS rebinding) is refused.
pub fn router(metrics: Arc<Metrics>, port: u16) -> Router {
    Router::new().route("/metrics", get(show)).with_state((metrics, port))
}

async fn show(State((metrics, port)): State<(Arc<Metrics>, u16)>, headers: HeaderMap) -> Response {
    if let Some(problem) = guard::not_our_own(&headers, port) {
        return problem.into_response();
    }
    match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_described_and_shows_what_was_measured() {
        let metrics = Metrics::default();
        let labels = vec![(Label::Category, "notification"), (Label::Route, "relay")];
        metrics.add(Metric::Sent, labels.clone(), 1.0);
        metrics.add(Metric::Sent, labels.clone(), 1.0);
        metrics.add(Metric::RelayTime, labels, 0.2);
        let text = metrics.text().unwrap();
        for metric in Metric::ALL.into_iter().filter(|metric| metric.unit() == Unit::Count) {
            assert!(text.contains(&format!("# HELP {}", metric.prometheus())), "{metric:?}: {text}");
        }
        for line in [
            "ownpost_refused_total 0",
            "ownpost_unknown_total{category=\"user-invitation\",route=\"platform\"} 0",
            "ownpost_sent_total{category=\"notification\",route=\"relay\"} 2",
            "ownpost_relay_seconds_bucket{category=\"notification\",route=\"relay\",le=\"0.3\"} 1",
            "ownpost_relay_seconds_count{category=\"notification\",route=\"relay\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
    }
}
