//! The output folders in a round's folder that a purge or an audit of others leaves alone, such as a
//! copy of the named one or an output of another round. Each is told in a line. Their manifests say
//! little of what is beside them: anybody may put one there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aidlink_faults::personal_number::{shown_name, shown_path};
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_files::folder::Folder;
use jiff::civil::Date;
use serde::Serialize;

use crate::aside::aside_place;
use crate::content::{Contents, NamedInputs};
use crate::manifest::{MANIFEST, Manifest};
use crate::remains::{KeyIdOf, aside_paths_of_outputs, inputs, is_record};
use crate::round::place_in;
use crate::round_folder::RoundFolder;
use crate::shell::in_shell;
use crate::signing::PublicKey;
use crate::standing::{OurOutput, Standing, ours, standing_of};
use crate::written_path::{plain, stays_inside};

/// By what a purge or an audit judges other output folders.
#[derive(Clone, Copy)]
pub struct Judging<'j> {
    /// The keys that signed, or may have signed, outputs of this office.
    pub signers: &'j [PublicKey],
    /// Returns the id of a round key.
    pub key_id: KeyIdOf<'j>,
    /// The name of the program with which the user purges.
    pub program: &'j str,
    /// Today.
    pub today: Date,
}

/// Another output folder, as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OtherOutput {
    /// Its path, as it may be shown.
    pub folder: String,
    /// The round's id in its manifest, as it may be shown.
    pub round: Option<String>,
    /// The day of deletion in its manifest.
    pub delete_by: Option<Date>,
    /// What it is.
    pub state: OtherState,
    /// The output folder of which it is a copy.
    pub copy_of: Option<String>,
    /// How many files beside it are its inputs and no other output's that was named.
    pub inputs: usize,
    /// How many files in it a purge would have deleted, if one has deleted its data. They are there
    /// again, or could not be deleted.
    pub returned: usize,
    /// The command with which the user purges it.
    #[serde(skip)]
    command: String,
}

/// What another output folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OtherState {
    /// Its manifest is that of a named one.
    Copy,
    /// It must be purged.
    Due,
    /// Its day of deletion is to come.
    NotDue,
    /// A purge has deleted its data, and nothing of it is here.
    Purged,
    /// A purge has deleted its data, and some of it is here.
    Returned,
    /// No key of the round signed its manifest.
    NotVerified,
    /// Its manifest cannot be read.
    Unreadable,
}

/// The files of the other output folders, by their paths relative to the round's folder.
pub(crate) struct OfOthers {
    /// The folders, with their manifests if they can be read.
    pub(crate) folders: Vec<(PathBuf, Option<Manifest>)>,
    /// Files beside them that are certainly their inputs.
    pub(crate) inputs: BTreeSet<PathBuf>,
    pub(crate) told: Vec<OtherOutput>,
    /// The inputs of all output folders of this office that were named, and of the others that no
    /// purge has deleted.
    pub(crate) named: Vec<NamedInputs>,
}

impl OfOthers {
    /// Judges the output folders that were found and not named. `is_open` says whether a file at a
    /// path is there and nothing else says what it is.
    pub(crate) fn find(
        found: &RoundFolder,
        judging: Judging<'_>,
        is_open: impl Fn(&Path) -> bool,
    ) -> Self {
        let by_digest: BTreeMap<String, &PathBuf> = found
            .outputs
            .iter()
            .filter_map(|output| Some((manifest_in(found, output)?.digest, output)))
            .collect();
        let named = ours(&found.outputs, &found.opened, judging.signers);
        let mut others = OfOthers {
            folders: Vec::new(),
            inputs: BTreeSet::new(),
            told: Vec::new(),
            named: named.iter().map(OurOutput::named).collect(),
        };
        // Only what is below the round's folder is told.
        let siblings = found.siblings.iter().filter_map(|output| {
            let opened = found.opened.open(output);
            let standing = standing_of(output, opened, judging.signers);
            let place = place_in(&found.folder, output)?;
            Some((output, place, standing))
        });
        let siblings: Vec<_> = siblings.collect();
        for (_, _, standing) in &siblings {
            if let Ok(Standing::Ours(ours)) = standing
                && !ours.is_purged()
            {
                others.named.push(ours.named());
            }
        }
        let folder = found.opened.open(&found.folder).ok();
        let contents = folder.as_ref();
        let contents = contents.map(|folder| Contents::of(folder, judging.key_id));
        for (output, place, standing) in siblings {
            let read = manifest_in(found, output);
            let copy_of = read.as_ref().and_then(|read| by_digest.get(&read.digest));
            let (own, returned) = match (&standing, &contents) {
                (Ok(Standing::Ours(ours)), _) if ours.is_purged() => {
                    (BTreeSet::new(), outputs_in(ours))
                }
                (Ok(Standing::Ours(ours)), Some(contents)) => {
                    (inputs_at(&place, &ours.manifest, contents, &is_open), 0)
                }
                _ => (BTreeSet::new(), 0),
            };
            let state = match (&read, &standing) {
                (None, _) => OtherState::Unreadable,
                (_, Ok(Standing::Ours(ours))) if ours.is_purged() => match returned {
                    0 => OtherState::Purged,
                    _ => OtherState::Returned,
                },
                _ if copy_of.is_some() => OtherState::Copy,
                (_, Ok(Standing::Ours(ours))) => {
                    match ours.manifest.retention_until <= judging.today {
                        true => OtherState::Due,
                        false => OtherState::NotDue,
                    }
                }
                _ => OtherState::NotVerified,
            };
            let manifest = read.map(|read| read.manifest);
            others.told.push(OtherOutput {
                folder: shown_path(&found.folder.join(&place)),
                round: manifest
                    .as_ref()
                    .map(|manifest| shown_name(&manifest.round).into_owned()),
                delete_by: manifest.as_ref().map(|manifest| manifest.retention_until),
                state,
                copy_of: copy_of.map(|output| shown_path(output)),
                inputs: own.len(),
                returned,
                command: command(found, &place, manifest.as_ref(), judging.program),
            });
            others.inputs.extend(own);
            others.folders.push((place, manifest));
        }
        others
    }
}

/// Returns the command that purges an output folder at a place below the round's folder. In a
/// subfolder the round file is not beside it: its inputs are where they were.
fn command(
    found: &RoundFolder,
    place: &Path,
    manifest: Option<&Manifest>,
    program: &str,
) -> String {
    let folder = in_shell(&shown_path(&found.folder.join(place)));
    let home = found.folder.join(place);
    let home = home.parent().unwrap_or(&found.folder);
    let mut round_files = found.round_files.iter();
    let is_beside = place.components().count() == 1
        || round_files.any(|file| place_in(home, &file.folder) == Some(PathBuf::new()));
    let is_of_round = manifest.is_some_and(|manifest| found.rounds.contains(&manifest.round));
    let round_file = found.round_file.as_ref();
    match round_file.filter(|_| !is_beside && is_of_round) {
        Some(file) => {
            let file = in_shell(&shown_path(file));
            format!("{program} purge {folder} --round {file}")
        }
        None => format!("{program} purge {folder}"),
    }
}

/// A manifest and the digest of its bytes.
struct ReadManifest {
    manifest: Manifest,
    digest: String,
}

fn manifest_in(found: &RoundFolder, output: &Path) -> Option<ReadManifest> {
    let folder = found.opened.open(output).ok()?;
    let bytes = folder.read(Path::new(MANIFEST), Manifest::LARGEST).ok()?;
    Some(ReadManifest {
        manifest: Manifest::parse(&bytes).ok()?,
        digest: blake3::hash(&bytes).to_hex().to_string(),
    })
}

/// Returns the files that an output at a place read, as far as they are asked for and have the
/// content in its manifest. Paths in it are relative to a folder above the output.
fn inputs_at(
    place: &Path,
    manifest: &Manifest,
    contents: &Contents<'_>,
    is_asked: impl Fn(&Path) -> bool,
) -> BTreeSet<PathBuf> {
    let mut own = BTreeSet::new();
    for input in inputs(manifest) {
        let path = Path::new(&input.path);
        // A killed purge gave it its own name.
        let places = [path.to_path_buf(), aside_place(&input, path)];
        for home in place.ancestors().skip(1) {
            for place in places.iter().map(|path| home.join(path)) {
                let is_it = || contents.is(&place, &input, manifest).unwrap_or_default();
                if is_asked(&place) && is_it() {
                    own.insert(place);
                }
            }
        }
    }
    own
}

/// Returns the number of files in an output folder that a purge deletes.
fn outputs_in(ours: &OurOutput) -> usize {
    let manifest = &ours.manifest;
    let written = manifest.outputs.iter().map(|output| plain(&output.file));
    let written = written.filter(|file| stays_inside(file) && !is_record(file));
    let written = written.map(PathBuf::from);
    let names: BTreeSet<PathBuf> = written.chain(aside_paths_of_outputs(manifest)).collect();
    let is_there = |name: &&PathBuf| is_there(&ours.folder, name);
    names.iter().filter(is_there).count()
}

fn is_there(folder: &Folder, path: &Path) -> bool {
    folder.kind(path).is_ok()
}

impl OtherOutput {
    /// Whether nothing of it is left to delete.
    pub fn is_purged(&self) -> bool {
        self.state == OtherState::Purged
    }

    /// Returns the line to print.
    pub fn text(&self) -> Text {
        let (folder, command) = (&self.folder, &self.command);
        let round = self.round.as_deref().unwrap_or_default();
        let day = self
            .delete_by
            .map(|day| day.to_string())
            .unwrap_or_default();
        let copy_of = self.copy_of.as_deref().unwrap_or_default();
        let (zh, en) = match self.state {
            OtherState::Copy => (
                format!(
                    "{copy_of} 的副本，或以相同输入文件再次运行的结果（轮次 {round}，删除期限 {day}），不随其删除：请运行 {command}，副本也可删去"
                ),
                format!(
                    "a copy of {copy_of}, or a second run with the same inputs (round {round}, due on {day}), which is not deleted with it: run `{command}`, or delete it if it is a copy"
                ),
            ),
            OtherState::Due => (
                format!(
                    "另一输出文件夹（轮次 {round}，删除期限 {day}），已到期：请运行 {command}"
                ),
                format!(
                    "another output folder (round {round}), due since {day}: run `{command}`"
                ),
            ),
            OtherState::NotDue => (
                format!("另一输出文件夹（轮次 {round}，删除期限 {day}），尚未到期"),
                format!("another output folder (round {round}), not due before {day}"),
            ),
            OtherState::Purged => (
                format!("另一输出文件夹（轮次 {round}），已有 purge 删除其数据"),
                format!("another output folder (round {round}), of which a purge has deleted the data"),
            ),
            OtherState::Returned => {
                let returned = self.returned;
                (
                    format!(
                        "另一输出文件夹（轮次 {round}），已有 purge 删除其数据，但其中仍有{returned}个应删除的文件，或为未能删除，或为后来放回：请运行 {command}"
                    ),
                    format!(
                        "another output folder (round {round}), of which a purge has deleted the data, but {returned} files of it are still or again in it: run `{command}`"
                    ),
                )
            }
            OtherState::NotVerified => (
                format!(
                    "另一输出文件夹（其运行记录写明轮次 {round}，删除期限 {day}），不能确认由本机构签署：请人工检查"
                ),
                format!(
                    "another output folder (round {round}, due on {day}, as its manifest says), and nobody can tell whether this office signed it: check it by hand"
                ),
            ),
            OtherState::Unreadable => (
                "另一输出文件夹，其运行记录缺失或无法读取：请人工检查，或从备份恢复".to_owned(),
                "another output folder, of which the manifest is missing or cannot be read: check it by hand, or restore it from a backup".to_owned(),
            ),
        };
        let (zh_inputs, en_inputs) = match self.inputs {
            0 => (String::new(), String::new()),
            count => (
                format!("；旁边有{count}个文件是其输入文件"),
                format!("; {count} files beside it are its inputs"),
            ),
        };
        Text::new(
            format!("{folder}：{zh}{zh_inputs}"),
            format!("{folder}: {en}{en_inputs}"),
        )
    }
}
