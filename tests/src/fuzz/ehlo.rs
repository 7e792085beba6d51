//! The EHLO parser, with any reply.

use ownpost_smtp::capabilities::{Mechanism, Offer};
use ownpost_smtp::reply::RawReply;

use super::reply::parse;

const ALL: [Mechanism; 4] = [Mechanism::OauthBearer, Mechanism::XOauth2, Mechanism::Plain, Mechanism::Login];

/// Parses the bytes as replies to EHLO, and as the lines of one reply.
pub fn run(data: &[u8]) {
    for reply in parse(data).iter().flatten() {
        holds(reply);
    }
    let lines = String::from_utf8_lossy(data).split('\n').map(str::to_owned).collect();
    holds(&RawReply { code: 250, lines });
}

/// Checks the offer of any reply.
pub fn holds(reply: &RawReply) {
    let offer = Offer::parse(reply);
    assert_eq!(offer.lines.len() + 1, reply.lines.len(), "each line of the reply is a line of the offer");
    assert!(!offer.lines.iter().any(|line| line.contains(char::is_control)), "{offer:?}");
    assert!(offer.mail_max != Some(0), "a limit of zero mails would wait for ever");
    if let Some(names) = &offer.auth {
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{name} twice");
            assert_eq!(*name, name.to_ascii_uppercase());
        }
    }
    let mechanisms = offer.mechanisms(&ALL);
    let mut rest = ALL.iter();
    assert!(mechanisms.iter().all(|found| rest.any(|wanted| wanted == found)), "in the order of preference");
    for wanted in ALL {
        let offered = offer.auth.iter().flatten().any(|name| name == wanted.name());
        assert_eq!(mechanisms.contains(&wanted), offered, "{wanted:?}");
    }

    // The lines in a report are the lines that the server sent.
    let first = reply.lines.first().cloned().into_iter();
    let shown = RawReply { code: reply.code, lines: first.chain(offer.lines.iter().cloned()).collect() };
    assert_eq!(Offer::parse(&shown), offer);
}
