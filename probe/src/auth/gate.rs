//! One gate per credential: sign-in is single-flight until it has succeeded, refusals pause.
//!
//! The rules, so that no account is locked by the probe:
//! - One sign-in goes at a time over all protocols: a password that was changed is refused once and not by each of them at
//!   once. One that is not answered for three seconds does not hold up the others: one goes beside it, and, once
//!   the credential is proven, whatever hung the last time waits for nobody and is waited for by nobody.
//! - Until a credential has been accepted once, since the start or since its secret changed, the first refusal pauses it.
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
    /// The last attempt was not answered.
    hung: bool,
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

/// Held while the credential is tried; by its end the next one may.
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

    /// One attempt goes at a time. Nothing, where nobody's turn is worth waiting for.
    async fn take_turn(&self, protocol: Protocol) -> Result<Option<Hold>, Fault> {
        let desperate = Instant::now() + PATIENCE * 2;
        let mut turn = std::pin::pin!(Arc::clone(&self.turn).lock_owned());
        loop {
            let ended = self.ended.notified();
            let (proven, overdue) = {
                let state = self.state();
                state.open(protocol)?;
                // It hung before, and would hold up the others; what hangs is not refused.
                if state.proven && state.protocols.get(&protocol).is_some_and(|door| door.hung) {
                    return Ok(None);
                }
                // Until it is proven: another attempt by the protocol that hangs would hang too.
                let beside = state.holder.filter(|(of, _)| state.proven || *of != protocol);
                (state.proven, beside.map(|(_, since)| since + PATIENCE))
            };
            let hold = tokio::select! {
                biased;
                turn = &mut turn => Some(Hold::Turn(turn)),
                () = ended => continue,
                relief = self.relieved(overdue) => Some(Hold::Relief(relief)),
                () = tokio::time::sleep_until(desperate), if proven => None,
            };
            let mut state = self.state();
            state.open(protocol)?;
            if matches!(hold, Some(Hold::Turn(_))) {
                state.holder = Some((protocol, Instant::now()));
            }
            return Ok(hold);
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
        state.protocols.entry(protocol).or_default().hung = true;
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
        door.hung = false;
        let many = if alone { door.refusals } else { all };
        let hold = if !proven || many >= 2 { self.pause } else { slot.min(self.pause) };
        let until = Some((now + hold, fault.clone()));
        if alone {
            door.until = until;
        } else {
            state.until = until;
            state.proven = false;
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
        // What a KDC was asked it answers whoever asks next.
        if !self.answered && self.rec.meant() != Some(Reason::SignInUnavailable) {
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
mod tests;
