//! Two versions at once during a rotation, in any order and as often as may be, and redeployments with forgotten
//! parameters.

use crate::instance::{NEXT_KEY_IS_TRUSTED, NEXT_KEY_SIGNS};
use crate::model::{Action, MISTAKES_DO_NOTHING, ONE_DIGEST};
use crate::state::Write;
use crate::{Guard, IMPLEMENTED, Index, Pulls};

/// The second deployment of a rotation on a new table.
const DEPLOYED: Pulls = Pulls {
    guard: Guard::Implemented,
    versions: NEXT_KEY_SIGNS,
    index: Index::LossyWithStatements,
    repeats: false,
    late: 0,
    ..IMPLEMENTED
};

#[test]
fn a_new_table_is_claimed_by_one_version() {
    Pulls { guard: Guard::Implemented, ..IMPLEMENTED }.assert_holds("a new table, two functions, one late call");
}

#[test]
fn the_next_key_is_trusted() {
    Pulls { versions: NEXT_KEY_IS_TRUSTED, ..DEPLOYED }
        .assert_holds("the next key is trusted, or parameters forgotten: two functions");
}

#[test]
fn the_next_key_signs() {
    DEPLOYED.assert_holds("the next key signs, or parameters are forgotten: two functions");
}

#[test]
fn calls_of_a_version_arrive_after_it_was_replaced() {
    Pulls { functions: 1, late: 1, repeats: true, ..DEPLOYED }
        .assert_is_safe("the next key signs, or parameters are forgotten: one function, one late call");
}

fn assert_records_two_digests(pulls: Pulls) {
    let last = pulls.goes_wrong(ONE_DIGEST);
    assert!(matches!(last, Action::Write(_, Write::Upload(_)) | Action::Arrive(_, Write::Upload(_))), "{last:?}");
}

#[test]
fn without_the_instances_row_a_wrong_table_records_two() {
    assert_records_two_digests(Pulls { guard: Guard::None, functions: 1, ..DEPLOYED });
}

#[test]
fn a_row_that_is_made_without_asking_the_log_records_two() {
    assert_records_two_digests(Pulls { guard: Guard::ClaimsUnasked, functions: 1, ..DEPLOYED });
}

/// A rotation and a wrong table in one deployment: the key that signs from now on was not used yet.
#[test]
fn asking_the_log_for_the_signing_key_alone_records_two() {
    assert_records_two_digests(Pulls { guard: Guard::AsksForOwnKeyAlone, functions: 1, ..DEPLOYED });
}

/// The rest: a log whose index has nothing by a key shows no use of it.
#[test]
fn a_wrong_table_before_the_index_has_anything_by_the_key_records_two() {
    assert_records_two_digests(Pulls { mistakes_at_once: true, functions: 1, ..DEPLOYED });
}

/// Without the row, a version that lacks a key or has another log signs all the same.
#[test]
fn without_the_instances_row_a_forgotten_parameter_goes_unnoticed() {
    Pulls { guard: Guard::None, functions: 1, ..DEPLOYED }.goes_wrong(MISTAKES_DO_NOTHING);
}
