//! `history`: every entry that the log lists for a tag.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use url::Url;

use super::instance::{self, InstanceError};
use super::shown_entry::{FindingKind, NotRead, ShownEntry, not_read};
use super::terminal::{ASIDE, BAD, DOUBTFUL, GOOD, print_line, sanitized, styled};
use super::trust::Trust;
use super::{CommandResult, Failure};
use crate::deadline::Deadline;
use crate::image::Tag;
use crate::log_search::{LogSearch, Unread};
use crate::pinned::parse_tag;
use crate::refused::RefusedDigests;
use crate::sighting::{Contradiction, Finding, Findings};

/// The time-out for the instance.
const INSTANCE_TIME: Duration = Duration::from_secs(30);

/// Show every entry that the log lists for a tag, oldest first
///
/// Anyone can file an entry under any tag, so each is marked:
///
///   sighting      by your key: the tag was seen at this digest
///   refiled       the same statement, filed again in another form, as anyone can
///   foreign       by any other key: it counts for nothing here
///   misused       by your key, which signed something else than sightings under this tag
///   unattested    by your key, without its statement: the log has not kept it, and the digest is not known
///                 ('verify' tries the one that the registry serves)
///   unrelated     by your key, about another tag
///   unverifiable  with your key, and the log's proof for it does not hold
///   unreadable    with your key, and it cannot be understood
///
/// A log of Rekor v2 (--rekor-api 2) lists nothing: with --instance, the one entry that the instance has is shown instead,
/// checked as by 'verify'.
///
/// The log's index does not promise to be complete: an entry that is not listed may still exist.
///
/// With --instance, what that tlogistry instance refused follows: the digests that the tag moved to, and since when. This is
/// the instance's word, which the log does not hold, and nothing is concluded from it.
///
/// Exit code: 0 if your keys name one digest; 1 if they contradict themselves or signed something else; 2 if there is no
/// sighting, an entry by your keys does not verify, cannot be read, or is unattested and not about a sighting's digest, or
/// the log or the instance cannot be reached.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct History {
    /// The tag, e.g. alpine:3.16.0 or ghcr.io/org/app:v1
    #[arg(value_name = "IMAGE:TAG", value_parser = parse_tag)]
    tag: Tag,
    #[command(flatten)]
    trust: Trust,
    /// Show also what this tlogistry instance refused
    #[arg(long, value_name = "URL")]
    instance: Option<String>,
    /// Print one JSON object, as docs/verify.md describes it
    #[arg(long)]
    json: bool,
}

/// The JSON that is printed.
#[derive(Serialize)]
struct HistoryJson<'a> {
    /// Canonical.
    tag: &'a str,
    /// By log index.
    entries: &'a [ShownEntry],
    /// Entries that the log lists and that could not be read.
    unread: Vec<NotRead>,
    /// The word of the instance that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<InstanceJson<'a>>,
}

#[derive(Serialize)]
struct InstanceJson<'a> {
    #[serde(flatten)]
    refused: Option<&'a RefusedDigests>,
    /// The reason why nothing is known.
    error: Option<String>,
}

impl History {
    pub(super) async fn run(self) -> CommandResult {
        let search = LogSearch::new(self.trust.log()?, self.trust.keys()?)?;
        let instance = instance::parse(self.instance.as_ref())?;
        let mut entries = Vec::new();
        let list = |finding: &Finding| entries.push(ShownEntry::new(&self.tag, finding, &search.log, &search.log_keys));
        let word = async {
            let instance = instance.as_ref()?;
            Some(instance::moves(instance, &self.tag, Deadline::after(INSTANCE_TIME)).await)
        };
        if !search.can_search() && instance.is_none() {
            return Err(
                "a log of API version 2 lists no entries of a tag: --instance shows the one that an instance has, and \
                        what it refused"
                    .into(),
            );
        }
        let found = async {
            match instance.as_ref().filter(|_| !search.can_search()) {
                Some(instance) => of_instance(instance, &self.tag, &search, list).await,
                None => Ok(search.findings(&self.tag, list).await?),
            }
        };
        let (found, word) = tokio::join!(found, word);
        let (findings, unread) = found?;
        entries.iter_mut().for_each(|entry| entry.explain(&findings));
        entries.sort_by_key(|entry| entry.log_index);
        if self.json {
            let instance = word.as_ref().map(|word| InstanceJson {
                refused: word.as_ref().ok(),
                error: word.as_ref().err().map(|error| sanitized(&error.to_string())),
            });
            let unread = not_read(&unread);
            let shown = HistoryJson { tag: self.tag.canonical(), entries: &entries, unread, instance };
            print_line(serde_json::to_string_pretty(&shown)?);
        } else {
            self.print(&entries, &findings, &unread);
            if !search.can_search() {
                print_line("");
                print_line(
                    "This is the entry that the instance has. The log of version 2 cannot be searched for others.",
                );
            } else if !search.can_search_all() {
                print_line("");
                print_line("Entries of the log of version 2 are not among these: it cannot be searched.");
            }
            if let Some(word) = &word {
                print_word(word);
            }
        }
        let is_told = !matches!(word, Some(Err(_)));
        Ok(self.exit_code(&findings, &unread, is_told))
    }

    fn print(&self, entries: &[ShownEntry], findings: &Findings, unread: &Unread) {
        match entries.len() {
            0 => print_line(format_args!("{}: the log lists no entry", self.tag)),
            1 => print_line(format_args!("{}: 1 entry", self.tag)),
            count => print_line(format_args!("{}: {count} entries", self.tag)),
        }
        for entry in entries {
            let style = match entry.standing {
                FindingKind::Sighting => GOOD,
                FindingKind::Refiled | FindingKind::Foreign => ASIDE,
                FindingKind::Unattested | FindingKind::Unrelated => DOUBTFUL,
                FindingKind::Misused | FindingKind::Unreadable | FindingKind::Unverifiable => BAD,
            };
            let digest = entry.digest.as_deref().unwrap_or("digest unknown");
            print_line("");
            print_line(format_args!("{}  {}  {digest}", entry.log_index, styled(style, entry.standing.name())));
            print_line(format_args!("  recorded  {}", entry.time()));
            print_line(format_args!("  entry     {}", entry.url));
            for key in &entry.keys {
                print_line(format_args!("  key       sha256:{key}"));
            }
            for fault in &entry.faults {
                print_line(format_args!("  fault     {fault}"));
            }
        }
        for (id, error) in unread {
            print_line("");
            print_line(format_args!("The entry {id} could not be read: {}", sanitized(&error.to_string())));
        }
        let text = match findings.contradiction() {
            None => return,
            Some(Contradiction::Digest { .. } | Contradiction::Refiled { .. }) => {
                "Your keys signed different digests for this tag."
            }
            Some(Contradiction::Misuse { .. }) => "Your keys signed something else than sightings of this tag.",
        };
        print_line("");
        print_line(styled(BAD, text));
    }

    fn exit_code(&self, findings: &Findings, unread: &Unread, is_told: bool) -> ExitCode {
        if findings.contradiction().is_some() {
            ExitCode::from(1)
        } else if findings.sightings().is_empty()
            || !findings.is_understood(&self.tag)
            || !unread.is_empty()
            || !is_told
        {
            ExitCode::from(2)
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// The sighting that an instance has, checked, in place of what the log would list.
async fn of_instance(
    instance: &Url,
    tag: &Tag,
    search: &LogSearch,
    mut list: impl FnMut(&Finding),
) -> Result<(Findings, Unread), Failure> {
    let sighting = instance::sighting(instance, tag, search, Deadline::after(INSTANCE_TIME)).await?;
    let finding = Finding::Sighting(Box::new(sighting));
    list(&finding);
    Ok((Findings::new([finding]), Unread::new()))
}

/// An instance's word on the tag's moves.
fn print_word(word: &Result<RefusedDigests, InstanceError>) {
    print_line("");
    let refused = match word {
        Ok(refused) if refused.is_empty() => {
            return print_line("The instance refused no other digest, by its own word: the log does not hold this.");
        }
        Ok(refused) => refused,
        Err(error) => {
            return print_line(format_args!(
                "What the instance refused is not known: {}",
                sanitized(&error.to_string())
            ));
        }
    };
    print_line("Refused by the instance, by its own word: the log does not hold this.");
    for refused in &refused.moves {
        print_line("");
        print_line(format_args!("{}  {}", styled(DOUBTFUL, "moved to"), refused.digest));
        print_line(format_args!("  since     {}", refused.since));
        print_line(format_args!("  manifest  {}, {} bytes", refused.media_type, refused.size));
    }
    if refused.further_moves > 0 {
        print_line("");
        print_line(format_args!("Further moves whose digests are not kept: {}", refused.further_moves));
    }
}
