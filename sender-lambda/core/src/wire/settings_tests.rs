use ownpost_domain::settings::Settings;
use serde_json::{Value, json};

use super::settings::{CheckedDraft, changed_fields, check, from_document, public, schema, to_document};
use super::stored::StoredSettings;
use crate::config::Config;

/// 2027-01-01.
const NOW: i64 = 1_798_761_600;

/// Two authorities of example names.
const CA: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBgjCCASegAwIBAgIUOUTPSljg/P7vJMBANcG2c0NgYV0wCgYIKoZIzj0EAwIw\n\
FTETMBEGA1UEAwwKRXhhbXBsZSBDQTAgFw0yNjExMjUxMTA4MDlaGA8yMTI2MTEw\n\
MTExMDgwOVowFTETMBEGA1UEAwwKRXhhbXBsZSBDQTBZMBMGByqGSM49AgEGCCqG\n\
SM49AwEHA0IABAnzSVlAebFOAOSaYLuLZTumWvrDfg/A/De2PrYrX6dZJYLO0Zil\n\
7BuDdi3CQBEMIuVM1aG58LrdmfFc39netDejUzBRMB0GA1UdDgQWBBQumhmJxKRB\n\
d9Gu3J4LTkhEZ0iIcjAfBgNVHSMEGDAWgBQumhmJxKRBd9Gu3J4LTkhEZ0iIcjAP\n\
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDu9F2sw2J8ChYk+8qf\n\
X4IEtaY4HaSB3qvZKmr48pBrkwIhAK2HOVXU75pEU5p/l9VNtycIYjBDKqbK2dUQ\n\
G+wGhMoT\n\
-----END CERTIFICATE-----\n";
const OTHER_CA: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBdDCCARugAwIBAgIUS8YK8w/7mB5qGFqtv4YP20xLukgwCgYIKoZIzj0EAwIw\n\
DzENMAsGA1UEAwwEQ0EgQjAgFw0yNjExMjkyMjQ1MDZaGA8yMTI2MTEwNTIyNDUw\n\
NlowDzENMAsGA1UEAwwEQ0EgQjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABM49\n\
CZGW+3So6sXenNh+1HGH1Qs6v1rcJgYbg/SHHA13ErxlNzwyHbJbIxpS08iiNg95\n\
pXI3jsBAabMM+pVqICqjUzBRMB0GA1UdDgQWBBTH0ZdYUQpaVPWZpGxMhvZ4WLkn\n\
pjAfBgNVHSMEGDAWgBTH0ZdYUQpaVPWZpGxMhvZ4WLknpjAPBgNVHRMBAf8EBTAD\n\
AQH/MAoGCCqGSM49BAMCA0cAMEQCID8U5OcCkE0eYMbXpwvfS3hsVUFPhtafC2xK\n\
ZAt9Nrg9AiAHoBBJXjV1M8bhbXDDZQA5hzy1Ezc3oYQOL+HP8NiKtA==\n\
-----END CERTIFICATE-----\n";

fn valid() -> Value {
    json!({
        "host": "smtp.example.org", "port": 587, "username": "mailer", "password": {"set": "hunter2"},
        "senderAddress": "noreply@example.org"
    })
}

fn with(changes: &Value) -> Value {
    let mut document = valid();
    for (key, value) in changes.as_object().unwrap() {
        document[key] = value.clone();
    }
    document
}

fn checked(document: &Value) -> CheckedDraft {
    check(document.to_string().as_bytes(), &Config::default(), "en", NOW)
}

fn settings(document: &Value) -> Settings {
    let checked = checked(document);
    assert!(checked.report.valid, "{:?}", checked.report);
    checked.draft.unwrap().resolve(None, "en").unwrap()
}

#[test]
fn what_is_stored_is_read_back() {
    let oauth2 = json!({
        "grant": "refresh_token", "tokenUrl": "https://login.example.org/token", "clientId": "id",
        "refreshToken": {"set": " token "}
    });
    let credentials = json!({
        "grant": "client_credentials", "tokenUrl": "https://login.example.org/token", "clientId": "id",
        "clientSecret": {"set": "secret"}, "scope": "smtp"
    });
    for document in [
        valid(),
        with(&json!({"authMethod": "none", "username": null, "password": null})),
        with(&json!({"authMethod": "oauth2", "password": null, "oauth2": oauth2})),
        with(&json!({"authMethod": "oauth2", "password": null, "oauth2": credentials})),
        with(&json!({"port": 465.0, "security": "tls", "host": "MÜNCHEN.example.", "senderName": "Ä \"B\"",
            "replyTo": "a@bücher.example", "routing": {"notification": {"via": "platform"},
            "rights-request": {"onFailure": "platform"}}})),
    ] {
        let settings = settings(&document);
        assert_eq!(from_document(&to_document(&settings)), Ok(settings.clone()));
        assert!(!public(&settings).to_string().contains("hunter2"));
    }
}

#[test]
fn names_are_kept_as_a_labels() {
    let document = with(&json!({"host": "smtp.münchen.example.", "senderAddress": "a@BÜCHER.example"}));
    let settings = settings(&document);
    assert_eq!(settings.host, "smtp.xn--mnchen-3ya.example");
    assert_eq!(settings.sender_address, "a@xn--bcher-kva.example");
}

#[test]
fn a_kept_secret_goes_nowhere_else() {
    let stored = settings(&valid());
    let keep = |changes: &Value| {
        let mut document = with(changes);
        document["password"] = json!({"keep": true});
        checked(&document).draft.unwrap()
    };
    assert_eq!(keep(&json!({})).resolve(Some(&stored), "en").as_ref(), Ok(&stored));
    assert!(keep(&json!({"host": "SMTP.example.org"})).resolve(Some(&stored), "en").is_ok());
    let elsewhere = [
        json!({"host": "smtp.evil.example"}),
        json!({"port": 2587}),
        json!({"port": 465, "security": "tls"}),
        json!({"username": "other"}),
    ];
    for changes in elsewhere {
        let report = keep(&changes).resolve(Some(&stored), "en").unwrap_err();
        assert_eq!(report.issues[0].code, "password.reentry_required", "{changes}");
        assert!(!report.valid);
    }
    assert!(keep(&json!({})).resolve(None, "en").is_err());
}

/// Whoever holds the key of a CA can pose as the server: a secret that is stored for one CA is not sent to another.
#[test]
fn a_kept_secret_goes_to_no_server_of_another_ca() {
    let oauth2 = |secret: &Value| {
        json!({
            "grant": "refresh_token", "tokenUrl": "https://login.example.org/token", "clientId": "id",
            "clientSecret": secret, "refreshToken": secret
        })
    };
    let (set, keep) = (json!({"set": "secret"}), json!({"keep": true}));
    let document = |secret: &Value, is_oauth2: bool, ca: Option<&str>| {
        if is_oauth2 {
            with(&json!({"authMethod": "oauth2", "password": null, "oauth2": oauth2(secret), "caPem": ca}))
        } else {
            with(&json!({"password": secret, "caPem": ca}))
        }
    };
    let windows = CA.replace('\n', "\r\n") + "\r\n\r\n";
    for (is_oauth2, field, code) in [
        (false, "password", "password.reentry_required"),
        (true, "oauth2.clientSecret", "oauth2.reentry_required"),
    ] {
        let stored = |ca| settings(&document(&set, is_oauth2, ca));
        let resolve = |ca, stored: &Settings| {
            checked(&document(&keep, is_oauth2, ca)).draft.unwrap().resolve(Some(stored), "en")
        };
        for (ca, before) in
            [(None, None), (None, Some(" \n")), (Some(CA), Some(CA)), (Some(CA), Some(&*windows))]
        {
            assert!(resolve(ca, &stored(before)).is_ok(), "{field} {ca:?} {before:?}");
        }
        let both = format!("{CA}\n{OTHER_CA}");
        for (ca, before) in [
            (Some(OTHER_CA), None),
            (Some(OTHER_CA), Some(CA)),
            (Some(&*both), Some(CA)),
            (Some(CA), Some(&*both)),
            (None, Some(CA)),
        ] {
            let report = resolve(ca, &stored(before)).unwrap_err();
            assert_eq!(
                (&*report.issues[0].field, &*report.issues[0].code),
                (field, code),
                "{ca:?} {before:?}"
            );
            assert!(!report.valid && !report.issues[0].message.is_empty());
        }
    }
}

#[test]
fn an_error_of_a_stored_document_reveals_no_secret() {
    for document in [
        r#"{"host":"smtp.example.org","username":"u","password":"hunter2","senderAddress":"a@example.org"}"#,
        r#"{"host":"smtp.example.org","username":"u","password":{"set":"hunter2"},"#,
        r#"{"host":"x y","username":"u","password":{"set":"hunter2"},"senderAddress":"hunter2"}"#,
        r#"{"host":"smtp.example.org","username":"u","password":{"keep":true},"senderAddress":"a@example.org"}"#,
    ] {
        assert!(!from_document(document).unwrap_err().contains("hunter2"));
    }
}

#[test]
fn a_private_platform_relay_on_its_own_port_can_be_stored() {
    let document = with(&json!({"host": "10.0.0.5", "port": 3025}));
    assert!(from_document(&document.to_string()).is_ok());
    assert!(!checked(&document).report.valid);
}

#[test]
fn an_exact_endpoint_may_be_private() {
    let mut config = Config::default();
    config.overrides.allow_endpoints = vec!["127.0.0.1:41025".parse().unwrap()];
    let codes = |changes: &Value| -> Vec<String> {
        let document = with(changes).to_string();
        let report = check(document.as_bytes(), &config, "en", NOW).report;
        report.issues.into_iter().map(|issue| issue.code).collect()
    };
    assert!(codes(&json!({"host": "127.0.0.1", "port": 41025})).is_empty());
    assert_eq!(codes(&json!({"host": "127.0.0.1", "port": 587})), ["host.forbidden_address"]);
    assert_eq!(codes(&json!({"host": "smtp.example.org", "port": 41025})), ["port.not_allowed"]);
}

#[test]
fn the_schema_describes_the_document() {
    let schema = serde_json::to_value(schema()).unwrap();
    assert_eq!(schema["required"], json!(["host", "senderAddress"]));
    assert_eq!(schema["additionalProperties"], json!(false));
}

#[test]
fn changed_fields_are_named_and_never_shown() {
    let before = settings(&valid());
    let changed = |after: &Value| changed_fields(Some(&before), Some(&settings(&with(after))));
    let oauth2 = json!({
        "authMethod": "oauth2", "password": null, "oauth2": {
            "grant": "client_credentials", "tokenUrl": "https://login.example.org/token", "clientId": "id",
            "clientSecret": {"set": "hunter3"}, "scope": "mail"
        }
    });
    for (after, expected) in [
        (json!({}), &[][..]),
        (json!({"password": {"set": "hunter3"}}), &["password"]),
        (json!({"port": 465, "security": "tls"}), &["port", "security"]),
        (json!({"senderName": "Acme", "replyTo": "help@example.org"}), &["senderName", "replyTo"]),
        (json!({"routing": {"notification": {"via": "platform"}}}), &["routing.notification.via"]),
        (
            oauth2,
            &[
                "authMethod",
                "password",
                "oauth2.grant",
                "oauth2.tokenUrl",
                "oauth2.clientId",
                "oauth2.clientSecret",
                "oauth2.scope",
            ],
        ),
    ] {
        assert_eq!(changed(&after), expected, "{after}");
    }
    assert!(changed_fields(Some(&before), None).is_empty());
    assert!(changed_fields(None, Some(&before)).contains(&"password".to_owned()));
}

/// The type that the schemas and the npm package have of it.
#[test]
fn what_is_shown_has_the_type_of_stored_settings() {
    let oauth2 = with(&json!({
        "authMethod": "oauth2", "password": null,
        "oauth2": {
            "grant": "refresh_token", "tokenUrl": "https://login.example.org/token", "clientId": "c",
            "clientSecret": {"set": "s"}, "refreshToken": {"set": "r"},
        },
    }));
    for document in
        [valid(), oauth2, with(&json!({"authMethod": "none", "username": null, "password": null}))]
    {
        let shown = public(&settings(&document));
        let typed: StoredSettings = serde_json::from_value(shown.clone()).unwrap();
        assert_eq!(serde_json::to_string(&typed).unwrap(), shown.to_string());
    }
}
