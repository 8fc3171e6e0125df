//! The minimisation matrix (Personal Information Protection Law, 6): for every column of
//! every export, whether it is present, whether it was read, what needs it, what leaves
//! the office and who sees that.
//!
//! The columns that may be read are worked out here from schema and policy; the columns
//! that were read come from the record of the run. The two are worked out independently
//! and then compared.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use aidlink_faults::text::Text;
use aidlink_files::document::{Document, Head};
use aidlink_office::manifest::{ColumnRead, FileRead, Manifest, PolicyUsed, StepKind};
use aidlink_office::round::Mode;
use aidlink_policy::pack::{Aid, CASE_EXPORT, Direction, Policy, Rule, RuleKind};
use aidlink_policy::rule_language::{Combination, DERIVED_AGE, DERIVED_MINOR, DERIVED_SEX};
use aidlink_policy::schema::{ExportSchema, Field, Role, Schemas};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use aidlink_procuratorate::lists::match_list::list_name;

/// The matrix as written to `matrix.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixDocument {
    /// The name of the format.
    pub format: String,
    /// The version of the format.
    pub version: u64,
    /// The round.
    pub round: String,
    /// The step; absent before the run.
    pub step: Option<StepKind>,
    /// Whether the round is pooled or split.
    pub mode: Mode,
    /// The as-of date.
    pub as_of: Date,
    /// The purpose.
    pub purpose: String,
    /// Id of the impact assessment.
    pub impact_assessment: String,
    /// The policy.
    pub policy: PolicyUsed,
    /// The exports, in the order of the manifest.
    pub exports: Vec<MatrixExport>,
}

/// An export in the written matrix; its fields are those of [`ExportPart`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `ExportPart`")]
pub struct MatrixExport {
    pub export: String,
    pub agency: String,
    pub snapshot: Date,
    pub purpose: String,
    pub legal_basis: String,
    pub files: u64,
    pub columns: Vec<MatrixColumn>,
}

/// A column in the written matrix; its fields are those of [`ColumnRow`], and values
/// derived from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `ColumnRow`")]
pub struct MatrixColumn {
    pub field: Option<String>,
    pub title: Text,
    pub headers: Vec<String>,
    pub present_in_files: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constants: Vec<ConstantGiven>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    pub needed_for: Vec<Need>,
    pub read: bool,
    pub leaves: Vec<Leaves>,
    pub outcomes: Vec<String>,
    pub decides: Vec<String>,
    pub seen_by: Vec<String>,
    pub lists: Vec<String>,
    pub verdict: Verdict,
}

impl Document for MatrixDocument {
    const FORMAT: &'static str = "aidlink minimisation matrix";
    const VERSIONS: RangeInclusive<u64> = 1..=3;
}

/// The first version that says who may learn that an aid is received.
const WITH_RECEIPTS: u64 = 3;

/// The matrix of one step of a round.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Round, policy, purpose and mode.
    pub head: MatrixHead,
    /// A part for each export, in the order of the manifest.
    pub exports: Vec<ExportPart>,
    /// The number of lists that the policy has.
    pub lists: usize,
    /// The names of what the matrix names by id.
    pub names: Names,
}

/// Names in words for ids of a policy.
#[derive(Clone, Debug, Default)]
pub struct Names {
    rules: BTreeMap<String, Text>,
    aids: BTreeMap<String, Text>,
    /// The offices of lists, by the names of the lists.
    lists: BTreeMap<String, Text>,
}

impl Names {
    fn of(policy: &Policy) -> Self {
        let rules = policy.rules.iter();
        let aids = policy.aids.iter();
        let lists = aids.clone().flat_map(|aid| {
            let name = match aid.direction {
                Direction::ToSocial => policy.agency_name(&aid.agency),
                Direction::ToJudicial => Text::new("司法救助", "judicial aid"),
            };
            [false, true].map(|minor| (list_name(aid, minor), name.clone()))
        });
        Names {
            rules: rules
                .map(|rule| (rule.id.clone(), rule.title.clone()))
                .collect(),
            aids: aids
                .map(|aid| (aid.id.clone(), aid.title.clone()))
                .collect(),
            lists: lists.collect(),
        }
    }

    /// Returns the title of a rule, and its id.
    pub fn rule(&self, id: &str) -> Text {
        Names::beside(&self.rules, id)
    }

    /// Returns the title of an aid, and its id.
    pub fn aid(&self, id: &str) -> Text {
        Names::beside(&self.aids, id)
    }

    fn beside(names: &BTreeMap<String, Text>, id: &str) -> Text {
        let Some(name) = names.get(id) else {
            return Text::new(id, id);
        };
        Text::new(
            format!("{}（{id}）", name.zh),
            format!("{} ({id})", name.en),
        )
    }
}

/// The facts that apply to the whole matrix.
#[derive(Clone, Debug)]
pub struct MatrixHead {
    /// The round.
    pub round: String,
    /// The step; `None` before the run.
    pub step: Option<StepKind>,
    /// Whether the round is pooled or split.
    pub mode: Mode,
    /// The as-of date.
    pub as_of: Date,
    /// The purpose.
    pub purpose: String,
    /// Id of the impact assessment.
    pub impact_assessment: String,
    /// The policy.
    pub policy: PolicyUsed,
}

/// The columns of an export's files, as they were read or as they would be read.
#[derive(Clone, Debug)]
pub struct SeenExport<'e> {
    /// The schema's name.
    pub export: &'e str,
    /// The day of the snapshot.
    pub snapshot: Date,
    /// The legal basis for using it.
    pub legal_basis: &'e str,
    /// Its files.
    pub files: Vec<SeenFile<'e>>,
}

/// A file of an export, as it was read or as it would be read.
#[derive(Clone, Debug)]
pub struct SeenFile<'e> {
    /// Its columns.
    pub columns: &'e [ColumnRead],
    /// The values that the round file gives to fields in every row, by field.
    pub constants: BTreeMap<String, String>,
    /// The reason for them, if there is one.
    pub because: Option<String>,
    /// The codes of the site's own labels, by field and label.
    pub values: BTreeMap<String, BTreeMap<String, String>>,
}

impl<'e> SeenFile<'e> {
    fn read(file: &'e FileRead) -> Self {
        SeenFile {
            columns: &file.columns,
            constants: file.constants.clone(),
            because: file.because.clone(),
            values: file.values.clone(),
        }
    }

    /// A register in place of a file; `columns` are those that are taken from it.
    pub fn of_register(columns: &'e [ColumnRead]) -> Self {
        SeenFile {
            columns,
            constants: BTreeMap::new(),
            because: None,
            values: BTreeMap::new(),
        }
    }
}

/// A value that the round file gives to a field in every row of some files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConstantGiven {
    /// The value.
    pub value: String,
    /// The number of files; a sheet counts as a file.
    pub files: u64,
    /// The reason, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// The columns of one export.
#[derive(Clone, Debug)]
pub struct ExportPart {
    /// The schema's name.
    pub export: String,
    /// The agency's id.
    pub agency: String,
    /// The schema's title.
    pub title: Text,
    /// The day of the snapshot.
    pub snapshot: Date,
    /// The legal basis for using it.
    pub legal_basis: String,
    /// The number of its files.
    pub files: usize,
    /// Its columns: the fields in the order of the schema, then headers that are not in
    /// the schema.
    pub columns: Vec<ColumnRow>,
}

/// Why a column is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", content = "rules", rename_all = "snake_case")]
pub enum Need {
    /// The ID number is turned into a token.
    Token,
    /// The birth date shows whether the ID number of a row belongs to someone else.
    OwnNumber,
    /// It is shown on the procuratorate's own lists.
    #[serde(rename = "lists")]
    List,
    /// Reviewers see it, to find and judge the person.
    Reviewers,
    /// Reviewers see the sex and the age that the ID number states.
    SexAndAge,
    /// Rules read it; their ids.
    Rules(Vec<String>),
}

/// The verdict of the matrix on a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Needed, and it was (or will be) read.
    ReadAsNeeded,
    /// Present, not needed and not read.
    PresentNotRead,
    /// Declared in the schema, not needed and not present.
    DeclaredNotUsed,
    /// Needed, not present, and given for every row by the round file.
    GivenByRoundFile,
    /// Needed but not present.
    NeededAbsent,
    /// Read although nothing needs it.
    ReadWithoutNeed,
    /// Needed and present, but not read.
    NeededNotRead,
}

impl Verdict {
    /// Returns the words for the user.
    pub fn text(self) -> Text {
        match self {
            Verdict::ReadAsNeeded => Text::new("需要，已读取", "needed and read"),
            Verdict::PresentNotRead => Text::new("存在，未读取", "present, not read"),
            Verdict::DeclaredNotUsed => Text::new("已声明，从未使用", "declared, never used"),
            Verdict::GivenByRoundFile => {
                Text::new("需要，由轮次文件写明", "needed, given by the round file")
            }
            Verdict::NeededAbsent => Text::new("需要，导出中没有", "needed, not in the export"),
            Verdict::ReadWithoutNeed => Text::new("不需要却被读取", "READ WITHOUT NEED"),
            Verdict::NeededNotRead => Text::new("需要而未读取", "needed, present, NOT READ"),
        }
    }

    /// Returns whether the run deviated from schema and policy.
    pub fn is_wrong(self) -> bool {
        matches!(self, Verdict::ReadWithoutNeed | Verdict::NeededNotRead)
    }
}

/// One column of one export.
#[derive(Clone, Debug)]
pub struct ColumnRow {
    /// The field of the schema; `None` for a header that is not in the schema.
    pub field: Option<String>,
    /// The field's title.
    pub title: Text,
    /// Its headers in the files.
    pub headers: Vec<String>,
    /// The number of files that contain it.
    pub present_in: usize,
    /// The values that the round file gives for every row, where there is no column.
    pub constants: Vec<ConstantGiven>,
    /// The codes of the site's own labels.
    pub values: BTreeMap<String, String>,
    /// Why it is read; empty if nothing needs it.
    pub needs: Vec<Need>,
    /// Whether it was read or, before the run, will be read.
    pub read: bool,
    /// Rules on it whose outcome leaves the office that has the row.
    pub outcomes: Vec<String>,
    /// Aids for which the column decides whether they were already received or referred,
    /// without being shown.
    pub decides: Vec<String>,
    /// Whether a rule on it may show the procuratorate that a person whom it referred receives an
    /// aid.
    pub shows_receipt: bool,
    /// Lists that show the field or the outcome of a rule on it.
    pub lists: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
}

impl ColumnRow {
    /// Returns whether values of the field are used: those of a column, or constants.
    pub fn is_used(&self) -> bool {
        self.read || !self.constants.is_empty()
    }
}

impl Matrix {
    /// Works out the matrix of the exports in a manifest.
    pub fn of_manifest(manifest: &Manifest, policy: &Policy, schemas: &Schemas) -> Self {
        let head = MatrixHead {
            round: manifest.round.clone(),
            step: Some(manifest.step),
            mode: manifest.mode,
            as_of: manifest.as_of,
            purpose: manifest.purpose.clone(),
            impact_assessment: manifest.impact_assessment.id.clone(),
            policy: manifest.policy.clone(),
        };
        let exports = manifest.exports.iter().map(|export| SeenExport {
            export: &export.export,
            snapshot: export.snapshot,
            legal_basis: &export.legal_basis,
            files: match (&manifest.register, export.files.is_empty()) {
                (Some(register), true) => vec![SeenFile::of_register(&register.columns)],
                _ => export.files.iter().map(SeenFile::read).collect(),
            },
        });
        Matrix::new(head, exports, policy, schemas)
    }

    /// Works out the matrix of exports, given a policy and its schemas.
    pub fn new<'e>(
        head: MatrixHead,
        exports: impl Iterator<Item = SeenExport<'e>>,
        policy: &Policy,
        schemas: &Schemas,
    ) -> Self {
        let aids: Vec<AidRules<'_>> = policy.aids.iter().map(AidRules::of).collect();
        let exports = exports
            .filter_map(|export| {
                let schema = schemas.get(export.export)?;
                Some(export_part(&export, policy, schema, &aids))
            })
            .collect();
        let aids = policy.aids.iter();
        let lists = aids.flat_map(|aid| [list_name(aid, false), list_name(aid, true)]);
        Matrix {
            head,
            exports,
            lists: lists.collect::<BTreeSet<String>>().len(),
            names: Names::of(policy),
        }
    }

    /// Iterates over the columns for which the run deviated from schema and policy.
    pub fn wrong(&self) -> impl Iterator<Item = (&ExportPart, &ColumnRow)> {
        self.exports.iter().flat_map(|part| {
            let wrong = part.columns.iter().filter(|row| row.verdict.is_wrong());
            wrong.map(move |row| (part, row))
        })
    }

    /// Returns the number of columns with a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        let rows = self.exports.iter().flat_map(|part| &part.columns);
        rows.filter(|row| row.verdict == verdict).count()
    }

    /// Returns the matrix as a document.
    pub fn document(&self) -> MatrixDocument {
        self.document_of(*MatrixDocument::VERSIONS.end())
    }

    /// Returns the matrix as a document of a version, as an older program wrote it.
    pub fn document_of(&self, version: u64) -> MatrixDocument {
        let Head { format, .. } = MatrixDocument::head();
        let head = &self.head;
        MatrixDocument {
            format,
            version,
            round: head.round.clone(),
            step: head.step,
            mode: head.mode,
            as_of: head.as_of,
            purpose: head.purpose.clone(),
            impact_assessment: head.impact_assessment.clone(),
            policy: head.policy.clone(),
            exports: self
                .exports
                .iter()
                .map(|part| self.part(part, version))
                .collect(),
        }
    }

    fn part(&self, part: &ExportPart, version: u64) -> MatrixExport {
        let column = |row: &ColumnRow| MatrixColumn {
            field: row.field.clone(),
            title: row.title.clone(),
            headers: row.headers.clone(),
            present_in_files: row.present_in as u64,
            constants: row.constants.clone(),
            values: row.values.clone(),
            needed_for: row.needs.clone(),
            read: row.read,
            leaves: self.leaves(row),
            outcomes: row.outcomes.clone(),
            decides: row.decides.clone(),
            seen_by: self
                .recipients(row, version)
                .into_iter()
                .map(|text| text.en)
                .collect(),
            lists: row.lists.clone(),
            verdict: row.verdict,
        };
        MatrixExport {
            export: part.export.clone(),
            agency: part.agency.clone(),
            snapshot: part.snapshot,
            purpose: self.head.purpose.clone(),
            legal_basis: part.legal_basis.clone(),
            files: part.files as u64,
            columns: part.columns.iter().map(column).collect(),
        }
    }

    /// Returns in which forms data of a column leaves the office that has the row.
    pub fn leaves(&self, row: &ColumnRow) -> Vec<Leaves> {
        let mut leaves = Vec::new();
        if !row.is_used() {
            return leaves;
        }
        for need in &row.needs {
            match need {
                Need::Token => leaves.push(Leaves::Token),
                Need::List => leaves.push(Leaves::ListField),
                Need::Reviewers => leaves.push(Leaves::ReviewField),
                Need::SexAndAge => leaves.push(Leaves::SexAndAge),
                Need::OwnNumber | Need::Rules(_) => {}
            }
        }
        if !row.outcomes.is_empty() {
            leaves.push(Leaves::Outcomes);
        }
        leaves
    }

    /// Returns who sees the data that leaves, with the names of the lists, as a document of this
    /// version says it.
    fn recipients(&self, row: &ColumnRow, version: u64) -> Vec<Text> {
        let lists: Vec<&str> = row.lists.iter().map(String::as_str).collect();
        let lists = Text::new(lists.join("、"), lists.join(", "));
        self.recipients_with(row, &lists, version)
    }

    /// Returns who sees the data that leaves, with the offices that the lists are for.
    pub fn recipients_in_words(&self, row: &ColumnRow) -> Vec<Text> {
        let named = row
            .lists
            .iter()
            .filter_map(|name| self.names.lists.get(name));
        let mut offices: Vec<&Text> = Vec::new();
        for office in named {
            // Adults and minors have a list each.
            if !offices.contains(&office) {
                offices.push(office);
            }
        }
        let zh: Vec<&str> = offices.iter().map(|office| office.zh.as_str()).collect();
        let en: Vec<&str> = offices.iter().map(|office| office.en.as_str()).collect();
        let lists = Text::new(
            format!("{}的清单", zh.join("、")),
            format!("lists for {}", en.join(", ")),
        );
        self.recipients_with(row, &lists, *MatrixDocument::VERSIONS.end())
    }

    fn recipients_with(&self, row: &ColumnRow, lists: &Text, version: u64) -> Vec<Text> {
        let leaves = self.leaves(row);
        let mut seen = Vec::new();
        let goes_to_centre = |form: &Leaves| matches!(form, Leaves::Token | Leaves::Outcomes);
        if self.head.mode == Mode::Split && leaves.iter().any(goes_to_centre) {
            seen.push(Text::new(
                "筛查机构（令牌和结果）",
                "the centre (token and outcomes)",
            ));
        }
        if !row.lists.is_empty() && row.is_used() {
            let (zh, en) = match row.lists.len() == self.lists {
                true => ("全部清单", "all lists"),
                false => (lists.zh.as_str(), lists.en.as_str()),
            };
            seen.push(Text::new(
                format!("检察机关（{zh}）"),
                format!("the procuratorate ({en})"),
            ));
        }
        if version >= WITH_RECEIPTS && row.shows_receipt && row.is_used() {
            seen.push(Text::new(
                "检察机关（已转介的人是否领取，只在其登记簿询问时）",
                "the procuratorate (whether persons whom it referred receive it, only if its register asks)",
            ));
        }
        let for_reviewers = |form: &Leaves| matches!(form, Leaves::ReviewField | Leaves::SexAndAge);
        if leaves.iter().any(for_reviewers) {
            seen.push(Text::new(
                "检察机关的核查人（review/）",
                "the procuratorate's reviewers (review/)",
            ));
        }
        seen
    }
}

/// The form in which data of a column leaves an office.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaves {
    /// A token (keyed hash).
    Token,
    /// The outcome of each rule: yes, no or unknown.
    Outcomes,
    /// The cell itself, on the procuratorate's own lists.
    ListField,
    /// The cell itself, in the procuratorate's review workbooks and person pages.
    ReviewField,
    /// Sex and age, in the same.
    SexAndAge,
}

impl Leaves {
    /// Returns the words for the user.
    pub fn text(self) -> Text {
        match self {
            Leaves::Token => Text::new("令牌", "token"),
            Leaves::Outcomes => Text::new("规则结果", "outcomes of rules"),
            Leaves::ListField => Text::new("清单字段", "list field"),
            Leaves::ReviewField => Text::new("供核查人查看的字段", "field for reviewers"),
            Leaves::SexAndAge => Text::new("性别、年龄", "sex and age"),
        }
    }
}

impl Need {
    /// Returns the words for the user. `named` gives those for rules.
    pub fn text(&self, named: impl Fn(&[String]) -> Text) -> Text {
        match self {
            Need::Token => Text::new("生成令牌", "making the token"),
            Need::OwnNumber => Text::new(
                "核对证件号码是否属于本人",
                "checking that the ID number is the person's own",
            ),
            Need::List => Text::new("在清单上显示", "shown on the lists"),
            Need::Reviewers => Text::new(
                "供核查人查找、判断本人",
                "shown to reviewers, to find and judge the person",
            ),
            Need::SexAndAge => Text::new(
                "供核查人了解性别和年龄",
                "sex and age are shown to reviewers",
            ),
            Need::Rules(rules) => {
                let Text { zh, en } = named(rules);
                Text::new(format!("规则：{zh}"), format!("rules: {en}"))
            }
        }
    }
}

/// Returns why a field is read, according to schema and policy; empty if nothing needs it.
pub fn needs(policy: &Policy, schema: &ExportSchema, field: &Field) -> Vec<Need> {
    let rules = RuleColumns::on(policy, schema);
    needs_of(schema, field, &rules_on(&rules, schema, field))
}

/// As [`needs`]; `rules` are those that read the field.
fn needs_of(schema: &ExportSchema, field: &Field, rules: &[&Rule]) -> Vec<Need> {
    let mut needs = Vec::new();
    match field.role {
        Role::NationalId => needs.push(Need::Token),
        Role::BirthDate => needs.push(Need::OwnNumber),
        // Lists show fields of the procuratorate's own rows only.
        Role::List if schema.name == CASE_EXPORT => needs.push(Need::List),
        Role::List | Role::Attribute => {}
    }
    if schema.name == CASE_EXPORT {
        if field.for_reviewers {
            needs.push(Need::Reviewers);
        }
        if field.role == Role::NationalId && schema.reviewer_fields().next().is_some() {
            needs.push(Need::SexAndAge);
        }
    }
    if !rules.is_empty() {
        let rules = rules.iter().map(|rule| rule.id.clone());
        needs.push(Need::Rules(rules.collect()));
    }
    needs
}

/// A rule and the columns that it reads, which every field asks for.
struct RuleColumns<'p> {
    rule: &'p Rule,
    columns: BTreeSet<String>,
}

impl<'p> RuleColumns<'p> {
    /// Returns the rules on an export.
    fn on(policy: &'p Policy, schema: &ExportSchema) -> Vec<Self> {
        let rules = policy.rules.iter().filter(|rule| rule.on == schema.name);
        let rules = rules.map(|rule| RuleColumns {
            rule,
            columns: rule.columns(),
        });
        rules.collect()
    }
}

/// Returns the rules that read a field, or another one that is derived from it. For the
/// ID number, these include the rules on age, minority and sex.
fn rules_on<'p>(rules: &[RuleColumns<'p>], schema: &ExportSchema, field: &Field) -> Vec<&'p Rule> {
    let of_id = match field.role {
        Role::NationalId => [DERIVED_AGE, DERIVED_MINOR, DERIVED_SEX].as_slice(),
        _ => &[],
    };
    let derived = schema.derived_from(&field.name);
    let derived = derived.map(|derived| derived.name.as_str());
    let names = [field.name.as_str()].into_iter().chain(derived);
    let names: Vec<&str> = names.chain(of_id.iter().copied()).collect();
    let reads = |of: &&RuleColumns<'p>| names.iter().any(|name| of.columns.contains(*name));
    rules.iter().filter(reads).map(|of| of.rule).collect()
}

/// An aid and the ids of its rules, which every column asks for.
struct AidRules<'p> {
    aid: &'p Aid,
    /// The rules that a lead rests on.
    rests_on: BTreeSet<&'p str>,
    /// The rules that decide whether it was received or referred.
    decided_by: BTreeSet<&'p str>,
}

impl<'p> AidRules<'p> {
    fn of(aid: &'p Aid) -> Self {
        let settled = aid.settled.iter().flat_map(Combination::rules);
        AidRules {
            aid,
            rests_on: aid.rests_on(),
            decided_by: settled.chain(aid.referred.rules()).collect(),
        }
    }
}

fn export_part(
    export: &SeenExport<'_>,
    policy: &Policy,
    schema: &ExportSchema,
    aids: &[AidRules<'_>],
) -> ExportPart {
    let files = &export.files;
    let rules = RuleColumns::on(policy, schema);
    let mut columns: Vec<ColumnRow> = schema
        .fields
        .iter()
        .map(|field| {
            let rules = rules_on(&rules, schema, field);
            field_row(policy, schema, aids, field, &rules, files)
        })
        .collect();
    columns.extend(unknown_headers(files));
    ExportPart {
        export: schema.name.clone(),
        agency: schema.agency.clone(),
        title: schema.title.clone(),
        snapshot: export.snapshot,
        legal_basis: export.legal_basis.to_owned(),
        files: files.len(),
        columns,
    }
}

fn field_row(
    policy: &Policy,
    schema: &ExportSchema,
    aids: &[AidRules<'_>],
    field: &Field,
    rules: &[&Rule],
    files: &[SeenFile<'_>],
) -> ColumnRow {
    let of_field = |column: &&ColumnRead| column.field.as_deref() == Some(field.name.as_str());
    let columns = files.iter().flat_map(|file| file.columns);
    let seen: Vec<&ColumnRead> = columns.filter(of_field).collect();
    let present_in = files
        .iter()
        .filter(|file| file.columns.iter().any(|column| of_field(&column)))
        .count();
    let (constants, values) = (constants_of(field, files), values_of(field, files));
    let headers: BTreeSet<&str> = seen.iter().map(|column| column.header.as_str()).collect();
    let needs = needs_of(schema, field, rules);
    let read = seen.iter().any(|column| column.read);
    let sees = |aid: &AidRules<'_>| {
        rules.iter().any(|rule| match rule.kind {
            // These are shown with every lead of the person.
            RuleKind::Exclusion | RuleKind::Priority => true,
            _ => aid.rests_on.contains(rule.id.as_str()),
        })
    };
    let is_listed = needs.contains(&Need::List);
    let mut lists = BTreeSet::new();
    for AidRules { aid, .. } in aids.iter().filter(|aid| is_listed || sees(aid)) {
        lists.extend([list_name(aid, false), list_name(aid, true)]);
    }
    let decides = aids.iter().filter(|aid| {
        let mut rules = rules.iter();
        rules.any(|rule| aid.decided_by.contains(rule.id.as_str()))
    });
    ColumnRow {
        field: Some(field.name.clone()),
        title: field.title.clone(),
        headers: headers.into_iter().map(str::to_owned).collect(),
        present_in,
        read,
        values,
        outcomes: rules
            .iter()
            .filter(|rule| rule.kind != RuleKind::Withhold)
            .map(|rule| rule.id.clone())
            .collect(),
        decides: decides.map(|aid| aid.aid.id.clone()).collect(),
        shows_receipt: rules.iter().any(|rule| {
            let mut aids = policy.aids.iter();
            policy.is_receipt(&rule.id) && aids.any(|aid| aid.may_be_received_by(&rule.id))
        }),
        lists: lists.into_iter().collect(),
        verdict: verdict(
            !needs.is_empty(),
            present_in > 0,
            read,
            !constants.is_empty(),
        ),
        constants,
        needs,
    }
}

fn constants_of(field: &Field, files: &[SeenFile<'_>]) -> Vec<ConstantGiven> {
    let mut given: BTreeMap<(&str, Option<&str>), u64> = BTreeMap::new();
    for file in files {
        if let Some(value) = file.constants.get(&field.name) {
            *given.entry((value, file.because.as_deref())).or_default() += 1;
        }
    }
    let given = given.into_iter();
    given
        .map(|((value, because), files)| ConstantGiven {
            value: value.to_owned(),
            files,
            because: because.map(str::to_owned),
        })
        .collect()
}

/// Returns the codes of the site's own labels of a field. If files give a label different
/// codes, all of them.
fn values_of(field: &Field, files: &[SeenFile<'_>]) -> BTreeMap<String, String> {
    let mut codes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (label, code) in files
        .iter()
        .filter_map(|file| file.values.get(&field.name))
        .flatten()
    {
        codes.entry(label).or_default().insert(code);
    }
    let codes = codes.into_iter();
    codes
        .map(|(label, codes)| {
            let codes: Vec<&str> = codes.into_iter().collect();
            (label.to_owned(), codes.join(", "))
        })
        .collect()
}

fn verdict(needed: bool, present: bool, read: bool, given: bool) -> Verdict {
    match (needed, present, read) {
        (true, _, true) => Verdict::ReadAsNeeded,
        (false, _, true) => Verdict::ReadWithoutNeed,
        (false, _, false) if given => Verdict::ReadWithoutNeed,
        (true, true, false) => Verdict::NeededNotRead,
        (true, false, false) if given => Verdict::GivenByRoundFile,
        (true, false, false) => Verdict::NeededAbsent,
        (false, true, false) => Verdict::PresentNotRead,
        (false, false, false) => Verdict::DeclaredNotUsed,
    }
}

/// Returns a row for each header that is not in the schema.
fn unknown_headers(files: &[SeenFile<'_>]) -> Vec<ColumnRow> {
    let unknown = |column: &&ColumnRead| column.field.is_none();
    let columns = files.iter().flat_map(|file| file.columns);
    let headers: BTreeSet<&str> = columns
        .clone()
        .filter(unknown)
        .map(|column| column.header.as_str())
        .collect();
    headers
        .into_iter()
        .map(|header| {
            let is_same = |column: &ColumnRead| column.field.is_none() && column.header == header;
            let read = columns.clone().any(|column| is_same(column) && column.read);
            ColumnRow {
                field: None,
                title: Text::default(),
                headers: vec![header.to_owned()],
                present_in: files
                    .iter()
                    .filter(|file| file.columns.iter().any(is_same))
                    .count(),
                constants: Vec::new(),
                values: BTreeMap::new(),
                needs: Vec::new(),
                read,
                outcomes: Vec::new(),
                decides: Vec::new(),
                shows_receipt: false,
                lists: Vec::new(),
                verdict: verdict(false, true, read, false),
            }
        })
        .collect()
}
