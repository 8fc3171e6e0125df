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
/// Other currencies that the title lines of exports name.
const OTHER_CURRENCIES: [&str; 8] = [
    "美元",
    "欧元",
    "港元",
    "港币",
    "日元",
    "英镑",
    "澳元",
    "澳门元",
];

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
pub(crate) fn header_with_unit(header: &str) -> Option<(&str, AmountUnit)> {
    let inner = header.trim_end_matches([')', ']', '】', '〕', '〗']);
    let before = YUAN.into_iter().find_map(|yuan| inner.strip_suffix(yuan))?;
    let (before, exponent) = MULTIPLES
        .into_iter()
        .find_map(|(word, exponent)| Some((before.strip_suffix(word)?, exponent)))?;
    let before = before.strip_suffix("人民币").unwrap_or(before);
    let before = before.trim_end_matches([':', '/', '-', '_']);
    let before = before.strip_suffix("单位").unwrap_or(before);
    let before = before.trim_end_matches(['(', '[', '【', '〔', '〖', ':', '/', '-', '_', ',']);
    Some((before, AmountUnit { exponent }))
}

/// The unit that the title lines of an export name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TitleUnit {
    /// No unit of money.
    None,
    /// One.
    Is(AmountUnit),
    /// Several, or another currency; it is not known which column has which.
    Uncertain(BTreeSet<String>),
}

impl TitleUnit {
    /// Finds the unit in the lines above a header, such as 单位：万元, 金额单位：人民币元 or
    /// （万元）. Units of other things (单位：户、人、万元) do not count.
    pub(crate) fn of(titles: &str) -> Self {
        let titles: String = characters(titles).collect();
        let mut names = BTreeSet::new();
        for line in titles.lines() {
            let mut before = "";
            for (start, word) in words(line) {
                let name = word.strip_prefix("单位").unwrap_or(word);
                let name = name.strip_prefix("人民币").unwrap_or(name);
                let is_unit = AmountUnit::named(name).is_some()
                    || OTHER_CURRENCIES.iter().any(|other| name.ends_with(other));
                // 共 5 万元 is an amount.
                let is_amount = before.ends_with(|c: char| c.is_ascii_digit());
                let in_brackets =
                    line[..start].ends_with('(') && line[start + word.len()..].starts_with(')');
                if is_unit && !is_amount && (line.contains("单位") || in_brackets) {
                    names.insert(name.to_owned());
                }
                before = word;
            }
        }
        let mut units = names.iter().map(|name| AmountUnit::named(name));
        match (units.next(), units.next()) {
            (None, _) => TitleUnit::None,
            (Some(Some(unit)), None) => TitleUnit::Is(unit),
            _ => TitleUnit::Uncertain(names),
        }
    }
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
            ("", TitleUnit::None),
            ("填报单位：某局", TitleUnit::None),
            ("单位：某局，共发放 5 万元", TitleUnit::None),
            ("某年万元以上救助", TitleUnit::None),
            ("单位：人", TitleUnit::None),
        ] {
            assert_eq!(TitleUnit::of(titles), expected, "{titles}");
        }
        for titles in [
            "单位：元、万元",
            "单位：万元\n（元）",
            "单位：万美元",
            "单位：港币",
        ] {
            assert!(
                matches!(TitleUnit::of(titles), TitleUnit::Uncertain(_)),
                "{titles}"
            );
        }
    }
}
