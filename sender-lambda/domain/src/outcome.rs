//! What happens to a mail and to a relay's health after an attempt. [`super::failure`] has a row for each failure code;
//! this module joins it with the facts of the attempt.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::failure::{Cause, Failure, FailureCode, Reply, Stage, Verdict};

/// The verdict on a mail. The row of the failure code decides, but for two facts, as long as it is known that the server has not
/// taken the mail: a 4xx reply is worth another try whatever the code, and so is a token endpoint that does not answer as one.
pub fn verdict(result: &Result<Reply, Failure>) -> Verdict {
    match result {
        Ok(_) => Verdict::Sent,
        Err(failure) => match failure.code.verdict() {
            Verdict::Unknown => Verdict::Unknown,
            _ if failure.reply.as_ref().is_some_and(Reply::is_transient) => Verdict::Retry,
            _ if failure.reason.as_ref().is_some_and(|reason| is_a_page(reason.cause)) => Verdict::Retry,
            verdict => verdict,
        },
    }
}

/// Whether a web page has answered in place of a token endpoint: its address is wrong, or it is being worked on. The settings
/// have passed a test, so the second is likely.
fn is_a_page(cause: Cause) -> bool {
    matches!(cause, Cause::OauthNotJson | Cause::OauthNotFound | Cause::OauthRedirect)
}

/// What one attempt reveals about the server, whatever the verdict on the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The server admitted the session and judged a mail.
    Works,
    /// The server failed in a way that may pass by itself.
    Stumbles,
    /// The server says that too many connections are open, ours or those of others who share it with us.
    Crowded,
    /// The server takes no mail with these settings.
    Broken,
    /// It says nothing about the server.
    Nothing,
}

impl Observation {
    /// Whether the server may have to be looked at.
    pub const fn is_trouble(self) -> bool {
        matches!(self, Self::Stumbles | Self::Crowded | Self::Broken)
    }
}

/// The observation of the server. Derived from the verdict, the stage and the reply.
pub fn observation(result: &Result<Reply, Failure>) -> Observation {
    let late = |failure: &Failure| matches!(failure.stage, Stage::Sender | Stage::Recipient | Stage::Message);
    match (verdict(result), result) {
        // We refuse these mails ourselves: the server was not asked.
        (_, Err(failure)) if failure.code.is_ours() => Observation::Nothing,
        (Verdict::Sent | Verdict::Failed, _) => Observation::Works,
        (Verdict::RelayFault, _) => Observation::Broken,
        (Verdict::Retry, Err(failure)) if is_crowded(failure) => Observation::Crowded,
        // A server that refuses the command MAIL itself, before a recipient is named, refuses it to each mail.
        (Verdict::Retry, Err(Failure { stage: Stage::Sender, code: FailureCode::ProtocolMalformed, .. })) => {
            Observation::Stumbles
        }
        // A 4xx to a recipient or message is about that mail, or about how fast we are.
        (Verdict::Retry, Err(failure)) if late(failure) && failure.reply.is_some() => Observation::Nothing,
        // A server that keeps silent after each dot must be stopped before every mail is `unknown`.
        (Verdict::Retry | Verdict::Unknown, _) => Observation::Stumbles,
    }
}

/// The last stage that the server has passed with this mail; `None` when it has passed none, or none that was not passed
/// before it failed. A reply to a mail's last octet passes the last stage, whatever it says of that mail.
pub fn passed(result: &Result<Reply, Failure>) -> Option<Stage> {
    let Err(failure) = result else { return Some(Stage::Message) };
    if failure.code.is_ours() || failure.reply.is_none() || is_too_many(failure) {
        return None;
    }
    match (verdict(result), failure.stage) {
        (Verdict::Failed | Verdict::Retry, Stage::Message) => Some(Stage::Message),
        (Verdict::Failed | Verdict::Retry, Stage::Recipient) => Some(Stage::Sender),
        (Verdict::Failed | Verdict::Retry, Stage::Sender) => Some(Stage::Auth),
        _ => None,
    }
}

/// Whether the server has said that it takes no more of us now: 4xx before a mail's recipient is named, at AUTH where it speaks of
/// connections or sessions, or 421, by which it ends the connection. The number of our connections follows it
/// ([`super::seats`]).
pub fn is_too_many(failure: &Failure) -> bool {
    let Some(reply) = failure.reply.as_ref().filter(|_| failure.code != FailureCode::MessageUnknown) else {
        return false;
    };
    let about_us = match failure.stage {
        Stage::Connect | Stage::Greeting | Stage::Ehlo | Stage::Tls | Stage::Sender => true,
        Stage::Auth => counts_connections(&reply.text),
        _ => false,
    };
    reply.code == 421 || (about_us && reply.is_transient())
}

/// Whether a "too many" is about connections: by its words, or as a 421 in place of the greeting, whose words nobody keeps.
fn is_crowded(failure: &Failure) -> bool {
    let greets = failure.stage == Stage::Greeting;
    let says = |reply: &Reply| counts_connections(&reply.text) || (greets && reply.code == 421);
    is_too_many(failure) && failure.reply.as_ref().is_some_and(says)
}

/// Whether a reply is about how many connections are there; to AUTH, not about the password.
fn counts_connections(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    has(&["too many", "concurrent", "simultaneous", "limit", "maximum"]) && has(&["connection", "session"])
}

/// The first wait before another attempt.
pub const FIRST_WAIT: Duration = Duration::from_secs(10);
/// The longest wait before another attempt.
pub const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// How long to wait after the `tries`th attempt (from 1): threefold each time, up to [`LONGEST_WAIT`], and
/// between half and one and a half of that by `jitter` in [0, 1), so that what failed together does not come
/// back together.
pub fn wait(tries: usize, first: Duration, jitter: f64) -> Duration {
    let exponent = i32::try_from(tries.saturating_sub(1)).unwrap_or(i32::MAX).min(20);
    let plain = (first.as_secs_f64() * 3_f64.powi(exponent)).min(LONGEST_WAIT.as_secs_f64());
    Duration::from_secs_f64(plain * (0.5 + jitter.clamp(0.0, 1.0)))
}

/// How long a message is hidden that could not be worked on for a reason that is not the mail's: a lost race for its row,
/// or a store that did not answer. At once for the first receipt (the queue counts whole seconds from one), then threefold
/// each time, up to 15 minutes. `receives` counts from 1.
pub fn hiccup_wait(receives: u32) -> Duration {
    match receives {
        0 | 1 => Duration::ZERO,
        _ => Duration::from_secs(3_u64.saturating_pow((receives - 1).min(7))).min(Duration::from_mins(15)),
    }
}

/// When to try again; `None` when that would be too late, and the mail fails.
pub fn next_attempt(now: Timestamp, wait: Duration, retry_until: Timestamp) -> Option<Timestamp> {
    let at = now.checked_add(SignedDuration::try_from(wait).ok()?).ok()?;
    (at < retry_until).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureCode as Code;

    fn failure(stage: Stage, code: Code, reply: u16) -> Result<Reply, Failure> {
        let reply = (reply != 0).then(|| Reply { code: reply, enhanced: None, text: String::new() });
        Err(Failure { reply, ..Failure::new(stage, code) })
    }

    #[test]
    fn the_table() {
        use Observation::{Broken, Crowded, Nothing, Stumbles, Works};
        use Verdict::{Failed, RelayFault, Retry, Unknown};
        let check = |stage, code, reply, expected: Verdict, seen: Observation| {
            let result = failure(stage, code, reply);
            assert_eq!((verdict(&result), observation(&result)), (expected, seen), "{code:?} {reply}");
        };
        for (stage, code, reply, expected, seen) in [
            (Stage::Resolve, Code::ResolveNotFound, 0, RelayFault, Broken),
            (Stage::Resolve, Code::ResolveForbidden, 0, RelayFault, Broken),
            (Stage::Resolve, Code::ResolveTimeout, 0, Retry, Stumbles),
            (Stage::Resolve, Code::ResolveFailed, 0, Retry, Stumbles),
            (Stage::Connect, Code::ConnectRefused, 0, Retry, Stumbles),
            (Stage::Connect, Code::ConnectTimeout, 0, Retry, Stumbles),
            (Stage::Connect, Code::ConnectUnreachable, 0, Retry, Stumbles),
            (Stage::Greeting, Code::SmtpTemporary, 421, Retry, Crowded),
            (Stage::Greeting, Code::SmtpTemporary, 451, Retry, Stumbles),
            (Stage::Greeting, Code::GreetingRejected, 554, RelayFault, Broken),
            (Stage::Tls, Code::TlsExpired, 0, RelayFault, Broken),
            (Stage::Tls, Code::TlsFailed, 0, RelayFault, Broken),
            (Stage::Tls, Code::ProtocolTimeout, 0, Retry, Stumbles),
            (Stage::Auth, Code::AuthRejected, 535, RelayFault, Broken),
            (Stage::Auth, Code::AuthTemporary, 454, Retry, Stumbles),
            (Stage::Auth, Code::AuthRequired, 530, RelayFault, Broken),
            (Stage::Sender, Code::SenderRejected, 550, RelayFault, Broken),
            (Stage::Sender, Code::SenderRejected, 451, Retry, Nothing),
            (Stage::Recipient, Code::RelayDenied, 554, RelayFault, Broken),
            (Stage::Recipient, Code::RelayBlocked, 554, RelayFault, Broken),
            (Stage::Message, Code::RelaySuspended, 554, RelayFault, Broken),
            (Stage::Message, Code::RelayQuota, 550, Retry, Nothing),
            (Stage::Auth, Code::RelayQuota, 550, Retry, Stumbles),
            (Stage::Recipient, Code::RecipientRejected, 550, Failed, Works),
            (Stage::Recipient, Code::RecipientRejected, 0, Failed, Works),
            (Stage::Recipient, Code::RecipientNeedsSmtputf8, 0, Failed, Nothing),
            (Stage::Sender, Code::SenderNeedsSmtputf8, 0, Retry, Nothing),
            (Stage::Sender, Code::ProtocolMalformed, 503, Retry, Stumbles),
            (Stage::Recipient, Code::ProtocolMalformed, 555, Retry, Nothing),
            (Stage::Recipient, Code::SmtpTemporary, 450, Retry, Nothing),
            (Stage::Recipient, Code::SenderRejected, 550, RelayFault, Broken),
            (Stage::Message, Code::MessageRejected, 554, Failed, Works),
            (Stage::Sender, Code::MessageRejected, 552, Failed, Works),
            (Stage::Message, Code::SmtpTemporary, 452, Retry, Nothing),
            (Stage::Message, Code::ProtocolDisconnected, 0, Retry, Stumbles),
            (Stage::Message, Code::MessageUnknown, 0, Unknown, Stumbles),
            // Even a 4xx does not make an unknown outcome known.
            (Stage::Message, Code::MessageUnknown, 421, Unknown, Stumbles),
        ] {
            check(stage, code, reply, expected, seen);
        }
        let accepted = Ok(Reply { code: 250, enhanced: None, text: String::new() });
        assert_eq!((verdict(&accepted), observation(&accepted)), (Verdict::Sent, Works));
    }

    #[test]
    fn how_far_a_server_has_come() {
        use FailureCode as F;
        for (stage, code, reply, expected) in [
            (Stage::Message, F::MessageRejected, 554, Some(Stage::Message)),
            (Stage::Message, F::SmtpTemporary, 451, Some(Stage::Message)),
            (Stage::Message, F::MessageUnknown, 0, None),
            (Stage::Message, F::RelaySuspended, 554, None),
            (Stage::Recipient, F::RecipientRejected, 550, Some(Stage::Sender)),
            (Stage::Recipient, F::RecipientNeedsSmtputf8, 0, None),
            (Stage::Recipient, F::RelayDenied, 554, None),
            (Stage::Sender, F::MessageRejected, 552, Some(Stage::Auth)),
            (Stage::Sender, F::SmtpTemporary, 421, None),
            (Stage::Auth, F::AuthTemporary, 454, None),
            (Stage::Connect, F::ConnectRefused, 0, None),
        ] {
            assert_eq!(passed(&failure(stage, code, reply)), expected, "{stage:?} {code:?} {reply}");
        }
    }

    #[test]
    fn when_a_server_says_too_many() {
        use FailureCode as F;
        for (stage, code, reply, expected) in [
            (Stage::Greeting, F::SmtpTemporary, 421, true),
            (Stage::Greeting, F::SmtpTemporary, 450, true),
            (Stage::Sender, F::SmtpTemporary, 452, true),
            (Stage::Sender, F::RelayQuota, 421, true),
            (Stage::Auth, F::AuthTemporary, 421, true),
            (Stage::Auth, F::AuthTemporary, 454, false),
            (Stage::Recipient, F::SmtpTemporary, 450, false),
            (Stage::Recipient, F::SmtpTemporary, 421, true),
            (Stage::Message, F::MessageUnknown, 421, false),
            (Stage::Greeting, F::GreetingRejected, 554, false),
            (Stage::Connect, F::ConnectRefused, 0, false),
        ] {
            let Err(failure) = failure(stage, code, reply) else { unreachable!() };
            assert_eq!(is_too_many(&failure), expected, "{stage:?} {code:?} {reply}");
        }
    }

    #[test]
    fn a_token_endpoint_that_is_a_web_page_may_come_back() {
        for (cause, expected) in [
            (Cause::OauthNotJson, (Verdict::Retry, Observation::Stumbles)),
            (Cause::OauthNotFound, (Verdict::Retry, Observation::Stumbles)),
            (Cause::OauthRedirect, (Verdict::Retry, Observation::Stumbles)),
            (Cause::OauthSecretWrong, (Verdict::RelayFault, Observation::Broken)),
            (Cause::OauthGrantEnded, (Verdict::RelayFault, Observation::Broken)),
        ] {
            let failure = Failure::new(Stage::Auth, FailureCode::AuthOauthFailed);
            let result = Err(Failure { reason: Some(cause.into()), ..failure });
            assert_eq!((verdict(&result), observation(&result)), expected, "{cause:?}");
        }
    }

    #[test]
    fn a_server_is_crowded_when_it_speaks_of_connections() {
        for (stage, code, text, expected) in [
            (Stage::Greeting, 421, "", true),
            (Stage::Greeting, 450, "", false),
            (Stage::Ehlo, 421, "4.7.0 Too many connections from your host", true),
            (Stage::Sender, 450, "4.7.0 Connection limit exceeded", true),
            (Stage::Sender, 421, "4.3.2 Service shutting down", false),
            (Stage::Recipient, 421, "too many concurrent sessions", true),
        ] {
            let Err(mut failure) = failure(stage, FailureCode::SmtpTemporary, code) else { unreachable!() };
            failure.reply.as_mut().unwrap().text = text.to_owned();
            let crowded = observation(&Err(failure)) == Observation::Crowded;
            assert_eq!(crowded, expected, "{stage:?} {code} {text}");
        }
    }

    #[test]
    fn too_many_at_auth_is_about_connections_and_not_about_passwords() {
        for (code, text, expected) in [
            (454, "4.7.0 Too many login sessions for this user", true),
            (454, "4.3.2 Concurrent connections limit exceeded", true),
            (432, "Maximum number of simultaneous sessions reached", true),
            (454, "Too many login attempts, try again later", false),
            (454, "Temporary authentication failure", false),
            (535, "Too many sessions", false),
        ] {
            let Err(mut failure) = failure(Stage::Auth, FailureCode::AuthTemporary, code) else {
                unreachable!()
            };
            failure.reply.as_mut().unwrap().text = text.to_owned();
            assert_eq!(is_too_many(&failure), expected, "{code} {text}");
            let crowded = observation(&Err(failure)) == Observation::Crowded;
            assert_eq!(crowded, expected, "{code} {text}");
        }
    }

    #[test]
    fn a_4xx_never_ends_a_mail() {
        for code in Code::ALL.iter().copied().filter(|code| *code != Code::MessageUnknown) {
            assert_eq!(verdict(&failure(Stage::Message, code, 450)), Verdict::Retry, "{code:?}");
        }
    }

    #[test]
    fn waits_grow_threefold_to_an_hour_and_spread() {
        let seconds = |tries, jitter| wait(tries, FIRST_WAIT, jitter).as_secs();
        let middle: Vec<u64> = [1, 2, 3, 4, 5, 6, 7, 8, usize::MAX].map(|tries| seconds(tries, 0.5)).into();
        assert_eq!(middle, [10, 30, 90, 270, 810, 2430, 3600, 3600, 3600]);
        assert_eq!((seconds(1, 0.0), seconds(1, 1.0), seconds(9, 1.0)), (5, 15, 5400));
    }

    #[test]
    fn a_hiccup_hides_a_message_for_seconds_first() {
        let waits = [0, 1, 2, 3, 4, 7, 8, u32::MAX].map(|receives| hiccup_wait(receives).as_secs());
        assert_eq!(waits, [0, 0, 3, 9, 27, 729, 900, 900]);
    }

    #[test]
    fn a_mail_is_not_tried_beyond_its_time() {
        let now = Timestamp::UNIX_EPOCH;
        let until = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(next_attempt(now, Duration::from_secs(10), until(11)), Some(until(10)));
        assert_eq!(next_attempt(now, Duration::from_secs(10), until(10)), None);
    }
}
