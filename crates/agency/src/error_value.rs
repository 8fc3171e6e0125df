//! Texts in place of a value: error values, which a spreadsheet shows in place of a result,
//! and the text for a merged cell.

/// What this program writes for a cell that is merged with another one, which has the value.
/// Nobody knows whether the value is that of this cell too; that of an ID number would make
/// one person of several.
pub(crate) const MERGED_TEXT: &str = "#MERGED";

/// What this program writes for a formula that was saved without its result, where it reads
/// a file without a schema.
pub(crate) const LOST_RESULT_TEXT: &str = "#NO RESULT";

/// Returns whether a cell holds an error value of a spreadsheet, such as `#N/A`, or the
/// signs with which it fills a column that is too narrow (`########`).
pub(crate) fn is_error_value(text: &str) -> bool {
    /// Excel, WPS and LibreOffice; the last is what this program writes for an error
    /// cell of a workbook.
    const VALUES: [&str; 15] = [
        "#N/A",
        "#REF!",
        "#VALUE!",
        "#NAME?",
        "#DIV/0!",
        "#NUM!",
        "#NULL!",
        "#SPILL!",
        "#CALC!",
        "#FIELD!",
        "#BLOCKED!",
        "#CONNECT!",
        "#UNKNOWN!",
        "#GETTING_DATA",
        "#ERROR",
    ];
    text.starts_with('#')
        && (VALUES.iter().any(|value| text.eq_ignore_ascii_case(value))
            || (text.len() > 2 && text.bytes().all(|byte| byte == b'#')))
}
