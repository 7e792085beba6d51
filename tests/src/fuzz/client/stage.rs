//! The streams: the server's script, its timing, and a record of both sides.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Stage direction: the server waits until the client has written something more.
pub const TURN: u8 = 0xff;
/// Stage direction: the connection ends; the next one gets the rest of the script.
pub const NEXT: u8 = 0xfe;
/// Stage direction: the server is silent for 65 seconds, longer than most steps of the client may take.
pub const STALL: u8 = 0xfd;
/// Stage direction: the bytes before and after this come in two reads.
pub const SPLIT: u8 = 0xfc;
/// Stage direction: the client's writes fail from here on.
pub(super) const BROKEN: u8 = 0xfb;

/// The scripts of the connections to come, and the record of those so far.
pub(super) struct Stage {
    scripts: VecDeque<VecDeque<u8>>,
    /// Whether a script at its end keeps the connection open.
    silent: bool,
    /// The connections so far, in their order.
    pub(super) connections: Vec<Connection>,
}

/// The record of one connection, in order.
#[derive(Default)]
pub(super) struct Connection {
    /// The reads and writes of the client.
    pub(super) events: Vec<Event>,
}

/// A read or a write of the client.
pub(super) enum Event {
    /// Bytes that the server sent.
    Said(Vec<u8>),
    /// Bytes that the client wrote.
    Wrote(Vec<u8>),
}

impl Connection {
    /// All bytes that the client wrote.
    pub(super) fn written(&self) -> Vec<u8> {
        let wrote = self.events.iter().filter_map(|event| match event {
            Event::Wrote(bytes) => Some(bytes.as_slice()),
            Event::Said(_) => None,
        });
        wrote.collect::<Vec<_>>().concat()
    }
}

impl Stage {
    /// Divides the script among connections.
    pub(super) fn new(script: &[u8], silent: bool) -> Self {
        let scripts = script.split(|&byte| byte == NEXT).map(|part| part.iter().copied().collect()).collect();
        Self { scripts, silent, connections: Vec::new() }
    }
}

/// The client's end of one connection.
pub(super) struct Stream {
    stage: Rc<RefCell<Stage>>,
    number: usize,
    script: VecDeque<u8>,
    silent: bool,
    /// Whether the client has written since the server's last bytes.
    heard: bool,
    broken: bool,
    stall: Option<Pin<Box<Sleep>>>,
}

impl ownpost_smtp::Carrier for Stream {}

impl Stream {
    /// Opens a new connection. It is refused after `most` connections, and when the script is at its end.
    pub(super) fn open(stage: &Rc<RefCell<Stage>>, most: usize) -> io::Result<Self> {
        let mut world = stage.borrow_mut();
        let number = world.connections.len();
        let script = world.scripts.pop_front().filter(|_| number < most);
        let script = script.ok_or(io::ErrorKind::ConnectionRefused)?;
        world.connections.push(Connection::default());
        let silent = world.silent;
        Ok(Self { stage: Rc::clone(stage), number, script, silent, heard: false, broken: false, stall: None })
    }

    fn record(&self, event: Event) {
        self.stage.borrow_mut().connections[self.number].events.push(event);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if let Some(stall) = &mut self.stall {
                if stall.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.stall = None;
            }
            match self.script.front() {
                // No waker is stored: the client reads and writes in turn, so only a deadline ends this wait.
                Some(&TURN) if !self.heard => return Poll::Pending,
                Some(&STALL) => self.stall = Some(Box::pin(tokio::time::sleep(Duration::from_secs(65)))),
                Some(&BROKEN) => self.broken = true,
                Some(&(TURN | SPLIT)) => {}
                None if self.silent => return Poll::Pending,
                None => return Poll::Ready(Ok(())),
                Some(_) => {
                    let mut said = Vec::new();
                    while buffer.remaining() > said.len()
                        && let Some(byte) = self.script.pop_front_if(|byte| *byte < BROKEN)
                    {
                        said.push(byte);
                    }
                    buffer.put_slice(&said);
                    self.heard = false;
                    self.record(Event::Said(said));
                    return Poll::Ready(Ok(()));
                }
            }
            self.script.pop_front();
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.heard = true;
        self.record(Event::Wrote(bytes.to_vec()));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
