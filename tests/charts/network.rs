//! A policy lets through what the configuration needs, as the probe itself tells it, and nothing else.

use std::collections::BTreeSet;

use mailprobe::catalogue::{Kind, Protocol};
use serde_json::{Value, json};

use crate::helm::{Case, list, of_site, render, text, well};
use crate::pod::Files;

/// Host (none: told at run time), port, transport.
type Contact = (Option<String>, u64, String);

/// What `mailprobe config show --hosts` tells.
fn needed(case: &Case) -> Option<BTreeSet<Contact>> {
    let output = Files::of(case).run(&["config", "show", "--hosts", "--json"], None);
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        assert!(said.contains("which this build is without"), "{}: {said}", case.name);
        return None;
    }
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let contact = |of: &Value| {
        let port = of["port"].as_u64().expect("a port");
        (of["host"].as_str().map(str::to_owned), port, text(of, "transport").to_uppercase())
    };
    Some(told.as_array().expect("a list").iter().map(contact).collect())
}

fn ports(of: &BTreeSet<Contact>) -> BTreeSet<(u64, String)> {
    of.iter().map(|(_, port, transport)| (*port, transport.clone())).collect()
}

/// What a NetworkPolicy lets out, beside the values' own rules.
fn allowed_ports(case: &Case) -> BTreeSet<(u64, String)> {
    let spec = &case.one("NetworkPolicy")["spec"];
    assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]), "{}", case.name);
    let egress = &case.values["networkPolicy"]["egress"];
    let cidrs =
        egress["cidrs"].as_array().cloned().unwrap_or_else(|| vec![json!("0.0.0.0/0"), json!("::/0")]);
    let peers: Vec<_> = cidrs.iter().map(|cidr| json!({ "ipBlock": { "cidr": cidr } })).collect();
    let mut allowed = BTreeSet::new();
    for rule in list(spec, "egress").iter().filter(|rule| !list(egress, "extra").contains(rule)) {
        let ports = list(rule, "ports");
        let is_names = ports.iter().all(|port| port["port"] == 53);
        assert!(is_names || rule["to"] == json!(peers), "{}: {rule}", case.name);
        assert!(!ports.is_empty(), "{}: a rule without ports allows all", case.name);
        allowed.extend(
            ports
                .iter()
                .map(|port| (port["port"].as_u64().expect("a port"), text(port, "protocol").to_owned())),
        );
    }
    allowed
}

/// What a CiliumNetworkPolicy lets out; names are asked of the endpoints of the first rule.
fn allowed_hosts(case: &Case) -> BTreeSet<Contact> {
    assert_eq!(case.one("NetworkPolicy")["spec"]["policyTypes"], json!(["Ingress"]), "{}", case.name);
    let rules = list(&case.one("CiliumNetworkPolicy")["spec"], "egress");
    assert_eq!(
        rules[0]["toPorts"][0]["ports"],
        json!([{ "port": "53", "protocol": "ANY" }]),
        "{}",
        case.name
    );
    let mut allowed = BTreeSet::new();
    for rule in &rules[1..] {
        let host = rule["toFQDNs"][0]["matchName"].as_str().map(str::to_owned);
        let address = list(rule, "toCIDR").iter().filter_map(Value::as_str).find_map(|cidr| {
            let host = cidr.strip_suffix("/32").or_else(|| cidr.strip_suffix("/128"));
            host.filter(|host| !host.is_empty() && *host != "2001:db8::").map(str::to_owned)
        });
        for port in list(&rule["toPorts"][0], "ports") {
            let number = text(port, "port").parse().expect("a port");
            allowed.insert((
                host.clone().or_else(|| address.clone()),
                number,
                text(port, "protocol").to_owned(),
            ));
        }
    }
    allowed
}

fn compare(case: &Case) {
    let Some(mut needed) = needed(case) else { return };
    if case.values["networkPolicy"]["flavor"] == "cilium" {
        needed.retain(|(host, port, _)| host.is_some() || *port != 53);
        assert_eq!(allowed_hosts(case), needed, "{}", case.name);
    } else {
        let names = [(53, "TCP".to_owned()), (53, "UDP".to_owned())];
        let needed: BTreeSet<_> = ports(&needed).into_iter().chain(names).collect();
        assert_eq!(allowed_ports(case), needed, "{}", case.name);
    }
}

#[test]
fn policies_of_the_files_let_through_what_the_configuration_needs() {
    for case in of_site() {
        assert_eq!(case.values["networkPolicy"]["enabled"], true, "{}", case.name);
        compare(case);
        let ingress = list(&case.one("NetworkPolicy")["spec"], "ingress");
        let container = &case.workload()["spec"]["template"]["spec"]["containers"][0];
        let port = &container["ports"][0]["containerPort"];
        assert_eq!(ingress.len(), 1);
        assert_eq!(ingress[0]["ports"], json!([{ "port": port, "protocol": "TCP" }]), "{}", case.name);
        let from = &case.values["networkPolicy"]["ingress"]["from"];
        assert_eq!(ingress[0]["from"], *from, "{}", case.name);
    }
}

/// Beside `host: mail.example.com` of the mail service hq, and a check.
#[rustfmt::skip]
const CONFIGURATIONS: &[(&str, &str)] = &[
    ("{}", "login: { mailbox: a, protocols: [imap, pop3] }"),
    ("{ smtp: null }", "endpoint: { mail_service: hq }"),
    ("{ smtp: { address: 'Submit.example.com:465' } }", "roundtrip: { from: a, to: b, send: [smtp], views: pop3 }"),
    ("{ imap: { tls: implicit } }", "login: { mailbox: a, protocols: imap }"),
    ("{ preset: exchange }", "endpoint: { mail_service: hq }"),
    ("{ preset: exchange, owa: null }", "endpoint: { mail_service: hq }"),
    ("{ preset: exchange, ews: {} }", "login: { mailbox: a, protocols: ews }"),
    ("{ ews: {} }", "login: { mailbox: a, protocols: [ews] }"),
    ("{ ews: {}, autodiscover: { url: 'https://find.example.com/x' } }", "login: { mailbox: a, protocols: [ews] }"),
    ("{ ews: { url: 'https://ews.example.com:8443/EWS' } }", "directory: { mailbox: a, of: b, protocols: ews }"),
    ("{ ews: { url: 'https://[2001:db8::7]:8443/EWS' } }", "login: { mailbox: a, protocols: ews }"),
    ("{ ews: { url: 'https://10.1.0.7/EWS' } }", "login: { mailbox: a, protocols: ews }"),
    ("{ caldav: {} }", "calendar: { mailbox: a, write: caldav, views: caldav }"),
    ("{ caldav: { url: 'https://dav-${site}.example.com' } }", "free_busy: { mailbox: a, of: b, protocol: caldav }"),
    ("{ caldav: { url: 'https://dav.${site_labels.region}.example.com' } }", "endpoint: { mail_service: hq }"),
    ("{ preset: exchange }", "free_busy: { mailbox: a, of: b, protocol: ews, write: ews }"),
    ("{ preset: exchange }", "meeting: { organizer: a, attendee: b, protocol: imap, attendee_protocol: ews }"),
    ("{}", "meeting: { organizer: a, attendee: b, protocol: imap }"),
    ("{}", "autodiscover: { mailbox: a }"),
    ("{ autodiscover: { url: 'https://find.example.com/x' } }", "autodiscover: { mailbox: a }"),
    ("{ proxy: 'http://user@proxy.example.com:3128', ews: {} }", "login: { mailbox: a, protocols: [ews, imap] }"),
    ("{ proxy: { url: 'http://proxy.example.com:3128', no_proxy: [MAIL.example.com] }, ews: {} }", "login: { mailbox: a, protocols: [ews, imap] }"),
    ("{ proxy: { url: 'http://proxy.example.com:3128', no_proxy: .example.com } }", "endpoint: { mail_service: hq, protocols: smtp }"),
    ("{ proxy: { url: 'http://proxy.example.com:3128', no_proxy: '*' }, caldav: {} }", "calendar: { mailbox: b, write: caldav, views: [caldav] }"),
    ("{ resolver: { servers: [10.1.0.1, '2001:db8::1'] } }", "endpoint: { mail_service: hq, protocols: smtp }"),
    ("{ preset: exchange }", "login: { mailbox: b, protocols: [owa, imap] }"),
    ("{ resolver: system }", "endpoint: { mail_service: hq, protocols: [pop3] }"),
];

/// A new kind, or a new protocol, needs its place in the chart's templates.
#[test]
fn all_kinds_and_protocols_are_among_the_configurations() {
    let all: String = CONFIGURATIONS.iter().map(|(service, check)| format!(" {service} {check}")).collect();
    for row in Kind::rows().iter().filter(|row| row.built) {
        assert!(all.contains(&format!(" {}: {{", row.name)), "no configuration has the kind {}", row.name);
    }
    for row in Protocol::rows().iter().filter(|row| row.built) {
        assert!(all.contains(row.name), "no configuration has the protocol {}", row.name);
    }
}

#[test]
fn any_configuration_has_the_hosts_that_the_probe_tells() {
    let of = |(service, check): &(&str, &str), flavor: &str| {
        let service = service.replacen('{', "{ host: mail.example.com, ", 1).replace(", }", " }");
        let mailbox = |name: &str| {
            format!(
                "{name}: {{ mail_service: hq, address: {name}@Example.org, auth: {{ method: password, password_file: /run/secrets/mailprobe/{name} }} }}"
            )
        };
        let config = format!(
            "mail_services: {{ hq: {service} }}\nmailboxes:\n  {}\n  {}\nchecks:\n  - {check}\n",
            mailbox("a"),
            mailbox("b")
        );
        let values = json!({
            "site": "lisbon", "siteLabels": { "region": "emea" }, "config": config,
            "reference": { "dns": "tcp://[2001:db8::53]:5353", "web": "http://www.example.com:8080/x" },
            "fleetKey": { "existingSecret": "fleet" }, "credentials": [{ "secretName": "probe" }],
            "networkPolicy": { "enabled": true, "flavor": flavor },
        });
        (format!("{service} {check} {flavor}"), json!({ "values": values }))
    };
    let cases: Vec<_> =
        CONFIGURATIONS.iter().flat_map(|case| [of(case, "kubernetes"), of(case, "cilium")]).collect();
    for case in &well(render("mailprobe", &cases)) {
        compare(case);
    }
}
