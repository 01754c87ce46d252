//! The example for Alertmanager: who is told, what silences what, what is one page.

use std::collections::BTreeMap;

use mailprobe::catalogue::Kind;

use crate::alert::{Alert, full};
use crate::words;

/// The labels by which one alert silences another: those that both have.
pub fn equal(source: &Alert, target: &Alert) -> Vec<&'static str> {
    source.labels.iter().filter(|label| target.labels.contains(label)).copied().collect()
}

/// Who silences only a part of what its labels fit, and which.
pub fn narrowed(source: &Alert, target: &Alert) -> Option<(&'static str, String)> {
    let kind = match source.name {
        "ClassicOutlookOutage" => return Some(("protocol", words::classic())),
        "MailLost" | "MailDelayed" | "ReceiveFailing" => Kind::Roundtrip,
        "CalendarFailing" | "CalendarStale" => Kind::Calendar,
        _ => return None,
    };
    target.labels.contains(&"kind").then(|| ("kind", kind.name().to_owned()))
}

/// `alertmanager.yml`.
pub fn file(table: &[Alert]) -> String {
    let mut out = crate::MADE.to_owned() + HEAD + "inhibit_rules:\n";
    let mut rules: BTreeMap<(usize, Vec<&str>, Option<_>), Vec<String>> = BTreeMap::new();
    for target in table {
        for name in target.silenced_by {
            let Some(at) = table.iter().position(|alert| alert.name == *name) else { continue };
            let source = &table[at];
            let key = (at, equal(source, target), narrowed(source, target));
            rules.entry(key).or_default().push(target.full());
        }
    }
    for ((at, equal, narrowed), targets) in rules {
        let source = table[at].name;
        let mut matchers = vec![format!("alertname=~\"{}\"", targets.join("|"))];
        if let Some((label, values)) = narrowed {
            matchers.push(format!("{label}=~\"{values}\""));
        }
        let matchers: Vec<_> = matchers.iter().map(|matcher| format!("'{matcher}'")).collect();
        out += &format!(
            "  - source_matchers: ['alertname=\"{}\"']\n    target_matchers: [{}]\n    equal: [{}]\n",
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
