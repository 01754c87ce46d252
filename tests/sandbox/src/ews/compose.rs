//! Messages that clients hand over: as MIME, or as properties from which MIME is made.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use roxmltree::Node;

use super::{
    Call, Refusal,
    address::{self, Mailbox},
    fields::{Extended, Key},
    text,
};
use crate::{
    http::guid,
    mangle, mime,
    smtp::{Envelope, Recipient},
    store::{Flags, MAX_MESSAGE},
    xml,
};

/// A message to be kept or sent.
pub(super) struct Draft {
    pub(super) raw: Vec<u8>,
    pub(super) flags: Flags,
}

const TOO_BIG: Refusal =
    Refusal("ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.");

/// Reads `t:Message`.
pub(super) fn read(call: &Call<'_>, node: Node<'_, '_>) -> Result<Draft, Refusal> {
    let raw = match xml::text(node, "MimeContent") {
        Some(content) => from_mime(call, content)?,
        None => from_properties(call, node),
    };
    if raw.len() > MAX_MESSAGE {
        return Err(TOO_BIG);
    }
    Ok(Draft { raw, flags: flags(node) })
}

fn flags(node: Node<'_, '_>) -> Flags {
    let mut flags = Flags::new();
    // PidTagMessageFlags, by which a message that is put into a folder is told not to be a draft.
    let of = |tag: u16| {
        xml::children(node).filter(|child| child.tag_name().name() == "ExtendedProperty").find_map(
            |property| {
                let extended = Extended::read(xml::child(property, "ExtendedFieldURI")?)?;
                (extended.key == Key::Tag(tag)).then(|| xml::text(property, "Value"))?
            },
        )
    };
    let given = of(0x0e07).and_then(|value| value.parse::<u32>().ok());
    if given.is_none_or(|bits| bits & 8 != 0) {
        flags.insert("\\Draft".to_owned());
    }
    let read = match xml::text(node, "IsRead") {
        Some(read) => read == "true",
        None => given.is_none_or(|bits| bits & 1 != 0),
    };
    if read {
        flags.insert("\\Seen".to_owned());
    }
    if of(0x1090) == Some("2") {
        flags.insert("\\Flagged".to_owned());
    }
    flags
}

fn from_mime(call: &Call<'_>, content: &str) -> Result<Vec<u8>, Refusal> {
    let packed: Vec<u8> = content.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let raw = STANDARD.decode(packed).map_err(|_| {
        Refusal("ErrorMimeContentInvalidBase64String", "The MIME content is not a valid base64 string.")
    })?;
    // Every line end is the one of mail.
    let mut message = Vec::with_capacity(raw.len());
    let mut before = 0;
    for byte in raw {
        if byte == b'\n' && before != b'\r' {
            message.push(b'\r');
        }
        message.push(byte);
        before = byte;
    }
    Ok(complete(call, message))
}

/// Adds the fields that every message has, where they are missing.
fn complete(call: &Call<'_>, message: Vec<u8>) -> Vec<u8> {
    let fields = mime::fields(&message[..mime::header_end(&message)], 0);
    let mut head = String::new();
    for (name, value) in [
        ("From", format!("<{}>", call.address())),
        ("Date", mangle::date(Timestamp::now())),
        ("Message-ID", format!("<{}@{}>", guid(), call.http.shared.options.host)),
    ] {
        if mime::field(&fields, name).is_none() {
            head += &format!("{name}: {value}\r\n");
        }
    }
    let mut whole = head.into_bytes();
    if fields.is_empty() {
        whole.extend_from_slice(b"\r\n");
    }
    whole.extend_from_slice(&message);
    whole
}

fn mailboxes(node: Node<'_, '_>, name: &str) -> Vec<Mailbox> {
    let list = xml::child(node, name).into_iter().flat_map(xml::children);
    list.filter_map(|mailbox| {
        let address = xml::text(mailbox, "EmailAddress").filter(|address| !address.is_empty())?;
        let name = xml::text(mailbox, "Name").filter(|name| *name != address).unwrap_or_default();
        Some(Mailbox { name: name.to_owned(), address: address.to_owned() })
    })
    .collect()
}

fn from_properties(call: &Call<'_>, node: Node<'_, '_>) -> Vec<u8> {
    let mut head = String::new();
    for (element, field) in [
        ("From", "From"),
        ("Sender", "Sender"),
        ("ToRecipients", "To"),
        ("CcRecipients", "Cc"),
        ("BccRecipients", "Bcc"),
        ("ReplyTo", "Reply-To"),
    ] {
        let list: Vec<String> = mailboxes(node, element).iter().map(Mailbox::header).collect();
        if !list.is_empty() {
            head += &format!("{field}: {}\r\n", list.join(",\r\n "));
        }
    }
    for (element, field) in [
        ("Subject", "Subject"),
        ("InternetMessageId", "Message-ID"),
        ("InReplyTo", "In-Reply-To"),
        ("References", "References"),
        ("Importance", "Importance"),
    ] {
        if let Some(value) = xml::text(node, element).filter(|value| !value.is_empty()) {
            head += &format!("{field}: {}\r\n", text::encode(value));
        }
    }
    for property in xml::children(node).filter(|child| child.tag_name().name() == "ExtendedProperty") {
        let key =
            xml::child(property, "ExtendedFieldURI").and_then(Extended::read).map(|extended| extended.key);
        if let (Some(Key::Header(name)), Some(value)) = (key, xml::text(property, "Value"))
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
        {
            head += &format!("{name}: {}\r\n", text::encode(value));
        }
    }
    let body = xml::child(node, "Body");
    let kind = body.and_then(|body| body.attribute("BodyType")).unwrap_or("Text");
    let subkind = if kind == "HTML" { "html" } else { "plain" };
    let text = body.and_then(|body| body.text()).unwrap_or_default();
    let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    head += &format!(
        "MIME-Version: 1.0\r\nContent-Type: text/{subkind}; charset=\"utf-8\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    );
    let mut raw = head.into_bytes();
    for line in STANDARD.encode(text).as_bytes().chunks(76) {
        raw.extend_from_slice(line);
        raw.extend_from_slice(b"\r\n");
    }
    complete(call, raw)
}

/// Who a message goes to, and the message as they get it: without `Bcc`.
pub(super) fn envelope(call: &Call<'_>, raw: &[u8]) -> Result<(Envelope, Vec<u8>), Refusal> {
    let end = mime::header_end(raw);
    let fields = mime::fields(&raw[..end], 0);
    let mut envelope = Envelope { sender: call.address(), ..Envelope::default() };
    let mut sent = Vec::with_capacity(raw.len());
    for field in &fields {
        if ["To", "Cc", "Bcc"].iter().any(|name| field.name.eq_ignore_ascii_case(name)) {
            for Mailbox { address, .. } in address::list(&field.value) {
                if !address.contains('@') {
                    return Err(INVALID_RECIPIENTS);
                }
                if !envelope.recipients.iter().any(|known| known.address.eq_ignore_ascii_case(&address)) {
                    envelope.recipients.push(Recipient { address, silent: false });
                }
            }
        }
        if !field.name.eq_ignore_ascii_case("Bcc") {
            sent.extend_from_slice(&raw[field.range.clone()]);
        }
    }
    sent.extend_from_slice(if raw[..end].ends_with(b"\r\n\r\n") { b"\r\n" } else { b"" });
    sent.extend_from_slice(&raw[end..]);
    if envelope.recipients.is_empty() {
        return Err(INVALID_RECIPIENTS);
    }
    let from = mime::field(&fields, "From").map(address::list).unwrap_or_default();
    let state = call.http.shared.store.lock();
    let own = |mailbox: &Mailbox| state.user(&mailbox.address).is_some_and(|user| user.name == call.user);
    if !from.iter().all(own) {
        return Err(SEND_AS_DENIED);
    }
    Ok((envelope, sent))
}

pub(super) const INVALID_RECIPIENTS: Refusal =
    Refusal("ErrorInvalidRecipients", "At least one recipient isn't valid.");
pub(super) const SEND_AS_DENIED: Refusal = Refusal(
    "ErrorSendAsDenied",
    "The user account which was used to submit this request does not have the right to send mail on behalf of the \
     specified sending account.",
);
