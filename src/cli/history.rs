//! `history`: every entry that the log lists for a tag.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::Outcome;
use super::listed::{Listed, NotRead, Standing, not_read};
use super::lookup::{Lookup, Unread};
use super::terminal::{Colours, Tone, harmless, say};
use super::trust::Trust;
use crate::image::Tag;
use crate::sighting::{Contradiction, Finding, Findings};

/// Show every entry that the log lists for a tag, oldest first
///
/// Anyone can file an entry under any tag, so each is marked:
///
///   sighting      by a key that you named: the tag was seen at this digest
///   refiled       the same statement, which anyone can file again in another form
///   foreign       by any other key: it counts for nothing here
///   misused       by your key, which signed something else than sightings under this tag
///   unattested    by your key, but the log does not keep what was signed, so that the digest is not known
///                 ('verify' tries the one that the registry serves)
///   unrelated     by your key, about another tag
///   unverifiable  it bears your key, and the log's proof for it does not hold
///   unreadable    it holds your key and cannot be understood
///
/// The log's index is not complete by promise: an entry that is not listed may still exist.
///
/// Exit code: 0 if your keys name one digest, 1 if they contradict themselves or signed something else, 2 if there is no
/// sighting, an entry under your keys does not verify, cannot be read or is unattested and not about the digest of a
/// sighting, or the log cannot be reached.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct History {
    /// The tag, e.g. alpine:3.16.0 or ghcr.io/org/app:v1
    #[arg(value_name = "IMAGE:TAG")]
    tag: Tag,
    #[command(flatten)]
    trust: Trust,
    /// Print one JSON object, as docs/verify.md describes it
    #[arg(long)]
    json: bool,
}

/// The JSON that is printed.
#[derive(Serialize)]
struct Shown<'a> {
    /// Canonical.
    tag: &'a str,
    /// By log index.
    entries: &'a [Listed],
    /// What the log lists and could not be read.
    unread: Vec<NotRead>,
}

impl History {
    pub async fn run(self) -> Outcome {
        let lookup = Lookup::new(self.trust.log()?, self.trust.keys()?)?;
        let mut entries = Vec::new();
        let list =
            |finding: &Finding| entries.push(Listed::new(&self.tag, finding, lookup.log.rekor(), &lookup.log_keys));
        let (findings, unread) = lookup.findings(&self.tag, list).await?;
        entries.iter_mut().for_each(|entry| entry.explain(&findings));
        entries.sort_by_key(|entry| entry.log_index);
        if self.json {
            let shown = Shown { tag: self.tag.canonical(), entries: &entries, unread: not_read(&unread) };
            say(serde_json::to_string_pretty(&shown)?);
        } else {
            self.print(&entries, &findings, &unread);
        }
        Ok(self.exit_code(&findings, &unread))
    }

    fn print(&self, entries: &[Listed], findings: &Findings, unread: &Unread) {
        let colours = Colours::of_stdout();
        match entries.len() {
            0 => say(format_args!("{}: the log lists no entry", self.tag)),
            1 => say(format_args!("{}: 1 entry", self.tag)),
            count => say(format_args!("{}: {count} entries", self.tag)),
        }
        for entry in entries {
            let (word, tone) = match entry.standing {
                Standing::Sighting => ("sighting", Tone::Good),
                Standing::Refiled => ("refiled", Tone::Aside),
                Standing::Misused => ("misused", Tone::Bad),
                Standing::Unreadable => ("unreadable", Tone::Bad),
                Standing::Unattested => ("unattested", Tone::Doubtful),
                Standing::Unrelated => ("unrelated", Tone::Doubtful),
                Standing::Unverifiable => ("unverifiable", Tone::Bad),
                Standing::Foreign => ("foreign", Tone::Aside),
            };
            let digest = entry.digest.as_deref().unwrap_or("digest unknown");
            say("");
            say(format_args!("{}  {}  {digest}", entry.log_index, colours.paint(tone, word)));
            say(format_args!("  recorded  {}", entry.integrated_time));
            say(format_args!("  entry     {}", entry.url));
            for key in &entry.keys {
                say(format_args!("  key       sha256:{key}"));
            }
            for fault in &entry.faults {
                say(format_args!("  fault     {fault}"));
            }
        }
        for (id, error) in unread {
            say("");
            say(format_args!("The entry {id} could not be read: {}", harmless(&error.to_string())));
        }
        let said = match findings.contradiction() {
            None => return,
            Some(Contradiction::Digest { .. } | Contradiction::Refiled { .. }) => {
                "Your keys signed different digests for this tag."
            }
            Some(Contradiction::Misuse { .. }) => "Your keys signed something else than sightings of this tag.",
        };
        say("");
        say(colours.paint(Tone::Bad, said));
    }

    fn exit_code(&self, findings: &Findings, unread: &Unread) -> ExitCode {
        if findings.contradiction().is_some() {
            ExitCode::from(1)
        } else if findings.sightings().is_empty() || !findings.is_understood(&self.tag) || !unread.is_empty() {
            ExitCode::from(2)
        } else {
            ExitCode::SUCCESS
        }
    }
}
