//! The round as one office sees it that reads exports: the round's terms, and
//! the files of its exports with how they are read.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_agency::cell::DateEpoch;
use aidlink_agency::exports::{PlannedExport, PlannedFile};
use aidlink_agency::scan::{EncodingChoice, ReadingChoice};
use aidlink_faults::configuration::{Document, Located};
use aidlink_faults::fault::{Fault, FaultCollector, Faults, nearest_name_hint};
use aidlink_faults::text::Text;
use aidlink_office::round::{ExportTerms, Mode, RoundTerms, WrittenExport, inside};
use aidlink_policy::pack::CASE_EXPORT;

/// Which exports an office reads.
#[derive(Clone, Copy, Debug)]
enum Reads<'n> {
    /// All of them.
    All,
    /// The one of this schema.
    One(&'n str),
}

/// A pooled round that is ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the round says to every office.
    pub terms: RoundTerms,
    /// The export of case parties.
    pub cases: PlannedExport,
    /// The other exports, in the order of the round file.
    pub registers: Vec<PlannedExport>,
}

/// One export of a split round that is ready to be tokenised or resolved.
#[derive(Clone, Debug)]
pub struct ExportPlan {
    /// What the round says to every office.
    pub terms: RoundTerms,
    /// The export.
    pub export: PlannedExport,
}

impl Plan {
    /// Reads the file of a pooled round and all that it names. `output`
    /// replaces the round file's own output folder.
    ///
    /// # Errors
    /// Every fault of the round, schemas, policy and calendar at once.
    pub fn read(path: &Path, output: Option<&Path>) -> Result<Self, Faults> {
        let (terms, mut files) = read(path, output, Mode::Pooled, Reads::All)?;
        let mut planned = terms
            .exports()
            .filter_map(|export| files.take(export))
            .collect::<Vec<_>>()
            .into_iter();
        // The terms have an export of case parties, and its files were read.
        let cases = FaultCollector::new().or_value(planned.next())?;
        Ok(Plan {
            cases,
            registers: planned.collect(),
            terms,
        })
    }

    /// All exports, the case parties first.
    pub fn exports(&self) -> impl Iterator<Item = &PlannedExport> {
        std::iter::once(&self.cases).chain(&self.registers)
    }
}

impl ExportPlan {
    /// Reads the file of a split round and all that it names; of the exports'
    /// files only those of one export must be there.
    ///
    /// # Errors
    /// As [`Plan::read`]; also when the round has no such export.
    pub fn read(path: &Path, output: Option<&Path>, export: &str) -> Result<Self, Faults> {
        let (terms, mut files) = read(path, output, Mode::Split, Reads::One(export))?;
        let planned = terms.export(export).and_then(|export| files.take(export));
        match planned {
            Some(export) => Ok(ExportPlan { terms, export }),
            None => {
                let known: Vec<&str> = terms
                    .exports()
                    .map(|export| export.schema.name.as_str())
                    .collect();
                let hint = nearest_name_hint(export, known);
                Err(Fault::of_file(
                    path,
                    Text::new(
                        format!("本轮没有导出“{export}”"),
                        format!("the round has no export `{export}`"),
                    ),
                    hint,
                )
                .into())
            }
        }
    }

    /// The procuratorate's own: the export of case parties.
    ///
    /// # Errors
    /// As [`ExportPlan::read`].
    pub fn read_cases(path: &Path, output: Option<&Path>) -> Result<Self, Faults> {
        Self::read(path, output, CASE_EXPORT)
    }
}

/// The files of exports and how they are read, by schema.
struct ExportFiles(BTreeMap<String, (Vec<PlannedFile>, ReadingChoice)>);

impl ExportFiles {
    fn take(&mut self, terms: &ExportTerms) -> Option<PlannedExport> {
        let (files, reading) = self.0.remove(&terms.schema.name)?;
        Some(PlannedExport {
            schema: terms.schema.clone(),
            files,
            snapshot: terms.snapshot,
            legal_basis: terms.legal_basis.clone(),
            reading,
            may_be_empty: terms.may_be_empty,
        })
    }
}

fn read(
    path: &Path,
    output: Option<&Path>,
    mode: Mode,
    reads: Reads<'_>,
) -> Result<(RoundTerms, ExportFiles), Faults> {
    let mut files = ExportFiles(BTreeMap::new());
    let terms = RoundTerms::read(path, output, mode, &mut |document, export, faults| {
        let name = &export.schema.value;
        if matches!(reads, Reads::One(one) if one != name) {
            return;
        }
        let reading = ReadingChoice {
            encoding: encoding(document, export, faults),
            sheet: export.sheet.clone(),
            headers: export
                .headers
                .iter()
                .map(|(header, field)| (header.clone(), field.value.clone()))
                .collect(),
            epoch: date_epoch(document, export, faults),
        };
        let paths = export.paths.iter();
        let found = paths.filter_map(|path| data_file(document, path, faults));
        files.0.insert(name.clone(), (found.collect(), reading));
    })?;
    Ok((terms, files))
}

fn encoding(
    document: &Document,
    export: &WrittenExport,
    faults: &mut FaultCollector,
) -> EncodingChoice {
    let Some(word) = &export.encoding else {
        return EncodingChoice::Detect;
    };
    let names = EncodingChoice::NAMES;
    let found = names.iter().find(|(name, _)| *name == word.value);
    if found.is_none() {
        let hint = nearest_name_hint(&word.value, names.map(|(name, _)| name));
        let message = Text::new("未知的编码", "unknown encoding");
        faults.push(document.fault(word.at.clone(), message, hint));
    }
    found.map_or(EncodingChoice::Detect, |(_, choice)| *choice)
}

/// `date_epoch = 1904`: serial numbers of dates count from then.
fn date_epoch(
    document: &Document,
    export: &WrittenExport,
    faults: &mut FaultCollector,
) -> DateEpoch {
    let Some(year) = &export.date_epoch else {
        return DateEpoch::Year1900;
    };
    let epoch = DateEpoch::of_year(year.value);
    if epoch.is_none() {
        faults.push(document.fault(
            year.at.clone(),
            Text::new("未知的日期起算年", "unknown epoch of dates"),
            Text::new("只能是1900或1904", "it is 1900 or 1904"),
        ));
    }
    epoch.unwrap_or_default()
}

fn data_file(
    document: &Document,
    path: &Located<String>,
    faults: &mut FaultCollector,
) -> Option<PlannedFile> {
    let full = inside(document, path, faults)?;
    if !full.is_file() {
        faults.push(document.fault(
            path.at.clone(),
            Text::new(
                format!("找不到导出文件“{}”", path.value),
                format!("there is no export file `{}`", path.value),
            ),
            Text::new(
                "请检查文件名；若该机构未报送，请删去此项",
                "check the name; if the agency sent none, remove this entry",
            ),
        ));
        return None;
    }
    Some(PlannedFile {
        path: full,
        written_path: path.value.clone(),
    })
}
