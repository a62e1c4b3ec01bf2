//! A server's answers, given again: what DynamoDB Local takes milliseconds for costs next to nothing the second time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::distance::listen;
use super::wire::{Message, Wire};

/// Puts a memory before `server`. Only for what is read: the same request gets the same answer. Returns the address.
pub fn replayed(server: &str) -> String {
    let server = server.to_owned();
    let answers: Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>> = Arc::default();
    listen(move |stream| {
        let mut wire = Wire::new(stream).patient();
        while let Ok(Some(request)) = wire.read(false) {
            // The same operation on the same key. All else in the head changes with the time.
            let operation = request.header("x-amz-target").unwrap_or_default().as_bytes();
            let question = [operation, b"\n", &request.body].concat();
            let known = answers.lock().unwrap().get(&question).cloned();
            let answer = known.unwrap_or_else(|| {
                let answer = asked(&server, &request);
                assert_eq!(answer.status(), 200, "{}", String::from_utf8_lossy(&answer.body));
                let bytes = [answer.head, answer.body].concat();
                answers.lock().unwrap().insert(question, bytes.clone());
                bytes
            });
            if wire.write(&answer).is_err() {
                return;
            }
        }
    })
}

fn asked(server: &str, request: &Message) -> Message {
    let mut upstream = Wire::open(server);
    upstream.write(&[&request.head[..], &request.body].concat()).unwrap();
    upstream.read(false).unwrap().expect("the server answers")
}
