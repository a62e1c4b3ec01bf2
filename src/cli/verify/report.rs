//! What `verify` prints.

use serde::Serialize;
use serde_json::json;

use super::{LookedUp, Registry, Verdict};
use crate::cli::listed::{Listed, NotRead, Standing, fingerprint, not_read};
use crate::cli::terminal::{Colours, Tone, harmless, say};
use crate::image::Tag;
use crate::sighting::Sighting;

pub struct Report<'a> {
    pub tag: &'a Tag,
    /// Whether an instance was asked instead of the log.
    pub instance: bool,
    pub verdict: Verdict,
    pub registry: Registry,
    pub looked_up: LookedUp,
}

/// The JSON that is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    /// Canonical.
    tag: &'a str,
    /// Where the evidence comes from: `log` or `instance`.
    source: &'static str,
    /// `holds`, `moved`, `contradicted`, `misused` or `unchecked`.
    verdict: &'static str,
    /// Where it is `unchecked`: why.
    reason: Option<&'a str>,
    /// The recorded digest, where it is known.
    digest: Option<&'a str>,
    /// What the registry serves now; null if it was not asked or did not answer.
    current: Option<&'a str>,
    /// Entries that bear the user's keys, by log index: the first sighting among them counts.
    entries: &'a [Listed],
    /// The number of entries by other keys.
    foreign_entries: usize,
    /// What the log lists and could not be read, if anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<NotRead>,
}

impl Report<'_> {
    pub fn print_json(&self) {
        let (verdict, sighting, reason) = match &self.verdict {
            Verdict::Holds(sighting) => ("holds", Some(&**sighting), None),
            Verdict::Moved(sighting) => ("moved", sighting.as_deref(), None),
            Verdict::Contradicted(contradicted) => ("contradicted", contradicted.first.as_ref(), None),
            Verdict::Misused { first, .. } => ("misused", first.as_deref(), None),
            Verdict::Unchecked(reason) => ("unchecked", None, Some(reason.as_str())),
        };
        let shown = Shown {
            tag: self.tag.canonical(),
            source: if self.instance { "instance" } else { "log" },
            verdict,
            reason,
            digest: sighting.map(|sighting| sighting.digest().as_str()),
            current: match &self.registry {
                Registry::Serves(digest) => Some(digest.as_str()),
                Registry::NotAsked | Registry::Failed(_) => None,
            },
            entries: &self.looked_up.entries,
            foreign_entries: self.looked_up.foreign,
            unread: not_read(&self.looked_up.unread),
        };
        say(format_args!("{:#}", json!(shown)));
    }

    pub fn print(&self) {
        let colours = Colours::of_stdout();
        let (tag, registry) = (self.tag, self.tag.repository().registry());
        match &self.verdict {
            Verdict::Holds(sighting) => {
                say(format_args!("{tag} {}\n", colours.paint(Tone::Good, "holds")));
                self.print_sighting(sighting);
                match &self.registry {
                    Registry::NotAsked => say(format_args!("  now       {registry} was not asked")),
                    _ => say(format_args!("  now       {registry} serves this digest")),
                }
                self.print_checks();
            }
            Verdict::Moved(Some(sighting)) => {
                say(format_args!("{tag} {}\n", colours.paint(Tone::Bad, "has moved")));
                self.print_sighting(sighting);
                self.print_current();
                self.print_checks();
            }
            Verdict::Moved(None) => {
                say(format_args!("{tag} {}\n", colours.paint(Tone::Bad, "has moved")));
                say("  digest    unknown: the log has not kept the statement of the first entry");
                self.print_current();
                self.print_entries();
            }
            Verdict::Contradicted(contradicted) => {
                say(format_args!(
                    "{tag} {}: your keys signed different digests\n",
                    colours.paint(Tone::Bad, "is contradicted")
                ));
                let [(digest, index), (other, other_index)] = &contradicted.digests;
                match &contradicted.first {
                    Some(first) => self.print_sighting(first),
                    None => say(format_args!("  digest    {digest}, log index {index}")),
                }
                say(format_args!("  but also  {other}, log index {other_index}"));
                self.print_current();
                self.print_entries();
                self.print_doubts();
            }
            Verdict::Misused { first, entry, misuse } => {
                let word = colours.paint(Tone::Bad, "has an entry that no instance makes");
                say(format_args!("{tag} {word}: {misuse}\n"));
                if let Some(first) = first {
                    self.print_sighting(first);
                }
                say(format_args!("  misused   log index {}", entry.log_index()));
                self.print_current();
                self.print_entries();
                self.print_doubts();
            }
            Verdict::Unchecked(reason) => {
                say(format_args!(
                    "{tag} {}: {}",
                    colours.paint(Tone::Doubtful, "could not be checked"),
                    harmless(reason)
                ));
                self.print_entries();
            }
        }
    }

    fn print_sighting(&self, sighting: &Sighting) {
        let entry = sighting.entry();
        let listed = self.looked_up.entries.iter().find(|listed| listed.log_index == entry.log_index());
        say(format_args!("  digest    {}", sighting.digest()));
        say(format_args!("  recorded  {}, log index {}", entry.integrated_at(), entry.log_index()));
        say(format_args!("  entry     {}", listed.map(|listed| listed.url.as_str()).unwrap_or_default()));
        say(format_args!("  key       sha256:{}", fingerprint(sighting.statement().key())));
    }

    fn print_current(&self) {
        let registry = self.tag.repository().registry();
        match &self.registry {
            Registry::Serves(digest) => say(format_args!("  now       {registry} serves {digest}")),
            Registry::NotAsked => say(format_args!("  now       {registry} was not asked")),
            Registry::Failed(error) => say(format_args!("  now       {}", harmless(&error.to_string()))),
        }
    }

    /// Every entry under the user's keys, where it is not one alone that tells all.
    fn print_entries(&self) {
        if self.looked_up.entries.is_empty() {
            return;
        }
        say("\nEntries that bear your keys:");
        for entry in &self.looked_up.entries {
            let standing = match entry.standing {
                Standing::Unattested => "without its statement",
                Standing::Misused => "misused",
                Standing::Unrelated => "about something else",
                Standing::Unverifiable => "does not verify",
                Standing::Unreadable => "cannot be understood",
                Standing::Sighting | Standing::Refiled | Standing::Foreign => {
                    entry.digest.as_deref().unwrap_or_default()
                }
            };
            say(format_args!("  {}  {}  {standing}", entry.log_index, entry.integrated_time));
            say(format_args!("    {}", entry.url));
        }
    }

    /// What was not understood, or not read.
    fn print_doubts(&self) {
        let LookedUp { findings, unread, .. } = &self.looked_up;
        for entry in findings.unattested(self.tag) {
            let index = entry.log_index();
            say(format_args!(
                "Not known: what digest the entry with index {index} is about, whose statement the log has not kept"
            ));
        }
        for index in &findings.unreadable {
            say(format_args!("Not known: what the entry with index {index} is, which holds your key"));
        }
        for (id, error) in unread {
            say(format_args!("Not read: the entry {id}: {}", harmless(&error.to_string())));
        }
    }

    fn print_checks(&self) {
        say("\nChecked on this machine:");
        say("  - your key signed the statement that names this tag and the recorded digest");
        say("  - the log holds the entry: its signed timestamp, and the inclusion proof from the entry's own bytes");
        say("    to the root hash of a checkpoint that the log signed");
        let LookedUp { findings, unread, entries, foreign } = &self.looked_up;
        let files = findings.files_by_certificate(self.tag);
        match entries.iter().filter(|entry| entry.standing != Standing::Unrelated).count() {
            // What the others name is then not known.
            _ if self.instance || !findings.is_understood(self.tag) || files > 0 || !unread.is_empty() => {}
            1 => say("  - the log lists no other entry for this tag by your keys"),
            count => say(format_args!(
                "  - the log lists {count} entries for this tag by your keys, and none names another digest"
            )),
        }
        match &self.registry {
            Registry::Serves(_) => say("  - what the registry serves: the digest is that of the manifest's bytes"),
            _ => say("Not checked: what the registry serves now"),
        }
        if self.instance {
            say("Not checked: whether the log has other entries for this tag; that takes asking the log");
        }
        self.print_doubts();
        if files > 0 {
            say(format_args!(
                "Passed over: signatures by your key that a certificate files here ({files}), as anyone can with a published one"
            ));
        }
        if *foreign > 0 {
            say(format_args!("Passed over: entries by other keys ({foreign}), which anyone can file"));
        }
    }
}
