//! The faults of a relay, and the schedule of each.

use std::time::Duration;

use super::dice::Dice;

/// The behaviour of a relay. A mood that concerns single mails applies to every second mail on average, so that mail
/// still flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// It works: it takes mail.
    Works,
    /// It does not listen.
    Refuses,
    /// It accepts the connection and sends nothing.
    SilentAtGreeting,
    /// `421` instead of a greeting.
    BusyAtGreeting,
    /// `554` instead of a greeting.
    NoAtGreeting,
    /// It shows a certificate of this kind.
    Certificate(&'static str),
    /// It closes the connection during the handshake.
    BreaksTls,
    /// It has another password: it answers `535` until an admin saves the new one.
    PasswordChanged,
    /// It answers `454` to AUTH.
    BusyAtAuth,
    /// It answers `550` to MAIL FROM.
    NoToSender,
    /// It answers `451` to MAIL FROM.
    BusyToSender,
    /// It closes the connection at MAIL FROM.
    ClosesAtSender,
    /// It answers `550` to RCPT TO.
    NoToRecipient,
    /// It answers `450` to RCPT TO.
    BusyToRecipient,
    /// It sends nothing after RCPT TO.
    SilentAtRecipient,
    /// It answers `451` to DATA.
    BusyAtData,
    /// It answers `354` and closes the connection before it reads the final dot, which may be on its way already.
    ClosesAfter354,
    /// It reads up to the final dot and closes the connection.
    ClosesAfterDot {
        /// Whether it delivers the mail nevertheless.
        keeps: bool,
    },
    /// It reads up to the final dot and sends nothing more.
    SilentAfterDot {
        /// Whether it delivers the mail nevertheless.
        keeps: bool,
    },
    /// It answers `554` after the final dot.
    NoAfterDot,
    /// It answers `452` after the final dot.
    BusyAfterDot,
    /// It takes two connections at a time and answers `421` to more.
    FewConnections,
    /// It is slow: it answers the final dot late.
    Slow,
    /// It answers `550` to EHLO.
    NoToHello,
    /// It answers that the account's daily limit is reached.
    QuotaAtRecipient,
    /// It answers `554` to RCPT TO: it does not relay for this client.
    DeniedAtRecipient,
    /// It answers `554` to DATA.
    NoAtData,
    /// It answers after the final dot that the client's address is listed.
    BlockedAfterDot,
    /// The relay works, and the senders' secret store has no settings of its tenant.
    SecretLost,
    /// The relay works, and the senders' secret store is too busy to answer for its tenant.
    SecretThrottled,
    /// The sender at the other end of the connection is killed at this moment.
    Kills(Moment),
}

/// The moment at which a sender is killed, as the relay sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// At RCPT TO, before the row can be `sending`.
    AtRecipient,
    /// When the first octets of the message arrive: the row is `sending`.
    InMessage,
    /// When the final dot has arrived, before the reply.
    AfterDot,
    /// When the reply is on its way: the sender may record it or not.
    AfterReply,
}

/// All faults, as the schedules draw them.
const FAULTS: [Mood; 37] = [
    Mood::Refuses,
    Mood::SilentAtGreeting,
    Mood::BusyAtGreeting,
    Mood::NoAtGreeting,
    Mood::Certificate("wrong-name"),
    Mood::Certificate("self-signed"),
    Mood::Certificate("expired"),
    Mood::BreaksTls,
    Mood::PasswordChanged,
    Mood::PasswordChanged,
    Mood::BusyAtAuth,
    Mood::NoToSender,
    Mood::BusyToSender,
    Mood::ClosesAtSender,
    Mood::NoToRecipient,
    Mood::BusyToRecipient,
    Mood::SilentAtRecipient,
    Mood::BusyAtData,
    Mood::ClosesAfter354,
    Mood::ClosesAfterDot { keeps: true },
    Mood::ClosesAfterDot { keeps: false },
    Mood::SilentAfterDot { keeps: true },
    Mood::NoAfterDot,
    Mood::BusyAfterDot,
    Mood::FewConnections,
    Mood::Slow,
    Mood::NoToHello,
    Mood::QuotaAtRecipient,
    Mood::DeniedAtRecipient,
    Mood::NoAtData,
    Mood::BlockedAfterDot,
    Mood::SecretLost,
    Mood::SecretThrottled,
    Mood::Kills(Moment::AtRecipient),
    Mood::Kills(Moment::InMessage),
    Mood::Kills(Moment::AfterDot),
    Mood::Kills(Moment::AfterReply),
];

/// The colour of a mood in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// Mail goes through.
    Works,
    /// The relay takes no mail until a person repairs it: the policy decides.
    Broken,
    /// The relay may take mail later.
    Temporary,
    /// The relay refuses single mails with 5xx.
    Refusing,
    /// The relay sends no reply after the dot, or the sender is killed.
    NoReply,
}

impl Mood {
    /// The colour of this mood in the picture.
    pub(super) fn colour(self) -> Colour {
        match self {
            Self::Works => Colour::Works,
            Self::NoAtGreeting
            | Self::Certificate(_)
            | Self::BreaksTls
            | Self::PasswordChanged
            | Self::NoToSender
            | Self::NoToHello
            | Self::DeniedAtRecipient
            | Self::BlockedAfterDot => Colour::Broken,
            Self::NoToRecipient | Self::NoAtData | Self::NoAfterDot => Colour::Refusing,
            Self::ClosesAfter354
            | Self::ClosesAfterDot { .. }
            | Self::SilentAfterDot { .. }
            | Self::Kills(_) => Colour::NoReply,
            Self::Refuses
            | Self::SilentAtGreeting
            | Self::BusyAtGreeting
            | Self::BusyAtAuth
            | Self::BusyToSender
            | Self::ClosesAtSender
            | Self::BusyToRecipient
            | Self::SilentAtRecipient
            | Self::BusyAtData
            | Self::BusyAfterDot
            | Self::FewConnections
            | Self::Slow
            | Self::QuotaAtRecipient
            | Self::SecretLost
            | Self::SecretThrottled => Colour::Temporary,
        }
    }
}

/// A mood with its beginning and end, from the start of the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase {
    pub(super) from: Duration,
    pub(super) until: Duration,
    pub(super) mood: Mood,
}

/// The phases of each relay in which it fails, none beyond `end`. Faults are drawn from a shuffled deck, so that each
/// comes once before one comes again. In a long run the faults last longer, and so do the pauses between them.
pub(super) fn schedules(relays: usize, end: Duration, dice: &mut Dice) -> Vec<Vec<Phase>> {
    let stretch = u32::try_from(end.as_secs() / 30).unwrap_or(u32::MAX).clamp(1, 6);
    let mut deck: Vec<Mood> = Vec::new();
    // In order of time over all relays, so that a short run uses the whole deck too.
    let mut at: Vec<Duration> = (0..relays).map(|_| dice.millis(300, 1500)).collect();
    let mut schedules: Vec<Vec<Phase>> = vec![Vec::new(); relays];
    while let Some((relay, from)) = at.iter().copied().enumerate().min_by_key(|(_, from)| *from) {
        let until = from + dice.millis(1000, 2200) * stretch;
        if until > end {
            break;
        }
        if deck.is_empty() {
            deck.extend(FAULTS);
            dice.shuffle(&mut deck);
        }
        if let Some(mood) = deck.pop() {
            schedules[relay].push(Phase { from, until, mood });
        }
        at[relay] = until + dice.millis(500, 1500) * stretch;
    }
    schedules
}
