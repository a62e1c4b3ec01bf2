//! Clients that people pull with, through `serve` from a real registry: images that are unpacked, a tag that moves, and
//! what the user reads then. The clients are Debian's; others are in `peers_clients`.

mod containerd;
mod containers;
mod documented_rows;
mod pinned;
mod registries_conf;
