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
//!    it is still the file that was checked, and writes a signed record. A file that is not is
//!    given its name back after the records: before that, a journal says that it was set aside,
//!    and whoever moved it away would make it count as deleted.
//!
//! A purge that was killed leaves its journals and the files that it had set aside; the
//! next purge finishes the deletion. A file counts as deleted by the killed purge only if
//! a journal says that it was set aside, if it is certainly gone from that folder, and if no
//! purge has seen since what may be the file. Otherwise a journal for the next purge keeps what
//! is known of it, until it is certainly gone or a purge has removed it; whatever is at its names
//! by then is left. `fate` decides this for every file, and `removal` renames and removes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use aidlink_faults::fault::{Fault, FaultCollector, Faults, io_reason, size_text};
use aidlink_faults::personal_number::black_out;
use aidlink_faults::text::Text;
use aidlink_files::document::{Document as _, Head};
use aidlink_files::folder::{Folder, open_named};
use aidlink_files::partial::prefix_of;
use jiff::civil::Date;
use jiff::{Span, Timestamp};

use crate::aside::as_recorded;
use crate::audit_log::LOG;
use crate::content::{Contents, NamedInputs};
use crate::deletion_record::{
    DeletionRecord, FilePart, Journal, JournalStep, Journals, LARGEST_DOCUMENT, LeftFile,
    PlacedFile, RoundFile, SignedBy, check_readable, dated_after, lock_for_purge, shown_round,
};
use crate::manifest::{MANIFEST, Manifest, Software};
use crate::needed::{Needed, RoundPlace};
use crate::places::Places;
use crate::remains::{Doubt, FoundFile, KeyIdOf, Remains, Search, recorded_files};
use crate::round_folder::{FoundRoundFile, OpenedFolders};
use crate::signing::{PublicKey, SigningKey};
use crate::standing::ours_in;
use crate::verification::{NamedKeys, Signer, Verification, opened_at, verify_opened};
use crate::written_path::stays_inside;

pub(crate) mod by_file;
mod done;
mod fate;
mod removal;
mod sharing;
mod stated;

use by_file::ByFile;
use done::{Done, SetAside};
use fate::{Accounts, accounts, files_of};
use removal::Removal;
use sharing::{
    Neighbour, Output, removed_whole, share_inputs, shared, supersede, take_removed, take_replaced,
};
use stated::Stated;

/// A purge: the deletion of a round's data when it is due.
pub struct Purge<'p> {
    /// Output folders of the round.
    pub outputs: &'p [PathBuf],
    /// The round's other output folders. Inputs that they still need are kept.
    pub siblings: &'p [PathBuf],
    /// The folders that the user named, open. Output folders are opened through them, and searched
    /// for again before inputs are removed.
    pub opened: &'p OpenedFolders,
    /// The folder where the round file is or was.
    pub round_folder: &'p Path,
    /// The ids in the round files there, if there are any. Inputs of other rounds are left.
    pub rounds: &'p [String],
    /// The round files that were found: paths of inputs are relative to their folders.
    pub round_files: &'p [FoundRoundFile],
    /// Files that only the round file names and no step read. They are left.
    pub unread: &'p [RoundFile],
    /// The ids in the round files and drafts in the round's folder; empty for one that has none.
    pub written_rounds: &'p BTreeSet<String>,
    /// Whether exports are deleted, too, that came or were changed after an output was written.
    pub came_later: bool,
    /// The office's signing key.
    pub signing_key: &'p SigningKey,
    /// The name of this program.
    pub program: &'p str,
    /// The reason for deleting before the data is due, if wanted.
    pub early: Option<&'p str>,
    /// The reason why another key than the manifest's signs the record, if so.
    pub other_signer: Option<&'p str>,
    /// What a person found out about files that are not here: that they were deleted. This
    /// counts for leftovers of interrupted runs and files that earlier records list as left, and
    /// for files that the record of another folder lists, of which this one may be a copy.
    pub confirmed: Option<&'p str>,
    /// Whether review workbooks that were filled in are deleted, too.
    pub filled_in: bool,
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
    /// The review workbooks that people had filled in.
    pub filled_in: Vec<String>,
    /// Whether there was nothing to delete.
    pub nothing_left: bool,
    /// The inputs in the record that were deleted for another output folder.
    pub shared: Vec<RoundFile>,
    /// Inputs in whose place another output's file is, or was and was deleted.
    pub superseded: Vec<RoundFile>,
    /// Inputs in whose place a file with other content is: another output's, or any, if a record says
    /// that the input was deleted.
    pub replaced: Vec<RoundFile>,
    /// The missing files in the record that an earlier one lists as left. A person may confirm that
    /// they were deleted.
    pub left_before: Vec<RoundFile>,
    /// The folders in the output folder of journals and records of other keys that are dated after
    /// the clock.
    pub dated_later: Vec<String>,
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
    /// Inputs in whose place another output's file is, or was and was removed.
    superseded: Vec<RoundFile>,
    /// Inputs in whose place a file with other content is: another output's, or any, if a record
    /// accounts for the input.
    replaced: Vec<RoundFile>,
    /// What journals and records state.
    stated: Stated,
    /// The folders of journals and records of other keys that are dated after the clock.
    dated_later: Vec<String>,
    /// What other outputs need; `None` before it was asked.
    needed: Option<Needed>,
    /// Keeps other purges of the folder away until this one has ended.
    _lock: Option<File>,
}

impl Purge<'_> {
    /// Deletes the data that is due. All folders are checked before anything is
    /// deleted.
    ///
    /// # Errors
    /// When a manifest is missing or not signed by this office, the clock is wrong, a
    /// review workbook was filled in and [`Purge::filled_in`] is not set, or a record
    /// cannot be written. Always on systems other than Unix, unless
    /// this is a dry run: there, files cannot be deleted without following links.
    pub fn run(&self) -> Result<Vec<Purged>, Faults> {
        // Before the output folders: of two purges of outputs that share inputs, one goes on.
        let _lock = lock_round_folder(self.round_folder, self.dry_run)?;
        self.run_locked()
    }

    /// As [`Purge::run`], while the caller holds what [`lock_round_folder`] returned.
    ///
    /// # Errors
    /// As [`Purge::run`].
    pub fn run_locked(&self) -> Result<Vec<Purged>, Faults> {
        if !cfg!(unix) && !self.dry_run {
            return Err(unsupported_system(self.round_folder).into());
        }
        let mut faults = FaultCollector::new();
        let mut planned = Vec::new();
        for output in self.outputs {
            planned.extend(faults.take(self.plan(output)));
        }
        let mut planned = faults.or_value(Some(planned))?;
        self.check_filled_in(&planned)?;
        self.check_dates_beside(&planned)?;
        let neighbours = self.neighbours(&planned);
        self.take_of_others(&mut planned, &neighbours)?;
        self.keep_needed(&mut planned)?;
        let deletes_inputs = |plan: &PurgePlan| {
            let mut there = plan.remains.there.iter();
            self.deletes(plan) && there.any(|found| found.file.is_input())
        };
        // Before anything is written, and again just before inputs are removed.
        if planned.iter().any(deletes_inputs) {
            self.opened.check_outputs()?;
        }
        for plan in planned.iter_mut().filter(|plan| self.deletes(plan)) {
            if !plan.remains.there.is_empty() {
                let journal = self.write_journal(plan, Vec::new())?;
                plan.stated.add(&journal);
            }
        }
        self.carry_out(planned, &neighbours)
    }

    /// Refuses to delete review workbooks that people filled in, unless they are meant:
    /// nothing else may hold their decisions.
    fn check_filled_in(&self, planned: &[PurgePlan]) -> Result<(), Faults> {
        let mut faults = FaultCollector::new();
        let deleted = planned.iter().filter(|plan| self.deletes(plan));
        for plan in deleted.filter(|_| !self.filled_in) {
            for file in &plan.verification.filled_in {
                faults.push(is_filled_in(&plan.verification.folder.join(file)));
            }
        }
        faults.finish()
    }

    /// Returns the keys of this office.
    fn signers(&self, planned: &[PurgePlan]) -> Vec<PublicKey> {
        let named = planned.iter();
        let named = named.filter_map(|plan| plan.verification.signer.key());
        let own = [self.signing_key.public()].into_iter();
        own.chain(named).cloned().collect()
    }

    /// Returns what the other output folders of this office in the round's folder say of inputs.
    fn neighbours(&self, planned: &[PurgePlan]) -> Vec<Neighbour> {
        let signers = self.signers(planned);
        let others = ours_in(self.round_folder, self.siblings, self.opened, &signers);
        let neighbours = others.into_iter().map(|other| {
            let own = self.signing_key.public();
            let (signed, records) = (other.signed_by(), &other.deletions.records);
            let named = recorded_files(&other.manifest);
            let is_of_round = |file: &RoundFile| named.contains(&(file.part, file.path.clone()));
            // With more than a record can hold, those of other keys, none counts.
            let journals = Journals::read(&other.folder, &signed, own, records, is_of_round);
            let stated = journals.map(|journals| Stated::of_neighbour(&journals, records));
            Neighbour {
                provenance: other.provenance(),
                named: other.named(),
                stated: stated.unwrap_or_default(),
            }
        });
        neighbours.collect()
    }

    /// Takes the inputs for gone in whose place the file of another output of this office is, named
    /// or not.
    ///
    /// # Errors
    /// When the folder of the inputs cannot be opened.
    fn take_of_others(
        &self,
        planned: &mut [PurgePlan],
        neighbours: &[Neighbour],
    ) -> Result<(), Fault> {
        let named: Vec<Option<NamedInputs>> = planned.iter().map(PurgePlan::named).collect();
        let Some(folder) = self.inputs_folder()? else {
            return Ok(());
        };
        let contents = Contents::of(&folder, self.key_id);
        for (index, plan) in planned.iter_mut().enumerate() {
            if let Some(signer) = plan.verification.signer.key() {
                let others = others_of(&named, index, neighbours);
                let others = others.filter(|other| other.is_by(signer));
                plan.remains.take_of_others(|file| {
                    let is_named = contents.is_named(&file.path, others.clone());
                    is_named.unwrap_or_default()
                });
            }
        }
        Ok(())
    }

    /// Checks again whose files are in the places of inputs of which journals say something, just
    /// before it is decided what became of these: one may have been exchanged since.
    fn check_of_others(&self, planned: &mut [PurgePlan], neighbours: &[Neighbour]) {
        let named: Vec<Option<NamedInputs>> = planned.iter().map(PurgePlan::named).collect();
        let folder = self.inputs_folder().ok().flatten();
        let contents = folder.as_ref();
        let contents = contents.map(|folder| Contents::of(folder, self.key_id));
        for (index, plan) in planned.iter_mut().enumerate() {
            let journaled: ByFile<()> = plan.stated.set_aside().collect();
            let signer = plan.verification.signer.key();
            let others = others_of(&named, index, neighbours);
            let others = others.filter(|other| signer.is_some_and(|signer| other.is_by(signer)));
            plan.remains.of_others.retain(|file| {
                let contents = contents.as_ref();
                let is_named = contents
                    .is_some_and(|one| one.is_named(&file.path, others.clone()).unwrap_or(false));
                !journaled.has(file) || is_named
            });
        }
    }

    fn inputs_folder(&self) -> Result<Option<Folder>, Fault> {
        match self.opened.open(self.round_folder) {
            Ok(folder) => Ok(Some(folder)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Fault::unreadable(self.round_folder, &error)),
        }
    }

    /// Keeps the inputs that outputs which are not due need after others that are.
    ///
    /// # Errors
    /// When nobody can tell what another output needs.
    fn keep_needed(&self, planned: &mut [PurgePlan]) -> Result<(), Faults> {
        let folder = |plan: &PurgePlan| plan.verification.folder.clone();
        let later: Vec<PathBuf> = planned
            .iter()
            .filter(|plan| !plan.is_due)
            .map(folder)
            .chain(self.siblings.iter().cloned())
            .collect();
        // With `other_signer` the manifests are another key's, and so are those of later outputs.
        let signers = self.signers(planned);
        let manifests = planned.iter().map(|plan| &plan.verification.manifest);
        let made_from: Vec<String> = manifests
            .map(|manifest| manifest.round_file_blake3.clone())
            .collect();
        let made_from: Vec<&str> = made_from.iter().map(String::as_str).collect();
        let place = RoundPlace {
            folder: self.round_folder,
            opened: self.opened,
            round_files: self.round_files,
            made_from: &made_from,
        };
        for plan in planned {
            let day = match plan.is_due {
                true => self.today(),
                false => plan.verification.manifest.retention_until,
            };
            let own = folder(plan);
            let others = later.iter().filter(|other| **other != own);
            let needed = Needed::by(others, &signers, day, place)?;
            plan.remains
                .keep(|found| needed.needing(found, self.key_id));
            if let Some(doubt) = self.whose_inputs(&plan.verification.manifest) {
                plan.remains.leave_inputs(doubt, |_| true);
            }
            if !self.came_later && self.may_be_of_another_round(&plan.verification.manifest) {
                let ran_at = ran_at(&plan.verification);
                plan.remains.leave_inputs(Doubt::CameLater, |found| {
                    // What an interrupted purge set aside was there when that began.
                    found.file.part == FilePart::Export
                        && found.place == Path::new(&found.file.path)
                        && ran_at.is_none_or(|ran_at| found.state.changed_after(moment(ran_at)))
                });
            }
            plan.needed = Some(needed);
        }
        Ok(())
    }

    /// Returns the reason why inputs are left: the round file beside them is not that of this
    /// round, as far as anybody can tell.
    fn whose_inputs(&self, manifest: &Manifest) -> Option<Doubt> {
        match self.rounds.contains(&manifest.round) {
            true => None,
            false if !self.rounds.is_empty() => Some(Doubt::OtherRound),
            false => self
                .holds_uncertain_round_file()
                .then_some(Doubt::UnknownRound),
        }
    }

    /// Whether there is the file of another round here, or a draft, or what may be one: then what
    /// came after an output was written may be that round's, with the same content.
    fn may_be_of_another_round(&self, manifest: &Manifest) -> bool {
        let mut written = self.written_rounds.iter();
        written.any(|id| *id != manifest.round) || self.holds_uncertain_round_file()
    }

    /// Whether there is a file here of which nobody can tell whether it is a round file.
    fn holds_uncertain_round_file(&self) -> bool {
        let mut files = self.round_files.iter();
        files.any(|file| file.digest.is_none() && file.folder == self.round_folder)
    }

    fn today(&self) -> Date {
        self.now.to_zoned(jiff::tz::TimeZone::system()).date()
    }

    fn carry_out(
        &self,
        mut planned: Vec<PurgePlan>,
        neighbours: &[Neighbour],
    ) -> Result<Vec<Purged>, Faults> {
        let mut handled = BTreeSet::new();
        let mut done = Vec::new();
        let stated = planned.iter().flat_map(|plan| plan.stated.set_aside());
        let set_aside_before: ByFile<()> = stated.collect();
        for plan in &planned {
            done.push(self.delete(plan, &set_aside_before, &mut handled)?);
        }
        // A dry run says what the purge would delete now; only of an output that is not due it says
        // what would be deleted then.
        let [removed, removed_then] = [false, true].map(|is_then| {
            let removing = planned.iter().zip(&done);
            let removing = removing.filter(|(plan, _)| plan.is_due || self.dry_run && is_then);
            let removing: Vec<&Done> = removing.map(|(_, done)| done).collect();
            let removed = removing.iter().flat_map(|done| &done.removed);
            let removed = removed.filter(|file| file.is_input()).cloned();
            let removed: Vec<RoundFile> = removed.collect();
            (removed, removed_whole(removing.into_iter()))
        });
        let removed_for = |is_due| if is_due { &removed } else { &removed_then };
        for (plan, done) in planned.iter_mut().zip(&mut done) {
            let (removed, whole) = removed_for(plan.is_due);
            plan.superseded = supersede(&mut plan.remains, done, removed);
            let is_there = |file: &RoundFile| !self.dry_run && !plan.places.lacks(file);
            take_removed(&mut plan.remains, done, whole, is_there);
        }
        let outputs = planned.iter_mut().zip(&mut done);
        let mut outputs: Vec<Output<'_>> = outputs
            .map(|(plan, done)| Output {
                provenance: plan.verification.provenance(),
                ran_at: ran_at(&plan.verification),
                is_due: plan.is_due,
                remains: &plan.remains,
                stated: &mut plan.stated,
                done,
            })
            .collect();
        share_inputs(&mut outputs, neighbours);
        for (plan, done) in planned.iter_mut().zip(&mut done) {
            let accounted = plan.stated.accounted();
            plan.replaced = take_replaced(&mut plan.remains, done, &accounted);
            plan.replaced.extend(plan.remains.of_others.iter().cloned());
            plan.superseded
                .extend(plan.remains.of_others.iter().cloned());
        }
        self.check_of_others(&mut planned, neighbours);
        // The first folder's purge removes the common inputs, and each record lists them.
        let mut purged = Vec::new();
        for (plan, done) in planned.iter().zip(&done) {
            let (removed, _) = removed_for(plan.is_due);
            let shared = shared(&plan.remains, done, removed);
            purged.push(self.record(plan, done, shared)?);
        }
        // Not before no journal counts any more that says that they were set aside.
        for (plan, done) in planned.iter().zip(&done) {
            let removal = plan.removal(self.key_id);
            done.kept.iter().for_each(|aside| removal.restore(aside));
        }
        Ok(purged)
    }

    fn plan(&self, output: &Path) -> Result<PurgePlan, Faults> {
        let opened = opened_at(output, self.opened.open(output))?;
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
        let today = self.today();
        let opened = verification.opened.try_clone();
        let places = opened
            .and_then(|opened| {
                Places::with_round(opened, output, self.opened.open(self.round_folder))
            })
            .map_err(|error| Fault::unreadable(output, &error))?;
        let own = self.signing_key.public();
        let manifest = &verification.manifest;
        let journals = match signed_by(&verification) {
            Some(signed) => {
                let named = recorded_files(manifest);
                let prefix = as_recorded(&prefix_of(
                    &std::fs::canonicalize(output).unwrap_or_default(),
                ));
                let is_of_round = |file: &RoundFile| match file.part {
                    // No manifest names what interrupted runs left: only its name does.
                    FilePart::CutOff => file.path.starts_with(&prefix) && stays_inside(&file.path),
                    part => named.contains(&(part, file.path.clone())),
                };
                let deleted = &verification.deleted;
                Journals::read(&places.output, &signed, own, deleted, is_of_round)?
            }
            None => Journals::default(),
        };
        let (records, elsewhere) = (&verification.deleted, &verification.deleted_elsewhere);
        let stated = Stated::of(&journals, records, elsewhere);
        let search = Search {
            manifest,
            places: &places,
            key_id: self.key_id,
        };
        let mut remains = search.remains(&stated.journaled());
        if self.rounds.contains(&manifest.round) {
            remains.leave_unread(self.unread);
        }
        if most_bytes_recorded(&remains, &stated) > LARGEST_DOCUMENT {
            let named = remains.all_here().chain(&remains.gone);
            let named = named.filter(|file| file.part != FilePart::CutOff);
            let is_by_leftovers =
                named.map(RoundFile::most_bytes_recorded).sum::<u64>() <= LARGEST_DOCUMENT;
            return Err(too_many_files(output, is_by_leftovers).into());
        }
        // Anybody can write them. They prove nothing, and only make more careful.
        let dated_later = dated_after(&verification.opened, self.now, |key, _| {
            !self.is_signer(key, &verification)
        });
        Ok(PurgePlan {
            stated,
            dated_later,
            remains,
            needed: None,
            superseded: Vec::new(),
            replaced: Vec::new(),
            made_at: self.now,
            is_due: today >= verification.manifest.retention_until || self.early.is_some(),
            verification,
            places,
            journals,
            _lock: lock,
        })
    }

    /// Checks that the clock is not before the times in the log and in earlier
    /// records and journals. Otherwise a record could date the deletion before the files were
    /// written. Without a whole log it must not be before the dates in the manifest,
    /// either, nor before the manifest was written, as the file system says.
    fn check_clock(&self, verification: &Verification) -> Result<(), Fault> {
        let mut logged = verification.log.entries.iter().filter_map(|entry| entry.at);
        if logged.any(|at| at > self.now) {
            return Err(clock_is_set_back(&verification.folder.join(LOG)));
        }
        let later = dated_after(&verification.opened, self.now, |key, _| {
            self.is_signer(key, verification)
        });
        if let Some(path) = later.first() {
            return Err(is_dated_later(&verification.folder.join(path)));
        }
        if verification.log_is_whole {
            return Ok(());
        }
        let manifest = &verification.manifest;
        let snapshots = manifest.exports.iter().map(|read| read.snapshot);
        let mut dates = snapshots.chain([manifest.as_of, manifest.issued_on]);
        let opened = verification.opened.open_file(Path::new(MANIFEST));
        let written = opened.and_then(|file| file.metadata()?.modified());
        let written = written.ok().and_then(|at| Timestamp::try_from(at).ok());
        match dates.any(|date| date > self.today()) || written.is_some_and(|at| at > self.now) {
            true => Err(clock_is_early(&verification.folder.join(MANIFEST))),
            false => Ok(()),
        }
    }

    /// Whether documents of this key prove something for an output: it is the manifest's, or the
    /// purge's own.
    fn is_signer(&self, key: &PublicKey, verification: &Verification) -> bool {
        key == self.signing_key.public() || verification.signer.key() == Some(key)
    }

    /// Checks that no journal or record in the round's other output folders, which may count for
    /// the inputs, is dated after the clock.
    fn check_dates_beside(&self, planned: &[PurgePlan]) -> Result<(), Faults> {
        let mut faults = FaultCollector::new();
        let counts = |key: &PublicKey, round: &str| {
            planned.iter().filter(|plan| plan.is_due).any(|plan| {
                let verification = &plan.verification;
                let is_of_round = round == shown_round(&verification.manifest);
                is_of_round && self.is_signer(key, verification)
            })
        };
        for output in self.siblings {
            // One that cannot be opened may need the inputs, and stops the purge by itself.
            let opened = self.opened.open(output);
            let later = opened.map(|opened| dated_after(&opened, self.now, counts));
            if let Some(path) = later.unwrap_or_default().first() {
                faults.push(is_dated_later(&output.join(path)));
            }
        }
        faults.finish()
    }

    /// Writes a journal of the files to delete and of those that have been set aside.
    fn write_journal(
        &self,
        plan: &PurgePlan,
        set_aside: Vec<PlacedFile>,
    ) -> Result<Journal, Fault> {
        let step = match set_aside.is_empty() {
            true => JournalStep::Start,
            false => JournalStep::SetAside,
        };
        let there = plan.remains.there.iter().map(FoundFile::journaled);
        let begun_at = plan.begun_at(self.now);
        let mut journal = self.journal(plan, begun_at, there.collect(), set_aside);
        journal.own_begun_at = (begun_at != self.now).then_some(self.now);
        let output = &plan.places.output;
        journal.write(output, plan.made_at, step, self.signing_key)?;
        Ok(journal)
    }

    /// Writes a journal of the files that are not certainly gone, so that a later purge can
    /// find out. `recorded_at` is the end of this purge.
    fn write_uncertain(
        &self,
        plan: &PurgePlan,
        accounts: &Accounts,
        recorded_at: Timestamp,
    ) -> Result<(), Fault> {
        let mut there: Vec<PlacedFile> = accounts.perhaps_there.iter().cloned().collect();
        let mut journals = accounts.perhaps_removed.clone();
        if !there.is_empty() {
            journals.entry(None).or_default();
        }
        // One for each time at which files were set aside.
        for (number, (set_aside_at, set_aside)) in (0_i64..).zip(journals) {
            let set_aside = set_aside.into_iter().collect();
            let there = std::mem::take(&mut there);
            let mut journal = self.journal(plan, recorded_at, there, set_aside);
            journal.own_begun_at = set_aside_at;
            // Each has a name of its own.
            let name = recorded_at.checked_add(Span::new().nanoseconds(number));
            let (name, step) = (name.unwrap_or(recorded_at), JournalStep::SetAside);
            journal.write(&plan.places.output, name, step, self.signing_key)?;
        }
        Ok(())
    }

    fn journal(
        &self,
        plan: &PurgePlan,
        begun_at: Timestamp,
        there: Vec<PlacedFile>,
        set_aside: Vec<PlacedFile>,
    ) -> Journal {
        let Head { format, version } = Journal::head();
        Journal {
            format,
            version,
            round: shown_round(&plan.verification.manifest),
            manifest_digest: plan.verification.manifest_digest.clone(),
            begun_at,
            own_begun_at: None,
            there,
            set_aside,
            public_key: self.signing_key.public().to_base64(),
        }
    }

    /// Deletes what is due in one output folder, and the inputs that are not in `handled`.
    /// In a dry run or before the day it returns what would be deleted. `set_aside_before` are
    /// the files that earlier purges had set aside.
    fn delete(
        &self,
        plan: &PurgePlan,
        set_aside_before: &ByFile<()>,
        handled: &mut BTreeSet<(FilePart, PathBuf)>,
    ) -> Result<Done, Fault> {
        let mut done = Done {
            left: plan.doubtful(),
            ..Done::default()
        };
        done.removed = match self.deletes(plan) {
            false => {
                let there = &plan.remains.there;
                done.left.extend(plan.removal(self.key_id).taken(there));
                distinct(there.iter().map(|found| &found.file))
            }
            true => {
                let removal = plan.removal(self.key_id);
                let locks = removal.lock_leftovers();
                let there = &plan.remains.there;
                let (set_aside, synced) =
                    removal.set_aside(there, &locks, set_aside_before, handled, &mut done);
                if let Err(error) = synced {
                    self.give_up(plan, &set_aside, set_aside_before);
                    return Err(not_synced(&plan.verification.folder, &error));
                }
                let mut found = set_aside.iter().map(|aside| &aside.found.file);
                if found.any(RoundFile::is_input)
                    && let Err(fault) = self.opened.check_outputs()
                {
                    self.give_up(plan, &set_aside, set_aside_before);
                    return Err(fault);
                }
                self.remove(plan, set_aside, set_aside_before, &mut done)?
            }
        };
        Ok(done)
    }

    fn deletes(&self, plan: &PurgePlan) -> bool {
        !self.dry_run && plan.is_due
    }

    /// Decides what became of each file, writes the record, and clears up. `shared` are the
    /// inputs that the purge removed for another output folder.
    fn record(
        &self,
        plan: &PurgePlan,
        done: &Done,
        shared: Vec<RoundFile>,
    ) -> Result<Purged, Faults> {
        let output = plan.verification.folder.clone();
        let manifest = &plan.verification.manifest;
        let purge_by = manifest.retention_until;
        let deletes = self.deletes(plan);
        let accounts = accounts(
            &plan.places,
            &plan.remains,
            &plan.stated,
            done,
            &shared,
            self.confirmed.is_some(),
            deletes,
        );
        let (removed_earlier, mut left) = (accounts.removed_earlier.clone(), accounts.left.clone());
        left.extend(plan.needed());
        // Each record stands alone: its folder may be audited without the others.
        let mut removed = [done.removed.as_slice(), &shared].concat();
        // Of a file with two names one may be left.
        let left_files = files_of(&left);
        removed.retain(|file| file.part == FilePart::CutOff || !left_files.has(file));
        removed.sort();
        // Not before: another file may have the same name, and that one was deleted.
        left.extend(plan.of_no_manifest());
        let (not_found, confirmed) = (accounts.not_found.clone(), accounts.confirmed.clone());
        let nothing_left = removed.is_empty()
            && removed_earlier.is_empty()
            && left.is_empty()
            && confirmed.is_empty();
        // After the journals of this purge, whatever the clock does.
        let after = self.now.checked_add(Span::new().nanoseconds(1));
        let completed_at = Timestamp::now().max(after.unwrap_or(self.now));
        let today = completed_at.to_zoned(jiff::tz::TimeZone::system()).date();
        let Head { format, version } = DeletionRecord::head();
        let reason = |reason: &str| black_out(reason).into_owned();
        let is_by_another = plan.verification.signer.key() != Some(self.signing_key.public());
        let record = DeletionRecord {
            format,
            version,
            software: Software::running(self.program),
            public_key: self.signing_key.public().to_base64(),
            other_signer: self.other_signer.filter(|_| is_by_another).map(reason),
            round: shown_round(manifest),
            manifest_digest: plan.verification.manifest_digest.clone(),
            folder: plan.places.output.mark().ok(),
            previous: plan.verification.last_record.clone(),
            purge_by,
            early: self.early.filter(|_| today < purge_by).map(reason),
            begun_at: plan.begun_at(self.now),
            completed_at,
            removed,
            removed_earlier,
            left,
            not_found,
            confirmed_because: self.confirmed.filter(|_| !confirmed.is_empty()).map(reason),
            confirmed,
            // Three years from the deletion, because the deletion is part of the
            // processing.
            keep_until: today.checked_add(Span::new().years(3)).unwrap_or(Date::MAX),
        };
        let earlier = plan.stated.accounted();
        let left_before = record.not_found.iter();
        let left_before = left_before.filter(|file| earlier.was_left(file)).cloned();
        let left_before = left_before.collect();
        let is_new = !nothing_left || plan.left_before();
        if deletes && is_new {
            // At every moment a journal or a record has what is known of each file.
            self.write_uncertain(plan, &accounts, completed_at)?;
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
            plan.removal(self.key_id).remove_empty_folders(&record.left);
        }
        Ok(Purged {
            output,
            purge_by,
            is_due: plan.is_due,
            filled_in: plan.verification.filled_in.clone(),
            record,
            nothing_left,
            shared,
            superseded: plan.superseded.clone(),
            replaced: plan.replaced.clone(),
            left_before,
            dated_later: plan.dated_later.clone(),
        })
    }

    /// Writes a journal of the files that have been set aside, and removes them. Returns
    /// the removed files, and adds the others to `done`.
    fn remove(
        &self,
        plan: &PurgePlan,
        set_aside: Vec<SetAside>,
        set_aside_before: &ByFile<()>,
        done: &mut Done,
    ) -> Result<Vec<RoundFile>, Fault> {
        if !set_aside.is_empty()
            && let Err(fault) = self.write_journal(
                plan,
                set_aside
                    .iter()
                    .map(|aside| aside.found.journaled())
                    .collect(),
            )
        {
            self.give_up(plan, &set_aside, set_aside_before);
            return Err(fault);
        }
        let removed = plan
            .removal(self.key_id)
            .remove(&plan.remains.there, set_aside, done)
            .map_err(|error| not_synced(&plan.verification.folder, &error))?;
        Ok(distinct(removed.iter()))
    }

    /// Gives the files their names back that were set aside and are in no journal.
    fn give_up(&self, plan: &PurgePlan, set_aside: &[SetAside], set_aside_before: &ByFile<()>) {
        // The next purge finds a file that keeps the purge's own name. If the journal is
        // there in spite of a fault, or one of an earlier purge, a file under its old
        // name could be moved away and would count as deleted.
        let output = &plan.places.output;
        if Journal::is_missing(output, plan.made_at, JournalStep::SetAside) {
            let given_up = set_aside.iter();
            let given_up = given_up.filter(|aside| !set_aside_before.has(&aside.found.file));
            for aside in given_up {
                plan.removal(self.key_id).restore(aside);
            }
        }
    }
}

/// Locks the folder of the inputs, which the output folders of a round share. Returns
/// `None` in a dry run, or if there is no such folder.
///
/// # Errors
/// When the folder cannot be opened, or another purge holds its lock.
pub fn lock_round_folder(round_folder: &Path, dry_run: bool) -> Result<Option<File>, Fault> {
    lock_opened(open_named(round_folder), round_folder, dry_run)
}

/// As [`lock_round_folder`], of the folder that was opened at that path.
///
/// # Errors
/// As there.
pub(crate) fn lock_opened(
    opened: io::Result<Folder>,
    round_folder: &Path,
    dry_run: bool,
) -> Result<Option<File>, Fault> {
    match opened {
        Ok(folder) if !dry_run => {
            let lock = folder.lock_itself();
            lock.map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock => inputs_in_use(round_folder),
                _ => Fault::unreadable(round_folder, &error),
            })
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // Inputs in it would count as missing.
        Err(error) => Err(Fault::unreadable(round_folder, &error)),
    }
}

/// Returns the inputs of all outputs but one of the named ones.
fn others_of<'n>(
    named: &'n [Option<NamedInputs>],
    index: usize,
    neighbours: &'n [Neighbour],
) -> impl Iterator<Item = &'n NamedInputs> + Clone {
    let named = named.iter().enumerate();
    let named = named.filter(move |(other, _)| *other != index);
    let named = named.filter_map(|(_, named)| named.as_ref());
    named.chain(neighbours.iter().map(|neighbour| &neighbour.named))
}

/// Returns a time in the form of those of files: seconds and nanoseconds.
fn moment(at: Timestamp) -> (i64, i64) {
    (at.as_second(), i64::from(at.subsec_nanosecond()))
}

/// Returns when an output was written, as its log says; `None` if that is not whole.
fn ran_at(verification: &Verification) -> Option<Timestamp> {
    let entries = verification.log.entries.iter();
    let last = entries.filter_map(|entry| entry.at).max();
    last.filter(|_| verification.log_is_whole)
}

/// Returns what journals and records of a folder must match; `None` if its manifest has no
/// valid signature.
fn signed_by(verification: &Verification) -> Option<SignedBy<'_>> {
    Some(SignedBy {
        manifest: &verification.manifest,
        manifest_digest: &verification.manifest_digest,
        signer: verification.signer.key()?,
        folder: verification.opened.mark().ok(),
    })
}

/// Returns the files as records name them, sorted, each once. Leftovers with the same name are
/// several files: their names differ in numbers that are blacked out.
fn distinct<'f>(files: impl Iterator<Item = &'f RoundFile>) -> Vec<RoundFile> {
    let mut files: Vec<RoundFile> = files.map(RoundFile::recorded).collect();
    files.sort();
    files.dedup_by(|one, other| one.part != FilePart::CutOff && one.is_same(other));
    files
}

impl PurgePlan {
    fn removal<'r>(&'r self, key_id: KeyIdOf<'r>) -> Removal<'r> {
        Removal {
            search: Search {
                manifest: &self.verification.manifest,
                places: &self.places,
                key_id,
            },
            needed: self.needed.as_ref(),
        }
    }

    /// Returns the inputs that its manifest names, if that has a valid signature.
    fn named(&self) -> Option<NamedInputs> {
        let signer = self.verification.signer.key()?;
        Some(NamedInputs::of(&self.verification.manifest, signer))
    }

    fn begun_at(&self, now: Timestamp) -> Timestamp {
        let journals = self.journals.counted.iter();
        let times = journals.map(|journal| journal.begun_at);
        times.min().unwrap_or(now).min(now)
    }

    /// Returns the files of the manifest that this purge must not delete.
    fn doubtful(&self) -> Vec<LeftFile> {
        let doubtful = self.remains.doubtful.iter();
        let doubtful = doubtful
            .filter(|(_, doubt)| doubt.is_of_manifest() && !matches!(doubt, Doubt::Needed(_)));
        let left = doubtful.map(|(file, doubt)| {
            let is_not_real = matches!(doubt, Doubt::NotReal | Doubt::NotRealAside);
            match is_not_real && file.part != FilePart::CutOff && self.places.holds_no_file(file) {
                true => LeftFile::unseen(file, doubt.text(file)),
                false => LeftFile::new(file, doubt.text(file)),
            }
        });
        left.collect()
    }

    /// Returns the files that this purge must not delete and that the manifest does not name below
    /// the round's folder: those that no step read, and those outside, whose deletion cannot be
    /// checked and which one record reports.
    fn of_no_manifest(&self) -> impl Iterator<Item = LeftFile> {
        let records = &self.verification.deleted;
        let is_recorded = |file: &LeftFile| {
            let mut earlier = records.iter().flat_map(|record| &record.left);
            let is_it = |left: &LeftFile| (&left.path, &left.digest) == (&file.path, &file.digest);
            earlier.any(|left| left.is_outside() && is_it(left))
        };
        let doubtful = self.remains.doubtful.iter();
        let doubtful = doubtful.filter(|(_, doubt)| !doubt.is_of_manifest());
        let left = doubtful.map(|(file, doubt)| LeftFile::new(file, doubt.text(file)));
        left.filter(move |file| !(file.is_outside() && is_recorded(file)))
    }

    /// Returns the inputs that other outputs still need. They are no other output's to report.
    fn needed(&self) -> impl Iterator<Item = LeftFile> {
        let needed = self.remains.needed_by();
        needed.map(|(file, by)| LeftFile::new(file, by.text()))
    }

    /// Whether the last record lists files as left that a purge can account for now. Those
    /// outside the round's folder are reported once.
    fn left_before(&self) -> bool {
        let last = self.verification.deleted.last();
        let mut left = last.into_iter().flat_map(|record| &record.left);
        left.any(|left| !left.is_outside())
    }
}

/// Returns the most bytes that a record of the files in `remains` can have, and of those of
/// which only journals or documents of other keys say something.
fn most_bytes_recorded(remains: &Remains, stated: &Stated) -> u64 {
    let found = || remains.all_here().chain(&remains.gone);
    let name = |file: &RoundFile| (file.part, black_out(&file.path).into_owned());
    let mut named: BTreeSet<_> = found().map(name).collect();
    let others = stated.files().filter(|file| named.insert(name(file)));
    let others: Vec<&RoundFile> = others.collect();
    // Leftovers with the same name are an entry each.
    let bytes = found().chain(others).map(RoundFile::most_bytes_recorded);
    bytes.sum()
}

/// The disk does not confirm that files have other names now or are gone.
fn not_synced(output: &Path, error: &io::Error) -> Fault {
    let reason = io_reason(error);
    Fault::of_file(
        output,
        Text::new(
            format!("磁盘未确认文件的改名或删除，未写删除记录：{}", reason.zh),
            format!(
                "the disk does not confirm that files were renamed or removed, so there is no deletion record: {}",
                reason.en
            ),
        ),
        Text::new(
            "请检查磁盘，然后重新运行 purge",
            "check the disk, and run `purge` again",
        ),
    )
}

/// `is_by_leftovers` says whether a record could name all files without what interrupted runs left.
fn too_many_files(output: &Path, is_by_leftovers: bool) -> Fault {
    let size = size_text(LARGEST_DOCUMENT);
    Fault::of_file(
        output,
        Text::new(
            format!(
                "本轮的文件过多，删除记录可能大于{}，未删除任何文件",
                size.zh
            ),
            format!(
                "the round has so many files that the deletion record could be larger than {}; nothing was deleted",
                size.en
            ),
        ),
        match is_by_leftovers {
            true => Text::new(
                "请人工删除中断的运行留下的文件（.NAME.partial-...），记入会议记录，然后重新运行",
                "delete what interrupted runs left (.NAME.partial-...) by hand, note it in the minutes, and run again",
            ),
            false => Text::new(
                "运行记录所列的文件已超出一份删除记录所能载明的数量，purge 不能删除本轮：到期后请人工删除导出、收到的文件、密钥和输出文件夹中涉及个人的文件，记入会议记录，第19项检查仍为不符合；以后各轮的每份导出请合并为较少的文件",
                "the manifest names more files than one deletion record can hold, so no purge can delete this round: when it is due, delete exports, received files, key and the files about persons in the output folder by hand, and note it in the minutes; check 19 stays not held; join the files of each export into fewer ones in later rounds",
            ),
        },
    )
}

fn is_filled_in(workbook: &Path) -> Fault {
    Fault::of_file(
        workbook,
        Text::new(
            "此工作簿已填写，删除后其中的核查结论无法恢复；未删除任何文件",
            "this workbook was filled in, and its decisions cannot be restored once it is deleted; nothing was deleted",
        ),
        Text::new(
            "请先用 aidlink register decide 收录，或复制到别处；确认不再需要的，加 --filled-in",
            "take them in with `aidlink register decide`, or copy the workbook elsewhere; then delete it with --filled-in",
        ),
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

fn clock_is_set_back(document: &Path) -> Fault {
    Fault::of_file(
        document,
        Text::new(
            "本机时钟早于本轮日志：时钟不准，或已被调回",
            "this machine's clock is earlier than this round's log: it is wrong or was set back",
        ),
        Text::new(
            "请先校准时钟；时钟无误的，则写日志时时钟不准：请记入会议记录，过了该时间再运行 purge；其他输出文件夹可逐个指明",
            "correct the clock first; if it is right, it was wrong when the log was written: note it in the minutes, and run `purge` again after that time; other output folders can be named one by one",
        ),
    )
}

/// `document` is the folder of a journal or record.
fn is_dated_later(document: &Path) -> Fault {
    Fault::of_file(
        document,
        Text::new(
            "本机时钟早于此 purge 记录的时间：时钟不准，或已被调回",
            "this machine's clock is earlier than this record of a purge: it is wrong or was set back",
        ),
        Text::new(
            "请先校准时钟；时钟无误的，则写此记录时时钟不准：请将此文件夹移出输出文件夹并保存，记入会议记录，再重新运行 purge；此后第19项检查会指出没有删除记录的文件",
            "correct the clock first; if it is right, it was wrong when that was written: move this folder out of the output folder and keep it, note it in the minutes, and run `purge` again; check 19 then says which files are missing without a record",
        ),
    )
}

fn clock_is_early(manifest: &Path) -> Fault {
    Fault::of_file(
        manifest,
        Text::new(
            "日志缺失或不完整，而本机时钟早于运行记录：时钟不准，或已被调回",
            "the log is missing or not whole, and this machine's clock is earlier than the manifest: it is wrong or was set back",
        ),
        Text::new(
            "请先校准时钟，或从备份恢复日志",
            "correct the clock first, or restore the log from a backup",
        ),
    )
}

pub(crate) fn inputs_in_use(folder: &Path) -> Fault {
    Fault::of_file(
        folder,
        Text::new(
            "另一个 purge 正在运行，或有运行正在读取本轮的输入文件，或有程序占用此文件夹；未删除任何文件",
            "another purge is running, or a run that reads inputs of the round, or a program holds this folder locked; nothing was deleted",
        ),
        Text::new("请待其结束后重新运行", "run again when it has ended"),
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
