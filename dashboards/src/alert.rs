//! What an alert is, and how its row becomes rules.

/// The label `severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Pages somebody.
    Critical,
    /// Opens a ticket.
    Warning,
    Info,
    /// Critical where the site's labels say `page: "true"`, a warning elsewhere: two rules.
    BySite,
}

/// Which rule group and file of runbooks it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    Fleet,
    Site,
    Mail,
    Calendar,
    Access,
    Promise,
    Probe,
}

/// A dashboard; those of alerts have to be there under these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dashboard {
    Overview,
    Site,
    RoundTrip,
    Calendar,
    Access,
    Promises,
    Probes,
}

/// One row of the table of alerts.
pub struct Alert {
    /// Without `Mailprobe`.
    pub name: &'static str,
    pub area: Area,
    pub severity: Severity,
    /// For people, in a table.
    pub when: &'static str,
    /// Names of alerts that make this one superfluous.
    pub silenced_by: &'static [&'static str],
    /// PromQL over recording rules, with `@words@` and `[[knobs]]`.
    pub expr: String,
    /// The labels that the expression leaves.
    pub labels: &'static [&'static str],
    /// How long it must hold; a knob.
    pub hold: &'static str,
    /// How long it stays; a knob, or nothing.
    pub keep: &'static str,
    /// Matchers of the lanes that it is about, for the texts.
    pub about: &'static str,
    pub summary: &'static str,
    pub description: String,
    /// What to tell people; empty where it is nothing to them.
    pub tell: &'static str,
    /// A metric of a later release, without which it never fires.
    pub waits_for: Option<&'static str>,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::BySite => "critical where `page` is \"true\", else warning",
        }
    }
}

impl Area {
    pub const ALL: &'static [Self] =
        &[Self::Fleet, Self::Site, Self::Mail, Self::Calendar, Self::Access, Self::Promise, Self::Probe];

    pub fn group(self) -> &'static str {
        match self {
            Self::Fleet => "mailprobe-fleet",
            Self::Site => "mailprobe-site",
            Self::Mail => "mailprobe-mail",
            Self::Calendar => "mailprobe-calendar",
            Self::Access => "mailprobe-access",
            Self::Promise => "mailprobe-promise",
            Self::Probe => "mailprobe-probe",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Fleet => "The fleet",
            Self::Site => "One site",
            Self::Mail => "Mail, and staying connected",
            Self::Calendar => "Calendar, directory, Autodiscover",
            Self::Access => "Sign-in, TLS, limits",
            Self::Promise => "Promises",
            Self::Probe => "The probe",
        }
    }

    /// The dashboard that shows it.
    pub fn dashboard(self) -> Dashboard {
        match self {
            Self::Fleet => Dashboard::Overview,
            Self::Promise => Dashboard::Promises,
            Self::Probe => Dashboard::Probes,
            _ => Dashboard::Site,
        }
    }
}

impl Dashboard {
    /// The uid in Grafana.
    pub fn uid(self) -> &'static str {
        match self {
            Self::Overview => "mailprobe-overview",
            Self::Site => "mailprobe-site",
            Self::RoundTrip => "mailprobe-roundtrip",
            Self::Calendar => "mailprobe-calendar",
            Self::Access => "mailprobe-access",
            Self::Promises => "mailprobe-promises",
            Self::Probes => "mailprobe-probes",
        }
    }
}

/// One rule of a file.
pub struct Rule {
    pub alert: String,
    pub expr: String,
    pub hold: String,
    pub keep: String,
    pub severity: &'static str,
    pub annotations: Vec<(&'static str, String)>,
}

impl Alert {
    /// With what every name begins with.
    pub fn full(&self) -> String {
        full(self.name)
    }

    /// One rule, or two where the site says whether it pages.
    pub fn rules(&self) -> Vec<Rule> {
        let page = "on (site) site:mailprobe_page:group";
        match self.severity {
            Severity::BySite => vec![
                self.rule("critical", format!("(\n{}\n)\nand {page}", indent(&self.expr))),
                self.rule("warning", format!("(\n{}\n)\nunless {page}", indent(&self.expr))),
            ],
            severity => vec![self.rule(severity.name(), self.expr.clone())],
        }
    }

    fn rule(&self, severity: &'static str, expr: String) -> Rule {
        let mut description = self.description.clone();
        if !self.tell.is_empty() {
            description += " Tell people: ";
            description += self.tell;
        }
        let (name, uid) = (self.full(), self.area.dashboard().uid());
        let variables: Vec<_> = ["site", "mail_service"]
            .into_iter()
            .filter(|label| self.labels.contains(label))
            .map(|label| format!("var-{label}={{{{ $labels.{label} | urlquery }}}}"))
            .collect();
        let query = if variables.is_empty() { String::new() } else { format!("?{}", variables.join("&")) };
        Rule {
            expr,
            hold: self.hold.to_owned(),
            keep: self.keep.to_owned(),
            severity,
            annotations: vec![
                ("summary", crate::text::fill(self.summary, self)),
                ("description", crate::text::fill(&description, self)),
                ("runbook_url", format!("[[runbook_base]]/{name}.md")),
                ("dashboard_url", format!("[[dashboard_base]]/{uid}{query}")),
            ],
            alert: name,
        }
    }
}

/// `MailprobeNAME`.
pub fn full(name: &str) -> String {
    format!("Mailprobe{name}")
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
