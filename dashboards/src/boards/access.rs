//! Signing in, TLS, pauses, limits, addresses.

use super::parts::{annotations, chosen, failing, states, variables};
use crate::alert::Dashboard;
use crate::grafana::{Board, Colour, Name, Panel, View, panel};

const PICK: &[&str] = &["site", "mail_service", "mailbox", "protocol"];
const PAUSED: &[Name] = &[
    Name { value: 1, text: "PAUSED", colour: Colour::Bad },
    Name { value: 0, text: "in use", colour: Colour::Good },
];

pub(super) fn board() -> Board {
    let of = chosen(PICK);
    Board {
        is: Dashboard::Access,
        title: "mailprobe / Sign-in and TLS",
        description: "Can people sign in, is the way there trusted, and what ends soon?",
        from: "now-6h",
        variables: variables(PICK),
        rows: vec![
            ("What ends soon", ends()),
            ("Signing in", sign_in(&of)),
            ("Why not", why(&of)),
            ("Addresses and limits", limits()),
        ],
        annotations: annotations(true),
    }
}

fn ends() -> Vec<Panel> {
    let place = chosen(&["mail_service", "protocol"]);
    vec![
        panel(View::Table, "Certificates", "When does which server's certificate end, the earliest at any address as any site sees it? Red from where CertificateExpiring begins.")
            .ask(format!("sort(place:mailprobe_certificate_expiry:min{{{place}}} - time())"), "")
            .columns(&["mail_service", "protocol", "server"], Some("ends in"))
            .unit("dtdurations")
            .base(Colour::Bad)
            .from("[[certificate_seconds]]", Colour::Good)
            .nothing("no endpoint is checked"),
        panel(View::Table, "Who issued them", "Is the issuer everywhere the one that is expected? An issuer at one site alone: something there opens TLS.")
            .ask(format!("count by (mail_service, protocol, server, issuer) (group by (site, mail_service, protocol, server, issuer) (mailprobe_certificate_info{{site=~\"$site\",{place}}}))"), "")
            .columns(&["mail_service", "protocol", "server", "issuer"], Some("sites"))
            .base(Colour::Plain)
            .nothing("no endpoint is checked"),
        panel(View::Table, "Secrets of applications", "When does a client secret end? Empty as long as no probe has mailprobe_secret_expiry_timestamp_seconds, which this release has not.")
            .ask("sort(mailbox:mailprobe_secret_expiry:min{site=~\"$site\",mailbox=~\"$mailbox\"} - time())", "")
            .columns(&["site", "mailbox"], Some("ends in"))
            .unit("dtdurations")
            .base(Colour::Bad)
            .from("[[secret_seconds]]", Colour::Good)
            .nothing("none is told"),
        panel(View::Table, "How mailboxes sign in", "By which method and flow does each mailbox sign in, and at how many sites?")
            .ask("count by (mailbox, method, flow) (group by (site, mailbox, method, flow) (mailprobe_credential_info{site=~\"$site\",mailbox=~\"$mailbox\"}))", "")
            .columns(&["mailbox", "method", "flow"], Some("sites"))
            .base(Colour::Plain),
    ]
}

fn sign_in(of: &str) -> Vec<Panel> {
    vec![
        states(
            "Sign-in",
            "By which protocol can which mailbox not sign in, since when? One protocol: its front end. All: the directory, or the account.",
            "site, mail_service, mailbox, protocol",
            &format!("{of},kind=\"login\""),
            "{{site}} · {{mailbox}} · {{protocol}}",
        )
        .size(12, 10)
        .link("This site", Dashboard::Site, &["site", "mail_service", "protocol"]),
        panel(View::States, "Paused credentials", "Which credential was refused and is left alone, so that its account is not locked? It is tried again when the secret changes.")
            .ask("max by (site, mailbox) (mailprobe_credential_paused{site=~\"$site\",mailbox=~\"$mailbox\"})", "{{site}} · {{mailbox}}")
            .names(PAUSED)
            .size(12, 10),
    ]
}

fn why(of: &str) -> Vec<Panel> {
    let failing_of =
        |causes: &str| format!("count by (reason) (lane:mailprobe_failing:max{{{of},cause=~\"{causes}\"}})");
    vec![
        panel(
            View::Stacked,
            "Lanes that cannot sign in, or may not, by reason",
            "Is it the secret, the account, the sign-in service, or a policy? A gap: nothing failed so.",
        )
        .ask(failing_of("authentication|policy"), "{{reason}}")
        .nothing("nothing fails so"),
        panel(
            View::Stacked,
            "Lanes that fail on the network or in TLS, by reason",
            "Does the way there break, and where: name, connection, TLS, trust? A gap: nothing failed so.",
        )
        .ask(failing_of("network"), "{{reason}}")
        .nothing("nothing fails so"),
        panel(
            View::Series,
            "TLS and sign-in: how long they took",
            "Does the handshake or the sign-in slow down? On average over the newest runs.",
        )
        .ask(
            format!("avg by (protocol, step) (mailprobe_step_duration_seconds{{{of},step=~\"tls|auth\"}})"),
            "{{protocol}} · {{step}}",
        )
        .unit("s")
        .size(24, 8),
        failing(&format!("{of},cause=~\"authentication|policy|network\"")),
    ]
}

fn limits() -> Vec<Panel> {
    let place = chosen(&["site", "mail_service", "protocol"]);
    vec![
        panel(View::Series, "Addresses that fail", "Do some of an endpoint's addresses fail while others are well? A balancer then sends some people into the dark.")
            .ask(format!("max by (site, mail_service, protocol) (place:mailprobe_addresses_failing:max{{{place}}})"), "{{site}} · {{mail_service}} · {{protocol}}")
            .nothing("no endpoint is checked"),
        panel(View::Series, "Resting for", "For how long did a server ask to be left alone? Empty: none did.")
            .ask("max by (site, mailbox) (mailprobe_resting_until_timestamp_seconds{site=~\"$site\",mailbox=~\"$mailbox\"}) - time() > 0", "{{site}} · {{mailbox}}")
            .unit("s")
            .nothing("none asked"),
    ]
}
