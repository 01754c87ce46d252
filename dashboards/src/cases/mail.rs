//! Messages and sessions.

use super::Standard;
use crate::case::Case;
use crate::scenario::lane;

pub(super) fn of(alert: &str) -> Option<Vec<Case>> {
    Some(match alert {
        "MailDelayed" => view('l').cases(),
        "MailDuplicated" => event("duplicated", 2),
        "MailCorrupted" => event("corrupted", 1),
        "MailJunked" => event("junked", 2),
        "MailBounced" => event("bounced", 2),
        "OutboxStuck" => outbox().cases(),
        "SessionUnstable" => session(),
        _ => return None,
    })
}

const LABELS: &str = "site=\"s1\",mail_service=\"hq\",protocol=\"imap\"";

fn view(letter: char) -> Standard {
    Standard {
        letter,
        rest: vec![lane("s1", "login", "check", "ews")],
        ..Standard::new(vec![lane("s1", "roundtrip", "view", "imap")], LABELS)
    }
}

fn outbox() -> Standard {
    let labels = "site=\"s1\",mail_service=\"hq\",protocol=\"ews\"";
    Standard {
        letter: 'b',
        flaky: false,
        ..Standard::new(vec![lane("s1", "roundtrip", "send", "ews")], labels)
    }
}

/// The counter of one view of a message.
fn counter(of: &str, site: &str, protocol: &str, pod: &str) -> String {
    format!(
        "mailprobe_messages_{of}_total{{site=\"{site}\",check=\"roundtrip\",mail_service=\"hq\",mailbox=\"bob\",peer_mail_service=\"hq\",protocol=\"{protocol}\",send=\"smtp\",pod=\"{pod}\"}}"
    )
}

/// Counters of single events: `least` of them fire.
pub(super) fn event(of: &str, least: u32) -> Vec<Case> {
    let fires = &["mail_service=\"hq\""][..];
    let case = |name: &str| Case::new(name).sites(&["s1", "s2"], "");
    let imap = counter(of, "s1", "imap", "a");
    let mut cases = vec![
        case("it fires, and goes after an hour")
            .series(&imap, &format!("0x19 {least}x200"))
            .quiet(&[5, 9])
            .fires(14, fires)
            .fires(60, fires)
            .quiet(&[100]),
        case("a slow check").series(&imap, &format!("0x59 {least}x*")).quiet(&[29]).fires(35, fires),
        case("a restart, and a counter that begins anew")
            .series(&imap, "9x19 0x*")
            .series(&counter(of, "s1", "imap", "b"), "_x20 0x*")
            .quiet(&[9, 12, 20]),
        case("two pods of one site count each for itself")
            .series(&imap, &format!("0x19 {least}x*"))
            .series(&counter(of, "s1", "imap", "b"), "0x*")
            .fires(14, fires),
        case("one message in two views is one")
            .series(&imap, &format!("0x19 {}x*", least - 1))
            .series(&counter(of, "s1", "pop3", "a"), &format!("0x19 {}x*", least - 1))
            .quiet(&[12, 14, 20]),
        case("two sites")
            .series(&imap, &format!("0x19 {least}x*"))
            .series(&counter(of, "s2", "imap", "a"), &format!("0x19 {least}x*"))
            .fires(14, fires),
    ];
    cases.push(case("nothing happens").series(&imap, "0x*").quiet(&[20]));
    cases
}

fn session() -> Vec<Case> {
    let ends = |cause: &str, planned: &str, pod: &str| {
        format!(
            "mailprobe_session_ends_total{{site=\"s1\",mail_service=\"hq\",mailbox=\"bob\",protocol=\"imap\",cause=\"{cause}\",planned=\"{planned}\",pod=\"{pod}\"}}"
        )
    };
    let case = |name: &str| Case::new(name).sites(&["s1"], "");
    vec![
        case("six in half an hour")
            .series(&ends("network", "false", "a"), "0x9 1x3 2x3 3x3 4x3 5x3 6x100")
            .quiet(&[5, 12])
            .fires(20, &[LABELS])
            .quiet(&[55]),
        case("causes add up")
            .series(&ends("network", "false", "a"), "0x9 1x3 2x3 3x*")
            .series(&ends("server", "false", "a"), "0x9 1x3 2x3 3x*")
            .fires(20, &[LABELS]),
        case("five").series(&ends("network", "false", "a"), "0x9 1x3 2x3 3x3 4x3 5x*").quiet(&[15, 20, 28]),
        case("one blip").series(&ends("server", "false", "a"), "0x9 1x*").quiet(&[6, 20]),
        case("planned")
            .series(&ends("", "true", "a"), "0x9 1x3 2x3 3x3 4x3 5x3 6x3 7x3 8x*")
            .quiet(&[15, 20, 28]),
        case("a policy")
            .series(&ends("policy", "false", "a"), "0x9 1x3 2x3 3x3 4x3 5x3 6x*")
            .quiet(&[15, 20, 28]),
        case("a counter that begins anew, under a new pod")
            .series(&ends("network", "false", "a"), "7x9 0x*")
            .series(&ends("network", "false", "b"), "_x10 0x*")
            .quiet(&[6, 20]),
    ]
}
