//! Words of the catalogue as PromQL wants them.

use mailprobe::catalogue::metric::LANE;
use mailprobe::catalogue::{Cause, Family, Kind, Protocol, Reason};

/// The labels of a lane with its site, for `by` and `on`.
pub fn lane() -> String {
    format!("site, {}", LANE.join(", "))
}

/// Causes that say nothing of the mail service: somebody decided it, or the probe failed.
pub fn excused() -> String {
    any(&[Cause::Policy, Cause::Probe].map(Cause::name))
}

/// Causes that burn no promise and make no outage of classic Outlook.
pub fn not_the_service() -> String {
    any(&[Cause::Policy, Cause::Probe, Cause::Client].map(Cause::name))
}

/// Causes that are held against the service.
pub fn blamed() -> String {
    let excused = [Cause::Policy, Cause::Probe];
    let names: Vec<_> =
        Cause::ALL.iter().filter(|cause| !excused.contains(cause)).map(|c| c.name()).collect();
    any(&names)
}

/// What classic Outlook speaks to Exchange. Autodiscover is asked now and then only, and has alerts of its own.
pub fn classic() -> String {
    let of = |row: &&mailprobe::catalogue::protocol::ProtocolRow| {
        row.family == Family::Exchange && row.id != Protocol::Autodiscover
    };
    let names: Vec<_> = Protocol::rows().iter().filter(of).map(|row| row.name).collect();
    any(&names)
}

/// What shows that mailboxes are well while classic Outlook's protocols are not.
pub fn control() -> String {
    any(&[Protocol::Imap, Protocol::Graph, Protocol::Owa].map(Protocol::name))
}

/// Where people can go meanwhile.
pub fn web() -> String {
    any(&[Protocol::Graph, Protocol::Owa].map(Protocol::name))
}

/// Kinds that people notice at once; the others make tickets.
pub fn daily() -> String {
    any(&[Kind::Roundtrip, Kind::Login, Kind::Endpoint, Kind::Calendar, Kind::Meeting].map(Kind::name))
}

/// Kinds whose dashboard is that of calendars: all but mail and what is below it.
pub fn diary() -> String {
    let mail = [Kind::Roundtrip, Kind::Login, Kind::Endpoint];
    let names: Vec<_> =
        Kind::rows().iter().filter(|row| !mail.contains(&row.id)).map(|row| row.name).collect();
    any(&names)
}

/// What somebody decided, beside limits on sending.
pub fn decided() -> String {
    let of = |row: &&mailprobe::catalogue::reason::ReasonRow| {
        row.cause == Cause::Policy && row.id != Reason::SendingLimitReached
    };
    let names: Vec<_> = Reason::rows().iter().filter(of).map(|row| row.name).collect();
    any(&names)
}

fn any(names: &[&str]) -> String {
    names.join("|")
}

/// Makes what stands for a name.
type Word = fn() -> String;

/// The text with `@lane@`, `@classic@` … filled in.
pub fn fill(text: &str) -> String {
    let words: &[(&str, Word)] = &[
        ("@lane@", lane),
        ("@excused@", excused),
        ("@not_the_service@", not_the_service),
        ("@blamed@", blamed),
        ("@classic@", classic),
        ("@control@", control),
        ("@web@", web),
        ("@daily@", daily),
        ("@decided@", decided),
        ("@diary@", diary),
    ];
    words.iter().fold(text.to_owned(), |text, (name, word)| text.replace(name, &word()))
}
