//! Reads a cell as a number, mostly an amount of money, and finds the unit in which
//! the amounts of a column are written.

use std::collections::BTreeSet;

use aidlink_faults::text::Text;
use aidlink_faults::uniform_text::characters;

/// The unit of a column of amounts: yuan times a power of ten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AmountUnit {
    exponent: u8,
}

/// The multiples of a yuan (GB 3100: multiples before a unit), longest first, so that
/// 万元 is not found in 百万元.
const MULTIPLES: [(&str, u8); 9] = [
    ("十万", 5),
    ("百万", 6),
    ("千万", 7),
    ("百", 2),
    ("千", 3),
    ("万", 4),
    ("亿", 8),
    ("十", 1),
    ("", 0),
];
const YUAN: [&str; 2] = ["元", "圆"];
/// Names of the currency that are no unit without a multiple before them: 万人民币.
const YUAN_AFTER_MULTIPLE: [&str; 4] = ["人民币", "块", "rmb", "cny"];
/// Names and codes of the currency beside a unit: 人民币万元, 万元人民币.
const CURRENCY: [&str; 3] = ["人民币", "rmb", "cny"];
/// Multiples in Latin letters. They are seen, but not converted.
const LATIN_MULTIPLES: [&str; 8] = [
    "thousandsof",
    "millionsof",
    "thousand",
    "million",
    "hundred",
    "wan",
    "w",
    "k",
];
/// Parts of a yuan. Amounts in them are not converted.
const PARTS: [&str; 2] = ["角", "分"];
/// Names of other currencies.
const OTHER_CURRENCIES: [&str; 17] = [
    "美元",
    "美金",
    "欧元",
    "港元",
    "港币",
    "日元",
    "日圆",
    "英镑",
    "澳元",
    "澳门元",
    "澳门币",
    "台币",
    "韩元",
    "加元",
    "新元",
    "卢布",
    "外币",
];
/// Codes of other currencies.
const OTHER_CODES: [&str; 4] = ["USD", "HKD", "MOP", "EUR"];

/// The unit of money that a header or another line states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StatedUnit {
    /// Yuan or a multiple.
    Yuan(AmountUnit),
    /// Another currency or a part of a yuan, by its name.
    Other(&'static str),
    /// This multiple or currency is in words that are not understood.
    Unclear(&'static str),
}

impl StatedUnit {
    fn name(self) -> String {
        match self {
            StatedUnit::Yuan(unit) => unit.name(),
            StatedUnit::Other(name) | StatedUnit::Unclear(name) => name.to_owned(),
        }
    }

    /// Returns the unit for one whose words are not understood. Yuan are what amounts are
    /// in anyway.
    fn unclear(self) -> Option<Self> {
        match self {
            StatedUnit::Yuan(AmountUnit::YUAN) => None,
            StatedUnit::Yuan(unit) => {
                let found = MULTIPLES.iter().find(|(_, exp)| *exp == unit.exponent);
                found.map(|(word, _)| StatedUnit::Unclear(word))
            }
            StatedUnit::Other(name) | StatedUnit::Unclear(name) => Some(StatedUnit::Unclear(name)),
        }
    }
}

impl AmountUnit {
    /// Yuan.
    pub const YUAN: AmountUnit = AmountUnit { exponent: 0 };

    /// Returns the Chinese name, which manifests use.
    pub fn name(self) -> String {
        let found = MULTIPLES.iter().find(|(_, exp)| *exp == self.exponent);
        format!("{}元", found.map_or("", |(word, _)| word))
    }

    /// Returns the name with its value in yuan.
    pub fn text(self) -> Text {
        let yuan = 10_u64.pow(u32::from(self.exponent));
        Text::new(self.name(), format!("{} ({yuan} yuan)", self.name()))
    }
}

/// Splits a text that ends with any of these words before the word.
fn ending_in<'t>(text: &'t str, words: &[&'static str]) -> Option<(&'t str, &'static str)> {
    let mut words = words.iter();
    words.find_map(|word| Some((text.strip_suffix(word)?, *word)))
}

/// Splits a text that ends with a multiple of a yuan before the multiple, which may be
/// empty.
fn before_multiple(text: &str) -> (&str, u8) {
    let mut multiples = MULTIPLES.into_iter();
    let found = multiples.find_map(|(word, exponent)| Some((text.strip_suffix(word)?, exponent)));
    found.unwrap_or((text, 0))
}

/// Splits a text that ends with the name of a unit, such as 人民币万元, before the name.
fn before_unit(text: &str) -> Option<(&str, StatedUnit)> {
    let others = ending_in(text, &OTHER_CURRENCIES);
    let code = || {
        OTHER_CODES.into_iter().find_map(|code| {
            let (before, found) = text.split_at_checked(text.len().checked_sub(code.len())?)?;
            found.eq_ignore_ascii_case(code).then_some((before, code))
        })
    };
    if let Some((before, name)) = others.or_else(code) {
        return Some((before_multiple(before).0, StatedUnit::Other(name)));
    }
    let yuan = ending_in(text, &YUAN).or_else(|| ending_in(text, &["yuan"]));
    let (before, _) = yuan.or_else(|| ending_in(text, &YUAN_AFTER_MULTIPLE))?;
    if let Some((before, multiple)) = ending_in(before, &LATIN_MULTIPLES) {
        return Some((before, StatedUnit::Unclear(multiple)));
    }
    let (before, exponent) = before_multiple(before);
    if exponent == 0 && yuan.is_none() {
        return None;
    }
    let before = ending_in(before, &CURRENCY).map_or(before, |(before, _)| before);
    Some((before, StatedUnit::Yuan(AmountUnit { exponent })))
}

/// Splits a text that ends with a multiple or a part of a yuan, without 元, before it. That
/// is the name of a unit only where a unit is expected.
fn before_bare_unit(text: &str) -> Option<(&str, StatedUnit)> {
    if let (before, exponent @ 1..) = before_multiple(text) {
        let before = ending_in(before, &CURRENCY).map_or(before, |(before, _)| before);
        return Some((before, StatedUnit::Yuan(AmountUnit { exponent })));
    }
    let part = ending_in(text, &PARTS).map(|(before, part)| (before, StatedUnit::Other(part)));
    let latin = || ending_in(text, &["w", "k"]);
    part.or_else(|| latin().map(|(before, word)| (before, StatedUnit::Unclear(word))))
}

/// Returns the unit with this name. A multiple alone (万) is one only if `may_be_bare`.
fn unit_with_name(name: &str, may_be_bare: bool) -> Option<StatedUnit> {
    let name = ending_in(name, &CURRENCY).map_or(name, |(before, _)| before);
    let bare = || before_bare_unit(name).filter(|_| may_be_bare);
    let found = before_unit(name).filter(|(before, _)| before.is_empty());
    let found = found.or_else(bare).filter(|(before, _)| before.is_empty());
    found.map(|(_, unit)| unit)
}

/// The unit that the lines above and below a header name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TitleUnit {
    /// No unit of money.
    None,
    /// One.
    Is(AmountUnit),
    /// Several, another currency, or words that are not understood; it is not known which
    /// column has which.
    Uncertain(BTreeSet<StatedUnit>),
}

impl TitleUnit {
    /// Returns the unit that these units leave.
    pub(crate) fn one_of(units: BTreeSet<StatedUnit>) -> Self {
        match (units.first(), units.len()) {
            (None, _) => TitleUnit::None,
            (Some(StatedUnit::Yuan(unit)), 1) => TitleUnit::Is(*unit),
            _ => TitleUnit::Uncertain(units),
        }
    }
}

/// Returns a text as units are compared: uniform, in lower case, with simplified
/// characters, and without spaces (单 位：萬 元) and quotation marks.
fn plain(text: &str) -> String {
    let plain = |c: char| match c {
        '萬' => '万',
        '圓' => '圆',
        '單' | '単' => '单',
        '額' => '额',
        '幣' => '币',
        '貨' => '货',
        '億' => '亿',
        '為' => '为',
        '計' => '计',
        '數' => '数',
        '仟' => '千',
        '佰' => '百',
        '拾' => '十',
        other => other,
    };
    let plain: String = characters(text)
        .filter(|c| !matches!(c, ' ' | '\'' | '"'))
        .map(|c| plain(c).to_ascii_lowercase())
        .collect();
    // 万元 保留两位小数 are two words.
    plain.replace("保留", ",保留")
}

/// Finds the units of money that lines of text state, such as 单位：万元,
/// 金额单位：人民币元, （万元）, 金额：万元 or 以万元为单位. Units of other things
/// (单位：户、人、万元), amounts (5 万元) and limits (万元以上) do not count. A multiple or a
/// currency in other words is unclear.
pub(crate) fn stated_units(text: &str) -> BTreeSet<StatedUnit> {
    plain(text)
        .lines()
        .flat_map(|line| units_in(line, false))
        .collect()
}

/// Finds the units of money in a plain line. `expected` means that the line is a note of a
/// column of amounts, where 万 alone is a unit.
fn units_in(line: &str, expected: bool) -> BTreeSet<StatedUnit> {
    let others = ORGANISATIONS
        .iter()
        .fold(line.to_owned(), |line, label| line.replace(label, ""));
    let expected = expected || others.contains("单位");
    let mut units = BTreeSet::new();
    for (start, word) in words(line) {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        let name = named_as_unit(word);
        let in_brackets = before.ends_with('(') && after.starts_with(')');
        let may_be_bare = expected || in_brackets || name.is_some();
        match unit_with_name(name.unwrap_or(word), may_be_bare) {
            // 5,万元 may be an amount in two cells.
            Some(unit) if name.is_none() && follows_number(before) => {
                units.extend(unit.unclear());
            }
            Some(unit) => {
                units.insert(unit);
            }
            // The name of an office may contain anything.
            None if ORGANISATIONS.iter().any(|label| {
                let before = before.trim_end_matches([':', ',']);
                before.ends_with(label)
            }) => {}
            None => units.extend(units_within(line, start, word)),
        }
    }
    units
}

/// Labels of an office, which are no statements of a unit.
const ORGANISATIONS: [&str; 6] = [
    "填报单位",
    "填表单位",
    "制表单位",
    "报送单位",
    "编制单位",
    "上报单位",
];

/// Returns whether a text ends with a digit and one separator.
fn follows_number(before: &str) -> bool {
    let digits = before.strip_suffix([',', '.', '、', ';', '\t']);
    digits.is_some_and(|digits| digits.ends_with(|c: char| c.is_ascii_digit()))
}

/// Finds the units in a word that is not the name of a unit.
fn units_within(line: &str, start: usize, word: &str) -> BTreeSet<StatedUnit> {
    let ends = word.char_indices().map(|(at, c)| at + c.len_utf8());
    let found = ends.filter_map(|end| {
        let (before, unit) = before_unit(&word[..end])?;
        let after = &word[end..];
        // Another word, such as 元旦, or one with the letters of a code.
        let is_part = after.starts_with(['旦', '素', '月', '年', '件'])
            || after.starts_with(|c: char| c.is_ascii_alphabetic())
            || matches!(unit, StatedUnit::Other(code) if code.is_ascii());
        let is_limit = ["以上", "以下", "以内", "及以", "户"]
            .iter()
            .any(|end| after.starts_with(end));
        let is_named = before.ends_with(['以', '按', '用'])
            && ["计", "为单位", "为计", "填", "统计", "表示", "核算"]
                .iter()
                .any(|end| after.starts_with(end));
        match () {
            () if is_part || is_limit => None,
            () if is_named => Some(unit),
            () => match number_before(&line[..start + before.len()]) {
                Number::None => unit.unclear(),
                Number::OfAmount => None,
                Number::OfUnit => Some(StatedUnit::Unclear("…0元")),
            },
        }
    });
    found.collect()
}

/// The number before a unit.
enum Number {
    None,
    /// 共5万元, 十余万元, 近万元.
    OfAmount,
    /// 单位：10,000元.
    OfUnit,
}

fn number_before(before: &str) -> Number {
    const NUMERALS: &str = "一二三四五六七八九两几数零壹贰叁肆伍陆柒捌玖近超逾过满足";
    let number = before
        .trim_end_matches(['余', '多'])
        .trim_end_matches(['十', '百', '千', '万', '亿']);
    let label = number.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, ',' | '.'));
    let is_of_unit = || {
        let label = label.trim_end_matches([':', '(', '=', '为', '是']);
        label.ends_with("单位") || label.ends_with("unit")
    };
    match number.chars().next_back() {
        Some('0'..='9') if is_of_unit() => Number::OfUnit,
        Some('0'..='9') => Number::OfAmount,
        Some(c) if NUMERALS.contains(c) => Number::OfAmount,
        _ => Number::None,
    }
}

/// Returns the units of money in a cell that holds nothing but units, types of columns and
/// notes such as 必填: 万元, （元/月）, 单位：户、万元; `None` if it holds anything else. In a
/// column of amounts 万 alone is a unit.
pub(crate) fn units_alone(cell: &str, is_of_amounts: bool) -> Option<BTreeSet<StatedUnit>> {
    units_alone_in(&plain(cell), is_of_amounts)
}

fn units_alone_in(cell: &str, expected: bool) -> Option<BTreeSet<StatedUnit>> {
    const OTHERS: [&str; 36] = [
        "月",
        "年",
        "日",
        "天",
        "次",
        "人",
        "户",
        "人次",
        "个",
        "件",
        "岁",
        "周岁",
        "文本",
        "文字",
        "字符",
        "字符串",
        "数字",
        "数值",
        "整数",
        "日期",
        "时间",
        "金额",
        "货币",
        "币种",
        "计量",
        "人民币",
        "rmb",
        "cny",
        "yuan",
        "必填",
        "必填项",
        "必录",
        "选填",
        "非必填",
        "可选",
        "可空",
    ];
    let is_other = |word: &str| {
        OTHERS.contains(&word)
            || word.ends_with("小数")
            || ["精确到元", "精确到角", "精确到分"].contains(&word)
    };
    let is_alone = words(cell).all(|(start, word)| {
        let name = named_as_unit(word);
        let in_brackets =
            cell[..start].ends_with('(') && cell[start + word.len()..].starts_with(')');
        let may_be_bare = expected || in_brackets || name.is_some() || cell.contains("单位");
        let name = name.unwrap_or(word);
        name.is_empty() || is_other(name) || unit_with_name(name, may_be_bare).is_some()
    });
    is_alone.then(|| units_in(cell, expected))
}

/// Returns the units of the amounts in a total that state their own: 30万元, 共3户30万.
pub(crate) fn units_of_amounts(total: &str) -> BTreeSet<StatedUnit> {
    let total = plain(total);
    let after_numbers = total.split(|c: char| c.is_ascii_digit()).skip(1);
    let units = after_numbers.filter_map(|after| {
        let unit = after.trim_matches(|c: char| !c.is_alphanumeric());
        let exponent = own_exponent(unit).filter(|_| !unit.is_empty());
        let yuan = exponent.map(|exponent| StatedUnit::Yuan(AmountUnit { exponent }));
        yuan.or_else(|| unit_with_name(unit, false))
    });
    units.collect()
}

/// Returns the names of units.
pub(crate) fn names_of(units: &BTreeSet<StatedUnit>) -> Vec<String> {
    units.iter().map(|unit| unit.name()).collect()
}

/// Returns the unit that a word calls so: 单位万元, 金额单位均为万元, 以万元为单位, 以万元计.
fn named_as_unit(word: &str) -> Option<&str> {
    let by = ["为单位", "计"]
        .into_iter()
        .find_map(|end| word.strip_suffix(end)?.rsplit_once(['以', '按']));
    let called = by.or_else(|| word.rsplit_once("单位"));
    called.map(|(_, name)| name.trim_start_matches(['均', '都', '为', '是']))
}

/// Returns the runs of letters and digits of a line, with the bytes before them.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_between = |c: char| !c.is_alphanumeric();
    let mut from = 0;
    line.split_inclusive(is_between).filter_map(move |part| {
        let start = from;
        from += part.len();
        let word = part.trim_end_matches(is_between);
        (!word.is_empty()).then_some((start, word))
    })
}

/// The header of a column of amounts, taken apart: `（必填）损失金额（万元）`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AmountHeader {
    /// The name of the column; `None` if other text is between or behind the notes.
    pub(crate) name: Option<String>,
    /// The units that the header states.
    pub(crate) units: BTreeSet<StatedUnit>,
    /// Whether all notes are units or known to be none.
    pub(crate) is_understood: bool,
}

impl AmountHeader {
    /// Takes a header apart. Everything in brackets behind the name is a note, and so are
    /// a unit, 必填 and the like without brackets.
    pub(crate) fn of(header: &str) -> Self {
        let text = plain(header);
        let mut name: Option<&str> = None;
        let mut is_name = true;
        let mut is_understood = true;
        let mut units = BTreeSet::new();
        for (in_brackets, part) in parts(&text) {
            let is_first = name.is_none() && !in_brackets;
            let note = match is_first {
                true => {
                    let (before, note) = without_note(part);
                    name = Some(before);
                    note
                }
                false => part,
            };
            let understood = units_alone_in(note, true);
            // Anything may be in brackets behind the name, but not elsewhere.
            is_name &= understood.is_some() || (in_brackets && name.is_some());
            is_understood &= understood.is_some();
            units.extend(understood.unwrap_or_else(|| units_in(note, true)));
            if is_first {
                units.extend(units_in(name.unwrap_or_default(), false));
            }
        }
        AmountHeader {
            name: name.filter(|_| is_name).map(str::to_owned),
            units,
            is_understood,
        }
    }

    /// Returns the name of a header if it is one of these. Taking a header apart is slow, and any
    /// cell of the first lines may be one. So this is done only if a name is in the cell.
    pub(crate) fn name_among<'n>(header: &str, names: &'n [String]) -> Option<&'n str> {
        if names.is_empty() {
            return None;
        }
        let text = plain(header);
        if !names.iter().any(|name| text.contains(name.as_str())) {
            return None;
        }
        let name = AmountHeader::of(header).name?;
        names.iter().map(String::as_str).find(|one| *one == name)
    }
}

/// Splits the part of a header outside of brackets into the column's name and a unit.
fn without_note(part: &str) -> (&str, &str) {
    const NOTES: [&str; 8] = [
        "必填项",
        "非必填",
        "必填",
        "必录",
        "选填项",
        "选填",
        "可选",
        "可空",
    ];
    let between = |c: char| !c.is_alphanumeric();
    let part = part.trim_matches(between);
    let part = ending_in(part, &NOTES).map_or(part, |(before, _)| before);
    let part = part.trim_end_matches(between);
    let by = ["为单位", "计"]
        .into_iter()
        .find_map(|end| part.strip_suffix(end)?.rsplit_once(['以', '按']));
    let before_bare = || {
        let (before, unit) = before_bare_unit(part)?;
        // The last letter of a name may be 分.
        let is_apart = before.ends_with(between) || before.ends_with("单位");
        (is_apart || matches!(unit, StatedUnit::Yuan(_))).then_some(before)
    };
    let before = match by {
        Some((before, name)) if unit_with_name(name, true).is_some() => before,
        _ => match before_unit(part) {
            Some((before, _)) => before,
            None => before_bare().unwrap_or(part),
        },
    };
    let name = before.trim_end_matches(between);
    let name = name.strip_suffix("单位").unwrap_or(name);
    let name = name.trim_end_matches(between);
    match name.is_empty() {
        true => (part, ""),
        false => (name, &part[name.len()..]),
    }
}

/// Splits a text into its parts inside (`true`) and outside of brackets, without those that
/// have no letters or digits.
fn parts(text: &str) -> Vec<(bool, &str)> {
    const OPEN: &str = "([{<【〔〖《";
    const CLOSED: &str = ")]}>】〕〗》";
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    let ends = text.char_indices().chain([(text.len(), ')')]);
    for (at, c) in ends {
        let (was, is_open) = (depth > 0, OPEN.contains(c));
        if is_open {
            depth += 1;
        } else if CLOSED.contains(c) {
            depth = depth.saturating_sub(1);
        }
        if was != (depth > 0) || at == text.len() {
            parts.push((was, &text[start..at]));
            start = at;
        }
    }
    parts.retain(|(_, part)| part.contains(char::is_alphanumeric));
    parts
}

/// Reads a number in uniform text. An amount may have a currency sign, separators of
/// thousands, 万 or another multiple, and 元, 元整 or 元正; then its own unit counts, and
/// otherwise that of its column. Numerals in words (叁万) and estimates (约5万) are not
/// read. `None` if it is not a number.
pub(crate) fn read(text: &str, column: AmountUnit) -> Option<f64> {
    let text: String = text.chars().filter(|c| *c != ' ').collect();
    let (minus, text) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(&text)),
    };
    let text = ["人民币", "RMB", "CNY"]
        .into_iter()
        .find_map(|currency| text.strip_prefix(currency))
        .map_or(text, |rest| rest.trim_start_matches(':'));
    let text = text.strip_prefix('¥').unwrap_or(text);
    // The sign may also follow the currency.
    let (minus, text) = match text.strip_prefix('-') {
        Some(rest) if minus.is_empty() => ("-", rest),
        _ => (minus, text),
    };
    let end = text
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
        .count();
    let (digits, unit) = text.split_at(end);
    let digits = without_separators(digits)?;
    let exponent = match unit {
        "" => column.exponent,
        unit => own_exponent(unit)?,
    };
    // The exponent is part of the text, so that 2.9999万 is exactly 29999.
    let number: f64 = format!("{minus}{digits}e{exponent}").parse().ok()?;
    number.is_finite().then_some(number)
}

/// Reads what follows the digits of an amount: 万, 元, 万元, 元整.
fn own_exponent(unit: &str) -> Option<u8> {
    let unit = unit.strip_suffix(['整', '正']).unwrap_or(unit);
    let multiple = YUAN.into_iter().find_map(|yuan| unit.strip_suffix(yuan));
    let multiple = multiple.unwrap_or(unit);
    let found = MULTIPLES.iter().find(|(word, _)| *word == multiple)?;
    Some(found.1)
}

/// Removes commas. They separate groups of three digits, or of four, as in Chinese.
fn without_separators(digits: &str) -> Option<String> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let is_grouped = whole.len() > first.len();
    let sizes: BTreeSet<usize> = groups.map(str::len).collect();
    let is_right = !is_grouped
        || (matches!(first.len(), 1..=4)
            && sizes.len() == 1
            && sizes.iter().all(|size| matches!(size, 3 | 4)));
    let has_digit = digits.bytes().any(|byte| byte.is_ascii_digit());
    let fraction_is_plain = fraction.bytes().all(|byte| byte.is_ascii_digit());
    (is_right && has_digit && fraction_is_plain).then(|| digits.replace(',', ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aidlink_faults::uniform_text::uniform_header;

    #[test]
    fn a_header_states_its_unit() {
        let all = |name: &str, spellings: &str, expected: &[&str], is_understood: bool| {
            for header in spellings.split('|') {
                let found = AmountHeader::of(&uniform_header(header));
                assert_eq!(found.name.as_deref(), Some(name), "{header}");
                assert_eq!(names_of(&found.units), expected, "{header}");
                assert_eq!(found.is_understood, is_understood, "{header}");
            }
        };
        let wan = "损失金额（万元）|损失金额（单位：万元）|损失金额（人民币 万元）|损失金额：万元|\
                   损失金额万元|损失金额_万元|损失金额，万元|损失金额 单位：万元|损失金额（万）|\
                   损失金额(单位:万)|损失金额（人民币：万元）|损失金额（万元，保留两位小数）|\
                   损失金额（万元人民币）|（万元）损失金额|损失金额（单位为万元）|\
                   损失金额（以万元计）|损失金额以万元计|损失金额（萬元）|损失金额（万 圓）|\
                   损失金额〔万元〕|损失金额（万元）*必填|损失金额【必填】（万元）|\
                   *损失金额（万元）|损失金额（万元）（选填）|损失金额（万元/人）|损失金额（万块）|\
                   损失金额/万|损失金额万|损失金额（按万元计）|损失金额（万元";
        all("损失金额", wan, &["万元"], true);
        all(
            "损失金额",
            "损失金额(元)|损失金额（元/月）|损失金额（人民币元）",
            &["元"],
            true,
        );
        all(
            "损失金额",
            "损失金额【千元】|损失金额（仟元）|损失金额（千）",
            &["千元"],
            true,
        );
        all("损失金额", "损失金额/百万元", &["百万元"], true);
        all(
            "损失金额",
            "损失金额|损失金额（必填）|损失金额 可空|损失金额★",
            &[],
            true,
        );
        all(
            "损失金额",
            "损失金额（保留两位小数）|损失金额（数值）",
            &[],
            true,
        );
        all(
            "损失金额",
            "损失金额（估算）（万元）|损失金额（按万元填报）",
            &["万元"],
            false,
        );
        all(
            "损失金额",
            "损失金额（估算）|损失金额（5万元以上）",
            &[],
            false,
        );
        all(
            "损失金额",
            "损失金额（美元）|损失金额（万美元）|损失金额美元",
            &["美元"],
            true,
        );
        all("损失金额", "损失金额（单位：万港币）", &["港币"], true);
        all("损失金额", "损失金额/usd", &["USD"], true);
        all("损失金额", "损失金额【欧元】", &["欧元"], true);
        all("损失金额", "损失金额（分）|损失金额/分", &["分"], true);
        all("损失金额", "损失金额（w）|损失金额(w元)", &["w"], true);
        // The multiple is in words that are not understood.
        all(
            "损失金额",
            "损失金额（折合万元）|损失金额（精确到万元）",
            &["万"],
            false,
        );
        all("损失金额", "损失金额（元、万元）", &["元", "万元"], true);
        for header in ["损失金额（万元）合计", "（本人）损失金额", "（万元）"]
        {
            assert_eq!(
                AmountHeader::of(&uniform_header(header)).name,
                None,
                "{header}"
            );
        }
        for header in ["人数（人）", "得分", "损失总额", "评分（分数）"] {
            let found = AmountHeader::of(&uniform_header(header));
            assert_eq!(names_of(&found.units), [""; 0], "{header}");
        }
    }

    #[test]
    fn a_header_is_found_among_names_as_if_each_was_taken_apart() {
        let names = ["损失金额", "amount", "收入"].map(str::to_owned);
        for header in [
            "损失金额",
            "损失金额（万元）",
            "（必填）损失金额（单位：万元）",
            "損失金額（萬元）",
            "损 失 金 额 ( 元 )",
            "损失金额以万元计",
            "Amount (元)",
            "人均收入（元）",
            "收入",
            "（本人）损失金额",
            "损失金额（万元）合计",
            "姓名",
            "",
        ] {
            let header = uniform_header(header);
            let taken_apart = AmountHeader::of(&header).name;
            let expected = names
                .iter()
                .find(|name| taken_apart.as_ref() == Some(*name));
            let found = AmountHeader::name_among(&header, &names);
            assert_eq!(found, expected.map(String::as_str), "{header}");
            assert_eq!(AmountHeader::name_among(&header, &[]), None);
        }
    }

    #[test]
    fn a_title_line_states_the_unit_of_the_columns_below() {
        let unit = |name: &str| match unit_with_name(name, false) {
            Some(StatedUnit::Yuan(unit)) => TitleUnit::Is(unit),
            _ => TitleUnit::None,
        };
        for (titles, expected) in [
            ("救助情况表\n,,,单位：万元,", unit("万元")),
            ("救助情况表（万元）", unit("万元")),
            ("填报单位：某局,,金额单位：人民币元", unit("元")),
            ("单位:户、人、千元", unit("千元")),
            ("单位：万元/人", unit("万元")),
            ("（单位：万元）\n单位：万元", unit("万元")),
            ("（单位　万元）", unit("万元")),
            ("注：本表金额单位均为万元", unit("万元")),
            ("说明：以万元为单位", unit("万元")),
            ("注：金额以人民币千元计，保留两位", unit("千元")),
            ("单 位：万 元", unit("万元")),
            ("金额：万元", unit("万元")),
            ("单位：万", unit("万元")),
            ("單位：萬元", unit("万元")),
            ("单位：仟圆", unit("千元")),
            ("计量单位:万元", unit("万元")),
            ("货币单位：人民币（万元）", unit("万元")),
            ("金额均以“万元”为单位填报", unit("万元")),
            ("说明：1.财产损失金额以万元计；2.其他", unit("万元")),
            ("注：金额按万元统计，保留两位小数", unit("万元")),
            ("2026-09-30,,,万元", unit("万元")),
            ("单位：人、户、元", unit("元")),
            ("本表统计损失3万元以上案件，单位：元", unit("元")),
            ("2026年损失超过5万元的被害人名单", TitleUnit::None),
            (
                "共发放救助金1,200.5万元、三十余万元、近万元",
                TitleUnit::None,
            ),
            ("填报单位：万元店镇", TitleUnit::None),
            ("万州区3单元2026年元月名册", TitleUnit::None),
            ("制表人：万", TitleUnit::None),
            ("合计（大写）：人民币叁拾万元整", TitleUnit::None),
            ("", TitleUnit::None),
            ("合计", TitleUnit::None),
            ("以家庭为单位", TitleUnit::None),
            ("填报单位：某局", TitleUnit::None),
            ("单位：某局，共发放 5 万元", TitleUnit::None),
            ("某年万元以上救助", TitleUnit::None),
            ("单位：人", TitleUnit::None),
        ] {
            let found = TitleUnit::one_of(stated_units(titles));
            assert_eq!(found, expected, "{titles}");
        }
        for titles in [
            "单位：元、万元",
            "单位：万元\n（元）",
            "单位：万美元",
            "单位：港币",
            "单位：usd",
            "（外币）",
            "单位：元（表中金额列为万元）",
            "财产损失等均为万元",
            "损失情况万元",
            "金额系万元数",
            "金额折算为美元后填写",
            "单位：分",
            "（角）",
            "单位：w元",
            "Unit: 10,000 yuan",
            "单位：10000元",
            "in thousand yuan",
            "共发放,5,万元",
        ] {
            let found = TitleUnit::one_of(stated_units(titles));
            assert!(matches!(found, TitleUnit::Uncertain(_)), "{titles}");
        }
    }

    #[test]
    fn a_cell_of_nothing_but_units_is_told_from_one_with_content() {
        for (cell, expected) in [
            ("万元", &["万元"][..]),
            ("（元/月）", &["元"]),
            ("单位：万元", &["万元"]),
            ("单位：户、人、千元", &["千元"]),
            ("金额单位：人民币万元", &["万元"]),
            ("以万元为单位", &["万元"]),
            ("（万美元）", &["美元"]),
            ("（万）", &["万元"]),
            ("单位：万", &["万元"]),
            ("单 位：萬 元", &["万元"]),
            ("数值（万元，保留两位小数）", &["万元"]),
            ("（人）", &[]),
            ("单位：", &[]),
            ("文本", &[]),
            ("必填", &[]),
        ] {
            let units = units_alone(cell, false).expect(cell);
            assert_eq!(names_of(&units), expected, "{cell}");
        }
        for cell in [
            "5万元",
            "万",
            "甲",
            "金元",
            "单位：某局",
            "五保户",
            "44990119900101011X港币",
        ] {
            assert_eq!(units_alone(cell, false), None, "{cell}");
        }
        for (cell, expected) in [("万", "万元"), ("角", "角"), ("w", "w")] {
            let units = units_alone(cell, true).expect(cell);
            assert_eq!(names_of(&units), [expected], "{cell}");
        }
    }

    #[test]
    fn the_amounts_of_a_total_state_their_units() {
        for (total, expected) in [
            ("30万元", &["万元"][..]),
            ("合计：30.5 万 元整", &["万元"]),
            ("¥30萬", &["万元"]),
            ("共3户30万元", &["万元"]),
            ("300000元", &["元"]),
            ("合计100千元", &["千元"]),
            ("30美元", &["美元"]),
            ("300000.00", &[]),
            ("合计", &[]),
            ("合计3人", &[]),
            ("共3万人", &[]),
            ("叁拾万元整", &[]),
        ] {
            assert_eq!(names_of(&units_of_amounts(total)), expected, "{total}");
        }
    }
}
