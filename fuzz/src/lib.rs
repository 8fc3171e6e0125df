//! What several targets need: a folder for the input, the shipped schemas and
//! policy, and quiet about panics that are caught and told as a damaged file.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aidlink_files::guarded::is_guarded;
use aidlink_policy::pack::Policy;
use aidlink_policy::schema::{ExportSchema, Schemas};

/// The day at which everything is judged.
pub const AS_OF: jiff::civil::Date = jiff::civil::Date::constant(2026, 9, 30);

/// A folder of this process alone. Set TMPDIR to a folder in memory for speed.
pub static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

/// The shipped schemas.
pub static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let schemas = Schemas::read(&shipped("schemas"));
    schemas.expect("the shipped schemas")
});

/// The shipped policy.
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

/// A file or folder of the project.
pub fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The shipped schema of this name.
pub fn schema(name: &str) -> &'static ExportSchema {
    SCHEMAS.get(name).expect("a shipped schema")
}

/// libFuzzer ends at every panic; those that are caught and told as a damaged
/// file are none of ours.
pub fn let_guarded_panics_pass() {
    LazyLock::force(&HOOK);
}

/// The input as a file.
pub fn file_of(bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join("input");
    std::fs::write(&path, bytes).expect("room in the temporary folder");
    path
}
