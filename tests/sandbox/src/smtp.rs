//! SMTP submission (RFC 5321, 6409 and the extensions that EHLO names).

mod path;

use std::{io, sync::Arc};

use crate::{
    fault::{Fault, Protocol},
    listener::Conn,
    mangle,
    sasl::{self, Exchange, Step, Verdict},
    store::MAX_MESSAGE,
};
use path::{Path, parse_path};

const MAX_RECIPIENTS: usize = 100;

pub(crate) struct Recipient {
    pub(crate) address: String,
    /// NOTIFY=NEVER was asked for.
    pub(crate) silent: bool,
}

#[derive(Default)]
pub(crate) struct Envelope {
    pub(crate) sender: String,
    pub(crate) recipients: Vec<Recipient>,
    /// RET=FULL was asked for.
    pub(crate) full: bool,
}

#[derive(Default)]
struct Session {
    helo: Option<String>,
    extended: bool,
    user: Option<String>,
    envelope: Option<Envelope>,
    /// Chunks received by BDAT so far.
    chunks: Option<Vec<u8>>,
}

pub(crate) async fn session(conn: &mut Conn) -> io::Result<()> {
    let host = conn.shared.options.host.clone();
    match conn.fault() {
        Some(Fault::TooManySessions) => {
            return conn.reply(&format!("421 4.7.0 {host} Too many sessions, try again later")).await;
        }
        Some(Fault::Shutdown421) => {
            return conn.reply(&format!("421 4.3.2 {host} The service is shutting down")).await;
        }
        _ => {}
    }
    conn.greet(&format!("220 {host} ESMTP ready")).await?;
    let mut session = Session::default();
    while let Some(line) = conn.line().await? {
        if conn.has(&Fault::Shutdown421) {
            return conn.reply(&format!("421 4.3.2 {host} The service is shutting down")).await;
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let verb = verb.to_ascii_uppercase();
        conn.log('C', &redacted(&verb, argument));
        if verb == "QUIT" {
            return answer(conn, "221 2.0.0 Goodbye").await;
        }
        session.command(conn, &verb, argument.trim_end()).await?;
    }
    Ok(())
}

fn redacted(verb: &str, argument: &str) -> String {
    match (verb, argument.split_once(' ')) {
        ("AUTH", Some((mechanism, _))) => format!("AUTH {mechanism} <hidden>"),
        _ => format!("{verb} {argument}").trim_end().to_owned(),
    }
}

/// Sends one reply line, or one of another class when a fault has it so.
async fn answer(conn: &mut Conn, line: &str) -> io::Result<()> {
    if !conn.has(&Fault::BadTag) {
        return conn.reply(line).await;
    }
    let class = if line.starts_with('3') { '2' } else { '3' };
    let rest: String = line.chars().skip(1).collect();
    conn.reply(&format!("{class}{rest}")).await
}

impl Session {
    async fn command(&mut self, conn: &mut Conn, verb: &str, argument: &str) -> io::Result<()> {
        match verb {
            "EHLO" | "HELO" => self.hello(conn, verb, argument).await,
            "STARTTLS" => self.starttls(conn, argument).await,
            "AUTH" => self.auth(conn, argument).await,
            "MAIL" => self.mail(conn, argument).await,
            "RCPT" => self.rcpt(conn, argument).await,
            "DATA" => self.data(conn, argument).await,
            "BDAT" => self.bdat(conn, argument).await,
            "RSET" => {
                self.reset();
                answer(conn, "250 2.0.0 Ok").await
            }
            "NOOP" => answer(conn, "250 2.0.0 Ok").await,
            "VRFY" => answer(conn, "252 2.5.2 Send mail to find out").await,
            "HELP" => answer(conn, "214 2.0.0 See RFC 5321").await,
            "EXPN" => answer(conn, "502 5.5.1 Not offered").await,
            _ => answer(conn, "500 5.5.2 Unknown command").await,
        }
    }

    fn reset(&mut self) {
        self.envelope = None;
        self.chunks = None;
    }

    async fn hello(&mut self, conn: &mut Conn, verb: &str, argument: &str) -> io::Result<()> {
        if argument.is_empty() {
            return answer(conn, &format!("501 5.5.4 {verb} takes a domain")).await;
        }
        self.reset();
        self.helo = Some(argument.to_owned());
        self.extended = verb == "EHLO";
        let host = conn.shared.options.host.clone();
        if !self.extended {
            return answer(conn, &format!("250 {host}")).await;
        }
        if conn.has(&Fault::BadTag) {
            return answer(conn, &format!("250 {host}")).await;
        }
        conn.say(&format!("250-{host} Hello {argument}"));
        if !conn.tls && !conn.has(&Fault::NoStarttls) {
            conn.say("250-STARTTLS");
        }
        if conn.tls {
            conn.say(&format!("250-AUTH {}", sasl::MECHANISMS.join(" ")));
        }
        conn.say(&format!("250-SIZE {MAX_MESSAGE}"));
        for keyword in ["PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN"] {
            conn.say(&format!("250-{keyword}"));
        }
        conn.reply("250 ENHANCEDSTATUSCODES").await
    }

    async fn starttls(&mut self, conn: &mut Conn, argument: &str) -> io::Result<()> {
        if conn.has(&Fault::NoStarttls) {
            return answer(conn, "502 5.5.1 STARTTLS is not offered").await;
        }
        if !argument.is_empty() {
            return answer(conn, "501 5.5.4 STARTTLS takes no parameters").await;
        }
        if conn.tls {
            return answer(conn, "503 5.5.1 TLS is on already").await;
        }
        if conn.has_more() {
            answer(conn, "503 5.5.1 Nothing may follow STARTTLS before TLS").await?;
            return Err(io::Error::other("bytes after STARTTLS"));
        }
        answer(conn, "220 2.0.0 Begin TLS").await?;
        *self = Self::default();
        conn.upgrade().await
    }

    async fn auth(&mut self, conn: &mut Conn, argument: &str) -> io::Result<()> {
        if !self.extended {
            return answer(conn, "503 5.5.1 EHLO comes first").await;
        }
        if self.user.is_some() || self.envelope.is_some() {
            return answer(conn, "503 5.5.1 AUTH is not possible now").await;
        }
        if !conn.tls {
            return answer(conn, "538 5.7.11 Encryption required for authentication").await;
        }
        let (mechanism, initial) = match argument.split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial.as_bytes().to_vec())),
            None => (argument, None),
        };
        let Some(mut exchange) = Exchange::start(mechanism) else {
            return answer(conn, "504 5.5.4 No such mechanism").await;
        };
        let mut next = initial;
        let mut challenge = exchange.prompt();
        loop {
            let text = match next.take() {
                Some(text) => text,
                None => {
                    answer(conn, &format!("334 {}", sasl::encode(&challenge))).await?;
                    let Some(line) = conn.line().await? else { return Ok(()) };
                    conn.log('C', "<hidden>");
                    line
                }
            };
            if text == b"*" {
                return answer(conn, "501 5.7.0 Cancelled").await;
            }
            let Some(message) = sasl::decode(&text) else {
                return answer(conn, "501 5.5.2 That is not base64").await;
            };
            match exchange.step(&message, &conn.shared) {
                Step::Challenge(text) => challenge = text,
                Step::Done(verdict) => return self.end(conn, verdict).await,
            }
        }
    }

    async fn end(&mut self, conn: &mut Conn, verdict: Verdict) -> io::Result<()> {
        let verdict = sasl::judge(verdict, conn.fault().as_ref());
        sasl::count(&conn.shared, Protocol::Smtp, &verdict);
        match verdict {
            Verdict::Welcome(user) => {
                self.user = Some(user);
                answer(conn, "235 2.7.0 Authentication successful").await?;
                conn.signed_in = true;
                Ok(())
            }
            Verdict::Refused => answer(conn, "535 5.7.8 Authentication credentials invalid").await,
            Verdict::Unavailable => answer(conn, "454 4.7.0 Temporary authentication failure").await,
            Verdict::Malformed => answer(conn, "501 5.5.2 Malformed credentials").await,
        }
    }

    async fn mail(&mut self, conn: &mut Conn, argument: &str) -> io::Result<()> {
        if self.helo.is_none() {
            return answer(conn, "503 5.5.1 EHLO comes first").await;
        }
        if !conn.tls {
            return answer(conn, "530 5.7.0 Must issue a STARTTLS command first").await;
        }
        if self.user.is_none() {
            return answer(conn, "530 5.7.0 Authentication required").await;
        }
        if self.envelope.is_some() {
            return answer(conn, "503 5.5.1 MAIL was given already").await;
        }
        let Some(Path { address, parameters }) = parse_path(argument, "FROM:") else {
            return answer(conn, "501 5.5.4 Syntax: MAIL FROM:<address>").await;
        };
        let full = match mail_parameters(&parameters) {
            Ok(full) => full,
            Err(reply) => return answer(conn, reply).await,
        };
        if conn.has(&Fault::RefuseSender) {
            return answer(conn, "550 5.7.1 Sender refused").await;
        }
        self.envelope = Some(Envelope { sender: address, recipients: Vec::new(), full });
        answer(conn, "250 2.1.0 Ok").await
    }

    async fn rcpt(&mut self, conn: &mut Conn, argument: &str) -> io::Result<()> {
        let Some(envelope) = &mut self.envelope else {
            return answer(conn, "503 5.5.1 MAIL comes first").await;
        };
        let Some(Path { address, parameters }) =
            parse_path(argument, "TO:").filter(|p| !p.address.is_empty())
        else {
            return answer(conn, "501 5.5.4 Syntax: RCPT TO:<address>").await;
        };
        if envelope.recipients.len() >= MAX_RECIPIENTS {
            return answer(conn, "452 4.5.3 Too many recipients").await;
        }
        let mut silent = false;
        for (key, value) in &parameters {
            match key.as_str() {
                "NOTIFY" => silent = value.eq_ignore_ascii_case("NEVER"),
                "ORCPT" => {}
                _ => return answer(conn, "555 5.5.4 Unknown parameter").await,
            }
        }
        let reply = refusal(conn, &address);
        if reply.is_none() {
            envelope.recipients.push(Recipient { address, silent });
        }
        answer(conn, reply.unwrap_or("250 2.1.5 Ok")).await
    }

    async fn data(&mut self, conn: &mut Conn, argument: &str) -> io::Result<()> {
        if !argument.is_empty() {
            return answer(conn, "501 5.5.4 DATA takes no parameters").await;
        }
        if self.chunks.is_some() {
            return answer(conn, "503 5.5.1 BDAT was begun").await;
        }
        match &self.envelope {
            None => return answer(conn, "503 5.5.1 MAIL comes first").await,
            Some(envelope) if envelope.recipients.is_empty() => {
                return answer(conn, "554 5.5.1 No valid recipients").await;
            }
            Some(_) => {}
        }
        answer(conn, "354 End with <CR><LF>.<CR><LF>").await?;
        let Some(raw) = read_data(conn).await? else { return Ok(()) };
        self.message(conn, raw).await
    }

    async fn bdat(&mut self, conn: &mut Conn, argument: &str) -> io::Result<()> {
        let mut words = argument.split_ascii_whitespace();
        let size = words.next().and_then(|word| word.parse::<usize>().ok());
        let last = words.next();
        let (Some(size), true, None) =
            (size, last.is_none_or(|word| word.eq_ignore_ascii_case("LAST")), words.next())
        else {
            answer(conn, "501 5.5.4 Syntax: BDAT size [LAST]").await?;
            return Err(io::Error::other("the size of a chunk is not known"));
        };
        let already = self.chunks.as_ref().map_or(0, Vec::len);
        if size.saturating_add(already) > MAX_MESSAGE {
            answer(conn, "552 5.3.4 Message too big").await?;
            return Err(io::Error::other("chunk too big"));
        }
        let chunk = conn.exact(size).await?;
        conn.log('C', &format!("<{size} bytes>"));
        if self.envelope.as_ref().is_none_or(|envelope| envelope.recipients.is_empty()) {
            self.reset();
            return answer(conn, "503 5.5.1 No valid recipients").await;
        }
        let chunks = self.chunks.get_or_insert_default();
        chunks.extend_from_slice(&chunk);
        if last.is_none() {
            return answer(conn, &format!("250 2.0.0 {size} octets received")).await;
        }
        let raw = self.chunks.take().unwrap_or_default();
        self.message(conn, raw).await
    }

    /// Takes a message whose last byte has come.
    async fn message(&mut self, conn: &mut Conn, raw: Vec<u8>) -> io::Result<()> {
        let Some(envelope) = self.envelope.take() else { return Ok(()) };
        if raw.len() > MAX_MESSAGE {
            return answer(conn, "552 5.3.4 Message too big").await;
        }
        if has_bare_line_end(&raw) {
            return answer(conn, "550 5.6.11 Lines must end in <CR><LF>").await;
        }
        if conn.has(&Fault::RefuseMessage) {
            return answer(conn, "554 5.6.0 Message refused").await;
        }
        let id = format!("{:08X}", conn.shared.number());
        let helo = self.helo.as_deref().unwrap_or_default();
        let received = format!(
            "Received: from {helo} ({peer})\r\n\tby {host} (mailprobe-sandbox) with ESMTPSA id {id}",
            peer = path::literal(conn.peer.ip()),
            host = conn.shared.options.host,
        );
        let fault = conn.fault();
        if fault != Some(Fault::CutAfterData { deliver: false }) {
            let shared = Arc::clone(&conn.shared);
            mangle::accept(&shared, Protocol::Smtp, &envelope, &received, &raw, fault.as_ref());
        }
        if matches!(fault, Some(Fault::CutAfterData { .. })) {
            return Err(io::Error::other("cut after the message"));
        }
        answer(conn, &format!("250 2.0.0 Ok: queued as {id}")).await
    }
}

/// Checks the parameters of MAIL; whether the whole message is wanted back in a bounce.
fn mail_parameters(parameters: &[(String, String)]) -> Result<bool, &'static str> {
    let mut full = false;
    for (key, value) in parameters {
        match key.as_str() {
            "SIZE" => match value.parse::<usize>() {
                Ok(size) if size > MAX_MESSAGE => return Err("552 5.3.4 Message too big"),
                Ok(_) => {}
                Err(_) => return Err("501 5.5.4 SIZE takes a number"),
            },
            "BODY" if value.eq_ignore_ascii_case("7BIT") || value.eq_ignore_ascii_case("8BITMIME") => {}
            "BODY" => return Err("501 5.5.4 BODY is 7BIT or 8BITMIME"),
            "RET" => full = value.eq_ignore_ascii_case("FULL"),
            "SMTPUTF8" | "ENVID" | "AUTH" => {}
            _ => return Err("555 5.5.4 Unknown parameter"),
        }
    }
    Ok(full)
}

/// Why a recipient is not taken, if so.
fn refusal(conn: &Conn, address: &str) -> Option<&'static str> {
    match conn.fault() {
        Some(Fault::Defer) => {
            conn.shared.count(|counts| counts.deferred += 1);
            return Some("451 4.7.1 Greylisted, try again later");
        }
        Some(Fault::RefuseRecipient) => return Some("550 5.1.1 No such user here"),
        Some(Fault::MailboxFull) => return Some("552 5.2.2 Mailbox full"),
        _ => {}
    }
    let state = conn.shared.store.lock();
    let domain = address.rsplit_once('@').map(|(_, domain)| domain);
    if domain.is_some_and(|domain| !state.is_ours(domain)) {
        return Some("550 5.7.1 Relaying denied");
    }
    if state.user(address).is_none() {
        return Some("550 5.1.1 No such user here");
    }
    None
}

/// Reads up to the line with a lone dot; nothing if the client went before it.
/// Of a message that is too big just enough is kept to see that it is.
async fn read_data(conn: &mut Conn) -> io::Result<Option<Vec<u8>>> {
    let mut raw = Vec::new();
    let mut fresh = true;
    while let Some(line) = conn.raw_line().await? {
        if fresh && line == b".\r\n" {
            conn.log('C', &format!("<{} bytes of message>", raw.len()));
            return Ok(Some(raw));
        }
        let stuffed = fresh && line.first() == Some(&b'.');
        fresh = line.ends_with(b"\r\n");
        if raw.len() <= MAX_MESSAGE {
            raw.extend_from_slice(&line[usize::from(stuffed)..]);
        }
    }
    Ok(None)
}

/// Whether there is a carriage return or a line feed without the other.
fn has_bare_line_end(raw: &[u8]) -> bool {
    let mut before = 0;
    for byte in raw {
        if (*byte == b'\n') != (before == b'\r') {
            return true;
        }
        before = *byte;
    }
    before == b'\r'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_line_ends_are_found() {
        assert!(!has_bare_line_end(b"a\r\nb\r\n"));
        assert!(!has_bare_line_end(b""));
        for raw in [&b"a\nb"[..], b"a\rb", b"a\r", b"\n", b"\r\r\n"] {
            assert!(has_bare_line_end(raw), "{raw:?}");
        }
    }

    #[test]
    fn credentials_are_hidden() {
        assert_eq!(redacted("AUTH", "PLAIN AGEAYg=="), "AUTH PLAIN <hidden>");
        assert_eq!(redacted("AUTH", "LOGIN"), "AUTH LOGIN");
        assert_eq!(redacted("EHLO", "x"), "EHLO x");
    }

    #[test]
    fn parameters_of_mail_are_checked() {
        let check = |key: &str, value: &str| mail_parameters(&[(key.to_owned(), value.to_owned())]);
        assert_eq!(check("SIZE", "10"), Ok(false));
        assert_eq!(check("RET", "full"), Ok(true));
        assert!(check("SIZE", "10485761").unwrap_err().starts_with("552 5.3.4"));
        assert!(check("BODY", "BINARYMIME").unwrap_err().starts_with("501 5.5.4"));
        assert!(check("X", "").unwrap_err().starts_with("555 5.5.4"));
    }
}
