//! Bundles in which one thing was changed.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;

/// Values that the checkpoint has too, and that no more than it says is read of: by the JavaScript client never, by Sigstore's Go
/// library and cosign not in a bundle of Rekor v2. tlogistry holds both equal.
pub const IN_THE_CHECKPOINT: [&str; 2] = ["another root", "another size"];

/// Each with what was changed.
pub fn bundles(genuine: &Value) -> Vec<(&'static str, Value)> {
    let entry = "/verificationMaterial/tlogEntries/0";
    let changed = |pointer: &str, change: &dyn Fn(&str) -> String| {
        let mut bundle = genuine.clone();
        let value = bundle.pointer_mut(pointer).unwrap_or_else(|| panic!("the bundle has no {pointer}"));
        let other = change(value.as_str().unwrap());
        assert_ne!(value.as_str(), Some(other.as_str()), "{pointer} stayed what it was");
        *value = other.into();
        bundle
    };
    let of_entry = |field: &str, change: &dyn Fn(&str) -> String| changed(&format!("{entry}/{field}"), change);
    let statement =
        |from: &'static str, to: &'static str| changed("/dsseEnvelope/payload", &move |text| in_base64(text, from, to));
    let mut bundles = vec![
        ("another digest", statement("\"digest\":\"sha256:", "\"digest\":\"sha256:0")),
        ("another tag", statement(":v1\"", ":v2\"")),
        ("another signature", changed("/dsseEnvelope/signatures/0/sig", &last_byte)),
        ("another body", of_entry("canonicalizedBody", &|text| in_base64(text, "\"0.0.2\"", "\"0.0.1\""))),
        ("another root", of_entry("inclusionProof/rootHash", &last_byte)),
        ("another size", of_entry("inclusionProof/treeSize", &|text| format!("{}", text.parse::<u64>().unwrap() + 1))),
        (
            "a checkpoint of another size",
            of_entry("inclusionProof/checkpoint/envelope", &|text| {
                let lines: Vec<&str> = text.split('\n').collect();
                [&[lines[0], "7"], &lines[2..]].concat().join("\n")
            }),
        ),
        (
            "a checkpoint with another signature",
            of_entry("inclusionProof/checkpoint/envelope", &|text| {
                let (note, signature) = text.trim_end().rsplit_once(' ').unwrap();
                format!("{note} {}\n", last_byte(signature))
            }),
        ),
    ];
    if genuine.pointer(&format!("{entry}/inclusionPromise")).is_some() {
        // Rekor v2 signs neither.
        bundles.push(("another timestamp", of_entry("inclusionPromise/signedEntryTimestamp", &last_byte)));
        let earlier = |text: &str| format!("{}", text.parse::<u64>().unwrap() - 1);
        bundles.push(("another time", of_entry("integratedTime", &earlier)));
    }
    let mut longer = genuine.clone();
    let path = longer.pointer_mut(&format!("{entry}/inclusionProof/hashes")).unwrap().as_array_mut().unwrap();
    path.push(BASE64_STANDARD.encode([7; 32]).into());
    bundles.push(("a longer proof", longer));
    let mut without = genuine.clone();
    without.pointer_mut(entry).unwrap().as_object_mut().unwrap().remove("inclusionProof");
    without.pointer_mut(entry).unwrap().as_object_mut().unwrap().remove("inclusionPromise");
    bundles.push(("no proof at all", without));
    bundles
}

/// A bundle whose time stamp was changed.
pub fn time_stamp(genuine: &Value) -> Value {
    let mut bundle = genuine.clone();
    let stamp = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";
    let stamp = bundle.pointer_mut(stamp).unwrap();
    *stamp = last_byte(stamp.as_str().unwrap()).into();
    bundle
}

fn in_base64(text: &str, from: &str, to: &str) -> String {
    let plain = String::from_utf8(BASE64_STANDARD.decode(text).unwrap()).unwrap();
    BASE64_STANDARD.encode(plain.replacen(from, to, 1))
}

/// The last byte, turned around.
fn last_byte(base64: &str) -> String {
    let mut bytes = BASE64_STANDARD.decode(base64).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    BASE64_STANDARD.encode(bytes)
}
