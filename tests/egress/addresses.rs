//! Names, and the addresses that they lead to.

use std::time::Duration;

use testing::network::inside;
use testing::network::web::status;
use testing::process::PATIENCE;
use tokio::net::TcpStream;

use crate::{MANIFEST, PUBLIC, PUBLIC_ADDRESS, Scene, path, serve_manifests};

/// One or more of every range that is not public, which the test's network has all the same.
const INSIDE: [&str; 45] = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.254",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.254",
    "198.51.100.1",
    "203.0.113.1",
    "240.0.0.1",
    "::1",
    "::7f00:1",
    "::a00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:2::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
];
/// Not to be connected to by anyone.
const NOBODYS: [&str; 6] = ["224.0.0.1", "239.255.255.255", "255.255.255.255", "::", "fe80::1", "ff02::1"];

#[test]
fn a_name_that_leads_inside_is_not_connected_to() {
    inside(async {
        let scene = Scene::set(&[]).await;
        // Served there, so that a connection would be worth something.
        serve_manifests(&scene.network.web, "inside.example");
        let message = "inside.example is not called: it leads to an address that is not public, or to none";
        for address in INSIDE.into_iter().chain(NOBODYS) {
            for all in [&[address][..], &[PUBLIC_ADDRESS, address], &[address, PUBLIC_ADDRESS, "2600::1"]] {
                scene.network.names.lead("inside.example", all);
                let answer = scene.get(&path("inside.example")).await;
                assert_eq!(answer.status, 403, "{all:?}: {answer:?}");
                assert_eq!((answer.error().0.as_str(), answer.error().1.as_str()), ("DENIED", message), "{all:?}");
                assert_eq!(scene.network.web.connections(), [""; 0], "{all:?}");
                assert_eq!(scene.network.names.looked_up("inside.example"), 1, "{all:?}");
            }
        }
        scene.assert_refuses("inside.example", message).await;
        assert_eq!(scene.network.web.connections(), [""; 0]);
    });
}

/// Else anyone could ask which names there are inside. The operator's log tells them apart.
#[test]
fn a_name_that_leads_nowhere_is_answered_as_one_that_leads_inside() {
    inside(async {
        let scene = Scene::set(&[]).await;
        scene.network.names.lead("inside.example", &["10.0.0.1"]);
        scene.network.names.lead("addressless.example", &[]);
        let hosts = [
            ("inside.example", "inside.example is not called: it leads to an address that is not public"),
            ("nowhere.example", "nowhere.example cannot be reached: failed to lookup address information"),
            ("addressless.example", "addressless.example cannot be reached: "),
        ];
        for (host, logged) in hosts {
            let answer = scene.get(&path(host)).await;
            let (code, message, error) = answer.error();
            let message = message.replace(host, "HOST");
            assert_eq!(
                (answer.status, code.as_str(), &error["detail"]),
                (403, "DENIED", &serde_json::Value::Null),
                "{answer:?}"
            );
            assert_eq!(message, "HOST is not called: it leads to an address that is not public, or to none");
            assert_eq!(answer.find("retry-after"), None);
            // Tried once more, it would answer later.
            assert!(scene.network.names.looked_up(host) == 1, "{host}");
            scene.instance.wait_for(|line| line.contains(logged).then_some(()));
            scene.assert_refuses(host, "is not called: it leads to an address that is not public, or to none").await;
        }
        // A registry that leads there tells no more.
        for host in ["inside.example", "nowhere.example"] {
            for answer in [
                status(302, &[("location", &format!("https://{host}/"))], ""),
                status(401, &[("www-authenticate", &format!("Bearer realm=\"https://{host}/\""))], ""),
            ] {
                scene.network.web.site(PUBLIC, move |_| answer.clone());
                let answer = scene.get(&path(PUBLIC)).await;
                let said = (answer.status, answer.error().1.replace(host, "HOST"));
                let expected = "HOST is not called: it leads to an address that is not public, or to none";
                assert_eq!(said, (403, expected.to_owned()));
            }
        }
    });
}

/// Without this, the test above would pass in a network where nothing can be connected to.
#[test]
fn whoever_does_connect_to_such_an_address_is_seen() {
    inside(async {
        let scene = Scene::set(&[]).await;
        for address in INSIDE {
            let connecting = TcpStream::connect((address, 443));
            let connected = tokio::time::timeout(PATIENCE, connecting).await;
            assert!(connected.is_ok_and(|connected| connected.is_ok()), "{address}");
            // The server sees it a moment later.
            let mut seen = scene.network.web.connections();
            while seen.is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
                seen = scene.network.web.connections();
            }
            assert_eq!(seen.len(), 1, "{address}: {seen:?}");
        }
    });
}

#[test]
fn every_other_address_is_connected_to() {
    inside(async {
        let scene = Scene::set(&[]).await;
        // Neighbours of the ranges above. Each host is another, so that no connection is used again.
        let addresses = [
            "1.0.0.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.32.0.1",
            "192.167.255.255",
            "223.255.255.254",
            "2001:200::1",
            "2600::1",
            "2a00:1450::1",
        ];
        for (number, address) in addresses.into_iter().enumerate() {
            let host = format!("no-certificate-{number}.example");
            scene.network.names.lead(&host, &[address]);
            let answer = scene.get(&path(&host)).await;
            assert_eq!(answer.status, 502, "no certificate, so no answer: {answer:?}");
            let at = std::net::SocketAddr::new(address.parse().unwrap(), 443).to_string();
            assert_eq!(scene.network.web.connections(), [at.clone(), at], "the connection is tried once more");
            assert_eq!(scene.network.web.asked(), [""; 0]);
        }
    });
}

#[test]
fn a_name_is_looked_up_once_for_a_connection_which_is_to_what_was_found_then() {
    inside(async {
        let scene = Scene::set(&[]).await;
        serve_manifests(&scene.network.web, "inside.example");
        scene.network.names.lead_in_turn("inside.example", &[&["8.8.4.4"], &["127.0.0.1"]]);
        let answer = scene.get(&path("inside.example")).await;
        assert_eq!((answer.status, &answer.bytes[..]), (200, MANIFEST.as_bytes()));
        assert_eq!(scene.network.web.connections(), ["8.8.4.4:443"]);
        assert_eq!(scene.network.names.looked_up("inside.example"), 1);
        // The connection that was kept open leads to the address that was found.
        assert_eq!(scene.get("/v2/inside.example/demo/other/manifests/v1").await.status, 200);
        assert_eq!(scene.network.web.connections(), [""; 0]);
    });
}

#[test]
fn a_name_that_comes_to_lead_inside_is_refused_when_it_is_looked_up_again() {
    inside(async {
        let scene = Scene::set(&[]).await;
        // Its first connection fails, as the certificate is not its, and is tried again with a second look-up.
        for inside in ["127.0.0.1", "169.254.169.254", "::1"] {
            let host = "no-certificate.example";
            scene.network.names.lead_in_turn(host, &[&["8.8.4.4"], &[inside]]);
            let answer = scene.get(&path(host)).await;
            assert_eq!((answer.status, answer.error().0.as_str()), (403, "DENIED"), "{answer:?}");
            assert_eq!(scene.network.web.connections(), ["8.8.4.4:443"], "{inside}");
            assert_eq!(scene.network.names.looked_up(host), 2);
        }
    });
}
