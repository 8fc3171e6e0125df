//! Shared by the fuzz targets: a folder for inputs, the shipped schemas and policy, and
//! a panic hook that ignores panics which aidlink catches.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aidlink_files::guarded::is_guarded;
use aidlink_policy::pack::Policy;
use aidlink_policy::schema::{ExportSchema, Schemas};

/// The as-of date of all targets.
pub const AS_OF: jiff::civil::Date = jiff::civil::Date::constant(2026, 9, 30);

/// A folder of this process. Set TMPDIR to a folder in memory for speed.
pub static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

pub static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let schemas = Schemas::read(&shipped("schemas"));
    schemas.expect("the shipped schemas")
});

pub static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let policy = Policy::read(&shipped("policies/shaoguan.toml"), &SCHEMAS);
    policy.expect("the shipped policy")
});

static HOOK: LazyLock<()> = LazyLock::new(|| {
    let fatal = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !is_guarded() {
            fatal(panic);
        }
    }));
});

/// Returns the path of a file or folder of the project.
pub fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Returns the shipped schema of this name.
pub fn schema(name: &str) -> &'static ExportSchema {
    SCHEMAS.get(name).expect("a shipped schema")
}

/// Keeps libFuzzer from stopping at panics that aidlink catches and reports as a damaged
/// file.
pub fn ignore_guarded_panics() {
    LazyLock::force(&HOOK);
}

/// Writes the input to a file and returns its path.
pub fn write_input(bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join("input");
    std::fs::write(&path, bytes).expect("room in the temporary folder");
    path
}
