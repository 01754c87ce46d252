//! The probe message as it is sent.

use std::sync::Arc;

use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, SinglePart};

use super::token::Token;

/// Fixed, for transport rules.
pub const SUBJECT: &str = "[mailprobe]";
/// The header that carries the token.
pub const HEADER: &str = "X-Mailprobe";
/// Before the payload's first line.
pub const BEGIN: &str = "-----BEGIN MAILPROBE PAYLOAD-----";
/// After the payload's last line.
pub const END: &str = "-----END MAILPROBE PAYLOAD-----";

/// A message ready to be submitted.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub from: Arc<str>,
    pub to: Arc<str>,
    /// Without angle brackets.
    pub message_id: String,
    /// Header and body, lines ended by CRLF; no dot-stuffing. 7-bit, no line above 78 characters.
    pub bytes: Vec<u8>,
}

/// Writes the message that carries a token.
///
/// # Errors
/// What is wrong with an address.
pub fn build(token: &Token, from: &Arc<str>, to: &Arc<str>) -> Result<Outgoing, String> {
    let text = token.text();
    let domain = from.rsplit_once('@').map_or("mailprobe.invalid", |(_, domain)| domain);
    let message_id = format!("{text}@{domain}");
    let sender: Mailbox = from.parse().map_err(|error| format!("{from}: {error}"))?;
    let receiver: Mailbox = to.parse().map_err(|error| format!("{to}: {error}"))?;
    let envelope = Envelope::new(Some(sender.email.clone()), vec![receiver.email.clone()])
        .map_err(|error| error.to_string())?;
    let raw = |name: &'static str, value: &str| {
        HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
    };
    let message = Message::builder()
        .envelope(envelope)
        .from(sender)
        .to(receiver)
        .subject(format!("{SUBJECT} {text}"))
        .message_id(Some(format!("<{message_id}>")))
        .date(token.sent())
        .raw_header(raw(HEADER, &text))
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        .raw_header(raw("X-Auto-Response-Suppress", "All"))
        .singlepart(
            SinglePart::builder()
                .header(ContentType::TEXT_PLAIN)
                .header(ContentTransferEncoding::SevenBit)
                .body(body(token, &text)),
        )
        .map_err(|error| error.to_string())?;
    Ok(Outgoing { from: Arc::clone(from), to: Arc::clone(to), message_id, bytes: message.formatted() })
}

fn body(token: &Token, text: &str) -> String {
    let mut out = String::from(
        "This is a test message of mailprobe, which watches this mail service.\r\n\
         It is deleted by itself; nobody needs to read it.\r\n\r\n",
    );
    for line in [text, BEGIN].into_iter().map(str::to_owned).chain(token.payload()).chain([END.to_owned()]) {
        out.push_str(&line);
        out.push_str("\r\n");
    }
    out
}
