//! "Did it come by my server, and does it prove who sent it?": reads the header of a received mail, as mail programs show
//! it, and says its way, its TLS, and what the receiver found of SPF, DKIM and DMARC, in the reader's language.
//!
//! Pure: bytes in, a report out, for any bytes and in bounded time. The header alone is read; the body of a mail is
//! nobody's business here.
//!
//! ```
//! use ownpost_inspect::{Expected, ViaRelay, inspect};
//!
//! let mail = b"Received: from app.example.net by smtp.acme.example with ESMTPSA;\n Mon, 16 Nov 2026 10:00:00 +0100\n\
//!     From: noreply@acme.example\n\n";
//! let expected = Expected { host: Some("smtp.acme.example"), ..Expected::default() };
//! assert_eq!(inspect(mail, &expected, "en").via_relay, ViaRelay::Yes);
//! ```

mod findings;
mod header;
mod hops;
mod names;
mod report;
mod results;
mod route;

pub use findings::Finding as Code;
pub use report::{Authentication, Finding, Hop, InspectReport, Severity, ViaRelay};

use header::Header;

/// The largest mail that is read, in bytes.
pub const LIMIT: usize = 1024 * 1024;

/// What the mail should be: of the active settings, and of the row or the test that sent it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    /// The settings' `senderAddress`.
    pub sender: Option<&'a str>,
    /// The settings' `host`.
    pub host: Option<&'a str>,
    /// The mail's Message-ID, with or without angle brackets.
    pub message_id: Option<&'a str>,
}

/// Reads a mail's source or header. `locale` is a BCP 47 tag.
pub fn inspect(message: &[u8], expected: &Expected<'_>, locale: &str) -> InspectReport {
    let locale = ownpost_i18n::Locale::of(locale);
    if message.len() > LIMIT {
        return InspectReport::unread(findings::Finding::TooLarge, locale);
    }
    let source = header::source(message);
    let Some(header) = Header::read(&source) else {
        return InspectReport::unread(findings::Finding::NotAMail, locale);
    };
    let hops = hops::of(&header);
    let (via_relay, relay_hop) = match given(expected.host) {
        Some(host) => route::via(&hops, host),
        None => (ViaRelay::Unknown, None),
    };
    let authentication = results::of_receiver(&header, &hops);
    let from = header.from();
    let message_id = header.message_id();
    let facts = findings::Facts {
        matches: given(expected.message_id).map(|asked| {
            let asked = asked.trim().trim_start_matches('<').trim_end_matches('>');
            message_id.as_deref() == Some(asked)
        }),
        sender_matches: given(expected.sender)
            .map(|sender| from.as_deref().is_some_and(|from| names::same_address(from, sender)))
            .map(|same| same && header.sender_fields() == 1),
        via_relay,
        forwarded: header.is_forwarded(),
        header: &header,
        hops: &hops,
        results: authentication.as_ref(),
        expected,
    };
    let findings = findings::of(&facts, locale);
    InspectReport {
        matches: facts.matches,
        sender_matches: facts.sender_matches,
        message_id,
        from,
        return_path: header.return_path(),
        via_relay,
        relay_hop,
        authentication: authentication.map(results::Results::into_report),
        hops: hops.into_iter().map(hops::Trace::into_report).collect(),
        findings,
    }
}

/// A value that is there; empty text counts as none.
fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}
