//! Shared strings: the texts of a workbook, each stored once, in one arena.

use std::io::Read;

use crate::error::{Bound, Fault, Problem};
use crate::limits::{MOST_SHARED_BYTES, MOST_SHARED_STRINGS, MOST_TOKEN_BYTES};
use crate::xml::{
    Scanner, Tag, Token, XmlFault, decode_escapes, may_hold_escapes, push_text, trim,
};

/// The element with alternative content (ECMA-376-3). It may contain rows, cells, values
/// or texts, so it is refused and not skipped like other unknown elements.
pub(crate) const ALTERNATIVES: &[u8] = b"AlternateContent";

/// The texts of the workbook, found by index.
#[derive(Debug, Default)]
pub(crate) struct SharedStrings {
    arena: String,
    /// The end of each text in the arena.
    ends: Vec<u32>,
}

impl SharedStrings {
    /// Reads the part of an XLSX workbook. Ignores the count that the part states.
    pub(crate) fn read<R: Read>(source: R) -> Result<Self, Fault> {
        Self::read_into(source, SharedTexts::default())
    }

    fn read_into<R: Read>(source: R, mut texts: SharedTexts) -> Result<Self, Fault> {
        let mut scanner = Scanner::new(source)?;
        loop {
            match scanner.token()? {
                Token::Start(tag) if tag.local_name() == b"si" => {
                    let is_empty = tag.is_empty;
                    if tag.depth != 1 {
                        return Err(Problem::OtherContent.into());
                    }
                    let arena = texts.begin()?;
                    if !is_empty {
                        read_rich_text(&mut scanner, arena)?;
                    }
                    texts.end()?;
                }
                Token::Start(tag) if tag.local_name() == ALTERNATIVES => {
                    return Err(Problem::Alternatives.into());
                }
                Token::Finished => return texts.finish(),
                _ => {}
            }
        }
    }

    /// Returns a text; `None` if there is none with this index.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&str> {
        let index = index as usize;
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.arena.get(start as usize..end as usize)
    }
}

/// The texts that were read so far.
pub(crate) struct SharedTexts {
    arena: Vec<u8>,
    ends: Vec<u32>,
    most_strings: usize,
    most_bytes: usize,
}

impl Default for SharedTexts {
    fn default() -> Self {
        SharedTexts::at_most(MOST_SHARED_STRINGS, MOST_SHARED_BYTES)
    }
}

impl SharedTexts {
    fn at_most(most_strings: usize, most_bytes: usize) -> Self {
        SharedTexts {
            arena: Vec::new(),
            ends: Vec::new(),
            most_strings,
            most_bytes,
        }
    }

    /// Returns the arena, to which the next text is appended.
    ///
    /// # Errors
    /// If there are as many texts as allowed.
    pub(crate) fn begin(&mut self) -> Result<&mut Vec<u8>, Fault> {
        match self.ends.len() == self.most_strings {
            true => Err(Bound::SharedStrings.into()),
            false => Ok(&mut self.arena),
        }
    }

    /// Ends the text that was appended.
    ///
    /// # Errors
    /// If the texts have too many bytes in total.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        if self.arena.len() > self.most_bytes {
            return Err(Bound::SharedBytes.into());
        }
        // Cannot fail: the limit is below 4 GiB.
        let end = u32::try_from(self.arena.len()).map_err(|_| Bound::SharedBytes)?;
        self.ends.push(end);
        Ok(())
    }

    /// Returns the texts.
    ///
    /// # Errors
    /// If one of them is not UTF-8.
    pub(crate) fn finish(self) -> Result<SharedStrings, Fault> {
        let arena = String::from_utf8(self.arena).map_err(|_| Problem::Encoding)?;
        // If a character is split between two texts, the arena is valid UTF-8 but the
        // texts are not.
        let mut ends = self.ends.iter();
        if !ends.all(|end| arena.is_char_boundary(*end as usize)) {
            return Err(Problem::Encoding.into());
        }
        Ok(SharedStrings {
            arena,
            ends: self.ends,
        })
    }
}

/// Appends the text of an element with a text or runs of text (`si`, `is`). Its start
/// tag is the token that was read last. Phonetic readings are left out.
pub(crate) fn read_rich_text<R: Read>(
    scanner: &mut Scanner<R>,
    text: &mut Vec<u8>,
) -> Result<(), Fault> {
    let outside = scanner.depth() - 1;
    let start = text.len();
    loop {
        // Each piece has a limit; this limits their sum.
        if text.len() - start > MOST_TOKEN_BYTES {
            return Err(XmlFault::TooLong.into());
        }
        match scanner.token()? {
            Token::Start(tag) => match tag.local_name() {
                b"t" => {
                    let keeps_space = keeps_space(&tag)?;
                    if !tag.is_empty {
                        read_text(scanner, text, keeps_space)?;
                    }
                }
                // The content of a run comes with the next tokens.
                b"r" => {}
                ALTERNATIVES => return Err(Problem::Alternatives.into()),
                _ => {
                    let is_empty = tag.is_empty;
                    scanner.skip(is_empty)?;
                }
            },
            Token::End(depth) if depth == outside => return Ok(()),
            Token::Finished => return Err(XmlFault::CutShort.into()),
            _ => {}
        }
    }
}

fn keeps_space(tag: &Tag<'_>) -> Result<bool, XmlFault> {
    for attribute in tag.attributes() {
        let attribute = attribute?;
        if attribute.name == b"xml:space" {
            return Ok(attribute.raw == b"preserve");
        }
    }
    Ok(false)
}

/// Appends the text of the element whose start tag was read last. Trims white space
/// as Excel does, unless `keeps_space`.
pub(crate) fn read_text<R: Read>(
    scanner: &mut Scanner<R>,
    text: &mut Vec<u8>,
    keeps_space: bool,
) -> Result<(), Fault> {
    let start = text.len();
    read_raw_text(scanner, text)?;
    if !keeps_space {
        let is_space = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
        if is_space(text.get(start)) || is_space(text.get(start..).and_then(<[u8]>::last)) {
            let trimmed = trim(&text[start..]).to_vec();
            text.truncate(start);
            text.extend_from_slice(&trimmed);
        }
    }
    if may_hold_escapes(&text[start..]) {
        decode_escapes(text, start);
    }
    Ok(())
}

/// Appends the text of the element whose start tag was read last, up to its end tag.
/// Skips elements inside it.
#[inline]
pub(crate) fn read_raw_text<R: Read>(
    scanner: &mut Scanner<R>,
    text: &mut Vec<u8>,
) -> Result<(), Fault> {
    let start = text.len();
    loop {
        if text.len() - start > MOST_TOKEN_BYTES {
            return Err(XmlFault::TooLong.into());
        }
        match scanner.token()? {
            Token::Text(raw) => push_text(raw, text)?,
            Token::Data(raw) => text.extend_from_slice(raw),
            Token::Start(tag) if tag.local_name() == ALTERNATIVES => {
                return Err(Problem::Alternatives.into());
            }
            Token::Start(tag) => {
                let is_empty = tag.is_empty;
                scanner.skip(is_empty)?;
            }
            Token::End(_) => return Ok(()),
            Token::Finished => return Err(XmlFault::CutShort.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SharedStrings, SharedTexts};
    use crate::error::{Bound, Fault};

    #[test]
    fn strings_and_bytes_beyond_the_limits_are_refused() {
        let part =
            "<sst uniqueCount='4294967295'><si><t>four</t></si><si/><si><t>five5</t></si></sst>";
        let read = |strings, bytes| {
            SharedStrings::read_into(part.as_bytes(), SharedTexts::at_most(strings, bytes))
        };
        let strings = read(3, 9).expect("at the bounds");
        let texts: Vec<Option<&str>> = (0..4).map(|index| strings.get(index)).collect();
        assert_eq!(texts, [Some("four"), Some(""), Some("five5"), None]);
        assert!(matches!(
            read(2, 9),
            Err(Fault::Beyond(Bound::SharedStrings))
        ));
        assert!(matches!(read(3, 8), Err(Fault::Beyond(Bound::SharedBytes))));
    }
}
