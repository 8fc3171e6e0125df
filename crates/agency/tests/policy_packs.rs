//! Checks the shipped policies and runs their cases.

use std::path::{Path, PathBuf};

use aidlink_agency::rules::{test_cases, try_guarantee};
use aidlink_faults::text::Language;
use aidlink_policy::pack::Policy;
use aidlink_policy::schema::Schemas;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_case_of_the_shaoguan_policy_gives_its_outcome() {
    let schemas = Schemas::read(&project().join("schemas")).expect("the shipped schemas are valid");
    let policy = Policy::read(&project().join("policies/shaoguan.toml"), &schemas);
    let policy = policy.unwrap_or_else(|faults| {
        let lines: Vec<String> = faults.iter().map(|f| f.render(Language::English)).collect();
        panic!("{}", lines.join("\n"))
    });
    let (run, failures) = test_cases(&policy).expect("the cases can be evaluated");
    assert!(run > 200, "the policy has too few cases: {run}");
    assert_eq!(failures, []);
    for guarantee in &policy.guarantees {
        let trial = try_guarantee(&policy, guarantee).expect("the guarantee can be checked");
        assert_eq!(trial.breaches, [], "{}", guarantee.id);
    }
    // Eleven roles, an empty cell and one that cannot be read, each at three ages and
    // without an age.
    let roles = policy
        .guarantee("permitted_roles")
        .expect("the guarantee is declared");
    let trial = try_guarantee(&policy, roles).expect("the guarantee can be checked");
    assert_eq!((trial.cases, trial.codes), (4, 52));
}
