//! The end of the demo: the evidence of what was recorded first, as anyone can check it.

use reqwest::Client;
use serde_json::json;

use super::narration::{expect, note};
use crate::cli::Failure;
use crate::config::LogConfig;
use crate::evidence::Bundle;
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::oci::JSON;
use crate::rekor::Logs;
use crate::sighting::{parse_statement, statement, subject_hash};
use crate::tlog::{EntryId, LogEntry};

/// The record, as the first pull named it.
pub(super) struct Recorded {
    pub(super) uuid: String,
    pub(super) digest: Digest,
}

/// A log of v1 has all of it, and finds it by the tag.
pub(super) async fn from_the_log(
    client: &Client,
    log: &LogConfig,
    tag: &Tag,
    recorded: &Recorded,
) -> Result<(), Failure> {
    let uuid = &recorded.uuid;
    let hash = subject_hash(tag);
    let search = json!({"hash": format!("sha256:{hash}")}).to_string();
    let search = client.post(log.url.join("api/v1/index/retrieve")?).header("content-type", JSON).body(search);
    let found: Vec<String> = serde_json::from_slice(&search.send().await?.error_for_status()?.bytes().await?)?;
    expect(found == [uuid.as_str()], "a search by the tag's sha256 finds exactly the one record")?;
    note(&format!("search for sha256 of '{tag}' ({hash}) finds {uuid}"));

    let id: EntryId = uuid.parse()?;
    let entry = client.get(log.url.join(&format!("api/v1/log/entries/{id}"))?).send().await?.error_for_status()?;
    let entry = LogEntry::parse(&entry.bytes().await?)?;
    entry.verify_attestation().map_err(|faults| format!("the statement does not verify: {faults:?}"))?;
    let statement = entry.attestation().map(<[u8]>::to_vec).unwrap_or_default();
    entry.verify(&log.keys).map_err(|faults| format!("the entry does not verify: {faults:?}"))?;
    expect(
        parse_statement(&statement).as_ref() == Some(&(tag.clone(), recorded.digest.clone())),
        "the record states the first digest",
    )?;
    note("its timestamp, inclusion proof, checkpoint and signature verify, and it states:");
    note(&String::from_utf8(statement)?);
    Ok(())
}

/// A log of v2 has the statement's digest and signature alone. The instance keeps the rest, at `url`.
pub(super) async fn from_the_instance(
    client: &Client,
    url: &str,
    log: &LogConfig,
    key: &PublicKey,
    tag: &Tag,
    recorded: &Recorded,
) -> Result<(), Failure> {
    let bundle = client.get(url).send().await?.error_for_status()?.bytes().await?;
    let sighting = Bundle::parse(&bundle)?.verify(tag, &log.keys, std::slice::from_ref(key))?;
    expect(sighting.digest() == &recorded.digest, "the record states the first digest")?;
    expect(sighting.entry().id().to_string() == recorded.uuid, "it is the entry that the first pull named")?;
    note(&format!("{url} is a Sigstore bundle"));
    note("its inclusion proof, checkpoint and signature verify, and it states:");
    let statement = statement(sighting.tag(), sighting.digest());
    note(&String::from_utf8(statement)?);

    let entry = sighting.entry();
    let entries = Logs::new(log.clients()?).entry_url(entry);
    let published = client.get(&entries).send().await?.error_for_status()?.bytes().await?;
    let leaf = entry.signed_fields().leaf();
    expect(published.windows(leaf.len()).any(|bytes| bytes == leaf), "the log has published the entry")?;
    note(&format!("the log has published its digest and signature, as entry {}, at {entries}", entry.log_index()));
    Ok(())
}
