//! Values that are refused, in words that say what to do.

use serde_json::{Value, json};

use crate::helm::{of_site, render};

/// One set of values over another: maps are merged.
pub(crate) fn laid_over(values: &Value, more: &Value) -> Value {
    match (values, more) {
        (Value::Object(values), Value::Object(more)) => {
            let mut out = values.clone();
            for (key, value) in more {
                let below = laid_over(values.get(key).unwrap_or(&Value::Null), value);
                out.insert(key.clone(), below);
            }
            Value::Object(out)
        }
        _ => more.clone(),
    }
}

/// What is laid over the least values, and words of the refusal.
fn cases() -> Vec<(Value, &'static str)> {
    let roundtrip =
        json!([{ "roundtrip": { "from": "alice", "to": "alice", "send": "smtp", "views": "imap" } }]);
    let at = |address: &str| json!({ "mail_services": { "hq": { "imap": { "address": address } } } });
    vec![
        (json!({ "site": "" }), "site: say where this probe runs"),
        (json!({ "site": "two words" }), "site"),
        (json!({ "sight": "lisbon" }), "sight"),
        (json!({ "image": { "tags": "1" } }), "tags"),
        (json!({ "networkPolicy": { "egress": { "cidr": [] } } }), "cidr"),
        (json!({ "serviceMonitor": { "enable": true } }), "enable"),
        (json!({ "shards": 0 }), "shards"),
        (json!({ "port": "9725" }), "port"),
        (json!({ "siteLabels": { "page": true } }), "page"),
        (json!({ "credentials": [{ "secret": "probe" }] }), "secret"),
        (json!({ "networkPolicy": { "flavor": "calico" } }), "flavor"),
        (json!({ "terminationGracePeriodSeconds": 40 }), "less than the configuration's drain (35s)"),
        (
            json!({ "terminationGracePeriodSeconds": 99, "config": { "drain": "1m 30s" } }),
            "less than the configuration's drain (1m 30s)",
        ),
        (json!({ "existingConfigMap": "other" }), "give one of config, existingConfigMap, existingSecret"),
        (json!({ "config": "a: [" }), "config: is no YAML"),
        (json!({ "config": { "site": "porto" } }), "config.site is porto and site is lisbon"),
        (json!({ "config": { "listen": "127.0.0.1:1" } }), "config.listen: the chart fills it in"),
        (json!({ "config": { "shard": {} } }), "config.shard: the chart fills it in"),
        (
            json!({ "config": { "mailboxes": { "alice": { "auth": { "password": "p" } } } } }),
            "take password_file and credentials",
        ),
        (
            json!({ "config": { "checks": roundtrip } }),
            "fleetKey.existingSecret: the check roundtrip needs the key",
        ),
        (json!({ "config": at("mail.example.com:${env:PORT}") }), "known to the probe alone"),
        (json!({ "caBundle": { "existingConfigMap": "a", "existingSecret": "b" } }), "caBundle: give one of"),
        (json!({ "serviceMonitor": { "enabled": true }, "podMonitor": { "enabled": true } }), "both enabled"),
        (
            json!({ "serviceMonitor": { "enabled": true }, "service": { "enabled": false } }),
            "needs service.enabled",
        ),
    ]
}

#[test]
fn wrong_values_are_refused_in_words_that_help() {
    let minimal =
        &of_site().iter().find(|case| case.name.starts_with("minimal")).expect("the least values").values;
    let cases = cases();
    let asked: Vec<_> = cases
        .iter()
        .map(|(more, words)| ((*words).to_owned(), json!({ "values": laid_over(minimal, more) })))
        .collect();
    for (case, (more, words)) in render("mailprobe", &asked).iter().zip(&cases) {
        let refused = case.refused.as_ref().unwrap_or_else(|| panic!("accepted: {more}"));
        assert!(refused.contains(words), "{more}: {refused}");
    }
}

/// Without a configuration of any sort, and where the ports cannot be known.
#[test]
fn what_the_chart_cannot_know_has_to_be_said() {
    let cases = [
        (json!({ "site": "lisbon" }), "given: none"),
        (
            json!({ "site": "lisbon", "existingSecret": "a", "networkPolicy": { "enabled": true } }),
            "networkPolicy.egress.ports: needed",
        ),
        (
            json!({ "site": "lisbon", "existingSecret": "a", "networkPolicy": { "enabled": true, "flavor": "cilium" } }),
            "networkPolicy.egress.hosts: needed",
        ),
        (
            json!({ "site": "lisbon", "existingSecret": "a", "proxy": { "url": "http://proxy.example.com:3128" } }),
            "in an existing configuration write it there",
        ),
    ];
    let asked: Vec<_> =
        cases.iter().map(|(values, words)| ((*words).to_owned(), json!({ "values": values }))).collect();
    for (case, (values, words)) in render("mailprobe", &asked).iter().zip(&cases) {
        let refused = case.refused.as_ref().unwrap_or_else(|| panic!("accepted: {values}"));
        assert!(refused.contains(words), "{values}: {refused}");
    }
}
