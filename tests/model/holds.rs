//! Our protocol holds, and also without the parts that it does not need.

use crate::{IMPLEMENTED, Protocol, Pulls};

#[test]
fn two_functions_and_three_digests() {
    Pulls { digests: 3, late: 2, ..IMPLEMENTED }.assert_holds("two functions, three digests, two late calls");
}

#[test]
fn three_functions() {
    Pulls { functions: 3, late: 2, ..IMPLEMENTED }.assert_holds("three functions, two digests, two late calls");
}

/// Safety rests on the conditions of writes alone. A stale read costs a signature and, at worst, a 503.
#[test]
fn a_stale_read_is_harmless() {
    Pulls { stale_reads: true, late: 2, ..IMPLEMENTED }.assert_holds("stale reads, two functions, two late calls");
}

/// The condition on the lease is not what keeps two digests apart: whoever takes over, once or several times over, has
/// the bytes of the one row that ever was. What it does is to spare uploads and keep a complete row complete.
#[test]
fn taking_over_without_a_condition_is_harmless() {
    let protocol = Protocol::TakeOverWithoutCondition;
    Pulls { protocol, ..IMPLEMENTED }.assert_holds("take-over without condition, two functions, one late call");
    Pulls { protocol, functions: 3, late: 0, ..IMPLEMENTED }
        .assert_holds("take-over without condition, three functions, no late calls");
}
