//! Plain HTTP requests, for what no registry client shows.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("{name} is missing: {self:?}"))
    }

    pub fn find(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    /// The one error of a refusal: code, message and all of it.
    #[track_caller]
    pub fn error(&self) -> (String, String, Value) {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        let body: Value = serde_json::from_slice(&self.bytes).unwrap();
        assert_eq!(body["errors"].as_array().map(Vec::len), Some(1), "{body}");
        let error = &body["errors"][0];
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        (text("code"), text("message"), error.clone())
    }
}

/// A client that follows no redirect and decodes nothing.
pub fn client() -> Client {
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    // Nothing here speaks TLS, and reading all root certificates takes longer than most tests.
    builder.tls_certs_only([]).build().unwrap()
}

pub async fn get(url: &str) -> Answer {
    send(client().get(url)).await
}

pub async fn head(url: &str) -> Answer {
    send(client().request(Method::HEAD, url)).await
}

pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, bytes: response.bytes().await.unwrap() }
}
