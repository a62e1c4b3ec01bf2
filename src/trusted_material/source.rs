//! The source of the files: a variable holds either a path or the JSON itself.

use std::path::Path;

use super::error::MaterialError;
use crate::private::{self, PrivateError};

/// Sigstore's own have 7 KB, with certificates of other services in them.
pub(super) const MAX_FILE_BYTES: usize = 1 << 20;

/// The JSON that `value` is, or that the file has which it names. Nobody else may be able to write that file, since it
/// says who is believed.
pub(super) fn read(value: &str) -> Result<Vec<u8>, MaterialError> {
    let value = value.trim();
    if value.starts_with('{') {
        return Ok(value.as_bytes().to_vec());
    }
    let path = Path::new(value);
    Ok(private::read(path, MAX_FILE_BYTES as u64)?.ok_or_else(|| PrivateError::missing(path))?)
}
