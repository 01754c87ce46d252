//! Small parts: signs, states, times.

use maud::{Markup, PreEscaped, html};

use crate::export::state::{Stamp, State};

/// Signs, drawn once and used by name; each state has a shape of its own, so that colour is never alone.
pub(super) const SIGNS: PreEscaped<&str> = PreEscaped(concat!(
    r#"<svg class="hide" aria-hidden="true"><defs>"#,
    r#"<symbol id="i-good" viewBox="0 0 24 24"><circle cx="12" cy="12" r="10"/><path d="M7.5 12.5l3 3 6-6.5"/></symbol>"#,
    r#"<symbol id="i-failing" viewBox="0 0 24 24"><path d="M8 2h8l6 6v8l-6 6H8l-6-6V8z"/><path d="M9 9l6 6m0-6l-6 6"/></symbol>"#,
    r#"<symbol id="i-paused" viewBox="0 0 24 24"><path d="M8 2h8l6 6v8l-6 6H8l-6-6V8z"/><path d="M9.5 8.5v7m5-7v7"/></symbol>"#,
    r#"<symbol id="i-resting" viewBox="0 0 24 24"><path d="M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.500 10.500z"/></symbol>"#,
    r#"<symbol id="i-stale" viewBox="0 0 24 24"><path d="M12 2l10 10-10 10L2 12z"/><path d="M9.8 9.500a2.300 2.300 0 1 1 3 2.200c-.5.2-.8.5-.8 1.300m0 3v.01"/></symbol>"#,
    r#"<symbol id="i-not_judged" viewBox="0 0 24 24"><circle cx="12" cy="12" r="10"/><path d="M7.500 12h9"/></symbol>"#,
    r#"<symbol id="i-waiting" viewBox="0 0 24 24"><circle cx="12" cy="12" r="10" stroke-dasharray="3.500 3.500"/><path d="M12 7v5l3 2"/></symbol>"#,
    r#"<symbol id="i-logo" viewBox="0 0 24 24"><rect x="2" y="5" width="20" height="14" rx="2"/><path d="M2 13h5l2-4 3 7 2.500-5 1.500 2h6"/></symbol>"#,
    r#"</defs></svg>"#,
));

/// The word that stands for a state in classes and signs; the API's.
pub(super) fn class(state: State) -> &'static str {
    match state {
        State::Good => "good",
        State::Failing => "failing",
        State::Paused => "paused",
        State::Stale => "stale",
        State::NotJudged => "not_judged",
        State::Resting => "resting",
        State::Waiting => "waiting",
    }
}

pub(super) fn sign(state: State) -> Markup {
    html! { svg.icon aria-hidden="true" { use href={ "#i-" (class(state)) } {} } }
}

/// Sign and word.
pub(super) fn pill(state: State) -> Markup {
    html! { span.state.(class(state)) { (sign(state)) (state.words()) } }
}

/// How it is written out: with "x s ago", unless the reader's browser counts that itself.
#[derive(Clone, Copy)]
pub(super) struct Ages(pub Option<Stamp>);

impl Ages {
    /// `12 s ago`, `in 3 min`.
    pub(super) fn of(self, at: Stamp) -> Markup {
        let text = self.0.map(|now| {
            if at <= now {
                format!("{} ago", span(at.age(now).as_secs()))
            } else {
                format!("in {}", span(now.age(at).as_secs()))
            }
        });
        html! { span.num data-at=(at) { (text.unwrap_or_default()) } }
    }

    /// `11-22 01:56:27 UTC, 12 s ago`.
    pub(super) fn full(self, at: Stamp) -> Markup {
        html! { time.num datetime=(at) { (at.readable()) } ", " (self.of(at)) }
    }
}

/// As the page's own script writes it.
fn span(seconds: u64) -> String {
    match seconds {
        0..90 => format!("{seconds} s"),
        90..5400 => format!("{} min", (seconds + 30) / 60),
        5400..129_600 => format!("{} h", (seconds + 1800) / 3600),
        _ => format!("{} d", (seconds + 43_200) / 86_400),
    }
}

/// `210 ms`, `0.4 ms`, `1,234 ms`.
pub(super) fn ms(ms: f64) -> String {
    if ms < 10.0 {
        return format!("{ms:.1} ms");
    }
    let text = format!("{ms:.0}");
    let mut out = String::new();
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && (text.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + " ms"
}

/// `1 check`, `2 checks`.
pub(super) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}
