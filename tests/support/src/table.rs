//! Tables in AWS's DynamoDB Local.

use std::collections::HashMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue::S;
use aws_sdk_dynamodb::types::builders::ProjectionBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate,
    IndexStatus, KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType, StreamSpecification,
    StreamViewType,
};
use serde_json::{Value, json};
use tlogistry::image::Tag;
use tlogistry::ledger::{DynamoDbLedger, Ledger};

use crate::process::tools;

/// Names the URL of a DynamoDB Local that runs already. Whoever runs many programs in a row saves each its own
/// (tests/tools/mutants).
const RUNNING: &str = "TLOGISTRY_DYNAMODB_LOCAL";

/// DynamoDB Local, which all tables of a test program are in.
struct Server {
    endpoint: String,
    /// It ends when its standard input is closed, and so with the test program, however that ends. `None` if it ran already.
    _process: Option<Child>,
}

/// Runs a command in a folder of its own, where it may leave what it likes, until the standard input is closed.
const SUPERVISED: &str = r#"
    folder=$(mktemp -d) && cd "$folder" || exit 1
    JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=$folder "$@" &
    read -r _
    kill $!
    wait
    rm -rf "$folder"
"#;

impl Server {
    fn find_or_start() -> Self {
        if let Ok(endpoint) = std::env::var(RUNNING) {
            return Self { endpoint, _process: None };
        }
        let program = tools().join("bin/dynamodb-local");
        assert!(program.exists(), "{} is missing: run 'make tools'", program.display());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("sh")
            .args(["-c", SUPERVISED, "sh"])
            .arg(program)
            .args(["--port", &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { endpoint: format!("http://127.0.0.1:{port}"), _process: Some(process) }
    }
}

/// A client of a DynamoDB at this URL.
pub fn client(endpoint: &str) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

static SERVER: LazyLock<Server> = LazyLock::new(Server::find_or_start);
static TABLES: AtomicUsize = AtomicUsize::new(0);

/// A table such as a ledger needs, or the counters.
pub struct Table {
    pub name: String,
    key: &'static str,
    pub endpoint: &'static str,
    pub client: aws_sdk_dynamodb::Client,
}

impl Table {
    /// For a ledger, as `infra/ledger.yaml` makes it.
    pub async fn start() -> Self {
        let table = Self::keyed_by("tag").await;
        table.add_index().await;
        table
    }

    /// For a ledger, as versions made it that listed no sightings.
    pub async fn without_index() -> Self {
        Self::keyed_by("tag").await
    }

    /// Adds the index by log, and waits until it can be asked.
    pub async fn add_index(&self) {
        let attribute = |name: &str, kind| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
        };
        let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
        let projection = Projection::builder().projection_type(ProjectionType::Include);
        let projection =
            ["digest", "key", "signature", "time"].into_iter().fold(projection, ProjectionBuilder::non_key_attributes);
        let index = CreateGlobalSecondaryIndexAction::builder()
            .index_name("by-log")
            .key_schema(key("log", KeyType::Hash))
            .key_schema(key("logIndex", KeyType::Range))
            .projection(projection.build())
            .build()
            .unwrap();
        let request = self.client.update_table().table_name(&self.name);
        let request = request
            .attribute_definitions(attribute("tag", ScalarAttributeType::S))
            .attribute_definitions(attribute("log", ScalarAttributeType::S))
            .attribute_definitions(attribute("logIndex", ScalarAttributeType::N))
            .global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().create(index).build());
        request.send().await.unwrap();
        loop {
            let table = self.client.describe_table().table_name(&self.name).send().await.unwrap().table.unwrap();
            if table.global_secondary_indexes().iter().all(|index| index.index_status() == Some(&IndexStatus::Active)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The ledger in it.
    pub fn ledger(&self) -> Ledger {
        Ledger::DynamoDb(DynamoDbLedger::new(self.client.clone(), self.name.clone()))
    }

    /// The ledger in it, whose calls go to a proxy at this URL.
    pub fn ledger_through(&self, endpoint: &str) -> Ledger {
        Ledger::DynamoDb(DynamoDbLedger::new(client(endpoint), self.name.clone()))
    }

    /// For the counters.
    pub async fn counters() -> Self {
        Self::keyed_by("counter").await
    }

    async fn keyed_by(key: &'static str) -> Self {
        let endpoint = SERVER.endpoint.as_str();
        let client = client(endpoint);
        let name = format!("{key}s-{}-{}", std::process::id(), TABLES.fetch_add(1, Ordering::Relaxed));
        let table = Self { name, key, endpoint, client };
        let mut tries = 0;
        while let Err(error) = table.create().await {
            tries += 1;
            assert!(tries < 600, "DynamoDB Local does not start: {error:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        table
    }

    /// Gives it a stream of new images, as `infra/ledger.yaml` does.
    pub async fn stream_new_images(&self) {
        let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
        let request = self.client.update_table().table_name(&self.name);
        request.stream_specification(stream.build().unwrap()).send().await.unwrap();
    }

    /// The records of its stream so far, as a pipe gets them.
    pub async fn streamed(&self) -> Vec<Value> {
        let table = self.client.describe_table().table_name(&self.name).send().await.unwrap().table.unwrap();
        let arn = table.latest_stream_arn.expect("the table has a stream");
        let stream = self.ask_stream("DescribeStream", json!({"StreamArn": arn})).await;
        let mut records = Vec::new();
        for shard in stream["StreamDescription"]["Shards"].as_array().unwrap() {
            let first = json!({"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"});
            let iterator = self.ask_stream("GetShardIterator", first).await["ShardIterator"].take();
            let mut answer = self.ask_stream("GetRecords", json!({"ShardIterator": iterator})).await;
            records.append(answer["Records"].as_array_mut().unwrap());
        }
        records
    }

    /// Asks the API of streams, whose requests DynamoDB Local takes with any signature.
    async fn ask_stream(&self, operation: &str, request: Value) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let credential = "Credential=test/20261125/us-east-1/dynamodb/aws4_request";
        let request = client
            .post(self.endpoint)
            .header("x-amz-target", format!("DynamoDBStreams_20120810.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=none"))
            .body(request.to_string());
        let answer = request.send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    async fn create(&self) -> Result<(), aws_sdk_dynamodb::Error> {
        let attribute =
            AttributeDefinition::builder().attribute_name(self.key).attribute_type(ScalarAttributeType::S).build()?;
        let key = KeySchemaElement::builder().attribute_name(self.key).key_type(KeyType::Hash).build()?;
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

    /// The variables by which an instance keeps its ledger here.
    pub fn environment(&self) -> Vec<(String, String)> {
        let own = [("LEDGER_TABLE", self.name.as_str()), ("AWS_ENDPOINT_URL_DYNAMODB", self.endpoint)];
        own.into_iter().chain(self.credentials()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// A tag's row as it is stored.
    pub async fn row(&self, tag: &Tag) -> Option<HashMap<String, AttributeValue>> {
        self.item(tag.canonical()).await
    }

    /// The item under a key.
    pub async fn item(&self, key: &str) -> Option<HashMap<String, AttributeValue>> {
        let request = self.client.get_item().table_name(&self.name).consistent_read(true);
        request.key(self.key, S(key.to_owned())).send().await.unwrap().item
    }

    /// Deletes the item under a key, as only an operator can.
    pub async fn delete(&self, key: &str) {
        let request = self.client.delete_item().table_name(&self.name);
        request.key(self.key, S(key.to_owned())).send().await.unwrap();
    }

    /// Everything in it.
    pub async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        self.client.scan().table_name(&self.name).consistent_read(true).send().await.unwrap().items.unwrap_or_default()
    }
}
