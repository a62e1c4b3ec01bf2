//! Rules that hold with any time-stamping authority: the stand-in, and Sigstore's own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tlogistry::deadline::Deadline;
use tlogistry::timestamp::{Authorities, TimestampAuthority, TimestampClient, TimestampFault};
use tlogistry::validity::Validity;
use url::Url;

use super::time_stamps::Stamper;

const SIGNATURE: &[u8] = b"a signature that is stamped";
/// Far from what an answer takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks the authority at `url`, and checks what it answers in every way.
pub async fn story(url: &Url, authority: TimestampAuthority) {
    let authorities = Authorities::new(vec![authority]);
    let client = TimestampClient::new(url.clone(), authorities.clone()).unwrap();
    let before = seconds();
    let one = client.stamp(SIGNATURE, Deadline::after(PATIENCE)).await.unwrap();
    let other = client.stamp(SIGNATURE, Deadline::after(PATIENCE)).await.unwrap();
    let stamped = one.timestamp();
    assert!((before..=seconds()).contains(&stamped.seconds()), "{stamped:?}");
    assert_eq!(stamped.authority(), url.as_str());
    assert_ne!(one.token(), other.token(), "each answer is to its own request");

    assert_eq!(authorities.verify(one.token(), SIGNATURE).as_ref(), Ok(stamped));
    assert_eq!(authorities.verify(one.token(), b"another"), Err(TimestampFault::Imprint));
    let mut altered = one.token().to_vec();
    *altered.last_mut().unwrap() ^= 1;
    assert!(authorities.verify(&altered, SIGNATURE).is_err());
    let stranger = TimestampAuthority::new("stranger", None, &Stamper::default().chain, Validity::ALWAYS).unwrap();
    let strangers = TimestampClient::new(url.clone(), Authorities::new(vec![stranger])).unwrap();
    assert!(strangers.stamp(SIGNATURE, Deadline::after(PATIENCE)).await.is_err());
    // Of a server that is something else.
    let elsewhere = TimestampClient::new(url.join("/nowhere").unwrap(), authorities).unwrap();
    let error = elsewhere.stamp(SIGNATURE, Deadline::after(PATIENCE)).await.unwrap_err().to_string();
    assert!(error.starts_with("the time-stamping authority answered 404 Not Found"), "{error}");
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
