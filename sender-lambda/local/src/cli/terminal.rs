//! Output for a person: colours on a terminal, and no control character of a server's reply.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::process::{self, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::AutoStream;
use clap::builder::styling::{AnsiColor, Style};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};

use super::UNUSABLE;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();

/// Text in a style.
pub(super) struct Styled<T>(pub(super) Style, pub(super) T);

impl<T: fmt::Display> fmt::Display for Styled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.0.render(), self.1, self.0.render_reset())
    }
}

/// Whether some of the output could not be written.
static LOST: AtomicBool = AtomicBool::new(false);

/// Writes to standard output; colours only reach a terminal. A closed output is no error: its reader has read enough.
pub(super) fn say(text: &str) {
    let mut out = AutoStream::auto(io::stdout());
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            if !LOST.swap(true, Ordering::Relaxed) {
                complain(UNUSABLE, &format!("the output cannot be written: {error}"));
            }
        }
        _ => {}
    }
}

/// The exit status at the end: a report that nobody can read is no success.
pub(super) fn ended(status: ExitCode) -> ExitCode {
    if LOST.load(Ordering::Relaxed) { ExitCode::from(UNUSABLE) } else { status }
}

/// Ends the process on SIGINT and SIGTERM with the terminal as it is now: a prompt without an echo leaves none behind.
///
/// # Errors
/// There is no terminal.
pub(super) fn echo_again_on_signals() -> io::Result<()> {
    let terminal = File::open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        let signal = tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt(),
            _ = terminate.recv() => SignalKind::terminate(),
        };
        let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
        // A shell's status of a process that a signal has ended.
        process::exit(128 + signal.as_raw_value());
    });
    Ok(())
}

/// One line on standard error, and the exit status that goes with it.
pub(super) fn complain(code: u8, problem: &str) -> ExitCode {
    let mut err = AutoStream::auto(io::stderr());
    let _ = writeln!(err, "{} {}", Styled(BAD, "ownpost:"), clean(problem));
    ExitCode::from(code)
}

/// A note on standard error.
pub(super) fn note(text: &str) {
    let mut err = AutoStream::auto(io::stderr());
    let _ = writeln!(err, "{text}");
}

/// Text from outside without control characters: they could move the cursor or change what is shown.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if ownpost_domain::shown::deceives(c) { '\u{fffd}' } else { c }).collect()
}

/// A value as indented JSON.
pub(super) fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
