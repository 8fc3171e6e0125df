//! The minimisation matrix for people: a CSV file and a printable HTML page, each in
//! Chinese and in English. The page is a single file without scripts, images or external
//! links.

use aidlink_faults::text::{Language, Text};

use aidlink_files::document::Document as _;
use aidlink_office::manifest::PolicyUsed;

use super::minimisation::{ColumnRow, ConstantGiven, ExportPart, Matrix, Verdict};
use aidlink_agency::spreadsheet_csv;

/// Returns the files of the matrix: name in its folder, and content.
pub fn files(matrix: &Matrix) -> Vec<(&'static str, Vec<u8>)> {
    let page = |language| page(matrix, language).into_bytes();
    vec![
        ("matrix.json", matrix.document().to_bytes()),
        ("matrix.zh.csv", csv(matrix, Language::Chinese)),
        ("matrix.en.csv", csv(matrix, Language::English)),
        ("matrix.zh.html", page(Language::Chinese)),
        ("matrix.en.html", page(Language::English)),
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

fn cells(matrix: &Matrix, part: &ExportPart, row: &ColumnRow, language: Language) -> [String; 9] {
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
            super::minimisation::Leaves::Outcomes => {
                let text = form.text();
                Text::new(
                    format!("{} {}", text.zh, row.outcomes.join("、")),
                    format!("{} {}", text.en, row.outcomes.join(", ")),
                )
            }
            form => form.text(),
        })
        .collect();
    let decides = match row.decides.is_empty() || !row.is_used() {
        true => String::new(),
        false => say(&Text::new(
            format!("是否已在领取或已转介：{}", row.decides.join("、")),
            format!("already received or referred: {}", row.decides.join(", ")),
        )),
    };
    [
        field,
        columns.join("; "),
        format!("{}/{}", row.present_in, part.files),
        say(&yes_or_no),
        join(
            row.needs
                .iter()
                .map(super::minimisation::Need::text)
                .collect(),
            semicolon(),
        ),
        join(leaves, semicolon()),
        join(matrix.recipients(row), semicolon()),
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
            line.extend(cells(matrix, part, row, language));
            table.push(line);
        }
    }
    spreadsheet_csv::to_bytes(&table)
}

const STYLE: &str = "\
@page { size: A4 landscape; margin: 12mm; }
body { font: 10pt/1.35 'Noto Sans CJK SC', 'Source Han Sans SC', 'Microsoft YaHei', 'PingFang SC', sans-serif; color: #111; max-width: 1200px; margin: 1.5em auto; padding: 0 1em; }
h1 { font-size: 16pt; margin: 0 0 .3em; } h2 { font-size: 12pt; margin: 1.6em 0 .2em; break-after: avoid; }
p { margin: .2em 0; } dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em 1em; margin: .5em 0 1em; }
dt { color: #555; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-size: 8.5pt; table-layout: fixed; } thead { display: table-header-group; } tr { break-inside: avoid; }
th, td { border: 1px solid #999; padding: .2em .4em; text-align: left; vertical-align: top; overflow-wrap: anywhere; } th { background: #eee; }
tr.unread td { color: #666; } tr.wrong td { background: #fdd; font-weight: bold; }
.mark { font-weight: bold; } .sums td, .sums th { width: auto; }
";

/// The column widths of the table.
const WIDTHS: &str = "<colgroup><col style=\"width:12%\"><col style=\"width:9%\"><col style=\"width:5%\"><col style=\"width:4%\"><col style=\"width:19%\"><col style=\"width:17%\"><col style=\"width:14%\"><col style=\"width:12%\"><col style=\"width:8%\"></colgroup>\n";

/// Returns the page in one language.
pub fn page(matrix: &Matrix, language: Language) -> String {
    let say = |zh: &str, en: &str| match language {
        Language::Chinese => zh.to_owned(),
        Language::English => en.to_owned(),
    };
    let head = &matrix.head;
    let title = say("最小必要核对表", "Minimisation matrix");
    let mut html = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<meta charset=\"utf-8\">\n<title>{} {}</title>\n<style>\n{STYLE}</style>\n",
        match language {
            Language::Chinese => "zh-CN",
            Language::English => "en",
        },
        escaped(&title),
        escaped(&head.round),
    );
    html.push_str(&format!(
        "<h1>{} · {}</h1>\n<p>{}</p>\n",
        escaped(&title),
        escaped(&head.round),
        escaped(&say(
            "列出各导出的每一列：是否存在、是否读取、有何用途、送出什么内容、由谁接收（个人信息保护法第六条）。可以读取的列由模式和规则文件推出，实际读取的列出自运行记录，两者逐列核对。",
            "Every column of every export: whether it is present, whether it was read, what needs it, what leaves, and who sees that (Personal Information Protection Law, 6). Which columns may be read follows from the schemas and the policy; which were read comes from the record of the run. The two are compared column by column."
        ))
    ));
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
    let facts = [
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
    ];
    html.push_str("<dl>");
    for (name, value) in facts {
        html.push_str(&format!(
            "<dt>{}</dt><dd>{}</dd>",
            escaped(&name),
            escaped(&value)
        ));
    }
    html.push_str("</dl>\n");
    sums(matrix, language, &mut html);
    for part in &matrix.exports {
        html.push_str(&format!(
            "<h2>{} <small>{}</small></h2>\n<p>{}</p>\n<table>\n{WIDTHS}<thead><tr>",
            escaped(part.title.in_language(language)),
            escaped(&part.export),
            escaped(&say(
                &format!(
                    "提取日 {}；目的：{}；法律依据：{}",
                    part.snapshot, head.purpose, part.legal_basis
                ),
                &format!(
                    "snapshot {}; purpose: {}; legal basis: {}",
                    part.snapshot, head.purpose, part.legal_basis
                ),
            )),
        ));
        for (zh, en) in HEADINGS {
            html.push_str(&format!("<th>{}</th>", escaped(&say(zh, en))));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in &part.columns {
            let class = match row.verdict {
                verdict if verdict.is_wrong() => " class=\"wrong\"",
                Verdict::ReadAsNeeded | Verdict::GivenByRoundFile => "",
                _ => " class=\"unread\"",
            };
            html.push_str(&format!("<tr{class}>"));
            for cell in &cells(matrix, part, row, language) {
                html.push_str(&format!("<td>{}</td>", escaped(cell)));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n</table>\n");
    }
    html.push_str("</html>\n");
    html
}

fn sums(matrix: &Matrix, language: Language, html: &mut String) {
    let verdicts = [
        Verdict::ReadAsNeeded,
        Verdict::PresentNotRead,
        Verdict::GivenByRoundFile,
        Verdict::NeededAbsent,
        Verdict::DeclaredNotUsed,
        Verdict::ReadWithoutNeed,
        Verdict::NeededNotRead,
    ];
    html.push_str("<table class=\"sums\"><tr>");
    for verdict in verdicts {
        html.push_str(&format!(
            "<th>{}</th>",
            escaped(verdict.text().in_language(language))
        ));
    }
    html.push_str("</tr><tr>");
    for verdict in verdicts {
        html.push_str(&format!("<td>{}</td>", matrix.count(verdict)));
    }
    html.push_str("</tr></table>\n");
}

/// Escapes text for HTML, so that text from outside cannot become markup, and replaces
/// control characters by spaces.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_control_characters_are_escaped() {
        assert_eq!(
            escaped("<script>alert('1')</script>\u{1b}[31m&\""),
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; [31m&amp;&quot;"
        );
    }
}
