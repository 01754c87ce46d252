//! The commands about messages: APPEND, FETCH, STORE, SEARCH, COPY, MOVE and EXPUNGE.

use std::sync::Arc;

use super::{
    fetch, folders,
    parse::{Bad, Cursor, Parsed, write_set},
    search::{self, Last, Query},
    view::View,
};
use crate::{
    fault::Fault,
    listener::Conn,
    store::{Flags, MAX_MESSAGE},
};

const NO_MAILBOX: &str = "NO [TRYCREATE] No such mailbox";
const READ_ONLY: &str = "NO [READ-ONLY] The mailbox is read-only";
const NO_DELETE: &str = "NO Nothing may be deleted here";

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

pub(super) fn append(conn: &Conn, user: &str, cursor: &mut Cursor<'_>) -> Parsed<String> {
    cursor.space()?;
    let folder = cursor.mailbox()?;
    cursor.space()?;
    let mut flags = Flags::new();
    if cursor.peek() == Some(b'(') {
        flags.extend(cursor.flags()?);
        flags.remove("\\Recent");
        cursor.space()?;
    }
    let mut date = None;
    if cursor.peek() == Some(b'"') {
        date = Some(cursor.date_time()?);
        cursor.space()?;
    }
    if cursor.peek() != Some(b'{') {
        return Err(Bad("literal expected"));
    }
    let raw = cursor.string()?;
    cursor.end()?;
    if raw.len() > MAX_MESSAGE {
        return Ok("NO [TOOBIG] Message too big".to_owned());
    }
    let stored = conn.shared.store.append(user, &folder, raw.into(), flags, date);
    Ok(stored.map_or_else(
        || NO_MAILBOX.to_owned(),
        |(validity, uid)| format!("OK [APPENDUID {validity} {uid}] APPEND completed"),
    ))
}

pub(super) fn fetch(
    conn: &mut Conn,
    view: &mut View,
    cursor: &mut Cursor<'_>,
    by_uid: bool,
) -> Parsed<String> {
    cursor.space()?;
    let set = cursor.set()?;
    cursor.space()?;
    let mut items = fetch::items(cursor)?;
    cursor.end()?;
    if by_uid && !items.contains(&fetch::Item::Uid) {
        items.insert(0, fetch::Item::Uid);
    }
    let sees = !view.read_only && items.iter().any(fetch::Item::sees);
    for index in view.indexes(&set, by_uid) {
        let mut asked = items.clone();
        if sees && view.entries.get(index).is_some_and(|entry| !entry.flags.contains("\\Seen")) {
            view.change(&mut conn.shared.store.lock(), index, |flags| {
                flags.insert("\\Seen".to_owned());
            });
            conn.shared.store.ring();
            if !asked.contains(&fetch::Item::Flags) {
                asked.push(fetch::Item::Flags);
            }
        }
        if let Some(entry) = view.entries.get(index) {
            let data = fetch::data(&asked, entry);
            folders::say(conn, &[format!("* {} FETCH (", index + 1).as_bytes(), &data, b")"].concat());
        }
    }
    Ok("OK FETCH completed".to_owned())
}

pub(super) fn store(
    conn: &mut Conn,
    view: &mut View,
    cursor: &mut Cursor<'_>,
    by_uid: bool,
) -> Parsed<String> {
    cursor.space()?;
    let set = cursor.set()?;
    cursor.space()?;
    let sign = [b'+', b'-'].into_iter().find(|sign| cursor.eat(*sign));
    let silent = match cursor.word()?.as_str() {
        "FLAGS" => false,
        "FLAGS.SILENT" => true,
        _ => return Err(Bad("FLAGS expected")),
    };
    cursor.space()?;
    let flags: Flags = cursor.flags()?.into_iter().filter(|flag| flag != "\\Recent").collect();
    cursor.end()?;
    if view.read_only {
        return Ok(READ_ONLY.to_owned());
    }
    if conn.has(&Fault::NoDelete) {
        return Ok(NO_DELETE.to_owned());
    }
    for index in view.indexes(&set, by_uid) {
        view.change(&mut conn.shared.store.lock(), index, |now| match sign {
            Some(b'+') => now.extend(flags.iter().cloned()),
            Some(_) => now.retain(|flag| !flags.contains(flag)),
            None => now.clone_from(&flags),
        });
        if let Some(entry) = view.entries.get(index).filter(|_| !silent) {
            let uid = if by_uid { format!("UID {} ", entry.uid) } else { String::new() };
            conn.say(&format!("* {} FETCH ({uid}FLAGS {})", index + 1, entry.flag_list()));
        }
    }
    conn.shared.store.ring();
    Ok("OK STORE completed".to_owned())
}

pub(super) fn search(conn: &mut Conn, view: &View, cursor: &mut Cursor<'_>, by_uid: bool) -> Parsed<String> {
    cursor.space()?;
    let query = search::query(cursor)?;
    let Query::Key(key) = query else {
        return Ok("NO [BADCHARSET (US-ASCII UTF-8)] Unknown character set".to_owned());
    };
    cursor.end()?;
    let last =
        Last { number: number(view.entries.len()), uid: view.entries.last().map_or(0, |entry| entry.uid) };
    let mut line = "* SEARCH".to_owned();
    for (place, entry) in (1..).zip(&view.entries) {
        if search::matches(&key, place, entry, last) {
            line += &format!(" {}", if by_uid { entry.uid } else { place });
        }
    }
    conn.say(&line);
    Ok("OK SEARCH completed".to_owned())
}

pub(super) fn copy(
    conn: &mut Conn,
    view: &mut View,
    cursor: &mut Cursor<'_>,
    by_uid: bool,
    remove: bool,
) -> Parsed<String> {
    cursor.space()?;
    let set = cursor.set()?;
    cursor.space()?;
    let target = cursor.mailbox()?;
    cursor.end()?;
    if remove && view.read_only {
        return Ok(READ_ONLY.to_owned());
    }
    let verb = if remove { "MOVE" } else { "COPY" };
    let mut copied = Vec::new();
    let mut validity = 0;
    {
        let mut state = conn.shared.store.lock();
        if state.folder(&view.user, &target).is_none() {
            return Ok(NO_MAILBOX.to_owned());
        }
        for entry in view.indexes(&set, by_uid).into_iter().filter_map(|index| view.entries.get(index)) {
            let (raw, flags) = (Arc::clone(&entry.raw), entry.flags.clone());
            if let Some((valid, uid)) = state.append(&view.user, &target, raw, flags, Some(entry.date)) {
                validity = valid;
                copied.push((entry.uid, uid));
            }
        }
        if let Some(folder) = state.folder_mut(&view.user, &view.folder).filter(|_| remove) {
            folder.messages.retain(|message| !copied.iter().any(|(old, _)| *old == message.uid));
        }
    }
    conn.shared.store.ring();
    if copied.is_empty() {
        return Ok(format!("OK {verb} completed, nothing to do"));
    }
    let (old, new): (Vec<u32>, Vec<u32>) = copied.into_iter().unzip();
    let code = format!("[COPYUID {validity} {} {}]", write_set(&old), write_set(&new));
    if !remove {
        return Ok(format!("OK {code} COPY completed"));
    }
    conn.say(&format!("* OK {code} Moved"));
    Ok("OK MOVE completed".to_owned())
}

pub(super) fn expunge(conn: &Conn, view: &View, cursor: &mut Cursor<'_>, by_uid: bool) -> Parsed<String> {
    let set = if by_uid {
        cursor.space()?;
        Some(cursor.set()?)
    } else {
        None
    };
    cursor.end()?;
    if view.read_only {
        return Ok(READ_ONLY.to_owned());
    }
    if conn.has(&Fault::NoDelete) {
        return Ok(NO_DELETE.to_owned());
    }
    // The client is told of each message when the session looks at the mailbox, before the tagged line.
    view.expunge(&mut conn.shared.store.lock(), set.as_ref());
    conn.shared.store.ring();
    Ok("OK EXPUNGE completed".to_owned())
}
