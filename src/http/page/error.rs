//! The error page: what is wrong, and what to do.

use maud::{Markup, html};

use super::host::Host;
use super::layout::{commands, form, page};
use crate::image::Tag;

pub(crate) struct ErrorPage<'a> {
    pub problem: Problem<'a>,
    /// As in the error's JSON.
    pub message: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem<'a> {
    NotATag,
    /// A pull would record the tag.
    NotSeen(&'a Tag),
    NotFound,
    ReadOnly,
    /// A later try may succeed.
    Unavailable,
    Refused,
}

impl ErrorPage<'_> {
    pub(crate) fn render(&self, host: &Host) -> Markup {
        let heading = match self.problem {
            Problem::NotATag => "That is not a tag",
            Problem::NotSeen(_) => "Not seen yet",
            Problem::NotFound => "Nothing here",
            Problem::ReadOnly => "Only to be read",
            Problem::Unavailable | Problem::Refused => "Not now",
        };
        let recordable = match self.problem {
            Problem::NotSeen(tag) => host.image(tag),
            _ => None,
        };
        let main = html! {
            h1 { (heading) }
            p.lead { (sentence(self.message)) }
            @if let Some(image) = recordable {
                section aria-labelledby="pull" {
                    h2 id="pull" { "Record it" }
                    p { "Pull it. That signs the digest that the tag has now, and puts it into the log." }
                    (commands(&[format!("docker pull {image}")]))
                }
            }
            @if self.problem == Problem::Unavailable {
                p { "Try again in half a minute. Pulling by digest works all the while." }
            }
            section aria-labelledby="look-up" {
                h2 id="look-up" { "Look up another tag" }
                (form("", None))
            }
        };
        page(&format!("{heading} – tlogistry"), self.message, main)
    }
}

/// An error's message as a sentence. A name in front keeps its case.
fn sentence(message: &str) -> String {
    let mut characters = message.chars();
    let word = message.split(' ').next().unwrap_or_default();
    match characters.next() {
        Some(first) if word.bytes().all(|b| b.is_ascii_lowercase()) => {
            format!("{}{}.", first.to_ascii_uppercase(), characters.as_str())
        }
        _ => format!("{message}."),
    }
}
