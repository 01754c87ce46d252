//! Notifications (MS-OXCROPS 2.2.14, MS-OXCNOTIF 2.2.1).
use crate::data::{FolderId, MessageId, PropertyTag, String8};
use crate::wire::{Bytes, Codec, Count, Reader, Result, Wire, Writer};

/// NotificationTypes and the type within NotificationFlags (MS-OXCNOTIF 2.2.1.1).
pub mod notification {
    /// A message came in.
    pub const NEW_MAIL: u16 = 0x0002;
    /// An object was made.
    pub const CREATED: u16 = 0x0004;
    /// An object was deleted.
    pub const DELETED: u16 = 0x0008;
    /// An object was changed.
    pub const MODIFIED: u16 = 0x0010;
    /// An object was moved.
    pub const MOVED: u16 = 0x0020;
    /// An object was copied.
    pub const COPIED: u16 = 0x0040;
    /// A search is complete.
    pub const SEARCH_COMPLETED: u16 = 0x0080;
    /// A table was changed.
    pub const TABLE_MODIFIED: u16 = 0x0100;
    /// The bits that are the type.
    pub const TYPE: u16 = 0x0FFF;
    /// TotalMessageCount is there.
    pub const TOTAL: u16 = 0x1000;
    /// UnreadMessageCount is there.
    pub const UNREAD: u16 = 0x2000;
    /// In a search folder.
    pub const SEARCH_FOLDER: u16 = 0x4000;
    /// Of a message.
    pub const MESSAGE: u16 = 0x8000;
}
use notification as n;

wire! {
    /// Where to watch, if not everywhere.
    NotificationScope {
        folder_id: FolderId,
        /// 0: all in the folder.
        message_id: MessageId,
    }

    /// RopRegisterNotification request (MS-OXCROPS 2.2.14.1.1).
    RegisterNotificationRequest {
        output_handle_index: u8,
        /// See [`notification`].
        notification_types: u8,
        reserved: u8,
        /// WantWholeStore where there is none.
        scope: Option<NotificationScope> as UnlessWholeStore,
    }
}

/// WantWholeStore, then the scope when that is 0.
pub enum UnlessWholeStore {}
impl Codec<Option<NotificationScope>> for UnlessWholeStore {
    fn read(r: &mut Reader<'_>) -> Result<Option<NotificationScope>> {
        Ok(if r.get::<bool>()? { None } else { Some(r.get()?) })
    }
    fn write(value: &Option<NotificationScope>, w: &mut Writer) -> Result<()> {
        value.is_none().write(w)?;
        value.iter().try_for_each(|scope| scope.write(w))
    }
}

/// RopNotify (MS-OXCROPS 2.2.14.2), after RopId.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Of the subscription, or of the table.
    pub notification_handle: u32,
    /// 0 with one logon.
    pub logon_id: u8,
    /// NotificationFlags: a type and what is there, see [`notification`].
    pub flags: u16,
    /// What happened.
    pub data: NotificationData,
}

/// NotificationData (MS-OXCNOTIF 2.2.1.4.1.2), after NotificationFlags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotificationData {
    /// To a row of a table.
    Table(TableEvent),
    /// To an object.
    Object(ObjectEvent),
    /// Of a type that is not known: nothing after it can be told apart.
    Unknown(Vec<u8>),
}

/// A row of a table. Those of folders have no message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowId {
    pub folder_id: FolderId,
    /// MessageId and instance.
    pub message: Option<(MessageId, u32)>,
}

/// TableEventType and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableEvent {
    /// 1: changed in ways that are not told.
    Changed,
    /// 3
    RowAdded { row: RowId, after: RowId, data: Vec<u8> },
    /// 4
    RowDeleted(RowId),
    /// 5
    RowModified { row: RowId, after: RowId, data: Vec<u8> },
    /// 7
    RestrictionChanged,
    /// Another one, of which the rest is not known.
    Unknown { event: u16, rest: Vec<u8> },
}

/// What happened to a folder or a message. What is there is as the flags say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    pub folder_id: FolderId,
    pub message_id: Option<MessageId>,
    pub parent_folder_id: Option<FolderId>,
    pub old_folder_id: Option<FolderId>,
    pub old_message_id: Option<MessageId>,
    pub old_parent_folder_id: Option<FolderId>,
    /// Which properties; an empty list is one that the server does not tell.
    pub tags: Option<NotifiedTags>,
    pub total_message_count: Option<u32>,
    pub unread_message_count: Option<u32>,
    pub new_mail: Option<NewMail>,
}

/// TagCount and Tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifiedTags {
    /// TagCount is 0xFFFF.
    NotTold,
    /// These.
    Tags(Vec<PropertyTag>),
}

wire! {
    /// What NewMail tells of the message.
    NewMail {
        message_flags: u32,
        message_class: MessageClass,
    }
}

/// UnicodeFlag and MessageClass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageClass {
    String8(String8),
    Unicode(String),
}

impl Notify {
    pub(super) const ROP_ID: u8 = 0x2A;

    /// The type alone.
    pub fn kind(&self) -> u16 {
        self.flags & n::TYPE
    }
}

/// Which fields of an [`ObjectEvent`] are there.
struct There {
    message: bool,
    parent: bool,
    old: bool,
    old_message: bool,
    old_parent: bool,
    tags: bool,
    total: bool,
    unread: bool,
    new_mail: bool,
}

impl There {
    fn of(flags: u16) -> Self {
        let kind = |kinds: u16| flags & n::TYPE & kinds != 0;
        let message = flags & n::MESSAGE != 0;
        let search = flags & n::SEARCH_FOLDER != 0;
        let moved = kind(n::MOVED | n::COPIED);
        Self {
            message,
            parent: kind(n::CREATED | n::DELETED | n::MOVED | n::COPIED) && message == search,
            old: moved,
            old_message: moved && message,
            old_parent: moved && !message,
            tags: kind(n::CREATED | n::MODIFIED),
            total: flags & n::TOTAL != 0,
            unread: flags & n::UNREAD != 0,
            new_mail: kind(n::NEW_MAIL),
        }
    }
}

const OBJECT_TYPES: [u16; 7] =
    [n::NEW_MAIL, n::CREATED, n::DELETED, n::MODIFIED, n::MOVED, n::COPIED, n::SEARCH_COMPLETED];

impl Wire for Notify {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let (notification_handle, logon_id, flags) = (r.get()?, r.get()?, r.get::<u16>()?);
        let kind = flags & n::TYPE;
        let data = if kind == n::TABLE_MODIFIED {
            NotificationData::Table(TableEvent::read(flags & n::MESSAGE != 0, r)?)
        } else if OBJECT_TYPES.contains(&kind) {
            NotificationData::Object(ObjectEvent::read(&There::of(flags), r)?)
        } else {
            NotificationData::Unknown(r.take_rest().to_vec())
        };
        Ok(Self { notification_handle, logon_id, flags, data })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        self.notification_handle.write(w)?;
        self.logon_id.write(w)?;
        self.flags.write(w)?;
        match &self.data {
            NotificationData::Table(event) if self.kind() == n::TABLE_MODIFIED => {
                event.write(self.flags & n::MESSAGE != 0, w)
            }
            NotificationData::Object(event) if OBJECT_TYPES.contains(&self.kind()) => {
                event.write(&There::of(self.flags), w)
            }
            NotificationData::Unknown(rest) => {
                w.put(rest);
                Ok(())
            }
            _ => Err(w.unfit("a notification that is not what its flags say")),
        }
    }
}

impl RowId {
    fn read(message: bool, r: &mut Reader<'_>) -> Result<Self> {
        let folder_id = r.get()?;
        let message = if message { Some((r.get()?, r.get()?)) } else { None };
        Ok(Self { folder_id, message })
    }

    fn write(&self, message: bool, w: &mut Writer) -> Result<()> {
        if self.message.is_some() != message {
            return Err(w.unfit("a row that is not what the flags say"));
        }
        self.folder_id.write(w)?;
        self.message.map_or(Ok(()), |(message_id, instance)| {
            message_id.write(w)?;
            instance.write(w)
        })
    }
}

impl TableEvent {
    fn read(message: bool, r: &mut Reader<'_>) -> Result<Self> {
        let event = r.get::<u16>()?;
        Ok(match event {
            1 => Self::Changed,
            3 | 5 => {
                let (row, after) = (RowId::read(message, r)?, RowId::read(message, r)?);
                let data = Bytes::<u16>::read(r)?;
                if event == 3 {
                    Self::RowAdded { row, after, data }
                } else {
                    Self::RowModified { row, after, data }
                }
            }
            4 => Self::RowDeleted(RowId::read(message, r)?),
            7 => Self::RestrictionChanged,
            _ => Self::Unknown { event, rest: r.take_rest().to_vec() },
        })
    }

    fn write(&self, message: bool, w: &mut Writer) -> Result<()> {
        let event: u16 = match self {
            Self::Changed => 1,
            Self::RowAdded { .. } => 3,
            Self::RowDeleted(_) => 4,
            Self::RowModified { .. } => 5,
            Self::RestrictionChanged => 7,
            Self::Unknown { event, .. } => *event,
        };
        event.write(w)?;
        match self {
            Self::Changed | Self::RestrictionChanged => Ok(()),
            Self::RowAdded { row, after, data } | Self::RowModified { row, after, data } => {
                row.write(message, w)?;
                after.write(message, w)?;
                Bytes::<u16>::write(data, w)
            }
            Self::RowDeleted(row) => row.write(message, w),
            Self::Unknown { rest, .. } => {
                w.put(rest);
                Ok(())
            }
        }
    }
}

fn perhaps<T: Wire>(there: bool, r: &mut Reader<'_>) -> Result<Option<T>> {
    there.then(|| r.get()).transpose()
}

fn agree<T: Wire>(there: bool, value: Option<&T>, w: &mut Writer) -> Result<()> {
    match value {
        Some(value) if there => value.write(w),
        None if !there => Ok(()),
        _ => Err(w.unfit("a notification that is not what its flags say")),
    }
}

impl ObjectEvent {
    fn read(there: &There, r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            folder_id: r.get()?,
            message_id: perhaps(there.message, r)?,
            parent_folder_id: perhaps(there.parent, r)?,
            old_folder_id: perhaps(there.old, r)?,
            old_message_id: perhaps(there.old_message, r)?,
            old_parent_folder_id: perhaps(there.old_parent, r)?,
            tags: perhaps(there.tags, r)?,
            total_message_count: perhaps(there.total, r)?,
            unread_message_count: perhaps(there.unread, r)?,
            new_mail: perhaps(there.new_mail, r)?,
        })
    }

    fn write(&self, there: &There, w: &mut Writer) -> Result<()> {
        self.folder_id.write(w)?;
        agree(there.message, self.message_id.as_ref(), w)?;
        agree(there.parent, self.parent_folder_id.as_ref(), w)?;
        agree(there.old, self.old_folder_id.as_ref(), w)?;
        agree(there.old_message, self.old_message_id.as_ref(), w)?;
        agree(there.old_parent, self.old_parent_folder_id.as_ref(), w)?;
        agree(there.tags, self.tags.as_ref(), w)?;
        agree(there.total, self.total_message_count.as_ref(), w)?;
        agree(there.unread, self.unread_message_count.as_ref(), w)?;
        agree(there.new_mail, self.new_mail.as_ref(), w)
    }
}

impl Wire for NotifiedTags {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        match r.get::<u16>()? {
            0xFFFF => Ok(Self::NotTold),
            n => r.many(usize::from(n), PropertyTag::read).map(Self::Tags),
        }
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        match self {
            Self::NotTold => 0xFFFFu16.write(w),
            Self::Tags(tags) if tags.len() >= 0xFFFF => Err(w.unfit("too many tags")),
            Self::Tags(tags) => Count::<u16>::write(tags, w),
        }
    }
}

impl Wire for MessageClass {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(if r.get()? { Self::Unicode(r.get()?) } else { Self::String8(r.get()?) })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        match self {
            Self::String8(class) => {
                false.write(w)?;
                class.write(w)
            }
            Self::Unicode(class) => {
                true.write(w)?;
                class.write(w)
            }
        }
    }
}
