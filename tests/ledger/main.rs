//! The ledger in DynamoDB Local: what its writes allow, that nothing is believed of a row that does not verify, that known
//! tags need no log, and that a process serves no tag before it knows every key that the ledger was used with.

mod between;
mod claim;
mod hostile;
mod instance;
#[path = "../support/log.rs"]
mod log;
mod protocol;
#[path = "../support/registry.rs"]
mod registry;
mod scene;
#[path = "../support/table.rs"]
mod table;
mod version;
mod without_log;
