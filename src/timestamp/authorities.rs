//! All authorities that are believed.

use super::algorithm::HashFunction;
use super::authority::{Timestamp, TimestampAuthority, later};
use super::fault::TimestampFault;
use super::token::TimeStampToken;
use crate::validity::Validity;

/// The public authority, which Sigstore runs.
pub const PUBLIC_AUTHORITY: &str = "https://timestamp.sigstore.dev/api/v1/timestamp";
/// Its certificates, as Sigstore's TUF root distributes them.
const PUBLIC_AUTHORITY_CHAIN: &str = include_str!("timestamp.sigstore.dev.pem");
/// The time from which it is trusted there.
const PUBLIC_AUTHORITY_START: &str = "2025-07-04T00:00:00Z";

/// Time-stamping authorities, any of which is believed.
#[derive(Debug, Clone, Default)]
pub struct Authorities(Vec<TimestampAuthority>);

impl Authorities {
    /// All of these are believed.
    pub fn new(authorities: Vec<TimestampAuthority>) -> Self {
        Self(authorities)
    }

    /// Sigstore's public authority, with the certificates that are shipped with the program.
    pub fn public() -> Self {
        let authority = TimestampAuthority::from_pem(PUBLIC_AUTHORITY.parse().ok(), PUBLIC_AUTHORITY_CHAIN).ok();
        let validity = Validity::parse(Some(PUBLIC_AUTHORITY_START), None).ok();
        // All are constants; a test parses them.
        let (authority, validity) = authority.zip(validity).expect("the public authority's chain is one");
        Self(vec![authority.within(validity)])
    }

    /// These, and those.
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// In the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &TimestampAuthority> {
        self.0.iter()
    }

    /// True if nobody is believed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Verifies a time stamp of `signature`, whole: what is stamped, the authority's signature and its certificates at
    /// the time that it says, and that it is trusted at that time.
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
