//! The procuratorate's register in place of its export of earlier referrals: a table in memory
//! with the rows that the register has for the case parties, which is read like any other
//! export. It is never written to a disk.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_contract::token::Token;
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;
use aidlink_office::manifest::ColumnRead;
use aidlink_policy::pack::Policy;
use aidlink_policy::schema::{ExportSchema, Role};
use jiff::civil::Date;

use crate::identify::IdentifyFindings;
use crate::identity_check::IdentityCheck;
use crate::register_token::RegisterTokeniser;
use crate::scan::Export;
use crate::scan::pass::{Pass, Place, RowFault, RowView, Tally};
use crate::tokeniser::Scratch;

/// A row of the schema `procuratorate.referrals`, without the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterRow {
    /// The number of the lead.
    pub referral_number: String,
    /// The case number, if there is one only.
    pub case_number: Option<String>,
    /// The code of the direction.
    pub direction: &'static str,
    /// The id of the aid.
    pub aid: String,
    /// The code of the state.
    pub state: &'static str,
    /// The day since when.
    pub state_on: Date,
    /// The code of the reason.
    pub reason: Option<&'static str>,
}

/// The fields of a row that are not the person.
const FIELDS: [&str; 7] = [
    "referral_number",
    "case_number",
    "direction",
    "aid",
    "state",
    "state_on",
    "reason",
];

impl RegisterRow {
    /// Returns the cell of a field, empty if the row has none.
    fn cell(&self, field: &str) -> String {
        match field {
            "referral_number" => self.referral_number.clone(),
            "case_number" => self.case_number.clone().unwrap_or_default(),
            "direction" => self.direction.to_owned(),
            "aid" => self.aid.clone(),
            "state" => self.state.to_owned(),
            "state_on" => self.state_on.to_string(),
            "reason" => self.reason.unwrap_or_default().to_owned(),
            _ => String::new(),
        }
    }
}

/// A register: how it knows persons, and what it has of each.
#[derive(Clone, Copy)]
pub struct RegisterSource<'r> {
    /// The path, for messages.
    pub path: &'r Path,
    /// Makes its tokens.
    pub tokeniser: &'r RegisterTokeniser,
    /// Returns the rows of the person with a token.
    pub rows_of: &'r (dyn Fn(&[u8; Token::LENGTH]) -> Vec<RegisterRow> + Sync),
}

/// Returns the columns that a register gives: the ID number, and the fields that rules need.
pub fn register_columns(policy: &Policy, schema: &ExportSchema) -> Vec<ColumnRead> {
    let needed = policy.columns_needed(schema);
    let fields = schema.fields.iter().filter(|field| {
        let name = field.name.as_str();
        field.role == Role::NationalId || needed.contains(name) && FIELDS.contains(&name)
    });
    fields
        .map(|field| ColumnRead {
            header: field.name.clone(),
            field: Some(field.name.clone()),
            read: true,
            unit: None,
        })
        .collect()
}

/// Makes the table of a register: its rows for the persons of the case export, in no order that
/// says anything of them. `cases` are the tables of that export, `schema` is that of the
/// referrals.
///
/// # Errors
/// If the case export cannot be read, or the schema lacks the ID number.
pub fn open_register(
    source: &RegisterSource<'_>,
    schema: &ExportSchema,
    policy: &Policy,
    as_of: Date,
    cases: &[Export],
) -> Result<Vec<Export>, Faults> {
    let mut persons: BTreeMap<[u8; Token::LENGTH], Found> = BTreeMap::new();
    for export in cases {
        let context = Context {
            identity: IdentityCheck::new(export, export.schema(), as_of),
            source,
        };
        let read = export.read::<_, Persons>(Pass::DEFAULT, &context, &|_| {})?;
        persons.extend(read.tally.found);
    }
    let columns = register_columns(policy, schema);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = columns.iter().map(|column| column.header.as_bytes());
    let mut written = writer.write_record(header);
    for Found { id, rows } in persons.values() {
        for row in rows {
            let cells =
                columns
                    .iter()
                    .map(|column| match FIELDS.contains(&column.header.as_str()) {
                        true => row.cell(&column.header),
                        false => id.clone(),
                    });
            written = written.and_then(|()| writer.write_record(cells));
        }
    }
    let csv = written.ok().and_then(|()| writer.into_inner().ok());
    let csv = csv.ok_or_else(|| {
        Fault::of_file(
            source.path,
            Text::new("内存不足", "there is not enough memory"),
            Text::new("请关闭其他程序后重试", "close other programs and try again"),
        )
    })?;
    Ok(vec![Export::in_memory(source.path, schema, csv)?])
}

/// What the register has of a person.
struct Found {
    /// The ID number.
    id: String,
    rows: Vec<RegisterRow>,
}

struct Context<'a> {
    identity: IdentityCheck,
    source: &'a RegisterSource<'a>,
}

/// The persons of a block whom the register knows.
#[derive(Default)]
struct Persons {
    findings: IdentifyFindings,
    scratch: Scratch,
    found: BTreeMap<[u8; Token::LENGTH], Found>,
}

impl Tally<Context<'_>> for Persons {
    fn row(&mut self, context: &Context<'_>, place: Place, row: Result<RowView<'_>, RowFault>) {
        let Some(row) = self.findings.identify(&context.identity, place, row) else {
            return;
        };
        let source = context.source;
        let token = source.tokeniser.token(row.id(), &mut self.scratch);
        if self.found.contains_key(&token) {
            return;
        }
        let rows = (source.rows_of)(&token);
        if !rows.is_empty() {
            let id = String::from_utf8_lossy(row.id().expose_to_tokeniser()).into_owned();
            self.found.insert(token, Found { id, rows });
        }
    }

    fn append(&mut self, _context: &Context<'_>, next: Self, records: u64, lines: u64) {
        // The step that reads the case export reports its rejects.
        drop(self.findings.append(next.findings, records, lines));
        self.found.extend(next.found);
    }
}
