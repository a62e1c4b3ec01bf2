//! The tests of `main.rs` on distribution 3, which `make peers` builds.

#[path = "../support/mod.rs"]
mod support;

mod by_https;
mod scene;
mod storage;

const VERSION: support::docker_registry::Version = support::docker_registry::Version::Three;
