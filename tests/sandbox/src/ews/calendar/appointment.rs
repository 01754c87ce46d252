//! A calendar item as Exchange tells of it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;

use super::{Spot, property, recurrence};
use crate::{
    calendar::{
        Stored,
        event::{self, Kind},
        ical::{Component, Property},
        schedule::Actor,
        when::When,
        zone,
    },
    ews::{
        address::Mailbox,
        fields::{Base, Fields, Path, Shape},
        folders::{self, CALENDAR},
        ids,
        text::time,
    },
    store::Flags,
    xml::Xml,
};

/// An entry, or an occurrence of one.
pub(in crate::ews) struct Appointment {
    user: String,
    address: String,
    spot: Spot,
    kind: Option<Kind>,
    change: u64,
    changed: Timestamp,
    object: Component,
    pub(super) event: Component,
    start: When,
    end: When,
    /// The own answer; nothing for the organizer.
    own: Option<String>,
}

/// Properties in the order of the schema, from which set of them on they are told, and whether FindItem tells
/// them.
const PROPERTIES: &[(&str, Option<Base>, bool)] = &[
    ("item:MimeContent", None, false),
    ("item:ItemId", Some(Base::IdOnly), true),
    ("item:ParentFolderId", Some(Base::AllProperties), true),
    ("item:ItemClass", Some(Base::AllProperties), true),
    ("item:Subject", Some(Base::Default), true),
    ("item:Sensitivity", Some(Base::AllProperties), true),
    ("item:Body", Some(Base::Default), false),
    ("item:DateTimeReceived", Some(Base::AllProperties), true),
    ("item:Size", Some(Base::AllProperties), true),
    ("item:Categories", Some(Base::AllProperties), true),
    ("item:Importance", Some(Base::AllProperties), true),
    ("item:IsDraft", Some(Base::AllProperties), true),
    ("item:DateTimeSent", Some(Base::AllProperties), true),
    ("item:DateTimeCreated", Some(Base::AllProperties), true),
    ("item:ReminderIsSet", Some(Base::AllProperties), true),
    ("item:ReminderMinutesBeforeStart", Some(Base::AllProperties), true),
    ("item:HasAttachments", Some(Base::Default), true),
    ("ExtendedProperty", Some(Base::IdOnly), true),
    ("item:Culture", Some(Base::AllProperties), true),
    ("item:EffectiveRights", Some(Base::AllProperties), true),
    ("item:LastModifiedName", Some(Base::AllProperties), true),
    ("item:LastModifiedTime", Some(Base::AllProperties), true),
    ("item:TextBody", None, false),
    ("calendar:UID", Some(Base::AllProperties), true),
    ("calendar:RecurrenceId", Some(Base::AllProperties), true),
    ("calendar:DateTimeStamp", Some(Base::AllProperties), true),
    ("calendar:Start", Some(Base::Default), true),
    ("calendar:End", Some(Base::Default), true),
    ("calendar:OriginalStart", Some(Base::AllProperties), true),
    ("calendar:IsAllDayEvent", Some(Base::AllProperties), true),
    ("calendar:LegacyFreeBusyStatus", Some(Base::Default), true),
    ("calendar:Location", Some(Base::Default), true),
    ("calendar:IsMeeting", Some(Base::AllProperties), true),
    ("calendar:IsCancelled", Some(Base::AllProperties), true),
    ("calendar:IsRecurring", Some(Base::AllProperties), true),
    ("calendar:MeetingRequestWasSent", Some(Base::AllProperties), true),
    ("calendar:IsResponseRequested", Some(Base::AllProperties), true),
    ("calendar:CalendarItemType", Some(Base::Default), true),
    ("calendar:MyResponseType", Some(Base::AllProperties), true),
    ("calendar:Organizer", Some(Base::Default), true),
    ("calendar:RequiredAttendees", Some(Base::Default), false),
    ("calendar:OptionalAttendees", Some(Base::Default), false),
    ("calendar:Resources", Some(Base::Default), false),
    ("calendar:Duration", Some(Base::AllProperties), true),
    ("calendar:TimeZone", Some(Base::AllProperties), true),
    ("calendar:AppointmentReplyTime", Some(Base::AllProperties), true),
    ("calendar:AppointmentSequenceNumber", Some(Base::AllProperties), true),
    ("calendar:AppointmentState", Some(Base::AllProperties), true),
    ("calendar:Recurrence", Some(Base::Default), false),
    ("calendar:FirstOccurrence", Some(Base::Default), false),
    ("calendar:LastOccurrence", Some(Base::Default), false),
    ("calendar:ModifiedOccurrences", Some(Base::Default), false),
    ("calendar:DeletedOccurrences", Some(Base::Default), false),
    ("calendar:StartTimeZone", Some(Base::AllProperties), false),
    ("calendar:EndTimeZone", Some(Base::AllProperties), false),
];

impl Appointment {
    pub(super) fn new(actor: &Actor<'_>, entry: &Stored, original: Option<Timestamp>) -> Option<Self> {
        let fault = actor.shared.fault(actor.protocol);
        let object = entry.shown(fault.as_ref());
        let spot = Spot { number: entry.number, original };
        Self::of(actor, object, spot, entry.change, entry.changed)
    }

    pub(super) fn of(
        actor: &Actor<'_>,
        object: Component,
        spot: Spot,
        change: u64,
        changed: Timestamp,
    ) -> Option<Self> {
        let (event, kind, start, end) = match spot.original {
            Some(original) => {
                let found = event::occurrence(&object, original)?;
                (found.event.clone(), Some(found.kind), found.start, found.end)
            }
            None => {
                let event = event::main(&object)?;
                let kind = event.get("RRULE").is_none().then_some(Kind::Single);
                (event.clone(), kind, event::start(event, &object)?, event::end(event, &object)?)
            }
        };
        let invited = event::organizer(&object).is_some_and(|organizer| !actor.is_me(&organizer));
        let own = invited.then(|| actor.own(&event)).flatten();
        let (user, address) = (actor.user.to_owned(), actor.address());
        Some(Self { user, address, spot, kind, change, changed, object, event, start, end, own })
    }

    pub(in crate::ews) const fn spot(&self) -> Spot {
        self.spot
    }

    pub(super) fn begins(&self) -> Timestamp {
        self.start.timestamp()
    }

    pub(in crate::ews) fn flags(&self) -> Flags {
        flags(self.change)
    }

    pub(in crate::ews) fn write_id(&self, xml: &mut Xml) {
        write_id(xml, "t:ItemId", &self.user, self.spot, self.change);
    }

    pub(in crate::ews) fn write(&self, xml: &mut Xml, shape: &Shape, all: bool) {
        xml.within("t:CalendarItem", |xml| {
            for (name, base, found) in PROPERTIES {
                let wanted = base.is_some_and(|base| base <= shape.base)
                    || shape.wants(name)
                    || (*name == "item:MimeContent" && shape.mime);
                if wanted && (*found || all) {
                    self.property(xml, name, shape);
                }
            }
        });
    }

    pub(super) fn property(&self, xml: &mut Xml, name: &str, shape: &Shape) {
        match name {
            "item:ItemId" => self.write_id(xml),
            "item:ParentFolderId" => ids::write_folder(xml, "t:ParentFolderId", &self.user, CALENDAR),
            "item:MimeContent" => {
                let content = STANDARD.encode(self.object.write());
                xml.leaf_with("t:MimeContent", &[("CharacterSet", "UTF-8")], &content);
            }
            "item:Body" => {
                let text = self.event.text("DESCRIPTION").unwrap_or_default();
                xml.leaf_with("t:Body", &[("BodyType", "Text")], &text);
            }
            "item:TextBody" => {
                let text = self.event.text("DESCRIPTION").unwrap_or_default();
                xml.leaf_with("t:TextBody", &[("BodyType", "Text"), ("IsTruncated", "false")], &text);
            }
            "item:Categories" => self.categories(xml),
            "item:EffectiveRights" => folders::rights(xml),
            "ExtendedProperty" => {
                for extended in shape.extended() {
                    if let Some(value) = property::extended(&self.event, &extended.key, self.spot.original) {
                        extended.write(xml, &value);
                    }
                }
            }
            "calendar:Organizer" => xml.within("t:Organizer", |xml| {
                let organizer = self.event.get("ORGANIZER");
                let address = organizer.map_or_else(|| self.address.clone(), Property::address);
                mailbox(organizer, address).write(xml);
            }),
            "calendar:RequiredAttendees" => self.attendees(xml, "RequiredAttendees"),
            "calendar:OptionalAttendees" => self.attendees(xml, "OptionalAttendees"),
            "calendar:Resources" => self.attendees(xml, "Resources"),
            "calendar:Recurrence" if self.kind.is_none() => recurrence::write(xml, &self.event, &self.start),
            "calendar:FirstOccurrence" | "calendar:LastOccurrence" if self.kind.is_none() => {
                self.end_of_series(xml, name);
            }
            "calendar:ModifiedOccurrences" | "calendar:DeletedOccurrences" if self.kind.is_none() => {
                self.different(xml, name);
            }
            "calendar:StartTimeZone" => write_zone(xml, "t:StartTimeZone", &self.start),
            "calendar:EndTimeZone" => write_zone(xml, "t:EndTimeZone", &self.end),
            _ => {
                if let (Some(value), Some((_, name))) = (self.text(name), name.split_once(':')) {
                    xml.leaf(&format!("t:{name}"), &value);
                }
            }
        }
    }

    fn categories(&self, xml: &mut Xml) {
        if let Some(given) = self.event.value("CATEGORIES") {
            xml.within("t:Categories", |xml| {
                for name in given.split(',') {
                    xml.leaf("t:String", &crate::calendar::ical::unescape(name));
                }
            });
        }
    }

    /// Those who take part in that way; who organizes is not among them.
    fn attendees(&self, xml: &mut Xml, element: &str) {
        let organizer = self.event.get("ORGANIZER").map(Property::address);
        let all = self.event.all("ATTENDEE").filter(|attendee| property::role(attendee) == element);
        let all: Vec<&Property> = all.filter(|attendee| Some(attendee.address()) != organizer).collect();
        if all.is_empty() {
            return;
        }
        xml.within(&format!("t:{element}"), |xml| {
            for attendee in all {
                xml.within("t:Attendee", |xml| {
                    mailbox(Some(attendee), attendee.address()).write(xml);
                    xml.leaf("t:ResponseType", property::response(attendee.parameter("PARTSTAT")));
                });
            }
        });
    }

    fn end_of_series(&self, xml: &mut Xml, name: &str) {
        let all = event::instances(&self.object, Timestamp::MIN, Timestamp::MAX);
        let endless = self
            .event
            .value("RRULE")
            .is_some_and(|rule| !rule.contains("COUNT=") && !rule.contains("UNTIL="));
        let (found, element) = match name {
            "calendar:FirstOccurrence" => (all.first(), "t:FirstOccurrence"),
            _ if endless => return,
            _ => (all.last(), "t:LastOccurrence"),
        };
        if let Some(instance) = found {
            xml.within(element, |xml| self.occurrence(xml, instance));
        }
    }

    fn occurrence(&self, xml: &mut Xml, instance: &event::Instance<'_>) {
        let spot = Spot { number: self.spot.number, original: Some(instance.original) };
        write_id(xml, "t:ItemId", &self.user, spot, self.change);
        xml.leaf("t:Start", &time(instance.start.timestamp()));
        xml.leaf("t:End", &time(instance.end.timestamp()));
        xml.leaf("t:OriginalStart", &time(instance.original));
    }

    fn different(&self, xml: &mut Xml, name: &str) {
        if name == "calendar:DeletedOccurrences" {
            let gone = event::excluded(&self.event, &self.object);
            if !gone.is_empty() {
                xml.within("t:DeletedOccurrences", |xml| {
                    for original in gone {
                        xml.within("t:DeletedOccurrence", |xml| xml.leaf("t:Start", &time(original)));
                    }
                });
            }
            return;
        }
        let all = event::instances(&self.object, Timestamp::MIN, Timestamp::MAX);
        let other: Vec<_> = all.iter().filter(|instance| instance.kind == Kind::Exception).collect();
        if !other.is_empty() {
            xml.within("t:ModifiedOccurrences", |xml| {
                for instance in other {
                    xml.within("t:Occurrence", |xml| self.occurrence(xml, instance));
                }
            });
        }
    }

    fn subject(&self) -> String {
        let subject = self.event.text("SUMMARY").unwrap_or_default();
        // What was called off says so, at those who were invited.
        let off = self.own.is_some() && event::is_cancelled(&self.event);
        if off { format!("Canceled: {subject}") } else { subject }
    }

    /// A property that is a plain value.
    pub(super) fn text(&self, uri: &str) -> Option<String> {
        if uri.starts_with("item:") { self.item_text(uri) } else { self.calendar_text(uri) }
    }

    fn item_text(&self, uri: &str) -> Option<String> {
        let event = &self.event;
        let bool = |value: bool| Some(value.to_string());
        let alarm = event.within("VALARM").next();
        match uri {
            "item:ItemClass" if matches!(self.kind, Some(Kind::Occurrence | Kind::Exception)) => {
                Some("IPM.Appointment.Occurrence".to_owned())
            }
            "item:ItemClass" => Some("IPM.Appointment".to_owned()),
            "item:Subject" => Some(self.subject()),
            "item:Sensitivity" => Some(property::sensitivity(event).to_owned()),
            "item:Body" | "item:TextBody" => event.text("DESCRIPTION"),
            "item:DateTimeReceived"
            | "item:DateTimeSent"
            | "item:DateTimeCreated"
            | "item:LastModifiedTime" => Some(time(self.changed)),
            "item:Size" => Some(self.object.write().len().to_string()),
            "item:Importance" => Some(property::importance(event).to_owned()),
            "item:IsDraft" | "item:HasAttachments" => bool(false),
            "item:ReminderIsSet" => bool(alarm.is_some()),
            "item:ReminderMinutesBeforeStart" => Some(property::minutes(alarm).to_string()),
            "item:Culture" => Some("en-US".to_owned()),
            "item:LastModifiedName" => Some(self.user.clone()),
            _ => None,
        }
    }

    fn calendar_text(&self, uri: &str) -> Option<String> {
        let event = &self.event;
        let meeting = event.get("ATTENDEE").is_some() && event.get("ORGANIZER").is_some();
        let bool = |value: bool| Some(value.to_string());
        match uri {
            "calendar:UID" => event.value("UID").map(str::to_owned),
            "calendar:RecurrenceId" | "calendar:OriginalStart" => self.spot.original.map(time),
            "calendar:DateTimeStamp" => Some(time(self.changed)),
            "calendar:Start" => Some(time(self.start.timestamp())),
            "calendar:End" => Some(time(self.end.timestamp())),
            "calendar:IsAllDayEvent" => bool(self.start.day),
            "calendar:LegacyFreeBusyStatus" => Some(event::busy(event).to_owned()),
            "calendar:Location" => event.text("LOCATION"),
            "calendar:IsMeeting" | "calendar:MeetingRequestWasSent" | "calendar:IsResponseRequested" => {
                bool(meeting)
            }
            "calendar:IsCancelled" => bool(event::is_cancelled(event)),
            "calendar:IsRecurring" => bool(matches!(self.kind, Some(Kind::Occurrence | Kind::Exception))),
            "calendar:CalendarItemType" => Some(
                match self.kind {
                    None => "RecurringMaster",
                    Some(Kind::Single) => "Single",
                    Some(Kind::Occurrence) => "Occurrence",
                    Some(Kind::Exception) => "Exception",
                }
                .to_owned(),
            ),
            "calendar:MyResponseType" => Some(
                match &self.own {
                    Some(answer) => property::response(Some(answer)),
                    None if meeting => "Organizer",
                    None => "Unknown",
                }
                .to_owned(),
            ),
            "calendar:Duration" => {
                let length = self.end.timestamp().duration_since(self.start.timestamp());
                Some(format!("PT{}M", length.as_mins()))
            }
            "calendar:TimeZone" => Some(zone::windows(&self.start.zone).to_owned()),
            "calendar:AppointmentReplyTime" => {
                let at = event.value("X-MICROSOFT-CDO-REPLYTIME")?;
                When::value(at, None, event, &self.object).map(|when| time(when.timestamp()))
            }
            "calendar:AppointmentSequenceNumber" => Some(event.value("SEQUENCE").unwrap_or("0").to_owned()),
            "calendar:AppointmentState" => {
                let state = u8::from(meeting) + 2 * u8::from(self.own.is_some());
                Some((state + 4 * u8::from(event::is_cancelled(event))).to_string())
            }
            _ => None,
        }
    }
}

impl Fields for Appointment {
    fn value(&self, path: &Path) -> Option<String> {
        match path {
            Path::Uri(uri) => self.text(uri),
            Path::Extended(extended) => property::extended(&self.event, &extended.key, self.spot.original),
            Path::Indexed => None,
        }
    }
}

fn mailbox(property: Option<&Property>, address: String) -> Mailbox {
    let name = property.and_then(|property| property.parameter("CN")).unwrap_or_default().to_owned();
    Mailbox { name, address }
}

fn write_zone(xml: &mut Xml, name: &str, when: &When) {
    let windows = zone::windows(&when.zone);
    xml.empty(name, &[("Id", windows), ("Name", windows)]);
}

/// What changes with an entry, in the place of a message's flags.
pub(in crate::ews) fn flags(change: u64) -> Flags {
    Flags::from([change.to_string()])
}

pub(super) fn write_id(xml: &mut Xml, name: &str, user: &str, spot: Spot, change: u64) {
    let id = match spot.original {
        Some(original) => ids::Id::Occurrence { uid: spot.number, original: original.as_second() },
        None => ids::Id::Item { folder: CALENDAR, uid: spot.number },
    };
    xml.empty(name, &[("Id", &id.text(user)), ("ChangeKey", &ids::change_key(&flags(change)))]);
}
