//! Just enough of MIME to describe a message's structure and to find its parts.

use std::ops::Range;

/// How deep parts may be within parts.
const MAX_DEPTH: usize = 20;
/// How many parts are told apart.
const MAX_PARTS: usize = 200;

/// A header field: its name, and its value with lines unfolded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: Vec<u8>,
    /// The field with its line ends, within the bytes that were read.
    pub(crate) range: Range<usize>,
}

/// A value such as that of Content-Type: what comes first, and its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) main: String,
    pub(crate) parameters: Vec<(String, String)>,
}

/// A part of a message, or the message itself.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) fields: Vec<Field>,
    /// Header with the empty line after it.
    pub(crate) header: Range<usize>,
    pub(crate) body: Range<usize>,
    pub(crate) kind: String,
    pub(crate) subkind: String,
    pub(crate) parameters: Vec<(String, String)>,
    /// The parts of a multipart; the one message of a message/rfc822.
    pub(crate) children: Vec<Self>,
}

impl Part {
    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        field(&self.fields, name)
    }

    pub(crate) fn is_multipart(&self) -> bool {
        self.kind == "multipart" && !self.children.is_empty()
    }

    pub(crate) fn is_message(&self) -> bool {
        self.kind == "message" && self.subkind == "rfc822" && !self.children.is_empty()
    }

    /// The first part of plain text.
    pub(crate) fn text(&self) -> Option<&Self> {
        if self.is_multipart() {
            return self.children.iter().find_map(Self::text);
        }
        (self.kind == "text" && self.subkind == "plain").then_some(self)
    }
}

/// The value of the first field of that name.
pub(crate) fn field<'a>(fields: &'a [Field], name: &str) -> Option<&'a [u8]> {
    fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| &field.value[..])
}

/// Where the header ends: after the empty line, or at the end of the bytes.
pub(crate) fn header_end(raw: &[u8]) -> usize {
    let mut at = 0;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line == b"\r\n" || line == b"\n" {
            return at;
        }
    }
    raw.len()
}

/// The fields of a header that begins at that place.
pub(crate) fn fields(header: &[u8], base: usize) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut at = base;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        let range = at..at + line.len();
        at = range.end;
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if matches!(text.first(), Some(b' ' | b'\t')) {
            if let Some(last) = fields.last_mut() {
                last.value.extend_from_slice(text);
                last.range.end = range.end;
            }
        } else if let Some(colon) = text.iter().position(|byte| *byte == b':') {
            let name = String::from_utf8_lossy(&text[..colon]).trim_end().to_owned();
            fields.push(Field { name, value: text[colon + 1..].to_vec(), range });
        }
    }
    for field in &mut fields {
        field.value = field.value.trim_ascii().to_vec();
    }
    fields
}

/// Reads `main; key=value; key="value"`.
pub(crate) fn value(text: &[u8]) -> Value {
    let text = String::from_utf8_lossy(text).into_owned();
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => {
                piece.push(c);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => pieces.push(std::mem::take(&mut piece)),
            _ => piece.push(c),
        }
    }
    pieces.push(piece);
    let mut pieces = pieces.iter().map(|piece| piece.trim());
    let main = pieces.next().unwrap_or_default().to_owned();
    let parameters = pieces
        .filter_map(|piece| piece.split_once('='))
        .map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Value { main, parameters }
}

/// Reads a message.
pub(crate) fn parse(raw: &[u8]) -> Part {
    let mut left = MAX_PARTS;
    part(raw, 0..raw.len(), "text/plain", 0, &mut left)
}

fn part(raw: &[u8], range: Range<usize>, default: &str, depth: usize, left: &mut usize) -> Part {
    let start = range.start;
    let middle = start + header_end(&raw[range.clone()]);
    let fields = fields(&raw[start..middle], start);
    let kind = field(&fields, "Content-Type").map(value).filter(|value| value.main.contains('/'));
    let kind = kind.unwrap_or_else(|| Value { main: default.to_owned(), parameters: Vec::new() });
    let (main, sub) = kind.main.split_once('/').unwrap_or(("text", "plain"));
    let (main, sub) = (main.trim().to_ascii_lowercase(), sub.trim().to_ascii_lowercase());
    let mut part = Part {
        fields,
        header: start..middle,
        body: middle..range.end,
        kind: main,
        subkind: sub,
        parameters: kind.parameters,
        children: Vec::new(),
    };
    if depth >= MAX_DEPTH {
        return part;
    }
    if part.kind == "message" && part.subkind == "rfc822" {
        part.children = vec![self::part(raw, part.body.clone(), "text/plain", depth + 1, left)];
    }
    let boundary = part.parameters.iter().find(|(key, _)| key == "boundary");
    if let (true, Some((_, boundary))) = (part.kind == "multipart", boundary) {
        let default = if part.subkind == "digest" { "message/rfc822" } else { "text/plain" };
        for range in split(raw, part.body.clone(), boundary.as_bytes()) {
            if *left == 0 {
                break;
            }
            *left -= 1;
            part.children.push(self::part(raw, range, default, depth + 1, left));
        }
    }
    part
}

/// Where the parts between boundary lines are, without the line end before the boundary.
fn split(raw: &[u8], body: Range<usize>, boundary: &[u8]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut begun = None;
    let mut at = body.start;
    for line in raw[body.clone()].split_inclusive(|byte| *byte == b'\n') {
        let next = at + line.len();
        let delimiter = line.strip_prefix(b"--").and_then(|rest| rest.strip_prefix(boundary));
        if let Some(rest) = delimiter.map(<[u8]>::trim_ascii)
            && (rest.is_empty() || rest == b"--")
        {
            if let Some(start) = begun.take() {
                let end = raw[..at].strip_suffix(b"\r\n").or_else(|| raw[..at].strip_suffix(b"\n"));
                parts.push(start..end.map_or(at, <[u8]>::len).max(start));
            }
            if rest == b"--" {
                return parts;
            }
            begun = Some(next);
        }
        at = next;
    }
    if let Some(start) = begun {
        parts.push(start..body.end);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_are_unfolded() {
        let raw = b"Subject: one\r\n two\r\nX-Y:z\r\n\r\nbody";
        let end = header_end(raw);
        assert_eq!(&raw[end..], b"body");
        let fields = fields(&raw[..end], 0);
        assert_eq!(field(&fields, "subject"), Some(&b"one two"[..]));
        assert_eq!(&raw[fields[0].range.clone()], b"Subject: one\r\n two\r\n");
        assert_eq!(fields[1].value, b"z");
    }

    #[test]
    fn parts_are_found() {
        let raw = b"Content-Type: multipart/mixed; boundary=\"b;1\"\r\n\r\npreamble\r\n--b;1\r\n\r\none\r\n\
            --b;1\r\nContent-Type: text/html\r\n\r\ntwo\r\n\r\n--b;1--\r\nepilogue";
        let message = parse(raw);
        assert!(message.is_multipart());
        let bodies: Vec<_> = message.children.iter().map(|part| &raw[part.body.clone()]).collect();
        assert_eq!(bodies, [&b"one"[..], b"two\r\n"]);
        assert_eq!(message.children[1].subkind, "html");
        assert_eq!(message.text().map(|part| &raw[part.body.clone()]), Some(&b"one"[..]));
    }

    #[test]
    fn depth_is_bounded() {
        let raw = b"Content-Type: message/rfc822\r\n\r\n".repeat(1000);
        let mut part = &parse(&raw);
        let mut depth = 0;
        while let Some(child) = part.children.first() {
            part = child;
            depth += 1;
        }
        assert_eq!(depth, MAX_DEPTH);
    }
}
