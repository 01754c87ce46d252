//! The codec of MAPI over HTTP (MS-OXCMAPIHTTP, MS-OXCROPS, MS-OXCFXICS, MS-OXNSPI): bytes in, values out, no I/O.
//!
//! Every structure encodes and decodes, so that a server can be made of the same codec.
//! `docs/mapi-confidence.md` says which layouts are pinned by bytes from outside, and which are ours alone.
//!
//! From the outside in: [`http::MetaReader`] takes the meta-tags off a response, [`http`] and [`nspi`] are the bodies,
//! [`extended`] the buffers in an Execute, [`rop`] what lies in those, [`data`] what ROPs are made of, and [`transfer`]
//! the stream of a synchronisation.
//!
//! Decoding is bounded by its input: no count is believed before that many bytes are there.
//! Names are those of the specifications; numbers that have no name survive as numbers.
#![forbid(unsafe_code)]

#[macro_use]
mod macros;

pub mod data;
pub mod extended;
pub mod http;
pub mod lz77;
pub mod nspi;
pub mod rop;
pub mod transfer;
pub mod wire;

#[cfg(test)]
mod proptests;

pub use wire::{Error, Reader, Result, Wire, Writer};
