//! The parsed round file. All its keys are read here.
//!
//! Parsing does not stop at a fault. Each value is kept with its own faults, which
//! are reported when the value is used. So a command that needs one key is not
//! stopped by a fault in another key, and a step, which needs all keys, reports
//! all faults at once.

use std::ffi::OsStr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use aidlink_faults::configuration::{Document, LARGEST_CONFIGURATION, Located, Node, TableReader};
use aidlink_faults::fault::{Fault, FaultCollector, Faults};
use aidlink_faults::text::Text;
use aidlink_files::folder::Folder;
use aidlink_files::partial::parent_of;
use aidlink_files::regular_file;
use aidlink_policy::pack::files_below;
use aidlink_policy::reading::PlannedRegister;
use jiff::civil::Date;

use super::parts::{Nesting, WrittenPart, parts};
use super::paths::inside;
use super::reading_file::ReadingFile;
use super::terms::Mode;
use super::{SIGNING_KEY, TO_FILL_IN};
use crate::sealed::Recipient;
use crate::signing::PublicKey;

/// The value of a key with its faults. A missing key is also a fault, which is
/// ignored if the value is optional.
#[derive(Debug)]
pub(super) struct Written<T> {
    is_present: bool,
    value: Option<T>,
    faults: FaultCollector,
}

impl<T> Written<T> {
    fn read<'d>(
        table: &mut TableReader<'d>,
        key: &'static str,
        read: impl FnOnce(&mut TableReader<'d>, &'static str, &mut FaultCollector) -> Option<T>,
    ) -> Self {
        let is_present = table.node(key).is_some();
        let mut faults = FaultCollector::new();
        let value = read(table, key, &mut faults);
        Written {
            is_present,
            value,
            faults,
        }
    }

    /// Whether the key is there, whatever its value.
    pub(super) fn is_present(&self) -> bool {
        self.is_present
    }

    /// Returns the value, if it is present and valid.
    pub(super) fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Returns the value. Reports it if it is missing or invalid.
    pub(super) fn required(&self, faults: &mut FaultCollector) -> Option<&T> {
        faults.extend(self.faults.clone());
        self.value.as_ref()
    }

    /// Returns the value. Reports it if it is invalid, but not if it is missing.
    pub(super) fn optional(&self, faults: &mut FaultCollector) -> Option<&T> {
        if self.is_present {
            faults.extend(self.faults.clone());
        }
        self.value.as_ref()
    }
}

type WrittenString = Written<Located<String>>;
type WrittenDate = Written<Located<Date>>;

/// `[impact_assessment]`.
#[derive(Debug)]
pub(super) struct WrittenAssessment {
    pub(super) id: Option<Located<String>>,
    pub(super) valid_until: Option<Located<Date>>,
}

/// `[key]`.
#[derive(Debug)]
pub(super) struct WrittenKey {
    pub(super) file: WrittenString,
    pub(super) algorithm: WrittenString,
    pub(super) unknown: FaultCollector,
}

/// `[sealing]`.
#[derive(Debug)]
pub(super) struct WrittenSealing {
    pub(super) at: Range<usize>,
    pub(super) plain: Written<Vec<Located<String>>>,
    pub(super) centre: WrittenString,
    pub(super) procuratorate: WrittenString,
    pub(super) unknown: FaultCollector,
}

/// `[signing]`.
#[derive(Debug)]
pub(super) struct WrittenSigning {
    pub(super) at: Range<usize>,
    pub(super) key: WrittenString,
    pub(super) signers: Written<Vec<WrittenSigner>>,
    pub(super) unknown: FaultCollector,
}

/// A line of `[signing.signers]`.
#[derive(Debug)]
pub(super) struct WrittenSigner {
    pub(super) office: String,
    /// `None` if the value is not a public key.
    pub(super) key: Located<Option<PublicKey>>,
}

/// `[register]`.
#[derive(Debug)]
pub(super) struct WrittenRegister {
    pub(super) at: Range<usize>,
    pub(super) file: WrittenString,
    pub(super) key: WrittenString,
    pub(super) public_key: WrittenString,
    pub(super) unknown: FaultCollector,
}

/// `[thresholds]`.
#[derive(Debug)]
pub(super) struct WrittenThresholds {
    pub(super) at: Range<usize>,
    pub(super) snapshot_age_days: Option<i64>,
    pub(super) reject_rate: Option<f64>,
    pub(super) rare_pattern: Option<Located<i64>>,
}

/// An `[[export]]`, with its faults.
#[derive(Debug)]
pub(super) struct WrittenExport {
    pub(super) schema: Option<Located<String>>,
    /// The files, if the round file has keys for them.
    pub(super) own_parts: Option<Vec<WrittenPart>>,
    /// The office's reading file, or why it cannot be read.
    pub(super) reading_file: Option<Result<ReadingFile, Faults>>,
    pub(super) snapshot: Option<Located<Date>>,
    pub(super) legal_basis: Option<Located<String>>,
    pub(super) may_be_empty: bool,
    pub(super) faults: FaultCollector,
}

impl WrittenExport {
    /// Returns the reading file, if it can be read.
    pub(super) fn reading(&self) -> Option<&ReadingFile> {
        self.reading_file.as_ref()?.as_ref().ok()
    }

    /// Returns its files, as the reading file or the round file names them.
    pub(super) fn parts(&self) -> &[WrittenPart] {
        let own = self.own_parts.as_deref().unwrap_or_default();
        self.reading().map_or(own, |file| &file.parts)
    }

    /// Returns the paths of its files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Located<String>> {
        self.parts().iter().flat_map(|part| &part.paths)
    }
}

/// An item of `not_joined`.
#[derive(Debug)]
pub(super) struct WrittenNotJoined {
    pub(super) schema: Located<String>,
    pub(super) because: Located<String>,
}

/// The usual name of a round file.
const ROUND_FILE: &str = "round.toml";

/// What a file says of rounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StatedRound {
    /// It is a round file.
    Round {
        /// BLAKE3 digest of its bytes, hexadecimal.
        digest: String,
        /// The round's id; `None` if it is none.
        id: Option<String>,
    },
    /// It is no round file, or a draft that no step has read.
    None,
}

/// A parsed round file: every value with its position and its faults.
#[derive(Debug)]
pub struct WrittenRound {
    pub(super) document: Document,
    pub(super) round: WrittenString,
    pub(super) as_of: WrittenDate,
    pub(super) issued_on: WrittenDate,
    pub(super) purpose: WrittenString,
    pub(super) mode: WrittenString,
    pub(super) operator: WrittenString,
    pub(super) retention_until: WrittenDate,
    pub(super) list_language: WrittenString,
    pub(super) impact_assessment: Written<WrittenAssessment>,
    pub(super) key: Written<WrittenKey>,
    pub(super) sealing: Written<WrittenSealing>,
    /// The position of the key `sealing`, whatever its value.
    pub(super) sealing_key: Option<Range<usize>>,
    pub(super) signing: Written<WrittenSigning>,
    pub(super) register: Written<WrittenRegister>,
    pub(super) thresholds: Written<WrittenThresholds>,
    pub(super) output: WrittenString,
    pub(super) policy: WrittenString,
    pub(super) schemas: WrittenString,
    pub(super) calendar: WrittenString,
    pub(super) exports: Written<Vec<WrittenExport>>,
    pub(super) not_joined: Written<Vec<WrittenNotJoined>>,
    /// Faults for unknown keys.
    pub(super) unknown: FaultCollector,
}

impl WrittenRound {
    /// Reads and parses a round file. Faults in its values are reported when the
    /// values are used.
    ///
    /// # Errors
    /// When the file cannot be read, is not UTF-8 or is larger than 4 MiB
    /// ([`LARGEST_CONFIGURATION`]), or has places that are not filled in ([`TO_FILL_IN`]).
    pub fn read(path: &Path) -> Result<Self, Faults> {
        Self::of_bytes(path, regular_file::read(path, LARGEST_CONFIGURATION)?)
    }

    /// Returns what a file in an open folder says of rounds. It may be a link to a file. What it
    /// names, such as reading files, is not read. `path` is its path.
    ///
    /// # Errors
    /// As [`WrittenRound::read`], and when nobody can tell of which round it is, or whether it is a
    /// round file: it has a mistake before it says so.
    pub(crate) fn stated_in(
        folder: &Folder,
        name: &OsStr,
        path: &Path,
    ) -> Result<StatedRound, Faults> {
        let file = folder.open_linked_file(name);
        let bytes = file.and_then(|file| regular_file::read_open(&file, LARGEST_CONFIGURATION));
        let bytes = bytes.map_err(|error| Fault::unreadable(path, &error))?;
        let document = Document::of_bytes(path, bytes)?;
        if !document.unfilled(&TO_FILL_IN).is_empty() {
            return Ok(StatedRound::None);
        }
        let round = Self::of(document);
        let digest = round.digest().to_owned();
        if round.names_a_round() {
            let id = round.round_id().ok();
            return Ok(StatedRound::Round { digest, id });
        }
        round.document.syntax_faults().finish()?;
        let is_round_file = round.round.is_present()
            || round.mode.is_present() && round.exports.is_present()
            || name.eq_ignore_ascii_case(ROUND_FILE);
        if !is_round_file {
            return Ok(StatedRound::None);
        }
        let mut faults = FaultCollector::new();
        faults.extend(round.round.faults);
        faults.extend(round.mode.faults);
        faults.or_value(Some(StatedRound::None))
    }

    fn of_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, Faults> {
        let document = Document::of_bytes(path, bytes)?;
        document.unfilled(&TO_FILL_IN).finish()?;
        Self::with_reading_files(path, document)
    }

    /// As [`WrittenRound::read`], also of a file with places that are not filled in.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn read_draft(path: &Path) -> Result<Self, Faults> {
        let bytes = regular_file::read(path, LARGEST_CONFIGURATION)?;
        Ok(Self::of(Document::of_bytes(path, bytes)?))
    }

    fn with_reading_files(path: &Path, document: Document) -> Result<Self, Faults> {
        let mut round = Self::of(document);
        for export in round.exports.value.iter_mut().flatten() {
            let schema = export.schema.as_ref().map(|schema| schema.value.as_str());
            let found = schema.map_or(Ok(None), |schema| {
                ReadingFile::find(parent_of(path), schema)
            });
            export.reading_file = found.transpose();
        }
        Ok(round)
    }

    fn of(document: Document) -> Self {
        let mut reader = document.root();
        let root = &mut reader;
        let round = Written::read(root, "round", TableReader::string);
        let as_of = Written::read(root, "as_of", TableReader::date);
        let issued_on = Written::read(root, "issued_on", TableReader::optional_date);
        let purpose = Written::read(root, "purpose", TableReader::string);
        let mode = Written::read(root, "mode", TableReader::string);
        let operator = Written::read(root, "operator", TableReader::string);
        let retention_until = Written::read(root, "retention_until", TableReader::date);
        let list_language = Written::read(root, "list_language", TableReader::optional_string);
        let impact_assessment = Written::read(root, "impact_assessment", assessment);
        let key = Written::read(root, "key", key);
        let sealing = Written::read(root, "sealing", sealing);
        let sealing_key = root
            .all()
            .find(|(key, _)| key.value == "sealing")
            .map(|(key, _)| key.at.clone());
        let signing = Written::read(root, "signing", signing);
        let register = Written::read(root, "register", register);
        let thresholds = Written::read(root, "thresholds", thresholds);
        let output = Written::read(root, "output", TableReader::string);
        let policy = Written::read(root, "policy", TableReader::string);
        let schemas = Written::read(root, "schemas", TableReader::string);
        let calendar = Written::read(root, "calendar", TableReader::string);
        let exports = Written::read(root, "export", |root, key, faults| {
            let tables = root.tables(key, faults);
            Some(tables.into_iter().map(export).collect())
        });
        let not_joined = Written::read(root, "not_joined", |root, key, faults| {
            let tables = root.tables(key, faults).into_iter();
            Some(
                tables
                    .filter_map(|table| not_joined(table, faults))
                    .collect(),
            )
        });
        let mut unknown = FaultCollector::new();
        reader.finish(&mut unknown);
        WrittenRound {
            round,
            as_of,
            issued_on,
            purpose,
            mode,
            operator,
            retention_until,
            list_language,
            impact_assessment,
            key,
            sealing,
            sealing_key,
            signing,
            register,
            thresholds,
            output,
            policy,
            schemas,
            calendar,
            exports,
            not_joined,
            unknown,
            document,
        }
    }

    /// Returns the BLAKE3 digest of the file, hexadecimal.
    pub fn digest(&self) -> &str {
        self.document.digest()
    }

    /// Whether this is a round file at all. Policies, calendars and keys are TOML
    /// files too.
    pub fn names_a_round(&self) -> bool {
        self.round.value().is_some() && self.mode.value().is_some()
    }

    /// Returns the round's id.
    ///
    /// # Errors
    /// When it is missing or invalid.
    pub fn round_id(&self) -> Result<String, Faults> {
        let mut faults = FaultCollector::new();
        let round = self.checked_round_id(&mut faults);
        faults.or_value(round.map(|round| round.value.clone()))
    }

    /// Returns the round's id, if the file certainly is a round file.
    ///
    /// # Errors
    /// When the id or the mode is missing or invalid, perhaps because of a mistake in the file.
    pub(crate) fn stated_id(&self) -> Result<String, Faults> {
        if !self.names_a_round() {
            self.document.syntax_faults().finish()?;
            self.mode()?;
        }
        self.round_id()
    }

    /// Returns how the round's steps are divided.
    ///
    /// # Errors
    /// When the mode is missing or unknown.
    pub fn mode(&self) -> Result<Mode, Faults> {
        let mut faults = FaultCollector::new();
        let word = self.mode.required(&mut faults);
        let mode = word.and_then(|word| Mode::named(&word.value));
        if let (Some(word), None) = (word, mode) {
            self.unknown_mode(word, &mut faults);
        }
        faults.or_value(mode)
    }

    /// Returns the part that the `key` commands need.
    ///
    /// # Errors
    /// The faults of that part and of the file's syntax.
    pub fn key_terms(&self) -> Result<KeyTerms, Faults> {
        let mut faults = self.document.syntax_faults();
        let round = self.checked_round_id(&mut faults);
        let purpose = self.purpose.required(&mut faults);
        let file = self.checked_key_file(&mut faults);
        let sealing = self.sealing.optional(&mut faults);
        let centre = sealing.and_then(|sealing| sealing.centre.optional(&mut faults));
        let terms = (|| {
            Some(KeyTerms {
                round: round?.value.clone(),
                purpose: purpose?.value.clone(),
                file: file?,
                centre: centre.and_then(|centre| Recipient::parse(&centre.value)),
            })
        })();
        faults.or_value(terms)
    }

    /// Returns the path of the key file.
    ///
    /// # Errors
    /// When it is missing or leads outside the round's folder.
    pub fn key_file(&self) -> Result<PathBuf, Faults> {
        let mut faults = FaultCollector::new();
        let file = self.checked_key_file(&mut faults);
        faults.or_value(file)
    }

    /// Returns where the register is that `[register]` names, whether it exists or not; `None` if
    /// the round file names none.
    pub fn register(&self) -> Option<PlannedRegister> {
        self.register_from(self.folder())
    }

    /// Like [`WrittenRound::register`], with paths seen from `folder`: a copy of the round file
    /// is elsewhere than the round file was.
    pub fn register_from(&self, folder: &Path) -> Option<PlannedRegister> {
        self.register.value()?.planned(folder)
    }

    /// Returns the path of this office's signing key. It may be outside the round's
    /// folder, because the office uses it for more than one round.
    ///
    /// # Errors
    /// When `[signing]` is not a table or its `key` is not a string.
    pub fn signing_key_file(&self) -> Result<PathBuf, Faults> {
        let mut faults = FaultCollector::new();
        let signing = self.signing.optional(&mut faults);
        let key = signing.and_then(|signing| signing.key.optional(&mut faults));
        let file = self.signing_key_beside(key);
        faults.or_value(Some(file))
    }

    /// Returns the paths of the files that the round file and the reading files beside it
    /// name, other than keys: policy, calendar and exports, as they are written, whether or
    /// not they exist; the policies below the policy; and the reading files.
    pub fn named_files(&self) -> Vec<PathBuf> {
        let exports = || self.exports.value().into_iter().flatten();
        let reading = exports().filter_map(WrittenExport::reading);
        let reading = reading.map(|file| file.document.path().to_path_buf());
        [&self.policy, &self.calendar]
            .into_iter()
            .filter_map(Written::value)
            .chain(exports().flat_map(WrittenExport::paths))
            .map(|path| self.folder().join(&path.value))
            .chain(reading)
            .chain(self.policies_below())
            .collect()
    }

    fn policies_below(&self) -> Vec<PathBuf> {
        let policy = self.policy.value();
        let below = policy.map(|path| files_below(&self.folder().join(&path.value)));
        let below = below.into_iter().flatten();
        // What `extends` names may begin with `..` and still be in the round's folder.
        below
            .map(|path| path.canonicalize().unwrap_or(path))
            .collect()
    }

    /// Returns the name of the schema of the export that has a file.
    pub fn schema_of_file(&self, file: &Path) -> Option<&str> {
        let real = |path: &Path| path.canonicalize().ok();
        let file = real(file)?;
        let is_it = |path: &Located<String>| {
            real(&self.folder().join(&path.value)).is_some_and(|path| path == file)
        };
        let mut exports = self.exports.value().into_iter().flatten();
        let export = exports.find(|export| export.paths().any(is_it))?;
        Some(export.schema.as_ref()?.value.as_str())
    }

    /// Returns the files of the exports, as they are written, whether or not they exist, each
    /// with the name of its schema.
    pub fn export_files(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let exports = self.exports.value().into_iter().flatten();
        exports.flat_map(move |export| {
            let schema = export.schema.as_ref();
            let schema = schema.map_or("", |schema| schema.value.as_str());
            let paths = export.paths();
            paths.map(move |path| (schema, self.folder().join(&path.value)))
        })
    }

    /// Returns the names of the schemas of the exports.
    pub fn export_names(&self) -> impl Iterator<Item = &str> {
        let exports = self.exports.value().into_iter().flatten();
        exports.filter_map(|export| Some(export.schema.as_ref()?.value.as_str()))
    }

    /// Returns the folder of export schemas, as it is written.
    pub fn schemas_folder(&self) -> Option<PathBuf> {
        let schemas = self.schemas.value()?;
        Some(self.folder().join(&schemas.value))
    }

    /// Returns the offices with their public keys. Invalid public keys are left out:
    /// a step reports them, and verification can do without them.
    pub fn signers(&self) -> Vec<(String, PublicKey)> {
        let signing = self.signing.value();
        let signers = signing.and_then(|signing| signing.signers.value());
        let signers = signers.into_iter().flatten();
        signers
            .filter_map(|signer| Some((signer.office.clone(), signer.key.value.clone()?)))
            .collect()
    }

    pub(super) fn folder(&self) -> &Path {
        parent_of(self.document.path())
    }

    pub(super) fn signing_key_beside(&self, key: Option<&Located<String>>) -> PathBuf {
        let file = key.map_or(SIGNING_KEY, |key| key.value.as_str());
        self.folder().join(file)
    }

    /// Returns the round's id and reports it if it is invalid. The id is part of lead
    /// numbers, which a spreadsheet must not read as a formula.
    pub(super) fn checked_round_id(&self, faults: &mut FaultCollector) -> Option<&Located<String>> {
        let round = self.round.required(faults)?;
        let starts = round
            .value
            .chars()
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric());
        let rest = round
            .value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !starts || !rest || round.value.len() > 32 {
            faults.push(self.document.fault(
                round.at.clone(),
                Text::new("轮次编号无效", "invalid round id"),
                Text::new(
                    "请用字母、数字、“-”和“_”，以字母或数字开头，不超过32个字符，如 2026Q3",
                    "use at most 32 letters, digits, - and _, starting with a letter or digit, such as 2026Q3",
                ),
            ));
        }
        Some(round)
    }

    fn checked_key_file(&self, faults: &mut FaultCollector) -> Option<PathBuf> {
        let key = self.key.required(faults)?;
        let file = key.file.required(faults)?;
        inside(self.folder(), &self.document, file, faults)
    }

    pub(super) fn unknown_mode(&self, word: &Located<String>, faults: &mut FaultCollector) {
        faults.push(self.document.fault(
            word.at.clone(),
            Text::new(
                "“mode”只能是 pooled 或 split",
                "`mode` must be `pooled` or `split`",
            ),
            Text::new(
                "全部步骤在一台可信的机器上完成的，请写 pooled；由各机构分别完成的，请写 split",
                "use `pooled` if all steps run on one trusted machine, or `split` if the offices share them",
            ),
        ));
    }
}

/// The part of a round file that the `key` commands need.
#[derive(Clone, Debug)]
pub struct KeyTerms {
    /// The round's id.
    pub round: String,
    /// The purpose of processing.
    pub purpose: String,
    /// The path of the key file.
    pub file: PathBuf,
    /// The recipient of the centre, which must never have the key.
    pub centre: Option<Recipient>,
}

fn assessment(
    root: &mut TableReader<'_>,
    key: &'static str,
    faults: &mut FaultCollector,
) -> Option<WrittenAssessment> {
    let mut table = root.table(key, faults)?;
    let id = table.string("id", faults);
    let valid_until = table.date("valid_until", faults);
    table.finish(faults);
    Some(WrittenAssessment { id, valid_until })
}

fn key(
    root: &mut TableReader<'_>,
    key: &'static str,
    faults: &mut FaultCollector,
) -> Option<WrittenKey> {
    let mut table = root.table(key, faults)?;
    let file = Written::read(&mut table, "file", TableReader::string);
    let algorithm = Written::read(&mut table, "algorithm", TableReader::string);
    let mut unknown = FaultCollector::new();
    table.finish(&mut unknown);
    Some(WrittenKey {
        file,
        algorithm,
        unknown,
    })
}

fn sealing(
    root: &mut TableReader<'_>,
    key: &'static str,
    faults: &mut FaultCollector,
) -> Option<WrittenSealing> {
    let at = root.node(key).map(|node| node.at.clone());
    let mut table = root.table(key, faults)?;
    let plain = Written::read(&mut table, "plain", |table, key, faults| {
        Some(table.strings(key, faults))
    });
    let centre = Written::read(&mut table, "centre", TableReader::optional_string);
    let procuratorate = Written::read(&mut table, "procuratorate", TableReader::optional_string);
    let mut unknown = FaultCollector::new();
    table.finish(&mut unknown);
    Some(WrittenSealing {
        at: at.unwrap_or_default(),
        plain,
        centre,
        procuratorate,
        unknown,
    })
}

fn signing(
    root: &mut TableReader<'_>,
    key: &'static str,
    faults: &mut FaultCollector,
) -> Option<WrittenSigning> {
    let at = root.node(key).map(|node| node.at.clone());
    let mut table = root.optional_table(key, faults)?;
    let key = Written::read(&mut table, "key", TableReader::optional_string);
    let signers = Written::read(&mut table, "signers", |table, key, faults| {
        let mut signers = table.optional_table(key, faults)?;
        let signers = signers.all().map(|(office, node)| WrittenSigner {
            office: office.value.clone(),
            key: Located {
                value: match &node.value {
                    Node::String(text) => PublicKey::parse(text),
                    _ => None,
                },
                at: node.at.clone(),
            },
        });
        Some(signers.collect())
    });
    let mut unknown = FaultCollector::new();
    table.finish(&mut unknown);
    Some(WrittenSigning {
        at: at.unwrap_or_default(),
        key,
        signers,
        unknown,
    })
}

fn register(
    root: &mut TableReader<'_>,
    key: &'static str,
    faults: &mut FaultCollector,
) -> Option<WrittenRegister> {
    let at = root.node(key).map(|node| node.at.clone());
    let mut table = root.table(key, faults)?;
    let file = Written::read(&mut table, "file", TableReader::string);
    let key = Written::read(&mut table, "key", TableReader::optional_string);
    let public_key = Written::read(&mut table, "public_key", TableReader::optional_string);
    let mut unknown = FaultCollector::new();
    table.finish(&mut unknown);
    Some(WrittenRegister {
        at: at.unwrap_or_default(),
        file,
        key,
        public_key,
        unknown,
    })
}

fn thresholds(
    root: &mut TableReader<'_>,
    key: &'static str,
    faults: &mut FaultCollector,
) -> Option<WrittenThresholds> {
    let at = root.node(key).map(|node| node.at.clone());
    let mut table = root.table(key, faults)?;
    let snapshot_age_days = table.integer("snapshot_age_days", faults);
    let reject_rate = table.share("reject_rate", faults);
    let rare_pattern = table.optional_integer("rare_pattern", faults);
    table.finish(faults);
    Some(WrittenThresholds {
        at: at.unwrap_or_default(),
        snapshot_age_days,
        reject_rate,
        rare_pattern,
    })
}

fn not_joined(mut table: TableReader<'_>, faults: &mut FaultCollector) -> Option<WrittenNotJoined> {
    let schema = table.string("schema", faults);
    let because = table.string("because", faults);
    table.finish(faults);
    Some(WrittenNotJoined {
        schema: schema?,
        because: because?,
    })
}

fn export(mut table: TableReader<'_>) -> WrittenExport {
    let mut faults = FaultCollector::new();
    let schema = table.string("schema", &mut faults);
    let own_parts = parts(&mut table, Nesting::Export, &mut faults);
    let snapshot = table.date("snapshot", &mut faults);
    let legal_basis = table.string("legal_basis", &mut faults);
    let may_be_empty = table.boolean_or("may_be_empty", false, &mut faults);
    table.finish(&mut faults);
    WrittenExport {
        schema,
        own_parts,
        reading_file: None,
        snapshot,
        legal_basis,
        may_be_empty,
        faults,
    }
}
