//! The ways in which a registry's answer can break the protocol or contradict itself.

use crate::foreign::shown;
use crate::image::Digest;

/// A fault of a registry. The text follows the registry's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misbehaviour {
    #[error("sent more than the {limit} bytes that are allowed here")]
    TooLarge { limit: usize },

    // Redirects.
    #[error("redirects to nowhere")]
    RedirectToNowhere,
    #[error("redirects more than {limit} times")]
    TooManyRedirects { limit: usize },
    #[error("redirects a blob to nowhere")]
    BlobToNowhere,
    #[error("redirects a blob to a URL that is not https")]
    BlobNotHttps,
    /// Too long for a header, not fit to stand in one, or read as different hosts by different clients.
    #[error("redirects a blob to a URL that cannot be passed on")]
    BlobUrlUnusable,

    // Tokens.
    #[error("sent a challenge of more than {limit} bytes")]
    ChallengeTooLong { limit: usize },
    #[error("answered no usable token")]
    TokenUnusable,
    #[error("answered a token of more than {limit} bytes")]
    TokenTooLong { limit: usize },

    // Manifests.
    #[error("sent an empty manifest")]
    ManifestEmpty,
    #[error("sent a manifest encoded as '{}'", shown(.0))]
    ManifestEncoded(String),
    #[error("sent a manifest that is not a whole JSON object")]
    ManifestNotJson,
    #[error("answered a manifest with digest {sent} for {asked}")]
    ManifestOfOtherDigest { asked: Digest, sent: Digest },
    /// The `Docker-Content-Digest` header and the bytes differ.
    #[error("announced {} and sent a manifest with digest {sent}", shown(.announced))]
    DigestHeaderWrong { announced: String, sent: Digest },
    #[error("sent a manifest without its type")]
    ManifestUntyped,
    #[error("answered with type '{}', which no manifest served here has", shown(.0))]
    ManifestTypeUnknown(String),
    /// The document's own `mediaType` is of the other kind, index or image.
    #[error("sent a manifest as {sent_as} that says it is {own}")]
    ManifestSaysOtherKind { sent_as: &'static str, own: String },
    /// The document has a field of the other kind, index or image.
    #[error("sent a manifest as {sent_as} that has '{field}'")]
    ManifestHasFieldOfOtherKind { sent_as: &'static str, field: String },
    /// Half of a surrogate pair, for example.
    #[error("sent a manifest with a field whose name is not text")]
    ManifestFieldNotText,

    // Lists.
    #[error("sent a list that is not a whole JSON object")]
    ListNotJson,
    #[error("sent a Link header that cannot be read")]
    LinkUnreadable,
    #[error("says that a list goes on, and not from where")]
    LinkWithoutQuery,
    #[error("sent a link of more than {limit} bytes")]
    LinkTooLong { limit: usize },
    #[error("sent a list of referrers that is not an OCI index")]
    ReferrersNotIndex,
}
