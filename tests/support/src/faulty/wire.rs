//! A server on a free port that can also fail as networks do: no answer, half an answer, an answer without end.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use http::response::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tlogistry::cli::listen;

/// An answer on the wire; an error closes the connection where it stands.
pub type Wire = Result<Response<UnsyncBoxBody<Bytes, io::Error>>, io::Error>;

/// Serves as long as the test's runtime lives, and returns `127.0.0.1:<port>`.
pub async fn serve<F>(handler: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static) -> String
where
    F: Future<Output = Wire> + Send + 'static,
{
    let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
    let handler = Arc::new(handler);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let handler = handler.clone();
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let handler = handler.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
                    handler(Request::from_parts(parts, body)).await
                }
            });
            let connection = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
            tokio::spawn(async move { drop(connection.await) });
        }
    });
    address
}

/// An address where nothing listens.
pub async fn closed() -> String {
    listen::bind("127.0.0.1:0").await.unwrap().1
}

pub fn whole(response: Response<Bytes>) -> Wire {
    Ok(response.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync()))
}

pub fn status(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        response.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    response
}

/// The connection closes before an answer.
pub fn dropped() -> Wire {
    Err(io::ErrorKind::ConnectionReset.into())
}

/// The head, then `bytes` again and again for ever.
pub fn endless(head: Parts, bytes: Bytes) -> Wire {
    streamed(head, stream::unfold(bytes, |bytes| async { Some((Ok(Frame::data(bytes.clone())), bytes)) }))
}

/// The head, then a byte now and then: no time-out between two reads would ever end it.
pub fn tar_pit(head: Parts) -> Wire {
    let drops = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Ok(Frame::data(Bytes::from_static(b" "))), ()))
    });
    streamed(head, drops)
}

/// The head announces the whole body, of which half comes.
pub fn cut_short(response: Response<Bytes>) -> Wire {
    let (mut head, body) = response.into_parts();
    head.headers.insert("content-length", body.len().into());
    let half = Ok(Frame::data(body.slice(..body.len() / 2)));
    streamed(head, stream::iter([half, Err(io::ErrorKind::ConnectionReset.into())]))
}

/// The head announces the whole body, of which half comes and then nothing.
pub fn stalled(response: Response<Bytes>) -> Wire {
    let (mut head, body) = response.into_parts();
    head.headers.insert("content-length", body.len().into());
    let half = stream::iter([Ok(Frame::data(body.slice(..body.len() / 2)))]);
    streamed(head, half.chain(stream::pending()))
}

/// The same bytes without `Content-Length`.
pub fn unannounced(response: Response<Bytes>) -> Wire {
    let (head, body) = response.into_parts();
    streamed(head, stream::iter([Ok(Frame::data(body))]))
}

/// Never an answer.
pub async fn silent() -> Wire {
    std::future::pending().await
}

fn streamed(head: Parts, frames: impl Stream<Item = io::Result<Frame<Bytes>>> + Send + 'static) -> Wire {
    Ok(Response::from_parts(head, StreamBody::new(frames).boxed_unsync()))
}
