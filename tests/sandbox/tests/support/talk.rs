//! Conversations with the sandbox, each told in one line, for what a fault shows on the wire.

#![allow(dead_code, reason = "each test file uses what it needs")]

use std::{io, sync::Arc, time::Duration};

use mailprobe_sandbox::{Listener, Protocol};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{PASSWORD, World, web};

/// An answer that has not come after that long does not come.
const SILENCE: Duration = Duration::from_secs(3);

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A conversation; why it ended early is an error's text.
pub struct Talk {
    stream: Box<dyn Wire>,
    input: Vec<u8>,
    ca: String,
    tag: u32,
    pub told: Vec<String>,
}

pub type Told<T> = Result<T, String>;

fn failed(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            "closed".to_owned()
        }
        _ => error.to_string(),
    }
}

/// What of an answer is told: its first word, and a code if one comes next.
fn short(text: &str) -> String {
    let mut words = text.split(' ');
    let first = words.next().unwrap_or_default();
    let second = words.next().unwrap_or_default();
    let code =
        second.starts_with('[') || second.split('.').filter(|part| part.parse::<u8>().is_ok()).count() == 3;
    if code && !second.starts_with("[CAPABILITY") { format!("{first} {second}") } else { first.to_owned() }
}

impl Talk {
    pub async fn connect(world: &World, listener: Listener) -> Told<Self> {
        let stream = TcpStream::connect(world.sandbox.address(listener)).await.map_err(|e| failed(&e))?;
        let mut talk = Self {
            stream: Box::new(stream),
            input: Vec::new(),
            ca: world.sandbox.ca_pem(),
            tag: 0,
            told: Vec::new(),
        };
        if listener.is_implicit_tls() {
            talk.tls().await?;
        }
        Ok(talk)
    }

    pub async fn tls(&mut self) -> Told<()> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let connector = TlsConnector::from(Arc::new(config));
        let shaken = connector.connect(ServerName::try_from("localhost").unwrap(), plain);
        match timeout(SILENCE, shaken).await {
            Err(_) => Err("silence".to_owned()),
            Ok(Ok(stream)) => {
                self.stream = Box::new(stream);
                Ok(())
            }
            Ok(Err(error)) => {
                let text = error.to_string();
                let known = ["certificate expired", "UnknownIssuer", "not valid for name"];
                Err(known
                    .into_iter()
                    .find(|known| text.contains(known))
                    .map_or_else(|| text.clone(), str::to_owned))
            }
        }
    }

    pub async fn send(&mut self, text: &str) -> Told<()> {
        self.stream.write_all(text.as_bytes()).await.map_err(|e| failed(&e))?;
        self.stream.flush().await.map_err(|e| failed(&e))
    }

    pub async fn line(&mut self) -> Told<String> {
        loop {
            if let Some(at) = self.input.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.input.drain(..=at).collect();
                let line = String::from_utf8(line).map_err(|_| "noise".to_owned())?;
                return Ok(line.trim_end_matches("\r\n").to_owned());
            }
            if self.input.len() > 200_000 {
                return Err("flood".to_owned());
            }
            match timeout(SILENCE, self.stream.read_buf(&mut self.input)).await {
                Err(_) => return Err("silence".to_owned()),
                Ok(Err(error)) => return Err(failed(&error)),
                Ok(Ok(0)) => return Err("closed".to_owned()),
                Ok(Ok(_)) => {}
            }
        }
    }

    /// Exactly that many bytes, as text.
    pub async fn exact(&mut self, count: usize) -> Told<String> {
        while self.input.len() < count {
            match timeout(SILENCE, self.stream.read_buf(&mut self.input)).await {
                Err(_) => return Err("silence".to_owned()),
                Ok(Err(error)) => return Err(failed(&error)),
                Ok(Ok(0)) => return Err("closed".to_owned()),
                Ok(Ok(_)) => {}
            }
        }
        String::from_utf8(self.input.drain(..count).collect()).map_err(|_| "noise".to_owned())
    }

    /// A reply of SMTP: its lines, the first of which is told.
    pub async fn reply(&mut self) -> Told<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            let last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if last {
                self.told.push(short(&lines[lines.len() - 1]));
                return Ok(lines);
            }
            if lines.len() > 100 {
                return Err("flood".to_owned());
            }
        }
    }

    pub async fn smtp(&mut self, command: &str) -> Told<Vec<String>> {
        self.send(&format!("{command}\r\n")).await?;
        self.reply().await
    }

    /// A command of IMAP: the untagged lines; the tagged one is told.
    pub async fn imap(&mut self, command: &str) -> Told<Vec<String>> {
        self.tag += 1;
        self.send(&format!("a{} {command}\r\n", self.tag)).await?;
        self.tagged().await
    }

    async fn tagged(&mut self) -> Told<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            if line.starts_with("* BYE") && lines.is_empty() && self.told.last().is_none_or(|t| t != "bye") {
                self.told.push("bye".to_owned());
            }
            match line.split_once(' ') {
                Some((tag, answer)) if tag.starts_with('a') || tag == "WRONG" => {
                    let right = tag == format!("a{}", self.tag);
                    self.told.push(if right { short(answer) } else { format!("{tag} tag") });
                    return if right { Ok(lines) } else { Err("gave up".to_owned()) };
                }
                _ => lines.push(line),
            }
            if lines.len() > 1000 {
                return Err("flood".to_owned());
            }
        }
    }

    pub async fn pop(&mut self, command: &str) -> Told<()> {
        self.send(&format!("{command}\r\n")).await?;
        self.first_line().await
    }

    async fn first_line(&mut self) -> Told<()> {
        let line = self.line().await?;
        let line = line.strip_prefix("* ").unwrap_or(&line);
        self.told.push(short(line));
        Ok(())
    }

    async fn rest(&mut self) -> Told<()> {
        while self.line().await? != "." {}
        Ok(())
    }
}

/// Signs in by STARTTLS and does what one does with that protocol; what was answered, in one line.
pub async fn tell(world: &World, protocol: Protocol) -> String {
    let listener = match protocol {
        Protocol::Smtp => Listener::Submission,
        Protocol::Imap => Listener::Imap,
        Protocol::Pop3 => Listener::Pop3,
        Protocol::Ews | Protocol::Autodiscover | Protocol::Owa | Protocol::Caldav => Listener::Https,
    };
    let mut talk = match Talk::connect(world, listener).await {
        Ok(talk) => talk,
        Err(end) => return end,
    };
    let ended = match protocol {
        Protocol::Smtp => smtp(&mut talk).await,
        Protocol::Imap => imap(&mut talk, world).await,
        Protocol::Pop3 => pop(&mut talk).await,
        _ => web::tell(&mut talk, world, protocol).await,
    };
    talk.told.extend(ended.err());
    talk.told.join(", ")
}

pub async fn sign_in_smtp(talk: &mut Talk) -> Told<()> {
    talk.reply().await?;
    let offered = talk.smtp("EHLO test").await?;
    if !offered.iter().any(|line| line.ends_with("STARTTLS")) {
        return Err("no STARTTLS".to_owned());
    }
    talk.smtp("STARTTLS").await?;
    talk.tls().await?;
    talk.smtp("EHLO test").await?;
    talk.smtp("AUTH PLAIN AGFsaWNlAHMzY3JldCB3b3Jk").await?;
    Ok(())
}

async fn smtp(talk: &mut Talk) -> Told<()> {
    sign_in_smtp(talk).await?;
    talk.smtp("MAIL FROM:<alice@sandbox.test>").await?;
    talk.smtp("RCPT TO:<bob@sandbox.test>").await?;
    let go = talk.smtp("DATA").await?;
    if go[0].starts_with("354") {
        talk.send("Subject: hello\r\nContent-Type: text/plain\r\n\r\nThe text itself.\r\n.\r\n").await?;
        talk.reply().await?;
    }
    talk.smtp("QUIT").await?;
    Ok(())
}

async fn imap(talk: &mut Talk, world: &World) -> Told<()> {
    talk.first_line().await?;
    let offered = talk.imap("CAPABILITY").await?;
    if !offered.iter().any(|line| line.contains("STARTTLS")) {
        return Err("no STARTTLS".to_owned());
    }
    talk.imap("STARTTLS").await?;
    talk.tls().await?;
    talk.imap(&format!("LOGIN alice \"{PASSWORD}\"")).await?;
    let offered = talk.imap("CAPABILITY").await?;
    let selected = talk.imap("SELECT INBOX").await?;
    if offered.iter().any(|line| line.contains(" IDLE")) && !selected.is_empty() {
        talk.send("i IDLE\r\n").await?;
        while !talk.line().await?.starts_with('+') {}
        world.sandbox.deliver("alice", "INBOX", b"Subject: new\r\n\r\nBody\r\n");
        let pushed = talk.line().await;
        talk.told.push(pushed.map_or_else(|end| end, |line| line.trim_start_matches("* ").to_owned()));
        talk.send("DONE\r\n").await?;
        while !talk.line().await?.starts_with("i OK") {}
    } else {
        world.sandbox.deliver("alice", "INBOX", b"Subject: new\r\n\r\nBody\r\n");
        talk.told.push("no IDLE".to_owned());
    }
    let status = talk.imap("STATUS INBOX (MESSAGES)").await?;
    talk.told
        .extend(status.iter().find_map(|line| line.strip_prefix("* STATUS \"INBOX\" ")).map(str::to_owned));
    talk.imap("LOGOUT").await?;
    Ok(())
}

async fn pop(talk: &mut Talk) -> Told<()> {
    talk.first_line().await?;
    talk.send("CAPA\r\n").await?;
    let mut stls = false;
    loop {
        let line = talk.line().await?;
        stls |= line == "STLS";
        if line == "." {
            break;
        }
        if !line.starts_with("+OK") && line.contains("Capability list") {
            return Err("neither +OK nor -ERR".to_owned());
        }
    }
    if !stls {
        return Err("no STLS".to_owned());
    }
    talk.pop("STLS").await?;
    talk.tls().await?;
    talk.pop("USER alice").await?;
    talk.pop(&format!("PASS {PASSWORD}")).await?;
    talk.pop("RETR 1").await?;
    if talk.told.last().is_some_and(|told| told == "+OK") {
        talk.rest().await?;
    }
    talk.pop("QUIT").await?;
    Ok(())
}
