//! One run: a piece of an audit.

use std::time::Duration;

use futures_util::stream;
use serde_json::Value;

use super::bucket::Bucket;
use super::complete::{self, NotCompared};
use super::error::AuditorError;
use super::line::{self, RunOutcome};
use super::notebook::{Halt, Notebook};
use super::notification::Scene;
use super::topics::Topics;
use crate::audit::complete::Readable;
use crate::audit::{
    Check, End, EntryCheckpoints, Issue, Position, WitnessDemand, in_ledger, in_lines, judge, lines, listed, walk,
};
use crate::config::AuditorConfig;
use crate::deadline::Deadline;
use crate::ledger::Ledger;
use crate::log_search::LogSearch;
use crate::setup;
use crate::sighting::Signer;
use crate::tlog::{Growth, GrowthError};

/// Tags checked at once. More would take up a log that is everyone's.
const CONCURRENCY: usize = 4;
/// The time for fetching the signing key's public half.
const KEY_TIME: Duration = Duration::from_secs(10);

/// Audits one instance.
pub struct Auditor {
    config: AuditorConfig,
    /// The name of the function, for its metric and its messages.
    function: String,
    bucket: Bucket,
    topics: Topics,
    /// Only its public half is asked for.
    key: Option<Signer>,
    ledger: Option<Ledger>,
}

/// The tags that are audited.
struct Tags {
    /// The name in a position, as the command line would write it.
    source: String,
    /// The list. `None` if the rows of the ledger are audited.
    listed: Option<Vec<String>>,
}

/// The log, as this run has found it.
struct AuditedLog<'a> {
    search: &'a LogSearch,
    /// The log that was read up to its checkpoint.
    read: Option<&'a Readable>,
    /// The demand for witnesses' cosignatures.
    witnesses: Option<WitnessDemand<'a>>,
}

impl Auditor {
    /// Makes the clients. Nothing is asked yet. `function` is the function's name.
    pub async fn new(config: AuditorConfig, function: String) -> Self {
        let bucket = Bucket::new(setup::s3().await, config.bucket.clone());
        let topics = Topics::new(setup::sns().await, &config);
        let key = match &config.kms_key_id {
            Some(id) => Some(setup::kms_signer(id.clone()).await),
            None => None,
        };
        let ledger = match &config.ledger_table {
            Some(table) => Some(Ledger::DynamoDb(setup::dynamodb_ledger(table.clone()).await)),
            None => None,
        };
        Self { config, function, bucket, topics, key, ledger }
    }

    /// Audits as much as fits into the time of one run. Returns the line that it has written about the run.
    pub async fn run(&self) -> Result<Value, AuditorError> {
        let until = Deadline::after(self.config.time);
        if let Some(end) = self.config.log.writable_until {
            line::write(&line::of_log_end(&self.function, end));
        }
        let mut position = Position::start_of(String::new());
        let outcome = match self.piece(until, &mut position).await {
            Ok(outcome) => outcome,
            Err(Halt::Overtaken) => RunOutcome::Overtaken,
            Err(Halt::Error(error)) => {
                line::write(&line::of_error(&error.to_string()));
                return Err(error);
            }
        };
        let line = line::of_run(&self.function, &position, &outcome);
        line::write(&line);
        Ok(line)
    }

    /// A piece of an audit. `position` is where it goes on from, and then how far it came.
    async fn piece(&self, until: Deadline, position: &mut Position) -> Result<RunOutcome, Halt> {
        let mut notebook = Notebook::open(&self.bucket, &self.topics, &self.config.log.keys).await?;
        let tags = self.tags().await?;
        let scene = Scene { function: &self.function, source: &tags.source, log: self.config.log.url.as_str() };
        let search = match self.search(until).await? {
            Ok(search) => search,
            Err(why) => return Ok(RunOutcome::Unfinished(why)),
        };
        let grown = match until.bound(search.log.growth(&search.log_keys, &notebook.state.checkpoints)).await {
            Ok(Ok(grown)) => {
                grown.iter().for_each(|growth| line::write(&lines::tree(growth)));
                notebook.state.advance(&grown);
                grown
            }
            Ok(Err(GrowthError::Contradicted(conflict))) => {
                // The heads are kept as they are: they are the evidence.
                notebook.note_conflict(&conflict);
                notebook.tell_and_keep(&scene).await?;
                return Ok(RunOutcome::Unfinished(conflict.to_string()));
            }
            Ok(Err(error)) => return Ok(RunOutcome::Unfinished(error.to_string())),
            Err(elapsed) => return Ok(RunOutcome::Unfinished(elapsed.to_string())),
        };
        let witnesses = match demanded(&search, &grown) {
            Ok(witnesses) => witnesses,
            Err(why) => {
                // The heads are kept: the log has signed them, and they must lead to the next.
                notebook.tell_and_keep(&scene).await?;
                return Ok(RunOutcome::Unfinished(why));
            }
        };
        // The other half is for the tags.
        let mut read = None;
        if let Some(log) = Readable::among(&search, &grown)
            && complete::read_on(&search, &log, self.config.time / 2, &mut notebook).await
        {
            read = Some(log);
        }
        let Some(start) = notebook.position(&tags.source, search.policy.as_ref(), self.config.interval) else {
            notebook.tell_and_keep(&scene).await?;
            return Ok(RunOutcome::NotDue);
        };
        if start.done == 0 {
            notebook.begin();
        }
        *position = start;
        let log = AuditedLog { search: &search, read: read.as_ref(), witnesses };
        self.go_on(until, log, &tags, position, &mut notebook, &scene).await
    }

    /// Goes on from `position`, as far as the time allows.
    async fn go_on(
        &self,
        until: Deadline,
        AuditedLog { search, read, witnesses }: AuditedLog<'_>,
        tags: &Tags,
        position: &mut Position,
        notebook: &mut Notebook<'_>,
        scene: &Scene<'_>,
    ) -> Result<RunOutcome, Halt> {
        let (before, last) = (position.done, position.last.clone());
        let items = match (&tags.listed, &self.ledger) {
            (None, Some(ledger)) => in_ledger(ledger, last),
            (lines, _) => in_lines(stream::iter(lines.iter().flatten().cloned().map(Ok)), before, last),
        };
        let checkpoints = EntryCheckpoints::from_notes(&position.entry_checkpoints);
        let check = Check { search, ledger: self.ledger.as_ref(), repair: None, checkpoints, witnesses };
        let each = async |position: &Position, tag: &str, issues: Vec<Issue>| {
            notebook.note_issues(tag, &issues);
            if notebook.is_due() {
                notebook.state.position = Some(position.clone());
                notebook.tell_and_keep(scene).await?;
            }
            Ok::<_, Halt>(())
        };
        let time_is_up = until.sleep(self.config.time);
        let mut end = walk(items, &check, CONCURRENCY, position, time_is_up, each).await?;
        if end == End::Complete {
            match until.bound(check.checkpoints.compare(search, &mut notebook.state)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    if let GrowthError::Contradicted(conflict) = &error {
                        notebook.note_conflict(conflict);
                    }
                    end = End::Failed(error.to_string());
                }
                Err(_) => end = End::Stopped,
            }
        }
        if let (End::Complete, Some(log), Some(ledger), None) = (&end, read, &self.ledger, &tags.listed) {
            match complete::compare(search, log, (ledger, &tags.source), self.config.wait, until, notebook).await {
                Ok(()) => {}
                Err(NotCompared::Time) => end = End::Stopped,
                Err(NotCompared::Failed(why)) => end = End::Failed(why),
            }
        }
        match end {
            End::Complete => notebook.end_audit(position, tags.listed.is_none()),
            End::Stopped | End::Failed(_) => notebook.state.position = Some(position.clone()),
        }
        notebook.tell_and_keep(scene).await?;
        Ok(match end {
            End::Complete => RunOutcome::Complete,
            // A run that gets nowhere must not count as one that finished.
            End::Stopped if position.done == before => {
                RunOutcome::Unfinished("no tag could be checked in time".to_owned())
            }
            End::Stopped => RunOutcome::CutShort,
            End::Failed(why) => RunOutcome::Unfinished(why),
        })
    }

    async fn tags(&self) -> Result<Tags, AuditorError> {
        if let Some(table) = &self.config.ledger_table {
            return Ok(Tags { source: format!("the ledger {table}"), listed: None });
        }
        let bucket = self.bucket.name().to_owned();
        let object = self.bucket.tags().await.map_err(|error| AuditorError::Bucket { bucket, error })?;
        Ok(Tags {
            source: format!("the list in {}, version {}", self.bucket.name(), object.version.as_str()),
            listed: Some(object.bytes.split(|byte| *byte == b'\n').filter_map(listed).collect()),
        })
    }

    /// The log, and the keys that sightings count by. The inner error says why the signing key is not known.
    async fn search(&self, until: Deadline) -> Result<Result<LogSearch, String>, AuditorError> {
        let mut keys = self.config.trusted_keys.clone();
        if let Some(key) = &self.key {
            match key.public_key(until.within(KEY_TIME)).await {
                Ok(key) => keys.push(key.clone()),
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        Ok(Ok(LogSearch::new(self.config.log.clone(), keys)?))
    }
}

/// Holds the log's heads against the deployment's policy, if it has one. Rows from before it are not held against it. The error
/// says which head falls short.
fn demanded<'a>(search: &'a LogSearch, grown: &[Growth]) -> Result<Option<WitnessDemand<'a>>, String> {
    let Some(policy) = &search.policy else { return Ok(None) };
    let judged = judge(policy, grown).map_err(|fault| fault.to_string())?;
    judged.iter().for_each(|head| line::write(&head.json()));
    WitnessDemand::new(policy, &judged, false).map(Some).map_err(|fault| fault.to_string())
}
