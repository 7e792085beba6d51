//! Metrics as lines of the log that CloudWatch reads (embedded metric format): no call, no permission, nothing to wait for.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use ownpost_core::measure::{Labels, Meter, Metric, Unit};
use serde_json::{Map, Value, json};

/// The namespace of the metrics.
const NAMESPACE: &str = "Ownpost";
/// The values of one metric that a line may have.
const MOST_VALUES: usize = 100;

/// Gathers measurements, and writes them when an invocation is done.
pub struct Emf {
    /// The value of the dimension `Stack`, by which two stacks of an account are told apart.
    stack: String,
    /// A sum for a count, every value for a time.
    taken: Mutex<BTreeMap<Labels, BTreeMap<Metric, Vec<f64>>>>,
}

impl Emf {
    /// For this stack.
    pub fn new(stack: Option<&str>) -> Self {
        Self { stack: stack.unwrap_or("ownpost").to_owned(), taken: Mutex::default() }
    }

    /// The lines of what was taken since the last call.
    fn lines(&self, now: Timestamp) -> Vec<String> {
        let taken = std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner));
        let mut lines = Vec::new();
        for (labels, mut metrics) in taken {
            while !metrics.is_empty() {
                let mut line = Map::new();
                let mut definitions = Vec::new();
                metrics.retain(|metric, values| {
                    let rest = values.split_off(values.len().min(MOST_VALUES));
                    let (unit, value) = match metric.unit() {
                        Unit::Count => ("Count", json!(values.iter().sum::<f64>())),
                        Unit::Time => ("Milliseconds", json!(values)),
                    };
                    definitions.push(json!({"Name": metric.name(), "Unit": unit}));
                    line.insert(metric.name().to_owned(), value);
                    *values = rest;
                    !values.is_empty()
                });
                lines.push(self.line(&labels, line, &definitions, now));
            }
        }
        lines
    }

    /// One line: each metric for all of the stack, on which alarms are, and by its labels.
    fn line(&self, labels: &Labels, values: Map<String, Value>, metrics: &[Value], now: Timestamp) -> String {
        let mut dimensions = vec![vec!["Stack"]];
        if !labels.is_empty() {
            let own = labels.iter().map(|(label, _)| label.dimension());
            dimensions.push(["Stack"].into_iter().chain(own).collect());
        }
        let mut line = json!({
            "_aws": {
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}],
            },
            "Stack": self.stack,
        });
        for (label, value) in labels {
            line[label.dimension()] = json!(value);
        }
        if let Some(line) = line.as_object_mut() {
            line.extend(values);
        }
        line.to_string()
    }
}

impl Meter for Emf {
    fn add(&self, metric: Metric, labels: Labels, value: f64) {
        let value = match metric.unit() {
            Unit::Count => value,
            Unit::Time => (value * 1000.0).round(),
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let values = taken.entry(labels).or_default().entry(metric).or_default();
        match (metric.unit(), values.first_mut()) {
            (Unit::Count, Some(sum)) => *sum += value,
            _ => values.push(value),
        }
    }

    fn flush(&self) {
        let mut out = std::io::stdout().lock();
        for line in self.lines(Timestamp::now()) {
            // Without a log there is nobody to tell.
            let _ = writeln!(out, "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ownpost_core::measure::Label;

    fn labels() -> Labels {
        vec![(Label::Category, "notification"), (Label::Route, "relay")]
    }

    #[test]
    fn a_line_has_the_shape_that_cloudwatch_reads() {
        let emf = Emf::new(Some("shop"));
        emf.add(Metric::Sent, labels(), 1.0);
        emf.add(Metric::Sent, labels(), 1.0);
        emf.add(Metric::RelayTime, labels(), 0.0314);
        emf.add(Metric::RelayTime, labels(), 2.0);
        emf.add(Metric::Refused, Vec::new(), 1.0);
        let lines = emf.lines(Timestamp::from_second(1_790_000_000).unwrap());
        let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            lines,
            [
                json!({
                    "_aws": {
                        "Timestamp": 1_790_000_000_000_i64,
                        "CloudWatchMetrics": [{
                            "Namespace": "Ownpost", "Dimensions": [["Stack"]],
                            "Metrics": [{"Name": "Refused", "Unit": "Count"}],
                        }],
                    },
                    "Stack": "shop", "Refused": 1.0,
                }),
                json!({
                    "_aws": {
                        "Timestamp": 1_790_000_000_000_i64,
                        "CloudWatchMetrics": [{
                            "Namespace": "Ownpost", "Dimensions": [["Stack"], ["Stack", "Category", "Route"]],
                            "Metrics": [
                                {"Name": "Sent", "Unit": "Count"}, {"Name": "RelayTime", "Unit": "Milliseconds"},
                            ],
                        }],
                    },
                    "Stack": "shop", "Category": "notification", "Route": "relay",
                    "Sent": 2.0, "RelayTime": [31.0, 2000.0],
                }),
            ]
        );
        assert!(emf.lines(Timestamp::UNIX_EPOCH).is_empty(), "each is shown once");
    }

    #[test]
    fn many_values_are_several_lines_and_none_is_lost() {
        let emf = Emf::new(None);
        for value in 0..250 {
            emf.add(Metric::WaitingTime, labels(), f64::from(value));
        }
        let lines = emf.lines(Timestamp::UNIX_EPOCH);
        let values: Vec<usize> = lines
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["WaitingTime"].as_array().unwrap().len())
            .collect();
        assert_eq!(values, [100, 100, 50]);
    }
}
