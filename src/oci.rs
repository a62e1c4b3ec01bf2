//! Words of the OCI specs, each written once: media types, headers, error codes.

use http::HeaderName;
use serde::Deserialize;

pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub(crate) const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Errors and tag lists.
pub(crate) const JSON: &str = "application/json";

/// Manifests that stand for several images.
pub(crate) const INDEX_TYPES: [&str; 2] = [OCI_INDEX, DOCKER_LIST];
/// Manifests of one image.
pub(crate) const IMAGE_TYPES: [&str; 2] = [OCI_MANIFEST, DOCKER_MANIFEST];
/// All manifests that are served.
pub(crate) const MANIFEST_TYPES: [&str; 4] = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST];

pub(crate) const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
pub(crate) const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// The code of a repository that a registry does not have.
pub(crate) const NAME_UNKNOWN: &str = "NAME_UNKNOWN";
/// The code of a tag that was never seen.
pub(crate) const TAG_UNKNOWN: &str = "TAG_UNKNOWN";

/// Returns whether the body of an error has this code (distribution spec, "Error Codes").
pub(crate) fn has_code(body: &[u8], code: &str) -> bool {
    errors(body).iter().any(|error| error.code == code)
}

/// The first message in the body of an error.
pub(crate) fn message(body: &[u8]) -> Option<String> {
    errors(body).into_iter().find_map(|error| error.message)
}

#[derive(Deserialize)]
struct ErrorItem {
    code: String,
    message: Option<String>,
}

/// The errors in a body; none if it is something else.
fn errors(body: &[u8]) -> Vec<ErrorItem> {
    #[derive(Deserialize)]
    struct ErrorBody {
        errors: Vec<ErrorItem>,
    }
    serde_json::from_slice::<ErrorBody>(body).map(|body| body.errors).unwrap_or_default()
}
