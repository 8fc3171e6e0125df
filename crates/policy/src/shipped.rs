//! The schemas, the policy and the calendar that come with the program, so that commands
//! find them from any folder.

use std::path::Path;

use aidlink_faults::fault::{FaultCollector, Faults};

use crate::pack::Policy;
use crate::schema::{ExportSchema, Schemas};

/// A document that comes with the program.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Its file name.
    pub name: &'static str,
    /// Its content.
    pub text: &'static str,
}

macro_rules! shipped {
    ($folder:literal, $name:literal) => {
        Shipped {
            name: $name,
            text: include_str!(concat!("../../../", $folder, "/", $name)),
        }
    };
}

/// The schemas.
pub const SCHEMAS: [Shipped; 6] = [
    shipped!("schemas", "civil-affairs.assistance.json"),
    shipped!("schemas", "disabled-federation.persons.json"),
    shipped!("schemas", "education.students.json"),
    shipped!("schemas", "procuratorate.case-parties.json"),
    shipped!("schemas", "procuratorate.referrals.json"),
    shipped!("schemas", "veterans.persons.json"),
];

/// The policy.
pub const POLICY: Shipped = shipped!("policies", "shaoguan.toml");

/// The calendar.
pub const CALENDAR: Shipped = shipped!("calendars", "china.toml");

/// Returns the schemas that come with the program.
///
/// # Errors
/// None, unless the program was built with a faulty schema.
pub fn schemas() -> Result<Schemas, Faults> {
    let mut faults = FaultCollector::new();
    let read = SCHEMAS.iter().filter_map(|shipped| {
        let schema = ExportSchema::parse(Path::new(shipped.name), shipped.text.as_bytes());
        faults.take(schema)
    });
    let schemas = Schemas::of(read.collect());
    faults.or_value(Some(schemas))
}

/// Returns the policy that comes with the program, for these schemas.
///
/// # Errors
/// When the schemas lack something that the policy needs.
pub fn policy(schemas: &Schemas) -> Result<Policy, Faults> {
    Policy::parse(
        Path::new(POLICY.name),
        POLICY.text.as_bytes().to_vec(),
        schemas,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_of_the_folder_is_shipped_and_the_policy_fits() {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
        let folder = Path::new(&package).join("../../schemas");
        let files = std::fs::read_dir(folder).expect("the schemas");
        let mut names: Vec<_> = files
            .filter_map(|file| file.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(".json"))
            .collect();
        names.sort();
        assert_eq!(names, SCHEMAS.map(|shipped| shipped.name));
        let schemas = schemas().expect("valid schemas");
        assert_eq!(schemas.0.len(), SCHEMAS.len());
        assert!(policy(&schemas).is_ok());
    }
}
