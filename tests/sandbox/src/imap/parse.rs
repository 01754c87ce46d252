//! Reading IMAP's grammar (RFC 3501 section 9), from a command with its literals in place.

use jiff::{Timestamp, civil::Date, fmt::strtime};

/// A syntax error, for the answer BAD.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad(pub(super) &'static str);

pub(super) type Parsed<T> = Result<T, Bad>;

/// A sequence set; `*` is [`STAR`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Set(Vec<(u32, u32)>);

const STAR: u32 = u32::MAX;

impl Set {
    /// Whether the number is in the set, `last` being the largest that is in use.
    pub(super) fn contains(&self, number: u32, last: u32) -> bool {
        let place = |n| if n == STAR { last } else { n };
        self.0.iter().any(|(a, b)| {
            let (a, b) = (place(*a), place(*b));
            (a.min(b)..=a.max(b)).contains(&number)
        })
    }
}

/// Writes numbers in ascending order as a set.
pub(super) fn write_set(numbers: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, end)) if number.checked_sub(1) == Some(*end) => *end = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let texts: Vec<_> =
        ranges.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}:{b}") }).collect();
    texts.join(",")
}

/// Writes a string: quoted if it can be, else as a literal.
pub(super) fn write_string(text: &[u8]) -> Vec<u8> {
    if text.len() < 1000 && text.iter().all(|byte| (b' '..0x7f).contains(byte) || *byte == b'\t') {
        let mut quoted = vec![b'"'];
        for byte in text {
            if matches!(byte, b'"' | b'\\') {
                quoted.push(b'\\');
            }
            quoted.push(*byte);
        }
        quoted.push(b'"');
        return quoted;
    }
    let mut literal = format!("{{{}}}\r\n", text.len()).into_bytes();
    literal.extend_from_slice(text);
    literal
}

/// A command that is being read.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
}

const fn is_atom(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f && !matches!(byte, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.first().copied()
    }

    pub(super) const fn is_end(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn end(&self) -> Parsed<()> {
        if self.is_end() { Ok(()) } else { Err(Bad("too many arguments")) }
    }

    /// Takes that byte if it comes next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        match self.bytes.split_first() {
            Some((first, rest)) if *first == byte => {
                self.bytes = rest;
                true
            }
            _ => false,
        }
    }

    pub(super) fn expect(&mut self, byte: u8) -> Parsed<()> {
        if self.eat(byte) {
            return Ok(());
        }
        Err(Bad(match byte {
            b' ' => "space expected",
            b'(' => "( expected",
            b')' => ") expected",
            b']' => "] expected",
            _ => "syntax error",
        }))
    }

    pub(super) fn space(&mut self) -> Parsed<()> {
        self.expect(b' ')
    }

    pub(super) fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a [u8] {
        let count = self.bytes.iter().take_while(|byte| keep(**byte)).count();
        let (taken, rest) = self.bytes.split_at(count);
        self.bytes = rest;
        taken
    }

    /// A word of letters, digits, dots and such, in upper case.
    pub(super) fn word(&mut self) -> Parsed<String> {
        let word = self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        if word.is_empty() {
            return Err(Bad("word expected"));
        }
        Ok(String::from_utf8_lossy(word).to_ascii_uppercase())
    }

    pub(super) fn tag(&mut self) -> Parsed<String> {
        let tag = self.take_while(|byte| is_atom(byte) && byte != b'+');
        if tag.is_empty() { Err(Bad("tag expected")) } else { Ok(String::from_utf8_lossy(tag).into_owned()) }
    }

    pub(super) fn number(&mut self) -> Parsed<u32> {
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(Bad("number expected"))
    }

    /// Quoted string or literal.
    pub(super) fn string(&mut self) -> Parsed<Vec<u8>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            _ => Err(Bad("string expected")),
        }
    }

    fn quoted(&mut self) -> Parsed<Vec<u8>> {
        self.expect(b'"')?;
        let mut text = Vec::new();
        let mut bytes = self.bytes.iter().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.bytes = self.bytes.get(at + 1..).unwrap_or_default();
                    return Ok(text);
                }
                b'\\' => text.push(*bytes.next().ok_or(Bad("unfinished string"))?.1),
                b'\r' | b'\n' => break,
                _ => text.push(*byte),
            }
        }
        Err(Bad("unfinished string"))
    }

    fn literal(&mut self) -> Parsed<Vec<u8>> {
        self.expect(b'{')?;
        let count = self.number()? as usize;
        self.eat(b'+');
        self.expect(b'}')?;
        self.expect(b'\r')?;
        self.expect(b'\n')?;
        let (text, rest) = self.bytes.split_at_checked(count).ok_or(Bad("literal too short"))?;
        self.bytes = rest;
        Ok(text.to_vec())
    }

    /// Atom (with `]`) or string.
    pub(super) fn astring(&mut self) -> Parsed<Vec<u8>> {
        if matches!(self.peek(), Some(b'"' | b'{')) {
            return self.string();
        }
        let atom = self.take_while(|byte| is_atom(byte) || byte == b']');
        if atom.is_empty() { Err(Bad("argument expected")) } else { Ok(atom.to_vec()) }
    }

    /// The name of a mailbox.
    pub(super) fn mailbox(&mut self) -> Parsed<String> {
        String::from_utf8(self.astring()?).map_err(|_| Bad("mailbox names are text"))
    }

    /// The pattern of LIST.
    pub(super) fn pattern(&mut self) -> Parsed<String> {
        if matches!(self.peek(), Some(b'"' | b'{')) {
            return self.mailbox();
        }
        let atom = self.take_while(|byte| is_atom(byte) || matches!(byte, b']' | b'%' | b'*'));
        if atom.is_empty() {
            Err(Bad("pattern expected"))
        } else {
            Ok(String::from_utf8_lossy(atom).into_owned())
        }
    }

    pub(super) fn set(&mut self) -> Parsed<Set> {
        let mut ranges = Vec::new();
        loop {
            let first = self.set_number()?;
            let last = if self.eat(b':') { self.set_number()? } else { first };
            ranges.push((first, last));
            if !self.eat(b',') {
                return Ok(Set(ranges));
            }
        }
    }

    fn set_number(&mut self) -> Parsed<u32> {
        if self.eat(b'*') {
            return Ok(STAR);
        }
        match self.number()? {
            0 => Err(Bad("numbers begin at 1")),
            number => Ok(number),
        }
    }

    pub(super) fn flag(&mut self) -> Parsed<String> {
        let system = self.eat(b'\\');
        let word = self.take_while(is_atom);
        if word.is_empty() {
            return Err(Bad("flag expected"));
        }
        let word = String::from_utf8_lossy(word).into_owned();
        if !system {
            return Ok(word);
        }
        ["Answered", "Flagged", "Deleted", "Seen", "Draft", "Recent"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(&word))
            .map(|known| format!("\\{known}"))
            .ok_or(Bad("unknown flag"))
    }

    /// `(` items separated by spaces `)`.
    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect(b'(')?;
        let mut items = Vec::new();
        if self.eat(b')') {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat(b')') {
                return Ok(items);
            }
            self.space()?;
        }
    }

    /// A list of flags, or flags without parentheses.
    pub(super) fn flags(&mut self) -> Parsed<Vec<String>> {
        if self.peek() == Some(b'(') {
            return self.list(Self::flag);
        }
        let mut flags = vec![self.flag()?];
        while self.eat(b' ') {
            flags.push(self.flag()?);
        }
        Ok(flags)
    }

    /// `"17-Jul-1996 02:44:25 -0700"`
    pub(super) fn date_time(&mut self) -> Parsed<Timestamp> {
        let text = self.quoted()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim())
            .and_then(|broken| broken.to_timestamp())
            .map_err(|_| Bad("date and time expected"))
    }

    /// `17-Jul-1996`, quoted or not
    pub(super) fn date(&mut self) -> Parsed<Date> {
        let text = self.astring()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Date::strptime("%d-%b-%Y", text.trim()).map_err(|_| Bad("date expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_in_three_forms() {
        let mut cursor = Cursor::new(b"INBOX \"a \\\"b\\\\\" {3}\r\nx\ny {2+}\r\n\"\"");
        assert_eq!(cursor.astring(), Ok(b"INBOX".to_vec()));
        cursor.space().unwrap();
        assert_eq!(cursor.astring(), Ok(b"a \"b\\".to_vec()));
        cursor.space().unwrap();
        assert_eq!(cursor.astring(), Ok(b"x\ny".to_vec()));
        cursor.space().unwrap();
        assert_eq!(cursor.astring(), Ok(b"\"\"".to_vec()));
        assert_eq!(cursor.end(), Ok(()));
    }

    #[test]
    fn broken_strings_are_refused() {
        for text in [&b"\"abc"[..], b"\"abc\\", b"{5}\r\nabc", b"{x}\r\n", b"(", b"", b"\"a\r\nb\""] {
            assert!(Cursor::new(text).astring().is_err(), "{text:?}");
        }
    }

    #[test]
    fn sets_are_read_and_written() {
        let set = Cursor::new(b"2,4:6,9:*").set().unwrap();
        let inside: Vec<_> = (1..=12).filter(|n| set.contains(*n, 10)).collect();
        assert_eq!(inside, [2, 4, 5, 6, 9, 10]);
        assert_eq!(write_set(&inside), "2,4:6,9:10");
        let above = Cursor::new(b"20:*").set().unwrap();
        assert!(above.contains(10, 10), "a star is the last number even if that is below");
        assert!(Cursor::new(b"0").set().is_err());
        assert!(Cursor::new(b"1:").set().is_err());
    }

    #[test]
    fn flags_have_one_spelling() {
        let mut cursor = Cursor::new(b"(\\seen $Label \\DELETED)");
        assert_eq!(cursor.flags().unwrap(), ["\\Seen", "$Label", "\\Deleted"]);
        assert!(Cursor::new(b"\\Other").flag().is_err());
    }

    #[test]
    fn dates_are_read() {
        let time = Cursor::new(b"\" 7-Jul-1996 02:44:25 -0700\"").date_time().unwrap();
        assert_eq!(time.to_string(), "1996-07-07T09:44:25Z");
        assert_eq!(Cursor::new(b"1-Feb-1994").date().unwrap().to_string(), "1994-02-01");
    }

    #[test]
    fn strings_are_written_so_that_they_read_back() {
        for text in [&b"plain"[..], b"with \"quotes\" and \\", b"line\r\nend", "ümlaut".as_bytes(), b""] {
            assert_eq!(Cursor::new(&write_string(text)).string().unwrap(), text);
        }
    }
}
