//! docs/reasons.md.

use super::{sentences, table};
use crate::catalogue::code::{self, CODES};
use crate::catalogue::{Cause, Reason};
use crate::command::explain::protocols;

pub(super) fn page() -> String {
    let mut out = String::from(INTRO);
    let causes =
        Cause::ALL.iter().map(|cause| vec![format!("`{}`", cause.name()), meaning(*cause).to_owned()]);
    out.push_str(&table(&["cause", "meaning"], causes));
    for cause in Cause::ALL {
        out.push_str(&format!("\n## Cause {}\n", cause.name()));
        for row in Reason::rows().iter().filter(|row| row.cause == *cause) {
            out.push_str(&format!("\n### {}\n\n{}\n\n", row.name, sentences(row.meaning)));
            out.push_str(&format!("What to do: {}\n\n", sentences(row.advice)));
            if row.codes.is_empty() {
                out.push_str("Outlook shows no code for it.\n");
            }
            for (family, shown) in row.codes {
                out.push_str(&format!("- `{}` ({})\n", code::text(*shown), protocols(*family)));
            }
        }
    }
    out.push_str(CODES_INTRO);
    let rows = CODES.iter().map(|row| {
        let reasons: Vec<_> =
            row.reasons.iter().map(|reason| format!("[`{0}`](#{0})", reason.name())).collect();
        vec![format!("`{}`", code::text(row.code)), row.meaning.to_owned(), reasons.join(" ")]
    });
    out.push_str(&table(&["code", "Outlook means", "what usually stands behind it"], rows));
    out
}

const INTRO: &str = "# Reasons

A run that fails has one reason out of this closed list, and every reason belongs to one cause.
The cause is one probe's first guess at whose door to knock on.
When several sites with different ways out show the same reason, it is the server's side, whatever the cause.
`mailprobe explain NAME` prints a reason, and `mailprobe explain 0x800CCC0E` what stands behind a code.

";

const CODES_INTRO: &str = "
## Codes

The codes that people see in Outlook.
A code that the server sent wins over the one that a reason stands for.

";

fn meaning(cause: Cause) -> &'static str {
    match cause {
        Cause::Server => "the mail service itself",
        Cause::Client => "how clients are configured: names, addresses, rights of the mailbox",
        Cause::Network => "something between the probe and the server",
        Cause::Authentication => "the sign-in: credentials, tokens, what checks them",
        Cause::Policy => "somebody decided it; never counted in a service outage or an SLO",
        Cause::Probe => "the probe or its host; the mail service is not judged by it",
    }
}
