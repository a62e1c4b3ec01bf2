//! `audit --complete`: that a log holds nothing under the keys but what an instance lists.

mod found;
mod hostile;
mod keep;
mod large;
mod ledger;
mod long_log;
mod lying_list;
mod policy;
mod real;
mod scene;
mod state;
mod tiles;
mod v1;
mod verify;
mod workflow;
