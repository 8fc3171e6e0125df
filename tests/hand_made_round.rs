//! Compares the hand-made round with leads that were worked out by hand from the policy
//! (see the round's README). It covers every rule and every way to become a lead or not.

use std::collections::{BTreeMap, BTreeSet};

use aidlink::pooled::{RoundResult, run};
use aidlink_agency::account::Rest;
use aidlink_agency::key::KeyFile;
use aidlink_faults::text::Language;
use aidlink_office::audit_log::AuditLog;
use aidlink_office::round::{self as office, Mode, Reads};
use aidlink_office::terminal::{Form, Output, Progress};
use aidlink_policy::pack::{Policy, RuleKind};

use crate::support::{Round, csv_rows};

fn run_round(round: &Round) -> (office::Round, RoundResult) {
    let file = round.path("round.toml");
    let plan = office::Round::read(&file, None, Mode::Pooled, Reads::All).unwrap();
    let mut log = AuditLog::new(|| jiff::Timestamp::UNIX_EPOCH);
    let result = run(
        &plan.terms,
        &plan.exports,
        &mut KeyFile::at(&plan.paths.key_file),
        None,
        None,
        &Progress::new(Output {
            language: Language::English,
            form: Form::Quiet,
        }),
        &mut log,
    )
    .unwrap();
    (plan, result)
}

/// One lead, with the columns of `expected-leads.csv`.
type Lead = BTreeMap<&'static str, String>;

fn found_leads(plan: &office::Round, result: &RoundResult) -> BTreeMap<(String, String), Lead> {
    let fields: Vec<&str> = plan
        .terms
        .cases
        .schema
        .list_fields()
        .map(|field| field.name.as_str())
        .collect();
    let column = |name: &str| fields.iter().position(|field| *field == name).unwrap();
    let joined =
        |ids: BTreeSet<&str>, separator: &str| ids.into_iter().collect::<Vec<_>>().join(separator);
    result
        .resolved
        .leads
        .iter()
        .map(|lead| {
            let screened = &lead.screened;
            let cases: BTreeSet<&str> = lead
                .cases
                .iter()
                .map(|case| case.fields[column("case_number")].as_str())
                .collect();
            let rules =
                |pick: fn(&aidlink_contract::screened_lead::CaseEvidence) -> &Vec<String>| {
                    screened
                        .cases
                        .iter()
                        .flat_map(pick)
                        .map(String::as_str)
                        .collect()
                };
            let row = [
                ("minor", lead.minor.to_string()),
                ("cases", joined(cases, ";")),
                ("yes", joined(rules(|case| &case.yes), " ")),
                ("unknown", joined(rules(|case| &case.unknown), " ")),
                ("indicated", joined(rules(|case| &case.indicated), " ")),
                ("grade", screened.grade().name().to_owned()),
                (
                    "receipt_not_verified",
                    screened.receipt_not_verified.to_string(),
                ),
                (
                    "referral_not_verified",
                    screened.referral_not_verified.to_string(),
                ),
            ];
            let person = lead.cases[0].fields[column("name")].clone();
            ((person, screened.aid.clone()), row.into_iter().collect())
        })
        .collect()
}

fn expected_leads(round: &Round) -> BTreeMap<(String, String), Lead> {
    csv_rows(round.read("expected-leads.csv").as_bytes())
        .into_iter()
        .map(|row| {
            let columns = [
                "minor",
                "cases",
                "yes",
                "unknown",
                "indicated",
                "grade",
                "receipt_not_verified",
                "referral_not_verified",
            ];
            let lead = columns.into_iter().zip(row[2..].iter().cloned()).collect();
            ((row[0].clone(), row[1].clone()), lead)
        })
        .collect()
}

#[test]
fn the_leads_are_those_worked_out_by_hand() {
    let round = Round::hand_made();
    let (plan, result) = run_round(&round);
    let (found, expected) = (found_leads(&plan, &result), expected_leads(&round));
    let keys = |leads: &BTreeMap<(String, String), Lead>| -> BTreeSet<(String, String)> {
        leads.keys().cloned().collect()
    };
    let missed: Vec<_> = keys(&expected).difference(&keys(&found)).cloned().collect();
    let false_leads: Vec<_> = keys(&found).difference(&keys(&expected)).cloned().collect();
    assert_eq!((missed, false_leads), (vec![], vec![]));
    for (key, lead) in &expected {
        assert_eq!(found.get(key), Some(lead), "{key:?}");
    }
}

#[test]
fn the_accounts_are_those_worked_out_by_hand() {
    let round = Round::hand_made();
    let (_, result) = run_round(&round);
    let rows = csv_rows(round.read("expected-accounts.csv").as_bytes());
    assert_eq!(rows.len(), result.exports.len());
    for row in rows {
        let export = result
            .exports
            .iter()
            .find(|export| export.planned.schema.name == row[0])
            .unwrap();
        let account = &export.report.account;
        let mut figures: Vec<u64> = vec![account.rows, account.rejected, account.withheld];
        match account.rest {
            Rest::Evaluated {
                without_outcome,
                sent,
            } => figures.extend([without_outcome, sent]),
            Rest::Probed { matched, unmatched } => figures.extend([matched, unmatched]),
        }
        let expected: Vec<u64> = row[1..]
            .iter()
            .filter(|cell| !cell.is_empty())
            .map(|cell| cell.parse().unwrap())
            .collect();
        assert_eq!(figures, expected, "{}", row[0]);
    }
}

#[test]
fn the_round_covers_every_ground_exclusion_and_aid() {
    let round = Round::hand_made();
    let expected = expected_leads(&round);
    let (plan, _) = run_round(&round);
    let shown: BTreeSet<&str> = expected
        .values()
        .flat_map(|lead| ["yes", "indicated"].map(|column| lead[column].split(' ')))
        .flatten()
        .collect();
    let aids: BTreeSet<&str> = expected.keys().map(|(_, aid)| aid.as_str()).collect();
    let policy: &Policy = &plan.terms.policy;
    for rule in &policy.rules {
        let is_required = matches!(
            rule.kind,
            RuleKind::Ground | RuleKind::Exclusion | RuleKind::Priority
        );
        assert!(
            !is_required || shown.contains(rule.id.as_str()),
            "{}",
            rule.id
        );
    }
    for aid in &policy.aids {
        assert!(aids.contains(aid.id.as_str()), "{}", aid.id);
    }
}

/// Covers the marking, the header, the order of columns and the line ends.
#[test]
fn a_list_matches_the_reviewed_file_byte_for_byte() {
    let round = Round::hand_made();
    assert_eq!(round.run().code, 0);
    let lists = round.output("output");
    let written = &lists["lists/for-review/to-veterans.csv"];
    let expected = std::fs::read(round.path("expected-to-veterans.csv")).unwrap();
    assert_eq!(
        String::from_utf8_lossy(written),
        String::from_utf8_lossy(&expected)
    );
    assert!(written.starts_with(b"\xef\xbb\xbf") && written.ends_with(b"\r\n"));
}
