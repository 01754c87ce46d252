//! The server's side of SASL: PLAIN, LOGIN, XOAUTH2, OAUTHBEARER and SCRAM-SHA-256.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    fault::{Fault, Protocol},
    shared::Shared,
};

/// The mechanisms on offer.
pub(crate) const MECHANISMS: [&str; 5] = ["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER", "SCRAM-SHA-256"];

const ROUNDS: u32 = 4096;

/// How a sign-in ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As that user.
    Welcome(String),
    Refused,
    /// Credentials cannot be checked for now.
    Unavailable,
    /// What the client sent is none of the mechanism's messages.
    Malformed,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To be sent to the client, not yet encoded.
    Challenge(Vec<u8>),
    Done(Verdict),
}

enum State {
    Plain,
    LoginName,
    LoginPassword(Vec<u8>),
    Xoauth2,
    Oauthbearer,
    /// The error was told; the client's empty answer is waited for.
    Told,
    Scram,
    ScramProof(Box<Scram>),
    ScramDone(String),
}

struct Scram {
    user: Option<String>,
    header: Vec<u8>,
    nonce: String,
    first_messages: String,
    salted: [u8; 32],
}

/// A sign-in under way.
pub(crate) struct Exchange(State);

impl Exchange {
    /// Begins a sign-in by that mechanism, if it is on offer.
    pub(crate) fn start(mechanism: &str) -> Option<Self> {
        Some(Self(match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => State::Plain,
            "LOGIN" => State::LoginName,
            "XOAUTH2" => State::Xoauth2,
            "OAUTHBEARER" => State::Oauthbearer,
            "SCRAM-SHA-256" => State::Scram,
            _ => return None,
        }))
    }

    /// What to ask for when the client sent no initial response.
    pub(crate) fn prompt(&self) -> Vec<u8> {
        if matches!(self.0, State::LoginName) { b"Username:".to_vec() } else { Vec::new() }
    }

    /// Takes the client's next message.
    pub(crate) fn step(&mut self, input: &[u8], shared: &Shared) -> Step {
        match std::mem::replace(&mut self.0, State::Told) {
            State::Plain => Step::Done(plain(input, shared)),
            State::LoginName => {
                self.0 = State::LoginPassword(input.to_vec());
                Step::Challenge(b"Password:".to_vec())
            }
            State::LoginPassword(name) => Step::Done(password(&name, input, shared)),
            State::Xoauth2 => self.bearer(
                xoauth2(input),
                br#"{"status":"400","schemes":"Bearer","scope":"https://mail.sandbox.test/"}"#,
                shared,
            ),
            State::Oauthbearer => {
                self.bearer(oauthbearer(input), br#"{"status":"invalid_token","scope":"mail"}"#, shared)
            }
            State::Told => Step::Done(Verdict::Refused),
            State::Scram => match Scram::first(input, shared) {
                Some((scram, challenge)) => {
                    self.0 = State::ScramProof(Box::new(scram));
                    Step::Challenge(challenge)
                }
                None => Step::Done(Verdict::Malformed),
            },
            State::ScramProof(scram) => match scram.proof(input) {
                Some((user, signature)) => {
                    self.0 = State::ScramDone(user);
                    Step::Challenge(signature)
                }
                None => Step::Done(Verdict::Refused),
            },
            State::ScramDone(user) if input.is_empty() => Step::Done(Verdict::Welcome(user)),
            State::ScramDone(_) => Step::Done(Verdict::Malformed),
        }
    }

    fn bearer(&mut self, claim: Option<(String, String)>, error: &[u8], shared: &Shared) -> Step {
        let Some((name, token)) = claim else { return Step::Done(Verdict::Malformed) };
        let state = shared.store.lock();
        let found = state.bearer(&token).map(|user| user.name.clone());
        let same =
            |user: &String| name.is_empty() || state.user(&name).is_some_and(|claimed| claimed.name == *user);
        match found.filter(same) {
            Some(user) => Step::Done(Verdict::Welcome(user)),
            None => {
                self.0 = State::Told;
                Step::Challenge(error.to_vec())
            }
        }
    }
}

/// Reads the text form of a message: base64, `=` for an empty initial response.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if text == b"=" { Some(Vec::new()) } else { STANDARD.decode(text).ok() }
}

pub(crate) fn encode(message: &[u8]) -> String {
    STANDARD.encode(message)
}

/// What becomes of a sign-in when a fault has a say in it.
pub(crate) fn judge(verdict: Verdict, fault: Option<&Fault>) -> Verdict {
    match (verdict, fault) {
        (Verdict::Welcome(_), Some(Fault::RejectSignIn)) => Verdict::Refused,
        (Verdict::Welcome(_) | Verdict::Refused, Some(Fault::SignInUnavailable)) => Verdict::Unavailable,
        (verdict, _) => verdict,
    }
}

/// Counts how a sign-in ended.
pub(crate) fn count(shared: &Shared, protocol: Protocol, verdict: &Verdict) {
    shared.count(|counts| {
        let session = counts.session(protocol);
        if matches!(verdict, Verdict::Welcome(_)) { session.signed_in += 1 } else { session.refused += 1 }
    });
}

/// Checks a name and a password.
pub(crate) fn password(name: &[u8], password: &[u8], shared: &Shared) -> Verdict {
    let name = String::from_utf8_lossy(name);
    let state = shared.store.lock();
    match state.user(&name) {
        Some(user) if bool::from(user.password.as_bytes().ct_eq(password)) => {
            Verdict::Welcome(user.name.clone())
        }
        _ => Verdict::Refused,
    }
}

fn plain(input: &[u8], shared: &Shared) -> Verdict {
    let parts: Vec<&[u8]> = input.split(|byte| *byte == 0).collect();
    let [authorize, name, secret] = parts[..] else { return Verdict::Malformed };
    match password(name, secret, shared) {
        Verdict::Welcome(user) if !authorize.is_empty() => {
            let wanted = String::from_utf8_lossy(authorize);
            let same = shared.store.lock().user(&wanted).is_some_and(|other| other.name == user);
            if same { Verdict::Welcome(user) } else { Verdict::Refused }
        }
        verdict => verdict,
    }
}

/// The value of `key=` among parts that are separated by ^A.
fn field(input: &str, key: &str) -> Option<String> {
    input.split('\u{1}').find_map(|part| part.strip_prefix(key).map(str::to_owned))
}

fn token(input: &str) -> Option<String> {
    let (kind, token) = field(input, "auth=").and_then(|auth| {
        auth.split_once(' ').map(|(kind, token)| (kind.to_owned(), token.trim().to_owned()))
    })?;
    (kind.eq_ignore_ascii_case("Bearer") && input.ends_with("\u{1}\u{1}")).then_some(token)
}

fn xoauth2(input: &[u8]) -> Option<(String, String)> {
    let input = std::str::from_utf8(input).ok()?;
    Some((field(input, "user=")?, token(input)?))
}

fn oauthbearer(input: &[u8]) -> Option<(String, String)> {
    let input = std::str::from_utf8(input).ok()?;
    let (header, _) = input.split_once('\u{1}')?;
    let mut parts = header.split(',');
    if !matches!(parts.next(), Some("n" | "y")) {
        return None;
    }
    let name = parts.next().and_then(|part| part.strip_prefix("a=")).unwrap_or_default();
    Some((unescape(name), token(input)?))
}

/// Undoes the spelling of `,` and `=` in SCRAM names (RFC 5802).
fn unescape(name: &str) -> String {
    name.replace("=2C", ",").replace("=3D", "=")
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length, so there always is one.
    Hmac::<Sha256>::new_from_slice(key)
        .map_or([0; 32], |mac| mac.chain_update(text).finalize().into_bytes().into())
}

fn random() -> Option<[u8; 18]> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

impl Scram {
    fn first(input: &[u8], shared: &Shared) -> Option<(Self, Vec<u8>)> {
        let input = std::str::from_utf8(input).ok()?;
        let mut parts = input.splitn(3, ',');
        let (binding, authorize, bare) = (parts.next()?, parts.next()?, parts.next()?);
        if !matches!(binding, "n" | "y") {
            return None;
        }
        let mut fields = bare.split(',');
        let name = unescape(fields.next()?.strip_prefix("n=")?);
        let client = fields.next()?.strip_prefix("r=").filter(|nonce| !nonce.is_empty())?;
        let nonce = format!("{client}{}", encode(&random()?));
        let salt = random()?;
        let (user, secret) = match shared.store.lock().user(&name) {
            Some(user) => (Some(user.name.clone()), user.password.clone()),
            None => (None, String::new()),
        };
        let wanted = authorize.strip_prefix("a=").map(unescape);
        let user = user.filter(|user| {
            let other = |other: &String| shared.store.lock().user(other).is_some_and(|o| o.name == *user);
            wanted.as_ref().is_none_or(other)
        });
        let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(secret.as_bytes(), &salt, ROUNDS);
        let answer = format!("r={nonce},s={},i={ROUNDS}", encode(&salt));
        let header = format!("{binding},{authorize},").into_bytes();
        let first_messages = format!("{bare},{answer}");
        Some((Self { user, header, nonce, first_messages, salted }, answer.into_bytes()))
    }

    /// The user and the server's signature, if the client's proof is right.
    fn proof(&self, input: &[u8]) -> Option<(String, Vec<u8>)> {
        let input = std::str::from_utf8(input).ok()?;
        let (without_proof, proof) = input.rsplit_once(",p=")?;
        let mut fields = without_proof.split(',');
        let header = decode(fields.next()?.strip_prefix("c=")?.as_bytes())?;
        let nonce = fields.next()?.strip_prefix("r=")?;
        if header != self.header || nonce != self.nonce {
            return None;
        }
        let messages = format!("{},{without_proof}", self.first_messages);
        let client_key = hmac(&self.salted, b"Client Key");
        let stored: [u8; 32] = Sha256::digest(client_key).into();
        let signature = hmac(&stored, messages.as_bytes());
        let wanted: Vec<u8> = client_key.iter().zip(signature).map(|(key, sign)| key ^ sign).collect();
        let given = decode(proof.as_bytes())?;
        let user = self.user.clone().filter(|_| bool::from(given.ct_eq(&wanted)))?;
        let server = hmac(&hmac(&self.salted, b"Server Key"), messages.as_bytes());
        Some((user, format!("v={}", encode(&server)).into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677.
    #[test]
    fn scram_is_as_the_rfc_has_it() {
        let salt = decode(b"W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let scram = Scram {
            user: Some("user".to_owned()),
            header: b"n,,".to_vec(),
            nonce: nonce.to_owned(),
            first_messages: format!(
                "n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
            ),
            salted: pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(b"pencil", &salt, ROUNDS),
        };
        let last = format!("c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let (user, signature) = scram.proof(last.as_bytes()).unwrap();
        assert_eq!(user, "user");
        assert_eq!(signature, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        let wrong = format!("c=biws,r={nonce},p=AHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        assert!(scram.proof(wrong.as_bytes()).is_none());
    }

    #[test]
    fn bearer_messages_are_read() {
        let read = oauthbearer(b"n,a=al=2Cice@x,\x01host=h\x01port=1\x01auth=Bearer t0k\x01\x01");
        assert_eq!(read, Some(("al,ice@x".to_owned(), "t0k".to_owned())));
        assert_eq!(oauthbearer(b"p=x,a=alice,\x01auth=Bearer t\x01\x01"), None);
        assert_eq!(xoauth2(b"user=a\x01auth=Bearer t\x01\x01"), Some(("a".to_owned(), "t".to_owned())));
        assert_eq!(xoauth2(b"user=a\x01auth=Bearer t\x01"), None);
    }
}
