//! A call to DynamoDB on its way through a proxy of a test's, which may hold it, refuse it or lose its answer.

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::Value;
use tlogistry::cli::listen;

const MAX_BYTES: usize = 1 << 20;

pub struct DynamoDbCall {
    /// `GetItem`, for instance.
    pub operation: String,
    /// The body, parsed.
    pub asked: Value,
    parts: Parts,
    body: Bytes,
}

impl DynamoDbCall {
    pub async fn read(request: Request<Incoming>) -> Self {
        let (parts, body) = listen::read(request, MAX_BYTES).await.unwrap().into_parts();
        let operation = parts.headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap().to_owned();
        let asked = serde_json::from_slice(&body).unwrap();
        Self { operation, asked, parts, body }
    }

    /// Passes the call on as it came, and returns the answer as it came.
    pub async fn forward(self, client: &reqwest::Client, endpoint: &str) -> Response<Full<Bytes>> {
        let answer = client.post(endpoint).headers(self.parts.headers).body(self.body).send().await.unwrap();
        let mut response = Response::builder().status(answer.status());
        *response.headers_mut().unwrap() = answer.headers().clone();
        response.body(Full::new(answer.bytes().await.unwrap())).unwrap()
    }
}
