//! A proxy in front of one thing that an instance calls, which can do what a bad moment does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A fault at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL before the call arrives.
    KillBefore,
    /// SIGKILL after the call was carried out, before its answer arrives.
    KillAfter,
    /// The connection breaks before the call arrives.
    DropBefore,
    /// The connection breaks after the call was carried out: its answer is lost.
    DropAfter,
}

impl Fault {
    pub const ALL: [Self; 4] = [Self::KillBefore, Self::KillAfter, Self::DropBefore, Self::DropAfter];
}

/// One fault at the n-th call (from 0) from now on, and how to kill the instance.
pub struct Plan {
    pub at: usize,
    pub fault: Fault,
}

type Kill = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
pub struct Proxy {
    pub address: String,
    state: Arc<State>,
}

struct State {
    target: String,
    client: reqwest::Client,
    plan: Mutex<Option<Plan>>,
    calls: AtomicUsize,
    kill: Mutex<Option<Kill>>,
}

impl Proxy {
    /// Starts a proxy in front of `target`, a URL without a path.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            target: target.to_owned(),
            client: reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
            plan: Mutex::default(),
            calls: AtomicUsize::default(),
            kill: Mutex::default(),
        });
        let serving = state.clone();
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let state = serving.clone();
                let service = service_fn(move |request| answer(state.clone(), request));
                // An error of the service ends the connection without an answer.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn plan(&self, plan: Option<Plan>) {
        self.state.calls.store(0, Ordering::SeqCst);
        *self.state.plan.lock().unwrap() = plan;
    }

    pub fn kills(&self, kill: impl Fn() + Send + Sync + 'static) {
        *self.state.kill.lock().unwrap() = Some(Arc::new(kill));
    }

    /// The planned fault, once it has happened.
    pub fn struck(&self) -> Option<Fault> {
        let plan = self.state.plan.lock().unwrap();
        plan.as_ref().filter(|plan| self.state.calls.load(Ordering::SeqCst) > plan.at).map(|plan| plan.fault)
    }
}

#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection was broken on purpose")
    }
}

impl std::error::Error for Broken {}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Broken> {
    let call = state.calls.fetch_add(1, Ordering::SeqCst);
    let fault = state.plan.lock().unwrap().as_ref().filter(|plan| plan.at == call).map(|plan| plan.fault);
    match fault {
        Some(Fault::KillBefore) => {
            state.strike_dead();
            return Err(Broken);
        }
        Some(Fault::DropBefore) => return Err(Broken),
        _ => {}
    }
    let answer = state.forward(request).await.map_err(|_| Broken);
    match fault {
        Some(Fault::KillAfter) => {
            state.strike_dead();
            Err(Broken)
        }
        Some(Fault::DropAfter) => Err(Broken),
        _ => answer,
    }
}

impl State {
    fn strike_dead(&self) {
        if let Some(kill) = self.kill.lock().unwrap().clone() {
            kill();
        }
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, reqwest::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = parts.headers;
        headers.remove("host");
        headers.remove("content-length");
        let call = self.client.request(parts.method.clone(), format!("{}{path}", self.target)).headers(headers);
        let answer = call.body(body).send().await?;
        let mut response = Response::new(Full::default());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        response.headers_mut().remove("transfer-encoding");
        let length = response.headers().get("content-length").cloned();
        *response.body_mut() = Full::new(answer.bytes().await?);
        if let (http::Method::HEAD, Some(length)) = (parts.method, length) {
            response.headers_mut().insert("content-length", length);
        }
        Ok(response)
    }
}
