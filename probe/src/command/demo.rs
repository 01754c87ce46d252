//! `mailprobe demo`: an embedded mail service, a probe on it, the status page. A leaf: nothing else knows of it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};

use axum::Router;
use axum::extract::Form;
use axum::response::Redirect;
use axum::routing::post;
use mailprobe_sandbox::{Listener, Options, Sandbox};
use maud::html;

use super::run::{runtime, signals};
use crate::app::{App, Source};
use crate::serve::Extra;

const USUAL: &str = "127.0.0.1:9725";
const USERS: [&str; 2] = ["alice", "bob"];

/// The arguments of `mailprobe demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What the mail service is like: see --list. It can be changed on the page.
    #[arg(long, default_value = "healthy", value_name = "NAME")]
    scenario: String,
    /// Where to serve the page and /metrics [default: 127.0.0.1:9725, or a free port when that is taken].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The scenarios, each with a sentence.
    #[arg(long)]
    list: bool,
}

/// # Errors
/// What stands in the way of the start.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let mut out = std::io::stdout();
    if args.list {
        for (name, sentence) in Sandbox::scenarios() {
            writeln!(out, "{name:24} {sentence}")?;
        }
        return Ok(0);
    }
    let sandbox = sandbox()?;
    if sandbox.set_scenario(&args.scenario).is_err() {
        let names: Vec<_> = Sandbox::scenarios().iter().map(|(name, _)| *name).collect();
        anyhow::bail!("no scenario is called {}; there are {}", args.scenario, names.join(", "));
    }
    let folder = tempfile::Builder::new().prefix("mailprobe-demo-").tempdir()?;
    let stage = Arc::new(Stage { sandbox, folder, passwords: AtomicU32::new(0) });
    stage.change_passwords()?;
    let file = stage.folder.path().join("mailprobe.yaml");
    std::fs::write(&file, stage.configuration(args.listen.map_or_else(free, Ok)?))?;
    let source = Source::Files { paths: vec![file.clone()], env: std::collections::BTreeMap::new() };
    let plan = source.load()?;
    runtime()?.block_on(async {
        let app = App::build(source, plan, Some(extra(&stage)))?;
        announce(&mut out, &app, &file, &args.scenario);
        let (stop, hangups) = signals()?;
        app.run(stop, hangups).await
    })?;
    Ok(0)
}

/// Whoever reads this may go away after the first line (`| head -1`); the demo goes on.
fn announce(out: &mut impl std::io::Write, app: &App, file: &Path, scenario: &str) {
    let address = app.address();
    let text = format!(
        "status page    http://{address}/\n\
         metrics        http://{address}/metrics\n\
         configuration  {}\n\
         scenario       {scenario} (change it on the page; all of them: mailprobe demo --list)\n\
         \u{20}              Ctrl-C ends it\n",
        file.display()
    );
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// The mail service, on a thread and a runtime of its own: it takes no time from the probe.
fn sandbox() -> anyhow::Result<Sandbox> {
    let (to, from) = mpsc::channel();
    std::thread::Builder::new().name("mail service".to_owned()).spawn(move || {
        let Ok(runtime) = runtime() else { return };
        runtime.block_on(async {
            if to.send(Sandbox::start(Options::default()).await).is_ok() {
                std::future::pending::<()>().await;
            }
        });
    })?;
    Ok(from.recv()??)
}

/// The usual address, or any port where it is taken.
fn free() -> std::io::Result<SocketAddr> {
    let bound = TcpListener::bind(USUAL).or_else(|_| TcpListener::bind("127.0.0.1:0"))?;
    bound.local_addr()
}

struct Stage {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    passwords: AtomicU32,
}

impl Stage {
    /// A changed password ends the pause that refusals have begun.
    fn change_passwords(&self) -> std::io::Result<()> {
        let n = self.passwords.fetch_add(1, Ordering::Relaxed);
        for user in USERS {
            let password = format!("secret-of-{user}-{n}");
            if n == 0 {
                self.sandbox.add_user(user, &password);
            } else {
                self.sandbox.set_password(user, &password);
            }
            std::fs::write(self.folder.path().join(format!("{user}.password")), password)?;
        }
        Ok(())
    }

    fn play(&self, scenario: &str) {
        if self.sandbox.set_scenario(scenario).is_ok()
            && let Err(error) = self.change_passwords()
        {
            tracing::warn!(%error, "the passwords could not be changed");
        }
    }

    fn configuration(&self, listen: SocketAddr) -> String {
        let folder = self.folder.path();
        std::fs::write(folder.join("ca.pem"), self.sandbox.ca_pem()).ok();
        std::fs::write(folder.join("fleet.key"), "the key of the demo's fleet").ok();
        let at = |listener| self.sandbox.address(listener);
        let (smtp, imap, pop3) = (at(Listener::Submission), at(Listener::Imaps), at(Listener::Pop3s));
        // By name: the web mail sends a browser to its own.
        let https = format!("https://localhost:{}", at(Listener::Https).port());
        let mut out = format!(
            "version: 1\nsite: demo\nlisten: {listen}\nfleet_keys: {{ sign: fleet.key }}\n\
             defaults: {{ roundtrip: {{ late_after: 5s, lost_after: 2m }} }}\n\
             mail_services:\n  sandbox:\n    preset: generic\n    \
             smtp: {{ address: \"{smtp}\", tls: starttls }}\n    \
             imap: {{ address: \"{imap}\", tls: implicit }}\n    \
             pop3: {{ address: \"{pop3}\", tls: implicit }}\n    \
             ews: {{ url: \"{https}/EWS/Exchange.asmx\" }}\n    owa: {{ url: \"{https}/owa/\" }}\n    \
             caldav: {{ url: \"{https}/dav/\" }}\n    resolver: system\n    ip_family: v4\n    tls: {{ ca_file: ca.pem }}\nmailboxes:\n"
        );
        for user in USERS {
            let auth = format!("{{ method: password, username: {user}, password_file: {user}.password }}");
            writeln!(
                out,
                "  {user}: {{ mail_service: sandbox, address: {user}@sandbox.test, auth: {auth} }}"
            )
            .ok();
        }
        out.push_str(
            "checks:\n  - roundtrip: { from: alice, to: bob, send: smtp, views: [imap, pop3, ews], every: 5s }\n  \
             - roundtrip: { from: bob, to: alice, send: smtp, views: [imap], every: 5s }\n  \
             - login: { mailbox: alice, protocols: [imap, pop3, smtp, ews, owa, caldav], every: 10s }\n  \
             - calendar: { mailbox: alice, write: ews, views: [ews, caldav], zone: Europe/Lisbon, every: 10s }\n  \
             - meeting: { organizer: alice, attendee: bob, protocol: ews, attendee_protocol: caldav, zone: Europe/Lisbon, every: 15s }\n  \
             - free_busy: { mailbox: alice, of: bob, protocol: ews, zone: Europe/Lisbon, every: 15s }\n  \
             - endpoint: { mail_service: sandbox, every: 10s }\n",
        );
        out
    }
}

#[derive(serde::Deserialize)]
struct Chosen {
    scenario: String,
}

/// The switch on the page.
fn extra(stage: &Arc<Stage>) -> Extra {
    let playing = Arc::clone(stage);
    let shown = Arc::clone(stage);
    let play = move |Form(chosen): Form<Chosen>| async move {
        playing.play(&chosen.scenario);
        Redirect::to("/")
    };
    let html = move || {
        let now = shown.sandbox.scenario();
        html! {
            form method="post" action="/demo/scenario" aria-labelledby="scenarios" {
                h2 id="scenarios" { "Demo: what the mail service is like" }
                @for (name, sentence) in Sandbox::scenarios() {
                    button name="scenario" value=(name) title=(sentence) aria-pressed=(name == &now) { (name) }
                    " "
                }
                @if let Some((_, sentence)) = Sandbox::scenarios().iter().find(|(name, _)| *name == now) {
                    p class="soft" { (sentence) }
                }
            }
        }
        .into_string()
    };
    Extra { html: Arc::new(html), router: Router::new().route("/demo/scenario", post(play)) }
}
