//! `audit --keep`: what an instance has recorded is checked and imported when the instance is gone.

use std::io::Write as _;
use std::process::Command;

use testing::process::{Ended, Process, cli};
use testing::table::Table;
use testing::tags::tag;
use testing::witness::vkey;
use tlogistry::evidence::Bundle;
use tlogistry::image::Digest;
use tlogistry::key::PublicKey;
use tlogistry::sighting::{LocalKey, SignedStatement};

use crate::scene::{Scene, soon};

/// A sighting that the instance lists, with the evidence of it.
async fn seen(scene: &Scene, name: &str) {
    let signed = scene.seen(name).await;
    serve_bundle(scene, &signed).await;
}

/// The instance has the evidence of a statement that is in the log.
async fn serve_bundle(scene: &Scene, signed: &SignedStatement) {
    let log = scene.config.clients().unwrap().written;
    // The log answers with the entry that is there.
    let entry = log.upload(&signed.signed_payload(), soon()).await.unwrap().entry.verify(&scene.config.keys).unwrap();
    let bundle = Bundle::new(&signed.recorded_by(entry).unwrap()).to_json();
    scene.list.has_bundle(signed.tag().canonical(), bundle);
}

/// A command of the command line with the scene's key and log.
fn with_keys(scene: &Scene, arguments: &[&str]) -> Command {
    let mut command = cli();
    command.args(arguments);
    command.args(["--rekor", scene.config.url.as_str(), "--rekor-api", "v2"]);
    command.args(["--rekor-key", &scene.file("log.pub.pem"), "--key", &scene.file("key.pub.pem")]);
    command
}

fn command(scene: &Scene, arguments: &[&str]) -> Ended {
    Process::start(&mut with_keys(scene, arguments)).finish()
}

fn name(tag_name: &str) -> String {
    tag(tag_name).canonical().to_owned()
}

fn verify(scene: &Scene, tag_name: &str, file: &str) -> Ended {
    command(scene, &["verify", &name(tag_name), "--kept", file, "--no-registry"])
}

fn import(scene: &Scene, ledger: &str, file: &str) -> Ended {
    command(scene, &["ledger", "import", "--ledger-file", &scene.file(ledger), file])
}

/// A node that has the kept file and nothing else judges an image.
fn node(scene: &Scene, tag_name: &str, content: &str, file: &str) -> Ended {
    let pem = std::fs::read_to_string(scene.file("log.pub.pem")).unwrap();
    let der = PublicKey::from_pem(&pem).unwrap().der().to_vec();
    std::fs::write(scene.file("log.vkey"), vkey("127.0.0.1", 1, &der[der.len() - 32..])).unwrap();
    let (key, log_key) = (scene.file("key.pub.pem"), scene.file("log.vkey"));
    let config = format!("bundles = '{file}'\nkey = '{key}'\nlog_key = '{log_key}'\nunseen = 'allow'\n");
    std::fs::write(scene.file("node.toml"), config).unwrap();
    let digest = Digest::sha256(content.as_bytes());
    let mut command = cli();
    command.args(["-name", &name(tag_name), "-digest", digest.as_str()]);
    command.env("TLOGISTRY_IMAGE_VERIFIER_CONFIG", scene.file("node.toml"));
    Process::start(&mut command).finish()
}

/// A kept file with the sightings v1, v2 and v3. The instance and the log are gone.
async fn kept_of_three() -> (Scene, String) {
    let scene = Scene::set().await;
    for tag_name in ["v1", "v2", "v3"] {
        seen(&scene, tag_name).await;
    }
    let file = scene.file("kept.jsonl");
    let ended = scene.audit(&["--keep", &file]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    scene.alter(|path, _| panic!("the log is asked for {path}"));
    (scene, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_sightings_are_verified_and_imported_without_the_instance() {
    let scene = Scene::set().await;
    for name in ["v1", "v2"] {
        seen(&scene, name).await;
    }
    let pending = scene.sign("v3", "3").await;
    scene.upload(&pending).await;
    scene.list.add_pending(&pending);
    let file = scene.file("kept.jsonl");
    let ended = scene.audit(&["--keep", &file]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(&format!("{file}: 3 sightings kept\n")), "{}", ended.stdout);

    // A kept sighting is not fetched again.
    seen(&scene, "v4").await;
    scene.list.asked();
    let ended = scene.audit(&["--keep", &file]);
    assert!(ended.stdout.contains(&format!("{file}: 4 sightings kept\n")), "{ended:?}");
    let fetched: Vec<String> = scene.list.asked().into_iter().filter(|asked| asked.starts_with('/')).collect();
    assert_eq!(fetched, [format!("/sightings/{}", tag("v4"))]);

    let ended = verify(&scene, "v1", &file);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("{} holds\n\n  digest    ", name("v1"))), "{}", ended.stdout);
    let ended = verify(&scene, "v3", &file);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.contains("is pending: nothing shows that the log has it"), "{}", ended.stdout);
    assert!(verify(&scene, "v9", &file).stdout.contains("has no such tag"));
    let changed = scene.file("changed.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    let digest = Digest::sha256(b"v1");
    std::fs::write(&changed, text.replace(digest.as_str(), Digest::sha256(b"x").as_str())).unwrap();
    let ended = verify(&scene, "v1", &changed);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.contains("does not verify: its signature does not verify"), "{}", ended.stdout);

    let ledger = scene.file("ledger.redb");
    let ended = command(&scene, &["ledger", "import", "--ledger-file", &ledger, &file]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let said = "5 items: 4 tags' rows (4 new, 0 completed, 0 there before), 0 of the index, 0 refused, 0 unreadable";
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
    // And the file explains the log as the instance did.
    let ended = scene.run(&["--ledger-file", &ledger]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_file_is_enough_for_verify_resolve_a_node_and_a_new_ledger() {
    let (scene, file) = kept_of_three().await;
    for tag_name in ["v1", "v2", "v3"] {
        assert_eq!(verify(&scene, tag_name, &file).code, Some(0));
        let ended = command(&scene, &["resolve", &name(tag_name), "--kept", &file, "--pinned"]);
        let digest = Digest::sha256(tag_name.as_bytes());
        assert_eq!((ended.code, ended.stdout), (Some(0), format!("{}@{digest}\n", tag(tag_name).repository())));
        let allowed = node(&scene, tag_name, tag_name, &file);
        assert!(allowed.code == Some(0) && allowed.stdout.contains(" is what it was recorded as"), "{allowed:?}");
        let moved = node(&scene, tag_name, "moved", &file);
        assert!(moved.code == Some(1) && moved.stdout.contains(" has moved and is refused"), "{moved:?}");
    }
    let said = "4 items: 3 tags' rows (3 new, 0 completed, 0 there before), 0 of the index, 0 refused, 0 unreadable\n";
    let ended = import(&scene, "new.redb", &file);
    assert_eq!((ended.code, &*ended.stdout), (Some(0), said), "{ended:?}");
    let table = Table::start().await;
    let mut into_table = with_keys(&scene, &["ledger", "import", "--ledger-table", &table.name, &file]);
    let ended = Process::start(into_table.envs(table.environment())).finish();
    assert_eq!((ended.code, &*ended.stdout), (Some(0), said), "{ended:?}");
    assert!(table.row(&tag("v2")).await.is_some());
    // Each serves the rows as the ledger that is gone did.
    scene.alter(|_, response| response);
    assert_eq!(scene.run(&["--ledger-file", &scene.file("new.redb")]).code, Some(0));
    let mut of_table = with_keys(&scene, &["audit", "--complete", "--ledger-table", &table.name]);
    let ended = Process::start(of_table.envs(table.environment())).finish();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_in_a_kept_file_is_found_where_it_matters() {
    let (scene, file) = kept_of_three().await;
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let of = |tag_name: &str| *lines.iter().find(|line| line.contains(&name(tag_name))).unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(scene.file(name), text).unwrap();
        scene.file(name)
    };
    let not_whole = "and is not whole: lines of it are missing or are not what was written";
    let damaged = "The row '@instance' says that the import is under way";

    // One byte of v2's signed statement: of its signature, which is base64.
    let at = text.find(of("v2")).unwrap() + of("v2").find("\"signature\":{\"S\":\"").unwrap() + 40;
    let mut bytes = text.clone().into_bytes();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    let altered = write("altered", &String::from_utf8(bytes).unwrap());
    let ended = verify(&scene, "v2", &altered);
    assert!(ended.code == Some(2) && ended.stdout.contains("does not verify: "), "{ended:?}");
    assert_eq!(node(&scene, "v2", "v2", &altered).code, Some(2));
    assert_eq!(verify(&scene, "v1", &altered).code, Some(0), "a row holds by itself");
    let ended = import(&scene, "altered.redb", &altered);
    assert!(ended.code == Some(1) && ended.stdout.contains(&format!("{}: refused: ", name("v2"))), "{ended:?}");
    assert!(ended.stdout.contains(damaged), "{}", ended.stdout);

    let removed = write("removed", &text.replace(&format!("{}\n", of("v2")), ""));
    let cut = write("cut", &text[..text.find(of("v2")).unwrap() + of("v2").len() / 2]);
    let headless = write("headless", &text.replace(lines[lines.len() - 1], ""));
    let garbage = write("garbage", &text.replace(of("v2"), "{\"Item\":"));
    for file in [&removed, &cut, &headless, &garbage] {
        // That a tag is not there is no word of a damaged file, even where unseen tags are allowed.
        let missing = if *file == headless { "v9" } else { "v2" };
        let ended = verify(&scene, missing, file);
        assert!(ended.code == Some(2) && ended.stdout.contains(not_whole), "{file}: {ended:?}");
        let ended = node(&scene, missing, "v2", file);
        assert!(ended.code == Some(2) && ended.stdout.contains(not_whole), "{file}: {ended:?}");
        assert_eq!(verify(&scene, "v1", file).code, Some(0), "{file}");
        let ended = import(&scene, &format!("{}.redb", file.rsplit('/').next().unwrap()), file);
        assert!(ended.code == Some(2) && ended.stdout.contains(damaged), "{file}: {ended:?}");
    }
    let ended = node(&scene, "v9", "v9", &file);
    assert!(ended.code == Some(0) && ended.stdout.contains("was never seen"), "a whole file: {ended:?}");

    let twice = write("twice", &format!("{}\n{text}", of("v1")));
    assert_eq!(verify(&scene, "v1", &twice).code, Some(0), "it says the same");
    let ended = import(&scene, "twice.redb", &twice);
    assert!(ended.code == Some(2) && ended.stdout.contains("does not say that it is whole"), "{ended:?}");

    // Another key's, and another log's.
    let own = std::fs::read(scene.file("key.pub.pem")).unwrap();
    let other = LocalKey::generate().unwrap();
    std::fs::write(scene.file("key.pub.pem"), other.public_key().pem()).unwrap();
    let ended = verify(&scene, "v1", &file);
    assert!(ended.code == Some(2) && ended.stdout.contains("its key is not a trusted one"), "{ended:?}");
    assert_eq!(node(&scene, "v1", "v1", &file).code, Some(2));
    let ended = import(&scene, "key.redb", &file);
    assert!(ended.code == Some(2) && ended.stdout.contains("which --key does not give"), "{ended:?}");
    std::fs::write(scene.file("key.pub.pem"), own).unwrap();
    let log = Scene::set().await;
    std::fs::copy(log.file("log.pub.pem"), scene.file("log.pub.pem")).unwrap();
    let ended = verify(&scene, "v1", &file);
    assert!(ended.code == Some(2) && ended.stdout.contains("does not verify: "), "{ended:?}");
    assert_eq!(node(&scene, "v1", "v1", &file).code, Some(2));
    let ended = import(&scene, "log.redb", &file);
    assert!(ended.code == Some(2) && ended.stdout.contains("which --rekor-key does not give"), "{ended:?}");
}

/// Two rows of one tag that both verify: the key signed two digests, and the log has both.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_file_with_two_digests_of_one_tag_is_no_evidence_of_either() {
    let scene = Scene::set().await;
    seen(&scene, "v1").await;
    let (first, second) = (scene.file("first"), scene.file("second"));
    assert_eq!(scene.audit(&["--keep", &first]).code, Some(0));
    scene.list.forget(&name("v1"));
    let signed = scene.sign("v1", "other").await;
    scene.list.add(&signed, &scene.log_id(), scene.upload(&signed).await);
    serve_bundle(&scene, &signed).await;
    assert_eq!(scene.audit(&["--keep", &second]).code, Some(1), "the first is not listed any more");
    let both = [&first, &second].map(|file| std::fs::read_to_string(file).unwrap()).concat();
    let file = scene.file("both");
    std::fs::write(&file, both).unwrap();
    let ended = verify(&scene, "v1", &file);
    assert!(ended.code == Some(2) && ended.stdout.contains(&format!("two rows of {} verify, with ", name("v1"))));
    for content in ["v1", "other"] {
        assert_eq!(node(&scene, "v1", content, &file).code, Some(2));
    }
    let ended = import(&scene, "both.redb", &file);
    assert!(ended.code == Some(1) && ended.stdout.contains(&format!("{}: refused: ", name("v1"))), "{ended:?}");
}

/// A line of a gigabyte in front of the rows: it is passed over in bounded memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_huge_kept_file_is_read_in_bounded_memory() {
    let (scene, file) = kept_of_three().await;
    let huge = scene.file("huge");
    let mut written = std::fs::File::create(&huge).unwrap();
    written.set_len(1 << 30).unwrap();
    std::io::Seek::seek(&mut written, std::io::SeekFrom::End(0)).unwrap();
    written.write_all(b"\n").unwrap();
    written.write_all(&std::fs::read(&file).unwrap()).unwrap();
    drop(written);
    let within = |command: Command| {
        let mut limited = Command::new("sh");
        // KiB of address space, less than the file has.
        limited.args(["-c", "ulimit -v 900000 && exec \"$0\" \"$@\""]);
        limited.arg(command.get_program()).args(command.get_args()).env_clear();
        limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Process::start(&mut limited).finish()
    };
    let ended = within(with_keys(&scene, &["verify", &name("v1"), "--kept", &huge, "--no-registry"]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ended = within(with_keys(&scene, &["ledger", "import", "--ledger-file", &scene.file("huge.redb"), &huge]));
    assert!(ended.code == Some(2) && ended.stdout.contains("line 1: unreadable: it is no item"), "{ended:?}");
}
