//! The benches' instruments.
#![allow(dead_code)] // Each bench uses a part of this.

pub mod distance;
pub mod fixed_registry;
pub mod pulls;
pub mod runtime_api;
pub mod wire;
