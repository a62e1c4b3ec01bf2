//! A proxy before DynamoDB that holds every call until the test lets all that have come go on together: a wave. So the number
//! of waves is the number of calls that wait for one another, whatever the machine's speed.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use testing::dynamodb_call::{DynamoDbCall, proxy};
use testing::process::PATIENCE;
use tokio::sync::{Notify, oneshot};

pub struct Waves {
    pub endpoint: String,
    shared: Arc<Shared>,
}

/// Calls that wait, by operation and what they name.
type Held = Vec<(String, oneshot::Sender<()>)>;

#[derive(Default)]
struct Shared {
    /// `None` while all go on at once.
    held: Mutex<Option<Held>>,
    arrived: Notify,
}

impl Waves {
    /// Everything goes on at once until [`Waves::begin`].
    pub async fn to(endpoint: &'static str) -> Self {
        let shared: Arc<Shared> = Arc::default();
        let of_proxy = shared.clone();
        let answer = move |call: DynamoDbCall| {
            let shared = of_proxy.clone();
            async move {
                shared.pass(format!("{} {}", call.operation, named(&call.asked))).await;
                call.forward().await
            }
        };
        Self { endpoint: proxy(endpoint, answer).await, shared }
    }

    /// Holds every call from now on.
    pub fn begin(&self) {
        *self.shared.held.lock().unwrap() = Some(Vec::new());
    }

    /// Waits for as many calls as are expected, and lets them go on. None of them is answered before the last has come.
    pub async fn next<const N: usize>(&self, expected: [&str; N]) {
        let all = async {
            loop {
                let arrived = self.shared.arrived.notified();
                if self.names().len() >= N {
                    return;
                }
                arrived.await;
            }
        };
        // By the time of the machine: the service's passes slowly.
        let (sender, out_of_patience) = oneshot::channel();
        std::thread::spawn(move || {
            std::thread::sleep(PATIENCE);
            // It fails once nobody waits any more.
            let _ = sender.send(());
        });
        tokio::select! {
            () = all => {}
            _ = out_of_patience => panic!("expected {expected:?}, found {:?}", self.names()),
        }
        assert_eq!(self.names(), expected);
        let held = self.shared.held.lock().unwrap().as_mut().map(std::mem::take);
        for (_, go_on) in held.into_iter().flatten() {
            // It fails if the service has given the call up.
            let _ = go_on.send(());
        }
    }

    fn names(&self) -> Vec<String> {
        let held = self.shared.held.lock().unwrap();
        let mut names: Vec<String> = held.iter().flatten().map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }
}

impl Shared {
    async fn pass(&self, name: String) {
        let (go_on, gone_on) = oneshot::channel();
        match self.held.lock().unwrap().as_mut() {
            Some(held) => held.push((name, go_on)),
            None => return,
        }
        self.arrived.notify_one();
        gone_on.await.unwrap();
    }
}

/// The kind of item that a call names.
fn named(asked: &Value) -> &'static str {
    let keys = [&asked["Key"]["tag"], &asked["Item"]["tag"], &asked["Key"]["counter"]];
    let key = keys.into_iter().find_map(|key| key["S"].as_str()).unwrap();
    match key {
        "@instance" => "instance",
        key if key.starts_with("source/") => "source",
        key if key.starts_with("total/") => "total",
        key if key.contains('@') => "index",
        _ => "tag",
    }
}
