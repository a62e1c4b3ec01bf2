//! Findings on their way to people.

use crate::audit::{Issue, Weight};
use crate::foreign::shown;
use crate::tlog::HistoryConflict;

/// The lines of a signed note that are shown, of 512 bytes at most each.
const MAX_NOTE_LINES: usize = 10;

/// Findings of one urgency that wait with their text: what a person reads in one message.
const MAX_FINDINGS: usize = 20;

/// A finding on its way to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alert {
    pub urgency: Urgency,
    /// A sentence, or several lines.
    pub text: String,
}

/// Findings that wait to be told. Only so many keep their text, so that neither a message nor a run has room for more.
#[derive(Debug, Default)]
pub(super) struct Untold {
    alerts: Vec<Alert>,
    /// Findings that are counted alone: their text is in the function's log.
    pages_left_out: u64,
    notices_left_out: u64,
}

/// The haste with which somebody must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// At once.
    Page,
    /// Some day.
    Notice,
}

impl Alert {
    /// A finding about a tag. `None` if it is worth a line and nothing more.
    pub(super) fn of_tag(tag: &str, issue: &Issue) -> Option<Self> {
        let urgency = match issue.kind.weight() {
            Weight::Note => return None,
            _ if issue.kind.is_urgent() => Urgency::Page,
            Weight::Fault | Weight::Doubt => Urgency::Notice,
        };
        Some(Self { urgency, text: format!("{}: {}: {}", shown(tag), issue.kind.name(), shown(&issue.detail)) })
    }

    /// The log contradicts itself.
    pub(super) fn of_log(conflict: &HistoryConflict) -> Self {
        let (before, now) = conflict.notes();
        let now = now.map(|now| format!("\n\nAnd now:\n\n{}", note(now))).unwrap_or_default();
        let text = format!("the log contradicts itself: {conflict}\n\nWhat it signed before:\n\n{}{now}", note(before));
        Self { urgency: Urgency::Page, text }
    }

    /// The ledger has lost rows, of which none may ever go.
    pub(super) fn of_lost_rows(before: u64, now: u64) -> Self {
        let text = format!("the ledger has {now} tags, and it had {before} when it was audited before");
        Self { urgency: Urgency::Page, text }
    }

    /// There was no state.
    pub(super) fn of_beginning(bucket: &str) -> Self {
        let text = format!(
            "there is no state in the bucket {bucket}: this is the first audit, or the state was taken away. The log's \
             heads are compared with earlier ones from now on"
        );
        Self { urgency: Urgency::Notice, text }
    }
}

impl Untold {
    pub(super) fn add(&mut self, finding: Alert) {
        if self.of(finding.urgency).count() < MAX_FINDINGS {
            self.alerts.push(finding);
        } else {
            self.leave_out(finding.urgency);
        }
    }

    /// Counts a finding alone.
    pub(super) fn leave_out(&mut self, urgency: Urgency) {
        *match urgency {
            Urgency::Page => &mut self.pages_left_out,
            Urgency::Notice => &mut self.notices_left_out,
        } += 1;
    }

    pub(super) fn of(&self, urgency: Urgency) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(move |finding| finding.urgency == urgency)
    }

    pub(super) fn left_out(&self, urgency: Urgency) -> u64 {
        match urgency {
            Urgency::Page => self.pages_left_out,
            Urgency::Notice => self.notices_left_out,
        }
    }
}

/// A signed note, line by line. It has four lines and one for each signature.
fn note(note: &str) -> String {
    note.trim_end().lines().take(MAX_NOTE_LINES).map(shown).collect::<Vec<_>>().join("\n")
}
