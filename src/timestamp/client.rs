//! The client of a time-stamping authority: HTTP as RFC 3161 section 3.4 has it.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use der::Encode as _;
use der::asn1::{AnyRef, IntRef, OctetStringRef, UintRef};
use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use url::Url;

use super::algorithm::ID_SHA256;
use super::asn1::{AlgorithmIdentifier, MessageImprint, TimeStampReq};
use super::authorities::Authorities;
use super::authority::Timestamp;
use super::fault::TimestampFault;
use super::token::{MAX_TOKEN_BYTES, TimeStampToken};
use crate::clock::since_epoch;
use crate::deadline::Deadline;
use crate::foreign::shown;
use crate::http_client::{self, SendError, read_beginning, read_body, retry_after, send_idempotent};
use crate::validity::Rfc3339;

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";
/// Of an error's text, what a line of a message has room for.
const MAX_ERROR_BYTES: usize = 1 << 10;
/// Enough that no two requests have the same, and nobody guesses one in advance.
const NONCE_BYTES: usize = 8;
/// The clocks of Lambda and of public authorities are right to the second. Whichever of the two is wrong, a time so far
/// off is not to be shown to anyone.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(600);

/// A time-stamping authority that is asked. Clones share connections.
#[derive(Debug, Clone)]
pub struct TimestampClient {
    url: Url,
    authorities: Authorities,
    client: reqwest::Client,
}

/// A time stamp that was asked for, and that has verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    token: Vec<u8>,
    timestamp: Timestamp,
}

/// Reasons why there is no time stamp.
#[derive(Debug, thiserror::Error)]
pub enum TimestampError {
    /// No answer, or not in time.
    #[error("no time stamp from the authority: {0}")]
    Send(#[from] SendError),
    /// Allows no more requests for now.
    #[error("the time-stamping authority allows no more requests for now")]
    RateLimited {
        /// The pause that it asks for.
        retry_after: Option<Duration>,
    },
    /// Another status than that of an answer.
    #[error("the time-stamping authority answered {status}{}", said(.message.as_deref()))]
    Status {
        /// The status.
        status: StatusCode,
        /// Its text, safe to show.
        message: Option<String>,
    },
    /// Answers another request.
    #[error("the time stamp is the answer to another request")]
    Nonce,
    /// Its clock or ours is wrong.
    #[error("the time stamp is of {}, and here it is {}", Rfc3339(*.stamped), Rfc3339(*.here))]
    Clock {
        /// The time of the time stamp, in Unix seconds.
        stamped: i64,
        /// The time of this machine, in Unix seconds.
        here: i64,
    },
    /// Does not verify.
    #[error(transparent)]
    Fault(#[from] TimestampFault),
    /// The system has no random numbers, or the request none of its parts.
    #[error("a request for a time stamp cannot be made")]
    Request,
}

impl TimestampClient {
    /// `url` is the whole URL that is posted to. One of `authorities` must have signed what it answers.
    pub fn new(url: Url, authorities: Authorities) -> Result<Self, reqwest::Error> {
        Ok(Self { url, authorities, client: http_client::builder().build()? })
    }

    /// The URL that is posted to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Has `signature` stamped, and verifies the answer: that it is to this request, and all that
    /// [`Authorities::verify`] does.
    pub async fn stamp(&self, signature: &[u8], deadline: Deadline) -> Result<Stamped, TimestampError> {
        let mut nonce = [0; NONCE_BYTES];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| TimestampError::Request)?;
        let query = query(signature, &nonce).map_err(|_| TimestampError::Request)?;
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, QUERY).header(ACCEPT, REPLY).body(query);
        // A request that comes twice makes two time stamps, of which one is dropped.
        let response = send_idempotent(request, deadline).await?;
        let status = response.status();
        match status {
            // Sigstore's answers 201.
            StatusCode::OK | StatusCode::CREATED => {}
            StatusCode::TOO_MANY_REQUESTS => {
                return Err(TimestampError::RateLimited { retry_after: retry_after(response.headers()) });
            }
            _ => {
                let (text, _) = read_beginning(response, MAX_ERROR_BYTES, deadline).await;
                let text = String::from_utf8_lossy(&text);
                let message = Some(text.trim()).filter(|text| !text.is_empty()).map(|text| shown(text).into_owned());
                return Err(TimestampError::Status { status, message });
            }
        }
        let answer = read_body(response, MAX_TOKEN_BYTES, deadline).await?;
        let timestamp = self.verify(&answer, signature, &nonce)?;
        Ok(Stamped { token: answer.to_vec(), timestamp })
    }

    fn verify(&self, answer: &[u8], signature: &[u8], nonce: &[u8]) -> Result<Timestamp, TimestampError> {
        let token = TimeStampToken::parse(answer)?;
        if !token.info.nonce.is_some_and(|answered| is_same_number(answered, nonce)) {
            return Err(TimestampError::Nonce);
        }
        let timestamp = self.authorities.verify_token(&token, signature)?;
        check_clock(token.time, i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX))?;
        Ok(timestamp)
    }
}

impl Stamped {
    /// A time stamp of `signature` that somebody kept (a TimeStampResp in DER), verified as [`Authorities::verify`] does.
    pub fn verify(token: Vec<u8>, signature: &[u8], authorities: &Authorities) -> Result<Self, TimestampFault> {
        let timestamp = authorities.verify(&token, signature)?;
        Ok(Self { token, timestamp })
    }

    /// The TimeStampResp in DER: what a Sigstore bundle holds as `signedTimestamp`.
    pub fn token(&self) -> &[u8] {
        &self.token
    }

    /// Its verified time and authority.
    pub fn timestamp(&self) -> &Timestamp {
        &self.timestamp
    }
}

/// Checks that both clocks, in Unix seconds, may be right.
fn check_clock(stamped: i64, here: i64) -> Result<(), TimestampError> {
    if here.abs_diff(stamped) > MAX_CLOCK_DIFFERENCE.as_secs() {
        return Err(TimestampError::Clock { stamped, here });
    }
    Ok(())
}

fn said(message: Option<&str>) -> String {
    message.map(|text| format!(": '{text}'")).unwrap_or_default()
}

/// The request: for the hash of `signature`, with the authority's certificates in the answer.
fn query(signature: &[u8], nonce: &[u8]) -> der::Result<Vec<u8>> {
    let hash = digest(&SHA256, signature);
    let hash_algorithm = AlgorithmIdentifier { oid: ID_SHA256, parameters: Some(AnyRef::NULL) };
    let message_imprint = MessageImprint { hash_algorithm, hashed_message: OctetStringRef::new(hash.as_ref())? };
    TimeStampReq { version: 1, message_imprint, nonce: UintRef::new(nonce)?, cert_req: true }.to_der()
}

/// `bytes` are those of a number without a sign, perhaps with zeros in front.
fn is_same_number(number: IntRef<'_>, bytes: &[u8]) -> bool {
    let zeros = |bytes: &[u8]| bytes.iter().take_while(|byte| **byte == 0).count();
    let answered = number.as_bytes();
    // With its first bit set the answer is negative.
    answered.first().is_some_and(|first| first & 0x80 == 0) && answered[zeros(answered)..] == bytes[zeros(bytes)..]
}

#[cfg(test)]
mod tests {
    use der::Decode as _;

    use super::*;

    #[test]
    fn a_request_is_what_openssl_makes_of_the_same() {
        // openssl ts -query -data abc.txt -sha256 -cert, with the nonce put in its place.
        let made = query(b"abc", &hex::decode("00a14cfce4e06518").unwrap()).unwrap();
        assert_eq!(
            hex::encode(made),
            "3043020101\
             3031300d060960864801650304020105000420ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\
             020800a14cfce4e065180101ff"
        );
    }

    #[test]
    fn clocks_may_be_ten_minutes_apart() {
        let here = 1_767_225_600;
        for apart in [0, 1, 599, 600] {
            assert!(check_clock(here + apart, here).is_ok() && check_clock(here - apart, here).is_ok(), "{apart}");
        }
        for apart in [601, 86_400] {
            for time in [here + apart, here - apart] {
                let error = check_clock(time, here).unwrap_err();
                assert!(matches!(error, TimestampError::Clock { stamped, here: 1_767_225_600 } if stamped == time));
            }
        }
        assert!(check_clock(0, i64::MAX).is_err() && check_clock(i64::MAX, 0).is_err());
    }

    #[test]
    fn a_nonce_is_the_same_number_however_long() {
        let read = |der: &str| hex::decode(der).unwrap();
        for (der, nonce, is_same) in [
            ("020101", "0000000000000001", true),
            ("02080102030405060708", "0102030405060708", true),
            ("020900f102030405060708", "f102030405060708", true),
            ("0208f102030405060708", "f102030405060708", false),
            ("02080102030405060709", "0102030405060708", false),
            ("020100", "0000000000000000", true),
            ("02020100", "0000000000000001", false),
        ] {
            let der = read(der);
            let number = IntRef::from_der(&der).unwrap();
            assert_eq!(is_same_number(number, &read(nonce)), is_same, "{nonce}");
        }
    }
}
