//! The auditor under Lambda's emulator: it audits the ledger in pieces, keeps its state in a bucket, and tells people.

mod complete;
mod log_end;
mod pieces;
mod scene;
mod state;
mod told;
mod witnesses;
