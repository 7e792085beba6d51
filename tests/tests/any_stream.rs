//! `ownpost_smtp::client`: the client over a stream in memory, with the same code as over TLS.

use async_trait::async_trait;
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
