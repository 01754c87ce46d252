//! IMAP answers (RFC 3501, section 7) off the line: framed, bounded, tolerant. What is not understood is passed over
//! and ends no session; what decides success is read strictly.

use bytes::Bytes;

use crate::catalogue::Reason;
use crate::net::line::Line;
use crate::outcome::{Fault, Said};

/// Literals in one answer; more is no mail server's answer.
const MOST_LITERALS: usize = 4096;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// `+ text`.
    Go(String),
    Tagged {
        tag: String,
        state: State,
    },
    Untagged(Untagged),
}

/// OK, NO, BAD, BYE, PREAUTH with response code and words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) word: Word,
    /// Without its brackets.
    pub(super) code: String,
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Untagged {
    State(State),
    Capability(Vec<String>),
    Exists(u64),
    Expunge,
    Search(Vec<u32>),
    Fetch(Fetched),
    List {
        flags: Vec<String>,
        name: String,
    },
    /// STORAGE of QUOTA: used and allowed, in units of 1,024 bytes.
    Quota {
        used: u64,
        allowed: u64,
    },
    Other,
}

/// The parts of a FETCH that we ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) uid: Option<u32>,
    pub(super) size: Option<u64>,
    pub(super) body: Option<Bytes>,
}

/// A piece of an answer: its words, or a string that came as a literal or in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Word(String),
    Text(Bytes),
}

/// Reads the next answer.
pub(super) async fn answer(line: &mut Line) -> Result<Answer, Fault> {
    line.piece()?;
    let first = line.line().await?;
    if let Some(rest) = first.strip_prefix(b"+") {
        return Ok(Answer::Go(String::from_utf8_lossy(rest.trim_ascii()).into_owned()));
    }
    let mut parts = vec![first.clone()];
    let mut literals = Vec::new();
    while let Some((cut, size)) = literal(&parts[parts.len() - 1]) {
        let last = parts.len() - 1;
        parts[last].truncate(cut);
        literals.push(line.exactly(size).await?);
        parts.push(line.line().await?);
        if literals.len() > MOST_LITERALS {
            return Err(violation("an answer with too many literals", &first));
        }
    }
    if let Some(rest) = first.strip_prefix(b"* ") {
        return Ok(Answer::Untagged(untagged(rest, &parts, &literals)));
    }
    tagged(&first).ok_or_else(|| violation("this is no IMAP answer", &first))
}

fn violation(what: &str, line: &[u8]) -> Fault {
    Fault::new(Reason::ProtocolViolation, &format!("{what}: {}", Said::bytes(line)))
}

/// A literal's announcement at the end of a line: where it begins, and its size.
fn literal(line: &[u8]) -> Option<(usize, usize)> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|byte| *byte == b'{')?;
    let digits = &inner[open + 1..];
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // A size that no number holds is larger than any bound.
    let size = std::str::from_utf8(digits).ok()?.parse().unwrap_or(usize::MAX);
    Some((open, size))
}

fn tagged(line: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(line);
    let (tag, rest) = text.split_once(' ')?;
    let fits = !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Some(Answer::Tagged { tag: tag.to_owned(), state: state(rest).filter(|_| fits)? })
}

/// `OK [CODE x] words`.
fn state(text: &str) -> Option<State> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let word = match word.to_ascii_uppercase().as_str() {
        "OK" => Word::Ok,
        "NO" => Word::No,
        "BAD" => Word::Bad,
        "BYE" => Word::Bye,
        "PREAUTH" => Word::Preauth,
        _ => return None,
    };
    let (code, text) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((code, text)) => (code.to_owned(), text.trim().to_owned()),
        None => (String::new(), rest.trim().to_owned()),
    };
    Some(State { word, code, text })
}

fn untagged(first: &[u8], parts: &[Bytes], literals: &[Bytes]) -> Untagged {
    let text = String::from_utf8_lossy(first);
    if let Some(state) = state(&text) {
        return Untagged::State(state);
    }
    let mut words = text.split_ascii_whitespace();
    let (one, two) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match (one.to_ascii_uppercase().as_str(), two.to_ascii_uppercase().as_str()) {
        ("CAPABILITY", _) => {
            Untagged::Capability(text.split_ascii_whitespace().skip(1).map(str::to_owned).collect())
        }
        ("SEARCH", _) => Untagged::Search(
            text.split_ascii_whitespace().skip(1).map_while(|uid| uid.parse().ok()).collect(),
        ),
        ("LIST", _) => list(&tokens(parts, literals)),
        ("QUOTA", _) => quota(&tokens(parts, literals)),
        (count, "EXISTS") => count.parse().map_or(Untagged::Other, Untagged::Exists),
        (count, "EXPUNGE") if count.parse::<u32>().is_ok() => Untagged::Expunge,
        (_, "FETCH") => Untagged::Fetch(fetched(&tokens(parts, literals))),
        _ => Untagged::Other,
    }
}

/// Cuts an answer into tokens; whatever it holds, it comes to an end.
fn tokens(parts: &[Bytes], literals: &[Bytes]) -> Vec<Token> {
    let mut out = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let mut rest = &part[..];
        while let Some((&byte, after)) = rest.split_first() {
            rest = match byte {
                b'(' => {
                    out.push(Token::Open);
                    after
                }
                b')' => {
                    out.push(Token::Close);
                    after
                }
                b'"' => {
                    let (text, after) = quoted(after);
                    out.push(Token::Text(text));
                    after
                }
                b' ' | b'\t' => after,
                _ => {
                    let (word, after) = rest.split_at(word(rest));
                    out.push(Token::Word(String::from_utf8_lossy(word).into_owned()));
                    after
                }
            };
        }
        out.extend(literals.get(n).cloned().map(Token::Text));
    }
    out
}

/// The length of a word: brackets hold it together, `BODY[HEADER.FIELDS (X Y)]<0>` is one.
fn word(text: &[u8]) -> usize {
    let mut depth = 0usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b' ' | b'(' | b')' | b'"' if depth == 0 => return at.max(1),
            _ => {}
        }
    }
    text.len()
}

fn quoted(text: &[u8]) -> (Bytes, &[u8]) {
    let mut out = Vec::new();
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return (out.into(), &text[at + 1..]),
            b'\\' => out.extend(bytes.next().map(|(_, byte)| *byte)),
            _ => out.push(*byte),
        }
    }
    (out.into(), b"")
}

/// `* 12 FETCH (UID 7 RFC822.SIZE 44 BODY[]<0> {44}...)`; what we did not ask for is passed over.
fn fetched(tokens: &[Token]) -> Fetched {
    let mut out = Fetched::default();
    let mut depth = 0;
    let mut name = String::new();
    for token in tokens.iter().skip(3) {
        let value = match token {
            Token::Open => {
                depth += 1;
                continue;
            }
            Token::Close => {
                depth -= 1;
                name.clear();
                continue;
            }
            _ if depth != 1 => continue,
            Token::Word(word) if name.is_empty() => {
                name = word.to_ascii_uppercase();
                continue;
            }
            value => value,
        };
        match (name.as_str(), value) {
            ("UID", Token::Word(word)) => out.uid = word.parse().ok(),
            ("RFC822.SIZE", Token::Word(word)) => out.size = word.parse().ok(),
            (body, Token::Text(text)) if body.starts_with("BODY[") => out.body = Some(text.clone()),
            (body, Token::Word(word)) if body.starts_with("BODY[") && word.eq_ignore_ascii_case("NIL") => {
                out.body = Some(Bytes::new());
            }
            _ => {}
        }
        name.clear();
    }
    out
}

/// `* LIST (\HasNoChildren \Junk) "/" "Spam"`.
fn list(tokens: &[Token]) -> Untagged {
    let flags = tokens.iter().skip(2).skip_while(|token| **token != Token::Open).skip(1);
    let flags = flags
        .take_while(|token| **token != Token::Close)
        .filter_map(
            |token| if let Token::Word(word) = token { Some(word.to_ascii_lowercase()) } else { None },
        )
        .collect();
    let name = match tokens.last() {
        Some(Token::Word(word)) => word.clone(),
        Some(Token::Text(text)) => String::from_utf8_lossy(text).into_owned(),
        _ => return Untagged::Other,
    };
    Untagged::List { flags, name }
}

/// `* QUOTA root (STORAGE 10 512 MESSAGE 3 40)` (RFC 9208).
fn quota(tokens: &[Token]) -> Untagged {
    let at = tokens
        .iter()
        .position(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("STORAGE")));
    let Some(at) = at else { return Untagged::Other };
    let value = |n: usize| match tokens.get(at + n) {
        Some(Token::Word(word)) => word.parse().ok(),
        _ => None,
    };
    match (value(1), value(2)) {
        (Some(used), Some(allowed)) => Untagged::Quota { used, allowed },
        _ => Untagged::Other,
    }
}

impl State {
    /// The response code's first word, upper case.
    pub(super) fn code_word(&self) -> String {
        self.code.split(' ').next().unwrap_or_default().to_ascii_uppercase()
    }

    /// The number of a code like `[UIDNEXT 12]`; a number that is none is 0.
    pub(super) fn number(&self, code: &str) -> Option<u32> {
        let rest =
            self.code.get(..code.len()).filter(|word| word.eq_ignore_ascii_case(code)).map(|_| &self.code)?;
        rest.split(' ').nth(1).map(|number| number.parse().unwrap_or(0))
    }

    /// The words of `[CAPABILITY …]`.
    pub(super) fn capabilities(&self) -> Option<Vec<String>> {
        (self.code_word() == "CAPABILITY")
            .then(|| self.code.split_ascii_whitespace().skip(1).map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(parts: &[&str], literals: &[&str]) -> Untagged {
        let bytes =
            |texts: &[&str]| texts.iter().map(|t| Bytes::copy_from_slice(t.as_bytes())).collect::<Vec<_>>();
        let parts = bytes(parts);
        untagged(parts[0].strip_prefix(b"* ").unwrap(), &parts, &bytes(literals))
    }

    #[test]
    fn untagged_answers() {
        let fetch = |uid, size, body: Option<&str>| {
            Untagged::Fetch(Fetched { uid, size, body: body.map(|b| Bytes::copy_from_slice(b.as_bytes())) })
        };
        for (parts, literals, expected) in [
            (&["* 3 EXISTS"][..], &[][..], Untagged::Exists(3)),
            (&["* 3 EXPUNGE"], &[], Untagged::Expunge),
            (&["* SEARCH 2 84 882"], &[], Untagged::Search(vec![2, 84, 882])),
            (&["* SEARCH"], &[], Untagged::Search(vec![])),
            (
                &["* 1 FETCH (UID 7 RFC822.SIZE 44 BODY[]<0> ", ")"],
                &["hello"],
                fetch(Some(7), Some(44), Some("hello")),
            ),
            (
                &["* 1 FETCH (FLAGS (\\Seen UID 9) BODY[HEADER.FIELDS (SUBJECT FROM)] ", " UID 7)"],
                &["Subject: (UID 8)"],
                fetch(Some(7), None, Some("Subject: (UID 8)")),
            ),
            (&["* 1 FETCH (UID 7 BODY[] \"quo\\\"ted\")"], &[], fetch(Some(7), None, Some("quo\"ted"))),
            (&["* 1 FETCH (UID 7 BODY[] NIL)"], &[], fetch(Some(7), None, Some(""))),
            (&["* 1 FETCH (MODSEQ (12) FLAGS ())"], &[], fetch(None, None, None)),
            (
                &["* LIST (\\HasNoChildren \\Junk) \"/\" \"My Spam\""],
                &[],
                Untagged::List {
                    flags: vec!["\\hasnochildren".into(), "\\junk".into()],
                    name: "My Spam".into(),
                },
            ),
            (&["* LIST () NIL INBOX"], &[], Untagged::List { flags: vec![], name: "INBOX".into() }),
            (&["* QUOTA \"\" (STORAGE 10 512)"], &[], Untagged::Quota { used: 10, allowed: 512 }),
            // What others die of.
            (&["* XFOO bar"], &[], Untagged::Other),
            (&["* NAMESPACE ((\"\" \"/\")) NIL NIL"], &[], Untagged::Other),
            (&["* ESEARCH (TAG \"a\") UID ALL 1:3"], &[], Untagged::Other),
            (&["* STATUS x (UIDNEXT 4294967296)"], &[], Untagged::Other),
            (
                &["* CAPABILITY IMAP4rev1 X\\Y"],
                &[],
                Untagged::Capability(vec!["IMAP4rev1".into(), "X\\Y".into()]),
            ),
            (&["* 99999999999999999999999 EXISTS"], &[], Untagged::Other),
        ] {
            assert_eq!(read(parts, literals), expected, "{parts:?}");
        }
    }

    #[test]
    fn tagged_answers_are_read_strictly() {
        let ok = |text: &str| match tagged(text.as_bytes()) {
            Some(Answer::Tagged { tag, state }) => Some((tag, state.word, state.code, state.text)),
            _ => None,
        };
        assert_eq!(ok("a1 OK"), Some(("a1".into(), Word::Ok, String::new(), String::new())));
        assert_eq!(
            ok("a1 no [UNAVAILABLE] later"),
            Some(("a1".into(), Word::No, "UNAVAILABLE".into(), "later".into()))
        );
        for wrong in ["", "a1", "OK", "a1 OKAY", "a1 MAYBE x", "\u{1}\u{2} OK", "HTTP/1.1 200 OK"] {
            assert_eq!(ok(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_literal_is_announced_at_the_end_of_a_line_only() {
        assert_eq!(literal(b"* 1 FETCH (BODY[] {12}"), Some((18, 12)));
        assert_eq!(literal(b"x {5+}"), Some((2, 5)));
        assert_eq!(literal(b"x {99999999999999999999999}"), Some((2, usize::MAX)));
        for none in [&b"x {}"[..], b"x {a}", b"x {1} ", b"}", b"x 1}"] {
            assert_eq!(literal(none), None);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,200}", literal in "\\PC{0,50}") {
            let part = Bytes::from(format!("* {text}"));
            let literals = [Bytes::from(literal)];
            let parts = [part.clone(), Bytes::from_static(b")")];
            let _ = untagged(&part[2..], &parts, &literals);
            let _ = tagged(text.as_bytes());
            let fetch = Bytes::from(format!("* 1 FETCH {text}"));
            let _ = untagged(&fetch[2..], std::slice::from_ref(&fetch), &[]);
        }
    }
}
