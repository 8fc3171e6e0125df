//! The faults for files that are refused as a whole, whatever their format.

use std::path::Path;

use aidlink_faults::fault::{Fault, nearest_name_hint};
use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;
use aidlink_workbook::{Bound, OtherFile, Place, WorkbookError};

use super::written_out::TooLarge;

/// Returns the fault for a file that is damaged or exceeds the
/// [`limits`](super::limits). `zh` and `en` say what is wrong with it.
pub(super) fn damaged(path: &Path, zh: &str, en: &str) -> Fault {
    Fault::of_file(
        path,
        Text::new(zh, en),
        Text::new(
            "请用原系统重新导出，或另存为“CSV UTF-8”",
            "export it again from the source system, or save it as \"CSV UTF-8\"",
        ),
    )
}

/// Returns the fault for a zip archive or workbook that cannot be unpacked or has an
/// invalid structure.
pub(super) fn damaged_archive(path: &Path) -> Fault {
    damaged(
        path,
        "压缩文件或工作簿已损坏或不完整",
        "the archive or workbook is damaged or cut short",
    )
}

/// Returns the fault for a workbook in a format that is not read. `zh` and `en` say in
/// which.
pub(super) fn save_as_xlsx(path: &Path, zh: &str, en: &str) -> Fault {
    Fault::of_file(
        path,
        Text::new(zh, en),
        Text::new(
            "请在表格软件中打开，另存为 XLSX 后重新提供",
            "open it in a spreadsheet program, save it as XLSX, and provide it again",
        ),
    )
}

/// Returns the fault for a file that needs a password.
pub(super) fn encrypted(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "文件有密码保护，无法读取",
            "the file is protected by a password",
        ),
        Text::new(
            "请去掉密码后重新提供",
            "remove the password and provide it again",
        ),
    )
}

/// Returns the fault for an error of the XLSX reader. Where they are known, the
/// message names the sheet, row and column.
pub(super) fn of_workbook(path: &Path, error: WorkbookError) -> Fault {
    match error {
        WorkbookError::Unreadable(error) => Fault::unreadable(path, &error),
        WorkbookError::DamagedArchive => damaged_archive(path),
        WorkbookError::Other(OtherFile::Protected) => encrypted(path),
        error => Fault::of_file(path, error.sentence(), error.remedy()),
    }
}

/// Returns the fault for a sheet that is too large, or without `sheet` for a workbook
/// whose sheets are too large together. `cell` is the row and column, from 1, of the
/// cell that exceeded the limit.
pub(super) fn sheet_too_large(
    path: &Path,
    sheet: Option<&str>,
    cell: Option<(u32, u32)>,
    reason: TooLarge,
) -> Fault {
    match reason {
        TooLarge::Text(budget) => {
            let place = Place {
                // The stream that holds all sheets of an XLS workbook. It appears in
                // the message only without `sheet`.
                part: "Workbook".to_owned(),
                sheet: sheet.map(str::to_owned),
                row: cell.map(|(row, _)| row),
                column: cell.map(|(_, column)| column),
            };
            of_workbook(
                path,
                WorkbookError::Beyond(Bound::Text(budget.get()), place),
            )
        }
        TooLarge::Grid => {
            let sheet = shown_name(sheet.unwrap_or_default());
            damaged(
                path,
                &format!("工作表“{sheet}”范围过大：远离表格处另有内容"),
                &format!("sheet `{sheet}` is too large: a cell is far outside the table"),
            )
        }
    }
}

/// Returns the fault for a workbook that does not have the requested sheet.
pub(super) fn no_such_sheet<'n>(
    path: &Path,
    name: &str,
    sheets: impl Iterator<Item = &'n str> + Clone,
) -> Fault {
    let shown = shown_name(name);
    Fault::of_file(
        path,
        Text::new(
            format!("工作簿中没有名为“{shown}”的工作表"),
            format!("the workbook has no sheet `{shown}`"),
        ),
        nearest_name_hint(name, sheets),
    )
}

/// Returns the fault for a workbook without any content.
pub(super) fn no_content(path: &Path) -> Fault {
    damaged(path, "工作簿中没有任何内容", "the workbook holds nothing")
}

/// Returns the fault for a formula that was saved without its result. `row` and
/// `column` count from 1.
pub(super) fn formula_without_result(path: &Path, sheet: &str, row: u32, column: u32) -> Fault {
    let sheet = shown_name(sheet);
    Fault::of_file(
        path,
        Text::new(
            format!("工作表“{sheet}”第{row}行第{column}列是公式，但没有保存计算结果"),
            format!(
                "sheet `{sheet}`, row {row}, column {column} is a formula without a saved result"
            ),
        ),
        Text::new(
            "请在表格软件中打开并保存后重新提供",
            "open and save it in a spreadsheet program, and provide it again",
        ),
    )
}
