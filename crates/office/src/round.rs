//! The round file: one and the same for every office of a round. Each office
//! reads all of it and checks what concerns it; every fault of the round, its
//! schemas, its policy and its calendar is reported at once.

use std::path::{Component, Path, PathBuf};

use aidlink_contract::token::TokenAlgorithm;
use aidlink_faults::configuration::{Document, Located, Node, TableReader};
use aidlink_faults::fault::{Fault, FaultCollector, Faults, nearest_name_hint};
use aidlink_faults::text::{Language, Text};
use aidlink_files::partial::parent_of;
use aidlink_policy::calendar::Calendar;
use aidlink_policy::pack::{CASE_EXPORT, Policy};
use aidlink_policy::schema::{ExportSchema, Role, Schemas};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::sealed::Recipient;
use crate::signing::PublicKey;

/// Where the signing key lies when a round does not say so.
pub const SIGNING_KEY: &str = "signing.key";

/// The folder of an output folder that holds the round's documents.
pub const CONFIGURATION: &str = "configuration";

/// Persons fewer than this are told as a rare pattern where a round says nothing.
const RARE_PATTERN: u64 = 5;

/// Limits beyond which lists are provisional.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Days between a snapshot and the as-of date.
    pub snapshot_age_days: i32,
    /// Share of rows rejected, 0 to 1.
    pub reject_rate: f64,
    /// A pattern of outcomes that fewer persons have is told to the agency.
    pub rare_pattern: u64,
}

/// How the steps of a round are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every step on one trusted machine.
    Pooled,
    /// Agencies tokenise, a centre without the key screens, the procuratorate
    /// resolves.
    Split,
}

impl Mode {
    /// The name in round files.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Pooled => "pooled",
            Mode::Split => "split",
        }
    }
}

/// How what crosses from one office to another is protected.
#[derive(Clone, Debug)]
pub enum Crossing {
    /// Sealed to this recipient.
    Sealed(Recipient),
    /// Plain, because the round file asks for it by name.
    Plain,
}

/// How token files and screened leads cross, in a split round.
#[derive(Clone, Debug)]
pub struct Sealing {
    /// From agencies to the centre.
    pub tokens: Crossing,
    /// From the centre to the procuratorate.
    pub leads: Crossing,
}

/// Who signs, and whose signatures count.
#[derive(Clone, Debug)]
pub struct Signing {
    /// This office's signing key.
    pub key: PathBuf,
    /// Offices and their public keys, as the round names them.
    pub signers: Vec<(String, PublicKey)>,
}

/// A document of the round, as it was read: it is kept with what came of it.
#[derive(Clone, Debug)]
pub struct ConfigurationFile {
    /// Its path inside an output folder.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What a round says of one export.
#[derive(Clone, Debug)]
pub struct ExportTerms {
    /// Its schema.
    pub schema: ExportSchema,
    /// The day on which the agency took it.
    pub snapshot: Date,
    /// The legal basis or agreement on which it is used.
    pub legal_basis: String,
    /// A header alone is no fault (a first round has no referrals yet).
    pub may_be_empty: bool,
}

/// An export as the round file writes it: for the office that reads its files.
#[derive(Clone, Debug)]
pub struct WrittenExport {
    /// The name of its schema.
    pub schema: Located<String>,
    /// Its files.
    pub paths: Vec<Located<String>>,
    /// `encoding`.
    pub encoding: Option<Located<String>>,
    /// `sheet`.
    pub sheet: Option<String>,
    /// `headers`: a site's own headers, each with the field of the schema.
    pub headers: Vec<(String, Located<String>)>,
    /// `date_epoch`.
    pub date_epoch: Option<Located<i64>>,
    snapshot: Located<Date>,
    legal_basis: String,
    may_be_empty: bool,
}

/// What a round says to every office.
#[derive(Clone, Debug)]
pub struct RoundTerms {
    /// The round file.
    pub file: PathBuf,
    /// BLAKE3 digest of the round file, hexadecimal.
    pub digest: String,
    /// The round's id.
    pub round: String,
    /// How its steps are divided.
    pub mode: Mode,
    /// The day at which everything is judged.
    pub as_of: Date,
    /// The day on which leads are issued; deadlines run from it.
    pub issued_on: Date,
    /// The purpose; the key names the same.
    pub purpose: String,
    /// Id of the impact assessment (Personal Information Protection Law, 55).
    pub impact_assessment: String,
    /// The day until which the assessment holds.
    pub impact_assessment_until: Date,
    /// Who runs the round.
    pub operator: String,
    /// The day by which the round's data is deleted (Personal Information Protection Law, 19 and 47).
    pub retention_until: Date,
    /// The language of the lists.
    pub list_language: Language,
    /// How tokens are made.
    pub algorithm: TokenAlgorithm,
    /// The key file.
    pub key_file: PathBuf,
    /// The output folder.
    pub output: PathBuf,
    /// The limits.
    pub thresholds: Thresholds,
    /// How files cross between offices; none do in a pooled round.
    pub sealing: Option<Sealing>,
    /// Who signs.
    pub signing: Signing,
    /// Round file, policy, calendar and schemas, byte for byte.
    pub configuration: Vec<ConfigurationFile>,
    /// The schemas.
    pub schemas: Schemas,
    /// The policy.
    pub policy: Policy,
    /// The working days.
    pub calendar: Calendar,
    /// The export of case parties.
    pub cases: ExportTerms,
    /// The other exports, in the order of the round file.
    pub registers: Vec<ExportTerms>,
}

/// What an office says of an export while the round file is read: it gathers
/// what it needs of it and adds its faults.
pub type ForExport<'f> = &'f mut dyn FnMut(&Document, &WrittenExport, &mut FaultCollector);

/// What the commands on keys need of a round file.
pub struct KeyTerms {
    /// The round's id.
    pub round: String,
    /// The purpose.
    pub purpose: String,
    /// The key file.
    pub file: PathBuf,
    /// The recipient of the centre, who must never have the key.
    pub centre: Option<String>,
}

impl KeyTerms {
    /// Reads the part of a round file that concerns the key.
    ///
    /// # Errors
    /// The faults of that part.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        let document = Document::read(path)?;
        let mut faults = document.syntax_faults();
        let mut root = document.root();
        let round = root.string("round", &mut faults);
        if let Some(round) = &round {
            check_round_id(&document, round, &mut faults);
        }
        let purpose = root.string("purpose", &mut faults);
        let key = root.table("key", &mut faults);
        let file = key.and_then(|mut key| {
            let file = key.string("file", &mut faults)?;
            inside(&document, &file, &mut faults)
        });
        let sealing = root.optional_table("sealing", &mut faults);
        let centre = sealing.and_then(|mut sealing| {
            let centre = sealing.optional_string("centre", &mut faults)?;
            Some(centre.value.trim().to_owned())
        });
        let terms = (|| {
            Some(KeyTerms {
                centre,
                round: round?.value,
                purpose: purpose?.value,
                file: file?,
            })
        })();
        faults.or_value(terms)
    }
}

impl RoundTerms {
    /// Reads a round file and all that it names. `output` replaces the round
    /// file's own output folder.
    ///
    /// # Errors
    /// Every fault of the round, schemas, policy and calendar at once; also
    /// when the round is of another mode than the command is for.
    pub fn read(
        path: &Path,
        output: Option<&Path>,
        mode: Mode,
        for_export: ForExport<'_>,
    ) -> Result<Self, Faults> {
        let document = Document::read(path)?;
        let faults = document.syntax_faults();
        let reader = TermsReader {
            document: &document,
            faults,
        };
        reader.read(output, mode, for_export)
    }

    /// How files cross between offices.
    ///
    /// # Errors
    /// When nothing was said of it: nothing crosses by default.
    pub fn sealing(&self) -> Result<&Sealing, Fault> {
        self.sealing.as_ref().ok_or_else(|| {
            Fault::of_file(
                &self.file,
                Text::new(
                    "没有写明文件如何传送",
                    "the round does not say how files cross",
                ),
                Text::new("请写 [sealing]", "say so in [sealing]"),
            )
        })
    }

    /// The folder of the round file.
    pub fn folder(&self) -> &Path {
        parent_of(&self.file)
    }

    /// A path as the round file would write it: relative to its folder, with `/`.
    /// `None` where it lies elsewhere.
    pub fn relative(&self, path: &Path) -> Option<String> {
        relative_to(self.folder(), path)
    }

    /// All exports, the case parties first.
    pub fn exports(&self) -> impl Iterator<Item = &ExportTerms> {
        std::iter::once(&self.cases).chain(&self.registers)
    }

    /// The export of a schema.
    pub fn export(&self, schema: &str) -> Option<&ExportTerms> {
        self.exports().find(|export| export.schema.name == schema)
    }
}

/// A path below a folder as it is written with `/`; `None` where it lies elsewhere.
pub fn relative_to(folder: &Path, path: &Path) -> Option<String> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let inside = match path.strip_prefix(folder) {
        Ok(inside) => inside.to_path_buf(),
        Err(_) => real(path)?.strip_prefix(real(folder)?).ok()?.to_path_buf(),
    };
    let mut parts = Vec::new();
    for part in inside.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?.to_owned()),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(parts.join("/"))
}

/// A path of the round file that must stay inside the round's folder.
///
/// `None` with a fault where it does not.
pub fn inside(
    document: &Document,
    path: &Located<String>,
    faults: &mut FaultCollector,
) -> Option<PathBuf> {
    let relative = Path::new(&path.value);
    let plain = relative
        .components()
        .all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    let folder = folder_of(document);
    let full = folder.join(relative);
    // A link may point out of the folder; the part of the path that exists is
    // checked where it truly is.
    let real = |path: &Path| {
        path.ancestors()
            .find_map(|ancestor| std::fs::canonicalize(ancestor).ok())
    };
    let escapes = match (real(&full), std::fs::canonicalize(folder).ok()) {
        (Some(full), Some(folder)) => !full.starts_with(folder),
        _ => false,
    };
    if !plain || escapes {
        faults.push(document.fault(
            path.at.clone(),
            Text::new(
                "路径越出了轮次文件所在的文件夹",
                "the path leaves the round's folder",
            ),
            Text::new(
                "请把文件放进轮次文件夹，用相对路径",
                "put the file into the round's folder and name it by a relative path",
            ),
        ));
        return None;
    }
    Some(full)
}

/// The id stands in lead numbers, which spreadsheets must not take for a formula.
fn check_round_id(document: &Document, round: &Located<String>, faults: &mut FaultCollector) {
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
        faults.push(document.fault(
            round.at.clone(),
            Text::new("轮次编号不合要求", "this cannot be a round's id"),
            Text::new(
                "请用字母、数字、“-”、“_”，如 2026Q3",
                "use letters, digits, - and _, such as 2026Q3",
            ),
        ));
    }
}

fn folder_of(document: &Document) -> &Path {
    parent_of(document.path())
}

/// A document once more, byte for byte; it must not have changed since it was read.
fn copied(path: &Path, name: &str, digest: &str) -> Result<ConfigurationFile, Fault> {
    let bytes = std::fs::read(path).map_err(|error| Fault::unreadable(path, &error))?;
    if blake3::hash(&bytes).to_hex().as_str() != digest {
        return Err(Fault::changed_while_read(path));
    }
    Ok(ConfigurationFile {
        path: format!("{CONFIGURATION}/{name}"),
        bytes,
    })
}

struct TermsReader<'d> {
    document: &'d Document,
    faults: FaultCollector,
}

impl TermsReader<'_> {
    fn read(
        mut self,
        output: Option<&Path>,
        wanted: Mode,
        for_export: ForExport<'_>,
    ) -> Result<RoundTerms, Faults> {
        let document = self.document;
        let mut root = document.root();
        let round = root.string("round", &mut self.faults);
        if let Some(round) = &round {
            check_round_id(document, round, &mut self.faults);
        }
        let as_of = root.date("as_of", &mut self.faults);
        let issued_on = root.optional_date("issued_on", &mut self.faults);
        let purpose = root.string("purpose", &mut self.faults);
        let mode = root.string("mode", &mut self.faults);
        if let Some(mode) = mode {
            self.check_mode(&mode, wanted);
        }
        let operator = root.string("operator", &mut self.faults);
        let retention_until = root.date("retention_until", &mut self.faults);
        let list_language = self.list_language(&mut root);
        let assessment = root.table("impact_assessment", &mut self.faults);
        let assessment = assessment.and_then(|mut table| {
            let id = table.string("id", &mut self.faults);
            let until = table.date("valid_until", &mut self.faults);
            table.finish(&mut self.faults);
            Some((id?, until?))
        });
        let key = root.table("key", &mut self.faults);
        let (key_file, algorithm) = key.map_or((None, None), |key| self.key(key));
        let sealing = self.sealing(&mut root, wanted);
        let signing = self.signing(&mut root);
        let thresholds = root.table("thresholds", &mut self.faults);
        let thresholds = thresholds.and_then(|mut table| {
            let days = table.integer("snapshot_age_days", &mut self.faults);
            if days.is_some_and(|days| days < 0) {
                self.faults.push(table.fault_here(
                    Text::new("天数不能为负", "a number of days cannot be negative"),
                    Text::new("请更正 snapshot_age_days", "correct `snapshot_age_days`"),
                ));
            }
            let rate = table.share("reject_rate", &mut self.faults);
            let rare = table.optional_integer("rare_pattern", &mut self.faults);
            if let Some(rare) = &rare
                && rare.value < 0
            {
                self.fault(
                    &rare.at,
                    Text::new("人数不能为负", "a number of persons cannot be negative"),
                    Text::new("请更正 rare_pattern", "correct `rare_pattern`"),
                );
            }
            table.finish(&mut self.faults);
            Some(Thresholds {
                snapshot_age_days: i32::try_from(days?).unwrap_or(i32::MAX),
                reject_rate: rate?,
                rare_pattern: rare
                    .and_then(|rare| u64::try_from(rare.value).ok())
                    .unwrap_or(RARE_PATTERN),
            })
        });
        let written_output = root.string("output", &mut self.faults);
        let output = match output {
            Some(output) => Some(output.to_path_buf()),
            None => written_output
                .as_ref()
                .and_then(|path| inside(document, path, &mut self.faults)),
        };
        let named_file = |key, root: &mut TableReader<'_>, faults: &mut FaultCollector| {
            root.string(key, faults)
                .map(|path| folder_of(document).join(path.value))
        };
        let policy_file = named_file("policy", &mut root, &mut self.faults);
        let schema_folder = named_file("schemas", &mut root, &mut self.faults);
        let calendar_file = named_file("calendar", &mut root, &mut self.faults);
        let exports = self.exports(&mut root);
        root.finish(&mut self.faults);
        for export in &exports {
            for_export(document, export, &mut self.faults);
        }

        let schemas = schema_folder.as_ref().map(|path| {
            let (schemas, found) = Schemas::read_what_is_sound(path);
            self.faults.extend(found);
            schemas
        });
        let calendar = calendar_file
            .as_ref()
            .and_then(|path| self.keep(Calendar::read(path)));
        let policy = policy_file
            .as_ref()
            .zip(schemas.as_ref())
            .and_then(|(path, schemas)| self.keep(Policy::read(path, schemas)));
        let mut configuration = Vec::new();
        let mut copy = |path: &Path, name: &str, digest: &str| match copied(path, name, digest) {
            Ok(file) => configuration.push(file),
            Err(fault) => self.faults.push(fault),
        };
        copy(document.path(), "round.toml", document.digest());
        if let (Some(path), Some(policy)) = (&policy_file, &policy) {
            copy(path, "policy.toml", &policy.digest);
        }
        if let (Some(path), Some(calendar)) = (&calendar_file, &calendar) {
            copy(path, "calendar.toml", calendar.digest());
        }
        for schema in schemas.iter().flat_map(|schemas| schemas.0.values()) {
            let name = format!("schemas/{}.json", schema.name);
            copy(&schema.file, &name, &schema.digest);
        }
        let issued_on = issued_on.or_else(|| as_of.clone());
        self.check_dates(
            as_of.as_ref(),
            issued_on.as_ref(),
            assessment.as_ref().map(|(_, until)| until),
            retention_until.as_ref(),
        );
        let (cases, registers) =
            self.planned(exports, schemas.as_ref(), policy.as_ref(), as_of.as_ref());
        let plan = (|| {
            let (impact_assessment, impact_assessment_until) = assessment?;
            Some(RoundTerms {
                mode: wanted,
                file: document.path().to_path_buf(),
                digest: document.digest().to_owned(),
                round: round?.value,
                as_of: as_of?.value,
                issued_on: issued_on?.value,
                purpose: purpose?.value,
                impact_assessment: impact_assessment.value,
                impact_assessment_until: impact_assessment_until.value,
                operator: operator?.value,
                retention_until: retention_until?.value,
                list_language,
                algorithm: algorithm?,
                key_file: key_file?,
                sealing,
                signing: signing?,
                configuration,
                output: output?,
                thresholds: thresholds?,
                schemas: schemas?,
                policy: policy?,
                calendar: calendar?,
                cases: cases?,
                registers,
            })
        })();
        self.faults.or_value(plan)
    }

    fn keep<T>(&mut self, result: Result<T, Faults>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(faults) => {
                self.faults.extend(faults);
                None
            }
        }
    }

    fn fault(&mut self, at: &std::ops::Range<usize>, message: Text, hint: Text) {
        self.faults
            .push(self.document.fault(at.clone(), message, hint));
    }

    fn list_language(&mut self, root: &mut TableReader<'_>) -> Language {
        match root.optional_string("list_language", &mut self.faults) {
            None => Language::Chinese,
            Some(word) => match word.value.as_str() {
                "zh" => Language::Chinese,
                "en" => Language::English,
                other => {
                    let hint = nearest_name_hint(other, ["zh", "en"]);
                    self.fault(&word.at, Text::new("未知的语言", "unknown language"), hint);
                    Language::Chinese
                }
            },
        }
    }

    fn check_mode(&mut self, mode: &Located<String>, wanted: Mode) {
        let (message, hint) = match (mode.value.as_str(), wanted) {
            ("pooled", Mode::Pooled) | ("split", Mode::Split) => return,
            ("split", Mode::Pooled) => (
                Text::new(
                    "本轮为split，不能在一台机器上完成全部步骤",
                    "this round is `split`; its steps are not done on one machine",
                ),
                Text::new(
                    "请用 tokenise、aidlink-screen、resolve",
                    "use `tokenise`, `aidlink-screen` and `resolve`",
                ),
            ),
            ("pooled", Mode::Split) => (
                Text::new(
                    "本轮为pooled，由 run 一次完成",
                    "this round is `pooled`; `run` does every step of it",
                ),
                Text::new(
                    "若各步骤由不同机构完成，请写 mode = \"split\"",
                    "if the steps are done at several offices, say mode = \"split\"",
                ),
            ),
            _ => (
                Text::new(
                    "“mode”只能是pooled或split",
                    "`mode` must be `pooled` or `split`",
                ),
                Text::new(
                    "在一台可信的机器上完成全部步骤为pooled，须如实写明",
                    "`pooled` does every step on one trusted machine, and the round must say so",
                ),
            ),
        };
        self.fault(&mode.at, message, hint);
    }

    fn key(&mut self, mut key: TableReader<'_>) -> (Option<PathBuf>, Option<TokenAlgorithm>) {
        let file = key.string("file", &mut self.faults);
        let written = key.string("algorithm", &mut self.faults);
        key.finish(&mut self.faults);
        let algorithm = written.and_then(|written| {
            let algorithm = TokenAlgorithm::named(&written.value);
            if algorithm.is_none() {
                let names = TokenAlgorithm::ALL.map(TokenAlgorithm::name);
                let hint = nearest_name_hint(&written.value, names);
                self.fault(
                    &written.at,
                    Text::new("未知的令牌算法", "unknown token algorithm"),
                    hint,
                );
            }
            algorithm
        });
        let file = file.and_then(|file| inside(self.document, &file, &mut self.faults));
        (file, algorithm)
    }

    /// `[sealing]`: the recipients of what crosses, and what crosses plain.
    fn sealing(&mut self, root: &mut TableReader<'_>, mode: Mode) -> Option<Sealing> {
        if mode == Mode::Pooled {
            // Nothing crosses; a table that says otherwise is an unknown key.
            return None;
        }
        let mut table = root.table("sealing", &mut self.faults)?;
        let plain = table.strings("plain", &mut self.faults);
        for name in &plain {
            if !["tokens", "leads"].contains(&name.value.as_str()) {
                let hint = nearest_name_hint(&name.value, ["tokens", "leads"]);
                self.fault(
                    &name.at,
                    Text::new("未知的文件种类", "unknown kind of file"),
                    hint,
                );
            }
        }
        let mut crossing = |key: &'static str, kind: &str| {
            let recipient = table.optional_string(key, &mut self.faults);
            let is_plain = plain.iter().any(|name| name.value == kind);
            match (recipient, is_plain) {
                (Some(written), true) => {
                    self.faults.push(self.document.fault(
                        written.at,
                        Text::new(
                            format!("{key} 有收件人，而 plain 又要求明文"),
                            format!("`{key}` is a recipient, and `plain` asks for no seal"),
                        ),
                        Text::new(
                            format!("请删去收件人，或从 plain 中删去 {kind}"),
                            format!("remove the recipient, or `{kind}` from `plain`"),
                        ),
                    ));
                    None
                }
                (Some(written), false) => {
                    let recipient = Recipient::parse(&written.value);
                    if recipient.is_none() {
                        self.faults.push(self.document.fault(
                            written.at,
                            Text::new("这不是age收件人", "this is no age recipient"),
                            Text::new(
                                "应为 age1 开头的公钥，由 identity new 给出",
                                "it begins with age1 and is given by `identity new`",
                            ),
                        ));
                    }
                    recipient.map(Crossing::Sealed)
                }
                (None, true) => Some(Crossing::Plain),
                (None, false) => {
                    self.faults.push(table.fault_here(
                        Text::new(
                            format!("没有写明 {key} 的收件人"),
                            format!("there is no recipient `{key}`"),
                        ),
                        Text::new(
                            format!("请写 {key} = \"age1...\"；若确要明文传送，请写 plain = [\"{kind}\"]"),
                            format!("say {key} = \"age1...\"; or, to send it plain, plain = [\"{kind}\"]"),
                        ),
                    ));
                    None
                }
            }
        };
        let tokens = crossing("centre", "tokens");
        let leads = crossing("procuratorate", "leads");
        if let (Some(Crossing::Sealed(centre)), Some(Crossing::Sealed(other))) = (&tokens, &leads)
            && centre.to_string() == other.to_string()
        {
            // Who holds the key must not open the agencies' tokens.
            self.faults.push(table.fault_here(
                Text::new(
                    "centre 和 procuratorate 是同一收件人",
                    "`centre` and `procuratorate` are the same recipient",
                ),
                Text::new(
                    "筛查机构和检察机关须各有身份：持有密钥者不得打开各机构的令牌",
                    "each makes its own identity: who holds the key must not open the tokens of the agencies",
                ),
            ));
        }
        table.finish(&mut self.faults);
        Some(Sealing {
            tokens: tokens?,
            leads: leads?,
        })
    }

    /// `[signing]`: this office's key, and the public keys of the offices. The
    /// key may lie anywhere: it serves the office for more than a round.
    fn signing(&mut self, root: &mut TableReader<'_>) -> Option<Signing> {
        let folder = folder_of(self.document);
        let mut signing = Signing {
            key: folder.join(SIGNING_KEY),
            signers: Vec::new(),
        };
        let Some(mut table) = root.optional_table("signing", &mut self.faults) else {
            return Some(signing);
        };
        if let Some(key) = table.optional_string("key", &mut self.faults) {
            signing.key = folder.join(key.value);
        }
        if let Some(mut signers) = table.optional_table("signers", &mut self.faults) {
            for (office, node) in signers.all() {
                let key = match &node.value {
                    Node::String(text) => PublicKey::parse(text),
                    _ => None,
                };
                match key {
                    Some(key) => signing.signers.push((office.value.clone(), key)),
                    None => self.fault(
                        &node.at,
                        Text::new("这不是minisign公钥", "this is no minisign public key"),
                        Text::new(
                            "应为 RW 开头的一行，由 signing new 给出",
                            "it is the line that begins with RW, given by `signing new`",
                        ),
                    ),
                }
            }
        }
        table.finish(&mut self.faults);
        Some(signing)
    }

    fn exports(&mut self, root: &mut TableReader<'_>) -> Vec<WrittenExport> {
        let mut exports: Vec<WrittenExport> = Vec::new();
        for mut table in root.tables("export", &mut self.faults) {
            let schema = table.string("schema", &mut self.faults);
            let paths = self.paths(&mut table);
            let snapshot = table.date("snapshot", &mut self.faults);
            let legal_basis = table.string("legal_basis", &mut self.faults);
            let encoding = table.optional_string("encoding", &mut self.faults);
            let sheet = table.optional_string("sheet", &mut self.faults);
            let date_epoch = table.optional_integer("date_epoch", &mut self.faults);
            let headers = self.site_headers(&mut table);
            let may_be_empty = table.boolean_or("may_be_empty", false, &mut self.faults);
            table.finish(&mut self.faults);
            let (Some(schema), Some(snapshot), Some(legal_basis)) = (schema, snapshot, legal_basis)
            else {
                continue;
            };
            if exports
                .iter()
                .any(|other| other.schema.value == schema.value)
            {
                self.fault(
                    &schema.at,
                    Text::new(
                        format!("“{}”有两份导出", schema.value),
                        format!("there are two exports of `{}`", schema.value),
                    ),
                    Text::new("每个模式只能有一份导出", "each schema has one export"),
                );
            }
            exports.push(WrittenExport {
                schema,
                paths,
                encoding,
                sheet: sheet.map(|sheet| sheet.value),
                headers,
                date_epoch,
                snapshot,
                legal_basis: legal_basis.value,
                may_be_empty,
            });
        }
        exports
    }

    /// `path = "a.csv"`, or `path = ["north.csv", "south.csv"]`.
    fn paths(&mut self, table: &mut TableReader<'_>) -> Vec<Located<String>> {
        let several = matches!(
            table.node("path").map(|node| &node.value),
            Some(Node::Array(items)) if !items.is_empty()
        );
        if several {
            table.strings("path", &mut self.faults)
        } else {
            table.string("path", &mut self.faults).into_iter().collect()
        }
    }

    /// `headers = { "本地表头" = "field" }`: a site's own headers.
    fn site_headers(&mut self, table: &mut TableReader<'_>) -> Vec<(String, Located<String>)> {
        let mut headers = Vec::new();
        if let Some(mut table) = table.optional_table("headers", &mut self.faults) {
            for (header, node) in table.all() {
                match &node.value {
                    Node::String(field) => {
                        let field = Located {
                            value: field.clone(),
                            at: node.at.clone(),
                        };
                        headers.push((header.value.clone(), field));
                    }
                    _ => self.fault(
                        &node.at,
                        Text::new("此处应为字段名", "the name of a field is wanted here"),
                        Text::new("请加引号", "put it in quotes"),
                    ),
                }
            }
        }
        headers
    }

    fn check_dates(
        &mut self,
        as_of: Option<&Located<Date>>,
        issued_on: Option<&Located<Date>>,
        assessment_until: Option<&Located<Date>>,
        retention_until: Option<&Located<Date>>,
    ) {
        let Some(issued_on) = issued_on else { return };
        if let Some(as_of) = as_of
            && issued_on.value < as_of.value
        {
            self.fault(
                &issued_on.at,
                Text::new("签发日期早于基准日", "`issued_on` is before `as_of`"),
                Text::new("请更正日期", "correct the dates"),
            );
        }
        if let Some(until) = assessment_until
            && until.value < issued_on.value
        {
            self.fault(
                &until.at,
                Text::new(
                    "影响评估已过期（个人信息保护法第五十五条）",
                    "the impact assessment has expired (Personal Information Protection Law, 55)",
                ),
                Text::new("请先更新评估", "renew the assessment first"),
            );
        }
        if let Some(until) = retention_until
            && until.value < issued_on.value
        {
            self.fault(
                &until.at,
                Text::new(
                    "保存期限早于签发日期",
                    "`retention_until` is before the leads are issued",
                ),
                Text::new("请更正日期", "correct the date"),
            );
        }
    }

    /// What would be read and nothing needs is told before anything is read
    /// (Personal Information Protection Law, 6).
    fn check_needed(
        &mut self,
        export: &WrittenExport,
        schema: &ExportSchema,
        policy: Option<&Policy>,
    ) {
        let Some(policy) = policy else { return };
        let needed = policy.columns_needed(&schema.name);
        for (_, written) in &export.headers {
            let unneeded = schema.field(&written.value).is_some_and(|field| {
                field.role == Role::Attribute && !needed.contains(&field.name)
            });
            if unneeded {
                self.fault(
                    &written.at,
                    Text::new(
                        format!("没有规则需要“{}”，不应读取", written.value),
                        format!("nothing needs `{}`; it must not be read", written.value),
                    ),
                    Text::new(
                        "请删去此表头（个人信息保护法第六条）",
                        "remove this header (Personal Information Protection Law, 6)",
                    ),
                );
            }
        }
    }

    fn planned(
        &mut self,
        exports: Vec<WrittenExport>,
        schemas: Option<&Schemas>,
        policy: Option<&Policy>,
        as_of: Option<&Located<Date>>,
    ) -> (Option<ExportTerms>, Vec<ExportTerms>) {
        let mut cases = None;
        let mut registers = Vec::new();
        let has_cases = exports
            .iter()
            .any(|export| export.schema.value == CASE_EXPORT);
        if !has_cases {
            self.faults.push(Fault::of_file(
                self.document.path(),
                Text::new(
                    "没有可用的案件当事人导出",
                    "there is no usable export of case parties",
                ),
                Text::new(
                    format!("请添加 [[export]] schema = \"{CASE_EXPORT}\""),
                    format!("add an [[export]] with schema = \"{CASE_EXPORT}\""),
                ),
            ));
        }
        let Some(schemas) = schemas else {
            return (cases, registers);
        };
        for export in exports {
            let Some(schema) = schemas.get(&export.schema.value) else {
                if schemas.is_faulty(&export.schema.value) {
                    continue;
                }
                let known = schemas.0.keys().map(String::as_str);
                let hint = nearest_name_hint(&export.schema.value, known);
                self.fault(
                    &export.schema.at,
                    Text::new("未知的导出模式", "unknown export schema"),
                    hint,
                );
                continue;
            };
            if let Some(policy) = policy
                && policy.outcome_rules(&schema.name).next().is_none()
            {
                self.fault(
                    &export.schema.at,
                    Text::new(
                        format!("没有规则需要“{}”，不应读取", schema.name),
                        format!("no rule needs `{}`; it must not be read", schema.name),
                    ),
                    Text::new(
                        "请从轮次中删去（个人信息保护法第六条）",
                        "remove it from the round (Personal Information Protection Law, 6)",
                    ),
                );
            }
            if let Some(as_of) = as_of
                && export.snapshot.value > as_of.value
            {
                self.fault(
                    &export.snapshot.at,
                    Text::new(
                        "数据提取日晚于基准日",
                        "the snapshot is after the as-of date",
                    ),
                    Text::new(
                        "请更正基准日或提取日：基准日之后的记录无法判断",
                        "correct the as-of date or the snapshot: records after the as-of date cannot be judged",
                    ),
                );
            }
            self.check_needed(&export, schema, policy);
            for (_, field) in &export.headers {
                if schema.field(&field.value).is_none() {
                    let known = schema.fields.iter().map(|field| field.name.as_str());
                    let hint = nearest_name_hint(&field.value, known);
                    self.fault(
                        &field.at,
                        Text::new(
                            format!("模式 {} 没有字段“{}”", schema.name, field.value),
                            format!("the schema {} has no field `{}`", schema.name, field.value),
                        ),
                        hint,
                    );
                }
            }
            let planned = ExportTerms {
                schema: schema.clone(),
                snapshot: export.snapshot.value,
                legal_basis: export.legal_basis,
                may_be_empty: export.may_be_empty,
            };
            if planned.schema.name == CASE_EXPORT {
                cases = Some(planned);
            } else {
                registers.push(planned);
            }
        }
        (cases, registers)
    }
}
