//! The identity provider as the operator names it.

use ownpost_domain::brand::is_url;

/// The provider whose tokens are taken, and for whom they have to be made out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// `iss` of the tokens, letter by letter. Below it is `.well-known/openid-configuration`.
    pub url: String,
    /// The audiences (`aud`, or `client_id` where there is none) of which a token has to have one. Never empty.
    pub audiences: Vec<String>,
}

impl Issuer {
    /// Reads the address of an issuer: https, without a query (OpenID Connect Discovery 1.0, section 2). A slash at its end
    /// stays, for a token has it or has it not.
    ///
    /// # Errors
    /// It is none, with what is wanted.
    pub fn parse_url(text: &str) -> Result<String, String> {
        if is_url(text, &["https://"]) && !text.contains(['?', '#', '@']) {
            Ok(text.to_owned())
        } else {
            Err(format!("`{text}` is no issuer; write the `iss` of your tokens, as https://id.example.com"))
        }
    }

    /// The address of its configuration (OpenID Connect Discovery 1.0, section 4).
    pub(super) fn configuration(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.url.trim_end_matches('/'))
    }

    /// Whether an address is on the issuer's own server.
    pub(super) fn owns(&self, url: &str) -> bool {
        origin(url).is_some_and(|theirs| origin(&self.url) == Some(theirs))
    }
}

/// Scheme, host and port of a URL, in lower case. `None` for one whose server is not plain to see.
fn origin(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.strip_suffix(":443").unwrap_or(authority);
    (!authority.contains(['@', '\\'])).then(|| authority.to_ascii_lowercase())
}
