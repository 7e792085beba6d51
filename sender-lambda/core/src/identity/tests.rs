//! A provider in memory, and everything that an outsider may try with tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::SystemTime;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ownpost_smtp::https::Reach;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::{Documents, Issuer, Rejected, Verifier, bearer};

const ISSUER: &str = "https://id.acme.test/pool";
const CONFIGURATION: &str = "https://id.acme.test/pool/.well-known/openid-configuration";
const KEYS: &str = "https://id.acme.test/pool/jwks";
const RSA: &[u8] = include_bytes!("../mail/dkim_test_rsa.pem");

/// A provider that counts how often it is asked, and can be down or slow.
#[derive(Default)]
struct Provider {
    documents: Mutex<Vec<(&'static str, Vec<u8>)>>,
    asked: Mutex<Vec<(String, Reach)>>,
    down: AtomicUsize,
    slow: AtomicUsize,
    now: AtomicI64,
    /// When the first verifier was made: the clock goes on with tokio's.
    began: OnceLock<tokio::time::Instant>,
}

#[async_trait]
impl Documents for Provider {
    async fn get(&self, url: &str, reach: Reach, most: usize) -> Result<Vec<u8>, String> {
        self.asked.lock().unwrap().push((url.to_owned(), reach));
        if self.slow.load(Ordering::Relaxed) == 1 {
            std::future::pending::<()>().await;
        }
        if self.down.load(Ordering::Relaxed) == 1 {
            return Err("it cannot be reached".to_owned());
        }
        let documents = self.documents.lock().unwrap();
        let found = documents.iter().find(|(at, _)| *at == url).map(|(_, document)| document.clone());
        found.filter(|document| document.len() <= most).ok_or_else(|| "404".to_owned())
    }
}

impl Provider {
    fn publishing(keys: &[Value]) -> Arc<Self> {
        let provider = Arc::new(Self::default());
        provider.set(CONFIGURATION, json!({"issuer": ISSUER, "jwks_uri": KEYS}).to_string());
        provider.publish(keys);
        provider
    }

    fn publish(&self, keys: &[Value]) {
        self.set(KEYS, json!({"keys": keys}).to_string());
    }

    fn set(&self, url: &'static str, document: impl Into<Vec<u8>>) {
        let mut documents = self.documents.lock().unwrap();
        documents.retain(|(at, _)| *at != url);
        documents.push((url, document.into()));
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::Relaxed);
    }

    /// How often the keys were asked for.
    fn asked(&self) -> usize {
        self.asked.lock().unwrap().iter().filter(|(url, _)| url == CONFIGURATION).count()
    }

    fn verifier(self: &Arc<Self>) -> Verifier {
        let clock = self.clone();
        let now = move || {
            let passed = clock.began.get_or_init(tokio::time::Instant::now).elapsed().as_secs();
            let seconds = clock.now.load(Ordering::Relaxed) + i64::try_from(passed).unwrap();
            Timestamp::from_second(1_790_000_000 + seconds).unwrap()
        };
        now();
        let issuer =
            Issuer { url: ISSUER.to_owned(), audiences: vec!["ownpost".to_owned(), "second".to_owned()] };
        Verifier::new(issuer, self.clone(), Arc::new(now))
    }
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key of a provider.
enum Key {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Key {
    fn rsa() -> Self {
        Self::Rsa(match PrivateKeyDer::from_pem_slice(RSA).unwrap() {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap(),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).unwrap(),
            _ => unreachable!(),
        })
    }

    fn ec() -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let der = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self::Ec(EcdsaKeyPair::from_pkcs8(kind, der.as_ref(), &random).unwrap())
    }

    fn ed() -> Self {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed(Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap())
    }

    /// The public key as a provider publishes it.
    fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Rsa(key) => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = PublicKeyComponents::from(key.public());
                json!({"kty": "RSA", "kid": id, "use": "sig", "n": base64(n), "e": base64(e)})
            }
            Self::Ec(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": id, "x": base64(x), "y": base64(y)})
            }
            Self::Ed(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": base64(key.public_key().as_ref())})
            }
        }
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let padding: &dyn RsaEncoding =
                    if algorithm == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Ec(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let signature = self.sign(header["alg"].as_str().unwrap(), message.as_bytes());
        format!("{message}.{}", base64(signature))
    }
}

/// The time of the system, by which jsonwebtoken checks `exp` and `nbf`.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "ownpost", "exp": now() + 600, "sub": "jan", "tenant": "acme"})
}

/// The usual claims with other members; null takes one away.
fn claims_with(other: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in other.as_object().unwrap() {
        claims[name.as_str()] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

#[tokio::test]
async fn each_algorithm_of_providers_is_taken() {
    let (rsa, ec, ed) = (Key::rsa(), Key::ec(), Key::ed());
    let provider = Provider::publishing(&[rsa.jwk("r"), ec.jwk("e"), ed.jwk("d")]);
    let verifier = provider.verifier();
    for (key, algorithm, id) in
        [(&rsa, "RS256", "r"), (&rsa, "PS256", "r"), (&ec, "ES256", "e"), (&ed, "EdDSA", "d")]
    {
        for kind in [json!("JWT"), json!("at+jwt"), json!("application/at+JWT"), json!(null)] {
            let token = key.token(&json!({"alg": algorithm, "kid": id, "typ": kind}), &claims());
            assert_eq!(verifier.claims(&token).await.unwrap()["tenant"], "acme", "{algorithm} {kind}");
        }
        // No `kid`: each key of the kind is tried.
        assert!(
            verifier.claims(&key.token(&json!({"alg": algorithm}), &claims())).await.is_ok(),
            "{algorithm}"
        );
    }
    assert_eq!(provider.asked(), 1, "the keys are kept");
}

#[tokio::test]
async fn claims_decide_whether_a_token_is_for_us() {
    let key = Key::ec();
    let verifier = Provider::publishing(&[key.jwk("e")]).verifier();
    let now = now();
    for (other, expected) in [
        (json!({}), None),
        (json!({"aud": ["x", "second"]}), None),
        (json!({"aud": null, "client_id": "ownpost"}), None),
        (json!({"nbf": now - 5, "iat": now - 5}), None),
        // Clocks differ by a little.
        (json!({"exp": now - 10}), None),
        (json!({"nbf": now + 10}), None),
        (json!({"exp": now - 60}), Some(Rejected::Expired)),
        (json!({"exp": 0}), Some(Rejected::Expired)),
        (json!({"exp": null}), Some(Rejected::NoExpiry)),
        (json!({"exp": "never"}), Some(Rejected::NoExpiry)),
        (json!({"exp": [now + 600]}), Some(Rejected::Unreadable)),
        (json!({"nbf": now + 300}), Some(Rejected::NotYet)),
        (json!({"nbf": "tomorrow"}), Some(Rejected::NotYet)),
        (json!({"iss": null}), Some(Rejected::Issuer)),
        (json!({"iss": "https://evil.test"}), Some(Rejected::Issuer)),
        (json!({"iss": format!("{ISSUER}/")}), Some(Rejected::Issuer)),
        (json!({"iss": 1}), Some(Rejected::Issuer)),
        (json!({"aud": null}), Some(Rejected::Audience)),
        (json!({"aud": "other"}), Some(Rejected::Audience)),
        (json!({"aud": []}), Some(Rejected::Audience)),
        (json!({"aud": ["other", 1]}), Some(Rejected::Audience)),
        (json!({"aud": {"ownpost": true}}), Some(Rejected::Audience)),
        (json!({"aud": "Ownpost"}), Some(Rejected::Audience)),
        (json!({"aud": null, "client_id": ["ownpost"]}), Some(Rejected::Audience)),
        // Where there is an audience, the client does not count.
        (json!({"aud": "other", "client_id": "ownpost"}), Some(Rejected::Audience)),
    ] {
        let token = key.token(&json!({"alg": "ES256", "kid": "e"}), &claims_with(&other));
        assert_eq!(verifier.claims(&token).await.err(), expected, "{other}");
    }
}

#[tokio::test]
async fn a_forged_token_is_not_taken() {
    let (rsa, ec, foreign) = (Key::rsa(), Key::ec(), Key::ec());
    let provider = Provider::publishing(&[rsa.jwk("r"), ec.jwk("e")]);
    let verifier = provider.verifier();
    let claims = claims();
    let part = |value: &Value| base64(value.to_string());
    let unsigned = |header: Value| format!("{}.{}.", part(&header), part(&claims));
    let good = ec.token(&json!({"alg": "ES256", "kid": "e"}), &claims);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, _) = message.split_once('.').unwrap();
    // A MAC with the public key as the secret, in each form in which a library might take it.
    let by_public_key = |secret: &[u8]| {
        let message = format!("{}.{}", part(&json!({"alg": "HS256", "kid": "r"})), part(&claims));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        format!("{message}.{}", base64(tag))
    };
    let jwk = rsa.jwk("r");
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let own_key = json!({"alg": "ES256", "kid": "mine", "jwk": foreign.jwk("mine")});
    let own_address =
        json!({"alg": "ES256", "kid": "mine", "jku": "https://evil.test/jwks", "x5u": "https://evil.test"});
    for (name, token, expected) in [
        ("none", unsigned(json!({"alg": "none"})), Rejected::Algorithm),
        ("none with a key", unsigned(json!({"alg": "none", "kid": "e"})), Rejected::Algorithm),
        ("None", unsigned(json!({"alg": "None"})), Rejected::Algorithm),
        ("no algorithm", unsigned(json!({"kid": "e"})), Rejected::Algorithm),
        ("no signature", unsigned(json!({"alg": "ES256", "kid": "e"})), Rejected::Signature),
        ("the modulus as a secret", by_public_key(&modulus), Rejected::Algorithm),
        ("the key's JSON as a secret", by_public_key(jwk.to_string().as_bytes()), Rejected::Algorithm),
        ("a foreign key", foreign.token(&json!({"alg": "ES256", "kid": "e"}), &claims), Rejected::Signature),
        ("a foreign key without kid", foreign.token(&json!({"alg": "ES256"}), &claims), Rejected::UnknownKey),
        ("the key in the token", foreign.token(&own_key, &claims), Rejected::UnknownKey),
        ("the keys' address in the token", foreign.token(&own_address, &claims), Rejected::UnknownKey),
        (
            "another key's algorithm",
            ec.token(&json!({"alg": "ES256", "kid": "r"}), &claims),
            Rejected::UnknownKey,
        ),
        ("RS384", unsigned(json!({"alg": "RS384", "kid": "r"})), Rejected::Algorithm),
        (
            "other claims",
            format!("{head}.{}.{signature}", part(&claims_with(&json!({"tenant": "other"})))),
            Rejected::Signature,
        ),
        ("zeros", format!("{message}.{}", base64([0; 64])), Rejected::Signature),
        (
            "a logout token",
            ec.token(&json!({"alg": "ES256", "kid": "e", "typ": "logout+jwt"}), &claims),
            Rejected::OtherPurpose,
        ),
        (
            "what is critical",
            ec.token(&json!({"alg": "ES256", "kid": "e", "crit": ["x"], "x": 1}), &claims),
            Rejected::Unreadable,
        ),
        (
            "an unencoded payload",
            ec.token(&json!({"alg": "ES256", "kid": "e", "b64": false, "crit": ["b64"]}), &claims),
            Rejected::Unreadable,
        ),
        (
            "a list as claims",
            ec.token(&json!({"alg": "ES256", "kid": "e"}), &json!([1])),
            Rejected::Unreadable,
        ),
        ("two parts", message.to_owned(), Rejected::Unreadable),
        ("five parts", format!("{good}.a.b"), Rejected::Unreadable),
        ("nothing", String::new(), Rejected::Unreadable),
        ("dots", "..".to_owned(), Rejected::Unreadable),
        ("too long", format!("{good}{}", "A".repeat(20_000)), Rejected::Unreadable),
    ] {
        assert_eq!(verifier.claims(&token).await.err(), Some(expected), "{name}");
    }
    assert!(verifier.claims(&good).await.is_ok(), "the good one still is");
    assert!(provider.asked() <= 2, "{}", provider.asked());
}

#[tokio::test]
async fn a_key_for_another_use_checks_nothing() {
    let key = Key::ec();
    let jwk = |name: &str, value: Value| {
        let mut jwk = key.jwk("e");
        jwk[name] = value;
        jwk
    };
    let token = key.token(&json!({"alg": "ES256", "kid": "e"}), &claims());
    let fallback = Key::ed().jwk("d");
    for (jwk, taken) in [
        (jwk("use", json!("sig")), true),
        (jwk("alg", json!("ES256")), true),
        (jwk("key_ops", json!(["verify"])), true),
        (jwk("use", json!("enc")), false),
        (jwk("alg", json!("ES384")), false),
        (jwk("alg", json!("ECDH-ES")), false),
        (jwk("key_ops", json!(["sign"])), false),
        (jwk("crv", json!("P-384")), false),
        (jwk("crv", json!("secp256k1")), false),
        (jwk("kty", json!("oct")), false),
        (jwk("x", json!("AA")), false),
        (jwk("x", json!(1)), false),
        (json!("no key"), false),
    ] {
        // A key that cannot be used does not take the others along.
        let provider = Provider::publishing(&[jwk.clone(), fallback.clone()]);
        assert_eq!(provider.verifier().claims(&token).await.is_ok(), taken, "{jwk}");
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_once() {
    let (old, new) = (Key::ec(), Key::ec());
    let provider = Provider::publishing(&[old.jwk("1")]);
    let verifier = provider.verifier();
    let token = |key: &Key, id: &str| key.token(&json!({"alg": "ES256", "kid": id}), &claims());
    assert!(verifier.claims(&token(&old, "1")).await.is_ok());
    provider.publish(&[old.jwk("1"), new.jwk("2")]);
    assert_eq!(verifier.claims(&token(&new, "2")).await.err(), Some(Rejected::UnknownKey), "asked just now");
    provider.pass(31);
    assert!(verifier.claims(&token(&new, "2")).await.is_ok());
    assert_eq!(provider.asked(), 2);
    // Invented keys do not make us ask for each.
    for number in 0..1000 {
        let id = format!("invented-{number}");
        assert_eq!(verifier.claims(&token(&new, &id)).await.err(), Some(Rejected::UnknownKey));
    }
    assert_eq!(provider.asked(), 2);
    provider.pass(31);
    let (token, verifier) = (token(&new, "invented"), &verifier);
    let all = futures_util::future::join_all((0..100).map(|_| verifier.claims(&token)));
    assert!(all.await.iter().all(|answer| *answer == Err(Rejected::UnknownKey)));
    assert_eq!(provider.asked(), 3, "one asks for all");
}

#[tokio::test]
async fn a_key_that_was_taken_back_is_good_for_minutes_alone() {
    let (old, new) = (Key::ec(), Key::ec());
    let provider = Provider::publishing(&[old.jwk("1")]);
    let verifier = provider.verifier();
    let token = old.token(&json!({"alg": "ES256", "kid": "1"}), &claims());
    assert!(verifier.claims(&token).await.is_ok());
    provider.publish(&[new.jwk("2")]);
    provider.pass(9 * 60);
    assert!(verifier.claims(&token).await.is_ok());
    provider.pass(2 * 60);
    assert_eq!(verifier.claims(&token).await.err(), Some(Rejected::UnknownKey));
}

#[tokio::test]
async fn the_last_keys_stay_while_the_provider_is_down_for_a_day() {
    let key = Key::ec();
    let provider = Provider::publishing(&[key.jwk("1")]);
    let verifier = provider.verifier();
    let token = key.token(&json!({"alg": "ES256", "kid": "1"}), &claims());
    provider.down.store(1, Ordering::Relaxed);
    assert_eq!(verifier.claims(&token).await.err(), Some(Rejected::NoKeys));
    assert_eq!(verifier.claims(&token).await.err(), Some(Rejected::NoKeys));
    assert_eq!(provider.asked(), 1, "not for each call");
    provider.down.store(0, Ordering::Relaxed);
    provider.pass(6);
    assert!(verifier.claims(&token).await.is_ok());
    provider.down.store(1, Ordering::Relaxed);
    provider.pass(23 * 3600);
    for _ in 0..10 {
        assert!(verifier.claims(&token).await.is_ok());
    }
    assert_eq!(provider.asked(), 3, "asked again once");
    provider.pass(3600);
    assert_eq!(verifier.claims(&token).await.err(), Some(Rejected::NoKeys));
}

#[tokio::test(start_paused = true)]
async fn a_slow_provider_holds_up_one_call_for_seconds() {
    let key = Key::ec();
    let provider = Provider::publishing(&[key.jwk("1")]);
    let verifier = provider.verifier();
    let token = key.token(&json!({"alg": "ES256", "kid": "1"}), &claims());
    assert!(verifier.claims(&token).await.is_ok());
    provider.slow.store(1, Ordering::Relaxed);
    provider.pass(11 * 60);
    let started = tokio::time::Instant::now();
    let timed = async || {
        assert!(verifier.claims(&token).await.is_ok());
        started.elapsed().as_secs()
    };
    let waits = futures_util::future::join_all((0..10).map(|_| timed())).await;
    assert_eq!(waits.iter().filter(|seconds| **seconds > 0).count(), 1, "{waits:?}");
    assert_eq!(started.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_for_a_slow_provider_without_keys_hear_at_once_that_there_are_none() {
    let key = Key::ec();
    let provider = Provider::publishing(&[key.jwk("1")]);
    provider.slow.store(1, Ordering::Relaxed);
    let verifier = provider.verifier();
    let token = key.token(&json!({"alg": "ES256", "kid": "1"}), &claims());
    let started = tokio::time::Instant::now();
    let answers = futures_util::future::join_all((0..200).map(|_| verifier.claims(&token))).await;
    assert!(answers.iter().all(|answer| *answer == Err(Rejected::NoKeys)));
    assert_eq!((started.elapsed().as_secs(), provider.asked()), (5, 1));
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_end_the_fetch() {
    let key = Key::ec();
    let provider = Provider::publishing(&[key.jwk("1")]);
    let verifier = provider.verifier();
    let token = key.token(&json!({"alg": "ES256", "kid": "1"}), &claims());
    {
        let claims = verifier.claims(&token);
        let mut claims = std::pin::pin!(claims);
        assert!(futures_util::poll!(claims.as_mut()).is_pending(), "asks");
    }
    while provider.asked.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(verifier.claims(&token).await.is_ok());
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn documents_that_cannot_be_used_leave_the_last_keys() {
    let key = Key::ec();
    let provider = Provider::publishing(&[key.jwk("1")]);
    let verifier = provider.verifier();
    let token = key.token(&json!({"alg": "ES256", "kid": "1"}), &claims());
    assert!(verifier.claims(&token).await.is_ok());
    let configuration = |issuer: &str, keys: &str| json!({"issuer": issuer, "jwks_uri": keys}).to_string();
    let many: Vec<_> = (0..5000).map(|number| key.jwk(&number.to_string())).collect();
    let (good, foreign) = (configuration(ISSUER, KEYS), configuration("https://evil.test", KEYS));
    for (configuration, keys) in [
        (good.clone(), "{}".to_owned()),
        (good.clone(), r#"{"keys": []}"#.to_owned()),
        (good.clone(), r#"{"keys": [{"kty": "oct", "k": "AAAA", "kid": "1"}]}"#.to_owned()),
        (good.clone(), json!({"keys": many}).to_string()),
        (good.clone(), "[".repeat(100_000)),
        (foreign, json!({"keys": [Key::ec().jwk("1")]}).to_string()),
        (r#"{"jwks_uri": 1}"#.to_owned(), String::new()),
        ("\u{0}".to_owned(), String::new()),
    ] {
        provider.pass(11 * 60);
        provider.set(CONFIGURATION, configuration.clone());
        provider.set(KEYS, keys);
        assert!(verifier.claims(&token).await.is_ok(), "{configuration}");
    }
    assert_eq!(provider.asked(), 9);
}

#[tokio::test]
async fn only_the_issuers_own_server_is_dialled_wherever_it_is() {
    for (keys, reach) in [
        ("https://id.acme.test/jwks", Reach::Any),
        ("https://ID.acme.test:443/jwks", Reach::Any),
        ("https://id.acme.test:8443/jwks", Reach::Public),
        ("https://10.0.0.1/jwks", Reach::Public),
        ("https://id.acme.test@10.0.0.1/jwks", Reach::Public),
        ("https://id.acme.test.evil.test/jwks", Reach::Public),
        ("http://id.acme.test/jwks", Reach::Public),
        ("https://id.acme.test\\@10.0.0.1/", Reach::Public),
    ] {
        let provider = Arc::new(Provider::default());
        provider.set(CONFIGURATION, json!({"issuer": ISSUER, "jwks_uri": keys}).to_string());
        assert!(!provider.verifier().prepare().await);
        let asked = provider.asked.lock().unwrap().clone();
        assert_eq!(asked, [(CONFIGURATION.to_owned(), Reach::Any), (keys.to_owned(), reach)]);
    }
}

#[test]
fn the_token_of_a_header() {
    for (header, token) in [
        ("Bearer a.b.c", Some("a.b.c")),
        ("bearer  a.b.c ", Some("a.b.c")),
        ("Basic a.b.c", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("", None),
    ] {
        assert_eq!(bearer(header), token, "{header:?}");
    }
}

#[test]
fn an_issuer_is_an_https_address() {
    for (text, usable) in [
        ("https://id.acme.test", true),
        ("https://id.acme.test/", true),
        ("https://127.0.0.1:8443/realms/acme", true),
        ("http://id.acme.test", false),
        ("http://127.0.0.1", false),
        ("https://", false),
        ("https://id.acme.test?x", false),
        ("https://user@id.acme.test", false),
        ("id.acme.test", false),
        ("https://id.acme.test/ x", false),
    ] {
        assert_eq!(Issuer::parse_url(text).is_ok(), usable, "{text}");
    }
}
