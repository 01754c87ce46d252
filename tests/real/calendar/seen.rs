//! What a calendar shows; faults are panics, unless a method begins with `try_`.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use mailprobe::outcome::Fault;
use mailprobe::protocol::calendar::{Answer, Draft, Entry, EntryId, Notice, Written};

use crate::client::{Client, MARK};

impl Client {
    pub async fn list(&mut self, span: Range<SystemTime>) -> Vec<Entry> {
        let zone = self.zone;
        let (calendar, rec) = self.calendar();
        calendar.list(span, zone, MARK, rec).await.unwrap_or_else(|fault| panic!("{fault}"))
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
        let (calendar, rec) = self.calendar();
        calendar.update(id, draft, rec).await
    }

    pub async fn try_answer(&mut self, id: &EntryId, answer: Answer) -> Result<Written, Fault> {
        let (calendar, rec) = self.calendar();
        calendar.answer(id, answer, rec).await
    }

    pub async fn notices(&mut self) -> Vec<Notice> {
        let (calendar, rec) = self.calendar();
        calendar.notices(MARK, rec).await.unwrap_or_else(|fault| panic!("{fault}"))
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
