//! The start: what this is, how to pull, how to look up a tag.

use http::{Response, StatusCode};
use maud::html;

use super::host::Host;
use super::layout::{commands, form, page};
use super::{Log, check, response};
use crate::http::Body;
use crate::image::Tag;

/// Public, and known to everyone.
const EXAMPLES: [&str; 2] = ["alpine:3.16.0", "ghcr.io/org/app:v1"];

pub struct Home<'a> {
    pub host: &'a Host,
    pub log: Log<'a>,
    /// `None` while it cannot be had.
    pub key: Option<Key<'a>>,
}

/// The public half of a signing key.
pub struct Key<'a> {
    pub pem: &'a str,
    /// sha256 of its DER encoding, in hexadecimal.
    pub fingerprint: String,
}

/// What was asked for by the form and is no tag.
pub struct Question<'a> {
    pub written: &'a str,
    pub fault: String,
}

impl Home<'_> {
    /// The page; with a question that could not be understood, the page that says so.
    pub fn render(&self, question: Option<&Question<'_>>) -> Response<Body> {
        let Self { host, log, key } = self;
        let pulls = EXAMPLES.map(|example| format!("docker pull {}/{example}", host.name()));
        let (status, title, written, fault) = match question {
            None => (StatusCode::OK, "tlogistry: a registry that refuses tags that moved", "", None),
            Some(Question { written, fault }) => {
                (StatusCode::BAD_REQUEST, "Not a tag – tlogistry", *written, Some(fault.as_str()))
            }
        };
        let example: Option<Tag> = EXAMPLES[0].parse().ok();
        let main = html! {
            h1 { "Container tags that cannot move" }
            p.lead {
                "Pull public images through this registry. It records what a tag is when it is first seen, and from then "
                "on serves the tag only while it is still that."
            }
            section aria-labelledby="pull" {
                h2 id="pull" { "Pull an image" }
                (commands(&pulls))
                p.note { "Docker Hub needs no name in front; other registries do. Nothing to install, no account." }
                @if host.is_local() {
                    p.note { "podman and skopeo need " code { "--tls-verify=false" } " here." }
                }
            }
            section aria-labelledby="look-up" {
                h2 id="look-up" { "Look up a tag" }
                (form(written, fault))
            }
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
                            "Nobody can let it through, the operator included. Pulling by digest still works."
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
                    pre.key { (key.pem) }
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
        };
        let description = "Pull public container images by tag, and be refused those whose tag has moved.";
        response(status, page(title, description, main))
    }
}
