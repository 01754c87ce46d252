//! Connections: accepting, reading lines, answering, and the faults of the wire.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    door::Door,
    fault::{Fault, Protocol},
    http, imap, pop3,
    shared::Shared,
    smtp,
};

/// The longest line that is read.
pub(crate) const MAX_LINE: usize = 64 * 1024;
/// The most connections at a time; one more is closed at once.
const MAX_CONNECTIONS: usize = 512;
/// How long a client may be silent.
pub(crate) const SILENCE: Duration = Duration::from_secs(30 * 60);
const CLOSING: Duration = Duration::from_secs(2);

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
    let id = shared.number();
    let Some(protocol) = door.listener.protocol() else {
        let shared = Arc::clone(shared);
        let plain = !door.listener.is_implicit_tls();
        shared.clone().tracker.spawn(http::connection(shared, stream, peer, id, plain));
        return;
    };
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
        // Spoken over HTTP, and there are no lines.
        Protocol::Ews | Protocol::Autodiscover | Protocol::Owa | Protocol::Caldav => Ok(()),
    };
    if ended.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::InvalidData) {
        conn.reply(match protocol {
            Protocol::Smtp => "500 5.5.2 Line too long",
            Protocol::Imap => "* BYE Line too long",
            _ => "-ERR Line too long",
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
            _ => vec![b'x'; 4096],
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
        let acceptor = self.shared.tls.show(self.fault().as_ref()).acceptor();
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let shaken = timeout(SILENCE, acceptor.accept(plain)).await;
        self.stream = Box::new(shaken.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??);
        self.tls = true;
        Ok(())
    }
}

/// Bytes without any sense, ending in a line end.
pub(crate) fn noise(count: usize) -> Vec<u8> {
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
