//! A registry that was set up in some way, and an instance in front of it.

use std::path::Path;

use testing::client::get;
use testing::docker_registry::{DockerRegistry, Setup, Storage};
use testing::image::Image;
use testing::instance::Instance;
use testing::skopeo::{self, Destination};
use testing::stage::{REGISTRY, REPOSITORY};
use testing::story::assert_pulls;
use tlogistry::image::Digest;

use crate::VERSION;

pub struct Scene {
    pub registry: DockerRegistry,
    pub instance: Instance,
    /// Its tag.
    pub image: Image,
}

impl Scene {
    pub async fn set(storage: Storage, tokens: bool) -> Self {
        Self::with(storage, tokens, None, &[]).await
    }

    /// With certificates, and with these environment variables of the instance besides.
    pub async fn with(storage: Storage, tokens: bool, certificates: Option<&Path>, more: &[(&str, &str)]) -> Self {
        let registry = DockerRegistry::with(Setup { version: VERSION, storage, tokens, certificates });
        let image = Image::index("what was pushed first");
        registry.push(REPOSITORY, "v1", &image).await;
        let scheme = if certificates.is_some() { "https://" } else { "" };
        let mut opened = format!("{REGISTRY}={scheme}{}", registry.address);
        // Its token server is another host, which it may only name because both are open.
        opened.extend(registry.tokens.iter().map(|tokens| format!(",{tokens}")));
        let mut environment = vec![("INSECURE_REGISTRIES".to_owned(), opened)];
        environment.extend(more.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        let instance = Instance::serve_alone(&environment);
        Self { registry, instance, image }
    }

    /// A layer of an image of the index.
    pub fn blob(&self) -> String {
        format!("blobs/{}", Digest::sha256(&self.image.images[0].blobs[1]))
    }

    /// skopeo gets what was pushed, to the byte; the tag moves and is refused; what was recorded can still be pulled.
    pub async fn tell(&self) {
        let tag = self.instance.image(":v1");
        assert_pulls(&tag, &self.image);
        assert_pulls(&tag, &self.image);
        self.move_tag().await;
        let ended = skopeo::pull(&tag, &Destination::oci());
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(&format!("{REGISTRY}/{REPOSITORY}:v1 has moved and is refused")), "{ended:?}");
        assert_pulls(&self.instance.image(&format!("@{}", self.image.digest())), &self.image);
    }

    /// Someone pushes another image to the tag, which is refused from then on.
    pub async fn move_tag(&self) {
        let other = Image::index("what was pushed second");
        self.registry.push(REPOSITORY, "v1", &other).await;
        let answer = get(&self.instance.url("manifests/v1")).await;
        let (code, message, error) = answer.error();
        assert_eq!((answer.status, code.as_str()), (403, "DENIED"), "{message}");
        let detail = &error["detail"];
        let digests = (self.image.digest(), other.digest());
        assert_eq!((&detail["recorded"], &detail["current"]), (&digests.0.as_str().into(), &digests.1.as_str().into()));
    }
}
