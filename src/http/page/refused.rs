//! Why there is no page: what is wrong, and what to do.

use http::{Response, StatusCode};
use maud::html;

use super::host::Host;
use super::layout::{commands, form, page};
use super::response;
use crate::http::Body;
use crate::image::Tag;

pub struct Refused<'a> {
    pub status: StatusCode,
    /// As in the error's JSON.
    pub message: &'a str,
    /// The tag, if it is one that a pull would record.
    pub recordable: Option<&'a Tag>,
}

impl Refused<'_> {
    pub fn render(&self, host: &Host) -> Response<Body> {
        let heading = match self.status {
            StatusCode::BAD_REQUEST => "That is not a tag",
            StatusCode::NOT_FOUND if self.recordable.is_some() => "Not seen yet",
            StatusCode::NOT_FOUND => "Nothing here",
            StatusCode::METHOD_NOT_ALLOWED => "Only to be read",
            _ => "Not now",
        };
        let main = html! {
            h1 { (heading) }
            p.lead { (sentence(self.message)) }
            @if let Some(image) = self.recordable.and_then(|tag| host.image(tag)) {
                section aria-labelledby="pull" {
                    h2 id="pull" { "Record it" }
                    p { "Pull it. That signs the digest that the tag has now, and puts it into the log." }
                    (commands(&[format!("docker pull {image}")]))
                }
            }
            @if self.status.is_server_error() {
                p { "Try again in half a minute. Pulling by digest works all the while." }
            }
            section aria-labelledby="look-up" {
                h2 id="look-up" { "Look up another tag" }
                (form("", None))
            }
        };
        response(self.status, page(&format!("{heading} – tlogistry"), self.message, main))
    }
}

/// An error's message as a sentence. A name in front keeps its case.
pub fn sentence(message: &str) -> String {
    let mut characters = message.chars();
    let word = message.split(' ').next().unwrap_or_default();
    match characters.next() {
        Some(first) if word.bytes().all(|b| b.is_ascii_lowercase()) => {
            format!("{}{}.", first.to_ascii_uppercase(), characters.as_str())
        }
        _ => format!("{message}."),
    }
}
