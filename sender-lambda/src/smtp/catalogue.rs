//! The setting that each failure is about.

use crate::domain::failure::FailureCode;

/// The setting that a failure is about, as a dotted path; empty when it is none in particular.
pub const fn field(code: FailureCode) -> &'static str {
    use FailureCode as F;
    match code {
        F::ResolveNotFound
        | F::ResolveTimeout
        | F::ResolveFailed
        | F::ResolveForbidden
        | F::ConnectUnreachable
        | F::GreetingRejected
        | F::TlsNameMismatch
        | F::TlsExpired
        | F::TlsNotYetValid
        | F::TlsLegacy
        | F::TlsInjected => "host",
        F::ConnectRefused
        | F::ConnectTimeout
        | F::ConnectPortBlocked
        | F::GreetingTimeout
        | F::GreetingNotSmtp => "port",
        F::EhloRejected => "ehloName",
        F::TlsNotOffered | F::TlsModeMismatch | F::TlsFailed => "security",
        F::TlsUntrusted | F::TlsSelfSigned => "caPem",
        F::AuthNotOffered | F::AuthMechanismUnsupported | F::AuthRequired | F::AuthBasicDisabled => {
            "authMethod"
        }
        F::AuthRejected | F::AuthAppPasswordRequired => "password",
        F::AuthOauthFailed => "oauth2",
        F::SenderRejected => "senderAddress",
        F::AuthTemporary
        | F::RecipientRejected
        | F::MessageRejected
        | F::MessageUnknown
        | F::ProtocolMalformed
        | F::ProtocolTooLong
        | F::ProtocolDisconnected
        | F::ProtocolTimeout
        | F::SmtpTemporary => "",
    }
}

#[cfg(test)]
mod tests {
    use ownpost_i18n::{Locale, catalogue};

    use crate::domain::failure::FailureCode;

    /// That each language has the same codes and placeholders, the tests of `ownpost-i18n` hold.
    #[test]
    fn the_catalogue_has_sentences_for_every_code_and_no_others() {
        let mut codes: Vec<_> = FailureCode::ALL.iter().map(|code| code.code()).collect();
        codes.sort_unstable();
        let failures = &catalogue(Locale::English).failures;
        assert!(failures.keys().eq(codes));
        let known = ["host", "port", "sender", "recipient", "username", "ehlo", "security", "names"];
        for (code, failure) in failures {
            for text in [&failure.message, &failure.remedy] {
                let names = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
                assert!(names.map(|(name, _)| name).all(|name| known.contains(&name)), "{code}: {text}");
            }
        }
    }
}
