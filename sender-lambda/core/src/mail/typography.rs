//! The spaces that a language wants, set in a template's own text: a translator writes plain spaces, as on any keyboard.

use std::borrow::Cow;

/// The template with the spaces of its language. In French a no-break space stands before a colon, and narrow ones before
/// `;`, `!` and `?` and inside guillemets, so that no line begins with a mark.
pub(super) fn set<'a>(source: &'a str, language: &str) -> Cow<'a, str> {
    if language != "fr" {
        return Cow::Borrowed(source);
    }
    let mut set = String::with_capacity(source.len());
    let mut rest = source;
    // What stands between braces is code.
    while let Some(start) = rest.find("{%").into_iter().chain(rest.find("{{")).min() {
        let end = rest[start..].find(['}']).map_or(rest.len(), |end| (start + end + 2).min(rest.len()));
        set.push_str(&spaced(&rest[..start]));
        let Some(code) = rest.get(start..end) else { break };
        set.push_str(code);
        rest = &rest[end..];
    }
    set.push_str(&spaced(rest));
    Cow::Owned(set)
}

fn spaced(text: &str) -> String {
    text.replace("« ", "«\u{202f}")
        .replace(" »", "\u{202f}»")
        .replace(" :", "\u{a0}:")
        .replace(" ;", "\u{202f};")
        .replace(" !", "\u{202f}!")
        .replace(" ?", "\u{202f}?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_marks_never_begin_a_line_and_code_stays_code() {
        let source = "Demande : « {{ title }} » ? {% if a ? b %}x !{% endif %}";
        let want =
            "Demande\u{a0}: «\u{202f}{{ title }}\u{202f}»\u{202f}? {% if a ? b %}x\u{202f}!{% endif %}";
        assert_eq!(set(source, "fr"), want);
        assert_eq!(set(source, "de"), source);
    }
}
