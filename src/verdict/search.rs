//! Looking for a tag in the log.

use std::collections::HashSet;
use std::slice;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{Recall, Unavailable, Verdicts};
use crate::deadline::Deadline;
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::ledger::Row;
use crate::outgoing::SendError;
use crate::rekor::intoto::Body;
use crate::rekor::{EntryId, LogEntry, RETRIEVE_LIMIT, RekorError, VerifiedEntry};
use crate::sighting::{Sighting, names_key, parse_statement, subject_hash};
use crate::telemetry;

/// Retrievals under way at once. Anyone can file entries under a tag's hash, so there may be many to look through.
const CONCURRENT_RETRIEVALS: usize = 4;

/// An entry by a trusted key, held by the log.
enum Candidate {
    Sighting(Box<Sighting>),
    /// Its statement is not to be had, so that it may be about this tag and any digest.
    Unattested(Box<VerifiedEntry>),
}

impl Verdicts {
    /// What the log's index leads to. Every entry by a trusted key is checked; among those that count, the lowest
    /// index wins.
    pub(super) async fn search(&self, tag: &Tag, deadline: Deadline) -> Result<Recall, Unavailable> {
        let ids = self.0.log.search(&subject_hash(tag), deadline).await?;
        if ids.is_empty() {
            return Ok(Recall::Never);
        }
        let trusted = self.trusted_keys(deadline).await?;
        let candidates = self.candidates(tag, ids, &trusted, deadline).await?;

        let mut sightings = Vec::new();
        let mut unattested = Vec::new();
        for candidate in candidates {
            match candidate {
                Candidate::Sighting(sighting) => sightings.push(*sighting),
                Candidate::Unattested(entry) => unattested.push(*entry),
            }
        }
        // An entry without its statement may still be about a digest that another entry tells.
        for known in sightings.clone() {
            let digest = known.digest();
            let mut unknown = Vec::new();
            for entry in unattested {
                match Sighting::check(entry.clone(), tag.clone(), digest.clone(), &trusted) {
                    Some(sighting) => sightings.push(sighting),
                    None => unknown.push(entry),
                }
            }
            unattested = unknown;
        }
        report_equivocation(&sightings);
        let sighting = sightings.into_iter().min_by_key(|sighting| sighting.entry().log_index());
        let unattested = unattested.into_iter().min_by_key(|entry| entry.log_index());
        Ok(match (sighting, unattested) {
            (Some(sighting), Some(entry)) if entry.log_index() < sighting.entry().log_index() => {
                Recall::Unattested(Arc::new(entry))
            }
            (Some(sighting), _) => Recall::Found(self.keep(sighting)),
            (None, Some(entry)) => Recall::Unattested(Arc::new(entry)),
            (None, None) => Recall::Never,
        })
    }

    /// Whether an entry without its statement is about `current`: if it is, the statement is rebuilt from that.
    pub(super) async fn rebuild(
        &self,
        tag: &Tag,
        entry: &VerifiedEntry,
        current: &Digest,
        deadline: Deadline,
    ) -> Result<Option<Arc<Sighting>>, Unavailable> {
        let trusted = self.trusted_keys(deadline).await?;
        let Some(sighting) = Sighting::check(entry.clone(), tag.clone(), current.clone(), &trusted) else {
            return Ok(None);
        };
        let sighting = self.keep(sighting);
        self.remember(&sighting, deadline).await;
        Ok(Some(sighting))
    }

    /// Puts a sighting that the log told into the ledger. The ledger only spares the next search, so a failure is
    /// logged and no more.
    pub(super) async fn remember(&self, sighting: &Sighting, deadline: Deadline) {
        if let Err(error) = self.0.ledger.insert(&Row::recorded(sighting), deadline).await {
            tracing::warn!(tag = %sighting.tag(), %error, "a sighting found in the log was not kept in the ledger");
        }
    }

    async fn candidates(
        &self,
        tag: &Tag,
        ids: Vec<EntryId>,
        trusted: &[PublicKey],
        deadline: Deadline,
    ) -> Result<Vec<Candidate>, Unavailable> {
        let count = ids.len();
        let mut seen = HashSet::new();
        let ids: Vec<EntryId> = ids.into_iter().filter(|id| seen.insert(*id)).collect();
        let batches: Vec<Vec<EntryId>> = ids.chunks(RETRIEVE_LIMIT).map(<[EntryId]>::to_vec).collect();
        let found: Result<Vec<Vec<Candidate>>, Unavailable> = stream::iter(batches)
            .map(|batch| async move {
                match self.candidates_among(tag, &batch, trusted, deadline).await {
                    // A stranger's entry can have some MiB. One by one, so that not all of them are held at once.
                    Err(Unavailable::Log(RekorError::Send(SendError::TooLarge(_)))) if batch.len() > 1 => {
                        let mut found = Vec::new();
                        for id in &batch {
                            found.extend(self.candidates_among(tag, slice::from_ref(id), trusted, deadline).await?);
                        }
                        Ok(found)
                    }
                    found => found,
                }
            })
            .buffer_unordered(CONCURRENT_RETRIEVALS)
            .try_collect()
            .await;
        match found {
            Ok(found) => Ok(found.into_iter().flatten().collect()),
            Err(Unavailable::Log(RekorError::Send(SendError::Timeout))) if count > RETRIEVE_LIMIT => {
                Err(Unavailable::TooManyEntries(count))
            }
            Err(error) => Err(error),
        }
    }

    async fn candidates_among(
        &self,
        tag: &Tag,
        ids: &[EntryId],
        trusted: &[PublicKey],
        deadline: Deadline,
    ) -> Result<Vec<Candidate>, Unavailable> {
        let entries = self.0.log.entries(ids, deadline).await?;
        entries.into_iter().filter_map(|entry| self.candidate(tag, entry, trusted).transpose()).collect()
    }

    /// What an entry says of `tag`: `None` if it is a stranger's or about something else.
    ///
    /// An entry that bears a trusted key and does not verify is the log's fault, for the log accepted it: the search
    /// then fails, since it might be the entry that counts.
    fn candidate(&self, tag: &Tag, entry: LogEntry, trusted: &[PublicKey]) -> Result<Option<Candidate>, Unavailable> {
        if !names_key(&entry, trusted) {
            return Ok(None);
        }
        // Whether it is signed is checked below, by whichever signature is over it.
        let statement = match entry.body() {
            Body::Intoto(body) => entry.attestation().filter(|statement| body.records(statement)).map(<[u8]>::to_vec),
            _ => None,
        };
        let entry = entry.verify(&self.0.log_keys).map_err(Unavailable::LogUnverifiable)?;
        let Some(statement) = statement else {
            return Ok(Some(Candidate::Unattested(Box::new(entry))));
        };
        match parse_statement(&statement) {
            Some((about, digest)) if about == *tag => {
                let sighting = Sighting::check(entry, about, digest, trusted);
                Ok(sighting.map(|sighting| Candidate::Sighting(Box::new(sighting))))
            }
            _ => Ok(None),
        }
    }
}

/// Two digests recorded for one tag by our own keys: the promise is broken, whatever the reason, and someone must know.
fn report_equivocation(sightings: &[Sighting]) {
    let Some((first, others)) = sightings.split_first() else { return };
    if let Some(other) = others.iter().find(|other| other.digest() != first.digest()) {
        telemetry::equivocation();
        tracing::error!(
            tag = %first.tag(),
            digest = %first.digest(),
            log_index = first.entry().log_index(),
            other_digest = %other.digest(),
            other_log_index = other.entry().log_index(),
            "EQUIVOCATION: the log holds two digests for one tag, both signed by a trusted key",
        );
    }
}
