//! `/dev/mails`: every type of mail in every language as its reader will see it, light and dark, on a desktop and a phone.
//!
//! The page has no script. Each mail is a document of its own in a frame without rights, so that an operator's template can do
//! no more here than in a mail program.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ownpost_core::mail::build::Built;
use ownpost_core::mail::escape;
use ownpost_core::mail::preview::{Sample, event, preview};
use ownpost_domain::percent;
use serde::Deserialize;

use super::Server;
use super::problem::Problem;

/// The page loads its style and the frames.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";
/// A mail shows its own inline style and the logo of its brand, and acts in no way.
const MAIL_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'self'";

/// The frames: what the reader has, the width, and the colours that are preferred.
const FRAMES: [(&str, &str, &str); 4] = [
    ("Desktop, light", "desktop", "light"),
    ("Phone, light", "phone", "light"),
    ("Desktop, dark", "desktop", "dark"),
    ("Phone, dark", "phone", "dark"),
];

/// Which mail.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(rename = "type")]
    kind: Option<String>,
    locale: Option<String>,
    sample: Option<String>,
    scheme: Option<String>,
}

/// One of the mails that there are.
struct Chosen {
    kind: String,
    locale: String,
    sample: Sample,
    dark: bool,
}

impl Chosen {
    fn of(server: &Server, query: Result<Query<Asked>, QueryRejection>) -> Result<Self, Problem> {
        let unknown = |detail: &'static str| Problem::new(StatusCode::NOT_FOUND, "mail.not_found", detail);
        let members = "The query takes type, locale, sample and scheme.";
        let Query(asked) =
            query.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "request.query_invalid", members))?;
        let templates = &server.app.templates;
        let kind = asked.kind.unwrap_or_else(|| "comment.created".to_owned());
        if !templates.kinds().contains(&kind) {
            return Err(unknown("There is no text for this type."));
        }
        let locale = asked.locale.unwrap_or_else(|| "en".to_owned());
        if !templates.locales().contains(&locale) {
            return Err(unknown("There is no text in this language."));
        }
        let sample = match asked.sample {
            None => Sample::Full,
            Some(name) => Sample::ALL
                .into_iter()
                .find(|sample| sample.name() == name)
                .ok_or_else(|| unknown("The samples are full, minimal and hostile."))?,
        };
        Ok(Self { kind, locale, sample, dark: asked.scheme.as_deref() == Some("dark") })
    }

    fn built(&self, server: &Server) -> Result<Built, Problem> {
        let event = event(&self.kind, &self.locale, self.sample.data(&self.locale));
        preview(&server.app.templates, None, &event, (server.app.now)()).map_err(|problem| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "mail.not_built", format!("{problem}."))
        })
    }

    /// The query that chooses it.
    fn query(&self) -> String {
        query(&self.kind, &self.locale, self.sample)
    }
}

fn query(kind: &str, locale: &str, sample: Sample) -> String {
    let mut query = String::new();
    for (start, value) in [("?type=", kind), ("&locale=", locale), ("&sample=", sample.name())] {
        query.push_str(start);
        percent::encode(value, &mut query);
    }
    query
}

/// The HTML of a mail, as it looks in the colours that are asked for.
pub(super) async fn html(
    State(server): State<Server>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let chosen = Chosen::of(&server, query)?;
    let html = chosen.built(&server)?.bodies.html.unwrap_or_default();
    Ok(document(MAIL_POLICY, in_colors(&html, chosen.dark)))
}

/// The message, to be opened in a mail program.
pub(super) async fn message(
    State(server): State<Server>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let chosen = Chosen::of(&server, query)?;
    let message = chosen.built(&server)?.message;
    let headers = [
        (header::CONTENT_TYPE, "message/rfc822"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"mail.eml\""),
    ];
    Ok((headers, message).into_response())
}

/// The page: what there is to choose from, and the chosen mail in each look.
pub(super) async fn page(
    State(server): State<Server>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let chosen = Chosen::of(&server, query)?;
    let built = chosen.built(&server)?;
    Ok(document(PAGE_POLICY, page_html(&server, &chosen, &built)))
}

fn document(policy: &'static str, html: String) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, html).into_response()
}

/// The mail as a program shows it that prefers light or dark colours, whatever this browser prefers.
fn in_colors(html: &str, dark: bool) -> String {
    let (scheme, applies) = if dark { ("dark", "all") } else { ("light", "not all") };
    html.replace("(prefers-color-scheme:dark)", applies)
        .replace("(prefers-color-scheme: dark)", applies)
        .replace("content=\"light dark\"", &format!("content=\"{scheme}\""))
        .replace("color-scheme:light dark", &format!("color-scheme:{scheme}"))
}

fn page_html(server: &Server, chosen: &Chosen, built: &Built) -> String {
    let Chosen { kind, locale, sample, .. } = chosen;
    let templates = &server.app.templates;
    let link = |query: &str, label: &str, current: bool| {
        let current = if current { " aria-current=\"true\"" } else { "" };
        format!("<li><a href=\"{}\"{current}>{}</a></li>", escape(query), escape(label))
    };
    let list = |links: String| format!("<ul>{links}</ul>");
    let kinds =
        templates.kinds().iter().map(|one| link(&query(one, locale, *sample), one, one == kind)).collect();
    let locales =
        templates.locales().iter().map(|one| link(&query(kind, one, *sample), one, one == locale)).collect();
    let samples =
        Sample::ALL.iter().map(|one| link(&query(kind, locale, *one), one.name(), one == sample)).collect();
    let frames: String = FRAMES.iter().map(|frame| frame_html(chosen, *frame)).collect();
    let bodies = &built.bodies;
    let language = bodies.language.as_deref().unwrap_or("en");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}: mails of Ownpost</title>\
         <link rel=\"icon\" href=\"/page/icon.svg\" type=\"image/svg+xml\">\
         <link rel=\"stylesheet\" href=\"/page/page.css\"><link rel=\"stylesheet\" href=\"/page/mails.css\"></head>\n\
         <body class=\"mails\">\n\
         <header><h1>Mails</h1><p>Every text, with example data. Nothing is sent.</p></header>\n\
         <nav aria-label=\"Type\">{kinds}</nav>\n\
         <main>\n\
         <div class=\"choices\"><nav aria-label=\"Language\">{locales}</nav>\
         <nav aria-label=\"Data\">{samples}</nav>\
         <a href=\"/dev/mails/eml{query}\" download>Download as .eml</a></div>\n\
         <h2 lang=\"{language}\">{subject}</h2>\n{notes}<div class=\"frames\">{frames}</div>\n\
         <h2>Text</h2>\n<pre lang=\"{language}\" tabindex=\"0\">{text}</pre>\n\
         </main>\n</body>\n</html>\n",
        title = escape(kind),
        kinds = list(kinds),
        locales = list(locales),
        samples = list(samples),
        query = escape(&chosen.query()),
        language = escape(language),
        subject = escape(&bodies.subject),
        notes = notes(built),
        text = escape(&bodies.text),
    )
}

fn frame_html(chosen: &Chosen, (label, width, scheme): (&str, &str, &str)) -> String {
    let source = format!("/dev/mails/html{}&scheme={scheme}", chosen.query());
    format!(
        "<figure class=\"{width}\"><figcaption>{label}</figcaption>\
         <iframe sandbox title=\"{label}\" src=\"{}\"></iframe></figure>",
        escape(&source)
    )
}

/// What the data lacks, and whether the operator's template failed.
fn notes(built: &Built) -> String {
    let failed = built.bodies.fallback.as_ref().map(|error| format!("{error}: the built-in text is used"));
    let notes: Vec<_> = failed.iter().chain(&built.bodies.warnings).collect();
    if notes.is_empty() {
        return String::new();
    }
    let items: Vec<_> = notes.iter().map(|note| escape(note)).collect();
    format!("<ul class=\"notes\"><li>{}</li></ul>\n", items.join("</li><li>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_takes_the_colours_that_are_asked_for() {
        let html = "<meta name=\"color-scheme\" content=\"light dark\"><style>:root{color-scheme:light dark}\
                    @media (prefers-color-scheme:dark){.a{}}</style>";
        let dark = in_colors(html, true);
        assert!(dark.contains("@media all{") && dark.contains("content=\"dark\""), "{dark}");
        let light = in_colors(html, false);
        assert!(light.contains("@media not all{") && light.contains("color-scheme:light}"), "{light}");
    }

    #[test]
    fn a_query_carries_any_name() {
        assert_eq!(query("a&b=ü", "pt-br", Sample::Full), "?type=a%26b%3D%C3%BC&locale=pt-br&sample=full");
    }
}
