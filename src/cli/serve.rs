//! `serve`: the registry on this machine.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::net::TcpListener;

use super::embedded_log::EmbeddedLog;
use super::listen::Peer;
use super::{CommandResult, listen};
use crate::config::{Config, environment};
use crate::http::{Body, Service};
use crate::private;
use crate::rate_limit::Source;
use crate::setup;
use crate::sighting::{LocalKey, Signer};

/// The ledger's file in the state folder.
const LEDGER_FILE: &str = "ledger.redb";

/// Serve the registry on this machine
///
/// The environment variables of the function configure it. Without KMS_KEY_ID, a key is made and kept in the state
/// folder. Without LEDGER_TABLE, the ledger is the file 'ledger.redb' there, for one process at a time. Without
/// REKOR_URL, a small log that only this machine sees is kept there too, and served at a fixed address.
#[derive(Args)]
pub(super) struct Serve {
    /// Address to listen on; port 0 means any free one
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// Folder for the signing key, the ledger and the embedded log
    #[arg(long, value_name = "DIR", default_value = "tlogistry-state")]
    state: PathBuf,
    #[command(flatten)]
    log: EmbeddedLog,
}

impl Serve {
    pub(super) async fn run(self) -> CommandResult {
        let config = Config::read(environment)?;
        setup::logging(config.log_format);
        if config.log.is_some() {
            self.log.refuse_api()?;
        }
        let signer = match &config.kms_key_id {
            Some(id) => setup::kms_signer(id.clone()).await,
            None => Signer::Local(LocalKey::open_or_generate(&self.state.join("signing-key.pem"))?),
        };
        let keeps_state = config.log.is_none() || config.ledger_table.is_none();
        let state = if keeps_state { private::folder(&self.state)? } else { self.state };
        let log = match &config.log {
            Some(log) => log.clone(),
            None => self.log.start(&state).await?,
        };
        let ledger = setup::ledger(&config, &state.join(LEDGER_FILE)).await?;
        println!("sightings are recorded in {}", log.url);
        let rate_limit = setup::rate_limit(&config).await;
        let service = setup::service_limited_by(rate_limit, &config, ledger, signer, log)?;
        let (listener, address) = listen::bind(&self.listen).await?;
        let stop = listen::stop_signal();
        println!("registry listening on http://{address}");
        serve(service, listener, stop).await;
        Ok(ExitCode::SUCCESS)
    }
}

/// Serves the registry until `stop` is done.
pub(super) async fn serve(service: Service, listener: TcpListener, stop: impl Future<Output = ()>) {
    let service = Arc::new(service);
    let served = service.clone();
    let handler = move |mut request: Request<Incoming>| {
        let service = service.clone();
        if let Some(Peer(address)) = request.extensions().get().copied() {
            request.extensions_mut().insert(Source::from(address));
        }
        async move { into_response(request.method(), service.handle(&request).await) }
    };
    listen::serve(listener, handler, stop).await;
    served.finish().await;
}

/// The response for hyper. A HEAD gets the length that GET would have, and no body.
fn into_response(method: &Method, response: Response<Body>) -> Response<Full<Bytes>> {
    let (mut parts, body) = response.into_parts();
    if method == Method::HEAD {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.length()));
    }
    let bytes = match body {
        Body::Bytes(bytes) if method != Method::HEAD => bytes,
        Body::Bytes(_) | Body::OfLength(_) => Bytes::new(),
    };
    Response::from_parts(parts, Full::new(bytes))
}
