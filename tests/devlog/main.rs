//! The embedded log, asked over its HTTP interface and checked with the `sigstore` crate, which
//! knows nothing of it. The tree's own tests stand beside it.

mod entries;
mod folder;
mod heads;
mod refusals;
mod search;
mod support;
