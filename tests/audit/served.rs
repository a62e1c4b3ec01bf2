//! An instance that has recorded a tag, and servers that pretend to be one.

use http::{Request, Response};
use http_body_util::Full;
use testing::client::get;
use testing::image::Image;
use testing::instance::Instance;
use testing::process::{Ended, Process, cli};
use testing::stage::Stage;
use tlogistry::cli::listen;

pub const TAG: &str = "registry.test/demo/app:v1";

pub struct Served {
    pub stage: Stage,
    pub folder: tempfile::TempDir,
    pub instance: Instance,
}

impl Served {
    /// An instance that has recorded v1.
    pub async fn set() -> Self {
        let (stage, folder) = (Stage::set(), tempfile::tempdir().unwrap());
        let instance = Instance::serve(folder.path(), &stage.environment());
        stage.push("v1", &Image::oci("pulled")).await;
        assert_eq!(get(&instance.url("manifests/v1")).await.status, 200);
        std::fs::write(folder.path().join("log.pem"), &stage.log.public_key).unwrap();
        let key = get(&instance.at("/key.pem")).await;
        std::fs::write(folder.path().join("key.pem"), &key.bytes).unwrap();
        Self { stage, folder, instance }
    }

    /// Runs a command on a tag, with what the instance at a URL says.
    pub fn run(&self, command: &str, tag: &str, instance: &str, arguments: &[&str]) -> Ended {
        let mut cli = cli();
        cli.args([command, tag, "--instance", instance, "--rekor", &self.stage.log.url]).args(arguments);
        cli.arg("--rekor-key").arg(self.folder.path().join("log.pem"));
        cli.arg("--key").arg(self.folder.path().join("key.pem")).envs(self.stage.environment());
        Process::start(&mut cli).finish()
    }

    pub fn url(&self) -> String {
        self.instance.at("")
    }
}

/// A server that answers everything with a body.
pub async fn answering(status: u16, body: impl Into<bytes::Bytes>) -> String {
    let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
    let body = body.into();
    let handler = move |_: Request<hyper::body::Incoming>| {
        let response = Response::builder().status(status).body(Full::new(body.clone())).unwrap();
        async move { response }
    };
    tokio::spawn(listen::serve(listener, handler, std::future::pending()));
    format!("http://{address}")
}
