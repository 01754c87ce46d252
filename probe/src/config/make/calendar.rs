//! Checks of calendars: `calendar`, `meeting`, `free_busy`.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::super::plan::{Calendar, FreeBusy, Meeting, Pace, Part, What};
use super::super::problem::{KeyPath, shown};
use super::super::raw;
use super::super::tree::Node;
use super::super::words::Span;
use super::Make;
use super::check::{Known, RARELY, Times};
use crate::catalogue::{Capability, Protocol};

const EVERY: Duration = Duration::from_secs(5 * 60);
/// Of a whole run, where `every` leaves so much.
const TIMEOUT: Duration = Duration::from_secs(120);
const LATE_AFTER: Duration = Duration::from_secs(15);
/// A run waits so often: four changes have to show in the views, and to who makes the next one.
const WAITS: u32 = 8;

/// What these checks say of times.
struct Said {
    every: Option<Span>,
    timeout: Option<Span>,
    late_after: Option<Span>,
    zone: Option<String>,
}

type Made = (What, Duration, Duration);

impl Make {
    pub(super) fn calendar(&mut self, path: &KeyPath, node: &Node, known: &Known<'_>) -> Option<Made> {
        let raw: raw::Calendar = self.decode(node, path)?;
        let (every, timeout, late_after, zone) = (raw.every, raw.timeout, raw.late_after, raw.zone);
        let (every, timeout, pace) =
            self.paced(path, Said { every, timeout, late_after, zone }, EVERY, known);
        let mailbox = self.mailbox_of(path, "mailbox", &raw.mailbox, known);
        let side = self.side_of(&raw.mailbox, known);
        let need = Some(Capability::Calendar);
        let write = self.protocol(&path.key("write"), &raw.write, need, &side);
        let views = self.protocols(&path.key("views"), &raw.views.0, need, &side);
        let recurring = raw.recurring.unwrap_or(false);
        if let (Some(mailbox), Some(write)) = (&mailbox, write)
            && mailbox.max_sessions < 2
            && views.contains(&write)
        {
            let found =
                format!("{}, of which mailbox {} has one session at a time", write.name(), mailbox.name);
            self.refuse(&path.key("views"), found, "max_sessions of 2 or more: one writes, one sees");
        }
        let of = Calendar { mailbox: mailbox?, write: write?, views, recurring, pace: pace? };
        Some((What::Calendar(of), every, timeout))
    }

    pub(super) fn meeting(&mut self, path: &KeyPath, node: &Node, known: &Known<'_>) -> Option<Made> {
        let raw: raw::Meeting = self.decode(node, path)?;
        let (every, timeout, late_after, zone) = (raw.every, raw.timeout, raw.late_after, raw.zone);
        let (every, timeout, pace) =
            self.paced(path, Said { every, timeout, late_after, zone }, RARELY, known);
        let organizer = self.part(path, "organizer", &raw.organizer, "protocol", &raw.protocol, known);
        let (key, by) = match &raw.attendee_protocol {
            Some(by) => ("attendee_protocol", by),
            None => ("protocol", &raw.protocol),
        };
        let attendee = self.part(path, "attendee", &raw.attendee, key, by, known);
        let (organizer, attendee) = (organizer?, attendee?);
        if organizer.mailbox.name == attendee.mailbox.name {
            let found = format!("{}, the organizer itself", shown(path, &raw.attendee));
            self.refuse(&path.key("attendee"), found, "another mailbox");
            return None;
        }
        Some((What::Meeting(Meeting { organizer, attendee, pace: pace? }), every, timeout))
    }

    pub(super) fn free_busy(&mut self, path: &KeyPath, node: &Node, known: &Known<'_>) -> Option<Made> {
        let raw: raw::FreeBusy = self.decode(node, path)?;
        let (every, timeout, late_after, zone) = (raw.every, raw.timeout, raw.late_after, raw.zone);
        let (every, timeout, pace) =
            self.paced(path, Said { every, timeout, late_after, zone }, RARELY, known);
        let mailbox = self.mailbox_of(path, "mailbox", &raw.mailbox, known);
        let of = self.mailbox_of(path, "of", &raw.of, known);
        let side = self.side_of(&raw.mailbox, known);
        let need = Some(Capability::FreeBusy);
        let protocol = self.protocol(&path.key("protocol"), &raw.protocol, need, &side);
        let (key, write) = match &raw.write {
            Some(write) => ("write", write),
            None => ("protocol", &raw.protocol),
        };
        let side = self.side_of(&raw.of, known);
        let write = self.protocol(&path.key(key), write, Some(Capability::Calendar), &side);
        let of = FreeBusy { mailbox: mailbox?, protocol: protocol?, of: of?, write: write?, pace: pace? };
        Some((What::FreeBusy(of), every, timeout))
    }

    /// One side of a meeting: a calendar, or the mail in its stead.
    fn part(
        &mut self,
        path: &KeyPath,
        key: &str,
        mailbox: &str,
        by_key: &str,
        by: &str,
        known: &Known<'_>,
    ) -> Option<Part> {
        let side = self.side_of(mailbox, known);
        let is_mail = Protocol::by_name(by) == Some(Protocol::Imap);
        let mailbox = self.mailbox_of(path, key, mailbox, known);
        let path = path.key(by_key);
        let need = if is_mail { Capability::Inbox } else { Capability::Calendar };
        let by = self.protocol(&path, by, Some(need), &side)?;
        if is_mail {
            // What one says goes by mail too.
            self.protocol(&path, Protocol::Smtp.name(), Some(Capability::Submit), &side)?;
        }
        Some(Part { mailbox: mailbox?, by })
    }

    /// `every`, `timeout`, and how the entry's changes are awaited.
    fn paced(
        &mut self,
        path: &KeyPath,
        said: Said,
        usual: Duration,
        known: &Known<'_>,
    ) -> (Duration, Duration, Option<Pace>) {
        let every = said.every.or(known.top.defaults.every).map_or(usual, |span| span.0);
        let timeout = said.timeout.map_or_else(|| every.min(TIMEOUT), |span| span.0);
        self.fitting(path, &Times { every: said.every, timeout: said.timeout }, every, timeout);
        let late_after = said.late_after.map_or_else(|| LATE_AFTER.min(timeout / WAITS), |span| span.0);
        self.positive(&path.key("late_after"), late_after);
        if late_after * WAITS > timeout {
            let found = format!("late_after {} and timeout {}", Span(late_after), Span(timeout));
            self.refuse(&path.key("late_after"), found, "late_after at most an eighth of timeout");
        }
        let zone = said.zone.unwrap_or_else(|| "UTC".to_owned());
        if TimeZone::get(&zone).is_err() {
            self.refuse_value(
                &path.key("zone"),
                &zone,
                "the IANA name of a time zone, such as Europe/Lisbon",
            );
            return (every, timeout, None);
        }
        (every, timeout, Some(Pace { zone: Arc::from(zone), late_after }))
    }
}
