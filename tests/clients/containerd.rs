//! containerd 1.6.

use crate::support::containerd::Containerd;
use crate::support::containerd_pulls::{passes_a_mirror_by, refuses_as_server, refuses_by_name};
use crate::support::process::tool;

fn start() -> Containerd {
    Containerd::start(tool("containerd"), || tool("ctr"))
}

/// It begins with a HEAD, which it does not repeat: no message is shown.
fn words(tag: &str, host: &str, _: &str) -> String {
    format!(
        "failed to resolve reference \"{tag}\": pulling from host {host} failed with status code [manifests v1]: 403 \
         Forbidden"
    )
}

#[tokio::test]
async fn containerd_refuses_a_tag_that_moved() {
    refuses_by_name(&start(), "containerd 1.6.20", words).await;
}

#[tokio::test]
async fn a_mirror_that_is_the_server_too_refuses_a_tag_that_moved() {
    refuses_as_server(&start(), "containerd 1.6.20 (mirror and server)", words).await;
}

#[tokio::test]
async fn a_mirror_that_is_not_the_server_is_passed_by() {
    passes_a_mirror_by(&start()).await;
}
