//! What journals and records state of the files of an output folder.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use aidlink_faults::text::Text;
use jiff::Timestamp;

use crate::accounted::{Accounted, Recorded};
use crate::deletion_record::{
    DeletionRecord, FilePart, Journal, Journals, PROVES_NOTHING, PlacedFile, RoundFile,
};
use crate::open_leftovers::OpenLeftovers;
use crate::signing::PublicKey;

/// A file of a journal that counts.
#[derive(Clone)]
pub(super) struct Journaled {
    pub(super) placed: PlacedFile,
    /// Whether the purge had set it aside, so that it may have removed it.
    pub(super) is_set_aside: bool,
    /// The number of its journal, among those of its output folder.
    pub(super) journal: usize,
    /// When the purge began; of a file that it had not set aside, when the first of those that were
    /// interrupted began.
    pub(super) begun_at: Timestamp,
}

/// What a document that proves nothing here says of a file.
#[derive(Clone)]
pub(super) struct Claim {
    pub(super) file: RoundFile,
    /// When it was deleted or set aside, as the document says.
    pub(super) at: Timestamp,
    /// Why nobody may call the file missing.
    pub(super) why: Rc<Text>,
    /// Whether a person may confirm it: this office signed it, for another copy of the folder or
    /// another round.
    pub(super) can_be_confirmed: bool,
}

/// An input that a purge removed, as a valid record says.
#[derive(Clone)]
struct RemovedInput {
    file: RoundFile,
    /// When the purge began, and when it ended.
    begun_at: Timestamp,
    at: Timestamp,
    /// Whether the manifest's key signed the record.
    is_by_own_key: bool,
}

/// What journals and records state of files.
#[derive(Clone, Default)]
pub(super) struct Stated {
    /// The files of journals that count.
    pub(super) journaled: Vec<Journaled>,
    /// The number of these journals.
    journals: usize,
    /// The files for which valid records account, with the record.
    removed: Vec<(RoundFile, Recorded)>,
    /// The files that valid records list as left, with the record.
    left: Vec<(RoundFile, Recorded)>,
    /// When the purges began of which journals count.
    begun_at: BTreeSet<Timestamp>,
    /// The inputs that purges removed, as valid records say.
    removed_by: Vec<RemovedInput>,
    /// The inputs that a killed purge of this output had removed for one of another round, with the
    /// end of the purge in that one's record.
    pub(super) removed_beside: Vec<(RoundFile, Timestamp)>,
    /// What documents of other keys list as removed or set aside, or records of another copy of
    /// the folder, or of an output of another round, as removed.
    pub(super) by_others: Vec<Claim>,
    /// The leftovers of interrupted runs that no valid record accounts for.
    pub(super) open: OpenLeftovers,
}

impl Stated {
    /// Gathers what the documents of an output folder state. `records` are its valid records,
    /// and `elsewhere` those of another folder, of which this one may be a copy.
    pub(super) fn of(
        journals: &Journals,
        records: &[DeletionRecord],
        elsewhere: &[DeletionRecord],
    ) -> Self {
        let mut stated = Stated {
            open: OpenLeftovers::of(records),
            ..Stated::default()
        };
        for journal in &journals.counted {
            stated.add(journal);
        }
        for record in records {
            let removed = record.accounted().cloned();
            stated
                .removed
                .extend(removed.map(|file| (file, Recorded::by(record))));
            let inputs = record.all_removed().filter(|file| file.is_input());
            stated.removed_by.extend(inputs.map(|file| RemovedInput {
                file: file.clone(),
                begun_at: record.begun_at,
                at: record.completed_at,
                is_by_own_key: record.other_signer.is_none(),
            }));
            let left = record.left.iter();
            let left = left.filter(|left| !left.is_of_no_manifest());
            stated
                .left
                .extend(left.map(|left| (left.file(), Recorded::leaving(record, left))));
        }
        for record in elsewhere {
            let why = Rc::new(recorded_elsewhere(record.completed_at));
            let files = record.all_removed();
            // Nobody knows whether what an interrupted run left there was ever here.
            let files = files.filter(|file| file.part != FilePart::CutOff).cloned();
            stated.by_others.extend(files.map(|file| Claim {
                file,
                at: record.completed_at,
                why: why.clone(),
                can_be_confirmed: true,
            }));
        }
        for document in &journals.by_others {
            let why = Rc::new(match document.is_record {
                true => recorded_by_another(&document.public_key, document.at),
                false => set_aside_by_another(&document.public_key),
            });
            // That a file was there again counts, whoever says it.
            let seen = document.seen.iter().cloned();
            let by = Recorded::seen_by_another(document.at, &document.public_key);
            stated.left.extend(seen.map(|file| (file, by.clone())));
            let files = document.files.iter().cloned();
            stated.by_others.extend(files.map(|file| Claim {
                file,
                at: document.at,
                why: why.clone(),
                can_be_confirmed: false,
            }));
        }
        stated
    }

    /// Gathers what the documents of an output folder that the purge does not name state of inputs.
    /// Of what other keys signed only what their purges have seen counts.
    pub(super) fn of_neighbour(journals: &Journals, records: &[DeletionRecord]) -> Self {
        Stated {
            by_others: Vec::new(),
            ..Stated::of(journals, records, &[])
        }
    }

    /// Adds the files of a journal.
    pub(super) fn add(&mut self, journal: &Journal) {
        let number = self.journals;
        self.journals += 1;
        self.begun_at.insert(journal.begun_at);
        for (files, is_set_aside) in [(&journal.there, false), (&journal.set_aside, true)] {
            self.journaled.extend(files.iter().map(|placed| Journaled {
                placed: placed.clone(),
                is_set_aside,
                journal: number,
                begun_at: match is_set_aside {
                    true => journal.set_aside_at(),
                    false => journal.begun_at,
                },
            }));
        }
    }

    /// Returns the files for which valid records account.
    pub(super) fn accounted(&self) -> Accounted {
        let mut accounted = Accounted::default();
        for (file, by) in &self.removed {
            accounted.add_removed(file, by.clone());
        }
        for (file, by) in &self.left {
            accounted.add_left(file, by.clone());
        }
        accounted
    }

    /// Returns the files of the journals that count.
    pub(super) fn journaled(&self) -> Vec<PlacedFile> {
        self.journaled
            .iter()
            .map(|journaled| journaled.placed.clone())
            .collect()
    }

    /// Returns the files that a purge had set aside, as far as a document says, whoever signed
    /// it.
    pub(super) fn set_aside(&self) -> impl Iterator<Item = &RoundFile> {
        let journaled = self.journaled.iter();
        let journaled = journaled.filter(|journaled| journaled.is_set_aside);
        let journaled = journaled.map(|journaled| &journaled.placed.file);
        journaled.chain(self.by_others.iter().map(|claim| &claim.file))
    }

    /// Returns the leftovers of which one journal lists several equal ones as set aside, with the
    /// most that one does, and their entries. In records their names differ only in a number that
    /// is blacked out.
    pub(super) fn equal_leftovers(&self) -> BTreeMap<RoundFile, (usize, Vec<&Journaled>)> {
        let journaled = self.journaled.iter();
        let set_aside = journaled.filter(|journaled| journaled.is_set_aside);
        let mut by_file: BTreeMap<RoundFile, Vec<&Journaled>> = BTreeMap::new();
        for journaled in set_aside {
            let file = journaled.placed.file.recorded();
            if file.part == FilePart::CutOff {
                let file = RoundFile {
                    other_names: 0,
                    ..file
                };
                by_file.entry(file).or_default().push(journaled);
            }
        }
        let equal = by_file.into_iter().map(|(file, entries)| {
            let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
            for entry in &entries {
                *counts.entry(entry.journal).or_default() += 1;
            }
            let most = counts.into_values().max().unwrap_or_default();
            (file, (most, entries))
        });
        equal.filter(|(_, (most, _))| *most > 1).collect()
    }

    /// Returns all files of which something is stated, except those that records account for.
    pub(super) fn files(&self) -> impl Iterator<Item = &RoundFile> {
        let journaled = self.journaled.iter();
        let journaled = journaled.map(|journaled| &journaled.placed.file);
        let open = self.open.files().map(|leftover| &leftover.file);
        journaled
            .chain(self.by_others.iter().map(|claim| &claim.file))
            .chain(open)
    }

    /// Adds what is stated of inputs in an output folder of another round, or with another key, of
    /// this office. It counts less: an equal file may have been there before this output's. So it
    /// only counts what a purge did after `ran_at`, when this output was written. `is_it` says
    /// whether the manifest of this one names a file, with its content.
    pub(super) fn add_of_another_round(
        &mut self,
        other: &Stated,
        ran_at: Timestamp,
        is_it: impl Fn(&RoundFile) -> bool,
    ) {
        let recorded = other.accounted();
        let counts = |file: &RoundFile, began_at: Timestamp, at: Timestamp| {
            let is_seen = || recorded.is_seen_since(file, at);
            file.is_input() && began_at > ran_at && is_it(file) && !is_seen()
        };
        let set_aside = other.journaled.iter().filter(|journaled| {
            let at = journaled.begun_at;
            journaled.is_set_aside && counts(&journaled.placed.file, at, at)
        });
        self.journaled.extend(set_aside.cloned());
        // The purge was killed before it had written the record of this output.
        let removed = other.removed_by.iter().filter(|removed| {
            let (begun_at, at) = (removed.begun_at, removed.at);
            removed.is_by_own_key
                && self.begun_at.contains(&begun_at)
                && counts(&removed.file, begun_at, at)
        });
        let removed = removed.map(|removed| (removed.file.clone(), removed.at));
        self.removed_beside.extend(removed);
        self.claim_removed_beside(other, ran_at, is_it);
    }

    /// Adds what records in an output folder of another round, or with another key, of this office
    /// say that purges had removed by a time after `ran_at`. The folder may have been put beside
    /// this one, so a person must confirm it. `is_it` is as in [`Stated::add_of_another_round`].
    pub(super) fn claim_removed_beside(
        &mut self,
        other: &Stated,
        ran_at: Timestamp,
        is_it: impl Fn(&RoundFile) -> bool,
    ) {
        let removed = other.removed_by.iter();
        // A purge that was killed may have begun before, and have been finished since.
        let removed = removed.filter(|removed| removed.at > ran_at && is_it(&removed.file));
        self.by_others.extend(removed.map(|removed| Claim {
            file: removed.file.clone(),
            at: removed.at,
            why: Rc::new(recorded_beside(removed.at)),
            can_be_confirmed: true,
        }));
    }

    /// Adds what is stated of inputs elsewhere, in another output folder of the round.
    /// `is_named` says whether the manifest of this one names a file.
    pub(super) fn add_inputs(&mut self, other: &Stated, is_named: impl Fn(&RoundFile) -> bool) {
        let is_shared = |file: &RoundFile| file.is_input() && is_named(file);
        let journaled = other.journaled.iter();
        let journaled = journaled.filter(|journaled| is_shared(&journaled.placed.file));
        self.journaled.extend(journaled.cloned());
        for (own, others) in [
            (&mut self.removed, &other.removed),
            (&mut self.left, &other.left),
        ] {
            let shared = others.iter().filter(|(file, _)| is_shared(file));
            own.extend(shared.cloned());
        }
        let by_others = other.by_others.iter();
        self.by_others
            .extend(by_others.filter(|claim| is_shared(&claim.file)).cloned());
    }
}

fn key_id(public_key: &str) -> String {
    PublicKey::parse(public_key).map_or_else(String::new, |key| key.id())
}

fn set_aside_by_another(public_key: &str) -> Text {
    let key = key_id(public_key);
    Text::new(
        format!(
            "用另一把私钥（公钥 {key}）签署的、中断的 purge 曾处理此文件，本私钥不能据此确认已删除；请用那把私钥（--signing-key）和 --other-signer 重新运行 purge"
        ),
        format!(
            "an interrupted purge that another key (public key {key}) signs was deleting it, and {PROVES_NOTHING} to a purge with this key: run `purge` again with that key (--signing-key) and --other-signer"
        ),
    )
}

fn recorded_by_another(public_key: &str, at: Timestamp) -> Text {
    let key = key_id(public_key);
    Text::new(
        format!(
            "{at} 的删除记录称已删除，但由另一把私钥（公钥 {key}）签署，本私钥不能据此确认：须由人与会议记录核对"
        ),
        format!(
            "the deletion record of {at} says that it was deleted, but another key (public key {key}) signed it, and {PROVES_NOTHING} to a purge with this key: a person must compare it with the minutes"
        ),
    )
}

fn recorded_beside(at: Timestamp) -> Text {
    Text::new(
        format!(
            "{at} 的删除记录称已删除，但写于本单位另一轮次的输出文件夹，不能据此确认：须由人与会议记录核对，核实后用 --confirm-deleted 写明。今后请指明轮次文件所在的文件夹，使各输出文件夹一并删除并各有记录"
        ),
        format!(
            "the deletion record of {at} says that it was deleted, but in an output folder of another round of this office, and {PROVES_NOTHING} here: a person must compare it with the minutes, and then say so with --confirm-deleted. Name the folder of the round file from now on, so that all its output folders are purged together and each has a record"
        ),
    )
}

fn recorded_elsewhere(at: Timestamp) -> Text {
    Text::new(
        format!(
            "{at} 的删除记录称已删除，但写于另一文件夹，本文件夹可能是其副本，不能据此确认在此处已删除：须由人与会议记录核对，核实后用 --confirm-deleted 写明"
        ),
        format!(
            "the deletion record of {at} says that it was deleted, but in another folder, of which this one may be a copy, and {PROVES_NOTHING} here: a person must compare it with the minutes, and then say so with --confirm-deleted"
        ),
    )
}
