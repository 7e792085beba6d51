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
    // What stands between braces is code, and ends as it has begun.
    while let Some((start, close)) = [("{%", "%}"), ("{{", "}}"), ("{#", "#}")]
        .into_iter()
        .filter_map(|(open, close)| Some((rest.find(open)?, close)))
        .min()
    {
        let (text, code) = rest.split_at(start);
        let (code, after) = code.split_at(code.find(close).map_or(code.len(), |end| end + close.len()));
        set.push_str(&spaced(text));
        set.push_str(code);
        rest = after;
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
        for (source, want) in [
            ("{% if a %}de {{ a }}{% endif %} : b", "{% if a %}de {{ a }}{% endif %}\u{a0}: b"),
            (
                "{{ {'a': 1}['a'] }} !{# ici : rien #} !",
                "{{ {'a': 1}['a'] }}\u{202f}!{# ici : rien #}\u{202f}!",
            ),
            ("{{ a :", "{{ a :"),
            ("{% if a :", "{% if a :"),
        ] {
            assert_eq!(set(source, "fr"), want);
        }
    }
}
