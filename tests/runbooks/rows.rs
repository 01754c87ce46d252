//! Where each runbook is tried: the site that has the trouble, the check that sees it, the protocol.

/// What its names stand for.
pub(crate) struct Row {
    pub(crate) alert: &'static str,
    pub(crate) site: &'static str,
    pub(crate) check: &'static str,
    pub(crate) protocol: &'static str,
}

const fn row(alert: &'static str, site: &'static str, check: &'static str, protocol: &'static str) -> Row {
    Row { alert, site, check, protocol }
}

const TRIP: &str = "roundtrip-alice-bob-smtp";

/// Every alert.
#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    row("ServiceOutage", "outage", TRIP, "smtp"),
    row("ServiceDegraded", "outage", "login-alice", "ews"),
    row("ClassicOutlookOutage", "outage", "login-alice", "ews"),
    row("FallbackDown", "down", "login-alice", "owa"),
    row("SignInOutage", "refused", "login-alice", "imap"),
    row("MailLost", "losing", TRIP, "imap"),
    row("FleetBlind", "well", "login-alice", "imap"),
    row("SiteCutOff", "cut", "login-alice", "imap"),
    row("ServiceUnreachableFromSite", "astray", "login-alice", "imap"),
    row("SiteSilent", "gone", "login-alice", "imap"),
    row("SendFailing", "outage", TRIP, "smtp"),
    row("ReceiveFailing", "stale", TRIP, "imap"),
    row("MailDelayed", "stale", TRIP, "imap"),
    row("MailDuplicated", "doubling", TRIP, "imap"),
    row("MailCorrupted", "damaging", TRIP, "imap"),
    row("MailJunked", "junking", TRIP, "imap"),
    row("MailBounced", "bouncing", TRIP, "imap"),
    row("OutboxStuck", "well", TRIP, "ews"),
    row("SessionUnstable", "flapping", TRIP, "imap"),
    row("CalendarFailing", "outage", "calendar-alice-ews", "ews"),
    row("CalendarStale", "stale", "calendar-alice-ews", "caldav"),
    row("CalendarDamaged", "shifting", "calendar-alice-ews", "ews"),
    row("MeetingFailing", "uninvited", "meeting-alice-bob", "ews"),
    row("FreeBusyFailing", "outage", "free_busy-alice-bob", "ews"),
    row("DirectoryFailing", "outage", "directory-alice-bob", "ews"),
    row("AutodiscoverDrift", "elsewhere", "autodiscover-alice", "autodiscover"),
    row("MailboxMoved", "moved", "login-alice", "ews"),
    row("LoginFailing", "refused", "login-alice", "imap"),
    row("CredentialPaused", "refused", "login-alice", "imap"),
    row("SecretExpiring", "well", "login-alice", "imap"),
    row("CertificateExpiring", "expired", "endpoint-hq", "imap"),
    row("TlsIntercepted", "inspected", "login-alice", "imap"),
    row("BlockedByPolicy", "blocked", "login-alice", "ews"),
    row("Throttled", "crowded", "login-alice", "imap"),
    row("SendingLimitNear", "limited", TRIP, "smtp"),
    row("EndpointPartlyDown", "down", "endpoint-hq", "imap"),
    row("PromiseBurningFast", "outage", TRIP, "ews"),
    row("PromiseBurningSlow", "outage", TRIP, "ews"),
    row("ChecksStale", "well", "login-alice", "imap"),
    row("ProbeFailing", "secretless", "login-alice", "imap"),
    row("ReloadFailed", "misread", "login-alice", "imap"),
    row("ClockSkewed", "well", "login-alice", "ews"),
    row("TwoProbes", "crossed", TRIP, "imap"),
    row("MailboxFilling", "well", "login-alice", "imap"),
    row("CleanupFailing", "undeleting", TRIP, "imap"),
    row("ProbeVersionsDiffer", "well", "login-alice", "imap"),
    row("VendorIncident", "well", "login-alice", "ews"),
    row("Watchdog", "well", "login-alice", "imap"),
];
