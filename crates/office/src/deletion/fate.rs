//! Decides what became of each file that should be gone: from what journals and records
//! state, what is in the folders now, and what the purge did.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use aidlink_faults::text::Text;
use jiff::Timestamp;

use crate::deletion_record::{
    DeletionRecord, FilePart, Journal, Journals, LeftFile, PlacedFile, RoundFile,
};
use crate::places::{Listings, Places, Presence};
use crate::remains::Remains;
use crate::signing::PublicKey;

/// The part and the path of a file, as records have it.
type Name = (FilePart, String);

/// Values of files. Files are compared as by [`RoundFile::is_same`].
pub(super) struct ByFile<T> {
    /// With the digest of each file.
    values: BTreeMap<Name, Vec<(Option<String>, T)>>,
}

impl<T> Default for ByFile<T> {
    fn default() -> Self {
        ByFile {
            values: BTreeMap::new(),
        }
    }
}

impl<T> ByFile<T> {
    fn add(&mut self, file: &RoundFile, value: T) {
        let file = file.recorded();
        let values = self.values.entry((file.part, file.path)).or_default();
        values.push((file.digest, value));
    }

    fn of(&self, file: &RoundFile) -> impl Iterator<Item = &T> {
        let file = file.recorded();
        let values = self
            .values
            .get(&(file.part, file.path))
            .into_iter()
            .flatten();
        let digest = file.digest;
        let same = values.filter(move |(other, _)| {
            let digests = digest.as_ref().zip(other.as_ref());
            digests.is_none_or(|(one, other)| one == other)
        });
        same.map(|(_, value)| value)
    }

    pub(super) fn has(&self, file: &RoundFile) -> bool {
        self.of(file).next().is_some()
    }
}

impl<'f> FromIterator<&'f RoundFile> for ByFile<()> {
    fn from_iter<I: IntoIterator<Item = &'f RoundFile>>(files: I) -> Self {
        let mut by_file = ByFile::default();
        for file in files {
            by_file.add(file, ());
        }
        by_file
    }
}

/// A file of a journal that counts.
#[derive(Clone)]
struct Journaled {
    placed: PlacedFile,
    /// Whether the purge had set it aside, so that it may have removed it.
    is_set_aside: bool,
    /// When the purge began.
    begun_at: Timestamp,
}

/// What journals and records state of files.
#[derive(Clone, Default)]
pub(super) struct Stated {
    /// The files of journals that count.
    journaled: Vec<Journaled>,
    /// The files that valid records list as removed, with the time of the record.
    removed: Vec<(RoundFile, Timestamp)>,
    /// The files that documents of other keys list as removed or set aside, or records of
    /// another copy of the folder as removed, with the reason why nobody may call them
    /// missing.
    by_others: Vec<(RoundFile, Rc<Text>)>,
}

impl Stated {
    /// Gathers what the documents of an output folder state. `records` are its valid records,
    /// and `elsewhere` those of another folder, of which this one may be a copy.
    pub(super) fn of(
        journals: &Journals,
        records: &[DeletionRecord],
        elsewhere: &[DeletionRecord],
    ) -> Self {
        let mut stated = Stated::default();
        for journal in &journals.counted {
            stated.add(journal);
        }
        for record in records {
            let removed = record.all_removed().cloned();
            stated
                .removed
                .extend(removed.map(|file| (file, record.completed_at)));
        }
        for record in elsewhere {
            let why = Rc::new(recorded_elsewhere(record.completed_at));
            let files = record.all_removed();
            // Nobody knows whether what an interrupted run left there was ever here.
            let files = files.filter(|file| file.part != FilePart::CutOff).cloned();
            stated
                .by_others
                .extend(files.map(|file| (file, why.clone())));
        }
        for document in &journals.by_others {
            let why = Rc::new(match document.recorded_at {
                Some(at) => recorded_by_another(&document.public_key, at),
                None => set_aside_by_another(&document.public_key),
            });
            let files = document.files.iter().cloned();
            stated
                .by_others
                .extend(files.map(|file| (file, why.clone())));
        }
        stated
    }

    /// Adds the files of a journal.
    pub(super) fn add(&mut self, journal: &Journal) {
        for (files, is_set_aside) in [(&journal.there, false), (&journal.set_aside, true)] {
            self.journaled.extend(files.iter().map(|placed| Journaled {
                placed: placed.clone(),
                is_set_aside,
                begun_at: journal.begun_at,
            }));
        }
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
        journaled.chain(self.by_others.iter().map(|(file, _)| file))
    }

    /// Returns all files of which something is stated, except those that records account for.
    pub(super) fn files(&self) -> impl Iterator<Item = &RoundFile> {
        let journaled = self.journaled.iter();
        let journaled = journaled.map(|journaled| &journaled.placed.file);
        journaled.chain(self.by_others.iter().map(|(file, _)| file))
    }

    /// Adds what is stated of inputs elsewhere, in another output folder of the round.
    /// `is_named` says whether the manifest of this one names a file.
    fn add_inputs(&mut self, other: &Stated, is_named: impl Fn(&RoundFile) -> bool) {
        let is_shared = |file: &RoundFile| file.is_input() && is_named(file);
        let journaled = other.journaled.iter();
        let journaled = journaled.filter(|journaled| is_shared(&journaled.placed.file));
        self.journaled.extend(journaled.cloned());
        let removed = other.removed.iter();
        self.removed
            .extend(removed.filter(|(file, _)| is_shared(file)).cloned());
        let by_others = other.by_others.iter();
        self.by_others
            .extend(by_others.filter(|(file, _)| is_shared(file)).cloned());
    }
}

/// What a purge did in one output folder.
#[derive(Clone, Default)]
pub(super) struct Done {
    /// The files that it removed.
    pub(super) removed: Vec<RoundFile>,
    /// The files that it left, with the reason.
    pub(super) left: Vec<LeftFile>,
}

/// Gives each output folder what is known of the inputs that it shares with the others, and
/// which of them the purge left.
pub(super) fn share_inputs(outputs: &mut [(&Remains, &mut Stated, &mut Done)]) {
    let known: Vec<(Stated, Done)> = outputs
        .iter()
        .map(|(_, stated, done)| ((*stated).clone(), (*done).clone()))
        .collect();
    for (index, (remains, stated, done)) in outputs.iter_mut().enumerate() {
        let named: ByFile<()> = remains.gone.iter().chain(remains.all_here()).collect();
        let others = known
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        for (_, (other, other_done)) in others {
            stated.add_inputs(other, |file| named.has(file));
            let own = names_of(&done.left);
            let left = other_done.left.iter();
            let left = left.filter(|left| left.file().is_input() && named.has(&left.file()));
            let left = left.filter(|left| !own.contains(&(left.part, left.path.clone())));
            done.left.extend(left.cloned());
        }
    }
}

/// Returns the parts and paths of files.
fn names_of(files: &[LeftFile]) -> BTreeSet<Name> {
    let files = files.iter();
    files.map(|file| (file.part, file.path.clone())).collect()
}

/// What became of a file that should be gone, from the weakest statement to the strongest.
enum Fate {
    /// Nobody knows who removed it.
    NotFound,
    /// This purge or a record accounts for it, or it is here, and this purge dealt with it.
    Settled,
    /// An interrupted purge removed it.
    RemovedEarlier,
    /// A purge with another key, or in another copy of the folder, accounts for it: a person
    /// must say whether that counts.
    Left(Text),
    /// It is left, and a journal must keep what is known of it.
    Uncertain(Text),
}

impl Fate {
    fn strength(&self) -> u8 {
        match self {
            Fate::NotFound => 0,
            Fate::Settled => 1,
            Fate::RemovedEarlier => 2,
            Fate::Left(_) => 3,
            Fate::Uncertain(_) => 4,
        }
    }
}

/// What became of the files that this purge did not remove.
#[derive(Default)]
pub(super) struct Accounts {
    /// Files that an interrupted purge removed.
    pub(super) removed_earlier: Vec<RoundFile>,
    /// Files that are left, those that this purge left among them.
    pub(super) left: Vec<LeftFile>,
    /// Files of which nobody knows who removed them.
    pub(super) not_found: Vec<RoundFile>,
    /// Files in `left` that a purge was going to delete, and of which only journals say so. A
    /// journal must keep them.
    pub(super) perhaps_there: Vec<PlacedFile>,
    /// Files in `left` that a purge had set aside. A journal must keep them too.
    pub(super) perhaps_removed: Vec<PlacedFile>,
}

/// Decides what became of each file of an output folder.
struct Decision<'d> {
    listings: Listings<'d>,
    /// The files that this purge removed.
    removed: ByFile<()>,
    /// The files that were found when it started.
    here: ByFile<()>,
    /// The files of valid records, with their times.
    recorded: ByFile<Timestamp>,
    by_others: ByFile<Rc<Text>>,
}

impl Decision<'_> {
    fn fate(&mut self, file: &RoundFile, journaled: Option<&Journaled>) -> Fate {
        if self.removed.has(file) {
            return Fate::Settled;
        }
        let by_another = self.by_others.of(file).next();
        let by_another = by_another.map(|why| Text::clone(why));
        let is_here = self.here.has(file);
        // A purge with another key may have removed a file since.
        let is_later =
            |journaled: &&Journaled| !self.recorded.of(file).any(|at| *at > journaled.begun_at);
        if let Some(journaled) = journaled.filter(is_later) {
            match self.listings.presence(&journaled.placed) {
                Presence::Unknown(why) => return Fate::Uncertain(by_another.unwrap_or(why)),
                Presence::Seen { why, .. } if journaled.is_set_aside => {
                    return Fate::Uncertain(why);
                }
                // No manifest names it, so only a journal says that it is the round's, or
                // which name it had.
                Presence::Seen { is_set_aside, why }
                    if file.part == FilePart::CutOff && (is_set_aside || !is_here) =>
                {
                    return Fate::Uncertain(why);
                }
                // Another folder may have a file of the same name, as far as records name it.
                Presence::Gone if journaled.is_set_aside && !is_here => {
                    return Fate::RemovedEarlier;
                }
                Presence::Seen { .. } | Presence::Gone => {}
            }
        }
        match by_another {
            _ if is_here || self.recorded.has(file) => Fate::Settled,
            Some(why) => Fate::Left(why),
            None => Fate::NotFound,
        }
    }
}

/// Decides what became of each file of an output folder that should be gone. `shared` are the
/// inputs that the purge removed, for whatever output.
pub(super) fn accounts(
    places: &Places,
    remains: &Remains,
    stated: &Stated,
    done: &Done,
    shared: &[RoundFile],
) -> Accounts {
    let mut decision = Decision {
        listings: Listings::new(places),
        removed: done.removed.iter().chain(shared).collect(),
        here: remains.all_here().collect(),
        recorded: ByFile::default(),
        by_others: ByFile::default(),
    };
    for (file, at) in &stated.removed {
        decision.recorded.add(file, *at);
    }
    for (file, why) in &stated.by_others {
        decision.by_others.add(file, why.clone());
    }
    let leftovers = stated.by_others.iter().map(|(file, _)| file);
    let leftovers = leftovers.filter(|file| file.part == FilePart::CutOff);
    let files = remains
        .gone
        .iter()
        .chain(leftovers)
        .map(|file| (file, None));
    let journaled = stated.journaled.iter();
    let journaled = journaled.map(|journaled| (&journaled.placed.file, Some(journaled)));
    let mut accounts = Accounts::default();
    let mut fates = Vec::new();
    for (file, journaled) in journaled.chain(files) {
        let fate = decision.fate(file, journaled);
        if let (Fate::Uncertain(_), Some(journaled)) = (&fate, journaled) {
            match journaled.is_set_aside {
                true => accounts.perhaps_removed.push(journaled.placed.clone()),
                false => accounts.perhaps_there.push(journaled.placed.clone()),
            }
        }
        fates.push((file, fate));
    }
    for kept in [&mut accounts.perhaps_removed, &mut accounts.perhaps_there] {
        kept.sort();
        kept.dedup();
    }
    accounts.left.clone_from(&done.left);
    let mut left = names_of(&accounts.left);
    fates.sort_by_key(|(_, fate)| std::cmp::Reverse(fate.strength()));
    let mut decided = ByFile::default();
    for (file, fate) in fates {
        if decided.has(file) {
            continue;
        }
        decided.add(file, ());
        let file = file.recorded();
        match fate {
            Fate::Settled => {}
            Fate::RemovedEarlier => accounts.removed_earlier.push(file),
            Fate::NotFound if left.contains(&(file.part, file.path.clone())) => {}
            Fate::NotFound => accounts.not_found.push(file),
            Fate::Left(why) | Fate::Uncertain(why) => {
                if left.insert((file.part, file.path.clone())) {
                    accounts.left.push(LeftFile::new(&file, why));
                }
            }
        }
    }
    accounts.removed_earlier.sort();
    accounts.not_found.sort();
    accounts
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
            "an interrupted purge that another key (public key {key}) signs was deleting it, and that proves nothing to a purge with this key: run `purge` again with that key (--signing-key) and --other-signer"
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
            "the deletion record of {at} says that it was deleted, but another key (public key {key}) signed it, and that proves nothing to a purge with this key: a person must compare it with the minutes"
        ),
    )
}

fn recorded_elsewhere(at: Timestamp) -> Text {
    Text::new(
        format!(
            "{at} 的删除记录称已删除，但写于另一文件夹，本文件夹可能是其副本，不能据此确认在此处已删除：须由人与会议记录核对"
        ),
        format!(
            "the deletion record of {at} says that it was deleted, but in another folder, of which this one may be a copy, and that proves nothing here: a person must compare it with the minutes"
        ),
    )
}
