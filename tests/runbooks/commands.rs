//! Every line of every block of code, run where its alert would be.
//!
//! A comment behind a command is what is awaited of it: `# exit 1, shows "greylisted"`. A query has to answer something, unless
//! its comment begins with `nothing`: then it must not.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mailprobe_dashboards::knobs::Values;
use mailprobe_dashboards::{alert, alerts, files, rules, runbooks};
use mailprobe_tests::{Prometheus, mailprobe, secs, wait_until};
use tokio::time::Instant;

use crate::rows::{ROWS, Row};
use crate::site::{Site, TROUBLES, name_server};
use crate::{pages, unknown_series};

/// What may be run: a program that no runbook was to use fails the test.
const PROGRAMS: &[&str] = &["mailprobe", "grep", "dig", "openssl", "curl", "date", "timeout"];
/// Behind a pipe.
const FILTERS: &[&str] = &["head", "tail", "grep", "sort", "openssl"];
/// What a query may ask for that is not ours: Prometheus's own.
const FOREIGN: &[&str] =
    &["up", "ALERTS", "scrape_duration_seconds", "process_cpu_seconds_total", "process_open_fds"];
/// Minutes are seconds here.
const HURRY: &[(&str, &str)] =
    &[("blip_seconds", "1"), ("hold", "1s"), ("site_hold", "1s"), ("silent_for", "1s")];
/// For what is told a little later.
const PATIENCE: Duration = secs(30);
/// The longest that one command may take.
const LONGEST: &str = "20";

/// One line of a block.
struct Line {
    page: String,
    text: String,
    is_query: bool,
}

/// All lines of all blocks; a block of another language is none of those.
fn lines() -> Vec<Line> {
    let mut all = Vec::new();
    for (page, text) in pages() {
        assert!(text.matches("```").count().is_multiple_of(2), "{page}: a block has no end");
        let other = text.lines().find(|line| line.starts_with("    ") || line.starts_with("~~~"));
        assert!(other.is_none(), "{page}: {other:?} would be code that is not run");
        for block in text.split("```").skip(1).step_by(2) {
            let (language, block) = block.split_once('\n').expect("a block has lines");
            assert!(["sh", "promql"].contains(&language), "{page}: a block of {language:?}");
            for line in block.lines().map(str::trim).filter(|line| !line.is_empty()) {
                all.push(Line { page: page.clone(), text: line.to_owned(), is_query: language == "promql" });
            }
        }
    }
    all
}

/// The command, and what is said of it.
fn parts(line: &str) -> (&str, &str) {
    let (command, comment) = line.split_once(" # ").unwrap_or((line, ""));
    (command.trim_end(), comment.trim())
}

fn exit_of(comment: &str) -> i32 {
    let Some(rest) = comment.strip_prefix("exit ") else { return 0 };
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().expect("a status")
}

fn shown_in(comment: &str) -> Vec<&str> {
    let shows = comment.split_once("shows ").map_or("", |(_, rest)| rest);
    shows.split('"').skip(1).step_by(2).collect()
}

#[test]
fn each_line_is_one_that_can_be_run() {
    for Line { page, text, is_query } in lines() {
        let (command, comment) = parts(&text);
        if is_query {
            let unknown = unknown_series(command);
            assert!(unknown.is_none(), "{page}: {text}: no series is called {unknown:?}");
            let foreign = FOREIGN.iter().any(|name| command.contains(name));
            assert!(
                foreign || !rules::metrics(command).is_empty(),
                "{page}: {text}: asks for nothing of ours"
            );
            continue;
        }
        let mut programs = command.split('|').map(|part| part.split_whitespace().next().unwrap_or_default());
        let first = programs.next().unwrap_or_default();
        assert!(PROGRAMS.contains(&first), "{page}: {text}: {first} is not run here");
        for filter in programs {
            assert!(FILTERS.contains(&filter), "{page}: {text}: {filter} is not run here");
        }
        for word in shown_in(comment) {
            assert!(!word.is_empty(), "{page}: {text}");
        }
    }
}

/// What is named within a sentence: a command that there is, with options that it has.
#[test]
fn commands_in_passing_exist() {
    let mut named = BTreeMap::new();
    for (page, text) in pages() {
        let prose: String = text.split("```").step_by(2).collect();
        let commands = prose.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("mailprobe "));
        let commands = commands.filter(|(before, _)| !before.contains('='));
        named.extend(commands.map(|(_, command)| (command.to_owned(), page.clone())));
    }
    assert!(named.len() > 5, "{named:?}");
    for (command, page) in named {
        let words: Vec<_> = command.split(' ').collect();
        let is_word = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase());
        let mut help = Command::new(mailprobe());
        help.args(words.iter().take_while(is_word)).arg("--help");
        let said = help.output().expect("mailprobe runs");
        let said = String::from_utf8_lossy(&said.stdout);
        assert!(said.contains("Usage:"), "{page}: {command}: there is no such command");
        for option in words.iter().filter(|word| word.starts_with('-')) {
            assert!(said.contains(option), "{page}: {command}: {option} is no option of it");
        }
    }
}

/// The names of a row, as the environment of a command.
fn names(row: &Row, site: &Site, prometheus: &Prometheus, dns: &str) -> BTreeMap<&'static str, String> {
    let mailbox = if row.check.ends_with("bob-smtp") { "bob" } else { "alice" };
    let address = site.address;
    BTreeMap::from([
        ("SITE", row.site.to_owned()),
        ("SERVICE", "hq".to_owned()),
        ("MAILBOX", mailbox.to_owned()),
        ("PROTOCOL", row.protocol.to_owned()),
        ("REASON", site.reason.to_owned()),
        ("CHECK", row.check.to_owned()),
        ("CONFIG", site.file("mailprobe.yaml")),
        ("OTHER", site.file("other.yaml")),
        ("LOG", site.log().display().to_string()),
        ("PROBE", format!("http://{address}")),
        ("PROM", format!("http://{}", prometheus.address())),
        ("HOST", "localhost".to_owned()),
        ("PORT", site.port(row.protocol).to_string()),
        ("DNS", dns.to_owned()),
        // The embedded mail service's own authority, as the site's machines trust theirs.
        ("CURL_CA_BUNDLE", site.file("ca.pem")),
        ("SSL_CERT_FILE", site.file("ca.pem")),
    ])
}

/// Runs a command; what is wrong with it.
fn run(line: &str, names: &BTreeMap<&str, String>, path: &Path) -> Result<(), String> {
    let (command, comment) = parts(line);
    let all = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("timeout")
        .args([LONGEST, "bash", "-u", "-o", "pipefail", "-c", command])
        .env_clear()
        .env("PATH", format!("{}:{all}", path.display()))
        .envs(names)
        .stdin(Stdio::null())
        .output()
        .expect("bash runs");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let (status, awaited) = (output.status.code(), exit_of(comment));
    if status != Some(awaited) {
        return Err(format!("exit {status:?}, and not {awaited}:\n{said}"));
    }
    match shown_in(comment).into_iter().find(|word| !said.contains(word)) {
        Some(word) => Err(format!("does not show {word:?}:\n{said}")),
        None => Ok(()),
    }
}

/// Asks a query; what is wrong with it.
fn ask(line: &str, names: &BTreeMap<&str, String>, prometheus: &Prometheus) -> Result<(), String> {
    let (query, comment) = parts(line);
    let mut query = query.to_owned();
    for (name, value) in names {
        query = query.replace(&format!("${name}"), value);
    }
    if query.contains('$') {
        return Err(format!("a name is not known: {query}"));
    }
    let empty = prometheus.ask(&query)?.is_empty();
    match (empty, comment.starts_with("nothing")) {
        (true, false) => Err(format!("answers nothing: {query}")),
        (false, true) => Err(format!("answers something: {query}")),
        _ => Ok(()),
    }
}

#[test]
fn every_command_does_what_the_runbook_says() {
    let dns = name_server().address().to_string();
    let mut sites: Vec<_> = TROUBLES.iter().map(|of| (of, Site::start(of))).collect();
    let prometheus = observe(&sites.iter().map(|(_, site)| site).collect::<Vec<_>>());
    wait_until("Prometheus has seen every site", secs(40), || {
        prometheus.ask("site:mailprobe_up:group").is_ok_and(|up| up.len() == sites.len())
    });
    sites.iter_mut().for_each(|(of, site)| site.is_told(of));
    let path = mailprobe().parent().expect("its folder").to_owned();
    let lines = lines();
    let (count, failed) = (AtomicUsize::new(0), std::sync::Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for row in ROWS {
            let (_, site) = sites.iter().find(|(of, _)| of.site == row.site).expect("a site of the table");
            let names = names(row, site, &prometheus, &dns);
            let page = format!("{}.md", alert::full(row.alert));
            let own: Vec<_> = lines.iter().filter(|line| line.page == page).collect();
            let (count, failed, prometheus, path) = (&count, &failed, &prometheus, &path);
            scope.spawn(move || {
                for line in own {
                    if let Err(why) = in_time(|| match line.is_query {
                        true => ask(&line.text, &names, prometheus),
                        false => run(&line.text, &names, path),
                    }) {
                        let told = format!("{}: {}\n{why}", line.page, line.text);
                        failed.lock().expect("no thread has panicked").push(told);
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no thread has panicked");
    assert!(failed.is_empty(), "{} of {} failed\n{}", failed.len(), lines.len(), failed.join("\n\n"));
    assert_eq!(count.into_inner(), lines.len(), "every line is of a row");
    assert!(lines.len() > 150, "{}", lines.len());
}

/// What shows a little later is asked for again.
fn in_time(mut work: impl FnMut() -> Result<(), String>) -> Result<(), String> {
    let end = Instant::now() + PATIENCE;
    loop {
        match work() {
            Err(_) if Instant::now() < end => std::thread::sleep(secs(1)),
            other => return other,
        }
    }
}

/// Prometheus with the rules, and the list of expected sites.
fn observe(sites: &[&Site]) -> Prometheus {
    let mut values = Values::default();
    for (knob, value) in HURRY {
        values.set(knob, value).expect("a knob");
    }
    let made = files(&values);
    let rule = |name: &'static str| {
        let file = made.iter().find(|(of, _)| of.ends_with(&format!("rules/mailprobe-{name}")));
        (name, file.expect("the rules").1.clone())
    };
    let expected: Vec<_> = sites.iter().map(|site| (site.name, true)).collect();
    let rules = [rule("records.yaml"), rule("alerts.yaml"), ("sites.yaml", rules::sites(&expected))];
    let probes: Vec<_> = sites.iter().map(|site| (site.name, site.address)).collect();
    Prometheus::start(&rules, &probes)
}

#[test]
fn each_alert_has_a_row() {
    let rows: Vec<_> = ROWS.iter().map(|row| row.alert).collect();
    let alerts: Vec<_> = alerts::all().iter().map(|alert| alert.name).collect();
    assert_eq!(rows, alerts);
    for row in ROWS {
        assert!(TROUBLES.iter().any(|of| of.site == row.site), "{}: no site {}", row.alert, row.site);
        assert!(runbooks::folder().join(format!("{}.md", alert::full(row.alert))).is_file(), "{}", row.alert);
    }
}
