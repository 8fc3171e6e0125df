//! Screening: finds the persons who appear to qualify for an aid, do not
//! receive it, and were not referred to it.
//!
//! The unit is the case row. It combines its own outcomes with the person's
//! outcomes in the registers. Case rows that qualify the same person for the
//! same aid are then merged into one lead.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;

use aidlink_contract::grade::{Grade, Judgement};
use aidlink_contract::outcome::Outcome;
use aidlink_contract::screened_lead::{
    CaseEvidence, CaseNotJudged, NotJudged, NotVerified, Provisional, ReceivedAid, ScreenedLead,
};
use aidlink_contract::token_table::{CaseTable, Origin, RegisterTable, TableFault};
use aidlink_faults::text::Text;
use aidlink_office::round::{RoundTerms, Thresholds};
use aidlink_policy::pack::{Aid, CASE_EXPORT, Policy, Rule, RuleKind};

use crate::join::JoinedRegister;

/// The terms of a round that screening needs.
#[derive(Clone, Debug)]
pub struct ScreeningTerms {
    /// The as-of date.
    pub as_of: Date,
    /// The limits of the round.
    pub thresholds: Thresholds,
    /// Exports that the policy uses and that the round file leaves out for a reason.
    pub not_joined: BTreeSet<String>,
    /// Whether the procuratorate asks who of those whom it referred receives the aid. The terms
    /// of a round do not say so: its referrals do, if they come from its register.
    pub asks_who_receives: bool,
}

impl ScreeningTerms {
    /// Extracts the screening terms from a round's terms.
    pub fn of(terms: &RoundTerms) -> Self {
        ScreeningTerms {
            as_of: terms.as_of,
            thresholds: terms.thresholds,
            not_joined: terms
                .not_joined
                .iter()
                .map(|left| left.export.clone())
                .collect(),
            asks_who_receives: false,
        }
    }

    /// Returns whether a snapshot is too old at the as-of date: it cannot verify who receives an
    /// aid.
    pub fn is_stale(&self, snapshot: Date) -> bool {
        self.thresholds.is_stale(self.as_of, snapshot)
    }
}

/// The result of screening.
#[derive(Clone, Debug, Default)]
pub struct Screening {
    /// The leads, ordered by their first reference, then by the policy's order
    /// of aids.
    pub leads: Vec<ScreenedLead>,
    /// The persons without a lead of whom neither side of some aid is known, ordered by
    /// their first reference.
    pub not_judged: Vec<NotJudged>,
    /// For each register, the number of tokens that match a case party and the
    /// number that do not.
    pub matched: BTreeMap<String, (u64, u64)>,
    /// Exports that the policy uses but that are absent or stale.
    pub not_verified_by: BTreeMap<String, NotVerified>,
    /// The persons who were referred to an aid and receive it, ordered as the leads; `None` if
    /// nobody asks.
    pub received: Option<Vec<ReceivedAid>>,
}

/// Why tables could not be screened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScreenError {
    /// An export was tokenised for another round or as-of date than the case
    /// parties, or with another policy, key or algorithm.
    Differs {
        /// The export that must be sent again.
        export: String,
        /// What differs.
        what: Text,
    },
    /// There are two tables of one export.
    Twice {
        /// The export.
        export: String,
    },
    /// A table violates its contract.
    Table {
        /// The export.
        export: String,
        /// The violation.
        fault: TableFault,
    },
    /// The outcome columns of a table do not match the rules of the policy.
    Rules {
        /// The export.
        export: String,
    },
}

impl ScreenError {
    /// Returns the message for a user.
    pub fn text(&self) -> Text {
        match self {
            ScreenError::Differs { export, what } => Text::new(
                format!("{export} 的令牌文件的{}与案件当事人的不同", what.zh),
                format!(
                    "{export} was tokenised with a different {} than the case parties",
                    what.en
                ),
            ),
            ScreenError::Twice { export } => Text::new(
                format!("{export} 有两份令牌表"),
                format!("there are two token tables of {export}"),
            ),
            ScreenError::Table { export, fault } => {
                let fault = fault.text();
                Text::new(
                    format!("{export}：{}", fault.zh),
                    format!("{export}: {}", fault.en),
                )
            }
            ScreenError::Rules { export } => Text::new(
                format!("{export} 的令牌表与规则文件中的规则不一致"),
                format!("the token table of {export} does not match the rules of the policy"),
            ),
        }
    }
}

/// Screens the case parties against registers in memory.
///
/// # Errors
/// When the tables cannot be screened together; see [`ScreenError`].
pub fn screen(
    policy: &Policy,
    terms: &ScreeningTerms,
    cases: &CaseTable,
    registers: &[RegisterTable],
) -> Result<Screening, ScreenError> {
    let joined = registers.iter().map(|register| {
        JoinedRegister::of_table(cases, register).map_err(|fault| ScreenError::Table {
            export: register.origin().export.clone(),
            fault,
        })
    });
    let joined: Vec<JoinedRegister> = joined.collect::<Result<_, _>>()?;
    screen_joined(policy, terms, cases, &joined)
}

/// Screens the case parties against registers that were joined with them.
///
/// # Errors
/// When the tables cannot be screened together; see [`ScreenError`].
pub fn screen_joined(
    policy: &Policy,
    terms: &ScreeningTerms,
    cases: &CaseTable,
    registers: &[JoinedRegister],
) -> Result<Screening, ScreenError> {
    check_tables(policy, cases, registers)?;
    let candidates = Candidates::new(policy, cases, registers);
    let origins = registers.iter().map(JoinedRegister::origin);
    let snapshots = origins.map(|origin| (origin.export.as_str(), origin.snapshot));
    let not_verified_by = not_verified(policy, terms, &snapshots.collect());
    let matched = registers
        .iter()
        .map(|register| {
            let figures = (register.matched(), register.unmatched());
            (register.origin().export.clone(), figures)
        })
        .collect();
    let verdicts = candidates.verdicts(policy, &not_verified_by);
    let mut by_person_and_aid: BTreeMap<(usize, usize), ScreenedLead> = BTreeMap::new();
    let mut open = OpenRows::new();
    for (aid_index, (aid, verdicts)) in policy.aids.iter().zip(verdicts).enumerate() {
        let shown = rules_shown(policy, aid);
        for (reference, verdict) in verdicts {
            let first = candidates.first_reference[reference];
            let Judgement::Lead(grade) = verdict.judgement else {
                open.entry(reference).or_default().push(aid_index);
                continue;
            };
            let lead = by_person_and_aid
                .entry((first, aid_index))
                .or_insert_with(|| ScreenedLead {
                    aid: aid.id.clone(),
                    cases: Vec::new(),
                    receipt_not_verified: false,
                    referral_not_verified: false,
                });
            lead.receipt_not_verified |= verdict.receipt_not_verified;
            lead.referral_not_verified |= verdict.referral_not_verified;
            lead.cases
                .push(candidates.evidence(&shown, reference, grade));
        }
    }
    let found: BTreeSet<usize> = by_person_and_aid.keys().map(|(first, _)| *first).collect();
    open.retain(|reference, _| !found.contains(&candidates.first_reference[*reference]));
    let received = terms.asks_who_receives.then(|| {
        let is_lead =
            |person_and_aid: &(usize, usize)| by_person_and_aid.contains_key(person_and_aid);
        candidates.received(policy, &not_verified_by, &is_lead)
    });
    Ok(Screening {
        received,
        leads: by_person_and_aid.into_values().collect(),
        not_judged: candidates.not_judged(policy, &open),
        matched,
        not_verified_by,
    })
}

/// Returns why the lists of a round are provisional. `reject_rates` holds the
/// reject rate of each screened export, the case parties first.
pub fn provisional(
    terms: &ScreeningTerms,
    reject_rates: &[(&str, f64)],
    case_snapshot: Date,
    not_verified_by: &BTreeMap<String, NotVerified>,
) -> Vec<Provisional> {
    let rates = reject_rates
        .iter()
        .filter(|(_, rate)| *rate > terms.thresholds.reject_rate)
        .map(|(export, rate)| Provisional::RejectRate {
            export: (*export).to_owned(),
            rate: *rate,
        });
    let stale = |export: &str| Provisional::Stale {
        export: export.to_owned(),
    };
    let stale_cases = terms.is_stale(case_snapshot).then(|| stale(CASE_EXPORT));
    let registers = not_verified_by
        .iter()
        .filter_map(|(export, reason)| match reason {
            NotVerified::Stale => Some(stale(export)),
            NotVerified::Absent => Some(Provisional::Absent {
                export: export.clone(),
            }),
            NotVerified::NotJoined => None,
        });
    rates.chain(stale_cases).chain(registers).collect()
}

fn check_tables(
    policy: &Policy,
    cases: &CaseTable,
    registers: &[JoinedRegister],
) -> Result<(), ScreenError> {
    let reference = cases.origin();
    let mut seen = BTreeSet::from([reference.export.clone()]);
    let tables = registers
        .iter()
        .map(|register| (register.origin(), register.outcomes()))
        .chain([(reference, cases.outcomes())]);
    for (origin, outcomes) in tables {
        if let Some(what) = difference(reference, origin, policy) {
            return Err(ScreenError::Differs {
                export: origin.export.clone(),
                what,
            });
        }
        let expected = policy.outcome_rules(&origin.export).map(|rule| &rule.id);
        if !expected.eq(outcomes.0.iter().map(|(id, _)| id)) {
            return Err(ScreenError::Rules {
                export: origin.export.clone(),
            });
        }
    }
    for register in registers {
        if !seen.insert(register.origin().export.clone()) {
            return Err(ScreenError::Twice {
                export: register.origin().export.clone(),
            });
        }
    }
    Ok(())
}

fn difference(reference: &Origin, origin: &Origin, policy: &Policy) -> Option<Text> {
    if origin.round != reference.round {
        Some(Text::new("轮次", "round"))
    } else if origin.as_of != reference.as_of {
        Some(Text::new("基准日", "as-of date"))
    } else if origin.policy_digest != policy.digest {
        Some(Text::new("规则文件", "policy"))
    } else if origin.key_id != reference.key_id {
        Some(Text::new("密钥", "key"))
    } else if origin.algorithm != reference.algorithm {
        Some(Text::new("令牌算法", "token algorithm"))
    } else {
        None
    }
}

/// Returns the registers that the policy uses and that cannot verify receipt or referral.
/// `snapshots` are those of the registers that came.
pub fn not_verified(
    policy: &Policy,
    terms: &ScreeningTerms,
    snapshots: &BTreeMap<&str, Date>,
) -> BTreeMap<String, NotVerified> {
    let used = policy.registers_used().into_iter();
    used.filter_map(|export| {
        let reason = match snapshots.get(export) {
            None if terms.not_joined.contains(export) => NotVerified::NotJoined,
            None => NotVerified::Absent,
            Some(snapshot) if terms.is_stale(*snapshot) => NotVerified::Stale,
            Some(_) => return None,
        };
        Some((export.to_owned(), reason))
    })
    .collect()
}

/// The case rows by which an aid could not be judged, each with the places of these aids
/// in the policy.
type OpenRows = BTreeMap<usize, Vec<usize>>;

/// The case rows with the outcomes of every rule, both their own and those of
/// their persons in the registers.
struct Candidates {
    /// For each case row, the first row of the same person.
    first_reference: Vec<usize>,
    alike: AlikeRows,
    outcomes: BTreeMap<String, Vec<Outcome>>,
}

/// The judgement of a case row for an aid to which the person was not referred and which
/// the person does not receive.
#[derive(Clone, Copy)]
struct Verdict {
    judgement: Judgement,
    receipt_not_verified: bool,
    referral_not_verified: bool,
}

impl Candidates {
    /// Combines the case rows with their persons' outcomes in the registers. A
    /// person who is not in a register has "no" for its rules. If the register
    /// itself is absent or stale, `settled` and `referred` treat its rules as
    /// unknown.
    fn new(policy: &Policy, cases: &CaseTable, registers: &[JoinedRegister]) -> Self {
        let tokens = cases.tokens();
        let mut outcomes: BTreeMap<String, Vec<Outcome>> = policy
            .rules
            .iter()
            .filter(|rule| rule.kind != RuleKind::Withhold)
            .map(|rule| (rule.id.clone(), vec![Outcome::No; tokens.len()]))
            .collect();
        for (rule, column) in &cases.outcomes().0 {
            outcomes.insert(rule.clone(), column.clone());
        }
        for register in registers {
            for (rule, column) in &register.outcomes().0 {
                let Some(joined) = outcomes.get_mut(rule) else {
                    continue;
                };
                for (rows, outcome) in register.case_rows().iter().zip(column) {
                    joined[rows.clone()].fill(*outcome);
                }
            }
        }
        let mut first_reference: Vec<usize> = Vec::with_capacity(tokens.len());
        for (reference, token) in tokens.iter().enumerate() {
            let first = match reference.checked_sub(1) {
                Some(before) if tokens[before] == *token => first_reference[before],
                _ => reference,
            };
            first_reference.push(first);
        }
        Candidates {
            first_reference,
            alike: AlikeRows::of(tokens.len(), &outcomes),
            outcomes,
        }
    }

    /// Returns, for each aid of the policy, the case rows that are leads for it or could
    /// not be judged.
    fn verdicts(
        &self,
        policy: &Policy,
        not_verified_by: &BTreeMap<String, NotVerified>,
    ) -> Vec<Vec<(usize, Verdict)>> {
        let unverified = unverified(policy, not_verified_by);
        // Few patterns of outcomes occur, and each is evaluated once.
        let of_aid = |aid: &Aid| {
            let verdicts = self.alike.each(|row| self.verdict(aid, row, &unverified));
            let rows = self.alike.kind_of_row.iter().enumerate();
            let rows = rows.filter_map(|(row, kind)| Some((row, verdicts[*kind]?)));
            rows.collect()
        };
        policy.aids.iter().map(of_aid).collect()
    }

    /// Returns the outcome of a rule for one case row. A rule that is in no table is
    /// unknown.
    fn outcome(&self, rule: &str, row: usize) -> Outcome {
        let outcomes = self.outcomes.get(rule);
        outcomes.map_or(Outcome::Unknown, |outcomes| outcomes[row])
    }

    /// Evaluates an aid for one case row; `None` if the row is certainly not a lead.
    fn verdict(&self, aid: &Aid, row: usize, unverified: &BTreeSet<&str>) -> Option<Verdict> {
        let outcome = |rule: &str| self.outcome(rule, row);
        let verified = |rule: &str| match unverified.contains(rule) {
            true => Outcome::Unknown,
            false => outcome(rule),
        };
        let judgement = aid.judge(&outcome);
        if judgement == Judgement::NoLead {
            return None;
        }
        let settled = aid.settled.as_ref();
        let settled = settled.map_or(Outcome::No, |settled| settled.outcome(&verified));
        let referred = aid.referred.outcome(&verified);
        let is_open = settled != Outcome::Yes && referred != Outcome::Yes;
        is_open.then_some(Verdict {
            judgement,
            receipt_not_verified: settled.is_open(),
            referral_not_verified: referred.is_open(),
        })
    }

    /// Returns the persons who were referred to an aid and receive it, each once for an aid.
    /// What an absent or stale register says does not count, and nothing that is not certain
    /// does. Of a person who is a lead for the aid by another case row, nothing is said.
    fn received(
        &self,
        policy: &Policy,
        not_verified_by: &BTreeMap<String, NotVerified>,
        is_lead: &impl Fn(&(usize, usize)) -> bool,
    ) -> Vec<ReceivedAid> {
        let is_receipt = |rule: &str| {
            let on = policy.rule(rule).map(|rule| rule.on.as_str());
            policy.is_receipt(rule) && on.is_some_and(|on| !not_verified_by.contains_key(on))
        };
        let receipts = policy.rules.iter().filter(|rule| is_receipt(&rule.id));
        let receipts: BTreeSet<&str> = receipts.map(|rule| rule.id.as_str()).collect();
        let unverified: BTreeSet<&str> = unverified(policy, not_verified_by);
        let mut received: BTreeMap<(usize, usize), ReceivedAid> = BTreeMap::new();
        for (place, aid) in policy.aids.iter().enumerate() {
            let by = self.alike.each(|row| {
                let outcome = |rule: &str| self.outcome(rule, row);
                let verified = |rule: &str| match unverified.contains(rule) {
                    true => Outcome::Unknown,
                    false => outcome(rule),
                };
                // The procuratorate's own statement, however old.
                if aid.referred.outcome(&outcome) != Outcome::Yes {
                    return None;
                }
                aid.received_by(&verified, &|rule| receipts.contains(rule))
            });
            for (row, kind) in self.alike.kind_of_row.iter().enumerate() {
                let person_and_aid = (self.first_reference[row], place);
                let Some(rule) = by[*kind] else {
                    continue;
                };
                if received.contains_key(&person_and_aid) || is_lead(&person_and_aid) {
                    continue;
                }
                let one = ReceivedAid {
                    aid: aid.id.clone(),
                    reference: row,
                    rule: rule.to_owned(),
                };
                received.insert(person_and_aid, one);
            }
        }
        received.into_values().collect()
    }

    /// Returns the persons of the open rows.
    fn not_judged(&self, policy: &Policy, open: &OpenRows) -> Vec<NotJudged> {
        let rests_on: Vec<_> = policy.aids.iter().map(Aid::rests_on).collect();
        let unknown_rules = |row: usize, aids: &[usize]| -> Vec<String> {
            let is_named = |rule: &&Rule| {
                let mut aids = aids.iter();
                aids.any(|aid| rests_on[*aid].contains(rule.id.as_str()))
            };
            let rules = policy.rules.iter().filter(is_named);
            let unknown = rules.filter(|rule| self.outcome(&rule.id, row) == Outcome::Unknown);
            unknown.map(|rule| rule.id.clone()).collect()
        };
        let mut known: HashMap<usize, Vec<String>> = HashMap::new();
        let mut persons = Vec::new();
        let rows: Vec<_> = open.iter().collect();
        let is_same = |one: &(&usize, _), next: &(&usize, _)| {
            self.first_reference[*one.0] == self.first_reference[*next.0]
        };
        for rows in rows.chunk_by(is_same) {
            let aids: BTreeSet<usize> = rows.iter().flat_map(|(_, aids)| *aids).copied().collect();
            let cases = rows.iter().map(|(row, aids)| {
                let unknown = known.entry(self.alike.kind_of_row[**row]);
                CaseNotJudged {
                    reference: **row,
                    unknown: unknown
                        .or_insert_with(|| unknown_rules(**row, aids))
                        .clone(),
                }
            });
            persons.push(NotJudged {
                cases: cases.collect(),
                aids: aids
                    .iter()
                    .map(|aid| policy.aids[*aid].id.clone())
                    .collect(),
            });
        }
        persons
    }

    /// Returns the outcomes of the shown rules for one case row.
    fn evidence(&self, shown: &[&Rule], reference: usize, grade: Grade) -> CaseEvidence {
        let mut evidence = CaseEvidence {
            reference,
            yes: Vec::new(),
            indicated: Vec::new(),
            unknown: Vec::new(),
            grade,
        };
        // Where both sides are established, other grounds and evidence need no clarifying.
        let is_open = |rule: &Rule| {
            grade != Grade::Established
                || matches!(rule.kind, RuleKind::Exclusion | RuleKind::Priority)
        };
        for rule in shown {
            match self.outcomes.get(&rule.id).map(|column| column[reference]) {
                Some(Outcome::Yes) => evidence.yes.push(rule.id.clone()),
                Some(Outcome::Indicated) => evidence.indicated.push(rule.id.clone()),
                Some(Outcome::Unknown) if is_open(rule) => evidence.unknown.push(rule.id.clone()),
                Some(Outcome::Unknown | Outcome::No) | None => {}
            }
        }
        evidence
    }
}

/// Returns the rules on an absent or stale export: they cannot verify receipt or referral.
fn unverified<'p>(
    policy: &'p Policy,
    not_verified_by: &BTreeMap<String, NotVerified>,
) -> BTreeSet<&'p str> {
    let rules = policy.rules.iter();
    let rules = rules.filter(|rule| not_verified_by.contains_key(&rule.on));
    rules.map(|rule| rule.id.as_str()).collect()
}

/// The case rows by kind: those of a kind have the same outcomes.
struct AlikeRows {
    /// Kinds are numbered from 0.
    kind_of_row: Vec<usize>,
    /// The first row of each kind.
    first: Vec<usize>,
}

impl AlikeRows {
    /// Begins with one kind, and divides the kinds by one rule after another.
    fn of(rows: usize, outcomes: &BTreeMap<String, Vec<Outcome>>) -> Self {
        let mut kind_of_row = vec![0; rows];
        let mut first: Vec<usize> = (0..rows.min(1)).collect();
        for column in outcomes.values() {
            // Most rules have one outcome for all.
            if column.iter().all(|outcome| column.first() == Some(outcome)) {
                continue;
            }
            let mut divided: Vec<[Option<usize>; Outcome::ALL.len()]> =
                vec![[None; Outcome::ALL.len()]; first.len()];
            first.clear();
            for (row, (kind, outcome)) in kind_of_row.iter_mut().zip(column).enumerate() {
                let next = &mut divided[*kind][usize::from(outcome.code())];
                *kind = *next.get_or_insert_with(|| {
                    first.push(row);
                    first.len() - 1
                });
            }
        }
        AlikeRows { kind_of_row, first }
    }

    /// Evaluates the first row of each kind.
    fn each<T>(&self, of_row: impl FnMut(usize) -> T) -> Vec<T> {
        self.first.iter().copied().map(of_row).collect()
    }
}

/// Returns the rules whose outcomes a person at the procuratorate must see: the
/// rules that the lead rests on, and every exclusion and priority rule.
fn rules_shown<'p>(policy: &'p Policy, aid: &Aid) -> Vec<&'p Rule> {
    let named = aid.rests_on();
    policy
        .rules
        .iter()
        .filter(|rule| {
            named.contains(rule.id.as_str())
                || matches!(rule.kind, RuleKind::Exclusion | RuleKind::Priority)
        })
        .collect()
}

#[cfg(test)]
mod tests;
