//! The status page: what is wrong, why, and what to do; for a person who was just woken up.
//!
//! Works without scripts by reloading itself, is live with them; loads nothing from anywhere. Colour never stands alone.

mod around;
mod check;
mod live;
mod parts;
mod summary;
#[cfg(test)]
mod tests;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

use axum::extract::{Query, State as From};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::State;
use super::routes::Serving;
use crate::export::state::{CheckView, Overview};
use parts::{Ages, SIGNS};
use summary::Sentence;

pub(super) use live::events;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/page.js");

/// With more checks than that, good ones show their lanes on a page of their own.
const MANY: usize = 60;

/// What the page may load: its own style and script, known by their content, and its own events.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
         img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

pub(super) fn policy() -> HeaderValue {
    POLICY.clone()
}

/// What is shown.
#[derive(Clone, Default, Deserialize)]
pub(super) struct Shown {
    /// One check alone.
    check: Option<String>,
}

pub(super) async fn page(From(serving): From<Serving>, Query(shown): Query<Shown>) -> Response {
    let overview = serving.state.history.snapshot();
    if shown.check.as_ref().is_some_and(|name| !overview.checks.iter().any(|check| check.name == *name)) {
        return (StatusCode::NOT_FOUND, "no check of this name\n").into_response();
    }
    Html(document(&serving.state, &overview, &shown).into_string()).into_response()
}

fn document(state: &State, of: &Overview, shown: &Shown) -> Markup {
    let ages = Ages(Some(of.at));
    let sentence = Sentence::of(&of.checks);
    let mut checks: Vec<_> = of.checks.iter().filter(|check| shown.has(&check.name)).collect();
    checks.sort_by_key(|check| check.state);
    let layout = layout(of.checks.iter().map(|check| &*check.name));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title(&sentence, &of.site)) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
                noscript { meta http-equiv="refresh" content="15"; }
            }
            body data-now=(of.at) data-layout=(layout) {
                (SIGNS)
                a.skip href="#checks" { "Skip to the checks" }
                (top(of))
                main.wrap {
                    (sentence.html())
                    @if state.extra.is_some() { (extra(state)) }
                    (summary::glance(&of.checks))
                    section #checks aria-labelledby="checks-title" {
                        h2 #checks-title { "Checks" }
                        @if shown.check.is_some() { p.facts { a href="/" { "Show all checks" } } }
                        @for one in checks { (check::check(one, whole(one, of.checks.len(), shown), ages)) }
                    }
                    (around::sessions(of, ages))
                    (around::probe(of, ages))
                    footer {
                        "Times are UTC. The same for programs: " a href="/api/v1/checks" { "/api/v1/checks" } ", "
                        a href="/metrics" { "/metrics" } "."
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn top(of: &Overview) -> Markup {
    html! {
        header.top { div.wrap {
            svg.icon.logo aria-hidden="true" { use href="#i-logo" {} }
            h1 { (of.site) " " span { "mailprobe" } }
            p.live #live role="status" { i aria-hidden="true" {} span { "as of " (of.at.readable()) } }
        } }
    }
}

/// What `demo` adds.
fn extra(state: &State) -> Markup {
    let content = state.extra.as_ref().map(|extra| (extra.html)()).unwrap_or_default();
    html! { section #extra .extra.card aria-label="Demo" { (PreEscaped(content)) } }
}

fn title(sentence: &Sentence, site: &str) -> String {
    format!("{} · {site} · mailprobe", sentence.main)
}

/// Whether a check's lanes are on this page.
fn whole(check: &CheckView, checks: usize, shown: &Shown) -> bool {
    shown.check.is_some() || checks <= MANY || check.state != crate::export::state::State::Good
}

/// Changes when the page has other parts than before: it is loaded anew then.
fn layout<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut hasher = DefaultHasher::new();
    names.for_each(|name| name.hash(&mut hasher));
    format!("{:x}", hasher.finish())
}

/// The id of a check's part.
fn anchor(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    if plain == name {
        return format!("check-{plain}");
    }
    // Two names may look alike once they are plain.
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    format!("check-{plain}-{:x}", hasher.finish())
}

impl Shown {
    fn has(&self, name: &str) -> bool {
        self.check.as_ref().is_none_or(|only| only == name)
    }
}
