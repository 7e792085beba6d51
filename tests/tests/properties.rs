//! Properties over generated inputs; the bodies of the fuzz targets check them. The seed is fixed, so that a run is
//! the same on every machine. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` choose other inputs.

use ownpost_smtp::capabilities::Offer;
use ownpost_smtp::reply::{MAX_LINE, MAX_LINES, RawReply};
use ownpost_tests::fuzz;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Map, Value, json};

fn config() -> Config {
    let default = Config::default();
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(20_261_125),
        given @ RngSeed::Fixed(_) => given,
    };
    Config { rng_seed, failure_persistence: None, ..default }
}

/// A line of a reply: any text without a line end or a refused character.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[^\0\r\n]{0,40}",
        2 => "[245]\\.[0-9]{1,3}\\.[0-9]{1,3} [ -~]{0,40}",
        1 => Just("x".repeat(MAX_LINE - 4)),
    ]
}

fn reply() -> impl Strategy<Value = RawReply> {
    let lines = prop_oneof![9 => vec(line(), 1..8), 1 => vec("[ -~]{0,8}", MAX_LINES)];
    (200_u16..600, lines).prop_map(|(code, lines)| RawReply { code, lines })
}

/// Messages made of pieces with a meaning: dots, line ends of all kinds, lines around the longest allowed length.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => prop::sample::select(vec![".", "..", "\r\n", "\n", "\r", "\r\n.\r\n", "\n.\n", "a", "From ", "é", "🦀"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => (990_usize..1005).prop_map(|length| vec![b'x'; length]),
        1 => (330_usize..340).prop_map(|length| "…".repeat(length).into_bytes()),
        1 => vec(any::<u8>(), 0..20),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Text as users and attackers type it into the form.
fn typed() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "smtp",
        "mail",
        "gmail",
        "gmial",
        "outlook",
        "example",
        "com",
        "org",
        "de",
        ".",
        ".",
        ".",
        "-",
        "_",
        ":",
        "@",
        "/",
        "https://",
        "127",
        "0x7f",
        "0177",
        "10.0.0.1",
        "255",
        "::1",
        "[",
        "]",
        " ",
        "\t",
        "\n",
        "\0",
        "\u{a0}",
        "\u{200b}",
        "\u{202e}",
        "\u{200c}",
        "\u{200d}",
        "\u{ad}",
        "\u{fe0f}",
        "\u{2011}",
        "\u{fffd}",
        "می",
        "क्",
        ",",
        ";",
        "8.8.8",
        ".local",
        "ü",
        "ß",
        "１",
        "。",
        "п",
        "か",
        "xn--",
        "xn--mnchen-3ya",
        "localhost",
        "<",
        ">",
        "\"",
        "\\",
        "•",
        "*",
        "587",
        "tls",
        "STARTTLS",
        "password",
        "platform",
        "-----BEGIN CERTIFICATE-----",
        "🦀",
    ]);
    prop_oneof![
        6 => vec(piece, 0..7).prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
        1 => "[a-z]{1,12}\\.(com|net|org|de)",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => prop::sample::select(vec![json!(25), json!(465), json!(587), json!(587.5), json!(-1), json!(1e300)]),
        5 => typed().prop_map(Value::String),
    ];
    let key = prop_oneof![
        9 => prop::sample::select(vec![
            "set", "keep", "spaces", "isSet", "grant", "tokenUrl", "clientId", "clientSecret", "refreshToken",
            "scope", "via", "onFailure", "notification", "rights-request", "user-invitation", "0", "__proto__",
        ])
        .prop_map(str::to_owned),
        1 => typed(),
    ];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            4 => vec((key.clone(), inner.clone()), 0..4).prop_map(|members| Value::Object(Map::from_iter(members))),
            1 => vec(inner, 0..3).prop_map(Value::Array),
        ]
    })
}

/// Settings in which some fields have any value.
fn document() -> impl Strategy<Value = Value> {
    let field = prop_oneof![
        19 => prop::sample::select(vec![
            "host", "port", "security", "authMethod", "username", "password", "oauth2", "senderAddress", "senderName",
            "replyTo", "ehloName", "caPem", "routing", "contacts",
        ])
        .prop_map(str::to_owned),
        1 => typed(),
    ];
    let secret = typed().prop_map(|text| json!({"set": text}));
    let changes = vec((field, prop_oneof![3 => value(), 1 => secret]), 0..5);
    let contacts = prop::option::weighted(0.2, vec(typed(), 0..7));
    (changes, contacts, any::<bool>()).prop_map(|(changes, contacts, oauth2)| {
        let mut document = json!({
            "host": "smtp.example.org",
            "port": 587,
            "username": "mailer",
            "password": {"set": "hunter2"},
            "senderAddress": "noreply@example.org",
        });
        if oauth2 {
            document["authMethod"] = json!("oauth2");
            document["password"] = Value::Null;
            document["oauth2"] = json!({"grant": "refresh_token", "tokenUrl": "https://login.example.org/token",
                "clientId": "ownpost", "refreshToken": {"set": "hunter3"}});
        }
        document["contacts"] = json!(contacts);
        document.as_object_mut().expect("an object").extend(changes);
        document
    })
}

/// The script of a server that accepts every mail and waits for the client after each group of replies: a batch of
/// one mail, then a batch of four.
fn accepting(pipelining: bool) -> Vec<u8> {
    let mails = if pipelining {
        let group = "250 a\r\n250 b\r\n354 c\r\n|";
        format!("{group}250 d\r\n|{}250 d\r\n", [group; 4].join("250 d\r\n"))
    } else {
        "250 a\r\n|250 b\r\n|354 c\r\n|250 d\r\n|".repeat(5)
    };
    let offer = if pipelining { "PIPELINING" } else { "8BITMIME" };
    let script = format!("220 mx\r\n|250-mx\r\n250-SIZE 0\r\n250 {offer}\r\n|{mails}");
    let said = script.bytes().map(|byte| if byte == b'|' { fuzz::client::TURN } else { byte });
    // The first byte selects a first batch of one mail.
    [0].into_iter().chain(said).collect()
}

/// The script of a server that may do anything: fitting replies, unexpected replies, and stage directions. The first
/// byte selects batches, gate and the length of a message.
fn server() -> impl Strategy<Value = Vec<u8>> {
    const HELLO: &str = "220 mx\r\n|250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n|";
    let word = prop::sample::select(vec![
        "250 ok\r\n",
        "250 ok\r\n|",
        "250 ok\r\n250 ok\r\n",
        "250 ok\r\n250 ok\r\n|",
        "250 ok\r\n250 ok\r\n250 ok\r\n|",
        "250 ok\r\n250 ok\r\n354 go\r\n|",
        "354 go\r\n",
        "354 go\r\n|",
        "421 bye\r\n",
        "450 later\r\n",
        "500 what\r\n",
        "503 order\r\n",
        "550 no\r\n",
        "550 no\r\n|",
        "554 none\r\n|",
        "25",
        "0 ok\r\n",
        "rubbish\r\n",
        "250-more\r\n",
        "|",
        "~",
        "!",
        HELLO,
        "~220 mx\r\n|250-mx\r\n250 PIPELINING\r\n|",
        "~220 mx\r\n|250 8BITMIME\r\n|",
    ]);
    let first = prop_oneof![
        Just(HELLO),
        Just("220 mx\r\n|250-mx\r\n250 PIPELINING\r\n|"),
        Just("220 mx\r\n|250 mx\r\n|")
    ];
    (any::<u8>(), first, vec(word, 0..24)).prop_map(|(choice, first, words)| {
        let said = format!("{first}{}", words.concat());
        let said = said.bytes().map(|byte| match byte {
            b'|' => fuzz::client::TURN,
            b'~' => fuzz::client::NEXT,
            b'!' => fuzz::client::STALL,
            byte => byte,
        });
        [choice].into_iter().chain(said).collect()
    })
}

/// Addresses, mostly invalid: the end of a path, a second command, a parameter.
fn address() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b.c",
        "@",
        "example.org",
        "<",
        ">",
        "\r\n",
        "\n",
        "\r",
        "\0",
        " ",
        "\t",
        "RCPT TO:<evil@example.org>",
        ":",
        "SIZE=1",
        "\"",
        "\\",
        ",",
        "ü",
        "münchen.example",
        "\u{2028}",
        "\u{85}",
        "[127.0.0.1]",
        "(x)",
    ]);
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

#[test]
fn an_accepting_server_gets_every_mail_however_its_replies_are_split() {
    for pipelining in [false, true] {
        let script = accepting(pipelining);
        let whole = fuzz::client::play(&script);
        let accepted = whole.outcomes.iter().filter(|outcome| matches!(outcome, Some(Ok(_)))).count();
        assert_eq!(accepted, 5, "all mails except the one without a valid recipient");
        for cut in 1..script.len() {
            let parts = [&script[..cut], &[fuzz::client::SPLIT], &script[cut..]].concat();
            assert!(fuzz::client::play(&parts) == whole, "cut at {cut}");
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_written_reply_is_parsed_unchanged(reply in reply()) {
        let wire = fuzz::reply::render(&reply);
        prop_assert_eq!(fuzz::reply::parse(&wire), [Ok(reply)]);
        fuzz::reply::run(&wire);
    }

    #[test]
    fn any_bytes_are_parsed_as_replies_or_refused(data in vec(any::<u8>(), 0..300)) {
        fuzz::reply::run(&data);
        fuzz::ehlo::run(&data);
    }

    #[test]
    fn an_offer_is_parsed_in_any_order_and_case(
        keywords in prop::sample::subsequence(vec!["starttls", "pipelining", "8bitmime", "smtputf8", "size 1000"], 0..=5)
            .prop_shuffle(),
        upper in any::<bool>(),
        noise in vec("[A-Z]{5,9}X( [!-~]{1,8}){0,2}", 0..4),
    ) {
        let shown = keywords.iter().map(|keyword| if upper { keyword.to_uppercase() } else { (*keyword).to_owned() });
        let lines: Vec<String> = [String::from("mx.test")].into_iter().chain(shown).chain(noise).collect();
        let reply = RawReply { code: 250, lines };
        fuzz::ehlo::holds(&reply);
        let offer = Offer::parse(&reply);
        prop_assert_eq!(offer.starttls, keywords.contains(&"starttls"));
        prop_assert_eq!(offer.pipelining, keywords.contains(&"pipelining"));
        prop_assert_eq!(offer.eight_bit, keywords.contains(&"8bitmime"));
        prop_assert_eq!(offer.smtputf8, keywords.contains(&"smtputf8"));
        prop_assert_eq!(offer.size, keywords.contains(&"size 1000").then_some(1000));
    }

    #[test]
    fn an_encoded_message_is_decoded_unchanged(message in message()) {
        fuzz::message::run(&message);
    }

    #[test]
    fn a_mail_is_never_sent_twice(script in server()) {
        fuzz::client::run(&script);
    }

    #[test]
    fn an_address_never_adds_a_command(from in address(), to in address()) {
        fuzz::client::addressed(&from, &to);
    }

    #[test]
    fn every_fix_of_any_document_cures_its_issue(document in document()) {
        fuzz::settings::run(document.to_string().as_bytes());
    }
}
