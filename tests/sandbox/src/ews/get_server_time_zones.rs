//! GetServerTimeZones: a few of them, by the names that Windows gives them.

use super::{Call, Refusal, Responses, Trouble};
use crate::xml::{self, Xml};

/// When clocks change: month, which of its Sundays (-1 is the last), and the time.
type Change = (&'static str, &'static str, &'static str);

struct Zone {
    id: &'static str,
    name: &'static str,
    /// What is added to local time to make it UTC, in winter and in summer.
    bias: &'static str,
    summer: Option<Summer>,
}

struct Summer {
    bias: &'static str,
    begins: Change,
    ends: Change,
}

const fn europe(bias: &'static str, begins: &'static str, ends: &'static str) -> Option<Summer> {
    Some(Summer { bias, begins: ("3", "-1", begins), ends: ("10", "-1", ends) })
}

const fn america(bias: &'static str) -> Option<Summer> {
    Some(Summer { bias, begins: ("3", "2", "PT2H"), ends: ("11", "1", "PT2H") })
}

const ZONES: &[Zone] = &[
    Zone { id: "UTC", name: "(UTC) Coordinated Universal Time", bias: "PT0S", summer: None },
    Zone {
        id: "GMT Standard Time",
        name: "(UTC+00:00) Dublin, Edinburgh, Lisbon, London",
        bias: "PT0S",
        summer: europe("-PT1H", "PT1H", "PT2H"),
    },
    Zone {
        id: "W. Europe Standard Time",
        name: "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
        bias: "-PT1H",
        summer: europe("-PT2H", "PT2H", "PT3H"),
    },
    Zone {
        id: "Romance Standard Time",
        name: "(UTC+01:00) Brussels, Copenhagen, Madrid, Paris",
        bias: "-PT1H",
        summer: europe("-PT2H", "PT2H", "PT3H"),
    },
    Zone {
        id: "Eastern Standard Time",
        name: "(UTC-05:00) Eastern Time (US & Canada)",
        bias: "PT5H",
        summer: america("PT4H"),
    },
    Zone {
        id: "Pacific Standard Time",
        name: "(UTC-08:00) Pacific Time (US & Canada)",
        bias: "PT8H",
        summer: america("PT7H"),
    },
    Zone {
        id: "Tokyo Standard Time",
        name: "(UTC+09:00) Osaka, Sapporo, Tokyo",
        bias: "-PT9H",
        summer: None,
    },
];

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let full = call.request.attribute("ReturnFullTimeZoneData").is_none_or(|full| full != "false");
    let ids = xml::child(call.request, "Ids");
    let mut responses = Responses::new("GetServerTimeZones");
    let found = match ids {
        None => Ok(ZONES.iter().collect()),
        Some(ids) => xml::children(ids)
            .map(|id| {
                let id = id.text().unwrap_or_default().trim();
                ZONES
                    .iter()
                    .find(|zone| zone.id == id)
                    .ok_or(Refusal("ErrorTimeZone", "The specified time zone isn't valid."))
            })
            .collect::<Result<Vec<_>, _>>(),
    };
    responses.put(found, |xml, zones| {
        xml.within("m:TimeZoneDefinitions", |xml| {
            for zone in zones {
                write(xml, zone, full);
            }
        });
    });
    Ok(responses.finish())
}

fn write(xml: &mut Xml, zone: &Zone, full: bool) {
    let attributes = [("Id", zone.id), ("Name", zone.name)];
    if !full {
        xml.empty("t:TimeZoneDefinition", &attributes);
        return;
    }
    xml.within_with("t:TimeZoneDefinition", &attributes, |xml| {
        xml.within("t:Periods", |xml| {
            xml.empty("t:Period", &[("Bias", zone.bias), ("Name", "Standard"), ("Id", "std")]);
            if let Some(summer) = &zone.summer {
                xml.empty("t:Period", &[("Bias", summer.bias), ("Name", "Daylight"), ("Id", "dlt")]);
            }
        });
        xml.within("t:TransitionsGroups", |xml| {
            xml.within_with("t:TransitionsGroup", &[("Id", "0")], |xml| match &zone.summer {
                None => {
                    xml.within("t:Transition", |xml| xml.leaf_with("t:To", &[("Kind", "Period")], "std"));
                }
                Some(summer) => {
                    change(xml, "dlt", summer.begins);
                    change(xml, "std", summer.ends);
                }
            });
        });
        xml.within("t:Transitions", |xml| {
            xml.within("t:Transition", |xml| xml.leaf_with("t:To", &[("Kind", "Group")], "0"));
        });
    });
}

fn change(xml: &mut Xml, to: &str, (month, sunday, time): Change) {
    xml.within("t:RecurringDayTransition", |xml| {
        xml.leaf_with("t:To", &[("Kind", "Period")], to);
        xml.leaf("t:TimeOffset", time);
        xml.leaf("t:Month", month);
        xml.leaf("t:DayOfWeek", "Sunday");
        xml.leaf("t:Occurrence", sunday);
    });
}
