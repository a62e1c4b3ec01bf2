//! One digest per tag, whatever fails: real processes that share a table and a log, killed with SIGKILL or cut off at
//! every call they make, while the tag's digest changes under them. Afterwards the whole log and the table are read.
//!
//! `TLOGISTRY_ROUNDS` sets the number of rounds, `TLOGISTRY_SEED` the first seed: to replay one failing round, set the
//! seed that was printed and one round.

mod instance;
mod ledger_file;
mod proxy;
mod round;
mod stage;
mod stampede;
