//! The statement 'this tag is this digest': an in-toto Statement v1
//! (<https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>).

use serde::Deserialize;

use crate::image::{Algorithm, Digest, Tag};

pub(crate) const PREDICATE_TYPE: &str = "https://tlogistry.dev/tag-sighting/v1";

/// The statement's bytes. Equal facts are equal bytes: keys in this order, no spaces, no time.
///
/// The first subject is the manifest: tools that take the statement for one about an image print its digest. A search
/// for it finds the tags. The second is the tag, by the sha256 of its canonical name: a search for that finds every digest
/// that the tag was seen at.
pub fn statement(tag: &Tag, digest: &Digest) -> Vec<u8> {
    let (name, repository) = (tag.canonical(), tag.repository());
    let (name_hash, digest_hex) = (subject_hash(tag), digest.hex());
    // The grammar of names has no character that JSON would escape.
    format!(
        concat!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","#,
            r#""subject":[{{"name":"{repository}","digest":{{"sha256":"{digest_hex}"}}}},"#,
            r#"{{"name":"{name}","digest":{{"sha256":"{name_hash}"}}}}],"#,
            r#""predicateType":"{predicate}","#,
            r#""predicate":{{"tag":"{name}","digest":"{digest}"}}}}"#,
        ),
        name = name,
        name_hash = name_hash,
        repository = repository,
        digest_hex = digest_hex,
        predicate = PREDICATE_TYPE,
        digest = digest,
    )
    .into_bytes()
}

/// The sha256 that a tag is found by in the log: lower-case hexadecimal.
pub fn subject_hash(tag: &Tag) -> String {
    Digest::sha256(tag.canonical().as_bytes()).hex().to_owned()
}

/// The tag and digest that a statement is about; `None` unless it is, byte for byte, one that [`statement`] writes.
pub fn parse(bytes: &[u8]) -> Option<(Tag, Digest)> {
    #[derive(Deserialize)]
    struct StatementJson {
        predicate: PredicateJson,
    }
    #[derive(Deserialize)]
    struct PredicateJson {
        tag: String,
        digest: String,
    }
    let StatementJson { predicate } = serde_json::from_slice(bytes).ok()?;
    let (tag, digest): (Tag, Digest) = (predicate.tag.parse().ok()?, predicate.digest.parse().ok()?);
    (digest.algorithm() == Algorithm::Sha256 && statement(&tag, &digest) == bytes).then_some((tag, digest))
}

#[cfg(test)]
mod tests {
    use super::{parse, statement};

    const EXAMPLE: &str = concat!(
        r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"index.docker.io/library/alpine","#,
        r#""digest":{"sha256":"686d8c9dfa6f3ccfc8230bc3178d23f84eeaf7e457f36f271ab1acc53015037c"}},"#,
        r#"{"name":"index.docker.io/library/alpine:3.16.0","#,
        r#""digest":{"sha256":"580eec9ca7a233bc4e7cd5c9afce8756f313feb5e222b3da93f00d1687a8275b"}}],"#,
        r#""predicateType":"https://tlogistry.dev/tag-sighting/v1","#,
        r#""predicate":{"tag":"index.docker.io/library/alpine:3.16.0","#,
        r#""digest":"sha256:686d8c9dfa6f3ccfc8230bc3178d23f84eeaf7e457f36f271ab1acc53015037c"}}"#,
    );

    #[test]
    fn the_statements_bytes_are_fixed() {
        let tag = "alpine:3.16.0".parse().unwrap();
        let digest = "sha256:686d8c9dfa6f3ccfc8230bc3178d23f84eeaf7e457f36f271ab1acc53015037c".parse().unwrap();
        assert_eq!(String::from_utf8(statement(&tag, &digest)).unwrap(), EXAMPLE);
        assert_eq!(parse(EXAMPLE.as_bytes()), Some((tag, digest)));
    }

    /// The tag as the first subject, and the manifest as the second.
    fn in_the_old_order() -> String {
        let (before, rest) = EXAMPLE.split_once('[').unwrap();
        let (subjects, after) = rest.split_once(']').unwrap();
        let (manifest, tag) = subjects.split_once("},{").unwrap();
        format!("{before}[{{{tag},{manifest}}}]{after}")
    }

    #[test]
    fn the_statement_in_the_old_order_is_well_formed() {
        let subjects = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["subject"].clone();
        let (new, old) = (subjects(EXAMPLE), subjects(&in_the_old_order()));
        assert_eq!((&new[0], &new[1]), (&old[1], &old[0]));
    }

    #[test]
    fn any_other_bytes_are_no_statement_of_ours() {
        let cases = [
            EXAMPLE.replace("{\"_type", "{ \"_type"),
            EXAMPLE.replace("sighting/v1", "sighting/v2"),
            EXAMPLE.replace("\"tag\":\"index.docker.io/library/alpine:3.16.0\"", "\"tag\":\"alpine:3.16.0\""),
            EXAMPLE.replace("\"tag\":\"index.docker.io/library/alpine:3.16.0\"", "\"tag\":\"ghcr.io/a/b:1\""),
            EXAMPLE.replace("\"digest\":\"sha256:6", "\"digest\":\"sha256:7"),
            EXAMPLE.replace("580eec", "580eed"),
            in_the_old_order(),
            format!("{EXAMPLE}\n"),
            "{}".to_owned(),
            String::new(),
        ];
        for case in cases {
            assert_eq!(parse(case.as_bytes()), None, "{case}");
        }
    }
}
