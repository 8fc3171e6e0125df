//! The workbook as a file: sheets laid out for the screen and for A4, with drop-downs.
//!
//! A cell holds text or a date and never a formula, whatever an export says. The only
//! references to cells are those from a drop-down to its choices.

use std::collections::BTreeSet;

use aidlink_agency::spreadsheet_csv::safe_cell;
use aidlink_faults::personal_number::{black_out, find};
use aidlink_faults::text::{Language, Text};
use aidlink_register::decision::{Finding, Reason};
use jiff::civil::Date;
use rust_xlsxwriter::{
    Color, DataValidation, DataValidationErrorStyle, DataValidationRule, DocProperties,
    ExcelDateTime, Format, FormatAlign, FormatBorder, Formula, Workbook, Worksheet, XlsxError,
};

/// The most UTF-16 units of a cell. A workbook allows 32,767.
const MOST_UNITS: usize = 32_000;
/// The most UTF-16 units of the name of a sheet.
const MOST_UNITS_OF_NAME: usize = 31;
/// The most UTF-16 units of the header or footer of a page. A workbook allows 255.
const MOST_UNITS_OF_LINE: usize = 255;
/// The number of the paper size A4 (ECMA-376-1, 18.3.1.63).
const A4: u8 = 9;
/// The row of the marking, and the row of the header; rows below hold the content.
const MARKING_ROW: u32 = 0;
const HEADER_ROW: u32 = 1;
const FIRST_ROW: u32 = 2;

/// The content of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing: a person may fill it in.
    Empty,
    /// A text.
    Text(String),
    /// A text in bold, which is seen in black and white, too.
    Strong(String),
    /// Texts, each on a line of its own.
    Lines(Vec<String>),
    /// A day.
    Day(Date),
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It is given.
    Given,
    /// A person chooses a [`Finding`].
    Finding,
    /// A person chooses a [`Reason`].
    Reason,
    /// A person writes a text.
    Free,
    /// A person writes a day.
    Day,
    /// It holds ids for the computer: grey, and not printed if it is the last.
    Ids,
}

/// A column of a sheet.
pub(super) struct Column {
    /// Its header.
    pub(super) header: String,
    /// The narrowest and the widest that it may be, in digits; a Chinese character takes
    /// two.
    pub(super) width: (u32, u32),
    /// What it is for.
    pub(super) purpose: Use,
}

impl Column {
    pub(super) fn new(header: &str, width: (u32, u32), purpose: Use) -> Self {
        Column {
            header: header.to_owned(),
            width,
            purpose,
        }
    }
}

/// A sheet with rows.
pub(super) struct Table {
    /// The name of the sheet.
    pub(super) name: String,
    /// What the sheet says of itself, above the header.
    pub(super) marking: String,
    /// Its columns.
    pub(super) columns: Vec<Column>,
    /// Its rows, each with a content for every column.
    pub(super) rows: Vec<Vec<Content>>,
    /// The number of columns that stay in view.
    pub(super) frozen: u16,
}

/// A workbook that is being written.
pub(super) struct Book {
    workbook: Workbook,
    styles: Styles,
    language: Language,
    issued_on: Date,
    /// The name of the sheet of choices.
    choices: String,
    /// The header and the footer of each printed page.
    lines: [String; 2],
}

struct Styles {
    marking: Format,
    header: Format,
    to_fill_in_header: Format,
    given: Format,
    strong: Format,
    day: Format,
    to_fill_in: Format,
    day_to_fill_in: Format,
    ids: Format,
    label: Format,
    plain: Format,
}

impl Styles {
    fn new() -> Self {
        let base = Format::new()
            .set_font_size(11)
            .set_text_wrap()
            .set_align(FormatAlign::Top);
        let cell = base.clone().set_border(FormatBorder::Thin);
        let header = cell
            .clone()
            .set_bold()
            .set_align(FormatAlign::Center)
            .set_align(FormatAlign::VerticalCenter);
        let day = |format: &Format| {
            let left = format.clone().set_align(FormatAlign::Left);
            left.set_num_format("yyyy-mm-dd")
        };
        // Thick borders and words tell columns apart where colours are lost in print.
        let to_fill_in = cell.clone().set_background_color(Color::RGB(0xFF_F9E5));
        Styles {
            marking: Format::new().set_font_size(11).set_bold(),
            to_fill_in_header: header
                .clone()
                .set_background_color(Color::RGB(0xFF_E699))
                .set_border(FormatBorder::Medium),
            header: header.set_background_color(Color::RGB(0xD9_D9D9)),
            strong: cell.clone().set_bold(),
            day: day(&cell),
            day_to_fill_in: day(&to_fill_in),
            to_fill_in,
            ids: cell.clone().set_font_color(Color::RGB(0x80_8080)),
            given: cell,
            label: base.clone().set_bold(),
            plain: base,
        }
    }
}

impl Book {
    /// Begins a workbook. `title` names the round; `confidential` is the line on every
    /// page.
    pub(super) fn new(
        language: Language,
        title: &str,
        confidential: &str,
        choices: &str,
        issued_on: Date,
    ) -> Self {
        let mut workbook = Workbook::new();
        let mut properties = DocProperties::new().set_title(title);
        // The default is the current time, with which no second file would be the same.
        if let Ok(created) = day_of(issued_on) {
            properties = properties.set_creation_datetime(&created);
        }
        workbook.set_properties(&properties);
        let pages = Text::new("第 &P 页，共 &N 页", "page &P of &N");
        let pages = pages.in_language(language);
        let (title, confidential) = (line_part(title), line_part(confidential));
        Book {
            workbook,
            styles: Styles::new(),
            language,
            issued_on,
            choices: choices.to_owned(),
            lines: [
                line(&format!("&L{title}&C{confidential}&R&A"), &confidential),
                line(
                    &format!("&L{issued_on}&C{confidential}&R{pages}"),
                    &confidential,
                ),
            ],
        }
    }

    /// Adds a sheet of labels and texts.
    pub(super) fn add_guide(
        &mut self,
        name: &str,
        marking: &str,
        entries: &[(String, String)],
    ) -> Result<(), XlsxError> {
        let (styles, sheet) = (&self.styles, self.workbook.add_worksheet());
        sheet.set_name(name)?;
        sheet.write_string_with_format(MARKING_ROW, 0, cell_text(marking), &styles.marking)?;
        let widths = GUIDE_WIDTHS.map(f64::from);
        sheet.set_column_width(0, widths[0])?;
        sheet.set_column_width(1, widths[1])?;
        for (row, (label, text)) in (FIRST_ROW..).zip(entries) {
            let lines = lines_in(label, widths[0]).max(lines_in(text, widths[1]));
            sheet.set_row_height(row, height(lines))?;
            sheet.write_string_with_format(row, 0, cell_text(label), &styles.label)?;
            sheet.write_string_with_format(row, 1, cell_text(text), &styles.plain)?;
        }
        print_setup(sheet, &self.lines);
        Ok(())
    }

    /// Adds the sheet with the choices of the drop-downs. `heads` are its headers: what is
    /// chosen, the choice, its code, when to choose it.
    pub(super) fn add_choices(
        &mut self,
        marking: &str,
        heads: [&str; 4],
        of_finding: &str,
        of_reason: &str,
    ) -> Result<(), XlsxError> {
        let language = self.language;
        let row = |what: &str, name: &str, text: &Text, meaning: &Text| {
            let texts = [
                what,
                text.in_language(language),
                name,
                meaning.in_language(language),
            ];
            texts.map(|text| Content::Text(text.to_owned())).to_vec()
        };
        let findings = Finding::ALL.iter();
        let findings = findings.map(|one| row(of_finding, one.name(), &one.text(), &one.meaning()));
        let reasons = Reason::ALL.iter();
        let reasons = reasons.map(|one| row(of_reason, one.name(), &one.text(), &one.meaning()));
        let widths = [(10, 14), (10, 30), (10, 20), (10, 80)];
        let columns = heads.iter().zip(widths);
        let table = Table {
            name: self.choices.clone(),
            marking: marking.to_owned(),
            columns: columns
                .map(|(head, width)| Column::new(head, width, Use::Given))
                .collect(),
            // The drop-downs refer to this order.
            rows: findings.chain(reasons).collect(),
            frozen: 0,
        };
        self.add(&table)
    }

    /// Adds a sheet with rows.
    pub(super) fn add(&mut self, table: &Table) -> Result<(), XlsxError> {
        let validations = [
            (Use::Finding, self.choice(Use::Finding)?),
            (Use::Reason, self.choice(Use::Reason)?),
            (Use::Day, self.day()?),
        ];
        let (styles, sheet) = (&self.styles, self.workbook.add_worksheet());
        sheet.set_name(&table.name)?;
        sheet.write_string_with_format(
            MARKING_ROW,
            0,
            cell_text(&table.marking),
            &styles.marking,
        )?;
        let widths: Vec<f64> = (0..table.columns.len())
            .map(|index| width(table, index))
            .collect();
        let headers = table.columns.iter().zip(&widths);
        // The header is bold and has a button for the filter.
        let headers = headers.map(|(column, width)| lines_in(&column.header, width - 2.0));
        sheet.set_row_height(HEADER_ROW, height(headers.max().unwrap_or(1)))?;
        let last_row = FIRST_ROW + table.rows.len().saturating_sub(1) as u32;
        let last_column = table.columns.len().saturating_sub(1) as u16;
        for (index, column) in table.columns.iter().enumerate() {
            let at = index as u16;
            let style = match column.purpose {
                Use::Given | Use::Ids => &styles.header,
                _ => &styles.to_fill_in_header,
            };
            sheet.write_string_with_format(HEADER_ROW, at, cell_text(&column.header), style)?;
            sheet.set_column_width(at, widths[index])?;
            let validation = validations.iter().find(|(of, _)| *of == column.purpose);
            if let Some((_, validation)) = validation.filter(|_| !table.rows.is_empty()) {
                sheet.add_data_validation(FIRST_ROW, at, last_row, at, validation)?;
            }
        }
        for (row, contents) in (FIRST_ROW..).zip(&table.rows) {
            let lines = contents.iter().zip(&widths);
            let lines = lines.map(|(content, width)| content.lines_in(*width));
            sheet.set_row_height(row, height(lines.max().unwrap_or(1)))?;
            for (at, (content, column)) in (0..).zip(contents.iter().zip(&table.columns)) {
                styles.write(sheet, (row, at), content, column.purpose)?;
            }
        }
        sheet.set_freeze_panes(FIRST_ROW, table.frozen)?;
        sheet.set_repeat_rows(MARKING_ROW, HEADER_ROW)?;
        if !table.rows.is_empty() {
            sheet.autofilter(HEADER_ROW, 0, last_row, last_column)?;
        }
        let ids = table.columns.last().map(|column| column.purpose) == Some(Use::Ids);
        let printed = last_column.saturating_sub(u16::from(ids));
        sheet.set_print_area(MARKING_ROW, 0, last_row, printed)?;
        print_setup(sheet, &self.lines);
        Ok(())
    }

    /// Returns the file. The same content gives the same bytes.
    pub(super) fn bytes(mut self) -> Result<Vec<u8>, XlsxError> {
        self.workbook.save_to_buffer()
    }

    /// Returns the drop-down of a column.
    fn choice(&self, of: Use) -> Result<DataValidation, XlsxError> {
        let findings = Finding::ALL.len();
        let rows = match of {
            Use::Finding => 0..findings,
            _ => findings..findings + Reason::ALL.len(),
        };
        // Rows of references count from 1.
        let first = FIRST_ROW as usize + 1;
        let (from, to) = (first + rows.start, first + rows.end - 1);
        let sheet = self.choices.replace('\'', "''");
        let range = format!("='{sheet}'!$B${from}:$B${to}");
        let text = Text::new(
            "请从下拉列表中选择；另有说明请写在备注中",
            "choose from the list; write anything else in the remark",
        );
        DataValidation::new()
            .allow_list_formula(Formula::new(range))
            .set_error_message(text.in_language(self.language))
    }

    /// Returns the check of a day that a person writes.
    fn day(&self) -> Result<DataValidation, XlsxError> {
        let from = day_of(self.issued_on)?;
        let text = Text::new(
            "请填写日期，如 2026-10-08，且不早于签发日期",
            "write a date such as 2026-10-08, not before the day of issue",
        );
        DataValidation::new()
            .allow_date(DataValidationRule::GreaterThanOrEqualTo(from))
            .set_error_style(DataValidationErrorStyle::Warning)
            .set_error_message(text.in_language(self.language))
    }
}

impl Styles {
    fn write(
        &self,
        sheet: &mut Worksheet,
        (row, column): (u32, u16),
        content: &Content,
        purpose: Use,
    ) -> Result<(), XlsxError> {
        let (text, day) = match purpose {
            Use::Given => (&self.given, &self.day),
            Use::Ids => (&self.ids, &self.day),
            Use::Finding | Use::Reason | Use::Free => (&self.to_fill_in, &self.day_to_fill_in),
            Use::Day => (&self.day_to_fill_in, &self.day_to_fill_in),
        };
        match content {
            Content::Day(on) => {
                sheet.write_datetime_with_format(row, column, day_of(*on)?, day)?;
            }
            Content::Strong(strong) => {
                sheet.write_string_with_format(row, column, cell_text(strong), &self.strong)?;
            }
            Content::Text(written) => {
                sheet.write_string_with_format(row, column, cell_text(written), text)?;
            }
            Content::Lines(lines) => {
                sheet.write_string_with_format(row, column, lines_text(lines), text)?;
            }
            Content::Empty => {
                sheet.write_blank(row, column, text)?;
            }
        }
        Ok(())
    }
}

fn print_setup(sheet: &mut Worksheet, [header, footer]: &[String; 2]) {
    sheet
        .set_paper_size(A4)
        .set_landscape()
        .set_print_fit_to_pages(1, 0)
        // Inches, as page set-up counts.
        .set_margins(0.4, 0.4, 0.7, 0.6, 0.3, 0.3)
        .set_header(header)
        .set_footer(footer);
}

fn day_of(date: Date) -> Result<ExcelDateTime, XlsxError> {
    let part = |number: i8| u8::try_from(number).unwrap_or_default();
    let year = u16::try_from(date.year()).unwrap_or_default();
    ExcelDateTime::from_ymd(year, part(date.month()), part(date.day()))
}

/// Returns a text as a cell holds it: as on the CSV lists ([`safe_cell`]), so that it stays
/// text also if somebody saves the sheet as CSV, and not longer than a cell can be.
fn cell_text(text: &str) -> String {
    let mut safe = safe_cell(text);
    // The library takes a text that begins so for formatted text, and writes it as it is.
    if safe.starts_with("<r>") {
        safe.insert(0, '\'');
    }
    // Two characters that XML does not allow.
    let allowed = |character: char| match character {
        '\u{fffe}' | '\u{ffff}' => char::REPLACEMENT_CHARACTER,
        character => character,
    };
    let mut units = 0;
    let mut cell = String::with_capacity(safe.len());
    for character in safe.chars().map(allowed) {
        units += character.len_utf16();
        if units > MOST_UNITS {
            cell.push('…');
            break;
        }
        cell.push(character);
    }
    cell
}

/// Returns texts on a line each. Lines that together would show a number are put on one
/// line, with the number blacked out.
fn lines_text(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| cell_text(line)).collect();
    let joined = lines.join("\n");
    let units = joined.encode_utf16().count();
    if find(&joined).is_empty() && units <= MOST_UNITS {
        return joined;
    }
    cell_text(&lines.join("；"))
}

/// Returns a text for the header or footer of a page, where `&` begins a command.
fn line_part(text: &str) -> String {
    black_out(text).replace('&', "&&")
}

/// Returns the line of a page; only its confidential part if it is too long.
fn line(line: &str, confidential: &str) -> String {
    match line.encode_utf16().count() <= MOST_UNITS_OF_LINE {
        true => line.to_owned(),
        false => format!("&C{confidential}"),
    }
}

/// The widths of the columns of the guide, in digits.
const GUIDE_WIDTHS: [u8; 2] = [18, 112];
/// The height of a line of text of size 11, in points, and the room above and below.
const LINE_HEIGHT: f64 = 15.0;
const ROOM: f64 = 3.0;
/// The greatest height of a row, in points, that programs accept.
const MOST_HEIGHT: f64 = 409.0;

/// Returns the height of a row, in points. It is stated because not every program works it
/// out when it opens or prints a file.
fn height(lines: u32) -> f64 {
    (f64::from(lines.max(1)) * LINE_HEIGHT + ROOM).min(MOST_HEIGHT)
}

/// Returns on how many lines a text stands in a column of a width in digits.
fn lines_in(text: &str, width: f64) -> u32 {
    // Chinese characters are a little wider than two digits, and none stands half on a line.
    let fits = ((width - 0.5) / 1.06).max(1.0) as u32;
    let lines = text
        .lines()
        .map(|line| display_width(line).div_ceil(fits).max(1));
    lines.fold(0, u32::saturating_add).max(1)
}

impl Content {
    fn lines_in(&self, width: f64) -> u32 {
        match self {
            Content::Empty | Content::Day(_) => 1,
            Content::Text(text) | Content::Strong(text) => lines_in(text, width),
            Content::Lines(lines) => lines.iter().map(|line| lines_in(line, width)).sum(),
        }
    }
}

/// Returns the width of a column, in digits: that of its longest line, within its limits.
fn width(table: &Table, index: usize) -> f64 {
    let column = &table.columns[index];
    let (least, most) = column.width;
    let of_content = |content: &Content| match content {
        Content::Empty => 0,
        Content::Text(text) | Content::Strong(text) => display_width(text),
        Content::Lines(lines) => lines
            .iter()
            .map(|line| display_width(line))
            .max()
            .unwrap_or(0),
        Content::Day(_) => 10,
    };
    let cells = table.rows.iter().filter_map(|row| row.get(index));
    let widest = cells.map(of_content).max().unwrap_or(0);
    // The header may take two lines; it has a button for the filter.
    let header = display_width(&column.header).div_ceil(2) + 3;
    f64::from(widest.max(header).clamp(least, most)) + 1.0
}

/// Returns the width of a text in digits. Chinese characters and full-width signs take two.
pub(super) fn display_width(text: &str) -> u32 {
    let wide = |character: char| {
        matches!(character,
            '\u{1100}'..='\u{115f}' | '\u{2014}' | '\u{2018}'..='\u{201d}' | '\u{2026}'
            | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe4f}' | '\u{ff01}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
            | '\u{20000}'..='\u{3fffd}')
    };
    let widths = text.chars().map(|character| 1 + u32::from(wide(character)));
    widths.fold(0, u32::saturating_add)
}

/// Names of sheets, each once.
pub(super) struct SheetNames(BTreeSet<String>);

impl SheetNames {
    /// Begins with names that are taken.
    pub(super) fn taken(names: impl IntoIterator<Item = String>) -> Self {
        // Excel keeps this name for itself.
        let reserved = std::iter::once("History".to_owned());
        let names = reserved.chain(names);
        SheetNames(names.map(|name| name.to_lowercase()).collect())
    }

    /// Returns a name for a sheet: the title without characters that a name cannot have,
    /// shortened between words, and with a number if it is taken.
    pub(super) fn name(&mut self, title: &str) -> String {
        let title = black_out(title).replace(['[', ']', ':', '*', '?', '/', '\\'], " ");
        let mut number = 1;
        loop {
            let suffix = match number {
                1 => String::new(),
                number => format!(" {number}"),
            };
            let name = shortened(&title, MOST_UNITS_OF_NAME - suffix.len());
            let name = match name.is_empty() {
                true => format!("-{suffix}"),
                false => name + &suffix,
            };
            if self.0.insert(name.to_lowercase()) {
                return name;
            }
            number += 1;
        }
    }
}

fn shortened(title: &str, most: usize) -> String {
    let ends = |character: char| character == '\'' || character.is_whitespace();
    let title = title.trim_matches(ends);
    if title.encode_utf16().count() <= most {
        return title.to_owned();
    }
    let mut units = 0;
    let fitting = title.char_indices().find(|(_, character)| {
        units += character.len_utf16();
        units > most
    });
    let cut = fitting.map_or(title, |(at, _)| &title[..at]);
    let at_word = cut.rsplit_once(char::is_whitespace);
    let cut = at_word.map_or(cut, |(words, _)| words);
    cut.trim_matches(ends).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_export_says_stays_text() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("\t=cmd|'/c calc'!A0", "' =cmd|'/c calc'!A0"),
            ("＠SUM(A1)", "'＠SUM(A1)"),
            ("<r><t>x</t></r>", "'<r><t>x</t></r>"),
            ("a\u{0}\u{b}\nb\u{ffff}", "a   b\u{fffd}"),
            ("449901\n19900101\n011X", "***"),
            ("13800001234", "***"),
            ("故意伤害案", "故意伤害案"),
        ] {
            assert_eq!(cell_text(text), cell, "{text:?}");
        }
        let long = cell_text(&"长".repeat(40_000));
        assert_eq!(long.chars().count(), MOST_UNITS + 1);
        assert!(long.ends_with('…'));
        // Characters beyond the basic plane take two units.
        assert!(cell_text(&"𠮷".repeat(40_000)).encode_utf16().count() <= MOST_UNITS + 1);
    }

    #[test]
    fn lines_that_together_are_a_number_are_blacked_out() {
        let lines = |lines: &[&str]| {
            let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            lines_text(&lines)
        };
        assert_eq!(lines(&["低保", "临时救助"]), "低保\n临时救助");
        assert_eq!(lines(&["138", "0000", "1234"]), "***");
        assert_eq!(lines(&["=1", "b"]), "'=1\nb");
    }

    #[test]
    fn names_of_sheets_are_valid_and_differ() {
        let mut names = SheetNames::taken(["人员".to_owned(), "Persons".to_owned()]);
        for (title, name) in [
            ("韶关市民政局", "韶关市民政局"),
            ("韶关市民政局", "韶关市民政局 2"),
            ("PERSONS", "PERSONS 2"),
            ("history", "history 2"),
            (
                "Shaoguan Disabled Persons' Federation",
                "Shaoguan Disabled Persons",
            ),
            ("'a/b:c'", "a b c"),
            ("", "-"),
            ("[]", "- 2"),
        ] {
            assert_eq!(names.name(title), name, "{title}");
        }
        let long = "长".repeat(40);
        assert_eq!(names.name(&long), "长".repeat(31));
        assert_eq!(names.name(&long), "长".repeat(29) + " 2");
    }

    #[test]
    fn a_chinese_character_takes_two_digits() {
        for (text, expected) in [
            ("", 0),
            ("abc", 3),
            ("姓名", 4),
            ("1 紧急", 6),
            ("（2024）", 8),
        ] {
            assert_eq!(display_width(text), expected, "{text}");
        }
    }

    #[test]
    fn a_line_of_a_page_is_never_too_long() {
        let short = line("&Ltitle&Cconfidential&R&A", "confidential");
        assert_eq!(short, "&Ltitle&Cconfidential&R&A");
        let long = line(&format!("&L{}&Cx", "长".repeat(300)), "confidential");
        assert_eq!(long, "&Cconfidential");
        assert_eq!(line_part("a & b"), "a && b");
    }
}
