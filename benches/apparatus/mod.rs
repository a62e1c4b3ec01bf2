//! The benches' instruments.
#![allow(dead_code)] // Each bench uses a part of this.

pub mod distance;
pub mod fixed_registry;
pub mod front;
pub mod gateway;
pub mod known_tags;
pub mod limits;
pub mod page;
pub mod plot;
pub mod pulls;
pub mod ratio;
pub mod replay;
pub mod runtime_api;
pub mod storage;
pub mod wire;
