//! A sighting as an attestation of the image itself: a manifest that refers to the image's, and a bundle as its one
//! layer, shaped as cosign writes them (`WriteReferrer` in `pkg/oci/remote/write.go` of sigstore/cosign v3), so that
//! `cosign verify-attestation` finds it by the referrers API.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::bundle::{BUNDLE_TYPE, Bundle};
use super::wire::{Annotations, Config, Descriptor, Layer, Manifest};
use crate::image::Digest;
use crate::oci::{OCI_EMPTY, OCI_MANIFEST};
use crate::sighting::{PREDICATE_TYPE, Sighting, SightingTime};

/// The config of a manifest without one (image-spec, "Guidance for an Empty Descriptor").
pub(crate) const EMPTY_CONFIG: &[u8] = b"{}";

/// The attested manifest's descriptor without its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub media_type: Cow<'static, str>,
    /// Bytes.
    pub size: u64,
}

/// The two parts, always the same bytes for the same sighting of the same manifest.
#[derive(Debug, Clone)]
pub(crate) struct Attestation {
    /// The manifest that is attested.
    pub subject: Digest,
    pub manifest: Bytes,
    pub manifest_digest: Digest,
    pub bundle: Bytes,
    pub bundle_digest: Digest,
    annotations: Annotations,
}

impl Attestation {
    /// The media type of the manifest.
    pub(crate) const MEDIA_TYPE: &'static str = OCI_MANIFEST;

    pub(crate) fn new(sighting: &Sighting, subject: &Subject) -> Self {
        let bundle = Bytes::from(Bundle::new(sighting).to_json());
        let bundle_digest = Digest::sha256(&bundle);
        let annotations = Annotations {
            content: "dsse-envelope",
            predicate_type: PREDICATE_TYPE,
            created: sighting.time().map(SightingTime::rfc3339),
        };
        let manifest = Manifest {
            schema_version: 2,
            media_type: OCI_MANIFEST,
            config: Config {
                media_type: OCI_EMPTY,
                size: EMPTY_CONFIG.len(),
                digest: Digest::sha256(EMPTY_CONFIG).to_string(),
                data: "e30=",
                artifact_type: BUNDLE_TYPE,
            },
            layers: [Layer {
                descriptor: Descriptor {
                    media_type: BUNDLE_TYPE,
                    size: bundle.len() as u64,
                    digest: bundle_digest.as_str(),
                },
                data: BASE64_STANDARD.encode(&bundle),
            }],
            subject: Descriptor {
                media_type: &subject.media_type,
                size: subject.size,
                digest: sighting.digest().as_str(),
            },
            annotations: &annotations,
            artifact_type: BUNDLE_TYPE,
        };
        let manifest = serde_json::to_vec(&manifest).expect("structs of strings and numbers always serialise");
        let manifest = Bytes::from(manifest);
        let (subject, manifest_digest) = (sighting.digest().clone(), Digest::sha256(&manifest));
        Self { subject, manifest, manifest_digest, bundle, bundle_digest, annotations }
    }

    /// The descriptor in a list of referrers (distribution spec, "Listing Referrers").
    pub(crate) fn descriptor(&self) -> Value {
        json!({
            "mediaType": OCI_MANIFEST,
            "size": self.manifest.len(),
            "digest": self.manifest_digest.as_str(),
            "artifactType": BUNDLE_TYPE,
            "annotations": self.annotations,
        })
    }
}
