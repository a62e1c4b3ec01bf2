//! The page of a recorded tag: digest, time, log entry, and how to check them.

use maud::{Markup, html};

use super::host::Host;
use super::layout::{commands, page};
use super::{ShownLog, check};
use crate::image::{Digest, Tag};
use crate::refused::{RefusedDigest, RefusedDigests};
use crate::sighting::SightingTime;

pub(crate) struct SightingPage<'a> {
    pub tag: &'a Tag,
    pub digest: &'a Digest,
    pub time: Option<SightingTime>,
    pub log_index: u64,
    pub entry_url: &'a str,
    pub log: ShownLog<'a>,
    /// The sha256 of the key's DER encoding, in hexadecimal.
    pub key_fingerprint: &'a str,
    /// The key, PEM, unless it is known to be the one that this host signs with now.
    pub earlier_key: Option<&'a str>,
    /// The tag's moves, as its row remembers them; `None` if the row cannot be read.
    pub refused: Option<&'a RefusedDigests>,
}

impl SightingPage<'_> {
    pub(crate) fn render(&self, host: &Host) -> Markup {
        let Self { tag, digest, .. } = self;
        let main = html! {
            p.kind { "Recorded tag" }
            h1.tag { (tag) }
            (self.facts())
            (self.moves())
            section aria-labelledby="pull" {
                h2 id="pull" { "Pull it" }
                @if let Some(image) = host.image(tag) {
                    (commands(&[format!("docker pull {image}")]))
                }
                p {
                    "Served while the registry still has this digest, and refused once the tag has moved. This page does "
                    "not ask the registry: a pull does."
                }
                @let by_digest = host.image(tag).and_then(|image| Some(format!("{}@{digest}", image.rsplit_once(':')?.0)));
                @if let (Some(pinned), Some(by_digest)) = (host.pinned(tag), by_digest) {
                    p { "What was recorded, wherever the tag points now, by the pinned name or by digest:" }
                    (commands(&[
                        format!("docker pull {pinned}"),
                        format!("docker pull {by_digest}"),
                    ]))
                }
            }
            section aria-labelledby="check" {
                h2 id="check" { "Check it yourself" }
                p { "Nothing here has to be believed. Get the key, then use any of these tools." }
                (check::by_sighting(host, self))
            }
        };
        let description = format!("{tag} was first seen{} as {digest}.", SightingTime::clause(self.time));
        page(&format!("{tag} – tlogistry"), &description, main)
    }

    fn moves(&self) -> Markup {
        let Some(refused) = self.refused else {
            return html! { p.note { "Whether it has been refused here cannot be shown now." } };
        };
        if refused.is_empty() {
            return html! {};
        }
        html! {
            section aria-labelledby="moved" {
                h2 id="moved" { "It was refused at other digests" }
                p {
                    "The registry served these under the tag, and pulls were refused here. This is the host’s own word, which the "
                    "log does not hold. The times are those of the first refusals; what the registry serves now is not known here."
                }
                dl.facts {
                    @for refused in refused.moves.iter().rev() { (refused_at(refused)) }
                }
                @match refused.further_moves {
                    0 => {}
                    1 => p.note { "One more was refused, and its digest is not kept." }
                    further => p.note { (further) " more were refused, and their digests are not kept." }
                }
            }
        }
    }

    fn facts(&self) -> Markup {
        let Self { digest, time, log_index, entry_url, log, .. } = self;
        html! {
            dl.facts {
                div { dt { "Digest" } dd { code.hex { (digest) } } }
                @match time {
                    Some(SightingTime::Recorded(_)) => div { dt { "First seen" } dd { (shown(*time)) } },
                    Some(SightingTime::Witnessed(_)) => div { dt { "First seen" } dd { "no later than " (shown(*time)) } },
                    Some(SightingTime::Signed(_)) => div { dt { "Signed" } dd { "no later than " (shown(*time)) } },
                    None => div { dt { "First seen" } dd { "The log signs no time." } },
                }
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

fn shown(time: Option<SightingTime>) -> Markup {
    let time = time.map(SightingTime::rfc3339).unwrap_or_default();
    html! { time datetime=(time) { (readable(&time)) } }
}

fn refused_at(refused: &RefusedDigest) -> Markup {
    let RefusedDigest { digest, since, media_type, size } = refused;
    html! {
        div {
            dt { "Since" }
            dd {
                time datetime=(since) { (readable(since)) } " the registry served " code.hex { (digest) }
                br;
                span.note { (media_type) ", " (size) " bytes" }
            }
        }
    }
}

/// A time of RFC 3339 in UTC, for people.
fn readable(time: &str) -> String {
    time.replace('T', " ").replace('Z', " UTC")
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
            time: Some(SightingTime::Recorded(1_795_520_400)),
            log_index: 4_000_000_000,
            entry_url: "https://rekor.sigstore.dev/api/v1/log/entries/00",
            log: ShownLog { url: "https://rekor.sigstore.dev", is_public: true, is_searchable: true },
            key_fingerprint: "00",
            earlier_key: None,
            refused: None,
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
