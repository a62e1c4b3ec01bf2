//! Clients that Debian does not have: newer releases, built from their sources by `make peers`. As `clients`.

mod artifacts;
mod buildkit;
mod containerd;
mod helm;
mod images;
mod kubernetes;
mod pinned;
mod regclient;
mod verifier;
