//! Recording rules: the only place that reads the probes' own series.
//!
//! They drop what Prometheus adds (pod, instance, job), so that two pods of one site, or a site under a new pod, are
//! one series. All of a group is evaluated in order, so that what builds on another rule stands behind it.

/// One recording rule.
pub struct Record {
    pub name: String,
    pub expr: String,
}

/// One group, evaluated in order.
pub struct Group {
    pub name: &'static str,
    pub records: Vec<Record>,
}

/// All groups.
pub fn groups() -> Vec<Group> {
    vec![
        Group { name: "mailprobe-lanes", records: LANES.iter().map(made).collect() },
        Group { name: "mailprobe-events", records: events().collect() },
        Group { name: "mailprobe-promises", records: promises() },
    ]
}

fn made((name, expr): &(&str, &str)) -> Record {
    Record { name: (*name).to_owned(), expr: (*expr).to_owned() }
}

const LANES: &[(&str, &str)] = &[
    // What the probes say, one series for each lane.
    ("lane:mailprobe_failed_runs:max", "max by (@lane@) (mailprobe_check_consecutive_failures)"),
    ("lane:mailprobe_interval_seconds:max", "max by (@lane@) (mailprobe_check_interval_seconds)"),
    ("lane:mailprobe_last_run:max", "max by (@lane@) (mailprobe_check_last_run_timestamp_seconds)"),
    ("lane:mailprobe_last_success:max", "max by (@lane@) (mailprobe_check_last_success_timestamp_seconds)"),
    ("lane:mailprobe_overdue_seconds:max", "max by (@lane@) (mailprobe_check_overdue_seconds)"),
    (
        "lane:mailprobe_failing:max",
        "max by (@lane@, step, reason, cause, outlook_code) (mailprobe_check_failing)",
    ),
    ("site:mailprobe_up:group", "group by (site) (mailprobe_build_info)"),
    ("site:mailprobe_version:group", "group by (site, version) (mailprobe_build_info)"),
    (
        "site:mailprobe_region:group",
        "group by (site, [[region_label]]) (mailprobe_site_info{[[region_label]]!=\"\"})",
    ),
    ("site:mailprobe_reference_up:max", "max by (site) (mailprobe_reference_up)"),
    ("site:mailprobe_reload_failed:group", "group by (site) (mailprobe_config_last_reload_successful == 0)"),
    ("site:mailprobe_rival:group", "group by (site, mailbox) (mailprobe_rival_probe == 1)"),
    (
        "mailbox:mailprobe_backend:group",
        "group by (site, mail_service, mailbox, protocol, backend) (mailprobe_backend_info{backend!=\"\"})",
    ),
    ("mailbox:mailprobe_items:max", "max by (site, mail_service, mailbox) (mailprobe_mailbox_items)"),
    (
        "mailbox:mailprobe_filled:ratio",
        "max by (site, mail_service, mailbox) (mailprobe_mailbox_bytes)\n  / (max by (site, mail_service, mailbox) (mailprobe_mailbox_quota_bytes) > 0)",
    ),
    (
        "mailbox:mailprobe_secret_expiry:min",
        "min by (site, mailbox) (mailprobe_secret_expiry_timestamp_seconds)",
    ),
    (
        "place:mailprobe_certificate_expiry:min",
        "min by (mail_service, protocol, server) (mailprobe_certificate_expiry_timestamp_seconds)",
    ),
    ("place:mailprobe_addresses:max", "max by (site, mail_service, protocol) (mailprobe_endpoint_addresses)"),
    (
        "place:mailprobe_addresses_failing:max",
        "max by (site, mail_service, protocol) (mailprobe_endpoint_addresses_failing)",
    ),
    ("site_service:mailprobe_skew:max", "max by (site, mail_service) (abs(mailprobe_clock_skew_seconds))"),
    (
        "service:mailprobe_vendor_state:group",
        "group by (mail_service, workload, state) (mailprobe_service_health)",
    ),
    (
        "view:mailprobe_oldest_in_flight_seconds:max",
        "max by (site, check, mail_service, mailbox, protocol, send) (mailprobe_oldest_in_flight_seconds)",
    ),
    // Which sites there should be: the list if there is one, else who was there in the last day.
    (
        "site:mailprobe_expected:group",
        "group by (site) (mailprobe_site_expected)\n  or on () group by (site) (last_over_time(mailprobe_build_info[1d]))",
    ),
    ("site:mailprobe_silent:group", "site:mailprobe_expected:group unless site:mailprobe_up:group"),
    (
        "site:mailprobe_page:group",
        "group by (site) (mailprobe_site_expected{page=\"true\"} or last_over_time(mailprobe_site_info{page=\"true\"}[1d]))\n  unless group by (site) (mailprobe_site_info{page!=\"true\",page!=\"\"})",
    ),
    // How many sites an alert about several takes: two, or the only one that says something.
    (
        "fleet:mailprobe_several_sites:count",
        "clamp_max(count(site:mailprobe_expected:group and site:mailprobe_up:group), 2)",
    ),
    // How long a lane has failed, by its own runs; since when, by the probe's own clock.
    (
        "lane:mailprobe_failing_seconds:max",
        "clamp_min(lane:mailprobe_failed_runs:max - 1, 0) * lane:mailprobe_interval_seconds:max",
    ),
    (
        "lane:mailprobe_failing_since:max",
        "lane:mailprobe_last_run:max\n  - abs(lane:mailprobe_failed_runs:max - 1) * lane:mailprobe_interval_seconds:max",
    ),
    // Nothing that the mail service could be blamed for. A probe that runs late because the server hangs says both in
    // turn: the probe's own cause excuses only where no other was said lately.
    (
        "lane:mailprobe_excused:group",
        "group by (@lane@) (lane:mailprobe_failing:max{cause=\"policy\"})\n  or (\n    group by (@lane@) (lane:mailprobe_failing:max{cause=\"probe\"})\n    unless group by (@lane@) (max_over_time(lane:mailprobe_failing:max{cause=~\"@blamed@\"}[10m]))\n  )",
    ),
    // Failing: at least twice in a row, and for longer than a blip.
    (
        "lane:mailprobe_down:max",
        "(\n  lane:mailprobe_failed_runs:max >= [[fleet_runs]]\n  and lane:mailprobe_failing_seconds:max >= [[blip_seconds]]\n)\nunless lane:mailprobe_excused:group",
    ),
    // Failing now and then: a window of at least six runs, so that any interval is treated alike.
    (
        "lane:mailprobe_blamed:bool",
        "(lane:mailprobe_failed_runs:max > bool 0) unless lane:mailprobe_excused:group",
    ),
    // Of the lanes that run seldom, once more: the long windows are looked at for them alone.
    (
        "lane:mailprobe_seldom_blamed:bool",
        "lane:mailprobe_blamed:bool and lane:mailprobe_interval_seconds:max > 300",
    ),
    (
        "lane:mailprobe_seldom_failed_runs:max",
        "lane:mailprobe_failed_runs:max and lane:mailprobe_interval_seconds:max > 300",
    ),
    ("lane:mailprobe_flaky:group", FLAKY),
    // Not the mail service: everything fails on the network there, and what is not mail too.
    (
        "site:mailprobe_network_since:max",
        "max by (site) (\n  lane:mailprobe_failing_since:max\n  and lane:mailprobe_down:max >= [[fleet_runs]]\n  and on (@lane@) lane:mailprobe_failing:max{cause=\"network\"}\n)",
    ),
    (
        "site:mailprobe_cut_off:group",
        "group by (site) (\n  site:mailprobe_network_since:max\n  unless (max by (site) (lane:mailprobe_last_success:max) >= site:mailprobe_network_since:max)\n)\nand site:mailprobe_reference_up:max == 0",
    ),
    (
        "site_service:mailprobe_network_since:max",
        "max by (site, mail_service) (\n  lane:mailprobe_failing_since:max\n  and lane:mailprobe_down:max >= [[site_runs]]\n  and on (@lane@) lane:mailprobe_failing:max{cause=\"network\"}\n)",
    ),
    (
        "site_service:mailprobe_unreachable:group",
        "group by (site, mail_service) (\n  site_service:mailprobe_network_since:max\n  unless (max by (site, mail_service) (lane:mailprobe_last_success:max) >= site_service:mailprobe_network_since:max)\n)\nunless on (site) site:mailprobe_cut_off:group",
    ),
    // What the fleet judges by: 1 failing, 0 not; a lane that says nothing of the mail service is not there.
    (
        "lane:mailprobe_bad:bool",
        "(\n  group by (@lane@) (lane:mailprobe_down:max)\n  or lane:mailprobe_flaky:group\n  or lane:mailprobe_failed_runs:max * 0\n)\nunless lane:mailprobe_excused:group\nunless on (site) site:mailprobe_cut_off:group",
    ),
    // An endpoint is down when all of its addresses are; EndpointPartlyDown tells of some.
    (
        "lane:mailprobe_partly_down:group",
        "group by (@lane@) (\n  lane:mailprobe_bad:bool{kind=\"endpoint\"} == 1\n  and on (site, mail_service, protocol) (\n    place:mailprobe_addresses_failing:max > 0 < place:mailprobe_addresses:max\n  )\n)",
    ),
    // Classic Outlook's protocols, and what shows that the mailboxes behind them are well.
    (
        "lane:mailprobe_classic:bool",
        "lane:mailprobe_bad:bool{kind=~\"@daily@\",protocol=~\"@classic@\"}\n  unless group by (@lane@) (lane:mailprobe_failing:max{cause=\"client\"})\n  unless on (@lane@) lane:mailprobe_partly_down:group",
    ),
    ("site_service:mailprobe_classic_bad:max", "max by (site, mail_service) (lane:mailprobe_classic:bool)"),
    (
        "site_service:mailprobe_classic_since:min",
        "min by (site, mail_service) (lane:mailprobe_failing_since:max and lane:mailprobe_classic:bool == 1)",
    ),
    (
        "lane:mailprobe_control_good:group",
        "lane:mailprobe_last_success:max{kind=~\"roundtrip|login\",protocol=~\"@control@\"}\n  >= on (site, mail_service) group_left () site_service:mailprobe_classic_since:min\nand lane:mailprobe_failed_runs:max == 0",
    ),
    (
        "site_service:mailprobe_control_bad:group",
        "group by (site, mail_service) (lane:mailprobe_failed_runs:max{kind=~\"roundtrip|login\",protocol=~\"@control@\"})\n  unless group by (site, mail_service) (lane:mailprobe_control_good:group)",
    ),
    // A mailbox that is not well by any way is no matter of classic Outlook's protocols.
    (
        "mailbox:mailprobe_control_bad:group",
        "group by (site, mail_service, mailbox) (lane:mailprobe_failed_runs:max{kind=~\"roundtrip|login\",protocol=~\"@control@\",mailbox!=\"\"})\n  unless group by (site, mail_service, mailbox) (lane:mailprobe_control_good:group)",
    ),
    (
        "site_service:mailprobe_classic_alone:group",
        "group by (site, mail_service) (\n  lane:mailprobe_classic:bool == 1\n  unless on (site, mail_service, mailbox) mailbox:mailprobe_control_bad:group\n)",
    ),
    (
        "service:mailprobe_classic_outage:count",
        "count by (mail_service) (\n  site_service:mailprobe_classic_alone:group\n  unless on (site, mail_service) site_service:mailprobe_control_bad:group\n)\n>= on (mail_service) clamp_min(\n  [[degraded_share]] * count by (mail_service) (site_service:mailprobe_classic_bad:max),\n  scalar(fleet:mailprobe_several_sites:count)\n)",
    ),
    // Signing in, by whatever protocol: at least half of what was told lately, since a server that is down says that too.
    (
        "lane:mailprobe_not_signed_in:group",
        "group by (@lane@) (\n  lane:mailprobe_bad:bool == 1\n  and on (@lane@) (\n    sum by (@lane@) (count_over_time(lane:mailprobe_failing:max{cause=\"authentication\"}[10m]))\n    >= 0.5 * sum by (@lane@) (count_over_time(lane:mailprobe_failing:max[10m]))\n  )\n)",
    ),
    (
        "service:mailprobe_sign_in_outage:count",
        "(\n  count by (mail_service) (group by (site, mail_service, mailbox) (lane:mailprobe_not_signed_in:group{mailbox!=\"\"}))\n  >= on (mail_service) clamp_min(\n    [[degraded_share]] * count by (mail_service) (group by (site, mail_service, mailbox) (lane:mailprobe_bad:bool{mailbox!=\"\"})),\n    [[degraded_count]]\n  )\n)\nand on (mail_service) count by (mail_service) (group by (site, mail_service) (lane:mailprobe_not_signed_in:group))\n  >= scalar(fleet:mailprobe_several_sites:count)",
    ),
    (
        "lane:mailprobe_signed_out:group",
        "lane:mailprobe_not_signed_in:group and on (mail_service) service:mailprobe_sign_in_outage:count",
    ),
    // Classic Outlook's lanes where they fail and what they are compared with is well.
    (
        "lane:mailprobe_classic_told:group",
        "group by (@lane@) (\n  lane:mailprobe_classic:bool\n  and on (site, mail_service) (\n    site_service:mailprobe_classic_alone:group\n    unless on (site, mail_service) site_service:mailprobe_control_bad:group\n  )\n  and on (mail_service) max_over_time(service:mailprobe_classic_outage:count[10m])\n)",
    ),
    // What is left for the alerts on sorts of work: an outage that has a name of its own is not told twice.
    (
        "lane:mailprobe_work:bool",
        "lane:mailprobe_bad:bool{kind=~\"@daily@\"}\n  unless on (@lane@) lane:mailprobe_classic_told:group\n  unless on (@lane@) lane:mailprobe_signed_out:group\n  unless on (@lane@) lane:mailprobe_partly_down:group",
    ),
    // Where people could go meanwhile.
    (
        "site_service:mailprobe_web_bad:group",
        "group by (site, mail_service) (lane:mailprobe_work:bool{protocol=~\"@web@\"} == 1)",
    ),
    // Sites and mailboxes, for each sort of work in each mail service.
    ("site_work:mailprobe_bad:max", "max by (site, mail_service, kind, role) (lane:mailprobe_work:bool)"),
    (
        "mailbox_work:mailprobe_bad:max",
        "max by (site, mail_service, mailbox, kind, role) (lane:mailprobe_work:bool)",
    ),
    // The share of a site's mailboxes; an endpoint, which has none, counts as one.
    (
        "site_work:mailprobe_bad:avg",
        "avg by (site, mail_service, kind, role) (mailbox_work:mailprobe_bad:max)",
    ),
    (
        "work:mailprobe_sites_hit:count",
        "count by (mail_service, kind, role) (site_work:mailprobe_bad:max == 1)",
    ),
    (
        "work:mailprobe_sites_down:count",
        "count by (mail_service, kind, role) (site_work:mailprobe_bad:avg >= [[outage_share]])",
    ),
    (
        "work:mailprobe_sites_judged:count",
        "count by (mail_service, kind, role) (site_work:mailprobe_bad:max)",
    ),
    (
        "work:mailprobe_mailboxes_hit:count",
        "count by (mail_service, kind, role) (mailbox_work:mailprobe_bad:max{mailbox!=\"\"} == 1)",
    ),
    (
        "work:mailprobe_mailboxes_judged:count",
        "count by (mail_service, kind, role) (mailbox_work:mailprobe_bad:max{mailbox!=\"\"})",
    ),
];

/// A window for each class of intervals; the longer ones look less often, which is enough for them.
const FLAKY: &str = "\
group by (@lane@) (
  (
    avg_over_time(lane:mailprobe_blamed:bool[30m]) >= [[flaky_share]]
    and sum_over_time(lane:mailprobe_blamed:bool[30m:1m]) * 60 / lane:mailprobe_interval_seconds:max >= [[flaky_failures]]
    and resets(lane:mailprobe_failed_runs:max[30m]) >= 2
    and lane:mailprobe_interval_seconds:max <= 300
  )
  or (
    avg_over_time(lane:mailprobe_seldom_blamed:bool[2h:5m]) >= [[flaky_share]]
    and sum_over_time(lane:mailprobe_seldom_blamed:bool[2h:5m]) * 300 / lane:mailprobe_interval_seconds:max >= [[flaky_failures]]
    and resets(lane:mailprobe_seldom_failed_runs:max[2h:5m]) >= 2
    and lane:mailprobe_interval_seconds:max > 300 <= 1200
  )
  or (
    avg_over_time(lane:mailprobe_seldom_blamed:bool[6h:5m]) >= [[flaky_share]]
    and sum_over_time(lane:mailprobe_seldom_blamed:bool[6h:5m]) * 300 / lane:mailprobe_interval_seconds:max >= [[flaky_failures]]
    and resets(lane:mailprobe_seldom_failed_runs:max[6h:5m]) >= 2
    and lane:mailprobe_interval_seconds:max > 1200
  )
)";

/// What may become of a message, and is counted.
pub const EVENTS: &[&str] = &["lost", "duplicated", "corrupted", "junked", "bounced", "resurfaced"];

/// Single events, summed over the pods of a site: each has counted its own.
fn events() -> impl Iterator<Item = Record> {
    let messages = EVENTS.iter().map(|event| Record {
        name: format!("view:mailprobe_{event}:increase1h"),
        expr: format!(
            "sum by (site, check, mail_service, mailbox, protocol, send) (increase(mailprobe_messages_{event}_total[1h]))"
        ),
    });
    let others = [
        (
            "seat:mailprobe_unplanned_ends:increase30m",
            "sum by (site, mail_service, mailbox, protocol) (increase(mailprobe_session_ends_total{planned=\"false\",cause!~\"@excused@\"}[30m]))",
        ),
        (
            "lane:mailprobe_skipped:increase2h",
            "sum by (@lane@, why) (increase(mailprobe_checks_skipped_total{why=~\"unjudged|resting|limited\"}[2h]))",
        ),
        (
            "mailbox:mailprobe_cleanup_failures:increase1h",
            "sum by (site, mail_service, mailbox) (increase(mailprobe_cleanup_failures_total[1h]))",
        ),
        (
            "site:mailprobe_internal_errors:increase1h",
            "sum by (site) (increase(mailprobe_internal_errors_total[1h]))",
        ),
    ];
    messages.chain(others.map(|row| made(&row)))
}

/// What is promised, and by which knob: kinds of check.
const SLO: [(&str, &str); 2] = [("roundtrip", "mail_slo"), ("calendar", "calendar_slo")];

/// The windows of the burn rates.
pub const WINDOWS: &[&str] = &["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

/// Visible in time, of all that were judged: what a view says includes the sessions that are down. The long windows are
/// averages of the short one: rates are added up, never ratios.
fn promises() -> Vec<Record> {
    let view = "kind=~\"roundtrip|calendar\",role=\"view\"";
    let by = "sum by (site, kind, mail_service, protocol)";
    let mut all = vec![
        (
            "site_promise:mailprobe_bad:rate5m".to_owned(),
            format!("{by} (rate(mailprobe_check_failures_total{{{view},cause!~\"@not_the_service@\"}}[5m]))"),
        ),
        (
            "site_promise:mailprobe_judged:rate5m".to_owned(),
            format!(
                "{by} (rate(mailprobe_check_runs_total{{{view}}}[5m]))\n  - {by} (rate(mailprobe_check_failures_total{{{view},cause=~\"@not_the_service@\"}}[5m]))"
            ),
        ),
    ];
    for what in ["bad", "judged"] {
        all.push((
            format!("promise:mailprobe_{what}:rate5m"),
            format!("sum by (kind, mail_service, protocol) (site_promise:mailprobe_{what}:rate5m)"),
        ));
    }
    for window in WINDOWS {
        let of = |what| match *window {
            "5m" => format!("promise:mailprobe_{what}:rate5m"),
            _ => format!("avg_over_time(promise:mailprobe_{what}:rate5m[{window}])"),
        };
        let ratio = format!("promise:mailprobe_bad:ratio{window}");
        let burn = SLO.map(|(kind, knob)| format!("{ratio}{{kind=\"{kind}\"}} / (1 - [[{knob}]])"));
        all.push((ratio, format!("{}\n  / ({} > 0)", of("bad"), of("judged"))));
        all.push((format!("promise:mailprobe_burn:ratio{window}"), burn.join("\nor ")));
    }
    // Of steps that do not overlap: what an average says of a young series would be too much.
    for window in ["5m", "30m", "2h", "6h"] {
        let (events, sites) = match window {
            "5m" => {
                ("promise:mailprobe_bad:rate5m".to_owned(), "site_promise:mailprobe_bad:rate5m".to_owned())
            }
            _ => (
                format!("sum_over_time(promise:mailprobe_bad:rate5m[{window}:5m])"),
                format!("max_over_time(site_promise:mailprobe_bad:rate5m[{window}])"),
            ),
        };
        all.push((format!("promise:mailprobe_bad_events:sum{window}"), format!("round({events} * 300)")));
        let count = format!("count by (kind, mail_service, protocol) ({sites} > 0)");
        all.push((format!("promise:mailprobe_bad_sites:count{window}"), count));
    }
    all.into_iter().map(|(name, expr)| Record { name, expr }).collect()
}
