//! The evidence for a sighting: the same bytes wherever it is asked for, and all that it takes to check it. The history of
//! a tag, as OCI's draft has it.

mod attestations;
mod bundles;
mod rekor_v2;
mod tag_history;
