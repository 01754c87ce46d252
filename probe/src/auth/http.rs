//! Sign-in by HTTP's `Authorization` (RFC 9110, section 11): which scheme, and what the server offers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HeaderMap, WWW_AUTHENTICATE};

use super::sasl::Credential;
use crate::catalogue::Reason;
use crate::config::plan::Scheme;
use crate::outcome::{Fault, Said};
use crate::secret;

impl Credential {
    /// What goes with every request; `None` where a connection is signed in.
    pub fn authorization(&self) -> Option<String> {
        let word = self.secret.expose();
        match self.scheme {
            Scheme::Basic => {
                Some(format!("Basic {}", encode(format!("{}:{word}", self.username).as_bytes())))
            }
            Scheme::Bearer => Some(format!("Bearer {word}")),
            Scheme::Ntlm | Scheme::Negotiate => None,
        }
    }
}

/// In base64, which no log may show from then on.
pub fn encode(bytes: &[u8]) -> String {
    let out = STANDARD.encode(bytes);
    secret::learn_as_it_is(&out);
    out
}

/// One challenge: its scheme, and what stands after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub scheme: String,
    pub rest: String,
}

/// All challenges of an answer, over several headers and several in one.
pub fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        for element in elements(&value) {
            let (word, rest) = element.split_once(char::is_whitespace).unwrap_or((element, ""));
            match found.last_mut() {
                // A parameter of the challenge before it.
                Some(last) if word.contains('=') => {
                    last.rest.push_str(", ");
                    last.rest.push_str(element);
                }
                _ => found.push(Challenge { scheme: word.to_owned(), rest: rest.trim().to_owned() }),
            }
        }
    }
    found
}

/// Comma-separated, outside quotes.
fn elements(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .map(str::trim)
    .filter(|element| !element.is_empty())
}

/// The token that the server sent with this scheme.
pub fn token(headers: &HeaderMap, scheme: Scheme) -> Option<Vec<u8>> {
    let found = challenges(headers);
    let ours = found.iter().find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme.name()))?;
    (!ours.rest.is_empty()).then(|| STANDARD.decode(&ours.rest).ok())?
}

/// What a 401 means to a request that carried a proof: without any challenge it is of the proof.
pub fn denied(headers: &HeaderMap, scheme: Scheme, credential: &Credential) -> Fault {
    if challenges(headers).is_empty() {
        let words = format!("401 without a challenge to the sign-in by {}", scheme.name());
        return Fault::new(credential.refusal(), &words).coded("401");
    }
    refused(headers, scheme, credential)
}

/// An echoed answer to NTLM's challenge, from which the password can be guessed offline, is hidden; so is an echoed token of
/// Kerberos, by the OID of SPNEGO. There is a new one for each request: more than the scrubber could remember.
pub fn without_tokens(text: &str) -> String {
    let is_token = |word: &str| ["TlRMTVNTUAAD", "KwYBBQUC"].iter().any(|sign| word.contains(sign));
    let shown = text.split_whitespace().map(|word| if is_token(word) { secret::HIDDEN } else { word });
    shown.collect::<Vec<_>>().join(" ")
}

/// What a 401 means.
pub fn refused(headers: &HeaderMap, scheme: Scheme, credential: &Credential) -> Fault {
    let offered = challenges(headers);
    let Some(ours) = offered.iter().find(|of| of.scheme.eq_ignore_ascii_case(scheme.name())) else {
        return unavailable(&offered, scheme);
    };
    let diagnostics = headers.get("x-ms-diagnostics").map(|value| Said::bytes(value.as_bytes()).to_string());
    let told = format!("{} {}", ours.rest, diagnostics.unwrap_or_default());
    let told = &*without_tokens(&told);
    let reason = reason(told).unwrap_or_else(|| credential.refusal());
    let words = match told {
        "" => format!("401 to the sign-in by {}", scheme.name()),
        told => format!("401 to the sign-in by {}: {told}", scheme.name()),
    };
    Fault::new(reason, &words).coded("401")
}

/// # Errors
/// `mechanism_unavailable`, which names both sides.
pub fn offers(headers: &HeaderMap, scheme: Scheme) -> Result<(), Fault> {
    let offered = challenges(headers);
    let ours = offered.iter().any(|of| of.scheme.eq_ignore_ascii_case(scheme.name()));
    if ours { Ok(()) } else { Err(unavailable(&offered, scheme)) }
}

fn unavailable(offered: &[Challenge], scheme: Scheme) -> Fault {
    let names: Vec<_> = offered.iter().map(|challenge| challenge.scheme.as_str()).collect();
    let offers = if names.is_empty() { "nothing".to_owned() } else { names.join(" ") };
    let words = format!("the server offers {offers}; configured is {}", scheme.name());
    Fault::new(Reason::MechanismUnavailable, &words).coded("401")
}

/// What the words beside a refusal tell. SEC_E_BAD_BINDINGS is Windows' own word for a wrong channel binding.
fn reason(told: &str) -> Option<Reason> {
    const TABLE: &[(&[&str], Reason)] = &[
        (&["80090346", "bad_bindings", "channel binding"], Reason::ChannelBindingMismatch),
        (&["token_expired", "token has expired", "lifetime"], Reason::TokenExpired),
        (&["locked"], Reason::AccountLocked),
        (&["password expired", "password has expired"], Reason::PasswordExpired),
        (
            &["conditional access", "blocked by policy", "basic authentication is disabled"],
            Reason::BlockedByPolicy,
        ),
    ];
    let told = told.to_ascii_lowercase();
    TABLE.iter().find(|(words, _)| words.iter().any(|word| told.contains(word))).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_offers_is_read_from_any_number_of_headers() {
        type Case = (&'static [&'static str], &'static [(&'static str, &'static str)]);
        let cases: &[Case] = &[
            (&["Negotiate", "NTLM"], &[("Negotiate", ""), ("NTLM", "")]),
            (
                &["Negotiate, NTLM, Basic realm=\"a, b\""],
                &[("Negotiate", ""), ("NTLM", ""), ("Basic", "realm=\"a, b\"")],
            ),
            (&["NTLM TlRMTVNTUAAC=="], &[("NTLM", "TlRMTVNTUAAC==")]),
            (
                &["Bearer client_id=\"x\", trusted_issuers=\"y\", error=\"invalid_token\""],
                &[("Bearer", "client_id=\"x\", trusted_issuers=\"y\", error=\"invalid_token\"")],
            ),
            (&[", ,"], &[]),
        ];
        for (given, expected) in cases {
            let mut headers = HeaderMap::new();
            for value in *given {
                headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
            }
            let found = challenges(&headers);
            let found: Vec<_> = found.iter().map(|of| (of.scheme.as_str(), of.rest.as_str())).collect();
            assert_eq!(&found, expected, "{given:?}");
        }
    }
}
