//! Registries as they are in the world, by their own names, over https and behind the egress guard: what each asks for
//! before it answers, where it has its blobs, what a client of tlogistry gets, and how many requests that takes.
//!
//! They are reproduced from what is documented of them, each with its sources; none of them was asked.

mod accept;
mod blobs;
mod by_token;
mod bytes;
mod clients;
mod day;
mod early_ends;
mod get_alone;
mod hub;
mod mirrors;
mod pages;
mod referrers;
mod refused;
mod reported;
mod same_host;
mod scene;
mod self_hosted;
mod shape;
mod token_forms;
mod unsure;
mod without_token;
