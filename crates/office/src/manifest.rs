//! The manifest of a step: its inputs, the columns read, the account of every
//! row, and its outputs. It holds no clock time and no value of a row, so the
//! same inputs give the same manifest.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use aidlink_contract::screened_lead::NotVerified;
use aidlink_contract::token::TokenAlgorithm;
use aidlink_contract::token_file::{SentAccount, SourceFile};
use aidlink_faults::text::{Language, Text};
use aidlink_files::document::Document;
use aidlink_policy::pack::Policy;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::confinement::Confinement;
use crate::round::{Mode, Thresholds};

/// The name of the manifest in an output folder.
pub const MANIFEST: &str = "manifest.json";
/// Returns the word for a manifest in messages.
pub fn manifest_word() -> Text {
    Text::new("运行记录", "manifest")
}

/// A manifest. Fields that do not apply to the step are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name of the format; absent in version 2.
    #[serde(default = "format_of_version_2")]
    pub format: String,
    /// The version of the format.
    #[serde(alias = "manifest_version")]
    pub version: u64,
    /// The program that wrote it.
    pub software: Software,
    /// How the steps of the round are divided.
    pub mode: Mode,
    /// The step.
    pub step: StepKind,
    /// The round's id.
    pub round: String,
    /// BLAKE3 digest of the round file, hexadecimal.
    pub round_file_blake3: String,
    /// BLAKE3 digest of the round's terms, hexadecimal; absent in version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_blake3: Option<String>,
    /// The as-of date: the day for which everything is judged.
    pub as_of: Date,
    /// The day on which leads are issued.
    pub issued_on: Date,
    /// The purpose of processing.
    pub purpose: String,
    /// The impact assessment (Personal Information Protection Law, Article 55).
    pub impact_assessment: ImpactAssessment,
    /// The person who runs the round.
    pub operator: String,
    /// The day by which the round's data must be deleted.
    pub retention_until: Date,
    /// The limits beyond which lists are provisional.
    pub thresholds: Thresholds,
    /// The policy.
    pub policy: PolicyUsed,
    /// The calendar of working days.
    pub calendar: CalendarUsed,
    /// The language of the lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_language: Option<Language>,
    /// Why the lists are provisional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisional: Option<Vec<Text>>,
    /// The exports by which receipt or referral could not be verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_verified_by: Option<BTreeMap<String, NotVerified>>,
    /// The round key; absent at the centre.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyUsed>,
    /// The exports that were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<ExportRead>,
    /// The procuratorate's register, if the step read it. In place of the export of earlier
    /// referrals, which then has no files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<RegisterRead>,
    /// The token file that an agency sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokensSent>,
    /// The id of the screening: BLAKE3, hexadecimal. Screenings of the same round
    /// have different ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screening: Option<String>,
    /// Case rows that were screened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_rows: Option<u64>,
    /// Case parties that were screened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_parties: Option<u64>,
    /// Leads that the centre found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads: Option<u64>,
    /// Files received from other offices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub received: Vec<Received>,
    /// The files of the screened export of case parties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_sources: Option<Vec<SourceFile>>,
    /// Files for other offices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crossing: Vec<Crossed>,
    /// The key that signs this manifest.
    pub signing: Option<SigningUsed>,
    /// The restrictions that the program ran under.
    pub confinement: Option<Confinement>,
    /// Every file of the folder except manifest, log and signature.
    #[serde(default)]
    pub outputs: Vec<OutputFile>,
}

impl Document for Manifest {
    const FORMAT: &'static str = "aidlink manifest";
    // aidlink 0.1 wrote version 2.
    const VERSIONS: RangeInclusive<u64> = 2..=3;
}

fn format_of_version_2() -> String {
    Manifest::FORMAT.to_owned()
}

/// The kind of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// All steps of a pooled round at once.
    Run,
    /// An agency turns an export into tokens.
    Tokenise,
    /// The centre finds the leads.
    Screen,
    /// The procuratorate resolves the leads and writes the match lists.
    Resolve,
}

impl StepKind {
    /// Returns the name used in manifests.
    pub fn name(self) -> &'static str {
        match self {
            StepKind::Run => "run",
            StepKind::Tokenise => "tokenise",
            StepKind::Screen => "screen",
            StepKind::Resolve => "resolve",
        }
    }

    /// Whether the step reads exports.
    pub fn reads_exports(self) -> bool {
        self != StepKind::Screen
    }

    /// Whether the step writes match lists.
    pub fn writes_lists(self) -> bool {
        matches!(self, StepKind::Run | StepKind::Resolve)
    }
}

/// A program and its exact build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Software {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its build.
    pub build: Build,
}

/// A build of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// BLAKE3 digest of the executable, hexadecimal; `None` if it could not be read.
    pub executable_blake3: Option<String>,
    /// Architecture and operating system, such as `x86_64-linux`.
    pub system: String,
}

impl Software {
    /// Returns the running program under this name.
    pub fn running(name: &str) -> Self {
        let digest = std::env::current_exe().and_then(|path| {
            let mut digest = blake3::Hasher::new();
            digest.update_reader(std::fs::File::open(path)?)?;
            Ok(digest.finalize().to_hex().to_string())
        });
        Software {
            name: name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: Build {
                executable_blake3: digest.ok(),
                system: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            },
        }
    }
}

/// An impact assessment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpactAssessment {
    /// Its id.
    pub id: String,
    /// The last day on which it is valid.
    pub valid_until: Date,
}

/// The policy used by the step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyUsed {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// BLAKE3 digest of what the policy says, hexadecimal. Without layers, as in version 2,
    /// that of its file.
    pub blake3: String,
    /// Its files: its own first, each on top of the next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<PolicyLayer>,
}

/// A file of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyLayer {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Its copy, relative to the folder of configuration files.
    pub file: String,
    /// BLAKE3 digest of the file, hexadecimal.
    pub blake3: String,
}

impl PolicyUsed {
    /// Returns what a manifest says of a policy.
    pub fn of(policy: &Policy) -> Self {
        PolicyUsed {
            id: policy.id.clone(),
            version: policy.version.clone(),
            blake3: policy.digest.clone(),
            layers: policy
                .copies()
                .map(|(file, layer)| PolicyLayer {
                    id: layer.id.clone(),
                    version: layer.version.clone(),
                    file,
                    blake3: layer.digest.clone(),
                })
                .collect(),
        }
    }
}

/// The calendar used by the step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarUsed {
    /// BLAKE3 digest, hexadecimal.
    pub blake3: String,
}

/// The round key used by the step; the key itself is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyUsed {
    /// Its key id, 16 hexadecimal digits.
    pub id: String,
    /// The version of the key; absent for version 1 (aidlink 0.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The token algorithm.
    pub algorithm: TokenAlgorithm,
    /// Always `passed`: a step that fails the known-answer test does not run.
    pub known_answer_test: Passed,
    /// The key file, relative to the round file's folder.
    pub file: Option<String>,
}

/// The result of a test that a step must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passed {
    /// The test was passed.
    Passed,
}

/// An export that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportRead {
    /// The schema's name.
    pub export: String,
    /// The agency's id.
    pub agency: String,
    /// The day on which the agency took the export from its system.
    pub snapshot: Date,
    /// The law or agreement on which the export was provided.
    pub legal_basis: String,
    /// BLAKE3 digest of the schema, hexadecimal.
    pub schema_blake3: String,
    /// BLAKE3 digest of the office's own file that says how the export is read,
    /// hexadecimal; absent if the round file says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading_blake3: Option<String>,
    /// Fields whose columns were read.
    pub fields_read: Vec<String>,
    /// Its files.
    pub files: Vec<FileRead>,
    /// The account of its rows.
    pub account: ExportAccount,
    /// In a register of a pooled round, the number of persons who are case parties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persons_matched: Option<u64>,
}

/// The procuratorate's register as a step read it: its events up to its head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterRead {
    /// The id of the register.
    pub register: String,
    /// Number of events.
    pub events: u64,
    /// The digest of the last event, hexadecimal.
    pub last: String,
    /// The fields that the step took from it for the rules; none if it took only what the lists
    /// show of earlier leads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnRead>,
}

/// A file of an export that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRead {
    /// Its path as in the round file.
    pub file: String,
    /// BLAKE3 digest of its bytes, hexadecimal.
    pub blake3: String,
    /// Length in bytes.
    pub bytes: u64,
    /// The file format.
    pub format: String,
    /// The encoding it was read in.
    pub encoding: String,
    /// The year from which serial date numbers count: 1900 or 1904.
    pub date_epoch: i64,
    /// The sheet of a workbook. A workbook of which several sheets are read is listed once
    /// for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Rows below the header; absent if the export is a single file that is no workbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Other sheets of the workbook that have content, listed with the first sheet that
    /// was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sheets_not_read: Vec<SheetNotRead>,
    /// Its columns, in the order of the file.
    pub columns: Vec<ColumnRead>,
    /// Headers of the columns that were not read.
    pub columns_present_and_not_read: Vec<String>,
    /// Fields of the schema that have neither a column nor a constant.
    pub fields_absent: Vec<String>,
    /// Values that the round file gives to fields in every row, by field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub constants: BTreeMap<String, String>,
    /// The reason for a constant that lets rows pass which would be withheld without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The codes of the site's own labels, by field and label; empty for a label that
    /// states nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, BTreeMap<String, String>>,
}

/// A sheet of a workbook that was not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SheetNotRead {
    /// Its name; numbers in the form of personal numbers are blacked out.
    pub sheet: String,
    /// `hidden`, `no_header` or `not_named`.
    pub why: String,
    /// Rows with content, below the header if there is one; absent if the sheet cannot be
    /// read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Those of them with a number in the form of an ID number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_with_id: Option<u64>,
}

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnRead {
    /// Its header.
    pub header: String,
    /// The field of the schema that it holds, if any.
    pub field: Option<String>,
    /// Whether its cells were read.
    pub read: bool,
    /// The unit of its amounts, such as 万元, if the header or a title line states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// The account of an export's rows, with figures by reason:
/// rows = rejected + withheld + without outcome + sent, or, for a register of a
/// pooled round, rows = rejected + withheld + matched + unmatched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportAccount {
    /// Rows below the header.
    pub rows: u64,
    /// Rows that could not be used.
    pub rejected: u64,
    /// Rows withheld by a rule.
    pub withheld: u64,
    /// Rows on which no rule holds, and case rows that cannot lead to an aid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_outcome: Option<u64>,
    /// Rows whose token and outcomes are sent to the centre or screened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
    /// Rows of persons who are case parties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<u64>,
    /// Rows of other persons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmatched: Option<u64>,
    /// Lines that are not rows.
    pub not_rows: LinesNotRows,
    /// Rejected rows by reason code.
    pub rejected_by_reason: BTreeMap<String, u64>,
    /// Withheld rows by rule.
    pub withheld_by_rule: BTreeMap<String, u64>,
    /// Rows with an unusual ID number, by warning code.
    pub id_warnings: BTreeMap<String, u64>,
    /// Unreadable cells, by `field: code`.
    pub unreadable_values: BTreeMap<String, u64>,
}

impl ExportAccount {
    /// Whether every row is accounted for.
    pub fn adds_up(&self) -> bool {
        let rest = match (
            self.without_outcome.zip(self.sent),
            self.matched.zip(self.unmatched),
        ) {
            (Some((one, other)), None) | (None, Some((one, other))) => one.checked_add(other),
            _ => None,
        };
        rest.and_then(|rest| rest.checked_add(self.rejected))
            .and_then(|sum| sum.checked_add(self.withheld))
            == Some(self.rows)
    }
}

/// Lines of an export that are not rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinesNotRows {
    /// Lines above the header.
    pub title_lines: u64,
    /// Lines without any content.
    pub blank_lines: u64,
    /// Lines of totals (合计).
    pub total_lines: u64,
    /// Signatures, notes and page numbers (填表人, 注, 第 1 页); absent in version 2.
    #[serde(default)]
    pub footer_lines: u64,
    /// Lines in which the header or a title is repeated; absent in version 2.
    #[serde(default)]
    pub repeated_header_lines: u64,
}

/// The token file that an agency sends to the centre.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokensSent {
    /// Number of tokens.
    pub tokens: u64,
    /// Share of the export's rows whose outcomes are in the file, 0 to 1.
    pub share_of_rows_sent: f64,
    /// Number of distinct patterns of outcomes.
    pub patterns: u64,
    /// Number of patterns that fewer persons share than
    /// [`Thresholds::rare_pattern`].
    pub rare_patterns: u64,
    /// Number of persons with a rare pattern.
    pub persons_with_a_rare_pattern: u64,
}

/// A file received from another office.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Received {
    /// Its name.
    pub file: Option<String>,
    /// Its path relative to the round file's folder; `None` if it is elsewhere.
    pub path: Option<String>,
    /// BLAKE3 digest of the file as received, hexadecimal.
    pub blake3: Option<String>,
    /// The office that sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// BLAKE3 digest of its plain text, hexadecimal.
    pub plain_blake3: String,
    /// Length of its plain text in bytes.
    pub plain_bytes: u64,
    /// Token files: the id of the key that made the tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Token files: the export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<String>,
    /// Token files: the day on which the agency took the export from its system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Date>,
    /// Token files: BLAKE3 digest of the schema, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_blake3: Option<String>,
    /// Token files: the account of the export's rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_at_the_agency: Option<SentAccount>,
    /// Token files of registers: the number of tokens that match case parties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokensReceived>,
}

/// Tokens of a register: tokens = matched + unmatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokensReceived {
    /// All tokens.
    pub tokens: u64,
    /// Tokens of case parties.
    pub matched: u64,
    /// Tokens of other persons.
    pub unmatched: u64,
}

/// A file for another office.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crossed {
    /// Its path in the output folder.
    pub file: String,
    /// The office that receives it.
    pub to: String,
    /// Its recipient; `None` if it is not sealed.
    pub sealed_to: Option<String>,
    /// BLAKE3 digest of its plain text, hexadecimal.
    pub plain_blake3: String,
    /// Length of its plain text in bytes.
    pub plain_bytes: u64,
}

/// The signing key used by the step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningUsed {
    /// Its key id, as minisign shows it.
    pub key_id: String,
    /// Its public key, the line that begins with `RW`.
    pub public_key: String,
}

/// The folder of the workbooks that the procuratorate's reviewers fill in.
pub const REVIEW: &str = "review";

/// What may become of a file of the output folder after it was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// A workbook that people fill in: it may differ from what was issued.
    ToFillIn,
}

/// A file of the output folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputFile {
    /// Its path in the folder, with `/` as separator.
    pub file: String,
    /// BLAKE3 digest when it was issued, hexadecimal.
    pub blake3: String,
    /// Length in bytes when it was issued.
    pub bytes: u64,
    /// Its kind; absent for a file that must stay as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<OutputKind>,
}

impl OutputFile {
    /// Whether people fill the file in, so that it may differ from what was issued. Only a
    /// workbook below [`REVIEW`]: no manifest can allow this for a list.
    pub fn is_to_fill_in(&self) -> bool {
        let in_review = self.file.strip_prefix(REVIEW);
        let name = in_review.and_then(|rest| rest.strip_prefix('/'));
        let is_workbook = name.is_some_and(|name| !name.contains('/') && name.ends_with(".xlsx"));
        self.kind == Some(OutputKind::ToFillIn) && is_workbook
    }
}
