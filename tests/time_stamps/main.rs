//! Time stamps are believed if an authority made them for this signature, and are asked for with no trust in the
//! answer.

mod asked;
mod forms;
mod names;
mod real;

use testing::time_stamps::Stamper;
use tlogistry::timestamp::{Authorities, TimestampAuthority};
use tlogistry::validity::Validity;

/// An authority with its whole chain known.
fn trusted(stamper: &Stamper) -> Authorities {
    Authorities::new(vec![TimestampAuthority::new("stand-in", None, &stamper.chain, Validity::ALWAYS).unwrap()])
}

/// An authority of which the certificate that signs is not known.
fn by_root(stamper: &Stamper) -> Authorities {
    let root = &stamper.chain[stamper.chain.len() - 1..];
    Authorities::new(vec![TimestampAuthority::new("stand-in", None, root, Validity::ALWAYS).unwrap()])
}
