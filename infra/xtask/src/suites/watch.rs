//! Runs a suite: its output is printed and read at once, and a suite that hangs is ended.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::tally::{Failures, Tally};
use crate::process::{command, show};

/// The end of a command.
pub(super) struct End {
    pub(super) tally: Tally,
    /// The reason of the failure, if it failed.
    pub(super) problem: Option<String>,
    /// The lines in which the command tells of failed tests.
    pub(super) failures: Vec<String>,
}

impl End {
    fn failed(problem: String) -> Self {
        Self { tally: Tally::default(), problem: Some(problem), failures: Vec::new() }
    }
}

/// Runs the command until it ends or the deadline is over.
pub(super) fn run(suite: &mut Command, deadline: Duration) -> End {
    println!("$ {}", show(suite));
    suite.stdout(Stdio::piped()).stderr(Stdio::piped());
    // A process group of its own makes it possible to end a hung suite with all its processes. With a person at the
    // terminal the suite stays in this group: they see that it hangs, and their Ctrl-C reaches it.
    let unattended = std::env::var_os("CI").is_some();
    if unattended {
        suite.process_group(0);
    }
    let mut child = match suite.spawn() {
        Ok(child) => child,
        Err(error) => return End::failed(format!("cannot start: {error}")),
    };
    let (lines, received) = channel();
    pass_on(child.stdout.take(), lines.clone());
    pass_on(child.stderr.take(), lines);

    let mut end = Instant::now() + deadline;
    let mut tally = Tally::default();
    let mut failures = Failures::default();
    let mut hung = false;
    loop {
        match received.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                tally += Tally::of_line(line.trim_end());
                failures.read(line.trim_end());
                // A closed terminal does not fail the tests.
                let _ = std::io::stdout().write_all(line.as_bytes());
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if !unattended => end += deadline,
            Err(RecvTimeoutError::Timeout) => {
                hung = true;
                let _ = command("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
                break;
            }
        }
    }
    let problem = match child.wait() {
        _ if hung => Some(format!("did not end in {} minutes", deadline.as_secs() / 60)),
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("ended with {status}")),
        Err(error) => Some(error.to_string()),
    };
    End { tally, problem, failures: failures.into_lines() }
}

fn pass_on(stream: Option<impl Read + Send + 'static>, lines: Sender<String>) {
    let Some(stream) = stream else { return };
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut bytes = Vec::new();
        while stream.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            if lines.send(String::from_utf8_lossy(&bytes).into_owned()).is_err() {
                return;
            }
            bytes.clear();
        }
    });
}
