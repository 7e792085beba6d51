//! The meaning of what a token endpoint refuses, by RFC 6749's error and the provider's own number; and of an endpoint that
//! does not answer.

use ownpost_domain::failure::{Cause, FailureCode, Reason};
use ownpost_domain::settings::{Grant, OAuth2};
use serde_json::Value;

use super::redact::Redactor;

/// Why there is no token: the code, and the cause where it is known.
pub(crate) type Refused = (FailureCode, Option<Reason>);

/// There is no token now, and the endpoint has nothing to do with it.
pub(crate) const LATER: Refused = (FailureCode::AuthTemporary, None);

/// There is no token for this cause: a few of them may pass by themselves.
pub(crate) fn refused(cause: Cause) -> Refused {
    because(cause, String::new())
}

/// The same, with what was seen.
pub(crate) fn because(cause: Cause, detail: String) -> Refused {
    let code = match cause {
        Cause::OauthBusy | Cause::OauthNoAnswer | Cause::OauthCut | Cause::OauthUnreachable => {
            FailureCode::AuthTemporary
        }
        _ => FailureCode::AuthOauthFailed,
    };
    (code, Some(Reason { cause, detail }))
}

/// The meaning of an answer without a token, by its HTTP status and body. `hidden` has the secrets of the request.
pub(crate) fn of_answer(status: u16, body: &[u8], hidden: &Redactor) -> Refused {
    let of_status = |cause| because(cause, format!("HTTP {status}"));
    // 408 and 425 ask for the same request once more (RFC 9110 §15.5.9, RFC 8470 §5.2).
    if status >= 500 || matches!(status, 408 | 425 | 429) {
        return of_status(Cause::OauthBusy);
    }
    let parsed = serde_json::from_slice::<Value>(body);
    // An answer without a length shows by its JSON alone that the connection broke off.
    let is_cut = !body.is_empty() && parsed.as_ref().is_err_and(serde_json::Error::is_eof);
    let answer = parsed.unwrap_or_default();
    if let Some(error) = error_of(&answer) {
        let described = answer.get("error_description").and_then(Value::as_str).unwrap_or_default();
        return of(&hidden.clean(&error), &hidden.clean(described), &format!("HTTP {status}"));
    }
    match status {
        404 | 405 | 410 => refused(Cause::OauthNotFound),
        _ if is_cut => refused(Cause::OauthCut),
        _ if answer.is_object() => of_status(Cause::OauthNoToken),
        _ if matches!(status, 401 | 403) || (status >= 400 && body.is_empty()) => {
            of_status(Cause::OauthNoReason)
        }
        _ => refused(Cause::OauthNotJson),
    }
}

/// The error in an answer: RFC 6749's word, or what Google's and Okta's other services have in its place.
fn error_of(answer: &Value) -> Option<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let error = answer.get("error").or_else(|| answer.get("errorCode"))?;
    text(error).or_else(|| text(error.get("status").or_else(|| error.get("code"))?))
}

/// A name of an error, as it is: RFC 6749's in small letters, Google's in capitals, Okta's with a number. A text that would
/// have to be changed to be shown is none, for a secret that is changed is found by no redactor.
pub(crate) fn error_name(text: &str) -> Option<&str> {
    let all = |fits: fn(&u8) -> bool| text.bytes().all(|byte| byte == b'_' || fits(&byte));
    let is_numbered = text.len() <= 8
        && text.strip_prefix('E').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    let fits = all(u8::is_ascii_lowercase) || all(u8::is_ascii_uppercase) || is_numbered;
    (fits && (1..=40).contains(&text.len())).then_some(text)
}

/// The meaning of an error of OAuth 2 from an authorisation endpoint.
pub(crate) fn of_error(error: &str, described: &str) -> Refused {
    of(error, described, "error")
}

/// The meaning of an error, with the word and Microsoft's number as the detail. What is no word is not shown: it may be
/// anything, a secret included, and to clean it would hide the secret from the redactor.
fn of(error: &str, described: &str, otherwise: &str) -> Refused {
    let word = error_name(error).unwrap_or(otherwise);
    let number: Option<u32> = described
        .split_once("AADSTS")
        .and_then(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok());
    let cause = number.and_then(numbered).or_else(|| of_description(described));
    let cause = cause.unwrap_or_else(|| named(error, number.is_some()));
    let detail = match number {
        Some(number) => format!("{word}, AADSTS{number}"),
        None => word.to_owned(),
    };
    because(cause, detail)
}

/// Microsoft's numbers for what happens, as its page of Entra's error codes explains them.
#[rustfmt::skip]
const NUMBERS: &[(Cause, &[u32])] = &[
    (Cause::OauthSecretWrong, &[7_000_215]),
    (Cause::OauthSecretMissing, &[7_000_218]),
    (Cause::OauthSecretExpired, &[7_000_222]),
    (Cause::OauthSecretUnwanted, &[700_025]),
    (Cause::OauthClientUnknown, &[90_013, 700_016, 700_038]),
    (Cause::OauthClientDisabled, &[7_000_112]),
    (Cause::OauthConsent, &[65_001, 65_004, 65_005, 90_008, 90_093, 90_094, 90_095, 650_056, 7_000_229]),
    (Cause::OauthGrantEnded, &[
        50_089, 50_132, 50_133, 50_173, 54_005, 70_008, 70_043, 700_081, 700_082, 700_084,
    ]),
    (Cause::OauthTokenUnusable, &[70_000, 9_002_313]),
    (Cause::OauthInteraction, &[
        16_000, 50_058, 50_072, 50_074, 50_076, 50_078, 50_079, 50_085, 50_158, 500_121,
    ]),
    (Cause::OauthAccount, &[
        16_003, 50_020, 50_034, 50_053, 50_055, 50_056, 50_057, 50_126, 50_144, 51_004, 90_072, 500_341, 500_571,
    ]),
    (Cause::OauthPolicy, &[
        50_005, 50_097, 50_105, 50_131, 53_000, 53_001, 53_002, 53_003, 53_004, 53_009, 53_010, 53_011,
        135_011, 530_003, 530_004, 530_031, 530_032, 530_035,
    ]),
    (Cause::OauthTenant, &[50_059, 50_128, 90_002, 90_019, 900_021, 900_023]),
    (Cause::OauthEndpointKind, &[50_194, 9_002_331, 9_002_332, 9_002_346]),
    (Cause::OauthScope, &[28_002, 28_003, 70_011, 90_009, 1_002_012]),
    (Cause::OauthScopeMissing, &[900_144]),
    (Cause::OauthResource, &[50_001, 500_011, 500_014, 650_052, 650_057]),
    (Cause::OauthGrantType, &[70_001, 70_003, 9_002_327]),
    // An old TLS version reached Microsoft: something between us and it speaks for us.
    (Cause::OauthTlsFailed, &[1_002_016]),
    (Cause::OauthBusy, &[50_196, 90_033, 90_055]),
];

fn numbered(number: u32) -> Option<Cause> {
    NUMBERS.iter().find(|(_, numbers)| numbers.contains(&number)).map(|(cause, _)| *cause)
}

/// Google's descriptions that say more than its error.
fn of_description(described: &str) -> Option<Cause> {
    const SAYS: [(&str, Cause); 8] = [
        ("account has been deleted", Cause::OauthAccount),
        ("account disabled", Cause::OauthAccount),
        ("account restricted", Cause::OauthPolicy),
        ("invalid email or user id", Cause::OauthAccount),
        ("client was not found", Cause::OauthClientUnknown),
        ("client secret is invalid", Cause::OauthSecretWrong),
        ("client_secret is missing", Cause::OauthSecretMissing),
        ("reauth related error", Cause::OauthInteraction),
    ];
    let described = described.to_ascii_lowercase();
    SAYS.iter().find(|(text, _)| described.contains(text)).map(|(_, cause)| *cause)
}

/// The errors of RFC 6749 §5.2, of OpenID Connect, and of Google. Under `invalid_grant` Microsoft's number says more, also
/// where it is not known here.
fn named(error: &str, has_number: bool) -> Cause {
    match error {
        "invalid_client" => Cause::OauthClient,
        "deleted_client" | "disabled_client" => Cause::OauthClientDisabled,
        "invalid_grant" if !has_number => Cause::OauthGrantEnded,
        "unauthorized_client" | "unsupported_grant_type" => Cause::OauthGrantType,
        "invalid_scope" => Cause::OauthScope,
        "consent_required" | "access_denied" => Cause::OauthConsent,
        "interaction_required" | "login_required" | "account_selection_required" => Cause::OauthInteraction,
        "admin_policy_enforced" | "org_internal" => Cause::OauthPolicy,
        "temporarily_unavailable" | "server_error" | "slow_down" | "rate_limit_exceeded" => Cause::OauthBusy,
        _ => Cause::OauthOther,
    }
}

/// The refusal as it can be of these settings: an application that signs in for itself has no refresh token, a secret that is
/// not entered cannot be wrong, and an account that was connected with a provider of the operator's has no application of its
/// own: its admin can connect again and nothing else.
pub(crate) fn fitted((code, reason): Refused, settings: &OAuth2) -> Refused {
    let by_itself = matches!(settings.grant, Grant::ClientCredentials);
    let fit = |cause, detail: &str| match cause {
        Cause::OauthGrantEnded | Cause::OauthInteraction | Cause::OauthTokenUnusable
            if settings.provider.is_some() =>
        {
            Cause::OauthReconnect
        }
        Cause::OauthBusy | Cause::OauthNoAnswer | Cause::OauthCut | Cause::OauthUnreachable
            if settings.provider.is_some() =>
        {
            Cause::OauthProviderBusy
        }
        Cause::OauthTokenRefused if settings.provider.is_some() => Cause::OauthAccountRefused,
        cause if settings.provider.is_some() && is_of_the_application(cause) => Cause::OauthOperator,
        Cause::OauthGrantEnded | Cause::OauthInteraction | Cause::OauthTokenUnusable if by_itself => {
            Cause::OauthOther
        }
        // The refresh token of another client.
        Cause::OauthGrantType if !by_itself && detail == "unauthorized_client" => Cause::OauthTokenUnusable,
        Cause::OauthScope if settings.scope.is_none() => Cause::OauthScopeMissing,
        Cause::OauthScopeMissing if settings.scope.is_some() => Cause::OauthScope,
        Cause::OauthSecretMissing if settings.client_secret.is_some() => Cause::OauthSecretWrong,
        Cause::OauthClient | Cause::OauthSecretWrong if settings.client_secret.is_none() => {
            Cause::OauthSecretMissing
        }
        cause => cause,
    };
    let fit = |reason: Reason| {
        let cause = fit(reason.cause, &reason.detail);
        // A refusal without a word of the endpoint: the operator needs to know which.
        let of_operator = matches!(cause, Cause::OauthOperator | Cause::OauthProviderBusy);
        let unsaid = of_operator && reason.detail.is_empty();
        let detail = if unsaid { reason.cause.key().to_owned() } else { reason.detail };
        Reason { cause, detail }
    };
    (code, reason.map(fit))
}

/// Whether the refusal is about the application or its token endpoint.
fn is_of_the_application(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::OauthClient
            | Cause::OauthClientDisabled
            | Cause::OauthClientUnknown
            | Cause::OauthClientCertificate
            | Cause::OauthEndpointKind
            | Cause::OauthForbidden
            | Cause::OauthGrantType
            | Cause::OauthHostUnknown
            | Cause::OauthNoReason
            | Cause::OauthNoToken
            | Cause::OauthNotFound
            | Cause::OauthNotJson
            | Cause::OauthOther
            | Cause::OauthPort
            | Cause::OauthRedirect
            | Cause::OauthResource
            | Cause::OauthScope
            | Cause::OauthScopeMissing
            | Cause::OauthSecretExpired
            | Cause::OauthSecretMissing
            | Cause::OauthSecretUnwanted
            | Cause::OauthSecretWrong
            | Cause::OauthTenant
            | Cause::OauthTls
            | Cause::OauthTlsExpired
            | Cause::OauthTlsFailed
            | Cause::OauthTlsName
            | Cause::OauthTokenScope
    )
}

/// The refusal where no newer refresh token is stored than that of the settings: the one that the provider gave last may be lost.
pub(crate) fn with_nothing_stored((code, reason): Refused) -> Refused {
    let lost = |reason: Reason| match reason.cause {
        Cause::OauthGrantEnded | Cause::OauthReconnect => Reason { cause: Cause::OauthLost, ..reason },
        _ => reason,
    };
    (code, reason.map(lost))
}

#[cfg(test)]
mod tests {
    use ownpost_domain::secret::Secret;

    use super::*;

    fn hidden() -> Redactor {
        Redactor::new(["the_secret", "1//a-B~9$kk!"])
    }

    #[test]
    fn each_error_of_an_endpoint_has_its_cause() {
        let microsoft = |error: &str, number: u32| {
            format!(r#"{{"error":"{error}","error_description":"AADSTS{number}: why"}}"#)
        };
        for (error, number, cause) in [
            ("invalid_client", 7_000_215, Cause::OauthSecretWrong),
            ("invalid_client", 7_000_222, Cause::OauthSecretExpired),
            ("invalid_client", 700_025, Cause::OauthSecretUnwanted),
            ("unauthorized_client", 700_016, Cause::OauthClientUnknown),
            ("unauthorized_client", 7_000_112, Cause::OauthClientDisabled),
            ("invalid_grant", 65_001, Cause::OauthConsent),
            ("unauthorized_client", 7_000_229, Cause::OauthConsent),
            ("invalid_grant", 700_082, Cause::OauthGrantEnded),
            ("invalid_grant", 50_034, Cause::OauthAccount),
            ("invalid_grant", 50_057, Cause::OauthAccount),
            ("invalid_grant", 50_076, Cause::OauthInteraction),
            ("invalid_grant", 53_003, Cause::OauthPolicy),
            ("invalid_request", 90_002, Cause::OauthTenant),
            ("invalid_request", 50_194, Cause::OauthEndpointKind),
            ("invalid_request", 900_023, Cause::OauthTenant),
            ("invalid_request", 50_059, Cause::OauthTenant),
            ("invalid_resource", 500_011, Cause::OauthResource),
            ("invalid_scope", 70_011, Cause::OauthScope),
            ("invalid_request", 900_144, Cause::OauthScopeMissing),
            ("invalid_request", 9_002_313, Cause::OauthTokenUnusable),
            ("invalid_grant", 70_000, Cause::OauthTokenUnusable),
            ("invalid_grant", 50_173, Cause::OauthGrantEnded),
            ("invalid_grant", 50_079, Cause::OauthInteraction),
            ("invalid_grant", 50_105, Cause::OauthPolicy),
            ("invalid_client", 7_000_218, Cause::OauthSecretMissing),
            ("invalid_grant", 999_999, Cause::OauthOther),
            ("invalid_client", 999_999, Cause::OauthClient),
        ] {
            let body = microsoft(error, number);
            let want = Some(Reason { cause, detail: format!("{error}, AADSTS{number}") });
            assert_eq!(
                of_answer(400, body.as_bytes(), &hidden()),
                (FailureCode::AuthOauthFailed, want),
                "{body}"
            );
        }
        for (status, body, cause, detail) in [
            (
                400,
                r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
                Cause::OauthGrantEnded,
                "invalid_grant",
            ),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"Account has been deleted"}"#,
                Cause::OauthAccount,
                "invalid_grant",
            ),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"Bad Request"}"#,
                Cause::OauthGrantEnded,
                "invalid_grant",
            ),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)"}"#,
                Cause::OauthInteraction,
                "invalid_grant",
            ),
            (
                401,
                r#"{"error":"invalid_client","error_description":"The OAuth client was not found."}"#,
                Cause::OauthClientUnknown,
                "invalid_client",
            ),
            (
                401,
                r#"{"error":"invalid_client","error_description":"The provided client secret is invalid."}"#,
                Cause::OauthSecretWrong,
                "invalid_client",
            ),
            (400, r#"{"error":"invalid_scope"}"#, Cause::OauthScope, "invalid_scope"),
            (401, r#"{"error":"disabled_client"}"#, Cause::OauthClientDisabled, "disabled_client"),
            (400, r#"{"error":"org_internal"}"#, Cause::OauthPolicy, "org_internal"),
            (400, r#"{"error":"odd <b>"}"#, Cause::OauthOther, "HTTP 400"),
            (400, r#"{"error":"the_secret"}"#, Cause::OauthOther, "HTTP 400"),
            (400, r#"{"error":"1//a-B~9$kk!"}"#, Cause::OauthOther, "HTTP 400"),
            (400, r#"{"error":"invalid_client 1//a-B~9$kk!"}"#, Cause::OauthOther, "HTTP 400"),
            (400, r#"{"error":"the_\u0073ecret"}"#, Cause::OauthOther, "HTTP 400"),
            (200, r#"{"error":"invalid_grant"}"#, Cause::OauthGrantEnded, "invalid_grant"),
            (
                403,
                r#"{"error":{"code":403,"status":"PERMISSION_DENIED"}}"#,
                Cause::OauthOther,
                "PERMISSION_DENIED",
            ),
            (401, r#"{"errorCode":"E0000011"}"#, Cause::OauthOther, "E0000011"),
            (200, r#"{"id_token":"x"}"#, Cause::OauthNoToken, "HTTP 200"),
            (401, "", Cause::OauthNoReason, "HTTP 401"),
            (403, "<html>", Cause::OauthNoReason, "HTTP 403"),
            (400, "", Cause::OauthNoReason, "HTTP 400"),
            (404, "<html>", Cause::OauthNotFound, ""),
            (400, "<html>", Cause::OauthNotJson, ""),
            (200, "<html>", Cause::OauthNotJson, ""),
            (200, "", Cause::OauthNotJson, ""),
        ] {
            let want = Some(Reason { cause, detail: detail.to_owned() });
            assert_eq!(
                of_answer(status, body.as_bytes(), &hidden()),
                (FailureCode::AuthOauthFailed, want),
                "{body}"
            );
        }
        for (status, body) in [(200, r#"{"access_token":"t"#), (400, r#"{"error":"invalid_gr"#), (200, "[")] {
            let want = Some(Cause::OauthCut.into());
            assert_eq!(
                of_answer(status, body.as_bytes(), &hidden()),
                (FailureCode::AuthTemporary, want),
                "{body}"
            );
        }
        for (status, body, detail) in [
            (503, "<html>", "HTTP 503"),
            (408, "", "HTTP 408"),
            (425, "{}", "HTTP 425"),
            (429, "", "HTTP 429"),
            (400, r#"{"error":"temporarily_unavailable"}"#, "temporarily_unavailable"),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"AADSTS50196: loop"}"#,
                "invalid_grant, AADSTS50196",
            ),
        ] {
            let want = Some(Reason { cause: Cause::OauthBusy, detail: detail.to_owned() });
            assert_eq!(
                of_answer(status, body.as_bytes(), &hidden()),
                (FailureCode::AuthTemporary, want),
                "{body}"
            );
        }
    }

    #[test]
    fn a_refusal_fits_the_settings() {
        let settings = |grant, client_secret: Option<&str>| OAuth2 {
            username: "jan@example.org".into(),
            provider: None,
            token_url: "https://id.test/token".into(),
            client_id: "client".into(),
            client_secret: client_secret.map(|secret| Secret::new(secret.into())),
            client_secret_expires: None,
            grant,
            scope: None,
        };
        let refresh = || Grant::RefreshToken(Secret::new("r".into()));
        for (cause, settings, want) in [
            (Cause::OauthGrantEnded, settings(Grant::ClientCredentials, Some("s")), Cause::OauthOther),
            (Cause::OauthGrantEnded, settings(refresh(), Some("s")), Cause::OauthGrantEnded),
            (Cause::OauthSecretWrong, settings(refresh(), None), Cause::OauthSecretMissing),
            (Cause::OauthSecretWrong, settings(refresh(), Some("s")), Cause::OauthSecretWrong),
            (Cause::OauthScope, settings(refresh(), None), Cause::OauthScopeMissing),
            (Cause::OauthTokenUnusable, settings(Grant::ClientCredentials, Some("s")), Cause::OauthOther),
            (Cause::OauthSecretMissing, settings(refresh(), Some("s")), Cause::OauthSecretWrong),
        ] {
            assert_eq!(fitted(refused(cause), &settings), refused(want), "{cause:?}");
        }
        let foreign = |cause| because(cause, "unauthorized_client".to_owned());
        let settings = settings(refresh(), Some("s"));
        assert_eq!(fitted(foreign(Cause::OauthGrantType), &settings), foreign(Cause::OauthTokenUnusable));
    }

    #[test]
    fn who_has_connected_an_account_is_sent_to_no_field_of_the_operators() {
        let settings = OAuth2 {
            username: "jan@example.org".into(),
            provider: Some("microsoft".into()),
            token_url: "https://id.test/token".into(),
            client_id: "client".into(),
            client_secret: Some(Secret::new("s".into())),
            client_secret_expires: None,
            grant: Grant::RefreshToken(Secret::new("r".into())),
            scope: None,
        };
        let of = |cause, detail: &str| fitted(because(cause, detail.to_owned()), &settings);
        let detail = "invalid_client, AADSTS7000222";
        assert_eq!(of(Cause::OauthSecretExpired, detail), because(Cause::OauthOperator, detail.to_owned()));
        assert_eq!(of(Cause::OauthTls, ""), because(Cause::OauthOperator, "oauth.tls".to_owned()));
        assert_eq!(of(Cause::OauthGrantEnded, "x"), because(Cause::OauthReconnect, "x".to_owned()));
        assert_eq!(of(Cause::OauthInteraction, "x"), because(Cause::OauthReconnect, "x".to_owned()));
        let later = (FailureCode::AuthTemporary, Cause::OauthProviderBusy);
        for (cause, detail, said) in [
            (Cause::OauthBusy, "HTTP 503", "HTTP 503"),
            (Cause::OauthNoAnswer, "", "oauth.no_answer"),
            (Cause::OauthCut, "", "oauth.cut"),
            (Cause::OauthUnreachable, "", "oauth.unreachable"),
        ] {
            assert_eq!(
                of(cause, detail),
                (later.0, Some(Reason { cause: later.1, detail: said.to_owned() }))
            );
        }
        assert_eq!(
            of(Cause::OauthTokenRefused, "401"),
            because(Cause::OauthAccountRefused, "401".to_owned())
        );
        for cause in [Cause::OauthAccount, Cause::OauthPolicy, Cause::OauthConsent] {
            assert_eq!(of(cause, "x"), because(cause, "x".to_owned()));
        }
    }

    #[test]
    fn an_ended_grant_of_which_nothing_is_stored_may_be_lost() {
        for cause in [Cause::OauthGrantEnded, Cause::OauthReconnect] {
            assert_eq!(with_nothing_stored(refused(cause)), refused(Cause::OauthLost));
        }
        assert_eq!(with_nothing_stored(refused(Cause::OauthScope)), refused(Cause::OauthScope));
    }
}
