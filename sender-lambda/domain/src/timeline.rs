//! A ledger row as a timeline: the answer to "was it never triggered, or is the mail server at fault?".

use jiff::Timestamp;

use super::delivery::{Attempt, Delivery, Status};
use super::failure::{FailureCode, Stage};

/// The entries in order: a time and a sentence each.
pub fn timeline(row: &Delivery) -> Vec<(Timestamp, String)> {
    let (event, category) = (&row.event, row.category.name());
    // An erased row has no recipient.
    let recipient = if row.recipient.is_empty() { String::new() } else { format!(" for {}", row.recipient) };
    let triggered = format!("Triggered by event {event} ({}, {category}){recipient}.", row.kind);
    let mut entries = vec![(row.queued_at, triggered)];
    entries.extend(row.attempts.iter().map(|attempt| (attempt.at, describe(attempt))));
    let now = match row.status {
        Status::Queued => "Waiting",
        Status::Sending => "On its way",
        Status::Sent => "Sent",
        Status::Deferred => "Waiting for another attempt",
        Status::Held => "Held",
        Status::Failed => "Failed",
        Status::Unknown => "Unknown",
    };
    let mut last = format!("{now}. {}", row.reason);
    if let Some(at) = row.next_attempt_at {
        last.extend([" The next attempt is at ", &at.to_string(), "."]);
    }
    entries.push((row.updated_at, last));
    entries
}

/// One attempt. The stable code stays in brackets, so that it can be searched for.
fn describe(attempt: &Attempt) -> String {
    let said = attempt.smtp.as_ref().map_or_else(String::new, |reply| {
        let enhanced = reply.enhanced.map(|code| format!(" {code}")).unwrap_or_default();
        format!(" The server said: {}{enhanced} {}", reply.code, reply.text)
    });
    let ms = attempt.ms;
    if attempt.outcome == "accepted" {
        return format!("The server took it after {ms} ms.{said}");
    }
    let code = FailureCode::ALL.iter().copied().find(|code| code.code() == attempt.outcome);
    let what = match code {
        Some(code) => format!("{} ({})", code.clause(), code.code()),
        None => attempt.outcome.clone(),
    };
    format!("Tried for {ms} ms, as far as {}: {what}.{said}", step(attempt.stage))
}

/// A stage by the name that administrators of mail servers use.
fn step(stage: Stage) -> &'static str {
    match stage {
        Stage::Resolve => "DNS",
        Stage::Connect => "the connection",
        Stage::Greeting => "the greeting",
        Stage::Ehlo => "EHLO",
        Stage::Tls => "TLS",
        Stage::Auth => "AUTH",
        Stage::Sender => "MAIL FROM",
        Stage::Recipient => "RCPT TO",
        Stage::Message => "the message",
    }
}

#[cfg(test)]
mod tests {
    use super::super::delivery::sample;
    use super::super::failure::{EnhancedCode, Reply};
    use super::*;

    #[test]
    fn reads_from_the_trigger_to_now() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let smtp = Reply { code: 450, enhanced: Some(EnhancedCode(4, 2, 1)), text: "mailbox busy".into() };
        let row = Delivery {
            status: Status::Deferred,
            reason: "Your own server did not take this mail.".into(),
            updated_at: at(2),
            next_attempt_at: Some(at(12)),
            ticket: None,
            attempts: vec![Attempt {
                at: at(1),
                ms: 40,
                stage: Stage::Recipient,
                outcome: "smtp.temporary".into(),
                smtp: Some(smtp),
            }],
            ..sample(at(0))
        };
        let texts: Vec<String> = timeline(&row).into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            texts,
            [
                "Triggered by event evt_1 (rights-request.message, rights-request) for jan@example.org.",
                "Tried for 40 ms, as far as RCPT TO: it cannot take the mail just now (smtp.temporary). The server said: \
                 450 4.2.1 mailbox busy",
                "Waiting for another attempt. Your own server did not take this mail. The next attempt is at \
                 1970-01-01T00:00:12Z.",
            ]
        );
    }
}
