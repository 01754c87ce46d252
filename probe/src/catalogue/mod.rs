//! THE tables: protocols, kinds of check, steps, reasons, codes, metrics.
//!
//! Documentation, `explain`, the schema's examples, dashboards and tests are made from them. Data only: this module
//! imports nothing of ours, and knows no socket and no sink.

pub mod code;
pub mod kind;
pub mod metric;
pub mod protocol;
pub mod reason;
pub mod step;

pub use kind::{Kind, Role};
pub use protocol::{Capability, Family, Protocol};
pub use reason::{Cause, Reason};
pub use step::Step;
