//! Reading XML within limits, and writing it with everything escaped.

use std::fmt::Write as _;

use roxmltree::{Document, Node, ParsingOptions};

/// How deep elements may be within elements.
const MAX_DEPTH: usize = 100;
/// How many elements, texts and attributes a document may have.
const MAX_NODES: u32 = 200_000;

/// Reads a document; document types and their entities are refused.
pub(crate) fn parse(text: &str) -> Result<Document<'_>, String> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
    // Nodes come in the order of the document: a parent's depth is known before its children's.
    let mut depths = vec![0_usize; document.root().descendants().count()];
    for node in document.root().descendants() {
        let depth = node.parent().map_or(0, |parent| depths[parent.id().get_usize()] + 1);
        depths[node.id().get_usize()] = depth;
        if depth > MAX_DEPTH {
            return Err("elements are too deep within each other".to_owned());
        }
    }
    Ok(document)
}

/// The elements within an element.
pub(crate) fn children<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> + use<'a, 'i> {
    node.children().filter(Node::is_element)
}

/// The first element of that name within an element, in any namespace.
pub(crate) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    children(node).find(|child| child.tag_name().name() == name)
}

/// The text of the first element of that name within an element.
pub(crate) fn text<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name).map(|child| child.text().unwrap_or_default().trim())
}

/// A document being written. Names stand with their prefix.
#[derive(Default)]
pub(crate) struct Xml(String);

impl Xml {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &str)], end: &str) {
        self.0.push('<');
        self.0.push_str(name);
        for (key, value) in attributes {
            // Writing to a string cannot fail.
            write!(self.0, " {key}=\"{}\"", escape(value)).ok();
        }
        self.0.push_str(end);
    }

    pub(crate) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.start(name, attributes, ">");
    }

    pub(crate) fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    pub(crate) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.start(name, attributes, "/>");
    }

    pub(crate) fn leaf(&mut self, name: &str, text: &str) {
        self.leaf_with(name, &[], text);
    }

    pub(crate) fn leaf_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.open(name, attributes);
        self.0.push_str(&escape(text));
        self.close(name);
    }

    /// An element with what is written within.
    pub(crate) fn within(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.within_with(name, &[], write);
    }

    pub(crate) fn within_with(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        write: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        write(self);
        self.close(name);
    }

    /// Text that is XML already.
    pub(crate) fn raw(&mut self, xml: &str) {
        self.0.push_str(xml);
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }
}

/// The text as it may stand in XML; what may not stand there at all becomes `?`.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#xD;"),
            '\t' | '\n' => escaped.push(c),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push('?'),
            c if c < ' ' => escaped.push('?'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut xml = Xml::new();
        xml.within_with("a", &[("k", "<\"&>")], |xml| {
            xml.leaf("b", "x & y\r\n\u{1}");
            xml.empty("c", &[]);
        });
        let text = xml.finish();
        let document = parse(&text).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("k"), Some("<\"&>"));
        assert_eq!(child(root, "b").unwrap().text(), Some("x & y\r\n?"));
        assert_eq!(super::text(root, "c"), Some(""));
        assert_eq!(super::text(root, "d"), None);
    }

    #[test]
    fn entities_and_depth_are_refused() {
        assert!(parse("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>").is_err());
        let deep = "<a>".repeat(5000) + &"</a>".repeat(5000);
        assert!(parse(&deep).is_err());
        assert!(parse(&("<a>".repeat(50) + &"</a>".repeat(50))).is_ok());
        assert!(parse("<a>").is_err());
    }
}
