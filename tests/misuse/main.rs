//! Entries by our key that are not honest sightings, and entries that strangers may file: each of the one is seen, and
//! none of the other is taken for it.

mod copies;
mod function;
mod large;
mod new_ledger;
mod ours;
mod records;
mod scene;
mod strangers;
