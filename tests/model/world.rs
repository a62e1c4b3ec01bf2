//! What calls do where they arrive: at the ledger and at the log.

use crate::state::{Digest, Found, Row, State, Write};
use crate::{Index, Protocol, Pulls};

impl Pulls {
    /// What a search of the log's index tells.
    pub fn search(&self, state: &State) -> Option<Found> {
        let listed = state.log.listed.first()?;
        // An entry that tells its digest is preferred where both are listed, as `search` matches the others against it.
        let attested =
            Digest::ALL.into_iter().find(|&d| state.log.listed.contains(d) && state.log.attested.contains(d));
        Some(attested.map_or(Found::Unattested(listed), Found::Seen))
    }

    /// Does what a call asks for, and returns whether its condition held: the row was added or taken over, the
    /// statement was not yet in the log. `table` is the row's place in [`State::rows`].
    pub fn arrive(&self, state: &mut State, table: usize, write: Write) -> bool {
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
                    state.rows[table] = Some(Row::Recorded(statement.digest));
                }
                pending
            }
            Write::Upload(statement) => {
                let new = state.log.signatures & (1 << statement.signature) == 0;
                state.log.signatures |= 1 << statement.signature;
                state.log.recorded.insert(statement.digest);
                if self.index == Index::Perfect {
                    state.log.listed.insert(statement.digest);
                    state.log.attested.insert(statement.digest);
                }
                new
            }
        }
    }

    /// Whether a late call can change nothing any more, whenever it arrives.
    pub fn is_spent(&self, state: &State, write: Write) -> bool {
        if self.protocol != Protocol::Implemented || self.rows_may_go {
            return false;
        }
        match write {
            Write::Insert(_) => state.rows[0].is_some(),
            Write::TakeOver { lease_current, .. } => !lease_current || matches!(state.rows[0], Some(Row::Recorded(_))),
            Write::Complete(_) => matches!(state.rows[0], Some(Row::Recorded(_))),
            Write::Upload(statement) => state.log.signatures & (1 << statement.signature) != 0,
        }
    }
}
