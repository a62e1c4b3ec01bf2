//! The parts that pages share: frame, style, security policy, blocks of commands, the form.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("style.css");
/// A tick in a tag. It stands in the page itself, so browsers do not fetch an icon.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Cpath \
    fill='%230b6b58' d='M4 4h13l12 12-13 13L4 17z'/%3E%3Cpath fill='none' stroke='%23fff' stroke-width='3' \
    d='m10 15 5 5 8-8'/%3E%3C/svg%3E";
/// Longer than any tag's name with a host in front.
pub(crate) const MAX_WRITTEN_LENGTH: usize = 640;

/// The pages' `Content-Security-Policy`: the one style is allowed by its hash, and nothing is loaded.
pub(crate) fn content_security_policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        )
    });
    &POLICY
}

pub(super) fn page(title: &str, description: &str, main: Markup) -> Markup {
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
                    p { a href="/" { "Home" } " · " a href="/key.pem" { "Public key" } }
                }
            }
        }
    }
}

/// Commands to paste.
pub(super) fn commands<S: AsRef<str>>(lines: &[S]) -> Markup {
    html! {
        pre.commands { @for line in lines { code { (line.as_ref()) "\n" } } }
    }
}

/// A command with each option on a line of its own, so that a phone shows it whole.
pub(super) fn with_options(command: &str, options: &[String]) -> String {
    std::iter::once(command).chain(options.iter().map(String::as_str)).collect::<Vec<_>>().join(" \\\n")
}

/// The form that asks for a tag. `written` is the last input, `fault` a sentence about it.
pub(super) fn form(written: &str, fault: Option<&str>) -> Markup {
    html! {
        form action="/sightings" method="get" {
            label for="tag" { "Image and tag" }
            @if let Some(fault) = fault { p.fault id="fault" { (fault) } }
            div.field {
                input id="tag" name="tag" type="text" value=(written) placeholder="alpine:3.16.0" required
                    maxlength=(MAX_WRITTEN_LENGTH) autocapitalize="none" autocorrect="off" autocomplete="off"
                    spellcheck="false" aria-invalid=[fault.map(|_| "true")] aria-describedby=[fault.map(|_| "fault")]
                    autofocus[fault.is_some()];
                button { "Look up" }
            }
        }
    }
}

/// `text` quoted as one word for a shell.
pub(super) fn word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/:._-@%+=".contains(&b);
    if text.bytes().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_each_word_for_one() {
        for text in
            ["https://rekor.sigstore.dev", "http://a/b;reboot", "http://a/$(reboot)", "http://a/it's", "a b", "`x`"]
        {
            let printed = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", word(text))]).output();
            assert_eq!(String::from_utf8(printed.unwrap().stdout).unwrap(), text);
        }
        assert_eq!(word("https://rekor.sigstore.dev"), "https://rekor.sigstore.dev");
    }
}
