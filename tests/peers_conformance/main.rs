//! The distribution specification's own tests of a registry, through `serve` in front of distribution 3.
//!
//! They cannot push here. So they first push all they have to the registry itself, and are then told what is there:
//! they have a mode for registries that are read-only.

mod suite;

use suite::{Content, Report, run};
use testing::docker_registry::{DockerRegistry, Setup, Storage, Version};
use testing::instance::Instance;
use testing::stage::{REGISTRY, REPOSITORY, Stage};
use testing::transparency_log::TransparencyLog;

/// Tests that no read-only registry passes.
const READ_ONLY: [(&str, &str); 4] = [
    ("OCI_API_PUSH", "false"),
    ("OCI_API_BLOBS_DELETE", "false"),
    ("OCI_API_MANIFESTS_DELETE", "false"),
    ("OCI_API_TAGS_DELETE", "false"),
];

/// Pushed content stays. sha512 is left out: the registry stores it, but answers with the digest by sha256.
const FILL: [(&str, &str); 4] = [
    ("OCI_API_BLOBS_DELETE", "false"),
    ("OCI_API_MANIFESTS_DELETE", "false"),
    ("OCI_API_TAGS_DELETE", "false"),
    ("OCI_DATA_SHA512", "false"),
];

/// The suite's names of the things that are pulled, and how many of them there must be.
fn pulled(content: &Content) -> [(&'static str, usize); 6] {
    let (tags, manifests, blobs) = (content.tags.len(), content.manifests.len(), content.blobs.len());
    [
        ("read-only/pull/manifest-by-tag", tags),
        ("read-only/head/manifest-head-by-tag", tags),
        ("read-only/pull/manifest-by-digest", manifests),
        ("read-only/head/manifest-head-by-digest", manifests),
        ("read-only/pull/blob-get", blobs),
        ("read-only/head/blob-head", blobs),
    ]
}

#[tokio::test]
async fn everything_that_can_be_pulled_is_pulled_as_the_specification_says() {
    let setup = Setup { version: Version::Three, storage: Storage::Files, tokens: false, certificates: None };
    let stage = Stage { registry: DockerRegistry::with(setup), log: TransparencyLog::start() };
    let filled = run(&stage.registry.address, REPOSITORY, &FILL, &Content::default());
    println!("distribution 3, pushed to:       {}", filled.totals());
    let content = Content::of(&stage.registry.store(), REPOSITORY);
    println!("{} tags, {} manifests, {} blobs", content.tags.len(), content.manifests.len(), content.blobs.len());
    assert!(content.tags.len() >= 10 && content.manifests.len() >= 20 && content.blobs.len() >= 40, "{filled:?}");

    let direct = run(&stage.registry.address, REPOSITORY, &READ_ONLY, &content);
    println!("distribution 3, read-only:       {}", direct.totals());
    let instance = Instance::serve_alone(&stage.environment());
    let repository = format!("{REGISTRY}/{REPOSITORY}");
    let ours = run(&instance.address, &repository, &READ_ONLY, &content);
    println!("tlogistry before it, read-only:  {}", ours.totals());

    assert_eq!(ours.wrong(), Vec::<&str>::new());
    for report in [&direct, &ours] {
        for (name, count) in pulled(&content) {
            assert_eq!(report.passed(name), count, "{name}: {report:?}");
        }
    }
    assert_passes_what_passed(&direct, &ours);
}

/// Each test that passes without tlogistry passes with it.
#[track_caller]
fn assert_passes_what_passed(direct: &Report, ours: &Report) {
    for name in direct.names_passed() {
        assert!(ours.passed(name) >= direct.passed(name), "{name} passes without tlogistry only");
    }
    for name in [
        "ping",
        "missing-manifest/by-tag",
        "missing-manifest/by-digest",
        "invalid-digest-format/manifest-get",
        "empty/tag list",
        "empty/referrers",
        "read-only/tag-list",
        "read-only/referrers",
    ] {
        assert_eq!(ours.passed(name), 1, "{name}: {ours:?}");
    }
}
