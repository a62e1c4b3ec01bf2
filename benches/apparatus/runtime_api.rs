//! Lambda's runtime API, small: hands one event to the function, and waits for its answer.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::process::Command;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use testing::process::{Process, function};

use super::distance::listen;
use super::wire::Wire;

/// Called when the function asks for its first event, before it gets one.
type OnFirstPoll = Box<dyn FnOnce() + Send>;

/// The function, and what it is invoked through.
pub struct Function {
    events: Sender<Vec<u8>>,
    answers: Receiver<Vec<u8>>,
    process: Process,
}

impl Function {
    pub fn start(environment: &[(String, String)]) -> Self {
        Self::run(function(), environment, Box::new(|| {}))
    }

    /// Starts any function. `polled` is called when it asks for its first event.
    pub fn run(mut command: Command, environment: &[(String, String)], polled: OnFirstPoll) -> Self {
        let (events, waiting) = mpsc::channel::<Vec<u8>>();
        let (answered, answers) = mpsc::channel();
        let (waiting, polled) = (Arc::new(Mutex::new(waiting)), Arc::new(Mutex::new(Some(polled))));
        let address = listen(move |stream| serve(Wire::new(stream).patient(), &polled, &waiting, &answered));
        command
            .env("AWS_LAMBDA_RUNTIME_API", &address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .envs(environment.iter().cloned());
        Self { events, answers, process: Process::start(&mut command) }
    }

    /// One event, prepared: API Gateway's part is not measured.
    pub fn event(method: &str, path: &str) -> Vec<u8> {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
            "headers": {"host": "registry.example"}, "isBase64Encoded": false,
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "registry.example", "domainPrefix": "registry",
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                         "userAgent": "bench"},
                "requestId": "r", "routeKey": "$default", "stage": "$default", "time": "01/Jan/2026:00:00:00 +0000",
                "timeEpoch": 1_767_225_600_000_u64,
            },
        })
        .to_string()
        .into_bytes()
    }

    /// The answer's bytes, as the function posts them.
    pub fn invoke(&self, event: Vec<u8>) -> Vec<u8> {
        self.events.send(event).unwrap();
        self.answers.recv_timeout(Duration::from_secs(60)).expect("the function answers")
    }

    /// The lines that it wrote so far about requests.
    pub fn lines(&self) -> Vec<String> {
        self.process.lines().into_iter().filter(|line| line.contains("\"method\":")).collect()
    }

    /// The most memory that the process has held so far, in MiB.
    pub fn peak_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// The processor time of all its threads so far.
    pub fn cpu(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        // The first number is the time on a processor, in nanoseconds. A thread may end meanwhile.
        let texts = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok());
        let nanoseconds = texts.filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok());
        Duration::from_nanos(nanoseconds.sum())
    }

    /// The status and headers of an answer.
    pub fn parse(answer: &[u8]) -> (u64, Value) {
        let mut answer: Value = serde_json::from_slice(answer).unwrap();
        (answer["statusCode"].as_u64().unwrap_or(0), answer["headers"].take())
    }
}

fn serve(
    mut wire: Wire,
    polled: &Mutex<Option<OnFirstPoll>>,
    waiting: &Mutex<Receiver<Vec<u8>>>,
    answered: &Sender<Vec<u8>>,
) {
    while let Ok(Some(request)) = wire.read(false) {
        let sent = if request.first.starts_with("GET") {
            if let Some(polled) = polled.lock().unwrap().take() {
                polled();
            }
            // The bench has ended when nobody can send any more.
            let Ok(event) = waiting.lock().unwrap().recv() else { return };
            let head = format!(
                "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: 1\r\nlambda-runtime-deadline-ms: 9999999999999\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:1:function:bench\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n",
                event.len()
            );
            wire.write(&[head.into_bytes(), event].concat())
        } else {
            if answered.send(request.body).is_err() {
                return;
            }
            wire.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
        };
        if sent.is_err() {
            return;
        }
    }
}
