//! The recording of a tag, so that no second digest can ever be recorded for it.
//!
//! 1. The statement is signed, and a *pending* row that holds it is added to the ledger if the tag has no row. One writer
//!    wins; from here on the tag's digest is decided.
//! 2. The winner uploads the statement and checks the log's answer. Where witnesses are demanded and too few have cosigned
//!    the checkpoint, the row stays pending: the next pull uploads the same bytes, and the log answers with the entry that it
//!    has, whose proof is then made under its checkpoint of that time.
//! 3. The row is completed with the log's entry, and the index of attestations is written at the same time.
//!
//! Whoever finds a pending row waits for its writer until the lease ends. Then it finishes the work with the row's own
//! statement, whatever digest the tag has by then. Uploading the same bytes twice gives one entry. A writer that fails ends
//! its lease, so that the next pull need not wait.
//!
//! While the gate before the log is closed, none of this begins: neither a new row nor the end of a pending one.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, OptionFuture, select, try_join};

use super::indexing::IndexUpdate;
use super::instance::Instance;
use super::keyring::Keyring;
use super::log::GatedLog;
use super::lookup::{InLedger, TagLookup};
use super::memory::Memory;
use super::{KnownTag, LeftForIndex, Unavailable};
use crate::deadline::Deadline;
use crate::evidence::{IndexWriter, Subject};
use crate::http_client::Backoff;
use crate::image::{Digest, Tag};
use crate::ledger::{Completion, Lease, Ledger, LedgerError, Row, RowFault};
use crate::rekor::Uploaded;
use crate::sighting::{Sighting, SignedStatement, UploadError, sign_and_upload};
use crate::telemetry::{Dependency, part_of_request, timed};
use crate::timestamp::{Stamped, TimestampClient};
use crate::tlog::{Call, Pass, Policy};

/// A lease outlasts a writer's own time limit by this part of it, so nobody takes over from a writer that is only slow. If
/// it happens anyway, both upload the same bytes.
const LEASE_MARGIN: u32 = 5;
/// The time in which a writer that failed may end its lease.
const GIVING_UP_TIME: Duration = Duration::from_secs(2);
/// A time stamp may take this longer than the upload.
const STAMP_TIME: Duration = Duration::from_secs(1);
/// Readers of a pending row look again after these.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2), 0.5);

/// Everything that a recording needs. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    pub ledger: Arc<Ledger>,
    pub instance: Arc<Instance>,
    pub keys: Arc<Keyring>,
    pub log: Arc<GatedLog>,
    pub memory: Arc<Memory>,
    /// Stamps the signatures of new sightings; `None` if nobody is asked.
    pub authority: Option<TimestampClient>,
    /// New entries need it; entries that the ledger or the log had before are not judged by it.
    pub policy: Option<Policy>,
    pub index: IndexWriter,
    /// The time that recording one tag may take. It goes on when the client that it began for has gone.
    pub time: Duration,
}

/// The step of a recording that is under way.
#[derive(Debug)]
enum Step {
    Uploading,
    Completing,
    /// Only the index is still written, or another entry for the same sighting uploaded.
    Complete(KnownTag),
}

impl Recorder {
    /// Records that `tag` is `current`, the manifest that `subject` describes, or waits for whoever was first.
    pub(super) async fn record(
        &self,
        lookup: &TagLookup,
        tag: &Tag,
        current: &Digest,
        subject: Subject,
        deadline: Deadline,
    ) -> Result<KnownTag, Unavailable> {
        let pass = self.log.pass(Call::Upload)?;
        self.instance.claim(deadline).await?;
        let statement = self.keys.signer.sign(tag, current, deadline).await?;
        let lease = Lease::starting_now(self.lease());
        let row = Row::pending(&statement, lease);
        let indexing = IndexUpdate::begin(&self.index, tag, current, subject);
        if self.ledger.insert(&row, deadline).await? {
            return self.finish(statement, lease, Some(indexing), pass, deadline).await;
        }
        match self.ledger.get(tag, deadline).await? {
            // No signature comes twice, so this is the row of this very call: only the answer to the insertion was lost.
            Some(existing) if existing == row => self.finish(statement, lease, Some(indexing), pass, deadline).await,
            Some(existing) => {
                // Another call may be the one that goes through.
                drop((pass, indexing));
                let found = lookup.verify(tag, &existing, deadline).await?;
                self.settle(lookup, tag, found, deadline).await
            }
            None => Err(RowFault::Gone.into()),
        }
    }

    /// The sighting that a row holds or, if the row is pending, will hold.
    pub(super) async fn settle(
        &self,
        lookup: &TagLookup,
        tag: &Tag,
        found: InLedger,
        deadline: Deadline,
    ) -> Result<KnownTag, Unavailable> {
        let mut found = found;
        let mut pauses = 0;
        loop {
            match found {
                InLedger::Known(known) => return Ok(known),
                InLedger::Pending(statement, lease) if lease.has_ended() => {
                    let pass = self.log.pass(Call::Upload)?;
                    let own = Lease::starting_now(self.lease());
                    if self.ledger.take_over(tag, lease, own, deadline).await? {
                        tracing::warn!(%tag, digest = %statement.digest(), "finishing an abandoned recording");
                        return self.finish(statement, own, None, pass, deadline).await;
                    }
                }
                InLedger::Pending(..) => {
                    deadline.sleep(PAUSES.pause(pauses)).await;
                    pauses += 1;
                    if deadline.has_passed() {
                        return Err(Unavailable::BeingRecorded);
                    }
                }
            }
            found = match self.ledger.get(tag, deadline).await? {
                Some(row) => lookup.verify(tag, &row, deadline).await?,
                None => return Err(RowFault::Gone.into()),
            };
        }
    }

    /// The time that a writer has before others finish its work.
    fn lease(&self) -> Duration {
        lease_for(self.time)
    }

    /// Uploads the statement of a row whose lease this process holds, and completes the row. It goes on when the client
    /// goes away: otherwise the next one would wait for the lease to end.
    async fn finish(
        &self,
        statement: SignedStatement,
        lease: Lease,
        indexing: Option<IndexUpdate>,
        pass: Pass,
        deadline: Deadline,
    ) -> Result<KnownTag, Unavailable> {
        let time = Deadline::after(self.time);
        let this = self.clone();
        let progress = Arc::new(Mutex::new(Step::Uploading));
        let reached = progress.clone();
        let task = tokio::spawn(part_of_request(async move {
            let recorded = this.upload_and_complete(&statement, indexing, pass, &reached, time).await;
            if recorded.is_err() {
                this.give_up(statement.tag(), lease).await;
            }
            recorded
        }));
        match deadline.bound(task).await {
            Ok(recorded) => recorded.unwrap_or(Err(Unavailable::Interrupted)),
            Err(_) => match &*lock(&progress) {
                Step::Uploading => Err(Unavailable::Unconfirmed),
                Step::Completing => Err(LedgerError::Timeout.into()),
                Step::Complete(known) => Ok(known.clone()),
            },
        }
    }

    async fn upload_and_complete(
        &self,
        statement: &SignedStatement,
        indexing: Option<IndexUpdate>,
        pass: Pass,
        progress: &Mutex<Step>,
        deadline: Deadline,
    ) -> Result<KnownTag, Unavailable> {
        let (uploaded, stamped) = self.upload_and_stamp(statement, pass, deadline).await?;
        *lock(progress) = Step::Completing;
        let hidden = uploaded.hidden;
        let sighting = self.sighting(statement, uploaded, stamped)?;
        let is_indexing = indexing.is_some();
        let completing = async {
            let completion = self.complete(&sighting, deadline).await?;
            // A row that somebody else completed is put into the index as that one has it.
            let is_left = completion == Completion::Now && !is_indexing;
            let index = if is_left { LeftForIndex::Everything } else { LeftForIndex::Nothing };
            let known = KnownTag { sighting: self.memory.keep(sighting.clone()), first_seen: true, index };
            *lock(progress) = Step::Complete(known.clone());
            Ok::<_, Unavailable>((known, completion))
        };
        // Dropped where the row cannot be completed.
        let put = async { Ok(OptionFuture::from(indexing.map(|indexing| indexing.put(&sighting))).await) };
        let ((mut known, completion), put) = try_join(completing, put).await?;
        if completion == Completion::Now && put == Some(true) {
            known.index = LeftForIndex::Mark;
        }
        if hidden {
            self.make_findable(&known.sighting, deadline).await;
        }
        Ok(known)
    }

    /// Uploads the statement, and has its signature stamped meanwhile. A sighting holds without a time, so nobody waits much
    /// for one.
    async fn upload_and_stamp(
        &self,
        statement: &SignedStatement,
        pass: Pass,
        deadline: Deadline,
    ) -> Result<(Uploaded, Option<Stamped>), Unavailable> {
        let upload = self.log.upload(statement, pass, deadline);
        let Some(authority) = &self.authority else { return Ok((upload.await?, None)) };
        let stamp = pin!(authority.stamp(statement.signature(), deadline));
        let (uploaded, stamped) = match select(pin!(upload), stamp).await {
            Either::Left((uploaded, stamp)) => (uploaded?, deadline.within(STAMP_TIME).bound(stamp).await.ok()),
            Either::Right((stamped, upload)) => (upload.await?, Some(stamped)),
        };
        let stamped = match stamped {
            Some(Ok(stamped)) => Some(stamped),
            Some(Err(error)) => {
                tracing::warn!(tag = %statement.tag(), %error, "recorded without a time stamp");
                None
            }
            None => {
                tracing::warn!(tag = %statement.tag(), "recorded without a time stamp, which did not come in time");
                None
            }
        };
        Ok((uploaded, stamped))
    }

    /// Checks the log's answer.
    fn sighting(
        &self,
        statement: &SignedStatement,
        uploaded: Uploaded,
        stamped: Option<Stamped>,
    ) -> Result<Sighting, Unavailable> {
        let entry = uploaded.entry.verify(&self.keys.log).map_err(Unavailable::LogUnverifiable)?;
        let cosigned = self.policy.as_ref().map(|policy| policy.check_entry(&entry)).transpose();
        cosigned.map_err(Unavailable::Uncosigned)?;
        Ok(statement.recorded_by(entry).ok_or(Unavailable::OtherEntry)?.with_stamp(stamped))
    }

    /// Completes the row.
    async fn complete(&self, sighting: &Sighting, deadline: Deadline) -> Result<Completion, Unavailable> {
        self.instance.note_keys_of(sighting, deadline).await?;
        match self.ledger.complete(sighting, deadline).await? {
            Completion::OtherDigest => Err(RowFault::OtherDigest.into()),
            completion => Ok(completion),
        }
    }

    /// Ends the lease of a row that stays pending. Best effort: it would end by itself.
    async fn give_up(&self, tag: &Tag, lease: Lease) {
        let ended = Lease::starting_now(Duration::ZERO);
        if let Err(error) = self.ledger.take_over(tag, lease, ended, Deadline::after(GIVING_UP_TIME)).await {
            tracing::warn!(%tag, %error, "the lease of a recording that failed was not ended");
        }
    }

    /// Uploads another entry for a sighting that no search may find. Best effort: the ledger has the sighting already.
    async fn make_findable(&self, sighting: &Sighting, deadline: Deadline) {
        let Ok(pass) = self.log.pass(Call::Upload) else { return };
        let again = async {
            self.instance.claim(deadline).await?;
            let (signer, log) = (&self.keys.signer, &self.log.client);
            let uploaded = sign_and_upload(signer, log, sighting.tag(), sighting.digest(), deadline);
            let uploaded = timed(Dependency::Log, uploaded).await;
            match &uploaded {
                Ok(_) => pass.report(None),
                Err(UploadError::Log(error)) => pass.report(Some(error)),
                Err(UploadError::Key(_)) => {}
            }
            uploaded.map_err(Unavailable::from)
        };
        if let Err(error) = again.await {
            tracing::warn!(tag = %sighting.tag(), %error, "an entry that no search may find was not uploaded again");
        }
    }
}

/// The lease for a writer with this time limit.
fn lease_for(time: Duration) -> Duration {
    (time + time / LEASE_MARGIN).min(Lease::LONGEST)
}

/// Nothing panics while it holds the lock.
fn lock(progress: &Mutex<Step>) -> MutexGuard<'_, Step> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_a_fifth_longer_than_its_writers_time_and_never_longer_than_the_longest() {
        assert_eq!(lease_for(Duration::from_secs(25)), Duration::from_secs(30));
        assert_eq!(lease_for(Duration::from_secs(3_600)), Lease::LONGEST);
    }
}
