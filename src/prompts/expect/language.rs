//! The language that most of an answer is written in.
//!
//! Languages with a script of their own (Korean, Greek) are told from a word; those that share one
//! (English, Spanish) take a sentence or two. Of a JSON answer only the texts are looked at, not the
//! keys. The language is looked for among those that are used most and the expected one: among all
//! of them, a sentence of Russian is easily taken for Bulgarian.

use serde_json::Value;
use whatlang::{Detector, Info, Lang, Script};

use super::quote::quote;

/// Fewer letters than these do not tell languages apart that share a script.
const ENOUGH_LETTERS: usize = 24;

/// The languages that can be told, by ISO 639-1.
const LANGUAGES: [(&str, Lang); 71] = [
    ("af", Lang::Afr),
    ("ak", Lang::Aka),
    ("am", Lang::Amh),
    ("ar", Lang::Ara),
    ("az", Lang::Aze),
    ("be", Lang::Bel),
    ("bg", Lang::Bul),
    ("bn", Lang::Ben),
    ("ca", Lang::Cat),
    ("cs", Lang::Ces),
    ("cy", Lang::Cym),
    ("da", Lang::Dan),
    ("de", Lang::Deu),
    ("el", Lang::Ell),
    ("en", Lang::Eng),
    ("eo", Lang::Epo),
    ("es", Lang::Spa),
    ("et", Lang::Est),
    ("fa", Lang::Pes),
    ("fi", Lang::Fin),
    ("fr", Lang::Fra),
    ("gu", Lang::Guj),
    ("he", Lang::Heb),
    ("hi", Lang::Hin),
    ("hr", Lang::Hrv),
    ("hu", Lang::Hun),
    ("hy", Lang::Hye),
    ("id", Lang::Ind),
    ("it", Lang::Ita),
    ("ja", Lang::Jpn),
    ("jv", Lang::Jav),
    ("ka", Lang::Kat),
    ("km", Lang::Khm),
    ("kn", Lang::Kan),
    ("ko", Lang::Kor),
    ("la", Lang::Lat),
    ("lt", Lang::Lit),
    ("lv", Lang::Lav),
    ("mk", Lang::Mkd),
    ("ml", Lang::Mal),
    ("mr", Lang::Mar),
    ("my", Lang::Mya),
    ("nb", Lang::Nob),
    ("ne", Lang::Nep),
    ("nl", Lang::Nld),
    ("no", Lang::Nob),
    ("or", Lang::Ori),
    ("pa", Lang::Pan),
    ("pl", Lang::Pol),
    ("pt", Lang::Por),
    ("ro", Lang::Ron),
    ("ru", Lang::Rus),
    ("si", Lang::Sin),
    ("sk", Lang::Slk),
    ("sl", Lang::Slv),
    ("sn", Lang::Sna),
    ("sr", Lang::Srp),
    ("sv", Lang::Swe),
    ("ta", Lang::Tam),
    ("te", Lang::Tel),
    ("th", Lang::Tha),
    ("tk", Lang::Tuk),
    ("tl", Lang::Tgl),
    ("tr", Lang::Tur),
    ("uk", Lang::Ukr),
    ("ur", Lang::Urd),
    ("uz", Lang::Uzb),
    ("vi", Lang::Vie),
    ("yi", Lang::Yid),
    ("zh", Lang::Cmn),
    ("zu", Lang::Zul),
];

/// The languages that an answer is in if it is not in the expected one.
const COMMON: [Lang; 20] = [
    Lang::Ara,
    Lang::Cmn,
    Lang::Deu,
    Lang::Eng,
    Lang::Fra,
    Lang::Hin,
    Lang::Ind,
    Lang::Ita,
    Lang::Jpn,
    Lang::Kor,
    Lang::Nld,
    Lang::Pol,
    Lang::Por,
    Lang::Rus,
    Lang::Spa,
    Lang::Swe,
    Lang::Tha,
    Lang::Tur,
    Lang::Ukr,
    Lang::Vie,
];

/// What a text is written in.
enum Found {
    /// This, or this rather than anything else.
    Written(Lang),
    /// Any language of this script.
    TooShort,
    /// There are no words.
    NoWords,
}

/// Whether `answer` is written in the language with this code.
pub(super) fn check(code: &str, answer: &str) -> Result<(), String> {
    let Some(expected) = by_code(code) else {
        let code = quote(code);
        return Err(format!(
            "The language {code} is not known here; {}",
            remedy()
        ));
    };
    let name = name(expected);
    let text = prose(answer);
    let why = match language(&text, expected) {
        Found::Written(found) if found == expected => return Ok(()),
        Found::Written(found) => format!("it seems to be in {}: it is", self::name(found)),
        Found::TooShort => "it is too short to tell: it is".to_owned(),
        Found::NoWords => "it has no words: it is".to_owned(),
    };
    let found = quote(answer);
    Err(format!(
        "The answer should be in {name} ({code}), but {why} {found}."
    ))
}

/// The language with this ISO 639-1 code.
pub(super) fn by_code(code: &str) -> Option<Lang> {
    let found = LANGUAGES.iter().find(|(known, _)| *known == code);
    found.map(|(_, language)| *language)
}

/// What to write in place of an unknown code.
pub(super) fn remedy() -> String {
    let codes: Vec<_> = LANGUAGES.iter().map(|(code, _)| *code).collect();
    format!("write an ISO 639-1 code, one of {}.", codes.join(", "))
}

fn name(language: Lang) -> &'static str {
    match language {
        // One word for what is written alike and called Mandarin where it is spoken.
        Lang::Cmn => "Chinese",
        Lang::Pes => "Persian",
        Lang::Nob => "Norwegian",
        other => other.eng_name(),
    }
}

fn language(text: &str, expected: Lang) -> Found {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let mut candidates = COMMON.to_vec();
    candidates.push(expected);
    let detected = Detector::with_allowlist(candidates).detect(text);
    // A script that none of the candidates is written in.
    let detected = detected.or_else(|| whatlang::detect(text));
    let Some(info) = detected.filter(|_| letters > 0) else {
        return Found::NoWords;
    };
    let enough = info.is_reliable() || letters >= ENOUGH_LETTERS;
    if enough || tells_alone(&info, expected) {
        Found::Written(info.lang())
    } else {
        Found::TooShort
    }
}

/// Whether the script alone settles whether a text is in the expected language.
fn tells_alone(info: &Info, expected: Lang) -> bool {
    let script = info.script();
    // Japanese may do without kana for a word or two.
    let shared = script == Script::Mandarin && expected == Lang::Jpn;
    let languages = script.langs();
    !shared && (!languages.contains(&expected) || languages.len() == 1)
}

/// The words of an answer: of a JSON document its texts.
fn prose(answer: &str) -> String {
    match serde_json::from_str::<Value>(answer) {
        Ok(document @ (Value::Object(_) | Value::Array(_) | Value::String(_))) => {
            let mut text = String::new();
            collect(&document, &mut text);
            text
        }
        Ok(Value::Null | Value::Bool(_) | Value::Number(_)) | Err(_) => answer.to_owned(),
    }
}

/// As deep as the document is, which its parser has bounded.
fn collect(value: &Value, text: &mut String) {
    match value {
        Value::String(words) => {
            text.push_str(words);
            text.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, text)),
        Value::Object(entries) => entries.values().for_each(|entry| collect(entry, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_that_can_be_told_has_a_code() {
        for language in Lang::all() {
            let known = LANGUAGES.iter().any(|(_, known)| known == language);
            assert!(known, "{language:?}");
        }
        assert!(LANGUAGES.is_sorted_by_key(|(code, _)| *code));
    }

    #[test]
    fn a_text_is_told_by_its_language() {
        for (code, text) in [
            ("ko", "잘 썼어요"),
            ("ko", "과거형을 쓸 때는 study가 아니라 studied라고 써요."),
            ("ja", "とても良く書けています。"),
            ("ja", "漢字とカナ"),
            ("zh", "这篇文章写得很好。"),
            (
                "ru",
                "Это очень хорошее сочинение, но обратите внимание на времена.",
            ),
            ("ar", "هذا مقال جيد جدا ولكن انتبه إلى الأزمنة"),
            ("el", "Καλό"),
            ("th", "ดีมาก"),
            (
                "en",
                "You wrote a good essay; mind the tenses of the verbs.",
            ),
            (
                "es",
                "Has escrito un buen ensayo; cuida los tiempos verbales.",
            ),
            (
                "fr",
                "Tu as écrit une bonne rédaction, mais fais attention aux temps.",
            ),
            (
                "de",
                "Du hast einen guten Aufsatz geschrieben; achte auf die Zeiten.",
            ),
            (
                "pt",
                "Você escreveu uma boa redação, mas cuidado com os tempos verbais.",
            ),
            (
                "it",
                "Hai scritto un buon tema; fai attenzione ai tempi dei verbi.",
            ),
            (
                "vi",
                "Bạn đã viết một bài luận tốt, hãy chú ý các thì của động từ.",
            ),
        ] {
            assert_eq!(check(code, text), Ok(()), "{code}");
            for other in ["ko", "ja", "zh", "en", "es"]
                .iter()
                .filter(|it| **it != code)
            {
                assert!(check(other, text).is_err(), "{text} is no {other}");
            }
        }
    }

    #[test]
    fn the_texts_of_a_document_count_and_its_keys_do_not() {
        let answer =
            "{\"summary of the essay\": \"잘 썼어요\", \"corrections\": [\"과거형\"], \"n\": 1}";
        assert_eq!(check("ko", answer), Ok(()));
        assert!(check("en", answer).is_err());
    }
}
