//! The first glance: one sentence for the site, and a grid of mailboxes by protocols.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::anchor;
use super::parts::{class, count, pill, sign};
use crate::export::state::{CheckView, LaneView, State};

/// The site in sentences.
pub(super) struct Sentence {
    pub state: State,
    pub main: String,
    pub more: Vec<String>,
}

impl Sentence {
    pub(super) fn of(checks: &[CheckView]) -> Self {
        let all = checks.len();
        let number = |wanted: fn(State) -> bool| checks.iter().filter(|check| wanted(check.state)).count();
        let (failing, good) = (number(State::is_failure), number(|state| state == State::Good));
        let state = checks.iter().map(|check| check.state).min().unwrap_or(State::Waiting);
        let lanes: Vec<_> = checks.iter().flat_map(|check| &check.lanes).collect();
        let main = if all == 0 {
            "No checks are configured".to_owned()
        } else if failing > 0 {
            let fails = if failing == 1 { "fails" } else { "fail" };
            let of =
                if all == 1 { "The only check".to_owned() } else { format!("{failing} of {all} checks") };
            format!("{of} {fails}: {}", what_fails(&lanes))
        } else if good == all {
            if all == 1 { "The only check is well".to_owned() } else { format!("All {all} checks are well") }
        } else if checks.iter().all(|check| check.state == State::Waiting) {
            "Nothing is judged yet".to_owned()
        } else {
            let others = all - good;
            let are = if others == 1 { "is" } else { "are" };
            format!("{good} of {} well; {others} {are} not judged", count(all, "check"))
        };
        Self { state, main, more: more(&lanes, failing > 0) }
    }

    pub(super) fn html(&self) -> Markup {
        html! {
            div #say .say.card.(class(self.state)) role="status" aria-live="polite" aria-atomic="true" {
                (sign(self.state))
                div {
                    strong { (self.main) "." }
                    @for line in &self.more { p { (line) } }
                }
            }
        }
    }
}

/// What people cannot do: `receiving over IMAP, signing in over IMAP`.
fn what_fails(lanes: &[&LaneView]) -> String {
    const SHOWN: usize = 4;
    let mut about = Vec::new();
    for lane in lanes.iter().filter(|lane| lane.state.is_failure()) {
        let text = lane.about();
        if !about.contains(&text) {
            about.push(text);
        }
    }
    let more = about.len().saturating_sub(SHOWN);
    about.truncate(SHOWN);
    if more > 0 { format!("{} and {more} more", about.join(", ")) } else { about.join(", ") }
}

fn more(lanes: &[&LaneView], failing: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let protocols = |wanted: &dyn Fn(State) -> bool| -> BTreeSet<&str> {
        lanes.iter().filter(|lane| wanted(lane.state)).map(|lane| &*lane.protocol).collect()
    };
    let (well, ill) = (protocols(&|state| state == State::Good), protocols(&State::is_failure));
    if failing {
        let names =
            |set: BTreeSet<&str>| set.into_iter().map(str::to_uppercase).collect::<Vec<_>>().join(", ");
        let whole: BTreeSet<_> = well.difference(&ill).copied().collect();
        let partly: BTreeSet<_> = well.intersection(&ill).copied().collect();
        if !whole.is_empty() {
            lines.push(format!("Still working: {}.", names(whole)));
        } else if partly.is_empty() {
            lines.push("Nothing is known to work.".to_owned());
        }
        if !partly.is_empty() {
            lines.push(format!("Partly working: {}.", names(partly)));
        }
        let causes: BTreeSet<_> =
            lanes.iter().filter_map(|lane| lane.failure.as_ref()).map(|failure| &*failure.cause).collect();
        if causes.len() == 1 {
            lines.push(format!(
                "Every failure points at: {}.",
                causes.into_iter().collect::<Vec<_>>().join(", ")
            ));
        }
    }
    let mut silent: BTreeMap<State, usize> = BTreeMap::new();
    for lane in lanes.iter().filter(|lane| lane.state != State::Good && lane.state != State::Failing) {
        *silent.entry(lane.state).or_default() += 1;
    }
    if !silent.is_empty() && lanes.iter().any(|lane| lane.state != State::Waiting) {
        let parts: Vec<_> =
            silent.iter().map(|(state, number)| format!("{number} {}", state.words())).collect();
        lines.push(format!("Of {}: {}.", count(lanes.len(), "lane"), parts.join(", ")));
    }
    lines
}

/// Mailboxes by protocols.
pub(super) fn glance(checks: &[CheckView]) -> Markup {
    let mut rows: BTreeMap<(&str, &str), BTreeMap<&str, Vec<&LaneView>>> = BTreeMap::new();
    let mut protocols: Vec<&str> = Vec::new();
    for lane in checks.iter().flat_map(|check| &check.lanes) {
        let row = rows.entry((&lane.mail_service, &lane.mailbox)).or_default();
        row.entry(&*lane.protocol).or_default().push(lane);
        if !protocols.contains(&&*lane.protocol) {
            protocols.push(&lane.protocol);
        }
    }
    // The order of the catalogue, not of the first check.
    protocols.sort_by_key(|name| crate::catalogue::Protocol::by_name(name));
    html! {
        section #glance aria-labelledby="glance-title" {
            h2 #glance-title { "At a glance" }
            @if rows.is_empty() { p.soft { "There is nothing to show." } } @else {
                table.glance.card {
                    caption.hide { "What each mailbox can do, by protocol; the words lead to the check" }
                    thead { tr {
                        th scope="col" { "Mailbox" }
                        @for protocol in &protocols { th scope="col" { (protocol.to_uppercase()) } }
                    } }
                    tbody {
                        @for ((service, mailbox), cells) in &rows { tr {
                            th scope="row" {
                                @if mailbox.is_empty() { (service) small { "its front doors, without signing in" } }
                                @else { (mailbox) small { "at " (service) } }
                            }
                            @for protocol in &protocols { (cell(protocol, cells.get(protocol))) }
                        } }
                    }
                }
            }
        }
    }
}

fn cell(protocol: &str, lanes: Option<&Vec<&LaneView>>) -> Markup {
    // One line per thing that people do, with the worst of its lanes.
    let mut doing: Vec<(&str, &LaneView)> = Vec::new();
    for lane in lanes.into_iter().flatten() {
        let what = doing_word(lane);
        match doing.iter_mut().find(|(word, _)| *word == what) {
            Some((_, worst)) if lane.state < worst.state => *worst = lane,
            Some(_) => {}
            None => doing.push((what, lane)),
        }
    }
    html! {
        td.empty[doing.is_empty()] {
            @if !doing.is_empty() { span.label aria-hidden="true" { (protocol.to_uppercase()) } }
            div.lanes {
                @for (what, lane) in doing {
                    a #{ "g-" (anchor(&format!("{}-{}-{protocol}-{what}", lane.mailbox, lane.mail_service))) } href={ "#" (anchor(&lane.check)) } {
                        (pill(lane.state)) span.what.soft { (what) }
                    }
                }
            }
        }
    }
}

fn doing_word(lane: &LaneView) -> &'static str {
    match (&*lane.role, &*lane.kind) {
        ("send", _) => "send",
        ("write", "meeting") => "invite",
        ("view", "meeting") => "be invited",
        ("view", "calendar") => "see calendar",
        ("write", _) => "change calendar",
        ("view", _) => "receive",
        (_, "login") => "sign in",
        (_, "endpoint") => "connect",
        (_, "directory") => "look up",
        (_, "free_busy") => "see free/busy",
        (_, "autodiscover") => "discover",
        _ => "check",
    }
}
