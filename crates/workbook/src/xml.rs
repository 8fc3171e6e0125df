//! Reads the XML of a part token by token through a window of fixed size.
//!
//! A general XML reader copies each token into a growing buffer, which takes most of
//! the time of a large sheet. This reader returns slices of its window and refuses
//! tokens that do not fit. It accepts only what a part of a workbook may contain: no
//! DTD, only UTF-8, and only the five predefined entities. Names of end tags are
//! compared with those of their start tags. The tests compare it with quick-xml.

use std::borrow::Cow;
use std::io::{self, Read};

use memchr::{memchr, memchr2, memmem};

use crate::limits::{MOST_ATTRIBUTE_BYTES, MOST_DEPTH, MOST_TOKEN_BYTES};

/// Why a part could not be read further.
#[derive(Debug)]
pub(crate) enum XmlFault {
    Read(io::Error),
    Malformed,
    CutShort,
    Doctype,
    Encoding,
    TooDeep,
    TooLong,
    LongName,
}

type Result<T> = std::result::Result<T, XmlFault>;

/// A token of the document.
#[derive(Debug)]
pub(crate) enum Token<'w> {
    /// A start tag, or an empty element, which no [`Token::End`] follows.
    Start(Tag<'w>),
    /// An end tag, with the number of elements that are still open.
    End(usize),
    /// Text as written, with undecoded entities.
    Text(&'w [u8]),
    /// The content of a CDATA section: text without entities.
    Data(&'w [u8]),
    /// The end of the part.
    Finished,
}

/// A start tag or an empty element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag<'w> {
    name: &'w [u8],
    attributes: &'w [u8],
    pub(crate) is_empty: bool,
    /// The number of enclosing elements.
    pub(crate) depth: usize,
}

impl<'w> Tag<'w> {
    /// Returns the name without its prefix.
    #[inline]
    pub(crate) fn local_name(&self) -> &'w [u8] {
        local(self.name)
    }

    #[inline]
    pub(crate) fn attributes(&self) -> Attributes<'w> {
        Attributes {
            rest: self.attributes,
        }
    }
}

#[inline]
fn local(name: &[u8]) -> &[u8] {
    match name.iter().position(|byte| *byte == b':') {
        Some(colon) => &name[colon + 1..],
        None => name,
    }
}

/// An attribute. `raw` is its value as written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute<'w> {
    /// The name with its prefix. The attributes of rows and cells have no prefix, and
    /// `xmlns:r` must not be taken for the `r` of a cell.
    pub(crate) name: &'w [u8],
    pub(crate) raw: &'w [u8],
}

impl<'w> Attribute<'w> {
    /// Returns the value with entities decoded.
    pub(crate) fn text(&self) -> Result<Cow<'w, str>> {
        if memchr(b'&', self.raw).is_none() {
            let text = std::str::from_utf8(self.raw).map_err(|_| XmlFault::Encoding)?;
            return Ok(Cow::Borrowed(text));
        }
        let mut text = Vec::new();
        push_text(self.raw, &mut text)?;
        let text = String::from_utf8(text).map_err(|_| XmlFault::Encoding)?;
        Ok(Cow::Owned(text))
    }

    /// Returns the name without its prefix; empty for a declaration of a prefix.
    pub(crate) fn local_name(&self) -> &'w [u8] {
        match self.name.starts_with(b"xmlns") {
            true => &[],
            false => local(self.name),
        }
    }

    /// Returns whether this is an attribute of this name with any prefix, such as
    /// `r:id`. Each file chooses its own prefixes.
    pub(crate) fn is_prefixed(&self, name: &[u8]) -> bool {
        local(self.name) == name && self.name.len() > name.len()
    }
}

/// The attributes of a tag.
pub(crate) struct Attributes<'w> {
    rest: &'w [u8],
}

impl<'w> Iterator for Attributes<'w> {
    type Item = Result<Attribute<'w>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.trim_ascii_start();
        if rest.is_empty() {
            self.rest = rest;
            return None;
        }
        let attribute = split_attribute(rest);
        self.rest = attribute.as_ref().map_or(&[][..], |(_, rest)| rest);
        Some(
            attribute
                .map(|(attribute, _)| attribute)
                .ok_or(XmlFault::Malformed),
        )
    }
}

#[inline]
fn split_attribute(bytes: &[u8]) -> Option<(Attribute<'_>, &[u8])> {
    let equals = bytes.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (
        bytes[..equals].trim_ascii_end(),
        bytes[equals + 1..].trim_ascii_start(),
    );
    let is_name = |byte: &u8| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'<');
    if name.is_empty() || !name.iter().all(is_name) {
        return None;
    }
    let (quote, value) = value.split_first()?;
    if !matches!(quote, b'"' | b'\'') {
        return None;
    }
    let end = value.iter().position(|byte| byte == quote)?;
    let rest = &value[end + 1..];
    // White space separates attributes.
    if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
        return None;
    }
    let raw = &value[..end];
    Some((Attribute { name, raw }, rest))
}

/// Appends text. Decodes entities and turns line ends into `\n`.
#[inline]
pub(crate) fn push_text(raw: &[u8], text: &mut Vec<u8>) -> Result<()> {
    match memchr2(b'&', b'\r', raw) {
        None => text.extend_from_slice(raw),
        Some(first) => push_decoded_text(raw, first, text)?,
    }
    Ok(())
}

#[cold]
fn push_decoded_text(mut raw: &[u8], first: usize, text: &mut Vec<u8>) -> Result<()> {
    let mut special = Some(first);
    while let Some(at) = special {
        text.extend_from_slice(&raw[..at]);
        let rest = &raw[at + 1..];
        raw = if raw[at] == b'\r' {
            text.push(b'\n');
            rest.strip_prefix(b"\n").unwrap_or(rest)
        } else {
            let end = memchr(b';', rest).ok_or(XmlFault::Malformed)?;
            let character = entity(&rest[..end]).ok_or(XmlFault::Malformed)?;
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            &rest[end + 1..]
        };
        special = memchr2(b'&', b'\r', raw);
    }
    text.extend_from_slice(raw);
    Ok(())
}

fn entity(name: &[u8]) -> Option<char> {
    Some(match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x', digits @ ..] => char::from_u32(number(digits, 16)?)?,
        [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
        _ => return None,
    })
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
    if !digits.iter().all(is_digit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

/// Reads a part token by token.
pub(crate) struct Scanner<R> {
    source: R,
    window: Vec<u8>,
    /// The first byte in the window that was not returned yet.
    next: usize,
    /// The end of the bytes read into the window.
    filled: usize,
    /// The names of the open elements, one after the other. `opened` has the start of
    /// each.
    names: Vec<u8>,
    opened: Vec<usize>,
    has_root: bool,
}

impl<R: Read> Scanner<R> {
    /// Starts to read a part.
    ///
    /// # Errors
    /// If it cannot be read or begins like UTF-16 or UTF-32.
    pub(crate) fn new(source: R) -> Result<Self> {
        Self::with_window(source, MOST_TOKEN_BYTES)
    }

    fn with_window(source: R, length: usize) -> Result<Self> {
        let mut scanner = Scanner {
            source,
            window: vec![0; length],
            next: 0,
            filled: 0,
            names: Vec::new(),
            opened: Vec::new(),
            has_root: false,
        };
        scanner.fill()?;
        let start = &scanner.window[..scanner.filled];
        if start.starts_with(b"\xef\xbb\xbf") {
            scanner.next = 3;
        } else if start.starts_with(b"\xff\xfe")
            || start.starts_with(b"\xfe\xff")
            || start.iter().take(2).any(|byte| *byte == 0)
        {
            // UTF-16 or UTF-32, recognised by a byte-order mark or by zero bytes.
            return Err(XmlFault::Encoding);
        }
        Ok(scanner)
    }

    /// Returns the number of open elements.
    #[inline]
    pub(crate) fn depth(&self) -> usize {
        self.opened.len()
    }

    /// Returns the next token. Skips comments and processing instructions.
    ///
    /// # Errors
    /// If the part cannot be read, is not well-formed or exceeds a limit.
    #[inline]
    pub(crate) fn token(&mut self) -> Result<Token<'_>> {
        loop {
            if self.next == self.filled && !self.fill()? {
                return match self.has_root && self.opened.is_empty() {
                    true => Ok(Token::Finished),
                    false => Err(XmlFault::CutShort),
                };
            }
            if self.window[self.next] != b'<' {
                let end = self.end_of_text()?;
                let start = std::mem::replace(&mut self.next, end);
                return Ok(Token::Text(&self.window[start..end]));
            }
            if self.filled - self.next < 2 {
                self.need_more()?;
                continue;
            }
            match self.window[self.next + 1] {
                b'/' => {
                    self.end_tag()?;
                    return Ok(Token::End(self.opened.len()));
                }
                b'?' => self.instruction()?,
                b'!' => {
                    if let Some((start, end)) = self.declaration()? {
                        return Ok(Token::Data(&self.window[start..end]));
                    }
                }
                _ => return self.start_tag().map(Token::Start),
            }
        }
    }

    /// Skips the rest of the element whose start tag was read last.
    ///
    /// # Errors
    /// Those of [`Scanner::token`].
    pub(crate) fn skip(&mut self, is_empty: bool) -> Result<()> {
        if is_empty {
            return Ok(());
        }
        let outside = self.depth() - 1;
        while self.depth() > outside {
            self.token()?;
        }
        Ok(())
    }

    /// Reads more bytes and returns whether there were any. Bytes that were not
    /// returned yet move to the start of the window.
    #[cold]
    fn fill(&mut self) -> Result<bool> {
        if self.next > 0 {
            self.window.copy_within(self.next..self.filled, 0);
            self.filled -= self.next;
            self.next = 0;
        }
        if self.filled == self.window.len() {
            return Err(XmlFault::TooLong);
        }
        // Fill the whole window: a long token is searched again after each call.
        let before = self.filled;
        while self.filled < self.window.len() {
            match self.source.read(&mut self.window[self.filled..]) {
                Ok(0) => break,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(XmlFault::Read(error)),
            }
        }
        Ok(self.filled > before)
    }

    #[cold]
    fn need_more(&mut self) -> Result<()> {
        match self.fill()? {
            true => Ok(()),
            false => Err(XmlFault::CutShort),
        }
    }

    #[inline]
    fn end_of_text(&mut self) -> Result<usize> {
        let mut searched = 0;
        loop {
            let from = self.next + searched;
            if let Some(at) = memchr(b'<', &self.window[from..self.filled]) {
                return Ok(from + at);
            }
            searched = self.filled - self.next;
            if !self.fill()? {
                return Ok(self.filled);
            }
        }
    }

    /// Returns the position at which the bytes `end` begin, after the first `head`
    /// bytes of the token.
    fn find_end(&mut self, head: usize, end: &[u8]) -> Result<usize> {
        let mut searched = head;
        loop {
            let from = self.next + searched;
            let rest = self.window.get(from..self.filled).unwrap_or_default();
            if let Some(at) = memmem::find(rest, end) {
                return Ok(from + at);
            }
            // `end` itself may be only partly in the window.
            searched = (self.filled - self.next)
                .saturating_sub(end.len() - 1)
                .max(head);
            self.need_more()?;
        }
    }

    #[inline]
    fn end_tag(&mut self) -> Result<()> {
        let start = self.opened.pop().ok_or(XmlFault::Malformed)?;
        let length = self.names.len() - start;
        let as_expected = self.window[self.next + 2..self.filled]
            .strip_prefix(&self.names[start..])
            .is_some_and(|rest| rest.first() == Some(&b'>'));
        if as_expected {
            self.next += 2 + length + 1;
        } else {
            // There is white space before `>`, the tag is not yet whole, or it is wrong.
            let end = self.find_end(2, b">")?;
            let name = self.window[self.next + 2..end].trim_ascii_end();
            if name != &self.names[start..] {
                return Err(XmlFault::Malformed);
            }
            self.next = end + 1;
        }
        self.names.truncate(start);
        Ok(())
    }

    #[inline]
    fn start_tag(&mut self) -> Result<Tag<'_>> {
        let end = loop {
            match end_of_tag(&self.window[self.next + 1..self.filled])? {
                Some(length) => break self.next + 1 + length,
                None => self.need_more()?,
            }
        };
        let start = self.next + 1;
        self.next = end + 1;
        let content = &self.window[start..end];
        let (content, is_empty) = match content {
            [content @ .., b'/'] => (content, true),
            content => (content, false),
        };
        let length = content
            .iter()
            .position(|byte| byte.is_ascii_whitespace())
            .unwrap_or(content.len());
        let (name, attributes) = content.split_at(length);
        if name.is_empty() || (self.opened.is_empty() && self.has_root) {
            return Err(XmlFault::Malformed);
        }
        self.has_root = true;
        let depth = self.opened.len();
        if !is_empty {
            if depth == MOST_DEPTH {
                return Err(XmlFault::TooDeep);
            }
            // The name stays in memory until the element ends.
            if name.len() > MOST_ATTRIBUTE_BYTES {
                return Err(XmlFault::LongName);
            }
            self.opened.push(self.names.len());
            self.names.extend_from_slice(name);
        }
        Ok(Tag {
            name,
            attributes,
            is_empty,
            depth,
        })
    }

    #[cold]
    fn instruction(&mut self) -> Result<()> {
        let end = self.find_end(2, b"?>")?;
        let content = &self.window[self.next + 2..end];
        self.next = end + 2;
        let Some(attributes) = content.strip_prefix(b"xml").filter(|rest| {
            // `<?xml-stylesheet ...?>` is not the XML declaration.
            rest.first().is_none_or(u8::is_ascii_whitespace)
        }) else {
            return Ok(());
        };
        for attribute in (Attributes { rest: attributes }) {
            let attribute = attribute?;
            let is_known = ["utf-8", "us-ascii"]
                .iter()
                .any(|known| attribute.raw.eq_ignore_ascii_case(known.as_bytes()));
            if attribute.name == b"encoding" && !is_known {
                return Err(XmlFault::Encoding);
            }
        }
        Ok(())
    }

    /// Skips a comment, or returns the range of a CDATA section's content.
    #[cold]
    fn declaration(&mut self) -> Result<Option<(usize, usize)>> {
        const DATA: &[u8] = b"<![CDATA[";
        loop {
            let here = &self.window[self.next..self.filled];
            if here.starts_with(b"<!--") {
                let end = self.find_end(4, b"-->")?;
                self.next = end + 3;
                return Ok(None);
            }
            if here.starts_with(DATA) {
                let end = self.find_end(DATA.len(), b"]]>")?;
                let start = self.next + DATA.len();
                self.next = end + 3;
                // Text is allowed only inside an element.
                return match self.opened.is_empty() {
                    true => Err(XmlFault::Malformed),
                    false => Ok(Some((start, end))),
                };
            }
            if here.len() >= DATA.len() {
                let is_doctype = here
                    .get(..DATA.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(b"<!DOCTYPE"));
                return Err(match is_doctype {
                    true => XmlFault::Doctype,
                    false => XmlFault::Malformed,
                });
            }
            self.need_more()?;
        }
    }
}

/// Returns the position of the `>` that ends a tag; `None` if the bytes do not contain
/// it. A `>` in a quoted value does not count.
#[inline]
fn end_of_tag(bytes: &[u8]) -> Result<Option<usize>> {
    let mut from = 0;
    loop {
        // Tags are short, so `memchr` would be slower.
        let Some(at) = bytes[from..]
            .iter()
            .position(|byte| matches!(byte, b'>' | b'"' | b'\'' | b'<'))
        else {
            return Ok(None);
        };
        let at = from + at;
        match bytes[at] {
            b'>' => return Ok(Some(at)),
            b'<' => return Err(XmlFault::Malformed),
            quote => match bytes[at + 1..].iter().position(|byte| *byte == quote) {
                Some(length) => from = at + 1 + length + 1,
                None => return Ok(None),
            },
        }
    }
}

/// Returns whether a text may contain escapes for [`decode_escapes`].
#[inline]
pub(crate) fn may_hold_escapes(text: &[u8]) -> bool {
    memchr(b'_', text).is_some_and(|at| memmem::find(&text[at..], b"_x").is_some())
}

/// Decodes characters that a workbook writes as `_x0009_` (ECMA-376-1, 22.4.2.4,
/// ST_Xstring), from the position `from` on. A character outside the Basic
/// Multilingual Plane is written as two escapes, one for each surrogate. An escape
/// that is not a character stays unchanged.
pub(crate) fn decode_escapes(text: &mut Vec<u8>, from: usize) {
    let source = text.split_off(from);
    let mut rest = source.as_slice();
    while let Some(at) = memmem::find(rest, b"_x") {
        text.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let Some(unit) = escape(rest) else {
            text.extend_from_slice(b"_x");
            rest = &rest[2..];
            continue;
        };
        let pair = [unit, escape(&rest[7..]).unwrap_or_default()];
        let character = char::decode_utf16(pair).next().and_then(|first| first.ok());
        match character {
            Some(character) => {
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[7 * character.len_utf16()..];
            }
            None => {
                text.extend_from_slice(&rest[..7]);
                rest = &rest[7..];
            }
        }
    }
    text.extend_from_slice(rest);
}

fn escape(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"_x")?;
    if digits.get(4) != Some(&b'_') {
        return None;
    }
    let unit = number(digits.get(..4)?, 16)?;
    u16::try_from(unit).ok()
}

/// Trims white space as XML defines it.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let Some(start) = text.iter().position(|byte| !is_space(byte)) else {
        return &[];
    };
    let end = text
        .iter()
        .rposition(|byte| !is_space(byte))
        .unwrap_or(start);
    &text[start..=end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quick_xml::events::Event;

    use super::{Scanner, Token, XmlFault, decode_escapes, may_hold_escapes, push_text};

    /// The tokens of a document, in one form for both readers.
    #[derive(Clone, Debug, PartialEq)]
    enum Found {
        Start(String, Vec<(String, String)>),
        End,
        Text(String),
    }

    fn push(found: &mut Vec<Found>, next: Found) {
        match (found.last_mut(), next) {
            // CDATA sections and entities split a text.
            (Some(Found::Text(text)), Found::Text(more)) => text.push_str(&more),
            (_, Found::Text(text)) if text.is_empty() => {}
            (_, next) => found.push(next),
        }
    }

    fn scan(xml: &[u8], window: usize) -> Result<Vec<Found>, XmlFault> {
        let mut scanner = Scanner::with_window(xml, window)?;
        let mut found = Vec::new();
        loop {
            let next = match scanner.token()? {
                Token::Start(tag) => {
                    let mut attributes = Vec::new();
                    for attribute in tag.attributes() {
                        let attribute = attribute?;
                        let name = String::from_utf8_lossy(attribute.name).into_owned();
                        attributes.push((name, attribute.text()?.into_owned()));
                    }
                    let name = String::from_utf8_lossy(tag.local_name()).into_owned();
                    let is_empty = tag.is_empty;
                    push(&mut found, Found::Start(name, attributes));
                    match is_empty {
                        true => Found::End,
                        false => continue,
                    }
                }
                Token::End(_) => Found::End,
                Token::Text(raw) => {
                    let mut text = Vec::new();
                    push_text(raw, &mut text)?;
                    Found::Text(String::from_utf8(text).map_err(|_| XmlFault::Encoding)?)
                }
                Token::Data(raw) => Found::Text(String::from_utf8_lossy(raw).into_owned()),
                Token::Finished => return Ok(found),
            };
            push(&mut found, next);
        }
    }

    fn read_by_quick_xml(xml: &str) -> Vec<Found> {
        let mut reader = quick_xml::Reader::from_str(xml);
        let mut found = Vec::new();
        let start = |tag: &quick_xml::events::BytesStart<'_>| {
            let name = tag.local_name().as_ref().to_owned();
            let attributes = tag.attributes().map(|attribute| {
                let attribute = attribute.expect("an attribute");
                let value = quick_xml::escape::unescape(&attribute.value).expect("entities");
                (attribute.key.as_ref().to_owned(), value.into_owned())
            });
            Found::Start(name, attributes.collect())
        };
        loop {
            let next = match reader.read_event().expect("well-formed XML") {
                Event::Start(tag) => start(&tag),
                Event::Empty(tag) => {
                    push(&mut found, start(&tag));
                    Found::End
                }
                Event::End(_) => Found::End,
                Event::Text(text) => Found::Text(text.xml10_content().into_owned()),
                Event::CData(text) => Found::Text(text.into_inner().into_owned()),
                Event::GeneralRef(name) => {
                    let written = format!("&{};", &*name);
                    let text = quick_xml::escape::unescape(&written).expect("an entity");
                    Found::Text(text.into_owned())
                }
                Event::Eof => return found,
                _ => continue,
            };
            push(&mut found, next);
        }
    }

    /// A well-formed piece of a document.
    fn piece() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            "[a-z0-9 \n城关镇>'\"]{1,12}",
            Just("&amp;&lt;&#x4E2D;&#65;&apos;".to_owned()),
            Just("line\r\nline\r".to_owned()),
            Just("<![CDATA[<v>&amp;]]]]>".to_owned()),
            Just("<!-- </v> > & -->".to_owned()),
            Just("<?target <v> > ?>".to_owned()),
        ];
        let tag = (
            "(x:)?[a-z]{1,4}",
            "( [a-z]{1,2} ?= ?\"[a-z0-9 >']{0,5}\")?",
            "( x:[a-z]{1,3}='[a-z\"&]{0}[a-z>\"]{0,4}(&quot;)?')?[ \n]?",
        );
        text.prop_recursive(5, 40, 6, move |inner| {
            let content = prop::collection::vec(inner, 0..6);
            (tag, content).prop_map(|((name, one, other), content)| {
                let content = content.concat();
                match content.is_empty() {
                    true => format!("<{name}{one}{other}/>"),
                    false => format!("<{name}{one}{other}>{content}</{name} >"),
                }
            })
        })
    }

    fn document() -> impl Strategy<Value = String> {
        let head = prop_oneof![
            Just(""),
            Just("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone='yes'?>\n"),
            Just("\u{feff}<?xml version='1.0'?><!-- first -->"),
        ];
        let content = prop::collection::vec(piece(), 0..8);
        (head, content).prop_map(|(head, content)| {
            format!("{head}<root xmlns='a'>{}</root>\n", content.concat())
        })
    }

    proptest! {
        #[test]
        fn well_formed_documents_are_read_as_quick_xml_reads_them(xml in document()) {
            let mut found = scan(xml.as_bytes(), 1 << 16).expect("well-formed XML");
            let mut expected = read_by_quick_xml(&xml);
            // White space before the root is not content.
            let is_outside = |found: &Found| matches!(found, Found::Text(_));
            for found in [&mut found, &mut expected] {
                if found.first().is_some_and(is_outside) {
                    found.remove(0);
                }
            }
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn tokens_do_not_depend_on_the_size_of_the_window(xml in document(), window in 64_usize..200) {
            match scan(xml.as_bytes(), window) {
                Ok(found) => prop_assert_eq!(found, scan(xml.as_bytes(), 1 << 16).expect("read before")),
                Err(fault) => {
                    let is_too_long = matches!(fault, XmlFault::TooLong);
                    prop_assert!(is_too_long, "{:?}", fault);
                }
            }
        }

        #[test]
        fn changed_documents_cause_no_panic(
            xml in document(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            length in any::<prop::sample::Index>(),
        ) {
            let mut xml = xml.into_bytes();
            for (at, byte) in changes {
                let at = at.index(xml.len());
                xml[at] = byte;
            }
            let small = scan(&xml, 100);
            let whole = scan(&xml, 1 << 16);
            if let Ok(found) = small {
                prop_assert_eq!(found, whole.expect("a larger window reads more"));
            }
            xml.truncate(length.index(xml.len()));
            // Only what follows the root element can be cut off without an error.
            if let Ok(found) = scan(&xml, 1 << 16) {
                prop_assert!(found.contains(&Found::End));
            }
        }
    }

    #[test]
    fn malformed_documents_are_refused() {
        for xml in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a></a",
            "<a><b></a></b>",
            "</a>",
            "<a/><b/>",
            "<a b></a>",
            "<a b=c></a>",
            "<a b='c></a>",
            "<a b='c'd='e'/>",
            "<a <b/>",
            "<>",
            "<a>&nbsp;</a>",
            "<a>&#xD800;</a>",
            "<a>&#1114112;</a>",
            "<a>&#+65;</a>",
            "<a>&amp</a>",
            "<a><![CDATA[</a>",
            "<a><!-- </a>",
            "<a><!ELEMENT b></a>",
            "<![CDATA[x]]><a/>",
            "<?xml version='1.0'",
        ] {
            assert!(scan(xml.as_bytes(), 1 << 10).is_err(), "{xml}");
        }
    }

    #[test]
    fn other_encodings_and_document_types_have_their_own_errors() {
        let utf_16: Vec<u8> = "<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf_16_big: Vec<u8> = "<a/>".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for xml in [
            utf_16.clone(),
            utf_16_big,
            [b"\xff\xfe".to_vec(), utf_16].concat(),
            b"<?xml version='1.0' encoding='GB18030'?><a/>".to_vec(),
            b"<?xml version='1.0' encoding='utf-16'?><a/>".to_vec(),
            b"<a b='\xb3\xc7'/>".to_vec(),
        ] {
            assert!(matches!(scan(&xml, 1 << 10), Err(XmlFault::Encoding)));
        }
        for encoding in ["UTF-8", "utf-8", "US-ASCII"] {
            let xml = format!("<?xml version='1.0' encoding='{encoding}'?><a/>");
            assert!(scan(xml.as_bytes(), 1 << 10).is_ok(), "{encoding}");
        }
        for xml in ["<!DOCTYPE a><a/>", "<!doctype a [<!ENTITY b 'c'>]><a/>"] {
            let fault = scan(xml.as_bytes(), 1 << 10);
            assert!(matches!(fault, Err(XmlFault::Doctype)), "{xml}");
        }
    }

    #[test]
    fn escaped_characters_are_decoded() {
        for (written, text) in [
            ("a_x0009_b", "a\tb"),
            ("_x4E2D_", "中"),
            ("_x4e2d_", "中"),
            ("_xD83D__xDE00_", "😀"),
            ("_x005F_x0009_", "_x0009_"),
            ("_x0041__x0042_", "AB"),
            ("_xD83D_", "_xD83D_"),
            ("_xDE00_", "_xDE00_"),
            ("_xD83D_x", "_xD83D_x"),
            ("_xD83D__x0041_", "_xD83D_A"),
            ("_x009_", "_x009_"),
            ("_x00009_", "_x00009_"),
            ("_x+009_", "_x+009_"),
            ("_x", "_x"),
            ("__x0041_", "_A"),
            ("_x_x0041_", "_xA"),
            ("no_name", "no_name"),
        ] {
            let mut bytes = b"before_x0041_".to_vec();
            let start = bytes.len();
            bytes.extend_from_slice(written.as_bytes());
            if may_hold_escapes(&bytes[start..]) {
                decode_escapes(&mut bytes, start);
            }
            let read = String::from_utf8(bytes).expect("UTF-8");
            assert_eq!(read, format!("before_x0041_{text}"), "{written}");
        }
    }
}
