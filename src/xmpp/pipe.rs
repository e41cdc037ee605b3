//! A stream of elements, in and out, over any [`Link`].
//!
//! Never blocks and never fails for what a stranger sends: an element that cannot be read is
//! [`Received::Refused`] and the stream goes on. Belongs to one [`super::session::Session`].

use super::link::Link;
use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use thingfleet_device::{ns, xml::Element};
use thingfleet_link::xmpp::{
    frame::{Framer, Limits, NotXml},
    receive::{Reader, Received},
    signing_on::write_header,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// Bytes taken from the link at a time.
const READ: usize = 4096;

thread_local! {
    /// What all streams of a thread are read with, so that none of them holds a parser.
    static READER: RefCell<Reader> = RefCell::default();
}

/// Why reading ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    NotXml(#[from] NotXml),
    #[error("the server closed the connection")]
    Eof,
}

/// A stanza stream.
pub(super) struct Pipe {
    link: Link,
    framer: Framer,
    out: String,
    /// Bytes of `out` that are written.
    written: usize,
    flushed: bool,
    heard: Instant,
}

impl Pipe {
    /// A pipe on a link on which the header of a stream was sent.
    pub(super) fn begun(link: Link) -> Self {
        let mut framer = Framer::new(Limits::HOST);
        framer.restart();
        Self { link, framer, out: String::new(), written: 0, flushed: true, heard: Instant::now() }
    }

    /// A pipe on a link on which it begins a stream.
    pub(super) fn begin(link: Link, domain: &str) -> Self {
        let mut pipe = Self::begun(link);
        pipe.begin_stream(domain);
        pipe
    }

    /// Begins a stream, the first or the next one on this link: queues its header and expects the server's.
    pub(super) fn begin_stream(&mut self, domain: &str) {
        self.framer.restart();
        write_header(domain, &mut self.out);
        self.flushed = false;
    }

    /// Bytes that came in and have not been looked at.
    pub(super) fn unread(&self) -> usize {
        self.framer.unread()
    }

    /// What is under it.
    pub(super) fn into_link(self) -> Link {
        self.link
    }

    /// Queues an element, which [`Self::poll_flush`] writes; gives its text.
    pub(super) fn queue(&mut self, element: &Element) -> &str {
        let start = self.out.len();
        element.write_to(&mut self.out, ns::CLIENT);
        self.flushed = false;
        &self.out[start..]
    }

    /// Queues bytes as they are.
    pub(super) fn queue_raw(&mut self, text: &str) {
        self.out.push_str(text);
        self.flushed = false;
    }

    /// Queues the end of the stream.
    pub(super) fn queue_footer(&mut self) {
        self.out.push_str("</stream:stream>");
        self.flushed = false;
    }

    /// Bytes queued and not yet taken by the link.
    pub(super) fn unsent(&self) -> usize {
        self.out.len() - self.written
    }

    /// When the server was last heard of.
    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    /// Writes all that is queued.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.flushed {
            return Poll::Ready(Ok(()));
        }
        while self.written < self.out.len() {
            let rest = &self.out.as_bytes()[self.written..];
            match ready!(Pin::new(&mut self.link).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        // A silent session holds no buffer.
        self.out = String::new();
        self.written = 0;
        ready!(Pin::new(&mut self.link).poll_flush(cx))?;
        self.flushed = true;
        Poll::Ready(Ok(()))
    }

    /// Closes the link's sending side.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.link).poll_shutdown(cx)
    }

    /// Reads the next element.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, ReadError>> {
        loop {
            if let Some(frame) = self.framer.frame()? {
                let received = READER.with_borrow_mut(|reader| reader.receive(&frame, Limits::HOST));
                return Poll::Ready(Ok(received));
            }
            let mut chunk = [0; READ];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut self.link).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Err(ReadError::Eof));
            }
            self.heard = Instant::now();
            self.framer.push(chunk.filled());
        }
    }

    /// Writes all that is queued.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Reads the next element.
    pub(super) async fn next(&mut self) -> Result<Received, ReadError> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}
