//! `docs/runbooks/README.md`: the list, and what all runbooks share.

use super::file;
use crate::alert::{Alert, Area};
use crate::words;

pub(super) fn page(table: &[Alert]) -> String {
    let mut out = crate::readme::MADE.to_owned() + HEAD;
    for area in Area::ALL {
        out += &format!("\n## {}\n\n| alert | severity | fires when |\n| --- | --- | --- |\n", area.title());
        for alert in table.iter().filter(|alert| alert.area == *area) {
            out += &format!(
                "| [{}]({}) | {} | {} |\n",
                alert.name,
                file(alert.name),
                alert.severity.name(),
                alert.when
            );
        }
    }
    words::fill(&out)
}

const HEAD: &str = r#"# Runbooks

One for each alert; its `runbook_url` leads here when `runbook_base` is the address of this folder.
What stands in tables there is made from the alert itself; the numbers are the defaults.
Every command in a block is run by a test against the embedded mail service and a Prometheus; what is named within sentences for the servers' administrators (PowerShell, `doveadm`, `kubectl`) is not.

## First

1. Read the alert's description: it names the leading reason, what fails and what still works.
2. `mailprobe explain REASON` says what a reason means, `mailprobe explain 0x800CCC0E` a code that somebody reads out to you.
3. Tell people what the row *tell people* says. It spares you calls.
4. Several alerts at once: begin with the one that silences the others.

## At the site

The container has the program `mailprobe` and nothing else, no shell:

| | Kubernetes | Docker |
| --- | --- | --- |
| a command | `kubectl -n NAMESPACE exec deploy/NAME -- mailprobe …` | `docker exec NAME mailprobe …` |
| the log, into a file `$LOG` | `kubectl -n NAMESPACE logs deploy/NAME --since=3h > "$LOG"` | `docker logs --since 3h NAME 2> "$LOG"` |
| the log of a container that has died | `kubectl -n NAMESPACE logs deploy/NAME --previous` | `docker logs NAME` |
| the status page | `kubectl -n NAMESPACE port-forward deploy/NAME 9725` | the published port |

`mailprobe check` without `--direct` asks the running probe, where `$CONFIG` says that it listens, and disturbs nothing.
Where that file is refused, or a secret is missing, give the address instead: `mailprobe check --address http://127.0.0.1:9725`.
Exit status 0: well; 1: something fails; 2: misconfigured, or nobody answers; 3: nothing was judged.

`--direct` opens sessions of its own, once, and does what the check does. Mind three things:

- Where a password is refused it costs one more refusal, towards the account's lock-out. Do not repeat it.
- A round trip by `--direct` is seen by the running probe as a second one: [TwoProbes](MailprobeTwoProbes.md) fires, and goes a quarter of an hour later.
- Many servers let one POP3 session at a time into a mailbox: a `--direct` beside the running probe may be the one that is refused.

## The log

A line for each run that failed, at the level `warn`; `log: { level: debug }` in the configuration adds the good ones (the file is read again when it changes).
Fields: `ts level msg site check kind role mail_service mailbox protocol send slot outcome step reason cause outlook_code server_code server_text duration_ms steps
remote_address local_address proxy tls_version certificate_sha256 frontend backend message_id queue_id accepted_at session_id support_ids why note instance version`; what is empty is left out.
`support_ids` are the identifiers of HTTP's answers that Microsoft's support asks for (request-id, X-FEServer, X-BEServer, X-CalculatedBETarget, X-DiagInfo).
The Message-ID stands in the line of a lost message, and in that of the sending lane, `role=send`, which at the level `warn` is there when sending failed.
For a message that was sent well, set the level to `debug`: the lines of its views have the same `check` and `slot` as the sender's, where `queue_id` is what the server said when it accepted.
With the format JSON a field is written `"msg":"message lost"`: change the `grep` accordingly.

## Names

| | what to put there |
| --- | --- |
| `$SITE` `$SERVICE` `$MAILBOX` `$PROTOCOL` | the alert's labels `site`, `mail_service`, `mailbox`, `protocol`; where an alert has none, one that it names |
| `$REASON` | the leading reason that the alert's description tells |
| `$CHECK` | a check's name: `mailprobe config show --config "$CONFIG"` lists them |
| `$CONFIG` | the probe's configuration, as the container sees it; `$OTHER` that of another site |
| `$LOG` | the file with the probe's log, from the table above |
| `$PROBE` | the address of the probe's page and metrics, `http://HOST:9725` |
| `$PROM` | the address of Prometheus |
| `$HOST` `$PORT` | the mail server and its port, from `config show` |
| `$DNS` | a name server of the site |

For the shell `export` them; into PromQL you put them by hand.
Comments behind a command tell its exit status where that is not 0, and what it shows, while the alert is rightly there.

The names that the test puts there: a mail service `hq`, mailboxes `alice` and `bob`, a site for each sort of trouble.
"#;
