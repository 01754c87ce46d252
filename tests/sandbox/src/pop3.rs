//! POP3 (RFC 1939, 2449, 2595, 5034) over the INBOX as it is at sign-in.

use std::{io, sync::Arc};

use crate::{
    fault::{Fault, Protocol},
    listener::Conn,
    sasl::{self, Exchange, Step, Verdict},
};

struct Entry {
    uid: u32,
    raw: Arc<[u8]>,
    deleted: bool,
}

#[derive(Default)]
struct Session {
    name: Option<String>,
    user: Option<String>,
    validity: u32,
    entries: Vec<Entry>,
}

const UNAVAILABLE: &str = "-ERR [SYS/TEMP] Credentials cannot be checked for now";
const REFUSED: &str = "-ERR [AUTH] Authentication failed";

pub(crate) async fn session(conn: &mut Conn) -> io::Result<()> {
    match conn.fault() {
        Some(Fault::TooManySessions) => {
            return conn.reply("-ERR [IN-USE] Too many sessions, try again later").await;
        }
        Some(Fault::Shutdown421) => return conn.reply("-ERR [SYS/TEMP] The service is shutting down").await,
        _ => {}
    }
    conn.greet("+OK POP3 server ready").await?;
    let mut session = Session::default();
    while let Some(line) = conn.line().await? {
        if conn.has(&Fault::Shutdown421) {
            return conn.reply("-ERR [SYS/TEMP] The service is shutting down").await;
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let verb = verb.to_ascii_uppercase();
        conn.log('C', &redacted(&verb, argument));
        if verb == "QUIT" {
            return session.quit(conn).await;
        }
        match session.user.clone() {
            None => session.authorization(conn, &verb, argument).await?,
            Some(user) => session.transaction(conn, &user, &verb, argument).await?,
        }
    }
    Ok(())
}

fn redacted(verb: &str, argument: &str) -> String {
    match (verb, argument.split_once(' ')) {
        ("PASS", _) => "PASS <hidden>".to_owned(),
        ("AUTH", Some((mechanism, _))) => format!("AUTH {mechanism} <hidden>"),
        _ => format!("{verb} {argument}").trim_end().to_owned(),
    }
}

/// Answers with a line that begins `+OK` or `-ERR`.
async fn answer(conn: &mut Conn, line: &str) -> io::Result<()> {
    say(conn, line);
    conn.flush().await
}

fn say(conn: &mut Conn, line: &str) {
    if conn.has(&Fault::BadTag) {
        let text = line.split_once(' ').map_or("", |(_, text)| text);
        conn.say(&format!("WELL {text}"));
    } else {
        conn.say(line);
    }
}

/// Sends lines with dots stuffed and the end marked.
async fn multiline(conn: &mut Conn, first: &str, body: &[u8]) -> io::Result<()> {
    say(conn, first);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            conn.put(b".");
        }
        conn.put(line);
    }
    if !body.is_empty() && !body.ends_with(b"\n") {
        conn.put(b"\r\n");
    }
    conn.put(b".\r\n");
    conn.flush().await
}

impl Session {
    async fn authorization(&mut self, conn: &mut Conn, verb: &str, argument: &str) -> io::Result<()> {
        match verb {
            "CAPA" => self.capa(conn).await,
            "STLS" if !conn.tls && !conn.has(&Fault::NoStarttls) => {
                if conn.has_more() {
                    answer(conn, "-ERR Nothing may follow STLS before TLS").await?;
                    return Err(io::Error::other("bytes after STLS"));
                }
                answer(conn, "+OK Begin TLS").await?;
                self.name = None;
                conn.upgrade().await
            }
            "USER" | "PASS" | "AUTH" if !conn.tls => answer(conn, "-ERR Sign in needs TLS: use STLS").await,
            "USER" if argument.is_empty() => answer(conn, "-ERR USER takes a name").await,
            "USER" => {
                self.name = Some(argument.to_owned());
                answer(conn, "+OK Now the password").await
            }
            "PASS" => match self.name.take() {
                Some(name) => {
                    let verdict = sasl::password(name.as_bytes(), argument.as_bytes(), &conn.shared);
                    self.end(conn, verdict).await
                }
                None => answer(conn, "-ERR USER comes first").await,
            },
            "AUTH" => self.auth(conn, argument).await,
            _ => answer(conn, "-ERR Unknown command").await,
        }
    }

    async fn capa(&self, conn: &mut Conn) -> io::Result<()> {
        let mut lines = "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n".to_owned();
        if conn.tls {
            lines += &format!("USER\r\nSASL {}\r\n", sasl::MECHANISMS.join(" "));
        } else if !conn.has(&Fault::NoStarttls) {
            lines += "STLS\r\n";
        }
        lines += "IMPLEMENTATION mailprobe-sandbox\r\n";
        multiline(conn, "+OK Capability list follows", lines.as_bytes()).await
    }

    async fn auth(&mut self, conn: &mut Conn, argument: &str) -> io::Result<()> {
        let (mechanism, initial) = match argument.split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial.as_bytes().to_vec())),
            None => (argument, None),
        };
        let Some(mut exchange) = Exchange::start(mechanism) else {
            return answer(conn, "-ERR No such mechanism").await;
        };
        let mut next = initial;
        let mut challenge = exchange.prompt();
        loop {
            let text = match next.take() {
                Some(text) => text,
                None => {
                    conn.reply(&format!("+ {}", sasl::encode(&challenge))).await?;
                    let Some(line) = conn.line().await? else { return Ok(()) };
                    conn.log('C', "<hidden>");
                    line
                }
            };
            if text == b"*" {
                return answer(conn, "-ERR Cancelled").await;
            }
            let Some(message) = sasl::decode(&text) else {
                return answer(conn, "-ERR That is not base64").await;
            };
            match exchange.step(&message, &conn.shared) {
                Step::Challenge(text) => challenge = text,
                Step::Done(verdict) => return self.end(conn, verdict).await,
            }
        }
    }

    async fn end(&mut self, conn: &mut Conn, verdict: Verdict) -> io::Result<()> {
        let verdict = sasl::judge(verdict, conn.fault().as_ref());
        sasl::count(&conn.shared, Protocol::Pop3, &verdict);
        match verdict {
            Verdict::Welcome(user) => {
                self.open(conn, &user);
                self.user = Some(user);
                answer(conn, &format!("+OK {} messages", self.entries.len())).await?;
                conn.signed_in = true;
                Ok(())
            }
            Verdict::Refused => answer(conn, REFUSED).await,
            Verdict::Unavailable => answer(conn, UNAVAILABLE).await,
            Verdict::Malformed => answer(conn, "-ERR Malformed credentials").await,
        }
    }

    fn open(&mut self, conn: &Conn, user: &str) {
        let state = conn.shared.store.lock();
        self.validity = state.folder(user, "INBOX").map_or(0, |folder| folder.uid_validity);
        self.entries = state
            .shown(Protocol::Pop3, user, "INBOX")
            .map(|message| Entry { uid: message.uid, raw: Arc::clone(&message.raw), deleted: false })
            .collect();
    }

    async fn transaction(
        &mut self,
        conn: &mut Conn,
        user: &str,
        verb: &str,
        argument: &str,
    ) -> io::Result<()> {
        match verb {
            "CAPA" => self.capa(conn).await,
            "STAT" => {
                let (count, size) = self.total();
                answer(conn, &format!("+OK {count} {size}")).await
            }
            "LIST" => self.listing(conn, argument, |_, entry| entry.raw.len().to_string()).await,
            "UIDL" => {
                self.listing(conn, argument, |validity, entry| format!("{validity}.{}", entry.uid)).await
            }
            "RETR" | "TOP" => self.retrieve(conn, user, verb, argument).await,
            "DELE" => match self.at(argument) {
                Some(index) => {
                    self.entries[index].deleted = true;
                    answer(conn, "+OK Deleted").await
                }
                None => answer(conn, "-ERR No such message").await,
            },
            "RSET" => {
                self.entries.iter_mut().for_each(|entry| entry.deleted = false);
                answer(conn, "+OK").await
            }
            "NOOP" => answer(conn, "+OK").await,
            _ => answer(conn, "-ERR Unknown command").await,
        }
    }

    fn total(&self) -> (usize, usize) {
        let left = self.entries.iter().filter(|entry| !entry.deleted);
        left.fold((0, 0), |(count, size), entry| (count + 1, size + entry.raw.len()))
    }

    /// The index of the message of that number, unless it is marked as deleted.
    fn at(&self, number: &str) -> Option<usize> {
        let index = number.parse::<usize>().ok()?.checked_sub(1)?;
        self.entries.get(index).filter(|entry| !entry.deleted)?;
        Some(index)
    }

    async fn listing(
        &self,
        conn: &mut Conn,
        argument: &str,
        value: impl Fn(u32, &Entry) -> String,
    ) -> io::Result<()> {
        if !argument.is_empty() {
            let line = match self.at(argument) {
                Some(index) => {
                    format!("+OK {} {}", index + 1, value(self.validity, &self.entries[index]))
                }
                None => "-ERR No such message".to_owned(),
            };
            return answer(conn, &line).await;
        }
        let lines: String = (1..)
            .zip(&self.entries)
            .filter(|(_, entry)| !entry.deleted)
            .map(|(number, entry)| format!("{number} {}\r\n", value(self.validity, entry)))
            .collect();
        let (count, size) = self.total();
        multiline(conn, &format!("+OK {count} messages ({size} octets)"), lines.as_bytes()).await
    }

    async fn retrieve(&self, conn: &mut Conn, user: &str, verb: &str, argument: &str) -> io::Result<()> {
        let (number, lines) = match argument.split_once(' ') {
            Some((number, lines)) if verb == "TOP" => (number, lines.parse::<usize>().ok()),
            None if verb == "RETR" => (argument, Some(usize::MAX)),
            _ => (argument, None),
        };
        let Some(lines) = lines else { return answer(conn, "-ERR Syntax error").await };
        let Some(index) = self.at(number) else { return answer(conn, "-ERR No such message").await };
        let entry = &self.entries[index];
        if verb == "RETR" {
            let mut state = conn.shared.store.lock();
            let messages = state.folder_mut(user, "INBOX").map(|folder| &mut folder.messages);
            if let Some(message) = messages.and_then(|all| all.iter_mut().find(|m| m.uid == entry.uid)) {
                message.flags.insert("\\Seen".to_owned());
            }
        }
        let first = format!("+OK {} octets", entry.raw.len());
        multiline(conn, &first, top(&entry.raw, lines)).await
    }

    async fn quit(&self, conn: &mut Conn) -> io::Result<()> {
        if let Some(user) = &self.user {
            if let Some(folder) = conn.shared.store.lock().folder_mut(user, "INBOX") {
                let gone = |uid| self.entries.iter().any(|entry| entry.deleted && entry.uid == uid);
                folder.messages.retain(|message| !gone(message.uid));
            }
            conn.shared.store.ring();
        }
        answer(conn, "+OK Goodbye").await
    }
}

/// The header, the empty line and that many lines of the body.
fn top(raw: &[u8], lines: usize) -> &[u8] {
    let mut at = 0;
    let mut left = None;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        match &mut left {
            None if line == b"\r\n" || line == b"\n" => left = Some(lines),
            None => {}
            Some(0) => break,
            Some(left) => *left -= 1,
        }
        at += line.len();
    }
    &raw[..at]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_counts_lines_of_the_body() {
        let raw = b"A: b\r\n\r\none\r\ntwo\r\n";
        assert_eq!(top(raw, 0), b"A: b\r\n\r\n");
        assert_eq!(top(raw, 1), b"A: b\r\n\r\none\r\n");
        assert_eq!(top(raw, usize::MAX), raw);
    }

    #[test]
    fn credentials_are_hidden() {
        assert_eq!(redacted("PASS", "secret word"), "PASS <hidden>");
        assert_eq!(redacted("AUTH", "PLAIN AGEAYg=="), "AUTH PLAIN <hidden>");
        assert_eq!(redacted("USER", "alice"), "USER alice");
    }
}
