//! Tables on the terminal. A Chinese character takes two columns of the terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The width of a terminal that every table fits, in columns.
pub const WIDTH: usize = 80;

/// The columns between two cells.
const GAP: usize = 2;

/// A table whose first column holds names, and whose other columns hold numbers.
#[derive(Clone, Debug)]
pub struct TextTable {
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// Creates a table with its header.
    pub fn new(header: impl IntoIterator<Item = impl Into<String>>) -> Self {
        TextTable {
            rows: vec![header.into_iter().map(Into::into).collect()],
        }
    }

    /// Adds a row.
    pub fn add(&mut self, row: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(row.into_iter().map(Into::into).collect());
    }

    /// Returns the lines, each at most `width` columns wide: names that are too long are cut
    /// and end with `…`. Numbers are never cut.
    pub fn lines(&self, width: usize) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        };
        let numbers: Vec<usize> = (1..columns).map(widest).collect();
        let of_numbers: usize = numbers.iter().map(|number| number + GAP).sum();
        let names = widest(0).min(width.saturating_sub(of_numbers));
        let line = |row: &Vec<String>| {
            let mut cells = row.iter();
            let name = cells.next().map_or(String::new(), |name| cut(name, names));
            let mut line = format!("{name}{}", " ".repeat(names - name.width()));
            for (cell, width) in cells.zip(&numbers) {
                line.push_str(&" ".repeat(GAP + width - cell.width()));
                line.push_str(cell);
            }
            line.trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

/// A table whose columns all hold words.
#[derive(Clone, Debug)]
pub struct WordTable {
    /// Whether each column is shown whole, however wide it is.
    whole: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl WordTable {
    /// Creates a table with its header. Each header says whether its column is never cut, such as
    /// one of numbers that somebody will type.
    pub fn new(header: impl IntoIterator<Item = (impl Into<String>, bool)>) -> Self {
        let (header, whole) = header
            .into_iter()
            .map(|(title, whole)| (title.into(), whole))
            .unzip();
        WordTable {
            whole,
            rows: vec![header],
        }
    }

    /// Adds a row.
    pub fn add(&mut self, row: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(row.into_iter().map(Into::into).collect());
    }

    /// Returns the lines, each at most `width` columns wide if the columns that are never cut
    /// leave room: texts that are too long are cut and end with `…`.
    pub fn lines(&self, width: usize) -> Vec<String> {
        let widths = self.widths(width);
        let line = |row: &Vec<String>| {
            let mut line = String::new();
            for (place, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let cell = cut(cell, *width);
                if place > 0 {
                    line.push_str(&" ".repeat(GAP));
                }
                line.push_str(&cell);
                line.push_str(&" ".repeat(width.saturating_sub(cell.width())));
            }
            line.trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }

    /// Returns the width of each column: the widest ones that may be cut give way first.
    fn widths(&self, width: usize) -> Vec<usize> {
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..self.whole.len()).map(widest).collect();
        let room = width.saturating_sub(GAP * widths.len().saturating_sub(1));
        let whole = widths.iter().zip(&self.whole);
        let whole: usize = whole
            .filter(|(_, is_whole)| **is_whole)
            .map(|(width, _)| width)
            .sum();
        let mut room = room.saturating_sub(whole);
        // The narrowest first: each gets what it needs, up to an equal share of what is left.
        let mut cuttable: Vec<usize> = (0..widths.len())
            .filter(|column| !self.whole.get(*column).copied().unwrap_or_default())
            .collect();
        cuttable.sort_by_key(|column| widths.get(*column).copied());
        let count = cuttable.len();
        for (place, column) in cuttable.into_iter().enumerate() {
            if let Some(width) = widths.get_mut(column) {
                *width = (*width).min(room / (count - place));
                room -= *width;
            }
        }
        widths
    }
}

/// Cuts a text to a number of columns.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    // Room for the mark.
    let mut room = width.saturating_sub(1);
    for character in text.chars() {
        let wide = character.width().unwrap_or(0);
        if wide > room {
            break;
        }
        room -= wide;
        cut.push(character);
    }
    if width > 0 {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_below_each_other_in_both_scripts() {
        let mut table = TextTable::new(["导出", "行数", "拒收"]);
        table.add(["民政社会救助对象", "8019", "1"]);
        table.add(["cases", "5", "12"]);
        let expected = [
            "导出              行数  拒收",
            "民政社会救助对象  8019     1",
            "cases                5    12",
        ];
        assert_eq!(table.lines(WIDTH), expected);
    }

    #[test]
    fn lines_are_never_wider_than_asked_if_the_numbers_fit() {
        for name in [
            "a name that is far too long",
            "名称太长的一份导出数据",
            "",
            "短",
        ] {
            for width in 12..40 {
                let mut table = TextTable::new(["export", "rows"]);
                table.add([name, "1234567"]);
                for line in table.lines(width) {
                    assert!(line.width() <= width, "{line:?} at {width}");
                    assert!(line.ends_with("1234567") || line.ends_with("rows"));
                }
            }
        }
    }

    #[test]
    fn words_stand_below_each_other_and_only_those_that_may_be_cut_are() {
        let rows = [
            [
                "04HM-ASW9-dibao",
                "李四",
                "awaiting receipt",
                "the civil affairs bureau",
            ],
            [
                "04HM-ASW9-disabled_living_subsidy",
                "某某某某某某某某某某",
                "closed",
                "民政局",
            ],
        ];
        for width in 44..100 {
            let header = [
                ("lead", true),
                ("name", false),
                ("stage", false),
                ("agency", false),
            ];
            let mut table = WordTable::new(header);
            for row in rows {
                table.add(row);
            }
            let lines = table.lines(width);
            assert_eq!(lines.len(), 3);
            for line in &lines {
                assert!(line.width() <= width, "{line:?} at {width}");
            }
            assert!(lines[2].starts_with("04HM-ASW9-disabled_living_subsidy  "));
            // Columns begin below each other. In narrow ones headers are cut, too.
            if width < 60 {
                continue;
            }
            let column_of = |line: &str, text: &str| {
                line.find(text)
                    .map(|at| line.get(..at).unwrap_or_default().width())
            };
            assert_eq!(
                column_of(&lines[0], "name"),
                column_of(&lines[1], "李"),
                "{width}"
            );
        }
        let mut narrow = WordTable::new([("a", false), ("b", false)]);
        narrow.add(["one two three", "x"]);
        assert_eq!(narrow.lines(8), ["a      b", "one …  x"]);
        assert_eq!(narrow.lines(80), ["a              b", "one two three  x"]);
    }
}
