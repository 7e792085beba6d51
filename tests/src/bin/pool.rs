//! Sends mails through the sender's own code, for the suite against real mail servers. Reads `{"settings":
//! SmtpSettings, "mails": [{"from": address or null, "to": address, "message": base64}, …]}`, sends the mails in one
//! batch, and writes their outcomes in the same order as a JSON array: `{"accepted": reply}` or `{"code": failure
//! code, "stage": stage}`.

use std::io::{self, Read as _};
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ownpost_core::config::Config;
use ownpost_core::wire::settings::check;
use ownpost_smtp::{BeforeCommit, Mail, Pool, RelayKey};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Request {
    settings: Value,
    mails: Vec<MailInput>,
}

#[derive(Deserialize)]
struct MailInput {
    from: Option<String>,
    to: String,
    message: String,
}

/// A gate that lets every mail pass.
struct Open;

#[async_trait]
impl BeforeCommit for Open {
    async fn commit(&self, _: usize) -> bool {
        true
    }
}

#[tokio::main]
async fn main() {
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input).expect("input");
    let request: Request = serde_json::from_slice(&input).expect("a request");
    let config = Config::read(|name| std::env::var(name).ok()).expect("a configuration");
    let document = request.settings.to_string();
    let checked = check(document.as_bytes(), &config, "en", jiff::Timestamp::now().as_second());
    let report = checked.report;
    let draft = checked.draft.unwrap_or_else(|| panic!("settings without errors: {report:?}"));
    let settings = draft.resolve(None, "en").expect("settings with their secrets");
    let mails: Vec<Mail> = request
        .mails
        .into_iter()
        .map(|mail| Mail {
            from: mail.from.unwrap_or_else(|| settings.sender_address.clone()),
            to: mail.to,
            message: STANDARD.decode(mail.message).expect("base64").into(),
        })
        .collect();
    let pool = Pool::new(Arc::new(config.network().expect("a network")));
    let key = RelayKey { tenant: Some("acme".into()), revision: "1".into() };
    let outcomes: Vec<Value> = pool
        .send(&key, &settings, &mails, &Open)
        .await
        .into_iter()
        .map(|outcome| match outcome {
            Some(Ok(reply)) => json!({ "accepted": format!("{} {}", reply.code, reply.text) }),
            Some(Err(failure)) => json!({
                "code": failure.code.code(),
                "stage": failure.stage,
                "text": failure.reply.map(|reply| format!("{} {}", reply.code, reply.text)),
            }),
            None => Value::Null,
        })
        .collect();
    serde_json::to_writer(io::stdout().lock(), &outcomes).expect("output");
}
