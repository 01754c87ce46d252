//! The squares of the fleet: each state from the recording rules that make it, as promtool evaluates the committed query.

use std::fmt::Write as _;
use std::process::Command;

use crate::json::all;

/// Recording rules that have a series of a lane, with their values.
type Records = &'static [(&'static str, &'static str)];

/// A protocol, what is recorded of it, and the state that is awaited.
const CASES: &[(&str, Records, i8)] = &[
    ("imap", &[("interval_seconds:max", "60x20"), ("failed_runs:max", "0x20")], 0),
    ("smtp", &[("interval_seconds:max", "60x20"), ("failed_runs:max", "1x20")], 1),
    ("mapi", &[("interval_seconds:max", "60x20"), ("failed_runs:max", "9x20"), ("excused:group", "1x20")], 2),
    (
        "graph",
        &[
            ("interval_seconds:max", "60x20"),
            ("failed_runs:max", "1x20"),
            ("flaky:group", "1x20"),
            ("excused:group", "1x20"),
        ],
        2,
    ),
    ("ews", &[("interval_seconds:max", "60x20"), ("failed_runs:max", "9x20"), ("down:max", "9x20")], 3),
    ("caldav", &[("interval_seconds:max", "60x20"), ("failed_runs:max", "0x20"), ("flaky:group", "1x20")], 3),
    ("pop3", &[("interval_seconds:max", "60x20")], -1),
    ("owa", &[("interval_seconds:max", "60x3 stale"), ("failed_runs:max", "0x3 stale")], -2),
];

#[test]
fn each_state_is_shown_for_what_makes_it() {
    let files = all();
    let fleet = files.iter().find(|file| file.name == "overview.json").expect("the fleet");
    let panel = fleet.panels().find(|panel| panel["type"] == "status-history").expect("the squares");
    let expr = fleet.filled(&fleet.queries_of(panel).remove(0).expr, "3h");
    let mut text =
        "rule_files: []\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n".to_owned();
    let mut awaited = String::new();
    let labels = |protocol: &str| format!("site=\"s\",mail_service=\"hq\",protocol=\"{protocol}\"");
    for (protocol, series, state) in CASES {
        for (record, values) in *series {
            let name = format!("lane:mailprobe_{record}{{{},check=\"a\"}}", labels(protocol));
            writeln!(text, "      - {{ series: '{name}', values: '{values}' }}").expect("a String takes it");
        }
        writeln!(awaited, "          - {{ labels: '{{{}}}', value: {state} }}", labels(protocol))
            .expect("a String takes it");
    }
    // A lane that is well makes no square good in which another fails.
    let more = format!("lane:mailprobe_failed_runs:max{{{},check=\"b\"}}", labels("ews"));
    write!(
        text,
        "      - {{ series: '{more}', values: '0x20' }}\n    promql_expr_test:\n      - eval_time: 15m\n        expr: |-\n          {}\n        exp_samples:\n{awaited}",
        expr.replace('\n', "\n          ")
    )
    .expect("a String takes it");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("states.yaml"), &text).expect("the file is written");
    let output = Command::new("promtool")
        .args(["test", "rules", "states.yaml"])
        .current_dir(folder.path())
        .output()
        .expect("Debian's prometheus is installed");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
