//! What all instances share: a registry whose tags move, a table in DynamoDB Local, a log, a signing key.

use std::collections::{BTreeSet, HashMap};
use std::net::TcpListener as StdListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tlogistry::cli::listen;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::image::{Digest, Tag};
use tlogistry::key::PublicKey;
use tlogistry::rekor::intoto::Body;
use tlogistry::rekor::{LogEntry, LogKeys};
use tlogistry::sighting::{LocalKey, parse_statement};

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub struct Stage {
    pub folder: tempfile::TempDir,
    pub registry: Registry,
    pub table: Table,
    pub log: Devlog,
    pub log_address: String,
    key: PublicKey,
    log_keys: LogKeys,
    first_index: u64,
}

impl Stage {
    pub async fn set() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let key = LocalKey::open_or_generate(&folder.path().join("signing-key.pem")).unwrap().public_key().clone();
        // The disk is not what fails here, and it is what takes time.
        let options = Options { sync: false, ..Options::default() };
        let first_index = u64::from(options.first_index);
        let log = Devlog::open(None, options).await.unwrap();
        let (listener, log_address) = listen::bind("127.0.0.1:0").await.unwrap();
        let served = log.clone();
        let handler = move |request| {
            let log = served.clone();
            async move {
                match listen::read(request, 1 << 20).await {
                    Ok(request) => log.handle(request).await.map(Full::new),
                    Err(refusal) => refusal,
                }
            }
        };
        tokio::spawn(listen::serve(listener, handler, std::future::pending()));
        let log_keys = LogKeys::new(vec![PublicKey::from_pem(log.public_key_pem()).unwrap()]).unwrap();
        let table = Table::start().await;
        let registry = Registry::start().await;
        Arc::new(Self { folder, registry, table, log, log_address, key, log_keys, first_index })
    }

    pub fn tag(&self, name: &str) -> Tag {
        format!("registry.test/app:{name}").parse().unwrap()
    }

    /// Every digest that the log holds for every tag, from all its entries, whether a search finds them or not.
    pub async fn recorded(&self) -> HashMap<Tag, BTreeSet<String>> {
        let mut recorded: HashMap<Tag, BTreeSet<String>> = HashMap::new();
        for index in self.first_index.. {
            let request = Request::get(format!("/api/v1/log/entries?logIndex={index}")).body(Bytes::new()).unwrap();
            let answer = self.log.handle(request).await;
            if answer.status() == 404 || answer.status() == 400 {
                break;
            }
            assert_eq!(answer.status(), 200, "{answer:?}");
            let entry = LogEntry::parse(answer.body()).unwrap();
            let Body::Intoto(body) = entry.body() else { panic!("not an intoto entry") };
            assert!(body.signatures.iter().all(|signature| signature.key == self.key));
            // Nothing in these rounds keeps the log from storing the statement with an entry but `Filing::Never`, and
            // then another entry of the same statement has it, or the hash alone tells the digests apart.
            let (tag, digest) = match entry.attestation().and_then(parse_statement) {
                Some((tag, digest)) => (tag, digest.to_string()),
                None => match self.registry.statement_with(&body.payload_hash) {
                    Some(found) => found,
                    None => panic!("an entry of no statement about this registry"),
                },
            };
            entry.verify(&self.log_keys).unwrap();
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
}

/// How many images a tag moves between.
const IMAGES: usize = 3;

fn image(tag: &str, number: usize) -> Bytes {
    format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","annotations":{{"tag":"{tag}","n":"{number}"}}}}"#)
        .into()
}

impl Registry {
    async fn start() -> Self {
        let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
        let tags: Arc<Mutex<HashMap<String, fastrand::Rng>>> = Arc::default();
        let known = tags.clone();
        let handler = move |request: Request<hyper::body::Incoming>| {
            let tag = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            let number = known.lock().unwrap().get_mut(&tag).map(|random| random.usize(..IMAGES));
            async move {
                let Some(number) = number else {
                    return Response::builder().status(404).body(Full::default()).unwrap();
                };
                let manifest = image(&tag, number);
                Response::builder()
                    .header("content-type", OCI_MANIFEST)
                    .header("docker-content-digest", Digest::sha256(&manifest).as_str())
                    .body(Full::new(manifest))
                    .unwrap()
            }
        };
        tokio::spawn(listen::serve(listener, handler, std::future::pending()));
        Self { address, tags }
    }

    /// Adds a tag whose digest is drawn anew at every request.
    pub fn add(&self, tag: &str, seed: u64) {
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

/// A table in AWS's DynamoDB Local.
pub struct Table {
    pub name: String,
    pub endpoint: String,
    client: aws_sdk_dynamodb::Client,
    process: Child,
}

impl Drop for Table {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Table {
    async fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/dynamodb-local");
        assert!(program.exists(), "{} is missing: run 'make tools'", program.display());
        let port = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(program)
            .args(["--port", &port.to_string()])
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let endpoint = format!("http://127.0.0.1:{port}");
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
            .credentials_provider(aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&endpoint)
            .build();
        let client = aws_sdk_dynamodb::Client::from_conf(config);
        let table = Self { name: "sightings".to_owned(), endpoint, client, process };
        let mut tries = 0;
        while let Err(error) = table.create().await {
            tries += 1;
            assert!(tries < 100, "DynamoDB Local does not start: {error:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        table
    }

    async fn create(&self) -> Result<(), aws_sdk_dynamodb::Error> {
        let attribute =
            AttributeDefinition::builder().attribute_name("tag").attribute_type(ScalarAttributeType::S).build()?;
        let key = KeySchemaElement::builder().attribute_name("tag").key_type(KeyType::Hash).build()?;
        self.client
            .create_table()
            .table_name(&self.name)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute)
            .key_schema(key)
            .send()
            .await?;
        Ok(())
    }

    pub fn credentials(&self) -> [(&'static str, &'static str); 3] {
        [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]
    }

    /// The state and digest of a tag's row.
    pub async fn row(&self, tag: &Tag) -> Option<(String, String)> {
        let request = self.client.get_item().table_name(&self.name).consistent_read(true);
        let item = request.key("tag", AttributeValue::S(tag.to_string())).send().await.unwrap().item?;
        let text = |name: &str| item[name].as_s().unwrap().clone();
        Some((text("state"), text("digest")))
    }
}
