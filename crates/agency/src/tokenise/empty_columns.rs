//! Notices columns that are empty in every row. They have the effect of missing ones.

use aidlink_policy::pack::Policy;
use aidlink_policy::schema::{ExportSchema, Field};

use super::report::Report;
use crate::cell::{self, ColumnForm};
use crate::label::Reading;
use crate::scan::pass::RowView;
use crate::scan::{Encoding, Export};

/// The columns of a table that rules need.
pub(super) struct NeededColumns<'a> {
    schema: &'a ExportSchema,
    encoding: Encoding,
    fields: Vec<(usize, &'a Field, ColumnForm)>,
}

/// The columns, by index in [`NeededColumns`], in which no cell has content so far.
#[derive(Default)]
pub(super) struct EmptySoFar {
    has_rows: bool,
    columns: Vec<usize>,
}

impl<'a> NeededColumns<'a> {
    pub(super) fn new(export: &'a Export, policy: &Policy) -> Self {
        let schema = export.schema();
        let needed = policy.columns_needed(schema);
        let index = &export.columns().index;
        let fields = schema.fields.iter();
        let fields = fields.filter(|field| needed.contains(&field.name));
        NeededColumns {
            schema,
            encoding: export.encoding(),
            fields: fields
                .filter_map(|field| Some((*index.get(&field.name)?, field, export.form_of(field))))
                .collect(),
        }
    }

    /// Notes which columns have content in a row, whose cells `cell` returns. Each is read only
    /// until one has.
    pub(super) fn note<'r>(
        &self,
        row: &RowView<'_>,
        cell: impl Fn(usize) -> &'r [u8],
        so_far: &mut EmptySoFar,
    ) {
        if !so_far.has_rows {
            so_far.has_rows = true;
            so_far.columns.extend(0..self.fields.len());
        }
        so_far.columns.retain(|index| {
            let Some((column, field, form)) = self.fields.get(*index) else {
                return false;
            };
            let cell = cell(*column);
            if cell.is_empty() {
                return true;
            }
            let cell = row.encoding(self.encoding, cell).decode(cell);
            let reading = cell.map(|cell| cell::read(self.schema, field, *form, &cell));
            // A cell that cannot be read has content.
            matches!(reading, Some(Ok(Reading::Empty)))
        });
    }

    /// Adds the columns of a table that are empty in all rows to the report.
    pub(super) fn report_empty(&self, all: &EmptySoFar, report: &mut Report) {
        let table = report.rows_of_tables.len().saturating_sub(1);
        let fields = all
            .columns
            .iter()
            .filter_map(|index| self.fields.get(*index));
        let empty = fields.map(|(_, field, _)| (table, field.name.clone()));
        report.empty_columns.extend(empty);
    }
}

impl EmptySoFar {
    /// Adds what was noted in other rows of the table.
    pub(super) fn append(&mut self, next: Self) {
        if !self.has_rows {
            *self = next;
        } else if next.has_rows {
            self.columns.retain(|column| next.columns.contains(column));
        }
    }
}
