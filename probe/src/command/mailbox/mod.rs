//! `mailprobe mailbox prepare --print`: the administrator's commands that make the test mailboxes fit, and their undo.
//!
//! mailprobe runs none of them: it has no administrator's rights, and wants none.

mod pieces;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;

use crate::catalogue::Protocol;
use crate::config::plan::{Exchange, Mailbox, What};
use crate::config::{self, Plan};
use pieces::{PIECES, Piece};

/// Printed.
const WELL: u8 = 0;
/// Refused.
const MISCONFIGURED: u8 = 2;

/// Prints the script for every mailbox of an Exchange that a configuration has, or its undo; answers the exit code.
///
/// # Errors
/// When nothing can be written.
pub fn prepare(
    paths: &[PathBuf],
    undo: bool,
    env: &BTreeMap<String, String>,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<u8> {
    let plan = match config::load(paths, env) {
        Ok(plan) => plan,
        Err(problems) => {
            writeln!(err, "{problems}")?;
            return Ok(MISCONFIGURED);
        }
    };
    out.write_all(script(&plan, undo).as_bytes())?;
    Ok(WELL)
}

/// One script holds a section for each mail service, since each has a shell of its own.
fn script(plan: &Plan, undo: bool) -> String {
    let mut script = Script::default();
    let words = if undo { "undo" } else { "prepare" };
    script.line(&format!(
        "# mailprobe {}: {words} the test mailboxes of {}.",
        env!("CARGO_PKG_VERSION"),
        plan.site
    ));
    script
        .line("# PowerShell, a section for each mail service: docs/exchange.md says what each part is for.");
    for service in plan.mail_services.values() {
        let boxes: Vec<_> =
            plan.mailboxes.values().filter(|mailbox| mailbox.mail_service.name == service.name).collect();
        match service.exchange {
            Some(exchange) if !boxes.is_empty() => {
                script.section(plan, &service.name, exchange, &boxes, undo)
            }
            _ => script
                .line(&format!("\n# {}: no Exchange, or no mailbox of it: nothing to do.", service.name)),
        }
    }
    script.text
}

#[derive(Default)]
struct Script {
    text: String,
}

impl Script {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn lines(&mut self, indent: &str, text: &str) {
        for line in text.lines() {
            self.line(&if line.is_empty() { String::new() } else { format!("{indent}{line}") });
        }
    }

    fn section(
        &mut self,
        plan: &Plan,
        service: &str,
        exchange: Exchange,
        boxes: &[&std::sync::Arc<Mailbox>],
        undo: bool,
    ) {
        let shell = match exchange {
            Exchange::Server => "Run in the Exchange Management Shell.",
            Exchange::Online => "Run in Exchange Online PowerShell, after Connect-ExchangeOnline.",
        };
        self.line(&format!("\n# {service}. {shell}"));
        self.line("$ErrorActionPreference = 'Stop'");
        self.line(&format!("$folder = {}", quoted(&format!("mailprobe-before-{service}"))));
        self.line("$boxes = [ordered]@{");
        for mailbox in boxes {
            self.line(&format!("    {} = {}", quoted(&mailbox.name), quoted(&mailbox.address)));
        }
        self.line("}");
        self.line("$clients = @{");
        for mailbox in boxes {
            self.line(&format!(
                "    {} = @{{ {} }}",
                quoted(&mailbox.name),
                clients(plan, mailbox, exchange)
            ));
        }
        self.line("}");
        let switchable = match exchange {
            Exchange::Server => SWITCHES.to_vec(),
            Exchange::Online => [SWITCHES, &["SmtpClientAuthenticationDisabled"]].concat(),
        };
        self.line(&format!("$switchable = @('{}')", switchable.join("', '")));
        let listed: Vec<_> = boxes.iter().filter(|mailbox| is_looked_up(plan, mailbox)).collect();
        let listed: Vec<_> = listed.iter().map(|mailbox| quoted(&mailbox.name)).collect();
        self.line(&format!("$listed = @({})", listed.join(", ")));
        let pieces: Vec<_> =
            PIECES.iter().filter(|piece| piece.only.is_none_or(|only| only == exchange)).collect();
        if undo { self.undo(&pieces) } else { self.prepare(&pieces) }
    }

    fn prepare(&mut self, pieces: &[&Piece]) {
        self.lines("", pieces::BEFORE_ALL);
        self.line("foreach ($name in $boxes.Keys) {");
        self.line("    $id = $boxes[$name]");
        self.line("    $file = Join-Path $folder ($name + '.xml')");
        self.line("    $box = Get-Mailbox -Identity $id");
        self.line("    # As it was before the first time; what a second run finds is our own.");
        self.line("    if (-not (Test-Path -LiteralPath $file)) {");
        self.line("        $before = @{}");
        for piece in pieces {
            self.lines("        ", piece.save);
        }
        self.line("        Export-Clixml -InputObject $before -LiteralPath $file");
        self.line("    }");
        for piece in pieces {
            self.line(&format!("    # {}", piece.title));
            self.lines("    ", piece.prepare);
        }
        self.line("    Write-Host \"$id is prepared\"");
        self.line("}");
        self.lines("", pieces::AFTER_ALL);
    }

    fn undo(&mut self, pieces: &[&Piece]) {
        self.line("foreach ($name in $boxes.Keys) {");
        self.line("    $id = $boxes[$name]");
        self.line("    $before = Import-Clixml -LiteralPath (Join-Path $folder ($name + '.xml'))");
        for piece in pieces.iter().rev() {
            self.line(&format!("    # {}", piece.title));
            self.lines("    ", piece.undo);
        }
        self.line("    # What is found the next time is the administrator's again.");
        self.line("    Remove-Item -LiteralPath (Join-Path $folder ($name + '.xml'))");
        self.line("    Write-Host \"$id is as it was\"");
        self.line("}");
        self.lines("", pieces::UNDO_ALL);
    }
}

/// Of `Set-CASMailbox`, everywhere.
const SWITCHES: &[&str] = &["ImapEnabled", "PopEnabled", "EwsEnabled", "OWAEnabled", "MAPIEnabled"];

/// The switches of `Set-CASMailbox` for the protocols that checks use at this mailbox.
fn clients(plan: &Plan, mailbox: &Mailbox, exchange: Exchange) -> String {
    let mut used: BTreeSet<Protocol> = BTreeSet::new();
    let is_ours = |of: &Mailbox| of.name == mailbox.name;
    for check in &plan.checks {
        for (of, protocols) in check.what.sessions() {
            used.extend(protocols.iter().filter(|_| is_ours(of)));
        }
    }
    let switches = used.into_iter().filter_map(|protocol| switch(protocol, exchange));
    switches.collect::<Vec<_>>().join("; ")
}

fn switch(protocol: Protocol, exchange: Exchange) -> Option<&'static str> {
    match (protocol, exchange) {
        (Protocol::Imap, _) => Some("ImapEnabled = $true"),
        (Protocol::Pop3, _) => Some("PopEnabled = $true"),
        (Protocol::Ews, _) => Some("EwsEnabled = $true"),
        (Protocol::Owa, _) => Some("OWAEnabled = $true"),
        (Protocol::Mapi, _) => Some("MAPIEnabled = $true"),
        (Protocol::Smtp, Exchange::Online) => Some("SmtpClientAuthenticationDisabled = $false"),
        _ => None,
    }
}

/// Whether a check looks this mailbox up in the address book.
fn is_looked_up(plan: &Plan, mailbox: &Mailbox) -> bool {
    plan.checks
        .iter()
        .any(|check| matches!(&check.what, What::Directory { of, .. } if of.name == mailbox.name))
}

/// A string of PowerShell that is taken as it is: also the typographic quotes end one there.
fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        if matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_in_an_address_stays_a_string() {
        assert_eq!(quoted("o'neil@contoso.example"), "'o''neil@contoso.example'");
        assert_eq!(quoted("a\u{2019}; Remove-Mailbox b"), "'a\u{2019}\u{2019}; Remove-Mailbox b'");
        assert_eq!(quoted("$(boom)`n"), "'$(boom)`n'");
    }

    #[test]
    fn each_piece_is_explained_in_the_manual() {
        let manual = include_str!("../../../../docs/exchange.md");
        for piece in PIECES {
            assert!(
                manual.contains(&format!("| {} |", piece.title)),
                "{} is not in docs/exchange.md",
                piece.title
            );
            assert!(
                !piece.save.is_empty() && !piece.prepare.is_empty() && !piece.undo.is_empty(),
                "{}",
                piece.title
            );
        }
    }
}
