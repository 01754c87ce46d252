//! The text exposition, read strictly: a line that Prometheus would refuse fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

type Labels = BTreeMap<String, String>;

/// One scrape.
#[derive(Clone, Default)]
pub struct Metrics {
    text: String,
    samples: Vec<(String, Labels, f64)>,
}

impl Metrics {
    /// Panics at a line that is not of the format, and at a series that occurs twice.
    pub fn parse(text: &str) -> Self {
        Self::try_parse(text).unwrap_or_else(|why| panic!("{why}"))
    }

    fn try_parse(text: &str) -> Result<Self, String> {
        let mut samples = Vec::new();
        let mut seen = BTreeSet::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, labels, value) = sample(line).ok_or_else(|| format!("not a sample: {line}"))?;
            if !seen.insert((name.clone(), labels.clone())) {
                return Err(format!("the series occurs twice: {line}"));
            }
            samples.push((name, labels, value));
        }
        Ok(Self { text: text.to_owned(), samples })
    }

    fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a (String, Labels, f64)> {
        self.samples.iter().filter(move |(own, has, _)| {
            own == name && labels.iter().all(|(key, value)| has.get(*key).is_some_and(|it| it == value))
        })
    }

    /// The one series of that name which has these labels, and perhaps more. Panics when several have.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut found = self.matching(name, labels);
        let first = found.next();
        let second = found.next();
        assert!(second.is_none(), "more than one {name} with {labels:?}: {first:?} and {second:?}");
        first.map(|(_, _, value)| *value)
    }

    /// Over all series of that name which have these labels; 0 when none has.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|(_, _, value)| value).sum()
    }

    /// Whether there is such a series.
    pub fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.matching(name, labels).next().is_some()
    }

    /// The labels of all such series.
    pub fn labels(&self, name: &str, labels: &[(&str, &str)]) -> Vec<BTreeMap<String, String>> {
        self.matching(name, labels).map(|(_, has, _)| has.clone()).collect()
    }

    /// Whether there is at least one such series and all of them have this value.
    pub fn all(&self, name: &str, labels: &[(&str, &str)], value: f64) -> bool {
        self.has(name, labels) && self.matching(name, labels).all(|(_, _, has)| *has == value)
    }

    /// All names of series.
    pub fn names(&self) -> BTreeSet<&str> {
        self.samples.iter().map(|(name, _, _)| name.as_str()).collect()
    }

    /// How many series.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// As it came.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.text.lines().filter(|line| !line.starts_with('#')) {
            // Buckets are many and tell little.
            if !line.contains("_bucket{") {
                writeln!(f, "{line}")?;
            }
        }
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_' || first == b':')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}

fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (key, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            if !is_name(key) || labels.insert(key.to_owned(), value).is_some() {
                return None;
            }
            rest = after.strip_prefix(',').unwrap_or(after);
        }
    }
    let mut words = rest.split_ascii_whitespace();
    let value = match words.next()? {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number => number.parse().ok()?,
    };
    // A time stamp may follow, nothing else.
    if words.next().is_some_and(|stamp| stamp.parse::<i64>().is_err()) || words.next().is_some() {
        return None;
    }
    is_name(name).then(|| (name.to_owned(), labels, value))
}

/// The text up to the closing quote, unescaped, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other @ ('\\' | '"') => value.push(other),
                _ => return None,
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_prometheus_reads() {
        let text = "# HELP a b\na 1\na{x=\"1\"} 2\nb_sum{x=\"q\\\"\\\\\\n,}\",y=\"\"} 1e3 123\nc +Inf\nd{x=\"1\",} NaN\n";
        let metrics = Metrics::parse(text);
        assert_eq!(metrics.value("a", &[("x", "1")]), Some(2.0));
        assert_eq!(metrics.value("b_sum", &[("x", "q\"\\\n,}")]), Some(1000.0));
        assert_eq!(metrics.value("c", &[]), Some(f64::INFINITY));
        assert!(metrics.value("d", &[]).unwrap().is_nan());
        assert_eq!(metrics.value("e", &[]), None);
        assert_eq!(metrics.sum("a", &[]), 3.0);
        assert!(metrics.has("a", &[]) && !metrics.has("a", &[("x", "2")]));
        assert!(metrics.all("a", &[("x", "1")], 2.0) && !metrics.all("z", &[], 2.0));
    }

    #[test]
    fn refuses_what_prometheus_refuses() {
        for text in [
            "a",
            "a{x=1} 1",
            "a{x=\"1} 1",
            "a b",
            "a{x=\"1\",x=\"2\"} 1",
            "a 1 2 3",
            "1a 1",
            "a{x=\"\\t\"} 1",
        ] {
            assert!(sample(text).is_none(), "{text}");
        }
    }

    #[test]
    fn refuses_a_series_that_occurs_twice() {
        let twice = Metrics::try_parse("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 1\n");
        assert!(twice.unwrap_err().contains("occurs twice"));
    }
}
