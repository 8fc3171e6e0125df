//! The minimisation matrix for people: a CSV file and a printable HTML page, each in
//! Chinese and in English. The page is a single file without scripts, images or external
//! links.

use std::collections::BTreeSet;

use aidlink_faults::text::{Language, Text};
use maud::{Markup, html};

use aidlink_files::document::Document as _;
use aidlink_office::manifest::PolicyUsed;

use super::minimisation::{ColumnRow, ConstantGiven, ExportPart, Leaves, Matrix, Need, Verdict};
use aidlink_agency::spreadsheet_csv;

/// Returns the files of the matrix: name in its folder, and content.
pub fn files(matrix: &Matrix) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("matrix.json", matrix.document().to_bytes()),
        ("matrix.zh.csv", csv(matrix, Language::Chinese)),
        ("matrix.en.csv", csv(matrix, Language::English)),
        ("matrix.zh.html", page(matrix, Language::Chinese)),
        ("matrix.en.html", page(matrix, Language::English)),
    ]
}

/// The columns of the table. In the CSV file they follow the columns for facts that the
/// page shows once for each export.
const HEADINGS: [(&str, &str); 9] = [
    ("字段", "Field"),
    ("导出中的列", "Column in the export"),
    ("存在于文件", "Present in files"),
    ("读取", "Read"),
    ("用途", "Needed for"),
    ("离开本机构的内容", "What leaves"),
    ("接收方", "Who sees it"),
    ("只用于判定", "Only decides"),
    ("核对结论", "Finding"),
];

/// How a table names rules and aids.
trait Naming {
    fn rules(&self, ids: &[String]) -> Text;
    fn aids(&self, ids: &[String]) -> Text;
}

/// In words, with their ids.
impl Naming for Matrix {
    fn rules(&self, ids: &[String]) -> Text {
        joined(ids.iter().map(|id| self.names.rule(id)), "；", "; ")
    }

    fn aids(&self, ids: &[String]) -> Text {
        joined(ids.iter().map(|id| self.names.aid(id)), "、", ", ")
    }
}

fn joined(texts: impl Iterator<Item = Text>, zh: &str, en: &str) -> Text {
    let texts: Vec<Text> = texts.collect();
    let all = |pick: fn(&Text) -> &str, between: &str| {
        let texts: Vec<&str> = texts.iter().map(pick).collect();
        texts.join(between)
    };
    Text::new(all(|text| &text.zh, zh), all(|text| &text.en, en))
}

/// By numbers, which a list below the table explains. In words each table would be some ten
/// pages long, since most rules read the same few columns.
#[derive(Default)]
struct Numbered<'m> {
    rules: Vec<&'m str>,
    aids: Vec<&'m str>,
}

impl<'m> Numbered<'m> {
    fn of(part: &'m ExportPart) -> Self {
        let mut numbered = Numbered::default();
        for row in &part.columns {
            for need in &row.needs {
                if let Need::Rules(ids) = need {
                    add_new(&mut numbered.rules, ids);
                }
            }
            if row.is_used() {
                add_new(&mut numbered.aids, &row.decides);
            }
        }
        numbered
    }

    /// Returns the places of ids in a list, from 1, such as `1-4, 7`.
    fn places(list: &[&str], ids: &[String]) -> String {
        let places: BTreeSet<usize> = ids
            .iter()
            .filter_map(|id| list.iter().position(|known| known == id))
            .map(|place| place + 1)
            .collect();
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for place in places {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == place => *last = place,
                _ => runs.push((place, place)),
            }
        }
        let runs = runs.into_iter().map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first}–{last}"),
        });
        runs.collect::<Vec<String>>().join(", ")
    }

    /// Returns the list that explains the numbers.
    fn key(&self, matrix: &Matrix, language: Language) -> Markup {
        let say = |zh: &str, en: &str| Text::new(zh, en).in_language(language).to_owned();
        let lists = [
            (say("规则", "Rules"), &self.rules, true),
            (say("救助项目", "Aids"), &self.aids, false),
        ];
        html! {
            @for (title, ids, of_rules) in lists.iter().filter(|(_, ids, _)| !ids.is_empty()) {
                p.key {
                    strong { (title) }
                    @for (index, id) in ids.iter().enumerate() {
                        " " span {
                            strong { (index + 1) } " "
                            (match of_rules {
                                true => matrix.names.rule(id),
                                false => matrix.names.aid(id),
                            }.in_language(language))
                        }
                    }
                }
            }
        }
    }
}

fn add_new<'m>(list: &mut Vec<&'m str>, ids: &'m [String]) {
    for id in ids {
        if !list.contains(&id.as_str()) {
            list.push(id);
        }
    }
}

impl Naming for Numbered<'_> {
    fn rules(&self, ids: &[String]) -> Text {
        let places = Numbered::places(&self.rules, ids);
        Text::new(&places, &places)
    }

    fn aids(&self, ids: &[String]) -> Text {
        let places = Numbered::places(&self.aids, ids);
        Text::new(&places, &places)
    }
}

fn cells(
    matrix: &Matrix,
    naming: &impl Naming,
    part: &ExportPart,
    row: &ColumnRow,
    language: Language,
) -> [String; 9] {
    let say = |text: &Text| text.in_language(language).to_owned();
    let join = |texts: Vec<Text>, separator: Text| {
        let all: Vec<String> = texts.iter().map(say).collect();
        all.join(separator.in_language(language))
    };
    let semicolon = || Text::new("；", "; ");
    let field = match &row.field {
        Some(name) => format!("{name} {}", say(&row.title)).trim_end().to_owned(),
        None => say(&Text::new("（模式中没有）", "(not in the schema)")),
    };
    let mut columns = row.headers.clone();
    columns.extend(row.constants.iter().map(|given| say(&given_text(given))));
    columns.extend(
        row.values
            .iter()
            .map(|(label, code)| label_text(label, code)),
    );
    let yes_or_no = if row.read {
        Text::new("是", "yes")
    } else {
        Text::new("否", "no")
    };
    let leaves = matrix
        .leaves(row)
        .into_iter()
        .map(|form| match form {
            // The rules are named beside it, as what needs the column.
            Leaves::Outcomes => {
                let (text, count) = (form.text(), row.outcomes.len());
                Text::new(
                    format!("{}（{count}条规则）", text.zh),
                    format!("{} ({count} rules)", text.en),
                )
            }
            form => form.text(),
        })
        .collect();
    let decides = match row.decides.is_empty() || !row.is_used() {
        true => String::new(),
        false => {
            let aids = naming.aids(&row.decides);
            say(&Text::new(
                format!("是否已在领取或已转介：{}", aids.zh),
                format!("already received or referred: {}", aids.en),
            ))
        }
    };
    [
        field,
        columns.join("; "),
        format!("{}/{}", row.present_in, part.files),
        say(&yes_or_no),
        join(
            row.needs
                .iter()
                .map(|need| need.text(|ids| naming.rules(ids)))
                .collect(),
            semicolon(),
        ),
        join(leaves, semicolon()),
        join(matrix.recipients_in_words(row), semicolon()),
        decides,
        say(&row.verdict.text()),
    ]
}

/// Returns the words for a value that the round file gives for every row.
fn given_text(given: &ConstantGiven) -> Text {
    let ConstantGiven {
        value,
        files,
        because,
    } = given;
    let (zh, en) = match because {
        Some(because) => (
            format!("，理由：{because}"),
            format!(", because: {because}"),
        ),
        None => (String::new(), String::new()),
    };
    Text::new(
        format!("固定值 {value}（文件数：{files}{zh}）"),
        format!("constant {value} (files: {files}{en})"),
    )
}

fn label_text(label: &str, code: &str) -> String {
    format!("\"{label}\" = \"{code}\"")
}

fn csv(matrix: &Matrix, language: Language) -> Vec<u8> {
    let say = |(zh, en): (&str, &str)| match language {
        Language::Chinese => zh.to_owned(),
        Language::English => en.to_owned(),
    };
    let mut header: Vec<String> = [
        ("导出", "Export"),
        ("机构", "Agency"),
        ("目的", "Purpose"),
        ("法律依据", "Legal basis"),
    ]
    .map(say)
    .to_vec();
    header.extend(HEADINGS.map(say));
    let mut table = vec![header];
    for part in &matrix.exports {
        for row in &part.columns {
            let mut line = vec![
                part.export.clone(),
                part.agency.clone(),
                matrix.head.purpose.clone(),
                part.legal_basis.clone(),
            ];
            line.extend(cells(matrix, matrix, part, row, language));
            table.push(line);
        }
    }
    spreadsheet_csv::to_bytes(&table)
}

/// The style of the page, after that of all pages.
const STYLE: &str = "\
@page { size: A4 landscape; margin: 12mm; }
body { max-width: 1200px; }
table { font-size: 8pt; table-layout: fixed; }
tr.unread td { color: #666; } tr.wrong td { background: #fdd; font-weight: bold; }
.sums td, .sums th { width: auto; }
.key { font-size: 7.5pt; line-height: 1.35; } .key span { margin-right: .8em; }
";

/// The widths of the columns of the table, in percent.
const WIDTHS: [u8; 9] = [13, 13, 5, 4, 22, 11, 12, 12, 8];

/// Returns the page in one language.
pub fn page(matrix: &Matrix, language: Language) -> Vec<u8> {
    let say = |zh: &str, en: &str| Text::new(zh, en).in_language(language).to_owned();
    let head = &matrix.head;
    let title = say("最小必要核对表", "Minimisation matrix");
    let body = html! {
        h1 { (title) " · " (head.round) }
        p {
            (say(
                "列出各导出的每一列：是否存在、是否读取、有何用途、送出什么内容、由谁接收（个人信息保护法第六条）。可以读取的列由模式和规则文件推出，实际读取的列出自运行记录，两者逐列核对。",
                "Every column of every export: whether it is present, whether it was read, what needs it, what leaves, and who sees that (Personal Information Protection Law, 6). Which columns may be read follows from the schemas and the policy; which were read comes from the record of the run. The two are compared column by column."
            ))
        }
        dl {
            @for (name, value) in facts(matrix, language) {
                dt { (name) }
                dd { (value) }
            }
        }
        (sums(matrix, language))
        @for (part, numbered) in matrix.exports.iter().map(|part| (part, Numbered::of(part))) {
            h2 { (part.title.in_language(language)) " " small { (part.export) } }
            p {
                (say(
                    &format!("提取日 {}；目的：{}；法律依据：{}", part.snapshot, head.purpose, part.legal_basis),
                    &format!("snapshot {}; purpose: {}; legal basis: {}", part.snapshot, head.purpose, part.legal_basis),
                ))
            }
            table {
                colgroup {
                    @for width in WIDTHS { col style={ "width:" (width) "%" }; }
                }
                thead {
                    tr {
                        @for (zh, en) in HEADINGS { th { (say(zh, en)) } }
                    }
                }
                tbody {
                    @for row in &part.columns {
                        tr class=[class(row.verdict)] {
                            @for cell in cells(matrix, &numbered, part, row, language) { td { (cell) } }
                        }
                    }
                }
            }
            (numbered.key(matrix, language))
        }
    };
    let title = format!("{title} {}", head.round);
    aidlink_office::page::page(language, &title, STYLE, &body)
}

fn class(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        verdict if verdict.is_wrong() => Some("wrong"),
        Verdict::ReadAsNeeded | Verdict::GivenByRoundFile => None,
        _ => Some("unread"),
    }
}

/// Returns what holds for the whole matrix: names and values.
fn facts(matrix: &Matrix, language: Language) -> Vec<(String, String)> {
    let say = |zh: &str, en: &str| Text::new(zh, en).in_language(language).to_owned();
    let head = &matrix.head;
    let wrong = matrix.wrong().count();
    let PolicyUsed {
        id: policy,
        version,
        blake3: digest,
        layers,
    } = &head.policy;
    let below = layers.iter().skip(1).map(|layer| {
        let (id, version, digest) = (&layer.id, &layer.version, &layer.blake3);
        say(
            &format!("；建立在 {id} {version} 之上，文件 BLAKE3 {digest}"),
            &format!("; on top of {id} {version}, file BLAKE3 {digest}"),
        )
    });
    let below: String = below.collect();
    vec![
        (
            say("步骤", "Step"),
            match head.step {
                None => say("运行之前", "before the run"),
                Some(step) => format!("{} ({})", step.name(), head.mode.name()),
            },
        ),
        (say("基准日", "As of"), head.as_of.to_string()),
        (say("目的", "Purpose"), head.purpose.clone()),
        (
            say("影响评估", "Impact assessment"),
            head.impact_assessment.clone(),
        ),
        (
            say("规则文件", "Policy"),
            format!("{policy} {version}, BLAKE3 {digest}{below}"),
        ),
        (
            say("核对结论", "Finding"),
            if wrong == 0 {
                say(
                    "读取的列都有用途，需要的列都已读取",
                    "every column that was read is needed, and every needed column was read",
                )
            } else {
                say(
                    &format!("{wrong}列与模式和规则文件不符"),
                    &format!("{wrong} columns deviate from schema and policy"),
                )
            },
        ),
    ]
}

fn sums(matrix: &Matrix, language: Language) -> Markup {
    let verdicts = [
        Verdict::ReadAsNeeded,
        Verdict::PresentNotRead,
        Verdict::GivenByRoundFile,
        Verdict::NeededAbsent,
        Verdict::DeclaredNotUsed,
        Verdict::ReadWithoutNeed,
        Verdict::NeededNotRead,
    ];
    html! {
        table.sums {
            tr {
                @for verdict in verdicts { th { (verdict.text().in_language(language)) } }
            }
            tr {
                @for verdict in verdicts { td { (matrix.count(verdict)) } }
            }
        }
    }
}
