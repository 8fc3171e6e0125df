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
/// Names and codes of other currencies.
const OTHER_CURRENCIES: [&str; 21] = [
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
    "USD",
    "HKD",
    "MOP",
    "EUR",
    "外币",
];

/// The unit of money that a header or another line states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StatedUnit {
    /// Yuan or a multiple.
    Yuan(AmountUnit),
    /// Another currency, by its name.
    Other(&'static str),
}

impl StatedUnit {
    /// Returns the unit with this name; of another currency also with anything before it.
    fn named(name: &str) -> Option<Self> {
        let yuan = AmountUnit::named(name).map(StatedUnit::Yuan);
        yuan.or_else(|| Some(StatedUnit::Other(other_currency(name)?.1)))
    }

    fn name(self) -> String {
        match self {
            StatedUnit::Yuan(unit) => unit.name(),
            StatedUnit::Other(currency) => currency.to_owned(),
        }
    }
}

/// Splits a text that ends with another currency before its name.
fn other_currency(text: &str) -> Option<(&str, &'static str)> {
    OTHER_CURRENCIES.into_iter().find_map(|currency| {
        let (before, name) = text.split_at_checked(text.len().checked_sub(currency.len())?)?;
        name.eq_ignore_ascii_case(currency)
            .then_some((before, currency))
    })
}

impl AmountUnit {
    /// Yuan.
    pub const YUAN: AmountUnit = AmountUnit { exponent: 0 };

    /// Returns the unit with this name, such as 万元.
    fn named(name: &str) -> Option<Self> {
        let name = name.strip_prefix("人民币").unwrap_or(name);
        let multiple = YUAN.into_iter().find_map(|yuan| name.strip_suffix(yuan))?;
        let found = MULTIPLES.iter().find(|(word, _)| *word == multiple)?;
        Some(AmountUnit { exponent: found.1 })
    }

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

/// Splits a uniform header such as `损失金额(万元)` into the header without its unit and
/// the unit.
pub(crate) fn header_with_unit(header: &str) -> Option<(&str, StatedUnit)> {
    let inner = header.trim_end_matches([')', ']', '】', '〕', '〗']);
    let other = other_currency(inner);
    let yuan = || YUAN.into_iter().find_map(|yuan| inner.strip_suffix(yuan));
    let (before, currency) = match other {
        Some((before, currency)) => (before, Some(currency)),
        None => (yuan()?, None),
    };
    let (before, exponent) = MULTIPLES
        .into_iter()
        .find_map(|(word, exponent)| Some((before.strip_suffix(word)?, exponent)))?;
    let before = before.strip_suffix("人民币").unwrap_or(before);
    let before = before.trim_end_matches([':', '/', '-', '_']);
    let before = before.strip_suffix("单位").unwrap_or(before);
    let before = before.trim_end_matches(['(', '[', '【', '〔', '〖', ':', '/', '-', '_', ',']);
    let unit = match currency {
        Some(currency) => StatedUnit::Other(currency),
        None => StatedUnit::Yuan(AmountUnit { exponent }),
    };
    Some((before, unit))
}

/// The unit that the lines above and below a header name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TitleUnit {
    /// No unit of money.
    None,
    /// One.
    Is(AmountUnit),
    /// Several, or another currency; it is not known which column has which.
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

/// Finds the units of money that lines of text state, such as 单位：万元,
/// 金额单位：人民币元, （万元） or 以万元为单位. Units of other things (单位：户、人、万元) do not
/// count.
pub(crate) fn stated_units(text: &str) -> BTreeSet<StatedUnit> {
    let text: String = characters(text).collect();
    let mut units = BTreeSet::new();
    for line in text.lines() {
        let mut before = "";
        for (start, word) in words(line) {
            let name = named_as_unit(word);
            let unit = StatedUnit::named(without_currency(name.unwrap_or(word)));
            // 共 5 万元 is an amount.
            let is_amount = before.ends_with(|c: char| c.is_ascii_digit());
            let in_brackets =
                line[..start].ends_with('(') && line[start + word.len()..].starts_with(')');
            if !is_amount && (name.is_some() || line.contains("单位") || in_brackets) {
                units.extend(unit);
            }
            before = word;
        }
    }
    units
}

/// Returns the units of money in a cell that holds nothing but units, such as 万元, （元/月）
/// or 单位：户、万元; `None` if it holds anything else.
pub(crate) fn units_alone(cell: &str) -> Option<BTreeSet<StatedUnit>> {
    const OTHER_UNITS: [&str; 12] = [
        "月", "年", "日", "天", "次", "人", "户", "人次", "个", "件", "岁", "周岁",
    ];
    let cell: String = characters(cell).collect();
    let mut units = BTreeSet::new();
    for (_, word) in words(&cell) {
        let name = named_as_unit(word).unwrap_or(word);
        match StatedUnit::named(without_currency(name)) {
            // A name before another currency may be anything.
            Some(StatedUnit::Other(currency)) if name.len() > currency.len() + "十万".len() => {
                return None;
            }
            Some(unit) => {
                units.insert(unit);
            }
            None if name.is_empty() || OTHER_UNITS.contains(&name) => {}
            None => return None,
        }
    }
    Some(units)
}

/// Returns the names of units.
pub(crate) fn names_of(units: &BTreeSet<StatedUnit>) -> Vec<String> {
    units.iter().map(|unit| unit.name()).collect()
}

fn without_currency(name: &str) -> &str {
    name.strip_prefix("人民币").unwrap_or(name)
}

/// Returns the unit that a word calls so: 单位万元, 金额单位均为万元, 以万元为单位, 以万元计.
fn named_as_unit(word: &str) -> Option<&str> {
    let by = ["为单位", "计"]
        .into_iter()
        .find_map(|end| word.strip_suffix(end)?.rsplit_once('以'));
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
        for (header, base, unit) in [
            ("损失金额（万元）", "损失金额", "万元"),
            ("损失金额(元)", "损失金额", "元"),
            ("损失金额【千元】", "损失金额", "千元"),
            ("损失金额（单位：万元）", "损失金额", "万元"),
            ("损失金额（人民币 万元）", "损失金额", "万元"),
            ("损失金额/百万元", "损失金额", "百万元"),
            ("损失金额：万元", "损失金额", "万元"),
            ("损失金额万元", "损失金额", "万元"),
        ] {
            let header = uniform_header(header);
            let (found, found_unit) = header_with_unit(&header).expect("a unit");
            assert_eq!(
                (found, found_unit.name().as_str()),
                (base, unit),
                "{header}"
            );
        }
        for (header, currency) in [
            ("损失金额（美元）", "美元"),
            ("损失金额（万美元）", "美元"),
            ("损失金额（单位：万港币）", "港币"),
            ("损失金额/usd", "USD"),
            ("损失金额【欧元】", "欧元"),
        ] {
            let header = uniform_header(header);
            let found = header_with_unit(&header);
            assert_eq!(
                found,
                Some(("损失金额", StatedUnit::Other(currency))),
                "{header}"
            );
        }
        for header in ["损失金额", "损失金额（万）", "人数（人）"] {
            assert_eq!(header_with_unit(&uniform_header(header)), None, "{header}");
        }
    }

    #[test]
    fn a_title_line_states_the_unit_of_the_columns_below() {
        let unit = |name: &str| TitleUnit::Is(AmountUnit::named(name).expect("a unit"));
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
            ("（人）", &[]),
            ("单位：", &[]),
        ] {
            let units = units_alone(cell).expect(cell);
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
            assert_eq!(units_alone(cell), None, "{cell}");
        }
    }
}
