//! The digests that a tag moved to, in its row.
//!
//! | attribute | type | |
//! |---|---|---|
//! | `moves` | L of M | the first refusal of each digest: `digest`, `time` (RFC 3339), `mediaType`, `size`, all S; at most 32 |
//! | `furtherMoves` | M of N | moves beyond those: their `count`, and when the operator was `told` of them (Unix seconds) |
//! | `last_move` | M of S | what the operator is told; set by the write that tells, and removed by every other one |
//!
//! Rows that never moved, and those of older versions, have none of them. No verdict reads them. A stream of the table carries
//! `last_move` to whoever tells the operator (`infra/moves.yaml`). So no other write of a recorded row may leave it there, or
//! the same move would be told twice.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::AttributeValue::{L, M, N, S};

use super::LedgerError;
use super::dynamodb::{DynamoDbLedger, RECORDED, is_applied, unavailable};
use super::item::StoredItem;
use crate::deadline::Deadline;
use crate::image::{Digest, Tag};
use crate::sighting::SightingTime;

/// Moves of one tag that are kept. Only the image's owner can make more, and each makes the row dearer to write.
pub(super) const MAX_MOVES: usize = 32;
/// Seconds between two notices of moves beyond those. Otherwise an owner who moves a tag at every pull could have the
/// operator stop reading.
const NOTICE_INTERVAL: u64 = 24 * 60 * 60;

/// The first refusal of a digest that a tag moved to, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Computed from a manifest's bytes.
    pub digest: String,
    /// RFC 3339, to the millisecond.
    pub time: String,
    /// Of the manifest, like the size.
    pub media_type: String,
    /// In bytes, decimal.
    pub size: String,
}

/// A move, and the record that it is refused for.
#[derive(Debug, Clone)]
pub struct RefusedMove {
    /// The tag that moved.
    pub tag: Tag,
    /// The digest that it was recorded with.
    pub recorded: Digest,
    /// The digest that it moved to, and its first refusal.
    pub to: Move,
    /// The place of the record in the log.
    pub log_index: u64,
    /// The time of the record.
    pub time: Option<SightingTime>,
    /// The entry's address.
    pub entry_url: String,
}

/// The moves that a tag's row remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moves {
    kept: Vec<Move>,
    further: Option<Further>,
}

/// Moves that found all places taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Further {
    count: u64,
    /// Unix seconds.
    told: u64,
}

/// A move that a row does not remember yet, and what becomes of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMove {
    seen: Moves,
    further: Option<Further>,
    /// The number of moves with this one.
    pub number: u64,
    /// The operator is told of it.
    pub is_told: bool,
}

impl Moves {
    /// The moves that are kept, in the order of their first refusals.
    pub fn kept(&self) -> &[Move] {
        &self.kept
    }

    /// The number of moves beyond those, each of which took the last place.
    pub fn further(&self) -> u64 {
        self.further.map_or(0, |further| further.count)
    }

    /// Returns whether the row has this very refusal.
    pub fn includes(&self, refused: &Move) -> bool {
        self.kept.contains(refused)
    }

    /// The place of a move among these, at `now` (Unix seconds); `None` if they know its digest.
    pub fn place(self, refused: &Move, now: u64) -> Option<NewMove> {
        if self.kept.iter().any(|kept| kept.digest == refused.digest) {
            return None;
        }
        let kept = self.kept.len() as u64;
        if self.kept.len() < MAX_MOVES {
            return Some(NewMove { further: self.further, seen: self, number: kept + 1, is_told: true });
        }
        let count = self.further.map_or(0, |further| further.count).saturating_add(1);
        // A time to come was set by a clock that was ahead, or by a stranger.
        let told = self.further.map(|further| further.told).filter(|told| *told <= now);
        let is_told = told.is_none_or(|told| now - told >= NOTICE_INTERVAL);
        let told = if is_told { now } else { told.unwrap_or(now) };
        let further = Some(Further { count, told });
        Some(NewMove { further, seen: self, number: kept.saturating_add(count), is_told })
    }
}

impl NewMove {
    /// The moves with this one, if a row still has the ones it was placed among.
    pub(super) fn apply(&self, now: &Moves, refused: &Move) -> Option<Moves> {
        if *now != self.seen {
            return None;
        }
        let mut moves = self.seen.clone();
        moves.kept.truncate(MAX_MOVES - 1);
        moves.kept.push(refused.clone());
        moves.further = self.further;
        Some(moves)
    }

    /// Adds this move to a row's item, if that still has the moves that it was placed among. Returns whether it has.
    pub(super) fn add_to(&self, item: &mut StoredItem, refused: &Move) -> Result<bool, LedgerError> {
        if read_moves(item)? != self.seen {
            return Ok(false);
        }
        let moves = item.entry("moves".to_owned()).or_insert_with(|| L(Vec::new()));
        if let L(moves) = moves {
            moves.truncate(MAX_MOVES - 1);
            moves.push(M(refused.attributes()));
        }
        if let Some(further) = self.further {
            item.insert("furtherMoves".to_owned(), M(further.attributes()));
        }
        Ok(true)
    }

    fn is_kept_beside(&self) -> bool {
        self.seen.kept.len() < MAX_MOVES
    }
}

impl DynamoDbLedger {
    pub(super) async fn moves(&self, tag: &Tag, deadline: Deadline) -> Result<Option<Moves>, LedgerError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("tag", S(tag.to_string()))
            .projection_expression("tag, moves, furtherMoves")
            .consistent_read(true)
            .send();
        let answer = deadline.bound_boxed(request).await?.map_err(unavailable)?;
        answer.item.map(|item| read_moves(&item)).transpose()
    }

    pub(super) async fn remember_move(
        &self,
        refused: &RefusedMove,
        new: &NewMove,
        deadline: Deadline,
    ) -> Result<bool, LedgerError> {
        let request = self.client.update_item().table_name(&self.table).key("tag", S(refused.tag.to_string()));
        let mut request = request
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":recorded", S(RECORDED.into()))
            .expression_attribute_values(":digest", S(refused.recorded.to_string()))
            .expression_attribute_values(":count", N(new.seen.kept.len().to_string()));
        let mut conditions = vec!["#state = :recorded AND digest = :digest"];
        let mut set = Vec::new();
        if new.is_kept_beside() {
            conditions.push(match new.seen.kept.len() {
                0 => "(attribute_not_exists(moves) OR size(moves) = :count)",
                _ => "size(moves) = :count",
            });
            set.push("moves = list_append(if_not_exists(moves, :none), :move)".to_owned());
            request = request
                .expression_attribute_values(":none", L(Vec::new()))
                .expression_attribute_values(":move", L(vec![M(refused.to.attributes())]));
        } else {
            conditions.push("size(moves) = :count");
            set.push(format!("moves[{}] = :move", MAX_MOVES - 1));
            request = request.expression_attribute_values(":move", M(refused.to.attributes()));
            conditions.push(match new.seen.further {
                None => "attribute_not_exists(furtherMoves)",
                Some(_) => "furtherMoves = :before",
            });
            if let Some(before) = new.seen.further {
                request = request.expression_attribute_values(":before", M(before.attributes()));
            }
            if let Some(further) = new.further {
                set.push("furtherMoves = :further".to_owned());
                request = request.expression_attribute_values(":further", M(further.attributes()));
            }
        }
        let remove = if new.is_told {
            set.push("last_move = :told".to_owned());
            request = request.expression_attribute_values(":told", M(refused.told(new.number)));
            ""
        } else {
            " REMOVE last_move"
        };
        let request = request
            .update_expression(format!("SET {}{remove}", set.join(", ")))
            .condition_expression(conditions.join(" AND "));
        is_applied(request, deadline).await
    }
}

impl RefusedMove {
    /// The message to the operator. Strings only: the template of a pipe puts them into a text as they are.
    fn told(&self, number: u64) -> HashMap<String, AttributeValue> {
        let told = [
            ("tag", self.tag.to_string()),
            ("recorded", self.recorded.to_string()),
            ("integratedTime", self.time.map_or_else(|| "an unknown day".to_owned(), SightingTime::rfc3339)),
            ("logIndex", self.log_index.to_string()),
            ("entry", self.entry_url.clone()),
            ("image", format!("{}@{}", self.tag.repository(), self.recorded)),
            ("current", self.to.digest.clone()),
            ("mediaType", self.to.media_type.clone()),
            ("size", self.to.size.clone()),
            ("time", self.to.time.clone()),
            ("number", number.to_string()),
        ];
        told.into_iter().map(|(name, value)| (name.to_owned(), S(value))).collect()
    }
}

impl Move {
    fn attributes(&self) -> HashMap<String, AttributeValue> {
        let Self { digest, time, media_type, size } = self;
        let attributes = [("digest", digest), ("time", time), ("mediaType", media_type), ("size", size)];
        attributes.into_iter().map(|(name, value)| (name.to_owned(), S(value.clone()))).collect()
    }

    /// Attributes of later versions are passed over.
    fn read(value: &AttributeValue) -> Option<Self> {
        let attributes = value.as_m().ok()?;
        let text = |name| attributes.get(name)?.as_s().ok().cloned();
        let (digest, time) = (text("digest")?, text("time")?);
        Some(Self { digest, time, media_type: text("mediaType")?, size: text("size")? })
    }
}

impl Further {
    fn attributes(self) -> HashMap<String, AttributeValue> {
        let attributes = [("count", self.count), ("told", self.told)];
        attributes.into_iter().map(|(name, value)| (name.to_owned(), N(value.to_string()))).collect()
    }

    fn read(value: &AttributeValue) -> Option<Self> {
        let attributes = value.as_m().ok()?;
        let number = |name| attributes.get(name)?.as_n().ok()?.parse().ok();
        Some(Self { count: number("count")?, told: number("told")? })
    }
}

/// The moves of an item. A list that tlogistry did not write is not added to: nobody could say what would become of it.
pub(super) fn read_moves(item: &StoredItem) -> Result<Moves, LedgerError> {
    let kept = match item.get("moves") {
        None => Vec::new(),
        Some(L(moves)) if moves.len() <= MAX_MOVES => {
            let moves = moves.iter().map(Move::read).collect::<Option<Vec<_>>>();
            moves.ok_or(LedgerError::Malformed("moves"))?
        }
        Some(_) => return Err(LedgerError::Malformed("moves")),
    };
    let further = item.get("furtherMoves");
    let further =
        further.map(|value| Further::read(value).ok_or(LedgerError::Malformed("furtherMoves"))).transpose()?;
    Ok(Moves { kept, further })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = NOTICE_INTERVAL;

    fn to(number: usize) -> Move {
        let (time, media_type, size) = ("2026-11-25T10:00:00.000Z".into(), "type".into(), "1".into());
        Move { digest: Digest::sha256(&number.to_be_bytes()).to_string(), time, media_type, size }
    }

    /// The moves after one more, its number, and whether the operator is told.
    fn after(moves: &Moves, number: usize, now: u64) -> Option<(Moves, u64, bool)> {
        let place = moves.clone().place(&to(number), now)?;
        Some((place.apply(moves, &to(number)).unwrap(), place.number, place.is_told))
    }

    #[test]
    fn each_of_32_digests_is_told_once_and_those_beyond_once_a_day_with_their_number() {
        let mut moves = Moves::default();
        for number in 0..MAX_MOVES {
            let told;
            (moves, _, told) = after(&moves, number, 5).unwrap();
            assert!(told && after(&moves, number, 5).is_none(), "{number}");
        }
        let first_place = moves.kept[0].clone();
        for (number, now, told) in [(32, 10, true), (33, 11, false), (34, DAY, false), (35, DAY + 10, true)] {
            let next = after(&moves, number, now).unwrap();
            assert_eq!((next.1, next.2), (number as u64 + 1, told), "move {number}");
            moves = next.0;
            assert_eq!((moves.kept.len(), &moves.kept[0], &moves.kept[31]), (MAX_MOVES, &first_place, &to(number)));
        }
    }

    #[test]
    fn a_notice_that_was_told_in_the_future_does_not_silence_the_next() {
        let kept: Vec<Move> = (0..MAX_MOVES).map(to).collect();
        let moves = Moves { kept, further: Some(Further { count: u64::MAX, told: u64::MAX }) };
        let (moves, _, told) = after(&moves, 40, 7).unwrap();
        assert_eq!((told, moves.further), (true, Some(Further { count: u64::MAX, told: 7 })));
    }

    #[test]
    fn a_row_that_changed_meanwhile_is_not_written() {
        let place = Moves::default().place(&to(1), 0).unwrap();
        let (changed, ..) = after(&Moves::default(), 2, 0).unwrap();
        assert_eq!(place.apply(&changed, &to(1)), None);
    }
}
