//! Which layer of a policy each of its parts comes from, and what later layers made of it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use aidlink_faults::personal_number::shown_path;
use aidlink_faults::text::Text;

/// One file of a policy. A policy is on top of the policies below it.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// The file, or by which name it comes with the program.
    pub file: PathBuf,
    /// BLAKE3 digest of the file, hexadecimal.
    pub digest: String,
    /// The file's bytes.
    pub content: Arc<[u8]>,
}

/// A line of a policy file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Spot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", shown_path(&self.file), self.line)
    }
}

/// What a part of a policy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartKind {
    /// A document that may be cited.
    Source,
    /// An agency.
    Agency,
    /// A deadline.
    Deadline,
    /// A named value.
    Parameter,
    /// A rule.
    Rule,
    /// A guarantee.
    Guarantee,
    /// A term.
    Term,
    /// An aid.
    Aid,
    /// The export of earlier referrals.
    Referrals,
    /// How long some states of a referral suppress a lead.
    ReferralState,
}

impl PartKind {
    /// The kinds that are written as `[[KEY]]` and have an id.
    pub(super) const LISTED: [PartKind; 8] = [
        PartKind::Source,
        PartKind::Agency,
        PartKind::Deadline,
        PartKind::Rule,
        PartKind::Guarantee,
        PartKind::Term,
        PartKind::Aid,
        PartKind::ReferralState,
    ];

    /// Returns the key used in policy files.
    pub fn key(self) -> &'static str {
        match self {
            PartKind::Source => "source",
            PartKind::Agency => "agency",
            PartKind::Deadline => "deadline",
            PartKind::Parameter => "parameters",
            PartKind::Rule => "rule",
            PartKind::Guarantee => "guarantee",
            PartKind::Term => "term",
            PartKind::Aid => "aid",
            PartKind::Referrals => "referrals",
            PartKind::ReferralState => "referral_state",
        }
    }

    /// Returns the word shown to users.
    pub fn title(self) -> Text {
        match self {
            PartKind::Source => Text::new("出处", "source"),
            PartKind::Agency => Text::new("机构", "agency"),
            PartKind::Deadline => Text::new("期限", "deadline"),
            PartKind::Parameter => Text::new("参数", "parameter"),
            PartKind::Rule => Text::new("规则", "rule"),
            PartKind::Guarantee => Text::new("保证", "guarantee"),
            PartKind::Term => Text::new("术语", "term"),
            PartKind::Aid => Text::new("救助项目", "aid"),
            PartKind::Referrals => Text::new("转介表", "table of referrals"),
            PartKind::ReferralState => Text::new("转介状态", "referral state"),
        }
    }
}

/// What a layer does to a part of a layer below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It writes the part anew.
    Replaced,
    /// It writes some keys of the part anew.
    Amended,
    /// It adds to a guarantee.
    Widened,
    /// It leaves the part out.
    Dropped,
    /// It sets a parameter.
    Set,
}

impl ChangeKind {
    /// Returns the word used in JSON answers.
    pub fn name(self) -> &'static str {
        match self {
            ChangeKind::Replaced => "replaced",
            ChangeKind::Amended => "amended",
            ChangeKind::Widened => "widened",
            ChangeKind::Dropped => "dropped",
            ChangeKind::Set => "set",
        }
    }

    /// Returns the word shown to users.
    pub fn title(self) -> Text {
        match self {
            ChangeKind::Replaced => Text::new("替换", "replaced"),
            ChangeKind::Amended => Text::new("修改", "amended"),
            ChangeKind::Widened => Text::new("扩大", "widened"),
            ChangeKind::Dropped => Text::new("删去", "dropped"),
            ChangeKind::Set => Text::new("设定", "set"),
        }
    }
}

/// A change of a part by a layer.
#[derive(Clone, Debug)]
pub struct Change {
    /// The number of the layer, from 0 for the lowest.
    pub layer: usize,
    /// What it does.
    pub kind: ChangeKind,
    /// Why; empty for parameters.
    pub because: String,
    /// Where.
    pub at: Spot,
}

/// Where a part comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The number of the layer that first has the part, from 0 for the lowest.
    pub layer: usize,
    /// Where it is first written.
    pub at: Spot,
    /// What later layers made of it, the lowest first.
    pub changes: Vec<Change>,
}

/// A part that a layer leaves out.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// What it was.
    pub part: PartKind,
    /// Its id.
    pub id: String,
    /// Where it came from; the last change says who dropped it and why.
    pub origin: Origin,
}

/// The layers of a policy, and the origin of each part.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// The layers, the lowest first.
    pub layers: Vec<Layer>,
    /// The origin of each part with an id.
    pub parts: BTreeMap<(PartKind, String), Origin>,
    /// The parts that a layer leaves out.
    pub dropped: Vec<Dropped>,
}

impl Origins {
    /// Returns the origin of a part.
    pub fn of(&self, part: PartKind, id: &str) -> Option<&Origin> {
        self.parts.get(&(part, id.to_owned()))
    }
}
