//! The ledger in DynamoDB Local and in a file: what its writes allow, that nothing is believed of a row that does not
//! verify, how rows are carried, that known tags need no log, and that a process serves no tag before it knows every
//! key that the ledger was used with.

mod between;
mod carried;
mod claim;
mod earlier_logs;
mod file;
mod half_import;
mod hostile;
mod indexing;
mod instance;
mod lost_answers;
mod moves;
mod notices;
mod pinned;
mod protocol;
mod refused_writes;
mod reindex;
mod scene;
mod sightings;
mod version;
mod without_log;
