//! What all pages share: the frame, the style, the policy, blocks of commands, and the form.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("style.css");
/// A tick in a tag. In the page, so that no browser asks for one.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Cpath \
    fill='%230b6b58' d='M4 4h13l12 12-13 13L4 17z'/%3E%3Cpath fill='none' stroke='%23fff' stroke-width='3' \
    d='m10 15 5 5 8-8'/%3E%3C/svg%3E";
/// Longer than any name of a tag with a host in front.
pub const MAX_WRITTEN_LENGTH: usize = 640;

/// `Content-Security-Policy`: the one style is known by its hash, and nothing is loaded.
pub fn policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        );
        HeaderValue::try_from(policy).expect("words and base64 are a header's value")
    });
    POLICY.clone()
}

pub fn page(title: &str, description: &str, main: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="description" content=(description);
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href=(ICON);
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header { a.name href="/" { "tlogistry" } }
                main id="main" { (main) }
                footer {
                    p { "A read-only registry that refuses tags that moved." }
                    p { a href="/" { "Start" } " · " a href="/key.pem" { "Public key" } }
                }
            }
        }
    }
}

/// Commands to paste. Each is one line, however it is wrapped.
pub fn commands<S: AsRef<str>>(lines: &[S]) -> Markup {
    html! {
        pre.commands { @for line in lines { code { (line.as_ref()) "\n" } } }
    }
}

/// What a person knows from a name: which tag. `written` is what was asked for before, `fault` what is wrong with it.
pub fn form(written: &str, fault: Option<&str>) -> Markup {
    html! {
        form action="/sightings" method="get" {
            label for="tag" { "Image and tag" }
            @if let Some(fault) = fault { p.fault id="fault" role="alert" { (fault) } }
            div.field {
                input id="tag" name="tag" type="text" value=(written) placeholder="alpine:3.16.0" required
                    maxlength=(MAX_WRITTEN_LENGTH) autocapitalize="none" autocorrect="off" autocomplete="off"
                    spellcheck="false" aria-invalid=[fault.map(|_| "true")] aria-describedby=[fault.map(|_| "fault")];
                button { "Look up" }
            }
        }
    }
}

/// A string as one word of a shell's.
pub fn word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/:._-@%+=<>".contains(&b);
    if text.bytes().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
