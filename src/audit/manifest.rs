//! The manifest and the summary: what went in, what was read of it, what
//! became of every row, what came out. Neither holds a time or a value of a
//! row, so both are equal for equal inputs.

use std::collections::BTreeMap;

use aidlink_agency::account::Rest;
use aidlink_agency::resolve::ResolvedLead;
use aidlink_contract::screened_lead::{NotVerified, Provisional};
use aidlink_contract::text::Text;
use aidlink_office::round::RoundTerms;
use serde_json::{Map, Value, json};

use crate::exports::ReadExport;
use crate::lists::match_list::{MatchList, language_name};
use crate::round::Plan;
use crate::run::RoundResult;
use aidlink_office::output_folder::WrittenFile;

/// The figures of a pooled round.
pub fn summary(plan: &Plan, result: &RoundResult, lists: &[MatchList]) -> Value {
    let exports: Map<String, Value> = result
        .exports
        .iter()
        .map(|export| (export.planned.schema.name.clone(), account(export)))
        .collect();
    let mut document = leads_summary(&plan.terms, &result.leads, lists);
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
pub fn manifest(plan: &Plan, result: &RoundResult, outputs: &[WrittenFile]) -> Value {
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
    let mut document = round(&plan.terms, "run");
    document["provisional"] = reasons(&result.provisional).into();
    document["not_verified_by"] = not_verified(&result.not_verified_by).into();
    document["key"] = key(&plan.terms, &result.key_id);
    document["exports"] = exports.into();
    document["outputs"] = files(outputs).into();
    document
}

/// What every manifest says of the round and of the software.
pub fn round(terms: &RoundTerms, step: &str) -> Value {
    json!({
        "manifest_version": 1,
        "software": {"name": "aidlink", "version": env!("CARGO_PKG_VERSION")},
        "mode": terms.mode.name(),
        "step": step,
        "round": terms.round,
        "round_file_blake3": terms.digest,
        "as_of": terms.as_of.to_string(),
        "issued_on": terms.issued_on.to_string(),
        "purpose": terms.purpose,
        "impact_assessment": {
            "id": terms.impact_assessment,
            "valid_until": terms.impact_assessment_until.to_string(),
        },
        "operator": terms.operator,
        "retention_until": terms.retention_until.to_string(),
        "list_language": language_name(terms.list_language),
        "thresholds": {
            "snapshot_age_days": terms.thresholds.snapshot_age_days,
            "reject_rate": terms.thresholds.reject_rate,
            "rare_pattern": terms.thresholds.rare_pattern,
        },
        "policy": {
            "id": terms.policy.id,
            "version": terms.policy.version,
            "blake3": terms.policy.digest,
        },
        "calendar": {"blake3": terms.calendar.digest()},
    })
}

/// The key by its id.
pub fn key(terms: &RoundTerms, id: &str) -> Value {
    json!({"id": id, "algorithm": terms.algorithm.name()})
}

/// An export as it was read.
pub fn export(export: &ReadExport) -> Value {
    let planned = &export.planned;
    let files: Vec<Value> = export
        .files
        .iter()
        .map(|file| {
            json!({
                "file": file.written_path,
                "blake3": file.digest,
                "bytes": file.byte_length,
                "format": file.format,
                "encoding": file.encoding,
                "date_epoch": planned.reading.epoch.year(),
                "columns_present_and_not_read": file.columns_not_read,
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

/// Files that were written.
pub fn files(written: &[WrittenFile]) -> Vec<Value> {
    written
        .iter()
        .map(|file| json!({"file": file.path, "blake3": file.digest, "bytes": file.byte_length}))
        .collect()
}
