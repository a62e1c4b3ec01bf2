//! What comes of comparing the log with the registry.

use std::process::ExitCode;

use super::Registry;
use crate::rekor::{Fault, Faults};
use crate::sighting::{Findings, First, Sighting};

#[derive(Debug)]
pub enum Verdict {
    /// All entries under the user's keys record one digest, and the registry serves it, or was not asked.
    Holds(Box<Sighting>),
    /// The registry serves another digest than the one that was recorded: that is known, or only that it is another.
    Moved(Option<Box<Sighting>>),
    /// Two digests were recorded under the user's keys.
    Contradicted(Box<Sighting>, Box<Sighting>),
    /// Why it could not be checked.
    Unchecked(String),
}

impl Verdict {
    /// `unverifiable` is what to say where an entry under the user's keys does not verify: it might be the one that
    /// counts. `foreign` is the number of entries by others.
    pub fn new(findings: &Findings, unverifiable: Option<Self>, foreign: usize, registry: &Registry) -> Self {
        // Proven, whatever else could not be checked.
        if let Some((first, other)) = findings.contradiction() {
            return Self::Contradicted(Box::new(first.clone()), Box::new(other.clone()));
        }
        if let Some(unverifiable) = unverifiable {
            return unverifiable;
        }
        match (findings.first(), registry) {
            (First::None, _) => Self::Unchecked(match foreign {
                0 => "the log lists no entry for this tag".to_owned(),
                1 => "the log lists no entry for this tag by your keys, and 1 by another key".to_owned(),
                _ => format!("the log lists no entry for this tag by your keys, and {foreign} by other keys"),
            }),
            (_, Registry::Failed(error)) => Self::Unchecked(error.to_string()),
            (First::Sighting(sighting), Registry::Serves(current)) if sighting.digest() != current => {
                Self::Moved(Some(Box::new(sighting.clone())))
            }
            // What was left without its statement is about none of the digests that are known.
            (First::Sighting(sighting), _) => match findings.unattested.first() {
                Some(entry) => Self::Unchecked(format!(
                    "the log has not kept the statement of the entry with index {}, which bears your key and is not about \
                     the recorded digest",
                    entry.log_index()
                )),
                None => Self::Holds(Box::new(sighting.clone())),
            },
            // Its statement would be known by now if it were about the current digest.
            (First::Unattested(_), Registry::Serves(_)) => Self::Moved(None),
            (First::Unattested(entry), Registry::NotAsked) => Self::Unchecked(format!(
                "the log has not kept the statement of the entry with index {}: only asking the registry can tell \
                 whether it is about what the tag is now",
                entry.log_index()
            )),
        }
    }

    pub fn unverifiable(log_index: u64, faults: &[Fault]) -> Self {
        let faults = Faults(faults);
        Self::Unchecked(format!("the entry with index {log_index} bears your key and does not verify: {faults}"))
    }

    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Holds(_) => ExitCode::SUCCESS,
            Self::Moved(_) | Self::Contradicted(..) => ExitCode::from(1),
            Self::Unchecked(_) => ExitCode::from(2),
        }
    }
}
