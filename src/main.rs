//! The Lambda function: reads its configuration, then answers API Gateway's events.

#![forbid(unsafe_code)]

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use lambda_http::lambda_runtime::LambdaInvocation;
use lambda_http::lambda_runtime::layers::TracingLayer;
use lambda_http::request::RequestContext;
use lambda_http::tower::util::{MapRequestLayer, ThenLayer};
use lambda_http::{Body as LambdaBody, IntoResponse, Request, RequestExt as _, Response, service_fn};

use tlogistry::config::{FunctionConfig, environment};
use tlogistry::http::{Body, RequestIds, Service};
use tlogistry::lambda_event::presentable;
use tlogistry::rate_limit::Source;
use tlogistry::setup;

#[tokio::main]
async fn main() -> ExitCode {
    match start().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tlogistry: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start() -> Result<(), lambda_http::Error> {
    let config = FunctionConfig::read(environment)?;
    setup::logging(config.config.log_format);
    // Before the first event is asked for: an instance that cannot work fails in Lambda's init phase. What needs the network
    // waits for a request that needs it, because digests and layers are served without key, ledger and log.
    let service = Arc::new(setup::function(config)?);
    // Every verdict needs the key's public half.
    let warming = service.clone();
    tokio::spawn(async move { warming.fetch_key().await });
    let after = service.clone();
    let finish = ThenLayer::new(move |answered| {
        let after = after.clone();
        async move {
            after.finish().await;
            answered
        }
    });
    let take = MapRequestLayer::new(|invocation: LambdaInvocation| LambdaInvocation {
        body: presentable(invocation.body),
        ..invocation
    });
    let handler = service_fn(move |event| answer(service.clone(), event));
    // Layers go on after the answer was handed to Lambda. The process is frozen once it asks for the next event.
    lambda_http::runtime(handler).layer(take).layer(finish).layer(TracingLayer::new()).run().await
}

async fn answer(service: Arc<Service>, event: Request) -> Result<BinaryAnswer, std::convert::Infallible> {
    // lambda_http normalises the URI's path; names are parsed from the path as it came.
    let raw = event.raw_http_path().to_owned();
    let (mut parts, _) = event.into_parts();
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let source = source(&parts.extensions).unwrap_or(Source::UNKNOWN);
    let ids = request_ids(&parts.extensions);
    parts.extensions.insert(source);
    parts.extensions.insert(ids);
    // A path that no URI can hold is no path of a registry: the handler then sees '*' and says so.
    parts.uri = format!("{raw}{query}").parse().unwrap_or_else(|_| http::Uri::from_static("*"));
    Ok(BinaryAnswer(service.handle(&http::Request::from_parts(parts, ())).await))
}

/// The client's address, as API Gateway gives it.
fn source(extensions: &http::Extensions) -> Option<Source> {
    let context = extensions.request_context_ref()?;
    let RequestContext::ApiGatewayV2(context) = context else { return None };
    let address: IpAddr = context.http.source_ip.as_deref()?.parse().ok()?;
    Some(address.into())
}

fn request_ids(extensions: &http::Extensions) -> RequestIds {
    let api = match extensions.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    };
    RequestIds { api, lambda: extensions.lambda_context_ref().map(|context| context.request_id.clone()) }
}

/// An answer on its way to API Gateway: always binary (base64 on the wire, and bytes again behind API Gateway), so that no
/// byte of a manifest goes through a text conversion.
struct BinaryAnswer(Response<Body>);

impl IntoResponse for BinaryAnswer {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<LambdaBody>> + Send>> {
        let response = self.0.map(|body| match body {
            Body::Bytes(bytes) if bytes.is_empty() => LambdaBody::Empty,
            Body::Bytes(bytes) => LambdaBody::Binary(bytes.into()),
            // API Gateway counts these and drops them: no client ever receives them.
            Body::OfLength(length) => LambdaBody::Binary(vec![0; usize::try_from(length).unwrap_or(0)]),
        });
        Box::pin(std::future::ready(response))
    }
}
