//! `ownpost_smtp::client`: the client over a stream in memory, with the same code as over TLS.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ownpost_domain::failure::{Failure, FailureCode, Reply};
use ownpost_smtp::client::Client;
use ownpost_smtp::{BeforeCommit, Mail, Timeouts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

struct Open;

#[async_trait]
impl BeforeCommit for Open {
    async fn commit(&self, _: usize) -> bool {
        true
    }
}

fn mail(to: &str) -> Mail {
    let message = format!("Subject: to {to}\n\n.dots\n");
    Mail { from: "noreply@example.org".into(), to: to.into(), message: message.into_bytes().into() }
}

#[tokio::test]
async fn a_batch_over_a_stream_in_memory() {
    let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
    let server = tokio::spawn(async move {
        let mut heard = String::new();
        let mut buffer = [0; 4096];
        theirs.write_all(b"220 relay.test\r\n").await.unwrap();
        for answer in ["250-relay.test\r\n250 8BITMIME", "250 a", "250 b", "354 c", "250 done", "221 bye"] {
            let read = theirs.read(&mut buffer).await.unwrap();
            heard.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
            // The client does not wait for the answer to QUIT.
            let _ = theirs.write_all(format!("{answer}\r\n").as_bytes()).await;
        }
        heard
    });
    let mut stream = Some(ours);
    let connect = || {
        let next = stream.take().ok_or_else(|| std::io::ErrorKind::ConnectionRefused.into());
        std::future::ready(next)
    };
    let mut client = Client::new(connect, "client.test", Timeouts::SEND);
    let results = client.send(&[mail("one@example.net"), mail("no address")], &Open).await;
    client.quit().await;
    assert_eq!(results[0].as_ref().unwrap().as_ref().unwrap().text, "done");
    assert!(matches!(results[1], Some(Err(_))));
    assert_eq!(
        server.await.unwrap(),
        "EHLO client.test\r\nMAIL FROM:<noreply@example.org>\r\nRCPT TO:<one@example.net>\r\nDATA\r\n\
         Subject: to one@example.net\r\n\r\n..dots\r\n.\r\nQUIT\r\n"
    );
}

/// Records the order of commits and results. Its deadline passes once it has committed so many mails.
#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<String>>,
    commits: AtomicUsize,
    most: usize,
}

#[async_trait]
impl BeforeCommit for Recorder {
    async fn commit(&self, index: usize) -> bool {
        self.events.lock().unwrap().push(format!("commit {index}"));
        self.commits.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn finished(&self, index: usize, result: &Result<Reply, Failure>) {
        let result =
            result.as_ref().map_or_else(|failure| failure.code.code().to_owned(), |r| r.code.to_string());
        self.events.lock().unwrap().push(format!("finished {index} {result}"));
    }

    fn deadline_passed(&self) -> bool {
        self.commits.load(Ordering::Relaxed) >= self.most
    }
}

#[tokio::test]
async fn a_result_is_reported_when_its_reply_is_read() {
    let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
    let gate = Arc::new(Recorder { most: usize::MAX, ..Recorder::default() });
    let seen = Arc::clone(&gate);
    let server = tokio::spawn(async move {
        let mut buffer = [0; 4096];
        theirs.write_all(b"220 relay.test\r\n").await.unwrap();
        for answer in ["250 relay.test", "250 a", "250 b", "354 c", "250 first", "250 a", "250 b", "354 c"] {
            let _ = theirs.read(&mut buffer).await.unwrap();
            theirs.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        }
        // The second body is here, and its reply is not: the first mail's result must be known by now.
        let _ = theirs.read(&mut buffer).await.unwrap();
        let events = seen.events.lock().unwrap().clone();
        theirs.write_all(b"554 second\r\n").await.unwrap();
        events
    });
    let mut stream = Some(ours);
    let connect =
        || std::future::ready(stream.take().ok_or_else(|| std::io::ErrorKind::ConnectionRefused.into()));
    let mut client = Client::new(connect, "client.test", Timeouts::SEND);
    client.send(&[mail("one@example.net"), mail("two@example.net")], gate.as_ref()).await;
    assert_eq!(server.await.unwrap(), ["commit 0", "finished 0 250", "commit 1"]);
    let events = gate.events.lock().unwrap().clone();
    assert_eq!(events.last().unwrap(), "finished 1 message.rejected");
}

#[tokio::test]
async fn a_mail_that_was_committed_and_lost_before_its_end_has_a_failure() {
    let (ours, mut theirs) = tokio::io::duplex(1024);
    let server = tokio::spawn(async move {
        let mut buffer = [0; 4096];
        theirs.write_all(b"220 relay.test\r\n").await.unwrap();
        for answer in ["250 relay.test", "250 a", "250 b", "354 c"] {
            let _ = theirs.read(&mut buffer).await.unwrap();
            theirs.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        }
        // It closes in the middle of the body.
        let _ = theirs.read(&mut buffer).await.unwrap();
    });
    let mut stream = Some(ours);
    let connect =
        || std::future::ready(stream.take().ok_or_else(|| std::io::ErrorKind::ConnectionRefused.into()));
    let gate = Recorder { most: 1, ..Recorder::default() };
    let mut client = Client::new(connect, "client.test", Timeouts::SEND);
    let long = Mail { message: vec![b'x'; 256 * 1024].into(), ..mail("one@example.net") };
    let results = client.send(&[long, mail("two@example.net")], &gate).await;
    server.await.unwrap();
    let failure = results[0].as_ref().expect("a result").as_ref().unwrap_err();
    assert_eq!(failure.code, FailureCode::ProtocolDisconnected);
    assert!(results[1].is_none(), "the deadline has passed");
    assert_eq!(*gate.events.lock().unwrap(), ["commit 0", "finished 0 protocol.disconnected"]);
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_a_body_ends_that_mail_alone() {
    let (first, mut theirs) = tokio::io::duplex(1024);
    let (second, mut later) = tokio::io::duplex(1024);
    let refusing = tokio::spawn(async move {
        let mut buffer = [0; 4096];
        theirs.write_all(b"220 relay.test\r\n").await.unwrap();
        for answer in ["250-relay.test\r\n250 PIPELINING", "250 a\r\n250 b\r\n354 c"] {
            let _ = theirs.read(&mut buffer).await.unwrap();
            theirs.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        }
        let mut heard = Vec::new();
        let read = theirs.read(&mut buffer).await.unwrap();
        heard.extend_from_slice(&buffer[..read]);
        // It refuses and reads on, and would refuse once more after the dot.
        theirs.write_all(b"552 5.3.4 too big\r\n").await.unwrap();
        theirs.read_to_end(&mut heard).await.unwrap();
        heard
    });
    let taking = tokio::spawn(async move {
        let mut buffer = [0; 4096];
        later.write_all(b"220 relay.test\r\n").await.unwrap();
        for answer in ["250 relay.test", "250 a", "250 b", "354 c", "250 taken"] {
            let _ = later.read(&mut buffer).await.unwrap();
            later.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        }
    });
    let mut streams = vec![second, first];
    let connect =
        || std::future::ready(streams.pop().ok_or_else(|| std::io::ErrorKind::ConnectionRefused.into()));
    let mut client = Client::new(connect, "client.test", Timeouts::SEND);
    let long = Mail { message: vec![b'x'; 256 * 1024].into(), ..mail("one@example.net") };
    let results = client.send(&[long, mail("two@example.net")], &Open).await;
    taking.await.unwrap();
    drop(client);
    let failure = results[0].as_ref().expect("a result").as_ref().unwrap_err();
    assert_eq!((failure.code, failure.reply.as_ref().unwrap().code), (FailureCode::MessageRejected, 552));
    assert_eq!(results[1].as_ref().expect("a result").as_ref().unwrap().text, "taken");
    let heard = String::from_utf8(refusing.await.unwrap()).unwrap();
    assert!(!heard.contains("\r\n.\r\n"), "the dot does not leave");
}
