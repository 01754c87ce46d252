//! Invitations, answers and cancellations as mail (RFC 6047).

use std::sync::Arc;

use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use mail_parser::{MessageParser, MimeHeaders as _, PartType};

use super::build::{HEADER, Outgoing};

/// Writes the mail that carries an object. `mark`: the token of its entry; `turn`: tells the mails of an entry apart.
///
/// # Errors
/// What is wrong with an address.
pub fn write(
    object: &str,
    subject: &str,
    (mark, turn): (&str, &str),
    from: &Arc<str>,
    to: &Arc<str>,
) -> Result<Outgoing, String> {
    let domain = from.rsplit_once('@').map_or("mailprobe.invalid", |(_, domain)| domain);
    let message_id = format!("{mark}.{turn}@{domain}");
    let method = object
        .lines()
        .find_map(|line| line.strip_prefix("METHOD:"))
        .ok_or_else(|| "an object without METHOD".to_owned())?;
    let kind = ContentType::parse(&format!("text/calendar; charset=utf-8; method={method}"))
        .map_err(|error| error.to_string())?;
    let sender: Mailbox = from.parse().map_err(|error| format!("{from}: {error}"))?;
    let receiver: Mailbox = to.parse().map_err(|error| format!("{to}: {error}"))?;
    let raw = |name: &'static str, value: &str| {
        HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
    };
    let words = "This is a test of mailprobe, which watches this mail service.\r\n\
         It is deleted by itself; nobody needs to read it.\r\n";
    let message = Message::builder()
        .from(sender)
        .to(receiver)
        .subject(subject)
        .message_id(Some(format!("<{message_id}>")))
        .raw_header(raw(HEADER, mark))
        .raw_header(raw("X-Auto-Response-Suppress", "All"))
        .multipart(
            MultiPart::alternative()
                .singlepart(SinglePart::plain(words.to_owned()))
                .singlepart(SinglePart::builder().header(kind).body(object.to_owned())),
        )
        .map_err(|error| error.to_string())?;
    Ok(Outgoing { from: Arc::clone(from), to: Arc::clone(to), message_id, bytes: message.formatted() })
}

/// The object that a mail carries. To be asked of mail only that is ours.
pub fn read(item: &[u8]) -> Option<String> {
    let message = MessageParser::default().parse(item)?;
    let part = message.parts.iter().find(|part| {
        part.content_type()
            .is_some_and(|kind| kind.ctype() == "text" && kind.subtype().is_some_and(|of| of == "calendar"))
    })?;
    match &part.body {
        PartType::Text(text) | PartType::Html(text) => Some(text.to_string()),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let object = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nX-T:\u{e9}\r\nEND:VCALENDAR\r\n";
        let (from, to) = ("alice@a.example".into(), "bob@b.example".into());
        let mail = write(object, "[mailprobe] x", ("x", "0"), &from, &to).unwrap();
        let text = String::from_utf8(mail.bytes.clone()).unwrap();
        assert!(text.contains("method=REQUEST") && text.contains("X-Mailprobe: x\r\n"), "{text}");
        assert_eq!(read(&mail.bytes).unwrap().replace('\n', "\r\n").replace("\r\r", "\r"), object);
        assert_eq!(read(b"Subject: x\r\n\r\nBEGIN:VCALENDAR"), None);
        assert!(write("no object", "", ("x", "0"), &from, &to).is_err());
    }
}
