//! The connectivity test: the session and commands of sending, one stage after the other, with the time of each stage and
//! a transcript without secrets.

use std::future::ready;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use ownpost_domain::failure::{Cause, Failure, FailureCode, Reason, Reply, Stage};
use ownpost_domain::report::{
    Capabilities, DnsFindings, StageDetail, StageResult, StageStatus, TestMessage, TlsFacts, TranscriptLine,
};
use ownpost_domain::settings::{Auth, Security, Settings};
use smtp_rules::address::is_forbidden;
use tokio::sync::watch;
use tokio::time::Instant;

use super::capabilities::Offer;
use super::envelope::Envelope;
use super::fix::{self, Fix, Found};
use super::limits::Limits;
use super::session::{Channel, Observer, Secure, TlsSetup, open, redactor};
use super::transcript::{Transcript, milliseconds};
use super::{BeforeDial, Mail, Network, ProbeOptions, deliverability};

/// The time to listen to the server between the body and the final dot.
const LISTEN_BEFORE_DOT: Duration = Duration::from_millis(50);
/// The time for the DNS queries about deliverability.
const LOOK_AT_DNS: Duration = Duration::from_secs(3);
/// What a connectivity test found, as facts: no sentence, no language.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The stages in the order performed; those that could not be reached are `skipped`.
    pub stages: Vec<StageResult>,
    /// Why the test failed; `None` when every stage that was asked for passed.
    pub failure: Option<Failure>,
    /// A combination of port and security that a second connection has proven to work where this one failed.
    pub fix: Option<Fix>,
    /// TLS and the certificate, also when that was what failed.
    pub tls: Option<TlsFacts>,
    /// What the server offers.
    pub capabilities: Capabilities,
    /// Client's and server's lines, without secrets.
    pub transcript: Vec<TranscriptLine>,
    /// The test mail, once the server has accepted it.
    pub test_message: Option<TestMessage>,
    /// What DNS says of mail sent this way; `None` for a relay that is not on the public Internet.
    pub dns: Option<DnsFindings>,
    /// The name given to the server in EHLO.
    pub ehlo_name: String,
}

impl Probe {
    /// Whether every stage that was asked for passed.
    pub fn passed(&self) -> bool {
        self.failure.is_none()
    }
}

/// Tests settings, and calls `on_stage` at the end of each stage, in order.
pub async fn probe(
    network: &Network,
    settings: &Settings,
    options: &ProbeOptions<'_>,
    on_stage: &mut (dyn FnMut(&StageResult) + Send),
) -> Probe {
    let start = Instant::now();
    let limits = Limits { timeouts: network.test_timeouts, overall: start + options.deadline };
    let transcript = Transcript::new(start);
    let mut run = Run {
        stages: Vec::new(),
        current: None,
        on_stage,
        tls: None,
        capabilities: Capabilities::default(),
        addresses: Vec::new(),
        before_dial: options.before_dial,
        redactor: redactor(settings),
        at: watch::Sender::new(None),
        refused: false,
        ehlo_name: network.ehlo_name(settings, None),
    };
    let works_elsewhere = OnceLock::new();
    let silence =
        Box::pin(fix::behind_silence(network, settings, limits, run.at.subscribe(), &works_elsewhere));
    let (result, proven) = tokio::select! {
        biased;
        result = run.test(network, settings, options, limits, transcript.clone()) => (result, None),
        (stage, found) = silence, if options.look_for_fix => {
            let code = if stage == Stage::Tls { FailureCode::ProtocolTimeout } else { FailureCode::GreetingTimeout };
            (Err(Failure::new(stage, code)), Some(found))
        }
    };
    let result = result.map_err(|failure| of_our_clock(failure, start.elapsed(), options.deadline, limits));
    let was_silent = |failure: &Failure| {
        failure.code == FailureCode::GreetingTimeout
            || (failure.code, failure.stage) == (FailureCode::ProtocolTimeout, Stage::Tls)
    };
    let elsewhere = works_elsewhere.get().filter(|_| result.as_ref().is_err_and(was_silent));
    let proven = proven.or(elsewhere.copied().map(Found::Works));
    if result.is_err() {
        run.fail();
    }
    run.skip_the_rest(settings.security);
    let (test_message, failure) = match result {
        Ok(message) => (message, None),
        Err(failure) => (None, Some(run.diagnose(network, settings, options, limits, failure, proven).await)),
    };
    let dns = look_at_dns(network, settings, &run.addresses, limits).await;
    let (failure, fix) = failure.unzip();
    let fix = fix.flatten();
    Probe {
        stages: run.stages,
        failure,
        fix,
        tls: run.tls,
        capabilities: run.capabilities,
        transcript: transcript.take(),
        test_message,
        dns,
        ehlo_name: run.ehlo_name,
    }
}

/// The failure with our own limit of time as its cause, where that has ended the wait: a server that is slow is not one
/// that has stopped or closed.
fn of_our_clock(failure: Failure, elapsed: Duration, deadline: Duration, limits: Limits) -> Failure {
    let is_over = elapsed >= deadline;
    let step = match failure.stage {
        Stage::Tls => limits.timeouts.tls,
        Stage::Auth => limits.timeouts.auth,
        Stage::Message => limits.timeouts.done,
        _ => limits.timeouts.command,
    };
    let (cause, waited) = match failure.code {
        FailureCode::ProtocolTimeout if is_over => (Cause::TimeoutTest, deadline),
        FailureCode::ProtocolTimeout => (Cause::TimeoutStep, step),
        FailureCode::MessageUnknown if is_over => (Cause::TimeoutMessage, deadline),
        _ => return failure,
    };
    if failure.reason.is_some() || failure.reply.is_some() {
        return failure;
    }
    Failure { reason: Some(Reason { cause, detail: waited.as_secs().to_string() }), ..failure }
}

/// The stages in the order in which this kind of session performs them.
pub fn order(security: Security) -> [Stage; 9] {
    use Stage::{Auth, Connect, Ehlo, Greeting, Message, Recipient, Resolve, Sender, Tls};
    match security {
        Security::StartTls => [Resolve, Connect, Greeting, Ehlo, Tls, Auth, Sender, Recipient, Message],
        Security::Tls => [Resolve, Connect, Tls, Greeting, Ehlo, Auth, Sender, Recipient, Message],
    }
}

/// A test that is under way, and its report so far.
struct Run<'a> {
    stages: Vec<StageResult>,
    current: Option<(Stage, Instant)>,
    on_stage: &'a mut (dyn FnMut(&StageResult) + Send),
    tls: Option<TlsFacts>,
    capabilities: Capabilities,
    addresses: Vec<IpAddr>,
    before_dial: Option<&'a dyn BeforeDial>,
    redactor: super::redact::Redactor,
    /// The stage that is under way, for [`fix::behind_silence`].
    at: watch::Sender<Option<Stage>>,
    /// Whether the server refused the handshake without a reason.
    refused: bool,
    /// The name given in EHLO.
    ehlo_name: String,
}

impl Observer for Run<'_> {
    fn resolved<'a>(&'a mut self, addresses: &'a [IpAddr]) -> BoxFuture<'a, ()> {
        self.addresses = addresses.to_vec();
        match self.before_dial {
            Some(gate) => gate.before_dial(addresses),
            None => Box::pin(ready(())),
        }
    }

    fn begin(&mut self, stage: Stage) {
        self.current = Some((stage, Instant::now()));
        self.at.send_replace(Some(stage));
    }

    fn pass(&mut self, mut detail: StageDetail) {
        self.at.send_replace(None);
        if let Some((stage, began)) = self.current.take() {
            // After a busy address the same stages come again on another one.
            if self.stages.iter().any(|result| result.stage == stage) {
                return;
            }
            if let (Stage::Tls, Some(tls)) = (stage, &self.tls) {
                detail.version.clone_from(&tls.version);
                detail.cipher.clone_from(&tls.cipher);
            }
            self.push(StageResult {
                stage,
                status: StageStatus::Passed,
                ms: milliseconds(began.elapsed()),
                detail,
            });
        }
    }

    fn offer(&mut self, channel: Channel, offer: &Offer) {
        let list = match channel {
            Channel::Plaintext => &mut self.capabilities.before_tls,
            Channel::Encrypted => &mut self.capabilities.after_tls,
        };
        *list = Some(offer.lines.clone());
    }

    fn tls(&mut self, mut facts: TlsFacts) {
        // The server chooses the texts in its certificate, so they could echo a secret too.
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

    fn heard(&mut self) {
        // From now on the server is not silent.
        self.at.send_replace(None);
    }

    fn named(&mut self, name: &str) {
        name.clone_into(&mut self.ehlo_name);
    }
}

impl Run<'_> {
    fn push(&mut self, result: StageResult) {
        (self.on_stage)(&result);
        self.stages.push(result);
    }

    /// Ends the stage that is under way as failed.
    fn fail(&mut self) {
        if let Some((stage, began)) = self.current.take() {
            let ms = milliseconds(began.elapsed());
            self.push(StageResult { stage, status: StageStatus::Failed, ms, detail: StageDetail::default() });
        }
    }

    fn skip(&mut self, stage: Stage, why: Option<&str>) {
        let detail = StageDetail { why: why.map(str::to_owned), ..StageDetail::default() };
        self.push(StageResult { stage, status: StageStatus::Skipped, ms: 0.0, detail });
    }

    fn skip_the_rest(&mut self, security: Security) {
        for stage in order(security) {
            if !self.stages.iter().any(|result| result.stage == stage) {
                self.skip(stage, None);
            }
        }
    }

    /// The failure for the report: with an alternative that works, if one is looked for and found, and with
    /// `tls.legacy` for a server that accepts only a legacy handshake.
    async fn diagnose(
        &mut self,
        network: &Network,
        settings: &Settings,
        options: &ProbeOptions<'_>,
        limits: Limits,
        mut failure: Failure,
        proven: Option<Found>,
    ) -> (Failure, Option<Fix>) {
        let found = match proven {
            None if options.look_for_fix => fix::look(network, settings, &failure, limits).await,
            found => found,
        };
        // A server that has taken part and is cut off, or cuts off, has not refused a key or signature of ours.
        let lost = failure.reason.as_ref().is_some_and(|reason| reason.cause == Cause::TlsLost);
        if found.is_none()
            && self.refused
            && failure.code == FailureCode::TlsFailed
            && options.look_for_fix
            && let Some(code) = fix::refused_tls(network, settings, limits).await
            && !(lost && code == FailureCode::TlsUnsupported)
        {
            (failure.code, failure.reason) = (code, None);
        }
        match found {
            Some(Found::Works(fix)) if fix.port == settings.port => {
                (failure.code, failure.reason) = (FailureCode::TlsModeMismatch, None);
            }
            Some(Found::Tls) => {
                (failure.code, failure.reason) =
                    (FailureCode::TlsModeMismatch, Some(Cause::TlsFromFirstByte.into()));
            }
            _ => {}
        }
        let fix = match found {
            Some(Found::Works(fix)) => Some(fix),
            _ => None,
        };
        (failure, fix)
    }

    async fn test(
        &mut self,
        network: &Network,
        settings: &Settings,
        options: &ProbeOptions<'_>,
        limits: Limits,
        transcript: Transcript,
    ) -> Result<Option<TestMessage>, Failure> {
        let trust = network.trust_for(settings);
        let setup = TlsSetup::Examine(&trust);
        let mut session = open(network, settings, &setup, limits, Some(transcript), self).await?;
        if settings.auth == Auth::None {
            self.skip(Stage::Auth, Some("authMethod none"));
        } else {
            self.begin(Stage::Auth);
            let signed_in = session.authenticate(network, settings, options.owner).await;
            let mechanism = match signed_in {
                Ok(mechanism) => mechanism,
                Err(failure) => return Err(session.quit_after(failure).await),
            };
            self.pass(StageDetail { mechanism: mechanism.map(str::to_owned), ..StageDetail::default() });
        }
        let result = self.transaction(&mut session, settings, options).await;
        match result {
            Ok(message) => {
                session.quit().await;
                Ok(message)
            }
            Err(failure) => Err(session.quit_after(failure).await),
        }
    }

    async fn transaction(
        &mut self,
        session: &mut Secure,
        settings: &Settings,
        options: &ProbeOptions<'_>,
    ) -> Result<Option<TestMessage>, Failure> {
        self.begin(Stage::Sender);
        // An envelope needs a recipient even if the test ends after MAIL FROM. RCPT TO is not sent then.
        let recipient = options.recipient.unwrap_or(&settings.sender_address);
        let unusable = Failure::new(Stage::Sender, FailureCode::SenderRejected);
        let test_mail = options.test_mail.as_ref().ok_or(unusable)?;
        let mail = Mail {
            from: settings.sender_address.clone(),
            to: recipient.to_owned(),
            message: Arc::clone(&test_mail.message),
        };
        let (envelope, no_recipient) = match Envelope::new(&mail, &session.offer) {
            Ok(envelope) => (envelope, None),
            // The sender may be fine all the same: MAIL is sent, and RCPT is refused by ourselves in its place.
            Err(failure) if failure.stage == Stage::Recipient => {
                let to_self = Mail { to: mail.from.clone(), ..mail.clone() };
                (Envelope::new(&to_self, &session.offer)?, Some(failure))
            }
            Err(failure) => return Err(failure),
        };
        let reply = session.mail(&envelope).await?;
        self.pass(answered(&mail.from, &reply));
        if options.recipient.is_none() {
            return Ok(None);
        }
        self.begin(Stage::Recipient);
        if let Some(failure) = no_recipient {
            return Err(failure);
        }
        let reply = session.rcpt(&envelope).await?;
        self.pass(answered(&mail.to, &reply));
        if options.without_message {
            return Ok(None);
        }
        self.begin(Stage::Message);
        session.data().await?;
        let reply = session.body(&mail, Instant::now() + LISTEN_BEFORE_DOT).await?;
        self.pass(StageDetail {
            octets: Some(mail.message.len()),
            reply: Some(one_line(&reply)),
            ..StageDetail::default()
        });
        Ok(Some(TestMessage {
            message_id: test_mail.message_id.clone(),
            recipient: recipient.to_owned(),
            reply: one_line(&reply),
        }))
    }
}

/// Looks up SPF, DKIM and DMARC. For a relay in a private network they mean nothing, so there it gives `None`.
async fn look_at_dns(
    network: &Network,
    settings: &Settings,
    addresses: &[IpAddr],
    limits: Limits,
) -> Option<DnsFindings> {
    if addresses.is_empty() || addresses.iter().any(|&address| is_forbidden(address)) {
        return None;
    }
    let until = limits.until(LOOK_AT_DNS);
    deliverability::look(network, &settings.sender_address, &settings.host, addresses, until).await
}

/// The detail of a stage that gave the server a mail address.
fn answered(address: &str, reply: &Reply) -> StageDetail {
    StageDetail { address: Some(address.to_owned()), reply: Some(one_line(reply)), ..StageDetail::default() }
}

/// The reply in one line.
fn one_line(reply: &Reply) -> String {
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
