//! What is wrong with a mail service, and not with one site.

use super::ticket;
use crate::alert::{Alert, Area, Severity};

const WORK: &[&str] = &["mail_service", "kind", "role"];
const SERVICE: &[&str] = &["mail_service"];

pub(super) fn all() -> Vec<Alert> {
    vec![outage(), degraded(), classic(), fallback(), sign_in(), lost(), blind()]
}

fn page(name: &'static str, labels: &'static [&'static str], expr: &str) -> Alert {
    Alert {
        severity: Severity::Critical,
        keep: "[[fleet_keep]]",
        ..ticket(name, Area::Fleet, labels, expr.to_owned())
    }
}

fn outage() -> Alert {
    Alert {
        when: "one sort of work in a mail service fails for at least half of the judged mailboxes, or at half of the sites for half of theirs, at two sites or more (or the only one); lanes that ClassicOutlookOutage or SignInOutage tells of do not count",
        summary: "{{ $labels.mail_service }}: @work@ fails for most people.",
        description: "@reach@ @lead@ @fails@ @works@@shared@".to_owned(),
        tell: "the mail service is disturbed, it is not their computer; what still works is named here.",
        ..page(
            "ServiceOutage",
            WORK,
            "(
  work:mailprobe_sites_down:count / work:mailprobe_sites_judged:count >= [[outage_share]]
  or work:mailprobe_mailboxes_hit:count / work:mailprobe_mailboxes_judged:count >= [[outage_share]]
)
and work:mailprobe_sites_hit:count >= scalar(fleet:mailprobe_several_sites:count)",
        )
    }
}

fn degraded() -> Alert {
    Alert {
        when: "one sort of work in a mail service fails at 5 % of the judged sites or for 5 % of the mailboxes, three at least, at two sites or more (or the only one)",
        silenced_by: &["ServiceOutage"],
        summary: "{{ $labels.mail_service }}: @work@ fails for a part of the people.",
        description: "@reach@ @lead@ @fails@ @works@@shared@".to_owned(),
        tell: "the mail service is disturbed for some; who is hit cannot mend it at the computer.",
        ..page(
            "ServiceDegraded",
            WORK,
            "(
  work:mailprobe_sites_hit:count >= clamp_min([[degraded_share]] * work:mailprobe_sites_judged:count, [[degraded_count]])
  or work:mailprobe_mailboxes_hit:count >= clamp_min([[degraded_share]] * work:mailprobe_mailboxes_judged:count, [[degraded_count]])
)
and work:mailprobe_sites_hit:count >= scalar(fleet:mailprobe_several_sites:count)",
        )
    }
}

fn classic() -> Alert {
    Alert {
        when: "MAPI or EWS fails at 5 % of the sites, two at least (or the only one), where a lane of Graph, the web or IMAP that was judged has been well since, or where there is none; a mailbox that fails by those too, and what policy, the probe or its configuration explains does not count",
        about: "kind=~\"@daily@\",protocol=~\"@classic@\"",
        summary: "Classic Outlook cannot work with {{ $labels.mail_service }} at {{ $value }} sites.",
        description: "@fallback@ @reach@ @lead@ @fails@ @works@@shared@".to_owned(),
        tell: "Outlook on the web and phones go on working where this says so; reinstalling Outlook or making a new profile does not help.",
        ..page("ClassicOutlookOutage", SERVICE, "service:mailprobe_classic_outage:count")
    }
}

fn fallback() -> Alert {
    Alert {
        when: "the web fails at sites where classic Outlook fails too, at 5 % of the sites, two at least (or the only one); signing in does not count while SignInOutage tells of it",
        about: "kind=~\"@daily@\",protocol=~\"@web@\"",
        summary: "The web is down too in {{ $labels.mail_service }}: do not send people there.",
        description: "Classic Outlook and the web fail together at {{ $value }} sites. @lead@ @works@"
            .to_owned(),
        tell: "Outlook on the web does not work either: telephone and chat until further notice.",
        ..page(
            "FallbackDown",
            SERVICE,
            "count by (mail_service) (
  site_service:mailprobe_classic_bad:max == 1
  and on (site, mail_service) site_service:mailprobe_web_bad:group
)
>= on (mail_service) clamp_min(
  [[degraded_share]] * count by (mail_service) (site_service:mailprobe_classic_bad:max),
  scalar(fleet:mailprobe_several_sites:count)
)",
        )
    }
}

fn sign_in() -> Alert {
    Alert {
        when: "at least 5 % of the judged mailboxes, three at least, fail with a cause in signing in, at two sites or more (or the only one)",
        about: "cause=\"authentication\"",
        summary: "Signing in to {{ $labels.mail_service }} fails for {{ $value }} mailboxes.",
        description: "@lead@ @sites@ Probes pause a refused account for 35 minutes, so that they lock none: this goes on for so long after the cause is mended, unless a secret file changes.".to_owned(),
        tell: "do not change or retype passwords: accounts may lock.",
        ..page(
            "SignInOutage",
            SERVICE,
            "service:mailprobe_sign_in_outage:count",
        )
    }
}

fn lost() -> Alert {
    Alert {
        when: "a message was accepted and had not arrived after lost_after, in the last hour",
        summary: "Mail in {{ $labels.mail_service }} gets lost.",
        description: "Messages that were accepted and not there after lost_after, in the last hour: {{ $value }}. \
{{ with printf `round(sum(max by (site, check, mailbox, send) (view:mailprobe_resurfaced:increase1h{mail_service=%q}))) > 0` $labels.mail_service | query }}Came after that: {{ . | first | value }}. {{ end }}\
{{ with printf `group by (site) (view:mailprobe_lost:increase1h{mail_service=%q} > 0)` $labels.mail_service | query | sortByLabel \"site\" }}Sites: {{ range $i, $s := . }}{{ if lt $i 5 }}{{ if $i }}, {{ end }}{{ $s.Labels.site }}{{ end }}{{ end }}{{ if gt (len .) 5 }}, …{{ end }}.{{ end }} \
The probes' log has each Message-ID with the words and the time of its acceptance.".to_owned(),
        tell: "mail of this hour may have to be sent again; ask before relying on it.",
        ..page(
            "MailLost",
            SERVICE,
            "round(sum by (mail_service) (
  max by (site, check, mail_service, mailbox, send) (view:mailprobe_lost:increase1h)
)) >= [[lost_messages]]",
        )
    }
}

fn blind() -> Alert {
    Alert {
        when: "more than a fifth of the expected sites are silent, two at least: the way of the measurements is suspected, not the sites",
        summary: "More than a fifth of the sites send no data: the monitoring is blind there.",
        description: "{{ $value | humanizePercentage }} of the expected sites are silent. Mail may be well or not there: nobody knows. Look at Prometheus, the network to the sites and a change that all of them got.".to_owned(),
        hold: "[[silent_for]]",
        keep: "[[keep]]",
        ..page(
            "FleetBlind",
            &[],
            "count(site:mailprobe_silent:group) / count(site:mailprobe_expected:group) > [[blind_share]]
and count(site:mailprobe_silent:group) >= 2",
        )
    }
}
