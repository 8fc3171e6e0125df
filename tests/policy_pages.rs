//! The worked example of docs/policies.md: a city adds an agency that aidlink does not know,
//! with a schema, rules and an aid, and nothing is compiled.

use std::process::Command;

use crate::support::{csv_records, project};

/// Returns the files that a page shows: a line `**NAME**`, then a fence.
fn files_of(page: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(project().join("docs").join(page)).unwrap();
    let mut files = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let name = line
            .strip_prefix("**")
            .and_then(|rest| rest.strip_suffix("**"));
        let Some(name) = name.filter(|name| !name.contains('*')) else {
            continue;
        };
        if !lines.next().is_some_and(|fence| fence.starts_with("```")) {
            continue;
        }
        let content = lines.by_ref().take_while(|line| *line != "```");
        let content = content.map(|line| format!("{line}\n")).collect();
        files.push((name.to_owned(), content));
    }
    files
}

#[test]
fn a_city_adds_an_agency_without_compiling() {
    let files = files_of("policies.md");
    assert_eq!(files.len(), 7);
    assert_eq!(files, files_of("policies.zh-CN.md"));

    let folder = tempfile::tempdir().unwrap();
    for (name, content) in &files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_aidlink"));
    let programs = programs.parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::iter::once(programs).chain(std::env::split_paths(&path));
    let output = Command::new("sh")
        .arg("commands.sh")
        .current_dir(folder.path())
        .env("AIDLINK", project())
        .env("LANG", "C")
        .env("PATH", std::env::join_paths(path).unwrap())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let leads = |list: &str| {
        let list = folder.path().join("output/lists/for-review").join(list);
        let records = csv_records(&std::fs::read(list).unwrap()).into_iter();
        let leads = records.map(|row| format!("{} {}", row["Name"], row["Grade"]));
        leads.collect::<Vec<_>>()
    };
    // One pays too much rent; another's rent is reduced already, a third was referred.
    assert_eq!(leads("to-housing.csv"), ["赵某甲 established"]);
    for list in ["to-judicial-aid.csv", "to-civil-affairs.csv"] {
        let mut found = leads(list);
        found.sort();
        let all = [
            "孙某丙 established",
            "赵某甲 established",
            "钱某乙 established",
        ];
        assert_eq!(found, all, "{list}");
    }
    let not_judged = folder.path().join("output/lists/not-judged.csv");
    assert_eq!(csv_records(&std::fs::read(not_judged).unwrap()), []);

    // The code of the aid must be known where referrals are recorded.
    let schema = "procuratorate.referrals.json";
    std::fs::copy(
        project().join("schemas").join(schema),
        folder.path().join("schemas").join(schema),
    )
    .unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_aidlink"))
        .args(["policy", "check", "policies/city.toml", "--lang", "en"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let words = "the aid `rent_relief` is not in the code list of the referrals export";
    assert!(String::from_utf8_lossy(&refused.stderr).contains(words));
}
