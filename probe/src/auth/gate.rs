//! One gate per credential: sign-in is single-flight until it has succeeded, refusals pause.
//!
//! The rules, so that no account is locked by the probe:
//! - Until a credential has been accepted once, since the start or since its secret changed, one sign-in goes at a
//!   time over all protocols, and the first refusal pauses the credential. One that is not answered for
//!   three seconds does not hold up the other protocols: one of them goes beside it, and no more.
//! - After that, a refusal holds what was refused for one slot, and the second one pauses. If another protocol was
//!   accepted since, only the refused protocol is held and paused, else the whole credential.
//! - A sign-in that was begun and never answered may have been a refusal: until the credential is proven such attempts
//!   by that protocol are spaced, one slot, two, four … ten minutes apart; meanwhile the fault stays what it was.
//! - A changed secret ends every pause.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, Notify, OwnedMutexGuard};
use tokio::time::Instant;

use crate::catalogue::{Protocol, Reason, Step};
use crate::outcome::{Fault, Recorder};
use crate::secret::Secret;

/// The state of one credential (realm and user name), shared by all that sign in with it.
pub struct Gate {
    pause: Duration,
    turn: Arc<Turn<()>>,
    /// Of the one that goes beside a turn that takes long.
    relief: Arc<Turn<()>>,
    /// An attempt has ended.
    ended: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Of the secret that was tried last.
    secret: Option<u64>,
    proven: bool,
    /// Whose turn it is, and since when.
    holder: Option<(Protocol, Instant)>,
    /// Over all protocols, since the last acceptance.
    refusals: u8,
    until: Option<(Instant, Fault)>,
    /// Attempts without an answer, over all protocols, since the last acceptance.
    unanswered: u32,
    protocols: HashMap<Protocol, Door>,
}

#[derive(Default)]
struct Door {
    refusals: u8,
    accepted: Option<Instant>,
    until: Option<(Instant, Fault)>,
    /// After an attempt without an answer: until when there is no other, and what came of it.
    spaced: Option<(Instant, Fault)>,
}

/// The right to one attempt. Dropped unused (a deadline has passed), nothing is known: it may have been a refusal.
pub struct Pass {
    gate: Arc<Gate>,
    protocol: Protocol,
    /// How far apart two attempts must be.
    slot: Duration,
    answered: bool,
    turn: Option<Hold>,
    /// What a deadline that passes meanwhile is called.
    rec: Recorder,
}

/// Held while an unproven credential is tried; by its end the next one may.
enum Hold {
    Turn(OwnedMutexGuard<()>),
    Relief(OwnedMutexGuard<()>),
}

/// Longer than servers wait on purpose before they refuse (Dovecot: 2 s).
const PATIENCE: Duration = Duration::from_secs(3);
const LONGEST_SPACE: Duration = Duration::from_secs(10 * 60);

impl Gate {
    pub fn new(pause: Duration) -> Arc<Self> {
        Arc::new(Self {
            pause,
            turn: Arc::default(),
            relief: Arc::default(),
            ended: Notify::new(),
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn, then grants one attempt with this secret. `slot`: how far apart two attempts must be.
    ///
    /// # Errors
    /// `credential_paused`, with the words of the refusal that began the pause.
    pub async fn enter(
        self: &Arc<Self>,
        protocol: Protocol,
        secret: &Secret,
        slot: Duration,
        rec: &Recorder,
    ) -> Result<Pass, Fault> {
        self.learn(secret);
        let turn = self.take_turn(protocol).await?;
        Ok(Pass { gate: Arc::clone(self), protocol, slot, answered: false, rec: rec.clone(), turn })
    }

    /// Nothing, where the credential is proven.
    async fn take_turn(&self, protocol: Protocol) -> Result<Option<Hold>, Fault> {
        let mut turn = std::pin::pin!(Arc::clone(&self.turn).lock_owned());
        loop {
            let ended = self.ended.notified();
            let overdue = {
                let state = self.state();
                state.open(protocol)?;
                if state.proven {
                    return Ok(None);
                }
                // Another attempt by the protocol that hangs would hang too.
                state.holder.filter(|(of, _)| *of != protocol).map(|(_, since)| since + PATIENCE)
            };
            let hold = tokio::select! {
                biased;
                turn = &mut turn => Hold::Turn(turn),
                () = ended => continue,
                relief = self.relieved(overdue) => Hold::Relief(relief),
            };
            let mut state = self.state();
            state.open(protocol)?;
            // Who waited while another proved the credential needs no turn any more.
            if state.proven {
                return Ok(None);
            }
            if matches!(hold, Hold::Turn(_)) {
                state.holder = Some((protocol, Instant::now()));
            }
            return Ok(Some(hold));
        }
    }

    async fn relieved(&self, overdue: Option<Instant>) -> OwnedMutexGuard<()> {
        match overdue {
            Some(overdue) => tokio::time::sleep_until(overdue).await,
            None => std::future::pending().await,
        }
        Arc::clone(&self.relief).lock_owned().await
    }

    /// # Errors
    /// `credential_paused`, while it is.
    pub fn check(&self, protocol: Protocol) -> Result<(), Fault> {
        self.state().open(protocol)
    }

    /// Until when sign-ins by this protocol are paused.
    pub fn paused(&self, protocol: Protocol) -> Option<Instant> {
        let state = self.state();
        state.held(protocol).map(|(until, _)| *until)
    }

    /// Until when the whole credential is paused.
    pub fn paused_whole(&self) -> Option<Instant> {
        self.state().until.as_ref().map(|(until, _)| *until).filter(|until| *until > Instant::now())
    }

    /// For a session that signs in again with each request or connection.
    pub fn key(self: &Arc<Self>, protocol: Protocol, secret: &Secret, slot: Duration) -> Key {
        Key { gate: Arc::clone(self), protocol, slot, secret: secret.fingerprint() }
    }

    /// A secret that was read: another one than was refused ends the pause.
    pub fn learn(&self, secret: &Secret) {
        let mut state = self.state();
        let fingerprint = secret.fingerprint();
        if state.secret != Some(fingerprint) {
            *state = State { secret: Some(fingerprint), ..State::default() };
        }
    }

    fn accepted(&self, protocol: Protocol) {
        let mut state = self.state();
        state.proven = true;
        state.refusals = 0;
        state.until = None;
        state.unanswered = 0;
        state.protocols.values_mut().for_each(|door| door.spaced = None);
        let door = state.protocols.entry(protocol).or_default();
        *door = Door { accepted: Some(Instant::now()), ..Door::default() };
    }

    fn unanswered(&self, protocol: Protocol, fault: &Fault, slot: Duration) {
        let mut state = self.state();
        if state.proven {
            return;
        }
        let space = slot.saturating_mul(1 << state.unanswered.min(10)).min(LONGEST_SPACE);
        state.unanswered += 1;
        state.protocols.entry(protocol).or_default().spaced = Some((Instant::now() + space, fault.clone()));
    }

    fn refused(&self, protocol: Protocol, fault: &Fault, slot: Duration) {
        let now = Instant::now();
        let mut state = self.state();
        state.refusals = state.refusals.saturating_add(1);
        let others_well = state.protocols.iter().any(|(of, door)| {
            *of != protocol && door.accepted.is_some_and(|at| now.duration_since(at) < slot * 2)
        });
        let alone = state.proven && state.refusals < 2 && others_well;
        let proven = state.proven;
        let all = state.refusals;
        let door = state.protocols.entry(protocol).or_default();
        door.refusals = door.refusals.saturating_add(1);
        door.accepted = None;
        let many = if alone { door.refusals } else { all };
        let hold = if !proven || many >= 2 { self.pause } else { slot.min(self.pause) };
        let until = Some((now + hold, fault.clone()));
        if alone {
            door.until = until;
        } else {
            state.until = until;
        }
    }
}

/// The gate as a kept session sees it: its credential was accepted once and goes over the wire again and again.
#[derive(Clone)]
pub struct Key {
    gate: Arc<Gate>,
    protocol: Protocol,
    slot: Duration,
    secret: u64,
}

impl Key {
    /// Before the credential is sent again.
    ///
    /// # Errors
    /// `credential_paused`: another session was refused meanwhile.
    pub fn check(&self) -> Result<(), Fault> {
        let state = self.gate.state();
        // What befell another secret says nothing of this one.
        if state.secret == Some(self.secret) { state.open(self.protocol) } else { Ok(()) }
    }

    /// What was accepted once was not accepted now.
    pub fn failed(&self, fault: &Fault) {
        let is_current = self.gate.state().secret == Some(self.secret);
        if is_current && is_refusal(fault.reason) {
            self.gate.refused(self.protocol, fault, self.slot);
        }
    }
}

impl State {
    fn held(&self, protocol: Protocol) -> Option<&(Instant, Fault)> {
        let now = Instant::now();
        let door = self.protocols.get(&protocol).and_then(|door| door.until.as_ref());
        self.until.iter().chain(door).find(|(until, _)| *until > now)
    }

    fn open(&self, protocol: Protocol) -> Result<(), Fault> {
        let now = Instant::now();
        let Some((until, refusal)) = self.held(protocol) else {
            // The other protocols go on: one that hangs says nothing of them.
            return match self.protocols.get(&protocol).and_then(|door| door.spaced.as_ref()) {
                Some((until, fault)) if *until > now => Err(fault.clone()),
                _ => Ok(()),
            };
        };
        let left = until.duration_since(Instant::now()).as_secs();
        let words = format!("refused before ({refusal}); the next attempt is in {left} s");
        Err(Fault { code: refusal.code, ..Fault::new(Reason::CredentialPaused, &words) })
    }
}

impl Pass {
    /// The server accepted.
    pub fn accepted(mut self) {
        self.answered = true;
        self.gate.accepted(self.protocol);
    }

    /// Nobody asked for a sign-in: nothing is known.
    pub fn unused(mut self) {
        self.answered = true;
    }

    /// The sign-in ended with a fault; only a refusal pauses.
    pub fn failed(mut self, fault: &Fault) {
        self.answered = true;
        match fault.reason {
            reason if is_refusal(reason) => self.gate.refused(self.protocol, fault, self.slot),
            Reason::ConnectionDropped | Reason::ServerTimeout => {
                self.gate.unanswered(self.protocol, fault, self.slot)
            }
            _ => {}
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.answered {
            if self.rec.meant() == Some(Reason::SignInUnavailable) {
                // What a KDC was asked it answers whoever asks next.
                return;
            }
            let fault = Fault::new(Reason::ServerTimeout, "the sign-in was not answered").at(Step::Auth);
            self.gate.unanswered(self.protocol, &fault, self.slot);
        }
        match self.turn.take() {
            Some(Hold::Turn(turn)) => {
                self.gate.state().holder = None;
                drop(turn);
            }
            Some(Hold::Relief(relief)) => drop(relief),
            None => {}
        }
        self.gate.ended.notify_waiters();
    }
}

/// What a server may count towards a lockout.
pub fn is_refusal(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::CredentialsRejected
            | Reason::TokenRefused
            | Reason::TokenExpired
            | Reason::AccountLocked
            | Reason::PasswordExpired
            | Reason::MfaRequired
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(35 * 60);
    const SLOT: Duration = Duration::from_secs(60);

    fn refusal() -> Fault {
        Fault::new(Reason::CredentialsRejected, "535 no")
    }

    async fn attempt(gate: &Arc<Gate>, protocol: Protocol, well: bool) -> Result<(), Reason> {
        let secret = Secret::new("pw-of-the-test");
        let pass =
            gate.enter(protocol, &secret, SLOT, &Recorder::default()).await.map_err(|fault| fault.reason)?;
        if well {
            pass.accepted()
        } else {
            pass.failed(&refusal())
        }
        Ok(())
    }

    #[test]
    fn a_kept_session_that_is_refused_stops_the_others_and_a_new_secret_is_not_blamed() {
        let gate = Gate::new(PAUSE);
        let (old, new) = (Secret::new("pw-that-was"), Secret::new("pw-that-is"));
        gate.learn(&old);
        let keys = [Protocol::Ews, Protocol::Ews].map(|of| gate.key(of, &old, SLOT));
        assert!(keys.iter().all(|key| key.check().is_ok()));
        keys[0].failed(&refusal());
        let paused = |key: &Key| key.check().map_err(|fault| fault.reason);
        assert_eq!(paused(&keys[1]), Err(Reason::CredentialPaused));
        gate.learn(&new);
        keys[1].failed(&refusal());
        assert_eq!(gate.paused_whole(), None, "the refusal was of the old one");
        assert_eq!(paused(&gate.key(Protocol::Ews, &new, SLOT)), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_refusal_pauses_all_protocols_for_the_whole_pause() {
        let gate = Gate::new(PAUSE);
        attempt(&gate, Protocol::Imap, false).await.unwrap();
        for protocol in [Protocol::Imap, Protocol::Smtp] {
            assert_eq!(attempt(&gate, protocol, true).await, Err(Reason::CredentialPaused));
        }
        tokio::time::advance(PAUSE - Duration::from_secs(1)).await;
        assert_eq!(attempt(&gate, Protocol::Smtp, true).await, Err(Reason::CredentialPaused));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(attempt(&gate, Protocol::Smtp, true).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_proven_credential_is_tried_twice_a_slot_apart() {
        let gate = Gate::new(PAUSE);
        attempt(&gate, Protocol::Imap, true).await.unwrap();
        tokio::time::advance(SLOT * 3).await;
        let mut refused = 0;
        for _ in 0..200 {
            for protocol in [Protocol::Imap, Protocol::Smtp, Protocol::Pop3] {
                refused += u32::from(attempt(&gate, protocol, false).await.is_ok());
            }
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        assert_eq!(refused, 2, "in {} s", 200 * 10);
    }

    #[tokio::test(start_paused = true)]
    async fn one_protocol_that_is_refused_while_others_are_accepted_is_paused_alone() {
        let gate = Gate::new(PAUSE);
        let mut refused = 0;
        for _ in 0..30 {
            assert_eq!(attempt(&gate, Protocol::Imap, true).await, Ok(()));
            refused += u32::from(attempt(&gate, Protocol::Pop3, false).await.is_ok());
            assert_eq!(attempt(&gate, Protocol::Smtp, true).await, Ok(()));
            tokio::time::advance(SLOT).await;
        }
        assert_eq!(refused, 2, "in half an hour");
        assert!(gate.paused(Protocol::Pop3).is_some() && gate.paused(Protocol::Imap).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_secret_ends_the_pause_and_what_is_no_refusal_begins_none() {
        let gate = Gate::new(PAUSE);
        attempt(&gate, Protocol::Imap, false).await.unwrap();
        let pass = gate
            .enter(Protocol::Imap, &Secret::new("another one"), SLOT, &Recorder::default())
            .await
            .unwrap();
        for reason in [
            Reason::SignInUnavailable,
            Reason::MechanismUnavailable,
            Reason::ChannelBindingMismatch,
            Reason::BlockedByPolicy,
            Reason::ServerTimeout,
        ] {
            assert!(!is_refusal(reason), "{}", reason.name());
        }
        pass.failed(&Fault::new(Reason::SignInUnavailable, "454"));
        assert!(gate.paused(Protocol::Imap).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_answered_is_tried_ever_more_rarely_until_it_is_proven() {
        let gate = Gate::new(PAUSE);
        let secret = Secret::new("pw-of-the-test");
        let mut tried = 0;
        for _ in 0..35 {
            match gate.enter(Protocol::Imap, &secret, SLOT, &Recorder::default()).await {
                Ok(pass) => {
                    tried += 1;
                    drop(pass);
                }
                Err(fault) => assert_eq!(fault.reason, Reason::ServerTimeout, "it is not called paused"),
            }
            tokio::time::advance(SLOT).await;
        }
        assert!(tried <= 7, "{tried} in 35 minutes");
    }

    #[tokio::test(start_paused = true)]
    async fn until_it_is_proven_one_goes_at_a_time() {
        let gate = Gate::new(PAUSE);
        let secret = Secret::new("pw-of-the-test");
        let first = gate.enter(Protocol::Imap, &secret, SLOT, &Recorder::default()).await.unwrap();
        let waiting = tokio::spawn({
            let (gate, secret) = (Arc::clone(&gate), secret.clone());
            async move {
                gate.enter(Protocol::Smtp, &secret, SLOT, &Recorder::default())
                    .await
                    .map(|_| ())
                    .map_err(|fault| fault.reason)
            }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        first.failed(&refusal());
        assert_eq!(waiting.await.unwrap(), Err(Reason::CredentialPaused), "it never tried");
    }

    /// A sign-in that waits for its turn: what becomes of it, and when.
    fn waiting(
        gate: &Arc<Gate>,
        protocol: Protocol,
    ) -> tokio::task::JoinHandle<(Result<Pass, Reason>, Duration)> {
        let gate = Arc::clone(gate);
        tokio::spawn(async move {
            let began = Instant::now();
            let pass = gate.enter(protocol, &Secret::new("pw-of-the-test"), SLOT, &Recorder::default()).await;
            (pass.map_err(|fault| fault.reason), began.elapsed())
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_protocol_that_hangs_does_not_hold_up_the_others() {
        let gate = Gate::new(PAUSE);
        let (hangs, _) = waiting(&gate, Protocol::Ews).await.unwrap();
        let (again, imap) = (waiting(&gate, Protocol::Ews), waiting(&gate, Protocol::Imap));
        let (imap, took) = imap.await.unwrap();
        assert_eq!(took, PATIENCE);
        let smtp = waiting(&gate, Protocol::Smtp);
        imap.unwrap().accepted();
        let (smtp, took) = smtp.await.unwrap();
        assert!(smtp.is_ok() && took < PATIENCE, "it is proven: nobody waits any more");
        assert!(again.await.unwrap().0.is_ok());
        drop(hangs);
    }

    #[tokio::test(start_paused = true)]
    async fn beside_one_that_hangs_one_is_refused_at_most() {
        let gate = Gate::new(PAUSE);
        let hangs = waiting(&gate, Protocol::Ews).await.unwrap().0.unwrap();
        let others = [Protocol::Imap, Protocol::Smtp, Protocol::Pop3].map(|of| waiting(&gate, of));
        tokio::time::sleep(PATIENCE * 5).await;
        let (mut tried, mut paused) = (0, 0);
        for other in &others {
            tried += u32::from(other.is_finished());
        }
        assert_eq!(tried, 1, "one beside it, and no more");
        for other in others {
            match other.await.unwrap().0 {
                Ok(pass) => pass.failed(&refusal()),
                Err(reason) => paused += u32::from(reason == Reason::CredentialPaused),
            }
        }
        assert_eq!(paused, 2, "they never tried, and did not wait for the one that hangs");
        drop(hangs);
    }
}
