//! The pass over an export's rows, twice: the plain one, and the fast one.
//!
//! The plain pass splits the whole file record by record. The fast pass reads
//! large blocks, splits them on all cores, takes a line without quotes as a
//! record, and searches only the cells that are needed. A block is cut after a
//! line feed and is expected to begin with a record. Where the block before it
//! ends inside a quoted field, the rest of that block is put in front of it and
//! the two are split again.
//! A property test compares the two passes for any bytes, block size and number
//! of threads.

use std::io::{self, Read};

use rayon::prelude::*;

use super::limits::LONGEST_RECORD;
use super::record::{Cells, Dialect, Kind, Split, kind_of, split};

/// Which pass to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Record by record, the whole file in memory.
    Plain,
    /// In blocks of this many bytes, on all threads.
    Fast {
        /// Bytes of a block, at least one.
        block_bytes: usize,
    },
}

impl Pass {
    /// The pass that rounds take: blocks that fit a core's cache many times
    /// over and still give every core many.
    pub const DEFAULT: Pass = Pass::Fast {
        block_bytes: 1 << 20,
    };
}

/// A row in the block that is being read. It borrows its cells.
pub struct RowView<'v> {
    cells: RowCells<'v>,
    dialect: Dialect,
}

enum RowCells<'v> {
    /// Split into cells.
    Split(&'v Cells),
    /// A whole line of the block; a cell is searched when it is needed.
    Unquoted { record: &'v [u8] },
}

impl RowView<'_> {
    /// A cell's bytes; empty beyond the last.
    pub fn cell(&self, column: usize) -> &[u8] {
        match &self.cells {
            RowCells::Split(cells) => cells.get(column),
            RowCells::Unquoted { record } => nth_cell(record, self.dialect.delimiter, column),
        }
    }

    /// The cell of the ID number.
    pub fn id_cell(&self) -> &[u8] {
        self.cell(self.dialect.id_column)
    }

    /// The cells, to keep.
    pub fn to_cells(&self) -> Cells {
        match &self.cells {
            RowCells::Split(cells) => (*cells).clone(),
            RowCells::Unquoted { record } => {
                let mut cells = Cells::default();
                cells.take_unquoted(record, self.dialect.delimiter);
                cells
            }
        }
    }
}

/// A cell of a record without quotes; empty beyond the last.
fn nth_cell(record: &[u8], delimiter: u8, column: usize) -> &[u8] {
    let mut rest = record;
    for _ in 0..column {
        match memchr::memchr(delimiter, rest) {
            Some(at) => rest = &rest[at + 1..],
            None => return &[],
        }
    }
    memchr::memchr(delimiter, rest).map_or(rest, |at| &rest[..at])
}

/// The place of a row: record number below the header and line, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Record number.
    pub record: u64,
    /// Line.
    pub line: u64,
}

/// A row that could not be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFault {
    /// More fields than the header, or too few to have an ID number.
    FieldCount,
    /// A quote that is not closed.
    Quote,
    /// Longer than 1 MiB.
    TooLong,
}

/// What is gathered from rows; one for each block, joined in the file's order.
///
/// `C` is what looks at rows.
pub trait Tally<C>: Default + Send {
    /// Takes a row, or the reason why it could not be split.
    fn row(&mut self, check: &C, place: Place, row: Result<RowView<'_>, RowFault>);

    /// Called once after the rows of a block, on the thread that took them.
    fn end_of_block(&mut self, _check: &C) {}

    /// Adds the tally of the rows that follow; their places count from
    /// `records` and `lines` on.
    fn append(&mut self, next: Self, records: u64, lines: u64);
}

/// What a pass counted besides rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows, rejects among them.
    pub rows: u64,
    /// Lines without content.
    pub blank_lines: u64,
    /// Lines of totals.
    pub total_lines: u64,
    /// Line feeds.
    lines: u64,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.rows += other.rows;
        self.blank_lines += other.blank_lines;
        self.total_lines += other.total_lines;
        self.lines += other.lines;
    }
}

/// Runs a pass over the bytes below the header.
///
/// # Errors
/// When the source cannot be read.
pub fn run<C: Sync, T: Tally<C>>(
    pass: Pass,
    source: &mut dyn SourceRead,
    dialect: Dialect,
    check: &C,
    progress: &(dyn Fn(u64) + Sync),
) -> io::Result<(T, Counts)> {
    match pass {
        Pass::Plain => {
            let mut bytes = Vec::new();
            source.read_to_end(&mut bytes)?;
            let mut block = Block::<T>::default();
            block.split_plainly(&bytes, dialect, check);
            progress(block.counts.rows);
            Ok((block.tally, block.counts))
        }
        Pass::Fast { block_bytes } => fast(source, block_bytes.max(1), dialect, check, progress),
    }
}

/// A source of bytes that may be read on another thread.
pub trait SourceRead: Read + Send {}
impl<R: Read + Send> SourceRead for R {}

/// The rows of one block.
struct Block<T> {
    tally: T,
    counts: Counts,
    /// The bytes of a record that goes on in the next block.
    incomplete: Option<usize>,
}

impl<T: Default> Default for Block<T> {
    fn default() -> Self {
        Block {
            tally: T::default(),
            counts: Counts::default(),
            incomplete: None,
        }
    }
}

impl<T> Block<T> {
    fn split_plainly<C>(&mut self, bytes: &[u8], dialect: Dialect, check: &C)
    where
        T: Tally<C>,
    {
        let mut cells = Cells::default();
        let mut at = 0;
        while at < bytes.len() {
            at = self.split_one(bytes, at, false, dialect, check, &mut cells);
        }
        self.tally.end_of_block(check);
    }

    /// Splits one record by the full rules; returns the byte after it.
    fn split_one<C>(
        &mut self,
        bytes: &[u8],
        at: usize,
        more_to_come: bool,
        dialect: Dialect,
        check: &C,
        cells: &mut Cells,
    ) -> usize
    where
        T: Tally<C>,
    {
        let (outcome, next) = split(bytes, at, more_to_come, dialect, cells);
        let fault = match outcome {
            Split::Incomplete => {
                self.incomplete = Some(at);
                return bytes.len();
            }
            Split::Quote => Some(RowFault::Quote),
            Split::TooLong => Some(RowFault::TooLong),
            Split::Record => match kind_of(cells, dialect) {
                Kind::Row => None,
                Kind::FieldCount => Some(RowFault::FieldCount),
                kind @ (Kind::Blank | Kind::Total) => {
                    match kind {
                        Kind::Blank => self.counts.blank_lines += 1,
                        _ => self.counts.total_lines += 1,
                    }
                    self.count_lines(bytes, at, next);
                    return next;
                }
            },
        };
        let row = match fault {
            Some(fault) => Err(fault),
            None => Ok(RowView {
                cells: RowCells::Split(cells),
                dialect,
            }),
        };
        self.give(check, row);
        self.count_lines(bytes, at, next);
        next
    }

    fn give<C>(&mut self, check: &C, row: Result<RowView<'_>, RowFault>)
    where
        T: Tally<C>,
    {
        self.counts.rows += 1;
        let place = Place {
            record: self.counts.rows,
            line: self.counts.lines + 1,
        };
        self.tally.row(check, place, row);
    }

    fn count_lines(&mut self, bytes: &[u8], from: usize, to: usize) {
        let part = bytes.get(from..to).unwrap_or_default();
        self.counts.lines += memchr::memchr_iter(b'\n', part).count() as u64;
    }

    /// Splits a block. A line without a quote is a record; of most only the
    /// cells of the checks are ever looked for.
    fn split_fast<C>(&mut self, bytes: &[u8], more_to_come: bool, dialect: Dialect, check: &C)
    where
        T: Tally<C>,
    {
        self.split_lines(bytes, more_to_come, dialect, check);
        self.tally.end_of_block(check);
    }

    fn split_lines<C>(&mut self, bytes: &[u8], more_to_come: bool, dialect: Dialect, check: &C)
    where
        T: Tally<C>,
    {
        let mut cells = Cells::default();
        let mut record = 0;
        while let Some(length) = memchr::memchr2(b'\n', b'"', &bytes[record..]) {
            let at = record + length;
            let line_end = match bytes[at] {
                b'\n' if length > 0 && bytes[at - 1] == b'\r' => Some(at - 1),
                b'\n' => Some(at),
                _ => None,
            };
            let row = line_end
                .map(|end| &bytes[record..end])
                .filter(|_| length <= LONGEST_RECORD)
                .and_then(|record| usual_row(record, dialect));
            if let Some(row) = row {
                self.give(check, Ok(row));
                self.counts.lines += 1;
                record = at + 1;
            } else {
                record = self.split_one(bytes, record, more_to_come, dialect, check, &mut cells);
                if self.incomplete.is_some() {
                    return;
                }
            }
        }
        // What follows the last line feed: the file's last line.
        while record < bytes.len() && self.incomplete.is_none() {
            record = self.split_one(bytes, record, more_to_come, dialect, check, &mut cells);
        }
    }
}

/// The usual row: no quotes, as wide as the header, with a number in its place.
/// It is a row by the rules of [`kind_of`] too.
fn usual_row(record: &[u8], dialect: Dialect) -> Option<RowView<'_>> {
    let view = RowView {
        cells: RowCells::Unquoted { record },
        dialect,
    };
    let id = view.id_cell();
    let is_usual = id.len() >= 15
        && id[..15].iter().all(u8::is_ascii_digit)
        && memchr::memchr_iter(dialect.delimiter, record).count() + 1 == dialect.width;
    is_usual.then_some(view)
}

/// Reads blocks that end with a line feed. A line longer than a record may be
/// is cut to just beyond that length: it is a reject whatever it holds.
struct BlockReader<'s> {
    source: &'s mut dyn SourceRead,
    block_bytes: usize,
    rest: Vec<u8>,
    ended: bool,
    /// Blocks that were split: their memory serves again.
    spare: Vec<Vec<u8>>,
}

impl BlockReader<'_> {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut block = self.spare.pop().unwrap_or_default();
        block.clear();
        // Room for the block and for what the one before left.
        block.reserve(self.rest.len() + self.block_bytes + 1);
        block.append(&mut self.rest);
        let mut searched = 0;
        loop {
            if let Some(end) = memchr::memrchr(b'\n', &block[searched..]) {
                let end = searched + end + 1;
                self.rest.extend_from_slice(&block[end..]);
                block.truncate(end);
                return Ok(Some(block));
            }
            if self.ended {
                return Ok((!block.is_empty()).then_some(block));
            }
            block.truncate(LONGEST_RECORD + 2);
            searched = block.len();
            let wanted = self.block_bytes as u64;
            let read = (&mut *self.source).take(wanted).read_to_end(&mut block)?;
            self.ended = read == 0;
        }
    }

    fn batch(&mut self, blocks: usize) -> io::Result<Vec<Vec<u8>>> {
        let mut batch = Vec::with_capacity(blocks);
        while batch.len() < blocks {
            match self.next()? {
                Some(block) => batch.push(block),
                None => break,
            }
        }
        Ok(batch)
    }
}

fn fast<C: Sync, T: Tally<C>>(
    source: &mut dyn SourceRead,
    block_bytes: usize,
    dialect: Dialect,
    check: &C,
    progress: &(dyn Fn(u64) + Sync),
) -> io::Result<(T, Counts)> {
    let mut reader = BlockReader {
        source,
        block_bytes,
        rest: Vec::new(),
        ended: false,
        spare: Vec::new(),
    };
    let blocks_a_batch = rayon::current_num_threads() * 4;
    let mut tally = T::default();
    let mut counts = Counts::default();
    let mut carried: Vec<u8> = Vec::new();
    let mut batch = reader.batch(blocks_a_batch)?;
    while !batch.is_empty() {
        // The next batch is read while this one is split.
        let (following, split) = rayon::join(
            || reader.batch(blocks_a_batch),
            || {
                batch
                    .par_iter()
                    .map(|bytes| {
                        let mut block = Block::<T>::default();
                        block.split_fast(bytes, true, dialect, check);
                        block
                    })
                    .collect::<Vec<_>>()
            },
        );
        for (bytes, mut block) in batch.iter().zip(split) {
            let mut joined = std::mem::take(&mut carried);
            if !joined.is_empty() {
                // The block did not begin with a record after all.
                joined.extend_from_slice(bytes);
                block = Block::default();
                block.split_fast(&joined, true, dialect, check);
            }
            if let Some(from) = block.incomplete {
                let whole = if joined.is_empty() { bytes } else { &joined };
                carried = whole[from..].to_vec();
            }
            tally.append(block.tally, counts.rows, counts.lines);
            counts.add(block.counts);
        }
        progress(counts.rows);
        reader.spare.append(&mut batch);
        batch = following?;
    }
    if !carried.is_empty() {
        let mut block = Block::<T>::default();
        block.split_fast(&carried, false, dialect, check);
        tally.append(block.tally, counts.rows, counts.lines);
        counts.add(block.counts);
    }
    Ok((tally, counts))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gathers what was seen, as it was seen.
    #[derive(Debug, Default, PartialEq)]
    struct Seen(Vec<(u64, u64, SeenRow)>);

    /// The cells of a row, or why it could not be split.
    type SeenRow = Result<Vec<Vec<u8>>, RowFault>;

    impl Tally<()> for Seen {
        fn row(&mut self, _: &(), place: Place, row: Result<RowView<'_>, RowFault>) {
            let row = row.map(|row| {
                let cells = row.to_cells();
                for (column, cell) in cells.iter().enumerate() {
                    assert_eq!(cell, row.cell(column));
                }
                assert!(row.cell(cells.len()).is_empty());
                cells.iter().map(<[u8]>::to_vec).collect()
            });
            self.0.push((place.record, place.line, row));
        }

        fn append(&mut self, next: Self, records: u64, lines: u64) {
            let next = next.0.into_iter();
            self.0
                .extend(next.map(|(record, line, row)| (record + records, line + lines, row)));
        }
    }

    const THREE_COLUMNS: Dialect = Dialect {
        delimiter: b',',
        width: 3,
        id_column: 0,
    };

    fn read(pass: Pass, dialect: Dialect, mut bytes: &[u8]) -> (Seen, Counts) {
        run(pass, &mut bytes, dialect, &(), &|_| {}).expect("memory can be read")
    }

    fn rows(text: &str) -> Vec<(u64, u64, Result<Vec<String>, RowFault>)> {
        let (seen, _) = read(Pass::Plain, THREE_COLUMNS, text.as_bytes());
        let text = |cells: Vec<Vec<u8>>| {
            let cells = cells.into_iter();
            cells
                .map(|cell| String::from_utf8(cell).expect("text"))
                .collect()
        };
        let seen = seen.0.into_iter();
        seen.map(|(record, line, row)| (record, line, row.map(text)))
            .collect()
    }

    fn row(record: u64, line: u64, cells: [&str; 3]) -> (u64, u64, Result<Vec<String>, RowFault>) {
        (record, line, Ok(cells.map(str::to_owned).to_vec()))
    }

    #[test]
    fn blank_lines_and_totals_are_no_rows() {
        let text = "1,甲,x\r\n\r\n,,\r\n2,乙,y\r\n合计：,2人,\r\n";
        let (seen, counts) = read(Pass::Plain, THREE_COLUMNS, text.as_bytes());
        assert_eq!(seen.0.len(), 2);
        assert_eq!(
            (counts.rows, counts.blank_lines, counts.total_lines),
            (2, 2, 1)
        );
        assert_eq!(rows(text)[1], row(2, 4, ["2", "乙", "y"]));
    }

    #[test]
    fn a_quoted_field_may_hold_separators_quotes_and_line_breaks() {
        let text = "\"a,\"\"b\"\"\nc\",1,甲\nz,2,乙\n";
        assert_eq!(
            rows(text),
            [
                row(1, 1, ["a,\"b\"\nc", "1", "甲"]),
                row(2, 3, ["z", "2", "乙"])
            ]
        );
        // Also when the export has empty trailing columns.
        assert_eq!(rows("1,\"a\nb\",x,,\n2,c,y,,\n").len(), 2);
    }

    #[test]
    fn a_stray_quote_costs_its_own_line_and_no_other() {
        for stray in ["2,\"乙,y", "2,乙,\"y"] {
            let text = format!("1,甲,x\n{stray}\n3,丙,z\n4,\"丁\",w\n5,戊,v\n");
            assert_eq!(
                rows(&text),
                [
                    row(1, 1, ["1", "甲", "x"]),
                    (2, 2, Err(RowFault::Quote)),
                    row(3, 3, ["3", "丙", "z"]),
                    row(4, 4, ["4", "丁", "w"]),
                    row(5, 5, ["5", "戊", "v"]),
                ],
                "{stray}"
            );
        }
        // No other quote follows, to the end of a large file.
        let many: String = (0..20_000).map(|n| format!("{n},名,k\n")).collect();
        let seen = rows(&format!("1,\"甲,x\n{many}"));
        assert_eq!(seen.len(), 20_001);
        assert_eq!(seen.iter().filter(|(_, _, row)| row.is_err()).count(), 1);
    }

    #[test]
    fn a_quote_inside_a_field_is_a_character() {
        assert_eq!(rows("1,甲\"乙\",x\n"), [row(1, 1, ["1", "甲\"乙\"", "x"])]);
    }

    #[test]
    fn a_wider_row_is_a_fault_and_empty_cells_at_the_end_are_not() {
        let seen = rows("1,甲,x,,\n2,乙\n3,丙,z,surplus\n");
        assert!(seen[0].2.is_ok());
        assert_eq!(seen[1].2, Ok(vec!["2".to_owned(), "乙".to_owned()]));
        assert_eq!(seen[2], (3, 3, Err(RowFault::FieldCount)));
    }

    #[test]
    fn a_line_without_end_is_a_reject_of_bounded_memory() {
        let long = "x".repeat(5 << 20);
        let text = format!("1,a,b\n2,{long},c\n3,d,e\n4,\"{long}\n5,f,g\n");
        for pass in [Pass::Plain, Pass::DEFAULT, Pass::Fast { block_bytes: 1000 }] {
            let (seen, _) = read(pass, THREE_COLUMNS, text.as_bytes());
            let faults: Vec<_> = seen
                .0
                .iter()
                .map(|(_, line, row)| (*line, row.as_ref().err()))
                .collect();
            assert_eq!(
                faults,
                [
                    (1, None),
                    (2, Some(&RowFault::TooLong)),
                    (3, None),
                    (4, Some(&RowFault::Quote)),
                    (5, None)
                ],
                "{pass:?}"
            );
        }
    }

    /// Bytes in which everything that matters to a splitter is common.
    fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => Just(b"44990119900101011X,a,b\n".to_vec()),
            2 => Just(b"449901199001010112,\"q\"\"\nq\",b\r\n".to_vec()),
            1 => Just(b"\"".to_vec()),
            1 => Just(b"\n".to_vec()),
            1 => Just(b"\r\n".to_vec()),
            2 => Just(b",".to_vec()),
            1 => Just("合计".as_bytes().to_vec()),
            1 => Just(b"\xba\xcf\xbc\xc6,,".to_vec()),
            1 => Just("\u{3000}".as_bytes().to_vec()),
            1 => (1_usize..3).prop_map(|n| vec![b'y'; n * 40_000]),
            2 => prop::collection::vec(any::<u8>(), 0..12),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn both_passes_see_the_same(
            bytes in hostile_bytes(),
            block_bytes in prop_oneof![1_usize..64, 64_usize..4096, 60_000_usize..200_000],
            width in 1_usize..5,
            threads in 1_usize..4,
        ) {
            let dialect = Dialect { delimiter: b',', width, id_column: 0 };
            let plain = read(Pass::Plain, dialect, &bytes);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let fast = pool.install(|| read(Pass::Fast { block_bytes }, dialect, &bytes));
            prop_assert_eq!(plain, fast);
        }

        /// What the csv crate writes is read as it was written.
        #[test]
        fn well_formed_records_are_read_as_the_csv_crate_writes_them(
            table in prop::collection::vec(prop::collection::vec("[a-z,\"\n ]{0,6}", 3), 1..12),
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for record in &table {
                writer.write_record(record).expect("memory");
            }
            let bytes = writer.into_inner().expect("memory");
            let (seen, counts) = read(Pass::DEFAULT, THREE_COLUMNS, &bytes);
            let kept: Vec<&Vec<String>> = table
                .iter()
                .filter(|record| record.iter().any(|cell| !cell.trim().is_empty()))
                .collect();
            prop_assert_eq!(counts.rows as usize, kept.len());
            for (record, (_, _, row)) in kept.iter().zip(seen.0) {
                let cells: Vec<Vec<u8>> = record.iter().map(|cell| cell.as_bytes().to_vec()).collect();
                prop_assert_eq!(row, Ok(cells));
            }
        }
    }
}
