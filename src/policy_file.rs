//! How a command that takes `--policy` finds the policy and the schemas.

use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, Faults};
use aidlink_policy::pack::{Policy, PolicySource};
use aidlink_policy::schema::Schemas;
use aidlink_policy::shipped;

/// Reads a policy, and returns with it the path by which faults name it.
///
/// `written` is a file, or the name of a policy that comes with the program. The schemas are
/// those of a folder, else those beside the policy, else those that come with the program.
///
/// # Errors
/// If a file cannot be read, or has faults.
pub fn read_policy(written: &str, schemas: Option<&Path>) -> Result<(Policy, PathBuf), Faults> {
    let source = source_of(written)?;
    let schemas = schemas_of(&source, schemas)?;
    let policy = Policy::read_source(&source, &schemas)?;
    Ok((policy, source.shown()))
}

/// Reads the schemas with which [`read_policy`] reads the same policy.
///
/// # Errors
/// If a file cannot be read, or has faults.
pub fn read_schemas(written: &str, schemas: Option<&Path>) -> Result<Schemas, Faults> {
    schemas_of(&source_of(written)?, schemas)
}

fn source_of(written: &str) -> Result<PolicySource, Fault> {
    let here = Path::new(written);
    match here.exists() {
        true => Ok(PolicySource::File(here.to_path_buf())),
        false => PolicySource::of_text(written, Path::new(""))
            .map_err(|(message, hint)| Fault::of_file(here, message, hint)),
    }
}

fn schemas_of(source: &PolicySource, schemas: Option<&Path>) -> Result<Schemas, Faults> {
    match (schemas, source) {
        (Some(folder), _) => Schemas::read(folder),
        (None, PolicySource::Shipped(_)) => shipped::schemas(),
        (None, PolicySource::File(path)) => {
            let folder = path.parent().unwrap_or(Path::new("."));
            let beside = folder.join("../schemas");
            match beside.is_dir() {
                true => Schemas::read(&beside),
                false => shipped::schemas(),
            }
        }
    }
}
