//! Addresses as they stand in a message's header.

use super::text;
use crate::xml::Xml;

/// A mailbox: the name people see, and the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mailbox {
    pub(super) name: String,
    pub(super) address: String,
}

/// Reads a list of mailboxes (RFC 5322, 3.4); groups lose their name.
pub(super) fn list(value: &[u8]) -> Vec<Mailbox> {
    let value = String::from_utf8_lossy(value);
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => angle = true,
            '>' if !quoted => angle = false,
            ':' if !quoted && !angle => {
                piece.clear();
                continue;
            }
            ',' | ';' if !quoted && !angle => {
                pieces.push(std::mem::take(&mut piece));
                continue;
            }
            _ => {}
        }
        piece.push(c);
    }
    pieces.push(piece);
    pieces.iter().filter_map(|piece| one(piece)).collect()
}

fn one(piece: &str) -> Option<Mailbox> {
    let piece = piece.trim();
    let (name, address) = match piece.rsplit_once('<') {
        Some((name, rest)) => (name, rest.split('>').next().unwrap_or_default()),
        None => ("", piece),
    };
    let address = address.trim();
    if address.is_empty() || address.contains(char::is_whitespace) {
        return None;
    }
    let name = name.trim();
    let name = match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => name.to_owned(),
    };
    Some(Mailbox { name: text::header(name.as_bytes()), address: address.to_owned() })
}

impl Mailbox {
    /// The name, or the address of one who has none.
    pub(super) fn shown(&self) -> &str {
        if self.name.is_empty() { &self.address } else { &self.name }
    }

    /// As it stands in a header.
    pub(super) fn header(&self) -> String {
        if self.name.is_empty() {
            return format!("<{}>", self.address);
        }
        if self.name.is_ascii() {
            let name = self.name.replace('\\', "\\\\").replace('"', "\\\"").replace(['\r', '\n'], " ");
            return format!("\"{name}\" <{}>", self.address);
        }
        format!("{} <{}>", text::encode(&self.name), self.address)
    }

    pub(super) fn write(&self, xml: &mut Xml) {
        xml.within("t:Mailbox", |xml| {
            xml.leaf("t:Name", self.shown());
            xml.leaf("t:EmailAddress", &self.address);
            xml.leaf("t:RoutingType", "SMTP");
            xml.leaf("t:MailboxType", "Mailbox");
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_taken_apart() {
        let read =
            list(b"\"Doe, \\\"J\\\"\" <j@x>, bob@y ,=?utf-8?Q?=C3=A9?= <e@z>, team: a@b, c@d;, <>, no body");
        let read: Vec<_> = read.iter().map(|m| (m.name.as_str(), m.address.as_str())).collect();
        assert_eq!(read, [("Doe, \"J\"", "j@x"), ("", "bob@y"), ("\u{e9}", "e@z"), ("", "a@b"), ("", "c@d")]);
        for (name, header) in
            [("", "<a@b>"), ("A \"B\"", "\"A \\\"B\\\"\" <a@b>"), ("\u{e9}", "=?utf-8?B?w6k=?= <a@b>")]
        {
            let mailbox = Mailbox { name: name.to_owned(), address: "a@b".to_owned() };
            assert_eq!(mailbox.header(), header);
            assert_eq!(list(header.as_bytes()), [mailbox]);
        }
    }
}
