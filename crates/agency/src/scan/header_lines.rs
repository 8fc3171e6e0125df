//! Headers of two or three lines: a line with titles of groups, perhaps one with titles of
//! groups within these, and below them the names of the columns of each group. A column
//! without a group has its name in any of the lines, because its cells are merged.
//!
//! ```text
//! 姓名 | 身份证号 | 残疾情况 |          | 备注
//!      |          | 残疾类别 | 残疾等级 |
//! ```

use crate::cell::amount::stated_units;

/// Titles of groups whose columns are about another person than the one of the row.
pub(super) const OTHER_PERSONS: [&str; 19] = [
    "监护人",
    "法定监护人",
    "户主",
    "户主（申请人）",
    "家长",
    "父亲",
    "母亲",
    "父母",
    "配偶",
    "法定代理人",
    "代理人",
    "委托代理人",
    "抚养人",
    "赡养人",
    "扶养人",
    "联系人",
    "紧急联系人",
    "经办人",
    "代领人",
];
/// Words that titles of groups end with.
const TITLE_ENDS: [&str; 5] = ["基本信息", "基本情况", "信息", "情况", "资料"];

/// Returns whether the line below a header is its second line: it has names only in columns
/// that belong to a group, and nothing in the ID column. Such a line says nothing of a
/// person.
pub(super) fn is_second_line(header: &[String], below: &[String], id_column: usize) -> bool {
    let mut in_group = false;
    let mut has_group = false;
    for (column, name) in below.iter().enumerate() {
        let is_empty = |line: &[String], column: usize| {
            line.get(column).is_none_or(|cell| cell.trim().is_empty())
        };
        let has_name = !name.trim().is_empty();
        if !is_empty(header, column) {
            in_group = has_name && is_empty(header, column + 1) && !is_empty(below, column + 1);
            has_group |= in_group;
        }
        let is_misplaced = column == id_column || !in_group || !is_name(name);
        if has_name && is_misplaced {
            return false;
        }
    }
    has_group
}

/// Returns whether the line above a header has titles of groups. A line with one cell is
/// the title of the sheet, and one with a colon states the office or the day.
pub(super) fn is_line_of_groups(above: &[String]) -> bool {
    let mut cells = above.iter().filter(|cell| !cell.trim().is_empty());
    let is_title = |cell: &String| is_name(cell) && !cell.contains([':', '：']);
    cells.clone().count() > 1 && cells.all(is_title)
}

fn is_name(cell: &str) -> bool {
    const MOST_CHARACTERS: usize = 40;
    const MOST_DIGITS: usize = 3;
    cell.chars().any(char::is_alphabetic)
        && cell.chars().count() <= MOST_CHARACTERS
        && cell.chars().filter(char::is_ascii_digit).count() <= MOST_DIGITS
}

/// Puts two lines together. `is_known` returns whether a name is that of a field.
///
/// A column is named by title and name together, if that is the name of a field, otherwise
/// by its name alone. A title that states a unit of money is a note of each amount below it. A name under the title of another person is not that of a field of
/// this person.
pub(super) fn put_together(
    titles: &[String],
    names: &[String],
    is_known: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut group = "";
    let columns = 0..titles.len().max(names.len());
    columns
        .map(|column| {
            let (title, name) = (text_at(titles, column), text_at(names, column));
            if !title.is_empty() {
                group = title;
            }
            if name.is_empty() {
                return title.to_owned();
            }
            let both = format!("{group}{name}");
            let with_unit = format!("{name}（{group}）");
            if is_known(&both) {
                both
            } else if !is_another_person(group)
                && is_known(&with_unit)
                && !stated_units(group).is_empty()
            {
                with_unit
            } else if is_known(name) && !is_another_person(group) {
                name.to_owned()
            } else {
                format!("{group} {name}").trim().to_owned()
            }
        })
        .collect()
}

fn text_at(line: &[String], column: usize) -> &str {
    line.get(column).map_or("", |cell| cell.trim())
}

/// Returns the name of a column without the title of another person before it, with which
/// [`put_together`] has named it.
pub(super) fn of_another_person(name: &str) -> Option<&str> {
    let (title, rest) = name.split_once(' ')?;
    match is_another_person(title) {
        true => Some(rest),
        false => of_another_person(rest),
    }
}

fn is_another_person(title: &str) -> bool {
    let mut ends = TITLE_ENDS.iter();
    let title = ends
        .find_map(|end| title.strip_suffix(end))
        .unwrap_or(title);
    OTHER_PERSONS.contains(&title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    const HEADER: [&str; 6] = ["姓名", "身份证号", "残疾情况", "", "备注", ""];

    #[test]
    fn a_second_line_has_names_only_below_titles_of_groups() {
        for (below, is_second) in [
            (["", "", "残疾类别", "残疾等级", "", ""], true),
            (["", "", "残疾类别", "残疾等级", "一", "二"], true),
            // Names of persons, ID numbers, amounts: rows.
            (["", "44990119900101011X", "肢体", "二级", "", ""], false),
            (["赵某", "", "肢体", "二级", "", ""], false),
            (["", "", "肢体", "2026-09-30", "", ""], false),
            (["", "", "1", "2", "", ""], false),
            // One column is no group.
            (["", "", "残疾类别", "", "", ""], false),
            (["", "", "", "", "", ""], false),
            (["", "", "", "残疾等级", "", ""], false),
        ] {
            let found = is_second_line(&line(&HEADER), &line(&below), 1);
            assert_eq!(found, is_second, "{below:?}");
        }
    }

    #[test]
    fn titles_of_groups_are_told_from_other_lines_above_a_header() {
        for (above, is_groups) in [
            (&["基本信息", "", "救助信息", ""][..], true),
            (&["序号", "本人", "", "监护人", ""], true),
            (&["2026年低保花名册", "", ""], false),
            (&["填报单位：某局", "", "联系人：某人"], false),
            (&["2026-09-30", "", "单位"], false),
            (&["", ""], false),
        ] {
            assert_eq!(is_line_of_groups(&line(above)), is_groups, "{above:?}");
        }
    }

    #[test]
    fn a_column_is_named_by_both_lines_or_by_the_second() {
        let known = ["身份证号", "残疾类别", "类别", "户主身份证号", "姓名"];
        let is_known = |name: &str| known.contains(&name) || name.starts_with("金额");
        for (titles, names, together) in [
            (
                &["身份证号", "残疾", ""][..],
                &["", "类别", "等级"][..],
                &["身份证号", "残疾类别", "残疾 等级"][..],
            ),
            (
                &["救助", ""],
                &["类别", "身份证号", "姓名"],
                &["类别", "身份证号", "姓名"],
            ),
            (
                &["监护人信息", "", "本人", ""],
                &["姓名", "身份证号", "姓名", "身份证号"],
                &["监护人信息 姓名", "监护人信息 身份证号", "姓名", "身份证号"],
            ),
            (
                &["户主", ""],
                &["姓名", "身份证号"],
                &["户主 姓名", "户主身份证号"],
            ),
            (
                &["损失（万元）", "", "赔偿（必填）"],
                &["金额", "类别", "金额"],
                &["金额（损失（万元））", "类别", "金额"],
            ),
        ] {
            assert_eq!(
                put_together(&line(titles), &line(names), is_known),
                together
            );
        }
    }
}
