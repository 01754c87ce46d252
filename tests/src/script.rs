//! A scripted line server: SMTP, IMAP, POP3 or nonsense, word for word.
//!
//! It serves on a thread of its own until dropped. What it read and wrote stands in the transcript.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// One line or deed of a script.
#[derive(Clone)]
pub enum Step {
    /// A line that begins so (ASCII case is ignored). Another one, or none, ends the script as a mismatch.
    Expect(String),
    /// The same after an IMAP tag, which `{tag}` in later steps stands for.
    ExpectTagged(String),
    /// Lines up to one that equals this: `.` after DATA.
    ExpectUntil(String),
    /// So many bytes as the last line's last number says (`BDAT 120 LAST`, `{120+}`), whatever they are.
    ExpectCounted,
    /// A line; CRLF is added, `{tag}` replaced.
    Send(String),
    /// Bytes as they are.
    SendBytes(Vec<u8>),
    /// So many bytes without a line's end.
    Garbage(usize),
    /// TLS from here on.
    StartTls(Arc<ServerConfig>),
    /// Nothing for so long.
    Pause(Duration),
    /// Nothing ever: the connection stays open until the other side closes it.
    Stall,
    /// An orderly end (with TLS: close_notify).
    Close,
    /// The connection is reset.
    Reset,
    /// These again and again, until one fails or the client leaves. The last step of a script.
    Again(Vec<Self>),
}

impl Step {
    pub fn expect(prefix: &str) -> Self {
        Self::Expect(prefix.to_owned())
    }

    pub fn tagged(prefix: &str) -> Self {
        Self::ExpectTagged(prefix.to_owned())
    }

    pub fn send(line: &str) -> Self {
        Self::Send(line.to_owned())
    }
}

#[derive(Default)]
struct Seen {
    connections: usize,
    transcript: Vec<String>,
    mismatches: Vec<String>,
}

/// A server that follows a script.
pub struct Script {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Script {
    /// Every connection gets these steps.
    pub fn start(steps: Vec<Step>) -> Self {
        Self::each(vec![steps])
    }

    /// The first connection gets the first steps, and so on; the last steps are for all that follow.
    pub fn each(scripts: Vec<Vec<Step>>) -> Self {
        assert!(!scripts.is_empty(), "a script for at least one connection");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let address = listener.local_addr().expect("the address of a listener");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&seen);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener of tokio");
                tokio::select! {
                    () = serve(listener, scripts, shared) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, seen, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.look(|seen| seen.connections)
    }

    /// What was read and written, a line each: `1 C: EHLO x`, `1 S: 250 y`, `1 mismatch: …`; the number is the connection's.
    pub fn transcript(&self) -> Vec<String> {
        self.look(|seen| seen.transcript.clone())
    }

    /// What was expected in vain.
    pub fn mismatches(&self) -> Vec<String> {
        self.look(|seen| seen.mismatches.clone())
    }

    fn look<T>(&self, what: impl FnOnce(&Seen) -> T) -> T {
        what(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

async fn serve(listener: TcpListener, scripts: Vec<Vec<Step>>, seen: Arc<Mutex<Seen>>) {
    for number in 1.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        // A script's words are short; Nagle would hold them.
        stream.set_nodelay(true).ok();
        let steps = scripts.get(number - 1).or_else(|| scripts.last()).cloned().unwrap_or_default();
        let seen = Arc::clone(&seen);
        seen.lock().unwrap_or_else(PoisonError::into_inner).connections = number;
        tokio::spawn(async move {
            let mut connection = Connection {
                number,
                stream: Some(Line::Plain(stream)),
                read: Vec::new(),
                tag: String::new(),
                last: String::new(),
                seen,
            };
            connection.follow(&steps).await;
        });
    }
}

enum Line {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

trait Both: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Both for T {}

impl Line {
    fn both(&mut self) -> &mut dyn Both {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream,
        }
    }
}

struct Connection {
    number: usize,
    /// Gone while TLS is being agreed on, and after its failure.
    stream: Option<Line>,
    read: Vec<u8>,
    tag: String,
    last: String,
    seen: Arc<Mutex<Seen>>,
}

impl Connection {
    fn write_down(&self, what: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.transcript.push(format!("{} {what}", self.number));
    }

    fn mismatch(&self, what: &str) {
        self.write_down(&format!("mismatch: {what}"));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.mismatches.push(format!("connection {}: {what}", self.number));
    }

    /// Some more bytes; none when the other side has closed.
    async fn more(&mut self) -> Option<()> {
        let mut chunk = [0; 4096];
        let count = self.stream.as_mut()?.both().read(&mut chunk).await.ok()?;
        self.read.extend_from_slice(chunk.get(..count)?);
        (count > 0).then_some(())
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
                self.write_down(&format!("C: {line}"));
                self.last.clone_from(&line);
                return Some(line);
            }
            if self.more().await.is_none() {
                self.write_down("the client closed");
                return None;
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> bool {
        let Some(stream) = self.stream.as_mut() else { return false };
        stream.both().write_all(bytes).await.is_ok() && stream.both().flush().await.is_ok()
    }

    async fn follow(&mut self, steps: &[Step]) {
        for step in steps {
            if let Step::Again(steps) = step {
                while self.each(steps).await {}
                return;
            }
            if !self.one(step).await {
                return;
            }
        }
        // The end of the script is the end of the connection.
        self.one(&Step::Close).await;
    }

    async fn each(&mut self, steps: &[Step]) -> bool {
        for step in steps {
            if !self.one(step).await {
                return false;
            }
        }
        true
    }

    /// Whether to go on.
    async fn one(&mut self, step: &Step) -> bool {
        match step {
            Step::Expect(prefix) => match self.line().await {
                Some(line) if begins(&line, prefix) => true,
                other => {
                    self.mismatch(&format!("expected {prefix:?}, got {other:?}"));
                    false
                }
            },
            Step::ExpectTagged(prefix) => match self.line().await {
                Some(line) if line.split_once(' ').is_some_and(|(_, rest)| begins(rest, prefix)) => {
                    self.tag = line.split(' ').next().unwrap_or_default().to_owned();
                    true
                }
                other => {
                    self.mismatch(&format!("expected a tag and {prefix:?}, got {other:?}"));
                    false
                }
            },
            Step::ExpectUntil(end) => loop {
                match self.line().await {
                    Some(line) if line == *end => return true,
                    Some(_) => {}
                    None => {
                        self.mismatch(&format!("expected lines up to {end:?}"));
                        return false;
                    }
                }
            },
            Step::ExpectCounted => {
                let digits = |word: &str| word.trim_matches(['{', '}', '+']).parse::<usize>().ok();
                let Some(count) = self.last.split(' ').rev().find_map(digits) else {
                    self.mismatch(&format!("no number of bytes in {:?}", self.last));
                    return false;
                };
                while self.read.len() < count {
                    if self.more().await.is_none() {
                        self.mismatch(&format!("expected {count} bytes, got {}", self.read.len()));
                        return false;
                    }
                }
                self.read.drain(..count);
                self.write_down(&format!("C: {count} bytes"));
                true
            }
            Step::Send(line) => {
                let line = line.replace("{tag}", &self.tag);
                self.write_down(&format!("S: {line}"));
                self.send(format!("{line}\r\n").as_bytes()).await
            }
            Step::SendBytes(bytes) => {
                self.write_down(&format!("S: {} bytes", bytes.len()));
                self.send(bytes).await
            }
            Step::Garbage(count) => {
                self.write_down(&format!("S: {count} bytes of garbage"));
                let chunk: Vec<u8> =
                    (0..4096_u32).map(|n| b'!' + u8::try_from(n % 90).unwrap_or(0)).collect();
                let mut left = *count;
                while left > 0 {
                    let now = left.min(chunk.len());
                    if !self.send(chunk.get(..now).unwrap_or_default()).await {
                        return false;
                    }
                    left -= now;
                }
                true
            }
            Step::StartTls(config) => {
                let Some(Line::Plain(stream)) = self.stream.take() else {
                    self.mismatch("TLS within TLS");
                    return false;
                };
                if !self.read.is_empty() {
                    self.mismatch(&format!("{} bytes before the TLS handshake", self.read.len()));
                }
                match TlsAcceptor::from(Arc::clone(config)).accept(stream).await {
                    Ok(stream) => {
                        self.write_down("TLS");
                        self.stream = Some(Line::Tls(Box::new(stream)));
                        true
                    }
                    // A client that refuses the certificate is what some tests want: no mismatch.
                    Err(error) => {
                        self.write_down(&format!("no TLS: {error}"));
                        false
                    }
                }
            }
            Step::Pause(time) => {
                tokio::time::sleep(*time).await;
                true
            }
            Step::Stall => {
                self.write_down("S: silence");
                while self.more().await.is_some() {}
                false
            }
            Step::Close => {
                self.write_down("S: closes");
                if let Some(stream) = self.stream.as_mut() {
                    stream.both().shutdown().await.ok();
                    // The client's last words are read, or the kernel resets the connection.
                    let drain = async { while self.more().await.is_some() {} };
                    tokio::time::timeout(Duration::from_secs(5), drain).await.ok();
                }
                false
            }
            Step::Reset => {
                self.write_down("S: resets");
                let stream = match self.stream.as_ref() {
                    Some(Line::Plain(stream)) => Some(stream),
                    Some(Line::Tls(stream)) => Some(stream.get_ref().0),
                    None => None,
                };
                if let Some(stream) = stream {
                    stream.set_zero_linger().ok();
                }
                self.stream = None;
                false
            }
            Step::Again(_) => {
                self.mismatch("Again is a script's last step");
                false
            }
        }
    }
}

fn begins(line: &str, prefix: &str) -> bool {
    line.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
