//! Prints what happened to the rows of an export.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use aidlink_agency::account::Rest;
use aidlink_agency::exports::{ReadExport, converted_amounts};
use aidlink_faults::text::Text;
use aidlink_office::terminal::Output;
use aidlink_policy::pack::{Policy, Rule};

use crate::labels_report::say_unmapped;

/// Prints the account of an export, the rows withheld, and what the office should look at.
/// `figures` names where all figures are.
pub(crate) fn say_export(export: &ReadExport, policy: &Policy, figures: &str, output: Output) {
    let say = |zh: String, en: String| output.say(&Text::new(zh, en));
    let account = &export.report.account;
    let (rows, rejected, withheld) = (account.rows, account.rejected, account.withheld);
    let title = &export.planned.schema.title;
    let (zh, en) = match account.rest {
        Rest::Evaluated {
            without_outcome,
            sent,
        } => (
            format!("无结果{without_outcome} + 参与筛查{sent}"),
            format!("{without_outcome} without outcome + {sent} screened"),
        ),
        Rest::Probed { matched, unmatched } => (
            format!("匹配{matched} + 未匹配{unmatched}"),
            format!("{matched} matched + {unmatched} unmatched"),
        ),
    };
    say(
        format!(
            "  {}：{rows} = 拒收{rejected} + 不予处理{withheld} + {zh}",
            title.zh
        ),
        format!(
            "  {}: {rows} = {rejected} rejected + {withheld} withheld + {en}",
            title.en
        ),
    );
    say_withheld(export, policy, output);
    for text in export.notes(policy) {
        say(
            format!("    注意：{}", text.zh),
            format!("    note: {}", text.en),
        );
    }
    for converted in converted_amounts(export) {
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
    let unreadable: u64 = export.report.value_faults.values().sum();
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
    say(
        "    下列条件有的行无法判断：".into(),
        "    conditions that cannot be judged for some rows:".into(),
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
