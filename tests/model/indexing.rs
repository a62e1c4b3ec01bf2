//! Calls at the same time: the index of attestations is written while the tag's row is completed, and that is as far as it
//! may go. Each step further is found.

use crate::instance::ON_TILES_ALONE;
use crate::model::{Action, MARKED_IS_LED_TO, ONE_DIGEST, SERVED_IS_RECORDED, SERVED_IS_STORED};
use crate::state::Write;
use crate::{IMPLEMENTED, Protocol, Pulls};

const INDEXING: Pulls = Pulls { indexes: true, ..IMPLEMENTED };

#[test]
fn the_index_is_written_while_the_row_is_completed() {
    INDEXING.assert_holds("the index beside the completion, two functions, one late call");
    Pulls { versions: ON_TILES_ALONE, late: 2, ..INDEXING }
        .assert_holds("Rekor v2: the index beside the completion, two functions, two late calls");
}

/// It would say for good that the index leads to the tag, though its writer ended before it had written that.
#[test]
fn a_row_that_is_marked_while_the_index_is_written_may_be_marked_falsely() {
    let last = Pulls { protocol: Protocol::MarkWithCompletion, ..INDEXING }.goes_wrong(MARKED_IS_LED_TO);
    assert!(matches!(last, Action::Write(_, Write::Complete(_))), "{last:?}");
}

/// The row decides which of two digests may come to the log.
#[test]
fn an_upload_at_the_same_time_as_the_insertion_records_two() {
    let last = Pulls { protocol: Protocol::UploadBesideInsertion, late: 0, ..IMPLEMENTED }.goes_wrong(ONE_DIGEST);
    assert!(matches!(last, Action::Write(_, Write::Upload(_)) | Action::WriteBeside(_, Write::Upload(_))), "{last:?}");
}

/// Others believe a complete row.
#[test]
fn a_completion_at_the_same_time_as_the_upload_serves_what_is_not_recorded() {
    let last = Pulls { protocol: Protocol::CompleteBesideUpload, ..IMPLEMENTED }.goes_wrong(SERVED_IS_RECORDED);
    assert!(!matches!(last, Action::Write(_, Write::Upload(_))), "{last:?}");
}

/// In a log that nobody can search, only the row shows what was served.
#[test]
fn an_answer_at_the_same_time_as_the_completion_serves_what_nobody_finds_again() {
    let pulls = Pulls { protocol: Protocol::ServeBesideCompletion, versions: ON_TILES_ALONE, ..IMPLEMENTED };
    let last = pulls.goes_wrong(SERVED_IS_STORED);
    assert!(matches!(last, Action::Write(_, Write::Upload(_))), "{last:?}");
}
