//! A site for each sort of trouble: an embedded mail service that has it, and a probe that sees it.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use mailprobe_sandbox::{Fault, Listener, Protocol};
use mailprobe_tests::{
    Metrics, NameServer, PASSWORD, Probe, Record, Reply, Scene, Service, WebScript, free_port, loopback,
    secs, wait_until,
};

/// Who looks names up at every site: what the runbooks ask with dig.
pub(crate) fn name_server() -> NameServer {
    NameServer::start(BTreeMap::from([("localhost".to_owned(), Record::Host([127, 0, 0, 1].into()))]))
}

/// One row: what is wrong, what is watched, and the series that tells it.
pub(crate) struct Trouble {
    pub(crate) site: &'static str,
    /// Protocol and fault, as the sandbox names them.
    faults: &'static [(&'static str, &'static str)],
    checks: &'static [&'static str],
    /// Changes the mail service's body, or the rest.
    body: fn(&mut Scene, String) -> String,
    told: (&'static str, &'static [(&'static str, &'static str)]),
    /// What is done when the probe runs.
    then: fn(&mut Site),
}

const TRIP: &str = "roundtrip: { from: alice, to: bob, send: smtp, views: [imap, ews], every: 1s, late_after: 500ms, lost_after: 1s }";
const LOGIN: &str = "login: { mailbox: alice, protocols: [imap, pop3, smtp, ews, owa, caldav], every: 1s }";
const ENDPOINT: &str = "endpoint: { mail_service: hq, every: 1s }";
const CALENDAR: &str = "calendar: { mailbox: alice, write: ews, views: [ews, caldav], every: 2s }";
const EVERY_KIND: &[&str] = &[
    TRIP,
    LOGIN,
    ENDPOINT,
    CALENDAR,
    "meeting: { organizer: alice, attendee: bob, protocol: ews, every: 2s }",
    "free_busy: { mailbox: alice, of: bob, protocol: ews, every: 2s }",
    "directory: { mailbox: alice, of: bob, protocols: [ews], every: 2s }",
    "autodiscover: { mailbox: alice, every: 2s }",
];

const fn failing(
    site: &'static str,
    faults: &'static [(&'static str, &'static str)],
    checks: &'static [&'static str],
    reason: &'static [(&'static str, &'static str)],
) -> Trouble {
    Trouble {
        site,
        faults,
        checks,
        body: |_, body| body,
        told: ("mailprobe_check_failing", reason),
        then: |_| {},
    }
}

/// Every site there is.
pub(crate) const TROUBLES: &[Trouble] = &[
    Trouble {
        told: ("mailprobe_check_success", &[("kind", "meeting")]),
        ..failing("well", &[], EVERY_KIND, &[])
    },
    failing("outage", &[("smtp", "stall"), ("ews", "stall")], EVERY_KIND, &[("kind", "meeting")]),
    failing("down", ALL_REFUSE, &[TRIP, LOGIN, ENDPOINT], &[("protocol", "owa")]),
    failing("refused", ALL_REJECT, &[TRIP, LOGIN], &[("reason", "credential_paused")]),
    Trouble {
        told: ("mailprobe_messages_lost_total", &[("protocol", "imap")]),
        ..failing("losing", &[("smtp", "lose")], &[TRIP], &[])
    },
    failing("doubling", &[("smtp", "double")], &[TRIP], &[("reason", "message_duplicated")]),
    failing("damaging", &[("smtp", "corrupt")], &[TRIP], &[("reason", "message_corrupted")]),
    failing("junking", &[("smtp", "junk")], &[TRIP], &[("reason", "message_junked")]),
    failing("bouncing", &[("smtp", "bounce")], &[TRIP], &[("reason", "message_bounced")]),
    failing(
        "stale",
        &[("imap", "stale"), ("caldav", "stale")],
        &[TRIP, CALENDAR],
        &[("reason", "calendar_stale")],
    ),
    failing("shifting", &[("ews", "shift-hour")], &[CALENDAR], &[("reason", "calendar_shifted")]),
    failing("uninvited", &[("ews", "lose-invitation")], EVERY_KIND, &[("kind", "meeting")]),
    Trouble {
        told: ("mailprobe_cleanup_failures_total", &[("protocol", "imap")]),
        ..failing("undeleting", &[("imap", "no-delete")], &[TRIP], &[])
    },
    Trouble {
        told: ("mailprobe_session_ends_total", &[("planned", "false"), ("protocol", "imap")]),
        then: |site| site.cut("imap"),
        ..failing("flapping", &[], &[TRIP], &[])
    },
    failing("crowded", &[("imap", "too-many-sessions")], &[TRIP, LOGIN], &[("reason", "too_many_sessions")]),
    failing("expired", &[("imap", "expired-certificate")], &[ENDPOINT], &[("reason", "certificate_expired")]),
    Trouble { body: far, ..failing("cut", &[], &[LOGIN], &[("reason", "dns_failed")]) },
    Trouble { body: astray, ..failing("astray", &[], &[LOGIN], &[("reason", "dns_failed")]) },
    Trouble { body: inspected, ..failing("inspected", &[], &[LOGIN], &[("reason", "tls_intercepted")]) },
    Trouble { body: blocked, ..failing("blocked", &[], EWS_ALONE, &[("reason", "blocked_by_policy")]) },
    Trouble { body: moved, ..failing("moved", &[], EWS_ALONE, &[("reason", "mailbox_moved")]) },
    Trouble {
        body: elsewhere,
        ..failing(
            "elsewhere",
            &[],
            &["autodiscover: { mailbox: alice, every: 2s }"],
            &[("reason", "endpoint_not_found")],
        )
    },
    Trouble {
        body: limited,
        told: ("mailprobe_checks_skipped_total", &[("why", "limited"), ("role", "send")]),
        ..failing("limited", &[], &[TRIP], &[])
    },
    Trouble {
        then: |site| std::fs::remove_file(site.scene.folder().join("password")).expect("it was there"),
        ..failing("secretless", &[], &[LOGIN], &[("reason", "secret_missing")])
    },
    Trouble {
        told: ("mailprobe_config_last_reload_successful", &[]),
        then: |site| site.misread(),
        ..failing("misread", &[], &[LOGIN], &[])
    },
    Trouble {
        told: ("mailprobe_rival_probe", &[("mailbox", "bob")]),
        then: |site| {
            let rival = site.scene.start();
            site.kept.push(Box::new(rival));
        },
        ..failing("crossed", &[], &[TRIP], &[])
    },
    Trouble {
        told: ("mailprobe_check_success", &[("kind", "login")]),
        ..failing("gone", &[], &[LOGIN], &[])
    },
];

const EWS_ALONE: &[&str] = &["login: { mailbox: alice, protocols: [ews], every: 1s }"];
const ALL_REFUSE: &[(&str, &str)] = &[
    ("smtp", "refuse"),
    ("imap", "refuse"),
    ("pop3", "refuse"),
    ("ews", "refuse"),
    ("owa", "refuse"),
    ("caldav", "refuse"),
];
const ALL_REJECT: &[(&str, &str)] = &[
    ("smtp", "reject-sign-in"),
    ("imap", "reject-sign-in"),
    ("pop3", "reject-sign-in"),
    ("ews", "reject-sign-in"),
    ("owa", "reject-sign-in"),
    ("caldav", "reject-sign-in"),
];

/// Names that nobody answers for, and a reference target that is down too.
fn far(scene: &mut Scene, body: String) -> String {
    scene.top(&format!("reference: {{ dns: \"tcp://127.0.0.1:{}\" }}", free_port()));
    nameless(&body)
}

/// The same, where what is not mail answers.
fn astray(scene: &mut Scene, body: String) -> String {
    // The web mail's own port: any answer counts as up.
    let url = body.split("url: \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a URL");
    scene.top(&format!("reference: {{ web: \"{}\" }}", url.replace("https:", "http:")));
    nameless(&body)
}

fn nameless(body: &str) -> String {
    let named = body.replace("127.0.0.1", "mail.far.test").replace("//localhost", "//mail.far.test");
    named.replace("resolver: system", &format!("resolver: {{ servers: {} }}", loopback()))
}

fn inspected(_: &mut Scene, body: String) -> String {
    body.replace("ca_file:", "expected_issuers: [Example Trust], ca_file:")
}

fn blocked(scene: &mut Scene, _: String) -> String {
    web(scene, |_| {
        let fault =
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body/></s:Envelope>";
        Reply::Whole(
            403,
            "content-type: text/xml\r\nx-ms-diagnostics: EWS is disabled".to_owned(),
            fault.to_owned(),
        )
    })
}

fn moved(scene: &mut Scene, _: String) -> String {
    web(scene, |_| {
        let to = "location: https://mail.elsewhere.test/EWS/Exchange.asmx";
        Reply::Whole(302, to.to_owned(), String::new())
    })
}

fn web(_: &mut Scene, answer: fn(&mailprobe_tests::Asked) -> Reply) -> String {
    let server = WebScript::start(answer);
    let body = format!("ews: {{ url: \"http://{}/EWS/Exchange.asmx\" }}", server.address());
    // To the end of the test.
    std::mem::forget(server);
    body
}

fn elsewhere(_: &mut Scene, body: String) -> String {
    body.replace("/EWS/Exchange.asmx", "/elsewhere/Exchange.asmx")
}

fn limited(scene: &mut Scene, body: String) -> String {
    scene.top("limits: { messages_per_day: 1 }");
    body
}

/// A site that has its trouble.
pub(crate) struct Site {
    pub(crate) name: &'static str,
    /// That is told there.
    pub(crate) reason: &'static str,
    service: Service,
    scene: Scene,
    probe: Option<Probe>,
    /// Of the probe, also when it is gone.
    pub(crate) address: SocketAddr,
    log: String,
    kept: Vec<Box<dyn Any + Send>>,
}

impl Site {
    /// Starts it; what is wrong shows a while later.
    pub(crate) fn start(of: &Trouble) -> Self {
        let reason = of.told.1.iter().find(|(label, _)| *label == "reason");
        let service = Service::start();
        let mut scene = Scene::of_site(of.site);
        scene.top("max_sessions: 9");
        let body = service.calendar_body(&scene);
        let body = (of.body)(&mut scene, body);
        scene.mail_service("hq", &body);
        let file = scene.file("password", PASSWORD);
        for user in ["alice", "bob"] {
            let auth = format!("method: password, username: {user}, password_file: \"{file}\"");
            scene.mailbox_by(user, "hq", &format!("{user}@sandbox.test"), &auth, "");
        }
        of.checks.iter().for_each(|check| scene.check(check));
        for (protocol, fault) in of.faults {
            let protocol = Protocol::parse(protocol).expect("a protocol of the sandbox's");
            service.fault(protocol, Some(Fault::parse(fault).expect("a fault of the sandbox's")));
        }
        scene.file("ca.pem", &service.sandbox().ca_pem());
        let probe = scene.start();
        let address = probe.address();
        let mut site = Self {
            name: of.site,
            reason: reason.map_or("server_timeout", |(_, reason)| reason),
            service,
            scene,
            probe: Some(probe),
            address,
            log: String::new(),
            kept: Vec::new(),
        };
        // Where a command without --address finds it.
        let yaml = site.scene.yaml().replace("listen: 127.0.0.1:0", &format!("listen: {address}"));
        site.scene.file("mailprobe.yaml", &yaml);
        site.scene.file("other.yaml", &yaml.replace(&format!("site: {}", of.site), "site: other"));
        (of.then)(&mut site);
        site
    }

    /// Waits until the trouble is told.
    pub(crate) fn is_told(&mut self, of: &Trouble) {
        let probe = self.probe.as_ref().expect("it runs");
        let (name, labels) = of.told;
        // A reload that failed is a zero.
        let holds = |metrics: &Metrics| match labels.is_empty() {
            true => metrics.has(name, labels) && metrics.sum(name, labels) == 0.0,
            false => metrics.sum(name, labels) >= 1.0,
        };
        probe.wait_until(&format!("{}: {name} {labels:?}", of.site), secs(40), holds);
        if of.site == "gone" {
            self.log = probe.log();
            self.probe = None;
        }
    }

    /// Sessions that are up are cut, and new ones too.
    fn cut(&mut self, protocol: &str) {
        let probe = self.probe.as_ref().expect("it runs");
        probe.wait_until("a session is up", secs(20), |metrics| {
            metrics.sum("mailprobe_session_up", &[("protocol", protocol)]) >= 1.0
        });
        self.service.fault(Protocol::parse(protocol).expect("a protocol of the sandbox's"), Some(Fault::Cut));
    }

    /// The probe is told of a file that it refuses.
    fn misread(&mut self) {
        let probe = self.probe.as_ref().expect("it runs");
        let broken = self.scene.yaml().replace("protocols: [imap", "protocols: [gopher, imap");
        for file in [probe.folder().join("mailprobe.yaml"), self.scene.folder().join("mailprobe.yaml")] {
            std::fs::write(file, &broken).expect("the file is written");
        }
        probe.hup();
        wait_until("it is refused", secs(20), || probe.log().contains("the configuration was refused"));
    }

    /// A file with all that the probe has logged so far.
    pub(crate) fn log(&self) -> PathBuf {
        let log = self.probe.as_ref().map_or_else(|| self.log.clone(), Probe::log);
        PathBuf::from(self.scene.file("mailprobe.log", &log))
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.scene.folder().join(name).display().to_string()
    }

    /// Where the mail service listens for a protocol, from the first byte by TLS.
    pub(crate) fn port(&self, protocol: &str) -> u16 {
        let listener = match protocol {
            "smtp" => Listener::Submissions,
            "imap" => Listener::Imaps,
            "pop3" => Listener::Pop3s,
            _ => Listener::Https,
        };
        self.service.sandbox().address(listener).port()
    }
}
