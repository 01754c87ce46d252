//! mailprobe
