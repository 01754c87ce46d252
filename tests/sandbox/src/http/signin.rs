//! Signing in over HTTP: Basic, NTLM and Bearer, as IIS offers them.

use hyper::{HeaderMap, header::AUTHORIZATION};
use jiff::Timestamp;

use super::{
    Http,
    ntlm::{self, Binding},
    reply::Reply,
};
use crate::{
    exchange::Scheme,
    fault::{Fault, Protocol},
    sasl::{self, Verdict},
};

/// How far the sign-in by NTLM of a connection has come.
#[derive(Default)]
pub(super) enum Ntlm {
    #[default]
    Idle,
    Pending(ntlm::Pending),
    /// For all requests that come over the connection.
    Done(String),
}

/// Seconds from 1601 to 1970.
const TO_1601: i64 = 11_644_473_600;

fn filetime(time: Timestamp) -> u64 {
    let ticks = (i128::from(time.as_second()) + i128::from(TO_1601)) * 10_000_000;
    u64::try_from(ticks + i128::from(time.subsec_nanosecond() / 100)).unwrap_or_default()
}

impl Http {
    /// The user behind a request, or the answer that asks for a sign-in.
    pub(super) fn sign_in(&self, protocol: Protocol, headers: &HeaderMap) -> Result<String, Box<Reply>> {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(given) = given else {
            let known = match &self.state().ntlm {
                Ntlm::Done(user) => Some(user.clone()),
                _ => None,
            };
            return match (known, self.shared.fault(protocol)) {
                (Some(user), fault) if fault != Some(Fault::RejectSignIn) => Ok(user),
                _ => Err(Box::new(self.ask())),
            };
        };
        let (name, credentials) = given.split_once(' ').unwrap_or((given, ""));
        let credentials = credentials.trim();
        let offered = Scheme::parse(name).filter(|s| self.shared.exchange.settings().schemes.contains(s));
        let verdict = match offered {
            None => return Err(Box::new(self.ask().noting(format!("no sign-in by {name}")))),
            Some(Scheme::Basic) => self.basic(credentials),
            Some(Scheme::Bearer) => self.bearer(credentials),
            Some(scheme @ (Scheme::Ntlm | Scheme::Negotiate)) => self.ntlm(scheme, credentials)?,
        };
        self.judge(protocol, verdict)
    }

    /// Counts a verdict, after the fault has had its say.
    pub(super) fn judge(&self, protocol: Protocol, verdict: Verdict) -> Result<String, Box<Reply>> {
        let verdict = sasl::judge(verdict, self.shared.fault(protocol).as_ref());
        match verdict {
            Verdict::Welcome(user) => {
                if self.state().welcomed.insert((protocol, user.clone())) {
                    self.shared.count(|counts| counts.session(protocol).signed_in += 1);
                }
                Ok(user)
            }
            Verdict::Unavailable => {
                sasl::count(&self.shared, protocol, &Verdict::Unavailable);
                self.state().ntlm = Ntlm::Idle;
                Err(Box::new(super::unavailable(protocol)))
            }
            verdict => {
                sasl::count(&self.shared, protocol, &verdict);
                self.state().ntlm = Ntlm::Idle;
                Err(Box::new(self.ask().noting("sign-in refused")))
            }
        }
    }

    /// 401, with the schemes on offer.
    pub(super) fn ask(&self) -> Reply {
        let host = &self.shared.options.host;
        let mut reply = Reply::text(401, "");
        for scheme in &self.shared.exchange.settings().schemes {
            let value = match scheme {
                Scheme::Negotiate | Scheme::Ntlm => scheme.name().to_owned(),
                Scheme::Basic => format!("Basic realm=\"{host}\""),
                Scheme::Bearer => {
                    "Bearer client_id=\"00000002-0000-0ff1-ce00-000000000000\", trusted_issuers=\"\", \
                     token_types=\"app_asserted_user_v1 service_asserted_app_v1\", error=\"invalid_token\""
                        .to_owned()
                }
            };
            reply = reply.with("WWW-Authenticate", value);
        }
        reply
    }

    fn basic(&self, credentials: &str) -> Verdict {
        let Some(decoded) = sasl::decode(credentials.as_bytes()) else { return Verdict::Malformed };
        let Some(colon) = decoded.iter().position(|byte| *byte == b':') else { return Verdict::Malformed };
        let name = String::from_utf8_lossy(&decoded[..colon]);
        sasl::password(local(&name).as_bytes(), &decoded[colon + 1..], &self.shared)
    }

    fn bearer(&self, token: &str) -> Verdict {
        let found = self.shared.store.lock().bearer(token).map(|user| user.name.clone());
        found.map_or(Verdict::Refused, Verdict::Welcome)
    }

    /// A message of NTLM: the verdict, or the challenge to go on with.
    fn ntlm(&self, scheme: Scheme, credentials: &str) -> Result<Verdict, Box<Reply>> {
        let Some(message) = sasl::decode(credentials.as_bytes()) else { return Ok(Verdict::Malformed) };
        let options = &self.shared.options;
        if ntlm::message_type(&message) == Some(1) {
            let mut nonce = [0; 8];
            getrandom::fill(&mut nonce).ok();
            let time = filetime(Timestamp::now());
            let Some(pending) = ntlm::challenge(&message, nonce, &options.host, &options.domain, time) else {
                return Ok(Verdict::Malformed);
            };
            let value = format!("{} {}", scheme.name(), sasl::encode(pending.message()));
            self.state().ntlm = Ntlm::Pending(pending);
            let reply = Reply::text(401, "").with("WWW-Authenticate", value).noting("NTLM challenge");
            return Err(Box::new(reply));
        }
        let Ntlm::Pending(pending) = std::mem::take(&mut self.state().ntlm) else {
            return Ok(Verdict::Malformed);
        };
        let protection = self.shared.exchange.settings().extended_protection;
        let find = |name: &str| {
            let state = self.shared.store.lock();
            state.user(local(name)).map(|user| (user.name.clone(), user.password.clone()))
        };
        match pending.accept(&message, find, &Binding { protection, end_point: self.end_point }) {
            Ok(user) => {
                self.state().ntlm = Ntlm::Done(user.clone());
                Ok(Verdict::Welcome(user))
            }
            Err(why) => {
                self.log('S', &format!("NTLM: {why:?}"));
                Ok(Verdict::Refused)
            }
        }
    }
}

/// A name without the domain before it: `DOMAIN\name`.
pub(super) fn local(name: &str) -> &str {
    name.rsplit_once('\\').map_or(name, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_from_1601() {
        assert_eq!(filetime(Timestamp::UNIX_EPOCH), 116_444_736_000_000_000);
        assert_eq!(filetime(Timestamp::new(1, 200).unwrap()), 116_444_736_010_000_002);
    }

    #[test]
    fn domains_before_names_are_cut() {
        assert_eq!(local("SANDBOX\\alice"), "alice");
        assert_eq!(local("alice@sandbox.test"), "alice@sandbox.test");
    }
}
