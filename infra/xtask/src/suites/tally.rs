//! Counts tests in the output of the test runners.

use std::ops::AddAssign;

/// The number of passed, failed and skipped tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl Tally {
    /// Reads a line of output: cargo's `test result:`, or a summary line of Node's spec reporter.
    pub(super) fn of_line(line: &str) -> Self {
        if let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) {
            let count =
                |label| counts.split("; ").find_map(|part| part.strip_suffix(label)?.trim().parse().ok());
            return Self {
                passed: count("passed").unwrap_or(0),
                failed: count("failed").unwrap_or(0),
                skipped: count("ignored").unwrap_or(0),
            };
        }
        let mut tally = Self::default();
        if let Some((label, count)) = line.strip_prefix("ℹ ").and_then(|rest| rest.split_once(' ')) {
            let count = count.parse().unwrap_or(0);
            match label {
                "pass" => tally.passed = count,
                "fail" | "cancelled" => tally.failed = count,
                "skipped" | "todo" => tally.skipped = count,
                _ => {}
            }
        }
        tally
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn summary_lines_are_counted_and_nothing_else() {
        let cases = [
            ("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out", (12, 0, 1)),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured", (3, 2, 0)),
            ("ℹ tests 9", (0, 0, 0)),
            ("ℹ pass 7", (7, 0, 0)),
            ("ℹ fail 1", (0, 1, 0)),
            ("ℹ cancelled 2", (0, 2, 0)),
            ("ℹ skipped 1", (0, 0, 1)),
            ("ℹ todo 4", (0, 0, 4)),
            ("ℹ duration_ms 41.5", (0, 0, 0)),
            ("    ℹ pass 7", (0, 0, 0)),
            ("test domain::passed ... ok", (0, 0, 0)),
            ("", (0, 0, 0)),
        ];
        for (line, (passed, failed, skipped)) in cases {
            assert_eq!(Tally::of_line(line), Tally { passed, failed, skipped }, "{line}");
        }
    }
}
