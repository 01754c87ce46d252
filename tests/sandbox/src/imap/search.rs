//! SEARCH: its keys, and which messages they match.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{civil::Date, tz::TimeZone};

use super::{
    parse::{Bad, Cursor, Parsed, Set},
    view::Entry,
};
use crate::mime;

/// How deep keys may be within keys.
const MAX_DEPTH: usize = 30;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    All,
    Numbers(Set),
    Uid(Set),
    Flag(String, bool),
    Recent(bool),
    New,
    /// The internal date: before, on, since.
    Internal(When, Date),
    /// The date of the header.
    Sent(When, Date),
    Larger(usize),
    Smaller(usize),
    Header(String, Vec<u8>),
    Body(Vec<u8>),
    Text(Vec<u8>),
    Not(Box<Self>),
    Or(Box<Self>, Box<Self>),
    And(Vec<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Before,
    On,
    Since,
}

/// What SEARCH asks for.
pub(super) enum Query {
    Key(Key),
    /// Strings are in a character set that is not known.
    BadCharset,
}

/// Reads the arguments of SEARCH.
pub(super) fn query(cursor: &mut Cursor<'_>) -> Parsed<Query> {
    let mut ahead = cursor.clone();
    if ahead.word().is_ok_and(|word| word == "CHARSET") {
        ahead.space()?;
        let charset = ahead.astring()?.to_ascii_uppercase();
        if charset != b"UTF-8" && charset != b"US-ASCII" {
            return Ok(Query::BadCharset);
        }
        ahead.space()?;
        *cursor = ahead;
    }
    Ok(Query::Key(keys(cursor, 0)?))
}

fn keys(cursor: &mut Cursor<'_>, depth: usize) -> Parsed<Key> {
    let mut all = vec![key(cursor, depth)?];
    while cursor.eat(b' ') {
        all.push(key(cursor, depth)?);
    }
    Ok(Key::And(all))
}

fn key(cursor: &mut Cursor<'_>, depth: usize) -> Parsed<Key> {
    if depth > MAX_DEPTH {
        return Err(Bad("keys are too deep"));
    }
    match cursor.peek() {
        Some(b'(') => {
            cursor.expect(b'(')?;
            let inner = keys(cursor, depth + 1)?;
            cursor.expect(b')')?;
            return Ok(inner);
        }
        Some(b'*' | b'0'..=b'9') => return Ok(Key::Numbers(cursor.set()?)),
        _ => {}
    }
    let word = cursor.word()?;
    if let Some(key) = simple(&word) {
        return Ok(key);
    }
    cursor.space()?;
    Ok(match word.as_str() {
        "UID" => Key::Uid(cursor.set()?),
        "KEYWORD" => Key::Flag(cursor.flag()?, true),
        "UNKEYWORD" => Key::Flag(cursor.flag()?, false),
        "BEFORE" => Key::Internal(When::Before, cursor.date()?),
        "ON" => Key::Internal(When::On, cursor.date()?),
        "SINCE" => Key::Internal(When::Since, cursor.date()?),
        "SENTBEFORE" => Key::Sent(When::Before, cursor.date()?),
        "SENTON" => Key::Sent(When::On, cursor.date()?),
        "SENTSINCE" => Key::Sent(When::Since, cursor.date()?),
        "LARGER" => Key::Larger(cursor.number()? as usize),
        "SMALLER" => Key::Smaller(cursor.number()? as usize),
        "SUBJECT" | "FROM" | "TO" | "CC" | "BCC" => Key::Header(word, cursor.astring()?),
        "HEADER" => {
            let name = cursor.mailbox()?;
            cursor.space()?;
            Key::Header(name, cursor.astring()?)
        }
        "BODY" => Key::Body(cursor.astring()?),
        "TEXT" => Key::Text(cursor.astring()?),
        "NOT" => Key::Not(Box::new(key(cursor, depth + 1)?)),
        "OR" => {
            let first = key(cursor, depth + 1)?;
            cursor.space()?;
            Key::Or(Box::new(first), Box::new(key(cursor, depth + 1)?))
        }
        _ => return Err(Bad("unknown search key")),
    })
}

fn simple(word: &str) -> Option<Key> {
    let flag = |name: &str, set| Some(Key::Flag(format!("\\{name}"), set));
    match word {
        "ALL" => Some(Key::All),
        "SEEN" => flag("Seen", true),
        "UNSEEN" => flag("Seen", false),
        "DELETED" => flag("Deleted", true),
        "UNDELETED" => flag("Deleted", false),
        "ANSWERED" => flag("Answered", true),
        "UNANSWERED" => flag("Answered", false),
        "FLAGGED" => flag("Flagged", true),
        "UNFLAGGED" => flag("Flagged", false),
        "DRAFT" => flag("Draft", true),
        "UNDRAFT" => flag("Draft", false),
        "RECENT" => Some(Key::Recent(true)),
        "OLD" => Some(Key::Recent(false)),
        "NEW" => Some(Key::New),
        _ => None,
    }
}

impl When {
    fn holds(self, date: Date, than: Date) -> bool {
        match self {
            Self::Before => date < than,
            Self::On => date == than,
            Self::Since => date >= than,
        }
    }
}

/// The largest number and the largest UID in use.
#[derive(Clone, Copy)]
pub(super) struct Last {
    pub(super) number: u32,
    pub(super) uid: u32,
}

/// Whether the message with that number matches.
pub(super) fn matches(key: &Key, number: u32, entry: &Entry, last: Last) -> bool {
    match key {
        Key::All => true,
        Key::Numbers(set) => set.contains(number, last.number),
        Key::Uid(set) => set.contains(entry.uid, last.uid),
        Key::Flag(flag, set) => entry.flags.iter().any(|f| f.eq_ignore_ascii_case(flag)) == *set,
        Key::Recent(set) => entry.recent == *set,
        Key::New => entry.recent && !entry.flags.contains("\\Seen"),
        Key::Internal(when, date) => when.holds(entry.date.to_zoned(TimeZone::UTC).date(), *date),
        Key::Sent(when, date) => sent(entry).is_some_and(|sent| when.holds(sent, *date)),
        Key::Larger(size) => entry.raw.len() > *size,
        Key::Smaller(size) => entry.raw.len() < *size,
        Key::Header(name, text) => {
            let header = mime::fields(&entry.raw[..mime::header_end(&entry.raw)], 0);
            header
                .iter()
                .filter(|field| field.name.eq_ignore_ascii_case(name))
                .any(|field| contains(&field.value, text) || contains(decoded(&field.value).as_bytes(), text))
        }
        Key::Body(text) => contains(&entry.raw[mime::header_end(&entry.raw)..], text),
        Key::Text(text) => contains(&entry.raw, text),
        Key::Not(key) => !matches(key, number, entry, last),
        Key::Or(a, b) => matches(a, number, entry, last) || matches(b, number, entry, last),
        Key::And(keys) => keys.iter().all(|key| matches(key, number, entry, last)),
    }
}

fn sent(entry: &Entry) -> Option<Date> {
    let fields = mime::fields(&entry.raw[..mime::header_end(&entry.raw)], 0);
    let date = std::str::from_utf8(mime::field(&fields, "Date")?).ok()?;
    jiff::fmt::rfc2822::parse(date).ok().map(|zoned| zoned.date())
}

/// Whether the text is in there, whatever the case.
fn contains(bytes: &[u8], text: &[u8]) -> bool {
    let lower = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => bytes.to_ascii_lowercase(),
    };
    let (bytes, text) = (lower(bytes), lower(text));
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}

/// A header's value with its encoded words (RFC 2047) decoded, if they are in UTF-8 or ASCII.
fn decoded(value: &[u8]) -> String {
    let value = String::from_utf8_lossy(value).into_owned();
    let mut text = String::new();
    let mut rest = value.as_str();
    while let Some((before, after)) = rest.split_once("=?") {
        let parts: Vec<&str> = after.splitn(4, '?').collect();
        let word = match parts[..] {
            [charset, encoding, content, tail] if tail.starts_with('=') => {
                word(charset, encoding, content).zip(tail.strip_prefix('='))
            }
            _ => None,
        };
        match word {
            Some((word, tail)) => {
                if !before.trim().is_empty() {
                    text.push_str(before);
                }
                text.push_str(&word);
                rest = tail;
            }
            None => {
                text.push_str(before);
                text.push_str("=?");
                rest = after;
            }
        }
    }
    text + rest
}

fn word(charset: &str, encoding: &str, content: &str) -> Option<String> {
    if !charset.eq_ignore_ascii_case("utf-8") && !charset.eq_ignore_ascii_case("us-ascii") {
        return None;
    }
    let bytes = if encoding.eq_ignore_ascii_case("B") {
        STANDARD.decode(content).ok()?
    } else {
        let mut bytes = Vec::new();
        let mut left = content.bytes();
        while let Some(byte) = left.next() {
            bytes.push(match byte {
                b'_' => b' ',
                b'=' => {
                    let hex = [left.next()?, left.next()?];
                    u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?
                }
                byte => byte,
            });
        }
        bytes
    };
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn found(text: &str) -> bool {
        let mut cursor = Cursor::new(text.as_bytes());
        let Query::Key(key) = query(&mut cursor).unwrap() else { panic!("{text}") };
        cursor.end().unwrap();
        let raw = b"Subject: Hello =?utf-8?Q?W=C3=B6rld?=\r\nFrom: a@b\r\n\
            Date: Tue, 3 Mar 2026 23:00:00 -0500\r\n\r\nThe body\r\n";
        let entry = Entry {
            uid: 9,
            flags: ["\\Seen".to_owned(), "$Label".to_owned()].into(),
            recent: false,
            date: "2026-03-05T12:00:00Z".parse().unwrap(),
            raw: Arc::from(&raw[..]),
        };
        matches(&key, 2, &entry, Last { number: 2, uid: 9 })
    }

    #[test]
    fn keys_match() {
        for text in [
            "ALL",
            "2",
            "*",
            "UID 9:10",
            "SEEN UNDELETED",
            "SUBJECT hello",
            "CHARSET UTF-8 SUBJECT \"wörld\"",
            "HEADER from \"\"",
            "HEADER FROM A@B",
            "OR DELETED (SEEN OLD)",
            "NOT DELETED",
            "SINCE 5-Mar-2026 BEFORE 6-Mar-2026 ON 5-Mar-2026",
            "SENTON 3-Mar-2026",
            "KEYWORD $label",
            "BODY \"the body\"",
            "TEXT subject",
            "LARGER 10 SMALLER 1000",
            "SUBJECT {5}\r\nHello",
        ] {
            assert!(found(text), "{text}");
        }
        for text in
            ["1", "UID 1:8", "UNSEEN", "SUBJECT other", "HEADER X-None \"\"", "NEW", "BEFORE 5-Mar-2026"]
        {
            assert!(!found(text), "{text}");
        }
    }

    #[test]
    fn wrong_keys_are_refused() {
        let deep = "NOT ".repeat(100) + "ALL";
        for text in ["", "FROB", "SUBJECT", "(ALL", "OR ALL", "UID x", "SINCE yesterday", &deep] {
            assert!(query(&mut Cursor::new(text.as_bytes())).is_err(), "{text}");
        }
        assert!(matches!(query(&mut Cursor::new(b"CHARSET KOI8-R ALL")), Ok(Query::BadCharset)));
    }
}
