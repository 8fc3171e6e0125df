//! From the exports that offices really have to leads, in three commands: `round new`,
//! filling in, `run`. No office folder here is made for aidlink.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use encoding_rs::GB18030;
use rust_xlsxwriter::{Format, Workbook};
use serde_json::Value;

use crate::cells::id;
use crate::support::{CommandResult, aidlink, csv_records};

/// A folder of exports, with nothing of the program in it.
struct Office {
    folder: tempfile::TempDir,
}

impl Office {
    fn new() -> Self {
        Office {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn round_new(&self, more: &[&str]) -> CommandResult {
        let folder = self.folder.path().to_str().unwrap();
        let mut arguments = vec![
            "round",
            "new",
            folder,
            "--as-of",
            "2026-09-30",
            "--lang",
            "zh",
        ];
        arguments.extend(more);
        aidlink(&arguments)
    }

    fn round(&self) -> String {
        fs::read_to_string(self.path("round.toml")).unwrap()
    }

    fn run(&self, more: &[&str]) -> CommandResult {
        let file = self.path("round.toml");
        let mut arguments = vec!["run", file.to_str().unwrap(), "--lang", "en"];
        arguments.extend(more);
        aidlink(&arguments)
    }

    fn fill_in(&self) {
        self.write("round.toml", filled_in(&self.round()));
    }

    fn rows(&self, list: &str) -> Vec<std::collections::BTreeMap<String, String>> {
        csv_records(&fs::read(self.path(&format!("output/{list}"))).unwrap())
    }
}

/// Fills in every marked place of a round file: proposals are taken, dates without quotation
/// marks, and other places get an answer.
pub(crate) fn filled_in(round: &str) -> String {
    let mut filled = String::new();
    for line in round.lines() {
        let mut line = line
            .replace("\"【FILL IN】\"", "\"【待填写】\"")
            .replace("\"【FILL IN: ", "\"【待填写：");
        while let Some(start) = line.find("\"【待填写") {
            let end = start + line[start..].find("】\"").unwrap() + "】\"".len();
            let mark = &line[start..end];
            let proposal = mark.strip_prefix("\"【待填写：");
            let proposal = proposal.and_then(|rest| rest.strip_suffix("】\""));
            let answer = match (key_before(&line[..start]), proposal) {
                ("sealed", None) => "false".to_owned(),
                ("valid_until", None) => "2027-06-30".to_owned(),
                (_, None) => "\"confirmed\"".to_owned(),
                (_, Some(proposal)) if proposal == "true" || proposal.starts_with("20") => {
                    proposal.to_owned()
                }
                (_, Some(proposal)) => format!("\"{proposal}\""),
            };
            line.replace_range(start..end, &answer);
        }
        filled += &line;
        filled.push('\n');
    }
    filled
}

/// Returns the key of a value, from the text before it.
pub(crate) fn key_before(text: &str) -> &str {
    let key = text.trim_end_matches([' ', '=']);
    key.rsplit([' ', '{', ',']).next().unwrap()
}

/// The victims of the case export stand on these registers, one on each; number 30 stands
/// on none, 31 is a suspect who stands on dibao.
const LISTS: [(&str, usize); 9] = [
    ("城关镇", 1),
    ("河西镇", 2),
    ("特困人员名册.csv", 3),
    ("低保边缘家庭.csv", 4),
    ("临时救助发放表.csv", 5),
    ("防止返贫监测对象.csv", 6),
    ("家庭经济困难学生资助名单.csv", 7),
    ("持证残疾人.csv", 8),
    ("优抚对象.csv", 9),
];

/// Writes the folder: title rows, a header of two lines, a notes sheet, a hidden old sheet,
/// tabs after numbers, totals and signatures below.
fn office() -> Office {
    let office = Office::new();
    let mut cases = "某市人民检察院受理案件当事人名册（2026年第三季度）,,,,,,,,\n\
        序号,案号,案由,姓名,身份证号,诉讼地位,受理日期,承办人,部门\n"
        .to_owned();
    let parties = LISTS.iter().map(|(_, number)| (*number, "被害人"));
    for (number, role) in parties.chain([(30, "被害人"), (31, "犯罪嫌疑人")]) {
        // A violent crime against a woman is a lead for the women's federation.
        let charge = if number == 30 {
            "盗窃罪"
        } else {
            "故意伤害罪"
        };
        cases += &format!(
            "{number},C{number},{charge},甲某{number},{}\t,{role},2026-07-01,王检察官,一部\n",
            id(number)
        );
    }
    cases += "合计,11,,,,,,,\n填表人：,,,,,审核人：,,,\n";
    let (cases, ..) = GB18030.encode(&cases);
    office.write("受理案件当事人.csv", cases);

    let mut workbook = Workbook::new();
    let notes = workbook.add_worksheet().set_name("填表说明").unwrap();
    notes.write_string(0, 0, "本表仅供联合筛查使用").unwrap();
    for (town, number) in &LISTS[..2] {
        let sheet = workbook.add_worksheet().set_name(*town).unwrap();
        sheet
            .write_string(0, 0, format!("{town}低保对象花名册"))
            .unwrap();
        // A header of two lines: a group title above two columns.
        let plain = Format::new();
        for (column, title) in [(0, "序号"), (1, "姓名")] {
            sheet
                .merge_range(1, column, 2, column, title, &plain)
                .unwrap();
        }
        sheet.merge_range(1, 2, 1, 3, "证件信息", &plain).unwrap();
        sheet.write_string(2, 2, "证件类型").unwrap();
        sheet.write_string(2, 3, "身份证号码").unwrap();
        sheet.write_string(3, 0, "1").unwrap();
        sheet.write_string(3, 1, "甲某").unwrap();
        sheet.write_string(3, 2, "居民身份证").unwrap();
        sheet.write_string(3, 3, id(*number)).unwrap();
        sheet.write_string(4, 0, "合计").unwrap();
        sheet.write_string(4, 1, "1人").unwrap();
    }
    let old = workbook.add_worksheet().set_name("旧").unwrap();
    old.write_string(0, 0, "姓名").unwrap();
    old.write_string(0, 1, "身份证号码").unwrap();
    old.write_string(1, 1, id(30)).unwrap();
    old.set_hidden(true);
    office.write("低保.xlsx", workbook.save_to_buffer().unwrap());

    for (file, number) in &LISTS[2..] {
        let text = match *file {
            "家庭经济困难学生资助名单.csv" => {
                format!(
                    "序号,姓名,身份证号,学校,金额\n1,甲某,{},一中,1250\n",
                    id(*number)
                )
            }
            "优抚对象.csv" => {
                format!(
                    "姓名,公民身份号码,人员类别\n甲某,{},残疾退役军人\n",
                    id(*number)
                )
            }
            "持证残疾人.csv" => {
                format!("姓名,残疾人证号,地址\n甲某,{}42,某村\n", id(*number))
            }
            _ => format!("{file}\n姓名,身份证号\n甲某,{}\n制表人：,\n", id(*number)),
        };
        office.write(file, text);
    }
    office.write("~$低保.xlsx", "lock");
    office.write("联系方式.docx", "no export");
    office
}

#[test]
fn three_commands_lead_from_an_offices_files_to_its_leads() {
    let office = office();
    let made = office.round_new(&[]);
    assert_eq!(made.code, 0, "{}{}", made.stdout, made.stderr);
    assert!(
        made.stdout.contains("未识别 联系方式.docx"),
        "{}",
        made.stdout
    );
    assert!(!made.stdout.contains("~$"), "{}", made.stdout);
    let text = office.round();
    // What a town's sheet says is proposed by the file's name, and what no name says is asked.
    for line in [
        "constants = { kind = \"【待填写：dibao】\", status = \"【待填写：active】\" }",
        "constants = { kind = \"【待填写：dibao_margin】\", status = \"【待填写：active】\" }",
        "constants = { kind = \"【待填写：monitored】\", status = \"【待填写：active】\" }",
        "constants = { sealed = \"【待填写】\" }",
        "sheets = \"all\"",
        "#   联系方式.docx：",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // Before a person has filled it in, nothing is read.
    let early = office.run(&[]);
    assert_eq!(early.code, 2, "{}", early.stderr);
    assert!(
        early.stderr.contains("legal_basis is not filled in"),
        "{}",
        early.stderr
    );
    let places = text.matches("【待填写").count() - 1;
    assert_eq!(early.stderr.matches("not filled in").count(), places);
    // Each place is named, with its line and what belongs there.
    let named: Vec<(usize, &str)> = made
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("  第")?.split_once("行："))
        .map(|(line, what)| (line.parse().unwrap(), what))
        .collect();
    assert_eq!(named.len(), places, "{}", made.stdout);
    let lines: Vec<&str> = text.lines().collect();
    for (line, what) in named {
        assert!(lines[line - 1].contains("【待填写"), "{line}: {what}");
        assert!(!what.is_empty());
    }

    office.fill_in();
    let run = office.run(&[]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(office.path("output/lists/for-review")).unwrap() {
        for row in csv_records(&fs::read(entry.unwrap().path()).unwrap()) {
            assert!(["待核实", "已有依据"].contains(&row["依据程度"].as_str()));
            found.insert(row["案号"].clone());
        }
    }
    let expected: BTreeSet<String> = LISTS
        .iter()
        .map(|(_, number)| format!("C{number}"))
        .collect();
    assert_eq!(found, expected, "{}", run.stdout);
    let not_judged: Vec<String> = ["lists/not-judged.csv", "lists/not-judged.minors.csv"]
        .iter()
        .flat_map(|list| office.rows(list))
        .map(|row| row["案号"].clone())
        .collect();
    assert_eq!(not_judged, ["C30"]);
}

#[test]
fn a_dry_run_says_what_the_run_then_does_and_writes_nothing() {
    let office = office();
    assert_eq!(office.round_new(&[]).code, 0);
    office.fill_in();
    let names = |path: &Path| {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = names(office.folder.path());
    let dry = office.run(&["--dry-run", "--json"]);
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    assert_eq!(names(office.folder.path()), before);
    let dry: Value = serde_json::from_str(&dry.stdout).unwrap();
    assert_eq!(office.run(&[]).code, 0);
    let summary = fs::read(office.path("output/summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    for export in dry["exports"].as_array().unwrap() {
        let run = &summary["exports"][export["export"].as_str().unwrap()];
        for figure in ["rows", "rejected", "rejected_by_reason", "not_rows"] {
            assert_eq!(export["account"][figure], run[figure], "{export} {run}");
        }
    }
    let cases = &dry["exports"][0];
    let run = &summary["exports"]["procuratorate.case-parties"];
    assert_eq!(cases["account"], *run);
    assert_eq!(cases["unknown_by_rule"]["case_hardship"], 10, "{cases}");
    // A round that lacks a register says so before it runs.
    let text = office.round();
    let without = text
        .replace("not_joined = [", "not_joined = []\n# [")
        .replace("\n]\n", "\n");
    office.write(
        "round.toml",
        without.replace("    { schema = \"procuratorate.referrals\"", "# {"),
    );
    let dry = office.run(&["--dry-run"]);
    assert_eq!(dry.code, 3, "{}{}", dry.stdout, dry.stderr);
    assert!(
        dry.stdout
            .contains("would be provisional: procuratorate.referrals: missing")
    );
}

#[test]
fn what_cannot_become_a_round_is_a_clear_message_and_writes_nothing() {
    let refused = |office: &Office, more: &[&str], words: &[&str]| {
        let result = office.round_new(more);
        assert_eq!(result.code, 1, "{}", result.stdout);
        for words in words {
            assert!(result.stderr.contains(words), "{words}: {}", result.stderr);
        }
        assert!(!office.path("schemas").exists() && !office.path("policy.toml").exists());
    };
    let nothing = Office::new();
    refused(&nothing, &[], &["没有可识别的导出"]);
    nothing.write("说明.txt", "没有表头\n");
    refused(&nothing, &[], &["没有可识别的导出", "说明.txt"]);
    // Without case parties there is nobody to look for.
    let registers = Office::new();
    registers.write("低保.csv", format!("姓名,身份证号\n甲某,{}\n", id(1)));
    refused(
        &registers,
        &[],
        &["没有识别出案件当事人的导出", "civil-affairs.assistance"],
    );
    // A list that nothing says more of is not guessed.
    let unclear = Office::new();
    unclear.write("名单.csv", format!("身份证号,备注\n{},无\n", id(1)));
    refused(&unclear, &[], &["不能确定是哪一种导出"]);
    // A round file is never overwritten.
    let office = office();
    office.write("round.toml", "mine");
    refused(&office, &[], &["轮次文件已存在"]);
    assert_eq!(office.round(), "mine");
    let missing = aidlink(&["round", "new", "/nonexistent/folder", "--lang", "en"]);
    assert_eq!(missing.code, 1);
    assert!(
        missing.stderr.contains("there is no such file or folder"),
        "{}",
        missing.stderr
    );
}

/// What names of files and sheets say is proposed, and nothing is proposed for lists of
/// former recipients.
#[test]
fn names_decide_what_bare_lists_are() {
    let office = Office::new();
    let case = format!("案号,身份证号,诉讼地位,封存标志\nC1,{},被害人,否\n", id(1));
    office.write("案件.csv", case);
    let list = format!("姓名,身份证号\n甲某,{}\n", id(1));
    for name in [
        "残疾退役军人.csv",
        "三属.csv",
        "在乡复员军人.csv",
        "困境儿童.csv",
        "刚性支出困难家庭.csv",
        "低保停保名单.csv",
    ] {
        office.write(name, &list);
    }
    let mut workbook = Workbook::new();
    for name in ["低保", "特困", "持证残疾人", "退役军人"] {
        let sheet = workbook.add_worksheet().set_name(name).unwrap();
        sheet.write_string(0, 0, "姓名").unwrap();
        sheet.write_string(0, 1, "身份证号码").unwrap();
        sheet.write_string(1, 0, "甲某").unwrap();
        sheet.write_string(1, 1, id(2)).unwrap();
    }
    office.write("各部门名册.xlsx", workbook.save_to_buffer().unwrap());
    // Sheets of one register, of which each says something else.
    let mut workbook = Workbook::new();
    for name in ["低保", "特困"] {
        let sheet = workbook.add_worksheet().set_name(name).unwrap();
        sheet.write_string(0, 0, "姓名").unwrap();
        sheet.write_string(0, 1, "身份证号码").unwrap();
        sheet.write_string(1, 0, "甲某").unwrap();
        sheet.write_string(1, 1, id(3)).unwrap();
    }
    office.write("名册.xlsx", workbook.save_to_buffer().unwrap());
    fs::create_dir(office.path("浈江区")).unwrap();
    let made = office.round_new(&[]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert!(
        made.stdout.contains("未识别 浈江区：文件夹未查看"),
        "{}",
        made.stdout
    );
    let text = office.round();
    let after = |file: &str, from: &str| {
        let at = text.find(&format!("schema = \"{from}\"")).unwrap();
        let part = &text[at..];
        let at = part
            .find(&format!("path = \"{file}\""))
            .unwrap_or_else(|| panic!("{file}: {text}"));
        let end = part[at + 1..]
            .find("[[")
            .map_or(part.len(), |end| at + 1 + end);
        part[at..end].to_owned()
    };
    for (file, schema, words) in [
        (
            "残疾退役军人.csv",
            "veterans.persons",
            "kind = \"【待填写：disabled】\"",
        ),
        (
            "三属.csv",
            "veterans.persons",
            "kind = \"【待填写：bereaved_family】\"",
        ),
        (
            "名册.xlsx",
            "civil-affairs.assistance",
            "sheets = [\"低保\"]",
        ),
        (
            "在乡复员军人.csv",
            "veterans.persons",
            "kind = \"【待填写：demobilised_rural】\"",
        ),
        (
            "困境儿童.csv",
            "civil-affairs.assistance",
            "：child_in_difficulty】",
        ),
        (
            "刚性支出困难家庭.csv",
            "civil-affairs.assistance",
            "：rigid_expenditure】",
        ),
        (
            "低保停保名单.csv",
            "civil-affairs.assistance",
            "kind = \"【待填写】\"",
        ),
        (
            "各部门名册.xlsx",
            "civil-affairs.assistance",
            "sheets = [\"低保\"]",
        ),
        (
            "各部门名册.xlsx",
            "disabled-federation.persons",
            "sheets = [\"持证残疾人\"]",
        ),
        (
            "各部门名册.xlsx",
            "veterans.persons",
            "sheets = [\"退役军人\"]",
        ),
    ] {
        let part = after(file, schema);
        assert!(part.contains(words), "{file} {words}: {part}");
    }
}

#[test]
fn a_split_round_asks_for_the_keys_of_every_office_and_for_no_reason_to_leave_one_out() {
    let office = office();
    assert_eq!(office.round_new(&["--split", "--id", "2026Q3"]).code, 0);
    let text = office.round();
    for key in [
        "mode = \"split\"",
        "round = \"2026Q3\"",
        "[signing.signers]",
        "[sealing]",
        "schema = \"procuratorate.referrals\"",
    ] {
        assert!(text.contains(key), "{key}: {text}");
    }
    for office in [
        "centre",
        "procuratorate",
        "civil-affairs",
        "education",
        "veterans",
    ] {
        assert!(
            text.contains(&format!("\n{office} = \"【待填写】\"")),
            "{office}: {text}"
        );
    }
    assert!(!text.contains("not_joined"));
}

/// A name that a spreadsheet or a person chose cannot break out of the round file.
#[test]
fn names_of_files_and_headers_are_quoted() {
    let office = Office::new();
    let cases = format!(
        "案号,身份证号,诉讼地位,封存标志,\"备\n注 # \"\"x\"\"\"\nC1,{},被害人,否,无\n",
        id(1)
    );
    office.write("案件 \"1\" \\ #.csv", cases);
    assert_eq!(office.round_new(&[]).code, 0);
    office.fill_in();
    let run = office.run(&[]);
    assert!(
        [0, 3].contains(&run.code),
        "{}{}",
        run.stderr,
        office.round()
    );
}

/// The register is read in place of a file of referrals, which is told.
#[test]
fn a_round_that_reads_the_register_is_drafted() {
    let office = office();
    office.write(
        "移送登记.csv",
        "线索编号,身份证号,流转方向,救助项目,状态,状态日期\n",
    );
    let register = tempfile::tempdir().unwrap();
    let folder = register.path().join("register");
    let made = aidlink(&[
        "register",
        "init",
        folder.to_str().unwrap(),
        "--operator",
        "张某",
    ]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let file = folder.join("register.db");
    let made = office.round_new(&["--register", file.to_str().unwrap()]);
    assert_eq!(made.code, 0, "{}{}", made.stdout, made.stderr);
    assert!(
        made.stdout.contains("移送登记.csv：移送登记的导出不读取"),
        "{}",
        made.stdout
    );
    let text = office.round();
    assert!(text.contains("\n[register]\n"), "{text}");
    assert!(
        text.contains("snapshot = \"【待填写：2026-09-30】\""),
        "{text}"
    );
    assert!(!text.contains("schema = \"procuratorate.referrals\", because"));
    office.fill_in();
    let run = office.run(&[]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let manifest = fs::read(office.path("output/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    // The one event is that of making it.
    assert_eq!(manifest["register"]["events"], 1);

    // What is no register is refused before anything is written.
    let other = self::office();
    for (wrong, words) in [
        ("register", "这不是登记簿文件"),
        ("none.db", "文件或文件夹不存在"),
    ] {
        let wrong = register.path().join(wrong);
        let made = other.round_new(&["--register", wrong.to_str().unwrap()]);
        assert_ne!(made.code, 0);
        assert!(made.stderr.contains(words), "{}", made.stderr);
        assert!(!other.path("round.toml").exists());
    }
}
