//! Writes CSV for Excel and WPS: UTF-8 with byte-order mark, CR LF line ends, and
//! no cell that a spreadsheet would run as a formula.

use aidlink_faults::personal_number::black_out;

/// Returns the rows as the bytes of a CSV file.
pub fn to_bytes(rows: &[Vec<String>]) -> Vec<u8> {
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .flexible(true)
            .from_writer(&mut bytes);
        for row in rows {
            // Writing records to memory cannot fail.
            let _ = writer.write_record(row.iter().map(|cell| safe_cell(cell)));
        }
        let _ = writer.flush();
    }
    bytes
}

/// Returns the cell with numbers blacked out ([`black_out`]) and with an apostrophe
/// before anything that a spreadsheet would run as a formula, also in full-width
/// form. The formula check comes second, when tabs have already become spaces. A
/// cell that is safe already is not changed.
pub fn safe_cell(cell: &str) -> String {
    let plain = black_out(cell);
    let starts_a_formula = plain
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%']);
    if starts_a_formula {
        format!("'{plain}")
    } else {
        plain.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_starts_a_formula_or_holds_a_control_character() {
        for cell in [
            "=1+1",
            "+1",
            "-1",
            "@x",
            "\t=1",
            " =1",
            "＝1",
            "\r=cmd|'/c calc'!A0",
        ] {
            assert!(safe_cell(cell).starts_with('\''), "{cell:?}");
        }
        assert_eq!(safe_cell("a\u{1b}[31mb\nc"), "a [31mb c");
        assert_eq!(safe_cell("故意伤害案"), "故意伤害案");
    }

    #[test]
    fn a_number_split_by_control_characters_is_blacked_out() {
        for (cell, shown) in [
            ("449901\t19900101\t011X", "***"),
            ("名单13800001234.csv", "名单***.csv"),
            ("138\r\n0000\r\n1234", "***"),
            ("\t+86 138 0000 1234", "' +***"),
        ] {
            let bytes = to_bytes(&[vec![cell.to_owned()]]);
            let text = String::from_utf8(bytes).expect("UTF-8");
            assert_eq!(text, format!("\u{feff}{shown}\r\n"), "{cell:?}");
        }
    }
}
