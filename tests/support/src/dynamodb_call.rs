//! A proxy before DynamoDB, and the calls that pass it: a test may hold them, refuse them or lose their answers.

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tlogistry::cli::listen;

const MAX_BYTES: usize = 1 << 20;

/// Serves a proxy before `endpoint` until the test ends, and returns its URL. Each call is answered by `answer`.
pub async fn proxy<F>(endpoint: &'static str, answer: impl Fn(DynamoDbCall) -> F + Clone + Send + 'static) -> String
where
    F: Future<Output = Response<Full<Bytes>>> + Send,
{
    let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let handler = move |request| {
        let (client, answer) = (client.clone(), answer.clone());
        async move {
            let call = DynamoDbCall::read(request, client, endpoint).await;
            answer(call).await
        }
    };
    tokio::spawn(listen::serve(listener, handler, std::future::pending()));
    format!("http://{address}")
}

/// DynamoDB's answer to a call that a policy forbids.
pub fn access_denied() -> Response<Full<Bytes>> {
    let body = json!({"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "not authorized"});
    let response = Response::builder().status(400).header("content-type", "application/x-amz-json-1.0");
    response.body(body.to_string().into()).unwrap()
}

pub struct DynamoDbCall {
    /// `GetItem`, for instance.
    pub operation: String,
    /// The body, parsed.
    pub asked: Value,
    parts: Parts,
    body: Bytes,
    client: reqwest::Client,
    endpoint: &'static str,
}

impl DynamoDbCall {
    async fn read(request: Request<Incoming>, client: reqwest::Client, endpoint: &'static str) -> Self {
        let (parts, body) = listen::read(request, MAX_BYTES).await.unwrap().into_parts();
        let operation = parts.headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap().to_owned();
        let asked = serde_json::from_slice(&body).unwrap();
        Self { operation, asked, parts, body, client, endpoint }
    }

    /// Passes the call on as it came, and returns the answer as it came.
    pub async fn forward(self) -> Response<Full<Bytes>> {
        let answer = self.client.post(self.endpoint).headers(self.parts.headers).body(self.body).send().await.unwrap();
        let mut response = Response::builder().status(answer.status());
        *response.headers_mut().unwrap() = answer.headers().clone();
        response.body(Full::new(answer.bytes().await.unwrap())).unwrap()
    }
}
