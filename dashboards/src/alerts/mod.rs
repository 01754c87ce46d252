//! THE table of alerts, a file for each area.

use crate::alert::{Alert, Area, Severity};

mod access;
mod calendar;
mod fleet;
mod mail;
mod probe;
mod promise;
mod site;

/// Every alert, in the order of the README.
pub fn all() -> Vec<Alert> {
    [fleet::all(), site::all(), mail::all(), calendar::all(), access::all(), promise::all(), probe::all()]
        .into_iter()
        .flatten()
        .collect()
}

/// What silences what is about mail or the calendar of one site in one mail service.
const PER_SITE: &[&str] = &[
    "ServiceOutage",
    "ServiceDegraded",
    "ClassicOutlookOutage",
    "SiteCutOff",
    "SiteSilent",
    "ServiceUnreachableFromSite",
];
/// What is of one site, and no matter of one mail service.
const OF_SITE: &[&str] = &["SiteCutOff", "SiteSilent"];

/// A ticket that stays a while; the rows change what is otherwise.
fn ticket(name: &'static str, area: Area, labels: &'static [&'static str], expr: String) -> Alert {
    Alert {
        name,
        area,
        severity: Severity::Warning,
        when: "",
        silenced_by: &[],
        expr,
        labels,
        hold: "[[hold]]",
        keep: "[[keep]]",
        about: "",
        summary: "",
        description: String::new(),
        tell: "",
        waits_for: None,
    }
}

/// Lanes that fail in a row, or every other time, but for those of which SignInOutage tells.
fn failing(lanes: &str, runs: &str) -> String {
    format!(
        "(lane:mailprobe_down:max{{{lanes}}} >= [[{runs}]] or lane:mailprobe_flaky:group{{{lanes}}})\n  unless on (@lane@) lane:mailprobe_signed_out:group"
    )
}

/// Lanes for which that reason was told lately, whatever is told now.
fn lately(lanes: &str) -> String {
    format!("max_over_time(lane:mailprobe_failing:max{{{lanes}}}[10m])")
}
