//! The examples of a fleet: what they give the charts, for 300 sites too.
//!
//! ArgoCD and helmfile are not run: their templates are Go's with Sprig's functions, as Helm's are, and are filled in by Helm's.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mailprobe_tests::{Probe, free_port, get, repository, secs, wait_until};
use serde_json::{Value, json};

use crate::helm::{Case, ask, list, render, text, well};
use crate::kinds;
use crate::pod::Files;
use crate::refused::laid_over;

fn file(name: &str) -> PathBuf {
    repository().join("examples/fleet").join(name)
}

fn read(path: &Path) -> Vec<Value> {
    ask(&json!({ "ask": "read", "file": path })).as_array().expect("documents").clone()
}

/// A file of values, laid over those that all sites have.
fn values(more: &[&str], own: &Value) -> Value {
    let of = |name: &&str| read(&file(name)).remove(0);
    let common = more.iter().map(of).fold(of(&"common-values.yaml"), |all, more| laid_over(&all, &more));
    laid_over(&common, own)
}

/// 300 sites.
fn sites() -> Vec<Value> {
    (0..300)
        .map(|n| json!({ "name": format!("branch-{n:03}"), "region": "emea", "page": n % 3 == 0 }))
        .collect()
}

/// A text with templates, of each of these.
fn filled(text: &str, of: &[Value]) -> Vec<Value> {
    ask(&json!({ "ask": "fill", "text": text, "values": of })).as_array().expect("YAML").clone()
}

/// They are of the sites, each its own; every twentieth is rendered.
fn all_well(of_sites: &[Value]) {
    let expected = |site: &Value| {
        let labels = json!({ "region": site["region"], "page": site["page"].to_string() });
        values(&[], &json!({ "site": site["name"], "siteLabels": labels }))
    };
    assert_eq!(of_sites.len(), sites().len());
    let asked: Vec<_> = of_sites.iter().zip(sites()).step_by(20).collect();
    for (values, site) in &asked {
        assert_eq!(**values, expected(site));
    }
    let asked: Vec<_> = asked
        .iter()
        .map(|(values, _)| (text(values, "site").to_owned(), json!({ "values": values })))
        .collect();
    for case in well(render("mailprobe", &asked)) {
        let layer = text(&case.one("ConfigMap")["data"], "site.yaml");
        assert!(layer.contains(&format!("site: {}\n", case.name)), "{layer}");
        let output = Files::of(&case).run(&["config", "check"], None);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn argocd_makes_a_site_of_each_line() {
    let set = &read(&file("argocd.yaml"))[0];
    assert_eq!(text(set, "kind"), "ApplicationSet");
    let generators = list(&set["spec"]["generators"][0]["matrix"], "generators");
    let elements = text(&generators[1]["list"], "elementsYaml");
    // What the first generator tells of the file is what the second makes its elements of.
    let told = filled(elements, &[json!({ "sites": sites() })]).remove(0);
    assert_eq!(told, json!(sites()));
    let template = &set["spec"]["template"];
    let names = filled(text(&template["metadata"], "name"), told.as_array().expect("sites"));
    assert_eq!((names.len(), &names[7]), (300, &json!("mailprobe-branch-007")));
    let helm = &template["spec"]["sources"][0]["helm"];
    assert_eq!(helm["valueFiles"], json!(["$fleet/common-values.yaml"]));
    let own = filled(&helm["valuesObject"].to_string(), &sites());
    let common = values(&[], &json!({}));
    all_well(&own.iter().map(|own| laid_over(&common, own)).collect::<Vec<_>>());
}

#[test]
fn helmfile_makes_a_site_of_each_line() {
    let text_of = std::fs::read_to_string(file("helmfile.yaml.gotmpl")).expect("the helmfile");
    let (_, releases) = text_of.split_once("---\n").expect("its second part");
    let made = filled(releases, &[json!({ "Values": { "sites": sites() } })]).remove(0);
    let releases = list(&made, "releases");
    assert_eq!(releases[0]["values"], json!(["sites.yaml", "monitoring-values.yaml"]));
    let common = values(&[], &json!({}));
    let of_sites = releases.iter().skip(1).map(|release| {
        assert_eq!(release["values"][0], "common-values.yaml");
        assert_eq!(release["kubeContext"], release["values"][1]["site"]);
        laid_over(&common, &release["values"][1])
    });
    all_well(&of_sites.collect::<Vec<_>>());
}

#[test]
fn the_central_rules_expect_each_site() {
    let own = laid_over(&read(&file("monitoring-values.yaml"))[0], &json!({ "sites": sites() }));
    let cases = well(render("mailprobe-monitoring", &[("300 sites".to_owned(), json!({ "values": own }))]));
    let rules =
        cases[0].of("PrometheusRule").find(|rule| text(&rule["metadata"], "name").ends_with("-sites"));
    let rules = &rules.expect("the rules of the sites")["spec"]["groups"][0]["rules"];
    assert_eq!(rules.as_array().expect("rules").len(), 300);
    // And the list that is there is one that the chart takes.
    let own = read(&file("sites.yaml")).remove(0);
    well(render("mailprobe-monitoring", &[("sites.yaml".to_owned(), json!({ "values": own }))]));
}

fn lisbon(more: &[&str]) -> Case {
    let values =
        values(more, &json!({ "site": "lisbon", "siteLabels": { "region": "emea", "page": "true" } }));
    well(render("mailprobe", &[("lisbon".to_owned(), json!({ "values": values }))])).remove(0)
}

#[test]
fn external_secrets_make_the_secrets_that_the_pod_mounts() {
    let case = lisbon(&["external-secrets-values.yaml"]);
    let made: Vec<_> = case.of("ExternalSecret").map(|secret| &secret["spec"]).collect();
    let (_, pod) = &case.pods()[0];
    let volume = list(pod, "volumes").iter().find(|volume| volume["name"] == "secrets").expect("the secrets");
    for source in list(&volume["projected"], "sources") {
        let name = &source["secret"]["name"];
        assert!(made.iter().any(|spec| spec["target"]["name"] == *name), "nothing makes {name}");
    }
    let keys: Vec<_> =
        made.iter().flat_map(|spec| list(spec, "data")).map(|data| &data["remoteRef"]).collect();
    assert_eq!(*keys[0], json!({ "key": "mailprobe/sites/lisbon", "property": "alice" }));
    assert_eq!(keys.len(), 3);
}

/// Ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn prometheus(folder: &Path, arguments: &[String]) -> Running {
    let log = std::fs::File::create(folder.join("log")).expect("a log");
    let child = Command::new("prometheus")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(log)
        .spawn();
    Running(child.expect("Debian's prometheus is installed"))
}

#[test]
fn an_agent_sends_what_nobody_can_scrape() {
    let case = lisbon(&["agent-values.yaml"]);
    for (name, pod) in case.pods() {
        assert_eq!(kinds::beyond_restricted(pod), Vec::<String>::new(), "{name}");
    }
    kinds::valid(&case.objects.iter().collect::<Vec<_>>());
    let config =
        case.of("ConfigMap").find_map(|map| map["data"]["agent.yml"].as_str()).expect("its configuration");
    let yaml = "version: 1\nsite: lisbon\nlisten: 127.0.0.1:0\nmail_services: { hq: { host: 127.0.0.1 } }\n\
                checks: [{ endpoint: { mail_service: hq, protocols: smtp, every: 1h } }]\n";
    let probe = Probe::try_start(yaml).unwrap_or_else(|refused| panic!("{}", refused.log));
    let folder = tempfile::tempdir().expect("a folder");
    let (central, agent) = (free_port(), free_port());
    let config = config
        .replace("127.0.0.1:9725", &probe.address().to_string())
        .replace("https://prometheus.example.com", &format!("http://127.0.0.1:{central}"))
        .replace("/etc/agent-secret/", "")
        .replace("scrape_interval: 30s", "scrape_interval: 1s");
    std::fs::create_dir(folder.path().join("central")).expect("a folder");
    for (name, content) in
        [("agent.yml", &*config), ("password", "none"), ("central/central.yml", "scrape_configs: []\n")]
    {
        std::fs::write(folder.path().join(name), content).expect("it is written");
    }
    let check = Command::new("promtool")
        .args(["check", "config", "--agent", "agent.yml"])
        .current_dir(folder.path())
        .output();
    let check = check.expect("promtool runs");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    let listen = |port| format!("--web.listen-address=127.0.0.1:{port}");
    let _central = prometheus(
        &folder.path().join("central"),
        &["--config.file=central.yml".into(), "--web.enable-remote-write-receiver".into(), listen(central)],
    );
    // As the container is started, but for the folders and the port.
    let arguments: Vec<_> = list(&case.workload()["spec"]["template"]["spec"]["containers"][1], "args")
        .iter()
        .map(|argument| {
            argument.as_str().expect("a text").replace("/etc/agent/", "").replace("/var/lib/agent", "data")
        })
        .map(|argument| argument.replace("127.0.0.1:9090", &format!("127.0.0.1:{agent}")))
        .collect();
    let _agent = prometheus(folder.path(), &arguments);
    let told = |query: &str| {
        get((Ipv4Addr::LOCALHOST, central).into(), &format!("/api/v1/query?query={query}"))
            .is_ok_and(|answer| answer.body.contains("\"value\""))
    };
    wait_until("the central Prometheus knows the site", secs(60), || {
        told("up%7Bsite%3D%22lisbon%22%2Cjob%3D%22mailprobe%22%7D%3D%3D1")
    });
    assert!(told("mailprobe_build_info%7Bsite%3D%22lisbon%22%7D"));
}
