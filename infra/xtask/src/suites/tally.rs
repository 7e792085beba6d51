//! Reads the output of the test runners: the number of tests, and the part that tells of the failed ones.

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

/// The lines in which the test runners tell of failed tests, for the end of the run: CI shows the end alone.
#[derive(Debug, Default)]
pub(super) struct Failures {
    lines: Vec<String>,
    /// Whether the output is in such a part now.
    inside: bool,
}

impl Failures {
    /// The most lines that are kept, and the most characters of a line. A page's HTML or a table may be in them.
    const LINES: usize = 80;
    const CHARACTERS: usize = 300;

    /// Reads a line: cargo's part begins with `failures:` and ends with its result; the part of Node's spec reporter
    /// begins with `✖ failing tests:` and ends with the output.
    pub(super) fn read(&mut self, line: &str) {
        match line {
            "failures:" | "✖ failing tests:" => self.inside = true,
            _ if line.starts_with("test result: ") => self.inside = false,
            _ if self.inside && !line.trim().is_empty() && self.lines.len() < Self::LINES => {
                self.lines.push(line.chars().take(Self::CHARACTERS).collect());
            }
            _ => {}
        }
    }

    /// The lines that were read.
    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::{Failures, Tally};

    #[test]
    fn what_runners_tell_of_failures_is_kept_and_bounded() {
        let mut failures = Failures::default();
        let output = "\
running 2 tests
test a::works ... ok
test a::fails ... FAILED

failures:

---- a::fails stdout ----
assertion failed: 1 == 2

failures:
    a::fails

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured
✔ form: works
✖ failing tests:

✖ form: fails (12ms)
  Error: page not reached";
        output.lines().for_each(|line| failures.read(line));
        failures.read(&"x".repeat(2 * Failures::CHARACTERS));
        for _ in 0..2 * Failures::LINES {
            failures.read("more");
        }
        let lines = failures.into_lines();
        let expected = [
            "---- a::fails stdout ----",
            "assertion failed: 1 == 2",
            "    a::fails",
            "✖ form: fails (12ms)",
            "  Error: page not reached",
        ];
        assert_eq!(lines[..5], expected);
        assert_eq!(lines[5].len(), Failures::CHARACTERS);
        assert_eq!(lines.len(), Failures::LINES);
    }

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
