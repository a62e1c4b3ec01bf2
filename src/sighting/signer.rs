//! The signer of new sightings.

use super::kms::KmsKey;
use super::{LocalKey, SignError, SignedStatement, statement};
use crate::deadline::Deadline;
use crate::dsse;
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::telemetry::{Dependency, timed};

/// The key that new sightings are signed with.
#[derive(Debug)]
pub enum Signer {
    /// In AWS.
    Kms(KmsKey),
    /// A key file, for the command line.
    Local(LocalKey),
}

impl Signer {
    /// The key's public half.
    pub async fn public_key(&self, deadline: Deadline) -> Result<&PublicKey, SignError> {
        match self {
            Self::Kms(key) => timed(Dependency::Key, key.public_key(deadline)).await,
            Self::Local(key) => Ok(key.public_key()),
        }
    }

    /// Asks whether the key can be used. Nothing is signed: the key signs sightings and nothing else.
    pub async fn examine(&self, deadline: Deadline) -> Result<(), SignError> {
        match self {
            Self::Kms(key) => timed(Dependency::Key, key.examine(deadline)).await,
            Self::Local(_) => Ok(()),
        }
    }

    /// Signs 'this tag is this digest'. The signature is checked before it is returned: a key store that signs
    /// something else must not reach the log.
    pub async fn sign(&self, tag: &Tag, digest: &Digest, deadline: Deadline) -> Result<SignedStatement, SignError> {
        let message = dsse::pae(dsse::IN_TOTO, &statement(tag, digest));
        let signature = match self {
            Self::Kms(key) => timed(Dependency::Key, key.sign(&message, deadline)).await?,
            Self::Local(key) => key.sign(&message).map_err(|error| SignError::Local(error.to_string()))?,
        };
        let key = self.public_key(deadline).await?;
        SignedStatement::check(tag.clone(), digest.clone(), key, signature).ok_or(SignError::BadSignature)
    }
}
