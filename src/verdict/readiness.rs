//! The readiness of key, ledger and log. Nothing is signed, written or recorded for it.

use futures_util::future::join3;

use super::{Unavailable, Verdicts};
use crate::deadline::Deadline;

/// The needs of a verdict on a tag that was never seen. Each part fails for itself.
#[derive(Debug)]
pub(crate) struct Readiness {
    /// The key's public half can be had, and is the one that this process knows.
    pub key: Result<(), Unavailable>,
    /// The instance's row can be read, and this process has all the keys that it names.
    pub ledger: Result<(), Unavailable>,
    /// The log's head can be had, and is signed by one of its keys.
    pub log: Result<(), Unavailable>,
}

impl Verdicts {
    /// Asks key, ledger and log, one call each.
    pub(crate) async fn readiness(&self, deadline: Deadline) -> Readiness {
        let (key, ledger, log) =
            join3(self.key_is_ready(deadline), self.lookup.instance.examine(deadline), self.log_is_ready(deadline))
                .await;
        Readiness { key, ledger, log }
    }

    async fn key_is_ready(&self, deadline: Deadline) -> Result<(), Unavailable> {
        Ok(self.lookup.keys.signer.examine(deadline).await?)
    }

    async fn log_is_ready(&self, deadline: Deadline) -> Result<(), Unavailable> {
        let log = &self.lookup.log;
        if let Some(closed) = log.gate.closed() {
            return Err(closed.into());
        }
        let heads = log.client.heads(deadline).await?;
        // The growing tree's comes first. Earlier trees may have been signed by keys that no record here needs.
        heads
            .iter()
            .take(1)
            .try_for_each(|head| self.lookup.keys.log.verify_checkpoint(head))
            .map_err(Unavailable::LogUnverifiable)
    }
}
