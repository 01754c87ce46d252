//! Twenty made-up sites in a hurry, and what docs/scaling.md says. The long form is the binary scale-long.

mod central;
mod fleet;
mod prometheus;
mod server;
mod template;

use std::process::Command;
use std::sync::Arc;

use mailprobe_dashboards::records;
use mailprobe_tests::{repository, secs, wait_until};

use central::{looked_back_at, read_by_rules, series};
use fleet::{Fleet, Past};
use prometheus::{Asked, Prometheus, blocks, folder};
use server::Server;
use template::{SETUPS, Setup, Template};

const SITES: usize = 20;
const FAILING: usize = 10;
/// Rules that rightly have no series here, and why.
const EMPTY: &[(&str, &str)] = &[
    ("site:mailprobe_reference_up:max", "no reference targets"),
    ("site:mailprobe_reload_failed:group", "no reload failed"),
    ("site:mailprobe_rival:group", "each mailbox has one probe"),
    ("site:mailprobe_silent:group", "no site is silent"),
    ("mailbox:mailprobe_backend:group", "the sandbox names no backend"),
    ("mailbox:mailprobe_filled:ratio", "the sandbox tells no quota"),
    ("mailbox:mailprobe_secret_expiry:min", "no probe has it yet"),
    ("service:mailprobe_vendor_state:group", "no probe has it yet"),
    ("lane:mailprobe_excused:group", "neither policy nor probe fails"),
    ("lane:mailprobe_flaky:group", "no lane has recovered"),
    ("site:mailprobe_network_since:max", "the network is well"),
    ("site:mailprobe_cut_off:group", "the network is well"),
    ("site_service:mailprobe_network_since:max", "the network is well"),
    ("site_service:mailprobe_unreachable:group", "the network is well"),
    ("site_service:mailprobe_web_bad:group", "the web is well"),
    ("lane:mailprobe_not_signed_in:group", "signing in is well"),
    ("lane:mailprobe_signed_out:group", "signing in is well"),
    ("lane:mailprobe_partly_down:group", "no endpoint has an address that fails"),
    ("service:mailprobe_sign_in_outage:count", "signing in is well"),
    ("work:mailprobe_sites_hit:count", "EWS fails alone, which has a name of its own"),
    ("work:mailprobe_sites_down:count", "EWS fails alone, which has a name of its own"),
    ("work:mailprobe_mailboxes_hit:count", "EWS fails alone, which has a name of its own"),
];

/// Rules that look at steps of five minutes: they have data when one of these is over, perhaps later than this test.
const LATER: &str = "promise:mailprobe_bad_events:sum";

fn is_empty(name: &str) -> bool {
    EMPTY.iter().any(|(rule, _)| *rule == name)
}

fn page() -> String {
    std::fs::read_to_string(repository().join("docs/scaling.md")).expect("the page")
}

/// The cells of the page's rows that begin so.
fn row(page: &str, first: &str) -> Vec<String> {
    let begins = format!("| {first} |");
    let line = page.lines().find(|line| line.starts_with(&begins));
    let line = line.unwrap_or_else(|| panic!("docs/scaling.md has no row {begins}"));
    line.trim_matches('|').split('|').skip(1).map(|cell| cell.trim().replace(',', "")).collect()
}

/// A probe that is a moment later has a series more or less.
fn is_about(said: usize, is: usize) -> bool {
    said.abs_diff(is) <= 2 + is / 50
}

#[test]
fn a_site_has_as_many_series_as_the_page_says() {
    let page = page();
    let counted: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = SETUPS
            .iter()
            .map(|setup| scope.spawn(|| Fleet::new(&Template::take(setup), 1, 0).families()))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a template")).collect()
    });
    let read = read_by_rules();
    let mut wrong = Vec::new();
    for (at, families) in counted.iter().enumerate() {
        let mut compare = |what: &str, is: usize| {
            let said: usize = row(&page, what)[at].parse().unwrap_or(usize::MAX);
            if !is_about(said, is) {
                wrong.push(format!("{}: {what} are {is}, the page says {said}", SETUPS[at].name));
            }
        };
        let all = families.keys().cloned().collect();
        compare("all", series(families, &all).0);
        compare("all, while one protocol fails", series(families, &all).1);
        compare("read by the rules", series(families, &read).0);
        for (name, (well, _)) in families.iter().filter(|(_, (well, _))| *well >= 10) {
            compare(&format!("`{name}`"), *well);
        }
    }
    assert!(wrong.is_empty(), "cargo run -p mailprobe-tests --bin scale-long -- count\n{}", wrong.join("\n"));
}

/// The fragments of the page that are configurations of Prometheus.
fn fragments(page: &str) -> Vec<&str> {
    page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().expect("its end")).collect()
}

#[test]
fn the_configurations_of_the_page_are_accepted_and_send_what_the_rules_read() {
    let page = page();
    let folder = folder();
    let fragments = fragments(&page);
    assert!(fragments.len() >= 3, "{}", fragments.len());
    for fragment in fragments {
        std::fs::write(folder.path().join("prometheus.yml"), fragment).expect("the file is written");
        let output = Command::new("promtool")
            .args(["check", "config", "prometheus.yml"])
            .current_dir(folder.path())
            .output()
            .expect("Debian's prometheus is installed");
        assert!(output.status.success(), "{}\n{fragment}", String::from_utf8_lossy(&output.stderr));
    }
    let names: Vec<_> = read_by_rules().into_iter().collect();
    let regex = format!("regex: \"{}\"", names.join("|"));
    assert!(page.contains(&regex), "docs/scaling.md has to keep what the rules read:\n{regex}");
}

#[test]
fn twenty_sites_are_judged_in_time_by_what_a_central_place_is_sent() {
    let exchange = Setup::named("exchange").expect("it is there");
    let fleet = Arc::new(Fleet::new(&Template::take(exchange), SITES, FAILING));
    let folder = folder();
    let wanted = looked_back_at();
    let past =
        Past { wanted: Some(&wanted), raw_seconds: 60, recorded: &["lane:mailprobe_bad:bool"], seconds: 600 };
    assert!(blocks(folder.path(), |file| fleet.history(file, &past)) > 0);
    let server = Server::start(Arc::clone(&fleet));
    let kept = read_by_rules();
    let asked = Asked { sites: SITES, every: 1, kept: Some(&kept) };
    let prometheus = Prometheus::start(folder, server.address, &asked);

    let names: Vec<_> =
        records::groups().into_iter().flat_map(|group| group.records).map(|one| one.name).collect();
    // Some have data when the next slot of a check is over: a minute.
    let end = tokio::time::Instant::now() + secs(90);
    loop {
        let recorded = prometheus.recorded();
        let wrong: Vec<_> = names
            .iter()
            .filter(|name| !name.starts_with(LATER))
            .filter(|name| recorded.contains_key(*name) == is_empty(name))
            .collect();
        if wrong.is_empty() {
            break;
        }
        assert!(
            tokio::time::Instant::now() < end,
            "these have no data, or have some and should not: {wrong:?}"
        );
    }
    for (expr, awaited) in [
        ("count(mailprobe_build_info{synthetic=\"true\",site=~\"synthetic-.+\"})", SITES),
        ("count(site_service:mailprobe_classic_bad:max{mail_service=\"hq\"})", SITES),
        ("service:mailprobe_classic_outage:count{mail_service=\"hq\"}", FAILING),
    ] {
        let awaited = f64::from(u32::try_from(awaited).expect("a few"));
        wait_until(expr, secs(20), || prometheus.number(expr).total_cmp(&awaited).is_eq());
    }
    wait_until("counters grow", secs(20), || {
        prometheus.number("sum(mailprobe_check_runs_total) - sum(mailprobe_check_runs_total offset 3s)") > 0.0
    });
    // An evaluation of so few is a small part of the 30 s between two; the page tells of a thousand.
    let slowest = prometheus.groups().into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).expect("groups");
    assert!(prometheus.folder.path().join("data/wal").is_dir(), "its data are where they are deleted");
    assert!(slowest.1 < 3.0, "{} took {} s", slowest.0, slowest.1);
}
