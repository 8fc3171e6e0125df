//! Checks a parsed round file, with the schemas, policy and calendar that it names,
//! and turns it into the terms of the round. Reports all faults at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use aidlink_contract::token::TokenAlgorithm;
use aidlink_faults::configuration::{Document, LARGEST_CONFIGURATION, Located};
use aidlink_faults::fault::{Fault, FaultCollector, nearest_name_hint};
use aidlink_faults::text::{Language, Text};
use aidlink_files::regular_file;
use aidlink_policy::calendar::Calendar;
use aidlink_policy::constant::Constant;
use aidlink_policy::pack::{CASE_EXPORT, Policy, REFERRALS_EXPORT};
use aidlink_policy::reading::{PlannedFile, PlannedRegister};
use aidlink_policy::schema::{ExportSchema, Schemas};
use jiff::civil::Date;

use super::CONFIGURATION;
use super::checking_parts::PartChecker;
use super::own::{OfficePaths, Reads};
use super::paths::inside;
use super::reading_file;
use super::register;
use super::terms::{
    CENTRE, ConfigurationFile, Crossing, ExportTerms, Mode, NotJoinedExport, RoundTerms, Sealing,
    Thresholds,
};
use super::written::{
    WrittenExport, WrittenNotJoined, WrittenRound, WrittenSealing, WrittenSigner,
};
use crate::sealed::Recipient;
use crate::signing::PublicKey;

/// The default of `rare_pattern`: a pattern is rare if fewer persons share it.
pub(super) const RARE_PATTERN: u64 = 5;

/// The keys of the round file of a pooled round, which has no `sealing`.
const KEYS_OF_A_POOLED_ROUND: [&str; 19] = [
    "round",
    "as_of",
    "issued_on",
    "purpose",
    "mode",
    "operator",
    "retention_until",
    "list_language",
    "impact_assessment",
    "key",
    "signing",
    "register",
    "thresholds",
    "output",
    "policy",
    "schemas",
    "calendar",
    "export",
    "not_joined",
];

/// What to check in a round file.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckOptions<'a> {
    /// The mode that the command is for.
    pub mode: Mode,
    /// The exports that this office reads.
    pub reads: Reads<'a>,
    /// This office's own paths.
    pub paths: PathOptions<'a>,
}

/// Which of this office's own paths are checked.
#[derive(Clone, Copy, Debug)]
pub(super) enum PathOptions<'a> {
    /// None, for commands that write no output folder and use no key.
    None,
    /// All; `output` replaces the output folder of the round file.
    All { output: Option<&'a Path> },
}

/// The files of each export, by schema.
pub(super) type ExportFiles = BTreeMap<String, FilesOfExport>;

/// The files of an export that this office reads.
#[derive(Default)]
pub(super) struct FilesOfExport {
    pub files: Vec<PlannedFile>,
    /// The register that is read in place of files.
    pub register: Option<PlannedRegister>,
    /// BLAKE3 digest of the reading file, hexadecimal.
    pub reading_digest: Option<String>,
}

/// The result of checking. A part with faults may be missing.
pub(super) struct CheckResult {
    pub terms: Option<RoundTerms>,
    /// Only with [`PathOptions::All`].
    pub paths: Option<OfficePaths>,
    pub files: ExportFiles,
    pub faults: FaultCollector,
}

impl WrittenRound {
    pub(super) fn check(&self, options: CheckOptions<'_>) -> CheckResult {
        let checker = Checker {
            written: self,
            document: &self.document,
            faults: self.document.syntax_faults(),
        };
        checker.check(options)
    }
}

/// An `[[export]]` that has all required keys.
struct CompleteExport<'w> {
    written: &'w WrittenExport,
    schema: &'w Located<String>,
    snapshot: &'w Located<Date>,
    legal_basis: &'w Located<String>,
}

/// Reads a configuration file again to copy it, and checks that it has not changed
/// since it was parsed.
fn read_copy(path: &Path, name: &str, digest: &str) -> Result<ConfigurationFile, Fault> {
    let bytes = regular_file::read(path, LARGEST_CONFIGURATION)?;
    if blake3::hash(&bytes).to_hex().as_str() != digest {
        return Err(Fault::changed_while_read(path));
    }
    Ok(ConfigurationFile {
        path: format!("{CONFIGURATION}/{name}"),
        bytes,
    })
}

struct Checker<'w> {
    written: &'w WrittenRound,
    document: &'w Document,
    faults: FaultCollector,
}

impl<'w> Checker<'w> {
    fn check(mut self, options: CheckOptions<'_>) -> CheckResult {
        let written = self.written;
        let document = self.document;
        let round = written.checked_round_id(&mut self.faults);
        let as_of = written.as_of.required(&mut self.faults);
        let issued_on = written.issued_on.optional(&mut self.faults);
        let purpose = written.purpose.required(&mut self.faults);
        if let Some(word) = written.mode.required(&mut self.faults) {
            self.check_mode(word, options.mode);
        }
        let operator = written.operator.required(&mut self.faults);
        let retention_until = written.retention_until.required(&mut self.faults);
        let list_language = self.list_language();
        let assessment = written.impact_assessment.required(&mut self.faults);
        let assessment = assessment.and_then(|assessment| {
            Some((assessment.id.as_ref()?, assessment.valid_until.as_ref()?))
        });
        let (key_file, algorithm) = self.key(options.paths);
        let sealing = self.sealing(options.mode);
        let (signing_key, signers) = self.signing();
        let thresholds = self.thresholds();
        let output = match options.paths {
            PathOptions::None => None,
            PathOptions::All { output } => self.output(output),
        };
        let folder = written.folder();
        let named_file = |path: &Located<String>| folder.join(&path.value);
        let policy_file = written.policy.required(&mut self.faults).map(named_file);
        let schema_folder = written.schemas.required(&mut self.faults).map(named_file);
        let calendar_file = written.calendar.required(&mut self.faults).map(named_file);
        let exports = self.exports();
        self.faults.extend(written.unknown.clone());
        if options.mode == Mode::Pooled {
            self.check_nothing_crosses();
        }
        let register = self.register(&exports, options);
        let mut files = ExportFiles::new();
        for export in &exports {
            let name = export.schema.value.as_str();
            if written.register.is_present() && name == REFERRALS_EXPORT {
                if let Some(register) = &register
                    && options.reads.reads_register()
                {
                    let read = FilesOfExport {
                        register: Some(register.clone()),
                        ..FilesOfExport::default()
                    };
                    files.insert(name.to_owned(), read);
                }
                continue;
            }
            // The persons of the register are found among the case parties.
            let reads_referrals =
                matches!(options.reads, Reads::One(read) if read == REFERRALS_EXPORT);
            let for_register = name == CASE_EXPORT && register.is_some() && reads_referrals;
            if for_register || options.reads.reads(document, export.written, export.schema) {
                let read = self.files(export);
                files.insert(name.to_owned(), read);
            }
        }

        let schemas = schema_folder.as_ref().map(|path| {
            let (schemas, found) = Schemas::read_valid(path);
            self.faults.extend(found);
            schemas
        });
        let calendar = calendar_file
            .as_ref()
            .and_then(|path| self.faults.take(Calendar::read(path)));
        let policy = policy_file
            .as_ref()
            .zip(schemas.as_ref())
            .and_then(|(path, schemas)| self.faults.take(Policy::read(path, schemas)));
        let mut configuration = Vec::new();
        let mut copy = |path: &Path, name: &str, digest: &str| {
            configuration.extend(self.faults.take(read_copy(path, name, digest)));
        };
        copy(document.path(), "round.toml", document.digest());
        if let (Some(path), Some(calendar)) = (&calendar_file, &calendar) {
            copy(path, "calendar.toml", calendar.digest());
        }
        for export in &exports {
            if let (Some(file), true) = (
                export.written.reading(),
                files.contains_key(&export.schema.value),
            ) {
                let name = reading_file::relative_path(&export.schema.value);
                copy(file.document.path(), &name, file.document.digest());
            }
        }
        for schema in schemas.iter().flat_map(|schemas| schemas.0.values()) {
            let name = format!("schemas/{}.json", schema.name);
            copy(&schema.file, &name, &schema.digest);
        }
        for (name, layer) in policy.iter().flat_map(Policy::copies) {
            configuration.push(ConfigurationFile {
                path: format!("{CONFIGURATION}/{name}"),
                bytes: layer.content.to_vec(),
            });
        }
        if let Some(schemas) = &schemas {
            add_constants(&exports, schemas, &mut files);
        }
        let not_joined = self.not_joined(&exports, policy.as_ref());
        let issued_on = issued_on.or(as_of);
        self.check_dates(
            as_of,
            issued_on,
            assessment.map(|(_, until)| until),
            retention_until,
        );
        let (cases, registers) =
            self.export_terms(exports, schemas.as_ref(), policy.as_ref(), as_of);
        if let Some(policy) = &policy {
            let agencies = cases.iter().chain(&registers);
            let agencies = agencies.map(|export| export.schema.agency.as_str());
            self.check_signers(options.mode, policy, &agencies.collect());
        }
        let terms = (|| {
            let (impact_assessment, impact_assessment_until) = assessment?;
            Some(RoundTerms {
                mode: options.mode,
                file: document.path().to_path_buf(),
                digest: document.digest().to_owned(),
                round: round?.value.clone(),
                as_of: as_of?.value,
                issued_on: issued_on?.value,
                purpose: purpose?.value.clone(),
                impact_assessment: impact_assessment.value.clone(),
                impact_assessment_until: impact_assessment_until.value,
                operator: operator?.value.clone(),
                retention_until: retention_until?.value,
                list_language,
                algorithm: algorithm?,
                sealing,
                signers,
                configuration,
                thresholds: thresholds?,
                schemas: schemas?,
                policy: policy?,
                calendar: calendar?,
                cases: cases?,
                registers,
                not_joined,
            })
        })();
        let paths = (|| {
            Some(OfficePaths {
                key_file: key_file?,
                output: output?,
                signing_key,
            })
        })();
        CheckResult {
            terms,
            paths,
            files,
            faults: self.faults,
        }
    }

    /// Checks `[register]`. `None` if the round reads no register, or it is wrong.
    fn register(
        &mut self,
        exports: &[CompleteExport<'_>],
        options: CheckOptions<'_>,
    ) -> Option<PlannedRegister> {
        let written = self.written.register.optional(&mut self.faults)?;
        let referrals = exports
            .iter()
            .find(|export| export.schema.value == REFERRALS_EXPORT);
        let checker = register::Checker {
            folder: self.written.folder(),
            document: self.document,
            faults: &mut self.faults,
        };
        checker.register(
            written,
            referrals.map(|export| (export.schema, export.written)),
            register::ReadBy {
                is_step: matches!(options.paths, PathOptions::All { .. }),
                mode: options.mode,
                reads: options.reads,
            },
        )
    }

    fn parts(&mut self, export: &'w WrittenExport) -> PartChecker<'_> {
        PartChecker {
            folder: self.written.folder(),
            document: export
                .reading()
                .map_or(self.document, |file| &file.document),
            faults: &mut self.faults,
        }
    }

    /// Returns the files of an export that this office reads.
    fn files(&mut self, export: &CompleteExport<'w>) -> FilesOfExport {
        let written = export.written;
        if written.own_parts.is_none() && written.reading_file.is_none() {
            let file = reading_file::relative_path(&export.schema.value);
            self.fault(
                &export.schema.at,
                Text::new(
                    "未写明此导出的文件",
                    "the round file names no file of this export",
                ),
                Text::new(
                    format!("请写 path = \"…\"，或在轮次文件旁的 {file} 中写明如何读取"),
                    format!("write path = \"...\", or describe in {file}, beside the round file, how it is read"),
                ),
            );
        }
        FilesOfExport {
            register: None,
            files: self.parts(written).files(written.parts()),
            reading_digest: written
                .reading()
                .map(|file| file.document.digest().to_owned()),
        }
    }

    /// Reports the faults of an export's reading file, and if the round file names files
    /// too.
    fn check_reading_file(&mut self, export: &WrittenExport) {
        let file = match &export.reading_file {
            None => return,
            Some(Err(faults)) => return self.faults.extend(faults.clone()),
            Some(Ok(file)) => file,
        };
        self.faults.extend(file.faults.clone());
        if let (Some(schema), Some(_)) = (&export.schema, &export.own_parts) {
            let path = reading_file::relative_path(&schema.value);
            self.fault(
                &schema.at,
                Text::new(
                    format!("此处写明了导出文件，而 {path} 也写明了"),
                    format!("the files of this export are given here and in {path}"),
                ),
                Text::new(
                    "请只保留一处：删去此处的 path 等各项，或移走该文件",
                    "keep one of them: remove `path` and the keys for reading here, or move that file away",
                ),
            );
        }
    }

    fn fault(&mut self, at: &Range<usize>, message: Text, hint: Text) {
        self.faults
            .push(self.document.fault(at.clone(), message, hint));
    }

    fn list_language(&mut self) -> Language {
        match self.written.list_language.optional(&mut self.faults) {
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

    fn check_mode(&mut self, word: &Located<String>, expected: Mode) {
        let (message, hint) = match (Mode::named(&word.value), expected) {
            (None, _) => return self.written.unknown_mode(word, &mut self.faults),
            (Some(mode), expected) if mode == expected => return,
            (Some(_), Mode::Pooled) => (
                Text::new(
                    "本轮为分步模式（split），不能用 run 一次完成",
                    "this round is `split`; `run` cannot do all its steps",
                ),
                Text::new(
                    "请用 tokenise、aidlink-screen 和 resolve",
                    "use `tokenise`, `aidlink-screen` and `resolve`",
                ),
            ),
            (Some(_), Mode::Split) => (
                Text::new(
                    "本轮为集中模式（pooled），由 run 一次完成",
                    "this round is `pooled`; `run` does all its steps",
                ),
                Text::new(
                    "请用 run；若各步骤由不同机构完成，请写 mode = \"split\"",
                    "use `run`; if several offices do the steps, write mode = \"split\"",
                ),
            ),
        };
        self.fault(&word.at, message, hint);
    }

    /// Checks `[key]`: the key file, if paths are checked, and the algorithm.
    fn key(&mut self, paths: PathOptions<'_>) -> (Option<PathBuf>, Option<TokenAlgorithm>) {
        let Some(key) = self.written.key.required(&mut self.faults) else {
            return (None, None);
        };
        let file = match paths {
            PathOptions::None => None,
            PathOptions::All { .. } => key.file.required(&mut self.faults),
        };
        let word = key.algorithm.required(&mut self.faults);
        self.faults.extend(key.unknown.clone());
        let algorithm = word.and_then(|word| {
            let algorithm = TokenAlgorithm::named(&word.value);
            if algorithm.is_none() {
                let names = TokenAlgorithm::ALL.map(TokenAlgorithm::name);
                let hint = nearest_name_hint(&word.value, names);
                let message = Text::new("未知的令牌算法", "unknown token algorithm");
                self.fault(&word.at, message, hint);
            }
            algorithm
        });
        let file = file
            .and_then(|file| inside(self.written.folder(), self.document, file, &mut self.faults));
        (file, algorithm)
    }

    /// Refuses `[sealing]` in a pooled round, where it would have no effect.
    fn check_nothing_crosses(&mut self) {
        if let Some(at) = &self.written.sealing_key {
            let hint = nearest_name_hint("sealing", KEYS_OF_A_POOLED_ROUND);
            let message = Text::new("未知的键“sealing”", "unknown key `sealing`");
            self.fault(at, message, hint);
        }
    }

    /// Checks `[sealing]`: the recipients, and the files that are not sealed.
    fn sealing(&mut self, mode: Mode) -> Option<Sealing> {
        if mode == Mode::Pooled {
            return None;
        }
        let table = self.written.sealing.required(&mut self.faults)?;
        let plain = table.plain.optional(&mut self.faults);
        for name in plain.into_iter().flatten() {
            if !["tokens", "leads"].contains(&name.value.as_str()) {
                let hint = nearest_name_hint(&name.value, ["tokens", "leads"]);
                self.fault(
                    &name.at,
                    Text::new("未知的文件种类", "unknown kind of file"),
                    hint,
                );
            }
        }
        let centre = table.centre.optional(&mut self.faults);
        let tokens = self.crossing(table, "centre", centre, "tokens");
        let procuratorate = table.procuratorate.optional(&mut self.faults);
        let leads = self.crossing(table, "procuratorate", procuratorate, "leads");
        if let (Some(Crossing::Sealed(centre)), Some(Crossing::Sealed(other))) = (&tokens, &leads)
            && centre.to_string() == other.to_string()
        {
            // A key holder must not be able to open the agencies' token files.
            self.fault(
                &table.at,
                Text::new(
                    "centre 和 procuratorate 的收件人公钥相同",
                    "`centre` and `procuratorate` are the same recipient",
                ),
                Text::new(
                    "请筛查机构和检察机关各自生成身份文件：密钥持有者不得打开令牌文件",
                    "make a separate identity for each: a key holder must not be able to open the token files",
                ),
            );
        }
        self.faults.extend(table.unknown.clone());
        Some(Sealing {
            tokens: tokens?,
            leads: leads?,
        })
    }

    /// Returns how one kind of file crosses: sealed to the recipient under `key`, or
    /// plain.
    fn crossing(
        &mut self,
        table: &WrittenSealing,
        key: &str,
        recipient: Option<&Located<String>>,
        kind: &str,
    ) -> Option<Crossing> {
        let mut plain = table.plain.value().into_iter().flatten();
        let is_plain = plain.any(|name| name.value == kind);
        match (recipient, is_plain) {
            (Some(written), true) => {
                self.fault(
                    &written.at,
                    Text::new(
                        format!("{key} 指定了收件人公钥，而 plain 又要求明文"),
                        format!("`{key}` gives a recipient, but `plain` lists `{kind}`"),
                    ),
                    Text::new(
                        format!("请删去 {key}，或从 plain 中删去 {kind}"),
                        format!("remove `{key}`, or remove `{kind}` from `plain`"),
                    ),
                );
                None
            }
            (Some(written), false) => {
                let recipient = Recipient::parse(&written.value);
                if recipient.is_none() {
                    self.fault(
                        &written.at,
                        Text::new("这不是 age 收件人公钥", "this is not an age recipient"),
                        Text::new(
                            "请写 identity new 给出的收件人公钥，以 age1 开头",
                            "write the recipient that `identity new` printed; it begins with age1",
                        ),
                    );
                }
                recipient.map(Crossing::Sealed)
            }
            (None, true) => Some(Crossing::Plain),
            (None, false) => {
                self.fault(
                    &table.at,
                    Text::new(
                        format!("缺少 {key} 的收件人公钥"),
                        format!("the recipient `{key}` is missing"),
                    ),
                    Text::new(
                        format!(
                            "请写 {key} = \"age1...\"；若确要明文传送，请写 plain = [\"{kind}\"]"
                        ),
                        format!(
                            "write {key} = \"age1...\"; to send the files without a seal, write plain = [\"{kind}\"]"
                        ),
                    ),
                );
                None
            }
        }
    }

    /// Checks `[signing]`: this office's signing key, and the public keys of the
    /// offices.
    fn signing(&mut self) -> (PathBuf, Vec<(String, PublicKey)>) {
        let Some(signing) = self.written.signing.optional(&mut self.faults) else {
            return (self.written.signing_key_beside(None), Vec::new());
        };
        let key = signing.key.optional(&mut self.faults);
        let signers = signing.signers.optional(&mut self.faults);
        for signer in signers.into_iter().flatten() {
            if signer.key.value.is_none() {
                self.fault(
                    &signer.key.at,
                    Text::new("这不是 minisign 公钥", "this is not a minisign public key"),
                    Text::new(
                        "请写 signing new 给出的公钥，以 RW 开头",
                        "write the public key that `signing new` printed; it begins with RW",
                    ),
                );
            }
        }
        self.faults.extend(signing.unknown.clone());
        (self.written.signing_key_beside(key), self.written.signers())
    }

    /// Checks the signers: `centre` and agencies of the policy, each with its own key.
    /// A split round needs a key for every office that sends files.
    fn check_signers(&mut self, mode: Mode, policy: &Policy, senders: &BTreeSet<&str>) {
        let written = self.written.signing.value();
        let at = written.map(|signing| signing.at.clone());
        let at = at.unwrap_or_default();
        let signers = written.and_then(|signing| signing.signers.value());
        let signers: Vec<&WrittenSigner> = signers.into_iter().flatten().collect();
        let agencies = policy.agencies.iter().map(|agency| agency.id.as_str());
        let offices: BTreeSet<&str> = agencies.chain([CENTRE]).collect();
        for (index, signer) in signers.iter().enumerate() {
            if !offices.contains(signer.office.as_str()) {
                let hint = nearest_name_hint(&signer.office, offices.iter().copied());
                let message = Text::new(
                    format!("“{}”不是本轮的机构", signer.office),
                    format!("`{}` is not an office of this round", signer.office),
                );
                self.fault(&signer.key.at, message, hint);
            }
            let earlier = signers.iter().take(index);
            let same = earlier.clone().find(|earlier| {
                earlier.key.value.is_some() && earlier.key.value == signer.key.value
            });
            if let Some(same) = same {
                self.fault(
                    &signer.key.at,
                    Text::new(
                        format!("与 {} 的公钥相同", same.office),
                        format!("this is also the public key of `{}`", same.office),
                    ),
                    Text::new(
                        "请各机构分别用 signing new 生成签名私钥",
                        "make a separate signing key for each office with `signing new`",
                    ),
                );
            }
        }
        if mode == Mode::Pooled {
            return;
        }
        let named = |office: &str| signers.iter().any(|signer| signer.office == office);
        let missing: Vec<&str> = senders
            .iter()
            .copied()
            .chain([CENTRE])
            .filter(|office| !named(office))
            .collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            self.fault(
                &at,
                Text::new(
                    format!("[signing.signers] 缺少公钥：{missing}"),
                    format!("public keys are missing in [signing.signers]: {missing}"),
                ),
                Text::new(
                    "分步模式中每个发送文件的机构都须签名：请各机构运行 signing new，并把公钥写入轮次文件",
                    "every office that sends a file in a split round must sign it: run `signing new` at each office and add its public key to the round file",
                ),
            );
        }
    }

    fn thresholds(&mut self) -> Option<Thresholds> {
        let table = self.written.thresholds.required(&mut self.faults)?;
        let days = table.snapshot_age_days;
        if days.is_some_and(|days| days < 0) {
            self.fault(
                &table.at,
                Text::new("天数不能为负", "a number of days cannot be negative"),
                Text::new("请更正 snapshot_age_days", "correct `snapshot_age_days`"),
            );
        }
        let rare = table.rare_pattern.as_ref();
        if let Some(rare) = rare.filter(|rare| rare.value < 0) {
            self.fault(
                &rare.at,
                Text::new("人数不能为负", "a number of persons cannot be negative"),
                Text::new("请更正 rare_pattern", "correct `rare_pattern`"),
            );
        }
        Some(Thresholds {
            snapshot_age_days: i32::try_from(days?).unwrap_or(i32::MAX),
            reject_rate: table.reject_rate?,
            rare_pattern: rare
                .and_then(|rare| u64::try_from(rare.value).ok())
                .unwrap_or(RARE_PATTERN),
        })
    }

    /// Returns the output folder. The round file must name one even if it is replaced.
    fn output(&mut self, replacement: Option<&Path>) -> Option<PathBuf> {
        let written = self.written.output.required(&mut self.faults);
        match replacement {
            Some(output) => Some(output.to_path_buf()),
            None => written.and_then(|path| {
                inside(self.written.folder(), self.document, path, &mut self.faults)
            }),
        }
    }

    /// Returns the exports that have all keys that every office needs.
    fn exports(&mut self) -> Vec<CompleteExport<'w>> {
        let written = self.written.exports.optional(&mut self.faults);
        let mut exports: Vec<CompleteExport<'w>> = Vec::new();
        for export in written.into_iter().flatten() {
            self.faults.extend(export.faults.clone());
            self.check_reading_file(export);
            let (Some(schema), Some(snapshot), Some(legal_basis)) =
                (&export.schema, &export.snapshot, &export.legal_basis)
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
                    Text::new(
                        "每个模式只能有一份导出：请合并或删去一份",
                        "a schema can have only one export: merge them or remove one",
                    ),
                );
            }
            exports.push(CompleteExport {
                written: export,
                schema,
                snapshot,
                legal_basis,
            });
        }
        exports
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
                    "影响评估在签发日期前已过期（个人信息保护法第五十五条）",
                    "the impact assessment expires before `issued_on` (Personal Information Protection Law, Article 55)",
                ),
                Text::new("请先更新影响评估", "renew the assessment first"),
            );
        }
        if let Some(until) = retention_until
            && until.value < issued_on.value
        {
            self.fault(
                &until.at,
                Text::new(
                    "删除期限早于签发日期",
                    "`retention_until` is before `issued_on`",
                ),
                Text::new("请更正日期", "correct the date"),
            );
        }
    }

    /// Returns the exports that the round leaves out, in the order of their names.
    fn not_joined(
        &mut self,
        exports: &[CompleteExport<'_>],
        policy: Option<&Policy>,
    ) -> Vec<NotJoinedExport> {
        let mut left_out: BTreeMap<&str, &str> = BTreeMap::new();
        let written = self.written.not_joined.optional(&mut self.faults);
        for WrittenNotJoined { schema, because } in written.into_iter().flatten() {
            let name = schema.value.as_str();
            if let Some(policy) = policy
                && !policy.registers_used().contains(name)
            {
                let hint = nearest_name_hint(name, policy.registers_used());
                self.fault(
                    &schema.at,
                    Text::new(
                        "规则文件没有用到这一名册",
                        "the policy uses no register of this name",
                    ),
                    hint,
                );
            }
            if exports.iter().any(|export| export.schema.value == name) {
                self.fault(
                    &schema.at,
                    Text::new(
                        "此导出已列入 [[export]]",
                        "this export is also in [[export]]",
                    ),
                    Text::new("请删去其中一处", "remove one of the two"),
                );
            }
            if left_out.insert(name, &because.value).is_some() {
                self.fault(
                    &schema.at,
                    Text::new("此导出写了两次", "this export is listed twice"),
                    Text::new("请只保留一处", "keep one of them"),
                );
            }
        }
        let left_out = left_out.into_iter();
        left_out
            .map(|(export, because)| NotJoinedExport {
                export: export.to_owned(),
                because: because.to_owned(),
            })
            .collect()
    }

    /// Returns the terms of the case parties' export, and of the other exports in the
    /// order of the round file.
    fn export_terms(
        &mut self,
        exports: Vec<CompleteExport<'w>>,
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
                    "缺少完整的案件当事人导出",
                    "a complete export of case parties is missing",
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
                if !schemas.is_faulty(&export.schema.value) {
                    let known = schemas.0.keys().map(String::as_str);
                    let hint = nearest_name_hint(&export.schema.value, known);
                    self.fault(
                        &export.schema.at,
                        Text::new("未知的导出模式", "unknown export schema"),
                        hint,
                    );
                }
                continue;
            };
            self.check_export(&export, schema, policy, as_of);
            let terms = ExportTerms {
                schema: schema.clone(),
                snapshot: export.snapshot.value,
                legal_basis: export.legal_basis.value.clone(),
                may_be_empty: export.written.may_be_empty,
            };
            if terms.schema.name == CASE_EXPORT {
                cases = Some(terms);
            } else {
                registers.push(terms);
            }
        }
        (cases, registers)
    }

    fn check_export(
        &mut self,
        export: &CompleteExport<'w>,
        schema: &ExportSchema,
        policy: Option<&Policy>,
        as_of: Option<&Located<Date>>,
    ) {
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
                    "remove it from the round (Personal Information Protection Law, Article 6)",
                ),
            );
        }
        if let Some(as_of) = as_of
            && export.snapshot.value > as_of.value
        {
            self.fault(
                &export.snapshot.at,
                Text::new(
                    "提取日晚于基准日",
                    "the snapshot is after the as-of date",
                ),
                Text::new(
                    "请更正基准日或提取日：无法判断基准日之后的记录",
                    "correct the as-of date or the snapshot: records after the as-of date cannot be judged",
                ),
            );
        }
        for part in export.written.parts() {
            self.parts(export.written).check_part(part, schema, policy);
        }
    }
}

/// Adds the constants to the files of each export. Files and paths correspond to each
/// other, unless there was a fault.
fn add_constants(exports: &[CompleteExport<'_>], schemas: &Schemas, files: &mut ExportFiles) {
    for export in exports {
        let (Some(files), Some(schema)) = (
            files.get_mut(&export.schema.value),
            schemas.get(&export.schema.value),
        ) else {
            continue;
        };
        let parts = export.written.parts().iter();
        let parts = parts.flat_map(|part| part.paths.iter().map(move |_| part));
        for (file, part) in files.files.iter_mut().zip(parts) {
            let constants = part.constants.iter().filter_map(|written| {
                let (field, value) = (&written.field.value, &written.value.value);
                Constant::read(schema, None, field, value).ok()
            });
            file.reading.constants = constants.collect();
        }
    }
}
