//! The clerk's guide, docs/guide.md and its Chinese page: its commands run as they are
//! written, from a fresh checkout, its pictures of terminals show what the commands print,
//! and it explains every place of a round file that is left to a person.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::round_new::{filled_in, key_before};
use crate::support::{CommandResult, command_result, project};

/// A page of the guide, with the locale in which it is read, and the language of its
/// pictures.
struct Guide {
    page: &'static str,
    locale: &'static str,
    language: &'static str,
}

const GUIDES: [Guide; 2] = [
    Guide {
        page: "guide.zh-CN.md",
        locale: "zh_CN.UTF-8",
        language: "zh",
    },
    Guide {
        page: "guide.md",
        locale: "C.UTF-8",
        language: "en",
    },
];

impl Guide {
    fn text(&self) -> String {
        fs::read_to_string(project().join("docs").join(self.page)).unwrap()
    }

    /// Returns the lines of the fences, in order.
    fn commands(&self) -> Vec<String> {
        let text = self.text();
        let mut commands = Vec::new();
        let mut is_inside = false;
        for line in text.lines() {
            if let Some(kind) = line.strip_prefix("```") {
                assert!(
                    is_inside || kind == "sh",
                    "{}: a fence of {kind}",
                    self.page
                );
                is_inside = !is_inside;
            } else if is_inside {
                commands.push(line.to_owned());
            }
        }
        commands
    }

    /// Returns what the page shows as code in its text.
    fn names(&self) -> BTreeSet<String> {
        let text = self.text();
        let lines = text.lines().filter(|line| !line.starts_with("```"));
        let names = lines.flat_map(|line| line.split('`').skip(1).step_by(2));
        names.map(str::to_owned).collect()
    }

    /// Returns the lines of a picture of a terminal, each whole.
    fn picture(&self, name: &str) -> Vec<String> {
        let file = format!("docs/pictures/{name}.{}.svg", self.language);
        let text = fs::read_to_string(project().join(file)).unwrap();
        let mut lines: Vec<String> = Vec::new();
        for element in text.split("<text ").skip(1) {
            let (attributes, rest) = element.split_once('>').unwrap();
            let (content, _) = rest.split_once("</text>").unwrap();
            let content = content
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&");
            match attributes.contains("class=\"more\"") {
                true => *lines.last_mut().unwrap() += &content,
                false => lines.push(content),
            }
        }
        lines
    }

    /// Runs a command as a person does who pastes it into a shell.
    fn run(&self, command: &str, folder: &Path) -> CommandResult {
        let programs = Path::new(env!("CARGO_BIN_EXE_aidlink"));
        let programs = programs.parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap();
        let path = std::iter::once(programs).chain(std::env::split_paths(&path));
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(folder)
            .env_remove("LC_ALL")
            .env_remove("LC_MESSAGES")
            .env_remove("LANGUAGE")
            .env("LANG", self.locale)
            .env("PATH", std::env::join_paths(path).unwrap())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        command_result(output)
    }
}

/// Copies what a fresh checkout has of a round's exports.
fn copy_exports(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("csv" | "xlsx")) {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// Leaves out the white space, at which pictures break lines.
fn dense(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Asserts that a line of a picture is in what the commands printed. Dots stand for what a
/// picture leaves out, such as keys.
fn assert_printed(line: &str, printed: &str, guide: &Guide) {
    for piece in dense(line).split('…') {
        assert!(
            printed.contains(piece),
            "{}: no command prints what a picture shows: {line}\n{printed}",
            guide.page
        );
    }
}

/// Asserts that `round new` asks what a picture of its questions shows. A line is a question, with
/// the title of an export, or an answer, or dots.
fn assert_asks(line: &str, guide: &Guide) {
    let questions = ["src/round_draft.rs", "src/commands/round.rs"];
    let questions = questions.map(|file| fs::read_to_string(project().join(file)).unwrap());
    let is_answer = line.trim_start().starts_with(':') || line.trim() == "…";
    // The title of an export is in quotation marks or, in English, after a colon.
    let title = line.find('“').zip(line.find('”'));
    let pieces = match title {
        Some((start, end)) => vec![&line[..start], &line[end + '”'.len_utf8()..]],
        None => vec![line.split_once(": ").map_or(line, |(question, _)| question)],
    };
    for piece in pieces {
        assert!(
            is_answer || questions.iter().any(|text| text.contains(piece)),
            "{}: nothing asks what a picture shows: {line}",
            guide.page
        );
    }
}

#[test]
fn the_guide_runs_as_it_is_written_and_its_pictures_show_what_it_prints() {
    for guide in &GUIDES {
        let folder = tempfile::tempdir().unwrap();
        let sample = Path::new("sample_data/2026Q3");
        copy_exports(&project().join(sample), &folder.path().join(sample));
        let round = folder.path().join("2026Q3");
        let output = round.join("output");

        let commands = guide.commands();
        let mut printed = String::new();
        for command in &commands {
            if command.contains("audit verify") {
                // The workbook was filled in, as the guide says.
                let workbook = output.join("review/adults.xlsx");
                let workbook = fs::OpenOptions::new().append(true).open(workbook);
                workbook.unwrap().write_all(b"x").unwrap();
            }
            let result = guide.run(command, folder.path());
            // The sample has rows to correct, as the guide says.
            let code = match command.contains("schema check") {
                true => 3,
                false => 0,
            };
            assert_eq!(
                result.code, code,
                "{command}: {}{}",
                result.stdout, result.stderr
            );
            if command.contains("round new") {
                let file = round.join("round.toml");
                let text = fs::read_to_string(&file).unwrap();
                fs::write(&file, filled_in(&text)).unwrap();
            }
            printed += &dense(&result.stdout);
            if command.contains("purge") && command.contains("--dry-run") {
                // What the guide names exists, until it is deleted.
                for name in guide.names() {
                    let inside = ["lists/", "review/", "rejects/", "minimisation/", "manifest"];
                    let path = match name.strip_prefix("2026Q3/") {
                        Some(name) => round.join(name),
                        None if inside.iter().any(|start| name.starts_with(start)) => {
                            output.join(&name)
                        }
                        None => continue,
                    };
                    assert!(path.exists(), "{}: {name}", guide.page);
                }
                assert!(round.join("output-2/lists").exists());
            }
        }
        // Data is gone, and what must be kept is left.
        for gone in [
            "案件当事人.csv",
            "round.key",
            "output/lists",
            "output/review",
        ] {
            assert!(!round.join(gone).exists(), "{gone}");
        }
        for kept in [
            "output/manifest.json",
            "output/audit.jsonl",
            "output/deletions",
        ] {
            assert!(round.join(kept).exists(), "{kept}");
        }
        // The register outlives the round.
        for kept in ["register/register.db", "register/register.key", "台账.xlsx"] {
            assert!(folder.path().join(kept).exists(), "{kept}");
        }

        for name in ["questions", "run", "after"] {
            let lines = guide.picture(name);
            assert!(lines.len() > 8, "{name}");
            // Only a terminal is asked, and told that nothing is left to fill in.
            let mut is_asking = false;
            for line in lines {
                if line.starts_with("$ aidlink round new") {
                    is_asking = true;
                } else if ["已写入", "Wrote"]
                    .iter()
                    .any(|word| line.starts_with(word))
                {
                    is_asking = false;
                }
                let is_asked = ["请核对", "Check it"]
                    .iter()
                    .any(|words| line.contains(words));
                match line.strip_prefix("$ ") {
                    Some(command) => assert!(commands.iter().any(|known| known == command)),
                    None if is_asking => assert_asks(&line, guide),
                    None if is_asked => {}
                    None => assert_printed(&line, &printed, guide),
                }
            }
        }
    }
}

#[test]
fn every_picture_of_the_guide_exists_and_is_small() {
    for guide in &GUIDES {
        let text = guide.text();
        let pictures = text.split("<img src=\"").skip(1);
        let pictures: Vec<&str> = pictures
            .map(|rest| rest.split_once('"').unwrap().0)
            .collect();
        assert_eq!(pictures.len(), 5, "{}", guide.page);
        for picture in pictures {
            let file = project().join("docs").join(picture);
            assert!(fs::metadata(file).unwrap().len() < 150_000, "{picture}");
            let of_language = format!(".{}.", guide.language);
            assert!(picture.contains(&of_language), "{}: {picture}", guide.page);
        }
    }
}

#[test]
fn both_pages_of_the_guide_have_the_same_commands() {
    let [mut zh, mut en] = GUIDES.each_ref().map(Guide::commands);
    assert!(zh.len() > 10);
    // The reason for which the practice round is deleted is in the language of the page.
    for commands in [&mut zh, &mut en] {
        let last = commands.pop().unwrap();
        assert!(last.starts_with("aidlink purge 2026Q3 --early "), "{last}");
    }
    assert_eq!(zh, en);
}

/// Lists as offices have them, which say as a whole what they have no column for, without
/// the register of referrals.
const LISTS: [(&str, &str); 5] = [
    ("procuratorate.case-parties.csv", "案件当事人.csv"),
    ("civil-affairs.assistance.dibao.csv", "低保.csv"),
    ("disabled-federation.persons.csv", "持证残疾人.csv"),
    ("education.students.hardship.csv", "家庭经济困难学生.csv"),
    ("veterans.persons.veterans.csv", "退役军人.csv"),
];

#[test]
fn the_guide_explains_every_place_that_is_left_to_a_person() {
    for guide in &GUIDES {
        let folder = tempfile::tempdir().unwrap();
        for (file, name) in LISTS {
            let file = project().join("sample_data/minimal").join(file);
            fs::copy(file, folder.path().join(name)).unwrap();
        }
        let made = guide.run("aidlink round new .", folder.path());
        assert_eq!(made.code, 0, "{}", made.stderr);
        let round = fs::read_to_string(folder.path().join("round.toml")).unwrap();
        let mut keys = BTreeSet::new();
        for line in round.lines() {
            for mark in ["\"【待填写", "\"【FILL IN"] {
                keys.extend(
                    line.match_indices(mark)
                        .map(|(at, _)| key_before(&line[..at])),
                );
            }
        }
        // All kinds of places, so that none is missed here.
        for key in [
            "operator",
            "snapshot",
            "sealed",
            "because",
            "kind",
            "hardship_student",
        ] {
            assert!(keys.contains(key), "{key}: {round}");
        }
        let names = guide.names();
        for key in keys {
            assert!(names.contains(key), "{}: {key}", guide.page);
        }
    }
}
