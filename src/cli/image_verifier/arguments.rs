//! The arguments that containerd calls a verifier with, written as Go's flags are.
//!
//! Source: docs/image-verification.md of containerd 2.

use std::ffi::OsString;

/// Arguments of containerd's are a name and a digest, of some 400 bytes at most.
const MAX_ARGUMENT_BYTES: usize = 4 << 10;

/// The image that containerd is about to pull.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    /// The reference as its user wrote it.
    pub name: String,
    /// The digest that a registry or a mirror gave for it.
    pub digest: String,
    /// The media type of what stands on standard input.
    pub stdin_media_type: String,
}

/// Returns whether the first argument of a call is one of containerd's.
pub(super) fn is_of_containerd(argument: &OsString) -> bool {
    argument.to_str().and_then(flag).is_some_and(|(name, _)| NAMES.contains(&name))
}

const NAMES: [&str; 3] = ["name", "digest", "stdin-media-type"];

impl Arguments {
    /// Parses `-name REF -digest DIGEST [-stdin-media-type TYPE]`, in any order. The error is a message.
    pub(super) fn parse(arguments: Vec<OsString>) -> Result<Self, String> {
        let mut values = [None, None, None];
        let mut arguments = arguments.into_iter();
        let text = |argument: OsString| {
            let text = argument.into_string().map_err(|_| "an argument is not UTF-8".to_owned())?;
            if text.len() > MAX_ARGUMENT_BYTES { Err("an argument is too long".to_owned()) } else { Ok(text) }
        };
        while let Some(argument) = arguments.next() {
            let argument = text(argument)?;
            let known = flag(&argument).and_then(|(name, value)| Some((NAMES.iter().position(|n| *n == name)?, value)));
            let Some((at, value)) = known else {
                return Err("expected the arguments -name, -digest and -stdin-media-type alone".to_owned());
            };
            let value = match value {
                Some(value) => value.to_owned(),
                None => text(arguments.next().ok_or_else(|| format!("-{} has no value", NAMES[at]))?)?,
            };
            if values[at].replace(value).is_some() {
                return Err(format!("-{} is given twice", NAMES[at]));
            }
        }
        let [name, digest, stdin_media_type] = values;
        Ok(Self {
            name: name.ok_or("-name is missing")?,
            digest: digest.ok_or("-digest is missing")?,
            stdin_media_type: stdin_media_type.unwrap_or_default(),
        })
    }
}

/// The name of a flag, behind one dash or two, and its value if it stands behind `=`.
fn flag(argument: &str) -> Option<(&str, Option<&str>)> {
    let name = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'))?;
    Some(name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, String> {
        Arguments::parse(arguments.iter().map(OsString::from).collect())
    }

    #[test]
    fn containerds_arguments_are_read_in_each_form_of_gos_flags() {
        let expected = Arguments {
            name: "ghcr.io/a/b:v1".to_owned(),
            digest: "sha256:0".to_owned(),
            stdin_media_type: "application/json".to_owned(),
        };
        for arguments in [
            &["-name", "ghcr.io/a/b:v1", "-digest", "sha256:0", "-stdin-media-type", "application/json"][..],
            &["-stdin-media-type", "application/json", "--digest", "sha256:0", "--name", "ghcr.io/a/b:v1"],
            &["-name=ghcr.io/a/b:v1", "--digest=sha256:0", "-stdin-media-type=application/json"],
        ] {
            assert_eq!(parse(arguments).as_ref(), Ok(&expected), "{arguments:?}");
            assert!(is_of_containerd(&arguments[0].into()));
        }
        for argument in ["name", "verify", "-V", "--version", "---name", "-names", "--", "-", ""] {
            assert!(!is_of_containerd(&argument.into()), "{argument}");
        }
    }

    #[test]
    fn what_is_missing_twice_or_unknown_is_an_error() {
        for (arguments, message) in [
            (&[][..], "-name is missing"),
            (&["-name", "a"], "-digest is missing"),
            (&["-name"], "-name has no value"),
            (&["-name", "a", "-name", "b"], "-name is given twice"),
            (&["-name", "a", "b"], "expected the arguments -name, -digest and -stdin-media-type alone"),
            (
                &["-name", "a", "-digest", "b", "-x"],
                "expected the arguments -name, -digest and -stdin-media-type alone",
            ),
        ] {
            assert_eq!(parse(arguments), Err(message.to_owned()), "{arguments:?}");
        }
        assert!(parse(&["-name", &"a".repeat(MAX_ARGUMENT_BYTES + 1)]).is_err());
    }
}
