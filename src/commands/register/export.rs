//! `aidlink register export`: the ledger, one row a lead.

use std::collections::BTreeMap;

use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;
use aidlink_files::owner_only::write_new_owner_only;
use aidlink_office::terminal::Output;
use aidlink_procuratorate::ledger::{self, LedgerFile};
use aidlink_register::ledger::ledger as rows_of;
use serde::Serialize;

use crate::cli::RegisterExportArguments;
use crate::commands::Ending;

/// The answer of `register export`.
#[derive(Serialize)]
struct Exported<'a> {
    file: &'a str,
    leads: usize,
    late: usize,
    by_stage: BTreeMap<&'static str, usize>,
}

/// Writes the ledger.
pub(super) fn run(arguments: &RegisterExportArguments, output: Output) -> Result<Ending, Ending> {
    let terms = arguments.terms.read()?;
    let register = arguments.file.open_to_read(output)?;
    let book = register.book();
    let rows = rows_of(
        book,
        terms.as_of,
        &terms.clocks,
        &terms.calendar,
        &terms.policy,
    );
    let ledger = LedgerFile {
        rows: &rows,
        as_of: terms.as_of,
        language: output.language,
    };
    let bytes = match arguments.format.as_str() {
        "csv" => ledger.csv(),
        "json" => ledger.json(),
        _ => ledger.xlsx(&arguments.out)?,
    };
    let what = Text::new("台账", "the ledger");
    write_new_owner_only(&arguments.out, &bytes, &what)?;
    let mut by_stage = BTreeMap::new();
    for state in book.leads().filter_map(|lead| lead.state.as_ref()) {
        *by_stage.entry(state.stage.name()).or_default() += 1;
    }
    let late = rows.iter().filter(|row| ledger::is_late(row)).count();
    let (file, leads) = (shown_path(&arguments.out), rows.len());
    output.answer(
        &Text::new(
            format!("已输出台账 {file}：{leads}条线索，其中{late}条有逾期事项。仅供内部使用。"),
            format!(
                "wrote the ledger {file}: {leads} leads, {late} of them late. For internal use."
            ),
        ),
        &file,
        &Exported {
            file: &file,
            leads,
            late,
            by_stage,
        },
    );
    Ok(Ending::Done)
}
