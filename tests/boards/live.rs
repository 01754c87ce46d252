//! Every query of every panel on a Prometheus with three sites: while all is well, and when one of them is broken and one gone.
//!
//! With `MAILPROBE_IMAGES=docs/images` the pictures are written there, which takes minutes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use mailprobe_tests::{Browser, secs, wait_until};

use crate::json::{File, Query, all};
use crate::picture::page;
use crate::stage::{Series, Stage};

/// Panels that are rightly empty while all is well, and why.
const EMPTY_WHEN_WELL: &[(&str, &str)] = &[
    ("Failing now, and why", "nothing fails"),
    ("What fails now, why, and at how many sites", "nothing fails"),
    ("Lanes that fail, by cause", "nothing fails"),
    ("Lanes that fail, by reason", "nothing fails"),
    ("annotation Alerts", "nothing fires"),
    ("Sites that had something bad, 5 min", "nothing was bad"),
];
/// Those that are empty in an outage of EWS and SMTP too, and why.
const EMPTY_ALWAYS: &[(&str, &str)] = &[
    ("Open incidents of the vendor", "no probe has mailprobe_service_health yet"),
    ("annotation Vendor's incidents", "no probe has mailprobe_service_health yet"),
    ("Secrets of applications", "no probe has mailprobe_secret_expiry_timestamp_seconds yet"),
    ("annotation Other builds of the servers", "the demo's servers say no version"),
    ("Lanes that cannot sign in, or may not, by reason", "nobody is refused in this outage"),
    (
        "Lanes that fail on the network or in TLS, by reason",
        "the servers are reached in this outage, and say nothing",
    ),
    ("access.json, Failing now, and why", "the cause of this outage is the server"),
    ("How full they are", "the demo's protocols tell no quota"),
    ("Two probes on a mailbox", "each mailbox has one probe"),
    ("Resting for", "no server asked to be left alone"),
    ("Reference targets", "the demo has none"),
];

/// What a test asks: the place, the query as it is sent, once or over time, and the labels of its legend.
struct Asked {
    place: String,
    expr: String,
    instant: bool,
    labels: Vec<String>,
}

fn asked(file: &File, query: Query) -> Asked {
    let labels = query.legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
    Asked {
        expr: file.filled(&query.expr, "120s"),
        place: query.place,
        instant: query.instant,
        labels: labels.map(str::to_owned).collect(),
    }
}

fn every_query() -> Vec<Asked> {
    let files = all();
    files.iter().flat_map(|file| file.queries().into_iter().map(|query| asked(file, query))).collect()
}

fn is_in(table: &[(&str, &str)], place: &str) -> bool {
    table.iter().any(|(part, _)| place.contains(part))
}

/// There is a number, and each label of the legend is somewhere.
fn is_answered(asked: &Asked, series: &[Series]) -> bool {
    let numbers = series.iter().any(|one| one.values.iter().any(|(_, value)| value.is_finite()));
    let named = |label: &String| series.iter().any(|one| one.labels.get(label).is_some());
    // Alerts have different labels, and not all are there.
    numbers && (asked.place.contains("annotation") || asked.labels.iter().all(named))
}

/// Asks until all that is expected has an answer.
fn all_answered(stage: &Stage, what: &str, empty: &[&[(&str, &str)]]) {
    let is_empty = |place: &str| empty.iter().any(|table| is_in(table, place));
    let mut open: Vec<_> = every_query().into_iter().filter(|asked| !is_empty(&asked.place)).collect();
    let count = open.len();
    assert!(count > 60, "{count}");
    let end = tokio::time::Instant::now() + secs(90);
    while !open.is_empty() {
        open.retain(|asked| {
            let series = stage.ask(&asked.expr, asked.instant, stage.now(), 60.0, 2.0);
            !is_answered(asked, &series)
        });
        let missing: String = open.iter().map(|asked| format!("{}: {}\n", asked.place, asked.expr)).collect();
        assert!(
            tokio::time::Instant::now() < end,
            "{what}: {} of {count} have no data:\n{missing}",
            open.len()
        );
    }
}

/// What the tables call empty is empty, or the tables lie.
fn all_empty(stage: &Stage, what: &str, empty: &[&[(&str, &str)]]) {
    let mut seen = BTreeSet::new();
    for asked in every_query() {
        for (part, why) in empty.iter().flat_map(|table| table.iter()) {
            if asked.place.contains(part) {
                let series = stage.ask(&asked.expr, asked.instant, stage.now(), 20.0, 2.0);
                assert!(
                    series.is_empty(),
                    "{what}: {} has data, though {why}: {}",
                    asked.place,
                    series[0].labels
                );
                seen.insert(*part);
            }
        }
    }
    let rows: usize = empty.iter().map(|table| table.len()).sum();
    assert_eq!(seen.len(), rows, "each row is of a panel that there is");
}

/// The fleet's squares at this moment: the number of site and protocol.
fn square(stage: &Stage, site: &str, protocol: &str) -> Option<f64> {
    let files = all();
    let fleet = files.iter().find(|file| file.name == "overview.json").expect("the fleet");
    let panel = fleet
        .panels()
        .find(|panel| panel["title"] == "Sites, mail services, protocols")
        .expect("the squares");
    let query = fleet.queries_of(panel).remove(0);
    let series = stage.ask(&fleet.filled(&query.expr, "120s"), true, stage.now(), 0.0, 1.0);
    let of = |one: &&Series| one.labels["site"] == site && one.labels["protocol"] == protocol;
    let mut found = series.iter().filter(of);
    let value = found.next()?.values.first().map(|(_, value)| *value);
    assert!(found.next().is_none(), "{site} {protocol} has one square");
    value
}

const FAILS: f64 = 3.0;
const WELL: f64 = 0.0;
const NO_DATA: f64 = -2.0;

#[test]
fn every_query_answers_while_all_is_well_and_when_it_is_not() {
    let mut stage = Stage::start();
    all_answered(&stage, "all is well", &[EMPTY_WHEN_WELL, EMPTY_ALWAYS]);
    all_empty(&stage, "all is well", &[EMPTY_WHEN_WELL, EMPTY_ALWAYS]);

    enough_to_draw(&stage, 90);
    stage.play("lisbon", "classic-outlook-outage");
    stage.kill("porto");
    let squares = [
        ("faro", "ews", WELL),
        ("lisbon", "imap", WELL),
        ("lisbon", "ews", FAILS),
        ("lisbon", "smtp", FAILS),
        ("porto", "ews", NO_DATA),
    ];
    for (site, protocol, value) in squares {
        wait_until(&format!("{site} over {protocol} shows {value}"), secs(60), || {
            square(&stage, site, protocol) == Some(value)
        });
    }
    all_answered(&stage, "an outage", &[EMPTY_ALWAYS]);
    all_empty(&stage, "an outage", &[EMPTY_ALWAYS]);
    enough_to_draw(&stage, 240);
    draw(&stage);
}

/// Where pictures are to be written, with `MAILPROBE_IMAGES=docs/images`.
fn images() -> Option<PathBuf> {
    std::env::var_os("MAILPROBE_IMAGES").map(PathBuf::from)
}

/// A picture to be kept has minutes in it.
fn enough_to_draw(stage: &Stage, seconds: u64) {
    if images().is_some() {
        wait_until("there is enough to draw", secs(300), || stage.age() > secs(seconds));
    }
}

/// The pictures of the fleet and of the round trips, as a person sees them.
fn draw(stage: &Stage) {
    let folder = tempfile::tempdir().expect("a folder");
    let browser = Browser::start(1480, 900);
    for (name, texts) in [
        ("overview.json", ["porto · sandbox · ews", "server_timeout", "FAILS", "none is told"]),
        (
            "roundtrip.json",
            ["lisbon · roundtrip-alice-bob-smtp", "95 of 100 seen within", "sandbox · imap", "no data"],
        ),
    ] {
        let file = all().into_iter().find(|file| file.name == name).expect("a dashboard");
        let html = folder.path().join("page.html");
        std::fs::write(&html, page(stage, &file, stage.age().as_secs_f64())).expect("the page is written");
        browser.open(&format!("file://{}", html.display()));
        for text in texts {
            browser.wait_for_text(text, secs(10));
        }
        assert!(browser.overflow() <= 0, "{name} is wider than the window");
        if let Some(images) = images() {
            let picture = images.join(format!("dashboard-{}.png", name.trim_end_matches(".json")));
            std::fs::write(picture, browser.png()).expect("the picture is written");
        }
    }
}
