//! What all protocols over HTTP share: one connection to one address, signed in, with its cookies.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue, SET_COOKIE};

use crate::auth::gate::Key;
use crate::auth::http as signin;
use crate::auth::negotiate::Tickets;
use crate::auth::ntlm;
use crate::auth::sasl::Credential;
use crate::catalogue::Reason;
use crate::clock;
use crate::config::plan::{Endpoint, Scheme};
use crate::net::http::{Answer, Ask, Http, Stream, Unanswered, text};
use crate::net::{Net, To};
use crate::outcome::{Fact, Fault, Recorder, Said};

/// Cookies that are kept, and how large they may be together.
const MOST_COOKIES: usize = 50;
const LARGEST_COOKIES: usize = 16 << 10;
/// A server that asks for a longer rest is asked again after this.
const LONGEST_REST: Duration = Duration::from_secs(60 * 60);

/// Seconds that clocks may differ by: what Windows takes, and what tokens are issued with.
const MOST_SKEW: f64 = 300.0;

/// What these requests call themselves.
pub const USER_AGENT: &str = concat!("mailprobe/", env!("CARGO_PKG_VERSION"));

/// What Microsoft's support asks for: header, and the name that it is shown by.
const SUPPORT_IDS: &[(&str, &str)] = &[
    ("request-id", "request-id"),
    ("x-feserver", "X-FEServer"),
    ("x-beserver", "X-BEServer"),
    ("x-calculatedbetarget", "X-CalculatedBETarget"),
    ("x-diaginfo", "X-DiagInfo"),
];

/// A conversation with one endpoint.
pub struct Web {
    net: Arc<Net>,
    endpoint: Endpoint,
    to: To,
    connection: Option<Http>,
    /// The connection is signed in, where a connection is what signs in.
    signed: bool,
    /// The server wants a proof with each request, whatever the connection has proven.
    each: bool,
    credential: Option<Credential>,
    /// The credential was accepted: from here on the gate hears of refusals from here.
    admitted: bool,
    tickets: Tickets,
    cookies: BTreeMap<String, String>,
    /// Seconds that our clock is ahead of the server's, by the newest answer.
    ahead: f64,
}

impl Web {
    /// Connects.
    ///
    /// # Errors
    /// Those of the steps.
    pub async fn connect(net: &Arc<Net>, endpoint: &Endpoint, to: To, rec: &Recorder) -> Result<Self, Fault> {
        let mut web = Self {
            net: Arc::clone(net),
            endpoint: endpoint.clone(),
            to,
            connection: None,
            signed: false,
            each: false,
            credential: None,
            admitted: false,
            tickets: Tickets::default(),
            cookies: BTreeMap::new(),
            ahead: 0.0,
        };
        web.dial(rec).await?;
        Ok(web)
    }

    /// Another connection of the same client, with its credential and cookies, to the same address; not open yet.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self {
            net: Arc::clone(&self.net),
            endpoint: self.endpoint.clone(),
            to: self.to,
            connection: None,
            signed: false,
            each: self.each,
            credential: self.credential.clone(),
            admitted: self.admitted,
            tickets: self.tickets.clone(),
            cookies: self.cookies.clone(),
            ahead: self.ahead,
        }
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// From here on requests are signed in.
    pub fn sign_in_as(&mut self, credential: &Credential) {
        self.credential = Some(credential.clone());
        self.tickets = Tickets::default();
        self.signed = false;
        self.admitted = false;
    }

    /// The sign-in is over, and the session is kept.
    pub fn keep(&mut self) {
        self.admitted = true;
    }

    /// Of a sign-in within a kept session.
    fn tell_gate(&self, fault: &Fault) {
        if let Some(key) = self.key() {
            key.failed(fault);
        }
    }

    fn key(&self) -> Option<&Key> {
        self.credential.as_ref().filter(|_| self.admitted)?.key.as_ref()
    }

    /// Whether the connection is open, as far as one can tell without asking. One that is not is opened anew by the next
    /// request: servers close idle connections as they like.
    pub fn is_open(&self) -> bool {
        self.connection.as_ref().is_some_and(Http::is_open)
    }

    async fn dial(&mut self, rec: &Recorder) -> Result<(), Fault> {
        let line = self.net.dial(&self.endpoint, self.to, rec).await?;
        self.connection = Some(Http::over(line, &self.endpoint).await?);
        self.signed = false;
        Ok(())
    }

    /// Asks, and reads the whole answer; a 401 is a fault, every other status is the caller's to judge.
    ///
    /// # Errors
    /// Those of the connection, the sign-in and the bounds.
    pub async fn ask(&mut self, ask: Ask, rec: &Recorder) -> Result<Answer, Unanswered> {
        let stream = self.begin(ask, rec).await?;
        let answer = stream.whole().await;
        if answer.is_err() {
            // What is left of the answer would be taken for the next one's.
            self.connection = None;
        }
        Ok(answer?)
    }

    /// Asks, up to the head of the answer.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn begin(&mut self, ask: Ask, rec: &Recorder) -> Result<Stream, Unanswered> {
        let mut fresh = false;
        loop {
            // Before anything is opened.
            if let Some(key) = self.key().filter(|_| !self.is_open() || !self.rests_on_connection()) {
                key.check().map_err(|fault| Unanswered { fault, unsent: true })?;
            }
            if !self.is_open() {
                fresh = true;
                self.dial(rec).await.map_err(|fault| Unanswered { fault, unsent: true })?;
            }
            let unproven = self.rests_on_connection();
            match self.begin_once(ask.clone(), rec).await {
                // It was closed while nobody looked: that is no fault of anybody's.
                Err(unanswered)
                    if unanswered.unsent
                        && !fresh
                        && unanswered.fault.reason == Reason::ConnectionDropped =>
                {
                    self.connection = None;
                }
                // The connection was signed in and is not any more: once more, on a new one. Where the request itself was
                // signed in, it is a refusal.
                Ok(stream) if stream.status == StatusCode::UNAUTHORIZED && unproven && !fresh => {
                    self.connection = None;
                    self.each = self.scheme() == Some(Scheme::Negotiate);
                }
                Ok(stream) => return Ok(self.unless_refused(stream)?),
                Err(unanswered) => {
                    self.connection = None;
                    return Err(unanswered);
                }
            }
        }
    }

    fn scheme(&self) -> Option<Scheme> {
        self.credential.as_ref().map(|credential| credential.scheme)
    }

    /// The next request goes without a proof, since its connection has given one.
    fn rests_on_connection(&self) -> bool {
        self.signed && !self.each && matches!(self.scheme(), Some(Scheme::Ntlm | Scheme::Negotiate))
    }

    async fn begin_once(&mut self, mut ask: Ask, rec: &Recorder) -> Result<Stream, Unanswered> {
        self.put_cookies(&mut ask.headers);
        if let Some(credential) = self.credential.clone() {
            if let Some(value) = credential.authorization() {
                authorize(&mut ask.headers, &value)?;
            } else if !self.rests_on_connection() {
                // Whatever becomes of this, the request itself was not sent.
                let value = match credential.scheme {
                    Scheme::Negotiate => self.kerberos(&credential, rec).await,
                    _ => self.negotiate(&credential, &ask, rec).await,
                };
                let value = value.map_err(|unanswered| {
                    self.tell_gate(&unanswered.fault);
                    Unanswered { unsent: true, ..unanswered }
                })?;
                authorize(&mut ask.headers, &value)?;
            }
        }
        let connection = self.connection.as_mut().ok_or_else(closed)?;
        let asked = clock::wall();
        let stream = connection.begin(ask).await?;
        self.learn(&stream.headers, asked, rec);
        // MS-N2HT: whether the connection stays signed in. Of NTLM it is not said.
        self.each |= text(&stream.headers, "persistent-auth").eq_ignore_ascii_case("false")
            && self.scheme() == Some(Scheme::Negotiate);
        self.signed = stream.status != StatusCode::UNAUTHORIZED;
        Ok(stream)
    }

    /// A 401 ends here, and so does its connection; as does what a server answers that gives a wrong proof of its own.
    fn unless_refused(&mut self, stream: Stream) -> Result<Stream, Fault> {
        let Some(credential) = &self.credential else { return Ok(stream) };
        let refused = stream.status == StatusCode::UNAUTHORIZED;
        let token = signin::token(&stream.headers, Scheme::Negotiate);
        let heeded = self.tickets.answered(token, refused);
        let mut fault = match heeded {
            Ok(()) if !refused => return Ok(stream),
            Err(wrong) if !refused => wrong,
            heeded => {
                let fault = signin::denied(&stream.headers, credential.scheme, credential);
                heeded.err().filter(|_| fault.reason == credential.refusal()).unwrap_or(fault)
            }
        };
        self.connection = None;
        let ahead = self.ahead;
        if ahead.abs() > MOST_SKEW {
            let words = format!("{}; this host's clock is {ahead:.0} s ahead of the server's", fault.said);
            fault.said = Said::new(&words);
        }
        self.tell_gate(&fault);
        Err(fault)
    }

    /// NTLM (MS-NTHT): the first message in a request without a body, the answer to the challenge for the real one.
    async fn negotiate(
        &mut self,
        credential: &Credential,
        ask: &Ask,
        rec: &Recorder,
    ) -> Result<String, Unanswered> {
        let connection = self.connection.as_mut().ok_or_else(closed)?;
        let client = ntlm::Client::new(&credential.username, credential.secret.expose());
        let mut first = Ask { body: Bytes::new(), ..ask.clone() };
        authorize(&mut first.headers, &format!("NTLM {}", STANDARD.encode(client.negotiate())))?;
        let answer = connection.ask(first).await?;
        note_support_ids(&answer.headers, rec);
        if answer.status != StatusCode::UNAUTHORIZED {
            if let Some(fault) = fault_of(&answer) {
                return Err(fault.into());
            }
            let words = format!("the server asks for no sign-in by NTLM: {}", answer.status);
            return Err(Fault::new(Reason::MechanismUnavailable, &words).into());
        }
        let Some(challenge) = signin::token(&answer.headers, Scheme::Ntlm) else {
            let fault = signin::refused(&answer.headers, Scheme::Ntlm, credential);
            let fault = match fault.reason {
                Reason::MechanismUnavailable => fault,
                _ => Fault { reason: Reason::ProtocolViolation, ..fault },
            };
            return Err(fault.into());
        };
        if !connection.is_open() {
            let words = "the server closes the connection in the middle of NTLM, which signs a connection in";
            return Err(Fault::new(Reason::MechanismUnavailable, words).into());
        }
        let channel = connection.leaf().map(|leaf| ntlm::channel_binding(leaf));
        let binding = ntlm::Binding { channel, target: &format!("HTTP/{}", self.endpoint.host) };
        let now = ntlm::filetime(clock::wall());
        let message = client.authenticate(&challenge, &binding, now, random()?).map_err(|error| {
            Fault::new(Reason::ProtocolViolation, &format!("the NTLM challenge: {error}"))
        })?;
        Ok(format!("NTLM {}", STANDARD.encode(message)))
    }

    /// Kerberos (RFC 4559): one token, in the request itself.
    async fn kerberos(&mut self, credential: &Credential, rec: &Recorder) -> Result<String, Unanswered> {
        let connection = self.connection.as_ref().ok_or_else(closed)?;
        let channel = connection.leaf().map(|leaf| ntlm::end_point(leaf));
        let token = self.tickets.token(credential, &self.endpoint.host, channel, rec).await?;
        Ok(format!("Negotiate {}", STANDARD.encode(&token)))
    }

    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    fn put_cookies(&self, headers: &mut HeaderMap) {
        if self.cookies.is_empty() {
            return;
        }
        let all: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if let Ok(value) = HeaderValue::from_str(&all.join("; ")) {
            headers.insert(COOKIE, value);
        }
    }

    /// Cookies (one host, one client: their scope does not matter), support ids, the server's clock.
    fn learn(&mut self, headers: &HeaderMap, asked: SystemTime, rec: &Recorder) {
        note_support_ids(headers, rec);
        if let Some(ahead) = ahead_of(text(headers, "date"), asked..clock::wall()) {
            self.ahead = ahead;
            rec.note(Fact::Skew(ahead));
        }
        for value in headers.get_all(SET_COOKIE) {
            let Ok(value) = value.to_str() else { continue };
            let Some((name, value)) = value.split(';').next().unwrap_or_default().split_once('=') else {
                continue;
            };
            let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
            self.cookies.remove(&name);
            let held: usize = self.cookies.iter().map(|(name, value)| name.len() + value.len()).sum();
            let fits = self.cookies.len() < MOST_COOKIES && held + value.len() < LARGEST_COOKIES;
            if fits && !value.is_empty() {
                self.cookies.insert(name, value);
            }
        }
    }
}

/// How many seconds our clock is ahead of a `Date` (RFC 9110, section 6.6.1) at least: that is the beginning of a second, and
/// was written at some time between request and answer.
fn ahead_of(date: &str, between: Range<SystemTime>) -> Option<f64> {
    let date = httpdate::parse_http_date(date).ok()?;
    let since = |from: SystemTime, to: SystemTime| to.duration_since(from).map_or(0.0, |of| of.as_secs_f64());
    Some((since(date, between.start) - 1.0).max(0.0) - since(between.end, date))
}

fn note_support_ids(headers: &HeaderMap, rec: &Recorder) {
    for (header, name) in SUPPORT_IDS {
        let value = text(headers, header);
        if !value.is_empty() {
            rec.note(Fact::SupportId(name, Said::new(&signin::without_tokens(value))));
        }
    }
}

fn authorize(headers: &mut HeaderMap, value: &str) -> Result<(), Fault> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| Fault::new(Reason::InternalError, "this credential fits no header"))?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}

fn closed() -> Fault {
    Fault::new(Reason::ConnectionDropped, "the connection is closed")
}

fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Fault::new(Reason::InternalError, &error.to_string()))?;
    Ok(bytes)
}

/// What a status other than success means, whatever was asked; the body's first words go with it.
pub fn fault_of(answer: &Answer) -> Option<Fault> {
    if answer.status.is_success() {
        return None;
    }
    let status = answer.status.as_u16();
    let location = signin::without_tokens(answer.header("location"));
    let reason = match status {
        300..=399 | 451 => Reason::MailboxMoved,
        401 => Reason::CredentialsRejected,
        403 => Reason::AccessDenied,
        404 | 405 | 410 => Reason::EndpointNotFound,
        407 => Reason::ProxyRefused,
        408 => Reason::ServerTimeout,
        413 => Reason::MessageRefused,
        429 => Reason::Throttled,
        440 => Reason::SessionLost,
        456 => Reason::AccountLocked,
        502..=504 => Reason::ServerUnavailable,
        500..=599 => Reason::ServerError,
        _ => Reason::ProtocolViolation,
    };
    let rest = rest_of(answer);
    // Whoever says when to come back is not broken.
    let reason = if status == 503 && rest.is_some() { Reason::Throttled } else { reason };
    let diagnostics = signin::without_tokens(answer.header("x-ms-diagnostics"));
    let words = [location, diagnostics, plain(&answer.body)]
        .into_iter()
        .filter(|words| !words.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let mut fault = Fault::new(reason, &format!("{} {words}", answer.status)).coded(&status.to_string());
    fault.rest = rest;
    Some(fault)
}

/// Where a redirect or a reference leads, within the host that was asked: cookies and passwords go nowhere else.
pub(super) fn path_on(endpoint: &Endpoint, location: &str) -> Result<String, Fault> {
    if let Some(to) = Endpoint::of_url(location) {
        let same = to.host.eq_ignore_ascii_case(&endpoint.host)
            && to.tls == endpoint.tls
            && to.port == endpoint.port;
        if !same {
            let words = format!("a redirect to {location}");
            return Err(Fault::new(Reason::MailboxMoved, &words));
        }
        return Ok(to.path.to_string());
    }
    if location.starts_with('/') && !location.starts_with("//") {
        return Ok(location.to_owned());
    }
    Err(Fault::new(Reason::ProtocolViolation, &format!("a redirect to {location:?}")))
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds or a date.
fn rest_of(answer: &Answer) -> Option<Duration> {
    let value = answer.header("retry-after").trim();
    let rest = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(clock::wall()).unwrap_or_default(),
    };
    Some(rest.min(LONGEST_REST))
}

/// An error page without its markup.
pub(super) fn plain(body: &[u8]) -> String {
    let start = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    let mut text = String::new();
    let mut inside = false;
    for c in start.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    signin::without_tokens(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_ahead_by_what_the_server_s_second_leaves_no_doubt_of() {
        let at = |seconds: f64| SystemTime::UNIX_EPOCH + Duration::from_secs_f64(784_111_777.0 + seconds);
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let cases = [
            (0.0, 0.1, 0.0),
            (0.9, 0.9, 0.0),
            // Written in the last moment of its second, and long on the way.
            (0.9, 7.0, 0.0),
            (3.5, 3.6, 2.5),
            (-0.5, 0.5, 0.0),
            (-1.0, -0.5, -0.5),
            (-601.0, -600.0, -600.0),
        ];
        for (asked, answered, expected) in cases {
            let ahead = ahead_of(date, at(asked)..at(answered)).unwrap();
            assert!((ahead - expected).abs() < 1e-6, "{asked} {answered}: {ahead}");
        }
        assert_eq!(ahead_of("yesterday", at(0.0)..at(0.1)), None);
        assert_eq!(ahead_of("", at(0.0)..at(0.1)), None);
    }
}
