//! The start page: introduction, pull commands, the form to look up a tag.

use maud::{Markup, html};

use super::host::Host;
use super::layout::{commands, form, page};
use super::{ShownLog, check};
use crate::image::Tag;
use crate::version::{COMMIT, VERSION};

/// Public images that everyone knows.
const EXAMPLES: [&str; 2] = ["alpine:3.16.0", "ghcr.io/org/app:v1"];

pub(crate) struct HomePage<'a> {
    pub host: &'a Host,
    pub log: ShownLog<'a>,
    /// `None` while the key cannot be fetched.
    pub key: Option<ShownKey<'a>>,
    /// The form's last input, if it was not a tag.
    pub invalid: Option<InvalidTag<'a>>,
}

/// The public half of a signing key.
pub(crate) struct ShownKey<'a> {
    pub pem: &'a str,
    /// The sha256 of its DER encoding, in hexadecimal.
    pub fingerprint: String,
}

/// Input that is not a tag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InvalidTag<'a> {
    pub written: &'a str,
    /// A sentence for whoever wrote it.
    pub fault: &'a str,
}

impl HomePage<'_> {
    pub(crate) fn render(&self) -> Markup {
        let Self { host, log, key, invalid } = self;
        let pulls = EXAMPLES.map(|example| format!("docker pull {}/{example}", host.name()));
        let (title, written, fault) = match *invalid {
            None => ("tlogistry: a registry that refuses tags that moved", "", None),
            Some(InvalidTag { written, fault }) => ("Not a tag – tlogistry", written, Some(fault)),
        };
        let example: Option<Tag> = EXAMPLES[0].parse().ok();
        let look_up = html! {
            section aria-labelledby="look-up" {
                h2 id="look-up" { "Look up a tag" }
                (form(written, fault))
            }
        };
        let main = html! {
            h1 { "A registry that refuses tags that moved" }
            p.lead {
                "Pull public images through this registry. The first time that a tag is seen, its digest is recorded in "
                @if log.is_public { "a public log" } @else { "a log" }
                ". From then on the tag is served only while it still has that digest."
            }
            // A fault is to be seen at once.
            @if fault.is_some() { (look_up) }
            section aria-labelledby="pull" {
                h2 id="pull" { "Pull an image" }
                (commands(&pulls))
                p.note { "Images on Docker Hub need no registry in front, others do. There is nothing to install and no account." }
                @if host.is_local() {
                    p.note { "podman and skopeo need " code { "--tls-verify=false" } " here." }
                }
            }
            @if fault.is_none() { (look_up) }
            section aria-labelledby="outcomes" {
                h2 id="outcomes" { "What can happen" }
                dl.outcomes {
                    div.first {
                        dt { "First seen" }
                        dd {
                            "Nobody pulled this tag here before. Its digest is signed and recorded in the log, then the "
                            "image is served. The first sight is trusted."
                        }
                    }
                    div.unchanged {
                        dt { "Unchanged" }
                        dd { "The registry still serves the recorded digest. You get the image." }
                    }
                    div.moved {
                        dt { "Moved" }
                        dd {
                            "The registry now serves another digest. The pull fails, and says what was recorded and when. "
                            "Nobody can let it through, the operator included. What was recorded can still be pulled, by digest "
                            "or with " code { "pinned.alt/" } " between this host and the name."
                        }
                    }
                }
            }
            section aria-labelledby="key" {
                h2 id="key" { "The key" }
                p {
                    "Each record is signed with this key and kept in "
                    @if log.is_public { "Rekor, Sigstore’s public append-only log." }
                    @else { "the append-only log at " a href=(log.url) { (log.url) } "." }
                    " Keep a copy of the key: with it, tags can be checked without trusting this host."
                }
                @if let Some(key) = key {
                    pre { (key.pem) }
                    p.note { "SHA-256 " code.hex { (key.fingerprint) } }
                } @else {
                    p.fault { "The key cannot be shown now. Try again in half a minute." }
                }
            }
            @if let Some(example) = example {
                section aria-labelledby="check" {
                    h2 id="check" { "Check it yourself" }
                    p { "For example " code { (EXAMPLES[0]) } ". The page of each recorded tag has its own commands." }
                    (check::by_name(host, &example, *log))
                }
            }
            p.note { "tlogistry " (VERSION) ", built from commit " code { (COMMIT) } "." }
        };
        let description = "Pull public container images through a registry that records what each tag is and refuses tags that moved.";
        page(title, description, main)
    }
}
