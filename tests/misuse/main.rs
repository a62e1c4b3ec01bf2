//! What the log may hold of our key and is no honest sighting, and what strangers may file: nothing of the one goes unseen,
//! and nothing of the other is taken for it.

mod copies;
mod function;
mod large;
mod ours;
mod scene;
mod strangers;
