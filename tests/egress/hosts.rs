//! Registries as a caller may write them.

use testing::network::inside;

use crate::{PUBLIC, PUBLIC_ADDRESS, Scene, path};

#[test]
fn an_address_is_not_called_however_it_is_written() {
    inside(async {
        let scene = Scene::set(&[]).await;
        for host in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "169.254.169.254:443", "8.8.8.8", "0.0.0.0"] {
            scene.assert_refuses(host, "is not called: only https on port 443, to a host with a name, is").await;
        }
        for host in ["127.0.0.1:80", "10.0.0.1:5000", "public.example:8443", "public.example:80", "localhost:22"] {
            scene.assert_refuses(host, "is not called: only https on port 443, to a host with a name, is").await;
        }
        scene.assert_refuses("localhost", "localhost is not called: it leads to an address that is not public").await;
        assert_eq!(scene.network.web.connections(), [""; 0]);
    });
}

#[test]
fn what_only_looks_like_a_host_is_no_registry() {
    inside(async {
        let scene = Scene::set(&[]).await;
        let hosts = [
            "0x7f.1",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "127.1",
            "2130706433:443",
            "2852039166:443",
            "user@127.0.0.1",
            "public.example@127.0.0.1",
            "user:password@public.example",
            "[::1]",
            "[::ffff:7f00:1]:443",
            "127.0.0.1.",
            "public.example.",
            "public.example%2f",
            "127.0.0.1%23",
            "public.example:+443",
            "１２７.0.0.1",
        ];
        for host in hosts {
            let encoded: String = url::form_urlencoded::byte_serialize(host.as_bytes()).collect();
            for path in [path(host), format!("/v2/demo/app/manifests/v1?ns={encoded}")] {
                let answer = scene.get(&path).await;
                assert_eq!((answer.status, answer.error().0.as_str()), (400, "NAME_INVALID"), "{path}: {answer:?}");
            }
        }
        assert_eq!(scene.network.web.connections(), [""; 0]);
    });
}

/// A proxy would look names up itself, and connect to what it found.
#[test]
fn a_proxy_that_the_environment_names_is_not_used() {
    inside(async {
        let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
        let scene = Scene::set(&names.map(|name| (name, "http://127.0.0.1:8080"))).await;
        assert_eq!(scene.get(&path(PUBLIC)).await.status, 200);
        assert_eq!(scene.network.web.connections(), [format!("{PUBLIC_ADDRESS}:443")]);
    });
}

#[test]
fn with_a_list_of_registries_no_other_is_even_looked_up() {
    inside(async {
        let scene = Scene::set(&[("ALLOWED_REGISTRIES", PUBLIC)]).await;
        scene.network.names.lead("other.example", &["8.8.8.8"]);
        scene.assert_refuses("other.example", "other.example is not one that this instance serves").await;
        for host in ["127.0.0.1", "public.example.other.example", "public.example:8443", "docker.io"] {
            scene.assert_refuses(host, "is not one that this instance serves").await;
        }
        assert_eq!((scene.network.web.connections(), scene.network.names.looked_up("other.example")), (vec![], 0));
        for host in [PUBLIC, "PUBLIC.example:443"] {
            assert_eq!(scene.get(&path(host)).await.status, 200);
        }
        assert_eq!(scene.network.web.connections(), [format!("{PUBLIC_ADDRESS}:443")]);
    });
}
