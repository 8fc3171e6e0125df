//! Rows of workbooks and Parquet files written out as CSV in UTF-8, one line a row.

/// A number as digits. One of more than fifteen digits was rounded when it
/// became a floating-point number: it is written in scientific notation, so
/// that an ID number among them is refused as damaged and not taken for another.
pub(super) fn float_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        format!("{number:.0}")
    } else if number.abs() >= 1e15 {
        format!("{number:E}").replace('E', "E+")
    } else {
        number.to_string()
    }
}

/// Writes a cell, in quotes where it must be. A line break inside it becomes a
/// space: one line a row.
pub(super) fn write_cell(csv: &mut Vec<u8>, text: &[u8]) {
    let special = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    if !text.iter().any(special) {
        csv.extend_from_slice(text);
        return;
    }
    csv.push(b'"');
    for byte in text {
        match byte {
            b'"' => csv.extend_from_slice(b"\"\""),
            b'\n' | b'\r' => csv.push(b' '),
            other => csv.push(*other),
        }
    }
    csv.push(b'"');
}
