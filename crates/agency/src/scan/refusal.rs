//! The faults for files that are refused as a whole, whatever their format.

use std::path::Path;

use aidlink_faults::fault::{Fault, nearest_name_hint};
use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;
use aidlink_workbook::{Bound, OtherFile, Place, WorkbookError};

use super::limits::HEADER_SEARCH_RECORDS;
use super::not_read::SheetNotRead;
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

/// Returns the fault for a compressed text that cannot be unpacked to its end.
pub(super) fn damaged_text(path: &Path) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            "压缩文件已损坏、不完整，或后面还有其他内容",
            "the compressed file is damaged or cut short, or other bytes follow it",
        ),
        Text::new(
            "请重新传送，并先确认能够解压",
            "transfer it again, and check first that it can be unpacked",
        ),
    )
}

/// Returns the fault for a text in UTF-16 that was cut or has lost bytes.
pub(super) fn damaged_utf16(path: &Path) -> Fault {
    damaged(
        path,
        "文件以 UTF-16 编码，但已损坏或不完整",
        "the file is in UTF-16, but is damaged or cut short",
    )
}

/// Returns the fault for a member of a zip archive that is compressed in a way that is
/// not supported.
pub(super) fn unsupported_compression(path: &Path, method: &str) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            format!("压缩包使用了不支持的压缩方法（{method}）"),
            format!("the archive uses a compression method that is not supported ({method})"),
        ),
        Text::new(
            "请解压后直接提供其中的文件；大文件在 Windows 中压缩时会用 Deflate64",
            "unpack it and provide the file itself; Windows packs large files with Deflate64",
        ),
    )
}

/// Returns the fault for a zip archive that does not contain exactly one file.
pub(super) fn not_one_file(path: &Path, files: usize) -> Fault {
    let remedy = match files {
        0 => Text::new(
            "请确认压缩包中有导出文件",
            "check that the export is in the archive",
        ),
        _ => Text::new(
            "请每个文件单独打包，并在轮次文件中逐一列出",
            "pack each file separately and list each one in the round file",
        ),
    };
    Fault::of_file(
        path,
        Text::new(
            format!("压缩包中有{files}个文件，应只有一个 CSV 文件"),
            format!("the archive contains {files} files; expected one CSV file"),
        ),
        remedy,
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

/// Returns the fault for an error of the readers of XLSX, XLSB and ODS. Where they are
/// known, the message names the sheet, row and column.
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

/// The most sheets that a message lists.
const MOST_LISTED_SHEETS: usize = 20;

/// Joins the names of the first sheets, and says how many more there are.
fn listed(names: impl ExactSizeIterator<Item = Text>) -> Text {
    let more = names.len().saturating_sub(MOST_LISTED_SHEETS);
    let shown: Vec<Text> = names.take(MOST_LISTED_SHEETS).collect();
    let joined = |pick: fn(&Text) -> &str, comma: &str| {
        let shown: Vec<&str> = shown.iter().map(pick).collect();
        shown.join(comma)
    };
    let (mut zh, mut en) = (joined(|text| &text.zh, "、"), joined(|text| &text.en, ", "));
    if more > 0 {
        zh.push_str(&format!("，另有{more}个"));
        en.push_str(&format!(" and {more} more"));
    }
    Text::new(zh, en)
}

/// Returns the fault for a workbook with several visible sheets that have a header, given
/// by name and number of rows below it.
pub(super) fn several_sheets(path: &Path, sheets: Vec<(&str, u64)>) -> Fault {
    let count = sheets.len();
    let names = listed(sheets.iter().map(|(name, rows)| {
        let name = shown_name(name);
        let noun = if *rows == 1 { "row" } else { "rows" };
        Text::new(
            format!("“{name}”（{rows}行）"),
            format!("`{name}` ({rows} {noun})"),
        )
    }));
    Fault::of_file(
        path,
        Text::new(
            format!("工作簿中有{count}个带表头的工作表：{}", names.zh),
            format!("{count} sheets of the workbook have a header: {}", names.en),
        ),
        Text::new(
            "全部读取：请在轮次文件的该导出中写 sheets = \"all\"（schema check 用 --sheets all）；只读其中几个：写 sheets = [\"名称\", …]",
            "to read all of them, set `sheets = \"all\"` for the export in the round file (`--sheets all` for `schema check`); to read some, list their names: `sheets = [\"NAME\", ...]`",
        ),
    )
}

/// Returns the fault for a workbook in which no visible sheet has a header. `sheets` are
/// the visible ones with content, `others` the hidden ones that may hold persons. `hint`
/// is what to do about the visible ones; it does not matter if a hidden one has a header.
pub(super) fn no_header_in_any_sheet(
    path: &Path,
    sheets: &[&str],
    others: &[SheetNotRead],
    hint: Option<Text>,
) -> Fault {
    let names = listed(sheets.iter().map(|name| {
        let name = shown_name(name);
        Text::new(format!("“{name}”"), format!("`{name}`"))
    }));
    let message = match sheets.is_empty() {
        true => Text::new("可见的工作表都没有内容", "the visible sheets are empty"),
        false => Text::new(
            format!(
                "各工作表的前{HEADER_SEARCH_RECORDS}行内都没有含证件号码列的表头：{}",
                names.zh
            ),
            format!(
                "no sheet has a header with an ID column in its first {HEADER_SEARCH_RECORDS} lines: {}",
                names.en
            ),
        ),
    };
    let texts = others.iter().map(SheetNotRead::text);
    let (zh, en) = texts.fold((message.zh, message.en), |(zh, en), other| {
        (format!("{zh}；{}", other.zh), format!("{en}; {}", other.en))
    });
    let with_header: Vec<&str> = others
        .iter()
        .filter(|sheet| sheet.has_header)
        .map(|sheet| sheet.sheet.as_str())
        .collect();
    let hint = match hint {
        Some(hint) if with_header.is_empty() => hint,
        _ => name_hidden_sheets(&with_header),
    };
    Fault::of_file(path, Text::new(zh, en), hint)
}

/// Returns what to do about hidden sheets with a header. `sheets` are their names in a form
/// that may be shown; without any, the line for the round file has a placeholder.
fn name_hidden_sheets(sheets: &[&str]) -> Text {
    let line = |placeholder: &str| match sheets {
        [] => format!("sheets = [\"{placeholder}\"]"),
        sheets => format!("sheets = [{}]", toml_strings(sheets)),
    };
    let (fill_zh, fill_en) = match sheets.iter().any(|sheet| sheet.contains("***")) {
        true => (
            "（请把 *** 换成原来的号码）",
            " (with the number in place of ***)",
        ),
        false => ("", ""),
    };
    Text::new(
        format!(
            "请取消隐藏该工作表，或在轮次文件的该导出中写：{}{fill_zh}",
            line("名称")
        ),
        format!(
            "show the hidden sheet, or add this line to the export in the round file: {}{fill_en}",
            line("NAME")
        ),
    )
}

/// Returns the names as strings of a TOML array.
pub(super) fn toml_strings(names: &[&str]) -> String {
    let quoted = names.iter().map(|name| {
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{name}\"")
    });
    quoted.collect::<Vec<String>>().join(", ")
}

/// Puts the name of a sheet before the message of a fault.
pub(super) fn in_sheet(sheet: &str, fault: Fault) -> Fault {
    let sheet = shown_name(sheet);
    let Text { zh, en } = fault.message;
    Fault {
        message: Text::new(
            format!("工作表“{sheet}”：{zh}"),
            format!("sheet `{sheet}`: {en}"),
        ),
        ..fault
    }
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
