//! Tree → raw structs, each item on its own and every error of it.
//!
//! A deserializer of our own, so that a number is never taken for a text (and the other way round) and errors come in
//! parts: what was found, what is expected, which names are known.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde_path_to_error::Segment;

use super::problem::{KeyPath, Seg, nearest, one_of};
use super::tree::{Entry, Node, Value};

/// More refusals of one item help nobody.
const MOST: usize = 50;

/// A refusal by the deserializer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub path: KeyPath,
    pub found: Found,
    pub expected: String,
    pub nearest: Option<String>,
}

/// What was found. Below `auth` texts, other values and keys are hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// A key that is not known.
    Key(String),
    /// A text.
    Text(String),
    /// A value that is no text: its sort, and as it was written.
    Other(&'static str, String),
    /// The sort of a value.
    Sort(&'static str),
}

/// What became of an item.
pub struct Decoded<T> {
    pub item: Option<T>,
    /// False: something that is needed is missing and was made up, so that the rest could be looked at.
    pub is_whole: bool,
    pub refusals: Vec<Refusal>,
}

/// Decodes an item. Where something is refused it is taken away and the item is tried again, until all that is wrong
/// with it is found.
pub fn decode<T: DeserializeOwned>(node: &Node, path: &KeyPath) -> Decoded<T> {
    let mut node = node.clone();
    let mut decoded = Decoded { item: None, is_whole: true, refusals: Vec::new() };
    // Bounded: a hole in a place that takes none would be refused for ever.
    for _ in 0..MOST {
        let error = match serde_path_to_error::deserialize::<_, T>(&node) {
            Ok(item) => {
                decoded.item = Some(item);
                return decoded;
            }
            Err(error) => error,
        };
        let inside = inside(error.path());
        let (inside, refusal) = error.into_inner().refusal(inside, path);
        if !node.remove(&inside) {
            node.put(&inside, Value::Hole);
            decoded.is_whole = false;
        }
        if !is_consequence(&refusal, &decoded.refusals) {
            decoded.refusals.push(refusal);
        }
    }
    decoded
}

/// What is missing because it was taken away, or because its key is misspelt, was told already.
fn is_consequence(refusal: &Refusal, told: &[Refusal]) -> bool {
    let Some((Seg::Key(key), above)) = refusal.path.0.split_last() else { return false };
    refusal.found == Found::Nothing
        && told.iter().any(|told| {
            let misspelt = told.nearest.as_ref() == Some(key)
                && told.path.0.split_last().is_some_and(|(_, beside)| beside == above);
            told.path.0.starts_with(&refusal.path.0) || refusal.path.0.starts_with(&told.path.0) || misspelt
        })
}

fn inside(path: &serde_path_to_error::Path) -> KeyPath {
    KeyPath(
        path.iter()
            .filter_map(|segment| match segment {
                Segment::Seq { index } => Some(Seg::Index(*index)),
                Segment::Map { key } => Some(Seg::Key(key.clone())),
                Segment::Enum { .. } | Segment::Unknown => None,
            })
            .collect(),
    )
}

/// An error in parts.
#[derive(Debug)]
pub enum Error {
    Wrong { found: Found, expected: String },
    UnknownKey(String, &'static [&'static str]),
    UnknownWord(String, &'static [&'static str]),
    Missing(&'static str),
}

impl Error {
    /// The place inside the item, and the refusal.
    fn refusal(self, mut inside: KeyPath, item: &KeyPath) -> (KeyPath, Refusal) {
        let (found, expected, near) = match self {
            Self::Wrong { found, expected } => (found, expected, None),
            Self::UnknownWord(word, known) => {
                let near = nearest(&word, known.iter().copied());
                (Found::Text(word), one_of(known.iter().copied()), near)
            }
            Self::UnknownKey(key, known) => {
                let near = nearest(&key, known.iter().copied());
                if inside.0.last() != Some(&Seg::Key(key.clone())) {
                    inside = inside.key(&key);
                }
                (Found::Key(key), one_of(known.iter().copied()), near)
            }
            Self::Missing(key) => {
                inside = inside.key(key);
                (Found::Nothing, "a value".to_owned(), None)
            }
        };
        let path = KeyPath(item.0.iter().chain(&inside.0).cloned().collect());
        (inside, Refusal { path, found, expected, nearest: near })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never shown: it would hold the value.
        f.write_str("refused")
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Wrong { found: Found::Sort("something else"), expected: message.to_string() }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Wrong { found: found_of(found), expected: in_plain_words(&expected.to_string()) }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Wrong { found: found_of(found), expected: expected.to_string() }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::UnknownWord(variant.to_owned(), expected)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::UnknownKey(field.to_owned(), expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }
}

/// What serde and Rust call a thing, as the configuration's reader does.
fn in_plain_words(expected: &str) -> String {
    match expected {
        "a string" => "a text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number".to_owned(),
        other if other.starts_with("struct ") || other == "a map" => "a map of keys".to_owned(),
        other => other.to_owned(),
    }
}

fn found_of(found: Unexpected<'_>) -> Found {
    match found {
        Unexpected::Str(text) => Found::Text(text.to_owned()),
        Unexpected::Bool(value) => Found::Other("the word", value.to_string()),
        Unexpected::Unsigned(value) => Found::Other("the number", value.to_string()),
        Unexpected::Signed(value) => Found::Other("the number", value.to_string()),
        Unexpected::Float(value) => Found::Other("the number", value.to_string()),
        Unexpected::Seq => Found::Sort("a list"),
        Unexpected::Map => Found::Sort("a map"),
        Unexpected::Unit | Unexpected::Option => Found::Nothing,
        _ => Found::Sort("something else"),
    }
}

impl Node {
    fn number<'de, V: Visitor<'de>>(&self, text: &str, visitor: V) -> Result<V::Value, Error> {
        let hex = text.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16));
        match (hex, text.parse::<u64>(), text.parse::<i64>(), text.parse::<f64>()) {
            (Some(Ok(value)), ..) | (_, Ok(value), ..) => visitor.visit_u64(value),
            (_, _, Ok(value), _) => visitor.visit_i64(value),
            (.., Ok(value)) => visitor.visit_f64(value),
            _ => Err(Error::Wrong {
                found: Found::Other("the number", text.to_owned()),
                expected: "a number".to_owned(),
            }),
        }
    }

    /// A text is wanted: what only looks like one is refused, not turned into another text.
    fn no_text(&self) -> Option<Error> {
        let (Value::Number(_) | Value::Bool(_)) = self.value else { return None };
        let written = match &self.value {
            Value::Number(text) => text.clone(),
            Value::Bool(value) => value.to_string(),
            _ => String::new(),
        };
        let sort = if matches!(self.value, Value::Number(_)) { "the number" } else { "the word" };
        Some(Error::Wrong {
            found: Found::Other(sort, written),
            expected: "a text: put it in quotes".to_owned(),
        })
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Null | Value::Hole => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(text) => self.number(text, visitor),
            Value::Text(text) | Value::Word(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Map(entries) => visitor.visit_map(Entries { left: entries.iter(), value: None }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Word(text) if text == "true" => visitor.visit_bool(true),
            Value::Word(text) if text == "false" => visitor.visit_bool(false),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Hole => visitor.visit_u64(0),
            Value::Word(text) if text.parse::<u64>().is_ok() => self.number(text, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match (self.no_text(), &self.value) {
            (Some(refusal), _) => Err(refusal),
            (None, Value::Hole) => visitor.visit_str(""),
            (None, _) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.value {
            Value::Text(text) | Value::Word(text) => visitor.visit_enum(Word(text)),
            // A word such as `none` or `1.3`, written without quotes, reads as something else: still the word.
            Value::Number(text) => visitor.visit_enum(Word(text)),
            Value::Hole => visitor.visit_enum(Word(variants.first().copied().unwrap_or_default())),
            Value::Null => {
                Err(Error::Wrong { found: Found::Nothing, expected: one_of(variants.iter().copied()) })
            }
            value => {
                let found = match value {
                    Value::Bool(value) => Found::Other("the word", value.to_string()),
                    Value::List(_) => Found::Sort("a list"),
                    _ => Found::Sort("a map"),
                };
                Err(Error::Wrong { found, expected: one_of(variants.iter().copied()) })
            }
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let entries = match &self.value {
            Value::Map(entries) => entries.as_slice(),
            // Set to null by a later layer: as if it had not been written.
            Value::Null | Value::Hole => &[],
            // A struct would take a list for its fields in order.
            Value::List(_) => {
                return Err(Error::Wrong {
                    found: Found::Sort("a list"),
                    expected: "a map of keys".to_owned(),
                });
            }
            _ => return self.deserialize_any(visitor),
        };
        visitor.visit_map(Entries { left: entries.iter(), value: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct identifier ignored_any
    }
}

struct Items<'de>(std::slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|node| seed.deserialize(node)).transpose()
    }
}

struct Entries<'de> {
    left: std::slice::Iter<'de, Entry>,
    value: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(entry) = self.left.next() else { return Ok(None) };
        self.value = Some(&entry.node);
        seed.deserialize(StrDeserializer::new(&entry.key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.value.take() {
            Some(node) => seed.deserialize(node),
            None => Err(Error::Missing("value")),
        }
    }
}

struct Word<'de>(&'de str);

impl<'de> EnumAccess<'de> for Word<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        Ok((seed.deserialize(StrDeserializer::new(self.0))?, self))
    }
}

impl<'de> VariantAccess<'de> for Word<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Error> {
        Err(Error::Missing("value"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(Error::Missing("value"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Error> {
        Err(Error::Missing("value"))
    }
}
