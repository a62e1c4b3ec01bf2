//! Commands with which a tag is checked without trusting this host.

use maud::{Markup, html};

use super::host::Host;
use super::layout::{commands, word};
use super::{Log, Seen};
use crate::image::{Algorithm, Tag};
use crate::sighting::PREDICATE_TYPE;

/// For a tag of which nothing is known but its name.
pub fn by_name(host: &Host, tag: &Tag, log: Log<'_>) -> Markup {
    html! {
        (key(host, None))
        (tlogistry(tag, log))
        (rekor(tag, None, log))
    }
}

pub fn by_sighting(host: &Host, seen: &Seen<'_>) -> Markup {
    html! {
        (key(host, seen.earlier_key))
        (tlogistry(seen.tag, seen.log))
        (cosign(host, seen))
        (rekor(seen.tag, Some(seen.log_index), seen.log))
    }
}

/// `earlier`: the key, where it is another than the one that this host signs with now.
fn key(host: &Host, earlier: Option<&str>) -> Markup {
    html! {
        h3 { "The key" }
        @if let Some(pem) = earlier {
            p { "Signed with an earlier key of this host. Compare it with a copy from someone you trust." }
            (commands(&[format!("cat > key.pem <<'KEY'\n{pem}KEY")]))
        } @else {
            p { "Fetch it once and keep it. Better still, get it from someone you trust." }
            (commands(&[format!("curl -fsSo key.pem {}", host.url("/key.pem"))]))
        }
    }
}

fn tlogistry(tag: &Tag, log: Log<'_>) -> Markup {
    let mut lines = Vec::new();
    let mut verify = "tlogistry-cli verify --key key.pem".to_owned();
    if !log.is_public {
        lines.push(format!("curl -fsSo log.pem {}", word(&format!("{}/api/v1/log/publicKey", log.url))));
        verify += &format!(" --rekor {} --rekor-key log.pem", word(log.url));
    }
    lines.push(format!("{verify} {tag}"));
    html! {
        h3 { "All of it, with tlogistry-cli" }
        p { "Asks the log and the registry, not this host: every entry for the tag, each proof, and what the tag is now." }
        (commands(&lines))
    }
}

fn cosign(host: &Host, seen: &Seen<'_>) -> Markup {
    let Seen { tag, digest, log, .. } = seen;
    let mut fetch = vec![format!("curl -fsSo bundle.json {}", host.url(&format!("/sightings/{tag}")))];
    let mut options = format!("--key key.pem --type {PREDICATE_TYPE}");
    if !log.is_public {
        fetch.push(format!("curl -fsSo trusted-root.json {}", host.url("/trusted-root.json")));
        options += " --trusted-root trusted-root.json";
    }
    fetch.push(format!("printf %s {tag} > tag.txt"));
    fetch.push(format!("cosign verify-blob-attestation {options} --bundle bundle.json tag.txt"));
    if digest.algorithm() == Algorithm::Sha256 {
        let hex = digest.hex();
        fetch.push(format!(
            "cosign verify-blob-attestation {options} --bundle bundle.json --digest {hex} --digestAlg sha256"
        ));
    }
    let plain = if host.is_local() { " --allow-http-registry" } else { "" };
    let attestation = host.image(tag).map(|image| format!("cosign verify-attestation {options}{plain} {image}"));
    html! {
        h3 { "The record, with cosign" }
        p { "That this tag, and this digest, are what was signed, and that the log holds it." }
        (commands(&fetch))
        @if let Some(attestation) = attestation {
            p { "The same record as an attestation of the image, and that the tag still has this digest." }
            (commands(&[attestation]))
        }
    }
}

fn rekor(tag: &Tag, log_index: Option<u64>, log: Log<'_>) -> Markup {
    let server = if log.is_public { String::new() } else { format!(" --rekor_server {}", word(log.url)) };
    let mut lines = vec![format!("rekor-cli search{server} --sha $(printf %s {tag} | sha256sum | cut -d' ' -f1)")];
    match log_index {
        Some(index) => lines.push(format!("rekor-cli get{server} --log-index {index}")),
        None => lines.push(format!("rekor-cli get{server} --uuid <one of the ids>")),
    }
    html! {
        h3 { "The log, with rekor-cli" }
        p { "What the log has about this tag. Anyone can file entries there: only those signed with the key count." }
        (commands(&lines))
    }
}
