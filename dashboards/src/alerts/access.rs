//! Sign-in, TLS, limits.

use super::{OF_SITE, PER_SITE, failing, lately, ticket};
use crate::alert::{Alert, Area};

pub(super) fn all() -> Vec<Alert> {
    vec![
        login(),
        paused(),
        secret(),
        certificate(),
        intercepted(),
        blocked(),
        throttled(),
        limit(),
        partly_down(),
    ]
}

fn login() -> Alert {
    let lanes = "kind=\"login\"";
    Alert {
        when: "signing in has failed twice in a row and for two minutes, or every third time",
        silenced_by: PER_SITE,
        about: lanes,
        summary: "Signing in over {{ $labels.protocol }} to {{ $labels.mail_service }} fails at {{ $labels.site }}.",
        description: "@lead@ @mailboxes@ @fails@ @works@".to_owned(),
        tell: "who is signed in stays so; do not retype passwords.",
        ..ticket(
            "LoginFailing",
            Area::Access,
            &["site", "mail_service", "protocol"],
            format!("max by (site, mail_service, protocol) (\n  {}\n)", failing(lanes, "fleet_runs")),
        )
    }
}

fn paused() -> Alert {
    Alert {
        when: "a refused credential is paused, so that its account is not locked",
        silenced_by: &["SignInOutage", "SiteSilent"],
        summary: "Test mailbox {{ $labels.mailbox }} of {{ $labels.site }} is not signed in to: it was refused.",
        description: "The probe waits before it tries again; a changed secret file ends the pause at once. What it watches in {{ $labels.mail_service }} is not known meanwhile. Sign in by hand with the same account.".to_owned(),
        ..ticket(
            "CredentialPaused",
            Area::Access,
            &["site", "mail_service", "mailbox"],
            format!(
                "max by (site, mail_service, mailbox) (\n  lane:mailprobe_failed_runs:max >= [[fleet_runs]]\n  and on (@lane@) {}\n)",
                lately("reason=\"credential_paused\"")
            ),
        )
    }
}

fn secret() -> Alert {
    Alert {
        when: "an application's secret ends within 14 days",
        summary: "The secret of test mailbox {{ $labels.mailbox }} of {{ $labels.site }} ends soon.",
        description:
            "It ends in {{ $value | humanizeDuration }}. Make a new one and replace the secret file."
                .to_owned(),
        waits_for: Some("mailprobe_secret_expiry_timestamp_seconds"),
        ..ticket(
            "SecretExpiring",
            Area::Access,
            &["site", "mailbox"],
            "mailbox:mailprobe_secret_expiry:min - time() < [[secret_seconds]]".to_owned(),
        )
    }
}

fn certificate() -> Alert {
    Alert {
        when: "a server's certificate ends within 14 days, at any of its addresses as any site sees them",
        summary: "The certificate of {{ $labels.server }} ends soon.",
        description: "It ends in {{ $value | humanizeDuration }} (the earliest of all addresses; {{ $labels.protocol }} in {{ $labels.mail_service }}). If it was renewed, one server behind the balancer was forgotten.".to_owned(),
        ..ticket(
            "CertificateExpiring",
            Area::Access,
            &["mail_service", "protocol", "server"],
            "place:mailprobe_certificate_expiry:min - time() < [[certificate_seconds]]".to_owned(),
        )
    }
}

fn intercepted() -> Alert {
    Alert {
        when: "a certificate's issuer is not one that is expected, twice in a row",
        silenced_by: OF_SITE,
        about: "reason=\"tls_intercepted\"",
        summary: "Something at {{ $labels.site }} opens the TLS of {{ $labels.mail_service }}.",
        description:
            "@fails@ Find the proxy or firewall that inspects TLS and exempt the mail service from it."
                .to_owned(),
        ..ticket(
            "TlsIntercepted",
            Area::Access,
            &["site", "mail_service"],
            format!(
                "max by (site, mail_service) (\n  lane:mailprobe_failed_runs:max >= [[fleet_runs]]\n  and on (@lane@) {}\n)",
                lately("reason=\"tls_intercepted\"")
            ),
        )
    }
}

fn blocked() -> Alert {
    Alert {
        when: "a policy forbids what a check does, twice in a row: somebody decided it, so that it counts in no outage",
        about: "reason=~\"@decided@\"",
        summary: "A policy forbids {{ $labels.protocol }} in {{ $labels.mail_service }}.",
        description:
            "@lead@ @sites@ Ask who changed the policy. If it stays, take the protocol out of the checks."
                .to_owned(),
        tell: "this way of reading mail was switched off on purpose.",
        ..ticket(
            "BlockedByPolicy",
            Area::Access,
            &["mail_service", "protocol"],
            format!(
                "max by (mail_service, protocol) (\n  lane:mailprobe_failed_runs:max >= [[fleet_runs]]\n  and on (@lane@) {}\n)",
                lately("reason=~\"@decided@\"")
            ),
        )
    }
}

fn throttled() -> Alert {
    Alert {
        when: "the server asked to be left alone for half an hour within two hours, or refuses for that reason twice in a row and for two minutes",
        silenced_by: &["ServiceOutage", "ServiceDegraded", "SiteCutOff", "SiteSilent", "ServiceUnreachableFromSite"],
        about: "reason=~\"throttled|too_many_sessions\"",
        summary: "{{ $labels.mail_service }} slows test mailbox {{ $labels.mailbox }} of {{ $labels.site }} down.",
        description: "While it rests nothing is judged. Give the account a throttling policy of its own, or run its checks less often.".to_owned(),
        ..ticket(
            "Throttled",
            Area::Access,
            &["site", "mail_service", "mailbox"],
            format!(
                "max by (site, mail_service, mailbox) (
  (
    lane:mailprobe_down:max >= [[fleet_runs]]
    and on (@lane@) {}
  )
  or sum by (@lane@) (lane:mailprobe_skipped:increase2h{{why=\"resting\"}}) * lane:mailprobe_interval_seconds:max >= [[resting_seconds]]
)",
                lately("reason=~\"throttled|too_many_sessions\"")
            ),
        )
    }
}

fn limit() -> Alert {
    Alert {
        when: "a sending limit is used up, the server's (twice in a row) or the configured one (two slots in two hours); how near it is no metric tells before",
        silenced_by: OF_SITE,
        about: "reason=\"sending_limit_reached\"",
        summary: "A sending limit of {{ $labels.mail_service }} is used up at {{ $labels.site }}.",
        description: "Sending is not watched meanwhile. If people are hit too, somebody sends in bulk; else run the checks less often.".to_owned(),
        ..ticket(
            "SendingLimitNear",
            Area::Access,
            &["site", "mail_service"],
            format!(
                "max by (site, mail_service) (
  (
    lane:mailprobe_failed_runs:max >= [[fleet_runs]]
    and on (@lane@) {}
  )
  or sum by (@lane@) (lane:mailprobe_skipped:increase2h{{why=\"limited\"}}) >= [[fleet_runs]]
)",
                lately("reason=\"sending_limit_reached\"")
            ),
        )
    }
}

fn partly_down() -> Alert {
    Alert {
        when: "some addresses of an endpoint fail and others do not, twice in a row and for two minutes",
        about: "kind=\"endpoint\"",
        summary: "Some addresses of {{ $labels.mail_service }} do not answer over {{ $labels.protocol }}.",
        description: "Seen from {{ $value }} sites. @lead@ @sites@ Half of the people are well and the others are not: take the dead address out of the name or the balancer. The log names it.".to_owned(),
        ..ticket(
            "EndpointPartlyDown",
            Area::Access,
            &["mail_service", "protocol"],
            "count by (mail_service, protocol) (
  (
    place:mailprobe_addresses_failing:max > 0
    and place:mailprobe_addresses_failing:max < place:mailprobe_addresses:max
  )
  and on (site, mail_service, protocol) lane:mailprobe_down:max{kind=\"endpoint\"}
)"
            .to_owned(),
        )
    }
}
