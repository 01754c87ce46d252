//! Entry ids and other ids within binary values (MS-OXCDATA 2.2.4, 2.2.5, 2.11.1.4; MS-OXCFXICS 2.2.2.2).
use super::{FolderId, Guid, LongTermId, MessageId, String8};
use crate::wire::{Bytes, Codec, Reader, Rest, Result, Wire, Writer};

wire! {
    /// FolderEntryID (MS-OXCDATA 2.2.4.1): 46 bytes.
    FolderEntryId {
        flags: u32,
        /// The MailboxGuid of the logon, for a private mailbox.
        provider_uid: Guid,
        /// 1 for a folder of a private mailbox.
        folder_type: u16,
        folder: LongTermId,
    }

    /// MessageEntryID (MS-OXCDATA 2.2.4.2): 70 bytes.
    MessageEntryId {
        flags: u32,
        provider_uid: Guid,
        /// 7 for a message of a private mailbox.
        message_type: u16,
        folder: LongTermId,
        message: LongTermId,
    }

    /// ServerId (MS-OXCDATA 2.11.1.4), the value within the count.
    ServerId {
        /// 1: of this structure; anything else is the client's own.
        ours: u8,
        folder_id: FolderId,
        message_id: MessageId,
        instance: u32,
    }

    /// XID (MS-OXCFXICS 2.2.2.2): SourceKey, ChangeKey.
    Xid {
        namespace: Guid,
        local_id: Vec<u8> as Rest,
    }
}

/// AddressBookEntryID (MS-OXCDATA 2.2.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressBookEntryId {
    /// 0.
    pub flags: u32,
    /// 1.
    pub version: u32,
    /// 0 a local mail user, 1 a distribution list.
    pub kind: u32,
    /// The distinguished name.
    pub x500_dn: String8,
}

impl AddressBookEntryId {
    /// What tells such an entry id from others.
    pub const PROVIDER_UID: Guid =
        Guid::new(0xC840_A7DC, 0x42C0, 0x101A, [0xB4, 0xB9, 8, 0, 0x2B, 0x2F, 0xE1, 0x82]);
}

impl Wire for AddressBookEntryId {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let flags = r.get()?;
        let error = r.invalid("ProviderUID of an address book entry id");
        if r.get::<Guid>()? != Self::PROVIDER_UID {
            return Err(error);
        }
        Ok(Self { flags, version: r.get()?, kind: r.get()?, x500_dn: r.get()? })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        self.flags.write(w)?;
        Self::PROVIDER_UID.write(w)?;
        self.version.write(w)?;
        self.kind.write(w)?;
        self.x500_dn.write(w)
    }
}

/// PredecessorChangeList (MS-OXCFXICS 2.2.2.3): XIDs, each with its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredecessorChangeList(pub Vec<Xid>);

impl Wire for PredecessorChangeList {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let mut all = Vec::new();
        while r.left() > 0 {
            let n = usize::from(r.get::<u8>()?);
            all.push(Xid::read(&mut r.part(n)?)?);
        }
        Ok(Self(all))
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        self.0.iter().try_for_each(|xid| Bytes::<u8>::write(&xid.encode()?, w))
    }
}
