//! Which checks this process runs, where several share a site: mailboxes are divided, never one mailbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::plan::{Check, Mailbox, Plan, Shard};

/// Leaves in the plan what this shard runs, and says so where that is nothing.
pub(super) fn divide(plan: &mut Plan, warnings: &mut Vec<String>) {
    let Some(shard) = plan.shard else { return };
    let groups = groups(&plan.checks);
    plan.checks.retain(|check| shard_of(&groups[&check.name], shard.count) == shard.index);
    let used: BTreeSet<_> = plan
        .checks
        .iter()
        .flat_map(|check| check.what.sessions())
        .map(|(mailbox, _)| Arc::clone(&mailbox.name))
        .collect();
    plan.mailboxes.retain(|name, _| used.contains(name));
    if plan.checks.is_empty() {
        let Shard { index, count } = shard;
        warnings
            .push(format!("shard {index} of {count} has no checks: there are too few groups of mailboxes"));
    }
}

/// By check: the name of its group. Checks of one mailbox are of one group, and those of one account: its sign-ins are counted in one
/// place, or it could be locked.
fn groups(checks: &[Arc<Check>]) -> BTreeMap<Arc<str>, String> {
    let mut leaders = BTreeMap::new();
    for check in checks {
        let mut keys: Vec<_> =
            check.what.sessions().into_iter().flat_map(|(mailbox, _)| accounts(mailbox)).collect();
        keys.push(own(check));
        let mut all: Vec<_> = keys.iter().map(|key| leader(&leaders, key)).collect();
        all.extend(keys);
        // The first by the alphabet, so that the order of the checks does not matter; a check's own name comes last.
        let first = all.iter().min().cloned().unwrap_or_default();
        all.into_iter().filter(|key| *key != first).for_each(|key| drop(leaders.insert(key, first.clone())));
    }
    checks.iter().map(|check| (Arc::clone(&check.name), leader(&leaders, &own(check)))).collect()
}

/// A check without mailboxes is a group by itself.
fn own(check: &Check) -> String {
    format!("check {}", check.name)
}

fn accounts(mailbox: &Mailbox) -> [String; 2] {
    [&mailbox.address, &mailbox.auth.username].map(|name| format!("account {}", name.to_lowercase()))
}

fn leader(leaders: &BTreeMap<String, String>, key: &str) -> String {
    let mut key = key;
    while let Some(next) = leaders.get(key) {
        key = next;
    }
    key.to_owned()
}

/// The shard that the group's hash likes best: when there is one shard more, only what goes to the new one moves.
fn shard_of(group: &str, count: u32) -> u32 {
    let hash = |shard: &u32| Sha256::new().chain_update(shard.to_be_bytes()).chain_update(group).finalize();
    (0..count).max_by_key(hash).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_str;

    /// Each letter is a mailbox, each word a check of these.
    fn plan(words: &str, shard: Option<Shard>) -> Plan {
        let mut text =
            "version: 1\nsite: lisbon\nmail_services: { hq: { host: mail.example.com } }\nmailboxes:\n"
                .to_owned();
        let letters: BTreeSet<char> = words.chars().filter(char::is_ascii_alphabetic).collect();
        for letter in letters {
            text += &format!(
                "  {letter}: {{ mail_service: hq, address: {letter}@example.com, auth: {{ method: password, password: p, username: {} }} }}\n",
                letter.to_ascii_lowercase()
            );
        }
        let key = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(key.path(), "0123456789abcdef").unwrap();
        text += &format!("fleet_keys: {{ sign: \"{}\" }}\nchecks:\n", key.path().display());
        for word in words.split_whitespace() {
            let of: Vec<_> = word.chars().collect();
            text += &match of[..] {
                ['-'] => "  - endpoint: { mail_service: hq }\n".to_owned(),
                [one] => format!("  - login: {{ mailbox: {one}, protocols: imap }}\n"),
                [from, to] => {
                    format!("  - roundtrip: {{ from: {from}, to: {to}, send: smtp, views: imap }}\n")
                }
                _ => panic!("{word}"),
            };
        }
        if let Some(Shard { index, count }) = shard {
            text += &format!("shard: {{ index: {index}, count: {count} }}\n");
        }
        load_str("test.yaml", &text).unwrap_or_else(|problems| panic!("{problems}"))
    }

    const PLANS: &[&str] = &[
        "-",
        "a",
        "a b c d e f",
        "ab bc cd",
        "a ab b ba - c d e",
        "ab cd ef gh ij kl mn op qr st uv wx yz",
        // Written in another case: the same user name, in another mailbox.
        "ab cd BA DC",
        "xa ya za ab bc k l m",
    ];

    #[test]
    fn shards_have_all_checks_together_and_no_mailbox_twice() {
        for words in PLANS {
            let whole = plan(words, None);
            for count in [1, 2, 3, 7] {
                let mut checks = Vec::new();
                let mut accounts = BTreeMap::new();
                for index in 0..count {
                    let part = plan(words, Some(Shard { index, count }));
                    for check in &part.checks {
                        for (mailbox, _) in check.what.sessions() {
                            assert!(part.mailboxes.contains_key(&mailbox.name), "{words}: {}", mailbox.name);
                            let before = accounts.insert(mailbox.auth.username.to_string(), index);
                            assert!(before.is_none_or(|before| before == index), "{words}: {accounts:?}");
                        }
                    }
                    let is_told = part.warnings.iter().any(|told| told.contains("has no checks"));
                    assert_eq!(is_told, part.checks.is_empty(), "{words}: {:?}", part.warnings);
                    checks.extend(part.checks);
                }
                checks.sort_by(|left, right| left.name.cmp(&right.name));
                assert_eq!(checks, whole.checks, "{words} in {count}");
            }
        }
    }

    #[test]
    fn one_shard_more_moves_few() {
        let groups: Vec<_> = (0..1000).map(|n| format!("account probe-{n}@example.com")).collect();
        let before: Vec<_> = groups.iter().map(|group| shard_of(group, 3)).collect();
        let after: Vec<_> = groups.iter().map(|group| shard_of(group, 4)).collect();
        let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        assert!((200..300).contains(&moved.len()), "{} of 1000", moved.len());
        assert!(moved.iter().all(|(_, after)| **after == 3));
        for shard in 0..3 {
            let share = before.iter().filter(|of| **of == shard).count();
            assert!((250..420).contains(&share), "shard {shard} has {share} of 1000");
        }
    }
}
