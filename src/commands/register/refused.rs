//! An item that the register refused, as a verb tells it.

use std::path::Path;

use aidlink_faults::fault::Fault;
use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::{Language, Text};
use aidlink_register::form::header_of;
use aidlink_register::items::Refused;
use serde::Serialize;

use crate::commands::Ending;

/// Where an item that is refused was written.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// The name of the sheet.
    pub(super) sheet: Option<String>,
    /// The row of the sheet or the line of the file, from 1; `None` without a file.
    pub(super) row: Option<u64>,
}

/// An item that the register refused, for a report.
#[derive(Debug, Serialize)]
pub(super) struct RefusedItem {
    /// The sheet of a workbook.
    #[serde(skip_serializing_if = "Option::is_none")]
    sheet: Option<String>,
    /// The row of the sheet, or the line of the file; `None` without a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<u64>,
    /// The header of the column at fault, as the file has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    /// The field at fault, as a form names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What is wrong.
    message: Text,
    /// What is allowed, or what to do.
    hint: Text,
}

impl RefusedItem {
    /// `column_of` returns the header of a field's column in the file.
    pub(super) fn of(
        place: Place,
        refused: &Refused,
        column_of: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let field = refused.field_name();
        RefusedItem {
            sheet: place.sheet,
            row: place.row,
            column: field.as_deref().and_then(column_of),
            field: field.map(|field| shown_name(&field).into_owned()),
            message: refused.message.clone(),
            hint: refused.hint.clone(),
        }
    }

    /// A cell or a row that cannot be read. `column` is its header, empty if the whole row is
    /// meant.
    pub(super) fn of_cell(place: Place, column: &str, message: Text, hint: Text) -> Self {
        RefusedItem {
            sheet: place.sheet,
            row: place.row,
            column: (!column.is_empty()).then(|| column.to_owned()),
            field: None,
            message,
            hint,
        }
    }

    /// Orders them by their places.
    pub(super) fn by_place(one: &Self, other: &Self) -> std::cmp::Ordering {
        (&one.sheet, one.row, &one.column).cmp(&(&other.sheet, other.row, &other.column))
    }

    /// Names the column, if none is named yet.
    pub(super) fn in_column(&mut self, column: Option<String>) {
        self.column = self.column.take().or(column);
    }

    /// Says that later steps of the same row were refused, too.
    pub(super) fn with_more(mut self, more: u64) -> Self {
        if more > 0 {
            self.message.zh += &format!("（该行其后的{more}项事项也未收录）");
            self.message.en +=
                &format!(" ({more} later events of the row were not taken in either)");
        }
        self
    }

    /// Returns sheet, row, column, and what is wrong and what to do.
    pub(super) fn cells(&self, language: Language) -> [String; 4] {
        let (message, hint) = (
            self.message.in_language(language),
            self.hint.in_language(language),
        );
        let text = match hint.is_empty() {
            true => message.to_owned(),
            false => format!("{message} / {hint}"),
        };
        [
            self.sheet.clone().unwrap_or_default(),
            self.row.map(|row| row.to_string()).unwrap_or_default(),
            self.column.clone().unwrap_or_default(),
            text,
        ]
    }

    /// Returns it as two lines for the terminal.
    pub(super) fn text(&self) -> Text {
        let mut zh = Vec::new();
        let mut en = Vec::new();
        if let Some(sheet) = &self.sheet {
            zh.push(format!("工作表{sheet}"));
            en.push(format!("sheet {sheet}"));
        }
        if let Some(row) = self.row {
            zh.push(format!("第{row}行"));
            en.push(format!("row {row}"));
        }
        match (&self.column, &self.field) {
            (Some(column), _) => {
                zh.push(format!("“{column}”栏"));
                en.push(format!("column `{column}`"));
            }
            (None, Some(field)) => {
                zh.push(match header_of(field) {
                    Some(header) => format!("“{header}”（{field}）"),
                    None => format!("“{field}”"),
                });
                en.push(format!("`{field}`"));
            }
            (None, None) => {}
        }
        let (zh, en) = match zh.is_empty() {
            true => (String::new(), String::new()),
            false => (
                format!("{}：", zh.join("，")),
                format!("{}: ", en.join(", ")),
            ),
        };
        let hint = |hint: &str| match hint.is_empty() {
            true => String::new(),
            false => format!("\n    {hint}"),
        };
        Text::new(
            format!("  ! {zh}{}{}", self.message.zh, hint(&self.hint.zh)),
            format!("  ! {en}{}{}", self.message.en, hint(&self.hint.en)),
        )
    }
}

/// The ending of a command of which an option is refused as a text of the register.
pub(super) fn wrong_option(refused: &Refused) -> Ending {
    let option = refused.field_name().unwrap_or_default();
    let fault = Fault::of_file(
        Path::new(&format!("--{option}")),
        refused.message.clone(),
        refused.hint.clone(),
    );
    Ending::WrongConfiguration(fault.into())
}
