//! Exchanges the cells of columns between the rows of a table, after the records are split and
//! before anything is made of them: the proof by execution that nothing uses these columns.
//!
//! Every format becomes records of text, so this is one place for all of them. What splitting
//! has decided stays as it is: which lines are rows, which are rejected, and the encoding of a
//! record, which all of its cells decide together. Rows exchange cells only with rows in the
//! same encoding, and a row that would be read in another one afterwards keeps its own cells.
//!
//! Cells are exchanged within a block of the pass (1 MiB of text), so memory does not grow with
//! the file: the rows of the blocks that are split at the same time are held, no others.

use std::io;
use std::sync::{Mutex, PoisonError};

use super::encoding::Encoding;
use super::headings::Headings;
use super::pass::{self, Counts, Pass, Place, RowFault, RowView, SourceRead, Tally};
use super::record::{Cells, Dialect};

/// The columns of a table whose cells are exchanged, and what came of it.
pub struct Exchange {
    /// Columns, from 0.
    columns: Vec<usize>,
    counted: Mutex<Vec<Exchanged>>,
}

/// What came of exchanging the cells of a column in one reading of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// Rows of the table, without lines that are no rows and records that cannot be split.
    pub rows: u64,
    /// Rows whose new cell differs from their own one.
    pub differed: u64,
}

impl Exchange {
    /// Exchanges the cells of these columns, from 0.
    pub fn of(columns: Vec<usize>) -> Self {
        Exchange {
            columns,
            counted: Mutex::default(),
        }
    }

    /// Returns what came of each column in the last reading of the table; all zero if it was not
    /// read.
    pub fn counted(&self) -> Vec<Exchanged> {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counted = counted.clone();
        counted.resize(self.columns.len(), Exchanged::default());
        counted
    }

    /// Runs a pass as [`pass::run`] does, with the cells exchanged.
    ///
    /// # Errors
    /// If the source cannot be read.
    pub(super) fn run<C: Sync, T: Tally<C>>(
        &self,
        pass: Pass,
        source: &mut dyn SourceRead,
        dialect: Dialect,
        headings: &Headings,
        context: &C,
        progress: &(dyn Fn(u64) + Sync),
    ) -> io::Result<(T, Counts)> {
        let exchanging = Exchanging {
            exchange: self,
            dialect,
            encoding: headings.encoding(),
            context,
        };
        let (rows, counts): (ExchangedRows<T>, Counts) =
            pass::run(pass, source, dialect, headings, &exchanging, progress)?;
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        *counted = rows.counted;
        Ok((rows.tally, counts))
    }

    /// Exchanges cells between the rows of a block in a file in this encoding.
    fn exchange(&self, rows: &mut [BlockRow], file: Encoding) -> Vec<Exchanged> {
        let mut kinds: Vec<(Encoding, Vec<usize>)> = Vec::new();
        for (place, (_, row)) in rows.iter().enumerate() {
            let Ok(cells) = row else { continue };
            let encoding = cells.encoding(file);
            match kinds.iter_mut().find(|(kind, _)| *kind == encoding) {
                Some((_, places)) => places.push(place),
                None => kinds.push((encoding, vec![place])),
            }
        }
        let mut counted = vec![Exchanged::default(); self.columns.len()];
        let mut exchanged: Vec<(usize, Cells)> = Vec::new();
        for (encoding, places) in &kinds {
            let own: Vec<&Cells> = places
                .iter()
                .filter_map(|place| cells_at(rows, *place))
                .collect();
            let columns = self.columns.iter();
            let donors: Vec<Vec<usize>> = columns.map(|column| donors(&own, *column)).collect();
            for (row, place) in places.iter().enumerate() {
                let given = |slot: usize| {
                    let donor = donors.get(slot).and_then(|donors| donors.get(row));
                    let donor = donor.and_then(|donor| own.get(*donor));
                    let column = self.columns.get(slot).copied().unwrap_or_default();
                    donor.map_or(&[][..], |donor| donor.get(column))
                };
                let Some(before) = own.get(row) else { continue };
                let after = self.with_cells(before, given);
                let is_read_alike = after.encoding(file) == *encoding;
                for (column, counted) in self.columns.iter().zip(&mut counted) {
                    let differs = is_read_alike && after.get(*column) != before.get(*column);
                    counted.rows += 1;
                    counted.differed += u64::from(differs);
                }
                if is_read_alike {
                    exchanged.push((*place, after));
                }
            }
        }
        for (place, cells) in exchanged {
            if let Some((_, row)) = rows.get_mut(place) {
                *row = Ok(cells);
            }
        }
        counted
    }

    /// Returns the cells of a row with those that it is given, by their place in the columns.
    fn with_cells<'c>(&self, own: &'c Cells, given: impl Fn(usize) -> &'c [u8]) -> Cells {
        let filled = self.columns.iter().enumerate();
        let filled = filled.filter(|(slot, _)| !given(*slot).is_empty());
        // A short row may be given a cell beyond its last one.
        let width = filled.map(|(_, column)| column + 1).max();
        let width = width.unwrap_or_default().max(own.len());
        let mut cells: Vec<&[u8]> = (0..width).map(|column| own.get(column)).collect();
        for (slot, column) in self.columns.iter().enumerate() {
            if let Some(cell) = cells.get_mut(*column) {
                *cell = given(slot);
            }
        }
        Cells::of(&cells)
    }
}

/// Returns for each of these rows the one whose cell it is given. Sorted by their cells, rows
/// are given the cell that is as many rows further on as the most frequent cell occurs. If that
/// is in more than half of the rows, some would be given it again; they are given the cells of
/// the other rows once more. So every row is given another cell, unless all are the same.
fn donors(rows: &[&Cells], column: usize) -> Vec<usize> {
    let cell = |row: &usize| rows.get(*row).map_or(&[][..], |row| row.get(column));
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|one, other| cell(one).cmp(cell(other)));
    let runs = order.chunk_by(|one, other| cell(one) == cell(other));
    let most = runs.max_by_key(|run| run.len()).unwrap_or_default();
    let frequent = most.first().map(cell);
    let others = order.iter().copied();
    let others: Vec<usize> = others.filter(|row| Some(cell(row)) != frequent).collect();
    let mut once_more = others.iter().cycle();
    let mut donors = vec![0; rows.len()];
    let further = order.iter().cycle().skip(most.len());
    for (row, donor) in order.iter().zip(further) {
        let is_same = cell(row) == cell(donor);
        let other = is_same.then(|| once_more.next()).flatten();
        if let Some(given) = donors.get_mut(*row) {
            *given = *other.unwrap_or(donor);
        }
    }
    donors
}

/// A record of a block: its cells, or why it could not be split.
type BlockRow = (Place, Result<Cells, RowFault>);

fn cells_at(rows: &[BlockRow], place: usize) -> Option<&Cells> {
    rows.get(place).and_then(|(_, row)| row.as_ref().ok())
}

/// The context of a tally whose rows have exchanged cells.
struct Exchanging<'c, C> {
    exchange: &'c Exchange,
    dialect: Dialect,
    encoding: Encoding,
    context: &'c C,
}

/// Holds the rows of a block until it ends, and then hands them on with exchanged cells.
#[derive(Default)]
struct ExchangedRows<T> {
    rows: Vec<BlockRow>,
    counted: Vec<Exchanged>,
    tally: T,
}

impl<C: Sync, T: Tally<C>> Tally<Exchanging<'_, C>> for ExchangedRows<T> {
    fn row(&mut self, _: &Exchanging<'_, C>, place: Place, row: Result<RowView<'_>, RowFault>) {
        self.rows.push((place, row.map(|row| row.to_cells())));
    }

    fn end_of_block(&mut self, context: &Exchanging<'_, C>) {
        let mut rows = std::mem::take(&mut self.rows);
        self.counted = context.exchange.exchange(&mut rows, context.encoding);
        for (place, row) in &rows {
            let row = row.as_ref().map_err(|fault| *fault);
            let row = row.map(|cells| RowView::of(cells, context.dialect));
            self.tally.row(context.context, *place, row);
        }
        self.tally.end_of_block(context.context);
    }

    fn append(&mut self, context: &Exchanging<'_, C>, next: Self, records: u64, lines: u64) {
        self.tally
            .append(context.context, next.tally, records, lines);
        self.counted
            .resize(context.exchange.columns.len(), Exchanged::default());
        for (counted, more) in self.counted.iter_mut().zip(next.counted) {
            counted.rows += more.rows;
            counted.differed += more.differed;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    /// Collects every record with its number and line.
    #[derive(Debug, Default, PartialEq)]
    struct Seen(Vec<(u64, u64, SeenRow)>);

    /// The cells of a row, or why it could not be split.
    type SeenRow = Result<Vec<Vec<u8>>, RowFault>;

    impl Tally<()> for Seen {
        fn row(&mut self, _: &(), place: Place, row: Result<RowView<'_>, RowFault>) {
            let row = row.map(|row| row.to_cells().iter().map(<[u8]>::to_vec).collect());
            self.0.push((place.record, place.line, row));
        }

        fn append(&mut self, _: &(), next: Self, records: u64, lines: u64) {
            let next = next.0.into_iter();
            self.0
                .extend(next.map(|(record, line, row)| (record + records, line + lines, row)));
        }
    }

    fn headings(encoding: Encoding) -> Headings {
        Headings::new(
            encoding,
            Vec::new(),
            BTreeMap::new(),
            BTreeSet::new(),
            BTreeSet::new(),
            BTreeSet::new(),
        )
    }

    const FOUR_COLUMNS: Dialect = Dialect {
        delimiter: b',',
        width: 4,
        fields: 4,
        id_column: 0,
    };

    fn read(bytes: &[u8], encoding: Encoding, pass: Pass) -> (Seen, Counts) {
        let headings = headings(encoding);
        pass::run(pass, &mut &*bytes, FOUR_COLUMNS, &headings, &(), &|_| {}).expect("memory")
    }

    fn exchanged(
        exchange: &Exchange,
        bytes: &[u8],
        encoding: Encoding,
        pass: Pass,
    ) -> (Seen, Counts) {
        let headings = headings(encoding);
        exchange
            .run(pass, &mut &*bytes, FOUR_COLUMNS, &headings, &(), &|_| {})
            .expect("memory")
    }

    fn column(seen: &Seen, column: usize) -> Vec<String> {
        let rows = seen.0.iter().filter_map(|(_, _, row)| row.as_ref().ok());
        let cells = rows.map(|row| row.get(column).cloned().unwrap_or_default());
        cells
            .map(|cell| String::from_utf8_lossy(&cell).into_owned())
            .collect()
    }

    #[test]
    fn every_row_is_given_another_cell_unless_all_are_the_same() {
        let text = "1,a,x,p\n2,a,y,p\n3,b,z,p\n4,b,w,q\n";
        let exchange = Exchange::of(vec![1, 2, 3]);
        let (seen, _) = exchanged(&exchange, text.as_bytes(), Encoding::Utf8, Pass::DEFAULT);
        assert_eq!(column(&seen, 0), ["1", "2", "3", "4"]);
        assert_eq!(column(&seen, 1), ["b", "b", "a", "a"]);
        let figures = exchange.counted();
        let figures: Vec<(u64, u64)> = figures.iter().map(|one| (one.rows, one.differed)).collect();
        assert_eq!(figures, [(4, 4), (4, 4), (4, 4)]);
        assert_eq!(column(&seen, 3), ["q", "q", "q", "p"]);
    }

    #[test]
    fn equal_cells_and_a_single_row_are_counted_as_not_exchanged() {
        for text in ["1,a,x,\n2,a,x,\n", "1,a,x,\n"] {
            let exchange = Exchange::of(vec![1]);
            let (seen, _) = exchanged(&exchange, text.as_bytes(), Encoding::Utf8, Pass::DEFAULT);
            assert_eq!(seen.0.len() as u64, exchange.counted()[0].rows);
            assert_eq!(exchange.counted()[0].differed, 0, "{text}");
        }
        assert_eq!(Exchange::of(vec![7]).counted(), [Exchanged::default()]);
    }

    /// Rejected records, short rows, wide rows, blank lines, totals and notes keep their places.
    #[test]
    fn only_rows_exchange_cells() {
        let text = "\
            449901199001010112,a,n1,s1\n\
            合计,2,,\n\
            449901199001010113\n\
            449901199001010114,b,\"stray,s\n\
            \n\
            449901199001010115,c,n2,s2,beyond\n\
            449901199001010116,d,n3,s3\n";
        let (plain, counts) = read(text.as_bytes(), Encoding::Utf8, Pass::DEFAULT);
        let exchange = Exchange::of(vec![2]);
        let (seen, same) = exchanged(&exchange, text.as_bytes(), Encoding::Utf8, Pass::DEFAULT);
        assert_eq!(counts, same);
        assert_eq!((counts.blank_lines, counts.total_lines), (1, 1));
        let places = |seen: &Seen| -> Vec<(u64, u64, Option<RowFault>)> {
            let rows = seen.0.iter();
            rows.map(|(record, line, row)| (*record, *line, row.as_ref().err().copied()))
                .collect()
        };
        assert_eq!(places(&plain), places(&seen));
        let faults = places(&seen)
            .into_iter()
            .filter(|(_, _, fault)| fault.is_some());
        assert_eq!(faults.count(), 2);
        assert_eq!(column(&seen, 1), column(&plain, 1));
        assert_eq!(column(&seen, 3), column(&plain, 3));
        assert_ne!(column(&seen, 2), column(&plain, 2));
        // The last row keeps its cell: after the line with the stray quote a block begins anew,
        // and it is alone in it.
        assert_eq!(
            exchange.counted(),
            [Exchanged {
                rows: 3,
                differed: 2
            }],
            "{seen:?}"
        );
    }

    /// The encoding of a record follows from all its cells, so rows exchange cells only with
    /// rows of their own encoding.
    #[test]
    fn records_in_another_encoding_are_read_as_before() {
        let gb18030 = |text: &str| encoding_rs::GB18030.encode(text).0.into_owned();
        let mut bytes = "1,甲甲甲,乙,丙\n2,丁丁丁,戊,己\n".as_bytes().to_vec();
        bytes.extend(gb18030("3,测试,试,丙\n4,样例,例,己\n"));
        for file in [Encoding::Utf8, Encoding::Gb18030] {
            let encodings = |seen: &Seen| -> Vec<Encoding> {
                let rows = seen.0.iter().filter_map(|(_, _, row)| row.as_ref().ok());
                let cells = rows.map(|row| row.iter().map(Vec::as_slice).collect::<Vec<_>>());
                cells
                    .map(|cells| Cells::of(&cells).encoding(file))
                    .collect()
            };
            let (plain, _) = read(&bytes, file, Pass::DEFAULT);
            for columns in [vec![1], vec![2], vec![3], vec![1, 2, 3]] {
                let exchange = Exchange::of(columns);
                let (seen, _) = exchanged(&exchange, &bytes, file, Pass::DEFAULT);
                assert_eq!(encodings(&seen), encodings(&plain));
            }
        }
    }

    proptest! {
        /// For any bytes and size of blocks: what is not exchanged stays, and what is exchanged
        /// is in another row of the file.
        #[test]
        fn other_columns_and_places_stay_for_any_bytes(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "44990119900101011X,a,b,c\n", "449901199001010112,x,y,z\n", "1,,\n", ",", "\n",
                "\"", "合计,1\n", "449901199001010113,测,试,样\n", "\u{3000}", "\"q\nq\",", "\r\n",
                "449901199001010114,m,n,o",
            ]), 0..60),
            block_bytes in prop_oneof![1_usize..64, 64_usize..4096],
            encoding in prop::sample::select(vec![Encoding::Utf8, Encoding::Gb18030]),
        ) {
            let bytes = pieces.concat().into_bytes();
            let pass = Pass::Fast { block_bytes };
            let (plain, counts) = read(&bytes, encoding, pass);
            let exchange = Exchange::of(vec![1, 3]);
            let (seen, same) = exchanged(&exchange, &bytes, encoding, pass);
            prop_assert_eq!(counts, same);
            prop_assert_eq!(plain.0.len(), seen.0.len());
            let none: Vec<u8> = Vec::new();
            let cell = |row: &[Vec<u8>], column: usize| row.get(column).unwrap_or(&none).clone();
            let mut differed = [0, 0];
            for (before, after) in plain.0.iter().zip(&seen.0) {
                prop_assert_eq!((before.0, before.1), (after.0, after.1));
                match (&before.2, &after.2) {
                    (Ok(before), Ok(after)) => {
                        for column in [0, 2] {
                            prop_assert_eq!(cell(before, column), cell(after, column));
                        }
                        for (slot, column) in [1, 3].into_iter().enumerate() {
                            let given = cell(after, column);
                            differed[slot] += u64::from(given != cell(before, column));
                            let mut rows = plain.0.iter().filter_map(|(_, _, row)| row.as_ref().ok());
                            prop_assert!(rows.any(|row| cell(row, column) == given));
                        }
                    }
                    (before, after) => prop_assert_eq!(before, after),
                }
            }
            let counted: Vec<u64> = exchange.counted().iter().map(|one| one.differed).collect();
            prop_assert_eq!(counted, differed);
        }
    }
}
