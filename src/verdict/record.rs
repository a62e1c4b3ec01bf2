//! Recording a tag that was never seen, so that no second digest can ever be recorded for it.
//!
//! 1. The statement is signed, and a *pending* row that holds it is added to the ledger, if the tag has no row. One
//!    writer wins; from here on the tag's digest is decided.
//! 2. The winner uploads the statement and checks what the log answers.
//! 3. The row is completed with the log's entry.
//!
//! Whoever finds a pending row waits for its writer until the lease ends, and then finishes the work with what the row
//! holds, whatever the tag has come to be by then. Uploading the same bytes twice gives one entry. A writer that fails
//! ends its lease, so that the next pull does not wait for nothing.
//!
//! While the log is to be left alone nothing of this is begun, a pending row's end included.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Recall, Unavailable, Verdicts};
use crate::deadline::Deadline;
use crate::http_client::{Backoff, SendError};
use crate::image::{Digest, Tag};
use crate::ledger::{Checked, Lease, LedgerError, Row, RowFault};
use crate::rekor::Uploaded;
use crate::sighting::{AnewError, Sighting, SignedStatement, record_anew};
use crate::telemetry::{Dependency, part_of_request, timed};
use crate::tlog::{Call, LogError, Pass};

/// A lease outlasts a writer's own time limit by this part of it, so nobody takes over from a writer that is only slow. If
/// it happens anyway, both upload the same bytes.
const LEASE_MARGIN: u32 = 5;
/// How long a writer that failed may take to end its lease.
const GIVING_UP_TIME: Duration = Duration::from_secs(2);
/// Readers of a pending row look again after these.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2), 0.5);

impl Verdicts {
    /// Records that `tag` is `current`, or finds out that someone else was first.
    pub(super) async fn record_first(
        &self,
        tag: &Tag,
        current: &Digest,
        deadline: Deadline,
    ) -> Result<Recall, Unavailable> {
        let pass = self.0.gate.pass(Call::Upload)?;
        self.claim(deadline).await?;
        let statement = self.0.signer.sign(tag, current, deadline).await?;
        let lease = Lease::starting_now(self.lease());
        let row = Row::pending(&statement, lease);
        if self.0.ledger.insert(&row, deadline).await? {
            return self.record(statement, lease, pass, deadline).await;
        }
        match self.0.ledger.get(tag, deadline).await? {
            // No signature comes twice, so this is the row of this very call: only the answer to the insertion was lost.
            Some(existing) if existing == row => self.record(statement, lease, pass, deadline).await,
            Some(existing) => {
                // Another call may be the one that goes through.
                drop(pass);
                self.settle(tag, existing, deadline).await
            }
            None => Err(RowFault::Gone.into()),
        }
    }

    /// The sighting that a row holds or, if it is pending, will hold.
    pub(super) async fn settle(&self, tag: &Tag, row: Row, deadline: Deadline) -> Result<Recall, Unavailable> {
        let trusted = self.trusted_keys(deadline).await?;
        let mut row = row;
        let mut pauses = 0;
        loop {
            match row.check(tag, &trusted, &self.0.log_keys)? {
                Checked::Recorded(sighting) => return Ok(Recall::Seen(self.keep(*sighting))),
                Checked::Pending(statement, lease) if lease.has_ended() => {
                    let pass = self.0.gate.pass(Call::Upload)?;
                    let mine = Lease::starting_now(self.lease());
                    if self.0.ledger.take_over(tag, lease, mine, deadline).await? {
                        tracing::warn!(%tag, digest = %statement.digest(), "finishing an abandoned recording");
                        return self.record(statement, mine, pass, deadline).await;
                    }
                }
                Checked::Pending(..) => {
                    deadline.sleep(PAUSES.pause(pauses)).await;
                    pauses += 1;
                    if deadline.has_passed() {
                        return Err(Unavailable::BeingRecorded);
                    }
                }
            }
            row = match self.0.ledger.get(tag, deadline).await? {
                Some(row) => row,
                None => return Err(RowFault::Gone.into()),
            };
        }
    }

    /// How long a writer has before others finish its work.
    fn lease(&self) -> Duration {
        (self.0.recording_time + self.0.recording_time / LEASE_MARGIN).min(Lease::LONGEST)
    }

    /// Uploads a statement whose row this process holds the lease of, and completes the row. It goes on when the
    /// client goes away: otherwise the next one would wait for the lease to end.
    async fn record(
        &self,
        statement: SignedStatement,
        lease: Lease,
        pass: Pass,
        deadline: Deadline,
    ) -> Result<Recall, Unavailable> {
        let recording = Deadline::after(self.0.recording_time);
        let (this, tag) = (self.clone(), statement.tag().clone());
        let confirmed = Arc::new(AtomicBool::new(false));
        let confirming = confirmed.clone();
        let task = tokio::spawn(part_of_request(async move {
            let recorded = match this.upload(&statement, pass, recording).await {
                Ok(uploaded) => {
                    confirming.store(true, Ordering::Relaxed);
                    this.complete(&statement, uploaded, recording).await
                }
                Err(error) => Err(error),
            };
            if recorded.is_err() {
                this.give_up(statement.tag(), lease).await;
            }
            recorded
        }));
        match deadline.bound(task).await {
            Ok(Ok(sighting)) => Ok(Recall::Recorded(sighting?)),
            Ok(Err(_)) => Err(Unavailable::Interrupted),
            // The time ran out. Whom for depends on what is not done yet.
            Err(_) => match self.known(&tag) {
                Some(sighting) => Ok(Recall::Recorded(sighting)),
                None if confirmed.load(Ordering::Relaxed) => Err(LedgerError::Timeout.into()),
                None => Err(Unavailable::Unconfirmed),
            },
        }
    }

    /// Ends the lease of a row that stays pending. Best effort: it would end by itself.
    async fn give_up(&self, tag: &Tag, lease: Lease) {
        let ended = Lease::starting_now(Duration::ZERO);
        if let Err(error) = self.0.ledger.take_over(tag, lease, ended, Deadline::after(GIVING_UP_TIME)).await {
            tracing::warn!(%tag, %error, "the lease of a recording that failed was not ended");
        }
    }

    async fn upload(
        &self,
        statement: &SignedStatement,
        pass: Pass,
        deadline: Deadline,
    ) -> Result<Uploaded, Unavailable> {
        let signed = statement.signed_payload();
        let uploaded = timed(Dependency::Log, pass.ask(self.0.log.upload(&signed, deadline))).await;
        uploaded.map_err(|error| match error {
            LogError::Send(SendError::Timeout) => Unavailable::Unconfirmed,
            error => error.into(),
        })
    }

    /// Checks what the log answered, and completes the row with it.
    async fn complete(
        &self,
        statement: &SignedStatement,
        uploaded: Uploaded,
        deadline: Deadline,
    ) -> Result<Arc<Sighting>, Unavailable> {
        let entry = uploaded.entry.verify(&self.0.log_keys).map_err(Unavailable::LogUnverifiable)?;
        let sighting = statement.recorded_by(entry).ok_or(Unavailable::OtherEntry)?;
        self.note_keys_of(&sighting, deadline).await?;
        if !self.0.ledger.complete(&sighting, deadline).await? {
            return Err(RowFault::OtherDigest.into());
        }
        let sighting = self.keep(sighting);
        if uploaded.existed {
            self.make_findable(&sighting, deadline).await;
        }
        Ok(sighting)
    }

    /// Best effort: the ledger has the sighting already.
    async fn make_findable(&self, sighting: &Sighting, deadline: Deadline) {
        let Ok(pass) = self.0.gate.pass(Call::Upload) else { return };
        let again = async {
            self.claim(deadline).await?;
            let (signer, log) = (&self.0.signer, &self.0.log);
            let again = timed(Dependency::Log, record_anew(signer, log, sighting.tag(), sighting.digest(), deadline));
            let again = again.await;
            match &again {
                Ok(_) => pass.report(None),
                Err(AnewError::Log(error)) => pass.report(Some(error)),
                Err(AnewError::Key(_)) => {}
            }
            again.map_err(Unavailable::from)
        };
        if let Err(error) = again.await {
            tracing::warn!(tag = %sighting.tag(), %error, "an entry that no search may find was not uploaded anew");
        }
    }
}

impl From<AnewError> for Unavailable {
    fn from(error: AnewError) -> Self {
        match error {
            AnewError::Key(error) => error.into(),
            AnewError::Log(error) => error.into(),
        }
    }
}
