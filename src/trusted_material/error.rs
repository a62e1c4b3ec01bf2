//! Reasons not to use one of Sigstore's files.

use std::fmt;

use crate::foreign::shown;
use crate::private::PrivateError;

/// A file that cannot be used. It is the operator who gave it.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// Cannot be read.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// Has more bytes than any of Sigstore's files.
    #[error("it has more than {0} bytes")]
    TooLarge(usize),
    /// Is not JSON of the form that Sigstore's protobufs give.
    #[error("it is not {expected} in JSON: {fault}")]
    Json {
        /// The file's kind.
        expected: &'static str,
        /// The parser's words.
        fault: String,
    },
    /// Is another kind of file, or of a version that is not known.
    #[error("its media type is '{found}', and must be {expected}")]
    MediaType {
        /// The media type in the file.
        found: String,
        /// The known values.
        expected: &'static str,
    },
    /// Has a part that cannot be used.
    #[error("{place}: {fault}")]
    Part {
        /// The place, as a path in the JSON.
        place: String,
        /// The fault, as a message.
        fault: String,
    },
}

impl MaterialError {
    pub(super) fn json(expected: &'static str) -> impl Fn(serde_json::Error) -> Self {
        move |error| Self::Json { expected, fault: shown(&error.to_string()).into_owned() }
    }

    pub(super) fn media_type(found: &str, expected: &'static str) -> Self {
        Self::MediaType { found: shown(found).into_owned(), expected }
    }

    pub(super) fn part(place: impl fmt::Display, fault: impl fmt::Display) -> Self {
        Self::Part { place: place.to_string(), fault: fault.to_string() }
    }
}
