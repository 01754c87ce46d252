//! The chart of a site: what its values become.

use std::collections::BTreeSet;

use mailprobe_tests::Probe;
use serde_json::{Value, json};

use crate::helm::{self, Case, ask, list, of_monitoring, of_site, text};
use crate::pod::Files;

#[test]
fn every_file_of_values_passes_helms_lint_and_renders() {
    let files = helm::files("mailprobe");
    assert!(files.len() >= 8, "{} files", files.len());
    let cases: Vec<_> = files.iter().map(|(_, file)| file).collect();
    assert_eq!(ask(&json!({ "ask": "lint", "chart": helm::chart("mailprobe"), "cases": cases })), json!([]));
    for case in of_site() {
        let site = text(&case.values, "site");
        assert!(case.notes.contains(&format!("at the site {site}")), "{}: {}", case.name, case.notes);
        for object in &case.objects {
            let is_own = !text(&object["metadata"], "name").starts_with("more-of-");
            let label = &object["metadata"]["labels"]["mailprobe.io/site"];
            assert!(!is_own || label == site, "{}: {object}", case.name);
        }
    }
}

#[test]
fn objects_are_those_that_kubernetes_knows() {
    let all: Vec<_> = of_site().iter().flat_map(|case| &case.objects).collect();
    crate::kinds::valid(&all);
}

#[test]
fn pods_meet_the_restricted_standard() {
    for case in of_site() {
        for (name, pod) in case.pods() {
            let wrong = crate::kinds::beyond_restricted(pod);
            assert!(wrong.is_empty(), "{name}: {wrong:?}");
            assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        }
    }
}

#[test]
fn what_is_beyond_the_restricted_standard_is_noticed() {
    let pod = of_site()[0].pods()[0].1;
    let cases = [
        ("/hostNetwork", json!(true)),
        ("/securityContext/runAsNonRoot", json!(false)),
        ("/securityContext/runAsUser", json!(0)),
        ("/securityContext/seccompProfile/type", json!("Unconfined")),
        ("/containers/0/securityContext/privileged", json!(true)),
        ("/containers/0/securityContext/allowPrivilegeEscalation", json!(true)),
        ("/containers/0/securityContext/capabilities/drop", json!(["NET_RAW"])),
        ("/containers/0/securityContext/capabilities/add", json!(["NET_ADMIN"])),
        ("/containers/0/ports/0/hostPort", json!(9725)),
        ("/volumes/0/hostPath", json!({ "path": "/" })),
    ];
    for (place, value) in cases {
        let mut pod = pod.clone();
        let (above, key) = place.rsplit_once('/').expect("a place");
        pod.pointer_mut(above).expect("a part of the pod")[key] = value;
        assert!(!crate::kinds::beyond_restricted(&pod).is_empty(), "{place}");
    }
}

#[test]
fn the_probe_accepts_the_configuration() {
    for case in of_site() {
        let files = Files::of(case);
        let shards = case.values["shards"].as_u64().unwrap_or(1);
        for shard in (0..shards).map(|shard| Some(shard).filter(|_| shards > 1)) {
            let output = files.run(&["config", "check"], shard);
            let said = String::from_utf8_lossy(&output.stderr);
            if case.name.starts_with("kerberos") && !mailprobe::auth::negotiate::IS_BUILT {
                assert!(said.contains("which this build is without"), "{said}");
                continue;
            }
            assert!(output.status.success(), "{}: {said}", case.name);
            let out = String::from_utf8_lossy(&output.stdout);
            assert!(
                out.starts_with(&format!("{}: well, ", text(&case.values, "site"))),
                "{}: {out}",
                case.name
            );
        }
    }
}

fn case(name: &str) -> &'static Case {
    of_site().iter().find(|case| case.name == format!("{name}-values.yaml")).expect("a file of values")
}

#[test]
fn what_the_chart_knows_lies_over_the_configuration() {
    let cases = [
        ("minimal", "listen: 0.0.0.0:9725\nsite: lisbon\nversion: 1\n"),
        ("ipv6", "listen: '[::]:9725'\n"),
        ("no-operator", "listen: 0.0.0.0:9100\n"),
        ("everything", "sign: /run/secrets/mailprobe/fleet-key\n"),
        ("everything", "accept:\n  - /run/secrets/mailprobe/fleet-key-fleet-key-before\n"),
        ("everything", "site_labels:\n  page: \"true\"\n  region: emea\n"),
        ("everything", "reference:\n  dns: tcp://10.1.0.1:53\n  web: https://www.example.com/\n"),
        ("everything", "web_config_file: /etc/mailprobe-web/web.yml\n"),
        ("existing", "site_labels:\n  page: \"false\"\n"),
        (
            "proxy",
            "  house:\n    proxy:\n      no_proxy:\n      - .corp.example.com\n      password_file: /run/secrets/mailprobe/proxy\n      url: http://proxy.example.com:3128\n      username: probe\n",
        ),
        // It has a proxy of its own.
        ("proxy", "  other:\n    tls:\n      ca_file: /etc/mailprobe-ca/ca.crt\n"),
    ];
    for (name, words) in cases {
        let maps: Vec<_> =
            case(name).of("ConfigMap").filter_map(|map| map["data"]["site.yaml"].as_str()).collect();
        assert!(maps[0].contains(words), "{name}: {words}\n{}", maps[0]);
    }
}

#[test]
fn one_probe_or_shards_run_as_they_should() {
    for case in of_site() {
        let workload = case.workload();
        let spec = &workload["spec"];
        let shards = case.values["shards"].as_u64().unwrap_or(1);
        assert_eq!(spec["replicas"], shards, "{}", case.name);
        let container = &spec["template"]["spec"]["containers"][0];
        let variable = |name: &str| list(container, "env").iter().find(|of| of["name"] == name).cloned();
        if shards == 1 {
            assert_eq!(
                (text(workload, "kind"), &spec["strategy"]["type"]),
                ("Deployment", &json!("Recreate"))
            );
            assert_eq!(variable("MAILPROBE__SHARD__INDEX"), None);
        } else {
            assert_eq!(text(workload, "kind"), "StatefulSet");
            let index = variable("MAILPROBE__SHARD__INDEX").expect("the shard's index");
            let path = "metadata.labels['apps.kubernetes.io/pod-index']";
            assert_eq!(index["valueFrom"]["fieldRef"]["fieldPath"], path);
            let count = variable("MAILPROBE__SHARD__COUNT").expect("how many there are");
            assert_eq!(count["value"], shards.to_string());
        }
        for (probe, path) in [("livenessProbe", "/-/healthy"), ("readinessProbe", "/-/ready")] {
            assert_eq!(container[probe]["httpGet"]["path"], path, "{}", case.name);
        }
        assert_eq!(container["args"][0], "run");
    }
    let grace =
        |case: &Case| case.workload()["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].clone();
    assert_eq!([grace(case("minimal")), grace(case("everything"))], [json!(60), json!(90)]);
}

#[test]
fn up_carries_the_site_and_the_probes_labels_are_kept() {
    let cases =
        [("everything", "ServiceMonitor", "endpoints"), ("shards", "PodMonitor", "podMetricsEndpoints")];
    for (name, kind, key) in cases {
        let case = case(name);
        let endpoint = &case.one(kind)["spec"][key][0];
        assert_eq!(endpoint["honorLabels"], true);
        let site = json!({ "sourceLabels": ["__meta_kubernetes_pod_label_mailprobe_io_site"], "targetLabel": "site" });
        assert_eq!(endpoint["relabelings"][0], site);
        let labels = &case.workload()["spec"]["template"]["metadata"]["labels"];
        assert_eq!(labels["mailprobe.io/site"], case.values["site"]);
        // It selects what there is.
        let wanted = case.one(kind)["spec"]["selector"]["matchLabels"].as_object().expect("labels");
        let services: Vec<_> = case.of("Service").map(|service| &service["metadata"]["labels"]).collect();
        let there = if kind == "ServiceMonitor" { services } else { vec![labels] };
        let fits = |labels: &&&Value| wanted.iter().all(|(key, value)| labels[key] == *value);
        assert_eq!(there.iter().filter(fits).count(), 1, "{name}");
    }
}

#[test]
fn helms_test_asks_the_probe_whether_the_configuration_is_right_and_no_server() {
    for case in of_site() {
        let wanted = case.values["helmTest"]["enabled"] != false;
        let pods: Vec<_> = case.of("Pod").collect();
        assert_eq!(pods.len(), usize::from(wanted), "{}", case.name);
        for pod in pods {
            assert_eq!(pod["metadata"]["annotations"]["helm.sh/hook"], "test");
            let container = &pod["spec"]["containers"][0];
            let of_workload = &case.workload()["spec"]["template"]["spec"]["containers"][0];
            let arguments = list(container, "args");
            assert_eq!(arguments[..2], ["config", "check"]);
            assert_eq!(arguments[2..], list(of_workload, "args")[1..]);
            assert_eq!(container["image"], of_workload["image"]);
            assert_eq!(container["volumeMounts"], of_workload["volumeMounts"]);
            // No Service sends scrapes to it, and no policy of the probe is its own.
            assert_eq!(pod["metadata"]["labels"]["app.kubernetes.io/component"], "test");
        }
    }
}

#[test]
fn a_shard_without_checks_is_ready_and_says_so() {
    let configuration = "version: 1\nsite: lisbon\nlisten: 127.0.0.1:0\nmail_services: { hq: { host: 127.0.0.1 } }\n\
                         checks: [{ endpoint: { mail_service: hq, protocols: smtp, every: 1h } }]\n";
    let mut empty = 0;
    for index in 0..2 {
        let probe = Probe::try_start(&format!("{configuration}shard: {{ index: {index}, count: 2 }}\n"));
        let probe = probe.unwrap_or_else(|refused| panic!("{}", refused.log));
        let ready = probe.get("/-/ready").expect("an answer");
        assert_eq!(ready.status, 200, "{}", ready.body);
        let says_so = probe.log().contains(&format!("shard {index} of 2 has no checks"));
        let checks = probe.get("/api/v1/checks").expect("an answer").body;
        assert_eq!(says_so, !checks.contains("endpoint-hq"), "{}\n{checks}", probe.log());
        empty += usize::from(says_so);
    }
    assert_eq!(empty, 1);
}

#[test]
fn every_file_of_values_installs_on_the_stand_in() {
    for (name, cases) in [("mailprobe", of_site()), ("mailprobe-monitoring", of_monitoring())] {
        let steps: Vec<_> = cases.iter().map(|case| json!({ "values": case.values })).collect();
        let states = ask(&json!({ "ask": "install", "chart": helm::chart(name), "steps": steps }));
        for (case, state) in cases.iter().zip(states.as_array().expect("states")) {
            assert_eq!(state["status"], "deployed", "{}", case.name);
            // What another file had before is gone, and hooks are no part of it.
            let is_hook = |object: &&Value| !object["metadata"]["annotations"]["helm.sh/hook"].is_null();
            let names = |objects: &mut dyn Iterator<Item = &Value>| -> BTreeSet<String> {
                objects.map(|of| format!("{} {}", of["kind"], of["metadata"]["name"])).collect()
            };
            let expected = names(&mut case.objects.iter().filter(|object| !is_hook(object)));
            assert_eq!(names(&mut list(state, "objects").iter()), expected, "{}", case.name);
        }
    }
}

#[test]
fn installs_and_upgrades_on_a_stand_in_for_an_api_server() {
    let minimal = &case("minimal").values;
    let with = |more: &Value| crate::refused::laid_over(minimal, more);
    let steps = [
        with(&json!({})),
        with(&json!({ "config": { "drain": "50s" } })),
        with(&json!({ "image": { "tag": "0.2.0" } })),
        with(&json!({ "shards": 3 })),
        with(&json!({ "shards": 3, "rollOnChange": true })),
    ];
    let steps: Vec<_> = steps.iter().map(|values| json!({ "values": values })).collect();
    let states = ask(&json!({ "ask": "install", "chart": helm::chart("mailprobe"), "steps": steps }));
    let state = |at: usize, kind: &str| -> Option<Value> {
        list(&states[at], "objects").iter().find(|object| object["kind"] == kind).cloned()
    };
    let pod = |at: usize, kind: &str| state(at, kind).expect("a workload")["spec"]["template"].clone();
    for at in 0..steps.len() {
        assert_eq!(states[at]["status"], "deployed", "step {at}");
    }
    // The probe reads a changed configuration by itself; what changes the pod is how long it may drain.
    let config =
        |at: usize| state(at, "ConfigMap").expect("the configuration")["data"]["mailprobe.yaml"].clone();
    assert_ne!(config(0), config(1));
    assert_eq!(pod(0, "Deployment")["metadata"], pod(1, "Deployment")["metadata"]);
    assert_eq!(pod(1, "Deployment")["spec"]["terminationGracePeriodSeconds"], 75);
    assert_eq!(pod(2, "Deployment")["spec"]["containers"][0]["image"], "ghcr.io/mailprobe/mailprobe:0.2.0");
    // One probe makes room for three.
    assert_eq!((state(2, "StatefulSet"), state(3, "Deployment")), (None, None));
    assert_eq!(state(3, "StatefulSet").expect("shards")["spec"]["replicas"], 3);
    assert!(pod(4, "StatefulSet")["metadata"]["annotations"]["checksum/config"].is_string());
    assert_eq!(states[steps.len()]["objects"], json!([]));
}
