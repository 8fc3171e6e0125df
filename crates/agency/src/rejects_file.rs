//! Writes the rejects file of each agency: the rows that it must correct. Rejects
//! depend only on checks that every row goes through, so they do not reveal a
//! match, and they contain no value of a row.
//!
//! Rejects are written while the rows are read. A step holds the rejects of a few blocks
//! of rows and not those of a file.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use aidlink_faults::fault::Fault;
use aidlink_office::output_folder::{OutputFolder, StreamedFile};
use aidlink_policy::reading::PlannedExport;

use crate::reject::{Reject, RejectReason};
use crate::scan::Export;
use crate::spreadsheet_csv::SpreadsheetWriter;

/// The names of the columns.
const HEADER: [&str; 9] = [
    "export 导出",
    "file 文件",
    "record 记录号",
    "line 行号",
    "column 列",
    "reason 原因代码",
    "说明",
    "explanation",
    "sheet 工作表",
];

/// The rejects files of a step, by agency id.
pub struct RejectsFiles(BTreeMap<String, AgencyFile>);

/// The rejects file of an agency.
struct AgencyFile {
    written: Mutex<io::Result<SpreadsheetWriter<RejectsOutput>>>,
    fault: Box<dyn Fn(&io::Error) -> Fault + Send + Sync>,
}

/// Where rejects are written to.
enum RejectsOutput {
    /// A file of the step's folder.
    File(Box<StreamedFile>),
    /// Nowhere: a step that is run again only compares them.
    Digest(Box<blake3::Hasher>),
}

impl Write for RejectsOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            RejectsOutput::File(file) => file.write(bytes),
            RejectsOutput::Digest(digest) => digest.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            RejectsOutput::File(file) => file.flush(),
            RejectsOutput::Digest(digest) => digest.flush(),
        }
    }
}

/// Returns the path of an agency's rejects file in an output folder.
fn path_of(agency: &str) -> String {
    format!("rejects/{agency}.csv")
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
        let begin = |agency: &str| {
            let file = folder.stream(&path_of(agency))?;
            let fault = Box::new(file.fault());
            Ok::<_, Fault>(AgencyFile::begin(
                RejectsOutput::File(Box::new(file)),
                fault,
            ))
        };
        let files = Self::of_agencies(exports, begin)?;
        Ok(RejectsFiles(files))
    }

    /// As [`RejectsFiles::begin`], for [`RejectsFiles::digests`] alone: nothing is written to
    /// disk.
    pub fn begin_digests<'e>(exports: impl IntoIterator<Item = &'e PlannedExport>) -> Self {
        let begin = |agency: &str| {
            let path = path_of(agency);
            let fault = move |error: &io::Error| Fault::unreadable(Path::new(&path), error);
            let digest = RejectsOutput::Digest(Box::default());
            Ok::<_, Infallible>(AgencyFile::begin(digest, Box::new(fault)))
        };
        let Ok(files) = Self::of_agencies(exports, begin);
        RejectsFiles(files)
    }

    fn of_agencies<'e, E>(
        exports: impl IntoIterator<Item = &'e PlannedExport>,
        begin: impl Fn(&str) -> Result<AgencyFile, E>,
    ) -> Result<BTreeMap<String, AgencyFile>, E> {
        let mut files = BTreeMap::new();
        for export in exports {
            let agency = &export.schema.agency;
            if !files.contains_key(agency) {
                files.insert(agency.clone(), begin(agency)?);
            }
        }
        Ok(files)
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
        for file in self.0.into_values() {
            if let RejectsOutput::File(file) = file.finish()? {
                folder.add(file.finish()?);
            }
        }
        Ok(())
    }

    /// Returns the path and the BLAKE3 digest, hexadecimal, of each file of
    /// [`RejectsFiles::begin_digests`].
    ///
    /// # Errors
    /// If a row could not be written.
    pub fn digests(self) -> Result<Vec<(String, String)>, Fault> {
        let mut digests = Vec::new();
        for (agency, file) in self.0 {
            if let RejectsOutput::Digest(digest) = file.finish()? {
                digests.push((path_of(&agency), digest.finalize().to_hex().to_string()));
            }
        }
        Ok(digests)
    }
}

impl AgencyFile {
    fn begin(output: RejectsOutput, fault: Box<dyn Fn(&io::Error) -> Fault + Send + Sync>) -> Self {
        let written = SpreadsheetWriter::begin(output).and_then(|mut file| {
            file.write_row(HEADER)?;
            Ok(file)
        });
        AgencyFile {
            written: Mutex::new(written),
            fault,
        }
    }

    fn finish(self) -> Result<RejectsOutput, Fault> {
        let AgencyFile { written, fault } = self;
        let written = written.into_inner().unwrap_or_else(PoisonError::into_inner);
        let output = written.and_then(SpreadsheetWriter::finish);
        output.map_err(|error| fault(&error))
    }
}

/// The rejects file for the rows of one export.
#[derive(Clone, Copy)]
pub struct ExportRejects<'f> {
    file: &'f AgencyFile,
    planned: &'f PlannedExport,
}

impl<'f> ExportRejects<'f> {
    /// Returns the rejects file for the rows of a table of the export.
    pub(crate) fn of_table(self, export: &Export) -> TableRejects<'f> {
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
        let file = self.planned.files.get(export.file());
        TableRejects {
            file: self.file,
            export: &schema.name,
            // Shortened paths could be the same for two files. Numbers are blacked out
            // where the cell is written.
            path: file.map_or(String::new(), |file| file.written_path.clone()),
            sheet: export.sheet().unwrap_or_default().to_owned(),
            lines_above: export.body_line() - 1,
            reasons: reasons.collect(),
        }
    }
}

/// The rejects file for the rows of one table of an export.
pub(crate) struct TableRejects<'f> {
    file: &'f AgencyFile,
    export: &'f str,
    path: String,
    sheet: String,
    /// Number of lines above the first record.
    lines_above: u64,
    /// The cells of a row from the column on, without the sheet, by reason.
    reasons: BTreeMap<RejectReason, [String; 4]>,
}

impl TableRejects<'_> {
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
        file: &mut SpreadsheetWriter<RejectsOutput>,
        reject: Reject,
    ) -> io::Result<()> {
        let record = reject.record.to_string();
        let line = (reject.line + self.lines_above).to_string();
        let place = [self.export, &self.path, &record, &line];
        let reason = self.reasons.get(&reject.reason).into_iter().flatten();
        let reason = reason.map(String::as_str);
        file.write_row(place.into_iter().chain(reason).chain([self.sheet.as_str()]))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use aidlink_policy::reading::{PlannedFile, ReadingChoice};
    use aidlink_policy::schema::Schemas;
    use jiff::civil::{Date, date};

    use super::*;
    use crate::identify::IdentifyFindings;
    use crate::identity_check::IdentityCheck;
    use crate::national_id::check_digit;
    use crate::scan::pass::{Pass, Place, RowFault, RowView, Tally};

    const AS_OF: Date = date(2026, 9, 30);

    /// Identifies the rows of a file and writes its rejects.
    #[derive(Default)]
    struct Rejecting(IdentifyFindings);

    impl Tally<(IdentityCheck, TableRejects<'_>)> for Rejecting {
        fn row(
            &mut self,
            (check, _): &(IdentityCheck, TableRejects<'_>),
            place: Place,
            row: Result<RowView<'_>, RowFault>,
        ) {
            self.0.identify(check, place, row);
        }

        fn append(
            &mut self,
            (_, file): &(IdentityCheck, TableRejects<'_>),
            next: Self,
            records: u64,
            lines: u64,
        ) {
            file.write(self.0.append(next.0, records, lines));
            assert_eq!(self.0.held_rejects(), 0, "rejects stay in memory");
        }
    }

    /// An export's schema, and the name and content of its files.
    type Written<'t> = (&'t str, Vec<(&'t str, Vec<u8>)>);

    fn planned(folder: &Path, exports: &[Written<'_>]) -> Vec<PlannedExport> {
        let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
        let schemas = Schemas::read(&schemas).expect("the shipped schemas");
        let file = |(name, content): &(&str, Vec<u8>)| {
            let path = folder.join(name);
            fs::write(&path, content).expect("writable");
            PlannedFile {
                path,
                written_path: (*name).to_owned(),
                reading: ReadingChoice::default(),
            }
        };
        let exports = exports.iter().map(|(schema, files)| PlannedExport {
            reading_digest: None,
            register: None,
            schema: schemas.get(schema).expect("shipped").clone(),
            files: files.iter().map(file).collect(),
            snapshot: AS_OF,
            legal_basis: "synthetic".to_owned(),
            may_be_empty: false,
        });
        exports.collect()
    }

    /// Writes the rejects files of exports and returns them by name.
    fn written(exports: &[PlannedExport], pass: Pass) -> BTreeMap<String, String> {
        let place = tempfile::tempdir().expect("a temporary folder");
        let output = place.path().join("output");
        let mut folder = OutputFolder::begin(&output).expect("a fresh folder");
        let rejects = RejectsFiles::begin(&folder, exports).expect("writable");
        for planned in exports {
            for (index, file) in planned.files.iter().enumerate() {
                let tables = Export::open(&file.path, index, &planned.schema, &file.reading);
                let tables = tables.expect("the header is valid");
                let export = &tables[0];
                let check = IdentityCheck::new(export, &planned.schema, AS_OF);
                let file = rejects.of_export(planned).expect("created");
                let context = (check, file.of_table(export));
                let read = export.read::<_, Rejecting>(pass, &context, &|_| {});
                assert!(read.is_ok());
            }
        }
        rejects.finish(&mut folder).expect("writable");
        let files: Vec<String> = folder.written().iter().map(|f| f.path.clone()).collect();
        folder.complete().expect("writable");
        let content = |path: String| {
            let content = fs::read_to_string(output.join(&path)).expect("written");
            (path, content)
        };
        files.into_iter().map(content).collect()
    }

    #[test]
    fn every_reject_is_written_in_the_order_of_exports_files_and_rows() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let body = "44990119900101001";
        let valid = format!("{body}{}", check_digit(body.as_bytes()) as char);
        let wrong = format!("{body}{}", if valid.ends_with('1') { '2' } else { '1' });
        let first = [
            "名册\n\" 身份证号 \",=姓名,出生日期\n不详,a,2010-01-01\n\n".as_bytes(),
            format!("{valid},b,1990-01-01,d\n合计,2,\n{valid},b,1990-01-01\n").as_bytes(),
            format!("\"{valid},b,1990-01-01\n{}\n", "x".repeat((1 << 20) + 1)).as_bytes(),
            format!("{wrong},b,1990-01-01\n{valid},\"two\nlines\",2010-01-01\n").as_bytes(),
            b"\xff\xff,b,1990-01-01\n",
        ]
        .concat();
        let second = b"national_id,birth_date\n4499011990,2010-01-01\n,\nabc,\n".to_vec();
        let exports = planned(
            place.path(),
            &[
                (
                    "education.students",
                    vec![("1.csv", first), ("=2\t.csv", second)],
                ),
                (
                    "procuratorate.case-parties",
                    vec![(
                        "3.csv",
                        b"case_number,role,national_id\n1,victim,x\n".to_vec(),
                    )],
                ),
                (
                    "procuratorate.referrals",
                    vec![("4.csv", b"national_id,aid,state\ny,,\n".to_vec())],
                ),
                (
                    "veterans.persons",
                    vec![("5.csv", format!("national_id\n{valid}\n").into_bytes())],
                ),
            ],
        );
        let rows = [
            (
                "education",
                "education.students,1.csv,1,3,身份证号",
                "id_placeholder",
            ),
            ("education", "education.students,1.csv,2,5,", "field_count"),
            ("education", "education.students,1.csv,4,8,", "quote"),
            (
                "education",
                "education.students,1.csv,5,9,",
                "record_too_long",
            ),
            (
                "education",
                "education.students,1.csv,6,10,身份证号",
                "id_check_digit",
            ),
            (
                "education",
                "education.students,1.csv,7,11,出生日期",
                "birth_date_contradicts",
            ),
            (
                "education",
                "education.students,1.csv,8,13,身份证号",
                "encoding",
            ),
            (
                "education",
                "education.students,'=2 .csv,1,2,national_id",
                "id_length",
            ),
            (
                "education",
                "education.students,'=2 .csv,2,4,national_id",
                "id_characters",
            ),
            (
                "procuratorate",
                "procuratorate.case-parties,3.csv,1,2,national_id",
                "id_length",
            ),
            (
                "procuratorate",
                "procuratorate.referrals,4.csv,1,2,national_id",
                "id_characters",
            ),
        ];
        let text_of = |code: &str| {
            let mut reasons = RejectReason::all();
            let reason = reasons.find(|reason| reason.code() == code);
            let text = reason.expect("a known reason").text();
            match text.en.contains(',') {
                true => format!("{code},{},\"{}\"", text.zh, text.en),
                false => format!("{code},{},{}", text.zh, text.en),
            }
        };
        let header = "export 导出,file 文件,record 记录号,line 行号,column 列,reason 原因代码,说明,explanation,sheet 工作表";
        let mut expected = BTreeMap::new();
        for agency in ["education", "procuratorate", "veterans"] {
            let rows = rows.iter().filter(|(of, ..)| *of == agency);
            let rows = rows.map(|(_, place, code)| format!("{place},{},\r\n", text_of(code)));
            let content = format!("\u{feff}{header}\r\n{}", rows.collect::<String>());
            expected.insert(format!("rejects/{agency}.csv"), content);
        }
        for pass in [
            Pass::Plain,
            Pass::Fast { block_bytes: 1 },
            Pass::Fast { block_bytes: 64 },
            Pass::DEFAULT,
        ] {
            assert_eq!(written(&exports, pass), expected, "{pass:?}");
        }
    }

    #[test]
    fn a_reject_of_a_block_takes_at_most_24_bytes() {
        assert!(size_of::<Reject>() <= 24);
        assert!(!std::mem::needs_drop::<Reject>(), "a reject owns a text");
    }
}
