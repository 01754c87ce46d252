//! Users of the servers; faults are panics, unless a method begins with `try_`.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use mailprobe::outcome::{Fault, Recorder};
use mailprobe::protocol::Session as _;
use mailprobe::protocol::caldav::Caldav;
use mailprobe::protocol::calendar::{Calendar as _, Draft, Entry, EntryId, Written};
use mailprobe_tests::{Calendars, PASSWORD};

use crate::client::{Client, MARK, opened};

/// A user of a server.
pub struct User<'a> {
    pub server: &'a Calendars,
    /// As it signs in.
    pub name: &'a str,
    pub address: &'a str,
    pub path: &'a str,
}

impl User<'_> {
    pub async fn try_open(&self, password: &str) -> Result<Box<Caldav>, Fault> {
        let url = self.server.url(self.path);
        opened(&url, Some(self.server.authority()), self.name, self.address, password).await
    }

    pub async fn open(&self) -> Client {
        let session = self.try_open(PASSWORD).await.unwrap_or_else(|fault| panic!("{fault}"));
        Client { session, zone: "Europe/Lisbon", rec: Recorder::default() }
    }
}

impl Client {
    pub async fn list(&mut self, span: Range<SystemTime>) -> Vec<Entry> {
        let calendar = self.session.calendar().expect("a calendar");
        calendar.list(span, self.zone, MARK, &self.rec).await.unwrap_or_else(|fault| panic!("{fault}"))
    }

    pub async fn only(&mut self, draft: &Draft) -> Entry {
        let found = self.list(around(draft)).await;
        let [entry] = found.as_slice() else { panic!("{} entries: {found:?}", found.len()) };
        entry.clone()
    }

    pub async fn create(&mut self, draft: &Draft) {
        accepted(self.try_create(draft).await);
    }

    pub async fn try_update(&mut self, id: &EntryId, draft: &Draft) -> Result<Written, Fault> {
        self.session.update(id, draft, &self.rec).await
    }
}

pub fn accepted(written: Result<Written, Fault>) {
    match written {
        Ok(Written::Accepted(_)) => {}
        other => panic!("{other:?}"),
    }
}

/// The entry is what the draft says.
pub fn is(entry: &Entry, draft: &Draft) {
    assert_eq!(entry.spans, draft.spans().expect("times"), "{draft:?}");
    let shown =
        (entry.uid.as_str(), entry.subject.as_str(), entry.place.as_str(), entry.status, entry.cancelled);
    assert_eq!(shown, (&*draft.uid, &*draft.subject, &*draft.place, draft.status, false));
}

pub fn around(draft: &Draft) -> Range<SystemTime> {
    let spans = draft.spans().expect("times");
    let day = Duration::from_secs(86_400);
    spans[0].start - day..spans[spans.len() - 1].end + day
}
