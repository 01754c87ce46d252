//! SASL mechanisms (RFC 4422): what is answered to what the server asks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsasl::prelude::{Mechname, SASLClient, SASLConfig, Session, State};

use super::gate;
use crate::catalogue::Reason;
use crate::config::plan::{Mechanism, Method, Scheme};
use crate::outcome::{Fault, Said};
use crate::secret::{self, Secret};

/// What a sign-in needs, its secret freshly read.
#[derive(Clone)]
pub struct Credential {
    pub username: std::sync::Arc<str>,
    pub secret: Secret,
    /// Allowed, best first.
    pub mechanisms: Vec<Mechanism>,
    /// How requests over HTTP are signed in.
    pub scheme: Scheme,
    pub is_token: bool,
    /// For who sends it again after the sign-in.
    pub key: Option<gate::Key>,
    /// Kerberos: the file with the key. `secret` is then what tells one state of it from another.
    pub keytab: Option<std::path::PathBuf>,
}

impl Credential {
    /// The first allowed mechanism that the server offers.
    ///
    /// # Errors
    /// `mechanism_unavailable`, which names both sides.
    pub fn choose(&self, offered: &[String]) -> Result<Mechanism, Fault> {
        let offers = |mechanism: &Mechanism| offered.iter().any(|o| o.eq_ignore_ascii_case(mechanism.name()));
        self.mechanisms.iter().copied().find(offers).ok_or_else(|| {
            let configured: Vec<_> = self.mechanisms.iter().map(|mechanism| mechanism.name()).collect();
            let offered = if offered.is_empty() { "nothing".to_owned() } else { offered.join(" ") };
            Fault::new(
                Reason::MechanismUnavailable,
                &format!("the server offers {offered}; configured is {}", configured.join(" ")),
            )
        })
    }

    /// What a refusal of this credential is called.
    pub fn refusal(&self) -> Reason {
        if self.is_token { Reason::TokenRefused } else { Reason::CredentialsRejected }
    }
}

impl Method {
    pub fn is_token(&self) -> bool {
        matches!(self, Self::TokenFile(_))
    }

    pub fn keytab(&self) -> Option<&std::path::Path> {
        match self {
            Self::Keytab(path) => Some(path),
            _ => None,
        }
    }
}

/// One exchange. Everything goes over the wire in base64, by the protocol's own framing.
pub struct Exchange {
    state: Exchanging,
    /// A bearer mechanism's own error text, which comes as a challenge before the refusal.
    complaint: Option<Said>,
}

enum Exchanging {
    /// The first answer is all.
    Once(Option<String>),
    /// LOGIN: the user name, then the password, whatever the prompts say.
    Login(Vec<String>),
    /// The answer to an error challenge.
    Bearer {
        first: Option<String>,
        give_up: &'static [u8],
    },
    Scram(Box<Scram>),
}

impl Exchange {
    /// # Errors
    /// `internal_error` when SCRAM cannot be set up, `credentials_rejected` for a user name that it cannot carry.
    pub fn new(mechanism: Mechanism, credential: &Credential, host: &str, port: u16) -> Result<Self, Fault> {
        let (user, word) = (&*credential.username, credential.secret.expose());
        let state = match mechanism {
            Mechanism::Plain => Exchanging::Once(Some(format!("\0{user}\0{word}"))),
            Mechanism::Login => Exchanging::Login(vec![word.to_owned(), user.to_owned()]),
            Mechanism::Xoauth2 => Exchanging::Bearer {
                first: Some(format!("user={user}\x01auth=Bearer {word}\x01\x01")),
                give_up: b"",
            },
            // RFC 7628, section 3.1; the name is a saslname.
            Mechanism::Oauthbearer => Exchanging::Bearer {
                first: Some(format!(
                    "n,a={},\x01host={host}\x01port={port}\x01auth=Bearer {word}\x01\x01",
                    user.replace('=', "=3D").replace(',', "=2C")
                )),
                give_up: b"\x01",
            },
            Mechanism::ScramSha256 => Exchanging::Scram(Box::new(Scram::new(credential)?)),
        };
        Ok(Self { state, complaint: None })
    }

    /// The first answer in base64, for mechanisms where the client speaks first (RFC 4959); `None` where it must wait.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub fn initial(&mut self) -> Result<Option<String>, Fault> {
        match &mut self.state {
            Exchanging::Once(first) | Exchanging::Bearer { first, .. } => {
                Ok(first.take().map(|first| encode(&first)))
            }
            Exchanging::Login(_) => Ok(None),
            Exchanging::Scram(scram) => scram.step(None).map(Some),
        }
    }

    /// The answer, in base64, to a challenge in base64.
    ///
    /// # Errors
    /// `protocol_violation` for a challenge that does not fit; `credentials_rejected` is the server's to say.
    pub fn answer(&mut self, challenge: &str) -> Result<String, Fault> {
        let challenge = STANDARD.decode(challenge.trim()).unwrap_or_else(|_| challenge.as_bytes().to_vec());
        match &mut self.state {
            Exchanging::Once(first) => {
                first.take().map(|first| encode(&first)).ok_or_else(|| surplus(&challenge))
            }
            Exchanging::Login(left) => {
                left.pop().map(|word| encode(&word)).ok_or_else(|| surplus(&challenge))
            }
            Exchanging::Bearer { first: Some(first), .. } => {
                let first = encode(first);
                if let Exchanging::Bearer { first, .. } = &mut self.state {
                    *first = None;
                }
                Ok(first)
            }
            Exchanging::Bearer { first: None, give_up } => {
                self.complaint = Some(Said::bytes(&challenge));
                Ok(STANDARD.encode(give_up))
            }
            Exchanging::Scram(scram) => scram.step(Some(&challenge)),
        }
    }

    /// What a bearer mechanism complained about before the refusal.
    pub fn complaint(&self) -> Option<&Said> {
        self.complaint.as_ref()
    }

    /// Whether the server has proved what it must: SCRAM's server knows the password too.
    ///
    /// # Errors
    /// `protocol_violation`.
    pub fn proved(&self) -> Result<(), Fault> {
        match &self.state {
            Exchanging::Scram(scram) if !scram.done => {
                Err(Fault::new(Reason::ProtocolViolation, "the server ended SCRAM without proving itself"))
            }
            _ => Ok(()),
        }
    }
}

fn encode(text: &str) -> String {
    let out = STANDARD.encode(text);
    secret::learn_as_it_is(&out);
    out
}

fn surplus(challenge: &[u8]) -> Fault {
    let said = Said::bytes(challenge);
    Fault::new(Reason::ProtocolViolation, &format!("one more challenge than the mechanism has: {said}"))
}

/// SCRAM-SHA-256 (RFC 7677) by rsasl.
struct Scram {
    session: Session,
    done: bool,
}

impl Scram {
    fn new(credential: &Credential) -> Result<Self, Fault> {
        let broken =
            |error: &dyn std::fmt::Display| Fault::new(Reason::InternalError, &format!("SCRAM: {error}"));
        let config = SASLConfig::with_credentials(
            None,
            credential.username.to_string(),
            credential.secret.expose().to_owned(),
        )
        .map_err(|error| broken(&error))?;
        let name = Mechname::parse(b"SCRAM-SHA-256").map_err(|error| broken(&error))?;
        let session = SASLClient::new(config).start_suggested(&[name]).map_err(|error| broken(&error))?;
        Ok(Self { session, done: false })
    }

    fn step(&mut self, challenge: Option<&[u8]>) -> Result<String, Fault> {
        if self.done {
            return Ok(String::new());
        }
        let mut out = Vec::new();
        let state = self
            .session
            .step(challenge, &mut out)
            .map_err(|error| Fault::new(Reason::ProtocolViolation, &format!("SCRAM: {error}")))?;
        self.done = matches!(state, State::Finished(_));
        Ok(STANDARD.encode(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(secret: &str, is_token: bool) -> Credential {
        Credential {
            username: "alice".into(),
            secret: Secret::new(secret),
            mechanisms: Mechanism::ALL.to_vec(),
            scheme: Scheme::Basic,
            is_token,
            key: None,
            keytab: None,
        }
    }

    fn plain(text: &str) -> String {
        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
    }

    #[test]
    fn each_mechanism_says_what_its_specification_says() {
        let c = credential("pw-alice", false);
        let new = |mechanism| Exchange::new(mechanism, &c, "mail.example", 993).unwrap();
        assert_eq!(plain(&new(Mechanism::Plain).initial().unwrap().unwrap()), "\0alice\0pw-alice");
        let mut login = new(Mechanism::Login);
        assert_eq!(login.initial().unwrap(), None);
        assert_eq!(plain(&login.answer("VXNlcm5hbWU6").unwrap()), "alice");
        assert_eq!(plain(&login.answer("whatever").unwrap()), "pw-alice");
        assert_eq!(login.answer("more").unwrap_err().reason, Reason::ProtocolViolation);
        let mut bearer = new(Mechanism::Xoauth2);
        assert_eq!(plain(&bearer.initial().unwrap().unwrap()), "user=alice\x01auth=Bearer pw-alice\x01\x01");
        assert_eq!(bearer.answer(&STANDARD.encode("{\"status\":\"401\"}")).unwrap(), "");
        assert_eq!(bearer.complaint().unwrap().as_str(), "{\"status\":\"401\"}");
        let mut bearer = new(Mechanism::Oauthbearer);
        let first = plain(&bearer.initial().unwrap().unwrap());
        assert_eq!(first, "n,a=alice,\x01host=mail.example\x01port=993\x01auth=Bearer pw-alice\x01\x01");
        assert_eq!(bearer.answer("e30=").unwrap(), "AQ==");
        let mut scram = new(Mechanism::ScramSha256);
        assert!(plain(&scram.initial().unwrap().unwrap()).starts_with("n,,n=alice,r="));
        assert!(scram.proved().is_err(), "the server has not spoken");
        assert!(scram.answer(&STANDARD.encode("r=forged,s=QQ==,i=4096")).is_err());
    }

    #[test]
    fn the_first_allowed_mechanism_that_is_offered_is_chosen_and_none_names_both_sides() {
        let c = credential("pw-alice", false);
        assert_eq!(c.choose(&["login".into(), "plain".into()]).unwrap(), Mechanism::Plain);
        let fault = c.choose(&["GSSAPI".into()]).unwrap_err();
        assert_eq!(fault.reason, Reason::MechanismUnavailable);
        assert!(
            fault.said.as_str().contains("GSSAPI") && fault.said.as_str().contains("PLAIN"),
            "{}",
            fault.said
        );
    }
}
