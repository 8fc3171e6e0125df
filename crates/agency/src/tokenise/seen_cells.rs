//! Keeps how cells of a column were read, because most columns repeat a few values.

use crate::scan::Encoding;

/// The most different cells of a column that are kept. Dates and amounts have more; the
/// search through the kept ones must cost less than reading a cell.
const MOST_SEEN: usize = 12;

/// The cells of a column that were read before, with what they state.
pub(super) struct SeenCells<'r, R> {
    seen: Vec<(Encoding, &'r [u8], R)>,
}

impl<R> Default for SeenCells<'_, R> {
    fn default() -> Self {
        SeenCells { seen: Vec::new() }
    }
}

impl<'r, R: Clone> SeenCells<'r, R> {
    /// Returns what a cell states; `read` is called if it is not known yet.
    pub(super) fn read(
        &mut self,
        encoding: Encoding,
        cell: &'r [u8],
        read: impl FnOnce() -> R,
    ) -> R {
        let is_same = |(its, bytes, _): &&(Encoding, &[u8], R)| *its == encoding && *bytes == cell;
        if let Some((_, _, reading)) = self.seen.iter().find(is_same) {
            return reading.clone();
        }
        let reading = read();
        if self.seen.len() < MOST_SEEN {
            self.seen.push((encoding, cell, reading.clone()));
        }
        reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_read_once_and_the_encoding_counts() {
        let mut cells = SeenCells::default();
        let mut times = 0;
        let mut read = |encoding, cell: &'static [u8]| {
            cells.read(encoding, cell, || {
                times += 1;
                times
            })
        };
        assert_eq!(read(Encoding::Utf8, b"a"), 1);
        assert_eq!(read(Encoding::Utf8, b"a"), 1);
        assert_eq!(read(Encoding::Gb18030, b"a"), 2);
        assert_eq!(read(Encoding::Utf8, b""), 3);
        assert_eq!(read(Encoding::Utf8, b""), 3);
        assert_eq!(read(Encoding::Utf8, b"a"), 1);
    }

    #[test]
    fn cells_beyond_the_limit_are_read_each_time() {
        let texts: Vec<String> = (0..MOST_SEEN + 2).map(|text| text.to_string()).collect();
        let mut cells = SeenCells::default();
        let mut times = 0;
        for _ in 0..2 {
            for text in &texts {
                let reading = cells.read(Encoding::Utf8, text.as_bytes(), || {
                    times += 1;
                    text.clone()
                });
                assert_eq!(reading, *text);
            }
        }
        assert_eq!(times, MOST_SEEN + 2 * 2);
    }
}
