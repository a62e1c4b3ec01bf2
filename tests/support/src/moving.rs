//! A tag that moves, as the user of any client sees it.

use super::client::get;
use super::documented;
use super::image::Image;
use super::instance::Instance;
use super::process::Ended;
use super::stage::Stage;

/// A client asks each host for a manifest by HEAD and by GET. One that tries again does so at least three times.
const ASKED_ONCE: usize = 2;

/// A client, and how its user sees things.
pub struct Seen<'a> {
    /// The client's name in docs/clients.md, which says what its user reads.
    pub client: &'a str,
    /// The repository as the user writes it.
    pub repository: String,
    /// Pulls an image by the name that the user writes.
    pub pull: &'a dyn Fn(&str) -> Ended,
    /// Asserts that the client holds the image of this text, as [`Image::files`] makes it.
    pub holds: &'a dyn Fn(&str),
    /// The text that the user reads when the tag has moved, given tlogistry's message.
    pub refusal: &'a dyn Fn(&str) -> String,
    /// True if the client takes `repository:tag@digest`.
    pub takes_tag_and_digest: bool,
    /// The hosts that the client asks in turn: two where tlogistry is both mirror and server.
    pub hosts: usize,
}

impl Seen<'_> {
    /// A tag is pulled, moves, and is refused; by digest it can be pulled all the same. `url` is where its manifest is.
    pub async fn tell(&self, stage: &Stage, instance: &Instance, url: &str) {
        let reviewed = Image::files("reviewed");
        stage.push("v1", &reviewed).await;
        self.assert_pulls(":v1", "reviewed");

        stage.push("v1", &Image::files("something else")).await;
        let answer = get(url).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        let message = answer.error().1;
        let ended = self.assert_refused(instance, ":v1", &(self.refusal)(&message));
        documented::assert_reads(self.client, &ended.stderr, &message);

        self.assert_pulls(&format!("@{}", reviewed.digest()), "reviewed");
        let both = format!(":v1@{}", reviewed.digest());
        match self.takes_tag_and_digest {
            true => self.assert_pulls(&both, "reviewed"),
            false => assert_ne!((self.pull)(&format!("{}{both}", self.repository)).code, Some(0)),
        }
    }

    /// The pull works, and the client holds the image of this text.
    #[track_caller]
    pub fn assert_pulls(&self, reference: &str, text: &str) {
        let name = format!("{}{reference}", self.repository);
        let ended = (self.pull)(&name);
        assert_eq!(ended.code, Some(0), "{}: {name}: {}", self.client, ended.stderr);
        (self.holds)(text);
    }

    #[track_caller]
    fn assert_refused(&self, instance: &Instance, reference: &str, refusal: &str) -> Ended {
        let before = instance.refusals();
        let ended = (self.pull)(&format!("{}{reference}", self.repository));
        let asked = instance.refusals() - before;
        assert!(ended.code.is_some_and(|code| code != 0), "{}: {ended:?}", self.client);
        assert!(ended.stderr.contains(refusal), "{}: {refusal}\nis not in\n{}", self.client, ended.stderr);
        let at_once = asked <= ASKED_ONCE * self.hosts;
        assert!(at_once, "{}: it was tried again and again, and refused {asked} times", self.client);
        println!("{}: refused {asked} times: {}", self.client, ended.stderr.trim());
        ended
    }
}

/// A tag that was recorded when its manifest was at `url`, and has moved, is pulled by `name`, and the client, which has
/// nothing yet, holds what was recorded. The plain name stays refused.
pub async fn pulls_as_recorded(
    stage: &Stage,
    url: &str,
    name: &str,
    pull: &dyn Fn(&str) -> Ended,
    holds: &dyn Fn(&str),
) -> Ended {
    stage.push("v1", &Image::files("reviewed")).await;
    assert_eq!(get(url).await.header("tlog-first-seen"), "true");
    stage.push("v1", &Image::files("something else")).await;
    let ended = pull(name);
    assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
    holds("reviewed");
    assert_eq!(get(url).await.status, 403);
    ended
}
