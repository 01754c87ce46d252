//! What a synchronisation sends (MS-OXCFXICS 2.2.2.4, 2.2.4): the stream, and the sets of ids within it.
mod element;
mod idset;
mod run;
#[cfg(test)]
mod tests;

pub use element::{Element, Marker, Property, decode, encode};
pub use idset::{GlobSet, IdSet, MAX_COUNTER, ReplicaIdSet};
pub use run::{Attachment, Change, SyncRun};
