//! Statements that entries lack, looked up among other entries.

use std::ops::ControlFlow;

use super::Findings;
use super::finding::statement_of;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::tlog::LogEntry;

/// A log that lists its entries by hashes.
pub(crate) trait Lookup {
    /// The reason why entries cannot be had.
    type Error;

    /// Hands the entries that the log lists under a SHA-256 (lower-case hexadecimal) to `each` until that breaks, in no
    /// order.
    async fn each(&self, sha256: &str, each: impl FnMut(LogEntry) -> ControlFlow<()> + Send)
    -> Result<(), Self::Error>;
}

impl Findings {
    /// Explains the entries whose statement another entry over the same holds. `unrelated` sees the leaf hash of each
    /// that is about another tag, as soon as it is known.
    ///
    /// Anyone can file our statement about another tag so that it is listed under this one without what was signed.
    pub(crate) async fn look_up_statements<L: Lookup>(
        &mut self,
        tag: &Tag,
        trusted: &[PublicKey],
        log: &L,
        mut unrelated: impl FnMut([u8; 32]),
    ) -> Result<(), L::Error> {
        for hash in self.unknown_payloads() {
            let mut statement = None;
            let each = |entry: LogEntry| {
                statement = statement_of(&entry, &hash);
                if statement.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            log.each(&hex::encode(hash), each).await?;
            if let Some(statement) = statement {
                self.consider_statement(tag, &statement, trusted).into_iter().for_each(&mut unrelated);
            }
        }
        Ok(())
    }
}
