//! The manifest and the summary: what went in, what was read of it, what
//! became of every row, what came out. Neither holds a time or a value of a
//! row, so both are equal for equal inputs.

use std::collections::BTreeMap;

use aidlink_agency::account::Rest;
use aidlink_contract::screened_lead::{NotVerified, Provisional};
use aidlink_faults::text::Text;
use aidlink_office::record::Step;
use aidlink_office::round::RoundTerms;
use aidlink_procuratorate::resolve::ResolvedLead;
use serde_json::{Map, Value, json};

use crate::pooled::RoundResult;
use aidlink_agency::exports::{ReadColumn, ReadExport};
use aidlink_procuratorate::lists::match_list::{MatchList, language_name};

/// The name of this program in manifests.
pub const PROGRAM: &str = "aidlink";

/// The figures of a pooled round.
pub fn summary(terms: &RoundTerms, result: &RoundResult, lists: &[MatchList]) -> Value {
    let exports: Map<String, Value> = result
        .exports
        .iter()
        .map(|export| (export.planned.schema.name.clone(), account(export)))
        .collect();
    let mut document = leads_summary(terms, &result.leads, lists);
    document["provisional"] = reasons(&result.provisional).into();
    document["not_verified_by"] = not_verified(&result.not_verified_by).into();
    document["exports"] = exports.into();
    document
}

/// The figures of the leads.
pub fn leads_summary(terms: &RoundTerms, leads: &[ResolvedLead], lists: &[MatchList]) -> Value {
    let mut by_aid = Map::new();
    for aid in &terms.policy.aids {
        let of_aid = leads.iter().filter(|lead| lead.screened.aid == aid.id);
        let (minors, adults): (Vec<_>, Vec<_>) = of_aid.partition(|lead| lead.minor);
        by_aid.insert(
            aid.id.clone(),
            json!({"adults": adults.len(), "minors": minors.len()}),
        );
    }
    let by_list: Map<String, Value> = lists
        .iter()
        .map(|list| (list.name.clone(), list.leads.into()))
        .collect();
    json!({
        "round": terms.round,
        "as_of": terms.as_of.to_string(),
        "issued_on": terms.issued_on.to_string(),
        "policy": {"id": terms.policy.id, "version": terms.policy.version},
        "leads": leads.len(),
        "leads_by_aid": by_aid,
        "leads_by_list": by_list,
    })
}

/// Why lists are provisional.
pub fn reasons(provisional: &[Provisional]) -> Vec<Value> {
    provisional
        .iter()
        .map(|reason| both(&reason.text()))
        .collect()
}

fn both(text: &Text) -> Value {
    json!({"zh": text.zh, "en": text.en})
}

/// Exports that could not verify receipt or referral.
pub fn not_verified(not_verified_by: &BTreeMap<String, NotVerified>) -> Map<String, Value> {
    not_verified_by
        .iter()
        .map(|(export, reason)| (export.clone(), reason.name().into()))
        .collect()
}

/// The account of an export with rejects, withheld rows and warnings by reason.
fn account(export: &ReadExport) -> Value {
    let report = &export.report;
    let account = &report.account;
    let mut object = Map::new();
    object.insert("rows".into(), account.rows.into());
    object.insert("rejected".into(), account.rejected.into());
    object.insert("withheld".into(), account.withheld.into());
    match account.rest {
        Rest::Evaluated {
            without_outcome,
            sent,
        } => {
            object.insert("without_outcome".into(), without_outcome.into());
            object.insert("sent".into(), sent.into());
        }
        Rest::Probed { matched, unmatched } => {
            object.insert("matched".into(), matched.into());
            object.insert("unmatched".into(), unmatched.into());
        }
    }
    let not_rows = &account.not_rows;
    object.insert(
        "not_rows".into(),
        json!({
            "title_lines": not_rows.title_lines,
            "blank_lines": not_rows.blank_lines,
            "total_lines": not_rows.total_lines,
        }),
    );
    let mut rejected: Map<String, Value> = Map::new();
    for reject in &report.rejects {
        let count = rejected
            .get(reject.reason.code())
            .and_then(Value::as_u64)
            .unwrap_or(0);
        rejected.insert(reject.reason.code().to_owned(), (count + 1).into());
    }
    object.insert("rejected_by_reason".into(), rejected.into());
    object.insert("withheld_by_rule".into(), json!(report.withheld_by_rule));
    object.insert("id_warnings".into(), json!(report.id_warnings));
    let value_faults: Map<String, Value> = report
        .value_faults
        .iter()
        .map(|((field, fault), count)| (format!("{field}: {}", fault.code()), (*count).into()))
        .collect();
    object.insert("unreadable_values".into(), value_faults.into());
    object.into()
}

/// Everything that a compliance officer needs to know of a pooled run.
pub fn manifest(step: &Step<'_>, result: &RoundResult) -> Value {
    let exports: Vec<Value> = result
        .exports
        .iter()
        .map(|read| {
            let mut export = export(read);
            let matched = result.persons_matched.get(&read.planned.schema.name);
            export["persons_matched"] = matched.map(|(matched, _)| *matched).into();
            export
        })
        .collect();
    let mut document = step.manifest(PROGRAM);
    document["list_language"] = language_name(step.terms.list_language).into();
    document["provisional"] = reasons(&result.provisional).into();
    document["not_verified_by"] = not_verified(&result.not_verified_by).into();
    document["key"] = key(step, &result.key_id);
    document["exports"] = exports.into();
    document
}

/// The key by its id, and where it lies: it is deleted with the round.
pub fn key(step: &Step<'_>, id: &str) -> Value {
    json!({
        "id": id,
        "algorithm": step.terms.algorithm.name(),
        // Nothing is tokenised by a build that fails it.
        "known_answer_test": "passed",
        "file": step.terms.relative(&step.paths.key_file),
    })
}

/// An export as it was read.
pub fn export(export: &ReadExport) -> Value {
    let planned = &export.planned;
    let files: Vec<Value> = export
        .files
        .iter()
        .map(|file| {
            let not_read = file.columns.iter().filter(|column| !column.read);
            let not_read: Vec<&str> = not_read.map(|column| column.header.as_str()).collect();
            json!({
                "file": file.written_path,
                "blake3": file.digest,
                "bytes": file.byte_length,
                "format": file.format,
                "encoding": file.encoding,
                "date_epoch": planned.reading.epoch.year(),
                "columns": columns(&file.columns),
                "columns_present_and_not_read": not_read,
                "fields_absent": file.columns_absent,
            })
        })
        .collect();
    json!({
        "export": planned.schema.name,
        "agency": planned.schema.agency,
        "snapshot": planned.snapshot.to_string(),
        "legal_basis": planned.legal_basis,
        "schema_blake3": planned.schema.digest,
        "fields_read": export.report.columns_read,
        "files": files,
        "account": account(export),
    })
}

/// The columns of a file: header, field, whether its cells were read.
pub fn columns(columns: &[ReadColumn]) -> Vec<Value> {
    columns
        .iter()
        .map(|column| json!({"header": column.header, "field": column.field, "read": column.read}))
        .collect()
}
