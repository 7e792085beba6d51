//! A tenant's (or the platform's) SMTP settings, checked and complete. Where a value of this type is, the
//! rules of `smtp-rules` have accepted it and every secret is there.

use jiff::civil::Date;

use super::category::Routing;
use super::secret::Secret;

/// Complete settings: what a session needs to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// DNS name as A-labels, or an IP literal without brackets.
    pub host: String,
    /// TCP port, allowed by the rules or the operator.
    pub port: u16,
    /// How the connection is encrypted. There is no unencrypted one.
    pub security: Security,
    /// The kind of authentication, with its secrets.
    pub auth: Auth,
    /// MAIL FROM and From: of every mail.
    pub sender_address: String,
    /// Display name in From:.
    pub sender_name: Option<String>,
    /// Reply-To: when an event brings none.
    pub reply_to: Option<String>,
    /// The name for EHLO; else the operator's.
    pub ehlo_name: Option<String>,
    /// PEM certificates trusted for this relay beside the public roots.
    pub ca_pem: Option<String>,
    /// Through which server each category leaves.
    pub routing: Routing,
    /// The addresses that hear of a broken relay, at most five; none: those who saved last.
    pub contacts: Vec<String>,
}

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Security {
    /// STARTTLS (RFC 3207), required.
    StartTls,
    /// Implicit TLS (RFC 8314).
    Tls,
}

/// The kind of authentication (RFC 4954).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// No AUTH: the relay admits this client by its address.
    None,
    /// SASL PLAIN or LOGIN.
    Password {
        /// The account's name.
        username: String,
        /// The account's password.
        password: Secret,
    },
    /// SASL XOAUTH2 or OAUTHBEARER with a token fetched from the provider.
    OAuth2(OAuth2),
}

/// Where and with what an access token is fetched (RFC 6749).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2 {
    /// The mailbox that the token is for.
    pub username: String,
    /// The operator's provider that the mailbox was connected with; client and token endpoint are the operator's then. `None`
    /// for an application of the tenant's own.
    pub provider: Option<String>,
    /// The https token endpoint.
    pub token_url: String,
    /// The client registered with the provider.
    pub client_id: String,
    /// Its secret; optional with a refresh token.
    pub client_secret: Option<Secret>,
    /// The day on which the secret ends (UTC), where the tenant has named it.
    pub client_secret_expires: Option<Date>,
    /// The grant that is exchanged for the access token.
    pub grant: Grant,
    /// The scope to ask for.
    pub scope: Option<String>,
}

/// The two OAuth 2 grants that work without a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Client credentials (RFC 6749 §4.4).
    ClientCredentials,
    /// A refresh token (RFC 6749 §6).
    RefreshToken(Secret),
}
