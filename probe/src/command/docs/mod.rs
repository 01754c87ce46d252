//! `mailprobe docs --write DIR | --check DIR` (hidden): the pages that are made from the tables.
//!
//! The pages are committed. A test fails when one is stale, and names the command that writes it anew.

mod configuration;
mod metrics;
mod reasons;

use std::io::{self, Write};
use std::path::Path;

/// Written, or as they should be.
const WELL: u8 = 0;
/// At least one page is stale.
const STALE: u8 = 1;
/// What people run when a page is stale.
pub const COMMAND: &str = "cargo run -p mailprobe -- docs --write docs";
/// The first line of each page.
const MADE: &str =
    "<!-- Made from the tables by `mailprobe docs --write docs`; changes here are lost. -->\n\n";

/// The sample configuration.
pub const SAMPLE: &str = include_str!("../../../mailprobe.sample.yaml");

/// Every page: its file's name, its text.
///
/// # Errors
/// When the sample configuration cannot be loaded.
pub fn pages() -> io::Result<Vec<(&'static str, String)>> {
    Ok(vec![
        ("configuration.md", format!("{MADE}{}", configuration::page())),
        ("metrics.md", format!("{MADE}{}", metrics::page()?)),
        ("reasons.md", format!("{MADE}{}", reasons::page())),
    ])
}

/// Writes all pages into a folder; answers the exit code.
///
/// # Errors
/// When one cannot be written.
pub fn write(dir: &Path, out: &mut impl Write) -> io::Result<u8> {
    std::fs::create_dir_all(dir)?;
    for (name, text) in pages()? {
        let path = dir.join(name);
        std::fs::write(&path, text)?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(WELL)
}

/// Compares the pages in a folder with what the tables make; answers the exit code.
///
/// # Errors
/// When nothing can be written.
pub fn check(dir: &Path, out: &mut impl Write) -> io::Result<u8> {
    let mut code = WELL;
    for (name, text) in pages()? {
        let path = dir.join(name);
        if std::fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            writeln!(out, "{} is stale: {COMMAND}", path.display())?;
            code = STALE;
        }
    }
    Ok(code)
}

/// A table in Markdown.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<_> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rule = vec!["---".to_owned(); head.len()];
    let mut out = line(&head) + &line(&rule);
    for row in rows {
        let cells: Vec<_> = row.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        out.push_str(&line(&cells));
    }
    out
}

/// Words in code marks.
fn code<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ")
}

/// One sentence per line.
fn sentences(text: &str) -> String {
    text.replace(". ", ".\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder of the repository.
    fn committed() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
    }

    #[test]
    fn the_committed_pages_are_fresh() {
        let mut out = Vec::new();
        let code = check(&committed(), &mut out).unwrap();
        // `BLESS=1 cargo test -p mailprobe docs` writes them as the command does.
        if std::env::var_os("BLESS").is_some() {
            write(&committed(), &mut out).unwrap();
        } else {
            assert_eq!(code, WELL, "{}", String::from_utf8(out).unwrap());
        }
    }

    #[test]
    fn a_stale_page_is_named_with_the_command() {
        let dir = tempfile::tempdir().unwrap();
        let mut out = Vec::new();
        assert_eq!(write(dir.path(), &mut out).unwrap(), WELL);
        assert_eq!(check(dir.path(), &mut out).unwrap(), WELL);
        std::fs::write(dir.path().join("metrics.md"), "old").unwrap();
        out.clear();
        assert_eq!(check(dir.path(), &mut out).unwrap(), STALE);
        let said = String::from_utf8(out).unwrap();
        assert!(said.contains("metrics.md is stale: cargo run"), "{said}");
    }

    #[test]
    fn every_metric_reason_and_key_is_in_its_page() {
        let pages = pages().unwrap();
        let page = |name: &str| &pages.iter().find(|(of, _)| *of == name).unwrap().1;
        for metric in crate::catalogue::metric::METRICS {
            assert!(page("metrics.md").contains(&format!("`{}`", metric.name)), "{}", metric.name);
        }
        for row in crate::catalogue::Reason::rows() {
            assert!(page("reasons.md").contains(&format!("### {}\n", row.name)), "{}", row.name);
        }
        for key in ["auth_pause", "late_after", "expected_issuers", "token_file", "external_per_day", "proxy"]
        {
            assert!(page("configuration.md").contains(&format!("`{key}`")), "{key}");
        }
    }
}
