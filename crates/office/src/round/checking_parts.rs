//! Checks the files of an export as they are written, and how each is read.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use aidlink_faults::configuration::{Document, Located};
use aidlink_faults::fault::{FaultCollector, nearest_name_hint};
use aidlink_faults::personal_number::refused_name;
use aidlink_faults::text::Text;
use aidlink_policy::constant::{Constant, needs_reason, unknown_field, unneeded_field};
use aidlink_policy::pack::Policy;
use aidlink_policy::reading::{
    DateEpoch, EncodingChoice, PlannedFile, ReadingChoice, SheetChoice, SiteLabel,
};
use aidlink_policy::schema::{ExportSchema, Role};

use super::parts::WrittenPart;
use super::paths::inside;
use crate::written_path::plain;

/// Checks the parts of an export.
pub(super) struct PartChecker<'c> {
    /// The folder of the round file.
    pub(super) folder: &'c Path,
    /// Where the parts are written: the round file or a reading file.
    pub(super) document: &'c Document,
    pub(super) faults: &'c mut FaultCollector,
}

impl PartChecker<'_> {
    /// Returns the files of an export that this office reads.
    pub(super) fn files(&mut self, parts: &[WrittenPart]) -> Vec<PlannedFile> {
        let mut files: Vec<PlannedFile> = Vec::new();
        for part in parts {
            let reading = self.reading(part);
            for path in &part.paths {
                let Some(file) = self.file(path, &reading) else {
                    continue;
                };
                if files.iter().any(|other| is_read_twice(other, &file)) {
                    self.fault(
                        &path.at,
                        Text::new(
                            format!("“{}”在同一导出中出现两次", path.value),
                            format!("the export names `{}` twice", path.value),
                        ),
                        Text::new(
                            "请删去一处；同一工作簿的各工作表分别读取的，请各用 sheets 写明工作表",
                            "remove one; to read the sheets of a workbook in different ways, name other `sheets` at each place",
                        ),
                    );
                }
                files.push(file);
            }
        }
        files
    }

    fn reading(&mut self, part: &WrittenPart) -> ReadingChoice {
        ReadingChoice {
            encoding: self.encoding(part),
            sheets: part.sheets.clone(),
            headers: part
                .headers
                .iter()
                .map(|(header, field)| (header.clone(), field.value.clone()))
                .collect(),
            values: part
                .values
                .iter()
                .map(|written| SiteLabel {
                    field: written.field.value.clone(),
                    label: written.label.value.clone(),
                    code: written.code.value.clone(),
                })
                .collect(),
            epoch: self.date_epoch(part),
            // They are read when the schemas are known.
            constants: Vec::new(),
            because: part.because.as_ref().map(|because| because.value.clone()),
        }
    }

    fn encoding(&mut self, part: &WrittenPart) -> EncodingChoice {
        let Some(word) = &part.encoding else {
            return EncodingChoice::Detect;
        };
        let choice = EncodingChoice::named(&word.value);
        if choice.is_none() {
            let names = EncodingChoice::NAMES.map(|(name, _)| name);
            let hint = nearest_name_hint(&word.value, names);
            self.fault(&word.at, Text::new("未知的编码", "unknown encoding"), hint);
        }
        choice.unwrap_or_default()
    }

    /// Checks `date_epoch`, the year from which serial date numbers count.
    fn date_epoch(&mut self, part: &WrittenPart) -> DateEpoch {
        let Some(year) = &part.date_epoch else {
            return DateEpoch::default();
        };
        let epoch = DateEpoch::of_year(year.value);
        if epoch.is_none() {
            self.fault(
                &year.at,
                Text::new("未知的日期起算年", "unknown date epoch"),
                Text::new("请写 1900 或 1904", "use 1900 or 1904"),
            );
        }
        epoch.unwrap_or_default()
    }

    fn file(&mut self, path: &Located<String>, reading: &ReadingChoice) -> Option<PlannedFile> {
        let full = inside(self.folder, self.document, path, self.faults)?;
        if !full.is_file() {
            let hint = match path.value.contains('\\') && !cfg!(windows) {
                true => Text::new(
                    "路径请用 / 而不用反斜杠，如 \"数据/案件.csv\"",
                    "write the path with / and not with backslashes, such as \"data/cases.csv\"",
                ),
                false => Text::new(
                    "请检查文件名；若该机构未提供导出，请删去此项",
                    "check the name; if the agency did not provide an export, remove this entry",
                ),
            };
            self.fault(
                &path.at,
                Text::new(
                    format!("找不到导出文件“{}”", path.value),
                    format!("the export file `{}` does not exist", path.value),
                ),
                hint,
            );
            return None;
        }
        // The path cannot be blacked out later: deletion needs the exact path from the
        // manifest, and the round file is kept. So the file must be renamed.
        if let Some(message) = refused_name(&path.value) {
            self.fault(
                &path.at,
                message,
                Text::new(
                    "请更改文件名，并在此处写新的文件名",
                    "rename the file and write the new name here",
                ),
            );
            return None;
        }
        Some(PlannedFile {
            path: full,
            // Manifests and deletion records name it so.
            written_path: plain(&path.value),
            reading: reading.clone(),
        })
    }

    /// Refuses headers and labels for fields that no rule needs, before anything is
    /// read (Personal Information Protection Law, Article 6).
    fn check_fields_needed(
        &mut self,
        part: &WrittenPart,
        schema: &ExportSchema,
        policy: Option<&Policy>,
    ) {
        let Some(policy) = policy else { return };
        let needed = policy.columns_needed(schema);
        for written in own_fields(part) {
            let unneeded = schema.field(&written.value).is_some_and(|field| {
                field.role == Role::Attribute && !needed.contains(&field.name)
            });
            if unneeded {
                let (message, hint) = unneeded_field(&written.value);
                self.fault(&written.at, message, hint);
            }
        }
    }

    /// Checks what a part says of the fields of its schema.
    pub(super) fn check_part(
        &mut self,
        part: &WrittenPart,
        schema: &ExportSchema,
        policy: Option<&Policy>,
    ) {
        self.check_fields_needed(part, schema, policy);
        for field in own_fields(part) {
            if schema.field(&field.value).is_none() {
                let (message, hint) = unknown_field(schema, &field.value);
                self.fault(&field.at, message, hint);
            }
        }
        self.check_labels(part, schema);
        self.check_constants(part, schema, policy);
    }

    /// Checks that each constant is a value of a field that rules need, and that there is a
    /// reason for those that let rows pass which would be withheld without them.
    fn check_constants(
        &mut self,
        part: &WrittenPart,
        schema: &ExportSchema,
        policy: Option<&Policy>,
    ) {
        for written in &part.constants {
            let (field, value) = (&written.field, &written.value);
            if let Err(fault) = Constant::read(schema, policy, &field.value, &value.value) {
                let at = if fault.is_of_value { value } else { field };
                self.fault(&at.at, fault.message, fault.hint);
            } else if part.because.is_none()
                && policy.is_some_and(|policy| needs_reason(policy, schema, &field.value))
            {
                let name = &field.value;
                self.fault(
                    &field.at,
                    Text::new(
                        format!("“{name}”不明的行不予处理，为其写固定值须有理由"),
                        format!(
                            "rows without `{name}` are withheld, so a constant for it needs a reason"
                        ),
                    ),
                    Text::new(
                        "请在 constants 旁添加 because = \"…\"，写明由谁、以何文件确认",
                        "add because = \"...\" beside `constants`: who confirmed it, and in which document",
                    ),
                );
            }
        }
        if let (Some(because), true) = (&part.because, part.constants.is_empty()) {
            self.fault(
                &because.at,
                Text::new(
                    "“because”是 constants 的理由，而此处没有 constants",
                    "`because` is the reason for `constants`, and there are none here",
                ),
                Text::new("请删去 because", "remove `because`"),
            );
        }
    }

    /// Checks that each of the site's labels is new and mapped to a code of its field.
    /// If a site could give another meaning to a label of the schema or to an empty
    /// cell, sealed records and suspects could pass.
    fn check_labels(&mut self, part: &WrittenPart, schema: &ExportSchema) {
        for written in &part.values {
            let Some(field) = schema.field(&written.field.value) else {
                continue;
            };
            let codes = field.known_codes();
            let code = written.code.value.as_str();
            if codes.is_empty() || field.role != Role::Attribute {
                self.fault(
                    &written.field.at,
                    Text::new(
                        format!("字段“{}”没有代码表", field.name),
                        format!("the field `{}` has no code list", field.name),
                    ),
                    Text::new("请删去此标签", "remove this label"),
                );
            } else if schema.knows_label(field, &written.label.value) {
                self.fault(
                    &written.label.at,
                    Text::new(
                        format!("字段“{}”的此标签已有含义", field.name),
                        format!("this label of `{}` already has a meaning", field.name),
                    ),
                    Text::new(
                        "请删去此标签；需要更改的，请更改模式",
                        "remove this label, or change the schema",
                    ),
                );
            } else if !code.is_empty() && !codes.contains(code) {
                let codes: Vec<&str> = codes.into_iter().collect();
                let codes = codes.join(", ");
                self.fault(
                    &written.code.at,
                    Text::new(
                        format!("代码“{code}”不在“{}”的代码表中", field.name),
                        format!(
                            "the code `{code}` is not in the code list of `{}`",
                            field.name
                        ),
                    ),
                    Text::new(
                        format!("请选用：{codes}；标签不说明任何情况的，写 \"\""),
                        format!("choose one of {codes}, or \"\" if the label states nothing"),
                    ),
                );
            }
        }
    }

    fn fault(&mut self, at: &Range<usize>, message: Text, hint: Text) {
        self.faults
            .push(self.document.fault(at.clone(), message, hint));
    }
}

/// Returns whether two entries of an export read the same rows. Each may name other
/// sheets of one workbook.
fn is_read_twice(one: &PlannedFile, other: &PlannedFile) -> bool {
    let are_apart = match (&one.reading.sheets, &other.reading.sheets) {
        (SheetChoice::Named(ours), SheetChoice::Named(theirs)) => {
            !ours.iter().any(|sheet| theirs.contains(sheet))
        }
        _ => false,
    };
    one.path == other.path && !are_apart
}

/// Returns the fields that the site's own headers and labels name, each field of
/// labels once.
fn own_fields(part: &WrittenPart) -> impl Iterator<Item = &Located<String>> {
    let mut seen = BTreeSet::new();
    let headers = part.headers.iter().map(|(_, field)| field);
    let values = part.values.iter().map(|written| &written.field);
    headers.chain(values.filter(move |field| seen.insert(field.value.as_str())))
}
