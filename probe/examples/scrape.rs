//! What a scrape costs: `cargo run --release --example scrape -- 1000`, for so many round trips with one view each.
//!
//! Prints the text's size, the time of a scrape and of its longest piece, and the memory before and after.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use mailprobe::catalogue::{Protocol, Role, Step};
use mailprobe::clock;
use mailprobe::config::lanes::lanes;
use mailprobe::export::metrics::Metrics;
use mailprobe::outcome::{Event, Judged, Report, Sink, Verdict};

#[allow(dead_code)]
#[path = "../src/export/fixture.rs"]
mod fixture;

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn Error>> {
    let count: usize = std::env::args().nth(1).unwrap_or_else(|| "1000".to_owned()).parse()?;
    let metrics = filled(count);
    println!("{count} round trips: {} kB resident", resident()?);
    for _ in 0..5 {
        let (began, mut bytes, mut lines, mut longest) = (Instant::now(), 0, 0, Duration::ZERO);
        let mut encoding = metrics.encoding();
        loop {
            let piece_began = Instant::now();
            let Some(piece) = encoding.next() else { break };
            longest = longest.max(piece_began.elapsed());
            bytes += piece.len();
            lines += piece.iter().filter(|byte| **byte == b'\n').count();
        }
        println!(
            "{lines} lines, {bytes} bytes in {:?}, longest piece {longest:?}, {} kB resident",
            began.elapsed(),
            resident()?
        );
    }
    Ok(())
}

fn filled(count: usize) -> Arc<Metrics> {
    let mut checks = Vec::new();
    let mut boxes = Vec::new();
    for n in 0..count {
        let (from, to) = (fixture::mailbox(&format!("from-{n:04}")), fixture::mailbox(&format!("to-{n:04}")));
        let name = format!("roundtrip-from-{n:04}-to-{n:04}-smtp");
        checks.push(fixture::roundtrip_of(&name, &from, &to, &[Protocol::Smtp], &[Protocol::Imap]));
        boxes.push(to);
    }
    let mut plan = fixture::plan(checks);
    plan.mailboxes = boxes.into_iter().map(|mailbox| (mailbox.name.clone(), mailbox)).collect();
    let metrics = Metrics::new(&plan, "0.1.0", "abc");
    for lane in plan.checks.iter().flat_map(|check| lanes(check)) {
        let steps = match lane.role {
            Role::View => vec![Step::Deliver, Step::Fetch, Step::Cleanup],
            _ => vec![
                Step::Resolve,
                Step::Connect,
                Step::Tls,
                Step::Greeting,
                Step::Hello,
                Step::Auth,
                Step::Data,
            ],
        };
        if lane.role == Role::View {
            for judged in [Judged::Expected, Judged::Received(Duration::from_millis(300))] {
                metrics.tell(&Event::Message { lane: lane.clone(), judged });
            }
        }
        metrics.tell(&Event::Ran(Report {
            lane,
            slot: 1,
            at: clock::wall(),
            took: Duration::from_millis(300),
            steps: steps.into_iter().map(|step| (step, Duration::from_micros(12_345))).collect(),
            facts: Vec::new(),
            verdict: Verdict::Good,
        }));
    }
    metrics
}

fn resident() -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = text.split(' ').nth(1).ok_or("no statm")?.parse()?;
    Ok(pages * 4)
}
