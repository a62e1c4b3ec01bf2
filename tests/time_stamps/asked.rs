//! An authority that is asked, and everything that one can do wrong.

use std::time::Duration;

use testing::clock::Clock;
use testing::faulty::timestamp_authority::{Fault, StandInAuthority};
use testing::faulty::wire;
use testing::stamping::story;
use tlogistry::deadline::Deadline;
use tlogistry::timestamp::{TimestampClient, TimestampError};
use tlogistry::trusted_material::TrustedRoot;

const SIGNATURE: &[u8] = b"a signature";
/// Far from what an answer takes here.
const PATIENCE: Duration = Duration::from_secs(60);

async fn refused(authority: &StandInAuthority) -> String {
    authority.client().stamp(SIGNATURE, Deadline::after(PATIENCE)).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_signature_is_stamped_and_its_time_stamp_verifies_by_the_trusted_root() {
    let authority = StandInAuthority::start().await;
    for fault in [None, Some(Fault::NoCertificate)] {
        if let Some(fault) = fault {
            authority.fails(fault);
        }
        let stamped = authority.client().stamp(SIGNATURE, Deadline::after(PATIENCE)).await.unwrap();
        let root = TrustedRoot::read(&authority.trusted_root().to_string()).unwrap();
        let timestamp = root.authorities().verify(stamped.token(), SIGNATURE).unwrap();
        assert_eq!(&timestamp, stamped.timestamp());
        assert_eq!(timestamp.authority(), authority.url().as_str());
    }
    assert_eq!(authority.asked(), 2);
}

#[tokio::test]
async fn the_stand_in_stamps_as_sigstores_authority_does() {
    let authority = StandInAuthority::start().await;
    let authorities = authority.authorities();
    story(&authority.url(), authorities.iter().next().unwrap().clone()).await;
}

#[tokio::test]
async fn an_answer_that_is_no_time_stamp_of_this_request_is_refused_for_its_reason() {
    let authority = StandInAuthority::start().await;
    for (fault, expected) in [
        (Fault::WrongImprint, "the time stamp is for another signature"),
        (Fault::WrongNonce, "the time stamp is the answer to another request"),
        (Fault::NoNonce, "the time stamp is the answer to another request"),
        (Fault::Rubbish(b"<html>"), "the time stamp is malformed: TimeStampResp: "),
        (Fault::Rubbish(b""), "the time stamp is malformed: TimeStampResp: "),
        (
            Fault::Refuses("no clock"),
            "the time-stamping authority refused: it does not allow or support the request, 'no clock'",
        ),
        (Fault::OtherChain, "the time stamp's signature does not verify with the certificate of http://127.0.0.1:"),
        (
            Fault::Answer(400, vec![], "bad\u{1b}[2J\n"),
            "the time-stamping authority answered 400 Bad Request: 'bad\u{fffd}[2J'",
        ),
        (Fault::Answer(404, vec![], ""), "the time-stamping authority answered 404 Not Found"),
        (
            Fault::Answer(302, vec![("location", "http://elsewhere.test/")], ""),
            "the time-stamping authority answered 302 Found",
        ),
        (Fault::Answer(429, vec![], ""), "the time-stamping authority allows no more requests for now"),
        (Fault::Endless, "no time stamp from the authority: the answer is larger than 32768 bytes"),
        (Fault::CutShort, "no time stamp from the authority: "),
        (Fault::Dropped, "no time stamp from the authority: "),
    ] {
        authority.fails(fault);
        let error = refused(&authority).await;
        assert!(error.starts_with(expected), "{error}");
    }
    authority.fails(Fault::Answer(429, vec![("retry-after", "7")], ""));
    let error = authority.client().stamp(SIGNATURE, Deadline::after(PATIENCE)).await.unwrap_err();
    assert!(
        matches!(error, TimestampError::RateLimited { retry_after: Some(pause) } if pause.as_secs() == 7),
        "{error}"
    );
    authority.heals();
    assert!(authority.client().stamp(SIGNATURE, Deadline::after(PATIENCE)).await.is_ok());
}

#[tokio::test]
async fn a_clock_that_is_far_off_is_not_believed() {
    let authority = StandInAuthority::start().await;
    for ahead in [3_600, -3_600] {
        authority.fails(Fault::Ahead(ahead));
        let error = authority.client().stamp(SIGNATURE, Deadline::after(PATIENCE)).await.unwrap_err();
        assert!(
            matches!(error, TimestampError::Clock { stamped, here } if (stamped - here - ahead).abs() < 600),
            "{error}"
        );
    }
    authority.fails(Fault::Ahead(60));
    assert!(authority.client().stamp(SIGNATURE, Deadline::after(PATIENCE)).await.is_ok());
    // Before any of its certificates.
    authority.fails(Fault::Ahead(-20 * 365 * 86_400));
    assert!(refused(&authority).await.contains("was not valid at 20"));
}

#[tokio::test]
async fn an_authority_that_is_down_or_silent_costs_no_more_than_its_time() {
    let authority = StandInAuthority::start().await;
    let mut clock = Clock::stop();
    for fault in [Fault::Silent, Fault::TarPit] {
        authority.fails(fault);
        let client = authority.client();
        let asking = client.stamp(SIGNATURE, Deadline::after(Duration::from_secs(3)));
        let (answer, took) = clock.pass_after(authority.next(), asking).await;
        assert_eq!(answer.unwrap_err().to_string(), "no time stamp from the authority: no answer in time");
        assert_eq!(took.as_secs(), 3);
    }
    drop(clock);
    let url = format!("http://{}/", wire::closed().await).parse().unwrap();
    let client = TimestampClient::new(url, authority.authorities()).unwrap();
    let error = client.stamp(SIGNATURE, Deadline::after(PATIENCE)).await.unwrap_err().to_string();
    assert!(error.contains("onnection refused"), "{error}");
}

#[tokio::test]
async fn a_gateway_that_fails_once_is_asked_once_more() {
    let authority = StandInAuthority::start().await;
    authority.fails(Fault::Answer(502, vec![], "<html>"));
    let error = refused(&authority).await;
    assert_eq!(error, "the time-stamping authority answered 502 Bad Gateway: '<html>'");
    assert_eq!(authority.asked(), 2);
}
