use std::collections::BTreeSet;

use super::super::refusals::{GROUPS, find};
use super::super::reply::ReplyParser;
use super::*;

const EXAMPLES: &str = include_str!("refusals_examples.txt");

/// A line of `refusals_examples.txt`.
struct Example {
    stages: Vec<Stage>,
    identity: Identity,
    code: &'static str,
    cause: &'static str,
    reply: Reply,
    line: &'static str,
}

impl Example {
    fn read(line: &'static str) -> Self {
        let mut parts = line.splitn(4, ' ');
        let mut part = || parts.next().unwrap_or_else(|| panic!("stage, code, cause, reply: {line}"));
        let (stage, code, cause, reply) = (part(), part(), part(), part());
        let (credential, stage) = match stage.split_once(':') {
            Some(("anonymous", stage)) => (Credential::None, stage),
            Some(("token", stage)) => (Credential::Token, stage),
            _ => (Credential::Password, stage),
        };
        let stages = match stage {
            "all" => vec![
                Stage::Greeting,
                Stage::Ehlo,
                Stage::Tls,
                Stage::Auth,
                Stage::Sender,
                Stage::Recipient,
                Stage::Message,
            ],
            one => vec![serde_json::from_value(one.into()).unwrap_or_else(|_| panic!("no stage: {line}"))],
        };
        let mut parser = ReplyParser::default();
        let mut parsed = None;
        for line in reply.split("\\n") {
            parsed = parser.push(line.as_bytes()).unwrap();
        }
        let reply = parsed.unwrap_or_else(|| panic!("the reply has no end: {line}")).into_reply();
        let identity = Identity { sender: "noreply@acme.test".into(), credential };
        Self { stages, identity, code, cause, reply, line }
    }

    fn all() -> impl Iterator<Item = Self> {
        EXAMPLES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(Self::read)
    }
}

#[test]
fn each_example_has_its_code_and_cause() {
    let mut wrong = Vec::new();
    for example in Example::all() {
        for &stage in &example.stages {
            let failure = example.identity.refusal(stage, example.reply.clone());
            let cause = failure.reason.as_ref().map_or("-", |reason| reason.cause.key());
            if (failure.code.code(), cause) != (example.code, example.cause) {
                wrong.push(format!("{stage:?}: {} {cause}, of: {}", failure.code.code(), example.line));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_phrase_of_the_table_decides_an_example() {
    let text = include_str!("refusals.txt");
    let lines = || text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let heads = lines().filter(|line| line.starts_with('[')).count();
    assert_eq!(GROUPS.len(), heads, "a section whose head is not understood");

    let mut decided = BTreeSet::new();
    for example in Example::all() {
        for &stage in &example.stages {
            let text = wording::own(stage, &example.reply.text, &example.identity.sender);
            if let Some((group, phrase)) = find(stage, &text) {
                decided.insert((std::ptr::from_ref(group) as usize, phrase));
            }
        }
    }
    let mut undecided = Vec::new();
    for group in GROUPS.iter() {
        for (index, phrase) in group.phrases.iter().enumerate() {
            if !decided.contains(&(std::ptr::from_ref(group) as usize, index)) {
                undecided.push(format!("{:?}: {}", group.means, phrase.join(" … ")));
            }
        }
    }
    assert!(undecided.is_empty(), "phrases without an example, or behind another:\n{}", undecided.join("\n"));
}

#[test]
fn the_text_of_a_refusing_greeting_is_not_shown() {
    let reply = Reply { code: 554, enhanced: Some(EnhancedCode(5, 7, 1)), text: "secret banner".into() };
    let failure = Identity::default().refusal(Stage::Greeting, reply);
    assert_eq!(failure.reply.map(|r| (r.code, r.text)), Some((554, String::new())));
}
