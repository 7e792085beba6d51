//! Output for a person: colours on a terminal, and no control character of a server's reply.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::process::{self, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anstream::AutoStream;
use clap::builder::styling::{AnsiColor, Style};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use smtp_rules::shown::deceives;
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use super::UNUSABLE;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();

/// The most octets of a line that a terminal gives (Linux: `N_TTY_BUF_SIZE`).
const LONGEST_LINE: usize = 4096;

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
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush())
        && error.kind() != io::ErrorKind::BrokenPipe
        && !LOST.swap(true, Ordering::Relaxed)
    {
        complain(UNUSABLE, &format!("the output cannot be written: {error}"));
    }
}

/// The exit status at the end: a report that nobody can read is no success.
pub(super) fn ended(status: ExitCode) -> ExitCode {
    if LOST.load(Ordering::Relaxed) { ExitCode::from(UNUSABLE) } else { status }
}

/// A line that is typed on the terminal without an echo. On SIGINT and SIGTERM the process ends with the echo as it was,
/// and with a shell's status of one that this signal has ended.
///
/// One lock is held for each change of the terminal, and the end by a signal keeps it: Ctrl-C in the moment before the
/// echo goes off cannot leave it off.
///
/// # Errors
/// There is no terminal (any other kind), no line was entered (`UnexpectedEof`), or it is not UTF-8 (`InvalidData`).
pub(super) fn unseen(prompt: &str) -> io::Result<Zeroizing<String>> {
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let turn = Arc::new(Mutex::new(()));
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (ending, shown, at_end) = (Arc::clone(&turn), before.clone(), terminal.try_clone()?);
    tokio::spawn(async move {
        let signal = tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt(),
            _ = terminate.recv() => SignalKind::terminate(),
        };
        let _last = ending.lock();
        let _ = tcsetattr(&at_end, OptionalActions::Now, &shown);
        process::exit(128 + signal.as_raw_value())
    });
    let set = |modes: &Termios| {
        let _turn = turn.lock();
        tcsetattr(&terminal, OptionalActions::Now, modes)
    };
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    hidden.local_modes.insert(LocalModes::ECHONL);
    set(&hidden)?;
    let line = (&terminal).write_all(prompt.as_bytes()).and_then(|()| line_of(&terminal));
    set(&before)?;
    line
}

/// The line that one read of a terminal gives, without its end; nothing of it is left elsewhere.
fn line_of(mut terminal: impl Read) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new([0; LONGEST_LINE]);
    let length = loop {
        match terminal.read(line.as_mut()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            length => break length?,
        }
    };
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let text = str::from_utf8(&line[..length]).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(Zeroizing::new(text.trim_end_matches('\n').to_owned()))
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
    let _ = writeln!(err, "{}", clean(text));
}

/// Text from outside without control characters: they could move the cursor or change what is shown.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if deceives(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A value as indented JSON. What must not be shown is escaped: for a program it is the same text.
pub(super) fn pretty(value: &impl serde::Serialize) -> String {
    let mut text = String::new();
    for c in serde_json::to_string_pretty(value).unwrap_or_default().chars() {
        if c != '\n' && deceives(c) {
            let _ = c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(text, "\\u{unit:04x}"));
        } else {
            text.push(c);
        }
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn json_moves_no_cursor_and_is_the_same_text() {
        let value = json!({"a\u{202e}b": ["\u{9b}2J\u{1b}\u{7f}\n", "\u{e0041}\u{200b}", "é 👍"]});
        let text = pretty(&value);
        assert!(text.chars().all(|c| c == '\n' || !deceives(c)), "{text:?}");
        assert!(text.contains("é 👍") && text.contains("\\udb40\\udc41"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), value);
    }
}
