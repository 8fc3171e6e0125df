//! The ledger of the register as a file: CSV, XLSX or JSON.

use std::path::Path;

use aidlink_agency::spreadsheet_csv::{safe_cell, to_bytes};
use aidlink_faults::fault::Fault;
use aidlink_faults::personal_number::black_out;
use aidlink_faults::text::{Language, Text};
use aidlink_register::decision::{Finding, Reason};
use aidlink_register::ledger::{COLUMNS, Cell, FROZEN, LedgerRow};
use aidlink_register::workflow::Stage;
use jiff::civil::Date;
use rust_xlsxwriter::{
    Color, DataValidation, DataValidationErrorStyle, DocProperties, ExcelDateTime, Format,
    FormatAlign, FormatBorder, Formula, Workbook, Worksheet, XlsxError,
};
use serde::Serialize;

/// A ledger to write.
pub struct LedgerFile<'l> {
    /// Its rows.
    pub rows: &'l [LedgerRow],
    /// The day of reckoning.
    pub as_of: Date,
    /// The language of headers and words.
    pub language: Language,
}

/// Whether something of a lead is late.
pub fn is_late(row: &LedgerRow) -> bool {
    matches!(row.late, Cell::Late(_))
}

/// A ledger in JSON.
#[derive(Serialize)]
struct Document<'l> {
    format: &'static str,
    version: u32,
    as_of: Date,
    leads: &'l [LedgerRow],
}

/// The row of the headers; the marking is above it.
const HEADER_ROW: u32 = 1;
/// The row of the first lead.
const FIRST_ROW: u32 = 2;
/// The most characters of a cell. A workbook allows 32,767 UTF-16 units.
const MOST_CHARACTERS: usize = 16_000;
/// The paper size A3, which offices have for ledgers.
const A3: u8 = 8;
/// The number of sheets of paper beside each other on which all columns are printed.
const PRINTED_ACROSS: u16 = 4;
/// The columns that are printed on every sheet: number, lead, person, name.
const PRINTED_ON_ALL: u16 = 4;

impl LedgerFile<'_> {
    fn marking(&self) -> String {
        let text = Text::new(
            format!(
                "救助线索台账（截至{}）——内部资料，含个人信息，请妥善保管",
                self.as_of
            ),
            format!(
                "Ledger of leads as of {}: internal, personal data",
                self.as_of
            ),
        );
        text.in_language(self.language).to_owned()
    }

    fn headers(&self) -> impl Iterator<Item = &'static str> {
        let language = self.language;
        COLUMNS.iter().map(move |(_, zh, en)| match language {
            Language::Chinese => *zh,
            Language::English => *en,
        })
    }

    fn text_of(&self, cell: &Cell) -> String {
        match cell {
            Cell::Empty => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Word(word) => word.in_language(self.language).to_owned(),
            Cell::Number(number) => number.to_string(),
            Cell::Amount(amount) => amount.to_string(),
            Cell::Day(day) => day.to_string(),
            Cell::Late(_) => cell.late_word().in_language(self.language).to_owned(),
        }
    }

    /// Returns it as CSV: a header, then a row for each lead; cells are safe in a spreadsheet.
    pub fn csv(&self) -> Vec<u8> {
        let mut rows = vec![self.headers().map(str::to_owned).collect::<Vec<String>>()];
        for row in self.rows {
            rows.push(
                row.cells()
                    .into_iter()
                    .map(|cell| self.text_of(cell))
                    .collect(),
            );
        }
        to_bytes(&rows)
    }

    /// Returns it as JSON. Words are in both languages.
    pub fn json(&self) -> Vec<u8> {
        let document = Document {
            format: "aidlink ledger",
            version: 1,
            as_of: self.as_of,
            leads: self.rows,
        };
        let mut bytes = serde_json::to_vec_pretty(&document).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Returns it as a workbook of one sheet, with a second one for the choices of its
    /// drop-downs. The same rows give the same bytes.
    ///
    /// # Errors
    /// If there are more leads than a sheet can hold.
    pub fn xlsx(&self, path: &Path) -> Result<Vec<u8>, Fault> {
        self.workbook().map_err(|_| {
            Fault::of_file(
                path,
                Text::new(
                    "线索过多，工作簿容纳不下",
                    "there are more leads than a workbook can hold",
                ),
                Text::new("请改用 --format csv", "use --format csv"),
            )
        })
    }

    fn workbook(&self) -> Result<Vec<u8>, XlsxError> {
        let mut workbook = Workbook::new();
        let marking = self.marking();
        let mut properties = DocProperties::new().set_title(&marking);
        // The default is the current time, with which no second file would be the same.
        if let Ok(day) = day_of(self.as_of) {
            properties = properties.set_creation_datetime(&day);
        }
        workbook.set_properties(&properties);
        let name = Text::new("台账", "Ledger");
        let choices_name = Text::new("选项", "Choices");
        let choices_name = choices_name.in_language(self.language);
        let choices = self.choices();
        let sheet = workbook.add_worksheet();
        sheet.set_name(name.in_language(self.language))?;
        self.write(sheet, &marking, &choices, choices_name)?;
        let sheet = workbook.add_worksheet();
        sheet.set_name(choices_name)?;
        let plain = Format::new().set_font_size(11);
        for (column, (_, words)) in (0..).zip(&choices) {
            for (row, word) in (0..).zip(words) {
                sheet.write_string_with_format(row, column, word, &plain)?;
            }
        }
        workbook.save_to_buffer()
    }

    /// Returns the columns with a drop-down, each with its words.
    fn choices(&self) -> Vec<(&'static str, Vec<String>)> {
        let word = |text: Text| text.in_language(self.language).to_owned();
        vec![
            ("stage", Stage::ALL.map(|one| word(one.text())).to_vec()),
            ("finding", Finding::ALL.map(|one| word(one.text())).to_vec()),
            ("reason", Reason::ALL.map(|one| word(one.text())).to_vec()),
            (
                "refused_because",
                Reason::ALL.map(|one| word(one.text())).to_vec(),
            ),
        ]
    }

    fn write(
        &self,
        sheet: &mut Worksheet,
        marking: &str,
        choices: &[(&str, Vec<String>)],
        choices_name: &str,
    ) -> Result<(), XlsxError> {
        let base = Format::new()
            .set_font_size(11)
            .set_text_wrap()
            .set_align(FormatAlign::Top)
            .set_border(FormatBorder::Thin);
        let header = base
            .clone()
            .set_bold()
            .set_align(FormatAlign::Center)
            .set_background_color(Color::RGB(0xD9_D9D9));
        let day = base
            .clone()
            .set_align(FormatAlign::Left)
            .set_num_format("yyyy-mm-dd");
        let amount = base.clone().set_num_format("#,##0.00");
        // In words too, because black and white print loses the colour.
        let late = base
            .clone()
            .set_bold()
            .set_font_color(Color::RGB(0x9C_0006))
            .set_background_color(Color::RGB(0xFF_C7CE));
        let bold = Format::new().set_font_size(11).set_bold();
        sheet.write_string_with_format(0, 0, marking, &bold)?;
        let mut widths = Vec::new();
        for ((column, text), (name, ..)) in (0..).zip(self.headers()).zip(COLUMNS) {
            sheet.write_string_with_format(HEADER_ROW, column, text, &header)?;
            let cells = self.rows.iter().filter_map(|lead| {
                let cells = lead.cells();
                Some(digits(&self.text_of(cells.get(usize::from(column))?)))
            });
            let width = width(name, text, cells.fold(0.0, f64::max));
            sheet.set_column_width(column, width)?;
            widths.push(width);
        }
        let last_row = FIRST_ROW + self.rows.len().saturating_sub(1) as u32;
        for (row, lead) in (FIRST_ROW..).zip(self.rows) {
            let cells = lead.cells().into_iter().zip(&widths);
            let heights = cells.map(|(cell, width)| lines(&self.text_of(cell), *width));
            let height = heights.fold(1.0, f64::max).min(MOST_LINES);
            sheet.set_row_height(row, height * LINE_HEIGHT)?;
            for (column, cell) in (0..).zip(lead.cells()) {
                match cell {
                    Cell::Empty => {
                        sheet.write_blank(row, column, &base)?;
                    }
                    Cell::Number(number) => {
                        sheet.write_number_with_format(row, column, *number as f64, &base)?;
                    }
                    Cell::Amount(yuan) => {
                        let yuan = yuan.fen() as f64 / 100.0;
                        sheet.write_number_with_format(row, column, yuan, &amount)?;
                    }
                    Cell::Day(on) => {
                        sheet.write_datetime_with_format(row, column, day_of(*on)?, &day)?;
                    }
                    Cell::Late(_) => {
                        sheet.write_string_with_format(row, column, self.text_of(cell), &late)?;
                    }
                    Cell::Text(_) | Cell::Word(_) => {
                        let text = cell_text(&self.text_of(cell));
                        sheet.write_string_with_format(row, column, text, &base)?;
                    }
                }
            }
        }
        for (index, (name, words)) in choices.iter().enumerate() {
            let column = COLUMNS.iter().position(|(column, ..)| column == name);
            if let Some(column) = column.filter(|_| !self.rows.is_empty()) {
                let column = column as u16;
                let validation = drop_down(choices_name, index, words.len(), self.language)?;
                sheet.add_data_validation(FIRST_ROW, column, last_row, column, &validation)?;
            }
        }
        sheet.set_freeze_panes(FIRST_ROW, FROZEN as u16)?;
        sheet.set_repeat_rows(0, HEADER_ROW)?;
        if !self.rows.is_empty() {
            sheet.autofilter(HEADER_ROW, 0, last_row, COLUMNS.len() as u16 - 1)?;
        }
        sheet.set_repeat_columns(0, PRINTED_ON_ALL - 1)?;
        sheet
            .set_paper_size(A3)
            .set_landscape()
            .set_print_fit_to_pages(PRINTED_ACROSS, 0)
            .set_margins(0.4, 0.4, 0.7, 0.6, 0.3, 0.3)
            .set_footer("&L&A&R&P / &N");
        Ok(())
    }
}

/// Returns the drop-down of a column of the sheet of choices.
fn drop_down(
    sheet: &str,
    index: usize,
    count: usize,
    language: Language,
) -> Result<DataValidation, XlsxError> {
    let letter = char::from(b'A' + u8::try_from(index).unwrap_or_default());
    let range = format!("='{sheet}'!${letter}$1:${letter}${count}");
    let text = Text::new(
        "请从下拉列表中选择；更改须用 register note 登记",
        "choose from the list; record a change with `register note`",
    );
    DataValidation::new()
        .allow_list_formula(Formula::new(range))
        .set_error_style(DataValidationErrorStyle::Warning)
        .set_error_message(text.in_language(language))
}

/// The height of a line, in points.
const LINE_HEIGHT: f64 = 15.0;
/// The most lines of a row that are shown: a sheet cannot have rows of more than 409 points.
const MOST_LINES: f64 = 27.0;

/// Returns the width of a text, in digits; a Chinese character takes two.
fn digits(text: &str) -> f64 {
    let of = |character: char| if character.is_ascii() { 1.0 } else { 2.0 };
    text.chars().map(of).sum()
}

/// Returns the width of a column with this header, whose widest cell has this width. The
/// header has room for the button of its filter.
fn width(name: &str, header: &str, widest: f64) -> f64 {
    let most = match name {
        // It names several rules, and would make every row as high as it is long.
        "evidence" => 90.0,
        _ => 32.0,
    };
    (digits(header) + 3.0).max(widest + 1.0).clamp(7.0, most)
}

/// Returns how many lines a text takes in a column of this width.
fn lines(text: &str, width: f64) -> f64 {
    let of = |line: &str| (digits(line) / (width - 1.0)).ceil().max(1.0);
    text.lines().map(of).sum()
}

/// Returns a text as a cell holds it, safe also if somebody saves the sheet as CSV.
fn cell_text(text: &str) -> String {
    let text: String = black_out(text).chars().take(MOST_CHARACTERS).collect();
    let mut safe = safe_cell(&text);
    // The library takes a text that begins so for formatted text, and writes it as it is.
    if safe.starts_with("<r>") {
        safe.insert(0, '\'');
    }
    safe.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

fn day_of(date: Date) -> Result<ExcelDateTime, XlsxError> {
    let part = |number: i8| u8::try_from(number).unwrap_or_default();
    let year = u16::try_from(date.year()).unwrap_or_default();
    ExcelDateTime::from_ymd(year, part(date.month()), part(date.day()))
}
