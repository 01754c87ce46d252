//! Outlook on the web, as far as a browser without scripts gets: the sign-in page, the forms sign-in, the page after it.
//!
//! Microsoft 365 signs in elsewhere and with scripts: there the way ends at the sign-in page.

use std::sync::Arc;

use hyper::StatusCode;

use super::web::{self, Web, path_on};
use super::{Proof, Session, SignIn};
use crate::auth::sasl::Credential;
use crate::catalogue::{Reason, Step};
use crate::config::plan::{Endpoint, Scheme};
use crate::net::http::{Answer, Ask};
use crate::net::{Net, To};
use crate::outcome::{Fault, Fut, Recorder};
use crate::secret;

const MOST_REDIRECTS: usize = 10;
/// Who signs people in for Microsoft 365.
const MICROSOFT: &[&str] = &[
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.live.com",
];

/// A browser's session.
pub struct Owa {
    web: Web,
    start: String,
    door: Door,
    /// What the page after the sign-in was.
    page: Option<Answer>,
}

/// What stands before the mailbox.
enum Door {
    /// A page with a form, at this path.
    Form(String),
    /// HTTP's own sign-in.
    Challenge,
    /// Microsoft's sign-in page, which was reached.
    Elsewhere,
}

impl Owa {
    /// Connects, and goes as far as the sign-in.
    ///
    /// # Errors
    /// Those of the steps; what the page's status means.
    pub async fn connect(net: &Arc<Net>, endpoint: &Endpoint, to: To, rec: &Recorder) -> Result<Self, Fault> {
        let mut web = Web::connect(net, endpoint, to, rec).await?;
        let start = endpoint.path.to_string();
        let door = rec.time(Step::Greeting, find_door(net, &mut web, &start, to, rec)).await?;
        Ok(Self { web, start, door, page: None })
    }

    async fn fill_in(
        &mut self,
        page: &str,
        credential: &Credential,
        rec: &Recorder,
    ) -> Result<Answer, Fault> {
        let directory = page.split("/auth/").next().unwrap_or("/owa").trim_end_matches('/');
        let destination = Endpoint { path: self.start.as_str().into(), ..self.web.endpoint().clone() }.url();
        let form = form(&[
            ("destination", &destination),
            ("flags", "4"),
            ("forcedownlevel", "0"),
            ("username", &credential.username),
            ("password", credential.secret.expose()),
            ("passwordText", ""),
            ("isUtf8", "1"),
        ]);
        secret::learn_as_it_is(&encoded(credential.secret.expose()));
        self.web.set_cookie("PBack", "0");
        let ask = Ask::post(&format!("{directory}/auth.owa"), "application/x-www-form-urlencoded", form)
            .with("user-agent", BROWSER);
        let answer = self.web.ask(ask, rec).await.map_err(|unanswered| unanswered.fault)?;
        if has_form(&answer) {
            return Err(Fault::new(Reason::CredentialsRejected, "the sign-in page comes again"));
        }
        if !answer.status.is_redirection() {
            return Err(web::fault_of(&answer).unwrap_or_else(|| {
                Fault::new(Reason::ProtocolViolation, "the form is answered by a page and not by a redirect")
            }));
        }
        let to = answer.header("location");
        if let Some(fault) = turned_away(to) {
            return Err(fault);
        }
        self.follow(to.to_owned(), rec).await
    }

    /// The page at the end of the redirects, on this host.
    async fn follow(&mut self, mut location: String, rec: &Recorder) -> Result<Answer, Fault> {
        for _ in 0..=MOST_REDIRECTS {
            if let Some(fault) = thrown_out(&location) {
                return Err(fault);
            }
            let path = path_on(self.web.endpoint(), &location)?;
            let ask = Ask::get(&path).with("user-agent", BROWSER);
            let answer = self.web.ask(ask, rec).await.map_err(|unanswered| unanswered.fault)?;
            if !answer.status.is_redirection() {
                return Ok(answer);
            }
            location = answer.header("location").to_owned();
        }
        Err(Fault::new(
            Reason::ProtocolViolation,
            &format!("more than {MOST_REDIRECTS} redirects, the last to {location}"),
        ))
    }
}

/// Asks for the mailbox, and follows to whoever wants a sign-in.
async fn find_door(
    net: &Arc<Net>,
    web: &mut Web,
    start: &str,
    to: To,
    rec: &Recorder,
) -> Result<Door, Fault> {
    let mut path = start.to_owned();
    for _ in 0..=MOST_REDIRECTS {
        let ask = Ask::get(&path).with("user-agent", BROWSER);
        let answer = web.ask(ask, rec).await.map_err(|unanswered| unanswered.fault)?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return Ok(Door::Challenge);
        }
        if answer.status.is_redirection() {
            let location = answer.header("location").to_owned();
            let elsewhere = Endpoint::of_url(&location);
            if let Some(page) = elsewhere.filter(|page| MICROSOFT.contains(&&*page.host)) {
                return microsoft(net, &page, to, rec).await;
            }
            path = path_on(web.endpoint(), &location)?;
            continue;
        }
        if let Some(fault) = web::fault_of(&answer) {
            return Err(fault);
        }
        if path.contains("logon.aspx") || has_form(&answer) {
            return Ok(Door::Form(path));
        }
        let words = "a page that asks for no sign-in: its form names no password";
        return Err(Fault::new(Reason::ProtocolViolation, words));
    }
    Err(Fault::new(Reason::ProtocolViolation, &format!("more than {MOST_REDIRECTS} redirects")))
}

async fn microsoft(net: &Arc<Net>, page: &Endpoint, to: To, rec: &Recorder) -> Result<Door, Fault> {
    let mut web = Web::connect(net, page, to, rec).await?;
    let ask = Ask::get(&page.path).with("user-agent", BROWSER);
    let answer = web.ask(ask, rec).await.map_err(|unanswered| unanswered.fault)?;
    web::fault_of(&answer).map_or(Ok(Door::Elsewhere), Err)
}

/// Exchange gives its page to browsers that it knows.
const BROWSER: &str = concat!("Mozilla/5.0 (compatible; mailprobe/", env!("CARGO_PKG_VERSION"), ")");

/// Whether a redirect leads to the sign-in: on the same host, or at Microsoft's.
pub(super) fn leads_on(endpoint: &Endpoint, location: &str) -> Result<(), Fault> {
    if Endpoint::of_url(location).is_some_and(|page| MICROSOFT.contains(&&*page.host)) {
        return Ok(());
    }
    path_on(endpoint, location)?;
    thrown_out(location).map_or(Ok(()), Err)
}

pub(super) fn has_form(answer: &Answer) -> bool {
    let page = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
    let asks = ["type=\"password\"", "type='password'", "type=password"];
    page.contains("<form") && asks.iter().any(|field| page.contains(field))
}

/// The sign-in page again, with the reason in its query (`reason=2`: wrong user name or password).
fn turned_away(location: &str) -> Option<Fault> {
    let (_, query) = location.split_once("logon.aspx")?;
    let reason = query.split(['?', '&']).find_map(|pair| pair.strip_prefix("reason="));
    let (reason, words) = match reason {
        Some("2") => (Reason::CredentialsRejected, "the sign-in page says: wrong user name or password"),
        Some("5") => (Reason::AccessDenied, "the sign-in page says: this account may not use it"),
        _ => (Reason::CredentialsRejected, "the sign-in page comes again"),
    };
    Some(Fault::new(reason, words).coded(&format!("302 {query}")))
}

/// Where Exchange sends a browser when something is wrong after the password was taken.
fn thrown_out(location: &str) -> Option<Fault> {
    let (reason, words) = if location.contains("expiredpassword.aspx") {
        (Reason::PasswordExpired, "the server asks for a new password")
    } else if location.contains("/auth/error") {
        (Reason::ServerError, "an error page after the sign-in")
    } else if location.contains("logon.aspx") {
        (Reason::SessionLost, "the sign-in page comes again after the sign-in")
    } else {
        return None;
    };
    Some(Fault::new(reason, &format!("{words}: {location}")))
}

/// application/x-www-form-urlencoded (WHATWG URL, section 5.2).
fn form(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

fn encoded(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => out.push(byte.into()),
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl SignIn for Owa {
    fn was_asked(&self) -> bool {
        !matches!(self.door, Door::Elsewhere)
    }

    fn sign_in<'a>(&'a mut self, credential: &'a Credential, rec: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async move {
            let page = match &self.door {
                Door::Elsewhere => return Ok(()),
                Door::Form(_) if matches!(credential.scheme, Scheme::Bearer | Scheme::Negotiate) => {
                    let configured = credential.scheme.name();
                    let words =
                        format!("the server offers a form for a password; configured is {configured}");
                    return Err(Fault::new(Reason::MechanismUnavailable, &words));
                }
                Door::Form(page) => {
                    let page = page.clone();
                    self.fill_in(&page, credential, rec).await?
                }
                Door::Challenge => {
                    self.web.sign_in_as(credential);
                    self.follow(self.start.clone(), rec).await?
                }
            };
            // Whoever shows it: before a proxy of its own the real page is not reached.
            if has_form(&page) {
                let words = "after the sign-in the sign-in page comes again";
                return Err(Fault::new(Reason::CredentialsRejected, words));
            }
            self.page = Some(page);
            Ok(())
        })
    }
}

impl Session for Owa {
    /// The page after the sign-in is one.
    fn prove<'a>(&'a mut self, rec: &'a Recorder) -> Fut<'a, Proof> {
        Box::pin(rec.time(Step::List, async move {
            self.page.as_ref().and_then(web::fault_of).map_or_else(|| Ok(Proof::default()), Err)
        }))
    }

    fn close<'a>(self: Box<Self>, _: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_on_the_host_and_the_reason_is_read() {
        let endpoint = Endpoint::of_url("https://mail.example/owa/").unwrap();
        let cases = [
            ("/owa/auth/logon.aspx?url=x", Ok("/owa/auth/logon.aspx?url=x")),
            ("https://mail.example/owa/", Ok("/owa/")),
            ("https://MAIL.example:443/owa/?a", Ok("/owa/?a")),
            ("https://evil.example/owa/", Err(Reason::MailboxMoved)),
            ("http://mail.example/owa/", Err(Reason::MailboxMoved)),
            ("//evil.example/owa/", Err(Reason::ProtocolViolation)),
            ("", Err(Reason::ProtocolViolation)),
        ];
        for (location, expected) in cases {
            let found = path_on(&endpoint, location).map_err(|fault| fault.reason);
            assert_eq!(found.as_deref().map_err(|reason| *reason), expected, "{location}");
        }
        let reason = |location| turned_away(location).map(|fault| fault.reason);
        assert_eq!(reason("https://m/owa/auth/logon.aspx?url=u&reason=2"), Some(Reason::CredentialsRejected));
        assert_eq!(reason("/owa/"), None);
        assert_eq!(form(&[("a", "b c&ü")]), "a=b+c%26%C3%BC");
    }
}
