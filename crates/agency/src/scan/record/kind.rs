//! The kinds of records: rows, and lines that are not rows.

use std::collections::BTreeSet;

use super::super::encoding::without_text_formula;
use super::super::headings::{Headings, Repetition};
use super::{CTRL_Z, Cells, Dialect};
use crate::cell::amount::{StatedUnit, stated_units, units_alone, units_of_amounts};
use crate::error_value::MERGED_TEXT;

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// Every cell is blank.
    Blank,
    /// A line of totals (合计, 总计 and so on).
    Total,
    /// A line that a form has below or between its rows (填表人, 注, 第 1 页 and so on).
    Footer,
    /// The header again, or a title line again.
    Header,
    /// A header with other columns.
    OtherHeader,
    /// A line that is no row or has no ID number, and states another unit of money than the
    /// one in which the amounts are read.
    OtherUnit,
    /// More fields than the header, or no field for the ID number.
    FieldCount,
    /// A row.
    Row,
}

/// Classifies a record.
pub(in super::super) fn kind_of(cells: &Cells, dialect: Dialect, headings: &Headings) -> Kind {
    // A record with a long number in the ID column is a row, whatever else is in it.
    if !has_long_number(cells, dialect) {
        if cells.iter().all(is_empty) {
            return Kind::Blank;
        }
        let without_merged = cells
            .iter()
            .map(|cell| match cell == MERGED_TEXT.as_bytes() {
                true => &[],
                false => cell,
            });
        match headings.repeated_in(&without_merged.collect::<Vec<_>>()) {
            Some(Repetition::Same) => return Kind::Header,
            Some(Repetition::Other) => return Kind::OtherHeader,
            None => {}
        }
        let kind = kind_of_words(cells, dialect, headings);
        let kind = kind.or_else(|| is_line_of_units(cells, headings).then_some(Kind::Footer));
        if states_other_unit(cells, kind, headings) {
            return Kind::OtherUnit;
        }
        if let Some(kind) = kind {
            return kind;
        }
    }
    // Some programs omit the empty cells at the end of a row, so a short row is
    // accepted.
    if cells.len() > dialect.id_column
        && cells.len() <= dialect.fields
        && (dialect.width..cells.len()).all(|column| is_empty(cells.get(column)))
    {
        Kind::Row
    } else {
        Kind::FieldCount
    }
}

/// Returns whether the ID column has at least fifteen digits.
pub(in super::super) fn has_long_number(cells: &Cells, dialect: Dialect) -> bool {
    digits(cells.get(dialect.id_column)) >= 15
}

fn digits(cell: &[u8]) -> usize {
    cell.iter().filter(|byte| byte.is_ascii_digit()).count()
}

/// Returns whether a cell is blank, a text formula (`=""`) of a blank text, or merged with
/// another one.
pub(in super::super) fn is_empty(cell: &[u8]) -> bool {
    is_blank(cell)
        || cell == MERGED_TEXT.as_bytes()
        || without_text_formula(cell).is_some_and(|text| is_blank(&text))
}

/// Returns whether a cell has only white space, including the full-width space of
/// UTF-8 and GB18030, or Ctrl-Z.
pub(in super::super) fn is_blank(cell: &[u8]) -> bool {
    let mut rest = cell.trim_ascii_start();
    while !rest.is_empty() {
        match blank_length(rest) {
            0 => return false,
            length => rest = rest[length..].trim_ascii_start(),
        }
    }
    true
}

/// Returns the number of bytes of the blank character at the start of a text, or 0 if
/// it does not start with one.
pub(super) fn blank_length(text: &[u8]) -> usize {
    match text {
        [CTRL_Z, ..] => 1,
        [byte, ..] if byte.is_ascii_whitespace() => 1,
        [0xe3, 0x80, 0x80, ..] => 3,
        [0xa1, 0xa1, ..] | [0xc2, 0xa0, ..] => 2,
        _ => 0,
    }
}

/// Maximum length in bytes of a cell with a total.
const LONGEST_TOTAL: usize = 60;
/// Maximum length in bytes of a cell with a note or a signature.
const LONGEST_NOTE: usize = 1000;

/// Recognises a line of totals or a footer by its first cell with content. The ID column
/// must be blank, or have such words itself, or a count of at most six digits; a damaged
/// ID number has none of these forms. A line with a label, such as a status, or with a name
/// is a row without an ID number, whatever its first cell says.
fn kind_of_words(cells: &Cells, dialect: Dialect, headings: &Headings) -> Option<Kind> {
    let first = cells.iter().find(|cell| !is_empty(cell))?;
    let kind = kind_of_text(&text_of(first, LONGEST_NOTE)?)?;
    let id_cell = cells.get(dialect.id_column);
    let belongs = is_empty(id_cell)
        || text_of(id_cell, LONGEST_NOTE)
            .is_some_and(|text| kind_of_text(&text).is_some() || is_count(&text));
    (belongs && !states_person(cells, kind, headings)).then_some(kind)
}

/// Returns whether a line of this kind has, after its first cell with content, a label in a
/// column of labels or a text in a column of texts, such as a name. Words of a footer, what
/// follows a label such as 填表人：, figures of a total, dates and sentences are neither.
fn states_person(cells: &Cells, kind: Kind, headings: &Headings) -> bool {
    let mut before: Option<String> = None;
    let filled = cells.iter().enumerate();
    for (column, cell) in filled.filter(|(_, cell)| !is_empty(cell)) {
        let text = text_of(cell, LONGEST_NOTE).unwrap_or_default();
        if let Some(before) = &before {
            let is_word = kind_of_text(&text).is_some();
            let is_person = match (headings.has_labels(column), headings.has_text(column)) {
                (true, _) => !is_word && !is_figure(&text, kind),
                (false, true) => !is_word && !is_no_name(&text),
                (false, false) => false,
            };
            if is_person && !awaits_value(before) {
                return true;
            }
        }
        before = Some(text);
    }
    false
}

/// Returns whether a text in a footer or total is no name, but a number, an amount, a date,
/// a label or part of a note.
fn is_no_name(text: &str) -> bool {
    const LONGEST_NAME: usize = 30;
    // As in a line of totals: a number is no name.
    is_figure(text, Kind::Total)
        || LABELS.contains(&text)
        || text.contains(['。', '；', ';', '，', '：', ':'])
        || text.chars().count() > LONGEST_NAME
}

/// Returns whether a text is a footer's label whose value, a name or a day, is in the next
/// cell. A note is in the cell of its label.
fn awaits_value(text: &str) -> bool {
    let label = text
        .trim_end_matches(['：', ':'])
        .trim_end_matches(char::is_numeric);
    let is_open = text.ends_with(['：', ':']) || LABELS_ALONE.contains(&text);
    is_open && is_footer(text) && !label.ends_with('注') && !label.ends_with("说明")
}

/// Returns whether a text is a number, an amount or a date. A number alone is a code,
/// unless it is in a line of totals.
fn is_figure(text: &str, kind: Kind) -> bool {
    let is_in_figure = |c: char| !c.is_alphabetic() || "人户条名共数个元万年月日".contains(c);
    let is_number = text.chars().all(|c| c.is_ascii_digit());
    !text.is_empty() && text.chars().all(is_in_figure) && (kind == Kind::Total || !is_number)
}

/// Returns whether every cell with content holds nothing but units, and one of them a
/// unit of money. Such a line is often below a header.
fn is_line_of_units(cells: &Cells, headings: &Headings) -> bool {
    let mut states_unit = false;
    let filled = cells.iter().enumerate();
    for (column, cell) in filled.filter(|(_, cell)| !is_empty(cell)) {
        let text = text_of(cell, LONGEST_TOTAL);
        let is_of_amounts = headings.amounts().contains(column);
        let Some(units) = text.and_then(|text| units_alone(&text, is_of_amounts)) else {
            return false;
        };
        states_unit |= !units.is_empty();
    }
    states_unit
}

/// Returns whether a line without an ID number states another unit of money than that of
/// the amounts: a line of totals or a footer (`kind`) or a line of one cell in any words, in
/// totals also by an amount (30万元), and every other line by a cell that is a unit.
fn states_other_unit(cells: &Cells, kind: Option<Kind>, headings: &Headings) -> bool {
    let filled = || cells.iter().enumerate().filter(|(_, cell)| !is_empty(cell));
    let is_note = kind.is_some() || filled().nth(1).is_none();
    let is_other = |unit: StatedUnit| headings.is_other_unit(unit);
    filled().any(|(column, cell)| {
        let Some(text) = text_of(cell, LONGEST_NOTE) else {
            return false;
        };
        let states = |units: BTreeSet<StatedUnit>| units.into_iter().any(is_other);
        let has_own_unit = || headings.amounts().with_own_unit.contains(&column);
        let is_of_amounts = headings.amounts().contains(column);
        states(units_alone(&text, is_of_amounts).unwrap_or_default())
            || (is_note && states(stated_units(&text)))
            || (kind == Some(Kind::Total) && !has_own_unit() && states(units_of_amounts(&text)))
    })
}

/// Returns a text without white space. Words of a footer are the same in both encodings.
/// A short one in GB18030 (元) may be valid UTF-8 too, but only for letters of other scripts.
fn text_of(cell: &[u8], longest: usize) -> Option<String> {
    if cell.len() > longest {
        return None;
    }
    let cell = without_text_formula(cell).unwrap_or(cell.into());
    let compact = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect();
    let is_plausible = |text: &&str| text.is_ascii() || text.chars().any(|c| c >= '\u{2000}');
    match std::str::from_utf8(&cell).ok().filter(is_plausible) {
        Some(text) => Some(compact(text)),
        None => encoding_rs::GB18030
            .decode_without_bom_handling_and_without_replacement(&cell)
            .map(|text| compact(&text)),
    }
}

fn kind_of_text(text: &str) -> Option<Kind> {
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        // Most cells in the ID column are numbers, and all words below are Chinese.
        is_row_count(text).then_some(Kind::Footer)
    } else if is_total(text) {
        Some(Kind::Total)
    } else if is_footer(text) {
        Some(Kind::Footer)
    } else {
        None
    }
}

/// Returns whether a text begins with 合计, 总计, 小计, 共计, 总数 or 累计, also of a
/// page or a table (本页小计), followed only by figures and their units.
fn is_total(text: &str) -> bool {
    const OF_WHAT: [&str; 7] = ["本页", "本表", "本村", "本户", "全部", "人数", "总"];
    const WORDS: [&str; 6] = ["合计", "总计", "小计", "共计", "总数", "累计"];
    if text.len() > LONGEST_TOTAL {
        return false;
    }
    let text = OF_WHAT
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(text);
    WORDS.iter().any(|word| {
        text.strip_prefix(word).is_some_and(|rest| {
            rest.chars()
                .all(|c| !c.is_alphabetic() || FIGURES.contains(c))
        })
    })
}

/// What follows 合计 beside digits: 3户30万元, 人民币伍万玖千元整.
const FIGURES: &str =
    "人户条名共数金额大写民币元圆角分整正零〇一二三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟";

/// Labels in the foot of a form. A colon follows, or the rest of the line.
const LABELS: [&str; 41] = [
    "填表人",
    "填报人",
    "制表人",
    "制表",
    "造表人",
    "打印人",
    "导出人",
    "经办人",
    "经手人",
    "审核人",
    "审核",
    "复核人",
    "复核",
    "审批人",
    "审批",
    "核对人",
    "负责人",
    "单位负责人",
    "主管领导",
    "分管领导",
    "领导",
    "联系人",
    "联系电话",
    "单位",
    "金额单位",
    "填报单位",
    "填表单位",
    "制表单位",
    "日期",
    "填表日期",
    "填报日期",
    "制表日期",
    "制表时间",
    "打印日期",
    "打印时间",
    "导出日期",
    "导出时间",
    "数据来源",
    "注",
    "备注",
    "说明",
];
/// Labels that need no colon, because no column holds such a value.
const LABELS_ALONE: [&str; 12] = [
    "填表人",
    "填报人",
    "制表人",
    "造表人",
    "审核人",
    "复核人",
    "填报单位",
    "填表单位",
    "制表单位",
    "填表日期",
    "制表日期",
    "打印日期",
];
/// What follows a label before the colon.
const SIGNED: [&str; 12] = [
    "签字",
    "签名",
    "签章",
    "盖章",
    "（签字）",
    "（签名）",
    "（签章）",
    "（盖章）",
    "(签字)",
    "(签名)",
    "(签章)",
    "(盖章)",
];
/// Marks that nothing follows.
const MARKS: [&str; 8] = [
    "以下空白",
    "以下无正文",
    "以下无内容",
    "以下无数据",
    "此页空白",
    "本页空白",
    "盖章",
    "公章",
];
/// What database programs write around the number of rows.
const ROW_COUNTS: [(&str, &str); 12] = [
    ("", "rowsselected"),
    ("", "rowselected"),
    ("", "rowsaffected"),
    ("", "rowaffected"),
    ("", "rows"),
    ("", "行受影响"),
    ("", "行记录"),
    ("已选择", "行"),
    ("共", "条记录"),
    ("共", "条"),
    ("共", "人"),
    ("共", "户"),
];

/// Returns whether a text is a line of a form's foot: who filled it in and who checked
/// it, a note, a page number, the number of rows, or the mark that nothing follows.
fn is_footer(text: &str) -> bool {
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    let label = |label: &&str| {
        text.trim_start_matches(['附', '*', '※'])
            .strip_prefix(*label)
            .is_some_and(|rest| {
                let rest = rest.trim_start_matches(|c: char| c.is_numeric());
                let signed = SIGNED.iter().find_map(|signed| rest.strip_prefix(signed));
                signed.unwrap_or(rest).starts_with(['：', ':'])
            })
    };
    MARKS.contains(&bare)
        || LABELS_ALONE.contains(&bare)
        || LABELS.iter().any(label)
        || is_page_number(bare)
        || is_row_count(text)
}

/// Recognises 第1页, 共3页, 第1页共3页, 第1/3页 and 第 1 页，共 3 页.
fn is_page_number(text: &str) -> bool {
    let rest = text.strip_prefix('第').or(text.strip_prefix('共'));
    text.ends_with('页')
        && rest.is_some_and(|rest| {
            rest.chars()
                .all(|c| c.is_numeric() || "第共页,，、/;；-—一二三四五六七八九十百".contains(c))
        })
}

/// Maximum length in bytes of a text with a number of rows.
const LONGEST_ROW_COUNT: usize = 30;

fn is_row_count(text: &str) -> bool {
    if text.len() > LONGEST_ROW_COUNT {
        return false;
    }
    let text = text
        .trim_matches(|c: char| !c.is_alphanumeric())
        .to_ascii_lowercase();
    ROW_COUNTS.iter().any(|(before, after)| {
        let number = text.strip_prefix(before);
        number
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|number| {
                !number.is_empty()
                    && number.len() <= 9
                    && number.chars().all(|c| c.is_ascii_digit() || c == ',')
            })
    })
}

/// Returns whether a text is a count or an amount of at most six digits, with its unit.
fn is_count(text: &str) -> bool {
    digits(text.as_bytes()) <= 6
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || ".,，人户条名共数个元".contains(c))
}
