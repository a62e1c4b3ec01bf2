//! A sighting's standing with the witnesses that the user's policy demands.

use super::CheckResult;
use crate::log_search::LogSearch;
use crate::sighting::Sighting;
use crate::tlog::{Faults, Policy, PolicyFault};

/// The sighting, if the checkpoint that it comes with counts by the policy. The errors here are messages for the user.
pub(super) fn cosigned(sighting: Sighting, policy: &Policy) -> Result<Sighting, String> {
    match policy.check_entry(sighting.entry()) {
        Ok(cosigned) => Ok(sighting.with_cosigned(cosigned)),
        Err(fault) => Err(format!("--policy: the sighting does not count: {fault}")),
    }
}

/// The same. Where the checkpoint that it comes with falls short, the log is asked for its current one: witnesses may
/// have failed when the entry was recorded, and what was published then never gets their cosignatures.
pub(super) async fn cosigned_by_now(
    sighting: Sighting,
    policy: &Policy,
    search: &LogSearch,
) -> Result<Sighting, String> {
    match policy.check_entry(sighting.entry()) {
        Err(PolicyFault::Quorum(_)) => {}
        _ => return cosigned(sighting, policy),
    }
    let entry = sighting.entry();
    // A Rekor v2 is not among the earlier logs.
    let again = search.log.written().ask(async |log, deadline| log.again(entry, deadline).await).await;
    let again = again.map_err(|error| format!("--policy: no proof under a later checkpoint: {error}"))?;
    let again = again.ok_or("--policy: the log does not show the entry under its current checkpoint")?;
    let again = again.verify(&search.log_keys).map_err(|faults| {
        format!("--policy: the log's proof under its current checkpoint does not hold: {}", Faults(&faults))
    })?;
    let later = sighting.statement().recorded_by(again);
    let later = later.ok_or("--policy: the log's entry under its current checkpoint is another")?;
    cosigned(later.with_stamp(sighting.stamped().cloned()), policy)
}

/// Demands of a tag that holds that the checkpoint of its first entry counts by the policy, wherever the entry comes
/// from.
pub(super) fn demand(result: CheckResult, policy: Option<&Policy>) -> CheckResult {
    match (result, policy) {
        (CheckResult::Holds(sighting), Some(policy)) => match cosigned(*sighting, policy) {
            Ok(sighting) => CheckResult::Holds(Box::new(sighting)),
            Err(why) => CheckResult::Unchecked(why),
        },
        (result, _) => result,
    }
}
