//! The table at the end of a run: the passed and failed tests and the duration of each suite, and of the failed ones the
//! messages and how to repeat them.

use std::fmt::Write as _;
use std::time::Duration;

use super::Outcome;
use super::tally::Tally;

/// The table of these outcomes. Its last line is "N passed, N failed" without other text, as CI reads it.
pub(super) fn of(outcomes: &[Outcome], took: Duration) -> String {
    let mut table = format!("{:<12} {:>7} {:>7} {:>8}\n", "suite", "passed", "failed", "seconds");
    let mut row = |name: &str, tally: Tally, took: Duration| {
        let seconds = took.as_secs_f64();
        let _ = writeln!(table, "{name:<12} {:>7} {:>7} {seconds:>8.1}", tally.passed, tally.failed);
    };
    let mut total = Tally::default();
    for Outcome { name, tally, took, .. } in outcomes {
        row(name, *tally, *took);
        total += *tally;
    }
    row("all", total, took);
    for Outcome { name, problem, failures, again, .. } in outcomes {
        if let Some(problem) = problem {
            let _ = writeln!(table, "\nFAILED {name}: {problem}");
            for line in failures {
                let _ = writeln!(table, "  {line}");
            }
            let _ = writeln!(table, "  again: {again}");
        }
    }
    let _ = write!(table, "\n{} passed, {} failed", total.passed, total.failed);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, passed: u64, failed: u64, problem: Option<&str>) -> Outcome {
        Outcome {
            name: name.to_owned(),
            tally: Tally { passed, failed, skipped: 0 },
            problem: problem.map(str::to_owned),
            failures: problem.map(|_| "✖ form: fails".to_owned()).into_iter().collect(),
            again: format!("cargo xtask test {name}"),
            took: Duration::from_millis(1250),
        }
    }

    #[test]
    fn each_suite_has_a_row_and_the_last_line_is_the_total() {
        let outcomes = [outcome("fmt", 1, 0, None), outcome("unit", 830, 2, Some("failed tests"))];
        let expected = "\
suite         passed  failed  seconds
fmt                1       0      1.2
unit             830       2      1.2
all              831       2      3.0

FAILED unit: failed tests
  ✖ form: fails
  again: cargo xtask test unit

831 passed, 2 failed";
        assert_eq!(of(&outcomes, Duration::from_secs(3)), expected);
    }
}
