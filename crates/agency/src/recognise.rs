//! Recognises which export a file is, for a new round file. It reads headers and names of
//! files and sheets, and no rows.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_faults::fault::Faults;
use aidlink_policy::pack::Policy;
use aidlink_policy::reading::{ReadingChoice, SheetChoice};
use aidlink_policy::schema::{ExportSchema, Field, Schemas};

use crate::exports::deciding_fields;
use crate::scan::{Export, ExportFile};

/// Words in names of files and sheets, each with the export that it suggests. The first
/// one that occurs counts.
const WORDS: [(&str, &str); 29] = [
    ("移送", "procuratorate.referrals"),
    ("转介", "procuratorate.referrals"),
    ("线索", "procuratorate.referrals"),
    ("案件", "procuratorate.case-parties"),
    ("当事人", "procuratorate.case-parties"),
    ("被害人", "procuratorate.case-parties"),
    // 残疾退役军人 are veterans.
    ("退役", "veterans.persons"),
    ("优抚", "veterans.persons"),
    ("军人", "veterans.persons"),
    ("烈属", "veterans.persons"),
    ("三属", "veterans.persons"),
    ("遗属", "veterans.persons"),
    ("残疾", "disabled-federation.persons"),
    ("残联", "disabled-federation.persons"),
    ("学生", "education.students"),
    ("资助", "education.students"),
    ("助学", "education.students"),
    ("教育", "education.students"),
    ("低保", "civil-affairs.assistance"),
    ("特困", "civil-affairs.assistance"),
    ("临时救助", "civil-affairs.assistance"),
    ("孤儿", "civil-affairs.assistance"),
    ("困境儿童", "civil-affairs.assistance"),
    ("刚性支出", "civil-affairs.assistance"),
    ("支出型", "civil-affairs.assistance"),
    ("事实无人抚养", "civil-affairs.assistance"),
    ("低收入", "civil-affairs.assistance"),
    ("监测", "civil-affairs.assistance"),
    ("民政", "civil-affairs.assistance"),
];

/// Words of lists of former recipients, or of persons who were refused. Nothing is proposed
/// for them.
const NO_LONGER: [&str; 11] = [
    "停保",
    "停发",
    "清退",
    "退出",
    "取消",
    "注销",
    "死亡",
    "核减",
    "未通过",
    "不符合",
    "终止",
];

/// The fields without which a bare list of persons is no evidence: what the list is of.
/// Each with the value that is proposed where no name suggests one.
const WHAT_A_LIST_IS_OF: [(&str, &str, Option<&str>); 7] = [
    ("civil-affairs.assistance", "kind", None),
    ("civil-affairs.assistance", "status", Some("active")),
    (
        "disabled-federation.persons",
        "certificate_status",
        Some("valid"),
    ),
    ("education.students", "hardship_student", Some("true")),
    ("education.students", "enrolment_status", Some("enrolled")),
    ("veterans.persons", "kind", None),
    ("veterans.persons", "status", Some("active")),
];

/// A file that is an export.
#[derive(Debug)]
pub struct Recognised {
    /// The name of its schema.
    pub schema: String,
    /// Its parts that are read in the same way: the file, or groups of its sheets.
    pub parts: Vec<RecognisedPart>,
}

/// Tables of a file that are read in the same way.
#[derive(Debug)]
pub struct RecognisedPart {
    /// The sheets; empty if the file has one table.
    pub sheets: Vec<String>,
    /// Whether all sheets with a header are named.
    pub is_all: bool,
    /// The headers with the fields that they are columns of, in file order.
    pub known: Vec<(String, String)>,
    /// The headers that are not known.
    pub unknown: Vec<String>,
    /// The fields that the round file must give, because the tables have no column for
    /// them, each with the value that the name of the file or sheet suggests.
    pub to_give: Vec<(String, Option<String>)>,
}

/// Why a file was not recognised.
#[derive(Debug)]
pub enum NotRecognised {
    /// It fits no schema; the faults are those by the schema that knows most of it.
    Faults(Faults),
    /// It fits several schemas alike.
    Several(Vec<String>),
}

/// Recognises a file. A workbook whose sheets are named after different registers gives
/// one export for each.
///
/// # Errors
/// See [`NotRecognised`].
pub fn recognise(
    path: &Path,
    schemas: &Schemas,
    policy: &Policy,
) -> Result<Vec<Recognised>, NotRecognised> {
    let mut file = ExportFile::open(path).map_err(NotRecognised::Faults)?;
    let all = SheetChoice::All;
    let whole = recognise_sheets(path, &mut file, &all, schemas, policy);
    let sheets: Vec<String> = match &whole {
        Ok(whole) => whole
            .parts
            .iter()
            .flat_map(|part| part.sheets.clone())
            .collect(),
        Err(NotRecognised::Several(alike)) => sheets_by(&mut file, schemas, alike),
        Err(NotRecognised::Faults(_)) => Vec::new(),
    };
    let of_whole = whole.as_ref().ok().map(|whole| whole.schema.as_str());
    let mut by_schema: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for sheet in sheets {
        // A sheet of which nothing is known leaves the file as it is.
        let Some(schema) = schema_in(&sheet).or(of_whole) else {
            return whole.map(|whole| vec![whole]);
        };
        by_schema.entry(schema).or_default().push(sheet);
    }
    let is_one = by_schema.len() < 2;
    if is_one && (whole.is_ok() || by_schema.is_empty()) {
        return whole.map(|whole| vec![whole]);
    }
    let groups = by_schema.into_iter().map(|(name, sheets)| {
        let choice = ReadingChoice {
            sheets: SheetChoice::Named(sheets),
            ..ReadingChoice::default()
        };
        let schema = schemas.get(name);
        let schema = schema.ok_or_else(|| NotRecognised::Several(vec![name.to_owned()]))?;
        let tables = file
            .tables(0, schema, &choice)
            .map_err(NotRecognised::Faults)?;
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut parts = parts(&file_name, schema, policy, &tables);
        for part in &mut parts {
            part.is_all &= is_one;
        }
        Ok(Recognised {
            schema: name.to_owned(),
            parts,
        })
    });
    groups.collect()
}

/// Returns the sheets of a file that fits these schemas alike.
fn sheets_by(file: &mut ExportFile, schemas: &Schemas, alike: &[String]) -> Vec<String> {
    let choice = ReadingChoice {
        sheets: SheetChoice::All,
        ..ReadingChoice::default()
    };
    let schema = alike.first().and_then(|name| schemas.get(name));
    let tables = schema.and_then(|schema| file.tables(0, schema, &choice).ok());
    let tables = tables.unwrap_or_default();
    let sheets = tables.iter().filter_map(|table| table.sheet());
    sheets.map(str::to_owned).collect()
}

/// Recognises the chosen sheets of a file as one export.
fn recognise_sheets(
    path: &Path,
    file: &mut ExportFile,
    sheets: &SheetChoice,
    schemas: &Schemas,
    policy: &Policy,
) -> Result<Recognised, NotRecognised> {
    let choice = ReadingChoice {
        sheets: sheets.clone(),
        ..ReadingChoice::default()
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let suggested = schema_in(&name);
    let mut candidates: Vec<(bool, usize, &ExportSchema)> = schemas
        .0
        .values()
        .map(|schema| {
            let is_suggested = suggested == Some(schema.name.as_str());
            (is_suggested, file.known_columns(schema, &choice), schema)
        })
        .collect();
    // What most columns say counts more than a name, unless the file is a bare list.
    candidates
        .sort_by_key(|(is_suggested, known, _)| (known + 2 * usize::from(*is_suggested), *known));
    let mut refused = None;
    let mut found: Option<(usize, &ExportSchema, Vec<Export>)> = None;
    let mut alike = Vec::new();
    for (is_suggested, known, schema) in candidates.into_iter().rev() {
        let score = known + 2 * usize::from(is_suggested);
        if let Some((best, ..)) = &found
            && score < *best
        {
            break;
        }
        match file.tables(0, schema, &choice) {
            Ok(tables) if known > 0 => {
                alike.push(schema.name.clone());
                found.get_or_insert((score, schema, tables));
            }
            Ok(_) => {}
            Err(faults) => {
                refused.get_or_insert(faults);
            }
        }
    }
    match (found, refused) {
        (Some(_), _) if alike.len() > 1 => Err(NotRecognised::Several(alike)),
        (Some((_, schema, tables)), _) => Ok(Recognised {
            schema: schema.name.clone(),
            parts: parts(&name, schema, policy, &tables),
        }),
        (None, Some(faults)) => Err(NotRecognised::Faults(faults)),
        (None, None) => Err(NotRecognised::Several(Vec::new())),
    }
}

fn schema_in(name: &str) -> Option<&'static str> {
    let found = WORDS.iter().find(|(word, _)| name.contains(word));
    found.map(|(_, schema)| *schema)
}

/// Groups the tables of a file by the values that must be given.
fn parts(
    file_name: &str,
    schema: &ExportSchema,
    policy: &Policy,
    tables: &[Export],
) -> Vec<RecognisedPart> {
    let mut parts: Vec<RecognisedPart> = Vec::new();
    for table in tables {
        let sheet = table.sheet().map(str::to_owned);
        let to_give = to_give(file_name, sheet.as_deref(), schema, policy, table);
        let (known, unknown) = headers(table);
        match parts.iter_mut().find(|part| part.to_give == to_give) {
            Some(part) => {
                part.sheets.extend(sheet);
                for header in unknown {
                    if !part.unknown.contains(&header) {
                        part.unknown.push(header);
                    }
                }
            }
            None => parts.push(RecognisedPart {
                sheets: sheet.into_iter().collect(),
                is_all: false,
                known,
                unknown,
                to_give,
            }),
        }
    }
    if let [only] = parts.as_mut_slice() {
        only.is_all = true;
    }
    parts
}

/// Returns the fields that the round file must give for a table.
fn to_give(
    file_name: &str,
    sheet: Option<&str>,
    schema: &ExportSchema,
    policy: &Policy,
    table: &Export,
) -> Vec<(String, Option<String>)> {
    let deciding = deciding_fields(policy, schema);
    let asked = |name: &str| {
        let mut asked = WHAT_A_LIST_IS_OF.iter();
        asked.find(|(export, field, _)| *export == schema.name && *field == name)
    };
    let fields = schema.fields.iter().filter(|field| {
        let name = field.name.as_str();
        let decides = deciding.iter().any(|deciding| deciding.name == name);
        (asked(name).is_some() || decides) && !table.has_field(name)
    });
    let value_in = |text: &str, field: &Field| {
        let labels = field.raw_codes.iter();
        let longest = labels
            .filter(|(label, code)| text.contains(label.as_str()) && *code != "other")
            .max_by_key(|(label, _)| label.chars().count());
        longest.map(|(_, code)| code.clone())
    };
    let suggested = fields.map(|field| {
        let of_sheet = sheet.and_then(|sheet| value_in(sheet, field));
        let usual = asked(&field.name).and_then(|(.., value)| *value);
        let value = of_sheet.or_else(|| value_in(file_name, field));
        let value = value.or_else(|| usual.map(str::to_owned));
        let names = [Some(file_name), sheet];
        let is_former = NO_LONGER
            .iter()
            .any(|word| names.iter().flatten().any(|name| name.contains(word)));
        let value = value.filter(|_| !is_former);
        (field.name.clone(), value)
    });
    let mut suggested: Vec<(String, Option<String>)> = suggested.collect();
    // Relief is given once: a list of it has no state.
    let is_given_once = |(field, value): &(String, Option<String>)| {
        field == "kind" && value.as_deref() == Some("temporary_relief")
    };
    if suggested.iter().any(is_given_once) {
        suggested.retain(|(field, _)| field != "status");
    }
    suggested
}

/// Returns the headers of a table with their fields, and those that are not known.
fn headers(table: &Export) -> (Vec<(String, String)>, Vec<String>) {
    let columns = table.columns();
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    for (index, header) in columns.headers.iter().enumerate() {
        let header = header.trim();
        let mut fields = columns.index.iter();
        match fields.find(|(_, column)| **column == index) {
            Some((field, _)) => known.push((header.to_owned(), field.clone())),
            None if header.is_empty() => {}
            None => unknown.push(header.to_owned()),
        }
    }
    (known, unknown)
}
