//! What a calendar has to show, and what it means when it does not.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::SystemTime;

use jiff::Timestamp;

use super::DAY;
use crate::catalogue::Reason;
use crate::outcome::Fault;
use crate::protocol::calendar::{Answer, Draft, Entry};

/// So far around the entry is looked: one that is shifted shows all the same.
const MARGIN: u32 = 3;

/// What has to show of one entry.
pub(crate) struct Wanted<'a> {
    /// What stands in its subject.
    pub mark: &'a str,
    /// The time that is looked at.
    pub span: Range<SystemTime>,
    /// As it has to be; `None`: gone.
    pub now: Option<&'a Draft>,
    /// As it was before the change.
    pub before: Option<&'a Draft>,
    /// Who has to have accepted.
    pub accepted: Option<&'a str>,
    /// One that shows as cancelled counts as gone.
    pub or_cancelled: bool,
}

impl<'a> Wanted<'a> {
    /// Of a draft whose zone is known.
    pub(crate) fn new(mark: &'a str, now: Option<&'a Draft>, before: Option<&'a Draft>) -> Self {
        let drafts = now.iter().chain(&before);
        let spans: Vec<_> = drafts.filter_map(|draft| draft.spans().ok()).flatten().collect();
        let start = spans.iter().map(|span| span.start).min().unwrap_or(SystemTime::UNIX_EPOCH);
        let end = spans.iter().map(|span| span.end).max().unwrap_or(start);
        let span = start - DAY * MARGIN..end + DAY * MARGIN;
        Self { mark, span, now, before, accepted: None, or_cancelled: false }
    }

    /// What is wrong; `None`: it shows as it has to.
    pub(crate) fn judge(&self, entries: &[Entry]) -> Option<Fault> {
        let Some(now) = self.now else {
            let left = entries.iter().find(|entry| !(self.or_cancelled && entry.cancelled))?;
            return Some(Fault::new(
                Reason::CalendarStale,
                &format!("it still shows, {}", times(&left.spans)),
            ));
        };
        match entries {
            [] => Some(Fault::new(Reason::CalendarLost, "the calendar does not show the entry")),
            [one] => self.compare(one, now).err(),
            more => {
                let words = format!("the calendar shows the entry {} times", more.len());
                Some(Fault::new(Reason::CalendarDuplicated, &words))
            }
        }
    }

    fn compare(&self, entry: &Entry, now: &Draft) -> Result<(), Fault> {
        let wrong = |reason, words: &str| Err(Fault::new(reason, words));
        if entry.cancelled {
            return wrong(Reason::CalendarStale, "it shows as cancelled");
        }
        let spans = now.spans()?;
        if entry.spans != spans {
            let words = format!("it shows {}, and was written as {}", times(&entry.spans), times(&spans));
            let before = self.before.map(Draft::spans).transpose()?;
            let reason = match entry.spans.len().cmp(&spans.len()) {
                _ if before.as_ref() == Some(&entry.spans) => Reason::CalendarStale,
                std::cmp::Ordering::Less => Reason::CalendarLost,
                std::cmp::Ordering::Greater => Reason::CalendarDuplicated,
                std::cmp::Ordering::Equal => Reason::CalendarShifted,
            };
            return wrong(reason, &words);
        }
        if entry.place != *now.place {
            let words = format!("it shows the place {:?}, and was written with {:?}", entry.place, now.place);
            return wrong(Reason::CalendarStale, &words);
        }
        // Nobody else is invited; a server may know them by another address.
        let alone = || entry.answers.values().next().filter(|_| entry.answers.len() == 1);
        let answer = |who: &str| entry.answers.get(&who.to_lowercase()).or_else(alone);
        match self.accepted.map(|who| (who, answer(who))) {
            None | Some((_, Some(Answer::Accepted))) => Ok(()),
            Some((who, answer)) => {
                let words = format!("{who} accepted, the organizer's calendar shows {answer:?}");
                wrong(Reason::MeetingUnanswered, &words)
            }
        }
    }
}

fn times(spans: &[Range<SystemTime>]) -> String {
    let mut out = String::new();
    for span in spans.iter().take(4) {
        let [start, end] = [span.start, span.end]
            .map(|at| Timestamp::try_from(at).map_or_else(|_| "out of time".to_owned(), |at| at.to_string()));
        write!(out, "{}{start}/{end}", if out.is_empty() { "" } else { ", " }).ok();
    }
    if spans.len() > 4 {
        write!(out, " and {} more", spans.len() - 4).ok();
    }
    out
}
