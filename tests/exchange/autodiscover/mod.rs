//! Autodiscover from outside: where is looked, in which order, and who is given the credential.

mod answers;
mod cases;
mod found;
mod world;

use std::collections::BTreeSet;

use mailprobe_tests::{Metrics, PASSWORD, Scene, secs};

use crate::most_memory;
use cases::{CASES, Case};
use world::World;

/// In the order in which they are looked at.
const STEPS: [&str; 4] = ["root_domain", "autodiscover_host", "http_redirect", "srv_record"];

#[test]
fn every_way_to_be_found_and_not_to_be() {
    let world = World::start();
    let mut scene = Scene::new();
    for case in CASES {
        let domain = case.domain();
        let ews = format!("ews: {{ url: \"https://mail.{domain}/EWS/Exchange.asmx\" }}");
        scene.mail_service(case.name, &format!("{ews}, {}", world.body(&scene)));
        scene.mailbox(case.name, case.name, &format!("{}@{domain}", case.name));
        let name = case.name;
        scene.check(&format!("autodiscover: {{ name: {name}, mailbox: {name}, every: 24h, timeout: 60s }}"));
    }
    let probe = scene.start();
    let mut open: BTreeSet<_> = CASES.iter().map(|case| case.name).collect();
    probe.wait_until("every case is judged", secs(90), |metrics| {
        open.retain(|name| !metrics.has("mailprobe_check_success", &[("check", name)]));
        open.is_empty()
    });
    let (metrics, log) = (probe.metrics(), probe.log());
    let mut wrong: Vec<_> = CASES.iter().filter_map(|case| case.is_told(&metrics, &log).err()).collect();
    wrong.extend(CASES.iter().filter_map(|case| world.secrets_of(case).err()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(!log.contains(PASSWORD) && !log.contains("panicked"), "{log}");
    let most = most_memory(&probe);
    assert!(most < crate::MOST_MEMORY, "{most} kB");
}

impl Case {
    pub fn domain(&self) -> String {
        format!("{}.lab.test", self.name)
    }

    fn is_told(&self, metrics: &Metrics, log: &str) -> Result<(), String> {
        let check = ("check", self.name);
        let lines: Vec<_> =
            log.lines().filter(|line| line.contains(&format!(" check={} ", self.name))).collect();
        let lines = lines.join("\n");
        let told = match self.failure {
            None => metrics.value("mailprobe_check_success", &[check]) == Some(1.0),
            Some((reason, step)) => {
                let why = [check, ("reason", reason.name()), ("step", step)];
                metrics.value("mailprobe_check_success", &[check]) == Some(0.0)
                    && metrics.value("mailprobe_check_failing", &why) == Some(1.0)
            }
        };
        let timed = |step: &str| metrics.has("mailprobe_step_duration_seconds", &[check, ("step", step)]);
        let (tried, untried) = STEPS.split_at(self.tried);
        let steps = tried.iter().all(|step| timed(step)) && !untried.iter().any(|step| timed(step));
        let words = self.words.iter().filter(|words| !lines.contains(*words)).collect::<Vec<_>>();
        if told && steps && words.is_empty() {
            return Ok(());
        }
        Err(format!("{}: verdict {told}, steps {steps}, not said {words:?}\n{lines}", self.name))
    }
}
