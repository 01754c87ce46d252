//! What is accepted, and what it becomes. Refusals are in probe/tests/config.rs.

use std::path::Path;

use super::*;
use crate::catalogue::{Protocol, Role};
use plan::{Endpoint, Mechanism, Method, Resolver, SecretSource, TlsMode, What};

/// The sample with its secrets in a folder of the test's own.
fn sample(dir: &Path) -> String {
    for name in ["fleet-key", "alice", "bob"] {
        std::fs::write(dir.join(name), format!("{name}-0123456789abcdef\n")).unwrap();
    }
    let text = include_str!("../../mailprobe.sample.yaml");
    text.replace("/run/secrets/mailprobe", &dir.display().to_string())
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn load_files(paths: &[PathBuf], env: &[(&str, &str)]) -> Plan {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    load(paths, &env).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_sample_is_a_plan() {
    let dir = tempfile::tempdir().unwrap();
    let plan = load_str("sample.yaml", &sample(dir.path())).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(&*plan.site, "lisbon");
    let names: Vec<_> = plan.checks.iter().map(|check| &*check.name).collect();
    assert_eq!(names, ["endpoint-hq", "login-alice", "login-bob", "roundtrip-alice-bob-smtp"]);
    let alice = &plan.mailboxes["alice"];
    assert_eq!(&*alice.address, "probe-lisbon-a@example.com");
    assert_eq!(alice.auth.username, alice.address);
    assert_eq!(alice.auth.method, Method::Password(SecretSource::File(dir.path().join("alice"))));
    assert_eq!(alice.auth.mechanisms, [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256]);
    let imap =
        Endpoint { host: "mail.example.com".into(), port: 993, tls: TlsMode::Implicit, path: "".into() };
    assert_eq!(alice.mail_service.endpoints[&Protocol::Imap], imap);
    assert_eq!(plan.fleet_keys.sign.expose(), "fleet-key-0123456789abcdef");
    assert!(plan.files.contains(&dir.path().join("bob")));
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    let lanes: Vec<_> = plan.checks.iter().flat_map(|check| lanes::lanes(check)).collect();
    assert_eq!(lanes.len(), 12);
    let view = lanes.iter().find(|lane| lane.role == Role::View).unwrap();
    assert_eq!((&*view.mailbox, view.send), ("bob", Some(Protocol::Smtp)));
    assert_eq!(view.judged_within.as_secs(), 30);
}

#[test]
fn later_layers_win_and_null_removes() {
    let dir = tempfile::tempdir().unwrap();
    let first = write(dir.path(), "1.yaml", &sample(dir.path()));
    let folder = dir.path().join("more.d");
    std::fs::create_dir(&folder).unwrap();
    write(
        &folder,
        "a.toml",
        "[mail_services.hq]\nhost = \"mx.example\"\n[[checks]]\n[checks.login]\nmailbox = \"alice\"\nevery = \"5m\"\n",
    );
    write(&folder, "b.json", r#"{"checks": {"login-bob": null}, "mail_services": {"hq": {"pop3": null}}}"#);
    write(
        &folder,
        "c.yaml",
        "checks:\n  roundtrip-alice-bob-smtp: { roundtrip: { views: imap } }\n  login-alice: { login: { protocols: [imap] } }\n",
    );
    write(&folder, "d.txt", "not read");
    let env = [("MAILPROBE__LOG__LEVEL", "debug"), ("MAILPROBE__CHECKS__ENDPOINT_HQ__ENDPOINT__EVERY", "2m")];
    let plan = load_files(&[first, folder], &env);
    let names: Vec<_> = plan.checks.iter().map(|check| &*check.name).collect();
    assert_eq!(names, ["endpoint-hq", "login-alice", "roundtrip-alice-bob-smtp"]);
    assert_eq!(plan.checks[0].every.as_secs(), 120);
    assert_eq!(plan.checks[1].every.as_secs(), 300);
    assert_eq!(plan.log.level, plan::LogLevel::Debug);
    let hq = &plan.mail_services["hq"];
    assert_eq!(&*hq.endpoints[&Protocol::Imap].host, "mx.example");
    assert!(!hq.endpoints.contains_key(&Protocol::Pop3));
}

#[test]
fn a_url_is_an_endpoint_where_a_request_can_carry_it() {
    let cases = [
        ("https://a.example", Some("https://a.example/")),
        ("HTTPS://a.example:8443?x=%20#y", Some("https://a.example:8443/?x=%20")),
        ("http://[::1]:80/a", Some("http://[::1]/a")),
        ("https://a.example/<b>", None),
        ("https://a.example/b c", None),
        ("https://a.example/\u{fc}", None),
        ("https://me@a.example/", None),
        ("ftp://a.example/", None),
        ("https://:443/", None),
    ];
    for (text, expected) in cases {
        assert_eq!(Endpoint::of_url(text).map(|it| it.url()).as_deref(), expected, "{text}");
    }
}

#[test]
fn every_form_of_a_mail_service_is_taken() {
    let text = "version: 1\nsite: a\nmail_services:\n  m: { preset: microsoft365, ews: {} }\n  x:\n    preset: exchange\n    \
                host: x.example\n    imap: { tls: starttls, address: '[2001:db8::1]:1143' }\n    mapi: {}\n    \
                owa: { url: 'https://x.example:8443/mail/?a' }\n    resolver: { servers: [10.1.0.1] }\n    tls: { min_version: 1.3 }\n    \
                proxy: { url: 'http://p.example:3128', no_proxy: [.example] }\n\
                checks:\n- endpoint: { mail_service: x, name: front }\n- name: m\n  endpoint: { mail_service: m }\n";
    let plan = load_str("t.yaml", text).unwrap_or_else(|problems| panic!("{problems}"));
    let x = &plan.mail_services["x"];
    let imap = Endpoint { host: "2001:db8::1".into(), port: 1143, tls: TlsMode::Starttls, path: "".into() };
    assert_eq!(x.endpoints[&Protocol::Imap], imap);
    let url = |protocol| x.endpoints[&protocol].url();
    assert_eq!(url(Protocol::Ews), "https://x.example/EWS/Exchange.asmx");
    assert_eq!(url(Protocol::Owa), "https://x.example:8443/mail/?a");
    assert_eq!(x.resolver, Resolver::Servers(vec!["10.1.0.1".parse().unwrap()]));
    assert!(x.tls.min_tls13);
    assert!(x.discovered.is_empty());
    assert_eq!(plan.mail_services["m"].discovered, [Protocol::Ews].into());
    let names: Vec<_> = plan.checks.iter().map(|check| &*check.name).collect();
    assert_eq!(names, ["front", "m"]);
    let What::Endpoint { protocols, .. } = &plan.checks[1].what else { panic!() };
    assert_eq!(protocols, &[Protocol::Smtp, Protocol::Imap]);
}

#[test]
fn fingerprints_follow_what_an_item_refers_to() {
    let dir = tempfile::tempdir().unwrap();
    let text = sample(dir.path());
    let load = |text: &str| load_str("sample.yaml", text).unwrap();
    let (before, again) = (load(&text), load(&text));
    let prints = |plan: &Plan| plan.checks.iter().map(|check| check.fingerprint).collect::<Vec<_>>();
    assert_eq!(prints(&before), prints(&again));
    let after = load(&text.replace("probe-${site}-b", "other"));
    let changed: Vec<_> =
        prints(&before).iter().zip(prints(&after)).map(|(before, after)| *before != after).collect();
    // endpoint-hq, login-alice, login-bob, roundtrip-alice-bob-smtp
    assert_eq!(changed, [false, false, true, true]);
}

#[test]
fn the_sample_makes_at_most_1500_series() {
    let dir = tempfile::tempdir().unwrap();
    let plan = load_str("sample.yaml", &sample(dir.path())).unwrap();
    let count = series::of_plan(&plan);
    assert!((300..=1500).contains(&count), "{count}");
    // The parts are not less than the whole: what they share is counted once in it.
    let parts: usize = plan.checks.iter().map(|check| series::of_lanes(&lanes::lanes(check))).sum();
    assert!(
        parts
            > series::of_lanes(&plan.checks.iter().flat_map(|check| lanes::lanes(check)).collect::<Vec<_>>())
    );
}

#[cfg(feature = "kerberos")]
#[test]
fn kerberos_takes_a_password_or_the_keytab_of_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(at("keys"), [5, 2, 1]).unwrap();
    write(dir.path(), "word", "0123456789abcdef");
    let mailbox = |name: &str, proof: &str| {
        format!(
            "  {name}: {{ mail_service: x, address: {name}@x.example, auth: {{ method: kerberos, username: {name}@X.EXAMPLE, \
             {proof} }} }}\n"
        )
    };
    let text = format!(
        "version: 1\nsite: a\nfleet_keys: {{ sign: {word} }}\nmail_services:\n  x: {{ preset: exchange, host: x.example }}\n\
         mailboxes:\n{}{}{}checks:\n  - login: {{ mailbox: alice, protocols: [ews, owa] }}\n",
        mailbox("alice", "keytab_file: keys"),
        mailbox("bob", "keytab_file: keys"),
        mailbox("carol", "password_file: word"),
        word = at("word"),
    );
    let path = write(dir.path(), "t.yaml", &text);
    let keytab = format!("FILE:{}", at("keys"));
    let plan = load_files(std::slice::from_ref(&path), &[("KRB5_CLIENT_KTNAME", &keytab)]);
    let methods: Vec<_> = plan.mailboxes.values().map(|mailbox| mailbox.auth.method.clone()).collect();
    let word = Method::Password(SecretSource::File(at("word").into()));
    assert_eq!(methods, [Method::Keytab(at("keys").into()), Method::Keytab(at("keys").into()), word]);
    assert!(plan.mailboxes.values().all(|mailbox| mailbox.auth.words() == ("kerberos", "")));
    assert!(plan.files.contains(&at("keys").into()), "a changed keytab is noticed");
    let warned = |plan: &Plan| plan.warnings.iter().filter(|text| text.contains("KRB5CCNAME")).count();
    assert_eq!(warned(&plan), 1, "{:?}", plan.warnings);
    for (cache, expected) in [("DIR:/x", 0), ("KCM:", 0), ("FILE:/x", 1), ("/x", 1), ("MEMORY:", 1)] {
        let plan = load_files(
            std::slice::from_ref(&path),
            &[("KRB5_CLIENT_KTNAME", &keytab), ("KRB5CCNAME", cache)],
        );
        assert_eq!(warned(&plan), expected, "{cache}");
    }
}

#[test]
fn what_is_worth_a_second_look_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let key = write(dir.path(), "key", "0123456789abcdef");
    let text = format!(
        "version: 1\nsite: a\nfleet_keys: {{ sign: {} }}\nmail_services:\n  x:\n    host: x.example\n    imap: null\n    \
         pop3: {{ tls: none }}\n    mapi: {{}}\n  y: {{ host: y.example }}\nmailboxes:\n  alice:\n    mail_service: x\n    \
         address: HealthMailbox42@x.example\n    auth: {{ method: password, password: hunter2 }}\n  bob:\n    \
         mail_service: y\n    address: b@y.example\n    auth: {{ method: oauth2, flow: token_file, token_file: {} }}\n\
         checks:\n  - roundtrip: {{ from: alice, to: bob, send: smtp, views: imap }}\n",
        key.display(),
        key.display()
    );
    let plan = load_str("t.yaml", &text).unwrap_or_else(|problems| panic!("{problems}"));
    let expected = [
        "t.yaml:8: mail_services.x.pop3.tls: without TLS",
        "t.yaml:15: mailboxes.alice.auth.password: a password in the configuration",
        "t.yaml:14: mailboxes.alice.address: Exchange makes, renames and deletes HealthMailboxes",
        "t.yaml:5: mail_services.x: classic protocols without a control protocol",
        "t.yaml:12: mailboxes.alice: its round trips and meetings with another mail service want 1440 messages a day",
    ];
    assert_eq!(plan.warnings.len(), expected.len(), "{:#?}", plan.warnings);
    for (warning, expected) in plan.warnings.iter().zip(expected) {
        assert!(warning.starts_with(expected), "{warning}");
        assert!(!warning.contains("hunter2"), "{warning}");
    }
    assert!(!format!("{plan:?}").contains("hunter2"));
    assert_eq!(plan.mailboxes["bob"].auth.mechanisms, [Mechanism::Oauthbearer, Mechanism::Xoauth2]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(
        edits in proptest::collection::vec((0usize..60, 0usize..40, "[-a-z0-9:{}\\[\\]\"'#&*!|>$ \n]{0,6}"), 0..6)
    ) {
        let mut lines: Vec<String> =
            include_str!("../../mailprobe.sample.yaml").lines().map(str::to_owned).collect();
        for (line, column, text) in edits {
            let count = lines.len();
            let line = &mut lines[line % count];
            let at = line.char_indices().map(|(at, _)| at).nth(column).unwrap_or(line.len());
            line.insert_str(at, &text);
        }
        load_str("t.yaml", &lines.join("\n")).ok();
    }
}
