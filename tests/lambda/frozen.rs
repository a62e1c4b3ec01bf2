//! A log that takes no entries any more: known tags are served, and somebody is told.

use serde_json::Value;
use testing::client::get;
use testing::faulty::log::{Call, Fault, Log};
use testing::image::Image;
use testing::instance::Instance;

use crate::{alarm_fires, set};

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_takes_no_more_is_a_metric_whose_alarm_fires() {
    let (stage, kms, table) = set().await;
    let log = Log::v2().await;
    let own = [
        ("REKOR_URL", log.config().url.to_string()),
        ("REKOR_API_VERSION", "2".to_owned()),
        ("REKOR_PUBLIC_KEYS", log.public_key_pem().to_owned()),
        ("TIMESTAMP_URL", "none".to_owned()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let instance = Instance::function(&[stage.environment(), kms.environment(), table.environment(), own].concat());
    stage.push("v1", &Image::oci("first")).await;
    assert_eq!(get(&instance.url("manifests/v1")).await.status, 200);
    log.fails(Call::Upload, Fault::Answer(405, vec![], "{\"code\":12,\"message\":\"Method Not Allowed\"}"));
    stage.push("v2", &Image::oci("second")).await;
    assert_eq!(get(&instance.url("manifests/v2")).await.status, 503);
    assert_eq!(get(&instance.url("manifests/v1")).await.status, 200);
    let line = instance
        .wait_for(|line| serde_json::from_str::<Value>(line).ok().filter(|line| line["outcome"] == "LogFailed"));
    assert!(alarm_fires("log-frozen", &line, "tlogistry"), "{line}");
    assert!(!alarm_fires("log-frozen", &line, "another function"));
}
