//! The limits on first sights and searches of the log, which all instances hold together: instances that share a ledger
//! and a table of counters in DynamoDB Local, a registry, and a log that counts the searches.

mod at_once;
mod charged;
mod counters_fail;
mod limits;
mod lists;
mod scene;
mod waves;
