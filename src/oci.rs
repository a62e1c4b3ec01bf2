//! Words of the OCI specs, each written once: media types, headers, error codes.

use http::HeaderName;
use serde::Deserialize;

pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Errors and tag lists.
pub const JSON: &str = "application/json";

/// Manifests that stand for several images.
pub const INDEX_TYPES: [&str; 2] = [OCI_INDEX, DOCKER_LIST];
/// Manifests of one image.
pub const IMAGE_TYPES: [&str; 2] = [OCI_MANIFEST, DOCKER_MANIFEST];
/// All manifests that are served.
pub const MANIFEST_TYPES: [&str; 4] = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST];

pub const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
pub const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// The code of a repository that a registry does not have.
pub const NAME_UNKNOWN: &str = "NAME_UNKNOWN";
/// The code of a tag that was never seen.
pub const TAG_UNKNOWN: &str = "TAG_UNKNOWN";

/// Whether the body of an error has this code (distribution spec, "Error Codes").
pub fn has_code(body: &[u8], code: &str) -> bool {
    #[derive(Deserialize)]
    struct ErrorBody {
        errors: Vec<ErrorItem>,
    }
    #[derive(Deserialize)]
    struct ErrorItem {
        code: String,
    }
    serde_json::from_slice::<ErrorBody>(body).is_ok_and(|body| body.errors.iter().any(|error| error.code == code))
}
