//! Text of other people as it may be shown in one line.

/// Whether the character must not be shown: a control character, a line separator, or one that changes the direction in
/// which the text around it is read (UAX #9), by which `exe.gpj` looks like `jpg.exe` and a sentence says something else.
///
/// ```
/// use ownpost_domain::shown::deceives;
///
/// let shown: String = "ok \u{202e}dessap\u{1b}[2J".chars().filter(|c| !deceives(*c)).collect();
/// assert_eq!(shown, "ok dessap[2J");
/// ```
pub fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}
