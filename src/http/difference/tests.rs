//! Comparisons of manifests: real moves, odd manifests and hostile ones.

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;

const MAY: &str = include_str!("../../../tests/data/moves/registry-3.1.1-may.json");
const SEPTEMBER: &str = include_str!("../../../tests/data/moves/registry-3.1.1-september.json");
const WITHOUT_RISCV64: &str = include_str!("../../../tests/data/moves/registry-3.1.1-may-without-riscv64.json");
const WITH_NEW_ARM64: &str = include_str!("../../../tests/data/moves/registry-3.1.1-may-with-new-arm64.json");

fn manifest(media_type: &'static str, document: impl ToString) -> Manifest {
    let bytes = Bytes::from(document.to_string());
    Manifest { media_type, digest: Digest::sha256(&bytes), bytes }
}

fn indexes(recorded: impl ToString, current: impl ToString) -> Option<Difference> {
    Difference::between(&manifest(OCI_INDEX, recorded), &manifest(OCI_INDEX, current))
}

#[track_caller]
fn clause(recorded: impl ToString, current: impl ToString) -> String {
    indexes(recorded, current).unwrap().clause()
}

/// An index of these platforms, `os/architecture/variant` with the text that makes the digest.
fn index(images: &[(&str, &str)]) -> Value {
    let images: Vec<Value> = images.iter().map(|(platform, text)| image(platform, text)).collect();
    json!({"schemaVersion": 2, "manifests": images})
}

fn image(platform: &str, text: &str) -> Value {
    let mut parts = platform.splitn(3, '/');
    let mut platform = json!({"os": parts.next(), "architecture": parts.next()});
    if let Some(variant) = parts.next() {
        platform["variant"] = variant.into();
    }
    json!({"mediaType": OCI_MANIFEST, "digest": sha(text), "size": 7, "platform": platform})
}

fn sha(text: &str) -> String {
    Digest::sha256(text.as_bytes()).to_string()
}

fn single(config: &str, layers: &[&str]) -> Value {
    let layers: Vec<Value> = layers.iter().map(|layer| json!({"digest": sha(layer)})).collect();
    json!({"schemaVersion": 2, "config": {"digest": sha(config)}, "layers": layers})
}

#[test]
fn an_added_platform_reads_so() {
    let difference = indexes(WITHOUT_RISCV64, MAY).unwrap();
    assert_eq!(difference.clause(), "linux/riscv64 added, the other 6 platforms unchanged");
    let side = |platforms| json!({"mediaType": OCI_INDEX, "platforms": platforms, "version": "3.1.1", "created": "2026-05-04T19:10:02Z"});
    let same = ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64", "linux/ppc64le", "linux/s390x"];
    assert_eq!(
        difference.detail(),
        json!({
            "recorded": side(6),
            "current": side(7),
            "platforms": {"added": ["linux/riscv64"], "removed": [], "changed": [], "same": same, "omitted": 0},
            "attestationsChanged": true,
        })
    );
    assert_eq!(clause(MAY, WITHOUT_RISCV64), "linux/riscv64 removed, the other 6 platforms unchanged");
}

#[test]
fn a_rebuild_of_all_platforms_reads_so() {
    let difference = indexes(MAY, SEPTEMBER).unwrap();
    assert_eq!(
        difference.clause(),
        "all 7 platforms changed; created 2026-09-17T21:53:22Z instead of 2026-05-04T19:10:02Z"
    );
    let platforms = &difference.detail()["platforms"];
    assert_eq!((platforms["changed"].as_array().unwrap().len(), &platforms["same"]), (7, &json!([])));
}

#[test]
fn one_platform_that_was_replaced_is_named() {
    assert_eq!(
        clause(MAY, WITH_NEW_ARM64),
        "linux/arm64 changed, the other 6 platforms unchanged; created 2026-09-17T21:34:15Z instead of \
         2026-05-04T19:10:02Z"
    );
}

#[test]
fn an_index_that_was_rewritten_around_the_same_images_reads_so() {
    let rewritten = format!(" {MAY}");
    assert_eq!(clause(MAY, rewritten), "all 7 platforms unchanged, only the index was rewritten");
    // Docker's rebuilds change attestations even where the image is reproduced.
    let attested = |text: &str| {
        let mut index: Value = serde_json::from_str(MAY).unwrap();
        index["manifests"][1]["digest"] = sha(text).into();
        index
    };
    assert_eq!(clause(attested("a"), attested("b")), "all 7 platforms unchanged, attestations changed");
    assert_eq!(indexes(attested("a"), attested("b")).unwrap().detail()["attestationsChanged"], true);
}

#[test]
fn an_image_cannot_hide_among_attestations() {
    let marked = |platform: &str, text: &str| {
        let mut image = image(platform, text);
        image["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        json!({"manifests": [image]})
    };
    assert_eq!(clause(marked("linux/amd64", "a"), marked("linux/amd64", "b")), "linux/amd64 changed");
    let unmarked = clause(index(&[("unknown/unknown", "a")]), index(&[("unknown/unknown", "b")]));
    assert_eq!(unmarked, "unknown/unknown changed");
}

#[test]
fn clients_take_the_first_image_that_fits_so_order_within_a_platform_counts() {
    let (ab, ba) = ([("linux/amd64", "a"), ("linux/amd64", "b")], [("linux/amd64", "b"), ("linux/amd64", "a")]);
    assert_eq!(clause(index(&ab), index(&ba)), "linux/amd64 changed");
    assert_eq!(clause(index(&ab), index(&ab)), "its platform unchanged, only the index was rewritten");
    let ordered = index(&[("linux/amd64", "a"), ("linux/arm64", "b")]);
    let reordered = index(&[("linux/arm64", "b"), ("linux/amd64", "a")]);
    assert_eq!(clause(ordered, reordered), "both platforms unchanged, only the index was rewritten");
}

#[test]
fn one_platform_has_one_name_however_it_is_written() {
    let written =
        index(&[("linux/arm64/v8", "a"), ("linux/arm", "b"), ("Linux/AMD64/v1", "c"), ("linux/amd64/v3", "d")]);
    let otherwise =
        index(&[("linux/aarch64", "a"), ("linux/arm/7", "b"), ("linux/x86_64", "c"), ("linux/amd64/v3", "d")]);
    assert_eq!(clause(written, otherwise), "all 4 platforms unchanged, only the index was rewritten");

    let windows = |version: &str, text: &str| {
        let mut image = image("windows/amd64", text);
        image["platform"]["os.version"] = version.into();
        image["platform"]["os.features"] = json!(["win32k"]);
        image
    };
    let before = json!({"manifests": [windows("10.0.17763.6414", "a"), windows("10.0.20348.2700", "b")]});
    let after = json!({"manifests": [windows("10.0.17763.6414", "a"), windows("10.0.20348.2762", "c")]});
    assert_eq!(clause(before, after), "windows/amd64 10.0.20348 changed, the other platform unchanged");
}

#[test]
fn images_without_a_platform_and_nested_indexes_are_compared_too() {
    let of = |text: &str| {
        let nested = json!({"mediaType": OCI_INDEX, "digest": sha("nested")});
        json!({"manifests": [{"mediaType": OCI_MANIFEST, "digest": sha(text), "platform": null}, nested]})
    };
    assert_eq!(clause(of("a"), of("b")), "an image without a platform changed, the other platform unchanged");
    let platform = |media_type: &str| {
        let mut image = image("linux/amd64", "a");
        image["mediaType"] = media_type.into();
        json!({"manifests": [image]})
    };
    assert_eq!(clause(platform(OCI_MANIFEST), platform(DOCKER_LIST)), "linux/amd64 changed");
    assert_eq!(clause(index(&[]), index(&[])), "an index without platforms, as before");
}

#[test]
fn an_index_that_became_one_image_is_told_from_one_that_was_cut_down() {
    let one = manifest(OCI_MANIFEST, single("a", &["x"]));
    let with = |digest: &str| {
        let mut index = index(&[("linux/amd64", "other"), ("linux/arm64", "b")]);
        index["manifests"][0]["digest"] = digest.into();
        manifest(OCI_INDEX, index)
    };
    let of = |recorded: &Manifest, current: &Manifest| {
        let difference = Difference::between(recorded, current).unwrap();
        (difference.clause(), difference.detail()["imageIs"].clone())
    };
    let (unrelated, with) = (with(&sha("other")), with(one.digest.as_str()));
    assert_eq!(of(&unrelated, &one), ("one image instead of an index of 2 platforms".to_owned(), Value::Null));
    let cut = "its image for linux/amd64 alone instead of an index of 2 platforms".to_owned();
    assert_eq!(of(&with, &one), (cut, json!("linux/amd64")));
    let grown = "an index of 2 platforms instead of one image, which is its image for linux/amd64".to_owned();
    assert_eq!(of(&one, &with), (grown, json!("linux/amd64")));
    let replaced = "an index of 2 platforms instead of one image, which is not among them".to_owned();
    assert_eq!(of(&one, &unrelated), (replaced, Value::Null));
}

#[test]
fn images_are_compared_by_their_layers() {
    let of = |before: &Value, now: &Value| {
        Difference::between(&manifest(OCI_MANIFEST, before), &manifest(OCI_MANIFEST, now)).unwrap()
    };
    let before = single("a", &["base", "app"]);
    assert_eq!(
        of(&before, &single("b", &["base", "new", "more"])).clause(),
        "another image, 1 of its 3 layers unchanged"
    );
    assert_eq!(of(&before, &single("b", &["x", "y"])).clause(), "another image, no layer unchanged");
    assert_eq!(of(&before, &single("b", &["base", "app"])).clause(), "the same layers with another configuration");
    let docker = manifest(DOCKER_MANIFEST, &before);
    let difference = Difference::between(&docker, &manifest(OCI_MANIFEST, &before)).unwrap();
    assert_eq!(
        difference.clause(),
        "the same image, only its manifest was rewritten; an OCI manifest instead of a Docker manifest"
    );
    assert_eq!(
        difference.detail(),
        json!({
            "recorded": {"mediaType": DOCKER_MANIFEST, "layers": 2},
            "current": {"mediaType": OCI_MANIFEST, "layers": 2},
            "sameLayers": 2,
            "configChanged": false,
        })
    );
}

#[test]
fn a_list_of_dockers_and_an_index_with_the_same_images_are_told_apart() {
    let index = index(&[("linux/amd64", "a"), ("linux/arm64", "b")]);
    let difference = Difference::between(&manifest(DOCKER_LIST, &index), &manifest(OCI_INDEX, &index)).unwrap();
    let said = "both platforms unchanged, only the index was rewritten; an OCI index instead of a Docker manifest list";
    assert_eq!(difference.clause(), said);
}

#[test]
fn a_manifests_own_annotations_go_before_those_of_its_images() {
    let of = |version: &str, created: &str| {
        let mut index = index(&[("linux/amd64", version)]);
        index["annotations"] =
            json!({"org.opencontainers.image.version": version, "org.opencontainers.image.created": created});
        index["manifests"][0]["annotations"] = json!({"org.opencontainers.image.version": "of an image"});
        index
    };
    assert_eq!(
        clause(of("1.0", "2026-01-02T03:04:05+01:00"), of("1.1", "2026-02-03T04:05:06Z")),
        "linux/amd64 changed; version 1.1 instead of 1.0; created 2026-02-03T04:05:06Z instead of 2026-01-02T02:04:05Z"
    );
    assert_eq!(clause(of("1.0", "yesterday"), of("1.1", "today")), "linux/amd64 changed; version 1.1 instead of 1.0");
}

#[test]
fn foreign_text_makes_no_sentence_and_nothing_long() {
    let hostile = "\u{202e}\n<b>pull evil.example/x instead</b>".repeat(1000);
    let mut index = index(&[("a", "a")]);
    index["manifests"][0]["platform"] =
        json!({"os": hostile, "architecture": hostile, "variant": hostile, "os.version": hostile});
    index["annotations"] = json!({"org.opencontainers.image.version": hostile});
    let difference =
        indexes(&index, json!({"manifests": [], "annotations": {"org.opencontainers.image.version": "1"}}));
    let difference = difference.unwrap();
    for text in [difference.clause(), difference.detail().to_string()] {
        assert!(!text.contains(['\u{202e}', '\n', '<']) && !text.contains("evil.example/x instead"), "{text}");
    }

    let name = |number: usize| format!("{number:0>16}/{number:0>16}/{number:0>16}");
    let many = |from: usize, text: &str| {
        let platforms: Vec<String> = (from..from + 300).map(name).collect();
        self::index(&platforms.iter().map(|platform| (platform.as_str(), text)).collect::<Vec<_>>())
    };
    let difference = indexes(many(0, "a"), many(150, "b")).unwrap();
    assert_eq!(difference.clause(), "150 platforms added, 150 platforms removed, 150 platforms changed");
    let platforms = &difference.detail()["platforms"];
    assert_eq!((platforms["changed"].as_array().unwrap().len(), &platforms["omitted"]), (32, &json!(354)));
    assert!(difference.detail().to_string().len() < 8 << 10);
    let three = |text: &str| self::index(&[0, 1, 2].map(name).iter().map(|name| (&**name, text)).collect::<Vec<_>>());
    assert_eq!(clause(many(150, "a"), three("b")), "3 platforms added, 300 platforms removed");
    // The replaced text takes three bytes.
    let three = |letter: &str, version: &str| {
        let platform = format!("{letter}{0}/{0}/{0}", "\u{e9}".repeat(20));
        let mut index = self::index(&[(&platform, "a")]);
        index["annotations"] = json!({"org.opencontainers.image.version": version.repeat(40)});
        index
    };
    let clause = clause(three("a", "\u{e9}"), three("b", "\u{1b}a"));
    assert!(clause.starts_with("1 platform added, 1 platform removed; version \u{fffd}a\u{fffd}a"), "{clause}");
    assert!(clause.len() < 256, "{clause}");
}

#[test]
fn what_can_be_read_in_two_ways_or_not_at_all_is_not_compared() {
    let good = index(&[("linux/amd64", "a")]);
    assert!(indexes(&good, &good).is_some());
    let digest = sha("a");
    let bad = [
        "{}".to_owned(),
        r#"{"manifests":null}"#.to_owned(),
        r#"{"manifests":{}}"#.to_owned(),
        r#"{"manifests":[1]}"#.to_owned(),
        r#"{"manifests":[null]}"#.to_owned(),
        r#"{"manifests":[{}]}"#.to_owned(),
        r#"{"manifests":[{"digest":7}]}"#.to_owned(),
        r#"{"manifests":[{"digest":"sha256:0"}]}"#.to_owned(),
        r#"{"manifests":[],"manifests":[]}"#.to_owned(),
        r#"{"manifests":[],"Manifests":[]}"#.to_owned(),
        "{\"manifest\u{17f}\":[]}".to_owned(),
        r#"{"manife\u0073ts":[],"manifests":[]}"#.to_owned(),
        format!(r#"{{"manifests":[{{"digest":"{digest}","DIGEST":"{digest}"}}]}}"#),
        format!(r#"{{"manifests":[{{"digest":"{digest}","platform":{{"os":"linux","Os":"windows"}}}}]}}"#),
        format!(r#"{{"manifests":[{{"digest":"{digest}","platform":"linux/amd64"}}]}}"#),
        format!(r#"{{"manifests":[{{"digest":"{digest}","annotations":[]}}]}}"#),
        format!(r#"{{"manifests":[{}]}}"#, [format!(r#"{{"digest":"{digest}"}}"#).as_str(); 513].join(",")),
        format!("{{\"manifests\":[]{}", "\u{7f}"),
    ];
    for bad in bad {
        assert!(indexes(&good, &bad).is_none() && indexes(&bad, &good).is_none(), "{bad}");
    }
    let not_text =
        Manifest { bytes: Bytes::from_static(b"{\"manifests\":[],\"a\":\"\xff\"}"), ..manifest(OCI_INDEX, "") };
    assert!(Difference::between(&not_text, &manifest(OCI_INDEX, &good)).is_none());
    let image = manifest(OCI_MANIFEST, single("a", &["x"]));
    for bad in [r#"{"layers":[]}"#, r#"{"config":{},"layers":[]}"#, r#"{"config":{"digest":"x"}}"#] {
        assert!(Difference::between(&manifest(OCI_MANIFEST, bad), &image).is_none(), "{bad}");
    }
    // A byte-order mark, which clients pass over.
    assert!(indexes(format!("\u{feff}{good}"), &good).is_some());
}
