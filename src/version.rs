//! The build that runs.

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that it was built from, `-dirty` behind it if files had been changed. A build that is no release says
/// `development`, one without git `unknown`.
pub const COMMIT: &str = env!("TLOGISTRY_COMMIT");
