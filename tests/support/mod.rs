//! Real programs for tests to talk to: each started on a free port, and gone when the test is.
#![allow(dead_code)] // Each test program uses a part of this.

pub mod artifact;
pub mod bad_environment;
pub mod client;
pub mod containerd;
pub mod containerd_pulls;
pub mod containers;
pub mod docker_registry;
pub mod image;
pub mod instance;
pub mod kms;
pub mod moving;
pub mod port;
pub mod process;
pub mod rekor;
pub mod scene;
pub mod skopeo;
pub mod stage;
pub mod story;
pub mod table;
pub mod tar;
pub mod transparency_log;
pub mod unpacked;
