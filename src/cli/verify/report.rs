//! The output of `verify`.

use serde::Serialize;
use serde_json::json;

use super::{Absence, CheckResult, EvidenceSource, LookedUp, RegistryAnswer};
use crate::cli::shown_entry::{FindingKind, NotRead, ShownEntry, not_read};
use crate::cli::terminal::{BAD, DOUBTFUL, GOOD, print_line, sanitized, styled};
use crate::image::Tag;
use crate::sighting::{Sighting, SightingTime};

pub(super) struct VerifyReport<'a> {
    pub tag: &'a Tag,
    pub source: EvidenceSource,
    /// False if one of the logs lists no entries.
    pub searched_all: bool,
    pub result: CheckResult,
    pub registry: RegistryAnswer,
    pub looked_up: LookedUp,
    /// Shown by the state of a complete audit.
    pub absence: Option<Absence>,
}

/// The JSON that is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifyJson<'a> {
    /// Canonical.
    tag: &'a str,
    source: EvidenceSource,
    /// `holds`, `young`, `moved`, `contradicted`, `misused` or `unchecked`.
    verdict: &'static str,
    /// The reason, if `verdict` is `unchecked`.
    reason: Option<&'a str>,
    /// The recorded digest, if known.
    digest: Option<&'a str>,
    /// The digest that the registry serves now; null if it was not asked or did not answer.
    current: Option<&'a str>,
    /// Entries with the user's keys, by log index. The first sighting among them counts.
    entries: &'a [ShownEntry],
    /// The number of entries by other keys.
    foreign_entries: usize,
    /// The log in which a complete audit found no other digest for the tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    absence: Option<AbsenceJson<'a>>,
    /// Entries that the log lists and that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<NotRead>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AbsenceJson<'a> {
    /// The log's id.
    log_id: &'a str,
    /// The log's name.
    origin: &'a str,
    /// The size of the log up to which all entries were read.
    size: u64,
    /// The instance or ledger that explained the entries by the user's keys.
    source: &'a str,
    /// The ids of logs that were not read.
    not_read: &'a [String],
}

impl VerifyReport<'_> {
    pub(super) fn print_json(&self) {
        let (verdict, sighting, reason) = match &self.result {
            CheckResult::Holds(sighting) => ("holds", Some(&**sighting), None),
            CheckResult::TooYoung(young) => ("young", Some(&young.sighting), None),
            CheckResult::Moved(sighting) => ("moved", sighting.as_deref(), None),
            CheckResult::Contradicted(contradicted) => ("contradicted", contradicted.first.as_ref(), None),
            CheckResult::Misused { first, .. } => ("misused", first.as_deref(), None),
            CheckResult::Unchecked(reason) => ("unchecked", None, Some(sanitized(reason))),
        };
        let shown = VerifyJson {
            tag: self.tag.canonical(),
            source: self.source,
            verdict,
            reason: reason.as_deref(),
            digest: sighting.map(|sighting| sighting.digest().as_str()),
            current: match &self.registry {
                RegistryAnswer::Serves(digest) => Some(digest.as_str()),
                RegistryAnswer::NotAsked | RegistryAnswer::Failed(_) => None,
            },
            entries: &self.looked_up.entries,
            foreign_entries: self.looked_up.foreign,
            absence: self.absence.as_ref().map(|absence| AbsenceJson {
                log_id: &absence.log_id,
                origin: &absence.origin,
                size: absence.audit.size,
                source: &absence.audit.source,
                not_read: &absence.audit.not_read,
            }),
            unread: not_read(&self.looked_up.unread),
        };
        print_line(format_args!("{:#}", json!(shown)));
    }

    pub(super) fn print(&self) {
        let tag = self.tag;
        match &self.result {
            CheckResult::Holds(sighting) => {
                print_line(format_args!("{tag} {}\n", styled(GOOD, "holds")));
                self.print_unchanged(sighting);
            }
            CheckResult::TooYoung(young) => {
                print_line(format_args!("{tag} {}: {young}\n", styled(BAD, "is too young")));
                self.print_unchanged(&young.sighting);
            }
            CheckResult::Moved(Some(sighting)) => {
                print_line(format_args!("{tag} {}\n", styled(BAD, "has moved")));
                self.print_sighting(sighting);
                self.print_current();
                self.print_checks(sighting);
            }
            CheckResult::Moved(None) => {
                print_line(format_args!("{tag} {}\n", styled(BAD, "has moved")));
                print_line("  digest    unknown: the log has not kept the statement of the first entry");
                self.print_current();
                self.print_entries();
            }
            CheckResult::Contradicted(contradicted) => {
                print_line(format_args!(
                    "{tag} {}: your keys signed different digests\n",
                    styled(BAD, "is contradicted")
                ));
                let [(digest, index), (other, other_index)] = &contradicted.digests;
                match &contradicted.first {
                    Some(first) => self.print_sighting(first),
                    None => print_line(format_args!("  digest    {digest}, log index {index}")),
                }
                print_line(format_args!("  but also  {other}, log index {other_index}"));
                self.print_current();
                self.print_entries();
                self.print_doubts();
            }
            CheckResult::Misused { first, entry, misuse } => {
                let word = styled(BAD, "has an entry that no instance makes");
                print_line(format_args!("{tag} {word}: {misuse}\n"));
                if let Some(first) = first {
                    self.print_sighting(first);
                }
                print_line(format_args!("  misused   log index {}", entry.log_index()));
                self.print_current();
                self.print_entries();
                self.print_doubts();
            }
            CheckResult::Unchecked(reason) => {
                print_line(format_args!("{tag} {}: {}", styled(DOUBTFUL, "could not be checked"), sanitized(reason)));
                self.print_entries();
            }
        }
    }

    fn print_unchanged(&self, sighting: &Sighting) {
        let registry = self.tag.repository().registry();
        self.print_sighting(sighting);
        match &self.registry {
            RegistryAnswer::NotAsked => print_line(format_args!("  now       {registry} was not asked")),
            _ => print_line(format_args!("  now       {registry} serves this digest")),
        }
        self.print_checks(sighting);
    }

    fn print_sighting(&self, sighting: &Sighting) {
        let entry = sighting.entry();
        let listed = self.looked_up.entries.iter().find(|listed| listed.log_index == entry.log_index());
        print_line(format_args!("  digest    {}", sighting.digest()));
        print_line(format_args!(
            "  recorded  {}, log index {}",
            SightingTime::shown(sighting.time()),
            entry.log_index()
        ));
        print_line(format_args!("  entry     {}", listed.map(|listed| listed.url.as_str()).unwrap_or_default()));
        print_line(format_args!("  key       sha256:{}", sighting.statement().key().fingerprint()));
    }

    fn print_current(&self) {
        let registry = self.tag.repository().registry();
        match &self.registry {
            RegistryAnswer::Serves(digest) => print_line(format_args!("  now       {registry} serves {digest}")),
            RegistryAnswer::NotAsked => print_line(format_args!("  now       {registry} was not asked")),
            RegistryAnswer::Failed(error) => print_line(format_args!("  now       {}", sanitized(&error.to_string()))),
        }
    }

    /// Lists the entries by the user's keys.
    fn print_entries(&self) {
        if self.looked_up.entries.is_empty() {
            return;
        }
        print_line("\nEntries that bear your keys:");
        for entry in &self.looked_up.entries {
            let standing = match entry.standing {
                FindingKind::Unattested => "without its statement",
                FindingKind::Misused => "misused",
                FindingKind::Unrelated => "about something else",
                FindingKind::Unverifiable => "does not verify",
                FindingKind::Unreadable => "cannot be understood",
                FindingKind::Sighting | FindingKind::Refiled | FindingKind::Foreign => {
                    entry.digest.as_deref().unwrap_or_default()
                }
            };
            print_line(format_args!("  {}  {}  {standing}", entry.log_index, entry.time()));
            print_line(format_args!("    {}", entry.url));
        }
    }

    /// Entries that were not understood, or not read.
    fn print_doubts(&self) {
        let LookedUp { findings, unread, .. } = &self.looked_up;
        for entry in findings.unattested(self.tag) {
            let index = entry.log_index();
            print_line(format_args!(
                "Not known: what digest the entry with index {index} is about, whose statement the log has not kept"
            ));
        }
        for index in &findings.unreadable {
            print_line(format_args!("Not known: what the entry with index {index} is, which holds your key"));
        }
        for (id, error) in unread {
            print_line(format_args!("Not read: the entry {id}: {}", sanitized(&error.to_string())));
        }
    }

    fn print_checks(&self, sighting: &Sighting) {
        print_line("\nChecked on this machine:");
        print_line("  - your key signed the statement that names this tag and the recorded digest");
        match sighting.time() {
            Some(SightingTime::Recorded(_)) => {
                print_line(
                    "  - the log holds the entry: its signed timestamp, and the inclusion proof from the entry's own bytes",
                );
                print_line("    to the root hash of a checkpoint that the log signed");
            }
            signed => {
                print_line(
                    "  - the log holds the entry: the inclusion proof from the entry's own bytes to the root hash of a",
                );
                print_line("    checkpoint that the log signed");
                if sighting.cosigned().is_some() {
                    print_line("  - the witnesses that the policy demands cosigned this checkpoint");
                }
                match signed {
                    Some(SightingTime::Witnessed(_)) => {
                        print_line("  - these witnesses had seen the entry in the log by the time above");
                    }
                    Some(_) => print_line("  - a time-stamping authority saw your key's signature at the time above"),
                    None => print_line("Not shown: when it was signed or recorded; this log signs no time"),
                }
            }
        }
        let LookedUp { findings, unread, entries, foreign } = &self.looked_up;
        let files = findings.files_by_certificate(self.tag);
        match entries.iter().filter(|entry| entry.standing != FindingKind::Unrelated).count() {
            // Other entries exist whose digest is not known, or may exist.
            _ if self.source != EvidenceSource::Log
                || !self.searched_all
                || !findings.is_understood(self.tag)
                || files > 0
                || !unread.is_empty() => {}
            1 => print_line("  - the log lists no other entry for this tag by your keys"),
            count => print_line(format_args!(
                "  - the log lists {count} entries for this tag by your keys, and none names another digest"
            )),
        }
        match &self.registry {
            RegistryAnswer::Serves(_) => {
                print_line("  - what the registry serves: the digest is that of the manifest's bytes")
            }
            _ => print_line("Not checked: what the registry serves now"),
        }
        if let Some(Absence { origin, audit, cosigned, .. }) = &self.absence {
            let (size, source) = (audit.size, sanitized(&audit.source));
            print_line(format_args!(
                "  - no other digest is recorded for this tag by your keys in log {origin}, up to size {size}: a complete audit \
                 read it, and {source} explained each entry"
            ));
            if *cosigned {
                print_line(
                    "  - the witnesses that the policy demands cosigned the checkpoint that the audit read up to",
                );
            }
            for log_id in &audit.not_read {
                print_line(format_args!("Not covered: the log {}, which the audit could not read", sanitized(log_id)));
            }
        } else if self.source != EvidenceSource::Instance && !self.searched_all {
            print_line("Not checked: what the log of version 2 has for this tag; it cannot be searched");
        }
        if self.source == EvidenceSource::Instance && self.absence.is_none() {
            print_line("Not checked: whether the log has other entries for this tag; that takes asking the log");
        }
        self.print_doubts();
        if files > 0 {
            print_line(format_args!(
                "Passed over: signatures by your key that a certificate files here ({files}), as anyone can with a published one"
            ));
        }
        if *foreign > 0 {
            print_line(format_args!("Passed over: entries by other keys ({foreign}), which anyone can file"));
        }
    }
}
