//! The list of persons who could not be judged: the export says so little of them that
//! no aid could be granted or excluded, and no register knows more. It says what is
//! missing, so that the procuratorate can fill it in. Minors are on a list of their own,
//! as on the match lists.

use std::collections::{BTreeMap, BTreeSet};

use aidlink_agency::spreadsheet_csv;
use aidlink_faults::text::{Language, Text};
use aidlink_office::round::RoundTerms;
use aidlink_policy::pack::{CASE_EXPORT, Rule};
use aidlink_policy::schema::{ExportSchema, Field};

use super::case_cells::case_fields;
use super::marking::RoundMarking;
use super::numbers::PersonNumbers;
use crate::resolve::{ResolvedNotJudged, ResolvedRound};

/// A list of persons who could not be judged, ready to be written.
pub struct NotJudgedList {
    /// Its path in the output folder.
    pub path: &'static str,
    /// The content of the file.
    pub bytes: Vec<u8>,
    /// Number of persons on the list.
    pub persons: usize,
}

/// The path of the list of adults.
pub const ADULTS: &str = "lists/not-judged.csv";
/// The path of the list of minors and of persons of unknown age.
pub const MINORS: &str = "lists/not-judged.minors.csv";

/// Which rules could not be judged for a person, and which fields have no value.
pub struct Gaps<'t> {
    /// The rules, in the policy's order.
    pub rules: Vec<&'t Rule>,
    /// The fields that these rules read and that have no value that can be read: those of
    /// the case parties first, then those that registers lack, each in the schema's order.
    pub fields: Vec<Gap<'t>>,
}

/// A field without a value that can be read.
pub struct Gap<'t> {
    /// The schema of the export that lacks it.
    pub schema: &'t ExportSchema,
    /// The field.
    pub field: &'t Field,
    /// How much a value would decide: the sum over the rules that read the field of one
    /// part in the number of their gaps, in parts of [`WHOLE`].
    pub weight: u64,
}

/// The weight of a field that is the only gap of one rule. It can be divided by the usual
/// numbers of gaps.
pub const WHOLE: u64 = 2520;

/// Returns the title of a field; that of a register's field begins with the register's.
pub fn title_of(schema: &ExportSchema, field: &Field) -> Text {
    let (of_schema, of_field) = (&schema.title, &field.title);
    match schema.name == CASE_EXPORT {
        true => of_field.clone(),
        false => Text::new(
            format!("{}：{}", of_schema.zh, of_field.zh),
            format!("{}: {}", of_schema.en, of_field.en),
        ),
    }
}

/// Finds the gaps of persons. Made once for a round.
pub struct FindGaps<'t> {
    terms: &'t RoundTerms,
    /// For each rule, the export that it is on and the fields that it reads.
    read: BTreeMap<&'t str, (&'t str, BTreeSet<&'t str>)>,
    /// For each register, the fields that rules need and that it lacks.
    missing: BTreeMap<&'t str, BTreeSet<&'t str>>,
}

impl<'t> FindGaps<'t> {
    /// Prepares for a round. `missing` are the fields that each register lacks.
    pub fn new(terms: &'t RoundTerms, missing: &'t BTreeMap<String, Vec<String>>) -> Self {
        let rules = terms.policy.rules.iter();
        let read = rules.filter_map(|rule| {
            let schema = &terms.export(&rule.on)?.schema;
            let columns = rule.columns();
            let fields = schema.fields.iter().map(|field| field.name.as_str());
            let fields = fields.filter(|name| columns.contains(*name));
            Some((rule.id.as_str(), (rule.on.as_str(), fields.collect())))
        });
        let missing = missing.iter().map(|(export, fields)| {
            let fields = fields.iter().map(String::as_str);
            (export.as_str(), fields.collect())
        });
        FindGaps {
            terms,
            read: read.collect(),
            missing: missing.collect(),
        }
    }

    /// Returns the gaps of a person.
    pub fn of(&self, person: &ResolvedNotJudged) -> Gaps<'t> {
        let schema = &self.terms.cases.schema;
        let mut rules: BTreeSet<&str> = BTreeSet::new();
        let mut gaps: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (screened, case) in person.screened.cases.iter().zip(&person.cases) {
            let empty = case
                .empty
                .iter()
                .filter_map(|place| schema.fields.get(*place));
            let empty = empty.map(|field| field.name.as_str());
            let without_value: BTreeSet<&str> = empty
                .chain(case.unreadable.iter().map(String::as_str))
                .collect();
            for rule in &screened.unknown {
                rules.insert(rule);
                let Some((export, read)) = self.read.get(rule.as_str()) else {
                    continue;
                };
                let without_value = match *export == CASE_EXPORT {
                    true => Some(&without_value),
                    false => self.missing.get(export),
                };
                let of_rule: Vec<&str> = without_value
                    .into_iter()
                    .flat_map(|fields| read.intersection(fields))
                    .copied()
                    .collect();
                let weight = WHOLE / of_rule.len().max(1) as u64;
                for field in of_rule {
                    *gaps.entry((*export, field)).or_default() += weight;
                }
            }
        }
        let policy = self.terms.policy.rules.iter();
        let exports = self.terms.exports().map(|export| &export.schema);
        let fields =
            exports.flat_map(|schema| schema.fields.iter().map(move |field| (schema, field)));
        let fields = fields.filter_map(|(schema, field)| {
            let weight = *gaps.get(&(schema.name.as_str(), field.name.as_str()))?;
            Some(Gap {
                schema,
                field,
                weight,
            })
        });
        Gaps {
            rules: policy
                .filter(|rule| rules.contains(rule.id.as_str()))
                .collect(),
            fields: fields.collect(),
        }
    }
}

/// A person who could not be judged, as lists show it.
pub(super) struct NotJudgedRow {
    /// Whether it is on the list of minors.
    pub(super) minor: bool,
    /// The number of the person.
    pub(super) number: String,
    /// The list fields of the case rows, in the schema's order.
    pub(super) case_fields: Vec<String>,
    /// What is below [`headers`].
    pub(super) texts: [String; 3],
}

/// Returns the headers of the columns after the list fields.
pub(super) fn headers(language: Language) -> [String; 3] {
    let texts = [
        Text::new("未能判断的救助项目", "Aids that could not be judged"),
        Text::new("未能判断的条件", "Conditions that could not be judged"),
        Text::new(
            "没有内容或无法读取的列",
            "Columns without a value that can be read",
        ),
    ];
    texts.map(|text| text.in_language(language).to_owned())
}

/// Returns the header of the column of persons' numbers.
pub(crate) fn number_header() -> Text {
    Text::new("人员编号", "Person number")
}

/// Returns the persons of a round who could not be judged, as lists show them, sorted by
/// number.
pub(super) fn not_judged_rows(
    terms: &RoundTerms,
    round: &ResolvedRound,
    numbers: &PersonNumbers,
) -> Vec<NotJudgedRow> {
    let language = terms.list_language;
    let gaps = FindGaps::new(terms, &round.fields_missing);
    let joined = |titles: Vec<Text>| {
        let titles = titles.iter().map(|title| title.in_language(language));
        titles.collect::<Vec<_>>().join("；")
    };
    let row = |person: &ResolvedNotJudged| {
        let Gaps { rules, fields } = gaps.of(person);
        let aids = person.screened.aids.iter();
        let aids = aids.filter_map(|aid| terms.policy.aid(aid));
        let titles = fields.iter().map(|gap| title_of(gap.schema, gap.field));
        NotJudgedRow {
            minor: person.minor,
            number: numbers.person(&person.person).to_owned(),
            case_fields: case_fields(&terms.cases.schema, &person.cases),
            texts: [
                joined(aids.map(|aid| aid.title.clone()).collect()),
                joined(rules.into_iter().map(|rule| rule.title.clone()).collect()),
                joined(titles.collect()),
            ],
        }
    };
    let mut rows: Vec<NotJudgedRow> = round.not_judged.iter().map(row).collect();
    rows.sort_by(|one, other| one.number.cmp(&other.number));
    rows
}

/// Returns both lists of the round, also without persons.
pub(super) fn not_judged_lists(
    terms: &RoundTerms,
    persons: &[NotJudgedRow],
    marking: &RoundMarking<'_>,
) -> Vec<NotJudgedList> {
    let language = terms.list_language;
    let titles = terms.cases.schema.list_fields().map(|field| &field.title);
    let titles = titles.map(|title| title.in_language(language).to_owned());
    let mut header = vec![number_header().in_language(language).to_owned()];
    header.extend(titles.chain(headers(language)));
    let needed = terms.policy.registers_used();
    header.push(marking.of_list(&needed, language).cell(language));
    let row = |person: &NotJudgedRow| -> Vec<String> {
        let mut row = vec![person.number.clone()];
        row.extend(person.case_fields.iter().chain(&person.texts).cloned());
        // Below the marking is nothing.
        row.push(String::new());
        row
    };
    let list = |path, minor| {
        let persons = persons.iter();
        let persons = persons.filter(|person| person.minor == minor);
        let rows: Vec<Vec<String>> = persons.map(row).collect();
        let count = rows.len();
        let table: Vec<Vec<String>> = std::iter::once(header.clone()).chain(rows).collect();
        NotJudgedList {
            path,
            bytes: spreadsheet_csv::to_bytes(&table),
            persons: count,
        }
    };
    vec![list(ADULTS, false), list(MINORS, true)]
}
