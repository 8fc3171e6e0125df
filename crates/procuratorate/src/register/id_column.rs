//! The ID numbers of an export, as tokens of a register under two keys. The numbers themselves
//! go no further.

use std::path::Path;

use aidlink_agency::national_id::NationalId;
use aidlink_agency::register_token::RegisterTokeniser;
use aidlink_agency::tokeniser::Scratch;
use aidlink_faults::fault::Faults;
use aidlink_faults::text::Text;
use jiff::civil::Date;

use super::ledger_table::is_national_id;
use super::table;

/// The persons of an export.
#[derive(Clone, Debug, Default)]
pub struct IdColumn {
    /// The token of each row under the one key and under the other.
    pub tokens: Vec<([u8; 16], [u8; 16])>,
    /// How many rows have no ID number that can be used.
    pub unusable: u64,
}

/// Reads the column of ID numbers of a file. `today`: no number of somebody who was born later
/// is one.
///
/// # Errors
/// If the file cannot be read, or no header has one column of ID numbers.
pub fn read(
    path: &Path,
    before: &RegisterTokeniser,
    after: &RegisterTokeniser,
    today: Date,
) -> Result<IdColumn, Faults> {
    let expected = Text::new(
        "表头须有且只有一列身份号码，如 公民身份号码、身份证号",
        "a header has one column of ID numbers, such as 公民身份号码 or 身份证号",
    );
    let is_header = |forms: &[&str]| forms.iter().filter(|form| is_national_id(form)).count() == 1;
    let mut read = IdColumn::default();
    let mut scratch = Scratch::default();
    table::read(path, &is_header, &expected, &mut |row| {
        let mut headers = row.headers.iter();
        let Some(place) = headers.position(|header| is_national_id(&header.form)) else {
            return;
        };
        let cell = row.cells.as_ref().ok().and_then(|cells| cells.get(place));
        let text = cell.and_then(|cell| cell.text()).unwrap_or_default();
        match NationalId::parse(text, today) {
            Ok(checked) => read.tokens.push((
                before.token(&checked.id, &mut scratch),
                after.token(&checked.id, &mut scratch),
            )),
            Err(_) => read.unusable += 1,
        }
    })?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aidlink_policy::schema::Schemas;

    use super::*;
    use crate::register::table::header_form;

    /// An export that a round reads can be read for its ID numbers, too.
    #[test]
    fn the_headers_of_the_procuratorates_exports_are_known() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
        let schemas = Schemas::read(&folder).expect("the shipped schemas");
        for name in ["procuratorate.case-parties", "procuratorate.referrals"] {
            let schema = schemas.get(name).expect("a shipped schema");
            let mut fields = schema.fields.iter();
            let field = fields.find(|field| field.name == "national_id");
            let field = field.expect("a field of ID numbers");
            for header in field.aliases.iter().chain([&field.name, &field.title.zh]) {
                assert!(is_national_id(&header_form(header)), "{name}: {header}");
            }
        }
    }
}
