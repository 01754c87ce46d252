//! The rules, on paused time.

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
    let pass =
        gate.enter(Protocol::Imap, &Secret::new("another one"), SLOT, &Recorder::default()).await.unwrap();
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

/// All protocols at once, at a server that takes two seconds to refuse: so do servers that fear guessing.
#[tokio::test(start_paused = true)]
async fn a_password_that_changed_is_refused_twice_at_most_however_many_ask_at_once() {
    let gate = Gate::new(PAUSE);
    let all = [Protocol::Ews, Protocol::Owa, Protocol::Imap, Protocol::Pop3, Protocol::Smtp];
    for protocol in all {
        attempt(&gate, protocol, true).await.unwrap();
    }
    let burst = || async {
        let tries = all.map(|of| {
            let waiting = waiting(&gate, of);
            async move {
                let Ok(pass) = waiting.await.unwrap().0 else { return 0 };
                tokio::time::sleep(Duration::from_secs(2)).await;
                pass.failed(&refusal());
                1
            }
        });
        futures_util::future::join_all(tries).await.into_iter().sum::<u32>()
    };
    assert_eq!(burst().await, 2, "the first may be that protocol's alone");
    tokio::time::advance(PAUSE).await;
    assert_eq!(burst().await, 1, "after the pause it is to be proven again");
}

#[tokio::test(start_paused = true)]
async fn what_hung_before_is_waited_for_by_nobody() {
    let gate = Gate::new(PAUSE);
    attempt(&gate, Protocol::Imap, true).await.unwrap();
    let hangs = waiting(&gate, Protocol::Ews).await.unwrap().0.unwrap();
    let (imap, took) = waiting(&gate, Protocol::Imap).await.unwrap();
    assert_eq!(took, PATIENCE, "nobody knew");
    imap.unwrap().accepted();
    drop(hangs);
    let hangs = waiting(&gate, Protocol::Ews).await.unwrap().0.unwrap();
    let (imap, took) = waiting(&gate, Protocol::Imap).await.unwrap();
    assert!(imap.is_ok() && took == Duration::ZERO, "{took:?}");
    hangs.accepted();
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
