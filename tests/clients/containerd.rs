//! containerd 1.6.

use testing::containerd::{Containerd, Hosts};
use testing::containerd_pulls::{passes_by, refuses_as, refuses_by_name};
use testing::process::tool;

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
    refuses_by_name(&start(), "containerd 1.6.20 by ctr", words).await;
}

#[tokio::test]
async fn a_mirror_that_is_the_server_too_refuses_a_tag_that_moved() {
    for hosts in [Hosts::MirrorAndServer, Hosts::MirrorAndServerOfAll] {
        refuses_as(hosts, &start(), "containerd 1.6.20 by ctr, mirror and server", words).await;
    }
}

#[tokio::test]
async fn a_mirror_that_is_not_the_server_is_passed_by() {
    let answer = passes_by(Hosts::Mirror, &start(), "containerd 1.6.20 by ctr, mirror without `server`").await;
    assert_eq!(answer.status, 403, "the mirror was asked first, and recorded the tag");
}

/// Without a mirror the file is not understood, and pulls go on as if there were none.
#[tokio::test]
async fn a_server_is_asked_only_if_it_is_a_mirror_too() {
    let answer = passes_by(Hosts::Server, &start(), "containerd 1.6.20 by ctr, `server` alone").await;
    assert_eq!(answer.header("tlog-first-seen"), "true");
}
