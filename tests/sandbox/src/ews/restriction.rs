//! Restrictions: which folders or items are meant.

use std::cmp::Ordering;

use jiff::Timestamp;
use roxmltree::Node;

use super::{
    Refusal,
    fields::{Fields, Path},
};
use crate::xml;

const INVALID: Refusal = Refusal("ErrorInvalidRestriction", "The restriction is not valid.");

/// Whether what has these properties is meant by the expressions within that element.
pub(super) fn matches(restriction: Option<Node<'_, '_>>, fields: &dyn Fields) -> Result<bool, Refusal> {
    let Some(restriction) = restriction else { return Ok(true) };
    xml::children(restriction).next().map_or(Err(INVALID), |expression| one(expression, fields))
}

fn one(node: Node<'_, '_>, fields: &dyn Fields) -> Result<bool, Refusal> {
    match node.tag_name().name() {
        "And" => xml::children(node).try_fold(true, |all, part| Ok(one(part, fields)? && all)),
        "Or" => xml::children(node).try_fold(false, |any, part| Ok(one(part, fields)? || any)),
        "Not" => Ok(!matches(Some(node), fields)?),
        "Exists" => {
            let path = Path::within(node).ok_or(INVALID)?;
            Ok(fields.value(&path).is_some_and(|value| !value.is_empty()))
        }
        "Contains" => contains(node, fields),
        name => {
            let (left, right) = operands(node, fields)?;
            let order = left.map(|left| order(&left, &right));
            Ok(match name {
                "IsEqualTo" => order == Some(Ordering::Equal),
                "IsNotEqualTo" => order != Some(Ordering::Equal),
                "IsGreaterThan" => order == Some(Ordering::Greater),
                "IsGreaterThanOrEqualTo" => order.is_some_and(Ordering::is_ge),
                "IsLessThan" => order == Some(Ordering::Less),
                "IsLessThanOrEqualTo" => order.is_some_and(Ordering::is_le),
                _ => return Err(INVALID),
            })
        }
    }
}

/// The property's value and what it is compared with: a constant, or another property.
fn operands(node: Node<'_, '_>, fields: &dyn Fields) -> Result<(Option<String>, String), Refusal> {
    let path = Path::within(node).ok_or(INVALID)?;
    let other = xml::child(node, "FieldURIOrConstant").ok_or(INVALID)?;
    let right = match xml::child(other, "Constant") {
        Some(constant) => constant.attribute("Value").ok_or(INVALID)?.to_owned(),
        None => fields.value(&Path::within(other).ok_or(INVALID)?).unwrap_or_default(),
    };
    Ok((fields.value(&path), right))
}

fn contains(node: Node<'_, '_>, fields: &dyn Fields) -> Result<bool, Refusal> {
    let path = Path::within(node).ok_or(INVALID)?;
    let constant = xml::child(node, "Constant").and_then(|node| node.attribute("Value")).ok_or(INVALID)?;
    let Some(mut value) = fields.value(&path) else { return Ok(false) };
    let mut constant = constant.to_owned();
    if node.attribute("ContainmentComparison").is_some_and(|comparison| comparison != "Exact") {
        value = value.to_lowercase();
        constant = constant.to_lowercase();
    }
    Ok(match node.attribute("ContainmentMode").unwrap_or("FullString") {
        "FullString" => value == constant,
        "Prefixed" => value.starts_with(&constant),
        "ExactPhrase" | "PrefixOnWords" | "Substring" => value.contains(&constant),
        _ => return Err(INVALID),
    })
}

/// Which of two values comes first: as times, as numbers, or as text of any case.
pub(super) fn order(left: &str, right: &str) -> Ordering {
    if let (Ok(left), Ok(right)) = (left.parse::<Timestamp>(), right.parse::<Timestamp>()) {
        return left.cmp(&right);
    }
    if let (Ok(left), Ok(right)) = (left.parse::<i64>(), right.parse::<i64>()) {
        return left.cmp(&right);
    }
    left.to_lowercase().cmp(&right.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Item;

    impl Fields for Item {
        fn value(&self, path: &Path) -> Option<String> {
            let Path::Uri(uri) = path else { return None };
            let value = match uri.as_str() {
                "item:Subject" => "Hello World",
                "item:Size" => "100",
                "item:DateTimeReceived" => "2026-11-22T05:00:00Z",
                "message:IsRead" => "false",
                _ => return None,
            };
            Some(value.to_owned())
        }
    }

    fn test(expression: &str) -> Result<bool, Refusal> {
        let text = format!("<Restriction>{expression}</Restriction>");
        let document = xml::parse(&text).unwrap();
        matches(Some(document.root_element()), &Item)
    }

    fn two(operator: &str, uri: &str, value: &str) -> String {
        format!(
            r#"<{operator}><FieldURI FieldURI="{uri}"/><FieldURIOrConstant><Constant Value="{value}"/></FieldURIOrConstant></{operator}>"#
        )
    }

    #[test]
    fn values_are_compared_by_what_they_are() {
        for (operator, uri, value, wanted) in [
            ("IsEqualTo", "item:Subject", "hello world", true),
            ("IsEqualTo", "message:IsRead", "0", false),
            ("IsNotEqualTo", "item:Subject", "x", true),
            ("IsGreaterThan", "item:Size", "99", true),
            ("IsGreaterThan", "item:Size", "100", false),
            ("IsLessThanOrEqualTo", "item:Size", "1000", true),
            ("IsGreaterThanOrEqualTo", "item:DateTimeReceived", "2026-11-22T06:00:00+01:00", true),
            ("IsLessThan", "item:DateTimeReceived", "2026-11-22T05:00:00Z", false),
            ("IsEqualTo", "item:Nothing", "", false),
        ] {
            assert_eq!(test(&two(operator, uri, value)), Ok(wanted), "{operator} {uri} {value}");
        }
    }

    #[test]
    fn expressions_are_put_together() {
        let yes = two("IsEqualTo", "item:Size", "100");
        let no = two("IsEqualTo", "item:Size", "1");
        for (expression, wanted) in [
            (format!("<And>{yes}{no}</And>"), false),
            (format!("<And>{yes}{yes}</And>"), true),
            (format!("<Or>{no}{yes}</Or>"), true),
            (format!("<Not>{no}</Not>"), true),
            (r#"<Exists><FieldURI FieldURI="item:Subject"/></Exists>"#.to_owned(), true),
            (r#"<Exists><FieldURI FieldURI="item:Body"/></Exists>"#.to_owned(), false),
        ] {
            assert_eq!(test(&expression), Ok(wanted), "{expression}");
        }
        assert_eq!(test("<Excludes/>"), Err(INVALID));
        assert_eq!(test(""), Err(INVALID));
    }

    #[test]
    fn texts_are_searched() {
        for (mode, comparison, value, wanted) in [
            ("Substring", "IgnoreCase", "WORLD", true),
            ("Substring", "Exact", "WORLD", false),
            ("Prefixed", "IgnoreCase", "hello", true),
            ("Prefixed", "IgnoreCase", "world", false),
            ("FullString", "Exact", "Hello World", true),
        ] {
            let expression = format!(
                r#"<Contains ContainmentMode="{mode}" ContainmentComparison="{comparison}"><FieldURI FieldURI="item:Subject"/><Constant Value="{value}"/></Contains>"#
            );
            assert_eq!(test(&expression), Ok(wanted), "{expression}");
        }
    }
}
