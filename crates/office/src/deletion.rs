//! Deletes a round's data when it is due (Personal Information Protection Law,
//! Articles 19 and 47): exports, round key, match lists, and files that crossed
//! between offices. Manifest, log, configuration files and figures are kept: they
//! identify nobody, and the law requires keeping them for three years (Article 56).
//!
//! [`crate::remains`] says which files are the round's. Somebody else may move files
//! while a purge runs, so a purge removes a file in two steps:
//!
//! 1. It writes a signed journal of the files. It gives each file a name of its own in
//!    the same folder, and checks it again under that name. If it is another file now,
//!    the purge gives it its name back and reports it.
//! 2. It writes a signed journal of the files that it has set aside, removes each one if
//!    it is still the file that was checked, and writes a signed record.
//!
//! A purge that was killed leaves its journals and the files that it had set aside; the
//! next purge finishes the deletion. A file counts as deleted by the killed purge only if
//! a journal says that it was set aside, and if it is certainly gone from that folder.
//! Otherwise a journal for the next purge keeps what is known of it, until it is certainly
//! gone or a purge has removed it; whatever is at its names by then is left.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, FaultCollector, Faults, io_reason};
use aidlink_faults::personal_number::{black_out, shown_path};
use aidlink_faults::text::Text;
use aidlink_files::document::{Document as _, Head};
use aidlink_files::folder::{FileId, Folder, FolderMark};
use aidlink_files::partial::prefix_of;
use jiff::civil::Date;
use jiff::{Span, Timestamp};

use crate::audit_log::LOG;
use crate::deletion_record::{
    AsideFile, DeletionRecord, FilePart, Journal, JournalStep, Journals, LeftFile, RoundFile,
    SignedBy, check_readable, lock_for_purge, shown_round,
};
use crate::manifest::{MANIFEST, Software};
use crate::remains::{
    Doubt, FoundFile, KeyIdOf, Look, Places, Remains, Search, as_recorded, aside_place,
};
use crate::signing::{PublicKey, SigningKey};
use crate::verification::{NamedKeys, Signer, Verification, open, stays_inside, verify_opened};

/// A purge: the deletion of a round's data when it is due.
pub struct Purge<'p> {
    /// Output folders of the round.
    pub outputs: &'p [PathBuf],
    /// The folder where the round file is or was.
    pub round_folder: &'p Path,
    /// The office's signing key.
    pub signing_key: &'p SigningKey,
    /// The name of this program.
    pub program: &'p str,
    /// The reason for deleting before the data is due, if wanted.
    pub early: Option<&'p str>,
    /// The reason why another key than the manifest's signs the record, if so.
    pub other_signer: Option<&'p str>,
    /// Returns the id of a round key.
    pub key_id: KeyIdOf<'p>,
    /// Report what would be deleted, but delete nothing.
    pub dry_run: bool,
    /// The current time.
    pub now: Timestamp,
}

/// The result of a purge for one output folder.
pub struct Purged {
    /// The output folder.
    pub output: PathBuf,
    /// The day by which the data must be deleted.
    pub purge_by: Date,
    /// Whether the data is due or early deletion was requested.
    pub is_due: bool,
    /// The deletion record; in a dry run or before the day, of what would be deleted.
    pub record: DeletionRecord,
    /// Whether there was nothing to delete.
    pub nothing_left: bool,
}

/// The plan for one output folder, made before anything is deleted.
struct PurgePlan {
    verification: Verification,
    places: Places,
    /// The time of the purge, which is in the names of its journals.
    made_at: Timestamp,
    is_due: bool,
    /// Journals of interrupted purges.
    journals: Journals,
    remains: Remains,
    /// Files that an interrupted purge had set aside and that are certainly gone.
    removed_earlier: Vec<RoundFile>,
    /// Files that an interrupted purge had set aside and that are not certainly gone, with
    /// the reason. They may be among `remains`.
    uncertain: Vec<(AsideFile, Text)>,
    /// Keeps other purges of the folder away until this one has ended.
    _lock: Option<File>,
}

/// A file that was given the purge's own name.
struct SetAside {
    found: FoundFile,
    /// Where it was.
    from: PathBuf,
    /// The folder that holds it.
    folder: FolderMark,
}

impl SetAside {
    fn journaled(&self) -> AsideFile {
        AsideFile {
            file: self.found.file.recorded(),
            folder: self.folder,
        }
    }
}

impl Purge<'_> {
    /// Deletes the data that is due. All folders are checked before anything is
    /// deleted.
    ///
    /// # Errors
    /// When a manifest is missing or not signed by this office, the clock is wrong,
    /// or a record cannot be written. Always on systems other than Unix, unless
    /// this is a dry run: there, files cannot be deleted without following links.
    pub fn run(&self) -> Result<Vec<Purged>, Faults> {
        if !cfg!(unix) && !self.dry_run {
            return Err(unsupported_system(self.round_folder).into());
        }
        let mut faults = FaultCollector::new();
        let mut planned = Vec::new();
        for output in self.outputs {
            planned.extend(faults.take(self.plan(output)));
        }
        let planned = faults.or_value(Some(planned))?;
        if !self.dry_run {
            for plan in planned.iter().filter(|plan| plan.has_work()) {
                self.write_journal(plan, Vec::new())?;
            }
        }
        // The round's inputs are shared, so a record in any folder accounts for them, and
        // the first folder's purge deletes them.
        let recorded = planned
            .iter()
            .flat_map(|plan| &plan.verification.deleted)
            .flat_map(DeletionRecord::all_removed);
        let there = planned.iter().flat_map(|plan| &plan.remains.there);
        let earlier = planned.iter().flat_map(|plan| &plan.removed_earlier);
        let shared: Vec<RoundFile> = recorded
            .chain(there.map(|found| &found.file))
            .chain(earlier)
            .filter(|file| is_input(file))
            .cloned()
            .collect();
        let mut handled = BTreeSet::new();
        planned
            .into_iter()
            .map(|plan| self.carry_out(plan, &shared, &mut handled))
            .collect()
    }

    fn plan(&self, output: &Path) -> Result<PurgePlan, Faults> {
        let opened = open(output)?;
        // Another purge may be deleting the files that the verification would miss.
        let lock = match self.dry_run {
            true => None,
            false => lock_for_purge(&opened)?,
        };
        let own = NamedKeys::only(self.signing_key.public().clone());
        check_readable(&opened)?;
        let verification = verify_opened(opened, output, None, &own)?;
        match (&verification.signer, self.other_signer) {
            (Signer::Named(..), _) | (Signer::NotNamed(_), Some(_)) => {}
            // A manifest signed by somebody else must not decide what is deleted.
            _ => return Err(not_signed_here(output).into()),
        }
        self.check_clock(&verification)?;
        let today = self.now.to_zoned(jiff::tz::TimeZone::system()).date();
        let opened = verification.opened.try_clone();
        let places = opened
            .and_then(|opened| Places::open(opened, output, self.round_folder))
            .map_err(|error| Fault::unreadable(output, &error))?;
        let own = self.signing_key.public();
        let journals = match signed_by(&verification) {
            Some(signed) => Journals::read(&places.output, &signed, own, &verification.deleted),
            None => Journals::default(),
        };
        let counted = journals.counted.iter();
        let journaled: Vec<&RoundFile> =
            counted.clone().flat_map(|journal| &journal.there).collect();
        let search = Search {
            manifest: &verification.manifest,
            places: &places,
            key_id: self.key_id,
        };
        let remains = search.remains(&journaled);
        // A purge with another key may have removed a file since.
        let is_recorded = |journal: &Journal, file: &RoundFile| {
            let records = verification.deleted.iter();
            let mut later = records.filter(|record| record.completed_at > journal.begun_at);
            later.any(|record| record.all_removed().any(|removed| removed.is_same(file)))
        };
        let set_aside = counted.flat_map(|journal| {
            let set_aside = journal.set_aside.iter();
            set_aside.filter(|aside| !is_recorded(journal, &aside.file))
        });
        let (mut gone, mut uncertain) = (Vec::new(), Vec::<(AsideFile, Text)>::new());
        for (aside, checked) in places.check_gone(set_aside) {
            match checked {
                // Another folder has a file of the same name, as far as records name it.
                Ok(()) if remains.has(&aside.file) => {}
                Ok(()) => gone.push(&aside.file),
                Err(_) if uncertain.iter().any(|(other, _)| other == aside) => {}
                Err(why) => uncertain.push((aside.clone(), why)),
            }
        }
        gone.retain(|file| !uncertain.iter().any(|(aside, _)| aside.file.is_same(file)));
        Ok(PurgePlan {
            removed_earlier: distinct(gone.into_iter()),
            uncertain,
            remains,
            made_at: self.now,
            is_due: today >= verification.manifest.retention_until || self.early.is_some(),
            verification,
            places,
            journals,
            _lock: lock,
        })
    }

    /// Checks that the clock is not before the times in the log and in earlier
    /// records. Otherwise a record could date the deletion before the files were
    /// written.
    fn check_clock(&self, verification: &Verification) -> Result<(), Fault> {
        let logged = verification.log.entries.iter().filter_map(|entry| entry.at);
        let records = verification.deleted.iter();
        let records = records.map(|record| record.completed_at);
        if logged.chain(records).any(|at| at > self.now) {
            return Err(Fault::of_file(
                &verification.folder.join(LOG),
                Text::new(
                    "本机时钟早于本轮日志或删除记录：时钟不准，或已被调回",
                    "this machine's clock is earlier than this round's log or deletion records: it is wrong or was set back",
                ),
                Text::new("请先校准时钟", "correct the clock first"),
            ));
        }
        Ok(())
    }

    /// Writes a journal of the files to delete and of those that have been set aside.
    fn write_journal(&self, plan: &PurgePlan, set_aside: Vec<AsideFile>) -> Result<(), Fault> {
        let step = match set_aside.is_empty() {
            true => JournalStep::Start,
            false => JournalStep::SetAside,
        };
        let there = plan.remains.there.iter().map(|found| &found.file);
        let journal = self.journal(plan, plan.begun_at(self.now), distinct(there), set_aside);
        let output = &plan.places.output;
        journal.write(output, plan.made_at, step, self.signing_key)
    }

    /// Writes a journal of the files that are not certainly gone, so that a later purge can
    /// find out. `recorded_at` is the end of this purge.
    fn write_uncertain(
        &self,
        plan: &PurgePlan,
        uncertain: &[&(AsideFile, Text)],
        recorded_at: Timestamp,
    ) -> Result<(), Fault> {
        if uncertain.is_empty() {
            return Ok(());
        }
        let files = uncertain.iter().map(|(aside, _)| &aside.file);
        let set_aside = uncertain.iter().map(|(aside, _)| aside.clone());
        let journal = self.journal(plan, recorded_at, distinct(files), set_aside.collect());
        let step = JournalStep::SetAside;
        journal.write(&plan.places.output, recorded_at, step, self.signing_key)
    }

    fn journal(
        &self,
        plan: &PurgePlan,
        begun_at: Timestamp,
        there: Vec<RoundFile>,
        set_aside: Vec<AsideFile>,
    ) -> Journal {
        let Head { format, version } = Journal::head();
        Journal {
            format,
            version,
            round: shown_round(&plan.verification.manifest),
            manifest_digest: plan.verification.manifest_digest.clone(),
            begun_at,
            there,
            set_aside,
            public_key: self.signing_key.public().to_base64(),
        }
    }

    fn carry_out(
        &self,
        plan: PurgePlan,
        shared: &[RoundFile],
        handled: &mut BTreeSet<(FilePart, PathBuf)>,
    ) -> Result<Purged, Faults> {
        let output = plan.verification.folder.clone();
        let manifest = &plan.verification.manifest;
        let purge_by = manifest.retention_until;
        let deletes = !self.dry_run && plan.is_due;
        let mut left = plan.doubtful();
        let removed = match deletes {
            false => {
                let there = plan.remains.there.iter();
                distinct(there.map(|found| &found.file))
            }
            true => {
                let locks = plan.lock_leftovers();
                let set_aside = self.set_aside(&plan, &locks, handled, &mut left);
                self.remove(&plan, set_aside, &mut left)?
            }
        };
        let removed_earlier = plan.removed_earlier.clone();
        let uncertain = plan.still_uncertain(&removed, &left);
        for (aside, why) in &uncertain {
            if !is_among(&left, &aside.file) {
                left.push(LeftFile::new(&aside.file, why.clone()));
            }
        }
        let files = uncertain.iter().map(|(aside, _)| &aside.file);
        let accounted = removed.iter().chain(&removed_earlier).chain(files);
        let accounted: Vec<&RoundFile> = accounted.collect();
        let mut not_found = plan.not_found(&accounted, shared);
        let unproven = plan.set_aside_by_others(&accounted, &not_found);
        not_found.retain(|file| !unproven.iter().any(|(other, _)| other.is_same(file)));
        for (file, why) in unproven {
            if !is_among(&left, &file) {
                left.push(LeftFile::new(&file, why));
            }
        }
        let nothing_left = removed.is_empty() && removed_earlier.is_empty() && left.is_empty();
        // After the journals of this purge, whatever the clock does.
        let after = self.now.checked_add(Span::new().nanoseconds(1));
        let completed_at = Timestamp::now().max(after.unwrap_or(self.now));
        let today = completed_at.to_zoned(jiff::tz::TimeZone::system()).date();
        let Head { format, version } = DeletionRecord::head();
        let reason = |reason: &str| black_out(reason).into_owned();
        let record = DeletionRecord {
            format,
            version,
            software: Software::running(self.program),
            public_key: self.signing_key.public().to_base64(),
            other_signer: self.other_signer.map(reason),
            round: shown_round(manifest),
            manifest_digest: plan.verification.manifest_digest.clone(),
            purge_by,
            early: self.early.filter(|_| today < purge_by).map(reason),
            begun_at: plan.begun_at(self.now),
            completed_at,
            removed,
            removed_earlier,
            left,
            not_found,
            // Three years from the deletion, because the deletion is part of the
            // processing.
            keep_until: today.checked_add(Span::new().years(3)).unwrap_or(Date::MAX),
        };
        let is_new = !nothing_left || plan.left_before();
        if deletes && is_new {
            // At every moment a journal or a record has what is known of each file.
            self.write_uncertain(&plan, &uncertain, completed_at)?;
            record.write(&plan.places.output, self.signing_key)?;
        }
        // Unless they say more than the records, the journals are no longer needed.
        if deletes
            && (is_new || plan.journals.counted.is_empty())
            && let Some(signed) = signed_by(&plan.verification)
        {
            let journals = &plan.journals;
            journals.remove(&plan.places.output, &signed, plan.made_at);
        }
        if deletes {
            // Not before the record is written: in a folder that is missing, the next
            // purge could not see that the files are gone.
            plan.remove_empty_folders(&record.left);
        }
        Ok(Purged {
            output,
            purge_by,
            is_due: plan.is_due,
            record,
            nothing_left,
        })
    }

    /// Gives each file the purge's own name and checks it again under that name. Puts a
    /// file that is another one now back, and adds it to `left`. Skips inputs in
    /// `handled`, and leaves leftovers that are not in `locks`.
    fn set_aside(
        &self,
        plan: &PurgePlan,
        locks: &BTreeMap<&OsStr, File>,
        handled: &mut BTreeSet<(FilePart, PathBuf)>,
        left: &mut Vec<LeftFile>,
    ) -> Vec<SetAside> {
        let search = Search {
            manifest: &plan.verification.manifest,
            places: &plan.places,
            key_id: self.key_id,
        };
        let mut set_aside = Vec::new();
        for found in &plan.remains.there {
            let file = &found.file;
            if is_input(file) && !handled.insert((file.part, found.place.clone())) {
                continue;
            }
            let leftover = found.place.iter().next().unwrap_or_default();
            if file.part == FilePart::CutOff && !locks.contains_key(leftover) {
                left.push(LeftFile::new(file, in_use()));
                continue;
            }
            match plan.set_one_aside(&search, found) {
                Ok(aside) => set_aside.push(aside),
                Err(why) => left.push(LeftFile::new(file, why)),
            }
        }
        set_aside
    }

    /// Writes a journal of the files that have been set aside, and removes them. Returns
    /// the removed files, and adds the others to `left`.
    fn remove(
        &self,
        plan: &PurgePlan,
        set_aside: Vec<SetAside>,
        left: &mut Vec<LeftFile>,
    ) -> Result<Vec<RoundFile>, Fault> {
        if !set_aside.is_empty()
            && let Err(fault) =
                self.write_journal(plan, set_aside.iter().map(SetAside::journaled).collect())
        {
            // The next purge finds a file that keeps the purge's own name.
            for aside in &set_aside {
                let FoundFile { file, place, .. } = &aside.found;
                let _ = plan.put_back(file.part, place, &aside.from);
            }
            return Err(fault);
        }
        let mut removed: Vec<FoundFile> = Vec::new();
        let mut names_left: BTreeMap<FileId, u64> = BTreeMap::new();
        for aside in set_aside {
            match plan.remove_one(&aside) {
                Ok(names) => {
                    names_left.insert(aside.found.id, names.saturating_sub(1));
                    removed.push(aside.found);
                }
                Err(why) => left.push(LeftFile::new(&aside.found.file, why)),
            }
        }
        plan.sync(&removed);
        left.extend(plan.appeared(left));
        for found in &mut removed {
            // What the last of its own names left.
            found.file.other_names = names_left.get(&found.id).copied().unwrap_or_default();
        }
        Ok(distinct(removed.iter().map(|found| &found.file)))
    }
}

/// Returns what journals and records of a folder must match; `None` if its manifest has no
/// valid signature.
fn signed_by(verification: &Verification) -> Option<SignedBy<'_>> {
    Some(SignedBy {
        manifest: &verification.manifest,
        manifest_digest: &verification.manifest_digest,
        signer: verification.signer.key()?,
    })
}

/// Whether a file is among those that are left, by its part and path.
fn is_among(left: &[LeftFile], file: &RoundFile) -> bool {
    let path = file.recorded().path;
    left.iter()
        .any(|left| left.part == file.part && left.path == path)
}

/// Whether the file is an input of the round, which all its output folders share.
fn is_input(file: &RoundFile) -> bool {
    !matches!(file.part, FilePart::Output | FilePart::CutOff)
}

/// Returns the files as records name them, sorted, each once.
fn distinct<'f>(files: impl Iterator<Item = &'f RoundFile>) -> Vec<RoundFile> {
    let mut files: Vec<RoundFile> = files.map(RoundFile::recorded).collect();
    files.sort();
    files.dedup_by(|one, other| one.is_same(other));
    files
}

impl PurgePlan {
    fn has_work(&self) -> bool {
        self.is_due && !self.remains.there.is_empty()
    }

    fn begun_at(&self, now: Timestamp) -> Timestamp {
        let journals = self.journals.counted.iter();
        let times = journals.map(|journal| journal.begun_at);
        times.min().unwrap_or(now).min(now)
    }

    /// Returns the files that this purge must not delete. Files outside the round's folder,
    /// whose deletion cannot be checked, are reported by one record.
    fn doubtful(&self) -> Vec<LeftFile> {
        let doubtful = self.remains.doubtful.iter();
        let doubtful =
            doubtful.map(|(file, doubt)| (*doubt, LeftFile::new(file, doubt.text(file))));
        let records = &self.verification.deleted;
        let is_recorded = |file: &LeftFile| {
            let mut earlier = records.iter().flat_map(|record| &record.left);
            earlier.any(|left| (&left.path, &left.digest) == (&file.path, &file.digest))
        };
        let reported =
            doubtful.filter(|(doubt, file)| *doubt != Doubt::Outside || !is_recorded(file));
        reported.map(|(_, file)| file).collect()
    }

    /// Returns the files that an interrupted purge had set aside, that are not certainly
    /// gone, and that this purge did not remove, with the reason. `removed` and `left` are
    /// this purge's.
    fn still_uncertain(&self, removed: &[RoundFile], left: &[LeftFile]) -> Vec<&(AsideFile, Text)> {
        let has =
            |files: &[RoundFile], file: &RoundFile| files.iter().any(|other| other.is_same(file));
        let there = self.remains.there.iter().map(|found| &found.file);
        let there: Vec<RoundFile> = there.map(RoundFile::recorded).collect();
        // The purge of another output folder has removed the common input.
        let removed_by_another = |aside: &AsideFile| {
            let is_handled =
                is_input(&aside.file) && has(&there, &aside.file) && !is_among(left, &aside.file);
            let mut checked = self.places.check_gone(std::iter::once(aside)).into_iter();
            is_handled && checked.all(|(_, gone)| gone.is_ok())
        };
        let uncertain = self.uncertain.iter();
        let uncertain = uncertain.filter(|(aside, _)| !has(removed, &aside.file));
        uncertain
            .filter(|(aside, _)| !removed_by_another(aside))
            .collect()
    }

    /// Returns the files that are not here and that a purge with another key had set aside,
    /// with the reason why nobody may call them missing. `not_found` are the files of the
    /// manifest that are missing.
    fn set_aside_by_others(
        &self,
        accounted: &[&RoundFile],
        not_found: &[RoundFile],
    ) -> Vec<(RoundFile, Text)> {
        let is_any =
            |files: &[&RoundFile], file: &RoundFile| files.iter().any(|other| other.is_same(file));
        let missing: Vec<&RoundFile> = not_found.iter().collect();
        let output = &self.verification.folder;
        let prefix = prefix_of(&std::fs::canonicalize(output).unwrap_or_default());
        let mut found: Vec<(RoundFile, Text)> = Vec::new();
        for journal in &self.journals.by_others {
            for AsideFile { file, .. } in &journal.set_aside {
                // The manifest does not name what interrupted runs left.
                let is_gone_leftover = file.part == FilePart::CutOff
                    && file.path.starts_with(&prefix)
                    && stays_inside(&file.path)
                    && !is_any(accounted, file)
                    && !self.is_there(file);
                if (is_any(&missing, file) || is_gone_leftover)
                    && !found.iter().any(|(other, _)| other.is_same(file))
                {
                    found.push((file.recorded(), other_key(&journal.public_key)));
                }
            }
        }
        found
    }

    /// Whether a leftover was found at its name or at the purge's own name for it.
    fn is_there(&self, file: &RoundFile) -> bool {
        let path = Path::new(&file.path);
        let aside = aside_place(file, path);
        let there = self.remains.to_delete();
        there
            .filter(|other| other.part == FilePart::CutOff)
            .any(|other| [path, &aside].contains(&Path::new(&other.recorded().path)))
    }

    /// Whether the last record lists files as left that a purge can account for now. Those
    /// outside the round's folder are reported once.
    fn left_before(&self) -> bool {
        let last = self.verification.deleted.last();
        let mut left = last.into_iter().flat_map(|record| &record.left);
        left.any(|left| {
            let mut outside = self.remains.outside().map(RoundFile::recorded);
            !outside.any(|file| (&file.path, &file.digest) == (&left.path, &left.digest))
        })
    }

    /// Returns the missing files that neither this purge, nor an interrupted one, nor an
    /// earlier record accounts for.
    fn not_found(&self, accounted: &[&RoundFile], shared: &[RoundFile]) -> Vec<RoundFile> {
        let records = self.verification.deleted.iter();
        let accounted: Vec<&RoundFile> = records
            .flat_map(DeletionRecord::all_removed)
            .chain(shared)
            .chain(accounted.iter().copied())
            .collect();
        let journals = self.journals.counted.iter();
        let journaled = journals.flat_map(|journal| &journal.there);
        let journaled = journaled.filter(|file| !self.remains.has(file));
        let gone = self.remains.gone.iter().chain(journaled);
        distinct(gone.filter(|file| !accounted.iter().any(|other| other.is_same(file))))
    }

    /// Locks what interrupted runs left: a run that has just created its folder may be
    /// about to lock it.
    fn lock_leftovers(&self) -> BTreeMap<&OsStr, File> {
        let parent = self.places.of(FilePart::CutOff);
        let leftovers = self.places.leftovers.iter();
        let locks = leftovers.filter_map(|name| Some((name.as_os_str(), parent?.try_lock(name)?)));
        locks.collect()
    }

    /// Gives a file the purge's own name and checks it under that name.
    ///
    /// # Errors
    /// The reason, if it cannot be renamed or is another file now.
    fn set_one_aside(&self, search: &Search<'_>, found: &FoundFile) -> Result<SetAside, Text> {
        let folder = self.places.of(found.file.part).ok_or_else(disappeared)?;
        let place = aside_place(&found.file, &found.place);
        let holder = folder.folder_with(&place).and_then(|holder| holder.mark());
        let holder = holder.map_err(|error| not_removed(&error))?;
        if found.place != place {
            let name = place.file_name().unwrap_or_default();
            let renamed = folder.rename_in_place(&found.place, name);
            renamed.map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => both_names(&place),
                _ => not_removed(&error),
            })?;
        }
        let look = search.look(&found.file, &place);
        let from = found.place.clone();
        match look {
            // Without a digest only the identity says that it is the same file.
            Look::Ours(now)
                if now.file.part == FilePart::CutOff
                    && now.file.digest.is_none()
                    && now.id != found.id =>
            {
                Err(self.put_back(now.file.part, &place, &from))
            }
            Look::Ours(now) => Ok(SetAside {
                found: now,
                from,
                folder: holder,
            }),
            Look::Doubtful(file, _) => Err(self.put_back(file.part, &place, &from)),
            Look::Unreachable | Look::Missing => Err(disappeared()),
        }
    }

    /// Removes a file that was set aside. Returns its number of names before.
    ///
    /// # Errors
    /// The reason, if it cannot be removed or is another file now.
    fn remove_one(&self, aside: &SetAside) -> Result<u64, Text> {
        let FoundFile {
            file, place, id, ..
        } = &aside.found;
        let folder = self.places.of(file.part).ok_or_else(disappeared)?;
        match folder.remove_file_if(place, *id) {
            Ok(Some(names)) => Ok(names),
            Ok(None) => Err(self.put_back(file.part, place, &aside.from)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(disappeared()),
            Err(error) => {
                let _ = self.put_back(file.part, place, &aside.from);
                Err(not_removed(&error))
            }
        }
    }

    /// Gives what is at `place` the name back that it had at `from`, without replacing
    /// anything. Returns the message that it was changed and where it is.
    fn put_back(&self, part: FilePart, place: &Path, from: &Path) -> Text {
        let name = from.file_name().unwrap_or_default();
        let folder = self.places.of(part).filter(|_| place != from);
        let renamed = folder.and_then(|folder| folder.rename_in_place(place, name).ok());
        changed(match renamed {
            Some(()) => from,
            None => place,
        })
    }

    /// Makes the removals last.
    fn sync(&self, removed: &[FoundFile]) {
        // Errors are ignored: not every file system supports it.
        for found in removed {
            if let Some(folder) = self.places.of(found.file.part) {
                let _ = folder.sync_parent(&found.place);
            }
        }
    }

    /// Returns what appeared in leftovers meanwhile and is not among the files in `left`.
    fn appeared(&self, left: &[LeftFile]) -> Vec<LeftFile> {
        let leftovers = self.places.leftovers.iter();
        let files =
            leftovers.flat_map(|name| self.places.files_of_leftover(name).unwrap_or_default());
        let files = files.map(|path| RoundFile {
            part: FilePart::CutOff,
            path: path.to_string_lossy().into_owned(),
            digest: None,
            byte_length: 0,
            other_names: 0,
        });
        let files = files.filter(|file| {
            let path = file.recorded().path;
            !left.iter().any(|left| left.path == path)
        });
        files.map(|file| LeftFile::new(&file, appeared())).collect()
    }

    /// Removes the folders that are empty now, in the output folder and in leftovers.
    /// Keeps those at the names of files in `left`, which are reported, and those that hold
    /// such files: without its folder nobody can see later that a file is gone.
    fn remove_empty_folders(&self, left: &[LeftFile]) {
        let (of_output, of_leftovers) = names_of(left);
        let output = &self.places.output;
        remove_empty_folders(output, Path::new(""), &of_output);
        let _ = output.sync();
        let Some(parent) = self.places.of(FilePart::CutOff) else {
            return;
        };
        for name in &self.places.leftovers {
            let name = Path::new(name);
            if let Ok(leftover) = parent.folder(name) {
                remove_empty_folders(&leftover, name, &of_leftovers);
                if !holds_any(name, &of_leftovers) {
                    let _ = parent.remove_empty_folder(name);
                }
            }
        }
        let _ = parent.sync();
    }
}

/// Removes the empty folders below a folder, except those that are or hold any of `kept`.
/// `path` is the path of the folder where those of `kept` begin.
fn remove_empty_folders(folder: &Folder, path: &Path, kept: &[PathBuf]) {
    let folders = folder.folders().unwrap_or_default();
    for inner in folders.iter().rev() {
        if !holds_any(&path.join(inner), kept) {
            // This fails for folders that are not empty, as intended.
            let _ = folder.remove_empty_folder(inner);
        }
    }
}

/// Whether any of the paths is this one or below it. In paths of records numbers are
/// blacked out.
fn holds_any(path: &Path, paths: &[PathBuf]) -> bool {
    let path: PathBuf = path.iter().map(as_recorded).collect();
    paths.iter().any(|other| other.starts_with(&path))
}

/// Returns the paths, with numbers blacked out, at which files in `left` are or were: those
/// of outputs, and those of what interrupted runs left.
fn names_of(left: &[LeftFile]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut outputs, mut leftovers) = (Vec::new(), Vec::new());
    for file in left {
        let names = match file.part {
            FilePart::Output => &mut outputs,
            FilePart::CutOff => &mut leftovers,
            FilePart::Export | FilePart::Received | FilePart::Key => continue,
        };
        let path = Path::new(&file.path);
        let round_file = RoundFile {
            part: file.part,
            path: file.path.clone(),
            digest: file.digest.clone(),
            byte_length: file.byte_length,
            other_names: 0,
        };
        for name in [path, &aside_place(&round_file, path)] {
            names.push(name.iter().map(as_recorded).collect());
        }
    }
    (outputs, leftovers)
}

/// The reason for a file whose name of the purge's own is taken.
fn both_names(place: &Path) -> Text {
    let place = shown_path(place);
    Text::new(
        format!(
            "purge 给此文件的名称 {place} 也已有文件，未删除；那里如仍有文件，请人工检查，再重新运行 purge"
        ),
        format!(
            "there is also a file at {place}, the name that `purge` gives this one, so it was not deleted: check by hand what is still there, and run `purge` again"
        ),
    )
}

fn other_key(public_key: &str) -> Text {
    let key = PublicKey::parse(public_key).map_or_else(String::new, |key| key.id());
    Text::new(
        format!(
            "用另一把私钥（公钥 {key}）签署的、中断的 purge 曾处理此文件，本私钥不能据此确认已删除；请用那把私钥（--signing-key）和 --other-signer 重新运行 purge"
        ),
        format!(
            "an interrupted purge that another key (public key {key}) signs was deleting it, and that proves nothing to this key: run `purge` again with that key (--signing-key) and --other-signer"
        ),
    )
}

fn in_use() -> Text {
    Text::new(
        "有程序正在使用，未删除；请待其结束后重新运行 purge",
        "a program is using the file, so it was not deleted: run `purge` again when it has ended",
    )
}

fn appeared() -> Text {
    Text::new(
        "删除过程中新出现的文件，未删除；请人工检查",
        "the file appeared while the data was being deleted, so it was not deleted: check it by hand",
    )
}

fn changed(now_at: &Path) -> Text {
    let path = shown_path(now_at);
    Text::new(
        format!("删除过程中被换成另一文件或被改动，未删除；现在的文件在 {path}，请人工检查"),
        format!(
            "the file was replaced or changed while the data was being deleted, so it was not deleted: check what is at {path} now by hand"
        ),
    )
}

fn disappeared() -> Text {
    Text::new(
        "删除过程中文件不见了，不是由本次删除移除的：请查明去向",
        "the file disappeared while the data was being deleted, and this purge did not delete it: find out where it went",
    )
}

fn not_removed(error: &io::Error) -> Text {
    if error.kind() == io::ErrorKind::NotFound {
        return disappeared();
    }
    let reason = io_reason(error);
    Text::new(
        format!("无法删除：{}", reason.zh),
        format!("cannot delete the file: {}", reason.en),
    )
}

fn not_signed_here(output: &Path) -> Fault {
    Fault::of_file(
        &output.join(MANIFEST),
        Text::new(
            "运行记录不是由本机构的签名私钥签署，未删除任何文件",
            "the manifest is not signed with this office's signing key; nothing was deleted",
        ),
        Text::new(
            "请用 --signing-key 指明当时的签名私钥，并用 aidlink audit verify 查明原因；私钥已不存在的，请用 --other-signer 写明理由",
            "give the signing key that signed it with --signing-key, and run `aidlink audit verify`; if that key no longer exists, give the reason with --other-signer",
        ),
    )
}

fn unsupported_system(folder: &Path) -> Fault {
    Fault::of_file(
        folder,
        Text::new(
            "本系统不能在不跟随链接的情况下删除文件",
            "this system cannot delete files without following links",
        ),
        Text::new(
            "请在 Linux 或 macOS 上运行 purge",
            "run `purge` on Linux or macOS",
        ),
    )
}

#[cfg(all(test, unix))]
mod tests;
