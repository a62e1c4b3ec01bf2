//! Pulling through `serve`, from a real registry, with a real client, recording in a log of its own process.

mod answers;
mod kinds;
mod lists;
mod names;
mod pinned;

use testing::client_shapes;
use testing::instance::Instance;
use testing::scene::Scene;
use testing::stage::Stage;
use testing::story;
use tlogistry::sighting::LocalKey;

#[tokio::test]
async fn requests_in_the_shapes_of_some_clients_are_answered() {
    let scene = Scene::set();
    client_shapes::assert_answered(&scene.stage, &scene.instance).await;
}

#[tokio::test]
async fn a_tag_once_seen_cannot_move() {
    let (stage, state) = (Stage::set(), tempfile::tempdir().unwrap());
    let told = story::tell(&stage, || Instance::serve(state.path(), &stage.environment())).await;
    let key = LocalKey::open_or_generate(&state.path().join("signing-key.pem")).unwrap();
    story::assert_signed_by(&stage, &told, key.public_key()).await;
}
