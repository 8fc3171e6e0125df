//! The schemas, the policy and the calendar that come with the program, so that commands
//! find them from any folder.

use std::path::Path;

use aidlink_faults::fault::{FaultCollector, Faults};

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

/// The policy that a new round gets.
pub const POLICY: Shipped = shipped!("policies", "shaoguan.toml");

/// All policies. `extends` and the commands of `policy` find them by name, which is the
/// file name without `.toml`.
pub const POLICIES: [Shipped; 4] = [
    POLICY,
    shipped!("policies", "national.toml"),
    shipped!("policies", "ordos.toml"),
    shipped!("policies", "chencang.toml"),
];

/// Returns the name by which `extends` finds a policy.
pub fn policy_name(policy: &Shipped) -> &'static str {
    policy.name.strip_suffix(".toml").unwrap_or(policy.name)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_and_policy_of_the_folders_is_shipped_and_the_policies_fit() {
        let files_of = |folder: &str| {
            let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
            let folder = Path::new(&package).join("../..").join(folder);
            let files = std::fs::read_dir(folder).expect("a folder of the project");
            let mut names: Vec<_> = files
                .filter_map(|file| file.ok()?.file_name().into_string().ok())
                .collect();
            names.sort();
            names
        };
        assert_eq!(files_of("schemas"), SCHEMAS.map(|shipped| shipped.name));
        let mut policies = POLICIES.map(|shipped| shipped.name);
        policies.sort();
        assert_eq!(files_of("policies"), policies);
        let schemas = schemas().expect("valid schemas");
        assert_eq!(schemas.0.len(), SCHEMAS.len());
        for policy in POLICIES {
            let policy = crate::pack::Policy::shipped(&policy, &schemas);
            assert!(policy.is_ok(), "{policy:?}");
        }
    }
}
