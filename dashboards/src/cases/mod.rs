//! The unit tests of every alert: when it fires, and what it is quiet on.

use crate::case::Case;
use crate::scenario::Lane;

mod access;
mod calendar;
mod fleet;
mod mail;
mod probe;
mod promise;
mod site;

/// The cases of an alert; none for one that nobody has thought of.
pub fn of(alert: &str) -> Vec<Case> {
    let areas = [fleet::of, site::of, mail::of, calendar::of, access::of, promise::of, probe::of];
    areas.iter().find_map(|of| of(alert)).unwrap_or_default()
}

/// What an alert about lanes has to stand, whichever it is.
#[derive(Clone)]
struct Standard {
    sites: &'static [&'static str],
    /// The lanes that fail.
    hit: Vec<Lane>,
    /// Those beside them, which stay as they are.
    rest: Vec<Lane>,
    /// The failure that the alert is about, and one that comes in turn with it.
    letter: char,
    other: char,
    /// The labels of what fires.
    labels: &'static str,
    /// How many slow runs have to fail.
    runs: usize,
    /// Failing every other time counts.
    flaky: bool,
    /// It is about a policy, or about the probe: these do not silence it.
    policy: bool,
}

impl Standard {
    fn new(hit: Vec<Lane>, labels: &'static str) -> Self {
        Self {
            sites: &["s1"],
            hit,
            rest: Vec::new(),
            letter: 't',
            other: 'd',
            labels,
            runs: 2,
            flaky: true,
            policy: false,
        }
    }

    fn case(&self, name: &str, every: u32, runs: &str) -> Case {
        let runs = runs.replace('f', &self.letter.to_string()).replace('g', &self.other.to_string());
        Case::new(name)
            .sites(self.sites, "page=\"true\",region=\"emea\"")
            .lanes(self.rest.clone())
            .lanes(self.hit.iter().map(|lane| lane.clone().every(every).runs(&runs)))
    }

    fn cases(&self) -> Vec<Case> {
        let fires = &[self.labels][..];
        let slow = 5 * (self.runs as u32 + 1);
        let pods = self.case("two pods of one site are one", 60, ".....f");
        let pods = pods.lanes(
            self.hit
                .iter()
                .map(|lane| lane.clone().pod("b").runs(&".....f".replace('f', &self.letter.to_string()))),
        );
        let mut cases = vec![
            self.case("it fires, and goes", 60, ".....fffffffff.")
                .quiet(&[4, 6])
                .fires(14, fires)
                .quiet(&[41]),
            self.case("one failure is a blip", 60, "......f....").quiet(&[6, 7, 8, 9, 10, 14]),
            self.case("one failure of a slow check", 300, "..f...").quiet(&[9, 11, 13, 14, 16]),
            self.case("failures of a slow check", 300, "..f").quiet(&[9, 14]).fires(slow + 4, fires),
            self.case("one failure, and then nothing is judged", 60, "......f_").quiet(&[7, 8, 10, 14]),
            self.case("a restart", 60, "......^....f^....").quiet(&[6, 8, 11, 13, 16]),
            self.case("a restart while it fails", 60, "......ffff^f").fires(18, fires),
            self.case("reasons in turn", 60, ".....fgfgfgfgfgfgfg").fires(14, fires),
            pods.fires(14, fires),
        ];
        if !self.policy {
            cases.push(self.case("a switchover of 90 s", 60, "......ff.....").quiet(&[7, 8, 9, 12]));
            cases.push(
                self.case("a switchover of 90 s, checked often", 30, "............ffff....")
                    .quiet(&[7, 8, 9, 10, 14]),
            );
            cases.push(self.case("a policy", 60, ".....p").quiet(&[8, 12]));
            cases.push(self.case("the probe's own fault", 60, ".....o").quiet(&[8, 12]));
        }
        if self.flaky {
            cases.push(self.case("every other run", 60, &".f".repeat(30)).fires(20, fires));
        }
        cases
    }
}
