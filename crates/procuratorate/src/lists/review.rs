//! The review workbooks: the leads of a round for the persons who check them, one workbook
//! of adults and one of minors. They are copies of the lists to be filled in; the CSV lists
//! are what is signed and compared.

mod book;
mod guide;
pub mod read;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use aidlink_faults::fault::Fault;
use aidlink_faults::text::{Language, Text};
use aidlink_office::round::RoundTerms;
use aidlink_policy::pack::Policy;
use rust_xlsxwriter::XlsxError;

use super::columns::Column;
use super::marking::{Marking, RoundMarking};
use super::match_list::{ListedLead, list_names, registers_of_list};
use super::not_judged::{NotJudgedRow, headers};
use book::{Book, SheetNames};
use guide::Figures;
use tables::{Layout, count_persons};

/// The path of the workbook of adults.
pub const ADULTS: &str = "review/adults.xlsx";
/// The path of the workbook of minors and of persons of unknown age.
pub const MINORS: &str = "review/minors.xlsx";

/// A review workbook, ready to be written.
pub struct ReviewWorkbook {
    /// Its path in the output folder.
    pub path: &'static str,
    /// The content of the file.
    pub bytes: Vec<u8>,
    /// Number of persons with leads.
    pub persons: usize,
    /// Number of leads.
    pub leads: usize,
    /// Number of persons who could not be judged.
    pub not_judged: usize,
}

/// The names of the sheets of a round's workbooks.
struct Sheets {
    guide: String,
    persons: String,
    not_judged: String,
    choices: String,
    /// By the name of the list, without `.minors`.
    of_lists: BTreeMap<String, String>,
}

impl Sheets {
    fn of(policy: &Policy, language: Language) -> Self {
        let word = |zh: &str, en: &str| Text::new(zh, en).in_language(language).to_owned();
        let (guide, persons) = (word("说明", "Read me"), word("人员", "Persons"));
        let not_judged = word("未能判断", "Not judged");
        let choices = word("选项", "Choices");
        let mut names = SheetNames::taken([
            guide.clone(),
            persons.clone(),
            not_judged.clone(),
            choices.clone(),
        ]);
        let mut of_lists = BTreeMap::new();
        for list in list_names(policy) {
            if list.ends_with(OF_MINORS) {
                continue;
            }
            let title = match list.strip_prefix("to-") {
                Some("judicial-aid") | None => Text::new("司法救助", "Judicial aid"),
                Some(agency) => policy.agency_name(agency),
            };
            of_lists.insert(list, names.name(title.in_language(language)));
        }
        Sheets {
            guide,
            persons,
            not_judged,
            choices,
            of_lists,
        }
    }
}

/// How the names of lists of minors end.
const OF_MINORS: &str = ".minors";

/// Returns the name of the list of adults for a list.
fn without_minors(list: &str) -> &str {
    list.strip_suffix(OF_MINORS).unwrap_or(list)
}

/// Returns the workbooks of a round. One without leads and without persons who could not be
/// judged is not made.
///
/// # Errors
/// When there are more rows than a sheet can hold.
pub(super) fn workbooks(
    terms: &RoundTerms,
    leads: &[ListedLead<'_>],
    not_judged: &[NotJudgedRow],
    marking: &RoundMarking<'_>,
) -> Result<Vec<ReviewWorkbook>, Fault> {
    let mut made = Vec::new();
    for (path, minor) in [(ADULTS, false), (MINORS, true)] {
        let leads = leads.iter().filter(|lead| lead.minor == minor);
        let leads: Vec<&ListedLead<'_>> = leads.collect();
        let not_judged = not_judged.iter().filter(|row| row.minor == minor);
        let not_judged: Vec<&NotJudgedRow> = not_judged.collect();
        if leads.is_empty() && not_judged.is_empty() {
            continue;
        }
        let workbook = workbook(terms, minor, &leads, &not_judged, marking);
        made.push(ReviewWorkbook {
            path,
            bytes: workbook.map_err(|error| not_written(terms, &error))?,
            persons: count_persons(&leads),
            leads: leads.len(),
            not_judged: not_judged.len(),
        });
    }
    Ok(made)
}

fn workbook(
    terms: &RoundTerms,
    minor: bool,
    leads: &[&ListedLead<'_>],
    not_judged: &[&NotJudgedRow],
    marking: &RoundMarking<'_>,
) -> Result<Vec<u8>, XlsxError> {
    let (language, policy) = (terms.list_language, &terms.policy);
    let word = |zh: &str, en: &str| Text::new(zh, en).in_language(language).to_owned();
    let sheets = Sheets::of(policy, language);
    let (round, as_of) = (&terms.round, terms.as_of);
    let title = word(
        &format!("救助线索核查表 {round}（基准日 {as_of}）"),
        &format!("Leads to be checked, round {round} (as of {as_of})"),
    );
    let lists: BTreeMap<&str, Vec<&ListedLead<'_>>> =
        leads.iter().fold(BTreeMap::new(), |mut lists, lead| {
            let list: &mut Vec<&ListedLead<'_>> =
                lists.entry(without_minors(&lead.list)).or_default();
            list.push(lead);
            lists
        });
    let needed = |list: &str| registers_of_list(policy, list);
    let of_sheet = |needed: &BTreeSet<&str>| marking.of_list(needed, language);
    let all: BTreeSet<&str> = match not_judged.is_empty() {
        true => lists.keys().flat_map(|list| needed(list)).collect(),
        false => policy.registers_used(),
    };
    let whole = of_sheet(&all);
    let confidential = confidential(&whole, language);
    let mut book = Book::new(
        language,
        &title,
        &confidential,
        &sheets.choices,
        terms.issued_on,
    );
    let has_register = leads.iter().any(|lead| lead.status.is_some());
    let layout = Layout::new(terms, has_register);
    let sheet_of = |list: &str| sheets.of_lists.get(list).cloned().unwrap_or_default();
    let figures = Figures {
        minors: minor,
        has_register,
        persons: count_persons(leads),
        not_judged: not_judged.len(),
        sheets: lists
            .iter()
            .map(|(list, leads)| (sheet_of(list), leads.len()))
            .collect(),
    };
    let cell = whole.cell(language);
    book.add_guide(
        &sheets.guide,
        &cell,
        &guide::entries(terms, &figures, &whole),
    )?;
    if !leads.is_empty() {
        book.add(&layout.persons(sheets.persons.clone(), cell.clone(), leads))?;
    }
    for (list, leads) in &lists {
        let marking = of_sheet(&needed(list)).cell(language);
        book.add(&layout.leads(sheet_of(list), marking, leads))?;
    }
    if !not_judged.is_empty() {
        let header = headers(language);
        let (name, marking) = (sheets.not_judged.clone(), cell.clone());
        book.add(&layout.not_judged(name, marking, &header, not_judged))?;
    }
    if !leads.is_empty() {
        let header = |column: Column| {
            let text = column.header().unwrap_or_default();
            text.in_language(language).to_owned()
        };
        let (finding, reason) = (header(Column::Decision), header(Column::Reason));
        let heads = [
            word("栏目", "Column"),
            word("选项", "Choice"),
            word("代码", "Code"),
            word("何时选用", "When to choose it"),
        ];
        let heads = [&*heads[0], &*heads[1], &*heads[2], &*heads[3]];
        book.add_choices(Marking::confidential(language), heads, &finding, &reason)?;
    }
    book.bytes()
}

/// Returns the line of every page.
fn confidential(marking: &Marking, language: Language) -> String {
    let plain = Marking::confidential(language);
    match (marking.provisional.is_empty(), language) {
        (true, _) => plain.to_owned(),
        (false, Language::Chinese) => format!("{plain}（暂定）"),
        (false, Language::English) => format!("{plain} (provisional)"),
    }
}

fn not_written(terms: &RoundTerms, error: &XlsxError) -> Fault {
    // The text of the library's error may quote a cell.
    let too_many = matches!(error, XlsxError::RowColumnLimitError);
    let message = match too_many {
        true => Text::new(
            "线索多于一个工作表所能容纳的行数",
            "there are more leads than a sheet of a workbook can hold",
        ),
        false => Text::new("无法生成核查工作簿", "the review workbook cannot be made"),
    };
    let hint = Text::new(
        "请检查案件导出和规则文件：线索数是否合理",
        "check the case export and the policy: is the number of leads plausible?",
    );
    Fault::of_file(&terms.file, message, hint)
}
