//! What all offices of a round agree on.

use std::path::{Path, PathBuf};

use aidlink_contract::token::TokenAlgorithm;
use aidlink_faults::fault::Fault;
use aidlink_faults::text::{Language, Text};
use aidlink_files::partial::parent_of;
use aidlink_policy::calendar::Calendar;
use aidlink_policy::pack::Policy;
use aidlink_policy::schema::{ExportSchema, Schemas};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::paths::relative_to;
use crate::sealed::Recipient;
use crate::signing::PublicKey;

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

    /// The mode of a name; `None` if the name is unknown.
    pub fn named(name: &str) -> Option<Self> {
        [Mode::Pooled, Mode::Split]
            .into_iter()
            .find(|mode| mode.name() == name)
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

/// What a round says to every office. Where an office keeps its key, its output
/// and its exports is its own affair and stands in
/// [`OfficePaths`](super::OfficePaths) and in the exports of a
/// [`Round`](super::Round).
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
    /// The limits.
    pub thresholds: Thresholds,
    /// How files cross between offices; none do in a pooled round.
    pub sealing: Option<Sealing>,
    /// Offices and their public keys: whose signatures count.
    pub signers: Vec<(String, PublicKey)>,
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

impl RoundTerms {
    /// How files cross between offices.
    ///
    /// # Errors
    /// In a pooled round, where no file crosses.
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
