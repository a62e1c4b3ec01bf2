//! A checkpoint: a tree head as a signed note (github.com/transparency-dev/formats, log).
//!
//! ```text
//! <hostname> - <tree id>
//! <tree size>
//! <base64 of the root hash>
//!
//! — <hostname> <base64 of key hint and signature>
//! ```

use super::key::LogKey;
use super::tree::Hash;
use base64::prelude::{BASE64_STANDARD, Engine};
use sigstore::errors::SigstoreError;

/// Signs the head of a tree. The key hint is that of Rekor v1, which hashes the key alone and
/// not, as signed notes do elsewhere, the name with it.
pub(super) fn signed(
    key: &LogKey,
    hostname: &str,
    tree_id: u64,
    size: u64,
    root: &Hash,
) -> Result<String, SigstoreError> {
    let root = BASE64_STANDARD.encode(root);
    let note = format!("{hostname} - {tree_id}\n{size}\n{root}\n");
    let mut hinted = key.id()[..4].to_vec();
    hinted.extend(key.sign(note.as_bytes())?);
    let signature = BASE64_STANDARD.encode(hinted);
    Ok(format!("{note}\n\u{2014} {hostname} {signature}\n"))
}
