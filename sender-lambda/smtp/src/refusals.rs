//! The table of refusals, as data: which reply means what, whatever the server. An enhanced code decides before words, which
//! are in `refusals.txt`, and words count only where the server speaks of us, see [`super::wording`].

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use ownpost_domain::failure::{Cause, EnhancedCode, FailureCode, Reply, Stage};

use super::wording::says;

use FailureCode::{
    AuthAppPasswordRequired as AppPassword, AuthBasicDisabled as NoPasswords,
    AuthMechanismUnsupported as NoMechanism, AuthRejected, AuthRequired as SignIn, EhloRejected as Ehlo,
    MessageRejected as Message, RecipientRejected as Recipient, RelayBlocked as Blocked,
    RelayDenied as Denied, RelayQuota as Quota, RelaySuspended as Suspended, SenderRejected as Sender,
};

/// The meaning of a refusal: its code if it is for good, and a cause that the code leaves open.
pub(crate) type Meaning = (FailureCode, Option<Cause>);

/// The stages at which a row counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    /// At each stage.
    Any,
    /// At the greeting. There the server knows nothing but our address.
    Greeting,
    /// At the greeting and EHLO, which give the server our address and a name.
    Early,
    /// At AUTH.
    Auth,
    /// From AUTH on, where the connection is encrypted.
    Encrypted,
    /// Up to MAIL. Later the same words are about the recipient or the message.
    Account,
    /// At each stage but RCPT, where the same words are about the recipient's account or domain.
    NotRecipient,
    /// At MAIL.
    Mail,
    /// At MAIL and RCPT.
    Envelope,
    /// From MAIL on.
    Transaction,
    /// At RCPT and the final dot.
    Addressed,
    /// At the final dot, where the server has read the message, or passes on what the recipient's server says of it.
    Message,
}

impl At {
    pub(crate) fn includes(self, stage: Stage) -> bool {
        match self {
            Self::Any => true,
            Self::Greeting => stage == Stage::Greeting,
            Self::Early => matches!(stage, Stage::Greeting | Stage::Ehlo),
            Self::Auth => stage == Stage::Auth,
            Self::Encrypted => stage >= Stage::Auth,
            Self::Account => stage <= Stage::Sender,
            Self::NotRecipient => stage != Stage::Recipient,
            Self::Mail => stage == Stage::Sender,
            Self::Envelope => matches!(stage, Stage::Sender | Stage::Recipient),
            Self::Transaction => stage >= Stage::Sender,
            Self::Addressed => matches!(stage, Stage::Recipient | Stage::Message),
            Self::Message => stage == Stage::Message,
        }
    }
}

/// An enhanced code without its class: subject, details, where it counts, its meaning.
pub(crate) type Code = (u16, RangeInclusive<u16>, At, Meaning);

const fn plain(code: FailureCode) -> Meaning {
    (code, None)
}

const fn because(code: FailureCode, cause: Cause) -> Meaning {
    (code, Some(cause))
}

/// Enhanced codes that mean one thing, whatever the words.
pub(crate) const CODES: &[Code] = &[
    // Google: the daily limit. RFC 3463 has 4.5 for congestion, which passes too.
    (4, 5..=5, At::Any, plain(Quota)),
    // Microsoft: recipients a day, for an account and for a tenant.
    (1, 90..=90, At::Any, plain(Quota)),
    (7, 232..=233, At::Any, plain(Quota)),
    (7, 236..=236, At::Any, plain(Quota)),
    // RFC 3463's registry: mail flood.
    (7, 28..=28, At::Any, plain(Quota)),
    // Registry: reverse DNS. Microsoft: banned addresses.
    (7, 25..=25, At::Any, plain(Blocked)),
    (7, 511..=511, At::Any, plain(Blocked)),
    (7, 606..=649, At::Any, plain(Blocked)),
    (7, 708..=708, At::Any, plain(Blocked)),
    // Microsoft: spam from this account or tenant; 7.750 a domain that is not registered.
    (7, 501..=503, At::Any, plain(Suspended)),
    (7, 700..=750, At::Any, plain(Suspended)),
    // Microsoft: a connector for other addresses, unable to relay, relay access denied.
    (7, 51..=51, At::Any, plain(Denied)),
    (7, 54..=54, At::Any, plain(Denied)),
    (7, 64..=64, At::Any, plain(Denied)),
    // Microsoft: not allowed to send as.
    (7, 60..=60, At::Any, plain(Sender)),
    (2, 252..=252, At::Any, plain(Sender)),
    // Microsoft: nobody has signed in; the name given in EHLO.
    (7, 57..=57, At::Any, plain(SignIn)),
    (7, 506..=506, At::Any, plain(Ehlo)),
    // Microsoft: a group or mailbox that takes mail only from some.
    (7, 124..=136, At::Addressed, plain(Recipient)),
    // Google: the owner must sign in once more. RFC 4954 §6: a new password has to be set.
    (7, 14..=14, At::Auth, because(AuthRejected, Cause::AuthInPerson)),
    (7, 12..=12, At::Auth, because(AuthRejected, Cause::AuthInPerson)),
    // RFC 4954 §6: the mechanism needs encryption, which the connection has. RFC 5248: so does the command.
    (7, 11..=11, At::Encrypted, because(NoMechanism, Cause::EncryptionNotSeen)),
    (7, 10..=10, At::Encrypted, because(SignIn, Cause::EncryptionNotSeen)),
    // Registry: security features, cryptography and algorithms, which at AUTH are those of the mechanism.
    (7, 4..=6, At::Auth, plain(NoMechanism)),
    // Registry: SPF, and a sender's domain that takes no mail (null MX). Behind the dot it is one of the checks below:
    // Google's 7.27 is about SPF.
    (7, 23..=24, At::Envelope, because(Sender, Cause::SenderSpf)),
    (7, 27..=27, At::Envelope, because(Sender, Cause::SenderUnverified)),
    // Registry: DKIM, SPF, several checks at once, ARC. Microsoft: DMARC, and what large senders must prove. It is about this
    // message, as the recipient's server says it: mail to other providers is not refused.
    (7, 20..=24, At::Transaction, because(Message, Cause::MessageAuthentication)),
    (7, 26..=27, At::Transaction, because(Message, Cause::MessageAuthentication)),
    (7, 29..=29, At::Transaction, because(Message, Cause::MessageAuthentication)),
    (7, 509..=509, At::Transaction, because(Message, Cause::MessageAuthentication)),
    (7, 515..=515, At::Transaction, because(Message, Cause::MessageAuthentication)),
    // RFC 6531 §3.5: no address beyond ASCII is taken.
    (6, 7..=7, At::Mail, because(Sender, Cause::SenderNotAscii)),
    (6, 7..=7, At::Envelope, because(Recipient, Cause::RecipientNotAscii)),
    // RFC 3463 and the registry: the message, by its size, kind, cryptography or priority.
    (2, 3..=3, At::Transaction, plain(Message)),
    (3, 4..=4, At::Transaction, plain(Message)),
    (6, 0..=10, At::Envelope, plain(Message)),
    (7, 5..=7, At::Envelope, plain(Message)),
    (7, 15..=16, At::Envelope, plain(Message)),
    // RFC 3463: too many recipients. A mail of ours has one, so it is a limit over several.
    (5, 3..=3, At::Addressed, plain(Quota)),
    // RFC 3463: the recipient's address, but for a bad sender (7 and 8), and the recipient's mailbox.
    (1, 1..=6, At::Addressed, plain(Recipient)),
    (1, 10..=10, At::Addressed, plain(Recipient)),
    (2, 1..=2, At::Addressed, plain(Recipient)),
    (2, 4..=4, At::Addressed, plain(Recipient)),
];

/// Enhanced codes that count where the words say nothing. Microsoft and Zoho use 1.8 for the account too.
pub(crate) const OTHER_CODES: &[Code] = &[
    (1, 7..=7, At::Encrypted, because(Sender, Cause::SenderSyntax)),
    (1, 8..=8, At::Encrypted, because(Sender, Cause::SenderUnverified)),
    // What RFC 3463 says of the recipient, at MAIL: the sender's mailbox, its domain, its form; and the account.
    (1, 1..=2, At::Mail, because(Sender, Cause::SenderUnverified)),
    (1, 3..=3, At::Mail, because(Sender, Cause::SenderSyntax)),
    (2, 1..=1, At::Auth, plain(Suspended)),
    (2, 1..=1, At::Mail, plain(Suspended)),
    (2, 2..=2, At::Mail, because(Suspended, Cause::AccountFull)),
    // Registry: user account disabled. At RCPT it is the recipient's, and behind the dot where the words say so.
    (7, 13..=13, At::NotRecipient, plain(Suspended)),
    // RFC 4954 §6: the credentials, wherever they are looked at. Exchange says 7.3.
    (7, 8..=8, At::Transaction, plain(AuthRejected)),
    (7, 3..=3, At::Transaction, plain(AuthRejected)),
    // Microsoft: no passwords any more. Google: DKIM, in words.
    (7, 30..=30, At::Any, plain(NoPasswords)),
    // Microsoft has one code for "switched off" and for "wrong password".
    (7, 139..=139, At::Auth, plain(NoPasswords)),
    // Google: an application password. RFC 4954 §6 has it for weak mechanisms, which say so.
    (7, 9..=9, At::Auth, plain(AppPassword)),
];

/// Reply codes that count where neither an enhanced code nor words say more.
pub(crate) const REPLIES: &[(u16, At, Meaning)] = &[
    (530, At::Any, plain(SignIn)),
    // RFC 4954 §6: the credentials, or the way of signing in.
    (534, At::Transaction, plain(AuthRejected)),
    (535, At::Transaction, plain(AuthRejected)),
    // RFC 5248's registry: user account disabled. At RCPT it is the recipient's.
    (525, At::NotRecipient, plain(Suspended)),
    (538, At::Encrypted, because(NoMechanism, Cause::EncryptionNotSeen)),
    (523, At::Encrypted, because(SignIn, Cause::EncryptionNotSeen)),
];

/// A section of `refusals.txt`.
pub(crate) struct Group {
    pub(crate) means: Meaning,
    at: At,
    /// Each phrase as its parts, which follow one another.
    pub(crate) phrases: Vec<Vec<&'static str>>,
}

/// The sections of `refusals.txt`, in their order.
pub(crate) static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| read(include_str!("refusals.txt")));

fn read(text: &'static str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            groups.extend(section(head));
        } else if let Some(group) = groups.last_mut() {
            group.phrases.push(line.split(" … ").collect());
        }
    }
    groups
}

/// A section's head: code, cause, stages. A test reads every head, so none is left out.
fn section(head: &str) -> Option<Group> {
    let mut words = head.split(' ');
    let (code, cause, at) = (words.next()?, words.next()?, words.next()?);
    let code = FailureCode::ALL.iter().copied().find(|known| known.code() == code)?;
    let cause = match cause {
        "-" => None,
        key => Some(Cause::ALL.iter().copied().find(|known| known.key() == key)?),
    };
    let at = match at {
        "any" => At::Any,
        "greeting" => At::Greeting,
        "early" => At::Early,
        "auth" => At::Auth,
        "encrypted" => At::Encrypted,
        "account" => At::Account,
        "not-recipient" => At::NotRecipient,
        "envelope" => At::Envelope,
        "addressed" => At::Addressed,
        "message" => At::Message,
        _ => return None,
    };
    Some(Group { means: (code, cause), at, phrases: Vec::new() })
}

/// The first section, and the index of its phrase, that fits the server's own text.
pub(crate) fn find(stage: Stage, text: &str) -> Option<(&'static Group, usize)> {
    GROUPS
        .iter()
        .filter(|group| group.at.includes(stage))
        .find_map(|group| Some((group, group.phrases.iter().position(|phrase| says(text, phrase))?)))
}

/// The meaning of a refusal at this stage; `None` when the table does not know it. `text` is the server's own, see
/// [`super::wording::own`].
pub(crate) fn meaning(stage: Stage, reply: &Reply, text: &str) -> Option<Meaning> {
    let by_code = |codes: &[Code]| {
        let EnhancedCode(_, subject, detail) = reply.enhanced?;
        codes
            .iter()
            .find(|(s, details, at, _)| *s == subject && details.contains(&detail) && at.includes(stage))
            .map(|(.., means)| *means)
    };
    let by_words = || {
        // "Gmail requires all senders to authenticate with SPF" is about no account.
        if MESSAGE_AUTHENTICATION.iter().any(|word| says(text, &[word])) {
            return match stage {
                Stage::Sender | Stage::Recipient => Some(because(Sender, Cause::SenderSpf)),
                Stage::Message => Some(because(Message, Cause::MessageAuthentication)),
                _ => None,
            };
        }
        find(stage, text).map(|(group, _)| group.means)
    };
    let by_reply = || {
        REPLIES
            .iter()
            .find(|(code, at, _)| *code == reply.code && at.includes(stage))
            .map(|(.., means)| *means)
    };
    by_code(CODES).or_else(by_words).or_else(|| by_code(OTHER_CODES)).or_else(by_reply)
}

/// Words about the authentication of the message (RFC 7208, RFC 6376, RFC 7489). Before there is a message, the server
/// can only look at SPF.
pub(crate) const MESSAGE_AUTHENTICATION: &[&str] = &["spf", "dkim", "dmarc"];

/// Whether the server says that it is at fault itself: by what RFC 3463 calls the status of the mail system (full, takes no
/// mail, set up wrongly), or in words.
pub(crate) fn is_own_fault(reply: &Reply, text: &str) -> bool {
    const WORDS: &[&str] = &["internal error", "internal server error", "configuration error", "local error"];
    matches!(reply.enhanced, Some(EnhancedCode(_, 3, 1 | 2 | 5)))
        || WORDS.iter().any(|word| says(text, &[word]))
}

/// The meaning of a refusal that nothing in the table knows, by the command that it answers.
pub(crate) const fn otherwise(stage: Stage) -> FailureCode {
    match stage {
        Stage::Greeting => FailureCode::GreetingRejected,
        Stage::Ehlo => Ehlo,
        Stage::Tls => FailureCode::TlsNotOffered,
        Stage::Auth => AuthRejected,
        Stage::Sender => Sender,
        Stage::Recipient => Recipient,
        Stage::Resolve | Stage::Connect | Stage::Message => Message,
    }
}
