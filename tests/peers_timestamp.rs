//! Sigstore's time-stamping authority is asked and believed as the stand-in is, and Sigstore's tools believe the stand-in.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use testing::faulty::timestamp_authority::StandInAuthority;
use testing::process::{Ended, Process, go_tool};
use testing::stamping::story;
use testing::timestamp_server::TimestampServer;
use tlogistry::deadline::Deadline;
use tlogistry::evidence::trusted_root;
use tlogistry::timestamp::Authorities;
use tlogistry::tlog::LogKeys;
use tlogistry::trusted_material::TrustedRoot;

/// Far from what an answer takes here.
const PATIENCE: Duration = Duration::from_secs(60);

/// One test: two of its servers cannot run at once.
#[tokio::test]
async fn sigstores_authority_stamps_as_the_stand_in_does() {
    let server = TimestampServer::start(false).await;
    story(&server.url, server.authority()).await;
    drop(server);
    let server = TimestampServer::start(true).await;
    story(&server.url, server.authority()).await;
    story(&server.url, server.by_root()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cosign_believes_a_time_stamp_by_the_trusted_root_that_is_written_and_by_no_other() {
    let (authority, stranger) = (StandInAuthority::start().await, StandInAuthority::start().await);
    let mut bundle: Value = serde_json::from_slice(&read("bundle-manifest-first.json")).unwrap();
    let signature = bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap();
    let signature = BASE64_STANDARD.decode(signature).unwrap();
    let without = bundle.to_string();
    let stamped = authority.client().stamp(&signature, Deadline::after(PATIENCE)).await.unwrap();
    let token = BASE64_STANDARD.encode(stamped.token());
    bundle["verificationMaterial"]["timestampVerificationData"] =
        json!({"rfc3161Timestamps": [{"signedTimestamp": token}]});
    let bundle = bundle.to_string();

    let believed = cosign(&bundle, &authority.authorities());
    assert_eq!(believed.code, Some(0), "{believed:?}");
    assert!(believed.stderr.contains("Verified OK"), "{believed:?}");
    for (bundle, authorities) in [(&bundle, stranger.authorities()), (&without, authority.authorities())] {
        let refused = cosign(bundle, &authorities);
        assert_ne!(refused.code, Some(0), "{refused:?}");
        assert!(refused.stderr.contains("timestamp"), "{refused:?}");
    }
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/rekor-v2/ours/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// cosign's verdict on a bundle that must have a time stamp of one of these authorities.
fn cosign(bundle: &str, authorities: &Authorities) -> Ended {
    let log = TrustedRoot::parse(&read("trusted-root.json")).unwrap();
    let keys = log.logs().iter().map(|log| log.log_key().unwrap()).collect();
    let keys = LogKeys::new(keys).unwrap().with_authorities(authorities.clone());
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let mut command = go_tool("cosign");
    command.args(["verify-blob-attestation", "--use-signed-timestamps", "--type"]);
    command.arg("https://tlogistry.dev/tag-sighting/v1");
    command.arg("--key").arg(write("key.pem", &read("key.pem")));
    command.arg("--bundle").arg(write("bundle.json", bundle.as_bytes()));
    let root = trusted_root(&keys, |_| log.logs()[0].url());
    command.arg("--trusted-root").arg(write("trusted-root.json", root.as_bytes()));
    command.arg(write("tag.txt", &read("tag.txt")));
    Process::start(command.env("HOME", folder.path())).finish()
}
