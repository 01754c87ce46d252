//! One check: its lanes, why they fail, where the time goes, and what was before.

use maud::{Markup, html};

use super::anchor;
use super::parts::{Ages, count, ms, pill};
use crate::export::state::{BooksView, CheckView, FailureView, LaneView, RunView, State};

/// Bars of the newest runs.
const COLUMNS: usize = 20;

/// A check; `whole`: with what stands behind it.
pub(super) fn check(view: &CheckView, whole: bool, ages: Ages) -> Markup {
    let id = anchor(&view.name);
    let failing = view.state.is_failure();
    html! {
        details #(id) .check.card.is-failing[failing] data-open=(failing) open[failing] {
            summary #{ (id) "-s" } {
                (pill(view.state))
                h3 { (view.name) }
                span.mean { (mean(view)) }
                @if let Some(at) = view.lanes.iter().filter_map(|lane| lane.last_run).max() {
                    span.when { "last run " (ages.of(at)) }
                }
            }
            @if whole {
                @for (at, lane) in view.lanes.iter().enumerate() {
                    @let open = view.state == State::Good || lane.state == view.state;
                    (self::lane(lane, &format!("{id}-{at}"), open, ages))
                }
            } @else {
                p.lane { a href={ "?check=" (urlencode(&view.name)) } { "Show this check alone, with its lanes" } }
            }
        }
    }
}

/// A name in a query: what is not plain is written as bytes.
fn urlencode(name: &str) -> String {
    name.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// The check in a few words: what fails of it, or what it does.
fn mean(view: &CheckView) -> String {
    let not_good: Vec<_> = view.lanes.iter().filter(|lane| lane.state == view.state).collect();
    let mut about: Vec<_> = not_good.iter().map(|lane| lane.about()).collect();
    about.dedup();
    match view.state {
        State::Good => format!("{}, {}", view.kind.replace('_', " "), count(view.lanes.len(), "lane")),
        State::Failing | State::Paused => {
            let reason =
                not_good.iter().find_map(|lane| lane.failure.as_ref()).map(|failure| failure.reason.clone());
            format!("{} ({})", about.join(", "), reason.unwrap_or_default())
        }
        _ => about.join(", "),
    }
}

/// `open`: what needs no look is folded.
fn lane(lane: &LaneView, id: &str, open: bool, ages: Ages) -> Markup {
    html! {
        details #(id) .lane data-open=(open) open[open] {
            summary #{ (id) "-s" } {
                h4 { (capital(&lane.about())) }
                (pill(lane.state))
                span.soft { (place(lane)) }
                @if let Some(run) = lane.runs.first() { span.took.num.soft { (ms(run.duration_ms)) } }
            }
            p.facts { (standing(lane, ages)) }
            (why(lane, ages))
            @if let Some(run) = lane.runs.first() {
                div.pair {
                    (waterfall(run))
                    (runs(&lane.runs))
                }
            }
            @if let Some(books) = &lane.books { (self::books(books, ages)) }
            @if !lane.failures.is_empty() { (failures(lane, id, ages)) }
            @if !lane.facts.is_empty() { (facts(lane, id)) }
        }
    }
}

fn facts(lane: &LaneView, id: &str) -> Markup {
    html! {
        details.more #{ (id) "-f" } {
            summary #{ (id) "-fs" } { "What the newest run learnt" }
            table.list.facts-of { caption.hide { "Facts of the newest run" } tbody {
                @for (name, value) in &lane.facts {
                    tr { th scope="row" { (name.replace('_', " ")) } td.mono { (value) } }
                }
            } }
        }
    }
}

fn place(lane: &LaneView) -> String {
    let mut text = if lane.mailbox.is_empty() {
        lane.mail_service.clone()
    } else {
        format!("{} at {}", lane.mailbox, lane.mail_service)
    };
    if lane.role == "view" && !lane.send.is_empty() {
        text.push_str(&format!(", sent over {}", lane.send.to_uppercase()));
        if lane.peer_mail_service != lane.mail_service {
            text.push_str(&format!(" from {}", lane.peer_mail_service));
        }
    }
    text
}

/// Since when, how often, when last: one line.
fn standing(lane: &LaneView, ages: Ages) -> Markup {
    html! {
        @if let Some(since) = lane.since { (capital(lane.state.words())) " since " (ages.full(since)) ". " }
        @if lane.consecutive_failures > 1 { (lane.consecutive_failures) " failures in a row. " }
        @if lane.state != State::Good { @if let Some(at) = lane.last_success {
            "Last good run " (ages.of(at)) ". "
        } @else if lane.last_run.is_some() { "No good run since the start. " } }
        "Every " (lane.interval_seconds) " s."
    }
}

fn why(lane: &LaneView, ages: Ages) -> Markup {
    if let Some(failure) = &lane.failure {
        return failing(lane, failure, ages);
    }
    let text = match (lane.state, lane.why.as_deref()) {
        (State::Resting, _) => "The server asked to be left alone; the probe obeys.",
        (State::NotJudged, Some("unjudged")) => {
            "The view is well, but nothing was sent to it, or nobody knows whether it was: see the sending lane."
        }
        (State::NotJudged, Some("limited")) => "A configured limit is used up: nothing is sent beyond it.",
        (State::NotJudged, _) => "The newest slot came to no judgement.",
        (State::Stale, _) => {
            "There is no result for too long: what was known before is not shown as if it were fresh."
        }
        (State::Waiting, _) => "The first run is yet to come; slots are spread over the interval.",
        _ => return html! {},
    };
    html! {
        div.why.hold { p {
            (text)
            @if let Some(until) = lane.until { " Until " (ages.full(until)) "." }
        } }
    }
}

fn failing(lane: &LaneView, failure: &FailureView, ages: Ages) -> Markup {
    html! {
        div.why {
            p { b { (lane.meaning.as_deref().unwrap_or("It failed.")) } }
            dl {
                @if let Some(advice) = &lane.advice { dt { "What to do" } dd { (advice) } }
                @if let Some(until) = lane.until { dt { "Tried again" } dd { (ages.full(until)) } }
                @if let Some(code) = &failure.outlook_code {
                    dt { "Outlook shows" }
                    dd { code { (code) } @if let Some(meaning) = &failure.outlook_meaning { ": " (meaning) } }
                }
                @if !failure.server_code.is_empty() || !failure.server_text.is_empty() {
                    dt { "It said" }
                    dd.said { (failure.server_code) " " (failure.server_text) }
                }
                dt { "Reason" }
                dd {
                    code { (failure.reason) }
                    @if !failure.step.is_empty() { " at step " code { (failure.step) } }
                    ", cause " code { (failure.cause) }
                }
            }
        }
    }
}

/// The steps as a table: the bars are for the eye, the numbers for everybody.
fn waterfall(run: &RunView) -> Markup {
    let total: f64 = run.steps.iter().map(|step| step.ms).sum::<f64>().max(0.001);
    let mut before = 0.0;
    let rows: Vec<_> = run
        .steps
        .iter()
        .map(|step| {
            let from = before / total * 100.0;
            before += step.ms;
            let wide = (step.ms / total * 100.0).max(0.7);
            let bad = run.failure.as_ref().is_some_and(|failure| failure.step == step.step);
            (step, from.min(100.0 - wide), wide, bad)
        })
        .collect();
    html! {
        table.falls {
            caption { "Steps of the newest run, " span.num { (run.at.clock()) } " UTC" }
            tbody { @for (step, from, wide, bad) in rows {
                tr.bad[bad] {
                    th scope="row" { (step.step) @if bad { " ✗" span.hide { " failed" } } }
                    td { svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                        rect.track x="0" y="3.5" width="100" height="1" {}
                        rect x=(format!("{from:.2}")) y="0.5" width=(format!("{wide:.2}")) height="7" {}
                    } }
                    td.ms.num { (ms(step.ms)) }
                }
            } }
            tfoot { tr { th scope="row" { "in all" } td {} td.ms.num { (ms(run.duration_ms)) } } }
        }
    }
}

/// The newest runs as columns, the newest at the right; failed ones are crossed.
fn runs(runs: &[RunView]) -> Markup {
    let shown: Vec<_> = runs.iter().take(COLUMNS).rev().collect();
    let most = shown.iter().map(|run| run.duration_ms).fold(1.0, f64::max);
    let failed = shown.iter().filter(|run| run.failure.is_some()).count();
    let mut sorted: Vec<_> = shown.iter().map(|run| run.duration_ms).collect();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    html! {
        div.runs {
            p.sub { "The last " (count(shown.len(), "run")) }
            svg viewBox={ "0 0 " (COLUMNS * 10) " 50" } preserveAspectRatio="none" aria-hidden="true" {
                @for (at, run) in shown.iter().enumerate() {
                    @let x = (COLUMNS - shown.len() + at) * 10;
                    @let high = (run.duration_ms / most * 36.0).max(1.5);
                    @let bad = run.failure.is_some();
                    rect.ok[!bad].bad[bad] x=(x + 2) y=(format!("{:.1}", 48.0 - high)) width="6" height=(format!("{high:.1}")) {
                        title { (run.at.clock()) " UTC: " (if bad { "failed" } else { "good" }) ", " (ms(run.duration_ms)) }
                    }
                    @if bad {
                        path.cross d={ "M" (x + 2) " " (format!("{:.1}", 43.0 - high - 6.0)) "l6 6m0 -6l-6 6" } {}
                    }
                }
            }
            p { (shown.len() - failed) " good, " (failed) " failed; the middle one took " span.num { (ms(median)) } "." }
        }
    }
}

fn books(books: &BooksView, ages: Ages) -> Markup {
    // What is wrong when it is not zero comes hot.
    let rows = [
        ("expected", books.expected, false),
        ("received", books.received, false),
        ("in flight", books.in_flight, false),
        ("late", books.late, true),
        ("lost", books.lost, true),
        ("bounced", books.bounced, true),
        ("duplicated", books.duplicated, true),
        ("corrupted", books.corrupted, true),
        ("junked", books.junked, true),
        ("resurfaced", books.resurfaced, true),
        ("abandoned", books.abandoned, false),
    ];
    html! {
        div.under {
            p.sub { "Messages since the start" }
            dl.books { @for (name, number, warm) in rows {
                div.hot[warm && number > 0].zero[number == 0] { dt { (name) } dd { (number) } }
            } }
            @if let Some(oldest) = books.oldest.filter(|_| books.in_flight > 0) {
                p.facts { "The oldest in flight was accepted " (ages.of(oldest)) "." }
            }
        }
    }
}

fn failures(lane: &LaneView, id: &str, ages: Ages) -> Markup {
    html! {
        details.more #{ (id) "-x" } {
            summary #{ (id) "-xs" } { "The last " (count(lane.failures.len(), "failure")) }
            table.list {
                caption.hide { "The last failures, the newest first" }
                thead { tr { th scope="col" { "When" } th scope="col" { "Why" } th scope="col" { "It said" } } }
                tbody { @for run in &lane.failures { (failed_run(run, ages)) } }
            }
        }
    }
}

fn failed_run(run: &RunView, ages: Ages) -> Markup {
    let Some(failure) = &run.failure else { return html! {} };
    html! { tr {
        td { (ages.full(run.at)) }
        td {
            code { (failure.reason) }
            @if !failure.step.is_empty() { " at " (failure.step) }
            " after " span.num { (ms(run.duration_ms)) }
        }
        td.said { (failure.server_code) " " (failure.server_text) }
    } }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}
