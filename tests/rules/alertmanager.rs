//! The example on a running Alertmanager: what silences what, and what becomes one page.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use mailprobe_dashboards::alert::{Alert, Severity};
use mailprobe_dashboards::{alerts, routes};
use mailprobe_tests::{free_port, get, repository, request, secs, wait_until};
use serde_json::{Value, json};

struct Alertmanager {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Alertmanager {
    /// With the example as it is, but for the receivers, which are on loopback.
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let example =
            std::fs::read_to_string(repository().join("dashboards/alertmanager.yml")).expect("the example");
        let nobody = free_port();
        let mut text = example;
        for receiver in ["pager", "tickets", "chat", "watchdog"] {
            let from = format!("http://{receiver}.example/");
            assert!(text.contains(&from), "{receiver} is in the example");
            text = text.replace(&from, &format!("http://127.0.0.1:{nobody}/"));
        }
        let file = folder.path().join("alertmanager.yml");
        std::fs::write(&file, text).expect("the configuration is written");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Debian's prometheus-alertmanager is installed");
        let this = Self { child, address, _folder: folder };
        wait_until("Alertmanager is ready", secs(30), || {
            get(address, "/-/ready").is_ok_and(|answer| answer.status == 200)
        });
        this
    }

    fn post(&self, alerts: &[Value]) {
        self.add(alerts);
        let all: BTreeSet<_> = alerts.iter().map(|alert| alert["labels"].to_string()).collect();
        wait_until("they are there", secs(20), || self.alerts().len() == all.len());
    }

    /// Posts them.
    fn add(&self, alerts: &[Value]) {
        let body = Value::from(alerts).to_string();
        let answer =
            request(self.address, "POST", "/api/v2/alerts", Some(&body), secs(10)).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// All of them are in their groups.
    fn settled(&self, count: usize) {
        wait_until("they are grouped", secs(20), || {
            let groups = self.ask("/api/v2/alerts/groups");
            groups.iter().map(|group| group["alerts"].as_array().map_or(0, Vec::len)).sum::<usize>() == count
        });
    }

    fn ask(&self, path: &str) -> Vec<Value> {
        let answer = get(self.address, path).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).expect("a list")
    }

    fn alerts(&self) -> Vec<Value> {
        self.ask("/api/v2/alerts")
    }

    /// Alerts by name: how many are silenced, and how many are not.
    fn counts(&self) -> BTreeMap<String, (usize, usize)> {
        let mut counts = BTreeMap::<_, (usize, usize)>::new();
        for alert in self.alerts() {
            let name = alert["labels"]["alertname"].as_str().expect("a name").to_owned();
            let of = counts.entry(name).or_default();
            match is_silenced(&alert) {
                true => of.0 += 1,
                false => of.1 += 1,
            }
        }
        counts
    }

    /// The groups of a receiver, each with how many of its alerts are not silenced; those with none are not sent.
    fn pages(&self, receiver: &str) -> Vec<(String, usize)> {
        let groups = self.ask("/api/v2/alerts/groups");
        let of = groups.iter().filter(|group| group["receiver"]["name"] == receiver);
        of.map(|group| {
            let heard = group["alerts"].as_array().into_iter().flatten();
            (group["labels"].to_string(), heard.filter(|alert| !is_silenced(alert)).count())
        })
        .filter(|(_, heard)| *heard > 0)
        .collect()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// An alert as Prometheus posts it; each of its labels has the value that is told for it, or `all`.
fn firing(alert: &Alert, all: &str, values: &[(&str, &str)]) -> Value {
    let severity = match alert.severity {
        Severity::BySite | Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let mut labels = BTreeMap::from([("alertname", alert.full()), ("severity", severity.to_owned())]);
    for label in alert.labels {
        let value = values.iter().find(|(name, _)| name == label).map_or(all, |(_, value)| *value);
        labels.insert(label, value.to_owned());
    }
    json!({ "labels": labels, "annotations": {} })
}

fn named(name: &str) -> Alert {
    alerts::all().into_iter().find(|alert| alert.name == name).unwrap_or_else(|| panic!("no alert {name}"))
}

/// One that is posted, and whether it has to be silenced.
struct Posted {
    alert: Value,
    silenced: bool,
    what: String,
}

/// Both with the same labels, in values that no other pair has; and once more for each label that may not differ.
fn pair(source: &Alert, target: &Alert) -> Vec<Posted> {
    let own = format!("{}-{}", source.name, target.name);
    let what = format!("{} beside {}", target.name, source.name);
    let other = format!("{own}-other");
    let silenced = target.silenced_by.contains(&source.name);
    let narrow = routes::narrowed(source.name).map(|(label, _)| label);
    let same: &[_] = if narrow.is_some() { &[("protocol", "ews")] } else { &[] };
    let mut all = vec![Posted { alert: firing(target, &own, same), silenced, what: what.clone() }];
    for label in routes::equal(source, target).into_iter().chain(narrow) {
        if target.labels.contains(&label) {
            let mut values = vec![(label, &*other)];
            values.extend(same);
            let what = format!("{what}, another {label}");
            all.push(Posted { alert: firing(target, &own, &values), silenced: false, what });
        }
    }
    all
}

#[test]
fn an_alert_silences_what_the_table_says_and_nothing_else() {
    let table = alerts::all();
    let silences = |source: &&Alert| table.iter().any(|target| target.silenced_by.contains(&source.name));
    let blind = named("FleetBlind");
    let mut posted = Vec::new();
    for source in table.iter().filter(silences).filter(|source| source.name != blind.name) {
        // An alert without labels is one, whoever stands beside it.
        let targets = table.iter().filter(|target| target.name != source.name && !target.labels.is_empty());
        for target in targets {
            let own = format!("{}-{}", source.name, target.name);
            let kinds = routes::kinds(source, target);
            let kind = kinds.as_ref().and_then(|kinds| kinds.split('|').next()).map(|kind| ("kind", kind));
            let alert = firing(source, &own, kind.as_slice());
            posted.push((alert, None));
            posted
                .extend(pair(source, target).into_iter().map(|of| (of.alert, Some((of.silenced, of.what)))));
        }
    }
    assert!(posted.iter().filter(|(_, of)| of.as_ref().is_some_and(|(silenced, _)| *silenced)).count() > 100);
    let alertmanager = Alertmanager::start();
    alertmanager.post(&posted.iter().map(|(alert, _)| alert.clone()).collect::<Vec<_>>());
    let silenced: BTreeMap<_, _> =
        alertmanager.alerts().iter().map(|alert| (alert["labels"].to_string(), is_silenced(alert))).collect();
    for (alert, of) in &posted {
        let Some((expected, what)) = of else { continue };
        assert_eq!(silenced.get(&alert["labels"].to_string()), Some(expected), "{what}");
    }
    // Without labels it silences the silent sites all over the fleet.
    let heard = || alertmanager.counts().get("MailprobeSiteSilent").map(|(_, heard)| *heard);
    assert!(heard() > Some(0));
    alertmanager.add(&[firing(&blind, "", &[])]);
    wait_until("silent sites are silenced", secs(20), || heard() == Some(0));
}

fn is_silenced(alert: &Value) -> bool {
    alert["status"]["inhibitedBy"].as_array().is_some_and(|by| !by.is_empty())
}

#[test]
fn an_outage_of_300_branches_is_one_page() {
    let hq = |name: &str, values: &[(&str, &str)]| firing(&named(name), "hq", values);
    let mut posted = vec![hq("ClassicOutlookOutage", &[]), hq("MailLost", &[]), hq("MailDuplicated", &[])];
    for (kind, role) in [("roundtrip", "send"), ("roundtrip", "view"), ("login", "check")] {
        for name in ["ServiceOutage", "ServiceDegraded"] {
            posted.push(hq(name, &[("kind", kind), ("role", role)]));
        }
    }
    for site in (0..300).map(|site| format!("branch-{site}")) {
        for name in ["SendFailing", "ReceiveFailing", "LoginFailing", "SessionUnstable", "CalendarFailing"] {
            posted.push(hq(name, &[("site", &site), ("protocol", "ews")]));
        }
    }
    let alertmanager = Alertmanager::start();
    alertmanager.post(&posted);
    alertmanager.settled(posted.len());
    let pages = alertmanager.pages("pager");
    assert_eq!(
        pages,
        [(r#"{"mail_service":"hq"}"#.to_owned(), 5)],
        "the outage, by what fails, and the lost mail"
    );
    let tickets = alertmanager.pages("tickets");
    assert_eq!(tickets.len(), 1, "doubled mail is never silenced: {tickets:?}");
    assert!(tickets[0].0.contains("MailprobeMailDuplicated"), "{tickets:?}");
}

#[test]
fn sites_are_paged_together_and_by_whom_they_concern() {
    let site = |name: &str, site: &str| firing(&named(name), "hq", &[("site", site)]);
    let mut posted: Vec<_> = (0..300).map(|number| site("SiteCutOff", &format!("branch-{number}"))).collect();
    posted.push(site("SendFailing", "lisbon"));
    posted.push(firing(&named("Watchdog"), "", &[]));
    posted.push(firing(&named("ProbeVersionsDiffer"), "", &[]));
    let alertmanager = Alertmanager::start();
    alertmanager.post(&posted);
    alertmanager.settled(posted.len());
    for (receiver, heard) in [("pager", 300), ("pager-iberia", 1), ("dead-mans-switch", 1), ("notes", 1)] {
        let pages = alertmanager.pages(receiver);
        assert_eq!(
            pages.iter().map(|(_, heard)| *heard).collect::<Vec<_>>(),
            [heard],
            "{receiver}: {pages:?}"
        );
    }
    assert!(alertmanager.pages("tickets").is_empty());
}
