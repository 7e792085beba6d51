//! One table, as data: how servers say that the relay as a whole does not take our mail, whatever the stage. It gives the
//! `relay.*` codes. An enhanced code decides before words, and words count only where the server speaks of us.

use ownpost_domain::failure::{Cause, EnhancedCode, FailureCode, Reply, Stage};

use FailureCode::{
    RelayBlocked as Blocked, RelayDenied as Denied, RelayQuota as Quota, RelaySuspended as Suspended,
};

/// Enhanced codes (their class left out) that mean one thing wherever they come.
const CODES: &[(u16, std::ops::RangeInclusive<u16>, FailureCode)] = &[
    // Google: the daily limit. RFC 3463 has 4.5 for congestion, which passes too.
    (4, 5..=5, Quota),
    // Microsoft: recipients a day, for an account and for a tenant.
    (1, 90..=90, Quota),
    (7, 232..=233, Quota),
    (7, 236..=236, Quota),
    // RFC 3463's registry: mail flood.
    (7, 28..=28, Quota),
    // Registry: user account disabled.
    (7, 13..=13, Suspended),
    // Microsoft: spam from this account or tenant; 7.750 a domain that is not registered.
    (7, 501..=503, Suspended),
    (7, 703..=705, Suspended),
    (7, 750..=750, Suspended),
    // Registry: reverse DNS. Microsoft: banned addresses.
    (7, 25..=25, Blocked),
    (7, 511..=511, Blocked),
    (7, 606..=649, Blocked),
    (7, 708..=708, Blocked),
    // Microsoft: unable to relay, relay access denied.
    (7, 54..=54, Denied),
    (7, 64..=64, Denied),
];

/// The stages at which the words count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// At each stage.
    Any,
    /// Up to MAIL. At RCPT the same words are about the recipient's account, at the dot about the message.
    Account,
}

/// A row: the code, where it counts, and words that must all be there, in lower case.
type Row = (FailureCode, At, &'static [&'static str]);

/// The first row that fits decides.
const WORDS: &[Row] = &[
    // Limits that pass by themselves, before "account" and "blocked" are looked for.
    (Quota, At::Any, &["sending limit"]),
    (Quota, At::Any, &["sending quota"]),
    (Quota, At::Any, &["sending rate"]),
    (Quota, At::Any, &["submission quota exceeded"]),
    (Quota, At::Any, &["outgoing", "limit"]),
    (Quota, At::Any, &["outbound", "limit"]),
    (Quota, At::Any, &["daily", "quota exceeded"]),
    (Quota, At::Any, &["daily", "limit"]),
    (Quota, At::Any, &["hourly", "limit"]),
    (Quota, At::Any, &["monthly", "limit"]),
    (Quota, At::Any, &["messages per", "exceed"]),
    (Quota, At::Any, &["emails per", "exceed"]),
    (Quota, At::Any, &["number messages per", "exceeded"]),
    (Quota, At::Any, &["limit of", "per", "reached"]),
    (Quota, At::Any, &["recipient limit exceeded"]),
    (Quota, At::Any, &["maximum credits exceeded"]),
    (Quota, At::Any, &["run out of credits"]),
    (Quota, At::Any, &["out of email credits"]),
    (Quota, At::Any, &["throttling failure"]),
    (Quota, At::Any, &["rate limit"]),
    (Quota, At::Any, &["rate limited"]),
    (Quota, At::Any, &["too many messages"]),
    (Quota, At::Any, &["too many emails"]),
    (Quota, At::Any, &["messages / hour"]),
    // The account.
    (Suspended, At::Any, &["sending paused"]),
    (Suspended, At::Any, &["bad outbound sender"]),
    (Suspended, At::Any, &["tenant has exceeded threshold"]),
    (Suspended, At::Any, &["is not allowed to send"]),
    (Suspended, At::Any, &["your account", "suspended"]),
    (Suspended, At::Any, &["your account", "disabled"]),
    (Suspended, At::Any, &["your account", "blocked"]),
    (Suspended, At::Any, &["your account", "frozen"]),
    (Suspended, At::Any, &["your account", "deactivated"]),
    (Suspended, At::Any, &["your account", "under review"]),
    (Suspended, At::Any, &["your account", "pending approval"]),
    (Suspended, At::Any, &["your account", "not yet activated"]),
    (Suspended, At::Any, &["your smtp account", "not yet activated"]),
    (Suspended, At::Any, &["your smtp account", "suspended"]),
    (Suspended, At::Any, &["your email account", "blocked"]),
    (Suspended, At::Any, &["your mailbox", "blocked for sending"]),
    (Suspended, At::Any, &["account", "blocked for spam"]),
    (Suspended, At::Any, &["sending", "suspended"]),
    (Suspended, At::Any, &["sending", "has been blocked"]),
    (Suspended, At::Any, &["sending", "is blocked"]),
    (Suspended, At::Any, &["sending", "disabled for"]),
    (Suspended, At::Account, &["account", "suspended"]),
    (Suspended, At::Account, &["account", "disabled"]),
    (Suspended, At::Account, &["account", "frozen"]),
    (Suspended, At::Account, &["account", "blocked"]),
    (Suspended, At::Account, &["account", "is locked"]),
    (Suspended, At::Account, &["account", "deactivated"]),
    (Suspended, At::Account, &["account", "not yet activated"]),
    // Our address.
    (Blocked, At::Any, &["client host", "blocked"]),
    (Blocked, At::Any, &["client host rejected"]),
    (Blocked, At::Any, &["client [", "blocked"]),
    (Blocked, At::Any, &["banned sending ip"]),
    (Blocked, At::Any, &["banned ip"]),
    (Blocked, At::Any, &["your ip", "block"]),
    (Blocked, At::Any, &["your ip", "listed"]),
    (Blocked, At::Any, &["your ip", "blacklist"]),
    (Blocked, At::Any, &["your ip", "reputation"]),
    (Blocked, At::Any, &["ip address", "blacklist"]),
    (Blocked, At::Any, &["ip address", "block list"]),
    (Blocked, At::Any, &["ip address", "blocked"]),
    (Blocked, At::Any, &["ip address", "reputation"]),
    (Blocked, At::Any, &["because the ip", "list"]),
    (Blocked, At::Any, &["connections will not be accepted from"]),
    (Blocked, At::Any, &["the ip you're using"]),
    (Blocked, At::Any, &["traffic not accepted from this ip"]),
    (Blocked, At::Any, &["poor reputation"]),
    (Blocked, At::Any, &["dynamic ip"]),
    (Blocked, At::Any, &["reverse dns"]),
    (Blocked, At::Any, &["reverse hostname"]),
    (Blocked, At::Any, &["ptr record"]),
    (Blocked, At::Any, &["is in a black list"]),
    (Blocked, At::Account, &["blocked using"]),
    (Blocked, At::Account, &["spamhaus"]),
    (Blocked, At::Account, &["spamcop"]),
    (Blocked, At::Account, &["barracudacentral"]),
    (Blocked, At::Account, &["blacklist"]),
    (Blocked, At::Account, &["blocklist"]),
    (Blocked, At::Account, &["block list"]),
    (Blocked, At::Account, &["dnsbl"]),
    // We may not send through it.
    (Denied, At::Any, &["relay access denied"]),
    (Denied, At::Any, &["relaying denied"]),
    (Denied, At::Any, &["relay denied"]),
    (Denied, At::Any, &["relaying", "not allowed"]),
    (Denied, At::Any, &["relaying", "not permitted"]),
    (Denied, At::Any, &["relaying", "prohibited"]),
    (Denied, At::Any, &["relay not permitted"]),
    (Denied, At::Any, &["relay not allowed"]),
    (Denied, At::Any, &["relay is not allowed"]),
    (Denied, At::Any, &["unable to relay"]),
    (Denied, At::Any, &["cannot relay"]),
    (Denied, At::Any, &["not permitted to relay"]),
    (Denied, At::Any, &["not allowed to relay"]),
    (Denied, At::Any, &["not authorized to relay"]),
    (Denied, At::Any, &["we do not relay"]),
    (Denied, At::Any, &["no relaying"]),
    (Denied, At::Any, &["not an open relay"]),
    (Denied, At::Any, &["invalid credentials for relay"]),
    (Denied, At::Any, &["isn't in my list of allowed rcpthosts"]),
    (Denied, At::Any, &["not authorized to perform", "ses:send"]),
    (Denied, At::Any, &["sandbox subdomains are for test purposes only"]),
];

/// How servers say that the account takes connections only from addresses on its own list.
const ADDRESS_NOT_LISTED: &[&[&str]] = &[
    &["unauthorized ip"],
    &["unauthorised ip"],
    &["ip", "not authorized to use"],
    &["ip", "not in", "authorized"],
    &["ip", "not whitelisted"],
    &["ip", "not allowed to connect"],
];

/// The relay's code for this refusal, for a 5xx and a 4xx alike. `text` is the reply's own part, see [`own`].
pub(crate) fn relay(stage: Stage, reply: &Reply, text: &str) -> Option<(FailureCode, Option<Cause>)> {
    if let Some(EnhancedCode(_, subject, detail)) = reply.enhanced
        && let Some((_, _, code)) =
            CODES.iter().find(|(s, range, _)| *s == subject && range.contains(&detail))
    {
        return Some((*code, None));
    }
    if is_about_recipient(stage, reply, text) {
        return None;
    }
    let has = |words: &[&str]| words.iter().all(|word| text.contains(word));
    if ADDRESS_NOT_LISTED.iter().any(|words| has(words)) {
        return Some((Denied, Some(Cause::DeniedAddress)));
    }
    // A provider's "sender … not allowed to relay" is about the sender.
    if text.contains("sender is not allowed") {
        return None;
    }
    let account = !matches!(stage, Stage::Recipient | Stage::Message);
    if let Some((code, _, _)) = WORDS.iter().find(|(_, at, words)| (*at == At::Any || account) && has(words))
    {
        return Some((*code, None));
    }
    // 525 by RFC 5248's registry: user account disabled.
    (reply.code == 525).then_some((Suspended, None))
}

/// Whether the refusal is about this recipient, by its enhanced code or by the server's own words.
pub(crate) fn is_about_recipient(stage: Stage, reply: &Reply, text: &str) -> bool {
    if stage != Stage::Recipient {
        return false;
    }
    match reply.enhanced {
        // Addressing, but for a bad sender (7 and 8), and the mailbox.
        Some(EnhancedCode(_, 1, detail)) => !matches!(detail, 0 | 7 | 8),
        Some(EnhancedCode(_, 2, _)) => true,
        _ => {
            text.contains("recipient address rejected") && !text.contains("recipient address rejected: relay")
                || text.contains("recipient address [")
                || text.contains("mailbox unavailable")
                || text.contains("user unknown")
        }
    }
}

/// What the server itself says: in lower case, without addresses in angle brackets, and up to where it begins to quote
/// another server, whose words are about the recipient.
pub(crate) fn own(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let end = QUOTES.iter().filter_map(|quote| lower.find(quote)).min().unwrap_or(lower.len());
    let mut said = String::with_capacity(end);
    let mut rest = &lower[..end];
    while let Some((before, after)) = rest.split_once('<') {
        said.push_str(before);
        match after.split_once('>') {
            Some((inside, behind)) => {
                // An address, or the client's name as Postfix gives it. A tag such as `<DATA>` says nothing either.
                if !inside.contains(['@', '[']) {
                    said.push_str(inside);
                }
                rest = behind;
            }
            None => rest = after,
        }
    }
    said.push_str(rest);
    said.replace('\n', " ")
}

/// How servers introduce the words of another server: Postfix' address verification, Exim's and MDaemon's callouts,
/// gateways in front of Exchange.
const QUOTES: &[&str] = &[
    " said:",
    " says:",
    "response:",
    "responded:",
    "responded with",
    "replied:",
    "remote server returned",
    "remote host said",
    "error from remote",
    "smtp error from",
    "called:",
    "callout",
    "(in reply to",
    "undeliverable address:",
    "while talking to",
];

#[cfg(test)]
mod tests {
    use super::super::classify::refusal;
    use super::super::reply::ReplyParser;
    use super::*;
    use FailureCode::{
        AuthRequired, EhloRejected, MessageRejected, RecipientRejected, SenderRejected, SmtpTemporary,
    };

    fn parsed(reply: &str) -> Reply {
        let mut parser = ReplyParser::default();
        let lines: Vec<&str> = reply.split('\n').collect();
        let mut last = None;
        for line in lines {
            last = parser.push(line.as_bytes()).unwrap();
        }
        last.unwrap().into_reply()
    }

    fn check(stage: Stage, reply: &str, want: FailureCode) {
        assert_eq!(refusal(stage, parsed(reply)).code, want, "{stage:?} {reply}");
    }

    /// The reply says it at every stage.
    fn check_all(reply: &str, want: FailureCode) {
        for stage in [
            Stage::Greeting,
            Stage::Ehlo,
            Stage::Tls,
            Stage::Auth,
            Stage::Sender,
            Stage::Recipient,
            Stage::Message,
        ] {
            check(stage, reply, want);
        }
    }

    #[test]
    fn what_each_server_says_of_us() {
        // Postfix, Exim, Sendmail, qmail.
        check_all("554 5.7.1 <jan@example.org>: Relay access denied", Denied);
        check_all("550 5.7.1 jan@example.org... Relaying denied", Denied);
        check_all("550 relay not permitted", Denied);
        check_all("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", Denied);
        check_all(
            "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1",
            Blocked,
        );
        check_all("554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", Blocked);
        check_all("550-Rejected because 192.0.2.1 is in a black list at bl.example\n550 see there", Blocked);
        // Exchange and Microsoft 365.
        check_all("550 5.7.1 Unable to relay", Denied);
        check_all("550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", Denied);
        check_all("550 5.7.64 TenantAttribution; Relay Access Denied", Denied);
        check_all("550 5.7.606 Access denied, banned sending IP [192.0.2.1]", Blocked);
        check_all("550 5.7.708 Access denied, traffic not accepted from this IP", Blocked);
        check_all("550 5.7.705 Access denied, tenant has exceeded threshold", Suspended);
        check_all("550 5.1.8 Access denied, bad outbound sender", Suspended);
        check_all("550 5.7.501 Access denied, spam abuse detected", Suspended);
        check_all(
            "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
            Quota,
        );
        // Google.
        check_all(
            "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail see there",
            Quota,
        );
        check_all("550 5.7.0 Mail relay denied [192.0.2.1]. Invalid credentials for relay", Denied);
        check_all(
            "550-5.7.1 [192.0.2.1] The IP you're using to send mail is not authorized to\n550 5.7.1 send email directly to our servers.",
            Blocked,
        );
        check_all(
            "550 5.7.25 [192.0.2.1] The IP address sending this message does not have a PTR record setup",
            Blocked,
        );
        // Amazon SES.
        check_all(
            "554 Access denied: User `arn:aws:iam::1:user/x' is not authorized to perform `ses:SendRawEmail' on resource `arn'",
            Denied,
        );
        check_all(
            "554 Sending paused for this account. For more information, please check the inbox",
            Suspended,
        );
        check_all("554 Daily message quota exceeded.", Quota);
        // SendGrid, Mailgun, Brevo, Mailjet, Postmark.
        check_all("550 Maximum credits exceeded", Quota);
        check_all("550 Your account has been suspended", Suspended);
        check_all("550 5.7.1 Relaying not allowed", Denied);
        check_all("554 Sandbox subdomains are for test purposes only. Please add your own domain", Denied);
        check_all(
            "550 Domain mg.example.org is not allowed to send: Free accounts are for test purposes only",
            Suspended,
        );
        check_all("525 5.7.1 Unauthorized IP address", Denied);
        check_all("502 5.7.0 Your SMTP account is not yet activated. Contact us", Suspended);
        check_all(
            "550 5.7.1 Your account has been temporarily blocked. Please contact our support",
            Suspended,
        );
        check_all("550 5.7.0 Your account is pending approval", Suspended);
        // OVH, Strato, IONOS and others.
        check_all("550 5.7.1 This account is blocked for SPAM reasons", Suspended);
        check_all("554 Transaction failed. Your IP address is listed on a block list", Blocked);
        check_all("554 Your account is on probation and domains are limited to 100 messages / hour", Quota);
        check_all(
            "550 5.7.1 <DATA>: Data command rejected: limit of 400 rcpts per 24 hours for client x reached",
            Quota,
        );
        check_all("525 5.7.13 User account disabled", Suspended);
    }

    #[test]
    fn where_the_stage_says_whose_account_it_is() {
        for stage in [Stage::Auth, Stage::Sender] {
            check(stage, "535 5.7.8 Account is disabled", Suspended);
            check(
                stage,
                "535 5.7.139 Authentication unsuccessful, account is locked. Contact your administrator.",
                Suspended,
            );
        }
        check(
            Stage::Recipient,
            "550 5.2.1 The email account that you tried to reach is disabled",
            RecipientRejected,
        );
        check(Stage::Recipient, "550 this account has been disabled or suspended", RecipientRejected);
        check(Stage::Recipient, "552 5.2.2 Mailbox over quota", RecipientRejected);
        check(
            Stage::Message,
            "554 5.7.1 Blocked: a URL in this message is listed at dbl.spamhaus.org",
            MessageRejected,
        );
        check(
            Stage::Recipient,
            "554 5.7.1 Service unavailable; Sender address [a@b.test] blocked using dbl.spamhaus.org",
            SenderRejected,
        );
    }

    #[test]
    fn a_recipient_is_refused_as_such_whatever_is_quoted() {
        for reply in [
            "550 5.1.1 <jan@example.org>: Recipient address rejected: undeliverable address: host mx.test[192.0.2.7] said: 550 5.7.1 Sender address rejected (in reply to MAIL FROM command)",
            "550 5.1.1 <jan@example.org>: Recipient address rejected: undeliverable address: host mx.test said: 554 Relay access denied",
            "550 <jan@example.org>: Recipient address rejected: undeliverable address: host mx.test said: 554 Client host blocked using zen.spamhaus.org",
            "550-Verification failed for <jan@example.org>\n550-Called:   192.0.2.7\n550-Sent:     RCPT TO:<jan@example.org>\n550-Response: 550 5.7.1 Relaying denied\n550 No such user",
            "550 5.1.1 Sender rejected",
            "550 5.4.1 Recipient address rejected: Access denied",
            "550 5.1.1 <relay access denied@example.org>: no such user",
            "550 <\"relay access denied\"@example.org>: no such user",
        ] {
            check(Stage::Recipient, reply, RecipientRejected);
        }
        check(
            Stage::Recipient,
            "554 5.7.1 <jan@example.org>: Recipient address rejected: Relay access denied",
            Denied,
        );
    }

    #[test]
    fn who_may_send_as_whom_stays_with_the_sender() {
        for reply in [
            "553 5.7.1 <a@b.test>: Sender address rejected: not owned by user x",
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            "550 The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved",
            "554 Message rejected: Email address is not verified.",
            "550 5.7.1 The 'From' address you supplied is not a Sender Signature on your account.",
            "550 Sending has been rejected because the sender you used a@b.test is not valid",
            "554 Transaction failed; Unauthorized sender address.",
            "550 Sender address is not allowed.",
            "550 5.1.8 <a@b.test>: Sender address rejected: Domain not found",
        ] {
            for stage in [Stage::Sender, Stage::Recipient, Stage::Message] {
                check(stage, reply, SenderRejected);
            }
        }
        check(Stage::Message, "550 Unauthenticated senders not allowed", AuthRequired);
    }

    #[test]
    fn a_4xx_is_temporary_and_says_what_it_is_about() {
        for (stage, reply, cause) in [
            (
                Stage::Recipient,
                "454 4.7.1 <jan@example.org>: Relay access denied",
                Some(Cause::TemporaryDenied),
            ),
            (
                Stage::Recipient,
                "450 4.7.1 <x>: Helo command rejected: Host not found",
                Some(Cause::TemporaryEhlo),
            ),
            (
                Stage::Greeting,
                "450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.1]",
                Some(Cause::TemporaryBlocked),
            ),
            (
                Stage::Message,
                "454 Throttling failure: Maximum sending rate exceeded.",
                Some(Cause::TemporaryQuota),
            ),
            (Stage::Sender, "451 Your account is under review", Some(Cause::TemporarySuspended)),
            (Stage::Recipient, "450 4.2.0 <jan@example.org>: Recipient address rejected: Greylisted", None),
            (Stage::Recipient, "452 4.2.2 Mailbox full", None),
        ] {
            let failure = refusal(stage, parsed(reply));
            assert_eq!(
                (failure.code, failure.reason.map(|reason| reason.cause)),
                (SmtpTemporary, cause),
                "{reply}"
            );
        }
    }

    #[test]
    fn a_refused_ehlo_is_about_the_name_or_not() {
        for (reply, cause) in [
            ("550 5.7.1 bad name", None),
            ("501 5.5.4 syntax", None),
            ("500 5.5.1 unrecognised", Some(Cause::EhloNotKnown)),
            ("502 5.5.2 not implemented", Some(Cause::EhloNotKnown)),
            ("503 5.5.1 not now", Some(Cause::EhloOutOfStep)),
        ] {
            let failure = refusal(Stage::Ehlo, parsed(reply));
            assert_eq!(
                (failure.code, failure.reason.map(|reason| reason.cause)),
                (EhloRejected, cause),
                "{reply}"
            );
        }
    }
}
