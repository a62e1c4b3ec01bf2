//! Names as people write them: their canonical form, and the ones that are refused.

use tlogistry::image::{Algorithm, Digest, NameError, Reference, Registry, Repository, Tag};
use tlogistry::pinned::parse_tag;

/// The longest name: registry, `/` and repository have 255 characters.
fn longest() -> String {
    format!("ghcr.io/{}", ["a".repeat(123), "b".repeat(123)].join("/"))
}

#[test]
fn a_repository_has_one_canonical_name_however_it_is_written() {
    let longest = longest();
    assert_eq!(longest.len(), 255);
    let cases = [
        ("alpine", "index.docker.io/library/alpine"),
        ("library/alpine", "index.docker.io/library/alpine"),
        ("docker.io/alpine", "index.docker.io/library/alpine"),
        ("docker.io/library/alpine", "index.docker.io/library/alpine"),
        ("index.docker.io/alpine", "index.docker.io/library/alpine"),
        ("registry-1.docker.io/library/alpine", "index.docker.io/library/alpine"),
        ("Docker.IO/alpine", "index.docker.io/library/alpine"),
        ("docker.io:443/alpine", "index.docker.io/library/alpine"),
        ("grafana/grafana", "index.docker.io/grafana/grafana"),
        ("library/library", "index.docker.io/library/library"),
        ("a/b/c", "index.docker.io/a/b/c"),
        // Another port is another registry, and no Hub: nothing is put in front of the name.
        ("docker.io:5000/alpine", "docker.io:5000/alpine"),
        ("hub.docker.com/alpine", "hub.docker.com/alpine"),
        ("gcr.io/distroless/static-debian12", "gcr.io/distroless/static-debian12"),
        ("registry.k8s.io/pause", "registry.k8s.io/pause"),
        ("quay.io/prometheus/node-exporter", "quay.io/prometheus/node-exporter"),
        ("public.ecr.aws/docker/library/busybox", "public.ecr.aws/docker/library/busybox"),
        ("mcr.microsoft.com/dotnet/runtime-deps", "mcr.microsoft.com/dotnet/runtime-deps"),
        ("registry.gitlab.com/group/sub-group/project/image", "registry.gitlab.com/group/sub-group/project/image"),
        ("us-docker.pkg.dev/project-1/repo/img", "us-docker.pkg.dev/project-1/repo/img"),
        ("GHCR.io/org/app", "ghcr.io/org/app"),
        ("ghcr.io:443/org/app", "ghcr.io/org/app"),
        ("ghcr.io:80/org/app", "ghcr.io:80/org/app"),
        ("localhost/app", "localhost/app"),
        ("localhost:5000/app", "localhost:5000/app"),
        ("registry:5000/app", "registry:5000/app"),
        ("1.2.3.4/app", "1.2.3.4/app"),
        ("1.2.3.4:65535/app", "1.2.3.4:65535/app"),
        ("xn--bcher-kva.example/app", "xn--bcher-kva.example/app"),
        ("1password.example/app", "1password.example/app"),
        // A would-be host is a path if nothing follows it.
        ("localhost", "index.docker.io/library/localhost"),
        ("ghcr.io", "index.docker.io/library/ghcr.io"),
        ("0x7f/app", "index.docker.io/0x7f/app"),
        ("ghcr.io/manifests/blobs/tags/list", "ghcr.io/manifests/blobs/tags/list"),
        ("ghcr.io/v2/_catalog".trim_end_matches("/_catalog"), "ghcr.io/v2"),
        ("ghcr.io/a.b/c_d/e__f/g-h/i---j/0", "ghcr.io/a.b/c_d/e__f/g-h/i---j/0"),
        (&longest, &longest),
    ];
    for (written, canonical) in cases {
        let repository: Repository = written.parse().unwrap_or_else(|error| panic!("{written}: {error}"));
        assert_eq!(repository.to_string(), canonical, "{written}");
        assert_eq!(canonical.parse::<Repository>().unwrap(), repository, "{canonical}");
        let tag: Tag = format!("{written}:v1").parse().unwrap();
        assert_eq!((tag.canonical(), tag.to_string().parse()), (&*format!("{canonical}:v1"), Ok(tag.clone())));
        assert_eq!((tag.repository(), tag.name()), (&repository, "v1"));
    }
}

#[test]
fn what_is_no_repository_is_refused_by_its_path() {
    let paths = [
        "",
        "Alpine",
        "ghcr.io/",
        "ghcr.io//a",
        "ghcr.io/a/",
        "ghcr.io/a//b",
        "ghcr.io/a/../b",
        "ghcr.io/..",
        "ghcr.io/.",
        "ghcr.io/-a",
        "ghcr.io/a-",
        "ghcr.io/_a",
        "ghcr.io/a_",
        "ghcr.io/.a",
        "ghcr.io/a..b",
        "ghcr.io/a___b",
        "ghcr.io/a._b",
        "ghcr.io/a-_b",
        "ghcr.io/a-.b",
        "ghcr.io/a%2fb",
        "ghcr.io/a b",
        "ghcr.io/a?b",
        "ghcr.io/a#b",
        "ghcr.io/a\\b",
        "ghcr.io/a:b",
        "ghcr.io/a@b",
        "ghcr.io/ä",
        "ghcr.io/a\u{0}",
        "ghcr.io/a\r\nx",
        "ghcr.io/OrgName",
        "/a",
        "alpine/",
        " alpine",
        "alpine ",
    ];
    for path in paths {
        assert!(matches!(path.parse::<Repository>(), Err(NameError::Repository(_))), "{path:?}");
    }
    let longer = format!("{}c", longest());
    assert_eq!(longer.parse::<Repository>(), Err(NameError::TooLong(256)));
    // The canonical name counts: the Hub's short names grow.
    let short = "a".repeat(255 - "index.docker.io/library/".len());
    assert_eq!(short.parse::<Repository>().unwrap().to_string().len(), 255);
    assert_eq!(format!("{short}a").parse::<Repository>(), Err(NameError::TooLong(256)));
}

/// RFC 9476: no name under .alt is in DNS. The prefix of a pinned name is one of them.
#[test]
fn no_registry_has_a_name_under_alt() {
    for host in [
        "pinned.alt",
        "PINNED.ALT",
        "Pinned.Alt",
        "pinned.alt:443",
        "pinned.alt:5000",
        "registry.alt",
        "a.b.alt",
        "xn--bcher-kva.alt",
    ] {
        assert_eq!(host.parse::<Registry>(), Err(NameError::NotInDns(host.to_owned())), "{host}");
        let name = format!("{host}/org/app");
        assert_eq!(name.parse::<Repository>(), Err(NameError::NotInDns(host.to_owned())));
        assert_eq!(format!("{name}:v1").parse::<Tag>(), Err(NameError::NotInDns(host.to_owned())));
    }
    for host in ["alt.example", "pinned.alt.example", "pinned-alt.example", "notalt", "pinnedalt:5000", "exalt.test"] {
        assert!(host.parse::<Registry>().is_ok(), "{host}");
    }
    let error = "pinned.alt/alpine".parse::<Repository>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "'pinned.alt' is not a registry host: names that end in .alt are not in DNS, and 'pinned.alt/' stands once, in \
         front of a whole name"
    );
}

#[test]
fn a_pinned_name_is_another_name_of_the_same_tag() {
    for (written, canonical) in [
        ("pinned.alt/alpine:3.16.0", "index.docker.io/library/alpine:3.16.0"),
        ("pinned.alt/grafana/grafana:v1", "index.docker.io/grafana/grafana:v1"),
        ("pinned.alt/GHCR.io:443/org/app:v1", "ghcr.io/org/app:v1"),
        ("pinned.alt/localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("alpine:3.16.0", "index.docker.io/library/alpine:3.16.0"),
        // Within a repository it is a component like any other.
        ("ghcr.io/pinned.alt/app:v1", "ghcr.io/pinned.alt/app:v1"),
        ("pinned.alt/ghcr.io/pinned.alt/app:v1", "ghcr.io/pinned.alt/app:v1"),
        ("docker.io/pinned.alt/app:v1", "index.docker.io/pinned.alt/app:v1"),
        // A would-be host is a path if nothing follows it.
        ("pinned.alt/pinned.alt:v1", "index.docker.io/library/pinned.alt:v1"),
    ] {
        assert_eq!(parse_tag(written).as_ref().map(Tag::canonical), Ok(canonical), "{written}");
    }
    for written in [
        "pinned.alt/pinned.alt/alpine:v1",
        "pinned.alt/other.alt/alpine:v1",
        "Pinned.alt/alpine:v1",
        "pinned.alt:443/alpine:v1",
        "pinned.alt//alpine:v1",
        "pinned.alt/:v1",
        "/pinned.alt/alpine:v1",
        "pinned.alt/alpine",
        "pinned.alt/",
    ] {
        assert!(parse_tag(written).is_err(), "{written}");
    }
}

#[test]
fn what_is_no_host_is_refused_as_one() {
    let label = "a".repeat(64);
    let hosts = [
        "ghcr.io.",
        ".ghcr.io",
        "gh..io",
        "-ghcr.io",
        "ghcr-.io",
        "gh_cr.io",
        "ghcr.io:",
        "ghcr.io:0",
        "ghcr.io:080",
        "ghcr.io:65536",
        "ghcr.io:+80",
        "ghcr.io: 80",
        "ghcr.io:80:80",
        "user@ghcr.io",
        "user:pw@ghcr.io",
        "[::1]",
        "[::1]:5000",
        "::1",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        "0x7f.1",
        "0x7f.0.0.1",
        "127.0x1",
        "a.1",
        "a.0x1f",
        "2130706433:80",
        "ghcr.io%2f",
        "bücher.example",
        "ghcr。io.x",
        "a b.io",
        "ghcr.io\n.x",
        "https://a.b",
        &format!("{label}.io"),
        &format!("{}.io", ["a"; 126].join(".")),
    ];
    for host in hosts {
        assert!(matches!(host.parse::<Registry>(), Err(NameError::Registry(_))), "{host:?}");
        if !host.contains('/') {
            let path = format!("{host}/app:v1");
            assert!(path.parse::<Tag>().is_err(), "{path:?}");
        }
    }
    assert!(format!("{}.io", &label[1..]).parse::<Registry>().is_ok());
}

#[test]
fn docker_hub_is_called_by_another_name_than_its_canonical_one() {
    for name in ["docker.io", "index.docker.io", "registry-1.docker.io", "DOCKER.io:443"] {
        let registry: Registry = name.parse().unwrap();
        assert_eq!((registry.as_str(), registry.endpoint()), ("index.docker.io", "registry-1.docker.io"));
    }
    let registry: Registry = "localhost:5000".parse().unwrap();
    assert_eq!((registry.as_str(), registry.endpoint()), ("localhost:5000", "localhost:5000"));
}

#[test]
fn a_tag_is_up_to_128_letters_digits_and_marks() {
    let repository: Repository = "alpine".parse().unwrap();
    for name in ["latest", "3.16.0", "_", "0", "V1_a.b-c", "a..b", "a--", "a.", "sha256", &"t".repeat(128)] {
        let tag = Tag::new(repository.clone(), name).unwrap();
        assert_eq!(tag.canonical(), format!("index.docker.io/library/alpine:{name}"));
        assert_eq!(Reference::new(repository.clone(), name), Ok(Reference::Tag(tag)));
    }
    for name in ["", ".a", "-a", "a/b", "a+b", "a%20", "a b", "ä", "a\n", "a\r\nb", "a\u{0}", &"t".repeat(129)] {
        assert!(matches!(Tag::new(repository.clone(), name), Err(NameError::Tag(_))), "{name:?}");
    }
    // Tags differ by case.
    assert_ne!("alpine:V1".parse::<Tag>().unwrap(), "alpine:v1".parse::<Tag>().unwrap());
    for name in ["alpine", "localhost:5000/alpine", "alpine@sha256:00", ""] {
        assert!(name.parse::<Tag>().is_err(), "{name}");
    }
    for name in ["alpine", "localhost:5000/alpine"] {
        assert!(matches!(name.parse::<Tag>(), Err(NameError::NoTag(_))), "{name}");
    }
    assert!(matches!("alpine:-".parse::<Tag>(), Err(NameError::Tag(_))));
}

#[test]
fn a_digest_is_of_sha256_or_sha512_in_lower_case() {
    let (short, long) = ("0a".repeat(32), "0a".repeat(64));
    for (text, algorithm) in
        [(format!("sha256:{short}"), Algorithm::Sha256), (format!("sha512:{long}"), Algorithm::Sha512)]
    {
        let digest: Digest = text.parse().unwrap();
        assert_eq!((digest.to_string(), digest.algorithm()), (text.clone(), algorithm));
        assert_eq!(digest.hex(), &text[7..]);
        let repository: Repository = "alpine".parse().unwrap();
        assert_eq!(Reference::new(repository.clone(), &text), Ok(Reference::Digest(repository, digest)));
    }
    let bad = [
        String::new(),
        short.clone(),
        format!("sha256:{long}"),
        format!("sha512:{short}"),
        "sha256:".to_owned(),
        format!("sha256:{}", short.to_uppercase()),
        format!("SHA256:{short}"),
        format!("sha384:{}", "0a".repeat(48)),
        format!("sha1:{}", "0a".repeat(20)),
        format!("sha256:{short}0"),
        format!("sha256:{} ", &short[1..]),
        format!("sha256::{}", &short[1..]),
        format!("sha256:{}é", &short[2..]),
        format!("sha256+b64:{short}"),
        format!(" sha256:{short}"),
        format!("sha256:{short}\n"),
    ];
    for text in bad {
        assert_eq!(text.parse::<Digest>(), Err(NameError::Digest(text.clone())), "{text:?}");
    }
}

#[test]
fn a_digest_matches_the_bytes_that_hash_to_it() {
    let empty512 = concat!(
        "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce",
        "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
    );
    let empty256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for digest in [empty256, empty512] {
        let digest: Digest = digest.parse().unwrap();
        assert!(digest.matches(b"") && !digest.matches(b" "));
    }
    assert_eq!(Digest::sha256(b"").as_str(), empty256);
}

#[test]
fn tags_that_stand_for_a_digest_are_told_from_those_that_only_look_so() {
    let (hex, long) = ("0123456789abcdef".repeat(4), "0123456789abcdef".repeat(7));
    let is = |name: &str| Tag::new("alpine".parse().unwrap(), name).unwrap().is_referrers_tag();
    for prefix in ["sha256-", "sha512-"] {
        for suffix in ["", ".sig", ".att", ".sbom", ".x.y"] {
            assert!(is(&format!("{prefix}{hex}{suffix}")), "{prefix}…{suffix}");
        }
        for suffix in [".", "0", "-sig", "_", "sig"] {
            assert!(!is(&format!("{prefix}{hex}{suffix}")), "{prefix}…{suffix}");
        }
    }
    for name in [
        "sha256",
        "sha256-",
        "sha256-0.sig",
        &format!("sha256-{}", &hex[1..]),
        &format!("sha256-{}", hex.to_uppercase()),
        &format!("sha256_{hex}"),
        &format!("SHA256-{hex}"),
        &format!("sha384-{hex}"),
        &format!("v-sha256-{hex}"),
        &format!("sha512-{long}"),
    ] {
        assert!(!is(name), "{name}: it would be served without a record");
    }
}
