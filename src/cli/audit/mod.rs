//! `audit`: checks that the log holds exactly one digest for each of many tags, and has only grown.

mod complete;
mod complete_report;
mod keep;
mod list;
mod progress;
mod repair;
mod report;
pub(super) mod state_file;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::trust::Trust;
use super::witness_policy::WitnessPolicy;
use super::{CommandResult, listen};
use crate::audit::{Check, End, EntryCheckpoints, Issue, Position, Weight, in_ledger, in_lines, walk, worst};
use crate::config::LogConfig;
use crate::ledger::{FileLedger, Ledger};
use crate::log_search::LogSearch;
use crate::setup;
use crate::tlog::GrowthError;

use complete::CompleteArgs;
use repair::RepairArgs;
use report::AuditReport;
use state_file::StateFile;

/// An audit that is killed loses at most this much.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// Check many tags: that the log holds exactly one digest for each, under your keys, and has only ever grown
///
/// The tags come from a list or from the ledger. With both, the tags of the list are looked up in the ledger too. Each
/// finding is one line:
///
///   contradicted    the log holds two digests for the tag under your keys
///   misused         a key of yours signed something else than sightings under the tag
///   ledger-differs  the ledger's row names another digest than the log
///   ledger-lacks    the log holds the tag, and the ledger has no row
///   log-lacks       the ledger's row holds an entry that the log does not have
///   invalid-row     the ledger's row does not verify
///   unfindable      the log holds the tag, but a search does not find its digest; --repair records it again
///   unverifiable    an entry with your key does not verify
///   unreadable      an entry cannot be read, or holds your key and cannot be understood
///   unattested      an entry by your key may name any digest: the log has not kept its statement
///   missing         the log lists no entry by your keys
///   uncosigned      with --policy, no checkpoint with the entry is cosigned as it demands
///   unchecked       the name is not a tag, or the log's answer cannot be understood
///   pending         the ledger's row is not complete yet; not a fault
///   repaired        the tag was unfindable and is found now; not a fault
///
/// With --state, the log's checkpoints are kept in a file. The next audit demands a proof that the log grew from them by
/// appending alone. A log that answers less than it had then is asked once more; if it still does, nothing can be checked.
/// The file also keeps the position: an audit that was stopped (Ctrl-C, SIGTERM) or broken off goes on from there.
///
/// At the end, the log must prove that the largest checkpoint that entries came with is of one history with its heads.
///
/// The ledger is only read. Of a table, that takes dynamodb:Scan, or dynamodb:GetItem with a list.
///
/// With --complete, the log itself is read, all of it and not only what is listed for tags, which takes one of API version 2.
/// Its checkpoint is taken, all entries since the last --state are read, and must lead to the checkpoint's root. Each entry
/// that bears your key must be of a sighting that the instance (--instance) or its ledger lists, each sighting listed must be
/// in the log, and each tag must have one digest over all logs. What no list explains is asked for until a writer has had the
/// time to complete its row (--wait). The result names the logs that were not read. Two findings more:
///
///   unexplained     an entry bears your key, and no sighting that is listed explains it
///   rewritten       the log's entries do not lead to the root that it signed
///
/// With --policy, a checkpoint of the log counts only with the cosignatures that the policy demands: that of the log's head,
/// without which nothing is checked, and one that leads to each row's entry: the row's own, the log's current one, or the
/// head. An earlier state may have been made without the policy: all that it holds must lead to the new head. Rekor v1 has
/// no cosignatures, so a tag that was recorded there is uncosigned.
///
/// Exit code: 0 if everything holds; 1 if the log contradicts itself or one of the first seven or the last two was found; 2 if
/// something could not be checked, there was no tag, the log cannot be read through, or the audit did not come to the end.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Audit {
    #[command(flatten)]
    trust: Trust,
    /// List of tags, one a line, e.g. alpine:3.16.0; '-' for standard input. Blank lines and those that begin with '#' are
    /// ignored
    #[arg(long, value_name = "FILE", required_unless_present_any = ["ledger_table", "ledger_file", "instance"])]
    tags: Option<PathBuf>,
    /// The ledger's DynamoDB table
    #[arg(long, value_name = "NAME")]
    ledger_table: Option<String>,
    /// The ledger's file: 'ledger.redb' in the state folder of 'serve', which must not run
    #[arg(long, value_name = "FILE", conflicts_with = "ledger_table")]
    ledger_file: Option<PathBuf>,
    /// File that keeps the log's checkpoints, and the position of an audit that was stopped
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Begin at the first tag, even if the last audit was stopped
    #[arg(long, requires = "state")]
    from_start: bool,
    #[command(flatten)]
    policy: WitnessPolicy,
    #[command(flatten)]
    repair: RepairArgs,
    #[command(flatten)]
    complete: CompleteArgs,
    /// Tags checked at once
    #[arg(long, value_name = "NUMBER", default_value = "8", value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// Print JSON, one object a line, as docs/verify.md describes it
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(super) async fn run(self) -> CommandResult {
        let log = self.trust.log()?;
        let policy = self.policy.of_log(&log)?;
        let search = LogSearch::new(LogConfig { policy, ..log }, self.trust.keys()?)?;
        if !search.can_search()
            && !self.complete.is_asked_for()
            && self.ledger_table.is_none()
            && self.ledger_file.is_none()
        {
            return Err("a log of API version 2 cannot be searched for tags: name the ledger, with --ledger-table or \
                        --ledger-file, whose rows hold the entries"
                .into());
        }
        let source = self.source();
        let ledger = match &self.ledger_table {
            Some(table) => Some(Ledger::DynamoDb(setup::dynamodb_ledger(table.clone()).await)),
            None => self.ledger_file.as_deref().map(FileLedger::open).transpose()?.map(Ledger::File),
        };
        let file = StateFile::new(self.state.clone());
        let mut state = file.load(&search.log_keys)?;
        if self.complete.is_asked_for() {
            return self.complete.run(&search, ledger.as_ref(), &source, &file, state, self.json).await;
        }
        let mut position = match state.position.take() {
            Some(position) if !self.from_start => {
                if position.source != source {
                    let stopped = &position.source;
                    return Err(format!(
                        "an audit of {stopped} was stopped; give --from-start to begin one of {source}"
                    )
                    .into());
                }
                if !position.was_under(search.policy.as_ref()) {
                    let before = "the audit that was stopped did not hold its tags against this --policy";
                    return Err(format!("{before}; give --from-start to begin one that does").into());
                }
                position
            }
            _ => Position::start_of(source),
        };
        position = position.under(search.policy.as_ref());
        let repair = self.repair.repair(&search).await?;
        let mut report = AuditReport::new(self.json);
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
        let witnesses = match report.judged(search.policy.as_ref(), &grown) {
            Ok(witnesses) => witnesses,
            Err(fault) => {
                // The heads are kept: the log has signed them, and they must lead to the next.
                state.position = (position.done > 0).then_some(position);
                file.save(&state)?;
                return Err(fault.into());
            }
        };
        let items = match (&self.tags, &ledger) {
            (Some(list), _) => in_lines(list::lines(list), position.done, position.last.clone()),
            (None, Some(ledger)) => in_ledger(ledger, position.last.clone()),
            (None, None) => {
                return Err("there is nothing to audit: give --tags, --ledger-table or --ledger-file".into());
            }
        };
        // Signals are caught from here on. Before, there is nothing to save, and they end the process at once.
        let stop = listen::stop_signal();
        let checkpoints = EntryCheckpoints::from_notes(&position.entry_checkpoints);
        let check = Check { search: &search, ledger: ledger.as_ref(), repair: repair.as_ref(), checkpoints, witnesses };
        let (began, before, mut saved) = (Instant::now(), position.done, Instant::now());
        let each = async |position: &Position, name: &str, issues: Vec<Issue>| {
            issues.iter().for_each(|issue| report.issue(name, issue));
            report.progress(|| {
                let rate = (position.done - before) as f64 / began.elapsed().as_secs_f64().max(0.001);
                format!("{} tags checked, {rate:.0} a second", position.done)
            });
            if saved.elapsed() >= SAVE_EVERY {
                state.position = Some(position.clone());
                file.save(&state)?;
                saved = Instant::now();
            }
            Ok::<_, std::io::Error>(())
        };
        let mut end = walk(items, &check, usize::from(self.concurrency), &mut position, stop, each).await?;
        if end == End::Complete {
            match check.checkpoints.compare(&search, &mut state).await {
                Ok(()) => {}
                Err(GrowthError::Contradicted(contradiction)) => {
                    report.contradiction(&contradiction);
                    return Ok(ExitCode::from(1));
                }
                Err(error) => end = End::Failed(error.to_string()),
            }
        }
        state.position = (end != End::Complete).then(|| position.clone());
        file.save(&state)?;
        report.end(&position, &end, file.is_kept());
        let worst = worst(&position.issues);
        Ok(match (worst, end) {
            (Some(Weight::Fault), _) => ExitCode::from(1),
            (Some(Weight::Doubt), _) | (_, End::Stopped | End::Failed(_)) => ExitCode::from(2),
            // The list or table may be empty by mistake.
            (_, End::Complete) if position.done == 0 => ExitCode::from(2),
            (Some(Weight::Note) | None, End::Complete) => ExitCode::SUCCESS,
        })
    }

    /// The list or ledger, as it stands in a position.
    fn source(&self) -> String {
        let file = self.ledger_file.as_ref().map(|file| file.display().to_string());
        match (&self.tags, self.ledger_table.clone().or(file)) {
            (Some(list), None) => format!("the list {}", list.display()),
            (Some(list), Some(ledger)) => format!("the list {} with the ledger {ledger}", list.display()),
            (None, ledger) => format!("the ledger {}", ledger.unwrap_or_default()),
        }
    }
}
