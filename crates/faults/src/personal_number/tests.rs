use super::*;
use NumberKind::{BankCard, NationalId, Telephone};

fn kinds(text: &str) -> Vec<NumberKind> {
    find(text).into_iter().map(|found| found.kind).collect()
}

/// Numbers in the groups in which people write them.
const NUMBERS: &[(NumberKind, &[&str])] = &[
    // Correct and wrong check digits.
    (NationalId, &["449901", "19900101", "011X"]),
    (NationalId, &["449901", "19900101", "0111"]),
    (NationalId, &["449901", "1990", "01", "01", "0111"]),
    (NationalId, &["449901", "199001010111"]),
    (NationalId, &["44990119900101", "011X"]),
    (NationalId, &["449901", "1990", "0101", "011", "X"]),
    (NationalId, &["4499", "0119", "9001", "0101", "1X"]),
    (NationalId, &["449", "901", "199", "001", "010", "111"]),
    (NationalId, &["44", "9901", "1990", "0101", "011X"]),
    // 15 digits.
    (NationalId, &["449901", "900101", "011"]),
    (NationalId, &["449901", "900101011"]),
    (NationalId, &["449", "901", "900", "101", "011"]),
    // Permits of residents of Taiwan, foreigners' cards of 2023 and of 2017.
    (NationalId, &["830000", "19900101", "0112"]),
    (NationalId, &["911156", "19900101", "0119"]),
    (NationalId, &["ABC4499", "900101", "01"]),
    // Certificates of disabled persons.
    (NationalId, &["449901", "19900101", "011X43"]),
    (NationalId, &["449901", "19900101", "011X43B1"]),
    // Mobile numbers.
    (Telephone, &["138", "0000", "1234"]),
    (Telephone, &["138", "00001234"]),
    (Telephone, &["199", "000", "01234"]),
    (Telephone, &["0138", "0000", "1234"]),
    (Telephone, &["0", "138", "0000", "1234"]),
    (Telephone, &["86", "138", "0000", "1234"]),
    (Telephone, &["86138", "0000", "1234"]),
    (Telephone, &["0086", "138", "0000", "1234"]),
    (Telephone, &["0086", "13800001234"]),
    (Telephone, &["008613800001234", ""]),
    // Landlines.
    (Telephone, &["0751", "2000000"]),
    (Telephone, &["0755", "20000000"]),
    (Telephone, &["0751", "200", "0000"]),
    (Telephone, &["010", "20000000"]),
    (Telephone, &["020", "2000", "0000"]),
    (Telephone, &["86", "751", "2000000"]),
    (Telephone, &["86", "20", "2000", "0000"]),
    (Telephone, &["0086", "0751", "2000000"]),
    // 400 and 800 numbers.
    (Telephone, &["400", "000", "1234"]),
    (Telephone, &["400", "0001", "234"]),
    (Telephone, &["4000", "001", "234"]),
    (Telephone, &["800", "8201234"]),
    // Bank cards.
    (BankCard, &["6222", "0200", "0000", "0000", "000"]),
    (BankCard, &["622202", "0000000000000"]),
    (BankCard, &["4111", "1111", "1111", "1111"]),
];

/// Characters that may separate groups.
const SEPARATORS: &[&str] = &[
    "",
    " ",
    "  ",
    "   ",
    "\t",
    "\t\t",
    "\n",
    "\r\n",
    "\u{b}",
    "\u{c}",
    "\0",
    "\u{1b}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{1680}",
    "\u{2002}",
    "\u{2003}",
    "\u{2007}",
    "\u{2009}",
    "\u{200a}",
    "\u{2028}",
    "\u{2029}",
    "\u{202f}",
    "\u{205f}",
    "\u{3000}",
    "\u{2800}", // white space
    "-",
    "--",
    "‐",
    "‑",
    "‒",
    "–",
    "—",
    "——",
    "―",
    "−",
    "－",
    "﹣",
    "~",
    "～",
    "_",
    "＿",
    ".",
    "..",
    "·",
    "・",
    "•",
    "…",
    "。",
    "．",
    ",",
    "，",
    ", ",
    "、",
    ";",
    "；",
    ":",
    "：",
    "/",
    "／",
    " / ",
    "\\",
    "|",
    "｜",
    "*",
    "＊",
    "#",
    "&",
    "+",
    "=",
    "'",
    "’",
    "\"",
    "”",
    "`",
    "(",
    ")",
    "（",
    "）",
    ") ",
    "[",
    "]",
    "【",
    "】",
    "<",
    ">",
    "《",
    "》",
    "{",
    "}",
    "^",
    "%",
    "@",
    "$",
    "￥",
    "§",
    "→",
    "★",
    "□",
    "☎",
    "😀",
    "\u{fffd}",
    "\u{e000}", // not letters
    "\u{ad}",
    "\u{34f}",
    "\u{61c}",
    "\u{180e}",
    "\u{200b}",
    "\u{200c}",
    "\u{200d}",
    "\u{200e}",
    "\u{200f}",
    "\u{202a}",
    "\u{202e}",
    "\u{2060}",
    "\u{2066}",
    "\u{2069}",
    "\u{3164}",
    "\u{fe0e}",
    "\u{fe0f}",
    "\u{feff}",
    "\u{e0100}",
    "\u{e0020}\u{e007f}",
    "\u{301}\u{336}",
    "\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}",
    " \u{200b}-\u{feff} ", // zero width
];

/// Writes a digit, given its value and its place in the number.
type Writing = fn(u32, usize) -> String;

fn from_zero(zero: u32, value: u32) -> String {
    char::from_u32(zero + value).into_iter().collect()
}

fn one_of(digits: &str, value: u32) -> String {
    digits.chars().nth(value as usize).into_iter().collect()
}

const WRITINGS: &[(&str, Writing)] = &[
    ("ASCII", |value, _| value.to_string()),
    ("full width", |value, _| from_zero(0xff10, value)),
    ("Arabic-Indic", |value, _| from_zero(0x660, value)),
    ("extended Arabic-Indic", |value, _| from_zero(0x6f0, value)),
    ("Devanagari", |value, _| from_zero(0x966, value)),
    ("Thai", |value, _| from_zero(0xe50, value)),
    ("Mongolian", |value, _| from_zero(0x1810, value)),
    ("mathematical bold", |value, _| from_zero(0x1d7ce, value)),
    ("segmented", |value, _| from_zero(0x1fbf0, value)),
    ("superscript", |value, _| one_of("⁰¹²³⁴⁵⁶⁷⁸⁹", value)),
    ("subscript", |value, _| one_of("₀₁₂₃₄₅₆₇₈₉", value)),
    ("circled", |value, _| one_of("⓪①②③④⑤⑥⑦⑧⑨", value)),
    ("black circled", |value, _| one_of("⓿❶❷❸❹❺❻❼❽❾", value)),
    ("Chinese", |value, _| one_of("〇一二三四五六七八九", value)),
    ("Chinese, spoken", |value, _| {
        one_of("零幺二三四五六七八九", value)
    }),
    ("Chinese, on cheques", |value, _| {
        one_of("零壹贰叁肆伍陆柒捌玖", value)
    }),
    ("keycaps", |value, _| format!("{value}\u{fe0f}\u{20e3}")),
    ("struck through", |value, _| format!("{value}\u{336}")),
    ("mixed scripts", |value, place| match place % 5 {
        0 => value.to_string(),
        1 => from_zero(0xff10, value),
        2 => from_zero(0x966, value),
        3 => one_of("⓪①②③④⑤⑥⑦⑧⑨", value),
        _ => one_of("〇一二三四五六七八九", value),
    }),
];

/// Ways to write the check character X, used in turn.
const CHECK_CHARACTERS: [&str; 8] = ["X", "x", "Х", "Χ", "×", "Ｘ", "Ⅹ", "ｘ"];

fn written(groups: &[&str], separator: &str, writing: Writing, check: &str) -> String {
    let groups: Vec<&str> = groups
        .iter()
        .copied()
        .filter(|group| !group.is_empty())
        .collect();
    groups
        .join("\u{1}")
        .chars()
        .enumerate()
        .map(|(place, c)| match c {
            '\u{1}' => separator.to_owned(),
            'X' => check.to_owned(),
            c => c
                .to_digit(10)
                .map_or(c.to_string(), |value| writing(value, place)),
        })
        .collect()
}

#[test]
fn every_number_is_found_with_every_separator_in_every_script() {
    let mut count = 0;
    for (kind, groups) in NUMBERS {
        for separator in SEPARATORS {
            for (name, writing) in WRITINGS {
                let check = CHECK_CHARACTERS[count % CHECK_CHARACTERS.len()];
                let number = written(groups, separator, *writing, check);
                // Without separators, 86 751 2000000 is recognised only after a plus sign.
                let first_cut = groups.first() == Some(&"86") && groups.get(1) != Some(&"138");
                let is_whole = separator.chars().all(characters::is_zero_width);
                let plus = if first_cut && is_whole { "+" } else { "" };
                let text = format!("甲：{plus}{number}，乙");
                let found = find(&text);
                let context = || format!("{groups:?} {separator:?} {name}: {text}");
                assert_eq!(found.len(), 1, "{}", context());
                assert_eq!(found[0].kind, *kind, "{}", context());
                let shown = format!("甲：{plus}***，乙");
                assert_eq!(black_out(&text), shown, "{}", context());
                count += 1;
            }
        }
    }
    assert!(count > 50_000, "{count}");
}

#[test]
fn number_is_found_between_any_neighbours() {
    for (before, behind) in [
        ("", ""),
        ("甲", "乙"),
        ("id=", ";"),
        ("pqr", "stu"),
        ("同一", "，"),
        ("①", "②"),
        ("(1)", "(2)"),
        ("2026-09-30 ", "。"),
        ("注", "²"),
        ("王三", ""),
        ("1、", "；"),
        ("***", "***"),
    ] {
        for (kind, groups) in NUMBERS {
            let number = written(groups, "", WRITINGS[0].1, "X");
            let is_short_form = groups.first() == Some(&"86") && groups.get(1) != Some(&"138");
            // The three letters of a foreigner's card must not follow other letters.
            if is_short_form || number.starts_with("ABC") && before == "pqr" {
                continue;
            }
            let text = format!("{before}{number}{behind}");
            assert_eq!(kinds(&text), [*kind], "{text}");
            // 一4000001234 may be 14000001234, and ② may be the eighth digit of a landline
            // number. Where both readings are possible, the longer one is blacked out.
            let is_one = |text: String| {
                find(&text)
                    .first()
                    .is_some_and(|found| found.at == (0..text.len()))
            };
            let (mut before, mut behind) = (before, behind);
            if let Some((at, last)) = before.char_indices().next_back()
                && is_one(format!("{last}{number}"))
            {
                before = &before[..at];
            }
            if is_one(format!("{number}{behind}")) {
                behind = "";
            }
            assert_eq!(black_out(&text), format!("{before}***{behind}"), "{text}");
        }
    }
}

#[test]
fn other_groupings_and_adjacent_numbers_are_found() {
    for (text, kind) in [
        ("4 4 9 9 0 1 1 9 9 0 0 1 0 1 0 1 1 X", NationalId),
        ("44-99-01-19-90-01-01-01-1X", NationalId),
        ("449901,1990/01/01,011X", NationalId),
        ("44990119900101011Xdef", NationalId),
        ("44990119900101011X 43", NationalId),
        ("44990119900101011X-43B1", NationalId),
        ("4499011990010101114312", NationalId),
        ("ABC 4499 900101 01", NationalId),
        ("abc449990010101", NationalId),
        ("1 3 8 0 0 0 0 1 2 3 4", Telephone),
        ("1.3.8.0.0.0.0.1.2.3.4", Telephone),
        ("+86 (0)138 0000 1234", Telephone),
        ("(+86) 138-0000-1234", Telephone),
        ("+867512000000", Telephone),
        ("1380000 1234", Telephone),
        ("138 00 00 12 34", Telephone),
        ("1380-0001-234", Telephone),
        ("07512000000", Telephone),
        ("075520000000", Telephone),
        ("(0751) 2000000", Telephone),
        ("0751-2000000-801", Telephone),
        ("4000001234", Telephone),
        ("一三八〇〇〇〇一二三四", Telephone),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", BankCard),
    ] {
        assert_eq!(kinds(text), [kind], "{text}");
    }
    let two = "44990119900101011X449901199001010111";
    assert_eq!(black_out(two), "******");
    assert_eq!(black_out("1380000123444990119900101011X"), "******");
    assert_eq!(black_out("13800001234 13900001234"), "*** ***");
    assert_eq!(black_out("8644990119900101011X99"), "86***99");
}

/// Sentences of case files and other text of outputs, without personal numbers.
const NO_NUMBERS: &[&str] = &[
    "",
    "被害人张某与被告人李某系邻居，因琐事发生争执。",
    "（2024）粤0203刑初123号",
    "(2024)粤0203刑初1234号、（2024）粤0203刑初1235号",
    "韶检刑诉受〔2026〕123号",
    "韶检刑诉〔2026〕Z138号",
    "44020326000123",
    "44020320260012345",
    "4402032026000122",
    "202644020300000012345678",
    "2026Q3-00017",
    "2026Q3-00017 2026Q3-00018",
    "2026-09-30 2026-10-14",
    "2026-09-30 12:00:00",
    "2026-09-30T12:00:00.123456789+08:00",
    "20240131-20240229",
    "20240131—20240229",
    "2024.01.31-2024.02.29",
    "2024/1/31至2024/2/29",
    "2024年1月31日至2024年2月29日",
    "2024-01-31, 2024-02-29, 2024-03-31",
    "20240131，20240229，20240331",
    "二〇二六年三月一日",
    "二〇二六年三月一日至二〇二六年十二月三十一日",
    "一、三、五、七、九、二、四、六、八",
    "一、三、五、七、九、二、四、六、八、一、二",
    "第一、二、三、四、五、六、七、八、九项",
    "三三两两，七七八八，一五一十",
    "死亡赔偿金1,234,567.89元",
    "人民币13,800,000,000元",
    "共计13000元，其中医疗费3000元、误工费2000元",
    "13000、3000、2000元",
    "每年13000—150000元",
    "15000.00，3000.00，200.00",
    "3000，4000，5000，6000元",
    "150，3000，2000",
    "4000000000元",
    "800,000,000.00",
    "2021、2022、2023、2024、2025年",
    "1995-1999年，120人",
    "1990 0101 011",
    "第13页、第14页、第15页、第16页",
    "13、14、15、16、17、18",
    "export.csv:1380000:1234",
    "line 138, column 7",
    "448,12,3,0,1990,2026",
    "12,13,05,06,11,12,345",
    "1234567890",
    "12345678901",
    "00000000000",
    "000000000000000000",
    "449901199013010110",
    "10123456789012345678",
    "6222020000000000001",
    "202401310112345",
    "XYZ20240131",
    "LOT202401012345",
    "138****1234",
    "4499**********011X",
    "d432a71f3462fef5",
    "D432A71F13800001",
    "https://www.gov.cn/zhengce/2021-03/12/content_5592.htm",
    "☎ 110、119、120、12309、12345",
];

#[test]
fn text_without_personal_numbers_is_unchanged() {
    for text in NO_NUMBERS {
        assert_eq!(kinds(text), [], "{text}");
        assert!(
            matches!(black_out(text), Cow::Borrowed(same) if same == *text),
            "{text}"
        );
        let shown = shown_name(text);
        assert_eq!(shown, *text, "{text}");
    }
}

#[test]
fn dates_and_periods_in_any_notation_are_not_numbers() {
    for year in [1949, 1990, 2000, 2024, 2026, 2099] {
        for (month, day) in [(1, 1), (3, 31), (9, 30), (12, 12)] {
            let days = [
                format!("{year}{month:02}{day:02}"),
                format!("{year}-{month:02}-{day:02}"),
                format!("{year}-{month}-{day}"),
                format!("{year}/{month:02}/{day:02}"),
                format!("{year}.{month}.{day:02}"),
                format!("{year} {month:02} {day:02}"),
                format!("{year}年{month}月{day}日"),
                format!("{year}-{month:02}-{day:02} 13:00:12"),
                format!("{year}-{month:02}-{day:02}T08:30:00Z"),
            ];
            for first in &days {
                for second in &days {
                    for between in ["-", " - ", "—", "~", "至", ",", ", ", "，", " ", "/", ":"]
                    {
                        let text = format!("{first}{between}{second}");
                        assert_eq!(kinds(&text), [], "{text}");
                    }
                }
            }
        }
    }
}

#[test]
fn digests_are_not_numbers_but_numbers_beside_them_are_found() {
    for length in [16, 32, 40, 64, 128] {
        let number = "13800001234";
        let digest = format!("{}{number}{}", "ab", "c".repeat(length - 13));
        let text = format!("{{\"blake3\":\"{digest}\",\"tel\":\"{number}\"}}");
        assert_eq!(
            black_out(&text),
            format!("{{\"blake3\":\"{digest}\",\"tel\":\"***\"}}")
        );
    }
    // 63 decimal digits and an X are not a digest.
    let digits = format!("{}44990119900101011X", "0".repeat(46));
    assert_eq!(kinds(&digits), [NationalId]);
}

#[test]
fn found_ranges_are_byte_ranges_of_the_text() {
    let text = "甲 13800000000、449901 19900101 011X。乙 ABC449990010101";
    let parts: Vec<&str> = find(text)
        .into_iter()
        .map(|found| &text[found.at])
        .collect();
    assert_eq!(
        parts,
        ["13800000000", "449901 19900101 011X", "ABC449990010101"]
    );
}

#[test]
fn control_characters_are_replaced_before_the_search() {
    for (text, shown) in [
        ("449901\t19900101\t011X", "***"),
        ("449901\r\n19900101\r\n011X", "***"),
        ("甲\u{1b}[31m乙\r\n丙", "甲 [31m乙  丙"),
        ("甲\u{202e}乙\u{2066}丙\u{e0041}丁", "甲乙丙丁"),
        ("甲\u{2028}乙\u{85}丙", "甲 乙 丙"),
    ] {
        assert_eq!(black_out(text), shown, "{text:?}");
    }
    assert_eq!(
        black_out_lines("甲\t13800001234\n乙\n138\n0000\n1234"),
        "甲 ***\n乙\n***"
    );
}

#[test]
fn shown_names_and_paths_are_short_and_have_no_numbers() {
    assert_eq!(shown_name("名单.csv"), "名单.csv");
    assert_eq!(shown_name("张某13800001234\u{202e}.xlsx"), "张某***.xlsx");
    let long = format!("{}完.csv", "长".repeat(1_000_000));
    let shown = shown_name(&long);
    assert_eq!(shown.chars().count(), LONGEST_SHOWN_NAME);
    assert!(shown.starts_with("长长") && shown.ends_with("长完.csv") && shown.contains('…'));
    assert_eq!(shown_name(&shown), shown);
    // Shortening does not turn the remaining digits into a number.
    for digits in 100..140 {
        let name = "甲".repeat(68) + "13800001234" + &"5".repeat(digits);
        assert_eq!(kinds(&shown_name(&name)), [], "{name}");
    }
    let path = Path::new("/round/44990119900101011X/138/0000/1234/名单.csv");
    assert_eq!(shown_path(path), "/round/***/***/名单.csv");
    assert_eq!(shown_path(Path::new("./a/b.csv")), "./a/b.csv");
}

#[test]
fn shown_paths_have_no_keys_and_a_limited_length() {
    let hex = "0123456789abcdef".repeat(4);
    let age = format!("AGE-SECRET-KEY-1{}", "QPZRY9X8GF2TVDW0S3JN54KHCE".repeat(2));
    let base64 = "RWRCSwAAAABrZXkgb2YgdGVzdHM12345678+/Kw9/aB";
    for (path, shown) in [
        (
            format!("/round/output/lists/{hex}.csv"),
            "/round/output/lists/***.csv",
        ),
        (format!("/data/{hex}/round.toml"), "/data/***/round.toml"),
        (format!("output/{age}"), "output/AGE-SECRET-KEY-***"),
        (format!("output/{base64}/b.csv"), "output/***/***/***/b.csv"),
        (format!("output/13800001234/{hex}"), "output/***/***"),
        (
            "/srv/Rounds/2026Q3/output/lists/for-review/a.csv".to_owned(),
            "/srv/Rounds/2026Q3/output/lists/for-review/a.csv",
        ),
    ] {
        assert_eq!(shown_path(Path::new(&path)), shown, "{path}");
        assert_eq!(shown_path(Path::new(shown)), shown);
    }
    let long = "lists/".repeat(1_000_000) + "b.csv";
    let shown = shown_path(Path::new(&long));
    assert_eq!(shown.chars().count(), LONGEST_SHOWN_PATH);
    assert!(shown.starts_with("lists/lists/") && shown.ends_with("/b.csv"));
}

#[test]
fn text_without_numbers_is_not_copied() {
    for text in ["", "张某", "甲 乙，丙\u{200b}", "2026-09-30"] {
        assert!(matches!(black_out(text), Cow::Borrowed(_)), "{text}");
        assert!(matches!(shown_name(text), Cow::Borrowed(_)), "{text}");
    }
}

/// Texts of about `length` bytes for which the search takes the most steps.
fn hostile(length: usize) -> Vec<String> {
    let times = |part: &str| part.repeat(length / part.len());
    vec![
        times("1"),
        times("0"),
        times("13800001234"),
        times("1 "),
        times("1   "),
        times("1\u{200b}"),
        times("123 "),
        times("1234-"),
        times("62220200 "),
        times("1X"),
        times("1a"),
        times("aaaaaaaa"),
        times("A1B2C3D4E5F60718 "),
        times("1一"),
        times("一①1"),
        times("449901 19900101 011X "),
        times("44990119900101011X"),
        times("44990119900101011X43B1"),
        times("ABC449990010101"),
        times("2024-01-31 "),
        times("*1"),
        times("\u{200b}"),
        times("  "),
    ]
}

#[test]
fn search_steps_are_linear_in_the_length_of_the_text() {
    for ((small, double), text) in hostile(20_000)
        .iter()
        .zip(hostile(40_000))
        .map(|(small, double)| (search::search(small).1, search::search(&double).1))
        .zip(hostile(11))
    {
        assert!(double <= small * 2 + 1000, "{text:?}: {small}, {double}");
        assert!(small <= 20_000 * 60, "{text:?}: {small}");
    }
}

#[test]
fn number_after_eight_megabytes_of_digits_is_found() {
    let digits = "8".repeat(8 << 20);
    assert_eq!(black_out(&digits), digits);
    let number = format!("{digits}44990119900101011X");
    assert_eq!(black_out(&number), format!("{digits}***"));
}

/// Blacking out a number must not change how the characters beside it are read, such as
/// a word as a digest or an X as a letter.
#[test]
fn blacking_out_does_not_produce_new_numbers() {
    for text in [
        "13800001234ABC4499900101016222020000000000000138000012346222020000000000000\u{200b}449901-19900101-0111",
        "13800001234\u{200b}6222020000000000000ABC449990010101449901-19900101-0111",
        "0751-2000000０13800001234ABC449990010101449901-19900101-0111",
        "449901-19900101-0111XxX13800001234０",
        "c0ffee44990119900101000000000000000000000000000000000000000000ff１３８００００１２３４",
    ] {
        let shown = black_out(text);
        assert_eq!(find(&shown), [], "{text} {shown}");
        assert_eq!(black_out(&shown), shown, "{text}");
    }
}

/// Reads the number of cases from `PROPTEST_CASES`, as `proptest` itself does, with a
/// default of 4000.
fn cases() -> proptest::test_runner::Config {
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    proptest::test_runner::Config {
        cases: cases.unwrap_or(4000),
        max_global_rejects: 1_000_000,
        ..Default::default()
    }
}

proptest::proptest! {
    #![proptest_config(cases())]

    /// Digits, separators, letters and whole numbers in any order.
    #[test]
    fn blacked_out_text_contains_no_number(
        text in "([0-9]{1,12}|[ \\-.,，*+\\t\\n/:]{1,4}|[xXabcZ]{1,3}|[一八〇①③０-９]|\\u{200b}|\\u{202e}|年|13800001234|138 0000 1234|44990119900101011X|449901-19900101-0111|0751-2000000|6222020000000000000|ABC449990010101|8613|0086){0,14}"
    ) {
        // Counting digits first hides nothing from the search.
        proptest::prop_assert_eq!(find(&text), search::search(&text).0);
        for found in find(&text) {
            proptest::prop_assert!(text.get(found.at).is_some());
        }
        let shown = black_out(&text);
        proptest::prop_assert_eq!(find(&shown), [], "{:?} {:?}", text, shown);
        proptest::prop_assert_eq!(black_out(&shown), shown.as_ref());
        proptest::prop_assert!(shown.len() <= text.len());
        let lines = black_out_lines(&text);
        proptest::prop_assert_eq!(find(&lines), []);
        proptest::prop_assert_eq!(find(&shown_name(&text)), []);
    }

    #[test]
    fn search_never_panics(text in "\\PC{0,80}") {
        let shown = black_out(&text);
        proptest::prop_assert!(find(&shown).is_empty());
        proptest::prop_assert!(shown.len() <= text.len());
        proptest::prop_assert!(shown_name(&text).chars().count() <= LONGEST_SHOWN_NAME);
    }

    #[test]
    fn number_among_other_text_is_found(
        before in "[a-z，。年=:/]{0,5}",
        behind in "[a-w，。年=:/]{0,5}",
        region in "[1-9][0-9]{5}",
        year in 1900_u32..2030,
        month in 1_u32..13,
        day in 1_u32..32,
        tail in "[0-9]{3}[0-9X]",
    ) {
        let text = format!("{before}{region}{year}{month:02}{day:02}{tail}{behind}");
        proptest::prop_assert!(kinds(&text).contains(&NationalId), "{}", text);
    }

    /// The groups are separated by up to three characters that are neither letters nor
    /// digits.
    #[test]
    fn number_in_groups_with_any_separators_is_found(
        first in "[^\\p{Alphabetic}\\p{N}*]{1,3}",
        second in "[^\\p{Alphabetic}\\p{N}*]{1,3}",
    ) {
        // Letters that are newer than the Unicode version of `proptest`, and signs that
        // look like a digit or an X.
        let is_letter = |c: char| c.is_alphanumeric() || "○◯×✕✖╳⨯❌❎".contains(c);
        proptest::prop_assume!(!first.chars().chain(second.chars()).any(is_letter));
        // Seven and four digits with a comma between them may be two amounts.
        let is_zero_width = |text: &str| text.chars().all(characters::is_zero_width);
        proptest::prop_assume!(!is_zero_width(&first) && !is_zero_width(&second));
        for groups in [["449901", "19900101", "0111"], ["138", "0000", "1234"]] {
            let text = format!("甲{}{first}{}{second}{}乙", groups[0], groups[1], groups[2]);
            proptest::prop_assert_eq!(find(&text).len(), 1, "{:?}", text);
            proptest::prop_assert_eq!(black_out(&text), "甲***乙", "{:?}", text);
        }
    }
}
