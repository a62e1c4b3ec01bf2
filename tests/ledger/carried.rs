//! `ledger export` and `ledger import`: rows go between tables and files as they are, and none is taken that does not
//! verify.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use testing::process::{Ended, Process, cli, into_closed_pipe};
use testing::table::Table;
use testing::tags::tag;
use tlogistry::config::LogConfig;
use tlogistry::image::Digest;
use tlogistry::ledger::{FileLedger, Lease, Ledger, LedgerError, Row, RowState, UsedKeys};
use tlogistry::sighting::Signer;

use crate::scene::{Scene, pull};
use crate::version::soon;

/// The source or target of rows.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    Table(&'a Table),
    File(&'a Path),
}

impl Place<'_> {
    fn name(self, command: &mut Command) {
        match self {
            Self::Table(table) => {
                command.args(["--ledger-table", &table.name]).envs(table.environment());
            }
            Self::File(path) => drop(command.arg("--ledger-file").arg(path)),
        }
    }

    /// Opens it, for as long as no command needs it.
    pub fn ledger(self) -> Ledger {
        match self {
            Self::Table(table) => table.ledger(),
            Self::File(path) => Ledger::File(FileLedger::open(path).unwrap()),
        }
    }
}

pub fn export(from: Place<'_>) -> String {
    let mut command = cli();
    command.args(["ledger", "export"]);
    from.name(&mut command);
    let ended = Process::start(&mut command).finish();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let items = ended.stdout.lines().count() - 1;
    assert_eq!(ended.stderr, format!("tlogistry-cli: {items} items exported\n"));
    ended.stdout
}

/// Returns whether no instance may claim the ledger or serve a tag with it.
pub async fn is_half_imported(ledger: &Ledger) -> bool {
    let used = ledger.used_keys(soon()).await;
    assert!(!matches!(used, Err(ref error) if !matches!(error, LedgerError::Importing)), "{used:?}");
    used.is_err()
}

/// The lines of an export in one order, without what the operator was told and what is in the index.
fn sorted(export: &str) -> Vec<String> {
    let without_marks = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if let Some(item) = line["Item"].as_object_mut() {
            item.remove("last_move");
            item.remove("indexed");
        }
        line.to_string()
    };
    let mut lines: Vec<String> = export.lines().map(without_marks).collect();
    lines.sort();
    lines
}

impl Scene {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Imports with the public half of the key of this name.
    fn import_by(&self, key: &str, export: &str, to: Place<'_>, more: &[&str]) -> Ended {
        let (stream, public, log) = (self.path("export"), self.path("public.pem"), self.path("log.pem"));
        std::fs::write(&stream, export).unwrap();
        std::fs::write(&public, self.key_named(key).public_key().pem()).unwrap();
        std::fs::write(&log, self.log_config.keys.iter().next().unwrap().public_key().pem()).unwrap();
        let mut command = cli();
        command
            .args(["ledger", "import"])
            .arg(&stream)
            .arg("--key")
            .arg(&public)
            .arg("--rekor-key")
            .arg(&log)
            .args(more);
        to.name(&mut command);
        Process::start(&mut command).finish()
    }

    pub fn import(&self, export: &str, to: Place<'_>) -> Ended {
        self.import_by("key", export, to, &[])
    }

    /// A ledger with two recorded tags, of which one has moved, and a pending one.
    async fn filled(&self) -> (Digest, Digest) {
        let moved = self.tags.push("moved", "a");
        let kept = self.tags.push("kept", "b");
        for name in ["moved", "kept"] {
            assert!(self.pull(name).await.first_seen);
        }
        self.tags.push("moved", "c");
        let instance = self.instance();
        assert_eq!(pull(&instance, "moved").await.status, 403);
        instance.finish().await;
        let statement = Signer::Local(self.key()).sign(&tag("pending"), &Digest::sha256(b"p"), soon()).await.unwrap();
        assert!(self.ledger().insert(&Row::pending(&statement, Lease(7)), soon()).await.unwrap());
        (moved, kept)
    }

    /// The status of a pull by a new instance with another ledger, which cannot ask the log.
    async fn pull_from(&self, ledger: Ledger, name: &str) -> u16 {
        // Nobody listens on this port any more.
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut version = self.version("key", &[]);
        version.log = LogConfig::v1(format!("http://{closed}").parse().unwrap(), self.log_config.keys.clone());
        version.ledger = ledger;
        pull(&version.start(), name).await.status
    }
}

/// The log is in this process, and answers the audit.
#[tokio::test(flavor = "multi_thread")]
async fn rows_go_from_a_table_to_a_file_and_on_to_a_table_as_they_are() {
    let scene = Scene::set().await;
    scene.filled().await;
    let (file, other) = (scene.path("other.redb"), Table::start().await);
    let first = export(Place::Table(&scene.table));
    let index = first.lines().filter(|line| line.contains("\"mediaType\"") && !line.contains("\"state\"")).count();
    let items = first.lines().count() - 1;
    assert_eq!(first.lines().last(), Some(format!("{{\"End\":{{\"items\":{items}}}}}").as_str()));
    assert!(first.contains("\"tag\":{\"S\":\"@instance\"}") && first.contains("last_move") && index > 0, "{first}");

    let mut from = first.clone();
    for to in [Place::File(&file), Place::Table(&other)] {
        for (new, known) in [(3, 0), (0, 3)] {
            let ended = scene.import(&from, to);
            let counts = format!(
                "{items} items: 3 tags' rows ({new} new, 0 completed, {known} there before), {index} of the index, 0 \
                 refused, 0 unreadable\n"
            );
            assert_eq!((ended.code, ended.stdout, ended.stderr), (Some(0), counts, String::new()));
        }
        from = export(to);
        assert_eq!(sorted(&from), sorted(&first));
        assert!(!from.contains("last_move"), "the operator would be told again");
        assert!(first.contains("\"indexed\"") && !from.contains("\"indexed\""), "the index may lack the tag");
        let ledger = to.ledger();
        assert!(ledger.moves(&tag("moved"), soon()).await.unwrap().is_some());
        assert_eq!(ledger.used_keys(soon()).await.unwrap(), scene.ledger().used_keys(soon()).await.unwrap());
    }
    for (name, status) in [("kept", 200), ("moved", 403), ("new", 503)] {
        scene.tags.push("new", "d");
        assert_eq!(scene.pull_from(other.ledger(), name).await, status, "{name}");
    }
    // An audit reads a file as it reads a table.
    let mut audit = cli();
    audit.args(["audit", "--rekor", scene.log_config.url.as_str(), "--key"]).arg(scene.path("public.pem"));
    audit.arg("--rekor-key").arg(scene.path("log.pem")).arg("--ledger-file").arg(&file);
    let ended = Process::start(&mut audit).finish();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.ends_with("3 tags checked: all hold (1 pending)\n"), "{}", ended.stdout);

    // The pending one is finished with the digest that it holds.
    scene.tags.push("pending", "another");
    let mut version = scene.version("key", &[]);
    version.ledger = other.ledger();
    assert_eq!(pull(&version.start(), "pending").await.status, 403);
    let row = other.ledger().get(&tag("pending"), soon()).await.unwrap().unwrap();
    assert!(matches!(row.state, RowState::Recorded { .. }) && row.digest == Digest::sha256(b"p").to_string());
}

#[tokio::test]
async fn a_second_digest_is_refused_and_the_others_go_on() {
    let scene = Scene::set().await;
    let (moved, _) = scene.filled().await;
    let held = Digest::sha256(b"held");
    let signer = Signer::Local(scene.key());
    let row = Row::pending(&signer.sign(&tag("moved"), &held, soon()).await.unwrap(), Lease(7));
    let first = export(Place::Table(&scene.table));
    let (file, table) = (scene.path("other.redb"), Table::start().await);
    drop(scene.file("other.redb"));
    for to in [Place::File(&file), Place::Table(&table)] {
        assert!(to.ledger().insert(&row, soon()).await.unwrap());
        let ended = scene.import(&first, to);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let told = format!("registry.test/app:moved: refused: the ledger has {held} for it: a tag has one digest\n");
        assert!(ended.stdout.contains(&told) && ended.stdout.contains("(2 new, 0 completed"), "{}", ended.stdout);
        let ledger = to.ledger();
        assert_eq!(ledger.get(&tag("moved"), soon()).await.unwrap(), Some(row.clone()));
        assert!(ledger.get(&tag("kept"), soon()).await.unwrap().is_some());
        assert!(ended.stdout.contains("The row '@instance' says that the import is under way"), "{}", ended.stdout);
        assert!(is_half_imported(&ledger).await);
    }
    // Two rows of one tag in one stream, which are written at once: whichever comes second is refused.
    let mine = first.lines().find(|line| line.contains("\"S\":\"registry.test/app:moved\"")).unwrap();
    let theirs = json!({"Item": {
        "tag": {"S": row.tag}, "digest": {"S": row.digest}, "key": {"S": row.key}, "signature": {"S": row.signature},
        "state": {"S": "pending"}, "lease": {"N": "7"},
    }});
    let both = scene.path("both.redb");
    let ended = scene.import(&format!("{mine}\n{theirs}\n{{\"End\":{{\"items\":2}}}}\n"), Place::File(&both));
    let told = |digest| ended.stdout.contains(&format!("the ledger has {digest} for it"));
    assert!(ended.code == Some(1) && told(&moved) != told(&held), "{ended:?}");
    assert!(ended.stdout.contains("(1 new,") && ended.stdout.contains(" 1 refused"), "{ended:?}");
}

/// The line of an item after `change`.
fn changed(line: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut line: Value = serde_json::from_str(line).unwrap();
    change(&mut line["Item"]);
    line.to_string()
}

#[tokio::test]
async fn nothing_is_taken_that_does_not_verify_and_until_all_is_nothing_is_served() {
    let scene = Scene::set().await;
    scene.filled().await;
    let first = export(Place::Table(&scene.table));
    let of = |key: &str| first.lines().find(|line| line.contains(&format!("\"tag\":{{\"S\":\"{key}\"}}"))).unwrap();
    let (kept, moved) = (of("registry.test/app:kept"), of("registry.test/app:moved"));
    let entry_of_moved = serde_json::from_str::<Value>(moved).unwrap()["Item"]["entry"].take();
    let index = first.lines().find(|line| line.contains("\"mediaType\"") && !line.contains("\"state\"")).unwrap();
    let set = |name: &'static str, value: Value| move |item: &mut Value| item[name] = value;
    for (refused, reason) in [
        (changed(kept, set("tag", json!({"S": "registry.test/app:other"}))), "its signature does not verify"),
        (changed(kept, set("digest", json!({"S": Digest::sha256(b"x").to_string()}))), "its signature does not verify"),
        (changed(kept, set("signature", json!({"S": "AAAA"}))), "its signature does not verify"),
        (
            changed(kept, set("key", json!({"S": scene.key_named("b").public_key().pem()}))),
            "its key is not a trusted one",
        ),
        (changed(kept, set("entry", json!({"S": "{}"}))), "its log entry does not verify"),
        (changed(kept, set("entry", entry_of_moved)), "its log entry is of another statement"),
        (changed(kept, set("state", json!({"S": "other"}))), "it has no usable attribute 'state'"),
        (changed(kept, set("moves", json!({"S": "x"}))), "it has no usable attribute 'moves'"),
        (changed(kept, set("new", json!({"S": "x"}))), "it has the attribute 'new', which this version does not know"),
        (changed(kept, set("tag", json!({"S": "app:kept"}))), "its key is not the canonical name of a tag"),
        (changed(kept, set("tag", json!({"N": "1"}))), "it has no usable attribute 'tag'"),
        (changed(index, set("tags", json!({"SS": ["registry.test/another:kept"]}))), "no usable attribute 'tags'"),
        (changed(index, set("size", json!({"N": "-1"}))), "it has no usable attribute 'size'"),
        (changed(index, set("tag", json!({"S": "@later"}))), "its key is not the canonical name of a tag"),
    ] {
        let stream = format!("{}\n{}\n{refused}\n{{\"End\":{{\"items\":3}}}}\n", of("@instance"), moved);
        let (file, name) = (scene.path("target.redb"), refused.chars().take(60).collect::<String>());
        let ended = scene.import(&stream, Place::File(&file));
        assert_eq!(ended.code, Some(1), "{name}: {ended:?}");
        assert!(
            ended.stdout.contains(&format!(": refused: {reason}")) || ended.stdout.contains(reason),
            "{}",
            ended.stdout
        );
        assert!(ended.stdout.contains("(1 new, 0 completed"), "{}", ended.stdout);
        let ledger = Place::File(&file).ledger();
        assert_eq!(ledger.get(&tag("kept"), soon()).await.unwrap(), None, "{name}");
        assert!(is_half_imported(&ledger).await, "{name}");
        assert_eq!(scene.pull_from(ledger, "moved").await, 503, "{name}");
        std::fs::remove_file(file).unwrap();
    }
}

#[tokio::test]
async fn an_export_that_is_not_whole_or_lacks_a_key_leaves_an_empty_ledger_to_nobody() {
    let scene = Scene::set().await;
    scene.filled().await;
    let first = export(Place::Table(&scene.table));
    let items = first.lines().count() - 1;
    let without_end: String = first.lines().take(items).map(|line| format!("{line}\n")).collect();
    let cut = &first[..first.find("registry.test/app:kept").unwrap()];
    let without_instance: String =
        first.lines().filter(|line| !line.contains("\"@instance\"")).map(|line| format!("{line}\n")).collect();
    let without_instance = without_instance.replace(&format!("\"items\":{items}"), &format!("\"items\":{}", items - 1));
    let file = scene.path("target.redb");
    let is_half = async || is_half_imported(&Place::File(&file).ledger()).await;
    let whole = "does not say that it is whole";
    for (stream, more, reason) in [
        (without_end.as_str(), &[][..], whole),
        (cut, &[], "The export has lines that could not be read"),
        ("", &[], "The export has no items"),
        ("{\"End\":{\"items\":0}}\n", &[], "The export has no items"),
        (&first.replace(&format!("\"items\":{items}"), "\"items\":1"), &[], whole),
        (&format!("{first}{{\"Later\":{{}}}}\n"), &[], "The export has lines that could not be read"),
        (&without_end, &["--items", "3"], "and not the 3 of --items"),
        (&without_instance, &[], "The export has no row '@instance', and the ledger has none either"),
    ] {
        let ended = scene.import_by("key", stream, Place::File(&file), more);
        assert!(ended.code == Some(2) && ended.stdout.contains(reason), "{reason}: {ended:?}");
        assert!(is_half().await, "{reason}");
    }

    let ended = scene.import_by("b", &first, Place::File(&file), &[]);
    let own = scene.fingerprint("key");
    let told = format!("the instance used the signing key {own}, which --key does not give\n");
    assert!(ended.code == Some(2) && ended.stdout.ends_with(&told), "{ended:?}");
    assert!(is_half().await);

    // As AWS exports a table; and two exports in a row.
    let number = items.to_string();
    assert_eq!(scene.import_by("key", &without_end, Place::File(&file), &["--items", &number]).code, Some(0));
    assert_eq!(scene.import(&format!("{first}{first}"), Place::File(&file)).code, Some(0));
    assert_eq!(Place::File(&file).ledger().used_keys(soon()).await.unwrap(), scene.used_keys().await);
}

/// The index may have been left behind.
#[tokio::test]
async fn a_pull_brings_a_row_that_came_without_the_index_into_it() {
    let scene = Scene::set().await;
    let digest = scene.tags.push("v1", "a");
    assert!(scene.pull("v1").await.first_seen);
    let whole = export(Place::Table(&scene.table));
    let lines: Vec<&str> =
        whole.lines().filter(|line| !line.contains("app@sha256:") && line.contains("Item")).collect();
    assert_eq!(lines.len(), 2, "a row and the instance's");
    let without_index = format!("{}\n{{\"End\":{{\"items\":2}}}}\n", lines.join("\n"));
    let (file, table) = (scene.path("target.redb"), Table::start().await);
    for to in [Place::File(&file), Place::Table(&table)] {
        assert_eq!(scene.import(&without_index, to).code, Some(0));
        let indexed = async || to.ledger().tags_of(tag("v1").repository(), &digest, soon()).await.unwrap();
        assert_eq!(indexed().await, None);
        let mut version = scene.version("key", &[]);
        version.ledger = to.ledger();
        let instance = version.start();
        assert_eq!(pull(&instance, "v1").await.status, 200);
        instance.finish().await;
        drop(instance);
        assert!(indexed().await.is_some_and(|row| row.includes(&tag("v1"))));

        // The row is the same fact with the mark, which stays.
        for export_again in [&without_index, &whole] {
            let ended = scene.import(export_again, to);
            assert!(
                ended.code == Some(0) && ended.stdout.contains("(0 new, 0 completed, 1 there before)"),
                "{ended:?}"
            );
        }
        let row = to.ledger().get(&tag("v1"), soon()).await.unwrap().unwrap();
        assert!(matches!(row.state, RowState::Recorded { indexed: true, .. }), "{row:?}");
    }
}

#[tokio::test]
async fn a_pending_row_is_completed_by_an_entry_of_its_statement() {
    let scene = Scene::set().await;
    let (_, kept) = scene.filled().await;
    let first = export(Place::Table(&scene.table));
    let recorded = scene.ledger().get(&tag("kept"), soon()).await.unwrap().unwrap();
    let own = recorded.statement(&tag("kept"), &[scene.key().public_key().clone()]).unwrap();
    // The same statement, signed anew.
    let anew = Signer::Local(scene.key()).sign(&tag("kept"), &kept, soon()).await.unwrap();
    for (name, statement) in [("own.redb", own), ("anew.redb", anew)] {
        let file = scene.path(name);
        assert!(scene.file(name).insert(&Row::pending(&statement, Lease(7)), soon()).await.unwrap());
        let ended = scene.import(&first, Place::File(&file));
        let counts = "(2 new, 1 completed, 0 there before)";
        assert!(ended.code == Some(0) && ended.stdout.contains(counts), "{ended:?}");
        assert_eq!(scene.pull_from(Place::File(&file).ledger(), "kept").await, 200, "{name}");
    }
}

/// A row is put back into a ledger that is in use.
#[tokio::test]
async fn a_claimed_ledger_names_a_rows_keys_before_it_has_the_row() {
    let scene = Scene::set().await;
    scene.tags.push("v1", "a");
    scene.tags.push("v2", "b");
    assert!(pull(&scene.version("b", &[]).start(), "v1").await.first_seen);
    let first = export(Place::Table(&scene.table));
    let row =
        first.lines().find(|line| line.contains("\"S\":\"registry.test/app:v1\"") && line.contains("state")).unwrap();
    let target = Table::start().await;
    let mut version = scene.version("c", &[]);
    version.ledger = target.ledger();
    assert!(pull(&version.start(), "v2").await.first_seen);
    let ended = scene.import_by("b", &format!("{row}\n"), Place::Table(&target), &["--items", "1"]);
    assert!(ended.code == Some(0) && ended.stdout.contains("(1 new"), "{ended:?}");
    let used = target.ledger().used_keys(soon()).await.unwrap().unwrap();
    assert_eq!(used.signing, BTreeSet::from([scene.fingerprint("b"), scene.fingerprint("c")]));

    // A row that was changed meanwhile is told of, and never overwritten.
    let mut item = target.row(&tag("v1")).await.unwrap();
    item.insert("signature".to_owned(), AttributeValue::S("AAAA".to_owned()));
    target.client.put_item().table_name(&target.name).set_item(Some(item)).send().await.unwrap();
    let ended = scene.import_by("b", &format!("{row}\n"), Place::Table(&target), &["--items", "1"]);
    let told = "refused: the ledger has a row of it that does not verify: its signature does not verify\n";
    assert!(ended.code == Some(1) && ended.stdout.contains(told), "{ended:?}");
}

/// More than a page of a table or a file.
#[tokio::test]
async fn many_rows_are_carried_once_each() {
    let scene = Scene::set().await;
    let (signer, digest, ledger) = (Signer::Local(scene.key()), Digest::sha256(b"a"), scene.file("first.redb"));
    let own = UsedKeys { signing: [scene.fingerprint("key")].into(), log: [].into() };
    assert!(ledger.claim(&own, soon()).await.unwrap());
    for number in 0..230 {
        let statement = signer.sign(&tag(&format!("v{number}")), &digest, soon()).await.unwrap();
        assert!(ledger.insert(&Row::pending(&statement, Lease(7)), soon()).await.unwrap());
    }
    drop(ledger);
    let (first, table) = (scene.path("first.redb"), Table::start().await);
    let exported = export(Place::File(&first));
    let keys: BTreeSet<&str> = exported.lines().collect();
    assert_eq!((keys.len(), exported.lines().last()), (232, Some(r#"{"End":{"items":231}}"#)));
    let ended = scene.import(&exported, Place::Table(&table));
    assert!(ended.stdout.starts_with("231 items: 230 tags' rows (230 new,"), "{ended:?}");
    assert_eq!(sorted(&export(Place::Table(&table))), sorted(&exported));
}

#[tokio::test]
async fn what_cannot_be_opened_or_written_is_told() {
    let scene = Scene::set().await;
    let (file, missing) = (scene.path("target.redb"), scene.path("missing.redb"));
    let open = scene.file("target.redb");
    for (path, reason) in [(&file, "another process has this ledger open"), (&missing, "No such file or directory")] {
        let ended = Process::start(cli().args(["ledger", "export", "--ledger-file"]).arg(path)).finish();
        assert!(ended.code == Some(2) && ended.stderr.contains(reason) && ended.stdout.is_empty(), "{ended:?}");
    }
    assert_eq!(scene.import("", Place::File(&file)).code, Some(2));
    drop(open);
    assert!(!missing.exists());
    let absent = scene.path("absent");
    for (export, reason) in [(&absent, "absent: No such file or directory"), (&scene.path(""), "Is a directory")] {
        let mut import = cli();
        import.args(["ledger", "import", "--ledger-file"]).arg(&missing).arg("--key").arg(scene.path("public.pem"));
        let ended = Process::start(import.arg(export)).finish();
        assert!(ended.code == Some(2) && ended.stderr.contains(reason) && ended.stdout.is_empty(), "{ended:?}");
        assert!(!missing.exists(), "an import of nothing made the ledger file");
    }
    // Standard input, which is closed.
    scene.import("", Place::File(&file));
    let mut import = cli();
    import.args(["ledger", "import", "--ledger-file"]).arg(&file).arg("--key").arg(scene.path("public.pem"));
    let ended = Process::start(&mut import).finish();
    assert!(ended.code == Some(2) && ended.stdout.contains("The export has no items"), "{ended:?}");
    let (code, told) = into_closed_pipe(cli().args(["ledger", "export", "--ledger-file"]).arg(&file));
    assert!(code == Some(2) && told.contains("standard output: Broken pipe"), "{code:?}: {told}");
    for arguments in [&["ledger", "export"][..], &["ledger", "export", "--ledger-file", "a", "--ledger-table", "b"]] {
        assert_eq!(Process::start(cli().args(arguments)).finish().code, Some(2));
    }
}
