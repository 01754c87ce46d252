//! As written (raw) → as run (plan); every refusal names file, place, value.

pub mod lanes;
pub mod plan;
