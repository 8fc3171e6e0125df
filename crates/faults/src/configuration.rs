//! Reads TOML configuration and reports all faults at once, each with its line and
//! column.
//!
//! `serde` stops at the first fault, but a clerk who corrects a round file needs
//! all of them. So a document is parsed into a tree of values with their places.
//! Each reader takes the keys it knows from a table and reports the others as
//! unknown.

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use toml::de::{DeTable, DeValue};

use crate::fault::{Fault, FaultCollector, Place, nearest_name_hint};
use crate::personal_number::shown_name;
use crate::text::Text;

/// The largest configuration file (round file, policy, schema, calendar) in bytes. Nobody
/// writes 4 MiB of configuration by hand.
pub const LARGEST_CONFIGURATION: u64 = 4 << 20;

/// A value with its place in the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its byte range in the document.
    pub at: Range<usize>,
}

/// A parsed TOML value.
#[derive(Clone, Debug)]
pub enum Node {
    /// A string.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A decimal number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A local date.
    Date(Date),
    /// A date with a time, a time, or an impossible date. No key accepts it.
    OtherDatetime,
    /// An array.
    Array(Vec<Located<Node>>),
    /// A table, with its keys in the order of the file.
    Table(Vec<Entry>),
}

/// A key of a table with its value.
pub type Entry = (Located<String>, Located<Node>);

/// A parsed TOML file, with its text for computing places; or several such files, whose
/// tables were merged into one. Offsets of a later file are greater than those of the
/// files before it, so that every offset has its own file.
#[derive(Debug)]
pub struct Document {
    /// The last file is the one that the document is read from.
    files: Vec<SourceFile>,
    root: Vec<Entry>,
    syntax: FaultCollector,
}

/// A file of a document.
#[derive(Debug)]
struct SourceFile {
    path: PathBuf,
    digest: String,
    source: String,
    places: PlaceIndex,
    /// The offset of its first byte.
    start: usize,
}

impl Document {
    /// Parses the bytes of a file, at most [`LARGEST_CONFIGURATION`] many. Syntax errors
    /// do not end the parsing, so that the rest is checked too;
    /// [`Document::syntax_faults`] returns them.
    ///
    /// # Errors
    /// If the bytes are not UTF-8.
    pub fn of_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, Fault> {
        let digest = blake3::hash(&bytes).to_hex().to_string();
        let source = String::from_utf8(bytes).map_err(|error| {
            Fault::of_file(
                path,
                Text::new(
                    "配置文件不是 UTF-8 编码",
                    "the configuration file is not UTF-8",
                ),
                Text::new("请另存为 UTF-8", "save it as UTF-8"),
            )
            .at(Place::Line(
                error.as_bytes()[..error.utf8_error().valid_up_to()]
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count() as u64
                    + 1,
            ))
        })?;
        let mut document = Document::parse(path, source);
        if let Some(file) = document.files.first_mut() {
            file.digest = digest;
        }
        Ok(document)
    }

    /// Parses a text; faults name `path` as its file.
    pub fn parse(path: &Path, source: String) -> Self {
        let digest = blake3::hash(source.as_bytes()).to_hex().to_string();
        // Windows editors write a byte-order mark, which TOML does not allow.
        let source = match source.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => source,
        };
        let places = PlaceIndex::new(&source);
        let (root, errors) = DeTable::parse_recoverable(&source);
        let mut syntax = FaultCollector::new();
        for error in errors {
            let start = error.span().map_or(0, |span| span.start);
            let before = source.get(..start).unwrap_or_default();
            let is_after_backslash = before.ends_with('\\')
                || source
                    .get(start..)
                    .is_some_and(|rest| rest.starts_with('\\'));
            let hint = match is_after_backslash {
                true => Text::new(
                    "双引号中的反斜杠另有含义；路径请用 /（\"数据/案件.csv\"）",
                    "in double quotes a backslash has a meaning of its own; write paths with / (\"data/cases.csv\")",
                ),
                false => Text::new("请更正此处的语法", "correct the syntax at this place"),
            };
            syntax.push(
                Fault::of_file(
                    path,
                    Text::new(
                        format!("TOML 语法错误：{}", error.message()),
                        format!("TOML syntax error: {}", error.message()),
                    ),
                    hint,
                )
                .at(places.of(&source, start)),
            );
        }
        let root = nodes_of(root.get_ref());
        Document {
            files: vec![SourceFile {
                path: path.to_path_buf(),
                digest,
                source,
                places,
                start: 0,
            }],
            root,
            syntax,
        }
    }

    /// Puts documents behind each other. The result has no keys yet; the keys of each
    /// document are returned beside it, with their offsets in the result.
    pub fn stacked(documents: Vec<Document>) -> (Self, Vec<Vec<Entry>>) {
        let mut files = Vec::new();
        let mut roots = Vec::new();
        let mut syntax = FaultCollector::new();
        let mut start = 0;
        for mut document in documents {
            for entry in &mut document.root {
                moved(entry, start);
            }
            let mut end = start;
            for mut file in document.files {
                file.start += start;
                // One more than the file's length: its end is a place, too.
                end = file.start + file.source.len() + 1;
                files.push(file);
            }
            start = end;
            roots.push(document.root);
            syntax.extend(document.syntax);
        }
        let stack = Document {
            files,
            root: Vec::new(),
            syntax,
        };
        (stack, roots)
    }

    /// Sets the keys of the top-level table.
    pub fn with_root(mut self, root: Vec<Entry>) -> Self {
        self.root = root;
        self
    }

    /// Returns the keys of the top-level table.
    pub fn entries(&self) -> &[Entry] {
        &self.root
    }

    /// Returns the path of the file; of several, that of the last one.
    pub fn path(&self) -> &Path {
        self.files.last().map_or(Path::new(""), |file| &file.path)
    }

    /// Returns the BLAKE3 digest of the file's bytes, hexadecimal, as `b3sum` prints it; of
    /// several files, that of the last one.
    pub fn digest(&self) -> &str {
        self.files.last().map_or("", |file| &file.digest)
    }

    /// Returns the number of the file, from 0, in which an offset is.
    pub fn file_of(&self, offset: usize) -> usize {
        let after = self.files.partition_point(|file| file.start <= offset);
        after.saturating_sub(1)
    }

    /// Returns the file in which an offset is, and the place in it.
    pub fn place_of(&self, offset: usize) -> (&Path, Option<Place>) {
        match self.files.get(self.file_of(offset)) {
            Some(file) => {
                let place = file.places.of(&file.source, offset - file.start);
                (&file.path, Some(place))
            }
            None => (Path::new(""), None),
        }
    }

    /// Returns the syntax errors of the file.
    pub fn syntax_faults(&self) -> FaultCollector {
        self.syntax.clone()
    }

    /// Returns a reader of the top-level table.
    pub fn root(&self) -> TableReader<'_> {
        TableReader {
            document: self,
            entries: &self.root,
            at: {
                let start = self.files.last().map_or(0, |file| file.start);
                start..start
            },
            known: RefCell::new(Vec::new()),
        }
    }

    /// Returns a fault for each text or key that begins with one of `marks`, which stand
    /// for places that a person must fill in.
    pub fn unfilled(&self, marks: &[&str]) -> FaultCollector {
        let mut faults = FaultCollector::new();
        for (key, value) in &self.root {
            self.find_unfilled(marks, Some(key), value, &mut faults);
        }
        faults
    }

    fn find_unfilled(
        &self,
        marks: &[&str],
        key: Option<&Located<String>>,
        value: &Located<Node>,
        faults: &mut FaultCollector,
    ) {
        let is_marked = |text: &str| marks.iter().any(|mark| text.trim_start().starts_with(mark));
        let mut push = |at: &Range<usize>| {
            let message = match key {
                Some(key) if !is_marked(&key.value) => {
                    let key = shown_name(&key.value);
                    Text::new(format!("{key} 尚未填写"), format!("{key} is not filled in"))
                }
                _ => Text::new("此处尚未填写", "this place is not filled in"),
            };
            faults.push(self.fault(
                at.clone(),
                message,
                Text::new(
                    "请由本轮的经办人填写；日期、是否和数值不加引号",
                    "the person who runs the round fills it in; dates, true, false and numbers are written without quotation marks",
                ),
            ));
        };
        if let Some(key) = key
            && is_marked(&key.value)
        {
            push(&key.at);
        }
        match &value.value {
            Node::String(text) if is_marked(text) => push(&value.at),
            Node::Array(items) => {
                for item in items {
                    self.find_unfilled(marks, None, item, faults);
                }
            }
            Node::Table(entries) => {
                for (key, value) in entries {
                    self.find_unfilled(marks, Some(key), value, faults);
                }
            }
            _ => {}
        }
    }

    /// Creates a fault at a byte range of this document.
    pub fn fault(&self, at: Range<usize>, message: Text, hint: Text) -> Fault {
        let (path, place) = self.place_of(at.start);
        Fault {
            place,
            ..Fault::of_file(path, message, hint)
        }
    }

    /// Returns the byte at which the content of a string begins, so that an offset
    /// into the value can be turned into an offset into the file. For a string with
    /// escapes, returns the start of the string.
    pub fn content_start(&self, at: &Range<usize>) -> usize {
        let file = self.files.get(self.file_of(at.start));
        let raw = file.and_then(|file| {
            let within = at.start.checked_sub(file.start)?..at.end.checked_sub(file.start)?;
            file.source.get(within)
        });
        let raw = raw.unwrap_or_default();
        for quote in ["'''", "\"\"\"", "'", "\""] {
            if let Some(content) = raw.strip_prefix(quote) {
                if quote.starts_with('"') && content.contains('\\') {
                    return at.start;
                }
                let newline = if quote.len() == 3 {
                    content.starts_with("\r\n") as usize * 2 + content.starts_with('\n') as usize
                } else {
                    0
                };
                return at.start + quote.len() + newline;
            }
        }
        at.start
    }

    /// Reads a date from a TOML date or a string `YYYY-MM-DD`.
    pub fn date_of(
        &self,
        node: &Node,
        at: &Range<usize>,
        faults: &mut FaultCollector,
    ) -> Option<Date> {
        let date = match node {
            Node::Date(date) => Some(*date),
            Node::String(text) => text.parse().ok(),
            _ => None,
        };
        if date.is_none() {
            faults.push(self.fault(
                at.clone(),
                Text::new("此处应为日期", "expected a date"),
                Text::new("请写成 2026-09-30 的形式", "write it as 2026-09-30"),
            ));
        }
        date
    }
}

/// Moves an entry and everything in it by a number of bytes.
fn moved(entry: &mut Entry, by: usize) {
    let (key, value) = entry;
    key.at = key.at.start + by..key.at.end + by;
    moved_value(value, by);
}

fn moved_value(value: &mut Located<Node>, by: usize) {
    value.at = value.at.start + by..value.at.end + by;
    match &mut value.value {
        Node::Array(items) => {
            for item in items {
                moved_value(item, by);
            }
        }
        Node::Table(entries) => {
            for entry in entries {
                moved(entry, by);
            }
        }
        _ => {}
    }
}

/// Finds line and column of a byte without reading the text from its start: a file
/// may have as many faults as lines, and all of them on one line.
#[derive(Debug)]
struct PlaceIndex {
    /// The byte at which each line starts.
    line_starts: Vec<usize>,
    /// The number of characters before each block of [`PlaceIndex::BLOCK`] bytes.
    characters: Vec<usize>,
}

impl PlaceIndex {
    const BLOCK: usize = 1024;

    fn new(source: &str) -> Self {
        let line_feeds = source
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n');
        let mut characters = vec![0];
        let mut count = 0;
        for block in source.as_bytes().chunks(Self::BLOCK) {
            count += block.iter().filter(|byte| starts_character(**byte)).count();
            characters.push(count);
        }
        PlaceIndex {
            line_starts: [0]
                .into_iter()
                .chain(line_feeds.map(|(at, _)| at + 1))
                .collect(),
            characters,
        }
    }

    fn of(&self, source: &str, offset: usize) -> Place {
        let offset = offset.min(source.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|index| self.line_starts.get(index));
        let start = start.copied().unwrap_or(0);
        let column = self.characters_before(source, offset) - self.characters_before(source, start);
        Place::LineColumn {
            line,
            column: column + 1,
        }
    }

    fn characters_before(&self, source: &str, offset: usize) -> usize {
        let block = offset / Self::BLOCK;
        let before = self.characters.get(block).copied().unwrap_or(0);
        let rest = source.as_bytes().get(block * Self::BLOCK..offset);
        let rest = rest.unwrap_or_default().iter();
        before + rest.filter(|byte| starts_character(**byte)).count()
    }
}

/// Whether a byte of UTF-8 text is the first of a character.
fn starts_character(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

fn nodes_of(table: &DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| {
            (
                Located {
                    value: key.get_ref().to_string(),
                    at: key.span(),
                },
                Located {
                    value: node_of(value.get_ref()),
                    at: value.span(),
                },
            )
        })
        .collect();
    entries.sort_by_key(|(key, _)| key.at.start);
    entries
}

fn node_of(value: &DeValue<'_>) -> Node {
    match value {
        DeValue::String(text) => Node::String(text.to_string()),
        DeValue::Integer(number) => {
            match i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()) {
                Ok(number) => Node::Integer(number),
                Err(_) => Node::Float(f64::INFINITY),
            }
        }
        DeValue::Float(number) => {
            Node::Float(number.as_str().replace('_', "").parse().unwrap_or(f64::NAN))
        }
        DeValue::Boolean(truth) => Node::Boolean(*truth),
        DeValue::Datetime(datetime) => match (&datetime.date, &datetime.time) {
            (Some(date), None) => {
                let day = i16::try_from(date.year)
                    .ok()
                    .zip(i8::try_from(date.month).ok())
                    .zip(i8::try_from(date.day).ok())
                    .and_then(|((year, month), day)| Date::new(year, month, day).ok());
                day.map_or(Node::OtherDatetime, Node::Date)
            }
            _ => Node::OtherDatetime,
        },
        DeValue::Array(values) => Node::Array(
            values
                .iter()
                .map(|value| Located {
                    value: node_of(value.get_ref()),
                    at: value.span(),
                })
                .collect(),
        ),
        DeValue::Table(table) => Node::Table(nodes_of(table)),
    }
}

/// Reads the keys of one table, remembers which were asked for, and reports the
/// others as unknown.
#[derive(Debug)]
pub struct TableReader<'d> {
    document: &'d Document,
    entries: &'d [Entry],
    at: Range<usize>,
    known: RefCell<Vec<&'static str>>,
}

impl<'d> TableReader<'d> {
    /// Returns the document that contains the table.
    pub fn document(&self) -> &'d Document {
        self.document
    }

    /// Returns the byte range of the table.
    pub fn at(&self) -> &Range<usize> {
        &self.at
    }

    /// Creates a fault at the head of this table.
    pub fn fault_here(&self, message: Text, hint: Text) -> Fault {
        self.document.fault(self.at.clone(), message, hint)
    }

    /// Returns the value of a key.
    pub fn node(&self, key: &'static str) -> Option<&'d Located<Node>> {
        self.known.borrow_mut().push(key);
        self.entries
            .iter()
            .find(|(name, _)| name.value == key)
            .map(|(_, node)| node)
    }

    /// Returns all keys with their values, for tables whose keys are chosen by the
    /// user (for example, names of fields).
    pub fn all(&mut self) -> impl Iterator<Item = (&'d Located<String>, &'d Located<Node>)> {
        self.entries.iter().map(|(key, node)| (key, node))
    }

    fn missing(&self, key: &str, faults: &mut FaultCollector) {
        faults.push(self.fault_here(
            Text::new(format!("缺少“{key}”"), format!("`{key}` is missing")),
            Text::new(format!("请添加 {key} = …"), format!("add {key} = ...")),
        ));
    }

    fn wrong_type(
        &self,
        key: &str,
        at: &Range<usize>,
        expected: Text,
        faults: &mut FaultCollector,
    ) {
        faults.push(self.document.fault(
            at.clone(),
            Text::new(
                format!("“{key}”应为{}", expected.zh),
                format!("`{key}` must be {}", expected.en),
            ),
            Text::new("请更正此值", "correct this value"),
        ));
    }

    fn take<T>(
        &self,
        key: &'static str,
        expected: Text,
        faults: &mut FaultCollector,
        convert: impl Fn(&Node) -> Option<T>,
    ) -> Option<Located<T>> {
        let node = self.node(key)?;
        let value = convert(&node.value);
        if value.is_none() {
            self.wrong_type(key, &node.at, expected, faults);
        }
        value.map(|value| Located {
            value,
            at: node.at.clone(),
        })
    }

    /// Reads an optional string.
    pub fn optional_string(
        &mut self,
        key: &'static str,
        faults: &mut FaultCollector,
    ) -> Option<Located<String>> {
        self.take(
            key,
            Text::new("字符串", "a string"),
            faults,
            |node| match node {
                Node::String(text) => Some(text.clone()),
                _ => None,
            },
        )
    }

    /// Reads a required string, which must not be empty.
    pub fn string(
        &mut self,
        key: &'static str,
        faults: &mut FaultCollector,
    ) -> Option<Located<String>> {
        if self.node(key).is_none() {
            self.missing(key, faults);
            return None;
        }
        let text = self.optional_string(key, faults)?;
        if text.value.trim().is_empty() {
            self.wrong_type(
                key,
                &text.at,
                Text::new("非空字符串", "a non-empty string"),
                faults,
            );
            return None;
        }
        Some(text)
    }

    /// Reads an optional whole number.
    pub fn optional_integer(
        &mut self,
        key: &'static str,
        faults: &mut FaultCollector,
    ) -> Option<Located<i64>> {
        self.take(
            key,
            Text::new("整数", "a whole number"),
            faults,
            |node| match node {
                Node::Integer(number) => Some(*number),
                _ => None,
            },
        )
    }

    /// Reads a required whole number.
    pub fn integer(&mut self, key: &'static str, faults: &mut FaultCollector) -> Option<i64> {
        if self.node(key).is_none() {
            self.missing(key, faults);
            return None;
        }
        self.optional_integer(key, faults)
            .map(|number| number.value)
    }

    /// Reads a required share between 0 and 1.
    pub fn share(&mut self, key: &'static str, faults: &mut FaultCollector) -> Option<f64> {
        if self.node(key).is_none() {
            self.missing(key, faults);
            return None;
        }
        self.take(
            key,
            Text::new("0到1之间的数", "a number between 0 and 1"),
            faults,
            |node| match node {
                Node::Float(number) if (0.0..=1.0).contains(number) => Some(*number),
                Node::Integer(0) => Some(0.0),
                Node::Integer(1) => Some(1.0),
                _ => None,
            },
        )
        .map(|number| number.value)
    }

    /// Reads a required boolean.
    pub fn boolean(&mut self, key: &'static str, faults: &mut FaultCollector) -> Option<bool> {
        if self.node(key).is_none() {
            self.missing(key, faults);
            return None;
        }
        self.optional_boolean(key, faults)
    }

    /// Reads an optional boolean; returns `default` if it is absent.
    pub fn boolean_or(
        &mut self,
        key: &'static str,
        default: bool,
        faults: &mut FaultCollector,
    ) -> bool {
        self.optional_boolean(key, faults).unwrap_or(default)
    }

    fn optional_boolean(&self, key: &'static str, faults: &mut FaultCollector) -> Option<bool> {
        self.take(
            key,
            Text::new("true 或 false", "true or false"),
            faults,
            |node| match node {
                Node::Boolean(truth) => Some(*truth),
                _ => None,
            },
        )
        .map(|truth| truth.value)
    }

    /// Reads a required date.
    pub fn date(
        &mut self,
        key: &'static str,
        faults: &mut FaultCollector,
    ) -> Option<Located<Date>> {
        if self.node(key).is_none() {
            self.missing(key, faults);
            return None;
        }
        self.optional_date(key, faults)
    }

    /// Reads an optional date.
    pub fn optional_date(
        &mut self,
        key: &'static str,
        faults: &mut FaultCollector,
    ) -> Option<Located<Date>> {
        let node = self.node(key)?;
        self.document
            .date_of(&node.value, &node.at, faults)
            .map(|value| Located {
                value,
                at: node.at.clone(),
            })
    }

    /// Reads an optional sentence in both languages, `{ zh = "…", en = "…" }`.
    pub fn optional_text(
        &mut self,
        key: &'static str,
        faults: &mut FaultCollector,
    ) -> Option<Text> {
        let mut table = self.optional_table(key, faults)?;
        let zh = table.string("zh", faults);
        let en = table.string("en", faults);
        table.finish(faults);
        Some(Text::new(zh?.value, en?.value))
    }

    /// Reads a required sentence in both languages.
    pub fn text(&mut self, key: &'static str, faults: &mut FaultCollector) -> Option<Text> {
        if self.node(key).is_none() {
            self.missing(key, faults);
            return None;
        }
        self.optional_text(key, faults)
    }

    /// Reads an optional table.
    pub fn optional_table(
        &mut self,
        key: &'static str,
        faults: &mut FaultCollector,
    ) -> Option<TableReader<'d>> {
        let node = self.node(key)?;
        let reader = self.document.table_at(node);
        if reader.is_none() {
            self.wrong_type(key, &node.at, Text::new("表", "a table"), faults);
        }
        reader
    }

    /// Reads a required table.
    pub fn table(
        &mut self,
        key: &'static str,
        faults: &mut FaultCollector,
    ) -> Option<TableReader<'d>> {
        if self.node(key).is_none() {
            self.missing(key, faults);
            return None;
        }
        self.optional_table(key, faults)
    }

    /// Reads the tables `[[key]]`; returns an empty list if the key is absent.
    pub fn tables(
        &mut self,
        key: &'static str,
        faults: &mut FaultCollector,
    ) -> Vec<TableReader<'d>> {
        let Some(node) = self.node(key) else {
            return Vec::new();
        };
        let Node::Array(items) = &node.value else {
            self.wrong_type(
                key,
                &node.at,
                Text::new("表的数组（[[…]]）", "an array of tables ([[...]])"),
                faults,
            );
            return Vec::new();
        };
        let mut readers = Vec::new();
        for item in items {
            match self.document.table_at(item) {
                Some(reader) => readers.push(reader),
                None => self.wrong_type(key, &item.at, Text::new("表", "a table"), faults),
            }
        }
        readers
    }

    /// Reads an array and converts each item; returns an empty list if the key is
    /// absent.
    pub fn list<T>(
        &mut self,
        key: &'static str,
        faults: &mut FaultCollector,
        mut convert: impl FnMut(&'d Document, &'d Node, &Range<usize>, &mut FaultCollector) -> Option<T>,
    ) -> Vec<Located<T>> {
        let Some(node) = self.node(key) else {
            return Vec::new();
        };
        let Node::Array(items) = &node.value else {
            self.wrong_type(key, &node.at, Text::new("数组", "an array"), faults);
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| {
                convert(self.document, &item.value, &item.at, faults).map(|value| Located {
                    value,
                    at: item.at.clone(),
                })
            })
            .collect()
    }

    /// Reads an array of strings; returns an empty list if the key is absent.
    pub fn strings(
        &mut self,
        key: &'static str,
        faults: &mut FaultCollector,
    ) -> Vec<Located<String>> {
        self.list(key, faults, |document, node, at, faults| match node {
            Node::String(text) => Some(text.clone()),
            _ => {
                faults.push(document.fault(
                    at.clone(),
                    Text::new("此处应为字符串", "expected a string"),
                    Text::new("请加引号", "put it in quotes"),
                ));
                None
            }
        })
    }

    /// Reads an array of dates, each a TOML date or a string `YYYY-MM-DD`; returns an
    /// empty list if the key is absent.
    pub fn dates(&mut self, key: &'static str, faults: &mut FaultCollector) -> Vec<Located<Date>> {
        self.list(key, faults, |document, value, at, faults| {
            document.date_of(value, at, faults)
        })
    }

    /// Reports the keys of this table that were never asked for.
    pub fn finish(self, faults: &mut FaultCollector) {
        let known = self.known.into_inner();
        for (key, _) in self.entries {
            if !known.contains(&key.value.as_str()) {
                faults.push(self.document.fault(
                    key.at.clone(),
                    Text::new(
                        format!("未知的键“{}”", key.value),
                        format!("unknown key `{}`", key.value),
                    ),
                    nearest_name_hint(&key.value, known.iter().copied()),
                ));
            }
        }
    }
}

impl Document {
    /// Returns a reader of the table at a node; `None` if the node is not a table.
    pub fn table_at<'d>(&'d self, node: &'d Located<Node>) -> Option<TableReader<'d>> {
        match &node.value {
            Node::Table(entries) => Some(TableReader {
                document: self,
                entries,
                at: node.at.clone(),
                known: RefCell::new(Vec::new()),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Language;

    #[test]
    fn all_faults_of_a_document_are_reported_with_line_and_column() {
        let document = Document::parse(
            Path::new("round.toml"),
            "rond = \"2026Q3\"\nas_of = \"soon\"\n".into(),
        );
        let mut faults = document.syntax_faults();
        let mut root = document.root();
        root.string("round", &mut faults);
        root.date("as_of", &mut faults);
        root.finish(&mut faults);
        let lines: Vec<String> = faults
            .iter()
            .map(|fault| fault.render(Language::English))
            .collect();
        assert_eq!(
            lines,
            [
                "round.toml:1:1: `round` is missing\n  add round = ...",
                "round.toml:2:9: expected a date\n  write it as 2026-09-30",
                "round.toml:1:1: unknown key `rond`\n  did you mean `round`?",
            ]
        );
    }

    #[test]
    fn places_are_those_of_a_reading_from_the_start() {
        let texts = [
            String::new(),
            "a = 1\n人 = '张三'\r\n\n\tb = 2".to_owned(),
            format!("x = '{}'\n{}y = 1", "人a".repeat(3000), "\n".repeat(2000)),
        ];
        for text in texts {
            let places = PlaceIndex::new(&text);
            for (offset, _) in text.char_indices().chain([(text.len(), ' ')]) {
                let before = &text[..offset];
                let last = before.rsplit('\n').next().unwrap_or_default();
                let expected = Place::LineColumn {
                    line: before.matches('\n').count() + 1,
                    column: last.chars().count() + 1,
                };
                // Every place of a short text, and some of a long one.
                if text.len() < 100 || offset % 97 == 0 {
                    assert_eq!(places.of(&text, offset), expected, "{offset}");
                }
            }
        }
    }

    #[test]
    fn content_start_of_a_multi_line_literal_string_skips_the_quotes() {
        let source = "when = '''\nabc = 1\n'''\n";
        let document = Document::parse(Path::new("p.toml"), source.into());
        let node = document.root().node("when").map(|node| node.at.clone());
        let start = document.content_start(&node.unwrap_or_default());
        assert_eq!(&source[start..start + 3], "abc");
    }
}
