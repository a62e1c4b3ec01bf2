//! The contenders. A peer is added here: a constant for its name, how it is started before `upstream`, and a line in
//! [`all`]. It is then measured in the same rounds as all others.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use testing::instance::Instance;
use testing::process::{Process, clean};
use testing::stage::{REGISTRY, REPOSITORY};
use testing::transparency_log::TransparencyLog;
use tlogistry::deadline::Deadline;
use tlogistry::image::{Digest, Tag};
use tlogistry::sighting::{LocalKey, Signer};
use tlogistry::tlog::RekorApi;

use super::apparatus::distance::with_token;
use super::apparatus::runtime_api::Function;
use super::apparatus::wire::{ACCEPT, Wire};
use super::world::{MOVED, World, before, direct, known, new, pinned, through};

pub const DIRECT_GET: &str = "directly, GET";
pub const DIRECT_HEAD: &str = "directly, HEAD";
pub const DIRECT_DIGEST: &str = "directly, GET by digest";
pub const DIRECT_NEW: &str = "directly, GET by a client that has just come";
pub const MEMORY_HEAD: &str = "serve, HEAD, known in memory";
pub const MEMORY_GET: &str = "serve, GET, known in memory";
pub const MEMORY_FAR: &str = "serve, GET, known in memory, manifest not at hand";
pub const PINNED_GET: &str = "serve, GET, pinned, moved";
pub const PINNED_FAR: &str = "serve, GET, pinned, moved, manifest not at hand";
pub const LEDGER_GET: &str = "serve, GET, known in the ledger";
pub const FIRST_SEEN: &str = "serve, GET, first seen";
pub const FUNCTION_MEMORY: &str = "function, GET, known in memory";
pub const FUNCTION_LEDGER: &str = "function, GET, known in the ledger";
pub const CACHE_GET: &str = "distribution 3 as a cache, GET";
pub const CACHE_HEAD: &str = "distribution 3 as a cache, HEAD";
/// The log's own write, to compare first sights with.
pub const LOG_WRITE: &str = "the log's write alone";
/// The same with a log of Rekor v2's API.
pub const V2_FIRST_SEEN: &str = "serve, GET, first seen, in a log of API v2";
pub const V2_LOG_WRITE: &str = "the write of a log of API v2 alone";
/// With a table that takes [`LEDGER_CALL`] for each call, in a log of Rekor v1's API.
pub const SLOW_LEDGER_FIRST_SEEN: &str = "serve, GET, first seen, 10 ms per ledger call";
pub const SLOW_LEDGER_LOG_WRITE: &str = "the write of that log alone";
pub const REKOR_FIRST_SEEN: &str = "serve, GET, first seen, in Rekor";
pub const REKOR_WRITE: &str = "Rekor's write alone";

/// The time of a slow call to DynamoDB within a region.
pub const LEDGER_CALL: Duration = Duration::from_millis(10);

pub struct Contender {
    pub name: &'static str,
    /// Asks once, and says how long the answer took. Told the round, of which each has another known and new tag.
    pub ask: Box<dyn FnMut(usize) -> Duration>,
}

/// The registry's address, and whether it wants a token.
pub struct Upstream<'a> {
    pub address: &'a str,
    pub token: bool,
    /// True if a real Rekor is measured beside.
    pub rekor: bool,
}

/// All contenders, ready: connections are open, tokens are held, and every tag that is to be known is.
pub fn all(world: &Rc<World>, upstream: &Upstream<'_>, state: &Path) -> Vec<Contender> {
    let mut all = directly(world, upstream);
    all.extend(in_memory(world, upstream, state));
    all.push(from_ledger(world, upstream, state));
    all.extend(first_seen(world, upstream, state, RekorApi::V1));
    all.extend(first_seen(world, upstream, state, RekorApi::V2));
    all.extend(first_seen_slowly(world, upstream, state));
    if upstream.rekor {
        match rekor(world, upstream, state) {
            Some(rekor) => all.extend(rekor),
            None => eprintln!("NOT MEASURED: Rekor, because .tools/go/bin/rekor-server is missing: run 'make peers'"),
        }
    }
    all.extend(function(world, upstream));
    match distribution(world, upstream) {
        Some(cache) => all.extend(cache),
        None => eprintln!("NOT MEASURED: distribution 3, because .tools/go/bin/registry is missing: run 'make peers'"),
    }
    all
}

/// A client with a connection open, asking for what `path` makes of the round.
fn client(
    world: &Rc<World>,
    name: &'static str,
    method: &'static str,
    address: &str,
    headers: String,
    path: impl Fn(usize) -> String + 'static,
    kept: impl Sized + 'static,
) -> Contender {
    let (mut wire, world) = (Wire::open(address), world.clone());
    let ask = move |round| {
        let (path, _kept) = (path(round), &kept);
        let began = Instant::now();
        let answer = wire.ask(method, &path, &headers, b"");
        let took = began.elapsed();
        world.check(&answer, method);
        took
    };
    let mut contender = Contender { name, ask: Box::new(ask) };
    // The first time, some things are new to either side.
    (contender.ask)(0);
    contender
}

fn directly(world: &Rc<World>, upstream: &Upstream) -> Vec<Contender> {
    let headers = || if upstream.token { format!("{ACCEPT}{}", with_token()) } else { ACCEPT.to_owned() };
    let get = client(world, DIRECT_GET, "GET", upstream.address, headers(), |_| direct("v1"), ());
    let head = client(world, DIRECT_HEAD, "HEAD", upstream.address, headers(), |_| direct("v1"), ());
    let digest = direct(world.image.digest().as_str());
    let by_digest = client(world, DIRECT_DIGEST, "GET", upstream.address, headers(), move |_| digest.clone(), ());
    let (world, address, token) = (world.clone(), upstream.address.to_owned(), upstream.token);
    let newcomer = move |_| {
        let began = Instant::now();
        let mut wire = Wire::open(&address);
        let mut answer = wire.ask("GET", &direct("v1"), ACCEPT, b"");
        if token {
            assert_eq!(answer.status(), 401);
            assert_eq!(wire.ask("GET", "/token", "", b"").status(), 200);
            answer = wire.ask("GET", &direct("v1"), &format!("{ACCEPT}{}", with_token()), b"");
        }
        let took = began.elapsed();
        world.check(&answer, "GET");
        took
    };
    vec![get, head, by_digest, Contender { name: DIRECT_NEW, ask: Box::new(newcomer) }]
}

fn in_memory(world: &Rc<World>, upstream: &Upstream, state: &Path) -> Vec<Contender> {
    let environment = world.shared(upstream.address);
    let instance = Rc::new(Instance::serve(&state.join("memory"), &environment));
    let mut bare = environment;
    bare.push(("MANIFEST_CACHE_BYTES".to_owned(), "0".to_owned()));
    let cacheless = Rc::new(Instance::serve(&state.join("cacheless"), &bare));
    let (through_v1, pinned_moved) = (|_| through(&known(0)), |_| pinned(MOVED));
    let (address, far) = (instance.address.clone(), cacheless.address.clone());
    vec![
        client(world, MEMORY_GET, "GET", &address, ACCEPT.to_owned(), through_v1, instance.clone()),
        client(world, MEMORY_HEAD, "HEAD", &address, ACCEPT.to_owned(), through_v1, instance.clone()),
        client(world, MEMORY_FAR, "GET", &far, ACCEPT.to_owned(), through_v1, cacheless.clone()),
        client(world, PINNED_GET, "GET", &address, ACCEPT.to_owned(), pinned_moved, instance),
        client(world, PINNED_FAR, "GET", &far, ACCEPT.to_owned(), pinned_moved, cacheless),
    ]
}

/// Each round's tag has a row, and the instance has never seen it.
fn from_ledger(world: &Rc<World>, upstream: &Upstream, state: &Path) -> Contender {
    let instance = Instance::serve(&state.join("ledger"), &world.shared(upstream.address));
    let address = instance.address.clone();
    client(world, LEDGER_GET, "GET", &address, ACCEPT.to_owned(), |round| through(&known(round)), instance)
}

/// `serve` with its embedded log, and uploads to the same log.
fn first_seen(world: &Rc<World>, upstream: &Upstream<'_>, state: &Path, api: RekorApi) -> [Contender; 2] {
    let (first_seen, write) = match api {
        RekorApi::V1 => (FIRST_SEEN, LOG_WRITE),
        RekorApi::V2 => (V2_FIRST_SEEN, V2_LOG_WRITE),
    };
    let (state, arguments) =
        (state.join(format!("first-{api}")), ["--log-listen", "127.0.0.1:0", "--log-api", &api.to_string()]);
    let instance = Rc::new(Instance::serve_with(&state, &before(upstream.address), &arguments));
    let log = instance.wait_for(|line| line.strip_prefix("sightings are recorded in http://").map(str::to_owned));
    let address = instance.address.clone();
    let path = |round| through(&new(round));
    let first = client(world, first_seen, "GET", &address, ACCEPT.to_owned(), path, instance.clone());
    [first, log_write(write, log.trim_end_matches('/'), api, instance)]
}

/// Counters and ledger in a table that takes its time.
fn first_seen_slowly(world: &Rc<World>, upstream: &Upstream<'_>, state: &Path) -> [Contender; 2] {
    let environment = world.slow(upstream.address, LEDGER_CALL);
    let names = [SLOW_LEDGER_FIRST_SEEN, SLOW_LEDGER_LOG_WRITE];
    first_seen_in(TransparencyLog::start(), names, world, environment, &state.join("slow-ledger"))
}

/// The real Rekor: each upload waits for its inclusion, some tenths of a second, so it is a contender at one distance
/// only.
fn rekor(world: &Rc<World>, upstream: &Upstream<'_>, state: &Path) -> Option<[Contender; 2]> {
    if !Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/go/bin/rekor-server").exists() {
        return None;
    }
    let (names, environment) = ([REKOR_FIRST_SEEN, REKOR_WRITE], before(upstream.address));
    Some(first_seen_in(TransparencyLog::rekor(), names, world, environment, &state.join("rekor")))
}

/// `serve` with a Rekor v1 of its own, and uploads to the same log, by these names.
fn first_seen_in(
    log: TransparencyLog,
    [first_seen, write]: [&'static str; 2],
    world: &Rc<World>,
    mut environment: Vec<(String, String)>,
    state: &Path,
) -> [Contender; 2] {
    let url = log.url.strip_prefix("http://").expect("its URL begins with http://").to_owned();
    let variables = [("REKOR_URL", &log.url), ("REKOR_PUBLIC_KEYS", &log.public_key)];
    environment.extend(variables.map(|(name, value)| (name.to_owned(), value.clone())));
    let instance = Instance::serve(state, &environment);
    let address = instance.address.clone();
    let path = |round| through(&new(round));
    let first = client(world, first_seen, "GET", &address, ACCEPT.to_owned(), path, instance);
    [first, log_write(write, url.trim_end_matches('/'), RekorApi::V1, log)]
}

/// Uploads of sightings to a log, signed beforehand.
fn log_write(name: &'static str, log: &str, api: RekorApi, kept: impl Sized + 'static) -> Contender {
    let signer = Signer::Local(LocalKey::generate().unwrap());
    let mut wire = Wire::open(log);
    let ask = move |round| {
        let _kept = &kept;
        let tag: Tag = format!("{REGISTRY}/{REPOSITORY}:upload-{round}").parse().unwrap();
        let digest = Digest::sha256(tag.canonical().as_bytes());
        let deadline = Deadline::after(Duration::from_secs(60));
        let signed = signer.sign(&tag, &digest, deadline).now_or_never();
        let statement = signed.expect("a local key does not wait").unwrap();
        let (headers, signed) = ("content-type: application/json\r\n", statement.signed_payload());
        let (path, proposed) = match api {
            RekorApi::V1 => ("/api/v1/log/entries", signed.proposed_entry()),
            RekorApi::V2 => ("/api/v2/log/entries", signed.proposed_digest()),
        };
        let began = Instant::now();
        let answer = wire.ask("POST", path, headers, &proposed);
        let took = began.elapsed();
        assert_eq!(answer.status(), 201, "{}", String::from_utf8_lossy(&answer.body));
        took
    };
    Contender { name, ask: Box::new(ask) }
}

fn function(world: &Rc<World>, upstream: &Upstream) -> [Contender; 2] {
    let start = || Function::start(&world.shared(upstream.address));
    let ask = |function: Function, tag: fn(usize) -> String| {
        let world = world.clone();
        let ask = move |round| {
            let event = Function::event("GET", &through(&tag(round)));
            let began = Instant::now();
            let answer = function.invoke(event);
            let took = began.elapsed();
            world.check_event(&answer);
            took
        };
        let mut ask: Box<dyn FnMut(usize) -> Duration> = Box::new(ask);
        ask(0);
        ask
    };
    [
        Contender { name: FUNCTION_MEMORY, ask: ask(start(), |_| known(0)) },
        Contender { name: FUNCTION_LEDGER, ask: ask(start(), known) },
    ]
}

/// Distribution 3 as a pull-through cache. `None` if it is not there.
fn distribution(world: &Rc<World>, upstream: &Upstream) -> Option<[Contender; 2]> {
    let cache = Rc::new(Cache::start(upstream.address)?);
    let address = cache.address.clone();
    Some([
        client(world, CACHE_GET, "GET", &address, ACCEPT.to_owned(), |_| direct("v1"), cache.clone()),
        client(world, CACHE_HEAD, "HEAD", &address, ACCEPT.to_owned(), |_| direct("v1"), cache),
    ])
}

/// Distribution 3, which keeps what it has fetched and asks the registry behind whether a tag is still the same.
pub struct Cache {
    pub address: String,
    pub process: Process,
    _folder: tempfile::TempDir,
}

impl Cache {
    pub fn start(upstream: &str) -> Option<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/go/bin/registry");
        if !program.exists() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{inmemory: {{}}}}\n\
             http: {{addr: '127.0.0.1:0', secret: for-tests}}\nproxy: {{remoteurl: 'http://{upstream}'}}\n"
        );
        std::fs::write(&config, text).unwrap();
        let mut command = clean(program);
        let process = Process::start(command.env("OTEL_TRACES_EXPORTER", "none").arg("serve").arg(config));
        let address = process.wait_for(|line| {
            let (_, rest) = line.split_once("msg=\"listening on ")?;
            Some(rest.split_once('"')?.0.to_owned())
        });
        Some(Self { address, process, _folder: folder })
    }
}
