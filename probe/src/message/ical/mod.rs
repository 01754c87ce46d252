//! iCalendar (RFC 5545): entries as they are written, and as servers and other people's programs write them.

mod build;
mod read;
mod rule;
mod when;
mod zone;

pub use icalendar::parser::unfold;

pub use build::{answered, build, busy_request, invitation, reply};
pub use read::{Method, Object, read, read_busy, uid};
pub use zone::named as zone;

/// Larger objects are not read.
const LARGEST: usize = 1 << 20;
/// Components within each other: a calendar, an entry, an alarm, and some air.
const DEEPEST: usize = 8;

/// Whether a text may tell of these words, without reading it.
pub fn mentions(text: &str, words: &str) -> bool {
    words.contains(['\\', ',', ';']) || unfold(text).contains(words)
}

/// Content lines, unfolded (section 3.1), as the parser takes them: bounded in size and depth, without a byte order mark.
fn unfolded(text: &str) -> Result<String, String> {
    if text.len() > LARGEST {
        return Err(format!("an object of {} bytes", text.len()));
    }
    let text = unfold(text.trim_start_matches('\u{feff}').trim());
    let begins =
        |line: &str, word: &str| line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let mut depth = 0_usize;
    for line in text.lines() {
        if begins(line, "BEGIN:") {
            depth += 1;
        } else if begins(line, "END:") {
            depth = depth.saturating_sub(1);
        }
        if depth > DEEPEST {
            return Err("components within components without end".to_owned());
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
