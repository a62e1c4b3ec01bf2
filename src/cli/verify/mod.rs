//! `verify`: whether a tag is what it was recorded as.

mod instance;
mod report;
mod verdict;

use std::time::Duration;

use clap::Args;
use url::Url;

use super::lookup::{Lookup, Unread};
use super::trust::Trust;
use super::{Outcome, listed::Listed};
use crate::base_url;
use crate::config::Config;
use crate::deadline::Deadline;
use crate::image::{Digest, Reference, Tag};
use crate::sighting::{Finding, Findings};
use crate::upstream::{Egress, Upstream, UpstreamError};

use report::Report;
use verdict::Verdict;

/// How long the registry or the instance may take, redirects and token included.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Check on this machine that a tag is what it was recorded as
///
/// Asks the log for every entry about the tag, and the registry for what the tag is now. Nothing that either answers, and
/// nothing that a tlogistry instance says, is believed without a check. Checked of each entry that bears your key:
///
///   - the log's signed timestamp, and its inclusion proof, from the entry's own bytes to the root hash of a checkpoint
///     that the log signed
///   - your key's signature over the statement, and that the statement names this very tag, not only its digest
///   - where the log has lost the statement: that the entry has the hash of the statement that the registry's digest
///     would give
///
/// With --instance, the evidence comes from a tlogistry instance instead, and the log is not asked: the same is checked,
/// but not whether the log has other entries for the tag.
///
/// The entry with the lowest index counts. All others by your keys must be about the same digest, of whatever kind they
/// are, those too whose statement the log has lost, and the registry must serve a manifest whose bytes have it. Your keys
/// must have signed nothing else under the tag. Entries by other keys are passed over: anyone can file them.
///
/// A registry that speaks plain http is called only if INSECURE_REGISTRIES names it, as for 'serve'.
///
/// Exit code: 0 if the tag holds, 1 if the registry serves another digest, your keys contradict themselves or signed
/// something else than sightings, 2 if that could not be checked (no entry, an entry that does not verify or cannot be
/// read, another entry without its statement that is not about the recorded digest, the log or the registry cannot be
/// reached).
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Verify {
    /// The tag, e.g. alpine:3.16.0 or ghcr.io/org/app:v1
    #[arg(value_name = "IMAGE:TAG")]
    tag: Tag,
    #[command(flatten)]
    trust: Trust,
    /// Take the evidence from this tlogistry instance, without asking the log
    #[arg(long, value_name = "URL")]
    instance: Option<String>,
    /// Do not ask the registry what the tag is now
    #[arg(long)]
    no_registry: bool,
    /// Print one JSON object, as docs/verify.md describes it
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub async fn run(self) -> Outcome {
        let lookup = Lookup::new(self.trust.log()?, self.trust.keys()?)?;
        let instance = match &self.instance {
            Some(url) => Some(base_url::parse(url).map_err(|error| format!("--instance: {error}"))?),
            None => None,
        };
        let (looked_up, registry) = tokio::join!(self.look_up(instance.as_ref(), &lookup), self.registry());
        let registry = registry?;
        let (verdict, looked_up) = match looked_up {
            Ok(mut looked_up) => {
                let LookedUp { findings, unread, foreign, entries } = &mut looked_up;
                if let Registry::Serves(current) = &registry {
                    findings.consider(&self.tag, current, &lookup.trusted);
                }
                entries.iter_mut().for_each(|entry| entry.explain(findings));
                (Verdict::new(&self.tag, findings, unread, *foreign, &registry), looked_up)
            }
            Err(why) => (Verdict::Unchecked(why), LookedUp::default()),
        };
        let instance = instance.is_some();
        let report = Report { tag: &self.tag, instance, verdict, registry, looked_up };
        if self.json {
            report.print_json()
        } else {
            report.print()
        }
        Ok(report.verdict.exit_code())
    }

    /// The evidence, or why there is none.
    async fn look_up(&self, instance: Option<&Url>, lookup: &Lookup) -> Result<LookedUp, String> {
        if self.tag.is_referrers_tag() {
            return Err(
                "a tag of this form stands for a digest and is rewritten by protocol, so it is never recorded".into()
            );
        }
        let (mut entries, mut foreign) = (Vec::new(), 0);
        let mut list = |finding: &Finding| match finding {
            Finding::Foreign(_) => foreign += 1,
            finding => entries.push(Listed::new(&self.tag, finding, lookup.log.rekor(), &lookup.log_keys)),
        };
        let (findings, unread) = match instance {
            Some(instance) => {
                let sighting = instance::sighting(instance, &self.tag, lookup, Deadline::after(ANSWER_TIME)).await;
                let finding = Finding::Sighting(Box::new(sighting.map_err(|error| error.to_string())?));
                list(&finding);
                (Findings::new([finding]), Unread::new())
            }
            None => lookup.findings(&self.tag, list).await.map_err(|error| error.to_string())?,
        };
        entries.sort_by_key(|entry| entry.log_index);
        Ok(LookedUp { findings, unread, entries, foreign })
    }

    /// What the registry serves now.
    async fn registry(&self) -> Result<Registry, Box<dyn std::error::Error + Send + Sync>> {
        if self.no_registry {
            return Ok(Registry::NotAsked);
        }
        let local = "INSECURE_REGISTRIES";
        let config = Config::read(|name| if name == local { std::env::var(local).ok() } else { None })?;
        let upstream = Upstream::new(Egress::new(None, config.insecure_registries)?, 0, config.registry_timeout);
        let deadline = Deadline::after(ANSWER_TIME);
        Ok(match upstream.manifest(&Reference::Tag(self.tag.clone()), deadline).await {
            Ok(manifest) => Registry::Serves(manifest.digest),
            Err(error) => Registry::Failed(error),
        })
    }
}

/// Evidence, not compared with the registry yet.
#[derive(Default)]
struct LookedUp {
    findings: Findings,
    unread: Unread,
    /// Entries that bear the user's keys, by log index.
    entries: Vec<Listed>,
    /// The number of entries by others.
    foreign: usize,
}

/// What the registry says that the tag is now.
enum Registry {
    NotAsked,
    /// The digest of the manifest's bytes.
    Serves(Digest),
    Failed(UpstreamError),
}
