//! Which of the searched logs has which key.
//!
//! A key of Rekor v1 does not say which log it is of. A trusted root says it by a URL. A key without a known URL is of a log
//! that no URL names; of several, in the order of the configuration, in which the log that is written comes first.

use std::collections::BTreeSet;

use url::Url;

use crate::base_url::is_same_place;
use crate::key::Fingerprint;
use crate::rekor::LogClients;
use crate::tlog::{LogKey, LogKeys, RekorApi};

/// The logs of API version 1 that are searched, and the keys of such logs.
#[derive(Debug)]
pub(super) struct KeyPlaces {
    /// With the URL of its log, if it is known.
    keys: Vec<(Fingerprint, Option<Url>)>,
    logs: Vec<Url>,
    /// True if the one log is written: it may have had several keys.
    is_alone: bool,
}

impl KeyPlaces {
    pub(super) fn new(keys: &LogKeys, logs: &LogClients) -> Self {
        let (is_v1, written) = (logs.written.is_searchable(), logs.written.base());
        let of_v1 = keys.iter().filter(|key| key.api() == RekorApi::V1);
        let all = std::iter::once(&logs.written).chain(&logs.earlier);
        let mut places = Self {
            keys: of_v1.map(|key| (key.fingerprint(), key.url().cloned())).collect(),
            logs: all.filter(|log| log.is_searchable()).map(|log| log.base().clone()).collect(),
            is_alone: is_v1 && logs.earlier.is_empty(),
        };
        let is_unnamed = places.unnamed_logs().any(|log| log == written);
        if is_v1
            && is_unnamed
            && !places.is_alone
            && let Some((_, url @ None)) = places.keys.first_mut()
        {
            *url = Some(written.clone());
        }
        places
    }

    /// The used keys of version 1 of which some are of no log that is searched; none if each can be of one.
    pub(super) fn unsearched(&self, used: &BTreeSet<Fingerprint>) -> BTreeSet<Fingerprint> {
        let is_placed = |url: &Url| self.logs.iter().any(|log| is_same_place(log, url));
        let used = self.keys.iter().filter(|(key, _)| used.contains(key));
        let unplaced = used.filter(|(_, url)| !url.as_ref().is_some_and(is_placed));
        let has_unnamed = self.keys.iter().any(|(_, url)| url.is_none());
        let free = if self.is_alone && has_unnamed { 0 } else { self.unnamed_logs().count() };
        let unplaced = unplaced.filter(|(_, url)| !(self.is_alone && url.is_none()));
        let unplaced: BTreeSet<Fingerprint> = unplaced.map(|(key, _)| *key).collect();
        if unplaced.len() <= free { BTreeSet::new() } else { unplaced }
    }

    /// The URL of the log that has a key of version 1, as far as it is known.
    pub(super) fn url_of<'a>(&'a self, key: &'a LogKey) -> Option<&'a Url> {
        let unnamed = || self.keys.iter().filter(|(_, url)| url.is_none());
        let place = unnamed().position(|(unnamed, _)| *unnamed == key.fingerprint());
        let in_order = place.and_then(|place| self.unnamed_logs().nth(place));
        key.url().or(in_order).or(self.logs.first())
    }

    /// Logs of which no key says that it is theirs.
    fn unnamed_logs(&self) -> impl Iterator<Item = &Url> {
        let is_named =
            |log: &Url| self.keys.iter().filter_map(|(_, url)| url.as_ref()).any(|url| is_same_place(url, log));
        self.logs.iter().filter(move |log| !is_named(log))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rekor::{Rekor, RekorV1, RekorV2};
    use crate::sighting::LocalKey;

    const A: &str = "https://a.test/";
    const B: &str = "https://b.test/";
    const C: &str = "https://c.test/rekor";

    /// Keys with their URLs, the logs that are searched, and whether the first of them is written.
    fn places(urls: &[Option<&str>], logs: &[&str], is_v1_written: bool) -> (Vec<LogKey>, KeyPlaces) {
        let key = |url: &Option<&str>| {
            let key = LogKey::v1(LocalKey::generate().unwrap().public_key().clone());
            url.map_or(key.clone(), |url| key.at(url.parse().unwrap()))
        };
        let keys: Vec<LogKey> = urls.iter().map(key).collect();
        let all = LogKeys::new(keys.clone()).unwrap();
        let v1 = |url: &&str| Rekor::V1(RekorV1::new(url.parse().unwrap()).unwrap());
        let (written, earlier) = match logs {
            [first, rest @ ..] if is_v1_written => (v1(first), rest),
            _ => (
                Rekor::V2(Box::new(RekorV2::new("https://v2.test".parse().unwrap(), None, all.clone()).unwrap())),
                logs,
            ),
        };
        let earlier = earlier.iter().map(v1).collect();
        (keys, KeyPlaces::new(&all, &LogClients { written, earlier, authority: None, policy: None }))
    }

    #[test]
    fn each_used_key_of_version_1_must_be_of_a_log_that_is_searched() {
        type Case<'a> = (&'a str, &'a [Option<&'a str>], &'a [&'a str], bool, &'a [usize], bool);
        let cases: &[Case<'_>] = &[
            ("moved, and the one log is searched", &[None], &[A], false, &[0], true),
            ("moved, and no log is", &[None], &[], false, &[0], false),
            ("two logs", &[None, None], &[A, B], false, &[0, 1], true),
            ("one of two is missing", &[None, None], &[A], false, &[0, 1], false),
            ("the next key is known and not used yet", &[None, None], &[A], false, &[0], true),
            ("one of three is missing", &[None, None, None], &[A, B], false, &[0, 1, 2], false),
            (
                "one of two is missing, beside a v1 that is written",
                &[None, None, None],
                &[A, B],
                true,
                &[0, 1, 2],
                false,
            ),
            (
                "the same, where the one that is written was not used yet",
                &[None, None, None],
                &[A, B],
                true,
                &[1, 2],
                false,
            ),
            ("all, beside a v1 that is written", &[None, None, None], &[A, B, C], true, &[0, 1, 2], true),
            ("a v1 that is written had several keys", &[None, None], &[A], true, &[0, 1], true),
            ("two keys of one log, by its URL", &[Some(A), Some(A)], &[A], false, &[0, 1], true),
            ("the same, with and without a slash", &[Some("https://c.test/rekor/")], &[C], false, &[0], true),
            ("another log is searched than the key's", &[Some(A), Some(B)], &[B], false, &[0], false),
            (
                "the same, where the log that is searched has no key by its URL",
                &[Some(A), None],
                &[B],
                true,
                &[0],
                false,
            ),
            ("a proxy in front of the only log", &[Some(A)], &[B], true, &[0], true),
            ("two by URL and one without", &[Some(A), Some(B), None], &[A, B, C], false, &[0, 1, 2], true),
            (
                "two by URL, and the one without is missing",
                &[Some(A), Some(B), None],
                &[A, B],
                false,
                &[0, 1, 2],
                false,
            ),
            ("nothing was used", &[None, None], &[], false, &[], true),
        ];
        for (what, urls, logs, is_v1_written, used, is_covered) in cases {
            let (keys, places) = places(urls, logs, *is_v1_written);
            let used: BTreeSet<Fingerprint> = used.iter().map(|at| keys[*at].fingerprint()).collect();
            let unsearched = places.unsearched(&used);
            assert_eq!(unsearched.is_empty(), *is_covered, "{what}");
            assert!(used.is_superset(&unsearched), "{what}");
        }
    }

    #[test]
    fn a_key_has_its_own_logs_url_by_name_or_by_order() {
        type Case<'a> = (&'a [Option<&'a str>], &'a [&'a str], bool, &'a [&'a str]);
        let cases: &[Case<'_>] = &[
            (&[None], &[A], false, &[A]),
            (&[None, None], &[A, B], false, &[A, B]),
            (&[Some(B), Some(A)], &[A, B], false, &[B, A]),
            (&[None, Some(A), None], &[A, B, C], true, &[B, A, C]),
            // Two keys of one log.
            (&[None, None], &[A], true, &[A, A]),
            // Of a log that is not searched.
            (&[Some(C)], &[A], false, &[C]),
        ];
        for (urls, logs, is_v1_written, expected) in cases {
            let (keys, places) = places(urls, logs, *is_v1_written);
            let found: Vec<&str> = keys.iter().map(|key| places.url_of(key).unwrap().as_str()).collect();
            assert_eq!(found, *expected, "{urls:?} {logs:?}");
        }
    }
}
