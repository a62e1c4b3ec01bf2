//! A log of tiles, Rekor v2: nobody can search it, so the ledger is the only memory.

use crate::instance::{ON_TILES_ALONE, ON_TILES_OR_WRONG_TABLE};
use crate::model::{Action, ONE_DIGEST};
use crate::state::Write;
use crate::{Guard, IMPLEMENTED, Index, Ledger, Loss, Pulls};

const ON_TILES: Pulls = Pulls { versions: ON_TILES_ALONE, ..IMPLEMENTED };

#[test]
fn two_functions_and_three_digests() {
    Pulls { digests: 3, late: 2, ..ON_TILES }.assert_holds("Rekor v2: two functions, three digests, two late calls");
}

#[test]
fn three_functions() {
    Pulls { functions: 3, late: 2, ..ON_TILES }.assert_holds("Rekor v2: three functions, two digests, two late calls");
}

#[test]
fn a_stale_read_is_harmless() {
    Pulls { stale_reads: true, late: 2, ..ON_TILES }
        .assert_holds("Rekor v2: stale reads, two functions, two late calls");
}

#[test]
fn a_new_table_is_claimed_once() {
    Pulls { guard: Guard::Implemented, ..ON_TILES }.assert_holds("Rekor v2: a new table, two functions, one late call");
}

fn assert_records_two_digests(pulls: Pulls) {
    let last = pulls.goes_wrong(ONE_DIGEST);
    assert!(matches!(last, Action::Write(_, Write::Upload(_))), "{last:?}");
}

/// One process, nothing late, nothing under way: what the ledger forgets is recorded again, as whatever upstream serves.
#[test]
fn a_lost_row_records_two_digests() {
    assert_records_two_digests(Pulls { loss: Loss::BetweenPulls, functions: 1, late: 0, ..ON_TILES });
}

/// With Rekor v1 the same loss is made good, as far as the index has the tag.
#[test]
fn a_lost_row_of_a_listed_tag_comes_back_from_rekor_v1() {
    let loss = Loss::OfListedTags;
    Pulls { loss, late: 2, ..IMPLEMENTED }.assert_is_safe("Rekor v1: rows of listed tags are lost between pulls");
    Pulls { loss: Loss::BetweenPulls, index: Index::Perfect, ..IMPLEMENTED }
        .assert_is_safe("Rekor v1: rows are lost between pulls, a perfect index");
    assert_records_two_digests(Pulls { loss: Loss::BetweenPulls, functions: 1, late: 0, ..IMPLEMENTED });
}

/// So the function does not start without a table, and `serve` keeps a file.
#[test]
fn a_process_that_takes_its_ledger_with_it_records_two_digests() {
    assert_records_two_digests(Pulls { ledger: Ledger::NotShared, functions: 1, late: 0, ..ON_TILES });
}

/// No log shows the use of a key, so nothing tells another table from a new one.
#[test]
fn a_wrong_table_records_two_digests() {
    let versions = ON_TILES_OR_WRONG_TABLE;
    let pulls = Pulls { guard: Guard::Implemented, versions, functions: 1, late: 0, ..ON_TILES };
    assert_records_two_digests(Pulls { mistakes_at_once: true, ..pulls });
}
