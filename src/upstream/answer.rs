//! A registry's refusal in its own words: status, code and message, as far as they can be passed on.
//!
//! The distribution spec's body is `{"errors":[{"code","message","detail"}]}`. Registries and what stands in front of
//! them also send other JSON, plain text, XML and pages for browsers.

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;
use serde_json::Value;

use crate::foreign::shown;

/// Codes of known registries have up to 30 bytes.
const MAX_CODE_BYTES: usize = 64;

/// A registry's answer that is the client's too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub words: Words,
}

impl fmt::Display for Answer {
    /// Shows the status and, behind it and in quotes, the registry's message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shown_status(self.status))?;
        self.words.message.as_ref().map_or(Ok(()), |message| write!(f, ": '{message}'"))
    }
}

/// A status with its name, if HTTP's list has it.
pub(super) fn shown_status(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(_) => status.to_string(),
        None => status.as_str().to_owned(),
    }
}

/// The text of a refusal. None of it is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// In the form of the distribution spec's codes: capitals, digits and underscores.
    pub code: Option<String>,
    /// One line that holds no single quote, so that a quotation of it has one end.
    pub message: Option<String>,
}

impl Words {
    /// Reads a body, or the beginning of one. Bytes that are not UTF-8 become U+FFFD.
    pub(super) fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
        match serde_json::from_str::<Value>(&text) {
            Ok(json) => Self::of_json(&json),
            Err(_) => Self { code: None, message: line(&without_markup(&text)) },
        }
    }

    fn of_json(json: &Value) -> Self {
        let errors = json["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let code = errors.first().unwrap_or(json)["code"].as_str().filter(|code| is_code(code));
        // `errors` is the spec's, the others are those of gateways and of older registries.
        let of_errors = errors.iter().find_map(|error| error["message"].as_str());
        let others = ["message", "Message", "error", "detail"].into_iter().find_map(|name| json[name].as_str());
        let message = of_errors.or(others).or(json.as_str()).and_then(line);
        Self { code: code.map(str::to_owned), message }
    }
}

fn is_code(code: &str) -> bool {
    let is_of_code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    code.starts_with(|first: char| first.is_ascii_uppercase())
        && code.len() <= MAX_CODE_BYTES
        && code.bytes().all(is_of_code)
}

/// Text as one line that is safe to show. `None` without a letter or a digit, and for bytes that are no text:
/// compressed ones, or another charset's.
fn line(text: &str) -> Option<String> {
    let unreadable = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count();
    if unreadable > text.len() / 8 {
        return None;
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ").replace('\'', "\u{2019}");
    line.contains(char::is_alphanumeric).then(|| shown(&line).into_owned())
}

/// The text of a page: what stands between tags, but in no script, style or comment. Other text stays as it is.
fn without_markup(text: &str) -> Cow<'_, str> {
    if !text.trim_start().starts_with('<') {
        return Cow::Borrowed(text);
    }
    let (mut plain, mut rest) = (String::new(), text);
    while let Some((before, tag)) = rest.split_once('<') {
        plain.push_str(before);
        plain.push(' ');
        let end = match name(tag).as_str() {
            "!--" => "-->",
            "script" => "</script",
            "style" => "</style",
            _ => ">",
        };
        rest = find(tag, end).map_or("", |at| &tag[at + end.len()..]);
        // The rest of an end tag.
        if end.starts_with('<') {
            rest = rest.split_once('>').map_or("", |(_, rest)| rest);
        }
    }
    plain.push_str(rest);
    // `&amp;` comes last: what it escapes is no entity.
    for (entity, character) in
        [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
    {
        plain = plain.replace(entity, character);
    }
    Cow::Owned(plain)
}

/// The name of a tag, in lower case.
fn name(tag: &str) -> String {
    if tag.starts_with("!--") {
        return "!--".to_owned();
    }
    let end = tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len());
    tag[..end].to_ascii_lowercase()
}

/// The position of ASCII text, in any case.
fn find(text: &str, sought: &str) -> Option<usize> {
    text.as_bytes().windows(sought.len()).position(|window| window.eq_ignore_ascii_case(sought.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_read(body: impl AsRef<[u8]>, code: Option<&str>, message: Option<&str>) {
        let words = Words::read(body.as_ref());
        assert_eq!((words.code.as_deref(), words.message.as_deref()), (code, message));
    }

    #[test]
    fn code_and_message_are_found_in_every_shape_of_json() {
        let spec = r#"{"errors":[{"code":"UNSUPPORTED","message":"n is too large","detail":{"n":1}}]}"#;
        assert_read(spec, Some("UNSUPPORTED"), Some("n is too large"));
        let several = r#"{"errors":[{"code":"A_1","message":null},{"code":"B","message":"second"}]}"#;
        assert_read(several, Some("A_1"), Some("second"));
        // Artifactory; AWS's gateway; Quay before the spec; a message alone.
        assert_read(r#"{"errors":[{"status":403,"message":"blocked"}]}"#, None, Some("blocked"));
        assert_read(r#"{"message":"Forbidden"}"#, None, Some("Forbidden"));
        assert_read(r#"{"error":"no"}"#, None, Some("no"));
        assert_read(r#""no""#, None, Some("no"));
        assert_read("\u{feff}{\"message\":\"marked\"}", None, Some("marked"));
    }

    #[test]
    fn a_wrong_shape_has_no_words() {
        for body in [
            "",
            " \n",
            "{}",
            "[]",
            "7",
            "null",
            r#"{"errors":{}}"#,
            r#"{"errors":[]}"#,
            r#"{"errors":[7]}"#,
            r#"{"errors":[{"code":7,"message":{}}]}"#,
            r#"{"errors":[{"code":"","message":""}]}"#,
            r#"{"message":"..."}"#,
        ] {
            assert_read(body, None, None);
        }
    }

    #[test]
    fn a_code_is_one_of_the_specs_form_or_none() {
        for code in ["denied", "A B", "A\\n", "É", "_A", "1A", &"A".repeat(65)] {
            assert_read(format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#), None, None);
        }
        let longest = "A".repeat(64);
        assert_read(format!(r#"{{"errors":[{{"code":"{longest}"}}]}}"#), Some(&longest), None);
    }

    #[test]
    fn a_page_is_read_without_its_markup() {
        let page = "<html><body><h1>403 Forbidden</h1>\nSince we must &amp; comply, we block.\n</body></html>\n";
        assert_read(page, None, Some("403 Forbidden Since we must & comply, we block."));
        let page = "<!DOCTYPE html><!-- > --><head><TITLE>Blocked</TITLE><style>a>b{}</style><Script>if(a<b){}</sCript >\
                    </head><p title='x'>Your address";
        assert_read(page, None, Some("Blocked Your address"));
        let xml = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>No</Message></Error>";
        assert_read(xml, None, Some("AccessDenied No"));
        assert_read("<", None, None);
        assert_read("<script>alert(1)", None, None);
        assert_read("404 page <not> found", None, Some("404 page <not> found"));
    }

    #[test]
    fn a_message_is_one_line_that_cannot_end_its_own_quotation() {
        assert_read("a\r\nb\tc\u{1b}[2J\u{202e}", None, Some("a b c\u{fffd}[2J\u{fffd}"));
        assert_read("it's'; and tags are served", None, Some("it\u{2019}s\u{2019}; and tags are served"));
        assert_read(b"caf\xe9 au lait et tout", None, Some("caf\u{fffd} au lait et tout"));
        // Cyrillic in windows-1251.
        assert_read(b"\xc4\xee\xf1\xf2\xf3\xef \xe7\xe0\xef\xf0\xe5\xf9\xe5\xed", None, None);
        let long = Words::read("x".repeat(100_000).as_bytes()).message.unwrap();
        assert_eq!(long, format!("{}\u{2026}", "x".repeat(512)));
    }

    #[test]
    fn a_status_is_shown_with_its_message_in_quotes_and_last() {
        let answer = |status: u16, body: &[u8]| {
            let status = StatusCode::from_u16(status).unwrap();
            Answer { status, words: Words::read(body) }.to_string()
        };
        assert_eq!(
            (answer(410, b"no more"), answer(410, b"")),
            ("410 Gone: 'no more'".to_owned(), "410 Gone".to_owned())
        );
        assert_eq!(answer(444, b"blocked"), "444: 'blocked'");
    }

    #[test]
    fn depth_and_unclosed_markup_cost_no_more_than_their_length() {
        assert!(Words::read("[".repeat(16 << 10).as_bytes()).message.is_none());
        assert!(Words::read("<".repeat(16 << 10).as_bytes()).message.is_none());
        assert!(Words::read("<!--".repeat(4 << 10).as_bytes()).message.is_none());
    }
}
