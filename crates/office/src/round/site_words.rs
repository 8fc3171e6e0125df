//! A site's own headers and labels, in a file with the keys `headers` and `values` of a
//! reading file, for tables that no round reads.

use std::path::Path;

use aidlink_faults::configuration::{Document, LARGEST_CONFIGURATION, Located};
use aidlink_faults::fault::{Faults, nearest_name_hint};
use aidlink_faults::text::Text;
use aidlink_files::regular_file;

use super::parts::{headers, values};

/// A site's own headers and labels.
#[derive(Debug, Default)]
pub struct SiteWords {
    /// Each header with the field for which it stands.
    pub headers: Vec<(String, Located<String>)>,
    /// The labels.
    pub labels: Vec<SiteWord>,
}

/// A label of a field, with the code that it means.
#[derive(Debug)]
pub struct SiteWord {
    /// The field.
    pub field: Located<String>,
    /// The label.
    pub label: Located<String>,
    /// The code.
    pub code: Located<String>,
}

impl SiteWords {
    /// Reads a file. `fields` are the fields that there are.
    ///
    /// # Errors
    /// If it cannot be read, has another key, or names a field that is not there.
    pub fn read(path: &Path, fields: &[&str]) -> Result<Self, Faults> {
        let bytes = regular_file::read(path, LARGEST_CONFIGURATION)?;
        let document = Document::of_bytes(path, bytes)?;
        let mut faults = document.syntax_faults();
        let mut table = document.root();
        let headers = headers(&mut table, &mut faults);
        let labels = values(&mut table, &mut faults);
        table.finish(&mut faults);
        let labels: Vec<SiteWord> = labels
            .into_iter()
            .map(|label| SiteWord {
                field: label.field,
                label: label.label,
                code: label.code,
            })
            .collect();
        let named = headers.iter().map(|(_, field)| field);
        let named = named.chain(labels.iter().map(|label| &label.field));
        for field in named.filter(|field| !fields.contains(&field.value.as_str())) {
            faults.push(document.fault(
                field.at.clone(),
                Text::new("没有这一栏", "there is no such field"),
                nearest_name_hint(&field.value, fields.iter().copied()),
            ));
        }
        faults.finish()?;
        Ok(SiteWords { headers, labels })
    }
}
