//! `audit --complete`: that a log has nothing under the keys but what an instance lists.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::complete_report::CompleteReport;
use super::keep::Keeping;
use super::state_file::StateFile;
use crate::audit::complete::{
    EndedAudit, Explaining, Found, InstanceList, ListedStatement, Lists, LogContent, LogReading, ReadEnd, Readable,
    Summary, read_log,
};
use crate::audit::{AuditState, Weight, worst};
use crate::cli::{CommandResult, Failure, instance, listen};
use crate::ledger::Ledger;
use crate::log_search::LogSearch;
use crate::tlog::{Checkpoint, GrowthError, LogError};

#[derive(Args)]
pub(super) struct CompleteArgs {
    /// Read the log itself: every entry under your keys must be of a sighting that is listed
    #[arg(long, conflicts_with_all = ["tags", "repair", "from_start"])]
    complete: bool,
    /// The instance that lists its sightings, for --complete
    #[arg(long, value_name = "URL", requires = "complete", conflicts_with_all = ["ledger_table", "ledger_file"])]
    instance: Option<String>,
    /// Seconds in which an entry must be explained. A writer completes its row within 34, and clocks and copies of a table
    /// may lag
    #[arg(long, value_name = "SECONDS", default_value = "60", requires = "complete")]
    wait: u64,
    /// File to keep all sightings in, with the log's proofs, in the form of 'ledger export': for 'verify --kept', the node
    /// verifier and 'ledger import', when the instance or its table is gone. What it has is fetched once
    #[arg(long, value_name = "FILE", requires = "complete")]
    keep: Option<PathBuf>,
}

/// A failure that ends the reading.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("the state could not be kept: {0}")]
    State(#[from] io::Error),
}

impl CompleteArgs {
    pub(super) fn is_asked_for(&self) -> bool {
        self.complete
    }

    pub(super) async fn run(
        &self,
        search: &LogSearch,
        ledger: Option<&Ledger>,
        source: &str,
        file: &StateFile,
        mut state: AuditState,
        json: bool,
    ) -> CommandResult {
        let mut report = CompleteReport::new(json);
        let url = instance::parse(self.instance.as_ref())?;
        let list = url.clone().map(InstanceList::new).transpose()?;
        let source = self.instance.as_deref().map_or(source.to_owned(), |url| url.trim_end_matches('/').to_owned());
        let grown = match search.log.growth(&search.log_keys, &state.checkpoints).await {
            Ok(grown) => grown,
            Err(GrowthError::Contradicted(contradiction)) => {
                report.contradiction(&contradiction);
                return Ok(ExitCode::from(1));
            }
            Err(error) => return Err(error.into()),
        };
        grown.iter().for_each(|growth| report.grown(growth));
        state.advance(&grown);
        // A head that nobody has cosigned was signed by the log all the same: it must lead to the next.
        file.save(&state)?;
        report.judged(search.policy.as_ref(), &grown)?;

        let mut stop = pin!(listen::stop_signal());
        let log = Readable::among(search, &grown);
        let mut issues = BTreeMap::new();
        let reading = match &log {
            None => LogContent::default(),
            Some(Readable { log_id, checkpoint }) => {
                match read(search, log_id, checkpoint, &mut state, stop.as_mut(), file, &mut report).await {
                    Ok(ReadEnd::Proven) => {}
                    Ok(ReadEnd::Stopped) => {
                        file.save(&state)?;
                        report.stopped(file.is_kept());
                        return Ok(ExitCode::from(2));
                    }
                    Ok(ReadEnd::Differs(difference)) => {
                        file.save(&state)?;
                        return Ok(report.differs(&difference, checkpoint));
                    }
                    Err(error) => {
                        file.save(&state)?;
                        return Err(error.into());
                    }
                }
                file.save(&state)?;
                state.readings.get(log_id).map(|kept| kept.proven().clone()).unwrap_or_default()
            }
        };
        let lists = match (&list, ledger) {
            (Some(list), _) => Lists::Instance(list),
            (None, Some(ledger)) => Lists::Ledger(ledger),
            (None, None) => return Err(nothing_listed()),
        };
        let keeping = self.keep.clone().map(Keeping::new);
        let on_listed = |listed: &ListedStatement| keeping.iter().for_each(|keeping| keeping.note(listed));
        let patience = Duration::from_secs(self.wait);
        let explaining = Explaining { search, lists, patience, on_listed: &on_listed };
        let (id, checkpoint) = log.as_ref().map(|log| (&*log.log_id, &log.checkpoint)).unzip();
        let mut each = |found: Found| {
            *issues.entry(found.issue.kind).or_default() += 1;
            report.found(&found);
        };
        let explained = or_stopped(stop.as_mut(), explaining.explain(id, &reading, checkpoint, &mut each)).await;
        let Some(summary) = explained.transpose()? else {
            report.stopped(file.is_kept());
            return Ok(ExitCode::from(2));
        };
        if let Some(Readable { log_id, checkpoint }) = &log {
            let not_read = summary.not_read.iter().map(|log| log.log_id.clone()).collect();
            let holds = worst(&issues).is_none() && !summary.is_empty();
            let ended = EndedAudit { size: checkpoint.size(), holds, source: source.clone(), not_read };
            state.end_complete(log_id, ended);
            file.save(&state)?;
        }
        if let Some(keeping) = keeping {
            let written = or_stopped(stop.as_mut(), keeping.write(search, url.as_ref(), ledger)).await;
            let Some(sightings) = written.transpose()? else {
                report.stopped(file.is_kept());
                return Ok(ExitCode::from(2));
            };
            report.kept(sightings, self.keep.as_deref());
        }
        report.end(&source, checkpoint, &reading, &summary, &issues);
        Ok(exit_code(worst(&issues), log.is_some(), &summary))
    }
}

async fn read(
    search: &LogSearch,
    id: &str,
    checkpoint: &Checkpoint,
    state: &mut AuditState,
    stop: impl Future<Output = ()>,
    file: &StateFile,
    report: &mut CompleteReport,
) -> Result<ReadEnd, ReadError> {
    let keys = &search.trusted;
    let from = LogReading::of_keys(state.readings.get(id), keys).reading().frontier.size();
    report.begin(from, checkpoint.size());
    let end = read_log(
        search,
        id,
        checkpoint,
        state,
        stop,
        |size| report.progress(size),
        |state| file.save(state).map_err(ReadError::from),
    )
    .await?;
    if let (ReadEnd::Proven, Some(kept)) = (&end, state.readings.get(id)) {
        report.read(id, checkpoint, kept.proven().spotted.len());
    }
    Ok(end)
}

/// The result of `work`; `None` if `stop` is done before.
async fn or_stopped<T>(stop: impl Future<Output = ()>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = stop => None,
        done = work => Some(done),
    }
}

fn nothing_listed() -> Failure {
    "there is nothing to compare the log with: give --instance, --ledger-table or --ledger-file".into()
}

fn exit_code(worst: Option<Weight>, was_read: bool, summary: &Summary) -> ExitCode {
    match worst {
        Some(Weight::Fault) => ExitCode::from(1),
        Some(Weight::Doubt) => ExitCode::from(2),
        // A list may be empty by mistake, or the log not be readable at all.
        _ if !was_read || summary.is_empty() => ExitCode::from(2),
        Some(Weight::Note) | None => ExitCode::SUCCESS,
    }
}
