//! Faults: what is wrong, where, and what to do about it.
//!
//! A fault never contains the value of a cell, because it may be an ID number. It
//! may quote a configuration file, a schema or a policy.

use std::path::{Path, PathBuf};

use crate::personal_number::{shown_message, shown_name, shown_path};
use crate::text::{Language, Text};

/// The place of a fault in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line and a column.
    LineColumn {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// A place in a JSON document, as a JSON pointer (RFC 6901).
    Pointer(String),
    /// A record of an export.
    Record {
        /// Record number below the header, from 1.
        record: u64,
        /// Line on which the record starts, from 1.
        line: u64,
    },
    /// A line, from 1.
    Line(u64),
}

impl Place {
    /// The line, from 1; `None` for a place in a JSON document.
    pub fn line(&self) -> Option<u64> {
        match self {
            Place::LineColumn { line, .. } => u64::try_from(*line).ok(),
            Place::Record { line, .. } | Place::Line(line) => Some(*line),
            Place::Pointer(_) => None,
        }
    }
}

/// One thing that is wrong, with its place and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// The place in the file, if it is known.
    pub place: Option<Place>,
    /// What happened.
    pub message: Text,
    /// What to do next.
    pub hint: Text,
}

impl Fault {
    /// Creates a fault of a whole file.
    pub fn of_file(file: &Path, message: Text, hint: Text) -> Self {
        Fault {
            file: file.to_path_buf(),
            place: None,
            message,
            hint,
        }
    }

    /// Sets the place.
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Creates the fault of a file that could not be read. `error` is the system's
    /// reason; it contains nothing from the file.
    pub fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let reason = io_reason(error);
        let hint = match Refusal::of(error) {
            None => Text::new(
                "请检查路径和读取权限",
                "check the path and that you may read it",
            ),
            Some(_) => Text::new("请检查文件是否选错", "check that this is the right file"),
        };
        Fault::of_file(
            file,
            Text::new(
                format!("无法读取文件：{}", reason.zh),
                format!("the file cannot be read: {}", reason.en),
            ),
            hint,
        )
    }

    /// Creates the fault of a file that changed while it was being read.
    pub fn changed_while_read(file: &Path) -> Self {
        Fault::of_file(
            file,
            Text::new(
                "文件在读取过程中被改动",
                "the file changed while it was being read",
            ),
            Text::new(
                "请等文件写入完成后重新运行",
                "wait until the file is complete, then run again",
            ),
        )
    }

    /// Returns the fault as two lines: what happened and where, then what to do.
    ///
    /// The text is safe to print. A path or a field that it quotes may contain a number that
    /// identifies a person, or a key, so these are blacked out ([`shown_message`]). Line
    /// breaks are the only control characters.
    pub fn render(&self, language: Language) -> String {
        let file = shown_path(&self.file);
        let place = match (&self.place, language) {
            (None, _) => String::new(),
            (Some(Place::LineColumn { line, column }), _) => format!(":{line}:{column}"),
            (Some(Place::Pointer(pointer)), _) => format!("#{}", shown_name(pointer)),
            (Some(Place::Record { record, line }), Language::Chinese) => {
                format!("（第{record}条记录，第{line}行）")
            }
            (Some(Place::Record { record, line }), Language::English) => {
                format!(" (record {record}, line {line})")
            }
            (Some(Place::Line(line)), Language::Chinese) => format!("（第{line}行）"),
            (Some(Place::Line(line)), Language::English) => format!(" (line {line})"),
        };
        format!(
            "{file}{place}: {}\n  {}",
            shown_message(self.message.in_language(language)),
            shown_message(self.hint.in_language(language))
        )
    }
}

/// Why a file is not read although the system would allow it. Converted to an
/// [`std::io::Error`], it keeps its words for [`io_reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is a link, and could lead anywhere.
    Link,
    /// It is a pipe, a device or a socket: reading might never end.
    NotRegular,
    /// Folders are nested deeper than any that a step writes.
    TooDeep,
    /// It is larger than such files can be.
    TooLarge {
        /// The limit in bytes.
        at_most: u64,
    },
}

impl Refusal {
    fn of(error: &std::io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }

    fn text(self) -> Text {
        match self {
            Refusal::Link => Text::new("这是链接", "it is a link"),
            Refusal::NotRegular => Text::new(
                "这是管道、设备或套接字",
                "it is a pipe, a device or a socket",
            ),
            Refusal::TooDeep => Text::new("文件夹嵌套过深", "folders are nested too deeply"),
            Refusal::TooLarge { at_most } => {
                let size = size_text(at_most);
                Text::new(
                    format!("大于{}", size.zh),
                    format!("it is larger than {}", size.en),
                )
            }
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text().en)
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for std::io::Error {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::Link | Refusal::NotRegular | Refusal::TooDeep => {
                std::io::ErrorKind::InvalidInput
            }
            Refusal::TooLarge { .. } => std::io::ErrorKind::FileTooLarge,
        };
        std::io::Error::new(kind, refusal)
    }
}

/// Writes a number of bytes in the largest unit that divides it.
pub fn size_text(bytes: u64) -> Text {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        let count = bytes >> shift;
        if count > 0 && count << shift == bytes {
            return Text::new(format!("{count} {unit}"), format!("{count} {unit}"));
        }
    }
    Text::new(format!("{bytes}字节"), format!("{bytes} bytes"))
}

/// Returns the system's reason why a file could not be read or written.
pub fn io_reason(error: &std::io::Error) -> Text {
    use std::io::ErrorKind;
    if let Some(refusal) = Refusal::of(error) {
        return refusal.text();
    }
    let kind = error.kind();
    let zh = match kind {
        ErrorKind::NotFound => "文件或文件夹不存在",
        ErrorKind::PermissionDenied => "没有权限",
        ErrorKind::AlreadyExists => "已存在",
        ErrorKind::IsADirectory => "这是文件夹",
        ErrorKind::NotADirectory => "路径中有一段不是文件夹",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "磁盘已满",
        ErrorKind::ReadOnlyFilesystem => "磁盘只读",
        ErrorKind::FileTooLarge => "文件超过允许的大小",
        // EIO: typically a failing disk.
        _ if error.raw_os_error() == Some(5) => {
            return Text::new("磁盘读写错误", "the disk reported an error");
        }
        _ => return Text::new(kind.to_string(), kind.to_string()),
    };
    let en = match kind {
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        _ => kind.to_string(),
    };
    Text::new(zh, en)
}

/// One or more faults that made an operation fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    first: Fault,
    others: Vec<Fault>,
}

impl Faults {
    /// Iterates over the faults in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Changes every fault.
    pub fn map(self, mut change: impl FnMut(Fault) -> Fault) -> Self {
        Faults {
            first: change(self.first),
            others: self.others.into_iter().map(change).collect(),
        }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Faults {
            first: fault,
            others: Vec::new(),
        }
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::iter::Chain<std::iter::Once<Fault>, std::vec::IntoIter<Fault>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self.first).chain(self.others)
    }
}

/// Collects faults, so that all of them are reported at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultCollector(Vec<Fault>);

impl FaultCollector {
    /// Creates an empty collector.
    pub fn new() -> Self {
        FaultCollector::default()
    }

    /// Adds a fault.
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Adds several faults.
    pub fn extend(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.0.extend(faults);
    }

    /// Returns the value of a result, or adds its faults and returns `None`.
    pub fn take<T>(&mut self, result: Result<T, impl Into<Faults>>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(faults) => {
                self.extend(faults.into());
                None
            }
        }
    }

    /// Returns whether no fault was added.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over the faults in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    /// Returns the collected faults as an error.
    ///
    /// # Errors
    /// The faults, if there are any.
    pub fn finish(self) -> Result<(), Faults> {
        let mut faults = self.0.into_iter();
        match faults.next() {
            None => Ok(()),
            Some(first) => Err(Faults {
                first,
                others: faults.collect(),
            }),
        }
    }

    /// Returns the value, or the collected faults as an error.
    ///
    /// # Errors
    /// The faults, if there are any. A missing value without a fault is a defect of
    /// the program; it is reported as an internal error.
    pub fn or_value<T>(self, value: Option<T>) -> Result<T, Faults> {
        self.finish()?;
        value.ok_or_else(|| internal_error().into())
    }

    /// Returns the faults; if there is none, that is an internal error.
    pub fn into_faults(self) -> Faults {
        match self.finish() {
            Err(faults) => faults,
            Ok(()) => internal_error().into(),
        }
    }
}

impl IntoIterator for FaultCollector {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A defect of the program. It names the program in place of a file.
fn internal_error() -> Fault {
    Fault::of_file(
        Path::new("aidlink"),
        Text::new("程序内部错误", "internal error"),
        Text::new("请报告此问题", "please report it"),
    )
}

/// Returns the known name that is most similar to a misspelt one, if one is similar
/// enough.
pub fn nearest_name<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .filter(|(distance, name)| *distance <= 2.max(name.chars().count() / 3))
        .min()
        .map(|(_, name)| name)
}

/// The most names that a hint lists: a hostile workbook may have any number of sheets.
const MAX_NAMES_IN_HINT: usize = 60;

/// Returns a hint with the most similar known name, or with all known names if none
/// is similar. The names may come from outside (sheets of a workbook), so each is
/// passed through [`shown_name`].
pub fn nearest_name_hint<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Text {
    match nearest_name(written, known.clone()) {
        Some(name) => {
            let name = shown_name(name);
            Text::new(
                format!("是否应为“{name}”？"),
                format!("did you mean `{name}`?"),
            )
        }
        None => {
            let mut names: Vec<&str> = known.into_iter().collect();
            names.sort_unstable();
            names.dedup();
            let more = if names.len() > MAX_NAMES_IN_HINT {
                ", …"
            } else {
                ""
            };
            let names: Vec<_> = names
                .into_iter()
                .take(MAX_NAMES_IN_HINT)
                .map(shown_name)
                .collect();
            let names = names.join(", ") + more;
            Text::new(
                format!("可用的名称：{names}"),
                format!("known names: {names}"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rendered_fault_has_no_personal_number_and_no_control_character() {
        let fault = Fault::of_file(
            Path::new("/round/44990119900101011X/电话138\t0000 1234\u{202e}.csv"),
            Text::new("表头“449901\n19900101\n011X\u{1b}[31m”", "two\nlines"),
            Text::new("请核对", "write to 0751-2000000"),
        )
        .at(Place::LineColumn {
            line: 138,
            column: 7,
        });
        assert_eq!(
            fault.render(Language::Chinese),
            "/round/***/电话***.csv:138:7: 表头“*** [31m”\n  请核对"
        );
        assert_eq!(
            fault.render(Language::English),
            "/round/***/电话***.csv:138:7: two\nlines\n  write to ***"
        );
    }

    #[test]
    fn hint_lists_a_limited_number_of_names_without_personal_numbers() {
        let sheets = ["名单\n13800001234", "449901\t19900101\t011X"];
        let hint = nearest_name_hint("veterans", sheets);
        assert_eq!(hint.zh, "可用的名称：***, 名单 ***");
        let near = nearest_name_hint("名单13800001235", ["名单13800001234"]);
        assert_eq!(near.en, "did you mean `名单***`?");
        let many: Vec<String> = (0..5000).map(|sheet| format!("sheet {sheet}")).collect();
        let hint = nearest_name_hint("veterans", many.iter().map(String::as_str));
        assert!(
            hint.en.len() < 1000 && hint.en.ends_with(", …"),
            "{}",
            hint.en
        );
    }

    #[test]
    fn nearest_name_is_found_for_a_misspelling_only() {
        let known = ["injury_level", "property_loss", "sealed"];
        assert_eq!(nearest_name("injury_levle", known), Some("injury_level"));
        assert_eq!(nearest_name("property_los", known), Some("property_loss"));
        assert_eq!(nearest_name("zzzzzzzz", known), None);
    }
}
