//! A plan as YAML: what is left when all layers, presets, defaults and references are through. Secrets are hidden.

use std::fmt::Write as _;
use std::time::Duration;

use crate::catalogue::Protocol;
use crate::config::Span;
use crate::config::cost::{self, Cost};
use crate::config::plan::{
    Check, Endpoint, IpFamily, LogFormat, LogLevel, MailService, Mailbox, Method, Pace, Plan, Resolver,
    SecretSource, Shard, TlsMode, What,
};
use crate::secret::{HIDDEN, scrub};

/// The plan, then its costs.
pub fn plan(plan: &Plan) -> String {
    let mut out = Yaml::default();
    top(&mut out, plan);
    out.open("mail_services");
    for service in plan.mail_services.values() {
        mail_service(&mut out, service);
    }
    out.close();
    out.open("mailboxes");
    for mailbox in plan.mailboxes.values() {
        self::mailbox(&mut out, mailbox);
    }
    out.close();
    out.open("checks");
    for check in &plan.checks {
        self::check(&mut out, check);
    }
    out.close();
    costs(&mut out, plan);
    // The net below: a secret that a reference brought to a place that is shown.
    scrub(&out.text)
}

/// Lines with an indent.
#[derive(Default)]
struct Yaml {
    text: String,
    depth: usize,
}

impl Yaml {
    fn line(&mut self, line: &str) {
        // Writing to a text does not fail.
        writeln!(self.text, "{:indent$}{line}", "", indent = self.depth * 2).unwrap_or_default();
    }

    fn put(&mut self, key: &str, value: impl AsRef<str>) {
        self.line(&format!("{}: {}", quoted(key), value.as_ref()));
    }

    fn open(&mut self, key: &str) {
        self.line(&format!("{}:", quoted(key)));
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
    }
}

fn top(out: &mut Yaml, plan: &Plan) {
    out.put("version", "1");
    out.put("site", quoted(&plan.site));
    let labels: Vec<_> =
        plan.site_labels.iter().map(|(key, value)| format!("{key}: {}", quoted(value))).collect();
    out.put("site_labels", map(&labels));
    if let Some(Shard { index, count }) = plan.shard {
        out.put("shard", format!("{{ index: {index}, count: {count} }}"));
    }
    out.put("listen", quoted(&plan.listen.to_string()));
    if let Some(address) = plan.listen_page {
        out.put("listen_page", quoted(&address.to_string()));
    }
    if let Some(path) = &plan.web_config_file {
        out.put("web_config_file", quoted(&path.display().to_string()));
    }
    out.put("http", format!("{{ reload: {}, probe: {} }}", plan.http.reload, plan.http.probe));
    let format = match plan.log.format {
        LogFormat::Logfmt => "logfmt",
        LogFormat::Json => "json",
    };
    let level = match plan.log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    out.put("log", format!("{{ format: {format}, level: {level} }}"));
    let accept = vec![HIDDEN; plan.fleet_keys.accept.len()];
    out.put("fleet_keys", format!("{{ sign: {HIDDEN}, accept: [{}] }}", accept.join(", ")));
    let mut reference = Vec::new();
    reference.extend(plan.reference.dns.map(|dns| format!("dns: {}", quoted(&format!("tcp://{dns}")))));
    reference.extend(plan.reference.web.as_ref().map(|web| format!("web: {}", quoted(web))));
    out.put("reference", map(&reference));
    out.put("auth_pause", span(plan.auth_pause));
    out.put("session_max_age", span(plan.session_max_age));
    out.put("drain", span(plan.drain));
}

fn mail_service(out: &mut Yaml, service: &MailService) {
    out.open(&service.name);
    for protocol in [Protocol::Smtp, Protocol::Imap, Protocol::Pop3] {
        match service.endpoints.get(&protocol) {
            Some(end) => out.put(protocol.name(), endpoint(end)),
            None => out.put(protocol.name(), "null"),
        }
    }
    for protocol in [Protocol::Ews, Protocol::Owa, Protocol::Autodiscover, Protocol::Caldav] {
        let found = service.discovered.contains(&protocol).then(|| "{}".to_owned());
        let url = |end: &Endpoint| format!("{{ url: {} }}", quoted(&end.url()));
        let shown = service.endpoints.get(&protocol).map(url).or(found);
        out.put(protocol.name(), shown.unwrap_or_else(|| "null".to_owned()));
    }
    let mut tls = Vec::new();
    tls.extend(
        service.tls.ca.as_ref().map(|ca| format!("ca_file: {}", quoted(&format!("{} bytes", ca.len())))),
    );
    tls.extend(service.tls.server_name.as_ref().map(|name| format!("server_name: {}", quoted(name))));
    tls.push(format!("min_version: \"{}\"", if service.tls.min_tls13 { "1.3" } else { "1.2" }));
    tls.push(format!("expected_issuers: {}", list(service.tls.expected_issuers.iter().map(String::as_str))));
    out.put("tls", map(&tls));
    if let Some(proxy) = &service.proxy {
        let host =
            if proxy.host.contains(':') { format!("[{}]", proxy.host) } else { proxy.host.to_string() };
        let mut parts = vec![format!("url: {}", quoted(&format!("http://{host}:{}", proxy.port)))];
        parts.extend(proxy.username.as_ref().map(|username| format!("username: {}", quoted(username))));
        parts.extend(proxy.password.as_ref().map(|_| format!("password: {HIDDEN}")));
        parts.push(format!("no_proxy: {}", list(proxy.no_proxy.iter().map(String::as_str))));
        out.put("proxy", map(&parts));
    }
    let family = match service.ip_family {
        IpFamily::Any => "any",
        IpFamily::V4 => "v4",
        IpFamily::V6 => "v6",
    };
    out.put("ip_family", family);
    match &service.resolver {
        Resolver::Own => out.put("resolver", "own"),
        Resolver::System => out.put("resolver", "system"),
        Resolver::Servers(servers) => {
            let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
            out.put("resolver", format!("{{ servers: {} }}", list(servers.iter().map(String::as_str))));
        }
    }
    out.close();
}

fn endpoint(end: &Endpoint) -> String {
    let host = if end.host.contains(':') { format!("[{}]", end.host) } else { end.host.to_string() };
    let tls = match end.tls {
        TlsMode::Starttls => "starttls",
        TlsMode::Implicit => "implicit",
        TlsMode::None => "none",
    };
    format!("{{ address: {}, tls: {tls} }}", quoted(&format!("{host}:{}", end.port)))
}

fn mailbox(out: &mut Yaml, mailbox: &Mailbox) {
    out.open(&mailbox.name);
    out.put("mail_service", quoted(&mailbox.mail_service.name));
    out.put("address", quoted(&mailbox.address));
    let secret = |key: &str, source: &SecretSource| match source {
        SecretSource::File(path) => format!("{key}_file: {}", quoted(&path.display().to_string())),
        SecretSource::Inline(_) => format!("{key}: {HIDDEN}"),
    };
    let secret = match &mailbox.auth.method {
        Method::Password(source) => secret("password", source),
        Method::Keytab(path) => format!("keytab_file: {}", quoted(&path.display().to_string())),
        Method::TokenFile(source) => secret("token", source),
    };
    let mechanisms: Vec<_> = mailbox.auth.mechanisms.iter().map(|one| one.name().to_lowercase()).collect();
    let (method, flow) = mailbox.auth.words();
    let mut auth = vec![format!("method: {method}")];
    auth.extend(Some(format!("flow: {flow}")).filter(|_| !flow.is_empty()));
    auth.extend([format!("username: {}", quoted(&mailbox.auth.username)), secret]);
    if !mechanisms.is_empty() {
        auth.push(format!("mechanisms: {}", list(mechanisms.iter().map(String::as_str))));
    }
    out.put("auth", map(&auth));
    let mut limits = Vec::new();
    limits.extend(mailbox.limits.messages_per_day.map(|most| format!("messages_per_day: {most}")));
    limits.push(format!("external_per_day: {}", mailbox.limits.external_per_day));
    out.put("limits", map(&limits));
    out.put("max_sessions", mailbox.max_sessions.to_string());
    out.close();
}

fn check(out: &mut Yaml, check: &Check) {
    let protocols = |of: &[Protocol]| list(of.iter().map(|protocol| protocol.name()));
    let mut parts = match &check.what {
        What::Roundtrip(trip) => vec![
            format!("from: {}", quoted(&trip.from.name)),
            format!("to: {}", quoted(&trip.to.name)),
            format!("send: {}", protocols(&trip.send)),
            format!("views: {}", protocols(&trip.views)),
            format!("late_after: {}", span(trip.late_after)),
            format!("lost_after: {}", span(trip.lost_after)),
            format!("max_in_flight: {}", trip.max_in_flight),
            format!("keep_sender: {}", trip.keep_sender),
        ],
        What::Login { mailbox, protocols: of } => {
            vec![format!("mailbox: {}", quoted(&mailbox.name)), format!("protocols: {}", protocols(of))]
        }
        What::Directory { mailbox, of: whom, protocols: of } => vec![
            format!("mailbox: {}", quoted(&mailbox.name)),
            format!("of: {}", quoted(&whom.name)),
            format!("protocols: {}", protocols(of)),
        ],
        What::Calendar(of) => vec![
            format!("mailbox: {}", quoted(&of.mailbox.name)),
            format!("write: {}", of.write.name()),
            format!("views: {}", protocols(&of.views)),
            format!("recurring: {}", of.recurring),
            pace(&of.pace),
        ],
        What::Meeting(of) => vec![
            format!("organizer: {}", quoted(&of.organizer.mailbox.name)),
            format!("attendee: {}", quoted(&of.attendee.mailbox.name)),
            format!("protocol: {}", of.organizer.by.name()),
            format!("attendee_protocol: {}", of.attendee.by.name()),
            pace(&of.pace),
        ],
        What::FreeBusy(of) => vec![
            format!("mailbox: {}", quoted(&of.mailbox.name)),
            format!("of: {}", quoted(&of.of.name)),
            format!("protocol: {}", of.protocol.name()),
            format!("write: {}", of.write.name()),
            pace(&of.pace),
        ],
        What::Autodiscover { mailbox } => vec![format!("mailbox: {}", quoted(&mailbox.name))],
        What::Endpoint { mail_service, protocols: of } => vec![
            format!("mail_service: {}", quoted(&mail_service.name)),
            format!("protocols: {}", protocols(of)),
        ],
    };
    parts.push(format!("every: {}", span(check.every)));
    parts.push(format!("timeout: {}", span(check.timeout)));
    out.put(&check.name, format!("{{ {}: {} }}", check.what.kind().name(), map(&parts)));
}

fn pace(of: &Pace) -> String {
    format!("zone: {}, late_after: {}", quoted(&of.zone), span(of.late_after))
}

fn costs(out: &mut Yaml, plan: &Plan) {
    out.line("# Sessions are the least: a late message is looked for more often. What checks share is counted once in the total.");
    out.open("costs");
    out.open("checks");
    for check in &plan.checks {
        let cost = cost::of_check(check, plan.session_max_age);
        out.put(&check.name, map(&[format!("every: {}", span(check.every)), parts(&cost)]));
    }
    out.close();
    out.put("total", map(&[parts(&cost::of_plan(plan))]));
    out.close();
}

fn parts(cost: &Cost) -> String {
    format!(
        "messages_per_hour: {}, messages_per_day: {}, sessions_per_hour: {}, kept_sessions: {}, series: {}",
        number(cost.messages_per_hour),
        number(cost.messages_per_day()),
        number(cost.sessions_per_hour),
        cost.kept_sessions,
        cost.series
    )
}

fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

fn span(duration: Duration) -> String {
    Span(duration).to_string()
}

fn map(parts: &[String]) -> String {
    if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) }
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.map(quoted).collect();
    format!("[{}]", words.join(", "))
}

/// A text as YAML: bare where it can be nothing else.
fn quoted(text: &str) -> String {
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@/".contains(&b))
        && !["true", "false", "null"].contains(&text.to_lowercase().as_str());
    if bare { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
