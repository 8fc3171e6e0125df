//! A site's own headers and labels, in a file with the keys `headers` and `values` of a
//! reading file, for tables that no round reads.

use std::collections::BTreeMap;
use std::path::Path;

use aidlink_faults::configuration::{Document, LARGEST_CONFIGURATION, Located};
use aidlink_faults::fault::{FaultCollector, Faults, nearest_name_hint};
use aidlink_faults::personal_number::shown_name;
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

/// The forms in which headers and labels are compared.
#[derive(Clone, Copy)]
pub struct Forms {
    /// That of a header.
    pub header: fn(&str) -> String,
    /// That of a label.
    pub label: fn(&str) -> String,
}

/// A header or label as the file has it.
struct Word<'w> {
    /// The key below which it is.
    key: &'w str,
    written: &'w str,
    form: String,
    means: &'w Located<String>,
}

impl Word<'_> {
    /// Checks that it can be told from every other text, and from the words before it.
    fn check(
        self,
        document: &Document,
        seen: &mut BTreeMap<(String, String), String>,
        faults: &mut FaultCollector,
    ) {
        let Word {
            key,
            written,
            form,
            means,
        } = self;
        let written = shown_name(written);
        if form.is_empty() {
            faults.push(document.fault(
                means.at.clone(),
                Text::new(
                    format!("{key} 的“{written}”没有可以比较的文字"),
                    format!("nothing of `{written}` under `{key}` can be compared"),
                ),
                Text::new("请写出表中的文字", "write the text that the table has"),
            ));
            return;
        }
        let meant = seen
            .entry((key.to_owned(), form))
            .or_insert_with(|| means.value.clone());
        if *meant != means.value {
            faults.push(document.fault(
                means.at.clone(),
                Text::new(
                    format!("{key} 的“{written}”与前面一项视为相同，含义却不同"),
                    format!("`{written}` under `{key}` is the same as one before it, and means something else"),
                ),
                Text::new(
                    "比较时不计全角半角、大小写、空格和引号，表头还不计标点和列号；请删去其中一项",
                    "width, case, blanks and quotation marks make no difference, and in headers neither do other signs and the number of a column; remove one of them",
                ),
            ));
        }
    }
}

impl SiteWords {
    /// Reads a file. `fields` are the fields that there are.
    ///
    /// # Errors
    /// If it cannot be read, has another key, or names a field that is not there; if of a header
    /// or label nothing is compared, or two of them are the same and mean different things.
    pub fn read(path: &Path, fields: &[&str], forms: Forms) -> Result<Self, Faults> {
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
        let mut seen = BTreeMap::new();
        for (header, field) in &headers {
            let word = Word {
                key: "headers",
                written: header,
                form: (forms.header)(header),
                means: field,
            };
            word.check(&document, &mut seen, &mut faults);
        }
        for label in &labels {
            let word = Word {
                key: &format!("values.{}", label.field.value),
                written: &label.label.value,
                form: (forms.label)(&label.label.value),
                means: &label.code,
            };
            word.check(&document, &mut seen, &mut faults);
        }
        faults.finish()?;
        Ok(SiteWords { headers, labels })
    }
}
