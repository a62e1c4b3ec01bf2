//! containerd 2.4.

use testing::containerd::{Containerd, Hosts};
use testing::containerd_pulls::{passes_by, refuses_as, refuses_by_name};
use testing::process::go_tool;

fn start() -> Containerd {
    Containerd::start(go_tool("containerd"), || go_tool("ctr"))
}

/// It repeats a HEAD that was answered with 403 as a GET, and shows the message.
fn words(_: &str, _: &str, message: &str) -> String {
    format!("403 Forbidden\ndenied: {message}\n")
}

#[tokio::test]
async fn containerd_refuses_a_tag_that_moved() {
    refuses_by_name(&start(), "containerd 2.4.2 by ctr", words).await;
}

#[tokio::test]
async fn a_mirror_that_is_the_server_too_refuses_a_tag_that_moved() {
    for hosts in [Hosts::MirrorAndServer, Hosts::MirrorAndServerOfAll] {
        refuses_as(hosts, &start(), "containerd 2.4.2 by ctr, mirror and server", words).await;
    }
}

#[tokio::test]
async fn a_mirror_that_is_not_the_server_is_passed_by() {
    let answer = passes_by(Hosts::Mirror, &start(), "containerd 2.4.2 by ctr, mirror without `server`").await;
    assert_eq!(answer.status, 403, "the mirror was asked first, and recorded the tag");
}

#[tokio::test]
async fn a_server_that_is_not_a_mirror_refuses_a_tag_that_moved() {
    refuses_as(Hosts::Server, &start(), "containerd 2.4.2 by ctr, `server` alone", words).await;
}
