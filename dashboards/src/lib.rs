//! What stands between the probes' series and people: recording rules, alerts, their tests, dashboards.
//!
//! One table of alerts, one of recording rules, one of numbers to tune, a list of panels for each dashboard; the files below `dashboards/` are made from them
//! and from the probe's catalogue, and the frames of the runbooks below `docs/runbooks`. A test fails when one is stale.

pub mod alert;
pub mod alerts;
pub mod boards;
pub mod case;
pub mod cases;
pub mod grafana;
pub mod knobs;
mod readme;
pub mod records;
pub mod routes;
pub mod rules;
pub mod runbooks;
pub mod scenario;
mod text;
pub mod words;
mod yaml;

use knobs::Values;

/// The first line of each YAML file.
pub(crate) const MADE: &str =
    "# Made from the tables by `cargo run -p mailprobe-dashboards -- --write`; changes here are lost.\n";

/// Every file below `dashboards/`, with these values of the knobs.
pub fn files(values: &Values) -> Vec<(String, String)> {
    let table = alerts::all();
    let mut files = vec![
        ("rules/mailprobe-records.yaml".to_owned(), rules::records(values, None)),
        ("rules/mailprobe-alerts.yaml".to_owned(), rules::alerts(&table, values)),
        (
            "rules/mailprobe-sites.example.yaml".to_owned(),
            rules::sites(&[("lisbon", true), ("porto", false)]),
        ),
    ];
    files.push(("alertmanager.yml".to_owned(), routes::file(&table)));
    files.push(("README.md".to_owned(), readme::page(&table)));
    for alert in &table {
        files.push((format!("rules/tests/{}.yaml", alert.full()), case::file(alert, &cases::of(alert.name))));
    }
    files.push(("grafana/.lint".to_owned(), grafana::EXCLUDED.to_owned()));
    for board in boards::all() {
        let name = board.is.uid().trim_start_matches("mailprobe-");
        files.push((format!("grafana/{name}.json"), values.fill(&words::fill(&board.file()))));
    }
    files
}
