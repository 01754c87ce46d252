//! The sandbox on a thread of its own, for tests that are not async.

use mailprobe_sandbox::{Fault, Listener, Options, Protocol, Sandbox};
use tokio::sync::oneshot;

use crate::scene::{PASSWORD, Scene};

/// An embedded mail service with the users `alice` and `bob`. Dropped, it is closed.
pub struct Service {
    /// By which name it is called; by its addresses without.
    host: Option<String>,
    sandbox: Sandbox,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Default for Service {
    fn default() -> Self {
        Self::start()
    }
}

impl Service {
    pub fn start() -> Self {
        Self::called(None)
    }

    /// It is called by that name, which somebody has to look up.
    pub fn of_host(host: &str) -> Self {
        Self::called(Some(host.to_owned()))
    }

    fn called(host: Option<String>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (started, starting) = std::sync::mpsc::channel();
        let mut options = Options::default();
        if let Some(host) = &host {
            options.host.clone_from(host);
        }
        // One thread for all of it: what one command changes, another sees as a whole.
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let sandbox = Sandbox::start(options).await.expect("a sandbox");
                started.send(sandbox).ok();
                stopped.await.ok();
            });
        });
        let sandbox = starting.recv().expect("a sandbox");
        for user in ["alice", "bob"] {
            sandbox.add_user(user, PASSWORD);
        }
        Self { host, sandbox, stop: Some(stop), thread: Some(thread) }
    }

    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Switches a fault on, or, with `None`, off.
    pub fn fault(&self, protocol: Protocol, fault: Option<Fault>) {
        self.sandbox.set_fault(protocol, fault);
    }

    /// A mail service's body: smtp, imap and pop3 over implicit TLS, its authority trusted.
    pub fn body(&self, scene: &Scene) -> String {
        let at = |listener| match (self.sandbox.address(listener), &self.host) {
            (address, None) => address.to_string(),
            (address, Some(host)) => format!("{host}:{}", address.port()),
        };
        let port = self.sandbox.address(Listener::Submissions).port();
        let ca = scene.file(&format!("ca-{port}.pem"), &self.sandbox.ca_pem());
        format!(
            "smtp: {{ address: \"{}\", tls: implicit }}, imap: {{ address: \"{}\", tls: implicit }}, \
             pop3: {{ address: \"{}\", tls: implicit }}, tls: {{ ca_file: \"{ca}\" }}",
            at(Listener::Submissions),
            at(Listener::Imaps),
            at(Listener::Pop3s),
        )
    }

    /// The same, with Exchange's protocols beside them.
    pub fn exchange_body(&self, scene: &Scene) -> String {
        let at = |path| format!("url: \"{}\"", self.url(path));
        self.exchange(scene, &at("/EWS/Exchange.asmx"), &at("/owa/"))
    }

    /// The same, with calendars beside them.
    pub fn calendar_body(&self, scene: &Scene) -> String {
        format!("{}, caldav: {{ url: \"{}\" }}", self.exchange_body(scene), self.url("/dav/"))
    }

    /// The same, with the URLs left out that Autodiscover tells.
    pub fn found_body(&self, scene: &Scene) -> String {
        self.exchange(scene, "", "")
    }

    fn exchange(&self, scene: &Scene, ews: &str, owa: &str) -> String {
        let resolver = if self.host.is_none() { ", resolver: system" } else { "" };
        format!(
            "{}, ews: {{ {ews} }}, owa: {{ {owa} }}, autodiscover: {{ url: \"{}\" }}{resolver}, ip_family: v4",
            self.body(scene),
            self.url("/autodiscover/autodiscover.xml")
        )
    }

    /// By name: the web mail sends a browser to its own.
    fn url(&self, path: &str) -> String {
        let host = self.host.as_deref().unwrap_or("localhost");
        format!("https://{host}:{}{path}", self.sandbox.address(Listener::Https).port())
    }

    /// The mail service NAME, with the mailboxes NAME-alice and NAME-bob.
    pub fn add_to(&self, scene: &mut Scene, name: &str) {
        let body = self.calendar_body(scene);
        scene.mail_service(name, &body);
        for user in ["alice", "bob"] {
            scene.mailbox(&format!("{name}-{user}"), name, &format!("{user}@sandbox.test"));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
