//! A relay that refuses each recipient alike. One recipient refused is the recipient's matter; ten in a row in the same
//! wording and none taken between them is more likely the relay's: a filter, a lapsed account, a list that is out of date.
//! From then on its refusals are not believed, and one mail at a time tries it until it takes one.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::delivery::hex;
use super::failure::Reply;
use super::time::{CLOCKS_DIFFER, doubled, later};

/// So many recipients refused alike are believed.
const BELIEVED: usize = 10;
/// The first wait between two mails that try the relay; doubled each time.
const FIRST_WAIT: Duration = Duration::from_mins(1);
/// The longest wait between two mails that try the relay.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// The recipients that a relay has refused alike since it has taken a mail. Wording and addresses are kept as hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusals {
    wording: String,
    recipients: Vec<String>,
    /// How many mails have tried the relay since its refusals are not believed.
    #[serde(default)]
    tries: u32,
    /// When the next mail may try it.
    #[serde(default)]
    next_at: Option<Timestamp>,
}

impl Refusals {
    /// The state after one more refusal, and whether the refusal is believed.
    #[must_use]
    pub fn refused(before: Option<&Self>, reply: &Reply, recipient: &str) -> (Self, bool) {
        let (wording, recipient) = (wording(reply, recipient), hash(&recipient.to_lowercase()));
        let Some(alike) = before.filter(|before| before.wording == wording) else {
            return (Self { wording, recipients: vec![recipient], tries: 0, next_at: None }, true);
        };
        if alike.are_doubted() {
            return (alike.clone(), false);
        }
        let mut after = alike.clone();
        if !after.recipients.contains(&recipient) {
            after.recipients.push(recipient);
        }
        (after, true)
    }

    /// Whether the next refusal in this wording is not believed.
    pub fn are_doubted(&self) -> bool {
        self.recipients.len() >= BELIEVED
    }

    /// Takes the turn to try the relay: the state to store; or when the next turn is.
    ///
    /// # Errors
    /// Another mail tries the relay until that time.
    pub fn take_turn(&self, now: Timestamp) -> Result<Self, Timestamp> {
        let latest = later(now, LONGEST_WAIT + CLOCKS_DIFFER);
        // A turn after that was given by a clock that has gone back since.
        if let Some(next_at) = self.next_at.filter(|next_at| *next_at > now && *next_at <= latest) {
            return Err(next_at);
        }
        let wait = doubled(FIRST_WAIT, self.tries, LONGEST_WAIT);
        Ok(Self { tries: self.tries.saturating_add(1), next_at: Some(later(now, wait)), ..self.clone() })
    }
}

/// A hash of the reply without the parts that differ from mail to mail: the recipient, and words with digits, such as queue
/// ids.
fn wording(reply: &Reply, recipient: &str) -> String {
    let recipient = recipient.to_lowercase();
    let (local, domain) = recipient.rsplit_once('@').unwrap_or((&recipient, ""));
    let text = reply.text.to_lowercase().replace(&*recipient, " ");
    let words = text
        .split(|c: char| c.is_whitespace() || "<>()[]{}\"',;:".contains(c))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty() && !word.contains(|c: char| c.is_ascii_digit() || c == '@'))
        .filter(|word| *word != local && *word != domain);
    let enhanced = reply.enhanced.map(|code| code.to_string()).unwrap_or_default();
    hash(&format!("{} {enhanced} {}", reply.code, words.collect::<Vec<_>>().join(" ")))
}

fn hash(text: &str) -> String {
    hex(&Sha256::digest(text)[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::EnhancedCode;

    fn reply(text: &str) -> Reply {
        Reply { code: 550, enhanced: Some(EnhancedCode(5, 1, 1)), text: text.to_owned() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Ten refusals in this wording.
    fn ten(wording: impl Fn(usize) -> String) -> (Option<Refusals>, usize) {
        let mut believed = 0;
        let refusals = (0..10).fold(None, |before, index| {
            let to = format!("r{index}@example.org");
            let (after, is_believed) = Refusals::refused(before.as_ref(), &reply(&wording(index)), &to);
            believed += usize::from(is_believed);
            Some(after)
        });
        (refusals, believed)
    }

    #[test]
    fn the_eleventh_recipient_refused_alike_is_not_believed() {
        for wording in [
            |index| format!("<r{index}@example.org>: Recipient address rejected: User unknown"),
            |index| format!("No such user r{index}, queue id 4Xy{index}z8"),
            |index| format!("R{index}@EXAMPLE.ORG is not here. q{index}-20si123.{index} - gsmtp"),
        ] {
            let (refusals, believed) = ten(wording);
            assert_eq!(believed, 10);
            let (_, is_believed) =
                Refusals::refused(refusals.as_ref(), &reply(&wording(11)), "r11@example.org");
            assert!(!is_believed, "{}", wording(11));
            // Another wording is about something else.
            let (other, is_believed) =
                Refusals::refused(refusals.as_ref(), &reply("mailbox full"), "r11@example.org");
            assert!(is_believed && !other.are_doubted());
        }
    }

    #[test]
    fn one_recipient_counts_once_however_often_it_is_refused() {
        let one = (0..50).fold(None, |before: Option<Refusals>, _| {
            Some(Refusals::refused(before.as_ref(), &reply("User unknown"), "jan@example.org").0)
        });
        assert!(!one.unwrap().are_doubted());
    }

    #[test]
    fn one_mail_at_a_time_tries_it_and_ever_more_rarely() {
        let (refusals, _) = ten(|_| "User unknown".to_owned());
        let (mut refusals, mut now, mut waits) = (refusals.unwrap(), at(0), Vec::new());
        for _ in 0..6 {
            refusals = refusals.take_turn(now).unwrap();
            let next_at = refusals.take_turn(now).unwrap_err();
            waits.push((next_at.as_second() - now.as_second()) / 60);
            now = next_at;
        }
        assert_eq!(waits, [1, 2, 4, 8, 15, 15]);
    }

    #[test]
    fn a_turn_of_a_clock_that_was_ahead_is_over() {
        let (refusals, _) = ten(|_| "User unknown".to_owned());
        let ahead = refusals.unwrap().take_turn(at(400 * 86_400)).unwrap();
        assert!(ahead.take_turn(at(0)).is_ok());
    }
}
