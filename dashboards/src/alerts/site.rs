//! What is wrong at one site.

use super::{PER_SITE, failing, lately, ticket};
use crate::alert::{Alert, Area, Severity};

pub(super) fn all() -> Vec<Alert> {
    vec![cut_off(), unreachable(), silent(), send(), receive()]
}

fn page(name: &'static str, labels: &'static [&'static str], expr: String) -> Alert {
    Alert { severity: Severity::BySite, hold: "[[site_hold]]", ..ticket(name, Area::Site, labels, expr) }
}

fn cut_off() -> Alert {
    Alert {
        when: "nothing has been well since lanes began to fail on the network, and the reference targets, which are not mail, fail too",
        summary: "Site {{ $labels.site }} is cut off: mail fails, and so does what is not mail.",
        description: "Every mail service fails on the network, and no reference target answers. Look at the site's line, its router and its name servers. @lead@".to_owned(),
        tell: "the site's connection is down; it is not the mail.",
        ..page("SiteCutOff", &["site"], "site:mailprobe_cut_off:group".to_owned())
    }
}

fn unreachable() -> Alert {
    Alert {
        when: "nothing of one mail service has been well since its lanes began to fail on the network, and the site is not cut off",
        silenced_by: &["ServiceOutage", "SiteCutOff", "SiteSilent"],
        summary: "{{ $labels.mail_service }} cannot be reached from {{ $labels.site }}.",
        description: "Every lane fails on the network. @elsewhere@ @lead@ Compare with another site: a firewall, proxy or route of this site, or of the way between.".to_owned(),
        tell: "mail does not work at this site; elsewhere it may.",
        ..page(
            "ServiceUnreachableFromSite",
            &["site", "mail_service"],
            "site_service:mailprobe_unreachable:group".to_owned(),
        )
    }
}

fn silent() -> Alert {
    Alert {
        when: "an expected site has sent no data for five minutes",
        silenced_by: &["FleetBlind"],
        hold: "[[silent_for]]",
        summary: "Site {{ $labels.site }} sends no data: whether mail works there is unknown.",
        description: "The site is expected, and Prometheus has nothing from its probe. Look whether the probe runs, whether Prometheus reaches it, and whether the site's line is up. A site that is gone for good is taken off the list of expected sites.".to_owned(),
        ..page("SiteSilent", &["site"], "site:mailprobe_silent:group".to_owned())
    }
}

fn send() -> Alert {
    let lanes = "kind=\"roundtrip\",role=\"send\"";
    Alert {
        when: "sending by one protocol has failed three times in a row and for two minutes, or every third time",
        silenced_by: PER_SITE,
        about: lanes,
        summary: "Sending mail by {{ $labels.protocol }} through {{ $labels.mail_service }} fails at {{ $labels.site }}.",
        description: "@lead@ @fails@ @works@".to_owned(),
        tell: "mail stays in the outbox; it need not be written again.",
        ..page(
            "SendFailing",
            &["site", "mail_service", "protocol"],
            format!("max by (site, mail_service, protocol) (\n  {}\n)", failing(lanes, "site_runs")),
        )
    }
}

fn receive() -> Alert {
    let lanes = "kind=\"roundtrip\",role=\"view\"";
    Alert {
        when: "a view has failed three times in a row and for two minutes, or every third time; where mail is only late, when it is awaited for more than five minutes",
        silenced_by: PER_SITE,
        about: lanes,
        summary: "Mail is not received over {{ $labels.protocol }} from {{ $labels.mail_service }} at {{ $labels.site }}.",
        description: "@lead@ @fails@ @works@ A message that another protocol shows points at this protocol; one that none shows points at the delivery.".to_owned(),
        tell: "new mail does not show up; what still works shows it.",
        ..page(
            "ReceiveFailing",
            &["site", "mail_service", "protocol"],
            format!(
                "max by (site, mail_service, protocol) (
  ({})
  and on (@lane@) (
    {}
    or (
      {}
      and on (site, check, mail_service, mailbox, protocol, send)
        view:mailprobe_oldest_in_flight_seconds:max > [[delay_page_seconds]]
    )
  )
)",
                failing(lanes, "site_runs"),
                lately(&format!("{lanes},reason!=\"message_late\"")),
                lately(&format!("{lanes},reason=\"message_late\"")),
            ),
        )
    }
}
