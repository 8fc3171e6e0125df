//! The manifest: what went into a step, what was read of it, what became of
//! every row, what came out. It holds no time and no value of a row, so it is
//! the same for the same inputs.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use aidlink_contract::screened_lead::NotVerified;
use aidlink_contract::token::TokenAlgorithm;
use aidlink_contract::token_file::{SentAccount, SourceFile};
use aidlink_faults::text::{Language, Text};
use aidlink_files::document::Document;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::confinement::Confinement;
use crate::round::{Mode, Thresholds};

/// The name of the manifest in an output folder.
pub const MANIFEST: &str = "manifest.json";
/// The word for users, in sentences about documents.
pub fn manifest_word() -> Text {
    Text::new("运行记录", "manifest")
}

/// A manifest. Parts that a step has no use for are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name of the format; version 2 named none.
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
    /// BLAKE3 digest of what all offices of the round agree on, hexadecimal;
    /// absent in version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_blake3: Option<String>,
    /// The day at which everything is judged.
    pub as_of: Date,
    /// The day on which leads are issued.
    pub issued_on: Date,
    /// The purpose.
    pub purpose: String,
    /// The impact assessment (Personal Information Protection Law, 55).
    pub impact_assessment: ImpactAssessment,
    /// The operator.
    pub operator: String,
    /// The day by which the round's data is deleted.
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
    /// Exports that could not verify receipt or referral.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_verified_by: Option<BTreeMap<String, NotVerified>>,
    /// The round's key; the centre has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyUsed>,
    /// The exports that were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<ExportRead>,
    /// What an agency sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokensSent>,
    /// Tells screenings of one round apart: BLAKE3, hexadecimal.
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
    /// Files that came from other offices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub received: Vec<Received>,
    /// The files of the case parties' export that were screened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_sources: Option<Vec<SourceFile>>,
    /// Files on their way to other offices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crossing: Vec<Crossed>,
    /// The key that signs this manifest.
    pub signing: Option<SigningUsed>,
    /// What the system refused to the program.
    pub confinement: Option<Confinement>,
    /// Every file of the folder but manifest, log and signature.
    #[serde(default)]
    pub outputs: Vec<OutputFile>,
}

impl Document for Manifest {
    const FORMAT: &'static str = "aidlink manifest";
    // Version 2 is what aidlink 0.1 wrote.
    const VERSIONS: RangeInclusive<u64> = 2..=3;
}

fn format_of_version_2() -> String {
    Manifest::FORMAT.to_owned()
}

/// The step that wrote a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// A pooled round.
    Run,
    /// An agency's export became tokens.
    Tokenise,
    /// The centre found the leads.
    Screen,
    /// The procuratorate made the lists.
    Resolve,
}

impl StepKind {
    /// The word in manifests.
    pub fn name(self) -> &'static str {
        match self {
            StepKind::Run => "run",
            StepKind::Tokenise => "tokenise",
            StepKind::Screen => "screen",
            StepKind::Resolve => "resolve",
        }
    }

    /// Whether exports were read.
    pub fn reads_exports(self) -> bool {
        self != StepKind::Screen
    }

    /// Whether lists were written.
    pub fn writes_lists(self) -> bool {
        matches!(self, StepKind::Run | StepKind::Resolve)
    }
}

/// A program, so that a build can be told from every other.
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
    /// BLAKE3 digest of the file that ran, hexadecimal; absent when it could not be read.
    pub executable_blake3: Option<String>,
    /// Architecture and operating system.
    pub system: String,
}

impl Software {
    /// The program that runs, under a name.
    pub fn running(name: &str) -> Self {
        let digest = std::env::current_exe().and_then(|path| {
            let mut digest = blake3::Hasher::new();
            std::io::copy(&mut std::fs::File::open(path)?, &mut digest)?;
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
    /// The day until which it holds.
    pub valid_until: Date,
}

/// The policy that was used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyUsed {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// BLAKE3 digest, hexadecimal.
    pub blake3: String,
}

/// The calendar that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarUsed {
    /// BLAKE3 digest, hexadecimal.
    pub blake3: String,
}

/// The round's key, by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyUsed {
    /// Its id, 16 hexadecimal digits.
    pub id: String,
    /// The version of the key; absent for version 1, of aidlink 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The token algorithm.
    pub algorithm: TokenAlgorithm,
    /// The algorithm gave the known answers: a step that fails the test does not run.
    pub known_answer_test: Passed,
    /// The key file, relative to the round file's folder.
    pub file: Option<String>,
}

/// A test that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passed {
    /// It was.
    Passed,
}

/// An export as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportRead {
    /// The schema's name.
    pub export: String,
    /// The agency's id.
    pub agency: String,
    /// The day on which the agency took it.
    pub snapshot: Date,
    /// The legal basis or agreement on which it is used.
    pub legal_basis: String,
    /// BLAKE3 digest of the schema, hexadecimal.
    pub schema_blake3: String,
    /// Fields whose columns were read.
    pub fields_read: Vec<String>,
    /// Its files.
    pub files: Vec<FileRead>,
    /// What became of its rows.
    pub account: ExportAccount,
    /// Of a register in a pooled round: persons who are a case party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persons_matched: Option<u64>,
}

/// A file of an export as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRead {
    /// Its path as the round file gives it.
    pub file: String,
    /// BLAKE3 digest of its bytes, hexadecimal.
    pub blake3: String,
    /// Bytes.
    pub bytes: u64,
    /// The kind of file.
    pub format: String,
    /// The encoding it was read in.
    pub encoding: String,
    /// The year from which serial dates count.
    pub date_epoch: i64,
    /// Its columns, in the order of the file.
    pub columns: Vec<ColumnRead>,
    /// Headers of the columns that were not read.
    pub columns_present_and_not_read: Vec<String>,
    /// Fields of the schema for which there is no column.
    pub fields_absent: Vec<String>,
}

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnRead {
    /// Its header.
    pub header: String,
    /// The schema's field.
    pub field: Option<String>,
    /// Whether its cells were read.
    pub read: bool,
}

/// What became of the rows of an export, with figures by reason:
/// rows = rejected + withheld + without outcome + sent, or, where rows of
/// persons who are no case party were only counted, + matched + unmatched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportAccount {
    /// Rows below the header.
    pub rows: u64,
    /// Rows that could not be used.
    pub rejected: u64,
    /// Rows that a withhold rule kept back.
    pub withheld: u64,
    /// Rows on which no rule holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_outcome: Option<u64>,
    /// Rows whose token and outcomes leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
    /// Rows of persons who are a case party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<u64>,
    /// Rows of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmatched: Option<u64>,
    /// Lines that are not rows.
    pub not_rows: LinesNotRows,
    /// Rejected rows by the code of the reason.
    pub rejected_by_reason: BTreeMap<String, u64>,
    /// Withheld rows by rule.
    pub withheld_by_rule: BTreeMap<String, u64>,
    /// Rows with an unusual ID number, by the code of the warning.
    pub id_warnings: BTreeMap<String, u64>,
    /// Cells that could not be read, by `field: code`.
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
    /// Lines with nothing in any cell.
    pub blank_lines: u64,
    /// Lines of totals (合计).
    pub total_lines: u64,
}

/// What an agency sends to the centre.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokensSent {
    /// Tokens in the file.
    pub tokens: u64,
    /// Share of the export's rows that became part of a token's outcomes, 0 to 1.
    pub share_of_rows_sent: f64,
    /// Different patterns of outcomes.
    pub patterns: u64,
    /// Patterns that fewer persons have than the round's limit.
    pub rare_patterns: u64,
    /// Persons with such a pattern.
    pub persons_with_a_rare_pattern: u64,
}

/// A file that came from another office.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Received {
    /// Its name.
    pub file: Option<String>,
    /// Its path relative to the round file's folder; absent when it lies elsewhere.
    pub path: Option<String>,
    /// BLAKE3 digest of the file as it came, hexadecimal.
    pub blake3: Option<String>,
    /// The office that sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// BLAKE3 digest of its plain text, hexadecimal.
    pub plain_blake3: String,
    /// Bytes of its plain text.
    pub plain_bytes: u64,
    /// Of a token file: the id of the key that made the tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Of a token file: the export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<String>,
    /// Of a token file: the day on which the agency took the export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Date>,
    /// Of a token file: BLAKE3 digest of the schema, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_blake3: Option<String>,
    /// Of a token file: what became of the export's rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_at_the_agency: Option<SentAccount>,
    /// Of a register's token file: how many tokens are a case party's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokensReceived>,
}

/// Tokens of a register: tokens = matched + unmatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokensReceived {
    /// All of them.
    pub tokens: u64,
    /// Those of a case party.
    pub matched: u64,
    /// Those of others.
    pub unmatched: u64,
}

/// A file on its way to another office.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crossed {
    /// Its path in the output folder.
    pub file: String,
    /// The office that it is for.
    pub to: String,
    /// Its recipient; absent when it crosses plain.
    pub sealed_to: Option<String>,
    /// BLAKE3 digest of its plain text, hexadecimal.
    pub plain_blake3: String,
    /// Bytes of its plain text.
    pub plain_bytes: u64,
}

/// The key that signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningUsed {
    /// Its id, as minisign shows it.
    pub key_id: String,
    /// Its public half, the line that begins with RW.
    pub public_key: String,
}

/// A file of the output folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputFile {
    /// Its path in the folder, with `/`.
    pub file: String,
    /// BLAKE3 digest, hexadecimal.
    pub blake3: String,
    /// Bytes.
    pub bytes: u64,
}
