//! The time between an answer and the call for the next event. Lambda freezes the process from that call on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::Value;
use testing::image::Image;
use testing::process::{self, PATIENCE, Process, root};
use testing::stage::{REGISTRY, REPOSITORY};
use tlogistry::cli::listen;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::set;

/// What the function asked of Lambda.
#[derive(Debug)]
enum Asked {
    Next,
    Answered(Value),
}

/// Lambda's runtime API: one event at a time, and nothing while there is none.
struct Runtime {
    address: String,
    events: UnboundedSender<Bytes>,
    asked: UnboundedReceiver<Asked>,
}

impl Runtime {
    async fn start() -> Self {
        let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
        let (events, waiting) = unbounded_channel::<Bytes>();
        let waiting = Arc::new(tokio::sync::Mutex::new(waiting));
        let (tell, asked) = unbounded_channel();
        let ids: Arc<Mutex<VecDeque<u32>>> = Arc::new(Mutex::new((1..).take(10).collect()));
        let handler = move |request| {
            let (waiting, tell, ids) = (waiting.clone(), tell.clone(), ids.clone());
            async move {
                let request: Request<Bytes> = listen::read(request, 1 << 20).await.unwrap();
                if !request.uri().path().ends_with("/next") {
                    tell.send(Asked::Answered(serde_json::from_slice(request.body()).unwrap())).unwrap();
                    return Response::builder().status(202).body(Full::default()).unwrap();
                }
                tell.send(Asked::Next).unwrap();
                let event = waiting.lock().await.recv().await.unwrap();
                let id = ids.lock().unwrap().pop_front().unwrap();
                Response::builder()
                    .header("lambda-runtime-aws-request-id", id)
                    .header("lambda-runtime-deadline-ms", "4102444800000")
                    .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:t")
                    .body(Full::new(event))
                    .unwrap()
            }
        };
        tokio::spawn(listen::serve(listener, handler, std::future::pending()));
        Self { address, events, asked }
    }

    async fn asked(&mut self) -> Asked {
        tokio::time::timeout(PATIENCE, self.asked.recv()).await.expect("the function asks").unwrap()
    }

    /// The status of the answer to a pull of `v1`.
    async fn pull(&mut self) -> u64 {
        let event = std::fs::read(root().join("tests/events/manifest-by-tag.json")).unwrap();
        self.events.send(event.into()).unwrap();
        match self.asked().await {
            Asked::Answered(answer) => answer["statusCode"].as_u64().unwrap(),
            Asked::Next => panic!("an event was not answered"),
        }
    }
}

#[tokio::test]
async fn a_move_is_remembered_before_the_next_event_is_asked_for() {
    let (stage, kms, table) = set().await;
    let mut runtime = Runtime::start().await;
    let environment = [stage.environment(), kms.environment(), table.environment()].concat();
    let function = Process::start(
        process::function()
            .env("AWS_LAMBDA_FUNCTION_NAME", "tlogistry")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_RUNTIME_API", &runtime.address)
            .envs(environment),
    );
    stage.push("v1", &Image::oci("a")).await;
    assert!(matches!(runtime.asked().await, Asked::Next));
    assert_eq!(runtime.pull().await, 200);
    stage.push("v1", &Image::oci("b")).await;
    assert!(matches!(runtime.asked().await, Asked::Next));
    assert_eq!(runtime.pull().await, 403);
    assert!(matches!(runtime.asked().await, Asked::Next));
    let row = table.row(&format!("{REGISTRY}/{REPOSITORY}:v1").parse().unwrap()).await.unwrap();
    let told = row["last_move"].as_m().unwrap()["current"].as_s().unwrap();
    assert_eq!(told, Image::oci("b").digest().as_str());
    function.wait_for(|line| (line.contains("\"NewlyMoved\":1.0") && line.contains(told)).then_some(()));
}
