//! What every fault shows on the wire, and what becomes of the mail.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use mailprobe_sandbox::{FAULTS, Fault, Listener, Options, Protocol, Sandbox};
use support::{
    World,
    talk::{Talk, sign_in_smtp, tell},
};
use tokio::time::Instant;

/// The protocol and the fault (none for a healthy one); what a client that does all it should is
/// answered, up to where it gives up; and how many messages there are then in bob's INBOX, in bob's Junk
/// and in alice's INBOX. Over SMTP and EWS alice writes to bob; over IMAP and EWS a message comes while she
/// listens.
#[rustfmt::skip]
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("smtp", "", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0", "1 0 0"),
    ("imap", "", "OK, OK, OK, OK, OK, OK [READ-WRITE], 2 EXISTS, OK, (MESSAGES 2), bye, OK", "0 0 2"),
    ("pop3", "", "+OK, +OK, +OK, +OK, +OK, +OK", "0 0 1"),
    ("smtp", "refuse", "refused", "0 0 0"),
    ("imap", "refuse", "refused", "0 0 1"),
    ("pop3", "refuse", "refused", "0 0 1"),
    ("smtp", "stall", "silence", "0 0 0"),
    ("imap", "stall", "silence", "0 0 1"),
    ("pop3", "stall", "silence", "0 0 1"),
    ("smtp", "stall-after-auth", "220, 250, 220 2.0.0, 250, 235 2.7.0, silence", "0 0 0"),
    ("imap", "stall-after-auth", "OK, OK, OK, OK, silence", "0 0 1"),
    ("pop3", "stall-after-auth", "+OK, +OK, +OK, +OK, silence", "0 0 1"),
    ("smtp", "cut", "220, closed", "0 0 0"),
    ("imap", "cut", "OK, closed", "0 0 1"),
    ("pop3", "cut", "+OK, closed", "0 0 1"),
    ("smtp", "cut-after-data=drop", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 250 2.1.5, 354, closed", "0 0 0"),
    ("smtp", "slow=50ms", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0", "1 0 0"),
    ("imap", "slow=50ms", "OK, OK, OK, OK, OK, OK [READ-WRITE], 2 EXISTS, OK, (MESSAGES 2), bye, OK", "0 0 2"),
    ("pop3", "slow=50ms", "+OK, +OK, +OK, +OK, +OK, +OK", "0 0 1"),
    ("smtp", "garbage", "noise", "0 0 0"),
    ("imap", "garbage", "noise", "0 0 1"),
    ("pop3", "garbage", "noise", "0 0 1"),
    ("smtp", "wrong-certificate", "220, 250, 220 2.0.0, not valid for name", "0 0 0"),
    ("imap", "wrong-certificate", "OK, OK, OK, not valid for name", "0 0 1"),
    ("pop3", "wrong-certificate", "+OK, +OK, not valid for name", "0 0 1"),
    ("smtp", "expired-certificate", "220, 250, 220 2.0.0, certificate expired", "0 0 0"),
    ("smtp", "expiring-certificate", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0", "1 0 0"),
    ("imap", "expired-certificate", "OK, OK, OK, certificate expired", "0 0 1"),
    ("imap", "expiring-certificate", "OK, OK, OK, OK, OK, OK [READ-WRITE], 2 EXISTS, OK, (MESSAGES 2), bye, OK", "0 0 2"),
    ("pop3", "expired-certificate", "+OK, +OK, certificate expired", "0 0 1"),
    ("pop3", "expiring-certificate", "+OK, +OK, +OK, +OK, +OK, +OK", "0 0 1"),
    ("smtp", "untrusted-certificate", "220, 250, 220 2.0.0, UnknownIssuer", "0 0 0"),
    ("imap", "untrusted-certificate", "OK, OK, OK, UnknownIssuer", "0 0 1"),
    ("pop3", "untrusted-certificate", "+OK, +OK, UnknownIssuer", "0 0 1"),
    ("smtp", "reject-sign-in", "220, 250, 220 2.0.0, 250, 535 5.7.8, 530 5.7.0, 503 5.5.1, 503 5.5.1, 221 2.0.0", "0 0 0"),
    ("imap", "reject-sign-in", "OK, OK, OK, NO [AUTHENTICATIONFAILED], OK, BAD, no IDLE, BAD, bye, OK", "0 0 2"),
    ("pop3", "reject-sign-in", "+OK, +OK, +OK, -ERR [AUTH], -ERR, +OK", "0 0 1"),
    ("smtp", "sign-in-unavailable", "220, 250, 220 2.0.0, 250, 454 4.7.0, 530 5.7.0, 503 5.5.1, 503 5.5.1, 221 2.0.0", "0 0 0"),
    ("imap", "sign-in-unavailable", "OK, OK, OK, NO [UNAVAILABLE], OK, BAD, no IDLE, BAD, bye, OK", "0 0 2"),
    ("pop3", "sign-in-unavailable", "+OK, +OK, +OK, -ERR [SYS/TEMP], -ERR, +OK", "0 0 1"),
    ("smtp", "no-starttls", "220, 250, no STARTTLS", "0 0 0"),
    ("imap", "no-starttls", "OK, OK, no STARTTLS", "0 0 1"),
    ("pop3", "no-starttls", "+OK, no STLS", "0 0 1"),
    ("smtp", "defer", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 451 4.7.1, 554 5.5.1, 221 2.0.0", "0 0 0"),
    ("smtp", "refuse-recipient", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 550 5.1.1, 554 5.5.1, 221 2.0.0", "0 0 0"),
    ("smtp", "refuse-sender", "220, 250, 220 2.0.0, 250, 235 2.7.0, 550 5.7.1, 503 5.5.1, 503 5.5.1, 221 2.0.0", "0 0 0"),
    ("smtp", "refuse-message", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 250 2.1.5, 354, 554 5.6.0, 221 2.0.0", "0 0 0"),
    ("smtp", "mailbox-full", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 552 5.2.2, 554 5.5.1, 221 2.0.0", "0 0 0"),
    ("smtp", "lose", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0", "0 0 0"),
    ("smtp", "lose-every=1", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0", "0 0 0"),
    ("smtp", "delay=50ms", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0", "0 0 0"),
    ("smtp", "double", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0", "2 0 0"),
    ("smtp", "corrupt", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0", "1 0 0"),
    ("smtp", "junk", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0", "0 1 0"),
    ("smtp", "bounce", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0", "0 0 1"),
    ("smtp", "banner", "220, 250, 220 2.0.0, 250, 235 2.7.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0", "1 0 0"),
    ("imap", "stale", "OK, OK, OK, OK, OK, OK [READ-WRITE], silence, OK, (MESSAGES 0), bye, OK", "0 0 2"),
    ("pop3", "stale", "+OK, +OK, +OK, +OK, -ERR, +OK", "0 0 1"),
    ("imap", "no-push", "OK, OK, OK, OK, OK, OK [READ-WRITE], silence, OK, (MESSAGES 2), bye, OK", "0 0 2"),
    ("imap", "no-idle", "OK, OK, OK, OK, OK, OK [READ-WRITE], no IDLE, OK, (MESSAGES 2), bye, OK", "0 0 2"),
    ("smtp", "too-many-sessions", "421 4.7.0, closed", "0 0 0"),
    ("imap", "too-many-sessions", "BYE [UNAVAILABLE], closed", "0 0 1"),
    ("pop3", "too-many-sessions", "-ERR [IN-USE], closed", "0 0 1"),
    ("smtp", "shutdown-421", "421 4.3.2, closed", "0 0 0"),
    ("imap", "shutdown-421", "BYE, closed", "0 0 1"),
    ("pop3", "shutdown-421", "-ERR [SYS/TEMP], closed", "0 0 1"),
    ("smtp", "flood", "220, flood", "0 0 0"),
    ("imap", "flood", "OK, flood", "0 0 1"),
    ("pop3", "flood", "+OK, flood", "0 0 1"),
    ("smtp", "bad-tag", "220, 350, no STARTTLS", "0 0 0"),
    ("imap", "bad-tag", "OK, WRONG tag, gave up", "0 0 1"),
    ("pop3", "bad-tag", "+OK, neither +OK nor -ERR", "0 0 1"),
    ("imap", "no-to-select", "OK, OK, OK, OK, OK, NO [NONEXISTENT], no IDLE, OK, (MESSAGES 2), bye, OK", "0 0 2"),
    ("imap", "no-delete", "OK, OK, OK, OK, OK, OK [READ-WRITE], 2 EXISTS, OK, (MESSAGES 2), bye, OK", "0 0 2"),
    ("imap", "unknown-untagged", "OK, OK, OK, OK, OK, OK [READ-WRITE], 2 EXISTS, OK, (MESSAGES 2), bye, OK", "0 0 2"),
    ("ews", "", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "1 0 2"),
    ("ews", "refuse", "closed", "0 0 1"),
    ("ews", "stall", "silence", "0 0 1"),
    ("ews", "stall-at=1", "silence", "0 0 1"),
    ("ews", "stall-after-auth", "401, silence", "0 0 1"),
    ("ews", "cut", "closed", "0 0 1"),
    ("ews", "cut-after-data=drop", "401, NoError, closed", "0 0 1"),
    ("ews", "slow=50ms", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "1 0 2"),
    ("ews", "garbage", "noise", "0 0 1"),
    ("ews", "wrong-certificate", "not valid for name", "0 0 1"),
    ("ews", "expired-certificate", "certificate expired", "0 0 1"),
    ("ews", "expiring-certificate", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "1 0 2"),
    ("ews", "untrusted-certificate", "UnknownIssuer", "0 0 1"),
    ("ews", "reject-sign-in", "401, 401, gave up", "0 0 1"),
    ("ews", "sign-in-unavailable", "401, 500 ErrorADUnavailable, gave up", "0 0 1"),
    ("ews", "defer", "401, 503 ErrorServerBusy, gave up", "0 0 1"),
    ("ews", "refuse-recipient", "401, NoError, ErrorInvalidRecipients, NoError, NewMailEvent, NoError 2", "0 0 2"),
    ("ews", "refuse-sender", "401, NoError, ErrorSendAsDenied, NoError, NewMailEvent, NoError 2", "0 0 2"),
    ("ews", "refuse-message", "401, NoError, ErrorSubmissionQuotaExceeded, NoError, NewMailEvent, NoError 2", "0 0 2"),
    ("ews", "mailbox-full", "401, NoError, ErrorQuotaExceeded, NoError, NewMailEvent, NoError 2", "0 0 2"),
    ("ews", "lose", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "0 0 2"),
    ("ews", "lose-every=1", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "0 0 2"),
    ("ews", "delay=1m", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "0 0 2"),
    ("ews", "double", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "2 0 2"),
    ("ews", "corrupt", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "1 0 2"),
    ("ews", "junk", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "0 1 2"),
    ("ews", "bounce", "401, NoError, NoError, NoError, NewMailEvent, NoError 3", "0 0 3"),
    ("ews", "banner", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "1 0 2"),
    ("ews", "stale", "401, NoError, NoError, NoError, silence, NoError 0", "1 0 2"),
    ("ews", "no-push", "401, NoError, NoError, NoError, silence, NoError 2", "1 0 2"),
    ("ews", "push-held", "401, NoError, NoError, NoError, silence", "1 0 1"),
    ("ews", "push-cut", "401, NoError, NoError, NoError, closed", "1 0 1"),
    ("ews", "no-idle", "401, NoError, NoError, ErrorExceededSubscriptionCount, no subscription, NoError 2", "1 0 2"),
    ("ews", "too-many-sessions", "401, 500 ErrorExceededConnectionCount, gave up", "0 0 1"),
    ("ews", "shutdown-421", "503, gave up", "0 0 1"),
    ("ews", "flood", "flood", "0 0 1"),
    ("ews", "bad-tag", "401, another answer", "0 0 1"),
    ("ews", "no-to-select", "401, ErrorMailboxStoreUnavailable, NoError, ErrorMailboxStoreUnavailable, no subscription, ErrorMailboxStoreUnavailable", "1 0 2"),
    ("ews", "no-delete", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "1 0 2"),
    ("ews", "unknown-untagged", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "1 0 2"),
    ("ews", "lose-invitation", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "1 0 2"),
    ("ews", "lose-answer", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "1 0 2"),
    ("ews", "double-entry", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "1 0 2"),
    ("ews", "shift-hour", "401, NoError, NoError, NoError, NewMailEvent, NoError 2", "1 0 2"),
    ("autodiscover", "", "401, settings, Ews", "0 0 1"),
    ("autodiscover", "slow=50ms", "401, settings, Ews", "0 0 1"),
    ("autodiscover", "stall-at=1", "silence", "0 0 1"),
    ("autodiscover", "stall-after-auth", "401, silence", "0 0 1"),
    ("autodiscover", "reject-sign-in", "401, 401, 401", "0 0 1"),
    ("autodiscover", "sign-in-unavailable", "401, 503, 503", "0 0 1"),
    ("autodiscover", "defer", "503, 503, 503", "0 0 1"),
    ("autodiscover", "bad-tag", "401, another answer", "0 0 1"),
    ("autodiscover", "refuse", "closed", "0 0 1"),
    ("autodiscover", "stall", "silence", "0 0 1"),
    ("autodiscover", "cut", "closed", "0 0 1"),
    ("autodiscover", "garbage", "noise", "0 0 1"),
    ("autodiscover", "wrong-certificate", "not valid for name", "0 0 1"),
    ("autodiscover", "expired-certificate", "certificate expired", "0 0 1"),
    ("autodiscover", "expiring-certificate", "401, settings, Ews", "0 0 1"),
    ("autodiscover", "untrusted-certificate", "UnknownIssuer", "0 0 1"),
    ("autodiscover", "too-many-sessions", "503, closed", "0 0 1"),
    ("autodiscover", "shutdown-421", "503, closed", "0 0 1"),
    ("autodiscover", "flood", "flood", "0 0 1"),
    ("owa", "", "302 logon.aspx, form, 302 /owa/, Inbox", "0 0 1"),
    ("owa", "slow=50ms", "302 logon.aspx, form, 302 /owa/, Inbox", "0 0 1"),
    ("owa", "stall-at=1", "silence", "0 0 1"),
    ("owa", "stall-after-auth", "302 logon.aspx, form, silence", "0 0 1"),
    ("owa", "reject-sign-in", "302 logon.aspx, form, 302 reason=2, 302 logon.aspx", "0 0 1"),
    ("owa", "sign-in-unavailable", "302 logon.aspx, form, 503, 302 logon.aspx", "0 0 1"),
    ("owa", "defer", "503, 503, 503, 503", "0 0 1"),
    ("owa", "bad-tag", "another page", "0 0 1"),
    ("owa", "refuse", "closed", "0 0 1"),
    ("owa", "stall", "silence", "0 0 1"),
    ("owa", "cut", "closed", "0 0 1"),
    ("owa", "garbage", "noise", "0 0 1"),
    ("owa", "wrong-certificate", "not valid for name", "0 0 1"),
    ("owa", "expired-certificate", "certificate expired", "0 0 1"),
    ("owa", "expiring-certificate", "302 logon.aspx, form, 302 /owa/, Inbox", "0 0 1"),
    ("owa", "untrusted-certificate", "UnknownIssuer", "0 0 1"),
    ("owa", "too-many-sessions", "503, closed", "0 0 1"),
    ("owa", "shutdown-421", "503, closed", "0 0 1"),
    ("owa", "flood", "flood", "0 0 1"),
    ("caldav", "", "401, 207, 201, 207 1 1000, 204", "2 0 1"),
    ("caldav", "refuse", "closed", "0 0 1"),
    ("caldav", "stall", "silence", "0 0 1"),
    ("caldav", "stall-at=1", "silence", "0 0 1"),
    ("caldav", "stall-after-auth", "401, silence", "0 0 1"),
    ("caldav", "cut", "closed", "0 0 1"),
    ("caldav", "slow=50ms", "401, 207, 201, 207 1 1000, 204", "2 0 1"),
    ("caldav", "garbage", "noise", "0 0 1"),
    ("caldav", "wrong-certificate", "not valid for name", "0 0 1"),
    ("caldav", "expired-certificate", "certificate expired", "0 0 1"),
    ("caldav", "expiring-certificate", "401, 207, 201, 207 1 1000, 204", "2 0 1"),
    ("caldav", "untrusted-certificate", "UnknownIssuer", "0 0 1"),
    ("caldav", "reject-sign-in", "401, 401, gave up", "0 0 1"),
    ("caldav", "sign-in-unavailable", "401, 503, gave up", "0 0 1"),
    ("caldav", "defer", "503, 503, gave up", "0 0 1"),
    ("caldav", "mailbox-full", "401, 207, 507, 207 0, 404", "0 0 1"),
    ("caldav", "stale", "401, 207, 201, 207 0, 204", "2 0 1"),
    ("caldav", "lose-invitation", "401, 207, 201, 207 1 1000, 204", "0 0 1"),
    ("caldav", "lose-answer", "401, 207, 201, 207 1 1000, 204", "2 0 1"),
    ("caldav", "double-entry", "401, 207, 201, 207 2 1000, 204", "2 0 1"),
    ("caldav", "shift-hour", "401, 207, 201, 207 1 1100, 204", "2 0 1"),
    ("caldav", "too-many-sessions", "503, closed", "0 0 1"),
    ("caldav", "shutdown-421", "503, closed", "0 0 1"),
    ("caldav", "flood", "flood", "0 0 1"),
    ("caldav", "bad-tag", "401, another answer", "0 0 1"),
    ("caldav", "no-delete", "401, 207, 201, 207 1 1000, 403", "1 0 1"),
];

async fn row(protocol: &str, fault: &str) -> (String, String) {
    let world = World::start().await;
    let protocol = Protocol::parse(protocol).unwrap();
    let fault = (!fault.is_empty()).then(|| Fault::parse(fault).unwrap());
    world.sandbox.set_fault(protocol, fault);
    if protocol != Protocol::Smtp {
        world.sandbox.deliver("alice", "INBOX", b"Subject: old\r\n\r\nBody\r\n");
    }
    let told = tell(&world, protocol).await;
    let count = |user, folder| world.sandbox.messages(user, folder).len();
    let mail = format!("{} {} {}", count("bob", "INBOX"), count("bob", "Junk"), count("alice", "INBOX"));
    (told, mail)
}

#[tokio::test]
async fn every_fault_shows() {
    // Not all at once: an answer that is late because so many are made counts as silence.
    for rows in TABLE.chunks(70) {
        let found = join_all(rows.iter().map(|(protocol, fault, ..)| row(protocol, fault))).await;
        for ((protocol, fault, told, mail), (really_told, real_mail)) in rows.iter().zip(found) {
            assert_eq!(really_told, *told, "{protocol} {fault}");
            assert_eq!(real_mail, *mail, "mail with {protocol} {fault}");
        }
    }
}

#[test]
fn the_table_has_every_fault_at_every_protocol() {
    for info in FAULTS {
        for protocol in info.protocols {
            let rows = TABLE.iter().filter(|(at, fault, ..)| {
                *at == protocol.name() && fault.split('=').next() == Some(info.name)
            });
            assert_eq!(rows.count(), 1, "{protocol} {}", info.name);
        }
    }
}

/// Sends a message over a new session and returns the last reply, or how the session ended.
async fn send(world: &World) -> String {
    let mut talk = Talk::connect(world, Listener::Submission).await.unwrap();
    sign_in_smtp(&mut talk).await.unwrap();
    talk.send("MAIL FROM:<alice@sandbox.test>\r\nRCPT TO:<bob@sandbox.test>\r\nDATA\r\n").await.unwrap();
    for _ in 0..3 {
        talk.reply().await.unwrap();
    }
    let text = "Subject: hello\r\nMessage-ID: <1@x>\r\n\r\nThe text itself.\r\n.\r\n";
    talk.send(text).await.unwrap();
    talk.reply().await.map_or_else(|end| end, |lines| lines.concat())
}

fn first(world: &World, user: &str) -> String {
    String::from_utf8(world.sandbox.messages(user, "INBOX").remove(0)).unwrap()
}

fn on(world: &World, protocol: Protocol, fault: Fault) {
    world.sandbox.set_fault(protocol, Some(fault));
}

#[tokio::test]
async fn a_message_can_be_kept_although_the_connection_is_cut() {
    let world = World::start().await;
    on(&world, Protocol::Smtp, Fault::CutAfterData { deliver: true });
    assert_eq!(send(&world).await, "closed");
    assert!(first(&world, "bob").contains("The text itself."));
}

#[tokio::test]
async fn corruption_and_banners_change_the_body_alone() {
    let world = World::start().await;
    on(&world, Protocol::Smtp, Fault::Corrupt);
    send(&world).await;
    let corrupt = first(&world, "bob");
    assert!(corrupt.contains("\r\nMessage-ID: <1@x>\r\n\r\nUhe text"), "{corrupt}");
    world.sandbox.remove_all("bob", "INBOX");
    on(&world, Protocol::Smtp, Fault::Banner);
    send(&world).await;
    let banner = first(&world, "bob");
    assert!(banner.contains("\r\n\r\nCAUTION: "), "{banner}");
    assert!(banner.contains("\r\nThe text itself.\r\n") && banner.ends_with("confidential.\r\n"), "{banner}");
}

#[tokio::test]
async fn a_bounce_is_a_delivery_status_notification() {
    let world = World::start().await;
    on(&world, Protocol::Smtp, Fault::Bounce);
    assert!(send(&world).await.starts_with("250 2.0.0"));
    let report = first(&world, "alice");
    for part in [
        "Return-Path: <>\r\n",
        "Content-Type: multipart/report; report-type=delivery-status;",
        "Content-Type: message/delivery-status\r\n",
        "Final-Recipient: rfc822; bob@sandbox.test\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        "Content-Type: text/rfc822-headers\r\n\r\nSubject: hello\r\nMessage-ID: <1@x>\r\n",
    ] {
        assert!(report.contains(part), "{part} in {report}");
    }
    assert!(!report.contains("The text itself."));
}

#[tokio::test]
async fn every_third_message_is_lost_from_when_the_scenario_begins() {
    let world = World::start().await;
    send(&world).await;
    world.sandbox.set_scenario("lossy").unwrap();
    for _ in 0..6 {
        assert!(send(&world).await.starts_with("250 2.0.0"));
    }
    let counts = world.sandbox.counts();
    assert_eq!((counts.accepted, counts.delivered, counts.lost), (7, 5, 2));
}

#[tokio::test]
async fn slow_answers_are_late_by_that_much() {
    let world = World::start().await;
    on(&world, Protocol::Pop3, Fault::Slow(Duration::from_millis(100)));
    let begun = Instant::now();
    let mut talk = Talk::connect(&world, Listener::Pop3s).await.unwrap();
    talk.line().await.unwrap();
    talk.pop("NOOP").await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn refused_connections_are_accepted_again_on_the_same_port() {
    let world = World::start().await;
    let before = world.sandbox.address(Listener::Imaps);
    for _ in 0..3 {
        let mut open = Talk::connect(&world, Listener::Imaps).await.unwrap();
        open.line().await.unwrap();
        on(&world, Protocol::Imap, Fault::Refuse);
        assert_eq!(tell(&world, Protocol::Imap).await, "refused");
        assert_eq!(open.line().await, Err("closed".to_owned()), "open sessions are cut");
        world.sandbox.set_fault(Protocol::Imap, None);
        assert_eq!(world.sandbox.address(Listener::Imaps), before);
    }
    Talk::connect(&world, Listener::Imaps).await.unwrap().line().await.unwrap();
}

#[tokio::test]
async fn open_sessions_feel_a_fault() {
    let world = World::start().await;
    let cases = [
        (Fault::Cut, "closed"),
        (Fault::Stall, "silence"),
        (Fault::Garbage, "noise"),
        (Fault::Flood, "flood"),
        (Fault::BadTag, "gave up"),
    ];
    for (fault, end) in cases {
        let mut talk = Talk::connect(&world, Listener::Imaps).await.unwrap();
        talk.line().await.unwrap();
        talk.imap("NOOP").await.unwrap();
        on(&world, Protocol::Imap, fault.clone());
        assert_eq!(talk.imap("NOOP").await.unwrap_err(), end, "{fault}");
        world.sandbox.set_fault(Protocol::Imap, None);
    }
}

#[tokio::test]
async fn what_was_hidden_shows_when_healed() {
    let world = World::start().await;
    world.sandbox.deliver("alice", "INBOX", b"Subject: old\r\n\r\n");
    on(&world, Protocol::Imap, Fault::Stale);
    world.sandbox.deliver("alice", "INBOX", b"Subject: new\r\n\r\n");
    let mut talk = Talk::connect(&world, Listener::Imaps).await.unwrap();
    talk.line().await.unwrap();
    talk.imap(&format!("LOGIN alice \"{}\"", support::PASSWORD)).await.unwrap();
    let selected = talk.imap("SELECT INBOX").await.unwrap();
    assert!(selected.iter().any(|line| line == "* 1 EXISTS"), "{selected:?}");
    assert!(selected.iter().any(|line| line.starts_with("* OK [UIDNEXT 2]")), "{selected:?}");
    talk.send("i IDLE\r\n").await.unwrap();
    assert_eq!(talk.line().await.unwrap(), "+ idling");
    world.sandbox.set_fault(Protocol::Imap, None);
    assert_eq!(talk.line().await.unwrap(), "* 2 EXISTS");
}

#[tokio::test]
async fn greylisting_is_counted_and_the_scenario_is_told() {
    let world = World::start().await;
    assert_eq!(world.sandbox.scenario(), "healthy");
    world.sandbox.set_scenario("greylisting").unwrap();
    tell(&world, Protocol::Smtp).await;
    assert_eq!(world.sandbox.counts().deferred, 1);
    assert_eq!(world.sandbox.scenario(), "greylisting");
    on(&world, Protocol::Imap, Fault::Stall);
    assert_eq!(world.sandbox.scenario(), "custom");
    let error = world.sandbox.set_scenario("sunny").unwrap_err().to_string();
    assert!(error.contains("no scenario `sunny`; there are healthy, slow, lossy"), "{error}");
    for (name, _) in Sandbox::scenarios() {
        world.sandbox.set_scenario(name).unwrap();
        assert_eq!(world.sandbox.scenario(), *name);
    }
}

#[tokio::test]
async fn mail_comes_late_by_the_latency() {
    let sandbox = Sandbox::start(Options { latency: Duration::from_millis(300), ..Options::default() }).await;
    let world = World::of(sandbox.unwrap());
    let mut idle = Talk::connect(&world, Listener::Imaps).await.unwrap();
    idle.line().await.unwrap();
    idle.imap(&format!("LOGIN bob \"{}\"", support::PASSWORD)).await.unwrap();
    idle.imap("SELECT INBOX").await.unwrap();
    idle.send("i IDLE\r\n").await.unwrap();
    idle.line().await.unwrap();
    send(&world).await;
    let accepted = Instant::now();
    assert_eq!(idle.line().await.unwrap(), "* 1 EXISTS");
    assert!(accepted.elapsed() >= Duration::from_millis(200));
}
