//! The report on the rows of an export: row account, and counts of rejects, warnings
//! and unreadable cells.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_faults::fault::Fault;

use crate::account::{Account, all_rejected};
use crate::cell::ValueFault;
use crate::identify::IdentifyFindings;
use crate::reject::RejectReason;
use crate::scan::pass::Counts;
use crate::scan::{Advance, Export};
use crate::unmapped::UnmappedLabels;

/// The report on tokenising an export.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The row account.
    pub account: Account,
    /// Number of rejected rows by reason.
    pub rejected_by_reason: BTreeMap<RejectReason, u64>,
    /// Number of withheld rows by the first withhold rule that holds.
    pub withheld_by_rule: BTreeMap<String, u64>,
    /// Number of case rows that are withheld because a field has no value, by field.
    pub withheld_empty: BTreeMap<String, u64>,
    /// Number of case rows that are withheld because a cell cannot be read, by field.
    pub withheld_unread: BTreeMap<String, u64>,
    /// Number of rows with a warning about the ID number, by the warning's code.
    pub id_warnings: BTreeMap<&'static str, u64>,
    /// Number of unreadable cells in evaluated rows, by field and fault.
    pub value_faults: BTreeMap<(String, ValueFault), u64>,
    /// Labels without a code in evaluated rows, by field.
    pub unmapped: BTreeMap<String, UnmappedLabels>,
    /// The fields whose columns were read.
    pub columns_read: Vec<String>,
    /// The files, in the order of the round file.
    pub files: Vec<FileReport>,
    /// Number of rows of each table, in the order in which they were read.
    pub rows_of_tables: Vec<u64>,
    /// Columns that rules need and that are empty in every row: the table, in that order,
    /// and the field.
    pub empty_columns: Vec<(usize, String)>,
}

impl Report {
    /// Adds a table, with its file's digest and size, and the fields whose columns were
    /// read from it.
    pub(super) fn add_table(
        &mut self,
        export: &Export,
        digest: String,
        byte_length: u64,
        fields: &[String],
    ) {
        // A workbook may have several tables.
        if self.files.len() == export.file() {
            self.files.push(FileReport {
                digest,
                byte_length,
            });
        }
        for field in fields {
            if !self.columns_read.contains(field) {
                self.columns_read.push(field.clone());
            }
        }
    }

    /// Returns how far the reading has come with the tables added so far.
    pub(super) fn advance(&self) -> Advance {
        Advance {
            rows: self.account.rows,
            bytes: self.files.iter().map(|file| file.byte_length).sum(),
        }
    }

    /// Adds the row counts of one table and the findings of identifying its rows.
    pub(super) fn add_identified(
        &mut self,
        export: &Export,
        counts: Counts,
        findings: &IdentifyFindings,
    ) {
        let account = &mut self.account;
        account.rows += counts.rows;
        self.rows_of_tables.push(counts.rows);
        account.not_rows.title_lines += export.title_lines();
        account.not_rows.blank_lines += counts.blank_lines;
        account.not_rows.total_lines += counts.total_lines;
        account.not_rows.footer_lines += counts.footer_lines;
        account.not_rows.repeated_header_lines += counts.repeated_header_lines;
        for (reason, rows) in findings.rejected() {
            account.rejected += rows;
            *self.rejected_by_reason.entry(*reason).or_default() += rows;
        }
        for (warning, rows) in findings.id_warnings() {
            *self.id_warnings.entry(warning.code()).or_default() += rows;
        }
    }

    /// Returns a fault if every row of the export was rejected.
    pub(super) fn check_usable(&self, exports: &[Export]) -> Result<(), Fault> {
        let path = exports.first().map_or(Path::new(""), Export::path);
        let (rows, rejected) = (self.account.rows, &self.rejected_by_reason);
        all_rejected(path, rows, rejected).map_or(Ok(()), Err)
    }
}

/// A file of an export that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// BLAKE3 digest, hexadecimal.
    pub digest: String,
    /// Size in bytes.
    pub byte_length: u64,
}
