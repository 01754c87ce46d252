//! Each decoder over broken bytes: no panic, no more than 64 MiB, and what is decoded is encoded to what decodes to the same.
//! The short form takes two seconds; MAILPROBE_FUZZ_SECONDS says otherwise, MAILPROBE_FUZZ_SEED which bytes are tried.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod bytes;
mod decoders;

use std::panic::catch_unwind;
use std::time::Duration;

use bytes::{Random, corpus};
use decoders::DECODERS;

/// What the process may come to, with the corpus and the tests themselves.
const MOST_KIB: u64 = 64 * 1024;

/// The most memory that the process has had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |value| value.parse().unwrap())
}

/// The time that this thread has used: what else runs on the machine makes a run no shorter.
fn used() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split_whitespace().next().unwrap().parse().unwrap())
}

fn decode_all(bytes: &[u8], seed: u64) {
    for (name, decoder) in DECODERS {
        if catch_unwind(|| decoder(bytes)).is_err() {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            panic!("{name}, seed {seed}: {hex}");
        }
    }
}

#[test]
fn no_bytes_make_a_decoder_panic_or_take_memory() {
    let seconds = number("MAILPROBE_FUZZ_SECONDS", 2);
    let mut seed = number("MAILPROBE_FUZZ_SEED", 1);
    let corpus = corpus();
    // What is valid, each beginning of it, and what claims more than there is.
    for bytes in corpus.iter().filter(|bytes| bytes.len() < 400) {
        (0..=bytes.len()).for_each(|end| decode_all(&bytes[..end], 0));
    }
    bytes::greedy().iter().for_each(|bytes| decode_all(bytes, 0));
    assert!(peak_kib() < MOST_KIB, "{} KiB", peak_kib());
    let (start, mut inputs, mut length) = (used(), 0u64, 0);
    while used() - start < Duration::from_secs(seconds) {
        for _ in 0..20 {
            let bytes = Random::new(seed).mutation_of(&corpus);
            decode_all(&bytes, seed);
            length += bytes.len() as u64;
            seed += 1;
            inputs += 1;
        }
        assert!(peak_kib() < MOST_KIB, "{} KiB after seed {seed}", peak_kib());
    }
    println!(
        "{inputs} inputs of {} bytes, {} decoders, {} KiB at most",
        length / inputs,
        DECODERS.len(),
        peak_kib()
    );
    assert!(inputs > 0);
}
