//! Errors of the reader: the file is not a workbook, a part of it is wrong, or it
//! exceeds a limit. An error never contains the content of a cell.

use std::fmt;
use std::io;

use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;

use crate::limits;
use crate::xml::XmlFault;

/// A place in a workbook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The part of the package, such as `xl/worksheets/sheet1.xml`.
    pub part: String,
    /// The name of the sheet, if the part is a sheet.
    pub sheet: Option<String>,
    /// The row that was being read, counted from 1.
    pub row: Option<u32>,
    /// The column, counted from 1.
    pub column: Option<u32>,
}

/// The kind of a file that is not a workbook of the expected format, judged by its content
/// and not by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherFile {
    /// An empty file.
    Empty,
    /// A workbook with a password.
    Protected,
    /// A workbook protected by a rights service (IRM).
    RightsManaged,
    /// An XLS workbook of Excel 97 to 2003.
    Xls,
    /// An OpenDocument file, such as an ODS spreadsheet.
    OpenDocument,
    /// An OpenDocument file that is not a spreadsheet, such as a text document.
    OtherOpenDocument,
    /// Another compound file, such as a Word document from before 2007.
    CompoundFile,
    /// Another archive or package, such as a Word document.
    Archive,
    /// Any other file.
    Unknown,
}

/// A limit in [`limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// [`limits::MOST_CELL_CHARACTERS`].
    CellCharacters,
    /// [`limits::MOST_COLUMNS`].
    Columns,
    /// [`limits::MOST_ROWS`].
    Rows,
    /// [`limits::MOST_SHEETS`].
    Sheets,
    /// [`limits::MOST_RELATIONSHIPS`].
    Relationships,
    /// [`limits::MOST_STYLES`].
    Styles,
    /// [`limits::MOST_MERGED_AREAS`].
    MergedAreas,
    /// [`limits::MOST_SHARED_BYTES`].
    SharedBytes,
    /// [`limits::MOST_SHARED_STRINGS`].
    SharedStrings,
    /// [`limits::MOST_ROW_BYTES`].
    RowBytes,
    /// [`limits::MOST_CARRIED_BYTES`].
    CarriedBytes,
    /// [`limits::MOST_DEPTH`].
    Depth,
    /// [`limits::MOST_TOKEN_BYTES`].
    TokenBytes,
    /// [`limits::MOST_ATTRIBUTE_BYTES`].
    AttributeBytes,
    /// The unpacked size of the part: [`limits::MOST_RATIO`] and the constants after it.
    PartBytes(u64),
    /// What all parts that are read may unpack to together:
    /// [`limits::ALWAYS_TOGETHER`] and [`limits::MOST_RATIO`].
    PartsTogether(u64),
    /// The caller's [`limits::TextBudget`].
    Text(u64),
}

impl Bound {
    /// Returns the limit as a number.
    pub fn limit(self) -> u64 {
        let limit = match self {
            Bound::CellCharacters => limits::MOST_CELL_CHARACTERS,
            Bound::Columns => limits::MOST_COLUMNS as usize,
            Bound::Rows => limits::MOST_ROWS as usize,
            Bound::Sheets => limits::MOST_SHEETS,
            Bound::Relationships => limits::MOST_RELATIONSHIPS,
            Bound::Styles => limits::MOST_STYLES,
            Bound::MergedAreas => limits::MOST_MERGED_AREAS,
            Bound::SharedBytes => limits::MOST_SHARED_BYTES,
            Bound::SharedStrings => limits::MOST_SHARED_STRINGS,
            Bound::RowBytes => limits::MOST_ROW_BYTES,
            Bound::CarriedBytes => limits::MOST_CARRIED_BYTES,
            Bound::Depth => limits::MOST_DEPTH,
            Bound::TokenBytes => limits::MOST_TOKEN_BYTES,
            Bound::AttributeBytes => limits::MOST_ATTRIBUTE_BYTES,
            Bound::PartBytes(limit) | Bound::PartsTogether(limit) | Bound::Text(limit) => {
                return limit;
            }
        };
        limit as u64
    }

    fn text(self) -> Text {
        let n = self.limit();
        match self {
            Bound::CellCharacters => Text::new(
                format!("单元格超过{n}个字符"),
                format!("a cell has more than {n} characters"),
            ),
            Bound::Columns => Text::new(
                format!("单元格位于第{n}列以外"),
                format!("a cell is beyond column {n}"),
            ),
            Bound::Rows => Text::new(format!("行号超过{n}"), format!("a row is beyond row {n}")),
            Bound::Sheets => Text::new(format!("工作表超过{n}个"), format!("more than {n} sheets")),
            Bound::Relationships => Text::new(
                format!("部件关系超过{n}个"),
                format!("more than {n} relationships"),
            ),
            Bound::Styles => Text::new(
                format!("单元格格式超过{n}种"),
                format!("more than {n} cell formats"),
            ),
            Bound::MergedAreas => Text::new(
                format!("合并区域超过{n}个"),
                format!("more than {n} merged areas"),
            ),
            Bound::SharedBytes => Text::new(
                format!("共享文本合计超过{n}字节"),
                format!("the shared texts have more than {n} bytes in total"),
            ),
            Bound::SharedStrings => Text::new(
                format!("共享文本超过{n}个"),
                format!("more than {n} shared texts"),
            ),
            Bound::RowBytes => Text::new(
                format!("一行的文本超过{n}字节"),
                format!("a row has more than {n} bytes of text"),
            ),
            Bound::CarriedBytes => Text::new(
                format!("合并区域的文本合计超过{n}字节"),
                format!("the texts of merged areas have more than {n} bytes in total"),
            ),
            Bound::Depth => Text::new(
                format!("XML 嵌套超过{n}层"),
                format!("XML of more than {n} levels"),
            ),
            Bound::TokenBytes => Text::new(
                format!("一个标记、记录或一段文本超过{n}字节"),
                format!("a tag, record or text of more than {n} bytes"),
            ),
            Bound::AttributeBytes => Text::new(
                format!("一个名称或属性超过{n}字节"),
                format!("a name or attribute of more than {n} bytes"),
            ),
            Bound::PartBytes(_) => Text::new(
                format!("解压后超过{n}字节"),
                format!("it unpacks to more than {n} bytes"),
            ),
            Bound::PartsTogether(_) => Text::new(
                format!("各部件解压后合计超过{n}字节"),
                format!("the parts of the workbook unpack to more than {n} bytes together"),
            ),
            Bound::Text(_) => Text::new(
                format!("展开后的文本超过{n}字节"),
                format!("written out, its text is more than {n} bytes"),
            ),
        }
    }
}

/// An error in a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The part is not well-formed XML.
    NotXml,
    /// A binary record is too short for its fields, or a field has an unknown value.
    Record,
    /// The part is incomplete.
    CutShort,
    /// The part has a document type declaration, which is not allowed.
    Doctype,
    /// The part is not in UTF-8, or declares another encoding.
    Encoding,
    /// The checksum or the compressed data of the part is wrong.
    Damaged,
    /// The part is compressed by a method that workbooks do not use.
    Packing,
    /// The part does not hold what a part of its kind must hold.
    OtherContent,
    /// A part goes on after its last record.
    AfterEnd,
    /// A sheet has two tables of cells.
    SecondTable,
    /// A sheet has rows or cells outside its table.
    OutsideTable,
    /// A row number or cell reference is invalid.
    Reference,
    /// Row numbers do not increase.
    RowOrder,
    /// The reference of a cell names another row than the one it is in.
    CellOfOtherRow,
    /// Two cells have the same position.
    CellTwice,
    /// A cell has two values.
    ValueTwice,
    /// A cell has an unknown type.
    CellKind,
    /// A cell refers to a shared string that does not exist.
    NoSharedString,
    /// A number refers to a cell format that does not exist.
    NoFormat,
    /// The table of cells or a text has alternative content (`mc:AlternateContent`).
    Alternatives,
}

impl Problem {
    fn text(self) -> Text {
        let (zh, en) = match self {
            Problem::NotXml => ("XML 格式错误", "it is not well-formed XML"),
            Problem::Record => ("二进制记录格式错误", "a binary record is malformed"),
            Problem::CutShort => ("内容不完整", "it is cut short"),
            Problem::Doctype => ("含有文档类型声明", "it has a document type declaration"),
            Problem::Encoding => ("不是 UTF-8 编码", "it is not in UTF-8"),
            Problem::Damaged => ("压缩数据已损坏", "its packed data is damaged"),
            Problem::Packing => (
                "压缩方法不受支持",
                "its compression method is not supported",
            ),
            Problem::OtherContent => ("内容与部件类型不符", "it does not contain what it should"),
            Problem::AfterEnd => ("结束记录之后还有内容", "it goes on after its last record"),
            Problem::SecondTable => ("有两个数据区", "it has two tables of cells"),
            Problem::OutsideTable => (
                "数据区之外还有行或单元格",
                "it has rows or cells outside its table",
            ),
            Problem::Reference => (
                "行号或单元格位置无效",
                "a row number or cell reference is invalid",
            ),
            Problem::RowOrder => (
                "行号没有递增",
                "the row number is not larger than that of the row before",
            ),
            Problem::CellOfOtherRow => (
                "单元格位置与所在行不一致",
                "the reference of a cell names another row",
            ),
            Problem::CellTwice => ("同一位置有两个单元格", "two cells have the same position"),
            Problem::ValueTwice => ("单元格有两个值", "a cell has two values"),
            Problem::CellKind => ("单元格类型未知", "a cell has an unknown type"),
            Problem::NoSharedString => (
                "单元格引用的共享文本不存在",
                "a cell refers to a shared text that does not exist",
            ),
            Problem::NoFormat => (
                "数值引用的单元格格式不存在",
                "a number refers to a cell format that does not exist",
            ),
            Problem::Alternatives => (
                "内容含有备选部分 (AlternateContent)，不支持读取",
                "it has alternative content (AlternateContent), which is not supported",
            ),
        };
        Text::new(zh, en)
    }
}

/// Why a workbook or a sheet cannot be read.
#[derive(Debug)]
pub enum WorkbookError {
    /// The system could not read the file.
    Unreadable(io::Error),
    /// The file is not a workbook of the expected format.
    Other(OtherFile),
    /// The directory of the archive is damaged or incomplete.
    DamagedArchive,
    /// The archive does not contain this part.
    NoPart(String),
    /// The archive has two parts of the same name, and programs may differ in which
    /// one they read. The name is known if the two differ in case or slashes.
    PartTwice(Option<String>),
    /// A part has an error.
    Wrong(Problem, Place),
    /// The workbook exceeds a limit.
    Beyond(Bound, Place),
    /// The workbook has no sheet with this index, counted from 0.
    NoSheet(usize),
    /// The archive has no part for the sheet of this name.
    NoPartOfSheet(String),
}

impl WorkbookError {
    /// Returns the place of the error, if it has one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            WorkbookError::Wrong(_, place) | WorkbookError::Beyond(_, place) => Some(place),
            _ => None,
        }
    }

    /// Returns a sentence that describes the error. It names parts and sheets, and
    /// contains no content of a cell.
    pub fn sentence(&self) -> Text {
        match self {
            WorkbookError::Unreadable(error) => Text::new(
                format!("无法读取文件：{error}"),
                format!("cannot read the file: {error}"),
            ),
            WorkbookError::Other(kind) => kind.sentence(),
            WorkbookError::DamagedArchive => Text::new(
                "工作簿已损坏或不完整",
                "the workbook is damaged or incomplete",
            ),
            WorkbookError::NoPart(part) => {
                let part = shown_name(part);
                Text::new(
                    format!("工作簿缺少部件：{part}"),
                    format!("the workbook lacks the part: {part}"),
                )
            }
            WorkbookError::PartTwice(None) => Text::new(
                "工作簿中有同名部件",
                "the workbook has two parts of the same name",
            ),
            WorkbookError::PartTwice(Some(part)) => {
                let part = shown_name(part);
                Text::new(
                    format!("工作簿中有两个同名部件：{part}"),
                    format!("the workbook has two parts of the name: {part}"),
                )
            }
            WorkbookError::Wrong(problem, place) => place.before(problem.text()),
            WorkbookError::Beyond(bound, place) => place.before(bound.text()),
            WorkbookError::NoPartOfSheet(sheet) => {
                let sheet = shown_name(sheet);
                Text::new(
                    format!("工作表“{sheet}”没有内容部件"),
                    format!("sheet `{sheet}` has no part in the workbook"),
                )
            }
            WorkbookError::NoSheet(index) => Text::new(
                format!("工作簿没有第{}个工作表", index + 1),
                format!("the workbook has no sheet number {}", index + 1),
            ),
        }
    }

    /// Returns what the user can do about the error.
    pub fn remedy(&self) -> Text {
        match self {
            WorkbookError::Unreadable(_) => Text::new(
                "请检查文件是否存在、是否有读取权限",
                "check that the file exists and may be read",
            ),
            WorkbookError::Other(OtherFile::Protected) => Text::new(
                "请去掉密码后重新提供",
                "remove the password and provide it again",
            ),
            WorkbookError::Other(OtherFile::RightsManaged) => Text::new(
                "请解除文档权限保护后重新提供",
                "remove the rights protection and provide it again",
            ),
            WorkbookError::Other(_) => Text::new(
                "请另存为“Excel 工作簿 (*.xlsx)”或“CSV UTF-8”",
                "save it as \"Excel Workbook (*.xlsx)\" or \"CSV UTF-8\"",
            ),
            WorkbookError::Beyond(Bound::Text(_) | Bound::CellCharacters, _) => Text::new(
                "请只保留数据表，删去说明和重复的长文本后重新提供",
                "keep only the data table, without notes and long repeated texts, and provide it again",
            ),
            _ => Text::new(
                "请用表格软件打开并另存为新的 XLSX 文件，或用原系统重新导出",
                "open it in a spreadsheet program and save it as a new XLSX file, \
                 or export it again from the source system",
            ),
        }
    }
}

impl OtherFile {
    fn sentence(self) -> Text {
        let (zh, en) = match self {
            OtherFile::Empty => ("文件为空", "the file is empty"),
            OtherFile::Protected => (
                "文件有密码保护，无法读取",
                "the file is protected by a password",
            ),
            OtherFile::RightsManaged => (
                "文件有权限保护（IRM），无法读取",
                "the file is protected by a rights service (IRM)",
            ),
            OtherFile::Xls => ("文件是 XLS 工作簿", "the file is an XLS workbook"),
            OtherFile::OpenDocument => (
                "文件是 OpenDocument 文件",
                "the file is an OpenDocument file",
            ),
            OtherFile::OtherOpenDocument => (
                "文件是 OpenDocument 文件，但不是 ODS 电子表格",
                "the file is an OpenDocument file, but not an ODS spreadsheet",
            ),
            OtherFile::CompoundFile | OtherFile::Archive | OtherFile::Unknown => {
                ("文件不是工作簿", "the file is not a workbook")
            }
        };
        Text::new(zh, en)
    }
}

impl Place {
    pub(crate) fn of_part(part: &str) -> Self {
        Place {
            part: part.to_owned(),
            ..Place::default()
        }
    }

    /// Puts the place before a message.
    fn before(&self, message: Text) -> Text {
        let (mut zh, mut en) = match &self.sheet {
            Some(sheet) => {
                let sheet = shown_name(sheet);
                (format!("工作表“{sheet}”"), format!("sheet `{sheet}`"))
            }
            None => {
                let part = shown_name(&self.part).into_owned();
                (part.clone(), part)
            }
        };
        if let Some(row) = self.row {
            zh.push_str(&format!("第{row}行"));
            en.push_str(&format!(", row {row}"));
        }
        if let Some(column) = self.column {
            zh.push_str(&format!("第{column}列"));
            en.push_str(&format!(", column {column}"));
        }
        Text::new(
            format!("{zh}：{}", message.zh),
            format!("{en}: {}", message.en),
        )
    }
}

impl fmt::Display for WorkbookError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.sentence().en)
    }
}

impl std::error::Error for WorkbookError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WorkbookError::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}

/// An error without its place, which only the caller knows.
#[derive(Debug)]
pub(crate) enum Fault {
    Wrong(Problem),
    Beyond(Bound),
    Unreadable(io::Error),
}

impl Fault {
    pub(crate) fn at(self, place: Place) -> WorkbookError {
        match self {
            Fault::Wrong(problem) => WorkbookError::Wrong(problem, place),
            Fault::Beyond(bound) => WorkbookError::Beyond(bound, place),
            Fault::Unreadable(error) => WorkbookError::Unreadable(error),
        }
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Fault::Wrong(problem)
    }
}

impl From<Bound> for Fault {
    fn from(bound: Bound) -> Self {
        Fault::Beyond(bound)
    }
}

impl From<XmlFault> for Fault {
    fn from(fault: XmlFault) -> Self {
        match fault {
            XmlFault::Read(error) => error.into(),
            XmlFault::Malformed => Problem::NotXml.into(),
            XmlFault::CutShort => Problem::CutShort.into(),
            XmlFault::Doctype => Problem::Doctype.into(),
            XmlFault::Encoding => Problem::Encoding.into(),
            XmlFault::TooDeep => Bound::Depth.into(),
            XmlFault::TooLong => Bound::TokenBytes.into(),
            XmlFault::LongName => Bound::AttributeBytes.into(),
        }
    }
}

/// What the reader of a part reports when it unpacks beyond a bound.
#[derive(Debug)]
pub(crate) struct BeyondSize(pub(crate) Bound);

impl fmt::Display for BeyondSize {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.text().en)
    }
}

impl std::error::Error for BeyondSize {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let beyond = error.get_ref().and_then(|inner| inner.downcast_ref());
        if let Some(BeyondSize(bound)) = beyond {
            return (*bound).into();
        }
        match error.kind() {
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof => Problem::Damaged.into(),
            _ => Fault::Unreadable(error),
        }
    }
}
