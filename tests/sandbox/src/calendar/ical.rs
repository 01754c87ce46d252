//! iCalendar (RFC 5545) as it is written: components, properties, parameters. What is not known is kept.

use std::fmt::Write as _;

/// How deep components may be within components.
const MAX_DEPTH: usize = 5;
/// How many lines an object may have.
const MAX_LINES: usize = 50_000;

/// `NAME;KEY=value:value`, the value as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Property {
    /// In upper case.
    pub(crate) name: String,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) value: String,
}

/// What stands between `BEGIN` and `END`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) properties: Vec<Property>,
    pub(crate) components: Vec<Self>,
}

impl Property {
    pub(crate) fn new(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), parameters: Vec::new(), value: value.into() }
    }

    /// A property whose value is text.
    pub(crate) fn text(name: &str, text: &str) -> Self {
        Self::new(name, escape(text))
    }

    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.set(key, value);
        self
    }

    pub(crate) fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.unset(key);
        self.parameters.push((key.to_owned(), value.to_owned()));
    }

    pub(crate) fn unset(&mut self, key: &str) {
        self.parameters.retain(|(known, _)| known != key);
    }

    /// The address of a calendar user, in lower case.
    pub(crate) fn address(&self) -> String {
        address(&self.value)
    }
}

/// `mailto:` taken off.
pub(crate) fn address(uri: &str) -> String {
    let uri = uri.trim();
    let split = uri.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("mailto:"));
    split.map_or(uri, |(_, bare)| bare).to_ascii_lowercase()
}

impl Component {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Property> {
        self.properties.iter().filter(move |property| property.name == name)
    }

    pub(crate) fn all_mut<'a>(&'a mut self, name: &'a str) -> impl Iterator<Item = &'a mut Property> {
        self.properties.iter_mut().filter(move |property| property.name == name)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.get(name).map(|property| property.value.as_str())
    }

    /// The text that a property has.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(unescape)
    }

    /// Puts a property in the place of those of its name.
    pub(crate) fn set(&mut self, property: Property) {
        let at = self.properties.iter().position(|known| known.name == property.name);
        self.remove(&property.name);
        let at = at.unwrap_or(self.properties.len()).min(self.properties.len());
        self.properties.insert(at, property);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.properties.retain(|property| property.name != name);
    }

    pub(crate) fn within<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.components.iter().filter(move |component| component.name == name)
    }

    /// Reads one object.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut open: Vec<Self> = Vec::new();
        let mut whole = None;
        for (number, line) in unfold(text).into_iter().enumerate() {
            if number >= MAX_LINES {
                return Err("there are too many lines".to_owned());
            }
            if line.is_empty() {
                continue;
            }
            if whole.is_some() {
                return Err("there is something behind the object".to_owned());
            }
            let property = property(&line).ok_or_else(|| format!("line {} is none", number + 1))?;
            let deep = open.len() >= MAX_DEPTH;
            match (property.name.as_str(), open.last_mut()) {
                ("BEGIN", _) if !deep => {
                    open.push(Self::new(&property.value.to_ascii_uppercase()));
                }
                ("BEGIN", _) => return Err("components are too deep within each other".to_owned()),
                ("END", Some(last)) if last.name.eq_ignore_ascii_case(&property.value) => {
                    let ended = open.pop().unwrap_or_default();
                    match open.last_mut() {
                        Some(outer) => outer.components.push(ended),
                        None => whole = Some(ended),
                    }
                }
                ("END", _) => return Err(format!("END:{} has no BEGIN", property.value)),
                (_, Some(last)) => last.properties.push(property),
                (_, None) => return Err("a property stands outside of an object".to_owned()),
            }
        }
        whole.ok_or_else(|| "the object has no end".to_owned())
    }

    /// The object as it is sent.
    pub(crate) fn write(&self) -> String {
        let mut out = String::new();
        self.write_to(&mut out);
        out
    }

    fn write_to(&self, out: &mut String) {
        fold(out, &format!("BEGIN:{}", self.name));
        for property in &self.properties {
            let mut line = property.name.clone();
            for (key, value) in &property.parameters {
                let value = value.replace('^', "^^").replace('"', "^'").replace('\n', "^n");
                let quoted = value.contains([':', ';', ',']);
                // Writing to a string cannot fail.
                if quoted { write!(line, ";{key}=\"{value}\"") } else { write!(line, ";{key}={value}") }.ok();
            }
            line.push(':');
            line.push_str(&property.value);
            fold(out, &line);
        }
        for component in &self.components {
            component.write_to(out);
        }
        fold(out, &format!("END:{}", self.name));
    }
}

/// The lines, those that go on put together.
fn unfold(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some(last)) => last.push_str(more),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

fn property(line: &str) -> Option<Property> {
    let (mut quoted, mut ends) = (false, Vec::new());
    let mut colon = None;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ';' if !quoted => ends.push(at),
            ':' if !quoted => {
                colon = Some(at);
                break;
            }
            _ => {}
        }
    }
    let colon = colon?;
    ends.push(colon);
    let name = line.get(..*ends.first()?)?.to_ascii_uppercase();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || !name.bytes().all(fits) {
        return None;
    }
    let mut parameters = Vec::new();
    for pair in ends.windows(2) {
        let (key, value) = line.get(pair.first()? + 1..*pair.last()?)?.split_once('=')?;
        let value = value.replace('"', "").replace("^n", "\n").replace("^'", "\"").replace("^^", "^");
        parameters.push((key.to_ascii_uppercase(), value));
    }
    Some(Property { name, parameters, value: line.get(colon + 1..)?.to_owned() })
}

/// Writes a line, folded after 75 bytes.
fn fold(out: &mut String, line: &str) {
    let mut rest = line;
    let mut room = 75;
    while rest.len() > room {
        let (head, tail) = rest.split_at(rest.floor_char_boundary(room));
        out.push_str(head);
        out.push_str("\r\n ");
        rest = tail;
        room = 74;
    }
    out.push_str(rest);
    out.push_str("\r\n");
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace(';', "\\;")
        .replace(',', "\\,")
        .replace("\r\n", "\n")
        .replace(['\n', '\r'], "\\n")
}

pub(crate) fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => text.push('\n'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_written_as_they_were_read() {
        let long = "\u{e9}".repeat(100);
        let text = format!(
            "BEGIN:VCALENDAR\nbegin:vevent\nSummary;X-A=\"a:b;c\";LANGUAGE=en:one\\, two\\n{long}\nX-OWN:7\n\
             ATTENDEE;CN=\"B, ^'C^'\":MAILTO:Bob@x\nDESCRIPTION:fol\n ded\nEND:VEVENT\nEND:VCALENDAR\n"
        );
        let object = Component::parse(&text).unwrap();
        let event = object.within("VEVENT").next().unwrap();
        assert_eq!(event.text("SUMMARY").unwrap(), format!("one, two\n{long}"));
        assert_eq!(event.get("SUMMARY").unwrap().parameter("X-A"), Some("a:b;c"));
        assert_eq!(event.get("ATTENDEE").unwrap().parameter("CN"), Some("B, \"C\""));
        assert_eq!(event.get("ATTENDEE").unwrap().address(), "bob@x");
        assert_eq!(event.value("DESCRIPTION"), Some("folded"));
        let written = object.write();
        assert!(written.lines().all(|line| line.len() <= 75), "{written}");
        assert_eq!(Component::parse(&written), Ok(object));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let deep = "BEGIN:A\n".repeat(50) + &"END:A\n".repeat(50);
        for text in ["", "BEGIN:A\n", "A:b\n", "BEGIN:A\nEND:B\n", "BEGIN:A\nnonsense\nEND:A\n", &deep] {
            assert!(Component::parse(text).is_err(), "{text}");
        }
        assert!(Component::parse("BEGIN:A\nEND:A\nBEGIN:A\nEND:A\n").is_err());
    }

    #[test]
    fn text_is_escaped_and_back() {
        let text = "a;b,c\\d\ne";
        assert_eq!(unescape(&escape(text)), text);
    }
}
