//! The paragraphs of a text as the HTML layout gets them.

use minijinja::Value;
use serde::Serialize;

use super::values::{ISOLATE, POP};

/// The most octets of quotations in the HTML: Gmail cuts a mail at 102 KB. The text part has the rest.
const MOST_QUOTED: usize = 48 * 1024;

/// A paragraph.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Block {
    /// `text`, `quote` or `button`.
    pub(super) kind: &'static str,
    /// The lines.
    pub(super) lines: Vec<Line>,
    /// The button's address.
    pub(super) url: String,
    /// The button's address as its reader sees it beside the button. Written in full it would be a second link that the text
    /// does not have, and filters count links that only one of the two parts has.
    pub(super) shown: String,
    /// The button's text.
    pub(super) label: String,
}

/// A line, and the link at its end.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    /// The text before the link.
    pub(super) text: String,
    /// The address; empty without a link.
    pub(super) url: String,
}

impl Block {
    fn new(kind: &'static str, lines: Vec<Line>) -> Self {
        Self { kind, lines, url: String::new(), shown: String::new(), label: String::new() }
    }

    /// The block of a paragraph. "Read the comment: https://…" with the mail's own address becomes a button that reads
    /// "Read the comment"; other known addresses at the end of a line become links.
    fn of(paragraph: &str, url: Option<&str>, links: &[String], quoted: &mut usize) -> Self {
        if paragraph.lines().all(|line| line.starts_with('>')) {
            return Self::new("quote", quotation(paragraph, quoted));
        }
        if let Some(url) = url
            && let Some(label) = paragraph.strip_suffix(url)
            && !label.contains('\n')
        {
            let label = label.trim().trim_end_matches(':').trim_end();
            let label = if label.is_empty() { url } else { label };
            let shown = url.strip_prefix("https://").unwrap_or(url).to_owned();
            let (url, label) = (url.to_owned(), label.to_owned());
            return Self { url, shown, label, ..Self::new("button", Vec::new()) };
        }
        Self::new("text", paragraph.lines().map(|line| Line::of(line, links)).collect())
    }
}

impl Line {
    /// The line with the link at its end, if there is one.
    pub(super) fn of(line: &str, links: &[String]) -> Self {
        let link = links.iter().find_map(|link| Some((line.strip_suffix(link.as_str())?, link)));
        let (text, url) = link.map_or((line, ""), |(text, link)| (text, link.as_str()));
        Self { text: text.to_owned(), url: url.to_owned() }
    }
}

fn quotation(paragraph: &str, quoted: &mut usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for line in paragraph.lines() {
        let text = line[1..].strip_prefix(' ').unwrap_or(&line[1..]);
        *quoted += escape(text).len() + 8;
        if *quoted > MOST_QUOTED {
            lines.push(Line { text: "…".to_owned(), url: String::new() });
            break;
        }
        lines.push(Line { text: text.to_owned(), url: String::new() });
    }
    lines
}

/// The blocks of the paragraphs.
pub(super) fn blocks(paragraphs: &[String], url: Option<&str>, links: &[String]) -> Vec<Block> {
    let mut quoted = 0;
    paragraphs.iter().map(|paragraph| Block::of(paragraph, url, links, &mut quoted)).collect()
}

/// The paragraphs of a text: separated by blank lines, however many a skipped sentence has left. A line that a skipped
/// sentence has left empty within a paragraph goes.
pub(super) fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim_end) {
        match (line.is_empty(), open, paragraphs.last_mut()) {
            (true, ..) => open = false,
            (false, true, Some(last)) => {
                last.push('\n');
                last.push_str(line);
            }
            (false, ..) => {
                paragraphs.push(line.to_owned());
                open = true;
            }
        }
    }
    paragraphs
}

/// What mail programs show beside the subject: the first sentences, without greeting.
pub(super) fn preheader(blocks: &[Block], hello: &str) -> String {
    let line = |line: &Line| line.text.trim().to_owned();
    let texts = blocks.iter().filter(|block| block.kind == "text");
    let text = texts
        .map(|block| block.lines.iter().map(line).collect::<Vec<_>>().join(" "))
        .find(|text| text != hello);
    text.unwrap_or_default().chars().take(140).collect()
}

/// Filter `bdi`: the text for HTML, with what is isolated in an element of its own direction.
pub(super) fn bdi(value: &Value) -> Value {
    let text = if value.is_undefined() || value.is_none() { String::new() } else { value.to_string() };
    let html = escape(&text).replace(ISOLATE, "<bdi>").replace(POP, "</bdi>");
    Value::from_safe_string(html)
}

/// The text for HTML, in elements and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

/// Filter `quote`: every line behind `> `, as people quote in mails. Nothing gives nothing.
pub(super) fn quote(value: &Value) -> String {
    if value.is_undefined() || value.is_none() {
        return String::new();
    }
    let text = value.to_string();
    let lines = text.trim().lines().map(|line| format!("> {}", line.trim_end()).trim_end().to_owned());
    if text.trim().is_empty() { String::new() } else { lines.collect::<Vec<_>>().join("\n") }
}
