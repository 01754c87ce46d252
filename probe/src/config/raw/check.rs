//! `checks` as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::words::{Span, Words};

/// `checks`: a list, or a map by name.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
pub enum Checks {
    List(Vec<Check>),
    ByName(BTreeMap<String, Option<Check>>),
}

/// One check: its kind with its arguments.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum Check {
    Roundtrip(Roundtrip),
    Login(Login),
    Endpoint(EndpointCheck),
    Calendar(Calendar),
    Meeting(Meeting),
    Directory(Directory),
    FreeBusy(FreeBusy),
    Autodiscover(Autodiscover),
}

/// Sends one message and awaits it in every view of the receiving mailbox.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roundtrip {
    /// Default: roundtrip, `from`, `to` and `send`, joined by `-`.
    pub name: Option<String>,
    /// The sending mailbox.
    pub from: String,
    /// The receiving mailbox.
    pub to: String,
    /// The submitting protocol, or several that take turns.
    pub send: Words,
    /// The protocols that the message is awaited in.
    pub views: Words,
    /// Default: 60s.
    pub every: Option<Span>,
    /// Of the submission. Default: the smaller of `every` and 30s.
    pub timeout: Option<Span>,
    /// From then on a message is late, and the view has failed. Default: 30s.
    pub late_after: Option<Span>,
    /// From then on a message is lost. Default: 15m.
    pub lost_after: Option<Span>,
    /// Messages awaited at once; above it the slot is skipped. Default: 64.
    pub max_in_flight: Option<u32>,
    /// Keep the sending session from one message to the next. Default: false.
    pub keep_sender: Option<bool>,
}

/// Opens a session per listed protocol as a mail program does, lists the inbox, closes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Default: login and `mailbox`, joined by `-`.
    pub name: Option<String>,
    /// The mailbox that is signed in to.
    pub mailbox: String,
    /// Each is signed in by, in a session of its own.
    pub protocols: Words,
    /// Default: 60s.
    pub every: Option<Span>,
    /// Default: the smaller of `every` and 30s.
    pub timeout: Option<Span>,
}

/// Connects to every address of every endpoint, up to the greeting, without signing in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointCheck {
    /// Default: endpoint and `mail_service`, joined by `-`.
    pub name: Option<String>,
    /// The mail service whose endpoints are connected to.
    pub mail_service: String,
    /// Default: all that the mail service has.
    pub protocols: Option<Words>,
    /// Default: 60s.
    pub every: Option<Span>,
    /// Default: the smaller of `every` and 30s.
    pub timeout: Option<Span>,
}

/// Looks a mailbox up in the directory, by its address.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Default: directory, `mailbox` and `of`, joined by `-`.
    pub name: Option<String>,
    /// The mailbox that is signed in to.
    pub mailbox: String,
    /// The mailbox that is looked up.
    pub of: String,
    /// Each is signed in by, in a session of its own.
    pub protocols: Words,
    /// Default: 15m.
    pub every: Option<Span>,
    /// Default: the smaller of `every` and 30s.
    pub timeout: Option<Span>,
}

/// Makes an entry, moves it by 30 minutes, gives it another place, deletes it; each change is awaited in every view.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Default: calendar, `mailbox` and `write`, joined by `-`.
    pub name: Option<String>,
    /// The mailbox whose calendar it is.
    pub mailbox: String,
    /// The protocol that the entry is changed by.
    pub write: String,
    /// The protocols that each change is awaited in.
    pub views: Words,
    /// The entry is a series of four days, one of which is moved. Default: false.
    pub recurring: Option<bool>,
    /// The IANA name of the time zone that the entry is written in, such as Europe/Lisbon. Default: UTC.
    pub zone: Option<String>,
    /// Default: 5m.
    pub every: Option<Span>,
    /// Of a whole run. Default: the smaller of `every` and 2m.
    pub timeout: Option<Span>,
    /// From then on a change that does not show is a failure; at most an eighth of `timeout`. Default: 15s, or an eighth of `timeout` if that is less.
    pub late_after: Option<Span>,
}

/// Invites the attendee, who accepts; moves the meeting, calls it off; each is awaited at the other side.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Meeting {
    /// Default: meeting, `organizer` and `attendee`, joined by `-`.
    pub name: Option<String>,
    /// The mailbox that invites.
    pub organizer: String,
    /// The mailbox that is invited.
    pub attendee: String,
    /// The protocol of the organizer's calendar; imap: the organizer invites by mails (iMIP), sent by smtp.
    pub protocol: String,
    /// That of the attendee's; imap: the attendee reads invitations as mails and answers by mail. Default: as `protocol`.
    pub attendee_protocol: Option<String>,
    /// The IANA name of the time zone that the meeting is written in, such as Europe/Lisbon. Default: UTC.
    pub zone: Option<String>,
    /// Default: 15m.
    pub every: Option<Span>,
    /// Of a whole run. Default: the smaller of `every` and 2m.
    pub timeout: Option<Span>,
    /// From then on what does not show at the other side is a failure; at most an eighth of `timeout`. Default: 15s, or an eighth of `timeout` if that is less.
    pub late_after: Option<Span>,
}

/// Makes a mailbox busy for half an hour, awaits that in its free/busy times, and then that it is free again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreeBusy {
    /// Default: free_busy, `mailbox` and `of`, joined by `-`.
    pub name: Option<String>,
    /// The mailbox that looks.
    pub mailbox: String,
    /// The mailbox whose times are read, and made busy.
    pub of: String,
    /// The protocol that the times are read by.
    pub protocol: String,
    /// The protocol that the entry is written by, at `of`. Default: as `protocol`.
    pub write: Option<String>,
    /// The IANA name of the time zone that the entry is written in, such as Europe/Lisbon. Default: UTC.
    pub zone: Option<String>,
    /// Default: 15m.
    pub every: Option<Span>,
    /// Of a whole run. Default: the smaller of `every` and 2m.
    pub timeout: Option<Span>,
    /// From then on what does not show is a failure; at most an eighth of `timeout`. Default: 15s, or an eighth of `timeout` if that is less.
    pub late_after: Option<Span>,
}

/// Finds where a mailbox is served, as Outlook does, and compares that with the configuration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Autodiscover {
    /// Default: autodiscover and `mailbox`, joined by `-`.
    pub name: Option<String>,
    /// The mailbox that is looked for, and signed in to.
    pub mailbox: String,
    /// Default: 15m.
    pub every: Option<Span>,
    /// Default: the smaller of `every` and 30s.
    pub timeout: Option<Span>,
}
