//! Witnesses: those who cosign a log's checkpoints once they have seen that the log only grew.
//!
//! A log that shows two histories must have each cosigned by enough witnesses, and a witness that does its work cosigns
//! only one. Which sets of witnesses are enough is a policy's to say.

mod cosignature;
mod error;
mod policy;
mod policy_file;

pub use error::{PolicyError, PolicyFault};
pub use policy::{Cosigned, Policy};
pub use policy_file::MAX_POLICY_BYTES;
