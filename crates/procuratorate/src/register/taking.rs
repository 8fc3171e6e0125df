//! The leads of a finished round, as the register takes them: what the lists of the round
//! say, and who is meant in the register.
//!
//! The lists hold no ID number and no token. So the persons are found again in the
//! procuratorate's own export, with the round's key: the same export gives the same numbers.
//! Once either was purged, the leads of a round can no longer be taken.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aidlink_agency::exports::open;
use aidlink_agency::key::RoundKey;
use aidlink_agency::national_id::Sex;
use aidlink_agency::person_mark::{PersonMark, PersonMarker};
use aidlink_agency::reading_progress;
use aidlink_agency::register_token::RegisterTokeniser;
use aidlink_agency::spreadsheet_csv::{read_csv, safe_cell};
use aidlink_agency::tokenise::{Listed, ListedCases, ListedRow, Tokenising, listed_rows};
use aidlink_agency::tokeniser::Tokeniser;
use aidlink_contract::grade::Grade;
use aidlink_faults::fault::{Fault, FaultCollector, Faults, Place};
use aidlink_faults::text::{Language, Text};
use aidlink_files::document::Document as _;
use aidlink_office::manifest::{Manifest, StepKind};
use aidlink_office::round::{Reads, RoundTerms, WrittenRound};
use aidlink_office::terminal::Progress;
use aidlink_office::verification::Verification;
use aidlink_policy::pack::{Aid, CASE_EXPORT, Direction};
use aidlink_policy::reading::PlannedExport;
use aidlink_policy::schema::ExportSchema;
use aidlink_register::number::LeadNumber;
use jiff::civil::Date;

use crate::lists::case_cells::case_fields;
use crate::lists::columns::{ListForm, ListRow, Urgency};
use crate::lists::match_list::list_name;
use crate::lists::numbers::{beginning, beginning_of, is_number_of};
use crate::register::shown::{
    DeliveredLead, REGISTERED_PLACE, TableKind, place_of, read_delivered, read_leads, remark,
};
use crate::summary::{SUMMARY, Summary};

/// The leads of a round.
pub struct TakenRound {
    /// The round's id.
    pub round: String,
    /// BLAKE3 digest of the round's manifest, hexadecimal.
    pub manifest_digest: String,
    /// The day on which the lists were issued.
    pub issued_on: Date,
    /// The day for which everything was judged.
    pub as_of: Date,
    /// Why the lists are provisional; empty if they are not.
    pub provisional: Vec<Text>,
    /// The leads, by number.
    pub leads: Vec<TakenLead>,
    /// The register's open leads whose aid is received, as registers show.
    pub delivered: Vec<DeliveredLead>,
    /// The open leads of persons of whom a case row says that they have died.
    pub dead: Vec<LeadNumber>,
    /// The open leads of persons who are registered elsewhere than in the register.
    pub moved: Vec<LeadNumber>,
    /// The snapshot of the case export.
    pub cases_of: Date,
    /// The remark of the events of the round's tables.
    pub remark: String,
}

/// A lead on a round's lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenLead {
    /// Its number.
    pub lead_number: String,
    /// The number of the person in this round.
    pub person_number: String,
    /// The token of the person in the register.
    pub register_token: [u8; 16],
    /// The id of the aid.
    pub aid: String,
    /// The id of the agency that gives it.
    pub agency: String,
    /// From whom to whom.
    pub direction: Direction,
    /// How sure the lead is.
    pub grade: Grade,
    /// How soon it must be checked.
    pub urgency: Urgency,
    /// Whether it is on a list of minors.
    pub minor: bool,
    /// The sex that the ID number states.
    pub sex: Option<Sex>,
    /// The age in whole years on the round's day.
    pub age: Option<u8>,
    /// What the list shows of the case rows, by the name of the field in the schema. If the
    /// rows differ, their values are joined by `；`.
    pub fields: BTreeMap<String, String>,
    /// The places of registration that the case rows name, joined likewise.
    pub registered_at: String,
    /// The rules that are yes.
    pub evidence: Vec<TakenRule>,
    /// The day by which somebody must act; `None` if the list states none.
    pub act_by: Option<Date>,
}

/// A rule that speaks for a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenRule {
    /// The id of the rule.
    pub rule: String,
    /// The export on which it is evaluated.
    pub export: String,
    /// The day of the export's snapshot.
    pub snapshot: Option<Date>,
}

impl TakenLead {
    /// Returns a field of the case rows as the list shows it, empty if it shows none.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// Returns the names, as the list shows them.
    pub fn name(&self) -> &str {
        self.field("name")
    }

    /// Returns the case numbers.
    pub fn case_numbers(&self) -> &str {
        self.field("case_number")
    }

    /// Returns the handlers.
    pub fn handler(&self) -> &str {
        self.field("handler")
    }

    /// Returns the units.
    pub fn unit(&self) -> &str {
        self.field("unit")
    }
}

/// The largest list that is read, in bytes.
const LARGEST_LIST: u64 = 1 << 30;

/// How persons are known in the register.
pub struct KnownAs<'r> {
    /// Makes the tokens of the register.
    pub tokeniser: &'r RegisterTokeniser,
    /// Returns the number of the person with a token, of whom the round's lists have that
    /// number: in the register as the round read it. `None` for all if the round read none.
    pub number_of: &'r dyn Fn(&[u8; 16]) -> Option<String>,
}

/// Takes the leads of a finished round from its verified output folder. `written` is the
/// round file.
///
/// # Errors
/// If the folder is not as the step wrote it or was purged, is not of this round file or of a
/// step that writes lists, if key or export are gone or not those of the step, or if a list
/// and the export do not agree.
pub fn take(
    verification: &Verification,
    written: &WrittenRound,
    register: &KnownAs<'_>,
    progress: &Progress,
) -> Result<TakenRound, Faults> {
    let (manifest, folder) = (&verification.manifest, verification.folder.as_path());
    check_folder(verification, written)?;
    let key_file = written.key_file()?;
    if !key_file.exists() {
        return Err(gone(&key_file, "轮次密钥", "the key of the round").into());
    }
    let (terms, exports) = written.planned(manifest.mode, Reads::One(CASE_EXPORT))?;
    if terms.policy.digest != manifest.policy.blake3 {
        return Err(changed(folder, "规则文件", "the policy").into());
    }
    let of_cases = |export: &&PlannedExport| export.schema.name == CASE_EXPORT;
    let planned = exports.iter().find(of_cases);
    let planned = planned.ok_or_else(|| changed(folder, "案件导出", "the case export"))?;
    let rows = read_lists(verification, &terms)?;
    let persons = persons(manifest, &terms, planned, &key_file, register, progress)?;
    let schema = &planned.schema;
    let mut leads = Vec::new();
    let mut numbers = BTreeSet::new();
    for (place, lead) in rows {
        let lead = taken(lead, &terms, schema, &persons).map_err(|text| bad_list(&place, text))?;
        if !numbers.insert(lead.lead_number.clone()) {
            let text = Text::new("线索编号出现两次", "a lead number appears twice");
            return Err(bad_list(&place, text).into());
        }
        leads.push(lead);
    }
    leads.sort_by(|one, other| one.lead_number.cmp(&other.lead_number));
    let table = |kind: TableKind| read_output(verification, kind.path());
    let language = manifest.list_language.unwrap_or(Language::Chinese);
    let numbers = |kind: TableKind| -> Result<Vec<LeadNumber>, Faults> {
        let Some(bytes) = table(kind)? else {
            return Ok(Vec::new());
        };
        let leads = read_leads(kind, &bytes, language);
        Ok(leads.ok_or_else(|| bad_table(verification, kind))?)
    };
    let delivered = match table(TableKind::Delivered)? {
        None => Vec::new(),
        Some(bytes) => read_delivered(&bytes, language)
            .ok_or_else(|| bad_table(verification, TableKind::Delivered))?,
    };
    let (dead, moved) = (numbers(TableKind::Dead)?, numbers(TableKind::Moved)?);
    let counts = Counts {
        leads: leads.len() as u64,
        delivered: delivered.len() as u64,
        dead: dead.len() as u64,
        moved: moved.len() as u64,
    };
    check_counts(verification, counts)?;
    Ok(TakenRound {
        delivered,
        dead,
        moved,
        cases_of: terms.cases.snapshot,
        remark: remark(&manifest.round).in_language(language).to_owned(),
        round: manifest.round.clone(),
        manifest_digest: verification.manifest_digest.clone(),
        issued_on: manifest.issued_on,
        as_of: manifest.as_of,
        provisional: manifest.provisional.clone().unwrap_or_default(),
        leads,
    })
}

/// Checks that a folder holds the lists of a round as the step wrote them.
fn check_folder(verification: &Verification, written: &WrittenRound) -> Result<(), Faults> {
    let (manifest, folder) = (&verification.manifest, verification.folder.as_path());
    if !matches!(manifest.step, StepKind::Run | StepKind::Resolve) {
        let (zh, en) = (
            "此文件夹不是出清单的步骤（run、resolve）写出的",
            "this folder was not written by a step that makes lists (`run`, `resolve`)",
        );
        let hint = Text::new(
            "请指明检察机关的输出文件夹",
            "name the output folder of the procuratorate",
        );
        return Err(Fault::of_file(folder, Text::new(zh, en), hint).into());
    }
    let mut faults = FaultCollector::new();
    faults.extend(verification.faults.iter().cloned());
    faults.finish()?;
    if written.digest() != manifest.round_file_blake3 {
        return Err(changed(folder, "轮次文件", "the round file").into());
    }
    if manifest.key.as_ref().and_then(|key| key.version) != Some(aidlink_agency::key::KEY_VERSION) {
        let (zh, en) = (
            "此轮由 aidlink 0.1 完成，其清单不能记入登记簿",
            "aidlink 0.1 finished this round; its lists cannot be taken into the register",
        );
        let hint = Text::new(
            "请用 aidlink register note 逐条记录仍在办理的线索",
            "record the leads that are still being handled with `aidlink register note`",
        );
        return Err(Fault::of_file(folder, Text::new(zh, en), hint).into());
    }
    Ok(())
}

/// A row of a list, and whose list it is.
struct OfList<'t> {
    row: ListRow,
    aid: &'t Aid,
    minor: bool,
}

/// The list and line of a row.
struct Line {
    path: std::path::PathBuf,
    line: u64,
}

/// Reads the match lists.
fn read_lists<'t>(
    verification: &Verification,
    terms: &'t RoundTerms,
) -> Result<Vec<(Line, OfList<'t>)>, Faults> {
    let manifest = &verification.manifest;
    let language = manifest.list_language.unwrap_or(Language::Chinese);
    let form = ListForm::of(&terms.cases.schema, language);
    let mut rows = Vec::new();
    let outputs = manifest.outputs.iter();
    for output in outputs.filter(|output| output.file.starts_with("lists/for-review/")) {
        let path = verification.folder.join(&output.file);
        let opened = &verification.opened;
        let bytes = opened.read(Path::new(&output.file), output.bytes.min(LARGEST_LIST));
        let bytes = bytes.map_err(|_| gone(&path, "清单", "a list"))?;
        // It may have been exchanged since the folder was verified.
        if blake3::hash(&bytes).to_hex().as_str() != output.blake3 {
            return Err(Fault::changed_while_read(&path).into());
        }
        let no_list = || {
            let text = Text::new("这不是本版本的清单", "this is no list of this version");
            bad_list(
                &Line {
                    path: path.clone(),
                    line: 1,
                },
                text,
            )
        };
        let (header, cells) = read_csv(&bytes).ok_or_else(no_list)?;
        if !form.has_header(&header) {
            return Err(no_list().into());
        }
        let name = output.file.rsplit('/').next().unwrap_or_default();
        let name = name.strip_suffix(".csv").unwrap_or(name);
        for (line, cells) in cells {
            let place = Line {
                path: path.clone(),
                line,
            };
            let row = ListRow::parse(&form, &cells);
            let of_list = row.and_then(|row| of_list(row, name, terms));
            match of_list {
                Some(of_list) => rows.push((place, of_list)),
                None => {
                    let text = Text::new(
                        "此行不是本轮规则文件的线索",
                        "this row is no lead of the round's policy",
                    );
                    return Err(bad_list(&place, text).into());
                }
            }
        }
    }
    Ok(rows)
}

/// Reads a file that the step wrote; `None` if it wrote none of this path.
fn read_output(verification: &Verification, path: &str) -> Result<Option<Vec<u8>>, Fault> {
    let mut outputs = verification.manifest.outputs.iter();
    let Some(output) = outputs.find(|output| output.file == path) else {
        return Ok(None);
    };
    let path = verification.folder.join(&output.file);
    let opened = &verification.opened;
    let bytes = opened.read(Path::new(&output.file), output.bytes.min(LARGEST_LIST));
    let bytes = bytes.map_err(|_| gone(&path, "清单", "a list"))?;
    // It may have been exchanged since the folder was verified.
    if blake3::hash(&bytes).to_hex().as_str() != output.blake3 {
        return Err(Fault::changed_while_read(&path));
    }
    Ok(Some(bytes))
}

/// How many leads lists and tables have.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Counts {
    leads: u64,
    delivered: u64,
    dead: u64,
    moved: u64,
}

/// Checks that lists and tables have as many leads as the summary of the same folder says: what
/// somebody added or left out would otherwise be recorded.
fn check_counts(verification: &Verification, counts: Counts) -> Result<(), Fault> {
    let Some(bytes) = read_output(verification, SUMMARY)? else {
        // A round that read no register shows nothing of its leads.
        let shown = counts.delivered + counts.dead + counts.moved;
        return match verification.manifest.register.is_none() && shown > 0 {
            true => Err(other_counts(verification)),
            false => Ok(()),
        };
    };
    let summary = Summary::parse(&bytes).map_err(|_| other_counts(verification))?;
    let shown = summary.open_leads.unwrap_or_default();
    let stated = Counts {
        leads: summary.leads,
        delivered: shown.delivered.unwrap_or_default(),
        dead: shown.dead,
        moved: shown.moved,
    };
    match stated == counts {
        true => Ok(()),
        false => Err(other_counts(verification)),
    }
}

fn other_counts(verification: &Verification) -> Fault {
    Fault::of_file(
        &verification.folder.join(SUMMARY),
        Text::new(
            "summary.json 所载线索数与清单（lists/）中的不同：清单被增加或删减",
            "summary.json states other numbers of leads than the lists (lists/) have: something was added to them or left out",
        ),
        Text::new(
            "未记录任何内容。请用 aidlink audit --rerun 核查此文件夹，从备份恢复，并查明由谁签名",
            "nothing was recorded. Check the folder with `aidlink audit --rerun`, restore a backup, and find out who signed it",
        ),
    )
}

fn bad_table(verification: &Verification, kind: TableKind) -> Fault {
    let text = Text::new("这不是本版本的清单", "this is no list of this version");
    bad_list(
        &Line {
            path: verification.folder.join(kind.path()),
            line: 1,
        },
        text,
    )
}

/// Returns the row with the aid that its number names, if that is on the list of this name.
fn of_list<'t>(row: ListRow, name: &str, terms: &'t RoundTerms) -> Option<OfList<'t>> {
    let aids = terms.policy.aids.iter();
    let mut both = aids.flat_map(|aid| [(aid, false), (aid, true)]);
    let (aid, minor) = both.find(|(aid, minor)| {
        person_number(&row.number, aid).is_some() && list_name(aid, *minor) == name
    })?;
    Some(OfList { row, aid, minor })
}

/// Returns the person's number in the number of a lead for an aid.
fn person_number<'n>(lead_number: &'n str, aid: &Aid) -> Option<&'n str> {
    let person = lead_number.strip_suffix(aid.id.as_str())?;
    person.strip_suffix('-').filter(|person| !person.is_empty())
}

/// The persons of the export.
#[derive(Default)]
struct Persons {
    /// Those who are new to the register, by the beginning of their numbers.
    new: BTreeMap<String, BTreeMap<PersonMark, Person>>,
    /// Those whom the register knew, by their number.
    known: BTreeMap<String, Person>,
}

/// A person of the case export.
struct Person {
    register_token: [u8; 16],
    rows: Vec<Listed>,
}

impl Person {
    /// Returns whether lists that show these values may be of this person.
    fn may_have(&self, schema: &ExportSchema, shown: &[String]) -> bool {
        let own = case_fields(schema, &self.rows);
        let mut pairs = shown.iter().zip(&own);
        pairs.all(|(shown, own)| {
            let own = safe_cell(own);
            let own: BTreeSet<&str> = own.split('；').collect();
            shown.split('；').all(|value| own.contains(value))
        })
    }
}

/// Finds the persons of the case export again, under the register's key.
fn persons(
    manifest: &Manifest,
    terms: &RoundTerms,
    planned: &PlannedExport,
    key_file: &Path,
    register: &KnownAs<'_>,
    progress: &Progress,
) -> Result<Persons, Faults> {
    let key = RoundKey::read(key_file, &terms.round, &terms.purpose)?;
    let used = manifest.key.as_ref();
    if used.is_none_or(|used| used.id != key.id() || used.algorithm != terms.algorithm) {
        return Err(changed(key_file, "轮次密钥", "the key of the round").into());
    }
    let mut faults = FaultCollector::new();
    let exports = open(&terms.policy, planned, &mut faults);
    faults.finish()?;
    let tokeniser = Tokeniser::new(&key.person_subkey(terms.algorithm));
    let marker = PersonMarker::new(&key.mark_subkey(terms.algorithm));
    let on_rows = reading_progress::begin(progress, &planned.schema.title, &exports);
    let tokenising = Tokenising {
        register: Some(register.tokeniser),
        ..Tokenising::of(terms, planned, &tokeniser, &on_rows)
    };
    let listed = listed_rows(&exports, &tokenising, &marker);
    let (ListedCases { rows, .. }, report) = listed.map_err(|error| error.into_faults(&exports))?;
    // Only the same bytes are known to give the same persons.
    let cases = manifest.exports.iter();
    let mut cases = cases.filter(|export| export.export == CASE_EXPORT);
    let stated: BTreeSet<&str> = cases
        .next()
        .iter()
        .flat_map(|export| &export.files)
        .map(|file| file.blake3.as_str())
        .collect();
    let read: BTreeSet<&str> = report
        .files
        .iter()
        .map(|file| file.digest.as_str())
        .collect();
    if read != stated {
        let file = planned.files.first().map(|file| file.path.as_path());
        let file = file.unwrap_or(&terms.file);
        return Err(changed(file, "案件导出", "the case export").into());
    }
    let mut persons = Persons::default();
    for ListedRow {
        person,
        in_register,
        listed,
        ..
    } in rows
    {
        if let Some(register_token) = in_register {
            let new = || Person {
                register_token,
                rows: Vec::new(),
            };
            let person = match (register.number_of)(&register_token) {
                Some(number) => persons.known.entry(number).or_insert_with(new),
                None => {
                    let alike = persons.new.entry(beginning(&person)).or_default();
                    alike.entry(person).or_insert_with(new)
                }
            };
            person.rows.push(listed);
        }
    }
    Ok(persons)
}

/// Returns a lead as the register takes it.
fn taken(
    lead: OfList<'_>,
    terms: &RoundTerms,
    schema: &ExportSchema,
    persons: &Persons,
) -> Result<TakenLead, Text> {
    let OfList { row, aid, minor } = lead;
    let person_number = person_number(&row.number, aid).unwrap_or_default();
    let alike = beginning_of(person_number).and_then(|beginning| persons.new.get(&beginning));
    let alike = alike.into_iter().flatten();
    let of_number = alike.filter(|(mark, _)| is_number_of(person_number, mark));
    // A number of the register is nobody else's.
    let mut of_number: Vec<&Person> = match persons.known.get(person_number) {
        Some(known) => vec![known],
        None => of_number.map(|(_, person)| person).collect(),
    };
    if of_number.len() > 1 {
        // A number tells apart the persons on the lists, but not all of the export.
        of_number.retain(|person| person.may_have(schema, &row.case_fields));
    }
    let person = match of_number.as_slice() {
        [person] => *person,
        [] => {
            return Err(Text::new(
                "案件导出中没有此线索的人员",
                "the case export does not have the person of this lead",
            ));
        }
        _ => {
            return Err(Text::new(
                "案件导出中有两人的编号开头与此线索相同，不能确定是哪一人",
                "two persons of the case export have numbers that begin like that of this lead, and nobody knows which one is meant",
            ));
        }
    };
    let unreadable = || {
        Text::new(
            "此行的轻重缓急、依据程度或规则无法读取",
            "urgency, grade or rules of this row cannot be read",
        )
    };
    let grade = row.grade.value().copied().flatten();
    let urgency = row.urgency.value().copied();
    let (Some(grade), Some(urgency), Some(rules)) = (grade, urgency, row.rules.value()) else {
        return Err(unreadable());
    };
    let act_by = row.act_by.value().ok_or_else(unreadable)?;
    let fields = schema.list_fields().map(|field| field.name.clone());
    Ok(TakenLead {
        registered_at: registered_at(schema, &person.rows),
        person_number: person_number.to_owned(),
        register_token: person.register_token,
        // The ID number states both, so all rows of the person agree.
        sex: person.rows.iter().find_map(|listed| listed.sex),
        age: person
            .rows
            .iter()
            .find_map(|listed| u8::try_from(listed.age?).ok()),
        aid: aid.id.clone(),
        agency: aid.agency.clone(),
        direction: aid.direction,
        grade,
        urgency,
        minor,
        evidence: rules
            .rules
            .iter()
            .map(|rule| evidence(rule, terms))
            .collect(),
        act_by: act_by.map(|by| by.on),
        fields: fields.zip(row.case_fields).collect(),
        lead_number: row.number,
    })
}

/// Returns the places of registration that case rows name, each once, joined by `；`.
fn registered_at(schema: &ExportSchema, rows: &[Listed]) -> String {
    let mut fields = schema.reviewer_fields();
    let Some(column) = fields.position(|field| field.name == REGISTERED_PLACE) else {
        return String::new();
    };
    let places = rows.iter().filter_map(|row| place_of(row, column));
    let places: BTreeSet<String> = places.collect();
    let places: Vec<String> = places.into_iter().collect();
    places.join("；")
}

/// Returns a rule that speaks for a lead, with its export.
fn evidence(rule: &str, terms: &RoundTerms) -> TakenRule {
    let export = terms.policy.rule(rule).map(|rule| rule.on.clone());
    let export = export.unwrap_or_default();
    TakenRule {
        rule: rule.to_owned(),
        snapshot: terms.export(&export).map(|export| export.snapshot),
        export,
    }
}

fn bad_list(place: &Line, text: Text) -> Fault {
    let hint = Text::new(
        "请用 aidlink audit verify 核对此文件夹，并使用出清单时的案件导出和密钥",
        "verify the folder with `aidlink audit verify`, and use case export and key of the step that made the lists",
    );
    Fault::of_file(&place.path, text, hint).at(Place::Line(place.line))
}

fn gone(path: &Path, zh: &str, en: &str) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            format!("{zh}不在此处，或已按期删除：此轮的线索不能再记入登记簿"),
            format!(
                "{en} is not here, or was purged: the leads of this round can no longer be taken into the register"
            ),
        ),
        Text::new(
            "如误移走，请放回原处；已删除的，此前已记入的线索仍可收录核查结论，其余可用 aidlink register note 逐条记录",
            "put it back if it was moved away; if it was purged, decisions on leads that were taken before are still taken in, and others can be recorded with `aidlink register note`",
        ),
    )
}

fn changed(path: &Path, zh: &str, en: &str) -> Fault {
    Fault::of_file(
        path,
        Text::new(
            format!("{zh}与出清单时的不同"),
            format!("{en} is not the one with which the lists were made"),
        ),
        Text::new(
            "请使用出清单时的文件，或从备份恢复",
            "use the files with which the lists were made, or restore them from a backup",
        ),
    )
}
