//! The probe's counters against the servers' logs.

use crate::metrics::Metrics;
use crate::testbed::{Testbed, User};

const ENDS: [&str; 4] = ["received", "lost", "bounced", "abandoned"];

/// The counter `mailprobe_messages_…_total` of a check, in one view where a protocol is given.
pub fn messages(metrics: &Metrics, what: &str, check: &str, protocol: &str) -> usize {
    let name = format!("mailprobe_messages_{what}_total");
    let labels = [("check", check), ("protocol", protocol)];
    // `sent` and `unknown` are of the sender, before any view.
    let labels = labels.get(..if protocol.is_empty() { 1 } else { 2 }).unwrap_or_default();
    assert!(metrics.has(&name, labels), "there is no {name} with {labels:?}:\n{metrics:?}");
    let sum = metrics.sum(&name, labels);
    assert!(sum >= 0.0 && sum.fract() == 0.0, "{name} is {sum}");
    format!("{sum}").parse().expect("a whole number")
}

/// Panics unless, with nothing in flight, in each of these views expected = received + lost + bounced + abandoned, nothing was
/// doubled or corrupted, what was sent is what Postfix took, and what came back is what Postfix sent back. The
/// last scrapes of several processes, one after the other or side by side, are added up.
pub fn books_agree(scrapes: &[&Metrics], bed: &Testbed, check: &str, from: &User, to: &User, views: &[&str]) {
    let sum = |what: &str, view: &str| {
        scrapes.iter().map(|metrics| messages(metrics, what, check, view)).sum::<usize>()
    };
    let taken = bed.books_between(from, to);
    let said = || {
        let scrapes: Vec<String> = scrapes.iter().map(|metrics| format!("{metrics:?}")).collect();
        format!("{}\n{taken:#?}", scrapes.join("\n"))
    };
    let (sent, unknown) = (sum("sent", ""), sum("unknown", ""));
    assert!(sent > 0, "nothing was sent\n{}", said());
    assert!(
        (sent..=sent + unknown).contains(&taken.len()),
        "sent {sent}, unknown {unknown}, but Postfix took {}\n{}",
        taken.len(),
        said()
    );
    let came_back = taken.iter().filter(|row| row.outcome == "bounced").count();
    for view in views {
        let expected = sum("expected", view);
        let ends: Vec<usize> = ENDS.iter().map(|end| sum(end, view)).collect();
        assert_eq!(expected, sent + unknown, "{view}: expected is what was sent\n{}", said());
        assert_eq!(expected, ends.iter().sum::<usize>(), "{view}: {ENDS:?} are {ends:?}\n{}", said());
        assert_eq!(sum("bounced", view), came_back, "{view}: bounced\n{}", said());
        for never in ["duplicated", "corrupted", "junked", "resurfaced"] {
            assert_eq!(sum(never, view), 0, "{view}: {never}\n{}", said());
        }
    }
}
