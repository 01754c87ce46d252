//! A draft as the properties of a CalendarItem (MS-OXWSMTGS, section 2.2.4), in the order of the schema.

use std::ops::Range;
use std::time::SystemTime;

use super::utc;
use crate::catalogue::Reason;
use crate::message::build::HEADER;
use crate::outcome::Fault;
use crate::protocol::calendar::Draft;
use crate::protocol::ews::{get_user_availability, soap};

/// One property: its path, and the element that says it.
pub(super) struct Field {
    pub(super) path: String,
    pub(super) element: String,
}

fn field(path: &str, element: String) -> Field {
    Field { path: format!("<t:FieldURI FieldURI=\"{path}\"/>"), element }
}

fn leaf(path: &str, value: &str) -> Field {
    let (_, name) = path.split_once(':').unwrap_or_default();
    field(path, format!("<t:{name}>{}</t:{name}>", soap::escape(value)))
}

/// When it begins and ends.
pub(super) fn times(span: &Range<SystemTime>) -> Result<[Field; 2], Fault> {
    Ok([leaf("calendar:Start", &utc(span.start)?), leaf("calendar:End", &utc(span.end)?)])
}

/// All that a draft says but one: the occurrence that begins at another time. `zone`: the server's name for it.
///
/// # Errors
/// `internal_error` for a series that begins at a time which the clock does not show on that day: a server repeats what the
/// clock shows when the first begins, and would shift all the others.
pub(super) fn fields(draft: &Draft, zone: &str) -> Result<Vec<Field>, Fault> {
    let span = draft.time.span()?;
    if draft.repeat.is_some() && draft.time.shown(span.start)? != draft.time.start {
        let words =
            format!("{} is no time in {}: no series can begin then", draft.time.start, draft.time.zone);
        return Err(Fault::new(Reason::InternalError, &words));
    }
    let mut all = vec![
        leaf("item:Subject", &draft.subject),
        leaf("item:Sensitivity", "Private"),
        leaf("item:ReminderIsSet", "false"),
        token(draft),
    ];
    all.extend(times(&span)?);
    all.extend([
        leaf("calendar:IsAllDayEvent", if draft.time.all_day { "true" } else { "false" }),
        leaf("calendar:LegacyFreeBusyStatus", get_user_availability::word(draft.status)),
        leaf("calendar:Location", &draft.place),
    ]);
    all.extend(draft.invited.as_deref().map(|invited| {
        let attendee = format!(
            "<t:RequiredAttendees><t:Attendee><t:Mailbox><t:EmailAddress>{}</t:EmailAddress></t:Mailbox>\
             </t:Attendee></t:RequiredAttendees>",
            soap::escape(invited)
        );
        field("calendar:RequiredAttendees", attendee)
    }));
    all.extend(draft.repeat.as_ref().map(|repeat| {
        let recurrence = format!(
            "<t:Recurrence><t:DailyRecurrence><t:Interval>1</t:Interval></t:DailyRecurrence><t:NumberedRecurrence>\
             <t:StartDate>{}</t:StartDate><t:NumberOfOccurrences>{}</t:NumberOfOccurrences></t:NumberedRecurrence>\
             </t:Recurrence>",
            draft.time.start.strftime("%Y-%m-%d"),
            repeat.days
        );
        field("calendar:Recurrence", recurrence)
    }));
    all.extend(["StartTimeZone", "EndTimeZone"].map(|name| {
        field(&format!("calendar:{name}"), format!("<t:{name} Id=\"{}\"/>", soap::escape(zone)))
    }));
    Ok(all)
}

/// The mark, where a mail has it as well (a named property of the internet headers, MS-OXCMSG, section 2.2.1).
fn token(draft: &Draft) -> Field {
    let path = format!(
        "<t:ExtendedFieldURI DistinguishedPropertySetId=\"InternetHeaders\" PropertyName=\"{HEADER}\" \
         PropertyType=\"String\"/>"
    );
    let mark = soap::escape(draft.mark());
    let element = format!("<t:ExtendedProperty>{path}<t:Value>{mark}</t:Value></t:ExtendedProperty>");
    Field { path, element }
}
