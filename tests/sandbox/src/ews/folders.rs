//! A mailbox's folders as Exchange has them: a tree of those of the store and of some more.

use roxmltree::Node;

use super::{
    Call, NON_EXISTENT_MAILBOX, Refusal,
    fields::{Base, Fields, Key, Path, Shape},
    ids::{self, Id},
};
use crate::{
    fault::{Fault, Protocol},
    store::State,
    xml::{self, Xml},
};

pub(super) const FOLDER_NOT_FOUND: Refusal =
    Refusal("ErrorFolderNotFound", "The specified folder could not be found in the store.");
pub(super) const STORE_AWAY: Refusal =
    Refusal("ErrorMailboxStoreUnavailable", "The mailbox database is temporarily unavailable.");

const ROOT: u32 = 1;
const TOP: u32 = 2;
/// The number of the calendar.
pub(super) const CALENDAR: u32 = 4;

/// Folders that hold no messages: number, distinguished name, display name, element, class.
const EMPTY: &[(u32, &str, &str, &str, &str)] = &[
    (3, "outbox", "Outbox", "Folder", "IPF.Note"),
    (CALENDAR, "calendar", "Calendar", "CalendarFolder", "IPF.Appointment"),
    (5, "contacts", "Contacts", "ContactsFolder", "IPF.Contact"),
    (6, "tasks", "Tasks", "TasksFolder", "IPF.Task"),
];

/// Folders of the store that have a distinguished name, and what they are called.
const STORED: &[(&str, &str, &str)] = &[
    ("INBOX", "inbox", "Inbox"),
    ("Drafts", "drafts", "Drafts"),
    ("Sent", "sentitems", "Sent Items"),
    ("Junk", "junkemail", "Junk Email"),
    ("Trash", "deleteditems", "Deleted Items"),
];

pub(super) struct Folder {
    pub(super) id: u32,
    pub(super) parent: u32,
    /// The name in the store, if it holds messages.
    pub(super) path: Option<String>,
    display: String,
    element: &'static str,
    class: &'static str,
    distinguished: Option<&'static str>,
    pub(super) total: usize,
    unread: usize,
    children: usize,
    uid_next: u32,
    changed: String,
}

/// All folders of a mailbox.
pub(super) struct Tree(Vec<Folder>);

fn plain(id: u32, parent: u32, display: &str, distinguished: Option<&'static str>) -> Folder {
    Folder {
        id,
        parent,
        path: None,
        display: display.to_owned(),
        element: "Folder",
        class: "IPF.Note",
        distinguished,
        total: 0,
        unread: 0,
        children: 0,
        uid_next: 1,
        changed: "2026-01-01T00:00:00Z".to_owned(),
    }
}

impl Tree {
    pub(super) fn of(state: &State, user: &str) -> Self {
        let mut folders = vec![
            plain(ROOT, 0, "", Some("root")),
            plain(TOP, ROOT, "Top of Information Store", Some("msgfolderroot")),
        ];
        let stored = state.user(user).map(|user| &user.folders);
        let ids: Vec<(&String, u32)> =
            stored.into_iter().flatten().map(|(name, f)| (name, f.uid_validity)).collect();
        for (path, id) in &ids {
            let above = path.rsplit_once('/');
            let parent = above.and_then(|(above, _)| ids.iter().find(|(name, _)| *name == above));
            let known = STORED.iter().find(|(name, ..)| name == path);
            let name = parent.and(above).map_or(path.as_str(), |(_, last)| last);
            let mut folder = plain(
                *id,
                parent.map_or(TOP, |(_, id)| *id),
                known.map_or(name, |(_, _, display)| display),
                known.map(|(_, distinguished, _)| *distinguished),
            );
            for message in state.shown(Protocol::Ews, user, path) {
                folder.total += 1;
                folder.unread += usize::from(!message.flags.contains("\\Seen"));
                folder.uid_next = message.uid + 1;
                folder.changed = super::text::time(message.date);
            }
            folder.path = Some((*path).clone());
            folders.push(folder);
        }
        for (id, distinguished, display, element, class) in EMPTY {
            let total = if *id == CALENDAR {
                state.calendar(Protocol::Ews, user).map_or(0, |calendar| calendar.entries().count())
            } else {
                0
            };
            folders.push(Folder { element, class, total, ..plain(*id, TOP, display, Some(distinguished)) });
        }
        for at in 0..folders.len() {
            let id = folders[at].id;
            folders[at].children = folders.iter().filter(|folder| folder.parent == id).count();
        }
        Self(folders)
    }

    pub(super) fn all(&self) -> &[Folder] {
        &self.0
    }

    pub(super) fn get(&self, id: u32) -> Option<&Folder> {
        self.0.iter().find(|folder| folder.id == id)
    }

    pub(super) fn distinguished(&self, name: &str) -> Option<&Folder> {
        self.0.iter().find(|folder| folder.distinguished == Some(name))
    }

    /// Whether one folder lies below another, however deep.
    pub(super) fn is_below(&self, folder: &Folder, above: u32) -> bool {
        let mut at = folder.parent;
        // Parents come from paths that grow shorter: this ends.
        while at != above {
            match self.get(at) {
                Some(parent) => at = parent.parent,
                None => return false,
            }
        }
        true
    }

    /// The folder that `FolderId` or `DistinguishedFolderId` means.
    pub(super) fn find(
        &self,
        call: &Call<'_>,
        state: &State,
        node: Node<'_, '_>,
    ) -> Result<&Folder, Refusal> {
        if node.tag_name().name() == "DistinguishedFolderId" {
            let address = xml::child(node, "Mailbox").and_then(|mailbox| xml::text(mailbox, "EmailAddress"));
            match address.map(|address| state.user(address).map(|user| user.name.as_str())) {
                Some(None) => return Err(Refusal("ErrorNonExistentMailbox", NON_EXISTENT_MAILBOX)),
                Some(Some(name)) if name != call.user => return Err(ids::DENIED),
                _ => {}
            }
        }
        let id = node.attribute("Id").ok_or(ids::MALFORMED)?;
        let found = if node.tag_name().name() == "DistinguishedFolderId" {
            self.distinguished(id)
        } else {
            match Id::parse(id, call.user)? {
                Id::Folder(id) => self.get(id),
                Id::Item { .. } | Id::Occurrence { .. } => return Err(ids::MALFORMED),
            }
        };
        let folder = found.ok_or(FOLDER_NOT_FOUND)?;
        if folder.distinguished == Some("inbox") && call.has(&Fault::NoToSelect) {
            return Err(STORE_AWAY);
        }
        Ok(folder)
    }

    /// The folder within an element such as `ParentFolderId`.
    pub(super) fn within(
        &self,
        call: &Call<'_>,
        state: &State,
        node: Node<'_, '_>,
    ) -> Result<&Folder, Refusal> {
        let node = xml::children(node).next().ok_or(ids::MALFORMED)?;
        self.find(call, state, node)
    }
}

/// Properties in the order of the schema, and from which set of them on they are told.
const PROPERTIES: &[(&str, Base)] = &[
    ("ParentFolderId", Base::AllProperties),
    ("FolderClass", Base::AllProperties),
    ("DisplayName", Base::Default),
    ("TotalCount", Base::Default),
    ("ChildFolderCount", Base::Default),
    ("ExtendedProperty", Base::IdOnly),
    ("EffectiveRights", Base::AllProperties),
    ("DistinguishedFolderId", Base::AllProperties),
    ("UnreadCount", Base::Default),
];

impl Folder {
    pub(super) fn write(&self, xml: &mut Xml, user: &str, shape: &Shape) {
        xml.within(&format!("t:{}", self.element), |xml| {
            ids::write_folder(xml, "t:FolderId", user, self.id);
            for (name, base) in PROPERTIES {
                if *base <= shape.base || shape.wants(&format!("folder:{name}")) {
                    self.property(xml, user, name, shape);
                }
            }
        });
    }

    fn property(&self, xml: &mut Xml, user: &str, name: &str, shape: &Shape) {
        match name {
            "ParentFolderId" if self.parent != 0 => {
                ids::write_folder(xml, "t:ParentFolderId", user, self.parent);
            }
            "ParentFolderId" => {}
            "ExtendedProperty" => {
                for extended in shape.extended() {
                    if let Some(value) = self.value(&Path::Extended(extended.clone())) {
                        extended.write(xml, &value);
                    }
                }
            }
            "EffectiveRights" => rights(xml),
            _ => {
                if let Some(value) = self.value(&Path::Uri(format!("folder:{name}"))) {
                    xml.leaf(&format!("t:{name}"), &value);
                }
            }
        }
    }

    /// A number that changes when the folder is renamed or moved.
    pub(super) fn digest(&self) -> u16 {
        ids::digest(&[self.display.clone(), self.parent.to_string()].into_iter().collect())
    }
}

impl Fields for Folder {
    fn value(&self, path: &Path) -> Option<String> {
        let tag = match path {
            Path::Uri(uri) => {
                return match uri.as_str() {
                    "folder:FolderClass" => Some(self.class.to_owned()),
                    "folder:DisplayName" => Some(self.display.clone()),
                    "folder:TotalCount" => Some(self.total.to_string()),
                    "folder:ChildFolderCount" => Some(self.children.to_string()),
                    "folder:UnreadCount" if self.element == "Folder" => Some(self.unread.to_string()),
                    "folder:DistinguishedFolderId" => self.distinguished.map(str::to_owned),
                    _ => None,
                };
            }
            Path::Extended(extended) => match &extended.key {
                Key::Tag(tag) => *tag,
                _ => return None,
            },
            Path::Indexed => return None,
        };
        // PidTagDisplayName, PidTagLastModificationTime, PidTagContentCount, PidTagContentUnreadCount,
        // PidTagSubfolders, PidTagContainerClass, PidTagLocalCommitTimeMax, and two of IMAP's: the next
        // and the highest UID.
        match tag {
            0x3001 => Some(self.display.clone()),
            0x3008 | 0x670a => Some(self.changed.clone()),
            0x3602 => Some(self.total.to_string()),
            0x3603 => Some(self.unread.to_string()),
            0x360a => Some((self.children > 0).to_string()),
            0x3613 => Some(self.class.to_owned()),
            0x6751 => Some(self.uid_next.to_string()),
            0x6752 => Some(self.uid_next.saturating_sub(1).to_string()),
            _ => None,
        }
    }
}

/// What one may do in one's own mailbox: all.
pub(super) fn rights(xml: &mut Xml) {
    xml.within("t:EffectiveRights", |xml| {
        for name in [
            "CreateAssociated",
            "CreateContents",
            "CreateHierarchy",
            "Delete",
            "Modify",
            "Read",
            "ViewPrivateItems",
        ] {
            xml.leaf(&format!("t:{name}"), "true");
        }
    });
}
