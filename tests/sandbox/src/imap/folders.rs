//! The commands about mailboxes: LIST, STATUS, CREATE and their kin.

use super::{
    parse::{Cursor, Parsed, write_string},
    view,
};
use crate::{
    fault::Protocol,
    listener::Conn,
    store::{Folder, State, canonical},
};

/// LIST or LSUB.
pub(super) fn list(conn: &mut Conn, user: &str, verb: &str, cursor: &mut Cursor<'_>) -> Parsed<String> {
    cursor.space()?;
    let mut only_special = false;
    let mut only_subscribed = verb == "LSUB";
    if cursor.peek() == Some(b'(') {
        let options = cursor.list(Cursor::word)?;
        only_special = options.iter().any(|option| option == "SPECIAL-USE");
        only_subscribed |= options.iter().any(|option| option == "SUBSCRIBED");
        cursor.space()?;
    }
    let reference = cursor.mailbox()?;
    cursor.space()?;
    let patterns =
        if cursor.peek() == Some(b'(') { cursor.list(Cursor::pattern)? } else { vec![cursor.pattern()?] };
    if cursor.eat(b' ') {
        cursor.word()?;
        cursor.space()?;
        // Special uses and children are told of in any case.
        cursor.list(Cursor::word)?;
    }
    cursor.end()?;
    if patterns == [""] {
        conn.say(&format!("* {verb} (\\Noselect) \"/\" \"\""));
        return Ok(format!("OK {verb} completed"));
    }
    let lines = lines(&conn.shared.store.lock(), user, verb, |name, folder| {
        (!only_special || folder.special.is_some())
            && (!only_subscribed || folder.subscribed)
            && patterns.iter().any(|p| fits(format!("{reference}{p}").as_bytes(), name.as_bytes()))
    });
    for line in lines {
        say(conn, &line);
    }
    Ok(format!("OK {verb} completed"))
}

fn lines(state: &State, user: &str, verb: &str, wanted: impl Fn(&str, &Folder) -> bool) -> Vec<Vec<u8>> {
    let Some(user) = state.user(user) else { return Vec::new() };
    let line = |(name, folder): (&String, &Folder)| {
        let inside = format!("{name}/");
        let children = user.folders.keys().any(|other| other.starts_with(&inside));
        let mut flags = vec![if children { "\\HasChildren" } else { "\\HasNoChildren" }];
        flags.extend(folder.special.filter(|_| verb == "LIST"));
        let head = format!("* {verb} ({}) \"/\" ", flags.join(" "));
        [head.as_bytes(), &write_string(name.as_bytes())].concat()
    };
    user.folders.iter().filter(|(name, folder)| wanted(name, folder)).map(line).collect()
}

/// Puts a line that may hold a literal into the answer.
pub(super) fn say(conn: &mut Conn, line: &[u8]) {
    conn.log('S', &String::from_utf8_lossy(line));
    conn.put(line);
    conn.put(b"\r\n");
}

/// Whether a name fits a pattern, in which `*` is anything and `%` anything but the delimiter.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    if pattern.len() >= 5 && name == b"INBOX" && pattern.eq_ignore_ascii_case(b"INBOX") {
        return true;
    }
    // The places in the name that the pattern so far can have led to.
    let mut places = vec![false; name.len() + 1];
    places[0] = true;
    for byte in pattern {
        let wild = matches!(byte, b'*' | b'%');
        let mut next = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            if wild {
                let grown = at > 0 && next[at - 1] && (*byte == b'*' || name[at - 1] != b'/');
                next[at] = places[at] || grown;
            } else {
                next[at] = at > 0 && places[at - 1] && name[at - 1] == *byte;
            }
        }
        places = next;
    }
    places[name.len()]
}

/// STATUS.
pub(super) fn status(conn: &mut Conn, user: &str, cursor: &mut Cursor<'_>) -> Parsed<String> {
    cursor.space()?;
    let name = cursor.mailbox()?;
    cursor.space()?;
    let items = cursor.list(Cursor::word)?;
    cursor.end()?;
    let line = {
        let state = conn.shared.store.lock();
        let Some(folder) = state.folder(user, &name) else {
            return Ok("NO [NONEXISTENT] No such mailbox".to_owned());
        };
        let shown: Vec<_> = state.shown(Protocol::Imap, user, &name).collect();
        let mut values = Vec::new();
        for item in &items {
            let value = match item.as_str() {
                "MESSAGES" => shown.len(),
                "RECENT" => shown.iter().filter(|message| message.uid >= folder.recent_from).count(),
                "UIDNEXT" => view::uid_next(&state, user, &name) as usize,
                "UIDVALIDITY" => folder.uid_validity as usize,
                "UNSEEN" => shown.iter().filter(|message| !message.flags.contains("\\Seen")).count(),
                _ => return Ok("BAD Unknown status item".to_owned()),
            };
            values.push(format!("{item} {value}"));
        }
        let name = write_string(canonical(&name).as_bytes());
        [b"* STATUS ", &name[..], format!(" ({})", values.join(" ")).as_bytes()].concat()
    };
    say(conn, &line);
    Ok("OK STATUS completed".to_owned())
}

/// CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE.
pub(super) fn change(conn: &Conn, user: &str, verb: &str, cursor: &mut Cursor<'_>) -> Parsed<String> {
    cursor.space()?;
    let name = canonical(&cursor.mailbox()?);
    let target = if verb == "RENAME" {
        cursor.space()?;
        Some(canonical(&cursor.mailbox()?))
    } else {
        None
    };
    cursor.end()?;
    let mut state = conn.shared.store.lock();
    let refused = match (verb, target) {
        ("CREATE", _) => {
            let done = state.create(user, name.trim_end_matches('/'));
            (!done).then_some("NO [ALREADYEXISTS] Mailbox exists or cannot be made")
        }
        ("RENAME", Some(target)) => rename(&mut state, user, &name, &target),
        ("DELETE", _) if name == "INBOX" => Some("NO [CANNOT] INBOX stays"),
        ("DELETE", _) => {
            let gone = state.user_mut(user).and_then(|user| user.folders.remove(&name));
            gone.is_none().then_some("NO [NONEXISTENT] No such mailbox")
        }
        _ => match state.folder_mut(user, &name) {
            Some(folder) => {
                folder.subscribed = verb == "SUBSCRIBE";
                None
            }
            None => Some("NO [NONEXISTENT] No such mailbox"),
        },
    };
    Ok(refused.map_or_else(|| format!("OK {verb} completed"), str::to_owned))
}

fn rename(state: &mut State, user: &str, name: &str, target: &str) -> Option<&'static str> {
    if state.folder(user, name).is_none() {
        return Some("NO [NONEXISTENT] No such mailbox");
    }
    if !state.create(user, target) {
        return Some("NO [ALREADYEXISTS] Mailbox exists or cannot be made");
    }
    let inside = format!("{name}/");
    let folders = &mut state.user_mut(user)?.folders;
    if name == "INBOX" {
        // Its messages move; INBOX itself stays, empty.
        let messages = std::mem::take(&mut folders.get_mut(name)?.messages);
        let new = folders.get_mut(target)?;
        new.uid_next = messages.last().map_or(1, |message| message.uid + 1);
        new.messages = messages;
        return None;
    }
    let old = folders.remove(name)?;
    folders.insert(target.to_owned(), old);
    let children: Vec<String> = folders.keys().filter(|key| key.starts_with(&inside)).cloned().collect();
    for child in children {
        if let (Some(folder), Some(rest)) = (folders.remove(&child), child.strip_prefix(&inside)) {
            folders.insert(format!("{target}/{rest}"), folder);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit() {
        for (pattern, name, wanted) in [
            ("*", "a/b", true),
            ("%", "a", true),
            ("%", "a/b", false),
            ("a/%", "a/b", true),
            ("a*c", "a/b/c", true),
            ("inbox", "INBOX", true),
            ("sent", "Sent", false),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), wanted, "{pattern} {name}");
        }
    }
}
