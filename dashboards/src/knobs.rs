//! Every number that people tune, and the addresses that stand in the texts: one table.
//!
//! Rules name a knob as `[[name]]`; whoever writes them out says what stands there.

/// One setting.
pub struct Knob {
    pub name: &'static str,
    /// As PromQL or as text, whatever the place needs.
    pub default: &'static str,
    pub help: &'static str,
}

/// In the order of the README.
#[rustfmt::skip]
pub const KNOBS: &[Knob] = &[
    k("runbook_base", "https://mailprobe.example/runbooks", "where the runbooks are; the alert's name and .md are added"),
    k("dashboard_base", "https://grafana.example/d", "where the dashboards are; a dashboard's uid is added"),
    k("region_label", "region", "the site label by which failing sites are compared with good ones"),
    k("blip_seconds", "120", "a lane that has failed for a shorter time is not called failing: a database switchover takes 90 s"),
    k("fleet_runs", "2", "failures in a row, fleet-wide and for tickets"),
    k("site_runs", "3", "failures in a row for pages about one site"),
    k("flaky_share", "0.3", "share of failed runs that is called failing though runs between are good"),
    k("flaky_failures", "3", "failures that this takes at least"),
    k("outage_share", "0.5", "share of sites or mailboxes that makes a ServiceOutage"),
    k("degraded_share", "0.05", "share of sites or mailboxes that makes a ServiceDegraded, a ClassicOutlookOutage or a SignInOutage"),
    k("degraded_count", "3", "sites or mailboxes that a ServiceDegraded or a SignInOutage takes at least"),
    k("blind_share", "0.2", "share of expected sites that are silent, above which the monitoring path is suspected"),
    k("silent_for", "5m", "how long a site may be silent"),
    k("lost_messages", "1", "lost messages in an hour that page"),
    k("duplicated_messages", "2", "doubled messages in an hour"),
    k("corrupted_messages", "1", "damaged messages in an hour"),
    k("junked_messages", "2", "messages in the junk folder in an hour"),
    k("bounced_messages", "2", "messages that came back in an hour"),
    k("delay_page_seconds", "300", "a message that is awaited for longer makes late mail a ReceiveFailing"),
    k("session_ends", "6", "kept sessions of one mailbox that ended unplanned in 30 minutes"),
    k("resting_seconds", "1800", "time within two hours in which a server asked to be left alone"),
    k("certificate_seconds", "1209600", "time before a certificate ends (14 days)"),
    k("secret_seconds", "1209600", "time before an application's secret ends (14 days)"),
    k("stale_intervals", "2", "intervals by which a result may be overdue"),
    k("skew_seconds", "30", "how far a clock may stand wrong"),
    k("mailbox_share", "0.8", "how full a test mailbox may be"),
    k("mailbox_items", "5000", "messages that may lie in a test inbox"),
    k("cleanup_failures", "5", "failed attempts to delete our messages, in an hour"),
    k("mail_slo", "0.995", "share of messages that are visible within late_after, in 30 days"),
    k("calendar_slo", "0.995", "share of calendar changes that are visible in time, in 30 days"),
    k("burn_events", "5", "bad runs in the short window without which no burn rate is told"),
    k("burn_sites", "2", "sites at which they must be, for a page"),
    k("hold", "1m", "how long an alert's condition must hold: scrapes jitter"),
    k("site_hold", "2m", "the same for alerts about one site, so that the fleet's are there first"),
    k("keep", "5m", "how long an alert stays after its condition has gone"),
    k("fleet_keep", "20m", "the same fleet-wide: at least lost_after, or the sites' alerts follow the all-clear"),
];

const fn k(name: &'static str, default: &'static str, help: &'static str) -> Knob {
    Knob { name, default, help }
}

/// What stands for each knob.
#[derive(Clone, Default)]
pub struct Values(Vec<(String, String)>);

impl Values {
    /// Another value for a knob.
    ///
    /// # Errors
    /// When no knob is called so.
    pub fn set(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        anyhow::ensure!(KNOBS.iter().any(|knob| knob.name == name), "no knob is called {name}");
        self.0.retain(|(of, _)| of != name);
        self.0.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    pub(crate) fn get<'a>(&'a self, knob: &'a Knob) -> &'a str {
        let own = self.0.iter().find(|(name, _)| name == knob.name);
        own.map_or(knob.default, |(_, value)| value)
    }

    /// The text with every knob filled in.
    pub fn fill(&self, text: &str) -> String {
        KNOBS
            .iter()
            .fold(text.to_owned(), |text, knob| text.replace(&format!("[[{}]]", knob.name), self.get(knob)))
    }
}
