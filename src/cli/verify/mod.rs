//! `verify`: checks that a tag is what it was recorded as.

mod proof;
mod report;
mod result;
mod witnesses;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use url::Url;

use super::Failure;
use super::age::Age;
use super::audit::state_file::StateFile;
use super::shown_entry::ShownEntry;
use super::trust::Trust;
use super::witness_policy::WitnessPolicy;
use super::{CommandResult, instance, kept};
use crate::audit::AuditState;
use crate::audit::complete::Absence;
use crate::clock::since_epoch;
use crate::config::Config;
use crate::deadline::Deadline;
use crate::image::{Digest, Reference, Tag};
use crate::log_search::{LogSearch, Unread};
use crate::pinned::parse_tag;
use crate::sighting::{Finding, Findings, Sighting};
use crate::tlog::Policy;
use crate::upstream::{Egress, Upstream, UpstreamError};

use report::VerifyReport;
pub(super) use result::CheckResult;

/// The time-out for the registry or the instance, redirects and token included.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Check on this machine that a tag is what it was recorded as
///
/// Asks the log for every entry about the tag, and the registry for the tag's current digest. Every answer is checked, an
/// instance's too. The checks of each entry with your key:
///
///   - the log's signed timestamp, and its inclusion proof, from the entry's own bytes to the root hash of a checkpoint
///     that the log signed
///   - your key's signature over the statement, and that the statement names this very tag, not only its digest
///   - if the log has lost the statement: that the entry has the hash of the statement with the registry's digest
///
/// With --instance, the evidence comes from a tlogistry instance, and the log is not asked. The checks are the same, but
/// the log may have other entries for the tag. A log of Rekor v2 (--rekor-api 2) can be checked in no other way: it lists
/// no entries of a tag. It signs no time either: where a time-stamping authority did, that is the time until which the
/// statement was signed, and not the one at which it was recorded.
///
/// The entry with the lowest index counts. All others by your keys must be about the same digest, in every kind of entry
/// and even without their statement, and the registry must serve a manifest whose bytes have it. Your keys must have
/// signed nothing else under the tag. Entries by other keys are ignored: anyone can file them.
///
/// With --min-age, the tag must also have been recorded for so long, by the time that the log signed with the first entry
/// or, with --policy, by that of witnesses: nobody who owns the image can set these clocks back. A time stamp alone shows
/// that it was signed, not that it was published, and is exit code 2.
///
/// With --policy, a checkpoint of the log counts only with the cosignatures of witnesses that the policy demands: they show
/// that the log told everybody the same. Where the stored checkpoint has too few, the log is asked for its current one and
/// for the proof that leads to it. The witnesses' times count as the time 'no later than', also for --min-age.
///
/// With --proof, the proof of a tag that holds is written to a file (C2SP tlog-proof). With --proof-from, it is read from
/// one, and neither the log nor an instance is asked: with your keys and the policy, the file is enough.
///
/// A registry that speaks plain http is called only if INSECURE_REGISTRIES names it, as for 'serve'.
///
/// With --state, a complete audit must have found no other digest for the tag, in the log that has its entry and up to a size
/// that is printed. With --policy too, the witnesses must have cosigned the checkpoint that the audit read up to.
///
/// Exit code: 0 if the tag holds; 1 if the registry serves another digest, the tag is younger than --min-age, or your keys
/// contradict themselves or signed something else than sightings; 2 if that could not be checked (no entry, an entry that
/// does not verify or cannot be read, another entry without its statement that is not about the recorded digest, no time
/// for --min-age, or the log or the registry cannot be reached).
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Verify {
    /// The tag, e.g. alpine:3.16.0 or ghcr.io/org/app:v1
    #[arg(value_name = "IMAGE:TAG", value_parser = parse_tag)]
    tag: Tag,
    #[command(flatten)]
    check: CheckArgs,
    /// Do not ask the registry for the current digest
    #[arg(long)]
    no_registry: bool,
    /// Write the proof of a tag that holds to this file, as a C2SP tlog-proof. Concerns Rekor v2
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// Print one JSON object, as docs/verify.md describes it
    #[arg(long)]
    json: bool,
}

/// The evidence, keys and demands that a tag is checked with.
#[derive(Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    trust: Trust,
    /// Take the evidence from this tlogistry instance, and do not ask the log
    #[arg(long, value_name = "URL")]
    instance: Option<String>,
    /// Take the evidence from this file that --proof wrote, and ask neither an instance nor the log
    #[arg(long, value_name = "FILE", conflicts_with = "instance")]
    proof_from: Option<PathBuf>,
    #[command(flatten)]
    policy: WitnessPolicy,
    /// Take the evidence from the file of 'audit --keep', and ask neither the log nor an instance
    #[arg(long, value_name = "FILE", conflicts_with_all = ["instance", "proof_from"])]
    kept: Option<PathBuf>,
    /// Demand that a complete audit has found no other digest for the tag: the state of 'audit --complete'
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Demand that the tag was recorded at least so long ago: a number with s, m, h, d or w, e.g. 7d
    #[arg(long, value_name = "AGE")]
    min_age: Option<Age>,
}

/// The outcome of a check, and what it rests on.
pub(super) struct Checked {
    pub result: CheckResult,
    pub registry: RegistryAnswer,
    /// All logs list their entries.
    searched_all: bool,
    looked_up: LookedUp,
    /// Shown by the state of a complete audit.
    absence: Option<Absence>,
}

impl Verify {
    pub(super) async fn run(self) -> CommandResult {
        let source = self.check.source();
        let Checked { result, registry, searched_all, looked_up, absence } =
            self.check.run(&self.tag, !self.no_registry).await?;
        if let (Some(path), CheckResult::Holds(sighting)) = (&self.proof, &result) {
            proof::write(path, sighting)?;
        }
        let report = VerifyReport { tag: &self.tag, source, searched_all, result, registry, looked_up, absence };
        if self.json {
            report.print_json()
        } else {
            report.print()
        }
        Ok(report.result.exit_code())
    }
}

impl CheckArgs {
    /// The source of the evidence, as it stands in the JSON.
    fn source(&self) -> EvidenceSource {
        match (&self.proof_from, &self.kept, &self.instance) {
            (Some(_), _, _) => EvidenceSource::Proof,
            (None, Some(_), _) => EvidenceSource::Kept,
            (None, None, Some(_)) => EvidenceSource::Instance,
            (None, None, None) => EvidenceSource::Log,
        }
    }

    /// Checks `tag`, and what the registry serves now if `asks_registry`.
    pub(super) async fn run(&self, tag: &Tag, asks_registry: bool) -> Result<Checked, Failure> {
        let log = self.trust.log()?;
        let policy = self.policy.of_log(&log)?;
        let search = LogSearch::new(log, self.trust.keys()?)?;
        let instance = instance::parse(self.instance.as_ref())?;
        let file = self.state.clone().map(|path| StateFile::new(Some(path)));
        let state = file.map(|file| file.load(&search.log_keys)).transpose()?;
        let evidence = match (&self.proof_from, &self.kept, instance) {
            (Some(path), _, _) => TakenFrom::Sighting(proof::read(path, tag, &search)),
            (None, Some(path), _) => TakenFrom::Sighting(in_kept_file(path, tag, &search)),
            (None, None, Some(instance)) => TakenFrom::Instance(instance),
            (None, None, None) => TakenFrom::Log,
        };
        let (looked_up, registry) =
            tokio::join!(look_up(tag, evidence, policy.as_ref(), &search), ask_registry(tag, asks_registry));
        let registry = registry?;
        let (result, looked_up) = match looked_up {
            Ok(mut looked_up) => {
                let LookedUp { findings, unread, foreign, entries } = &mut looked_up;
                if let RegistryAnswer::Serves(current) = &registry {
                    findings.consider(tag, current, &search.trusted);
                }
                entries.iter_mut().for_each(|entry| entry.explain(findings));
                let result = CheckResult::new(tag, findings, unread, *foreign, &registry);
                let result = witnesses::demand(result, policy.as_ref());
                (result.demand_age(self.min_age, since_epoch().as_secs()), looked_up)
            }
            Err(why) => (CheckResult::Unchecked(why), LookedUp::default()),
        };
        let (result, absence) = match state {
            Some(state) => demand_absence(result, &state, &search, policy.as_ref()),
            None => (result, None),
        };
        Ok(Checked { result, registry, searched_all: search.can_search_all(), looked_up, absence })
    }
}

/// Demands of a tag that holds that a complete audit has found no other digest for it, under a checkpoint that counts.
fn demand_absence(
    result: CheckResult,
    state: &AuditState,
    search: &LogSearch,
    policy: Option<&Policy>,
) -> (CheckResult, Option<Absence>) {
    let CheckResult::Holds(sighting) = result else { return (result, None) };
    match state.absence(&sighting, &search.log_keys, &search.trusted, policy) {
        Ok(absence) => (CheckResult::Holds(sighting), Some(absence)),
        Err(why) => {
            let reason = format!("--state does not show that no other digest is recorded for it: {why}");
            (CheckResult::Unchecked(reason), None)
        }
    }
}

fn in_kept_file(path: &Path, tag: &Tag, search: &LogSearch) -> Result<Box<Sighting>, String> {
    let sighting = kept::sighting(path, tag, &search.trusted, &search.log_keys)?;
    sighting.map(Box::new).ok_or_else(|| format!("{} has no such tag", path.display()))
}

/// Gathers the evidence. The error is a message for the user.
async fn look_up(
    tag: &Tag,
    evidence: TakenFrom,
    policy: Option<&Policy>,
    search: &LogSearch,
) -> Result<LookedUp, String> {
    if tag.is_referrers_tag() {
        return Err(
            "a tag of this form stands for a digest and is rewritten by protocol, so it is never recorded".into()
        );
    }
    let (mut entries, mut foreign) = (Vec::new(), 0);
    let mut list = |finding: &Finding| match finding {
        Finding::Foreign(_) => foreign += 1,
        finding => entries.push(ShownEntry::new(tag, finding, &search.log, &search.log_keys)),
    };
    let mut one = |sighting: Sighting| {
        let finding = Finding::Sighting(Box::new(sighting));
        list(&finding);
        (Findings::new([finding]), Unread::new())
    };
    let (findings, unread) = match evidence {
        TakenFrom::Instance(instance) => {
            let sighting = instance::sighting(&instance, tag, search, Deadline::after(ANSWER_TIME)).await;
            let sighting = sighting.map_err(|error| error.to_string())?;
            one(match policy {
                Some(policy) => witnesses::cosigned_by_now(sighting, policy, search).await?,
                None => sighting,
            })
        }
        TakenFrom::Sighting(sighting) => {
            let sighting = *sighting?;
            one(match policy {
                Some(policy) => witnesses::cosigned(sighting, policy)?,
                None => sighting,
            })
        }
        TakenFrom::Log if !search.can_search() => {
            return Err(
                "a log of API version 2 cannot be searched for a tag: name the instance that recorded it, with --instance"
                    .into(),
            );
        }
        TakenFrom::Log => search.findings(tag, list).await.map_err(|error| error.to_string())?,
    };
    entries.sort_by_key(|entry| entry.log_index);
    Ok(LookedUp { findings, unread, entries, foreign })
}

/// Asks the registry for the current digest.
async fn ask_registry(tag: &Tag, asked: bool) -> Result<RegistryAnswer, Failure> {
    if !asked {
        return Ok(RegistryAnswer::NotAsked);
    }
    let local = "INSECURE_REGISTRIES";
    let config = Config::read(|name| if name == local { std::env::var(local).ok() } else { None })?;
    // The registry itself is asked, and no mirror.
    let egress = Egress::new(None, config.insecure_registries)?;
    let upstream = Upstream::new(egress, Vec::new(), 0, config.registry_timeout);
    let deadline = Deadline::after(ANSWER_TIME);
    Ok(match upstream.manifest(&Reference::Tag(tag.clone()), deadline).await {
        Ok(manifest) => RegistryAnswer::Serves(manifest.digest),
        Err(error) => RegistryAnswer::Failed(error),
    })
}

/// The source of the evidence.
enum TakenFrom {
    Log,
    Instance(Url),
    /// A file's, or a message for the user.
    Sighting(Result<Box<Sighting>, String>),
}

/// The evidence, before it is compared with the registry.
#[derive(Default)]
struct LookedUp {
    findings: Findings,
    unread: Unread,
    /// Entries with the user's keys, by log index.
    entries: Vec<ShownEntry>,
    /// The number of entries by others.
    foreign: usize,
}

/// The source of the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum EvidenceSource {
    Log,
    Instance,
    Proof,
    /// A file that `audit --keep` wrote.
    Kept,
}

/// The registry's answer for the tag.
pub(super) enum RegistryAnswer {
    NotAsked,
    /// The digest of the manifest's bytes.
    Serves(Digest),
    Failed(UpstreamError),
}
