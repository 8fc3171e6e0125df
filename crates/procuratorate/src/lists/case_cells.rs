//! The cells of a list that name the cases of a person.

use aidlink_agency::tokenise::Listed;
use aidlink_policy::schema::ExportSchema;

/// The field of the case parties with the number of the case.
pub const CASE_NUMBER: &str = "case_number";

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

/// Returns the case numbers of case rows, each once. A schema without them gives none.
pub(super) fn case_numbers<'c>(schema: &ExportSchema, cases: &[&'c Listed]) -> Vec<&'c str> {
    let mut fields = schema.list_fields();
    let Some(column) = fields.position(|field| field.name == CASE_NUMBER) else {
        return Vec::new();
    };
    let numbers = cases.iter().filter_map(|case| case.fields.get(column));
    distinct(numbers.map(String::as_str))
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
