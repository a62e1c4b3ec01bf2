//! Sigstore's time-stamping authority is asked and believed as the stand-in is.

use testing::stamping::story;
use testing::timestamp_server::TimestampServer;

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
