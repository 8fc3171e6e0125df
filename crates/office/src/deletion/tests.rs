//! Tests of a purge while somebody else changes the folder, and of purges that are killed
//! between their steps.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use aidlink_files::folder::{Folder, FolderMark};

use super::removal::Unsynced;
use super::*;
use crate::aside::aside_place;
use crate::finished_round::{FinishedRound, LIST};
use crate::manifest::Manifest;

/// A leftover of an interrupted run, with a number that must be blacked out.
const LEFTOVER: &str = ".output.partial-cut/lists/13800001234.csv";
/// The files to delete, by their paths in the round's folder.
const FILES: [&str; 5] = [
    "exports/students.csv",
    "round.key",
    "output/lists/for-review/to-education.csv",
    "output/rejects/education.csv",
    LEFTOVER,
];

static NO_ROUNDS: BTreeSet<String> = BTreeSet::new();

struct Signed {
    round: FinishedRound,
    key: SigningKey,
    outputs: Vec<PathBuf>,
    opened: OpenedFolders,
}

fn key_id(content: &[u8], _: &Manifest) -> Option<String> {
    String::from_utf8(content.to_vec()).ok()
}

impl Signed {
    fn new() -> Self {
        let round = FinishedRound::new();
        let key = round.key("signing.key");
        round.write(LEFTOVER, "a leftover");
        round.mark_partial(".output.partial-cut");
        round.finish(&key, round.manifest());
        let outputs = vec![round.path("output")];
        Signed {
            round,
            key,
            outputs,
            opened: OpenedFolders::default(),
        }
    }

    fn purge(&self) -> Purge<'_> {
        Purge {
            outputs: &self.outputs,
            siblings: &[],
            opened: &self.opened,
            round_folder: self.round.folder(),
            rounds: &[],
            round_files: &[],
            unread: &[],
            written_rounds: &NO_ROUNDS,
            came_later: false,
            signing_key: &self.key,
            program: "aidlink",
            early: Some("a test"),
            other_signer: None,
            confirmed: None,
            filled_in: false,
            key_id: &key_id,
            dry_run: false,
            now: Timestamp::now(),
        }
    }

    fn plan(&self) -> PurgePlan {
        self.purge().plan(&self.outputs[0]).expect("a plan")
    }

    /// Purges to the end.
    fn run(&self) -> DeletionRecord {
        let mut purged = self.purge().run().expect("a purge");
        purged.remove(0).record
    }

    fn removal<'p>(&self, plan: &'p PurgePlan) -> Removal<'p> {
        plan.removal(&key_id)
    }

    /// Makes the first steps of a purge. Returns the files that it set aside.
    fn set_aside(&self, plan: &PurgePlan) -> Vec<SetAside> {
        let purge = self.purge();
        purge.write_journal(plan, Vec::new()).expect("writable");
        let (mut handled, mut done) = (BTreeSet::new(), Done::default());
        let set_aside = self.removal(plan).set_aside(
            &plan.remains.there,
            &self.removal(plan).lock_leftovers(),
            &ByFile::default(),
            &mut handled,
            &mut done,
        );
        let (set_aside, synced) = set_aside;
        synced.expect("a disk");
        assert_eq!(done.left, []);
        assert_eq!(set_aside.len(), FILES.len());
        set_aside
    }

    /// Returns the path in the round's folder at which a file was set aside.
    fn place(&self, aside: &SetAside) -> PathBuf {
        let folder = match aside.found.file.part {
            FilePart::Output => self.round.path("output"),
            _ => self.round.path(""),
        };
        folder.join(&aside.found.place)
    }

    /// Returns the content of every file below the round's folder, except keys and
    /// deletion records.
    fn contents(&self) -> BTreeSet<String> {
        let files = Folder::open(self.round.folder()).and_then(|folder| folder.files());
        let files = files.expect("readable").into_iter();
        let files = files.filter(|file| file.kind == aidlink_files::folder::EntryKind::File);
        let contents = files.map(|file| fs::read(self.round.path(&file.name())).expect("readable"));
        contents
            .filter_map(|content| String::from_utf8(content).ok())
            .collect()
    }

    /// Whether anything of the round's data is left.
    fn has_data(&self) -> bool {
        let contents = self.contents();
        [
            "rows",
            crate::finished_round::KEY,
            "leads",
            "rejects",
            "a leftover",
        ]
        .iter()
        .any(|data| contents.contains(*data))
    }
}

/// Returns the paths of files in a record.
fn paths(files: &[RoundFile]) -> BTreeSet<String> {
    files.iter().map(|file| file.path.clone()).collect()
}

/// Returns the path of a file of [`FILES`] in a record.
fn recorded(file: &str) -> String {
    let path = file.strip_prefix("output/").unwrap_or(file);
    path.replace("13800001234", "***")
}

fn all() -> BTreeSet<String> {
    FILES.iter().map(|file| recorded(file)).collect()
}

#[test]
fn a_purge_that_nobody_disturbs_deletes_everything() {
    let signed = Signed::new();
    let record = signed.run();
    assert_eq!(paths(&record.removed), all());
    assert!(record.removed_earlier.is_empty() && record.not_found.is_empty());
    assert_eq!(record.left, []);
    assert!(!signed.has_data());
    assert!(!signed.round.path(".output.partial-cut").exists());
    assert!(!signed.round.path("output/lists").exists());
}

#[test]
fn a_foreign_file_that_takes_the_place_of_a_checked_one_is_kept() {
    for file in FILES {
        let signed = Signed::new();
        let plan = signed.plan();
        let path = signed.round.path(file);
        fs::rename(&path, signed.round.path("moved")).expect("writable");
        signed.round.write(file, "precious");
        let purged = signed.purge().carry_out(vec![plan], &[]);
        let record = purged.expect("a purge").remove(0).record;
        assert_eq!(fs::read(&path).expect(file), b"precious");
        assert!(signed.round.path("moved").exists(), "{file}");
        let mut others = all();
        others.remove(&recorded(file));
        assert_eq!(paths(&record.removed), others, "{file}");
        let [left] = record.left.as_slice() else {
            panic!("{file}: {:?}", record.left)
        };
        assert_eq!(left.path, recorded(file));
        assert!(left.why.en.contains("was replaced or changed"), "{file}");
        assert!(!left.why.en.contains("13800001234"), "{}", left.why.en);
    }
}

#[test]
fn a_foreign_file_is_kept_even_under_the_purges_own_name() {
    for index in 0..FILES.len() {
        // The name that the file had is free, or taken by then.
        for is_taken in [false, true] {
            let signed = Signed::new();
            let plan = signed.plan();
            let set_aside = signed.set_aside(&plan);
            let place = signed.place(&set_aside[index]);
            let file = &set_aside[index].found.file;
            let from = place.with_file_name(set_aside[index].from.file_name().expect("a name"));
            let recorded = file.recorded().path;
            fs::rename(&place, signed.round.path("moved")).expect("writable");
            fs::write(&place, "precious").expect("writable");
            if is_taken {
                fs::write(&from, "more").expect("writable");
            }
            let mut done = Done::default();
            let purge = signed.purge();
            let removed = purge
                .remove(&plan, set_aside, &ByFile::default(), &mut done)
                .expect("a journal");
            // Until the records are written, it would count as deleted under its old name.
            assert_eq!(fs::read(&place).expect("kept"), b"precious", "{recorded}");
            assert_eq!(from.exists(), is_taken, "{recorded}");
            let removal = signed.removal(&plan);
            done.kept.iter().for_each(|aside| removal.restore(aside));
            let left = done.left;
            let contents = signed.contents();
            assert!(contents.contains("precious"), "{recorded}");
            assert_eq!(contents.contains("more"), is_taken, "{recorded}");
            assert!(from.exists(), "{recorded}");
            assert!(!paths(&removed).contains(&recorded), "{recorded}");
            assert!(left.iter().any(|left| left.path == recorded), "{left:?}");
        }
    }
}

/// A purge is killed after it has removed what it had set aside. Somebody wrote to one of the
/// files before, and takes it away if it has its own name again.
#[test]
fn a_changed_file_gets_its_name_back_only_with_a_record() {
    for file in FILES {
        let signed = Signed::new();
        let plan = signed.plan();
        let set_aside = signed.set_aside(&plan);
        let mut asides = set_aside.iter();
        let aside = asides.find(|aside| aside.found.file.recorded().path == recorded(file));
        let place = signed.place(aside.expect("a file"));
        fs::write(&place, "late rows").expect("writable");
        let mut done = Done::default();
        let purge = signed.purge();
        let removed = purge.remove(&plan, set_aside, &ByFile::default(), &mut done);
        assert_eq!(removed.expect("a journal").len(), FILES.len() - 1, "{file}");
        drop(plan);
        let path = signed.round.path(file);
        if path.exists() {
            fs::rename(&path, signed.round.path("taken")).expect("writable");
        }
        assert!(signed.contents().contains("late rows"), "{file}");
        let record = signed.run();
        let earlier = paths(&record.removed_earlier);
        assert!(!earlier.contains(&recorded(file)), "{file}");
        assert!(!paths(&record.removed).contains(&recorded(file)), "{file}");
        assert!(!record.left.is_empty(), "{file}");
        assert!(signed.contents().contains("late rows"), "{file}");
    }
}

/// With the journal, a file that somebody moves away from its old name would count as
/// deleted.
#[test]
fn files_get_their_names_back_only_without_a_journal() {
    for is_journaled in [true, false] {
        let signed = Signed::new();
        let plan = signed.plan();
        let set_aside = signed.set_aside(&plan);
        let places: Vec<PathBuf> = set_aside.iter().map(|aside| signed.place(aside)).collect();
        let purge = signed.purge();
        if is_journaled {
            let journaled = set_aside.iter().map(|aside| aside.found.journaled());
            let journal = purge.write_journal(&plan, journaled.collect());
            journal.expect("writable");
        } else {
            let deletions = signed.round.path("output/deletions");
            let mut journals = fs::read_dir(&deletions).expect("readable");
            let start = journals.next().expect("a journal").expect("readable");
            let start = start.file_name().into_string().expect("text");
            let taken = format!(".{start}-set-aside.partial-{}", std::process::id());
            fs::create_dir(deletions.join(taken)).expect("writable");
        }
        // The name of the journal or of its partial folder is taken.
        assert!(
            purge
                .remove(&plan, set_aside, &ByFile::default(), &mut Done::default())
                .is_err()
        );
        for place in &places {
            assert_eq!(place.exists(), is_journaled, "{}", place.display());
        }
        drop(plan);
        for (index, file) in FILES.iter().enumerate() {
            let path = signed.round.path(file);
            assert_eq!(path.exists(), !is_journaled, "{file}");
            if !is_journaled {
                let moved = signed.round.path(&format!("moved-{index}"));
                fs::rename(path, moved).expect("writable");
            }
        }
        let purged = signed.purge().run().expect("a purge");
        let record = &purged[0].record;
        assert_eq!(record.removed_earlier, []);
        let (removed, missing) = match is_journaled {
            true => (all(), BTreeSet::new()),
            false => (BTreeSet::new(), all()),
        };
        assert_eq!(paths(&record.removed), removed);
        assert_eq!(paths(&record.not_found), missing);
    }
}

/// Files that are put at the free paths while a purge runs are not its files.
#[test]
fn a_file_that_appears_while_a_purge_runs_is_kept() {
    for file in FILES {
        let signed = Signed::new();
        let plan = signed.plan();
        let set_aside = signed.set_aside(&plan);
        signed.round.write(file, "precious");
        let mut done = Done::default();
        let removed = signed
            .purge()
            .remove(&plan, set_aside, &ByFile::default(), &mut done);
        let left = done.left;
        assert_eq!(paths(&removed.expect("a journal")), all(), "{file}");
        assert_eq!(signed.round.read(file), "precious");
        assert!(!signed.has_data(), "{file}");
        // Of a leftover everything should go.
        assert_eq!(left.len(), usize::from(file == LEFTOVER), "{file}");
    }
}

#[test]
fn the_record_stays_in_the_folder_that_was_verified() {
    for before_the_first_step in [true, false] {
        let signed = Signed::new();
        let elsewhere = tempfile::tempdir().expect("a temporary folder");
        let plan = signed.plan();
        let exchange = || {
            let output = signed.round.path("output");
            fs::rename(&output, signed.round.path("away")).expect("writable");
            symlink(elsewhere.path(), &output).expect("a free name");
        };
        if before_the_first_step {
            exchange();
        }
        let set_aside = signed.set_aside(&plan);
        if !before_the_first_step {
            exchange();
        }
        drop(set_aside);
        let purged = signed.purge().carry_out(vec![plan], &[]);
        assert!(purged.is_ok());
        let there = fs::read_dir(elsewhere.path()).expect("readable").count();
        assert_eq!(there, 0);
        let records = fs::read_dir(signed.round.path("away/deletions")).expect("records");
        assert_eq!(records.count(), 1);
    }
}

/// Somebody exchanges the folder of a file for one with the same file, all the time. A
/// journal must name the folder in which the file was renamed, or a later purge would take
/// the other one, without the file, for proof of its deletion.
#[test]
fn a_file_is_set_aside_in_the_folder_that_the_journal_names() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let signed = Signed::new();
    signed.round.write("elsewhere/students.csv", "rejects");
    let (folder, elsewhere) = (
        signed.round.path("output/rejects"),
        signed.round.path("elsewhere"),
    );
    let plan = signed.plan();
    let removal = signed.removal(&plan);
    let mut found = plan.remains.there.iter();
    let found = found.find(|found| found.file.path == "rejects/education.csv");
    let found = found.expect("a file");
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let ordering = std::sync::atomic::Ordering::Relaxed;
    let exchange = || renameat_with(CWD, &folder, CWD, &elsewhere, RenameFlags::EXCHANGE).is_ok();
    if !exchange() {
        // The file system cannot do it.
        return;
    }
    let aside_path = aside_place(&found.file, &found.place);
    let aside = aside_path.file_name().expect("a name");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(ordering) && exchange() {
                std::hint::spin_loop();
            }
        });
        for _ in 0..20_000 {
            let set_aside =
                removal.set_one_aside(found, aside_path.clone(), false, &mut Unsynced::default());
            let named: Vec<FolderMark> = [&folder, &elsewhere, &folder, &elsewhere]
                .into_iter()
                .filter_map(|path| Folder::open(path).ok())
                .filter(|folder| folder.kind(Path::new(aside)).is_ok())
                .filter_map(|folder| folder.mark().ok())
                .collect();
            if let Ok(set_aside) = &set_aside {
                let is_named = named.iter().all(|mark| *mark == set_aside.found.folder);
                if !is_named {
                    is_done.store(true, ordering);
                    panic!("the file was renamed in another folder");
                }
            }
            for path in [&folder, &elsewhere] {
                let _ = fs::rename(path.join(aside), path.join("students.csv"));
            }
        }
        is_done.store(true, ordering);
    });
}

/// A purge of two output folders was killed before it removed the first file, and the
/// folder of a common input was moved away.
#[test]
fn a_common_input_that_was_moved_away_is_missing_for_no_output() {
    for kept in [0, 1] {
        let mut signed = Signed::new();
        let other = second_output(&signed);
        let plan = signed.plan();
        let set_aside = signed.set_aside(&plan);
        let journaled = set_aside.iter().map(|aside| aside.found.journaled());
        let journal = signed.purge().write_journal(&plan, journaled.collect());
        journal.expect("writable");
        drop((plan, set_aside));
        signed.outputs.push(other);
        let both = signed.outputs.clone();
        let (exports, away) = (signed.round.path("exports"), signed.round.path("away"));
        fs::rename(&exports, &away).expect("writable");
        let export = "exports/students.csv".to_owned();
        // First both, then each alone.
        for outputs in [both.clone(), vec![both[0].clone()], vec![both[1].clone()]] {
            signed.outputs = outputs;
            for purged in signed.purge().run().expect("a purge") {
                let record = purged.record;
                // Only the first output's record has the key.
                let not_found = paths(&record.not_found);
                assert!(!not_found.contains(&export), "{not_found:?}");
                let left = record.left.iter().map(|left| left.path.clone());
                assert_eq!(left.collect::<Vec<_>>(), std::slice::from_ref(&export));
                assert!(record.removed_earlier.is_empty());
            }
        }
        fs::rename(&away, &exports).expect("writable");
        signed.outputs = vec![both[kept].clone()];
        let record = signed.run();
        assert_eq!(paths(&record.removed), [export].into());
        signed.outputs = both;
        for purged in signed.purge().run().expect("a purge") {
            assert!(purged.record.not_found.is_empty() && purged.record.left.is_empty());
        }
        assert!(!signed.has_data());
    }
}

/// A purge was killed; another output's purge has seen the inputs since, and left them; a third one
/// set them aside, removed them, and was killed. That came last.
#[test]
fn what_a_purge_set_aside_after_a_statement_that_it_was_left_counts_as_deleted() {
    let mut signed = Signed::new();
    let other = second_output(&signed);
    let first = signed.outputs[0].clone();
    // The first one, killed before it removed anything.
    let plan = signed.plan();
    let set_aside = signed.set_aside(&plan);
    let journaled = set_aside.iter().map(|aside| aside.found.journaled());
    let journal = signed.purge().write_journal(&plan, journaled.collect());
    journal.expect("writable");
    for aside in &set_aside {
        signed.removal(&plan).restore(aside);
    }
    drop((plan, set_aside));
    // The second one, of the other output.
    let inputs = ["exports/students.csv", "round.key"];
    let kept: Vec<String> = inputs.iter().map(|path| signed.round.read(path)).collect();
    inputs
        .iter()
        .for_each(|path| signed.round.write(path, "changed"));
    signed.outputs = vec![other.clone()];
    let record = signed.run();
    let left = record.left.iter().map(|left| left.path.clone());
    assert_eq!(left.collect::<Vec<_>>(), inputs);
    for (path, content) in inputs.iter().zip(&kept) {
        signed.round.write(path, content);
    }
    // The third one, killed before its record.
    signed.outputs = vec![first.clone()];
    let plan = signed.plan();
    let set_aside = signed.set_aside(&plan);
    let journaled = set_aside.iter().map(|aside| aside.found.journaled());
    let journal = signed.purge().write_journal(&plan, journaled.collect());
    journal.expect("writable");
    for aside in &set_aside {
        let removed = signed
            .removal(&plan)
            .remove_one(aside, &mut Unsynced::default());
        assert!(matches!(removed, Ok(1)));
    }
    drop((plan, set_aside));
    signed.outputs = vec![first, other];
    for purged in signed.purge().run().expect("a purge") {
        let record = purged.record;
        assert!(record.not_found.is_empty(), "{:?}", record.not_found);
        let earlier = paths(&record.removed_earlier);
        for input in inputs {
            assert!(earlier.contains(input), "{input} {earlier:?}");
        }
    }
}

/// The inputs, by their paths in the round's folder.
const INPUTS: [&str; 2] = ["exports/students.csv", "round.key"];

/// Makes a purge of the first output that removes all files and is killed before its record.
fn kill_before_the_record(signed: &Signed, purge: &Purge<'_>) {
    let plan = purge.plan(&signed.outputs[0]).expect("a plan");
    let removal = signed.removal(&plan);
    purge.write_journal(&plan, Vec::new()).expect("writable");
    let set_aside = removal.set_aside(
        &plan.remains.there,
        &removal.lock_leftovers(),
        &ByFile::default(),
        &mut BTreeSet::new(),
        &mut Done::default(),
    );
    let (set_aside, _) = set_aside;
    let journaled = set_aside.iter().map(|aside| aside.found.journaled());
    let journal = purge.write_journal(&plan, journaled.collect());
    journal.expect("writable");
    for aside in &set_aside {
        let removed = removal.remove_one(aside, &mut Unsynced::default());
        assert!(matches!(removed, Ok(1)));
    }
}

/// Copies a folder. No program does it: until it has started, it would hold the locks of the purges
/// of other tests.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a free name");
    for entry in fs::read_dir(from).expect("readable") {
        let from = entry.expect("readable").path();
        let to = to.join(from.file_name().expect("a name"));
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            fs::copy(&from, &to).expect("writable");
        }
    }
}

/// Returns a second output folder of the round.
fn second_output(signed: &Signed) -> PathBuf {
    let other = signed.round.path("other");
    copy_folder(&signed.outputs[0], &other);
    other
}

/// A purge sees the inputs again, which have other content, and leaves them. Then they are as
/// they were.
fn see_inputs(signed: &mut Signed, purged: &Path) {
    let kept = std::mem::replace(&mut signed.outputs, vec![purged.to_path_buf()]);
    for input in INPUTS {
        signed.round.write(input, "changed");
    }
    let left = signed.run().left;
    assert_eq!(left.iter().filter(|left| left.is_seen()).count(), 2);
    signed.outputs = kept;
    for (input, content) in INPUTS.iter().zip(["rows", crate::finished_round::KEY]) {
        signed.round.write(input, content);
    }
}

/// What hides an input from a purge.
#[derive(Clone, Copy, Debug)]
enum Hiding {
    /// Its folder is not here.
    FolderAway,
    /// It was moved, and a link is in its place.
    Link,
    /// It was moved, and a folder is in its place.
    Folder,
}

/// A purge was killed, another output's purge has seen an input since, and one that comes later
/// cannot look for it, whether or not it knows what the other one has seen.
#[test]
fn what_a_purge_has_seen_is_not_kept_as_set_aside_by_one_that_cannot_look() {
    for hiding in [Hiding::FolderAway, Hiding::Link, Hiding::Folder] {
        for between in [&[0][..], &[0, 1], &[0, 0, 1, 0]] {
            let mut signed = Signed::new();
            let other = second_output(&signed);
            kill_before_the_record(&signed, &signed.purge());
            see_inputs(&mut signed, &other);
            let both = [signed.outputs[0].clone(), other];
            let (export, taken) = (signed.round.path(INPUTS[0]), signed.round.path("taken"));
            let folder = export.parent().expect("a folder").to_path_buf();
            let away = signed.round.path("away");
            match hiding {
                Hiding::FolderAway => fs::rename(&folder, &away).expect("writable"),
                Hiding::Link | Hiding::Folder => {
                    fs::rename(&export, &taken).expect("writable");
                }
            }
            match hiding {
                Hiding::FolderAway => {}
                Hiding::Link => symlink(&taken, &export).expect("a free name"),
                Hiding::Folder => fs::create_dir(&export).expect("a free name"),
            }
            for count in between {
                signed.outputs = both[..=*count].to_vec();
                for purged in signed.purge().run().expect("a purge") {
                    let mut left = purged.record.left.iter().map(|left| left.path.as_str());
                    assert!(left.any(|left| left == INPUTS[0]), "{hiding:?}");
                }
            }
            match hiding {
                Hiding::FolderAway => {
                    fs::rename(&away, &folder).expect("writable");
                    fs::rename(&export, &taken).expect("writable");
                }
                Hiding::Link => fs::remove_file(&export).expect("a link"),
                Hiding::Folder => fs::remove_dir(&export).expect("a folder"),
            }
            signed.outputs = both.to_vec();
            for purged in signed.purge().run().expect("a purge") {
                let record = purged.record;
                let (earlier, missing) = (&record.removed_earlier, &record.not_found);
                assert!(!paths(earlier).contains(INPUTS[0]), "{hiding:?} {record:?}");
                assert!(paths(missing).contains(INPUTS[0]), "{hiding:?} {record:?}");
            }
            assert!(taken.exists());
        }
    }
}

/// The record of the same output says that it was seen, and a person looks after it.
#[test]
fn what_a_record_has_seen_in_the_place_of_a_file_ends_what_a_killed_purge_said() {
    for is_link in [true, false] {
        let signed = Signed::new();
        kill_before_the_record(&signed, &signed.purge());
        let export = signed.round.path(INPUTS[0]);
        let archive = signed.round.path("archive");
        fs::write(&archive, "rows").expect("writable");
        match is_link {
            true => symlink(&archive, &export).expect("a free name"),
            false => {
                fs::create_dir(&export).expect("a free name");
                fs::rename(&archive, export.join("archive")).expect("writable");
            }
        }
        for _ in 0..2 {
            let record = signed.run();
            let [left] = record.left.as_slice() else {
                panic!("{:?}", record.left)
            };
            assert!(left.path == INPUTS[0] && left.is_seen(), "{left:?}");
        }
        match is_link {
            true => fs::remove_file(&export).expect("a link"),
            false => fs::remove_dir_all(&export).expect("a folder"),
        }
        let record = signed.run();
        assert!(record.removed_earlier.is_empty(), "{record:?}");
        assert_eq!(paths(&record.not_found), [INPUTS[0].to_owned()].into());
    }
}

/// What certainly is not the file, and does not lead to it, ends nothing.
#[test]
fn what_cannot_be_the_file_ends_nothing_that_a_killed_purge_said() {
    for is_link in [true, false] {
        let signed = Signed::new();
        kill_before_the_record(&signed, &signed.purge());
        let export = signed.round.path(INPUTS[0]);
        match is_link {
            true => symlink("nowhere", &export).expect("a free name"),
            false => fs::create_dir(&export).expect("a free name"),
        }
        for _ in 0..2 {
            let record = signed.run();
            let [left] = record.left.as_slice() else {
                panic!("{:?}", record.left)
            };
            assert!(left.path == INPUTS[0] && !left.is_seen(), "{left:?}");
        }
        match is_link {
            true => fs::remove_file(&export).expect("a link"),
            false => fs::remove_dir(&export).expect("a folder"),
        }
        let record = signed.run();
        let earlier = paths(&record.removed_earlier);
        assert_eq!(earlier, [INPUTS[0].to_owned()].into(), "{record:?}");
        assert!(record.not_found.is_empty(), "{record:?}");
    }
}

/// Nobody has seen it since: then the killed purge removed it, however often nobody could look.
#[test]
fn what_a_killed_purge_removed_counts_after_any_number_of_purges_that_cannot_look() {
    let signed = Signed::new();
    kill_before_the_record(&signed, &signed.purge());
    let (exports, away) = (signed.round.path("exports"), signed.round.path("away"));
    fs::rename(&exports, &away).expect("writable");
    for _ in 0..3 {
        let record = signed.run();
        let left = record.left.iter().map(|left| left.path.as_str());
        assert_eq!(left.collect::<Vec<_>>(), [INPUTS[0]]);
        assert!(!record.left[0].is_seen());
    }
    fs::rename(&away, &exports).expect("writable");
    let record = signed.run();
    assert_eq!(
        paths(&record.removed_earlier),
        [INPUTS[0].to_owned()].into()
    );
    assert!(record.left.is_empty() && record.not_found.is_empty());
}

/// A purge with another key goes on with what a killed one began, or with what it had deleted
/// itself before, and is killed. Another output's purge has seen the inputs before that.
#[test]
fn what_another_key_set_aside_after_a_purge_has_seen_it_is_left_for_that_key() {
    for is_by_other_before in [true, false] {
        let mut signed = Signed::new();
        let other = second_output(&signed);
        let key = signed.round.key("other.key");
        let by_other = |signed: &Signed, is_killed: bool| {
            let purge = Purge {
                signing_key: &key,
                other_signer: Some("lost"),
                ..signed.purge()
            };
            match is_killed {
                true => kill_before_the_record(signed, &purge),
                false => drop(purge.run().expect("a purge")),
            }
        };
        match is_by_other_before {
            true => by_other(&signed, false),
            false => kill_before_the_record(&signed, &signed.purge()),
        }
        see_inputs(&mut signed, &other);
        by_other(&signed, true);
        signed.outputs.push(other);
        let purged = signed.purge().run().expect("a purge").remove(0);
        let record = purged.record;
        for input in INPUTS {
            let mut left = record.left.iter().filter(|left| left.path == input);
            let left = left.next().expect("left").why.en.as_str();
            assert!(left.contains("another key"), "{input}: {left}");
            assert!(!paths(&record.not_found).contains(input), "{input}");
        }
    }
}

#[test]
fn a_purge_holds_the_lock_of_the_inputs_that_outputs_share() {
    let signed = Signed::new();
    let purge = signed.purge();
    let lock = lock_round_folder(purge.round_folder, purge.dry_run);
    if !matches!(lock, Ok(Some(_))) {
        // The file system has no locks.
        return;
    }
    let refused = signed.purge().run().err().expect("a fault");
    let fault = refused.iter().next().expect("a fault");
    assert!(fault.message.en.contains("another purge is running"));
    drop(lock);
    signed.run();
}

/// A step after which a purge is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Killed {
    /// It has written the first journal.
    Journal,
    /// It has set aside this many files.
    SettingAside(usize),
    /// It has written the second journal and removed this many files.
    Removing(usize),
}

#[test]
fn a_killed_purge_is_finished_and_every_file_is_accounted_for() {
    let counts = 1..=FILES.len();
    let moments = [Killed::Journal, Killed::Removing(0)]
        .into_iter()
        .chain(counts.clone().map(Killed::SettingAside))
        .chain(counts.map(Killed::Removing));
    for killed in moments {
        let signed = Signed::new();
        let plan = signed.plan();
        let purge = signed.purge();
        match killed {
            Killed::Journal => {
                purge.write_journal(&plan, Vec::new()).expect("writable");
            }
            Killed::SettingAside(count) => {
                let set_aside = signed.set_aside(&plan);
                for aside in set_aside.iter().skip(count) {
                    signed.removal(&plan).restore(aside);
                }
            }
            Killed::Removing(count) => {
                let set_aside = signed.set_aside(&plan);
                let journaled = set_aside
                    .iter()
                    .map(|aside| aside.found.journaled())
                    .collect();
                purge.write_journal(&plan, journaled).expect("writable");
                for aside in set_aside.iter().take(count) {
                    let removed = signed
                        .removal(&plan)
                        .remove_one(aside, &mut Unsynced::default());
                    assert!(matches!(removed, Ok(1)));
                }
            }
        }
        drop(plan);
        let record = signed.run();
        let removed = paths(&record.removed);
        let earlier = paths(&record.removed_earlier);
        assert!(removed.is_disjoint(&earlier), "{killed:?}");
        assert_eq!(&removed | &earlier, all(), "{killed:?}");
        let expected = match killed {
            Killed::Removing(count) => count,
            _ => 0,
        };
        assert_eq!(earlier.len(), expected, "{killed:?}");
        assert_eq!(record.left, [], "{killed:?}");
        assert!(record.not_found.is_empty(), "{killed:?}");
        assert!(!signed.has_data(), "{killed:?}");
        assert!(
            !signed.round.path(".output.partial-cut").exists(),
            "{killed:?}"
        );
        let deletions = fs::read_dir(signed.round.path("output/deletions"));
        assert_eq!(deletions.expect("a record").count(), 1, "{killed:?}");
    }
}

#[test]
fn a_file_that_somebody_takes_from_a_killed_purge_does_not_count_as_deleted() {
    for file in FILES {
        let signed = Signed::new();
        let plan = signed.plan();
        signed
            .purge()
            .write_journal(&plan, Vec::new())
            .expect("writable");
        drop(plan);
        fs::rename(signed.round.path(file), signed.round.path("moved")).expect("writable");
        let record = signed.run();
        let mut others = all();
        others.remove(&recorded(file));
        assert_eq!(paths(&record.removed), others, "{file}");
        assert!(record.removed_earlier.is_empty(), "{file}");
        let not_found = BTreeSet::from([recorded(file)]);
        assert_eq!(paths(&record.not_found), not_found, "{file}");
        assert!(signed.round.path("moved").exists());
    }
}

#[test]
fn a_file_under_the_purges_own_name_is_deleted_only_if_it_is_the_rounds() {
    for index in 0..4 {
        let signed = Signed::new();
        let plan = signed.plan();
        let set_aside = signed.set_aside(&plan);
        let place = signed.place(&set_aside[index]);
        let recorded = set_aside[index].found.file.recorded().path;
        drop((plan, set_aside));
        fs::rename(&place, signed.round.path("moved")).expect("writable");
        fs::write(&place, "precious").expect("writable");
        let record = signed.run();
        assert_eq!(fs::read(&place).expect("kept"), b"precious", "{recorded}");
        assert_eq!(record.left.len(), 1, "{recorded}");
        assert!(!paths(&record.removed).contains(&recorded));
        assert!(paths(&record.not_found).contains(&recorded), "{recorded}");
    }
}

/// A purge is killed after it has written its record, while it removes the journals.
#[test]
fn journals_that_a_killed_purge_did_not_remove_are_removed_by_the_next() {
    let signed = Signed::new();
    let plan = signed.plan();
    drop(signed.set_aside(&plan));
    let journals = signed.round.path("output/deletions");
    let journal = fs::read_dir(&journals).expect("a journal").next();
    let journal = journal.expect("a journal").expect("readable").path();
    let copy = signed.round.path("journal");
    fs::rename(&journal, &copy).expect("writable");
    drop(plan);
    signed.run();
    for name in [journal, journals.join(".under-way-2027.partial-1")] {
        fs::create_dir(&name).expect("writable");
        for file in fs::read_dir(&copy).expect("readable") {
            let file = file.expect("readable");
            fs::copy(file.path(), name.join(file.file_name())).expect("writable");
        }
    }
    // Other bytes under the name of a journal stay, and the purge refuses.
    let foreign = journals.join("under-way-2027/deletion-journal.json");
    fs::create_dir(foreign.parent().expect("a folder")).expect("writable");
    fs::write(&foreign, "precious").expect("writable");
    assert!(signed.purge().run().is_err());
    assert!(foreign.exists());
    fs::remove_dir_all(foreign.parent().expect("a folder")).expect("writable");
    let purged = signed.purge().run().expect("a purge");
    assert!(purged[0].nothing_left);
    let left = fs::read_dir(&journals).expect("readable").count();
    assert_eq!(left, 1, "the record");
}

/// Of two names that are both to be deleted, none remains.
#[test]
fn only_names_outside_the_round_count_as_other_names() {
    for (outside, expected) in [(false, 0), (true, 1)] {
        let signed = Signed::new();
        let leftover = signed.round.path(".output.partial-cut/list.csv");
        let list = signed.round.path("output").join(LIST);
        fs::hard_link(&list, leftover).expect("a link");
        if outside {
            fs::hard_link(&list, signed.round.path("elsewhere.csv")).expect("a link");
        }
        let planned = signed.plan().remains.there;
        let record = signed.run();
        let files = planned.iter().map(|found| found.file.recorded());
        for files in [files.collect(), record.removed] {
            let files: Vec<RoundFile> = files;
            assert_eq!(files.len(), FILES.len() + 1);
            for file in files {
                let is_linked = file.path == LIST || file.path.ends_with("/list.csv");
                let expected = if is_linked { expected } else { 0 };
                assert_eq!(file.other_names, expected, "{}", file.path);
            }
        }
    }
}

#[test]
fn a_file_outside_the_rounds_folder_is_reported_by_one_record() {
    let round = FinishedRound::new();
    let key = round.key("signing.key");
    let mut manifest = round.manifest();
    if let Some(key) = &mut manifest.key {
        key.file = None;
    }
    round.finish(&key, manifest);
    let outputs = vec![round.path("output")];
    let signed = Signed {
        round,
        key,
        outputs,
        opened: OpenedFolders::default(),
    };
    let record = signed.run();
    let [left] = record.left.as_slice() else {
        panic!("{:?}", record.left)
    };
    assert_eq!(left.part, FilePart::Key);
    assert!(left.why.en.contains("outside the round's folder"));
    let again = signed.purge().run().expect("a purge");
    assert!(again[0].nothing_left);
    let deletions = fs::read_dir(signed.round.path("output/deletions"));
    assert_eq!(deletions.expect("a record").count(), 1);
    assert!(Path::new(&signed.outputs[0]).join("manifest.json").exists());
}

/// One output read a file from outside the round's folder, another one a file of the same name and
/// content in it.
#[test]
fn a_file_in_the_folder_is_recorded_although_one_outside_has_its_name() {
    let mut signed = Signed::new();
    signed.round.write("leads.age", "leads for us");
    let digest = blake3::hash(b"leads for us").to_hex().to_string();
    let received = |path: Option<&str>| crate::manifest::Received {
        file: Some("leads.age".to_owned()),
        path: path.map(str::to_owned),
        blake3: Some(digest.clone()),
        plain_blake3: String::new(),
        plain_bytes: 12,
        ..crate::manifest::Received::default()
    };
    let manifest = |path| {
        let mut manifest = signed.round.manifest();
        manifest.received.push(received(path));
        manifest
    };
    signed
        .round
        .finish(&signed.key, manifest(Some("leads.age")));
    let inside = signed.round.path("inside");
    fs::rename(&signed.outputs[0], &inside).expect("writable");
    fs::create_dir_all(signed.round.path("output/lists/for-review")).expect("writable");
    for path in [LIST, "rejects/education.csv", "summary.json"] {
        let to = signed.outputs[0].join(path);
        fs::create_dir_all(to.parent().expect("a parent")).expect("writable");
        fs::copy(inside.join(path), to).expect("readable");
    }
    signed.round.finish(&signed.key, manifest(None));
    signed.outputs.push(inside.clone());
    let purged = signed.purge().run().expect("a purge");
    assert!(!signed.round.path("leads.age").exists());
    let [outside, inside] = purged.as_slice() else {
        panic!("two outputs");
    };
    let is_leads = |path: &str| path == "leads.age";
    assert!(
        inside
            .record
            .removed
            .iter()
            .any(|file| is_leads(&file.path))
    );
    assert!(!inside.record.left.iter().any(|left| is_leads(&left.path)));
    assert!(
        !outside
            .record
            .removed
            .iter()
            .any(|file| is_leads(&file.path))
    );
    assert!(outside.record.left.iter().any(|left| is_leads(&left.path)));
    let records = [&outside.record, &inside.record];
    let accounted = crate::accounted::Accounted::of(records);
    let file = inside
        .record
        .removed
        .iter()
        .find(|file| is_leads(&file.path));
    assert!(accounted.has(file.expect("the file")));
}
