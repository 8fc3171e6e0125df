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
}
