//! The tests of `main.rs` on distribution 3, which `make peers` builds.

mod by_https;
mod scene;
mod storage;

const VERSION: testing::docker_registry::Version = testing::docker_registry::Version::Three;
