//! Signatures of our key that no honest instance made.

use crate::scene::Scene;
use testing::filed::der::Certificate;
use testing::filed::ours::{Says, everything, misuses};
use testing::filed::{Filed, dsse, hashedrekord, intoto_1, pem};
use testing::registry;
use tlogistry::dsse::{IN_TOTO, pae};
use tlogistry::image::Digest;

/// Files an entry beside an honest sighting, before or behind it, and asserts what each command says.
#[track_caller]
fn assert_says(scene: &Scene, filed: &Filed, says: Says) {
    let name = filed.name;
    let (verdict, standing, issue, code) = match says {
        Says::Contradicted(standing) => ("contradicted", standing, "contradicted", 1),
        Says::Misused => ("misused", "misused", "misused", 1),
        Says::Unattested => ("unchecked", "unattested", "unattested", 2),
        Says::Unreadable => ("unchecked", "unreadable", "unreadable", 2),
    };
    let (said, found) = scene.say("verify");
    assert_eq!((said["verdict"].as_str(), found), (Some(verdict), code), "verify, {name}: {said}");
    let (said, found) = scene.say("history");
    let other = &said["entries"][1];
    assert_eq!(found, code, "history, {name}: {said}");
    assert_eq!(other["standing"], standing, "history, {name}: {said}");
    if code == 1 && verdict == "contradicted" {
        assert_eq!(other["digest"], scene.case().other.as_str(), "history, {name}: {said}");
    }
    assert_eq!(scene.audit(), (vec![issue.to_owned()], code), "audit, {name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_honest_instance_signs_is_contradiction_misuse_or_doubt() {
    let mut scene = Scene::set().await;
    for number in 0..everything(scene.case()).len() {
        let (filed, says) = everything(scene.next()).remove(number);
        scene.file_sighting();
        scene.file(&filed);
        assert_says(&scene, &filed, says);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_sighting_beside_it_an_entry_of_the_key_is_at_least_doubt() {
    let mut scene = Scene::set().await;
    for number in 0..everything(scene.case()).len() {
        let (filed, says) = everything(scene.next()).remove(number);
        scene.file(&filed);
        let codes = ["verify", "history"].map(|command| scene.say(command).1);
        let expected = match says {
            // As far as anyone can tell it is the sighting, and the registry serves something else.
            Says::Contradicted("sighting") => [1, 0],
            Says::Unattested if filed.name == "as a sighting, the statement lost" => [1, 2],
            // The registry tells what was signed.
            Says::Misused if filed.name == "as dsse, of the seen digest, of another type" => [1, 2],
            Says::Misused => [1, 1],
            Says::Contradicted(_) | Says::Unattested | Says::Unreadable => [2, 2],
        };
        assert_eq!(codes, expected, "{}", filed.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_is_compared_with_what_the_registry_serves() {
    // The registry serves the second digest, which so is known.
    let seen = Digest::sha256(&registry::image("seen"));
    let mut scene = Scene::serving(registry::image("other"), seen).await;
    for number in 0..5 {
        let case = scene.next();
        let payload = case.other();
        let sealed = case.ours.signer_of(IN_TOTO, &payload);
        let message = pae(IN_TOTO, &payload);
        let hash = Digest::sha256(&message);
        let signature = case.ours.sign(&message);
        let uri = case.listing_name();
        let certificate = Certificate { uri: Some(&uri), subject: "anyone", ..Default::default() };
        let certificate = pem("CERTIFICATE", &certificate.around(case.ours.public.der(), &case.theirs));
        let filed = match number {
            0 => dsse("as dsse", IN_TOTO, &payload, &[sealed]),
            1 => intoto_1("", IN_TOTO, &payload, &sealed).without_attestation("as intoto 0.0.1"),
            2 => hashedrekord("as a signed file", "sha256", hash.hex(), &case.ours.pem(), &signature),
            3 => hashedrekord("as a certified file", "sha256", hash.hex(), &certificate, &signature),
            _ => dsse(
                "as dsse, in numbers",
                IN_TOTO,
                &payload,
                &[sealed.with_text(testing::filed::base64(case.ours.sign_in_numbers(&message)))],
            ),
        };
        scene.file_sighting();
        scene.file(&filed);
        let (said, code) = scene.say("verify");
        assert_eq!((said["verdict"].as_str(), code), (Some("contradicted"), 1), "{}: {said}", filed.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_harmless_copy_hides_no_signature_over_the_same_bytes_of_another_type() {
    let mut scene = Scene::set().await;
    let case = scene.next();
    let payload = case.seen();
    let copy = dsse("a copy", IN_TOTO, &payload, &[case.ours.signer_of(IN_TOTO, &payload)]);
    let misuse = dsse("of another type", "text/plain", &payload, &[case.ours.signer_of("text/plain", &payload)]);
    let again = dsse("again", IN_TOTO, &payload, &[case.ours.signer_of(IN_TOTO, &payload)]);
    for filed in [case.sighting(), copy, misuse, again] {
        scene.file(&filed);
    }
    let (said, code) = scene.say("verify");
    assert_eq!((said["verdict"].as_str(), code), (Some("misused"), 1), "{said}");
    let standings: Vec<&str> =
        said["entries"].as_array().unwrap().iter().map(|entry| entry["standing"].as_str().unwrap()).collect();
    assert_eq!(standings, ["sighting", "refiled", "misused", "refiled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn that_there_is_no_other_entry_is_said_only_where_every_entry_was_understood() {
    let mut scene = Scene::set().await;
    let no_other = "the log lists no other entry for this tag by your keys";
    scene.next();
    scene.file_sighting();
    let said = scene.run("verify", &[&scene.case().tag.to_string()]);
    assert!(said.code == Some(0) && said.stdout.contains(no_other), "{said:?}");
    for number in 0..misuses(scene.case()).len() {
        let (filed, _) = misuses(scene.next()).remove(number);
        scene.file_sighting();
        scene.file(&filed);
        let said = scene.run("verify", &[&scene.case().tag.to_string(), "--no-registry"]);
        assert!(!said.stdout.contains(no_other), "{}: {said:?}", filed.name);
    }
    // Also where it holds: the hash of a file that a certificate lists is all that is seen.
    let case = scene.next();
    let message = pae(IN_TOTO, b"anything");
    let uri = case.listing_name();
    let certificate = Certificate { uri: Some(&uri), subject: "anyone", ..Default::default() };
    let certificate = pem("CERTIFICATE", &certificate.around(case.ours.public.der(), &case.theirs));
    let hash = Digest::sha256(&message);
    let filed = hashedrekord("a certified file", "sha256", hash.hex(), &certificate, &case.ours.sign(&message));
    scene.file_sighting();
    scene.file(&filed);
    let said = scene.run("verify", &[&scene.case().tag.to_string()]);
    assert!(said.code == Some(0) && !said.stdout.contains(no_other), "{said:?}");
    let passed_over =
        "Passed over: signatures by your key that a certificate files here (1), as anyone can with a published one\n";
    assert!(said.stdout.ends_with(passed_over), "{said:?}");
}
