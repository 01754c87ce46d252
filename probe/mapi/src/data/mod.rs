//! What ROPs and the address book are made of (MS-OXCDATA).
mod code;
mod entry;
mod id;
mod name;
mod recipient;
mod restriction;
mod row;
mod sort;
pub mod tag;
mod text;
mod value;

pub use code::ErrorCode;
pub use entry::{AddressBookEntryId, FolderEntryId, MessageEntryId, PredecessorChangeList, ServerId, Xid};
pub use id::{FolderId, GlobalCounter, Guid, LongTermId, MessageId};
pub use name::{Name, PropertyName};
pub use recipient::{PrivateList, RecipientRow, RecipientText, X500Dn, flags as recipient_flags};
pub use restriction::{RelOp, Restriction};
pub use row::{Cell, PropertyRow};
pub use sort::{SortOrder, SortOrderSet};
pub use tag::{PropertyTag, PropertyType};
pub use text::{String8, TypedString};
pub use value::{Form, PropertyProblem, PropertyValue, TaggedPropertyValue};
