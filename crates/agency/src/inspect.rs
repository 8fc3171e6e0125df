//! Inspects an export before a round, without a key: counts the rows that would
//! be rejected and the cells that cannot be read.

use std::collections::BTreeMap;

use jiff::civil::Date;

use aidlink_faults::fault::Fault;
use aidlink_policy::schema::{ExportSchema, Field};

use crate::cell::{self, ColumnForm, ValueFault};
use crate::identify::identify;
use crate::identity_check::IdentityCheck;
use crate::label::Reading;
use crate::national_id::IdWarning;
use crate::reject::RejectReason;
use crate::scan::pass::{Counts, Pass, Place, RowFault, RowView, Tally};
use crate::scan::{Advance, Encoding, Export};
use crate::unmapped::{self, UnmappedLabels};

/// Maximum number of lines kept for each kind of fault.
const MAX_LINES: usize = 5;

/// The number of rows or cells of one kind, with the first few lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occurrences {
    /// Number of occurrences.
    pub count: u64,
    /// Line numbers, from 1, of the first occurrences, in ascending order.
    pub first_lines: Vec<u64>,
}

impl Occurrences {
    fn add(&mut self, line: u64) {
        self.count += 1;
        if self.first_lines.len() < MAX_LINES {
            self.first_lines.push(line);
        }
    }

    fn append(&mut self, next: Occurrences, lines: u64) {
        self.count += next.count;
        let room = MAX_LINES - self.first_lines.len();
        let next = next.first_lines.into_iter().take(room);
        self.first_lines.extend(next.map(|line| line + lines));
    }
}

/// The result of inspecting a file.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// The number of rows and of other lines.
    pub counts: Counts,
    /// Rows that a round would reject, by reason.
    pub rejects: BTreeMap<RejectReason, Occurrences>,
    /// Rows whose ID number has a warning.
    pub id_warnings: BTreeMap<IdWarning, Occurrences>,
    /// Unreadable cells, by field and fault.
    pub unreadable: BTreeMap<(String, ValueFault), Occurrences>,
    /// Labels without a code, by field.
    pub unmapped: BTreeMap<String, UnmappedLabels>,
    /// Number of cells with a value, by field.
    pub filled: BTreeMap<String, u64>,
}

impl Inspection {
    /// Returns whether a field is empty in all rows that are not rejected, of which there
    /// is at least one.
    pub fn is_empty(&self, field: &str) -> bool {
        let rejected: u64 = self.rejects.values().map(|rows| rows.count).sum();
        self.counts.rows > rejected
            && !self.filled.contains_key(field)
            && !self.unreadable.keys().any(|(name, _)| name == field)
    }
}

/// Inspects a file. Reads every column that belongs to a field.
///
/// # Errors
/// If the file cannot be read to its end.
pub fn inspect(
    export: &Export,
    as_of: Date,
    progress: &(dyn Fn(Advance) + Sync),
) -> Result<Inspection, Fault> {
    let (schema, columns) = (export.schema(), export.columns());
    let context = Context {
        identity: IdentityCheck::new(export, schema, as_of),
        encoding: export.encoding(),
        schema,
        fields: schema
            .fields
            .iter()
            .filter_map(|field| Some((*columns.index.get(&field.name)?, field)))
            .filter(|(column, _)| *column != export.dialect().id_column)
            .map(|(column, field)| (column, field, export.form_of(field)))
            .collect(),
    };
    let read = export.read::<_, Findings>(Pass::DEFAULT, &context, progress)?;
    let above = export.body_line() - 1;
    let mut inspection = Inspection {
        counts: read.counts,
        ..Inspection::default()
    };
    let mut findings = Findings::default();
    findings.append(&context, read.tally, 0, above);
    inspection.rejects = findings.rejects;
    inspection.id_warnings = findings.id_warnings;
    for ((index, fault), occurrences) in findings.unreadable {
        let name = context.fields[index].1.name.clone();
        inspection.unreadable.insert((name, fault), occurrences);
    }
    for (index, labels) in findings.unmapped {
        let name = context.fields[index].1.name.clone();
        inspection.unmapped.insert(name, labels);
    }
    for (index, count) in findings.filled {
        inspection
            .filled
            .insert(context.fields[index].1.name.clone(), count);
    }
    Ok(inspection)
}

struct Context<'a> {
    identity: IdentityCheck,
    encoding: Encoding,
    schema: &'a ExportSchema,
    fields: Vec<(usize, &'a Field, ColumnForm)>,
}

/// What one block contains. Fields are given by their index in
/// [`Context::fields`].
#[derive(Default)]
struct Findings {
    rejects: BTreeMap<RejectReason, Occurrences>,
    id_warnings: BTreeMap<IdWarning, Occurrences>,
    unreadable: BTreeMap<(usize, ValueFault), Occurrences>,
    unmapped: BTreeMap<usize, UnmappedLabels>,
    filled: BTreeMap<usize, u64>,
}

impl Tally<Context<'_>> for Findings {
    fn row(&mut self, context: &Context<'_>, place: Place, row: Result<RowView<'_>, RowFault>) {
        let row = match identify(&context.identity, place, row) {
            Ok(row) => row,
            Err(reject) => {
                self.rejects
                    .entry(reject.reason)
                    .or_default()
                    .add(place.line);
                return;
            }
        };
        if let Some(warning) = row.warning() {
            self.id_warnings.entry(warning).or_default().add(place.line);
        }
        let row = row.row();
        let encoding = row.to_cells().encoding(context.encoding);
        for (index, (column, field, form)) in context.fields.iter().enumerate() {
            let cell = encoding.decode(row.cell(*column));
            let value = cell
                .as_ref()
                .ok_or(ValueFault::Encoding)
                .and_then(|cell| cell::read(context.schema, field, *form, cell));
            match value {
                Ok(Reading::Empty) => {}
                Ok(_) => *self.filled.entry(index).or_default() += 1,
                Err(fault) => {
                    let key = (index, fault);
                    self.unreadable.entry(key).or_default().add(place.line);
                    let cell = cell.unwrap_or_default();
                    let labels = cell::unmapped_labels(context.schema, field, &cell);
                    if !labels.is_empty() {
                        self.unmapped.entry(index).or_default().add(labels);
                    }
                }
            }
        }
    }

    fn append(&mut self, _context: &Context<'_>, next: Self, _records: u64, lines: u64) {
        for (reason, occurrences) in next.rejects {
            self.rejects
                .entry(reason)
                .or_default()
                .append(occurrences, lines);
        }
        for (warning, occurrences) in next.id_warnings {
            self.id_warnings
                .entry(warning)
                .or_default()
                .append(occurrences, lines);
        }
        for (key, occurrences) in next.unreadable {
            self.unreadable
                .entry(key)
                .or_default()
                .append(occurrences, lines);
        }
        unmapped::append(&mut self.unmapped, next.unmapped);
        for (index, count) in next.filled {
            *self.filled.entry(index).or_default() += count;
        }
    }
}
