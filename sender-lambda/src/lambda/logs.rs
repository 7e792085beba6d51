//! Logs: JSON lines on standard output, for CloudWatch.

use ownpost_core::{AUDIT_TARGET, LOG_TARGETS};
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The targets of our own lines.
fn own_targets() -> impl Iterator<Item = &'static str> {
    ["bootstrap", "sender_lambda"].into_iter().chain(LOG_TARGETS)
}
/// The span with the id of the request, and nothing else.
const REQUEST_SPAN: &str = "lambda_runtime::layers::trace";

/// Starts logging. `directives` is `RUST_LOG`: `debug`, or `ownpost_smtp=trace,warn`. What cannot be read
/// counts as `info`.
pub fn start(directives: Option<&str>) {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false);
    tracing_subscriber::registry().with(targets(directives)).with(lines).init();
}

/// The filter of the log. Other crates are logged from `warn` upwards, whatever is asked for: at `trace` the runtime
/// prints whole invocations, and with them the password that an admin has just typed.
fn targets(directives: Option<&str>) -> Targets {
    let wanted: Targets = directives.and_then(|text| text.parse().ok()).unwrap_or_default();
    let default = wanted.default_level().unwrap_or(LevelFilter::INFO);
    // `LevelFilter` orders by how much is let through.
    let mut targets = Targets::new().with_default(default.min(LevelFilter::WARN));
    targets = targets.with_targets(own_targets().map(|own| (own, default)));
    targets = targets.with_target(REQUEST_SPAN, Level::INFO);
    let own =
        |target: &str| own_targets().any(|own| target == own || target.starts_with(&format!("{own}::")));
    for (target, level) in &wanted {
        let level = if own(target) { level } else { level.min(LevelFilter::WARN) };
        targets = targets.with_target(target, level);
    }
    targets.with_target(AUDIT_TARGET, Level::INFO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_crates_are_never_logged_below_warn() {
        for (directives, target, level, heard) in [
            (None, "ownpost_core::functions", Level::INFO, true),
            (None, "ownpost_core::functions", Level::DEBUG, false),
            (None, "aws_smithy_runtime", Level::WARN, true),
            (Some("trace"), "ownpost_smtp::connection", Level::TRACE, true),
            (Some("trace"), "lambda_runtime::layers::api_response", Level::TRACE, false),
            (Some("trace"), "aws_smithy_runtime", Level::DEBUG, false),
            (Some("hyper=trace,trace"), "hyper::proto", Level::TRACE, false),
            (Some("lambda_runtime=trace"), "lambda_runtime::layers::api_response", Level::TRACE, false),
            (Some("ownpost_smtp=debug"), "ownpost_smtp", Level::DEBUG, true),
            (Some("ownpost_smtp=debug"), "ownpost_core::functions", Level::INFO, true),
            (Some("error"), "ownpost_core::functions", Level::WARN, false),
            (Some("error"), "hyper", Level::WARN, false),
            (Some("sender_lambda_impostor=trace"), "sender_lambda_impostor", Level::TRACE, false),
            (Some("off"), AUDIT_TARGET, Level::INFO, true),
            (Some("ownpost_audit=off"), AUDIT_TARGET, Level::INFO, true),
            (Some("%%%=="), "sender_lambda", Level::INFO, true),
        ] {
            assert_eq!(
                targets(directives).would_enable(target, &level),
                heard,
                "{directives:?} {target} {level}"
            );
        }
    }
}
