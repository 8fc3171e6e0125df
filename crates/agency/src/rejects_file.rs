//! Writes the rejects file of each agency: the rows that it must correct. Rejects
//! depend only on checks that every row goes through, so they do not reveal a
//! match, and they contain no value of a row.
//!
//! Rejects are written while the rows are read. A step holds the rejects of a few blocks
//! of rows and not those of a file.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use aidlink_faults::fault::Fault;
use aidlink_faults::personal_number::shown_path;
use aidlink_office::output_folder::{OutputFolder, StreamedFile};
use aidlink_policy::reading::PlannedExport;

use crate::reject::{Reject, RejectReason};
use crate::scan::Export;
use crate::spreadsheet_csv::SpreadsheetWriter;

/// The names of the columns.
const HEADER: [&str; 8] = [
    "export 导出",
    "file 文件",
    "record 记录号",
    "line 行号",
    "column 列",
    "reason 原因代码",
    "说明",
    "explanation",
];

/// The rejects files of a step, by agency id.
pub struct RejectsFiles(BTreeMap<String, AgencyFile>);

/// The rejects file of an agency.
struct AgencyFile {
    written: Mutex<io::Result<SpreadsheetWriter<StreamedFile>>>,
    fault: Box<dyn Fn(&io::Error) -> Fault + Send + Sync>,
}

impl RejectsFiles {
    /// Creates the file of each agency that has an export. An agency without rejects gets
    /// a file too.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn begin<'e>(
        folder: &OutputFolder,
        exports: impl IntoIterator<Item = &'e PlannedExport>,
    ) -> Result<Self, Fault> {
        let mut files = BTreeMap::new();
        for export in exports {
            let agency = &export.schema.agency;
            if files.contains_key(agency) {
                continue;
            }
            let file = folder.stream(&format!("rejects/{agency}.csv"))?;
            let fault = file.fault();
            let written = SpreadsheetWriter::begin(file).and_then(|mut file| {
                file.write_row(HEADER)?;
                Ok(file)
            });
            let file = AgencyFile {
                written: Mutex::new(written),
                fault: Box::new(fault),
            };
            files.insert(agency.clone(), file);
        }
        Ok(RejectsFiles(files))
    }

    /// Returns the rejects file for the rows of an export; `None` if the export was not
    /// passed to [`RejectsFiles::begin`].
    pub fn of_export<'f>(&'f self, planned: &'f PlannedExport) -> Option<ExportRejects<'f>> {
        let file = self.0.get(&planned.schema.agency)?;
        Some(ExportRejects { file, planned })
    }

    /// Completes the files.
    ///
    /// # Errors
    /// If a file could not be written.
    pub fn finish(self, folder: &mut OutputFolder) -> Result<(), Fault> {
        for AgencyFile { written, fault } in self.0.into_values() {
            let written = written.into_inner().unwrap_or_else(PoisonError::into_inner);
            let file = written.and_then(SpreadsheetWriter::finish);
            folder.add(file.map_err(|error| fault(&error))?.finish()?);
        }
        Ok(())
    }
}

/// The rejects file for the rows of one export.
#[derive(Clone, Copy)]
pub struct ExportRejects<'f> {
    file: &'f AgencyFile,
    planned: &'f PlannedExport,
}

impl<'f> ExportRejects<'f> {
    /// Returns the rejects file for the rows of the export's file with this index, from 0.
    pub(crate) fn of_file(self, index: usize, export: &Export) -> FileRejects<'f> {
        let (schema, columns) = (&self.planned.schema, export.columns());
        let header = |reason: RejectReason| {
            let mut fields = schema.fields.iter();
            let field = fields.find(|field| Some(field.role) == reason.role())?;
            columns.header_of(&field.name)
        };
        let reasons = RejectReason::all().map(|reason| {
            let column = header(reason).map(str::trim).unwrap_or_default();
            let text = reason.text();
            let cells = [column, reason.code(), &text.zh, &text.en].map(str::to_owned);
            (reason, cells)
        });
        let file = self.planned.files.get(index);
        FileRejects {
            file: self.file,
            export: &schema.name,
            path: file.map_or(String::new(), |file| {
                shown_path(Path::new(&file.written_path))
            }),
            lines_above: export.body_line() - 1,
            reasons: reasons.collect(),
        }
    }
}

/// The rejects file for the rows of one file of an export.
pub(crate) struct FileRejects<'f> {
    file: &'f AgencyFile,
    export: &'f str,
    path: String,
    /// Number of lines above the first record.
    lines_above: u64,
    /// The last four cells of a row, by reason.
    reasons: BTreeMap<RejectReason, [String; 4]>,
}

impl FileRejects<'_> {
    /// Writes rejects. If the file cannot be written, [`RejectsFiles::finish`] returns the
    /// error.
    pub(crate) fn write(&self, mut rejects: impl Iterator<Item = Reject>) {
        let written = self.file.written.lock();
        let mut written = written.unwrap_or_else(PoisonError::into_inner);
        if let Ok(file) = &mut *written
            && let Err(error) = rejects.try_for_each(|reject| self.write_row(file, reject))
        {
            *written = Err(error);
        }
    }

    fn write_row(
        &self,
        file: &mut SpreadsheetWriter<StreamedFile>,
        reject: Reject,
    ) -> io::Result<()> {
        let record = reject.record.to_string();
        let line = (reject.line + self.lines_above).to_string();
        let place = [self.export, &self.path, &record, &line];
        let reason = self.reasons.get(&reject.reason).into_iter().flatten();
        file.write_row(place.into_iter().chain(reason.map(String::as_str)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use aidlink_policy::reading::{PlannedFile, ReadingChoice};
    use aidlink_policy::schema::Schemas;
    use jiff::civil::date;

    use super::*;
    use crate::identify::IdentifyFindings;
    use crate::identity_check::IdentityCheck;
    use crate::scan::pass::{Pass, Place, RowFault, RowView, Tally};

    /// Identifies the rows of a file and writes its rejects.
    #[derive(Default)]
    struct Rejecting(IdentifyFindings);

    impl Tally<(IdentityCheck, FileRejects<'_>)> for Rejecting {
        fn row(
            &mut self,
            (check, _): &(IdentityCheck, FileRejects<'_>),
            place: Place,
            row: Result<RowView<'_>, RowFault>,
        ) {
            self.0.identify(check, place, row);
        }

        fn append(
            &mut self,
            (_, file): &(IdentityCheck, FileRejects<'_>),
            next: Self,
            records: u64,
            lines: u64,
        ) {
            file.write(self.0.append(next.0, records, lines));
            assert_eq!(self.0.held_rejects(), 0, "rejects stay in memory");
        }
    }

    #[test]
    fn every_kind_of_reject_is_written_in_the_order_of_the_exports_files_and_rows() {
        let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
        let schemas = Schemas::read(&schemas).expect("the shipped schemas");
        let place = tempfile::tempdir().expect("a temporary folder");
        let too_long = "x".repeat((1 << 20) + 1);
        let students_1 = format!(
            "名册\n\" 身份证号 \",=姓名,出生日期\n\
             不详,a,2010-01-01\n\
             \n\
             44990119900101001X,b,2010-01-01,d\n\
             合计,2,\n\
             \"44990119900101001X,b,2010-01-01\n\
             {too_long}\n\
             44990119900101001X,b,2010-01-01\n"
        );
        let students_2 = "national_id,出生日期\n4499011990,2010-01-01\n";
        let veterans = "national_id,kind\n不详,veteran\n";
        let mut planned = Vec::new();
        for (schema, files) in [
            (
                "education.students",
                vec![("1.csv", &*students_1), ("甲\t=.csv", students_2)],
            ),
            ("veterans.persons", vec![("veterans.csv", veterans)]),
        ] {
            let file = |(name, text): (&str, &str)| {
                let path = place.path().join(name);
                fs::write(&path, text).expect("writable");
                PlannedFile {
                    path,
                    written_path: name.to_owned(),
                }
            };
            planned.push(PlannedExport {
                schema: schemas.get(schema).expect("shipped").clone(),
                files: files.into_iter().map(file).collect(),
                snapshot: date(2026, 9, 30),
                legal_basis: "synthetic".to_owned(),
                reading: ReadingChoice::default(),
                may_be_empty: false,
            });
        }
        for (number, pass) in [
            Pass::Plain,
            Pass::Fast { block_bytes: 1 },
            Pass::Fast { block_bytes: 64 },
            Pass::DEFAULT,
        ]
        .into_iter()
        .enumerate()
        {
            let output = place.path().join(format!("output{number}"));
            let mut folder = OutputFolder::begin(&output).expect("a fresh folder");
            let rejects = RejectsFiles::begin(&folder, &planned).expect("writable");
            for planned in &planned {
                for (index, file) in planned.files.iter().enumerate() {
                    let export = Export::open(&file.path, &planned.schema, &planned.reading);
                    let export = export.expect("the header is valid");
                    let check = IdentityCheck::new(&export, &planned.schema, date(2026, 9, 30));
                    let file = rejects.of_export(planned).expect("created");
                    let context = (check, file.of_file(index, &export));
                    let read = export.read::<_, Rejecting>(pass, &context, &|_| {});
                    assert!(read.is_ok());
                }
            }
            rejects.finish(&mut folder).expect("writable");
            let written: Vec<_> = folder.written().iter().map(|file| &*file.path).collect();
            assert_eq!(written, ["rejects/education.csv", "rejects/veterans.csv"]);
            folder.complete().expect("writable");
            let written = fs::read_to_string(output.join("rejects/education.csv"));
            let expected = "";
            assert_eq!(written.expect("written"), expected, "{pass:?}");
        }
    }

    #[test]
    fn a_reject_of_a_block_takes_at_most_24_bytes() {
        assert!(size_of::<Reject>() <= 24);
        assert!(!std::mem::needs_drop::<Reject>(), "a reject owns a text");
    }
}
