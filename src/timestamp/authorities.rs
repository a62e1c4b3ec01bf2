//! All authorities that are believed.

use super::algorithm::HashFunction;
use super::authority::{Timestamp, TimestampAuthority, later};
use super::fault::TimestampFault;
use super::token::TimeStampToken;

/// Time-stamping authorities, any of which is believed.
#[derive(Debug, Clone, Default)]
pub struct Authorities(Vec<TimestampAuthority>);

impl Authorities {
    /// All of these are believed.
    pub fn new(authorities: Vec<TimestampAuthority>) -> Self {
        Self(authorities)
    }

    /// In the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &TimestampAuthority> {
        self.0.iter()
    }

    /// True if nobody is believed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Verifies a time stamp of `signature`, whole: what is stamped, the authority's signature and its certificates at the time
    /// that it says, and that it is trusted at that time.
    ///
    /// `token` is a TimeStampResp in DER (RFC 3161 section 2.4.2), as a Sigstore bundle's `signedTimestamp` is.
    pub fn verify(&self, token: &[u8], signature: &[u8]) -> Result<Timestamp, TimestampFault> {
        self.verify_token(&TimeStampToken::parse(token)?, signature)
    }

    pub(super) fn verify_token(
        &self,
        token: &TimeStampToken<'_>,
        signature: &[u8],
    ) -> Result<Timestamp, TimestampFault> {
        let imprint = &token.info.message_imprint;
        let function = HashFunction::of(&imprint.hash_algorithm, "the hash function")?;
        if !function.is_hash(imprint.hashed_message.as_bytes(), signature) {
            return Err(TimestampFault::Imprint);
        }
        let mut fault = TimestampFault::UnknownAuthority;
        for authority in &self.0 {
            match authority.verify(token) {
                Ok(timestamp) => return Ok(timestamp),
                Err(other) => fault = later(fault, other),
            }
        }
        Err(fault)
    }
}
