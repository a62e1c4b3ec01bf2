//! Policy files: those that are one, and what is said of the others.

use testing::witness::{Witness, vkey};
use tlogistry::tlog::Policy;

/// Verifier keys of five witnesses, and of two logs.
struct Keys {
    witnesses: Vec<String>,
    logs: Vec<String>,
}

impl Keys {
    fn new() -> Self {
        let witnesses = (0..5).map(|number| Witness::new(&format!("w{number}.test/größe")).vkey()).collect();
        let logs = (0..2).map(|number| vkey(&format!("log{number}.test"), 1, Witness::new("log").key())).collect();
        Self { witnesses, logs }
    }

    /// `$0` to `$4` are witnesses' keys, `@0` and `@1` logs'.
    fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (number, key) in self.witnesses.iter().enumerate() {
            text = text.replace(&format!("${number}"), key);
        }
        for (number, key) in self.logs.iter().enumerate() {
            text = text.replace(&format!("@{number}"), key);
        }
        text
    }
}

#[test]
fn what_the_specification_allows_is_a_policy() {
    let keys = Keys::new();
    let cases = [
        "quorum none\n",
        "quorum none",
        "log @0\nlog @1 https://log1.test/\nquorum none\n",
        "witness a $0\nquorum a\n",
        "\n \t \n# comment\n  # another\n\twitness\t a   $0 https://w/  \nquorum a\n",
        "witness a $0\nwitness b $1\ngroup g 1 a b\nquorum g\n",
        "witness a $0\nwitness b $1\ngroup g all a\ngroup h any b g\nquorum h\nlog @0\n",
        // Lines of witnesses may follow the quorum's, which names what is before.
        "witness a $0\nquorum a\nwitness b $1\n",
        // A name may be any word, a keyword too.
        "witness all $0\nwitness quorum $1\ngroup any any all quorum\nquorum any\n",
        "witness größe $0\nquorum größe\n",
        "witness #a $0\nquorum #a\n",
        // A witness that no group has.
        "witness a $0\nwitness b $1\nquorum b\n",
    ];
    for case in cases {
        if let Err(error) = Policy::parse(keys.fill(case).as_bytes()) {
            panic!("{case}: {error}");
        }
    }
    let opaque = [&b"witness \xff\xfe "[..], keys.witnesses[0].as_bytes(), b" \x80\nquorum \xff\xfe\n#\xc3\n"].concat();
    assert!(Policy::parse(&opaque).is_ok(), "octets above 0x7f are opaque");
}

#[test]
fn what_is_no_policy_is_refused_by_line_and_reason() {
    let keys = Keys::new();
    let of_kind = |kind| vkey("w.test", kind, Witness::new("w").key());
    let (of_log, ecdsa) = (of_kind(1), of_kind(2));
    let cases = [
        ("", "it has no quorum line"),
        ("witness a $0\n", "it has no quorum line"),
        ("quorum none\nquorum none\n", "line 2: it is the second quorum line"),
        ("quorum\n", "line 1: it is not 'quorum <name>'"),
        ("quorum none none\n", "line 1: it is not 'quorum <name>'"),
        ("quorum a\n", "line 1: no line before defines 'a'"),
        ("quorum a\nwitness a $0\n", "line 1: no line before defines 'a'"),
        ("witness a $0\nquorum A\n", "line 2: no line before defines 'A'"),
        ("witness a $0\nquorum a # why\n", "line 2: it is not 'quorum <name>'"),
        ("witness a $0\nwitness a $1\n", "line 2: 'a' is defined before"),
        ("witness a $0\ngroup a any a\n", "line 2: 'a' is defined before"),
        ("witness a $0\nwitness b $0\n", "line 2: the witness 'a' has the same key"),
        ("witness none $0\n", "line 1: 'none' stands for no witness"),
        ("witness a $0\ngroup none any a\n", "line 2: 'none' stands for no witness"),
        ("witness a $0\ngroup g any a none\n", "line 2: 'none' is no member of a group"),
        ("witness a $0\ngroup g any\n", "line 2: the group has no members"),
        ("group g\n", "line 1: it is not 'group <name> all|any|<k> <name>...'"),
        ("witness a $0\ngroup g 0 a\n", "line 2: '0' is neither all, any nor 1 to 1"),
        ("witness a $0\ngroup g 2 a\n", "line 2: '2' is neither all, any nor 1 to 1"),
        ("witness a $0\ngroup g -1 a\n", "line 2: '-1' is neither all, any nor 1 to 1"),
        ("witness a $0\ngroup g +1 a\n", "line 2: '+1' is neither"),
        ("witness a $0\ngroup g 01 a\n", "line 2: '01' is neither"),
        ("witness a $0\ngroup g 0x1 a\n", "line 2: '0x1' is neither"),
        ("witness a $0\ngroup g 18446744073709551617 a\n", "line 2: '18446744073709551617' is neither"),
        ("witness a $0\ngroup g ALL a\n", "line 2: 'ALL' is neither"),
        ("witness a $0\ngroup g any a a\n", "line 2: 'a' is a member of a group already"),
        ("witness a $0\ngroup g any a\ngroup h any a\n", "line 3: 'a' is a member of a group already"),
        ("group g any g\n", "line 1: no line before defines 'g'"),
        ("witness a $0\ngroup g any h a\ngroup h any g\n", "line 2: no line before defines 'h'"),
        ("log @0\nlog @0\n", "line 2: the same log is there before"),
        ("log @0 https://a b\n", "line 1: it is not 'log <vkey> [<url>]'"),
        ("log\n", "line 1: it is not 'log <vkey> [<url>]'"),
        ("witness a\n", "line 1: it is not 'witness <name> <vkey> [<url>]'"),
        ("witness a $0 https://w/ more\n", "line 1: it is not 'witness <name> <vkey> [<url>]'"),
        ("witness a %log\n", "line 1: not a usable public key: a witness's verifier key is of type 4, Ed25519, or 6"),
        ("witness a %ecdsa\n", "a witness's verifier key is of type 4"),
        ("log $0\n", "line 1: not a usable public key: a log's verifier key is of type 1, Ed25519"),
        ("witness a nonsense\n", "line 1: not a usable public key: not a verifier key"),
        ("witness a w0.test+00000000+BAAA\n", "a witness's verifier key is of type 4"),
        ("Witness a $0\n", "line 1: 'Witness' is neither log, witness, group nor quorum"),
        ("sneaky\u{202e}\n", "line 1: 'sneaky\u{fffd}' is neither"),
        ("quorum none\r\n", "line 1: it holds the control character 0x0d"),
        ("quorum none\0\n", "line 1: it holds the control character 0x00"),
        ("# \u{7f}\nquorum none\n", "line 1: it holds the control character 0x7f"),
        ("\u{feff}quorum none\n", "is neither log, witness"),
    ];
    for (case, expected) in cases {
        let text = keys.fill(case).replace("%log", &of_log).replace("%ecdsa", &ecdsa);
        let error = Policy::parse(text.as_bytes()).expect_err(case).to_string();
        assert!(error.starts_with("not a tlog-policy: ") && error.contains(expected), "{case:?}: {error}");
    }
    let (id, key) = keys.witnesses[0].split_once('+').unwrap().1.split_once('+').unwrap();
    for wrong in [format!("other.test+{id}+{key}"), format!("w0.test/größe+{}+{key}", id.to_uppercase() + "0")] {
        let error = Policy::parse(format!("witness a {wrong}\n").as_bytes()).unwrap_err().to_string();
        assert!(error.contains("a verifier key's id is of another key"), "{error}");
    }
}

#[test]
fn a_policy_has_limits_and_32_of_each_fit() {
    let lines = |count: usize| -> String {
        let witness =
            |number: usize| format!("witness w{number} {}\n", Witness::new(&format!("w{number}.test")).vkey());
        let witnesses: String = (0..count).map(witness).collect();
        let group = |number: usize| match number {
            0 => "group g0 any w0\n".to_owned(),
            number => format!("group g{number} all w{number} g{}\n", number - 1),
        };
        witnesses + &(0..count).map(group).collect::<String>() + &format!("quorum g{}\n", count - 1)
    };
    assert!(Policy::parse(lines(32).as_bytes()).is_ok());
    assert!(Policy::parse(lines(64).as_bytes()).is_ok());
    let error = Policy::parse(lines(65).as_bytes()).unwrap_err().to_string();
    assert!(error.contains("it is the witness or group after 128"), "{error}");
    let error = Policy::parse(&vec![b'\n'; (512 << 10) + 1]).unwrap_err().to_string();
    assert_eq!(error, "not a tlog-policy: it has more than 524288 bytes");
    let quorum = b"quorum none";
    let largest = [&vec![b'\n'; (512 << 10) - quorum.len()][..], quorum].concat();
    assert!(Policy::parse(&largest).is_ok());
}

/// ML-DSA-44 is not checked here: such a witness may stand in a policy, and never counts.
#[test]
fn a_witness_with_a_key_of_ml_dsa_never_counts() {
    let checkpoint = "log.test\n1\nLmgRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=\n\n— log.test wNI9ajBE\n";
    let one = Witness::new("one.test");
    let other = vkey("pq.test", 6, &[7; 1312]);
    let cosigned = tlogistry::tlog::Checkpoint::parse(&one.cosign(checkpoint, 7)).unwrap();
    let policy = |quorum| format!("witness a {}\nwitness b {other}\ngroup g {quorum} a b\nquorum g\n", one.vkey());
    assert_eq!(Policy::parse(policy("any").as_bytes()).unwrap().check(&cosigned).unwrap().time(), Some(7));
    let error = Policy::parse(policy("all").as_bytes()).unwrap().check(&cosigned).unwrap_err().to_string();
    assert!(error.contains("(a cosigned, b did not cosign)"), "{error}");
}

#[test]
fn a_policy_is_given_as_text_or_by_a_path_that_nobody_else_may_write() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quorum");
    let text = Keys::new().fill("witness a $0\nquorum a\n");
    std::fs::write(&path, &text).unwrap();
    assert!(Policy::read(&text).is_ok() && Policy::read(path.to_str().unwrap()).is_ok());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let error = Policy::read(path.to_str().unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("not a tlog-policy: ") && error.contains("quorum"), "{error}");
    assert!(Policy::read("/no/such/policy").unwrap_err().to_string().contains("/no/such/policy"));
}
