//! IMAP (RFC 3501) with IDLE, UIDPLUS, SPECIAL-USE, SASL-IR: a session of our own on net/'s line. Every command's tag
//! and status are checked by us: a NO, a BAD or an end of file is never success.

mod inbox;
mod wire;

use std::time::Duration;

use tokio::time::Instant;

use super::{Inbox, Proof, Session, SignIn, note_greeting, refusal_by_words, says, says_too_many_sessions};
use crate::auth::sasl::{Credential, Exchange};
use crate::catalogue::{Reason, Step};
use crate::config::plan::{Endpoint, Mechanism, TlsMode};
use crate::net::line::Line;
use crate::net::{Net, To};
use crate::outcome::{Fact, Fault, Fut, Recorder, Said};
use crate::secret;
use wire::{Answer, State, Untagged, Word};

/// A session, signed in or about to be.
pub struct Imap {
    line: Line,
    host: String,
    port: u16,
    capabilities: Vec<String>,
    next_tag: u32,
    /// The IDLE that is open, and since when: DONE goes out before the next command.
    idling: Option<(String, Instant)>,
    /// What the server said when it took its leave.
    bye: Option<State>,
    folders: inbox::Folders,
}

/// What a refused command was about: the same words mean different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Auth { otherwise: Reason },
    Select,
    Other,
}

impl Imap {
    /// Connects, up to the point where one signs in.
    ///
    /// # Errors
    /// Those of the steps.
    pub async fn connect(net: &Net, endpoint: &Endpoint, to: To, rec: &Recorder) -> Result<Self, Fault> {
        let line = net.dial(endpoint, to, rec).await?;
        let mut imap = Self::new(line, endpoint);
        imap.greeting(rec).await?;
        if imap.capabilities.is_empty() {
            rec.time(Step::Hello, imap.ask_capabilities()).await?;
        }
        if endpoint.tls == TlsMode::Starttls {
            if !imap.has("STARTTLS") {
                let words = format!("offered is {}", imap.capabilities.join(" "));
                return Err(Fault::new(Reason::StarttlsStripped, &words).at(Step::Starttls));
            }
            rec.time(Step::Starttls, imap.command("STARTTLS", Stage::Other)).await?;
            net.start_tls(&mut imap.line, endpoint, rec).await?;
            // What was said in clear is not believed (RFC 3501, section 6.2.1).
            rec.time(Step::Hello, imap.ask_capabilities()).await?;
        }
        rec.note(Fact::Capabilities(imap.capabilities.clone()));
        Ok(imap)
    }

    fn new(line: Line, endpoint: &Endpoint) -> Self {
        Self {
            line,
            host: endpoint.host.to_string(),
            port: endpoint.port,
            capabilities: Vec::new(),
            next_tag: 0,
            idling: None,
            bye: None,
            folders: inbox::Folders::default(),
        }
    }

    async fn greeting(&mut self, rec: &Recorder) -> Result<(), Fault> {
        let state = rec
            .time(Step::Greeting, async {
                match wire::answer(&mut self.line).await? {
                    Answer::Untagged(Untagged::State(state)) if state.word == Word::Ok => Ok(state),
                    Answer::Untagged(Untagged::State(state)) if state.word == Word::Bye => Err(bye(&state)),
                    other => Err(Fault::new(
                        Reason::ProtocolViolation,
                        &format!("this is no IMAP greeting that asks to sign in: {other:?}"),
                    )),
                }
            })
            .await?;
        note_greeting(rec, &state.text);
        self.capabilities = state.capabilities().unwrap_or_default();
        Ok(())
    }

    async fn sign_in_by(&mut self, credential: &Credential) -> Result<(), Fault> {
        let mechanism = credential.choose(&self.mechanisms())?;
        let stage = Stage::Auth { otherwise: credential.refusal() };
        // Another capability list holds after the sign-in; what is not told then is asked for.
        let before = std::mem::take(&mut self.capabilities);
        let state = if mechanism == Mechanism::Login
            && !before.iter().any(|c| c.eq_ignore_ascii_case("AUTH=LOGIN"))
        {
            self.log_in(credential, &before, stage).await?
        } else {
            self.authenticate(mechanism, credential, &before, stage).await?
        };
        if state.code.starts_with("Error=") {
            // Exchange: "OK [Error="…WrongServerException…"] AUTHENTICATE completed."
            return Err(Fault::new(Reason::SignInUnavailable, &state.words()).coded("OK [Error]"));
        }
        if let Some(capabilities) = state.capabilities() {
            self.capabilities = capabilities;
        }
        Ok(())
    }

    /// LOGIN has no AUTH= word: it is offered unless it is disabled.
    fn mechanisms(&self) -> Vec<String> {
        let mut out: Vec<_> = self
            .capabilities
            .iter()
            .filter_map(|word| word.split_once('=').filter(|(auth, _)| auth.eq_ignore_ascii_case("AUTH")))
            .map(|(_, name)| name.to_ascii_uppercase())
            .collect();
        if !self.has("LOGINDISABLED") && !out.iter().any(|name| name == "LOGIN") {
            out.push("LOGIN".to_owned());
        }
        out
    }

    async fn log_in(
        &mut self,
        credential: &Credential,
        before: &[String],
        stage: Stage,
    ) -> Result<State, Fault> {
        let tag = self.tag();
        let mut out = format!("{tag} LOGIN").into_bytes();
        let plus = before.iter().any(|word| word.eq_ignore_ascii_case("LITERAL+"));
        for word in [&*credential.username, credential.secret.expose()] {
            out.push(b' ');
            if word.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                let quoted = word.replace('\\', "\\\\").replace('"', "\\\"");
                if quoted != word && *word == *credential.secret.expose() {
                    // A server may send it back as it was written.
                    secret::learn(&quoted);
                }
                out.extend(format!("\"{quoted}\"").bytes());
                continue;
            }
            out.extend(format!("{{{}{}}}\r\n", word.len(), if plus { "+" } else { "" }).bytes());
            if !plus {
                self.line.send(&std::mem::take(&mut out)).await?;
                self.go(&tag, stage).await?;
            }
            out.extend(word.bytes());
        }
        out.extend(b"\r\n");
        self.line.send(&out).await?;
        self.finish(&tag, stage, &mut |_| {}).await
    }

    async fn authenticate(
        &mut self,
        mechanism: Mechanism,
        credential: &Credential,
        before: &[String],
        stage: Stage,
    ) -> Result<State, Fault> {
        let mut exchange = Exchange::new(mechanism, credential, &self.host, self.port)?;
        let mut first = exchange.initial()?;
        let tag = self.tag();
        let mut command = format!("{tag} AUTHENTICATE {}", mechanism.name());
        if before.iter().any(|word| word.eq_ignore_ascii_case("SASL-IR"))
            && let Some(first) = first.take()
        {
            command.push_str(if first.is_empty() { " =" } else { " " });
            command.push_str(&first);
        }
        command.push_str("\r\n");
        self.line.send(command.as_bytes()).await?;
        let result = loop {
            match wire::answer(&mut self.line).await? {
                Answer::Go(challenge) => {
                    let answer = match first.take() {
                        Some(first) => first,
                        None => exchange.answer(&challenge)?,
                    };
                    self.line.send(format!("{answer}\r\n").as_bytes()).await?;
                }
                Answer::Tagged { tag: of, state } if of == tag => break self.judge(state, stage),
                other => self.aside(other, &mut |_| {})?,
            }
        };
        match (result, exchange.complaint()) {
            (Err(fault), Some(complaint)) => {
                Err(Fault { said: Said::new(&format!("{} {complaint}", fault.said)), ..fault })
            }
            (result, _) => {
                let state = result?;
                exchange.proved()?;
                Ok(state)
            }
        }
    }

    async fn ask_capabilities(&mut self) -> Result<(), Fault> {
        let mut found = Vec::new();
        let state = self
            .flight(&["CAPABILITY".to_owned()], Stage::Other, &mut |untagged| {
                if let Untagged::Capability(words) = untagged {
                    found = words;
                }
            })
            .await?;
        if let Some(words) = state.first().and_then(State::capabilities) {
            found = words;
        }
        if found.is_empty() {
            return Err(Fault::new(Reason::ProtocolViolation, "CAPABILITY was answered without any"));
        }
        self.capabilities = found;
        Ok(())
    }

    fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|word| word.eq_ignore_ascii_case(capability))
    }

    fn tag(&mut self) -> String {
        self.next_tag += 1;
        format!("m{}", self.next_tag)
    }

    async fn command(&mut self, command: &str, stage: Stage) -> Result<(), Fault> {
        self.flight(&[command.to_owned()], stage, &mut |_| {}).await.map(drop)
    }

    /// Sends commands in one flight and reads all their answers; an open IDLE is ended first, in the same flight.
    /// Every command must have been answered OK. All answers are read, so that the session is good after a NO.
    async fn flight(
        &mut self,
        commands: &[String],
        stage: Stage,
        each: &mut (dyn FnMut(Untagged) + Send),
    ) -> Result<Vec<State>, Fault> {
        let idle = self.idling.take();
        let mut out = if idle.is_some() { "DONE\r\n".to_owned() } else { String::new() };
        let tags: Vec<_> = commands.iter().map(|_| self.tag()).collect();
        for (tag, command) in tags.iter().zip(commands) {
            out.push_str(&format!("{tag} {command}\r\n"));
        }
        self.line.send(out.as_bytes()).await?;
        if let Some((tag, _)) = idle {
            self.finish(&tag, Stage::Other, &mut |_| {}).await?;
        }
        let mut states = Vec::with_capacity(tags.len());
        let mut refused = None;
        for tag in &tags {
            match self.finish(tag, stage, each).await {
                Ok(state) => states.push(state),
                Err(fault) if fault.server_code.as_str().starts_with("NO") => {
                    refused.get_or_insert(fault);
                }
                Err(fault) => return Err(fault),
            }
        }
        refused.map_or(Ok(states), Err)
    }

    /// Reads up to the answer of that tag.
    async fn finish(
        &mut self,
        tag: &str,
        stage: Stage,
        each: &mut (dyn FnMut(Untagged) + Send),
    ) -> Result<State, Fault> {
        loop {
            match wire::answer(&mut self.line).await.map_err(|fault| self.parting(fault))? {
                Answer::Tagged { tag: of, state } if of == tag => return self.judge(state, stage),
                other => self.aside(other, each)?,
            }
        }
    }

    /// Reads up to the request to go on.
    async fn go(&mut self, tag: &str, stage: Stage) -> Result<(), Fault> {
        loop {
            match wire::answer(&mut self.line).await.map_err(|fault| self.parting(fault))? {
                Answer::Go(_) => return Ok(()),
                Answer::Tagged { tag: of, state } if of == tag => {
                    self.judge(state, stage)?;
                    return Err(Fault::new(Reason::ProtocolViolation, "OK instead of a request to go on"));
                }
                other => self.aside(other, &mut |_| {})?,
            }
        }
    }

    /// What came beside the answer that is awaited.
    fn aside(&mut self, answer: Answer, each: &mut (dyn FnMut(Untagged) + Send)) -> Result<(), Fault> {
        match answer {
            Answer::Untagged(Untagged::State(state)) if state.word == Word::Bye => self.bye = Some(state),
            Answer::Untagged(untagged) => {
                if let Untagged::Capability(words) = &untagged {
                    self.capabilities.clone_from(words);
                }
                each(untagged);
            }
            Answer::Go(_) => {}
            Answer::Tagged { tag, state } => {
                let words = format!("an answer to {tag}, which was not asked: {}", state.words());
                return Err(Fault::new(Reason::ProtocolViolation, &words));
            }
        }
        Ok(())
    }

    /// A dropped line after a BYE was announced.
    fn parting(&self, fault: Fault) -> Fault {
        match &self.bye {
            Some(state) if fault.reason == Reason::ConnectionDropped => bye(state),
            _ => fault,
        }
    }

    fn judge(&self, state: State, stage: Stage) -> Result<State, Fault> {
        match state.word {
            Word::Ok => Ok(state),
            // What another session deleted meanwhile was left out (RFC 5530).
            Word::No if state.code_word() == "EXPUNGEISSUED" => Ok(state),
            _ => Err(state.fault(stage)),
        }
    }
}

/// The server ends the session, or refuses to begin one.
fn bye(state: &State) -> Fault {
    let reason = match state.code_word().as_str() {
        "LIMIT" => Reason::TooManySessions,
        _ if says_too_many_sessions(&state.text) => Reason::TooManySessions,
        _ => Reason::ServerUnavailable,
    };
    Fault::new(reason, &state.words()).coded("BYE")
}

impl State {
    fn words(&self) -> String {
        let word = match self.word {
            Word::Ok => "OK",
            Word::No => "NO",
            Word::Bad => "BAD",
            Word::Bye => "BYE",
            Word::Preauth => "PREAUTH",
        };
        let code = if self.code.is_empty() { String::new() } else { format!(" [{}]", self.code) };
        format!("{word}{code} {}", self.text)
    }

    fn fault(&self, stage: Stage) -> Fault {
        let code = if self.code.is_empty() { String::new() } else { format!(" [{}]", self.code_word()) };
        let word = if self.word == Word::Bad { "BAD" } else { "NO" };
        Fault::new(self.reason(stage), &self.words()).coded(&format!("{word}{code}"))
    }

    /// By the response code (RFC 5530), then by what is known of servers' words.
    fn reason(&self, stage: Stage) -> Reason {
        let auth = matches!(stage, Stage::Auth { .. });
        match (self.code_word().as_str(), stage) {
            ("UNAVAILABLE" | "SERVERBUG", Stage::Auth { .. }) => Reason::SignInUnavailable,
            ("AUTHORIZATIONFAILED" | "NOPERM", _) => Reason::AccessDenied,
            ("EXPIRED", _) => Reason::PasswordExpired,
            ("PRIVACYREQUIRED", _) => Reason::MechanismUnavailable,
            ("CONTACTADMIN", _) => Reason::MailboxDisabled,
            ("LIMIT", _) => Reason::TooManySessions,
            ("OVERQUOTA", _) => Reason::MailboxFull,
            ("THROTTLED", _) => Reason::Throttled,
            ("UNAVAILABLE" | "INUSE", _) => Reason::MailboxOffline,
            ("NONEXISTENT", _) => Reason::FolderMissing,
            _ if says_too_many_sessions(&self.text) => Reason::TooManySessions,
            // Exchange, when the mailbox's store does not answer.
            _ if says(&self.text, &["authenticated but not connected"]) => Reason::MailboxOffline,
            (_, Stage::Auth { otherwise }) if self.word == Word::No => {
                refusal_by_words(&self.text, otherwise)
            }
            _ if auth => refusal_by_words(&self.text, Reason::MechanismUnavailable),
            (_, Stage::Select) if self.word == Word::No => Reason::FolderMissing,
            _ => Reason::ServerError,
        }
    }
}

impl SignIn for Imap {
    fn sign_in<'a>(&'a mut self, credential: &'a Credential, _: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(self.sign_in_by(credential))
    }
}

impl Session for Imap {
    fn prove<'a>(&'a mut self, rec: &'a Recorder) -> Fut<'a, Proof> {
        Box::pin(async move {
            let mut proof = Proof::default();
            rec.time(Step::Select, async {
                self.flight(&["SELECT INBOX".to_owned()], Stage::Select, &mut |untagged| {
                    if let Untagged::Exists(count) = untagged {
                        proof.items = Some(count);
                    }
                })
                .await
            })
            .await?;
            let mut commands = vec![listing(proof.items.unwrap_or(0))];
            if self.has("QUOTA") {
                commands.push("GETQUOTAROOT INBOX".to_owned());
            }
            rec.time(Step::List, async {
                self.flight(&commands, Stage::Other, &mut |untagged| {
                    if let Untagged::Quota { used, allowed } = untagged {
                        (proof.bytes, proof.quota) = (Some(used * 1024), Some(allowed * 1024));
                    }
                })
                .await
            })
            .await?;
            Ok(proof)
        })
    }

    fn inbox(&mut self) -> Option<&mut dyn Inbox> {
        Some(self)
    }

    fn close<'a>(mut self: Box<Self>, rec: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async move {
            rec.time(Step::Quit, self.command("LOGOUT", Stage::Other)).await?;
            self.line.shut().await;
            Ok(())
        })
    }
}

/// The newest messages: the answer is one line, and the list of a large mailbox's would be longer than any that is taken.
fn listing(items: u64) -> String {
    match items {
        0 => "UID SEARCH ALL".to_owned(),
        _ => format!("UID SEARCH {}:{items}", items.saturating_sub(LISTED - 1).max(1)),
    }
}

const LISTED: u64 = 1000;

/// Servers end an IDLE of 30 minutes (RFC 2177): it is renewed before.
const LONGEST_IDLE: Duration = Duration::from_secs(28 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_of_the_newest_messages_and_fits_a_line() {
        for (items, command) in [
            (0, "UID SEARCH ALL"),
            (1, "UID SEARCH 1:1"),
            (1000, "UID SEARCH 1:1000"),
            (5000, "UID SEARCH 4001:5000"),
        ] {
            assert_eq!(listing(items), command);
        }
        assert!(LISTED as usize * "4294967295 ".len() < crate::net::line::LONGEST_LINE);
    }

    #[test]
    fn refusals_and_what_they_mean() {
        let auth = Stage::Auth { otherwise: Reason::CredentialsRejected };
        for (stage, word, code, text, reason) in [
            (auth, Word::No, "AUTHENTICATIONFAILED", "Authentication failed.", Reason::CredentialsRejected),
            (auth, Word::No, "", "LOGIN failed.", Reason::CredentialsRejected),
            (auth, Word::No, "UNAVAILABLE", "Temporary authentication failure.", Reason::SignInUnavailable),
            (auth, Word::No, "", "Temporary failure", Reason::SignInUnavailable),
            (auth, Word::No, "", "Too many login failures", Reason::AccountLocked),
            (auth, Word::No, "EXPIRED", "", Reason::PasswordExpired),
            (auth, Word::No, "CONTACTADMIN", "", Reason::MailboxDisabled),
            (auth, Word::No, "LIMIT", "", Reason::TooManySessions),
            (auth, Word::No, "AUTHORIZATIONFAILED", "", Reason::AccessDenied),
            (auth, Word::No, "PRIVACYREQUIRED", "", Reason::MechanismUnavailable),
            (auth, Word::Bad, "", "unknown mechanism", Reason::MechanismUnavailable),
            (Stage::Select, Word::No, "", "no such mailbox", Reason::FolderMissing),
            (Stage::Select, Word::No, "NONEXISTENT", "", Reason::FolderMissing),
            (Stage::Select, Word::No, "SERVERBUG", "", Reason::FolderMissing),
            (Stage::Other, Word::Bad, "", "User is authenticated but not connected.", Reason::MailboxOffline),
            (Stage::Other, Word::No, "OVERQUOTA", "", Reason::MailboxFull),
            (Stage::Other, Word::Bad, "", "what", Reason::ServerError),
        ] {
            let state = State { word, code: code.into(), text: text.into() };
            assert_eq!(state.reason(stage), reason, "{state:?} at {stage:?}");
        }
    }
}
