use super::*;
use ring::signature::KeyPair as _;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::json;

const RSA: &str = include_str!("dkim_test_rsa.pem");
const MAIL: &[u8] =
    b"From: a@acme.example\r\nSubject: One\r\n  two\r\nTo: b@example.org\r\n\r\nHi \t there \r\n\r\n \r\n";

fn keys(document: &serde_json::Value) -> Result<Keys, String> {
    Keys::parse(document.to_string().as_bytes())
}

fn pem() -> String {
    let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()))
}

fn signed(keys: &Keys, sender: &str, tenant: Option<&str>) -> String {
    let tenant = tenant.map(|name| Tenant::new(name).unwrap());
    let signed = keys.sign(MAIL.to_vec(), sender, tenant.as_ref(), Timestamp::UNIX_EPOCH).unwrap();
    String::from_utf8(signed).unwrap()
}

/// The examples of RFC 6376 §3.4.5, and the hash of an empty body of §3.4.4.
#[test]
fn the_relaxed_form_is_that_of_the_standard() {
    let mut fields = Vec::new();
    relaxed_field(b"A", b" X", &mut fields);
    fields.extend_from_slice(b"\r\n");
    relaxed_field(b"B ", b" Y\t\r\n\tZ  ", &mut fields);
    assert_eq!(fields, b"a:X\r\nb:Y Z");
    for (body, relaxed) in [
        (" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"),
        ("", ""),
        ("\r\n \r\n\t\r\n", ""),
        ("a\r\n \r\n", "a\r\n"),
        ("\r\n\r\na", "\r\n\r\na\r\n"),
        ("a  \t b\r\n \t c\r\n", "a b\r\n c\r\n"),
    ] {
        assert_eq!(
            body_hash(body.as_bytes()).as_ref(),
            digest(&SHA256, relaxed.as_bytes()).as_ref(),
            "{body:?}"
        );
    }
    assert_eq!(STANDARD.encode(body_hash(b"")), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

#[test]
fn the_signature_stands_over_fields_that_are_there_and_fields_that_are_not() {
    let keys = keys(&json!([{"domain": "acme.example", "selector": "s1", "privateKeyPem": pem()}])).unwrap();
    let mail = signed(&keys, "a@ACME.example", None);
    let (field, rest) = mail.split_once("\r\nFrom:").unwrap();
    assert_eq!(format!("From:{rest}").as_bytes(), MAIL, "the mail stays as it is");
    let unfolded = field.replace("\r\n ", "");
    assert!(unfolded.contains("h=From:From:Reply-To:Subject:Subject:Date:To:To:Cc:"), "{unfolded}");
    assert!(!unfolded.contains("List-"), "{unfolded}");
    assert!(field.split("\r\n").all(|line| line.len() <= 100), "{field}");
    let (without, signature) = field.rsplit_once(" b=").unwrap();
    let mut data = b"from:a@acme.example\r\nsubject:One two\r\nto:b@example.org\r\n".to_vec();
    let value = without.strip_prefix("DKIM-Signature:").unwrap();
    relaxed_field(b"DKIM-Signature", format!("{value} b=").as_bytes(), &mut data);
    let Pair::Ed25519(pair) = &keys.0[0].pair else { panic!("{keys:?}") };
    let public = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref());
    let signature = STANDARD.decode(signature.replace("\r\n ", "")).unwrap();
    public.verify(digest(&SHA256, &data).as_ref(), &signature).unwrap();
}

#[test]
fn the_keys_of_the_senders_domain_sign_for_those_whose_they_are() {
    let entry = |domain: &str, selector: &str| json!({"domain": domain, "selector": selector, "privateKeyPem": pem()});
    let mut own = entry("acme.example", "own");
    own["tenants"] = json!(["acme"]);
    let mut rsa = entry("shop.example", "rsa");
    rsa["privateKeyPem"] = RSA.into();
    let keys =
        keys(&json!([entry("shop.example", "ed"), rsa, entry("mail.shop.example", "mail"), own])).unwrap();
    for (sender, tenant, want) in [
        ("x@shop.example", None, &["ed", "rsa"][..]),
        ("x@news.shop.example", Some("acme"), &["ed", "rsa"]),
        ("x@mail.shop.example", None, &["mail"]),
        ("x@a.mail.shop.example", None, &["mail"]),
        ("x@acme.example", Some("acme"), &["own"]),
        ("x@acme.example", Some("other"), &[]),
        ("x@acme.example", None, &[]),
        ("x@notshop.example", None, &[]),
        ("x@example", None, &[]),
    ] {
        let mail = signed(&keys, sender, tenant);
        let selectors: Vec<_> =
            mail.split("\r\n s=").skip(1).map(|rest| rest.split(';').next().unwrap()).collect();
        assert_eq!(selectors, want, "{sender}");
    }
}

#[test]
fn a_document_that_cannot_be_used_is_named_and_never_quoted() {
    let good = json!({"domain": "acme.example", "selector": "s1", "privateKeyPem": pem()});
    let with = |name: &str, value: serde_json::Value| {
        let mut entry = good.clone();
        entry[name] = value;
        json!([entry])
    };
    let secret = "MC4CAQAwBQYDK2VwBCIEI";
    for (document, part) in [
        (json!(secret), "it takes a list"),
        (json!([]), "it takes a list"),
        (json!([secret]), "[0]"),
        (json!([good, good]), "[1]"),
        (with("selektor", secret.into()), "members"),
        (with("domain", secret.into()), ".domain"),
        (with("domain", "com".into()), ".domain"),
        (with("selector", format!("{secret}\r\n;").into()), ".selector"),
        (with("tenants", secret.into()), ".tenants"),
        (with("tenants", json!([])), ".tenants"),
        (with("privateKeyPem", secret.into()), ".privateKeyPem"),
        (with("privateKeyPem", json!(5)), ".privateKeyPem"),
        (with("privateKeyPem", pem().replace("PRIVATE", "EC PRIVATE").into()), "RSA"),
    ] {
        let problem = keys(&document).unwrap_err();
        assert!(problem.contains(part) && !problem.contains(secret), "{part}: {problem}");
    }
    let problem = Keys::parse(format!("[{secret}").as_bytes()).unwrap_err();
    assert!(problem.contains("line 1") && !problem.contains(secret), "{problem}");
    assert!(!format!("{:?}", keys(&json!([good])).unwrap()).contains("PRIVATE"));
}
