//! The surroundings of all instances: a registry whose tags move, a table in DynamoDB Local, a log, a signing key.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use testing::log;
use testing::registry;
use testing::table::Table;
use tlogistry::config::LogConfig;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::image::{Digest, Tag};
use tlogistry::key::PublicKey;
use tlogistry::sighting::{LocalKey, parse_statement};
use tlogistry::tlog::LogEntry;
use tlogistry::tlog::body::EntryBody;

pub struct Stage {
    pub folder: tempfile::TempDir,
    pub registry: Registry,
    pub table: Table,
    pub log: Devlog,
    pub log_config: LogConfig,
    key: PublicKey,
}

impl Stage {
    pub async fn set() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let key = LocalKey::open_or_generate(&folder.path().join("signing-key.pem")).unwrap().public_key().clone();
        let (log, log_config) = log::start().await;
        let (table, registry) = (Table::start().await, Registry::start().await);
        Arc::new(Self { folder, registry, table, log, log_config, key })
    }

    pub fn tag(&self, name: &str) -> Tag {
        format!("registry.test/app:{name}").parse().unwrap()
    }

    /// Every digest that the log holds for every tag, from all its entries, whether a search finds them or not.
    pub async fn recorded(&self) -> HashMap<Tag, BTreeSet<String>> {
        let mut recorded: HashMap<Tag, BTreeSet<String>> = HashMap::new();
        for index in u64::from(Options::default().first_index).. {
            let request = Request::get(format!("/api/v1/log/entries?logIndex={index}")).body(Bytes::new()).unwrap();
            let answer = self.log.handle(request).await;
            if answer.status() == 404 || answer.status() == 400 {
                break;
            }
            assert_eq!(answer.status(), 200, "{answer:?}");
            let entry = LogEntry::parse(answer.body()).unwrap();
            let EntryBody::Envelope(envelope) = entry.body() else { panic!("not an intoto entry") };
            assert!(envelope.signers.iter().all(|signer| signer.key.is(&self.key)));
            // Nothing in these rounds keeps the log from storing the statement with an entry but `Indexing::Never`, and
            // then another entry of the same statement has it, or the hash alone tells the digests apart.
            let (tag, digest) = match entry.attestation().and_then(parse_statement) {
                Some((tag, digest)) => (tag, digest.to_string()),
                None => match self.registry.statement_with(&envelope.payload_hash.unwrap()) {
                    Some(found) => found,
                    None => panic!("an entry of no statement about this registry"),
                },
            };
            entry.verify(&self.log_config.keys).unwrap();
            recorded.entry(tag).or_default().insert(digest);
        }
        recorded
    }
}

/// A registry that may answer another digest at every request.
#[derive(Clone)]
pub struct Registry {
    pub address: String,
    tags: Arc<Mutex<HashMap<String, fastrand::Rng>>>,
    /// The images of all tags, by digest.
    images: Arc<Mutex<HashMap<String, Bytes>>>,
}

/// Images that a tag moves between.
const IMAGES: usize = 3;

fn image(tag: &str, number: usize) -> Bytes {
    registry::image(&format!("{tag} {number}"))
}

impl Registry {
    async fn start() -> Self {
        let tags: Arc<Mutex<HashMap<String, fastrand::Rng>>> = Arc::default();
        let images: Arc<Mutex<HashMap<String, Bytes>>> = Arc::default();
        let (known, by_digest) = (tags.clone(), images.clone());
        let address = registry::start(move |reference| {
            if reference.contains(':') {
                return by_digest.lock().unwrap().get(reference).cloned();
            }
            let number = known.lock().unwrap().get_mut(reference)?.usize(..IMAGES);
            Some(image(reference, number))
        });
        Self { address: address.await, tags, images }
    }

    /// Adds a tag whose digest is drawn at every request.
    pub fn add(&self, tag: &str, seed: u64) {
        let images = (0..IMAGES).map(|number| image(tag, number));
        let by_digest = images.map(|image| (Digest::sha256(&image).to_string(), image));
        self.images.lock().unwrap().extend(by_digest);
        self.tags.lock().unwrap().insert(tag.to_owned(), fastrand::Rng::with_seed(seed));
    }

    /// The tag and digest of the statement with this hash.
    fn statement_with(&self, payload_hash: &[u8; 32]) -> Option<(Tag, String)> {
        let tags = self.tags.lock().unwrap();
        tags.keys().flat_map(|tag| (0..IMAGES).map(move |number| (tag, number))).find_map(|(name, number)| {
            let tag: Tag = format!("registry.test/app:{name}").parse().ok()?;
            let digest = Digest::sha256(&image(name, number));
            let statement = tlogistry::sighting::statement(&tag, &digest);
            (Digest::sha256(&statement).hex() == hex::encode(payload_hash)).then(|| (tag, digest.to_string()))
        })
    }
}
