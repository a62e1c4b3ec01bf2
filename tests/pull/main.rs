//! Pulling through `serve`, from a real registry, with a real client, recording in a log of its own process.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod kinds;
mod lists;
mod names;

use support::instance::Instance;
use support::scene::Scene;
use support::stage::Stage;
use support::story;
use tlogistry::sighting::LocalKey;

#[tokio::test]
async fn a_tag_once_seen_cannot_move() {
    let (stage, state) = (Stage::set(), tempfile::tempdir().unwrap());
    let told = story::tell(&stage, || Instance::serve(state.path(), &stage.environment())).await;
    let key = LocalKey::open_or_generate(&state.path().join("signing-key.pem")).unwrap();
    story::assert_signed_by(&stage, &told, key.public_key()).await;
}
