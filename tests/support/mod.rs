//! Real programs for tests to talk to: each started on a free port, and gone when the test is.
#![allow(dead_code)] // Each test program uses a part of this.

pub mod bad_environment;
pub mod client;
pub mod docker_registry;
pub mod image;
pub mod instance;
pub mod kms;
pub mod port;
pub mod process;
pub mod rekor;
pub mod skopeo;
pub mod stage;
pub mod story;
pub mod table;
pub mod transparency_log;
