//! What a central place needs of the probes' own series: what the recording rules read, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use mailprobe_dashboards::{records, rules};

/// Names of the probes' series that recording rules read.
pub(crate) fn read_by_rules() -> BTreeSet<String> {
    let all = records::groups().into_iter().flat_map(|group| group.records);
    all.flat_map(|record| rules::metrics(&record.expr))
        .filter(|name| name.starts_with("mailprobe_") && name != "mailprobe_site_expected")
        .collect()
}

/// Series of these families that rules read, of sites that are well and that fail.
pub(crate) fn series(
    families: &BTreeMap<String, (usize, usize)>,
    names: &BTreeSet<String>,
) -> (usize, usize) {
    let of = families.iter().filter(|(name, _)| names.contains(*name));
    of.fold((0, 0), |(well, failing), (_, count)| (well + count.0, failing + count.1))
}

/// Names of the probes' series that recording rules look back at for half an hour and longer.
pub(crate) fn looked_back_at() -> BTreeSet<String> {
    let all = records::groups().into_iter().flat_map(|group| group.records);
    let back = all.filter(|record| ["[30m", "[1h", "[2h"].iter().any(|window| record.expr.contains(window)));
    back.flat_map(|record| rules::metrics(&record.expr))
        .filter(|name| name.starts_with("mailprobe_"))
        .collect()
}
