//! One instance of the service: a real process, and a proxy in front of everything that it calls.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::proxy::Proxy;
use crate::stage::Stage;

pub struct Instance {
    stage: Arc<Stage>,
    pub upstream: Proxy,
    pub table: Proxy,
    pub log: Proxy,
    /// All waiting inside the instance for one request adds up to this; leases follow from it.
    request_timeout: Duration,
    running: Running,
}

struct Running {
    address: String,
    child: Arc<Mutex<Child>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Instance {
    pub async fn start(stage: Arc<Stage>, request_timeout: Duration) -> Self {
        let upstream = Proxy::start(&format!("http://{}", stage.registry.address)).await;
        let table = Proxy::start(stage.table.endpoint).await;
        let log = Proxy::start(stage.log_config.url.as_str().trim_end_matches('/')).await;
        let running = Running::start(&stage, [&upstream, &table, &log], request_timeout).await;
        let instance = Self { stage, upstream, table, log, request_timeout, running };
        instance.arm();
        instance
    }

    pub fn proxies(&self) -> [(&'static str, &Proxy); 3] {
        [("registry", &self.upstream), ("table", &self.table), ("log", &self.log)]
    }

    fn arm(&self) {
        for (_, proxy) in self.proxies() {
            let child = self.running.child.clone();
            proxy.kills(move || drop(child.lock().unwrap().kill()));
        }
    }

    /// Starts it again if it was killed. Its memory is gone; nothing else is.
    pub async fn restart_if_dead(&mut self) -> bool {
        let dead = self.running.child.lock().unwrap().try_wait().unwrap().is_some();
        if dead {
            let proxies = [&self.upstream, &self.table, &self.log];
            self.running = Running::start(&self.stage, proxies, self.request_timeout).await;
            self.arm();
        }
        dead
    }

    /// The URL of a tag at this instance. The registry's name is one that all instances share.
    pub fn url(&self, tag: &str) -> String {
        format!("http://{}/v2/registry.test/app/manifests/{tag}", self.running.address)
    }

    /// The same, by the pinned name.
    pub fn pinned(&self, tag: &str) -> String {
        format!("http://{}/v2/pinned.alt/registry.test/app/manifests/{tag}", self.running.address)
    }
}

impl Running {
    async fn start(stage: &Stage, [upstream, table, log]: [&Proxy; 3], request_timeout: Duration) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tlogistry-cli"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--log-listen", "127.0.0.1:0", "--state"])
            .arg(stage.folder.path())
            .env("INSECURE_REGISTRIES", format!("registry.test={}", upstream.address))
            .env("LEDGER_TABLE", &stage.table.name)
            .env("AWS_ENDPOINT_URL_DYNAMODB", table.url())
            .envs(stage.table.credentials())
            .env("REKOR_URL", log.url())
            .env("REKOR_PUBLIC_KEYS", stage.log.public_key_pem())
            .env("REQUEST_TIMEOUT_MS", request_timeout.as_millis().to_string())
            // Each round is a first sight.
            .env("FIRST_SIGHTS_PER_MINUTE", "1000000")
            .env("FIRST_SIGHTS_PER_MINUTE_PER_SOURCE", "1000000")
            .env("LOG_FORMAT", "text")
            .env("RUST_LOG", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = tokio::task::spawn_blocking(move || {
            lines.find_map(|line| line.unwrap().strip_prefix("registry listening on http://").map(str::to_owned))
        });
        let address = listening.await.unwrap().expect("serve ended before it listened");
        Self { address, child: Arc::new(Mutex::new(child)) }
    }
}
