//! `checks` as people write it, a list, → a map by name, by which layers meet.

use super::problem::{KeyPath, shown};
use super::tree::{Entry, Node, Place, Value};

/// Keys beside the kind, taken into its arguments.
const COMMON: &[&str] = &["name", "every", "timeout"];

/// A refusal: where, the key path, found, expected.
type Refusal = (Place, KeyPath, String, String);

/// Makes the list a map of name → `{ kind: { … } }`. A map is left as it is: it has the names already.
pub fn by_name(root: &mut Node) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let Some(checks) = root.get_mut("checks") else { return refusals };
    let Value::List(items) = &mut checks.value else { return refusals };
    let mut entries: Vec<Entry> = Vec::new();
    for (index, mut node) in std::mem::take(items).into_iter().enumerate() {
        let path = KeyPath::of(&["checks"]).index(index);
        let place = node.place;
        pull_in(&mut node);
        let key = match name(&node) {
            Ok(key) => key,
            Err(found) => {
                let expected =
                    "a kind with its arguments, such as `- login: { mailbox: alice, protocols: [imap] }`";
                refusals.push((place, path, found, expected.to_owned()));
                continue;
            }
        };
        if let Some(first) = entries.iter().find(|entry| entry.key == key) {
            let first =
                first.place.line.map_or(String::new(), |line| format!(" (the first is in line {line})"));
            let found = format!("a second check of the name {}{first}", shown(&path, &key));
            refusals.push((place, path, found, "a `name:` of its own for each check".to_owned()));
            continue;
        }
        entries.push(Entry { key, place, node });
    }
    checks.value = Value::Map(entries);
    refusals
}

/// `- name: x` beside the kind is the same as `name: x` among its arguments.
fn pull_in(node: &mut Node) {
    if node.entries().len() < 2 {
        return;
    }
    let beside: Vec<Entry> = COMMON.iter().filter_map(|key| node.take(key)).collect();
    let Value::Map(entries) = &mut node.value else { return };
    match entries.as_mut_slice() {
        [Entry { node: Node { value: Value::Map(arguments), .. }, .. }] => {
            arguments.splice(0..0, beside).for_each(drop)
        }
        _ => entries.extend(beside),
    }
}

/// The name that is given, or the kind and its arguments: `roundtrip-alice-bob-smtp`.
fn name(node: &Node) -> Result<String, String> {
    let [entry] = node.entries() else {
        return Err(match &node.value {
            Value::Map(entries) if entries.is_empty() => "an empty entry".to_owned(),
            Value::Map(entries) => {
                let keys: Vec<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
                format!("the keys {} side by side", keys.join(", "))
            }
            _ => "no map".to_owned(),
        });
    };
    let arguments = &entry.node;
    if let Some(name) = arguments.get("name").and_then(Node::text) {
        return Ok(name.to_owned());
    }
    let mut words = vec![entry.key.clone()];
    let said: &[&str] = match entry.key.as_str() {
        "roundtrip" => &["from", "to", "send"],
        "login" | "autodiscover" => &["mailbox"],
        "calendar" => &["mailbox", "write"],
        "meeting" => &["organizer", "attendee"],
        "directory" | "free_busy" => &["mailbox", "of"],
        "endpoint" => &["mail_service"],
        _ => &[],
    };
    for key in said {
        match arguments.get(key).map(|node| &node.value) {
            Some(Value::Text(text) | Value::Word(text)) => words.push(text.clone()),
            Some(Value::List(items)) => words.extend(items.iter().filter_map(Node::text).map(str::to_owned)),
            _ => {}
        }
    }
    if words.len() == 1 {
        // A kind without arguments that name it (or a wrong one): told apart by nothing but its line.
        words.extend(entry.place.line.map(|line| line.to_string()));
    }
    Ok(words.join("-"))
}
