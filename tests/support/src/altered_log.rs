//! An embedded log whose answers are what a test makes of them.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tlogistry::cli::listen;
use tlogistry::devlog::Devlog;

/// A change to the log's answer to a path.
pub type Alter = Box<dyn Fn(&str, Response<Bytes>) -> Response<Bytes> + Send>;

/// Changes nothing at first.
pub fn unaltered() -> Arc<Mutex<Alter>> {
    Arc::new(Mutex::new(Box::new(|_, response| response)))
}

/// Serves a log until the test ends, and returns its URL.
pub async fn serve(devlog: Devlog, alter: Arc<Mutex<Alter>>) -> String {
    let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
    let handler = move |request: Request<hyper::body::Incoming>| {
        let (devlog, alter) = (devlog.clone(), alter.clone());
        async move {
            let path = request.uri().path().to_owned();
            match listen::read(request, 1 << 20).await {
                Ok(request) => {
                    let response = devlog.handle(request).await;
                    alter.lock().unwrap()(&path, response).map(Full::new)
                }
                Err(refusal) => refusal,
            }
        }
    };
    tokio::spawn(listen::serve(listener, handler, std::future::pending()));
    format!("http://{address}")
}
