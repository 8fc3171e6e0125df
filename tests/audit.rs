//! Tests `aidlink audit`: every check of the compliance officer is violated once and
//! must be reported, changes of a folder must be reported, and the minimisation matrix
//! must be right.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use aidlink_office::audit_log::{AuditLog, Event, read_log};
use aidlink_office::manifest::{MANIFEST, StepKind};
use aidlink_office::signing::SigningKey;
use aidlink_office::step::trusted_comment;
use aidlink_policy::pack::{CASE_EXPORT, Policy};
use aidlink_policy::schema::Schemas;
use serde_json::{Value, json};

use crate::support::{CommandResult, Round, aidlink, files_below, set_mode};

/// The layer at the bottom of the sample's policy, in which the guarantees are.
const NATIONAL: &str = "configuration/policy.layers/1.toml";

/// A round after `aidlink run`, with its output folder, which tests change.
pub struct FinishedRound {
    pub round: Round,
    folder: PathBuf,
}

impl FinishedRound {
    pub fn new() -> Self {
        FinishedRound::of(Round::sample())
    }

    pub fn of(round: Round) -> Self {
        let result = round.run();
        assert_eq!(result.code, 0, "{}", result.stderr);
        FinishedRound::at(round, "output")
    }

    /// Returns a round that has run, with its output at a path in its folder.
    pub fn at(round: Round, output: &str) -> Self {
        let folder = round.path(output);
        FinishedRound { round, folder }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    pub fn manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path(MANIFEST)).unwrap()).unwrap()
    }

    pub fn audit(&self, more: &[&str]) -> CommandResult {
        let folder = self.round.path("");
        let key = self.round.path("signing.pub");
        let mut arguments = vec!["audit", folder.to_str().unwrap(), "--lang", "en"];
        arguments.extend(["--public-key", key.to_str().unwrap()]);
        arguments.extend(more);
        aidlink(&arguments)
    }

    pub fn verify(&self) -> CommandResult {
        let folder = self.folder.to_str().unwrap();
        let key = self.round.path("signing.pub");
        aidlink(&[
            "audit",
            "verify",
            folder,
            "--lang",
            "en",
            "--public-key",
            key.to_str().unwrap(),
        ])
    }

    /// Returns the numbers of the checks that are not held.
    pub fn not_held(&self, more: &[&str]) -> BTreeSet<u64> {
        let mut arguments = vec!["--json"];
        arguments.extend(more);
        let result = self.audit(&arguments);
        let documents: Value = serde_json::from_str(&result.stdout).unwrap();
        let checks = documents[0]["checks"].as_array().unwrap();
        assert_eq!(checks.len(), 30);
        let not_held = checks.iter().filter(|check| check["state"] == "not_held");
        let numbers: BTreeSet<u64> = not_held
            .map(|check| check["number"].as_u64().unwrap())
            .collect();
        let no_faults = documents[0]["faults"].as_array().unwrap().is_empty();
        assert_eq!(
            result.code,
            if numbers.is_empty() && no_faults {
                0
            } else {
                4
            }
        );
        numbers
    }

    /// Makes the folder consistent again, as somebody with the signing key could: lists
    /// the present files in the manifest, ends the log with the manifest's digest and
    /// signs. `change` edits the manifest; `events` edits a log entry, and drops it by
    /// returning false.
    fn sign_again_with_log(
        &self,
        change: impl Fn(&mut Value),
        events: impl Fn(&mut Event) -> bool,
    ) {
        let key = SigningKey::read(&self.round.path("signing.key")).unwrap();
        self.sign_with(&key, change, events);
    }

    /// Like [`Self::sign_again`], with another key.
    pub fn sign_again_with_key(&self, key: &SigningKey, change: impl Fn(&mut Value)) {
        self.sign_with(key, change, |_| true);
    }

    fn sign_with(
        &self,
        key: &SigningKey,
        change: impl Fn(&mut Value),
        events: impl Fn(&mut Event) -> bool,
    ) {
        let mut manifest = self.manifest();
        let step: StepKind = serde_json::from_value(manifest["step"].clone()).unwrap();
        let mut outputs = Vec::new();
        let before = manifest["outputs"].as_array().unwrap().clone();
        for (path, bytes) in files_below(&self.folder) {
            if !path.starts_with(MANIFEST) && path != "audit.jsonl" {
                let mut output = json!({
                    "file": path,
                    "blake3": blake3::hash(&bytes).to_hex().to_string(),
                    "bytes": bytes.len(),
                });
                let mut before = before.iter();
                let kind = before.find(|before| before["file"] == path.as_str());
                if let Some(kind) = kind.and_then(|before| before.get("kind")) {
                    output["kind"] = kind.clone();
                }
                outputs.push(output);
            }
        }
        manifest["outputs"] = outputs.into();
        let used = &mut manifest["policy"];
        let mut is_changed = false;
        for layer in used["layers"].as_array_mut().unwrap() {
            let file = format!("configuration/{}", layer["file"].as_str().unwrap());
            let digest = blake3::hash(&fs::read(self.path(&file)).unwrap()).to_hex();
            is_changed |= layer["blake3"] != digest.as_str();
            layer["blake3"] = digest.as_str().into();
        }
        if is_changed {
            let schemas = Schemas::read(&self.path("configuration/schemas")).unwrap();
            let path = self.path("configuration/policy.toml");
            if let Ok(policy) = Policy::read_of_finished_round(&path, &schemas) {
                used["blake3"] = policy.digest.into();
            }
        }
        change(&mut manifest);
        let bytes = format!("{manifest:#}\n");
        fs::write(self.path(MANIFEST), &bytes).unwrap();
        let mut log = AuditLog::new(jiff::Timestamp::now);
        let read = read_log(&fs::read_to_string(self.path("audit.jsonl")).unwrap());
        for (_, event) in read.events() {
            let mut event = event.clone();
            if let Event::RoundComplete(complete)
            | Event::TokeniseComplete(complete)
            | Event::ScreeningComplete(complete)
            | Event::ResolveComplete(complete) = &mut event
            {
                complete.manifest_blake3 = blake3::hash(bytes.as_bytes()).to_hex().to_string();
            }
            if events(&mut event) {
                log.record(&event);
            }
        }
        fs::write(self.path("audit.jsonl"), log.to_jsonl()).unwrap();
        let round = manifest["round"].as_str().unwrap();
        let comment = trusted_comment(round, step, log.last_digest());
        let signature = key.sign(bytes.as_bytes(), &comment, Path::new("")).unwrap();
        fs::write(self.path("manifest.json.minisig"), signature).unwrap();
    }

    /// Makes the folder consistent again after `change` of the manifest, and signs it.
    pub fn sign_again(&self, change: impl Fn(&mut Value)) {
        self.sign_again_with_log(change, |_| true);
    }

    fn replace(&self, file: &str, from: &str, to: &str) {
        let path = format!("output/{file}");
        self.round.replace(&path, from, to);
    }

    /// Puts a text into the summary and keeps the summary valid.
    fn put_into_summary(&self, text: &str) {
        let reason = format!("\"provisional\": [{{\"zh\": \"{text}\", \"en\": \"x\"}}]");
        self.replace("summary.json", "\"provisional\": []", &reason);
    }

    /// Returns the lines of a list, with the header.
    fn lines(&self, list: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(&format!("lists/for-review/{list}"))).unwrap();
        text.split_inclusive("\r\n").map(str::to_owned).collect()
    }

    fn set_lines(&self, list: &str, lines: &[String]) {
        fs::write(
            self.path(&format!("lists/for-review/{list}")),
            lines.concat(),
        )
        .unwrap();
    }

    /// Replaces a text in one line of a list and signs the folder again.
    fn change_line(&self, list: &str, line: usize, from: &str, to: &str) {
        let mut lines = self.lines(list);
        assert!(lines[line].contains(from), "{}", lines[line]);
        lines[line] = lines[line].replace(from, to);
        self.set_lines(list, &lines);
        self.sign_again(|_| {});
    }

    /// Moves the first row of a list to another.
    fn move_row(&self, from: &str, to: &str) {
        let mut lines = self.lines(from);
        let moved = lines.remove(1);
        self.set_lines(from, &lines);
        let mut lines = self.lines(to);
        lines.push(moved);
        self.set_lines(to, &lines);
    }
}

fn export<'m>(manifest: &'m mut Value, name: &str) -> &'m mut Value {
    let exports = manifest["exports"].as_array_mut().unwrap();
    exports
        .iter_mut()
        .find(|export| export["export"] == name)
        .unwrap()
}

// The checks of `aidlink audit`

#[test]
fn every_applicable_check_holds_for_an_unchanged_round() {
    let finished = FinishedRound::new();
    let result = finished.audit(&["--rerun"]);
    assert_eq!(result.code, 0, "{}", result.stdout);
    assert!(
        result
            .stdout
            .contains("23 held, 0 not held, 7 not applicable"),
        "{}",
        result.stdout
    );
    assert!(
        result
            .stdout
            .contains("nothing was changed, removed or added")
    );
    for reason in ["publishes no statistics", "this step reads no register"] {
        assert!(result.stdout.contains(reason), "{}", result.stdout);
    }
    // Without the key file, checks that need it are not applicable.
    fs::remove_file(finished.round.path("round.key")).unwrap();
    let result = finished.audit(&["--rerun"]);
    assert!(
        result.stdout.contains("the key file is not here"),
        "{}",
        result.stdout
    );
    assert!(
        result
            .stdout
            .contains("21 held, 0 not held, 9 not applicable"),
        "{}",
        result.stdout
    );
}

/// The folder is signed again after every violation, so that only the check itself can
/// notice it.
#[test]
fn every_check_that_is_broken_is_reported() {
    let civil = "civil-affairs.assistance";
    type Violation<'b> = &'b dyn Fn(&FinishedRound);
    let cases: [(&str, Violation<'_>, &[u64]); 39] = [
        ("no violation", &|finished| finished.sign_again(|_| {}), &[]),
        (
            "an expired impact assessment",
            &|finished| {
                finished.sign_again(|manifest| {
                    manifest["impact_assessment"]["valid_until"] = "2026-09-01".into();
                })
            },
            // What the manifest says otherwise than the kept round file is told by 20, too.
            &[1, 20],
        ),
        (
            "a source without a legal basis",
            &|finished| {
                finished.sign_again(|manifest| export(manifest, civil)["legal_basis"] = "".into())
            },
            // The matrix in the folder still has the legal basis.
            &[2, 3, 20],
        ),
        (
            "a column that was read and not needed",
            &|finished| {
                finished.sign_again(|manifest| {
                    let fields =
                        export(manifest, "education.students")["fields_read"].as_array_mut();
                    fields.unwrap().push("school".into());
                })
            },
            &[3],
        ),
        (
            "a column that the manifest omits",
            &|finished| {
                finished.sign_again(|manifest| {
                    let file = &mut export(manifest, "education.students")["files"][0];
                    file["columns_present_and_not_read"]
                        .as_array_mut()
                        .unwrap()
                        .pop();
                })
            },
            &[4],
        ),
        (
            "an ID number in an output",
            &|finished| {
                finished.put_into_summary("44990119900101011X");
                finished.sign_again(|_| {});
            },
            // The manifest has no such reason for provisional lists.
            &[5, 18],
        ),
        (
            "a telephone number among the rejects",
            &|finished| {
                let path = finished.path("rejects/veterans.csv");
                let mut text = fs::read_to_string(&path).unwrap();
                text.push_str("veterans.persons,13800000000,1,2,,id_empty,x,x,\r\n");
                fs::write(path, text).unwrap();
                finished.sign_again(|_| {});
            },
            // The file also has one row more than the manifest counts.
            &[5, 11],
        ),
        (
            "a key that others may read",
            &|finished| set_mode(&finished.round.path("round.key"), 0o644),
            &[6],
        ),
        (
            "a key in an output",
            &|finished| {
                let key = "0123456789abcdef".repeat(4);
                finished.put_into_summary(&key);
                finished.sign_again(|_| {});
            },
            &[6, 18],
        ),
        (
            "a log without the known-answer test",
            &|finished| {
                finished.sign_again_with_log(
                    |_| {},
                    |event| !matches!(event, Event::KnownAnswerTest { .. }),
                )
            },
            &[7],
        ),
        (
            "another key in the log",
            &|finished| {
                finished.sign_again_with_log(
                    |_| {},
                    |event| {
                        if let Event::Key { id, .. } = event {
                            *id = "0000000000000000".to_owned();
                        }
                        true
                    },
                )
            },
            &[8],
        ),
        (
            "an input without a digest",
            &|finished| {
                finished.sign_again(|manifest| {
                    export(manifest, civil)["files"][0]["blake3"] = "".into()
                })
            },
            &[9],
        ),
        (
            "an input in the log that the manifest leaves out",
            &|finished| {
                finished.sign_again_with_log(
                    |_| {},
                    |event| {
                        if let Event::FileRead { blake3, .. } = event {
                            *blake3 = "0".repeat(64);
                        }
                        true
                    },
                )
            },
            &[9],
        ),
        (
            "an input in neither the manifest nor the log",
            &|finished| {
                finished.sign_again_with_log(
                    |manifest| {
                        let exports = manifest["exports"].as_array_mut().unwrap();
                        exports.retain(|one| one["export"] != CASE_EXPORT);
                    },
                    |event| {
                        let of_cases = Some(CASE_EXPORT);
                        !matches!(event, Event::FileRead { export, .. }
                            if export.as_deref() == of_cases)
                    },
                )
            },
            &[3, 9, 11],
        ),
        (
            "an input that was changed",
            &|finished| {
                let path = finished.round.path("veterans.persons.csv");
                let mut bytes = fs::read(&path).unwrap();
                bytes.extend_from_slice(b"\n");
                fs::write(path, bytes).unwrap();
            },
            &[9],
        ),
        (
            "rows that do not add up",
            &|finished| {
                finished.sign_again(|manifest| {
                    let rows = &mut export(manifest, civil)["account"]["rows"];
                    *rows = (rows.as_u64().unwrap() + 1).into();
                })
            },
            &[10],
        ),
        (
            "rejects that differ from the counts",
            &|finished| {
                finished.sign_again(|manifest| {
                    let reasons = &mut export(manifest, civil)["account"]["rejected_by_reason"];
                    let (reason, count) = reasons.as_object().unwrap().iter().next().unwrap();
                    let (reason, count) = (reason.clone(), count.as_u64().unwrap());
                    reasons[&reason] = (count - 1).into();
                    reasons["made_up"] = 1.into();
                })
            },
            &[11],
        ),
        (
            "a sheet among the rejects that was not read",
            &|finished| {
                let path = finished.path("rejects/civil-affairs.csv");
                let text = fs::read_to_string(&path).unwrap();
                fs::write(path, text.replacen(",\r\n", ",赵某\r\n", 1)).unwrap();
                finished.sign_again(|_| {});
            },
            &[11],
        ),
        (
            "a snapshot older than the limit",
            &|finished| {
                finished
                    .sign_again(|manifest| manifest["thresholds"]["snapshot_age_days"] = 1.into())
            },
            &[12, 20],
        ),
        (
            "a row on another agency's list",
            &|finished| {
                finished.move_row("to-veterans.csv", "to-education.csv");
                finished.sign_again(|_| {});
            },
            &[13, 14],
        ),
        (
            "a person who was not judged on the list of minors",
            &|finished| {
                finished.move_row("../not-judged.csv", "../not-judged.minors.csv");
                finished.sign_again(|_| {});
            },
            &[14],
        ),
        (
            "a minor on a list of adults",
            &|finished| {
                finished.move_row("to-education.minors.csv", "to-education.csv");
                finished.sign_again(|_| {});
            },
            &[14],
        ),
        (
            "a policy that does not withhold suspects",
            &|finished| {
                finished.replace(
                    NATIONAL,
                    "'civil_party','petitioner')",
                    "'civil_party','petitioner','suspect')",
                );
                finished.sign_again(|_| {});
            },
            &[3, 15],
        ),
        (
            "a policy that treats an unknown seal as not sealed",
            &|finished| {
                let from = "when = 'sealed'\nunknown = \"yes\"";
                finished.replace(NATIONAL, from, &from.replace("yes", "no"));
                finished.sign_again(|_| {});
            },
            &[3, 16],
        ),
        (
            "a policy that does not withhold dead adults",
            &|finished| {
                finished.replace(
                    NATIONAL,
                    "when = 'deceased'\n",
                    "when = 'deceased AND minor'\n",
                );
                finished.sign_again(|_| {});
            },
            &[3, 16],
        ),
        (
            "a policy that does not withhold dead adult veterans",
            &|finished| {
                finished.replace(
                    NATIONAL,
                    "when = '''\nstatus = 'died'\n'''",
                    "when = '''\nstatus = 'died' AND kind = 'veteran' AND minor\n'''",
                );
                finished.sign_again(|_| {});
            },
            &[3, 16],
        ),
        (
            "a list that others may read",
            &|finished| set_mode(&finished.path("lists/for-review/to-veterans.csv"), 0o640),
            &[18],
        ),
        (
            "data kept past the day of deletion",
            &|finished| {
                finished.sign_again(|manifest| manifest["retention_until"] = "2026-10-01".into())
            },
            &[19, 20],
        ),
        (
            "a log without its end",
            &|finished| {
                let text = fs::read_to_string(finished.path("audit.jsonl")).unwrap();
                let lines: Vec<&str> = text.lines().collect();
                let cut = lines[..lines.len() - 1].join("\n");
                fs::write(finished.path("audit.jsonl"), cut + "\n").unwrap();
            },
            &[20],
        ),
        (
            "a lead without its rules",
            &|finished| {
                let mut lines = finished.lines("to-veterans.csv");
                lines[1] = lines[1].replace("shaoguan 2: ", "shaoguan 0: ");
                finished.set_lines("to-veterans.csv", &lines);
                finished.sign_again(|_| {});
            },
            &[22],
        ),
        (
            "a run without network confinement",
            &|finished| {
                finished.sign_again(|manifest| {
                    manifest["confinement"]["network"] = "not denied by the system".into();
                })
            },
            &[24],
        ),
        (
            "a deadline that does not follow the calendar",
            &|finished| {
                let mut lines = finished.lines("to-veterans.csv");
                assert!(lines[1].contains("2026-10-13"), "{}", lines[1]);
                lines[1] = lines[1].replace("2026-10-13", "2026-10-14");
                finished.set_lines("to-veterans.csv", &lines);
                finished.sign_again(|_| {});
            },
            &[25],
        ),
        (
            "a deadline without its remark",
            &|finished| {
                finished.change_line(
                    "to-veterans.csv",
                    1,
                    "2026-10-13,以核查确认为准",
                    "2026-10-13,",
                )
            },
            &[25],
        ),
        (
            "a list without its marking",
            &|finished| finished.change_line("to-veterans.csv", 0, "保密：仅供核查", "仅供核查"),
            &[18],
        ),
        (
            "a list with a changed header",
            &|finished| finished.change_line("to-veterans.csv", 0, "办理期限", "期限"),
            &[13, 22, 25],
        ),
        (
            "a list without a column",
            &|finished| {
                finished.change_line("to-veterans.csv", 0, "依据程度,", "");
                finished.change_line("to-veterans.csv", 1, "已有依据,", "");
            },
            // The other rows still have the cell, so they cannot be read.
            &[13, 14, 22, 25],
        ),
        (
            "a row with an extra cell",
            &|finished| finished.change_line("to-veterans.csv", 1, "\r\n", ",\r\n"),
            // The row cannot be read, so its aid is not counted either.
            &[13, 14, 22, 25],
        ),
        (
            "an aid without the citation of the policy",
            &|finished| finished.change_line("to-veterans.csv", 1, "〔韶关意见 三(八)〕,", ","),
            // The deadline depends on the aid.
            &[13, 14, 25],
        ),
        (
            "a lead with its rules removed",
            &|finished| {
                let rules = finished.lines("to-veterans.csv")[1].clone();
                let (_, rules) = rules.split_once("shaoguan 2: ").unwrap();
                let (rules, _) = rules.split_once(',').unwrap();
                assert!(!rules.is_empty());
                finished.change_line("to-veterans.csv", 1, rules, "");
            },
            &[22],
        ),
    ];
    for (what, violate, not_held) in cases {
        let finished = FinishedRound::new();
        violate(&finished);
        let expected: BTreeSet<u64> = not_held.iter().copied().collect();
        assert_eq!(finished.not_held(&[]), expected, "{what}");
    }
}

#[test]
fn the_audit_reports_each_guarantee_and_the_rows_it_was_tested_on() {
    let finished = FinishedRound::new();
    let result = finished.audit(&[]);
    assert_reports(
        &result,
        &[
            "(permitted_roles, procuratorate.case-parties): victim, close_relative, dependant, informant, witness, expert, civil_party, petitioner are processed; defendant, other, suspect, empty and unreadable cells are withheld; 4 cases passed;",
            "(sealed_records, procuratorate.case-parties): 4 cases passed;",
            "(dead_parties, procuratorate.case-parties): 3 cases passed;",
            "(dead_veterans, veterans.persons): 2 cases passed;",
        ],
    );
    finished.replace(
        NATIONAL,
        "'civil_party','petitioner')",
        "'civil_party','petitioner','suspect')",
    );
    finished.sign_again(|_| {});
    let result = finished.audit(&[]);
    assert_reports(
        &result,
        &[
            "guarantee `permitted_roles`: a row with role suspect, aged 17 must be withheld, but its rules let it pass",
            "guarantee `permitted_roles`: the case on line ",
        ],
    );
}

#[test]
fn a_folder_whose_policy_lacks_a_guarantee_fails_the_audit() {
    let finished = FinishedRound::new();
    finished.replace(NATIONAL, "of = \"seal\"", "of = \"death\"");
    finished.sign_again(|_| {});
    let not_held = finished.not_held(&[]);
    assert!(not_held.is_superset(&BTreeSet::from([16])), "{not_held:?}");
}

#[test]
fn a_row_is_reported_with_the_line_number_that_an_editor_shows() {
    for line in [1, 2] {
        let finished = FinishedRound::new();
        finished.change_line("to-veterans.csv", line, "2026-10-13", "2026-10-14");
        let message = format!(
            "lists/for-review/to-veterans.csv:{}: the deadline differs",
            line + 1
        );
        assert_reports(&finished.audit(&[]), &[&message]);
    }
}

/// Two facts about this relative are unknown: whether she lived on the victim's income,
/// and whether she is still on the margin of dibao.
#[test]
fn a_lead_without_rules_passes_only_if_it_is_to_be_clarified() {
    let round = Round::hand_made();
    let append = |file: &str, values: &[(&str, &str)]| {
        let mut text = round.read(file);
        let header = text.lines().next().unwrap().to_owned();
        let cells = header.split(',').map(|column| {
            let value = values.iter().find(|(name, _)| *name == column);
            value.map_or("", |(_, value)| *value)
        });
        text.push_str(&(cells.collect::<Vec<_>>().join(",") + "\n"));
        round.write(file, text);
    };
    let number = ("national_id", "44990119850505930X");
    append(
        "procuratorate.case-parties.csv",
        &[
            number,
            ("case_number", "H900"),
            ("name", "unknown-alone"),
            ("role", "close_relative"),
            ("case_kind", "criminal"),
            ("sealed", "false"),
            ("victim_died", "true"),
            ("offender_status", "dead"),
        ],
    );
    append(
        "civil-affairs.assistance.csv",
        &[
            number,
            ("kind", "dibao_margin"),
            ("started_on", "2025-01-01"),
        ],
    );
    let finished = FinishedRound::of(round);
    let list = "to-judicial-aid.csv";
    let lines = finished.lines(list);
    let line = lines.iter().position(|line| line.contains("unknown-alone"));
    let line = line.unwrap();
    assert!(lines[line].contains("shaoguan 2: ,"), "{}", lines[line]);
    assert_eq!(finished.not_held(&[]), BTreeSet::new());
    // A lead that is established, or has no grade, rests on rules.
    for (from, to) in [(",待核实,", ",已有依据,"), (",已有依据,", ",,")] {
        finished.change_line(list, line, from, to);
        assert_eq!(finished.not_held(&[]), BTreeSet::from([22]));
        let message = format!("{list}:{}: no rule is named", line + 1);
        assert_reports(&finished.audit(&[]), &[&message]);
    }
}

#[test]
fn a_second_run_that_gives_different_bytes_is_reported() {
    let finished = FinishedRound::new();
    let mut lines = finished.lines("to-veterans.csv");
    let last = lines.pop().unwrap();
    lines.insert(1, last);
    finished.set_lines("to-veterans.csv", &lines);
    finished.sign_again(|_| {});
    assert_eq!(finished.not_held(&["--rerun"]), BTreeSet::from([23]));
}

// `aidlink audit verify`

fn assert_reports(result: &CommandResult, messages: &[&str]) {
    for message in messages {
        let output = format!("{}{}", result.stdout, result.stderr);
        assert!(
            output.contains(message),
            "{output}\ndoes not contain: {message}"
        );
    }
}

#[test]
fn a_changed_missing_or_added_file_is_reported() {
    let finished = FinishedRound::new();
    assert_eq!(finished.verify().code, 0);
    let list = finished.path("lists/for-review/to-veterans.csv");
    let bytes = fs::read(&list).unwrap();
    fs::write(&list, [&bytes[..], b" "].concat()).unwrap();
    fs::remove_file(finished.path("rejects/education.csv")).unwrap();
    fs::write(finished.path("lists/for-review/to-nobody.csv"), "x").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", finished.path("minimisation/link")).unwrap();
    let result = finished.verify();
    assert_eq!(result.code, 4);
    assert_reports(
        &result,
        &[
            "to-veterans.csv: the file was changed",
            "rejects/education.csv: the file is missing, and no deletion record names it",
            "to-nobody.csv: the manifest does not list this file",
            "minimisation/link: the manifest does not list this file",
        ],
    );
    fs::remove_file(&list).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &list).unwrap();
    assert_reports(
        &finished.verify(),
        &["to-veterans.csv: the file cannot be read, or is not an ordinary file"],
    );
}

#[test]
fn each_change_of_the_manifest_or_log_has_its_own_message() {
    type Change<'c> = &'c dyn Fn(&FinishedRound);
    let log = |finished: &FinishedRound, change: &dyn Fn(Vec<String>) -> Vec<String>| {
        let text = fs::read_to_string(finished.path("audit.jsonl")).unwrap();
        let lines = change(text.lines().map(str::to_owned).collect());
        fs::write(finished.path("audit.jsonl"), lines.join("\n") + "\n").unwrap();
    };
    let cases: [(Change<'_>, &str); 9] = [
        (
            &|finished| finished.replace(MANIFEST, "joint-screening", "another purpose"),
            "the manifest does not match its signature",
        ),
        (
            &|finished| fs::remove_file(finished.path("manifest.json.minisig")).unwrap(),
            "the signature file is missing",
        ),
        (
            &|finished| fs::write(finished.path("manifest.json.minisig"), "x\n").unwrap(),
            "this is not a minisign signature",
        ),
        (
            &|finished| log(finished, &|lines| lines[..lines.len() - 1].to_vec()),
            "the end of the log is missing",
        ),
        (
            &|finished| {
                log(finished, &|mut lines| {
                    lines.remove(3);
                    lines
                })
            },
            "audit.jsonl (line 4): the hash chain of the log breaks here",
        ),
        (
            &|finished| {
                log(finished, &|mut lines| {
                    lines[4] = lines[4].replace("civil", "rural").replace("case", "cases");
                    lines
                })
            },
            "audit.jsonl (line 5): this line was changed, or is not a log entry",
        ),
        (
            // The complete log of another run of the same round.
            &|finished| {
                let other = finished.round.path("other");
                let other = other.to_str().unwrap();
                assert_eq!(finished.round.run_with(&["--output", other]).code, 0);
                fs::copy(
                    finished.round.path("other/audit.jsonl"),
                    finished.path("audit.jsonl"),
                )
                .unwrap();
                fs::remove_dir_all(other).unwrap();
            },
            "the log does not match the signature",
        ),
        (
            &|finished| fs::remove_file(finished.path("audit.jsonl")).unwrap(),
            "the log is missing",
        ),
        (
            &|finished| {
                log(finished, &|lines| {
                    let again = lines.clone();
                    lines
                        .into_iter()
                        .chain(again.into_iter().skip(40))
                        .collect()
                })
            },
            "the log forks",
        ),
    ];
    for (change, message) in cases {
        let finished = FinishedRound::new();
        change(&finished);
        let result = finished.verify();
        assert_eq!(result.code, 4, "{message}");
        assert_reports(&result, &[message]);
    }
}

/// The last entry appears twice, so two entries follow the same one.
#[test]
fn a_forked_log_is_reported_with_its_lines() {
    let finished = FinishedRound::new();
    let path = finished.path("audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut forked: Vec<&str> = lines.clone();
    forked.push(lines[lines.len() - 1]);
    fs::write(&path, forked.join("\n") + "\n").unwrap();
    let (first, second) = (lines.len(), lines.len() + 1);
    assert_reports(
        &finished.verify(),
        &[&format!(
            "the log forks: lines {first} and {second} both follow the same entry"
        )],
    );
}

#[test]
fn a_signature_counts_only_if_its_key_was_named() {
    let finished = FinishedRound::new();
    let folder = finished.folder.to_str().unwrap();
    let public = fs::read_to_string(finished.round.path("signing.pub")).unwrap();
    let public = public.lines().nth(1).unwrap();
    let unnamed = aidlink(&["audit", "verify", folder, "--lang", "en"]);
    assert_eq!(unnamed.code, 4);
    assert_reports(
        &unnamed,
        &["was not named: no public key was named", public],
    );
    // The key may be given as a line of text or as a file.
    assert_eq!(
        aidlink(&["audit", "verify", folder, "--public-key", public]).code,
        0
    );
    assert_eq!(finished.verify().code, 0);
    let stranger = finished.round.path("stranger.key");
    let made = aidlink(&["signing", "new", stranger.to_str().unwrap()]);
    assert_eq!(made.code, 0);
    let stranger = finished.round.path("stranger.pub");
    let result = aidlink(&[
        "audit",
        "verify",
        folder,
        "--lang",
        "en",
        "--public-key",
        stranger.to_str().unwrap(),
    ]);
    assert_eq!(result.code, 4);
    assert_reports(
        &result,
        &["was not named: it is not one of the keys given with --public-key"],
    );
    let result = aidlink(&[
        "audit",
        "verify",
        folder,
        "--lang",
        "en",
        "--public-key",
        "RWno",
    ]);
    assert_eq!(result.code, 1);
    // The round file may name the keys that count.
    finished.round.replace(
        "round.toml",
        "key = \"signing.key\"",
        &format!("key = \"signing.key\"\nsigners = {{ procuratorate = \"{public}\" }}"),
    );
    let again = finished.round.path("again");
    let again = again.to_str().unwrap();
    assert_eq!(finished.round.run_with(&["--output", again]).code, 0);
    let result = aidlink(&["audit", "verify", again, "--lang", "en"]);
    assert_eq!(result.code, 0, "{}", result.stdout);
    assert_reports(
        &result,
        &["the manifest is signed by procuratorate, as named in the round file:"],
    );
}

#[test]
fn a_changed_round_file_or_another_round_is_reported() {
    let finished = FinishedRound::new();
    finished
        .round
        .replace("round.toml", "synthetic operator", "another operator");
    let result = finished.verify();
    assert_eq!(result.code, 4);
    assert_reports(
        &result,
        &[
            "the round file was changed after the run",
            "configuration/round.toml",
        ],
    );
    finished
        .round
        .replace("round.toml", "round = \"2026Q3\"", "round = \"2026Q4\"");
    assert_reports(
        &finished.verify(),
        &["the output folder belongs to round 2026Q3, but the round file to round 2026Q4"],
    );
}

#[test]
fn unsupported_damaged_and_incomplete_folders_have_their_own_messages() {
    let finished = FinishedRound::new();
    let mut manifest = finished.manifest();
    for (version, message) in [
        (
            json!(4),
            "a newer aidlink wrote it (manifest version 4; this one reads up to 3)",
        ),
        (
            json!(1),
            "an older aidlink wrote it (manifest version 1; this one reads from 2 on)",
        ),
        (json!("x"), "this is not a manifest, or it is damaged"),
    ] {
        manifest["version"] = version;
        fs::write(finished.path(MANIFEST), manifest.to_string()).unwrap();
        let result = finished.verify();
        assert_eq!(result.code, 1);
        assert_reports(&result, &[message]);
    }
    fs::write(finished.path(MANIFEST), "{\"a\": ").unwrap();
    assert_reports(
        &finished.verify(),
        &["manifest.json:1:6: this is not a manifest, or it is damaged"],
    );
    fs::write(finished.path(MANIFEST), "[".repeat(1_000_000)).unwrap();
    assert_reports(
        &finished.verify(),
        &["this is not a manifest, or it is damaged"],
    );
    fs::remove_file(finished.path(MANIFEST)).unwrap();
    assert_reports(
        &finished.verify(),
        &["the folder is incomplete: manifest.json is missing"],
    );
    let partial = finished.round.path(".output.partial-abc");
    fs::create_dir(&partial).unwrap();
    let result = aidlink(&["audit", "verify", partial.to_str().unwrap(), "--lang", "en"]);
    assert_reports(
        &result,
        &["an interrupted run left this folder; it is not a result"],
    );
    let nothing = aidlink(&[
        "audit",
        finished.round.path("truth").to_str().unwrap(),
        "--lang",
        "en",
    ]);
    assert_eq!(nothing.code, 1);
    assert_reports(&nothing, &["there is no output folder here"]);
}

/// A forged manifest must not make a command touch files outside the folder.
#[test]
fn a_manifest_cannot_name_files_outside_the_folder() {
    let finished = FinishedRound::new();
    finished.sign_again(|manifest| {
        let outputs = manifest["outputs"].as_array_mut().unwrap();
        for path in ["../round.key", "/etc/passwd", "lists/../../round.key", ""] {
            outputs.push(json!({"file": path, "blake3": "00", "bytes": 1}));
        }
    });
    let result = finished.verify();
    assert_eq!(result.code, 4);
    let count = result
        .stdout
        .matches("the manifest names a path outside the folder")
        .count();
    assert_eq!(count, 4, "{}", result.stdout);
    finished.sign_again(|manifest| {
        manifest["key"]["file"] = "../../policies/shaoguan.toml".into();
        export(manifest, "veterans.persons")["files"][0]["file"] =
            "../../schemas/veterans.persons.json".into();
    });
    let folder = finished.round.path("");
    let result = aidlink(&[
        "purge",
        folder.to_str().unwrap(),
        "--early",
        "test",
        "--lang",
        "en",
    ]);
    // Both are left, and told.
    assert_eq!(result.code, 3, "{}", result.stderr);
    assert!(
        finished
            .round
            .root()
            .join("policies/shaoguan.toml")
            .exists()
    );
    assert!(
        finished
            .round
            .root()
            .join("schemas/veterans.persons.json")
            .exists()
    );
}

// The minimisation matrix

#[test]
fn the_matrix_shows_how_every_column_was_used() {
    let finished = FinishedRound::of(Round::hand_made());
    let matrix = fs::read(finished.path("minimisation/matrix.json")).unwrap();
    let matrix: Value = serde_json::from_slice(&matrix).unwrap();
    let row = |export: &str, field: &str| {
        let exports = matrix["exports"].as_array().unwrap();
        let part = exports
            .iter()
            .find(|part| part["export"] == export)
            .unwrap();
        let columns = part["columns"].as_array().unwrap().iter();
        let mut of_field = columns.filter(|row| row["field"] == field);
        of_field.next().unwrap().clone()
    };
    let id = row("civil-affairs.assistance", "national_id");
    assert_eq!(id["leaves"], json!(["token"]));
    assert_eq!(id["needed_for"], json!([{"for": "token"}]));
    // Rules use the age, which comes from the ID number.
    let id = row("procuratorate.case-parties", "national_id");
    assert_eq!(id["leaves"], json!(["token", "sex_and_age", "outcomes"]));
    let name = row("procuratorate.case-parties", "name");
    assert_eq!(name["leaves"], json!(["list_field"]));
    assert_eq!(name["needed_for"], json!([{"for": "lists"}]));
    assert_eq!(name["lists"].as_array().unwrap().len(), 26);
    // Only a withhold rule reads it, and it does not leave the agency.
    let sealed = row("procuratorate.case-parties", "sealed");
    assert_eq!(
        sealed["needed_for"],
        json!([{"for": "rules", "rules": ["withhold_sealed"]}])
    );
    assert_eq!(
        (&sealed["leaves"], &sealed["seen_by"]),
        (&json!([]), &json!([]))
    );
    // An earlier referral affects leads but is not shown on a list.
    let state = row("procuratorate.referrals", "state");
    assert!(!state["decides"].as_array().unwrap().is_empty());
    assert_eq!(state["lists"], json!([]));
    let exports = matrix["exports"].as_array().unwrap().iter();
    let rows = exports.flat_map(|part| part["columns"].as_array().unwrap());
    for row in rows {
        let needed = !row["needed_for"].as_array().unwrap().is_empty();
        assert!(needed || row["read"] == false, "{row}");
        assert!(row["leaves"] == json!([]) || row["read"] == true, "{row}");
    }
    for page in ["zh.html", "en.html", "zh.csv", "en.csv"] {
        let text =
            fs::read_to_string(finished.path(&format!("minimisation/matrix.{page}"))).unwrap();
        assert!(text.contains("withhold_sealed"), "{page}");
    }
}

#[test]
fn the_matrix_before_a_run_shows_the_columns_that_would_be_read() {
    let round = Round::sample();
    let round_file = round.path("round.toml");
    let output = round.path("matrix");
    let arguments = [
        "audit",
        "matrix",
        round_file.to_str().unwrap(),
        "--lang",
        "en",
    ];
    let result = aidlink(&arguments);
    assert_eq!(result.code, 0, "{}", result.stderr);
    assert_reports(&result, &["would read", "present but not read"]);
    let with_output = [&arguments[..], &["--output", output.to_str().unwrap()]].concat();
    assert_eq!(aidlink(&with_output).code, 0);
    let before: Value =
        serde_json::from_slice(&fs::read(output.join("matrix.json")).unwrap()).unwrap();
    assert_eq!(round.run().code, 0);
    let after = fs::read(round.path("output/minimisation/matrix.json")).unwrap();
    let after: Value = serde_json::from_slice(&after).unwrap();
    // The matrix before the run lists the same columns without reading a row.
    assert_eq!(before["exports"], after["exports"]);
}

#[test]
fn a_column_that_nothing_needs_is_refused_before_the_run() {
    let round = Round::sample();
    round.replace(
        "round.toml",
        "path = \"education.students.csv\"",
        "path = \"education.students.csv\"\nheaders = { \"学校\" = \"school\" }",
    );
    let schema = round.root().join("schemas/education.students.json");
    let text = fs::read_to_string(&schema).unwrap();
    assert!(
        text.contains("\"school\""),
        "the schema must have the field"
    );
    let result = round.run();
    assert_eq!(result.code, 2);
    assert_reports(&result, &["no rule needs `school`; it must not be read"]);
    let mut json: Value = serde_json::from_str(&text).unwrap();
    let fields = json["fields"].as_array_mut().unwrap();
    let school = fields
        .iter_mut()
        .find(|field| field["name"] == "school")
        .unwrap();
    school["aidlink"]["role"] = "list".into();
    fs::write(&schema, json.to_string()).unwrap();
    let result = round.run();
    assert_eq!(result.code, 2);
    assert_reports(
        &result,
        &[
            "the field `school` is not in an export of the procuratorate and cannot be shown on match lists",
        ],
    );
    assert!(!round.path("output").exists());
}

// The minisign command

/// The minisign command verifies our signatures, detects a change, and makes keys that
/// aidlink can sign with.
#[test]
fn minisign_verifies_the_manifest() {
    let minisign = |finished: &FinishedRound| {
        std::process::Command::new("minisign")
            .args(["-V", "-m"])
            .arg(finished.path(MANIFEST))
            .arg("-p")
            .arg(finished.round.path("signing.pub"))
            .output()
    };
    let finished = FinishedRound::new();
    let Ok(output) = minisign(&finished) else {
        eprintln!("skipped: the minisign command is not installed");
        return;
    };
    let output_text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{output_text}");
    assert!(
        output_text
            .contains("Trusted comment: aidlink manifest; round 2026Q3; step run; last log entry ")
    );
    finished.replace(MANIFEST, "2026Q3", "2026Q4");
    assert!(!minisign(&finished).unwrap().status.success());
    // A key made by minisign signs a run.
    let key = finished.round.path("by-minisign.key");
    let public = finished.round.path("by-minisign.pub");
    let made = std::process::Command::new("minisign")
        .args(["-G", "-W", "-s"])
        .arg(&key)
        .arg("-p")
        .arg(&public)
        .output()
        .unwrap();
    assert!(made.status.success());
    set_mode(&key, 0o600);
    finished.round.replace(
        "round.toml",
        "key = \"signing.key\"",
        "key = \"by-minisign.key\"",
    );
    let again = finished.round.path("again");
    let again = again.to_str().unwrap();
    assert_eq!(finished.round.run_with(&["--output", again]).code, 0);
    let result = aidlink(&[
        "audit",
        "verify",
        again,
        "--public-key",
        public.to_str().unwrap(),
    ]);
    assert_eq!(result.code, 0, "{}", result.stdout);
}
