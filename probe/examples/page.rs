//! The status page over events that never happened: `cargo run --example page -- broken 9725`.
//!
//! For whoever changes the page and wants to look at it: `good`, `broken`, `mixed`, `waiting`, or `many` checks. The
//! events go on, so that the page lives.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use mailprobe::catalogue::{Cause, Protocol, Reason, Role, Step};
use mailprobe::clock;
use mailprobe::config::lanes::lanes;
use mailprobe::config::plan::{Check, Plan};
use mailprobe::export::history::History;
use mailprobe::export::metrics::Metrics;
use mailprobe::outcome::{
    Event, Fact, Fault, Judged, Lane, Report, Said, Seat, Sink, Sinks, Verdict, ViewState, Why,
};
use mailprobe::serve::{Part, State, Tick, Web, thread};

#[allow(dead_code)]
#[path = "../src/export/fixture.rs"]
mod fixture;

use Protocol::{Imap, Pop3, Smtp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let scene = args.next().unwrap_or_else(|| "mixed".to_owned());
    let port: u16 = args.next().unwrap_or_else(|| "9725".to_owned()).parse()?;
    let plan = fixture::plan(checks(&scene));
    let lanes: Vec<_> = plan.checks.iter().flat_map(|check| lanes(check)).collect();
    let (metrics, history) =
        (Metrics::new(&plan, "0.1.0", "4f2c9ab"), History::new(&plan, "0.1.0", "4f2c9ab"));
    let sinks = Sinks::new(vec![metrics.clone() as Arc<dyn Sink>, history.clone()]);
    past(&scene, &lanes, &sinks);
    serve(plan, metrics, history, port)?;
    for slot in 30.. {
        sleep(Duration::from_secs(4)).await;
        if scene == "many" || scene == "waiting" {
            continue;
        }
        for lane in &lanes {
            tell(&scene, lane, slot, Duration::ZERO, &sinks);
            sleep(Duration::from_millis(150)).await;
        }
    }
    Ok(())
}

fn serve(plan: Plan, metrics: Arc<Metrics>, history: Arc<History>, port: u16) -> Result<(), Box<dyn Error>> {
    let (requests, _) = mpsc::channel(1);
    let state = Arc::new(State {
        plan: Arc::new(ArcSwap::from_pointee(plan)),
        metrics,
        history,
        tick: Tick::new(),
        ready: Arc::new(AtomicBool::new(true)),
        requests,
        web: Web::load(None)?,
        extra: None,
    });
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
    thread(vec![(listener, Part::All)], state, CancellationToken::new())?;
    Ok(())
}

fn checks(scene: &str) -> Vec<Check> {
    if scene == "many" {
        return (0..1000)
            .map(|n| fixture::roundtrip(&format!("roundtrip-{n:04}"), &[Smtp], &[Imap]))
            .collect();
    }
    vec![
        fixture::endpoint("endpoint-hq", &[Smtp, Imap, Pop3]),
        fixture::login("login-alice", "alice", &[Imap, Pop3, Smtp]),
        fixture::login("login-bob", "bob", &[Imap, Pop3]),
        fixture::roundtrip("roundtrip-alice-bob-smtp", &[Smtp], &[Imap, Pop3]),
        fixture::roundtrip_of(
            "roundtrip-bob-alice-smtp",
            &fixture::mailbox("bob"),
            &fixture::mailbox("alice"),
            &[Smtp],
            &[Imap],
        ),
    ]
}

/// Some slots that were before the start.
fn past(scene: &str, lanes: &[Arc<Lane>], sinks: &Sinks) {
    if scene == "waiting" {
        return;
    }
    for slot in 1..24 {
        for lane in lanes {
            tell(
                if slot < 20 { "good" } else { scene },
                lane,
                slot,
                Duration::from_secs(u64::from(24 - slot) * 60),
                sinks,
            );
        }
    }
    for lane in lanes.iter().filter(|lane| lane.role == Role::View && lane.protocol != Pop3) {
        let seat = Seat {
            mail_service: lane.mail_service.clone(),
            mailbox: lane.mailbox.clone(),
            protocol: lane.protocol,
        };
        let state = match scene {
            "broken" => ViewState::Down {
                fault: Arc::new(dropped()),
                again: Instant::now() + Duration::from_secs(40),
            },
            _ => ViewState::Up { since: Instant::now() },
        };
        sinks.tell(&Event::Backend {
            seat: seat.clone(),
            frontend: Said::new("Dovecot"),
            backend: Said::new("mbx07"),
            version: Said::new("2.3.21"),
        });
        sinks.tell(&Event::SessionEnded { seat: seat.clone(), cause: Some(Cause::Network), planned: false });
        sinks.tell(&Event::View { seat, state });
    }
    sinks.tell(&Event::Reference { target: "dns", up: true });
    sinks.tell(&Event::Reference { target: "web", up: scene != "broken" });
    if scene == "broken" {
        sinks.tell(&Event::Reloaded { well: false });
    }
}

fn dropped() -> Fault {
    Fault::new(Reason::SessionLost, "Connection reset by peer (os error 104)").at(Step::Look)
}

fn tell(scene: &str, lane: &Arc<Lane>, slot: u32, ago: Duration, sinks: &Sinks) {
    if let Some(verdict) = verdict(scene, lane) {
        books(lane, &verdict, sinks);
        sinks.tell(&Event::Ran(report(lane, slot, ago, verdict)));
        return;
    }
    let why = if lane.mailbox.is_empty() { Why::Overrun } else { Why::Paused };
    let (why, pause) = if lane.protocol == Pop3 { (Why::Resting, false) } else { (why, true) };
    if pause {
        let until = Some(Instant::now() + Duration::from_secs(1900));
        sinks.tell(&Event::Paused { mailbox: lane.mailbox.clone(), until });
    } else {
        let until = clock::wall() + Duration::from_secs(240);
        sinks.tell(&Event::Resting { mailbox: lane.mailbox.clone(), until });
    }
    sinks.tell(&Event::Skipped { lane: lane.clone(), slot, why });
}

/// `None`: the slot is skipped.
fn verdict(scene: &str, lane: &Lane) -> Option<Verdict> {
    let fault = match (scene, lane.role, lane.protocol) {
        ("broken", Role::View, Imap) => dropped(),
        ("broken", Role::View, _) => {
            Fault::new(Reason::MessageLate, "not there after 30 s").at(Step::Deliver)
        }
        ("broken", Role::Send, _) => return Some(Verdict::Good),
        ("broken", _, Imap) if &*lane.mailbox == "alice" => {
            Fault::new(Reason::CredentialsRejected, "LOGIN failed: authentication failed.")
                .coded("NO [AUTHENTICATIONFAILED]")
                .at(Step::Auth)
        }
        ("broken", _, Imap) if !lane.mailbox.is_empty() => return None,
        ("broken", _, Pop3) if !lane.mailbox.is_empty() => return None,
        ("broken", _, Imap) => {
            Fault::new(Reason::ConnectTimeout, "no answer from 10.1.4.20:993 within 10 s").at(Step::Connect)
        }
        ("mixed", Role::View, Imap) if &*lane.check == "roundtrip-alice-bob-smtp" => dropped(),
        ("mixed", Role::View, _) if &*lane.check == "roundtrip-bob-alice-smtp" => {
            return Some(Verdict::NotJudged(Why::Unjudged));
        }
        _ => return Some(Verdict::Good),
    };
    Some(Verdict::Failed(fault))
}

fn books(lane: &Arc<Lane>, verdict: &Verdict, sinks: &Sinks) {
    if lane.role == Role::View {
        let judged = if *verdict == Verdict::Good {
            Judged::Received(Duration::from_millis(310))
        } else {
            Judged::Late
        };
        for judged in [Judged::Expected, judged] {
            sinks.tell(&Event::Message { lane: lane.clone(), judged });
        }
        if *verdict != Verdict::Good {
            sinks.tell(&Event::InFlight { lane: lane.clone(), count: 3, oldest: Some(Instant::now()) });
        }
    }
}

fn report(lane: &Arc<Lane>, slot: u32, ago: Duration, verdict: Verdict) -> Report {
    let vary = Duration::from_millis(u64::from(slot * 37 % 60));
    let ms = Duration::from_millis;
    let mut steps = match lane.role {
        Role::View => {
            vec![(Step::Deliver, ms(240) + 2 * vary), (Step::Fetch, ms(14)), (Step::Cleanup, ms(22))]
        }
        _ => vec![
            (Step::Resolve, ms(4)),
            (Step::Connect, ms(21)),
            (Step::Tls, ms(48) + vary / 2),
            (Step::Greeting, ms(12)),
            (Step::Hello, ms(9)),
            (Step::Auth, ms(64) + vary),
        ],
    };
    match lane.role {
        Role::Send => steps.extend([(Step::Envelope, ms(11)), (Step::Data, ms(38) + vary)]),
        Role::Check if !lane.mailbox.is_empty() => steps.extend([(Step::List, ms(16))]),
        _ => {}
    }
    if let Verdict::Failed(fault) = &verdict
        && let Some(at) = steps.iter().position(|(step, _)| Some(*step) == fault.step)
    {
        steps.truncate(at + 1);
        steps[at].1 = ms(if fault.reason == Reason::ConnectTimeout { 10_000 } else { 180 });
    }
    let took = steps.iter().map(|(_, took)| *took).sum();
    Report {
        lane: lane.clone(),
        slot,
        at: clock::wall() - ago,
        took,
        steps,
        facts: vec![
            Fact::TlsVersion("1.3"),
            Fact::Peer(([10, 1, 4, 20], 993).into()),
            Fact::Greeting(Said::new("* OK Dovecot ready.")),
        ],
        verdict,
    }
}
