//! Evidence with a time stamp, which a Rekor v2's sighting has where an authority is asked.

use testing::faulty::timestamp_authority::StandInAuthority;
use testing::transparency_log::TransparencyLog;
use tlogistry::tlog::RekorApi;

use crate::{Documented, tampered, whatever_is_changed_is_refused};

/// A sighting that the authority stamped.
async fn stamped(log: TransparencyLog, authority: &StandInAuthority) -> Documented {
    let variables = [("TIMESTAMP_URL", authority.url().to_string()), ("TIMESTAMP_CHAIN", authority.stamper().pem())];
    Documented::with_variables(log, &variables).await
}

/// The checks of the documentation hold with a time stamp and without, and a demand for one is met by one alone.
async fn a_time_stamp_is_read_by_who_demands_one(log: TransparencyLog, other_log: TransparencyLog) {
    let authority = StandInAuthority::start().await;
    let documented = stamped(log, &authority).await;
    documented.user.fetch();
    let digest = documented.image.digest();
    let bundle: serde_json::Value = serde_json::from_str(&documented.user.read("sighting.json")).unwrap();
    let stamps = &bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"];
    assert_eq!(stamps.as_array().map(Vec::len), Some(1), "{bundle}");

    for command in ["cosign verify-blob-attestation", "cosign verify-attestation"] {
        for option in ["", " --use-signed-timestamps"] {
            let verified = documented.user.run_with(command, option);
            assert_eq!(verified.code, Some(0), "{command}{option}: {verified:?}");
        }
    }
    let checked = documented.user.run("node");
    assert_eq!((checked.code, checked.stdout.trim()), (Some(0), digest.as_str()), "{checked:?}");
    let checked = documented.user.sigstore_go(&["-signed-time"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let lines: Vec<&str> = checked.stdout.lines().collect();
    let recorded = testing::client::get(&documented.scene.instance.url("manifests/v1")).await;
    let time = format!("TimestampAuthority {}", recorded.header("tlog-integratedtime"));
    assert_eq!(lines, [digest.as_str(), &time]);

    // One that was changed shows no time. The sighting holds for cosign as long as nobody asks for it.
    documented.user.write("sighting.json", &tampered::time_stamp(&bundle).to_string());
    assert_eq!(documented.user.run("cosign verify-blob-attestation").code, Some(0));
    let demanding = [
        documented.user.run_with("cosign verify-blob-attestation", " --use-signed-timestamps"),
        documented.user.run("node"),
        documented.user.sigstore_go(&["-signed-time"]),
    ];
    for refused in demanding {
        assert_ne!(refused.code, Some(0), "{refused:?}");
    }

    let without = Documented::with_log(other_log).await;
    without.user.fetch();
    for command in ["cosign verify-blob-attestation", "cosign verify-attestation"] {
        let refused = without.user.run_with(command, " --use-signed-timestamps");
        assert_ne!(refused.code, Some(0), "{command}: {refused:?}");
        assert!(refused.stderr.contains("timestamp"), "{command}: {refused:?}");
    }
    let refused = without.user.sigstore_go(&["-signed-time"]);
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert!(refused.stderr.contains("timestamp"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_stamp_of_a_sighting_in_rekor_v2_is_read_by_who_demands_one() {
    let logs = (TransparencyLog::rekor_tiles().await, TransparencyLog::rekor_tiles().await);
    a_time_stamp_is_read_by_who_demands_one(logs.0, logs.1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_stamp_of_a_sighting_in_the_embedded_log_is_read_by_who_demands_one() {
    let logs = [(); 2].map(|()| TransparencyLog::embedded_with(RekorApi::V2));
    let [one, other] = logs;
    a_time_stamp_is_read_by_who_demands_one(one, other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_is_refused_with_a_time_stamp() {
    let authority = StandInAuthority::start().await;
    let log = TransparencyLog::rekor_tiles().await;
    whatever_is_changed_is_refused(stamped(log, &authority).await).await;
}
