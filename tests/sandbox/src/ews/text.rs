//! Mail's text as people read it: encoded words, bodies, times.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{Timestamp, tz::TimeZone};

use crate::mime::Part;

/// The time as XML writes it, in whole seconds.
pub(crate) fn time(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn charset(name: &str, bytes: &[u8]) -> String {
    let name = name.to_ascii_lowercase();
    if name.starts_with("iso-8859-1") || name == "windows-1252" {
        return bytes.iter().map(|byte| char::from(*byte)).collect();
    }
    String::from_utf8_lossy(bytes).into_owned()
}

/// Undoes `=XX`; in encoded words `_` is a space.
fn quoted(text: &[u8], words: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match byte {
            b'_' if words => bytes.push(b' '),
            b'=' => match (digit(0), digit(1)) {
                (Some(high), Some(low)) => {
                    bytes.extend(u8::try_from(high * 16 + low));
                    rest = &after[2..];
                }
                // A soft line break.
                _ if after.starts_with(b"\r\n") => rest = &after[2..],
                _ if after.starts_with(b"\n") => rest = &after[1..],
                _ => bytes.push(b'='),
            },
            byte => bytes.push(*byte),
        }
    }
    bytes
}

fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let packed: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).ok()
}

/// An encoded word (RFC 2047) without its `=?` and `?=`.
fn word(inner: &str) -> Option<String> {
    let mut parts = inner.splitn(3, '?');
    let (name, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = match encoding {
        "B" | "b" => base64(text.as_bytes())?,
        "Q" | "q" => quoted(text.as_bytes(), true),
        _ => return None,
    };
    Some(charset(name.split('*').next().unwrap_or_default(), &bytes))
}

/// A header field's value with its encoded words decoded.
pub(crate) fn header(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let mut decoded = String::new();
    let mut rest: &str = &text;
    // White space between two encoded words belongs to neither.
    let mut after_word = false;
    while let Some((before, from)) = rest.split_once("=?") {
        // The encoding stands between the second and the third question mark: look behind it for the end.
        let head: usize = from.splitn(3, '?').take(2).map(|part| part.len() + 1).sum();
        let found = from.split_at_checked(head).and_then(|(head, tail)| {
            let (text, after) = tail.split_once("?=")?;
            Some((word(&format!("{head}{text}"))?, after))
        });
        let Some((word, after)) = found else {
            decoded.push_str(before);
            decoded.push_str("=?");
            rest = from;
            after_word = false;
            continue;
        };
        if !(after_word && before.trim().is_empty()) {
            decoded.push_str(before);
        }
        decoded.push_str(&word);
        rest = after;
        after_word = true;
    }
    decoded.push_str(rest);
    decoded
}

/// A part's text, its transfer encoding and its charset undone.
pub(crate) fn body(raw: &[u8], part: &Part) -> String {
    let bytes = &raw[part.body.clone()];
    let encoding = part.field("Content-Transfer-Encoding").unwrap_or_default().to_ascii_lowercase();
    let decoded = match encoding.as_slice() {
        b"base64" => base64(bytes).unwrap_or_default(),
        b"quoted-printable" => quoted(bytes, false),
        _ => bytes.to_vec(),
    };
    let name = part.parameters.iter().find(|(key, _)| key == "charset").map_or("utf-8", |(_, name)| name);
    charset(name, &decoded)
}

/// The first part of that kind of text.
pub(super) fn find<'a>(part: &'a Part, subkind: &str) -> Option<&'a Part> {
    if part.is_multipart() {
        return part.children.iter().find_map(|child| find(child, subkind));
    }
    (part.kind == "text" && part.subkind == subkind).then_some(part)
}

/// Whether a part is to be saved and not to be shown.
pub(crate) fn has_attachment(part: &Part) -> bool {
    let disposition = part.field("Content-Disposition").unwrap_or_default().to_ascii_lowercase();
    disposition.starts_with(b"attachment") || part.children.iter().any(has_attachment)
}

/// A header field's value as it may stand in a message: what is not ASCII is encoded.
pub(crate) fn encode(value: &str) -> String {
    let value = value.replace(['\r', '\n'], " ");
    if value.is_ascii() {
        return value;
    }
    let mut words = Vec::new();
    let mut chunk = String::new();
    for c in value.chars() {
        if chunk.len() + c.len_utf8() > 45 {
            words.push(std::mem::take(&mut chunk));
        }
        chunk.push(c);
    }
    words.push(chunk);
    let words: Vec<String> =
        words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime;

    #[test]
    fn encoded_words_are_read() {
        for (written, read) in [
            ("plain", "plain"),
            ("=?utf-8?B?w6k=?= x", "\u{e9} x"),
            ("a =?ISO-8859-1?Q?=E9_b?=", "a \u{e9} b"),
            ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
            ("=?utf-8?Q?=C3=A9?=", "\u{e9}"),
            ("=?broken", "=?broken"),
            ("1 =? 2", "1 =? 2"),
        ] {
            assert_eq!(header(written.as_bytes()), read);
        }
        let long = "\u{e9}".repeat(100);
        let encoded = encode(&long);
        assert!(encoded.is_ascii());
        assert_eq!(header(encoded.replace("\r\n", "").as_bytes()), long);
    }

    #[test]
    fn bodies_are_decoded() {
        let raw =
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
            a=C3=A9=\r\nb";
        assert_eq!(body(raw, &mime::parse(raw)), "a\u{e9}b");
        let raw = b"Content-Transfer-Encoding: base64\r\n\r\naGVs\r\nbG8=\r\n";
        assert_eq!(body(raw, &mime::parse(raw)), "hello");
    }
}
