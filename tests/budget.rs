//! Time: whatever hangs, a request is answered within its budget, with the documented error.

use std::time::{Duration, Instant};

use http::Request;
use testing::log;
use testing::registry;
use tlogistry::config::{Config, LogConfig};
use tlogistry::http::{Body, Service};
use tlogistry::ledger::{DynamoDbLedger, Ledger, MemoryLedger};
use tlogistry::setup;
use tlogistry::sighting::{KmsKey, LocalKey, Signer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const BUDGET: Duration = Duration::from_millis(1500);
/// What may pass beyond the budget, on a busy machine, before it counts as late.
const TOLERANCE: Duration = Duration::from_secs(2);

/// Accepts connections and sends what `drip` says, one byte every so often, without an end. Returns its address.
async fn tar_pit(drip: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                for byte in drip {
                    let _ = stream.write_all(&[*byte]).await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                std::future::pending::<()>().await;
            });
        }
    });
    address
}

/// What the service calls: an address each.
struct Called {
    registry: String,
    log: LogConfig,
    /// In memory if there is none.
    table: Option<String>,
    /// A key in memory if there is none.
    kms: Option<String>,
}

impl Called {
    /// All of them well.
    async fn well() -> Self {
        let registry = registry::start(|_| Some(registry::image("a"))).await;
        Self { registry, log: log::start().await.1, table: None, kms: None }
    }

    fn log_at(mut self, address: &str) -> Self {
        self.log.url = format!("http://{address}").parse().unwrap();
        self
    }

    fn service(&self) -> Service {
        let config = Config::read(|name| match name {
            "INSECURE_REGISTRIES" => Some(format!("registry.test={}", self.registry)),
            "REQUEST_TIMEOUT_MS" => Some(BUDGET.as_millis().to_string()),
            _ => None,
        });
        let ledger = match &self.table {
            Some(address) => Ledger::DynamoDb(DynamoDbLedger::new(dynamodb(address), "sightings".to_owned())),
            None => Ledger::Memory(MemoryLedger::default()),
        };
        let signer = match &self.kms {
            Some(address) => Signer::Kms(KmsKey::new(kms(address), "alias/tlogistry".to_owned())),
            None => Signer::Local(LocalKey::generate().unwrap()),
        };
        setup::service(&config.unwrap(), ledger, signer, self.log.clone()).unwrap()
    }
}

fn dynamodb(address: &str) -> aws_sdk_dynamodb::Client {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(format!("http://{address}"));
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

fn kms(address: &str) -> aws_sdk_kms::Client {
    use aws_sdk_kms::config::{BehaviorVersion, Config, Credentials, Region};
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(format!("http://{address}"));
    aws_sdk_kms::Client::from_conf(config.build())
}

struct Answer {
    status: u16,
    retry_after: bool,
    body: String,
    took: Duration,
}

async fn pull(service: &Service) -> Answer {
    let began = Instant::now();
    let request = Request::get("/v2/registry.test/app/manifests/v1").body(()).unwrap();
    let response = service.handle(&request).await;
    let took = began.elapsed();
    let (status, retry_after) = (response.status().as_u16(), response.headers().contains_key("retry-after"));
    let Body::Bytes(body) = response.into_body() else { panic!("a GET is answered with bytes") };
    Answer { status, retry_after, body: String::from_utf8_lossy(&body).into_owned(), took }
}

async fn assert_answered(what: &str, service: Service, status: u16) {
    let answer = pull(&service).await;
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    assert!(answer.took < BUDGET + TOLERANCE, "{what}: answered after {:?}", answer.took);
    assert!(answer.body.contains("\"UNAVAILABLE\""), "{what}: {}", answer.body);
    assert_eq!(answer.retry_after, status == 503, "{what}");
}

/// Heads of answers whose rest never comes.
const SILENCE: &[u8] = b"";
const HALF_A_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-ty";
const HALF_A_BODY: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.oci.image.manifest.v1+json\r\ncontent-length: 900\r\n\r\n{";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_hangs_the_answer_comes_in_time() {
    let mut cases = Vec::new();
    for drip in [SILENCE, HALF_A_HEAD, HALF_A_BODY] {
        let pit = tar_pit(drip).await;
        let well = Called::well;
        cases.push(("the registry", Called { registry: pit.clone(), ..well().await }, 504));
        cases.push(("the log", well().await.log_at(&pit), 503));
        cases.push(("the table", Called { table: Some(pit.clone()), ..well().await }, 503));
        cases.push(("KMS", Called { kms: Some(pit.clone()), ..well().await }, 503));
        let all = Called {
            registry: pit.clone(),
            table: Some(pit.clone()),
            kms: Some(pit.clone()),
            ..well().await.log_at(&pit)
        };
        // Whichever is noticed first.
        let answer = pull(&all.service()).await;
        assert!(matches!(answer.status, 503 | 504), "all at once: {} {}", answer.status, answer.body);
        assert!(answer.took < BUDGET + TOLERANCE, "all at once: answered after {:?}", answer.took);
    }
    // All are built before the first is asked: each loads root certificates, which would take from the others' budgets.
    let built: Vec<_> = cases.into_iter().map(|(what, called, status)| (what, called.service(), status)).collect();
    let running = built.into_iter().map(|(what, service, status)| assert_answered(what, service, status));
    futures_util::future::join_all(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_who_wait_for_a_slow_log_are_told_to_come_back() {
    // The search is answered, the upload never is.
    let pit = tar_pit(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").await;
    let service = Called::well().await.log_at(&pit).service();
    let (first, second, third) = tokio::join!(pull(&service), pull(&service), pull(&service));
    for answer in [first, second, third] {
        assert_eq!((answer.status, answer.retry_after), (503, true), "{}", answer.body);
        assert!(answer.took < BUDGET + TOLERANCE, "answered after {:?}", answer.took);
    }
}

#[test]
fn the_longest_budget_that_can_be_configured_ends_before_api_gateway_gives_up() {
    let with = |value: &'static str| Config::read(|name| (name == "REQUEST_TIMEOUT_MS").then(|| value.to_owned()));
    assert!(with("28000").unwrap().request_timeout + Duration::from_secs(1) < Duration::from_secs(30));
    assert!(with("28001").is_err());
    assert!(Config::read(|_| None).unwrap().request_timeout < Duration::from_secs(28));
}
