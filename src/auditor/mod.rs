//! The scheduled auditor: audits in pieces, one for each run, and tells people what it finds.
//!
//! A run reads the state from a bucket, goes on where the run before stopped, and writes the state back. Findings are told
//! before they are remembered, so that each is told at least once. The state is written only over the one that was read:
//! of two runs at once the slower one loses its work, and nothing else.
//!
//! A run that does not finish, as when the log is down, says so in a line and tells nobody. What a person must mend is an
//! error: a state that cannot be read is never taken for none.

mod alert;
mod bucket;
mod complete;
mod error;
mod line;
mod notebook;
mod notification;
mod run;
mod told;
mod topics;

pub use bucket::BucketError;
pub use error::AuditorError;
pub use run::Auditor;
pub use topics::TellError;
