//! The cells of a list that name the cases of a person.

use aidlink_agency::tokenise::Listed;
use aidlink_policy::schema::ExportSchema;

/// Returns the list fields of a person's case rows: of each field the value of each row in
/// order, or a single value if all are equal.
pub(crate) fn case_fields(schema: &ExportSchema, cases: &[Listed]) -> Vec<String> {
    let fields = schema.list_fields().enumerate();
    let joined = fields.map(|(column, _)| {
        let value = |case: &'_ Listed| case.fields.get(column).cloned().unwrap_or_default();
        let mut values: Vec<String> = cases.iter().map(value).collect();
        if values.windows(2).all(|pair| pair[0] == pair[1]) {
            values.truncate(1);
        }
        values.join("；")
    });
    joined.collect()
}

/// Returns texts that are not empty, each once, in order.
pub(super) fn distinct<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    let mut found: Vec<&str> = Vec::new();
    for text in texts {
        if !text.is_empty() && !found.contains(&text) {
            found.push(text);
        }
    }
    found
}
