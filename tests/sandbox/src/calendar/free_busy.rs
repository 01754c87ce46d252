//! Free and busy: what a calendar says of a time.

use jiff::Timestamp;

use super::{Calendar, event};
use crate::fault::Fault;

/// A time that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// `Tentative`, `Busy` or `OOF`.
    pub(crate) busy: &'static str,
    pub(crate) subject: String,
    pub(crate) location: String,
    pub(crate) private: bool,
    pub(crate) recurring: bool,
    pub(crate) meeting: bool,
}

/// The times that are taken between two moments, in order.
pub(crate) fn blocks(
    calendar: &Calendar,
    from: Timestamp,
    to: Timestamp,
    fault: Option<&Fault>,
) -> Vec<Block> {
    let mut found = Vec::new();
    for entry in calendar.entries() {
        let object = entry.shown(fault);
        for instance in event::instances(&object, from, to) {
            let busy = event::busy(instance.event);
            if busy == "Free" {
                continue;
            }
            let text = |name: &str| instance.event.text(name).unwrap_or_default();
            found.push(Block {
                start: instance.start.timestamp(),
                end: instance.end.timestamp(),
                busy,
                subject: text("SUMMARY"),
                location: text("LOCATION"),
                private: instance.event.value("CLASS").is_some_and(|class| class != "PUBLIC"),
                recurring: instance.kind != event::Kind::Single,
                meeting: instance.event.get("ATTENDEE").is_some(),
            });
        }
    }
    found.sort_by_key(|block| (block.start, block.end));
    found
}
