//! Counters that all processes share, in a DynamoDB table of its own.
//!
//! | attribute | type | |
//! |---|---|---|
//! | `counter` | S | partition key: `total/<minute>/<shard>`, or `source/<minute>/<sha256 of the network, hex>` |
//! | `drawn` | N | searches charged, never more than the counter's limit |
//! | `expires` | N | seconds since the Unix epoch, for the table's time to live |
//!
//! Counters of other limits than those on first sights have the limits' name and a slash in front of their keys.
//!
//! A minute is a number of whole minutes since the Unix epoch, by the process's clock. Nothing in the table is worth
//! keeping. Addresses are hashed so that no item shows one; an IPv4 address can be guessed from its hash.
//!
//! A search takes two writes for an IPv4 source and three for an IPv6 source, all at the same time, and more if shards are
//! full. A counter that a process has found full is not asked again in its minute. So full counters cost at most sixteen writes
//! a process and minute, and refusals by them none.
//!
//! A network that turns out to be full takes nothing from wider ones or from the total: what was drawn from them at the same
//! time is given back. Until then others may find the total full that is not, by one for each process that has yet to find the
//! network full, and of the three quarters alone that are not kept for new sources. A process that ends in between leaves one
//! too many counted.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use aws_sdk_dynamodb::types::ReturnValue;
use futures_util::future::{join, join_all};
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use super::{Exhausted, Limits, Network, Source, WINDOW};
use crate::deadline::{Deadline, Elapsed};

/// Items that the total is spread over, so that no single one takes all writes.
const SHARDS: u32 = 8;
/// The time for all writes of one search. After it, the process's own counters decide.
const TIME: Duration = Duration::from_secs(1);
/// One attempt more, for a connection that died while the instance was frozen. A write that is sent twice may count
/// twice.
const ATTEMPTS: u32 = 2;
/// The second attempt waits for this long at most.
const PAUSE: Duration = Duration::from_millis(50);
/// The time that items outlast their minute, so that clocks may differ.
const KEPT: Duration = Duration::from_secs(3600);
/// Full counters remembered, the least recently used forgotten first. A forgotten one is asked again.
const FULL_COUNTERS: usize = 10_000;

/// Failures of the table.
#[derive(Debug, thiserror::Error)]
pub enum CountersError {
    /// The table, the network or the permissions failed. Carries the SDK's words.
    #[error("the table could not be reached: {0}")]
    Unavailable(String),
    /// The search may have been charged all the same.
    #[error("the table did not answer in time")]
    Timeout,
    /// Somebody other than tlogistry wrote the item.
    #[error("a counter has no usable attribute 'drawn'")]
    Malformed,
}

impl From<Elapsed> for CountersError {
    fn from(_: Elapsed) -> Self {
        Self::Timeout
    }
}

/// Counters in one table.
#[derive(Debug)]
pub struct SharedCounters {
    client: Client,
    table: String,
    clock: fn() -> SystemTime,
    /// Stands in front of each counter's key.
    prefix: String,
    /// Counters found full, with the limit that they had reached. They are full until their minute is over, but for what is
    /// given back.
    full: Cache<(String, u32), ()>,
}

/// The outcome of charging one search.
#[derive(Debug)]
enum Charged {
    /// Every counter had room.
    Within,
    /// A counter is full. What was `drawn` from these beside it is to be given back.
    Beyond { drawn: Vec<String> },
}

/// The minute that counters count in.
#[derive(Debug, Clone, Copy)]
struct Minute {
    number: u64,
    left: Duration,
}

impl Minute {
    fn at(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let past = Duration::new(since.as_secs() % WINDOW.as_secs(), since.subsec_nanos());
        Self { number: since.as_secs() / WINDOW.as_secs(), left: WINDOW - past }
    }

    /// Seconds since the Unix epoch.
    fn expires(self) -> u64 {
        (self.number + 1) * WINDOW.as_secs() + KEPT.as_secs()
    }

    fn total(self, shard: u32) -> String {
        format!("total/{}/{shard}", self.number)
    }

    fn source(self, network: Network) -> String {
        format!("source/{}/{}", self.number, hex::encode(Sha256::digest(network.to_string())))
    }
}

/// A shard's part of the total. All parts add up to `limit`, and a larger limit makes no part smaller.
fn part(limit: u32, shard: u32) -> u32 {
    limit / SHARDS + u32::from(shard < limit % SHARDS)
}

impl SharedCounters {
    /// Counts in `table`, whose partition key is `counter` (S). Nothing is asked yet.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, clock: SystemTime::now, prefix: String::new(), full: Cache::new(FULL_COUNTERS) }
    }

    /// Counts by another clock, for tests.
    pub fn with_clock(self, clock: fn() -> SystemTime) -> Self {
        Self { clock, ..self }
    }

    /// Counters of another kind in the same table.
    pub(super) fn named(&self, name: &str) -> Self {
        let (client, table) = (self.client.clone(), self.table.clone());
        Self { client, table, clock: self.clock, prefix: format!("{name}/"), full: Cache::new(FULL_COUNTERS) }
    }

    pub(super) async fn charge(
        &self,
        limits: &Limits,
        source: Option<Source>,
        deadline: Deadline,
    ) -> Result<Result<(), Exhausted>, CountersError> {
        let minute = Minute::at((self.clock)());
        match deadline.within(TIME).bound(self.charge_in(minute, limits, source)).await?? {
            Charged::Within => Ok(Ok(())),
            Charged::Beyond { drawn } => {
                // A refusal stays one, whatever becomes of this.
                let given_back = join_all(drawn.into_iter().map(|counter| self.give_back(counter)));
                if deadline.within(TIME).bound(given_back).await.is_err() {
                    tracing::warn!("counters did not answer in time to what was given back");
                }
                Ok(Err(Exhausted { retry_after: minute.left }))
            }
        }
    }

    /// Charges the source's networks and the total, all at the same time.
    async fn charge_in(
        &self,
        minute: Minute,
        limits: &Limits,
        source: Option<Source>,
    ) -> Result<Charged, CountersError> {
        let all = limits.total(true);
        let networks = source.into_iter().flat_map(Source::networks);
        let networks: Vec<_> = networks.map(|network| (minute.source(network), limits.of(network))).collect();
        if (0..SHARDS).all(|shard| self.is_full(&minute.total(shard), part(all, shard)))
            || networks.iter().any(|(counter, limit)| self.is_full(counter, *limit))
        {
            return Ok(Charged::Beyond { drawn: Vec::new() });
        }
        let first = fastrand::u32(..SHARDS);
        let of_networks = networks.iter().map(|(counter, limit)| self.count(counter.clone(), *limit, minute));
        let of_total = self.count_total(first, limits.total(false), minute);
        let (of_networks, of_total) = join(join_all(of_networks), of_total).await;
        let of_networks = of_networks.into_iter().collect::<Result<Vec<Option<u64>>, _>>()?;
        if let Some(full) = of_networks.iter().position(Option::is_none) {
            // The narrowest comes first.
            let wider = networks.into_iter().zip(of_networks).skip(full + 1);
            let drawn = wider.filter(|(_, drawn)| drawn.is_some()).map(|((counter, _), _)| counter);
            return Ok(Charged::Beyond { drawn: drawn.chain(of_total.ok().flatten()).collect() });
        }
        if of_total?.is_some() {
            return Ok(Charged::Within);
        }
        // The part for new sources is used last. The widest network decides: a site has many narrow ones that were charged
        // nothing.
        let is_new = of_networks.last().is_none_or(|drawn| *drawn == Some(1));
        if is_new && self.count_total(first, all, minute).await?.is_some() {
            return Ok(Charged::Within);
        }
        Ok(Charged::Beyond { drawn: Vec::new() })
    }

    /// Adds one to a shard of the total, which has this limit. Returns the shard's counter; `None` if all are full.
    async fn count_total(&self, first: u32, limit: u32, minute: Minute) -> Result<Option<String>, CountersError> {
        for shard in (first..SHARDS).chain(0..first) {
            let counter = minute.total(shard);
            if self.count(counter.clone(), part(limit, shard), minute).await?.is_some() {
                return Ok(Some(counter));
            }
        }
        Ok(None)
    }

    /// Takes back what was added to a counter. A failure is logged: the counter has one too many until its minute is over.
    async fn give_back(&self, counter: String) {
        let request = self
            .update(&counter)
            .update_expression("ADD drawn :less")
            .condition_expression("drawn > :none")
            .expression_attribute_values(":less", N("-1".to_owned()))
            .expression_attribute_values(":none", N("0".to_owned()));
        if let Err(error) = Box::pin(request.send()).await {
            let error = DisplayErrorContext(error).to_string();
            tracing::warn!(counter, error, "what was drawn from a counter could not be given back");
        }
    }

    fn update(&self, counter: &str) -> UpdateItemFluentBuilder {
        let request = self.client.update_item().table_name(&self.table);
        request.key("counter", S(format!("{}{counter}", self.prefix)))
    }

    fn is_full(&self, counter: &str, limit: u32) -> bool {
        limit == 0 || self.full.get(&(counter.to_owned(), limit)).is_some()
    }

    /// Adds one to a counter below `limit` and returns its new value; `None` if it is full.
    async fn count(&self, counter: String, limit: u32, minute: Minute) -> Result<Option<u64>, CountersError> {
        if self.is_full(&counter, limit) {
            return Ok(None);
        }
        let retry = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(PAUSE);
        let request = self
            .update(&counter)
            .update_expression("ADD drawn :one SET expires = :expires")
            .condition_expression("attribute_not_exists(drawn) OR drawn < :limit")
            .return_values(ReturnValue::UpdatedNew)
            .expression_attribute_values(":one", N("1".to_owned()))
            .expression_attribute_values(":limit", N(limit.to_string()))
            .expression_attribute_values(":expires", N(minute.expires().to_string()))
            .customize()
            .config_override(Builder::new().retry_config(retry));
        match Box::pin(request.send()).await {
            Ok(answer) => match answer.attributes.as_ref().and_then(|item| item.get("drawn")) {
                Some(N(drawn)) => Ok(Some(drawn.parse().map_err(|_| CountersError::Malformed)?)),
                _ => Err(CountersError::Malformed),
            },
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), UpdateItemError::ConditionalCheckFailedException(_)) =>
            {
                self.full.insert((counter, limit), ());
                Ok(None)
            }
            Err(error) => Err(CountersError::Unavailable(DisplayErrorContext(error).to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_limit_add_up_to_it_and_grow_with_it() {
        for limit in 0..1000 {
            assert_eq!((0..SHARDS).map(|shard| part(limit, shard)).sum::<u32>(), limit);
            assert!((0..SHARDS).all(|shard| part(limit, shard) <= part(limit + 1, shard)), "{limit}");
        }
    }

    #[test]
    fn a_minute_ends_on_the_minute() {
        let minute = Minute::at(UNIX_EPOCH + Duration::from_millis(125_500));
        assert_eq!((minute.number, minute.left), (2, Duration::from_millis(54_500)));
        assert_eq!(minute.expires(), 180 + 3600);
        assert_eq!(Minute::at(UNIX_EPOCH + Duration::from_secs(180)).left, WINDOW);
    }
}
