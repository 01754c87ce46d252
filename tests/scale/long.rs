//! The long form: prints what is measured.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use mailprobe_dashboards::{knobs::Values, records, words};
use mailprobe_tests::{repository, secs};
use serde_json::Value;
use tokio::time::Instant;

use crate::central::{looked_back_at, read_by_rules, series};
use crate::fleet::{Fleet, Past};
use crate::prometheus::{Asked, Prometheus, blocks, folder};
use crate::server::Server;
use crate::template::{Setup, Template};

/// Recorded series that other rules and dashboards look back at, one for each lane.
const RECORDED: &[&str] = &[
    "lane:mailprobe_blamed:bool",
    "lane:mailprobe_failed_runs:max",
    "lane:mailprobe_seldom_blamed:bool",
    "lane:mailprobe_seldom_failed_runs:max",
    "lane:mailprobe_bad:bool",
];
/// Scrapes and evaluations.
const EVERY: u32 = 30;
/// The costliest rules that are told.
const TOLD: usize = 12;

/// What `load` is asked for.
pub(crate) struct Load {
    pub(crate) sites: usize,
    pub(crate) failing: usize,
    pub(crate) seconds: u64,
    /// Of what was recorded, and of the probes' counters: seconds.
    pub(crate) history: u32,
    pub(crate) raw_history: u32,
}

/// Series of a site, and bytes of a scrape.
pub(crate) fn count(setup: &Setup, out: &mut impl Write) -> io::Result<()> {
    let template = Template::take(setup);
    let fleet = Fleet::new(&template, 1, 0);
    let families = fleet.families();
    let lanes = template.well.labels("mailprobe_check_interval_seconds", &[]).len();
    writeln!(out, "{}: {lanes} lanes\n\n| family | well | failing |\n| --- | ---: | ---: |", setup.name)?;
    let read = read_by_rules();
    for (name, (well, failing)) in &families {
        let mark = if read.contains(name) { " *" } else { "" };
        writeln!(out, "| `{name}`{mark} | {well} | {failing} |")?;
    }
    let (well, failing) = series(&families, &families.keys().cloned().collect());
    let (well_read, failing_read) = series(&families, &read);
    writeln!(out, "| all | {well} | {failing} |\n| read by rules (*) | {well_read} | {failing_read} |\n")?;
    for (what, text) in [("well", template.well.text()), ("failing", template.failing.text())] {
        let packed = gzip(text)?;
        writeln!(out, "{what}: a scrape is {} bytes, {packed} after gzip", text.len())?;
    }
    Ok(())
}

fn gzip(text: &str) -> io::Result<usize> {
    let mut child = Command::new("gzip").arg("-6").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut into = child.stdin.take().expect("its standard input");
    let text = text.to_owned();
    let writer = std::thread::spawn(move || into.write_all(text.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().expect("it does not panic")?;
    Ok(output.stdout.len())
}

/// Bytes of a sample on disk.
pub(crate) fn disk(setup: &Setup, sites: u32, out: &mut impl Write) -> io::Result<()> {
    let fleet = Fleet::new(&Template::take(setup), sites as usize, 0);
    let folder = folder();
    let (sites, seconds) = (sites as usize, 7200);
    let past = Past { wanted: None, raw_seconds: seconds, recorded: &[], seconds };
    let bytes = blocks(folder.path(), |file| fleet.history(file, &past));
    let (well, _) = series(&fleet.families(), &fleet.families().keys().cloned().collect());
    let samples = well * sites * (seconds / EVERY) as usize;
    writeln!(out, "{samples} samples of about {} series: {bytes} bytes in blocks", well * sites)
}

/// A Prometheus with all of them.
pub(crate) fn load(setup: &Setup, load: &Load, out: &mut impl Write) -> io::Result<()> {
    let fleet = Arc::new(Fleet::new(&Template::take(setup), load.sites, load.failing));
    let folder = folder();
    if load.history > 0 {
        let wanted = looked_back_at();
        let past = Past {
            wanted: Some(&wanted),
            raw_seconds: load.raw_history,
            recorded: RECORDED,
            seconds: load.history,
        };
        let bytes = blocks(folder.path(), |file| fleet.history(file, &past));
        writeln!(
            out,
            "history of {} s and of counters {} s: {bytes} bytes in blocks",
            load.history, load.raw_history
        )?;
    }
    let server = Server::start(Arc::clone(&fleet));
    let prometheus = {
        let asked = Asked { sites: load.sites, every: EVERY, kept: None };
        Prometheus::start(folder, server.address, &asked)
    };
    writeln!(out, "\n## {} sites ({}), {} of them failing\n", load.sites, setup.name, load.failing)?;
    watch(&prometheus, load.seconds, out)?;
    recorded(&prometheus, load.sites, out)?;
    let last = prometheus.rest();
    rules(&prometheus, last, out)?;
    fleet_board(&prometheus, last, out)
}

/// Lets it run, and tells what it takes.
fn watch(prometheus: &Prometheus, seconds: u64, out: &mut impl Write) -> io::Result<()> {
    // Half of it to settle, half of it to be measured.
    std::thread::sleep(secs(seconds / 2));
    let cpu = prometheus.own("process_cpu_seconds_total");
    let appended = prometheus.own("prometheus_tsdb_head_samples_appended_total");
    let began = Instant::now();
    std::thread::sleep(secs(seconds / 2));
    let over = began.elapsed().as_secs_f64();
    let per_second = |name: &str, before: f64| (prometheus.own(name) - before) / over;
    let cpu = per_second("process_cpu_seconds_total", cpu);
    let appended = per_second("prometheus_tsdb_head_samples_appended_total", appended);
    let head = prometheus.own("prometheus_tsdb_head_series");
    let resident = prometheus.own("process_resident_memory_bytes");
    let up = prometheus.number("sum(up)");
    let scrape = prometheus.number("avg(scrape_duration_seconds)");
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    writeln!(
        out,
        "up {up}, head series {head}, samples/s {appended:.0}, CPU {cpu:.2} s/s, resident {:.0} MB ({:.0} bytes a series), a scrape {scrape:.3} s, load average {}",
        resident / 1e6,
        resident / head,
        load.trim()
    )?;
    writeln!(out, "\n| group | rules | s |\n| --- | ---: | ---: |")?;
    for (name, took, rules) in prometheus.groups() {
        writeln!(out, "| {name} | {} | {took:.3} |", rules.len())?;
    }
    Ok(())
}

/// Each expression by itself.
fn rules(prometheus: &Prometheus, at: f64, out: &mut impl Write) -> io::Result<()> {
    let values = Values::default();
    let cpu = prometheus.own("process_cpu_seconds_total");
    let began = Instant::now();
    let mut all: Vec<_> = records::groups()
        .into_iter()
        .flat_map(|group| group.records)
        .map(|record| (prometheus.cost(&values.fill(&words::fill(&record.expr)), at, None), record.name))
        .collect();
    let over = began.elapsed().as_secs_f64();
    let cpu = prometheus.own("process_cpu_seconds_total") - cpu;
    all.sort_by(|(a, _), (b, _)| b.seconds.total_cmp(&a.seconds));
    let sum: f64 = all.iter().map(|(cost, _)| cost.seconds).sum();
    writeln!(
        out,
        "\nAll {} expressions one by one: {sum:.2} s in the engine, {over:.1} s with the answers, {cpu:.1} s of CPU meanwhile.\n\n| rule | s | samples read | series |\n| --- | ---: | ---: | ---: |",
        all.len()
    )?;
    for (cost, name) in all.iter().take(TOLD) {
        writeln!(out, "| `{name}` | {:.3} | {:.0} | {} |", cost.seconds, cost.samples, cost.series)?;
    }
    Ok(())
}

/// The panels of the dashboard Fleet, over three hours in steps of two minutes.
fn fleet_board(prometheus: &Prometheus, at: f64, out: &mut impl Write) -> io::Result<()> {
    let path = repository().join("dashboards/grafana/overview.json");
    let board: Value = serde_json::from_str(&std::fs::read_to_string(path)?).expect("JSON");
    writeln!(out, "\n| panel | s | samples read | series |\n| --- | ---: | ---: | ---: |")?;
    for panel in board["panels"].as_array().into_iter().flatten() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let mut expr = target["expr"].as_str().unwrap_or_default().to_owned();
            for (variable, all) in [
                ("$__rate_interval", "2m"),
                ("$__range", "3h"),
                ("$site", ".*"),
                ("$mail_service", ".*"),
                ("$protocol", ".*"),
            ] {
                expr = expr.replace(variable, all);
            }
            let range = (target["instant"] != true).then_some((10_800.0, 120.0));
            let cost = prometheus.cost(&expr, at, range);
            writeln!(
                out,
                "| {} | {:.3} | {:.0} | {} |",
                panel["title"].as_str().unwrap_or_default(),
                cost.seconds,
                cost.samples,
                cost.series
            )?;
        }
    }
    Ok(())
}

/// How many series the rules make.
fn recorded(prometheus: &Prometheus, sites: usize, out: &mut impl Write) -> io::Result<()> {
    let mut all: Vec<_> = prometheus.recorded().into_iter().collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    let sum: f64 = all.iter().map(|(_, count)| count).sum();
    writeln!(out, "\nRecorded: {sum} series of {sites} sites\n\n| record | series |\n| --- | ---: |")?;
    for (name, count) in &all {
        writeln!(out, "| `{name}` | {count} |")?;
    }
    Ok(())
}
