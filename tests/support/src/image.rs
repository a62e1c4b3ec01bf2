//! Images, to the byte.

use bytes::Bytes;
use serde_json::{Value, json};
use tlogistry::image::Digest;

use super::tar;

pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

const OCI_TYPES: [&str; 3] =
    [OCI_MANIFEST, "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar"];

/// A manifest and everything below it.
#[derive(Debug, Clone)]
pub struct Image {
    pub media_type: &'static str,
    pub manifest: Bytes,
    /// The config and the layers. Only those of [`Image::files`] can be unpacked; the others hold any bytes.
    pub blobs: Vec<Bytes>,
    /// The images of an index.
    pub images: Vec<Image>,
}

impl Image {
    /// An OCI image of two layers that hold `text`.
    pub fn oci(text: &str) -> Self {
        Self::new(OCI_TYPES, "amd64", any_layers(text))
    }

    /// The same in Docker's format (schema 2).
    pub fn docker(text: &str) -> Self {
        let types = [
            DOCKER_MANIFEST,
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar",
        ];
        Self::new(types, "amd64", any_layers(text))
    }

    fn new([media_type, config_type, layer_type]: [&'static str; 3], architecture: &str, layers: Vec<Bytes>) -> Self {
        let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::sha256(layer).to_string()).collect();
        let rootfs = json!({"type": "layers", "diff_ids": diff_ids});
        let config = json!({"architecture": architecture, "os": "linux", "config": {}, "rootfs": rootfs});
        let config = Bytes::from(config.to_string());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": descriptor(config_type, &config),
            "layers": layers.iter().map(|layer| descriptor(layer_type, layer)).collect::<Vec<_>>(),
        });
        let blobs = std::iter::once(config).chain(layers).collect();
        Self { media_type, manifest: manifest.to_string().into(), blobs, images: Vec::new() }
    }

    /// An OCI index of one image for each of two architectures.
    pub fn index(text: &str) -> Self {
        Self::of_architectures(text, any_layers)
    }

    /// The same with three layers of files. Unpacked, they are [`Image::UNPACKED`], with `text` in it, and nothing else.
    pub fn files(text: &str) -> Self {
        Self::of_architectures(text, |text| {
            let below = tar::archive(&[("app/", ""), (Self::UNPACKED, "below"), ("app/removed", "")]);
            let above = tar::archive(&[("app/", ""), (Self::UNPACKED, text)]);
            vec![below, above, tar::archive(&[("app/", ""), ("app/.wh.removed", "")])]
        })
    }

    pub const UNPACKED: &str = "app/text";

    fn of_architectures(text: &str, layers: impl Fn(&str) -> Vec<Bytes>) -> Self {
        let images = ["amd64", "arm64"].map(|architecture| {
            let image = Self::new(OCI_TYPES, architecture, layers(&format!("{text} for {architecture}")));
            let mut descriptor = descriptor(OCI_MANIFEST, &image.manifest);
            descriptor["platform"] = json!({"architecture": architecture, "os": "linux"});
            (image, descriptor)
        });
        let manifests: Vec<&Value> = images.iter().map(|(_, descriptor)| descriptor).collect();
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
        let manifest = index.to_string().into();
        let images = images.into_iter().map(|(image, _)| image).collect();
        Self { media_type: OCI_INDEX, manifest, blobs: Vec::new(), images }
    }

    /// The same image with its manifest written otherwise: white space before, within and after it, characters outside
    /// ASCII both as they are and escaped, a key twice. Whoever parses and writes it again changes it.
    pub fn written_oddly(mut self) -> Self {
        let text = std::str::from_utf8(&self.manifest).unwrap();
        let inner = text.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
        let odd = "\"annotations\" :\t{ \"a\":\"é 漢 🦀 \\u00e9 \\/ \u{feff}\u{2028}\", \"a\" : \"again\"}";
        self.manifest = format!("\n\t {{\r\n  {odd} ,\n{inner}\r\n}} \n\n").into();
        self
    }

    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.manifest)
    }
}

fn any_layers(text: &str) -> Vec<Bytes> {
    ["below", "above"].map(|name| Bytes::from(format!("{name}: {text}"))).into()
}

pub(super) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::sha256(bytes).as_str(), "size": bytes.len()})
}
