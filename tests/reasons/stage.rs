//! The servers of the cases: scripted ones, the sandbox with a fault, and what stands in a network's stead.

use std::any::Any;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use mailprobe_sandbox::{Fault, Protocol};
use mailprobe_tests::{Asked, Ca, PASSWORD, Reply, Scene, Script, Service, Step, WebScript};
use tokio::net::TcpSocket;

/// Of every check that needs no second run: one run, and what it came to stays.
pub const ONCE: &str = "every: 24h, timeout: 5s";

/// A configuration with a mail service, a mailbox and a check per case.
pub struct Stage {
    pub scene: Scene,
    /// Trusted by every mail service here.
    pub ca: Ca,
    pub stranger: Ca,
    /// A healthy mail service: `well-alice`, `well-bob`.
    well: Service,
    kept: Vec<Box<dyn Any>>,
}

impl Stage {
    pub fn new() -> Self {
        let mut scene = Scene::new();
        let well = Service::start();
        well.add_to(&mut scene, "well");
        Self {
            scene,
            ca: Ca::new("a CA of this test"),
            stranger: Ca::new("another CA"),
            well,
            kept: Vec::new(),
        }
    }

    /// Keeps a server up as long as the stage.
    pub fn keep(&mut self, it: impl Any) {
        self.kept.push(Box::new(it));
    }

    pub fn script(&mut self, steps: Vec<Step>) -> SocketAddr {
        self.scripts(vec![steps])
    }

    pub fn scripts(&mut self, scripts: Vec<Vec<Step>>) -> SocketAddr {
        let script = Script::each(scripts);
        let address = script.address();
        self.keep(script);
        address
    }

    /// A sign-in at a server that follows these steps, in clear.
    pub fn login(&mut self, name: &str, protocol: &str, steps: Vec<Step>) {
        let address = self.script(steps);
        self.login_at(name, protocol, &format!("{protocol}: {{ address: \"{address}\", tls: none }}"));
    }

    /// The same by a token.
    pub fn token_login(&mut self, name: &str, protocol: &str, mechanism: &str, steps: Vec<Step>) {
        let address = self.script(steps);
        let body = format!("{protocol}: {{ address: \"{address}\", tls: none }}");
        let file = self.scene.file(&format!("token-{name}"), "eyJ0b2tlbi1vZi10aGUtdGVzdHM\n");
        let auth =
            format!("method: oauth2, flow: token_file, token_file: \"{file}\", mechanisms: [{mechanism}]");
        self.scene.mail_service(name, &body);
        self.scene.mailbox_by(name, name, &format!("{name}@sandbox.test"), &auth, "");
        self.scene
            .check(&format!("login: {{ name: {name}, mailbox: {name}, protocols: [{protocol}], {ONCE} }}"));
    }

    /// A check of calendars at a mail service with that fault of its EWS: its first words, the rest is put in.
    pub fn calendar(&mut self, name: &str, check: &str, fault: Fault) {
        let service = Service::start();
        let body = service.calendar_body(&self.scene);
        self.scene.mail_service(name, &body);
        let file = self.scene.file("password", PASSWORD);
        for user in ["alice", "bob"] {
            let auth = format!("method: password, username: {user}, password_file: \"{file}\"");
            self.scene.mailbox_by(
                &format!("{name}-{user}"),
                name,
                &format!("{user}@sandbox.test"),
                &auth,
                "",
            );
        }
        service.fault(Protocol::Ews, Some(fault));
        let who = if check.starts_with("meeting") {
            format!("organizer: {name}-alice, attendee: {name}-bob")
        } else {
            format!("mailbox: {name}-alice")
        };
        self.scene.check(&format!("{check}, name: {name}, {who}, late_after: 500ms, {ONCE} }}"));
        self.keep(service);
    }

    /// TLS from the first byte, or by STARTTLS after these steps; `more` goes below `tls:`.
    pub fn tls_login(&mut self, name: &str, mode: &str, more: &str, steps: Vec<Step>) {
        let address = self.script(steps);
        let ca = self.ca.write(self.scene.folder());
        let body = format!(
            "imap: {{ address: \"{address}\", tls: {mode} }}, tls: {{ ca_file: \"{}\"{more} }}",
            ca.display()
        );
        self.login_at(name, "imap", &body);
    }

    /// A sign-in at that mail service.
    pub fn login_at(&mut self, name: &str, protocol: &str, body: &str) {
        self.login_often(name, protocol, body, ONCE);
    }

    pub fn login_often(&mut self, name: &str, protocol: &str, body: &str, times: &str) {
        self.scene.mail_service(name, body);
        self.scene.mailbox(name, name, &format!("{name}@sandbox.test"));
        self.scene
            .check(&format!("login: {{ name: {name}, mailbox: {name}, protocols: [{protocol}], {times} }}"));
    }

    /// A message to a healthy mailbox, handed to a server that takes the sign-in and then follows these steps.
    pub fn send(&mut self, name: &str, steps: Vec<Step>) {
        let address = self.script([smtp_signed_in(), steps].concat());
        self.scene.mail_service(name, &format!("smtp: {{ address: \"{address}\", tls: none }}"));
        self.scene.mailbox(name, name, &format!("{name}@sandbox.test"));
        self.scene.check(&format!(
            "roundtrip: {{ name: {name}, from: {name}, to: well-bob, send: smtp, views: [imap], {ONCE} }}"
        ));
    }

    /// A round trip in a sandbox of its own, with that fault.
    pub fn trip(&mut self, name: &str, protocol: Protocol, fault: Fault, more: &str) {
        let service = Service::start();
        service.fault(protocol, Some(fault));
        service.add_to(&mut self.scene, name);
        self.keep(service);
        self.scene.check(&format!(
            "roundtrip: {{ name: {name}, from: {name}-alice, to: {name}-bob, send: smtp, views: [imap], {ONCE}, \
             {more} }}"
        ));
    }

    /// A message that is well sent, awaited in an IMAP server that follows these scripts.
    pub fn view(&mut self, name: &str, scripts: Vec<Vec<Step>>) {
        let address = self.scripts(scripts);
        self.scene.mail_service(name, &format!("imap: {{ address: \"{address}\", tls: none }}"));
        self.scene.mailbox(name, name, "bob@sandbox.test");
        self.scene.check(&format!(
            "roundtrip: {{ name: {name}, from: well-alice, to: {name}, send: smtp, views: [imap], {ONCE}, \
             late_after: 2s }}"
        ));
    }

    /// The body of a healthy mail service.
    pub fn well(&self) -> String {
        self.well.body(&self.scene)
    }

    /// A sign-in over EWS by that method, at a web server that answers so.
    pub fn web_login(&mut self, name: &str, method: &str, answer: fn(&Asked) -> Reply) {
        self.web(name, method, answer);
        self.scene.check(&format!("login: {{ name: {name}, mailbox: {name}, protocols: [ews], {ONCE} }}"));
    }

    /// The check of that line over EWS, at a web server that answers so.
    pub fn web_check(&mut self, name: &str, check: &str, answer: fn(&Asked) -> Reply) {
        self.web(name, "password", answer);
        self.scene.check(check);
    }

    fn web(&mut self, name: &str, method: &str, answer: fn(&Asked) -> Reply) {
        let server = WebScript::start(answer);
        let url = format!("http://{}/EWS/Exchange.asmx", server.address());
        self.keep(server);
        self.scene.mail_service(name, &format!("ews: {{ url: \"{url}\" }}"));
        let file = self.scene.file("password", PASSWORD);
        let auth = format!("method: {method}, password_file: \"{file}\"");
        self.scene.mailbox_by(name, name, &format!("{name}@sandbox.test"), &auth, "");
    }

    /// A port that refuses connections, and nobody else can take.
    pub fn closed_port(&mut self) -> SocketAddr {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let entered = runtime.enter();
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let address = socket.local_addr().expect("its address");
        drop(entered);
        self.keep((socket, runtime));
        address
    }

    /// A port whose queue is full: a SYN gets no answer, as behind a firewall that drops it.
    pub fn silent_port(&mut self) -> SocketAddr {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let entered = runtime.enter();
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let listener = socket.listen(1).expect("a listener");
        let address = listener.local_addr().expect("its address");
        drop(entered);
        let mut filling = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            filling.push(stream);
            assert!(filling.len() < 100, "the queue does not fill");
        }
        self.keep((listener, filling, runtime));
        address
    }
}

/// A name server that knows no name, where port 53 of an own loopback address can be had: its address.
pub fn name_server() -> Option<Ipv4Addr> {
    let address = Ipv4Addr::new(127, 53, 0, 53);
    let socket = UdpSocket::bind((address, 53)).ok()?;
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            let query = buffer.get(..count).unwrap_or_default();
            let name = query.get(12..).unwrap_or_default().iter().position(|byte| *byte == 0);
            let (Some(id), Some(question)) =
                (query.get(..2), name.and_then(|end| query.get(12..12 + end + 5)))
            else {
                continue;
            };
            // A response, recursion there, NXDOMAIN; one question, nothing else (RFC 1035, section 4.1.1).
            let answer = [id, &[0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0], question].concat();
            socket.send_to(&answer, from).ok();
        }
    });
    Some(address)
}

pub fn imap_greeting(more: &str) -> Step {
    Step::send(&format!("* OK [CAPABILITY IMAP4rev1 SASL-IR {more}] IMAP at your service"))
}

/// Up to the answer to AUTHENTICATE.
pub fn imap_signing_in(answer: &str) -> Vec<Step> {
    vec![imap_greeting("AUTH=PLAIN"), Step::tagged("AUTHENTICATE PLAIN"), Step::send(answer)]
}

pub fn imap_signed_in() -> Vec<Step> {
    imap_signing_in("{tag} OK [CAPABILITY IMAP4rev1] in")
}

/// Up to the answer to AUTH.
pub fn smtp_signing_in(answer: &str) -> Vec<Step> {
    vec![
        Step::send("220 mail.test ESMTP"),
        Step::expect("EHLO"),
        Step::send("250-mail.test"),
        Step::send("250 AUTH PLAIN"),
        Step::expect("AUTH PLAIN"),
        Step::send(answer),
    ]
}

pub fn smtp_signed_in() -> Vec<Step> {
    smtp_signing_in("235 2.7.0 in")
}

/// The envelope is taken, up to the answer to RCPT.
pub fn smtp_recipient(answer: &str) -> Vec<Step> {
    [smtp_sender("250 2.1.0 ok"), vec![Step::expect("RCPT TO:<bob@sandbox.test>"), Step::send(answer)]]
        .concat()
}

pub fn smtp_sender(answer: &str) -> Vec<Step> {
    vec![Step::expect("MAIL FROM:"), Step::send(answer)]
}

/// The message is read whole.
pub fn smtp_message() -> Vec<Step> {
    let data = vec![Step::expect("DATA"), Step::send("354 go on"), Step::ExpectUntil(".".to_owned())];
    [smtp_recipient("250 2.1.5 ok"), data].concat()
}

/// Up to the answer to PASS.
pub fn pop_signing_in(answer: &str) -> Vec<Step> {
    vec![
        Step::send("+OK POP3 at your service"),
        Step::expect("CAPA"),
        Step::send("+OK"),
        Step::send("USER"),
        Step::send("UIDL"),
        Step::send("."),
        Step::expect("USER "),
        Step::send("+OK"),
        Step::expect(&format!("PASS {PASSWORD}")),
        Step::send(answer),
    ]
}
