//! A panic costs one request, and not the instance: the release build unwinds, as it is deployed too.

use testing::process::root;

/// `cargo lambda build`, which `sam build` runs, adds `panic = "abort"` to a profile that does not say.
#[test]
fn the_profile_of_release_builds_says_that_a_panic_unwinds() {
    let manifest: toml::Table = std::fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    assert_eq!(manifest["profile"]["release"].get("panic").and_then(toml::Value::as_str), Some("unwind"));
}
