//! Witnesses: policies, cosignatures, and what `verify` and `verify-entry` make of them; proofs that are kept.

mod audit;
mod cosignatures;
mod policies;
mod proofs;
mod recorded;
mod times;
mod verify;
mod verify_entry;
