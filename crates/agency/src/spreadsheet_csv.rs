//! CSV as Excel and WPS open it: UTF-8 with byte-order mark, CR LF, and no
//! cell that a spreadsheet takes for a formula.

use aidlink_faults::personal_number::black_out;

/// Writes rows as a CSV file.
pub fn to_bytes(rows: &[Vec<String>]) -> Vec<u8> {
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .flexible(true)
            .from_writer(&mut bytes);
        for row in rows {
            // Writing records to memory cannot fail.
            let _ = writer.write_record(row.iter().map(|cell| harmless(cell)));
        }
        let _ = writer.flush();
    }
    bytes
}

/// The cell as it may be shown ([`black_out`]), with an apostrophe before what a
/// spreadsheet would run as a formula (also in full-width form). Both look at the text
/// that will be read: a tab is a space by then. A cell that is harmless already
/// stays as it is.
pub fn harmless(cell: &str) -> String {
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
            assert!(harmless(cell).starts_with('\''), "{cell:?}");
        }
        assert_eq!(harmless("a\u{1b}[31mb\nc"), "a [31mb c");
        assert_eq!(harmless("故意伤害案"), "故意伤害案");
    }

    #[test]
    fn no_cell_holds_a_number_that_a_control_character_parts() {
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
