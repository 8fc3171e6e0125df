//! Checks the shipped policies and runs their cases.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aidlink_agency::rules::{test_cases, try_guarantee};
use aidlink_faults::text::Language;
use aidlink_policy::pack::{Policy, RuleKind};
use aidlink_policy::schema::Schemas;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_case_of_the_shipped_policies_gives_its_outcome() {
    let schemas = Schemas::read(&project().join("schemas")).expect("the shipped schemas are valid");
    let names = ["national", "shaoguan", "ordos", "chencang"];
    let policies = names.map(|name| {
        let path = project().join("policies").join(format!("{name}.toml"));
        let policy = Policy::read(&path, &schemas).unwrap_or_else(|faults| {
            let lines: Vec<String> = faults.iter().map(|f| f.render(Language::English)).collect();
            panic!("{}", lines.join("\n"))
        });
        assert_eq!(policy.id, name);
        policy
    });
    let national = policies.iter().find(|policy| policy.id == "national");
    let national = national.expect("the national policy").rules.iter();
    let national: BTreeSet<String> = national.map(|rule| rule.id.clone()).collect();
    for policy in &policies {
        let (run, failures) = test_cases(policy).expect("the cases can be evaluated");
        assert!(run > 1000, "{} has too few cases: {run}", policy.id);
        assert_eq!(failures, [], "{}", policy.id);
        for guarantee in &policy.guarantees {
            let trial = try_guarantee(policy, guarantee).expect("the guarantee can be checked");
            assert_eq!(trial.breaches, [], "{} {}", policy.id, guarantee.id);
        }
        // Eleven roles, an empty cell and one that cannot be read, each at three ages and
        // without an age.
        let roles = policy.guarantee("permitted_roles");
        let roles = roles.expect("the guarantee is declared");
        let trial = try_guarantee(policy, roles).expect("the guarantee can be checked");
        assert_eq!((trial.cases, trial.codes), (4, 52), "{}", policy.id);
        // A rule or an aid without a case on each side would not be tried. A place amends rules
        // of the national policy, whose own cases are tried with that policy.
        for rule in &policy.rules {
            let is_amended = policy.id != "national" && national.contains(&rule.id);
            let least = if is_amended { 1 } else { 3 };
            assert!(
                rule.kind == RuleKind::Referral || rule.cases.len() >= least,
                "{}: {} has {} cases",
                policy.id,
                rule.id,
                rule.cases.len()
            );
        }
    }
}

#[test]
fn every_agency_of_the_national_policy_gives_an_aid() {
    let schemas = Schemas::read(&project().join("schemas")).expect("the shipped schemas are valid");
    let policy = Policy::read(&project().join("policies/national.toml"), &schemas);
    let policy = policy.expect("the policy is valid");
    assert_eq!(policy.agencies.len(), 13);
    for agency in &policy.agencies {
        assert!(
            policy.aids.iter().any(|aid| aid.agency == agency.id),
            "{} gives nothing",
            agency.id
        );
    }
}
