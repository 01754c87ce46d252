//! A scripted web server, with TLS or without: what it answers is a function of what is asked.
//!
//! It serves on threads of its own until dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(of, _)| of == name).map_or("", |(_, value)| value)
    }
}

/// What is done about it.
pub enum Reply {
    /// Status, headers (`name: value` lines) and body; the connection is kept.
    Whole(u16, String, String),
    /// Bytes as they are, then the connection is closed.
    Bytes(Vec<u8>),
    /// A head, and a body of this piece again and again until the client has enough; no end.
    Endless(&'static str),
    /// Nothing, until the client has enough.
    Stall,
}

impl Reply {
    pub fn ok(body: impl Into<String>) -> Self {
        Self::Whole(200, "content-type: text/xml; charset=utf-8".to_owned(), body.into())
    }
}

/// A web server that follows a function.
pub struct WebScript {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
}

impl WebScript {
    pub fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), None, answer)
    }

    /// At that address, and with TLS where it is said how.
    pub fn start_at(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address)
            .unwrap_or_else(|error| panic!("{address} cannot be listened on (root may): {error}"));
        let address = listener.local_addr().expect("the address of a listener");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, stopped, answer) = (Arc::clone(&asked), Arc::clone(&stop), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), seen, answer) = (stream, Arc::clone(&seen), Arc::clone(&answer)) else {
                    return;
                };
                let tls = tls.clone();
                thread::spawn(move || match tls {
                    None => serve(stream, &seen, &*answer),
                    Some(tls) => {
                        let connection = ServerConnection::new(tls).expect("settings of TLS");
                        serve(StreamOwned::new(connection, stream), &seen, &*answer);
                    }
                });
            }
        });
        Self { address, asked, stop }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for WebScript {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes whoever accepts.
        TcpStream::connect(self.address).ok();
    }
}

fn serve(stream: impl Read + Write, seen: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Reply) {
    let mut from = BufReader::new(stream);
    while let Some(asked) = read(&mut from) {
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
        // As http.sys does.
        let lacks_length = asked.method == "POST" && asked.header("content-length").is_empty();
        let reply =
            if lacks_length { Reply::Whole(411, String::new(), String::new()) } else { answer(&asked) };
        if give(&mut from, reply).is_none() {
            return;
        }
    }
}

fn read(from: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    from.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body: Vec<u8> = vec![0; length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)];
    from.read_exact(&mut body).ok()?;
    Some(Asked { method, path, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

/// `None`: the connection is over.
fn give(stream: &mut BufReader<impl Read + Write>, answer: Reply) -> Option<()> {
    let out = stream.get_mut();
    match answer {
        Reply::Whole(status, headers, body) => {
            let headers = if headers.is_empty() { headers } else { format!("{headers}\r\n") };
            let head = format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n\r\n", body.len());
            out.write_all(head.as_bytes()).and_then(|()| out.write_all(body.as_bytes())).ok()?;
            out.flush().ok()
        }
        Reply::Bytes(bytes) => {
            out.write_all(&bytes).ok();
            None
        }
        Reply::Endless(piece) => {
            let head = "HTTP/1.1 200 x\r\ncontent-type: text/xml\r\ntransfer-encoding: chunked\r\n\r\n";
            out.write_all(head.as_bytes()).ok()?;
            let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
            while out.write_all(chunk.as_bytes()).is_ok() {}
            None
        }
        Reply::Stall => {
            // Until the client closes.
            let _gone = stream.read(&mut [0]);
            None
        }
    }
}
