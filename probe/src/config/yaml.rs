//! YAML text → tree, with the line of every key and value.
//!
//! On yaml-rust2's marked events, the parser that the `config` crate reads YAML with. Its own reading is not honest
//! enough here: `0012345` becomes a number and then the text "12345", a key that stands twice is silently the last, and
//! no line is left to be named in a refusal.

use yaml_rust2::parser::{Event, Parser, Tag};
use yaml_rust2::scanner::{Marker, TScalarStyle};

use super::problem::{KeyPath, Seg};
use super::tree::{Entry, Node, Place, Value};

/// More values than any configuration has: aliases of aliases grow without end.
const MOST_NODES: usize = 200_000;
/// Deeper than any configuration is.
const DEEPEST: usize = 64;

/// Something that is no YAML, or that we do not take: where, found, expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub line: usize,
    pub path: KeyPath,
    pub found: String,
    pub expected: String,
}

/// Reads the only document of a text; `Null` for an empty one.
pub fn read(source: usize, text: &str) -> (Node, Vec<Refusal>) {
    let mut builder = Builder { source, ..Builder::default() };
    // Event by event: the parser's own loop goes down by recursion, and a deep nest would use up the stack.
    let mut parser = Parser::new_from_str(text);
    loop {
        match parser.next_token() {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, mark)) => builder.event(event, mark),
            Err(error) => {
                let found = format!("no YAML ({})", error.info());
                builder.refuse(error.marker().line(), &found, "YAML");
                break;
            }
        }
        if builder.nodes > MOST_NODES || builder.open.len() > DEEPEST {
            let line = parser_line(&builder);
            builder.refuse(line, "more than 200000 values or 64 levels", "a configuration of ordinary size");
            break;
        }
    }
    let place = Place { source, line: Some(1) };
    (builder.root.unwrap_or(Node { place, value: Value::Null }), builder.refusals)
}

fn parser_line(builder: &Builder) -> usize {
    builder.open.last().and_then(|open| open.node.place.line).unwrap_or(1)
}

/// An open list or map.
struct Open {
    node: Node,
    anchor: usize,
    /// The key whose value is awaited.
    key: Option<(String, Place)>,
}

#[derive(Default)]
struct Builder {
    source: usize,
    open: Vec<Open>,
    anchors: Vec<(usize, Node)>,
    root: Option<Node>,
    refusals: Vec<Refusal>,
    nodes: usize,
}

impl Builder {
    fn event(&mut self, event: Event, mark: Marker) {
        let place = Place { source: self.source, line: Some(mark.line()) };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(text, style, tag.as_ref());
                self.close(Node { place, value }, anchor);
            }
            Event::SequenceStart(anchor, _) => self.begin(Value::List(Vec::new()), place, anchor),
            Event::MappingStart(anchor, _) => self.begin(Value::Map(Vec::new()), place, anchor),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.close(open.node, open.anchor);
                }
            }
            Event::Alias(anchor) => match self.anchors.iter().rev().find(|(of, _)| *of == anchor) {
                Some((_, node)) => {
                    // Counted before it is copied: aliases of aliases grow without end.
                    self.nodes += count(node);
                    if self.nodes <= MOST_NODES {
                        self.close(node.clone(), 0);
                    }
                }
                None => self.refuse(mark.line(), "an alias of nothing", "the name of an anchor above it"),
            },
            Event::DocumentStart if self.root.is_some() => {
                self.refuse(mark.line(), "a second document", "one YAML document");
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart
            | Event::DocumentEnd => {}
        }
    }

    fn begin(&mut self, value: Value, place: Place, anchor: usize) {
        self.open.push(Open { node: Node { place, value }, anchor, key: None });
    }

    /// A value is complete: it becomes a key, the value of a key, an item, or the document.
    fn close(&mut self, node: Node, anchor: usize) {
        self.nodes += 1;
        if anchor != 0 {
            self.anchors.push((anchor, node.clone()));
        }
        let path = self.path();
        let Some(open) = self.open.last_mut() else {
            self.root.get_or_insert(node);
            return;
        };
        match (&mut open.node.value, open.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(entries), Some((key, place))) => {
                if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                    let (line, first) =
                        (place.line.unwrap_or_default(), first.place.line.unwrap_or_default());
                    self.refusals.push(Refusal {
                        line,
                        path,
                        found: format!("the same key as in line {first}"),
                        expected: "each key once".to_owned(),
                    });
                } else {
                    entries.push(Entry { key, place, node });
                }
            }
            (Value::Map(_), None) => match key_text(&node) {
                Some(key) => open.key = Some((key, node.place)),
                None => {
                    open.key = Some((String::new(), node.place));
                    self.refuse(node.place.line.unwrap_or_default(), "a list or map as a key", "a word");
                }
            },
            _ => {}
        }
    }

    /// Of the value that is awaited.
    fn path(&self) -> KeyPath {
        KeyPath(
            self.open
                .iter()
                .filter_map(|open| match (&open.node.value, &open.key) {
                    (Value::List(items), _) => Some(Seg::Index(items.len())),
                    (_, Some((key, _))) => Some(Seg::Key(key.clone())),
                    _ => None,
                })
                .collect(),
        )
    }

    fn refuse(&mut self, line: usize, found: &str, expected: &str) {
        let path = self.path();
        self.refusals.push(Refusal { line, path, found: found.to_owned(), expected: expected.to_owned() });
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|entry| count(&entry.node)).sum::<usize>(),
        _ => 0,
    }
}

fn key_text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) | Value::Number(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

fn scalar(text: String, style: TScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.suffix == "str" || tag.handle == "!");
    if style != TScalarStyle::Plain || is_text {
        return Value::Text(text);
    }
    plain(text)
}

/// A scalar without quotes, by YAML 1.2's core schema: `yes` and `on` are texts.
pub fn plain(text: String) -> Value {
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        other if is_number(other) => Value::Number(text),
        _ => Value::Text(text),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let radix = |prefix, radix| {
        text.strip_prefix(prefix)
            .is_some_and(|rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)))
    };
    if radix("0x", 16) || radix("0o", 8) {
        return true;
    }
    matches!(digits, ".inf" | ".Inf" | ".INF")
        || matches!(text, ".nan" | ".NaN" | ".NAN")
        || (digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && digits.bytes().any(|b| b.is_ascii_digit())
            && digits.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_stay_what_they_were_written_as() {
        let (root, refusals) = read(0, "a: 0012345\nb: '7'\nc: yes\nd: 60s\ne: !!str 5\nf: null\ng: true\n");
        assert!(refusals.is_empty(), "{refusals:?}");
        let value = |key: &str| format!("{:?}", root.get(key).unwrap().value);
        assert_eq!(value("a"), "Number(\"0012345\")");
        assert_eq!(value("b"), "Text(\"7\")");
        assert_eq!(value("c"), "Text(\"yes\")");
        assert_eq!(value("d"), "Text(\"60s\")");
        assert_eq!(value("e"), "Text(\"5\")");
        assert_eq!(value("f"), "Null");
        assert_eq!(value("g"), "Bool(true)");
        assert_eq!(root.get("d").unwrap().place.line, Some(4));
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_with_both_lines() {
        let (_, refusals) = read(0, "a:\n  b: 1\n  b: 2\n");
        assert_eq!(
            refusals,
            [Refusal {
                line: 3,
                path: KeyPath::of(&["a", "b"]),
                found: "the same key as in line 2".to_owned(),
                expected: "each key once".to_owned()
            }]
        );
    }

    #[test]
    fn aliases_of_aliases_do_not_grow_without_end() {
        let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, of) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e"), ("g", "f")] {
            text.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 10].join(", ")));
        }
        let (_, refusals) = read(0, &text);
        assert_eq!(
            refusals.first().map(|refusal| refusal.found.as_str()),
            Some("more than 200000 values or 64 levels")
        );
    }
}
