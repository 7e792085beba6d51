use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::relays::certificates::Authority;
use crate::store::Store;

fn identity() -> Identity {
    let now = jiff::Timestamp::now();
    Identity {
        name: "customer",
        username: "customer".into(),
        password: "pass word".into(),
        certificate: Certificate::new(Authority::generate().unwrap(), "customer", now).unwrap(),
    }
}

/// The relay's replies to these lines, sent at once, and the mails that it has stored.
async fn dialogue(secure: bool, client: &str) -> (Vec<String>, Vec<Vec<u8>>) {
    let store = Arc::new(Store::in_memory(Arc::new(jiff::Timestamp::now)).unwrap());
    let identity = identity();
    let (mut ours, theirs) = tokio::io::duplex(1 << 16);
    ours.write_all(client.as_bytes()).await.unwrap();
    ours.shutdown().await.unwrap();
    let mut lines = Lines::new(theirs);
    // A dialogue that breaks off in the middle of a message ends with an error.
    let _ = Session::new(&identity, &store, secure, &AtomicBool::default()).talk(&mut lines).await;
    let _ = lines.flush().await;
    drop(lines);
    let mut said = String::new();
    ours.read_to_string(&mut said).await.unwrap();
    let mut mails = Vec::new();
    for mail in store.caught_before(i64::MAX, 100).await.unwrap() {
        mails.push(store.caught(mail.id).await.unwrap().unwrap());
    }
    (said.split_terminator("\r\n").map(str::to_owned).collect(), mails)
}

const PLAIN: &str = "EHLO me.example\r\nAUTH PLAIN AGN1c3RvbWVyAHBhc3Mgd29yZA==\r\n";
/// Lines of the answer to `PLAIN`.
const PLAIN_ANSWER: usize = 8;

#[tokio::test]
async fn a_pipelined_mail_is_kept_as_it_is() {
    let client = format!(
        "{PLAIN}MAIL FROM:<a@x.org> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<b@y.org>\r\nRCPT TO:<\"q>q\"@y.org>\r\n\
         DATA\r\nSubject: hi\r\n\r\n..dot\r\n.\r\nQUIT\r\n"
    );
    let (said, mails) = dialogue(true, &client).await;
    let codes: Vec<_> = said[PLAIN_ANSWER - 1..].iter().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["235", "250", "250", "250", "354", "250", "221"], "{said:?}");
    assert_eq!(mails, [b"Subject: hi\r\n\r\n.dot\r\n".to_vec()]);
}

#[tokio::test]
async fn ehlo_names_the_extensions_of_its_stage() {
    let (plain, _) = dialogue(false, "EHLO me.example\r\n").await;
    assert!(plain.contains(&"250-STARTTLS".to_owned()) && !plain.iter().any(|line| line.contains("AUTH")));
    let (secure, _) = dialogue(true, "EHLO me.example\r\n").await;
    assert!(secure.contains(&"250-AUTH PLAIN LOGIN".to_owned()));
    assert!(!secure.iter().any(|line| line.contains("STARTTLS")));
    for keyword in ["250-PIPELINING", "250-8BITMIME", "250-SMTPUTF8", "250 SIZE 37748736"] {
        assert!(plain.iter().any(|line| line == keyword), "{keyword}: {plain:?}");
    }
}

#[tokio::test]
async fn wrong_commands_and_messages_are_refused() {
    let message = |body: &str| {
        format!("{PLAIN}MAIL FROM:<a@x.org>\r\nRCPT TO:<b@y.org>\r\nDATA\r\n{body}\r\n.\r\nNOOP\r\n")
    };
    let authenticated = |command: &str| format!("{PLAIN}{command}\r\nNOOP\r\n");
    let mail = |command: &str| format!("{PLAIN}MAIL FROM:<a@x.org>\r\n{command}\r\nNOOP\r\n");
    // Encrypted or not, the client's lines, and the beginning of the last but one reply; the last reply shows that
    // commands and replies are still in step.
    let cases = [
        (false, "EHLO me\r\nMAIL FROM:<a@x.org>\r\nNOOP\r\n".into(), "530 5.7.0"),
        (false, "EHLO me\r\nAUTH PLAIN AAAA\r\nNOOP\r\n".into(), "530 5.7.0"),
        (true, "EHLO me\r\nMAIL FROM:<a@x.org>\r\nNOOP\r\n".into(), "530 5.7.0"),
        (true, "AUTH PLAIN AAAA\r\nNOOP\r\n".into(), "503 5.5.1"),
        (true, "EHLO me\r\nAUTH PLAIN AGN1c3RvbWVyAHdyb25n\r\nNOOP\r\n".into(), "535 5.7.8"),
        (true, "EHLO me\r\nAUTH PLAIN !!\r\nNOOP\r\n".into(), "501 5.5.2"),
        (true, "EHLO me\r\nAUTH LOGIN\r\n*\r\nNOOP\r\n".into(), "501 5.5.2"),
        (true, "EHLO me\r\nAUTH CRAM-MD5\r\nNOOP\r\n".into(), "504 5.5.4"),
        (true, "EHLO me\nNOOP\r\n".into(), "500 5.5.2"),
        (true, format!("{}\r\nNOOP\r\n", "x".repeat(5000)), "500 5.5.2"),
        (true, "HELO me\r\nNOOP\r\n".into(), "502 5.5.1"),
        (true, authenticated("MAIL FROM:a@x.org"), "501 5.5.4"),
        (true, authenticated("MAIL FROM:<a@x.org> SIZE=99999999999"), "552 5.3.4"),
        (true, authenticated("MAIL FROM:<a@x.org> RET=HDRS"), "555 5.5.4"),
        (true, authenticated("MAIL FROM:<\u{e9}@x.org>"), "553 5.6.7"),
        (true, authenticated("RCPT TO:<a@x.org>"), "503 5.5.1"),
        (true, authenticated("DATA"), "503 5.5.1"),
        (true, mail("DATA"), "554 5.5.1"),
        (true, mail("RCPT TO:<nobody>"), "553 5.1.3"),
        (true, mail("RCPT TO:<>"), "553 5.1.3"),
        (true, mail("MAIL FROM:<a@x.org>"), "503 5.5.1"),
        (true, message("bare\nLF"), "554 5.6.0"),
        (true, message("bare\rCR"), "554 5.6.0"),
        (true, message("smuggled\n.\r\nMAIL"), "554 5.6.0"),
        (true, message(&"x".repeat(1200)), "554 5.6.0"),
        (true, message(&format!("{}\n.\r\nMAIL", "x".repeat(1200))), "554 5.6.0"),
        (true, message(&format!("{}\n.\r\nMAIL", "x".repeat(20_000))), "554 5.6.0"),
    ];
    for (secure, client, expected) in cases {
        let (said, mails) = dialogue(secure, &client).await;
        let [.., answer, noop] = said.as_slice() else { panic!("{client:?}: {said:?}") };
        assert!(answer.starts_with(expected), "{client:?}: {said:?}");
        assert!(noop.starts_with("250"), "{client:?}: {said:?}");
        assert!(mails.is_empty(), "{client:?}");
    }
}

#[tokio::test]
async fn auth_login_and_an_address_in_utf8_are_taken() {
    let client =
        "EHLO me\r\nAUTH LOGIN\r\nY3VzdG9tZXI=\r\ncGFzcyB3b3Jk\r\nMAIL FROM:<\u{e9}@x.org> SMTPUTF8\r\n";
    let (said, _) = dialogue(true, client).await;
    assert_eq!(
        said[7..],
        ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 Authentication succeeded", "250 2.1.0 Sender OK"]
    );
}

#[tokio::test]
async fn guessing_injection_and_half_a_message_end_the_connection() {
    let wrong = "AUTH PLAIN AGN1c3RvbWVyAHdyb25n\r\n";
    let (said, _) = dialogue(true, &format!("EHLO me\r\n{wrong}{wrong}{wrong}NOOP\r\n")).await;
    assert!(said.last().is_some_and(|line| line.starts_with("421 4.7.0")), "guessing ends: {said:?}");
    let (said, _) = dialogue(false, "EHLO me\r\nSTARTTLS\r\nNOOP\r\n").await;
    assert!(said.last().is_some_and(|line| line.starts_with("554 5.5.0")), "injection ends: {said:?}");
    let cut = format!("{PLAIN}MAIL FROM:<a@x.org>\r\nRCPT TO:<b@y.org>\r\nDATA\r\nhalf a mes");
    let (_, mails) = dialogue(true, &cut).await;
    assert!(mails.is_empty(), "half a message is none");
}
