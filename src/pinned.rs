//! Pinned names: `pinned.alt/` in front of an image's name asks for what was recorded, also once the tag has moved.
//!
//! It is the name of the same tag, with the same record. The prefix is taken off once, before the name is parsed. It is no
//! registry's name: [`Registry`](crate::image::Registry) takes none that ends in `.alt`, which is reserved for names
//! outside DNS (RFC 9476).

use crate::image::{NameError, Tag};

/// The prefix of a pinned name.
pub const PREFIX: &str = "pinned.alt/";

/// The name behind the prefix. `None` if `name` is not pinned.
pub fn behind_prefix(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

/// Parses `[pinned.alt/][registry/]repository:tag`, for those to whom both names of a tag are one.
pub fn parse_tag(name: &str) -> Result<Tag, NameError> {
    behind_prefix(name).unwrap_or(name).parse()
}
