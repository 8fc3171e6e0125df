//! A round whose policy is on top of others: the merged policy counts in the lists, and each
//! layer is kept, checked and found again.

use std::path::Path;

use serde_json::Value;

use crate::cells::{id, round};
use crate::support::{Round, aidlink, csv_records, project};

const CASES: &str = "procuratorate.case-parties";
const REGISTER: &str = "civil-affairs.assistance";

/// The county of `docs/formats.md`, whose amount for a major loss is 20,000 yuan.
fn county() -> String {
    let page = std::fs::read_to_string(project().join("docs/formats.md")).unwrap();
    let section = page.split_once("### Layers").unwrap().1;
    let example = section.split_once("```toml\n").unwrap().1;
    example.split_once("```").unwrap().0.to_owned()
}

/// A town on top of the county, which sets this amount.
fn town(amount: u32) -> String {
    format!(
        "id = \"town\"\nversion = \"7\"\ntitle = {{ zh = \"示例镇\", en = \"A town\" }}\n\
         extends = \"../below/county.toml\"\n\n[parameters]\nmajor_loss = {amount}\n"
    )
}

/// A round with one victim, who lost 15,000 yuan and is on dibao.
fn round_with_a_loss() -> Round {
    let round = round(&[(CASES, "cases.csv"), (REGISTER, "dibao.csv")]);
    let header =
        "身份证号,案号,姓名,诉讼地位,案件类别,封存标志,加害人情况,财产损失金额,追回或获赔金额";
    let victim = format!("{},C1,赵某,被害人,刑事,否,无赔偿能力,15000,0", id(1));
    round.write("cases.csv", format!("{header}\n{victim}\n"));
    let register = format!(
        "身份证号,救助类别,状态,保障起始日期\n{},低保,在保,2025-01-01\n",
        id(1)
    );
    round.write("dibao.csv", register);
    round
}

fn with_layers(amount: u32) -> Round {
    let round = round_with_a_loss();
    let folder = |name: &str| std::fs::create_dir(round.path(name)).unwrap();
    folder("below");
    folder("policies");
    round.write("below/county.toml", county());
    round.write("policies/town.toml", town(amount));
    round.replace(
        "round.toml",
        "../../policies/shaoguan.toml",
        "policies/town.toml",
    );
    round
}

/// Runs the round and returns the rule ids of the lead for judicial aid, if there is one.
fn rules_of_lead(round: &Round) -> Option<String> {
    let result = round.run();
    // The registers that are missing make the lists provisional.
    assert_eq!(result.code, 3, "{}", result.stderr);
    let lists = round.match_lists("output");
    let list = lists
        .iter()
        .find(|(name, _)| name.ends_with("to-judicial-aid.csv"));
    let records = csv_records(list.unwrap().1);
    records.first().map(|row| row["Rules"].clone())
}

fn manifest(round: &Round) -> Value {
    serde_json::from_str(&round.read("output/manifest.json")).unwrap()
}

fn digest_of(path: &Path) -> String {
    blake3::hash(&std::fs::read(path).unwrap())
        .to_hex()
        .to_string()
}

#[test]
fn the_merged_policy_judges() {
    // Shaoguan and the county want a greater loss; the lead rests on what is not known.
    for round in [round_with_a_loss(), with_layers(20_000)] {
        let rules = rules_of_lead(&round);
        assert!(!rules.is_some_and(|rules| rules.contains("j4_property_loss")));
    }
    let rules = rules_of_lead(&with_layers(15_000)).unwrap();
    assert!(
        rules.starts_with("town 7: ") && rules.contains("j4_property_loss"),
        "{rules}"
    );
}

#[test]
fn every_layer_is_kept_and_checked() {
    let round = with_layers(15_000);
    rules_of_lead(&round).unwrap();
    let policy = manifest(&round)["policy"].clone();
    let layers = policy["layers"].as_array().unwrap();
    let files = [
        "policy.toml",
        "policy.layers/1.toml",
        "policy.layers/2.toml",
        "policy.layers/3.toml",
    ];
    let sources = [
        round.path("policies/town.toml"),
        round.path("below/county.toml"),
        project().join("policies/shaoguan.toml"),
        project().join("policies/national.toml"),
    ];
    assert_eq!(layers.len(), 4);
    for (((layer, file), source), id) in layers
        .iter()
        .zip(files)
        .zip(sources)
        .zip(["town", "county", "shaoguan", "national"])
    {
        assert_eq!(
            (layer["id"].as_str(), layer["file"].as_str()),
            (Some(id), Some(file))
        );
        let copy = round.path(&format!("output/configuration/{file}"));
        assert_eq!(
            std::fs::read(&copy).unwrap(),
            std::fs::read(&source).unwrap()
        );
        assert_eq!(layer["blake3"], digest_of(&copy));
    }
    let matrix: Value =
        serde_json::from_str(&round.read("output/minimisation/matrix.json")).unwrap();
    assert_eq!(matrix["policy"], policy);
    assert!(
        round
            .read("output/minimisation/matrix.en.html")
            .contains("shaoguan 2")
    );

    // What was extended may be changed and moved afterwards.
    std::fs::remove_dir_all(round.path("below")).unwrap();
    let folder = round.path("");
    let key = round.path("signing.pub");
    let audit = |verb: &[&str]| {
        let mut arguments = vec!["audit"];
        arguments.extend(verb);
        arguments.extend([
            folder.to_str().unwrap(),
            "--public-key",
            key.to_str().unwrap(),
            "--lang",
            "en",
            "--json",
        ]);
        aidlink(&arguments)
    };
    let held = |output: &str| {
        let answer: Value = serde_json::from_str(output).unwrap();
        let checks = answer[0]["checks"].as_array().unwrap().clone();
        let held = |number: u64| {
            let check = checks.iter().find(|check| check["number"] == number);
            check.unwrap()["state"].as_str().unwrap().to_owned()
        };
        [3, 4, 13, 15, 16, 22].map(held)
    };
    let answer = audit(&[]).stdout;
    assert_eq!(held(&answer), ["held"; 6].map(str::to_owned), "{answer}");
    // The copies explain the policy.
    let copy = round.path("output/configuration/policy.toml");
    let schemas = round.path("output/configuration/schemas");
    let explained = aidlink(&[
        "policy",
        "explain",
        copy.to_str().unwrap(),
        "--schemas",
        schemas.to_str().unwrap(),
        "--id",
        "major_loss",
        "--lang",
        "en",
    ]);
    assert!(
        explained
            .stdout
            .contains("value: 30000 (local, national)\n  value: 20000 (COUNTY 4, county)\n  value: 15000 (local, town)\n"),
        "{}",
        explained.stdout
    );

    // A layer that was changed is found, with its file.
    let layer = "output/configuration/policy.layers/1.toml";
    round.replace(layer, "20000", "10000");
    let verified = audit(&["verify"]);
    assert_eq!(verified.code, 4);
    assert!(
        verified.stdout.contains("policy.layers/1.toml"),
        "{}",
        verified.stdout
    );
    // A layer that was removed, too.
    std::fs::remove_file(round.path(layer)).unwrap();
    let verified = audit(&["verify"]);
    assert_eq!(verified.code, 4);
    assert!(
        verified.stdout.contains("policy.layers/1.toml"),
        "{}",
        verified.stdout
    );
}

/// The files below the policy belong to the round's folder, also by a path with `..`.
#[test]
fn layers_in_the_rounds_folder_are_no_unknown_files() {
    let round = with_layers(15_000);
    rules_of_lead(&round).unwrap();
    round.write("stray.toml", "x");
    let folder = round.path("");
    let answer = aidlink(&[
        "purge",
        folder.to_str().unwrap(),
        "--dry-run",
        "--lang",
        "en",
    ]);
    assert!(
        answer.stdout.contains("stray.toml"),
        "{}{}",
        answer.stdout,
        answer.stderr
    );
    for layer in ["county.toml", "town.toml"] {
        assert!(!answer.stdout.contains(layer), "{}", answer.stdout);
    }
}

/// A fault in a layer stops every command that reads the round, at its place.
#[test]
fn a_fault_of_a_layer_is_reported_by_every_command() {
    let round = with_layers(15_000);
    round.replace("below/county.toml", "amend = true", "amend = false");
    let round_file = round.path("round.toml");
    let round_file = round_file.to_str().unwrap();
    let export = round.path("dibao.csv");
    let export = export.to_str().unwrap();
    let policy = round.path("policies/town.toml");
    let policy = policy.to_str().unwrap();
    let schemas = round.root().join("schemas");
    let schemas = schemas.to_str().unwrap();
    for arguments in [
        vec!["run", round_file],
        vec!["round", "terms", round_file],
        vec!["schema", "check", export, "--round", round_file],
        vec![
            "schema",
            "check",
            export,
            "--policy",
            policy,
            "--schemas",
            schemas,
        ],
        vec!["policy", "check", policy, "--schemas", schemas],
        vec!["policy", "test", policy, "--schemas", schemas],
        vec!["policy", "diff", "shaoguan", policy, "--schemas", schemas],
    ] {
        let mut all = arguments.clone();
        all.extend(["--lang", "en"]);
        let answer = aidlink(&all);
        assert_eq!(answer.code, 2, "{arguments:?} {}", answer.stderr);
        let words = "below/county.toml:15:6: <aidlink>/policies/shaoguan.toml:246 has the rule `j4_property_loss` already";
        assert!(
            answer.stderr.contains(words),
            "{arguments:?} {}",
            answer.stderr
        );
    }
}
