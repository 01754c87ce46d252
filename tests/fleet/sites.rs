//! Three sites, each with a part of the mail service `hq` of its own, and what watches them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mailprobe_sandbox::{Fault, Protocol};
use mailprobe_tests::{
    NameServer, PASSWORD, Probe, Record, Reply, Scene, Service, WebScript, get, secs, wait_until,
};
use tokio::time::Instant;

use super::watch::{Heard, Watch};

pub const SITES: &[&str] = &["lisbon", "porto", "braga"];
/// Mailboxes of a site that are only signed in to.
const USERS: usize = 9;

struct Site {
    name: &'static str,
    service: Service,
    names: NameServer,
    /// What is not mail; nobody listens there when the site is cut off.
    reference: Option<TcpListener>,
    probe: Probe,
    /// The way on which the probe is scraped, and whether it is cut.
    scraped: WebScript,
    hidden: Arc<AtomicBool>,
    _scene: Scene,
}

pub struct Fleet {
    sites: Vec<Site>,
    watch: Watch,
}

impl Fleet {
    /// All is well, and is known to be.
    pub fn start() -> Self {
        let sites: Vec<_> = SITES.iter().map(|name| Site::start(name)).collect();
        let watch = Watch::start(&sites.iter().map(|site| site.scraped.address()).collect::<Vec<_>>());
        for site in &sites {
            site.probe.wait_until("all is well", secs(60), |metrics| {
                metrics.has("mailprobe_check_success", &[("kind", "meeting")])
                    && metrics.all("mailprobe_check_success", &[], 1.0)
            });
        }
        watch.settles(sites.len());
        Self { sites, watch }
    }

    fn at(&self, sites: &[&str]) -> impl Iterator<Item = &Site> {
        self.sites.iter().filter(|site| sites.contains(&site.name))
    }

    pub fn fault(&self, sites: &[&str], protocol: Protocol, fault: Fault) {
        for site in self.at(sites) {
            site.service.fault(protocol, Some(fault.clone()));
        }
    }

    /// That user of each site has a store that does not answer.
    pub fn take_offline(&self, user: &str) {
        for site in &self.sites {
            site.service.sandbox().set_offline(user, true);
        }
    }

    /// No name is answered there, what is open breaks, and what is not mail cannot be reached either.
    pub fn cut_off(&mut self, name: &str) {
        for site in self.sites.iter_mut().filter(|site| site.name == name) {
            site.names.hush();
            site.reference = None;
            for protocol in Protocol::ALL {
                site.service.fault(protocol, Some(Fault::Cut));
            }
        }
    }

    /// The probes there run, and their metrics do not arrive.
    pub fn hide(&self, sites: &[&str]) {
        for site in self.at(sites) {
            site.hidden.store(true, Ordering::Relaxed);
        }
    }

    pub fn is_quiet(&self, time: Duration) {
        let end = Instant::now() + time;
        wait_until("the time is over", time + secs(10), || {
            let heard = self.watch.heard();
            assert!(heard.is_empty(), "all is well\n{heard:#?}");
            Instant::now() > end
        });
    }

    /// Comes to hear these, with those words, and goes on hearing these and nothing else.
    pub fn hears(&self, what: &str, expected: &[(&str, &str)]) {
        let (mut since, end) = (None, Instant::now() + secs(90));
        wait_until(what, secs(100), || {
            let heard = self.watch.heard();
            if fits(&heard, expected) {
                return since.get_or_insert_with(Instant::now).elapsed() > secs(10);
            }
            since = None;
            assert!(Instant::now() < end, "{what}: expected {expected:#?}, heard {heard:#?}");
            false
        });
    }
}

fn fits(heard: &[Heard], expected: &[(&str, &str)]) -> bool {
    let told =
        |(name, words): &(&str, &str)| heard.iter().any(|it| it.name == *name && it.text.contains(words));
    expected.iter().all(told) && heard.iter().all(|it| expected.iter().any(|(name, _)| it.name == *name))
}

impl Site {
    fn start(name: &'static str) -> Self {
        let host = format!("mail.{name}.test");
        let service = Service::of_host(&host);
        let known = BTreeMap::from([(host, Record::Host(Ipv4Addr::LOCALHOST))]);
        let names = NameServer::start(known);
        let reference = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let at = reference.local_addr().expect("the address of a listener");
        let scene = scene(&service, name, names.address(), &at.to_string());
        let probe = scene.start();
        let (address, hidden) = (probe.address(), Arc::new(AtomicBool::new(false)));
        let cut = Arc::clone(&hidden);
        let scraped = WebScript::start(move |asked| match get(address, &asked.path) {
            Ok(answer) if !cut.load(Ordering::Relaxed) => {
                Reply::Whole(answer.status, "content-type: text/plain; version=0.0.4".to_owned(), answer.body)
            }
            _ => Reply::Stall,
        });
        Self { name, service, names, reference: Some(reference), probe, scraped, hidden, _scene: scene }
    }
}

/// A probe at a site, with two mailboxes that write to each other and some that are only signed in to.
fn scene(service: &Service, site: &str, names: Ipv4Addr, reference: &str) -> Scene {
    let mut scene = Scene::of_site(site);
    scene.top("site_labels: { region: emea, page: \"true\" }");
    scene.top(&format!("reference: {{ dns: \"tcp://{reference}\" }}"));
    let body = format!("{}, resolver: {{ servers: [{names}] }}", service.calendar_body(&scene));
    scene.mail_service("hq", &body);
    let file = scene.file("password", PASSWORD);
    let users: Vec<_> = (0..USERS).map(|number| format!("user{number}")).collect();
    for user in ["alice", "bob"].into_iter().chain(users.iter().map(String::as_str)) {
        service.sandbox().add_user(user, PASSWORD);
        let auth = format!("method: password, password_file: \"{file}\"");
        scene.mailbox_by(user, "hq", &format!("{user}@sandbox.test"), &auth, "max_sessions: 6");
    }
    for user in &users {
        scene
            .check(&format!("login: {{ name: {user}, mailbox: {user}, protocols: [imap, ews], every: 6s }}"));
    }
    for check in [
        "roundtrip: { from: alice, to: bob, send: smtp, views: [imap, ews], every: 3s, late_after: 2500ms, lost_after: 8s }",
        "login: { mailbox: alice, protocols: [imap, smtp, ews, owa], every: 3s }",
        "calendar: { mailbox: alice, write: ews, views: [ews, caldav], every: 6s }",
        "meeting: { organizer: alice, attendee: bob, protocol: ews, every: 6s }",
        "free_busy: { mailbox: alice, of: bob, protocol: ews, every: 6s }",
        "endpoint: { mail_service: hq, every: 6s }",
    ] {
        scene.check(check);
    }
    scene
}
