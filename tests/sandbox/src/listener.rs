//! Listeners and connections: accepting, reading lines, answering, and the faults of the wire.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use socket2::{Domain, SockRef, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use crate::{
    Ports,
    fault::{Fault, Protocol},
    imap, pop3,
    shared::Shared,
    smtp,
};

/// The longest line that is read.
pub(crate) const MAX_LINE: usize = 64 * 1024;
/// The most connections at a time; one more is closed at once.
const MAX_CONNECTIONS: usize = 512;
/// How long a client may be silent.
const SILENCE: Duration = Duration::from_secs(30 * 60);
const CLOSING: Duration = Duration::from_secs(2);

/// One of the six listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Listener {
    /// SMTP submission with STARTTLS.
    Submission,
    /// SMTP submission over TLS.
    Submissions,
    /// IMAP with STARTTLS.
    Imap,
    /// IMAP over TLS.
    Imaps,
    /// POP3 with STLS.
    Pop3,
    /// POP3 over TLS.
    Pop3s,
}

impl Listener {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Submission, Self::Submissions, Self::Imap, Self::Imaps, Self::Pop3, Self::Pop3s];

    /// The name as text: `submission`, `submissions`, `imap`, `imaps`, `pop3`, `pop3s`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Imap => "imap",
            Self::Imaps => "imaps",
            Self::Pop3 => "pop3",
            Self::Pop3s => "pop3s",
        }
    }

    /// The protocol spoken there.
    #[must_use]
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Submission | Self::Submissions => Protocol::Smtp,
            Self::Imap | Self::Imaps => Protocol::Imap,
            Self::Pop3 | Self::Pop3s => Protocol::Pop3,
        }
    }

    /// Whether TLS comes before the first word.
    #[must_use]
    pub const fn is_implicit_tls(self) -> bool {
        matches!(self, Self::Submissions | Self::Imaps | Self::Pop3s)
    }

    pub(crate) const fn port(self, ports: &Ports) -> u16 {
        match self {
            Self::Submission => ports.submission,
            Self::Submissions => ports.submissions,
            Self::Imap => ports.imap,
            Self::Imaps => ports.imaps,
            Self::Pop3 => ports.pop3,
            Self::Pop3s => ports.pop3s,
        }
    }
}

enum State {
    Open(Arc<TcpListener>),
    /// Bound, so that nobody else takes the port, but not listening.
    Shut(Socket),
    Closed,
}

/// A listening port that can be shut and opened again, at once.
pub(crate) struct Door {
    pub(crate) listener: Listener,
    pub(crate) address: SocketAddr,
    state: Mutex<State>,
    changed: Notify,
}

impl Door {
    pub(crate) fn open(listener: Listener, address: SocketAddr) -> io::Result<Self> {
        let socket = bound(address)?;
        let open = listening(socket)?;
        let address = open.local_addr()?;
        Ok(Self { listener, address, state: Mutex::new(State::Open(Arc::new(open))), changed: Notify::new() })
    }

    /// From now on connecting is refused.
    pub(crate) fn shut(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Open(open) = &*state {
            hang_up(open);
            *state = State::Shut(bound(self.address)?);
            self.changed.notify_one();
        }
        Ok(())
    }

    /// From now on connecting works again.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Shut(socket) = &*state {
            *state = State::Open(Arc::new(listening(socket.try_clone()?)?));
            self.changed.notify_one();
        }
        Ok(())
    }

    pub(crate) fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Open(open) = &*state {
            hang_up(open);
        }
        *state = State::Closed;
        self.changed.notify_one();
    }

    /// The listener to accept from, if the door is open; an error if it never will be again.
    fn current(&self) -> Result<Option<Arc<TcpListener>>, ()> {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Open(open) => Ok(Some(Arc::clone(open))),
            State::Shut(_) => Ok(None),
            State::Closed => Err(()),
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listening(socket: Socket) -> io::Result<TcpListener> {
    socket.listen(128)?;
    TcpListener::from_std(socket.into())
}

/// Stops listening although the accepting task still holds the socket.
fn hang_up(open: &TcpListener) {
    // Where a listening socket cannot be shut down, the task closes it a moment later.
    SockRef::from(open).shutdown(std::net::Shutdown::Both).ok();
}

/// Accepts connections for as long as the sandbox runs.
pub(crate) async fn accept(shared: Arc<Shared>, door: Arc<Door>) {
    while let Ok(current) = door.current() {
        let Some(open) = current else {
            door.changed.notified().await;
            continue;
        };
        tokio::select! {
            () = door.changed.notified() => {}
            accepted = open.accept() => match accepted {
                Ok((stream, peer)) => admit(&shared, &door, stream, peer),
                Err(_) => {
                    // Shut down, or out of file descriptors: neither is worth spinning for.
                    drop(timeout(Duration::from_millis(50), door.changed.notified()).await);
                }
            },
        }
    }
}

fn admit(shared: &Arc<Shared>, door: &Door, stream: TcpStream, peer: SocketAddr) {
    if shared.tracker.len() > MAX_CONNECTIONS || stream.set_nodelay(true).is_err() {
        return;
    }
    let protocol = door.listener.protocol();
    let id = shared.number();
    shared.count(|counts| counts.session(protocol).connections += 1);
    shared.log(format!("{protocol}#{id} connection at {}", door.listener.name()));
    let implicit = door.listener.is_implicit_tls();
    let shared = Arc::clone(shared);
    let watch = shared.watch(protocol);
    shared.clone().tracker.spawn(async move {
        let ending = tokio::select! {
            () = shared.stopped.cancelled() => "the sandbox stops".to_owned(),
            () = cut(watch) => "cut".to_owned(),
            ended = session(&shared, stream, peer, protocol, id, implicit) => match ended {
                Ok(()) => "ended".to_owned(),
                Err(error) => error.to_string(),
            },
        };
        shared.log(format!("{protocol}#{id} closed: {ending}"));
    });
}

/// Returns when a fault comes up that ends open sessions.
async fn cut(mut watch: watch::Receiver<Option<Fault>>) {
    while watch.changed().await.is_ok() {
        if matches!(*watch.borrow_and_update(), Some(Fault::Cut | Fault::Refuse)) {
            return;
        }
    }
}

async fn session(
    shared: &Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    protocol: Protocol,
    id: u64,
    implicit: bool,
) -> io::Result<()> {
    let mut conn = Conn {
        shared: Arc::clone(shared),
        protocol,
        id,
        peer,
        tls: false,
        signed_in: false,
        greeted: false,
        stream: Box::new(stream),
        input: Vec::new(),
        output: Vec::new(),
    };
    if conn.fault() == Some(Fault::Stall) {
        return conn.stall().await;
    }
    if implicit {
        conn.upgrade().await?;
    }
    let ended = match protocol {
        Protocol::Smtp => smtp::session(&mut conn).await,
        Protocol::Imap => imap::session(&mut conn).await,
        Protocol::Pop3 => pop3::session(&mut conn).await,
    };
    if ended.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::InvalidData) {
        conn.reply(match protocol {
            Protocol::Smtp => "500 5.5.2 Line too long",
            Protocol::Imap => "* BYE Line too long",
            Protocol::Pop3 => "-ERR Line too long",
        })
        .await?;
    }
    if ended.is_ok() {
        drop(timeout(CLOSING, conn.stream.shutdown()).await);
    }
    ended
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection to a client.
pub(crate) struct Conn {
    pub(crate) shared: Arc<Shared>,
    pub(crate) protocol: Protocol,
    pub(crate) peer: SocketAddr,
    pub(crate) tls: bool,
    /// Set after the answer to a successful sign-in is out.
    pub(crate) signed_in: bool,
    id: u64,
    greeted: bool,
    stream: Box<dyn Wire>,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Conn {
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.shared.fault(self.protocol)
    }

    pub(crate) fn has(&self, fault: &Fault) -> bool {
        self.fault().as_ref() == Some(fault)
    }

    pub(crate) fn log(&self, who: char, text: &str) {
        self.shared.log(format!("{}#{} {who}: {text}", self.protocol, self.id));
    }

    /// Whether the client has sent more than was read.
    pub(crate) const fn has_more(&self) -> bool {
        !self.input.is_empty()
    }

    /// Whether something was put or said that is not sent yet.
    pub(crate) const fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Reads more; false at the end. Can be cancelled without losing anything.
    async fn fill(&mut self) -> io::Result<bool> {
        self.input.reserve(16 * 1024);
        let read = timeout(SILENCE, self.stream.read_buf(&mut self.input));
        let count = read.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(count > 0)
    }

    /// The next line with its line end; nothing when the client has closed.
    pub(crate) async fn raw_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.input[searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.input.drain(..=searched + at).collect();
                self.stall_if_so().await?;
                return Ok(Some(line));
            }
            searched = self.input.len();
            if searched > MAX_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "line too long"));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// The next line without its line end; nothing when the client has closed.
    pub(crate) async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line = self.raw_line().await?;
        Ok(line.map(|mut line| {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            line
        }))
    }

    /// Exactly that many bytes.
    pub(crate) async fn exact(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.input.len() < count {
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let bytes = self.input.drain(..count).collect();
        self.stall_if_so().await?;
        Ok(bytes)
    }

    /// Puts bytes into the answer, unlogged.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Puts a line into the answer.
    pub(crate) fn say(&mut self, line: &str) {
        self.log('S', line);
        self.put(line.as_bytes());
        self.put(b"\r\n");
    }

    /// Says a line and sends the answer.
    pub(crate) async fn reply(&mut self, line: &str) -> io::Result<()> {
        self.say(line);
        self.flush().await
    }

    /// Sends the greeting, after which a fault may close the connection.
    pub(crate) async fn greet(&mut self, line: &str) -> io::Result<()> {
        self.reply(line).await?;
        self.greeted = true;
        if self.has(&Fault::Cut) {
            return Err(io::Error::other("cut after the greeting"));
        }
        Ok(())
    }

    /// Sends what was put and said, as the fault that is on has it.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.stall_if_so().await?;
        let mut output = std::mem::take(&mut self.output);
        match self.fault() {
            Some(Fault::Slow(late)) => sleep(late).await,
            Some(Fault::Garbage) => output = noise(output.len().clamp(16, 512)),
            Some(Fault::Flood) if self.greeted => return self.flood().await,
            _ => {}
        }
        self.stream.write_all(&output).await?;
        self.stream.flush().await
    }

    async fn stall_if_so(&mut self) -> io::Result<()> {
        match self.fault() {
            Some(Fault::Stall) => self.stall().await,
            Some(Fault::StallAfterAuth) if self.signed_in => self.stall().await,
            _ => Ok(()),
        }
    }

    /// Never says a word again; returns an error when the client has gone.
    async fn stall(&mut self) -> io::Result<()> {
        self.log('S', "<stalls>");
        let mut ignored = [0; 4096];
        while self.stream.read(&mut ignored).await? > 0 {}
        Err(io::Error::other("stalled until the client went"))
    }

    /// Never stops answering; returns an error when the client has gone.
    async fn flood(&mut self) -> io::Result<()> {
        self.log('S', "<floods>");
        let block = match self.protocol {
            Protocol::Imap => b"* OK still here\r\n".repeat(256),
            Protocol::Smtp => b"250-still here\r\n".repeat(256),
            Protocol::Pop3 => vec![b'x'; 4096],
        };
        if self.protocol == Protocol::Pop3 {
            self.stream.write_all(b"+OK ").await?;
        }
        loop {
            self.stream.write_all(&block).await?;
            self.stream.flush().await?;
        }
    }

    /// Begins TLS, with the certificate that the fault has it show.
    pub(crate) async fn upgrade(&mut self) -> io::Result<()> {
        let acceptor = self.shared.tls.acceptor(self.fault().as_ref());
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let shaken = timeout(SILENCE, acceptor.accept(plain)).await;
        self.stream = Box::new(shaken.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??);
        self.tls = true;
        Ok(())
    }
}

/// Bytes without any sense, ending in a line end.
fn noise(count: usize) -> Vec<u8> {
    let mut seed = 0x2545_f491_u32;
    let mut bytes: Vec<u8> = (0..count)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0] | 0x80
        })
        .collect();
    bytes.extend_from_slice(b"\r\n");
    bytes
}
