//! What is written, as a tree whose every value knows its file and line; and how one layer is laid over another.

use super::problem::{KeyPath, Seg};

/// Where a value stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Index of the layer among [`super::read::Layers::sources`].
    pub source: usize,
    pub line: Option<usize>,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    pub place: Place,
    pub value: Value,
}

/// A value as it was written.
#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    /// As it was written: `0012345` is neither 12345 nor a text.
    Number(String),
    Text(String),
    /// From the environment, where nothing but text can be written: also taken for what it spells.
    Word(String),
    List(Vec<Node>),
    /// Stands for what is missing, so that the rest of an item is looked at all the same.
    Hole,
    /// In the order of the file.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    /// Of the key.
    pub place: Place,
    pub node: Node,
}

impl Node {
    pub fn map(place: Place) -> Self {
        Self { place, value: Value::Map(Vec::new()) }
    }

    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Word(text) => Some(text),
            _ => None,
        }
    }

    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.value {
            Value::Map(entries) => {
                entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
            }
            _ => None,
        }
    }

    /// Puts something where nothing is.
    pub fn put(&mut self, path: &KeyPath, value: Value) {
        let Some((Seg::Key(key), above)) = path.0.split_last() else { return };
        let place = self.place;
        if let Some(Self { value: Value::Map(entries), .. }) = self.at_mut(above) {
            entries.retain(|entry| &entry.key != key);
            entries.push(Entry { key: key.clone(), place, node: Self { place, value } });
        }
    }

    /// Takes a key out of a map.
    pub fn take(&mut self, key: &str) -> Option<Entry> {
        match &mut self.value {
            Value::Map(entries) => {
                let at = entries.iter().position(|entry| entry.key == key)?;
                Some(entries.remove(at))
            }
            _ => None,
        }
    }

    pub fn at(&self, path: &[Seg]) -> Option<&Self> {
        path.iter().try_fold(self, |node, seg| match (seg, &node.value) {
            (Seg::Key(key), _) => node.get(key),
            (Seg::Index(index), Value::List(items)) => items.get(*index),
            _ => None,
        })
    }

    fn at_mut(&mut self, path: &[Seg]) -> Option<&mut Self> {
        path.iter().try_fold(self, |node, seg| match (seg, &mut node.value) {
            (Seg::Key(key), Value::Map(entries)) => {
                entries.iter_mut().find(|entry| &entry.key == key).map(|entry| &mut entry.node)
            }
            (Seg::Index(index), Value::List(items)) => items.get_mut(*index),
            _ => None,
        })
    }

    /// Takes away what stands there; tells whether something did. A list's item cannot go without renumbering its
    /// neighbours, so the whole list goes.
    pub fn remove(&mut self, path: &KeyPath) -> bool {
        let Some(at) = path.0.iter().rposition(|seg| matches!(seg, Seg::Key(_))) else { return false };
        let (above, Some(Seg::Key(key))) = (path.0.get(..at).unwrap_or_default(), path.0.get(at)) else {
            return false;
        };
        self.at_mut(above).is_some_and(|node| node.take(key).is_some())
    }

    /// The place of a key, or of the nearest thing above it that is there.
    pub fn place_of(&self, path: &KeyPath) -> Place {
        let (mut node, mut place) = (self, self.place);
        for seg in &path.0 {
            match (seg, &node.value) {
                (Seg::Key(key), Value::Map(entries)) => {
                    let Some(entry) = entries.iter().find(|entry| &entry.key == key) else { break };
                    (node, place) = (&entry.node, entry.place);
                }
                (Seg::Index(index), Value::List(items)) => {
                    let Some(item) = items.get(*index) else { break };
                    (node, place) = (item, item.place);
                }
                _ => break,
            }
        }
        place
    }

    /// Lays a later layer over this one: maps by key, everything else is replaced. A null stays: the key above it is
    /// looked at like any other, and reads as not being there.
    pub fn lay(&mut self, over: Self, same: fn(&str, &str) -> bool) {
        match (&mut self.value, over.value) {
            (Value::Map(below), Value::Map(above)) => {
                for entry in above {
                    match below.iter_mut().find(|old| same(&old.key, &entry.key)) {
                        Some(old) => {
                            old.place = entry.place;
                            old.node.lay(entry.node, same);
                        }
                        None => below.push(entry),
                    }
                }
            }
            (_, value) => *self = Self { place: over.place, value },
        }
    }
}

/// How keys of files are compared.
pub fn exactly(left: &str, right: &str) -> bool {
    left == right
}

/// How keys of the environment are compared with those that are there: `ALICE_2` may mean `alice-2`, as a shell takes
/// no other signs.
pub fn loosely(left: &str, right: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['-', '.'], "_");
    plain(left) == plain(right)
}
