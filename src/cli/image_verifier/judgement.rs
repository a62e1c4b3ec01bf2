//! The judgement whether an image may be pulled by its name.

use std::fmt;
use std::process::ExitCode;

use super::evidence::{Evidence, look_up, record};
use super::keys::Keys;
use super::name::{ImageName, NamedHost};
use super::settings::{AskedInstance, Settings, Unseen, WhenUnavailable};
use crate::deadline::Deadline;
use crate::image::{Algorithm, Digest, Repository, Tag};
use crate::pinned::PREFIX;
use crate::sighting::{Sighting, SightingTime};

/// The answer to containerd. Each carries the reason.
#[derive(Debug)]
pub(super) enum Judgement {
    /// The image may be pulled.
    Allowed(String),
    /// The tag was recorded with another digest, or nobody has seen it and that is denied.
    Refused(String),
    /// The check could not be made, so the image may not be pulled.
    Unchecked(String),
}

impl Judgement {
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Allowed(_) => ExitCode::SUCCESS,
            Self::Refused(_) => ExitCode::from(1),
            Self::Unchecked(_) => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(reason) | Self::Refused(reason) => f.write_str(reason),
            Self::Unchecked(reason) => write!(f, "the image could not be checked and is refused: {reason}"),
        }
    }
}

/// Judges the image `name` with this digest.
pub(super) async fn of(settings: &Settings, name: &str, digest: &str, deadline: Deadline) -> Judgement {
    match by_name(settings, name, digest) {
        Ok(Asked::Tag(tag, digest)) => by_tag(settings, &tag, &digest, deadline).await,
        Ok(Asked::Nothing(reason)) => Judgement::Allowed(reason),
        Err(reason) => Judgement::Unchecked(reason),
    }
}

/// The question that a name leads to.
enum Asked {
    Tag(Tag, Digest),
    /// It may be pulled, for this reason.
    Nothing(String),
}

fn by_name(settings: &Settings, name: &str, digest: &str) -> Result<Asked, String> {
    let parts = ImageName::parse(name, settings.instance.as_ref().map(|instance| &instance.host))?;
    if let Some(reason) = settings.scope.leaves_out(&parts) {
        return Ok(Asked::Nothing(format!("{name} is not checked: {reason}")));
    }
    let digest: Digest = digest.parse().map_err(|error| format!("-digest: {error}"))?;
    if let Some(named) = &parts.digest {
        // containerd takes the digest of a name for the image's own.
        return if named == digest.as_str() {
            Ok(Asked::Nothing(format!("{name} is pulled by its digest, which nobody can move")))
        } else {
            Err(format!("-digest is {digest}, and the name has another"))
        };
    }
    let tag = tag(&parts).map_err(|error| format!("'{name}': {error}"))?;
    if tag.is_referrers_tag() {
        return Ok(Asked::Nothing(format!(
            "{tag} stands for a digest and is rewritten by protocol, so it is not recorded"
        )));
    }
    if digest.algorithm() != Algorithm::Sha256 {
        return Err(format!("{tag} was resolved to {digest}, and sightings are of sha256 digests alone"));
    }
    Ok(Asked::Tag(tag, digest))
}

fn tag(name: &ImageName) -> Result<Tag, String> {
    let registry = match &name.host {
        NamedHost::Registry(registry) => registry.clone(),
        NamedHost::Other(host) => {
            return Err(format!("{host} is no host of a public registry; name it in 'except' if it is yours"));
        }
    };
    let tag = name.tag.as_ref().ok_or("it has neither tag nor digest")?;
    let repository = Repository::new(registry, &name.path).map_err(|error| error.to_string())?;
    Tag::new(repository, tag).map_err(|error| error.to_string())
}

async fn by_tag(settings: &Settings, tag: &Tag, digest: &Digest, deadline: Deadline) -> Judgement {
    let mut evidence = look_up(settings, tag, deadline).await;
    let mut of_an_unseen_tag = false;
    if let (Evidence::Unseen, Unseen::Record, Some(instance)) = (&evidence, settings.unseen, &settings.instance) {
        evidence = record(instance, tag, &Keys::of(settings), deadline).await;
        of_an_unseen_tag = true;
    }
    match evidence {
        Evidence::Sighting(sighting) => compare(settings.instance.as_ref(), &sighting, digest),
        Evidence::Unseen => match settings.unseen {
            Unseen::Allow => {
                Judgement::Allowed(format!("{tag} was never seen, and 'unseen' allows that: it is not checked"))
            }
            Unseen::Deny => Judgement::Refused(format!("{tag} was never seen, and 'unseen' denies that")),
            Unseen::Record => Judgement::Unchecked(format!("the instance has served {tag}, and has no record of it")),
        },
        Evidence::Unavailable(reason) => match settings.unavailable {
            WhenUnavailable::Allow => {
                Judgement::Allowed(format!("{tag} could not be checked, and 'unavailable' allows that: {reason}"))
            }
            WhenUnavailable::Deny => Judgement::Unchecked(format!("{tag}: {reason}")),
        },
        Evidence::Unusable(reason) if of_an_unseen_tag => Judgement::Unchecked(format!(
            "{tag} was never seen, and cannot be recorded: {reason}; an image that is not public can be named in 'except'"
        )),
        Evidence::Unusable(reason) => Judgement::Unchecked(format!("{tag}: {reason}")),
    }
}

fn compare(instance: Option<&AskedInstance>, sighting: &Sighting, digest: &Digest) -> Judgement {
    let (tag, recorded, entry) = (sighting.tag(), sighting.digest(), sighting.entry());
    let (time, index) = (SightingTime::clause(sighting.time()), entry.log_index());
    if recorded == digest {
        return Judgement::Allowed(format!("{tag} is what it was recorded as{time} (Rekor log index {index})"));
    }
    let host = instance.map(|instance| match &instance.host {
        NamedHost::Registry(registry) => registry.as_str(),
        NamedHost::Other(host) => host,
    });
    let pinned = host.map(|host| format!(" or {host}/{PREFIX}{tag}")).unwrap_or_default();
    Judgement::Refused(format!(
        "the tag {tag} has moved and is refused: it was recorded as {recorded}{time} (Rekor log index {index}), but \
         this pull found {digest}; if you trust what was recorded, pull {}@{recorded}{pinned}",
        tag.repository()
    ))
}
