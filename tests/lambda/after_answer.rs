//! The time between an answer and the call for the next event. Lambda freezes the process from that call on.

use testing::image::Image;
use testing::process::root;
use testing::stage::{REGISTRY, REPOSITORY};

use crate::runtime_api::{Asked, Runtime};
use crate::set;

/// The status of the answer to a pull of `v1`.
async fn pull(runtime: &mut Runtime) -> u64 {
    let event = std::fs::read(root().join("tests/events/manifest-by-tag.json")).unwrap();
    runtime.answer(event).await["statusCode"].as_u64().unwrap()
}

#[tokio::test]
async fn a_move_is_remembered_before_the_next_event_is_asked_for() {
    let (stage, kms, table) = set().await;
    let mut runtime = Runtime::start().await;
    let environment = [stage.environment(), kms.environment(), table.environment()].concat();
    let function = runtime.function(environment);
    stage.push("v1", &Image::oci("a")).await;
    assert!(matches!(runtime.asked().await, Asked::Next));
    assert_eq!(pull(&mut runtime).await, 200);
    stage.push("v1", &Image::oci("b")).await;
    assert!(matches!(runtime.asked().await, Asked::Next));
    assert_eq!(pull(&mut runtime).await, 403);
    assert!(matches!(runtime.asked().await, Asked::Next));
    let row = table.row(&format!("{REGISTRY}/{REPOSITORY}:v1").parse().unwrap()).await.unwrap();
    let told = row["last_move"].as_m().unwrap()["current"].as_s().unwrap();
    assert_eq!(told, Image::oci("b").digest().as_str());
    function.wait_for(|line| (line.contains("\"NewlyMoved\":1.0") && line.contains(told)).then_some(()));
}
