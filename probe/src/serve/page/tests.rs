//! What stands on the page, and what may not.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::parts::{Ages, ms};
use super::summary::{Sentence, glance};
use super::{MANY, anchor, around, check, policy, whole};
use crate::catalogue::{Protocol, Reason, Role, Step};
use crate::clock;
use crate::config::lanes::lanes;
use crate::config::plan::Check;
use crate::export::fixture::{SECOND, endpoint, login, plan, roundtrip};
use crate::export::history::History;
use crate::export::state::Overview;
use crate::outcome::{Event, Fact, Fault, Lane, Report, Said, Sink as _, Verdict, Why};

use Protocol::{Imap, Pop3, Smtp};

struct Probe {
    history: Arc<History>,
    lanes: Vec<Arc<Lane>>,
}

impl Probe {
    fn new(checks: Vec<Check>) -> Self {
        let plan = plan(checks);
        let lanes = plan.checks.iter().flat_map(|check| lanes(check)).collect();
        Self { history: History::new(&plan, "1", "2"), lanes }
    }

    fn all(&self, verdict: impl Fn(&Lane) -> Verdict) {
        for lane in &self.lanes {
            self.history.tell(&Event::Ran(Report {
                lane: lane.clone(),
                slot: 1,
                at: clock::wall(),
                took: SECOND,
                steps: vec![(Step::Connect, SECOND)],
                facts: vec![Fact::Greeting(Said::new("<script>hello()</script>"))],
                verdict: verdict(lane),
            }));
        }
    }

    fn overview(&self) -> Overview {
        self.history.snapshot()
    }

    fn sentence(&self) -> Sentence {
        Sentence::of(&self.overview().checks)
    }

    fn html(&self) -> String {
        let of = self.overview();
        let ages = Ages(Some(of.at));
        let mut html = Sentence::of(&of.checks).html().into_string();
        html.push_str(&glance(&of.checks).0);
        for one in &of.checks {
            html.push_str(&check::check(one, true, ages).0);
        }
        html.push_str(&around::sessions(&of, ages).0);
        html.push_str(&around::probe(&of, ages).0);
        html
    }
}

fn mixed() -> Probe {
    Probe::new(vec![
        endpoint("front", &[Smtp, Imap]),
        login("in", "alice", &[Imap, Pop3]),
        roundtrip("trip", &[Smtp], &[Imap, Pop3]),
    ])
}

fn lost() -> Verdict {
    Verdict::Failed(Fault::new(Reason::SessionLost, "<b>bye</b> \"you\"").coded("BYE").at(Step::Connect))
}

#[tokio::test]
async fn the_sentence_says_what_fails_and_what_still_works() {
    let probe = mixed();
    assert_eq!(probe.sentence().main, "Nothing is judged yet");
    probe.all(|_| Verdict::Good);
    assert_eq!(probe.sentence().main, "All 3 checks are well");
    probe.all(|lane| if (lane.role, lane.protocol) == (Role::View, Imap) { lost() } else { Verdict::Good });
    let sentence = probe.sentence();
    assert_eq!(sentence.main, "1 of 3 checks fails: receiving over IMAP");
    let more = ["Still working: POP3, SMTP.", "Partly working: IMAP.", "Every failure points at: server."];
    assert_eq!(sentence.more, more);
    probe.all(|lane| if lane.role == Role::View { Verdict::NotJudged(Why::Unjudged) } else { Verdict::Good });
    assert_eq!(probe.sentence().main, "2 of 3 checks well; 1 is not judged");
    assert_eq!(probe.sentence().more, ["Of 7 lanes: 2 not judged."]);
}

#[tokio::test]
async fn a_failure_tells_why_what_to_do_and_what_outlook_shows() {
    let probe = mixed();
    probe.all(|_| lost());
    let html = probe.html();
    let row = Reason::SessionLost.row();
    for part in [row.meaning, row.advice, "0x800CCC0F", "the connection was dropped", "session_lost"] {
        assert!(html.contains(&maud::html! { (part) }.0), "{part}");
    }
}

#[tokio::test]
async fn a_servers_words_are_text_and_nothing_else() {
    let probe = mixed();
    probe.all(|_| lost());
    let html = probe.html();
    assert!(html.contains("&lt;b&gt;bye&lt;/b&gt;"));
    assert!(!html.contains("<b>bye") && !html.contains("<script>hello"));
}

#[tokio::test]
async fn ids_are_unique_links_lead_somewhere_and_nothing_is_styled_in_place() {
    let probe = mixed();
    probe.all(|lane| if lane.protocol == Imap { lost() } else { Verdict::Good });
    let html = probe.html();
    let mut ids = BTreeSet::new();
    for part in html.split(" id=\"").skip(1) {
        let id = part.split('"').next().unwrap();
        assert!(ids.insert(id), "{id} stands twice");
        assert!(!id.contains(' '), "{id}");
    }
    for part in html.split("href=\"#").skip(1) {
        let id = part.split('"').next().unwrap();
        assert!(id.starts_with("i-") || ids.contains(id), "{id} is nowhere");
    }
    assert!(!html.contains(" style=") && !html.contains(" onclick="));
}

#[tokio::test]
async fn no_data_looks_neither_good_nor_bad() {
    let probe = mixed();
    let waiting = probe.html();
    assert!(waiting.contains("not judged yet") && !waiting.contains("class=\"state good"));
    assert!(!waiting.contains("class=\"state failing"));
}

#[tokio::test]
async fn many_good_checks_fold_their_lanes() {
    let probe = mixed();
    probe.all(|lane| if &*lane.check == "in" { lost() } else { Verdict::Good });
    let checks = probe.overview().checks;
    let folded: Vec<_> = checks.iter().map(|one| whole(one, MANY + 1, &super::Shown::default())).collect();
    assert_eq!(folded, [false, true, false]);
}

#[test]
fn anchors_of_different_names_differ() {
    assert_eq!(anchor("login-alice"), "check-login-alice");
    assert_ne!(anchor("a b"), anchor("a_b"));
    assert_ne!(anchor("a b"), anchor("a.b"));
}

#[test]
fn numbers_are_short() {
    assert_eq!((ms(0.42), ms(12.4), ms(1234.0)), ("0.4 ms".into(), "12 ms".into(), "1,234 ms".into()));
}

#[test]
fn the_policy_allows_nothing_inline_but_what_is_ours() {
    let policy = policy();
    let policy = policy.to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}
