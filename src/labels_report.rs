//! Prints the labels of an export that have no code, as lines for the round file.

use std::collections::BTreeMap;

use aidlink_agency::unmapped::{SHOWN_FROM_ROWS, UnmappedLabels};
use aidlink_faults::text::Text;
use aidlink_office::terminal::Output;
use aidlink_policy::schema::{ExportSchema, Field};

/// Prints the labels of each field that have no code. A line is refused in a round
/// file until its `?` is replaced by a code.
pub(crate) fn say_unmapped(
    schema: &ExportSchema,
    unmapped: &BTreeMap<String, UnmappedLabels>,
    output: Output,
) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    for (name, labels) in unmapped {
        let Some(field) = schema.field(name) else {
            continue;
        };
        let title = &field.title;
        let shown = labels.shown();
        if !shown.is_empty() {
            let schema = &schema.name;
            say(
                format!(
                    "    列“{}”（{name}）的下列标签没有代码。请选定代码，将各行写入轮次文件中 schema = \"{schema}\" 的 [[export]]（分文件的，写入该文件的 [[export.file]]）：",
                    title.zh
                ),
                format!(
                    "    labels without a code in the column {name} ({}). Choose their codes and paste the lines into the [[export]] of the round file with schema = \"{schema}\", or into the file's [[export.file]]:",
                    title.en
                ),
            );
        }
        for (label, rows) in &shown {
            let line = line_of(name, label);
            say(
                format!("      {line} # {rows}行"),
                format!("      {line} # {rows} rows"),
            );
        }
        if !shown.is_empty() {
            let codes = |pick: fn(&Text) -> &str| codes_of(field, pick);
            say(
                format!(
                    "      代码：{}；标签不说明任何情况的，写 \"\"",
                    codes(|text| &text.zh).join("、")
                ),
                format!(
                    "      codes: {}; \"\" if the label states nothing",
                    codes(|text| &text.en).join(", ")
                ),
            );
        }
        let not_shown = labels.not_shown();
        if not_shown > 0 {
            say(
                format!(
                    "    列“{}”（{name}）中不予显示的无代码标签（不足{SHOWN_FROM_ROWS}行、过长或含号码，可能涉及个人）：{not_shown}处",
                    title.zh
                ),
                format!(
                    "    labels without a code in the column {name} ({}) that are not shown because they may be a person's (fewer than {SHOWN_FROM_ROWS} rows, long, or with a number): {not_shown}",
                    title.en
                ),
            );
        }
    }
}

/// Returns the line of a round file that maps a label, with `?` for the code.
pub(crate) fn line_of(field: &str, label: &str) -> String {
    let label = label.replace('\\', "\\\\").replace('"', "\\\"");
    format!("values.{field}.\"{label}\" = \"?\"")
}

fn codes_of(field: &Field, pick: fn(&Text) -> &str) -> Vec<String> {
    let codes = field.known_codes().into_iter();
    codes
        .map(|code| match field.labels.get(code) {
            Some(label) => format!("{code} ({})", pick(label)),
            None => code.to_owned(),
        })
        .collect()
}
