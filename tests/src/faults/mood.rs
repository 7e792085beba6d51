//! What may be wrong with a relay, and when.

use std::time::Duration;

use super::dice::Dice;

/// How a relay behaves. What concerns a mail happens to every other mail, so that nothing stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// It takes mail.
    Well,
    /// Nothing listens.
    Refuses,
    /// It takes the connection and says nothing.
    SilentAtGreeting,
    /// `421` instead of a greeting.
    BusyAtGreeting,
    /// `554` instead of a greeting.
    NoAtGreeting,
    /// Its certificate is of this kind.
    Certificate(&'static str),
    /// It closes during the handshake.
    BreaksTls,
    /// Its password is another one: `535` until somebody saves the new one.
    PasswordChanged,
    /// `454` to AUTH.
    BusyAtAuth,
    /// `550` to MAIL FROM.
    NoToSender,
    /// `451` to MAIL FROM.
    BusyToSender,
    /// It closes at MAIL FROM.
    ClosesAtSender,
    /// `550` to RCPT TO.
    NoToRecipient,
    /// `450` to RCPT TO.
    BusyToRecipient,
    /// It says nothing after RCPT TO.
    SilentAtRecipient,
    /// `451` to DATA.
    BusyAtData,
    /// It asks for the message and closes: before the final dot as it sees it, while the dot may be on its way.
    ClosesAfter354,
    /// It reads up to the final dot and closes, having kept the mail or not.
    ClosesAfterDot {
        /// Whether it delivers the mail all the same.
        keeps: bool,
    },
    /// It reads up to the final dot and says no more.
    SilentAfterDot {
        /// Whether it delivers the mail all the same.
        keeps: bool,
    },
    /// `554` after the final dot.
    NoAfterDot,
    /// `452` after the final dot.
    BusyAfterDot,
    /// The sender at the other end of the connection is killed at this moment.
    Kills(Moment),
}

/// When a sender is killed, seen from the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// At RCPT TO: before the row can be `sending`.
    AtRecipient,
    /// When the first octets of the message come: the row is `sending`.
    InMessage,
    /// When the final dot has come, before the reply.
    AfterDot,
    /// When the reply is on its way: whether it is recorded is a race.
    AfterReply,
}

/// Everything that may go wrong.
const TROUBLES: [Mood; 28] = [
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
    Mood::Kills(Moment::AtRecipient),
    Mood::Kills(Moment::InMessage),
    Mood::Kills(Moment::AfterDot),
    Mood::Kills(Moment::AfterReply),
];

/// What a mood looks like in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// Mail goes through.
    Well,
    /// It will not take mail until somebody does something: the policy decides.
    Broken,
    /// It may take mail later.
    Stumbling,
    /// It refuses single mails for good.
    Refusing,
    /// It leaves senders in the dark after the dot, or they die there.
    Dark,
}

impl Mood {
    /// Its colour.
    pub(super) fn colour(self) -> Colour {
        match self {
            Self::Well => Colour::Well,
            Self::NoAtGreeting
            | Self::Certificate(_)
            | Self::BreaksTls
            | Self::PasswordChanged
            | Self::NoToSender => Colour::Broken,
            Self::NoToRecipient | Self::NoAfterDot => Colour::Refusing,
            Self::ClosesAfter354
            | Self::ClosesAfterDot { .. }
            | Self::SilentAfterDot { .. }
            | Self::Kills(_) => Colour::Dark,
            Self::Refuses
            | Self::SilentAtGreeting
            | Self::BusyAtGreeting
            | Self::BusyAtAuth
            | Self::BusyToSender
            | Self::ClosesAtSender
            | Self::BusyToRecipient
            | Self::SilentAtRecipient
            | Self::BusyAtData
            | Self::BusyAfterDot => Colour::Stumbling,
        }
    }
}

/// A mood and how long it lasts, from the start of the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase {
    pub(super) from: Duration,
    pub(super) until: Duration,
    pub(super) mood: Mood,
}

/// For each of so many relays the phases in which something is wrong, none beyond `end`. Troubles are dealt from a
/// shuffled deck, so that each comes up before one comes up again. In a long run each lasts longer, and so does the peace
/// in between.
pub(super) fn schedules(relays: usize, end: Duration, dice: &mut Dice) -> Vec<Vec<Phase>> {
    let stretch = u32::try_from(end.as_secs() / 30).unwrap_or(u32::MAX).clamp(1, 6);
    let mut deck: Vec<Mood> = Vec::new();
    // In the order of time over all relays, so that a short run sees the whole deck too.
    let mut at: Vec<Duration> = (0..relays).map(|_| dice.millis(300, 1500)).collect();
    let mut schedules: Vec<Vec<Phase>> = vec![Vec::new(); relays];
    while let Some((relay, from)) = at.iter().copied().enumerate().min_by_key(|(_, from)| *from) {
        let until = from + dice.millis(1000, 2200) * stretch;
        if until > end {
            break;
        }
        if deck.is_empty() {
            deck.extend(TROUBLES);
            dice.shuffle(&mut deck);
        }
        if let Some(mood) = deck.pop() {
            schedules[relay].push(Phase { from, until, mood });
        }
        at[relay] = until + dice.millis(500, 1500) * stretch;
    }
    schedules
}
