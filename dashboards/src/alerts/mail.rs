//! What becomes of messages, and of the sessions that show them.

use super::{PER_SITE, failing, lately, ticket};
use crate::alert::{Alert, Area};

pub(super) fn all() -> Vec<Alert> {
    vec![
        delayed(),
        event(
            "MailDuplicated",
            "duplicated",
            "two messages in an hour arrived more than once",
            "Mail in {{ $labels.mail_service }} arrives twice.",
            "People's programs send again what was accepted without an answer; look for retries between the mail servers and for double rules.",
            "a message that is there twice was sent once.",
        ),
        event(
            "MailCorrupted",
            "corrupted",
            "a message in an hour arrived with a damaged payload",
            "Mail in {{ $labels.mail_service }} arrives damaged.",
            "Look at gateways and filters that rewrite messages.",
            "attachments and texts of this hour may be damaged; ask for them again.",
        ),
        event(
            "MailJunked",
            "junked",
            "two messages in an hour were found in the junk folder",
            "Mail in {{ $labels.mail_service }} is taken for junk.",
            "Look whether a filter has changed; people's mail may go there too.",
            "look into the junk folder.",
        ),
        event(
            "MailBounced",
            "bounced",
            "two messages in an hour came back as undeliverable",
            "Mail in {{ $labels.mail_service }} comes back as undeliverable.",
            "The bounce's code and words are in the probe's log; look at the receiving side.",
            "who gets a bounce was not read.",
        ),
        outbox(),
        session(),
    ]
}

/// Single messages, counted: never silenced, one alert for each mail service.
fn event(
    name: &'static str,
    of: &'static str,
    when: &'static str,
    summary: &'static str,
    advice: &str,
    tell: &'static str,
) -> Alert {
    let expr = format!(
        "round(sum by (mail_service) (
  max by (site, check, mail_service, mailbox, send) (view:mailprobe_{of}:increase1h)
)) >= [[{of}_messages]]"
    );
    let sites = format!(
        "{{{{ with printf `group by (site) (view:mailprobe_{of}:increase1h{{mail_service=%q}} > 0)` $labels.mail_service | query | sortByLabel \"site\" }}}}\
         Sites: {{{{ range $i, $s := . }}}}{{{{ if lt $i 5 }}}}{{{{ if $i }}}}, {{{{ end }}}}{{{{ $s.Labels.site }}}}{{{{ end }}}}{{{{ end }}}}{{{{ if gt (len .) 5 }}}}, …{{{{ end }}}}.{{{{ end }}}}"
    );
    Alert {
        when,
        summary,
        description: format!("Messages in the last hour: {{{{ $value }}}}. {sites} {advice}"),
        tell,
        ..ticket(name, Area::Mail, &["mail_service"], expr)
    }
}

fn delayed() -> Alert {
    let lanes = "kind=\"roundtrip\",role=\"view\"";
    Alert {
        when: "messages are late twice in a row and for two minutes, or every third time",
        silenced_by: PER_SITE,
        about: lanes,
        summary: "Mail arrives late over {{ $labels.protocol }} from {{ $labels.mail_service }} at {{ $labels.site }}.",
        description: "@fails@ @works@ Look at the queues and filters between the mailboxes; a protocol that is late alone points at its front end.".to_owned(),
        tell: "mail comes late; it need not be sent again.",
        ..ticket(
            "MailDelayed",
            Area::Mail,
            &["site", "mail_service", "protocol"],
            format!(
                "max by (site, mail_service, protocol) (\n  ({})\n  and on (@lane@) {}\n)",
                failing(lanes, "fleet_runs"),
                lately(&format!("{lanes},reason=\"message_late\""))
            ),
        )
    }
}

fn outbox() -> Alert {
    Alert {
        when: "a submitted message stays in the outbox, twice in a row and for two minutes",
        silenced_by: PER_SITE,
        about: "reason=\"outbox_stuck\"",
        summary: "Mail stays in the outbox of {{ $labels.mail_service }} at {{ $labels.site }}.",
        description: "The server took the message from {{ $labels.protocol }} and does not pass it on. Look at the transport service of the mailbox server.".to_owned(),
        tell: "what is in the outbox will go out; sending it again doubles it.",
        ..ticket(
            "OutboxStuck",
            Area::Mail,
            &["site", "mail_service", "protocol"],
            format!(
                "max by (site, mail_service, protocol) (\n  lane:mailprobe_down:max >= [[fleet_runs]]\n  and on (@lane@) {}\n)",
                lately("reason=\"outbox_stuck\"")
            ),
        )
    }
}

fn session() -> Alert {
    Alert {
        when: "six kept sessions of one mailbox and protocol ended unplanned within 30 minutes",
        silenced_by: PER_SITE,
        summary: "Sessions over {{ $labels.protocol }} to {{ $labels.mail_service }} do not last at {{ $labels.site }}.",
        description: "{{ $value }} ended unplanned within 30 minutes. At several sites it is the server or its balancer; at one, a firewall or proxy with a short patience. @works@".to_owned(),
        tell: "Outlook says that it is trying to connect, and connects again by itself.",
        ..ticket(
            "SessionUnstable",
            Area::Mail,
            &["site", "mail_service", "protocol"],
            "max by (site, mail_service, protocol) (round(seat:mailprobe_unplanned_ends:increase30m)) >= [[session_ends]]"
                .to_owned(),
        )
    }
}
