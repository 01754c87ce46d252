//! A value as a panel shows it: its text by unit or name, its colour by name or threshold.

use serde_json::Value;

use crate::json::{list, text};

/// What the value is called, where it has a name: the result of its mapping.
fn named(panel: &Value, value: f64) -> Option<&Value> {
    let mappings = list(&panel["fieldConfig"]["defaults"], "mappings");
    let key = format!("{value:.0}");
    let special = |mapping: &&Value| (mapping["type"] == "special") == value.is_nan();
    mappings.iter().filter(special).find_map(|mapping| match value.is_nan() {
        true => mapping["options"].get("result"),
        false => mapping["options"].get(&key),
    })
}

/// The colour of a value.
pub(crate) fn colour(panel: &Value, value: f64) -> &str {
    if let Some(result) = named(panel, value) {
        return text(result, "color");
    }
    let steps = list(&panel["fieldConfig"]["defaults"]["thresholds"], "steps");
    let reached = |step: &&Value| step["value"].as_f64().is_none_or(|from| value >= from);
    steps.iter().rfind(reached).map_or("", |step| text(step, "color"))
}

/// The text of a value.
pub(crate) fn shown(panel: &Value, value: f64) -> String {
    if let Some(result) = named(panel, value) {
        return text(result, "text").to_owned();
    }
    match text(&panel["fieldConfig"]["defaults"], "unit") {
        "percentunit" => format!("{} %", short(value * 100.0)),
        "bytes" => format!("{} MiB", short(value / 1_048_576.0)),
        "s" | "dtdurations" => duration(value),
        _ => short(value),
    }
}

fn duration(seconds: f64) -> String {
    const UNITS: &[(f64, &str)] =
        &[(86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms")];
    let unit = UNITS.iter().find(|(size, _)| seconds.abs() >= *size);
    unit.map_or_else(|| short(seconds) + " s", |(size, name)| format!("{} {name}", short(seconds / size)))
}

/// Three digits at most behind what is small, and no zeros at the end.
fn short(value: f64) -> String {
    let digits = if value.abs() >= 10.0 { 1 } else { 2 };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
