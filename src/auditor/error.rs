//! Errors that a person must mend.

use super::bucket::BucketError;
use super::topics::TellError;

/// A fault that no later run gets over by itself.
#[derive(Debug, thiserror::Error)]
pub enum AuditorError {
    /// The object is there and is no state of an audit.
    #[error("the state in {bucket} cannot be used: {fault}")]
    State {
        /// The bucket's name.
        bucket: String,
        /// The fault in it.
        fault: String,
    },
    /// The bucket does not do what it should.
    #[error("the bucket {bucket}: {error}")]
    Bucket {
        /// Its name.
        bucket: String,
        /// The failure.
        error: BucketError,
    },
    /// Findings could not be told. They are not remembered, so the next run tells them.
    #[error(transparent)]
    Tell(#[from] TellError),
    /// The client of the log could not be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(#[from] reqwest::Error),
}
