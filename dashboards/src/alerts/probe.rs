//! The probe itself, and what is worth knowing.

use super::{OF_SITE, ticket};
use crate::alert::{Alert, Area, Severity};

pub(super) fn all() -> Vec<Alert> {
    vec![
        stale(),
        failing(),
        plain(
            "ReloadFailed",
            &["site"],
            "the newest configuration was refused",
            "site:mailprobe_reload_failed:group",
            "The probe of {{ $labels.site }} refused its newest configuration.",
            "It goes on with the old one. Its log says what is wrong; `mailprobe config check` tells before.",
        ),
        plain(
            "ClockSkewed",
            &["site"],
            "a site's clock and a server's differ by more than half a minute",
            "max by (site) (site_service:mailprobe_skew:max) > [[skew_seconds]]",
            "The clock of {{ $labels.site }} and a mail service's differ.",
            "By {{ $value | humanizeDuration }} at least. If many sites say so of one mail service, it is the server's. Kerberos and tokens fail at five minutes.",
        ),
        plain(
            "TwoProbes",
            &["site", "mailbox"],
            "another probe is at work on a mailbox",
            "site:mailprobe_rival:group",
            "Two probes are at work on mailbox {{ $labels.mailbox }} of {{ $labels.site }}.",
            "They do not hurt each other's messages, and judge wrongly all the same. Give each site an account of its own; look for an old pod.",
        ),
        filling(),
        plain(
            "CleanupFailing",
            &["site", "mail_service", "mailbox"],
            "our messages could not be deleted five times in an hour",
            "round(mailbox:mailprobe_cleanup_failures:increase1h) >= [[cleanup_failures]]",
            "The probe cannot delete its messages from mailbox {{ $labels.mailbox }} of {{ $labels.site }}.",
            "{{ $value }} attempts failed in an hour. The server's words are in the log; the mailbox grows.",
        ),
        Alert {
            severity: Severity::Info,
            silenced_by: &[],
            hold: "6h",
            ..plain(
                "ProbeVersionsDiffer",
                &[],
                "sites have run different versions for six hours",
                "count(count by (version) (site:mailprobe_version:group)) > 1",
                "Not all sites run the same version of the probe.",
                "{{ $value }} versions: {{ range $i, $s := query `count by (version) (site:mailprobe_version:group)` | sortByLabel \"version\" }}{{ if $i }}, {{ end }}{{ $s.Labels.version }} at {{ $s.Value }}{{ end }}.",
            )
        },
        vendor(),
        watchdog(),
    ]
}

fn plain(
    name: &'static str,
    labels: &'static [&'static str],
    when: &'static str,
    expr: &str,
    summary: &'static str,
    description: &str,
) -> Alert {
    Alert {
        when,
        summary,
        description: description.to_owned(),
        silenced_by: if labels.contains(&"site") { OF_SITE } else { &[] },
        ..ticket(name, Area::Probe, labels, expr.to_owned())
    }
}

fn stale() -> Alert {
    plain(
        "ChecksStale",
        &["site"],
        "results are overdue by two intervals beyond interval and timeout, and no rest, limit or failing sender explains it",
        "count by (site) (
  lane:mailprobe_overdue_seconds:max > [[stale_intervals]] * lane:mailprobe_interval_seconds:max
  unless on (@lane@) lane:mailprobe_skipped:increase2h >= 1
)",
        "Checks at {{ $labels.site }} give no results.",
        "{{ $value }} lanes are overdue: {{ with printf `group by (check) (lane:mailprobe_overdue_seconds:max{site=%q} > [[stale_intervals]] * lane:mailprobe_interval_seconds:max)` $labels.site | query | sortByLabel \"check\" }}{{ range $i, $s := . }}{{ if lt $i 5 }}{{ if $i }}, {{ end }}{{ $s.Labels.check }}{{ end }}{{ end }}{{ if gt (len .) 5 }}, …{{ end }}{{ end }}. What they watch there is unknown. Look at the probe's log and its processor time.",
    )
}

fn failing() -> Alert {
    Alert {
        about: "cause=\"probe\"",
        ..plain(
            "ProbeFailing",
            &["site"],
            "checks fail for a reason of the probe's own, twice in a row and for two minutes, or it met a fault of its own",
            "group by (site) (
  (
    lane:mailprobe_failed_runs:max >= [[fleet_runs]]
    and lane:mailprobe_failing_seconds:max >= [[blip_seconds]]
    and lane:mailprobe_excused:group
    and on (@lane@) lane:mailprobe_failing:max{cause=\"probe\"}
  )
  or site:mailprobe_internal_errors:increase1h > 0.5
)",
            "The probe of {{ $labels.site }} fails by itself.",
            "@lead@ The mail service is not judged by it: a missing secret, too much at once, a wrong clock, a fault. The log says which.",
        )
    }
}

fn filling() -> Alert {
    plain(
        "MailboxFilling",
        &["site", "mail_service", "mailbox"],
        "a test mailbox is four fifths full, or thousands of messages lie in it",
        "mailbox:mailprobe_filled:ratio > [[mailbox_share]] or mailbox:mailprobe_items:max > [[mailbox_items]]",
        "Test mailbox {{ $labels.mailbox }} of {{ $labels.site }} fills up.",
        "{{ if gt $value 1.5 }}{{ $value }} messages lie in it{{ else }}It is full by {{ $value | humanizePercentage }}{{ end }}. The probe deletes its own messages only: see what else arrives in {{ $labels.mail_service }}.",
    )
}

fn vendor() -> Alert {
    Alert {
        severity: Severity::Info,
        silenced_by: &[],
        waits_for: Some("mailprobe_service_health"),
        ..plain(
            "VendorIncident",
            &["mail_service", "workload", "state"],
            "the vendor's own page tells of an incident; it silences nothing",
            "service:mailprobe_vendor_state:group{state!=\"serviceOperational\"}",
            "The vendor says of {{ $labels.workload }} in {{ $labels.mail_service }}: {{ $labels.state }}.",
            "What the probes see counts, whatever the vendor says: the page is often an hour late.",
        )
    }
}

fn watchdog() -> Alert {
    Alert {
        severity: Severity::Info,
        hold: "0s",
        keep: "",
        silenced_by: &[],
        ..plain(
            "Watchdog",
            &[],
            "always: a dead man's switch pages when it stops",
            "vector(1)",
            "The rules are evaluated and alerts are sent.",
            "This fires always. Route it to something that pages when it does not come.",
        )
    }
}
