//! API Gateway and Lambda, small: requests become events, and each of a few instances of the function gets one at a
//! time.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::distance::listen;
use super::runtime_api::Function;
use super::wire::Wire;

pub struct Gateway {
    pub address: String,
    idle: Arc<Mutex<Vec<Function>>>,
}

impl Gateway {
    /// Starts a gateway before `count` instances. As Lambda does, it prefers the instance that it used last.
    pub fn start(count: usize, environment: &[(String, String)]) -> Self {
        let idle = (0..count).map(|_| Function::start(environment)).collect();
        let idle = Arc::new(Mutex::new(idle));
        Self { address: serve(idle.clone()), idle }
    }

    /// The lines of all requests so far.
    pub fn lines(&self) -> Vec<String> {
        self.idle.lock().unwrap().iter().flat_map(Function::lines).collect()
    }
}

fn serve(idle: Arc<Mutex<Vec<Function>>>) -> String {
    let returned = mpsc::channel::<()>();
    let returned = (returned.0, Arc::new(Mutex::new(returned.1)));
    listen(move |stream| {
        let mut wire = Wire::new(stream).patient();
        while let Ok(Some(request)) = wire.read(false) {
            let mut words = request.first.split(' ');
            let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let function = loop {
                let last = idle.lock().unwrap().pop();
                match last {
                    Some(function) => break function,
                    None => drop(returned.1.lock().unwrap().recv()),
                }
            };
            let answer = function.invoke(Function::event(method, path));
            idle.lock().unwrap().push(function);
            let _ = returned.0.send(());
            if wire.write(&translated(&answer, method)).is_err() {
                return;
            }
        }
    })
}

/// The answer that API Gateway makes of the function's.
fn translated(answer: &[u8], method: &str) -> Vec<u8> {
    let answer: Value = serde_json::from_slice(answer).unwrap();
    let body = answer["body"].as_str().unwrap_or_default();
    let body = match answer["isBase64Encoded"].as_bool() {
        Some(true) => BASE64_STANDARD.decode(body).unwrap(),
        _ => body.as_bytes().to_vec(),
    };
    let status = answer["statusCode"].as_u64().unwrap_or(500);
    let mut head = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n", body.len());
    let headers = answer["headers"].as_object().into_iter().chain(answer["multiValueHeaders"].as_object()).flatten();
    let mut seen = std::collections::BTreeSet::new();
    for (name, value) in headers {
        let value = value.as_str().or_else(|| value[0].as_str()).unwrap_or_default();
        if !name.eq_ignore_ascii_case("content-length") && seen.insert(name.to_ascii_lowercase()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    let body = if method == "HEAD" { Vec::new() } else { body };
    [head.into_bytes(), b"\r\n".to_vec(), body].concat()
}
