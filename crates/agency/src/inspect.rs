//! Inspecting an export before a round, without a key: which rows would be
//! rejected, and which cells could not be read.

use std::collections::BTreeMap;

use jiff::civil::Date;

use aidlink_faults::fault::Fault;
use aidlink_policy::reading::DateEpoch;
use aidlink_policy::schema::{ExportSchema, Field};

use crate::cell::{self, ValueFault};
use crate::identify::identify;
use crate::identity_check::IdentityCheck;
use crate::national_id::IdWarning;
use crate::reject::RejectReason;
use crate::scan::pass::{Counts, Pass, Place, RowFault, RowView, Tally};
use crate::scan::{Encoding, Export};

/// How many places of each kind of fault are kept.
const PLACES_SHOWN: usize = 5;

/// Rows of one kind: how many, and the first few places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occurrences {
    /// How many.
    pub count: u64,
    /// Lines of the first, from 1, ascending.
    pub first_lines: Vec<u64>,
}

impl Occurrences {
    fn add(&mut self, line: u64) {
        self.count += 1;
        if self.first_lines.len() < PLACES_SHOWN {
            self.first_lines.push(line);
        }
    }

    fn append(&mut self, next: Occurrences, lines: u64) {
        self.count += next.count;
        let room = PLACES_SHOWN - self.first_lines.len();
        let next = next.first_lines.into_iter().take(room);
        self.first_lines.extend(next.map(|line| line + lines));
    }
}

/// What an inspection found in a file.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// Rows and other lines.
    pub counts: Counts,
    /// Rows that a round would reject, by reason.
    pub rejects: BTreeMap<RejectReason, Occurrences>,
    /// Rows whose ID is unusual.
    pub id_warnings: BTreeMap<IdWarning, Occurrences>,
    /// Cells that could not be read, by field and fault.
    pub unreadable: BTreeMap<(String, ValueFault), Occurrences>,
    /// Cells with a value, by field.
    pub filled: BTreeMap<String, u64>,
}

/// Inspects a file. Every field for which there is a column is read.
///
/// # Errors
/// When the file cannot be read to its end.
pub fn inspect(
    export: &Export,
    schema: &ExportSchema,
    as_of: Date,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Inspection, Fault> {
    let columns = export.columns();
    let check = Look {
        identity: IdentityCheck::new(export, schema, as_of),
        encoding: export.encoding(),
        epoch: export.epoch(),
        schema,
        fields: schema
            .fields
            .iter()
            .filter_map(|field| Some((*columns.index.get(&field.name)?, field)))
            .filter(|(column, _)| *column != export.dialect().id_column)
            .collect(),
    };
    let read = export.read::<_, Seen>(Pass::DEFAULT, &check, progress)?;
    let above = export.body_line() - 1;
    let mut inspection = Inspection {
        counts: read.counts,
        ..Inspection::default()
    };
    let mut seen = Seen::default();
    seen.append(read.tally, 0, above);
    inspection.rejects = seen.rejects;
    inspection.id_warnings = seen.id_warnings;
    for ((index, fault), occurrences) in seen.unreadable {
        let name = check.fields[index].1.name.clone();
        inspection.unreadable.insert((name, fault), occurrences);
    }
    for (index, count) in seen.filled {
        inspection
            .filled
            .insert(check.fields[index].1.name.clone(), count);
    }
    Ok(inspection)
}

struct Look<'a> {
    identity: IdentityCheck,
    encoding: Encoding,
    epoch: DateEpoch,
    schema: &'a ExportSchema,
    fields: Vec<(usize, &'a Field)>,
}

/// Fields by their index in [`Look::fields`].
#[derive(Default)]
struct Seen {
    rejects: BTreeMap<RejectReason, Occurrences>,
    id_warnings: BTreeMap<IdWarning, Occurrences>,
    unreadable: BTreeMap<(usize, ValueFault), Occurrences>,
    filled: BTreeMap<usize, u64>,
}

impl Tally<Look<'_>> for Seen {
    fn row(&mut self, look: &Look<'_>, place: Place, row: Result<RowView<'_>, RowFault>) {
        let row = match identify(&look.identity, place, row) {
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
        let encoding = look.encoding.of_record(row.to_cells().bytes());
        for (index, (column, field)) in look.fields.iter().enumerate() {
            let value = encoding
                .decode(row.cell(*column))
                .ok_or(ValueFault::Encoding)
                .and_then(|cell| cell::read(look.schema, field, look.epoch, &cell));
            match value {
                Ok(None) => {}
                Ok(Some(_)) => *self.filled.entry(index).or_default() += 1,
                Err(fault) => self
                    .unreadable
                    .entry((index, fault))
                    .or_default()
                    .add(place.line),
            }
        }
    }

    fn append(&mut self, next: Self, _records: u64, lines: u64) {
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
        for (index, count) in next.filled {
            *self.filled.entry(index).or_default() += count;
        }
    }
}
