//! Whatever a round file says, reading it gives the round or faults with
//! their places, as a pooled round and as a split one, with its exports' files
//! and without, and as far as single commands read it.

#![no_main]

use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use aidlink_faults::fault::Faults;
use aidlink_faults::text::Language;
use aidlink_fuzz::{FOLDER, shipped};
use aidlink_office::round::{Mode, Reads, Round, WrittenRound};
use libfuzzer_sys::fuzz_target;

/// `sample_data/2026Q3/round.toml` beside policies, schemas and calendars, as
/// the shipped round has it.
static ROUND_FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let round = FOLDER.path().join("sample_data/2026Q3");
    std::fs::create_dir_all(&round).expect("room in the temporary folder");
    for folder in ["policies", "schemas", "calendars"] {
        std::os::unix::fs::symlink(shipped(folder), FOLDER.path().join(folder)).expect("a link");
    }
    round.join("round.toml")
});

/// A policy, schema or calendar may lie anywhere; the devices and the system's
/// own folders of this machine are not what this target looks at.
fn leads_elsewhere(text: &str) -> bool {
    ["/dev", "/proc", "/sys", "/run"]
        .iter()
        .any(|folder| text.contains(folder))
}

fn stays_in(folder: &Path, path: &Path) -> bool {
    let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    path.strip_prefix(folder)
        .is_ok_and(|below| below.components().all(plain))
}

fn render<T>(read: Result<T, Faults>) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(faults) => {
            assert!(faults.iter().next().is_some(), "refused without a fault");
            for fault in faults.iter() {
                let _ = fault.render(Language::English);
                let _ = fault.render(Language::Chinese);
            }
            None
        }
    }
}

fuzz_target!(|text: &str| {
    if leads_elsewhere(text) {
        return;
    }
    std::fs::write(&*ROUND_FILE, text).expect("room in the temporary folder");
    let Some(written) = render(WrittenRound::read(&ROUND_FILE)) else {
        return;
    };
    let key = render(written.key_terms());
    let id = render(written.round_id());
    let said = render(written.mode());
    let signing_key = render(written.signing_key_file());
    let signers = written.signers();
    // A file says one of the two; the other is a fault and little else.
    let mode = if text.contains("\"split\"") {
        Mode::Split
    } else {
        Mode::Pooled
    };
    let round = render(Round::read(&ROUND_FILE, None, mode, Reads::Nothing));
    if let Some(round) = round {
        let Round { terms, paths, .. } = round;
        assert!(
            stays_in(terms.folder(), &paths.key_file) && stays_in(terms.folder(), &paths.output)
        );
        assert!(key.is_some_and(|key| key.round == terms.round && key.file == paths.key_file));
        assert!(id.is_some_and(|id| id == terms.round) && said == Some(mode));
        assert!(signing_key.is_some_and(|key| key == paths.signing_key));
        assert!(signers.len() == terms.signers.len());
        assert!(terms.issued_on >= terms.as_of && terms.mode == mode);
        assert!(terms.sealing().is_ok() == (mode == Mode::Split));
        // Who writes nothing reads the same terms, with no path of its own.
        let planned = render(written.planned(mode, Reads::Nothing));
        assert!(planned.is_some_and(|(same, exports)| {
            same.terms_digest() == terms.terms_digest() && exports.is_empty()
        }));
    }
    for reads in [Reads::All, Reads::Present] {
        if let Some((terms, exports)) = render(written.planned(mode, reads)) {
            assert!(exports.len() <= terms.exports().count());
            let files = exports.iter().flat_map(|export| &export.files);
            for file in files {
                assert!(stays_in(terms.folder(), &file.path));
            }
        }
    }
});
