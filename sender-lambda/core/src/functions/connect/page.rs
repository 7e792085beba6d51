//! The small page that ends a connection: it hands the result to the page that began it, and says it in the reader's
//! language.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ownpost_domain::percent;
use ownpost_i18n::{Locale, connection, fill};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Attempt, redirect_uri};
use crate::functions::App;
use crate::mail::escape;

/// The answer to a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// 200, 302 or 400.
    pub status: u16,
    /// With 302, where the browser goes on.
    pub location: Option<String>,
    /// The HTML.
    pub body: String,
}

/// How an attempt ended.
pub(super) enum Outcome {
    Connected { granted: String, mailbox: Option<String> },
    Problem { code: &'static str, detail: String },
}

impl Outcome {
    pub(super) fn problem(code: &'static str) -> Self {
        Self::Problem { code, detail: String::new() }
    }
}

/// The person who reads the page, and the page that gets the outcome.
pub(super) struct Reader<'a> {
    pub(super) locale: Locale,
    pub(super) attempt: Option<&'a Attempt>,
    /// The provider's name.
    pub(super) name: Option<&'a str>,
}

/// Hands the message to the page that opened this one, and to no other origin; without such a page it goes on itself.
const SCRIPT: &str = "const{origin,message,next,close}=document.body.dataset,page=window.opener;\
if(origin&&page){page.postMessage(JSON.parse(message),origin);if(close)window.close()}\
else if(next)location.replace(next)";

const STYLE: &str = "html{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{max-width:32rem;margin:15vh auto;padding:0 1.5rem}h1{font-size:1.375rem;line-height:1.3}";

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
});

impl Page {
    /// The headers beside the status. The page's address has a code in it, and its body an ID: neither is kept or passed on.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", "text/html; charset=utf-8".to_owned()),
            ("content-security-policy", POLICY.clone()),
            ("cache-control", "no-store".to_owned()),
            ("referrer-policy", "no-referrer".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        headers.extend(self.location.clone().map(|location| ("location", location)));
        headers
    }
}

impl Reader<'_> {
    /// The page for an outcome: a redirect where no page can be told, else the page that tells it.
    pub(super) fn page(&self, app: &App, outcome: &Outcome) -> Page {
        let origin = self.attempt.and_then(|attempt| attempt.origin.as_deref());
        let settings_url = app.config.product.settings_url.as_deref();
        let page = origin.or_else(|| app.config.exact_origins().next());
        let place = settings_url.map(str::to_owned).or_else(|| Some(format!("{}/", page?)));
        let (code, detail) = match outcome {
            Outcome::Connected { .. } => ("connected", ""),
            Outcome::Problem { code, detail } => (*code, detail.as_str()),
        };
        let redirect_uri = redirect_uri(app);
        let values =
            [("provider", self.name.unwrap_or("–")), ("detail", detail), ("redirect", redirect_uri.as_str())];
        let text = connection(self.locale, code);
        let (title, remedy) = (fill(&text.message, &values), fill(&text.remedy, &values));
        let mut message = json!({"type": "ownpost-connect", "id": self.attempt.map(|attempt| &attempt.id)});
        let mut next = None;
        match outcome {
            Outcome::Connected { granted, mailbox } => {
                let provider = self.attempt.map(|attempt| attempt.provider.as_str()).unwrap_or_default();
                next = place.map(|place| with_fragment(&place, granted, provider, mailbox.as_deref()));
                message["granted"] = json!(granted);
                message["provider"] = json!(provider);
                message["username"] = json!(mailbox);
            }
            Outcome::Problem { .. } => {
                message["problem"] = json!({"code": code, "message": title, "remedy": remedy});
            }
        }
        let status = if next.is_some() { 200 } else { 400 };
        if origin.is_none() && next.is_some() {
            return Page { status: 302, location: next, body: String::new() };
        }
        let close = if next.is_some() { "1" } else { "" };
        let data = Data { origin, message: &message, next: next.as_deref(), close };
        Page { status, location: None, body: html(self.locale, &title, &remedy, &data) }
    }
}

/// What the script reads.
struct Data<'a> {
    origin: Option<&'a str>,
    message: &'a Value,
    next: Option<&'a str>,
    close: &'a str,
}

fn html(locale: Locale, title: &str, text: &str, data: &Data<'_>) -> String {
    let (title, text) = (escape(title), escape(text));
    format!(
        "<!doctype html><html lang=\"{}\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><body data-origin=\"{}\" \
         data-message=\"{}\" data-next=\"{}\" data-close=\"{}\"><main><h1>{title}</h1><p>{text}</p></main>\
         <script>{SCRIPT}</script></body></html>",
        locale.tag(),
        escape(data.origin.unwrap_or_default()),
        escape(&data.message.to_string()),
        escape(data.next.unwrap_or_default()),
        data.close,
    )
}

/// The place with what was brought in its fragment, which no server gets to see.
fn with_fragment(place: &str, granted: &str, provider: &str, mailbox: Option<&str>) -> String {
    // A page that has its own address in the fragment keeps it.
    let separator = if place.contains('#') { '&' } else { '#' };
    let mut address = format!("{place}{separator}granted={granted}&provider={provider}");
    if let Some(mailbox) = mailbox {
        address.push_str("&username=");
        percent::encode(mailbox, &mut address);
    }
    address
}
