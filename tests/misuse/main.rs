//! What the log may hold of our key and is no honest sighting, and what strangers may file: nothing of the one goes unseen,
//! and nothing of the other is taken for it.

#[path = "../support/any_log.rs"]
mod any_log;
#[path = "../support/filed/mod.rs"]
mod filed;
#[path = "../support/registry.rs"]
mod registry;
#[path = "../support/mod.rs"]
mod support;

mod copies;
mod function;
mod large;
mod ours;
mod scene;
mod strangers;
