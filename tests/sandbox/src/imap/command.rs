//! Reading a whole command, with its literals (RFC 3501 section 7.5, RFC 7888).

use std::io;

use super::parse::Cursor;
use crate::{
    listener::{Conn, MAX_LINE},
    store::MAX_MESSAGE,
};

pub(super) enum Command {
    /// With literals in place: `{n}`, a line end and the bytes.
    Whole(Vec<u8>),
    /// A literal is too big; the client was told not to send it.
    Refused { tag: String, answer: String },
}

/// The size of the literal that a line announces at its end, and whether it comes without being asked for.
fn announced(line: &[u8]) -> Option<(usize, bool)> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|byte| *byte == b'{')?;
    let inner = &inner[open + 1..];
    let (digits, at_once) = match inner.strip_suffix(b"+") {
        Some(digits) => (digits, true),
        None => (inner, false),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((std::str::from_utf8(digits).ok()?.parse().unwrap_or(usize::MAX), at_once))
}

/// Reads a command; nothing when the client has closed.
pub(super) async fn read(conn: &mut Conn, signed_in: bool) -> io::Result<Option<Command>> {
    let limit = if signed_in { MAX_MESSAGE + MAX_LINE } else { MAX_LINE };
    let Some(mut bytes) = conn.line().await? else { return Ok(None) };
    conn.log('C', &redacted(&bytes));
    let mut fresh = 0;
    while let Some((size, at_once)) = announced(&bytes[fresh..]) {
        if size > MAX_MESSAGE || size.saturating_add(bytes.len()) > limit {
            if at_once {
                conn.reply("* BYE [TOOBIG] Literal too big").await?;
                return Err(io::Error::other("literal too big"));
            }
            let tag = Cursor::new(&bytes).tag().unwrap_or_else(|_| "*".to_owned());
            return Ok(Some(Command::Refused { tag, answer: "NO [TOOBIG] Literal too big".to_owned() }));
        }
        if !at_once {
            conn.reply("+ Ready for the literal").await?;
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&conn.exact(size).await?);
        conn.log('C', &format!("<{size} bytes>"));
        let Some(line) = conn.line().await? else { return Ok(None) };
        fresh = bytes.len();
        bytes.extend_from_slice(&line);
        if bytes.len() > limit {
            conn.reply("* BYE Command too long").await?;
            return Err(io::Error::other("command too long"));
        }
    }
    Ok(Some(Command::Whole(bytes)))
}

/// A command's first line without credentials.
fn redacted(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line).into_owned();
    let mut words = text.splitn(4, ' ');
    let (tag, verb) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match (verb.to_ascii_uppercase().as_str(), words.next(), words.next()) {
        ("LOGIN", _, _) => format!("{tag} {verb} <hidden>"),
        ("AUTHENTICATE", Some(mechanism), Some(_)) => format!("{tag} {verb} {mechanism} <hidden>"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_announced_at_the_end_of_a_line() {
        assert_eq!(announced(b"a APPEND x {12}"), Some((12, false)));
        assert_eq!(announced(b"a LOGIN {3+}"), Some((3, true)));
        assert_eq!(announced(b"{99999999999999999999999}"), Some((usize::MAX, false)));
        for line in [&b"a NOOP"[..], b"a {x}", b"a {}", b"a {1} ", b"a 1}", b"{+}"] {
            assert_eq!(announced(line), None, "{line:?}");
        }
    }

    #[test]
    fn credentials_are_hidden() {
        assert_eq!(redacted(b"a login alice {6}"), "a login <hidden>");
        assert_eq!(redacted(b"a AUTHENTICATE PLAIN AGEAYg=="), "a AUTHENTICATE PLAIN <hidden>");
        assert_eq!(redacted(b"a SELECT INBOX"), "a SELECT INBOX");
    }
}
