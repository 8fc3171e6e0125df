//! Resolves screened leads to persons at the procuratorate: tokenises its own
//! export again and takes the row whose index is the reference.

use std::path::Path;

use aidlink_contract::screened_lead::{CaseEvidence, ScreenedLead};
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;

use aidlink_agency::scan::Export;
use aidlink_agency::tokenise::{FileReport, Listed, Report, Tokenising, listed_rows};

/// A lead with the data of its case rows from the procuratorate's own export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedLead {
    /// The lead as received from the centre.
    pub screened: ScreenedLead,
    /// For each case row of the lead, the data that lists show.
    pub cases: Vec<Listed>,
    /// Whether the person is listed as a minor: under 18 at the as-of date, or
    /// of unknown age.
    pub minor: bool,
}

/// Finds the rows that the leads refer to. Returns the leads in the same order,
/// and the report on the export.
///
/// # Errors
/// When the export cannot be tokenised, or is not the screened one: its digest
/// differs, or a reference exceeds its rows.
pub fn resolve(
    exports: &[Export],
    tokenising: &Tokenising<'_>,
    screened: &[FileReport],
    leads: Vec<ScreenedLead>,
) -> Result<(Vec<ResolvedLead>, Report), Faults> {
    let (rows, report) =
        listed_rows(exports, tokenising).map_err(|error| error.into_faults(exports))?;
    if report.files != screened {
        return Err(not_this_export(exports));
    }
    let find = |evidence: &CaseEvidence| rows.get(evidence.reference).cloned();
    let leads: Result<Vec<ResolvedLead>, Faults> = leads
        .into_iter()
        .map(|screened| {
            let cases: Option<Vec<Listed>> = screened.cases.iter().map(find).collect();
            let cases = cases.ok_or_else(|| not_this_export(exports))?;
            let minor = cases.iter().any(|case| case.minor);
            Ok(ResolvedLead {
                screened,
                cases,
                minor,
            })
        })
        .collect();
    Ok((leads?, report))
}

fn not_this_export(exports: &[Export]) -> Faults {
    Fault::of_file(
        exports.first().map(Export::path).unwrap_or(Path::new("")),
        Text::new(
            "此导出不是筛查时的那一份：内容已改变",
            "this export is not the one that was screened: its content has changed",
        ),
        Text::new(
            "请使用筛查时的同一份导出和密钥",
            "use the same export and key as for the screening",
        ),
    )
    .into()
}
