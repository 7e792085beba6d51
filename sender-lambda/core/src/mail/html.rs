//! The HTML that a product brings itself (`content.html`): made harmless, and turned into text where none was given.

use ammonia::{Builder, UrlRelative};
use std::collections::HashSet;
use std::fmt::Write as _;

use smtp_rules::shown::is_blank;

use super::blocks::escape;

/// The tags whose content goes with them.
const DROPPED: &[&str] =
    &["script", "style", "title", "noscript", "iframe", "object", "embed", "template", "svg", "math"];
/// The properties of inline styles that mails need. None of them loads anything or takes a part out of its place.
const STYLES: &[&str] = &[
    "background-color",
    "border",
    "border-bottom",
    "border-collapse",
    "border-color",
    "border-left",
    "border-radius",
    "border-right",
    "border-spacing",
    "border-top",
    "border-width",
    "color",
    "direction",
    "display",
    "font-family",
    "font-size",
    "font-style",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "list-style-type",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-width",
    "min-width",
    "overflow-wrap",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "table-layout",
    "text-align",
    "text-decoration",
    "text-transform",
    "vertical-align",
    "white-space",
    "width",
    "word-break",
    "word-wrap",
];

/// The fragment without scripts, forms, frames, redirects and handlers, in a document of its own.
pub(super) fn sanitised(html: &str, subject: &str, language: Option<&str>) -> String {
    let body = fragment(html);
    let language = language.map(|tag| format!(" lang=\"{}\"", escape(tag))).unwrap_or_default();
    format!(
        "<!doctype html>\n<html{language}>\n<head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title></head>\n\
         <body>\n{body}\n</body>\n</html>\n",
        escape(subject)
    )
}

fn fragment(html: &str) -> String {
    let layout = [
        "bgcolor",
        "border",
        "cellpadding",
        "cellspacing",
        "dir",
        "role",
        "style",
        "valign",
        "width",
        "height",
        "align",
        "lang",
        "title",
    ];
    let mut builder = Builder::default();
    builder
        .clean_content_tags(DROPPED.iter().copied().collect())
        .add_tags(["font", "main", "header", "footer", "section"])
        .add_generic_attributes(layout)
        .add_tag_attributes("font", ["color", "face", "size"])
        .filter_style_properties(STYLES.iter().copied().collect::<HashSet<_>>())
        .url_schemes(["https", "http", "mailto", "tel", "cid"].into())
        .url_relative(UrlRelative::Deny)
        .link_rel(None);
    builder.clean(html).to_string()
}

/// The text of the HTML: paragraphs, lists, and each link's address behind it.
pub(super) fn as_text(html: &str) -> String {
    let clean = fragment(html);
    let (mut text, mut rest, mut link) = (String::new(), clean.as_str(), None::<(String, usize)>);
    while let Some(start) = rest.find('<') {
        text.push_str(&collapsed(&rest[..start], text.ends_with(['\n', ' ']) || text.is_empty()));
        let Some(end) = rest[start..].find('>') else { break };
        let tag = &rest[start + 1..start + end];
        rest = &rest[start + end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        match (name, tag.starts_with('/')) {
            ("a", false) => {
                let href = tag.split_once("href=\"").and_then(|(_, rest)| rest.split('"').next());
                link = href.map(|href| (unescape(href), text.len()));
            }
            ("a", true) => {
                if let Some((href, from)) = link.take()
                    && !text.get(from..).is_some_and(|label| label.contains(&href))
                {
                    let _ = write!(text, " ({href})");
                }
            }
            ("img", _) => {
                let alt = tag.split_once("alt=\"").and_then(|(_, rest)| rest.split('"').next());
                text.push_str(&alt.map(unescape).unwrap_or_default());
            }
            ("li", false) => text.push_str("\n- "),
            ("td" | "th", true) => text.push(' '),
            ("br" | "tr" | "div" | "hr", _) => text.push('\n'),
            (
                "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" | "blockquote" | "pre" | "ul" | "ol",
                _,
            ) => {
                text.push_str("\n\n");
            }
            _ => {}
        }
    }
    text.push_str(&collapsed(rest, text.ends_with(['\n', ' '])));
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if !line.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(line);
        }
    }
    let text = lines.join("\n");
    format!("{}\n", text.trim())
}

/// Whether a recipient sees something of the HTML: a text or an image. What acts in a mail is taken out and shows nothing.
pub(super) fn shows_something(html: &str) -> bool {
    // In values the sanitiser writes `<` and `>` as references, so a tag ends at the first `>`.
    let has_image =
        |html: &str| html.split("<img ").skip(1).filter_map(|tag| tag.split('>').next()).any(has_source);
    !is_blank(&as_text(html)) || has_image(&fragment(html))
}

/// Whether the tag has the attribute `src`. Every second piece between the quotes is a value.
fn has_source(tag: &str) -> bool {
    tag.split('"').step_by(2).any(|outside| outside.ends_with("src="))
}

/// Text between tags: white space counts as one space, and none at the beginning of a line.
fn collapsed(html: &str, at_start: bool) -> String {
    let text = unescape(html);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let mut out = words.join(" ");
    if text.starts_with(|c: char| c.is_ascii_whitespace()) && !at_start {
        out.insert(0, ' ');
    }
    if text.ends_with(|c: char| c.is_ascii_whitespace()) && !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
    out
}

/// The five entities that the sanitiser writes.
fn unescape(html: &str) -> String {
    html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", "\u{a0}")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_act_in_a_mail_is_taken_out() {
        let hostile = r#"<base href="https://evil.example"><meta http-equiv="refresh" content="0;url=https://evil.example">
            <script>alert(1)</script><p onclick="x()" style="color:red;position:fixed;background:url(https://t.example)">Hi
            <b>there</b></p><iframe src="https://evil.example"></iframe><form action="https://evil.example">
            <input type="password"></form><a href="javascript:alert(1)">x</a><a href="data:text/html,x">y</a>
            <a href="https://ok.example/?a=1&amp;b=2">ok</a><img src="x" onerror="alert(1)" alt="A"><svg onload="alert(1)"/>
            <style>*{display:none}</style><table bgcolor="red"><tr><td width="5">1</td></tr></table>"#;
        let html = sanitised(hostile, "A & B", Some("nl"));
        for bad in [
            "script",
            "alert",
            "onclick",
            "iframe",
            "<form",
            "<input",
            "refresh",
            "<base",
            "javascript",
            "data:",
            "position",
            "url(",
            "<svg",
            "evil.example",
            "display:none",
        ] {
            assert!(!html.contains(bad), "{bad}: {html}");
        }
        for good in [
            "<b>there</b>",
            "color:red",
            "https://ok.example/?a=1&amp;b=2",
            "bgcolor=\"red\"",
            "width=\"5\"",
            "lang=\"nl\"",
            "<title>A &amp; B</title>",
        ] {
            assert!(html.contains(good), "{good}: {html}");
        }
    }

    #[test]
    fn html_without_anything_to_see_is_known() {
        for nothing in [
            "<script>alert(1)</script>",
            "<style>p{}</style><form action=\"https://x.example\"><input value=\"x\"></form>",
            "<div><table bgcolor=\"red\"><tr><td width=\"5\">\u{a0}&nbsp;&#8203;</td></tr></table></div><hr>",
            "<iframe src=\"https://x.example\">old browsers</iframe><!-- note -->",
            "<img src=\"javascript:alert(1)\" title=\" src=\">",
            "<p title=\"a > b\"></p>",
        ] {
            assert!(!shows_something(nothing), "{nothing}: {}", fragment(nothing));
        }
        for something in ["x", "<p>.</p>", "<img src=\"https://x.example/logo.png\">", "<img alt=\"Logo\">"] {
            assert!(shows_something(something), "{something}: {}", fragment(something));
        }
    }

    #[test]
    fn html_without_a_text_gets_one() {
        let html = "<h1>Title</h1><p>One\n two<br>three &amp; four</p><ul><li>a</li><li>b</li></ul>\
                    <a href=\"https://x.example/1\">Open</a> <a href=\"https://y.example/\">https://y.example/</a>\
                    <script>no()</script><p title=\"1 > 0\">End<img alt=\" > A\"></p>";
        let text = as_text(html);
        let want = "Title\n\nOne two\nthree & four\n\n- a\n- b\n\nOpen (https://x.example/1) https://y.example/\n\nEnd > A\n";
        assert_eq!(text, want);
    }
}
