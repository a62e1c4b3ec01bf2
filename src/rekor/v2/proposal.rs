//! Rekor v2's only request that writes.

use sha2::{Digest as _, Sha256};

use crate::dsse::{self, SignedPayload};
use crate::tlog::body::{SignedDigest, proposed_entry};

impl SignedPayload<'_> {
    /// The sha256 of the signed bytes.
    fn sha256(&self) -> [u8; 32] {
        Sha256::digest(dsse::pae(self.payload_type, &self.payload)).into()
    }

    /// The request that uploads digest and signature. Equal payloads and signatures give equal leaves.
    pub fn proposed_digest(&self) -> Vec<u8> {
        proposed_entry(&self.sha256(), self.signature, self.key)
    }

    /// The leaf that the log makes of it.
    pub(crate) fn leaf(&self) -> Vec<u8> {
        SignedDigest::leaf(&self.sha256(), self.signature, self.key)
    }
}
