//! `dashboards/README.md`.

use crate::alert::{Alert, Area};
use crate::knobs::KNOBS;
use crate::{boards, grafana, words};

/// The first line of each page.
pub(crate) const MADE: &str = "<!-- Made from the tables by `cargo run -p mailprobe-dashboards -- --write`; changes here are lost. -->\n\n";

pub fn page(table: &[Alert]) -> String {
    let mut out = MADE.to_owned() + HEAD;
    for area in Area::ALL {
        out += &format!(
            "\n### {}\n\n| alert | fires when | severity | silenced by | labels |\n| --- | --- | --- | --- | --- |\n",
            area.title()
        );
        for alert in table.iter().filter(|alert| alert.area == *area) {
            out += &row(alert);
        }
    }
    out += "\n## Numbers to tune\n\n| knob | default | what it is |\n| --- | --- | --- |\n";
    for knob in KNOBS {
        out += &format!("| `{}` | `{}` | {} |\n", knob.name, knob.default, knob.help);
    }
    out += BOARDS;
    for board in boards::all() {
        let name = board.is.uid().trim_start_matches("mailprobe-");
        out += &format!("| `grafana/{name}.json` | {} | {} |\n", board.title, board.description);
    }
    words::fill(&(out + TAIL).replace("@schema@", &grafana::SCHEMA.to_string()))
}

fn row(alert: &Alert) -> String {
    let list = |words: &[&str]| match words {
        [] => "—".to_owned(),
        _ => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" "),
    };
    let waits = alert.waits_for.map_or(String::new(), |name| {
        format!(" (not before the probe has `{name}`, which this release may not)")
    });
    format!(
        "| `{}` | {}{waits} | {} | {} | {} |\n",
        alert.name,
        alert.when,
        alert.severity.name(),
        list(alert.silenced_by),
        list(alert.labels)
    )
}

const HEAD: &str = r#"# Rules, alerts and dashboards

Recording rules, alerts and an example for Alertmanager, for Prometheus 2.42 or newer and Alertmanager 0.25 or newer; dashboards in
Grafana's classic format (schemaVersion @schema@).

| file | what |
| --- | --- |
| `rules/mailprobe-records.yaml` | recording rules: the only ones that read the probes' series |
| `rules/mailprobe-alerts.yaml` | the alerts |
| `rules/mailprobe-sites.example.yaml` | which sites there should be: an example to copy |
| `rules/tests/` | a file of promtool's unit tests for each alert; `texts.txt`: what each alert says |
| `grafana/` | the dashboards, a file each; `.lint`: what grafana/dashboard-linter is not asked for, and why |
| `alertmanager.yml` | routes, groups and inhibition: an example to copy |

## Load them

```yaml
# prometheus.yml
rule_files:
  - /etc/prometheus/mailprobe-records.yaml
  - /etc/prometheus/mailprobe-alerts.yaml
  - /etc/prometheus/mailprobe-sites.yaml   # your own list
scrape_configs:
  - job_name: mailprobe
    scrape_interval: 30s
    static_configs: [{ targets: ["probe.lisbon.example:9725"] }]
```

Rules and scrapes every 30 s are what the tests are made for; a minute does as well.
[docs/scaling.md](../docs/scaling.md) says what ten to a thousand sites take, and what can be left out.
One Prometheus has to see all sites: the rules compare them with each other.
With the Prometheus Operator the two files are the `spec` of a PrometheusRule as they are.

`rules/mailprobe-sites.example.yaml` is copied and filled with every site there should be.
Without such a list the sites of the last 24 hours are expected: a probe that was never there, or for longer, is then missed by nobody.

Check what you load, and try it:

```sh
promtool check rules --lint=all --lint-fatal rules/*.yaml
promtool test rules rules/tests/*.yaml        # some minutes
amtool check-config alertmanager.yml
```

## How they judge

- A lane (docs/metrics.md) is *failing* when its own runs failed at least twice in a row and for longer than two minutes, so that any interval is treated alike, and a database switchover of 90 s is a blip. Or when a third of its runs failed and it recovered in between.
- What a policy forbids, and what is the probe's own fault, is held against no mail service: `BlockedByPolicy` and `ProbeFailing` tell it. A site that is cut off is no part of an outage.
- Two pods of one site, or a new pod, are one site: recording rules drop what Prometheus adds. Only failures that are counted one by one are added up over pods.
- The reason is no label: one that alternates would begin each alert anew. The text looks it up, with the code that Outlook shows.
- No data is neither well nor broken: it is counted as unknown, and `SiteSilent` and `ChecksStale` tell it.
- Pages about one site are critical where the site's labels say `page: "true"`, and tickets elsewhere.

Classic Outlook's protocols are `@classic@`; what they are compared with is `@control@`.

## The alerts

Each name begins with `Mailprobe`. An alert is silenced by those named beside it where the labels that both have are equal.
What to do about each stands in its [runbook](../docs/runbooks/README.md): publish that folder, and set `runbook_base` to where it is.
"#;

const BOARDS: &str = r#"
They stand in the rule files and the dashboards. Another value goes into all of them at once:

```sh
cargo run -p mailprobe-dashboards -- --write --out /etc/mailprobe-rules --set outage_share=0.3 --set runbook_base=https://wiki.example/mail
```

A promise burns at 1 when as much is late as `1 - slo` allows; windows and factors of the burn rates are those of the SRE workbook.

## Dashboards

They need the recording rules above. Import the files, or let a sidecar or a provisioned folder load them; what they read is chosen at
the top (Data source). Their uids stay, so that the alerts' links hold: `dashboard_base` is the address of Grafana with `/d`.

| file | dashboard | what it answers |
| --- | --- | --- |
"#;

const TAIL: &str = r#"
Each panel's description says what it answers. A click on a square, a line or a row leads to the dashboard with the next question.
Marks in time are alerts, incidents of the vendor, and other builds of servers and probes.
Red is what the alerts call failing; blue is held against no mail service (a policy, or the probe itself).
Grey is *no data* or *not judged*: neither well nor failed. A row that has sent nothing for a day goes.

They are checked against the rules of grafana/dashboard-linter and the catalogue, and each query runs on a Prometheus with sites that are
well, broken and gone (`tests/boards`). No Grafana has shown them in these tests: the pictures are drawn by a small program of our own from
what the queries answered, an approximation.

![Fleet: a site that is well, one whose mail service says nothing over SMTP and EWS, one whose probe is gone](../docs/images/dashboard-overview.png)

![Mail round trip, in the same minutes](../docs/images/dashboard-roundtrip.png)

## For a chart

The texts of the alerts and the dashboards have braces of their own, so a chart takes the files as they are (`.Files.Get`) and puts its values in by
`replace`: written with `--set outage_share=__outage_share__` and so on for each knob that it offers, they hold a word to be
replaced. Runbooks, dashboards and the label of the region are knobs too. The list of expected sites is a loop over a value that
makes what `rules/mailprobe-sites.example.yaml` shows.
"#;
