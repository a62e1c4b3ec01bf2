//! The programs and stand-ins that tests and benches talk to.
//!
//! - Real programs, each started on a free port and gone when its test is ([`process`]): registries, logs, clients,
//!   AWS's services, and tlogistry itself ([`instance`]).
//! - Stand-ins inside the test's process: a [`registry`], one with [`tags`], a [`log`], an instance's [`sightings_list`], and [`faulty`] ones
//!   that fail and lie on demand.
//! - The [`service`] itself, without a front end, and what several instances of it have together ([`shared`]).
//! - A [`network`] of the test's own, and its time ([`clock`]).

pub mod altered_log;
pub mod any_log;
pub mod artifact;
pub mod bad_environment;
pub mod bucket_and_topics;
pub mod buildkit;
pub mod checked_log;
pub mod client;
pub mod client_shapes;
pub mod clock;
pub mod containerd;
pub mod containerd_pulls;
pub mod containers;
pub mod count;
pub mod cri;
pub mod devlog_folder;
pub mod docker;
pub mod docker_registry;
pub mod documented;
pub mod dynamodb_call;
pub mod faulty;
pub mod filed;
pub mod image;
pub mod instance;
pub mod kms;
pub mod log;
pub mod merkle;
pub mod moving;
pub mod network;
pub mod omniwitness;
pub mod port;
pub mod process;
pub mod registry;
pub mod rekor;
pub mod rekor_tiles;
pub mod scene;
pub mod service;
pub mod shared;
pub mod sightings_list;
pub mod skopeo;
pub mod stage;
pub mod stamping;
pub mod story;
pub mod table;
pub mod tags;
pub mod tar;
pub mod tile_server;
pub mod tiles;
pub mod time_stamps;
pub mod timestamp_server;
pub mod tls_front;
pub mod traced;
pub mod transparency_log;
pub mod tuf;
pub mod unpacked;
pub mod witness;
