//! A sighting as a C2SP tlog-proof: kept in a file, and checked without asking anyone.
//!
//! The extra data is JSON with two fields of a bundle: the signed statement, which the leaf is made from, and the time
//! stamp of its signature, if there is one. The key is not in it: it has to be known.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::wire::{Envelope, Signature};
use crate::dsse;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::sighting::{Sighting, SignedStatement, parse_statement, statement};
use crate::timestamp::TimestampVerificationData;
use crate::tlog::{Fault, Faults, LogKeys, TlogProof, TlogProofError};

/// A tlog-proof that does not show that a tag was seen.
#[derive(Debug, thiserror::Error)]
pub enum SightingProofError {
    /// The text is no proof.
    #[error(transparent)]
    Form(#[from] TlogProofError),
    /// The proof may be of something else.
    #[error("the tlog-proof has no signed statement of tlogistry's beside it")]
    Extra,
    /// The proof may be genuine. Carries the tag that it is about.
    #[error("the tlog-proof is about another tag: {0}")]
    OtherTag(Tag),
    /// Comes from another instance, or the statement was changed.
    #[error("the statement beside the tlog-proof is not signed by a trusted key")]
    NotSigned,
    /// None of the log's keys is under the checkpoint's name.
    #[error("the tlog-proof is of another log: {0}")]
    OtherLog(String),
    /// Carries all that does not hold.
    #[error("the tlog-proof does not hold: {}", Faults(.0))]
    LogUnverifiable(Vec<Fault>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extra {
    dsse_envelope: Envelope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp_verification_data: Option<TimestampVerificationData>,
}

/// Writes the tlog-proof of a sighting; `None` if its log is a Rekor v1, whose entries and checkpoints have other
/// forms.
pub fn tlog_proof(sighting: &Sighting) -> Option<String> {
    let signed = sighting.statement();
    let extra = Extra {
        dsse_envelope: Envelope {
            payload: BASE64_STANDARD.encode(statement(sighting.tag(), sighting.digest())),
            payload_type: dsse::IN_TOTO.to_owned(),
            signatures: vec![Signature { sig: BASE64_STANDARD.encode(signed.signature()) }],
        },
        timestamp_verification_data: sighting.stamped().map(TimestampVerificationData::new),
    };
    let extra = serde_json::to_vec(&extra).expect("structs of strings always serialise");
    Some(TlogProof::of_entry(sighting.entry(), Some(extra))?.to_text())
}

/// The sighting of `tag` that a tlog-proof shows, checked with the log's keys and the `trusted` signers'.
pub fn sighting_in_proof(
    text: &str,
    tag: &Tag,
    log_keys: &LogKeys,
    trusted: &[PublicKey],
) -> Result<Sighting, SightingProofError> {
    use SightingProofError::{Extra as NoExtra, LogUnverifiable, NotSigned, OtherLog, OtherTag};
    let proof = TlogProof::parse(text)?;
    let extra: Extra = proof.extra().and_then(|extra| serde_json::from_slice(extra).ok()).ok_or(NoExtra)?;
    let Envelope { payload, payload_type, signatures } = &extra.dsse_envelope;
    let (payload, [signature]) = (BASE64_STANDARD.decode(payload).map_err(|_| NoExtra)?, &signatures[..]) else {
        return Err(NoExtra);
    };
    let (about, digest) = parse_statement(&payload).filter(|_| payload_type == dsse::IN_TOTO).ok_or(NoExtra)?;
    if about != *tag {
        return Err(OtherTag(about));
    }
    let signature = BASE64_STANDARD.decode(&signature.sig).map_err(|_| NoExtra)?;
    let signed_by = |key| SignedStatement::check(about.clone(), digest.clone(), key, signature.clone());
    let signed = trusted.iter().find_map(signed_by).ok_or(NotSigned)?;
    let other_log = || OtherLog(proof.checkpoint().origin().to_owned());
    let entry = proof.entry_of(signed.signed_payload().leaf(), log_keys).ok_or_else(other_log)?;
    let sighting = signed.recorded_by(entry.verify(log_keys).map_err(LogUnverifiable)?).ok_or(NotSigned)?;
    let stamps = extra.timestamp_verification_data;
    let stamped = stamps.and_then(|stamps| stamps.verified(&signature, log_keys.authorities()));
    Ok(sighting.with_stamp(stamped))
}
