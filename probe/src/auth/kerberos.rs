//! Kerberos for HTTP's `Negotiate` (RFC 4559): the system's GSS-API library makes the tokens, within SPNEGO (RFC 4178).
//!
//! Everything here blocks, for as long as the library waits for a KDC: call it where blocking is allowed. It knows at once of one
//! that refuses the connection; for one that is silent it waits half a minute (27 s seen with MIT 1.20), and cannot be told
//! otherwise. What it goes by is krb5.conf and the environment that the process was started with; nothing here changes either.
//!
//! - With a password, each token takes a sign-in at the KDC; the ticket stays in memory and is gone afterwards.
//! - With a key, the library takes it from *the* client keytab of the process: `KRB5_CLIENT_KTNAME`, or
//!   `default_client_keytab_name` in krb5.conf. It holds the keys of all accounts. Tickets go to the credential cache of
//!   the process, `KRB5CCNAME`, and are used until half their time is over. Two accounts need a cache that is a collection:
//!   `DIR:/run/mailprobe`; `FILE:` and `MEMORY:` hold one.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use libgssapi::context::{ClientCtx, CtxFlags};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::Error;
use libgssapi::name::Name;
use libgssapi::oid::{
    GSS_MECH_KRB5, GSS_MECH_SPNEGO, GSS_NT_HOSTBASED_SERVICE, GSS_NT_KRB5_PRINCIPAL, OidSet,
};

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
        Self { trouble: trouble(error.minor.cast_signed()), words: error.to_string() }
    }
}

impl From<KerberosError> for Fault {
    fn from(error: KerberosError) -> Self {
        Self::new(error.trouble.reason(), &error.to_string())
    }
}

/// Gets a ticket for `principal` (`user@REALM`), one for `service` (`HTTP@host`, or `HTTP/host@REALM` as it is), and makes the
/// token of them. It is the only one: the server does not prove itself by Kerberos, TLS has done that. `channel`: what
/// [`super::ntlm::end_point`] makes of the server's certificate.
///
/// # Errors
/// [`KerberosError`].
pub fn token(
    principal: &str,
    proof: Proof<'_>,
    service: &str,
    channel: Option<&[u8]>,
) -> Result<Vec<u8>, KerberosError> {
    // Kerberos itself, and SPNEGO around it by hand: the library's own SPNEGO hides the numbers of what went wrong.
    let mechanisms = OidSet::singleton(GSS_MECH_KRB5)?;
    let user = Name::new(principal.as_bytes(), Some(GSS_NT_KRB5_PRINCIPAL))?;
    let cred = match proof {
        Proof::Password(word) => {
            Cred::acquire_with_password(Some(&user), word, None, CredUsage::Initiate, Some(&mechanisms))?
        }
        Proof::Keytab(path) => {
            of_this_process(path, std::env::var_os("KRB5_CLIENT_KTNAME"))?;
            Cred::acquire(Some(&user), None, CredUsage::Initiate, Some(&mechanisms))?
        }
    };
    let form = if service.contains('/') { GSS_NT_KRB5_PRINCIPAL } else { GSS_NT_HOSTBASED_SERVICE };
    let service = Name::new(service.as_bytes(), Some(form))?;
    let mut context = ClientCtx::new(Some(cred), service, CtxFlags::empty(), Some(GSS_MECH_KRB5));
    match context.step(None, channel)? {
        Some(token) => Ok(spnego(&token)),
        None => Err(KerberosError { trouble: Trouble::Other, words: "the library made no token".to_owned() }),
    }
}

/// The token within a NegTokenInit (RFC 4178, section 4.2.1) that offers Kerberos alone, so that no MIC over the list is due.
fn spnego(token: &[u8]) -> Vec<u8> {
    const OID: u8 = 0x06;
    const OCTETS: u8 = 0x04;
    const SEQUENCE: u8 = 0x30;
    let mechanisms = der(SEQUENCE, &der(OID, &GSS_MECH_KRB5));
    let fields = [der(0xa0, &mechanisms), der(0xa2, &der(OCTETS, token))].concat();
    let init = der(0xa0, &der(SEQUENCE, &fields));
    der(0x60, &[der(OID, &GSS_MECH_SPNEGO), init].concat())
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

/// The library can be told of no other keytab than that of the process; better to say so than to sign in by another key.
fn of_this_process(path: &Path, its_own: Option<OsString>) -> Result<(), KerberosError> {
    let Some(its_own) = its_own else {
        // krb5.conf may name it.
        return Ok(());
    };
    let its_own = its_own.to_string_lossy();
    if Path::new(its_own.strip_prefix("FILE:").unwrap_or(&its_own)) == path {
        return Ok(());
    }
    let words = format!(
        "the keytab {} is not the one of this process: KRB5_CLIENT_KTNAME is {its_own}",
        path.display()
    );
    Err(KerberosError { trouble: Trouble::Setup, words })
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
    fn another_keytab_than_the_process_has_is_refused() {
        let of =
            |own: &str| of_this_process(Path::new("/run/keys"), Some(own.into())).map_err(|it| it.trouble);
        assert_eq!((of("/run/keys"), of("FILE:/run/keys")), (Ok(()), Ok(())));
        assert_eq!((of("/run/other"), of("MEMORY:x")), (Err(Trouble::Setup), Err(Trouble::Setup)));
        assert!(of_this_process(Path::new("/run/keys"), None).is_ok(), "krb5.conf may name it");
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
    fn no_password_is_printed() {
        assert_eq!(format!("{:?}", Proof::Password("tr0ub4dor&3")), "Password");
    }
}
