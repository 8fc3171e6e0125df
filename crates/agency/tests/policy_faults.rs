//! A fault in a policy shows its position and suggests the nearest valid name.

use std::path::Path;

use aidlink_agency::rules::{TriedCell, TriedRow, test_cases, try_guarantee};
use aidlink_contract::outcome::Outcome;
use aidlink_faults::text::Language;
use aidlink_policy::pack::Policy;
use aidlink_policy::schema::Schemas;

fn project() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn shipped() -> String {
    std::fs::read_to_string(project().join("policies/national.toml")).expect("the shipped policy")
}

/// Returns the shipped policy after one change.
fn changed(from: &str, to: &str) -> String {
    let text = shipped();
    assert!(text.contains(from), "the policy does not contain {from}");
    text.replacen(from, to, 1)
}

/// Reads a policy from a text.
fn read(text: &str) -> Policy {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("policy.toml");
    std::fs::write(&path, text).expect("a writable folder");
    let schemas = Schemas::read(&project().join("schemas")).expect("the shipped schemas");
    Policy::read(&path, &schemas).expect("the policy is valid")
}

/// Returns the faults of the shipped policy after one change, and the changed text.
fn faults_after(from: &str, to: &str) -> (Vec<String>, String) {
    let text = changed(from, to);
    (faults_of(&text), text)
}

/// Returns the faults of a policy text.
fn faults_of(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("policy.toml");
    std::fs::write(&path, text).expect("a writable folder");
    let schemas = Schemas::read(&project().join("schemas")).expect("the shipped schemas");
    match Policy::read(&path, &schemas) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .iter()
            .map(|fault| {
                fault
                    .render(Language::English)
                    .replace(&format!("{}", path.display()), "policy.toml")
            })
            .collect(),
    }
}

/// Returns line and column, both from 1, of the first occurrence of a text.
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
    let expected = format!("{}{words}", place(&text, at));
    assert!(
        faults.iter().any(|fault| fault.starts_with(&expected)),
        "no fault {expected:?} in {faults:#?}"
    );
}

#[test]
fn an_unknown_column() {
    expect(
        "AND (injury_level IN",
        "AND (injury_levle IN",
        "injury_levle",
        "unknown column `injury_levle`\n  did you mean `injury_level`?",
    );
}

#[test]
fn a_wrong_type() {
    expect(
        "property_loss >= major_loss",
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

/// Sums of written numbers that exceed all numbers, also with a column among them.
#[test]
fn arithmetic_on_numbers_that_is_too_large() {
    let big = format!("1{}", "0".repeat(308));
    for (condition, at) in [
        ("property_loss >= BIG + BIG", "BIG + BIG"),
        ("property_loss >= 1 + (BIG + BIG)", "1 + (BIG"),
        ("property_loss <= -BIG - BIG", "BIG - BIG"),
        ("property_loss + BIG + BIG >= 1", "property_loss + BIG"),
        ("BIG - (property_loss - BIG) >= 1", "BIG - ("),
        ("property_loss >= BIG + BIG - BIG - BIG", "BIG + BIG"),
        ("property_loss BETWEEN 1 AND BIG + BIG", "BIG + BIG"),
        ("property_loss IN (1, BIG + BIG)", "BIG + BIG"),
        ("BIG + BIG >= property_loss", "BIG + BIG"),
    ] {
        let condition = condition.replace("BIG", &big);
        let at = at.replace("BIG", &big);
        let message = "the number is too large\n  correct this value";
        expect("property_loss >= major_loss", &condition, &at, message);
    }
    let half = format!("5{}", "0".repeat(307));
    let allowed = format!("property_loss >= {half} + {half} - {half}");
    let (faults, _) = faults_after("property_loss >= major_loss", &allowed);
    assert!(
        !faults.iter().any(|fault| fault.contains("too large")),
        "{faults:#?}"
    );
}

#[test]
fn an_undefined_rule_in_an_aid() {
    expect(
        "qualifies = 'social_hardship OR",
        "qualifies = 'social_hardships OR",
        "social_hardships",
        "undefined rule `social_hardships`\n  did you mean `social_hardship`?",
    );
    expect(
        "requires = 'judicial_ground'",
        "requires = 'judicial_grounds'",
        "judicial_grounds",
        "undefined rule `judicial_grounds`\n  did you mean `judicial_ground`?",
    );
}

#[test]
fn a_cycle_of_terms() {
    let (faults, _) = faults_after(
        "means = 'j2_urgent_treatment OR j7_special_need OR m2_urgent_treatment'",
        "means = 'j2_urgent_treatment OR judicial_side'",
    );
    assert!(
        faults.iter().any(|fault| fault.contains(
            "in a cycle: ground_of_need -> judicial_side -> judicial_ground_in_hardship -> ground_of_need"
        )),
        "{faults:#?}"
    );
}

/// Returns the shipped policy with further terms, given as id and meaning.
fn with_terms(terms: impl IntoIterator<Item = (String, String)>) -> String {
    let mut text = shipped();
    for (id, means) in terms {
        text += &format!(
            "\n[[term]]\nid = '{id}'\ntitle = {{ zh = '术语', en = 'Term' }}\nmeans = '{means}'\n"
        );
    }
    text
}

/// Each term names the one before it twice, so that it is twice as large.
#[test]
fn terms_that_grow_too_large_are_refused_at_the_first_that_does() {
    for (operator, copies, first_too_large) in [
        ("AND", 2, 13),
        ("OR", 2, 13),
        ("OR", 100, 2),
        ("AND", 1_000, 2),
    ] {
        let term = |number: usize| {
            let means = match number {
                0 => "j2_urgent_treatment".to_owned(),
                _ => vec![format!("t{}", number - 1); copies].join(&format!(" {operator} ")),
            };
            (format!("t{number}"), means)
        };
        let terms: Vec<_> = (0..40).map(term).collect();
        for terms in [terms.clone(), terms.into_iter().rev().collect()] {
            let text = with_terms(terms);
            let at = place(&text, &format!("'t{} {operator}", first_too_large - 1));
            let faults = faults_of(&text);
            assert_eq!(faults.len(), 1, "{faults:#?}");
            assert!(
                faults[0].starts_with(&format!("{at}with the terms put in")),
                "{at}: {faults:#?}"
            );
        }
    }
}

/// Each term is within the limit, but all together are not.
#[test]
fn terms_that_are_too_large_together_are_refused() {
    let large = vec!["j2_urgent_treatment"; 300].join(" OR ");
    let terms = |count: usize| {
        let base = ("base".to_owned(), large.clone());
        let terms = (0..count).map(|number| (format!("t{number}"), "base OR base".to_owned()));
        with_terms([base].into_iter().chain(terms))
    };
    assert_eq!(faults_of(&terms(50)), [""; 0]);
    let faults = faults_of(&terms(500));
    assert!(!faults.is_empty() && faults.iter().all(|fault| fault.contains("put in")));
}

/// Chains of terms with the last term first: a long one whose expansions are small, and
/// one whose last expansion is as deep as the limit allows.
#[test]
fn long_and_deep_chains_of_terms_are_read() {
    for (count, names_more) in [(5_000, 0), (16, 300)] {
        let means = |number: usize| {
            let first = match number {
                0 => "j2_urgent_treatment".to_owned(),
                _ => format!("t{}", number - 1),
            };
            first + &" OR j2_urgent_treatment".repeat(names_more)
        };
        let terms = (0..count)
            .rev()
            .map(|number| (format!("t{number}"), means(number)));
        let policy = read(&with_terms(terms));
        let last = policy
            .terms
            .iter()
            .find(|term| term.id == format!("t{}", count - 1));
        let combination = &last.expect("the last term").combination;
        for outcome in Outcome::ALL {
            assert_eq!(combination.outcome(&|_| outcome), outcome, "{count} terms");
        }
    }
}

#[test]
fn each_cycle_of_terms_is_reported_once() {
    let term = |id: &str, means: &str| (id.to_owned(), means.to_owned());
    let faults = faults_of(&with_terms([
        term("a", "b OR c"),
        term("b", "c AND j2_urgent_treatment"),
        term("c", "b"),
        term("d", "d"),
        term("e", "a OR d"),
    ]));
    let cycles = ["cycle: b -> c -> b", "cycle: d -> d"];
    assert_eq!(faults.len(), cycles.len(), "{faults:#?}");
    for cycle in cycles {
        assert!(
            faults.iter().any(|fault| fault.contains(cycle)),
            "{faults:#?}"
        );
    }
}

#[test]
fn negation_on_either_side_of_an_aid() {
    for (from, to) in [
        (
            "requires = 'judicial_ground'",
            "requires = 'judicial_ground",
        ),
        (
            "qualifies = 'social_hardship OR hardship_open'",
            "qualifies = 'social_hardship OR hardship_open",
        ),
    ] {
        expect(
            from,
            &format!("{to} AND NOT x1_major_fault'"),
            "x1_major_fault'",
            "this is not part of the rule language\n  combine rules with AND and OR only",
        );
    }
}

#[test]
fn a_withhold_rule_cannot_be_combined() {
    for (from, to) in [
        (
            "requires = 'judicial_ground'",
            "requires = 'judicial_ground",
        ),
        (
            "qualifies = 'social_hardship OR hardship_open'",
            "qualifies = 'social_hardship OR hardship_open",
        ),
    ] {
        expect(
            from,
            &format!("{to} AND withhold_sealed'"),
            "withhold_sealed'",
            "undefined rule `withhold_sealed`",
        );
    }
}

/// A rule that withholds must decide, and `at_most` has one value.
#[test]
fn core_and_at_most_where_they_do_not_belong() {
    let sealed = "when = 'sealed'\n";
    for (line, at) in [
        ("core = 'sealed OR deceased'", "'sealed OR deceased'"),
        ("at_most = \"review\"", "\"review\"\nunknown = \"yes\""),
    ] {
        expect(
            sealed,
            &format!("{sealed}{line}\n"),
            at,
            "a withhold rule is either yes or no\n  delete this line",
        );
    }
    let ground = "id = \"j4_property_loss\"\n";
    for word in ["indicated", "unknown", "no", ""] {
        expect(
            ground,
            &format!("{ground}at_most = \"{word}\"\n"),
            &format!("\"{word}\"\non = \"procuratorate.case-parties\"\nkind = \"ground\""),
            "unknown value of `at_most`\n  write at_most = \"review\", or delete the line",
        );
    }
    expect(
        "core = \"role IN ('victim','civil_party') AND urgent_treatment\"",
        "core = \"role IN ('victim','civil_party') AND urgent_treatmnt\"",
        "urgent_treatmnt",
        "unknown column `urgent_treatmnt`\n  did you mean `urgent_treatment`?",
    );
}

/// Returns the outcomes of a rule of the shipped policy on its own test rows after one
/// change of the policy, each with the outcome before.
fn outcomes_before_and_after(rule: &str, from: &str, to: &str) -> Vec<[Outcome; 2]> {
    let (before, after) = (read(&shipped()), read(&changed(from, to)));
    let (_, failures) = test_cases(&after).expect("evaluates");
    let cases = &before.rule(rule).expect("the rule").cases;
    cases
        .iter()
        .zip(&after.rule(rule).expect("the rule").cases)
        .map(|(before, after)| {
            let failure = failures.iter().find(|failure| failure.at == after.row.at);
            let found = failure.map_or(before.outcome, |failure| failure.actual);
            [before.outcome, found]
        })
        .collect()
}

/// Yes becomes indicated, and nothing else changes.
#[test]
fn at_most_review_caps_a_rule_at_indicated() {
    let line = "id = \"j4_property_loss\"\n";
    let capped = format!("{line}at_most = \"review\"\n");
    let outcomes = outcomes_before_and_after("j4_property_loss", line, &capped);
    let mut seen = Vec::new();
    for [before, after] in outcomes {
        seen.push(before);
        match before {
            Outcome::Yes => assert_eq!(after, Outcome::Indicated),
            other => assert_eq!(after, other),
        }
    }
    for outcome in Outcome::ALL {
        assert!(seen.contains(&outcome), "{outcome:?}");
    }
}

/// As in policies of version 0.1.
#[test]
fn an_aid_without_requires() {
    let aid = "id = \"judicial_aid\"\ndirection";
    let text = changed("requires = 'judicial_ground'\n", "");
    let at = text.find(aid).expect("the aid") - "[[aid]]\n".len();
    let place = place(&text, &text[at..]);
    assert_eq!(
        faults_of(&text),
        [format!(
            "{place}`requires` is missing\n  move what the other system's side must give to `requires`, and leave the aid's own evidence in `qualifies` (policies of version 0.1 have `qualifies` only)"
        )]
    );
}

#[test]
fn a_rule_that_no_aid_uses_is_a_fault() {
    let (faults, _) = faults_after(
        "settled = 'temporary_relief_recent AND",
        "settled = 'dibao_receiving AND",
    );
    // A term still uses the rule, so there is no fault.
    assert!(faults.is_empty(), "{faults:?}");
    let (faults, _) = faults_after("settled = 'vocational_training_receiving'\n", "");
    assert!(
        faults[0].contains("no aid uses the rule `vocational_training_receiving`"),
        "{faults:#?}"
    );
}

#[test]
fn a_referral_state_that_is_listed_nowhere_or_twice() {
    let (faults, _) = faults_after(
        "states = [\"jurisdiction_transferred\"]",
        "states = [\"closed\"]",
    );
    // One message for a state, however many aids it concerns.
    for (state, count) in [("jurisdiction_transferred", 0), ("closed", 2)] {
        let begin = format!("the referral state `{state}` is listed {count} times, for these aids");
        let told: Vec<&String> = faults
            .iter()
            .filter(|fault| fault.contains(&begin))
            .collect();
        assert_eq!(told.len(), 1, "{faults:#?}");
        assert!(told[0].contains("dibao"), "{told:?}");
    }
}

#[test]
fn an_undefined_source_agency_deadline_and_key() {
    expect(
        "cites = [\"SPP2021 7\", \"SPP 二\", \"SG 四(四)\", \"OD 10\"]",
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
fn deadlines_say_what_they_run_from_or_why_they_have_no_number() {
    // The deadline `transfer`, of which the national policy sets no number of days.
    let text = shipped();
    let unset = text.lines().find(|line| line.starts_with("unset = "));
    let days = format!("from = \"confirmation\"\n{}", unset.expect("a line"));
    let days = days.as_str();
    let with = |keys: &str| keys.to_owned();
    let period = |keys: &str| {
        let policy = read(&changed(days, &with(keys)));
        policy
            .deadline("transfer")
            .expect("the deadline")
            .period()
            .en
    };
    assert_eq!(
        period("working_days = 5"),
        "5 working days from confirmation of the lead"
    );
    assert_eq!(
        period("working_days = 1\nfrom = \"receipt\""),
        "1 working day from receipt of the lead"
    );
    assert_eq!(
        period("working_days = 250\nfrom = \"issue\""),
        "250 working days from the issue of the list"
    );
    assert_eq!(
        period("from = \"receipt\"\nunset = { zh = \"原文未规定\", en = \"the text sets none\" }"),
        "not set, from receipt of the lead: the text sets none"
    );

    let refused = |keys: &str, at: &str, words: &str| expect(days, &with(keys), at, words);
    refused(
        "from = \"reciept\"\nworking_days = 5",
        "\"reciept\"",
        "unknown start of a deadline",
    );
    refused(
        "working_days = 5\nunset = { zh = \"无\", en = \"none\" }",
        "{ zh = \"无\", en = \"none\" }",
        "a deadline cannot have a number of working days and be unset",
    );
    let (faults, _) = faults_after(days, &with("unset = true"));
    assert!(faults[0].contains("`unset`"), "{faults:?}");
    let (faults, _) = faults_after(days, &with(""));
    assert!(faults[0].contains("`working_days`"), "{faults:?}");
}

#[test]
fn a_case_that_gives_another_outcome_is_reported_with_its_line() {
    let row = "row = { role = \"suspect\" }\noutcome = \"yes\"";
    let text = changed(row, "row = { role = \"suspect\" }\noutcome = \"no\"");
    let policy = read(&text);
    let (_, failures) = test_cases(&policy).expect("evaluates");
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].rule, "withhold_role");
    let line = text.lines().nth(failures[0].at.line - 1);
    assert_eq!(line, Some("[[rule.case]]"));
}

#[test]
fn a_million_parentheses_are_a_fault_not_a_crash() {
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

/// Returns the `[[guarantee]]` with this id, up to the next one or the rules after them.
fn guarantee<'t>(text: &'t str, id: &str) -> &'t str {
    let start = text
        .find(&format!("[[guarantee]]\nid = \"{id}\""))
        .expect("the guarantee is in the text");
    let rest = &text[start..];
    let ends = ["\n[[guarantee]]\n", "\n# ------"].map(|end| rest.find(end));
    let end = ends
        .into_iter()
        .flatten()
        .min()
        .expect("another section follows");
    &rest[..end + 1]
}

#[test]
fn a_policy_that_guarantees_less_than_role_seal_and_death_is_refused() {
    for (id, of) in [
        ("permitted_roles", "role"),
        ("sealed_records", "seal"),
        ("dead_parties", "death"),
    ] {
        let text = shipped();
        let text = text.replace(guarantee(&text, id), "");
        let expected = format!(
            "policy.toml: the policy declares no guarantee of `{of}` on procuratorate.case-parties\n  add a [[guarantee]] with of = \"{of}\": a policy without it is refused"
        );
        assert_eq!(faults_of(&text), [expected]);
    }
    // A guarantee on a register does not count for the case parties.
    let text = changed(
        "of = \"death\"\non = \"procuratorate.case-parties\"\nrules = [\"withhold_deceased\"]",
        "of = \"death\"\non = \"veterans.persons\"\nrules = [\"withhold_veteran_died\"]",
    );
    let faults = faults_of(&text).join("\n");
    assert!(
        faults.contains("no guarantee of `death` on procuratorate.case-parties"),
        "{faults}"
    );
    // A guarantee with another fault is not also reported as missing.
    let faults = faults_of(&changed("id = \"dead_parties\"", "id = \"Dead\""));
    assert_eq!(faults.len(), 1, "{faults:#?}");
}

#[test]
fn every_wrong_part_of_a_guarantee_is_reported_with_its_position() {
    expect(
        "of = \"seal\"",
        "of = \"seel\"",
        "\"seel\"",
        "unknown kind of guarantee\n  did you mean `seal`?",
    );
    expect(
        "rules = [\"withhold_role\"]",
        "rules = [\"withhold_roll\"]",
        "\"withhold_roll\"",
        "undefined rule `withhold_roll`\n  did you mean `withhold_role`?",
    );
    expect(
        "rules = [\"withhold_role\"]",
        "rules = [\"withhold_role\", \"j3_bereaved\"]",
        "\"j3_bereaved\"]",
        "the rule `j3_bereaved` is not of kind `withhold`",
    );
    expect(
        "rules = [\"withhold_deceased\"]",
        "rules = [\"withhold_deceased\", \"withhold_veteran_died\"]",
        "\"withhold_veteran_died\"]",
        "the rule `withhold_veteran_died` is on another export, veterans.persons\n  name rules on the same export",
    );
    expect(
        "rules = [\"withhold_sealed\"]",
        "rules = []",
        "[[guarantee]]\nid = \"sealed_records\"",
        "the guarantee names no rule",
    );
    expect(
        "\"informant\", \"witness\"",
        "\"informant\", \"witnes\"",
        "\"witnes\"",
        "the code `witnes` is not in the code list of `role`\n  did you mean `witness`?",
    );
    expect(
        "column = \"role\"",
        "column = \"handler\"",
        "\"handler\"",
        "the schema has no column with a code list named `handler`",
    );
    expect(
        "ages = [15, 17, 40]",
        "ages = [15, -17, 40]",
        "-17, 40]",
        "an age must be a whole number from 0 to 150",
    );
    expect(
        "ages = [15, 17, 40]\n",
        "",
        "[[guarantee]]\nid = \"permitted_roles\"",
        "`ages` is missing or empty",
    );
    // A guarantee of roles whose rule reads other columns could let a suspect pass.
    expect(
        "'civil_party','petitioner')\n",
        "'civil_party','petitioner') AND NOT urgent_treatment\n",
        "\"withhold_role\"]",
        "the rule `withhold_role` also reads `urgent_treatment`",
    );
    expect(
        "row = { role = \"petitioner\", deceased = true }\nwithheld = true",
        "row = { role = \"petitioner\", deceased = true }",
        "[[guarantee.case]]\nrow = { role = \"petitioner\", deceased = true }",
        "`withheld` is missing",
    );
}

#[test]
fn a_guarantee_needs_a_row_that_is_withheld_and_one_that_passes() {
    let text = shipped();
    let whole = guarantee(&text, "dead_veterans");
    let (head, _) = whole.split_once("[[guarantee.case]]").expect("cases");
    let faults = faults_of(&text.replace(whole, head));
    assert_eq!(faults.len(), 2, "{faults:#?}");
    assert!(faults[0].contains("the guarantee has no case with withheld = true"));
    assert!(faults[1].contains("the guarantee has no case with withheld = false"));
    let one = whole.replacen("withheld = true", "withheld = false", 1);
    let faults = faults_of(&text.replace(whole, &one));
    assert_eq!(faults.len(), 1, "{faults:#?}");
    let at = place(&text, "[[guarantee]]\nid = \"dead_veterans\"");
    assert!(faults[0].starts_with(&at), "{faults:#?}");
}

#[test]
fn every_role_that_a_weakened_rule_lets_pass_is_reported_at_every_age() {
    let trial = |text: &str| {
        let policy = read(text);
        let roles = policy
            .guarantee("permitted_roles")
            .expect("the guarantee is declared");
        try_guarantee(&policy, roles).expect("evaluates")
    };
    let passing = |text: &str, tried: TriedCell| {
        let breaches = trial(text).breaches.into_iter().filter(|breach| {
            breach.must_be_withheld
                && matches!(&breach.row, TriedRow::Code { cell, .. } if *cell == tried)
        });
        breaches.count()
    };
    let code = |role: &str| TriedCell::Code(role.to_owned());
    let listed = "'civil_party','petitioner')\n";
    for role in ["suspect", "defendant", "other"] {
        let text = changed(listed, &format!("'civil_party','petitioner','{role}')\n"));
        assert_eq!(passing(&text, code(role)), 4, "{role}");
        // This rule lets the role pass from age 18. The row with age 40 shows it.
        let text = changed(
            listed,
            &format!("'civil_party','petitioner') AND NOT (role = '{role}' AND age >= 18)\n"),
        );
        assert_eq!(passing(&text, code(role)), 1, "{role}");
    }
    let text = changed("unknown = \"yes\"", "unknown = \"no\"");
    assert_eq!(passing(&text, TriedCell::Empty), 4);
    assert_eq!(passing(&text, TriedCell::Unreadable), 4);
    // An empty role is withheld by the condition itself, an unreadable one is not.
    let text = text.replacen("role NOT IN", "role IS NULL OR role NOT IN", 1);
    assert_eq!(passing(&text, TriedCell::Empty), 0);
    assert_eq!(passing(&text, TriedCell::Unreadable), 4);
    // A role that must pass but does not.
    let breaches = trial(&changed("'informant','witness',", "'informant',")).breaches;
    assert_eq!(breaches.len(), 4);
    assert!(breaches.iter().all(|breach| !breach.must_be_withheld));
}

#[test]
fn no_other_withhold_rule_hides_a_weakened_one() {
    // These rows are still withheld by another rule, because their seal is unknown.
    let text = changed("when = 'deceased'\n", "when = 'deceased AND minor'\n");
    let policy = read(&text);
    let dead = policy
        .guarantee("dead_parties")
        .expect("the guarantee is declared");
    let trial = try_guarantee(&policy, dead).expect("evaluates");
    let lines = trial.breaches.iter();
    let lines: Vec<&str> = lines
        .filter_map(|breach| text.lines().nth(breach.at.line))
        .collect();
    assert_eq!(
        lines,
        [
            "row = { role = \"victim\", deceased = true, victim_died = true }",
            "row = { role = \"petitioner\", deceased = true }"
        ]
    );
}
