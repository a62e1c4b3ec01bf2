//! Pulling from distribution 2.8, which Debian packages: with files and with S3 behind it, open and by tokens, by http and
//! by https. `version3.rs` runs the same on version 3.

mod by_https;
mod scene;
mod storage;

const VERSION: testing::docker_registry::Version = testing::docker_registry::Version::Two;
