use proptest::prelude::*;

use super::*;
use crate::message::token::{Draft, Keys};
use crate::protocol::Folder;
use crate::secret::Secret;

const LATE: Duration = Duration::from_secs(30);
const LOST: Duration = Duration::from_secs(900);

fn token(slot: u32) -> Token {
    let draft = Draft {
        site: 1,
        check: 2,
        slot,
        instance: 3,
        sent: std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        lost_after: LOST,
        lines: 1,
    };
    Token::sign(&draft, "bob@example.com", &Keys::new(&Secret::new("key-of-the-fleet"), &[]))
}

fn sighting(token: Token, id: u32, at: Instant) -> Sighting {
    let id = ItemId { folder: Folder::Inbox, id: format!("1.{id}") };
    Sighting { token, id, at, intact: true, junk: false }
}

fn counts(acts: &[Act], view: ViewIndex) -> Vec<Judged> {
    acts.iter()
        .filter_map(
            |act| if let Act::Count(of, _, judged) = act { (*of == view).then_some(*judged) } else { None },
        )
        .collect()
}

fn verdicts(acts: &[Act]) -> Vec<(ViewIndex, Option<Reason>)> {
    acts.iter()
        .filter_map(|act| match act {
            Act::Settle { view, verdict: Verdict::Failed(fault), .. } => Some((*view, Some(fault.reason))),
            Act::Settle { view, verdict: Verdict::Good, .. } => Some((*view, None)),
            _ => None,
        })
        .collect()
}

fn deletes(acts: &[Act], token: Token) -> bool {
    acts.iter().any(|act| matches!(act, Act::Delete(id, _) if *id == token.id()))
}

fn sent(views: usize) -> (Tracker, Token, Instant) {
    let mut tracker = Tracker::new(views, LATE, LOST);
    let token = token(1);
    let now = Instant::now();
    tracker.sending(token.id(), now);
    let acts = tracker.accepted(token.id(), now, true, Vec::new());
    assert_eq!(counts(&acts, 0), [Judged::Expected]);
    (tracker, token, now)
}

#[test]
fn seen_in_every_view_it_is_good_and_then_deleted() {
    let (mut tracker, token, now) = sent(2);
    let second = Duration::from_secs(1);
    let acts = tracker.seen(0, &[sighting(token, 1, now + second)]);
    assert_eq!((counts(&acts, 0), verdicts(&acts)), (vec![Judged::Received(second)], vec![(0, None)]));
    assert!(!deletes(&acts, token), "the other view has not judged");
    let acts = tracker.seen(1, &[sighting(token, 1, now + second)]);
    assert!(deletes(&acts, token));
    assert_eq!(tracker.open(), 0);
}

#[test]
fn late_is_said_by_a_look_that_began_after_the_deadline_only_and_an_arrival_does_not_take_it_back() {
    let (mut tracker, token, now) = sent(1);
    assert!(tracker.looked(0, now + LATE - Duration::from_millis(1)).is_empty());
    let acts = tracker.looked(0, now + LATE);
    assert_eq!(
        (counts(&acts, 0), verdicts(&acts)),
        (vec![Judged::Late], vec![(0, Some(Reason::MessageLate))])
    );
    assert!(tracker.looked(0, now + LATE * 2).is_empty(), "once");
    let acts = tracker.seen(0, &[sighting(token, 1, now + LATE * 3)]);
    assert_eq!((counts(&acts, 0), verdicts(&acts)), (vec![Judged::Received(LATE * 3)], vec![]));
}

#[test]
fn lost_then_resurfaced() {
    let (mut tracker, token, now) = sent(1);
    tracker.looked(0, now + LATE);
    let acts = tracker.looked(0, now + LOST);
    assert_eq!(counts(&acts, 0), [Judged::Lost]);
    let acts = tracker.seen(0, &[sighting(token, 1, now + LOST + LATE)]);
    assert_eq!(counts(&acts, 0), [Judged::Resurfaced]);
    assert!(deletes(&acts, token));
}

#[test]
fn two_copies_at_once_fail_and_a_later_one_only_counts() {
    let (mut tracker, token, now) = sent(1);
    let acts = tracker.seen(0, &[sighting(token, 1, now), sighting(token, 2, now)]);
    assert_eq!(verdicts(&acts), [(0, Some(Reason::MessageDuplicated))]);
    let (mut tracker, token, now) = sent(1);
    assert_eq!(verdicts(&tracker.seen(0, &[sighting(token, 1, now)])), [(0, None)]);
    let acts = tracker.seen(0, &[sighting(token, 2, now)]);
    assert_eq!((counts(&acts, 0), verdicts(&acts)), (vec![Judged::Duplicated], vec![]));
    assert!(deletes(&acts, token), "the second copy goes too");
    assert_eq!(
        counts(&tracker.seen(0, &[sighting(token, 3, now)]), 0),
        [],
        "doubled is counted once a message"
    );
    assert_eq!(counts(&tracker.seen(0, &[sighting(token, 1, now)]), 0), [], "the same item again is no copy");
}

#[test]
fn a_view_that_is_down_fails_with_its_own_reason_and_is_neither_late_nor_lost() {
    let (mut tracker, token, now) = sent(1);
    let fault = Fault::new(Reason::ConnectRefused, "no");
    assert!(tracker.down(0, now + LATE - Duration::from_millis(1), &fault).is_empty());
    let acts = tracker.down(0, now + LATE, &fault);
    assert_eq!((counts(&acts, 0), verdicts(&acts)), (vec![], vec![(0, Some(Reason::ConnectRefused))]));
    let acts = tracker.seen(0, &[sighting(token, 1, now + LATE * 2)]);
    assert_eq!((counts(&acts, 0), verdicts(&acts)), (vec![Judged::Received(LATE * 2)], vec![]));
}

#[test]
fn an_unknown_submission_that_never_comes_is_not_called_lost() {
    let mut tracker = Tracker::new(1, LATE, LOST);
    let (token, now) = (token(1), Instant::now());
    tracker.sending(token.id(), now);
    tracker.accepted(token.id(), now, false, Vec::new());
    let acts = tracker.looked(0, now + LATE);
    assert_eq!((counts(&acts, 0), verdicts(&acts)), (vec![], vec![]));
    assert!(matches!(acts[..], [Act::Settle { verdict: Verdict::NotJudged(Why::Unjudged), .. }]));
    assert_eq!(counts(&tracker.looked(0, now + LOST), 0), [Judged::Abandoned]);
}

#[test]
fn a_bounce_ends_it_where_it_was_not_received() {
    let (mut tracker, token, now) = sent(2);
    tracker.seen(0, &[sighting(token, 1, now)]);
    let acts = tracker.bounced(token.id(), "5.1.1", "no such user");
    assert_eq!((counts(&acts, 0), counts(&acts, 1)), (vec![], vec![Judged::Bounced]));
    assert_eq!(verdicts(&acts), [(1, Some(Reason::MessageBounced))]);
    assert!(deletes(&acts, token));
}

#[test]
fn a_sighting_before_the_acceptance_counts_with_it() {
    let mut tracker = Tracker::new(1, LATE, LOST);
    let (token, now) = (token(1), Instant::now());
    tracker.sending(token.id(), now);
    assert!(tracker.seen(0, &[sighting(token, 1, now)]).is_empty() && tracker.is_sending(token.id()));
    let later = now + Duration::from_millis(5);
    let acts = tracker.accepted(token.id(), later, true, vec![(0, sighting(token, 1, now))]);
    assert_eq!(counts(&acts, 0), [Judged::Expected, Judged::Received(Duration::ZERO)]);
}

#[derive(Clone, Debug)]
enum Step {
    Send { sure: bool, refused: bool },
    See { message: usize, view: usize, copy: u32 },
    Look { view: usize },
    Down { view: usize },
    Bounce { message: usize },
    Pass { seconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<bool>(), any::<bool>())
            .prop_map(|(sure, refused)| Step::Send { sure, refused: refused && sure }),
        (0usize..8, 0usize..2, 0u32..3).prop_map(|(message, view, copy)| Step::See { message, view, copy }),
        (0usize..2).prop_map(|view| Step::Look { view }),
        (0usize..2).prop_map(|view| Step::Down { view }),
        (0usize..8).prop_map(|message| Step::Bounce { message }),
        (1u64..400).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

proptest! {
    /// Whatever happens: the books balance, a lane is settled at most once, and what is deleted was judged everywhere.
    #[test]
    fn the_books_balance(steps in proptest::collection::vec(step(), 1..80)) {
        let mut tracker = Tracker::new(2, LATE, LOST);
        let mut now = Instant::now();
        let (mut all, mut acts): (Vec<Token>, Vec<Act>) = Default::default();
        for step in steps {
            acts.extend(match step {
                Step::Send { sure, refused } => {
                    let token = token(u32::try_from(all.len()).unwrap());
                    all.push(token);
                    tracker.sending(token.id(), now);
                    if refused { tracker.refused(token.id()); Vec::new() } else { tracker.accepted(token.id(), now, sure, Vec::new()) }
                }
                Step::See { message, view, copy } => all.get(message).map_or_else(Vec::new, |t| tracker.seen(view, &[sighting(*t, copy, now)])),
                Step::Look { view } => tracker.looked(view, now),
                Step::Down { view } => tracker.down(view, now, &Fault::new(Reason::ConnectRefused, "no")),
                Step::Bounce { message } => all.get(message).map_or_else(Vec::new, |t| tracker.bounced(t.id(), "5.0.0", "")),
                Step::Pass { seconds } => { now += Duration::from_secs(seconds); Vec::new() }
            });
            for view in 0..2 {
                let count = |what: fn(&Judged) -> bool| counts(&acts, view).iter().filter(|j| what(j)).count();
                let ended = count(|j| matches!(j, Judged::Received(_) | Judged::Lost | Judged::Bounced | Judged::Abandoned));
                prop_assert_eq!(count(|j| *j == Judged::Expected), ended + tracker.in_flight(view).0);
                prop_assert!(count(|j| *j == Judged::Resurfaced) <= count(|j| *j == Judged::Lost));
            }
        }
        acts.extend(tracker.abandon());
        for token in &all {
            for view in 0..2 {
                let settled = acts.iter().filter(|a| matches!(a, Act::Settle { view: v, id, .. } if *v == view && *id == token.id())).count();
                prop_assert!(settled <= 1);
            }
        }
    }
}
