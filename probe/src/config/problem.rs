//! What is wrong with a configuration, and where: every refusal names file, place, what was found and what is expected.

use std::collections::BTreeSet;
use std::fmt;

use crate::secret::{HIDDEN, scrub};

/// Longer texts are cut where they are repeated in a refusal.
const LONGEST_SHOWN: usize = 80;

/// All that is wrong, in the order of files and lines. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// As it was given to us; empty where no file is to blame.
    pub file: String,
    pub line: Option<usize>,
    /// The key path, `checks.login-alice.protocols[1]`; empty for the file as a whole.
    pub path: String,
    /// `nothing` where something is missing; `<hidden>` for a secret.
    pub found: String,
    pub expected: String,
    /// The nearest right spelling.
    pub nearest: Option<String>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        if !self.file.is_empty() {
            text.push_str(&self.file);
            if let Some(line) = self.line {
                text.push_str(&format!(":{line}"));
            }
            text.push_str(": ");
        }
        if !self.path.is_empty() {
            text.push_str(&format!("{}: ", self.path));
        }
        text.push_str(&format!("found {}, expected {}", self.found, self.expected));
        if let Some(nearest) = &self.nearest {
            text.push_str(&format!("; did you mean {nearest}?"));
        }
        // The net below all care: a secret that a reference brought to the wrong place.
        f.write_str(&scrub(&text))
    }
}

/// A place in the tree of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPath(pub Vec<Seg>);

/// One step down the tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seg {
    Key(String),
    Index(usize),
}

impl KeyPath {
    pub fn of(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| Seg::Key((*key).to_owned())).collect())
    }

    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Seg::Key(key.to_owned()))
    }

    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Seg::Index(index))
    }

    #[must_use]
    pub fn with(&self, seg: Seg) -> Self {
        let mut path = self.clone();
        path.0.push(seg);
        path
    }

    /// The last key.
    pub fn last_key(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|seg| match seg {
            Seg::Key(key) => Some(key.as_str()),
            Seg::Index(_) => None,
        })
    }

    fn has(&self, wanted: &str) -> bool {
        self.0.iter().any(|seg| matches!(seg, Seg::Key(key) if key == wanted))
    }

    /// Whether the values here may be secrets: they are never repeated.
    pub fn is_secret(&self) -> bool {
        self.has("auth") || self.has("password")
    }

    /// The path down to `auth` and no further.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        if let Some(at) = self.0.iter().position(|seg| matches!(seg, Seg::Key(key) if key == "auth")) {
            self.0.truncate(at + 1);
        }
        self
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, seg) in self.0.iter().enumerate() {
            match seg {
                Seg::Key(key) if index == 0 => f.write_str(key)?,
                Seg::Key(key) => write!(f, ".{key}")?,
                Seg::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A value as it is repeated in a refusal: in quotes, on one line, cut; hidden where secrets stand.
pub fn shown(path: &KeyPath, text: &str) -> String {
    if path.is_secret() {
        return HIDDEN.to_owned();
    }
    let mut out: String =
        text.chars().take(LONGEST_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > LONGEST_SHOWN {
        out.push('…');
    }
    format!("\"{out}\"")
}

/// The nearest of the right spellings, if one is near enough to be meant.
pub fn nearest<'a>(written: &str, right: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let written = written.to_lowercase();
    right
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&written, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= (word.len().max(written.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word.to_owned())
}

/// `one of imap, pop3, smtp`; `imap` for a single one.
pub fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().collect();
    match words.as_slice() {
        [] => "none".to_owned(),
        [word] => (*word).to_owned(),
        words => format!("one of {}", words.join(", ")),
    }
}

/// Where refusals and warnings are gathered, so that all are shown and not the first.
#[derive(Debug, Default)]
pub struct Findings {
    pub problems: BTreeSet<(usize, Problem)>,
    pub warnings: Vec<String>,
    /// Items in which something was refused already: that something else is missing there is its consequence.
    pub broken: BTreeSet<KeyPath>,
}

impl Findings {
    pub fn into_problems(self) -> Problems {
        let mut problems: Vec<_> = self.problems.into_iter().collect();
        problems.sort_by(|(left_file, left), (right_file, right)| {
            (left_file, left.line, left).cmp(&(right_file, right.line, right))
        });
        Problems(problems.into_iter().map(|(_, problem)| problem).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_with_place_and_nearest_spelling() {
        let problem = Problem {
            file: "mailprobe.yaml".to_owned(),
            line: Some(12),
            path: KeyPath::of(&["checks", "login-alice", "protocols"]).index(1).to_string(),
            found: "\"imapp\"".to_owned(),
            expected: one_of(["imap", "pop3", "smtp"]),
            nearest: nearest("imapp", ["imap", "pop3", "smtp"]),
        };
        assert_eq!(
            problem.to_string(),
            "mailprobe.yaml:12: checks.login-alice.protocols[1]: found \"imapp\", \
             expected one of imap, pop3, smtp; did you mean imap?"
        );
    }

    #[test]
    fn a_spelling_that_is_far_off_is_not_suggested() {
        assert_eq!(nearest("calendar", ["imap", "pop3"]), None);
        assert_eq!(nearest("IMPA", ["imap", "pop3"]), Some("imap".to_owned()));
    }
}
