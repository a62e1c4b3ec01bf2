//! Foreign text, made safe to show: text of a registry, the log or a client's path passes through here on its way into a
//! message, a header or a log line.

use std::borrow::Cow;

/// Bytes of foreign text in a message. Names have at most 255, and the rest of a longer error helps nobody.
const MAX_SHOWN_BYTES: usize = 512;

/// `text` with each character that controls a terminal, or hides or reorders others, replaced by U+FFFD.
pub(crate) fn sanitized(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unsafe) {
        text.chars().map(|c| if is_unsafe(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
    } else {
        Cow::Borrowed(text)
    }
}

/// [`sanitized`], cut between two characters to at most `limit` bytes.
pub(crate) fn within(text: &str, limit: usize) -> Cow<'_, str> {
    match sanitized(cut(text, limit)) {
        Cow::Borrowed(text) => Cow::Borrowed(text),
        // A replacement has three bytes, the original may have one.
        Cow::Owned(text) => Cow::Owned(cut(&text, limit).to_owned()),
    }
}

/// Foreign text within a message: [`sanitized`], and cut after 512 bytes, with an ellipsis.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    let whole = text.len() <= MAX_SHOWN_BYTES;
    let text = within(text, MAX_SHOWN_BYTES);
    if whole { text } else { Cow::Owned(format!("{text}…")) }
}

fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// Returns whether a character is a control (C0, C1, DEL), a line or paragraph separator, or invisible: Unicode's
/// `Default_Ignorable_Code_Point`, which includes the bidirectional controls, and the annotation controls.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_nobody_sees_is_replaced() {
        let harmful = [
            '\0',
            '\t',
            '\n',
            '\r',
            '\u{1b}',
            '\u{7f}',
            '\u{80}',
            '\u{85}',
            '\u{9b}',
            '\u{9f}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{206a}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e0100}',
        ];
        for c in harmful {
            assert_eq!(sanitized(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
            assert_eq!(within(&format!("a{c}b"), 9), "a\u{fffd}b", "{c:?}");
            assert_eq!(shown(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
        let plain = "registry.example/a:1 – Größe, 大きさ, גודל, حجم 🙂";
        assert!(matches!(sanitized(plain), Cow::Borrowed(same) if same == plain));
    }

    #[test]
    fn a_text_is_cut_between_characters_and_is_never_longer_than_its_limit() {
        assert_eq!((within("aé", 3), within("aé", 2), within("é", 1)), ("aé".into(), "a".into(), "".into()));
        for limit in 0..12 {
            let cut = within("\u{1}\u{2}\u{3}\u{4}", limit);
            assert!(cut.len() <= limit && cut.chars().all(|c| c == '\u{fffd}'), "{limit}: {cut:?}");
        }
        assert_eq!(shown(&"x".repeat(512)), "x".repeat(512));
        assert_eq!(shown(&"x".repeat(513)), format!("{}…", "x".repeat(512)));
    }
}
