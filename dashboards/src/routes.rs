//! The example for Alertmanager: who is told, what silences what, what is one page.

use std::collections::BTreeMap;

use mailprobe::catalogue::Kind;

use crate::alert::{Alert, Area, full};
use crate::words;

/// The labels by which one alert silences another: those that both have.
pub fn equal(source: &Alert, target: &Alert) -> Vec<&'static str> {
    source.labels.iter().filter(|label| target.labels.contains(label)).copied().collect()
}

/// Who silences only a part of what its labels fit, and which.
pub fn narrowed(source: &str) -> Option<(&'static str, String)> {
    (source == "ClassicOutlookOutage").then(|| ("protocol", words::classic()))
}

/// Kinds of work that people feel in what the target tells of, for outages that are told by kind.
pub fn kinds(source: &Alert, target: &Alert) -> Option<String> {
    let is_told = source.labels.contains(&"kind") && !target.labels.contains(&"kind");
    let of = match target.area {
        Area::Site | Area::Mail => &[Kind::Roundtrip, Kind::Login, Kind::Endpoint][..],
        Area::Calendar => &[Kind::Calendar, Kind::Meeting, Kind::Login, Kind::Endpoint],
        _ => return None,
    };
    is_told.then(|| of.iter().map(|kind| kind.name()).collect::<Vec<_>>().join("|"))
}

/// Where the source stands in the table, the labels that are equal, and its kinds.
type Rule<'a> = (usize, Vec<&'a str>, Option<String>);

/// `alertmanager.yml`.
pub fn file(table: &[Alert]) -> String {
    let mut out = crate::MADE.to_owned() + HEAD + "inhibit_rules:\n";
    let mut rules: BTreeMap<Rule<'_>, Vec<String>> = BTreeMap::new();
    for target in table {
        for name in target.silenced_by {
            let Some(at) = table.iter().position(|alert| alert.name == *name) else { continue };
            let source = &table[at];
            let key = (at, equal(source, target), kinds(source, target));
            rules.entry(key).or_default().push(target.full());
        }
    }
    for ((at, equal, kinds), targets) in rules {
        let source = table[at].name;
        let mut matchers = vec![format!("alertname=~\"{}\"", targets.join("|"))];
        if let Some((label, values)) = narrowed(source) {
            matchers.push(format!("{label}=~\"{values}\""));
        }
        let matchers: Vec<_> = matchers.iter().map(|matcher| format!("'{matcher}'")).collect();
        let kinds = kinds.map(|kinds| format!(", 'kind=~\"{kinds}\"'")).unwrap_or_default();
        out += &format!(
            "  - source_matchers: ['alertname=\"{}\"'{kinds}]\n    target_matchers: [{}]\n    equal: [{}]\n",
            full(source),
            matchers.join(", "),
            equal.join(", ")
        );
    }
    out
}

const HEAD: &str = r#"# An example: put in your own receivers and sites. Keep `inhibit_rules` as they are, and the groups: an outage that all
# of 300 branches see is one page.

route:
  receiver: tickets
  # Sites are not told apart: 300 of them with one trouble are one ticket.
  group_by: [alertname, mail_service]
  # Long enough for the fleet's alert to be there before its sites' are sent: they wait a minute longer to fire.
  group_wait: 1m
  group_interval: 5m
  repeat_interval: 12h
  routes:
    - matchers: ['alertname="MailprobeWatchdog"']
      receiver: dead-mans-switch
      group_wait: 0s
      group_interval: 1m
      repeat_interval: 5m
    - matchers: ['severity="info"']
      receiver: notes
    # People on call of their own for some sites; a copy of what the fleet's get is one `continue: true` away.
    - matchers: ['severity="critical"', 'site=~"lisbon|porto"']
      receiver: pager-iberia
      repeat_interval: 4h
    - matchers: ['severity="critical"', 'site=~".+"']
      receiver: pager
      repeat_interval: 4h
    # The fleet: all that is wrong with a mail service is one page, whatever it is called.
    - matchers: ['severity="critical"']
      receiver: pager
      group_by: [mail_service]
      group_wait: 30s
      repeat_interval: 4h

receivers:
  - name: pager
    webhook_configs: [{ url: 'http://pager.example/mailprobe' }]
  - name: pager-iberia
    webhook_configs: [{ url: 'http://pager.example/iberia' }]
  - name: tickets
    webhook_configs: [{ url: 'http://tickets.example/mailprobe' }]
  - name: notes
    webhook_configs: [{ url: 'http://chat.example/mailprobe' }]
  - name: dead-mans-switch
    webhook_configs: [{ url: 'http://watchdog.example/mailprobe' }]

"#;
