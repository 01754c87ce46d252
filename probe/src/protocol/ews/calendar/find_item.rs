//! FindItem with a CalendarView (MS-OXWSSRCH, section 3.1.4.2): what takes place in a span, each occurrence of a series for
//! itself; and the entries that these are of.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::get_item::{Held, Which};
use super::{Ews, MARGIN, id_of, items, utc};
use crate::catalogue::Reason;
use crate::outcome::{Fault, Recorder};
use crate::protocol::calendar::Entry;
use crate::protocol::ews::{get_user_availability, soap};

/// How many occurrences one answer may hold.
const MOST: usize = 1000;
/// A span that holds more is asked for in two halves, and so on; so many questions and no more.
const MOST_VIEWS: usize = 64;
/// Ours within one span; more is no calendar of a probe.
const MOST_MARKED: usize = 2000;
/// A shorter span is not halved.
const SHORTEST: Duration = Duration::from_secs(60);
/// These ask for a shorter span.
const TOO_MUCH: &[&str] = &["ErrorCalendarViewRangeTooBig", "ErrorExceededFindCountLimit"];

/// An entry without repetition, or one occurrence.
struct Seen {
    id: String,
    single: bool,
    span: Range<SystemTime>,
}

/// One answer, and whether it is all.
struct View {
    seen: Vec<Seen>,
    whole: bool,
}

/// `Start` and `End` of an item.
pub(super) fn span_of(item: roxmltree::Node<'_, '_>) -> Result<Range<SystemTime>, Fault> {
    let at = |name| {
        let text = soap::word(item, name);
        let wrong = || Fault::new(Reason::ProtocolViolation, &format!("{name} is no time: {text:?}"));
        get_user_availability::time(text).ok_or_else(wrong)
    };
    Ok(at("Start")?..at("End")?)
}

impl Ews {
    pub(super) async fn entries(
        &mut self,
        span: Range<SystemTime>,
        zone: &str,
        mark: &str,
        rec: &Recorder,
    ) -> Result<Vec<Entry>, Fault> {
        let zone =
            TimeZone::get(zone).map_err(|error| Fault::new(Reason::InternalError, &error.to_string()))?;
        let wide = span.start - MARGIN..span.end + MARGIN;
        let seen = self.views(wide, mark, rec).await?;
        let which: Vec<_> = seen
            .iter()
            .map(|seen| if seen.single { Which::Itself(&seen.id) } else { Which::MasterOf(&seen.id) })
            .collect();
        let held = self.get_entries(&which, rec).await?;
        self.calendar.kinds = held.iter().flatten().map(|held| (held.entry.id.clone(), held.kind)).collect();
        let mut found: BTreeMap<String, Held> = BTreeMap::new();
        for (seen, held) in seen.into_iter().zip(held) {
            // Gone since it was seen.
            let Some(held) = held else { continue };
            // Of an occurrence the view alone tells when it is.
            let at = if seen.single { held.span.clone() } else { seen.span };
            let at = held.whole_days(at, &zone);
            let of = found.entry(held.entry.id.id.clone()).or_insert(held);
            if at.start < span.end && (at.end > span.start || at.start == span.start) {
                of.entry.spans.push(at);
            }
        }
        let mut entries: Vec<_> = found.into_values().map(|held| held.entry).collect();
        entries.retain(|entry| !entry.spans.is_empty());
        entries.iter_mut().for_each(|entry| entry.spans.sort_by_key(|span| (span.start, span.end)));
        entries.sort_by_key(|entry| entry.spans[0].start);
        Ok(entries)
    }

    /// All of a span: an answer that is not all of it is followed by one for each of its halves.
    async fn views(
        &mut self,
        span: Range<SystemTime>,
        mark: &str,
        rec: &Recorder,
    ) -> Result<Vec<Seen>, Fault> {
        let (mut seen, mut ids, mut open, mut asked) = (Vec::new(), BTreeSet::new(), vec![span], 0);
        while let Some(span) = open.pop() {
            asked += 1;
            let length = span.end.duration_since(span.start).unwrap_or_default();
            let view = match self.view(&span, mark, rec).await {
                Ok(view) => view,
                Err(fault) if length > SHORTEST && TOO_MUCH.contains(&fault.server_code.as_str()) => {
                    View { seen: Vec::new(), whole: false }
                }
                Err(fault) => return Err(fault),
            };
            if view.whole {
                // What lies across the middle is in both halves.
                seen.extend(view.seen.into_iter().filter(|seen| ids.insert(seen.id.clone())));
            } else {
                let middle = span.start + length / 2;
                open.extend([span.start..middle, middle..span.end]);
            }
            if asked + open.len() > MOST_VIEWS
                || length <= SHORTEST && !view.whole
                || seen.len() > MOST_MARKED
            {
                let words =
                    format!("a calendar without end: {asked} answers, each cut short or full of entries");
                return Err(Fault::new(Reason::ProtocolViolation, &words));
            }
        }
        seen.sort_by_key(|seen| seen.span.start);
        Ok(seen)
    }

    async fn view(&mut self, span: &Range<SystemTime>, mark: &str, rec: &Recorder) -> Result<View, Fault> {
        // A view takes no restriction: it shows strangers' entries too, of which no more is read than the subject.
        let body = format!(
            "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>\
             <t:FieldURI FieldURI=\"item:Subject\"/><t:FieldURI FieldURI=\"calendar:Start\"/>\
             <t:FieldURI FieldURI=\"calendar:End\"/><t:FieldURI FieldURI=\"calendar:CalendarItemType\"/>\
             </t:AdditionalProperties></m:ItemShape>\
             <m:CalendarView MaxEntriesReturned=\"{MOST}\" StartDate=\"{}\" EndDate=\"{}\"/>\
             <m:ParentFolderIds><t:DistinguishedFolderId Id=\"calendar\"/></m:ParentFolderIds></m:FindItem>",
            utc(span.start)?,
            utc(span.end)?,
        );
        let answer = self.ask(&body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let message = soap::messages(&answer, &document, "FindItem")?[0];
        soap::judge(message)?;
        let root = soap::below(message, "RootFolder")
            .ok_or_else(|| Fault::new(Reason::ProtocolViolation, "an answer about what no folder holds"))?;
        let (mut seen, mut count) = (Vec::new(), 0_usize);
        for item in items(root).filter(|item| item.tag_name().name() == "CalendarItem") {
            count += 1;
            if !soap::word(item, "Subject").contains(mark) {
                continue;
            }
            let id = id_of(item)
                .ok_or_else(|| Fault::new(Reason::ProtocolViolation, "an entry of ours without an ItemId"))?;
            let single = matches!(soap::word(item, "CalendarItemType"), "" | "Single");
            seen.push(Seen { id: id.id, single, span: span_of(item)? });
        }
        // Some servers cut the answer and do not say so.
        let whole = root.attribute("IncludesLastItemInRange") != Some("false") && count < MOST;
        Ok(View { seen, whole })
    }
}

impl Held {
    /// Whole days are dates, whatever zone their midnights are told in.
    fn whole_days(&self, at: Range<SystemTime>, zone: &TimeZone) -> Range<SystemTime> {
        let (true, Some(own)) = (self.all_day, &self.zone) else { return at };
        let moved = |at: SystemTime| {
            let local = own.to_datetime(Timestamp::try_from(at).ok()?);
            let begins = (local.time() == Time::midnight()).then(|| zone.to_timestamp(local).ok()).flatten();
            begins.map(SystemTime::from)
        };
        // What does not begin and end with a day is not helped.
        match (moved(at.start), moved(at.end)) {
            (Some(start), Some(end)) => start..end,
            _ => at,
        }
    }
}
