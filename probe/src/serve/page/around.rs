//! What is about no check: sessions, mailboxes, the probe itself.

use maud::{Markup, html};

use super::parts::Ages;
use crate::export::state::{Overview, SessionView};

pub(super) fn sessions(of: &Overview, ages: Ages) -> Markup {
    html! {
        section #sessions aria-labelledby="sessions-title" {
            @if !of.sessions.is_empty() {
                h2 #sessions-title { "Kept sessions" }
                div.card.boxed { table.list {
                    caption.hide { "Sessions that are kept open, and why one is down" }
                    thead { tr {
                        th scope="col" { "Mailbox" } th scope="col" { "State" } th scope="col" { "Server" } th scope="col" { "Ended so far" }
                    } }
                    tbody { @for session in &of.sessions { (row(session, ages)) } }
                } }
            }
            @for mailbox in &of.mailboxes {
                @if let Some(until) = mailbox.paused_until {
                    p.facts { b { (mailbox.name) } ": the credential is paused after a refusal, so that the account is not locked; tried again " (ages.full(until)) "." }
                }
                @if let Some(until) = mailbox.resting_until {
                    p.facts { b { (mailbox.name) } ": the server asked to be left alone until " (ages.full(until)) "." }
                }
                @if mailbox.rival {
                    p.facts.alarm { (mailbox.name) ": another probe is at work on this mailbox. Two probes on one mailbox is a mistake." }
                }
            }
        }
    }
}

fn row(session: &SessionView, ages: Ages) -> Markup {
    let word = match &*session.state {
        "up" => "✓ up",
        "down" => "✗ down",
        _ => "… opening",
    };
    html! { tr {
        th scope="row" { (session.mailbox) " over " (session.protocol.to_uppercase()) span.soft { " at " (session.mail_service) } }
        td {
            span.alarm[session.state == "down"] { (word) }
            @if let Some(since) = session.since { " since " (ages.full(since)) }
            @if let Some(failure) = &session.failure {
                br; code { (failure.reason) } " " span.said { (failure.server_code) " " (failure.server_text) }
            }
            @if let Some(again) = session.again { br; "opened again " (ages.of(again)) }
        }
        td.soft { @if session.server.is_empty() { "has not named itself" } @else { (session.server) } }
        td.num { (session.ended_unplanned) " unplanned, " (session.ended_planned) " planned" }
    } }
}

pub(super) fn probe(of: &Overview, ages: Ages) -> Markup {
    html! {
        section #probe aria-labelledby="probe-title" {
            h2 #probe-title { "This probe" }
            dl.about.card {
                div { dt { "Configuration" } dd {
                    @if of.config.taken { "taken " (ages.full(of.config.since)) }
                    @else { span.alarm { "✗ the newest one was refused" } "; the one taken " (ages.full(of.config.since)) " runs on" }
                } }
                div { dt { "Version" } dd { (of.version) " " span.soft { (of.revision) } } }
                div { dt { "Running since" } dd { (ages.full(of.started)) } }
                @if !of.reference.is_empty() {
                    div { dt { "Targets that are not mail" } dd { @for (target, up) in &of.reference {
                        (target) ": " span.alarm[!up] { (if *up { "✓ answers" } else { "✗ no answer" }) } " "
                    } } }
                }
            }
        }
    }
}
