//! Sigstore's time-stamping authority, with a key and certificates in memory. Only `make peers` has it.
//!
//! It also listens on port 2112, for metrics: one runs at a time.

use std::time::Instant;

use tlogistry::timestamp::TimestampAuthority;
use url::Url;

use super::client;
use super::port::start_on_free_port;
use super::process::{PATIENCE, Process, go_tool};

pub struct TimestampServer {
    /// The URL that is posted to.
    pub url: Url,
    /// Its chain, the root last.
    pub pem: String,
    _process: Process,
}

impl TimestampServer {
    /// With `whole_chain`, its time stamps enclose the certificates between too.
    pub async fn start(whole_chain: bool) -> Self {
        let (process, address) = start_on_free_port(|address| {
            let mut command = go_tool("timestamp-server");
            command.args(["serve", "--host", "127.0.0.1", "--disable-ntp-monitoring", "--port"]);
            command.arg(address.port().to_string());
            if whole_chain {
                command.arg("--include-chain-in-response");
            }
            command
        });
        let url: Url = format!("http://{address}/api/v1/timestamp").parse().unwrap();
        let deadline = Instant::now() + PATIENCE;
        let pem = loop {
            let answer = client::get(&format!("{url}/certchain")).await;
            if answer.status == 200 {
                break String::from_utf8(answer.bytes.to_vec()).unwrap();
            }
            assert!(Instant::now() < deadline, "{answer:?}");
        };
        Self { url, pem, _process: process }
    }

    /// The authority with its whole chain known.
    pub fn authority(&self) -> TimestampAuthority {
        TimestampAuthority::from_pem(Some(self.url.clone()), &self.pem).unwrap()
    }

    /// The authority of which the root alone is known.
    pub fn by_root(&self) -> TimestampAuthority {
        let root = self.pem.rfind("-----BEGIN").unwrap();
        TimestampAuthority::from_pem(Some(self.url.clone()), &self.pem[root..]).unwrap()
    }
}
