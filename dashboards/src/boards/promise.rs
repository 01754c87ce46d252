//! What was promised for 30 days, how much of it is left, and how fast it is used up.

use super::parts::{annotations, chosen, variables};
use crate::alert::Dashboard;
use crate::grafana::{Board, Colour, Panel, View, panel};
use crate::records::WINDOWS;

const PICK: &[&str] = &["mail_service", "protocol"];
const LEGEND: &str = "{{kind}} · {{mail_service}} · {{protocol}}";

pub(super) fn board() -> Board {
    let of = chosen(PICK);
    Board {
        is: Dashboard::Promises,
        title: "mailprobe / SLO",
        description: "Is what was promised kept: mail and calendar changes visible in time, over all sites, in 30 days? What policy, the probe or its configuration explains does not count.",
        from: "now-2d",
        variables: variables(PICK),
        rows: vec![
            ("30 days", month(&of)),
            ("How fast it is used up", pace(&of)),
            ("Who used it up", who(&of)),
        ],
        annotations: annotations(false),
    }
}

fn month(of: &str) -> Vec<Panel> {
    let ratio = |kind: &str| {
        format!(
            "avg_over_time(promise:mailprobe_bad:rate5m{{{of}{kind}}}[30d]) / (avg_over_time(promise:mailprobe_judged:rate5m{{{of}{kind}}}[30d]) > 0)"
        )
    };
    let left =
        |kind: &str, slo: &str| format!("1 - ({}) / (1 - [[{slo}]])", ratio(&format!(",kind=\"{kind}\"")));
    vec![
        panel(View::Bars, "Visible in time", "What share of what was judged was visible in time, in 30 days or as long as there is data? mail is promised for [[mail_slo]], calendars for [[calendar_slo]].")
            .ask(format!("1 - ({})", ratio("")), LEGEND)
            .unit("percentunit")
            .base(Colour::Bad)
            .from("[[mail_slo]]", Colour::Good)
            .nothing("nothing judged"),
        panel(View::Bars, "Budget that is left", "How much of what may go wrong in 30 days is left? Below zero the promise is broken.")
            .ask(format!("{}\nor {}", left("roundtrip", "mail_slo"), left("calendar", "calendar_slo")), LEGEND)
            .unit("percentunit")
            .base(Colour::Bad)
            .from("0", Colour::Warn)
            .from("0.25", Colour::Good)
            .nothing("nothing judged"),
    ]
}

fn pace(of: &str) -> Vec<Panel> {
    let burn = |title, answers: &str, windows: &[&str]| {
        let mut out = panel(View::Series, title, answers).size(12, 10);
        for window in windows {
            let legend = match *window {
                "5m" => "5m · {{kind}} · {{mail_service}} · {{protocol}}",
                "30m" => "30m · {{kind}} · {{mail_service}} · {{protocol}}",
                "1h" => "1h · {{kind}} · {{mail_service}} · {{protocol}}",
                "2h" => "2h · {{kind}} · {{mail_service}} · {{protocol}}",
                "6h" => "6h · {{kind}} · {{mail_service}} · {{protocol}}",
                "1d" => "1d · {{kind}} · {{mail_service}} · {{protocol}}",
                _ => "3d · {{kind}} · {{mail_service}} · {{protocol}}",
            };
            out = out.ask(format!("promise:mailprobe_burn:ratio{window}{{{of}}}"), legend);
        }
        out
    };
    let (short, long) = WINDOWS.split_at(4);
    vec![
        burn("Pace, short windows", "Is a promise being broken now? 1 uses up the budget in just 30 days; 14.4 over 1 h and 5 min is PromiseBurningFast.", short)
            .from("6", Colour::Warn)
            .from("14.4", Colour::Bad),
        burn("Pace, long windows", "Does it leak slowly? 6 over 6 h and 30 min is PromiseBurningFast; 3 over a day, or 1 over three, PromiseBurningSlow.", long)
            .from("1", Colour::Warn)
            .from("6", Colour::Bad),
    ]
}

fn who(of: &str) -> Vec<Panel> {
    vec![
        panel(View::Series, "Share that was not visible in time, 5 min", "When did it go wrong?")
            .ask(format!("promise:mailprobe_bad:ratio5m{{{of}}}"), LEGEND)
            .unit("percentunit"),
        panel(View::Series, "Sites that had something bad, 5 min", "One site, or many? A page needs [[burn_sites]].")
            .ask(format!("promise:mailprobe_bad_sites:count5m{{{of}}}"), LEGEND)
            .nothing("none"),
        panel(View::Bars, "Bad runs of the last hour, by site", "Which sites used up most?")
            .ask(format!("topk(15, round(sum by (site) (avg_over_time(site_promise:mailprobe_bad:rate5m{{{of}}}[1h]) * 3600)))"), "{{site}}")
            .from("1", Colour::Warn)
            .base(Colour::Good)
            .link("This site", Dashboard::Site, &["site"]),
        panel(View::Series, "Runs that are judged, an hour", "Is enough judged to say anything? Few runs make a pace jump.")
            .ask(format!("promise:mailprobe_judged:rate5m{{{of}}} * 3600"), LEGEND),
    ]
}
