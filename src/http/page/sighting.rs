//! The page of a recorded tag: digest, time, log entry, and how to check them.

use maud::{Markup, html};

use super::host::Host;
use super::layout::{commands, page};
use super::{ShownLog, check};
use crate::image::{Digest, Tag};

pub(crate) struct SightingPage<'a> {
    pub tag: &'a Tag,
    pub digest: &'a Digest,
    /// RFC 3339, in UTC.
    pub integrated_time: &'a str,
    pub log_index: u64,
    pub entry_url: &'a str,
    pub log: ShownLog<'a>,
    /// The sha256 of the key's DER encoding, in hexadecimal.
    pub key_fingerprint: &'a str,
    /// The key, PEM, unless it is known to be the one that this host signs with now.
    pub earlier_key: Option<&'a str>,
}

impl SightingPage<'_> {
    pub(crate) fn render(&self, host: &Host) -> Markup {
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
                @if let Some(image) = host.image(tag).as_deref().and_then(|image| image.rsplit_once(':')) {
                    p { "What was recorded, wherever the tag points now, by the pinned name or by digest:" }
                    (commands(&[
                        format!("docker pull {}", host.pinned(tag)),
                        format!("docker pull {}@{digest}", image.0),
                    ]))
                }
            }
            section aria-labelledby="check" {
                h2 id="check" { "Check it yourself" }
                p { "Nothing here has to be believed. Get the key, then use any of the three tools." }
                (check::by_sighting(host, self))
            }
        };
        let description = format!("{tag} was first seen on {} as {digest}.", self.integrated_time);
        page(&format!("{tag} – tlogistry"), &description, main)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests cannot record in the public log.
    #[test]
    fn an_entry_of_the_public_log_links_to_sigstores_own_page() {
        let digest = Digest::sha256(b"image");
        let page = SightingPage {
            tag: &"alpine:3.16.0".parse().unwrap(),
            digest: &digest,
            integrated_time: "2026-11-24T11:40:00Z",
            log_index: 4_000_000_000,
            entry_url: "https://rekor.sigstore.dev/api/v1/log/entries/00",
            log: ShownLog { url: "https://rekor.sigstore.dev", is_public: true },
            key_fingerprint: "00",
            earlier_key: None,
        };
        let page = page.render(&Host::new(Some("tlog.example.org"))).into_string();
        for part in [
            "<a href=\"https://search.sigstore.dev/?logIndex=4000000000\">",
            "<a href=\"https://rekor.sigstore.dev/api/v1/log/entries/00\">4000000000</a>",
            "<time datetime=\"2026-11-24T11:40:00Z\">2026-11-24 11:40:00 UTC</time>",
            "docker pull tlog.example.org/alpine:3.16.0\n",
        ] {
            assert!(page.contains(part), "{part} is missing: {page}");
        }
        for part in ["--trusted-root", "--rekor", "--allow-http-registry"] {
            assert!(!page.contains(part), "{part}: tools know the public log");
        }
    }
}
