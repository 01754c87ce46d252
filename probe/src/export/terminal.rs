//! Lanes on a terminal: what each stands at, and the steps of its newest run as a waterfall.
//!
//! Colour only says again what a word and a sign say already; piped, it is plain text without bars.

use std::fmt::Write as _;

use super::state::{CheckView, LaneView, RunView, State};

/// How it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// With bars and indents, for somebody who looks; else a line per fact, for a pipe.
    pub drawn: bool,
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

impl Style {
    /// For a pipe or a file.
    pub const PLAIN: Self = Self { drawn: false, colour: false, width: 100 };
}

const STEP: usize = 10;
const MS: usize = 12;

/// All checks, each with its lanes.
pub fn draw(checks: &[CheckView], style: Style) -> String {
    let mut out = String::new();
    for check in checks {
        let state = paint(check.state, style, &words(check.state));
        writeln!(out, "{state}  {} ({})", check.name, check.kind).ok();
        for lane in &check.lanes {
            lane_lines(&mut out, lane, style);
        }
    }
    out
}

/// Lanes by themselves, as a run left them.
pub fn draw_lanes(lanes: &[LaneView], style: Style) -> String {
    let mut out = String::new();
    for lane in lanes {
        lane_lines(&mut out, lane, style);
    }
    out
}

fn lane_lines(out: &mut String, lane: &LaneView, style: Style) {
    let mut place = lane.mail_service.clone();
    if !lane.mailbox.is_empty() {
        write!(place, "/{}", lane.mailbox).ok();
    }
    let took = lane.runs.first().map_or(String::new(), |run| format!("  {} ms", ms(run.duration_ms)));
    let state = paint(lane.state, style, &words(lane.state));
    writeln!(out, "  {state}  {}  {place}{took}", lane.about()).ok();
    for line in details(lane) {
        writeln!(out, "      {line}").ok();
    }
    if let Some(run) = lane.runs.first() {
        waterfall(out, run, style);
    }
}

/// Why it stands so, in sentences.
fn details(lane: &LaneView) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(failure) = &lane.failure {
        let at = if failure.step.is_empty() { String::new() } else { format!(" at {}", failure.step) };
        lines.push(format!("{}{at} ({})", failure.reason, failure.cause));
        lines.extend(lane.meaning.iter().map(|text| text.to_string()));
        lines.extend(lane.advice.iter().map(|text| format!("what to do: {text}")));
        if let Some(code) = &failure.outlook_code {
            let meaning = failure.outlook_meaning.as_deref().unwrap_or_default();
            lines.push(format!("Outlook shows: {code} {meaning}"));
        }
        let said = format!("{} {}", failure.server_code, failure.server_text);
        if !said.trim().is_empty() {
            lines.push(format!("it said: {}", said.trim()));
        }
    }
    if lane.consecutive_failures > 1 {
        lines.push(format!("{} failures in a row", lane.consecutive_failures));
    }
    if let Some(why) = &lane.why {
        lines.push(format!("why: {why}"));
    }
    if let Some(until) = lane.until {
        lines.push(format!("until {}", until.readable()));
    }
    lines
}

fn waterfall(out: &mut String, run: &RunView, style: Style) {
    if !style.drawn {
        let steps: Vec<_> =
            run.steps.iter().map(|step| format!("{} {} ms", step.step, ms(step.ms))).collect();
        if !steps.is_empty() {
            writeln!(out, "      steps: {}", steps.join(", ")).ok();
        }
        return;
    }
    let total: f64 = run.steps.iter().map(|step| step.ms).sum();
    let room = style.width.saturating_sub(6 + STEP + MS + 2).clamp(10, 60);
    let column = |ms: f64| if total > 0.0 { (ms / total * room as f64).round() as usize } else { 0 };
    let mut before = 0.0;
    for step in &run.steps {
        let from = column(before).min(room.saturating_sub(1));
        let to = column(before + step.ms).clamp(from + 1, room);
        before += step.ms;
        let bar = format!("{}{}", " ".repeat(from), "█".repeat(to - from));
        let failed = run.failure.as_ref().is_some_and(|failure| failure.step == step.step);
        let (bar, mark) = match (failed, style.colour) {
            (true, true) => (format!("\x1b[31m{bar}\x1b[0m"), "  ✗"),
            (true, false) => (bar, "  ✗"),
            (false, true) => (format!("\x1b[36m{bar}\x1b[0m"), ""),
            (false, false) => (bar, ""),
        };
        writeln!(out, "      {:<STEP$}{:>9} ms {bar}{mark}", step.step, ms(step.ms)).ok();
    }
}

fn words(state: State) -> String {
    let sign = match state {
        State::Good => '✓',
        State::Failing => '✗',
        State::Paused => 'Ⅱ',
        State::Stale => '?',
        State::NotJudged | State::Resting | State::Waiting => '–',
    };
    format!("{sign} {:<14}", state.words())
}

fn paint(state: State, style: Style, text: &str) -> String {
    if !style.colour {
        return text.to_owned();
    }
    let colour = match state {
        State::Good => 32,
        State::Failing | State::Paused => 31,
        _ => 33,
    };
    format!("\x1b[{colour}m{text}\x1b[0m")
}

/// Short, and still telling below a millisecond.
fn ms(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Protocol, Reason, Step};
    use crate::clock;
    use crate::config::lanes::lanes;
    use crate::export::fixture::login;
    use crate::outcome::{Fault, Report, Verdict};
    use std::time::Duration;

    fn lane(verdict: Verdict) -> LaneView {
        LaneView::of_report(&Report {
            lane: lanes(&login("in", "alice", &[Protocol::Imap]))[0].clone(),
            slot: 1,
            at: clock::wall(),
            took: Duration::from_millis(100),
            steps: vec![
                (Step::Connect, Duration::from_millis(25)),
                (Step::Auth, Duration::from_micros(75_400)),
            ],
            facts: Vec::new(),
            verdict,
        })
    }

    #[test]
    fn a_failure_is_told_in_words_and_drawn_to_scale() {
        let fault = Fault::new(Reason::CredentialsRejected, "LOGIN failed").coded("NO").at(Step::Auth);
        let style = Style { drawn: true, colour: false, width: 70 };
        let text = draw_lanes(&[lane(Verdict::Failed(fault))], style);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "  ✗ failing         signing in over IMAP  hq/alice  100 ms");
        assert_eq!(lines[1], "      credentials_rejected at auth (authentication)");
        assert!(text.contains("Outlook shows: 0x800CCC92 the user name or the password was refused"));
        assert!(text.contains("it said: NO LOGIN failed"));
        assert_eq!(lines[lines.len() - 2], format!("      connect          25 ms {}", "█".repeat(10)));
        let auth = format!("      auth             75 ms {}{}  ✗", " ".repeat(10), "█".repeat(30));
        assert_eq!(lines[lines.len() - 1], auth);
    }

    #[test]
    fn a_pipe_gets_neither_bars_nor_colours() {
        let text = draw_lanes(&[lane(Verdict::Good)], Style::PLAIN);
        assert!(text.contains("steps: connect 25 ms, auth 75 ms") && !text.contains(['█', '\x1b']), "{text}");
    }
}
