//! Calendars, meetings, free/busy times, the directory, Autodiscover.

use super::{PER_SITE, failing, lately, ticket};
use crate::alert::{Alert, Area};

const LABELS: &[&str] = &["site", "mail_service", "protocol"];
/// What has an alert of its own: CalendarStale.
const STALE: &str = "reason=\"calendar_stale\"";
/// What must not happen to an entry even once.
const DAMAGE: &str = "reason=~\"calendar_lost|calendar_shifted|calendar_duplicated\"";

pub(super) fn all() -> Vec<Alert> {
    vec![
        Alert {
            when: "changing or seeing calendar entries has failed three times in a row and for two minutes, or every third time, and not only by being late",
            summary: "Calendar changes by {{ $labels.protocol }} fail in {{ $labels.mail_service }} at {{ $labels.site }}.",
            tell: "do not rely on changed appointments; what still works shows the calendar.",
            ..kind("CalendarFailing", "kind=\"calendar\"", "site_runs", STALE)
        },
        stale(),
        damaged(),
        Alert {
            when: "inviting or answering has failed twice in a row and for two minutes, or every third time",
            summary: "Meeting invitations by {{ $labels.protocol }} fail in {{ $labels.mail_service }} at {{ $labels.site }}.",
            tell: "ask the invited whether the invitation came.",
            ..kind("MeetingFailing", "kind=\"meeting\"", "fleet_runs", "")
        },
        Alert {
            when: "free/busy times could not be read, or were wrong, twice in a row and for two minutes, or every third time",
            summary: "Free/busy times over {{ $labels.protocol }} fail in {{ $labels.mail_service }} at {{ $labels.site }}.",
            tell: "the planning of meetings shows no or wrong times.",
            ..kind("FreeBusyFailing", "kind=\"free_busy\"", "fleet_runs", "")
        },
        Alert {
            when: "the directory did not answer, or answered wrongly, twice in a row and for two minutes, or every third time",
            summary: "The directory over {{ $labels.protocol }} fails in {{ $labels.mail_service }} at {{ $labels.site }}.",
            tell: "names are not found; full addresses work.",
            ..kind("DirectoryFailing", "kind=\"directory\"", "fleet_runs", "")
        },
        Alert {
            when: "Autodiscover failed, or told other URLs than those configured, twice in a row and for two minutes, or every third time",
            summary: "Autodiscover of {{ $labels.mail_service }} fails or leads elsewhere at {{ $labels.site }}.",
            tell: "new profiles and moved mailboxes cannot be set up; Outlook that runs goes on.",
            ..kind("AutodiscoverDrift", "kind=\"autodiscover\"", "fleet_runs", "")
        },
        moved(),
    ]
}

/// Lanes of a kind that fail, but for those of which only that reason, if one is named, was told lately.
fn kind(name: &'static str, lanes: &'static str, runs: &str, without: &str) -> Alert {
    let mut failing = failing(lanes, runs);
    if !without.is_empty() {
        let told = |matcher: &str| lately(&format!("{lanes},{matcher}"));
        failing = format!(
            "({failing})\n  unless on (@lane@) ({}\n    unless on (@lane@) {})",
            told(without),
            told(&without.replace("=", "!="))
        );
    }
    Alert {
        silenced_by: PER_SITE,
        about: lanes,
        description: "@lead@ @fails@ @works@".to_owned(),
        ..ticket(
            name,
            Area::Calendar,
            LABELS,
            format!("max by (site, mail_service, protocol) (\n  {failing}\n)"),
        )
    }
}

fn stale() -> Alert {
    Alert {
        when: "calendar changes are not visible in time, twice in a row and for two minutes, or every third time",
        silenced_by: &[
            "CalendarFailing",
            "ServiceOutage",
            "ServiceDegraded",
            "ClassicOutlookOutage",
            "SiteCutOff",
            "SiteSilent",
            "ServiceUnreachableFromSite",
        ],
        about: "kind=\"calendar\",role=\"view\"",
        summary: "Calendar changes are seen late over {{ $labels.protocol }} in {{ $labels.mail_service }} at {{ $labels.site }}.",
        description: "@fails@ @works@ One protocol that is late alone points at its front end.".to_owned(),
        tell: "a calendar may show the state of a while ago.",
        ..ticket(
            "CalendarStale",
            Area::Calendar,
            LABELS,
            format!(
                "max by (site, mail_service, protocol) (\n  ({})\n  and on (@lane@) {}\n)",
                failing("kind=\"calendar\"", "fleet_runs"),
                lately("reason=\"calendar_stale\"")
            ),
        )
    }
}

fn damaged() -> Alert {
    Alert {
        when: "an entry was lost, moved to another time, or doubled: once is enough",
        about: DAMAGE,
        summary: "Calendar entries in {{ $labels.mail_service }} are lost, moved or doubled.",
        description: "@lead@ @sites@ @fails@ Look at the mailbox store, and at the handling of time zones between the protocols.".to_owned(),
        tell: "check important appointments with the others.",
        ..ticket(
            "CalendarDamaged",
            Area::Calendar,
            &["mail_service"],
            format!("count by (mail_service) ({})", lately(DAMAGE)),
        )
    }
}

fn moved() -> Alert {
    Alert {
        when: "the server says that a mailbox lives elsewhere, twice in a row",
        silenced_by: &["SiteSilent"],
        about: "reason=\"mailbox_moved\"",
        summary: "Test mailbox {{ $labels.mailbox }} of {{ $labels.site }} has moved away from where {{ $labels.mail_service }} is configured.",
        description:
            "@fails@ Adapt the configured addresses, or leave them out where Autodiscover can find them."
                .to_owned(),
        ..ticket(
            "MailboxMoved",
            Area::Calendar,
            &["site", "mail_service", "mailbox"],
            format!(
                "max by (site, mail_service, mailbox) (\n  lane:mailprobe_failed_runs:max >= [[fleet_runs]]\n  and on (@lane@) {}\n)",
                lately("reason=\"mailbox_moved\"")
            ),
        )
    }
}
