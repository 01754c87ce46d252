//! Fragments of the texts: what an alert looks up when it fires.
//!
//! The reason is not a label of any alert, since one that alternates would begin anew each time; the text asks for it.

use crate::alert::{Alert, Area};

/// Labels of lanes by which a text narrows what it looks up.
const NARROW: &[&str] = &["site", "mail_service", "mailbox", "kind", "role", "protocol"];

/// Makes what stands for a name.
type Fragment = fn(&Alert) -> String;

/// The text with its fragments: `@lead@`, `@fails@`, `@works@`, `@sites@`, `@reach@`, `@shared@`, `@work@`.
pub fn fill(text: &str, alert: &Alert) -> String {
    let fragments: &[(&str, Fragment)] = &[
        ("@lead@", lead),
        ("@fails@", fails),
        ("@works@", works),
        ("@sites@", sites),
        ("@mailboxes@", mailboxes),
        ("@reach@", reach),
        ("@shared@", shared),
        ("@work@", |_| WORK.to_owned()),
        ("@fallback@", |_| FALLBACK.to_owned()),
        ("@elsewhere@", |_| ELSEWHERE.to_owned()),
    ];
    fragments.iter().fold(text.to_owned(), |text, (name, make)| match text.contains(name) {
        true => text.replace(name, &make(alert)),
        false => text,
    })
}

/// What people call a kind of check and its side.
const WORK: &str = "{{ if eq $labels.kind \"roundtrip\" }}{{ if eq $labels.role \"send\" }}sending{{ else }}receiving{{ end }} mail\
{{ else if eq $labels.kind \"login\" }}signing in\
{{ else if eq $labels.kind \"endpoint\" }}connecting\
{{ else if eq $labels.kind \"meeting\" }}inviting to meetings\
{{ else if eq $labels.role \"write\" }}changing calendar entries\
{{ else }}seeing calendar changes{{ end }}";

/// Where people can go while classic Outlook is down.
const FALLBACK: &str = "{{ with printf `count(group by (site) (lane:mailprobe_control_good:group{mail_service=%q,role=\"view\"}))` $labels.mail_service | query }}\
Mail arrives by another way at {{ . | first | value }} sites.\
{{ else }}{{ with printf `count(group by (site) (lane:mailprobe_control_good:group{mail_service=%q}))` $labels.mail_service | query }}\
People can sign in by another way at {{ . | first | value }} sites; whether mail arrives there is not watched.\
{{ else }}There is nothing to compare with: no lane over the web or IMAP is judged.{{ end }}{{ end }}";

/// Whether other mail services can be reached from the site.
const ELSEWHERE: &str = "{{ with printf `group by (mail_service) (site_service:mailprobe_unreachable:group{site=%q,mail_service!=%q})` $labels.site $labels.mail_service | query }}\
Other mail services cannot be reached from there either: look at the site first.\
{{ else }}{{ with printf `site:mailprobe_reference_up:max{site=%q} == 1` $labels.site | query }}What is not mail answers there.\
{{ else }}No reference target is known to answer there.{{ end }}{{ end }}";

/// The matchers of what the alert is about, and the values that go into them.
struct Selector {
    matchers: Vec<String>,
    values: String,
    /// How far back the alert looks for what it is about.
    window: Option<&'static str>,
}

impl Selector {
    fn new(alert: &Alert, without: &[&str], about: bool) -> Self {
        let labels: Vec<_> =
            NARROW.iter().filter(|name| alert.labels.contains(name) && !without.contains(name)).collect();
        let mut matchers: Vec<String> = labels.iter().map(|name| format!("{name}=%q")).collect();
        if about && !alert.about.is_empty() {
            matchers.push(alert.about.to_owned());
        }
        let values = labels.iter().map(|name| format!(" $labels.{name}")).collect();
        let window = match (alert.area, ["reason", "cause"].iter().any(|label| alert.about.contains(label))) {
            (Area::Promise, _) => Some("6h"),
            (_, true) => Some("10m"),
            _ => None,
        };
        Self { matchers, values, window }
    }

    fn with(&self, more: &str) -> String {
        let mut all = self.matchers.clone();
        if !more.is_empty() {
            all.push(more.to_owned());
        }
        all.join(",")
    }

    /// The lanes that fail now, or did within the time in which the alert looks for it.
    fn failing(&self) -> String {
        match self.window {
            None => format!("lane:mailprobe_failing:max{{{}}}", self.with("")),
            Some(window) => self.lately(window),
        }
    }

    fn lately(&self, window: &str) -> String {
        format!("max_over_time(lane:mailprobe_failing:max{{{}}}[{window}])", self.with(""))
    }

    /// A query; `times` says how often the matchers stand in it.
    fn ask(&self, query: &str, times: usize) -> String {
        format!("printf `{query}`{} | query", self.values.repeat(times))
    }
}

/// The names in a label, the first `most` of them.
fn names(label: &str, most: usize) -> String {
    format!(
        "{{{{ range $i, $s := . }}}}{{{{ if lt $i {most} }}}}{{{{ if $i }}}}, {{{{ end }}}}{{{{ $s.Labels.{label} }}}}{{{{ end }}}}{{{{ end }}}}\
         {{{{ if gt (len .) {most} }}}}, …{{{{ end }}}}"
    )
}

/// It is about lanes of many sites.
fn is_fleet(alert: &Alert) -> bool {
    alert.area == Area::Fleet && !alert.labels.contains(&"site")
}

/// Protocols by which enough lanes fail to be a fleet's matter.
fn hit(of: &Selector) -> String {
    format!("avg by (protocol) (lane:mailprobe_bad:bool{{{}}}) >= [[degraded_share]]", of.with(""))
}

fn lead(alert: &Alert) -> String {
    let of = Selector::new(alert, &[], true);
    // A lane that fails now and then may be well at this moment.
    let mut failing = of.lately(of.window.unwrap_or("10m"));
    let mut times = 1;
    if is_fleet(alert) {
        failing += &format!(
            " and on (@lane@) lane:mailprobe_bad:bool{{{}}} == 1",
            Selector::new(alert, &[], false).with("")
        );
        times = 2;
    }
    let query = of.ask(&format!("sort_desc(count by (reason, outlook_code) ({failing}))"), times);
    format!(
        "{{{{ with {query} }}}}{{{{ with first . }}}}Leading reason: {{{{ .Labels.reason }}}}\
         {{{{ with .Labels.outlook_code }}}} (Outlook shows {{{{ . }}}}){{{{ end }}}}.{{{{ end }}}}\
         {{{{ else }}}}No reason was told lately.{{{{ end }}}}"
    )
}

fn fails(alert: &Alert) -> String {
    let of = Selector::new(alert, &["protocol"], true);
    let query = match is_fleet(alert) {
        true => {
            let hit = hit(&of);
            of.ask(&format!("{hit} or on () group by (protocol) ({})", of.failing()), 2)
        }
        false => of.ask(&format!("group by (protocol) ({})", of.failing()), 1),
    };
    let list = names("protocol", 9);
    format!(
        "Fails: {{{{ with {query} | sortByLabel \"protocol\" }}}}{list}{{{{ else }}}}nothing at this moment{{{{ end }}}}."
    )
}

fn works(alert: &Alert) -> String {
    let of = Selector::new(alert, &["protocol", "kind", "role", "mailbox"], false);
    let lanes = of.with("kind=~\"@daily@\"");
    let query = match is_fleet(alert) {
        // What fails at a site or two works for people all the same.
        true => {
            let about = Selector::new(alert, &["protocol"], true);
            let values = format!("{}{}", of.values, about.values);
            format!(
                "printf `avg by (protocol) (lane:mailprobe_bad:bool{{{lanes}}}) < [[degraded_share]] unless {}`{values} | query",
                hit(&about)
            )
        }
        false => of.ask(
            &format!(
                "group by (protocol) (lane:mailprobe_failed_runs:max{{{lanes}}} == 0) unless group by (protocol) (lane:mailprobe_failed_runs:max{{{lanes}}} > 0)"
            ),
            2,
        ),
    };
    let list = names("protocol", 9);
    format!(
        "Still works: {{{{ with {query} | sortByLabel \"protocol\" }}}}{list}{{{{ else }}}}no protocol that is watched{{{{ end }}}}."
    )
}

fn sites(alert: &Alert) -> String {
    let of = Selector::new(alert, &["site"], true);
    let query = of.ask(&format!("group by (site) ({})", of.failing()), 1);
    let list = names("site", 5);
    format!(
        "{{{{ with {query} | sortByLabel \"site\" }}}}Sites: {{{{ len . }}}} ({list}).{{{{ else }}}}Sites: none at this moment.{{{{ end }}}}"
    )
}

fn mailboxes(alert: &Alert) -> String {
    let of = Selector::new(alert, &["mailbox"], true);
    let query = of.ask(&format!("group by (mailbox) ({})", of.failing()), 1);
    let list = names("mailbox", 5);
    format!(
        "Mailboxes: {{{{ with {query} | sortByLabel \"mailbox\" }}}}{list}{{{{ else }}}}none at this moment{{{{ end }}}}."
    )
}

/// Hit, judged and unknown.
fn reach(alert: &Alert) -> String {
    let of = Selector::new(alert, &[], true);
    let number = |query: String| {
        format!("{{{{ with {} }}}}{{{{ . | first | value }}}}{{{{ else }}}}0{{{{ end }}}}", of.ask(&query, 1))
    };
    let lanes = of.with("");
    let count = |by: &str, value: &str| {
        number(format!("count(max by ({by}) (lane:mailprobe_bad:bool{{{lanes}}}){value})"))
    };
    let unknown = number(format!(
        "count(site:mailprobe_expected:group unless on (site) lane:mailprobe_bad:bool{{{lanes}}})"
    ));
    let boxes = format!("max by (site, mailbox) (lane:mailprobe_bad:bool{{{lanes},mailbox!=\"\"}})");
    // An endpoint has no mailbox.
    let mailboxes = format!(
        "{{{{ with {} }}}} and {} of {{{{ . | first | value }}}} mailboxes{{{{ end }}}}",
        of.ask(&format!("count({boxes})"), 1),
        number(format!("count({boxes} == 1)")),
    );
    format!(
        "Hit are {} of {} sites{mailboxes} that are judged; {unknown} expected sites say nothing of it.",
        count("site", " == 1"),
        count("site", ""),
    )
}

/// What those that fail have in common, and none of the good ones has.
fn shared(alert: &Alert) -> String {
    let of = Selector::new(alert, &[], true);
    let lanes = of.with("");
    let only = |label: &str, from: &str, on: &str| {
        let side = |value: u8| {
            format!(
                "group by ({label}) ({from} and on ({on}) (lane:mailprobe_bad:bool{{{lanes}}} == {value}))"
            )
        };
        of.ask(&format!("{} unless {}", side(1), side(0)), 2)
    };
    let backends =
        only("backend", "mailbox:mailprobe_backend:group", "site, mail_service, mailbox, protocol");
    let regions = only("[[region_label]]", "site:mailprobe_region:group", "site");
    format!(
        "{{{{ with {backends} | sortByLabel \"backend\" }}}} Nothing is well on backend {}.{{{{ end }}}}\
         {{{{ with {regions} | sortByLabel \"[[region_label]]\" }}}} Nothing is well in region {}.{{{{ end }}}}",
        names("backend", 5),
        names("[[region_label]]", 5),
    )
}
