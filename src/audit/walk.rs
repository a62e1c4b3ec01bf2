//! The walk through the tags of an audit.

use std::pin::pin;

use futures_util::StreamExt as _;
use futures_util::stream::LocalBoxStream;

use super::check::Check;
use super::issue::Issue;
use super::state::Position;
use super::tags::{Item, SourceError};
use crate::foreign::shown;

/// The end of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    /// It was asked to stop.
    Stopped,
    /// The log, the ledger or the list failed.
    Failed(String),
}

/// Checks tags after `position`, several at once, until there are no more or `stop` is done.
///
/// The results are taken in the tags' order, so the position is never past an unchecked tag. `each` sees every tag's name
/// and findings, with the position after it; its error ends the walk.
pub(crate) async fn walk<E>(
    items: LocalBoxStream<'_, Result<Item, SourceError>>,
    check: &Check<'_>,
    concurrency: usize,
    position: &mut Position,
    stop: impl Future<Output = ()>,
    mut each: impl AsyncFnMut(&Position, &str, Vec<Issue>) -> Result<(), E>,
) -> Result<End, E> {
    let checked = items.map(async |item| {
        let item = item.map_err(|error| error.to_string())?;
        let name = shown(&item.name).into_owned();
        check.item(item).await.map_err(|error| format!("{name} could not be checked: {error}"))
    });
    let mut checked = pin!(checked.buffered(concurrency));
    let mut stop = pin!(stop);
    loop {
        let next = tokio::select! {
            biased;
            () = &mut stop => return Ok(End::Stopped),
            next = checked.next() => next,
        };
        let (name, issues) = match next {
            None => return Ok(End::Complete),
            Some(Err(why)) => return Ok(End::Failed(why)),
            Some(Ok(checked)) => checked,
        };
        position.add(&name, &issues, check.checkpoints.notes());
        each(position, &name, issues).await?;
    }
}
