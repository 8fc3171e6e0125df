//! Prints what happened to the rows of an export.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use aidlink_agency::account::Rest;
use aidlink_agency::exports::{ReadExport, converted_amounts};
use aidlink_faults::text::Text;
use aidlink_office::terminal::Output;
use aidlink_office::text_table::{TextTable, WIDTH};
use aidlink_policy::pack::{Policy, Rule};

use crate::labels_report::say_unmapped;

/// What stands before the lines of a table.
const INDENT: &str = "  ";

/// Prints where the rows of the exports went, as a table, and below it what concerns some of
/// them: the rows withheld, and what the office should look at. `figures` names where all
/// figures are.
pub(crate) fn say_exports<'e>(
    exports: impl Iterator<Item = &'e ReadExport> + Clone,
    policy: &Policy,
    figures: &str,
    output: Output,
) {
    let header = [
        Text::new("导出", "Export"),
        Text::new("行数", "Rows"),
        Text::new("拒收", "Rejected"),
        Text::new("不予处理", "Withheld"),
        Text::new("未入选", "Left out"),
        Text::new("入选", "Kept"),
    ];
    let mut table = TextTable::new(header.iter().map(|text| text.in_language(output.language)));
    for export in exports.clone() {
        let account = &export.report.account;
        let (left_out, kept) = match account.rest {
            Rest::Evaluated {
                without_outcome,
                sent,
            } => (without_outcome, sent),
            Rest::Probed { matched, unmatched } => (unmatched, matched),
        };
        let title = export.planned.schema.title.in_language(output.language);
        let figures = [
            account.rows,
            account.rejected,
            account.withheld,
            left_out,
            kept,
        ];
        let figures = figures.iter().map(u64::to_string);
        table.add(std::iter::once(title.to_owned()).chain(figures));
    }
    for line in table.lines(WIDTH - INDENT.len()) {
        let line = format!("{INDENT}{line}");
        output.say(&Text::new(line.clone(), line));
    }
    let below = Text::new(
        "入选：可能成为线索的案件行；名册中属于案件当事人的行。每行五数相加相符。",
        "Kept: case rows that may become leads; rows of registers that are of case parties.",
    );
    output.say(&Text::new(
        format!("{INDENT}{}", below.zh),
        format!("{INDENT}{}", below.en),
    ));
    for export in exports {
        say_export(export, policy, figures, output);
    }
}

/// Prints what concerns an export, below its title; nothing if there is nothing to say.
fn say_export(export: &ReadExport, policy: &Policy, figures: &str, output: Output) {
    let notes = export.notes(policy);
    let amounts = converted_amounts(export);
    let unreadable: u64 = export.report.value_faults.values().sum();
    let is_silent = export.report.withheld_by_rule.is_empty()
        && notes.is_empty()
        && amounts.is_empty()
        && unreadable == 0
        && export.report.unmapped.is_empty();
    if is_silent {
        return;
    }
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let title = &export.planned.schema.title;
    say(format!("  {}：", title.zh), format!("  {}:", title.en));
    say_withheld(export, policy, output);
    for text in notes {
        say(
            format!("    注意：{}", text.zh),
            format!("    note: {}", text.en),
        );
    }
    for converted in amounts {
        let titles = |pick: fn(&Text) -> &str| {
            let titles = converted.fields.iter().map(|field| pick(&field.title));
            titles.collect::<Vec<_>>().join(", ")
        };
        let only_in = |pick: fn(&Text) -> &str, colon: &str| {
            let name = converted.only_in.as_ref();
            name.map_or_else(String::new, |name| format!("{}{colon}", pick(name)))
        };
        let unit = converted.unit;
        say(
            format!(
                "    {}单位为{unit}的金额已换算为元：{}",
                only_in(|text| &text.zh, "："),
                titles(|text| &text.zh)
            ),
            format!(
                "    {}amounts in {unit} are converted to yuan: {}",
                only_in(|text| &text.en, ": "),
                titles(|text| &text.en)
            ),
        );
    }
    if unreadable > 0 {
        say(
            format!("    无法读取的单元格：{unreadable}（见 {figures}）"),
            format!("    cells that could not be read: {unreadable} (see {figures})"),
        );
    }
    say_unmapped(&export.planned.schema, &export.report.unmapped, output);
}

/// Prints how many rows each rule withholds.
pub(crate) fn say_withheld(export: &ReadExport, policy: &Policy, output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    for (rule, count) in &export.report.withheld_by_rule {
        let title = policy.rule(rule).map_or_else(
            || Text::new(rule.clone(), rule.clone()),
            |rule| rule.title.clone(),
        );
        say(
            format!("    不予处理{count}行：{}", title.zh),
            format!("    {count} rows withheld: {}", title.en),
        );
    }
}

/// The most rules that are printed.
const MOST_RULES: usize = 12;

/// Prints the rules that cannot be judged for many rows of an export, with the columns
/// that it lacks. `unknown` is the number of rows by rule.
pub(crate) fn say_unknown(
    export: &ReadExport,
    policy: &Policy,
    unknown: &BTreeMap<String, u64>,
    output: Output,
) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let mut rules: Vec<(&Rule, u64)> = unknown
        .iter()
        .filter_map(|(id, rows)| Some((policy.rule(id)?, *rows)))
        .collect();
    rules.sort_by_key(|(_, rows)| Reverse(*rows));
    if rules.is_empty() {
        return;
    }
    let title = &export.planned.schema.title;
    say(
        format!("  {}：下列条件有的行无法判断：", title.zh),
        format!(
            "  {}: conditions that cannot be judged for some rows:",
            title.en
        ),
    );
    let missing_fields = export.missing_fields(policy);
    for (rule, rows) in rules.iter().take(MOST_RULES) {
        let columns = rule.columns();
        let fields = missing_fields.iter();
        let missing = fields.filter(|field| columns.contains(&field.name));
        let missing: Vec<&Text> = missing.map(|field| &field.title).collect();
        let titles = |pick: fn(&Text) -> &str| {
            let titles: Vec<&str> = missing.iter().map(|title| pick(title)).collect();
            titles.join(", ")
        };
        let (mut zh, mut en) = (rule.title.zh.clone(), rule.title.en.clone());
        if !missing.is_empty() {
            zh += &format!("（导出没有的列：{}）", titles(|text| &text.zh));
            en += &format!(
                " (columns that the export lacks: {})",
                titles(|text| &text.en)
            );
        }
        say(
            format!("      {rows}行：{zh}"),
            format!("      {rows} rows: {en}"),
        );
    }
    let more = rules.len().saturating_sub(MOST_RULES);
    if more > 0 {
        say(
            format!("      另有{more}项条件（见 --json）"),
            format!("      and {more} more conditions (see --json)"),
        );
    }
}
