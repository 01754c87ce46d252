//! What one site exposes: taken from a real probe at a sandbox, while all is well and while one protocol fails.

use std::collections::BTreeMap;

use mailprobe_sandbox::{Fault, Protocol};
use mailprobe_tests::{Metrics, Probe, Scene, Service, repository, secs};

/// The site's name in the template; no other text of an exposition is the same.
pub(crate) const SITE: &str = "template-of-the-synthetic";
/// Slots follow each other so fast at the probe from which the template is taken.
const HURRY: u32 = 3;

/// A configuration that is counted.
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    /// The protocol that is made to fail, and how.
    broken: (Protocol, Fault),
    /// None: those of the sample configuration.
    checks: Option<&'static [&'static str]>,
}

/// The sample configuration, and what a branch with Exchange Server has: 2 mailboxes, each way of sending, each view.
pub(crate) const SETUPS: &[Setup] = &[
    Setup { name: "sample", broken: (Protocol::Imap, Fault::Refuse), checks: None },
    Setup {
        name: "exchange",
        broken: (Protocol::Ews, Fault::SignInUnavailable),
        checks: Some(&[
            "roundtrip: { from: alice, to: bob, send: [smtp, ews], views: [imap, pop3, ews] }",
            "roundtrip: { from: bob, to: alice, send: smtp, views: [imap, ews] }",
            "login: { mailbox: alice, protocols: [imap, pop3, smtp, ews, owa] }",
            "login: { mailbox: bob, protocols: [imap, pop3, smtp, ews, owa] }",
            "calendar: { mailbox: alice, write: ews, views: [ews, caldav], zone: Europe/Lisbon }",
            "meeting: { organizer: alice, attendee: bob, protocol: ews, zone: Europe/Lisbon }",
            "free_busy: { mailbox: alice, of: bob, protocol: ews, zone: Europe/Lisbon }",
            "directory: { mailbox: alice, of: bob, protocols: [ews] }",
            "autodiscover: { mailbox: alice }",
            "endpoint: { mail_service: hq }",
        ]),
    },
];

impl Setup {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        SETUPS.iter().find(|setup| setup.name == name)
    }

    fn checks(&self) -> Vec<String> {
        match self.checks {
            Some(checks) => checks.iter().map(|check| (*check).to_owned()).collect(),
            None => sample(),
        }
    }

    /// The checks, with the usual times taken out and the hurried ones put in.
    fn scene(&self, service: &Service) -> Scene {
        let mut scene = Scene::of_site(SITE);
        // A bound of the histogram, as the usual one is.
        scene.top("defaults: { roundtrip: { late_after: 5s, lost_after: 2m } }");
        scene.top("site_labels: { region: emea, page: \"true\" }");
        let body = match self.checks {
            None => service.body(&scene),
            Some(_) => service.calendar_body(&scene),
        };
        scene.mail_service("hq", &body);
        for user in ["alice", "bob"] {
            scene.mailbox(user, "hq", &format!("{user}@sandbox.test"));
        }
        for check in self.checks() {
            let check = check.replace(", every: 60s", "");
            let body = check.strip_suffix(" }").expect("a check in one line");
            scene.check(&format!("{body}, every: {HURRY}s }}"));
        }
        scene
    }
}

/// The sample's own lines.
fn sample() -> Vec<String> {
    let text = std::fs::read_to_string(repository().join("probe/mailprobe.sample.yaml")).expect("the sample");
    let (_, checks) = text.split_once("\nchecks:\n").expect("its checks");
    checks.lines().filter_map(|line| line.strip_prefix("  - ")).map(str::to_owned).collect()
}

/// Two expositions of one probe.
pub(crate) struct Template {
    pub(crate) well: Metrics,
    pub(crate) failing: Metrics,
    /// The first of them again, after so many slots: what counters do while all is well.
    pub(crate) earlier: Metrics,
    pub(crate) slots: f64,
    pub(crate) slots_failing: f64,
}

impl Template {
    /// Runs the probe until every lane was judged, and again until every lane of the broken protocol fails.
    pub(crate) fn take(setup: &Setup) -> Self {
        let service = Service::start();
        let scene = setup.scene(&service);
        let probe = scene.start();
        let earlier = probe.wait_until("every lane is well", secs(60), |metrics| all_lanes(metrics, "", 1.0));
        let began = tokio::time::Instant::now();
        let runs = |metrics: &Metrics| metrics.sum("mailprobe_check_runs_total", &[]);
        let lanes = earlier.labels("mailprobe_check_interval_seconds", &[]).len();
        let enough = runs(&earlier) + 2.0 * f64::from(u32::try_from(lanes).expect("some lanes"));
        let well = probe.wait_until("two more slots", secs(30), |metrics| {
            runs(metrics) >= enough && all_lanes(metrics, "", 1.0)
        });
        let slots = began.elapsed().as_secs_f64() / f64::from(HURRY);
        let (protocol, fault) = &setup.broken;
        service.fault(*protocol, Some(fault.clone()));
        let broke = tokio::time::Instant::now();
        let failing = wait_failing(&probe, protocol.name());
        let slots_failing = broke.elapsed().as_secs_f64() / f64::from(HURRY);
        Self { well, failing, earlier, slots, slots_failing }
    }
}

fn wait_failing(probe: &Probe, protocol: &str) -> Metrics {
    probe
        .wait_until("every lane of one protocol fails", secs(60), |metrics| all_lanes(metrics, protocol, 0.0))
}

/// Every lane has that verdict, or every one of a protocol that signs in.
fn all_lanes(metrics: &Metrics, protocol: &str, verdict: f64) -> bool {
    let lanes = metrics.labels("mailprobe_check_interval_seconds", &[]);
    let of = lanes
        .iter()
        .filter(|lane| protocol.is_empty() || lane["protocol"] == protocol && lane["kind"] != "endpoint");
    of.map(|lane| verdict_of(metrics, lane)).all(|is| is == Some(verdict))
}

fn verdict_of(metrics: &Metrics, lane: &BTreeMap<String, String>) -> Option<f64> {
    let labels: Vec<_> = lane.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    metrics.value("mailprobe_check_success", &labels)
}
