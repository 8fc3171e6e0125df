//! Why a workbook is not read: what it is, what is wrong in it and where, or
//! which bound it is beyond. Never the content of a cell.

use std::fmt;
use std::io;

use aidlink_faults::personal_number::shown_name;
use aidlink_faults::text::Text;

use crate::limits;
use crate::xml::XmlFault;

/// Where in a workbook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The part of the package, such as `xl/worksheets/sheet1.xml`.
    pub part: String,
    /// The name of the sheet that the part is.
    pub sheet: Option<String>,
    /// The row, from 1: the one that was being read.
    pub row: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
}

/// A file that is no XLSX workbook, by its content and not by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherFile {
    /// A file of no bytes.
    Empty,
    /// A workbook that opens with a password.
    Protected,
    /// A workbook that opens with a licence of a rights service (IRM).
    RightsManaged,
    /// An XLS workbook of Excel 97 to 2003.
    Xls,
    /// An XLSB workbook: binary parts in a package.
    Xlsb,
    /// An OpenDocument file, such as an ODS spreadsheet.
    OpenDocument,
    /// Another compound file, such as a Word document of before 2007.
    CompoundFile,
    /// Another archive or package, such as a Word document.
    Archive,
    /// None of these.
    Unknown,
}

/// A bound of [`limits`].
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
    /// What the part may unpack to: [`limits::MOST_RATIO`] and the bounds beside it.
    PartBytes(u64),
    /// What all parts that are read may unpack to together:
    /// [`limits::ALWAYS_TOGETHER`] and [`limits::MOST_RATIO`].
    PartsTogether(u64),
    /// The caller's [`limits::TextBudget`].
    Text(u64),
}

impl Bound {
    /// The number that is the bound.
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
                format!("a cell of more than {n} characters"),
            ),
            Bound::Columns => Text::new(
                format!("单元格位于第{n}列以外"),
                format!("a cell beyond column {n}"),
            ),
            Bound::Rows => Text::new(format!("行号超过{n}"), format!("a row beyond row {n}")),
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
                format!("shared texts of more than {n} bytes together"),
            ),
            Bound::SharedStrings => Text::new(
                format!("共享文本超过{n}个"),
                format!("more than {n} shared texts"),
            ),
            Bound::RowBytes => Text::new(
                format!("一行的文本超过{n}字节"),
                format!("a row of more than {n} bytes of text"),
            ),
            Bound::CarriedBytes => Text::new(
                format!("合并区域的文本合计超过{n}字节"),
                format!("merged areas with more than {n} bytes of text together"),
            ),
            Bound::Depth => Text::new(
                format!("XML 嵌套超过{n}层"),
                format!("XML of more than {n} levels"),
            ),
            Bound::TokenBytes => Text::new(
                format!("一个 XML 标记或一段文本超过{n}字节"),
                format!("an XML tag or text of more than {n} bytes"),
            ),
            Bound::AttributeBytes => Text::new(
                format!("一个 XML 名称或属性超过{n}字节"),
                format!("an XML name or attribute of more than {n} bytes"),
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

/// What is wrong in a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is no well-formed XML.
    NotXml,
    /// It ends in the middle.
    CutShort,
    /// It has a document type declaration, which no part may have.
    Doctype,
    /// It is not in UTF-8, or says so.
    Encoding,
    /// Its checksum or its packing is wrong.
    Damaged,
    /// It is packed in a way that workbooks are not.
    Packing,
    /// It is not the part that it should be.
    OtherContent,
    /// A second table of cells.
    SecondTable,
    /// A row or cell says that it stands where nothing can stand.
    Reference,
    /// A row that does not come after the row before it.
    RowOrder,
    /// A cell that stands in another row than the row that holds it.
    CellOfOtherRow,
    /// Two cells at one place.
    CellTwice,
    /// A cell with two values.
    ValueTwice,
    /// A cell of a kind that does not exist.
    CellKind,
    /// A cell with a shared text that does not exist.
    NoSharedString,
}

impl Problem {
    fn text(self) -> Text {
        let (zh, en) = match self {
            Problem::NotXml => ("XML 格式错误", "it is not well-formed XML"),
            Problem::CutShort => ("内容不完整", "it is cut short"),
            Problem::Doctype => ("含有文档类型声明", "it has a document type declaration"),
            Problem::Encoding => ("不是 UTF-8 编码", "it is not in UTF-8"),
            Problem::Damaged => ("压缩数据已损坏", "its packed data is damaged"),
            Problem::Packing => (
                "压缩方法不受支持",
                "it is packed by a method that is not read",
            ),
            Problem::OtherContent => ("内容不是所需的部件", "it holds something else"),
            Problem::SecondTable => ("有两个数据区", "it has two tables of cells"),
            Problem::Reference => (
                "行号或单元格位置无效",
                "a row number or cell reference is not valid",
            ),
            Problem::RowOrder => (
                "行号没有递增",
                "the row does not come after the row before it",
            ),
            Problem::CellOfOtherRow => (
                "单元格位置与所在行不一致",
                "a cell says that it stands in another row",
            ),
            Problem::CellTwice => ("同一位置有两个单元格", "two cells have the same place"),
            Problem::ValueTwice => ("单元格有两个值", "a cell has two values"),
            Problem::CellKind => ("单元格类型未知", "a cell is of an unknown kind"),
            Problem::NoSharedString => (
                "单元格引用的共享文本不存在",
                "a cell refers to a shared text that is not there",
            ),
        };
        Text::new(zh, en)
    }
}

/// Why a workbook, or a sheet of it, is not read.
#[derive(Debug)]
pub enum WorkbookError {
    /// The system could not read the file.
    Unreadable(io::Error),
    /// The file is no XLSX workbook.
    Other(OtherFile),
    /// The archive's own directory is damaged or cut short.
    DamagedArchive,
    /// The archive has no such part.
    NoPart(String),
    /// The archive has two parts of one name; which one a program reads is
    /// chance. The name is known where they differ in case or slashes.
    PartTwice(Option<String>),
    /// Something in a part is wrong.
    Wrong(Problem, Place),
    /// The workbook is beyond a bound.
    Beyond(Bound, Place),
    /// There are not so many sheets.
    NoSheet(usize),
    /// The archive has no part for this sheet.
    NoPartOfSheet(String),
}

impl WorkbookError {
    /// The place, where there is one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            WorkbookError::Wrong(_, place) | WorkbookError::Beyond(_, place) => Some(place),
            _ => None,
        }
    }

    /// What is wrong, in a sentence. It names parts and sheets and holds no
    /// content of a cell.
    pub fn sentence(&self) -> Text {
        match self {
            WorkbookError::Unreadable(error) => Text::new(
                format!("无法读取：{error}"),
                format!("it cannot be read: {error}"),
            ),
            WorkbookError::Other(kind) => kind.sentence(),
            WorkbookError::DamagedArchive => Text::new(
                "工作簿已损坏或不完整",
                "the workbook is damaged or cut short",
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

    /// What to do about it.
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
                "remove the restriction of rights and provide it again",
            ),
            WorkbookError::Other(_) => Text::new(
                "请另存为“Excel 工作簿 (*.xlsx)”或“CSV UTF-8”",
                "save it as \"Excel Workbook (*.xlsx)\" or \"CSV UTF-8\"",
            ),
            WorkbookError::Beyond(Bound::Text(_) | Bound::CellCharacters, _) => Text::new(
                "请只保留数据表，删去说明和重复的长文本后重新提供",
                "keep the table of data alone, without long repeated texts, and provide it again",
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
            OtherFile::Xlsb => ("文件是 XLSB 工作簿", "the file is an XLSB workbook"),
            OtherFile::OpenDocument => (
                "文件是 OpenDocument 文件",
                "the file is an OpenDocument file",
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

    /// The place, and then what is wrong there.
    fn before(&self, what: Text) -> Text {
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
        Text::new(format!("{zh}：{}", what.zh), format!("{en}: {}", what.en))
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

/// What is wrong, while its place is known further out only.
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
