//! The manifest and the summary: what went in, what was read of it, what
//! became of every row, what came out. Neither holds a time or a value of a
//! row, so both are equal for equal inputs.

use aidlink_agency::account::Rest;
use aidlink_contract::text::Text;
use serde_json::{Map, Value, json};

use crate::exports::ReadExport;
use crate::lists::match_list::{MatchList, language_name};
use crate::round::Plan;
use crate::run::RoundResult;
use aidlink_office::output_folder::WrittenFile;

/// The figures of a round.
pub fn summary(plan: &Plan, result: &RoundResult, lists: &[MatchList]) -> Value {
    let mut by_aid = Map::new();
    for aid in &plan.terms.policy.aids {
        let of_aid = result
            .leads
            .iter()
            .filter(|lead| lead.screened.aid == aid.id);
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
    let exports: Map<String, Value> = result
        .exports
        .iter()
        .map(|export| (export.planned.schema.name.clone(), account(export)))
        .collect();
    json!({
        "round": plan.terms.round,
        "as_of": plan.terms.as_of.to_string(),
        "issued_on": plan.terms.issued_on.to_string(),
        "policy": {"id": plan.terms.policy.id, "version": plan.terms.policy.version},
        "leads": result.leads.len(),
        "leads_by_aid": by_aid,
        "leads_by_list": by_list,
        "provisional": reasons(result),
        "not_verified_by": not_verified(result),
        "exports": exports,
    })
}

fn reasons(result: &RoundResult) -> Vec<Value> {
    result
        .provisional
        .iter()
        .map(|reason| both(&reason.text()))
        .collect()
}

fn both(text: &Text) -> Value {
    json!({"zh": text.zh, "en": text.en})
}

fn not_verified(result: &RoundResult) -> Map<String, Value> {
    result
        .not_verified_by
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

/// Everything that a compliance officer needs to know of the run.
pub fn manifest(plan: &Plan, result: &RoundResult, outputs: &[WrittenFile]) -> Value {
    let exports: Vec<Value> = result
        .exports
        .iter()
        .map(|export| {
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
                "persons_matched": result
                    .persons_matched
                    .get(&planned.schema.name)
                    .map(|(matched, _)| matched),
            })
        })
        .collect();
    let outputs: Vec<Value> = outputs
        .iter()
        .map(|file| json!({"file": file.path, "blake3": file.digest, "bytes": file.byte_length}))
        .collect();
    json!({
        "manifest_version": 1,
        "software": {"name": "aidlink", "version": env!("CARGO_PKG_VERSION")},
        "mode": "pooled",
        "round": plan.terms.round,
        "round_file_blake3": plan.terms.digest,
        "as_of": plan.terms.as_of.to_string(),
        "issued_on": plan.terms.issued_on.to_string(),
        "purpose": plan.terms.purpose,
        "impact_assessment": {
            "id": plan.terms.impact_assessment,
            "valid_until": plan.terms.impact_assessment_until.to_string(),
        },
        "operator": plan.terms.operator,
        "retention_until": plan.terms.retention_until.to_string(),
        "list_language": language_name(plan.terms.list_language),
        "thresholds": {
            "snapshot_age_days": plan.terms.thresholds.snapshot_age_days,
            "reject_rate": plan.terms.thresholds.reject_rate,
        },
        "provisional": reasons(result),
        "not_verified_by": not_verified(result),
        "key": {"id": result.key_id, "algorithm": plan.terms.algorithm.name()},
        "policy": {
            "id": plan.terms.policy.id,
            "version": plan.terms.policy.version,
            "blake3": plan.terms.policy.digest,
        },
        "calendar": {"blake3": plan.terms.calendar.digest()},
        "exports": exports,
        "outputs": outputs,
    })
}
