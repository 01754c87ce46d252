//! POP3 (RFC 1939) with CAPA (RFC 2449), STLS (RFC 2595) and AUTH (RFC 5034). A view keeps no session: each look signs
//! in, asks, leaves.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{
    Folder, Inbox, Item, ItemId, Looked, Memory, Proof, Session, SignIn, Woken, note_greeting,
    refusal_by_words, says, says_too_many_sessions,
};
use crate::auth::sasl::{Credential, Exchange};
use crate::catalogue::{Reason, Step};
use crate::config::plan::{Endpoint, Mechanism, TlsMode};
use crate::net::line::{LARGEST_MESSAGE, Line};
use crate::net::{Net, To};
use crate::outcome::{Fact, Fault, Fut, Recorder, Said};

/// Lines of the body that a look reads: our messages have fewer.
const PEEK_LINES: u32 = 200;
/// Our messages are smaller; of a stranger's no more is kept than this.
const PEEK: usize = 16 << 10;
/// More than a mail server takes as one message.
const LONGEST_DOWNLOAD: usize = 256 << 20;
/// Of a mailbox full of strangers' mail only the newest are read.
const MOST_NEW: usize = 1000;
/// RFC 2449, section 4: a longer command is not for all servers.
const LONGEST_COMMAND: usize = 255;

/// A session, signed in or about to be.
pub struct Pop3 {
    line: Line,
    host: String,
    port: u16,
    capabilities: Vec<String>,
    /// Message numbers by unique-id, once UIDL was asked.
    listed: Option<Vec<(u32, String)>>,
    no_top: bool,
    /// Deletions that QUIT will carry out.
    marked: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Auth { otherwise: Reason },
    Other,
}

impl Pop3 {
    /// Connects, up to the point where one signs in.
    ///
    /// # Errors
    /// Those of the steps.
    pub async fn connect(net: &Net, endpoint: &Endpoint, to: To, rec: &Recorder) -> Result<Self, Fault> {
        let line = net.dial(endpoint, to, rec).await?;
        let mut pop = Self::new(line, endpoint);
        pop.greeting(rec).await?;
        rec.time(Step::Hello, pop.ask_capabilities()).await?;
        if endpoint.tls == TlsMode::Starttls {
            if !pop.has("STLS") {
                let words = format!("offered is {}", pop.capabilities.join(", "));
                return Err(Fault::new(Reason::StarttlsStripped, &words).at(Step::Starttls));
            }
            rec.time(Step::Starttls, pop.command("STLS", Stage::Other)).await?;
            net.start_tls(&mut pop.line, endpoint, rec).await?;
            rec.time(Step::Hello, pop.ask_capabilities()).await?;
        }
        rec.note(Fact::Capabilities(pop.capabilities.clone()));
        Ok(pop)
    }

    fn new(line: Line, endpoint: &Endpoint) -> Self {
        Self {
            line,
            host: endpoint.host.to_string(),
            port: endpoint.port,
            capabilities: Vec::new(),
            listed: None,
            no_top: false,
            marked: 0,
        }
    }

    async fn greeting(&mut self, rec: &Recorder) -> Result<(), Fault> {
        let text = rec.time(Step::Greeting, self.status(Stage::Greeting)).await?;
        note_greeting(rec, &text);
        Ok(())
    }

    async fn ask_capabilities(&mut self) -> Result<(), Fault> {
        self.line.send(b"CAPA\r\n").await?;
        self.capabilities = match self.status(Stage::Other).await {
            Ok(_) => self.lines().await?,
            // CAPA is an extension: a server without it is spoken to as RFC 1939 says.
            Err(fault) if fault.reason == Reason::ServerError => Vec::new(),
            Err(fault) => return Err(fault),
        };
        Ok(())
    }

    fn has(&self, capability: &str) -> bool {
        self.arguments(capability).is_some()
    }

    fn arguments(&self, capability: &str) -> Option<&str> {
        self.capabilities.iter().find_map(|line| {
            let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
            name.eq_ignore_ascii_case(capability).then_some(rest)
        })
    }

    /// LOGIN is USER and PASS where SASL does not offer it.
    async fn sign_in_by(&mut self, credential: &Credential) -> Result<(), Fault> {
        let sasl: Vec<_> =
            self.arguments("SASL").unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
        let mut offered = sasl.clone();
        if self.has("USER") || self.capabilities.is_empty() {
            offered.push("LOGIN".to_owned());
        }
        let mechanism = credential.choose(&offered)?;
        let stage = Stage::Auth { otherwise: credential.refusal() };
        if mechanism == Mechanism::Login && !sasl.iter().any(|name| name.eq_ignore_ascii_case("LOGIN")) {
            let (user, word) = (&*credential.username, credential.secret.expose());
            if [user, word].iter().any(|text| text.contains(['\r', '\n'])) {
                return Err(Fault::new(Reason::CredentialsRejected, "a line break in user name or password"));
            }
            self.command(&format!("USER {user}"), stage).await?;
            return self.command(&format!("PASS {word}"), stage).await.map(drop);
        }
        self.authenticate(mechanism, credential, stage).await
    }

    async fn authenticate(
        &mut self,
        mechanism: Mechanism,
        credential: &Credential,
        stage: Stage,
    ) -> Result<(), Fault> {
        let mut exchange = Exchange::new(mechanism, credential, &self.host, self.port)?;
        let mut first = exchange.initial()?;
        let mut command = format!("AUTH {}", mechanism.name());
        // Exchange Online wants a token on a line of its own, and a long one must be.
        if !credential.is_token
            && let Some(word) = first.take_if(|word| command.len() + word.len() + 3 <= LONGEST_COMMAND)
        {
            command.push_str(if word.is_empty() { " =" } else { " " });
            command.push_str(&word);
        }
        self.line.send(format!("{command}\r\n").as_bytes()).await?;
        loop {
            let line = self.line.line().await?;
            let (word, challenge) = line.split_at(line.len().min(2));
            if word == b"+" || word == b"+ " {
                let answer = match first.take() {
                    Some(first) => first,
                    None => exchange.answer(&String::from_utf8_lossy(challenge))?,
                };
                self.line.send(format!("{answer}\r\n").as_bytes()).await?;
                continue;
            }
            return match (judge(&line, stage), exchange.complaint()) {
                (Ok(_), _) => exchange.proved(),
                (Err(fault), Some(complaint)) => {
                    Err(Fault { said: Said::new(&format!("{} {complaint}", fault.said)), ..fault })
                }
                (Err(fault), None) => Err(fault),
            };
        }
    }

    async fn command(&mut self, command: &str, stage: Stage) -> Result<String, Fault> {
        self.line.send(format!("{command}\r\n").as_bytes()).await?;
        self.status(stage).await
    }

    async fn status(&mut self, stage: Stage) -> Result<String, Fault> {
        judge(&self.line.line().await?, stage)
    }

    /// The lines of a multi-line answer, up to the dot.
    async fn lines(&mut self) -> Result<Vec<String>, Fault> {
        let mut out = Vec::new();
        loop {
            let line = self.line.line().await?;
            if &line[..] == b"." {
                return Ok(out);
            }
            self.line.piece()?;
            let line = line.strip_prefix(b".").unwrap_or(&line);
            out.push(String::from_utf8_lossy(line).into_owned());
        }
    }

    /// A message, its dots undone, and whether that is all of it: of a larger one the beginning, of so many bytes.
    async fn message(&mut self, most: usize) -> Result<(Bytes, bool), Fault> {
        let mut out = BytesMut::new();
        let (mut read, mut whole) = (0, true);
        loop {
            let line = self.line.cut_line().await?;
            if &line[..] == b"." {
                return Ok((out.freeze(), whole));
            }
            read += line.len() + 2;
            if read > LONGEST_DOWNLOAD {
                return Err(Fault::new(Reason::ProtocolViolation, "a message without an end"));
            }
            let line = line.strip_prefix(b".").unwrap_or(&line);
            whole &= out.len() + line.len() < most;
            if whole {
                out.extend_from_slice(line);
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Numbers and unique-ids of all messages.
    async fn list(&mut self) -> Result<Vec<(u32, String)>, Fault> {
        if let Some(listed) = &self.listed {
            return Ok(listed.clone());
        }
        self.command("UIDL", Stage::Other).await?;
        let lines = self.lines().await?;
        let listed: Vec<_> = lines
            .iter()
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(number, id)| Some((number.parse().ok()?, id.trim().to_owned())))
            .collect();
        self.listed = Some(listed.clone());
        Ok(listed)
    }

    async fn look_in(&mut self, memory: &mut Memory) -> Result<Looked, Fault> {
        let began = Instant::now();
        let listed = self.list().await?;
        memory.known.retain(|id| listed.iter().any(|(_, of)| of == id));
        let mut found = Vec::new();
        for (number, id) in listed.iter().rev().take(MOST_NEW) {
            if memory.known.contains(id) {
                continue;
            }
            let Some((bytes, whole)) = self.head(*number).await? else { continue };
            memory.known.insert(id.clone());
            // TOP does not tell whether that was all; the payload's end does.
            found.push(Item { id: item_id(id), at: Instant::now(), bytes, whole });
        }
        let present = listed.iter().map(|(_, id)| item_id(id)).collect();
        Ok(Looked { began, found, present: Some(present), total: Some(listed.len() as u64) })
    }

    /// Head and first lines; all of it from a server without TOP. `None` for what is gone.
    async fn head(&mut self, number: u32) -> Result<Option<(Bytes, bool)>, Fault> {
        if !self.no_top {
            match self.command(&format!("TOP {number} {PEEK_LINES}"), Stage::Other).await {
                Ok(_) => return Ok(Some((self.message(PEEK).await?.0, false))),
                Err(fault) if fault.reason == Reason::ServerError => self.no_top = true,
                Err(fault) => return Err(fault),
            }
        }
        match self.command(&format!("RETR {number}"), Stage::Other).await {
            Ok(_) => self.message(PEEK).await.map(Some),
            Err(fault) if fault.reason == Reason::ServerError => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn number(&mut self, id: &ItemId) -> Result<Option<u32>, Fault> {
        let listed = self.list().await?;
        Ok(listed.iter().find(|(_, of)| *of == id.id).map(|(number, _)| *number))
    }

    async fn fetch_whole(&mut self, id: &ItemId) -> Result<Bytes, Fault> {
        let Some(number) = self.number(id).await? else { return Ok(Bytes::new()) };
        self.command(&format!("RETR {number}"), Stage::Other).await?;
        Ok(self.message(LARGEST_MESSAGE).await?.0)
    }

    async fn mark_all(&mut self, ids: &[ItemId]) -> Result<usize, Fault> {
        let mut marked = 0;
        for id in ids {
            let Some(number) = self.number(id).await? else { continue };
            match self.command(&format!("DELE {number}"), Stage::Other).await {
                Ok(_) => marked += 1,
                // Gone, or marked already.
                Err(fault) if fault.reason == Reason::ServerError => {}
                Err(fault) => return Err(fault),
            }
        }
        self.marked += marked;
        Ok(marked)
    }
}

fn item_id(id: &str) -> ItemId {
    ItemId { folder: Folder::Inbox, id: id.to_owned() }
}

/// `+OK words` → words.
fn judge(line: &[u8], stage: Stage) -> Result<String, Fault> {
    let text = String::from_utf8_lossy(line);
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    if word.eq_ignore_ascii_case("+OK") {
        return Ok(rest.to_owned());
    }
    if !word.eq_ignore_ascii_case("-ERR") {
        let words = format!("this is no POP3 answer: {}", Said::bytes(line));
        return Err(Fault::new(Reason::ProtocolViolation, &words));
    }
    let code = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or("", |(code, _)| code);
    let number = if code.is_empty() { "-ERR".to_owned() } else { format!("-ERR [{code}]") };
    Err(Fault::new(reason(code, rest, stage), &text).coded(&number))
}

/// By the response code (RFC 2449, RFC 3206), then by what is known of servers' words.
fn reason(code: &str, text: &str, stage: Stage) -> Reason {
    match (code.to_ascii_uppercase().as_str(), stage) {
        ("IN-USE" | "LOGIN-DELAY", _) => Reason::TooManySessions,
        ("SYS/TEMP" | "SYS/PERM", Stage::Auth { .. }) => Reason::SignInUnavailable,
        ("SYS/TEMP", _) => Reason::ServerUnavailable,
        ("AUTH", Stage::Auth { otherwise }) => refusal_by_words(text, otherwise),
        _ if says_too_many_sessions(text) || says(text, &["lock held", "already locked"]) => {
            Reason::TooManySessions
        }
        (_, Stage::Auth { otherwise }) => refusal_by_words(text, otherwise),
        (_, Stage::Greeting) => Reason::ServerUnavailable,
        (_, Stage::Other) => Reason::ServerError,
    }
}

impl SignIn for Pop3 {
    fn sign_in<'a>(&'a mut self, credential: &'a Credential, _: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(self.sign_in_by(credential))
    }
}

impl Session for Pop3 {
    fn prove<'a>(&'a mut self, rec: &'a Recorder) -> Fut<'a, Proof> {
        Box::pin(rec.time(Step::List, async move {
            let text = self.command("STAT", Stage::Other).await?;
            let mut numbers = text.split_ascii_whitespace().map(|word| word.parse::<u64>().ok());
            let proof = Proof {
                items: numbers.next().flatten(),
                bytes: numbers.next().flatten(),
                ..Proof::default()
            };
            if proof.items.is_none() {
                let words = format!("STAT is answered without a count: {text}");
                return Err(Fault::new(Reason::ProtocolViolation, &words));
            }
            self.list().await?;
            Ok(proof)
        }))
    }

    fn inbox(&mut self) -> Option<&mut dyn Inbox> {
        Some(self)
    }

    fn close<'a>(mut self: Box<Self>, rec: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async move {
            // With deletions it is QUIT that carries them out (RFC 1939, section 6): they stand or fall with it.
            let step = if self.marked > 0 { Step::Cleanup } else { Step::Quit };
            rec.time(step, self.command("QUIT", Stage::Other)).await?;
            self.line.shut().await;
            Ok(())
        })
    }
}

impl Inbox for Pop3 {
    fn look<'a>(&'a mut self, _: Folder, memory: &'a mut Memory, rec: &'a Recorder) -> Fut<'a, Looked> {
        Box::pin(rec.time(Step::Look, self.look_in(memory)))
    }

    fn wait<'a>(&'a mut self, nudge: &'a Notify, limit: Duration) -> Fut<'a, Woken> {
        Box::pin(async move {
            Ok(tokio::select! {
                () = nudge.notified() => Woken::Nudged,
                () = tokio::time::sleep(limit) => Woken::Limit,
            })
        })
    }

    fn is_told(&self) -> bool {
        false
    }

    fn folders<'a>(&'a mut self, _: &'a Recorder) -> Fut<'a, Vec<Folder>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn fetch<'a>(&'a mut self, id: &'a ItemId, rec: &'a Recorder) -> Fut<'a, Bytes> {
        Box::pin(rec.time(Step::Fetch, self.fetch_whole(id)))
    }

    fn delete<'a>(&'a mut self, ids: &'a [ItemId], rec: &'a Recorder) -> Fut<'a, usize> {
        Box::pin(rec.time(Step::Cleanup, self.mark_all(ids)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_what_they_mean() {
        let auth = Stage::Auth { otherwise: Reason::CredentialsRejected };
        assert_eq!(judge(b"+OK 2 320", Stage::Other).unwrap(), "2 320");
        assert_eq!(judge(b"+OK", Stage::Other).unwrap(), "");
        for (stage, line, reason) in [
            (Stage::Other, &b"hello"[..], Reason::ProtocolViolation),
            (Stage::Other, b"+OKAY", Reason::ProtocolViolation),
            (Stage::Other, b"", Reason::ProtocolViolation),
            (Stage::Other, b"-ERR no such message", Reason::ServerError),
            (Stage::Greeting, b"-ERR not now", Reason::ServerUnavailable),
            (auth, b"-ERR [AUTH] Authentication failed.", Reason::CredentialsRejected),
            (auth, b"-ERR Logon failure: unknown user name or bad password.", Reason::CredentialsRejected),
            (auth, b"-ERR [SYS/TEMP] later", Reason::SignInUnavailable),
            (auth, b"-ERR [IN-USE] another session", Reason::TooManySessions),
            (auth, b"-ERR Authentication failure: account disabled", Reason::AccountLocked),
        ] {
            assert_eq!(judge(line, stage).unwrap_err().reason, reason, "{}", String::from_utf8_lossy(line));
        }
    }
}
