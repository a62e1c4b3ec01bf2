//! `verify`, `history` and `audit`: what is said of a tag, and the exit code.

#[path = "../support/registry.rs"]
mod registry;
#[path = "../support/mod.rs"]
mod support;

mod history;
mod scene;
mod verify;
