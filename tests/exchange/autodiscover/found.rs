//! URLs that the configuration leaves out: each mailbox's own, found when first needed, kept, and found anew.

use std::sync::{Arc, Mutex, PoisonError};

use mailprobe_tests::{
    Asked, Ca, Flaw, Metrics, NameServer, PASSWORD, Record, Reply, Scene, WebScript, loopback, secs,
};

use super::answers::{PIECE, settings_at, signed_in, status};
use crate::cases::good;

/// Hosts below `lab.test`, all on one server.
struct Site {
    names: NameServer,
    ca: Ca,
    secure: WebScript,
    _plain: WebScript,
}

impl Site {
    fn start(hosts: &[&str], answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let (address, ca) = (loopback(), Ca::new("a CA of this test"));
        let hosts: Vec<_> = hosts.iter().map(|host| format!("{host}.lab.test")).collect();
        let known = hosts.iter().map(|host| (host.clone(), Record::Host(address))).collect();
        let tls = ca.server_for(&hosts, Flaw::None);
        Self {
            names: NameServer::start(known),
            secure: WebScript::start_at((address, 443).into(), Some(tls), answer),
            _plain: WebScript::start_at((address, 80).into(), None, |_| status(404, "")),
            ca,
        }
    }

    /// A mail service whose URLs are left out.
    fn mail_service(&self, scene: &mut Scene, name: &str) {
        let ca = self.ca.write(scene.folder());
        let tls = format!("tls: {{ ca_file: \"{}\" }}", ca.display());
        let resolver = format!("resolver: {{ servers: [{}] }}", self.names.address());
        scene.mail_service(name, &format!("ews: {{}}, owa: {{}}, {tls}, {resolver}"));
    }

    /// The hosts where that mailbox's credential went, below `path`.
    fn signed(&self, user: &str, path: &str) -> Vec<String> {
        let asked = self.secure.asked().into_iter();
        let of = asked.filter(|asked| asked.path.to_ascii_lowercase().starts_with(path));
        let signed = of.filter(|asked| is_of(asked, user) && !asked.header("authorization").is_empty());
        signed.map(|asked| asked.header("host").trim_end_matches(".lab.test").to_owned()).collect()
    }
}

fn is_of(asked: &Asked, user: &str) -> bool {
    asked.header("x-anchormailbox").starts_with(&format!("{user}@"))
}

fn is_search(asked: &Asked) -> bool {
    asked.path.to_ascii_lowercase().starts_with("/autodiscover/")
}

fn ews_at(host: &str) -> Reply {
    settings_at(&format!("https://{host}.lab.test/EWS/Exchange.asmx"))
}

fn success(metrics: &Metrics, check: &str) -> Option<f64> {
    metrics.value("mailprobe_check_success", &[("check", check)])
}

fn is_failing(metrics: &Metrics, check: &str, reason: &str, step: &str) -> bool {
    let why = [("check", check), ("reason", reason), ("step", step)];
    metrics.value("mailprobe_check_failing", &why) == Some(1.0)
}

fn runs(metrics: &Metrics, check: &str) -> f64 {
    metrics.sum("mailprobe_check_runs_total", &[("check", check)])
}

/// Where alice is served, what is told of that, and what other hosts answer her.
#[derive(Clone)]
struct Alice {
    is_at: &'static str,
    told: &'static str,
    elsewhere: u16,
}

#[test]
fn each_mailbox_is_followed_to_where_it_is_served() {
    let alice = Arc::new(Mutex::new(Alice { is_at: "a", told: "a", elsewhere: 404 }));
    let now = Arc::clone(&alice);
    let site = Site::start(&["autodiscover", "a", "b", "c", "d"], move |asked| {
        let alice = now.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (is_at, told) = if is_of(asked, "alice") { (alice.is_at, alice.told) } else { ("b", "b") };
        signed_in(asked, || match asked.header("host").strip_suffix(".lab.test") {
            Some("autodiscover") => ews_at(told),
            Some(host) if host == is_at => good(asked),
            _ => status(alice.elsewhere, &format!("location: https://{is_at}.lab.test/EWS/Exchange.asmx")),
        })
    });
    let mut scene = Scene::new();
    site.mail_service(&mut scene, "hq");
    for user in ["alice", "bob"] {
        // The domain itself is not there.
        scene.mailbox(user, "hq", &format!("{user}@lab.test"));
        scene.check(&format!(
            "login: {{ name: {user}, mailbox: {user}, protocols: [ews], every: 2s, timeout: 2s }}"
        ));
    }
    let probe = scene.start();
    let metrics = probe.wait_until("both are served thrice", secs(20), |metrics| {
        ["alice", "bob"].iter().all(|user| runs(metrics, user) >= 3.0 && success(metrics, user) == Some(1.0))
    });
    assert_eq!(site.signed("alice", "/autodiscover/"), ["autodiscover"], "it is asked once, and kept");
    assert_eq!(site.signed("bob", "/autodiscover/"), ["autodiscover"]);
    assert!(site.signed("alice", "/ews/").iter().all(|host| host == "a"));
    assert!(site.signed("bob", "/ews/").iter().all(|host| host == "b"));
    let timed = |step| metrics.has("mailprobe_step_duration_seconds", &[("check", "alice"), ("step", step)]);
    assert!(timed("connect") && timed("tls") && timed("auth"), "{metrics:?}");
    assert!(!timed("autodiscover") && !timed("autodiscover_host"), "{metrics:?}");
    for (to, elsewhere) in [("c", 302), ("d", 404)] {
        *alice.lock().unwrap_or_else(PoisonError::into_inner) = Alice { is_at: to, told: to, elsewhere };
        probe.wait_until("she is followed", secs(10), |_| {
            site.signed("alice", "/ews/").iter().any(|host| host == to)
        });
    }
    let metrics =
        probe.wait_until("one more run", secs(10), |metrics| success(metrics, "alice") == Some(1.0));
    assert_eq!(metrics.sum("mailprobe_check_failures_total", &[]), 0.0, "in the same run\n{}", probe.log());
    assert_eq!(site.signed("alice", "/autodiscover/").len(), 3);
    // What is told is stale.
    *alice.lock().unwrap_or_else(PoisonError::into_inner) = Alice { is_at: "a", told: "d", elsewhere: 302 };
    probe.wait_until("that is told", secs(10), |metrics| {
        is_failing(metrics, "alice", "mailbox_moved", "auth")
    });
    assert!(probe.log().contains("https://a.lab.test/EWS/Exchange.asmx"), "{}", probe.log());
    *alice.lock().unwrap_or_else(PoisonError::into_inner) = Alice { is_at: "a", told: "a", elsewhere: 302 };
    probe.wait_until("she is found again", secs(10), |metrics| success(metrics, "alice") == Some(1.0));
    assert_eq!(success(&probe.metrics(), "bob"), Some(1.0));
}

#[test]
fn one_refusal_is_one_whoever_needed_a_url() {
    let site = Site::start(&["autodiscover", "mail"], |asked| {
        if is_search(asked) { status(401, "www-authenticate: Basic realm=\"x\"") } else { good(asked) }
    });
    let mut scene = Scene::new();
    site.mail_service(&mut scene, "hq");
    scene.mailbox("alice", "hq", "alice@lab.test");
    for name in ["one", "two"] {
        scene.check(&format!(
            "login: {{ name: {name}, mailbox: alice, protocols: [ews, owa], every: 2s, timeout: 2s }}"
        ));
    }
    let probe = scene.start();
    let refused = |log: &str, protocol: &str| {
        let words =
            [" reason=credentials_rejected ", " step=autodiscover ", &format!(" protocol={protocol} ")];
        log.lines().any(|line| words.iter().all(|words| line.contains(words)))
    };
    probe.wait_until("it is told of both", secs(20), |_| {
        let log = probe.log();
        refused(&log, "ews") && refused(&log, "owa")
    });
    probe.holds_for("the credential is left alone", secs(6), |_| site.signed("alice", "/").len() == 1);
    let log = probe.log();
    assert!(log.contains("Autodiscover at auth: 401 to the sign-in by Basic"), "{log}");
    assert!(site.secure.asked().iter().all(is_search), "nobody was asked for mail");
    assert!(!log.contains(PASSWORD), "{log}");
}

#[test]
fn what_cannot_be_found_is_told_and_no_credential_goes_over_http() {
    let cases = [
        ("nobody", "nobody answers for nobody.test"),
        ("plain", "tells for ews what is no https URL: http://mail.lab.test/EWS/Exchange.asmx"),
        ("silent", "https://autodiscover.lab.test/autodiscover/autodiscover.xml tells no URL of ews"),
    ];
    let site = Site::start(&["autodiscover", "mail"], |asked| {
        signed_in(asked, || match is_of(asked, "plain") {
            true => settings_at("http://mail.lab.test/EWS/Exchange.asmx"),
            false => settings_at(""),
        })
    });
    let mut scene = Scene::new();
    site.mail_service(&mut scene, "hq");
    for (name, _) in cases {
        let domain = if name == "nobody" { "nobody.test" } else { "lab.test" };
        scene.mailbox(name, "hq", &format!("{name}@{domain}"));
        scene.check(&format!(
            "login: {{ name: {name}, mailbox: {name}, protocols: [ews], every: 24h, timeout: 20s }}"
        ));
    }
    let probe = scene.start();
    for (name, words) in cases {
        probe.wait_until(name, secs(30), |metrics| {
            is_failing(metrics, name, "endpoint_not_found", "autodiscover")
        });
        let log = probe.log();
        let told = log.lines().any(|line| line.contains(&format!(" check={name} ")) && line.contains(words));
        assert!(told, "{name}: {words}\n{log}");
    }
    assert_eq!(site.signed("plain", "/ews/"), [""; 0]);
}

/// The domain's own web site hangs for longer than a run may take.
#[test]
fn a_search_outlives_the_run_that_began_it() {
    let site = Site::start(&["slow", "autodiscover.slow", "mail"], |asked| {
        if asked.header("host") == "slow.lab.test" {
            return Reply::Stall;
        }
        signed_in(asked, || if is_search(asked) { ews_at("mail") } else { good(asked) })
    });
    let mut scene = Scene::new();
    site.mail_service(&mut scene, "hq");
    scene.mailbox("alice", "hq", "alice@slow.lab.test");
    scene.check("login: { name: in, mailbox: alice, protocols: [ews], every: 4s, timeout: 4s }");
    let probe = scene.start();
    probe.wait_until("the first run is over", secs(20), |metrics| {
        is_failing(metrics, "in", "server_timeout", "autodiscover")
    });
    probe.wait_until("a later one finds it done", secs(20), |metrics| success(metrics, "in") == Some(1.0));
    assert_eq!(site.signed("alice", "/autodiscover/").len(), 1);
}

/// No answer of Autodiscover does more harm than its own time.
#[test]
fn after_every_bad_answer_the_next_search_is_well() {
    type Bad = fn(&Asked) -> Reply;
    let answers: &[(&str, Bad)] = &[
        ("server_unavailable", |_| status(503, "")),
        ("server_timeout", |_| Reply::Stall),
        ("connection_dropped", |_| Reply::Bytes(Vec::new())),
        ("protocol_violation", |_| Reply::Bytes(b"* OK IMAP4rev1 ready\r\n".to_vec())),
        ("protocol_violation", |_| Reply::Endless(PIECE)),
        ("endpoint_not_found", |asked| {
            status(302, &format!("location: https://autodiscover.lab.test{}", asked.path))
        }),
    ];
    let bad: Arc<Mutex<Option<Bad>>> = Arc::default();
    let now = Arc::clone(&bad);
    let site = Site::start(&["autodiscover"], move |asked| {
        let bad = *now.lock().unwrap_or_else(PoisonError::into_inner);
        bad.map_or_else(|| signed_in(asked, || ews_at("mail")), |bad| bad(asked))
    });
    let mut scene = Scene::new();
    site.mail_service(&mut scene, "hq");
    scene.mailbox("alice", "hq", "alice@lab.test");
    scene.check("autodiscover: { name: find, mailbox: alice, every: 3s, timeout: 3s }");
    let probe = scene.start();
    let well = |metrics: &Metrics| success(metrics, "find") == Some(1.0);
    probe.wait_until("it is well", secs(20), well);
    for (reason, answer) in answers {
        *bad.lock().unwrap_or_else(PoisonError::into_inner) = Some(*answer);
        probe.wait_until(reason, secs(20), |metrics| {
            metrics.value("mailprobe_check_failing", &[("check", "find"), ("reason", reason)]) == Some(1.0)
        });
        *bad.lock().unwrap_or_else(PoisonError::into_inner) = None;
        probe.wait_until(&format!("after {reason} it is well"), secs(60), well);
    }
    let most = crate::most_memory(&probe);
    assert!(most < crate::MOST_MEMORY, "{most} kB");
}
