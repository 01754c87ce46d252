//! From a fault to a page: probes at three sites, Debian's Prometheus with the rules, Alertmanager with the example.
//! A minute of the rules is three seconds here.

mod sites;
mod watch;

use mailprobe_sandbox::{Fault, Protocol};
use mailprobe_tests::secs;
use sites::{Fleet, SITES};

/// What goes wrong, and what is heard then: its name, and what is in its text.
struct Case {
    name: &'static str,
    breaks: fn(&mut Fleet),
    heard: &'static [(&'static str, &'static str)],
}

const ONE: &[&str] = &["porto"];

/// The mail service has trouble, or a site does.
const OUTAGES: &[Case] = &[
    Case {
        name: "Exchange Web Services hang, everything else works",
        breaks: |fleet| fleet.fault(SITES, Protocol::Ews, Fault::Stall),
        heard: &[("ClassicOutlookOutage", "Mail arrives by another way at 3 sites.")],
    },
    Case {
        name: "everybody is refused",
        breaks: |fleet| {
            for protocol in Protocol::ALL {
                fleet.fault(SITES, protocol, Fault::RejectSignIn);
            }
        },
        heard: &[("SignInOutage", "credential")],
    },
    Case {
        name: "a tenth of the mailboxes cannot be had",
        breaks: |fleet| fleet.take_offline("user0"),
        heard: &[("ServiceDegraded", "3 of 3 sites and 3 of 30 mailboxes")],
    },
    Case {
        name: "mail is late everywhere",
        breaks: |fleet| fleet.fault(SITES, Protocol::Smtp, Fault::Delay(secs(5))),
        heard: &[("ServiceOutage", "Leading reason: message_late")],
    },
    Case {
        name: "messages of one site are lost",
        breaks: |fleet| fleet.fault(ONE, Protocol::Smtp, Fault::LoseEvery(7)),
        heard: &[("MailLost", "not there after lost_after")],
    },
    Case {
        name: "calendars over CalDAV stand still everywhere",
        breaks: |fleet| fleet.fault(SITES, Protocol::Caldav, Fault::Stale),
        heard: &[("ServiceOutage", "Leading reason: calendar_stale")],
    },
    Case {
        name: "one site has no network",
        breaks: |fleet| fleet.cut_off("porto"),
        heard: &[("SiteCutOff", "porto")],
    },
];

/// One thing is wrong, or nothing is known.
const REST: &[Case] = &[
    Case { name: "all is well", breaks: |_| {}, heard: &[] },
    Case {
        name: "mail is late at one site",
        breaks: |fleet| fleet.fault(ONE, Protocol::Smtp, Fault::Delay(secs(5))),
        heard: &[("MailDelayed", "porto")],
    },
    Case {
        name: "a calendar over CalDAV stands still at one site",
        breaks: |fleet| fleet.fault(ONE, Protocol::Caldav, Fault::Stale),
        heard: &[("CalendarStale", "porto")],
    },
    Case {
        name: "a certificate ends soon",
        breaks: |fleet| fleet.fault(SITES, Protocol::Imap, Fault::ExpiringCertificate),
        heard: &[("CertificateExpiring", "imap")],
    },
    Case {
        name: "one site says nothing",
        breaks: |fleet| fleet.hide(ONE),
        heard: &[("SiteSilent", "porto")],
    },
    Case {
        name: "the way of the measurements is cut",
        breaks: |fleet| fleet.hide(SITES),
        heard: &[("FleetBlind", "100%")],
    },
];

#[test]
fn an_outage_pages_by_its_name_and_nothing_else_is_heard() {
    heard(OUTAGES);
}

#[test]
fn one_thing_is_told_by_its_name_silence_too_and_when_all_is_well_nothing() {
    heard(REST);
}

/// Each in a fleet of its own, side by side: mostly they wait.
fn heard(cases: &'static [Case]) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| {
                let mut fleet = Fleet::start();
                (case.breaks)(&mut fleet);
                match case.heard {
                    // Five of the rules' minutes, and as much again.
                    [] => fleet.is_quiet(secs(30)),
                    expected => fleet.hears(case.name, expected),
                }
            });
        }
    });
}
