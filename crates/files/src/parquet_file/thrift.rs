//! Walks structures in Thrift's compact protocol before the `parquet` library reads
//! them, and compares them with their definition.
//!
//! The library looks only at the number of a field and not at its type, so that a field
//! of another type would make it lose its place. It believes the lengths of lists: the
//! elements of a list of Booleans that it skips take no space at all. The walk refuses
//! both, and takes time in proportion to the bytes.

/// Types of the protocol.
const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const SHORT_INTEGER: u8 = 4;
const LONG_INTEGER: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

/// Structures are nested at most this deep; those of Parquet are nested seven deep.
const MAX_DEPTH: usize = 16;

/// The type of a field.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Boolean,
    Byte,
    /// Of 16, 32 or 64 bits, which are written alike.
    Integer,
    Double,
    Binary,
    Struct(&'static Fields),
    /// A list of integers or structures.
    List(&'static Type),
}

/// The fields of a structure that the library reads, by their numbers. It skips all
/// others.
pub(super) type Fields = [(i16, Type)];

/// What a walk comes across. `path` holds the numbers of the fields from the outermost
/// structure to this value; a list has the same path as its elements.
pub(super) enum Event {
    Integer(i64),
    EndOfStruct,
}

/// Walks a structure at the beginning of `bytes` and returns its length. Calls `visit`
/// for integers and the ends of structures, which returns `None` to refuse them.
///
/// Returns `None` if the structure does not end within `bytes`, does not match `fields`
/// or is refused.
pub(super) fn walk(
    bytes: &[u8],
    fields: &'static Fields,
    visit: &mut dyn FnMut(&[i16], Event) -> Option<()>,
) -> Option<usize> {
    let mut walker = Walker {
        rest: bytes,
        path: Vec::new(),
        visit,
    };
    walker.structure(fields, 0)?;
    Some(bytes.len() - walker.rest.len())
}

struct Walker<'b, 'v> {
    rest: &'b [u8],
    path: Vec<i16>,
    visit: &'v mut dyn FnMut(&[i16], Event) -> Option<()>,
}

impl<'b> Walker<'b, '_> {
    fn structure(&mut self, fields: &'static Fields, depth: usize) -> Option<()> {
        (depth < MAX_DEPTH).then_some(())?;
        let mut field = 0_i16;
        loop {
            let byte = self.take(1)?[0];
            let kind = byte & 0x0f;
            if kind == STOP {
                return (self.visit)(&self.path, Event::EndOfStruct);
            }
            field = match byte >> 4 {
                // Truncated to 16 bits, as in the library.
                0 => self.integer()? as i16,
                step => field.checked_add(i16::from(step))?,
            };
            let known = fields.iter().find(|(number, _)| *number == field);
            self.path.push(field);
            match known {
                Some((_, expected)) => self.known(*expected, kind, depth)?,
                None => self.unknown(kind, depth)?,
            }
            self.path.pop();
        }
    }

    fn known(&mut self, expected: Type, kind: u8, depth: usize) -> Option<()> {
        match (expected, kind) {
            (Type::Boolean, TRUE | FALSE) => Some(()),
            (Type::Byte, BYTE) | (Type::Double, DOUBLE) | (Type::Binary, BINARY) => {
                self.unknown(kind, depth)
            }
            (Type::Integer, SHORT_INTEGER..=LONG_INTEGER) => {
                let value = self.integer()?;
                (self.visit)(&self.path, Event::Integer(value))
            }
            (Type::Struct(fields), STRUCT) => self.structure(fields, depth + 1),
            (Type::List(element), LIST) => {
                let (kind, length) = self.list()?;
                // Each element takes at least a byte, so a list that claims more ends
                // the walk.
                (0..length).try_for_each(|_| self.known(*element, kind, depth + 1))
            }
            _ => None,
        }
    }

    fn unknown(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            TRUE | FALSE => {}
            BYTE => drop(self.take(1)?),
            SHORT_INTEGER..=LONG_INTEGER => drop(self.integer()?),
            DOUBLE => drop(self.take(8)?),
            BINARY => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.take(length)?;
            }
            STRUCT => self.structure(&[], depth + 1)?,
            LIST | SET => {
                let (kind, length) = self.list()?;
                let takes_no_space = matches!(kind, TRUE | FALSE);
                (depth < MAX_DEPTH && (length == 0 || !takes_no_space)).then_some(())?;
                (0..length).try_for_each(|_| self.unknown(kind, depth + 1))?;
            }
            // Maps do not occur in Parquet.
            _ => return None,
        }
        Some(())
    }

    /// Reads the head of a list: the type of its elements and their number.
    fn list(&mut self) -> Option<(u8, u64)> {
        let head = self.take(1)?[0];
        let length = match head >> 4 {
            15 => self.varint()?,
            length => u64::from(length),
        };
        Some((head & 0x0f, length))
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}
