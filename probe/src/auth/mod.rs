//! Credential → what a protocol needs; single flight and pauses, so that the probe never locks an account.

pub mod gate;
pub mod http;
#[cfg(feature = "kerberos")]
pub mod kerberos;
pub mod negotiate;
pub mod ntlm;
pub mod sasl;
