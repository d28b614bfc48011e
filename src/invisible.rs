//! The characters of a text that nobody sees: they hide words, turn the order of others around, or
//! make two texts that differ look the same.
//!
//! One list for every place that shows, checks or names something. Control characters (Unicode's
//! category Cc) are not in it: each place has its own rule for line feeds and tabs.
//!
//! Not here: letters that look like others (homoglyphs).

/// Whether `c` shows as nothing, or turns the order of its neighbours around: Unicode's
/// `Default_Ignorable_Code_Point`, its bidirectional controls, the line and paragraph separators, and the
/// interlinear annotation marks.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The invisible characters of `text` that have no work to do where they stand, with their byte offsets.
///
/// A joiner between two emoji makes one picture of them, and a variation selector right behind a picture
/// or an ideograph chooses how that one is drawn; Persian and the scripts of India need joiners between
/// letters. Those stay. Flags made of tag characters do not: no eye can tell them from hidden words.
pub(crate) fn hidden(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    // What stands before, and whether a selector has chosen how it is drawn.
    let mut before = ('\n', false);
    text.char_indices().filter(move |&(at, c)| {
        let after = text.get(at..).and_then(|rest| rest.chars().nth(1));
        let useful = is_useful(before, c, after.unwrap_or('\n'));
        before = if useful && is_selector(c) {
            (before.0, true)
        } else {
            (c, false)
        };
        is_invisible(c) && !useful
    })
}

/// `text` with each of its [`hidden`] characters as an escape such as `\u{200b}`.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for (at, c) in hidden(text) {
        shown.push_str(text.get(from..at).unwrap_or_default());
        shown.extend(c.escape_unicode());
        from = at + c.len_utf8();
    }
    shown.push_str(text.get(from..).unwrap_or_default());
    shown
}

const fn is_useful((before, is_chosen): (char, bool), c: char, after: char) -> bool {
    match c {
        '\u{200d}' if is_picture(before) => is_picture(after),
        '\u{200c}' | '\u{200d}' => is_joined(before) && is_joined(after),
        '\u{fe0e}' | '\u{fe0f}' if is_picture(before) => !is_chosen,
        c if is_selector(c) => is_ideograph(before) && !is_chosen,
        _ => false,
    }
}

const fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Emoji, and the signs that a selector can make one of.
const fn is_picture(c: char) -> bool {
    matches!(c,
        '#' | '*' | '0'..='9' | '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}'
        | '\u{2194}'..='\u{27bf}' | '\u{2934}' | '\u{2935}' | '\u{2b05}'..='\u{2b55}' | '\u{3030}'
        | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

/// Chinese characters, Hanja and Kanji.
const fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

/// Scripts whose letters take another shape with a joiner or a non-joiner between them: Arabic and its
/// neighbours, and the scripts of India and Sri Lanka.
const fn is_joined(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{8ff}' | '\u{900}'..='\u{dff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_written_out() {
        for (text, shown) in [
            ("a\u{200b}b", "a\\u{200b}b"),
            ("\u{202e}x\u{2060}\u{ad}", "\\u{202e}x\\u{2060}\\u{ad}"),
            ("a\u{e0041}\u{e007f}", "a\\u{e0041}\\u{e007f}"),
            (
                "\u{61c}\u{200e}\u{200f}\u{3164}",
                "\\u{61c}\\u{200e}\\u{200f}\\u{3164}",
            ),
            ("1\u{200d}a", "1\\u{200d}a"),
            ("a\u{fe0f}", "a\\u{fe0f}"),
            ("\u{2764}\u{fe0f}\u{fe0f}", "\u{2764}\u{fe0f}\\u{fe0f}"),
        ] {
            assert_eq!(escaped(text), shown);
            assert_eq!(escaped(shown), shown, "an escape is not escaped again");
        }
    }

    #[test]
    fn emoji_ideographs_and_joined_letters_stay_as_they_are() {
        for text in [
            "한글, 日本語, naïve, English\n\ttab",
            "\u{1f469}\u{1f3fd}\u{200d}\u{1f52c} \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525} 1\u{fe0f}\u{20e3}",
            "葛\u{e0100}城",
            "می\u{200c}خواهم",
            "",
        ] {
            assert_eq!(escaped(text), text);
        }
    }
}
