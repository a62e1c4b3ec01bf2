//! Time: whatever hangs, a request is answered within its budget, with the documented error.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use testing::client::Answer;
use testing::clock::Clock;
use testing::faulty::kms;
use testing::tags::manifest;
use testing::{log, registry, service, table};
use tlogistry::config::{Config, LogConfig};
use tlogistry::http::Service;
use tlogistry::ledger::{DynamoDbLedger, Ledger};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const BUDGET: Duration = Duration::from_millis(1500);
/// Timers are of whole milliseconds.
const TOLERANCE: Duration = Duration::from_millis(50);

/// Answers without an end.
#[derive(Clone)]
struct TarPit {
    address: String,
    /// Requests that hang.
    hanging: watch::Receiver<usize>,
}

impl TarPit {
    /// Sends what `drip` says, one byte every so often.
    async fn dripping(drip: &'static [u8]) -> Self {
        Self::start(move |mut stream, hangs| async move {
            let _ = stream.read(&mut [0; 4096]).await;
            hangs.send_modify(|hanging| *hanging += 1);
            for byte in drip {
                let _ = stream.write_all(&[*byte]).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            std::future::pending::<()>().await;
        })
        .await
    }

    /// Answers the first request on each connection so, and no other.
    async fn answering_once(answer: &'static [u8]) -> Self {
        Self::start(move |mut stream, hangs| async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer).await;
            if stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {
                hangs.send_modify(|hanging| *hanging += 1);
            }
            std::future::pending::<()>().await;
        })
        .await
    }

    async fn start<F>(handle: impl Fn(TcpStream, Arc<watch::Sender<usize>>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (hangs, hanging) = watch::channel(0);
        let hangs = Arc::new(hangs);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(handle(stream, hangs.clone()));
            }
        });
        Self { address, hanging }
    }

    /// Waits until a request hangs that did not when this was called.
    fn next(&self) -> impl Future<Output = ()> + use<> {
        let (mut hanging, before) = (self.hanging.clone(), *self.hanging.borrow());
        async move { drop(hanging.wait_for(|now| *now > before).await.unwrap()) }
    }
}

/// The addresses of everything that the service calls.
struct Called {
    registry: String,
    /// Requests that the registry was sent, unless another stands in its place.
    asked: watch::Receiver<usize>,
    log: LogConfig,
    /// `None`: in memory.
    table: Option<String>,
    /// `None`: a key in memory.
    kms: Option<String>,
}

impl Called {
    /// All of them well.
    async fn well() -> Self {
        let (asking, asked) = watch::channel(0);
        let asking = Arc::new(asking);
        let registry = registry::start(move |_| {
            asking.send_modify(|asked| *asked += 1);
            Some(registry::image("a"))
        });
        Self { registry: registry.await, asked, log: log::start().await.1, table: None, kms: None }
    }

    fn log_at(mut self, address: &str) -> Self {
        self.log.url = format!("http://{address}").parse().unwrap();
        self
    }

    fn service(&self) -> Service {
        let builder = service::with_log(self.log.clone()).registry(&self.registry);
        let mut builder = builder.set("REQUEST_TIMEOUT_MS", BUDGET.as_millis());
        if let Some(address) = &self.table {
            let client = table::client(&format!("http://{address}"));
            builder = builder.ledger(Ledger::DynamoDb(DynamoDbLedger::new(client, "sightings".to_owned())));
        }
        if let Some(address) = &self.kms {
            builder = builder.signer(kms::at(address));
        }
        builder.build()
    }
}

async fn pull(service: &Service) -> Answer {
    service::get(service, &manifest("v1")).await
}

async fn assert_answered(what: &str, called: &Called, pit: &TarPit, status: u16) {
    let (service, mut asked) = (called.service(), called.asked.clone());
    let hangs = pit.next();
    let reached = async {
        hangs.await;
        if called.registry != pit.address {
            drop(asked.wait_for(|asked| *asked > 0).await.unwrap());
        }
    };
    let (answer, took) = Clock::stop().pass_after(reached, pull(&service)).await;
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    assert!(took < BUDGET + TOLERANCE, "{what}: answered after {took:?}");
    assert!(answer.text().contains("\"UNAVAILABLE\""), "{what}: {}", answer.text());
    assert_eq!(answer.find("retry-after").is_some(), status == 503, "{what}");
}

/// Heads of answers whose rest never comes.
const SILENCE: &[u8] = b"";
const HALF_A_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-ty";
const HALF_A_BODY: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.oci.image.manifest.v1+json\r\ncontent-length: 900\r\n\r\n{";

#[tokio::test]
async fn whatever_hangs_the_answer_comes_in_time() {
    for drip in [SILENCE, HALF_A_HEAD, HALF_A_BODY] {
        let pit = TarPit::dripping(drip).await;
        let address = || pit.address.clone();
        let well = Called::well;
        for (what, called, status) in [
            ("the registry", Called { registry: address(), ..well().await }, 504),
            ("the log", well().await.log_at(&pit.address), 503),
            ("the table", Called { table: Some(address()), ..well().await }, 503),
            ("KMS", Called { kms: Some(address()), ..well().await }, 503),
        ] {
            assert_answered(what, &called, &pit, status).await;
        }
        let all = Called {
            registry: address(),
            table: Some(address()),
            kms: Some(address()),
            ..well().await.log_at(&pit.address)
        };
        // The one that is noticed first decides.
        let (service, hangs) = (all.service(), pit.next());
        let (answer, took) = Clock::stop().pass_after(hangs, pull(&service)).await;
        assert!(matches!(answer.status, 503 | 504), "all at once: {} {}", answer.status, answer.text());
        assert!(took < BUDGET + TOLERANCE, "all at once: answered after {took:?}");
    }
}

#[tokio::test]
async fn readers_who_wait_for_a_slow_log_are_told_to_come_back() {
    // The search is answered, the upload never is.
    let pit = TarPit::answering_once(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").await;
    let called = Called::well().await.log_at(&pit.address);
    let (service, mut asked, hangs) = (called.service(), called.asked.clone(), pit.next());
    let reached = async {
        hangs.await;
        drop(asked.wait_for(|asked| *asked == 3).await.unwrap());
    };
    let (answers, took) = Clock::stop().pass_after(reached, join_all((0..3).map(|_| pull(&service)))).await;
    assert!(took < BUDGET + TOLERANCE, "answered after {took:?}");
    for answer in answers {
        assert_eq!((answer.status, answer.find("retry-after").is_some()), (503, true), "{}", answer.text());
    }
}

#[test]
fn the_longest_budget_that_can_be_configured_ends_before_api_gateway_gives_up() {
    let with = |value: &'static str| Config::read(|name| (name == "REQUEST_TIMEOUT_MS").then(|| value.to_owned()));
    assert!(with("28000").unwrap().request_timeout + Duration::from_secs(1) < Duration::from_secs(30));
    assert!(with("28001").is_err());
    assert!(Config::read(|_| None).unwrap().request_timeout < Duration::from_secs(28));
}
