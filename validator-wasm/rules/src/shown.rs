//! Text of other people as it may be shown in one line.

use crate::text::{is_invisible, is_joiner};

/// Whether the character must not be shown: a control character, a line separator, one that nobody sees, or one that
/// changes the direction in which the text around it is read (UAX #9), by which `exe.gpj` looks like `jpg.exe` and a
/// sentence says something else.
///
/// ```
/// use smtp_rules::shown::deceives;
///
/// let shown: String = "ok \u{202e}des\u{200b}sap\u{1b}[2J".chars().filter(|c| !deceives(*c)).collect();
/// assert_eq!(shown, "ok dessap[2J");
/// ```
pub fn deceives(c: char) -> bool {
    let code = u32::from(c);
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || is_joiner(code) || is_invisible(code)
}

/// Whether nothing of the text is seen: it has white space and characters that [`deceives`] names, and nothing else.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || deceives(c))
}
