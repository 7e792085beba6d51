//! The connectivity test: the same session and commands as sending, one stage after the other, with the time of
//! each and a transcript without secrets.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use ownpost_i18n::{Locale, catalogue};
use serde_json::{Map, Value, json};
use smtp_rules::address::is_forbidden;
use tokio::sync::watch;
use tokio::time::Instant;

use super::capabilities::Offer;
use super::catalogue::field;
use super::envelope::Envelope;
use super::session::{Limits, Secure, TlsSetup, Watch, open, redactor};
use super::transcript::{Transcript, milliseconds};
use super::{Mail, Network, Plan, deliverability, fix};
use crate::domain::delivery::SmtpWords;
use crate::domain::failure::{Failure, FailureCode, Reply, Stage};
use crate::domain::settings::{Auth, Security, Settings};
use crate::mail::test_message;
use crate::wire::test_report::Deliverability;
use crate::wire::test_report::TlsFacts;
use crate::wire::test_report::{
    Capabilities, StageResult, StageStatus, TestFailure, TestMessage, TestReport,
};

/// How long the server is listened to between the body and the final dot.
const LISTEN_BEFORE_DOT: Duration = Duration::from_millis(50);
/// How long DNS is asked about deliverability.
const LOOK_AT_DNS: Duration = Duration::from_secs(3);
/// The most octets of a server's text in the failure; the transcript has more.
const MAX_TEXT: usize = 8 * 1024;

/// Tests settings. `on_stage` hears of each stage when it is over, in order.
pub async fn probe(
    network: &Network,
    settings: &Settings,
    plan: &Plan<'_>,
    on_stage: &mut (dyn FnMut(&StageResult) + Send),
) -> TestReport {
    let start = Instant::now();
    let limits = Limits { timeouts: network.test_timeouts, overall: start + plan.deadline };
    let transcript = Transcript::new(start);
    let mut run = Run {
        stages: Vec::new(),
        current: None,
        on_stage,
        tls: None,
        capabilities: Capabilities::default(),
        addresses: Vec::new(),
        redactor: redactor(settings),
        at: watch::Sender::new(None),
        refused: false,
    };
    let silence = Box::pin(fix::behind_silence(network, settings, limits, run.at.subscribe()));
    let (result, mismatch) = tokio::select! {
        biased;
        result = run.test(network, settings, plan, limits, transcript.clone()) => (result, None),
        found = silence, if plan.look_for_fix => {
            let silent =
                Failure { stage: Stage::Greeting, code: FailureCode::GreetingTimeout, reply: None };
            (Err(silent), Some(found))
        }
    };
    let (test_message, failure) = match result {
        Ok(message) => (message, None),
        Err(failure) => {
            run.fail();
            (None, Some(failure))
        }
    };
    run.skip_the_rest(settings.security);
    let failure = match failure {
        Some(mut failure) => {
            let found = match mismatch {
                None if plan.look_for_fix => fix::look(network, settings, &failure, limits).await,
                found => found,
            };
            if found.is_none()
                && run.refused
                && failure.code == FailureCode::TlsFailed
                && plan.look_for_fix
                && fix::is_old(network, settings, limits).await
            {
                failure.code = FailureCode::TlsLegacy;
            }
            Some(explain(network, settings, plan, run.tls.as_ref(), failure, found))
        }
        None => None,
    };
    let deliverability = run.deliverability(network, settings, plan, limits).await;
    TestReport {
        ok: failure.is_none(),
        stages: run.stages,
        failure,
        tls: run.tls,
        capabilities: run.capabilities,
        transcript: transcript.take(),
        test_message,
        deliverability,
    }
}

/// The stages in the order in which this kind of session performs them.
pub fn order(security: Security) -> [Stage; 9] {
    use Stage::{Auth, Connect, Ehlo, Greeting, Message, Recipient, Resolve, Sender, Tls};
    match security {
        Security::StartTls => [Resolve, Connect, Greeting, Ehlo, Tls, Auth, Sender, Recipient, Message],
        Security::Tls => [Resolve, Connect, Tls, Greeting, Ehlo, Auth, Sender, Recipient, Message],
    }
}

struct Run<'a> {
    stages: Vec<StageResult>,
    current: Option<(Stage, Instant)>,
    on_stage: &'a mut (dyn FnMut(&StageResult) + Send),
    tls: Option<TlsFacts>,
    capabilities: Capabilities,
    addresses: Vec<IpAddr>,
    redactor: super::redact::Redactor,
    /// The stage that is under way, for who waits beside.
    at: watch::Sender<Option<Stage>>,
    /// Whether the server refused the handshake without a reason.
    refused: bool,
}

impl Watch for Run<'_> {
    fn resolved(&mut self, addresses: &[IpAddr]) {
        self.addresses = addresses.to_vec();
    }

    fn begin(&mut self, stage: Stage) {
        self.current = Some((stage, Instant::now()));
        self.at.send_replace(Some(stage));
    }

    fn pass(&mut self, detail: Value) {
        self.at.send_replace(None);
        if let Some((stage, began)) = self.current.take() {
            let mut detail = match detail {
                Value::Object(detail) => detail,
                _ => Map::new(),
            };
            if let (Stage::Tls, Some(tls)) = (stage, &self.tls) {
                detail.insert("version".into(), json!(tls.version));
                detail.insert("cipher".into(), json!(tls.cipher));
            }
            self.push(StageResult {
                stage,
                status: StageStatus::Passed,
                ms: milliseconds(began.elapsed()),
                detail,
            });
        }
    }

    fn offer(&mut self, after_tls: bool, offer: &Offer) {
        let list =
            if after_tls { &mut self.capabilities.after_tls } else { &mut self.capabilities.before_tls };
        *list = Some(offer.lines.clone());
    }

    fn tls(&mut self, mut facts: TlsFacts) {
        // A certificate's names are the server's words too.
        if let Some(certificate) = &mut facts.certificate {
            for text in [&mut certificate.subject, &mut certificate.issuer] {
                *text = self.redactor.clean(text);
            }
            for name in &mut certificate.names {
                *name = self.redactor.clean(name);
            }
        }
        self.tls = Some(facts);
    }

    fn refused(&mut self) {
        self.refused = true;
    }
}

impl Run<'_> {
    fn push(&mut self, result: StageResult) {
        (self.on_stage)(&result);
        self.stages.push(result);
    }

    /// The stage that is under way has failed.
    fn fail(&mut self) {
        if let Some((stage, began)) = self.current.take() {
            let ms = milliseconds(began.elapsed());
            self.push(StageResult { stage, status: StageStatus::Failed, ms, detail: Map::new() });
        }
    }

    fn skip(&mut self, stage: Stage, why: &str) {
        let mut detail = Map::new();
        if !why.is_empty() {
            detail.insert("why".into(), json!(why));
        }
        self.push(StageResult { stage, status: StageStatus::Skipped, ms: 0.0, detail });
    }

    fn skip_the_rest(&mut self, security: Security) {
        for stage in order(security) {
            if !self.stages.iter().any(|result| result.stage == stage) {
                self.skip(stage, "");
            }
        }
    }

    /// What DNS says of it. Of a relay that is not on the public Internet it says nothing that counts.
    async fn deliverability(
        &mut self,
        network: &Network,
        settings: &Settings,
        plan: &Plan<'_>,
        limits: Limits,
    ) -> Option<Deliverability> {
        if self.addresses.is_empty() || self.addresses.iter().any(|&address| is_forbidden(address)) {
            return None;
        }
        let until = limits.until(LOOK_AT_DNS);
        let (sender, host) = (&settings.sender_address, &settings.host);
        deliverability::look(network, sender, host, &self.addresses, plan.locale, until).await
    }

    async fn test(
        &mut self,
        network: &Network,
        settings: &Settings,
        plan: &Plan<'_>,
        limits: Limits,
        transcript: Transcript,
    ) -> Result<Option<TestMessage>, Failure> {
        let trust = network.trust_for(settings);
        let setup = TlsSetup::Examine(&trust);
        let mut session = open(network, settings, &setup, limits, Some(transcript), self).await?;
        if settings.auth == Auth::None {
            self.skip(Stage::Auth, "authMethod none");
        } else {
            self.begin(Stage::Auth);
            let mechanism = session.authenticate(network, settings).await?;
            self.pass(json!({ "mechanism": mechanism }));
        }
        let message = self.transaction(&mut session, settings, plan).await?;
        session.quit().await;
        Ok(message)
    }

    async fn transaction(
        &mut self,
        session: &mut Secure,
        settings: &Settings,
        plan: &Plan<'_>,
    ) -> Result<Option<TestMessage>, Failure> {
        self.begin(Stage::Sender);
        // Without a recipient the envelope needs one all the same; it is not written.
        let recipient = plan.recipient.unwrap_or(&settings.sender_address);
        let unique = random();
        let test_mail = test_message::build(settings, recipient, plan.locale, SystemTime::now(), unique)
            .ok_or(Failure { stage: Stage::Sender, code: FailureCode::SenderRejected, reply: None })?;
        let mail = Mail {
            from: settings.sender_address.clone(),
            to: recipient.to_owned(),
            message: test_mail.message.into(),
        };
        let envelope = match Envelope::new(&mail, &session.offer) {
            Ok(envelope) => envelope,
            Err(failure) => {
                self.begin(failure.stage);
                return Err(failure);
            }
        };
        let reply = session.mail(&envelope).await?;
        self.pass(json!({ "address": mail.from, "reply": words(&reply) }));
        if plan.recipient.is_none() {
            return Ok(None);
        }
        self.begin(Stage::Recipient);
        let reply = session.rcpt(&envelope).await?;
        self.pass(json!({ "address": mail.to, "reply": words(&reply) }));
        self.begin(Stage::Message);
        session.data().await?;
        let reply = session.body(&mail, Instant::now() + LISTEN_BEFORE_DOT).await?;
        self.pass(json!({ "octets": mail.message.len(), "reply": words(&reply) }));
        Ok(Some(TestMessage {
            message_id: test_mail.message_id,
            recipient: recipient.to_owned(),
            reply: words(&reply),
        }))
    }
}

/// The failure in the admin's words, with the fix that was proven.
fn explain(
    network: &Network,
    settings: &Settings,
    plan: &Plan<'_>,
    tls: Option<&TlsFacts>,
    mut failure: Failure,
    found: Option<fix::Found>,
) -> TestFailure {
    let fix = found.map(|found| {
        if found.port == settings.port {
            failure.code = FailureCode::TlsModeMismatch;
        }
        found.patch()
    });
    let port = settings.port.to_string();
    let ehlo = network.ehlo_name(settings);
    let names = tls.and_then(|tls| tls.certificate.as_ref());
    let names = names.map(|certificate| certificate.names.join(", ")).filter(|names| !names.is_empty());
    let username = match &settings.auth {
        Auth::None => "",
        Auth::Password { username, .. } => username,
        Auth::OAuth2(oauth) => &oauth.username,
    };
    let values = [
        ("host", settings.host.as_str()),
        ("port", port.as_str()),
        ("sender", settings.sender_address.as_str()),
        ("recipient", plan.recipient.unwrap_or("–")),
        ("username", username),
        ("ehlo", ehlo.as_str()),
        ("names", names.as_deref().unwrap_or("–")),
    ];
    let (message, remedy) = catalogue(Locale::of(plan.locale)).failure(failure.code.code(), &values);
    TestFailure {
        stage: failure.stage,
        code: failure.code,
        field: field(failure.code).to_owned(),
        smtp: failure.reply.map(|reply| SmtpWords {
            code: reply.code,
            enhanced: reply.enhanced,
            text: reply.text.chars().take(MAX_TEXT).collect(),
        }),
        message,
        remedy,
        fix,
    }
}

/// The reply as a line.
fn words(reply: &Reply) -> String {
    let mut line = reply.code.to_string();
    if let Some(enhanced) = reply.enhanced {
        line.push(' ');
        line.push_str(&enhanced.to_string());
    }
    for (index, text) in reply.text.lines().take(20).enumerate() {
        line.push_str(if index == 0 { " " } else { " / " });
        line.push_str(text);
    }
    line
}

/// A number for the Message-ID. Should the system have no randomness, the clock does: it need not be secret.
fn random() -> u128 {
    let mut octets = [0; 16];
    if getrandom::fill(&mut octets).is_err() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        return now.as_nanos();
    }
    u128::from_be_bytes(octets)
}
