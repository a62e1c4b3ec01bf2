//! Stand-ins for what an instance calls, in the test's own process, that fail and lie on demand.

pub mod kms;
pub mod log;
pub mod registry;
pub mod timestamp_authority;
pub mod wire;
