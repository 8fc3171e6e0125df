//! Decides what became of each file that should be gone: from what journals and records
//! state, what is in the folders now, and what the purge did.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aidlink_faults::text::Text;
use jiff::Timestamp;

use super::by_file::ByFile;
use super::done::Done;
use super::stated::{Claim, Journaled, Stated};
use crate::accounted::Accounted;
use crate::deletion_record::{FilePart, LeftFile, PlacedFile, RoundFile};
use crate::open_leftovers::OpenLeftovers;
use crate::places::{Listings, Places, Presence};
use crate::remains::Remains;

/// Returns the files of entries.
pub(super) fn files_of(left: &[LeftFile]) -> ByFile<()> {
    let mut files = ByFile::default();
    for left in left {
        files.add(&left.file(), ());
    }
    files
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
    /// A person confirms that it was deleted.
    Confirmed,
    /// It is left, and a journal must keep what is known of it.
    Uncertain(Text),
    /// As [`Fate::Uncertain`], and something is at one of its names.
    Taken(Text),
    /// As [`Fate::Taken`], and that may be the file.
    Seen(Text),
}

impl Fate {
    fn strength(&self) -> u8 {
        match self {
            Fate::NotFound => 0,
            Fate::Settled => 1,
            Fate::RemovedEarlier => 2,
            Fate::Left(_) => 3,
            Fate::Confirmed => 4,
            Fate::Uncertain(_) => 5,
            Fate::Taken(_) => 6,
            Fate::Seen(_) => 7,
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
    /// Files that are not here, and of which a person confirms that they were deleted.
    pub(super) confirmed: Vec<RoundFile>,
    /// Files in `left` that a purge was going to delete, and of which only journals say so. A
    /// journal must keep them.
    pub(super) perhaps_there: BTreeSet<PlacedFile>,
    /// Files in `left` that a purge had set aside, and of which no purge has seen anything since.
    /// A journal must keep them too, with the time from which on a statement that a purge has seen
    /// them counts. Leftovers have none: no statement tells equal ones apart.
    pub(super) perhaps_removed: BTreeMap<Option<Timestamp>, BTreeSet<PlacedFile>>,
}

/// Decides what became of each file of an output folder.
struct Decision<'d> {
    listings: Listings<'d>,
    /// The files that this purge removed.
    removed: ByFile<()>,
    /// The files that were found when it started.
    here: ByFile<()>,
    /// What valid records account for.
    recorded: Accounted,
    by_others: ByFile<Claim>,
    /// The inputs that a killed purge of this output had removed for another one, with the end of
    /// the purge in that one's record.
    removed_beside: ByFile<Timestamp>,
    /// Whether a person confirms that files that are not here were deleted.
    is_confirmed: bool,
    /// Whether this purge deletes, and not only says what it would delete.
    deletes: bool,
}

impl Decision<'_> {
    fn fate(&mut self, file: &RoundFile, journaled: Option<&Journaled>) -> Fate {
        if self.removed.has(file) {
            return match self.is_another_left(file, journaled) {
                Some(why) => Fate::Taken(why),
                None => Fate::Settled,
            };
        }
        // Not if a purge has seen the file since, whoever signed its record. Where a person must
        // confirm it, what has other content ends nothing: it may be the next round's.
        let mut claims = self.by_others.of(file);
        let by_another = claims.find(|claim| match claim.can_be_confirmed {
            true => !self.recorded.is_itself_seen_since(file, claim.at),
            false => !self.recorded.is_seen_since(file, claim.at),
        });
        let can_be_confirmed = by_another.is_some_and(|claim| claim.can_be_confirmed);
        let by_another = by_another.map(|claim| Text::clone(&claim.why));
        let is_here = self.here.has(file);
        // What a journal says of a file ends when a purge has seen it since.
        let is_open = journaled
            .is_some_and(|journaled| !self.recorded.is_seen_since(file, journaled.begun_at));
        // A purge with another key may have removed a file since.
        let is_later =
            |journaled: &&Journaled| !self.recorded.times(file).any(|at| at > journaled.begun_at);
        if let Some(journaled) = journaled.filter(is_later) {
            match self.listings.presence(&journaled.placed) {
                Presence::FolderGone(_) if self.confirms(file) => return Fate::Confirmed,
                Presence::Unknown(why) | Presence::FolderGone(why) => {
                    return Fate::Uncertain(by_another.unwrap_or(why));
                }
                Presence::Seen { is_file, why, .. } if journaled.is_set_aside => {
                    return match is_file {
                        true => Fate::Seen(why),
                        false => Fate::Taken(why),
                    };
                }
                // No manifest names it, so only a journal says that it is the round's, or
                // which name it had.
                Presence::Seen {
                    is_set_aside, why, ..
                } if file.part == FilePart::CutOff && (is_set_aside || !is_here) => {
                    return Fate::Taken(why);
                }
                // Another folder may have a file of the same name, as far as records name it.
                Presence::Gone if journaled.is_set_aside && is_open && !is_here => {
                    return Fate::RemovedEarlier;
                }
                Presence::Seen { .. } | Presence::Gone => {}
            }
        }
        match by_another {
            _ if is_here || self.recorded.has(file) => Fate::Settled,
            _ if self.is_removed_beside(file) => Fate::RemovedEarlier,
            Some(_) if self.is_confirmed && can_be_confirmed => Fate::Confirmed,
            Some(why) => Fate::Left(why),
            None if self.confirms(file) => Fate::Confirmed,
            None if !is_open && self.confirms_left(file) => Fate::Confirmed,
            None => Fate::NotFound,
        }
    }

    /// Whether a killed purge of this output had removed an input for another one, and no purge has
    /// seen it since.
    fn is_removed_beside(&self, file: &RoundFile) -> bool {
        let mut removed = self.removed_beside.of(file);
        removed.any(|at| !self.recorded.is_seen_since(file, *at)) && self.listings.lacks(file)
    }

    /// Returns the reason if this purge removed a leftover, and another one with the same name in
    /// records still has the purge's own name. Only a journal says then which name it had.
    fn is_another_left(&mut self, file: &RoundFile, journaled: Option<&Journaled>) -> Option<Text> {
        let journaled = journaled.filter(|_| self.deletes && file.part == FilePart::CutOff)?;
        match self.listings.presence(&journaled.placed) {
            Presence::Seen {
                is_set_aside: true,
                why,
                ..
            } => Some(why),
            _ => None,
        }
    }

    /// Whether a person confirms that a file was deleted which an earlier purge has seen and left.
    fn confirms_left(&self, file: &RoundFile) -> bool {
        self.is_confirmed && self.recorded.was_left(file) && self.listings.lacks(file)
    }

    fn confirms(&self, file: &RoundFile) -> bool {
        self.is_confirmed && file.part == FilePart::CutOff
    }
}

/// Decides what became of each file of an output folder that should be gone. `shared` are the
/// inputs that the purge removed for another output. `is_confirmed` says whether a person
/// confirms that leftovers, and files that only the record of another copy names, were deleted
/// if they are not here, and `syncs` whether the disk must have confirmed what is called gone.
pub(super) fn accounts(
    places: &Places,
    remains: &Remains,
    stated: &Stated,
    done: &Done,
    shared: &[RoundFile],
    is_confirmed: bool,
    syncs: bool,
) -> Accounts {
    let mut decision = Decision {
        listings: Listings::new(places, syncs, remains.of_others.iter().collect()),
        removed: done.removed.iter().chain(shared).collect(),
        here: remains.named_here().collect(),
        recorded: stated.accounted(),
        by_others: ByFile::default(),
        removed_beside: ByFile::default(),
        is_confirmed,
        deletes: syncs,
    };
    for (file, at) in &stated.removed_beside {
        decision.removed_beside.add(file, *at);
    }
    for claim in &stated.by_others {
        decision.by_others.add(&claim.file, claim.clone());
    }
    let leftovers = stated.by_others.iter().map(|claim| &claim.file);
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
    let mut uncertain = Vec::new();
    // What the record of this purge says to have seen. Of leftovers only what may be the file: no
    // statement ends what a journal says of them, for equal ones have the same name.
    let mut seen: ByFile<()> = remains.seen().collect();
    let left = done.left.iter();
    for left in left.filter(|left| left.part != FilePart::CutOff && left.is_seen()) {
        seen.add(&left.file(), ());
    }
    for (file, journaled) in journaled.chain(files) {
        let fate = decision.fate(file, journaled);
        if matches!(fate, Fate::Seen(_)) {
            seen.add(file, ());
        }
        let is_open = matches!(fate, Fate::Uncertain(_) | Fate::Taken(_) | Fate::Seen(_));
        uncertain.extend(journaled.filter(|_| is_open));
        fates.push((file, fate));
    }
    for journaled in uncertain {
        let placed = journaled.placed.clone();
        let (file, at) = (&placed.file, journaled.begun_at);
        // Whoever takes away what this purge or one since has seen must not make it count as
        // deleted.
        let is_seen = seen.has(file) || decision.recorded.is_seen_since(file, at);
        if journaled.is_set_aside && !is_seen {
            let at = (file.part != FilePart::CutOff).then_some(at);
            let kept = accounts.perhaps_removed.entry(at).or_default();
            kept.insert(placed);
        } else {
            accounts.perhaps_there.insert(placed);
        }
    }
    accounts.left.clone_from(&done.left);
    let mut left = files_of(&accounts.left);
    // These are listed as needed.
    remains.needed().for_each(|(file, _)| left.add(file, ()));
    fates.sort_by_key(|(_, fate)| std::cmp::Reverse(fate.strength()));
    let mut decided = ByFile::default();
    for (file, fate) in fates {
        if decided.has(file) {
            continue;
        }
        decided.add(file, ());
        let file = file.recorded();
        // A file is in one list of a record. Leftovers may have the same name.
        let is_left = file.part != FilePart::CutOff && left.has(&file);
        match fate {
            Fate::Settled => {}
            Fate::RemovedEarlier | Fate::Confirmed if is_left => {}
            Fate::RemovedEarlier => accounts.removed_earlier.push(file),
            Fate::Confirmed => accounts.confirmed.push(file),
            Fate::NotFound if left.has(&file) => {}
            Fate::NotFound => accounts.not_found.push(file),
            _ if left.has(&file) => {}
            Fate::Left(why) | Fate::Uncertain(why) => {
                left.add(&file, ());
                accounts.left.push(LeftFile::unseen(&file, why));
            }
            Fate::Taken(why) | Fate::Seen(why) => {
                left.add(&file, ());
                accounts.left.push(LeftFile::new(&file, why));
            }
        }
    }
    accounts.count_equal(&mut decision, stated, &done.removed);
    accounts.carry(places, stated.open.clone(), &done.removed, is_confirmed);
    for files in [
        &mut accounts.removed_earlier,
        &mut accounts.not_found,
        &mut accounts.confirmed,
    ] {
        files.sort();
    }
    accounts
}

impl Accounts {
    /// Lists each of several equal leftovers that an interrupted purge removed. `removed` are the
    /// files that this purge removed.
    fn count_equal(&mut self, decision: &mut Decision<'_>, stated: &Stated, removed: &[RoundFile]) {
        for (file, (most, entries)) in stated.equal_leftovers() {
            let is_gone = entries.iter().all(|entry| {
                let presence = decision.listings.presence(&entry.placed);
                let mut recorded = decision.recorded.times(&file);
                matches!(presence, Presence::Gone) && !recorded.any(|at| at > entry.begun_at)
            });
            let left: Vec<RoundFile> = self.left.iter().map(LeftFile::file).collect();
            let known = [
                removed,
                &self.removed_earlier,
                &left,
                &self.not_found,
                &self.confirmed,
            ];
            let known = known.into_iter().flatten();
            let is_equal = |other: &&RoundFile| {
                (other.part, &other.path, &other.digest) == (file.part, &file.path, &file.digest)
            };
            let missing = most.saturating_sub(known.filter(is_equal).count());
            if is_gone {
                let more = std::iter::repeat_n(file, missing);
                self.removed_earlier.extend(more);
            }
        }
    }

    /// Lists the leftovers again that earlier records list as left and of which nothing else
    /// is known, or as confirmed. `removed` are the files that this purge removed.
    fn carry(
        &mut self,
        places: &Places,
        mut open: OpenLeftovers,
        removed: &[RoundFile],
        is_confirmed: bool,
    ) {
        let left: Vec<RoundFile> = self.left.iter().map(LeftFile::file).collect();
        let known = [
            removed,
            &self.removed_earlier,
            &left,
            &self.not_found,
            &self.confirmed,
        ];
        for file in known.into_iter().flatten() {
            open.settle(file);
        }
        for leftover in open.into_files() {
            // Without its mark a purge does not take it for a leftover.
            let is_here = places.may_hold_leftover(Path::new(&leftover.file.path));
            if is_confirmed && !is_here {
                self.confirmed.push(leftover.file);
            } else if is_here || !leftover.is_missing {
                let why = match is_here {
                    true => not_marked(leftover.recorded_at),
                    false => not_seen(leftover.recorded_at),
                };
                self.left.push(LeftFile::new(&leftover.file, why));
            }
        }
    }
}

fn not_marked(at: Timestamp) -> Text {
    Text::new(
        format!(
            "{at} 的删除记录载明未删除或缺失，现在该处仍有文件，或无法查看，但已没有运行留下的标记，purge 不予删除；请人工检查、删除，再用 --confirm-deleted 写明"
        ),
        format!(
            "the deletion record of {at} lists it as left or missing; there is still a file at its place, or nobody can look there, but without the mark that a run gives it, so `purge` does not delete it: check it, delete it by hand, and then say so with --confirm-deleted"
        ),
    )
}

fn not_seen(at: Timestamp) -> Text {
    Text::new(
        format!(
            "{at} 的删除记录载明未删除，本次没有找到，也没有 purge 将其删除；请查明去向：仍在的，请移回原处后重新运行 purge；已人工删除的，请用 --confirm-deleted 写明查明的情况"
        ),
        format!(
            "the deletion record of {at} lists it as left, this purge did not find it, and no purge removed it: find out where it is; move it back and run `purge` again or, if it was deleted by hand, say what you found with --confirm-deleted"
        ),
    )
}
