//! Policies on top of others: what counts, where each part comes from, and what is refused
//! with which places.

use std::path::Path;

use aidlink_agency::rules::{test_cases, try_guarantee};
use aidlink_faults::fault::Faults;
use aidlink_faults::text::Language;
use aidlink_policy::pack::{ChangeKind, DeadlineLength, PartKind, Policy, files_below};
use aidlink_policy::schema::Schemas;
use tempfile::TempDir;

/// A nation's policy: two aids, one ground with parameters, and the three guarantees.
const NATION: &str = r#"
id = "nation"
version = "1"
title = { zh = "全国", en = "Nation" }

[[source]]
id = "LAW"
title = { zh = "法", en = "Law" }

[[agency]]
id = "procuratorate"
name = { zh = "检察院", en = "Procuratorate" }

[[agency]]
id = "civil-affairs"
name = { zh = "民政局", en = "Civil affairs" }

[[deadline]]
id = "transfer"
title = { zh = "移送", en = "Transfer" }
working_days = "transfer_days"
cites = ["LAW 5"]

[parameters.major_loss]
type = "amount"
title = { zh = "重大损失", en = "Major loss" }
default = 30000
source = "LAW 4"

[parameters.relief_period]
type = "period"
title = { zh = "临时救助期", en = "Time of relief" }
default = "6 months"
source = "local"

[parameters.grave_injuries]
type = "list"
title = { zh = "重伤", en = "Grave injuries" }
default = ["serious_1", "serious_2"]
source = "LAW 1"

[parameters.transfer_days]
type = "integer"
title = { zh = "移送工作日", en = "Days for the transfer" }
default = 5
source = "LAW 5"

[[rule]]
id = "withhold_role"
on = "procuratorate.case-parties"
kind = "withhold"
when = "role NOT IN ('victim', 'witness')"
unknown = "yes"
title = { zh = "身份", en = "Role" }
cites = ["LAW 1"]
[[rule.case]]
row = { role = "suspect" }
outcome = "yes"

[[rule]]
id = "withhold_sealed"
on = "procuratorate.case-parties"
kind = "withhold"
when = "sealed"
unknown = "yes"
title = { zh = "封存", en = "Sealed" }
cites = ["LAW 1"]
[[rule.case]]
row = { sealed = true }
outcome = "yes"

[[rule]]
id = "withhold_deceased"
on = "procuratorate.case-parties"
kind = "withhold"
when = "deceased"
unknown = "no"
title = { zh = "死亡", en = "Deceased" }
cites = ["LAW 1"]
[[rule.case]]
row = { deceased = true }
outcome = "yes"

[[rule]]
id = "loss"
on = "procuratorate.case-parties"
kind = "ground"
when = "property_loss >= major_loss OR injury_level IN (grave_injuries)"
unknown = "review"
title = { zh = "损失", en = "Loss" }
cites = ["LAW 4"]
[[rule.case]]
row = { property_loss = 30000 }
outcome = "yes"
[[rule.case]]
row = { property_loss = 29999, injury_level = "minor" }
outcome = "no"

[[rule]]
id = "dibao_receiving"
on = "civil-affairs.assistance"
kind = "receiving"
when = "kind = 'dibao' AND status = 'active'"
unknown = "review"
title = { zh = "低保", en = "Dibao" }
cites = ["LAW 3"]
[[rule.case]]
row = { kind = "dibao", status = "active" }
outcome = "yes"

[[rule]]
id = "relief_recent"
on = "civil-affairs.assistance"
kind = "receiving"
when = "kind = 'temporary_relief' AND started_on >= as_of - relief_period"
unknown = "review"
title = { zh = "临时救助", en = "Temporary relief" }
cites = ["LAW 3"]
[[rule.case]]
row = { kind = "temporary_relief", started_on = 2026-04-01 }
outcome = "yes"
[[rule.case]]
row = { kind = "temporary_relief", started_on = 2026-03-01 }
outcome = "no"

[[term]]
id = "hardship"
title = { zh = "困难", en = "Hardship" }
means = "dibao_receiving OR relief_recent"

[[aid]]
id = "dibao"
direction = "to_social"
agency = "civil-affairs"
title = { zh = "低保", en = "Dibao" }
cites = ["LAW 3"]
requires = "loss"
qualifies = "loss"
settled = "dibao_receiving"
deadline = "transfer"

[[aid]]
id = "judicial_aid"
direction = "to_judicial"
agency = "procuratorate"
title = { zh = "司法救助", en = "Judicial aid" }
cites = ["LAW 2"]
requires = "loss"
qualifies = "hardship"
deadline = "transfer"

[[guarantee]]
id = "roles"
of = "role"
on = "procuratorate.case-parties"
rules = ["withhold_role"]
column = "role"
passes = ["victim", "witness"]
ages = [17, 40]
title = { zh = "身份", en = "Roles" }
cites = ["LAW 1"]
[[guarantee.case]]
row = { role = "suspect" }
withheld = true
[[guarantee.case]]
row = { role = "witness" }
withheld = false

[[guarantee]]
id = "seal"
of = "seal"
on = "procuratorate.case-parties"
rules = ["withhold_sealed"]
title = { zh = "封存", en = "Seal" }
cites = ["LAW 1"]
[[guarantee.case]]
row = { sealed = true }
withheld = true
[[guarantee.case]]
row = { sealed = false }
withheld = false

[[guarantee]]
id = "death"
of = "death"
on = "procuratorate.case-parties"
rules = ["withhold_deceased"]
title = { zh = "死亡", en = "Death" }
cites = ["LAW 1"]
[[guarantee.case]]
row = { deceased = true }
withheld = true
[[guarantee.case]]
row = { deceased = false }
withheld = false
"#;

/// How a layer on top of the nation's begins.
const CITY: &str = r#"
id = "city"
version = "2"
title = { zh = "市", en = "City" }
extends = "nation.toml"
"#;

fn project() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn schemas() -> Schemas {
    Schemas::read(&project().join("schemas")).expect("the shipped schemas")
}

/// A folder with policy files, by name and content.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        std::fs::write(path, text).expect("a writable folder");
    }
    folder
}

fn read_in(folder: &TempDir, name: &str) -> Result<Policy, Faults> {
    Policy::read(&folder.path().join(name), &schemas())
}

/// The city's policy with some tables, on top of the nation's.
fn city(tables: &str) -> Policy {
    let text = format!("{CITY}{tables}");
    let folder = folder(&[("nation.toml", NATION), ("city.toml", &text)]);
    let read = read_in(&folder, "city.toml");
    read.unwrap_or_else(|faults| panic!("{:#?}", rendered(&folder, &faults, Language::English)))
}

fn rendered(folder: &TempDir, faults: &Faults, language: Language) -> Vec<String> {
    let prefix = format!("{}/", folder.path().display());
    let faults = faults.iter();
    faults
        .map(|fault| fault.render(language).replace(&prefix, ""))
        .collect()
}

/// Returns line and column, both from 1, of the first occurrence of a text.
fn place(text: &str, at: &str) -> String {
    let offset = text
        .find(at)
        .unwrap_or_else(|| panic!("{at:?} is in the text"));
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    format!("{line}:{column}")
}

/// Asserts that the last of some files is refused with exactly these faults, each with the
/// file, a text at its place, and words. `{FILE:TEXT}` in words stands for a file and the
/// line of the first occurrence of a text in it.
#[track_caller]
fn refuses(files: &[(&str, &str)], expected: &[(&str, &str, &str)]) {
    let folder = folder(files);
    let (top, _) = files.last().expect("a file");
    let faults = read_in(&folder, top).expect_err("a fault");
    let text_of = |name: &str| {
        let found = files.iter().find(|(file, _)| *file == name);
        found.unwrap_or_else(|| panic!("no file {name}")).1
    };
    let expected: Vec<String> = expected
        .iter()
        .map(|(file, at, words)| {
            let mut words = (*words).to_owned();
            while let Some((before, rest)) = words.split_once('{') {
                let (reference, after) = rest.split_once('}').expect("a closing brace");
                let (file, at) = reference.split_once(':').expect("a file and a text");
                let place = place(text_of(file), at);
                let line = place.split(':').next().unwrap_or_default();
                words = format!("{before}{file}:{line}{after}");
            }
            format!("{file}:{}: {words}", place(text_of(file), at))
        })
        .collect();
    assert_eq!(rendered(&folder, &faults, Language::English), expected);
    // The Chinese messages are there, at the same places.
    let chinese = rendered(&folder, &faults, Language::Chinese);
    for (fault, expected) in chinese.iter().zip(&expected) {
        let place = expected.split(": ").next().unwrap_or_default();
        assert!(fault.starts_with(&format!("{place}: ")), "{fault}");
        let is_chinese = |line: &str| line.chars().any(|c| ('\u{4e00}'..'\u{9fff}').contains(&c));
        assert!(fault.lines().all(is_chinese), "{fault}");
    }
}

/// Asserts that the city's policy is refused with these faults.
#[track_caller]
fn city_refuses(tables: &str, expected: &[(&str, &str, &str)]) {
    let text = format!("{CITY}{tables}");
    refuses(&[("nation.toml", NATION), ("city.toml", &text)], expected);
}

/// Asserts that all cases give their outcomes and all guarantees hold; returns the number of
/// cases.
#[track_caller]
fn holds(policy: &Policy) -> usize {
    let (run, failures) = test_cases(policy).expect("rules that can be evaluated");
    assert_eq!(failures, []);
    for guarantee in &policy.guarantees {
        let trial = try_guarantee(policy, guarantee).expect("rules that can be evaluated");
        assert_eq!(trial.breaches, []);
    }
    run
}

#[test]
fn a_layer_without_changes_says_what_the_one_below_says() {
    let policy = city("");
    assert_eq!((policy.id.as_str(), policy.version.as_str()), ("city", "2"));
    assert_eq!(policy.rules.len(), 6);
    assert_eq!(holds(&policy), 8);
    let layers = policy.origins.layers.iter();
    let layers: Vec<&str> = layers.map(|layer| layer.id.as_str()).collect();
    assert_eq!(layers, ["nation", "city"]);
    let copies: Vec<String> = policy.copies().map(|(name, _)| name).collect();
    assert_eq!(copies, ["policy.toml", "policy.layers/1.toml"]);
}

#[test]
fn parameters_set_above_count_and_the_cases_below_keep_their_values() {
    let policy = city(
        r#"
[parameters]
major_loss = 20000
relief_period = { value = "1 year", source = "LAW 9" }
grave_injuries = ["serious_1"]
transfer_days = 3

[[rule]]
id = "loss"
amend = true
because = "cases for the city's amount"
[[rule.case]]
row = { property_loss = 20000 }
outcome = "yes"
[[rule.case]]
row = { property_loss = 19999, injury_level = "serious_2" }
outcome = "no"
"#,
    );
    assert_eq!(
        policy.deadline("transfer").map(|it| &it.length),
        Some(&DeadlineLength::WorkingDays(3))
    );
    let setting = |name| policy.parameter(name).and_then(|it| it.setting());
    let value = |name| setting(name).map(ToString::to_string);
    assert_eq!(value("major_loss").as_deref(), Some("20000"));
    assert_eq!(value("relief_period").as_deref(), Some("1 year"));
    let cite = setting("relief_period").and_then(|it| it.cite.as_deref());
    assert_eq!(cite, Some("LAW 9"));
    assert_eq!(setting("major_loss").and_then(|it| it.cite.as_ref()), None);
    // The nation's eight cases and the city's two.
    assert_eq!(holds(&policy), 10);
    let cases = |id| policy.rule(id).map(|rule| rule.cases.len());
    assert_eq!((cases("loss"), cases("relief_recent")), (Some(2), Some(0)));
    let earlier = policy.earlier_rules.iter();
    let earlier: Vec<(&str, usize)> = earlier
        .map(|rule| (rule.id.as_str(), rule.cases.len()))
        .collect();
    assert_eq!(earlier, [("relief_recent", 2), ("loss", 2)]);
}

/// Each type of parameter in each place where it may be used.
#[test]
fn every_type_of_parameter_can_be_used() {
    let value = |kind: &str, default: &str, when: &str| {
        city(&format!(
            "[parameters.it]\ntype = \"{kind}\"\ntitle = {{ zh = \"值\", en = \"value\" }}\n\
             default = {default}\nsource = \"local\"\n\
             [[rule]]\nid = \"loss\"\nreplace = true\nbecause = \"test\"\n\
             on = \"procuratorate.case-parties\"\nkind = \"ground\"\nwhen = \"{when}\"\n\
             unknown = \"review\"\ntitle = {{ zh = \"损失\", en = \"Loss\" }}\ncites = [\"LAW 4\"]\n\
             [[rule.case]]\nrow = {{ property_loss = 7, offence_on = 2026-07-01, injury_level = \"minor\" }}\n\
             outcome = \"yes\"\n"
        ))
    };
    for (kind, default, when) in [
        ("integer", "7", "property_loss = it"),
        (
            "number",
            "6.5",
            "property_loss >= it + 0.5 AND property_loss > -1",
        ),
        ("amount", "7", "property_loss BETWEEN it AND it"),
        ("date", "2026-07-01", "offence_on = it"),
        (
            "date",
            "\"2026-07-01\"",
            "offence_on <= it + INTERVAL '1' DAY",
        ),
        ("period", "\"3 months\"", "offence_on >= as_of - it"),
        ("period", "\"1 day\"", "offence_on = DATE '2026-06-30' + it"),
        ("text", "\"minor\"", "injury_level = it"),
        ("list", "[\"none\", \"minor\"]", "injury_level IN (it)"),
        ("list", "[1, 7.0]", "property_loss IN (3, it)"),
        ("list", "[2026-07-01]", "offence_on IN (it)"),
        ("list", "[\"none\"]", "injury_level NOT IN (it)"),
    ] {
        let policy = value(kind, default, when);
        assert_eq!(holds(&policy), 7, "{kind} {when}");
        let rule = policy.rule("loss").map(|rule| rule.parameters.clone());
        assert_eq!(rule, Some(vec!["it".to_owned()]));
    }
}

#[test]
fn replaced_amended_dropped_and_added_parts_have_their_origin() {
    let policy = city(
        r#"
[[source]]
id = "CITY"
title = { zh = "市文件", en = "City's document" }

[[rule]]
id = "dibao_receiving"
replace = true
because = "the city counts tekun, too"
on = "civil-affairs.assistance"
kind = "receiving"
when = "kind IN ('dibao', 'tekun')"
unknown = "review"
title = { zh = "低保特困", en = "Dibao or tekun" }
cites = ["CITY 1"]
[[rule.case]]
row = { kind = "tekun" }
outcome = "yes"

[[rule]]
id = "loss"
amend = true
because = "the city's text is narrower"
at_most = "review"
[[rule.case]]
row = { property_loss = 30000 }
outcome = "indicated"

[[deadline]]
id = "transfer"
amend = true
because = "the city is faster"
working_days = 2

[[term]]
id = "hardship"
replace = true
because = "no relief in the city"
title = { zh = "困难", en = "Hardship" }
means = "dibao_receiving"

[[drop]]
rule = "relief_recent"
because = "no relief in the city"
"#,
    );
    let rules = policy.rules.iter();
    let rules: Vec<&str> = rules.map(|rule| rule.id.as_str()).collect();
    // Replaced parts keep their position.
    let names = ["withhold_role", "withhold_sealed", "withhold_deceased"];
    assert_eq!(rules[..3], names);
    assert_eq!(rules[3..], ["loss", "dibao_receiving"]);
    // Of the replaced rule only the new case, of the amended one all, of the dropped one none.
    assert_eq!(holds(&policy), 3 + 1 + 3);
    assert_eq!(
        policy.deadline("transfer").map(|it| &it.length),
        Some(&DeadlineLength::WorkingDays(2))
    );
    let origin = |part, id| {
        let origin = policy.origins.of(part, id).expect("a part");
        let changes = origin.changes.iter();
        let changes = changes.map(|change| (change.layer, change.kind));
        (origin.layer, changes.collect::<Vec<_>>())
    };
    let (replaced, amended) = (ChangeKind::Replaced, ChangeKind::Amended);
    for (part, id, layer, changes) in [
        (PartKind::Source, "CITY", 1, vec![]),
        (PartKind::Rule, "withhold_role", 0, vec![]),
        (PartKind::Rule, "dibao_receiving", 0, vec![(1, replaced)]),
        (PartKind::Rule, "loss", 0, vec![(1, amended)]),
        (PartKind::Deadline, "transfer", 0, vec![(1, amended)]),
        (PartKind::Term, "hardship", 0, vec![(1, replaced)]),
    ] {
        assert_eq!(origin(part, id), (layer, changes), "{id}");
    }
    let dropped = policy.origins.dropped.first().expect("a dropped part");
    assert_eq!(
        (dropped.id.as_str(), dropped.origin.layer),
        ("relief_recent", 0)
    );
    let change = dropped.origin.changes.last().expect("a change");
    assert_eq!(change.because, "no relief in the city");
}

#[test]
fn guarantees_are_widened() {
    let policy = city(
        r#"
[[rule]]
id = "withhold_witness"
on = "procuratorate.case-parties"
kind = "withhold"
when = "role = 'witness'"
unknown = "no"
title = { zh = "证人", en = "Witness" }
cites = ["LAW 1"]
[[rule.case]]
row = { role = "witness" }
outcome = "yes"

[[widen]]
guarantee = "roles"
because = "the city helps no witnesses"
rules = ["withhold_witness"]
passes_no_longer = ["witness"]
ages = [9]
[[widen.case]]
row = { role = "witness" }
withheld = true
[[widen.case]]
row = { role = "victim" }
withheld = false
"#,
    );
    holds(&policy);
    let roles = policy.guarantee("roles").expect("the guarantee");
    assert_eq!(roles.rules, ["withhold_role", "withhold_witness"]);
    // The nation's case of a witness who passes has given way, that of the suspect stays.
    assert_eq!(roles.cases.len(), 3);
    let trial = try_guarantee(&policy, roles).expect("rules that can be evaluated");
    let codes = schemas();
    let codes = codes.get("procuratorate.case-parties");
    let codes = codes.and_then(|schema| schema.field("role")?.codes.clone());
    // Every code, an empty cell and an unreadable one, at three ages and at none.
    assert_eq!(trial.codes, (codes.expect("codes").len() + 2) * 4);
    let origin = policy.origins.of(PartKind::Guarantee, "roles");
    let change = origin.and_then(|origin| origin.changes.first());
    assert_eq!(change.map(|change| change.kind), Some(ChangeKind::Widened));
}

/// A widened guarantee is still tried on what the layers below promise.
#[test]
fn a_widened_guarantee_keeps_the_promises_below() {
    let policy = city(
        "[[widen]]\nguarantee = \"roles\"\nbecause = \"test\"\npasses_no_longer = [\"witness\"]\n",
    );
    let roles = policy.guarantee("roles").expect("the guarantee");
    let trial = try_guarantee(&policy, roles).expect("rules that can be evaluated");
    // No rule withholds witnesses yet, at two ages and at none.
    assert_eq!(trial.breaches.len(), 3);
}

#[test]
fn nothing_narrows_a_guarantee() {
    let not_changed = "the guarantee `seal` of {nation.toml:[[guarantee]]\nid = \"seal\"} cannot be replaced, amended or dropped\n  guarantees can only be widened, with [[widen]]";
    let because = "because = \"test\"\n";
    for mark in ["replace", "amend"] {
        city_refuses(
            &format!("[[guarantee]]\nid = \"seal\"\n{mark} = true\n{because}"),
            &[("city.toml", "\"seal\"", not_changed)],
        );
    }
    city_refuses(
        &format!("[[drop]]\nguarantee = \"seal\"\n{because}"),
        &[("city.toml", "\"seal\"", not_changed)],
    );
    city_refuses(
        "[[guarantee]]\nid = \"seal\"\n",
        &[(
            "city.toml",
            "\"seal\"",
            "{nation.toml:[[guarantee]]\nid = \"seal\"} has the guarantee `seal` already\n  choose another id, or widen the guarantee below with [[widen]]",
        )],
    );
    let rule = "a guarantee rests on the rule `withhold_sealed` ({nation.toml:rules = [\"withhold_sealed\"]}), so it cannot be replaced, amended or dropped\n  write another withhold rule and add it to the guarantee with [[widen]]";
    for tables in [
        "[[rule]]\nid = \"withhold_sealed\"\nreplace = true\n",
        "[[rule]]\nid = \"withhold_sealed\"\namend = true\nwhen = 'FALSE'\n",
        "[[drop]]\nrule = \"withhold_sealed\"\n",
    ] {
        city_refuses(
            &tables
                .replace("true\n", &format!("true\n{because}"))
                .replace("[[drop]]\n", &format!("[[drop]]\n{because}")),
            &[("city.toml", "\"withhold_sealed\"", rule)],
        );
    }
    let widen = |more: &str| format!("[[widen]]\nguarantee = \"roles\"\n{because}{more}\n");
    city_refuses(
        &widen("passes = [\"suspect\"]"),
        &[(
            "city.toml",
            "passes",
            "unknown key `passes`\n  known names: ages, case, passes_no_longer, rules",
        )],
    );
    city_refuses(
        &widen("passes_no_longer = [\"suspect\"]"),
        &[(
            "city.toml",
            "\"suspect\"",
            "the code `suspect` does not pass as it is\n  known names: victim, witness",
        )],
    );
    city_refuses(
        &widen("rules = 3"),
        &[(
            "city.toml",
            "3",
            "`rules` must be an array\n  correct this value",
        )],
    );
    city_refuses(
        &widen(""),
        &[(
            "city.toml",
            "[[widen]]",
            "this widens nothing\n  add rules, ages, passes_no_longer or [[widen.case]]",
        )],
    );
    city_refuses(
        &widen("ages = [9]").replace("roles", "rolls"),
        &[(
            "city.toml",
            "\"rolls\"",
            "the guarantee `rolls` is widened here, but no policy below has it\n  did you mean `roles`?",
        )],
    );
    // The rule that is added must withhold.
    city_refuses(
        &widen("rules = [\"loss\"]"),
        &[
            (
                "city.toml",
                "\"loss\"",
                "the rule `loss` is not of kind `withhold`\n  known names: withhold_deceased, withhold_role, withhold_sealed",
            ),
            (
                "city.toml",
                "\"loss\"",
                "the rule `loss` also reads `injury_level`\n  read only `role` and the age in the rules of this guarantee; write another rule for other conditions",
            ),
        ],
    );
}

#[test]
fn a_withhold_rule_uses_no_parameter() {
    let when = "when = \"role NOT IN ('victim', 'witness')\"";
    let nation = NATION.replace(when, "when = \"role <> main_role\"");
    let nation = nation.replace(
        "[parameters.major_loss]",
        "[parameters.main_role]\ntype = \"text\"\ntitle = { zh = \"身份\", en = \"Role\" }\ndefault = \"victim\"\nsource = \"local\"\n[parameters.major_loss]",
    );
    let folder = folder(&[("nation.toml", &nation)]);
    let faults = read_in(&folder, "nation.toml").expect_err("a fault");
    let faults = rendered(&folder, &faults, Language::English);
    let expected = format!(
        "nation.toml:{}: a withhold rule cannot use parameters\n  write the value in the rule itself",
        place(&nation, "\"role <> main_role\"")
    );
    assert!(faults.contains(&expected), "{faults:#?}");
}

#[test]
fn wrong_additions_replacements_and_drops_are_refused_with_both_places() {
    let because = "because = \"test\"\n";
    for (kind, id) in [
        ("rule", "loss"),
        ("aid", "dibao"),
        ("term", "hardship"),
        ("deadline", "transfer"),
        ("agency", "procuratorate"),
        ("source", "LAW"),
    ] {
        let written = format!("[[{kind}]]\nid = \"{id}\"");
        let below = format!("{{nation.toml:{written}}}");
        let at = format!("\"{id}\"");
        city_refuses(
            &format!("{written}\n"),
            &[(
                "city.toml",
                &at,
                &format!(
                    "{below} has the {kind} `{id}` already\n  choose another id, or write replace = true (or amend = true) and because"
                ),
            )],
        );
        city_refuses(
            &format!("[[drop]]\n{kind} = \"{id}x\"\n{because}"),
            &[(
                "city.toml",
                &format!("\"{id}x\""),
                &format!(
                    "the {kind} `{id}x` is dropped here, but no policy below has it\n  did you mean `{id}`?"
                ),
            )],
        );
    }
    for (mark, word) in [("replace", "replaced"), ("amend", "amended")] {
        let text = "[[source]]\nid = \"LAV\"\ntitle = { zh = \"文\", en = \"t\" }\n";
        city_refuses(
            &format!("{text}{mark} = true\n{because}"),
            &[(
                "city.toml",
                "\"LAV\"",
                &format!(
                    "the source `LAV` is {word} here, but no policy below has it\n  did you mean `LAW`?"
                ),
            )],
        );
        let text = text.replace("LAV", "LAW");
        let no_reason = "`because` gives no reason\n  say why, such as because = \"article 3 of the local document\"";
        city_refuses(
            &format!("{text}{mark} = true\n"),
            &[("city.toml", "[[source]]", no_reason)],
        );
        for empty in ["\" \"", "7"] {
            city_refuses(
                &format!("{text}{mark} = true\nbecause = {empty}\n"),
                &[("city.toml", empty, no_reason)],
            );
        }
        city_refuses(
            &format!("{text}{mark} = \"yes\"\n").replace("LAW", "CITY"),
            &[(
                "city.toml",
                "\"yes\"",
                &format!("`{mark}` must be true or false\n  correct this value"),
            )],
        );
    }
    city_refuses(
        &format!(
            "[[deadline]]\nid = \"transfer\"\nreplace = true\namend = true\n{because}title = {{ zh = \"移\", en = \"t\" }}\nworking_days = 4\ncites = [\"LAW 5\"]\n"
        ),
        &[(
            "city.toml",
            "true\nbecause",
            "a part cannot be both replaced and amended\n  `replace` writes all of it anew, `amend` only the keys that are given; remove one of them",
        )],
    );
    for (table, at, words) in [
        (
            "",
            "[[drop]]",
            "this does not say what is dropped\n  give kind and id, such as rule = \"...\" (source, agency, deadline, rule, guarantee, term, aid, referral_state)",
        ),
        ("rule = 3\n", "3", "`rule` must be a string\n  write an id"),
        (
            "rul = \"loss\"\n",
            "rul ",
            "`rul` is not a kind of part that can be dropped\n  did you mean `rule`?",
        ),
    ] {
        city_refuses(
            &format!("[[drop]]\n{because}{table}"),
            &[("city.toml", at, words)],
        );
    }
    city_refuses(
        "[drop]\nrule = \"losss\"\nbecause = \"x\"\n",
        &[(
            "city.toml",
            "\"losss\"",
            "the rule `losss` is dropped here, but no policy below has it\n  did you mean `loss`?",
        )],
    );
    city_refuses(
        "drop = [3]\n",
        &[(
            "city.toml",
            "3",
            "expected a table ([[...]])\n  correct this value",
        )],
    );
}

#[test]
fn dropped_parts_that_others_use_are_refused_with_both_places() {
    for (kind, id, uses) in [
        (
            "rule",
            "loss",
            vec![
                "\"loss\"\nqualifies = \"loss\"",
                "\"loss\"\nsettled",
                "\"loss\"\nqualifies = \"hardship\"",
            ],
        ),
        (
            "rule",
            "relief_recent",
            vec!["\"dibao_receiving OR relief_recent\""],
        ),
        ("term", "hardship", vec!["\"hardship\"\ndeadline"]),
        ("agency", "civil-affairs", vec!["\"civil-affairs\"\ntitle"]),
    ] {
        let text = format!("{CITY}[[drop]]\n{kind} = \"{id}\"\nbecause = \"test\"\n");
        let drop = format!("\"{id}\"\nbecause");
        let words = format!(
            "{{city.toml:{drop}}} drops the {kind} `{id}`, which is used here\n  replace, amend or drop what uses it, too, or do not drop it"
        );
        let files = [("nation.toml", NATION), ("city.toml", text.as_str())];
        let folder = folder(&files);
        let faults = read_in(&folder, "city.toml").expect_err("a fault");
        let found = rendered(&folder, &faults, Language::English);
        let line = place(&text, &drop);
        let line = line.split(':').next().unwrap_or_default();
        let words = words.replace(
            &format!("{{city.toml:{drop}}}"),
            &format!("city.toml:{line}"),
        );
        let expected: Vec<String> = uses
            .iter()
            .map(|at| {
                // An expression's fault is at the name in it, not at its quote.
                let place = place(NATION, at);
                let (line, column) = place.split_once(':').expect("a place");
                let inside = at.find(id).unwrap_or_default();
                let inside = if kind == "agency" { 0 } else { inside };
                let column: usize = column.parse().expect("a number");
                format!("nation.toml:{line}:{}: {words}", column + inside)
            })
            .collect();
        assert_eq!(found, expected, "{kind} {id}");
    }
}

#[test]
fn a_rule_that_a_layer_leaves_without_use_is_refused() {
    city_refuses(
        "[[term]]\nid = \"hardship\"\nreplace = true\nbecause = \"test\"\ntitle = { zh = \"困\", en = \"h\" }\nmeans = \"dibao_receiving\"\n",
        &[(
            "nation.toml",
            "\"relief_recent\"",
            "no aid uses the rule `relief_recent`\n  remove it, or drop it with [[drop]] if it is of a policy below: it would read columns without need (Personal Information Protection Law, 6)",
        )],
    );
}

#[test]
fn wrong_parameters_are_refused() {
    let set = |text: &str| format!("[parameters]\n{text}\n");
    for (name, value, expected) in [
        ("major_loss", "-1", "an amount in yuan, not below 0"),
        ("major_loss", "\"1\"", "an amount in yuan, not below 0"),
        ("major_loss", "inf", "an amount in yuan, not below 0"),
        ("transfer_days", "1.5", "a whole number"),
        (
            "relief_period",
            "\"6 moons\"",
            "a period, such as \"90 days\", \"6 months\", \"1 year\"",
        ),
        (
            "relief_period",
            "6",
            "a period, such as \"90 days\", \"6 months\", \"1 year\"",
        ),
        (
            "grave_injuries",
            "[]",
            "a list of 1 to 200 strings, numbers or dates, not mixed",
        ),
        (
            "grave_injuries",
            "[\"none\", 1]",
            "a list of 1 to 200 strings, numbers or dates, not mixed",
        ),
        (
            "grave_injuries",
            "\"none\"",
            "a list of 1 to 200 strings, numbers or dates, not mixed",
        ),
    ] {
        let text = format!("{CITY}{}", set(&format!("{name} = {value}")));
        let folder = folder(&[("nation.toml", NATION), ("city.toml", &text)]);
        let faults = read_in(&folder, "city.toml").expect_err("a fault");
        let faults = rendered(&folder, &faults, Language::English);
        let place = place(&text, &format!("{value}\n"));
        let words = format!(
            "city.toml:{place}: the value of the parameter `{name}` must be {expected}\n  correct this value"
        );
        assert_eq!(faults.first(), Some(&words));
    }
    city_refuses(
        &set("mayor_loss = 1"),
        &[(
            "city.toml",
            "mayor_loss",
            "the parameter `mayor_loss` is not declared\n  did you mean `major_loss`?",
        )],
    );
    city_refuses(
        &set("major_loss = { source = \"local\" }"),
        &[(
            "city.toml",
            "{ source",
            "`value` is missing\n  add value = ...",
        )],
    );
    city_refuses(
        &set("major_loss = { value = 1, because = \"x\" }"),
        &[(
            "city.toml",
            "because",
            "unknown key `because`\n  known names: source, value",
        )],
    );
    city_refuses(
        &set("major_loss = { value = 1, source = \"LAV 1\" }"),
        &[(
            "city.toml",
            "\"LAV 1\"",
            "an undefined source is cited\n  did you mean `LAW`?",
        )],
    );
    city_refuses(
        "[parameters.major_loss]\ntype = \"amount\"\ndefault = 1\n",
        &[(
            "city.toml",
            "major_loss",
            "{nation.toml:[parameters.major_loss]} declares the parameter `major_loss` already\n  set its value only: major_loss = ...",
        )],
    );
    city_refuses(
        "parameters = 3\n",
        &[(
            "city.toml",
            "3",
            "`parameters` must be a table\n  correct this value",
        )],
    );
    // A text that is no code of the column it is compared with.
    city_refuses(
        &set("grave_injuries = [\"serius_1\"]"),
        &[(
            "nation.toml",
            "grave_injuries)",
            "the code `serius_1` is not in the code list of `injury_level`\n  did you mean `serious_1`?",
        )],
    );
    let declared = |name: &str, more: &str| {
        format!("[parameters.{name}]\ntitle = {{ zh = \"值\", en = \"value\" }}\n{more}")
    };
    for (text, at, words) in [
        (
            declared("it", "type = \"amount\"\n"),
            "it]",
            "the parameter `it` has no value: it has no default, and no policy above sets it\n  write it = ... below [parameters] of a policy above",
        ),
        (
            declared("it", "type = \"amount\"\ndefault = 1\n"),
            "it]",
            "the default has no `source`\n  give document and article, or source = \"local\" (the place decides)",
        ),
        (
            declared("it", "type = \"sum\"\ndefault = 1\nsource = \"local\"\n"),
            "\"sum\"",
            "unknown type of parameter\n  did you mean `number`?",
        ),
        (
            declared(
                "sealed",
                "type = \"number\"\ndefault = 1\nsource = \"local\"\n",
            ),
            "sealed",
            "`sealed` is the name of a column and cannot be that of a parameter\n  choose another name",
        ),
        (
            declared("it", "type = \"number\"\ndefault = 1\nsource = 5\n"),
            "5",
            "`source` must be a string\n  give document and article, or source = \"local\" (the place decides)",
        ),
    ] {
        let text = format!("{CITY}{text}");
        let folder = folder(&[("nation.toml", NATION), ("city.toml", &text)]);
        let faults = read_in(&folder, "city.toml").expect_err("a fault");
        let faults = rendered(&folder, &faults, Language::English);
        let hint = words.split('\n').next().unwrap_or_default();
        let expected = format!("city.toml:{}: {hint}\n", place(&text, at));
        assert!(
            faults.iter().any(|fault| fault.starts_with(&expected)),
            "{expected} {faults:#?}"
        );
    }
    // A parameter without a default that a policy above sets.
    let without = NATION.replace("default = 30000\n", "");
    let text = format!("{CITY}{}", set("major_loss = 30000"));
    let folder = folder(&[("nation.toml", &without), ("city.toml", &text)]);
    holds(&read_in(&folder, "city.toml").expect("a valid policy"));
    assert!(read_in(&folder, "nation.toml").is_err());
}

#[test]
fn parameters_in_places_where_they_cannot_be_are_refused() {
    for (when, at, words) in [
        (
            "major_loss",
            "major_loss\"",
            "`major_loss` is a parameter; expected a column",
        ),
        (
            "major_loss IS NULL",
            "major_loss IS",
            "`major_loss` is a parameter; expected a column",
        ),
        (
            "offence_on >= relief_period",
            "relief_period\"",
            "a period is not allowed here",
        ),
        (
            "injury_level = grave_injuries",
            "grave_injuries\"",
            "a list is not allowed here",
        ),
        (
            "offence_on >= major_loss",
            "major_loss\"",
            "date cannot be compared with number",
        ),
        (
            "property_loss >= as_of - relief_period",
            "as_of - relief",
            "number cannot be compared with date",
        ),
        (
            "property_loss >= property_loss - relief_period",
            "property_loss - relief",
            "an interval can only be added to or subtracted from as_of or a DATE literal",
        ),
    ] {
        let text = NATION.replace(
            "when = \"property_loss >= major_loss OR injury_level IN (grave_injuries)\"",
            &format!("when = \"{when}\""),
        );
        let folder = folder(&[("nation.toml", &text)]);
        let faults = read_in(&folder, "nation.toml").expect_err("a fault");
        let faults = rendered(&folder, &faults, Language::English);
        let expected = format!("nation.toml:{}: {words}\n", place(&text, at));
        assert!(
            faults.iter().any(|fault| fault.starts_with(&expected)),
            "{expected} {faults:#?}"
        );
    }
}

#[test]
fn extends_that_leads_nowhere_is_refused_at_its_place() {
    let with = |extends: &str| CITY.replace("\"nation.toml\"", extends);
    let refused = |files: &[(&str, &str)], extends: &str, words: &str| {
        let city = with(extends);
        let mut all = files.to_vec();
        all.push(("city.toml", city.as_str()));
        let folder = folder(&all);
        let faults = read_in(&folder, "city.toml").expect_err("a fault");
        let expected = format!("city.toml:{}: {words}", place(&city, extends));
        let found = rendered(&folder, &faults, Language::English);
        assert_eq!(found, [expected]);
        let found = rendered(&folder, &faults, Language::Chinese);
        assert!(found[0].starts_with("city.toml:5:11: "), "{found:?}");
    };
    refused(
        &[],
        "\"nation.toml\"",
        "the policy below, nation.toml, is not usable: the file cannot be read: there is no such file or folder\n  check the path and that you may read it",
    );
    refused(
        &[],
        "\"natio\"",
        "no policy `natio` comes with the program\n  policies that come with the program: shaoguan, national, ordos, chencang; a path ends in .toml",
    );
    refused(
        &[],
        "\"shaogan\"",
        "no policy `shaogan` comes with the program\n  did you mean `shaoguan`? A path ends in .toml",
    );
    refused(
        &[],
        "3",
        "`extends` must be a string\n  write the name of a policy that comes with the program, or a path seen from this file, such as extends = \"province.toml\"",
    );
    for (content, name) in [
        ("holidays = []\n", "calendar.toml"),
        ("%PDF-1.7", "law.toml"),
        ("", "empty.toml"),
    ] {
        refused(
            &[(name, content)],
            &format!("\"{name}\""),
            &format!(
                "{name} is not a policy: it has no `id`, `version` and `title`\n  check that this is the right file"
            ),
        );
    }
    refused(
        &[],
        "\"city.toml\"",
        "the policies extend each other in a cycle: city.toml -> city.toml\n  remove one `extends` of the cycle",
    );
    // A cycle of two, by another path of the same file.
    let nation = NATION.replace("version", "extends = \"../policies/city.toml\"\nversion");
    let files = [
        ("policies/nation.toml", nation.as_str()),
        ("policies/city.toml", CITY),
    ];
    let folder = folder(&files);
    let faults = read_in(&folder, "policies/city.toml").expect_err("a cycle");
    let faults = rendered(&folder, &faults, Language::English);
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert!(faults[0].starts_with("policies/nation.toml:3:11: the policies extend each other in a cycle: policies/city.toml -> policies/nation.toml -> "), "{faults:#?}");
}

#[test]
fn the_number_of_layers_is_limited() {
    let layer = |number: usize, extends: &str| {
        let text = CITY.replace("\"city\"", &format!("\"layer{number}\""));
        text.replace("nation.toml", extends)
    };
    let mut files = vec![("nation.toml".to_owned(), NATION.to_owned())];
    for number in 2..=9 {
        let below = files.last().expect("a layer").0.clone();
        files.push((format!("{number}.toml"), layer(number, &below)));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let folder = folder(&files);
    let policy = read_in(&folder, "8.toml").expect("eight layers");
    assert_eq!(policy.origins.layers.len(), 8);
    let below = files_below(&folder.path().join("8.toml"));
    assert_eq!(below.len(), 7);
    let faults = read_in(&folder, "9.toml").expect_err("nine layers");
    let faults = rendered(&folder, &faults, Language::English);
    assert_eq!(
        faults,
        ["2.toml:5:11: the policy has more than 8 layers\n  put some of them together"]
    );
}

/// Faults of every layer are reported at once, each in its own file.
#[test]
fn faults_of_all_layers_are_reported_with_their_files() {
    let nation = NATION.replace("injury_level IN", "injury_levle IN");
    let city = format!("{CITY}[parameters]\nmayor_loss = 1\n");
    let town = "id = \"town\"\nversion = \"1\"\nextends = \"city.toml\"\nwrong = 1\n";
    refuses(
        &[
            ("nation.toml", &nation),
            ("city.toml", &city),
            ("town.toml", town),
        ],
        &[
            (
                "city.toml",
                "mayor_loss",
                "the parameter `mayor_loss` is not declared\n  did you mean `major_loss`?",
            ),
            ("town.toml", "id", "`title` is missing\n  add title = ..."),
            (
                "nation.toml",
                "injury_levle",
                "unknown column `injury_levle`\n  did you mean `injury_level`?",
            ),
            (
                "town.toml",
                "wrong",
                "unknown key `wrong`\n  known names: agency, aid, deadline, drop, extends, guarantee, id, parameters, referral_state, referrals, rule, source, term, title, version, widen",
            ),
        ],
    );
}

/// A fault that an amended rule leaves as it is is reported once.
#[test]
fn faults_of_amended_rules_are_reported_once() {
    let nation = NATION.replace("injury_level IN", "injury_levle IN");
    let city = format!(
        "{CITY}[[rule]]\nid = \"loss\"\namend = true\nbecause = \"x\"\nurgent = true\n[[rule.case]]\nrow = {{}}\noutcome = \"unknown\"\n"
    );
    refuses(
        &[("nation.toml", &nation), ("city.toml", &city)],
        &[(
            "nation.toml",
            "injury_levle",
            "unknown column `injury_levle`\n  did you mean `injury_level`?",
        )],
    );
}

/// A third layer changes what the second one changed, and can bring back what it dropped.
#[test]
fn three_layers() {
    let city = format!(
        "{CITY}[parameters]\nmajor_loss = 20000\n\n[[term]]\nid = \"hardship\"\nreplace = true\nbecause = \"city\"\ntitle = {{ zh = \"困难\", en = \"Hardship\" }}\nmeans = \"dibao_receiving\"\n[[drop]]\nrule = \"relief_recent\"\nbecause = \"city\"\n"
    );
    let town = r#"
id = "town"
version = "3"
title = { zh = "镇", en = "Town" }
extends = "below/city.toml"

[parameters]
major_loss = 10000

[[rule]]
id = "relief_recent"
on = "civil-affairs.assistance"
kind = "receiving"
when = "kind = 'temporary_relief'"
unknown = "review"
title = { zh = "临时救助", en = "Relief" }
cites = ["LAW 3"]
[[rule.case]]
row = { kind = "temporary_relief" }
outcome = "yes"

[[term]]
id = "hardship"
amend = true
because = "town"
means = "dibao_receiving OR relief_recent"
"#;
    let folder = folder(&[
        ("below/nation.toml", NATION),
        ("below/city.toml", &city),
        ("town.toml", town),
    ]);
    let policy = read_in(&folder, "town.toml").expect("a valid policy");
    holds(&policy);
    let origin = policy.origins.of(PartKind::Term, "hardship");
    let by = origin.map(|origin| origin.changes.iter().map(|it| it.layer).collect());
    assert_eq!(by, Some(vec![1, 2]));
    let loss = policy.parameter("major_loss").map(|it| it.settings.len());
    assert_eq!(loss, Some(3));
    let relief = policy.origins.of(PartKind::Rule, "relief_recent");
    assert_eq!(relief.map(|origin| origin.layer), Some(2));
}

#[test]
fn the_digest_is_of_what_the_merged_policy_says() {
    let digest = |files: &[(&str, &str)]| {
        let folder = folder(files);
        let (top, _) = files.last().expect("a file");
        read_in(&folder, top).expect("a valid policy").digest
    };
    let city = |text: &str, nation: &str| {
        let city = format!("{CITY}{text}");
        digest(&[("nation.toml", nation), ("city.toml", &city)])
    };
    let plain = city("", NATION);
    // Comments, the order of keys and another way to write the same.
    assert_eq!(city("# more\n", NATION), plain);
    let other = NATION.replace(
        "id = \"loss\"\non = \"procuratorate.case-parties\"",
        "on = 'procuratorate.case-parties' # comment\nid = \"loss\"",
    );
    assert_eq!(city("", &other), plain);
    // How it is divided into layers.
    let head = CITY.replace("extends = \"nation.toml\"\n", "");
    let own = NATION
        .split_once("title = { zh = \"全国\"")
        .expect("a title")
        .1;
    let own = own.split_once('\n').expect("a line").1;
    let one = format!("{head}{own}");
    assert_eq!(digest(&[("city.toml", &one)]), plain);
    // What counts.
    let mut seen = vec![plain];
    for text in [
        "[parameters]\nmajor_loss = 30001\n",
        "[parameters]\nmajor_loss = 30000\n",
        "[parameters]\nrelief_period = \"7 months\"\n",
        "[[deadline]]\nid = \"transfer\"\namend = true\nbecause = \"x\"\nworking_days = 6\n",
        "[[widen]]\nguarantee = \"roles\"\nbecause = \"x\"\nages = [9]\n",
        "[[source]]\nid = \"CITY\"\ntitle = { zh = \"文\", en = \"t\" }\n",
    ] {
        let digest = city(text, NATION);
        assert!(!seen.contains(&digest), "{text}");
        seen.push(digest);
    }
    let digest = city(
        "",
        &NATION.replace("property_loss = 29999", "property_loss = 29998"),
    );
    assert!(!seen.contains(&digest));
}

/// The nation's policy with the earlier referrals of the shipped one, of which one entry has
/// an id and takes its period from a parameter.
fn nation_with_referrals() -> String {
    let shipped = std::fs::read_to_string(project().join("policies/national.toml"));
    let shipped = shipped.expect("the shipped policy");
    // The table and its entries, wherever they stand, without the comments above.
    let headers = ["[referrals]\n", "[[referral_state]]\n"];
    let tables = shipped.split("\n\n").filter_map(|table| {
        let at = headers.iter().find_map(|header| table.find(header))?;
        table.get(at..)
    });
    let referrals = tables.collect::<Vec<&str>>().join("\n\n");
    assert!(referrals.matches("[[referral_state]]").count() > 5);
    let referrals = ["\"SG ", "\"OD ", "\"CC "]
        .into_iter()
        .fold(referrals, |text, cite| text.replace(cite, "\"LAW "));
    let referrals = referrals
        .replace("reopened_by = \"case_changed\"\n", "")
        .replace("\"refused_period\"", "\"6 months\"")
        .replace("\"income_period\"", "\"12 months\"")
        .replace("lapses_on = \"dibao_standard_from\"\n", "");
    format!(
        "{NATION}\n[parameters.done_period]\ntype = \"period\"\ntitle = {{ zh = \"期\", en = \"Period\" }}\ndefault = \"12 months\"\nsource = \"local\"\n\n{referrals}"
    )
}

#[test]
fn earlier_referrals_are_changed_by_a_layer() {
    let nation = nation_with_referrals();
    let referred = |tables: &str| {
        let text = format!("{CITY}{tables}");
        let folder = folder(&[("nation.toml", &nation), ("city.toml", &text)]);
        let policy = read_in(&folder, "city.toml");
        let policy = policy.unwrap_or_else(|faults| {
            panic!("{:#?}", rendered(&folder, &faults, Language::English))
        });
        let rule = policy.rule("referred_dibao").expect("the rule");
        rule.when.clone()
    };
    let period = |amount: u32| format!("as_of - INTERVAL '{amount}' MONTH");
    let plain = referred("");
    assert!(plain.contains(&period(12)), "{plain}");
    assert!(referred("[parameters]\ndone_period = \"9 months\"\n").contains(&period(9)));
    let amended = "[[referral_state]]\nid = \"done\"\namend = true\nbecause = \"x\"\nsuppresses = \"3 months\"\n";
    assert!(referred(amended).contains(&period(3)));
    let table = "[referrals]\non = \"procuratorate.referrals\"\naid = \"aid\"\nstate = \"state\"\nsince = \"state_on\"\n";
    assert_eq!(
        referred(&format!("{table}replace = true\nbecause = \"x\"\n")),
        plain
    );
    let city = format!("{CITY}{table}");
    refuses(
        &[("nation.toml", &nation), ("city.toml", &city)],
        &[(
            "city.toml",
            "[referrals]",
            "{nation.toml:[referrals]} has the table of referrals already\n  remove it, or replace it with replace = true and because",
        )],
    );
    // Without a table below, or of a wrong type.
    for (tables, words) in [
        (
            format!("{table}replace = true\nbecause = \"x\"\n"),
            "city.toml:6:1: the table of referrals is replaced here, but no policy below has it\n  remove `replace` and `because`",
        ),
        (
            "[[referrals]]\non = \"x\"\n".to_owned(),
            "city.toml:6:1: `referrals` must be a table\n  correct this value",
        ),
    ] {
        let text = format!("{CITY}{tables}");
        let folder = folder(&[("nation.toml", NATION), ("city.toml", &text)]);
        let faults = read_in(&folder, "city.toml").expect_err("a fault");
        let faults = rendered(&folder, &faults, Language::English);
        assert_eq!(faults[0], words);
    }
}

/// A finished round's copies count before what `extends` names.
#[test]
fn a_policy_is_read_again_from_its_copies() {
    let city = format!("{CITY}[parameters]\nmajor_loss = 20000\n");
    let town = "id = \"town\"\nversion = \"1\"\ntitle = { zh = \"镇\", en = \"Town\" }\nextends = \"city.toml\"\n";
    let folder = folder(&[
        ("nation.toml", NATION),
        ("city.toml", &city),
        ("town.toml", town),
    ]);
    let policy = read_in(&folder, "town.toml").expect("a valid policy");
    let copies = tempfile::tempdir().expect("a temporary folder");
    for (name, layer) in policy.copies() {
        let path = copies.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        std::fs::write(path, &layer.content).expect("a writable folder");
    }
    let again = read_in(&copies, "policy.toml").expect("a valid policy");
    assert_eq!(again.digest, policy.digest);
    let digests = |policy: &Policy| {
        let copies = policy.copies();
        copies
            .map(|(name, layer)| (name, layer.digest.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(digests(&again), digests(&policy));
    let below = files_below(&copies.path().join("policy.toml"));
    let expected = ["policy.layers/1.toml", "policy.layers/2.toml"];
    assert_eq!(below, expected.map(|name| copies.path().join(name)));
    // A copy that is missing is not looked for elsewhere.
    std::fs::remove_file(copies.path().join("policy.layers/2.toml")).expect("a copy");
    let faults = read_in(&copies, "policy.toml").expect_err("a fault");
    let faults = rendered(&copies, &faults, Language::English);
    assert!(
        faults[0].starts_with(
            "policy.layers/1.toml:5:11: the policy below, policy.layers/2.toml, is not usable"
        ),
        "{faults:#?}"
    );
}

/// A shipped policy can be extended by its name.
#[test]
fn the_example_of_the_documentation_is_a_policy() {
    let page = std::fs::read_to_string(project().join("docs/formats.md")).expect("the page");
    let section = page.split_once("### Layers").expect("the section").1;
    let example = section.split_once("```toml\n").expect("the example").1;
    let example = example.split_once("```").expect("its end").0;
    let folder = folder(&[("county.toml", example)]);
    let policy = read_in(&folder, "county.toml");
    let policy = policy
        .unwrap_or_else(|faults| panic!("{:#?}", rendered(&folder, &faults, Language::English)));
    let layers = policy.origins.layers.iter();
    let layers: Vec<&str> = layers.map(|layer| layer.id.as_str()).collect();
    assert_eq!(layers, ["national", "shaoguan", "county"]);
    holds(&policy);
    assert!(policy.origins.dropped.len() == 1 && policy.parameters.len() > 10);
}
