//! A failed session as types, and one row for each failure code. [`super::outcome`] decides from a row and the facts of
//! an attempt what happens next.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stage of a session, in the order of a STARTTLS session (RFC 3207); with implicit TLS, `tls` comes before
/// `greeting`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The name is looked up and every address checked.
    Resolve,
    /// TCP.
    Connect,
    /// The server's 220.
    Greeting,
    /// EHLO before TLS.
    Ehlo,
    /// STARTTLS, the handshake, the certificate and the EHLO after it.
    Tls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, and the reply after the final dot.
    Message,
}

/// An SMTP reply (RFC 5321 §4.2) with its enhanced status code (RFC 3463), when it carries one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// Three digits, 200 to 599.
    pub code: u16,
    /// `5.7.8`.
    pub enhanced: Option<EnhancedCode>,
    /// The text of all lines without codes, joined by line feeds; a secret is replaced by `<redacted>`.
    pub text: String,
}

impl Reply {
    /// 2xx: the command was carried out.
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }
    /// 4xx: worth trying again.
    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }
    /// 5xx: refused for good.
    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }
}

/// An enhanced mail system status code (RFC 3463): class, subject, detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct EnhancedCode(pub u8, pub u16, pub u16);

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl EnhancedCode {
    /// Reads `5.7.8`: class 2, 4 or 5 in one digit, the others in up to three (RFC 3463 §2).
    pub fn parse(text: &str) -> Option<Self> {
        let (class, rest) = text.split_once('.')?;
        let class = match class {
            "2" => 2,
            "4" => 4,
            "5" => 5,
            _ => return None,
        };
        let mut parts = rest.split('.');
        let mut number = || {
            let part = parts.next()?;
            let digits = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            if digits { part.parse::<u16>().ok() } else { None }
        };
        let (subject, detail) = (number()?, number()?);
        if parts.next().is_some() { None } else { Some(Self(class, subject, detail)) }
    }
}

impl Serialize for EnhancedCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EnhancedCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an enhanced status code"))
    }
}

/// What becomes of a mail after one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server has it.
    Sent,
    /// This mail was refused for good.
    Failed,
    /// It may work later.
    Retry,
    /// The server itself is at fault for good: the category's policy decides.
    RelayFault,
    /// The final dot may have left and no reply came. Only a person may send it again.
    Unknown,
}

/// Declares each failure code as one row: variant, stable code, the setting that it is about (a dotted path; empty for
/// none in particular), the verdict when the server refused for good or gave no reply (a 4xx reply is always worth
/// another try, see [`super::outcome::verdict`]), and a clause without a subject for the ledger.
macro_rules! failure_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $field:literal, $verdict:ident, $clause:literal;)+) => {
        /// Why a session failed: the stable codes of docs/reference/reports.md. Codes are added, never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum FailureCode {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)+
        }
        impl FailureCode {
            /// All of them, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The stable code, as in JSON.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
            /// The setting that the failure is about, as a dotted path; empty when it is none in particular.
            pub const fn field(self) -> &'static str {
                match self { $(Self::$variant => $field,)+ }
            }
            /// The verdict on the mail when the server refused for good or gave no reply.
            pub const fn verdict(self) -> Verdict {
                match self { $(Self::$variant => Verdict::$verdict,)+ }
            }
            /// The failure as a clause without a subject: `the connection was refused`.
            pub const fn clause(self) -> &'static str {
                match self { $(Self::$variant => $clause,)+ }
            }
        }
    };
}

failure_codes! {
    /// The name does not exist or has no address.
    ResolveNotFound = "resolve.not_found", "host", RelayFault, "its name does not exist";
    /// No name server answered in time.
    ResolveTimeout = "resolve.timeout", "host", Retry, "no name server answered in time";
    /// The name servers answered with a failure, such as SERVFAIL.
    ResolveFailed = "resolve.failed", "host", Retry, "the name servers could not look its name up";
    /// An address of the name may not be dialled.
    ResolveForbidden = "resolve.forbidden", "host", RelayFault, "its name leads to an address that may not be dialled";
    /// Connection refused.
    ConnectRefused = "connect.refused", "port", Retry, "the connection was refused";
    /// No answer to the connection attempt.
    ConnectTimeout = "connect.timeout", "port", Retry, "the connection attempt got no answer";
    /// No route to the host or network.
    ConnectUnreachable = "connect.unreachable", "host", Retry, "there is no way to its network";
    /// The cloud blocks this outbound port, as AWS does with 25.
    ConnectPortBlocked = "connect.port_blocked", "port", Retry, "the port is blocked on our side";
    /// Connected, but no greeting in time.
    GreetingTimeout = "greeting.timeout", "port", Retry, "it did not greet in time";
    /// A 5xx greeting.
    GreetingRejected = "greeting.rejected", "host", RelayFault, "it turned us away";
    /// Whatever answered is not an SMTP server.
    GreetingNotSmtp = "greeting.not_smtp", "port", RelayFault, "what answered is no mail server";
    /// EHLO, or the name we introduced ourselves with, was refused.
    EhloRejected = "ehlo.rejected", "ehloName", RelayFault, "it refused the name we gave";
    /// STARTTLS is not advertised, or refused for good.
    TlsNotOffered = "tls.not_offered", "security", RelayFault, "it does not offer encryption";
    /// TLS spoken to a plain port or the reverse; proven by a second connection.
    TlsModeMismatch = "tls.mode_mismatch", "security", RelayFault, "port and encryption do not go together";
    /// The chain does not lead to a trusted root.
    TlsUntrusted = "tls.untrusted", "caPem", RelayFault, "its certificate is not from a trusted authority";
    /// The leaf certificate signed itself.
    TlsSelfSigned = "tls.self_signed", "caPem", RelayFault, "its certificate is self-signed";
    /// The certificate is for other names.
    TlsNameMismatch = "tls.name_mismatch", "host", RelayFault, "its certificate is for another name";
    /// The certificate has expired.
    TlsExpired = "tls.expired", "host", RelayFault, "its certificate has expired";
    /// The certificate is not valid yet.
    TlsNotYetValid = "tls.not_yet_valid", "host", RelayFault, "its certificate is not valid yet";
    /// Only versions below TLS 1.2, or keys too weak.
    TlsLegacy = "tls.legacy", "host", RelayFault, "its encryption is too old";
    /// The server asks for a certificate of the client, which has none.
    TlsClientCertificate = "tls.client_certificate", "host", RelayFault, "it wants a certificate from us";
    /// A key, curve or signature that cannot be checked, although it is not weak.
    TlsUnsupported = "tls.unsupported", "host", RelayFault, "its certificate has a key or signature that we cannot check";
    /// Plaintext followed the STARTTLS reply.
    TlsInjected = "tls.injected", "host", RelayFault, "it sent plaintext into the encrypted connection";
    /// The handshake failed in another way.
    TlsFailed = "tls.failed", "security", RelayFault, "the encrypted connection could not be set up";
    /// AUTH is not offered.
    AuthNotOffered = "auth.not_offered", "authMethod", RelayFault, "it offers no sign-in";
    /// None of the offered mechanisms is one we speak.
    AuthMechanismUnsupported = "auth.mechanism_unsupported", "authMethod", RelayFault, "it offers no way of signing in that we know";
    /// The server wants authentication that the settings do not give.
    AuthRequired = "auth.required", "authMethod", RelayFault, "it wants us to sign in";
    /// Username or password refused.
    AuthRejected = "auth.rejected", "password", RelayFault, "it refused the username or password";
    /// The server cannot authenticate just now.
    AuthTemporary = "auth.temporary", "", Retry, "it could not check the password just now";
    /// The account wants an application password.
    AuthAppPasswordRequired = "auth.app_password_required", "password", RelayFault, "it wants an app password";
    /// The provider has switched password authentication off.
    AuthBasicDisabled = "auth.basic_disabled", "authMethod", RelayFault, "it no longer takes passwords";
    /// The token, or the token endpoint, was refused.
    AuthOauthFailed = "auth.oauth_failed", "oauth2", RelayFault, "the sign-in by token failed";
    /// The sender address was refused.
    SenderRejected = "sender.rejected", "senderAddress", RelayFault, "it refused the sender address";
    /// The recipient was refused.
    RecipientRejected = "recipient.rejected", "", Failed, "it refused the recipient";
    /// The message was refused.
    MessageRejected = "message.rejected", "", Failed, "it refused the message";
    /// The final dot may have left, and no readable reply came: nobody knows.
    MessageUnknown = "message.unknown", "", Unknown, "it did not say readably whether it took the mail";
    /// The server does not let us send: it relays for others, or from other addresses.
    RelayDenied = "relay.denied", "authMethod", RelayFault, "it does not let us send through it";
    /// Our address is on a block list, or refused by the server's policy.
    RelayBlocked = "relay.blocked", "host", RelayFault, "it blocks the address that we send from";
    /// The account or tenant is blocked.
    RelaySuspended = "relay.suspended", "username", RelayFault, "the account is suspended";
    /// A limit of the account is reached. It passes by itself.
    RelayQuota = "relay.quota", "", Retry, "the account's sending limit is reached";
    /// The sender's local part needs SMTPUTF8 (RFC 6531), which the server does not offer. We refuse it ourselves.
    /// The test has seen it offered, so it may be another machine of the server: the mail is tried again.
    SenderNeedsSmtputf8 = "sender.needs_smtputf8", "senderAddress", Retry, "it does not take sender addresses with special characters";
    /// The recipient's local part needs SMTPUTF8 (RFC 6531), which the server does not offer. We refuse it ourselves.
    RecipientNeedsSmtputf8 = "recipient.needs_smtputf8", "", Failed, "it does not take recipients with special characters";
    /// A reply that is no SMTP reply.
    ProtocolMalformed = "protocol.malformed", "", Retry, "it sent something that is no reply";
    /// A line or reply beyond the limits.
    ProtocolTooLong = "protocol.too_long", "", Retry, "it sent more than a reply may have";
    /// The server closed the connection.
    ProtocolDisconnected = "protocol.disconnected", "", Retry, "it closed the connection";
    /// The server fell silent.
    ProtocolTimeout = "protocol.timeout", "", Retry, "it fell silent";
    /// Any other 4xx.
    SmtpTemporary = "smtp.temporary", "", Retry, "it cannot take the mail just now";
}

impl FailureCode {
    /// Whether we refuse the mail ourselves, by what the server offers.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::SenderNeedsSmtputf8 | Self::RecipientNeedsSmtputf8)
    }
}

/// Declares each cause as one row: variant, key of its sentences, and the setting that it is about.
macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident = $key:literal, $field:literal;)+) => {
        /// A cause that a failure code leaves open, with sentences of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Cause {
            $($(#[$doc])* $variant,)+
        }
        impl Cause {
            /// All causes, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The key of its sentences in `stages.json`.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)+ }
            }
            /// The setting that it is about, as [`FailureCode::field`].
            pub const fn field(self) -> &'static str {
                match self { $(Self::$variant => $field,)+ }
            }
        }
    };
}

causes! {
    /// A certificate of X.509 version 1, which has no names.
    CertificateVersion1 = "certificate.version_1", "host";
    /// A certificate for clients, shown by a server.
    CertificateClientOnly = "certificate.client_only", "host";
    /// A certificate without a host name or address among its subject alternative names: it has none, or others alone.
    CertificateNoNames = "certificate.no_names", "host";
    /// A certificate that has the address as a DNS name, not as an address.
    CertificateAddressAsName = "certificate.address_as_name", "host";
    /// A certificate for names of which none can be entered as the host: inside names, forbidden addresses.
    CertificateNoHost = "certificate.no_host", "host";
    /// A certificate that the settings' own certificate does not vouch for.
    CertificateOtherAuthority = "certificate.other_authority", "caPem";
    /// A certificate of the settings' own that no chain can be checked with.
    CertificateCaUnusable = "certificate.ca_unusable", "caPem";
    /// A chain of a trusted authority that breaks a rule of X.509.
    CertificateChain = "certificate.chain", "host";
    /// An expired certificate above one that is valid.
    CertificateChainExpired = "certificate.chain_expired", "host";
    /// A certificate with a weak key or signature.
    CertificateWeak = "certificate.weak", "host";
    /// A certificate for other names, of which none can be the host.
    CertificateWildcard = "certificate.wildcard", "host";
    /// The connection was lost in the handshake.
    TlsLost = "tls.lost", "security";
    /// The server ended the handshake with an alert.
    TlsAlert = "tls.alert", "security";
    /// The server answers the handshake in plain text, and TLS from the first byte is set.
    TlsPlainText = "tls.plain_text", "security";
    /// The port takes TLS from the first byte, STARTTLS is set, and something else is wrong too.
    TlsFromFirstByte = "tls.from_first_byte", "security";
    /// STARTTLS is not there on a port that usually takes TLS from the first byte.
    TlsPortOfTls = "tls.port_of_tls", "security";
    /// A handshake that failed where the port usually has the other mode.
    TlsUnusualMode = "tls.unusual_mode", "security";
    /// A port that a firewall on our side forbids.
    PortBlockedHere = "port.blocked_here", "port";
    /// TLS from the first byte is there, and then no greeting.
    GreetingSilentAfterTls = "greeting.silent_after_tls", "host";
    /// A greeting that began and did not end.
    GreetingUnfinished = "greeting.unfinished", "host";
    /// No reply within the time that our test gives to a step.
    TimeoutStep = "timeout.step", "";
    /// The test's own time was over.
    TimeoutTest = "timeout.test", "";
    /// The test's own time was over while the server had the message.
    TimeoutMessage = "timeout.message", "";
    /// A 4xx greeting, whose text is not shown.
    GreetingTemporary = "greeting.temporary", "";
    /// No mechanism that goes with OAuth 2, which is chosen.
    MechanismOauth2 = "mechanism.oauth2", "authMethod";
    /// The account may not send by SMTP at all.
    AccountSmtpOff = "account.smtp_off", "authMethod";
    /// The organisation forbids this kind of sign-in.
    AuthPolicy = "auth.policy", "authMethod";
    /// The account's password has expired.
    AuthPasswordExpired = "auth.password_expired", "password";
    /// The account's owner has to sign in on the provider's website.
    AuthInPerson = "auth.in_person", "username";
    /// Too many sign-ins have failed, of this account or from our address.
    AuthTooMany = "auth.too_many", "password";
    /// Something else than TLS came over an encrypted connection.
    EncryptionBroken = "encryption.broken", "host";
    /// The server wants encryption on a connection that is encrypted.
    EncryptionNotSeen = "encryption.not_seen", "host";
    /// 530 although the settings sign in.
    RequiredSignedIn = "required.signed_in", "authMethod";
    /// The token endpoint refuses the client's secret.
    OauthSecretWrong = "oauth.secret_wrong", "oauth2.clientSecret";
    /// The client's secret has expired.
    OauthSecretExpired = "oauth.secret_expired", "oauth2.clientSecret";
    /// The token endpoint does not know the client.
    OauthClientUnknown = "oauth.client_unknown", "oauth2.clientId";
    /// RFC 6749's `invalid_client`: the ID or the secret.
    OauthClient = "oauth.client", "oauth2.clientSecret";
    /// Nobody has consented to this access.
    OauthConsent = "oauth.consent", "oauth2";
    /// The grant has expired or is revoked.
    OauthGrantEnded = "oauth.grant_ended", "oauth2.refreshToken";
    /// The account has to sign in in person.
    OauthInteraction = "oauth.interaction", "oauth2.refreshToken";
    /// The tenant in the token URL is unknown.
    OauthTenant = "oauth.tenant", "oauth2.tokenUrl";
    /// The token URL is for other kinds of accounts than the application.
    OauthEndpointKind = "oauth.endpoint_kind", "oauth2.tokenUrl";
    /// The scope is wrong.
    OauthScope = "oauth.scope", "oauth2.scope";
    /// The endpoint wants a scope, and none is set.
    OauthScopeMissing = "oauth.scope_missing", "oauth2.scope";
    /// The scope names a service that the tenant does not have.
    OauthResource = "oauth.resource", "oauth2.scope";
    /// The refresh token is incomplete, or another provider's or client's.
    OauthTokenUnusable = "oauth.token_unusable", "oauth2.refreshToken";
    /// The client may not use this grant.
    OauthGrantType = "oauth.grant_type", "oauth2.grant";
    /// The endpoint's answer holds no token and no error.
    OauthNotJson = "oauth.not_json", "oauth2.tokenUrl";
    /// 404 and the like.
    OauthNotFound = "oauth.not_found", "oauth2.tokenUrl";
    /// A redirect, which is not followed.
    OauthRedirect = "oauth.redirect", "oauth2.tokenUrl";
    /// The endpoint cannot be reached.
    OauthUnreachable = "oauth.unreachable", "oauth2.tokenUrl";
    /// The endpoint's certificate is not trusted.
    OauthTls = "oauth.tls", "oauth2.tokenUrl";
    /// The endpoint's host does not exist.
    OauthHostUnknown = "oauth.host_unknown", "oauth2.tokenUrl";
    /// The endpoint's address may not be dialled.
    OauthForbidden = "oauth.forbidden", "oauth2.tokenUrl";
    /// The endpoint's port may not be dialled.
    OauthPort = "oauth.port", "oauth2.tokenUrl";
    /// The endpoint's certificate has expired, or is not valid yet.
    OauthTlsExpired = "oauth.tls_expired", "oauth2.tokenUrl";
    /// The endpoint's certificate is for other names.
    OauthTlsName = "oauth.tls_name", "oauth2.tokenUrl";
    /// The endpoint asks for a certificate of the client.
    OauthClientCertificate = "oauth.client_certificate", "oauth2.tokenUrl";
    /// No encrypted connection to the endpoint.
    OauthTlsFailed = "oauth.tls_failed", "oauth2.tokenUrl";
    /// The endpoint says that it cannot answer now.
    OauthBusy = "oauth.busy", "oauth2.tokenUrl";
    /// The endpoint takes the request and does not answer it.
    OauthNoAnswer = "oauth.no_answer", "oauth2.tokenUrl";
    /// The connection to the endpoint broke off before its answer was whole.
    OauthCut = "oauth.cut", "oauth2.tokenUrl";
    /// An answer without a usable token and without an error.
    OauthNoToken = "oauth.no_token", "oauth2.tokenUrl";
    /// A refusal without a reason.
    OauthNoReason = "oauth.no_reason", "oauth2";
    /// The account is unknown in the tenant, disabled or locked, or its password has expired.
    OauthAccount = "oauth.account", "username";
    /// A policy of the organisation forbids it.
    OauthPolicy = "oauth.policy", "oauth2";
    /// The endpoint wants a client secret, and none is set.
    OauthSecretMissing = "oauth.secret_missing", "oauth2.clientSecret";
    /// The endpoint wants no client secret, and one is set.
    OauthSecretUnwanted = "oauth.secret_unwanted", "oauth2.clientSecret";
    /// The application is disabled or deleted.
    OauthClientDisabled = "oauth.client_disabled", "oauth2.clientId";
    /// The relay says that the token does not allow sending.
    OauthTokenScope = "oauth.token_scope", "oauth2.scope";
    /// The relay says that the application has no right to the mailbox.
    OauthMailboxRight = "oauth.mailbox_right", "username";
    /// The relay refuses the token.
    OauthTokenRefused = "oauth.token_refused", "username";
    /// The latest refresh token is not stored any more, or the grant has ended.
    OauthLost = "oauth.lost", "oauth2.refreshToken";
    /// The grant of an account that was connected with a provider of the operator's has ended.
    OauthReconnect = "oauth.reconnect", "oauth2.provider";
    /// The provider of such an account cannot be reached or cannot answer now.
    OauthProviderBusy = "oauth.provider_busy", "oauth2.provider";
    /// The relay refuses such an account.
    OauthAccountRefused = "oauth.account_refused", "oauth2.provider";
    /// The provider refuses the operator's application.
    OauthOperator = "oauth.operator", "oauth2.provider";
    /// Another error of the endpoint.
    OauthOther = "oauth.other", "oauth2";
    /// 503 to EHLO or a later command: the server expects another one.
    EhloOutOfStep = "ehlo.out_of_step", "host";
    /// 500 or 502 to EHLO: the server knows only HELO, and so neither TLS nor AUTH.
    EhloNotKnown = "ehlo.not_known", "host";
    /// A 4xx about the name given in EHLO.
    TemporaryEhlo = "temporary.ehlo", "ehloName";
    /// A 4xx that says what `relay.denied` says.
    TemporaryDenied = "temporary.denied", "authMethod";
    /// A 4xx that says what `relay.blocked` says.
    TemporaryBlocked = "temporary.blocked", "host";
    /// A 4xx that says what `relay.suspended` says.
    TemporarySuspended = "temporary.suspended", "username";
    /// A 4xx that says what `relay.quota` says.
    TemporaryQuota = "temporary.quota", "";
    /// The account takes connections only from addresses that its owner has listed.
    DeniedAddress = "denied.address", "host";
    /// The account is on trial and may send to verified recipients alone.
    DeniedSandbox = "denied.sandbox", "username";
    /// The server says that it is at fault itself.
    ServerFault = "server.fault", "";
    /// The mailbox of the account is full.
    AccountFull = "account.full", "username";
    /// The server cannot read the sender address.
    SenderSyntax = "sender.syntax", "senderAddress";
    /// SPF of the sender's domain does not name our address.
    SenderSpf = "sender.spf", "senderAddress";
    /// The message does not prove its sender.
    MessageAuthentication = "message.authentication", "";
    /// The server refuses the sender because it is not ASCII.
    SenderNotAscii = "sender.not_ascii", "senderAddress";
    /// The server refuses the recipient because it is not ASCII.
    RecipientNotAscii = "recipient.not_ascii", "";
    /// The sender's domain or mailbox cannot be found.
    SenderUnverified = "sender.unverified", "senderAddress";
    /// The sender's domain is on a block list.
    SenderListed = "sender.listed", "senderAddress";
    /// The server takes no more connections from us.
    QuotaConnections = "quota.connections", "";
    /// `relay.denied` although the settings sign in.
    DeniedSignedIn = "denied.signed_in", "username";
}

/// The cause of a failure, and a detail for its sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The cause.
    pub cause: Cause,
    /// What stands for `{detail}` in its sentences, such as the name of a TLS alert.
    pub detail: String,
}

impl From<Cause> for Reason {
    fn from(cause: Cause) -> Self {
        Self { cause, detail: String::new() }
    }
}

/// A failed session: where, why, and what the server said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} at stage {stage:?}", code.code())]
pub struct Failure {
    /// The stage at which the session failed.
    pub stage: Stage,
    /// The reason, as a stable code.
    pub code: FailureCode,
    /// The server's words, if it said any that may be shown.
    pub reply: Option<Reply>,
    /// The cause, where it is known more closely than the code says.
    pub reason: Option<Reason>,
}

impl Failure {
    /// A failure without a reply.
    pub const fn new(stage: Stage, code: FailureCode) -> Self {
        Self { stage, code, reply: None, reason: None }
    }

    /// The setting that it is about, as [`FailureCode::field`].
    pub fn field(&self) -> &'static str {
        self.reason.as_ref().map_or(self.code.field(), |reason| reason.cause.field())
    }
}

#[cfg(test)]
mod tests {
    use super::EnhancedCode;

    #[test]
    fn enhanced_codes() {
        assert_eq!(EnhancedCode::parse("5.7.8"), Some(EnhancedCode(5, 7, 8)));
        assert_eq!(EnhancedCode::parse("5.2.252"), Some(EnhancedCode(5, 2, 252)));
        for bad in ["", "5", "5.7", "5.7.8.9", "3.0.0", "5.7.x", "5..1", "5.7.1234", "+5.7.1"] {
            assert_eq!(EnhancedCode::parse(bad), None, "{bad}");
        }
    }
}
