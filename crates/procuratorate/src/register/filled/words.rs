//! The words of a decision as people write them.

use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::uniform_label;
use aidlink_register::decision::{Finding, Reason};

/// Characters of the headers and choices in their traditional forms, each with its
/// simplified form. Office programs convert whole sheets.
const TRADITIONAL: [(&str, &str); 3] = [
    (
        "確認補實覈標財產戶類殘齡條棄無聯繫單職責複遷線編號結論備註員當歲",
        "确认补实核标财产户类残龄条弃无联系单职责复迁线编号结论备注员当岁",
    ),
    ("係絡審檢準遲", "系络审检准迟"),
    (
        "項銷來願覆環節額機關稱狀態證補簽應饋結點實數據發轄權計劃訪滿難議種辦現監護區級歲處號書給還時緩婦兒個",
        "项销来愿复环节额机关称状态证补签应馈结点实数据发辖权计划访满难议种办现监护区级岁处号书给还时缓妇儿个",
    ),
];

/// Returns a text in the form in which headers, choices and numbers are compared: its
/// letters and digits alone, in lower case and simplified.
pub(in crate::register) fn folded(text: &str) -> String {
    let label = uniform_label(text);
    let characters = label.chars().filter(|c| c.is_alphanumeric());
    characters.map(simplified).collect()
}

/// Returns a text in the form in which it is compared with its signs: without blanks and
/// quotation marks, in lower case, of one width and simplified.
pub(in crate::register) fn exact(text: &str) -> String {
    uniform_label(text).chars().map(simplified).collect()
}

/// Returns which of some words a cell states, each with what it means: one that it is with all
/// its signs, or else the only meaning of those that it [states](stated) without them.
pub(in crate::register) fn pick<T: Copy + PartialEq, W: AsRef<str>>(
    text: &str,
    words: impl IntoIterator<Item = (T, W)>,
) -> Option<T> {
    let words: Vec<(T, W)> = words.into_iter().collect();
    let whole = exact(text);
    let mut of_all = words.iter();
    if let Some((meaning, _)) = of_all.find(|(_, word)| exact(word.as_ref()) == whole) {
        return Some(*meaning);
    }
    let wanted = stated(text)?;
    let mut found = words
        .iter()
        .filter(|(_, word)| folded(word.as_ref()) == wanted)
        .map(|(meaning, _)| *meaning);
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// Returns the word that a cell states, in the form of [`folded`]; `None` if something beside it
/// may take it back or leave it open: a sign in front of it that is no tick, a stroke or a cross, a
/// box or pair of brackets without a tick, a question mark.
pub(in crate::register) fn stated(text: &str) -> Option<String> {
    let label: Vec<char> = uniform_label(text).chars().collect();
    let is_letter = |c: &char| c.is_alphanumeric();
    let first = label.iter().position(is_letter)?;
    let last = label.iter().rposition(is_letter)?;
    for (at, character) in label.iter().enumerate() {
        if is_letter(character) || TICKS.contains(*character) {
            continue;
        }
        if let Some((_, close)) = BRACKETS.iter().find(|(open, _)| open == character) {
            let rest = label.iter().skip(at + 1);
            let mut inside = rest.take_while(|other| *other != close);
            if inside.any(|other| is_letter(other) || TICKS.contains(*other)) {
                continue;
            }
            return None;
        }
        let closes = BRACKETS.iter().any(|(_, close)| close == character);
        let allowed = match at {
            at if at < first => "",
            at if at > last => AFTER,
            _ => WITHIN,
        };
        if !closes && !allowed.contains(*character) {
            return None;
        }
    }
    Some(folded(text))
}

/// Brackets, each with the one that closes it. A pair with nothing in it, or with a stroke, is a
/// box that nobody ticked.
const BRACKETS: [(char, char); 9] = [
    ('(', ')'),
    ('（', '）'),
    ('[', ']'),
    ('【', '】'),
    ('〔', '〕'),
    ('〈', '〉'),
    ('《', '》'),
    ('「', '」'),
    ('『', '』'),
];

/// Ticks.
const TICKS: &str = "√✓✔☑✅";
/// Punctuation behind a word that neither asks nor takes back.
const AFTER: &str = ".,，。、:：;；!！";
/// Signs between the characters of a word that change nothing.
const WITHIN: &str = "/-–—_.·,，。、:：;；!！";

pub(in crate::register) fn simplified(character: char) -> char {
    let found = TRADITIONAL.iter().find_map(|(traditional, simplified)| {
        let place = traditional.chars().position(|other| other == character)?;
        simplified.chars().nth(place)
    });
    found.unwrap_or(character)
}

/// Returns the finding that a cell states; `None` for any other text.
pub(in crate::register) fn finding(text: &str) -> Option<Finding> {
    let words = |one: Finding| words_of(one, one.text(), one.name());
    pick(text, Finding::ALL.into_iter().flat_map(words))
}

/// Returns the reason that a cell states; `None` for any other text.
pub(in crate::register) fn reason(text: &str) -> Option<Reason> {
    let words = |one: Reason| words_of(one, one.text(), one.name());
    pick(text, Reason::ALL.into_iter().flat_map(words))
}

/// Returns the words for something: in either language, and the name in documents.
fn words_of<T: Copy>(one: T, text: Text, name: &str) -> [(T, String); 3] {
    [(one, text.zh), (one, text.en), (one, name.to_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traditional_and_simplified_characters_are_in_pairs() {
        for (traditional, simplified) in TRADITIONAL {
            assert_eq!(traditional.chars().count(), simplified.chars().count());
        }
    }

    /// Every choice, however office programs and input methods write it.
    #[test]
    fn every_choice_is_read_in_every_writing() {
        let writings = |word: &str| {
            let wide = |c: char| match c {
                '!'..='~' => char::from_u32(c as u32 + 0xfee0).unwrap_or(c),
                c => c,
            };
            [
                word.to_owned(),
                format!(" {word}\u{3000}"),
                format!("'{word}"),
                format!("“{word}”"),
                format!("{word}\n"),
                word.to_uppercase(),
                word.replace(' ', "\u{a0}"),
                word.replace('/', "／"),
                word.chars().map(wide).collect(),
                word.chars().flat_map(|c| [c, '\u{200b}']).collect(),
            ]
        };
        for one in Finding::ALL {
            for word in [one.name(), &one.text().zh, &one.text().en] {
                for written in writings(word) {
                    assert_eq!(finding(&written), Some(one), "{written:?}");
                    assert_eq!(reason(&written), None, "{written:?}");
                }
            }
        }
        for one in Reason::ALL {
            for word in [one.name(), &one.text().zh, &one.text().en] {
                for written in writings(word) {
                    assert_eq!(reason(&written), Some(one), "{written:?}");
                    assert_eq!(finding(&written), None, "{written:?}");
                }
            }
        }
        for (written, one) in [
            ("確認", Finding::Confirmed),
            ("不予移送", Finding::Rejected),
            ("需補充核實", Finding::NeedsMore),
            ("需補充覈實", Finding::NeedsMore),
            ("needs-more", Finding::NeedsMore),
        ] {
            assert_eq!(finding(written), Some(one), "{written}");
        }
        let traditional = [
            "收入超標",
            "財產超標",
            "非本地戶籍",
            "已享受同類",
            "不符合殘疾/年齡條件",
            "材料不全逾期",
            "本人放棄",
            "無法聯繫",
            "非本單位職責",
            "已死亡",
            "重複",
            "已遷出",
            "其他",
        ];
        for (written, one) in traditional.into_iter().zip(Reason::ALL) {
            assert_eq!(reason(written), Some(one), "{written}");
        }
    }

    /// Forms have boxes, and clerks cross words out.
    #[test]
    fn a_word_that_is_crossed_out_or_not_ticked_is_no_choice() {
        let marks = [
            "×",
            "✗",
            "✘",
            "✖",
            "╳",
            "≠",
            "¬",
            "~",
            "□",
            "☐",
            "▢",
            "◻",
            "◯",
            "○",
            "☒",
            "[ ]",
            "[]",
            "（　）",
            "( )",
            "【】",
            "?",
            "？",
            "*",
            "※",
            "+",
            "=",
            "<",
            ">",
            "|",
        ];
        for mark in marks {
            for word in ["确认", "其他"] {
                for written in [format!("{mark}{word}"), format!("{word} {mark}")] {
                    assert_eq!(finding(&written), None, "{written}");
                    assert_eq!(reason(&written), None, "{written}");
                    assert_eq!(stated(&written), None, "{written}");
                }
            }
        }
        for written in [
            "(/)确认",
            "（／）确认",
            "（ / ）确认",
            "[_]确认",
            "[-]确认",
            "(-)确认",
            "【—】确认",
            "(.)确认",
            "（·）确认",
            "( ,)确认",
            "确认(/)",
            "确认[_]",
            "/确认/",
            "/确认",
            "确认/",
            "//确认",
            "--确认--",
            "——确认——",
            "-确认",
            "确认-",
            "_确认_",
            "·确认",
            "、确认",
            "！确认",
            "/确/认/",
            "(/确认)",
            "（确认/）",
            "〈〉确认",
            "[/] 确认 [√]",
        ] {
            assert_eq!(finding(written), None, "{written}");
        }
        for written in [
            "√确认",
            "✓ 确认",
            "☑确认",
            "✅确认",
            "（确认）",
            "【确认】",
            "确认。",
            "确认！",
            "确认、",
            "[√]确认",
            "（√）确认",
            "确认（ ✓ ）",
            "“确认”",
            "确 认",
            "√ 确认。",
        ] {
            assert_eq!(finding(written), Some(Finding::Confirmed), "{written}");
        }
        for written in ["不符合残疾/年龄条件", "不符合残疾、年龄条件"] {
            assert_eq!(reason(written), Some(Reason::DisabilityOrAge), "{written}");
        }
    }

    /// Titles of a policy may hold any sign.
    #[test]
    fn a_word_with_a_sign_is_itself_and_no_other_one() {
        let words = [
            (1, "0～6岁康复救助"),
            (2, "临时救助*"),
            (3, "临时救助"),
            (4, "（≤3万元）救助"),
            (5, "甲+乙"),
            (6, "残疾人联合会•康复部"),
        ];
        for (meaning, word) in words {
            assert_eq!(pick(word, words), Some(meaning), "{word}");
            assert_eq!(pick(&format!(" “{word}”"), words), Some(meaning), "{word}");
        }
        assert_eq!(pick("甲乙", words), Some(5));
        for written in ["×临时救助", "？甲+乙", "临时救助。", "甲-乙？"] {
            assert_eq!(pick(written, words), None, "{written}");
        }
    }

    #[test]
    fn other_words_are_no_choice() {
        for written in [
            "",
            " ",
            "-",
            "确",
            "确认不予移送",
            "不",
            "同意",
            "是",
            "true",
            "TRUE",
            "1",
            "0",
            "confirm",
            "reject",
            "确认？否",
            "其他：本人出国",
            "income, property",
            "#N/A",
        ] {
            assert_eq!(finding(written), None, "{written:?}");
            assert_eq!(reason(written), None, "{written:?}");
        }
    }
}
