//! Commands that check a tag without trusting this host.

use maud::{Markup, html};

use super::host::Host;
use super::layout::{commands, with_options, word};
use super::{ShownLog, SightingPage};
use crate::image::{Algorithm, Tag};
use crate::sighting::PREDICATE_TYPE;

/// The commands for a tag that is known by name alone.
pub(super) fn by_name(host: &Host, tag: &Tag, log: ShownLog<'_>) -> Markup {
    html! {
        (key(host, None))
        (tlogistry(host, tag, log))
        (rekor(tag, None, log))
    }
}

/// The commands for a tag with a sighting.
pub(super) fn by_sighting(host: &Host, seen: &SightingPage<'_>) -> Markup {
    html! {
        (key(host, seen.earlier_key))
        (tlogistry(host, seen.tag, seen.log))
        (cosign(host, seen))
        (rekor(seen.tag, Some(seen.log_index), seen.log))
    }
}

/// `earlier` is the key, unless it is the one that this host signs with now.
fn key(host: &Host, earlier: Option<&str>) -> Markup {
    html! {
        h3 { "First, the key" }
        @if let Some(pem) = earlier {
            p { "Signed with an earlier key of this host. Compare it with a copy from someone you trust." }
            (commands(&[format!("cat > key.pem <<'KEY'\n{pem}KEY")]))
        } @else {
            p { "Fetch it once and keep it. Better still, get it from someone you trust." }
            (commands(&[format!("curl -fsSo key.pem {}", host.url("/key.pem"))]))
        }
    }
}

fn tlogistry(host: &Host, tag: &Tag, log: ShownLog<'_>) -> Markup {
    if !log.is_searchable {
        return by_instance(host, tag);
    }
    let verify = "tlogistry-cli verify";
    let lines = if log.is_public {
        vec![format!("{verify} --key key.pem {tag}")]
    } else {
        let key = word(&format!("{}/api/v1/log/publicKey", log.url));
        let options =
            ["--key key.pem".to_owned(), format!("--rekor {}", word(log.url)), format!("--rekor-key log.pem {tag}")];
        vec![format!("curl -fsSo log.pem {key}"), with_options(verify, &options)]
    };
    html! {
        h3 { "All of it, with tlogistry-cli" }
        p { "Asks the log and the registry, not this host: every entry for the tag, each proof, and what the tag is now." }
        (commands(&lines))
    }
}

/// The check against a log that lists nothing: the record comes from this host, and is checked all the same.
fn by_instance(host: &Host, tag: &Tag) -> Markup {
    let options =
        ["--key key.pem --trusted-root trusted-root.json".to_owned(), format!("--instance {} {tag}", host.url("/"))];
    let lines = [
        format!("curl -fsSo trusted-root.json {}", host.url("/trusted-root.json")),
        with_options("tlogistry-cli verify", &options),
    ];
    html! {
        h3 { "All of it, with tlogistry-cli" }
        p {
            "Gets the record here, and checks it on your machine: the signature, the log’s proof, and what the registry serves "
            "now. Whether the log has another entry for the tag it cannot tell: a log of this kind lists none."
        }
        (commands(&lines))
    }
}

fn cosign(host: &Host, seen: &SightingPage<'_>) -> Markup {
    let SightingPage { tag, digest, log, .. } = seen;
    let mut fetch = vec![format!("curl -fsSo bundle.json {}", host.url(&format!("/sightings/{tag}")))];
    let mut common = vec!["--key key.pem".to_owned(), format!("--type {PREDICATE_TYPE}")];
    if !log.is_public {
        fetch.push(format!("curl -fsSo trusted-root.json {}", host.url("/trusted-root.json")));
        common.push("--trusted-root trusted-root.json".to_owned());
    }
    fetch.push(format!("printf %s {tag} > tag.txt"));
    let blob = |of: String| {
        let options = [&common[..], &["--bundle bundle.json".to_owned(), of]].concat();
        with_options("cosign verify-blob-attestation", &options)
    };
    let of_tag = blob("tag.txt".to_owned());
    // cosign takes sha256 digests only; a statement may name a sha512 one.
    let of_digest = (digest.algorithm() == Algorithm::Sha256)
        .then(|| blob(format!("--digestAlg sha256 --digest \\\n{}", digest.hex())));
    let attestation = host.image(tag).map(|image| {
        let plain = host.is_local().then(|| "--allow-http-registry".to_owned());
        let options: Vec<String> = common.iter().cloned().chain(plain).chain([image]).collect();
        with_options("cosign verify-attestation", &options)
    });
    html! {
        h3 { "The record, with cosign" }
        p { "Fetch the record and write down the tag." }
        (commands(&fetch))
        p { "This tag was signed, and the log holds it:" }
        (commands(&[of_tag]))
        @if let Some(of_digest) = of_digest {
            p { "So was this digest:" }
            (commands(&[of_digest]))
        }
        @if let Some(attestation) = attestation {
            p { "Or, as an attestation of the image, and that the tag still has this digest:" }
            (commands(&[attestation]))
        }
    }
}

fn rekor(tag: &Tag, log_index: Option<u64>, log: ShownLog<'_>) -> Markup {
    if !log.is_searchable {
        return html! {};
    }
    let server = (!log.is_public).then(|| format!("--rekor_server {}", word(log.url)));
    let on_server = |command: &str, option: String| {
        with_options(command, &server.iter().cloned().chain([option]).collect::<Vec<_>>())
    };
    let found = match log_index {
        Some(index) => format!("--log-index {index}"),
        None => "--uuid <one of the ids>".to_owned(),
    };
    let lines = [
        on_server("rekor-cli search", format!("--sha $(printf %s {tag} | sha256sum | cut -c1-64)")),
        on_server("rekor-cli get", found),
    ];
    html! {
        h3 { "The log, with rekor-cli" }
        p { "What the log has about this tag. Anyone can file entries there: only those signed with the key count." }
        (commands(&lines))
    }
}
