//! Reads all rows of an export, with a plain pass or a fast pass.
//!
//! The plain pass splits the whole file record by record. The fast pass reads
//! large blocks and splits them on all cores. It takes a line without quotes as a
//! record and locates only the cells that are needed. Each block ends after a line
//! feed, so the next one normally begins with a record. If a block ends inside a
//! quoted field, its incomplete last record is put in front of the next block, and
//! that block is split again.
//!
//! A property test compares the two passes for any bytes, block size and number of
//! threads.

use std::io::{self, Read};

use rayon::prelude::*;

use super::cell_ends;
use super::encoding::Encoding;
use super::headings::Headings;
use super::limits::RecordLimits;
use super::record::{
    CTRL_Z, Cells, Dialect, Kind, Split, Splitter, broken_at_carriage_returns,
    broken_at_other_line_ends, has_long_number, kind_of, may_have_other_line_ends,
};

/// The pass with which rows are read. Both give the same result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Splits record by record, with the whole file in memory.
    Plain,
    /// Splits blocks on all threads.
    Fast {
        /// Bytes per block, at least 1.
        block_bytes: usize,
    },
}

impl Pass {
    /// The pass used in rounds.
    pub const DEFAULT: Pass = Pass::Fast {
        block_bytes: 1 << 20,
    };
}

/// A row that borrows its cells from the block being read.
pub struct RowView<'v> {
    cells: RowCells<'v>,
    dialect: Dialect,
}

enum RowCells<'v> {
    /// A record that is split into cells.
    Split(&'v Cells),
    /// A line of the block, with as many fields as rows have. A cell is located when it is
    /// needed.
    Unquoted { record: &'v [u8] },
}

impl<'v> RowView<'v> {
    /// Returns the row with these cells.
    pub(super) fn of(cells: &'v Cells, dialect: Dialect) -> Self {
        RowView {
            cells: RowCells::Split(cells),
            dialect,
        }
    }
}

impl RowView<'_> {
    /// Returns the bytes of a cell, or an empty slice beyond the last one.
    pub fn cell(&self, column: usize) -> &[u8] {
        match &self.cells {
            RowCells::Split(cells) => cells.get(column),
            RowCells::Unquoted { record } => {
                let delimiter = self.dialect.delimiter;
                match self.dialect.fields.checked_sub(column + 1) {
                    // Nearer to the end.
                    Some(behind) if behind < column => nth_cell_from_end(record, delimiter, behind),
                    _ => nth_cell(record, delimiter, column),
                }
            }
        }
    }

    /// Locates all cells at once, for a row of which many are needed. `ends` is memory that is
    /// used again from row to row.
    pub fn located<'r>(&'r self, ends: &'r mut Vec<usize>) -> LocatedCells<'r> {
        match &self.cells {
            RowCells::Split(cells) => LocatedCells::Split(cells),
            RowCells::Unquoted { record } => {
                cell_ends::find(record, self.dialect.delimiter, ends);
                LocatedCells::Unquoted { record, ends }
            }
        }
    }

    /// Returns the cell of the ID number.
    pub fn id_cell(&self) -> &[u8] {
        self.cell(self.dialect.id_column)
    }

    /// Returns the encoding of a cell of this row, in a file that is otherwise in `file`.
    pub fn encoding(&self, file: Encoding, cell: &[u8]) -> Encoding {
        match cell.is_ascii() {
            true => file,
            false => self.record_encoding(file),
        }
    }

    /// Returns the encoding of this row, in a file that is otherwise in `file`.
    pub fn record_encoding(&self, file: Encoding) -> Encoding {
        match &self.cells {
            RowCells::Split(cells) => cells.encoding(file),
            RowCells::Unquoted { record } => {
                let delimiter = self.dialect.delimiter;
                file.of_record(record, record.split(|byte| *byte == delimiter))
            }
        }
    }

    /// Copies the cells.
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

/// The cells of a row, all located.
pub enum LocatedCells<'r> {
    /// Those of a record that is split.
    Split(&'r Cells),
    /// Those of a line without quotes.
    Unquoted {
        /// The line.
        record: &'r [u8],
        /// Where each cell ends.
        ends: &'r [usize],
    },
}

impl<'r> LocatedCells<'r> {
    /// Returns the bytes of a cell, or an empty slice beyond the last one.
    pub fn get(&self, column: usize) -> &'r [u8] {
        match self {
            LocatedCells::Split(cells) => cells.get(column),
            LocatedCells::Unquoted { record, ends } => {
                let start = match column.checked_sub(1) {
                    None => 0,
                    Some(before) => ends.get(before).map_or(record.len(), |end| end + 1),
                };
                ends.get(column)
                    .and_then(|end| record.get(start..*end))
                    .unwrap_or_default()
            }
        }
    }
}

/// Returns a cell of a record without quotes, or an empty slice beyond the last one.
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

/// Returns a cell of a record without quotes, counted from the last one, or an empty slice
/// beyond the first one.
fn nth_cell_from_end(record: &[u8], delimiter: u8, behind: usize) -> &[u8] {
    let mut rest = record;
    for _ in 0..behind {
        match memchr::memrchr(delimiter, rest) {
            Some(at) => rest = &rest[..at],
            None => return &[],
        }
    }
    memchr::memrchr(delimiter, rest).map_or(rest, |at| &rest[at + 1..])
}

/// The position of a row, counted from the first record below the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Record number, from 1.
    pub record: u64,
    /// Line number, from 1.
    pub line: u64,
}

/// The reason why a row could not be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFault {
    /// More fields than the header, or no field for the ID number.
    FieldCount,
    /// A stray quote, or text after a closing quote.
    Quote,
    /// A carriage return outside quotes that does not end a row.
    LineBreak,
    /// Longer than 1 MiB.
    TooLong,
}

/// Collects results from rows. Each block has its own tally; tallies are appended in
/// file order.
///
/// `C` is the context that is shared by all blocks.
pub trait Tally<C>: Default + Send {
    /// Handles a row, or the reason why it could not be split.
    fn row(&mut self, context: &C, place: Place, row: Result<RowView<'_>, RowFault>);

    /// Called once after the rows of a block, on the same thread.
    fn end_of_block(&mut self, _context: &C) {}

    /// Appends the tally of the rows that follow, in file order. Implementations must
    /// add `records` and `lines` to the record and line numbers in it.
    fn append(&mut self, context: &C, next: Self, records: u64, lines: u64);
}

/// The number of rows and of other lines in a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows, including rejects.
    pub rows: u64,
    /// Blank lines.
    pub blank_lines: u64,
    /// Lines of totals.
    pub total_lines: u64,
    /// Other lines of a form's foot: signatures, notes, page numbers.
    pub footer_lines: u64,
    /// Lines in which the header or a title is repeated.
    pub repeated_header_lines: u64,
    /// The line, from 1, of the first header with other columns.
    pub other_header: Option<u64>,
    /// The line, from 1, of the first line without an ID number that states another unit of
    /// money.
    pub other_unit: Option<u64>,
    /// Line feeds.
    lines: u64,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.rows += other.rows;
        self.blank_lines += other.blank_lines;
        self.total_lines += other.total_lines;
        self.footer_lines += other.footer_lines;
        self.repeated_header_lines += other.repeated_header_lines;
        let other_header = other.other_header.map(|line| line + self.lines);
        self.other_header = self.other_header.or(other_header);
        let other_unit = other.other_unit.map(|line| line + self.lines);
        self.other_unit = self.other_unit.or(other_unit);
        self.lines += other.lines;
    }
}

/// Runs a pass over the bytes below the header. `headings` recognise where the header
/// is repeated.
///
/// # Errors
/// If the source cannot be read.
pub fn run<C: Sync, T: Tally<C>>(
    pass: Pass,
    source: &mut dyn SourceRead,
    dialect: Dialect,
    headings: &Headings,
    context: &C,
    progress: &(dyn Fn(u64) + Sync),
) -> io::Result<(T, Counts)> {
    let form = Form {
        dialect,
        headings,
        limits: RecordLimits::DEFAULT,
    };
    run_with(pass, source, form, context, progress)
}

/// The dialect of the records, the headings above them and the limits on them.
#[derive(Clone, Copy)]
struct Form<'h> {
    dialect: Dialect,
    headings: &'h Headings,
    limits: RecordLimits,
}

impl Form<'_> {
    fn splitter(self, bytes: &[u8], more_follows: bool) -> Splitter<'_> {
        let Dialect {
            delimiter, width, ..
        } = self.dialect;
        Splitter::new(bytes, more_follows, delimiter, Some(width), self.limits)
    }
}

fn run_with<C: Sync, T: Tally<C>>(
    pass: Pass,
    source: &mut dyn SourceRead,
    form: Form<'_>,
    context: &C,
    progress: &(dyn Fn(u64) + Sync),
) -> io::Result<(T, Counts)> {
    match pass {
        Pass::Plain => {
            let mut bytes = Vec::new();
            source.read_to_end(&mut bytes)?;
            let mut block = Block::<T>::default();
            block.split_plain(&bytes, form, context);
            progress(block.counts.rows);
            let mut tally = T::default();
            tally.append(context, block.tally, 0, 0);
            Ok((tally, block.counts))
        }
        Pass::Fast { block_bytes } => fast(source, block_bytes.max(1), form, context, progress),
    }
}

/// A byte source that can be read on another thread.
pub trait SourceRead: Read + Send {}
impl<R: Read + Send> SourceRead for R {}

/// The result of splitting one block.
struct Block<T> {
    tally: T,
    counts: Counts,
    /// Offset of the last record, if it continues in the next block.
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
    fn split_plain<C>(&mut self, bytes: &[u8], form: Form<'_>, context: &C)
    where
        T: Tally<C>,
    {
        let mut splitter = form.splitter(bytes, false);
        let mut cells = Cells::default();
        let mut at = 0;
        while at < bytes.len() {
            at = self.split_one(&mut splitter, at, form, context, &mut cells);
        }
        self.tally.end_of_block(context);
    }

    /// Splits one record by the full rules and returns the position after it.
    fn split_one<C>(
        &mut self,
        splitter: &mut Splitter<'_>,
        at: usize,
        form: Form<'_>,
        context: &C,
        cells: &mut Cells,
    ) -> usize
    where
        T: Tally<C>,
    {
        let (outcome, next) = splitter.split(at, cells);
        if outcome == Split::Incomplete {
            self.incomplete = Some(at);
            return splitter.bytes().len();
        }
        let record = splitter.bytes().get(at..next).unwrap_or_default();
        self.add_record(outcome, record, cells, form, context);
        next
    }

    /// Adds a record that has been split into `cells`, or a line that was rejected.
    fn add_record<C>(
        &mut self,
        outcome: Split,
        record: &[u8],
        cells: &mut Cells,
        form: Form<'_>,
        context: &C,
    ) where
        T: Tally<C>,
    {
        match outcome {
            Split::Incomplete => return,
            Split::Quote | Split::TextAfterQuote => self.add_row(context, Err(RowFault::Quote)),
            Split::TooLong => self.add_row(context, Err(RowFault::TooLong)),
            Split::CarriageReturn => {
                let lines = broken_at_carriage_returns(record, form.dialect.delimiter);
                self.add_broken(&lines, RowFault::LineBreak, cells, form, context);
            }
            Split::Record => self.add_split(record, cells, form, context),
        }
        self.counts.lines += memchr::memchr_iter(b'\n', record).count() as u64;
    }

    /// Adds a record that has been split. One with too many fields may be several rows with
    /// a line end between them that is none here, such as U+2028. One with the right number
    /// may be several short rows, or one with two numbers: it is rejected.
    fn add_split<C>(&mut self, record: &[u8], cells: &mut Cells, form: Form<'_>, context: &C)
    where
        T: Tally<C>,
    {
        let dialect = form.dialect;
        let is_utf8 = form.headings.encoding() != Encoding::Gb18030;
        if may_have_other_line_ends(record)
            && let Some(lines) = broken_at_other_line_ends(record, dialect.delimiter, is_utf8)
        {
            if cells.len() > dialect.fields
                && kind_of(cells, dialect, form.headings) == Kind::FieldCount
            {
                self.add_broken(&lines, RowFault::FieldCount, cells, form, context);
                return;
            }
            if has_several_ids(&lines, form) {
                self.add_row(context, Err(RowFault::LineBreak));
                return;
            }
        }
        self.add_cells(cells, form, context);
    }

    /// Adds the rows of one record that have been put on lines of their own. If one of them
    /// does not look like a row, the character between them was in a value, and the record is
    /// one reject.
    fn add_broken<C>(
        &mut self,
        lines: &[u8],
        fault: RowFault,
        cells: &mut Cells,
        form: Form<'_>,
        context: &C,
    ) where
        T: Tally<C>,
    {
        let mut splitter = form.splitter(lines, false);
        let mut at = 0;
        while at < lines.len() {
            let (outcome, next) = splitter.split(at, cells);
            let is_whole = outcome == Split::Record
                && match kind_of(cells, form.dialect, form.headings) {
                    Kind::Row => has_long_number(cells, form.dialect),
                    Kind::FieldCount => false,
                    Kind::Blank | Kind::Total | Kind::Footer => true,
                    Kind::Header | Kind::OtherHeader | Kind::OtherUnit => true,
                };
            if !is_whole {
                self.add_row(context, Err(fault));
                return;
            }
            at = next;
        }
        let mut splitter = form.splitter(lines, false);
        let mut at = 0;
        while at < lines.len() {
            at = splitter.split(at, cells).1;
            self.add_cells(cells, form, context);
        }
    }

    /// Adds a record that has been split.
    fn add_cells<C>(&mut self, cells: &Cells, form: Form<'_>, context: &C)
    where
        T: Tally<C>,
    {
        let dialect = form.dialect;
        let counts = &mut self.counts;
        match kind_of(cells, dialect, form.headings) {
            Kind::Blank => counts.blank_lines += 1,
            Kind::Total => counts.total_lines += 1,
            Kind::Footer => counts.footer_lines += 1,
            Kind::Header => counts.repeated_header_lines += 1,
            Kind::OtherHeader => {
                counts.other_header = counts.other_header.or(Some(counts.lines + 1));
            }
            Kind::OtherUnit => {
                counts.other_unit = counts.other_unit.or(Some(counts.lines + 1));
            }
            Kind::FieldCount => self.add_row(context, Err(RowFault::FieldCount)),
            Kind::Row => self.add_row(context, Ok(RowView::of(cells, dialect))),
        }
    }

    fn add_row<C>(&mut self, context: &C, row: Result<RowView<'_>, RowFault>)
    where
        T: Tally<C>,
    {
        self.counts.rows += 1;
        let place = Place {
            record: self.counts.rows,
            line: self.counts.lines + 1,
        };
        self.tally.row(context, place, row);
    }

    /// Splits a block. A line without quotes is taken as a record without splitting it
    /// into cells.
    fn split_fast<C>(&mut self, bytes: &[u8], more_follows: bool, form: Form<'_>, context: &C)
    where
        T: Tally<C>,
    {
        self.split_lines(bytes, more_follows, form, context);
        self.tally.end_of_block(context);
    }

    fn split_lines<C>(&mut self, bytes: &[u8], more_follows: bool, form: Form<'_>, context: &C)
    where
        T: Tally<C>,
    {
        let mut splitter = form.splitter(bytes, more_follows);
        let has_line_ends = may_have_other_line_ends(bytes);
        let is_in_one_line = |record: &[u8]| !has_line_ends || !may_have_other_line_ends(record);
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
                .filter(|record| length <= form.limits.record_bytes && is_in_one_line(record))
                .and_then(|record| usual_row(record, form.dialect));
            if let Some(row) = row {
                self.add_row(context, Ok(row));
                self.counts.lines += 1;
                record = at + 1;
            } else {
                record = self.split_one(&mut splitter, record, form, context, &mut cells);
                if self.incomplete.is_some() {
                    return;
                }
            }
        }
        // The file may end without a line feed.
        while record < bytes.len() && self.incomplete.is_none() {
            record = self.split_one(&mut splitter, record, form, context, &mut cells);
        }
    }
}

/// Returns whether several lines have an ID number in the ID column.
fn has_several_ids(lines: &[u8], form: Form<'_>) -> bool {
    let mut splitter = form.splitter(lines, false);
    let mut cells = Cells::default();
    let mut with_id = 0;
    let mut at = 0;
    while at < lines.len() {
        let (outcome, next) = splitter.split(at, &mut cells);
        let has_id = outcome == Split::Record && has_long_number(&cells, form.dialect);
        with_id += usize::from(has_id);
        at = next;
    }
    with_id > 1
}

/// Recognises the usual row: no quotes, as many fields as rows have, those beyond the
/// header's width empty, and an ID cell that begins with fifteen digits. [`kind_of`] also
/// classifies such a record as a row.
fn usual_row(record: &[u8], dialect: Dialect) -> Option<RowView<'_>> {
    let view = RowView {
        cells: RowCells::Unquoted { record },
        dialect,
    };
    let id = view.id_cell();
    let beyond = record
        .len()
        .checked_sub(dialect.fields.saturating_sub(dialect.width))?;
    let is_usual = id.len() >= 15
        && id[..15].iter().all(u8::is_ascii_digit)
        && memchr::memchr_iter(dialect.delimiter, record).count() + 1 == dialect.fields
        && record[beyond..]
            .iter()
            .all(|byte| *byte == dialect.delimiter)
        && record.last() != Some(&CTRL_Z)
        && memchr::memchr(b'\r', record).is_none();
    is_usual.then_some(view)
}

/// Reads blocks that end with a line feed. A line longer than the maximum length of
/// a record is cut just beyond it; such a line is rejected anyway.
struct BlockReader<'s> {
    source: &'s mut dyn SourceRead,
    block_bytes: usize,
    /// Length in bytes at which a line is cut.
    longest_line: usize,
    /// Bytes after the last line feed, for the next block.
    rest: Vec<u8>,
    ended: bool,
    /// Blocks that have been split. Their memory is reused.
    spare: Vec<Vec<u8>>,
}

impl BlockReader<'_> {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut block = self.spare.pop().unwrap_or_default();
        // What is in it is overwritten, and only what it lacks is filled with zeros.
        let mut filled = self.rest.len();
        block.resize(filled + self.block_bytes, 0);
        block[..filled].copy_from_slice(&self.rest);
        self.rest.clear();
        let mut searched = 0;
        loop {
            if let Some(end) = memchr::memrchr(b'\n', &block[searched..filled]) {
                let end = searched + end + 1;
                self.rest.extend_from_slice(&block[end..filled]);
                block.truncate(end);
                return Ok(Some(block));
            }
            if self.ended {
                block.truncate(filled);
                return Ok((!block.is_empty()).then_some(block));
            }
            filled = filled.min(self.longest_line);
            searched = filled;
            block.resize(filled + self.block_bytes, 0);
            filled += self.fill(&mut block[filled..])?;
            self.ended = filled == searched;
        }
    }

    /// Reads until a part of a block is full or the source ends. Returns the number of bytes.
    fn fill(&mut self, part: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < part.len() {
            match self.source.read(&mut part[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
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
    form: Form<'_>,
    context: &C,
    progress: &(dyn Fn(u64) + Sync),
) -> io::Result<(T, Counts)> {
    let mut reader = BlockReader {
        source,
        block_bytes,
        // A record is rejected before its fifth byte beyond the limit is read.
        longest_line: form.limits.record_bytes + 5,
        rest: Vec::new(),
        ended: false,
        spare: Vec::new(),
    };
    let blocks_per_batch = rayon::current_num_threads() * 4;
    let mut tally = T::default();
    let mut counts = Counts::default();
    let mut carried: Vec<u8> = Vec::new();
    let mut batch = reader.batch(blocks_per_batch)?;
    while !batch.is_empty() {
        // The next batch is read while this one is split.
        let (following, split) = rayon::join(
            || reader.batch(blocks_per_batch),
            || {
                batch
                    .par_iter()
                    .map(|bytes| {
                        let mut block = Block::<T>::default();
                        block.split_fast(bytes, true, form, context);
                        block
                    })
                    .collect::<Vec<_>>()
            },
        );
        for (bytes, mut block) in batch.iter().zip(split) {
            let mut joined = std::mem::take(&mut carried);
            if !joined.is_empty() {
                // The block begins inside a record, so it is split again.
                joined.extend_from_slice(bytes);
                block = Block::default();
                block.split_fast(&joined, true, form, context);
            }
            if let Some(from) = block.incomplete {
                let whole = if joined.is_empty() { bytes } else { &joined };
                carried = whole[from..].to_vec();
            }
            tally.append(context, block.tally, counts.rows, counts.lines);
            counts.add(block.counts);
        }
        progress(counts.rows);
        reader.spare.append(&mut batch);
        batch = following?;
    }
    if !carried.is_empty() {
        let mut block = Block::<T>::default();
        block.split_fast(&carried, false, form, context);
        tally.append(context, block.tally, counts.rows, counts.lines);
        counts.add(block.counts);
    }
    Ok((tally, counts))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::super::limits::MAX_RECORD_BYTES;
    use super::super::record::reference;
    use super::*;

    /// Collects every row with its record and line number.
    #[derive(Debug, Default, PartialEq)]
    struct Seen(Vec<(u64, u64, SeenRow)>);

    /// The cells of a row, or why it could not be split.
    type SeenRow = Result<Vec<Vec<u8>>, RowFault>;

    impl Tally<()> for Seen {
        fn row(&mut self, _: &(), place: Place, row: Result<RowView<'_>, RowFault>) {
            let row = row.map(|row| {
                let cells = row.to_cells();
                let mut ends = vec![7];
                let located = row.located(&mut ends);
                for (column, cell) in cells.iter().enumerate() {
                    assert_eq!(cell, row.cell(column));
                    assert_eq!(cell, located.get(column));
                }
                for beyond in [cells.len(), cells.len() + 1] {
                    assert!(row.cell(beyond).is_empty() && located.get(beyond).is_empty());
                }
                cells.iter().map(<[u8]>::to_vec).collect()
            });
            self.0.push((place.record, place.line, row));
        }

        fn append(&mut self, _: &(), next: Self, records: u64, lines: u64) {
            let next = next.0.into_iter();
            self.0
                .extend(next.map(|(record, line, row)| (record + records, line + lines, row)));
        }
    }

    const THREE_COLUMNS: Dialect = Dialect {
        delimiter: b',',
        width: 3,
        fields: 3,
        id_column: 0,
    };

    /// The headings of 身份证号, 姓名 and 状态, which has labels.
    fn three_headings() -> Headings {
        let columns = ["身份证号", "姓名", "状态"].map(str::to_owned);
        let fields = columns.iter().cloned().zip((0..3).map(Some));
        Headings::new(
            Encoding::Utf8,
            columns.to_vec(),
            fields.collect(),
            [2].into(),
            [columns[0].clone()].into(),
            ["名单".to_owned()].into(),
        )
        .with_text([1].into())
    }

    fn read(pass: Pass, dialect: Dialect, mut bytes: &[u8]) -> (Seen, Counts) {
        run(pass, &mut bytes, dialect, &three_headings(), &(), &|_| {}).expect("memory can be read")
    }

    /// A source that gives a few bytes at a time and is interrupted between, as a network file
    /// system may be.
    struct Slow<'b> {
        bytes: &'b [u8],
        is_interrupted: bool,
    }

    impl Read for Slow<'_> {
        fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
            self.is_interrupted ^= true;
            if self.is_interrupted {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let most = part.len().min(3);
            self.bytes.read(&mut part[..most])
        }
    }

    #[test]
    fn a_source_that_gives_few_bytes_at_a_time_is_read_whole() {
        let text = "1,甲,x\n2,乙,y\n3,\"丙\n丁\",z\n4,戊,w";
        let expected = read(Pass::Plain, THREE_COLUMNS, text.as_bytes());
        for block_bytes in [1, 2, 7, 30, 1 << 20] {
            let mut source = Slow {
                bytes: text.as_bytes(),
                is_interrupted: false,
            };
            let (pass, headings) = (Pass::Fast { block_bytes }, three_headings());
            let seen = run(pass, &mut source, THREE_COLUMNS, &headings, &(), &|_| {});
            assert_eq!(seen.expect("it only is slow"), expected, "{block_bytes}");
        }
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
    fn blank_lines_and_totals_are_not_rows() {
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
        // Also if the export has empty trailing columns.
        let five_fields = Dialect {
            fields: 5,
            ..THREE_COLUMNS
        };
        let (seen, _) = read(Pass::Plain, five_fields, b"1,\"a\nb\",x,,\n2,c,y,,\n");
        assert_eq!(seen.0.iter().filter(|(.., row)| row.is_ok()).count(), 2);
    }

    #[test]
    fn a_stray_quote_costs_only_its_own_line() {
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
        // No other quote follows in a large file.
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
    fn a_row_has_no_content_beyond_the_header_and_no_more_fields_than_the_others() {
        let five_fields = Dialect {
            fields: 5,
            ..THREE_COLUMNS
        };
        for (dialect, line, is_row) in [
            (THREE_COLUMNS, "2,乙,y", true),
            (THREE_COLUMNS, "2,乙", true),
            (THREE_COLUMNS, "2", true),
            (THREE_COLUMNS, "2,乙,y,surplus", false),
            (THREE_COLUMNS, "2,乙,y,", false),
            (THREE_COLUMNS, "44990119900101011X,乙,y,", false),
            (five_fields, "2,乙,y", true),
            (five_fields, "2,乙,y,,", true),
            (five_fields, "44990119900101011X,乙,y,,", true),
            (five_fields, "2,乙,y,\u{3000},\"\"", true),
            (five_fields, "2,乙,y,surplus,", false),
            (five_fields, "44990119900101011X,乙,y,,surplus", false),
            (five_fields, "44990119900101011X,乙,y,,,", false),
        ] {
            for pass in [Pass::Plain, Pass::DEFAULT] {
                let (seen, _) = read(pass, dialect, format!("{line}\n").as_bytes());
                assert_eq!(seen.0[0].2.is_ok(), is_row, "{line} {dialect:?}");
            }
        }
    }

    /// They are content, unless a line that has too many fields is whole rows between them.
    #[test]
    fn characters_that_end_lines_elsewhere_lose_no_row() {
        const ONE: &str = "449901199001010119";
        const TWO: &str = "44990119900101011X";
        for end in ["\u{2028}", "\u{2029}", "\u{85}", "\u{b}", "\u{c}"] {
            for (line, rows) in [
                (format!("{ONE},甲,x{end}{TWO},乙,y"), Some(2)),
                (format!("{ONE},甲,x{end}{TWO},乙,y{end}{ONE},丙,"), Some(3)),
                (format!("{ONE},甲,x{end}{end}{TWO},\"乙\",y{end}"), Some(2)),
                (format!("{ONE},甲,x{end}合计,1人,{end}{TWO},乙,y"), Some(2)),
                (format!("{end}{ONE},甲,x"), Some(1)),
                (format!("{ONE},甲,x{end}"), Some(1)),
                (format!("{ONE},甲{end}乙,x"), Some(1)),
                (format!("{ONE},\"甲{end},\",x"), Some(1)),
                // Short rows that together have no more fields than one.
                (format!("{ONE},甲{end}{TWO},乙"), None),
                (format!("{ONE}{end}{TWO},乙,x"), None),
                (format!("{ONE},甲,{end}{TWO}"), None),
                (format!("{ONE}{end}{TWO}{end}{ONE}"), None),
                (format!("{ONE},\"甲\"{end}{TWO},\"乙\""), None),
                (format!("{ONE},\"甲{end}{TWO},乙\",x"), Some(1)),
                (format!("{ONE},甲{end}乙,{TWO}"), Some(1)),
                // In a value of a line that has too many fields.
                (format!("{ONE},甲{end}乙,x,y"), None),
                (format!("{ONE},甲,x{end}乙,y,z"), None),
                (format!("{ONE},甲,x,{end}{TWO},乙,y"), None),
                (format!("{ONE},\"甲{end}{TWO}\",乙,y"), None),
            ] {
                let text = format!("{line}\n{ONE},丙,z\n");
                for pass in [Pass::Plain, Pass::DEFAULT, Pass::Fast { block_bytes: 7 }] {
                    let (seen, _) = read(pass, THREE_COLUMNS, text.as_bytes());
                    let (last, rest) = seen.0.split_last().expect("two lines");
                    assert_eq!((last.1, last.2.is_ok()), (2, true), "{line:?}");
                    let is_row = rest.iter().map(|(_, _, row)| row.is_ok());
                    let expected = rows.map_or(vec![false], |rows| vec![true; rows]);
                    assert_eq!(is_row.collect::<Vec<_>>(), expected, "{line:?}");
                }
            }
        }
    }

    #[test]
    fn a_line_with_a_carriage_return_is_rows_or_one_reject_and_never_a_part_of_a_row() {
        const ONE: &str = "449901199001010119";
        const TWO: &str = "44990119900101011X";
        for (line, rows) in [
            // Rows of an old Macintosh, whole and with the last cells left out.
            (format!("{ONE},甲,x\r{TWO},乙,y"), Some(2)),
            (format!("{ONE},甲\r{TWO},乙"), Some(2)),
            (format!("{ONE}\r{TWO}"), Some(2)),
            (format!("{ONE},\"甲\r,\",x\r\r\"{TWO}\",乙,y"), Some(2)),
            (
                format!("{ONE},甲,x\r合计,2人\r填表人：甲\r身份证号,姓名,状态"),
                Some(1),
            ),
            // A line break in a value.
            (format!("{ONE},甲\r乙,x"), None),
            (format!("{ONE},甲\r,x"), None),
            (format!("{ONE},甲,x\ry"), None),
            (format!("{ONE},甲,x,z\r{TWO},乙,y"), None),
            (format!("{ONE},\"甲\"\r乙,x"), None),
            // In quotes it is content, and at the end it is the line's end.
            (format!("{ONE},\"甲\r乙\",x"), Some(1)),
            (format!("{ONE},甲,x\r\r"), Some(1)),
            (format!("{ONE},甲,x\r\u{1a}"), Some(1)),
        ] {
            let text = format!("{line}\n{ONE},丙,z\n");
            for pass in [Pass::Plain, Pass::DEFAULT, Pass::Fast { block_bytes: 7 }] {
                let (seen, _) = read(pass, THREE_COLUMNS, text.as_bytes());
                let (last, rest) = seen.0.split_last().expect("two lines");
                assert_eq!((last.1, last.2.is_ok()), (2, true), "{line:?}");
                match rows {
                    Some(rows) => {
                        assert_eq!(rest.len(), rows, "{line:?}");
                        assert!(rest.iter().all(|(_, line, row)| *line == 1 && row.is_ok()));
                    }
                    None => assert_eq!(rest, [(1, 1, Err(RowFault::LineBreak))], "{line:?}"),
                }
            }
        }
    }

    #[test]
    fn text_after_a_closing_quote_rejects_its_row_and_a_backslash_escapes_a_quote() {
        for (line, cells) in [
            ("\"1\"x,甲,y", None),
            ("1,\"甲\"（小）,y", None),
            ("1,甲,\"y\"z", None),
            ("1,甲,\"y\" \"z\"", None),
            // A quote after a blank does not open a field.
            ("1, \"甲,y\"", None),
            ("1, \",y", None),
            ("1, \"甲\",y", Some(["1", " \"甲\"", "y"])),
            ("1,甲 \"乙,y", Some(["1", "甲 \"乙", "y"])),
            ("\"1\" ,\"甲\"\t,\"y\" \r", Some(["1 ", "甲\t", "y "])),
            // As MySQL and Hive escape.
            (r#"1,"甲\"小\"乙",y"#, Some(["1", r#"甲\"小\"乙"#, "y"])),
            (r#"1,"甲\"小\"",y"#, Some(["1", r#"甲\"小\""#, "y"])),
            // A path that ends with a backslash, and doubled quotes.
            (r#"1,"C:\dir\",y"#, Some(["1", r"C:\dir\", "y"])),
            (r#"1,"甲\""小""",y"#, Some(["1", r#"甲\"小""#, "y"])),
        ] {
            let seen = rows(&format!("{line}\n2,乙,y\n"));
            let expected = match cells {
                Some(cells) => row(1, 1, cells),
                None => (1, 1, Err(RowFault::Quote)),
            };
            assert_eq!(seen[0], expected, "{line}");
            assert_eq!(seen.last(), Some(&row(2, 2, ["2", "乙", "y"])), "{line}");
        }
    }

    #[test]
    fn a_repeated_header_is_no_row_and_another_header_is_found() {
        for (line, is_repeated, is_other) in [
            ("身份证号,姓名,状态", 1, None),
            (" *身份证号 ,\"姓\n名\",状态", 1, None),
            ("\u{feff}身份证号,姓名,状态\r", 1, None),
            ("身份证号,姓名", 1, None),
            ("名单,,", 1, None),
            ("姓名,身份证号,状态", 0, Some(2)),
            ("身份证号,状态,姓名", 0, Some(2)),
            ("姓名,身份证号", 0, Some(2)),
            ("身份证号,状态", 0, Some(2)),
            ("身份证号,,状态", 0, Some(2)),
            ("身份证号,姓名,", 0, Some(2)),
            ("身份证号,姓名,地址", 0, Some(2)),
            // Rows: values that are headings too.
            ("身份证号,甲,x", 0, None),
            ("姓名,姓名,状态", 0, None),
            ("44990119900101011X,身份证号,姓名", 0, None),
        ] {
            let text = format!("44990119900101011X,甲,x\n{line}\n44990119900101011X,乙,y\n");
            for pass in [Pass::Plain, Pass::DEFAULT, Pass::Fast { block_bytes: 3 }] {
                let (_, counts) = read(pass, THREE_COLUMNS, text.as_bytes());
                assert_eq!(
                    (counts.repeated_header_lines, counts.other_header),
                    (is_repeated, is_other),
                    "{line}"
                );
                let is_row = u64::from(is_repeated == 0 && is_other.is_none());
                assert_eq!(counts.rows, 2 + is_row, "{line}");
            }
        }
    }

    /// Every form of a line below or between the rows, and what is not one.
    #[test]
    fn the_foot_of_a_form_is_no_rows_and_a_line_with_a_number_is_never_part_of_it() {
        for line in [
            "填表人：甲,,审核人：乙",
            "填表人,甲,",
            ",单位负责人（签字）：,",
            "经办人签字：,,",
            "注：本表一式两份，由乡镇留存一份。,,",
            "备注1: 2026年9月,,",
            "附注：见附件,,",
            "第 1 页,,",
            "第1页，共3页,,",
            ",,第1/3页",
            "以下空白,,",
            "——以下无正文——,,",
            "(3 rows affected),,",
            "35 rows selected.",
            "已选择 35 行。,,",
            "制表日期：2026-09-30,,",
            // The last column has labels.
            "填表人：,甲,审核人：",
            "填表人：,,甲",
            "审核人,,甲",
            "注：,,",
            "填表人：甲,,2026年9月30日",
            "填表人：甲,,第 1 页",
        ] {
            let (seen, counts) = read(Pass::DEFAULT, THREE_COLUMNS, line.as_bytes());
            assert_eq!((seen.0.len(), counts.footer_lines), (0, 1), "{line}");
            let gb18030 = encoding_rs::GB18030.encode(line).0;
            let (seen, counts) = read(Pass::DEFAULT, THREE_COLUMNS, &gb18030);
            assert_eq!((seen.0.len(), counts.footer_lines), (0, 1), "{line}");
        }
        for line in [
            "本页小计,3人,5000",
            "总合计,,",
            ",合计：3户5人,",
            "合计金额：500.00元,,",
            "小计,,3",
            "小计,,3户5人",
            "小计,,5000.00",
        ] {
            let (seen, counts) = read(Pass::DEFAULT, THREE_COLUMNS, line.as_bytes());
            assert_eq!((seen.0.len(), counts.total_lines), (0, 1), "{line}");
        }
        let second_column = Dialect {
            id_column: 1,
            ..THREE_COLUMNS
        };
        for line in [
            "填表人：甲,44990119900101011X,x",
            "合计,44990119900101,x",
            "合计,4.4E+17,x",
            "注：,4499********011X,x",
            "第1页,４４９９０１１９９００１０１０１１Ｘ,x",
            "合计,ABC110199001014,x",
            "负责人,,甲",
            "注,甲,x",
            "共产党员,,x",
            "第三产业,,x",
            // The status of a person.
            "注：待核实,,在保",
            "注：,,在保",
            "备注1：,,在保",
            "填表人：甲,,在保",
            "小计,,在保",
            "合计：,,停保",
            "第 1 页,,在保",
            "以下空白,,在保",
            "共3人,,在保",
            "注：见附件,,1",
        ] {
            let (seen, _) = read(Pass::DEFAULT, second_column, line.as_bytes());
            assert_eq!(seen.0.len(), 1, "{line}");
            let gb18030 = encoding_rs::GB18030.encode(line).0;
            let (seen, _) = read(Pass::DEFAULT, second_column, &gb18030);
            assert_eq!(seen.0.len(), 1, "{line}");
        }
    }

    /// Somebody without an ID number is a reject, not a footer.
    #[test]
    fn a_line_with_a_name_is_a_row_whatever_its_first_cell_says() {
        for (first, names, is_row) in [
            ("备注：身份证遗失", &["赵某", "欧阳某某", "Zhao"][..], true),
            ("注：无户口", &["赵某"], true),
            ("注：", &["赵某", "赵某（孤儿）"], true),
            ("说明：补录", &["赵某"], true),
            ("第1页", &["赵某"], true),
            ("合计", &["赵某", "城关镇"], true),
            ("小计：", &["赵某"], true),
            ("以下空白", &["赵某"], true),
            ("填表人：乙", &["赵某"], true),
            // The value of a label, and what is no name.
            ("填表人：", &["赵某"], false),
            ("审核人", &["赵某"], false),
            (
                "合计",
                &["3人", "共3人", "12", "5000元", "审核人：乙", "审核"],
                false,
            ),
            (
                "注：",
                &["2026年9月30日", "30", "一式两份，留存一份。"],
                false,
            ),
            ("填表人：乙", &["审核人：丙", "2026-09-30", "第1页"], false),
        ] {
            for name in names {
                let line = format!("{first},{name},");
                for bytes in [
                    line.clone().into_bytes(),
                    encoding_rs::GB18030.encode(&line).0.into_owned(),
                ] {
                    let (seen, counts) = read(Pass::DEFAULT, THREE_COLUMNS, &bytes);
                    assert_eq!(seen.0.len() == 1, is_row, "{line}");
                    let others = counts.footer_lines + counts.total_lines;
                    assert_eq!(others == 1, !is_row, "{line}");
                }
            }
        }
    }

    /// The first cell is the ID number's, or one before it.
    #[test]
    fn a_line_with_a_label_is_a_row_whatever_its_first_cell_says() {
        for first in [
            "填表人：",
            "填表人：乙",
            "审核人",
            "注：",
            "小计",
            "第 1 页",
            "以下空白",
        ] {
            for name in ["甲", "甲,"] {
                for (id_column, line) in [
                    (0, format!("{first},{name},在保")),
                    (1, format!("{first},,{name},在保")),
                ] {
                    let columns = line.split(',').count();
                    let dialect = Dialect {
                        delimiter: b',',
                        width: columns,
                        fields: columns,
                        id_column,
                    };
                    let headings = Headings::new(
                        Encoding::Utf8,
                        Vec::new(),
                        BTreeMap::new(),
                        [columns - 1].into(),
                        BTreeSet::new(),
                        BTreeSet::new(),
                    );
                    let form = Form {
                        dialect,
                        headings: &headings,
                        limits: RecordLimits::DEFAULT,
                    };
                    let read = run_with::<(), Seen>(
                        Pass::DEFAULT,
                        &mut line.as_bytes(),
                        form,
                        &(),
                        &|_| {},
                    );
                    let (seen, counts) = read.expect("memory can be read");
                    assert_eq!((seen.0.len(), counts.rows), (1, 1), "{line}");
                }
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_rejected() {
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

    /// The fast pass cuts a long line behind the last byte that decides about it: here
    /// the content after an opening quote at the limit.
    #[test]
    fn a_long_line_is_cut_where_its_fault_is_already_certain() {
        for length in MAX_RECORD_BYTES - 4..MAX_RECORD_BYTES + 4 {
            for end in [",\"yyyyyyyyyy", ",\"\"\"yyyyyyyyy", ",\",\",\",\",\""] {
                let text = format!("{}{end}", "x".repeat(length));
                let plain = read(Pass::Plain, THREE_COLUMNS, text.as_bytes());
                let fast = read(Pass::DEFAULT, THREE_COLUMNS, text.as_bytes());
                assert!(plain == fast, "{length} {end}");
            }
        }
    }

    /// Reads the rows record by record with the reference for splitting one record.
    fn read_by_reference(bytes: &[u8], form: Form<'_>) -> (Seen, Counts) {
        let mut block = Block::<Seen>::default();
        let mut cells = Cells::default();
        let mut at = 0;
        while at < bytes.len() {
            let Dialect {
                delimiter, width, ..
            } = form.dialect;
            let (outcome, next) = reference::split(
                bytes,
                at,
                false,
                delimiter,
                Some(width),
                form.limits,
                &mut cells,
            );
            block.add_record(outcome, &bytes[at..next], &mut cells, form, &());
            at = next;
        }
        (block.tally, block.counts)
    }

    /// Lines that open and close quotes in the wrong places.
    fn crossed_quotes() -> impl Strategy<Value = Vec<u8>> {
        let pieces = vec![
            "x",
            "\"",
            ",",
            "\n",
            "\r\n",
            " ",
            "\"\"",
            "x\"y,\"z\n",
            "a\",\"b\n",
            ",\"\n",
            "44990119900101011X,a,b\n",
            "44990119900101011X,a,b\r",
            "身份证号,姓名,状态",
            "身份证号,状态,姓名",
            "=\"\"",
            "\\",
            "\r",
            "\u{1a}",
            "合计",
            "\u{3000}",
            "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
        ];
        let piece = prop::sample::select(pieces);
        prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat().into_bytes())
    }

    /// Bytes with many quotes, delimiters and line breaks.
    fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => Just(b"44990119900101011X,a,b\n".to_vec()),
            2 => Just(b"449901199001010112,\"q\"\"\nq\",b\r\n".to_vec()),
            1 => Just(b"\"".to_vec()),
            1 => Just(b"\n".to_vec()),
            1 => Just(b"\r\n".to_vec()),
            1 => Just(b"\r".to_vec()),
            1 => Just(b"\r\r\n".to_vec()),
            1 => Just(b"\x1a".to_vec()),
            1 => Just(b"\\\"".to_vec()),
            1 => Just("身份证号,姓名,状态\n".as_bytes().to_vec()),
            1 => Just("状态,身份证号,姓名\n".as_bytes().to_vec()),
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
            more_fields in 0_usize..3,
            threads in 1_usize..4,
        ) {
            let fields = width + more_fields;
            let dialect = Dialect { delimiter: b',', width, fields, id_column: 0 };
            let plain = read(Pass::Plain, dialect, &bytes);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let fast = pool.install(|| read(Pass::Fast { block_bytes }, dialect, &bytes));
            prop_assert_eq!(plain, fast);
        }

        /// With small limits, so that most records reach one of them.
        #[test]
        fn both_passes_split_as_the_reference_does(
            bytes in crossed_quotes(),
            block_bytes in prop_oneof![1_usize..16, 1_usize..400],
            width in 1_usize..6,
            more_fields in 0_usize..3,
            threads in 1_usize..3,
            record_bytes in prop_oneof![0_usize..30, 20_usize..300],
            quoted_field_bytes in prop_oneof![0_usize..10, 5_usize..100],
        ) {
            let fields = width + more_fields;
            let headings = three_headings();
            let form = Form {
                dialect: Dialect { delimiter: b',', width, fields, id_column: 0 },
                headings: &headings,
                limits: RecordLimits { record_bytes, quoted_field_bytes },
            };
            let expected = read_by_reference(&bytes, form);
            let read = |pass| {
                run_with(pass, &mut bytes.as_slice(), form, &(), &|_| {}).expect("memory can be read")
            };
            prop_assert_eq!(&read(Pass::Plain), &expected);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let fast = pool.install(|| read(Pass::Fast { block_bytes }));
            prop_assert_eq!(&fast, &expected);
        }

        /// With letters that spell no unit of money, because a line of units is no row.
        #[test]
        fn well_formed_records_are_read_as_the_csv_crate_writes_them(
            table in prop::collection::vec(prop::collection::vec("[qz,\"\n ]{0,6}", 3), 1..12),
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
