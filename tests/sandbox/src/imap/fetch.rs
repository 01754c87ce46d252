//! FETCH: its arguments, and a message's data items.

use super::{
    parse::{Bad, Cursor, Parsed, write_string},
    structure,
    view::Entry,
};
use crate::mime::{self, Part};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Flags,
    Uid,
    InternalDate,
    Size,
    Envelope,
    Body,
    BodyStructure,
    Section(Section),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// As it is answered: `RFC822.TEXT`, `BODY[1.MIME]`.
    label: String,
    peek: bool,
    path: Vec<u32>,
    text: Which,
    partial: Option<(u32, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    All,
    Header,
    Fields { names: Vec<String>, not: bool },
    Text,
    Mime,
}

impl Item {
    /// Whether fetching it marks the message as seen.
    pub(super) const fn sees(&self) -> bool {
        matches!(self, Self::Section(section) if !section.peek)
    }
}

/// Reads what is to be fetched: a macro, an item or a list of items.
pub(super) fn items(cursor: &mut Cursor<'_>) -> Parsed<Vec<Item>> {
    if cursor.peek() == Some(b'(') {
        return cursor.list(item);
    }
    let mut ahead = cursor.clone();
    let fast = vec![Item::Flags, Item::InternalDate, Item::Size];
    let more = match ahead.word()?.as_str() {
        "FAST" => vec![],
        "ALL" => vec![Item::Envelope],
        "FULL" => vec![Item::Envelope, Item::Body],
        _ => return Ok(vec![item(cursor)?]),
    };
    *cursor = ahead;
    Ok([fast, more].concat())
}

fn whole(label: &str, peek: bool, text: Which) -> Item {
    Item::Section(Section { label: label.to_owned(), peek, path: Vec::new(), text, partial: None })
}

fn item(cursor: &mut Cursor<'_>) -> Parsed<Item> {
    let word = cursor.word()?;
    Ok(match word.as_str() {
        "FLAGS" => Item::Flags,
        "UID" => Item::Uid,
        "INTERNALDATE" => Item::InternalDate,
        "RFC822.SIZE" => Item::Size,
        "ENVELOPE" => Item::Envelope,
        "BODYSTRUCTURE" => Item::BodyStructure,
        "RFC822" => whole("RFC822", false, Which::All),
        "RFC822.HEADER" => whole("RFC822.HEADER", true, Which::Header),
        "RFC822.TEXT" => whole("RFC822.TEXT", false, Which::Text),
        "BODY" | "BODY.PEEK" if cursor.peek() == Some(b'[') => section(cursor, word == "BODY.PEEK")?,
        "BODY" => Item::Body,
        _ => return Err(Bad("unknown item to fetch")),
    })
}

fn section(cursor: &mut Cursor<'_>, peek: bool) -> Parsed<Item> {
    cursor.expect(b'[')?;
    let mut path = Vec::new();
    let mut name = String::new();
    while cursor.peek() != Some(b']') {
        if cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            path.push(cursor.number()?);
            if !cursor.eat(b'.') {
                break;
            }
        } else {
            name = cursor.word()?;
            break;
        }
    }
    let prefix: Vec<_> = path.iter().map(u32::to_string).collect();
    let mut label = prefix.join(".");
    if !name.is_empty() {
        label = if label.is_empty() { name.clone() } else { format!("{label}.{name}") };
    }
    let text = match name.as_str() {
        "" => Which::All,
        "HEADER" => Which::Header,
        "TEXT" => Which::Text,
        "MIME" if !path.is_empty() => Which::Mime,
        "HEADER.FIELDS" | "HEADER.FIELDS.NOT" => {
            cursor.space()?;
            let names = cursor.list(Cursor::mailbox)?;
            label += &format!(" ({})", names.join(" "));
            Which::Fields { names, not: name == "HEADER.FIELDS.NOT" }
        }
        _ => return Err(Bad("unknown section")),
    };
    cursor.expect(b']')?;
    let mut label = format!("BODY[{label}]");
    let partial = if cursor.eat(b'<') {
        let start = cursor.number()?;
        cursor.expect(b'.')?;
        let count = cursor.number()?;
        cursor.expect(b'>')?;
        label += &format!("<{start}>");
        Some((start, count))
    } else {
        None
    };
    Ok(Item::Section(Section { label, peek, path, text, partial }))
}

/// The data of a message, as it goes between the parentheses.
pub(super) fn data(items: &[Item], entry: &Entry) -> Vec<u8> {
    let structured = |item: &Item| !matches!(item, Item::Flags | Item::Uid | Item::InternalDate | Item::Size);
    let message = items.iter().any(structured).then(|| mime::parse(&entry.raw));
    let pieces: Vec<Vec<u8>> = items
        .iter()
        .map(|item| match (item, &message) {
            (Item::Uid, _) => format!("UID {}", entry.uid).into_bytes(),
            (Item::InternalDate, _) => {
                format!("INTERNALDATE \"{}\"", entry.date.strftime("%e-%b-%Y %H:%M:%S +0000")).into_bytes()
            }
            (Item::Size, _) => format!("RFC822.SIZE {}", entry.raw.len()).into_bytes(),
            (Item::Envelope, Some(message)) => {
                [&b"ENVELOPE "[..], &structure::envelope(&message.fields)].concat()
            }
            (Item::Body, Some(message)) => {
                [&b"BODY "[..], &structure::structure(&entry.raw, message, false)].concat()
            }
            (Item::BodyStructure, Some(message)) => {
                [&b"BODYSTRUCTURE "[..], &structure::structure(&entry.raw, message, true)].concat()
            }
            (Item::Section(section), Some(message)) => {
                let value = content(section, &entry.raw, message);
                let value = value.map_or_else(|| b"NIL".to_vec(), |bytes| literal(&bytes));
                [section.label.as_bytes(), b" ", &value].concat()
            }
            _ => format!("FLAGS {}", entry.flag_list()).into_bytes(),
        })
        .collect();
    pieces.join(&b' ')
}

/// Contents always go as a literal, except when they are empty.
fn literal(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return write_string(bytes);
    }
    [format!("{{{}}}\r\n", bytes.len()).as_bytes(), bytes].concat()
}

/// The part of that path; the first part of a message that has none is its body.
fn locate<'a>(message: &'a Part, path: &[u32]) -> Option<&'a Part> {
    let mut current = message;
    for (depth, number) in path.iter().enumerate() {
        let enters = current.is_message() && depth > 0;
        let container = if enters { current.children.first()? } else { current };
        current = if container.is_multipart() {
            container.children.get((*number as usize).checked_sub(1)?)?
        } else if *number == 1 && (enters || depth == 0) {
            container
        } else {
            return None;
        };
    }
    Some(current)
}

fn content(section: &Section, raw: &[u8], message: &Part) -> Option<Vec<u8>> {
    let part = locate(message, &section.path)?;
    let within = if section.path.is_empty() {
        Some(part)
    } else {
        part.children.first().filter(|_| part.is_message())
    };
    let bytes = match &section.text {
        Which::All if section.path.is_empty() => raw.to_vec(),
        Which::All => raw[part.body.clone()].to_vec(),
        Which::Mime => raw[part.header.clone()].to_vec(),
        Which::Header => raw[within?.header.clone()].to_vec(),
        Which::Text => raw[within?.body.clone()].to_vec(),
        Which::Fields { names, not } => {
            let wanted = |name: &str| names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)) != *not;
            let fields = within?.fields.iter().filter(|field| wanted(&field.name));
            let mut bytes: Vec<u8> = fields.flat_map(|field| &raw[field.range.clone()]).copied().collect();
            bytes.extend_from_slice(b"\r\n");
            bytes
        }
    };
    Some(match section.partial {
        Some((start, count)) => bytes.into_iter().skip(start as usize).take(count as usize).collect(),
        None => bytes,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const RAW: &[u8] =
        b"Subject: s\r\nX-A: 1\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n\
        --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntwo\r\n--b--\r\n";

    fn fetched(text: &str) -> String {
        let mut cursor = Cursor::new(text.as_bytes());
        let items = items(&mut cursor).unwrap();
        cursor.end().unwrap();
        let entry = Entry {
            uid: 7,
            flags: ["\\Seen".to_owned()].into(),
            recent: true,
            date: jiff::Timestamp::UNIX_EPOCH,
            raw: Arc::from(RAW),
        };
        String::from_utf8(data(&items, &entry)).unwrap()
    }

    #[test]
    fn items_are_answered() {
        assert_eq!(fetched("(UID FLAGS)"), "UID 7 FLAGS (\\Seen \\Recent)");
        assert_eq!(
            fetched("FAST"),
            format!(
                "FLAGS (\\Seen \\Recent) INTERNALDATE \" 1-Jan-1970 00:00:00 +0000\" RFC822.SIZE {}",
                RAW.len()
            )
        );
    }

    #[test]
    fn sections_are_found() {
        assert_eq!(
            fetched("body.peek[header.fields (SUBJECT X-None)]"),
            "BODY[HEADER.FIELDS (SUBJECT X-None)] {14}\r\nSubject: s\r\n\r\n"
        );
        assert!(fetched("BODY[HEADER.FIELDS.NOT (SUBJECT)]").contains("\r\nX-A: 1\r\nContent-Type"));
        assert_eq!(fetched("BODY[1]"), "BODY[1] {3}\r\none");
        assert_eq!(fetched("BODY[2.HEADER]"), "BODY[2.HEADER] {18}\r\nSubject: inner\r\n\r\n");
        assert_eq!(fetched("BODY[2.TEXT]"), "BODY[2.TEXT] {3}\r\ntwo");
        assert_eq!(fetched("BODY[2.1]"), "BODY[2.1] {3}\r\ntwo");
        assert_eq!(fetched("BODY[2.MIME]"), "BODY[2.MIME] {32}\r\nContent-Type: message/rfc822\r\n\r\n");
        assert_eq!(fetched("BODY[3]"), "BODY[3] NIL");
        assert_eq!(fetched("BODY[]<9.1>"), "BODY[]<9> {1}\r\ns");
        assert_eq!(fetched("BODY[1]<9.1>"), "BODY[1]<9> \"\"");
    }

    #[test]
    fn wrong_items_are_refused() {
        for text in ["FROB", "(FLAGS", "BODY[FROB]", "BODY[MIME]", "BODY[]<1>", "BODY[HEADER.FIELDS]", "()x"]
        {
            let mut cursor = Cursor::new(text.as_bytes());
            assert!(items(&mut cursor).is_err() || cursor.end().is_err(), "{text}");
        }
    }
}
