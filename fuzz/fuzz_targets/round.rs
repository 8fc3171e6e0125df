//! Reads any text as a round file: in full and in parts, as commands do, as a pooled and
//! as a split round, with and without export files. Reading must give the round or faults,
//! and no path may leave the round's folder.

#![no_main]

use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use aidlink_faults::fault::Faults;
use aidlink_faults::text::Language;
use aidlink_fuzz::{FOLDER, shipped};
use aidlink_office::round::{Mode, Reads, Round, WrittenRound};
use libfuzzer_sys::fuzz_target;

/// The path of the round file, `sample_data/2026Q3/round.toml`. Policies, schemas and
/// calendars are where the shipped round file expects them.
static ROUND_FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let round = FOLDER.path().join("sample_data/2026Q3");
    std::fs::create_dir_all(&round).expect("room in the temporary folder");
    for folder in ["policies", "schemas", "calendars"] {
        std::os::unix::fs::symlink(shipped(folder), FOLDER.path().join(folder))
            .expect("a link can be made");
    }
    round.join("round.toml")
});

/// Whether the text may name device or system folders. Policies, schemas and calendars may
/// be anywhere, but this target must not open those.
fn names_system_folder(text: &str) -> bool {
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
    if names_system_folder(text) {
        return;
    }
    std::fs::write(&*ROUND_FILE, text).expect("room in the temporary folder");
    let Some(written) = render(WrittenRound::read(&ROUND_FILE)) else {
        return;
    };
    let key = render(written.key_terms());
    let id = render(written.round_id());
    let stated_mode = render(written.mode());
    let signing_key = render(written.signing_key_file());
    let signers = written.signers();
    // Reading in the other mode would only give a fault.
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
        assert!(id.is_some_and(|id| id == terms.round) && stated_mode == Some(mode));
        assert!(signing_key.is_some_and(|key| key == paths.signing_key));
        assert!(signers.len() == terms.signers.len());
        assert!(terms.issued_on >= terms.as_of && terms.mode == mode);
        assert!(terms.sealing().is_ok() == (mode == Mode::Split));
        // A command that writes nothing must read the same terms.
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
