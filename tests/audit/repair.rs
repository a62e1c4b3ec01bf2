//! `audit --repair`: an entry of the log that no search finds is recorded again.

use crate::ledger::{Kept, findings, last};
use crate::scene::Scene;
use testing::kms::{KEY_ID, Kms};
use tlogistry::sighting::LocalKey;

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_no_search_finds_is_found_after_repair() {
    let kept = Kept::set().await;
    kept.seen("good").await;
    let digest = kept.seen_unfiled("unfiled").await;
    let app = "registry.test/app";
    let fault = format!("the log has {digest} (log index 1000001), and no search finds it");
    let ended = kept.audit(&[]);
    assert_eq!((ended.code, findings(&ended)), (Some(1), vec![format!("{app}:unfiled: unfindable: {fault}")]));
    assert_eq!(kept.scene.run("history", &[&format!("{app}:unfiled")]).code, Some(2), "no search finds it");

    let key = kept.scene.file("key.pem");
    let repair = ["--repair", "--signing-key", key.to_str().unwrap()];
    let ended = kept.audit(&repair);
    let said = format!("{app}:unfiled: repaired: {fault}; recorded again at log index 1000002, and found");
    assert_eq!((ended.code, findings(&ended)), (Some(0), vec![said]));
    assert_eq!(last(&ended), "2 tags checked: all hold (1 repaired)");

    // Nothing is left to do, and the history tells the digest.
    let ended = kept.audit(&repair);
    assert_eq!((ended.code, last(&ended)), (Some(0), "2 tags checked: all hold"), "{ended:?}");
    let history = kept.scene.run("history", &[&format!("{app}:unfiled")]);
    assert!(history.stdout.contains(&format!("\n1000002  sighting  {digest}\n")), "{history:?}");
    assert_eq!(history.code, Some(0));
    assert_eq!(kept.scene.head().await.1, 3, "one entry more than was recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_counts_once_the_log_has_filed_it() {
    let kept = Kept::set().await;
    let digest = kept.seen_unfiled("unfiled").await;
    kept.scene.devlog.set_indexing(tlogistry::devlog::Indexing::Never);
    let key = kept.scene.file("key.pem");
    let ended = kept.audit(&["--repair", "--signing-key", key.to_str().unwrap()]);
    let said = format!(
        "registry.test/app:unfiled: unfindable: the log has {digest} (log index 1000000), and no search finds it; not \
         repaired: recorded again at log index 1000001, but no search finds that yet"
    );
    assert_eq!((ended.code, findings(&ended)), (Some(1), vec![said]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_kms_repairs_too() {
    let (kept, kms) = (Kept::set().await, Kms::start());
    let key = kms.public_key().await;
    let pem = std::fs::read_to_string(kept.scene.file("key.pub.pem")).unwrap() + key.pem();
    std::fs::write(kept.scene.file("key.pub.pem"), pem).unwrap();
    let digest = kept.seen_unfiled("unfiled").await;
    let ended = kept.audit_with(&["--repair", "--kms-key-id", KEY_ID], &kms.environment());
    let said = format!(
        "registry.test/app:unfiled: repaired: the log has {digest} (log index 1000000), and no search finds it; recorded \
         again at log index 1000001, and found"
    );
    assert_eq!((ended.code, findings(&ended)), (Some(0), vec![said]));
    let history = kept.scene.run("history", &["registry.test/app:unfiled"]);
    assert!(history.stdout.contains(&format!("\n  key       sha256:{}\n", hex::encode(key.id()))), "{history:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn repairs_are_signed_with_a_key_that_counts_or_not_at_all() {
    let scene = Scene::set().await;
    let list = scene.list(&["v1"]);
    let other = scene.file("other.pem");
    LocalKey::open_or_generate(&other).unwrap();
    let missing = scene.file("missing.pem");
    let (other, missing) = (other.to_str().unwrap(), missing.to_str().unwrap());
    for (arguments, said) in [
        (&["--repair"][..], "--repair needs the signing key: --kms-key-id or --signing-key".to_owned()),
        (&["--repair", "--signing-key", other], "the signing key is not among those that --key names".to_owned()),
        (&["--repair", "--signing-key", missing], format!("{missing}: No such file or directory (os error 2)")),
    ] {
        let arguments: Vec<&str> = ["--tags", &list].into_iter().chain(arguments.iter().copied()).collect();
        let ended = scene.run("audit", &arguments);
        assert_eq!((ended.code, ended.stderr), (Some(2), format!("tlogistry-cli: {said}\n")));
    }
    assert!(!std::path::Path::new(missing).exists(), "no key is made");
    assert_eq!(scene.run("audit", &["--tags", &list, "--signing-key", other]).code, Some(2), "a key, and no repair");
}
