//! Kerberos for HTTP's `Negotiate` (RFC 4559): the system's GSS-API library makes the tokens, within SPNEGO (RFC 4178).
//!
//! Everything here blocks, for as long as the library waits for a KDC: call it where blocking is allowed. It knows at once of one
//! that refuses the connection; for one that is silent it waits half a minute (27 s seen with MIT 1.20), and cannot be told
//! otherwise. What it goes by is krb5.conf and the environment that the process was started with; nothing here changes either.
//!
//! - With a password, each [`Ticket`] takes a sign-in at the KDC; it stays in memory and is gone with the value.
//! - With a key, the library takes it from *the* client keytab of the process, `KRB5_CLIENT_KTNAME`. It holds the keys of
//!   all accounts. Tickets go to the credential cache of the process, `KRB5CCNAME`, and are used until half their time
//!   is over. Two accounts need a cache that is a collection: `DIR:/run/mailprobe`; `FILE:` and `MEMORY:` hold one.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use libgssapi::context::{ClientCtx, CtxFlags};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::Error;
use libgssapi::name::Name;
use libgssapi::oid::{
    GSS_MECH_KRB5, GSS_MECH_SPNEGO, GSS_NT_HOSTBASED_SERVICE, GSS_NT_KRB5_PRINCIPAL, OidSet,
};

use super::negotiate::{CLIENT_KEYTAB, of_this_process};
use crate::catalogue::Reason;
use crate::outcome::Fault;

/// What the account proves itself with.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    Password(&'a str),
    /// A key of this file, which must be the client keytab that the process was started with.
    Keytab(&'a Path),
}

impl fmt::Debug for Proof<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(_) => f.write_str("Password"),
            Self::Keytab(path) => f.debug_tuple("Keytab").field(path).finish(),
        }
    }
}

/// What went wrong, as far as it matters who mends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No KDC answers, or none is known for the realm.
    Unreachable,
    /// The clocks of this host and the KDC are too far apart: five minutes, as a rule.
    Skew,
    /// No such account, or not its key.
    Rejected,
    /// The account is disabled or locked, or its time is over.
    Revoked,
    PasswordExpired,
    /// The directory knows no such service: a missing SPN.
    NoService,
    /// Client, KDC and service have no encryption in common, or the server speaks another mechanism.
    NoMechanism,
    /// The probe's own keytab, cache or krb5.conf: not there, without a key of this account, or not the one of the process.
    Setup,
    Other,
}

impl Trouble {
    pub fn reason(self) -> Reason {
        match self {
            Self::Unreachable | Self::Other => Reason::SignInUnavailable,
            Self::Skew => Reason::ClockWrong,
            Self::Rejected => Reason::CredentialsRejected,
            Self::Revoked => Reason::AccountLocked,
            Self::PasswordExpired => Reason::PasswordExpired,
            Self::NoService | Self::NoMechanism => Reason::MechanismUnavailable,
            Self::Setup => Reason::SecretMissing,
        }
    }
}

/// Why there is no token, with the library's words.
#[derive(Clone, Debug, thiserror::Error)]
#[error("Kerberos: {words}")]
pub struct KerberosError {
    pub trouble: Trouble,
    pub words: String,
}

impl From<Error> for KerberosError {
    fn from(error: Error) -> Self {
        let words = error.to_string();
        // Where the mechanism has words of its own, GSS-API's are about nothing.
        let own = words.split_once(" (").and_then(|(_, own)| own.strip_suffix(')'));
        let own = own.filter(|own| !own.is_empty() && !own.starts_with("Unknown error"));
        let words = own.map_or_else(|| words.clone(), str::to_owned);
        Self { trouble: trouble(error.minor.cast_signed()), words }
    }
}

impl From<KerberosError> for Fault {
    fn from(error: KerberosError) -> Self {
        Self::new(error.trouble.reason(), &error.to_string())
    }
}

/// That an account has signed in at the KDC; its copies share what the KDC gave.
#[derive(Clone)]
pub struct Ticket(Cred);

impl Ticket {
    /// Gets one for `principal` (`user@REALM`).
    ///
    /// # Errors
    /// [`KerberosError`].
    pub fn get(principal: &str, proof: Proof<'_>) -> Result<Self, KerberosError> {
        // Kerberos itself, and SPNEGO around it by hand: the library's own SPNEGO hides the numbers of what went wrong.
        let mechanisms = OidSet::singleton(GSS_MECH_KRB5)?;
        let user = Name::new(principal.as_bytes(), Some(GSS_NT_KRB5_PRINCIPAL))?;
        let (usage, mechanisms) = (CredUsage::Initiate, Some(&mechanisms));
        let cred = match proof {
            Proof::Password(word) => Cred::acquire_with_password(Some(&user), word, None, usage, mechanisms)?,
            Proof::Keytab(path) => {
                let its_own = std::env::var_os(CLIENT_KEYTAB);
                let its_own = its_own.as_ref().map(|own| own.to_string_lossy());
                of_this_process(path, its_own.as_deref()).map_err(|foreign| KerberosError {
                    trouble: Trouble::Setup,
                    words: format!("{}; expected {}", foreign.found, foreign.expected),
                })?;
                Cred::acquire(Some(&user), None, usage, mechanisms)?
            }
        };
        Ok(Self(cred))
    }

    /// How long it is good for.
    pub fn left(&self) -> Duration {
        self.0.lifetime().unwrap_or_default()
    }

    /// Gets a ticket for `service` (`HTTP@host`, or `HTTP/host@REALM` as it is), and makes the token of it: the only one
    /// that goes to the server. `channel`: what [`super::ntlm::end_point`] makes of the server's certificate.
    ///
    /// # Errors
    /// [`KerberosError`].
    pub fn begin(
        &self,
        service: &str,
        channel: Option<&[u8]>,
    ) -> Result<(Conversation, Vec<u8>), KerberosError> {
        let form = if service.contains('/') { GSS_NT_KRB5_PRINCIPAL } else { GSS_NT_HOSTBASED_SERVICE };
        let service = Name::new(service.as_bytes(), Some(form))?;
        // Whoever is asked for its own proof also says why it takes none of ours.
        let flags = CtxFlags::GSS_C_MUTUAL_FLAG;
        let mut context = ClientCtx::new(Some(self.0.clone()), service, flags, Some(GSS_MECH_KRB5));
        let token = context.step(None, channel)?.ok_or_else(|| other("the library made no token"))?;
        Ok((Conversation(Mutex::new(context)), spnego(&token)))
    }
}

/// A token that was sent and is not answered.
pub struct Conversation(Mutex<ClientCtx>);

impl Conversation {
    /// What the server sent beside its answer: its own proof, or why it does not take the token. Does not block.
    ///
    /// # Errors
    /// What the server says; a proof that is none.
    pub fn answered(self, token: &[u8]) -> Result<(), KerberosError> {
        let mut context = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        match response(token).ok_or_else(|| other("the server's token is no NegTokenResp"))? {
            (_, Some(inner)) => context.step(Some(inner), None).map(drop).map_err(Into::into),
            (Some(REJECT), None) => Err(other("the server rejects the ticket and does not say why")),
            // Without a proof of its own: TLS has given one.
            (_, None) => Ok(()),
        }
    }
}

fn other(words: &str) -> KerberosError {
    KerberosError { trouble: Trouble::Other, words: words.to_owned() }
}

/// negState of a NegTokenResp.
const REJECT: u8 = 2;

const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const SEQUENCE: u8 = 0x30;

/// The token within a NegTokenInit (RFC 4178, section 4.2.1) that offers Kerberos alone, so that no MIC over the list is due.
fn spnego(token: &[u8]) -> Vec<u8> {
    let mechanisms = der(SEQUENCE, &der(OID, &GSS_MECH_KRB5));
    let fields = [der(0xa0, &mechanisms), der(0xa2, &der(OCTETS, token))].concat();
    let init = der(0xa0, &der(SEQUENCE, &fields));
    der(0x60, &[der(OID, &GSS_MECH_SPNEGO), init].concat())
}

/// negState and responseToken of a NegTokenResp (RFC 4178, section 4.2.2).
fn response(token: &[u8]) -> Option<(Option<u8>, Option<&[u8]>)> {
    let mut fields = inside(inside(token, 0xa1)?, SEQUENCE)?;
    let (mut state, mut inner) = (None, None);
    while !fields.is_empty() {
        let (tag, value, rest) = element(fields)?;
        match tag {
            0xa0 => state = inside(value, ENUMERATED)?.last().copied(),
            0xa2 => inner = Some(inside(value, OCTETS)?),
            _ => {}
        }
        fields = rest;
    }
    Some((state, inner))
}

fn inside(bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    element(bytes).filter(|(tag, ..)| *tag == wanted).map(|(_, value, _)| value)
}

/// Tag, value, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        ..=0x7f => (usize::from(*first), rest),
        // Four bytes of length are more than any header holds.
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |so_far, byte| so_far << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((*tag, value, rest))
}

fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let length = length.get(value.len().leading_zeros() as usize / 8..).unwrap_or_default();
    let mut out = vec![tag];
    match length {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        // At most eight.
        long => {
            out.push(0x80 | long.len() as u8);
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(value);
    out
}

/// By MIT's numbers: the KDC's own errors (RFC 4120, section 7.5.9) are counted from `BASE`, and behind them the library's.
fn trouble(minor: i32) -> Trouble {
    const BASE: i32 = -1_765_328_384;
    // GSS-API's own errors of its Kerberos: a cache, a keytab that is another's, an empty cache.
    const GSS: i32 = 39_756_032;
    match (minor.wrapping_sub(BASE), minor.wrapping_sub(GSS)) {
        // C_PRINCIPAL_UNKNOWN, PREAUTH_FAILED, PREAUTH_REQUIRED, BAD_INTEGRITY; the library's PREAUTH_FAILED
        (6 | 24 | 25 | 31 | 210, _) => Trouble::Rejected,
        // NAME_EXP, POLICY, CLIENT_REVOKED, CLIENT_NOTYET
        (1 | 12 | 18 | 21, _) => Trouble::Revoked,
        // KEY_EXPIRED
        (23, _) => Trouble::PasswordExpired,
        // SERVICE_EXP, S_PRINCIPAL_UNKNOWN, SERVICE_REVOKED, SERVICE_NOTYET, MUST_USE_USER2USER
        (2 | 7 | 19 | 22 | 27, _) => Trouble::NoService,
        // ETYPE_NOSUPP; PROG_ETYPE_NOSUPP, CONFIG_ETYPE_NOSUPP
        (14 | 150 | 237, _) => Trouble::NoMechanism,
        // SVC_UNAVAILABLE, WRONG_REALM; REALM_UNKNOWN, KDC_UNREACH, REALM_CANT_RESOLVE
        (29 | 68 | 154 | 156 | 220, _) => Trouble::Unreachable,
        // SKEW; KDCREP_SKEW
        (37 | 148, _) => Trouble::Skew,
        // CONFIG_CANTOPEN, CONFIG_BADFORMAT, CC_NOTFOUND, KT_NOTFOUND, KT_IOERR, FCC_NOFILE, CONFIG_NODEFREALM, KT_KVNONOTFOUND;
        // CCACHE_NOMATCH, KEYTAB_NOMATCH, EMPTY_CCACHE
        (135 | 136 | 141 | 181 | 184 | 195 | 224 | 230, _) | (_, 0 | 1 | 12) => Trouble::Setup,
        _ => Trouble::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_s_numbers_are_told_apart() {
        for (minor, expected) in [
            (-1_765_328_378, Trouble::Rejected),
            (-1_765_328_360, Trouble::Rejected),
            (-1_765_328_174, Trouble::Rejected),
            (-1_765_328_366, Trouble::Revoked),
            (-1_765_328_361, Trouble::PasswordExpired),
            (-1_765_328_377, Trouble::NoService),
            (-1_765_328_370, Trouble::NoMechanism),
            (-1_765_328_228, Trouble::Unreachable),
            (-1_765_328_230, Trouble::Unreachable),
            (-1_765_328_347, Trouble::Skew),
            (-1_765_328_236, Trouble::Skew),
            (-1_765_328_203, Trouble::Setup),
            (39_756_033, Trouble::Setup),
            (0, Trouble::Other),
            (i32::MIN, Trouble::Other),
            (i32::MAX, Trouble::Other),
        ] {
            assert_eq!(trouble(minor), expected, "{minor}");
        }
    }

    #[test]
    fn a_token_is_wrapped_whatever_its_length() {
        let head = [0x06, 6, 0x2b, 6, 1, 5, 5, 2];
        let wrapped = spnego(&[7; 3]);
        assert_eq!(wrapped[..12], [&[0x60, 34][..], &head, &[0xa0, 24]].concat());
        let rest = [0x30, 22, 0xa0, 13, 0x30, 11, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2];
        assert_eq!(wrapped[12..], [&rest[..], &[0xa2, 5, 4, 3, 7, 7, 7]].concat());
        let heads = [0, 1, 127, 128, 255, 256, 70_000]
            .map(|length| der(4, &vec![0; length])[..4.min(length + 2)].to_vec());
        let expected: [&[u8]; 7] = [
            &[4, 0],
            &[4, 1, 0],
            &[4, 127, 0, 0],
            &[4, 0x81, 128, 0],
            &[4, 0x81, 255, 0],
            &[4, 0x82, 1, 0],
            &[4, 0x83, 1, 0x11],
        ];
        assert_eq!(heads.each_ref().map(Vec::as_slice), expected);
    }

    #[test]
    fn a_server_s_answer_is_read_and_anything_else_is_none() {
        let whole = [0xa1, 14, 0x30, 12, 0xa0, 3, 0x0a, 1, 0, 0xa2, 5, 4, 3, 7, 7, 7];
        assert_eq!(response(&whole), Some((Some(0), Some(&[7, 7, 7][..]))));
        assert_eq!(response(&[0xa1, 7, 0x30, 5, 0xa0, 3, 0x0a, 1, 2]), Some((Some(REJECT), None)));
        let with_mechanism = [0xa1, 9, 0x30, 7, 0xa1, 5, 6, 3, 1, 2, 3];
        assert_eq!(response(&with_mechanism), Some((None, None)));
        for length in 0..whole.len() {
            assert_eq!(response(&whole[..length]), None, "{length}");
        }
        let long = der(0xa1, &der(SEQUENCE, &der(0xa2, &der(OCTETS, &[7; 300]))));
        assert_eq!(response(&long), Some((None, Some(&[7; 300][..]))));
        for broken in
            [&b"TlRMTVNTUAAC"[..], &[0xa1, 0x88, 1, 1, 1, 1, 1, 1, 1, 1], &[0xa1, 0x84, 255, 255, 255, 255]]
        {
            assert_eq!(response(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn no_password_is_printed() {
        assert_eq!(format!("{:?}", Proof::Password("tr0ub4dor&3")), "Password");
    }
}
