//! A tag that was seen: what it was, when, where that is recorded, and how to check it.

use http::{Response, StatusCode};
use maud::{Markup, html};

use super::host::Host;
use super::layout::{commands, page};
use super::{Log, check, response};
use crate::http::Body;
use crate::image::{Digest, Tag};

pub struct Seen<'a> {
    pub tag: &'a Tag,
    pub digest: &'a Digest,
    /// RFC 3339, in UTC.
    pub integrated_time: &'a str,
    pub log_index: u64,
    pub entry_url: &'a str,
    pub log: Log<'a>,
    /// sha256 of the key's DER encoding, in hexadecimal.
    pub key_fingerprint: &'a str,
    /// The key, PEM, where it is not known to be the one that this host signs with now.
    pub earlier_key: Option<&'a str>,
}

impl Seen<'_> {
    pub fn render(&self, host: &Host) -> Response<Body> {
        let Self { tag, digest, .. } = self;
        let main = html! {
            p.kind { "Recorded tag" }
            h1.tag { (tag) }
            (self.facts())
            section aria-labelledby="pull" {
                h2 id="pull" { "Pull it" }
                @if let Some(image) = host.image(tag) {
                    (commands(&[format!("docker pull {image}")]))
                }
                p {
                    "Served while the registry still has this digest, and refused once the tag has moved. This page does "
                    "not ask the registry: a pull does."
                }
                @if let Some(pinned) = host.image(tag).as_deref().and_then(|image| image.rsplit_once(':')) {
                    p { "What was recorded, wherever the tag points now:" }
                    (commands(&[format!("docker pull {}@{digest}", pinned.0)]))
                }
            }
            section aria-labelledby="check" {
                h2 id="check" { "Check it yourself" }
                p { "These need not trust this host. They need " code { "key.pem" } ", and one of the three tools." }
                (check::by_sighting(host, self))
            }
        };
        let description = format!("{tag} was first seen on {} as {digest}.", self.integrated_time);
        response(StatusCode::OK, page(&format!("{tag} – tlogistry"), &description, main))
    }

    fn facts(&self) -> Markup {
        let Self { digest, integrated_time, log_index, entry_url, log, .. } = self;
        let readable = integrated_time.replace('T', " ").replace('Z', " UTC");
        html! {
            dl.facts {
                div { dt { "Digest" } dd { code.hex { (digest) } } }
                div { dt { "First seen" } dd { time datetime=(integrated_time) { (readable) } } }
                div {
                    dt { "In the log" }
                    dd {
                        "Entry " a href=(entry_url) { (log_index) }
                        @if log.is_public {
                            ", " a href={ "https://search.sigstore.dev/?logIndex=" (log_index) } { "shown by Sigstore" }
                        }
                    }
                }
                div {
                    dt { "Signed by" }
                    dd {
                        @if self.earlier_key.is_some() { "an earlier key" } @else { "this host’s key" }
                        ", SHA-256 " code.hex { (self.key_fingerprint) }
                    }
                }
            }
        }
    }
}
