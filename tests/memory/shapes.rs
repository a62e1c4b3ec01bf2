//! Documents of 4 MiB that a reader may take for much more.

/// A byte less than the most that is served, which a test adds.
const SIZE: usize = (4 << 20) - 1;

/// An index in which `part` stands again and again, separated by commas, between `before` and `after`.
fn filled(before: &str, part: impl Fn(usize) -> String, after: &str) -> Vec<u8> {
    let mut document = before.to_owned();
    let mut number = 0;
    loop {
        let part = part(number);
        if document.len() + part.len() + 1 + after.len() > SIZE {
            break;
        }
        if number > 0 {
            document.push(',');
        }
        document.push_str(&part);
        number += 1;
    }
    document.push_str(after);
    document.into_bytes()
}

fn repeated(before: &str, byte: &[u8], after: &str) -> Vec<u8> {
    [before.as_bytes(), &byte.repeat((SIZE - before.len() - after.len()) / byte.len()), after.as_bytes()].concat()
}

/// Each with its name.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    let list = |part: &'static str| filled(r#"{"manifests":["#, |_| part.to_owned(), "]}");
    let half = SIZE / 2 - 20;
    vec![
        ("spaces", repeated(r#"{"manifests":["#, b" ", "]}")),
        ("numbers in the list", list("0")),
        ("numbers beside it", filled(r#"{"manifests":[],"x":["#, |_| "0".to_owned(), "]}")),
        ("lists of one number", list("[0]")),
        ("objects of one field", list(r#"{"":0}"#)),
        ("fields", filled(r#"{"manifests":[],"#, |number| format!(r#""{number:x}":0"#), "}")),
        ("the same field", filled("{", |_| r#""manifests":[]"#.to_owned(), "}")),
        ("lists in lists", [br#"{"manifests":["#, &b"[".repeat(half)[..], &b"]".repeat(half), b"]}"].concat()),
        ("objects in objects", {
            let depth = SIZE / 6 - 20;
            [br#"{"manifests":[],"a":"#, &br#"{"a":"#.repeat(depth)[..], b"0", &b"}".repeat(depth), b"}"].concat()
        }),
        ("a name", repeated(r#"{"manifests":[],""#, b"x", r#"":0}"#)),
        ("an escaped name", repeated(r#"{"manifests":[],""#, br"\u0061", r#"":0}"#)),
        ("a text", repeated(r#"{"manifests":[],"mediaType":""#, "\u{390}".as_bytes(), r#""}"#)),
        ("what is not UTF-8", repeated(r#"{"manifests":[],"x":""#, b"\xff", r#""}"#)),
    ]
}
