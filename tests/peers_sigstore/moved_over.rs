//! An instance that moved from a Rekor v1 to a Rekor v2: one trusted root holds for the evidence of both.

use testing::client::get;
use testing::image::Image;
use testing::instance::Instance;
use testing::stage::{REGISTRY, REPOSITORY, Stage};
use testing::transparency_log::TransparencyLog;
use tlogistry::tlog::RekorApi;

use crate::commands::Commands;
use crate::{SIGSTORE_GO, check};

async fn the_evidence_of_both_logs_is_accepted_by_one_trusted_root(old: TransparencyLog, new: TransparencyLog) {
    let (stage, state) = (Stage::with(old), tempfile::tempdir().unwrap());
    let instance = Instance::serve(state.path(), &stage.environment());
    let [before, after] = ["recorded before", "recorded after"].map(Image::index);
    stage.push("before", &before).await;
    stage.push("after", &after).await;
    assert_eq!(get(&instance.url("manifests/before")).await.header("tlog-first-seen"), "true");
    drop(instance);

    let mut environment = stage.environment();
    environment.extend(
        [
            ("REKOR_URL", new.url.clone()),
            ("REKOR_API_VERSION", "2".to_owned()),
            ("REKOR_PUBLIC_KEYS", format!("{}\n{}", new.public_key, stage.log.public_key)),
            ("EARLIER_LOGS", stage.log.url.clone()),
            ("TIMESTAMP_URL", "none".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let instance = Instance::serve(state.path(), &environment);
    assert_eq!(get(&instance.url("manifests/after")).await.header("tlog-first-seen"), "true");
    assert_eq!(get(&instance.url("manifests/before")).await.find("tlog-first-seen"), None);
    for (name, image, kind) in [("before", &before, "intoto"), ("after", &after, "hashedrekord")] {
        let tag = format!("{REGISTRY}/{REPOSITORY}:{name}");
        let user = Commands::of_the_documentation(&instance.address, &tag);
        user.fetch();
        let bundle: serde_json::Value = serde_json::from_str(&user.read("sighting.json")).unwrap();
        assert_eq!(bundle["verificationMaterial"]["tlogEntries"][0]["kindVersion"]["kind"], kind);
        for command in ["cosign verify-blob-attestation", "cosign verify-attestation", "node", SIGSTORE_GO] {
            let verified = check(&user, command);
            assert_eq!(verified.code, Some(0), "{command}, {tag}: {verified:?}");
            if command == "node" || command == SIGSTORE_GO {
                assert_eq!(verified.stdout.trim(), image.digest().as_str());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_in_rekor_and_in_rekor_v2_is_accepted_by_one_trusted_root() {
    let new = TransparencyLog::rekor_tiles().await;
    the_evidence_of_both_logs_is_accepted_by_one_trusted_root(TransparencyLog::rekor(), new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_in_embedded_logs_is_accepted_by_one_trusted_root() {
    let new = TransparencyLog::embedded_with(RekorApi::V2);
    the_evidence_of_both_logs_is_accepted_by_one_trusted_root(TransparencyLog::embedded(), new).await;
}
