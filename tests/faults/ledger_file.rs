//! `serve` with its ledger in a file, killed with SIGKILL at each change that it makes on the disk: the next process
//! on the same folder records no second digest, though the tag moves with each request and no search finds an entry.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use testing::log;
use testing::process::{PATIENCE, Process, cli};
use testing::registry;
use tlogistry::config::LogConfig;
use tlogistry::devlog::{Devlog, Indexing, Options};
use tlogistry::image::{Digest, Tag};
use tlogistry::sighting::statement;
use tlogistry::tlog::LogEntry;
use tlogistry::tlog::body::EntryBody;

/// Folders that are served at the same time.
const LANES: usize = 4;
/// No process makes more changes than this before it has answered for a tag. It makes some sixty.
const CHANGES: usize = 400;

struct Scene {
    /// Answers another digest at each request for a tag.
    registry: String,
    /// The tags and digests that were served, by the hash of their statement.
    served: Arc<Mutex<HashMap<String, (Tag, Digest)>>>,
    log: Devlog,
    log_config: LogConfig,
    /// Kills a process into which it is loaded.
    killer: PathBuf,
}

/// The answer to a pull; `None` if the process has ended.
type Answer = Option<(u16, Digest)>;

impl Scene {
    async fn set() -> Arc<Self> {
        let served: Arc<Mutex<HashMap<String, (Tag, Digest)>>> = Arc::default();
        let serving = served.clone();
        let registry = registry::start(move |name| {
            // Once a tag has moved, what it was is asked for, and gone.
            if name.starts_with("sha256:") {
                return None;
            }
            let mut served = serving.lock().unwrap();
            let image = registry::image(&format!("{name} {}", served.len()));
            let tag: Tag = format!("registry.test/app:{name}").parse().unwrap();
            let digest = Digest::sha256(&image);
            let hash = Digest::sha256(&statement(&tag, &digest));
            served.insert(hash.hex().to_owned(), (tag, digest));
            Some(image)
        });
        let (log, log_config) = log::start().await;
        log.set_indexing(Indexing::Never);
        Arc::new(Self { registry: registry.await, served, log, log_config, killer: killer() })
    }

    fn serve(&self, state: &Path, kill_at: Option<usize>) -> Command {
        let mut command = cli();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-listen", "127.0.0.1:0", "--state"]).arg(state);
        command.env("INSECURE_REGISTRIES", format!("registry.test={}", self.registry));
        command.env("REKOR_URL", self.log_config.url.as_str()).env("REKOR_PUBLIC_KEYS", self.log.public_key_pem());
        // Leases follow from it, and the next process waits for their end.
        command.env("REQUEST_TIMEOUT_MS", "1000").env("RUST_LOG", "off");
        if let Some(at) = kill_at {
            command.env("LD_PRELOAD", &self.killer).env("KILL_AT_WRITE", at.to_string());
        }
        command
    }

    /// Pulls once. An answer may say that the service is busy: then it is asked again.
    async fn pull(&self, process: &mut Process, tag: &str) -> Answer {
        let listening = |line: &str| line.strip_prefix("registry listening on http://").map(str::to_owned);
        // It ends the wait when its output is closed.
        let address = process.line_within(PATIENCE, listening)?;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        loop {
            let request = client.get(format!("http://{address}/v2/registry.test/app/manifests/{tag}")).send();
            let Ok(response) = request.await else { return None };
            let status = response.status().as_u16();
            let Ok(body) = response.bytes().await else { return None };
            match status {
                200 | 403 => return Some((status, Digest::sha256(&body))),
                503 | 504 => tokio::time::sleep(Duration::from_millis(100)).await,
                other => panic!("{other}: {body:?}"),
            }
        }
    }

    /// The digests that the log holds for each tag, from all its entries.
    async fn recorded(&self) -> HashMap<Tag, BTreeSet<Digest>> {
        let served = self.served.lock().unwrap().clone();
        let mut recorded: HashMap<Tag, BTreeSet<Digest>> = HashMap::new();
        for index in u64::from(Options::default().first_index).. {
            let request = Request::get(format!("/api/v1/log/entries?logIndex={index}")).body(Bytes::new()).unwrap();
            let answer = self.log.handle(request).await;
            if answer.status() != 200 {
                break;
            }
            let entry = LogEntry::parse(answer.body()).unwrap();
            let EntryBody::Envelope(envelope) = entry.body() else { panic!("not an intoto entry") };
            let (tag, digest) = served[&hex::encode(envelope.payload_hash.unwrap())].clone();
            recorded.entry(tag).or_default().insert(digest);
        }
        recorded
    }
}

/// Compiles it. Cargo needs a C compiler too, to link.
fn killer() -> PathBuf {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/kill_at_write.c");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kill_at_write-{}.so", std::process::id()));
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status().unwrap();
    assert!(compiled.success(), "{compiled}");
    library
}

/// Kills a new instance at its change number `at`, starts it again, and pulls until the tag is settled. Returns
/// whether it was killed.
async fn play(scene: &Scene, at: usize) -> bool {
    let (state, tag) = (tempfile::tempdir().unwrap(), format!("r{at}"));
    let mut answers = Vec::new();
    let mut first = Process::start(&mut scene.serve(state.path(), Some(at)));
    let answer = scene.pull(&mut first, &tag).await;
    let was_killed = match answer {
        Some(answer) => {
            answers.push(answer);
            false
        }
        None => true,
    };
    drop(first);
    for _ in 0..2 {
        let mut next = Process::start(&mut scene.serve(state.path(), None));
        answers.push(scene.pull(&mut next, &tag).await.unwrap_or_else(|| panic!("change {at}: {:?}", next.lines())));
    }
    let served: BTreeSet<&Digest> = answers.iter().filter(|(status, _)| *status == 200).map(|(_, of)| of).collect();
    // The one that recorded it is served; each later one finds that the tag has moved.
    assert!(served.len() <= 1, "change {at}: {answers:?}");
    assert_eq!(answers.last().unwrap().0, 403, "change {at}: {answers:?}");
    was_killed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_at_any_change_of_its_files_leaves_one_digest() {
    let scene = Scene::set().await;
    let next = Arc::new(AtomicUsize::new(0));
    let lanes = (0..LANES).map(|_| {
        let (scene, next) = (scene.clone(), next.clone());
        tokio::spawn(async move {
            loop {
                let at = next.fetch_add(1, Ordering::SeqCst);
                assert!(at < CHANGES, "it makes no end of changes");
                if !play(&scene, at).await {
                    return at;
                }
            }
        })
    });
    let ended: Vec<usize> = join_all(lanes).await.into_iter().map(|lane| lane.unwrap()).collect();
    let _ = std::fs::remove_file(&scene.killer);
    let recorded = scene.recorded().await;
    let most = *ended.iter().min().unwrap();
    println!("killed at each of {most} changes");
    // A row is inserted, completed and marked, with a flush of each.
    assert!(most > 20, "{ended:?}");
    assert!(recorded.len() > most, "each tag was recorded");
    for (tag, digests) in &recorded {
        assert_eq!(digests.len(), 1, "{tag}: {digests:?}");
    }
}
