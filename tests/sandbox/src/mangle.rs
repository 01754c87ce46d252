//! What becomes of an accepted message: delivery, and the faults that have their way with it.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    fault::{Fault, Protocol},
    mime,
    shared::Shared,
    smtp::{Envelope, Recipient},
};

const ABOVE: &str = "CAUTION: this message came from outside.\r\n\r\n";
const BELOW: &str = "\r\n--\r\nThis message is confidential.\r\n";

/// Delivers an accepted message to its recipients, or does with it what the fault says.
pub(crate) fn accept(
    shared: &Arc<Shared>,
    protocol: Protocol,
    envelope: &Envelope,
    received: &str,
    raw: &[u8],
    fault: Option<&Fault>,
) {
    let accepted = shared.accepted(protocol);
    let lost = match fault {
        Some(Fault::Lose) => true,
        Some(Fault::LoseEvery(n)) => accepted.is_multiple_of(u64::from(*n)),
        _ => false,
    };
    if lost {
        shared.count(|counts| counts.lost += 1);
        return;
    }
    let changed = match fault {
        Some(Fault::Corrupt) => corrupt(raw),
        Some(Fault::Banner) => banner(raw),
        _ => raw.to_vec(),
    };
    let folder = if fault == Some(&Fault::Junk) { "Junk" } else { "INBOX" };
    let double = fault == Some(&Fault::Double);
    if double {
        shared.count(|counts| counts.doubled += 1);
    }
    for recipient in &envelope.recipients {
        let user = shared.store.lock().user(&recipient.address).map(|user| user.name.clone());
        let (Some(user), false) = (user, fault == Some(&Fault::Bounce)) else {
            bounce(shared, envelope, recipient, raw);
            continue;
        };
        let mut delivered = format!(
            "Return-Path: <{}>\r\n{received}\r\n\tfor <{}>; {}\r\n",
            envelope.sender,
            recipient.address,
            date(Timestamp::now())
        )
        .into_bytes();
        delivered.extend_from_slice(&changed);
        for _ in 0..=u8::from(double) {
            shared.deliver_later(user.clone(), folder, delivered.clone(), fault);
        }
    }
}

/// The time as mail writes it.
pub(crate) fn date(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// Changes every tenth letter or digit of the body, but no line that holds parts together.
fn corrupt(raw: &[u8]) -> Vec<u8> {
    let (header, body) = raw.split_at(mime::header_end(raw));
    let mut changed = header.to_vec();
    let mut count = 0_usize;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"--") || line.get(..8).is_some_and(|head| head.eq_ignore_ascii_case(b"content-"))
        {
            changed.extend_from_slice(line);
            continue;
        }
        for byte in line {
            let plain = byte.is_ascii_alphanumeric();
            let change = plain && count.is_multiple_of(10);
            count += usize::from(plain);
            changed.push(match byte {
                b'z' | b'Z' | b'9' if change => byte - 1,
                _ if change => byte + 1,
                _ => *byte,
            });
        }
    }
    if count == 0 {
        changed.extend_from_slice(b"?\r\n");
    }
    changed
}

/// Puts a disclaimer around the first part of plain text.
fn banner(raw: &[u8]) -> Vec<u8> {
    let message = mime::parse(raw);
    let Some(part) = message.text() else { return raw.to_vec() };
    let text = &raw[part.body.clone()];
    let encoding = part.field("Content-Transfer-Encoding").unwrap_or_default().to_ascii_lowercase();
    let wrapped = if encoding == b"base64" {
        let packed: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let Ok(plain) = STANDARD.decode(packed) else { return raw.to_vec() };
        let wrapped = STANDARD.encode([ABOVE.as_bytes(), &plain, BELOW.as_bytes()].concat());
        let lines = wrapped.as_bytes().chunks(76).map(|line| [line, b"\r\n"].concat());
        lines.collect::<Vec<_>>().concat()
    } else {
        [ABOVE.as_bytes(), text, BELOW.as_bytes()].concat()
    };
    [&raw[..part.body.start], &wrapped, &raw[part.body.end..]].concat()
}

/// Tells the sender, if that is one of ours, that the message was not delivered (RFC 3464).
fn bounce(shared: &Arc<Shared>, envelope: &Envelope, recipient: &Recipient, raw: &[u8]) {
    let sender = shared.store.lock().user(&envelope.sender).map(|user| user.name.clone());
    let Some(user) = sender.filter(|_| !envelope.sender.is_empty() && !recipient.silent) else { return };
    let host = &shared.options.host;
    let now = date(Timestamp::now());
    let number = shared.number();
    let boundary = format!("=_bounce_{number}");
    let (kind, original) = if envelope.full {
        ("message/rfc822", raw)
    } else {
        ("text/rfc822-headers", &raw[..mime::header_end(raw)])
    };
    let mut report = format!(
        "Return-Path: <>\r\n\
         Date: {now}\r\n\
         From: Mail Delivery System <MAILER-DAEMON@{host}>\r\n\
         To: <{to}>\r\n\
         Message-ID: <bounce.{number}.{second}@{host}>\r\n\
         Subject: Undelivered Mail Returned to Sender\r\n\
         Auto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\"\r\n\
         \r\n\
         --{boundary}\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\
         \r\n\
         Your message could not be delivered to <{rcpt}>: no such user here.\r\n\
         \r\n\
         --{boundary}\r\n\
         Content-Type: message/delivery-status\r\n\
         \r\n\
         Reporting-MTA: dns; {host}\r\n\
         Arrival-Date: {now}\r\n\
         \r\n\
         Final-Recipient: rfc822; {rcpt}\r\n\
         Action: failed\r\n\
         Status: 5.1.1\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 No such user here\r\n\
         \r\n\
         --{boundary}\r\n\
         Content-Type: {kind}\r\n\
         \r\n",
        to = envelope.sender,
        rcpt = recipient.address,
        second = Timestamp::now().as_second(),
    )
    .into_bytes();
    report.extend_from_slice(original);
    report.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    shared.deliver_later(user, "INBOX", report, None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corruption_keeps_header_and_length() {
        let raw = b"A: b\r\n\r\n--b\r\nContent-Type: x\r\n0123456789 z\r\n";
        let changed = corrupt(raw);
        assert_eq!(changed, b"A: b\r\n\r\n--b\r\nContent-Type: x\r\n1123456789 y\r\n");
    }

    #[test]
    fn a_banner_goes_around_the_text_however_it_is_encoded() {
        let plain = banner(b"A: b\r\n\r\nhello\r\n");
        assert_eq!(plain, format!("A: b\r\n\r\n{ABOVE}hello\r\n{BELOW}").into_bytes());
        let coded = banner(b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n");
        let body: Vec<u8> = coded[mime::header_end(&coded)..].iter().copied().filter(|b| *b > b' ').collect();
        assert_eq!(STANDARD.decode(body).unwrap(), format!("{ABOVE}hello{BELOW}").into_bytes());
    }

    #[test]
    fn dates_are_those_of_mail() {
        assert_eq!(date(Timestamp::UNIX_EPOCH), "Thu, 01 Jan 1970 00:00:00 +0000");
    }
}
