//! The compliance officer's checks, each broken once and seen reported; what is
//! told of a folder that was changed; the minimisation matrix.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use aidlink_office::audit_log::{AuditLog, Event, read_log};
use aidlink_office::manifest::{MANIFEST, StepKind};
use aidlink_office::signing::SigningKey;
use aidlink_office::step::trusted_comment;
use serde_json::{Value, json};

use crate::support::{Ended, Round, aidlink, set_mode};

/// A round that was run, and its output folder to change.
pub struct Written {
    pub round: Round,
    folder: PathBuf,
}

impl Written {
    pub fn new() -> Self {
        Written::of(Round::sample())
    }

    pub fn of(round: Round) -> Self {
        let ended = round.run();
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let folder = round.path("output");
        Written { round, folder }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    fn manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path(MANIFEST)).unwrap()).unwrap()
    }

    pub fn audit(&self, more: &[&str]) -> Ended {
        let folder = self.round.path("");
        let key = self.round.path("signing.pub");
        let mut arguments = vec!["audit", folder.to_str().unwrap(), "--lang", "en"];
        arguments.extend(["--public-key", key.to_str().unwrap()]);
        arguments.extend(more);
        aidlink(&arguments)
    }

    pub fn verify(&self) -> Ended {
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

    /// Numbers of the checks that do not hold.
    fn not_held(&self, more: &[&str]) -> BTreeSet<u64> {
        let mut arguments = vec!["--json"];
        arguments.extend(more);
        let ended = self.audit(&arguments);
        let documents: Value = serde_json::from_str(&ended.stdout).unwrap();
        let checks = documents[0]["checks"].as_array().unwrap();
        assert_eq!(checks.len(), 25);
        let not_held = checks.iter().filter(|check| check["state"] == "not_held");
        let numbers: BTreeSet<u64> = not_held
            .map(|check| check["number"].as_u64().unwrap())
            .collect();
        let sound = documents[0]["faults"].as_array().unwrap().is_empty();
        assert_eq!(ended.code, if numbers.is_empty() && sound { 0 } else { 4 });
        numbers
    }

    /// Changes the folder as somebody could who has the signing key: the
    /// manifest names what is there, the log ends with the manifest, and all of
    /// it is signed again. `events` may drop or change entries of the log.
    fn sign_again(&self, change: impl Fn(&mut Value), events: impl Fn(&mut Event) -> bool) {
        let key = SigningKey::read(&self.round.path("signing.key")).unwrap();
        self.sign_by(&key, change, events);
    }

    /// The same with another key.
    pub fn sign_again_with(&self, key: &SigningKey, change: impl Fn(&mut Value)) {
        self.sign_by(key, change, |_| true);
    }

    fn sign_by(
        &self,
        key: &SigningKey,
        change: impl Fn(&mut Value),
        events: impl Fn(&mut Event) -> bool,
    ) {
        let mut manifest = self.manifest();
        let mut outputs = Vec::new();
        for (path, bytes) in self.round.output("output") {
            if !path.starts_with(MANIFEST) && path != "audit.jsonl" {
                outputs.push(json!({
                    "file": path,
                    "blake3": blake3::hash(&bytes).to_hex().to_string(),
                    "bytes": bytes.len(),
                }));
            }
        }
        manifest["outputs"] = outputs.into();
        let policy = fs::read(self.path("configuration/policy.toml")).unwrap();
        manifest["policy"]["blake3"] = blake3::hash(&policy).to_hex().to_string().into();
        change(&mut manifest);
        let bytes = format!("{manifest:#}\n");
        fs::write(self.path(MANIFEST), &bytes).unwrap();
        let mut log = AuditLog::new(jiff::Timestamp::now);
        let read = read_log(&fs::read_to_string(self.path("audit.jsonl")).unwrap());
        for (_, event) in read.events() {
            let mut event = event.clone();
            if let Event::RoundComplete(complete) = &mut event {
                complete.manifest_blake3 = blake3::hash(bytes.as_bytes()).to_hex().to_string();
            }
            if events(&mut event) {
                log.record(&event);
            }
        }
        fs::write(self.path("audit.jsonl"), log.to_jsonl()).unwrap();
        let round = manifest["round"].as_str().unwrap();
        let comment = trusted_comment(round, StepKind::Run, log.last_digest());
        let signature = key.sign(bytes.as_bytes(), &comment, Path::new("")).unwrap();
        fs::write(self.path("manifest.json.minisig"), signature).unwrap();
    }

    fn resign(&self, change: impl Fn(&mut Value)) {
        self.sign_again(change, |_| true);
    }

    fn replace(&self, file: &str, from: &str, to: &str) {
        let path = format!("output/{file}");
        self.round.replace(&path, from, to);
    }

    /// Puts a text into the summary, which stays one.
    fn put_into_summary(&self, text: &str) {
        let reason = format!("\"provisional\": [{{\"zh\": \"{text}\", \"en\": \"x\"}}]");
        self.replace("summary.json", "\"provisional\": []", &reason);
    }

    /// The lines of a list, header first.
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

    /// Replaces a text of one line of a list, and signs the folder anew.
    fn change_line(&self, list: &str, line: usize, from: &str, to: &str) {
        let mut lines = self.lines(list);
        assert!(lines[line].contains(from), "{}", lines[line]);
        lines[line] = lines[line].replace(from, to);
        self.set_lines(list, &lines);
        self.resign(|_| {});
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

#[test]
fn a_sound_round_holds_every_check_that_applies() {
    let written = Written::new();
    let ended = written.audit(&["--rerun"]);
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    assert!(
        ended
            .stdout
            .contains("23 held, 0 not held, 2 not applicable"),
        "{}",
        ended.stdout
    );
    assert!(
        ended
            .stdout
            .contains("nothing was changed, removed or added")
    );
    for later in ["publishes no statistics", "does not record approvals"] {
        assert!(ended.stdout.contains(later), "{}", ended.stdout);
    }
    // Without the key and the exports nothing is claimed that cannot be seen.
    fs::remove_file(written.round.path("round.key")).unwrap();
    let ended = written.audit(&["--rerun"]);
    assert!(
        ended.stdout.contains("the key file is not here"),
        "{}",
        ended.stdout
    );
    assert!(
        ended
            .stdout
            .contains("21 held, 0 not held, 4 not applicable"),
        "{}",
        ended.stdout
    );
}

/// Each check is broken by somebody who signs the folder anew, so that nothing
/// but the check itself can notice.
#[test]
fn every_check_that_is_broken_is_reported() {
    let civil = "civil-affairs.assistance";
    type Break<'b> = &'b dyn Fn(&Written);
    let cases: [(&str, Break<'_>, &[u64]); 34] = [
        ("nothing", &|written| written.resign(|_| {}), &[]),
        (
            "an assessment that had expired",
            &|written| {
                written.resign(|manifest| {
                    manifest["impact_assessment"]["valid_until"] = "2026-09-01".into();
                })
            },
            &[1],
        ),
        (
            "a source without a legal basis",
            &|written| {
                written.resign(|manifest| export(manifest, civil)["legal_basis"] = "".into())
            },
            // The matrix in the folder has another one now.
            &[2, 3],
        ),
        (
            "a column that was read without need",
            &|written| {
                written.resign(|manifest| {
                    let fields =
                        export(manifest, "education.students")["fields_read"].as_array_mut();
                    fields.unwrap().push("school".into());
                })
            },
            &[3],
        ),
        (
            "a column that is not told of",
            &|written| {
                written.resign(|manifest| {
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
            &|written| {
                written.put_into_summary("44990119900101011X");
                written.resign(|_| {});
            },
            &[5],
        ),
        (
            "a telephone number among the rejects",
            &|written| {
                let path = written.path("rejects/veterans.csv");
                let mut text = fs::read_to_string(&path).unwrap();
                text.push_str("veterans.persons,13800000000,1,2,,id_empty,x,x\r\n");
                fs::write(path, text).unwrap();
                written.resign(|_| {});
            },
            // One row more than the manifest counts.
            &[5, 11],
        ),
        (
            "a key that others may read",
            &|written| set_mode(&written.round.path("round.key"), 0o644),
            &[6],
        ),
        (
            "a key in an output",
            &|written| {
                let key = "0123456789abcdef".repeat(4);
                written.put_into_summary(&key);
                written.resign(|_| {});
            },
            &[6],
        ),
        (
            "no known-answer test",
            &|written| {
                written.sign_again(
                    |_| {},
                    |event| !matches!(event, Event::KnownAnswerTest { .. }),
                )
            },
            &[7],
        ),
        (
            "another key in the log",
            &|written| {
                written.sign_again(
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
            &|written| {
                written.resign(|manifest| export(manifest, civil)["files"][0]["blake3"] = "".into())
            },
            &[9],
        ),
        (
            "an input that is another now",
            &|written| {
                let path = written.round.path("veterans.persons.csv");
                let mut bytes = fs::read(&path).unwrap();
                bytes.extend_from_slice(b"\n");
                fs::write(path, bytes).unwrap();
            },
            &[9],
        ),
        (
            "rows that do not add up",
            &|written| {
                written.resign(|manifest| {
                    let rows = &mut export(manifest, civil)["account"]["rows"];
                    *rows = (rows.as_u64().unwrap() + 1).into();
                })
            },
            &[10],
        ),
        (
            "rejects that are not those counted",
            &|written| {
                written.resign(|manifest| {
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
            "a snapshot beyond the limit",
            &|written| {
                written.resign(|manifest| manifest["thresholds"]["snapshot_age_days"] = 1.into())
            },
            &[12],
        ),
        (
            "a row on another agency's list",
            &|written| {
                written.move_row("to-veterans.csv", "to-education.csv");
                written.resign(|_| {});
            },
            &[13, 14],
        ),
        (
            "a minor on a list of adults",
            &|written| {
                written.move_row("to-education.minors.csv", "to-education.csv");
                written.resign(|_| {});
            },
            &[14],
        ),
        (
            "a policy that looks at suspects",
            &|written| {
                written.replace(
                    "configuration/policy.toml",
                    "'civil_party','petitioner')",
                    "'civil_party','petitioner','suspect')",
                );
                written.resign(|_| {});
            },
            &[3, 15],
        ),
        (
            "a policy that takes silence for not sealed",
            &|written| {
                let from = "when = 'sealed'\nunknown = \"yes\"";
                written.replace(
                    "configuration/policy.toml",
                    from,
                    &from.replace("yes", "no"),
                );
                written.resign(|_| {});
            },
            &[3, 16],
        ),
        (
            "a policy that looks at dead adults",
            &|written| {
                written.replace(
                    "configuration/policy.toml",
                    "when = 'deceased'\n",
                    "when = 'deceased AND minor'\n",
                );
                written.resign(|_| {});
            },
            &[3, 16],
        ),
        (
            "a policy that looks at dead veterans",
            &|written| {
                written.replace(
                    "configuration/policy.toml",
                    "when = '''\nstatus = 'died'\n'''",
                    "when = '''\nstatus = 'died' AND kind = 'veteran' AND minor\n'''",
                );
                written.resign(|_| {});
            },
            &[3, 16],
        ),
        (
            "a list that others may read",
            &|written| set_mode(&written.path("lists/for-review/to-veterans.csv"), 0o640),
            &[18],
        ),
        (
            "data that should be gone",
            &|written| written.resign(|manifest| manifest["retention_until"] = "2026-10-01".into()),
            &[19],
        ),
        (
            "a log without its end",
            &|written| {
                let text = fs::read_to_string(written.path("audit.jsonl")).unwrap();
                let lines: Vec<&str> = text.lines().collect();
                let cut = lines[..lines.len() - 1].join("\n");
                fs::write(written.path("audit.jsonl"), cut + "\n").unwrap();
            },
            &[20],
        ),
        (
            "a lead without its rules",
            &|written| {
                let mut lines = written.lines("to-veterans.csv");
                lines[1] = lines[1].replace("shaoguan 1: ", "shaoguan 0: ");
                written.set_lines("to-veterans.csv", &lines);
                written.resign(|_| {});
            },
            &[22],
        ),
        (
            "a network that was not denied",
            &|written| {
                written.resign(|manifest| {
                    manifest["confinement"]["network"] = "not denied by the system".into();
                })
            },
            &[24],
        ),
        (
            "a deadline that is not the calendar's",
            &|written| {
                let mut lines = written.lines("to-veterans.csv");
                assert!(lines[1].contains("2026-10-13"), "{}", lines[1]);
                lines[1] = lines[1].replace("2026-10-13", "2026-10-14");
                written.set_lines("to-veterans.csv", &lines);
                written.resign(|_| {});
            },
            &[25],
        ),
        (
            "a deadline that lost its remark",
            &|written| {
                written.change_line(
                    "to-veterans.csv",
                    1,
                    "2026-10-13（以核查确认为准）",
                    "2026-10-13",
                )
            },
            &[25],
        ),
        (
            "a list that lost its marking",
            &|written| written.change_line("to-veterans.csv", 0, "保密：仅供核查", "仅供核查"),
            &[18],
        ),
        (
            "a list that lost a header",
            &|written| written.change_line("to-veterans.csv", 0, "办理期限", "期限"),
            &[13, 22, 25],
        ),
        (
            "a row with a cell too many",
            &|written| written.change_line("to-veterans.csv", 1, "\r\n", ",\r\n"),
            // Nor can its aid be counted.
            &[13, 14, 22, 25],
        ),
        (
            "an aid that is not as the policy cites it",
            &|written| written.change_line("to-veterans.csv", 1, "〔韶关意见 三(八)〕,", ","),
            // Without its aid no deadline can be worked out.
            &[13, 14, 25],
        ),
        (
            "a lead whose rules were taken away",
            &|written| {
                let rules = written.lines("to-veterans.csv")[1].clone();
                let (_, rules) = rules.split_once("shaoguan 1: ").unwrap();
                let (rules, _) = rules.split_once(',').unwrap();
                assert!(!rules.is_empty());
                written.change_line("to-veterans.csv", 1, rules, "");
            },
            &[22],
        ),
    ];
    for (what, break_it, not_held) in cases {
        let written = Written::new();
        break_it(&written);
        let expected: BTreeSet<u64> = not_held.iter().copied().collect();
        assert_eq!(written.not_held(&[]), expected, "{what}");
    }
}

#[test]
fn the_audit_says_which_guarantee_holds_and_on_what_rows_it_was_tried() {
    let written = Written::new();
    let said = written.audit(&[]);
    told(
        &said,
        &[
            "(permitted_roles, procuratorate.case-parties): victim, close_relative, dependant, informant, witness, expert, civil_party, petitioner are processed; defendant, other, suspect and empty cells are withheld; 4 cases passed;",
            "(sealed_records, procuratorate.case-parties): 4 cases passed;",
            "(dead_parties, procuratorate.case-parties): 3 cases passed;",
            "(dead_veterans, veterans.persons): 2 cases passed;",
        ],
    );
    written.replace(
        "configuration/policy.toml",
        "'civil_party','petitioner')",
        "'civil_party','petitioner','suspect')",
    );
    written.resign(|_| {});
    let said = written.audit(&[]);
    told(
        &said,
        &[
            "guarantee `permitted_roles`: a row with role suspect, aged 17 must be withheld, but its rules let it pass",
            "guarantee `permitted_roles`: the case on line ",
        ],
    );
}

#[test]
fn a_folder_whose_policy_guarantees_nothing_is_not_held_to_be_sound() {
    let written = Written::new();
    written.replace(
        "configuration/policy.toml",
        "of = \"seal\"",
        "of = \"death\"",
    );
    written.resign(|_| {});
    let not_held = written.not_held(&[]);
    assert!(not_held.is_superset(&BTreeSet::from([16])), "{not_held:?}");
}

#[test]
fn a_row_is_named_by_the_line_that_an_editor_shows() {
    for line in [1, 2] {
        let written = Written::new();
        written.change_line("to-veterans.csv", line, "2026-10-13", "2026-10-14");
        let said = format!(
            "lists/for-review/to-veterans.csv:{}: the deadline differs",
            line + 1
        );
        told(&written.audit(&[]), &[&said]);
    }
}

/// Nothing is known for certain of this relative: whether she lived on the income
/// of the victim, and whether she is still on the margin of dibao.
#[test]
fn a_lead_that_rests_on_unknown_rules_alone_has_its_rules_and_what_to_check() {
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
    let written = Written::of(round);
    let list = "to-judicial-aid.csv";
    let lines = written.lines(list);
    let line = lines.iter().position(|line| line.contains("unknown-alone"));
    let line = line.unwrap();
    assert!(lines[line].contains("shaoguan 1: ,"), "{}", lines[line]);
    assert_eq!(written.not_held(&[]), BTreeSet::new());
    // Without the mark nothing says on what such a lead rests.
    let mark = "【是否符合条件取决于尚不明确的条件】";
    written.change_line(list, line, mark, "");
    assert_eq!(written.not_held(&[]), BTreeSet::from([22]));
    let said = format!("{list}:{}: no rule is named", line + 1);
    told(&written.audit(&[]), &[&said]);
}

#[test]
fn a_second_run_that_gives_other_bytes_is_reported() {
    let written = Written::new();
    let mut lines = written.lines("to-veterans.csv");
    let last = lines.pop().unwrap();
    lines.insert(1, last);
    written.set_lines("to-veterans.csv", &lines);
    written.resign(|_| {});
    assert_eq!(written.not_held(&["--rerun"]), BTreeSet::from([23]));
}

fn told(ended: &Ended, parts: &[&str]) {
    for part in parts {
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains(part), "{said}\ndoes not say: {part}");
    }
}

#[test]
fn a_changed_missing_or_added_file_is_found() {
    let written = Written::new();
    assert_eq!(written.verify().code, 0);
    let list = written.path("lists/for-review/to-veterans.csv");
    let bytes = fs::read(&list).unwrap();
    fs::write(&list, [&bytes[..], b" "].concat()).unwrap();
    fs::remove_file(written.path("rejects/education.csv")).unwrap();
    fs::write(written.path("lists/for-review/to-nobody.csv"), "x").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", written.path("minimisation/link")).unwrap();
    let ended = written.verify();
    assert_eq!(ended.code, 4);
    told(
        &ended,
        &[
            "to-veterans.csv: the file was changed",
            "rejects/education.csv: the file is missing, and no deletion record names it",
            "to-nobody.csv: the manifest does not list this file",
            "minimisation/link: the manifest does not list this file",
        ],
    );
    fs::remove_file(&list).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &list).unwrap();
    told(
        &written.verify(),
        &["to-veterans.csv: the file cannot be read, or is not an ordinary file"],
    );
}

#[test]
fn a_changed_manifest_or_log_is_found_and_each_told_apart() {
    type Change<'c> = &'c dyn Fn(&Written);
    let log = |written: &Written, change: &dyn Fn(Vec<String>) -> Vec<String>| {
        let text = fs::read_to_string(written.path("audit.jsonl")).unwrap();
        let lines = change(text.lines().map(str::to_owned).collect());
        fs::write(written.path("audit.jsonl"), lines.join("\n") + "\n").unwrap();
    };
    let cases: [(Change<'_>, &str); 9] = [
        (
            &|written| written.replace(MANIFEST, "joint-screening", "another purpose"),
            "the manifest does not match its signature",
        ),
        (
            &|written| fs::remove_file(written.path("manifest.json.minisig")).unwrap(),
            "the signature file is missing",
        ),
        (
            &|written| fs::write(written.path("manifest.json.minisig"), "x\n").unwrap(),
            "this is not a minisign signature",
        ),
        (
            &|written| log(written, &|lines| lines[..lines.len() - 1].to_vec()),
            "the end of the log is missing",
        ),
        (
            &|written| {
                log(written, &|mut lines| {
                    lines.remove(3);
                    lines
                })
            },
            "audit.jsonl (line 4): the hash chain of the log breaks here",
        ),
        (
            &|written| {
                log(written, &|mut lines| {
                    lines[4] = lines[4].replace("civil", "rural").replace("case", "cases");
                    lines
                })
            },
            "audit.jsonl (line 5): this line was changed, or is not a log entry",
        ),
        (
            // A log of another run of the same round, whole and well chained.
            &|written| {
                let other = written.round.path("other");
                let other = other.to_str().unwrap();
                assert_eq!(written.round.run_with(&["--output", other]).code, 0);
                fs::copy(
                    written.round.path("other/audit.jsonl"),
                    written.path("audit.jsonl"),
                )
                .unwrap();
                fs::remove_dir_all(other).unwrap();
            },
            "the log does not match the signature",
        ),
        (
            &|written| fs::remove_file(written.path("audit.jsonl")).unwrap(),
            "the log is missing",
        ),
        (
            &|written| {
                log(written, &|lines| {
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
    for (change, said) in cases {
        let written = Written::new();
        change(&written);
        let ended = written.verify();
        assert_eq!(ended.code, 4, "{said}");
        told(&ended, &[said]);
    }
}

/// The log of one run continued by the entries of another.
#[test]
fn a_log_with_two_heads_is_explained() {
    let written = Written::new();
    let path = written.path("audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut two: Vec<&str> = lines.clone();
    two.push(lines[lines.len() - 1]);
    fs::write(&path, two.join("\n") + "\n").unwrap();
    let (first, second) = (lines.len(), lines.len() + 1);
    told(
        &written.verify(),
        &[&format!(
            "the log forks: lines {first} and {second} both follow the same entry"
        )],
    );
}

#[test]
fn whose_signature_it_is_is_told() {
    let written = Written::new();
    let folder = written.folder.to_str().unwrap();
    let public = fs::read_to_string(written.round.path("signing.pub")).unwrap();
    let public = public.lines().nth(1).unwrap();
    let unnamed = aidlink(&["audit", "verify", folder, "--lang", "en"]);
    assert_eq!(unnamed.code, 4);
    told(
        &unnamed,
        &["was not named: no public key was named", public],
    );
    // The line itself, and a file.
    assert_eq!(
        aidlink(&["audit", "verify", folder, "--public-key", public]).code,
        0
    );
    assert_eq!(written.verify().code, 0);
    let stranger = written.round.path("stranger.key");
    let made = aidlink(&["signing", "new", stranger.to_str().unwrap()]);
    assert_eq!(made.code, 0);
    let stranger = written.round.path("stranger.pub");
    let ended = aidlink(&[
        "audit",
        "verify",
        folder,
        "--lang",
        "en",
        "--public-key",
        stranger.to_str().unwrap(),
    ]);
    assert_eq!(ended.code, 4);
    told(
        &ended,
        &["was not named: it is not one of the keys given with --public-key"],
    );
    let ended = aidlink(&[
        "audit",
        "verify",
        folder,
        "--lang",
        "en",
        "--public-key",
        "RWno",
    ]);
    assert_eq!(ended.code, 1);
    // The round file may name whose signatures count.
    written.round.replace(
        "round.toml",
        "key = \"signing.key\"",
        &format!("key = \"signing.key\"\nsigners = {{ procuratorate = \"{public}\" }}"),
    );
    let again = written.round.path("again");
    let again = again.to_str().unwrap();
    assert_eq!(written.round.run_with(&["--output", again]).code, 0);
    let ended = aidlink(&["audit", "verify", again, "--lang", "en"]);
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    told(
        &ended,
        &["the manifest is signed by procuratorate, as named in the round file:"],
    );
}

#[test]
fn a_folder_of_another_round_or_another_round_file_is_told() {
    let written = Written::new();
    written
        .round
        .replace("round.toml", "synthetic operator", "another operator");
    let ended = written.verify();
    assert_eq!(ended.code, 4);
    told(
        &ended,
        &[
            "the round file was changed after the run",
            "configuration/round.toml",
        ],
    );
    written
        .round
        .replace("round.toml", "round = \"2026Q3\"", "round = \"2026Q4\"");
    told(
        &written.verify(),
        &["the output folder belongs to round 2026Q3, but the round file to round 2026Q4"],
    );
}

#[test]
fn what_is_no_whole_folder_of_this_version_is_told_apart() {
    let written = Written::new();
    let mut manifest = written.manifest();
    for (version, said) in [
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
        fs::write(written.path(MANIFEST), manifest.to_string()).unwrap();
        let ended = written.verify();
        assert_eq!(ended.code, 1);
        told(&ended, &[said]);
    }
    fs::write(written.path(MANIFEST), "{\"a\": ").unwrap();
    told(
        &written.verify(),
        &["manifest.json:1:6: this is not a manifest, or it is damaged"],
    );
    fs::write(written.path(MANIFEST), "[".repeat(1_000_000)).unwrap();
    told(
        &written.verify(),
        &["this is not a manifest, or it is damaged"],
    );
    fs::remove_file(written.path(MANIFEST)).unwrap();
    told(
        &written.verify(),
        &["the folder is incomplete: manifest.json is missing"],
    );
    let partial = written.round.path(".output.partial-abc");
    fs::create_dir(&partial).unwrap();
    let ended = aidlink(&["audit", "verify", partial.to_str().unwrap(), "--lang", "en"]);
    told(
        &ended,
        &["an interrupted run left this folder; it is not a result"],
    );
    let nothing = aidlink(&[
        "audit",
        written.round.path("truth").to_str().unwrap(),
        "--lang",
        "en",
    ]);
    assert_eq!(nothing.code, 1);
    told(&nothing, &["there is no output folder here"]);
}

/// A manifest that somebody else wrote must lead nowhere outside of its folder.
#[test]
fn a_manifest_cannot_name_files_outside_of_the_folder() {
    let written = Written::new();
    written.resign(|manifest| {
        let outputs = manifest["outputs"].as_array_mut().unwrap();
        for path in ["../round.key", "/etc/passwd", "lists/../../round.key", ""] {
            outputs.push(json!({"file": path, "blake3": "00", "bytes": 1}));
        }
    });
    let ended = written.verify();
    assert_eq!(ended.code, 4);
    let count = ended
        .stdout
        .matches("the manifest names a path outside the folder")
        .count();
    assert_eq!(count, 4, "{}", ended.stdout);
    written.resign(|manifest| {
        manifest["key"]["file"] = "../../policies/shaoguan.toml".into();
        export(manifest, "veterans.persons")["files"][0]["file"] =
            "../../schemas/veterans.persons.json".into();
    });
    let folder = written.round.path("");
    let ended = aidlink(&[
        "purge",
        folder.to_str().unwrap(),
        "--early",
        "test",
        "--lang",
        "en",
    ]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(written.round.root().join("policies/shaoguan.toml").exists());
    assert!(
        written
            .round
            .root()
            .join("schemas/veterans.persons.json")
            .exists()
    );
}

#[test]
fn the_matrix_says_of_every_column_what_became_of_it() {
    let written = Written::of(Round::hand_made());
    let matrix = fs::read(written.path("minimisation/matrix.json")).unwrap();
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
    let id = row("veterans.persons", "national_id");
    assert_eq!(id["leaves"], json!(["token"]));
    assert_eq!(id["needed_for"], json!([{"for": "token"}]));
    // Rules ask for the age, which stands in the number.
    let id = row("procuratorate.case-parties", "national_id");
    assert_eq!(id["leaves"], json!(["token", "outcomes"]));
    let name = row("procuratorate.case-parties", "name");
    assert_eq!(name["leaves"], json!(["list_field"]));
    assert_eq!(name["needed_for"], json!([{"for": "lists"}]));
    assert_eq!(name["lists"].as_array().unwrap().len(), 10);
    // A withhold rule reads it, and nothing of it leaves.
    let sealed = row("procuratorate.case-parties", "sealed");
    assert_eq!(
        sealed["needed_for"],
        json!([{"for": "rules", "rules": ["withhold_sealed"]}])
    );
    assert_eq!(
        (&sealed["leaves"], &sealed["seen_by"]),
        (&json!([]), &json!([]))
    );
    // An earlier referral decides and is shown nowhere.
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
            fs::read_to_string(written.path(&format!("minimisation/matrix.{page}"))).unwrap();
        assert!(text.contains("withhold_sealed"), "{page}");
    }
}

#[test]
fn before_a_run_the_matrix_tells_what_would_be_read() {
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
    let said = aidlink(&arguments);
    assert_eq!(said.code, 0, "{}", said.stderr);
    told(&said, &["would read", "present but not read"]);
    let with_output = [&arguments[..], &["--output", output.to_str().unwrap()]].concat();
    assert_eq!(aidlink(&with_output).code, 0);
    let before: Value =
        serde_json::from_slice(&fs::read(output.join("matrix.json")).unwrap()).unwrap();
    assert_eq!(round.run().code, 0);
    let after = fs::read(round.path("output/minimisation/matrix.json")).unwrap();
    let after: Value = serde_json::from_slice(&after).unwrap();
    // The same columns, worked out without reading a row.
    assert_eq!(before["exports"], after["exports"]);
}

#[test]
fn what_nothing_needs_is_an_error_before_the_run() {
    let round = Round::sample();
    round.replace(
        "round.toml",
        "path = \"education.students.csv\"",
        "path = \"education.students.csv\"\nheaders = { \"学校\" = \"school\" }",
    );
    let schema = round.root().join("schemas/education.students.json");
    let text = fs::read_to_string(&schema).unwrap();
    assert!(text.contains("\"school\""), "the schema has the field");
    let ended = round.run();
    assert_eq!(ended.code, 2);
    told(&ended, &["no rule needs `school`; it must not be read"]);
    let mut json: Value = serde_json::from_str(&text).unwrap();
    let fields = json["fields"].as_array_mut().unwrap();
    let school = fields
        .iter_mut()
        .find(|field| field["name"] == "school")
        .unwrap();
    school["aidlink"]["role"] = "list".into();
    fs::write(&schema, json.to_string()).unwrap();
    let ended = round.run();
    assert_eq!(ended.code, 2);
    told(
        &ended,
        &[
            "the field `school` is not in an export of the procuratorate and cannot be shown on match lists",
        ],
    );
    assert!(!round.path("output").exists());
}

/// The ordinary command verifies what was signed here, and notices a change.
#[test]
fn minisign_verifies_the_manifest() {
    let minisign = |written: &Written| {
        std::process::Command::new("minisign")
            .args(["-V", "-m"])
            .arg(written.path(MANIFEST))
            .arg("-p")
            .arg(written.round.path("signing.pub"))
            .output()
    };
    let written = Written::new();
    let Ok(output) = minisign(&written) else {
        eprintln!("the minisign command is not installed: not compared");
        return;
    };
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("Trusted comment: aidlink manifest; round 2026Q3; step run; last log entry ")
    );
    written.replace(MANIFEST, "2026Q3", "2026Q4");
    assert!(!minisign(&written).unwrap().status.success());
    // And a key that it made signs here.
    let key = written.round.path("by-minisign.key");
    let public = written.round.path("by-minisign.pub");
    let made = std::process::Command::new("minisign")
        .args(["-G", "-W", "-s"])
        .arg(&key)
        .arg("-p")
        .arg(&public)
        .output()
        .unwrap();
    assert!(made.status.success());
    set_mode(&key, 0o600);
    written.round.replace(
        "round.toml",
        "key = \"signing.key\"",
        "key = \"by-minisign.key\"",
    );
    let again = written.round.path("again");
    let again = again.to_str().unwrap();
    assert_eq!(written.round.run_with(&["--output", again]).code, 0);
    let ended = aidlink(&[
        "audit",
        "verify",
        again,
        "--public-key",
        public.to_str().unwrap(),
    ]);
    assert_eq!(ended.code, 0, "{}", ended.stdout);
}
