//! Replies and failures as sentences for the ledger, in English.

use super::failure::{Failure, Reply, Stage};

/// `250 2.0.0 OK`, on one line and not beyond 300 characters.
pub fn reply(reply: &Reply) -> String {
    let mut line = reply.code.to_string();
    if let Some(enhanced) = reply.enhanced {
        line.push(' ');
        line.push_str(&enhanced.to_string());
    }
    let text = reply.text.split_whitespace().collect::<Vec<_>>().join(" ");
    if !text.is_empty() {
        line.push(' ');
        line.extend(text.chars().take(300));
    }
    line
}

/// A sentence without a subject, to follow "the server" and the like: `the connection was refused
/// (connect.refused).`
pub fn failure(failure: &Failure) -> String {
    match &failure.reply {
        Some(answer) => {
            format!("{}: it answered “{}” ({}).", failure.code.clause(), reply(answer), failure.code.code())
        }
        None => format!("{} ({}).", failure.code.clause(), failure.code.code()),
    }
}

/// As [`failure`], for what is said of a relay in other places than this mail's row: without the mail's recipient, so that
/// nothing is left of a person whose rows are erased. Before RCPT TO no server knows a recipient.
pub fn relay_failure(failed: &Failure, recipient: &str) -> String {
    let mut told = failed.clone();
    if failed.stage >= Stage::Recipient
        && let Some(reply) = &mut told.reply
    {
        reply.text = without_recipients(&reply.text, recipient);
    }
    failure(&told)
}

/// The text with `…` for the local part of every address, and for that of this recipient where it stands alone, also without
/// its quotation marks or its tag. An address may be in a link too, with `%40`, or in a return path, with `=40`.
fn without_recipients(text: &str, recipient: &str) -> String {
    let local = recipient.rsplit_once('@').map_or(recipient, |(local, _)| local);
    let bare = local.trim_matches('"');
    let untagged = bare.split_once('+').map_or(bare, |(name, _)| name);
    let text =
        [local, bare, untagged].into_iter().fold(text.to_owned(), |text, name| without_word(&text, name));
    let mut rest = text.as_str();
    let mut told = String::with_capacity(text.len());
    while let Some((at, sign)) =
        ["@", "%40", "=40"].into_iter().filter_map(|sign| Some((rest.find(sign)?, sign))).min()
    {
        told.push_str(without_local_part(&rest[..at]));
        told.push('…');
        told.push_str(sign);
        rest = &rest[at + sign.len()..];
    }
    told.push_str(rest);
    told
}

/// The text before an `@`, without the address's local part, which may be quoted (RFC 5321 §4.1.2).
fn without_local_part(before: &str) -> &str {
    if let Some(quoted) = before.strip_suffix('"') {
        return quoted.rfind('"').map_or("", |opens| &before[..opens]);
    }
    let ends = |c: char| c.is_whitespace() || "<>()[],;:\"“”«»".contains(c);
    before.trim_end_matches(|c| !ends(c))
}

/// The text with `…` for each place where the word stands alone, in capitals or not.
fn without_word(text: &str, word: &str) -> String {
    let (lower, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut told = String::with_capacity(text.len());
    let mut from = 0;
    for (at, found) in lower.match_indices(&word).filter(|(_, found)| !found.is_empty()) {
        let end = at + found.len();
        if is_part(lower[..at].chars().next_back()) || is_part(lower[end..].chars().next()) {
            continue;
        }
        told.push_str(&text[from..at]);
        told.push('…');
        from = end;
    }
    told.push_str(&text[from..]);
    told
}

#[cfg(test)]
mod tests {
    use super::super::failure::{EnhancedCode, FailureCode as Code, Stage};
    use super::*;

    #[test]
    fn sentences() {
        let said = Reply {
            code: 535,
            enhanced: Some(EnhancedCode(5, 7, 8)),
            text: format!("Bad\n  credentials {}", "x".repeat(9000)),
        };
        let rejected = Failure { reply: Some(said), ..Failure::new(Stage::Auth, Code::AuthRejected) };
        let sentence = failure(&rejected);
        assert!(
            sentence.starts_with(
                "it refused the username or password: it answered “535 5.7.8 Bad credentials xxx"
            ),
            "{sentence}"
        );
        assert!(sentence.ends_with("” (auth.rejected).") && sentence.len() < 500);
        let silent = Failure { reply: None, ..rejected };
        assert_eq!(failure(&silent), "it refused the username or password (auth.rejected).");
    }

    #[test]
    fn what_is_said_of_a_relay_names_no_recipient() {
        let recipient = "Jan.Smit@example.org";
        for (said, told) in [
            ("<jan.smit@example.org>: Relay access denied", "<…@example.org>: Relay access denied"),
            ("Relaying to JAN.SMIT@EXAMPLE.ORG denied", "Relaying to …@EXAMPLE.ORG denied"),
            ("jan.smit not allowed; see jan.smiths", "… not allowed; see jan.smiths"),
            ("see https://x.test/?to=jan.smit%40example.org", "see https:…%40example.org"),
            ("SRS0=a=b=example.org=jan.smit@relay.test", "…@relay.test"),
            ("for \"jan smit\"@example.org and ann@b.test, no", "for …@example.org and …@b.test, no"),
            ("\"@@ “żan@b.test”", "…@…@ “…@b.test”"),
            ("no: bounces+jan.smit=40example.org", "no: …=40example.org"),
            ("client 192.0.2.1 is blocked", "client 192.0.2.1 is blocked"),
        ] {
            assert_eq!(without_recipients(said, recipient), told, "{said}");
        }
        let tagged = "zoe.q+x@example.org";
        assert_eq!(without_recipients("denied user zoe.q, zoe.q+x", tagged), "denied user …, …");
        let quoted = "\"ann b\"@example.org";
        for said in ["<ann b@example.org>", "<\"ann b\"@example.org>"] {
            assert!(!without_recipients(said, quoted).contains("ann"), "{said}");
        }
        let refused = |stage| Failure {
            reply: Some(Reply { code: 550, enhanced: None, text: "not as Jan.Smit@example.org".to_owned() }),
            ..Failure::new(stage, Code::SenderRejected)
        };
        assert!(relay_failure(&refused(Stage::Sender), recipient).contains("Jan.Smit"), "the sender's own");
        for stage in [Stage::Recipient, Stage::Message] {
            let told = relay_failure(&refused(stage), recipient);
            assert!(!told.contains("Smit") && told.contains("not as …@example.org"), "{told}");
        }
    }
}
