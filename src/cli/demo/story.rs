//! The steps of the demo.

use reqwest::{Client, Response, StatusCode};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::evidence::{self, Recorded};
use super::narration::{expect, note, step};
use super::registry;
use crate::cli::{Failure, listen, log_server, serve};
use crate::config::{Config, LogConfig};
use crate::devlog::{Devlog, Options};
use crate::image::Digest;
use crate::ledger::{FileLedger, Ledger, MemoryLedger};
use crate::oci::{CONTENT_DIGEST, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use crate::pinned::PREFIX;
use crate::setup;
use crate::sighting::{LocalKey, Signer};
use crate::tlog::RekorApi;

/// The repository that the image is pushed to.
const REPOSITORY: &str = "demo/app";

/// A running server, and the means to stop it.
struct Server {
    address: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// `api` is that of the log.
pub(super) async fn tell(api: RekorApi) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let key_file = folder.path().join("signing-key.pem");
    let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;

    step("Three servers start on this machine: a registry that people push to, a transparency log, and tlogistry.");
    let upstream = start_registry().await?;
    let devlog = Devlog::open(Some(&folder.path().join("log")), Options::of(api)).await?;
    let (log, log_config) = start_log(devlog).await?;
    // A log of v1 finds what the ledger forgets.
    let ledger = match api {
        RekorApi::V1 => None,
        RekorApi::V2 => Some(FileLedger::open_or_create(&folder.path().join("ledger.redb"))?),
    };
    let service = start_tlogistry(&key_file, ledger.clone(), &log_config, &upstream).await?;
    note(&format!("registry   http://{}", upstream.address));
    note(&format!("log        http://{}", log.address));
    note(&format!("tlogistry  http://{}", service.address));

    let tag = |name: &str| format!("{}/{REPOSITORY}:{name}", upstream.address);
    step(&format!("Someone pushes an image to {}.", tag("v1")));
    let first = push(&client, &upstream, "v1", "the image that was reviewed").await?;
    push(&client, &upstream, "v2", "the next release").await?;
    note(&format!("its digest is {first}"));

    step(
        "You pull the tag through tlogistry. It has never seen it: it signs 'this tag is this digest' and records that.",
    );
    let response = pull(&client, &service, &upstream, "v1").await?;
    expect(response.status() == StatusCode::OK, "the first pull is served")?;
    expect(header(&response, CONTENT_DIGEST.as_str())? == first.as_str(), "the digest is that of the pushed image")?;
    expect(header(&response, "tlog-first-seen")? == "true", "the first pull says so")?;
    for name in ["Tlog-First-Seen", "Tlog-UUID", "Tlog-LogIndex", "Tlog-IntegratedTime", "Tlog-Entry"] {
        // A log of v2 signs no time.
        if name != "Tlog-IntegratedTime" || api == RekorApi::V1 {
            note(&format!("{name}: {}", header(&response, name)?));
        }
    }
    let uuid = header(&response, "tlog-uuid")?.to_owned();

    step("You pull it again. The tag still has the recorded digest.");
    let response = pull(&client, &service, &upstream, "v1").await?;
    expect(response.status() == StatusCode::OK, "the second pull is served")?;
    expect(response.headers().get("tlog-first-seen").is_none(), "the tag is not first seen twice")?;
    expect(header(&response, "tlog-uuid")? == uuid, "it is the same record")?;
    note("200 OK, same record");

    step(&format!("Someone pushes another image to the same tag, {}.", tag("v1")));
    let second = push(&client, &upstream, "v1", "something else entirely").await?;
    note(&format!("the registry now serves {second}"));

    step("You pull it. The tag has moved, and tlogistry refuses it. This is what docker, podman and skopeo show:");
    note(&refused(pull(&client, &service, &upstream, "v1").await?).await?);

    step("By digest you still get exactly what was recorded: a digest cannot move.");
    let response = pull(&client, &service, &upstream, first.as_str()).await?;
    expect(response.status() == StatusCode::OK, "the pull by digest is served")?;
    expect(Digest::sha256(&response.bytes().await?) == first, "and its bytes have the digest")?;
    note("200 OK");

    step("By the pinned name too, and the answer says that the tag has moved.");
    let response = pull_pinned(&client, &service, &upstream, "v1").await?;
    expect(response.status() == StatusCode::OK, "the pull by the pinned name is served")?;
    expect(header(&response, "tlog-moved")? == second.as_str(), "it says what the tag is now")?;
    note(&format!("Warning: {}", header(&response, "warning")?));
    expect(Digest::sha256(&response.bytes().await?) == first, "and its bytes have the recorded digest")?;

    step("Other tags are not affected.");
    let response = pull(&client, &service, &upstream, "v2").await?;
    expect(response.status() == StatusCode::OK, "the other tag is served")?;
    note("200 OK for v2");

    step(match api {
        RekorApi::V1 => {
            "tlogistry is restarted and has forgotten everything. You pull the moved tag once more: the log remembers."
        }
        RekorApi::V2 => {
            "tlogistry is restarted. You pull the moved tag once more: its ledger remembers. (A log of Rekor v2 cannot be searched.)"
        }
    });
    service.stop().await;
    let service = start_tlogistry(&key_file, ledger, &log_config, &upstream).await?;
    note(&refused(pull(&client, &service, &upstream, "v1").await?).await?);

    let public_key = LocalKey::open_or_generate(&key_file)?.public_key().clone();
    let (tag, entry) = (tag("v1").parse()?, Recorded { uuid, digest: first });
    match api {
        RekorApi::V1 => {
            step("The evidence, from the log alone, for anyone to check:");
            evidence::from_the_log(&client, &log_config, &tag, &entry).await?;
        }
        RekorApi::V2 => {
            step("The evidence, for anyone to check: what tlogistry keeps, and what the log has of it.");
            let url = format!("http://{}/sightings/{tag}", service.address);
            evidence::from_the_instance(&client, &url, &log_config, &public_key, &tag, &entry).await?;
        }
    }
    note(&format!("signed with this key:\n{}", public_key.pem().trim_end()));

    for server in [service, upstream, log] {
        server.stop().await;
    }
    println!("\nEverything went as told.");
    Ok(())
}

async fn start_registry() -> Result<Server, Failure> {
    let (listener, address) = listen::bind("127.0.0.1:0").await?;
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(registry::serve(listener, async { drop(stopped.await) }));
    Ok(Server { address, stop, task })
}

async fn start_log(devlog: Devlog) -> Result<(Server, LogConfig), Failure> {
    let (listener, address) = listen::bind("127.0.0.1:0").await?;
    let config = log_server::config(&devlog, &address)?;
    let (stop, stopped) = oneshot::channel();
    let task =
        tokio::spawn(log_server::serve(move |request| log_server::answer(devlog.clone(), request), listener, async {
            drop(stopped.await)
        }));
    Ok((Server { address, stop, task }, config))
}

/// Starts the real service, with an empty ledger in memory unless it is given one. The key is in `key_file`, and made if missing.
async fn start_tlogistry(
    key_file: &std::path::Path,
    ledger: Option<FileLedger>,
    log: &LogConfig,
    upstream: &Server,
) -> Result<Server, Failure> {
    let insecure = upstream.address.clone();
    let config = Config::read(|name| (name == "INSECURE_REGISTRIES").then(|| insecure.clone()))?;
    let signer = Signer::Local(LocalKey::open_or_generate(key_file)?);
    let ledger = ledger.map_or_else(|| Ledger::Memory(MemoryLedger::default()), Ledger::File);
    let service = setup::service(&config, ledger, signer, log.clone())?;
    let (listener, address) = listen::bind("127.0.0.1:0").await?;
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(serve::serve(service, listener, async { drop(stopped.await) }));
    Ok(Server { address, stop, task })
}

/// Pushes an image whose one layer is `text`, and returns its digest.
async fn push(client: &Client, registry: &Server, tag: &str, text: &str) -> Result<Digest, Failure> {
    let base = format!("http://{}/v2/{REPOSITORY}", registry.address);
    let layer = text.as_bytes().to_vec();
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [Digest::sha256(&layer).as_str()]},
    });
    let config = config.to_string().into_bytes();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": Digest::sha256(&config).as_str(), "size": config.len()},
        "layers": [{"mediaType": OCI_LAYER, "digest": Digest::sha256(&layer).as_str(), "size": layer.len()}],
    });
    let manifest = manifest.to_string().into_bytes();
    let digest = Digest::sha256(&manifest);
    for blob in [layer, config] {
        let url = format!("{base}/blobs/uploads?digest={}", Digest::sha256(&blob));
        client.post(url).body(blob).send().await?.error_for_status()?;
    }
    let put = client.put(format!("{base}/manifests/{tag}")).header("content-type", OCI_MANIFEST).body(manifest);
    put.send().await?.error_for_status()?;
    Ok(digest)
}

/// Asks tlogistry for a manifest, as `docker pull <tlogistry>/<registry>/demo/app:<reference>` would.
async fn pull(client: &Client, service: &Server, registry: &Server, reference: &str) -> Result<Response, Failure> {
    let url = format!("http://{}/v2/{}/{REPOSITORY}/manifests/{reference}", service.address, registry.address);
    Ok(client.get(url).send().await?)
}

async fn pull_pinned(client: &Client, service: &Server, registry: &Server, tag: &str) -> Result<Response, Failure> {
    let url = format!("http://{}/v2/{PREFIX}{}/{REPOSITORY}/manifests/{tag}", service.address, registry.address);
    Ok(client.get(url).send().await?)
}

fn header<'a>(response: &'a Response, name: &str) -> Result<&'a str, Failure> {
    let value = response.headers().get(name).ok_or_else(|| format!("the answer has no {name}"))?;
    Ok(value.to_str()?)
}

/// The message of a refusal, as a client shows it.
async fn refused(response: Response) -> Result<String, Failure> {
    expect(response.status() == StatusCode::FORBIDDEN, "the moved tag is refused")?;
    let body: serde_json::Value = serde_json::from_slice(&response.bytes().await?)?;
    let error = &body["errors"][0];
    let (code, message) = (error["code"].as_str().unwrap_or_default(), error["message"].as_str().unwrap_or_default());
    expect(code == "DENIED" && message.contains("has moved"), "the refusal says why")?;
    Ok(format!("403 {code}: {message}"))
}
