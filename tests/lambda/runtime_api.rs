//! Lambda's runtime API: one event at a time, and nothing while there is none.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::Value;
use testing::process::{self, PATIENCE, Process};
use tlogistry::cli::listen;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The function's requests to Lambda.
#[derive(Debug)]
pub enum Asked {
    Next,
    Answered(Value),
}

/// The API, and what was asked of it.
pub struct Runtime {
    address: String,
    events: UnboundedSender<Bytes>,
    asked: UnboundedReceiver<Asked>,
}

impl Runtime {
    pub async fn start() -> Self {
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

    pub async fn asked(&mut self) -> Asked {
        tokio::time::timeout(PATIENCE, self.asked.recv()).await.expect("the function asks").unwrap()
    }

    /// The function's answer to an event, or its word that it failed.
    pub async fn answer(&mut self, event: impl Into<Bytes>) -> Value {
        self.events.send(event.into()).unwrap();
        match self.asked().await {
            Asked::Answered(answer) => answer,
            Asked::Next => panic!("an event was not answered"),
        }
    }

    /// Starts the function with this API.
    pub fn function(&self, environment: Vec<(String, String)>) -> Process {
        Process::start(
            process::function()
                .env("AWS_LAMBDA_FUNCTION_NAME", "tlogistry")
                .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
                .env("AWS_LAMBDA_RUNTIME_API", &self.address)
                .envs(environment),
        )
    }
}
