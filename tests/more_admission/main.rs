//! The ValidatingAdmissionPolicy of docs/admission.md: its expressions, as the page has them, with the library that Kubernetes uses.
//! `make peers-more` runs this. There is no cluster.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};
use testing::process::{go_tool, root};

const HOST: &str = "registry.example.com";

/// The answer to each pod's spec.
fn judged(pods: &[Value]) -> Vec<String> {
    let page = std::fs::read_to_string(root().join("docs/admission.md")).unwrap();
    let (_, policy) = page.split_once("```yaml\n").unwrap();
    let (policy, _) = policy.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let mut command = go_tool("cel-policy");
    command.arg(folder.path().join("policy.yaml")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines: String = pods.iter().map(|pod| format!("{pod}\n")).collect();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_pod_with_all_its_images_through_the_instance_is_allowed() {
    let image = format!("{HOST}/ghcr.io/org/app:v1");
    let pods = [
        json!({"containers": [{"image": image}]}),
        json!({"containers": [{"image": format!("{HOST}/alpine@sha256:0")}], "volumes": [{"name": "a", "emptyDir": {}}]}),
        json!({"containers": [{"image": format!("{HOST}/pinned.alt/alpine:3.16.0")}]}),
        json!({
            "containers": [{"image": image}, {"image": image}],
            "initContainers": [{"image": image}],
            "ephemeralContainers": [{"image": image}],
            "volumes": [{"name": "a", "image": {"reference": image}}],
        }),
    ];
    assert_eq!(judged(&pods), ["allowed"; 4]);
}

#[test]
fn one_image_by_another_name_is_enough_to_refuse_a_pod_and_is_named() {
    let image = format!("{HOST}/ghcr.io/org/app:v1");
    let others = [
        "alpine",
        "ghcr.io/org/app:v1",
        "registry.example.com.evil.test/app:v1",
        "registry.example.com:5000/app:v1",
        HOST,
    ];
    for other in others {
        let pods = [
            json!({"containers": [{"image": other}]}),
            json!({"containers": [{"image": image}, {"image": other}]}),
            json!({"containers": [{"image": image}], "initContainers": [{"image": other}]}),
            json!({"containers": [{"image": image}], "ephemeralContainers": [{"image": other}]}),
            json!({"containers": [{"image": image}], "volumes": [{"name": "a", "image": {"reference": other}}]}),
        ];
        let message = format!("images are pulled through {HOST}/: {other}");
        assert_eq!(judged(&pods), [message.as_str(); 5]);
    }
}
