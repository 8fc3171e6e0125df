//! Encodes the lines of a text file and writes them, on a thread of its own, while the next
//! lines are made.

use std::panic::resume_unwind;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use aidlink_faults::fault::Fault;
use aidlink_office::output_folder::StreamedFile;
use csv::StringRecord;
use encoding_rs::GB18030;

use super::dirt::Kind;
use super::style::Style;

/// The number of lines that are encoded and written together.
const LINES_PER_PIECE: usize = 4096;

/// The number of pieces that may wait, so that memory is bounded.
const PIECES_WAITING: usize = 4;

/// A line to be written: its cells, and damage to apply to the CSV text.
pub(super) struct Line {
    pub(super) cells: StringRecord,
    pub(super) damage: Option<Kind>,
}

/// A text file that is being written.
pub(super) struct LineWriter {
    piece: Vec<Line>,
    pieces: SyncSender<Vec<Line>>,
    /// `None` after its result was taken.
    writing: Option<JoinHandle<Result<(), Fault>>>,
}

impl LineWriter {
    pub(super) fn new(style: Style, mut file: StreamedFile) -> Self {
        let (pieces, received) = sync_channel::<Vec<Line>>(PIECES_WAITING);
        let writing = thread::spawn(move || {
            if style.starts_with_mark() {
                file.write_piece(b"\xef\xbb\xbf")?;
            }
            for piece in received {
                file.write_piece(&encode(style, &piece))?;
            }
            file.finish().map(|_| ())
        });
        LineWriter {
            piece: Vec::new(),
            pieces,
            writing: Some(writing),
        }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// When the disk is full.
    pub(super) fn push(&mut self, line: Line) -> Result<(), Fault> {
        self.piece.push(line);
        match self.piece.len() {
            ..LINES_PER_PIECE => Ok(()),
            _ => self.send_piece(),
        }
    }

    fn send_piece(&mut self) -> Result<(), Fault> {
        match self.pieces.send(std::mem::take(&mut self.piece)) {
            Ok(()) => Ok(()),
            // The thread has ended, with a fault.
            Err(_) => self.result(),
        }
    }

    /// Waits for the thread and returns its result.
    fn result(&mut self) -> Result<(), Fault> {
        match self.writing.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => resume_unwind(panic),
            None => Ok(()),
        }
    }

    /// Writes the remaining lines.
    ///
    /// # Errors
    /// When the disk is full.
    pub(super) fn finish(mut self) -> Result<(), Fault> {
        self.send_piece()?;
        // The thread ends when nobody can send.
        drop(std::mem::replace(&mut self.pieces, sync_channel(0).0));
        self.result()
    }
}

fn encode(style: Style, piece: &[Line]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for lines in piece.chunk_by(|one, other| one.damage.is_none() && other.damage.is_none()) {
        let damage = lines.first().and_then(|line| line.damage);
        let mut text = csv(style, lines);
        match damage {
            None | Some(Kind::OtherEncoding) => {}
            // Removes the last closing quote, or inserts an opening quote.
            Some(Kind::StrayQuote) => match text.rfind('"') {
                Some(at) if style == Style::Semicolons => {
                    text.remove(at);
                }
                _ => text.insert(0, '"'),
            },
            Some(_) => {
                let end = text.trim_end_matches(['\r', '\n']).len();
                let separator = char::from(delimiter(style));
                text.insert_str(end, &format!("{separator}多余"));
            }
        }
        if damage == Some(Kind::OtherEncoding) || style == Style::Gb18030WithTitle {
            bytes.extend_from_slice(&GB18030.encode(&text).0);
        } else {
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

fn delimiter(style: Style) -> u8 {
    match style {
        Style::Semicolons => b';',
        _ => b',',
    }
}

fn csv(style: Style, lines: &[Line]) -> String {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter(style))
        .terminator(if style.starts_with_mark() {
            csv::Terminator::CRLF
        } else {
            csv::Terminator::Any(b'\n')
        })
        .quote_style(if style == Style::Semicolons {
            csv::QuoteStyle::Always
        } else {
            csv::QuoteStyle::Necessary
        })
        .from_writer(Vec::new());
    for line in lines {
        // Rows have equal width, and writing to memory cannot fail.
        let _ = writer.write_record(&line.cells);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}
