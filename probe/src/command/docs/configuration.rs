//! docs/configuration.md: prose, then each part of the schema as a table, then the sample.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{SAMPLE, code, table};
use crate::catalogue::Kind;
use crate::config::raw;

pub(super) fn page() -> String {
    let schema = Value::from(schemars::schema_for!(raw::Config));
    let mut out = String::from(INTRO);
    out.push_str("\n## Kinds of check\n\n");
    for row in Kind::rows().iter().filter(|row| row.built) {
        out.push_str(&format!("- `{}`: {}\n", row.name, row.help));
    }
    let later = Kind::rows().iter().filter(|row| !row.built).map(|row| row.name);
    out.push_str(&format!("\nKnown and refused as not yet built: {}.\n", code(later)));
    out.push_str("\n## Top level\n\n");
    out.push_str(&keys(&schema));
    if let Some(Value::Object(parts)) = schema.get("$defs") {
        let parts: BTreeMap<_, _> = parts.iter().collect();
        for (name, part) in parts {
            out.push_str(&format!("\n## {name}\n\n{}", described(part)));
            out.push_str(&keys(part));
        }
    }
    out.push_str("\n## A sample\n\n```yaml\n");
    out.push_str(SAMPLE);
    out.push_str("```\n");
    out
}

const INTRO: &str = "# Configuration

`mailprobe config check` accepts or refuses a configuration, `config show` prints what runs and what it costs, `config show --hosts` whom the probe will contact, and `config schema` prints a JSON Schema for editors.
A refusal names file, place, what was found and what is expected; all refusals are shown, not the first.

## Layers

Files are YAML, TOML or JSON, by their ending.
`--config` may be given several times, with a file or a folder; a folder's files are read in the order of their names.
Later files win: maps are merged by key, checks by name, everything else is replaced, and `null` removes what an earlier file said.
Variables `MAILPROBE__SECTION__KEY` of the environment come last, such as `MAILPROBE__LOG__LEVEL=debug`; `-` and `.` in a key are written `_`, lists and maps as in YAML.
A check's name is what `name:` says, or its kind and arguments (`roundtrip-alice-bob-smtp`, `login-alice`, `endpoint-hq`).
`checks` may also be written as a map by name, so that a later file can change or remove a check: `checks: { login-alice: null }`.

## References

`${site}`, `${site_labels.NAME}`, `${env:NAME}` and `${file:PATH}` stand in any text; `$${` stands for `${` itself.
One that stands for nothing is refused.

## Texts, numbers and time spans

A text that looks like a number must stand in quotes: `password: 0012345` is refused, not turned into another text.
Time spans have a unit: `60s`, `5m`, `1h 30m`.
Relative paths are relative to the file that they stand in.

## Secrets

Secrets come from files (`password_file`, `token_file`, `fleet_keys`), of which one newline at the end is cut.
Passwords and tokens are read again at each sign-in, so a changed file needs no restart.
A password in the configuration itself is accepted with a warning.
No refusal and no output shows a secret.
";

/// The keys of a part, or the words that it may be.
fn keys(part: &Value) -> String {
    let required: Vec<_> = part
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let Some(Value::Object(properties)) = part.get("properties") else {
        return format!("{}\n", type_of(part));
    };
    let properties: BTreeMap<_, _> = properties.iter().collect();
    let rows = properties.into_iter().map(|(key, value)| {
        let needed = if required.contains(&key.as_str()) { "yes" } else { "" };
        let meaning = value.get("description").and_then(Value::as_str).unwrap_or_default();
        vec![format!("`{key}`"), type_of(value), needed.to_owned(), meaning.to_owned()]
    });
    table(&["key", "value", "needed", "meaning"], rows)
}

fn described(part: &Value) -> String {
    let text = part.get("description").and_then(Value::as_str).unwrap_or_default();
    if text.is_empty() { String::new() } else { format!("{}\n\n", super::sentences(text)) }
}

/// What a value is, in a few words.
fn type_of(value: &Value) -> String {
    if let Some(name) = value.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(Value::Array(words)) = value.get("enum") {
        return code(words.iter().filter_map(Value::as_str));
    }
    if let Some(word) = value.get("const").and_then(Value::as_str) {
        return format!("`{word}`");
    }
    for several in ["anyOf", "oneOf"] {
        if let Some(Value::Array(forms)) = value.get(several) {
            let forms: Vec<_> = forms.iter().map(type_of).filter(|form| !form.is_empty()).collect();
            return forms.join(" or ");
        }
    }
    let sorts = match value.get("type") {
        Some(Value::Array(sorts)) => sorts.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(sort)) => vec![sort.as_str()],
        _ => Vec::new(),
    };
    sorts
        .into_iter()
        .map(|sort| sort_of(sort, value))
        .filter(|sort| !sort.is_empty())
        .collect::<Vec<_>>()
        .join(" or ")
}

fn sort_of(sort: &str, value: &Value) -> String {
    match sort {
        "null" => String::new(),
        "string" if value.get("examples").is_some() => "time span".to_owned(),
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "`true` `false`".to_owned(),
        "array" => format!("list of {}", value.get("items").map(type_of).unwrap_or_default()),
        "object" => match (value.get("properties"), value.get("additionalProperties")) {
            (Some(Value::Object(properties)), _) => {
                let keys: Vec<_> =
                    properties.iter().map(|(key, value)| format!("`{key}:` {}", type_of(value))).collect();
                keys.join(", ")
            }
            (_, Some(of)) => format!("map of name → {}", type_of(of)),
            _ => "map".to_owned(),
        },
        other => other.to_owned(),
    }
}
