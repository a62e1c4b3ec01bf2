//! The messages that tell people of findings.

use super::alert::{Untold, Urgency};

/// A message for one topic. SNS takes 256 KiB: this has a fifth of that at most.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Notification {
    /// ASCII, of fewer than 100 characters, as SNS demands.
    pub subject: String,
    pub text: String,
}

/// The circumstances of findings.
pub(super) struct Scene<'a> {
    pub function: &'a str,
    /// The list or table.
    pub source: &'a str,
    pub log: &'a str,
}

impl Scene<'_> {
    /// The message about those findings that are of this urgency, if there are any.
    pub(super) fn message(&self, untold: &Untold, urgency: Urgency) -> Option<Notification> {
        let texts: Vec<String> = untold.of(urgency).map(|finding| format!("- {}\n", finding.text)).collect();
        let more = untold.left_out(urgency);
        let number = texts.len() as u64 + more;
        if number == 0 {
            return None;
        }
        let more = if more == 0 { String::new() } else { format!("- and {more} more\n") };
        let (verb, noun) = match urgency {
            Urgency::Page => ("found", if number == 1 { "fault" } else { "faults" }),
            Urgency::Notice => ("noticed", if number == 1 { "thing" } else { "things" }),
        };
        let Self { function, source, log } = self;
        Some(Notification {
            subject: format!("{function}: the audit {verb} {number} {noun}"),
            text: format!(
                "The audit of {source} against the log {log} {verb}:\n\n{}{more}\n\
                 What each means, and what to do: docs/runbook.md, 'Audit'.\n\
                 Each is a line in the log of the function {function}. It is told once, and again only if an audit did not \
                 find it in between.\n",
                texts.concat()
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::alert::Alert;
    use super::*;

    const SCENE: Scene<'_> = Scene { function: "auditor", source: "the ledger t", log: "https://log.test/" };

    fn untold(findings: impl IntoIterator<Item = (Urgency, String)>) -> Untold {
        let mut untold = Untold::default();
        findings.into_iter().for_each(|(urgency, text)| untold.add(Alert { urgency, text }));
        untold
    }

    #[test]
    fn a_message_holds_the_findings_of_one_urgency() {
        let page = (Urgency::Page, "a:1: contradicted: two digests".to_owned());
        let both = untold([page.clone(), (Urgency::Notice, "a:2: missing: nothing".to_owned())]);
        let message = SCENE.message(&both, Urgency::Page).unwrap();
        assert_eq!(message.subject, "auditor: the audit found 1 fault");
        let head = "The audit of the ledger t against the log https://log.test/ found:\n\n\
                    - a:1: contradicted: two digests\n\n";
        assert!(message.text.starts_with(head), "{}", message.text);
        assert_eq!(SCENE.message(&both, Urgency::Notice).unwrap().subject, "auditor: the audit noticed 1 thing");
        assert_eq!(SCENE.message(&untold([page]), Urgency::Notice), None);
    }

    #[test]
    fn a_message_has_a_bound_and_says_what_it_leaves_out() {
        let finding = |urgency| (urgency, "x".repeat(2000));
        let many = untold((0..50).flat_map(|_| [finding(Urgency::Page), finding(Urgency::Notice)]));
        let message = SCENE.message(&many, Urgency::Page).unwrap();
        assert_eq!(message.subject, "auditor: the audit found 50 faults");
        assert!(message.text.contains("\n- and 30 more\n") && message.text.len() < 50_000, "{}", message.text.len());

        let mut beyond = Untold::default();
        beyond.leave_out(Urgency::Page);
        let longest = "f".repeat(64);
        let message = Scene { function: &longest, ..SCENE }.message(&beyond, Urgency::Page).unwrap();
        assert!(message.subject.len() < 100 && message.text.contains("\n\n- and 1 more\n"), "{message:?}");
        assert_eq!(SCENE.message(&beyond, Urgency::Notice), None);
    }
}
