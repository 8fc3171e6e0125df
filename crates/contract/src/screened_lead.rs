//! Screened leads: what the centre tells the procuratorate. References only, no token.

/// One case row that led to a lead, and the outcomes that did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseEvidence {
    /// The index of the row in the case table.
    pub reference: usize,
    /// Rules that were yes: those the aid's `qualifies` names, and every
    /// exclusion and priority rule.
    pub yes: Vec<String>,
    /// Rules of the same set that were unknown, so that a person must look.
    pub unknown: Vec<String>,
    /// The case row qualifies only if an unknown outcome turns out as yes.
    pub needs_review: bool,
}

/// A lead: one person who appears to qualify for one aid and was not referred
/// to it, with every case row that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenedLead {
    /// The aid's id in the policy.
    pub aid: String,
    /// The case rows, in the order of their references; never empty.
    pub cases: Vec<CaseEvidence>,
    /// Whether the person already receives the aid could not be verified: the
    /// export is absent or stale, or the row that would tell is incomplete.
    pub receipt_not_verified: bool,
    /// Whether the person was referred before could not be verified.
    pub referral_not_verified: bool,
}
