//! Reads of a file in windows. The library asks for every page by itself, the columns in turn,
//! and pages can be very short.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;

/// Length in bytes of the first window at a place. Most pages' headers are shorter.
const SHORTEST: usize = 4 << 10;
/// Length in bytes of the windows where the file is read in order.
const LONGEST: usize = 128 << 10;
/// Windows that are kept, more than a usual file has columns.
const MOST: usize = 128;

/// A file, and the parts of it that were read last: one for each column that is being read.
pub struct Windows {
    file: File,
    length: u64,
    /// The one that was used last is at the end.
    kept: Vec<Window>,
}

struct Window {
    start: u64,
    bytes: Bytes,
    /// Length of the window that follows. It doubles, so that no order of the pages makes the
    /// file be read many times.
    next: usize,
}

impl Windows {
    /// Wraps a file of this length in bytes.
    pub fn new(file: File, length: u64) -> Self {
        Windows {
            file,
            length,
            kept: Vec::new(),
        }
    }

    /// Returns `length` bytes from `start` on, or fewer where the file ends.
    ///
    /// # Errors
    /// If the file cannot be read, or is shorter than it was.
    pub fn read(&mut self, start: u64, length: usize) -> io::Result<Bytes> {
        let left = self.length.saturating_sub(start);
        let at_most = |length: usize| usize::try_from(left).map_or(length, |left| left.min(length));
        let length = at_most(length);
        let mut window = self.take(start);
        if length > LONGEST / 2 {
            // A long page is read by itself, and not kept.
            let bytes = self.read_exactly(start, length)?;
            self.kept.push(Window::behind(start + length as u64));
            return Ok(bytes);
        }
        let mut from = usize::try_from(start - window.start).unwrap_or(usize::MAX);
        if window.bytes.len().saturating_sub(from) < length {
            window.bytes = self.read_exactly(start, at_most(window.next.max(length)))?;
            window.start = start;
            window.next = (window.next * 2).min(LONGEST);
            from = 0;
        }
        let bytes = window.bytes.slice(from..from + length);
        self.kept.push(window);
        Ok(bytes)
    }

    /// Takes out the window that has this place or ends there, or a new one.
    fn take(&mut self, start: u64) -> Window {
        let has = |window: &Window| {
            let behind = start.checked_sub(window.start);
            behind.is_some_and(|behind| behind <= window.bytes.len() as u64)
        };
        match self.kept.iter().rposition(has) {
            Some(place) => self.kept.remove(place),
            None => {
                if self.kept.len() == MOST {
                    self.kept.remove(0);
                }
                Window::behind(start)
            }
        }
    }

    fn read_exactly(&mut self, start: u64, length: usize) -> io::Result<Bytes> {
        let mut bytes = vec![0; length];
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

impl Window {
    /// An empty window before this place.
    fn behind(start: u64) -> Self {
        Window {
            start,
            bytes: Bytes::new(),
            next: SHORTEST,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A file of this many bytes, and its content.
    fn file(length: usize) -> (File, Vec<u8>) {
        let bytes: Vec<u8> = (0..length)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 16) as u8)
            .collect();
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&bytes).expect("writable");
        (file, bytes)
    }

    #[test]
    fn every_read_gives_the_bytes_of_its_place() {
        let (file, content) = file(3 * LONGEST + 7);
        let all = content.len();
        let mut windows = Windows::new(file, all as u64);
        let mut expect = |start: usize, length: usize| {
            let read = windows.read(start as u64, length).expect("readable");
            let expected = &content[start.min(all)..(start + length).min(all)];
            assert_eq!(read, expected, "{length} bytes at {start}");
        };
        let lengths = [0, 1, 30, SHORTEST - 1, SHORTEST, SHORTEST + 1];
        let long = [
            LONGEST / 2,
            LONGEST / 2 + 1,
            LONGEST,
            LONGEST + 1,
            2 * LONGEST,
        ];
        let lengths: Vec<usize> = lengths.into_iter().chain(long).collect();
        // In order, forwards and backwards.
        for length in &lengths[1..] {
            let starts: Vec<usize> = (0..all).step_by(*length.max(&997)).collect();
            starts.iter().for_each(|start| expect(*start, *length));
            starts
                .iter()
                .rev()
                .for_each(|start| expect(*start, *length));
        }
        // At the end, behind it, and in no order.
        let mut place: usize = 1;
        for _ in 0..20_000 {
            place = place
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let length = lengths[(place >> 40) % lengths.len()];
            expect((place >> 20) % (all + 9), length);
        }
    }

    /// The number of bytes that the system was asked for.
    fn bytes_read(places: impl Iterator<Item = (u64, usize)>, length: usize) -> usize {
        let (file, _) = file(length);
        let mut windows = Windows::new(file, length as u64);
        let mut of_windows = 0;
        for (start, length) in places {
            let before: Vec<u64> = windows.kept.iter().map(|window| window.start).collect();
            windows.read(start, length).expect("readable");
            let used = windows.kept.last().expect("the window used");
            if length > LONGEST / 2 {
                of_windows += length;
            } else if !before.contains(&used.start) {
                of_windows += used.bytes.len();
            }
        }
        of_windows
    }

    #[test]
    fn no_order_of_short_pages_makes_it_read_the_file_many_times() {
        const FILE: usize = 8 << 20;
        const PAGE: usize = 100;
        for columns in [1, 2, 7, MOST, MOST + 1, 5 * MOST] {
            let column = FILE / columns;
            let pages = column / PAGE;
            let places = (0..pages).flat_map(|page| {
                (0..columns).map(move |index| ((index * column + page * PAGE) as u64, PAGE))
            });
            let read = bytes_read(places, FILE);
            let most = match columns {
                // The last window of a column may reach into the next one.
                0..=MOST => 3 * FILE,
                // Columns that are more than the windows: a short read for each page.
                _ => columns * pages * SHORTEST,
            };
            assert!(read <= most, "{columns} columns: {read} bytes");
        }
    }

    #[test]
    fn a_file_that_became_shorter_is_an_error() {
        let (file, _) = file(10_000);
        file.set_len(5000).expect("writable");
        let mut windows = Windows::new(file, 10_000);
        assert!(windows.read(4990, 20).is_err());
        assert!(windows.read(9000, 10).is_err());
    }
}
