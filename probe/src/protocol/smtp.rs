//! Message submission: SMTP (RFC 5321, 6409) in the fewest turns that the server's extensions allow.

use tokio::time::Instant;

use super::{
    Proof, Session, SignIn, Submit, Submitted, note_greeting, refusal_by_words, says, says_too_many_sessions,
};
use crate::auth::sasl::{Credential, Exchange};
use crate::catalogue::{Reason, Step};
use crate::config::plan::{Endpoint, TlsMode};
use crate::message::build::Outgoing;
use crate::net::line::Line;
use crate::net::{Net, To};
use crate::outcome::{Fact, Fault, Fut, Recorder, Said};

/// More lines than this in one reply are no reply.
const MOST_LINES: usize = 256;

/// A session, signed in or about to be.
pub struct Smtp {
    line: Line,
    host: String,
    port: u16,
    offers: Offers,
}

/// What EHLO told.
#[derive(Default)]
struct Offers {
    pipelining: bool,
    chunking: bool,
    starttls: bool,
    size: Option<usize>,
    auth: Vec<String>,
}

/// One reply (RFC 5321, section 4.2), its lines joined.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reply {
    code: u16,
    /// The enhanced status code (RFC 3463), where there is one. A library that keeps its parts as bytes loses `5.7.708`.
    status: String,
    text: String,
    lines: Vec<String>,
}

/// Where in the conversation a reply came: the same code means different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Hello,
    Starttls,
    Auth { otherwise: Reason },
    Mail,
    Rcpt,
    Data,
    Message,
}

impl Smtp {
    /// Connects, up to the point where one signs in.
    ///
    /// # Errors
    /// Those of the steps.
    pub async fn connect(net: &Net, endpoint: &Endpoint, to: To, rec: &Recorder) -> Result<Self, Fault> {
        let line = net.dial(endpoint, to, rec).await?;
        let mut smtp = Self::new(line, endpoint);
        smtp.greeting(rec).await?;
        rec.time(Step::Hello, smtp.hello(rec)).await?;
        if endpoint.tls == TlsMode::Starttls {
            if !smtp.offers.starttls {
                let words = format!("offered is {}", smtp.offers.words());
                return Err(Fault::new(Reason::StarttlsStripped, &words).at(Step::Starttls));
            }
            rec.time(Step::Starttls, smtp.command("STARTTLS", Stage::Starttls)).await?;
            net.start_tls(&mut smtp.line, endpoint, rec).await?;
            rec.time(Step::Hello, smtp.hello(rec)).await?;
        }
        Ok(smtp)
    }

    fn new(line: Line, endpoint: &Endpoint) -> Self {
        Self { line, host: endpoint.host.to_string(), port: endpoint.port, offers: Offers::default() }
    }

    async fn greeting(&mut self, rec: &Recorder) -> Result<(), Fault> {
        let reply = rec.time(Step::Greeting, self.expect(2, Stage::Greeting)).await?;
        note_greeting(rec, &reply.text);
        Ok(())
    }

    async fn hello(&mut self, rec: &Recorder) -> Result<(), Fault> {
        // An address literal is always true (RFC 5321, section 4.1.3); a container's host name means nothing outside.
        let name = match self.line.local_address().map(|address| address.ip().to_canonical()) {
            Some(std::net::IpAddr::V4(ip)) => format!("[{ip}]"),
            Some(std::net::IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
            None => "[127.0.0.1]".to_owned(),
        };
        let reply = self.command(&format!("EHLO {name}"), Stage::Hello).await?;
        self.offers = Offers::read(&reply);
        rec.note(Fact::Capabilities(reply.lines.iter().skip(1).cloned().collect()));
        Ok(())
    }

    async fn sign_in_by(&mut self, credential: &Credential) -> Result<(), Fault> {
        let mechanism = credential.choose(&self.offers.auth)?;
        let mut exchange = Exchange::new(mechanism, credential, &self.host, self.port)?;
        let stage = Stage::Auth { otherwise: credential.refusal() };
        let first = match exchange.initial()? {
            // RFC 4954, section 4: an empty first answer is written as "=".
            Some(first) if first.is_empty() => " =".to_owned(),
            Some(first) => format!(" {first}"),
            None => String::new(),
        };
        self.line.send(format!("AUTH {}{first}\r\n", mechanism.name()).as_bytes()).await?;
        loop {
            let reply = self.reply().await?;
            match reply.code {
                235 => return exchange.proved(),
                334 => {
                    let answer = exchange.answer(&reply.text)?;
                    self.line.send(format!("{answer}\r\n").as_bytes()).await?;
                }
                _ => {
                    let mut fault = reply.fault(stage);
                    if let Some(complaint) = exchange.complaint() {
                        fault.said = Said::new(&format!("{} {complaint}", fault.said));
                    }
                    return Err(fault);
                }
            }
        }
    }

    async fn command(&mut self, command: &str, stage: Stage) -> Result<Reply, Fault> {
        self.line.send(format!("{command}\r\n").as_bytes()).await?;
        self.expect(2, stage).await
    }

    /// Reads a reply of that class.
    async fn expect(&mut self, class: u16, stage: Stage) -> Result<Reply, Fault> {
        let reply = self.reply().await?;
        if reply.code / 100 == class { Ok(reply) } else { Err(reply.fault(stage)) }
    }

    async fn reply(&mut self) -> Result<Reply, Fault> {
        let mut lines = Vec::new();
        let mut code = None;
        loop {
            let line = self.line.line().await?;
            let wrong = || {
                let words = format!("this is no SMTP reply: {}", Said::bytes(&line));
                Fault::new(Reason::ProtocolViolation, &words)
            };
            let (this, more, text) = split(&line).ok_or_else(wrong)?;
            if *code.get_or_insert(this) != this || lines.len() >= MOST_LINES {
                return Err(wrong());
            }
            lines.push(text);
            if !more {
                return Ok(Reply::new(this, lines));
            }
        }
    }

    /// The flight of envelope and message: all at once where the server announces PIPELINING (RFC 2920) and CHUNKING
    /// (RFC 3030).
    async fn hand_over(
        &mut self,
        mail: &Outgoing,
        handed_over: &(dyn Fn() + Send + Sync),
        rec: &Recorder,
    ) -> Result<Submitted, Fault> {
        let size = mail.bytes.len();
        if self.offers.size.is_some_and(|most| most > 0 && size > most) {
            return Err(Fault::new(Reason::MessageRefused, "the message is larger than the server's SIZE"));
        }
        let declared = if self.offers.size.is_some() { format!(" SIZE={size}") } else { String::new() };
        let mail_from = format!("MAIL FROM:<{}>{declared}\r\n", mail.from);
        let rcpt_to = format!("RCPT TO:<{}>\r\n", mail.to);
        let last = if self.offers.chunking { format!("BDAT {size} LAST\r\n") } else { "DATA\r\n".to_owned() };
        if !self.offers.pipelining {
            rec.time(Step::Envelope, async {
                self.line.send(mail_from.as_bytes()).await?;
                self.expect(2, Stage::Mail).await?;
                self.line.send(rcpt_to.as_bytes()).await?;
                self.expect(2, Stage::Rcpt).await
            })
            .await?;
            return self.content(&last, None, mail, handed_over, rec).await;
        }
        let envelope = format!("{mail_from}{rcpt_to}");
        self.content(&last, Some(&envelope), mail, handed_over, rec).await
    }

    /// Sends what is left and reads all replies. `envelope`: pipelined before it, its replies still to come.
    async fn content(
        &mut self,
        last: &str,
        envelope: Option<&str>,
        mail: &Outgoing,
        handed_over: &(dyn Fn() + Send + Sync),
        rec: &Recorder,
    ) -> Result<Submitted, Fault> {
        let chunking = self.offers.chunking;
        let mut flight = [envelope.unwrap_or_default(), last].concat().into_bytes();
        if chunking {
            flight.extend_from_slice(&mail.bytes);
        }
        let mut refused = None;
        if envelope.is_some() || !chunking {
            let step = if envelope.is_some() { Step::Envelope } else { Step::Data };
            let sent = rec
                .time(step, async {
                    self.line.send(&flight).await?;
                    if chunking {
                        handed_over();
                    }
                    let mut refused = None;
                    if envelope.is_some() {
                        for stage in [Stage::Mail, Stage::Rcpt] {
                            let reply = self.reply().await?;
                            if reply.code / 100 != 2 {
                                refused.get_or_insert_with(|| reply.fault(stage));
                            }
                        }
                    }
                    Ok(refused)
                })
                .await;
            refused = match sent {
                Ok(refused) => refused,
                // BDAT was in the flight: the message may have been taken before the line broke.
                Err(fault) if chunking && fault.reason == Reason::ConnectionDropped => {
                    return Ok(Submitted::Unknown(fault));
                }
                Err(fault) => return Err(fault),
            };
        }
        if let Some(fault) = refused {
            return rec.time(Step::Data, self.refuse(chunking, fault)).await;
        }
        let written = chunking && envelope.is_some();
        rec.time(Step::Data, self.finish(flight, written, mail, handed_over)).await
    }

    /// The envelope was refused: the reply to what followed it is still to be read (RFC 2920, section 3.1).
    async fn refuse(&mut self, chunking: bool, fault: Fault) -> Result<Submitted, Fault> {
        let step = Step::Envelope;
        if let Ok(reply) = self.reply().await
            && !chunking
            && reply.code == 354
        {
            // It wants a message all the same; without a recipient an empty one goes nowhere.
            self.line.send(b".\r\n").await?;
            self.reply().await?;
        }
        Err(fault.at(step))
    }

    async fn finish(
        &mut self,
        flight: Vec<u8>,
        written: bool,
        mail: &Outgoing,
        handed_over: &(dyn Fn() + Send + Sync),
    ) -> Result<Submitted, Fault> {
        if !self.offers.chunking {
            let reply = self.reply().await?;
            if reply.code != 354 {
                return Err(reply.fault(Stage::Data));
            }
            self.line.send(&dotted(&mail.bytes)).await?;
            handed_over();
        } else if !written {
            self.line.send(&flight).await?;
            handed_over();
        }
        match self.reply().await {
            Ok(reply) if reply.code / 100 == 2 => {
                Ok(Submitted::Accepted { at: Instant::now(), server_id: Said::new(&reply.text) })
            }
            Ok(reply) => Err(reply.fault(Stage::Message)),
            Err(fault) if fault.reason == Reason::ConnectionDropped => Ok(Submitted::Unknown(fault)),
            Err(fault) => Err(fault),
        }
    }
}

impl SignIn for Smtp {
    fn sign_in<'a>(&'a mut self, credential: &'a Credential, _: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(self.sign_in_by(credential))
    }
}

impl Session for Smtp {
    fn prove<'a>(&'a mut self, _: &'a Recorder) -> Fut<'a, Proof> {
        // The sign-in was the proof: a submission service has nothing to list.
        Box::pin(async { Ok(Proof::default()) })
    }

    fn submit(&mut self) -> Option<&mut dyn Submit> {
        Some(self)
    }

    fn is_alive(&mut self) -> bool {
        // A server that has spoken unasked has said 421, or is gone.
        self.line.is_quiet()
    }

    fn close<'a>(mut self: Box<Self>, rec: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async move {
            rec.time(Step::Quit, async {
                self.line.send(b"QUIT\r\n").await?;
                self.reply().await
            })
            .await?;
            self.line.shut().await;
            Ok(())
        })
    }
}

impl Submit for Smtp {
    fn submit<'a>(
        &'a mut self,
        mail: &'a Outgoing,
        handed_over: &'a (dyn Fn() + Send + Sync),
        rec: &'a Recorder,
    ) -> Fut<'a, Submitted> {
        Box::pin(self.hand_over(mail, handed_over, rec))
    }
}

/// `250-text` → (250, true, text).
fn split(line: &[u8]) -> Option<(u16, bool, String)> {
    let (code, rest) = line.split_at_checked(3)?;
    let code = std::str::from_utf8(code).ok().filter(|code| code.bytes().all(|b| b.is_ascii_digit()))?;
    let code: u16 = code.parse().ok().filter(|code| (200..600).contains(code))?;
    let (more, text) = match rest {
        [] => (false, &b""[..]),
        [b' ', text @ ..] => (false, text),
        [b'-', text @ ..] => (true, text),
        _ => return None,
    };
    Some((code, more, String::from_utf8_lossy(text).into_owned()))
}

/// A dot at the start of a line is doubled, the message is ended (RFC 5321, section 4.5.2).
fn dotted(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 16);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

impl Offers {
    fn read(reply: &Reply) -> Self {
        let mut out = Self::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            match words.next() {
                Some("PIPELINING") => out.pipelining = true,
                Some("CHUNKING") => out.chunking = true,
                Some("STARTTLS") => out.starttls = true,
                Some("SIZE") => out.size = Some(words.next().and_then(|size| size.parse().ok()).unwrap_or(0)),
                // Old servers write "AUTH=LOGIN" beside the standard form.
                Some("AUTH") => {
                    for word in words.map(str::to_owned) {
                        if !out.auth.contains(&word) {
                            out.auth.push(word);
                        }
                    }
                }
                _ => {}
            }
        }
        out
    }

    fn words(&self) -> String {
        let auth = format!("AUTH {}", self.auth.join(" "));
        [(self.pipelining, "PIPELINING"), (self.chunking, "CHUNKING"), (!self.auth.is_empty(), &auth)]
            .into_iter()
            .filter(|(offered, _)| *offered)
            .map(|(_, word)| word.to_owned())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl Reply {
    fn new(code: u16, lines: Vec<String>) -> Self {
        let first = lines.first().map_or("", String::as_str);
        let status = first.split(' ').next().filter(|word| is_status(word)).unwrap_or_default().to_owned();
        let text = lines.join(" ");
        Self { code, status, text, lines }
    }

    fn fault(&self, stage: Stage) -> Fault {
        let number = if self.status.is_empty() {
            self.code.to_string()
        } else {
            format!("{} {}", self.code, self.status)
        };
        Fault::new(self.reason(stage), &format!("{} {}", self.code, self.text)).coded(&number)
    }

    fn reason(&self, stage: Stage) -> Reason {
        let detail = self.status.split_once('.').map_or("", |(_, detail)| detail);
        match (self.code, stage) {
            (200..400, _) => Reason::ProtocolViolation,
            (421, _) if self.says_too_many() => Reason::TooManySessions,
            (_, Stage::Auth { otherwise }) => self.auth_reason(otherwise, detail),
            (421, _) => Reason::ServerUnavailable,
            _ if says(&self.text, &["throttl"]) => Reason::Throttled,
            _ if is_limit(detail, &self.text) => Reason::SendingLimitReached,
            _ if matches!(detail, "7.30" | "7.139") => Reason::BlockedByPolicy,
            (_, Stage::Greeting | Stage::Hello | Stage::Starttls) if self.says_too_many() => {
                Reason::TooManySessions
            }
            (_, Stage::Greeting | Stage::Hello | Stage::Starttls) => Reason::ServerUnavailable,
            (452 | 552, Stage::Rcpt | Stage::Message) if detail.is_empty() => Reason::MailboxFull,
            _ if detail == "2.2" => Reason::MailboxFull,
            (400..500, _) => Reason::Deferred,
            (530, _) => Reason::AccessDenied,
            (_, Stage::Mail) => Reason::SenderRefused,
            (_, Stage::Rcpt) => match (self.code, detail) {
                (_, "1.1" | "1.10") => Reason::MailboxUnknown,
                (_, "2.1") => Reason::MailboxDisabled,
                (551, _) | (_, "1.6") => Reason::MailboxMoved,
                _ => Reason::RecipientRefused,
            },
            (_, Stage::Data | Stage::Message) => Reason::MessageRefused,
        }
    }

    fn auth_reason(&self, otherwise: Reason, detail: &str) -> Reason {
        match (self.code, detail) {
            (_, "7.30" | "7.139") => Reason::BlockedByPolicy,
            (432, _) => Reason::PasswordExpired,
            (400..500, _) => refusal_by_words(&self.text, Reason::SignInUnavailable),
            (525, _) => Reason::AccountLocked,
            (500 | 502..=504 | 530 | 534 | 538, _) => {
                refusal_by_words(&self.text, Reason::MechanismUnavailable)
            }
            // What is not known to be something else counts as a refusal: better a pause than a locked account.
            _ => refusal_by_words(&self.text, otherwise),
        }
    }

    fn says_too_many(&self) -> bool {
        says_too_many_sessions(&self.text)
    }
}

/// `5.7.1` and the like.
fn is_status(word: &str) -> bool {
    let mut parts = word.split('.');
    matches!(parts.next(), Some("2" | "4" | "5"))
        && parts.clone().count() == 2
        && parts.all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
}

/// Exchange Online and Gmail tell a used-up quota by these.
fn is_limit(detail: &str, text: &str) -> bool {
    matches!(detail, "1.90" | "4.5" | "7.705" | "7.708" | "7.232" | "7.233")
        || says(text, &["sending limit", "sending quota", "daily limit", "message limit", "submission quota"])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: Stage = Stage::Auth { otherwise: Reason::CredentialsRejected };

    #[test]
    fn replies_and_what_they_mean() {
        for (stage, line, reason) in [
            (Stage::Greeting, "554 no service here", Reason::ServerUnavailable),
            (Stage::Greeting, "421 4.3.2 shutting down", Reason::ServerUnavailable),
            (Stage::Greeting, "421 4.7.0 Too many connections", Reason::TooManySessions),
            (PASSWORD, "535 5.7.8 Error: authentication failed", Reason::CredentialsRejected),
            (
                PASSWORD,
                "535 5.7.8 Error: authentication failed: (reason unavailable)",
                Reason::CredentialsRejected,
            ),
            (PASSWORD, "535 5.7.3 Authentication unsuccessful", Reason::CredentialsRejected),
            (
                PASSWORD,
                "535 5.7.139 Authentication unsuccessful, basic authentication is disabled",
                Reason::BlockedByPolicy,
            ),
            (
                PASSWORD,
                "550 5.7.30 Basic authentication is not supported for Client Submission.",
                Reason::BlockedByPolicy,
            ),
            (PASSWORD, "454 4.7.0 Temporary authentication failure", Reason::SignInUnavailable),
            (PASSWORD, "535 5.7.8 Temporary failure, try again later", Reason::SignInUnavailable),
            (PASSWORD, "421 4.7.0 Too many login failures", Reason::AccountLocked),
            (PASSWORD, "504 5.5.4 mechanism not known", Reason::MechanismUnavailable),
            (PASSWORD, "534 5.7.9 too weak", Reason::MechanismUnavailable),
            (PASSWORD, "432 4.7.12 a password transition is needed", Reason::PasswordExpired),
            (PASSWORD, "525 5.7.13 account disabled", Reason::AccountLocked),
            (PASSWORD, "550 whatever", Reason::CredentialsRejected),
            (
                Stage::Mail,
                "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
                Reason::SenderRefused,
            ),
            (Stage::Mail, "452 4.3.1 insufficient storage", Reason::Deferred),
            (Stage::Mail, "550 5.1.90 daily limit for recipients", Reason::SendingLimitReached),
            (
                Stage::Mail,
                "550 5.7.708 service unavailable, traffic not accepted",
                Reason::SendingLimitReached,
            ),
            (Stage::Rcpt, "451 4.7.1 Greylisted", Reason::Deferred),
            (Stage::Rcpt, "550 5.1.1 no such user", Reason::MailboxUnknown),
            (Stage::Rcpt, "550 5.7.1 relaying denied", Reason::RecipientRefused),
            (Stage::Rcpt, "550 no", Reason::RecipientRefused),
            (Stage::Rcpt, "552 5.2.2 mailbox full", Reason::MailboxFull),
            (Stage::Rcpt, "452 4.2.2 mailbox full", Reason::MailboxFull),
            (Stage::Rcpt, "551 5.1.6 moved", Reason::MailboxMoved),
            (Stage::Message, "554 5.6.0 content", Reason::MessageRefused),
            (Stage::Message, "250 fine", Reason::ProtocolViolation),
            (Stage::Message, "432 4.3.2 STOREDRV; throttled", Reason::Throttled),
        ] {
            let (code, more, text) = split(line.as_bytes()).unwrap();
            assert!(!more);
            assert_eq!(Reply::new(code, vec![text]).reason(stage), reason, "{line} at {stage:?}");
        }
    }

    #[test]
    fn what_is_no_reply_is_refused_and_a_bare_code_is_one() {
        for line in ["", "25", "hello", "2500 x", "25x y", "199 x", "600 x", "250_x", "* OK"] {
            assert_eq!(split(line.as_bytes()), None, "{line}");
        }
        assert_eq!(split(b"250"), Some((250, false, String::new())));
        assert_eq!(split(b"250-SIZE 1"), Some((250, true, "SIZE 1".into())));
    }

    #[test]
    fn offers_are_read_in_any_case_and_form() {
        let lines =
            ["mail.example", "size 1000", "Pipelining", "AUTH PLAIN login", "AUTH=LOGIN XOAUTH2", "CHUNKING"];
        let offers = Offers::read(&Reply::new(250, lines.map(str::to_owned).to_vec()));
        assert!(offers.pipelining && offers.chunking && !offers.starttls);
        assert_eq!((offers.size, offers.auth.join(" ").as_str()), (Some(1000), "PLAIN LOGIN XOAUTH2"));
    }

    #[test]
    fn dots_are_doubled_at_the_start_of_lines_only() {
        assert_eq!(dotted(b".a\r\nb.\r\n..\r\n"), b"..a\r\nb.\r\n...\r\n.\r\n");
        assert_eq!(dotted(b"a"), b"a\r\n.\r\n");
    }
}
