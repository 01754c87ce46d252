//! HTTP's `Negotiate` with Kerberos (RFC 4559): bounded in time around a library that blocks, and at most one conversation
//! with the KDC per principal.
//!
//! What the library does it does on a thread of its own: the pool of blocking threads is small, and names are looked up there.

use std::path::Path;

/// What names the one keytab that the library takes clients' keys from.
pub const CLIENT_KEYTAB: &str = "KRB5_CLIENT_KTNAME";
/// What names the place of the tickets that were got with keys.
pub const TICKET_CACHE: &str = "KRB5CCNAME";
/// Whether this build can.
pub const IS_BUILT: bool = cfg!(feature = "kerberos");

/// Whether such a cache holds tickets of several accounts: the library's collections.
pub fn holds_several(cache: Option<&str>) -> bool {
    let kind = cache.and_then(|cache| cache.split_once(':')).map_or("FILE", |(kind, _)| kind);
    ["DIR", "KCM", "KEYRING", "API"].contains(&kind)
}

/// A keytab that is not the one of this process, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    pub found: String,
    /// What to set.
    pub expected: String,
}

/// The library can be told of no other keytab than that of the process; better to say so than to sign in by another key.
/// `its_own`: what [`CLIENT_KEYTAB`] says.
///
/// # Errors
/// [`Foreign`], where it is another one or none.
pub fn of_this_process(path: &Path, its_own: Option<&str>) -> Result<(), Foreign> {
    let file = its_own.map(|own| Path::new(own.strip_prefix("FILE:").unwrap_or(own)));
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if file.is_some_and(|file| file == path || real(file) == real(path)) {
        return Ok(());
    }
    let path = path.display();
    let its_own =
        its_own.map_or_else(|| format!("no {CLIENT_KEYTAB}"), |own| format!("{CLIENT_KEYTAB}={own}"));
    Err(Foreign {
        found: format!("the keytab {path} in a process that was started with {its_own}"),
        expected: format!(
            "{CLIENT_KEYTAB}={path} in its environment: one file holds the keys of all accounts"
        ),
    })
}

#[cfg(feature = "kerberos")]
pub use built::Tickets;
#[cfg(not(feature = "kerberos"))]
pub use without::Tickets;

#[cfg(not(feature = "kerberos"))]
mod without {
    use crate::auth::sasl::Credential;
    use crate::catalogue::Reason;
    use crate::outcome::{Fault, Recorder};

    /// What a build with Kerberos keeps for a session.
    #[derive(Clone, Default)]
    pub struct Tickets {}

    impl Tickets {
        /// # Errors
        /// Always; the configuration refuses before it comes to this.
        #[allow(clippy::unused_async, clippy::needless_pass_by_ref_mut)]
        pub async fn token(
            &mut self,
            _: &Credential,
            _: &str,
            _: Option<Vec<u8>>,
            _: &Recorder,
        ) -> Result<Vec<u8>, Fault> {
            Err(Fault::new(Reason::MechanismUnavailable, "this build is without Kerberos"))
        }

        /// # Errors
        /// Never.
        pub fn answered(&mut self, _: Option<Vec<u8>>, _: bool) -> Result<(), Fault> {
            Ok(())
        }
    }
}

#[cfg(feature = "kerberos")]
mod built {
    use std::collections::HashMap;
    use std::path::PathBuf;
    use std::sync::{Arc, LazyLock, Mutex, PoisonError};
    use std::time::Duration;

    use tokio::sync::{Mutex as Turn, oneshot};

    use crate::auth::kerberos::{Conversation, KerberosError, Proof, Ticket, Trouble};
    use crate::auth::sasl::Credential;
    use crate::catalogue::Reason;
    use crate::outcome::{Fault, Recorder};
    use crate::secret::Secret;

    /// A KDC that is well answers in milliseconds; a first one that is silent costs the library a second per question.
    const PATIENCE: Duration = Duration::from_secs(10);
    /// A ticket with less than this left is not used for another request.
    const ENOUGH: Duration = Duration::from_secs(5 * 60);

    /// What the KDC gave for a password, kept for the session that asked, so that its requests are not a sign-in each; and
    /// what was sent last.
    #[derive(Default)]
    pub struct Tickets {
        kept: Option<Ticket>,
        sent: Option<Conversation>,
    }

    impl Clone for Tickets {
        /// For another connection, which has sent nothing yet.
        fn clone(&self) -> Self {
            Self { kept: self.kept.clone(), sent: None }
        }
    }

    impl Tickets {
        /// A token for `HTTP@host`; `channel` as GSS-API takes it.
        ///
        /// # Errors
        /// What the library says, by its reason; `sign_in_unavailable` when it says nothing in time.
        pub async fn token(
            &mut self,
            credential: &Credential,
            host: &str,
            channel: Option<Vec<u8>>,
            rec: &Recorder,
        ) -> Result<Vec<u8>, Fault> {
            let want = Want {
                principal: Arc::clone(&credential.username),
                secret: credential.secret.clone(),
                keytab: credential.keytab.clone(),
                kept: self.kept.take(),
                service: format!("HTTP@{host}"),
                channel,
            };
            let keeps = want.keytab.is_none();
            let made = tokio::time::timeout(PATIENCE, in_turn(want));
            let made = rec.if_overdue_within(Reason::SignInUnavailable, made).await.map_err(|_| {
                let words = format!("Kerberos: no answer from a KDC within {} s", PATIENCE.as_secs());
                Fault::new(Reason::SignInUnavailable, &words)
            })?;
            let (ticket, sent, token) = made?;
            self.kept = Some(ticket).filter(|_| keeps);
            self.sent = Some(sent);
            Ok(token)
        }

        /// Heeds what came beside the answer: the server's proof, or, where it has `refused`, why.
        ///
        /// # Errors
        /// Where it has refused; `protocol_violation` for a server whose proof is wrong.
        pub fn answered(&mut self, token: Option<Vec<u8>>, refused: bool) -> Result<(), Fault> {
            let Some(sent) = self.sent.take() else { return Ok(()) };
            let said = token.map(|token| sent.answered(&token));
            if !refused {
                let wrong = |error: KerberosError| {
                    Fault::new(
                        Reason::ProtocolViolation,
                        &format!("the server's own proof is wrong: {error}"),
                    )
                };
                return said.unwrap_or(Ok(())).map_err(wrong);
            }
            self.kept = None;
            let why =
                said.and_then(Result::err).map_or_else(String::new, |error| format!(": {}", error.words));
            // No refusal of the account: the KDC has taken its proof, and counts nothing here.
            let words = format!(
                "the KDC gave a ticket and the server does not take it{why}; compare the SPN and its key, the server's clock, \
                 Extended Protection"
            );
            Err(Fault::new(Reason::SignInUnavailable, &words).coded("401"))
        }
    }

    struct Want {
        principal: Arc<str>,
        secret: Secret,
        keytab: Option<PathBuf>,
        kept: Option<Ticket>,
        service: String,
        channel: Option<Vec<u8>>,
    }

    type Begun = (Ticket, Conversation, Vec<u8>);
    type Made = Result<Begun, KerberosError>;

    impl Want {
        /// Blocks.
        fn make(self) -> Made {
            let proof = match &self.keytab {
                Some(path) => Proof::Keytab(path),
                None => Proof::Password(self.secret.expose()),
            };
            let ticket = match self.kept.filter(|ticket| ticket.left() > ENOUGH) {
                Some(ticket) => ticket,
                None => Ticket::get(&self.principal, proof)?,
            };
            let (sent, token) = ticket.begin(&self.service, self.channel.as_deref())?;
            Ok((ticket, sent, token))
        }
    }

    /// What a thread is at work on, and may be long after whoever asked has gone.
    struct Pending {
        secret: u64,
        made: oneshot::Receiver<Made>,
    }

    /// By principal: one place each, so that one thread at most waits for the KDC.
    type Desks = HashMap<Arc<str>, Arc<Turn<Option<Pending>>>>;
    static DESKS: LazyLock<Mutex<Desks>> = LazyLock::new(Mutex::default);

    async fn in_turn(want: Want) -> Result<Begun, Fault> {
        let desk = {
            let mut desks = DESKS.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(desks.entry(Arc::clone(&want.principal)).or_default())
        };
        let mut desk = desk.lock().await;
        let secret = want.secret.fingerprint();
        if let Some(late) = desk.as_mut() {
            let made = (&mut late.made).await;
            let same = late.secret == secret;
            *desk = None;
            // The KDC has counted it: it is told now, and not provoked once more.
            if let Ok(Err(error)) = made
                && same
                && is_of_the_account(error.trouble)
            {
                return Err(error.into());
            }
        }
        let (tell, made) = oneshot::channel();
        let work = move || drop(tell.send(want.make()));
        let thread = std::thread::Builder::new().name("kerberos".to_owned()).spawn(work);
        thread.map_err(|error| Fault::new(Reason::InternalError, &format!("no thread: {error}")))?;
        let made = (&mut desk.insert(Pending { secret, made }).made).await;
        *desk = None;
        let made = made.map_err(|_| Fault::new(Reason::InternalError, "Kerberos ended without a word"))?;
        Ok(made?)
    }

    fn is_of_the_account(trouble: Trouble) -> bool {
        matches!(trouble, Trouble::Rejected | Trouble::Revoked | Trouble::PasswordExpired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_keytab_than_the_process_has_is_refused_and_what_to_set_is_named() {
        let of = |own: Option<&str>| of_this_process(Path::new("/run/keys"), own);
        assert_eq!((of(Some("/run/keys")), of(Some("FILE:/run/keys"))), (Ok(()), Ok(())));
        for own in [Some("/run/other"), Some("MEMORY:x"), Some(""), None] {
            let expected = of(own).unwrap_err().expected;
            assert!(expected.starts_with("KRB5_CLIENT_KTNAME=/run/keys in its environment"), "{expected}");
        }
    }
}
