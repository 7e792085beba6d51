//! Logs: lines on standard error.

use ownpost_core::{AUDIT_TARGET, LOG_TARGETS};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The targets of our own lines.
fn own_targets() -> impl Iterator<Item = &'static str> {
    std::iter::once("ownpost").chain(LOG_TARGETS)
}

/// Starts logging by `RUST_LOG`: `debug`, or `ownpost_smtp=trace,info`. A value that cannot be read counts as
/// `warn`.
pub(super) fn start() {
    let wanted = read(&std::env::var("RUST_LOG").unwrap_or_default());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(targets(&wanted)).with(lines).init();
}

/// The parser takes nothing at all for everything.
fn read(directives: &str) -> Targets {
    if directives.is_empty() { Targets::new() } else { directives.parse().unwrap_or_default() }
}

/// Code of other crates logs from `warn` upwards, whatever `RUST_LOG` says: nobody has checked whether it prints what
/// an admin has just typed.
fn targets(wanted: &Targets) -> Targets {
    let default = wanted.default_level().unwrap_or(LevelFilter::WARN);
    let own =
        |target: &str| own_targets().any(|own| target == own || target.starts_with(&format!("{own}::")));
    Targets::new()
        .with_default(default.min(LevelFilter::WARN))
        .with_targets(own_targets().map(|own| (own, default)))
        .with_targets(wanted.iter().filter(|(target, _)| own(target)))
        .with_target(AUDIT_TARGET, LevelFilter::INFO)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn other_crates_log_from_warn_upwards() {
        for (directives, target, level, heard) in [
            ("", "ownpost::worker", Level::WARN, true),
            ("", "ownpost::worker", Level::INFO, false),
            ("trace", "ownpost_smtp", Level::TRACE, true),
            ("trace", "hyper::proto", Level::INFO, false),
            ("hyper=trace", "hyper::proto", Level::INFO, false),
            ("ownpost_smtp=debug", "ownpost_smtp", Level::DEBUG, true),
            ("ownpost_smtp=debug", "ownpost_core::functions", Level::DEBUG, false),
            ("off", "hyper", Level::ERROR, false),
            ("off", AUDIT_TARGET, Level::INFO, true),
            ("ownpost_audit=off", AUDIT_TARGET, Level::INFO, true),
        ] {
            let targets = targets(&read(directives));
            assert_eq!(targets.would_enable(target, &level), heard, "{directives} {target} {level}");
        }
    }
}
