//! Reasons not to believe a time stamp.

use crate::validity::{Rfc3339, Validity};

/// A reason not to believe a time stamp. Texts of others are safe to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampFault {
    /// Has more bytes than any authority needs.
    #[error("the time stamp has more than {0} bytes")]
    TooLarge(usize),
    /// Is not DER, or not of the form that RFC 3161 and RFC 5652 give.
    #[error("the time stamp is malformed: {part}: {fault}")]
    Malformed {
        /// The part that is malformed.
        part: &'static str,
        /// The parser's words.
        fault: String,
    },
    /// The authority answered, and stamped nothing.
    #[error("the time-stamping authority refused: {0}")]
    Refused(String),
    /// Stamps something else.
    #[error("the time stamp is for another signature")]
    Imprint,
    /// Uses an algorithm that is not known or too weak.
    #[error("the time stamp uses {what} {oid}, which is not supported")]
    Algorithm {
        /// The algorithm's purpose.
        what: &'static str,
        /// Its object identifier.
        oid: String,
    },
    /// Has a critical extension, and none is known.
    #[error("the time stamp has the critical extension {0}, which is not supported")]
    CriticalExtension(String),
    /// Has not exactly one signer.
    #[error("the time stamp must have one signer")]
    Signers,
    /// A signed attribute is missing, is there twice, or says something else.
    #[error("the time stamp's signed attribute '{0}' is missing, repeated or wrong")]
    Attribute(&'static str),
    /// Names a signer whose certificate is neither trusted nor enclosed.
    #[error("the time stamp is by no trusted time-stamping authority")]
    UnknownAuthority,
    /// Is not signed with the key of the certificate that it names.
    #[error("the time stamp's signature does not verify with the certificate of {authority}")]
    Signature {
        /// The authority's name.
        authority: String,
    },
    /// The certificate is not for time stamps alone (RFC 3161 section 2.3).
    #[error("the certificate of {authority} is not for time stamps alone: {fault}")]
    Usage {
        /// The authority's name.
        authority: String,
        /// The fault, as a message.
        fault: &'static str,
    },
    /// The certificate does not lead to the authority's trusted one, or not at that time.
    #[error("the certificate of {authority} was not valid at {}: {fault}", Rfc3339(*.time))]
    Chain {
        /// The authority's name.
        authority: String,
        /// The time of the time stamp, in Unix seconds.
        time: i64,
        /// The library's words.
        fault: String,
    },
    /// The authority was not trusted at that time.
    #[error("{authority} is trusted {validity}, and the time stamp is of {}", Rfc3339(*.time))]
    Validity {
        /// The authority's name.
        authority: String,
        /// The time of the time stamp, in Unix seconds.
        time: i64,
        /// The time in which the authority is trusted.
        validity: Validity,
    },
}

impl TimestampFault {
    pub(super) fn malformed(part: &'static str) -> impl Fn(der::Error) -> Self {
        move |error| Self::Malformed { part, fault: error.to_string() }
    }

    pub(super) fn unfit(part: &'static str, fault: &str) -> Self {
        Self::Malformed { part, fault: fault.to_owned() }
    }

    /// The progress of the checks: of two authorities that refuse a time stamp, the later fault says more.
    pub(super) fn progress(&self) -> u8 {
        match self {
            Self::UnknownAuthority => 0,
            Self::Signature { .. } => 1,
            Self::Attribute(_) | Self::Usage { .. } => 2,
            Self::Chain { .. } => 3,
            Self::Validity { .. } => 4,
            _ => 5,
        }
    }
}
