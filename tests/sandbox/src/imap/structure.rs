//! ENVELOPE and BODYSTRUCTURE (RFC 3501 section 7.4.2).

use super::parse::write_string;
use crate::mime::{self, Field, Part};

fn nstring(text: Option<&[u8]>) -> Vec<u8> {
    text.map_or_else(|| b"NIL".to_vec(), write_string)
}

fn joined(pieces: &[Vec<u8>]) -> Vec<u8> {
    pieces.join(&b' ')
}

fn parenthesized(pieces: &[Vec<u8>]) -> Vec<u8> {
    [b"(", &joined(pieces)[..], b")"].concat()
}

pub(super) fn envelope(fields: &[Field]) -> Vec<u8> {
    let text = |name| nstring(mime::field(fields, name));
    let people = |name| mime::field(fields, name).map_or_else(|| b"NIL".to_vec(), addresses);
    let or_from = |name| if mime::field(fields, name).is_some() { people(name) } else { people("From") };
    parenthesized(&[
        text("Date"),
        text("Subject"),
        people("From"),
        or_from("Sender"),
        or_from("Reply-To"),
        people("To"),
        people("Cc"),
        people("Bcc"),
        text("In-Reply-To"),
        text("Message-ID"),
    ])
}

/// A list of addresses, each `(name NIL mailbox host)`; NIL if there are none.
fn addresses(text: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    for piece in pieces(&String::from_utf8_lossy(text)) {
        match piece {
            Piece::Address { name, mailbox, host } => {
                let name = (!name.is_empty()).then_some(name.as_bytes());
                let all = [
                    nstring(name),
                    b"NIL".to_vec(),
                    write_string(mailbox.as_bytes()),
                    write_string(host.as_bytes()),
                ];
                list.extend(parenthesized(&all));
            }
            Piece::Group(name) => {
                list.extend([&b"(NIL NIL "[..], &write_string(name.as_bytes()), b" NIL)"].concat());
            }
            Piece::End => list.extend_from_slice(b"(NIL NIL NIL NIL)"),
        }
    }
    if list.is_empty() { b"NIL".to_vec() } else { [b"(", &list[..], b")"].concat() }
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Address { name: String, mailbox: String, host: String },
    Group(String),
    End,
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let (mut name, mut angle, mut comment) = (String::new(), None::<String>, 0_u32);
    let (mut quoted, mut escaped) = (false, false);
    let finish = |name: &mut String, angle: &mut Option<String>, found: &mut Vec<Piece>| {
        let phrase = std::mem::take(name).trim().to_owned();
        let (name, address) = match angle.take() {
            Some(address) => (phrase, address),
            None => (String::new(), phrase),
        };
        if !address.is_empty() {
            let (mailbox, host) = address.rsplit_once('@').unwrap_or((&address, ""));
            found.push(Piece::Address { name, mailbox: mailbox.to_owned(), host: host.to_owned() });
        }
    };
    let mut in_angle = false;
    for c in text.chars() {
        let target = if in_angle { angle.get_or_insert_default() } else { &mut name };
        match c {
            _ if escaped => {
                target.push(c);
                escaped = false;
            }
            '\\' if quoted || comment > 0 => escaped = true,
            '"' if comment == 0 => quoted = !quoted,
            _ if quoted => target.push(c),
            '(' => comment += 1,
            ')' if comment > 0 => comment -= 1,
            _ if comment > 0 => {}
            '<' => {
                in_angle = true;
                angle.get_or_insert_default();
            }
            '>' => in_angle = false,
            _ if in_angle => target.push(c),
            ',' => finish(&mut name, &mut angle, &mut found),
            ':' => found.push(Piece::Group(std::mem::take(&mut name).trim().to_owned())),
            ';' => {
                finish(&mut name, &mut angle, &mut found);
                found.push(Piece::End);
            }
            _ => target.push(c),
        }
    }
    finish(&mut name, &mut angle, &mut found);
    found
}

fn parameters(parameters: &[(String, String)]) -> Vec<u8> {
    if parameters.is_empty() {
        return b"NIL".to_vec();
    }
    let all: Vec<_> = parameters
        .iter()
        .flat_map(|(key, value)| [write_string(key.as_bytes()), write_string(value.as_bytes())])
        .collect();
    parenthesized(&all)
}

fn disposition(part: &Part) -> Vec<u8> {
    part.field("Content-Disposition").map(mime::value).map_or_else(
        || b"NIL".to_vec(),
        |value| parenthesized(&[write_string(value.main.as_bytes()), parameters(&value.parameters)]),
    )
}

fn lines(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().filter(|byte| **byte == b'\n').count().to_string().into_bytes()
}

/// BODYSTRUCTURE, or BODY without the extension data.
pub(super) fn structure(raw: &[u8], part: &Part, extended: bool) -> Vec<u8> {
    let tail = |pieces: &mut Vec<Vec<u8>>| {
        if extended {
            pieces.extend([
                disposition(part),
                nstring(part.field("Content-Language")),
                nstring(part.field("Content-Location")),
            ]);
        }
    };
    if part.is_multipart() {
        let children: Vec<u8> =
            part.children.iter().flat_map(|child| structure(raw, child, extended)).collect();
        let mut pieces = vec![children, write_string(part.subkind.as_bytes())];
        if extended {
            pieces.push(parameters(&part.parameters));
        }
        tail(&mut pieces);
        return parenthesized(&pieces);
    }
    let body = &raw[part.body.clone()];
    let mut named = part.parameters.clone();
    if part.kind == "text" && !named.iter().any(|(key, _)| key == "charset") {
        named.push(("charset".to_owned(), "us-ascii".to_owned()));
    }
    let mut pieces = vec![
        write_string(part.kind.as_bytes()),
        write_string(part.subkind.as_bytes()),
        parameters(&named),
        nstring(part.field("Content-ID")),
        nstring(part.field("Content-Description")),
        write_string(part.field("Content-Transfer-Encoding").unwrap_or(b"7BIT")),
        body.len().to_string().into_bytes(),
    ];
    if let (true, Some(message)) = (part.is_message(), part.children.first()) {
        pieces.extend([envelope(&message.fields), structure(raw, message, extended), lines(body)]);
    } else if part.kind == "text" {
        pieces.push(lines(body));
    }
    if extended {
        pieces.push(nstring(part.field("Content-MD5")));
    }
    tail(&mut pieces);
    parenthesized(&pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(
            text(addresses(b"\"Doe, J\" <j@d.test>, k@d.test (K), G: a@b, c@d;")),
            "((\"Doe, J\" NIL \"j\" \"d.test\")(NIL NIL \"k\" \"d.test\")(NIL NIL \"G\" NIL)\
             (NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")(NIL NIL NIL NIL))"
        );
        assert_eq!(text(addresses(b"")), "NIL");
    }

    #[test]
    fn a_plain_message_has_a_plain_structure() {
        let raw = b"Subject: s\r\n\r\none\r\ntwo\r\n";
        let part = mime::parse(raw);
        assert_eq!(
            text(structure(raw, &part, false)),
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 10 2)"
        );
        assert_eq!(text(envelope(&part.fields)), "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL)");
    }

    #[test]
    fn a_multipart_lists_its_parts() {
        let raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n\
            Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ny\r\n--b--\r\n";
        let found = text(structure(raw, &mime::parse(raw), true));
        assert!(
            found.starts_with("((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 1 0 NIL")
        );
        assert!(found.contains("(\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 19 (NIL \"inner\""), "{found}");
        assert!(found.ends_with("\"mixed\" (\"boundary\" \"b\") NIL NIL NIL)"), "{found}");
    }
}
