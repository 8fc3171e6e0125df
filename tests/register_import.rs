//! A ledger that was kept before the register, and an export of referrals, come into it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::register::Kept;
use crate::support::{CommandResult, csv_records};

const HEADER: [&str; 33] = [
    "序号",
    "线索编号",
    "人员编号",
    "来源",
    "发现日期",
    "办案单位",
    "案号",
    "姓名",
    "性别",
    "年龄",
    "未成年",
    "户籍地",
    "困难印证",
    "司法救助（状态）",
    "司法救助日期",
    "司法救助金额（元）",
    "拟救助项目",
    "接收单位",
    "核查结论",
    "理由",
    "核查人",
    "核查日期",
    "权利告知日期",
    "意愿",
    "审批人",
    "移送文号",
    "移送日期",
    "签收日期",
    "反馈日期",
    "反馈结果",
    "落实金额（元）",
    "起始日期",
    "备注",
];

/// A row of [`HEADER`] with these columns filled in.
fn row(filled: &[(&str, &str)]) -> Vec<String> {
    let mut cells = vec![String::new(); HEADER.len()];
    for (name, text) in filled {
        let at = HEADER.iter().position(|header| header == name);
        cells[at.unwrap_or_else(|| panic!("{name}"))] = (*text).to_owned();
    }
    cells
}

fn write_csv(kept: &Kept, name: &str, rows: &[Vec<String>]) -> PathBuf {
    let path = kept.path(name);
    let line = |row: &Vec<String>| row.join(",") + "\n";
    fs::write(&path, rows.iter().map(line).collect::<String>()).unwrap();
    path
}

fn header() -> Vec<String> {
    HEADER.map(str::to_owned).to_vec()
}

fn import(kept: &Kept, file: &Path, more: &[&str]) -> CommandResult {
    let mut all = vec![
        file.to_str().unwrap(),
        "--policy",
        "shaoguan",
        "--operator",
        "李登记",
    ];
    all.extend(more);
    kept.run("import", &all)
}

fn import_json(kept: &Kept, file: &Path, more: &[&str]) -> (i32, Value) {
    let mut all = more.to_vec();
    all.push("--json");
    let result = import(kept, file, &all);
    let json = serde_json::from_str(&result.stdout);
    (
        result.code,
        json.unwrap_or_else(|_| panic!("{}{}", result.stdout, result.stderr)),
    )
}

fn export(kept: &Kept, format: &str, name: &str, language: &str) -> PathBuf {
    let out = kept.path(name);
    let file = kept.file("");
    let done = crate::support::aidlink(&[
        "register",
        "export",
        "--register",
        file.to_str().unwrap(),
        "--policy",
        "shaoguan",
        "--as-of",
        "2026-11-20",
        "--format",
        format,
        "--out",
        out.to_str().unwrap(),
        "--lang",
        language,
    ]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    out
}

#[test]
fn a_ledger_of_an_office_becomes_events_on_their_days() {
    let kept = Kept::new();
    let rows = [
        vec!["救助线索台账（2026年）".to_owned()],
        header(),
        row(&[
            ("序号", "1"),
            ("线索编号", "2026-017"),
            ("来源", "信访"),
            ("发现日期", "2026年9月1日"),
            ("姓名", "王小明"),
            ("性别", "男"),
            ("年龄", "52岁"),
            ("户籍地", "某县某镇"),
            ("案号", "（2026）粤9901刑初7号"),
            ("司法救助（状态）", "已发放"),
            ("司法救助日期", "2026-08-20"),
            ("司法救助金额（元）", "20000"),
            ("拟救助项目", "低保"),
            ("接收单位", "韶关市民政局"),
            ("核查结论", "确认"),
            ("核查人", "张核"),
            ("核查日期", "2026/9/3"),
            ("权利告知日期", "20260902"),
            ("意愿", "同意"),
            ("审批人", "赵主任"),
            ("移送文号", "粤检移〔2026〕1号"),
            ("移送日期", "2026.9.4"),
            ("签收日期", "2026-09-07"),
            ("反馈日期", "2026-09-14"),
            ("反馈结果", "符合"),
            ("落实金额（元）", "650.50"),
            ("起始日期", "2026-10-01"),
            ("备注", "原台账"),
        ]),
        row(&[
            ("序号", "2"),
            ("来源", "单位移送"),
            ("发现日期", "2026-09-08"),
            ("姓名", "李小红"),
            ("案号", "（2026）粤9901刑初8号"),
            ("拟救助项目", "临时救助"),
            ("核查结论", "不予移送"),
            ("理由", "收入超标"),
            ("核查日期", "2026-09-10"),
        ]),
        row(&[
            ("序号", "3"),
            ("发现日期", "2026-09-08"),
            ("姓名", "陈小刚"),
            ("拟救助项目", "本地没有的项目"),
        ]),
        row(&[
            ("序号", "4"),
            ("发现日期", "十月"),
            ("姓名", "周小兰"),
            ("拟救助项目", "低保"),
        ]),
        row(&[
            ("序号", "5"),
            ("发现日期", "2026-09-08"),
            ("姓名", "吴小山"),
            ("拟救助项目", "低保"),
            ("签收日期", "2026-09-20"),
        ]),
    ];
    let file = write_csv(&kept, "ledger.csv", &rows);
    let (code, json) = import_json(&kept, &file, &[]);
    assert_eq!(code, 3);
    assert_eq!(
        (&json["rows"], &json["new_leads"]),
        (&5.into(), &3.into()),
        "{json}"
    );
    let refused: Vec<(u64, &str)> = json["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["row"].as_u64().unwrap(),
                one["column"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        refused,
        [(5, "拟救助项目"), (6, "发现日期"), (7, "签收日期")]
    );
    // The step that the workflow refuses is told with what is allowed.
    let hint = json["refused"][2]["hint"]["en"].as_str().unwrap();
    assert!(hint.contains("checked: confirmed"), "{hint}");
    assert_eq!(json["without_token"].as_array().unwrap().len(), 3);
    let shown = kept.json("show", &["--name", "王小明", "--events"]);
    let lead = &shown["leads"][0];
    assert_eq!(
        (&lead["stage"], &lead["agency"]),
        (&"delivered".into(), &"civil-affairs".into())
    );
    let events: Vec<(&str, &str)> = lead["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            (
                event["kind"].as_str().unwrap(),
                event["on"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        events,
        [
            ("found", "2026-09-01"),
            ("judicial_aid", "2026-08-20"),
            ("told_rights", "2026-09-02"),
            ("checked", "2026-09-03"),
            ("consent", "2026-09-03"),
            ("approved", "2026-09-03"),
            ("sent", "2026-09-04"),
            ("signed_for", "2026-09-07"),
            ("replied", "2026-09-14"),
            ("granted", "2026-10-01"),
        ]
    );
    let found = &lead["events"][0]["fields"];
    assert_eq!(
        (&found["source"], &found["about"]["age"]),
        (&"petition".into(), &52.into())
    );
    assert_eq!(found["remark"], "原台账；原线索编号：2026-017");
    let rejected = kept.json("show", &["--name", "李小红"]);
    assert_eq!(
        (
            &rejected["leads"][0]["stage"],
            &rejected["leads"][0]["reason"]
        ),
        (&"closed".into(), &"income".into())
    );
    // The same file again changes nothing, and tells the same.
    let before = kept.json("verify", &[])["head"].clone();
    let (_, again) = import_json(&kept, &file, &[]);
    assert_eq!(again["added"], serde_json::json!({}), "{again}");
    assert_eq!(again["refused"].as_array().unwrap().len(), 3);
    assert_eq!(kept.json("verify", &[])["head"], before);
    let said = import(&kept, &file, &[]);
    for words in [
        "row 5, column `拟救助项目`",
        "5 rows: 0 leads and 0 events recorded",
    ] {
        assert!(said.stdout.contains(words), "{words}: {}", said.stdout);
    }
    // What was not taken in goes to a file.
    let refused = kept.path("refused.csv");
    import(&kept, &file, &["--refused", refused.to_str().unwrap()]);
    assert_eq!(csv_records(&fs::read(&refused).unwrap()).len(), 3);
    assert_eq!(crate::register::mode(&refused), 0o600);
}

/// Every stage, from `register export` of one register into another.
#[test]
fn what_export_writes_comes_back_in_whole() {
    let kept = Kept::new();
    let mut lines = vec!["来源,方向,发现日期,姓名,案号,拟救助项目,移送单位,未成年".to_owned()];
    let names: Vec<String> = (0..16).map(|at| format!("某{at}")).collect();
    for (at, name) in names.iter().enumerate() {
        let aid = if at >= 13 {
            "司法救助"
        } else {
            "最低生活保障"
        };
        let agency = if at >= 13 {
            "检察机关"
        } else {
            "民政部门"
        };
        lines.push(format!(
            "内部移送,,2026-09-01,{name},（2026）粤9901刑初{at}号,{aid},{agency},否"
        ));
    }
    let start = kept.path("start.csv");
    fs::write(&start, lines.join("\n") + "\n").unwrap();
    let mut all = vec![
        start.to_str().unwrap(),
        "--policy",
        "national",
        "--operator",
        "李登记",
    ];
    all.push("--json");
    let started = kept.run("import", &all);
    assert_eq!(started.code, 0, "{}{}", started.stdout, started.stderr);
    let lead_of = |name: &str| {
        let shown = kept.json("show", &["--name", name]);
        shown["leads"]
            .as_array()
            .unwrap()
            .iter()
            .find(|lead| lead["names"][0] == name)
            .unwrap()["lead"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    type Steps = Vec<(&'static str, &'static str, Vec<&'static str>)>;
    let confirmed = (
        "checked",
        "2026-09-03",
        vec!["finding=confirmed", "decided_by=张核"],
    );
    let sent = ("sent", "2026-09-04", vec!["as=ordinary", "letter=移1号"]);
    let advance = ("sent", "2026-09-04", vec!["as=advance", "reasons=生活无着"]);
    let signed = ("signed_for", "2026-09-07", vec![]);
    let eligible = ("replied", "2026-09-10", vec!["reply=eligible"]);
    let procedure = ("replied", "2026-09-10", vec!["reply=procedure"]);
    let told = (
        "told_outcome",
        "2026-09-12",
        vec!["by=procuratorate", "way=post"],
    );
    let granted = (
        "granted",
        "2026-09-20",
        vec!["from=2026-10-01", "amount=650.5", "per=month"],
    );
    let histories: Vec<Steps> = vec![
        vec![],
        vec![
            ("told_rights", "2026-09-02", vec!["way=in_person"]),
            confirmed.clone(),
            ("consent", "2026-09-04", vec!["answer=given", "by=guardian"]),
        ],
        vec![(
            "checked",
            "2026-09-03",
            vec!["finding=rejected", "reason=dead"],
        )],
        vec![
            confirmed.clone(),
            ("consent", "2026-09-05", vec!["answer=refused", "by=person"]),
        ],
        vec![
            confirmed.clone(),
            advance.clone(),
            (
                "material",
                "2026-09-04",
                vec!["item=收入证明", "state=owed"],
            ),
        ],
        vec![
            confirmed.clone(),
            sent.clone(),
            signed.clone(),
            ("returned", "2026-09-09", vec!["why=incomplete"]),
        ],
        vec![
            confirmed.clone(),
            sent.clone(),
            signed.clone(),
            procedure.clone(),
            told.clone(),
            ("applied_at", "2026-09-15", vec!["office=某镇"]),
        ],
        vec![
            confirmed.clone(),
            sent.clone(),
            signed.clone(),
            (
                "replied",
                "2026-09-10",
                vec!["reply=not_eligible", "reason=property"],
            ),
            told.clone(),
        ],
        vec![
            confirmed.clone(),
            sent.clone(),
            signed.clone(),
            eligible.clone(),
            granted.clone(),
            ("visit_planned", "2026-09-21", vec!["day=2027-01-10"]),
        ],
        vec![
            confirmed.clone(),
            sent.clone(),
            signed.clone(),
            eligible.clone(),
            granted.clone(),
            ("visited", "2026-10-20", vec!["result=solved"]),
        ],
        vec![
            confirmed.clone(),
            sent.clone(),
            ("replied", "2026-09-10", vec!["reply=receives"]),
        ],
        vec![
            confirmed.clone(),
            ("moved", "2026-09-06", vec!["office=某县检察院"]),
        ],
        vec![
            (
                "judicial_aid",
                "2026-08-20",
                vec!["step=paid", "amount=20000"],
            ),
            ("closed", "2026-09-20", vec!["reason=no_contact"]),
        ],
        vec![("checked", "2026-09-03", vec!["finding=needs_more"])],
        vec![
            confirmed.clone(),
            ("judicial_aid", "2026-09-10", vec!["step=applied"]),
        ],
        vec![
            confirmed,
            (
                "judicial_aid",
                "2026-09-10",
                vec!["step=paid", "amount=30000"],
            ),
        ],
    ];
    for (name, steps) in names.iter().zip(&histories) {
        let lead = lead_of(name);
        for (kind, on, set) in steps {
            let mut arguments = vec!["--lead", &lead, "--kind", kind, "--on", on];
            for field in set {
                arguments.extend(["--set", field]);
            }
            let noted = kept.note(&arguments);
            assert_eq!(noted.code, 0, "{name} {kind}: {}", noted.stdout);
        }
    }
    let stages = |kept: &Kept| {
        let shown = kept.json("show", &[]);
        let mut leads: Vec<String> = shown["leads"]
            .as_array()
            .unwrap()
            .iter()
            .map(|lead| {
                format!(
                    "{} {} {} {}",
                    lead["names"][0], lead["stage"], lead["since"], lead["closure"]
                )
            })
            .collect();
        leads.sort();
        leads
    };
    let before = stages(&kept);
    let ledger = csv_records(&fs::read(export(&kept, "csv", "before.csv", "zh")).unwrap());
    for (format, language) in [("csv", "zh"), ("xlsx", "zh"), ("csv", "en"), ("xlsx", "en")] {
        let file = export(
            &kept,
            format,
            &format!("{format}-{language}.{format}"),
            language,
        );
        // Into the same register: nothing changes.
        let head = kept.json("verify", &[])["head"].clone();
        let (code, json) = import_json(&kept, &file, &[]);
        assert_eq!(
            (code, &json["refused"]),
            (0, &serde_json::json!([])),
            "{format} {language}: {json}"
        );
        assert_eq!(json["added"], serde_json::json!({}), "{format} {language}");
        assert_eq!(kept.json("verify", &[])["head"], head);
        // Into a new one: everything is there.
        let other = Kept::new();
        let (code, json) = import_json(&other, &file, &[]);
        assert_eq!(
            (code, &json["refused"]),
            (0, &serde_json::json!([])),
            "{format} {language}: {json}"
        );
        assert_eq!(
            json["notes"],
            serde_json::json!([]),
            "{format} {language}: {json}"
        );
        assert_eq!(
            json["columns_not_read"],
            serde_json::json!([]),
            "{format} {language}"
        );
        assert_eq!(stages(&other), before, "{format} {language}");
        let again = csv_records(&fs::read(export(&other, "csv", "again.csv", "zh")).unwrap());
        assert_eq!(again, ledger, "{format} {language}");
    }
}

#[test]
fn id_numbers_only_make_tokens_and_rows_of_one_person_go_together() {
    let kept = Kept::new();
    let file = kept.path("ledger.csv");
    // Synthetic numbers of a region that was never assigned.
    let rows = "姓名,公民身份号码,拟救助项目,发现日期\n\
        王小明,449901197603152832,低保,2026-09-01\n\
        王小明,449901197603152832,临时救助,2026-09-02\n\
        李小红,449901199001010110,低保,2026-09-01\n";
    let check = |seventeen: &str| {
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let sum: u32 = seventeen
            .bytes()
            .zip(weights)
            .map(|(digit, weight)| u32::from(digit - b'0') * weight)
            .sum();
        let digit = b"10X98765432"[(sum % 11) as usize] as char;
        format!("{seventeen}{digit}")
    };
    let one = check("44990119760315283");
    let bad = "449901199001010110";
    let bad = if check("44990119900101011") == bad {
        "449901199001010111"
    } else {
        bad
    };
    let rows = rows
        .replace("449901197603152832", &one)
        .replace("449901199001010110", bad);
    fs::write(&file, &rows).unwrap();
    let (code, json) = import_json(&kept, &file, &[]);
    assert_eq!((code, &json["new_leads"]), (3, &2.into()), "{json}");
    assert_eq!(json["refused"][0]["column"], "公民身份号码");
    assert_eq!(json["without_token"], serde_json::json!([]));
    assert!(!json.to_string().contains(bad));
    assert_eq!(kept.json("verify", &[])["head"]["persons"], 1);
    let bytes = fs::read(kept.file("")).unwrap();
    assert!(!bytes.windows(18).any(|window| window == one.as_bytes()));
    // Without the key nothing is taken in.
    fs::rename(kept.path("register/register.key"), kept.path("away.key")).unwrap();
    let result = import(&kept, &file, &[]);
    assert_eq!(result.code, 2, "{}", result.stdout);
    let key = kept.path("away.key");
    let (_, json) = import_json(&kept, &file, &["--register-key", key.to_str().unwrap()]);
    assert_eq!(json["added"], serde_json::json!({}));
}

#[test]
fn rows_that_contradict_each_other_or_name_another_person_are_told() {
    let kept = Kept::new();
    let file = kept.path("ledger.csv");
    let rows = "线索编号,姓名,拟救助项目,发现日期,核查结论,核查日期\n\
        04HM-ASW9-dibao,王小明,低保,2026-09-01,确认,2026-09-03\n\
        04HM-ASW9-dibao,王小明,低保,2026-09-01,需补充核实,2026-09-03\n\
        1111-1111-dibao,李小红,低保,2026-09-01,,\n\
        1111-1111-dibao,李小红,低保,2026-09-01,,\n\
        1111-1111-temporary_relief,陈小刚,临时救助,2026-09-01,,\n\
        2222-2222-dibao,周小兰,临时救助,2026-09-01,,\n";
    fs::write(&file, rows).unwrap();
    let (code, json) = import_json(&kept, &file, &[]);
    assert_eq!((code, &json["new_leads"]), (3, &1.into()), "{json}");
    let told: Vec<(u64, String)> = json["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["row"].as_u64().unwrap(),
                one["message"]["en"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let rows: Vec<u64> = told.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, [2, 3, 6, 7]);
    assert!(
        told[0].1.contains("rows 2, 3 are of the lead"),
        "{}",
        told[0].1
    );
    assert!(
        told[2].1.contains("the number is that of row 4"),
        "{}",
        told[2].1
    );
    assert!(told[3].1.contains("do not agree"), "{}", told[3].1);
    // The register's own persons keep their names.
    let file = kept.path("other.csv");
    fs::write(
        &file,
        "线索编号,姓名,拟救助项目,发现日期\n1111-1111-dibao,吴小山,低保,2026-09-01\n",
    )
    .unwrap();
    let (_, json) = import_json(&kept, &file, &[]);
    assert_eq!(json["refused"][0]["column"], "姓名", "{json}");
    // A number of a person in the place of a lead's.
    for number in [crate::cells::id(7).as_str(), "13800001234"] {
        let row = format!("{number},吴小山,低保,2026-09-01\n");
        fs::write(&file, format!("线索编号,姓名,拟救助项目,发现日期\n{row}")).unwrap();
        let (_, json) = import_json(&kept, &file, &[]);
        assert_eq!(json["refused"][0]["column"], "线索编号", "{json}");
        assert!(!json.to_string().contains(number), "{json}");
    }
}

/// A clerk selects the whole table and sorts it, with its header.
#[test]
fn rows_above_the_header_of_a_ledger_are_told_and_titles_are_not() {
    let header = "序号,姓名,拟救助项目,发现日期";
    let title = "救助线索台账（2026年）,,,\n填表单位：,某院,,\n基本情况,,线索情况,\n";
    let rows = [
        "1,王小明,低保,2026-09-01",
        "2,李小红,临时救助,2026-09-02",
        "3,陈小刚,低保,2026-09-03",
    ];
    for above in 0..=rows.len() {
        let kept = Kept::new();
        let file = kept.path("ledger.csv");
        let (before, after) = rows.split_at(above);
        let all = [before, &[header], after].concat();
        fs::write(&file, format!("{title}{}\n", all.join("\n"))).unwrap();
        let (code, json) = import_json(&kept, &file, &[]);
        assert_eq!(code, if above > 0 { 3 } else { 0 }, "{json}");
        assert_eq!(json["new_leads"], rows.len() - above, "{json}");
        let told = json["refused"].as_array().unwrap().iter();
        let told: Vec<u64> = told.map(|one| one["row"].as_u64().unwrap()).collect();
        let expected: Vec<u64> = (4..).take(above).collect();
        assert_eq!(told, expected, "{json}");
        let text = json["refused"].to_string();
        assert!(above == 0 || text.contains("no header above"), "{text}");
        assert!(!text.contains("王小明"), "{text}");
    }
    // Whatever offices write above a table.
    let titles = [
        "填报单位,某院,填报日期,2026年9月30日",
        "统计期间,2026-07-01,至,2026-09-30",
        "救助项目：,低保,临时救助,司法救助",
        "登记表,2025-2026,,",
        "2025-2026,登记表,第1号,",
    ];
    for title in titles {
        let kept = Kept::new();
        let file = kept.path("ledger.csv");
        fs::write(&file, format!("{title}\n{header}\n{}\n", rows[0])).unwrap();
        let (code, json) = import_json(&kept, &file, &[]);
        assert_eq!(
            (code, &json["new_leads"]),
            (0, &1.into()),
            "{title}: {json}"
        );
    }
    // Nothing is too little or too much beside a number.
    for row in [
        "04HM-ASW9-dibao,,,",
        "04HM-ASW9-dibao（已联系）,王小明,,",
        "线索04HM-ASW9-dibao已联系,王小明,,",
        "（04HM-ASW9）,王小明,,",
    ] {
        let kept = Kept::new();
        let file = kept.path("ledger.csv");
        fs::write(&file, format!("{row}\n{header}\n{}\n", rows[0])).unwrap();
        let (code, json) = import_json(&kept, &file, &[]);
        assert_eq!((code, &json["new_leads"]), (3, &1.into()), "{row}: {json}");
        assert_eq!(json["refused"][0]["row"], 1, "{row}: {json}");
    }
    // A wide ledger that was sorted with its header, and wide titles.
    for (row, told) in [
        ("1,王小明,,9月上旬,449901197603152832,", 1),
        ("1,王小明,低保,9月上旬,H005,女", 1),
        ("1,王小明,,2026-09-01,H005,女", 1),
        ("救助项目：,低保,临时救助,司法救助,特困,", 0),
        ("填报单位,某院,填报人,张核,审核人,李核", 0),
    ] {
        let kept = Kept::new();
        let file = kept.path("ledger.csv");
        let table = format!("{row}\n{header},案号,性别\n{},H009,女\n", rows[0]);
        fs::write(&file, table).unwrap();
        let (_, json) = import_json(&kept, &file, &[]);
        let refused = json["refused"].as_array().unwrap();
        assert_eq!(
            (refused.len(), &json["new_leads"]),
            (told, &1.into()),
            "{row}: {json}"
        );
    }
    // A header with a cell of years.
    let kept = Kept::new();
    let file = kept.path("ledger.csv");
    fs::write(&file, format!("{header},2025-2026\n{},3\n", rows[0])).unwrap();
    let (code, json) = import_json(&kept, &file, &[]);
    assert_eq!((code, &json["new_leads"]), (0, &1.into()), "{json}");
}

/// Sheets whose names are shown alike are told apart.
#[test]
fn a_sheet_without_a_header_is_told_beside_one_that_is_shown_alike() {
    let kept = Kept::new();
    let mut book = rust_xlsxwriter::Workbook::new();
    for (name, header) in [
        ("台账13800138000", "拟救助项目"),
        ("台账13900139000", "类型"),
    ] {
        let sheet = book.add_worksheet();
        sheet.set_name(name).unwrap();
        for (column, text) in (0..).zip(["姓名", header, "发现日期"]) {
            sheet.write_string(0, column, text).unwrap();
        }
        for (column, text) in (0..).zip(["王小明", "低保", "2026-09-01"]) {
            sheet.write_string(1, column, text).unwrap();
        }
    }
    let file = kept.path("ledger.xlsx");
    book.save(&file).unwrap();
    let (_, json) = import_json(&kept, &file, &[]);
    assert_eq!(json["new_leads"], 1, "{json}");
    let sheets = json["sheets_not_read"].as_object().unwrap();
    assert_eq!(sheets.values().collect::<Vec<_>>(), [2], "{json}");
    assert!(!json.to_string().contains("13900139000"), "{json}");
}

/// The program's own ledger, of which an office sorted numbers and names, and no other columns.
#[test]
fn a_number_that_was_sorted_away_from_its_case_is_refused() {
    let kept = Kept::new();
    let file = kept.path("ledger.csv");
    let header = "线索编号,姓名,案号,拟救助项目,发现日期,签收日期";
    let first = "04HM-ASW9-dibao,王小明,案2026甲,低保,2026-09-01,";
    let second = "1111-1111-dibao,李小红,案2026乙,低保,2026-09-01,";
    fs::write(&file, format!("{header}\n{first}\n{second}\n")).unwrap();
    let (code, json) = import_json(&kept, &file, &[]);
    assert_eq!((code, &json["new_leads"]), (0, &2.into()), "{json}");
    for (case, code) in [
        ("案2026乙", 3),
        ("案 2026 乙（已结）", 3),
        ("案2026甲", 0),
        ("案2026丙、案 2026 甲", 0),
        ("案2026乙\u{3000}案2026甲等", 0),
        // Nobody has it: it was corrected since, or a spreadsheet spoilt it.
        ("案2026丙", 0),
        ("1.66E+17", 0),
        ("", 0),
    ] {
        let row = format!("04HM-ASW9-dibao,王小明,{case},低保,2026-09-01,");
        fs::write(&file, format!("{header}\n{row}\n")).unwrap();
        let (found, json) = import_json(&kept, &file, &[]);
        assert_eq!(found, code, "{case}: {json}");
        let refused = json["refused"].as_array().unwrap();
        assert!(refused.iter().all(|one| one["column"] == "案号"), "{json}");
        assert_eq!(refused.len(), usize::from(code == 3), "{json}");
    }
    // Found again in another case: an older ledger comes back, and so does a newer one.
    let again = "04HM-ASW9-temporary_relief,王小明,案2026丁,临时救助,2026-10-01,";
    fs::write(&file, format!("{header}\n{again}\n")).unwrap();
    let (code, json) = import_json(&kept, &file, &[]);
    assert_eq!((code, &json["new_leads"]), (0, &1.into()), "{json}");
    for case in ["案2026甲", "案2026丁"] {
        let row = format!("04HM-ASW9-dibao,王小明,{case},低保,2026-09-01,");
        fs::write(&file, format!("{header}\n{row}\n")).unwrap();
        let (code, json) = import_json(&kept, &file, &[]);
        assert_eq!(code, 0, "{case}: {json}");
    }
}

/// The column of lead numbers is gone, and numbers and names of persons were sorted.
#[test]
fn a_persons_number_that_was_sorted_away_from_its_case_is_refused() {
    let kept = Kept::new();
    let file = kept.path("ledger.csv");
    let header = "人员编号,姓名,案号,拟救助项目,发现日期";
    let first = "04HM-ASW9,王小明,案2026甲,低保,2026-09-01";
    let second = "1111-1111,李小红,案2026乙,临时救助,2026-09-01";
    fs::write(&file, format!("{header}\n{first}\n{second}\n")).unwrap();
    let (code, json) = import_json(&kept, &file, &[]);
    assert_eq!((code, &json["new_leads"]), (0, &2.into()), "{json}");
    let first = "1111-1111,李小红,案2026甲,低保,2026-09-01";
    let second = "04HM-ASW9,王小明,案2026乙,临时救助,2026-09-01";
    fs::write(&file, format!("{header}\n{first}\n{second}\n")).unwrap();
    let (code, json) = import_json(&kept, &file, &[]);
    assert_eq!((code, &json["new_leads"]), (3, &0.into()), "{json}");
    let refused = json["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 2, "{json}");
    assert!(refused.iter().all(|one| one["column"] == "案号"), "{json}");
    assert!(!json.to_string().contains("案2026"), "{json}");
}

/// Signs are all that tells some labels of an office from each other.
#[test]
fn labels_of_a_site_are_compared_with_their_signs() {
    let header = "姓名,拟救助项目,发现日期,核查结论,核查日期,意愿";
    let answers = |labels: &str, cells: &[&str]| -> Vec<String> {
        let kept = Kept::new();
        let reading = kept.path("ledger.toml");
        fs::write(&reading, labels).unwrap();
        let file = kept.path("ledger.csv");
        let reading = ["--reading", reading.to_str().unwrap()];
        let answer = |(at, cell): (usize, &&str)| {
            let row = format!("某{at},低保,2026-09-01,确认,2026-09-03,{cell}");
            fs::write(&file, format!("{header}\n{row}\n")).unwrap();
            let (code, json) = import_json(&kept, &file, &reading);
            if code == 3 {
                return json["refused"][0]["column"].as_str().unwrap().to_owned();
            }
            let shown = kept.json("show", &["--name", &format!("某{at}"), "--events"]);
            let events = shown["leads"][0]["events"].as_array().unwrap();
            let mut answers = events.iter().map(|event| &event["fields"]["answer"]);
            let answer = answers.find_map(Value::as_str);
            answer.unwrap_or_default().to_owned()
        };
        cells.iter().enumerate().map(answer).collect()
    };
    let own = "values.consent.\"√\" = \"given\"\nvalues.consent.\"×\" = \"refused\"\n";
    let other = "values.consent.\"×\" = \"refused\"\nvalues.consent.\"√\" = \"given\"\n";
    for labels in [own, other] {
        assert_eq!(
            answers(labels, &["√", "×", " ×　", "/", "-", "—", "、", "○"]),
            [
                "given", "refused", "refused", "意愿", "意愿", "意愿", "意愿", "意愿"
            ]
        );
    }
    let labels = "values.consent.\"×同意\" = \"refused\"\n\
        values.consent.\"同意？\" = \"not_reachable\"\n\
        values.consent.\"☑同意\" = \"given\"\n\
        values.consent.\"☐同意\" = \"refused\"\n";
    assert_eq!(
        answers(
            labels,
            &[
                "同意",
                "×同意",
                "× 同意",
                "同意?",
                "☑同意",
                "☐同意",
                "√同意",
                "□同意"
            ]
        ),
        [
            "given",
            "refused",
            "refused",
            "not_reachable",
            "given",
            "refused",
            "given",
            "意愿"
        ]
    );
}

/// A label of which nothing is left, and two that are the same.
#[test]
fn labels_of_a_site_that_nothing_tells_apart_are_refused() {
    let kept = Kept::new();
    let file = kept.path("ledger.csv");
    fs::write(&file, "姓名,拟救助项目,发现日期\n王小明,低保,2026-09-01\n").unwrap();
    let reading = kept.path("ledger.toml");
    for (words, told) in [
        ("values.aid.\" \" = \"dibao\"", Some("`values.aid`")),
        ("values.aid.\"\" = \"dibao\"", Some("`values.aid`")),
        (
            "values.aid.\"A类\" = \"dibao\"\nvalues.aid.\"Ａ 类\" = \"tekun\"",
            Some("`values.aid`"),
        ),
        (
            "values.aid.\"A类\" = \"dibao\"\nvalues.aid.\"ａ类\" = \"dibao\"",
            None,
        ),
        (
            "values.aid.\"类\" = \"dibao\"\nvalues.consent.\"类\" = \"given\"",
            None,
        ),
        ("headers = { \"√\" = \"consent\" }", Some("`headers`")),
        (
            "headers = { \"金额*\" = \"granted_amount\", \"金额？\" = \"judicial_aid_amount\" }",
            Some("`headers`"),
        ),
    ] {
        fs::write(&reading, format!("{words}\n")).unwrap();
        let result = import(&kept, &file, &["--reading", reading.to_str().unwrap()]);
        match told {
            None => assert_eq!(result.code, 0, "{words}: {}", result.stderr),
            Some(key) => {
                result.assert_error(2, key);
                assert!(result.stderr.contains("ledger.toml"), "{}", result.stderr);
            }
        }
    }
}

/// Titles and names of a policy hold any sign, and what `export` writes comes back.
#[test]
fn a_ledger_whose_titles_hold_signs_comes_back_in_whole() {
    let kept = Kept::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    for name in ["national.toml", "shaoguan.toml"] {
        let mut text = fs::read_to_string(source.join(name)).unwrap();
        for (old, new) in [
            ("zh = \"最低生活保障\"", "zh = \"最低生活保障+特困\""),
            ("zh = \"临时救助\"", "zh = \"临时救助*\""),
            ("zh = \"特困人员供养\"", "zh = \"0～6岁特困（≤3万元）\""),
            ("韶关市民政局", "韶关市民政局&残联•康复部"),
        ] {
            text = text.replace(old, new);
        }
        fs::write(kept.path(name), text).unwrap();
    }
    let policy = kept.path("shaoguan.toml");
    let policy = policy.to_str().unwrap();
    let import = |kept: &Kept, file: &Path| -> (i32, Value) {
        let file = file.to_str().unwrap();
        let all = [file, "--policy", policy, "--operator", "李登记", "--json"];
        let result = kept.run("import", &all);
        let json = serde_json::from_str(&result.stdout);
        (
            result.code,
            json.unwrap_or_else(|_| panic!("{}", result.stderr)),
        )
    };
    let file = kept.path("ledger.csv");
    let rows = "姓名,拟救助项目,发现日期,接收单位\n\
        王小明,最低生活保障+特困,2026-09-01,韶关市民政局&残联•康复部\n\
        李小红,临时救助*,2026-09-01,\n\
        陈小刚,0～6岁特困（≤3万元）,2026-09-01,\n\
        周小兰,dibao、临时救助*,2026-09-01,\n";
    fs::write(&file, rows).unwrap();
    let (code, json) = import(&kept, &file);
    assert_eq!((code, &json["new_leads"]), (0, &5.into()), "{json}");
    for format in ["csv", "xlsx"] {
        let out = kept.path(&format!("ledger.{format}"));
        let out_text = out.to_str().unwrap();
        fs::remove_file(&out).ok();
        let more = ["--policy", policy, "--format", format, "--out", out_text];
        let done = kept.run("export", &more);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let (code, json) = import(&kept, &out);
        assert_eq!(
            (code, &json["added"]),
            (0, &serde_json::json!({})),
            "{json}"
        );
        let (code, json) = import(&Kept::new(), &out);
        assert_eq!((code, &json["new_leads"]), (0, &5.into()), "{json}");
    }
}

#[test]
fn a_site_names_its_own_headers_and_words_as_in_a_reading_file() {
    let kept = Kept::new();
    let file = kept.path("ledger.csv");
    let rows = "当事人,帮扶内容,何时发现,交给谁,结论,何时结论,杂项\n\
        王小明,低保金,2026-09-01,县民政,属实,2026-09-03,无\n";
    fs::write(&file, rows).unwrap();
    let result = import(&kept, &file, &[]);
    result.assert_error(1, "no row of this file is a header");
    let reading = kept.path("ledger.toml");
    let words = "headers = { \"当事人\" = \"name\", \"帮扶内容\" = \"aid\", \"何时发现\" = \"found_on\", \"交给谁\" = \"agency\", \"结论\" = \"finding\", \"何时结论\" = \"decided_on\" }\n\
        values.aid.\"低保金\" = \"dibao\"\n\
        values.agency.\"县民政\" = \"civil-affairs\"\n\
        values.finding.\"属实\" = \"confirmed\"\n";
    fs::write(&reading, words).unwrap();
    let reading_path = reading.to_str().unwrap();
    let (code, json) = import_json(&kept, &file, &["--reading", reading_path]);
    assert_eq!((code, &json["new_leads"]), (0, &1.into()), "{json}");
    assert_eq!(json["columns_not_read"], serde_json::json!(["杂项"]));
    let shown = kept.json("show", &[]);
    assert_eq!(shown["leads"][0]["stage"], "to_send");
    fs::write(&reading, words.replace("\"name\"", "\"nam\"")).unwrap();
    import(&kept, &file, &["--reading", reading_path]).assert_error(2, "there is no such field");
}

#[test]
fn an_export_of_referrals_comes_in_with_the_steps_that_its_states_stand_for() {
    for (state, reason, direction, stage) in [
        ("未移送", "", "移出", "lead"),
        ("confirmed", "", "移出", "to_send"),
        ("awaiting_receipt", "", "移出", "awaiting_receipt"),
        ("transferred_in_advance", "", "移出", "awaiting_receipt"),
        ("received", "", "移出", "with_agency"),
        ("materials_needed", "", "移出", "with_person"),
        ("under_review", "", "移出", "applied"),
        ("eligible", "", "移出", "to_deliver"),
        ("aid_delivered", "", "移出", "delivered"),
        ("closed", "", "移出", "closed"),
        ("not_suitable", "收入超标", "移出", "closed"),
        ("not_eligible", "财产超标", "移出", "closed"),
        ("declined", "", "移出", "closed"),
        ("dead", "", "移出", "closed"),
        ("jurisdiction_transferred", "", "移出", "moved"),
        ("returned", "非本单位职责", "移出", "to_send"),
    ] {
        let kept = Kept::new();
        let file = kept.path("referrals.csv");
        let rows = format!(
            "身份证号,移送编号,案号,移送方向,救助项目,移送状态,状态日期,理由\n\
             ,04HM-ASW9-dibao,（2026）粤9901刑初7号,{direction},最低生活保障,{state},2026-09-04,{reason}\n"
        );
        let state_is_label = state == "未移送";
        let rows = if state_is_label {
            rows.replace("未移送", "not_referred")
        } else {
            rows
        };
        fs::write(&file, rows).unwrap();
        let (code, json) = import_json(&kept, &file, &[]);
        assert_eq!(
            (code, &json["new_leads"]),
            (0, &1.into()),
            "{state}: {json}"
        );
        let shown = kept.json("show", &[]);
        assert_eq!(shown["leads"][0]["stage"], stage, "{state}: {shown}");
        let (_, again) = import_json(&kept, &file, &[]);
        assert_eq!(again["added"], serde_json::json!({}), "{state}: {again}");
    }
    let kept = Kept::new();
    let file = kept.path("referrals.csv");
    fs::write(
        &file,
        "身份证号,移送编号,救助项目,移送状态,状态日期\n,04HM-ASW9-dibao,最低生活保障,withdrawn,2026-09-04\n",
    )
    .unwrap();
    let (code, json) = import_json(&kept, &file, &[]);
    assert_eq!(
        (code, &json["refused"][0]["column"]),
        (3, &"移送状态".into()),
        "{json}"
    );
}

#[test]
fn a_new_key_makes_the_tokens_anew_and_tells_whom_no_export_has() {
    let kept = Kept::new();
    let check = |seventeen: &str| {
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let digits = seventeen.bytes().zip(weights);
        let sum: u32 = digits
            .map(|(digit, weight)| u32::from(digit - b'0') * weight)
            .sum();
        format!("{seventeen}{}", b"10X98765432"[(sum % 11) as usize] as char)
    };
    let ids = [
        "44990119760315283",
        "44990119900101011",
        "44990119850505123",
    ]
    .map(check);
    let file = kept.path("ledger.csv");
    let rows = format!(
        "姓名,公民身份号码,拟救助项目,发现日期\n王小明,{},低保,2026-09-01\n李小红,{},低保,2026-09-01\n陈小刚,{},低保,2026-09-01\n",
        ids[0], ids[1], ids[2]
    );
    fs::write(&file, &rows).unwrap();
    assert_eq!(import_json(&kept, &file, &[]).0, 0);
    let export = kept.path("cases.csv");
    fs::write(
        &export,
        format!("案号,身份证号\n1,{}\n2,{}\n3,x\n", ids[0], ids[1]),
    )
    .unwrap();
    let new_key = kept.path("new.key");
    let rekey = |because: &str| {
        kept.run(
            "rekey",
            &[
                "--export",
                export.to_str().unwrap(),
                "--new-key",
                new_key.to_str().unwrap(),
                "--operator",
                "李登记",
                "--because",
                because,
                "--json",
            ],
        )
    };
    assert_eq!(rekey("电话13800001234").code, 2);
    assert!(!new_key.exists());
    let done = rekey("密钥保管人离任");
    assert_eq!(done.code, 3, "{}{}", done.stdout, done.stderr);
    let done: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        (&done["persons"], &done["unusable"]),
        (&2.into(), &1.into())
    );
    assert_eq!(done["not_found"][0]["names"][0], "陈小刚");
    assert_eq!(crate::register::mode(&new_key), 0o600);
    // The old key no longer serves; under the new one the same persons are found.
    assert_eq!(import(&kept, &file, &[]).code, 2);
    let key = ["--register-key", new_key.to_str().unwrap()];
    let rows = rows.lines().take(3).collect::<Vec<_>>().join("\n") + "\n";
    fs::write(&file, rows).unwrap();
    let (code, json) = import_json(&kept, &file, &key);
    assert_eq!(
        (code, &json["added"]),
        (0, &serde_json::json!({})),
        "{json}"
    );
    assert_eq!(kept.json("verify", &[])["held"], true);
}

/// A new key is on the disk before the register uses it, so an interrupted command may leave it.
#[test]
fn a_rekeying_that_was_interrupted_goes_on_and_no_key_is_lost() {
    let kept = Kept::new();
    let id = crate::cells::id(41);
    let file = kept.path("ledger.csv");
    let rows = format!("姓名,公民身份号码,拟救助项目,发现日期\n王小明,{id},低保,2026-09-01\n");
    fs::write(&file, rows).unwrap();
    let export = kept.path("case-parties.csv");
    fs::write(&export, format!("case_number,national_id\n1,{id}\n")).unwrap();
    assert_eq!(import_json(&kept, &file, &[]).0, 0);
    let old_key = kept.path("register/register.key");
    let new_key = kept.path("new.key");
    let rekey = |old: &Path, new: &Path| {
        let paths = [&export, old, new].map(|path| path.to_str().unwrap());
        let [export, old, new] = paths;
        let options = ["--export", export, "--register-key", old, "--new-key", new];
        let by = ["--operator", "李登记", "--because", "密钥保管人离任"];
        kept.run("rekey", &[&options[..], &by].concat())
    };
    // Interrupted before the register used the key: the key is used now.
    let register = kept.json("verify", &[])["head"]["register"].clone();
    let left = aidlink_agency::register_token::RegisterKey::create(
        &new_key,
        register.as_str().unwrap(),
        aidlink_contract::token::TokenAlgorithm::HmacSha256,
    );
    let left = left.unwrap();
    let done = rekey(&old_key, &new_key);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains(&left.id()), "{}", done.stdout);
    assert_eq!(kept.json("verify", &[])["head"]["key_id"], left.id());
    // Interrupted after that: nothing is left to do, and nobody deletes the key.
    let bytes = fs::read(&new_key).unwrap();
    rekey(&old_key, &new_key).assert_error(1, "the register uses this key already");
    // A key that the register used is no new one.
    rekey(&new_key, &old_key).assert_error(1, "exists and is not overwritten");
    // Nor is any other file, such as the key of another register.
    let other = Kept::new();
    for file in [other.path("register/register.key"), kept.file("")] {
        rekey(&new_key, &file).assert_error(1, "exists and is not overwritten");
    }
    assert_eq!(fs::read(&new_key).unwrap(), bytes);
    let key = ["--register-key", new_key.to_str().unwrap()];
    assert_eq!(
        import_json(&kept, &file, &key).1["added"],
        serde_json::json!({})
    );
}

/// What is not taken in of a row or a file is told.
#[test]
fn what_a_ledger_says_in_vain_is_told() {
    let kept = Kept::new();
    // A sheet for each aid, of which one has headers that nobody knows.
    let mut book = rust_xlsxwriter::Workbook::new();
    for (name, header) in [("低保", "拟救助项目"), ("临时救助", "类型")] {
        let sheet = book.add_worksheet();
        sheet.set_name(name).unwrap();
        for (column, text) in (0..).zip(["姓名", header, "发现日期", "核查人", "意愿"]) {
            sheet.write_string(0, column, text).unwrap();
        }
        for (column, text) in (0..).zip(["王小明", "低保", "2026-09-01", "张核", ""]) {
            sheet.write_string(1, column, text).unwrap();
        }
    }
    let file = kept.path("ledger.xlsx");
    book.save(&file).unwrap();
    let (code, json) = import_json(&kept, &file, &[]);
    assert_eq!(code, 0, "{json}");
    assert_eq!(json["new_leads"], 1);
    assert_eq!(
        json["sheets_not_read"],
        serde_json::json!({ "临时救助": 2 })
    );
    let notes = json["notes"].to_string();
    // Who decided, without a decision; and a person of whom only the name is known.
    assert!(
        notes.contains("the column that it goes with is empty"),
        "{notes}"
    );
    assert!(notes.contains("known by the name alone"), "{notes}");
    let said = import(&kept, &file, &[]);
    assert!(said.stdout.contains("临时救助"), "{}", said.stdout);
}

/// A word for a late step is no day, as this program or nearly as it writes it. What an office writes
/// of one may hold the day on which it was done.
#[test]
fn a_day_that_begins_with_late_is_told() {
    let late = [
        "逾期5个工作日",
        "late by 1 working day",
        "late by 12 working days",
        "逾期 3 个工作日。",
        "逾期3個工作日",
        "（逾期12天）",
        "逾期",
        "逾期未移送",
        "逾期3天未移送",
        "Late by 2 working days!",
    ];
    let others = [
        "逾期3天于2026-08-30移送",
        "逾期，9月1日移送",
        "逾期移送",
        "逾期未收到，9月1日补送",
        "逾期未收到，九月一日补送",
        "逾期未移送，已于八月三十日移送",
        "逾期3个工作日未移送，次日已移送",
        "逾期未移送，后已移送",
        "逾期5个工作日，9月1日移送",
        "late by a week; sent 2026-09-01",
        "late by 5 working days; sent 2026-09-01",
    ];
    let all = late.into_iter().map(|text| (text, true));
    for (text, is_late) in all.chain(others.into_iter().map(|text| (text, false))) {
        for column in ["移送日期", "签收日期", "反馈日期"] {
            let cells = row(&[
                ("线索编号", "2026-017"),
                ("发现日期", "2026-08-01"),
                ("姓名", "王小明"),
                ("拟救助项目", "低保"),
                (column, text),
            ]);
            let kept = Kept::new();
            let file = write_csv(&kept, "late.csv", &[header(), cells]);
            let (code, json) = import_json(&kept, &file, &[]);
            let told = json["refused"].to_string();
            assert_eq!(code == 0, is_late, "{text} {column}: {json}");
            assert_eq!(told.contains(column), !is_late, "{text} {column}: {told}");
        }
    }
}

/// Whoever is named as the same as in the row above is nobody once the row stands alone.
#[test]
fn a_name_that_points_to_another_row_is_told() {
    for (column, beside) in [
        ("审批人", ("移送日期", "2026-08-20")),
        ("核查人", ("核查结论", "确认")),
    ] {
        for name in ["同上", "（同上）", "同上行", "ditto", "〃"] {
            let cells = row(&[
                ("线索编号", "2026-017"),
                ("发现日期", "2026-08-01"),
                ("姓名", "王小明"),
                ("拟救助项目", "低保"),
                (column, name),
                beside,
            ]);
            let kept = Kept::new();
            let file = write_csv(&kept, "names.csv", &[header(), cells]);
            let (code, json) = import_json(&kept, &file, &[]);
            let told = json["refused"].to_string();
            assert_eq!(code, 3, "{name} {column}: {json}");
            assert!(told.contains(column), "{name} {column}: {told}");
        }
    }
}

/// A person who has an ID number is not found under that of somebody else.
#[test]
fn an_id_number_that_contradicts_the_persons_is_refused() {
    let kept = Kept::new();
    let ledger = |name: &str, rows: &[[&str; 5]]| {
        let header = ["人员编号", "身份证号", "姓名", "拟救助项目", "发现日期"];
        let rows = std::iter::once(&header).chain(rows);
        let lines = rows.map(|row| row.join(",") + "\n");
        let path = kept.path(name);
        fs::write(&path, lines.collect::<String>()).unwrap();
        path
    };
    let [one, other] = [31, 32].map(crate::cells::id);
    let first = ledger(
        "first.csv",
        &[
            ["K7M2-9QXD", &one, "王小明", "低保", "2026-09-01"],
            ["K7M2-9QXG", "", "李小红", "低保", "2026-09-01"],
        ],
    );
    assert_eq!(import_json(&kept, &first, &[]).1["new_leads"], 2);
    let second = ledger(
        "second.csv",
        &[
            // Another number; one that comes too late; the same again.
            ["K7M2-9QXD", &other, "王小明", "临时救助", "2026-09-02"],
            ["K7M2-9QXG", &other, "李小红", "临时救助", "2026-09-02"],
            ["K7M2-9QXD", &one, "王小明", "临时救助", "2026-09-02"],
        ],
    );
    let (code, json) = import_json(&kept, &second, &[]);
    assert_eq!((code, &json["new_leads"]), (3, &1.into()), "{json}");
    let refused = json["refused"].as_array().unwrap();
    let rows: Vec<u64> = refused
        .iter()
        .map(|one| one["row"].as_u64().unwrap())
        .collect();
    assert_eq!(rows, [2, 3], "{json}");
    for number in [&one, &other] {
        assert!(!json.to_string().contains(number.as_str()));
    }
}

/// A later export of the same referrals adds what is new and opens nothing again.
#[test]
fn a_later_export_of_referrals_opens_no_lead_anew() {
    let kept = Kept::new();
    let referrals = |name: &str, state: &str, on: &str| {
        let path = kept.path(name);
        let text =
            format!("移送编号,救助项目,移送状态,状态日期\n04HM-ASW9-dibao,低保,{state},{on}\n");
        fs::write(&path, text).unwrap();
        path
    };
    let first = referrals("first.csv", "aid_delivered", "2026-01-10");
    let (code, json) = import_json(&kept, &first, &[]);
    assert_eq!((code, &json["new_leads"]), (0, &1.into()), "{json}");
    let later = referrals("later.csv", "closed", "2026-03-01");
    let (_, json) = import_json(&kept, &later, &[]);
    assert_eq!(json["new_leads"], 0, "{json}");
    let shown = kept.json("show", &["--lead", "04HM-ASW9-dibao", "--events"]);
    let lead = &shown["leads"][0];
    assert_eq!(lead["stage"], "closed", "{lead}");
    let events = lead["events"].as_array().unwrap();
    for kind in ["found", "checked", "sent", "granted"] {
        let count = events.iter().filter(|event| event["kind"] == kind).count();
        assert_eq!(count, 1, "{kind}: {lead}");
    }
    // Income over the line is a rejection for that reason.
    let other = kept.path("income.csv");
    fs::write(
        &other,
        "移送编号,救助项目,移送状态,状态日期\n04HM-ASW9-tekun,特困,income_over_line,2026-03-01\n",
    )
    .unwrap();
    assert_eq!(import_json(&kept, &other, &[]).0, 0);
    let shown = kept.json("show", &["--lead", "04HM-ASW9-tekun"]);
    assert_eq!(shown["leads"][0]["reason"], "income");
}
