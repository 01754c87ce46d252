//! The page, kept up: its parts are sent again when they change, at most four times a second.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Query, State as From};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use maud::Markup;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::parts::Ages;
use super::summary::{self, Sentence};
use super::{Shown, anchor, around, check, extra, layout, title, whole};
use crate::clock;
use crate::export::state::Stamp;
use crate::serve::routes::Serving;

/// Between two looks.
const PACE: Duration = Duration::from_millis(250);

/// Without any event, time alone changes what is shown; and the reader wants to know that we are there.
const IDLE: Duration = Duration::from_secs(5);

/// Readers at once: each holds a connection for as long as it looks.
const READERS: usize = 64;

static READING: AtomicUsize = AtomicUsize::new(0);

/// One of the readers, while it reads.
struct Seat;

impl Seat {
    fn take() -> Option<Self> {
        let taken = READING
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| (now < READERS).then_some(now + 1));
        taken.is_ok().then_some(Self)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        READING.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What one reader has been sent.
struct Reader {
    serving: Serving,
    shown: Shown,
    changes: watch::Receiver<u64>,
    sent: HashMap<String, u64>,
    marks: HashMap<Arc<str>, u64>,
    next: Instant,
    waiting: std::vec::IntoIter<Event>,
    first: bool,
    _seat: Seat,
}

pub(in crate::serve) async fn events(From(serving): From<Serving>, Query(shown): Query<Shown>) -> Response {
    let Some(seat) = Seat::take() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many are looking already\n").into_response();
    };
    let mut reader = Reader {
        changes: serving.state.history.changes(),
        serving,
        shown,
        sent: HashMap::new(),
        marks: HashMap::new(),
        next: Instant::now(),
        waiting: Vec::new().into_iter(),
        first: true,
        _seat: seat,
    };
    // What the page has been made of a moment ago is sent again once: nothing can fall in between.
    reader.changes.mark_changed();
    Sse::new(stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    }))
    .into_response()
}

impl Reader {
    /// `None` when the server stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.next() {
                return Some(event);
            }
            let stop = self.serving.stop.clone();
            stop.run_until_cancelled(self.wait()).await?;
            self.next = Instant::now() + PACE;
            self.waiting = self.look().into_iter();
        }
    }

    async fn wait(&mut self) {
        sleep_until(self.next).await;
        if !self.first && timeout(IDLE, self.changes.changed()).await.is_ok_and(|changed| changed.is_err()) {
            // The history is gone: the process ends.
            sleep(IDLE).await;
        }
        self.first = false;
        self.changes.mark_unchanged();
    }

    fn look(&mut self) -> Vec<Event> {
        let state = self.serving.state.clone();
        let marks = state.history.marks();
        let now = Stamp::new(clock::wall());
        let layout = layout(marks.iter().map(|(name, _)| &**name));
        let mut out = vec![Event::default().event("layout").data(layout)];
        let ages = Ages(None);
        let mut moved = false;
        for (name, mark) in &marks {
            if self.marks.insert(name.clone(), *mark) == Some(*mark) {
                continue;
            }
            moved = true;
            if let Some(view) = state.history.check(name).filter(|_| self.shown.has(name)) {
                self.part(
                    &mut out,
                    &anchor(name),
                    &check::check(&view, whole(&view, marks.len(), &self.shown), ages),
                );
            }
        }
        if moved {
            let checks = state.history.outline();
            let sentence = Sentence::of(&checks);
            out.push(Event::default().event("title").data(title(&sentence, &state.plan.load().site)));
            self.part(&mut out, "say", &sentence.html());
            self.part(&mut out, "glance", &summary::glance(&checks));
        }
        let around = state.history.surroundings();
        self.part(&mut out, "sessions", &around::sessions(&around, ages));
        self.part(&mut out, "probe", &around::probe(&around, ages));
        if state.extra.is_some() {
            self.part(&mut out, "extra", &extra(&state));
        }
        out.push(Event::default().event("now").data(now.to_string()));
        out
    }

    /// Sends a part if it is another than the one sent before.
    fn part(&mut self, out: &mut Vec<Event>, id: &str, html: &Markup) {
        let mut hasher = DefaultHasher::new();
        html.0.hash(&mut hasher);
        let hash = hasher.finish();
        if self.sent.insert(id.to_owned(), hash) != Some(hash) {
            let data = json!({ "id": id, "html": html.0 }).to_string();
            out.push(Event::default().event("part").data(data));
        }
    }
}
