//! `Link`: the next page of a list (RFC 8288 section 3).

use http::HeaderMap;
use http::header::LINK;

/// A link of a header's value: its target, and whether it has `rel="next"`. `None` if it has no `rel`.
struct Link<'a> {
    target: &'a [u8],
    is_next: Option<bool>,
}

/// The target of the first link with `rel="next"`: `None` if a link cannot be read, `Some(None)` if no link has it. An
/// empty value or an empty target is no link.
///
/// If no link has it, the first one counts that has a query and no relation at all. skopeo, crane and oras look at no
/// relation, and a list that ends early would hide tags.
pub(super) fn next_page(headers: &HeaderMap) -> Option<Option<&[u8]>> {
    let (mut next, mut unrelated) = (None, None);
    for value in headers.get_all(LINK) {
        let mut rest = trimmed(value.as_bytes());
        while !rest.is_empty() {
            let (link, after) = read(rest)?;
            match link.is_next {
                Some(true) if !link.target.is_empty() => next = next.or(Some(link.target)),
                None if query(link.target).is_some() => unrelated = unrelated.or(Some(link.target)),
                _ => {}
            }
            rest = after;
        }
    }
    Some(next.or(unrelated))
}

/// The query of a target, without the fragment. The path is not looked at: the next page is where this one was.
/// Registries behind proxies write a path, a host or a scheme there that nobody outside can use.
pub(super) fn query(target: &[u8]) -> Option<String> {
    let target = target.split(|b| *b == b'#').next()?;
    let start = target.iter().position(|b| *b == b'?')? + 1;
    let query = String::from_utf8_lossy(&target[start..]);
    (!query.is_empty()).then(|| query.into_owned())
}

/// Reads one link, and answers what is left behind its comma.
fn read(text: &[u8]) -> Option<(Link<'_>, &[u8])> {
    let text = text.strip_prefix(b"<")?;
    let end = text.iter().position(|b| *b == b'>')?;
    let (target, mut rest) = (trimmed(&text[..end]), trimmed(&text[end + 1..]));
    // The first `rel` counts, and the others do not (RFC 8288 section 3.3).
    let mut is_next = None;
    while let Some(parameter) = rest.strip_prefix(b";") {
        let (name, value, after) = read_parameter(trimmed(parameter))?;
        if name.eq_ignore_ascii_case(b"rel") {
            let has_next = value.split(|b| b.is_ascii_whitespace()).any(|rel| rel.eq_ignore_ascii_case(b"next"));
            is_next = is_next.or(Some(has_next));
        }
        rest = after;
    }
    let rest = if rest.is_empty() { rest } else { trimmed(rest.strip_prefix(b",")?) };
    Some((Link { target, is_next }, rest))
}

/// Reads a parameter: its name, its value without quotes, and what is left.
fn read_parameter(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let end = text.iter().position(|b| matches!(b, b'=' | b';' | b',')).unwrap_or(text.len());
    let (name, rest) = (trimmed(&text[..end]), &text[end..]);
    let Some(value) = rest.strip_prefix(b"=").map(trimmed) else { return Some((name, b"", rest)) };
    if let Some(quoted) = value.strip_prefix(b"\"") {
        let mut is_escaped = false;
        let end = quoted.iter().position(|b| {
            let ends = *b == b'"' && !is_escaped;
            is_escaped = *b == b'\\' && !is_escaped;
            ends
        })?;
        return Some((name, &quoted[..end], trimmed(&quoted[end + 1..])));
    }
    let end = value.iter().position(|b| matches!(b, b';' | b',')).unwrap_or(value.len());
    Some((name, trimmed(&value[..end]), &value[end..]))
}

fn trimmed(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn next(values: &[&str]) -> Option<Option<String>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(LINK, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        next_page(&headers).map(|target| target.map(|target| String::from_utf8_lossy(target).into_owned()))
    }

    #[test]
    fn the_next_page_is_found_among_links_however_it_is_written() {
        for values in [
            &[r#"<a?b>; rel="next""#][..],
            &["<a?b>;rel=next"],
            &[r#" < a?b > ; REL = "prev  NEXT" ; title="x, <y>; rel=\"first\"""#],
            &[r#"<x>; rel="first", <a?b>; title=é; rel="next", <y>; rel="next""#],
            &[r#"<x>; rel="prev""#, r#"<a?b>; rel="next""#],
            &["", r#"<a?b>; crossorigin; rel="next""#],
            &[r#"<>; rel="next", <a?b>; rel="next""#],
            &[r#"<a?b>; rel="next"; rel="prev""#],
            &["<a?b>"],
            &[r#"<a?b>; title="rel=next""#],
            &[r#"<x>; title="a page without a query", <a?b>, <y?z>"#],
            &["<x?y>", r#"<a?b>; rel="next""#],
        ] {
            assert_eq!(next(values), Some(Some("a?b".to_owned())), "{values:?}");
        }
    }

    #[test]
    fn an_empty_link_is_none_and_so_is_another_relation() {
        for values in [
            &[][..],
            &[""],
            &["  "],
            &["<>"],
            &[r#"<>; rel="next""#],
            &[r#"<a?b>; rel="prev""#],
            &["<a>"],
            &["<a>; title=b"],
            &[r#"<a?b>; rel="prev"; rel="next""#],
            &["<a?b>; rel=nextone"],
            &["<a?b>; rel"],
        ] {
            assert_eq!(next(values), Some(None), "{values:?}");
        }
    }

    #[test]
    fn a_link_that_cannot_be_read_is_a_fault() {
        for value in
            ["nonsense", "<a", "é", "a?b; rel=next", "<a?b>; rel=\"next", "<a?b> rel=next", "<a?b>; rel=next, b"]
        {
            assert_eq!(next(&[value]), None, "{value}");
        }
    }

    #[test]
    fn the_query_alone_counts() {
        for (target, expected) in [
            ("/v2/a/tags/list?n=2&last=b", Some("n=2&last=b")),
            ("?last=b", Some("last=b")),
            ("list?last=b#c?d", Some("last=b")),
            ("http://other:8080//repository/x/v2/a%2fb/tags/list?last=b?c", Some("last=b?c")),
            ("http://[?last=b", Some("last=b")),
            ("/v2/a/tags/list", None),
            ("/v2/a/tags/list?", None),
            ("/v2/a/tags/list#?last=b", None),
        ] {
            assert_eq!(query(target.as_bytes()).as_deref(), expected, "{target}");
        }
    }
}
