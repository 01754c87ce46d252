//! Recurrences: as Exchange's patterns, and as the rules of iCalendar.

use jiff::{Timestamp, civil::Date};
use roxmltree::Node;

use crate::{
    calendar::{
        ical::Component,
        recur::{DAYS, Frequency, Rule, Until},
        when::{self, When},
    },
    ews::Refusal,
    xml::{self, Xml},
};

const INVALID: Refusal =
    Refusal("ErrorCalendarInvalidRecurrence", "The recurrence pattern specified is invalid.");

const NAMES: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const INDEXES: [(&str, i8); 5] = [("First", 1), ("Second", 2), ("Third", 3), ("Fourth", 4), ("Last", -1)];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The days that a text names, as iCalendar does.
fn days(text: &str) -> Result<Vec<&'static str>, Refusal> {
    let mut found = Vec::new();
    for name in text.split_whitespace() {
        match name {
            "Day" => found.extend(DAYS.iter().map(|(day, _)| *day)),
            "Weekday" => found.extend(DAYS.iter().skip(1).take(5).map(|(day, _)| *day)),
            "WeekendDay" => found.extend(["SA", "SU"]),
            name => {
                let at = NAMES.iter().position(|known| *known == name).ok_or(INVALID)?;
                found.extend(DAYS.get(at).map(|(day, _)| *day));
            }
        }
    }
    if found.is_empty() { Err(INVALID) } else { Ok(found) }
}

/// Reads `Recurrence`; the start tells at which time of day its last occurrence is.
pub(super) fn read(node: Node<'_, '_>, start: &When) -> Result<String, Refusal> {
    let mut parts = xml::children(node);
    let (pattern, range) = (parts.next().ok_or(INVALID)?, parts.next().ok_or(INVALID)?);
    let text = |name: &str| xml::text(pattern, name);
    let number = |name: &str| text(name).and_then(|text| text.parse::<u32>().ok()).ok_or(INVALID);
    let interval = || Ok(format!(";INTERVAL={}", number("Interval")?));
    let month = || {
        let at = MONTHS.iter().position(|name| Some(*name) == text("Month")).ok_or(INVALID)?;
        Ok(format!(";BYMONTH={}", at + 1))
    };
    let relative = || {
        let index = text("DayOfWeekIndex").and_then(|text| INDEXES.iter().find(|(name, _)| *name == text));
        let (_, index) = index.ok_or(INVALID)?;
        let days = days(text("DaysOfWeek").unwrap_or_default())?;
        // More than one day, such as the first working day, would want BYSETPOS.
        let [day] = days[..] else { return Err(INVALID) };
        Ok(format!(";BYDAY={index}{day}"))
    };
    let rule = match pattern.tag_name().name() {
        "DailyRecurrence" => format!("FREQ=DAILY{}", interval()?),
        "WeeklyRecurrence" => {
            let days = days(text("DaysOfWeek").unwrap_or_default())?.join(",");
            let first = text("FirstDayOfWeek").and_then(|name| NAMES.iter().position(|known| *known == name));
            let first = first.and_then(|at| DAYS.get(at)).map_or("SU", |(day, _)| day);
            format!("FREQ=WEEKLY{};BYDAY={days};WKST={first}", interval()?)
        }
        "AbsoluteMonthlyRecurrence" => {
            format!("FREQ=MONTHLY{};BYMONTHDAY={}", interval()?, number("DayOfMonth")?)
        }
        "RelativeMonthlyRecurrence" => format!("FREQ=MONTHLY{}{}", interval()?, relative()?),
        "AbsoluteYearlyRecurrence" => {
            format!("FREQ=YEARLY;BYMONTHDAY={}{}", number("DayOfMonth")?, month()?)
        }
        "RelativeYearlyRecurrence" => format!("FREQ=YEARLY{}{}", relative()?, month()?),
        _ => return Err(INVALID),
    };
    let rule = rule + &limit(range, start)?;
    Rule::parse(&rule).map(|_| rule).ok_or(INVALID)
}

fn limit(range: Node<'_, '_>, start: &When) -> Result<String, Refusal> {
    match range.tag_name().name() {
        "NoEndRecurrence" => Ok(String::new()),
        "NumberedRecurrence" => {
            let count = xml::text(range, "NumberOfOccurrences").and_then(|text| text.parse::<u32>().ok());
            Ok(format!(";COUNT={}", count.filter(|count| *count > 0).ok_or(INVALID)?))
        }
        "EndDateRecurrence" => {
            let last = xml::text(range, "EndDate").and_then(|text| text.get(..10)?.parse::<Date>().ok());
            let last = start.on(last.ok_or(INVALID)?);
            if last.timestamp() < start.timestamp() {
                let text = "The recurrence ends before it begins.";
                return Err(Refusal("ErrorCalendarEndDateIsEarlierThanStartDate", text));
            }
            Ok(format!(
                ";UNTIL={}",
                if start.day {
                    last.local.strftime("%Y%m%d").to_string()
                } else {
                    when::utc(last.timestamp())
                }
            ))
        }
        _ => Err(INVALID),
    }
}

/// Writes `Recurrence`.
pub(super) fn write(xml: &mut Xml, event: &Component, start: &When) {
    let Some(rule) = event.value("RRULE").and_then(Rule::parse) else { return };
    xml.within("t:Recurrence", |xml| {
        pattern(xml, &rule, start);
        let first = start.local.date().to_string();
        let range = match (&rule.count, &rule.until) {
            (Some(_), _) => "t:NumberedRecurrence",
            (None, Some(_)) => "t:EndDateRecurrence",
            (None, None) => "t:NoEndRecurrence",
        };
        xml.within(range, |xml| {
            xml.leaf("t:StartDate", &first);
            if let Some(count) = rule.count {
                xml.leaf("t:NumberOfOccurrences", &count.to_string());
            } else if let Some(until) = rule.until {
                xml.leaf("t:EndDate", &last(until, start).to_string());
            }
        });
    });
}

fn last(until: Until, start: &When) -> Date {
    match until {
        Until::Day(day) => day,
        Until::Time(time) => When::at(time.max(Timestamp::MIN), &start.zone, start.day).local.date(),
    }
}

fn pattern(xml: &mut Xml, rule: &Rule, start: &When) {
    let interval = rule.interval.to_string();
    let name = |day: jiff::civil::Weekday| {
        let at = DAYS.iter().position(|(_, known)| *known == day).unwrap_or_default();
        NAMES.get(at).copied().unwrap_or_default()
    };
    let given: Vec<&str> = rule.days.iter().map(|(_, day)| name(*day)).collect();
    let first = start.local.date();
    let days = if given.is_empty() { name(first.weekday()).to_owned() } else { given.join(" ") };
    let index = rule.days.first().and_then(|(number, _)| INDEXES.iter().find(|(_, known)| known == number));
    let month = rule.months.first().copied().unwrap_or_else(|| first.month());
    let month = usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or("January");
    let day = rule.month_days.first().copied().unwrap_or_else(|| first.day()).to_string();
    match (rule.frequency, index) {
        (Frequency::Daily, _) => xml.within("t:DailyRecurrence", |xml| xml.leaf("t:Interval", &interval)),
        (Frequency::Weekly, _) => xml.within("t:WeeklyRecurrence", |xml| {
            xml.leaf("t:Interval", &interval);
            xml.leaf("t:DaysOfWeek", &days);
            xml.leaf("t:FirstDayOfWeek", name(rule.week_start));
        }),
        (Frequency::Monthly, Some((index, _))) => xml.within("t:RelativeMonthlyRecurrence", |xml| {
            xml.leaf("t:Interval", &interval);
            xml.leaf("t:DaysOfWeek", &days);
            xml.leaf("t:DayOfWeekIndex", index);
        }),
        (Frequency::Monthly, None) => xml.within("t:AbsoluteMonthlyRecurrence", |xml| {
            xml.leaf("t:Interval", &interval);
            xml.leaf("t:DayOfMonth", &day);
        }),
        (Frequency::Yearly, Some((index, _))) => xml.within("t:RelativeYearlyRecurrence", |xml| {
            xml.leaf("t:DaysOfWeek", &days);
            xml.leaf("t:DayOfWeekIndex", index);
            xml.leaf("t:Month", month);
        }),
        (Frequency::Yearly, None) => xml.within("t:AbsoluteYearlyRecurrence", |xml| {
            xml.leaf("t:DayOfMonth", &day);
            xml.leaf("t:Month", month);
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::ical::Property;

    #[test]
    fn patterns_and_rules_stand_for_each_other() {
        let start = When {
            local: "2026-03-27T09:00:00".parse().unwrap(),
            zone: jiff::tz::TimeZone::get("America/New_York").unwrap(),
            day: false,
        };
        for (pattern, range, wanted) in [
            (
                "<DailyRecurrence><Interval>2</Interval></DailyRecurrence>",
                "<NumberedRecurrence><StartDate>2026-03-27</StartDate><NumberOfOccurrences>3</NumberOfOccurrences></NumberedRecurrence>",
                "FREQ=DAILY;INTERVAL=2;COUNT=3",
            ),
            (
                "<WeeklyRecurrence><Interval>1</Interval><DaysOfWeek>Monday Friday</DaysOfWeek><FirstDayOfWeek>Sunday</FirstDayOfWeek></WeeklyRecurrence>",
                "<NoEndRecurrence><StartDate>2026-03-27</StartDate></NoEndRecurrence>",
                "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,FR;WKST=SU",
            ),
            (
                "<AbsoluteMonthlyRecurrence><Interval>1</Interval><DayOfMonth>27</DayOfMonth></AbsoluteMonthlyRecurrence>",
                "<EndDateRecurrence><StartDate>2026-03-27</StartDate><EndDate>2026-06-27</EndDate></EndDateRecurrence>",
                "FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=27;UNTIL=20260627T130000Z",
            ),
            (
                "<RelativeYearlyRecurrence><DaysOfWeek>Friday</DaysOfWeek><DayOfWeekIndex>Last</DayOfWeekIndex><Month>March</Month></RelativeYearlyRecurrence>",
                "<NoEndRecurrence><StartDate>2026-03-27</StartDate></NoEndRecurrence>",
                "FREQ=YEARLY;BYDAY=-1FR;BYMONTH=3",
            ),
        ] {
            let text = format!("<Recurrence>{pattern}{range}</Recurrence>");
            let document = xml::parse(&text).unwrap();
            let rule = read(document.root_element(), &start).unwrap();
            assert_eq!(rule, wanted);
            let mut event = Component::new("VEVENT");
            event.set(Property::new("RRULE", rule));
            let mut xml = Xml::new();
            write(&mut xml, &event, &start);
            assert_eq!(xml.finish().replace("t:", ""), text);
        }
        for text in ["<Recurrence/>", "<Recurrence><HourlyRecurrence/><NoEndRecurrence/></Recurrence>"] {
            assert_eq!(read(xml::parse(text).unwrap().root_element(), &start), Err(INVALID));
        }
    }
}
