//! An image as large as usual ones: an index of two platforms, each a config and ten layers, three of them of 8 MB.

use bytes::Bytes;
use serde_json::json;
use testing::image::{Image, OCI_INDEX, OCI_MANIFEST};
use testing::tar;
use tlogistry::image::Digest;

const LAYERS: usize = 10;
const LARGE_LAYERS: usize = 3;
const LARGE_BYTES: usize = 8_000_000;
const SMALL_BYTES: usize = 20_000;

pub fn index() -> Image {
    let images = ["amd64", "arm64"].map(platform);
    let descriptors = images.iter().zip(["amd64", "arm64"]).map(|(image, architecture)| {
        let (digest, size) = (image.digest(), image.manifest.len());
        let platform = json!({"architecture": architecture, "os": "linux"});
        json!({"mediaType": OCI_MANIFEST, "digest": digest.as_str(), "size": size, "platform": platform})
    });
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors.collect::<Vec<_>>()});
    let manifest = index.to_string().into();
    Image { media_type: OCI_INDEX, manifest, blobs: Vec::new(), images: images.into() }
}

fn platform(architecture: &str) -> Image {
    let layers: Vec<Bytes> = (0..LAYERS).map(|number| layer(architecture, number)).collect();
    let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::sha256(layer).to_string()).collect();
    let config = json!({
        "architecture": architecture, "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = Bytes::from(config.to_string());
    let descriptor = |kind: &str, blob: &Bytes| {
        json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": Digest::sha256(blob).as_str(),
            "size": blob.len()})
    };
    let of_layers: Vec<_> = layers.iter().map(|blob| descriptor("layer.v1.tar", blob)).collect();
    let of_config = descriptor("config.v1+json", &config);
    let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": of_config, "layers": of_layers});
    let blobs = std::iter::once(config).chain(layers).collect();
    Image { media_type: OCI_MANIFEST, manifest: manifest.to_string().into(), blobs, images: Vec::new() }
}

/// A layer of one file that cannot be compressed, and is like no other.
fn layer(architecture: &str, number: usize) -> Bytes {
    let bytes = if number < LARGE_LAYERS { LARGE_BYTES } else { SMALL_BYTES };
    let seed = architecture.bytes().fold(number as u64, |seed, byte| seed * 257 + u64::from(byte));
    let mut random = fastrand::Rng::with_seed(seed);
    let text: String = (0..bytes).map(|_| random.alphanumeric()).collect();
    tar::archive(&[(&format!("file-{number}"), &text)])
}
