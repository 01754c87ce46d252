//! Which properties are asked for, and how they are named.

use roxmltree::Node;

use crate::xml::{self, Xml};

/// The name of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// Such as `item:Subject`.
    Uri(String),
    Extended(Extended),
    /// One of many values, such as a phone number; messages have none.
    Indexed,
}

/// A MAPI property, with the attributes by which it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extended {
    attributes: Vec<(String, String)>,
    pub(super) key: Key,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Tag(u16),
    /// A header field of the message.
    Header(String),
    /// A property set, and a number or a name in it.
    Named(String, String),
}

/// What has properties, as text.
pub(super) trait Fields {
    fn value(&self, path: &Path) -> Option<String>;
}

fn number(text: &str) -> Option<u16> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u16::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Path {
    /// Reads `FieldURI`, `ExtendedFieldURI` or `IndexedFieldURI`.
    pub(super) fn read(node: Node<'_, '_>) -> Option<Self> {
        match node.tag_name().name() {
            "FieldURI" => Some(Self::Uri(node.attribute("FieldURI")?.to_owned())),
            "ExtendedFieldURI" => Extended::read(node).map(Self::Extended),
            "IndexedFieldURI" => Some(Self::Indexed),
            _ => None,
        }
    }

    /// The first property named within an element.
    pub(super) fn within(node: Node<'_, '_>) -> Option<Self> {
        xml::children(node).find_map(Self::read)
    }
}

impl Extended {
    pub(super) fn read(node: Node<'_, '_>) -> Option<Self> {
        let attributes: Vec<(String, String)> =
            node.attributes().map(|a| (a.name().to_owned(), a.value().to_owned())).collect();
        let of = |name: &str| node.attribute(name);
        let key = if let Some(tag) = of("PropertyTag") {
            Key::Tag(number(tag)?)
        } else {
            let set = of("DistinguishedPropertySetId").or_else(|| of("PropertySetId"))?;
            let name = of("PropertyName").or_else(|| of("PropertyId"))?;
            if set == "InternetHeaders" {
                Key::Header(name.to_owned())
            } else {
                let name = number(name).map_or_else(|| name.to_owned(), |number| format!("{number:#06x}"));
                Key::Named(set.to_owned(), name)
            }
        };
        Some(Self { attributes, key })
    }

    pub(super) fn write(&self, xml: &mut Xml, value: &str) {
        xml.within("t:ExtendedProperty", |xml| {
            let attributes: Vec<(&str, &str)> =
                self.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            xml.empty("t:ExtendedFieldURI", &attributes);
            xml.leaf("t:Value", value);
        });
    }
}

/// The sets of properties that have a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Base {
    #[default]
    IdOnly,
    Default,
    AllProperties,
}

/// What is to be told of each folder or item.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    pub(super) base: Base,
    pub(super) more: Vec<Path>,
    pub(super) mime: bool,
    /// The body as `Text` or `HTML`, if one of them is wanted; otherwise as it is.
    pub(super) body: Option<String>,
}

impl Shape {
    /// Reads `ItemShape` or `FolderShape`.
    pub(super) fn read(node: Option<Node<'_, '_>>) -> Self {
        let Some(node) = node else { return Self::default() };
        let base = match xml::text(node, "BaseShape") {
            Some("AllProperties") => Base::AllProperties,
            Some("Default") => Base::Default,
            _ => Base::IdOnly,
        };
        let more = xml::child(node, "AdditionalProperties").into_iter().flat_map(xml::children);
        let more: Vec<Path> = more.filter_map(Path::read).collect();
        let mime = xml::text(node, "IncludeMimeContent") == Some("true")
            || more.contains(&Path::Uri("item:MimeContent".to_owned()));
        let body = xml::text(node, "BodyType").filter(|kind| *kind != "Best").map(str::to_owned);
        Self { base, more, mime, body }
    }

    pub(super) fn wants(&self, uri: &str) -> bool {
        self.more.iter().any(|path| matches!(path, Path::Uri(wanted) if wanted == uri))
    }

    pub(super) fn extended(&self) -> impl Iterator<Item = &Extended> {
        self.more.iter().filter_map(|path| match path {
            Path::Extended(extended) => Some(extended),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_properties_are_read() {
        let text = r#"<a><FieldURI FieldURI="item:Subject"/><ExtendedFieldURI PropertyTag="0x0e23" PropertyType="Integer"/>
            <ExtendedFieldURI PropertyTag="3619" PropertyType="Integer"/>
            <ExtendedFieldURI DistinguishedPropertySetId="InternetHeaders" PropertyName="X-A" PropertyType="String"/>
            <ExtendedFieldURI DistinguishedPropertySetId="Common" PropertyId="34160" PropertyType="String"/>
            <ExtendedFieldURI/><Other/></a>"#;
        let document = xml::parse(text).unwrap();
        let read: Vec<_> = xml::children(document.root_element()).map(Path::read).collect();
        let key = |path: &Option<Path>| match path {
            Some(Path::Extended(extended)) => extended.key.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(read[0], Some(Path::Uri("item:Subject".to_owned())));
        assert_eq!(key(&read[1]), Key::Tag(0x0e23));
        assert_eq!(key(&read[2]), Key::Tag(0x0e23));
        assert_eq!(key(&read[3]), Key::Header("X-A".to_owned()));
        assert_eq!(key(&read[4]), Key::Named("Common".to_owned(), "0x8570".to_owned()));
        assert_eq!(read[5..], [None, None]);
    }

    #[test]
    fn shapes_are_read() {
        let text = r#"<ItemShape><BaseShape>Default</BaseShape><IncludeMimeContent>true</IncludeMimeContent>
            <BodyType>Text</BodyType><AdditionalProperties><FieldURI FieldURI="item:Size"/></AdditionalProperties></ItemShape>"#;
        let document = xml::parse(text).unwrap();
        let shape = Shape::read(Some(document.root_element()));
        assert_eq!((shape.base, shape.mime, shape.body.as_deref()), (Base::Default, true, Some("Text")));
        assert!(shape.wants("item:Size") && !shape.wants("item:Subject"));
    }
}
