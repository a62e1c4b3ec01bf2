//! The effects of calls at the ledger and at the log.

use crate::instance::{Keys, Place, Version};
use crate::state::{Digest, Found, Row, State, Write};
use crate::{Index, Loss, Protocol, Pulls};

impl Pulls {
    /// The result of a search of the log's index for the tag by a version, which passes over what is by keys that it
    /// does not know.
    pub fn search(&self, state: &State, version: &Version) -> Option<(Found, Keys)> {
        let each = || {
            let logs = version.searched.iter().map(|&log| (Keys::of_log(log), &state.logs[log]));
            let by = logs.flat_map(|(key, log)| {
                log.by.iter().enumerate().map(move |(signer, entries)| (Keys::of_signer(signer), key, entries))
            });
            by.filter(|&(signer, ..)| version.knows.contains(signer)).map(|(signer, key, by)| (signer.with(key), by))
        };
        let in_order = || Digest::ALL.into_iter().flat_map(|digest| each().map(move |found| (digest, found)));
        // An entry that tells its digest is preferred where both are listed, as `search` matches the others against it.
        let told = in_order().find(|(d, (_, entries))| entries.listed.contains(*d) && entries.attested.contains(*d));
        let untold = in_order().find(|(d, (_, entries))| entries.listed.contains(*d));
        told.map(|(digest, (keys, _))| (Found::Seen(digest), keys))
            .or(untold.map(|(digest, (keys, _))| (Found::Unattested(digest, keys), keys)))
    }

    /// Does what a call asks for, and returns whether its condition held: the row was added or taken over, the
    /// statement was not yet in the log.
    pub fn arrive(&self, state: &mut State, Place { table, log }: Place, write: Write) -> bool {
        let row = state.rows[table];
        match write {
            Write::Insert(new) => {
                let added = row.is_none() || self.protocol == Protocol::UnconditionalPut;
                if added {
                    state.rows[table] = Some(new);
                    state.outdate_leases();
                }
                added
            }
            Write::TakeOver { statement, lease_current } => {
                let unconditional = self.protocol == Protocol::TakeOverWithoutCondition;
                let taken = unconditional || lease_current && matches!(row, Some(Row::Pending(_)));
                if taken {
                    // Without a condition even a complete row becomes pending again.
                    state.rows[table] = if unconditional { Some(Row::Pending(statement)) } else { row };
                    state.outdate_leases();
                }
                taken
            }
            Write::Complete(statement) => {
                let pending = matches!(row, Some(Row::Pending(held)) if held.digest == statement.digest);
                if pending || self.protocol == Protocol::LeaseWithoutDigest {
                    state.rows[table] = Some(Row::Recorded(statement.digest, statement.key.with(Keys::of_log(log))));
                    state.marked |= self.protocol == Protocol::MarkWithCompletion;
                }
                pending
            }
            Write::Upload(statement) => {
                let log = &mut state.logs[log];
                let new = log.signatures & (1 << statement.signature) == 0;
                log.signatures |= 1 << statement.signature;
                let entries = &mut log.by[statement.key.signer()];
                entries.recorded.insert(statement.digest);
                if self.index == Index::Perfect {
                    entries.listed.insert(statement.digest);
                    entries.attested.insert(statement.digest);
                }
                new
            }
            Write::Claim(keys) => {
                let vacant = state.used[table].is_none();
                state.used[table].get_or_insert(keys);
                vacant
            }
            Write::NameKey(keys) => {
                if let Some(used) = &mut state.used[table] {
                    *used = used.with(keys);
                }
                state.used[table].is_some()
            }
            Write::PutIntoIndex(digest) => {
                state.leading.insert(digest);
                true
            }
            Write::Mark => {
                let recorded = matches!(row, Some(Row::Recorded(..)));
                state.marked |= recorded;
                recorded
            }
        }
    }

    /// True if the tag's row may be lost now.
    pub fn row_may_go(&self, state: &State) -> bool {
        let is_quiet = || state.late.is_empty() && state.functions.iter().all(|each| *each == self.waiting(*each));
        let is_listed = |digest| {
            let all = self.versions.iter().filter(|version| !version.mistaken);
            let logs = state.logs.iter().enumerate();
            let searched = logs.filter(|(log, _)| all.clone().all(|version| version.searched.contains(log)));
            searched.flat_map(|(_, log)| &log.by).any(|entries| entries.listed.contains(digest))
        };
        match (self.loss, state.rows[0]) {
            (Loss::Never, _) | (_, None) => false,
            (Loss::AnyTime, Some(_)) => true,
            (Loss::BetweenPulls, Some(row)) => is_quiet() && matches!(row, Row::Recorded(..)),
            (Loss::OfListedTags, Some(Row::Recorded(digest, _))) => is_quiet() && is_listed(digest),
            (Loss::OfListedTags, Some(Row::Pending(_))) => false,
        }
    }

    /// True if a late call can change nothing any more, whenever it arrives.
    pub fn is_spent(&self, state: &State, Place { table, log }: Place, write: Write) -> bool {
        if self.protocol != Protocol::Implemented || self.loss != Loss::Never {
            return false;
        }
        let (row, used) = (state.rows[table], state.used[table]);
        match write {
            Write::Insert(_) => row.is_some(),
            Write::TakeOver { lease_current, .. } => !lease_current || matches!(row, Some(Row::Recorded(..))),
            Write::Complete(_) => matches!(row, Some(Row::Recorded(..))),
            Write::Upload(statement) => state.logs[log].signatures & (1 << statement.signature) != 0,
            Write::Claim(_) => used.is_some(),
            Write::NameKey(keys) => used.is_some_and(|used| used.contains(keys)),
            Write::PutIntoIndex(digest) => state.leading.contains(digest),
            Write::Mark => state.marked,
        }
    }
}
