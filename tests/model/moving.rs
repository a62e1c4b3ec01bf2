//! The move from a Rekor v1 to a Rekor v2: processes that write the one and processes that write the other, in any order
//! and as often as may be, with one ledger.

use crate::instance::{MOVING, MOVING_AT_ONCE, MOVING_WITH_MISTAKES, MOVING_WITHOUT_SEARCH, USED_WITH_L};
use crate::model::{Action, MISTAKES_DO_NOTHING, ONE_DIGEST, SERVED_IS_RECORDED, SERVED_IS_STORED};
use crate::state::Write;
use crate::{Guard, IMPLEMENTED, Index, Loss, Protocol, Pulls};
use stateright::Checker;

/// The version before knows the next log's key by now.
const MOVE: Pulls = Pulls {
    guard: Guard::Implemented,
    versions: MOVING,
    used_with: Some(USED_WITH_L),
    index: Index::Lossy,
    repeats: false,
    late: 0,
    ..IMPLEMENTED
};

#[test]
fn both_logs_are_written_at_once() {
    MOVE.assert_holds("the move to Rekor v2: two functions");
}

#[test]
fn calls_of_the_version_before_arrive_after_the_move() {
    Pulls { functions: 1, late: 2, repeats: true, ..MOVE }
        .assert_is_safe("the move to Rekor v2: one function, two late calls");
    Pulls { late: 1, index: Index::LossyWithStatements, ..MOVE }
        .assert_holds("the move to Rekor v2: two functions, one late call");
}

#[test]
fn parameters_are_forgotten() {
    Pulls { versions: MOVING_WITH_MISTAKES, index: Index::LossyWithStatements, ..MOVE }
        .assert_holds("the move to Rekor v2, or parameters are forgotten: two functions");
}

/// The version before serves nothing any more once the next log was written, and no second digest either.
#[test]
fn a_move_in_one_deployment_is_safe() {
    let checker = Pulls { versions: MOVING_AT_ONCE, ..MOVE }.explore("the move to Rekor v2 at once: two functions");
    [ONE_DIGEST, SERVED_IS_RECORDED, SERVED_IS_STORED, MISTAKES_DO_NOTHING]
        .iter()
        .for_each(|property| checker.assert_no_discovery(property));
}

/// Entries of the earlier log come back from there, also once nobody writes it any more.
#[test]
fn a_row_that_was_lost_comes_back_from_the_log_before() {
    Pulls { loss: Loss::OfListedTags, ..MOVE }.assert_is_safe("the move to Rekor v2: rows of listed tags are lost");
}

fn assert_records_two_digests(pulls: Pulls) {
    let last = pulls.goes_wrong(ONE_DIGEST);
    assert!(matches!(last, Action::Write(_, Write::Upload(_))), "{last:?}");
}

#[test]
fn without_a_search_of_the_log_before_a_lost_row_records_two_digests() {
    let moving = Pulls { guard: Guard::None, versions: MOVING_WITHOUT_SEARCH, mistakes_at_once: true, ..MOVE };
    assert_records_two_digests(Pulls { loss: Loss::OfListedTags, functions: 1, ..moving });
}

/// The rest: of what was recorded after the move, the ledger is the only memory.
#[test]
fn a_lost_row_of_a_tag_that_only_the_next_log_holds_records_two_digests() {
    assert_records_two_digests(Pulls { loss: Loss::BetweenPulls, index: Index::Perfect, functions: 1, ..MOVE });
}

/// The search leads to a recording that another function has not completed yet.
#[test]
fn serving_what_the_log_before_holds_without_a_row_leaves_it_to_the_index() {
    let last = Pulls { protocol: Protocol::ServeBeforeStoring, ..MOVE }.goes_wrong(SERVED_IS_STORED);
    assert!(matches!(last, Action::Compare(..) | Action::ServeRecorded(_) | Action::AskUpstream(..)), "{last:?}");
}

/// Without the instance's row, a version that does not search the log before serves and signs all the same.
#[test]
fn without_the_instances_row_a_forgotten_log_goes_unnoticed() {
    let pulls = Pulls { guard: Guard::None, versions: MOVING_WITH_MISTAKES, functions: 1, ..MOVE };
    pulls.goes_wrong(MISTAKES_DO_NOTHING);
}
