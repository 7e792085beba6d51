//! The languages of Ownpost: their list, the choice of one, and the sentences in each.
//!
//! The sentences are in `validator-wasm/locales`, a folder for each language; the npm package is made from the same
//! files. They are found by their stable codes as texts: this crate knows no code and no failure type.
//!
//! ```
//! use ownpost_i18n::{Locale, catalogue, fill};
//!
//! assert_eq!(Locale::of("nl_BE"), Locale::Dutch);
//! let advice = &catalogue(Locale::of("en-GB")).advice["spf.invalid"];
//! assert_eq!(fill(advice, &[("domain", "example.org")]), "The SPF record of example.org is not valid.");
//! ```

/// Calls a macro with all locales, as `English "en" French "fr"` and so on, for code that needs the tags as literals.
///
/// This is the only list of locales. Code that depends on the list is generated from it, or fails to compile without
/// an entry.
#[macro_export]
macro_rules! with_locales {
    ($macro:ident) => {
        $macro! { English "en" French "fr" Dutch "nl" German "de" Spanish "es" }
    };
}

mod catalogue;
mod connections;
mod inspections;
mod issues;
mod remedied;
mod results;
mod settings;

pub use catalogue::{Catalogue, FailureText, catalogue};
pub use connections::connection;
pub use inspections::inspection;
pub use issues::issue;
pub use results::result_label;
pub use settings::setting_name;
use smtp_rules::shown::deceives;

macro_rules! locales {
    ($($variant:ident $tag:literal)+) => {
        /// A language in which Ownpost has all sentences.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Locale {
            $(
                #[doc = concat!("`", $tag, "`")]
                $variant,
            )+
        }

        impl Locale {
            /// All locales, English first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The BCP 47 tag.
            pub const fn tag(self) -> &'static str {
                match self { $(Self::$variant => $tag,)+ }
            }
        }
    };
}
with_locales!(locales);

impl Locale {
    /// The locale of a BCP 47 tag, by its language subtag: case is ignored, `_` counts as `-`, the region is ignored.
    pub fn find(tag: &str) -> Option<Self> {
        let language = language(tag);
        Self::ALL.iter().copied().find(|locale| locale.tag().eq_ignore_ascii_case(language))
    }

    /// The locale of a tag, or English when there is none.
    pub fn of(tag: &str) -> Self {
        Self::find(tag).unwrap_or_default()
    }

    /// The locale that an `Accept-Language` header (RFC 9110 §12.5.4) prefers, or English.
    pub fn preferred(accept_language: Option<&str>) -> Self {
        let mut best = (Self::default(), 0.0);
        for range in accept_language.unwrap_or_default().split(',').take(50) {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).unwrap_or(0.0);
            // Of equal weights the first wins.
            if let Some(locale) = Self::find(tag.trim()).filter(|_| weight > best.1) {
                best = (locale, weight);
            }
        }
        best.0
    }
}

/// The language subtag of a BCP 47 tag, with `_` as a separator too: `nl` of `nl-BE`. It need not be one of
/// [`Locale::ALL`].
pub fn language(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or_default()
}

impl Default for Locale {
    fn default() -> Self {
        Self::English
    }
}

/// Replaces each `{name}` by its value, and each `{NAME}` by the value in capitals, because texts say TLS for `tls`.
/// A name without a value stays unchanged, and so do braces inside a value. A value may come from anybody: each character
/// that nobody sees, or that turns the sentence around it, is shown as U+FFFD.
pub fn fill<V: AsRef<str>>(template: &str, values: &[(&str, V)]) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        text.push_str(before);
        match values.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, value)) if name.starts_with(|c: char| c.is_ascii_uppercase()) => {
                text.extend(shown(value.as_ref()).map(|c| c.to_ascii_uppercase()));
            }
            Some((_, value)) => text.extend(shown(value.as_ref())),
            None => text.extend(["{", name, "}"]),
        }
        rest = behind;
    }
    text.push_str(rest);
    text
}

/// A value as it may stand in a sentence.
fn shown(value: &str) -> impl Iterator<Item = char> {
    value.chars().map(|c| if deceives(c) { char::REPLACEMENT_CHARACTER } else { c })
}

/// The names in braces, each once.
#[cfg(test)]
fn placeholders(text: &str) -> std::collections::BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::{Locale, fill};

    #[test]
    fn a_tag_selects_a_locale() {
        for (tag, locale) in [
            ("fr", Some("fr")),
            ("FR-be", Some("fr")),
            ("nl_NL", Some("nl")),
            ("de-CH-1996", Some("de")),
            ("es-419", Some("es")),
            ("pt", None),
            ("frx", None),
            ("", None),
        ] {
            assert_eq!(Locale::find(tag).map(Locale::tag), locale, "{tag}");
            assert_eq!(Locale::of(tag).tag(), locale.unwrap_or("en"), "{tag}");
        }
    }

    #[test]
    fn accept_language_selects_the_preferred_locale() {
        for (header, expected) in [
            (None, "en"),
            (Some(""), "en"),
            (Some("nl"), "nl"),
            (Some("de-AT, de;q=0.9, en;q=0.8"), "de"),
            (Some("tlh, fr;q=0.4, ES-mx;q=0.7"), "es"),
            (Some("fr;q=0, nl;q=x"), "en"),
            (Some(";;;q=,,"), "en"),
        ] {
            assert_eq!(Locale::preferred(header).tag(), expected, "{header:?}");
        }
    }

    #[test]
    fn templates_are_filled_once() {
        let values = [("host", "{port}"), ("port", "25"), ("security", "tls")];
        assert_eq!(fill("{host}:{port} {x}", &values), "{port}:25 {x}");
        assert_eq!(fill("{SECURITY} or {security}", &values), "TLS or tls");
        assert_eq!(fill("{port} {", &values), "25 {");
        assert_eq!(fill("{{port}}", &values), "{{port}}");
    }

    #[test]
    fn a_value_turns_no_sentence_around() {
        for (value, shown) in [
            ("a\u{202e}gpj.exe", "a\u{fffd}gpj.exe"),
            ("\u{2067}\u{200b}\u{ad}\u{feff}\u{e0041}", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
            ("\r\n\u{1b}[2J\u{85}", "\u{fffd}\u{fffd}\u{fffd}[2J\u{fffd}"),
            ("שלום é 日本 👍", "שלום é 日本 👍"),
        ] {
            assert_eq!(fill("x {key}.", &[("key", value)]), format!("x {shown}."));
        }
    }
}
