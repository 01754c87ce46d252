//! GetUserAvailability: everybody is free all the time.

use jiff::civil::DateTime;

use super::{Call, MESSAGES, TYPES, Trouble, invalid};
use crate::xml::{self, Xml};

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
    let slots = usize::try_from((minutes + interval - 1) / interval).unwrap_or_default();
    let view = xml::text(options, "RequestedView").unwrap_or("FreeBusy");
    let mut xml = Xml::new();
    xml.within_with("m:GetUserAvailabilityResponse", &[("xmlns:m", MESSAGES), ("xmlns:t", TYPES)], |xml| {
        xml.within("m:FreeBusyResponseArray", |xml| {
            for data in xml::children(mailboxes).take(100) {
                let address = xml::child(data, "Email").and_then(|email| xml::text(email, "Address"));
                let known =
                    address.is_some_and(|address| call.http.shared.store.lock().user(address).is_some());
                xml.within("m:FreeBusyResponse", |xml| one(xml, known, view, slots));
            }
        });
    });
    Ok(xml.finish())
}

fn one(xml: &mut Xml, known: bool, view: &str, slots: usize) {
    if !known {
        xml.within_with("m:ResponseMessage", &[("ResponseClass", "Error")], |xml| {
            xml.leaf("m:MessageText", "Unable to resolve the e-mail address to an Active Directory object.");
            xml.leaf("m:ResponseCode", "ErrorMailRecipientNotFound");
            xml.leaf("m:DescriptiveLinkKey", "0");
        });
        xml.within("m:FreeBusyView", |xml| xml.leaf("t:FreeBusyViewType", "None"));
        return;
    }
    xml.within_with("m:ResponseMessage", &[("ResponseClass", "Success")], |xml| {
        xml.leaf("m:ResponseCode", "NoError");
    });
    xml.within("m:FreeBusyView", |xml| {
        xml.leaf("t:FreeBusyViewType", view);
        if view.contains("Merged") {
            xml.leaf("t:MergedFreeBusy", &"0".repeat(slots));
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
