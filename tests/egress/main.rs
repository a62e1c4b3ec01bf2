//! Connections of the service when a caller or a registry tries to lead it inside, seen from the other end of the
//! connection: real requests to `serve`, the system's own resolver, and servers at every address there is.

mod addresses;
mod hosts;
mod leads;
mod opened;

use testing::client::{Answer, get};
use testing::instance::Instance;
use testing::network::web::{Web, status};
use testing::network::{Network, inside};
use tlogistry::image::Digest;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const MANIFEST: &str = r#"{"schemaVersion":2}"#;
/// A registry like any other, and where it is.
const PUBLIC: &str = "public.example";
const PUBLIC_ADDRESS: &str = "93.184.215.14";

/// An internet, and an instance in it.
struct Scene {
    network: Network,
    instance: Instance,
}

impl Scene {
    async fn set(environment: &[(&str, &str)]) -> Self {
        let network = Network::start(&[PUBLIC, "other.example", "inside.example"]).await;
        network.names.lead(PUBLIC, &[PUBLIC_ADDRESS]);
        serve_manifests(&network.web, PUBLIC);
        let mut environment: Vec<_> =
            environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        environment.push(("SSL_CERT_FILE".to_owned(), network.authority().to_str().unwrap().to_owned()));
        let instance = Instance::serve_alone(&environment);
        Self { network, instance }
    }

    async fn get(&self, path: &str) -> Answer {
        get(&format!("http://{}{path}", self.instance.address)).await
    }

    /// Asks for what a registry has in all the ways that make this instance call it, and asserts that each is refused.
    #[track_caller]
    fn assert_refuses<'a>(&'a self, registry: &'a str, message: &'a str) -> impl Future<Output = ()> + 'a {
        let at = std::panic::Location::caller();
        async move {
            let digest = Digest::sha256(MANIFEST.as_bytes());
            for what in ["manifests/v1".to_owned(), format!("manifests/{digest}"), format!("blobs/{digest}")] {
                for path in [format!("/v2/{registry}/demo/app/{what}"), format!("/v2/demo/app/{what}?ns={registry}")] {
                    let answer = self.get(&path).await;
                    assert_eq!(answer.status, 403, "{at}: {path}: {answer:?}");
                    let (code, text, _) = answer.error();
                    assert!(code == "DENIED" && text.contains(message), "{at}: {path}: {code} {text}");
                }
            }
        }
    }
}

/// A registry that has `MANIFEST` under every name, and sends blobs itself.
fn serve_manifests(web: &Web, host: &str) {
    web.site(host, |_| status(200, &[("content-type", OCI_MANIFEST)], MANIFEST));
}

fn path(registry: &str) -> String {
    format!("/v2/{registry}/demo/app/manifests/{}", Digest::sha256(MANIFEST.as_bytes()))
}

#[test]
fn a_public_registry_is_connected_to_and_asked() {
    inside(async {
        let scene = Scene::set(&[]).await;
        let answer = scene.get(&path(PUBLIC)).await;
        assert_eq!((answer.status, &answer.bytes[..]), (200, MANIFEST.as_bytes()));
        assert_eq!(scene.network.web.connections(), [format!("{PUBLIC_ADDRESS}:443")]);
    });
}
