//! From screened leads back to people, at the procuratorate: its own export is
//! tokenised again, and a reference is the row of that index.

use std::path::Path;

use aidlink_contract::screened_lead::{CaseEvidence, ScreenedLead};
use aidlink_faults::fault::{Fault, Faults};
use aidlink_faults::text::Text;

use aidlink_agency::scan::Export;
use aidlink_agency::tokenise::{FileReport, Listed, Report, Tokenising, listed_rows};

/// A lead with what the procuratorate's own export says of its case rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedLead {
    /// The lead as the centre gave it.
    pub screened: ScreenedLead,
    /// For each case row of the lead, what lists show of it.
    pub cases: Vec<Listed>,
    /// The person is a minor at the as-of date.
    pub minor: bool,
}

/// Finds the rows that leads refer to, and tells what was read of the export.
/// The order of the leads is kept.
///
/// # Errors
/// When the export cannot be tokenised, or is not the one that was screened:
/// its digest differs, or a reference is beyond its rows.
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
            "use the export and the key that were screened",
        ),
    )
    .into()
}
