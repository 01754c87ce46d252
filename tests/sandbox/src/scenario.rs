//! The scenarios: what is wrong at which protocol at once, under a name.

use std::{fmt, time::Duration};

use crate::fault::{Fault, PROTOCOLS, Protocol};

/// A row of the table of scenarios.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) faults: [Option<Fault>; PROTOCOLS],
    /// How much later than at once mail is delivered, if not as the options say.
    pub(crate) latency: Option<Duration>,
}

/// The scenarios' names, each with a sentence.
pub(crate) const SCENARIOS: &[(&str, &str)] = &[
    ("healthy", "all is well"),
    ("slow", "SMTP, IMAP and EWS answer one second late and mail takes four more seconds"),
    ("lossy", "every third message is accepted and never delivered"),
    ("doubling", "every message is delivered twice"),
    ("sign-in-outage", "no protocol can check credentials for now"),
    ("wrong-password", "no protocol accepts the credentials"),
    ("classic-outlook-outage", "EWS and SMTP stall while IMAP, POP3 and the web mail go on"),
    ("server-down", "every connection is refused"),
    ("stale-imap", "mail arrives but IMAP does not show it"),
    ("stale-ews", "mail arrives but EWS does not show it, IMAP does"),
    ("stale-caldav", "calendars change but CalDAV does not show it, EWS does"),
    ("lost-invitations", "invitations are accepted and never reach those who are invited"),
    ("bouncing", "mail is accepted and comes back to the sender as undeliverable"),
    ("greylisting", "every recipient is put off with 451 4.7.1"),
    ("certificate-expired", "the certificate has expired, at every protocol"),
    ("junk", "mail is delivered into the folder Junk"),
];

/// What the scenario of that name sets.
pub(crate) fn scenario(name: &str) -> Option<Scenario> {
    use Protocol::{Caldav, Ews, Imap, Smtp};
    let (name, _) = SCENARIOS.iter().find(|(known, _)| *known == name)?;
    let second = Duration::from_secs(1);
    let (at, fault): (&[Protocol], Fault) = match *name {
        "slow" => (&[Smtp, Imap, Ews], Fault::Slow(second)),
        "lossy" => (&[Smtp, Ews], Fault::LoseEvery(3)),
        "doubling" => (&[Smtp, Ews], Fault::Double),
        "sign-in-outage" => (&Protocol::ALL, Fault::SignInUnavailable),
        "wrong-password" => (&Protocol::ALL, Fault::RejectSignIn),
        "classic-outlook-outage" => (&[Smtp, Ews], Fault::Stall),
        "server-down" => (&Protocol::ALL, Fault::Refuse),
        "stale-imap" => (&[Imap], Fault::Stale),
        "stale-ews" => (&[Ews], Fault::Stale),
        "stale-caldav" => (&[Caldav], Fault::Stale),
        "lost-invitations" => (&[Ews, Caldav], Fault::LoseInvitation),
        "bouncing" => (&[Smtp, Ews], Fault::Bounce),
        "greylisting" => (&[Smtp], Fault::Defer),
        "certificate-expired" => (&Protocol::ALL, Fault::ExpiredCertificate),
        "junk" => (&[Smtp, Ews], Fault::Junk),
        _ => (&[], Fault::Refuse),
    };
    let faults = Protocol::ALL.map(|protocol| at.contains(&protocol).then(|| fault.clone()));
    Some(Scenario { name, faults, latency: (*name == "slow").then(|| Duration::from_secs(4)) })
}

/// There is no scenario of that name; the text lists those there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownScenario(pub String);

impl fmt::Display for UnknownScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = SCENARIOS.iter().map(|(name, _)| *name).collect();
        write!(f, "no scenario `{}`; there are {}", self.0, names.join(", "))
    }
}

impl std::error::Error for UnknownScenario {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_row() {
        for (name, sentence) in SCENARIOS {
            let row = scenario(name).unwrap();
            assert!(!sentence.is_empty());
            assert_eq!(row.faults.iter().all(Option::is_none), *name == "healthy", "{name}");
        }
        assert!(scenario("nothing").is_none());
    }

    #[test]
    fn a_classic_outlook_outage_leaves_imap_and_the_web_mail_well() {
        let row = scenario("classic-outlook-outage").unwrap();
        for (protocol, fault) in Protocol::ALL.into_iter().zip(row.faults) {
            let ill = matches!(protocol, Protocol::Ews | Protocol::Smtp);
            assert_eq!(fault.is_some(), ill, "{protocol}");
        }
    }
}
