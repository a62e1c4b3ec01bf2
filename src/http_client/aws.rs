//! The AWS SDK's way to its services: the HTTP client of all other rooms, so that the program has one client, one TLS
//! stack and one list of root certificates.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use reqwest::Client;
use std::time::Duration;

use super::{SendError, builder, read_body};
use crate::deadline::Deadline;

/// DynamoDB answers with 1 MB of items at most, some of it in base64, and KMS with less than 10 KB. The auditor's objects in S3
/// have 4 MiB at most.
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// The time for an answer to which the SDK sets no limit. Callers set shorter ones around the whole operation.
const LONGEST_CALL: Duration = Duration::from_secs(60);

/// The SDK's HTTP client.
#[derive(Debug, Clone)]
pub(crate) struct AwsHttp(Client);

impl AwsHttp {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        Ok(Self(builder().build()?))
    }
}

impl HttpClient for AwsHttp {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        // Connecting has the limit of all clients here.
        let time = settings.read_timeout().unwrap_or(LONGEST_CALL);
        SharedHttpConnector::new(Connector { client: self.0.clone(), time })
    }
}

#[derive(Debug)]
struct Connector {
    client: Client,
    time: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (client, deadline) = (self.client.clone(), Deadline::after(self.time));
        HttpConnectorFuture::new(async move {
            let response = deadline.bound(client.execute(translated(request)?)).await;
            let response = response.map_err(|elapsed| failed(elapsed.into()))?.map_err(|error| failed(error.into()))?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = read_body(response, MAX_ANSWER_BYTES, deadline).await.map_err(failed)?;
            let mut answer = http::Response::new(SdkBody::from(body));
            *answer.status_mut() = status;
            *answer.headers_mut() = headers;
            HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn translated(request: HttpRequest) -> Result<reqwest::Request, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    // The operations that are called here have no streams.
    let body = body.bytes().ok_or_else(|| ConnectorError::user("the request's body is a stream".into()))?;
    let request = http::Request::from_parts(parts, Bytes::copy_from_slice(body));
    request.try_into().map_err(|error: reqwest::Error| ConnectorError::user(error.into()))
}

/// The SDK tries again after a time-out and after a connection that failed.
fn failed(error: SendError) -> ConnectorError {
    match error {
        SendError::Timeout => ConnectorError::timeout(error.into()),
        SendError::Connection(_) => ConnectorError::io(error.into()),
        SendError::TooLarge(_) => ConnectorError::other(error.into(), None),
    }
}
