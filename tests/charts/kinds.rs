//! What Kubernetes and the operators accept: their own schemas where there are, else a list of the fields that we write.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::helm::{ask, list};

/// Kubernetes' version whose schemas are asked.
const VERSION: &str = "1.37";

/// Kinds of operators: the fields that we write, in their CRDs' words; `*`: whatever the values say stands below.
const FIELDS: &[(&str, &str)] = &[
    (
        "ServiceMonitor",
        "namespaceSelector.matchNames selector.matchLabels.* endpoints.port endpoints.path endpoints.interval \
         endpoints.scrapeTimeout endpoints.honorLabels endpoints.scheme endpoints.tlsConfig.* endpoints.basicAuth.* \
         endpoints.relabelings.* endpoints.metricRelabelings.*",
    ),
    (
        "PodMonitor",
        "namespaceSelector.matchNames selector.matchLabels.* podMetricsEndpoints.port podMetricsEndpoints.path \
         podMetricsEndpoints.interval podMetricsEndpoints.scrapeTimeout podMetricsEndpoints.honorLabels \
         podMetricsEndpoints.scheme podMetricsEndpoints.relabelings.*",
    ),
    (
        "PrometheusRule",
        "groups.name groups.rules.record groups.rules.alert groups.rules.expr groups.rules.for \
         groups.rules.keep_firing_for groups.rules.labels.* groups.rules.annotations.*",
    ),
    (
        "AlertmanagerConfig",
        "route.* receivers.* inhibitRules.sourceMatch.name inhibitRules.sourceMatch.value inhibitRules.sourceMatch.matchType \
         inhibitRules.targetMatch.name inhibitRules.targetMatch.value inhibitRules.targetMatch.matchType inhibitRules.equal",
    ),
    (
        "CiliumNetworkPolicy",
        "endpointSelector.matchLabels.* egress.toEndpoints.matchLabels.* egress.toPorts.ports.port \
         egress.toPorts.ports.protocol egress.toPorts.rules.dns.matchPattern egress.toFQDNs.matchName egress.toCIDR",
    ),
];

/// Asserts that each object is one that is accepted; unknown fields are not.
pub(crate) fn valid(objects: &[&Value]) {
    let is_listed = |object: &&Value| FIELDS.iter().any(|(kind, _)| object["kind"] == *kind);
    let (others, own): (Vec<&Value>, Vec<&Value>) = objects.iter().partition(|object| is_listed(object));
    assert_eq!(ask(&json!({ "ask": "validate", "version": VERSION, "objects": own })), json!([]));
    for object in others {
        let (_, fields) = FIELDS.iter().find(|(kind, _)| object["kind"] == *kind).expect("a known kind");
        let known: BTreeSet<_> = fields.split_whitespace().collect();
        let mut found = BTreeSet::new();
        paths(&object["spec"], "", &mut found);
        for path in &found {
            let is_below =
                |known: &&&str| known.strip_suffix(".*").is_some_and(|above| path.starts_with(above));
            let is_known = known.contains(&**path) || known.iter().any(|each| is_below(&each));
            assert!(is_known, "{}: {path}", object["kind"]);
        }
    }
}

/// The paths of all leaves; lists are looked through.
fn paths(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, below) in map {
                paths(below, &format!("{at}.{key}"), found);
            }
        }
        Value::Array(items) if !items.is_empty() => items.iter().for_each(|item| paths(item, at, found)),
        _ => drop(found.insert(at.trim_start_matches('.').to_owned())),
    }
}

/// Volumes that the restricted standard has.
const VOLUMES: &[&str] = &[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// What of a pod the restricted standard (kubernetes.io, "Pod Security Standards") does not have.
pub(crate) fn beyond_restricted(pod: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if pod[key] == true {
            wrong.push(key.to_owned());
        }
    }
    for volume in list(pod, "volumes") {
        for key in volume.as_object().into_iter().flatten().map(|(key, _)| key) {
            if key != "name" && !VOLUMES.contains(&&**key) {
                wrong.push(format!("volume {key}"));
            }
        }
    }
    let of_pod = &pod["securityContext"];
    for container in list(pod, "containers").iter().chain(list(pod, "initContainers")) {
        let own = &container["securityContext"];
        let either = |key: &str| if own[key].is_null() { &of_pod[key] } else { &own[key] };
        let seccomp = &either("seccompProfile")["type"];
        let ports = list(container, "ports");
        let rules = [
            (own["privileged"] != true, "privileged"),
            (own["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation"),
            (either("runAsNonRoot") == true, "runAsNonRoot"),
            (either("runAsUser") != 0, "runAsUser"),
            (seccomp == "RuntimeDefault" || seccomp == "Localhost", "seccompProfile"),
            (list(&own["capabilities"], "drop").contains(&json!("ALL")), "capabilities.drop"),
            (
                list(&own["capabilities"], "add").iter().all(|add| add == "NET_BIND_SERVICE"),
                "capabilities.add",
            ),
            (ports.iter().all(|port| port["hostPort"].is_null()), "hostPort"),
            // More than the standard asks for.
            (own["readOnlyRootFilesystem"] == true, "readOnlyRootFilesystem"),
        ];
        wrong.extend(rules.iter().filter(|(is_well, _)| !is_well).map(|(_, what)| (*what).to_owned()));
    }
    wrong
}
