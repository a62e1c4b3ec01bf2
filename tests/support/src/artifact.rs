//! Content of registries besides images.

use bytes::Bytes;
use serde_json::{Value, json};
use tlogistry::image::Digest;

use super::image::{Image, OCI_MANIFEST, descriptor};

pub const SBOM: &str = "application/spdx+json";

/// An OCI artifact, as oras pushes files: a configuration that is empty, and the files' names in annotations.
pub fn sbom(text: &str) -> Image {
    let empty = Bytes::from_static(b"{}");
    let config = descriptor("application/vnd.oci.empty.v1+json", &empty);
    let layer = annotated(SBOM, text, "org.opencontainers.image.title", "sbom.json");
    artifact(json!({"artifactType": SBOM}), (config, empty), (layer, text))
}

/// A chart, as `helm push` makes it. Nobody here reads the archive.
pub fn helm_chart(archive: &str) -> Image {
    let about = Bytes::from_static(br#"{"name":"app","version":"1.0.0","apiVersion":"v2"}"#);
    let config = descriptor("application/vnd.cncf.helm.config.v1+json", &about);
    let layer = descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", archive.as_bytes());
    artifact(json!({}), (config, about), (layer, archive))
}

/// A signature as cosign pushes it to the tag [`signature_tag`]. Nobody here checks it.
pub fn signature(of: &Digest, by: &str) -> Image {
    let about =
        Bytes::from_static(br#"{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#);
    let config = descriptor("application/vnd.oci.image.config.v1+json", &about);
    let payload = json!({"critical": {"image": {"docker-manifest-digest": of.as_str()}}, "optional": {"by": by}});
    let payload = payload.to_string();
    let media_type = "application/vnd.dev.cosign.simplesigning.v1+json";
    let layer = annotated(media_type, &payload, "dev.cosignproject.cosign/signature", "MEUCIQ==");
    artifact(json!({}), (config, about), (layer, &payload))
}

pub fn signature_tag(of: &Digest) -> String {
    format!("sha256-{}.sig", of.hex())
}

fn annotated(media_type: &str, text: &str, name: &str, value: &str) -> Value {
    let mut layer = descriptor(media_type, text.as_bytes());
    layer["annotations"] = json!({name: value});
    layer
}

fn artifact(mut manifest: Value, (config, about): (Value, Bytes), (layer, text): (Value, &str)) -> Image {
    manifest["schemaVersion"] = json!(2);
    manifest["mediaType"] = json!(OCI_MANIFEST);
    manifest["config"] = config;
    manifest["layers"] = json!([layer]);
    let blobs = vec![about, Bytes::copy_from_slice(text.as_bytes())];
    Image { media_type: OCI_MANIFEST, manifest: manifest.to_string().into(), blobs, images: Vec::new() }
}
