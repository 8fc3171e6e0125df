//! `aidlink schema check`: for the data officer, before the round.

use aidlink_agency::inspect::{Inspection, Occurrences, inspect};
use aidlink_agency::scan::Export;
use aidlink_faults::fault::{Fault, FaultCollector, Faults, nearest_name_hint};
use aidlink_faults::text::{Language, Text};
use aidlink_policy::pack::Policy;
use aidlink_policy::reading::ReadingChoice;
use aidlink_policy::schema::{ExportSchema, Role, Schemas};
use serde_json::{Value, json};

use super::Ending;
use crate::cli::{SchemaArguments, SchemaCheckArguments, SchemaCommand};
use aidlink_office::terminal::{self, Progress};

/// Looks an export over.
pub fn run(arguments: SchemaArguments, language: Language) -> Ending {
    let SchemaCommand::Check(arguments) = arguments.command;
    let schemas = match Schemas::read(&arguments.schemas) {
        Ok(schemas) => schemas,
        Err(faults) => return Ending::WrongConfiguration(faults),
    };
    let policy = arguments.policy.as_ref();
    let policy = match policy.map(|path| Policy::read(path, &schemas)).transpose() {
        Ok(policy) => policy,
        Err(faults) => return Ending::WrongConfiguration(faults),
    };
    if let Some(name) = &arguments.schema
        && schemas.get(name).is_none()
    {
        let known = schemas.0.keys().map(String::as_str);
        let fault = Fault::of_file(
            &arguments.schemas,
            Text::new(
                format!("没有名为“{name}”的模式"),
                format!("there is no schema `{name}`"),
            ),
            nearest_name_hint(name, known),
        );
        return Ending::WrongConfiguration(fault.into());
    }
    let (schema, export) = match open(&arguments, &schemas) {
        Ok(opened) => opened,
        Err(faults) => return Ending::Failed(faults),
    };
    let as_of = arguments.as_of.unwrap_or_else(|| {
        jiff::Timestamp::now()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date()
    });
    let progress = Progress::new(language);
    let inspection = inspect(&export, schema, as_of, &|rows| progress.rows(rows));
    progress.finish();
    let inspection = match inspection {
        Ok(inspection) => inspection,
        Err(fault) => return Ending::Failed(fault.into()),
    };
    let look = Look {
        schema,
        export: &export,
        policy: policy.as_ref(),
        inspection: &inspection,
    };
    if arguments.json {
        let text = format!("{:#}", look.json());
        terminal::say(&Text::new(text.clone(), text), language);
    } else {
        look.say(language);
    }
    if inspection.rejects.is_empty() && inspection.unreadable.is_empty() {
        Ending::Done
    } else {
        Ending::ThresholdPassed
    }
}

/// The export by the schema named, or by the one that knows most of its columns.
fn open<'s>(
    arguments: &SchemaCheckArguments,
    schemas: &'s Schemas,
) -> Result<(&'s ExportSchema, Export), Faults> {
    let choice = ReadingChoice {
        sheet: arguments.sheet.clone(),
        epoch: arguments.date_epoch,
        ..ReadingChoice::default()
    };
    let mut best: Option<(usize, &ExportSchema, Export)> = None;
    let mut faults = FaultCollector::new();
    for schema in schemas.0.values() {
        if arguments
            .schema
            .as_ref()
            .is_some_and(|name| *name != schema.name)
        {
            continue;
        }
        match Export::open(&arguments.export, schema, &choice) {
            Ok(export) => {
                let known = export.columns().index.len();
                if best.as_ref().is_none_or(|(most, ..)| known > *most) {
                    best = Some((known, schema, export));
                }
            }
            // What one schema says against the file, the others mostly say too.
            Err(found) if faults.is_empty() => faults.extend(found),
            Err(_) => {}
        }
    }
    match best {
        Some((_, schema, export)) => Ok((schema, export)),
        None => faults.or_value(None),
    }
}

struct Look<'a> {
    schema: &'a ExportSchema,
    export: &'a Export,
    policy: Option<&'a Policy>,
    inspection: &'a Inspection,
}

impl Look<'_> {
    /// Whether a round would read a field; `None` when no policy was named.
    fn is_read(&self, name: &str) -> Option<bool> {
        let field = self.schema.field(name)?;
        let needed = self.policy?.columns_needed(&self.schema.name);
        Some(field.role != Role::Attribute || needed.contains(name))
    }

    fn unmatched(&self) -> Vec<&str> {
        let columns = self.export.columns();
        let matched: Vec<usize> = columns.index.values().copied().collect();
        columns
            .headers
            .iter()
            .enumerate()
            .filter(|(index, header)| !matched.contains(index) && !header.trim().is_empty())
            .map(|(_, header)| header.trim())
            .collect()
    }

    fn json(&self) -> Value {
        let columns: Vec<Value> = self
            .schema
            .fields
            .iter()
            .filter_map(|field| {
                Some(json!({
                    "header": self.export.columns().header_of(&field.name)?.trim(),
                    "field": field.name,
                    "read_by_a_round": self.is_read(&field.name),
                    "filled": self.inspection.filled.get(&field.name),
                }))
            })
            .collect();
        let occurrences = |occurrences: &Occurrences, text: Text| {
            json!({
                "count": occurrences.count,
                "first_lines": occurrences.first_lines,
                "zh": text.zh,
                "en": text.en,
            })
        };
        let rejects: Value = self
            .inspection
            .rejects
            .iter()
            .map(|(reason, seen)| (reason.code().to_owned(), occurrences(seen, reason.text())))
            .collect();
        let warnings: Value = self
            .inspection
            .id_warnings
            .iter()
            .map(|(warning, seen)| (warning.code().to_owned(), occurrences(seen, warning.text())))
            .collect();
        let unreadable: Value = self
            .inspection
            .unreadable
            .iter()
            .map(|((field, fault), seen)| {
                let key = format!("{field}: {}", fault.code());
                (key, occurrences(seen, fault.text()))
            })
            .collect();
        json!({
            "schema": self.schema.name,
            "format": self.export.format().name(),
            "encoding": self.export.encoding().name(),
            "header_line": self.export.title_lines() + 1,
            "rows": self.inspection.counts.rows,
            "blank_lines": self.inspection.counts.blank_lines,
            "total_lines": self.inspection.counts.total_lines,
            "columns": columns,
            "headers_not_known": self.unmatched(),
            "fields_absent": self.export.columns().absent,
            "rejects": rejects,
            "id_warnings": warnings,
            "unreadable": unreadable,
        })
    }

    fn say(&self, language: Language) {
        let say = |zh: String, en: String| terminal::say(&Text::new(zh, en), language);
        let counts = &self.inspection.counts;
        let (format, encoding) = (self.export.format().name(), self.export.encoding().name());
        let header_line = self.export.title_lines() + 1;
        say(
            format!("{}（{}）", self.schema.title.zh, self.schema.name),
            format!("{} ({})", self.schema.title.en, self.schema.name),
        );
        say(
            format!(
                "  {format}，{encoding}，表头在第{header_line}行，{}行记录，空行{}，合计行{}",
                counts.rows, counts.blank_lines, counts.total_lines
            ),
            format!(
                "  {format}, {encoding}, header on line {header_line}, {} rows, {} blank lines, {} lines of totals",
                counts.rows, counts.blank_lines, counts.total_lines
            ),
        );
        say("识别的列：".into(), "Columns recognised:".into());
        for field in &self.schema.fields {
            let Some(header) = self.export.columns().header_of(&field.name) else {
                continue;
            };
            let (zh, en) = match self.is_read(&field.name) {
                None => ("", ""),
                Some(true) => ("，本规则会读取", ", read"),
                Some(false) => ("，不读取", ", not read"),
            };
            let header = header.trim();
            say(
                format!("  {header} → {}（{}）{zh}", field.title.zh, field.name),
                format!("  {header} -> {} ({}){en}", field.name, field.title.en),
            );
        }
        let unmatched = self.unmatched().join(", ");
        if !unmatched.is_empty() {
            say(
                format!("不认识的列（不读取）：{unmatched}"),
                format!("Headers not known (not read): {unmatched}"),
            );
        }
        let absent = self.export.columns().absent.join(", ");
        if !absent.is_empty() {
            say(
                format!("模式中有而导出中没有的列：{absent}"),
                format!("Fields of the schema without a column: {absent}"),
            );
        }
        for (reason, seen) in &self.inspection.rejects {
            say_occurrences(
                ("会被拒收", "Would be rejected"),
                seen,
                None,
                &reason.text(),
                language,
            );
        }
        for ((field, fault), seen) in &self.inspection.unreadable {
            let header = self.export.columns().header_of(field).map(str::trim);
            say_occurrences(
                ("无法读取", "Cannot be read"),
                seen,
                header,
                &fault.text(),
                language,
            );
        }
        for (warning, seen) in &self.inspection.id_warnings {
            say_occurrences(("提示", "Note"), seen, None, &warning.text(), language);
        }
        if self.inspection.rejects.is_empty() && self.inspection.unreadable.is_empty() {
            say("没有需要更正的内容".into(), "Nothing to correct".into());
        }
    }
}

fn say_occurrences(
    what: (&str, &str),
    seen: &Occurrences,
    header: Option<&str>,
    text: &Text,
    language: Language,
) {
    let lines: Vec<String> = seen.first_lines.iter().map(u64::to_string).collect();
    let (lines_zh, lines_en) = (lines.join("、"), lines.join(", "));
    let column_zh = header.map_or(String::new(), |header| format!("列“{header}”，"));
    let column_en = header.map_or(String::new(), |header| format!("column `{header}`, "));
    terminal::say(
        &Text::new(
            format!(
                "{}：{}行（{column_zh}如第{lines_zh}行）：{}",
                what.0, seen.count, text.zh
            ),
            format!(
                "{}: {} rows ({column_en}such as line {lines_en}): {}",
                what.1, seen.count, text.en
            ),
        ),
        language,
    );
}
