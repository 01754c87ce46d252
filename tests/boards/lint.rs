//! The rules of grafana/dashboard-linter, and those of the house, as far as a file shows them.

use std::collections::{BTreeMap, BTreeSet};

use mailprobe_dashboards::alerts;
use mailprobe_dashboards::grafana::Colour;
use serde_json::{Value, json};

use crate::json::{File, all, list, text};

/// Of Grafana's units those that are used.
const UNITS: &[&str] = &["none", "short", "s", "dtdurations", "percentunit", "bytes"];
const SOURCE: &str = "${datasource}";

fn each_panel(check: impl Fn(&File, &Value, &str)) {
    let mut count = 0;
    for file in all() {
        for panel in file.panels() {
            check(&file, panel, &format!("{}, {}", file.name, text(panel, "title")));
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn a_dashboard_can_be_loaded_by_whoever_has_another_grafana() {
    let mut uids = BTreeSet::new();
    for file in all() {
        let (name, json) = (&file.name, &file.json);
        let version = json["schemaVersion"].as_u64().unwrap_or_default();
        assert!((39..=42).contains(&version), "{name}: {version}");
        for absent in ["id", "__inputs", "version"] {
            assert!(json.get(absent).is_none(), "{name}: {absent} is of one Grafana");
        }
        assert_eq!(json["editable"], false, "{name}");
        assert_eq!(json["graphTooltip"], 1, "{name}: one time in all panels");
        assert_eq!(json["refresh"], "1m", "{name}: not more often than scrapes");
        assert!(uids.insert(file.uid().to_owned()), "{name}: its uid stands twice");
        assert_eq!(format!("mailprobe-{name}"), format!("{}.json", file.uid()));
        assert!(!text(json, "title").is_empty() && !text(json, "description").is_empty(), "{name}");
        assert_eq!(list(json, "tags")[0], "mailprobe", "{name}");
        assert_eq!(json["links"][0]["tags"], json!(["mailprobe"]), "{name}: the way to the others");
        let marks: Vec<_> =
            list(&json["annotations"], "list").iter().map(|mark| text(mark, "name")).collect();
        assert_eq!(marks.len(), 4, "{name}: {marks:?}");
    }
}

#[test]
fn the_data_source_and_what_is_shown_are_chosen_at_the_top() {
    for file in all() {
        let name = &file.name;
        let source = &file.variables()[0];
        assert_eq!((text(source, "name"), text(source, "label")), ("datasource", "Data source"), "{name}");
        assert_eq!((text(source, "type"), text(source, "query")), ("datasource", "prometheus"), "{name}");
        let used: String = file.panels().map(ToString::to_string).collect();
        for variable in file.variables().iter().skip(1) {
            let own = text(variable, "name");
            assert_eq!(variable["refresh"], 2, "{name}: {own} follows the time");
            assert_eq!(
                (&variable["multi"], &variable["includeAll"]),
                (&json!(true), &json!(true)),
                "{name}: {own}"
            );
            assert_eq!(variable["datasource"]["uid"], SOURCE, "{name}: {own}");
            assert!([".+", ".*"].contains(&text(variable, "allValue")), "{name}: {own}");
            assert!(used.contains(&format!("${own}")), "{name}: {own} changes nothing");
        }
    }
    each_panel(|_, panel, place| {
        assert_eq!(panel["datasource"]["uid"], SOURCE, "{place}");
        assert!(!list(panel, "targets").is_empty(), "{place}: no query");
        for target in list(panel, "targets") {
            assert_eq!(target["datasource"]["uid"], SOURCE, "{place}");
        }
    });
}

#[test]
fn a_panel_says_what_it_answers_in_which_unit() {
    let titles = std::cell::RefCell::new(BTreeSet::new());
    each_panel(|file, panel, place| {
        let answers = text(panel, "description");
        assert!(!text(panel, "title").is_empty(), "{place}");
        assert!(titles.borrow_mut().insert(place.to_owned()), "{place} stands twice in {}", file.name);
        assert!(answers.contains('?') && answers.ends_with(['?', '.', ':']), "{place}: {answers}");
        let unit = text(&panel["fieldConfig"]["defaults"], "unit");
        assert!(UNITS.contains(&unit), "{place}: the unit {unit:?}");
        // A state is a word.
        let named = list(&panel["fieldConfig"]["defaults"], "mappings").len() > 1;
        assert_eq!(unit == "none", named, "{place}: a number without a unit");
    });
}

#[test]
fn no_data_looks_different_from_failure() {
    each_panel(|_, panel, place| {
        let defaults = &panel["fieldConfig"]["defaults"];
        let nothing = text(defaults, "noValue");
        assert!(!nothing.is_empty() && nothing != "0", "{place}");
        let mut named = BTreeMap::new();
        for mapping in list(defaults, "mappings") {
            if mapping["type"] == "special" {
                assert_eq!(mapping["options"]["match"], "null+nan", "{place}");
                assert_eq!(mapping["options"]["result"]["text"], nothing, "{place}");
                assert_eq!(mapping["options"]["result"]["color"], Colour::Unknown.name(), "{place}");
            }
            for result in mapping["options"].as_object().into_iter().flat_map(|it| it.values()) {
                if let Some(word) = result["text"].as_str() {
                    let colour = text(result, "color").to_owned();
                    let before = named.insert(word.to_owned(), colour.clone());
                    assert!(before.is_none_or(|before| before == colour), "{place}: {word} has two colours");
                }
            }
        }
        assert!(named.contains_key(nothing), "{place}: what is missing has no colour");
        for (word, colour) in named {
            // Who sees no colours reads capitals.
            let bad = colour == Colour::Bad.name();
            assert_eq!(bad, word.chars().all(|c| c.is_uppercase() || c == ' '), "{place}: {word}");
        }
    });
}

#[test]
fn panels_lie_beside_each_other_and_have_numbers_of_their_own() {
    for file in all() {
        let mut taken = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in list(&file.json, "panels") {
            let place = format!("{}, {}", file.name, text(panel, "title"));
            assert!(ids.insert(panel["id"].as_u64()), "{place}: its id stands twice");
            let at = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
            let (left, top, width, height) = (at("x"), at("y"), at("w"), at("h"));
            assert!(left + width <= 24, "{place} is too wide");
            for square in (left..left + width).flat_map(|x| (top..top + height).map(move |y| (x, y))) {
                assert!(taken.insert(square), "{place} lies on another");
            }
        }
    }
}

/// Rates span what Grafana takes for enough scrapes; counters and buckets are read in no other way.
#[test]
fn rates_counters_and_histograms_are_read_as_they_have_to_be() {
    let before = |expr: &str, at: usize| expr.get(..at).unwrap_or_default().to_owned();
    let mut counted = 0;
    for query in all().iter().flat_map(File::queries) {
        let (expr, place) = (&query.expr, &query.place);
        for (at, _) in expr.match_indices("rate(") {
            let rest = expr.get(at..).unwrap_or_default();
            let range = rest.split('[').nth(1).and_then(|rest| rest.split(']').next());
            assert_eq!(range, Some("$__rate_interval"), "{place}: {expr}");
        }
        for (at, _) in expr.match_indices("_total") {
            let name_from =
                before(expr, at).rfind(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(0);
            let read = before(expr, name_from + 1);
            assert!(read.ends_with("rate(") || read.ends_with("increase("), "{place}: {expr}");
            counted += 1;
        }
        for (at, _) in expr.match_indices("_bucket") {
            assert!(before(expr, at).contains("histogram_quantile("), "{place}: {expr}");
            assert!(before(expr, at).contains("by (le"), "{place}: {expr}");
            counted += 1;
        }
        // A pod more would count twice, and a pod that is new would be another row.
        let raw = expr.contains("(mailprobe_") || expr.starts_with("mailprobe_");
        assert!(!raw || expr.contains(" by (") || expr.contains("sum("), "{place}: pods are not dropped");
    }
    assert!(counted > 30, "{counted}");
}

#[test]
fn links_lead_to_dashboards_that_know_what_they_are_asked() {
    let files = all();
    let known: BTreeMap<_, BTreeSet<_>> =
        files.iter().map(|file| (file.uid(), file.chosen().into_keys().collect())).collect();
    let asks = |url: &str, place: &str| {
        let (uid, query) = url.split_once('?').unwrap_or((url, ""));
        let variables = known.get(uid).unwrap_or_else(|| panic!("{place}: no dashboard has the uid {uid}"));
        for pair in query.split('&').filter_map(|pair| pair.strip_prefix("var-")) {
            let name = pair.split('=').next().unwrap_or_default();
            assert!(variables.contains(name), "{place}: {uid} cannot be asked for {name}");
        }
    };
    let mut count = 0;
    for file in &files {
        for panel in file.panels() {
            let place = format!("{}, {}", file.name, text(panel, "title"));
            for link in list(&panel["fieldConfig"]["defaults"], "links") {
                let url = text(link, "url").strip_prefix("/d/").expect("a dashboard");
                assert!(
                    url.contains("${__url_time_range}") && url.contains("${datasource:queryparam}"),
                    "{place}"
                );
                asks(url, &place);
                // The labels that it passes on are there.
                for marker in ["__field.labels.", "__data.fields."] {
                    for rest in url.split(marker).skip(1) {
                        let label = rest.split('}').next().unwrap_or_default();
                        let queries = file.queries_of(panel);
                        let has = queries.iter().all(|query| query.expr.contains(label));
                        assert!(has, "{place}: {label} is not in its query");
                    }
                }
                count += 1;
            }
        }
    }
    assert!(count > 10, "{count}");
    for alert in alerts::all() {
        for rule in alert.rules() {
            let url =
                rule.annotations.iter().find(|(key, _)| *key == "dashboard_url").expect("its dashboard");
            asks(url.1.rsplit("]]/").next().unwrap_or_default(), alert.name);
        }
    }
}

#[test]
fn legends_name_labels_of_their_queries_and_tables_ask_once() {
    for file in all() {
        for panel in file.panels() {
            let is_table = ["table", "bargauge"].contains(&text(panel, "type"));
            for query in file.queries_of(panel) {
                assert_eq!(query.instant, is_table, "{}", query.place);
                for label in query.legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
                    // `kind` and the like are of the recording rules where the query leaves them.
                    let kept = query.expr.starts_with("promise:") || query.expr.contains("promise:");
                    assert!(kept || query.expr.contains(label), "{}: {label}", query.place);
                }
            }
        }
    }
}
