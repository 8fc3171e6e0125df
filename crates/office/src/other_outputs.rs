//! The output folders in a round's folder that a purge or an audit of others leaves alone, such as a
//! copy of the named one or an output of another round. Each is told in a line. Their manifests say
//! little of what is beside them: anybody may put one there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aidlink_faults::personal_number::{shown_name, shown_path};
use aidlink_faults::text::Text;
use aidlink_files::document::Document as _;
use aidlink_files::folder::{Folder, digest_of};
use aidlink_files::regular_file;
use jiff::civil::Date;
use serde::Serialize;

use crate::aside::aside_place;
use crate::deletion_record::RoundFile;
use crate::manifest::{MANIFEST, Manifest};
use crate::needed::{Standing, standing_of};
use crate::remains::{KeyIdOf, LONGEST_KEY_FILE, inputs};
use crate::round::relative_to;
use crate::round_folder::RoundFolder;
use crate::signing::PublicKey;

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
    /// The name of the program with which the user purges.
    #[serde(skip)]
    program: String,
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
    /// A purge has deleted its data.
    Purged,
    /// No key of the round signed its manifest.
    NotVerified,
    /// Its manifest cannot be read.
    Unreadable,
}

/// The files of the other output folders, by their paths relative to the round's folder.
pub(crate) struct OfOthers {
    /// The folders, with their manifests if they can be read.
    pub(crate) folders: Vec<(String, Option<Manifest>)>,
    /// Files beside them that are certainly their inputs.
    pub(crate) inputs: BTreeSet<String>,
    pub(crate) told: Vec<OtherOutput>,
}

impl OfOthers {
    /// Judges the output folders that were found and not named. `is_open` says whether a file at a
    /// path is there and nothing else says what it is.
    pub(crate) fn find(
        found: &RoundFolder,
        judging: Judging<'_>,
        is_open: impl Fn(&str) -> bool,
    ) -> Self {
        let named: BTreeMap<String, &PathBuf> = found
            .outputs
            .iter()
            .filter_map(|output| Some((manifest_in(found, output)?.digest, output)))
            .collect();
        let mut files = Inputs {
            folder: found.opened.open(&found.folder).ok(),
            judging,
            digests: BTreeMap::new(),
        };
        let mut others = OfOthers {
            folders: Vec::new(),
            inputs: BTreeSet::new(),
            told: Vec::new(),
        };
        for output in &found.siblings {
            // Only what is below the round's folder is told.
            let Some(place) = relative_to(&found.folder, output) else {
                continue;
            };
            let manifest = manifest_in(found, output);
            let opened = found.opened.open(output);
            let standing = standing_of(output, opened, judging.signers);
            let copy_of = manifest.as_ref().and_then(|read| named.get(&read.digest));
            let state = match (&manifest, &standing) {
                (None, _) => OtherState::Unreadable,
                (_, Ok(Standing::Purged)) => OtherState::Purged,
                _ if copy_of.is_some() => OtherState::Copy,
                (_, Ok(Standing::Kept(manifest))) => {
                    match manifest.retention_until <= judging.today {
                        true => OtherState::Due,
                        false => OtherState::NotDue,
                    }
                }
                _ => OtherState::NotVerified,
            };
            let own = match &standing {
                Ok(Standing::Kept(manifest)) => files.of(&place, manifest, &is_open),
                _ => BTreeSet::new(),
            };
            let manifest = manifest.map(|read| read.manifest);
            others.told.push(OtherOutput {
                folder: shown_path(&found.folder.join(&place)),
                round: manifest
                    .as_ref()
                    .map(|manifest| shown_name(&manifest.round).into_owned()),
                delete_by: manifest.as_ref().map(|manifest| manifest.retention_until),
                state,
                copy_of: copy_of.map(|output| shown_path(output)),
                inputs: own.len(),
                program: judging.program.to_owned(),
            });
            others.inputs.extend(own);
            others.folders.push((place, manifest));
        }
        others
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

/// Finds the inputs of other outputs by their content.
struct Inputs<'i> {
    folder: Option<Folder>,
    judging: Judging<'i>,
    /// The digests of the files that were read. Each is read once.
    digests: BTreeMap<PathBuf, Option<String>>,
}

impl Inputs<'_> {
    /// Returns the files that an output at a place read, as far as they are open and have the
    /// content in its manifest. Paths in it are relative to a folder above the output.
    fn of(
        &mut self,
        place: &str,
        manifest: &Manifest,
        is_open: impl Fn(&str) -> bool,
    ) -> BTreeSet<String> {
        let mut own = BTreeSet::new();
        for input in inputs(manifest) {
            let path = Path::new(&input.path);
            // A killed purge gave it its own name.
            let places = [path.to_path_buf(), aside_place(&input, path)];
            for home in Path::new(place).ancestors().skip(1) {
                for place in places.iter().map(|path| home.join(path)) {
                    let Some(name) = place.to_str() else {
                        continue;
                    };
                    if is_open(name) && self.is(&place, &input, manifest) {
                        own.insert(name.to_owned());
                    }
                }
            }
        }
        own
    }

    /// Whether the file at a place has the content of an input.
    fn is(&mut self, place: &Path, input: &RoundFile, manifest: &Manifest) -> bool {
        let Some(folder) = &self.folder else {
            return false;
        };
        if input.key_id.is_some() {
            let file = folder.open_file(place);
            let content = file.and_then(|file| regular_file::read_open(&file, LONGEST_KEY_FILE));
            let content = content.map(zeroize::Zeroizing::new);
            let id = content
                .ok()
                .and_then(|content| (self.judging.key_id)(&content, manifest));
            return id == input.key_id;
        }
        let digest = self.digests.entry(place.to_path_buf()).or_insert_with(|| {
            let file = folder.open_file(place);
            let digest = file.and_then(|mut file| digest_of(&mut file));
            digest.ok().map(|(digest, _)| digest)
        });
        input.digest.is_some() && *digest == input.digest
    }
}

impl OtherOutput {
    /// Whether nothing of it is left to delete.
    pub fn is_purged(&self) -> bool {
        self.state == OtherState::Purged
    }

    /// Returns the line to print.
    pub fn text(&self) -> Text {
        let (folder, program) = (&self.folder, &self.program);
        let round = self.round.as_deref().unwrap_or_default();
        let day = self
            .delete_by
            .map(|day| day.to_string())
            .unwrap_or_default();
        let copy_of = self.copy_of.as_deref().unwrap_or_default();
        let (zh, en) = match self.state {
            OtherState::Copy => (
                format!(
                    "{copy_of} 的副本（轮次 {round}，删除期限 {day}），不随其删除：请删去，或运行 {program} purge {folder}"
                ),
                format!(
                    "a copy of {copy_of} (round {round}, due on {day}), which is not deleted with it: delete it, or run `{program} purge {folder}`"
                ),
            ),
            OtherState::Due => (
                format!(
                    "另一输出文件夹（轮次 {round}，删除期限 {day}），已到期：请运行 {program} purge {folder}"
                ),
                format!(
                    "another output folder (round {round}), due since {day}: run `{program} purge {folder}`"
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
