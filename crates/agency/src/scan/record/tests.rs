//! Tests of the splitter: its results are those of the reference, and its work grows
//! with the length of the block.

use proptest::prelude::*;

use super::super::limits::RecordLimits;
use super::{Cells, Split, Splitter, reference};

/// A splitter of a whole block, or the reference.
type SplitOne<'s> = dyn FnMut(usize, &mut Cells) -> (Split, usize) + 's;

/// The outcome at each position, and the cells of the records.
type Outcomes = Vec<(usize, Split, usize, Option<Vec<Vec<u8>>>)>;

/// Splits from `start` to the end, or to an incomplete record. Does not split a line
/// without quotes if `skip` returns true for it, like the fast pass.
fn outcomes(
    bytes: &[u8],
    start: usize,
    skip: &dyn Fn(usize) -> bool,
    split: &mut SplitOne,
) -> Outcomes {
    let mut outcomes = Vec::new();
    let mut cells = Cells::default();
    let mut at = start;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let line_end = memchr::memchr2(b'\n', b'"', rest).filter(|end| rest[*end] == b'\n');
        if let Some(end) = line_end.filter(|_| skip(at)) {
            at += end + 1;
            continue;
        }
        let (outcome, next) = split(at, &mut cells);
        let filled = matches!(
            outcome,
            Split::Record | Split::TextAfterQuote | Split::CarriageReturn
        );
        let filled = filled.then(|| cells.iter().map(<[u8]>::to_vec).collect());
        outcomes.push((at, outcome, next, filled));
        if outcome == Split::Incomplete {
            break;
        }
        at = next;
    }
    outcomes
}

/// A block and how it is split.
#[derive(Clone, Debug)]
struct Case {
    bytes: Vec<u8>,
    start: usize,
    more_follows: bool,
    width: usize,
    record_bytes: usize,
    quoted_field_bytes: usize,
    skipped_lines: usize,
}

impl Case {
    fn check(&self) {
        let width = Some(self.width);
        let limits = RecordLimits {
            record_bytes: self.record_bytes,
            quoted_field_bytes: self.quoted_field_bytes,
        };
        let bytes = self.bytes.as_slice();
        let skip = |at: usize| at % 4 < self.skipped_lines;
        let mut splitter = Splitter::new(bytes, self.more_follows, b',', width, limits);
        let seen = outcomes(bytes, self.start, &skip, &mut |at, cells| {
            splitter.split(at, cells)
        });
        let expected = outcomes(bytes, self.start, &skip, &mut |at, cells| {
            reference::split(bytes, at, self.more_follows, b',', width, limits, cells)
        });
        assert_eq!(seen, expected, "{self:?}");
        // The first line, the lookahead, the cells; a doubled quote may be split.
        assert!(splitter.scanned <= 3 * bytes.len() + 3, "{self:?}");
    }
}

/// Text in which most records span lines, most of them in error.
fn hostile_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec!["x", "\"", ",", "\n", "\r", " ", "\\"]),
        1 => prop::sample::select(vec!["\"\"", "\",\"", "\"\n", ",\"", "\u{3000}", "\n\n"]),
        1 => prop::sample::select(vec!["x\"y,\"z\n", "a\",\"b\n", "\",\n,\"", "\" , \"\n"]),
        1 => prop::sample::select(vec!["x\" ,\"\n", " \"\n", "\\\"x", "\\\"\",", "\u{1a}\n", ",,\" \n"]),
    ]
    .prop_map(|text| text.as_bytes().to_vec());
    let broken = prop::sample::select(vec![&b"\xe3"[..], b"\xe3\x80", b"\x80", b"\xa1", b"\xc2"])
        .prop_map(<[u8]>::to_vec);
    let line = prop::collection::vec(prop_oneof![12 => piece.clone(), 1 => broken.clone()], 0..8)
        .prop_map(|pieces| pieces.concat());
    // The same line many times, or other pieces.
    let repeated = (line, 1_usize..12).prop_map(|(line, times)| line.repeat(times));
    let part = prop_oneof![12 => piece, 1 => broken, 2 => repeated];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

fn case() -> impl Strategy<Value = Case> {
    let limit = || prop_oneof![0_usize..12, 0_usize..60, 40_usize..400];
    (
        hostile_text(),
        any::<prop::sample::Index>(),
        any::<bool>(),
        0_usize..9,
        limit(),
        limit(),
        prop_oneof![Just(0_usize), 0_usize..5],
    )
        .prop_map(
            |(bytes, start, more_follows, width, record, quoted, skipped_lines)| Case {
                // Half of the blocks begin in the middle.
                start: match start.index(2 * bytes.len() + 1) {
                    start if start <= bytes.len() => start,
                    _ => 0,
                },
                bytes,
                more_follows,
                width,
                record_bytes: record,
                quoted_field_bytes: quoted,
                skipped_lines,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_block_is_split_as_by_the_reference(case in case()) {
        case.check();
    }
}

/// A later attempt finds blank cells beyond the width where an earlier one found text.
#[test]
fn cells_beyond_the_width_are_blank_from_the_line_of_the_later_attempt() {
    let bytes = b"\"\nx\" ,\"\n \"\n";
    let mut splitter = Splitter::new(bytes, false, b',', Some(1), RecordLimits::DEFAULT);
    let mut cells = Cells::default();
    assert_eq!(splitter.split(0, &mut cells), (Split::Quote, 2));
    assert_eq!(splitter.split(2, &mut cells), (Split::Record, bytes.len()));
    assert_eq!(cells.iter().collect::<Vec<_>>(), [&b"x\" "[..], b"\n "]);
}

/// Every short text.
#[test]
fn short_texts_are_split_as_by_the_reference() {
    const LETTERS: &[u8] = b"x\",\n \\";
    const LENGTH: u32 = 6;
    for number in 0..LETTERS.len().pow(LENGTH) {
        let letter = |index| LETTERS[number / LETTERS.len().pow(index) % LETTERS.len()];
        let bytes: Vec<u8> = (0..LENGTH).map(letter).collect();
        for (width, record_bytes, quoted_field_bytes) in
            [(1, 9, 9), (2, 4, 9), (2, 9, 2), (3, 5, 3)]
        {
            Case {
                bytes: bytes.clone(),
                start: 0,
                more_follows: number % 2 == 0,
                width,
                record_bytes,
                quoted_field_bytes,
                skipped_lines: 0,
            }
            .check();
        }
    }
}

/// Records of several lines need the lookahead only after a stray quote.
#[test]
fn valid_records_of_several_lines_are_scanned_once() {
    for record in [
        "1,\"a\nb\",c\n",
        "\"\n\n\",\"\"\"\n\",\n",
        "1,2,\"\r\n\"\r\n",
    ] {
        let bytes = record.repeat(1000);
        let limits = RecordLimits::DEFAULT;
        let mut splitter = Splitter::new(bytes.as_bytes(), false, b',', Some(3), limits);
        let seen = outcomes(bytes.as_bytes(), 0, &|_| false, &mut |at, cells| {
            splitter.split(at, cells)
        });
        assert!(seen.iter().all(|(_, split, ..)| *split == Split::Record));
        assert_eq!(seen.len(), 1000, "{record:?}");
        assert!(splitter.scanned <= bytes.len(), "{record:?}");
    }
}

/// A file of hostile lines takes as long per byte as any other, whatever its length.
#[test]
fn the_work_grows_with_the_length_and_no_faster() {
    const KIB: usize = 1 << 10;
    let limits = RecordLimits {
        record_bytes: 64 * KIB,
        quoted_field_bytes: 4 * KIB,
    };
    let long = format!("{}\n", "y".repeat(600));
    let lines = [
        "x\"y,\"z\n".to_owned(),
        "x,\"z\n".to_owned(),
        "a\",\"b\n".to_owned(),
        "a\",b,\"c\n\n\n".to_owned(),
        "\"\n".to_owned(),
        "\",\"\n".to_owned(),
        "\n\"".to_owned(),
        ",\"\"\",\"\n".to_owned(),
        format!(",\"{long}"),
        format!("\",\"{long}"),
        format!("x\"y,\"z\n{long}a\",\"b\n"),
        format!("\",\"\n\"\n,\"{long}x\"y,\"z\na\",\"b\n"),
    ];
    let total = lines.concat();
    for line in lines.iter().chain([&total]) {
        for width in [0, 1, 2, 3, 100, 10_000, 1_000_000] {
            let work = |length: usize| {
                let bytes = line.repeat(length / line.len());
                let mut splitter =
                    Splitter::new(bytes.as_bytes(), false, b',', Some(width), limits);
                outcomes(bytes.as_bytes(), 0, &|_| false, &mut |at, cells| {
                    splitter.split(at, cells)
                });
                splitter.scanned
            };
            let (once, twice) = (work(256 * KIB), work(512 * KIB));
            assert!(twice <= 2 * once + once / 8, "{line:?}, width {width}");
            assert!(twice <= 3 * 512 * KIB + 3, "{line:?}, width {width}");
        }
    }
}

/// A quote that another row closes takes the rows between into one cell. They are read
/// again from the next line on.
#[test]
fn a_cell_with_a_row_in_it_is_a_stray_quote() {
    for (rows, read) in [
        // The field count fits by chance.
        ("1,\"a\n2,449901199001011234,b\n3,c\",d\n", &["2", "3"][..]),
        (
            "1,\"a\n449901199001011234,2,b\n3,c\",d\n",
            &["449901199001011234", "3"],
        ),
        ("1,\"a\n2,b,44990119900101123x\n3,c\",d\n", &["2", "3"]),
        // The swallowed row has quotes, doubled or escaped, or a text formula.
        (
            "1,\"a\n2,\"\"449901199001011234\"\",b\n3,c\",d\n",
            &["2", "3"],
        ),
        (
            "1,\"a\n2,=\"\"44990119900101123X\"\",b\n3,c\",d\n",
            &["2", "3"],
        ),
        ("1,\"a\n2,'449901199001011234,b\n3,c\",d\n", &["2", "3"]),
        // A remark of several lines, also with a number in it.
        ("1,\"a\nb, c\nd\",e\n2,b,c\n", &["1", "2"]),
        ("1,\"a: 449901199001011234, b\nc\",d\n", &["1"]),
        ("1,\"a\n449901199001011234\",d\n", &["1"]),
    ] {
        let bytes = rows.as_bytes();
        let mut splitter = Splitter::new(bytes, false, b',', Some(3), RecordLimits::DEFAULT);
        let seen = outcomes(bytes, 0, &|_| false, &mut |at, cells| {
            splitter.split(at, cells)
        });
        let first_cells = seen
            .iter()
            .filter_map(|(.., cells)| cells.as_ref()?.first());
        let first_cells: Vec<_> = first_cells
            .map(|cell| String::from_utf8_lossy(cell).into_owned())
            .collect();
        assert_eq!(first_cells, read, "{rows:?}");
        let is_refused = |(_, split, ..): &(usize, Split, usize, _)| *split == Split::Quote;
        assert_eq!(seen.iter().any(is_refused), read[0] != "1", "{rows:?}");
    }
}
