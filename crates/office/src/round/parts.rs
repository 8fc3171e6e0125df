//! The files of an export as they are written: their paths and how each is read.

use aidlink_faults::configuration::{Located, Node, TableReader};
use aidlink_faults::fault::FaultCollector;
use aidlink_faults::text::Text;
use aidlink_policy::reading::SheetChoice;

/// Files of an export that are read in the same way.
#[derive(Debug)]
pub(super) struct WrittenPart {
    /// `path = "a.csv"`, or `path = ["north.csv", "south.csv"]`.
    pub(super) paths: Vec<Located<String>>,
    pub(super) encoding: Option<Located<String>>,
    pub(super) sheets: SheetChoice,
    pub(super) date_epoch: Option<Located<i64>>,
    /// A site's own headers, each with the field of the schema.
    pub(super) headers: Vec<(String, Located<String>)>,
    /// A site's own labels.
    pub(super) values: Vec<WrittenLabel>,
    /// Values of fields in every row.
    pub(super) constants: Vec<WrittenConstant>,
    /// The reason for a constant that needs one.
    pub(super) because: Option<Located<String>>,
}

/// A line of `constants`.
#[derive(Debug)]
pub(super) struct WrittenConstant {
    pub(super) field: Located<String>,
    /// The value as a text.
    pub(super) value: Located<String>,
}

/// A label in `values`.
#[derive(Debug)]
pub(super) struct WrittenLabel {
    pub(super) field: Located<String>,
    pub(super) label: Located<String>,
    pub(super) code: Located<String>,
}

/// The keys of the files of an export, and of how they are read.
const KEYS_OF_A_PART: [&str; 9] = [
    "path",
    "encoding",
    "sheets",
    "sheet",
    "date_epoch",
    "headers",
    "values",
    "constants",
    "because",
];

/// Where the keys of the files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nesting {
    /// In an `[[export]]` of the round file, which may leave them to a reading file.
    Export,
    /// At the top level of a reading file.
    ReadingFile,
}

impl Nesting {
    /// Returns the name of the table of one file.
    fn table(self) -> &'static str {
        match self {
            Nesting::Export => "[[export.file]]",
            Nesting::ReadingFile => "[[file]]",
        }
    }
}

/// Reads `path` and the keys beside it, or a table for each file. Returns `None` for an
/// `[[export]]` with none of them.
pub(super) fn parts(
    table: &mut TableReader<'_>,
    nesting: Nesting,
    faults: &mut FaultCollector,
) -> Option<Vec<WrittenPart>> {
    let of_file = nesting.table();
    let Some(node) = table.node("file") else {
        // Every key is asked for, so that none is reported as unknown.
        let written = KEYS_OF_A_PART.map(|key| table.node(key).is_some());
        return match written.contains(&true) || nesting == Nesting::ReadingFile {
            true => Some(vec![part(table, faults)]),
            false => None,
        };
    };
    let document = table.document();
    if matches!(&node.value, Node::Array(items) if items.is_empty()) {
        faults.push(document.fault(
            node.at.clone(),
            Text::new("“file”不能为空", "`file` must not be empty"),
            Text::new(
                format!("请写 path，或至少一个 {of_file}"),
                format!("write `path`, or at least one {of_file}"),
            ),
        ));
    }
    for key in KEYS_OF_A_PART {
        // Known here, so that it is not reported again as unknown.
        table.node(key);
    }
    let misplaced = table
        .all()
        .filter(|(key, _)| KEYS_OF_A_PART.contains(&key.value.as_str()));
    for (key, _) in misplaced {
        let key_name = &key.value;
        let (message, hint) = match key_name.as_str() {
            "path" => (
                Text::new(
                    format!("“path”和 {of_file} 不能同时使用"),
                    format!("`path` and {of_file} exclude each other"),
                ),
                Text::new(
                    format!("请将此文件写入单独的 {of_file}"),
                    format!("move the file into a {of_file} of its own"),
                ),
            ),
            _ => (
                Text::new(
                    format!("有 {of_file} 时，“{key_name}”应写在其中"),
                    format!("`{key_name}` belongs in {of_file}, if there is one"),
                ),
                Text::new(
                    format!("请将“{key_name}”移入它所适用的各个 {of_file}"),
                    format!("move `{key_name}` into each {of_file} to which it applies"),
                ),
            ),
        };
        faults.push(document.fault(key.at.clone(), message, hint));
    }
    let files = table.tables("file", faults).into_iter();
    let parts = files.map(|mut table| {
        let part = part(&mut table, faults);
        table.finish(faults);
        part
    });
    Some(parts.collect())
}

fn part(table: &mut TableReader<'_>, faults: &mut FaultCollector) -> WrittenPart {
    WrittenPart {
        paths: paths(table, faults),
        encoding: table.optional_string("encoding", faults),
        sheets: sheets(table, faults),
        date_epoch: table.optional_integer("date_epoch", faults),
        headers: headers(table, faults),
        values: values(table, faults),
        constants: constants(table, faults),
        because: match table.node("because") {
            Some(_) => table.string("because", faults),
            None => None,
        },
    }
}

/// Reads `path = "a.csv"` or `path = ["north.csv", "south.csv"]`.
fn paths(table: &mut TableReader<'_>, faults: &mut FaultCollector) -> Vec<Located<String>> {
    let several = matches!(
        table.node("path").map(|node| &node.value),
        Some(Node::Array(items)) if !items.is_empty()
    );
    if several {
        table.strings("path", faults)
    } else {
        table.string("path", faults).into_iter().collect()
    }
}

/// Reads `sheet = "name"`, `sheets = "all"` or `sheets = ["one", "other"]`.
fn sheets(table: &mut TableReader<'_>, faults: &mut FaultCollector) -> SheetChoice {
    let one = table.optional_string("sheet", faults);
    let Some(node) = table.node("sheets") else {
        return one.map_or(SheetChoice::Only, |one| SheetChoice::Named(vec![one.value]));
    };
    let document = table.document();
    let at = node.at.clone();
    if one.is_some() {
        faults.push(document.fault(
            at.clone(),
            Text::new(
                "“sheet”和“sheets”不能同时使用",
                "`sheet` and `sheets` exclude each other",
            ),
            Text::new("请删去其中一项", "remove one of them"),
        ));
    }
    match &node.value {
        Node::String(word) if word == SheetChoice::ALL => SheetChoice::All,
        Node::Array(items) if !items.is_empty() => {
            let names = table.strings("sheets", faults);
            SheetChoice::Named(names.into_iter().map(|name| name.value).collect())
        }
        _ => {
            faults.push(document.fault(
                at,
                Text::new(
                    "“sheets”应为 \"all\" 或工作表名称的列表",
                    "`sheets` must be \"all\" or a list of sheet names",
                ),
                Text::new(
                    "例如：sheets = [\"城关镇\", \"江口镇\"]",
                    "for example: sheets = [\"North\", \"South\"]",
                ),
            ));
            SheetChoice::Only
        }
    }
}

/// Reads `headers = { "本地表头" = "field" }`: headers that a site uses for fields.
pub(super) fn headers(
    table: &mut TableReader<'_>,
    faults: &mut FaultCollector,
) -> Vec<(String, Located<String>)> {
    let document = table.document();
    let mut headers = Vec::new();
    if let Some(mut table) = table.optional_table("headers", faults) {
        for (header, node) in table.all() {
            match &node.value {
                Node::String(field) => {
                    let field = Located {
                        value: field.clone(),
                        at: node.at.clone(),
                    };
                    headers.push((header.value.clone(), field));
                }
                _ => faults.push(document.fault(
                    node.at.clone(),
                    Text::new("此处应为字段名", "expected a field name"),
                    Text::new("请用引号括住字段名", "put the field name in quotes"),
                )),
            }
        }
    }
    headers
}

/// Reads `constants = { field = "code" }`. A value may also be a number, a date, `true` or
/// `false`.
fn constants(table: &mut TableReader<'_>, faults: &mut FaultCollector) -> Vec<WrittenConstant> {
    let document = table.document();
    let mut constants = Vec::new();
    let Some(mut table) = table.optional_table("constants", faults) else {
        return constants;
    };
    for (field, node) in table.all() {
        let value = match &node.value {
            Node::String(text) => text.clone(),
            Node::Integer(number) => number.to_string(),
            Node::Float(number) => number.to_string(),
            Node::Boolean(truth) => truth.to_string(),
            Node::Date(day) => day.to_string(),
            Node::OtherDatetime | Node::Array(_) | Node::Table(_) => {
                faults.push(document.fault(
                    node.at.clone(),
                    Text::new("此处应为一个值", "expected one value"),
                    Text::new(
                        "请写带引号的代码、数、日期、true 或 false",
                        "write a code in quotes, a number, a date, true or false",
                    ),
                ));
                continue;
            }
        };
        constants.push(WrittenConstant {
            field: field.clone(),
            value: Located {
                value,
                at: node.at.clone(),
            },
        });
    }
    constants
}

/// Reads `values.field."本地标签" = "code"`: labels that a site uses. A code may also
/// be written as a number or as `true` or `false`.
pub(super) fn values(
    table: &mut TableReader<'_>,
    faults: &mut FaultCollector,
) -> Vec<WrittenLabel> {
    let document = table.document();
    let mut values = Vec::new();
    let Some(mut table) = table.optional_table("values", faults) else {
        return values;
    };
    for (field, node) in table.all() {
        let Some(mut labels) = document.table_at(node) else {
            faults.push(document.fault(
                node.at.clone(),
                Text::new(
                    format!("“{}”应为表", field.value),
                    format!("`{}` must be a table", field.value),
                ),
                Text::new(
                    format!("请写 values.{}.\"标签\" = \"代码\"", field.value),
                    format!("write values.{}.\"label\" = \"code\"", field.value),
                ),
            ));
            continue;
        };
        for (label, node) in labels.all() {
            let code = match &node.value {
                Node::String(code) => code.clone(),
                Node::Integer(code) => code.to_string(),
                Node::Boolean(code) => code.to_string(),
                _ => {
                    faults.push(document.fault(
                        node.at.clone(),
                        Text::new("此处应为代码", "expected a code"),
                        Text::new("请用引号括住代码", "put the code in quotes"),
                    ));
                    continue;
                }
            };
            values.push(WrittenLabel {
                field: field.clone(),
                label: label.clone(),
                code: Located {
                    value: code,
                    at: node.at.clone(),
                },
            });
        }
    }
    values
}
