//! GetUserAvailability: when somebody is busy, as the calendar has it.

use jiff::{Timestamp, ToSpan, civil::DateTime, tz::TimeZone};
use roxmltree::Node;

use super::{Call, MESSAGES, TYPES, Trouble, invalid};
use crate::{
    calendar::free_busy::{self, Block},
    fault::Protocol,
    xml::{self, Xml},
};

/// What is asked for of everybody.
struct Question<'a> {
    /// The zone in which times are told.
    zone: TimeZone,
    from: Timestamp,
    to: Timestamp,
    /// Minutes of each digit of the merged view.
    interval: i64,
    view: &'a str,
}

/// The longest time that may be asked for: 62 days, in minutes.
const LONGEST: i64 = 62 * 24 * 60;

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let mailboxes = call.need("MailboxDataArray")?;
    let options = call.need("FreeBusyViewOptions")?;
    let window = xml::child(options, "TimeWindow").ok_or_else(|| invalid("The TimeWindow is missing."))?;
    let when = |name: &str| {
        let text = xml::text(window, name)?;
        // Local time of the TimeZone that stands before, sometimes with an offset all the same.
        text.trim_end_matches('Z').parse::<DateTime>().ok()
    };
    let (Some(start), Some(end)) = (when("StartTime"), when("EndTime")) else {
        return Err(invalid("StartTime and EndTime are wanted."));
    };
    let minutes = (end.duration_since(start).as_secs() + 59) / 60;
    if minutes <= 0 || minutes > LONGEST {
        let text = "The specified time interval is invalid.".to_owned();
        return Err(Trouble::Fault("ErrorInvalidTimeInterval", text));
    }
    let interval = xml::text(options, "MergedFreeBusyIntervalInMinutes").and_then(|text| text.parse().ok());
    let interval: i64 = interval.filter(|minutes| (5..=1440).contains(minutes)).unwrap_or(30);
    let view = xml::text(options, "RequestedView").unwrap_or("FreeBusy");
    let zone = xml::child(call.request, "TimeZone").and_then(zone).unwrap_or(TimeZone::UTC);
    let time = |local: DateTime| local.to_zoned(zone.clone()).map(|zoned| zoned.timestamp());
    let (Ok(from), Ok(to)) = (time(start), time(end)) else {
        return Err(invalid("StartTime and EndTime are wanted."));
    };
    let question = Question { zone, from, to, interval, view };
    let state = call.http.shared.store.lock();
    let mut xml = Xml::new();
    xml.within_with("m:GetUserAvailabilityResponse", &[("xmlns:m", MESSAGES), ("xmlns:t", TYPES)], |xml| {
        xml.within("m:FreeBusyResponseArray", |xml| {
            for data in xml::children(mailboxes).take(100) {
                let address = xml::child(data, "Email").and_then(|email| xml::text(email, "Address"));
                let user = address.and_then(|address| state.user(address)).map(|user| &user.name);
                let blocks = user.map(|user| {
                    let calendar = state.calendar(Protocol::Ews, user);
                    let fault = call.fault();
                    calendar
                        .map(|calendar| free_busy::blocks(calendar, from, to, fault.as_ref()))
                        .unwrap_or_default()
                });
                xml.within("m:FreeBusyResponse", |xml| one(xml, blocks.as_deref(), &question));
            }
        });
    });
    Ok(xml.finish())
}

/// The zone of the request: an offset, and when it changes in the year.
fn zone(node: Node<'_, '_>) -> Option<TimeZone> {
    let number = |node: Node<'_, '_>, name: &str| xml::text(node, name)?.parse::<i32>().ok();
    let bias = number(node, "Bias")?;
    // As POSIX writes it: what is added to local time to make it UTC.
    let offset = |minutes: i32| {
        let sign = if minutes < 0 { "-" } else { "" };
        format!("{sign}{}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    };
    let change =
        |node: Node<'_, '_>| {
            let names = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
            let day = names.iter().position(|name| Some(*name) == xml::text(node, "DayOfWeek"))?;
            let (month, order) = (number(node, "Month")?, number(node, "DayOrder")?);
            Some((month > 0).then(|| {
                format!(",M{month}.{order}.{day}/{}", xml::text(node, "Time").unwrap_or("02:00:00"))
            }))
        };
    let (standard, daylight) = (xml::child(node, "StandardTime")?, xml::child(node, "DaylightTime")?);
    let winter = bias + number(standard, "Bias")?;
    let summer = bias + number(daylight, "Bias")?;
    let text = match (change(daylight)?, change(standard)?) {
        (Some(begins), Some(ends)) if begins != ends => {
            format!("<STD>{}<DLT>{}{begins}{ends}", offset(winter), offset(summer))
        }
        _ => format!("<STD>{}", offset(winter)),
    };
    TimeZone::posix(&text).ok()
}

/// A digit for each interval: 0 free, 1 tentative, 2 busy, 3 out of office.
fn merged(question: &Question<'_>, blocks: &[Block]) -> String {
    let mut digits = String::new();
    let mut at = question.from;
    while at < question.to {
        let Ok(next) = at.checked_add(question.interval.minutes()) else { break };
        let taken = blocks.iter().filter(|block| block.start < next && block.end > at);
        let most = taken.map(|block| match block.busy {
            "Tentative" => 1,
            "OOF" => 3,
            _ => 2,
        });
        digits += &most.max().unwrap_or(0_u8).to_string();
        at = next;
    }
    digits
}

fn one(xml: &mut Xml, blocks: Option<&[Block]>, question: &Question<'_>) {
    let Some(blocks) = blocks else {
        xml.within_with("m:ResponseMessage", &[("ResponseClass", "Error")], |xml| {
            xml.leaf("m:MessageText", "Unable to resolve the e-mail address to an Active Directory object.");
            xml.leaf("m:ResponseCode", "ErrorMailRecipientNotFound");
            xml.leaf("m:DescriptiveLinkKey", "0");
        });
        xml.within("m:FreeBusyView", |xml| xml.leaf("t:FreeBusyViewType", "None"));
        return;
    };
    xml.within_with("m:ResponseMessage", &[("ResponseClass", "Success")], |xml| {
        xml.leaf("m:ResponseCode", "NoError");
    });
    xml.within("m:FreeBusyView", |xml| {
        xml.leaf("t:FreeBusyViewType", question.view);
        if question.view.contains("Merged") {
            xml.leaf("t:MergedFreeBusy", &merged(question, blocks));
        }
        if question.view != "MergedOnly" && !blocks.is_empty() {
            xml.within("t:CalendarEventArray", |xml| {
                for block in blocks {
                    event(xml, block, question);
                }
            });
        }
        xml.within("t:WorkingHours", |xml| {
            xml.within("t:TimeZone", |xml| {
                xml.leaf("t:Bias", "0");
                for name in ["t:StandardTime", "t:DaylightTime"] {
                    xml.within(name, |xml| {
                        xml.leaf("t:Bias", "0");
                        xml.leaf("t:Time", "00:00:00");
                        xml.leaf("t:DayOrder", "1");
                        xml.leaf("t:Month", "1");
                        xml.leaf("t:DayOfWeek", "Sunday");
                    });
                }
            });
            xml.within("t:WorkingPeriodArray", |xml| {
                xml.within("t:WorkingPeriod", |xml| {
                    xml.leaf("t:DayOfWeek", "Monday Tuesday Wednesday Thursday Friday");
                    xml.leaf("t:StartTimeInMinutes", "480");
                    xml.leaf("t:EndTimeInMinutes", "1020");
                });
            });
        });
    });
}

/// A time that is taken, in the zone of the request.
fn event(xml: &mut Xml, block: &Block, question: &Question<'_>) {
    let local =
        |time: Timestamp| time.to_zoned(question.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    xml.within("t:CalendarEvent", |xml| {
        xml.leaf("t:StartTime", &local(block.start));
        xml.leaf("t:EndTime", &local(block.end));
        xml.leaf("t:BusyType", block.busy);
        if question.view.starts_with("Detailed") {
            xml.within("t:CalendarEventDetails", |xml| {
                if !block.private {
                    xml.leaf("t:Subject", &block.subject);
                    xml.leaf("t:Location", &block.location);
                }
                for (name, value) in [
                    ("t:IsMeeting", block.meeting),
                    ("t:IsRecurring", block.recurring),
                    ("t:IsException", false),
                    ("t:IsReminderSet", false),
                    ("t:IsPrivate", block.private),
                ] {
                    xml.leaf(name, if value { "true" } else { "false" });
                }
            });
        }
    });
}
