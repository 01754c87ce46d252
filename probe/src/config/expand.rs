//! `${site}`, `${site_labels.x}`, `${env:X}` and `${file:path}` in any text; `$${` stands for `${` itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::problem::{Findings, KeyPath, Problem, nearest, one_of};
use super::read::Origin;
use super::tree::{Node, Value};
use super::{locate, secrets};
use crate::secret::{HIDDEN, Secret};

/// What a reference may begin with, as it is told to people.
const FORMS: &[&str] = &["${site}", "${site_labels.NAME}", "${env:NAME}", "${file:PATH}"];

/// Why a text could not be expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The reference as it was written.
    pub reference: String,
    pub found: String,
    pub expected: String,
    pub nearest: Option<String>,
}

/// The text with all its references replaced. What a reference brings is not looked through again.
///
/// # Errors
/// The first reference that stands for nothing.
pub fn expand(text: &str, mut lookup: impl FnMut(&str) -> Result<String, Miss>) -> Result<String, Miss> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            return Err(Miss {
                reference: "${".to_owned(),
                found: "a reference that is not closed".to_owned(),
                expected: "`}` behind it, or `$${` for the signs themselves".to_owned(),
                nearest: None,
            });
        };
        out.push_str(&lookup(name)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// All that references may stand for.
struct References<'a> {
    env: &'a BTreeMap<String, String>,
    sources: &'a [Origin],
    site: Option<String>,
    labels: BTreeMap<String, String>,
    files: &'a mut Vec<PathBuf>,
}

impl References<'_> {
    fn lookup(&mut self, name: &str, source: usize) -> Result<String, Miss> {
        let reference = format!("${{{name}}}");
        let miss = |found: &str, expected: String, nearest: Option<String>| Miss {
            reference: reference.clone(),
            found: found.to_owned(),
            expected,
            nearest,
        };
        if name == "site" {
            return self
                .site
                .clone()
                .ok_or_else(|| miss("no site", "`site:`, a plain text".to_owned(), None));
        }
        if let Some(label) = name.strip_prefix("site_labels.") {
            let known = || self.labels.keys().map(String::as_str);
            let expected =
                if self.labels.is_empty() { "a label of site_labels".to_owned() } else { one_of(known()) };
            let near = nearest(label, known());
            return self.labels.get(label).cloned().ok_or_else(|| miss("no such label", expected, near));
        }
        if let Some(variable) = name.strip_prefix("env:") {
            return self.env.get(variable).cloned().ok_or_else(|| {
                miss("an unset variable", format!("the environment variable {variable}"), None)
            });
        }
        if let Some(path) = name.strip_prefix("file:") {
            let dir = self.sources.get(source).map_or_else(|| Path::new(""), |origin| origin.dir.as_path());
            let path = dir.join(path);
            self.files.push(path.clone());
            return secrets::read_text(&path)
                .map_err(|wrong| miss(&wrong, "a readable file with a text".to_owned(), None));
        }
        let word = name.split([':', '.']).next().unwrap_or_default();
        let near = nearest(word, ["site", "site_labels", "env", "file"]);
        Err(miss("an unknown reference", one_of(FORMS.iter().copied()), near))
    }
}

/// Expands every text of the tree. A text that cannot be is taken away: what it would have been, nobody knows.
pub fn expand_tree(
    root: &mut Node,
    sources: &[Origin],
    env: &BTreeMap<String, String>,
    files: &mut Vec<PathBuf>,
    findings: &mut Findings,
) {
    let mut references = References { env, sources, site: None, labels: BTreeMap::new(), files };
    // First what others refer to.
    for first in ["site", "site_labels"] {
        let path = KeyPath::of(&[first]);
        if let Some(node) = root.get_mut(first) {
            walk(node, &path, &mut references, findings);
        }
        references.site = root.get("site").and_then(Node::text).map(str::to_owned);
        if let Some(labels) = root.get("site_labels").filter(|_| first == "site_labels") {
            let texts = labels.entries().iter().filter_map(|entry| Some((entry, entry.node.text()?)));
            references.labels = texts.map(|(entry, text)| (entry.key.clone(), text.to_owned())).collect();
        }
    }
    if let Value::Map(entries) = &mut root.value {
        for entry in entries.iter_mut().filter(|entry| !["site", "site_labels"].contains(&entry.key.as_str()))
        {
            walk(&mut entry.node, &KeyPath::of(&[&entry.key]), &mut references, findings);
        }
    }
    // A label set to null is none; other maps of free keys are gone through item by item.
    if let Some(Node { value: Value::Map(labels), .. }) = root.get_mut("site_labels") {
        labels.retain(|label| !label.node.is_null());
    }
}

fn walk(node: &mut Node, path: &KeyPath, references: &mut References<'_>, findings: &mut Findings) {
    let place = node.place;
    match &mut node.value {
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                walk(item, &path.index(index), references, findings);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                walk(&mut entry.node, &path.key(&entry.key), references, findings);
            }
        }
        Value::Text(text) | Value::Word(text) => {
            let result = expand(text, |name| {
                let value = references.lookup(name, place.source)?;
                if path.is_secret() && (name.starts_with("env:") || name.starts_with("file:")) {
                    Secret::new(&value);
                }
                Ok(value)
            });
            match result {
                Ok(expanded) => {
                    if path.last_key() == Some("password") {
                        Secret::new(&expanded);
                    }
                    *text = expanded;
                }
                Err(miss) => {
                    refuse(miss, path, place, references.sources, findings);
                    node.value = Value::Null;
                }
            }
        }
        _ => {}
    }
}

fn refuse(
    miss: Miss,
    path: &KeyPath,
    place: super::tree::Place,
    sources: &[Origin],
    findings: &mut Findings,
) {
    // Below `auth` a `${` may be part of a password: only what is surely a reference is repeated there.
    let is_plain = ["${env:", "${file:", "${site"].iter().any(|form| miss.reference.starts_with(form));
    let reference = if path.is_secret() && !is_plain { HIDDEN } else { &miss.reference };
    let problem = Problem {
        found: format!("{reference}: {}", miss.found),
        expected: miss.expected,
        nearest: miss.nearest,
        ..Problem::default()
    };
    findings.broken.insert(super::item_of(path));
    findings.problems.insert(locate(problem, path, place, sources));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn upper(name: &str) -> Result<String, Miss> {
        Ok(format!("<{}>", name.to_uppercase()))
    }

    #[test]
    fn references_are_replaced_and_doubled_signs_stand_for_themselves() {
        assert_eq!(expand("a-${site}-b", upper).unwrap(), "a-<SITE>-b");
        assert_eq!(expand("$${site} $5 $$ ${x}", upper).unwrap(), "${site} $5 $$ <X>");
        assert_eq!(expand("${a}${b}", upper).unwrap(), "<A><B>");
        assert!(expand("a ${b", upper).is_err());
    }

    proptest! {
        #[test]
        fn a_text_without_references_stays(text in "[^$]{0,40}") {
            prop_assert_eq!(expand(&text, upper).unwrap(), text);
        }

        #[test]
        fn an_escaped_text_comes_back(text in "([a-z}{ ]|\\$\\{|é){0,20}") {
            let escaped = text.replace("${", "$${");
            prop_assert_eq!(expand(&escaped, upper).unwrap(), text);
        }

        #[test]
        fn what_a_reference_brings_is_not_expanded_again(before in "[a-z]{0,5}", after in "[a-z]{0,5}") {
            let text = format!("{before}${{x}}{after}");
            let out = expand(&text, |_| Ok("${y}".to_owned())).unwrap();
            prop_assert_eq!(out, format!("{before}${{y}}{after}"));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            expand(&text, upper).ok();
        }
    }
}
