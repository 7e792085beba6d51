//! A batch of ten thousand recipients holds its message once and a bounded piece of it besides. An allocator of this
//! test counts the memory, so the test has a file of its own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use async_trait::async_trait;
use ownpost_smtp::client::Client;
use ownpost_smtp::{BeforeCommit, Mail, Timeouts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

/// An allocator that counts the octets in use, and their maximum.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[allow(
    unsafe_code,
    reason = "an allocator has no other interface; each call goes to the system's as it came"
)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(live, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Open;

#[async_trait]
impl BeforeCommit for Open {
    async fn commit(&self, _: usize) -> bool {
        true
    }
}

/// A server that takes every mail: it answers each chunk of input that ends a message or an envelope.
async fn serve(mut stream: DuplexStream) {
    stream.write_all(b"220 sink.test\r\n").await.unwrap();
    let mut buffer = vec![0; 64 * 1024];
    let (mut kept, mut in_message) = (Vec::<u8>::new(), false);
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        if read == 0 {
            return;
        }
        kept.extend_from_slice(&buffer[..read]);
        let (mut replies, mut taken) = (String::new(), 0);
        while let Some(end) = kept[taken..].iter().position(|&b| b == b'\n') {
            let line = &kept[taken..=taken + end];
            taken += end + 1;
            match (in_message, line) {
                (true, b".\r\n") => {
                    in_message = false;
                    replies.push_str("250 taken\r\n");
                }
                (true, _) => {}
                (false, b"DATA\r\n") => {
                    in_message = true;
                    replies.push_str("354 go on\r\n");
                }
                (false, line) if line.starts_with(b"EHLO") => replies.push_str("250-x\r\n250 PIPELINING\r\n"),
                (false, _) => replies.push_str("250 ok\r\n"),
            }
        }
        kept.drain(..taken);
        // The client does not wait for the answer to QUIT.
        if stream.write_all(replies.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The most octets that sending so many mails of this size took, without the mails and their results.
async fn extra(count: usize, size: usize) -> usize {
    let message: Arc<[u8]> = "A line of a message, not long.\n".repeat(size / 31).into_bytes().into();
    let mail = |n| Mail {
        from: "noreply@example.org".into(),
        to: format!("someone{n:05}@example.net"),
        message: Arc::clone(&message),
    };
    let mails: Vec<Mail> = (0..count).map(mail).collect();
    let (ours, theirs) = tokio::io::duplex(16 * 1024);
    let server = tokio::spawn(serve(theirs));
    let mut stream = Some(ours);
    let connect = || std::future::ready(stream.take().ok_or_else(|| std::io::ErrorKind::NotFound.into()));
    let mut client = Client::new(connect, "client.test", Timeouts::SEND);

    let before = LIVE.load(Relaxed);
    MOST.store(before, Relaxed);
    let results = client.send(&mails, &Open).await;
    let most = MOST.load(Relaxed) - before;
    assert!(results.iter().all(|result| matches!(result, Some(Ok(_)))), "all were accepted");
    client.quit().await;
    server.await.unwrap();
    // The results belong to the caller, one for each mail: its slot, the text of its reply, and its place in the
    // queue.
    let slot = size_of_val(results.as_slice()) / count;
    most.saturating_sub(count * (slot + "taken".len() + size_of::<usize>() + 1))
}

#[tokio::test]
async fn a_batch_takes_constant_memory() {
    let few = extra(10, 500).await;
    let many = extra(10_000, 500).await;
    let large = extra(2, 2 * 1024 * 1024).await;
    assert!(many < few + 64 * 1024, "10 000 mails took {many} octets where 10 took {few}");
    assert!(large < 512 * 1024, "mails of 2 MB took {large} octets");
}
