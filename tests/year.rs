//! A scripted year: four quarterly rounds with a key of their own each, what becomes of their
//! leads in between, and a ledger at the end. The tables below say what happens; a model of
//! this test, which knows nothing of the program, says what the lists and the ledger must be.
//!
//! The year is that which ended before the tests were written, because nothing can be recorded
//! on a day to come. All persons are invented; their ID numbers have area code 449901.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::{Date, date};
use jiff::{Span, ToSpan as _};
use serde_json::Value;

use crate::decide::{fill_in, set, table};
use crate::formats::packed_ods;
use crate::support::{CommandResult, Round, aidlink, csv_records, files_below, id_number};

// ---------------------------------------------------------------- what happens

/// A quarter: its round, the decisions that come back, and what happens after them.
struct Quarter {
    round: &'static str,
    as_of: Date,
    /// From when the standard of dibao counts that is in force on that day.
    standard_from: Date,
    /// The day of the decisions, and the form in which they come back.
    decided_on: Date,
    form: Form,
    /// Person, aid, decision, reason.
    decisions: &'static [Decided],
    /// Day, person, aid, what, its fields. They are recorded one by one, or from a table.
    events: &'static [Happened],
    as_table: bool,
}

type Word = &'static str;
/// Person, aid, decision, reason.
type Decided = (Word, Word, Word, Word);
/// Day, person, aid, what, its fields.
type Happened = (Word, Word, Word, Word, &'static [Word]);
/// A row of a list, by the headers of its columns.
type Record = BTreeMap<String, String>;

/// How filled lists come back.
#[derive(Clone, Copy)]
enum Form {
    /// The review workbooks.
    Workbook,
    /// CSV lists as WPS saves them.
    Gb18030,
    /// CSV lists in UTF-8.
    Utf8,
    /// The lists as a spreadsheet of LibreOffice.
    Ods,
}

// A table, and each event one line of it.
#[rustfmt::skip]
static YEAR: [Quarter; 4] = [
    Quarter {
        round: "2025Q4",
        as_of: date(2025, 12, 31),
        standard_from: date(2025, 7, 1),
        decided_on: date(2026, 1, 8),
        form: Form::Workbook,
        decisions: &[
            ("郑超收", "dibao", "不予移送", "收入超标"),
            ("王外地", "dibao", "不予移送", "非本地户籍"),
            ("冯迁走", "dibao", "确认", ""),
            // On the list of minors.
            ("陈小满", "education_assistance", "确认", ""),
            ("褚有保", "dibao", "确认", ""),
            // Wrong, as will be seen.
            ("沈更正", "dibao", "确认", ""),
            ("秦变更", "dibao", "不予移送", "财产超标"),
            ("吕职责", "dibao", "不予移送", "非本单位职责"),
            ("杨残疾", "dibao", "确认", ""),
            ("杨残疾", "disabled_vocational_training", "确认", ""),
            ("朱学生", "dibao", "需补充核实", ""),
            ("施重复", "dibao", "不予移送", "重复"),
        ],
        events: &[
            // Somebody declines all of it.
            ("2026-01-05", "吴放弃", "dibao", "consent", &["answer=refused", "by=person"]),
            ("2026-01-05", "吴放弃", "legal_aid", "consent", &["answer=refused", "by=person"]),
            ("2026-01-05", "吴放弃", "temporary_relief", "consent", &["answer=refused", "by=person"]),
            ("2026-01-06", "何联系", "dibao", "consent", &["answer=not_reachable"]),
            // The wrong place: returned, and moved to the right one.
            ("2026-01-09", "冯迁走", "dibao", "sent", &["as=ordinary", "letter=移1号"]),
            ("2026-01-14", "冯迁走", "dibao", "returned", &["why=not_registered_here", "office=某县民政局"]),
            ("2026-01-16", "冯迁走", "dibao", "moved", &["office=某县人民检察院"]),
            // Sent, and never heard of again: the register of the next quarter shows the aid.
            ("2026-01-12", "褚有保", "dibao", "sent", &["as=ordinary", "letter=移2号"]),
            // One person, two aids, two fates.
            ("2026-01-09", "杨残疾", "dibao", "sent", &["as=ordinary", "letter=移3号"]),
            ("2026-01-13", "杨残疾", "dibao", "signed_for", &[]),
            ("2026-01-19", "杨残疾", "dibao", "replied", &["reply=not_eligible", "reason=property"]),
            ("2026-01-21", "杨残疾", "dibao", "told_outcome", &["by=procuratorate", "way=post"]),
            ("2026-01-09", "杨残疾", "disabled_vocational_training", "sent", &["as=ordinary", "letter=移4号"]),
            ("2026-01-13", "杨残疾", "disabled_vocational_training", "signed_for", &[]),
            ("2026-01-20", "杨残疾", "disabled_vocational_training", "replied", &["reply=procedure"]),
            ("2026-01-12", "陈小满", "education_assistance", "sent", &["as=ordinary", "letter=移5号"]),
            // The confirmation was a mistake.
            ("2026-01-08", "沈更正", "dibao", "correct checked", &["finding=rejected", "reason=property", "decided_by=张核"]),
            // Found by colleagues: another aid of a person whom the register knows ...
            ("2026-01-22", "周未决", "legal_aid", "found", &["source=colleague", "direction=to_social", "agency=justice"]),
            // ... and a person whom it does not know, from a ledger with an ID number.
            ("2026-01-23", "蒋同事", "dibao", "import", &[]),
        ],
        as_table: false,
    },
    Quarter {
        round: "2026Q1",
        as_of: date(2026, 3, 31),
        standard_from: date(2025, 7, 1),
        decided_on: date(2026, 4, 8),
        form: Form::Gb18030,
        decisions: &[
            ("秦变更", "dibao", "确认", ""),
            ("褚有保", "judicial_aid", "确认", ""),
            ("吕职责", "dibao", "不予移送", "其他"),
            ("朱学生", "judicial_aid", "不予移送", "其他"),
            ("蒋同事", "dibao", "确认", ""),
            ("张低收", "dibao", "需补充核实", ""),
        ],
        events: &[
            ("2026-04-09", "杨残疾", "disabled_vocational_training", "applied_at", &["office=某镇"]),
            ("2026-04-20", "杨残疾", "disabled_vocational_training", "granted", &["what=职业培训"]),
            ("2026-04-10", "韩亡故", "dibao", "closed", &["reason=dead"]),
            ("2026-04-10", "何联系", "dibao", "closed", &["reason=no_contact"]),
            ("2026-04-10", "褚有保", "judicial_aid", "told_rights", &["way=in_person"]),
            ("2026-04-13", "褚有保", "judicial_aid", "judicial_aid", &["step=applied"]),
            ("2026-05-08", "褚有保", "judicial_aid", "judicial_aid", &["step=granted", "amount=20000"]),
            ("2026-05-15", "褚有保", "judicial_aid", "judicial_aid", &["step=paid", "amount=20000"]),
            ("2026-04-10", "秦变更", "dibao", "sent", &["as=ordinary", "letter=移6号"]),
            ("2026-04-14", "秦变更", "dibao", "signed_for", &[]),
            ("2026-04-20", "秦变更", "dibao", "replied", &["reply=receives"]),
            // He was not registered here, and moves in.
            ("2026-04-20", "王外地", "dibao", "found", &["source=applicant", "direction=to_social", "agency=civil-affairs"]),
            ("2026-04-10", "蒋同事", "dibao", "sent", &["as=advance", "reasons=生活无着", "letter=移7号"]),
            ("2026-04-15", "蒋同事", "dibao", "signed_for", &[]),
            ("2026-04-21", "蒋同事", "dibao", "replied", &["reply=eligible"]),
            ("2026-05-20", "蒋同事", "dibao", "granted", &["amount=700", "per=month", "from=2026-06-01"]),
        ],
        as_table: true,
    },
    Quarter {
        round: "2026Q2",
        as_of: date(2026, 6, 30),
        standard_from: date(2026, 4, 1),
        decided_on: date(2026, 7, 8),
        form: Form::Utf8,
        decisions: &[
            ("郑超收", "dibao", "确认", ""),
            ("王外地", "dibao", "确认", ""),
            // Of age by now: on the list of adults.
            ("陈小满", "temporary_relief", "确认", ""),
            ("何联系", "dibao", "确认", ""),
            ("卫待查", "judicial_aid", "不予移送", "本人放弃"),
            ("尤新来", "dibao", "确认", ""),
        ],
        events: &[
            ("2026-07-09", "郑超收", "dibao", "sent", &["as=ordinary", "letter=移8号"]),
            ("2026-07-13", "郑超收", "dibao", "signed_for", &[]),
            ("2026-07-17", "郑超收", "dibao", "replied", &["reply=eligible"]),
            ("2026-08-03", "郑超收", "dibao", "granted", &["amount=650", "per=month"]),
            // The letter comes back incomplete, and goes out again.
            ("2026-07-10", "王外地", "dibao", "sent", &["as=ordinary", "letter=移9号"]),
            ("2026-07-14", "王外地", "dibao", "signed_for", &[]),
            ("2026-07-20", "王外地", "dibao", "returned", &["why=incomplete"]),
            ("2026-07-24", "王外地", "dibao", "sent", &["as=ordinary", "letter=移10号"]),
            ("2026-07-28", "王外地", "dibao", "signed_for", &[]),
            ("2026-08-03", "王外地", "dibao", "replied", &["reply=eligible"]),
            ("2026-08-20", "王外地", "dibao", "granted", &["amount=650.50", "per=month"]),
            ("2026-07-09", "陈小满", "temporary_relief", "sent", &["as=ordinary", "letter=移11号"]),
            ("2026-07-10", "陈小满", "temporary_relief", "replied", &["reply=eligible"]),
            ("2026-07-15", "陈小满", "temporary_relief", "granted", &["amount=3000", "per=once"]),
            ("2026-08-10", "陈小满", "temporary_relief", "visit_planned", &["day=2026-08-20"]),
            ("2026-08-20", "陈小满", "temporary_relief", "visited", &["result=eased", "satisfied=yes"]),
            ("2026-07-13", "陈小满", "education_assistance", "refused_finally", &["reason=disability_or_age"]),
            ("2026-07-15", "陈小满", "education_assistance", "told_outcome", &["by=agency", "way=call"]),
            ("2026-07-09", "何联系", "dibao", "sent", &["as=ordinary", "letter=移12号"]),
            ("2026-07-20", "杨残疾", "disabled_vocational_training", "visited", &["result=solved"]),
        ],
        as_table: false,
    },
    Quarter {
        round: "2026Q3",
        as_of: date(2026, 9, 30),
        standard_from: date(2026, 4, 1),
        decided_on: date(2026, 10, 9),
        form: Form::Ods,
        decisions: &[
            ("沈更正", "dibao", "确认", ""),
            ("杨残疾", "dibao", "不予移送", "财产超标"),
            ("朱学生", "education_assistance", "确认", ""),
        ],
        events: &[
            ("2026-10-12", "沈更正", "dibao", "sent", &["as=ordinary", "letter=移13号"]),
            ("2026-10-15", "沈更正", "dibao", "signed_for", &[]),
        ],
        as_table: true,
    },
];

/// The day of the ledger.
const END: Date = date(2026, 11, 20);
/// Who decides, and who records.
const DECIDED_BY: &str = "张核";
const OPERATOR: &str = "李登记";
const APPROVER: &str = "赵审批";
/// The title of the rule by which civil affairs' register shows dibao.
const RECEIVES_DIBAO: &str = "正在享受最低生活保障";
/// What is written beside a decision for another reason.
const REMARK: &str = "详见核查笔录";

// ---------------------------------------------------------------- the town

/// What the case file, and a register, say of a person. The names are those of persons of the
/// round made by hand, whose leads were worked out from the documents.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Like {
    /// `J4-case-hardship`: a loss, and hardship in the file.
    CaseHardship,
    /// `J3-spouse`: a widower without income.
    Spouse,
    /// `disabled-unemployed-59`.
    DisabledUnemployed,
    /// `minor-18-tomorrow`, and `adult-18-today` from the birthday on.
    OutOfSchool,
    /// `student-19-hardship`.
    Student,
    /// `low-income-urban`.
    LowIncome,
}

/// Name, birth date, what is said of the person.
const PERSONS: [(&str, &str, Like); 19] = [
    ("周未决", "19850505", Like::CaseHardship),
    ("吴放弃", "19850606", Like::Spouse),
    ("郑超收", "19800101", Like::CaseHardship),
    ("王外地", "19810202", Like::CaseHardship),
    ("冯迁走", "19820303", Like::CaseHardship),
    ("陈小满", "20080510", Like::OutOfSchool),
    ("褚有保", "19830404", Like::CaseHardship),
    ("卫待查", "19840505", Like::CaseHardship),
    ("蒋同事", "19860606", Like::CaseHardship),
    ("沈更正", "19870707", Like::CaseHardship),
    ("韩亡故", "19750808", Like::CaseHardship),
    ("杨残疾", "19760909", Like::DisabledUnemployed),
    ("朱学生", "20070707", Like::Student),
    ("秦变更", "19881010", Like::CaseHardship),
    ("尤新来", "19890101", Like::CaseHardship),
    ("许离开", "19900202", Like::CaseHardship),
    ("何联系", "19780303", Like::CaseHardship),
    ("吕职责", "19790404", Like::CaseHardship),
    ("施重复", "19770505", Like::CaseHardship),
];
/// The last person stands apart: the array of the others is in the order in which they are
/// named above.
const LOW_INCOME: (&str, &str, Like) = ("张低收", "19740606", Like::LowIncome);

/// Who is in the case export of which quarters only; everybody else is in all of them.
fn is_in_case_export(name: &str, quarter: usize) -> bool {
    match name {
        // The case is archived.
        "许离开" => quarter == 0,
        // A new case; a colleague saw it before.
        "尤新来" => quarter >= 2,
        "蒋同事" => quarter >= 1,
        _ => true,
    }
}

/// Who receives dibao by the register of civil affairs of a quarter, and since when.
fn receives_dibao(name: &str, quarter: usize) -> Option<&'static str> {
    let is_listed = matches!(name, "褚有保" | "卫待查") && quarter >= 1;
    is_listed.then_some("2026-02-01")
}

/// When the case of a person changed, by the case export.
fn case_changed(name: &str, quarter: usize) -> Option<Date> {
    (name == "秦变更" && quarter >= 1).then_some(date(2026, 3, 10))
}

fn everybody() -> impl Iterator<Item = (&'static str, &'static str, Like)> {
    PERSONS.into_iter().chain([LOW_INCOME])
}

fn id_of(name: &str) -> String {
    let at = everybody().position(|(one, ..)| one == name).unwrap();
    let (_, born, _) = everybody().nth(at).unwrap();
    // Odd: all are men, so that no aid for women is among the leads.
    id_number(&format!("449901{born}{:03}", 2 * at + 1))
}

fn is_minor(born: &str, on: Date) -> bool {
    let born: Date = born.parse().unwrap();
    born + 18.years() > on
}

/// The aids to which the documents entitle a person in a quarter: what the oracle of the round
/// made by hand says of such a person. Who receives dibao needs none, and is in hardship by the
/// register: that is a matter for judicial aid.
fn entitled(name: &str, quarter: usize) -> Vec<&'static str> {
    if !is_in_case_export(name, quarter) {
        return Vec::new();
    }
    let (_, born, like) = everybody().find(|(one, ..)| *one == name).unwrap();
    match like {
        Like::CaseHardship if receives_dibao(name, quarter).is_some() => vec!["judicial_aid"],
        Like::CaseHardship => vec!["dibao"],
        Like::Spouse => vec!["dibao", "legal_aid", "temporary_relief"],
        Like::DisabledUnemployed => vec!["dibao", "disabled_vocational_training"],
        Like::OutOfSchool if is_minor(born, YEAR[quarter].as_of) => vec![
            "dibao",
            "education_assistance",
            "return_to_school",
            "temporary_relief",
            "youth_training",
        ],
        Like::OutOfSchool => vec!["dibao", "education_assistance", "temporary_relief"],
        Like::Student => vec!["dibao", "education_assistance", "judicial_aid"],
        Like::LowIncome => vec!["dibao", "judicial_aid"],
    }
}

/// The columns of the exports, as the round made by hand has them.
fn header_of(round: &Round, export: &str) -> Vec<String> {
    let text = round.read(&format!("{export}.csv"));
    let line = text.lines().next().unwrap();
    line.split(',').map(str::to_owned).collect()
}

/// Writes an export of rows that say something in some columns. A register has a row of
/// somebody who is in no case, because an empty one says less than one that knows nobody.
fn write_export(base: &Round, folder: &Path, export: &str, rows: &[Vec<(&str, String)>]) {
    let header = header_of(base, export);
    let mut lines = vec![header.join(",")];
    for row in rows {
        let mut cells = vec![String::new(); header.len()];
        for (column, text) in row {
            let at = header.iter().position(|name| name == column);
            cells[at.unwrap_or_else(|| panic!("{export} has no {column}"))] = text.clone();
        }
        lines.push(cells.join(","));
    }
    fs::write(
        folder.join(format!("{export}.csv")),
        lines.join("\n") + "\n",
    )
    .unwrap();
}

/// Writes what the offices export in a quarter.
fn write_exports(base: &Round, folder: &Path, quarter: usize) {
    let row = |id: String, name: &str, more: &[(&'static str, &str)]| {
        let mut row = vec![("national_id", id), ("name", name.to_owned())];
        row.extend(
            more.iter()
                .map(|(column, text)| (*column, (*text).to_owned())),
        );
        row
    };
    let nobody =
        |more: &[(&'static str, &str)]| row(id_number("44990119700101901"), "某某某", more);
    let mut cases = Vec::new();
    let mut civil_affairs = vec![nobody(&[("kind", "dibao"), ("status", "active")])];
    let not_disabled = [
        ("class", "4"),
        ("grade", "4"),
        ("certificate_status", "valid"),
        ("living_subsidy", "false"),
        ("nursing_subsidy", "false"),
        ("child_rehabilitation", "false"),
        ("vocational_training", "false"),
        ("economic_hardship", "false"),
        ("employment", "unemployed"),
    ];
    let student = [
        ("stage", "undergraduate"),
        ("enrolment_status", "enrolled"),
        ("registered_poor", "false"),
        ("hardship_student", "true"),
        ("funding_status", "none"),
        ("dropout_risk", "false"),
    ];
    let mut disabled = vec![nobody(&not_disabled)];
    let mut students = vec![nobody(&student)];
    let veterans = vec![nobody(&[
        ("kind", "veteran"),
        ("status", "active"),
        ("benefit_status", "none"),
        ("hardship", "false"),
        ("employed", "true"),
    ])];
    for (at, (name, _, like)) in everybody().enumerate() {
        if !is_in_case_export(name, quarter) {
            continue;
        }
        let victim = [("role", "victim"), ("injury_level", "none")];
        let loss = [
            ("property_loss", "50000"),
            ("recovered_amount", "0"),
            ("offender_status", "unable_to_pay"),
        ];
        let hardship = [("hardship", "true")];
        let mut said = match like {
            Like::CaseHardship | Like::DisabledUnemployed => {
                [&victim[..], &loss, &hardship].concat()
            }
            Like::Spouse => vec![
                ("role", "close_relative"),
                ("victim_died", "true"),
                ("relationship", "spouse"),
                ("lived_on_victim_income", "true"),
                ("offender_status", "dead"),
                ("hardship", "true"),
            ],
            Like::OutOfSchool => [
                &victim[..],
                &hardship,
                &[("special_need", "true"), ("out_of_school", "true")],
            ]
            .concat(),
            Like::Student | Like::LowIncome => [&victim[..], &loss].concat(),
        };
        said.extend([
            ("case_kind", "criminal"),
            ("sealed", "false"),
            ("handler", "王承办"),
        ]);
        let mut case = row(id_of(name), name, &said);
        case.push(("case_number", format!("案{at}号")));
        if let Some(day) = case_changed(name, quarter) {
            case.push(("changed_on", day.to_string()));
        }
        cases.push(case);
        if let Some(since) = receives_dibao(name, quarter) {
            civil_affairs.push(row(
                id_of(name),
                name,
                &[
                    ("kind", "dibao"),
                    ("status", "active"),
                    ("started_on", since),
                ],
            ));
        }
        match like {
            Like::LowIncome => civil_affairs.push(row(
                id_of(name),
                name,
                &[
                    ("kind", "other_low_income"),
                    ("status", "active"),
                    ("area", "urban"),
                ],
            )),
            Like::DisabledUnemployed => disabled.push(row(id_of(name), name, &not_disabled)),
            Like::Student => students.push(row(id_of(name), name, &student)),
            _ => {}
        }
    }
    for (export, rows) in [
        ("procuratorate.case-parties", cases),
        ("civil-affairs.assistance", civil_affairs),
        ("disabled-federation.persons", disabled),
        ("education.students", students),
        ("veterans.persons", veterans),
    ] {
        write_export(base, folder, export, &rows);
    }
}

// ---------------------------------------------------------------- the model

/// A person and an aid.
type Key = (&'static str, &'static str);

/// A lead, as the script makes it.
#[derive(Clone, Debug)]
struct Lead {
    stage: &'static str,
    since: Date,
    /// How it ended, and for which reason.
    ended: Option<&'static str>,
    reason: Option<String>,
    /// The first round that listed it.
    first_round: Option<&'static str>,
    /// Whether it is one to judicial aid.
    is_judicial: bool,
    /// The cells of the ledger that are filled in.
    cells: BTreeMap<&'static str, String>,
}

/// The steps of the workflow: what, the field that decides, and where it leads. `docs/register.md`
/// has the same table; this one was written from it.
const STEPS: [(&str, &str, &str); 21] = [
    ("checked", "finding=rejected", "closed"),
    ("checked", "finding=needs_more", ""),
    ("consent", "answer=refused", "closed"),
    ("consent", "answer=not_reachable", ""),
    ("told_rights", "", ""),
    ("judicial_aid", "step=applied", "under judicial review"),
    ("judicial_aid", "step=granted", "to be paid"),
    ("judicial_aid", "step=paid", "delivered"),
    ("sent", "", "awaiting receipt"),
    ("signed_for", "", "with the agency"),
    ("returned", "", "to be sent"),
    ("replied", "reply=eligible", "to be delivered"),
    ("replied", "reply=procedure", "the person must apply"),
    ("replied", "reply=not_eligible", "closed"),
    ("replied", "reply=receives", "closed"),
    ("told_outcome", "", ""),
    ("applied_at", "", "applied, with the agency"),
    ("granted", "", "delivered"),
    ("refused_finally", "", "closed"),
    ("moved", "", "at another office"),
    ("visit_planned", "", ""),
];

/// The words of reasons, of ends, and of decisions.
const REASONS: [(&str, &str, &str); 8] = [
    ("income", "收入超标", "income over the line"),
    ("property", "财产超标", "property over the line"),
    ("not_local", "非本地户籍", "not registered here"),
    ("not_our_duty", "非本单位职责", "another office's duty"),
    ("duplicate", "重复", "duplicate"),
    (
        "disability_or_age",
        "不符合残疾/年龄条件",
        "disability or age not met",
    ),
    ("declined", "本人放弃", "declined"),
    ("other", "其他", "other"),
];
const FINDINGS: [(&str, &str); 3] = [
    ("confirmed", "确认"),
    ("rejected", "不予移送"),
    ("needs_more", "需补充核实"),
];

fn reason_word(code: &str) -> &'static str {
    REASONS.iter().find(|(one, ..)| *one == code).unwrap().2
}

impl Lead {
    fn found(on: Date, source: &str, is_judicial: bool) -> Self {
        let direction = match is_judicial {
            true => "to judicial aid",
            false => "to social aid",
        };
        let cells = BTreeMap::from([
            ("source", source.to_owned()),
            ("direction", direction.to_owned()),
            ("found_on", on.to_string()),
            ("reopened", "0".to_owned()),
        ]);
        Lead {
            stage: "to be checked",
            since: on,
            ended: None,
            reason: None,
            first_round: None,
            is_judicial,
            cells,
        }
    }

    fn is_at_rest(&self) -> bool {
        matches!(self.stage, "delivered" | "at another office" | "closed")
    }

    /// Somebody or a round finds it again.
    fn found_again(&mut self, on: Date, source: &str) {
        if self.is_at_rest() {
            let times: u32 = self.cells["reopened"].parse().unwrap();
            let judicial = self.cells.clone().into_iter();
            let judicial = judicial.filter(|(name, _)| name.starts_with("judicial_aid"));
            *self = Lead {
                first_round: self.first_round,
                ..Lead::found(on, source, self.is_judicial)
            };
            self.cells.extend(judicial);
            self.set("reopened", &(times + 1).to_string());
        }
        self.set("source", source);
        self.cells.remove("minor");
    }

    fn set(&mut self, cell: &'static str, text: &str) {
        self.cells.insert(cell, text.to_owned());
    }

    fn goes_to(&mut self, stage: &'static str, on: Date) {
        (self.stage, self.since) = (stage, on);
        self.ended = None;
    }

    fn ends(&mut self, how: &'static str, on: Date) {
        self.goes_to("closed", on);
        self.ended = Some(how);
    }

    /// Something happens to it.
    fn happens(&mut self, on: Date, what: &str, fields: &[&str]) {
        let field = |name: &str| {
            let mut all = fields.iter().filter_map(|field| field.split_once('='));
            all.find(|(one, _)| *one == name)
                .map(|(_, text)| text.to_owned())
        };
        let day = on.to_string();
        if let Some(reason) = field("reason").filter(|_| what != "closed") {
            // Why it is rejected, and why somebody else refused it, are two columns.
            let cell = match what {
                "checked" => "reason",
                _ => "refused_because",
            };
            self.set(cell, reason_word(&reason));
            self.reason = Some(reason);
        }
        let steps = STEPS.iter();
        let step = steps.clone().find(|(kind, choice, _)| {
            *kind == what && (choice.is_empty() || fields.contains(choice))
        });
        if let Some((_, _, to)) = step.filter(|(_, _, to)| !to.is_empty()) {
            self.goes_to(to, on);
        }
        match what {
            "checked" => {
                let finding = field("finding").unwrap();
                self.set("finding", &finding.replace('_', " "));
                self.set("decided_on", &day);
                self.set("decided_by", DECIDED_BY);
                if finding == "rejected" && self.reason.as_deref() == Some("other") {
                    self.set("remark", REMARK);
                }
                match (finding.as_str(), self.reason.as_deref()) {
                    ("confirmed", _) if self.is_judicial => {
                        self.goes_to("suitable, the person may apply", on)
                    }
                    ("confirmed", _) => self.goes_to("to be sent", on),
                    ("rejected", Some("declined")) => self.ends("declined", on),
                    ("rejected", Some("duplicate")) => self.ends("duplicate", on),
                    ("rejected", _) => self.ends("rejected on checking", on),
                    _ => {}
                }
            }
            "consent" => {
                let answer = field("answer").unwrap();
                self.set("consent", &answer.replace('_', " "));
                self.set("consent_on", &day);
                if answer == "refused" {
                    self.ends("declined", on);
                    self.set("consent_by", "the person");
                }
            }
            "told_rights" => {
                self.set("rights_told_on", &day);
                self.set("rights_told", "in person");
            }
            "judicial_aid" => {
                let (step, amount) = (field("step").unwrap(), field("amount"));
                self.set("judicial_aid", if step == "paid" { "paid" } else { &step });
                self.set("judicial_aid_on", &day);
                if let Some(amount) = amount {
                    self.set("judicial_aid_amount", &amount);
                }
            }
            "sent" => {
                self.set("sent_on", &day);
                self.set("letter", &field("letter").unwrap());
                for cell in [
                    "signed_for_on",
                    "returned_on",
                    "returned",
                    "replied_on",
                    "reply",
                    "refused_because",
                ] {
                    self.cells.remove(cell);
                }
                if let Some(reasons) = field("reasons") {
                    self.set("advance_reasons", &reasons);
                }
            }
            "signed_for" => self.set("signed_for_on", &day),
            "returned" => {
                let why = field("why").unwrap();
                self.set("returned", &why.replace('_', " "));
                self.set("returned_on", &day);
            }
            "replied" => {
                let reply = field("reply").unwrap();
                self.set(
                    "reply",
                    &format!("replied: {} (replied)", reply.replace('_', " ")),
                );
                self.set("replied_on", &day);
                match reply.as_str() {
                    "not_eligible" => self.ends("refused", on),
                    "receives" => self.ends("receives the aid already", on),
                    _ => {}
                }
            }
            "told_outcome" => {
                self.set("outcome_told_on", &day);
                let told = match (
                    field("by").unwrap().as_str(),
                    field("way").unwrap().as_str(),
                ) {
                    ("procuratorate", "post") => "by the procuratorate, by post",
                    ("agency", "call") => "by the agency, by telephone",
                    other => panic!("{other:?}"),
                };
                self.set("outcome_told", told);
            }
            "applied_at" => {
                self.set("applied_on", &day);
                self.set("applied_at", &field("office").unwrap());
            }
            "granted" => {
                self.set("granted_on", &day);
                self.set("granted", &field("what").unwrap_or("given".to_owned()));
                self.set("granted_from", &field("from").unwrap_or(day));
                if let Some(amount) = field("amount") {
                    self.set("granted_amount", &amount);
                }
                match field("per").as_deref() {
                    Some("month") => self.set("granted_per", "every month"),
                    Some("once") => self.set("granted_per", "once"),
                    _ => {}
                }
            }
            "refused_finally" => self.ends("refused", on),
            "moved" => {
                self.set("moved_on", &day);
                self.set("moved_to", &field("office").unwrap());
            }
            "visit_planned" => self.set("visit_planned", &field("day").unwrap()),
            "visited" => {
                self.cells.remove("visit_planned");
                self.set("visited_on", &day);
                let result = field("result").unwrap();
                self.set("visit", &result);
                if result == "solved" {
                    self.ends("delivered", on);
                }
            }
            "closed" => match field("reason").unwrap().as_str() {
                "dead" => self.ends("dead", on),
                "no_contact" => self.ends("not reachable", on),
                other => panic!("{other}"),
            },
            other => panic!("{other}"),
        }
    }
}

/// What a list says of each lead: its status, and why it is listed again.
type Listed = BTreeMap<Key, (&'static str, String)>;

/// Why a lead is on no list of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum NotListed {
    /// The exports no longer say that the person is entitled: the case is archived, the child is
    /// of age, or the register shows that the person receives the aid.
    NotEntitled,
    /// Somebody is acting on it.
    UnderWay,
    /// It ended, and what ended it still holds.
    Ended,
}

/// Whether a lead that ended is listed again, and why: the table of `docs/register.md`, "The
/// next round".
fn again(lead: &Lead, name: &str, quarter: usize) -> Option<String> {
    let at = &YEAR[quarter];
    let is_before = |span: Span| lead.since < at.as_of - span;
    let changed = case_changed(name, quarter);
    let changed = changed.is_some_and(|day| day >= at.as_of - 3.months() && day <= at.as_of);
    let changed = changed.then(|| "The case changed materially of late".to_owned());
    let over = |months: i64| {
        let span = months.months();
        is_before(span).then(|| format!("the period of {months} months without a new lead is over"))
    };
    match (lead.stage, lead.ended, lead.reason.as_deref()) {
        ("at another office", ..) | (_, Some("dead"), _) => None,
        ("delivered", ..)
        | (_, Some("delivered" | "receives the aid already" | "duplicate"), _) => over(12),
        (_, Some("declined"), _) => changed,
        (_, Some("not reachable"), _) | (_, _, Some("not_our_duty")) => {
            Some("such a lead is listed in every round".to_owned())
        }
        (_, _, Some("income")) => {
            let is_new = lead.since < at.standard_from && at.standard_from <= at.as_of;
            let standard = is_new.then(|| format!("the standard changed on {}", at.standard_from));
            standard.or(over(12)).or(changed)
        }
        _ => over(6).or(changed),
    }
}

/// The leads of the town.
#[derive(Default)]
struct Model {
    leads: BTreeMap<Key, Lead>,
}

impl Model {
    /// What the lists of a quarter must show: of each lead the status, and the end of the reason
    /// for which it is listed again. Every other lead has a reason not to be listed.
    fn lists(&self, quarter: usize) -> (Listed, BTreeMap<Key, NotListed>) {
        let mut listed = BTreeMap::new();
        let mut not_listed = BTreeMap::new();
        let entitled: BTreeSet<Key> = everybody()
            .flat_map(|(name, ..)| {
                entitled(name, quarter)
                    .into_iter()
                    .map(move |aid| (name, aid))
            })
            .collect();
        for key in self.leads.keys().filter(|key| !entitled.contains(*key)) {
            not_listed.insert(*key, NotListed::NotEntitled);
        }
        for key in entitled {
            match self.leads.get(&key) {
                None => {
                    listed.insert(key, ("new", String::new()));
                }
                Some(lead) if lead.stage == "to be checked" => {
                    // Who opened it since it had ended.
                    let by = match (
                        lead.cells["reopened"].as_str(),
                        lead.cells["source"].as_str(),
                    ) {
                        ("0", _) => String::new(),
                        (_, "applicant") => {
                            format!("{}: the person or a relative asked", lead.cells["found_on"])
                        }
                        (_, "round") => {
                            format!("{}: found again by a round", lead.cells["found_on"])
                        }
                        other => panic!("{other:?}"),
                    };
                    listed.insert(key, ("carried", by));
                }
                Some(lead) if !lead.is_at_rest() => {
                    not_listed.insert(key, NotListed::UnderWay);
                }
                Some(lead) => match again(lead, key.0, quarter) {
                    None => {
                        not_listed.insert(key, NotListed::Ended);
                    }
                    Some(why) => {
                        listed.insert(key, ("open again", why));
                    }
                },
            }
        }
        (listed, not_listed)
    }

    /// The round was taken: what it listed was found.
    fn take(&mut self, quarter: usize) {
        let (listed, _) = self.lists(quarter);
        let Quarter { round, as_of, .. } = YEAR[quarter];
        for (name, aid) in listed.into_keys() {
            let is_judicial = aid == "judicial_aid";
            let lead = self.leads.entry((name, aid));
            let lead = lead.or_insert_with(|| Lead::found(as_of, "round", is_judicial));
            lead.found_again(as_of, "round");
            lead.first_round = lead.first_round.or(Some(round));
            let (_, born, _) = everybody().find(|(one, ..)| *one == name).unwrap();
            lead.set("minor", if is_minor(born, as_of) { "yes" } else { "no" });
        }
        let shown: Vec<Key> = self
            .leads
            .keys()
            .filter(|(name, aid)| *aid == "dibao" && receives_dibao(name, quarter).is_some())
            .copied()
            .collect();
        for key in shown {
            self.shown_by_register(key, quarter);
        }
    }

    /// A register shows that the person receives the aid. The lead is not listed again, because
    /// the person is no longer entitled to it ([`entitled`]). `register take` records that a lead
    /// which was referred is delivered; of one that nobody has checked no register says anything.
    fn shown_by_register(&mut self, key: Key, quarter: usize) {
        let Quarter { round, as_of, .. } = YEAR[quarter];
        let lead = self.leads.get_mut(&key).unwrap();
        if lead.is_at_rest() || lead.stage == "to be checked" {
            return;
        }
        lead.happens(as_of, "granted", &[&format!("what={RECEIVES_DIBAO}")]);
        lead.set("remark", &format!("轮次 {round}"));
    }

    /// What is recorded after the round.
    fn record(&mut self, quarter: &Quarter) {
        for (name, aid, finding, reason) in quarter.decisions {
            let (code, _) = FINDINGS.iter().find(|(_, zh)| zh == finding).unwrap();
            let finding = format!("finding={code}");
            let reason = REASONS
                .iter()
                .find(|(_, zh, _)| zh == reason)
                .map(|(code, ..)| format!("reason={code}"));
            let fields: Vec<&str> = [Some(&finding), reason.as_ref()]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect();
            self.leads.get_mut(&(*name, *aid)).unwrap().happens(
                quarter.decided_on,
                "checked",
                &fields,
            );
        }
        for (on, name, aid, what, fields) in quarter.events {
            let (on, key): (Date, Key) = (on.parse().unwrap(), (name, aid));
            match *what {
                "import" => {
                    self.leads.insert(key, Lead::found(on, "colleague", false));
                }
                "found" => {
                    let source = fields
                        .iter()
                        .find_map(|field| field.strip_prefix("source="))
                        .unwrap();
                    let lead = self
                        .leads
                        .entry(key)
                        .or_insert_with(|| Lead::found(on, source, false));
                    lead.found_again(on, source);
                }
                // What was wrong never happened.
                "correct checked" => {
                    let lead = self.leads.get_mut(&key).unwrap();
                    assert_eq!(lead.stage, "to be sent");
                    lead.happens(on, "checked", fields);
                }
                what => self.leads.get_mut(&key).unwrap().happens(on, what, fields),
            }
        }
    }

    /// The rows of the ledger: cells that are filled in, with what is late.
    fn ledger(&self) -> BTreeMap<Key, BTreeMap<&'static str, String>> {
        let rows = self.leads.iter().map(|(key, lead)| {
            let mut cells = lead.cells.clone();
            cells.insert("stage", lead.stage.to_owned());
            if let Some(how) = lead.ended {
                cells.insert("closed_on", lead.since.to_string());
                cells.insert("closed_because", how.to_owned());
            }
            // The periods of Shaoguan: five working days each. What else there is to do has no
            // period.
            let last = working_day_after(lead.since, 5);
            let late = match lead.stage {
                "to be checked" if lead.is_judicial => Some("decided_on"),
                "to be sent" => Some("sent_on"),
                "awaiting receipt" | "with the agency" => {
                    cells.insert("reply_due", last.to_string());
                    Some("replied_on")
                }
                _ => None,
            };
            if let Some(cell) = late.filter(|_| last < END) {
                let days = working_days(last, END);
                let late = format!("late by {days} working days");
                cells.entry(cell).or_insert(late.clone());
                cells.insert("late", late);
            }
            (*key, cells)
        });
        rows.collect()
    }
}

/// Days off from Monday to Friday, and working days at weekends, from the end of 2025 to November
/// 2026, by the notice of the State Council.
const DAYS_OFF: [&str; 17] = [
    "2026-01-01",
    "2026-01-02",
    "2026-02-16",
    "2026-02-17",
    "2026-02-18",
    "2026-02-19",
    "2026-02-20",
    "2026-02-23",
    "2026-04-06",
    "2026-05-01",
    "2026-05-04",
    "2026-05-05",
    "2026-06-19",
    "2026-09-25",
    "2026-10-01",
    "2026-10-02",
    "2026-10-05",
];
const MORE_DAYS_OFF: [&str; 2] = ["2026-10-06", "2026-10-07"];
const MADE_UP: [&str; 6] = [
    "2026-01-04",
    "2026-02-14",
    "2026-02-28",
    "2026-05-09",
    "2026-09-20",
    "2026-10-10",
];

fn is_working_day(day: Date) -> bool {
    let text = day.to_string();
    let is_weekend = day.weekday().to_monday_zero_offset() >= 5;
    let is_off = DAYS_OFF
        .iter()
        .chain(&MORE_DAYS_OFF)
        .any(|off| *off == text);
    MADE_UP.contains(&text.as_str()) || !(is_weekend || is_off)
}

/// The last day of a period of working days that begins after a day.
fn working_day_after(mut day: Date, mut days: u32) -> Date {
    while days > 0 {
        day = day.tomorrow().unwrap();
        days -= u32::from(is_working_day(day));
    }
    day
}

/// The number of working days after a day, up to and with another one.
fn working_days(mut after: Date, to: Date) -> u32 {
    let mut count = 0;
    while after < to {
        after = after.tomorrow().unwrap();
        count += u32::from(is_working_day(after));
    }
    count
}

// ---------------------------------------------------------------- the office

struct Office {
    base: Round,
    /// The number of each person, since somebody first saw it.
    numbers: BTreeMap<&'static str, String>,
}

impl Office {
    fn new() -> Self {
        let office = Office {
            base: Round::hand_made(),
            numbers: BTreeMap::new(),
        };
        let folder = office.base.root().join("register");
        let made = aidlink(&[
            "register",
            "init",
            folder.to_str().unwrap(),
            "--operator",
            OPERATOR,
            "--lang",
            "en",
        ]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        office
    }

    fn folder(&self, quarter: usize) -> PathBuf {
        self.base
            .root()
            .join("tests/rounds")
            .join(YEAR[quarter].round)
    }

    fn path(&self, quarter: usize, name: &str) -> String {
        self.folder(quarter).join(name).to_str().unwrap().to_owned()
    }

    fn policy(&self, quarter: usize) -> String {
        let file = format!("policies/{}.toml", YEAR[quarter].round.to_lowercase());
        self.base.root().join(file).to_str().unwrap().to_owned()
    }

    /// Runs a verb of `register`.
    fn register(&self, verb: &str, more: &[&str]) -> CommandResult {
        let register = self.base.root().join("register/register.db");
        let register = register.to_str().unwrap();
        aidlink(
            &[
                &["register", verb],
                more,
                &["--register", register, "--lang", "en"][..],
            ]
            .concat(),
        )
    }

    fn register_json(&self, verb: &str, more: &[&str]) -> Value {
        let answer = self.register(verb, &[more, &["--json"]].concat());
        assert_eq!(answer.code, 0, "{verb}: {}{}", answer.stdout, answer.stderr);
        serde_json::from_str(&answer.stdout).unwrap()
    }

    /// Makes the round of a quarter, without a key: the run makes one.
    fn make(&self, quarter: usize) {
        let Quarter {
            round,
            as_of,
            standard_from,
            ..
        } = YEAR[quarter];
        let folder = self.folder(quarter);
        fs::create_dir_all(&folder).unwrap();
        write_exports(&self.base, &folder, quarter);
        let id = round.to_lowercase();
        let policy = format!(
            "id = \"town-{id}\"\nversion = \"1\"\ntitle = {{ zh = \"镇\", en = \"Town\" }}\n\
             extends = \"shaoguan.toml\"\n[parameters]\n\
             dibao_standard_from = {{ value = {standard_from}, source = \"local\" }}\n"
        );
        fs::write(self.policy(quarter), policy).unwrap();
        let snapshot = as_of.yesterday().unwrap();
        let text = self
            .base
            .read("round.toml")
            .replace("round = \"HAND\"", &format!("round = \"{round}\""))
            .replace("2026-09-30", &as_of.to_string())
            .replace("2026-09-28", &snapshot.to_string())
            .replace("2026-12-31", "2099-12-31")
            .replace("2027-06-30", "2099-06-30")
            .replace("policies/shaoguan.toml", &format!("policies/{id}.toml"))
            .replace("path = \"procuratorate.referrals.csv\"\n", "")
            .replacen(
                "[[export]]",
                "[register]\nfile = \"../../../register/register.db\"\n\n[[export]]",
                1,
            );
        fs::write(folder.join("round.toml"), text).unwrap();
    }

    /// Returns the rows of the lists of a quarter by person and aid, with the name of the list.
    fn lists(&self, quarter: usize) -> BTreeMap<Key, (String, Record)> {
        let files = files_below(&self.folder(quarter).join("output/lists/for-review"));
        let mut rows = BTreeMap::new();
        for (file, bytes) in files {
            for row in csv_records(&bytes) {
                let (_, aid) = row["线索编号"].rsplit_once('-').unwrap();
                let key = key_of(&row["姓名"], aid);
                let before = rows.insert(key, (file.clone(), row));
                assert!(before.is_none(), "{key:?} is listed twice in one round");
            }
        }
        rows
    }

    /// Notes the number of a person, which must be the one of before.
    fn has_number(&mut self, name: &'static str, number: &str) {
        let known = self
            .numbers
            .entry(name)
            .or_insert_with(|| number.to_owned());
        assert_eq!(known, number, "{name} has another number");
    }

    fn lead_number(&self, (name, aid): Key) -> String {
        format!("{}-{aid}", self.numbers[name])
    }

    /// Fills the lists in, in the form of the quarter. Returns the files.
    fn fill_in(&self, quarter: usize) -> Vec<String> {
        let Quarter {
            form,
            decisions,
            decided_on,
            ..
        } = &YEAR[quarter];
        let listed = self.lists(quarter);
        // The lists name a lead by its number, as filled lists do.
        let decided: BTreeMap<String, (&str, &str)> = decisions
            .iter()
            .map(|(name, aid, finding, reason)| {
                (
                    listed[&(*name, *aid)].1["线索编号"].clone(),
                    (*finding, *reason),
                )
            })
            .collect();
        let fill = |header: &[String], cells: &mut Vec<String>| {
            let Some(at) = header.iter().position(|name| name == "线索编号") else {
                return;
            };
            let Some((finding, reason)) = cells.get(at).and_then(|number| decided.get(number))
            else {
                return;
            };
            let remark = if *reason == "其他" { REMARK } else { "" };
            for (column, text) in [
                ("核查结论", *finding),
                ("理由", *reason),
                ("备注", remark),
                ("核查人", DECIDED_BY),
                ("核查日期", &decided_on.to_string()),
            ] {
                set(header, cells, column, text);
            }
        };
        let to = self.base.root().join("filled").join(YEAR[quarter].round);
        fs::create_dir_all(&to).unwrap();
        if matches!(form, Form::Workbook) {
            let names = ["adults.xlsx", "minors.xlsx"];
            for name in names {
                let from = self.folder(quarter).join("output/review").join(name);
                // The sheet of persons has several numbers in a cell; it stays empty.
                fill_in(&from, &to.join(name), |sheet, header, cells| {
                    if sheet != "人员" {
                        fill(header, cells);
                    }
                });
            }
            return names
                .map(|name| to.join(name).to_str().unwrap().to_owned())
                .into();
        }
        let lists = self.folder(quarter).join("output/lists/for-review");
        let names: BTreeSet<&String> = listed.values().map(|(file, _)| file).collect();
        let mut sheets = String::new();
        let mut files = Vec::new();
        for name in names {
            let mut rows = table(&lists.join(name));
            // The lists have no column for a remark, which some reasons need.
            for (at, cells) in rows.iter_mut().enumerate() {
                cells.push(if at == 0 { "备注" } else { "" }.to_owned());
            }
            let header = rows[0].clone();
            rows.iter_mut()
                .skip(1)
                .for_each(|cells| fill(&header, cells));
            let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let lines = rows
                .iter()
                .map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n");
            let text: String = lines.collect();
            let bytes = match form {
                Form::Gb18030 => encoding_rs::GB18030.encode(&text).0.into_owned(),
                _ => text.into_bytes(),
            };
            sheets += &ods_sheet(name, &rows);
            let file = to.join(name);
            fs::write(&file, bytes).unwrap();
            files.push(file.to_str().unwrap().to_owned());
        }
        if matches!(form, Form::Ods) {
            let file = to.join("lists.ods");
            fs::write(&file, packed_ods("", &sheets)).unwrap();
            return vec![file.to_str().unwrap().to_owned()];
        }
        files
    }

    /// Records what happened after the decisions: singly or as a table, as the quarter says.
    fn record(&mut self, quarter: &Quarter) {
        let mut rows = Vec::new();
        for (on, name, aid, what, fields) in quarter.events {
            let key: Key = (name, aid);
            if *what == "import" {
                self.import(name, on);
                continue;
            }
            let lead = self.lead_number(key);
            if let Some(kind) = what.strip_prefix("correct ") {
                self.correct(&lead, kind, on, fields);
            } else if quarter.as_table {
                rows.push((lead, *what, *on, *fields));
            } else {
                self.note(&["--lead", &lead, "--kind", what, "--on", on], fields);
            }
        }
        if quarter.as_table {
            self.note_table(&rows);
        }
    }

    fn note(&self, of: &[&str], fields: &[&str]) {
        let set: Vec<&str> = fields.iter().flat_map(|field| ["--set", field]).collect();
        let by: &[&str] = match of.contains(&"sent") {
            true => &["--operator", OPERATOR, "--approver", APPROVER],
            false => &["--operator", OPERATOR],
        };
        let noted = self.register_json("note", &[of, &set, by].concat());
        assert_eq!(
            noted["added"].as_array().unwrap().len(),
            1,
            "{of:?}: {noted}"
        );
    }

    fn note_table(&self, rows: &[(String, &str, &str, &[&str])]) {
        let names = rows.iter().flat_map(|(.., fields)| fields.iter());
        let names: BTreeSet<&str> = names
            .map(|field| field.split_once('=').unwrap().0)
            .collect();
        let header: Vec<&str> = ["lead", "kind", "on", "approver"]
            .into_iter()
            .chain(names.iter().copied())
            .collect();
        let mut lines = vec![header.join(",")];
        for (lead, what, on, fields) in rows {
            let fields: BTreeMap<&str, &str> = fields
                .iter()
                .map(|field| field.split_once('=').unwrap())
                .collect();
            let cells = names
                .iter()
                .map(|name| fields.get(name).copied().unwrap_or_default());
            lines.push(
                [
                    lead.as_str(),
                    *what,
                    *on,
                    if *what == "sent" { APPROVER } else { "" },
                ]
                .into_iter()
                .chain(cells)
                .collect::<Vec<_>>()
                .join(","),
            );
        }
        let file = self.base.root().join("events.csv");
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        let arguments = ["--csv", file.to_str().unwrap(), "--operator", OPERATOR];
        let noted = self.register_json("note", &arguments);
        assert_eq!(
            noted["added"].as_array().unwrap().len(),
            rows.len(),
            "{noted}"
        );
        // Whoever reads it twice changes nothing.
        let again = self.register_json("note", &arguments);
        assert_eq!(
            again["already_there"].as_array().unwrap().len(),
            rows.len(),
            "{again}"
        );
    }

    fn correct(&self, lead: &str, kind: &str, on: &str, fields: &[&str]) {
        let shown = self.register_json("show", &["--lead", lead, "--events"]);
        let events = shown["leads"][0]["events"].as_array().unwrap();
        let wrong = events.iter().find(|event| event["kind"] == kind).unwrap();
        let wrong = wrong["id"].as_str().unwrap();
        self.note(&["--correct", wrong, "--kind", kind, "--on", on], fields);
    }

    /// A person whom the register does not know comes in with an ID number, from a ledger.
    fn import(&mut self, name: &'static str, on: &str) {
        let file = self.base.root().join("colleague.csv");
        let rows = format!(
            "来源,发现日期,姓名,公民身份号码,拟救助项目\n内部移送,{on},{name},{},低保\n",
            id_of(name)
        );
        fs::write(&file, rows).unwrap();
        let policy = self.policy(0);
        let json = self.register_json(
            "import",
            &[
                file.to_str().unwrap(),
                "--policy",
                &policy,
                "--operator",
                OPERATOR,
            ],
        );
        assert_eq!(json["new_leads"], 1, "{json}");
        let shown = self.register_json("show", &["--name", name]);
        let number = shown["leads"][0]["person"].as_str().unwrap().to_owned();
        self.has_number(name, &number);
    }

    /// Audits a round with a second run: nothing may be wrong.
    fn audit(&self, quarter: usize) {
        let (folder, key) = (self.path(quarter, ""), self.path(quarter, "signing.pub"));
        let audit = aidlink(&[
            "audit",
            &folder,
            "--rerun",
            "--public-key",
            &key,
            "--lang",
            "en",
        ]);
        assert_eq!(audit.code, 0, "{}{}", audit.stdout, audit.stderr);
        assert!(!audit.stdout.contains("NOT HELD"), "{}", audit.stdout);
    }

    /// Returns the ledger: the rows of the JSON form, after those of the CSV form said the same.
    fn ledger(&self) -> Vec<Value> {
        let policy = self.policy(3);
        let as_of = END.to_string();
        let write = |format: &str, language: &str| {
            let out = self.base.root().join(format!("ledger-{language}.{format}"));
            let arguments = [
                "--policy",
                &policy,
                "--as-of",
                &as_of,
                "--format",
                format,
                "--out",
                out.to_str().unwrap(),
            ];
            let register = self.base.root().join("register/register.db");
            let done = aidlink(
                &[
                    &[
                        "register",
                        "export",
                        "--register",
                        register.to_str().unwrap(),
                        "--lang",
                        language,
                    ][..],
                    &arguments,
                ]
                .concat(),
            );
            assert_eq!(done.code, 0, "{}", done.stderr);
            fs::read(out).unwrap()
        };
        let json: Value = serde_json::from_slice(&write("json", "en")).unwrap();
        let rows = json["leads"].as_array().unwrap().clone();
        for language in ["en", "zh"] {
            let bytes = write("csv", language);
            let csv = csv::Reader::from_reader(&bytes[3..]).into_records();
            let csv: Vec<csv::StringRecord> = csv.map(Result::unwrap).collect();
            assert_eq!(csv.len(), rows.len());
            for (record, row) in csv.iter().zip(&rows) {
                let cells: Vec<String> = row
                    .as_object()
                    .unwrap()
                    .values()
                    .map(|cell| text_of(cell, language))
                    .collect();
                // Both forms have the same columns, in the same order or not.
                let sorted = |mut cells: Vec<String>| {
                    cells.sort();
                    cells
                };
                assert_eq!(
                    sorted(record.iter().map(str::to_owned).collect()),
                    sorted(cells),
                    "{row}"
                );
            }
        }
        rows
    }
}

fn key_of(name: &str, aid: &str) -> Key {
    const AIDS: [&str; 8] = [
        "dibao",
        "legal_aid",
        "temporary_relief",
        "education_assistance",
        "return_to_school",
        "youth_training",
        "disabled_vocational_training",
        "judicial_aid",
    ];
    let (name, ..) = everybody()
        .find(|(one, ..)| *one == name)
        .unwrap_or_else(|| panic!("{name} is nobody of the town"));
    let aid = AIDS.into_iter().find(|one| *one == aid);
    (
        name,
        aid.unwrap_or_else(|| panic!("nobody needs another aid than those of the town")),
    )
}

/// The text of a cell of the ledger in a language; empty if nothing is in it.
fn text_of(cell: &Value, language: &str) -> String {
    match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(word) => word[language].as_str().unwrap().to_owned(),
        other => other.to_string(),
    }
}

/// A sheet of an ODS spreadsheet.
fn ods_sheet(name: &str, rows: &[Vec<String>]) -> String {
    let escape = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('\n', " ")
    };
    let cell = |text: &String| match text.is_empty() {
        true => "<table:table-cell/>".to_owned(),
        false => format!(
            "<table:table-cell office:value-type=\"string\"><text:p>{}</text:p></table:table-cell>",
            escape(text)
        ),
    };
    let row = |cells: &Vec<String>| {
        format!(
            "<table:table-row>{}</table:table-row>",
            cells.iter().map(cell).collect::<String>()
        )
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<table:table table:name=\"{}\">{rows}</table:table>",
        escape(name)
    )
}

// ---------------------------------------------------------------- the year

#[test]
fn a_year_of_rounds_shows_no_lead_twice_unsaid_and_loses_none() {
    let mut office = Office::new();
    let mut model = Model::default();
    let mut listed_before: BTreeSet<Key> = BTreeSet::new();
    let mut reasons: BTreeSet<NotListed> = BTreeSet::new();
    for (at, quarter) in YEAR.iter().enumerate() {
        let round = quarter.round;
        office.make(at);
        let file = office.path(at, "round.toml");
        let run = aidlink(&["run", &file, "--lang", "en"]);
        assert!(
            matches!(run.code, 0 | 3),
            "{round}: {}{}",
            run.stdout,
            run.stderr
        );

        // What is listed is what the model says, and what is not has its reason there.
        let (expected, not_listed) = model.lists(at);
        let lists = office.lists(at);
        let keys = |keys: Vec<&Key>| keys.into_iter().copied().collect::<BTreeSet<Key>>();
        assert_eq!(
            keys(lists.keys().collect()),
            keys(expected.keys().collect()),
            "{round}"
        );
        for (key, (list, row)) in &lists {
            let (status, why) = &expected[key];
            let zh = [
                ("new", "新增"),
                ("carried", "续办"),
                ("open again", "重新列出"),
            ];
            let (_, zh) = zh.iter().find(|(en, _)| en == status).unwrap();
            assert_eq!(row["线索状态"], *zh, "{round} {key:?}");
            assert_eq!(
                row["线索状态"] == "新增",
                !listed_before.contains(key) && !model.leads.contains_key(key),
                "{round} {key:?}"
            );
            assert_eq!(
                row["重新列出原因"].is_empty(),
                why.is_empty(),
                "{round} {key:?}: {}",
                row["重新列出原因"]
            );
            let (_, born, _) = everybody().find(|(one, ..)| *one == key.0).unwrap();
            assert_eq!(
                list.ends_with(".minors.csv"),
                is_minor(born, quarter.as_of),
                "{round} {key:?}"
            );
            let (number, _) = row["线索编号"].rsplit_once('-').unwrap();
            office.has_number(key.0, number);
        }
        assert_eq!(
            expected.len() + not_listed.len(),
            expected
                .keys()
                .chain(not_listed.keys())
                .chain(model.leads.keys())
                .collect::<BTreeSet<_>>()
                .len(),
            "{round}"
        );
        reasons.extend(not_listed.into_values());
        office.says_why(at, &expected);

        // The register takes it, and counts what the lists said.
        let key = office.path(at, "signing.pub");
        let taken = office.register_json("take", &[&file, "--public-key", &key]);
        for (counted, status) in [
            ("new", "new"),
            ("carried", "carried"),
            ("reopened", "open again"),
        ] {
            let count = expected.values().filter(|(one, _)| *one == status).count();
            assert_eq!(taken[counted], count, "{round} {counted}: {taken}");
        }
        model.take(at);
        listed_before.extend(expected.into_keys());

        // Decisions come back, and other things happen.
        let files = office.fill_in(at);
        let mut arguments = vec![file.as_str()];
        arguments.extend(files.iter().map(String::as_str));
        arguments.extend(["--public-key", &key]);
        let decided = office.register_json("decide", &arguments);
        let recorded: u64 = decided["recorded"]
            .as_object()
            .unwrap()
            .values()
            .map(|count| count.as_u64().unwrap())
            .sum();
        assert_eq!(
            recorded,
            quarter.decisions.len() as u64,
            "{round}: {decided}"
        );
        office.record(quarter);
        model.record(quarter);
        // Open is what nobody has decided, in this round or before.
        let open = lists
            .keys()
            .filter(|key| !model.leads[*key].cells.contains_key("finding"));
        assert_eq!(
            decided["open"].as_array().unwrap().len(),
            open.count(),
            "{round}"
        );

        assert_eq!(office.register_json("verify", &[])["held"], true, "{round}");
        office.audit(at);
        let policy = office.policy(at);
        office.register_json(
            "due",
            &[
                "--policy",
                &policy,
                "--as-of",
                &quarter.decided_on.to_string(),
                "--all",
            ],
        );
    }
    // Every kind of reason occurred, so the year tests each of them.
    assert_eq!(reasons.len(), 3, "{reasons:?}");

    // At the end every row of the ledger is what the script made of the lead.
    let rows = office.ledger();
    let expected = model.ledger();
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for row in &rows {
        let lead = row["lead"].as_str().unwrap();
        let key = key_of(
            row["name"].as_str().unwrap(),
            lead.rsplit_once('-').unwrap().1,
        );
        assert!(seen.insert(key), "{key:?} is in the ledger twice");
        office.has_number(key.0, row["person"].as_str().unwrap());
        assert_eq!(lead, office.lead_number(key));
        // Cells that say which lead it is, and nothing of what became of it.
        const GIVEN: [&str; 12] = [
            "number",
            "lead",
            "person",
            "name",
            "aid",
            "agency",
            "unit",
            "handler",
            "case_number",
            "sex",
            "age",
            "evidence",
        ];
        let cells = row.as_object().unwrap().iter();
        let cells: BTreeMap<&str, String> = cells
            .map(|(name, cell)| (name.as_str(), text_of(cell, "en")))
            .filter(|(name, text)| !text.is_empty() && !GIVEN.contains(name))
            .collect();
        let expected = expected
            .get(&key)
            .unwrap_or_else(|| panic!("{key:?} is no lead of the year"));
        if cells != *expected {
            wrong.push(format!(
                "{key:?}\n  is     {cells:?}\n  is not {expected:?}"
            ));
        }
        // The round that first saw it.
        let shown = office.register_json("show", &["--lead", lead, "--events"]);
        let events = shown["leads"][0]["events"].as_array().unwrap().iter();
        let rounds: Vec<&str> = events
            .filter_map(|event| event["fields"]["round"]["id"].as_str())
            .collect();
        assert_eq!(
            rounds.first().copied(),
            model.leads[&key].first_round,
            "{key:?}"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        seen,
        model.leads.keys().copied().collect(),
        "a lead is lost"
    );
    assert!(listed_before.is_subset(&seen));
    // Late is late wherever one looks.
    let policy = office.policy(3);
    let due = office.register_json(
        "due",
        &["--policy", &policy, "--as-of", &END.to_string(), "--all"],
    );
    let late = due["due"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["standing"] == "late");
    let late: BTreeSet<&str> = late.map(|one| one["lead"].as_str().unwrap()).collect();
    let expected: BTreeSet<String> = expected
        .iter()
        .filter(|(_, cells)| cells.contains_key("late"))
        .map(|(key, _)| office.lead_number(*key))
        .collect();
    assert!(expected.len() > 4);
    assert_eq!(late, expected.iter().map(String::as_str).collect());
    // Whatever was recorded since, each round can be run again as it was.
    for at in 0..YEAR.len() {
        office.audit(at);
    }
}

impl Office {
    /// The lists say why a lead is listed again.
    fn says_why(&self, quarter: usize, expected: &BTreeMap<Key, (&'static str, String)>) {
        let listed = self.lists(quarter);
        for (key, (status, why)) in expected.iter().filter(|(_, (_, why))| !why.is_empty()) {
            let said = &listed[key].1["重新列出原因"];
            let zh = match why.as_str() {
                "The case changed materially of late" => "案件近期有重大变更",
                "such a lead is listed in every round" => "这种情形每轮都重新列出",
                why if why.starts_with("the standard changed") => "标准自2026-04-01起已调整",
                why if why.starts_with("the period of 6 months") => "已超过不再提示的期间（6个月）",
                why if why.ends_with("found again by a round") => "联合筛查再次发现",
                why if why.ends_with("a relative asked") => "本人或亲属提出",
                other => panic!("{other}"),
            };
            assert!(said.contains(zh), "{key:?} {status}: {said}");
        }
    }
}
