//! The one way in which text from exports is made uniform before it is compared:
//! ID numbers, headers, codes and other cells.
//!
//! Offices, spreadsheets, input methods and chat programs write the same text in
//! different characters. What is folded here changes no meaning: compatibility forms
//! of Unicode (NFKC) are, but superscripts, fractions, circled and squared characters
//! stay, because `5²` is not `52`. `docs/formats.md` lists the rules.

use std::borrow::Cow;
use std::str::Chars;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Returns a text in its uniform form: folded as in [`characters`], without the white
/// space, apostrophes and quotation marks around it. Text of plain ASCII is not copied.
///
/// ```
/// # use aidlink_faults::uniform_text::uniform;
/// assert_eq!(uniform("\u{2068}＇２０２４年５⽉\u{3000}"), "2024年5月");
/// assert_eq!(uniform(" '01' "), "01");
/// ```
pub fn uniform(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(bare(text));
    }
    let folded: String = characters(text).collect();
    Cow::Owned(bare(&folded).to_owned())
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

/// Returns a text without the white space, invisible characters, apostrophes and
/// quotation marks around it. An apostrophe at the start marks text in a spreadsheet;
/// a quotation mark is removed if the text is in quotation marks, or has only this one.
pub fn bare(text: &str) -> &str {
    let mut rest = text.trim_matches(is_at_edge);
    while let Some(inner) = without_quotes(rest) {
        rest = inner.trim_matches(is_at_edge);
    }
    rest
}

fn is_at_edge(c: char) -> bool {
    c.is_whitespace() || is_dropped(c)
}

fn without_quotes(text: &str) -> Option<&str> {
    let mut inner = text.chars();
    let first = inner.next()?;
    let mark = quote(first)?;
    let after_first = inner.as_str();
    let is_quoted = inner.next_back().and_then(quote) == Some(mark);
    let holds_mark = |text: &str| text.chars().any(|c| quote(c) == Some(mark));
    match is_quoted {
        true if !holds_mark(inner.as_str()) => Some(inner.as_str()),
        _ if matches!(first, '\'' | '＇') || !holds_mark(after_first) => Some(after_first),
        _ => None,
    }
}

/// Returns `'` for an apostrophe or single quotation mark, `"` for a double one.
fn quote(c: char) -> Option<char> {
    match c {
        '\'' | '"' => Some(c),
        _ if c.is_ascii() && c != '`' => None,
        _ => match folded(c) {
            Folded::One(Some(mark @ ('\'' | '"'))) => Some(mark),
            _ => None,
        },
    }
}

/// Returns the characters of a text, each folded to one form, without invisible and
/// control characters. White space becomes a space, except for tabs and line breaks.
/// Case is kept.
pub fn characters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !is_dropped(*c)).flat_map(folded)
}

/// Returns a header in the form in which headers are compared: that of labels, without
/// `*`, the column's number in front (`2.`, `(2)`, `②`, `二、`) and marks of columns that
/// must be filled in (`（必填）`).
pub fn uniform_header(header: &str) -> String {
    let mut header = uniform_label(header);
    header.retain(|c| c != '*');
    let mut rest = header.as_str();
    while let Some(inner) = without_number(rest).or_else(|| without_mark(rest))
        && inner.chars().any(char::is_alphabetic)
    {
        rest = inner;
    }
    rest.to_owned()
}

/// Returns a header without the number of its column.
fn without_number(header: &str) -> Option<&str> {
    const NUMERALS: &str = "一二三四五六七八九十";
    let first = header.chars().next()?;
    // Circled numbers and the like; those of one character in brackets or with a stop.
    if matches!(first, '①'..='⒛' | '⓪'..='⓿' | '❶'..='➓' | '㈠'..='㈩' | '㊀'..='㊉')
    {
        return Some(header.trim_start_matches(first).trim_start_matches(STOPS));
    }
    let opened = header.strip_prefix(['(', '[', '【', '〔']);
    let inner = opened.unwrap_or(header);
    let rest = inner.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = match rest.len() == inner.len() {
        true => inner.trim_start_matches(|c| NUMERALS.contains(c)),
        false => rest,
    };
    let number = inner.strip_suffix(rest)?;
    if number.is_empty() || number.chars().count() > 3 {
        return None;
    }
    let is_numeral = number.chars().all(|c| NUMERALS.contains(c));
    let after = match opened {
        Some(_) => rest.strip_prefix([')', ']', '】', '〕'])?,
        None if is_numeral => rest.strip_prefix(['、', '.'])?,
        None => rest.strip_prefix(STOPS)?,
    };
    // 1.5 and 2024-1 are numbers.
    (!after.starts_with(|c: char| c.is_ascii_digit())).then_some(after)
}

/// What follows the number of a column.
const STOPS: [char; 7] = ['.', '、', ',', ':', ')', '-', '。'];

/// Returns a header without a mark that its column must, or need not, be filled in.
fn without_mark(header: &str) -> Option<&str> {
    const WORDS: [&str; 8] = [
        "非必填项",
        "非必填",
        "必填项",
        "必填列",
        "必填",
        "必录",
        "选填项",
        "选填",
    ];
    const BRACKETS: [(&str, &str); 4] = [("(", ")"), ("[", "]"), ("【", "】"), ("〔", "〕")];
    let bracketed = |(open, close): &(&str, &str)| {
        let end = header.strip_suffix(close).and_then(|header| {
            let at = header.rfind(open)?;
            let word = header.get(at + open.len()..)?;
            (word.is_empty() || WORDS.contains(&word)).then(|| header.get(..at))?
        });
        let start = header.strip_prefix(open).and_then(|header| {
            let (word, rest) = header.split_once(close)?;
            (word.is_empty() || WORDS.contains(&word)).then_some(rest)
        });
        end.or(start)
    };
    let in_brackets = BRACKETS.iter().find_map(bracketed);
    let is_before = |word: &&str| {
        let rest = header.strip_suffix(*word)?;
        // 是否必填 is a question.
        (!rest.ends_with("是否") && !rest.ends_with('非')).then_some(rest)
    };
    in_brackets.or_else(|| {
        let plain = WORDS.iter().find_map(is_before)?;
        Some(plain.trim_end_matches(['-', ':', ',', '、']))
    })
}

/// Returns a label in the form in which labels are compared: [`characters`] in lower
/// case, without white space and quotation marks.
pub fn uniform_label(label: &str) -> String {
    characters(label)
        .filter(|c| !c.is_whitespace() && !matches!(c, '\'' | '"'))
        .flat_map(char::to_lowercase)
        .collect()
}

fn is_dropped(c: char) -> bool {
    (c.is_control() && !c.is_whitespace()) || is_invisible(c)
}

/// Returns whether a character has no glyph and no width: format characters (Unicode,
/// `General_Category=Format`: marks of direction, isolates, zero-width characters, the
/// byte-order mark, the soft hyphen, tags), variation selectors, and fillers. White
/// space and control characters are not among them.
///
/// The search for personal numbers has a wider class of its own, for it must see
/// through every character that could hide a number.
pub fn is_invisible(c: char) -> bool {
    !c.is_ascii()
        && !is_usual_ideograph(c)
        && (matches!(
            c,
            '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{2065}'
                | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
                | '\u{e0000}'..='\u{e0fff}'
        ) || c.general_category() == GeneralCategory::Format)
}

/// Returns whether a character other than X looks like X: multiplication signs, and
/// letters X of Cyrillic and Greek. Roman numerals ten are X already (see [`characters`]).
/// Only for the last place of an ID number, where nothing but X can be meant.
pub fn looks_like_x(c: char) -> bool {
    matches!(c, '×' | '✕' | '✖' | '╳' | '⨯' | 'Х' | 'х' | 'Χ' | 'χ')
}

/// The folded form of a character.
enum Folded {
    One(Option<char>),
    Several(Chars<'static>),
}

impl Iterator for Folded {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Folded::One(c) => c.take(),
            Folded::Several(characters) => characters.next(),
        }
    }
}

/// Most characters of an export that are not ASCII: they have one form only.
fn is_usual_ideograph(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

fn folded(c: char) -> Folded {
    if (c.is_ascii() && c != '`') || is_usual_ideograph(c) {
        return Folded::One(Some(c));
    }
    let one = match c {
        '\u{ff40}' => Some('\''),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0),
        _ if c.is_whitespace() => Some(' '),
        '\u{2160}'..='\u{216f}' => return roman(&ROMAN_CAPITALS, c as u32 - 0x2160),
        '\u{2170}'..='\u{217f}' => return roman(&ROMAN_SMALL, c as u32 - 0x2170),
        '\u{2f00}'..='\u{2fd5}' => nth_of_three_bytes(KANGXI_RADICALS, c as u32 - 0x2f00),
        '\u{f900}'..='\u{fa6b}' => nth_of_three_bytes(COMPATIBILITY_IDEOGRAPHS, c as u32 - 0xf900),
        // Mathematical digits: five alphabets of ten.
        '\u{1d7ce}'..='\u{1d7ff}' => char::from_digit((c as u32 - 0x1d7ce) % 10, 10),
        _ => PAIRS
            .iter()
            .find(|(forms, _)| forms.contains(c))
            .and_then(|(forms, to)| {
                let place = forms.chars().position(|form| form == c)?;
                // Either one character for all forms, or one for each.
                to.chars().nth(place).or_else(|| to.chars().next())
            }),
    };
    Folded::One(one.or(Some(c)))
}

fn roman(numerals: &[&'static str; 16], place: u32) -> Folded {
    let numeral = numerals.get(place as usize).copied().unwrap_or_default();
    Folded::Several(numeral.chars())
}

/// Returns a character of a text in which each takes three bytes.
fn nth_of_three_bytes(text: &str, place: u32) -> Option<char> {
    let start = place as usize * 3;
    text.get(start..start + 3)?.chars().next()
}

/// Forms and what they become: each form its own character, or all of them the same.
const PAIRS: [(&str, &str); 9] = [
    // Apostrophes and single quotation marks, accents typed for them, primes.
    ("‘’‚‛′`´", "'"),
    ("“”„‟″〝〞〟", "\""),
    ("‐‑‒–—―−﹘﹣", "-"),
    ("￥￠￡￢￤￦", "¥¢£¬¦₩"),
    ("｡｢｣､･", "。「」、・"),
    // Small form variants (U+FE50 to U+FE6B).
    (
        "﹐﹑﹒﹔﹕﹖﹗﹙﹚﹛﹜﹝﹞﹟﹠﹡﹢﹤﹥﹦﹨﹩﹪﹫",
        ",、.;:?!(){}〔〕#&*+<>=\\$%@",
    ),
    // Forms for vertical text (U+FE10 to U+FE18, U+FE31 to U+FE44).
    ("︐︑︒︓︔︕︖︗︘︱︲", ",、。:;!?〖〗--"),
    (
        "︵︶︷︸︹︺︻︼︽︾︿﹀﹁﹂﹃﹄",
        "(){}〔〕【】《》〈〉「」『』",
    ),
    // Radicals of simplified characters, which text copied from PDF files contains
    // (U+2E80 to U+2EF3; Unicode, EquivalentUnifiedIdeograph.txt).
    (
        "⺟⺠⻁⻄⻅⻆⻉⻋⻓⻔⻘⻙⻚⻛⻜⻝⻢⻣⻤⻥⻦⻧⻨⻩⻬⻮⻰⻳",
        "母民虎西见角贝车长门青韦页风飞食马骨鬼鱼鸟卤麦黄齐齿龙龟",
    ),
];

const ROMAN_CAPITALS: [&str; 16] = [
    "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "L", "C", "D", "M",
];
const ROMAN_SMALL: [&str; 16] = [
    "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "l", "c", "d", "m",
];

/// The ideographs of the Kangxi radicals from U+2F00 (Unicode, `UnicodeData.txt`,
/// decompositions of type `<compat>`).
const KANGXI_RADICALS: &str = "\
    一丨丶丿乙亅二亠人儿入八冂冖冫几凵刀力勹匕匚匸十卜卩厂厶又口\
    囗土士夂夊夕大女子宀寸小尢尸屮山巛工己巾干幺广廴廾弋弓彐彡彳\
    心戈戶手支攴文斗斤方无日曰月木欠止歹殳毋比毛氏气水火爪父爻爿\
    片牙牛犬玄玉瓜瓦甘生用田疋疒癶白皮皿目矛矢石示禸禾穴立竹米糸\
    缶网羊羽老而耒耳聿肉臣自至臼舌舛舟艮色艸虍虫血行衣襾見角言谷\
    豆豕豸貝赤走足身車辛辰辵邑酉釆里金長門阜隶隹雨靑非面革韋韭音\
    頁風飛食首香馬骨高髟鬥鬯鬲鬼魚鳥鹵鹿麥麻黃黍黑黹黽鼎鼓鼠鼻齊\
    齒龍龜龠\
";

/// The ideographs of the CJK compatibility ideographs from U+F900 to U+FA6B, some of
/// which are in GBK (Unicode, `UnicodeData.txt`, canonical decompositions; twelve have
/// none and stay).
const COMPATIBILITY_IDEOGRAPHS: &str = "\
    豈更車賈滑串句龜龜契金喇奈懶癩羅蘿螺裸邏樂洛烙珞落酪駱亂卵欄\
    爛蘭鸞嵐濫藍襤拉臘蠟廊朗浪狼郎來冷勞擄櫓爐盧老蘆虜路露魯鷺碌\
    祿綠菉錄鹿論壟弄籠聾牢磊賂雷壘屢樓淚漏累縷陋勒肋凜凌稜綾菱陵\
    讀拏樂諾丹寧怒率異北磻便復不泌數索參塞省葉說殺辰沈拾若掠略亮\
    兩凉梁糧良諒量勵呂女廬旅濾礪閭驪麗黎力曆歷轢年憐戀撚漣煉璉秊\
    練聯輦蓮連鍊列劣咽烈裂說廉念捻殮簾獵令囹寧嶺怜玲瑩羚聆鈴零靈\
    領例禮醴隸惡了僚寮尿料樂燎療蓼遼龍暈阮劉杻柳流溜琉留硫紐類六\
    戮陸倫崙淪輪律慄栗率隆利吏履易李梨泥理痢罹裏裡里離匿溺吝燐璘\
    藺隣鱗麟林淋臨立笠粒狀炙識什茶刺切度拓糖宅洞暴輻行降見廓兀嗀\
    﨎﨏塚﨑晴﨓﨔凞猪益礼神祥福靖精羽﨟蘒﨡諸﨣﨤逸都﨧﨨﨩飯飼\
    館鶴郞隷侮僧免勉勤卑喝嘆器塀墨層屮悔慨憎懲敏既暑梅海渚漢煮爫\
    琢碑社祉祈祐祖祝禍禎穀突節練縉繁署者臭艹艹著褐視謁謹賓贈辶逸\
    難響頻恵\
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_the_same_text_become_one() {
        for (forms, uniform_form) in [
            (
                "低保 ， 低保\u{feff} ，\u{202a}低保\u{202c} ，\u{2068}低保\u{2069} ，'低保 ，＇低保",
                "低保",
            ),
            (
                "‘低保’ ，“低保” ，\"低保\" ，'\"低保\"' ，低\u{200b}保 ，低\u{fe0f}保\u{e0100} ，\u{3000}低保\u{a0}",
                "低保",
            ),
            ("⽆ ，无", "无"),
            ("⼥ ，女", "女"),
            ("⻓⻋ ，长车", "长车"),
            ("凉\u{f979} ，凉凉", "凉凉"),
            ("\u{f92c} ，郎", "郎"),
            ("Ⅱ级 ，II级", "II级"),
            ("（１） ，﹙1﹚ ，︵1︶ ，(1)", "(1)"),
            (
                "2024－05－01 ，2024–05—01 ，2024−05‐01 ，𝟐𝟎𝟐𝟒-05-01",
                "2024-05-01",
            ),
            ("￥３５，０００．５０ ，¥35,000.50", "¥35,000.50"),
        ] {
            for form in forms.split(" ，") {
                assert_eq!(uniform(form), uniform_form, "{form:?}");
            }
        }
    }

    #[test]
    fn forms_that_mean_something_else_stay() {
        for text in ["5²", "½", "①", "㈠", "㎡", "⑴", "1\u{301}", "a'b", "5\""] {
            assert_eq!(uniform(text), text, "{text}");
        }
        for text in ["关于“乙”", "“甲”和“乙”", "甲’"] {
            assert_eq!(bare(text), text, "{text}");
        }
    }

    #[test]
    fn every_form_has_a_plain_character() {
        for (forms, to) in PAIRS {
            let (forms, to) = (forms.chars().count(), to.chars().count());
            assert!(to == 1 || to == forms, "{forms} forms, {to} characters");
        }
        let three_bytes = |text: &str| text.chars().all(|c| c.len_utf8() == 3);
        assert!(three_bytes(KANGXI_RADICALS) && three_bytes(COMPATIBILITY_IDEOGRAPHS));
        assert_eq!(KANGXI_RADICALS.chars().count(), 0x2fd6 - 0x2f00);
        assert_eq!(COMPATIBILITY_IDEOGRAPHS.chars().count(), 0xfa6c - 0xf900);
        for c in '\0'..=char::MAX {
            let once: String = characters(&c.to_string()).collect();
            let twice: String = characters(&once).collect();
            assert_eq!(once, twice, "U+{:04X}", c as u32);
        }
    }

    #[test]
    fn invisible_characters_are_neither_text_nor_white_space() {
        for c in "\u{ad}\u{61c}\u{200b}\u{200d}\u{202e}\u{2060}\u{2067}\u{fe0f}\u{feff}".chars() {
            assert!(is_invisible(c), "{c:?}");
        }
        for c in " \t\n\u{3000}a张1*-".chars() {
            assert!(!is_invisible(c), "{c:?}");
        }
    }

    #[test]
    fn headers_are_compared_without_spaces_quotes_and_case() {
        for header in [
            "身份证号",
            " 身 份 证 号 *",
            "“身份证号”",
            "\u{202a}身份证号\u{202c}",
            "⾝份证号",
            "身份\n证号",
            // Numbers of columns.
            "2.身份证号",
            "2、身份证号",
            "12．身份证号",
            "（2）身份证号",
            "②身份证号",
            "⑵ 身份证号",
            "2）身份证号",
            "二、身份证号",
            "（二）身份证号",
            "㈡身份证号",
            // Marks of columns that must be filled in.
            "身份证号（必填）",
            "身份证号(*)",
            "身份证号必填",
            "身份证号（*必填）",
            "【必填】身份证号",
            "*身份证号[必填项]",
            "身份证号-必填",
            "3.*身份证号（选填）",
        ] {
            assert_eq!(uniform_header(header), "身份证号", "{header:?}");
        }
        assert_eq!(uniform_header("Ｎational＿ID"), "national_id");
    }

    /// Other numbers and words belong to the header.
    #[test]
    fn a_header_keeps_what_is_no_number_of_its_column() {
        for header in [
            "1.5万元",
            "2024年状态",
            "3个月金额",
            "2024-01状态",
            "一户一档",
            "十五岁",
            "是否必填",
            "必填",
            "(2)",
            "①",
            "2.",
            "姓名2",
            "身份证号(2)",
            "(元)",
            "金额(万元)",
            "第2列",
            "",
        ] {
            assert_eq!(uniform_header(header), header, "{header:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn uniform_text_is_a_fixed_point(text in "[\\PC'\"‘”\u{feff} ]{0,12}") {
            let once = uniform(&text).into_owned();
            proptest::prop_assert_eq!(uniform(&once), once.as_str());
        }
    }
}
