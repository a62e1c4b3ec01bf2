//! The complete audit: everything in a log under the keys is a sighting that the instance lists, and each tag has one digest.
//!
//! 1. The log's checkpoint is taken, and that it grew from the last one is proven.
//! 2. All entries from the last state on are read. Their hashes must lead to the checkpoint's root, together with the right
//!    edge of the tree that was read before. So not one can be left out or changed.
//! 3. The lists are taken after the checkpoint. A row is completed some time after its entry is in the log, and lists are in
//!    the log's order, so what no list explains is asked for by its signed digest, for as long as a writer may take.
//!
//! Memory is bounded by the number of sightings, and not by the size of the log.

mod absence;
mod explain;
mod instance_list;
mod listed;
mod locate;
mod read_log;
mod reader;
mod reconciliation;
mod spotted;
mod state;

pub(crate) use absence::Absence;
pub(crate) use explain::{Explaining, Lists, Summary};
pub(crate) use instance_list::InstanceList;
pub(crate) use listed::ListedStatement;
pub(crate) use locate::Mismatch;
pub(crate) use read_log::{ReadEnd, Readable, read_log};
pub(crate) use reader::LogContent;
pub(crate) use reconciliation::Found;
pub(crate) use state::{EndedAudit, LogReading, StoredReading};
