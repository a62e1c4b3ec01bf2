//! `resolve`: the digest that a tag was recorded with, for scripts.

use std::process::ExitCode;

use clap::Args;

use super::CommandResult;
use super::terminal::{print_error, print_line, sanitized};
use super::verify::{CheckArgs, CheckResult, Checked, RegistryAnswer};
use crate::image::{NameError, Tag};
use crate::pinned::parse_tag;
use crate::sighting::SightingTime;

/// Print the digest that a tag was recorded with, as name@digest, after the checks of 'verify'
///
/// Prints one line and nothing else if all checks hold, and nothing on standard output otherwise: for scripts and lock
/// files. The name is the whole one, e.g. index.docker.io/library/alpine@sha256:…
///
/// With --pinned, the registry is not asked what the tag is now, so a tag that has moved is resolved too, to what was
/// recorded.
///
/// Exit code: 0 if the digest was printed; 1 if the tag has moved or is younger than --min-age, or your keys contradict
/// themselves or signed something else than sightings; 2 if that could not be checked. 'verify' shows more.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Resolve {
    /// The image, e.g. alpine:3.16.0 or ghcr.io/org/app:v1. Without a tag, latest is meant
    #[arg(value_name = "IMAGE[:TAG]", value_parser = parse)]
    tag: Tag,
    #[command(flatten)]
    check: CheckArgs,
    /// Print what was recorded, without asking what the registry serves now
    #[arg(long)]
    pinned: bool,
}

impl Resolve {
    pub(super) async fn run(self) -> CommandResult {
        let tag = &self.tag;
        let Checked { result, registry, .. } = self.check.run(tag, !self.pinned).await?;
        let current = match &registry {
            RegistryAnswer::Serves(digest) => format!("{} serves {digest}", tag.repository().registry()),
            RegistryAnswer::NotAsked | RegistryAnswer::Failed(_) => "the registry serves another digest".to_owned(),
        };
        print_error(match &result {
            CheckResult::Holds(sighting) => {
                print_line(format_args!("{}@{}", tag.repository(), sighting.digest()));
                return Ok(ExitCode::SUCCESS);
            }
            CheckResult::TooYoung(young) => format!("{tag} is too young: {young}"),
            CheckResult::Moved(Some(sighting)) => {
                let (digest, entry) = (sighting.digest(), sighting.entry());
                format!(
                    "{tag} has moved: it was recorded as {digest}{} (log index {}), and {current}; --pinned prints \
                     what was recorded",
                    SightingTime::clause(sighting.time()),
                    entry.log_index()
                )
            }
            CheckResult::Moved(None) => format!("{tag} has moved: the log has lost what was recorded, and {current}"),
            CheckResult::Contradicted(contradicted) => {
                let [(digest, index), (other, other_index)] = &contradicted.digests;
                format!(
                    "{tag} is contradicted: your keys signed {digest}, log index {index}, and {other}, log index \
                     {other_index}"
                )
            }
            CheckResult::Misused { entry, misuse, .. } => {
                format!("{tag} has an entry that no instance makes: {misuse}; log index {}", entry.log_index())
            }
            CheckResult::Unchecked(reason) => format!("{tag} could not be checked: {}", sanitized(reason)),
        });
        Ok(result.exit_code())
    }
}

/// Parses an image, with `latest` where no tag is named.
fn parse(image: &str) -> Result<Tag, NameError> {
    match parse_tag(image) {
        Err(NameError::NoTag(_)) => parse_tag(&format!("{image}:latest")),
        tag => tag,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_image_without_a_tag_means_latest() {
        for (image, tag) in [
            ("alpine", "index.docker.io/library/alpine:latest"),
            ("alpine:3.16.0", "index.docker.io/library/alpine:3.16.0"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("ghcr.io/org/app", "ghcr.io/org/app:latest"),
            ("pinned.alt/alpine", "index.docker.io/library/alpine:latest"),
        ] {
            assert_eq!(parse(image).unwrap().canonical(), tag);
        }
        for image in ["", ":v1", "alpine:", "Alpine", "alpine@sha256:0", "https://ghcr.io/a", "ghcr.io/a:b:c"] {
            assert!(parse(image).is_err(), "{image}");
        }
    }
}
