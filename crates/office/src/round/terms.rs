//! The terms of a round: what all its offices agree on.

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

use super::paths::{below, relative_to};
use crate::sealed::Recipient;
use crate::signing::PublicKey;

/// The name of the centre in `[signing.signers]`.
pub const CENTRE: &str = "centre";

/// The limits of a round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Largest number of days between a snapshot and the as-of date; lists are
    /// provisional beyond it.
    pub snapshot_age_days: i32,
    /// Largest share of rejected rows, 0 to 1; lists are provisional beyond it.
    pub reject_rate: f64,
    /// A pattern of outcomes that fewer persons share is reported to the agency as
    /// rare.
    pub rare_pattern: u64,
}

impl Thresholds {
    /// Returns whether a snapshot is too old at the as-of date: what it says of who receives an
    /// aid does not count. One that cannot be that old is too old.
    pub fn is_stale(&self, as_of: Date, snapshot: Date) -> bool {
        as_of
            .since(snapshot)
            .map_or(true, |span| span.get_days() > self.snapshot_age_days)
    }
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
    /// Returns the name used in round files.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Pooled => "pooled",
            Mode::Split => "split",
        }
    }

    /// Returns the mode with this name; `None` if the name is unknown.
    pub fn named(name: &str) -> Option<Self> {
        [Mode::Pooled, Mode::Split]
            .into_iter()
            .find(|mode| mode.name() == name)
    }
}

/// How a file that crosses to another office is protected.
#[derive(Clone, Debug)]
pub enum Crossing {
    /// Sealed to this recipient.
    Sealed(Recipient),
    /// Not sealed, because the round file lists it under `plain`.
    Plain,
}

/// How the files of a split round are protected.
#[derive(Clone, Debug)]
pub struct Sealing {
    /// Token files, from agencies to the centre.
    pub tokens: Crossing,
    /// Screened leads, from the centre to the procuratorate.
    pub leads: Crossing,
}

/// A configuration file as it was read. A copy of it is kept in the output folder.
#[derive(Clone, Debug)]
pub struct ConfigurationFile {
    /// Its path inside an output folder.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The terms of one export.
#[derive(Clone, Debug)]
pub struct ExportTerms {
    /// Its schema.
    pub schema: ExportSchema,
    /// The day on which the agency took the export from its system.
    pub snapshot: Date,
    /// The law or agreement on which the export was provided.
    pub legal_basis: String,
    /// Whether the export may have no rows (in a first round there are no referrals
    /// yet).
    pub may_be_empty: bool,
}

/// An export that the policy uses and that the round leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotJoinedExport {
    /// The name of its schema.
    pub export: String,
    /// The reason.
    pub because: String,
}

/// The terms of a round. The paths of an office are not part of them: they are in
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
    /// The as-of date: the day for which everything is judged.
    pub as_of: Date,
    /// The day on which leads are issued; deadlines run from it.
    pub issued_on: Date,
    /// The purpose of processing. The round key is bound to the same purpose.
    pub purpose: String,
    /// Id of the impact assessment (Personal Information Protection Law, Article 55).
    pub impact_assessment: String,
    /// The last day on which the assessment is valid.
    pub impact_assessment_until: Date,
    /// The person who runs the round.
    pub operator: String,
    /// The day by which the round's data must be deleted (Personal Information
    /// Protection Law, Articles 19 and 47).
    pub retention_until: Date,
    /// The language of the lists.
    pub list_language: Language,
    /// The token algorithm.
    pub algorithm: TokenAlgorithm,
    /// The limits.
    pub thresholds: Thresholds,
    /// How files that cross between offices are protected; `None` in a pooled round,
    /// where no file crosses.
    pub sealing: Option<Sealing>,
    /// The offices and their public keys, by which signatures are verified.
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
    /// The exports that the round leaves out, in the order of their names. The lists name
    /// them, and are not provisional for their sake.
    pub not_joined: Vec<NotJoinedExport>,
}

impl RoundTerms {
    /// Returns how files that cross between offices are protected.
    ///
    /// # Errors
    /// In a pooled round, where no file crosses.
    pub fn sealing(&self) -> Result<&Sealing, Fault> {
        self.sealing.as_ref().ok_or_else(|| {
            Fault::of_file(
                &self.file,
                Text::new(
                    "轮次文件未写明文件如何传送",
                    "the round file does not specify how files cross between offices",
                ),
                Text::new("请添加 [sealing]", "add [sealing]"),
            )
        })
    }

    /// Returns the folder of the round file.
    pub fn folder(&self) -> &Path {
        parent_of(&self.file)
    }

    /// Returns the path relative to the folder of the round file, with `/` as
    /// separator; `None` if it is not below that folder.
    pub fn relative(&self, path: &Path) -> Option<String> {
        relative_to(self.folder(), path)
    }

    /// Returns the rest of a path that is below the folder of the round file; `None` if it is
    /// elsewhere.
    pub fn below(&self, path: &Path) -> Option<PathBuf> {
        below(self.folder(), path)
    }

    /// Returns all exports, the case parties first.
    pub fn exports(&self) -> impl Iterator<Item = &ExportTerms> {
        std::iter::once(&self.cases).chain(&self.registers)
    }

    /// Returns the export of a schema.
    pub fn export(&self, schema: &str) -> Option<&ExportTerms> {
        self.exports().find(|export| export.schema.name == schema)
    }
}
