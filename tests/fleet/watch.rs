//! Prometheus and Alertmanager as an operator runs them, but that time goes faster.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use mailprobe_dashboards::files;
use mailprobe_dashboards::knobs::Values;
use mailprobe_tests::{free_port, get, repository, secs, wait_until};
use serde_json::Value;
use tokio::time::Instant;

/// Seconds that a minute of the rules takes here.
const MINUTE: u64 = 3;

/// A server of the operator's, on loopback.
struct Server {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(program: &str, folder: tempfile::TempDir, arguments: &[&str]) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = Command::new(program)
            .args(arguments)
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}, a package of Debian's: {error}"));
        let this = Self { child, address, _folder: folder };
        wait_until(&format!("{program} is ready"), secs(30), || {
            get(address, "/-/ready").is_ok_and(|answer| answer.status == 200)
        });
        this
    }

    fn ask(&self, path: &str) -> Value {
        let answer = get(self.address, path).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).expect("JSON")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// An alert that nothing silences.
#[derive(Debug)]
pub struct Heard {
    /// Without `Mailprobe`.
    pub name: String,
    /// Labels, summary and description.
    pub text: String,
}

pub struct Watch {
    prometheus: Server,
    alertmanager: Server,
}

impl Watch {
    pub fn start(targets: &[SocketAddr]) -> Self {
        let alertmanager = alertmanager();
        Self { prometheus: prometheus(targets, alertmanager.address), alertmanager }
    }

    /// So many sites are known, and what is always told is heard, and nothing else.
    pub fn settles(&self, sites: usize) {
        let count = sites.to_string();
        wait_until("Prometheus knows all sites", secs(30), || {
            let answer = self.prometheus.ask("/api/v1/query?query=count(site:mailprobe_up:group)");
            answer["data"]["result"][0]["value"][1] == *count
        });
        // What a start told too much stays a while.
        let end = Instant::now() + secs(100);
        wait_until("the watchdog is heard", secs(110), || {
            let all = self.all();
            assert!(Instant::now() < end, "before anything is broken: {all:#?}");
            all.iter().map(|it| &*it.name).eq(["Watchdog"])
        });
    }

    /// What is not silenced, beside the watchdog.
    pub fn heard(&self) -> Vec<Heard> {
        self.all().into_iter().filter(|it| it.name != "Watchdog").collect()
    }

    fn all(&self) -> Vec<Heard> {
        let all = self.alertmanager.ask("/api/v2/alerts?active=true&silenced=false&inhibited=false");
        all.as_array()
            .into_iter()
            .flatten()
            .map(|alert| Heard {
                name: alert["labels"]["alertname"]
                    .as_str()
                    .unwrap_or_default()
                    .trim_start_matches("Mailprobe")
                    .to_owned(),
                text: [
                    &alert["labels"],
                    &alert["annotations"]["summary"],
                    &alert["annotations"]["description"],
                ]
                .map(Value::to_string)
                .join(" "),
            })
            .collect()
    }
}

fn prometheus(targets: &[SocketAddr], alertmanager: SocketAddr) -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let mut values = Values::default();
    for (knob, minutes, unit) in [
        ("blip_seconds", 2, ""),
        ("delay_page_seconds", 5, ""),
        ("hold", 1, "s"),
        ("site_hold", 2, "s"),
        ("keep", 5, "s"),
        ("fleet_keep", 20, "s"),
        ("silent_for", 5, "s"),
    ] {
        values.set(knob, &format!("{}{unit}", minutes * MINUTE)).expect("a knob");
    }
    for (name, text) in files(&values) {
        if let Some(name) = name.strip_prefix("rules/mailprobe-").filter(|name| !name.starts_with("sites")) {
            std::fs::write(folder.path().join(name), faster(&text)).expect("the rules are written");
        }
    }
    let targets: Vec<_> = targets.iter().map(|target| format!("\"{target}\"")).collect();
    let configuration = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
         rule_files: [records.yaml, alerts.yaml]\n\
         alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: [\"{alertmanager}\"] }}] }}] }}\n\
         scrape_configs:\n  - job_name: mailprobe\n    honor_labels: true\n    static_configs: [{{ targets: [{}] }}]\n",
        targets.join(", ")
    );
    std::fs::write(folder.path().join("prometheus.yml"), configuration)
        .expect("the configuration is written");
    let lookback = format!("--query.lookback-delta={}s", 5 * MINUTE);
    let arguments =
        ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error", &lookback];
    Server::start("prometheus", folder, &arguments)
}

fn alertmanager() -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let text =
        std::fs::read_to_string(repository().join("dashboards/alertmanager.yml")).expect("the example");
    let nobody = format!("http://127.0.0.1:{}/", free_port());
    let text = ["pager", "tickets", "chat", "watchdog"]
        .iter()
        .fold(text, |text, receiver| text.replace(&format!("http://{receiver}.example/"), &nobody));
    std::fs::write(folder.path().join("alertmanager.yml"), text).expect("the configuration is written");
    let arguments = ["--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="];
    Server::start("prometheus-alertmanager", folder, &arguments)
}

/// Windows and steps in brackets, and seconds beside them, of the texts of expressions.
fn faster(rules: &str) -> String {
    let mut out = String::new();
    let mut rest = rules;
    while let Some((before, after)) = rest.split_once('[') {
        let (inside, after) = after.split_once(']').unwrap_or((after, ""));
        let spans: Option<Vec<String>> = inside.split(':').map(sooner).collect();
        let inside = spans.map_or_else(|| inside.to_owned(), |spans| spans.join(":"));
        out += &format!("{before}[{inside}]");
        rest = after;
    }
    out += rest;
    // The classes of intervals, and what a sample of a step stands for.
    let seconds = [("* 60 /", 1), ("* 300", 5), ("<= 300", 5), ("> 300", 5), ("<= 1200", 20), ("> 1200", 20)];
    seconds.iter().fold(out, |text, (words, minutes)| {
        let number = words.trim_matches(|letter: char| !letter.is_ascii_digit());
        text.replace(words, &words.replace(number, &(minutes * MINUTE).to_string()))
    })
}

/// `1h` as so many seconds; nothing for what is no time.
fn sooner(span: &str) -> Option<String> {
    let minutes = match span.chars().next_back()? {
        'm' => 1,
        'h' => 60,
        'd' => 1440,
        _ => return None,
    };
    let number: u64 = span.trim_end_matches(['m', 'h', 'd']).parse().ok()?;
    Some(format!("{}s", number * minutes * MINUTE))
}
