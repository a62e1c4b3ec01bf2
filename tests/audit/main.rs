//! `verify`, `resolve`, `history` and `audit`: what is said of a tag, and the exit code.

mod age;
mod closed_pipe;
mod consistency;
mod earlier_logs;
mod history;
mod instance;
mod large;
mod ledger;
mod list;
mod moves;
mod one_history;
mod rekor_v2;
mod repair;
mod resolve;
mod scene;
mod served;
mod verify;
