//! `mailprobe explain WORD`: what a code that a person sees in Outlook, or a reason, means, and what to do.

use std::io::{self, Write};

use crate::catalogue::code::{self, CODES, CodeRow};
use crate::catalogue::reason::ReasonRow;
use crate::catalogue::{Family, Protocol, Reason};

/// Explained.
const WELL: u8 = 0;
/// The catalogue does not know it.
const UNKNOWN: u8 = 1;
/// Every code of Outlook's has the failure bit set; this many digits of it are looked for at the least.
const CODE_DIGITS: std::ops::RangeInclusive<usize> = 7..=8;
/// Names that are further off than this are no misspelling.
const FARTHEST: usize = 4;

/// Explains a reason or a code (with or without 0x, in any case, decimal too); answers the exit code.
///
/// # Errors
/// When nothing can be written.
pub fn explain(word: &str, out: &mut impl Write) -> io::Result<u8> {
    let word = word.trim();
    let name = word.to_lowercase().replace(['-', ' '], "_");
    if let Some(reason) = Reason::by_name(&name) {
        explain_reason(reason.row(), out)?;
        return Ok(WELL);
    }
    if let Some(row) = codes_of(word).into_iter().find_map(code::find) {
        explain_code(row, out)?;
        return Ok(WELL);
    }
    write!(
        out,
        "mailprobe does not know \"{}\": neither a reason nor a code of its catalogue",
        shortened(word)
    )?;
    match nearest(&name) {
        Some(near) => writeln!(out, "; did you mean {near}?")?,
        None => writeln!(out, "; reasons look like tls_failed, codes like 0x800CCC0E")?,
    }
    Ok(UNKNOWN)
}

/// The numbers that a text may mean: hexadecimal first, as Outlook writes it, then decimal, also as a signed number.
fn codes_of(word: &str) -> Vec<u32> {
    let lower = word.trim_matches(['(', ')', '[', ']', ':', '.', ',']).to_lowercase();
    let digits = lower.strip_prefix("0x").unwrap_or(&lower);
    let mut codes = Vec::new();
    if lower.starts_with("0x") || CODE_DIGITS.contains(&digits.len()) {
        codes.extend(u32::from_str_radix(digits, 16));
    }
    codes.extend(lower.parse::<u32>());
    codes.extend(lower.parse::<i32>().map(i32::cast_unsigned));
    codes
}

fn explain_reason(row: &ReasonRow, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{} (cause: {})", row.name, row.cause.name())?;
    writeln!(out, "  {}", row.meaning)?;
    writeln!(out, "  What to do: {}", row.advice)?;
    if row.codes.is_empty() {
        return writeln!(out, "  Outlook shows no code for it.");
    }
    writeln!(out, "  What Outlook shows:")?;
    for (family, code) in row.codes {
        let meaning = code::find(*code).map_or("", |row| row.meaning);
        writeln!(out, "    {} {meaning} ({})", code::text(*code), protocols(*family))?;
    }
    Ok(())
}

fn explain_code(row: &CodeRow, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}: {}", code::text(row.code), row.meaning)?;
    writeln!(out, "What usually stands behind it, the likeliest first:")?;
    let mut reasons = row.reasons.to_vec();
    // Others that show it are possible too.
    for reason in Reason::rows() {
        if reason.codes.iter().any(|(_, code)| *code == row.code) && !reasons.contains(&reason.id) {
            reasons.push(reason.id);
        }
    }
    for reason in reasons {
        let reason = reason.row();
        writeln!(out, "  {} (cause: {})", reason.name, reason.cause.name())?;
        writeln!(out, "    {}", reason.meaning)?;
        writeln!(out, "    What to do: {}", reason.advice)?;
    }
    Ok(())
}

/// The protocols of a family, as people name them.
pub(super) fn protocols(family: Family) -> String {
    let names: Vec<_> =
        Protocol::rows().iter().filter(|row| row.family == family).map(|row| row.name).collect();
    names.join(", ")
}

fn nearest(name: &str) -> Option<String> {
    let digits = name.strip_prefix("0x").unwrap_or(name);
    let reasons =
        Reason::rows().iter().map(|row| (strsim::damerau_levenshtein(name, row.name), row.name.to_owned()));
    let codes = CODES.iter().map(|row| {
        let text = code::text(row.code);
        let lower = text.to_lowercase();
        // Codes differ by a digit or two from each other: only a slip of one is a misspelling.
        let distance = strsim::damerau_levenshtein(digits, lower.trim_start_matches("0x"));
        (if distance > 1 { usize::MAX } else { distance }, text)
    });
    let (distance, near) = reasons.chain(codes).min_by_key(|(distance, _)| *distance)?;
    let most = (name.len() / 3).clamp(1, FARTHEST);
    (distance <= most).then_some(near)
}

fn shortened(word: &str) -> String {
    word.chars().take(80).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(word: &str) -> (u8, String) {
        let mut out = Vec::new();
        let code = explain(word, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_reason_is_explained() {
        for row in Reason::rows() {
            let (code, text) = said(row.name);
            assert_eq!(code, WELL);
            assert!(text.contains(row.meaning) && text.contains(row.advice), "{text}");
        }
        assert_eq!(said("TLS-Failed").0, WELL);
    }

    #[test]
    fn every_code_is_explained_in_every_spelling() {
        for row in CODES {
            let signed = row.code.cast_signed();
            for word in [
                format!("0x{:08X}", row.code),
                format!("0X{:x}", row.code),
                format!("{:x}", row.code),
                format!("({:#X})", row.code),
                row.code.to_string(),
                signed.to_string(),
            ] {
                let (code, text) = said(&word);
                assert_eq!(code, WELL, "{word}");
                assert!(text.starts_with(&code::text(row.code)), "{word}: {text}");
                assert!(text.contains("What to do"), "{text}");
            }
        }
    }

    #[test]
    fn the_unknown_is_said_to_be() {
        let (code, text) = said("tls_faild");
        assert_eq!(code, UNKNOWN);
        assert!(text.ends_with("did you mean tls_failed?\n"), "{text}");
        assert!(said("0x800CCC0C").1.contains("did you mean 0x800CCC0"), "{}", said("0x800CCC0C").1);
        assert!(said("banana").1.contains("reasons look like"));
        assert_eq!(said("").0, UNKNOWN);
    }
}
