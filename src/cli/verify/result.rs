//! The comparison of the log with the registry.

use std::fmt;
use std::process::ExitCode;

use super::{Age, RegistryAnswer};
use crate::image::{Digest, Tag};
use crate::log_search::Unread;
use crate::sighting::{Contradiction, Findings, First, Misuse, Sighting, SightingTime};
use crate::tlog::{Faults, VerifiedEntry};

#[derive(Debug)]
pub(in crate::cli) enum CheckResult {
    /// All entries by the user's keys record one digest, and the registry serves it or was not asked.
    Holds(Box<Sighting>),
    /// It would hold, and was recorded more recently than the user demands.
    TooYoung(Box<TooYoung>),
    /// The registry serves a different digest. `None` if the recorded one is unknown.
    Moved(Option<Box<Sighting>>),
    /// The user's keys signed two digests.
    Contradicted(Box<Contradicted>),
    /// One of the user's keys signed something else than sightings.
    Misused { first: Option<Box<Sighting>>, entry: Box<VerifiedEntry>, misuse: Misuse },
    /// The check could not be completed, for this reason.
    Unchecked(String),
}

/// Two digests signed by the user's keys.
#[derive(Debug)]
pub(in crate::cli) struct Contradicted {
    pub first: Option<Sighting>,
    pub digests: [(Digest, u64); 2],
}

/// A first sighting that is not as old as the user demands.
#[derive(Debug)]
pub(in crate::cli) struct TooYoung {
    pub sighting: Sighting,
    /// The time that the log or witnesses signed.
    time: SightingTime,
    age: Age,
    min_age: Age,
}

impl CheckResult {
    /// `foreign` is the number of entries by other keys. A proof of a contradiction or a move goes before everything that
    /// could not be checked.
    pub(super) fn new(
        tag: &Tag,
        findings: &Findings,
        unread: &Unread,
        foreign: usize,
        registry: &RegistryAnswer,
    ) -> Self {
        if let Some(contradiction) = findings.contradiction() {
            return Self::contradicted(&contradiction, findings);
        }
        if let Some((log_index, faults)) = findings.unverifiable.first() {
            let faults = Faults(faults);
            return Self::Unchecked(format!(
                "the entry with index {log_index} bears your key and does not verify: {faults}"
            ));
        }
        match (findings.first(), registry) {
            (First::Sighting(sighting), RegistryAnswer::Serves(current)) if sighting.digest() != current => {
                return Self::Moved(Some(Box::new(sighting.clone())));
            }
            // The statement would have been rebuilt if it were about the current digest.
            (First::Unattested(_), RegistryAnswer::Serves(_)) => return Self::Moved(None),
            _ => {}
        }
        if let Some((id, error)) = unread.first() {
            return Self::Unchecked(format!(
                "the entry {id}, which the log lists for this tag, cannot be read: {error}"
            ));
        }
        if let Some(log_index) = findings.unreadable.first() {
            return Self::Unchecked(format!(
                "the entry with index {log_index} holds your key and cannot be understood: it may be about any digest"
            ));
        }
        match (findings.first(), registry) {
            (First::None, _) => Self::Unchecked(no_sighting(tag, findings, foreign)),
            (_, RegistryAnswer::Failed(error)) => Self::Unchecked(error.to_string()),
            // An entry that is still without its statement is not about any digest known here.
            (First::Sighting(sighting), _) => match findings.unattested(tag).first() {
                Some(entry) => Self::Unchecked(format!(
                    "the log has not kept the statement of the entry with index {}, which bears your key and is not about \
                     the recorded digest",
                    entry.log_index()
                )),
                None => Self::Holds(Box::new(sighting.clone())),
            },
            (First::Unattested(entry), _) => Self::Unchecked(format!(
                "the log has not kept the statement of the entry with index {}: only asking the registry can tell \
                 whether it is about what the tag is now",
                entry.log_index()
            )),
        }
    }

    fn contradicted(contradiction: &Contradiction<'_>, findings: &Findings) -> Self {
        let first = findings.sightings().first().map(|first| (*first).clone());
        let digests = match contradiction {
            Contradiction::Misuse { entry, misuse } => {
                let first = first.map(Box::new);
                return Self::Misused { first, entry: Box::new((*entry).clone()), misuse: *misuse };
            }
            Contradiction::Digest { first, other, entry } => [(first.digest(), first.entry()), (*other, *entry)],
            Contradiction::Refiled { first, other } => {
                [(first.digest(), first.entry()), (other.digest(), other.entry())]
            }
        };
        let digests = digests.map(|(digest, entry)| (digest.clone(), entry.log_index()));
        Self::Contradicted(Box::new(Contradicted { first, digests }))
    }

    /// Demands of a tag that holds that it was recorded at least so long ago. The time is the log's or that of witnesses,
    /// signed and verified.
    pub(super) fn demand_age(self, min_age: Option<Age>, now: u64) -> Self {
        match (self, min_age) {
            (Self::Holds(sighting), Some(min_age)) => {
                let Some(time) = sighting.recorded_time() else { return Self::Unchecked(no_age(&sighting)) };
                let age = Age::since(time.seconds(), now);
                if age >= min_age {
                    return Self::Holds(sighting);
                }
                Self::TooYoung(Box::new(TooYoung { sighting: *sighting, time, age, min_age }))
            }
            (result, _) => result,
        }
    }

    pub(in crate::cli) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Holds(_) => ExitCode::SUCCESS,
            Self::TooYoung(_) | Self::Moved(_) | Self::Contradicted(_) | Self::Misused { .. } => ExitCode::from(1),
            Self::Unchecked(_) => ExitCode::from(2),
        }
    }
}

impl fmt::Display for TooYoung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sighting, time, age, min_age } = self;
        let by = if matches!(time, SightingTime::Witnessed(_)) { " by witnesses" } else { "" };
        write!(
            f,
            "first seen{by} {age} ago, on {} (log index {}), and --min-age demands {min_age}",
            time.rfc3339(),
            sighting.entry().log_index()
        )
    }
}

/// The reason why the age of a sighting is not known.
fn no_age(sighting: &Sighting) -> String {
    let why = match (sighting.cosigned(), sighting.stamped()) {
        (Some(_), _) => "no witness that the policy demands signed a time",
        (None, Some(_)) => {
            "a time stamp alone shows when it was signed, not when it was recorded; --policy takes the time of witnesses"
        }
        (None, None) => "nobody signed the time at which it was recorded; --policy takes the time of witnesses",
    };
    format!("--min-age cannot tell: {why}")
}

/// The reason why the log has no sighting to compare with.
fn no_sighting(tag: &Tag, findings: &Findings, foreign: usize) -> String {
    if let Some(refiled) = findings.refiled_alone() {
        let (index, digest) = (refiled.entry().log_index(), refiled.digest());
        return format!("the log lists no sighting, and a copy of one that says {digest}, with index {index}");
    }
    if let Some(entry) = findings.unattested(tag).first() {
        let index = entry.log_index();
        return format!(
            "the log lists no sighting, and the entry with index {index} by your key, which does not say what was signed"
        );
    }
    match foreign {
        0 => "the log lists no entry for this tag".to_owned(),
        1 => "the log lists no entry for this tag by your keys, and 1 by another key".to_owned(),
        _ => format!("the log lists no entry for this tag by your keys, and {foreign} by other keys"),
    }
}
