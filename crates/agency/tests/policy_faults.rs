//! A fault in a policy points at its place and names the nearest right name.

use std::path::Path;

use aidlink_agency::rules::test_cases;
use aidlink_faults::text::Language;
use aidlink_policy::pack::Policy;
use aidlink_policy::schema::Schemas;

fn project() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The faults of the shipped policy after one change, and the changed text.
fn faults_after(from: &str, to: &str) -> (Vec<String>, String) {
    let text = std::fs::read_to_string(project().join("policies/shaoguan.toml"))
        .expect("the shipped policy");
    assert!(text.contains(from), "the policy does not hold {from}");
    let text = text.replacen(from, to, 1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("policy.toml");
    std::fs::write(&path, &text).expect("a writable folder");
    let schemas = Schemas::read(&project().join("schemas")).expect("the shipped schemas");
    let faults = match Policy::read(&path, &schemas) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .iter()
            .map(|fault| {
                fault
                    .render(Language::English)
                    .replace(&format!("{}", path.display()), "policy.toml")
            })
            .collect(),
    };
    (faults, text)
}

/// Line and column, both from 1, of a text that stands once.
fn place(text: &str, at: &str) -> String {
    let offset = text.find(at).expect("the place is in the text");
    let line = text[..offset].matches('\n').count() + 1;
    let column = text[..offset]
        .rsplit('\n')
        .next()
        .unwrap_or("")
        .chars()
        .count()
        + 1;
    format!("policy.toml:{line}:{column}: ")
}

#[track_caller]
fn expect(from: &str, to: &str, at: &str, words: &str) {
    let (faults, text) = faults_after(from, to);
    let wanted = format!("{}{words}", place(&text, at));
    assert!(
        faults.iter().any(|fault| fault.starts_with(&wanted)),
        "no fault {wanted:?} in {faults:#?}"
    );
}

#[test]
fn an_unknown_column() {
    expect(
        "injury_level IS NOT NULL AND",
        "injury_levle IS NOT NULL AND",
        "injury_levle",
        "unknown column `injury_levle`\n  did you mean `injury_level`?",
    );
}

#[test]
fn a_wrong_type() {
    expect(
        "property_loss >= 30000",
        "property_loss >= '30001'",
        "'30001'",
        "number cannot be compared with string\n  compare values of the same type",
    );
}

#[test]
fn a_code_outside_the_code_list() {
    expect(
        "IN ('serious_1','serious_2')",
        "IN ('serious_1','serius_2')",
        "'serius_2'",
        "the code `serius_2` is not in the code list of `injury_level`\n  did you mean `serious_2`?",
    );
}

#[test]
fn an_undefined_rule_in_an_aid() {
    expect(
        "qualifies = 'judicial_ground AND social_hardship'",
        "qualifies = 'judicial_ground AND social_hardships'",
        "social_hardships",
        "undefined rule `social_hardships`\n  did you mean `social_hardship`?",
    );
}

#[test]
fn a_cycle_of_terms() {
    let (faults, _) = faults_after(
        "means = 'j2_urgent_treatment OR j7_special_need'",
        "means = 'j2_urgent_treatment OR judicial_side'",
    );
    assert!(
        faults.iter().any(|fault| fault.contains(
            "in a cycle: ground_of_need -> judicial_side -> judicial_ground_in_hardship -> ground_of_need"
        )),
        "{faults:#?}"
    );
}

#[test]
fn negation_in_qualifies() {
    expect(
        "qualifies = 'judicial_ground AND social_hardship'",
        "qualifies = 'judicial_ground AND NOT x1_major_fault'",
        "x1_major_fault'",
        "this is not part of the rule language\n  only AND and OR of rules may stand here",
    );
}

#[test]
fn a_withhold_rule_cannot_be_combined() {
    expect(
        "qualifies = 'judicial_ground AND social_hardship'",
        "qualifies = 'judicial_ground AND withhold_sealed'",
        "withhold_sealed'",
        "undefined rule `withhold_sealed`",
    );
}

#[test]
fn a_rule_that_no_aid_uses_would_read_for_nothing() {
    let (faults, _) = faults_after(
        "settled = 'temporary_relief_recent'",
        "settled = 'dibao_receiving'",
    );
    // It still stands in a term, so nothing is wrong.
    assert!(faults.is_empty(), "{faults:?}");
    let (faults, _) = faults_after("settled = 'nursing_subsidy_receiving'\n", "");
    assert!(
        faults[0].contains("no aid uses the rule `nursing_subsidy_receiving`"),
        "{faults:#?}"
    );
}

#[test]
fn a_referral_state_that_stands_nowhere_or_twice() {
    let (faults, _) = faults_after(
        "states = [\"jurisdiction_transferred\"]",
        "states = [\"closed\"]",
    );
    let all = faults.join("\n");
    assert!(
        all.contains("for `dibao` the referral state `jurisdiction_transferred` stands 0 times")
    );
    assert!(all.contains("for `dibao` the referral state `closed` stands 2 times"));
}

#[test]
fn an_undefined_source_agency_deadline_and_key() {
    expect(
        "cites = [\"SG 二(一)\", \"SG 四(四)\", \"SG 四(五)\"]",
        "cites = [\"SX 二(一)\"]",
        "\"SX 二(一)\"",
        "an undefined source is cited",
    );
    expect(
        "deadline = \"verify\"",
        "deadline = \"verfy\"",
        "\"verfy\"",
        "undefined deadline `verfy`",
    );
    expect(
        "urgent = true",
        "urgnt = true",
        "urgnt",
        "unknown key `urgnt`\n  did you mean `urgent`?",
    );
}

#[test]
fn a_case_that_gives_another_outcome_is_reported_with_its_line() {
    let schemas = Schemas::read(&project().join("schemas")).expect("the shipped schemas");
    let text = std::fs::read_to_string(project().join("policies/shaoguan.toml"))
        .expect("the shipped policy");
    let row = "row = { role = \"suspect\" }\noutcome = \"yes\"";
    let text = text.replacen(row, "row = { role = \"suspect\" }\noutcome = \"no\"", 1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("policy.toml");
    std::fs::write(&path, &text).expect("a writable folder");
    let policy = Policy::read(&path, &schemas).expect("still well-formed");
    let (_, failures) = test_cases(&policy).expect("evaluates");
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].rule, "withhold_role");
    let line = text.lines().nth(failures[0].line - 1);
    assert_eq!(line, Some("[[rule.case]]"));
}

#[test]
fn a_million_parentheses_are_a_fault_and_no_crash() {
    let deep = format!(
        "when = '{}sealed{}'",
        "(".repeat(1_000_000),
        ")".repeat(1_000_000)
    );
    let (faults, _) = faults_after("when = 'sealed'", &deep);
    assert!(
        faults
            .iter()
            .any(|fault| fault.contains("the expression is longer than 8 KiB")),
        "{:.300}",
        faults.join("\n")
    );
}
