//! What a server said or did, as types. What to do about it is decided elsewhere ([`super::delivery`] knows
//! the states; the outcome table maps one to the other).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stage of a session, in the order of a STARTTLS session (RFC 3207); with implicit TLS, `tls` comes before
/// `greeting`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
    /// DATA or BDAT, and the reply after the final dot.
    Message,
}

/// An SMTP reply (RFC 5321 §4.2) with its enhanced status code (RFC 3463), when it carries one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// Three digits, 200 to 599.
    pub code: u16,
    /// `5.7.8`.
    pub enhanced: Option<EnhancedCode>,
    /// The text of all lines without codes, joined by line feeds; control characters and secrets are gone.
    pub text: String,
}

impl Reply {
    /// 2xx.
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }
    /// 4xx: worth trying again.
    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }
    /// 5xx: final.
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

/// Declares the failure codes once: variant, stable code.
macro_rules! failure_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)+) => {
        /// Why a session failed: the stable codes of CONTRACT §3. Codes are added, never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum FailureCode {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)+
        }
        impl FailureCode {
            /// All of them, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }
    };
}

failure_codes! {
    /// The name does not exist or has no address.
    ResolveNotFound = "resolve.not_found",
    /// No name server answered in time.
    ResolveTimeout = "resolve.timeout",
    /// The name servers answered with a failure, such as SERVFAIL.
    ResolveFailed = "resolve.failed",
    /// An address of the name may not be dialled.
    ResolveForbidden = "resolve.forbidden",
    /// Connection refused.
    ConnectRefused = "connect.refused",
    /// No answer to the connection attempt.
    ConnectTimeout = "connect.timeout",
    /// No route to the host or network.
    ConnectUnreachable = "connect.unreachable",
    /// The cloud blocks this outbound port, as AWS does with 25.
    ConnectPortBlocked = "connect.port_blocked",
    /// Connected, but no greeting in time.
    GreetingTimeout = "greeting.timeout",
    /// A 5xx greeting.
    GreetingRejected = "greeting.rejected",
    /// Whatever answered is not an SMTP server.
    GreetingNotSmtp = "greeting.not_smtp",
    /// EHLO, or the name we introduced ourselves with, was refused.
    EhloRejected = "ehlo.rejected",
    /// STARTTLS is not advertised, or refused for good.
    TlsNotOffered = "tls.not_offered",
    /// TLS spoken to a plain port or the reverse; proven by a second connection.
    TlsModeMismatch = "tls.mode_mismatch",
    /// The chain does not lead to a trusted root.
    TlsUntrusted = "tls.untrusted",
    /// The leaf certificate signed itself.
    TlsSelfSigned = "tls.self_signed",
    /// The certificate is for other names.
    TlsNameMismatch = "tls.name_mismatch",
    /// The certificate has expired.
    TlsExpired = "tls.expired",
    /// The certificate is not valid yet.
    TlsNotYetValid = "tls.not_yet_valid",
    /// Only versions below TLS 1.2, or keys too weak.
    TlsLegacy = "tls.legacy",
    /// Plaintext followed the STARTTLS reply.
    TlsInjected = "tls.injected",
    /// The handshake failed in another way.
    TlsFailed = "tls.failed",
    /// AUTH is not offered.
    AuthNotOffered = "auth.not_offered",
    /// None of the offered mechanisms is one we speak.
    AuthMechanismUnsupported = "auth.mechanism_unsupported",
    /// The server wants authentication that the settings do not give.
    AuthRequired = "auth.required",
    /// Username or password refused.
    AuthRejected = "auth.rejected",
    /// The server cannot authenticate just now.
    AuthTemporary = "auth.temporary",
    /// The account wants an application password.
    AuthAppPasswordRequired = "auth.app_password_required",
    /// The provider has switched password authentication off.
    AuthBasicDisabled = "auth.basic_disabled",
    /// The token, or the token endpoint, was refused.
    AuthOauthFailed = "auth.oauth_failed",
    /// The sender address was refused.
    SenderRejected = "sender.rejected",
    /// The recipient was refused.
    RecipientRejected = "recipient.rejected",
    /// The message was refused.
    MessageRejected = "message.rejected",
    /// The final dot may have left, and no readable reply came: nobody knows.
    MessageUnknown = "message.unknown",
    /// A reply that is no SMTP reply.
    ProtocolMalformed = "protocol.malformed",
    /// A line or reply beyond the limits.
    ProtocolTooLong = "protocol.too_long",
    /// The server closed the connection.
    ProtocolDisconnected = "protocol.disconnected",
    /// The server fell silent.
    ProtocolTimeout = "protocol.timeout",
    /// Any other 4xx.
    SmtpTemporary = "smtp.temporary",
}

/// A failed session: where, why, and what the server said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} at stage {stage:?}", code.code())]
pub struct Failure {
    /// Where.
    pub stage: Stage,
    /// Why.
    pub code: FailureCode,
    /// The server's words, if it said any that may be shown.
    pub reply: Option<Reply>,
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
