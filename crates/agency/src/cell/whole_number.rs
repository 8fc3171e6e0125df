//! Whole numbers as libraries write them.

/// Returns the digits of a whole number, without a decimal point and the zeros after it:
/// a library that holds whole numbers as floating point writes 4.0.
pub(super) fn whole_number(text: &str) -> Option<&str> {
    let (whole, zeros) = text.split_once('.').unwrap_or((text, "0"));
    let is_whole = !whole.is_empty()
        && whole.bytes().all(|byte| byte.is_ascii_digit())
        && !zeros.is_empty()
        && zeros.bytes().all(|byte| byte == b'0');
    is_whole.then_some(whole)
}
