//! The effects of calls at the ledger and at the log.

use crate::instance::{Keys, Place, Version};
use crate::state::{Digest, Found, Row, State, Write};
use crate::{Index, Protocol, Pulls};

impl Pulls {
    /// The result of a search of the log's index for the tag by a version, which passes over what is by keys that it
    /// does not know.
    pub fn search(&self, state: &State, version: &Version) -> Option<(Found, Keys)> {
        let log = &state.logs[version.log];
        let by = || log.by.iter().enumerate().filter(|(signer, _)| version.knows.contains(Keys::of_signer(*signer)));
        let in_order = || Digest::ALL.into_iter().flat_map(|digest| by().map(move |found| (digest, found)));
        // An entry that tells its digest is preferred where both are listed, as `search` matches the others against it.
        let told = in_order().find(|(d, (_, entries))| entries.listed.contains(*d) && entries.attested.contains(*d));
        let untold = in_order().find(|(d, (_, entries))| entries.listed.contains(*d));
        let keys = |signer| Keys::of_signer(signer).with(Keys::of_log(version.log));
        told.map(|(digest, (signer, _))| (Found::Seen(digest), keys(signer)))
            .or(untold.map(|(digest, (signer, _))| (Found::Unattested(digest, keys(signer)), keys(signer))))
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
        }
    }

    /// True if a late call can change nothing any more, whenever it arrives.
    pub fn is_spent(&self, state: &State, Place { table, log }: Place, write: Write) -> bool {
        if self.protocol != Protocol::Implemented || self.rows_may_go {
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
        }
    }
}
