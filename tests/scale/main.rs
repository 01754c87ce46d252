//! The tables of docs/scaling.md: `cargo run -p mailprobe-tests --bin scale-long -- count|disk|load …`.

mod central;
mod fleet;
mod long;
mod measure;
mod prometheus;
mod server;
mod template;

use std::process::ExitCode;

const USAGE: &str = "\
scale-long count SETUP                          series of a site by family, bytes of a scrape
scale-long disk SETUP SITES                     bytes of a sample in a block: two hours of so many sites
scale-long load SETUP SITES FAILING SECONDS [MINUTES [MINUTES]]
                                           Prometheus with so many sites, some of them failing, for so long;
                                           what was recorded is there for so many minutes, and the counters
                                           that rules look back at for so many
SETUP is sample or exchange. `load` with 1000 sites takes 14 GB of memory and two processors.
";

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u32>().ok();
    let setup = words.get(1).and_then(|name| template::Setup::named(name));
    let minutes = |text: Option<&&str>| text.and_then(|text| number(text)).unwrap_or(0) * 60;
    let mut out = std::io::stdout().lock();
    let done = match (words.as_slice(), setup) {
        (["count", _], Some(setup)) => long::count(setup, &mut out),
        (["disk", _, sites], Some(setup)) => long::disk(setup, number(sites).unwrap_or(5), &mut out),
        (["load", _, sites, failing, seconds, rest @ ..], Some(setup)) => {
            let load = long::Load {
                sites: number(sites).unwrap_or(10) as usize,
                failing: number(failing).unwrap_or(5) as usize,
                seconds: u64::from(number(seconds).unwrap_or(120)),
                history: minutes(rest.first()),
                raw_history: minutes(rest.get(1)),
            };
            long::load(setup, &load, &mut out)
        }
        _ => {
            std::io::Write::write_all(&mut std::io::stderr(), USAGE.as_bytes()).ok();
            return ExitCode::from(2);
        }
    };
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
