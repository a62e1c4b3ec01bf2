//! tlogistry: a read-only OCI registry that refuses tags that moved.

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

mod after_answer;
mod audit;
pub mod auditor;
mod base_url;
pub mod cli;
mod clock;
pub mod config;
pub mod deadline;
pub mod devlog;
pub mod dsse;
pub mod edge;
pub mod evidence;
mod foreign;
pub mod http;
mod http_client;
pub mod image;
pub mod key;
pub mod lambda_event;
mod lambda_sdk;
pub mod ledger;
mod local_key;
mod log_search;
mod moves;
mod oci;
pub mod pinned;
mod private;
pub mod rate_limit;
mod refused;
pub mod rekor;
pub mod setup;
pub mod sighting;
mod telemetry;
pub mod timestamp;
pub mod tlog;
pub mod trusted_material;
pub mod upstream;
pub mod validity;
mod verdict;
pub mod version;
