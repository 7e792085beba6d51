//! Output for a person: colours on a terminal, and no control character of a server's reply.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anstream::AutoStream;
use clap::builder::styling::{AnsiColor, Style};

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

/// Writes to standard output; colours only reach a terminal. A closed output is no error: its reader has read enough. One
/// that cannot be written, such as on a full disk, ends the program with status 1: its reader has nothing to read.
pub(super) fn say(text: &str) {
    let mut out = AutoStream::auto(io::stdout());
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let _ = complain(1, &format!("standard output: {error}"));
        std::process::exit(1);
    }
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
