//! Compares the plain pass with the fast pass. Both must see the same rows, faults and
//! places for any bytes, block size and number of threads.

#![no_main]

use std::io::Cursor;
use std::sync::LazyLock;

use aidlink_agency::scan::Dialect;
use aidlink_agency::scan::headings::Headings;
use aidlink_agency::scan::pass::{Counts, Pass, Place, RowFault, RowView, Tally, run};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Default, PartialEq)]
struct Seen(Vec<(Place, Result<Vec<Vec<u8>>, RowFault>)>);

impl Tally<()> for Seen {
    fn row(&mut self, _: &(), place: Place, row: Result<RowView<'_>, RowFault>) {
        let cells = |row: RowView<'_>| row.to_cells().iter().map(<[u8]>::to_vec).collect();
        self.0.push((place, row.map(cells)));
    }

    fn append(&mut self, _: &(), next: Self, records: u64, lines: u64) {
        self.0.extend(next.0.into_iter().map(|(place, row)| {
            let place = Place {
                record: place.record + records,
                line: place.line + lines,
            };
            (place, row)
        }));
    }
}

fn read(pass: Pass, dialect: Dialect, bytes: &[u8]) -> (Seen, Counts) {
    let headings = Headings::default();
    let read = run(
        pass,
        &mut Cursor::new(bytes),
        dialect,
        &headings,
        &(),
        &|_| {},
    );
    read.expect("memory can be read")
}

/// Made once, because the target runs many thousand times a second.
static POOLS: LazyLock<Vec<rayon::ThreadPool>> = LazyLock::new(|| {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    (1..4)
        .map(|threads| pool(threads).expect("threads can be started"))
        .collect()
});

fuzz_target!(|input: (u16, u8, u8, &[u8])| {
    let (block_bytes, width, threads, bytes) = input;
    let delimiters = b",;\t|";
    let dialect = Dialect {
        delimiter: delimiters[usize::from(width >> 4) % delimiters.len()],
        width: usize::from(width & 7) + 1,
        fields: usize::from(width & 7) + 1 + usize::from(width >> 6),
        id_column: usize::from(width & 7) / 2,
    };
    let plain = read(Pass::Plain, dialect, bytes);
    let pool = &POOLS[usize::from(threads) % POOLS.len()];
    let fast = Pass::Fast {
        block_bytes: usize::from(block_bytes).max(1),
    };
    let fast = pool.install(|| read(fast, dialect, bytes));
    assert!(plain == fast);
});
