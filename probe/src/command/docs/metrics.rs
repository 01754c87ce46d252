//! docs/metrics.md.

use std::io;

use super::{SAMPLE, code, table};
use crate::catalogue::metric::{
    self, Born, CALENDAR_BUCKETS, DELAY_BUCKETS, DURATION_BUCKETS, LANE, METRICS, Metric, MetricType,
    ROUNDTRIP_BUCKETS, SENT, VIEW,
};
use crate::catalogue::step::STEPS;
use crate::catalogue::{Kind, Role};
use crate::config::{self, Plan, series};
use crate::outcome::{Swept, Why};

pub(super) fn page() -> io::Result<String> {
    let mut out = String::from(INTRO);
    out.push_str(&format!("\nLabels of a lane: {}.\n\n", code(LANE.iter().copied())));
    let roles = Role::ALL.iter().map(|role| vec![format!("`{}`", role.name()), role_means(*role).to_owned()]);
    out.push_str(&table(&["role", "the lane is about"], roles));
    out.push_str(EXISTENCE);
    out.push_str(&sample()?);
    out.push_str(SLOTS);
    let whys = Why::ALL.iter().map(|why| vec![format!("`{}`", why.name()), why_means(*why).to_owned()]);
    out.push_str(&table(&["why", "the slot"], whys));
    for (title, of) in GROUPS {
        out.push_str(&format!("\n## {title}\n\n"));
        let rows = METRICS.iter().filter(|metric| metric.of == *of).map(row);
        out.push_str(&table(&["metric", "type", "labels", "exists", "meaning"], rows));
    }
    out.push_str(LABELS);
    out.push_str(&format!("The labels of a view's books are {}.\n", code(VIEW.iter().copied())));
    out.push_str(&format!("The labels of what was sent are {}.\n", code(SENT.iter().copied())));
    let swept: Vec<_> = Swept::ALL.iter().map(|why| why.name()).collect();
    out.push_str(&format!("`why` of swept messages is one of {}.\n\n", code(swept)));
    out.push_str("Upper bounds of the histograms, in seconds:\n\n");
    for (name, bounds) in [
        ("mailprobe_check_duration_seconds", DURATION_BUCKETS),
        ("mailprobe_roundtrip_seconds", ROUNDTRIP_BUCKETS),
        ("mailprobe_calendar_seconds", CALENDAR_BUCKETS),
        ("mailprobe_schedule_delay_seconds", DELAY_BUCKETS),
    ] {
        let bounds: Vec<_> = bounds.iter().map(ToString::to_string).collect();
        out.push_str(&format!("- `{name}`: {}\n", bounds.join(" ")));
    }
    out.push_str("\nEach check's `late_after` is a bound of `mailprobe_roundtrip_seconds` too.\n");
    out.push_str(BOOKS);
    out.push_str(STEPS_INTRO);
    let steps = STEPS.iter().map(|step| vec![format!("`{}`", step.name), step.help.to_owned()]);
    out.push_str(&table(&["step", "what is timed"], steps));
    Ok(out)
}

const GROUPS: &[(&str, &[Kind])] = &[
    ("Every check", metric::ALL),
    ("Round trips", metric::TRIP),
    ("Calendars and meetings", metric::ENTRIES),
    ("All that leave something in a mailbox and take it away again", metric::TIDY),
    ("Mailboxes: all that sign in", metric::MAIL),
    ("Endpoints", metric::ENDPOINTS),
    ("The probe itself", &[]),
];

fn row(metric: &Metric) -> Vec<String> {
    let kind = match metric.kind {
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Histogram => "histogram",
    };
    let born = match metric.born {
        Born::AtZero => "from the start",
        Born::WhenJudged => "when judged",
        Born::WhileTrue => "while true",
        Born::OnUse => "on first use",
    };
    let labels = match metric.labels.strip_prefix(LANE) {
        Some([]) => "lane".to_owned(),
        Some(more) => format!("lane, {}", code(more.iter().copied())),
        None => code(metric.labels.iter().copied()),
    };
    vec![format!("`{}`", metric.name), kind.to_owned(), labels, born.to_owned(), metric.help.to_owned()]
}

fn role_means(role: Role) -> &'static str {
    match role {
        Role::Send => "the submission of a round trip; `mail_service` and `mailbox` are the sender's",
        Role::Write => {
            "the writing side of a calendar check: who changes an entry, the organizer of a meeting"
        }
        Role::View => {
            "one protocol through which a message, or a change of an entry, is awaited; `mail_service` and `mailbox` are the receiver's or attendee's"
        }
        Role::Check => "all that other kinds of check do",
    }
}

fn why_means(why: Why) -> &'static str {
    match why {
        Why::Unjudged => {
            "was not judged in this view: the view is well, but nothing was sent, or nobody knows whether it was"
        }
        Why::Paused => "was not run: the credential is paused after a refusal",
        Why::Resting => "was not run: the server asked to be left alone",
        Why::Overrun => "was not run: the last run is still going",
        Why::Backlog => "was not run: too many messages are in flight",
        Why::Limited => "was not run: a configured limit (`limits`) is used up",
        Why::Stopping => "was not run or not judged: the probe is stopping",
    }
}

/// The sample's series, counted from its plan: its secrets are files, so they are put where it can find them.
fn sample() -> io::Result<String> {
    let dir = std::env::temp_dir().join(format!("mailprobe-docs-{}-{:x}", std::process::id(), unique()));
    std::fs::create_dir(&dir)?;
    let plan = sample_plan(&dir);
    std::fs::remove_dir_all(&dir)?;
    let plan = plan?;
    Ok(format!(
        "The sample configuration ({} checks of {} mailboxes) makes {} series when all is well and every lane was judged.\n\
         A test holds it to 1,500 at the most.\n\
         `mailprobe config show` counts those of your own.\n",
        plan.checks.len(),
        plan.mailboxes.len(),
        series::of_plan(&plan)
    ))
}

fn sample_plan(dir: &std::path::Path) -> io::Result<Plan> {
    for name in ["fleet-key", "alice", "bob"] {
        std::fs::write(dir.join(name), "a secret of the sample only")?;
    }
    let text = SAMPLE.replace("/run/secrets/mailprobe", &dir.display().to_string());
    config::load_str("mailprobe.sample.yaml", &text).map_err(io::Error::other)
}

fn unique() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap_or_default();
    u64::from_ne_bytes(bytes)
}

const INTRO: &str = "# Metrics

These names and labels are an interface: dashboards and alerts of other people stand on them.
A rename keeps the old name for one minor version.
Every series has the label `site`.
Durations are in seconds, times are seconds since 1970.

Names of mailboxes and mail services are roles, the same at all sites, so that rules for the whole fleet can group by them.
No server text, address or message id is ever a label, except in `*_info`, where it is cut to 64 bytes.

## Lanes

A *lane* is what a verdict is about: one check, one role, one protocol.
A run settles each of its lanes exactly once.
`mail_service` and `mailbox` belong to the session that the series is about, and are empty where there is none.
`send` names the submitting protocol of a round trip.
When a round trip has several of them, they take turns, and each has lanes of its own.
";

const EXISTENCE: &str = "
## When a series exists

- *From the start*: it is there, at zero, for every label set that the configuration makes, before anything happened.
- *When judged*: it appears with the first judgement or observation, and goes when there is no fresh one.
- *While true*: it is there as long as what it tells is so, and goes then.
- *On first use*: it appears when it first counts something, so an alert must not take `increase()` of it.

Gauges that tell of a run do not exist before the first one: a zero would be a failure, or the year 1970.
What is not there is unknown: it is not well, and not broken either.

";

const SLOTS: &str = "
## What a slot does

A slot is the n-th time that a check is due.

| slot | `mailprobe_check_success` | counted in |
| --- | --- | --- |
| the run ended | 1 or 0 | `mailprobe_check_runs_total`, and when it failed `mailprobe_check_failures_total` |
| not judged: the view is well, but nothing was sent | goes, until a slot is judged again | `mailprobe_checks_skipped_total{why=\"unjudged\"}` |
| the view's session is down, whether or not something was sent | 0, with the session's own reason | runs and failures |
| the credential is paused | 0, reason `credential_paused` | `why=\"paused\"` only |
| the server asked to be left alone | goes with the first skipped slot | `why=\"resting\"` |
| the lane's last run is still going, or too many messages are in flight | stays, and is 0 once its timeout is over | `why=\"overrun\"` or `why=\"backlog\"` |
| nothing was judged for twice the interval and the timeout | goes, for whatever reason | |

`mailprobe_check_consecutive_failures` comes and goes with `mailprobe_check_success`.
A step that the newest judged run did not reach is not there.

";

const LABELS: &str = "
## Labels and buckets

`cause` is one of the causes, `reason` one of the reasons of [reasons.md](reasons.md).
";

const BOOKS: &str = "
## The books of a view

For each view, and exactly:

`expected` = `received` + `lost` + `bounced` + `abandoned` + in flight

- `expected` counts a message when its submission was accepted, or is unknown because the line broke after the last byte.
- `late` is a part of `expected`: not there at `late_after`, and received or lost later.
- `resurfaced` is a part of `lost`: seen after it was called lost, and not counted as received.
- `duplicated`, `corrupted` and `junked` are parts of `received`.
- `abandoned` were still awaited when the process or the check ended, or are of unknown submission and not there at `lost_after`.

Late and lost are said only by a look that began after the deadline and did not show the message.
A message whose submission is unknown counts when it arrives, and is not called lost when it does not.
What a killed process had in flight is swept by the next one and called neither received nor lost.
";

const STEPS_INTRO: &str = "
## Steps

A step is a timed part of a run.
The step that is open when a deadline passes is charged with it.

";
