//! Reading TOML configuration so that every fault is found at once and every
//! fault has its line and column.
//!
//! `serde` stops at the first fault; a clerk who corrects a round file wants
//! them all. So a document is parsed into a tree with places, and each reader
//! takes the keys it knows from a table and reports what is left.

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use toml::de::{DeTable, DeValue};

use crate::fault::{Fault, FaultCollector, Faults, Place, nearest_name_hint};
use crate::text::Text;

/// A configuration file larger than this is refused: none is, and a parser
/// should not be fed what nobody wrote by hand.
const LARGEST_DOCUMENT: u64 = 4 << 20;

/// A value with the bytes it stands at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// The bytes of the document it stands at.
    pub at: Range<usize>,
}

/// A parsed value of a document.
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
    /// A date with a time, or an impossible one: never what a key here wants.
    OtherDatetime,
    /// An array.
    Array(Vec<Located<Node>>),
    /// A table, keys in the order of the file.
    Table(Vec<(Located<String>, Located<Node>)>),
}

/// A TOML file with its text, for places.
#[derive(Debug)]
pub struct Document {
    path: PathBuf,
    digest: String,
    source: String,
    root: Vec<(Located<String>, Located<Node>)>,
    syntax: FaultCollector,
}

impl Document {
    /// Reads and parses a file. Faults of syntax are kept until
    /// [`Document::syntax_faults`] is asked, so that the rest is checked too.
    ///
    /// # Errors
    /// When the file cannot be read, is not UTF-8 or is larger than 4 MiB.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        let metadata = std::fs::metadata(path).map_err(|error| Fault::unreadable(path, &error))?;
        if metadata.len() > LARGEST_DOCUMENT {
            return Err(Fault::of_file(
                path,
                Text::new(
                    "配置文件超过4 MiB",
                    "the configuration file is larger than 4 MiB",
                ),
                Text::new("请检查是否选错了文件", "check that this is the right file"),
            )
            .into());
        }
        let bytes = std::fs::read(path).map_err(|error| Fault::unreadable(path, &error))?;
        let digest = blake3::hash(&bytes).to_hex().to_string();
        let source = String::from_utf8(bytes).map_err(|error| {
            Fault::of_file(
                path,
                Text::new(
                    "配置文件不是UTF-8编码",
                    "the configuration file is not UTF-8",
                ),
                Text::new("请另存为UTF-8", "save it as UTF-8"),
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
        document.digest = digest;
        Ok(document)
    }

    /// Parses a text that stands for the file `path`.
    pub fn parse(path: &Path, source: String) -> Self {
        let digest = blake3::hash(source.as_bytes()).to_hex().to_string();
        // A byte-order mark is what Windows editors leave; TOML does not know it.
        let source = match source.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => source,
        };
        let (root, errors) = DeTable::parse_recoverable(&source);
        let mut syntax = FaultCollector::new();
        for error in errors {
            let start = error.span().map_or(0, |span| span.start);
            syntax.push(
                Fault::of_file(
                    path,
                    Text::new(
                        format!("TOML语法错误：{}", error.message()),
                        format!("TOML syntax error: {}", error.message()),
                    ),
                    Text::new("请更正此处的语法", "correct the syntax at this place"),
                )
                .at(line_column(&source, start)),
            );
        }
        let root = nodes_of(root.get_ref());
        Document {
            path: path.to_path_buf(),
            digest,
            source,
            root,
            syntax,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// BLAKE3 digest of the file's bytes, hexadecimal, as `b3sum` gives it.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The text of the file.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What the parser found wrong.
    pub fn syntax_faults(&self) -> FaultCollector {
        self.syntax.clone()
    }

    /// The table of the whole file.
    pub fn root(&self) -> TableReader<'_> {
        TableReader {
            document: self,
            entries: &self.root,
            at: 0..0,
            known: RefCell::new(Vec::new()),
        }
    }

    /// A fault at a place in this document.
    pub fn fault(&self, at: Range<usize>, message: Text, hint: Text) -> Fault {
        Fault::of_file(&self.path, message, hint).at(line_column(&self.source, at.start))
    }

    /// The byte at which the content of a string begins, when the string is
    /// written without escapes, so that an offset into the value is an offset
    /// into the file.
    pub fn content_start(&self, at: &Range<usize>) -> usize {
        let raw = self.source.get(at.clone()).unwrap_or_default();
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

    /// A date from a TOML date or a string `YYYY-MM-DD`.
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
                Text::new("此处应为日期", "a date is wanted here"),
                Text::new("请写成 2026-09-30 的形式", "write it as 2026-09-30"),
            ));
        }
        date
    }
}

fn line_column(source: &str, offset: usize) -> Place {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |last| last.chars().count())
        + 1;
    Place::LineColumn { line, column }
}

fn nodes_of(table: &DeTable<'_>) -> Vec<(Located<String>, Located<Node>)> {
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

/// Takes the keys of one table, remembers which were asked for, and reports
/// those that nobody knows.
#[derive(Debug)]
pub struct TableReader<'d> {
    document: &'d Document,
    entries: &'d [(Located<String>, Located<Node>)],
    at: Range<usize>,
    known: RefCell<Vec<&'static str>>,
}

impl<'d> TableReader<'d> {
    /// The document the table stands in.
    pub fn document(&self) -> &'d Document {
        self.document
    }

    /// A fault at the head of this table.
    pub fn fault_here(&self, message: Text, hint: Text) -> Fault {
        self.document.fault(self.at.clone(), message, hint)
    }

    /// The node under a key.
    pub fn node(&self, key: &'static str) -> Option<&'d Located<Node>> {
        self.known.borrow_mut().push(key);
        self.entries
            .iter()
            .find(|(name, _)| name.value == key)
            .map(|(_, node)| node)
    }

    /// All keys with their nodes; for tables whose keys are names of something else.
    pub fn all(&mut self) -> impl Iterator<Item = (&'d Located<String>, &'d Located<Node>)> {
        self.entries.iter().map(|(key, node)| (key, node))
    }

    fn missing(&self, key: &str, faults: &mut FaultCollector) {
        faults.push(self.fault_here(
            Text::new(format!("缺少“{key}”"), format!("`{key}` is missing")),
            Text::new(format!("请添加 {key} = …"), format!("add {key} = ...")),
        ));
    }

    fn wrong_type(&self, key: &str, at: &Range<usize>, wanted: Text, faults: &mut FaultCollector) {
        faults.push(self.document.fault(
            at.clone(),
            Text::new(
                format!("“{key}”应为{}", wanted.zh),
                format!("`{key}` must be {}", wanted.en),
            ),
            Text::new("请更正此值", "correct this value"),
        ));
    }

    fn take<T>(
        &self,
        key: &'static str,
        wanted: Text,
        faults: &mut FaultCollector,
        convert: impl Fn(&Node) -> Option<T>,
    ) -> Option<Located<T>> {
        let node = self.node(key)?;
        let value = convert(&node.value);
        if value.is_none() {
            self.wrong_type(key, &node.at, wanted, faults);
        }
        value.map(|value| Located {
            value,
            at: node.at.clone(),
        })
    }

    /// A string that may be absent.
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

    /// A string that must be there and not be empty.
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
                Text::new("非空字符串", "a string that is not empty"),
                faults,
            );
            return None;
        }
        Some(text)
    }

    /// A whole number that may be absent.
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

    /// A whole number that must be there.
    pub fn integer(&mut self, key: &'static str, faults: &mut FaultCollector) -> Option<i64> {
        if self.node(key).is_none() {
            self.missing(key, faults);
            return None;
        }
        self.optional_integer(key, faults)
            .map(|number| number.value)
    }

    /// A share between 0 and 1 that must be there.
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

    /// True or false that must be there.
    pub fn boolean(&mut self, key: &'static str, faults: &mut FaultCollector) -> Option<bool> {
        if self.node(key).is_none() {
            self.missing(key, faults);
            return None;
        }
        self.optional_boolean(key, faults)
    }

    /// True or false; `default` when absent.
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
            Text::new("true或false", "true or false"),
            faults,
            |node| match node {
                Node::Boolean(truth) => Some(*truth),
                _ => None,
            },
        )
        .map(|truth| truth.value)
    }

    /// A date that must be there.
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

    /// A date that may be absent.
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

    /// A sentence in both languages, `{ zh = "…", en = "…" }`, that may be absent.
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

    /// A sentence in both languages that must be there.
    pub fn text(&mut self, key: &'static str, faults: &mut FaultCollector) -> Option<Text> {
        if self.node(key).is_none() {
            self.missing(key, faults);
            return None;
        }
        self.optional_text(key, faults)
    }

    /// A table that may be absent.
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

    /// A table that must be there.
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

    /// The tables `[[key]]`; none when absent.
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

    /// The items of an array, each converted; none when absent.
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

    /// The strings of an array; none when absent.
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
                    Text::new("此处应为字符串", "a string is wanted here"),
                    Text::new("请加引号", "put it in quotes"),
                ));
                None
            }
        })
    }

    /// The dates of an array, each a TOML date or a string `YYYY-MM-DD`; none
    /// when absent.
    pub fn dates(&mut self, key: &'static str, faults: &mut FaultCollector) -> Vec<Located<Date>> {
        self.list(key, faults, |document, value, at, faults| {
            document.date_of(value, at, faults)
        })
    }

    /// Reports the keys of this table that nobody asked for.
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
    /// A reader of the table at a node, when it is one.
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
    fn all_faults_of_a_document_are_reported_with_their_places() {
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
                "round.toml:2:9: a date is wanted here\n  write it as 2026-09-30",
                "round.toml:1:1: unknown key `rond`\n  did you mean `round`?",
            ]
        );
    }

    #[test]
    fn the_content_of_a_literal_string_is_found_in_the_file() {
        let source = "when = '''\nabc = 1\n'''\n";
        let document = Document::parse(Path::new("p.toml"), source.into());
        let node = document.root().node("when").map(|node| node.at.clone());
        let start = document.content_start(&node.unwrap_or_default());
        assert_eq!(&source[start..start + 3], "abc");
    }
}
