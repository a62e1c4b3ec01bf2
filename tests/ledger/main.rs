//! The ledger in DynamoDB Local: what its writes allow, that nothing is believed of a row that does not verify, that known
//! tags need no log, and that a process serves no tag before it knows every key that the ledger was used with.

mod between;
mod claim;
mod hostile;
mod instance;
mod lost_answers;
mod moves;
mod notices;
mod pinned;
mod protocol;
mod scene;
mod version;
mod without_log;
