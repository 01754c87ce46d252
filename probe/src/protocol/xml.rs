//! XML in answers and requests, bounded: what all protocols over HTTP that speak it share.

use std::borrow::Cow;

use roxmltree::{Document, Node, ParsingOptions};

use super::web;
use crate::catalogue::Reason;
use crate::net::http::Answer;
use crate::outcome::{Fault, Said};

/// Elements, attributes and texts of one answer.
const MOST_NODES: u32 = 200_000;
/// Text in XML. What XML 1.0 cannot carry is left out.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    let special =
        |c: char| matches!(c, '<' | '>' | '&' | '"' | '\'') || (c.is_control() && !"\t\n\r".contains(c));
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c if special(c) => {}
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// XML, bounded: no document type, so no entity of anybody's; so many nodes and no more.
pub(super) fn parse(text: &str) -> Result<Document<'_>, Fault> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| {
        let words =
            format!("the answer is no XML that is taken: {error}; it begins {}", Said::new(&start(text)));
        Fault::new(Reason::ProtocolViolation, &words)
    })
}

fn start(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The body as XML. Of an answer that is none, its status tells more.
pub(super) fn document(answer: &Answer) -> Result<Document<'_>, Fault> {
    text_of(answer).and_then(parse).map_err(|fault| web::fault_of(answer).unwrap_or(fault))
}

/// The body as text: UTF-8, with or without a mark before it.
fn text_of(answer: &Answer) -> Result<&str, Fault> {
    let body = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body);
    std::str::from_utf8(body).map_err(|_| Fault::new(Reason::ProtocolViolation, "the answer is not in UTF-8"))
}

/// The first element of that local name below a node; prefixes and namespaces differ between servers.
pub(super) fn below<'a, 'd>(node: Node<'a, 'd>, name: &str) -> Option<Node<'a, 'd>> {
    node.descendants().find(|at| at.tag_name().name() == name)
}

/// The text of the first element of that local name; empty where there is none.
pub(super) fn word<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    below(node, name).and_then(|at| at.text()).unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_what_xml_cannot_carry_is_left_out() {
        assert_eq!(escape("a<b>&\"'\u{1}c\td"), "a&lt;b&gt;&amp;&quot;&apos;c\td");
    }
}
