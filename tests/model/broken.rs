//! Protocols that are not ours, and how each goes wrong: the same model must find it.

use crate::model::{ANY_FUNCTION_CAN_FINISH, Action, ONE_DIGEST, SERVED_IS_RECORDED};
use crate::state::Write;
use crate::{IMPLEMENTED, Index, Ledger, Loss, Protocol, Pulls};

/// No table is configured, so that each process decides for itself.
const NO_SHARED_LEDGER: Pulls = Pulls { ledger: Ledger::NotShared, late: 0, ..IMPLEMENTED };

fn assert_records_two_digests(pulls: Pulls) {
    let last = pulls.goes_wrong(ONE_DIGEST);
    assert!(matches!(last, Action::Write(_, Write::Upload(_)) | Action::Arrive(_, Write::Upload(_))), "{last:?}");
}

#[test]
fn a_lease_without_the_digest_records_two() {
    assert_records_two_digests(Pulls { protocol: Protocol::LeaseWithoutDigest, ..IMPLEMENTED });
}

#[test]
fn an_unconditional_put_records_two() {
    assert_records_two_digests(Pulls { protocol: Protocol::UnconditionalPut, ..IMPLEMENTED });
}

#[test]
fn an_index_believed_as_evidence_records_two() {
    assert_records_two_digests(Pulls { protocol: Protocol::IndexAsEvidence, functions: 1, ..IMPLEMENTED });
}

/// Between a search and the upload that follows it, anyone else may do the same.
#[test]
fn even_a_complete_index_does_not_replace_the_ledger() {
    let protocol = Protocol::IndexAsEvidence;
    assert_records_two_digests(Pulls { protocol, index: Index::Perfect, late: 0, ..IMPLEMENTED });
}

#[test]
fn serving_before_recording_serves_what_is_not_recorded() {
    let last = Pulls { protocol: Protocol::ServeBeforeRecording, ..IMPLEMENTED }.goes_wrong(SERVED_IS_RECORDED);
    assert!(matches!(last, Action::Write(_, Write::Insert(_))), "{last:?}");
}

/// The row's digest may never come to the log: its writer may have gone.
#[test]
fn a_pinned_pull_that_does_not_finish_a_pending_row_serves_what_is_not_recorded() {
    let last = Pulls { protocol: Protocol::PinnedFromPendingRow, ..IMPLEMENTED }.goes_wrong(SERVED_IS_RECORDED);
    assert!(matches!(last, Action::ServeRecorded(_)), "{last:?}");
}

#[test]
fn a_pinned_pull_that_goes_on_without_the_recorded_digest_serves_the_moved_one() {
    let protocol = Protocol::PinnedDespiteLoss;
    let last = Pulls { protocol, functions: 1, ledger: Ledger::NotShared, late: 0, ..IMPLEMENTED }
        .goes_wrong(SERVED_IS_RECORDED);
    assert!(matches!(last, Action::ServeRecorded(_)), "{last:?}");
}

#[test]
fn without_take_over_an_interrupted_recording_blocks_the_tag() {
    let last = Pulls { protocol: Protocol::NoTakeOver, ..IMPLEMENTED }.goes_wrong(ANY_FUNCTION_CAN_FINISH);
    assert!(matches!(last, Action::Write(_, Write::Insert(_))), "{last:?}");
}

/// No row may be deleted: our protocol does not survive it, not even with a perfect index and no late call.
#[test]
fn a_deleted_row_records_two() {
    assert_records_two_digests(Pulls { loss: Loss::AnyTime, functions: 1, late: 0, ..IMPLEMENTED });
    assert_records_two_digests(Pulls { loss: Loss::AnyTime, index: Index::Perfect, late: 0, ..IMPLEMENTED });
}

#[test]
fn processes_without_a_shared_ledger_record_two() {
    assert_records_two_digests(NO_SHARED_LEDGER);
    assert_records_two_digests(Pulls { index: Index::Perfect, ..NO_SHARED_LEDGER });
}

/// A process takes its ledger with it when it ends, and the next one has the index alone. What that lacks, or what was
/// still under way to the log, is recorded a second time.
#[test]
fn a_process_without_a_table_records_two_after_a_restart() {
    let alone = Pulls { functions: 1, ..NO_SHARED_LEDGER };
    assert_records_two_digests(alone.clone());
    assert_records_two_digests(Pulls { index: Index::Perfect, late: 1, ..alone.clone() });
    // With neither, one process at a time is safe: this is what a table and its conditions are spared for.
    Pulls { index: Index::Perfect, ..alone }.assert_is_safe("one process, no table, a perfect index, no late calls");
}
