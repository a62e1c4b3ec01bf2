//! Clients that Debian does not have: newer releases, built from their sources by `make peers`. As `clients`.

mod artifacts;
mod containerd;
mod images;
mod pinned;
mod verifier;
