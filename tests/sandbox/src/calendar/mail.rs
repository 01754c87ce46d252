//! Scheduling messages as mail (RFC 6047).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;

use super::{
    event,
    ical::{Component, Property},
    schedule::{Actor, Notice},
};
use crate::{
    ews::text,
    fault::Fault,
    http::guid,
    mangle,
    mime::Part,
    smtp::{Envelope, Recipient},
};

/// The text of a part, whatever its encoding.
pub(super) fn body(raw: &[u8], part: &Part) -> String {
    text::body(raw, part)
}

/// What is put before the subject, as Exchange does.
pub(crate) fn prefix(method: &str, event: &Component) -> &'static str {
    let answer = event.get("ATTENDEE").and_then(|attendee| attendee.parameter("PARTSTAT"));
    match (method, answer) {
        ("CANCEL", _) => "Canceled: ",
        ("REPLY", Some("ACCEPTED")) => "Accepted: ",
        ("REPLY", Some("TENTATIVE")) => "Tentative: ",
        ("REPLY", _) => "Declined: ",
        _ => "",
    }
}

/// The mail that says it.
pub(super) fn compose(actor: &Actor<'_>, notice: &Notice) -> Vec<u8> {
    let mut object = notice.object.clone();
    object.set(Property::new("METHOD", notice.method));
    let nothing = Component::default();
    let event = event::main(&object).unwrap_or(&nothing);
    let subject = prefix(notice.method, event).to_owned() + &event.text("SUMMARY").unwrap_or_default();
    let place = event.text("LOCATION").unwrap_or_default();
    let plain = format!("{}\r\n{place}\r\n", event.text("DESCRIPTION").unwrap_or_default());
    let boundary = format!("=_meeting_{}", guid());
    let to: Vec<String> = notice.to.iter().map(|address| format!("<{address}>")).collect();
    let mut raw = format!(
        "Date: {date}\r\nFrom: <{from}>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{id}@{host}>\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n",
        date = mangle::date(Timestamp::now()),
        from = actor.address(),
        to = to.join(",\r\n "),
        subject = text::encode(&subject),
        id = guid(),
        host = actor.shared.options.host,
    );
    let method = format!("text/calendar; charset=\"utf-8\"; method={}", notice.method);
    for (kind, content) in [("text/plain; charset=\"utf-8\"", plain), (&method, object.write())] {
        raw += &format!("--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n");
        raw += &lines(&content);
    }
    raw += &format!("--{boundary}--\r\n");
    raw.into_bytes()
}

/// Text in base64, in lines.
fn lines(text: &str) -> String {
    let packed = STANDARD.encode(text);
    let lines = packed.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line) + "\r\n");
    lines.collect()
}

/// An entry that was thrown away, as a message that carries it.
pub(crate) fn thrown_away(address: &str, object: &Component) -> Vec<u8> {
    let event = event::main(object).cloned().unwrap_or_default();
    format!(
        "Date: {}\r\nFrom: <{address}>\r\nSubject: {}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/calendar; charset=\"utf-8\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        mangle::date(Timestamp::now()),
        text::encode(&event.text("SUMMARY").unwrap_or_default()),
        lines(&object.write())
    )
    .into_bytes()
}

pub(super) fn send(actor: &Actor<'_>, notice: &Notice, raw: &[u8], fault: Option<&Fault>) {
    let shared = actor.shared;
    let host = &shared.options.host;
    let recipients = notice.to.iter().map(|address| Recipient { address: address.clone(), silent: false });
    let envelope =
        Envelope { sender: actor.address(), recipients: recipients.collect(), ..Envelope::default() };
    let received = format!(
        "Received: from {host} ({host}) by {host} with {} id {:08X}",
        actor.protocol.name(),
        shared.number()
    );
    mangle::accept(shared, actor.protocol, &envelope, &received, raw, fault);
}
