//! The audit of many tags: the log holds exactly one digest for each, the ledger agrees, and the log has only grown.
//!
//! The command line and the scheduled auditor drive it, each with a state, an output and a stop signal of its own.

mod check;
mod checkpoints;
mod issue;
mod repair;
mod state;
mod tags;
mod walk;
mod witnesses;

pub(crate) mod complete;
pub(crate) mod lines;

pub(crate) use check::Check;
pub(crate) use checkpoints::EntryCheckpoints;
pub(crate) use issue::{Issue, IssueKind, Weight, worst};
pub(crate) use repair::Repair;
pub(crate) use state::{AuditState, Position, StoredState};
pub(crate) use tags::{LEDGER_TIME, MAX_LINE, SourceError, in_ledger, in_lines, listed};
pub(crate) use walk::{End, walk};
pub(crate) use witnesses::{HeadFault, WitnessDemand, judge};
