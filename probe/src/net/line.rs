//! A connection that is read line by line, bounded: whatever a server sends, no more than this is held.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::catalogue::Reason;
use crate::outcome::{Fault, Said};

/// The longest line that is taken.
pub const LONGEST_LINE: usize = 64 << 10;
/// The largest literal or message that is taken.
pub const LARGEST_MESSAGE: usize = 4 << 20;
/// The most that the answer to what was sent may have, all of it.
pub const LARGEST_ANSWER: usize = 16 << 20;
/// What a line or a response costs beside its bytes: an endless answer of tiny ones has an end, too.
const PIECE: usize = 128;

/// A TCP or TLS stream. `None` only while a handshake is under way.
pub(super) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection with a bounded buffer. Reads are safe to cancel: what has come stays.
pub struct Line {
    io: Option<Io>,
    buffer: BytesMut,
    /// Bytes taken of the answer that is being read.
    answer: usize,
}

impl Line {
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self { io: Some(Io::Plain(stream)), buffer: BytesMut::new(), answer: 0 }
    }

    /// Whether what is written is hidden from the network.
    pub fn encrypted(&self) -> bool {
        matches!(self.io, Some(Io::Tls(_)))
    }

    pub fn local_address(&self) -> Option<std::net::SocketAddr> {
        self.tcp()?.local_addr().ok()
    }

    /// The next line without its line break.
    ///
    /// # Errors
    /// `connection_dropped` at the end of the stream, `protocol_violation` for what is larger than we take.
    pub async fn line(&mut self) -> Result<Bytes, Fault> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let end = searched + at;
                if end > LONGEST_LINE {
                    return Err(self.too_large("a line", LONGEST_LINE));
                }
                self.count(end + 1)?;
                let mut line = self.buffer.split_to(end + 1).freeze();
                line.truncate(end);
                if line.last() == Some(&b'\r') {
                    line.truncate(line.len() - 1);
                }
                return Ok(line);
            }
            searched = self.buffer.len();
            if searched > LONGEST_LINE {
                return Err(self.too_large("a line", LONGEST_LINE));
            }
            self.fill().await?;
        }
    }

    /// The next line; of a longer one than is taken its beginning, the rest is read and dropped. For a message's body:
    /// strangers send what they like.
    ///
    /// # Errors
    /// `connection_dropped` at the end of the stream.
    pub async fn cut_line(&mut self) -> Result<Bytes, Fault> {
        let mut searched = 0;
        let mut start = None;
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let end = searched + at;
                let mut line = self.buffer.split_to(end + 1).freeze();
                line.truncate(end);
                if line.last() == Some(&b'\r') {
                    line.truncate(line.len() - 1);
                }
                return Ok(start.unwrap_or(line));
            }
            searched = self.buffer.len();
            if searched > LONGEST_LINE {
                let dropped = self.buffer.split();
                start.get_or_insert_with(|| Bytes::copy_from_slice(&dropped[..LONGEST_LINE]));
                searched = 0;
            }
            self.fill().await?;
        }
    }

    /// Exactly so many bytes.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub async fn exactly(&mut self, size: usize) -> Result<Bytes, Fault> {
        if size > LARGEST_MESSAGE {
            return Err(self.too_large("a message", LARGEST_MESSAGE));
        }
        self.count(size)?;
        while self.buffer.len() < size {
            self.fill().await?;
        }
        Ok(self.buffer.split_to(size).freeze())
    }

    /// Sends, and asks the kernel to acknowledge at once what comes back: a server whose first answer waits for the
    /// acknowledgement of something else (Nagle) would show our kernel's 40 ms as its own.
    ///
    /// # Errors
    /// `connection_dropped`.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.answer = 0;
        let io = self.io.as_mut().ok_or_else(closed)?;
        io.write_all(bytes).await.map_err(|error| dropped(&error))?;
        io.flush().await.map_err(|error| dropped(&error))?;
        self.quick();
        Ok(())
    }

    /// What comes now answers nothing that was sent: its bound is counted from here.
    pub fn answer_begins(&mut self) {
        self.answer = 0;
    }

    /// One more piece of the answer, which takes memory beside its bytes.
    ///
    /// # Errors
    /// `protocol_violation` for what is larger than we take.
    pub fn piece(&mut self) -> Result<(), Fault> {
        self.count(PIECE)
    }

    /// Whether something has come that was not asked for.
    pub fn has_unread(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Whether the stream is open and nothing has come that was not asked for.
    pub fn is_quiet(&mut self) -> bool {
        let waits = self.io.as_mut().is_some_and(|io| io.read_buf(&mut self.buffer).now_or_never().is_none());
        waits && self.buffer.is_empty()
    }

    /// Ends the stream; errors do not matter any more.
    pub async fn shut(mut self) {
        if let Some(io) = self.io.as_mut() {
            io.shutdown().await.ok();
        }
    }

    pub(super) fn take_plain(&mut self) -> Result<TcpStream, Fault> {
        match self.io.take() {
            Some(Io::Plain(stream)) => Ok(stream),
            other => {
                self.io = other;
                Err(Fault::new(Reason::InternalError, "TLS inside TLS"))
            }
        }
    }

    pub(super) fn put_tls(&mut self, stream: TlsStream<TcpStream>) {
        self.io = Some(Io::Tls(Box::new(stream)));
        self.quick();
    }

    /// The server's own certificate, as DER.
    pub(super) fn leaf(&self) -> Option<Bytes> {
        match self.io.as_ref()? {
            Io::Plain(_) => None,
            Io::Tls(stream) => {
                let chain = stream.get_ref().1.peer_certificates()?;
                chain.first().map(|leaf| Bytes::copy_from_slice(leaf))
            }
        }
    }

    /// The stream itself, for a protocol that is not made of lines.
    pub(super) fn into_io(mut self) -> Result<Io, Fault> {
        if self.has_unread() {
            return Err(Fault::new(Reason::ProtocolViolation, "the server spoke before it was asked"));
        }
        self.io.take().ok_or_else(closed)
    }

    fn tcp(&self) -> Option<&TcpStream> {
        self.io.as_ref().map(Io::tcp)
    }

    fn quick(&self) {
        self.io.as_ref().map(Io::quick);
    }

    async fn fill(&mut self) -> Result<(), Fault> {
        let io = self.io.as_mut().ok_or_else(closed)?;
        self.buffer.reserve(4096);
        match io.read_buf(&mut self.buffer).await {
            Ok(0) if self.buffer.is_empty() => {
                Err(Fault::new(Reason::ConnectionDropped, "the server closed the connection"))
            }
            Ok(0) => Err(Fault::new(
                Reason::ConnectionDropped,
                &format!("the server closed the connection after: {}", Said::bytes(&self.buffer)),
            )),
            Ok(_) => Ok(()),
            Err(error) => Err(dropped(&error)),
        }
    }

    fn count(&mut self, size: usize) -> Result<(), Fault> {
        self.answer += size;
        if self.answer > LARGEST_ANSWER {
            return Err(self.too_large("an answer", LARGEST_ANSWER));
        }
        Ok(())
    }

    fn too_large(&self, what: &str, most: usize) -> Fault {
        let start: String = Said::bytes(&self.buffer).as_str().chars().take(80).collect();
        Fault::new(Reason::ProtocolViolation, &format!("{what} of more than {most} bytes, from: {start}"))
    }
}

fn closed() -> Fault {
    Fault::new(Reason::ConnectionDropped, "the connection is closed")
}

pub(super) fn dropped(error: &io::Error) -> Fault {
    let reason = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        // A stream that does not decrypt was tampered with or cut in the middle.
        Some(_) => Reason::TlsFailed,
        None => Reason::ConnectionDropped,
    };
    Fault::new(reason, &error.to_string())
}

impl Io {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    pub(super) fn quick(&self) {
        // Only a hint: without it we are slower, not wrong.
        self.tcp().set_quickack(true).ok();
    }

    fn pinned(&mut self) -> Pin<&mut (dyn Stream + '_)> {
        match self {
            Self::Plain(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(stream),
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.pinned().poll_read(cx, buf)
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.pinned().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pinned().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pinned().poll_shutdown(cx)
    }
}
