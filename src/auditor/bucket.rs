//! The bucket: the auditor's state, and the list of tags of an auditor without a ledger.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;

use crate::deadline::{Deadline, Elapsed};

const STATE: &str = "state.json";
const TAGS: &str = "tags.txt";
/// Room for all that is remembered: some checkpoints of 500 bytes, two thousand findings twice, and 60 bytes for each of
/// 100,000 entries that a log has by the keys. The AWS SDK's answers are cut at 8 MiB here.
const MAX_STATE_BYTES: usize = 7 << 20;
/// 10,000 tags of the longest names, or ten times as many of usual ones.
const MAX_TAGS_BYTES: usize = 4 << 20;
/// The time for one object.
const TIME: Duration = Duration::from_secs(8);
/// Too late: another run has written the state, or is just doing so.
const OVERTAKEN: [u16; 2] = [412, 409];

pub(super) struct Bucket {
    client: Client,
    name: String,
}

/// The version of an object that was read or written: S3's ETag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version(String);

/// An object as it was read.
pub(super) struct Object {
    pub bytes: Vec<u8>,
    pub version: Version,
}

/// The outcome of writing the state.
pub(super) enum Written {
    Now(Version),
    /// Another run has written it since it was read.
    Overtaken,
}

/// Failures of the bucket.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The bucket, the network or the permissions failed. Carries the SDK's words.
    #[error("{object} could not be reached: {error}")]
    Unavailable {
        /// The object's key.
        object: &'static str,
        /// The SDK's words.
        error: String,
    },
    /// No answer came in time.
    #[error("no answer in time")]
    Timeout,
    /// The object was there once.
    #[error("{0} was deleted. Bring an earlier version back: docs/runbook.md, 'Audit'")]
    Deleted(&'static str),
    /// The object was never there.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// The object is larger than this program reads or writes.
    #[error("{object} has more than {limit} bytes")]
    TooLarge {
        /// The object's key.
        object: &'static str,
        /// The most bytes that it may have.
        limit: usize,
    },
    /// S3 has answered without an ETag.
    #[error("S3 names no version of {0}")]
    Unversioned(&'static str),
}

impl From<Elapsed> for BucketError {
    fn from(_: Elapsed) -> Self {
        Self::Timeout
    }
}

impl Bucket {
    pub(super) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The state. `None` if there never was one.
    pub(super) async fn state(&self) -> Result<Option<Object>, BucketError> {
        match self.read(STATE, MAX_STATE_BYTES).await {
            Err(BucketError::Missing(_)) => Ok(None),
            read => read.map(Some),
        }
    }

    /// The list of tags.
    pub(super) async fn tags(&self) -> Result<Object, BucketError> {
        self.read(TAGS, MAX_TAGS_BYTES).await
    }

    /// Replaces the version of the state that was read before. Without one, there must be no state yet.
    pub(super) async fn write_state(&self, json: Vec<u8>, before: Option<&Version>) -> Result<Written, BucketError> {
        if json.len() > MAX_STATE_BYTES {
            return Err(BucketError::TooLarge { object: STATE, limit: MAX_STATE_BYTES });
        }
        let request = self.client.put_object().bucket(&self.name).key(STATE).content_type("application/json");
        let request = match before {
            Some(Version(before)) => request.if_match(before),
            None => request.if_none_match("*"),
        };
        match Deadline::after(TIME).bound_boxed(request.body(json.into()).send()).await? {
            Ok(answer) => match answer.e_tag {
                Some(version) => Ok(Written::Now(Version(version))),
                None => Err(BucketError::Unversioned(STATE)),
            },
            Err(error) => match status(&error) {
                Some(status) if OVERTAKEN.contains(&status) => Ok(Written::Overtaken),
                Some(404) if before.is_some() => Err(BucketError::Deleted(STATE)),
                _ => Err(unavailable(STATE, error)),
            },
        }
    }

    async fn read(&self, object: &'static str, limit: usize) -> Result<Object, BucketError> {
        let deadline = Deadline::after(TIME);
        let request = self.client.get_object().bucket(&self.name).key(object);
        let answer = match deadline.bound_boxed(request.send()).await? {
            Ok(answer) => answer,
            Err(error) if is_missing(&error) => {
                let marker = error.raw_response().and_then(|answer| answer.headers().get("x-amz-delete-marker"));
                let missing = if marker == Some("true") { BucketError::Deleted } else { BucketError::Missing };
                return Err(missing(object));
            }
            Err(error) => return Err(unavailable(object, error)),
        };
        let version = answer.e_tag.map(Version).ok_or(BucketError::Unversioned(object))?;
        let bytes = deadline.bound_boxed(collect(answer.body, object, limit)).await??;
        Ok(Object { bytes, version })
    }
}

impl Version {
    /// Without the quotation marks that S3 puts around it.
    pub(super) fn as_str(&self) -> &str {
        self.0.trim_matches('"')
    }
}

async fn collect(mut body: ByteStream, object: &'static str, limit: usize) -> Result<Vec<u8>, BucketError> {
    let mut bytes = Vec::new();
    while let Some(part) = body.next().await {
        let part = part.map_err(|error| BucketError::Unavailable { object, error: error.to_string() })?;
        if bytes.len() + part.len() > limit {
            return Err(BucketError::TooLarge { object, limit });
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

fn is_missing(error: &SdkError<GetObjectError>) -> bool {
    error.as_service_error().is_some_and(GetObjectError::is_no_such_key)
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

fn unavailable<E: std::error::Error + 'static>(object: &'static str, error: SdkError<E>) -> BucketError {
    BucketError::Unavailable { object, error: DisplayErrorContext(error).to_string() }
}
