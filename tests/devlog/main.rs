//! The embedded log, asked over its HTTP interface and checked with the `sigstore` crate, which
//! knows nothing of it. The tree's own tests stand beside it.
//!
//! With `TLOGISTRY_TEST_LOG=rekor` all but what only the embedded log can do is asked of the real Rekor, which must answer
//! the same.

mod entries;
mod folder;
mod heads;
mod indexing;
mod refusals;
mod search;
mod support;
