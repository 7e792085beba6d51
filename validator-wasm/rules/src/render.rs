//! Messages: the template of a code in a language, filled with the params. The browser's façade does
//! the same with the same templates.

use alloc::string::{String, ToString as _};

use crate::catalogue::Param;
use crate::report::Scalar;

/// The languages the messages are written in.
pub const LOCALES: [&str; 5] = ["en", "fr", "nl", "de", "es"];

/// The language for a BCP 47 tag: its first part, without case, `_` for `-`; English when it is none of ours.
pub fn language(tag: &str) -> &'static str {
    let first = tag.split(['-', '_']).next().unwrap_or(tag);
    LOCALES.iter().find(|locale| first.eq_ignore_ascii_case(locale)).copied().unwrap_or("en")
}

/// Fills `{name}` with the param of that name, `{NAME}` with it in capitals: of `tls` people write TLS. What is no
/// param stays as it is.
pub fn message(template: &str, params: &[(Param, Scalar<'_>)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, end)) = after.split_once('}') else {
            text.push('{');
            rest = after;
            continue;
        };
        let capitals = name.starts_with(|c: char| c.is_ascii_uppercase());
        match params.iter().find(|(param, _)| param.name().eq_ignore_ascii_case(name)) {
            Some((_, Scalar::Text(value))) if capitals => text.push_str(&value.to_ascii_uppercase()),
            Some((_, Scalar::Text(value))) => text.push_str(value),
            Some((_, Scalar::Number(value))) => text.push_str(&value.to_string()),
            _ => {
                text.push('{');
                text.push_str(name);
                text.push('}');
            }
        }
        rest = end;
    }
    text.push_str(rest);
    text
}
