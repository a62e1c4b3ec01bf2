//! The log, behind its gate.

use std::ops::ControlFlow;

use futures_util::StreamExt as _;

use super::Unavailable;
use crate::deadline::Deadline;
use crate::http_client::SendError;
use crate::rekor::{RETRIEVE_LIMIT, Rekor, Retrieved, SIGHTING_BYTES, Uploaded, retrieve};
use crate::sighting::SignedStatement;
use crate::telemetry::{self, Dependency, timed};
use crate::tlog::{Call, Closed, EntryId, Gate, LogEntry, LogError, Pass};

/// The log's client, and the gate that calls pass.
#[derive(Debug)]
pub(super) struct GatedLog {
    pub client: Rekor,
    pub gate: Gate,
}

impl GatedLog {
    /// Lets a call through, or says when to come back.
    pub(super) fn pass(&self, call: Call) -> Result<Pass, Closed> {
        self.gate.pass(call)
    }

    /// The entries that the index lists under a sha256 (lower-case hexadecimal).
    pub(super) async fn search(&self, sha256: &str, pass: Pass, deadline: Deadline) -> Result<Vec<EntryId>, LogError> {
        pass.ask(self.client.search(sha256, deadline)).await
    }

    /// Hands each entry to `each` until that has enough, in no order. An entry too large for a sighting comes as its id.
    pub(super) async fn retrieve(
        &self,
        ids: Vec<EntryId>,
        mut each: impl FnMut(Result<LogEntry, EntryId>) -> ControlFlow<()>,
        deadline: Deadline,
    ) -> Result<(), Unavailable> {
        let count = ids.len();
        let ask = |ids: Vec<EntryId>| async move {
            let pass = self.pass(Call::Retrieve)?;
            Ok(pass.ask(self.client.entries(&ids, SIGHTING_BYTES, deadline)).await?)
        };
        let mut retrieved = std::pin::pin!(retrieve(ids, ask, is_too_large));
        while let Some(retrieved) = retrieved.next().await {
            let enough = match retrieved {
                Retrieved::Entry(entry) => each(Ok(*entry)),
                Retrieved::Failed { ids, error } if is_too_large(&error) => {
                    ids.into_iter().try_for_each(|id| each(Err(id)))
                }
                Retrieved::Failed { error: Unavailable::Log(LogError::Send(SendError::Timeout)), .. }
                    if count > RETRIEVE_LIMIT =>
                {
                    return Err(Unavailable::TooManyEntries(count));
                }
                Retrieved::Failed { error, .. } => return Err(error),
            };
            if enough.is_break() {
                break;
            }
        }
        Ok(())
    }

    pub(super) async fn upload(
        &self,
        statement: &SignedStatement,
        pass: Pass,
        deadline: Deadline,
    ) -> Result<Uploaded, Unavailable> {
        let signed = statement.signed_payload();
        let uploaded = timed(Dependency::Log, pass.ask(self.client.upload(&signed, deadline))).await;
        uploaded.map_err(|error| match error {
            LogError::Send(SendError::Timeout) => Unavailable::Unconfirmed,
            LogError::Frozen => {
                telemetry::log_frozen();
                LogError::Frozen.into()
            }
            error => error.into(),
        })
    }
}

fn is_too_large(error: &Unavailable) -> bool {
    matches!(error, Unavailable::Log(LogError::Send(SendError::TooLarge(_))))
}
