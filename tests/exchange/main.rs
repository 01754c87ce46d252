//! Exchange Web Services at the wire: every layer of failure, and what no server should do; none of it is success, none of
//! it stops or bloats the probe.

mod autodiscover;
mod cases;
mod listed;
mod prepare;
mod round;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mailprobe_tests::{Asked, Metrics, PASSWORD, Probe, Reply, Scene, WebScript, secs};

use cases::{CASES, good};

/// Kilobytes that the process may have taken at most.
const MOST_MEMORY: u64 = 96 * 1024;

fn most_memory(probe: &Probe) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", probe.id())).expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// People use the options of the web mail through another virtual directory.
#[test]
fn the_web_mail_is_not_well_without_the_directory_of_its_options() {
    let server = WebScript::start(|asked: &Asked| {
        // Of the EWS' directories beside it one is not there, which is no fault.
        let status = match &*asked.path {
            "/ecp/healthcheck.htm" => 503,
            "/rpc/healthcheck.htm" => 404,
            _ => 200,
        };
        let body = if asked.path.ends_with("healthcheck.htm") { "200 OK<br/>MAIL" } else { "" };
        Reply::Whole(status, String::new(), body.to_owned())
    });
    let mut scene = Scene::new();
    let at = server.address();
    scene.mail_service(
        "hq",
        &format!("owa: {{ url: \"http://{at}/owa/\" }}, ews: {{ url: \"http://{at}/EWS/Exchange.asmx\" }}"),
    );
    scene.mailbox("alice", "hq", "alice@lab.test");
    scene.check("endpoint: { name: doors, mail_service: hq, every: 24h }");
    let probe = scene.start();
    let of = |protocol| [("check", "doors"), ("protocol", protocol)];
    let judged = |metrics: &Metrics, protocol| metrics.value("mailprobe_check_success", &of(protocol));
    let metrics = probe.wait_until("both are judged", secs(20), |metrics| {
        judged(metrics, "owa").is_some() && judged(metrics, "ews").is_some()
    });
    assert_eq!((judged(&metrics, "owa"), judged(&metrics, "ews")), (Some(0.0), Some(1.0)));
    assert!(probe.log().contains("the virtual directory ecp beside it: 503"), "{}", probe.log());
}

/// One web server for all: the case is the first part of the path. `well` is none of them.
#[test]
fn every_layer_of_failure_has_a_reason() {
    let server = WebScript::start(|asked: &Asked| {
        let name = asked.path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let case = CASES.iter().find(|case| case.name == name);
        case.map_or_else(|| good(asked), |case| (case.answer)(asked))
    });
    let mut scene = Scene::new();
    let names = || CASES.iter().map(|case| case.name).chain(["well"]);
    for name in names() {
        let url = format!("http://{}/{name}/EWS/Exchange.asmx", server.address());
        scene.mail_service(name, &format!("ews: {{ url: \"{url}\" }}"));
        scene.mailbox(name, name, &format!("{name}@lab.test"));
        scene.check(&format!(
            "login: {{ name: {name}, mailbox: {name}, protocols: [ews], every: 24h, timeout: 8s }}"
        ));
    }
    let probe = scene.start();
    let mut open: BTreeSet<_> = names().collect();
    let judged = |metrics: &Metrics, name: &str| metrics.has("mailprobe_check_success", &[("check", name)]);
    probe.wait_until("every case is judged", secs(40), |metrics| {
        open.retain(|name| !judged(metrics, name));
        open.is_empty()
    });
    let (metrics, log) = (probe.metrics(), probe.log());
    let mut wrong = Vec::new();
    for case in CASES {
        let why = [("check", case.name), ("reason", case.reason.name())];
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&format!("={} ", case.name))).collect();
        let lines = lines.join("\n");
        let told = metrics.value("mailprobe_check_success", &[("check", case.name)]) == Some(0.0)
            && metrics.value("mailprobe_check_failing", &why) == Some(1.0)
            && lines.contains(case.words);
        if !told {
            wrong.push(format!(
                "{}: not {} with {:?}, but\n{lines}",
                case.name,
                case.reason.name(),
                case.words
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(metrics.value("mailprobe_check_success", &[("check", "well")]), Some(1.0), "{log}");
    let well = [("mailbox", "well")];
    assert_eq!(metrics.value("mailprobe_mailbox_items", &well), Some(3.0));
    assert_eq!(metrics.value("mailprobe_mailbox_recoverable_items", &well), Some(6.0), "of two folders");
    let secret = STANDARD.encode(format!("echo@lab.test:{PASSWORD}"));
    assert!(!log.contains(&secret) && !log.contains(PASSWORD), "{log}");
    assert!(!log.contains("panicked") && !log.contains("internal_error"), "{log}");
    let most = most_memory(&probe);
    assert!(most < MOST_MEMORY, "{most} kB");
    let asked = server.asked();
    let anchored = |asked: &Asked| asked.header("x-anchormailbox").ends_with("@lab.test");
    assert!(asked.iter().all(anchored), "a request without an anchor");
}
