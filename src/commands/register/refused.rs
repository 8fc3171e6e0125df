//! An item that the register refused, as a verb tells it.

use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;
use aidlink_register::items::Refused;
use serde::Serialize;

/// An item that the register refused, for a report.
#[derive(Debug, Serialize)]
pub(super) struct RefusedItem {
    /// The row of the file, from 1 for the header; `None` without a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<u64>,
    /// The field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What is wrong.
    message: Text,
    /// What is allowed, or what to do.
    hint: Text,
}

impl RefusedItem {
    pub(super) fn of(row: Option<u64>, refused: Refused) -> Self {
        RefusedItem {
            row,
            field: refused.field.map(|field| shown_name(&field).into_owned()),
            message: refused.message,
            hint: refused.hint,
        }
    }

    /// Returns it as two lines for the terminal.
    pub(super) fn text(&self) -> Text {
        let zh_row = self
            .row
            .map(|row| format!("第{row}行："))
            .unwrap_or_default();
        let en_row = self
            .row
            .map(|row| format!("row {row}: "))
            .unwrap_or_default();
        let field = self.field.as_deref();
        let zh_field = field
            .map(|field| format!("（{field}）"))
            .unwrap_or_default();
        let en_field = field.map(|field| format!(" ({field})")).unwrap_or_default();
        Text::new(
            format!(
                "  ! {zh_row}{}{zh_field}\n    {}",
                self.message.zh, self.hint.zh
            ),
            format!(
                "  ! {en_row}{}{en_field}\n    {}",
                self.message.en, self.hint.en
            ),
        )
    }
}
