//! Reads schemas, calendars and policies of any content, layers of any content on top of the
//! shipped policy, and policies with a rule of any text. Reading must not panic. The first byte chooses what the text is.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use aidlink_policy::calendar::Calendar;
use aidlink_policy::pack::Policy;
use aidlink_policy::schema::{ExportSchema, Schemas};
use libfuzzer_sys::fuzz_target;

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas"));
    Schemas::read(folder).expect("the shipped schemas")
});

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

/// Returns the shipped policy with one more rule, whose condition is the input.
fn policy_with_rule(when: &str) -> String {
    let quoted: String = when
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            c if c.is_control() => " ".to_owned(),
            c => c.to_string(),
        })
        .collect();
    include_str!("../../policies/shaoguan.toml").replacen(
        "\n[[rule]]\n",
        &format!(
            "\n[[rule]]\nid = \"fuzzed\"\non = \"veterans.persons\"\nkind = \"hardship\"\nwhen = \"{quoted}\"\ntitle = {{ zh = \"题\", en = \"title\" }}\ncites = []\nunknown = \"review\"\n\n[[rule]]\n"
        ),
        1,
    )
}

fuzz_target!(|input: (u8, &str)| {
    let (kind, text) = input;
    let path = FOLDER.path().join("document");
    match kind % 5 {
        0 => {
            let _ = ExportSchema::parse(&path, text.as_bytes());
        }
        1 => {
            std::fs::write(&path, text).expect("room in the temporary folder");
            let _ = Calendar::read(&path);
        }
        2 => {
            std::fs::write(&path, text).expect("room in the temporary folder");
            let _ = Policy::read(&path, &SCHEMAS);
        }
        3 => {
            let head = "id = \"top\"\nversion = \"1\"\ntitle = { zh = \"题\", en = \"title\" }\nextends = \"shaoguan\"\n";
            std::fs::write(&path, format!("{head}{text}")).expect("room in the temporary folder");
            let _ = Policy::read(&path, &SCHEMAS);
        }
        _ => {
            std::fs::write(&path, policy_with_rule(text)).expect("room in the temporary folder");
            let _ = Policy::read(&path, &SCHEMAS);
        }
    }
});
