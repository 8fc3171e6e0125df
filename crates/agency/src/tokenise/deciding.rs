//! Notices columns that are empty in every row, although an empty cell withholds its row.

use std::collections::BTreeSet;

use aidlink_policy::pack::Policy;
use aidlink_policy::schema::{ExportSchema, Field};

use super::report::Report;
use crate::cell::{self, ColumnForm};
use crate::exports::deciding_fields;
use crate::label::Reading;
use crate::scan::pass::RowView;
use crate::scan::{Encoding, Export};

/// The columns of a table in which an empty cell withholds its row.
pub(super) struct Deciding<'a> {
    schema: &'a ExportSchema,
    encoding: Encoding,
    fields: Vec<(usize, &'a Field, ColumnForm)>,
}

/// The columns, by index in [`Deciding`], in which a cell has content, and whether there
/// are rows.
#[derive(Default)]
pub(super) struct Filled {
    has_rows: bool,
    columns: BTreeSet<usize>,
}

impl<'a> Deciding<'a> {
    pub(super) fn new(export: &'a Export, policy: &Policy) -> Self {
        let schema = export.schema();
        let deciding = deciding_fields(policy, schema);
        let index = &export.columns().index;
        Deciding {
            schema,
            encoding: export.encoding(),
            fields: deciding
                .into_iter()
                .filter_map(|field| Some((*index.get(&field.name)?, field, export.form_of(field))))
                .collect(),
        }
    }

    /// Notes which columns have content in a row. Each is read only until one has.
    pub(super) fn note(&self, row: &RowView<'_>, filled: &mut Filled) {
        filled.has_rows = true;
        if filled.columns.len() == self.fields.len() {
            return;
        }
        for (index, (column, field, form)) in self.fields.iter().enumerate() {
            if filled.columns.contains(&index) {
                continue;
            }
            let cell = row.cell(*column);
            let cell = row.encoding(self.encoding, cell).decode(cell);
            let reading = cell.map(|cell| cell::read(self.schema, field, *form, &cell));
            // A cell that cannot be read has content.
            if !matches!(reading, Some(Ok(Reading::Empty))) {
                filled.columns.insert(index);
            }
        }
    }

    /// Adds the columns of a table that are empty in all rows to the report.
    pub(super) fn report_empty(&self, filled: &Filled, report: &mut Report) {
        let table = report.rows_of_tables.len().saturating_sub(1);
        let fields = self.fields.iter().enumerate();
        let empty = fields.filter(|(index, _)| filled.has_rows && !filled.columns.contains(index));
        let empty = empty.map(|(_, (_, field, _))| (table, field.name.clone()));
        report.empty_columns.extend(empty);
    }
}

impl Filled {
    /// Adds what was noted in other rows of the table.
    pub(super) fn append(&mut self, next: Self) {
        self.has_rows |= next.has_rows;
        self.columns.extend(next.columns);
    }
}
