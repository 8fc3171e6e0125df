//! Checks `[register]`: the procuratorate's register, read in place of the export of earlier
//! referrals. It is the procuratorate's own, and outlives its rounds, so it is never in the
//! folder of one.

use std::fs;
use std::path::{Path, PathBuf};

use aidlink_faults::configuration::{Document, Located};
use aidlink_faults::fault::FaultCollector;
use aidlink_faults::personal_number::{refused_name, shown_path};
use aidlink_faults::text::Text;
use aidlink_files::partial::parent_of;
use aidlink_policy::pack::{CASE_EXPORT, REFERRALS_EXPORT};
use aidlink_policy::reading::PlannedRegister;

use super::own::Reads;
use super::terms::Mode;
use super::written::{WrittenExport, WrittenRegister};
use crate::round_folder::{holds_a_round_file_or_draft, manifest_of};

/// The file of the register's key, beside the register.
const KEY: &str = "register.key";
/// The usual name of a round file.
const ROUND_FILE: &str = "round.toml";

pub(super) struct Checker<'c> {
    /// The folder of the round file.
    pub(super) folder: &'c Path,
    pub(super) document: &'c Document,
    pub(super) faults: &'c mut FaultCollector,
}

impl Checker<'_> {
    /// Returns where the register is. `referrals` is the export of earlier referrals.
    pub(super) fn register(
        self,
        written: &WrittenRegister,
        referrals: Option<(&Located<String>, &WrittenExport)>,
        by: ReadBy<'_>,
    ) -> Option<PlannedRegister> {
        let before = self.faults.iter().len();
        let file = written.file.required(self.faults);
        let key = written.key.optional(self.faults);
        let public_key = written.public_key.optional(self.faults);
        self.faults.extend(written.unknown.clone());
        let mut fault = |at: &std::ops::Range<usize>, message: Text, hint: Text| {
            self.faults
                .push(self.document.fault(at.clone(), message, hint));
        };
        if by.is_another_office() {
            fault(
                &written.at,
                Text::new(
                    "只有检察机关的轮次文件可以写 [register]",
                    "only the procuratorate's round file may have [register]",
                ),
                Text::new(
                    "请从本机构的轮次文件中删去 [register]：登记簿不离开检察机关",
                    "remove [register] from this office's round file: the register does not leave the procuratorate",
                ),
            );
        }
        match referrals {
            None => fault(
                &written.at,
                Text::new(
                    format!("有 [register]，但没有 {REFERRALS_EXPORT} 的 [[export]]"),
                    format!("there is a [register], but no [[export]] of {REFERRALS_EXPORT}"),
                ),
                Text::new(
                    format!(
                        "请添加 [[export]] schema = \"{REFERRALS_EXPORT}\"，写提取日和法律依据，不写 path"
                    ),
                    format!(
                        "add an [[export]] with schema = \"{REFERRALS_EXPORT}\", snapshot and legal basis, and without `path`"
                    ),
                ),
            ),
            Some((schema, export))
                if export.own_parts.is_some() || export.reading_file.is_some() =>
            {
                fault(
                    &schema.at,
                    Text::new(
                        "此导出既有文件，又由 [register] 的登记簿代替",
                        "this export has files, and the register of [register] stands in its place",
                    ),
                    Text::new(
                        "请只保留一处：删去此处的 path 等各项（或 reading/ 中的文件），或删去 [register]",
                        "keep one of them: remove `path` and the keys for reading here (or the file in reading/), or remove [register]",
                    ),
                );
            }
            Some(_) => {}
        }
        let file = file?;
        let path = self.folder.join(&file.value);
        // The round file is copied into the output folder.
        if let Some(reason) = refused_name(&file.value) {
            fault(
                &file.at,
                reason,
                Text::new("请更改文件夹或文件的名称", "rename the folder or the file"),
            );
            return None;
        }
        if let Some(round) = round_around(&path, Some(self.folder)) {
            let round = shown_path(&round);
            fault(
                &file.at,
                Text::new(
                    format!("登记簿在轮次文件夹 {round} 中"),
                    format!("the register is in the folder of a round, {round}"),
                ),
                Text::new(
                    "请将登记簿移到轮次文件夹以外：它比各轮次保存得久，且两种密钥不得放在一处",
                    "move the register outside: it outlives its rounds, and the two keys must not be in one place",
                ),
            );
        } else if !path.is_file() {
            match by.reads {
                // Its rows are not asked for.
                Reads::Nothing | Reads::Present => return None,
                Reads::One(_) if !by.reads.reads_register() => return None,
                Reads::One(_) | Reads::All => {}
            }
            fault(
                &file.at,
                Text::new(
                    format!("找不到登记簿“{}”", file.value),
                    format!("the register `{}` does not exist", file.value),
                ),
                Text::new(
                    "请检查路径（相对于轮次文件所在的文件夹）；登记簿由 aidlink register init 建立",
                    "check the path, which is relative to the folder of the round file; `aidlink register init` makes a register",
                ),
            );
        }
        if let Some(key) = &key
            && let Some(round) = round_around(&self.folder.join(&key.value), Some(self.folder))
        {
            let round = shown_path(&round);
            fault(
                &key.at,
                Text::new(
                    format!("登记簿的密钥在轮次文件夹 {round} 中"),
                    format!("the key of the register is in the folder of a round, {round}"),
                ),
                Text::new(
                    "请将密钥移到轮次文件夹以外：它不得与轮次密钥放在一处",
                    "move the key outside: it must not be where a round's key is",
                ),
            );
        }
        let planned = planned(self.folder, &file.value, key, public_key);
        (self.faults.iter().len() == before).then_some(planned)
    }
}

/// Returns where a register, its key and its public key are. Paths are seen from the folder of
/// the round file.
fn planned(
    folder: &Path,
    file: &str,
    key: Option<&Located<String>>,
    public_key: Option<&Located<String>>,
) -> PlannedRegister {
    let path = folder.join(file);
    let key: PathBuf = match key {
        Some(key) => folder.join(&key.value),
        None => parent_of(&path).join(KEY),
    };
    let public_key = public_key.map(|text| {
        let file = folder.join(&text.value);
        match file.is_file() {
            true => file.to_string_lossy().into_owned(),
            false => text.value.clone(),
        }
    });
    PlannedRegister {
        file: path,
        key,
        public_key,
    }
}

impl WrittenRegister {
    /// Returns where the register is, whether it exists or may be there; `None` if no file is
    /// written.
    pub(super) fn planned(&self, folder: &Path) -> Option<PlannedRegister> {
        let (file, key) = (self.file.value()?, self.key.value());
        Some(planned(folder, &file.value, key, self.public_key.value()))
    }
}

/// Who reads the round file.
#[derive(Clone, Copy)]
pub(super) struct ReadBy<'r> {
    /// Whether it is a step, and no other command.
    pub(super) is_step: bool,
    pub(super) mode: Mode,
    pub(super) reads: Reads<'r>,
}

impl ReadBy<'_> {
    /// Whether it is a step of another office than the procuratorate.
    fn is_another_office(self) -> bool {
        let agency = |schema: &str| schema.split('.').next().map(str::to_owned);
        self.is_step
            && self.mode == Mode::Split
            && match self.reads {
                Reads::Nothing => true,
                Reads::One(name) => agency(name) != agency(CASE_EXPORT),
                Reads::All | Reads::Present => false,
            }
    }
}

/// Returns the folder of a round in which a place is, or would be once it is made: `own`, or one
/// with a round file, whatever its name, or one that a step wrote. Links on the way are followed:
/// what is behind them is deleted with its round.
pub fn round_around(place: &Path, own: Option<&Path>) -> Option<PathBuf> {
    let folder = real(parent_of(place))?;
    let own = own.and_then(|own| fs::canonicalize(own).ok());
    let mut above = folder.ancestors();
    let round = above.find(|folder| own.as_deref() == Some(*folder) || is_of_a_round(folder));
    round.map(Path::to_path_buf)
}

/// Whether a folder is that of a round file, or an output folder. A file with the usual name of a
/// round file counts even if it cannot be read.
fn is_of_a_round(folder: &Path) -> bool {
    folder.join(ROUND_FILE).symlink_metadata().is_ok()
        || manifest_of(folder).is_some()
        || holds_a_round_file_or_draft(folder)
}

/// Returns the real path of a place that may not exist yet: that of the part that exists, and
/// the rest as it is written.
fn real(path: &Path) -> Option<PathBuf> {
    path.ancestors().find_map(|there| {
        let rest = path.strip_prefix(there).ok()?;
        let there = match there.as_os_str().is_empty() {
            true => Path::new("."),
            false => there,
        };
        let mut real = fs::canonicalize(there).ok()?;
        real.extend(rest);
        Some(real)
    })
}
