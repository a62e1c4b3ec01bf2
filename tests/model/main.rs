//! A model of the protocol by which a tag is recorded, looked at exhaustively: every order of the calls of several
//! functions, while the tag moves, functions crash, calls and answers are lost, the log's index loses entries, and leases
//! end early.
//!
//! Properties: never two digests recorded; never a digest served other than the recorded one; and from every state, if
//! nothing more fails, one pull gets its verdict. A protocol with a step left out is found out by the same model.
//!
//! Left out, because nothing depends on it: names and signatures' bytes, verification (what does not verify is an error,
//! as a lost answer is), the second upload that makes an entry findable (it holds the same digest), and time: a wait is
//! another look at the row.

mod protocol;
mod state;

use std::time::Instant;

use protocol::{Checked, Protocol};
use state::Budget;
use stateright::{Checker as _, HasDiscoveries, Model as _};

const BUDGET: Budget = Budget { moves: 2, crashes: 2, losses: 2, lease_ends: 3 };

const SMALL_BUDGET: Budget = Budget { moves: 1, crashes: 1, losses: 1, lease_ends: 2 };

#[test]
fn two_functions_record_one_digest_whatever_fails() {
    check(Checked { protocol: Protocol::AsBuilt, functions: 2, budget: BUDGET });
}

#[test]
fn three_functions_record_one_digest_whatever_fails() {
    check(Checked { protocol: Protocol::AsBuilt, functions: 3, budget: SMALL_BUDGET });
}

/// A lease that is taken over while it is held, or by two, does no harm: all upload the same bytes.
#[test]
fn the_condition_on_the_lease_saves_work_and_nothing_else() {
    check(Checked { protocol: Protocol::UnconditionalTakeOver, functions: 2, budget: SMALL_BUDGET });
}

#[test]
fn a_lease_that_does_not_keep_the_digest_is_found_out() {
    find_out(Protocol::LeaseWithoutDigest, "one digest is recorded");
}

#[test]
fn an_unconditional_put_is_found_out() {
    find_out(Protocol::UnconditionalPut, "one digest is recorded");
}

/// What the documentation says of an instance without `LEDGER_TABLE`.
#[test]
fn functions_that_share_no_ledger_are_found_out() {
    find_out(Protocol::NoSharedLedger, "one digest is recorded");
}

#[test]
fn serving_before_recording_is_found_out() {
    find_out(Protocol::ServeBeforeRecording, "only the recorded digest is served");
}

fn check(model: Checked) {
    let (protocol, functions, began) = (model.protocol, model.functions, Instant::now());
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!(
        "{protocol:?}, {functions} functions: {} states, {} steps deep, in {:.1?}",
        checker.unique_state_count(),
        checker.max_depth(),
        began.elapsed()
    );
    checker.assert_properties();
}

fn find_out(protocol: Protocol, property: &'static str) {
    let model = Checked { protocol, functions: 2, budget: BUDGET };
    let found = HasDiscoveries::AnyOf([property].into());
    // One thread, so that what is found first is the shortest way there.
    let checker = model.checker().finish_when(found).spawn_bfs().join();
    let path = checker.discovery(property).unwrap_or_else(|| panic!("{protocol:?} was not found out"));
    let actions: Vec<String> = path.into_actions().iter().map(|action| format!("{action:?}")).collect();
    println!("{protocol:?}: it no longer holds that {property}, after {}", actions.join(", "));
}
