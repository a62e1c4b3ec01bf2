//! The commands on a tag's page, pasted into a shell: other people's programs find the record, and refuse another.

use std::path::Path;

use testing::client::{client, get, send};
use testing::image::Image;
use testing::instance::Instance;
use testing::process::{Ended, Process, clean};
use testing::stage::{REGISTRY, REPOSITORY, Stage};
use testing::transparency_log::TransparencyLog;

/// Commands that a shell cannot run here: Docker is missing.
const NOT_RUN: &str = "docker pull";
/// The programs of a page's commands. Where the log can be searched, its own client follows.
const COMMANDS: [&str; 9] = ["curl", "curl", "tlogistry-cli", "curl", "curl", "printf", "cosign", "cosign", "cosign"];

/// The blocks of commands on a page, in order.
async fn commands(url: &str) -> Vec<String> {
    let page = send(client().get(url).header("accept", "text/html")).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let text = String::from_utf8(page.bytes.to_vec()).unwrap();
    let codes = text.split("<pre class=\"commands\">").skip(1).flat_map(|block| {
        let block = block.split_once("</pre>").unwrap().0;
        block.split("<code>").skip(1).map(|code| code.split_once("</code>").unwrap().0)
    });
    let unescape =
        |code: &str| code.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    codes.map(unescape).filter(|code| !code.starts_with(NOT_RUN)).collect()
}

/// Runs a command as a person would, in `folder`. `registry` is how tlogistry-cli finds the registry, which is not
/// public.
fn run(folder: &Path, registry: &str, command: &str) -> Ended {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/go/bin");
    for program in ["cosign", "rekor-cli"] {
        assert!(programs.join(program).exists(), "{program} is missing: run 'make peers'");
    }
    let ours = Path::new(env!("CARGO_BIN_EXE_tlogistry-cli")).parent().unwrap();
    let path = format!("{}:{}:{}", programs.display(), ours.display(), std::env::var("PATH").unwrap());
    let mut shell = clean("/bin/sh");
    shell.args(["-c", command]).current_dir(folder).env("PATH", path).env("HOME", folder);
    Process::start(shell.env("INSECURE_REGISTRIES", registry)).finish()
}

#[tokio::test]
async fn every_command_on_a_tags_page_does_what_it_says() {
    let expected = [&COMMANDS[..], &["rekor-cli", "rekor-cli"]].concat();
    every_command_does_what_it_says(TransparencyLog::start(), &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_on_the_page_of_a_tag_in_rekor_v2_does_what_it_says() {
    every_command_does_what_it_says(TransparencyLog::rekor_tiles().await, &COMMANDS).await;
}

async fn every_command_does_what_it_says(log: TransparencyLog, expected: &[&str]) {
    let (stage, state, folder) = (Stage::with(log), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let instance = Instance::serve(state.path(), &stage.environment());
    let image = Image::oci("pasted");
    let digest = image.digest();
    let registry = format!("{REGISTRY}={}", stage.registry.address);
    stage.push("v1", &image).await;
    assert_eq!(get(&instance.url("manifests/v1")).await.status, 200);

    let page = format!("http://{}/sightings/{REGISTRY}/{REPOSITORY}:v1", instance.address);
    let commands = commands(&page).await;
    let programs: Vec<&str> = commands.iter().map(|command| command.split([' ', '\n']).next().unwrap()).collect();
    assert_eq!(programs, expected, "{commands:#?}");
    for command in &commands {
        let ended = run(folder.path(), &registry, command);
        assert_eq!(ended.code, Some(0), "{command}: {ended:?}");
        let says = match command.split([' ', '\n']).nth(1).unwrap() {
            "verify-blob-attestation" => "Verified OK",
            "verify-attestation" => "The signatures were verified against the specified public key",
            "search" => "Found matching entries",
            "get" | "verify" => digest.hex(),
            _ => continue,
        };
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains(says), "{command}: {ended:?}");
    }

    // Of another tag, another digest, or by another key, they do not hold.
    let other_key = tlogistry::sighting::LocalKey::generate().unwrap();
    std::fs::write(folder.path().join("other.pem"), other_key.public_key().pem()).unwrap();
    std::fs::write(folder.path().join("other.txt"), format!("{REGISTRY}/{REPOSITORY}:v2")).unwrap();
    let other = "0".repeat(64);
    for (from, to) in [("key.pem", "other.pem"), ("tag.txt", "other.txt"), (digest.hex(), &other)] {
        let altered: Vec<String> = commands
            .iter()
            .filter(|command| command.starts_with("cosign") && command.contains(from))
            .map(|command| command.replace(from, to))
            .collect();
        assert!(!altered.is_empty(), "{from}");
        for command in altered {
            let ended = run(folder.path(), &registry, &command);
            assert_ne!(ended.code, Some(0), "{command}: {ended:?}");
        }
    }
}
