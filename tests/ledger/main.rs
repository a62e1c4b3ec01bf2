//! The ledger in DynamoDB Local: what its writes allow, that nothing is believed of a row that does not verify, and that
//! known tags need no log.

mod hostile;
#[path = "../support/log.rs"]
mod log;
mod protocol;
#[path = "../support/registry.rs"]
mod registry;
mod scene;
#[path = "../support/table.rs"]
mod table;
mod without_log;
