//! Tests the contracts between offices: crate dependencies, token tables, and absent or
//! stale exports.

use std::process::Command;

use aidlink_agency::case_parties::CaseParties;
use aidlink_agency::key::RoundKey;
use aidlink_agency::scan::Export;
use aidlink_agency::step::origin;
use aidlink_agency::tokenise::{Tokenising, tokenise_cases, tokenise_register};
use aidlink_agency::tokeniser::Tokeniser;
use aidlink_centre::screen::{ScreenError, Screening, ScreeningTerms, screen};
use aidlink_contract::token::TokenAlgorithm;
use aidlink_contract::token_table::{CaseTable, Origin, RegisterTable};
use aidlink_office::round::{self as office, Mode, Reads};
use serde_json::Value;

use crate::support::{Round, csv_records, csv_rows, project};

/// Returns the dependencies of a crate, each as `name vVERSION`.
fn dependencies_of(package: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "-e", "normal"])
        .args(["--prefix", "none", "-p", package])
        .current_dir(project())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines().skip(1).map(str::to_owned).collect()
}

/// The compiler enforces this: a crate cannot use code of a crate that it does not
/// depend on, directly or indirectly.
#[test]
fn no_crate_depends_on_an_office_it_must_not_know() {
    // Crates that make tokens, read exports and evaluate rules on rows. The versions
    // matter: `age`, which seals files between offices, has its own older `hmac` and `hkdf`.
    const AGENCY_ONLY: [&str; 8] = [
        "aidlink-agency",
        "aidlink-workbook",
        "hmac v0.13",
        "hkdf v0.13",
        "sm3",
        "csv",
        "calamine",
        "polars",
    ];
    const OFFICES: [&str; 3] = ["aidlink-agency", "aidlink-centre", "aidlink-procuratorate"];
    let walls: [(&str, Vec<&str>); 8] = [
        (
            "aidlink-centre",
            [
                AGENCY_ONLY.as_slice(),
                &["aidlink-procuratorate", "aidlink-register"],
            ]
            .concat(),
        ),
        (
            "aidlink-agency",
            vec![
                "aidlink-centre",
                "aidlink-procuratorate",
                "aidlink-register",
            ],
        ),
        ("aidlink-procuratorate", vec!["aidlink-centre"]),
        (
            "aidlink-register",
            [AGENCY_ONLY.as_slice(), &OFFICES].concat(),
        ),
        (
            "aidlink-contract",
            [
                AGENCY_ONLY.as_slice(),
                &OFFICES,
                &["aidlink-policy", "aidlink-office"],
            ]
            .concat(),
        ),
        (
            "aidlink-policy",
            [AGENCY_ONLY.as_slice(), &OFFICES, &["aidlink-office"]].concat(),
        ),
        (
            "aidlink-office",
            [AGENCY_ONLY.as_slice(), &OFFICES].concat(),
        ),
        ("aidlink-audit", vec!["aidlink-centre", "aidlink v"]),
    ];
    for (package, forbidden) in walls {
        let tree = dependencies_of(package);
        assert!(tree.iter().any(|line| line.starts_with("aidlink-faults")));
        let found: Vec<&String> = tree
            .iter()
            .filter(|line| {
                forbidden.iter().any(|name| match name.contains(' ') {
                    true => line.starts_with(name),
                    false => line.starts_with(&format!("{name} v")),
                })
            })
            .collect();
        assert!(found.is_empty(), "{package} depends on {found:?}");
    }
}

/// Reads the sample as `aidlink run` does.
fn read_plan(round: &Round) -> office::Round {
    office::Round::read(&round.path("round.toml"), None, Mode::Pooled, Reads::All).unwrap()
}

/// Returns the token tables of the sample. With `probed`, registers are searched for case
/// parties; otherwise they are tokenised in full.
fn tables(plan: &office::Round, probed: bool) -> (CaseTable, Vec<RegisterTable>) {
    let key = RoundKey::read(&plan.paths.key_file, &plan.terms.round, &plan.terms.purpose);
    let Ok(key) = key else {
        panic!("the test's key must be readable")
    };
    let tokeniser = Tokeniser::new(&key.person_subkey(plan.terms.algorithm));
    let mut cases = None;
    let mut registers = Vec::new();
    let mut parties = CaseParties::default();
    for (index, planned) in plan.exports.iter().enumerate() {
        let export: Vec<Export> = planned
            .files
            .iter()
            .enumerate()
            .flat_map(|(index, file)| {
                let (schema, reading) = (&planned.schema, &file.reading);
                let tables = Export::open(&file.path, index, schema, reading);
                tables.unwrap_or_else(|_| panic!("the sample's exports must open"))
            })
            .collect();
        let tokenising = Tokenising {
            probe: (index > 0 && probed).then_some(&parties),
            ..Tokenising::of(&plan.terms, planned, &tokeniser, &|_| {})
        };
        let origin = origin(&plan.terms, planned, &key.id());
        if index == 0 {
            let (table, case_parties, report) =
                tokenise_cases(&export, &tokenising, origin).unwrap();
            assert!(report.account.adds_up());
            parties = case_parties;
            cases = Some(table);
        } else {
            let (table, report) = tokenise_register(&export, &tokenising, origin).unwrap();
            assert!(report.account.adds_up());
            registers.push(table);
        }
    }
    (cases.unwrap(), registers)
}

fn screen_tables(
    plan: &office::Round,
    cases: &CaseTable,
    registers: &[RegisterTable],
) -> Result<Screening, ScreenError> {
    let terms = ScreeningTerms::of(&plan.terms);
    screen(&plan.terms.policy, &terms, cases, registers)
}

#[test]
fn probing_a_register_gives_the_same_leads_as_tokenising_it() {
    let round = Round::sample();
    let plan = read_plan(&round);
    let (cases, probed) = tables(&plan, true);
    let (_, whole) = tables(&plan, false);
    let rows =
        |tables: &[RegisterTable]| -> usize { tables.iter().map(|t| t.tokens().len()).sum() };
    assert!(
        rows(&whole) > 20 * rows(&probed),
        "a full register table must hold more than the matches"
    );
    let (probed, whole) = (
        screen_tables(&plan, &cases, &probed).unwrap(),
        screen_tables(&plan, &cases, &whole).unwrap(),
    );
    assert_eq!(probed.leads, whole.leads);
    // The full tables hold matched and unmatched tokens.
    for (matched, unmatched) in whole.matched.values() {
        assert!(*matched > 0 && *unmatched > *matched);
    }
}

#[test]
fn rows_without_any_outcome_are_not_sent() {
    let round = Round::sample();
    let plan = read_plan(&round);
    let (cases, registers) = tables(&plan, false);
    let all_no = |outcomes: &aidlink_contract::token_table::OutcomeColumns, row: usize| {
        let mut columns = outcomes.0.iter();
        columns.all(|(_, column)| column[row] == aidlink_contract::outcome::Outcome::No)
    };
    assert!((0..cases.tokens().len()).all(|row| !all_no(cases.outcomes(), row)));
    for register in &registers {
        assert!((0..register.tokens().len()).all(|row| !all_no(register.outcomes(), row)));
    }
}

#[test]
fn the_centre_refuses_token_tables_that_do_not_match() {
    let round = Round::sample();
    let plan = read_plan(&round);
    let (cases, registers) = tables(&plan, true);
    let first = &registers[0];
    let with = |change: fn(&mut Origin)| {
        let mut origin = first.origin().clone();
        change(&mut origin);
        RegisterTable::new(origin, first.tokens().to_vec(), first.outcomes().clone()).unwrap()
    };
    let refusal = |table: RegisterTable| match screen_tables(&plan, &cases, &[table]) {
        Err(error) => error.text().en,
        Ok(_) => "accepted".to_owned(),
    };
    let export = "procuratorate.referrals";
    for (table, what) in [
        (with(|origin| origin.round = "2026Q2".into()), "round"),
        (with(|origin| origin.policy_digest = "00".into()), "policy"),
        (with(|origin| origin.key_id = "00".into()), "key"),
        (
            with(|origin| origin.algorithm = TokenAlgorithm::HmacSm3),
            "token algorithm",
        ),
    ] {
        assert_eq!(
            refusal(table),
            format!("{export} was tokenised with a different {what} than the case parties")
        );
    }
    assert_eq!(
        refusal(with(|origin| origin.export = "veterans.persons".into())),
        "the token table of veterans.persons does not match the rules of the policy"
    );
    let twice = screen_tables(&plan, &cases, &[first.clone(), first.clone()]);
    assert_eq!(
        twice.unwrap_err().text().en,
        format!("there are two token tables of {export}")
    );
}

/// Returns how many leads of a list have the mark, and how many leads there are.
fn count_marked(round: &Round, output: &str, list: &str, mark: &str) -> (usize, usize) {
    let rows = csv_rows(&round.output(output)[&format!("lists/for-review/{list}.csv")]);
    let marked = rows
        .iter()
        .filter(|row| row.iter().any(|cell| cell.contains(mark)))
        .count();
    (marked, rows.len())
}

const NOT_VERIFIED: &str = "是否已在领取未能核实";
const REFERRAL_NOT_VERIFIED: &str = "此前是否已转介未能核实";

#[test]
fn an_absent_export_marks_the_leads_whose_receipt_it_would_verify() {
    let round = Round::sample();
    assert_eq!(round.run().code, 0);
    // Only certificate holders of whom the register does not say whether they receive it.
    let planted = csv_records(round.read("truth/planted-leads.csv").as_bytes());
    let not_stated = planted.iter().filter(|lead| {
        lead["scenario"].ends_with("receives dibao, disability certificate")
            && lead["aid"] == "disabled_living_subsidy"
    });
    let not_stated = not_stated.count();
    assert!(not_stated > 0);
    let (marks, leads) = count_marked(&round, "output", "to-disabled-federation", NOT_VERIFIED);
    assert_eq!(marks, not_stated);
    assert!(leads > 10 + marks);
    let text = round.read("round.toml");
    let at = text
        .find("[[export]]\nschema = \"disabled-federation.persons\"")
        .unwrap();
    let end = text[at + 5..]
        .find("[[export]]")
        .map_or(text.len(), |next| at + 5 + next);
    round.write("round.toml", format!("{}{}", &text[..at], &text[end..]));
    let folder = round.path("output-absent");
    let result = round.run_with(&["--output", folder.to_str().unwrap()]);
    assert_eq!(result.code, 3, "{}", result.stderr);
    assert!(
        result
            .stdout
            .contains("disabled-federation.persons is absent")
    );
    // Seriously injured persons may hold a certificate, which cannot be verified now.
    let (marks, leads) = count_marked(
        &round,
        "output-absent",
        "to-disabled-federation",
        NOT_VERIFIED,
    );
    assert!(leads > 10);
    assert_eq!(marks, leads);
}

#[test]
fn a_stale_export_makes_leads_and_lists_provisional() {
    let round = Round::sample();
    let text = round.read("round.toml");
    let at = text.find("schema = \"procuratorate.referrals\"").unwrap();
    let stale = text[at..].replacen("snapshot = 2026-09-28", "snapshot = 2026-06-29", 1);
    round.write("round.toml", format!("{}{stale}", &text[..at]));
    let result = round.run();
    assert_eq!(result.code, 3, "{}", result.stderr);
    assert!(
        result
            .stdout
            .contains("provisional: procuratorate.referrals")
    );
    let (marks, leads) = count_marked(&round, "output", "to-judicial-aid", REFERRAL_NOT_VERIFIED);
    // Persons who were referred already are listed too, because a stale export counts as
    // unknown.
    assert!(leads > 70, "{leads}");
    assert_eq!(marks, leads);
    let list = &round.output("output")["lists/for-review/to-judicial-aid.csv"];
    let header = String::from_utf8(list.clone()).unwrap();
    assert!(
        header
            .lines()
            .next()
            .unwrap()
            .contains("暂定（procuratorate.referrals 数据过旧）")
    );
    let summary: Value = serde_json::from_slice(&round.output("output")["summary.json"]).unwrap();
    assert_eq!(
        summary["not_verified_by"]["procuratorate.referrals"],
        "stale"
    );
}

#[test]
fn a_snapshot_exactly_at_the_age_limit_is_fresh() {
    let round = Round::sample();
    let text = round.read("round.toml");
    round.write(
        "round.toml",
        text.replace("snapshot = 2026-09-28", "snapshot = 2026-06-30"),
    );
    assert_eq!(
        round.run().code,
        0,
        "a snapshot of 92 days is within the limit of 92 days"
    );
}
