//! The proof of a sighting in a file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::evidence::{sighting_in_proof, tlog_proof};
use crate::foreign::shown;
use crate::image::Tag;
use crate::log_search::LogSearch;
use crate::sighting::Sighting;
use crate::tlog::MAX_PROOF_BYTES;

/// Writes the tlog-proof of a sighting.
pub(super) fn write(path: &Path, sighting: &Sighting) -> Result<(), String> {
    let proof = tlog_proof(sighting);
    let proof = proof.ok_or("--proof: an entry of Rekor v1 has no tlog-proof: its checkpoint is of another form")?;
    std::fs::write(path, proof).map_err(|error| format!("--proof: {}: {error}", path.display()))
}

/// The sighting of `tag` in a file, checked. The error is a message for the user.
pub(super) fn read(path: &Path, tag: &Tag, search: &LogSearch) -> Result<Box<Sighting>, String> {
    let fault = |fault: &dyn ToString| format!("{}: {}", path.display(), shown(&fault.to_string()));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| fault(&error))?;
    // One byte too many is enough to be refused.
    file.take(MAX_PROOF_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| fault(&error))?;
    let text = str::from_utf8(&bytes).map_err(|_| fault(&"not a tlog-proof: it is not UTF-8"))?;
    let sighting = sighting_in_proof(text, tag, &search.log_keys, &search.trusted);
    sighting.map(Box::new).map_err(|error| fault(&error))
}
