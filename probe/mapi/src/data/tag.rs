//! Property types and tags (MS-OXCDATA 2.9, 2.11.1; MS-OXPROPS).
use std::fmt;

use crate::wire::{Reader, Result, Wire, Writer};

/// What a value is, and so how long (MS-OXCDATA 2.11.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyType(pub u16);

macro_rules! types {
    ($($constant:ident = $value:literal;)+) => {
        impl PropertyType {
            $(#[doc = concat!("Ptyp ", stringify!($constant))] pub const $constant: Self = Self($value);)+
        }
    };
}
types! {
    UNSPECIFIED = 0x0000;
    NULL = 0x0001;
    INTEGER16 = 0x0002;
    INTEGER32 = 0x0003;
    FLOATING32 = 0x0004;
    FLOATING64 = 0x0005;
    CURRENCY = 0x0006;
    FLOATING_TIME = 0x0007;
    ERROR_CODE = 0x000A;
    BOOLEAN = 0x000B;
    OBJECT = 0x000D;
    INTEGER64 = 0x0014;
    STRING8 = 0x001E;
    STRING = 0x001F;
    TIME = 0x0040;
    GUID = 0x0048;
    SERVER_ID = 0x00FB;
    BINARY = 0x0102;
}

impl PropertyType {
    const MULTIPLE: u16 = 0x1000;
    /// PtypMultiple… and the instances of one (0x3000) alike.
    const MULTIPLE_MASK: u16 = 0x3000;
    const CODE_PAGE: u16 = 0x8000;

    /// The type of a value that holds many of this one.
    pub const fn multiple(self) -> Self {
        Self(self.0 | Self::MULTIPLE)
    }

    /// Of a PtypMultiple, the type of one.
    pub fn element(self) -> Option<Self> {
        (self.0 & Self::MULTIPLE_MASK == Self::MULTIPLE && self.0 & Self::CODE_PAGE == 0)
            .then_some(Self(self.0 & !Self::MULTIPLE))
    }

    /// A string in a code page that its type names (MS-OXCFXICS 2.2.4.1.1.1).
    pub fn code_page(self) -> Option<u16> {
        (self.0 & Self::CODE_PAGE != 0).then_some(self.0 & !Self::CODE_PAGE)
    }

    /// The type of a string in this code page.
    pub const fn of_code_page(code_page: u16) -> Self {
        Self(code_page | Self::CODE_PAGE)
    }
}

impl fmt::Display for PropertyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Debug for PropertyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// PropertyTag (MS-OXCDATA 2.9): an id, and the type of the value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyTag(pub u32);

impl PropertyTag {
    /// From its halves.
    pub const fn new(id: u16, kind: PropertyType) -> Self {
        Self((id as u32) << 16 | kind.0 as u32)
    }

    /// The id, from 0x8000 on that of a named property.
    pub const fn id(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The type.
    pub const fn kind(self) -> PropertyType {
        PropertyType((self.0 & 0xFFFF) as u16)
    }

    /// Its id is given by the server, for a name.
    pub const fn is_named(self) -> bool {
        self.id() >= 0x8000
    }
}

impl fmt::Display for PropertyTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}", self.0)
    }
}

impl fmt::Debug for PropertyTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Wire for PropertyTag {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self(r.get()?))
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        self.0.write(w)
    }
}

macro_rules! tags {
    ($($constant:ident = $value:literal $name:literal;)+) => {
        $(#[doc = concat!("PidTag", $name)] pub const $constant: PropertyTag = PropertyTag($value);)+
    };
}
tags! {
    IMPORTANCE = 0x0017_0003 "Importance";
    MESSAGE_CLASS = 0x001A_001F "MessageClass";
    SUBJECT = 0x0037_001F "Subject";
    CLIENT_SUBMIT_TIME = 0x0039_0040 "ClientSubmitTime";
    START_DATE = 0x0060_0040 "StartDate";
    END_DATE = 0x0061_0040 "EndDate";
    TRANSPORT_MESSAGE_HEADERS = 0x007D_001F "TransportMessageHeaders";
    RECIPIENT_TYPE = 0x0C15_0003 "RecipientType";
    DELETE_AFTER_SUBMIT = 0x0E01_000B "DeleteAfterSubmit";
    MESSAGE_DELIVERY_TIME = 0x0E06_0040 "MessageDeliveryTime";
    MESSAGE_FLAGS = 0x0E07_0003 "MessageFlags";
    MESSAGE_SIZE = 0x0E08_0003 "MessageSize";
    MESSAGE_RECIPIENTS = 0x0E12_000D "MessageRecipients";
    MESSAGE_ATTACHMENTS = 0x0E13_000D "MessageAttachments";
    NORMALIZED_SUBJECT = 0x0E1D_001F "NormalizedSubject";
    ATTACH_NUMBER = 0x0E21_0003 "AttachNumber";
    ENTRY_ID = 0x0FFF_0102 "EntryId";
    BODY = 0x1000_001F "Body";
    HTML = 0x1013_0102 "Html";
    INTERNET_MESSAGE_ID = 0x1035_001F "InternetMessageId";
    DISPLAY_NAME = 0x3001_001F "DisplayName";
    EMAIL_ADDRESS = 0x3003_001F "EmailAddress";
    CREATION_TIME = 0x3007_0040 "CreationTime";
    LAST_MODIFICATION_TIME = 0x3008_0040 "LastModificationTime";
    TARGET_ENTRY_ID = 0x3010_0102 "TargetEntryId";
    CONTENT_COUNT = 0x3602_0003 "ContentCount";
    CONTAINER_CLASS = 0x3613_001F "ContainerClass";
    IPM_APPOINTMENT_ENTRY_ID = 0x36D0_0102 "IpmAppointmentEntryId";
    IPM_CONTACT_ENTRY_ID = 0x36D1_0102 "IpmContactEntryId";
    IPM_TASK_ENTRY_ID = 0x36D4_0102 "IpmTaskEntryId";
    IPM_DRAFTS_ENTRY_ID = 0x36D7_0102 "IpmDraftsEntryId";
    ATTACH_DATA_BINARY = 0x3701_0102 "AttachDataBinary";
    DISPLAY_TYPE = 0x3900_0003 "DisplayType";
    SMTP_ADDRESS = 0x39FE_001F "SmtpAddress";
    ACCOUNT = 0x3A00_001F "Account";
    INTERNET_CODEPAGE = 0x3FDE_0003 "InternetCodepage";
    META_TAG_FX_DEL_PROP = 0x4016_0003 "MetaTagFXDelProp";
    META_TAG_IDSET_GIVEN = 0x4017_0003 "MetaTagIdsetGiven";
    META_TAG_IDSET_NO_LONGER_IN_SCOPE = 0x4021_0102 "MetaTagIdsetNoLongerInScope";
    META_TAG_IDSET_READ = 0x402D_0102 "MetaTagIdsetRead";
    META_TAG_IDSET_UNREAD = 0x402E_0102 "MetaTagIdsetUnread";
    SENDER_SMTP_ADDRESS = 0x5D01_001F "SenderSmtpAddress";
    SOURCE_KEY = 0x65E0_0102 "SourceKey";
    PARENT_SOURCE_KEY = 0x65E1_0102 "ParentSourceKey";
    CHANGE_KEY = 0x65E2_0102 "ChangeKey";
    PREDECESSOR_CHANGE_LIST = 0x65E3_0102 "PredecessorChangeList";
    SENT_MAIL_SVR_EID = 0x6740_00FB "SentMailSvrEID";
    FOLDER_ID = 0x6748_0014 "FolderId";
    MID = 0x674A_0014 "Mid";
    META_TAG_IDSET_EXPIRED = 0x6793_0102 "MetaTagIdsetExpired";
    META_TAG_CNSET_SEEN = 0x6796_0102 "MetaTagCnsetSeen";
    CHANGE_NUMBER = 0x67A4_0014 "ChangeNumber";
    ASSOCIATED = 0x67AA_000B "Associated";
    META_TAG_CNSET_READ = 0x67D2_0102 "MetaTagCnsetRead";
    META_TAG_CNSET_SEEN_FAI = 0x67DA_0102 "MetaTagCnsetSeenFAI";
    META_TAG_IDSET_DELETED = 0x67E5_0102 "MetaTagIdsetDeleted";
    ADDRESS_BOOK_PROXY_ADDRESSES = 0x800F_101F "AddressBookProxyAddresses";
}
