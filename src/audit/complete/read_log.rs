//! The reading of a log up to a checkpoint, from where earlier audits stopped.

use std::time::{Duration, Instant};

use super::locate::Mismatch;
use super::reader::LogReader;
use super::state::LogReading;
use crate::audit::state::AuditState;
use crate::log_search::LogSearch;
use crate::tlog::{Checkpoint, Growth, LogError};

/// An audit that is killed loses at most this much.
const TICK: Duration = Duration::from_secs(2);

/// The end of a reading.
#[derive(Debug)]
pub(crate) enum ReadEnd {
    /// All entries were read, and lead to the checkpoint.
    Proven,
    /// It was asked to stop. What was read is in the state.
    Stopped,
    /// The entries do not lead to the checkpoint. The state is as at the last proof.
    Differs(Mismatch),
}

/// A log that can be read through, and its verified checkpoint.
#[derive(Debug, Clone)]
pub(crate) struct Readable {
    /// In hexadecimal.
    pub log_id: String,
    pub checkpoint: Checkpoint,
}

impl Readable {
    /// The log that is written, if it has tiles.
    pub(crate) fn among(search: &LogSearch, grown: &[Growth]) -> Option<Self> {
        if search.log.written().rekor().is_searchable() {
            return None;
        }
        grown.iter().find_map(|Growth { now, .. }| {
            let key = search.log_keys.iter().find(|key| key.origin() == Some(now.origin()))?;
            Some(Self { log_id: hex::encode(key.id()), checkpoint: now.clone() })
        })
    }
}

/// Reads the log that is written up to `checkpoint`, which must be verified and of the log with this id. `progress` is given
/// the number of entries read so far after each bundle, and `tick` the state now and then; their errors end it.
pub(crate) async fn read_log<E: From<LogError>>(
    search: &LogSearch,
    log_id: &str,
    checkpoint: &Checkpoint,
    state: &mut AuditState,
    stop: impl Future<Output = ()>,
    mut progress: impl FnMut(u64),
    mut tick: impl FnMut(&AuditState) -> Result<(), E>,
) -> Result<ReadEnd, E> {
    let mut kept = LogReading::of_keys(state.readings.get(log_id), &search.trusted);
    if kept.reading().frontier.size() > checkpoint.size() {
        kept.drop_ahead();
    }
    if kept.proven().frontier.size() > checkpoint.size() {
        return Err(
            LogError::malformed("a request for its checkpoint", "it is older than one that was read before").into()
        );
    }
    let mut reading = kept.reading().clone();
    let reader = LogReader::new(search.log.written(), &search.trusted);
    let mut ticked = Instant::now();
    let each = |reading: &_, state: &mut AuditState, kept: &mut LogReading| {
        kept.set_ahead(reading);
        state.readings.insert(log_id.to_owned(), kept.clone());
    };
    let done = reader
        .read(&mut reading, checkpoint.size(), stop, |reading| {
            progress(reading.frontier.size());
            if ticked.elapsed() >= TICK {
                each(reading, state, &mut kept);
                tick(state)?;
                ticked = Instant::now();
            }
            Ok::<(), E>(())
        })
        .await;
    let end = match done {
        Ok(true) if reading.frontier.head() == checkpoint.head() => {
            kept.prove(reading, checkpoint.clone());
            ReadEnd::Proven
        }
        Ok(true) => {
            kept.drop_ahead();
            state.readings.insert(log_id.to_owned(), kept.clone());
            ReadEnd::Differs(reader.locate(&kept.proven().frontier, checkpoint).await?)
        }
        Ok(false) => {
            kept.set_ahead(&reading);
            ReadEnd::Stopped
        }
        Err(error) => {
            // The next audit goes on from the entries read before the failure.
            kept.set_ahead(&reading);
            state.readings.insert(log_id.to_owned(), kept);
            return Err(error);
        }
    };
    state.readings.insert(log_id.to_owned(), kept);
    Ok(end)
}
