//! The outside corpora through the rules as the server runs them: the verdict of each corpus is compared with
//! Ownpost's. [`DIFFERENCES`] gives the reason for every intended difference.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use ownpost_core::config::Config;
use ownpost_core::functions::App;
use ownpost_core::functions::api::{Caller, Claims, Request, handle};
use ownpost_core::testing::memory::Memory;
use ownpost_core::wire::history::By;
use ownpost_core::wire::settings::{CheckedDraft, check};
use ownpost_core::wire::validation::Severity;
use ownpost_domain::tenant::Tenant;
use ownpost_tests::corpora::{Vector, Verdict, vectors};
use ownpost_tests::fuzz;
use serde_json::Value;

/// 2027-01-01 in seconds since 1970.
const NOW: i64 = 1_798_761_600;

/// An intended difference: the reason, the vectors, and Ownpost's verdict.
struct Difference {
    why: &'static str,
    applies: fn(&Vector) -> bool,
    usable: bool,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        why: "a sender's domain has two labels or more",
        applies: |vector| {
            is_address(vector) && !domain(vector).contains('.') && !domain(vector).contains(DOTS)
        },
        usable: false,
    },
    Difference {
        why: "a host of one label is a warning: it can be a name of the operator's own network",
        applies: |vector| vector.corpus == "validator" && vector.field == "host" && vector.value == "abc",
        usable: true,
    },
    Difference {
        why: "an empty quoted string is no local part that a mail service gives out",
        applies: |vector| is_address(vector) && vector.value.starts_with("\"\"@"),
        usable: false,
    },
    Difference {
        why: "Gmail ignores dots, yet two in a row are no dot-atom",
        applies: |vector| vector.value.starts_with("gmail...ignores"),
        usable: false,
    },
    Difference {
        why: "an address is at most 254 octets (RFC 5321), a domain 253",
        applies: |vector| {
            is_address(vector) && matches!(&vector.verdict, Verdict::StoredAs(to) if to.len() > 254)
        },
        usable: false,
    },
    Difference {
        why: "the list of top-level domains changes, and the rules do not ask DNS",
        applies: |vector| vector.value == "z@co.c",
        usable: true,
    },
    Difference {
        why: "a final dot is a warning whose fix takes it away; the name is stored without it",
        applies: |vector| {
            vector.corpus == "idna" && vector.field == "host" && vector.label.contains("A4_2") && {
                let name = vector.value.strip_suffix(DOTS);
                name.is_some_and(|name| !name.is_empty() && !name.ends_with(DOTS))
                    && (vector.label == "[A4_2]" || is_newer(&vector.value))
            }
        },
        usable: true,
    },
    Difference {
        why: "two hyphens in the third place of a name in ASCII are in use, and IDN has no say there",
        applies: |vector| vector.label == "[V2]" && vector.value.ends_with("a.bc--de.f"),
        usable: true,
    },
    Difference {
        why: "characters that our tables know and this version of the corpus does not",
        applies: |vector| vector.label == "[V7]" && is_newer(&vector.value),
        usable: true,
    },
    Difference {
        why: "ASCII beside letters, digits and hyphens is refused before it could combine into something else",
        applies: |vector| vector.corpus == "idna" && vector.value.contains(['=', '<', '>']),
        usable: false,
    },
    Difference {
        why: "what takes no room is an error whose fix takes it away",
        applies: |vector| {
            let is_unseen = |c: char| {
                matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{2060}'..='\u{206f}')
                    || matches!(c, '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}')
            };
            vector.corpus == "idna" && vector.value.contains(is_unseen)
        },
        usable: false,
    },
    Difference {
        why: "an address may be well-formed and still not be one that is dialled",
        applies: |vector| {
            let address = vector.value.parse::<std::net::IpAddr>();
            vector.label.starts_with("isIP") && address.is_ok_and(smtp_rules::address::is_forbidden)
        },
        usable: false,
    },
    Difference {
        why: "typos of the lists: an address among the domains, a service without a host",
        applies: |vector| vector.label.contains('@') || vector.label == "Maildev",
        usable: false,
    },
];

/// The label separators of UTS 46.
const DOTS: [char; 4] = ['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'];

fn is_address(vector: &Vector) -> bool {
    matches!(vector.field, "senderAddress" | "replyTo")
}

fn domain(vector: &Vector) -> &str {
    vector.value.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// Whether the name has a character that only later versions of Unicode allow, plain or in an A-label.
fn is_newer(name: &str) -> bool {
    let plain = ['\u{32931}', '\u{32b9a}', '\u{3e8ac}', '\u{3f8cd}'];
    name.contains(plain)
        || ["xn--20-9802c", "xn--9-i0j5967eg3qz", "xn--t92s", "xn--5cb172r175fug38a"]
            .iter()
            .any(|label| name.contains(label))
}

/// Every vector with the result of its validation.
static CHECKED: LazyLock<Vec<(Vector, CheckedDraft)>> = LazyLock::new(|| {
    let run = |document: &Value| check(document.to_string().as_bytes(), &Config::default(), "en", NOW);
    vectors().into_iter().map(|vector| (vector.clone(), run(&vector.document))).collect()
});

/// The codes of the errors on the field.
fn errors(checked: &CheckedDraft, field: &str) -> Vec<String> {
    let issues = checked.report.issues.iter();
    let errors = issues.filter(|issue| issue.severity == Severity::Error && issue.field == field);
    errors.map(|issue| issue.code.clone()).collect()
}

/// The value as it is stored and dialled.
fn stored(checked: &CheckedDraft, field: &str) -> Option<String> {
    let settings = checked.draft.clone()?.resolve(None, "en").ok()?;
    match field {
        "host" => Some(settings.host),
        "senderAddress" => Some(settings.sender_address),
        _ => None,
    }
}

#[test]
fn every_vector_has_the_verdict_of_its_corpus_or_a_listed_difference() {
    assert!(CHECKED.len() > 20_000, "{}", CHECKED.len());
    let mut used = vec![0; DIFFERENCES.len()];
    let mut wrong = Vec::new();
    for (vector, checked) in &*CHECKED {
        let expected = match vector.verdict {
            Verdict::Usable | Verdict::StoredAs(_) => true,
            Verdict::Refused => false,
            Verdict::Unjudged => continue,
        };
        let errors = errors(checked, vector.field);
        let usable = errors.is_empty();
        if usable != expected {
            let known = |difference: &Difference| difference.usable == usable && (difference.applies)(vector);
            match DIFFERENCES.iter().position(known) {
                Some(index) => used[index] += 1,
                None => wrong.push(format!("{vector:?}\n  errors {errors:?}")),
            }
        } else if let Verdict::StoredAs(expected) = &vector.verdict {
            let stored = stored(checked, vector.field).unwrap_or_default();
            if !stored.eq_ignore_ascii_case(expected) {
                wrong.push(format!("{vector:?}\n  stored as {stored}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    for (difference, used) in DIFFERENCES.iter().zip(used) {
        assert!(used > 0, "no vector has this difference any more: {}", difference.why);
    }
}

#[test]
fn every_fix_cures_its_issue_and_adds_no_error() {
    let mut fixes = 0;
    for (vector, checked) in &*CHECKED {
        let issues = &checked.report.issues;
        fixes += issues.iter().filter(|issue| issue.fix.is_some()).count();
        fuzz::settings::fixes_cure(&vector.document, issues);
    }
    assert!(fixes > 500, "{fixes}");
}

/// The servers that mail programs use today, each with a sender of each of its domains: no server name is reported as
/// a typo, and only unusual ports and TLS modes are errors.
#[test]
fn servers_of_mail_programs_are_accepted_unchanged() {
    let (mut servers, mut foreign, mut typos) = (0, BTreeSet::new(), BTreeSet::new());
    for (vector, checked) in CHECKED.iter().filter(|(vector, _)| vector.corpus == "ispdb") {
        servers += 1;
        let sender =
            vector.document["senderAddress"].as_str().and_then(|address| address.strip_prefix("noreply@"));
        for issue in &checked.report.issues {
            match (issue.code.as_str(), &*vector.label) {
                ("port.not_allowed", "SSL 586") | ("security.port_mismatch", "SSL 587") => {}
                ("host.typo", _) => panic!("{} is a server", vector.value),
                ("senderAddress.provider_mismatch", _) => _ = foreign.insert(sender),
                ("senderAddress.typo", _) => _ = typos.insert(sender),
                _ => assert_eq!(issue.severity, Severity::Warning, "{vector:?}\n  {issue:?}"),
            }
        }
    }
    assert!(servers > 1_300, "{servers}");
    // Domains that Ownpost's list of providers lacks.
    assert!(foreign.len() <= 44, "{} domains: {foreign:?}", foreign.len());
    assert!(typos.len() <= 2, "{} domains: {typos:?}", typos.len());
}

/// A wrong correction of an existing name sends mail to another domain. The lists hold names that differ by one
/// letter from a famous one, so a few wrong corrections cannot be avoided.
#[test]
fn existing_names_are_rarely_reported_as_typos() {
    let (mut hosts, mut senders) = (Vec::new(), Vec::new());
    let exist = |corpus| matches!(corpus, "nodemailer" | "email-providers");
    for (vector, checked) in CHECKED.iter().filter(|(vector, _)| exist(vector.corpus)) {
        for issue in &checked.report.issues {
            match issue.code.as_str() {
                "host.typo" if vector.corpus == "nodemailer" => panic!("{} is a server", vector.value),
                "host.typo" => hosts.push(vector.label.clone()),
                "senderAddress.typo" => senders.push(vector.label.clone()),
                _ => {}
            }
        }
    }
    assert!(hosts.len() <= 22, "{} hosts: {hosts:?}", hosts.len());
    assert!(senders.len() <= 63, "{} senders: {senders:?}", senders.len());
}

/// `POST /smtp/validate` answers every document with the report of the rules.
#[tokio::test]
async fn the_api_answers_the_same_report() {
    let mut app = App::new(Config::default(), Memory::new().effects()).expect("a world in memory");
    app.now = Arc::new(|| Timestamp::from_second(NOW).expect("a time"));
    // A sample is enough: the API only passes the document to the rules.
    for (vector, checked) in CHECKED.iter().step_by(7) {
        let body = vector.document.to_string();
        let request = Request {
            method: "POST",
            path: "/smtp/validate",
            query: Vec::new(),
            caller: Caller::admin(Claims {
                tenant: Tenant::new("acme").expect("a tenant"),
                email: None,
                by: By::default(),
            }),
            origin: None,
            accept_language: Some("en"),
            body: body.as_bytes(),
            time: None,
        };
        let response = handle(&app, request, None).await;
        assert_eq!(response.status, 200, "{body}");
        assert_eq!(response.body, serde_json::to_vec(&checked.report).expect("JSON"), "{body}");
    }
}
