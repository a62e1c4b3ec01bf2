//! Time stamps of RFC 3161: what an authority says that was there no later than a time.
//!
//! Rekor v2 signs no time. A time stamp of a signature proves that the signature was made no later, and says nothing about
//! when it was published.

mod algorithm;
mod asn1;
mod authorities;
mod authority;
mod bundle;
mod certificate;
mod client;
mod fault;
mod setting;
mod token;

pub use authorities::{Authorities, PUBLIC_AUTHORITY};
pub use authority::{AuthorityError, Timestamp, TimestampAuthority};
pub(crate) use bundle::TimestampVerificationData;
pub use client::{Stamped, TimestampClient, TimestampError};
pub use fault::TimestampFault;
pub use setting::{NoTimestampSetting, TimestampSetting};
