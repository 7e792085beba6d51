//! Replies and failures as sentences for the ledger, in English.

use super::failure::{Failure, Reply};

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
}
