//! Recognising the fleet's messages among others. What is not signed is a stranger's, and is never touched.
//!
//! The head is read by the few lines here. The MIME parser only sees mail whose signature held.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mail_parser::MessageParser;

use super::build::{BEGIN, END, HEADER};
use super::token::{Keys, LENGTH, Token};

/// What an item of a mailbox is to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing that we signed.
    Stranger,
    /// A message of the fleet's for this mailbox.
    Ours(Token),
    /// A message of the fleet's for another mailbox: a sent copy, or one that was forwarded.
    Copy(Token),
    /// A report about a message of the fleet's.
    Report { token: Token, what: About },
}

/// What a report says of the message whose token it embeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// It will not be delivered. The enhanced status code (RFC 3463) and the remote server's words.
    Failed { status: String, words: String },
    /// It is not delivered yet.
    Delayed { status: String },
    /// A receipt, or an automatic reply: nothing to judge.
    Other,
}

/// How the payload came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    Intact,
    Damaged,
    /// The item is cut off before the payload's end: read the whole.
    Incomplete,
}

/// Reads an item: its head, or all of it. `address` is the mailbox's own; `others` are the addresses that our
/// messages may have been sent to, for reports about them.
pub fn recognise<'a>(
    item: &[u8],
    address: &str,
    others: impl Iterator<Item = &'a str> + Clone,
    keys: &Keys,
) -> Seen {
    let head = head(item);
    let fields: Vec<_> = fields(head).collect();
    let get =
        |name: &str| fields.iter().find(|(of, _)| of.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| *v);
    let marked = || [HEADER, "Message-ID", "Subject"].into_iter().filter_map(get).flat_map(tokens);
    if let Some(token) = marked().find(|token| token.signed_for(address, keys)) {
        return Seen::Ours(token);
    }
    let of = |name: &str, word: &str| get(name).is_some_and(|value| contains(value, word));
    let is_delivery_report = of("Content-Type", "multipart/report");
    let is_automatic = is_delivery_report
        || of("Auto-Submitted", "auto-replied")
        || (of("Auto-Submitted", "auto-generated") && get("In-Reply-To").is_some());
    let mine = |token: &Token| others.clone().any(|to| token.signed_for(to, keys));
    if is_automatic && let Some(token) = tokens(item).find(mine) {
        let what = if is_delivery_report { about(item) } else { About::Other };
        return Seen::Report { token, what };
    }
    if let Some(token) = marked().find(mine)
        && !is_automatic
        && get(HEADER).is_some()
    {
        return Seen::Copy(token);
    }
    // A gateway took our header, the Message-ID and the subject; the payload still tells.
    match tokens(body(item)).find(|token| token.signed_for(address, keys)) {
        Some(token)
            if !is_automatic && find(item, BEGIN.as_bytes()).is_some() && get("In-Reply-To").is_none() =>
        {
            Seen::Ours(token)
        }
        _ => Seen::Stranger,
    }
}

/// Whether the payload of one of our messages is as it was sent. White space and the text around it do not matter.
/// `whole`: the item is not cut off.
pub fn payload(item: &[u8], whole: bool, token: &Token) -> Payload {
    if let Some(found) = between(item) {
        if same(found, token) {
            return Payload::Intact;
        }
    } else if !whole {
        return Payload::Incomplete;
    }
    // Not there in clear: another transfer encoding, or HTML. Only mail whose signature held comes here.
    let parsed = MessageParser::default().parse(item);
    let bodies = parsed.iter().flat_map(|message| {
        (0..message.text_body_count())
            .filter_map(|n| message.body_text(n))
            .chain((0..message.html_body_count()).filter_map(|n| message.body_text(n)))
    });
    for text in bodies {
        if between(text.as_bytes()).is_some_and(|found| same(found, token)) {
            return Payload::Intact;
        }
    }
    if whole { Payload::Damaged } else { Payload::Incomplete }
}

fn between(text: &[u8]) -> Option<&[u8]> {
    let begin = find(text, BEGIN.as_bytes())? + BEGIN.len();
    let end = find(&text[begin..], END.as_bytes())?;
    Some(&text[begin..begin + end])
}

fn same(found: &[u8], token: &Token) -> bool {
    let found = found.iter().filter(|byte| !byte.is_ascii_whitespace());
    let sent = token.payload().concat();
    found.eq(sent.as_bytes().iter().filter(|byte| !byte.is_ascii_whitespace()))
}

/// The tokens of a mail's subject, unsigned still.
pub fn of_subject(item: &[u8]) -> Vec<Token> {
    let subject = fields(head(item)).find(|(name, _)| name.eq_ignore_ascii_case(b"Subject"));
    let Some((_, subject)) = subject else { return Vec::new() };
    if !contains(subject, "=?") {
        return tokens(subject).collect();
    }
    // What servers put before it in people's languages makes them encode it all (RFC 2047). A panic there is nobody's.
    let alone = [b"Subject: ", subject, b"\r\n\r\n"].concat();
    let decode = || MessageParser::default().parse(&alone)?.subject().map(str::to_owned);
    let decoded = catch_unwind(AssertUnwindSafe(decode)).ok().flatten().unwrap_or_default();
    tokens(decoded.as_bytes()).collect()
}

/// The address that a mail says it is from, in lower case; an empty text where it says none.
pub fn sender(item: &[u8]) -> String {
    let from = fields(head(item)).find(|(name, _)| name.eq_ignore_ascii_case(b"From"));
    let text = from.map_or_else(String::new, |(_, value)| String::from_utf8_lossy(value).to_lowercase());
    let address =
        text.rsplit_once('<').map_or(&*text, |(_, rest)| rest.split('>').next().unwrap_or_default());
    address.trim().to_owned()
}

/// Every run of exactly the right letters, decoded; unsigned still.
pub fn tokens(text: &[u8]) -> impl Iterator<Item = Token> {
    text.split(|byte| !matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'2'..=b'7'))
        .filter(|run| run.len() == LENGTH)
        .filter_map(Token::read)
}

fn head(item: &[u8]) -> &[u8] {
    let end = find(item, b"\r\n\r\n").or_else(|| find(item, b"\n\n")).unwrap_or(item.len());
    &item[..end]
}

fn body(item: &[u8]) -> &[u8] {
    &item[head(item).len()..]
}

/// The fields of a head, each value with its folded lines (RFC 5322, section 2.2.3).
fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = head;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let mut end = 0;
            loop {
                end +=
                    rest[end..].iter().position(|byte| *byte == b'\n').map_or(rest.len() - end, |at| at + 1);
                if !matches!(rest.get(end), Some(b' ' | b'\t')) {
                    break;
                }
            }
            let (field, after) = rest.split_at(end);
            rest = after;
            if let Some(colon) = field.iter().position(|byte| *byte == b':') {
                return Some((field[..colon].trim_ascii(), field[colon + 1..].trim_ascii()));
            }
        }
        None
    })
}

/// What a delivery status notification (RFC 3464) says: the first recipient's action and status.
fn about(item: &[u8]) -> About {
    let mut action = "";
    let mut status = "";
    let mut words = "";
    for line in item.split(|byte| *byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let Some((name, value)) = line.split_once(':') else { continue };
        let slot = match name.trim().to_ascii_lowercase().as_str() {
            "action" => &mut action,
            "status" => &mut status,
            "diagnostic-code" => &mut words,
            _ => continue,
        };
        if slot.is_empty() {
            *slot = value.trim();
        }
    }
    match action.to_ascii_lowercase().as_str() {
        "failed" => About::Failed { status: status.to_owned(), words: words.to_owned() },
        "delayed" => About::Delayed { status: status.to_owned() },
        _ => About::Other,
    }
}

fn contains(value: &[u8], word: &str) -> bool {
    value.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::build::{Outgoing, build};
    use crate::message::token::{Draft, hash};
    use crate::secret::Secret;
    use std::time::{Duration, SystemTime};

    const BOB: &str = "bob@example.com";

    fn keys() -> Keys {
        Keys::new(&Secret::new("key-of-the-fleet"), &[])
    }

    fn sent() -> (Token, Outgoing) {
        let draft = Draft {
            site: hash("lisbon"),
            check: 1,
            slot: 2,
            instance: 3,
            sent: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            lost_after: Duration::from_secs(900),
            lines: 8,
        };
        let token = Token::sign(&draft, BOB, &keys());
        (token, build(&token, &"alice@example.com".into(), &BOB.into()).unwrap())
    }

    fn see(item: &[u8], address: &str) -> Seen {
        recognise(item, address, [BOB].into_iter(), &keys())
    }

    fn without(mail: &[u8], names: &[&str]) -> Vec<u8> {
        let text = std::str::from_utf8(mail).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut out = String::new();
        let mut skipping = false;
        for line in head.split("\r\n") {
            if !line.starts_with(' ') {
                skipping = names.iter().any(|name| line.starts_with(&format!("{name}:")));
            }
            if !skipping {
                out.push_str(line);
                out.push_str("\r\n");
            }
        }
        format!("{out}\r\n{body}").into_bytes()
    }

    #[test]
    fn our_message_is_recognised_by_any_of_its_marks() {
        let (token, mail) = sent();
        let all = ["X-Mailprobe", "Message-ID", "Subject"];
        for kept in 0..=all.len() {
            let taken: Vec<_> =
                all.iter().enumerate().filter(|(n, _)| *n != kept).map(|(_, name)| *name).collect();
            let item = without(&mail.bytes, &taken);
            assert_eq!(see(&item, BOB), Seen::Ours(token), "only {:?} kept", all.get(kept));
        }
    }

    #[test]
    fn strangers_and_answers_of_people_are_left_alone() {
        let (_, mail) = sent();
        let text = std::str::from_utf8(&mail.bytes).unwrap();
        for (what, item) in [
            ("another's", "Subject: hello\r\n\r\nhow are you".to_owned()),
            ("empty", String::new()),
            (
                "a person's answer",
                format!("Subject: Re: x\r\nIn-Reply-To: <{}>\r\n\r\n> {text}", mail.message_id),
            ),
            ("forged", text.replace(mail.message_id.get(..8).unwrap(), "abcdefgh")),
        ] {
            assert_eq!(see(item.as_bytes(), BOB), Seen::Stranger, "{what}");
        }
        let (token, _) = sent();
        assert_eq!(see(&mail.bytes, "eve@example.com"), Seen::Copy(token), "for another recipient");
    }

    #[test]
    fn reports_tell_what_became_of_it() {
        let (token, mail) = sent();
        let report = |action: &str| {
            format!(
                "From: MAILER-DAEMON\r\nContent-Type: multipart/report; boundary=x\r\n\r\n--x\r\n\
                 Final-Recipient: rfc822; bob@example.com\r\nAction: {action}\r\nStatus: 5.1.1\r\n\
                 Diagnostic-Code: smtp; 550 no such user\r\n\r\n--x\r\n{}",
                std::str::from_utf8(&mail.bytes).unwrap()
            )
        };
        let failed = About::Failed { status: "5.1.1".into(), words: "smtp; 550 no such user".into() };
        for (action, what) in [
            ("failed", failed),
            ("delayed", About::Delayed { status: "5.1.1".into() }),
            ("relayed", About::Other),
        ] {
            assert_eq!(see(report(action).as_bytes(), "alice@example.com"), Seen::Report { token, what });
        }
        let away =
            format!("Auto-Submitted: auto-replied\r\nIn-Reply-To: <{}>\r\n\r\nI am away", mail.message_id);
        assert_eq!(see(away.as_bytes(), "alice@example.com"), Seen::Report { token, what: About::Other });
    }

    #[test]
    fn the_payload_survives_banners_and_other_encodings_and_not_damage() {
        let (token, mail) = sent();
        let text = std::str::from_utf8(&mail.bytes).unwrap();
        assert_eq!(payload(&mail.bytes, true, &token), Payload::Intact);
        let banner =
            text.replace(BEGIN, &format!("EXTERNAL MAIL\r\n{BEGIN}")).replace("\r\n00", "\r\n\r\n  00");
        assert_eq!(payload(banner.as_bytes(), true, &token), Payload::Intact);
        let line = token.payload()[1].clone();
        let damaged = text.replace(&line, &line.replace(' ', "x"));
        assert_eq!(payload(damaged.as_bytes(), true, &token), Payload::Damaged);
        let cut = &mail.bytes[..mail.bytes.len() - 60];
        assert_eq!(payload(cut, false, &token), Payload::Incomplete);
        assert_eq!(payload(cut, true, &token), Payload::Damaged);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, body);
        let encoded = format!("{}\r\n\r\n{encoded}", head.replace("7bit", "base64"));
        assert_eq!(payload(encoded.as_bytes(), true, &token), Payload::Intact);
    }
}
