//! Burn rates: of what was promised for 30 days, how fast is it used up?

use super::ticket;
use crate::alert::{Alert, Area, Severity};

const LABELS: &[&str] = &["kind", "mail_service", "protocol"];
/// They say what burns the promise.
const OUTAGES: &[&str] = &["ServiceOutage", "ServiceDegraded", "ClassicOutlookOutage", "SignInOutage"];
const OUTAGES_AND_FAST: &[&str] =
    &["ServiceOutage", "ServiceDegraded", "ClassicOutlookOutage", "SignInOutage", "PromiseBurningFast"];
/// A long and a short window, both of which must burn so fast.
struct Pair {
    long: &'static str,
    short: &'static str,
    factor: &'static str,
}

const FAST: &[Pair] = &[pair("1h", "5m", "14.4"), pair("6h", "30m", "6")];
const SLOW: &[Pair] = &[pair("1d", "2h", "3"), pair("3d", "6h", "1")];

const fn pair(long: &'static str, short: &'static str, factor: &'static str) -> Pair {
    Pair { long, short, factor }
}

pub(super) fn all() -> Vec<Alert> {
    let text = |speed: &str| {
        format!(
            "{{{{ $value | humanizePercentage }}}} of what was judged over {{{{ $labels.protocol }}}} was not visible in time; at this pace the promise of 30 days is broken in {speed}. @lead@ @sites@"
        )
    };
    vec![
        Alert {
            severity: Severity::Critical,
            when: "what is visible in time falls so short that 30 days' budget is gone in days: 14.4 times too fast over 1 h and 5 min, or 6 times over 6 h and 30 min, with five bad runs at two sites in the short window",
            silenced_by: OUTAGES,
            keep: "[[fleet_keep]]",
            about: "role=\"view\"",
            summary: "{{ if eq $labels.kind \"calendar\" }}Calendar changes in{{ else }}Mail in{{ end }} {{ $labels.mail_service }} comes too late or not at all, for many.",
            description: text("days"),
            tell: "mail and calendar lag; it is being looked at.",
            ..ticket("PromiseBurningFast", Area::Promise, LABELS, burn(FAST))
        },
        Alert {
            when: "what is visible in time falls short so that 30 days' budget is gone in weeks: 3 times too fast over 1 d and 2 h, or as fast over 3 d and 6 h, with five bad runs at two sites in the short window",
            silenced_by: OUTAGES_AND_FAST,
            about: "role=\"view\"",
            summary: "{{ if eq $labels.kind \"calendar\" }}Calendar changes in{{ else }}Mail in{{ end }} {{ $labels.mail_service }} comes too late too often.",
            description: text("weeks"),
            ..ticket("PromiseBurningSlow", Area::Promise, LABELS, burn(SLOW))
        },
    ]
}

fn burn(pairs: &[Pair]) -> String {
    let parts: Vec<_> = pairs
        .iter()
        .map(|Pair { long, short, factor }| {
            format!(
                "(
  promise:mailprobe_bad:ratio{long}
  and promise:mailprobe_burn:ratio{long} > {factor}
  and promise:mailprobe_burn:ratio{short} > {factor}
  and promise:mailprobe_bad_events:sum{short} >= [[burn_events]]
  and promise:mailprobe_bad_sites:count{short} >= [[burn_sites]]
)"
            )
        })
        .collect();
    parts.join("\nor ")
}
